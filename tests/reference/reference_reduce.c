/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_reduce.h"
#include <math.h>
#include <stdlib.h>

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

static double start_of(cleat_reduction_kind kind) {
    return kind == CLEAT_REDUCE_MAX || kind == CLEAT_REDUCE_LOG_SUM_EXP ? -(double)INFINITY
           : kind == CLEAT_REDUCE_MIN                                   ? (double)INFINITY
           : kind == CLEAT_REDUCE_PRODUCT                               ? 1
                                                                        : 0;
}

/* Of the first pass: for variances the sum, for log-sum-exp the maximum. */
static double combined(cleat_reduction_kind kind, double y, double v) {
    switch (kind) {
    case CLEAT_REDUCE_MAX:
    case CLEAT_REDUCE_LOG_SUM_EXP:
        return v > y || isnan(v) ? v : y;
    case CLEAT_REDUCE_MIN:
        return v < y || isnan(v) ? v : y;
    case CLEAT_REDUCE_PRODUCT:
        return y * v;
    case CLEAT_REDUCE_L1:
        return y + fabs(v);
    case CLEAT_REDUCE_L2:
        return y + v * v;
    default:
        return y + v;
    }
}

/* The second pass: log(sum exp), and the sum of squared distances. */
static void second_pass(cleat_reduction_kind kind, const reference_array *x,
    const reference_array *out, int64_t terms, double divisor, double *y, double *magnitude) {
    int64_t outputs = reference_count(out);
    double *sum = calloc((size_t)outputs + 1, sizeof *sum);
    for (int64_t i = 0; sum != NULL && i < reference_count(x); i++) {
        int64_t place = reference_broadcast_index(out, x->rank, x->shape, i);
        double distance =
            x->data[i] - y[place] / (kind == CLEAT_REDUCE_VARIANCE ? (double)terms : 1);
        sum[place] += kind == CLEAT_REDUCE_VARIANCE ? distance * distance : exp(distance);
    }
    for (int64_t i = 0; sum != NULL && i < outputs; i++) {
        if (kind == CLEAT_REDUCE_VARIANCE) {
            double mean = y[i] / (double)terms;
            y[i] = sum[i] / divisor;
            magnitude[i] = sqrt(y[i]) * sqrt(y[i] + mean * mean);
        } else {
            y[i] = isinf(y[i]) ? y[i] : y[i] + log(sum[i]);
            magnitude[i] = 3 + fabs(y[i]);
        }
    }
    free(sum);
}

int64_t reference_reduce(cleat_reduction_kind kind, const reference_array *x, const bool *reduced,
    int64_t correction, double *y, double *magnitude) {
    reference_array out = reduced_array(x, reduced);
    int64_t outputs = reference_count(&out);
    int64_t terms = reduced_count(x, reduced);
    for (int64_t i = 0; i < outputs; i++) {
        y[i] = start_of(kind);
        magnitude[i] = 0;
    }
    for (int64_t i = 0; i < reference_count(x); i++) {
        int64_t place = reference_broadcast_index(&out, x->rank, x->shape, i);
        y[place] = combined(kind, y[place], x->data[i]);
        magnitude[place] += fabs(x->data[i]);
    }
    for (int64_t i = 0; i < outputs; i++) {
        if (kind == CLEAT_REDUCE_MEAN) {
            y[i] /= (double)terms;
            magnitude[i] /= (double)terms;
        } else if (kind == CLEAT_REDUCE_PRODUCT || kind == CLEAT_REDUCE_L2) {
            y[i] = kind == CLEAT_REDUCE_L2 ? sqrt(y[i]) : y[i];
            magnitude[i] = fabs(y[i]);
        }
    }
    if (kind == CLEAT_REDUCE_LOG_SUM_EXP || kind == CLEAT_REDUCE_VARIANCE) {
        second_pass(kind, x, &out, terms, fmax(0, (double)(terms - correction)), y, magnitude);
    }
    return terms;
}

