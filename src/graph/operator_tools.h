/* SPDX-License-Identifier: Apache-2.0 */
/* What operators share: axes, shapes, loops on the host, a tensor of another shape. */
#ifndef CLEAT_GRAPH_OPERATOR_TOOLS_H
#define CLEAT_GRAPH_OPERATOR_TOOLS_H

#include "core/tensor_check.h"
#include "graph/run.h"

/* A possibly negative axis as 0 .. rank - 1. */
cleat_status call_axis(const call *c, int64_t axis, int32_t rank, int32_t *normalised);

/* Inputs `first` up to `end` that are there have the type of `first`, and it is a floating-point
 * one; else CLEAT_UNSUPPORTED without a message, for the host's function to say more. A device
 * without f64 says so by itself. */
cleat_status call_same_types(const call *c, size_t first, size_t end);

/* The input as a tensor of another shape, copied where strides allow no view. */
cleat_status call_tensor_as(
    call *c, size_t input, int32_t rank, const int64_t *shape, cleat_tensor *tensor);
/* The same, of another floating-point type if it differs. */
cleat_status call_tensor_of(call *c, size_t input, cleat_type type, cleat_tensor *tensor);

/* Elements before, along and behind an axis. */
typedef struct axis_lines {
    int64_t outer, extent, inner;
} axis_lines;
axis_lines lines_along(int32_t rank, const int64_t *shape, int32_t axis);

/* Extents multiplied; INT64_MAX where that is more. */
int64_t shape_count(int32_t rank, const int64_t *shape);
void row_major_strides(int32_t rank, const int64_t *shape, int64_t *stride);
/* Steps of a row-major operand along the axes of a whole of rank `whole`, to which it is broadcast:
 * 0 where it is repeated. */
void broadcast_steps(int32_t whole, int32_t rank, const int64_t *shape, int64_t *steps);
/* The next index in row-major order; false, and zeros, behind the last. */
bool index_next(int32_t rank, const int64_t *shape, int64_t *index);
int64_t index_offset(int32_t rank, const int64_t *index, const int64_t *stride);

/* Element i of an integer type, its lower bits; with array_set_integer() a sum or product of such
 * wraps around as in the type itself. */
uint64_t array_bits(const array *x, int64_t i);

#endif
