/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tensor_check.h"
#include "core/variant.h"
#include "ops/attention_problem.h"
#include "ops/types.h"
#include "ops/verify.h"
#include "ops/widen.h"
#include <cleat/attention.h>
#include <math.h>
#include <stdio.h>

enum { SHORT_ROWS = 8 }; /* queries of a head of keys: up to here a pass over the keys costs more */

static const variant variants[] = {
    {"cpu", attention_cpu_supports, attention_cpu},
    {"cpu_split", attention_split_supports, attention_split},
    {"gpu", attention_gpu_supports, attention_gpu},
    {"plain", attention_plain_supports, attention_plain},
    {NULL, NULL, NULL},
};

const char *const *cleat_attention_variants(void) {
    static const char *const names[] = {"cpu", "cpu_split", "gpu", "plain", NULL};
    return names;
}

static void write_problem(const void *data, char *text, size_t size) {
    const attention_problem *p = data;
    char q[SHAPE_TEXT_SIZE];
    char k[SHAPE_TEXT_SIZE];
    snprintf(text, size, "%s %s q %s, k %s", cleat_type_name(p->type),
        p->backward ? "backward" : "forward", shape_text(4, p->q.shape, q),
        shape_text(4, p->k.shape, k));
}

/* x is [first, second, third, fourth], or one of rank 3 without the last. */
static cleat_status check_shape(const attention_problem *p, const char *name, const cleat_tensor *x,
    int32_t rank, const int64_t *shape) {
    TRY(check_rank(p->operation, name, x, rank));
    for (int32_t axis = 0; axis < rank; axis++) {
        char got[SHAPE_TEXT_SIZE];
        char want[SHAPE_TEXT_SIZE];
        REFUSE_IF(x->shape[axis] != shape[axis], CLEAT_SHAPE_MISMATCH, "%s: %s is %s, wanted %s",
            p->operation, name, shape_text(x->rank, x->shape, got), shape_text(rank, shape, want));
    }
    return CLEAT_OK;
}

/* q, k and v; fills the extents of p. */
static cleat_status check_inputs(const cleat_context *context, attention_problem *p) {
    const char *operation = p->operation;
    TRY(check_context(operation, context));
    const cleat_tensor *inputs[] = {&p->q, &p->k, &p->v};
    static const char *const names[] = {"q", "k", "v"};
    TRY(check_float_type(operation, context, &p->q, &p->type));
    for (int i = 0; i < 3; i++) {
        TRY(check_tensor(operation, names[i], context, inputs[i], p->type));
        TRY(check_rank(operation, names[i], inputs[i], 4));
    }
    p->batch = p->q.shape[0];
    p->heads = p->q.shape[1];
    p->queries = p->q.shape[2];
    p->width = p->q.shape[3];
    p->key_heads = p->k.shape[1];
    p->keys = p->k.shape[2];
    p->value_width = p->v.shape[3];
    REFUSE_IF(p->key_heads > 0 ? p->heads % p->key_heads != 0 : p->heads != 0, CLEAT_SHAPE_MISMATCH,
        "%s: %lld heads of q are no multiple of %lld of k", operation, (long long)p->heads,
        (long long)p->key_heads);
    const int64_t shape[] = {p->batch, p->key_heads, p->keys, p->width};
    TRY(check_shape(p, "k", &p->k, 4, shape));
    const int64_t values[] = {p->batch, p->key_heads, p->keys, p->value_width};
    return check_shape(p, "v", &p->v, 4, values);
}

static cleat_status check_mask(
    const cleat_context *context, attention_problem *p, const cleat_tensor *mask) {
    const char *operation = p->operation;
    TRY(check_tensor(operation, "mask", context, mask, (cleat_type)0));
    REFUSE_IF(mask->type != p->type && mask->type != CLEAT_BOOL, CLEAT_TYPE_MISMATCH,
        "%s: mask is %s, wanted %s or bool", operation, cleat_type_name(mask->type),
        cleat_type_name(p->type));
    const cleat_tensor scores = {.rank = 4, .shape = {p->batch, p->heads, p->queries, p->keys}};
    char got[SHAPE_TEXT_SIZE];
    char want[SHAPE_TEXT_SIZE];
    REFUSE_IF(!broadcast_to(mask, &scores, &p->mask), CLEAT_SHAPE_MISMATCH,
        "%s: mask of %s does not broadcast to %s", operation,
        shape_text(mask->rank, mask->shape, got), shape_text(4, scores.shape, want));
    p->mask.type = mask->type;
    return CLEAT_OK;
}

