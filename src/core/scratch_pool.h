/* SPDX-License-Identifier: Apache-2.0 */
/* Device memory lent to operations and kept for the next one. Guarded by the context's mutex. */
#ifndef CLEAT_CORE_SCRATCH_POOL_H
#define CLEAT_CORE_SCRATCH_POOL_H

#include "core/opencl_calls.h"

typedef struct scratch_block {
    cl_mem memory;
    size_t size;
    bool lent;
    uint64_t last_use; /* counts releases: the smallest was idle longest */
} scratch_block;

typedef struct scratch_pool {
    scratch_block *blocks;
    size_t count, capacity;
    size_t idle_bytes, limit;
    uint64_t uses;
} scratch_pool;

/* Gives all idle blocks back to the device. */
void scratch_pool_trim(cleat_context *context);

/* Forgets all blocks; they go back to the device where `context` is not NULL. */
void scratch_pool_clear(cleat_context *context, scratch_pool *pool);

#endif
