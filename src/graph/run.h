/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node's call: what an operator of the graph sees. Values are on the device (a view of reference-
 * counted storage), on the host (an array), or both. An operator has up to two functions:
 *   host    all inputs are arrays; makes arrays. Serves constants and shapes, and any type.
 *   device  makes tensors by operations of the library, or views.
 * The host's serves where all inputs are on the host and small; else the device's; where that says
 * CLEAT_UNSUPPORTED or CLEAT_TYPE_MISMATCH, as operations do of types that they do not take, the
 * host's after all, which waits for the device. Where the host's says CLEAT_UNSUPPORTED, the
 * device's. A function may look at any input's elements with call_array(), which waits if they are
 * on the device, and marks the run as one that cannot be repeated blindly.
 */
#ifndef CLEAT_GRAPH_RUN_H
#define CLEAT_GRAPH_RUN_H

#include "graph/array.h"
#include "graph/graph.h"

/* Device memory behind values; see storage.h. */
typedef struct storage storage;

typedef enum value_kind {
    VALUE_NONE = 0, /* not there yet, or left out */
    VALUE_TENSOR,
    VALUE_SEQUENCE /* of values; ONNX's optional without an element is VALUE_NONE */
} value_kind;

typedef struct run_value {
    value_kind kind;
    cleat_type type;
    int32_t rank;
    int64_t shape[CLEAT_MAX_RANK];
    array *host;             /* its elements on the host, or NULL */
    storage *memory;         /* what `tensor` views, or NULL */
    cleat_tensor tensor;     /* where memory is not NULL */
    struct run_value *items; /* of a sequence */
    size_t item_count;
} run_value;

/* Gives up what it refers to. */
void value_clear(run_value *v);
/* Another reference to the same; `to` is VALUE_NONE before. */
cleat_status value_copy(const run_value *v, run_value *to);

typedef struct run run;

enum {
    CALL_SCRATCH = 16,
    CALL_SLOTS = 4,
    CALL_SMALL = 65536 /* elements up to which what is all on the host is computed with there */
};

typedef struct call {
    run *run;
    const graph_node *node;
    struct node_state *state; /* graph_program.h */
    cleat_context *context;
    int64_t opset;
    size_t input_count, output_count;
    run_value **inputs; /* NULL: left out */
    run_value *outputs; /* to be made; one that nobody reads may stay VALUE_NONE */
    storage *scratch[CALL_SCRATCH];
    int scratch_count;
    struct call_block *blocks; /* of call_memory() */
} call;

typedef cleat_status (*operator_function)(call *c);

typedef struct operator_entry {
    const char *type; /* "Conv" */
    operator_function host, device;
    size_t least_inputs; /* that must be there */
    size_t most_inputs;
    bool is_random; /* it may draw random numbers, and is not run ahead for constants */
} operator_entry;

/* Whether its input may be a tensor of texts; operators.c has the list. */
bool operator_takes_texts(const operator_entry *entry, size_t input);
/* The operator of this type, or NULL. */
const operator_entry *operator_find(const char *type);
/* One list in each of op_*.c, ended by an entry without a type; operators.c has them all. */

/* status_set() with the node's type and name before the text. */
cleat_status call_refuse(const call *c, cleat_status status, const char *format, ...)
    CLEAT_PRINTF(3, 4);

bool call_has(const call *c, size_t input);
bool call_wants(const call *c, size_t output); /* somebody reads it */
/* The input, which must be there and be a tensor; type and shape are known. */
cleat_status call_input(const call *c, size_t input, const run_value **v);

/* Its elements on the device. Where they are on the host they are brought there, once for a
 * constant. The view lives as long as the call. */
cleat_status call_tensor(call *c, size_t input, cleat_tensor *tensor);
/* Its elements on the host, borrowed until the call ends. */
cleat_status call_array(call *c, size_t input, const array **x);
/* The integers of a small i32 or i64 input of rank 0 or 1, such as axes or a shape. */
cleat_status call_integers(call *c, size_t input, int64_t *numbers, size_t capacity, size_t *count);
/* Axes and the like, that older opsets have as an attribute and newer ones as an input; *count is 0
 * where there is neither. */
