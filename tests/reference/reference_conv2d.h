/* SPDX-License-Identifier: Apache-2.0 */
/* 2-D convolution in float64, straight from the formulas of include/cleat/conv.h. */
#ifndef CLEAT_TESTS_REFERENCE_CONV2D_H
#define CLEAT_TESTS_REFERENCE_CONV2D_H

#include <stdint.h>

typedef struct reference_conv2d {
    int64_t x[4], w[4], y[4]; /* shapes */
    int64_t stride[2], padding[4], dilation[2], groups;
} reference_conv2d;

/* All tensors row-major. A result's magnitude, sum of |a||b| behind each element, may be NULL. */
void reference_conv2d_forward(const reference_conv2d *c, const double *x, const double *w,
    const double *bias, double *y, double *magnitude);
void reference_conv2d_data(
    const reference_conv2d *c, const double *dy, const double *w, double *dx, double *magnitude);
void reference_conv2d_weights(
    const reference_conv2d *c, const double *x, const double *dy, double *dw, double *magnitude);
void reference_conv2d_bias(
    const reference_conv2d *c, const double *dy, double *db, double *magnitude);

#endif
