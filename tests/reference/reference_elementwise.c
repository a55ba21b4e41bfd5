/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_elementwise.h"
#include <math.h>

int64_t reference_count(const reference_array *x) {
    int64_t count = 1;
    for (int32_t axis = 0; axis < x->rank; axis++) {
        count *= x->shape[axis];
    }
    return count;
}

int64_t reference_broadcast_index(
    const reference_array *x, int32_t rank, const int64_t *shape, int64_t index) {
    int64_t place = 0;
    int64_t step = 1;
    for (int32_t back = 1; back <= x->rank; back++) {
        int64_t coordinate = index % shape[rank - back];
        int64_t extent = x->shape[x->rank - back];
        index /= shape[rank - back];
        place += extent == 1 ? 0 : coordinate * step;
        step *= extent;
    }
    return place;
}

static double apply(cleat_binary operation, double a, double b) {
    switch (operation) {
    case CLEAT_ADD:
        return a + b;
    case CLEAT_SUB:
        return a - b;
    case CLEAT_MUL:
        return a * b;
    case CLEAT_DIV:
        return a / b;
    case CLEAT_POW:
        return pow(a, b);
    case CLEAT_MIN:
        return isnan(a) || a < b ? a : b;
    default:
        return isnan(a) || a > b ? a : b;
    }
}

void reference_binary(cleat_binary operation, const reference_array *a, const reference_array *b,
    int32_t rank, const int64_t *shape, double *y) {
    reference_array out = {.rank = rank};
    for (int32_t axis = 0; axis < rank; axis++) {
        out.shape[axis] = shape[axis];
    }
    for (int64_t i = 0; i < reference_count(&out); i++) {
        y[i] = apply(operation, a->data[reference_broadcast_index(a, rank, shape, i)],
            b->data[reference_broadcast_index(b, rank, shape, i)]);
    }
}

static double derivative(cleat_binary operation, bool of_b, double a, double b) {
    switch (operation) {
    case CLEAT_ADD:
        return 1;
    case CLEAT_SUB:
        return of_b ? -1 : 1;
    case CLEAT_MUL:
        return of_b ? a : b;
    case CLEAT_DIV:
        return of_b ? -a / (b * b) : 1 / b;
    case CLEAT_POW:
        if (of_b) {
            return a == 0 && b >= 0 ? 0 : pow(a, b) * log(a);
        }
        return b == 0 ? 0 : b * pow(a, b - 1);
    case CLEAT_MIN:
        return a == b ? 0.5 : (of_b ? b > a : a > b) ? 0 : 1;
    default:
        return a == b ? 0.5 : (of_b ? b < a : a < b) ? 0 : 1;
    }
}

void reference_binary_backward(cleat_binary operation, const reference_array *a,
    const reference_array *b, const reference_array *dy, bool of_b, double *dx, double *magnitude) {
    const reference_array *x = of_b ? b : a;
    for (int64_t i = 0; i < reference_count(x); i++) {
        dx[i] = 0;
        magnitude[i] = 0;
    }
    for (int64_t i = 0; i < reference_count(dy); i++) {
        double at_a = a->data[reference_broadcast_index(a, dy->rank, dy->shape, i)];
        double at_b = b->data[reference_broadcast_index(b, dy->rank, dy->shape, i)];
        double term = dy->data[i] * derivative(operation, of_b, at_a, at_b);
        int64_t place = reference_broadcast_index(x, dy->rank, dy->shape, i);
        dx[place] += term;
        magnitude[place] += fabs(term);
    }
}
