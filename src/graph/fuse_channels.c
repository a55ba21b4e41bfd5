/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A factor and a term for each channel of a product's result,
 *     y'[channel] = factor[channel] y[channel] + term[channel]
 * worked into the product's weights and bias. These are computed in float64 and rounded once.
 */
#include "core/memory.h"
#include "graph/fuse.h"
#include "graph/graph_build.h"
#include <math.h>
#include <string.h>

/* A Conv, Gemm or MatMul whose weights are known. */
typedef struct product {
    size_t node;
    bool is_conv, is_matmul;
    const array *w, *bias; /* bias NULL: there is none */
    int32_t axis;          /* of w: its channels */
    int32_t rank;          /* of the result; 0: not known */
    int64_t channels;
} product;

static bool is_row(const array *x, int64_t channels) {
    const int64_t last = x->rank > 0 ? x->shape[x->rank - 1] : 1;
    return x->count == 1 || (x->count == channels && last == channels);
}

/* False where it is none, or its bias is not known or not one of channels. */
static bool read_product(const fusion *f, size_t node, product *p) {
    const graph_node *n = &f->graph->nodes[node];
    *p = (product){.node = node,
        .is_conv = fusion_is(f, node, "Conv"),
        .is_matmul = fusion_is(f, node, "MatMul"),
        .w = fusion_constant(f, node, 1),
        .bias = fusion_constant(f, node, 2)};
    const bool is_gemm = fusion_is(f, node, "Gemm");
    if ((!p->is_conv && !p->is_matmul && !is_gemm) || p->w == NULL || p->w->count == 0 ||
        !type_is_floating(p->w->type) || (p->bias == NULL && fusion_has(f, node, 2))) {
        return false;
    }
    if (p->is_conv ? p->w->rank < 3 : p->w->rank != 2) {
        return false;
    }
    p->rank = p->is_matmul ? 0 : p->w->rank;
    p->axis = p->is_conv || (is_gemm && attribute_int(n, "transB", 0) != 0) ? 0 : 1;
    p->channels = p->w->shape[p->axis];
    return p->bias == NULL ||
           (p->bias->type == p->w->type && p->bias->rank <= 2 && is_row(p->bias, p->channels));
}

/* Whether a constant has one number for each channel of the result, or one for all. */
static bool is_of_channels(const product *p, const array *x) {
    int64_t most = 1;
    for (int32_t i = 0; p->is_conv && i < x->rank; i++) {
        const int32_t axis = i + p->rank - x->rank; /* of the result */
        if (x->shape[i] != 1 && axis != 1) {
            return false;
        }
        most = x->shape[i] > most ? x->shape[i] : most;
    }
    if (p->is_conv) {
        return x->rank <= p->rank && x->count > 0 && (most == 1 || most == p->channels);
    }
    return x->rank <= (p->is_matmul ? 1 : 2) && is_row(x, p->channels);
}

/* ---- What comes behind ---- */

typedef struct change {
    double *factor, *term; /* of each channel */
} change;

static double of_channel(const array *x, int64_t channel) {
    return array_real(x, x->count == 1 ? 0 : channel);
}

bool fusion_normalization(
    const fusion *f, size_t node, int64_t channels, double *factor, double *term) {
    const graph_node *n = &f->graph->nodes[node];
    const array *parts[4];
    const double epsilon = (double)attribute_float(n, "epsilon", 1e-5f);
    for (size_t i = 0; i < 4; i++) {
        parts[i] = fusion_constant(f, node, i + 1);
        if (parts[i] == NULL || parts[i]->count != channels || parts[i]->type != parts[0]->type) {
            return false;
        }
    }
    const bool is_training = f->graph->opset >= 14
                                 ? attribute_int(n, "training_mode", 0) != 0
                                 : n->output_count > 1 && attribute_int(n, "is_test", 0) == 0;
    if (is_training || attribute_int(n, "spatial", 1) == 0 || fusion_uses_outputs(f, node, 1)) {
        return false;
    }
    for (int64_t i = 0; i < channels; i++) {
        factor[i] = array_real(parts[0], i) / sqrt(array_real(parts[3], i) + epsilon);
        term[i] = array_real(parts[1], i) - array_real(parts[2], i) * factor[i];
    }
    return true;
}

static bool read_normalization(const fusion *f, size_t node, const product *p, change *c) {
    const array *scale = fusion_constant(f, node, 1);
    return !p->is_matmul && scale != NULL && scale->type == p->w->type &&
           fusion_normalization(f, node, p->channels, c->factor, c->term);
}

