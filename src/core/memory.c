/* SPDX-License-Identifier: Apache-2.0 */
#include "core/memory.h"
#include "core/status.h"
#include <cleat/memory.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static cleat_host_allocator own;   /* the caller's; all NULL: C's functions */
static atomic_size_t pieces_alive; /* allocated and not released */

static void *counted(void *memory) {
    if (memory != NULL) {
        atomic_fetch_add(&pieces_alive, 1);
    }
    return memory;
}

void *memory_allocate(size_t size) {
    size = size > 0 ? size : 1;
    return counted(own.allocate != NULL ? own.allocate(own.data, size) : malloc(size));
}

void *memory_allocate_zeroed(size_t count, size_t size) {
    if (own.allocate == NULL) {
        return counted(calloc(count > 0 ? count : 1, size > 0 ? size : 1));
    }
    if (size > 0 && count > SIZE_MAX / size) {
        return NULL;
    }
    void *memory = memory_allocate(count * size);
    return memory != NULL ? memset(memory, 0, count * size) : NULL;
}

void *memory_resize(void *memory, size_t size) {
    size = size > 0 ? size : 1;
    void *resized = own.resize != NULL ? own.resize(own.data, memory, size) : realloc(memory, size);
    return memory == NULL ? counted(resized) : resized;
}

char *memory_copy_text(const char *text) {
    size_t size = strlen(text) + 1;
    char *copy = memory_allocate(size);
    return copy != NULL ? memcpy(copy, text, size) : NULL;
}

void memory_free(void *memory) {
    if (memory == NULL) {
        return;
    }
    atomic_fetch_sub(&pieces_alive, 1);
    if (own.release != NULL) {
        own.release(own.data, memory);
    } else {
        free(memory);
    }
}

cleat_status cleat_set_host_allocator(const cleat_host_allocator *allocator) {
    const cleat_host_allocator none = {0};
    allocator = allocator != NULL ? allocator : &none;
    const int functions =
        (allocator->allocate != NULL) + (allocator->resize != NULL) + (allocator->release != NULL);
    REFUSE_IF(allocator != &none && functions != 3, CLEAT_INVALID_ARGUMENT,
        "set_host_allocator: %d of the three functions are NULL", 3 - functions);
    const size_t alive = atomic_load(&pieces_alive);
    REFUSE_IF(alive > 0, CLEAT_INVALID_ARGUMENT,
        "set_host_allocator: %zu pieces of memory are in use; release all contexts and what "
        "belongs "
        "to them first",
        alive);
    own = *allocator;
    return CLEAT_OK;
}

size_t cleat_host_allocations(void) {
    return atomic_load(&pieces_alive);
}

void *memory_grow(void *list, size_t count, size_t *capacity, size_t size) {
    if (count < *capacity) {
        return list;
    }
    const size_t wanted = *capacity > 0 ? 2 * *capacity : 16;
    void *grown = wanted <= SIZE_MAX / 2 / size ? memory_resize(list, wanted * size) : NULL;
    *capacity = grown != NULL ? wanted : *capacity;
    return grown;
}

void *cleat_host_resize(void *memory, size_t size) {
    return memory_resize(memory, size);
}

void cleat_host_release(void *memory) {
    memory_free(memory);
}
