/* SPDX-License-Identifier: Apache-2.0 */
#include "core/context_state.h"
#include "core/memory.h"
#include <string.h>

/* Sizes are rounded up to an eighth of their power of two, so that like requests share blocks. */
static size_t size_class(size_t bytes) {
    const size_t smallest = 4096;
    size_t power = smallest;
    while (power < bytes / 2) {
        power *= 2;
    }
    size_t step = power / 8 > smallest ? power / 8 : smallest;
    return bytes > SIZE_MAX - step ? bytes : round_up(bytes, step);
}

static scratch_block *best_fit(scratch_pool *pool, size_t bytes) {
    scratch_block *best = NULL;
    for (size_t i = 0; i < pool->count; i++) {
        scratch_block *block = &pool->blocks[i];
        /* A block much too large is kept for those who need it. */
        if (!block->lent && block->size >= bytes && block->size / 4 <= bytes &&
            (best == NULL || block->size < best->size)) {
            best = block;
        }
    }
    return best;
}

static cleat_status reserve(scratch_pool *pool) {
    scratch_block *blocks = memory_grow(pool->blocks, pool->count, &pool->capacity, sizeof *blocks);
    REFUSE_IF(blocks == NULL, CLEAT_OUT_OF_HOST_MEMORY, "scratch memory: no host memory");
    pool->blocks = blocks;
    return CLEAT_OK;
}

/* New memory, or, in a plan, a handle that stands for some. */
static cleat_status allocate(cleat_context *context, size_t size, cl_mem *memory) {
    plan *p = plan_current(context);
    if (p == NULL) {
        TRY(context_allocate(context, size, memory));
        context->statistics.scratch_bytes += size;
        return CLEAT_OK;
    }
    TRY(context_admit(context, size));
    p->summary.scratch_bytes += size;
    *memory = (cl_mem)(uintptr_t)(p->scratch.count + 1);
    return CLEAT_OK;
}

static scratch_pool *pool_of(cleat_context *context) {
    plan *p = plan_current(context);
    recording *r = recording_current(context);
    return p != NULL ? &p->scratch : r != NULL ? recording_scratch(r) : &context->scratch;
}

static cleat_status lend(cleat_context *context, size_t bytes, void **memory) {
    scratch_pool *pool = pool_of(context);
    size_t size = size_class(bytes);
    scratch_block *block = best_fit(pool, size);
    if (block != NULL) {
        block->lent = true;
        pool->idle_bytes -= block->size;
        *memory = block->memory;
        return CLEAT_OK;
    }
    cl_mem made = NULL;
    TRY(reserve(pool));
    TRY(allocate(context, size, &made));
    pool->blocks[pool->count++] = (scratch_block){.memory = made, .size = size, .lent = true};
    *memory = made;
    return CLEAT_OK;
}

cleat_status scratch_acquire(cleat_context *context, size_t bytes, void **cl_mem_object) {
    *cl_mem_object = NULL;
    if (bytes == 0) {
        return CLEAT_OK;
    }
    pthread_mutex_lock(&context->mutex);
    cleat_status status = lend(context, bytes, cl_mem_object);
    pthread_mutex_unlock(&context->mutex);
    return status == CLEAT_OK ? CLEAT_OK : status_prefix(status, "scratch memory");
}

static void drop_block(cleat_context *context, size_t index) {
    scratch_pool *pool = &context->scratch;
    scratch_block *block = &pool->blocks[index];
    context_free_memory(context, block->memory, block->size);
    pool->idle_bytes -= block->size;
    context->statistics.scratch_bytes -= block->size;
    *block = pool->blocks[--pool->count];
}

/* Drops the blocks idle longest until the limit holds. */
static void keep_limit(cleat_context *context) {
    scratch_pool *pool = &context->scratch;
    while (pool->idle_bytes > pool->limit) {
        size_t oldest = pool->count;
        for (size_t i = 0; i < pool->count; i++) {
            if (!pool->blocks[i].lent &&
                (oldest == pool->count ||
                    pool->blocks[i].last_use < pool->blocks[oldest].last_use)) {
                oldest = i;
            }
        }
        drop_block(context, oldest);
    }
}

void scratch_release(cleat_context *context, void *cl_mem_object) {
    if (cl_mem_object == NULL) {
        return;
    }
    pthread_mutex_lock(&context->mutex);
    scratch_pool *pool = pool_of(context);
    for (size_t i = 0; i < pool->count; i++) {
        if (pool->blocks[i].memory == cl_mem_object) {
            pool->blocks[i].lent = false;
            pool->blocks[i].last_use = ++pool->uses;
            pool->idle_bytes += pool->blocks[i].size;
            break;
        }
    }
    keep_limit(context);
    pthread_mutex_unlock(&context->mutex);
}

size_t context_scratch_limit(const cleat_context *context) {
    return context->scratch.limit;
}

void scratch_pool_trim(cleat_context *context) {
    for (size_t i = context->scratch.count; i-- > 0;) {
        if (!context->scratch.blocks[i].lent) {
            drop_block(context, i);
        }
    }
}

void scratch_pool_clear(cleat_context *context, scratch_pool *pool) {
    for (size_t i = 0; i < pool->count && context != NULL; i++) {
        context_free_memory(context, pool->blocks[i].memory, pool->blocks[i].size);
    }
    memory_free(pool->blocks);
    memset(pool, 0, sizeof *pool);
}
