/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gradients: nodes that are added to a graph so that it also computes how a value depends on
 * others. Each operator that has a gradient has an entry in a list beside it (gradients_conv[] in
 * op_conv.c, ...). What an entry says is enough for most:
 *
 * A gradient's node has the type and attributes of the operator's node, so that the operator's own
 * functions read them, and calls entry->node.device. Its inputs are those of the operator's node at
 * their places, as far as `reads` names them, up to the most that the operator takes; then the
 * operator's first result (with GRADIENT_RESULT), then dy, the gradient of that. Output i is the
 * gradient of input i, made where call_wants(c, i).
 *
 * Where an entry has a rule, that adds the nodes instead.
 */
#ifndef CLEAT_GRAPH_GRADIENT_H
#define CLEAT_GRAPH_GRADIENT_H

#include "graph/run.h"

typedef struct gradient_builder gradient_builder;
/* Adds what the node's outputs' gradients mean to its inputs, by gradient_add(). */
typedef cleat_status (*gradient_rule)(gradient_builder *b, size_t node);

enum { GRADIENT_ALL = 0xffff, GRADIENT_RESULT = 0x10000 };

typedef struct gradient_entry {
    operator_entry node; /* its type is the operator's; a host function there is none */
    uint32_t gives;     /* bit i: input i has a gradient; of GRADIENT_ALL bit 15 means all others */
    uint32_t reads;     /* bit i: input i is read */
    gradient_rule rule; /* NULL: a node as above */
} gradient_entry;

/* The node of an entry. */
#define GRADIENT_NODE(type, function)                                                              \
    { type, NULL, function, 0, SIZE_MAX, false }

/* The entry of an operator; NULL where it has none. */
const gradient_entry *gradient_find(const char *type);
/* Whether an input has a gradient by an entry's mask. */
bool gradient_has(uint32_t mask, size_t input);
/* Whether nothing depends on the operator's results but by steps: shapes, tests, places. */
bool gradient_is_none(const char *type);

/* ---- For rules ---- */

struct gradient_builder {
    cleat_graph *graph;
    size_t value_count; /* before anything was added */
    bool *is_wanted;    /* of these values: it depends on one whose gradient is wanted */
    int32_t *sum;       /* of these: the gradient, so far */
};

/* The gradient of a value, NO_VALUE where there is none. */
int32_t gradient_of(const gradient_builder *b, int32_t value);
bool gradient_wants(const gradient_builder *b, int32_t value);
/* Adds `part` to the gradient of a value. */
cleat_status gradient_add(gradient_builder *b, int32_t value, int32_t part);
/* The node that an entry describes, for the operator's node; its parts are added. `result` is the
 * input before dy, `dy` the last. *made: the node added. */
cleat_status gradient_add_node(gradient_builder *b, size_t node, const gradient_entry *entry,
    int32_t result, int32_t dy, size_t *made);
cleat_status gradient_new_value(gradient_builder *b, int32_t *value);
/* Any node of values, whose outputs are new; *made as above. */
cleat_status gradient_new_node(gradient_builder *b, const char *type, const char *name,
    size_t input_count, const int32_t *inputs, size_t output_count, size_t *made);

/* ---- Around rules ---- */

/* A builder for which nothing is wanted yet; gradients_end() it, after a failure, too. */
cleat_status gradients_begin(cleat_graph *graph, gradient_builder *b);
/* Adds the gradients of what is wanted to the graph, where `of` depends on it. */
cleat_status gradients_build(gradient_builder *b, int32_t of);
void gradients_end(gradient_builder *b);

/* ---- For the functions of gradients' nodes ---- */

/* dy on the device, and the operator's result. */
cleat_status gradient_tensor(call *c, cleat_tensor *dy);
cleat_status gradient_result(call *c, cleat_tensor *y);
size_t gradient_place(const call *c); /* which input dy is */
/* A new output: the gradient of an input, of its type and shape. */
cleat_status gradient_output(call *c, size_t input, cleat_tensor *dx);
/* The same where it is wanted, else *wanted NULL; for operations that take pointers. */
cleat_status gradient_output_if(
    call *c, size_t input, cleat_tensor *dx, const cleat_tensor **wanted);
/* The same in dy's memory, if that ends here; of an input of dy's shape. */
cleat_status gradient_output_over(call *c, size_t input, cleat_tensor *dx);
/* The gradient of an input: x, which has the result's type, summed over the axes along which the
 * input is broadcast to x's shape. */
cleat_status gradient_sum_to(call *c, size_t input, cleat_tensor x);
/* dy itself as the gradient of an input that was broadcast to its shape. */
cleat_status gradient_pass_on(call *c, size_t input);

#endif
