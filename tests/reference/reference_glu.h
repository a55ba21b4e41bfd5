/* SPDX-License-Identifier: Apache-2.0 */
/* Gated linear units in float64, on row-major arrays. x is [outer, 2, inner]: the halves along an
 * axis of which `outer` elements come before and `inner` of a half with what comes after. */
#ifndef CLEAT_REFERENCE_GLU_H
#define CLEAT_REFERENCE_GLU_H

#include <cleat/activation.h>

typedef struct reference_glu {
    cleat_activation gate;
    const float *parameters; /* two, or NULL */
    bool gate_first;
    int64_t outer, inner;
    const double *x;
} reference_glu;

void reference_glu_value(const reference_glu *g, double *y);

/* dx, and of each of its elements what multiplies the derivative or value of the gate. */
void reference_glu_gradient(const reference_glu *g, const double *dy, double *dx, double *factor);

#endif
