/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_POOL_H
#define CLEAT_POOL_H

#include <cleat/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Windows over the last two axes of x [N, C, H, W]; y is [N, C, OH, OW] with
 *   OH = floor((H + padding[0] + padding[2] - window[0]) / stride[0]) + 1.
 * ONNX MaxPool / AveragePool (opset 12 / 11) without dilation and ceil mode. f32, any strides.
 * padding must be smaller than the window on each side, so that no window lies outside of x.
 */
typedef struct cleat_pool2d_options {
    int64_t window[2];  /* rows, columns; required, >= 1 */
    int64_t stride[2];  /* 0 means the window's extent */
    int64_t padding[4]; /* top, left, bottom, right */
    bool count_padding; /* average: divide by the window's size, not by the elements inside x */
    uint64_t reserved[4];
} cleat_pool2d_options;

CLEAT_API cleat_status cleat_pool2d_shape(
    const int64_t x_shape[4], const cleat_pool2d_options *options, int64_t y_shape[4]);

/* y = largest element of each window; NaN wins. */
CLEAT_API cleat_status cleat_max_pool2d(
    cleat_context *context, cleat_tensor x, cleat_tensor y, const cleat_pool2d_options *options);

/* dx: each window's dy goes to its largest element, the first one in row-major order among equals
 * (NaN counts as largest). x is the forward input. Deterministic: a gather, no atomics. */
CLEAT_API cleat_status cleat_max_pool2d_backward(cleat_context *context, cleat_tensor x,
    cleat_tensor dy, cleat_tensor dx, const cleat_pool2d_options *options);

/* y = mean of each window over the elements inside x (or see count_padding). */
CLEAT_API cleat_status cleat_average_pool2d(
    cleat_context *context, cleat_tensor x, cleat_tensor y, const cleat_pool2d_options *options);

CLEAT_API cleat_status cleat_average_pool2d_backward(
    cleat_context *context, cleat_tensor dy, cleat_tensor dx, const cleat_pool2d_options *options);

#ifdef __cplusplus
}
#endif

#endif
