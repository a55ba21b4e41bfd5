/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions in float64, on row-major arrays. */
#ifndef CLEAT_REFERENCE_REDUCE_H
#define CLEAT_REFERENCE_REDUCE_H

#include "reference/reference_elementwise.h"
#include <cleat/reduce.h>

/* y and magnitude (the same of the absolute values) have extent 1 on the reduced axes. Returns how
 * many elements went into each. */
int64_t reference_reduce(cleat_reduction_kind kind, const reference_array *x, const bool *reduced,
    double *y, double *magnitude);

/* y, dy of the reduced shape. */
void reference_reduce_backward(cleat_reduction_kind kind, const reference_array *x,
    const bool *reduced, const double *y, const double *dy, double *dx);

#endif
