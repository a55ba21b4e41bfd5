/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax and log-softmax along one axis in float64, on row-major arrays. magnitude: what rounding
 * errors are relative to. */
#ifndef CLEAT_REFERENCE_SOFTMAX_H
#define CLEAT_REFERENCE_SOFTMAX_H

#include "reference/reference_elementwise.h"
#include <cleat/softmax.h>

void reference_softmax(
    bool logarithm, const reference_array *x, int32_t axis, double *y, double *magnitude);

void reference_softmax_backward(bool logarithm, const reference_array *y, const double *dy,
    int32_t axis, double *dx, double *magnitude);

#endif
