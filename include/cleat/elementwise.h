/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_ELEMENTWISE_H
#define CLEAT_ELEMENTWISE_H

#include <cleat/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * y = a op b, element by element; a, b and y of one type: any but bool (f64 takes a device with
 * fp64, else CLEAT_UNSUPPORTED; f16 and bf16 are computed with in f32, and rounded once). a and b
 * are broadcast to y's shape by the rule of NumPy and ONNX; y's shape must be the full one. y may
 * be a or b itself (the same view).
 *
 * Floating point: division by zero and overflow follow IEEE 754; division of f32 is correctly
 * rounded where the device's is, else within the 2.5 ulp OpenCL allows. Integers wrap around (two's
 * complement); division rounds towards zero as ONNX Div does, and division by 0 gives 0.
 */
CLEAT_API cleat_status cleat_add(
    cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y);
CLEAT_API cleat_status cleat_sub(
    cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y);
CLEAT_API cleat_status cleat_mul(
    cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y);
CLEAT_API cleat_status cleat_div(
    cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y);

/* The smaller and the larger of both, as above; NaN if either is (ONNX Min, Max, NumPy). */
CLEAT_API cleat_status cleat_min(
    cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y);
CLEAT_API cleat_status cleat_max(
    cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y);

/* y = a to the power of b, as above; f32 (within 8 ulp), f64, f16 and bf16. Special values as C99
 * has them: 1 for b = 0 and for a = 1, whatever the other is, NaN for a < 0 and b no whole number.
 */
CLEAT_API cleat_status cleat_pow(
    cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y);

/* y = a - b floor(a / b), as above; i32, i64, u8. The sign is b's, as of Python's % and ONNX Mod; 0
 * for b = 0. */
CLEAT_API cleat_status cleat_mod(
    cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y);

/*
 * y = x + bias along one axis: bias is [x.shape[axis]]; all f32, f64, f16 or bf16; y may be x
 * itself. A negative axis counts from the end. The gradient for the bias is
 * cleat_reduce(CLEAT_REDUCE_SUM) over the other axes.
 */
CLEAT_API cleat_status cleat_bias_add(
    cleat_context *context, cleat_tensor x, cleat_tensor bias, int32_t axis, cleat_tensor y);

/*
 * Gradients of y = a op b with dy of y's shape, all f32, f64, f16 or bf16: da has a's shape, db has
 * b's; gradients of broadcast elements are summed. Either of da, db may be NULL when not wanted. da
 * and db must overlap nothing.
 *
 *     pow         da = dy b a^(b - 1), 0 where b = 0
 *                 db = dy a^b log a, 0 where a = 0 and b >= 0, NaN where a < 0
 *     min, max    to the operand that was taken, half to each where they are equal, to both where
 *                 one is NaN
 *
 * as PyTorch has them (tools/autograd/derivatives.yaml, version 1.13).
 */
typedef enum cleat_binary {
    CLEAT_ADD,
    CLEAT_SUB,
    CLEAT_MUL,
    CLEAT_DIV,
    CLEAT_POW,
    CLEAT_MIN,
    CLEAT_MAX
} cleat_binary;

CLEAT_API cleat_status cleat_binary_backward(cleat_context *context, cleat_binary operation,
    cleat_tensor a, cleat_tensor b, cleat_tensor dy, const cleat_tensor *da,
    const cleat_tensor *db);

#ifdef __cplusplus
}
#endif

#endif
