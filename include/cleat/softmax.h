/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_SOFTMAX_H
#define CLEAT_SOFTMAX_H

#include <cleat/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * y = exp(x - max) / sum(exp(x - max)) along one axis (negative ones count from the end); f32, f16
 * or bf16, or f64 on a device that has it (else CLEAT_UNSUPPORTED), same types and shapes; y may be
 * x itself. f16 and bf16 are computed with in f32 and rounded once, on processors by way of f32 in
 * scratch memory; so do the others here. A row of only -Inf (fully masked) gives zeros; +Inf or NaN
 * in a row give NaN.
 */
CLEAT_API cleat_status cleat_softmax(
    cleat_context *context, cleat_tensor x, int32_t axis, cleat_tensor y);

/* y = x - max - log(sum(exp(x - max))). A row of only -Inf gives -Inf. y may be x itself. */
CLEAT_API cleat_status cleat_log_softmax(
    cleat_context *context, cleat_tensor x, int32_t axis, cleat_tensor y);

/* dx = y * (dy - sum(y * dy)), y the output of cleat_softmax. dx may be dy or y itself. */
CLEAT_API cleat_status cleat_softmax_backward(
    cleat_context *context, cleat_tensor y, cleat_tensor dy, int32_t axis, cleat_tensor dx);

/* dx = dy - exp(y) * sum(dy), y the output of cleat_log_softmax. dx may be dy or y itself. */
CLEAT_API cleat_status cleat_log_softmax_backward(
    cleat_context *context, cleat_tensor y, cleat_tensor dy, int32_t axis, cleat_tensor dx);

/* Names of the variants of all four, for the tuning table ("softmax"; $CLEAT_SOFTMAX forces one).
 * Ends with NULL; static storage. */
CLEAT_API const char *const *cleat_softmax_variants(void);

#ifdef __cplusplus
}
#endif

#endif
