/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_ELEMENTWISE_H
#define CLEAT_ELEMENTWISE_H

#include <cleat/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * y = a op b, element by element, f32. a and b are broadcast to y's shape by the rule of NumPy and
 * ONNX; y's shape must be the full one. y may be a or b itself (the same view). Division by zero
 * and overflow follow IEEE 754; division is correctly rounded where the device's is, else within
 * the 2.5 ulp OpenCL allows.
 */
CLEAT_API cleat_status cleat_add(
    cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y);
CLEAT_API cleat_status cleat_sub(
    cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y);
CLEAT_API cleat_status cleat_mul(
    cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y);
CLEAT_API cleat_status cleat_div(
    cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y);

/*
 * y = x + bias along one axis: bias is [x.shape[axis]]; f32; y may be x itself. A negative axis
 * counts from the end. The gradient for the bias is cleat_reduce(CLEAT_REDUCE_SUM) over the other
 * axes.
 */
CLEAT_API cleat_status cleat_bias_add(
    cleat_context *context, cleat_tensor x, cleat_tensor bias, int32_t axis, cleat_tensor y);

/*
 * Gradients of y = a op b with dy of y's shape: da has a's shape, db has b's; gradients of
 * broadcast elements are summed. Either of da, db may be NULL when not wanted. da and db must
 * overlap nothing.
 */
typedef enum cleat_binary { CLEAT_ADD, CLEAT_SUB, CLEAT_MUL, CLEAT_DIV } cleat_binary;

CLEAT_API cleat_status cleat_binary_backward(cleat_context *context, cleat_binary operation,
    cleat_tensor a, cleat_tensor b, cleat_tensor dy, const cleat_tensor *da,
    const cleat_tensor *db);

#ifdef __cplusplus
}
#endif

#endif
