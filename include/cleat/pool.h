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
 * ONNX MaxPool / AveragePool (opset 12 / 11) without dilation and ceil mode. f32, or f64 on a
 * device that has it (else CLEAT_UNSUPPORTED), any strides; so have all pools and unpooling. All
 * but unpooling take f16 and bf16 too, by way of f32 in scratch memory. padding must be smaller
 * than the window on each side, so that no window lies outside of x.
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

/*
 * ---- Over one, two or three axes, with dilation and more ----
 * x is [N, C, L], [N, C, H, W] or [N, C, D, H, W]; its rank tells how many axes there are, and each
 * array below has an entry an axis, outermost first. ONNX MaxPool (opset 12), AveragePool (opset
 * 19), GlobalMaxPool, GlobalAveragePool; PyTorch's adaptive pools. Along an axis of L elements
 * window o holds the elements of x among
 *
 *     o * stride - padding before + k * dilation,  k = 0 .. window - 1
 *
 * and there are O = floor((L + padding before + padding behind - span) / stride) + 1 of them, with
 * span = (window - 1) * dilation + 1. Padding on either side is less than the span.
 *
 * ceil_mode: rounded up instead, but the last window must begin in x or in the padding before it.
 * count_padding: an average counts the places in the padding, too, but never any beyond it.
 * global: one window, all of x; window, stride, padding, dilation and ceil_mode are not read.
 * adaptive: as many windows as y has elements, whatever their number (1 or more); window o holds
 *   floor(o * L / O) .. ceil((o + 1) * L / O) - 1; the fields that global leaves out are not read.
 * A window that holds no element of x, as dilation can make it: the largest is -Inf, the mean 0.
 *
 * Where they suffice, and the windows lie as they do without ceil_mode, the kernels of the
 * functions above do the work (adaptive: where L is a multiple of O).
 */
typedef struct cleat_pool_options {
    int64_t window[3];   /* required, >= 1 */
    int64_t stride[3];   /* 0 means the window's extent */
    int64_t padding[6];  /* before each axis, then behind each axis (ONNX's order): for one axis the
                            first two, for two the first four */
    int64_t dilation[3]; /* 0 means 1 */
    bool ceil_mode, count_padding, global, adaptive;
    /* Max, forward: the place of each window's largest element goes here, too; i64, of y's shape,
     * or NULL. The place counts x's elements in row-major order, whatever its strides, through all
     * of x as ONNX has it; the first one among equals, -1 for an empty window. */
    const cleat_tensor *indices;
    bool plane_indices; /* places count from the start of each image's channel, as PyTorch's do */
    double power;       /* L-p: p, 1 or more; 0 means 2 */
    uint64_t reserved[5];
} cleat_pool_options;

/* y_shape has `rank` extents, 3 to 5. CLEAT_INVALID_ARGUMENT for adaptive: any shape will do. */
CLEAT_API cleat_status cleat_pool_shape(
    int32_t rank, const int64_t *x_shape, const cleat_pool_options *options, int64_t *y_shape);

/* y = largest element of each window; NaN wins. */
CLEAT_API cleat_status cleat_max_pool(
    cleat_context *context, cleat_tensor x, cleat_tensor y, const cleat_pool_options *options);

/* dx as for cleat_max_pool2d_backward(); options->indices is not read. */
CLEAT_API cleat_status cleat_max_pool_backward(cleat_context *context, cleat_tensor x,
    cleat_tensor dy, cleat_tensor dx, const cleat_pool_options *options);

/* y = mean of each window over the elements inside x (or see count_padding). */
CLEAT_API cleat_status cleat_average_pool(
    cleat_context *context, cleat_tensor x, cleat_tensor y, const cleat_pool_options *options);

CLEAT_API cleat_status cleat_average_pool_backward(
    cleat_context *context, cleat_tensor dy, cleat_tensor dx, const cleat_pool_options *options);

/*
 * y = (sum of |x|^p)^(1/p) over the elements of each window inside x, 0 where there is none; p is
 * options->power. ONNX LpPool (opset 18), GlobalLpPool (opset 2). The powers and their sum are
 * formed in x's type and may overflow in f32: |x| up to some 1e19 for p = 2, 1e9 for p = 4.
 * count_padding and indices are not read.
 */
CLEAT_API cleat_status cleat_lp_pool(
    cleat_context *context, cleat_tensor x, cleat_tensor y, const cleat_pool_options *options);

/* dx = sign(x) |x|^(p - 1) times the sum of dy y^(1 - p) over the windows that hold x, windows with
 * y = 0 giving nothing; y is the forward result. dx must not overlap the others. */
CLEAT_API cleat_status cleat_lp_pool_backward(cleat_context *context, cleat_tensor x,
    cleat_tensor y, cleat_tensor dy, cleat_tensor dx, const cleat_pool_options *options);

/*
 * ONNX MaxUnpool (opset 11): y = 0, but y[indices[i]] = x[i]; x [N, C, ...], indices i64 of x's
 * shape, y [N, C, ...] of the same rank. Places count y's elements as those of cleat_max_pool()
 * count x's. Of several x with one place the last wins; a place outside the image's channel is
 * passed over. Of the options, which may be NULL, only plane_indices is read.
 */
CLEAT_API cleat_status cleat_max_unpool(cleat_context *context, cleat_tensor x,
    cleat_tensor indices, cleat_tensor y, const cleat_pool_options *options);

/* dx[i] = dy[indices[i]], 0 for a place outside. */
CLEAT_API cleat_status cleat_max_unpool_backward(cleat_context *context, cleat_tensor dy,
    cleat_tensor indices, cleat_tensor dx, const cleat_pool_options *options);

#ifdef __cplusplus
}
#endif

#endif
