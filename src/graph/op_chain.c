/* SPDX-License-Identifier: Apache-2.0 */
/* (chain): what fuse_chain.c makes of operators that follow each other; ONNX has no such one. */
#include "core/tensor_check.h"
#include "graph/call_shapes.h"
#include "graph/channels_last.h"
#include "graph/operators.h"
#include "ops/elementwise_chain.h"
#include <string.h>

/* An operand with a number for each index of axis 1, as a view that is broadcast. */
static cleat_status channels_view(const run_value *x, cleat_tensor *operand) {
    if (x->rank < 2 || operand->rank != 1 || operand->shape[0] != x->shape[1]) {
        return CLEAT_UNSUPPORTED; /* the node by itself tells what is wrong */
    }
    const int64_t stride = operand->stride[0];
    operand->rank = x->rank;
    for (int32_t i = 0; i < x->rank; i++) {
        operand->shape[i] = i == 1 ? x->shape[1] : 1;
        operand->stride[i] = i == 1 ? stride : 0;
    }
    return CLEAT_OK;
}

static cleat_status read_operands(call *c, const node_fusion *fusion, elementwise_chain *chain) {
    const run_value *x, *v;
    TRY(call_input(c, 0, &x));
    for (int i = 0; i < fusion->chain_count; i++) {
        const chain_step *step = &fusion->chain[i];
        TRY(call_input(c, step->input, &v));
        if (v->type != x->type) {
            return CLEAT_UNSUPPORTED;
        }
        TRY(call_tensor(c, step->input, &chain->operands[i]));
        if (step->is_channels) {
            TRY(channels_view(x, &chain->operands[i]));
        }
        chain->steps[i] = step->kind;
    }
    chain->count = fusion->chain_count;
    return CLEAT_OK;
}

/* The shape of x and all operands, stretched to each other. */
static cleat_status common_shape(const call *c, const cleat_tensor *x,
    const elementwise_chain *chain, int32_t *rank, int64_t *shape) {
    int32_t ranks[CHAIN_STEPS + 1] = {x->rank};
    const int64_t *shapes[CHAIN_STEPS + 1] = {x->shape};
    for (int i = 0; i < chain->count; i++) {
        ranks[i + 1] = chain->operands[i].rank;
        shapes[i + 1] = chain->operands[i].shape;
        if (c->node->fusion.chain[0].is_channels && chain->operands[i].rank > x->rank) {
            return CLEAT_UNSUPPORTED; /* axis 1 would be another */
        }
    }
    return call_broadcast(c, (size_t)chain->count + 1, ranks, shapes, rank, shape);
}

/* Over the operand whose value ends here, if it has the result's shape. */
static cleat_status make_output(
    call *c, int32_t rank, const int64_t *shape, const cleat_tensor *x, cleat_tensor *y) {
    const node_fusion *fusion = &c->node->fusion;
    for (int i = -1; i < fusion->chain_count; i++) {
        const size_t input = i < 0 ? 0 : fusion->chain[i].input;
        const run_value *v = c->inputs[input];
        if (v->rank == rank && memcmp(v->shape, shape, (size_t)rank * sizeof *shape) == 0 &&
            (i < 0 || !fusion->chain[i].is_channels) && call_ends(c, input)) {
            return call_output_over(c, 0, input, y);
        }
    }
    return call_output_like(c, 0, x, x->type, rank, shape, y);
}

static cleat_status chain_device(call *c) {
    const node_fusion *fusion = &c->node->fusion;
    const run_value *v;
    elementwise_chain chain = {.activation = fusion->activation};
    cleat_tensor x, y;
    int32_t rank = 0;
    int64_t shape[CLEAT_MAX_RANK];
    if (!fusion->is_fused) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "no operator of a graph's");
    }
    TRY(call_input(c, 0, &v));
    if (v->type != CLEAT_F32 && v->type != CLEAT_F16 && v->type != CLEAT_BF16) {
        return CLEAT_UNSUPPORTED;
    }
    chain.parameters = fusion->activation != CLEAT_ACTIVATION_NONE ? fusion->parameters : NULL;
    TRY(call_tensor(c, 0, &x));
    TRY(read_operands(c, fusion, &chain));
    if (common_shape(c, &x, &chain, &rank, shape) != CLEAT_OK) {
        return CLEAT_UNSUPPORTED; /* one of the nodes says what does not fit */
    }
    TRY(make_output(c, rank, shape, &x, &y));
    return elementwise_chain_run(c->context, &chain, x, y);
}

const operator_entry operators_chain[] = {
    {"(chain)", NULL, chain_device, 1, 16, false},
    {NULL, NULL, NULL, 0, 0, false},
};
