/* SPDX-License-Identifier: Apache-2.0 */
/* Values joined into one, parts of one, and lists of them: what loops and sequences do. */
#ifndef CLEAT_GRAPH_VALUE_LISTS_H
#define CLEAT_GRAPH_VALUE_LISTS_H

#include "graph/run.h"

typedef struct value_list {
    run_value *items;
    size_t count, capacity;
} value_list;

/* Takes the value over, which is VALUE_NONE then, unless it fails. */
cleat_status value_list_append(value_list *list, run_value *item);
void value_list_clear(value_list *list);

/* A sequence with room for `count` items, VALUE_NONE all. */
cleat_status sequence_create(size_t count, run_value *sequence);

/* Tensors of one type as one, at least one of them: along a new axis, before axis `axis` of the
 * items, or along that one, in which their extents may differ. Items may be brought to the device.
 * `joined` is VALUE_NONE before. */
cleat_status values_join(
    call *c, run_value *items, size_t count, int64_t axis, bool is_new_axis, run_value *joined);

/* Elements start .. start + count - 1 of an axis; without that axis where `is_squeezed` (count 1).
 * x may be brought to the device. */
cleat_status value_part(call *c, run_value *x, int32_t axis, int64_t start, int64_t count,
    bool is_squeezed, run_value *part);

/* An array of zeros. */
cleat_status value_zeros(
    const call *c, cleat_type type, int32_t rank, const int64_t *shape, run_value *zeros);
/* A scalar on the host. */
cleat_status value_scalar(const call *c, cleat_type type, int64_t number, run_value *scalar);

#endif
