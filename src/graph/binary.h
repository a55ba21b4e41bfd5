/* SPDX-License-Identifier: Apache-2.0 */
/* What operators of two operands compute, on the host and on the device. */
#ifndef CLEAT_GRAPH_BINARY_H
#define CLEAT_GRAPH_BINARY_H

#include "graph/numbers.h"

typedef number (*binary_function)(number a, number b);
typedef cleat_status (*binary_operation)(
    cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y);

/* NULL: not of such numbers, or not there. */
typedef struct binary {
    const char *type;
    binary_function real, integer, natural;
    binary_operation operation;
    bool is_test;    /* gives bool */
    bool is_logical; /* takes bool and nothing else */
} binary;

const binary *binary_named(const char *type); /* NULL: there is none */
/* What the call's node computes; there is such an entry for each of operators_arithmetic. */
const binary *binary_find(const call *c);
/* Its function of elements of this type; CLEAT_TYPE_MISMATCH where there is none. */
cleat_status binary_function_of(
    const call *c, const binary *b, cleat_type type, binary_function *function);

/*
 * The second operand's shape as it is broadcast. Before opset 7 it stood at the first's axis
 * `axis`, or at the end, if `broadcast` said that it is stretched at all.
 */
cleat_status binary_second_shape(const call *c, int32_t *rank, int64_t *shape);

#endif
