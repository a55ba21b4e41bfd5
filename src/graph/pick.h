/* SPDX-License-Identifier: Apache-2.0 */
/* Elements moved about on the host, of any type. */
#ifndef CLEAT_GRAPH_PICK_H
#define CLEAT_GRAPH_PICK_H

#include "graph/run.h"

#define PICK_NOWHERE INT64_MIN

/* y[i, j, ..] = x[offsets[0][i] + offsets[1][j] + ..], counted in elements; where an offset is
 * PICK_NOWHERE y is left as it is. y has the elements of the shape, which may be another than its
 * own. */
void pick(const array *x, int32_t rank, const int64_t *shape, int64_t *const *offsets, array *y);

/* count offsets, first, first + step, ..., until the call ends. */
cleat_status pick_line(call *c, int64_t count, int64_t first, int64_t step, int64_t **offsets);

/* Every element of y is the first one of x, of the same type. */
void array_fill(array *y, const array *x);
/* Element i of x becomes element k of y, of the same type. */
void array_move(const array *x, int64_t i, array *y, int64_t k, int64_t count);

#endif
