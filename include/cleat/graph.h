/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks as graphs: nodes that are ONNX's operators (onnx.ai/onnx/operators, opsets 6 to 17),
 * values that nodes read and write. A cleat_graph is a description, without a device; a cleat_model
 * is a graph made ready to run on a context.
 *
 *     cleat_graph *graph;
 *     cleat_graph_create(17, &graph);
 *     cleat_graph_input(graph, "x", CLEAT_F32, 2, (int64_t[]){-1, 784});
 *     cleat_graph_constant(graph, "w", CLEAT_F32, 2, (int64_t[]){784, 10}, weights);
 *     cleat_graph_node(graph, "MatMul", NULL, 2, (const char *[]){"x", "w"}, 1,
 *         (const char *[]){"scores"}, 0, NULL);
 *     cleat_graph_output(graph, "scores");
 *     cleat_model *model;
 *     cleat_model_create(context, graph, NULL, &model);
 *     cleat_graph_release(graph);
 *     cleat_tensor scores = {0};
 *     cleat_model_run(model, &x, 1, &scores, 1);
 *
 * <cleat/onnx.h> makes a graph of a file.
 */
#ifndef CLEAT_GRAPH_H
#define CLEAT_GRAPH_H

#include <cleat/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- A graph under construction. One thread at a time. ---- */

typedef struct cleat_graph cleat_graph;

/*
 * An empty graph whose nodes mean what ONNX's operators do in this version of their set, 1 to 17;
 * newer ones are taken as far as an operator has not changed. The caller owns the one reference;
 * cleat_graph_release() frees it, NULL is accepted.
 */
CLEAT_API cleat_status cleat_graph_create(int64_t opset, cleat_graph **graph);
CLEAT_API void cleat_graph_release(cleat_graph *graph);

/*
 * An input of the graph, in the order of these calls. `type` 0: any; rank -1: any, and shape NULL;
 * an extent of -1: any, from run to run. All texts given to a graph are copied. A model with an
 * input of CLEAT_TEXT is run by cleat_model_run_values().
 */
CLEAT_API cleat_status cleat_graph_input(
    cleat_graph *graph, const char *name, cleat_type type, int32_t rank, const int64_t *shape);

/* A value that is known: row-major elements, copied; of CLEAT_TEXT a const char * each, ended by
 * zero. */
CLEAT_API cleat_status cleat_graph_constant(cleat_graph *graph, const char *name, cleat_type type,
    int32_t rank, const int64_t *shape, const void *elements);

/* The same without its elements, which the caller writes to *elements before the graph's next call.
 * CLEAT_UNSUPPORTED for texts. */
CLEAT_API cleat_status cleat_graph_constant_space(cleat_graph *graph, const char *name,
    cleat_type type, int32_t rank, const int64_t *shape, void **elements);

/* Makes a value an output of the graph, in the order of these calls. */
CLEAT_API cleat_status cleat_graph_output(cleat_graph *graph, const char *name);

/*
 * What else is known of a value: of an output its type, rank and shape, as of inputs, and of any
 * value names of axes, such as "batch", each NULL or "" where it has none; `axes` itself may be
 * NULL. Inputs, parameters and constants keep their type and shape. Runs do not look at it;
 * cleat_model_input_info() and cleat_model_output_info() tell it. CLEAT_INVALID_ARGUMENT,
 * CLEAT_OUT_OF_HOST_MEMORY.
 */
CLEAT_API cleat_status cleat_graph_describe(cleat_graph *graph, const char *name, cleat_type type,
    int32_t rank, const int64_t *shape, const char *const *axes);

typedef enum cleat_attribute_kind {
    CLEAT_ATTRIBUTE_INT = 1, /* integers[0] */
    CLEAT_ATTRIBUTE_FLOAT,   /* floats[0] */
    CLEAT_ATTRIBUTE_TEXT,    /* texts[0] */
    CLEAT_ATTRIBUTE_INTS,
    CLEAT_ATTRIBUTE_FLOATS,
    CLEAT_ATTRIBUTE_TEXTS,
    CLEAT_ATTRIBUTE_TENSOR, /* the four fields behind `texts` */
    CLEAT_ATTRIBUTE_GRAPH   /* `graph`, of an If, a Loop or a Scan; the node takes over the caller's
                               reference, also when it is refused */
} cleat_attribute_kind;

typedef struct cleat_attribute {
    const char *name;
    cleat_attribute_kind kind;
    size_t count; /* of integers, floats or texts */
    const int64_t *integers;
    const float *floats;
    const char *const *texts;
    cleat_type type; /* of CLEAT_ATTRIBUTE_TENSOR */
    int32_t rank;
    const int64_t *shape;
    const void *elements;
    cleat_graph *graph;
    uint64_t reserved[4];
} cleat_attribute;

/*
 * A node. `type`: "Conv", ...; `name`: of the node itself, for messages, or NULL. An input or
 * output that is left out is "" or NULL. Inputs are names of inputs, constants and outputs of
 * earlier or later nodes, in the graph of an If, a Loop or a Scan also those of the graphs around
 * it; each name is written once. What does not fit together is found when a model is made. Errors:
 * CLEAT_INVALID_ARGUMENT, CLEAT_OUT_OF_HOST_MEMORY.
 */
CLEAT_API cleat_status cleat_graph_node(cleat_graph *graph, const char *type, const char *name,
    size_t input_count, const char *const *inputs, size_t output_count, const char *const *outputs,
    size_t attribute_count, const cleat_attribute *attributes);

/* ---- A model ---- */

/* One run at a time: calls of several threads wait for each other. In a forked child of the process
 * that made its context a model can only be released; the rest gives CLEAT_DEVICE_LOST. */
typedef struct cleat_model cleat_model;

