/* SPDX-License-Identifier: Apache-2.0 */
/* Looking into graphs and models: what is missing for a graph, and what each node of a run makes.
 */
#ifndef CLEAT_INSPECT_H
#define CLEAT_INSPECT_H

#include <cleat/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A node whose operator Cleat does not have; texts are borrowed from the graph. */
typedef struct cleat_missing_node {
    const char *type;
    const char *name;   /* "" where it has none */
    const char *output; /* its first output's name, "" */
    int32_t depth;      /* 0; in the graph of an If, a Loop or a Scan 1, and so on */
    uint64_t reserved[4];
} cleat_missing_node;

/* The first `capacity` of them (nodes may be NULL when it is 0), those of inner graphs behind the
 * node that has these; *count: how many there are. CLEAT_INVALID_ARGUMENT. */
CLEAT_API cleat_status cleat_graph_missing(
    const cleat_graph *graph, size_t capacity, cleat_missing_node *nodes, size_t *count);

/* What a node has read and made. Everything is borrowed and holds during the call. */
typedef struct cleat_node_info {
    const char *type;
    const char *name; /* "" where it has none */
    int32_t depth;    /* as above */
    bool is_on_host;  /* none of its results is in the device's memory */
    size_t input_count, output_count;
    const cleat_value_info *inputs; /* name "": left out; type 0: no tensor */
    const cleat_value_info *outputs;
    uint64_t parameters;      /* elements of those inputs that do not change from run to run */
    uint64_t parameter_bytes; /* theirs */
    uint64_t output_bytes;    /* what the results take, views of an input included */
    uint64_t reserved[4];
} cleat_node_info;

typedef void (*cleat_node_watcher)(void *data, const cleat_node_info *info);

/*
 * From now on the model's runs go node by node and `watcher` is called behind each, in the thread
 * of the run; NULL: not any more, runs are repeated again. Nodes are those that a run goes through:
 * what depends on constants alone is not among them, and without cleat_model_options.no_fusion
 * several may have become one. The watcher may ask the context, as with cleat_profile(), but not
 * the model. Waits for a run of another thread's. Errors: CLEAT_INVALID_ARGUMENT,
 * CLEAT_DEVICE_LOST.
 */
CLEAT_API cleat_status cleat_model_watch(
    cleat_model *model, cleat_node_watcher watcher, void *data);

#ifdef __cplusplus
}
#endif

#endif
