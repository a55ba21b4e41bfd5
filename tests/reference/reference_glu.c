/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_glu.h"
#include "reference/reference_activation.h"
#include <math.h>

/* Where element i of half 0 (the value) or 1 (the gate) of row o is. */
static int64_t place(const reference_glu *g, int64_t o, int half, int64_t i) {
    const int64_t which = g->gate_first ? 1 - half : half;
    return (o * 2 + which) * g->inner + i;
}

void reference_glu_value(const reference_glu *g, double *y) {
    for (int64_t o = 0; o < g->outer; o++) {
        for (int64_t i = 0; i < g->inner; i++) {
            y[o * g->inner + i] =
                g->x[place(g, o, 0, i)] *
                reference_activation(g->gate, g->x[place(g, o, 1, i)], g->parameters);
        }
    }
}

void reference_glu_gradient(const reference_glu *g, const double *dy, double *dx, double *factor) {
    for (int64_t o = 0; o < g->outer; o++) {
        for (int64_t i = 0; i < g->inner; i++) {
            const double d = dy[o * g->inner + i];
            const double a = g->x[place(g, o, 0, i)];
            const double b = g->x[place(g, o, 1, i)];
            factor[place(g, o, 0, i)] = fabs(d);
            factor[place(g, o, 1, i)] = fabs(d * a);
            dx[place(g, o, 0, i)] = d * reference_activation(g->gate, b, g->parameters);
            dx[place(g, o, 1, i)] =
                d * a * reference_activation_derivative(g->gate, b, g->parameters);
        }
    }
}
