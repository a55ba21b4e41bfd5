/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between whole numbers and real ones, as ONNX's QuantizeLinear and DequantizeLinear have it, in
 * one pass over memory. What graphs use. Operands are broadcast to y's shape; any strides; y
 * overlaps none of them. Errors: as of element-wise operations.
 */
#ifndef CLEAT_OPS_QUANTIZE_H
#define CLEAT_OPS_QUANTIZE_H

#include "core/status.h"
#include <cleat/tensor.h>

typedef struct quantization {
    const cleat_tensor *bias;   /* i32, of an x of whole numbers; NULL: 0 */
    const cleat_tensor *factor; /* f32; NULL: 1 */
    const cleat_tensor *scale;  /* f32 */
    const cleat_tensor *zero;   /* of y's type; NULL: 0 */
} quantization;

/* y = round((x + bias) factor / scale) + zero, to nearest even, out of range to y's nearest end,
 * NaN to 0. x: f32 or i32; y: i8, u8, i16 or u16. */
cleat_status quantize_run(
    cleat_context *context, cleat_tensor x, const quantization *q, cleat_tensor y);

/* y = (x - zero) scale, f32. x: i8, u8, i16, u16 or i32; zero (NULL: 0): of x's type; scale (NULL:
 * 1): f32. */
cleat_status dequantize_run(cleat_context *context, cleat_tensor x, const cleat_tensor *scale,
    const cleat_tensor *zero, cleat_tensor y);

#endif
