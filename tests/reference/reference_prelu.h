/* SPDX-License-Identifier: Apache-2.0 */
/* Leaky relu with a tensor of slopes in float64; slope is broadcast to x. */
#ifndef CLEAT_REFERENCE_PRELU_H
#define CLEAT_REFERENCE_PRELU_H

#include "reference/reference_elementwise.h"

void reference_prelu(const reference_array *x, const reference_array *slope, double *y);

/* dslope, and the sums of the absolute values of its terms. */
void reference_prelu_gradient(const reference_array *x, const reference_array *slope,
    const double *dy, double *dx, double *dslope, double *magnitude);

#endif
