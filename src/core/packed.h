/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a cleat_packed is made of. An operation that takes packed operands offers its own function
 * to make one: it checks the operand, works out the panels' size and layout for the device, and
 * calls packed_create() with a function that enqueues the packing. In a call it checks what it was
 * given with check_packed(), then reads `panels` if there are any and their layout suits the
 * variant.
 */
#ifndef CLEAT_CORE_PACKED_H
#define CLEAT_CORE_PACKED_H

#include "core/status.h"
#include <cleat/packed.h>
#include <stdatomic.h>

enum { PACKED_LAYOUT_VALUES = 8 };

/* Enqueues the packing of packed->operand into packed->panels (never NULL here). */
typedef cleat_status (*pack_function)(cleat_context *context, const cleat_packed *packed);

struct cleat_packed {
    atomic_size_t references;
    const char *operation;                /* that it is for: "matmul"; static storage */
    cleat_tensor operand;                 /* carries a reference */
    cleat_buffer *panels;                 /* NULL: the operand serves as it is */
    int64_t layout[PACKED_LAYOUT_VALUES]; /* of the panels; the operation gives it its meaning */
    pack_function pack;
};

/*
 * A packed operand with panels of `bytes` (0: none), packed by `pack`. `layout` holds
 * PACKED_LAYOUT_VALUES values and is copied; NULL: all 0. The operand has passed check_tensor().
 * *packed is left alone on failure.
 */
cleat_status packed_create(const char *operation, cleat_context *context,
    const cleat_tensor *operand, size_t bytes, const int64_t *layout, pack_function pack,
    cleat_packed **packed);

/* Made for this operation and from exactly this operand, whose name in messages is `name`; the
 * operand has passed check_tensor(). NULL is good. */
cleat_status check_packed(const char *operation, const char *name, const cleat_packed *packed,
    const cleat_tensor *operand);

#endif
