/* SPDX-License-Identifier: Apache-2.0 */
/* One node of a graph, run on the device and on the host, for the tests of operators. */
#ifndef CLEAT_TESTS_GRAPH_CASE_H
#define CLEAT_TESTS_GRAPH_CASE_H

#include "harness.h"

enum { CASE_MOST = 10, CASE_TYPES = 13 };

/* All types, in the order of cleat_type. */
extern const cleat_type case_types[CASE_TYPES];
bool case_is_floating(cleat_type type);
bool case_is_signed(cleat_type type); /* integers alone */

/* Elements on the host; type 0: left out. */
typedef struct case_value {
    cleat_type type;
    int32_t rank;
    int64_t shape[CLEAT_MAX_RANK];
    const void *elements; /* row-major */
    bool is_constant;     /* of the graph, also where the node runs on the device */
} case_value;

typedef struct graph_case {
    const char *type;
    int64_t opset;                                     /* 0: 17 */
    bool is_strided;                                   /* inputs on the device */
    size_t input_count, attribute_count, output_count; /* outputs 0: 1 */
    case_value inputs[CASE_MOST];
    cleat_attribute attributes[CASE_MOST];
} graph_case;

/* What a node gave. */
typedef struct case_result {
    cleat_type type;
    int32_t rank;
    int64_t shape[CLEAT_MAX_RANK];
    int64_t count;
    void *elements;
} case_result;

/* Inputs on the device, as far as they are no constants, or all of them constants: these are
 * computed with on the host, when the model is made. */
typedef enum case_place { CASE_DEVICE, CASE_HOST } case_place;
extern const case_place case_places[2];

/* Runs the node, named "the node"; results are the caller's to free. */
cleat_status case_run(const graph_case *g, case_place place, case_result *results);
void case_free(case_result *results, size_t count);

/* The elements as numbers; free() them. */
double *case_doubles(cleat_type type, const void *elements, int64_t count);
/* Elements of a type from numbers; free() them. */
void *case_elements(cleat_type type, const double *numbers, int64_t count);
/* The number that the type has for an integer: of integer types, two's complement. */
double case_wrapped(cleat_type type, double x);
/* Numbers drawn that every type but bool holds, 0 .. most in unsigned types; free() them. */
double *case_draw(cleat_type type, int64_t count, int most);

/* Runs it; the first output has this type, shape and these elements, but for `relative` of them, or
 * both NaN. */
void case_expect_at(const graph_case *g, case_place place, cleat_type type, int32_t rank,
    const int64_t *shape, const double *numbers, double relative);
/* The same in both places. */
void case_expect(const graph_case *g, cleat_type type, int32_t rank, const int64_t *shape,
    const double *numbers, double relative);
/* On the host, and where the first input is f32 or the turn's type, on the device: kernels have
 * tests of their own, and take long to compile. */
void case_expect_turn(const graph_case *g, int turn, cleat_type type, int32_t rank,
    const int64_t *shape, const double *numbers, double relative);
/* Runs it in both places, where it is refused and the message names the node and contains this. */
void case_refused(const graph_case *g, cleat_status status, const char *part);

/* For operators that move elements: the first input, of a type drawn, becomes so many elements of
 * x, whose places in x `source` has, -1 for the number `otherwise`. In both places, strided or not.
 * The case's other inputs are set. */
void case_expect_moved(
    graph_case *g, int32_t rank, const int64_t *shape, const int64_t *source, double otherwise);
/* A constant input of i64 numbers, of rank 1. */
case_value case_integers(int64_t count, const int64_t *numbers);

cleat_attribute case_int(const char *name, const int64_t *number);
cleat_attribute case_ints(const char *name, size_t count, const int64_t *numbers);
cleat_attribute case_float(const char *name, const float *number);
cleat_attribute case_text(const char *name, const char *const *text);

/* ---- Shapes ---- */
int64_t case_count(int32_t rank, const int64_t *shape);
/* A shape of the whole rank with extents up to `most`, sometimes 0 if wanted. */
void case_shape(int32_t rank, int64_t most, bool with_zero, int64_t *shape);
/* Where index[] lies in a row-major tensor. */
int64_t case_place_of(int32_t rank, const int64_t *shape, const int64_t *index);
/* index[] of the i-th element. */
void case_index_of(int32_t rank, const int64_t *shape, int64_t i, int64_t *index);

#endif
