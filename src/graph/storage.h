/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device memory of a model's values. What nobody refers to any more goes back to the model's pool
 * and serves a later value: work is in order, so nothing is written before its last reader has run.
 */
#ifndef CLEAT_GRAPH_STORAGE_H
#define CLEAT_GRAPH_STORAGE_H

#include "core/status.h"
#include <cleat/tensor.h>

typedef struct storage_pool {
    cleat_context *context;
    struct storage *idle;       /* a list */
    size_t bytes, bytes_wanted; /* allocated, and the sum of what was asked for */
} storage_pool;

typedef struct storage {
    size_t references;
    cleat_buffer *buffer;
    size_t size;
    storage_pool *pool; /* NULL: the buffer is somebody else's as well */
    struct storage *next;
} storage;

/* Memory of at least `size` bytes, with one reference. */
cleat_status storage_acquire(storage_pool *pool, size_t size, storage **made);
/* Another's buffer, retained. */
cleat_status storage_borrow(cleat_buffer *buffer, storage **made);
void storage_retain(storage *s);
void storage_release(storage *s); /* NULL is accepted */
/* From now on the buffer is not the pool's: it is handed to somebody else. */
void storage_hand_out(storage *s);
/* Frees idle memory. */
void storage_pool_clear(storage_pool *pool);

#endif