typedef struct cleat_model_options {
    /* How many runs are kept recorded, each for inputs of other shapes: when the same shapes come
     * for the third time what was enqueued is enqueued again, without work or memory for anything
     * else. A model that looks at results on the way, or draws random numbers, works every run out.
     * The recording used least recently goes. 0: 4; negative: none. Up to 1024. */
    int32_t recordings;
    /* Every node by itself. Else the model is made of a copy of the graph in which fewer nodes
     * compute the same but for rounding: factors and terms of channels (BatchNormalization) go into
     * the weights of the product before, what is added and activations into the product, and what
     * passes a value on goes. */
    bool no_fusion;
    uint64_t reserved[15];
} cleat_model_options;

/*
 * Makes a graph ready to run: orders its nodes, works out what depends on constants alone, and
 * brings weights to the device. The graph may be released afterwards, but does not change any more.
 * Errors, naming the node:
 * CLEAT_INVALID_ARGUMENT (a value that nobody writes, a cycle), CLEAT_UNSUPPORTED (an operator that
 * is not there), what the operators return for constants, CLEAT_OUT_OF_HOST_MEMORY,
 * CLEAT_OUT_OF_DEVICE_MEMORY.
 */
CLEAT_API cleat_status cleat_model_create(cleat_context *context, cleat_graph *graph,
    const cleat_model_options *options, cleat_model **model);
CLEAT_API void cleat_model_release(cleat_model *model); /* NULL is accepted */

/* What is known of an input or output before a run: extents of -1 depend on it. */
typedef struct cleat_value_info {
    const char *name; /* borrowed from the model */
    cleat_type type;  /* 0: not known */
    int32_t rank;     /* -1: not known */
    int64_t shape[CLEAT_MAX_RANK];
    const char *axes[CLEAT_MAX_RANK]; /* names of axes, borrowed, NULL where one has none */
} cleat_value_info;

CLEAT_API size_t cleat_model_input_count(const cleat_model *model);
CLEAT_API size_t cleat_model_output_count(const cleat_model *model);
/* CLEAT_INVALID_ARGUMENT when there is no such input or output. */
CLEAT_API cleat_status cleat_model_input_info(
    const cleat_model *model, size_t index, cleat_value_info *info);
CLEAT_API cleat_status cleat_model_output_info(
    const cleat_model *model, size_t index, cleat_value_info *info);

/*
 * Runs the model. inputs[i] is a tensor on the model's device for its i-th input, whose buffer is
 * only read; shapes may differ from call to call as far as the graph lets them. outputs[i] receives
 * the i-th output: into the tensor that is there, of the right type and shape, or, where its buffer
 * is NULL, as a new row-major tensor, which the caller releases (cleat_tensor_release()). When the
 * call fails new ones are released again. Only enqueues, but for models that need a result to go
 * on. Errors, naming the node: CLEAT_INVALID_ARGUMENT, CLEAT_SHAPE_MISMATCH, CLEAT_TYPE_MISMATCH,
 * CLEAT_UNSUPPORTED, and what operations return.
 */
CLEAT_API cleat_status cleat_model_run(cleat_model *model, const cleat_tensor *inputs,
    size_t input_count, cleat_tensor *outputs, size_t output_count);

/* ---- Values that need not be tensors on the device: ONNX's sequences and optional values, and
 * tensors of texts ---- */

typedef enum cleat_value_kind {
    CLEAT_VALUE_NONE = 0, /* an optional value that is not there */
    CLEAT_VALUE_TENSOR,
    CLEAT_VALUE_SEQUENCE,
    CLEAT_VALUE_TEXTS /* a tensor of texts, in host memory */
} cleat_value_kind;

typedef struct cleat_value {
    cleat_value_kind kind;
    cleat_tensor tensor;       /* of CLEAT_VALUE_TENSOR; rank and shape of CLEAT_VALUE_TEXTS */
    size_t count;              /* of items of CLEAT_VALUE_SEQUENCE, or of texts */
    struct cleat_value *items; /* up to 8 sequences within each other */
    const char *const *texts;  /* of CLEAT_VALUE_TEXTS: row-major, each ended by zero */
    uint64_t reserved[3];
} cleat_value;

/*
 * cleat_model_run() for models with such inputs or outputs. Inputs are only read, texts until the
 * call returns. What outputs[i] holds before does not matter; afterwards it is the caller's to
 * release with cleat_value_release(), texts and all, but where the call fails nothing is. Each run
 * is worked out anew. Errors as above.
 */
CLEAT_API cleat_status cleat_model_run_values(cleat_model *model, const cleat_value *inputs,
    size_t input_count, cleat_value *outputs, size_t output_count);

/* Releases what a run has put there, items and all, and leaves zeros. NULL is accepted. */
CLEAT_API void cleat_value_release(cleat_value *value);

/* ---- What it takes ---- */

/* What a model holds, and what its last run took. Bytes are of device memory. */
typedef struct cleat_model_statistics {
    uint64_t nodes;          /* that a run goes through: after folding and fusion */
    uint64_t recordings;     /* kept at the moment */
    uint64_t launches;       /* kernels and transfers of a run that was recorded, else 0 */
    uint64_t weight_bytes;   /* constants and parameters, without what is kept packed */
    uint64_t value_bytes;    /* of what lies between: all of it together */
    uint64_t peak_bytes;     /* and what it takes, sharing memory */
    uint64_t constant_bytes; /* constants that nodes read, wherever they are */
    uint64_t reserved[7];
} cleat_model_statistics;

/* CLEAT_INVALID_ARGUMENT, CLEAT_DEVICE_LOST. Waits for a run of another thread's. */
CLEAT_API cleat_status cleat_model_get_statistics(
    cleat_model *model, cleat_model_statistics *statistics);

#ifdef __cplusplus
}
#endif

#endif
