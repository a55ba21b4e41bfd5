/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes that a fused one stands for: a graph of their own, whose inputs are the node's. */
#include "core/memory.h"
#include "graph/fuse.h"
#include "graph/graph_build.h"
#include <stdio.h>

static cleat_status part_value(
    cleat_graph *parts, const char *kind, size_t number, int32_t *value) {
    char name[64];
    snprintf(name, sizeof name, "%s %zu", kind, number);
    return graph_value_named(parts, name, value);
}

/* Another input of the parts, in which inputs and node inputs have the same numbers. */
static cleat_status add_part_input(cleat_graph *parts) {
    char name[64];
    snprintf(name, sizeof name, "input %zu", parts->input_count);
    return cleat_graph_input(parts, name, 0, -1, NULL);
}

/* Appends a node whose inputs are given, and makes its first output the parts' one. */
static cleat_status add_part(cleat_graph *parts, const graph_node *from, const int32_t *inputs) {
    int32_t output;
    graph_node *grown = memory_resize(parts->nodes, (parts->node_count + 1) * sizeof *grown);
    REFUSE_IF(grown == NULL, CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
    parts->nodes = grown;
    graph_node *n = &grown[parts->node_count];
    *n = (graph_node){0};
    TRY(part_value(parts, "output", parts->node_count, &output));
    cleat_status status = node_copy(from, n);
    if (status != CLEAT_OK) {
        node_free(n);
        return status;
    }
    for (size_t i = 0; i < n->input_count; i++) {
        n->inputs[i] = inputs[i];
    }
    for (size_t i = 0; i < n->output_count; i++) {
        n->outputs[i] = i == 0 ? output : NO_VALUE;
    }
    parts->values[output].writer = (int32_t)parts->node_count++;
    parts->node_capacity = parts->node_count;
    if (parts->output_count == 0) {
        return cleat_graph_output(parts, parts->values[output].name);
    }
    parts->outputs[0] = output;
    return CLEAT_OK;
}

/* The parts of a node that nothing was fused into yet: itself. */
static cleat_status first_part(fusion *f, size_t node, cleat_graph *parts) {
    const graph_node *n = &f->graph->nodes[node];
    int32_t inputs[MOST_PART_INPUTS];
    for (size_t i = 0; i < n->input_count; i++) {
        TRY(add_part_input(parts));
        inputs[i] = n->inputs[i] != NO_VALUE ? parts->inputs[i] : NO_VALUE;
    }
    return add_part(parts, n, inputs);
}

cleat_status fusion_start_parts(fusion *f, size_t node) {
    cleat_graph *parts;
    if ((fusion_is(f, node, "Conv") || fusion_is(f, node, "Gemm")) && !fusion_has(f, node, 2)) {
        TRY(fusion_set_input(
            f, node, 2, NO_VALUE)); /* what is added comes behind a left-out bias */
    }
    TRY(cleat_graph_create(f->graph->opset, &parts));
    cleat_status status = first_part(f, node, parts);
    if (status != CLEAT_OK) {
        cleat_graph_release(parts);
        return status;
    }
    TRY(node_set_graph(&f->graph->nodes[node], FUSED_PARTS, parts));
    f->graph->nodes[node].fusion.is_fused = true;
    return CLEAT_OK;
}

cleat_status fusion_take_in(fusion *f, size_t node, size_t next, size_t *added) {
    int32_t inputs[MOST_PART_INPUTS];
    if (!f->graph->nodes[node].fusion.is_fused) {
        TRY(fusion_start_parts(f, node));
    }
    graph_node *n = &f->graph->nodes[node];
    const graph_node *from = &f->graph->nodes[next];
    cleat_graph *parts = attribute_find(n, FUSED_PARTS, CLEAT_ATTRIBUTE_GRAPH)->graph;
    for (size_t i = 0; i < from->input_count; i++) {
        inputs[i] = NO_VALUE;
        if (from->inputs[i] == n->outputs[0]) {
            inputs[i] = parts->outputs[0];
        } else if (from->inputs[i] != NO_VALUE) {
            TRY(fusion_set_input(f, node, parts->input_count, from->inputs[i]));
            TRY(add_part_input(parts));
            inputs[i] = parts->inputs[parts->input_count - 1];
            if (added != NULL) {
                *added = parts->input_count - 1;
            }
        }
    }
    TRY(add_part(parts, from, inputs));
    fusion_take_output(f, node, next);
    return fusion_recount(f);
}

cleat_status fusion_add_operand(fusion *f, size_t node, array *x, size_t *added) {
    int32_t value;
    TRY(fusion_add_constant(f, x, &value));
    cleat_graph *parts =
        attribute_find(&f->graph->nodes[node], FUSED_PARTS, CLEAT_ATTRIBUTE_GRAPH)->graph;
    *added = parts->input_count;
    TRY(fusion_set_input(f, node, parts->input_count, value));
    return add_part_input(parts);
}
