/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_CONV_H
#define CLEAT_CONV_H

#include <cleat/activation.h>
#include <cleat/compute.h>
#include <cleat/packed.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * 2-D convolution as ONNX Conv (opset 11) and every deep-learning library define it: a
 * cross-correlation. With groups G, x is [N, C, H, W], w is [M, C/G, KH, KW], y is [N, M, OH, OW]:
 *
 *   y[n][m][oh][ow] = sum over c, kh, kw of
 *       x[n][g*C/G + c][oh*stride[0] - padding[0] + kh*dilation[0]]
 *                      [ow*stride[1] - padding[1] + kw*dilation[1]] * w[m][c][kh][kw]
 *
 * with g = m / (M/G), x outside its bounds counting as 0, and
 *   OH = floor((H + padding[0] + padding[2] - dilation[0]*(KH-1) - 1) / stride[0]) + 1.
 * All f32; or all f64 on a device that has it (else CLEAT_UNSUPPORTED), which goes by the variant
 * "plain_f64" alone; or all f16 or bf16, which matrix units take as they are; elsewhere they are
 * converted to f32 in scratch memory, a launch each, so that everything is computed in f32 by its
 * variants. The result is rounded once. Any strides (so NHWC data is a permuted view).
 *
 * A value of x (dy, going back to the data) that is not finite reaches exactly the results whose
 * sums hold it. One of the other operand may also reach those of its results whose window meets
 * padding only, since a variant may multiply it by padding's 0.
 *
 * options->sparse_dy tells, going backward, that most of dy is 0: three of four elements behind max
 * pooling with windows of 2 x 2, say; options->sparse_x, going forward, that of x a third is or
 * more, as behind relu. Then a product with such a 0 may be left out, which takes a fraction of the
 * time where there is a variant for it (processors, windows of 3 x 3, steps of 1 but for the
 * weights); so a value of the other operand that is not finite may not reach results through a 0.
 * Results are right whatever x and dy are; where too few are 0 it only takes longer.
 *
 * options->winograd allows, forward and backward to the data, Winograd's F(2 x 2, 3 x 3) (Lavin &
 * Gray, *Fast algorithms for convolutional neural networks*, 2016) for windows of 3 x 3 with steps
 * and dilation of 1: 16 products where there are 36, on GPUs where input and output channels are
 * many. It is never used without, since a result then depends on more than its own sum, namely on
 * the 4 x 4 elements that its tile of 2 x 2 results, from an even row and column on, is made of:
 *   - with K = C/G + 11 (to the data M/G + 11), u = 2^-24, an error of at most
 *         min(4 sqrt(K), K / (1 - K u)) u S + u |y|,
 *         S = |A^T| (sum over c of (|G| |w| |G^T|) * (|B^T| |x| |B|)) |A| + |bias|
 *     (with a residual K + 1, and its size in S)
 *     with the matrices of cl/conv2d_gpu_winograd.cl: up to 64 C/G max|x| max|w| where the sum of
 *     products itself is up to 9 (docs/numerics.md);
 *   - an element that is not finite, or so large that a sum of four overflows, may make all
 *     results of its tiles NaN.
 * Small integers come out exact.
 *
 * options->residual is added before the activation, as residual networks do: its shape stretches to
 * y's by the rule of NumPy. In the pass of the convolution where a variant can (forward, on GPUs as
 * a product, on processors where channels lie end to end in y and residual alike), else in a pass
 * of its own, with scratch memory as large as y where it is y; the sum is the same, and of 16 bits
 * rounded once as well.
 *
 * options->compute permits matrix units of graphics cards, at the cost of accuracy (compute.h), in
 * all three directions: k of its bound is the number of products behind a result, before bias,
 * activation and what is added to. Units of f32, which AMD has, serve calls that permit nothing as
 * well. f16 and bf16 go by units of their type, whatever is permitted, as they are. Where winograd
 * is allowed too, either may serve.
 */
