/* SPDX-License-Identifier: Apache-2.0 */
/* Operations of two operands that follow each other, and an activation behind them. */
#include "core/memory.h"
#include "graph/fuse.h"
#include "ops/elementwise_chain.h"

/* An operator of two operands, as a step whose other operand is the second, or the first. */
typedef struct chainable {
    const char *type;
    int second, first;
} chainable;

static const chainable binaries[] = {
    {"Add", CLEAT_ADD, CLEAT_ADD},
    {"Sub", CLEAT_SUB, CHAIN_SUB_FROM},
    {"Mul", CLEAT_MUL, CLEAT_MUL},
    {"Div", CLEAT_DIV, CHAIN_DIV_OF},
    {"Min", CLEAT_MIN, CLEAT_MIN},
    {"Max", CLEAT_MAX, CLEAT_MAX},
};

/* The node as a step, input `from` being what it goes on from; CHAIN_NONE for others. Before opset
 * 8 operands were not all broadcast alike. */
static int step_of(const fusion *f, size_t node, size_t from) {
    const graph_node *n = &f->graph->nodes[node];
    if (f->graph->opset < 8 || n->input_count != 2 || n->inputs[0] == NO_VALUE ||
        n->inputs[1] == NO_VALUE || n->inputs[0] == n->inputs[1]) {
        return CHAIN_NONE;
    }
    for (size_t i = 0; i < sizeof binaries / sizeof *binaries; i++) {
        if (fusion_is(f, node, binaries[i].type)) {
            return from == 0 ? binaries[i].second : binaries[i].first;
        }
    }
    return CHAIN_NONE;
}

static void add_step(node_fusion *fused, int kind, size_t input, bool is_channels) {
    fused->chain[fused->chain_count++] =
        (chain_step){.kind = kind, .input = input, .is_channels = is_channels};
}

/* ---- The first node ---- */

static cleat_status add_channels(
    fusion *f, size_t node, int kind, const double *numbers, const array *like) {
    array *x;
    size_t input;
    TRY(array_create("model", like->type, 1, (int64_t[]){like->count}, &x));
    for (int64_t i = 0; i < x->count; i++) {
        array_set_real(x, i, numbers[i]);
    }
    TRY(fusion_add_operand(f, node, x, &input));
    add_step(&f->graph->nodes[node].fusion, kind, input, true);
    return CLEAT_OK;
}

/* A BatchNormalization whose numbers are known. */
static cleat_status start_normalization(fusion *f, size_t node, bool *started) {
    const array *scale = fusion_constant(f, node, 1);
    *started = false;
    if (!fusion_is(f, node, "BatchNormalization") || scale == NULL) {
        return CLEAT_OK;
    }
    const size_t count = (size_t)scale->count + 1;
    double *factor = memory_allocate_zeroed(count, sizeof *factor);
    double *term = memory_allocate_zeroed(count, sizeof *term);
    cleat_status status = CLEAT_OK;
    if (factor == NULL || term == NULL) {
        status = status_set(CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
    } else if (fusion_normalization(f, node, scale->count, factor, term)) {
        *started = true;
        status = fusion_start_parts(f, node);
        status = status == CLEAT_OK ? add_channels(f, node, CLEAT_MUL, factor, scale) : status;
        status = status == CLEAT_OK ? add_channels(f, node, CLEAT_ADD, term, scale) : status;
    }
    memory_free(factor);
    memory_free(term);
    return status;
}

static cleat_status start(fusion *f, size_t node, bool *started) {
    const int kind = step_of(f, node, 0);
    TRY(start_normalization(f, node, started));
    if (!*started && kind != CHAIN_NONE) {
        *started = true;
        TRY(fusion_start_parts(f, node));
        add_step(&f->graph->nodes[node].fusion, kind, 1, false);
    }
    return CLEAT_OK;
}

/* ---- The others ---- */

/* How the node's reader goes into it: as a step, or as the activation, where *kind is CHAIN_NONE.
 */
static bool can_extend(const fusion *f, size_t node, size_t next, int steps, int *kind) {
    node_fusion activation = {0};
    const graph_node *n = &f->graph->nodes[next];
    const size_t from = n->inputs[0] == f->graph->nodes[node].outputs[0] ? 0 : 1;
    *kind = step_of(f, next, from);
    if (*kind != CHAIN_NONE) {
        return steps < CHAIN_STEPS;
    }
    return from == 0 && fusion_activation(f, next, &activation);
}

static cleat_status extend(fusion *f, size_t node, bool *changed) {
    const int32_t next = fusion_only_reader(f, node);
    node_fusion activation = f->graph->nodes[node].fusion;
    int kind;
    size_t input = 0;
    *changed = false;
    if (next < 0 || activation.activation != CLEAT_ACTIVATION_NONE ||
        f->graph->nodes[node].input_count + 2 > MOST_PART_INPUTS ||
        !can_extend(f, node, (size_t)next, activation.chain_count, &kind)) {
        return CLEAT_OK;
    }
    fusion_activation(f, (size_t)next, &activation);
    TRY(fusion_take_in(f, node, (size_t)next, &input));
    *changed = true;
    if (kind == CHAIN_NONE) {
        f->graph->nodes[node].fusion = activation;
    } else {
        add_step(&f->graph->nodes[node].fusion, kind, input, false);
    }
    return CLEAT_OK;
}

/* Whether a chain would begin here that is worth a node of its own. */
static bool is_beginning(const fusion *f, size_t node) {
    const int32_t next = fusion_only_reader(f, node);
    int kind;
    const bool is_normalization = fusion_is(f, node, "BatchNormalization");
    if (f->is_dropped[node] || next < 0 || f->graph->nodes[node].fusion.is_fused ||
        (!is_normalization && step_of(f, node, 0) == CHAIN_NONE)) {
        return false;
    }
    return can_extend(f, node, (size_t)next, is_normalization ? 2 : 1, &kind);
}

cleat_status fuse_chain(fusion *f) {
    for (size_t i = 0; i < f->graph->node_count; i++) {
        bool changed = false;
        if (is_beginning(f, i)) {
            TRY(start(f, i, &changed));
        }
        const bool started = changed;
        while (changed) {
            TRY(extend(f, i, &changed));
        }
        if (started) {
            TRY(fusion_rename(f, i, "(chain)"));
        }
    }
    return CLEAT_OK;
}
