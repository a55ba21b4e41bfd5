/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention as exporters write it, into one node "(attention)" (op_attention.c):
 *     MatMul(q, k^T) - Mul or Div by a number - Add of a mask - Softmax - MatMul(., v)
 * of which the number and the mask need not be there.
 */
#include "graph/fuse.h"
#include <math.h>

/* The nodes of one attention; -1: not there. */
typedef struct pattern {
    int32_t scaling, masking, softmax, last;
    float scale;
} pattern;

/* A product with, or a quotient by, a constant that is one number. */
static bool is_scaling(const fusion *f, size_t node, int32_t product, float *scale) {
    const graph_node *n = &f->graph->nodes[node];
    const bool is_quotient = fusion_is(f, node, "Div");
    if ((!is_quotient && !fusion_is(f, node, "Mul")) || n->input_count != 2) {
        return false;
    }
    const size_t other = n->inputs[0] == product ? 1 : 0;
    const array *x = fusion_constant(f, node, other);
    if (x == NULL || x->count != 1 || x->rank > 3 || (is_quotient && other == 0)) {
        return false;
    }
    const double number = is_quotient ? 1 / array_real(x, 0) : array_real(x, 0);
    *scale = (float)number;
    return isfinite(*scale);
}

static bool is_masking(const fusion *f, size_t node) {
    const graph_node *n = &f->graph->nodes[node];
    return fusion_is(f, node, "Add") && n->input_count == 2 && n->inputs[0] != n->inputs[1] &&
           f->graph->opset >= 7;
}

/* Softmax's axis is compared with the last one when it runs. */
static bool find_pattern(const fusion *f, size_t node, pattern *p) {
    int32_t at = (int32_t)node, next = fusion_only_reader(f, node);
    *p = (pattern){-1, -1, -1, -1, 1};
    if (next >= 0 && is_scaling(f, (size_t)next, f->graph->nodes[at].outputs[0], &p->scale)) {
        p->scaling = at = next;
        next = fusion_only_reader(f, (size_t)at);
    }
    if (next >= 0 && is_masking(f, (size_t)next)) {
        p->masking = at = next;
        next = fusion_only_reader(f, (size_t)at);
    }
    if (next < 0 || !fusion_is(f, (size_t)next, "Softmax")) {
        return false;
    }
    p->softmax = at = next;
    next = fusion_only_reader(f, (size_t)at);
    if (next < 0 || !fusion_is(f, (size_t)next, "MatMul")) {
        return false;
    }
    p->last = next;
    const int32_t weights = f->graph->nodes[at].outputs[0];
    const graph_node *last = &f->graph->nodes[next];
    return last->inputs[0] == weights && last->inputs[1] != weights;
}

static cleat_status fuse(fusion *f, size_t node, const pattern *p) {
    size_t mask = 0, values = 0;
    const int64_t otherwise = f->graph->opset < 13 ? 1 : -1;
    const int64_t axis = attribute_int(&f->graph->nodes[p->softmax], "axis", otherwise);
    if (p->scaling >= 0) {
        TRY(fusion_take_in(f, node, (size_t)p->scaling, NULL));
    }
    if (p->masking >= 0) {
        TRY(fusion_take_in(f, node, (size_t)p->masking, &mask));
    }
    TRY(fusion_take_in(f, node, (size_t)p->softmax, NULL));
    TRY(fusion_take_in(f, node, (size_t)p->last, &values));
    node_fusion *own = &f->graph->nodes[node].fusion;
    own->mask = mask;
    own->values = values;
    own->scale = p->scale;
    own->axis = axis;
    return fusion_rename(f, node, "(attention)");
}

cleat_status fuse_attention(fusion *f) {
    for (size_t i = 0; i < f->graph->node_count; i++) {
        pattern p;
        if (fusion_is(f, i, "MatMul") && !f->graph->nodes[i].fusion.is_fused &&
            find_pattern(f, i, &p)) {
            TRY(fuse(f, i, &p));
        }
    }
    return CLEAT_OK;
}
