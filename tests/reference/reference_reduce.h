/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions in float64, on row-major arrays. */
#ifndef CLEAT_REFERENCE_REDUCE_H
#define CLEAT_REFERENCE_REDUCE_H

#include "reference/reference_elementwise.h"
#include <cleat/reduce.h>

/*
 * y has extent 1 on the reduced axes. Returns how many elements went into each. magnitude is what
 * an error of one rounding of each element, or of each partial result, is measured by: the sum of
 * absolute values; of products and roots the result; of log-sum-exp 3 and the result; of variances
 * the result times its condition number, sqrt(1 + mean^2 / variance).
 */
int64_t reference_reduce(cleat_reduction_kind kind, const reference_array *x, const bool *reduced,
    int64_t correction, double *y, double *magnitude);

/* y, dy of the reduced shape; magnitude: how large the numbers are that dx is the difference of. */
void reference_reduce_backward(cleat_reduction_kind kind, const reference_array *x,
    const bool *reduced, int64_t correction, const double *y, const double *dy, double *dx,
    double *magnitude);

/* Where the greatest or smallest is, in row-major order of the reduced axes. */
void reference_arg(
    const reference_array *x, const bool *reduced, bool smallest, bool last, int64_t *place);

#endif