static cleat_status check_options(
    const cleat_context *context, attention_problem *p, const cleat_attention_options *options) {
    const cleat_causal causal = options != NULL ? options->causal : CLEAT_CAUSAL_NONE;
    REFUSE_IF((int)causal < CLEAT_CAUSAL_NONE || (int)causal > CLEAT_CAUSAL_BOTTOM_RIGHT,
        CLEAT_INVALID_ARGUMENT, "%s: causal is %d", p->operation, (int)causal);
    p->diagonal = causal == CLEAT_CAUSAL_NONE       ? p->keys
                  : causal == CLEAT_CAUSAL_TOP_LEFT ? 0
                                                    : p->keys - p->queries;
    p->scale = options != NULL && options->scale != NULL
                   ? (double)*options->scale
                   : 1.0 / sqrt((double)(p->width > 0 ? p->width : 1));
    return options != NULL && options->mask != NULL ? check_mask(context, p, options->mask)
                                                    : CLEAT_OK;
}

enum { LSE = 5 }; /* the place of logsumexp among all operands */

/* An output of the shape of an operand, apart from all inputs and the outputs before it. */
static cleat_status check_result(const cleat_context *context, const attention_problem *p,
    const char *const *names, const cleat_tensor *const *all, int place) {
    const cleat_type type = place == LSE ? type_of_sums(p->type) : p->type;
    TRY(check_output(p->operation, names[place], context, all[place], type));
    for (int i = 0; i < place; i++) {
        if (all[i]->buffer != NULL) {
            TRY(check_no_overlap(p->operation, names[i], all[i], names[place], all[place], false));
        }
    }
    return CLEAT_OK;
}

/* Whether an index, or an extent beyond what is worked on at once, can pass 2^31. */
static bool needs_index64(const attention_problem *p) {
    const cleat_tensor *all[] = {
        &p->q, &p->k, &p->v, &p->y, &p->dy, &p->dq, &p->dk, &p->dv, &p->lse, &p->mask};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i]->buffer != NULL && tensor_needs_index64(all[i])) {
            return true;
        }
    }
    const double rows = (double)p->batch * (double)p->heads * (double)(p->queries + p->keys);
    return rows * (double)(p->width / 16 + p->value_width / 16 + 2) > (double)(INT32_MAX / 2);
}

static cleat_status run(
    cleat_context *context, attention_problem *p, const cleat_attention_options *options);

/* Of 16 bits, by way of f32. */
static cleat_status run_widened(
    cleat_context *context, const attention_problem *p, const cleat_attention_options *options) {
    attention_problem wide = *p;
    widening w;
    widen_begin(&w, context, p->operation);
    wide.type = CLEAT_F32;
    wide.q = widen_input(&w, &p->q);
    wide.k = widen_input(&w, &p->k);
    wide.v = widen_input(&w, &p->v);
    wide.y = p->backward ? widen_input(&w, &p->y) : widen_output(&w, &p->y, false);
    if (p->mask.buffer != NULL) {
        wide.mask = widen_input(&w, &p->mask);
    }
    if (p->backward) {
        wide.dy = widen_input(&w, &p->dy);
        wide.dq = widen_output(&w, &p->dq, false);
        wide.dk = widen_output(&w, &p->dk, false);
        wide.dv = widen_output(&w, &p->dv, false);
    }
    cleat_status status = widen_ready(&w);
    if (status == CLEAT_OK) {
        status = run(context, &wide, options);
    }
    return widen_end(&w, status);
}

