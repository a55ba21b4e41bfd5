/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums of products of integers in f32 that are exact: all terms of a sum together, without their
 * signs, stay at or below 2^24, so that whatever the order no partial sum rounds. Long sums are
 * taken in parts that keep to this.
 */
#ifndef CLEAT_GRAPH_EXACT_PARTS_H
#define CLEAT_GRAPH_EXACT_PARTS_H

#include "graph/operator_tools.h"
#include "graph/quantization.h"

typedef struct exact_parts {
    int64_t count; /* 0: one step along the axis is too much */
    int64_t *ends; /* where each part ends along the axis that is summed over; call_memory() */
} exact_parts;

/* Parts of `extent` steps, each of `terms` products of at most x_most w_most. */
cleat_status exact_parts_even(
    call *c, int64_t extent, int64_t terms, double x_most, double w_most, exact_parts *parts);

/*
 * Parts for weights that are known, less their zero points: as long as x of at most x_most allows.
 * The weights are [outer, extent, inner]: each place of outer and inner is a sum of its own, or,
 * where sums_inner, those of inner belong to one sum. Zero points go with what is left: inner, or
 * outer.
 */
cleat_status exact_parts_of(call *c, const array *w, const axis_numbers *zero,
    const axis_lines *lines, bool sums_inner, double x_most, exact_parts *parts);

#endif
