/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the memory of a run goes that will be repeated. The lifetimes of all pieces are noted
 * during one run; they are then laid out in a few large buffers, arenas, so that pieces which live
 * at the same time never share bytes: greedy by size, each at the lowest place that is free
 * (Pisarchyk & Lee, *Efficient memory management for deep neural net inference*, 2020).
 */
#ifndef CLEAT_GRAPH_MEMORY_PLAN_H
#define CLEAT_GRAPH_MEMORY_PLAN_H

#include "core/status.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PIECE_ALIGNMENT = 256, OWN_BUFFER = -1 };

typedef struct memory_piece {
    size_t size;
    uint32_t from, to; /* counted in acquisitions and releases; UINT32_MAX: it outlives the run */
    int32_t arena;     /* OWN_BUFFER: none, for what outlives the run and for nothing */
    size_t offset;     /* there, a multiple of PIECE_ALIGNMENT */
} memory_piece;

typedef struct memory_plan {
    memory_piece *pieces; /* in the order in which they were acquired */
    size_t count, capacity;
    uint32_t clock;
    bool is_incomplete; /* there was no host memory */
    size_t *arenas;     /* their sizes */
    size_t arena_count;
    size_t sum; /* of the pieces' sizes */
} memory_plan;

/* Notes a piece and returns its number. */
size_t memory_plan_acquire(memory_plan *p, size_t size);
void memory_plan_release(memory_plan *p, size_t piece);

/* Lays the pieces out in arenas of at most `most` bytes, but for pieces that are larger. */
cleat_status memory_plan_lay_out(memory_plan *p, size_t most);

/* Of arenas and buffers of their own. */
size_t memory_plan_bytes(const memory_plan *p);

void memory_plan_clear(memory_plan *p);

#endif
