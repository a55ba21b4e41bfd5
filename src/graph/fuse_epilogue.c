/* SPDX-License-Identifier: Apache-2.0 */
/* What is added to a product, and activations, into the product's node. */
#include "graph/fuse.h"
#include "graph/unary_activation.h"
#include <math.h>
#include <string.h>

/* Those that an epilogue takes in, besides Clip. */
static const char *const activations[] = {"Relu", "LeakyRelu", "Sigmoid", "Tanh", "Elu", "Selu",
    "Softplus", "Softsign", "HardSigmoid", "HardSwish", "Mish", "ThresholdedRelu", "Gelu"};

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

bool fusion_activation(const fusion *f, size_t node, node_fusion *fused) {
    if (fusion_is(f, node, "Clip")) {
        fused->activation = CLEAT_CLIP;
        return read_bound(f, node, 1, "min", -INFINITY, &fused->parameters[0]) &&
               read_bound(f, node, 2, "max", INFINITY, &fused->parameters[1]);
    }
    for (size_t i = 0; i < sizeof activations / sizeof *activations; i++) {
        if (fusion_is(f, node, activations[i])) {
            unary_activation(&f->graph->nodes[node], &fused->activation, fused->parameters);
            return true;
        }
    }
    return false;
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
    if (is_sum(f, (size_t)next) && fused.residual == 0) {
        const bool is_bias = is_matmul && fused.bias == 0;
        TRY(fusion_take_in(f, node, (size_t)next, &added));
        *(is_bias ? &f->graph->nodes[node].fusion.bias : &f->graph->nodes[node].fusion.residual) =
            added;
        *changed = true;
    } else if (fusion_activation(f, (size_t)next, &fused)) {
        TRY(fusion_take_in(f, node, (size_t)next, NULL));
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
