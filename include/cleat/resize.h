/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_RESIZE_H
#define CLEAT_RESIZE_H

#include <cleat/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum cleat_resize_mode {
    CLEAT_RESIZE_NEAREST = 0,
    CLEAT_RESIZE_LINEAR, /* bilinear over the two axes */
    CLEAT_RESIZE_CUBIC   /* bicubic: convolution with Keys' kernel (1981) */
} cleat_resize_mode;

/* Where along an axis of n elements element o of m lies. */
typedef enum cleat_resize_coordinates {
    CLEAT_HALF_PIXEL = 0,     /* (o + 1/2) n / m - 1/2 */
    CLEAT_PYTORCH_HALF_PIXEL, /* the same, but 0 for m = 1 */
    CLEAT_ALIGN_CORNERS,      /* o (n - 1) / (m - 1), 0 for m = 1 */
    CLEAT_ASYMMETRIC          /* o n / m */
} cleat_resize_coordinates;

/* Which element is the nearest. */
typedef enum cleat_resize_rounding {
    CLEAT_ROUND_PREFER_FLOOR = 0, /* of two that are equally near the first */
    CLEAT_ROUND_PREFER_CEIL,
    CLEAT_ROUND_FLOOR,
    CLEAT_ROUND_CEIL
} cleat_resize_rounding;

typedef struct cleat_resize_options {
    cleat_resize_mode mode;
    cleat_resize_coordinates coordinates;
    cleat_resize_rounding rounding; /* of CLEAT_RESIZE_NEAREST */
    float cubic_coefficient;        /* a of CLEAT_RESIZE_CUBIC; 0 means -0.75 */
    uint64_t reserved[4];
} cleat_resize_options;

/*
 * y = x [.., H, W] at another size [.., M, N]: ONNX Resize (opset 13) of the last two axes, the
 * sizes given, without antialiasing; f32, f16 or bf16 (both by way of f32 in scratch memory), or
 * f64 on a device that has it (else CLEAT_UNSUPPORTED);
 * rank 2 to 8, the other axes equal, any strides. Elements outside of x are those of its edge.
 * Coordinates are exact fractions; their distances to elements are rounded once, to the tensors'
 * type. Extents of the two axes are below 2^30, and 0 in x only where it is in y. PyTorch's
 * interpolate without scale factors: nearest is CLEAT_ASYMMETRIC with CLEAT_ROUND_FLOOR, bilinear
 * and bicubic are CLEAT_HALF_PIXEL, or CLEAT_ALIGN_CORNERS.
 */
CLEAT_API cleat_status cleat_resize(
    cleat_context *context, cleat_tensor x, cleat_tensor y, const cleat_resize_options *options);

/* The gradient: dx of x's shape; each element sums what it gave, in a fixed order. */
CLEAT_API cleat_status cleat_resize_backward(
    cleat_context *context, cleat_tensor dy, cleat_tensor dx, const cleat_resize_options *options);

#ifdef __cplusplus
}
#endif

#endif
