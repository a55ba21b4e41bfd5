/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fusion: a copy of a graph in which fewer nodes compute the same. What the graph's program found
 * to depend on constants alone is constant in the copy. The passes, in this order:
 *   fuse_remove    nodes that pass a value on (Identity, Dropout, Cast to the same type, ...), and
 *                  Pad into the Conv behind it; sums of two become Add
 *   fuse_channels  factors and terms for each channel (BatchNormalization, Mul, Add, ...) into the
 *                  constants of the Conv, Gemm or MatMul before, in float64
 *   fuse_attention two products and the Softmax between them into one node "(attention)"
 *   fuse_epilogue  what is added to a product, and an activation, into its node (node_fusion,
 *                  graph.h)
 *   fuse_chain     operations of two operands that follow each other, BatchNormalization among
 * them, and an activation behind them, into one node "(chain)" A value that is an output of the
 * graph, or that an inner graph reads, stays as it is; one that goes into another node is read by
 * nothing else.
 */
#ifndef CLEAT_GRAPH_FUSE_H
#define CLEAT_GRAPH_FUSE_H

#include "graph/graph_program.h"

typedef struct fusion {
    cleat_graph *graph;    /* the copy */
    const program *origin; /* of the graph that it is made of */
    size_t changes;
    size_t capacity;  /* values that there is room for in these: */
    int32_t *uses;    /* of each value: how often it is read */
    int32_t *reader;  /* of each value: the last node that reads it, -1: none */
    bool *is_pinned;  /* of each value: others than nodes of the graph read it */
    bool *is_dropped; /* of each node */
} fusion;

/* *fused is NULL where nothing changes. p has been folded. */
cleat_status fuse_graph(const program *p, cleat_graph **fused);

cleat_status fuse_remove(fusion *f);
cleat_status fuse_channels(fusion *f);
cleat_status fuse_attention(fusion *f);
cleat_status fuse_epilogue(fusion *f);
cleat_status fuse_chain(fusion *f);

/* ---- For the passes ---- */

enum { MOST_PART_INPUTS = 16 };

bool fusion_is(const fusion *f, size_t node, const char *type);
/* The constant at this input of a node, or NULL, also where it is one of texts. */
const array *fusion_constant(const fusion *f, size_t node, size_t input);
/* Whether the node has this input at all. */
bool fusion_has(const fusion *f, size_t node, size_t input);
/* The node that alone reads the node's first output, which nothing else does; else -1. */
int32_t fusion_only_reader(const fusion *f, size_t node);
/* The node that writes the input, and whose other outputs and readers are none; else -1. */
int32_t fusion_only_writer(const fusion *f, size_t node, size_t input);
/* Whether outputs from `first` on are read. */
bool fusion_uses_outputs(const fusion *f, size_t node, size_t first);

/* A new constant, taking over `x`; also on failure. */
cleat_status fusion_add_constant(fusion *f, array *x, int32_t *value);
/* Makes a value the input of a node, which gets as many as it needs. */
cleat_status fusion_set_input(fusion *f, size_t node, size_t input, int32_t value);
/* `node` writes what `last` wrote, which goes. */
void fusion_take_output(fusion *f, size_t node, size_t last);
/* Drops a node whose only output of use is its input; false where that cannot be. */
bool fusion_bypass(fusion *f, size_t node);
/* Whether the node is an activation that the library's operations apply; sets these of *fused. */
bool fusion_activation(const fusion *f, size_t node, node_fusion *fused);
/* Makes a node one of parts, itself being the first. */
cleat_status fusion_start_parts(fusion *f, size_t node);
/* Takes the node `next`, which alone reads `node`, into its parts: its other inputs become
 * `node`'s, the last of them being *added where it is not NULL. */
cleat_status fusion_take_in(fusion *f, size_t node, size_t next, size_t *added);
/* A further input, of no part: a constant, taken over as by fusion_add_constant(). */
cleat_status fusion_add_operand(fusion *f, size_t node, array *x, size_t *added);
/* Factor and term of each channel that a BatchNormalization of constants comes to, for up to
 * `channels` of them; false where it is another, or has another number of them. */
bool fusion_normalization(
    const fusion *f, size_t node, int64_t channels, double *factor, double *term);
/* Makes it a node of another operator. */
cleat_status fusion_rename(fusion *f, size_t node, const char *type);
/* Counts readers anew, after inputs or outputs have changed. */
cleat_status fusion_recount(fusion *f);

#endif
