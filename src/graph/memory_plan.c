/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/memory_plan.h"
#include "core/memory.h"
#include <stdlib.h>

size_t memory_plan_acquire(memory_plan *p, size_t size) {
    memory_piece *pieces = memory_grow(p->pieces, p->count, &p->capacity, sizeof *pieces);
    if (pieces == NULL) {
        p->is_incomplete = true;
        return SIZE_MAX;
    }
    p->pieces = pieces;
    p->pieces[p->count] =
        (memory_piece){.size = size, .from = p->clock++, .to = UINT32_MAX, .arena = OWN_BUFFER};
    p->sum += size;
    return p->count++;
}

void memory_plan_release(memory_plan *p, size_t piece) {
    if (piece < p->count) {
        p->pieces[piece].to = p->clock++;
    }
}

void memory_plan_clear(memory_plan *p) {
    memory_free(p->pieces);
    memory_free(p->arenas);
    *p = (memory_plan){0};
}

/* Pieces of one arena by their offsets. */
typedef struct placed_list {
    memory_piece **pieces;
    size_t count;
} placed_list;

static size_t padded(const memory_piece *m) {
    return (m->size + PIECE_ALIGNMENT - 1) / PIECE_ALIGNMENT * PIECE_ALIGNMENT;
}

static bool lives_with(const memory_piece *a, const memory_piece *b) {
    return a->from < b->to && b->from < a->to;
}

/* The lowest offset where m fits among the pieces of its arena. */
static size_t lowest_gap(const placed_list *placed, const memory_piece *m) {
    size_t end = 0;
    for (size_t i = 0; i < placed->count; i++) {
        const memory_piece *other = placed->pieces[i];
        if (!lives_with(m, other)) {
            continue;
        }
        if (other->offset >= end && other->offset - end >= padded(m)) {
            return end;
        }
        const size_t other_end = other->offset + padded(other);
        end = other_end > end ? other_end : end;
    }
    return end;
}

static void insert(placed_list *placed, memory_piece *m) {
    size_t at = placed->count++;
    for (; at > 0 && placed->pieces[at - 1]->offset > m->offset; at--) {
        placed->pieces[at] = placed->pieces[at - 1];
    }
    placed->pieces[at] = m;
}

static int larger_first(const void *a, const void *b) {
    const memory_piece *x = *(memory_piece *const *)a;
    const memory_piece *y = *(memory_piece *const *)b;
    return x->size != y->size ? (x->size > y->size ? -1 : 1)
                              : (x->from < y->from ? -1 : x->from > y->from);
}

/* One arena: places of `waiting` what fits, and leaves the rest there. */
static size_t fill_arena(
    memory_plan *p, memory_piece **waiting, size_t count, size_t most, placed_list *placed) {
    const int32_t arena = (int32_t)p->arena_count;
    size_t left = 0, size = 0;
    placed->count = 0;
    for (size_t i = 0; i < count; i++) {
        memory_piece *m = waiting[i];
        const size_t offset = lowest_gap(placed, m);
        const bool fits = offset <= most && padded(m) <= most - offset;
        if (!fits && placed->count > 0) {
            waiting[left++] = m;
            continue;
        }
        m->arena = arena;
        m->offset = offset;
        insert(placed, m);
        size = offset + padded(m) > size ? offset + padded(m) : size;
    }
    p->arenas[p->arena_count++] = size;
    return left;
}

cleat_status memory_plan_lay_out(memory_plan *p, size_t most) {
    memory_piece **waiting = memory_allocate_zeroed(p->count + 1, sizeof(memory_piece *));
    placed_list placed = {memory_allocate_zeroed(p->count + 1, sizeof(memory_piece *)), 0};
    cleat_status status = CLEAT_OK;
    p->arenas = memory_allocate_zeroed(p->count + 1, sizeof *p->arenas);
    if (p->is_incomplete || waiting == NULL || placed.pieces == NULL || p->arenas == NULL) {
        status = status_set(CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
    } else {
        size_t left = 0;
        for (size_t i = 0; i < p->count; i++) {
            if (p->pieces[i].to != UINT32_MAX && p->pieces[i].size > 0) {
                waiting[left++] = &p->pieces[i];
            }
        }
        qsort(waiting, left, sizeof *waiting, larger_first);
        while (left > 0) {
            left = fill_arena(p, waiting, left, most, &placed);
        }
    }
    memory_free(waiting);
    memory_free(placed.pieces);
    return status;
}

size_t memory_plan_bytes(const memory_plan *p) {
    size_t bytes = 0;
    for (size_t i = 0; i < p->arena_count; i++) {
        bytes += p->arenas[i];
    }
    for (size_t i = 0; i < p->count; i++) {
        bytes += p->pieces[i].arena == OWN_BUFFER ? p->pieces[i].size : 0;
    }
    return bytes;
}