typedef struct cleat_conv2d_options {
    int64_t stride[2];                  /* rows, columns; 0 means 1 */
    int64_t padding[4];                 /* top, left, bottom, right (ONNX's order), each >= 0 */
    int64_t dilation[2];                /* rows, columns; 0 means 1 */
    int64_t groups;                     /* 0 means 1 */
    const cleat_tensor *bias;           /* forward only: [M], or NULL */
    const cleat_tensor *residual;       /* forward only: y's type, broadcast to y's shape; may be y
                                           itself (the same view); or NULL */
    cleat_activation activation;        /* forward only, applied last */
    const float *activation_parameters; /* see activation.h; NULL: the defaults */
    bool accumulate;     /* backward only: add to the output instead of overwriting it */
    const char *variant; /* forces one of cleat_conv2d_variants(); NULL: $CLEAT_CONV2D (forward),
                            $CLEAT_CONV2D_BACKWARD_DATA, $CLEAT_CONV2D_BACKWARD_WEIGHTS, else the
                            tuning table */
    const cleat_packed *packed_w; /* forward only: w as cleat_conv2d_pack() prepared it; or NULL */
    int64_t output_padding[2];    /* rows, columns: of transposed convolution alone */
    bool sparse_x;                /* forward only: many elements of x are 0, as behind relu */
    bool sparse_dy;               /* backward only: most of dy is 0, as behind max pooling */
    bool winograd;                /* not to the weights: Winograd's algorithm is allowed */
    cleat_compute compute;        /* how exact; see compute.h. f64 is always strict. */
    uint64_t reserved[2];
} cleat_conv2d_options;

typedef enum cleat_conv2d_direction {
    CLEAT_CONV2D_FORWARD,
    CLEAT_CONV2D_BACKWARD_DATA,
    CLEAT_CONV2D_BACKWARD_WEIGHTS
} cleat_conv2d_direction;

/* Shape [N, M, OH, OW] of the result for inputs of these shapes. CLEAT_SHAPE_MISMATCH when they do
 * not fit, or the window is larger than the padded input. Data is not looked at. */
CLEAT_API cleat_status cleat_conv2d_shape(const int64_t x_shape[4], const int64_t w_shape[4],
    const cleat_conv2d_options *options, int64_t y_shape[4]);

/* y = activation(conv2d(x, w) + bias + residual). */
CLEAT_API cleat_status cleat_conv2d(cleat_context *context, cleat_tensor x, cleat_tensor w,
    cleat_tensor y, const cleat_conv2d_options *options);

/*
 * Packs w, as later calls will be given it together with as many groups (0 means 1), for
 * options.packed_w; see packed.h. Where the device's kernels read such, and a group's outputs fill
 * a vector register, w gets panels, which calls read whose x and y have their channels end to end
 * (stride[1] == 1, as NHWC); other calls use w itself. Only enqueues. The caller owns one reference
 * of *packed, which is left alone on failure. Errors: CLEAT_INVALID_ARGUMENT, CLEAT_TYPE_MISMATCH
 * (w is not f32), CLEAT_SHAPE_MISMATCH (rank, groups), CLEAT_SIZE_OVERFLOW,
 * CLEAT_OUT_OF_HOST_MEMORY, CLEAT_OUT_OF_DEVICE_MEMORY.
 */
CLEAT_API cleat_status cleat_conv2d_pack(
    cleat_context *context, cleat_tensor w, int64_t groups, cleat_packed **packed);

/* The same for calls with options.winograd: where those go by Winograd's algorithm w is kept
 * transformed, 16 numbers for a window's 9; elsewhere it is cleat_conv2d_pack(). */
CLEAT_API cleat_status cleat_conv2d_pack_winograd(
    cleat_context *context, cleat_tensor w, int64_t groups, cleat_packed **packed);

/* dx = gradient of sum(y * dy) with respect to x; shapes of y, w and x above. Overwrites dx, or
 * adds to it with options->accumulate. */
CLEAT_API cleat_status cleat_conv2d_backward_data(cleat_context *context, cleat_tensor dy,
    cleat_tensor w, cleat_tensor dx, const cleat_conv2d_options *options);

/* dw = gradient of sum(y * dy) with respect to w. Deterministic: no atomics. */
CLEAT_API cleat_status cleat_conv2d_backward_weights(cleat_context *context, cleat_tensor x,
    cleat_tensor dy, cleat_tensor dw, const cleat_conv2d_options *options);

/* db[m] = sum of dy[n][m][oh][ow] over n, oh, ow; db is [M]. Only options->accumulate matters. */
CLEAT_API cleat_status cleat_conv2d_backward_bias(
    cleat_context *context, cleat_tensor dy, cleat_tensor db, const cleat_conv2d_options *options);

/* Names of the variants of one direction, ending with NULL. Static storage. */
CLEAT_API const char *const *cleat_conv2d_variants(cleat_conv2d_direction direction);

