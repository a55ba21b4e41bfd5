/* SPDX-License-Identifier: Apache-2.0 */
/* A checked convolution as its variants see it. */
#ifndef CLEAT_OPS_CONV2D_PROBLEM_H
#define CLEAT_OPS_CONV2D_PROBLEM_H

#include "core/matrix_unit.h"
#include "core/packed.h"
#include "core/variant.h"
#include "ops/activation_table.h"
#include "ops/conv_geometry.h"
#include <cleat/conv.h>

enum { ROWS = 0, COLUMNS = 1 };

/* The third axis of space, outermost, where there is one; else all extents are 1. */
typedef struct conv2d_depth {
    int64_t x, w, y;                      /* extents */
    int64_t x_stride, w_stride, y_stride; /* elements */
    int64_t stride, before, dilation;
} conv2d_depth;

typedef struct conv2d_problem {
    const char *operation; /* the caller's: "conv2d", "conv_transpose1d", ... */
    cleat_conv2d_direction direction;
    /* Operands by their place in y = conv2d(x, w): gradients stand where their tensors stand. */
    cleat_tensor x; /* [n, groups * group_channels, h, w] */
    cleat_tensor w; /* [groups * group_outputs, group_channels, kh, kw] */
    cleat_tensor y; /* [n, groups * group_outputs, oh, ow] */
    int64_t stride[2], padding[4], dilation[2];
    bool deep;        /* has a depth: for variants that say so */
    bool over_images; /* as conv2d_over_images() makes it */
    conv2d_depth depth;
    int64_t groups, group_channels, group_outputs;
    /* Forward, and to the data where that is what a transposed convolution is; then not both of
     * them and accumulate. The bias has an element for each channel of the result. */
    const cleat_tensor *bias;
    cleat_tensor
        residual; /* of y's shape; without a buffer: none. Not deep, see conv2d_residual.c */
    chosen_activation activation;
    const cleat_packed *packed_w; /* has panels of w for as many groups; or NULL; forward only */
    const cleat_packed *packed_windows; /* has w transformed for gpu_winograd; as packed_w */
    const matrix_unit *unit;            /* that may compute it, and in which mode; NULL: none */
    matrix_mode mode;
    bool accumulate;
    bool winograd; /* allowed */
    bool sparse; /* forward, many elements of x are said to be 0; backward, most of y, a gradient */
    bool index64; /* some operand reaches past 2^31 elements */
} conv2d_problem;

/* A call as its caller means it; what it comes to is a convolution in one direction. */
typedef struct conv_call {
    const char *operation;
    int axes; /* of space: 1 to 3 */
    bool transposed;
    cleat_conv2d_direction direction; /* of the convolution */
    cleat_tensor x, w, y;             /* by their places in the convolution */
    conv_windows windows;
    const cleat_conv2d_options *options; /* all but those of windows; not NULL */
} conv_call;

/* Checks everything and fills in the problem: it is fit to run when this returns CLEAT_OK. */
cleat_status conv_check(cleat_context *context, const conv_call *call, conv2d_problem *problem);

/* An image of each: [n, c, l] becomes [n, c, 1, l], [n, c, d, h, w] loses its axis d; rank 4 stays.
 */
void conv2d_as_images(cleat_tensor *t);

/* Checks, chooses a variant, enqueues. */
cleat_status conv_run(cleat_context *context, const conv_call *call);

/* Whether a variant adds the problem's residual in its own pass. */
bool conv2d_adds_residual(const device_profile *profile, const conv_call *call,
    const conv2d_problem *problem, const variant *chosen);
/* The call without its residual, then a pass that adds it and activates; not of 16 bits. */
cleat_status conv2d_add_apart(cleat_context *context, const conv_call *call);

/* The gradient of a bias; dy has `axes` axes of space. */
cleat_status conv_backward_bias(cleat_context *context, const char *operation, int axes,
    const cleat_tensor *dy, const cleat_tensor *db, bool accumulate);

/* Twice the number of products. */
double conv2d_flop(const conv2d_problem *problem);
/* Bytes of x, w and y, each once. */
double conv2d_bytes(const conv2d_problem *problem);

/* Every extent is above 0, and extents, strides and padding are so far inside an int that sums and
 * small products of them are too: what the tiled variants ask for. */
bool conv2d_is_int_sized(const conv2d_problem *problem);

/* launch_index for each number of a tensor of rank 4: offset, then strides. */
void conv2d_launch_layout(launch *l, const cleat_tensor *x);

/* Strides of x, w and y along the depth; then its numbers: extents of x, y and w, stride, before,
 * dilation. */
void conv2d_launch_depth_strides(launch *l, const conv2d_problem *problem);
void conv2d_launch_depth(launch *l, const conv2d_problem *problem);

