/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions of the graph: what their nodes tell, and their sums on the host. */
#ifndef CLEAT_GRAPH_CONV_SUMS_H
#define CLEAT_GRAPH_CONV_SUMS_H

#include "graph/windows.h"
#include <cleat/conv.h>

/* Attributes of Cleat's own, 1 where many elements of x are 0, and most of dy (<cleat/conv.h>);
 * rules of gradients set them. */
#define CONV_SPARSE_X "cleat_sparse_x"
#define CONV_SPARSE_DY "cleat_sparse_dy"

typedef struct conv_shape {
    windows windows;
    int64_t groups;
    int32_t rank;
    int64_t x[CLEAT_MAX_RANK], w[CLEAT_MAX_RANK], y[CLEAT_MAX_RANK];
    int64_t output_padding[WINDOW_AXES]; /* of ConvTranspose */
} conv_shape;

/* A convolution of inputs `x` and `w` of the node. */
cleat_status conv_shape_read(const call *c, size_t x, size_t w, conv_shape *s);
/* The same of a ConvTranspose, inputs 0 and 1. */
cleat_status conv_transposed_shape_read(const call *c, conv_shape *s);
/* What the library's operations over one, two or three axes are to know of it. */
cleat_conv1d_options conv_options_1d(const conv_shape *s);
cleat_conv2d_options conv_options_2d(const conv_shape *s);
cleat_conv3d_options conv_options_3d(const conv_shape *s);
/* y = the sums of products, without bias. Integers up to 2^53 come out exact. */
void conv_sums(const conv_shape *s, const double *x, const double *w, double *y);

#endif
