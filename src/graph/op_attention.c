/* SPDX-License-Identifier: Apache-2.0 */
/* (attention): what fuse_attention.c makes of products around a Softmax; ONNX has no such one in
 * the opsets that are read. */
#include "core/tensor_check.h"
#include "graph/operators.h"
#include <cleat/attention.h>
#include <string.h>

/* [.., rows, columns] with one axis more in front, where there are three. */
static cleat_status with_heads(call *c, size_t input, int32_t rank, cleat_tensor *x) {
    const run_value *v;
    TRY(call_input(c, input, &v));
    if (v->rank != rank) {
        return CLEAT_UNSUPPORTED;
    }
    TRY(call_tensor(c, input, x));
    if (rank == 4) {
        return CLEAT_OK;
    }
    const int64_t shape[4] = {1, x->shape[0], x->shape[1], x->shape[2]};
    return cleat_reshape(*x, 4, shape, x);
}

static bool fits(const cleat_tensor *q, const cleat_tensor *k, const cleat_tensor *v) {
    return q->type == k->type && q->type == v->type && q->shape[0] == k->shape[0] &&
           q->shape[1] == k->shape[1] && k->shape[0] == v->shape[0] && k->shape[1] == v->shape[1] &&
           q->shape[3] == k->shape[3] && k->shape[2] == v->shape[2] && q->shape[2] > 0 &&
           k->shape[2] > 0;
}

/* The mask, if it adds to the scores without making them more. */
static cleat_status read_mask(
    call *c, const cleat_tensor *q, const cleat_tensor *k, cleat_tensor *mask) {
    const int64_t scores[4] = {q->shape[0], q->shape[1], q->shape[2], k->shape[2]};
    cleat_tensor whole;
    TRY(call_tensor(c, c->node->fusion.mask, mask));
    return mask->type == q->type && cleat_broadcast(*mask, 4, scores, &whole) == CLEAT_OK
               ? CLEAT_OK
               : CLEAT_UNSUPPORTED;
}

static cleat_status attention_device(call *c) {
    const node_fusion *fusion = &c->node->fusion;
    cleat_tensor q, k, v, y, mask;
    const run_value *given;
    if (!fusion->is_fused) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "no operator of a graph's");
    }
    TRY(call_input(c, 0, &given));
    const int32_t rank = given->rank;
    if (!type_is_floating(given->type) || (rank != 3 && rank != 4) ||
        (fusion->axis != -1 && fusion->axis != rank - 1)) {
        return CLEAT_UNSUPPORTED;
    }
    TRY(with_heads(c, 0, rank, &q));
    TRY(with_heads(c, 1, rank, &k));
    TRY(with_heads(c, fusion->values, rank, &v));
    k = cleat_transpose(k); /* the node has it transposed */
    if (!fits(&q, &k, &v)) {
        return CLEAT_UNSUPPORTED;
    }
    cleat_attention_options options = {.scale = &fusion->scale};
    if (fusion->mask != 0) {
        TRY(read_mask(c, &q, &k, &mask));
        options.mask = &mask;
    }
    int64_t shape[CLEAT_MAX_RANK];
    memcpy(shape, given->shape, sizeof shape);
    shape[rank - 1] = v.shape[3];
    TRY(call_output(c, 0, q.type, rank, shape, &y));
    const int64_t heads[4] = {q.shape[0], q.shape[1], q.shape[2], v.shape[3]};
    TRY(cleat_reshape(y, 4, heads, &y));
    return cleat_attention(c->context, q, k, v, y, NULL, &options);
}

const operator_entry operators_attention[] = {
    {"(attention)", NULL, attention_device, 2, 16, false},
    {NULL, NULL, NULL, 0, 0, false},
};