/*
 * ---- 1-D: the same over one axis ----
 * x is [N, C, L], w is [M, C/G, K], y is [N, M, OL]. A convolution over images one row high: views,
 * nothing is copied, with the variants, speed and errors of the functions above.
 */
typedef struct cleat_conv1d_options {
    int64_t stride;     /* 0 means 1 */
    int64_t padding[2]; /* before the first element, behind the last, each >= 0 */
    int64_t dilation;   /* 0 means 1 */
    int64_t groups;     /* 0 means 1 */
    const cleat_tensor *bias;
    const cleat_tensor *residual;
    cleat_activation activation;
    const float *activation_parameters;
    bool accumulate;        /* these five, and the variants, as for conv2d */
    const char *variant;    /* of cleat_conv2d_variants() */
    int64_t output_padding; /* of transposed convolution alone */
    cleat_compute compute;  /* as for conv2d */
    uint64_t reserved[4];
} cleat_conv1d_options;

CLEAT_API cleat_status cleat_conv1d_shape(const int64_t x_shape[3], const int64_t w_shape[3],
    const cleat_conv1d_options *options, int64_t y_shape[3]);
CLEAT_API cleat_status cleat_conv1d(cleat_context *context, cleat_tensor x, cleat_tensor w,
    cleat_tensor y, const cleat_conv1d_options *options);
CLEAT_API cleat_status cleat_conv1d_backward_data(cleat_context *context, cleat_tensor dy,
    cleat_tensor w, cleat_tensor dx, const cleat_conv1d_options *options);
CLEAT_API cleat_status cleat_conv1d_backward_weights(cleat_context *context, cleat_tensor x,
    cleat_tensor dy, cleat_tensor dw, const cleat_conv1d_options *options);
CLEAT_API cleat_status cleat_conv1d_backward_bias(
    cleat_context *context, cleat_tensor dy, cleat_tensor db, const cleat_conv1d_options *options);

/*
 * ---- Transposed convolution ----
 * ONNX ConvTranspose (opset 11), PyTorch's conv_transpose: the gradient of a convolution to its
 * data, as an operation of its own. x is [N, C, H, W], w is [C, M/G, KH, KW], y is [N, M, OH, OW]:
 * each element of x adds w, times itself, to a window of y:
 *
 *   y[n][g*M/G + m][h*stride[0] - padding[0] + kh*dilation[0]]
 *                  [w*stride[1] - padding[1] + kw*dilation[1]]
 *       += x[n][c][h][w] * w[c][m][kh][kw]     for all c of group g, h, w, kh, kw
 *
 * with g = c / (C/G), what falls outside y left out, and
 *
 *   OH = (H - 1) * stride[0] + dilation[0]*(KH-1) + 1 + output_padding[0]
 *        - padding[0] - padding[2];
 *
 * output_padding, less than the stride or less than the dilation, adds rows and columns at the end.
 *
 * Forward is conv2d's backward to the data, by the variants of that direction, with bias [M] and
 * activation in the same pass, a residual in one of its own; backward to the data is conv2d
 * forward; backward to the weights is conv2d's with x and dy in each other's place. So it is as
 * fast as they are. The gradient of the bias is cleat_conv2d_backward_bias(). Errors as for conv2d;
 * the options packed_w: not read.
 */
CLEAT_API cleat_status cleat_conv_transpose2d_shape(const int64_t x_shape[4],
    const int64_t w_shape[4], const cleat_conv2d_options *options, int64_t y_shape[4]);
CLEAT_API cleat_status cleat_conv_transpose2d(cleat_context *context, cleat_tensor x,
    cleat_tensor w, cleat_tensor y, const cleat_conv2d_options *options);
CLEAT_API cleat_status cleat_conv_transpose2d_backward_data(cleat_context *context, cleat_tensor dy,
    cleat_tensor w, cleat_tensor dx, const cleat_conv2d_options *options);
CLEAT_API cleat_status cleat_conv_transpose2d_backward_weights(cleat_context *context,
    cleat_tensor x, cleat_tensor dy, cleat_tensor dw, const cleat_conv2d_options *options);

/* 1-D: x [N, C, L], w [C, M/G, K], y [N, M, OL]. */
CLEAT_API cleat_status cleat_conv_transpose1d_shape(const int64_t x_shape[3],
    const int64_t w_shape[3], const cleat_conv1d_options *options, int64_t y_shape[3]);
