/* SPDX-License-Identifier: Apache-2.0 */
/* What a graph is made of. Values are numbered; a node names them by their numbers. */
#ifndef CLEAT_GRAPH_GRAPH_H
#define CLEAT_GRAPH_GRAPH_H

#include "core/status.h"
#include "graph/array.h"
#include <cleat/activation.h>
#include <cleat/graph.h>

enum { NO_VALUE = -1 }; /* an input or output that is left out */

typedef struct graph_attribute {
    char *name;
    cleat_attribute_kind kind;
    size_t count;
    int64_t *integers;
    float *floats;
    char **texts;
    array *tensor;
    cleat_graph *graph;
} graph_attribute;

typedef struct graph_value {
    char *name;
    array *constant;               /* its elements, NULL where they are not known */
    int32_t writer;                /* the node that writes it, -1: none */
    bool is_input;                 /* of the graph */
    bool is_parameter;             /* kept by the model; of declared type and shape */
    bool is_changed;               /* a node that is an update writes over it */
    array *initial;                /* of a parameter; NULL: zeros */
    cleat_type type;               /* as declared; 0: any */
    int32_t rank;                  /* as declared; -1: any */
    int64_t shape[CLEAT_MAX_RANK]; /* -1: any */
    char **axes;                   /* names of axes, CLEAT_MAX_RANK of them, or NULL */
} graph_value;

struct operator_entry;

/*
 * What a node computes besides, after those behind it were fused into it (fuse.h):
 *     first output = activation(its own result + input `bias` + input `residual`)
 * The operator's device function does so, call_epilogue_of() in run.h helps it; where it says
 * CLEAT_UNSUPPORTED the nodes run one by one, so that its host function need not know.
 */
#define FUSED_PARTS "(fused parts)" /* the attribute with the nodes as they were */
typedef struct chain_step {
    int kind;         /* as ops/elementwise_chain.h has them */
    size_t input;     /* of the node: the other operand */
    bool is_channels; /* which has one number for each index of axis 1 */
} chain_step;

typedef struct node_fusion {
    bool is_fused;
    int chain_count; /* of a node "(chain)": what its input 0 goes through, before the activation */
    chain_step chain[3];
    size_t bias, residual; /* which inputs, 0: none; added by the rule of NumPy */
    cleat_activation activation;
    float parameters[2]; /* the activation's, all that it has */
    size_t mask, values; /* of a node "(attention)": which inputs, mask 0: none */
    float scale;         /* of it: what products are multiplied with */
    int64_t axis;        /* of its Softmax */
} node_fusion;

typedef struct graph_node {
    char *type, *name; /* name "" where there is none */
    const struct operator_entry *entry;
    size_t input_count, output_count, attribute_count;
    int32_t *inputs, *outputs; /* values */
    graph_attribute *attributes;
    node_fusion fusion; /* zero where nothing was fused */
    bool is_gradient;   /* of an operator of this type (gradient.h), which it is not itself */
    bool is_update;     /* it writes over parameters that it reads, after all others have run */
} graph_node;

struct cleat_graph {
    atomic_size_t references;
    bool is_settled; /* a model was made of it: it does not change any more */
    int64_t opset;
    size_t value_count, value_capacity, node_count, node_capacity;
    graph_value *values;
    graph_node *nodes;
    size_t input_count, output_count;
    int32_t *inputs, *outputs; /* values, in the graph's order */
    int32_t *table;            /* values by their names' hashes, NO_VALUE: free */
    size_t table_size;         /* a power of two */
};

/* The value of this name, made where there is none yet. */
cleat_status graph_value_named(cleat_graph *graph, const char *name, int32_t *value);
/* Its number; NO_VALUE where there is none. */
int32_t graph_find_value(const cleat_graph *graph, const char *name);

/* Attributes of a node, `otherwise` where it has none of this name and kind. */
const graph_attribute *attribute_find(
    const graph_node *node, const char *name, cleat_attribute_kind kind);
int64_t attribute_int(const graph_node *node, const char *name, int64_t otherwise);
float attribute_float(const graph_node *node, const char *name, float otherwise);
/* Borrowed. */
const char *attribute_text(const graph_node *node, const char *name, const char *otherwise);
/* The numbers of CLEAT_ATTRIBUTE_INTS, *count of them; NULL and 0 where there is no such attribute.
 */
const int64_t *attribute_ints(const graph_node *node, const char *name, size_t *count);
const float *attribute_floats(const graph_node *node, const char *name, size_t *count);

#endif
