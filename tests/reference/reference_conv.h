/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolutions over up to three axes of space, and their transposes, in float64, straight from the
 * formulas of include/cleat/conv.h. Both are sums over the same products: `large` is the side that
 * windows lie in, x of a convolution and y of a transposed one; `small` has an element for each
 * window. Axes of space that are not there have extent 1.
 */
#ifndef CLEAT_TESTS_REFERENCE_CONV_H
#define CLEAT_TESTS_REFERENCE_CONV_H

#include <stdint.h>

typedef struct reference_conv {
    int64_t large[5], w[5], small[5]; /* [n, c, d, h, w], [channels of small, of a group of large,
                                         kd, kh, kw] */
    int64_t stride[3], before[3], dilation[3], groups;
} reference_conv;

/* All tensors row-major. magnitude: the sum of |a||b| behind each element of the result. */
void reference_conv_small(const reference_conv *c, const double *large, const double *w,
    double *small, double *magnitude);
void reference_conv_large(const reference_conv *c, const double *small, const double *w,
    double *large, double *magnitude);
void reference_conv_weights(const reference_conv *c, const double *large, const double *small,
    double *w, double *magnitude);

int64_t reference_conv_count(const int64_t shape[5]);

#endif