/* The problem as one over images: those of y's depths count as images of their own, of x as of y,
 * and each channel of w counts once for each of w's depths. The numbers of the depth stay. As it is
 * where conv2d_is_int_sized() does not hold. */
conv2d_problem conv2d_over_images(const conv2d_problem *problem);

/* One of several forward convolutions that a call consists of; y_memory, if not NULL, stands in for
 * y's buffer. Padding may be negative here. */
typedef struct conv2d_part {
    conv2d_problem problem; /* deep: over images */
    void *y_memory;
    int64_t w_group; /* elements from a group's weights to the next's */
} conv2d_part;

/* All of them through conv2d_cpu_panel.cl, then `after` if it is not NULL. */
cleat_status conv2d_cpu_panel_parts(
    cleat_context *context, const conv2d_part *parts, int count, const launch *after);

/* ---- Variants ---- */
bool conv2d_plain_supports(const device_profile *profile, const void *problem);
cleat_status conv2d_plain(cleat_context *context, const void *problem);
cleat_status conv3d_plain(cleat_context *context, const void *problem); /* deep ones */

bool conv2d_cpu_panel_supports(const device_profile *profile, const void *problem);
cleat_status conv2d_cpu_panel(cleat_context *context, const void *problem); /* forward */

bool conv2d_cpu_panel_data_supports(const device_profile *profile, const void *problem);
cleat_status conv2d_cpu_panel_backward_data(cleat_context *context, const void *problem);

bool conv2d_cpu_rows_supports(const device_profile *profile, const void *problem);
cleat_status conv2d_cpu_rows(cleat_context *context, const void *problem); /* forward and data */
/* Whether cpu_rows is supported, and faster than cpu_panel. */
bool conv2d_rows_pay(const device_profile *profile, const conv2d_problem *problem);

bool conv2d_cpu_supports(const device_profile *profile, const void *problem);
cleat_status conv2d_cpu_forward(cleat_context *context, const void *problem);
cleat_status conv2d_cpu_backward_data(cleat_context *context, const void *problem);

bool conv2d_cpu_weights_supports(const device_profile *profile, const void *problem);
cleat_status conv2d_cpu_backward_weights(cleat_context *context, const void *problem);

bool conv2d_cpu_sparse_data_supports(const device_profile *profile, const void *problem);
cleat_status conv2d_cpu_sparse_data(cleat_context *context, const void *problem); /* and forward */

bool conv2d_cpu_sparse_weights_supports(const device_profile *profile, const void *problem);
cleat_status conv2d_cpu_sparse_weights(cleat_context *context, const void *problem);
/* Whether cpu_sparse is asked for, supported, and likely to be faster than the others. */
bool conv2d_sparse_pays(const device_profile *profile, const conv2d_problem *problem);

bool conv2d_cpu_depthwise_supports(const device_profile *profile, const void *problem);
cleat_status conv2d_cpu_depthwise(cleat_context *context, const void *problem);

bool conv2d_cpu_depthwise_weights_supports(const device_profile *profile, const void *problem);
cleat_status conv2d_cpu_depthwise_weights(cleat_context *context, const void *problem);

bool conv2d_cpu_channels_last_supports(const device_profile *profile, const void *problem);
cleat_status conv2d_cpu_channels_last(cleat_context *context, const void *problem); /* forward */

bool conv2d_cpu_channels_last_depthwise_supports(
    const device_profile *profile, const void *problem);
cleat_status conv2d_cpu_channels_last_depthwise(cleat_context *context, const void *problem);

bool conv2d_gpu_depthwise_supports(const device_profile *profile, const void *problem);
cleat_status conv2d_gpu_depthwise(cleat_context *context, const void *problem); /* and data */
bool conv2d_gpu_depthwise_weights_supports(const device_profile *profile, const void *problem);
cleat_status conv2d_gpu_depthwise_weights(cleat_context *context, const void *problem);

bool conv2d_gpu_pointwise_supports(const device_profile *profile, const void *problem);
cleat_status conv2d_gpu_pointwise(cleat_context *context, const void *problem);
/* The same of any type, by another of matmul's variants. */
bool conv2d_is_pointwise(const device_profile *profile, const conv2d_problem *problem);
bool conv2d_is_flat(const cleat_tensor *t); /* its rows go on where those before end */
typedef cleat_status conv2d_product_function(cleat_context *context, const void *product);
cleat_status conv2d_pointwise_by(
    cleat_context *context, const conv2d_problem *problem, conv2d_product_function *by);

bool conv2d_gpu_supports(const device_profile *profile, const void *problem);
cleat_status conv2d_gpu(cleat_context *context, const void *problem);

bool conv2d_gpu_units_supports(const device_profile *profile, const void *problem);
cleat_status conv2d_gpu_units(cleat_context *context, const void *problem);

static inline int64_t max_of(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static inline int64_t min_of(int64_t a, int64_t b) {
    return a < b ? a : b;
}

#endif
