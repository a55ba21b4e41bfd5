/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device memory of a model's values. What nobody refers to any more goes back to the model's pool
 * and serves a later value: work is in order, so nothing is written before its last reader has run.
 * In a run whose memory is laid out (memory_plan.h) a piece is a part of an arena instead.
 */
#ifndef CLEAT_GRAPH_STORAGE_H
#define CLEAT_GRAPH_STORAGE_H

#include "core/status.h"
#include "graph/memory_plan.h"
#include <cleat/tensor.h>

typedef struct storage_pool {
    cleat_context *context;
    struct storage *idle;       /* a list */
    size_t bytes, bytes_wanted; /* allocated, and the sum of what a run asked for */
    uint64_t run;               /* counts runs: pieces of earlier ones are not noted */
    memory_plan *noted;         /* lifetimes are noted here; NULL: they are not */
    const memory_plan *layout;  /* where pieces go; NULL: where there is room */
    cleat_buffer **arenas;      /* of the layout */
    size_t next;                /* the piece of the layout that is acquired next */
    bool has_strayed;           /* what was asked for is not what the layout expects */
} storage_pool;

typedef struct storage {
    size_t references;
    cleat_buffer *buffer;
    size_t offset; /* bytes, a multiple of every element's size */
    size_t size;
    storage_pool *pool;  /* NULL: the buffer is somebody else's as well */
    bool is_pooled;      /* it goes back to the pool's list */
    bool is_for_run;     /* a value of a run alone is there, so that it may be written over */
    storage_pool *notes; /* whose run notes it, as `piece`; NULL: none */
    uint64_t run;
    size_t piece;
    struct storage *next;
} storage;

/* Memory of at least `size` bytes, with one reference. */
cleat_status storage_acquire(storage_pool *pool, size_t size, storage **made);
/* The same for good, as constants need it: a buffer of its own, in no plan. */
cleat_status storage_acquire_lasting(storage_pool *pool, size_t size, storage **made);
/* Another's buffer, retained. */
cleat_status storage_borrow(cleat_buffer *buffer, storage **made);
void storage_retain(storage *s);
void storage_release(storage *s); /* NULL is accepted */
/* From now on the buffer is not the pool's: it is handed to somebody else. */
void storage_hand_out(storage *s);
/* Frees idle memory. */
void storage_pool_clear(storage_pool *pool);

#endif
