/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/storage.h"
#include "core/memory.h"

/* The smallest idle piece that is large enough, and not more than twice as large. */
static storage *take_idle(storage_pool *pool, size_t size) {
    storage **best = NULL;
    for (storage **at = &pool->idle; *at != NULL; at = &(*at)->next) {
        const bool fits = (*at)->size >= size && (*at)->size / 2 <= size;
        if (fits && (best == NULL || (*at)->size < (*best)->size)) {
            best = at;
        }
    }
    storage *found = best != NULL ? *best : NULL;
    if (found != NULL) {
        *best = found->next;
        found->next = NULL;
        found->references = 1;
    }
    return found;
}

static cleat_status make(cleat_buffer *buffer, size_t size, storage_pool *pool, storage **made) {
    storage *s = memory_allocate_zeroed(1, sizeof *s);
    REFUSE_IF(s == NULL, CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
    *s = (storage){.references = 1, .buffer = buffer, .size = size, .pool = pool};
    *made = s;
    return CLEAT_OK;
}

cleat_status storage_acquire(storage_pool *pool, size_t size, storage **made) {
    pool->bytes_wanted += size;
    *made = take_idle(pool, size);
    if (*made != NULL) {
        return CLEAT_OK;
    }
    cleat_buffer *buffer;
    TRY(cleat_buffer_create(pool->context, size, &buffer));
    cleat_status status = make(buffer, size, pool, made);
    if (status != CLEAT_OK) {
        cleat_buffer_release(buffer);
        return status;
    }
    pool->bytes += size;
    return CLEAT_OK;
}

cleat_status storage_borrow(cleat_buffer *buffer, storage **made) {
    TRY(make(buffer, cleat_buffer_size(buffer), NULL, made));
    cleat_buffer_retain(buffer);
    return CLEAT_OK;
}

void storage_retain(storage *s) {
    s->references++;
}

void storage_release(storage *s) {
    if (s == NULL || --s->references > 0) {
        return;
    }
    if (s->pool != NULL) {
        s->next = s->pool->idle;
        s->pool->idle = s;
    } else {
        cleat_buffer_release(s->buffer);
        memory_free(s);
    }
}

void storage_hand_out(storage *s) {
    if (s->pool != NULL) {
        s->pool->bytes -= s->size;
        s->pool = NULL;
    }
}

void storage_pool_clear(storage_pool *pool) {
    while (pool->idle != NULL) {
        storage *s = pool->idle;
        pool->idle = s->next;
        pool->bytes -= s->size;
        cleat_buffer_release(s->buffer);
        memory_free(s);
    }
}
