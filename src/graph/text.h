/* SPDX-License-Identifier: Apache-2.0 */
/* Elements of CLEAT_TEXT: texts, on the host alone, ended by zero, which arrays share. */
#ifndef CLEAT_GRAPH_TEXT_H
#define CLEAT_GRAPH_TEXT_H

#include "graph/array.h"

/* What an array of CLEAT_TEXT has pointers to; NULL is the empty text. */
typedef struct shared_text {
    atomic_size_t references;
    char characters[];
} shared_text;

/* Borrowed from the array. */
const char *array_text(const array *x, int64_t i);
/* A copy of `length` characters, none of them zero. `what` is for messages. */
cleat_status array_set_text(
    const char *what, array *x, int64_t i, const char *characters, size_t length);
/* Copies of all elements, row-major; one that is NULL is refused. */
cleat_status array_set_texts(const char *what, array *x, const char *const *texts);

/* array_move() of texts. */
void texts_move(const array *x, int64_t i, array *y, int64_t k, int64_t count);
/* Gives them all up; nothing where the array is of another type. */
void texts_clear(array *x);

#endif
