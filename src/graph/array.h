/* SPDX-License-Identifier: Apache-2.0 */
/* Elements in host memory: constants, shapes, and what depends on them alone. */
#ifndef CLEAT_GRAPH_ARRAY_H
#define CLEAT_GRAPH_ARRAY_H

#include "core/tensor_check.h"
#include <cleat/tensor.h>
#include <stdatomic.h>

/* Row-major, without gaps; reference-counted, and not written to once it is shared. */
typedef struct array {
    atomic_size_t references;
    cleat_type type;
    int32_t rank;
    int64_t shape[CLEAT_MAX_RANK];
    int64_t count; /* elements */
    void *elements;
} array;

/* New, elements undefined, with one reference. `what` is for messages. */
cleat_status array_create(
    const char *what, cleat_type type, int32_t rank, const int64_t *shape, array **made);
void array_retain(array *x);  /* NULL is accepted */
void array_release(array *x); /* NULL is accepted */
/* Bytes of the elements. */
size_t array_size(const array *x);

/* Element i as a number: of an integer type exactly with array_integer(), 16-bit floating-point
 * types included in array_real(). Values that an i64 has no room for are clamped. */
int64_t array_integer(const array *x, int64_t i);
double array_real(const array *x, int64_t i);
/* Stores a number: towards zero and wrapped into integer types, rounded into floating-point ones.
 */
void array_set_integer(array *x, int64_t i, int64_t value);
void array_set_real(array *x, int64_t i, double value);

#endif
