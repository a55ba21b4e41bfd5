/* SPDX-License-Identifier: Apache-2.0 */
/* A graph made ready: an order of its nodes, who reads what, what is constant. */
#ifndef CLEAT_GRAPH_GRAPH_PROGRAM_H
#define CLEAT_GRAPH_GRAPH_PROGRAM_H

#include "graph/run.h"
#include "graph/storage.h"
#include <cleat/inspect.h>
#include <pthread.h>

typedef struct program program;

/* What the model keeps for a node. */
typedef struct node_state {
    program **graphs;  /* by attribute, NULL where that is no graph */
    int32_t *captures; /* values that these graphs read besides their inputs */
    size_t capture_count;
    void *kept[CALL_SLOTS];
    void (*release[CALL_SLOTS])(void *);
} node_state;

/* Where a value that a graph only reads comes from. */
typedef struct outer_value {
    const program *where; /* NULL: not from outside */
    int32_t value;
} outer_value;

struct program {
    cleat_graph *graph;
    program *parent; /* of an attribute's graph */
    size_t parent_node;
    int32_t *order;       /* nodes */
    int32_t *uses;        /* of each value: how many nodes, inner graphs and outputs read it */
    outer_value *outer;   /* of each value */
    run_value *constants; /* of each value; VALUE_NONE where it is not constant */
    bool *is_done;        /* of each node: its outputs are constants */
    node_state *nodes;
};

typedef struct model_parameter {
    int32_t value; /* of the main program's graph */
    run_value kept;
} model_parameter;

struct cleat_model {
    cleat_context *context;
    pthread_mutex_t mutex; /* held during a run */
    storage_pool pool;
    program *main;
    struct replay_cache *replays; /* replay.h */
    model_parameter *parameters;  /* parameters.h */
    size_t parameter_count;
    cleat_node_watcher watcher; /* or NULL */
    void *watcher_data;
};

struct run {
    cleat_model *model;
    program *program;
    run *parent;
    run_value *values; /* of each value of the graph */
    int32_t *left;     /* reads of each value that are still to come */
    bool has_waited;   /* results were looked at on the host */
    bool is_random;    /* random numbers were drawn */
};

/* Takes a reference of the graph. */
cleat_status program_create(
    cleat_graph *graph, program *parent, size_t parent_node, program **made);
void program_free(program *p); /* NULL is accepted */
/* Runs what depends on constants alone. */
cleat_status program_fold(cleat_model *model, program *p);

/* Runs a program. inputs: of the graph's own; outputs are VALUE_NONE before. *is_repeatable (NULL:
 * nobody asks): what was enqueued depends on the inputs' shapes and types alone. */
cleat_status program_run(cleat_model *model, program *p, run *parent, const run_value *inputs,
    run_value *outputs, bool *is_repeatable);
/* One node, whose inputs are there; outputs go to r->values. */
cleat_status run_node(run *r, size_t node);

#endif
