/* SPDX-License-Identifier: Apache-2.0 */
/* What is added to a product, and activations, into the product's node. */
#include "core/memory.h"
#include "graph/fuse.h"
#include "graph/graph_build.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_PART_INPUTS = 16 };

/* ---- Activations ---- */

/* An operator, its activation, and its attributes, which have defaults as there. */
typedef struct fusible {
    const char *type;
    cleat_activation activation;
    const char *names[2];
    float defaults[2];
} fusible;

static const fusible activations[] = {
    {"Relu", CLEAT_RELU, {NULL}, {0}},
    {"LeakyRelu", CLEAT_LEAKY_RELU, {"alpha"}, {0.01f}},
    {"Sigmoid", CLEAT_SIGMOID, {NULL}, {0}},
    {"Tanh", CLEAT_TANH, {NULL}, {0}},
    {"Elu", CLEAT_ELU, {"alpha"}, {1}},
    {"Selu", CLEAT_SELU, {"alpha", "gamma"},
        {1.67326319217681884765625f, 1.05070102214813232421875f}},
    {"Softplus", CLEAT_SOFTPLUS, {NULL}, {0}},
    {"Softsign", CLEAT_SOFTSIGN, {NULL}, {0}},
    {"HardSigmoid", CLEAT_HARD_SIGMOID, {"alpha", "beta"}, {0.2f, 0.5f}},
    {"HardSwish", CLEAT_HARD_SWISH, {NULL}, {0}},
    {"Mish", CLEAT_MISH, {NULL}, {0}},
    {"ThresholdedRelu", CLEAT_THRESHOLDED_RELU, {"alpha"}, {1}},
};

/* One bound of a Clip, `otherwise` where it has none; false where it is not known. */
static bool read_bound(const fusion *f, size_t node, size_t input, const char *attribute,
    float otherwise, float *bound) {
    const array *x = fusion_constant(f, node, input);
    *bound = attribute_float(&f->graph->nodes[node], attribute, otherwise);
    if (f->graph->opset < 11 || !fusion_has(f, node, input)) {
        return true;
    }
    if (x == NULL || x->count != 1) {
        return false;
    }
    *bound = (float)array_real(x, 0);
    return true;
}

static bool read_activation(const fusion *f, size_t node, node_fusion *fused) {
    const graph_node *n = &f->graph->nodes[node];
    if (fusion_is(f, node, "Clip")) {
        fused->activation = CLEAT_CLIP;
        return read_bound(f, node, 1, "min", -INFINITY, &fused->parameters[0]) &&
               read_bound(f, node, 2, "max", INFINITY, &fused->parameters[1]);
    }
    if (fusion_is(f, node, "Gelu")) {
        const bool is_tanh = strcmp(attribute_text(n, "approximate", "none"), "tanh") == 0;
        fused->activation = is_tanh ? CLEAT_GELU_TANH : CLEAT_GELU;
        return true;
    }
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++) {
        const fusible *a = &activations[i];
        if (!fusion_is(f, node, a->type)) {
            continue;
        }
        fused->activation = a->activation;
        for (int k = 0; k < 2 && a->names[k] != NULL; k++) {
            fused->parameters[k] = attribute_float(n, a->names[k], a->defaults[k]);
        }
        return true;
    }
    return false;
}

/* ---- The nodes that a fused one stands for ---- */

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

static cleat_status start_parts(fusion *f, size_t node) {
    cleat_graph *parts;
    if (!fusion_is(f, node, "MatMul") && !fusion_has(f, node, 2)) {
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

/* Takes the node `next`, which alone reads `node`, in: its other inputs become `node`'s, the last
 * of them being *added where it is not NULL. */
static cleat_status take_in(fusion *f, size_t node, size_t next, size_t *added) {
    int32_t inputs[MOST_PART_INPUTS];
    if (!f->graph->nodes[node].fusion.is_fused) {
        TRY(start_parts(f, node));
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

/* ---- The pass ---- */

/* What is added must be another value than the product itself. */
static bool is_sum(const fusion *f, size_t node) {
    const graph_node *n = &f->graph->nodes[node];
    return fusion_is(f, node, "Add") && n->input_count == 2 && n->inputs[0] != n->inputs[1] &&
           f->graph->opset >= 7;
}

/* One more node into this one, as long as there is one. */
static cleat_status extend(fusion *f, size_t node, bool *changed) {
    const int32_t next = fusion_only_reader(f, node);
    node_fusion fused = f->graph->nodes[node].fusion;
    const bool is_matmul = fusion_is(f, node, "MatMul");
    size_t added = 0;
    *changed = false;
    if (next < 0 || fused.activation != CLEAT_ACTIVATION_NONE ||
        f->graph->nodes[node].input_count + 2 > MOST_PART_INPUTS ||
        f->graph->nodes[next].input_count + 2 > MOST_PART_INPUTS) {
        return CLEAT_OK;
    }
    if (is_sum(f, (size_t)next) && !fusion_is(f, node, "Conv") && fused.residual == 0) {
        const bool is_bias = is_matmul && fused.bias == 0;
        TRY(take_in(f, node, (size_t)next, &added));
        *(is_bias ? &f->graph->nodes[node].fusion.bias : &f->graph->nodes[node].fusion.residual) =
            added;
        *changed = true;
    } else if (read_activation(f, (size_t)next, &fused)) {
        TRY(take_in(f, node, (size_t)next, NULL));
        node_fusion *own = &f->graph->nodes[node].fusion;
        own->activation = fused.activation;
        memcpy(own->parameters, fused.parameters, sizeof own->parameters);
        *changed = true;
    }
    return CLEAT_OK;
}

cleat_status fuse_epilogue(fusion *f) {
    for (size_t i = 0; i < f->graph->node_count; i++) {
        bool changed =
            fusion_is(f, i, "Conv") || fusion_is(f, i, "Gemm") || fusion_is(f, i, "MatMul");
        while (changed) {
            TRY(extend(f, i, &changed));
        }
    }
    return CLEAT_OK;
}