static cleat_status run(
    cleat_context *context, attention_problem *p, const cleat_attention_options *options) {
    if (type_is_half(p->type)) {
        return run_widened(context, p, options);
    }
    const variant *chosen = NULL;
    const char *forced = options != NULL ? options->variant : NULL;
    p->index64 = needs_index64(p);
    const bool is_short = p->key_heads > 0 && attention_rows(p) <= SHORT_ROWS;
    const char *class = p->backward ? NULL : is_short ? "short" : "long";
    TRY(variant_choose(context, p->operation, class, forced, variants, p, write_problem,
        p->backward ? verify_attention_backward : verify_attention, &chosen));
    return chosen->enqueue(context, p);
}

/* [B, H, L] as the kernels' numbers have it. */
static cleat_tensor as_rank_4(const cleat_tensor *x) {
    cleat_tensor result = *x;
    result.rank = 4;
    result.shape[3] = 1;
    result.stride[3] = 0;
    return result;
}

cleat_status cleat_attention(cleat_context *context, cleat_tensor q, cleat_tensor k, cleat_tensor v,
    cleat_tensor y, const cleat_tensor *logsumexp, const cleat_attention_options *options) {
    static const char *const names[] = {"q", "k", "v", "mask", "y", "logsumexp"};
    attention_problem p = {.operation = "attention", .q = q, .k = k, .v = v, .y = y};
    TRY(check_inputs(context, &p));
    TRY(check_options(context, &p, options));
    const int64_t shape[] = {p.batch, p.heads, p.queries, p.value_width};
    const cleat_tensor *all[] = {&p.q, &p.k, &p.v, &p.mask, &p.y, logsumexp};
    TRY(check_result(context, &p, names, all, 4));
    TRY(check_shape(&p, "y", &p.y, 4, shape));
    if (logsumexp != NULL) {
        TRY(check_result(context, &p, names, all, LSE));
        TRY(check_shape(&p, "logsumexp", logsumexp, 3, shape));
        p.lse = as_rank_4(logsumexp);
    }
    const bool empty =
        cleat_tensor_count(&y) == 0 && (logsumexp == NULL || cleat_tensor_count(logsumexp) == 0);
    return empty ? CLEAT_OK : run(context, &p, options);
}

cleat_status cleat_attention_backward(cleat_context *context, cleat_tensor q, cleat_tensor k,
    cleat_tensor v, cleat_tensor y, cleat_tensor logsumexp, cleat_tensor dy, cleat_tensor dq,
    cleat_tensor dk, cleat_tensor dv, const cleat_attention_options *options) {
    static const char *const names[] = {
        "q", "k", "v", "mask", "y", "logsumexp", "dy", "dq", "dk", "dv"};
    attention_problem p = {.operation = "attention_backward",
        .backward = true,
        .q = q,
        .k = k,
        .v = v,
        .y = y,
        .dy = dy,
        .dq = dq,
        .dk = dk,
        .dv = dv};
    const cleat_tensor *all[] = {
        &p.q, &p.k, &p.v, &p.mask, &p.y, &logsumexp, &p.dy, &p.dq, &p.dk, &p.dv};
    TRY(check_inputs(context, &p));
    TRY(check_options(context, &p, options));
    const int64_t shape[] = {p.batch, p.heads, p.queries, p.value_width};
    for (int i = 4; i < 7; i++) {
        const cleat_type type = i == LSE ? type_of_sums(p.type) : p.type;
        TRY(check_tensor(p.operation, names[i], context, all[i], type));
        TRY(check_shape(&p, names[i], all[i], i == LSE ? 3 : 4, shape));
    }
    for (int i = 7; i < 10; i++) {
        TRY(check_result(context, &p, names, all, i));
        TRY(check_same_shape(p.operation, names[i - 7], all[i - 7], names[i], all[i]));
    }
    p.lse = as_rank_4(&logsumexp);
    if (p.queries == 0) {
        p.heads = p.key_heads; /* nobody asks, however many they are */
    }
    const bool empty = cleat_tensor_count(&dq) == 0 && cleat_tensor_count(&dk) == 0 &&
                       cleat_tensor_count(&dv) == 0;
    return empty ? CLEAT_OK : run(context, &p, options);
}