CLEAT_API cleat_status cleat_conv_transpose1d(cleat_context *context, cleat_tensor x,
    cleat_tensor w, cleat_tensor y, const cleat_conv1d_options *options);
CLEAT_API cleat_status cleat_conv_transpose1d_backward_data(cleat_context *context, cleat_tensor dy,
    cleat_tensor w, cleat_tensor dx, const cleat_conv1d_options *options);
CLEAT_API cleat_status cleat_conv_transpose1d_backward_weights(cleat_context *context,
    cleat_tensor x, cleat_tensor dy, cleat_tensor dw, const cleat_conv1d_options *options);

/*
 * ---- 3-D: the same over three axes ----
 * x is [N, C, D, H, W], w is [M, C/G, KD, KH, KW], y is [N, M, OD, OH, OW]. On processors one pass
 * of the 2-D kernels in which every depth of y is an image and every channel of the weights one for
 * each of their depths: so one sum of C/G * KD * KH * KW terms in a fixed order, bounded as such,
 * no copies of x, and no workspace but that of the 2-D functions (backward to the data with a
 * stride: as much as dx; to the weights: partial sums, at most 64 MiB). Where window, stride and
 * padding leave rows and columns alone it is a 2-D convolution over depths and pixels. Any strides,
 * so channels may come last; channels, and groups of few, have no kernels of their own here as in
 * 2-D.
 */
typedef struct cleat_conv3d_options {
    int64_t stride[3];   /* depth, rows, columns; 0 means 1 */
    int64_t padding[6];  /* before depth, rows, columns, then behind them, each >= 0 */
    int64_t dilation[3]; /* 0 means 1 */
    int64_t groups;      /* 0 means 1 */
    const cleat_tensor *bias;
    const cleat_tensor *residual; /* always in a pass of its own */
    cleat_activation activation;
    const float *activation_parameters;
    bool accumulate;           /* these five as for conv2d */
    const char *variant;       /* forces one of cleat_conv3d_variants(); NULL: $CLEAT_CONV3D,
                                  $CLEAT_CONV3D_BACKWARD_DATA, $CLEAT_CONV3D_BACKWARD_WEIGHTS, else
                                  the tuning table */
    int64_t output_padding[3]; /* of transposed convolution alone */
    cleat_compute compute;     /* as for conv2d */
    uint64_t reserved[4];
} cleat_conv3d_options;

CLEAT_API cleat_status cleat_conv3d_shape(const int64_t x_shape[5], const int64_t w_shape[5],
    const cleat_conv3d_options *options, int64_t y_shape[5]);
CLEAT_API cleat_status cleat_conv3d(cleat_context *context, cleat_tensor x, cleat_tensor w,
    cleat_tensor y, const cleat_conv3d_options *options);
CLEAT_API cleat_status cleat_conv3d_backward_data(cleat_context *context, cleat_tensor dy,
    cleat_tensor w, cleat_tensor dx, const cleat_conv3d_options *options);
CLEAT_API cleat_status cleat_conv3d_backward_weights(cleat_context *context, cleat_tensor x,
    cleat_tensor dy, cleat_tensor dw, const cleat_conv3d_options *options);
CLEAT_API cleat_status cleat_conv3d_backward_bias(
    cleat_context *context, cleat_tensor dy, cleat_tensor db, const cleat_conv3d_options *options);
CLEAT_API const char *const *cleat_conv3d_variants(cleat_conv2d_direction direction);

/* Transposed: x [N, C, D, H, W], w [C, M/G, KD, KH, KW], y [N, M, OD, OH, OW]. */
CLEAT_API cleat_status cleat_conv_transpose3d_shape(const int64_t x_shape[5],
    const int64_t w_shape[5], const cleat_conv3d_options *options, int64_t y_shape[5]);
CLEAT_API cleat_status cleat_conv_transpose3d(cleat_context *context, cleat_tensor x,
    cleat_tensor w, cleat_tensor y, const cleat_conv3d_options *options);
CLEAT_API cleat_status cleat_conv_transpose3d_backward_data(cleat_context *context, cleat_tensor dy,
    cleat_tensor w, cleat_tensor dx, const cleat_conv3d_options *options);
CLEAT_API cleat_status cleat_conv_transpose3d_backward_weights(cleat_context *context,
    cleat_tensor x, cleat_tensor dy, cleat_tensor dw, const cleat_conv3d_options *options);

#ifdef __cplusplus
}
#endif

#endif
