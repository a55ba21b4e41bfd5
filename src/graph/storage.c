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

cleat_status storage_acquire_lasting(storage_pool *pool, size_t size, storage **made) {
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

static cleat_status acquire_pooled(storage_pool *pool, size_t size, storage **made) {
    *made = take_idle(pool, size);
    if (*made == NULL) {
        TRY(storage_acquire_lasting(pool, size, made));
        (*made)->is_pooled = true;
    }
    return CLEAT_OK;
}

/* The layout's next piece. */
static cleat_status acquire_planned(storage_pool *pool, size_t size, storage **made) {
    const memory_plan *layout = pool->layout;
    const memory_piece *m = pool->next < layout->count ? &layout->pieces[pool->next] : NULL;
    pool->next++;
    if (m == NULL || m->size != size) {
        pool->has_strayed = true;
    }
    if (pool->has_strayed) {
        return acquire_pooled(pool, size, made);
    }
    if (m->arena == OWN_BUFFER) {
        return storage_acquire_lasting(pool, size, made);
    }
    TRY(storage_borrow(pool->arenas[m->arena], made));
    (*made)->offset = m->offset;
    (*made)->size = size;
    return CLEAT_OK;
}

cleat_status storage_acquire(storage_pool *pool, size_t size, storage **made) {
    TRY(pool->layout != NULL ? acquire_planned(pool, size, made)
                             : acquire_pooled(pool, size, made));
    pool->bytes_wanted += size;
    (*made)->is_for_run = true;
    (*made)->notes = pool->noted != NULL ? pool : NULL;
    if (pool->noted != NULL) {
        (*made)->run = pool->run;
        (*made)->piece = memory_plan_acquire(pool->noted, size);
    }
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
    if (s->notes != NULL && s->notes->noted != NULL && s->run == s->notes->run) {
        memory_plan_release(s->notes->noted, s->piece);
    }
    if (s->pool != NULL && s->is_pooled) {
        s->next = s->pool->idle;
        s->pool->idle = s;
        return;
    }
    if (s->pool != NULL) {
        s->pool->bytes -= s->size;
    }
    cleat_buffer_release(s->buffer);
    memory_free(s);
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