cleat_status call_integers_or_attribute(
    call *c, size_t input, const char *attribute, int64_t *numbers, size_t capacity, size_t *count);
/* A number, of a one-element input, or `otherwise` where it is left out. */
cleat_status call_real(call *c, size_t input, double otherwise, double *number);

/* Makes an output. On the device: row-major, elements undefined. */
cleat_status call_output(call *c, size_t output, cleat_type type, int32_t rank,
    const int64_t *shape, cleat_tensor *tensor);
/* The same with an input's type and shape, for operations that may write over that input: in its
 * memory (tensor is call_tensor()'s view then), where the value ends with this node and has no
 * gaps; else a new one in the same order (channels_last.h). An elementwise operator gives the input
 * whose shape the result has. */
cleat_status call_output_over(call *c, size_t output, size_t input, cleat_tensor *tensor);
bool call_ends(const call *c, size_t input); /* whether that can be */
/* On the host: elements to be filled in before the call ends. */
cleat_status call_output_array(
    call *c, size_t output, cleat_type type, int32_t rank, const int64_t *shape, array **x);
/* A view of an input's elements, tensor being made from call_tensor()'s. */
cleat_status call_output_view(call *c, size_t output, size_t input, cleat_tensor view);
/* The input itself. */
cleat_status call_output_same(call *c, size_t output, size_t input);

/* Values that are neither inputs nor outputs, as items of sequences are; VALUE_NONE before, the
 * caller's to clear. A row-major tensor, elements undefined, an array to be filled in, and a view
 * of the elements that x has on the device. */
cleat_status call_new_tensor(
    call *c, cleat_type type, int32_t rank, const int64_t *shape, run_value *v);
cleat_status call_new_array(
    const call *c, cleat_type type, int32_t rank, const int64_t *shape, run_value *v);
void call_new_view(const run_value *x, cleat_tensor view, run_value *v);
/* Brings a tensor's elements to the device or to the host, where they are not there yet. */
cleat_status call_to_device(call *c, run_value *v);
cleat_status call_to_host(call *c, run_value *v);

/* What was fused into the node (graph.h), as options of an operation: what is not there is NULL or
 * none. The views live as long as the call, and as this struct. */
typedef struct call_epilogue {
    cleat_tensor bias_view, residual_view;
    const cleat_tensor *bias, *residual;
    cleat_activation activation;
    const float *parameters;
} call_epilogue;

/* For a result of this shape; CLEAT_UNSUPPORTED, without words, where something that is added does
 * not fit into it. */
cleat_status call_epilogue_of(
    call *c, int32_t rank, const int64_t *shape, cleat_type type, call_epilogue *e);

/* How many inputs and outputs the graph of an attribute has, which must be there. */
cleat_status call_graph_counts(
    const call *c, const char *attribute, size_t *input_count, size_t *output_count);
/* Runs the graph of an attribute on these values, of which there are as many as it has inputs;
 * outputs, VALUE_NONE before, are the caller's to clear. */
cleat_status call_graph(call *c, const char *attribute, size_t input_count, const run_value *inputs,
    size_t output_count, run_value *outputs);

/* Device memory for between, row-major, until the call ends. */
cleat_status call_scratch(
    call *c, cleat_type type, int32_t rank, const int64_t *shape, cleat_tensor *tensor);

/* Host memory for `count` elements of `size` bytes, zeroed, until the call ends. */
cleat_status call_memory(call *c, int64_t count, size_t size, void **memory);
/* The input's elements as numbers, the caller's to change, until the call ends; *x: see
 * call_array(). Integers from 2^53 on are rounded. */
cleat_status call_numbers(call *c, size_t input, double **numbers, const array **x);
void call_free_memory(call *c);

/* Whether this is no run, but constants are worked out beforehand. */
bool call_is_ahead(const call *c);

/* Something kept with the node for the model's life, such as packed weights: *kept is NULL first,
 * and what is put there is given to `release` at the end. Only for inputs that are constants. */
bool call_is_constant(const call *c, size_t input);
cleat_status call_keep(call *c, int slot, void (*release)(void *), void ***kept);

#endif
