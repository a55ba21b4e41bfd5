/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling in double precision, row-major, window by window. */
#ifndef CLEAT_TESTS_REFERENCE_POOL_H
#define CLEAT_TESTS_REFERENCE_POOL_H

#include <cleat/pool.h>

typedef struct reference_pool {
    int64_t shape[4], out_shape[4];
    int64_t window[2], stride[2], padding[4];
    bool count_padding;
} reference_pool;

/* Resolves the defaults; out_shape[2..3] counts the windows that fit, one by one. */
reference_pool reference_pool_make(const int64_t shape[4], const cleat_pool2d_options *options);

void reference_max_pool2d(const reference_pool *p, const double *x, double *y);

/* magnitude[i] is the sum of |dy| that dx[i] is made of. */
void reference_max_pool2d_backward(
    const reference_pool *p, const double *x, const double *dy, double *dx, double *magnitude);

void reference_average_pool2d(
    const reference_pool *p, const double *x, double *y, double *magnitude);

void reference_average_pool2d_backward(
    const reference_pool *p, const double *dy, double *dx, double *magnitude);

#endif
