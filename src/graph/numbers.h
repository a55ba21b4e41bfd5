/* SPDX-License-Identifier: Apache-2.0 */
/* Computing on the host with elements of every type: integers exactly, in 64 bits. */
#ifndef CLEAT_GRAPH_NUMBERS_H
#define CLEAT_GRAPH_NUMBERS_H

#include "graph/run.h"

typedef enum number_kind {
    NUMBER_REAL,    /* floating-point types */
    NUMBER_INTEGER, /* integers but u64, and bool */
    NUMBER_NATURAL  /* u64 */
} number_kind;

typedef union number {
    double real;
    int64_t integer;
    uint64_t natural;
} number;

number_kind number_kind_of(cleat_type type);

/* `count` elements of x as numbers of its type's kind, from the i-th on, `step` apart. */
void numbers_load(const array *x, int64_t i, int64_t step, int64_t count, number *numbers);
/* Into neighbouring elements: rounded into floating-point types; of integers the lower bits, to
 * bool whether it is not 0. */
void numbers_store(array *y, int64_t i, int64_t count, const number *numbers);

/* A number of `from` as one of `to`, as cleat_cast() has it: out of an integer type's range its
 * nearest end, between integers the lower bits. */
number number_cast(number x, cleat_type from, cleat_type to);

/* Whether a comes before b; NaN comes last and is equal to itself. < 0, 0, > 0. */
int number_order(number_kind kind, number a, number b);

/* ---- Elements of several arrays together, broadcast ---- */

enum { WALK_MOST = 3, WALK_ROW = 256 };

/*
 *     for (walk_begin(&w, ...); w.count > 0; walk_next(&w)) { ... }
 * visits the elements of a shape in row-major order, up to WALK_ROW at a time, which lie in a row
 * of the last axis.
 */
typedef struct walk {
    int32_t rank;
    int64_t shape[CLEAT_MAX_RANK], index[CLEAT_MAX_RANK];
    int operands;
    int64_t steps[WALK_MOST][CLEAT_MAX_RANK];
    int64_t count;           /* elements now */
    int64_t to;              /* the first of them, in row-major order */
    int64_t from[WALK_MOST]; /* the first of them in each operand */
    int64_t step[WALK_MOST]; /* between neighbours there */
} walk;

/* Operands of these shapes, which broadcast to the whole. */
void walk_begin(walk *w, int32_t rank, const int64_t *shape, int operands, const int32_t *ranks,
    const int64_t *const *shapes);
void walk_next(walk *w);

#endif
