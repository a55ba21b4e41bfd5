/* SPDX-License-Identifier: Apache-2.0 */
/* Elements in host memory: constants, shapes, and what depends on them alone. */
#ifndef CLEAT_GRAPH_ARRAY_H
#define CLEAT_GRAPH_ARRAY_H

#include "core/tensor_check.h"
#include <cleat/tensor.h>
#include <stdatomic.h>

/* Row-major, without gaps; reference-counted, and not written to once it is shared. Elements of
 * CLEAT_TEXT: see text.h. */
typedef struct array {
    atomic_size_t references;
    cleat_type type;
    int32_t rank;
    int64_t shape[CLEAT_MAX_RANK];
    int64_t count; /* elements */
    void *elements;
} array;

/* New, elements undefined, texts empty, with one reference. `what` is for messages. */
cleat_status array_create(
    const char *what, cleat_type type, int32_t rank, const int64_t *shape, array **made);
/* Fills it: row-major elements as users give them, of CLEAT_TEXT a const char * each. */
cleat_status array_copy_elements(const char *what, array *x, const void *elements);
void array_retain(array *x);  /* NULL is accepted */
void array_release(array *x); /* NULL is accepted */
/* Bytes of an element, and of all elements; what moves texts counts them: pick.h, text.h. */
size_t array_element_size(cleat_type type);
size_t array_size(const array *x);

/* Element i as a number: of an integer type exactly with array_integer(), 16-bit floating-point
 * types included in array_real(). Values that an i64 has no room for are clamped; a text is 0:
 * prepare_call() lets none come to operators that compute. */
int64_t array_integer(const array *x, int64_t i);
double array_real(const array *x, int64_t i);
/* Stores a number: towards zero and wrapped into integer types, rounded into floating-point ones.
 */
void array_set_integer(array *x, int64_t i, int64_t value);
void array_set_real(array *x, int64_t i, double value);

#endif
