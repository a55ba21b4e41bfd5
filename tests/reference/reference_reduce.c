/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_reduce.h"
#include <math.h>

static reference_array reduced_array(const reference_array *x, const bool *reduced) {
    reference_array y = {.rank = x->rank};
    for (int32_t axis = 0; axis < x->rank; axis++) {
        y.shape[axis] = reduced[axis] ? 1 : x->shape[axis];
    }
    return y;
}

static int64_t reduced_count(const reference_array *x, const bool *reduced) {
    int64_t count = 1;
    for (int32_t axis = 0; axis < x->rank; axis++) {
        count *= reduced[axis] ? x->shape[axis] : 1;
    }
    return count;
}

int64_t reference_reduce(cleat_reduction_kind kind, const reference_array *x, const bool *reduced,
    double *y, double *magnitude) {
    reference_array out = reduced_array(x, reduced);
    int64_t outputs = reference_count(&out);
    int64_t terms = reduced_count(x, reduced);
    for (int64_t i = 0; i < outputs; i++) {
        y[i] = kind == CLEAT_REDUCE_MAX ? -(double)INFINITY : 0;
        magnitude[i] = 0;
    }
    for (int64_t i = 0; i < reference_count(x); i++) {
        int64_t place = reference_broadcast_index(&out, x->rank, x->shape, i);
        double v = x->data[i];
        if (kind != CLEAT_REDUCE_MAX) {
            y[place] += v;
        } else if (v > y[place] || isnan(v)) {
            y[place] = v;
        }
        magnitude[place] += fabs(v);
    }
    for (int64_t i = 0; kind == CLEAT_REDUCE_MEAN && i < outputs; i++) {
        y[i] /= (double)terms;
        magnitude[i] /= (double)terms;
    }
    return terms;
}

static bool matches(double v, double maximum) {
    return v == maximum || (isnan(v) && isnan(maximum));
}

void reference_reduce_backward(cleat_reduction_kind kind, const reference_array *x,
    const bool *reduced, const double *y, const double *dy, double *dx) {
    reference_array out = reduced_array(x, reduced);
    int64_t count = reference_count(x);
    for (int64_t i = 0; i < count; i++) {
        int64_t place = reference_broadcast_index(&out, x->rank, x->shape, i);
        double sharers = kind == CLEAT_REDUCE_MEAN ? (double)reduced_count(x, reduced) : 1;
        if (kind == CLEAT_REDUCE_MAX) {
            sharers = 0;
            for (int64_t j = 0; j < count; j++) {
                bool together = reference_broadcast_index(&out, x->rank, x->shape, j) == place;
                sharers += together && matches(x->data[j], y[place]);
            }
        }
        bool takes = kind != CLEAT_REDUCE_MAX || matches(x->data[i], y[place]);
        dx[i] = takes ? dy[place] / sharers : 0;
    }
}
