/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_LAYOUT_H
#define CLEAT_LAYOUT_H

#include <cleat/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Moving elements about: any type, any strides; bits are moved as they are. Outputs overlap
 * nothing. A negative axis counts from the end. Definitions are those of the ONNX operators named
 * (opset 18). What takes no more than another view is a view, as in tensor.h, and moves nothing.
 */

/*
 * y = the inputs one behind the other along `axis`: `count` (at least 1) tensors of one type whose
 * shapes differ in that axis alone; y's extent there is their sum. ONNX Concat. The gradient of
 * each input is its part of dy: cleat_split().
 */
CLEAT_API cleat_status cleat_concat(cleat_context *context, int32_t count,
    const cleat_tensor *inputs, int32_t axis, cleat_tensor y);

/*
 * outputs[i] = sizes[i] elements of x along `axis`, behind those of outputs[i - 1]: views of x,
 * which move nothing. The sizes add up to x's extent; sizes NULL: `count` parts, each of
 * ceil(extent / count) but for the last, shorter one (ONNX Split). A view that is to be a tensor of
 * its own: cleat_copy(). The gradient is cleat_concat().
 */
CLEAT_API cleat_status cleat_split(
    cleat_tensor x, int32_t axis, int32_t count, const int64_t *sizes, cleat_tensor *outputs);

typedef enum cleat_pad_mode {
    CLEAT_PAD_CONSTANT = 0,
    CLEAT_PAD_EDGE,   /* the nearest element of x */
    CLEAT_PAD_REFLECT /* mirrored about the first and the last element, which are not repeated */
} cleat_pad_mode;

typedef struct cleat_pad_options {
    cleat_pad_mode mode;
    double value; /* of CLEAT_PAD_CONSTANT; as cleat_fill() takes it */
    uint64_t reserved[4];
} cleat_pad_options;

/*
 * y = x with before[i] elements added in front of axis i and after[i] behind it, x.rank numbers
 * each; negative ones cut off. ONNX Pad. Reflected elements must exist: at most extent - 1 of what
 * is left of x; the edge of nothing is refused too (CLEAT_INVALID_ARGUMENT). y's shape is x's with
 * those added.
 */
CLEAT_API cleat_status cleat_pad(cleat_context *context, cleat_tensor x, const int64_t *before,
    const int64_t *after, cleat_tensor y, const cleat_pad_options *options);

/*
 * The gradient: dx of x's shape, f32 or f64; each element of dy is added to the element that it was
 * moved from; dx is 0 where the padding cut elements off. Edge and reflect use a scratch tensor of
 * dy's size.
 */
CLEAT_API cleat_status cleat_pad_backward(cleat_context *context, cleat_tensor dy,
    const int64_t *before, const int64_t *after, cleat_tensor dx, const cleat_pad_options *options);

/*
 * y = x repeated: repeats[i] times along axis i, x.rank numbers, each at least 0; ONNX Tile.
 * CLEAT_UNSUPPORTED where the axes of x, and those again that are repeated, are more than
 * CLEAT_MAX_RANK (axes of extent 1 do not count).
 */
CLEAT_API cleat_status cleat_tile(
    cleat_context *context, cleat_tensor x, const int64_t *repeats, cleat_tensor y);

/* The gradient: dx, f32, f64, f16 or bf16, is the sum of dy's repetitions, in a fixed order. */
CLEAT_API cleat_status cleat_tile_backward(
    cleat_context *context, cleat_tensor dy, const int64_t *repeats, cleat_tensor dx);

/* How the channels of a block are numbered. */
typedef enum cleat_depth_order {
    CLEAT_DEPTH_COLUMN_ROW = 0, /* "DCR": channel (row * block + column) * C + c */
    CLEAT_COLUMN_ROW_DEPTH      /* "CRD": channel (c * block + row) * block + column */
} cleat_depth_order;

/*
 * x [N, C block^2, H, W], y [N, C, H block, W block]: y[n, c, h block + row, w block + column] is
 * of x's place h, w the channel that cleat_depth_order tells. ONNX DepthToSpace. The gradient is
 * cleat_space_to_depth() in the same order.
 */
CLEAT_API cleat_status cleat_depth_to_space(
    cleat_context *context, cleat_tensor x, int64_t block, cleat_depth_order order, cleat_tensor y);

/* The inverse: x [N, C, H block, W block], y [N, C block^2, H, W]. ONNX SpaceToDepth is DCR. The
 * gradient is cleat_depth_to_space() in the same order. */
CLEAT_API cleat_status cleat_space_to_depth(
    cleat_context *context, cleat_tensor x, int64_t block, cleat_depth_order order, cleat_tensor y);

#ifdef __cplusplus
}
#endif

#endif