/* One of ONNX's four with a constant, the product being input `from`. */
static bool read_arithmetic(
    const fusion *f, size_t node, size_t from, const product *p, change *c) {
    const bool is_add = fusion_is(f, node, "Add"), is_sub = fusion_is(f, node, "Sub");
    const bool is_mul = fusion_is(f, node, "Mul"), is_div = fusion_is(f, node, "Div");
    const array *x = fusion_constant(f, node, 1 - from);
    if (f->graph->opset < 7 || x == NULL || x->type != p->w->type || !is_of_channels(p, x) ||
        !(is_add || is_mul || ((is_sub || is_div) && from == 0)) ||
        (p->is_matmul && (is_add || is_sub))) {
        return false;
    }
    for (int64_t i = 0; i < p->channels; i++) {
        const double value = of_channel(x, i);
        c->factor[i] = is_mul ? value : is_div ? 1 / value : 1;
        c->term[i] = is_add ? value : is_sub ? -value : 0;
    }
    return true;
}

static bool read_change(const fusion *f, size_t node, const product *p, change *c) {
    const graph_node *n = &f->graph->nodes[node];
    const size_t from = n->inputs[0] == f->graph->nodes[p->node].outputs[0] ? 0 : 1;
    bool is_finite = fusion_is(f, node, "BatchNormalization")
                         ? from == 0 && read_normalization(f, node, p, c)
                         : n->input_count == 2 && read_arithmetic(f, node, from, p, c);
    for (int64_t i = 0; is_finite && i < p->channels; i++) {
        is_finite = isfinite(c->factor[i]) && isfinite(c->term[i]);
    }
    return is_finite;
}

/* ---- The product's new constants ---- */

static cleat_status scale_weights(fusion *f, const product *p, const change *c) {
    array *scaled;
    int32_t value;
    int64_t inner = 1;
    for (int32_t i = p->axis + 1; i < p->w->rank; i++) {
        inner *= p->w->shape[i];
    }
    TRY(array_create("model", p->w->type, p->w->rank, p->w->shape, &scaled));
    for (int64_t i = 0; i < scaled->count; i++) {
        const double factor = c->factor[i / inner % p->channels];
        array_set_real(scaled, i, array_real(p->w, i) * factor);
    }
    TRY(fusion_add_constant(f, scaled, &value));
    return fusion_set_input(f, p->node, 1, value);
}

static cleat_status change_bias(fusion *f, const product *p, const change *c) {
    array *bias;
    int32_t value;
    graph_node *n = &f->graph->nodes[p->node];
    const double beta = p->is_conv ? 1 : (double)attribute_float(n, "beta", 1);
    TRY(array_create("model", p->w->type, 1, (int64_t[]){p->channels}, &bias));
    for (int64_t i = 0; i < p->channels; i++) {
        const double old = p->bias != NULL ? beta * of_channel(p->bias, i) : 0;
        array_set_real(bias, i, old * c->factor[i] + c->term[i]);
    }
    TRY(fusion_add_constant(f, bias, &value));
    TRY(fusion_set_input(f, p->node, 2, value));
    return p->is_conv ? CLEAT_OK : node_set_float(&f->graph->nodes[p->node], "beta", 1);
}

static cleat_status apply(fusion *f, const product *p, const change *c, size_t last) {
    bool scales = false, adds = p->bias != NULL;
    for (int64_t i = 0; i < p->channels; i++) {
        scales = scales || c->factor[i] != 1;
        adds = adds || c->term[i] != 0;
    }
    if (scales) {
        TRY(scale_weights(f, p, c));
    }
    if (adds && !p->is_matmul) {
        TRY(change_bias(f, p, c));
    }
    fusion_take_output(f, p->node, last);
    return fusion_recount(f);
}

/* What follows the node, as far as it can be taken in. */
static cleat_status take_in(fusion *f, size_t node, bool *changed) {
    product p;
    const int32_t next = fusion_only_reader(f, node);
    *changed = false;
    if (next < 0 || !read_product(f, node, &p)) {
        return CLEAT_OK;
    }
    change c = {memory_allocate_zeroed((size_t)p.channels + 1, sizeof(double)),
        memory_allocate_zeroed((size_t)p.channels + 1, sizeof(double))};
    cleat_status status = CLEAT_OK;
    if (c.factor == NULL || c.term == NULL) {
        status = status_set(CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
    } else if (read_change(f, (size_t)next, &p, &c)) {
        status = apply(f, &p, &c, (size_t)next);
        *changed = true;
    }
    memory_free(c.factor);
    memory_free(c.term);
    return status;
}

cleat_status fuse_channels(fusion *f) {
    for (size_t i = 0; i < f->graph->node_count; i++) {
        bool changed = !f->is_dropped[i];
        while (changed) {
            TRY(take_in(f, i, &changed));
        }
    }
    return CLEAT_OK;
}
