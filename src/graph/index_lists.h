/* SPDX-License-Identifier: Apache-2.0 */
/* Where indices of GatherND, ScatterElements and their like point to, worked out on the host. */
#ifndef CLEAT_GRAPH_INDEX_LISTS_H
#define CLEAT_GRAPH_INDEX_LISTS_H

#include "graph/run.h"

/* Rows of a tensor: x is [rows, inner], and a list of rows. */
typedef struct row_list {
    int64_t rows, inner, count;
    int64_t *row;
} row_list;

/* An index of -extent .. extent - 1 becomes one of 0 .. extent - 1; refuses others. */
cleat_status index_within(const call *c, int64_t index, int64_t extent, int64_t *within);

/* The rows that tuples of input `input`, the last axis of it, point to in x, behind `batch` axes
 * that both share. */
cleat_status rows_of_tuples(
    call *c, const run_value *x, size_t input, int32_t batch, row_list *list);
/* The elements that input `input` points to along an axis of x, at the places where its indices
 * stand otherwise. */
cleat_status rows_of_elements(
    call *c, const run_value *x, size_t input, int32_t axis, row_list *list);

#endif