static bool matches(double v, double maximum) {
    return v == maximum || (isnan(v) && isnan(maximum));
}

/* Over the other elements of i's group: how many equal y, their product, or the sum of them all. */
static double over_group(cleat_reduction_kind kind, const reference_array *x,
    const reference_array *out, int64_t i, double y) {
    int64_t place = reference_broadcast_index(out, x->rank, x->shape, i);
    double result = kind == CLEAT_REDUCE_PRODUCT ? 1 : 0;
    for (int64_t j = 0; j < reference_count(x); j++) {
        if (reference_broadcast_index(out, x->rank, x->shape, j) != place) {
            continue;
        }
        if (kind == CLEAT_REDUCE_PRODUCT) {
            result *= j == i ? 1 : x->data[j];
        } else {
            result += kind == CLEAT_REDUCE_VARIANCE ? x->data[j] : matches(x->data[j], y);
        }
    }
    return result;
}

static double slope(cleat_reduction_kind kind, const reference_array *x, const reference_array *out,
    double terms, int64_t correction, int64_t i, double y, double *magnitude) {
    double v = x->data[i];
    *magnitude = 0;
    switch (kind) {
    case CLEAT_REDUCE_MEAN:
        return 1 / terms;
    case CLEAT_REDUCE_MAX:
    case CLEAT_REDUCE_MIN:
        return matches(v, y) ? 1 / over_group(kind, x, out, i, y) : 0;
    case CLEAT_REDUCE_PRODUCT:
        return over_group(kind, x, out, i, y);
    case CLEAT_REDUCE_L1:
        return (v > 0) - (v < 0);
    case CLEAT_REDUCE_L2:
        return y == 0 ? 0 : v / y;
    case CLEAT_REDUCE_LOG_SUM_EXP:
        return exp(v - y);
    case CLEAT_REDUCE_VARIANCE: {
        double mean = over_group(kind, x, out, i, y) / terms;
        double factor = 2 / fmax(0, terms - (double)correction);
        *magnitude = factor * (fabs(v) + fabs(mean));
        return factor * (v - mean);
    }
    default:
        return 1;
    }
}

void reference_reduce_backward(cleat_reduction_kind kind, const reference_array *x,
    const bool *reduced, int64_t correction, const double *y, const double *dy, double *dx,
    double *magnitude) {
    reference_array out = reduced_array(x, reduced);
    double terms = (double)reduced_count(x, reduced);
    for (int64_t i = 0; i < reference_count(x); i++) {
        int64_t place = reference_broadcast_index(&out, x->rank, x->shape, i);
        double size = 0;
        dx[i] = dy[place] * slope(kind, x, &out, terms, correction, i, y[place], &size);
        magnitude[i] = fabs(dy[place]) * size;
    }
}

/* Whether v takes the place of best: NaN is greater, and smaller, than all numbers. */
static bool wins(double v, double best, bool smallest, bool last) {
    if (isnan(v) || isnan(best)) {
        return isnan(v) && (last || !isnan(best));
    }
    return v == best ? last : smallest ? v < best : v > best;
}

void reference_arg(
    const reference_array *x, const bool *reduced, bool smallest, bool last, int64_t *place) {
    reference_array out = reduced_array(x, reduced);
    int64_t outputs = reference_count(&out);
    double *best = calloc((size_t)outputs + 1, sizeof *best);
    int64_t *seen = calloc((size_t)outputs + 1, sizeof *seen);
    for (int64_t i = 0; best != NULL && seen != NULL && i < reference_count(x); i++) {
        int64_t to = reference_broadcast_index(&out, x->rank, x->shape, i);
        if (seen[to] == 0 || wins(x->data[i], best[to], smallest, last)) {
            best[to] = x->data[i];
            place[to] = seen[to];
        }
        seen[to]++;
    }
    free(best);
    free(seen);
}
