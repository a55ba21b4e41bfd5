/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling over three axes of space in double precision, row-major, element by element, straight
 * from include/cleat/pool.h. Axes that are not there have extent 1. */
#ifndef CLEAT_TESTS_REFERENCE_WINDOW_H
#define CLEAT_TESTS_REFERENCE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

typedef struct reference_window {
    int64_t x[5], y[5];
    int64_t window[3], stride[3], before[3], after[3], dilation[3];
    bool adaptive, count_padding, plane_indices;
} reference_window;

int64_t reference_window_count(const int64_t shape[5]);

/* places: as options->indices. */
void reference_window_max(const reference_window *p, const double *x, double *y, int64_t *places);
/* magnitude[i]: the sum of absolute values that result i is made of. */
void reference_window_average(
    const reference_window *p, const double *x, double *y, double *magnitude);
/* places: room for as many as y has elements. */
void reference_window_max_backward(const reference_window *p, const double *x, const double *dy,
    int64_t *places, double *dx, double *magnitude);
void reference_window_average_backward(
    const reference_window *p, const double *dy, double *dx, double *magnitude);

/* L-p pooling; exponent is p. */
void reference_window_power(
    const reference_window *p, double exponent, const double *x, double *y, double *magnitude);
/* y: the forward result. */
void reference_window_power_backward(const reference_window *p, double exponent, const double *x,
    const double *y, const double *dy, double *dx, double *magnitude);

#endif
