/* SPDX-License-Identifier: Apache-2.0 */
/* Host memory: all of it comes through here, from C's functions or the caller's. */
#ifndef CLEAT_CORE_MEMORY_H
#define CLEAT_CORE_MEMORY_H

#include <stddef.h>

/* As malloc, calloc, realloc, strdup and free, NULL when there is none. A size of 0 gives a pointer
 * that can be released. */
void *memory_allocate(size_t size);
void *memory_allocate_zeroed(size_t count, size_t size);
void *memory_resize(void *memory, size_t size);
char *memory_copy_text(const char *text);
void memory_free(void *memory);

/* A list of `count` elements of `size` bytes with room for one more: the list itself, or a longer
 * one, *capacity being what it holds. NULL without memory: the list is as it was. */
void *memory_grow(void *list, size_t count, size_t *capacity, size_t size);

#endif
