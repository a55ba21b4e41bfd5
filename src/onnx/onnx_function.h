/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions that a model brings along: a node that calls one becomes the function's own nodes. What
 * a function calls its inputs and outputs is what the call gives for them, every other name is the
 * call's own.
 */
#ifndef CLEAT_ONNX_ONNX_FUNCTION_H
#define CLEAT_ONNX_ONNX_FUNCTION_H

#include "onnx/onnx_reader.h"
#include "onnx_subset.pb-c.h"

/* Calls within each other, what a function takes and gives, and the nodes that all calls make, and
 * their bytes; more are refused. */
enum {
    MOST_CALLS = 32,
    MOST_PARAMETERS = 1000,
    MOST_CALLED_NODES = 1 << 20,
    MOST_CALLED_BYTES = 1 << 28
};

/* What calls made so far. */
typedef struct call_counts {
    size_t calls, nodes, bytes;
} call_counts;

typedef struct function_list {
    Onnx__Function **functions; /* in the order of domains and names, once they are all there */
    size_t count, capacity;
    call_counts *called;
} function_list;

/* Adds a FunctionProto; function_list_sort() when all are there. */
cleat_status function_list_add(function_list *list, source *s, range bytes);
cleat_status function_list_sort(function_list *list, int64_t opset);
void function_list_free(function_list *list);
/* The function that the node calls, or NULL. */
const Onnx__Function *function_called(const function_list *list, const Onnx__Node *node);

/* Adds the function's nodes to the graph. */
cleat_status call_function(const onnx_reader *r, const Onnx__Function *function,
    const Onnx__Node *node, int depth, cleat_graph *graph);

/* Inside a function, puts in place of a name, which is in host memory of its own, what it stands
 * for. Outside, and without a name, nothing. */
cleat_status rename_value(const onnx_reader *r, char **name);
/* The attribute that this one refers to, or itself; NULL: the call has none of the name. */
cleat_status attribute_meant(
    const onnx_reader *r, const Onnx__Attribute *from, const Onnx__Attribute **meant);

#endif
