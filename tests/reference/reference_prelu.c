/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_prelu.h"
#include <math.h>

void reference_prelu(const reference_array *x, const reference_array *slope, double *y) {
    for (int64_t i = 0; i < reference_count(x); i++) {
        const int64_t s = reference_broadcast_index(slope, x->rank, x->shape, i);
        y[i] = x->data[i] < 0 ? slope->data[s] * x->data[i] : x->data[i];
    }
}

void reference_prelu_gradient(const reference_array *x, const reference_array *slope,
    const double *dy, double *dx, double *dslope, double *magnitude) {
    for (int64_t i = 0; i < reference_count(slope); i++) {
        dslope[i] = magnitude[i] = 0;
    }
    for (int64_t i = 0; i < reference_count(x); i++) {
        const int64_t s = reference_broadcast_index(slope, x->rank, x->shape, i);
        const double term = x->data[i] <= 0 ? dy[i] * x->data[i] : 0;
        dx[i] = x->data[i] <= 0 ? dy[i] * slope->data[s] : dy[i];
        dslope[s] += term;
        magnitude[s] += fabs(term);
    }
}
