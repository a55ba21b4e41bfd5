/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/exact_parts.h"
#include <math.h>

static const double most_exact = 0x1p24;

static cleat_status begin(call *c, int64_t extent, exact_parts *parts) {
    void *memory;
    TRY(call_memory(c, extent + 1, sizeof *parts->ends, &memory));
    parts->ends = memory;
    parts->count = 0;
    return CLEAT_OK;
}

cleat_status exact_parts_even(
    call *c, int64_t extent, int64_t terms, double x_most, double w_most, exact_parts *parts) {
    const double each = (double)terms * x_most * w_most;
    TRY(begin(c, extent, parts));
    if (each > most_exact) {
        return CLEAT_OK;
    }
    const double steps = each > 0 ? floor(most_exact / each) : (double)extent;
    const int64_t step = steps < (double)extent ? (int64_t)steps : extent;
    for (int64_t end = step; end < extent; end += step) {
        parts->ends[parts->count++] = end;
    }
    parts->ends[parts->count++] = extent;
    return CLEAT_OK;
}

/* Adds one step along the axis to the sums; the largest of these. */
static double add_step(const array *w, const axis_numbers *zero, const axis_lines *lines,
    bool sums_inner, int64_t step, double *sums) {
    double most = 0;
    for (int64_t o = 0; o < lines->outer; o++) {
        for (int64_t i = 0; i < lines->inner; i++) {
            double *sum = &sums[sums_inner ? o : o * lines->inner + i];
            const double value = array_real(w, (o * lines->extent + step) * lines->inner + i);
            *sum += fabs(value - axis_number(zero, sums_inner ? o : i));
            most = fmax(most, *sum);
        }
    }
    return most;
}

cleat_status exact_parts_of(call *c, const array *w, const axis_numbers *zero,
    const axis_lines *lines, bool sums_inner, double x_most, exact_parts *parts) {
    void *memory;
    const int64_t count = lines->outer * (sums_inner ? 1 : lines->inner);
    TRY(begin(c, lines->extent, parts));
    TRY(call_memory(c, count + 1, sizeof(double), &memory));
    double *sums = memory;
    for (int64_t step = 0, start = 0; step < lines->extent; step++) {
        if (add_step(w, zero, lines, sums_inner, step, sums) * x_most <= most_exact) {
            continue;
        }
        if (step == start) {
            parts->count = 0;
            return CLEAT_OK;
        }
        parts->ends[parts->count++] = start = step;
        for (int64_t i = 0; i < count; i++) {
            sums[i] = 0;
        }
        step--; /* once more, as the first of the next part */
    }
    parts->ends[parts->count++] = lines->extent;
    return CLEAT_OK;
}
