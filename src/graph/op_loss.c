/* SPDX-License-Identifier: Apache-2.0 */
/* NegativeLogLikelihoodLoss, SoftmaxCrossEntropyLoss: x [N, C, ...], labels [N, ...]. */
#include "graph/gradient.h"
#include "graph/operator_tools.h"
#include "graph/operators.h"
#include <cleat/compare.h>
#include <cleat/elementwise.h>
#include <cleat/index.h>
#include <cleat/loss.h>
#include <cleat/reduce.h>
#include <cleat/softmax.h>
#include <cleat/unary.h>
#include <math.h>
#include <string.h>

typedef enum reduction { REDUCE_NONE, REDUCE_MEAN, REDUCE_SUM } reduction;

typedef struct loss_shape {
    bool has_softmax;
    reduction reduction;
    bool ignores;
    int64_t ignored;
    cleat_type type, label_type;
    int32_t rank; /* of x */
    int64_t x[CLEAT_MAX_RANK], labels[CLEAT_MAX_RANK];
} loss_shape;

static cleat_status read_reduction(const call *c, reduction *r) {
    const char *text = attribute_text(c->node, "reduction", "mean");
    if (strcmp(text, "none") == 0) {
        *r = REDUCE_NONE;
    } else if (strcmp(text, "mean") == 0) {
        *r = REDUCE_MEAN;
    } else if (strcmp(text, "sum") == 0) {
        *r = REDUCE_SUM;
    } else {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "reduction %.40s", text);
    }
    return CLEAT_OK;
}

static cleat_status loss_read(const call *c, loss_shape *s) {
    const run_value *x, *labels, *weight;
    char x_text[SHAPE_TEXT_SIZE], text[SHAPE_TEXT_SIZE];
    TRY(call_input(c, 0, &x));
    TRY(call_input(c, 1, &labels));
    memset(s, 0, sizeof *s);
    s->has_softmax = strcmp(c->node->type, "SoftmaxCrossEntropyLoss") == 0;
    s->ignores = attribute_find(c->node, "ignore_index", CLEAT_ATTRIBUTE_INT) != NULL;
    s->ignored = attribute_int(c->node, "ignore_index", 0);
    s->type = x->type;
    s->label_type = labels->type;
    s->rank = x->rank;
    TRY(read_reduction(c, &s->reduction));
    bool fits = x->rank >= 2 && labels->rank == x->rank - 1 && type_is_floating(x->type) &&
                (labels->type == CLEAT_I32 || labels->type == CLEAT_I64);
    for (int32_t i = 0; i < x->rank; i++) {
        s->x[i] = x->shape[i];
        if (i != 1 && fits) {
            const int32_t at = i == 0 ? 0 : i - 1;
            s->labels[at] = labels->shape[at];
            fits = labels->shape[at] == x->shape[i];
        }
    }
    if (!fits) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "x %s of %s, labels %s of %s",
            shape_text(x->rank, x->shape, x_text), cleat_type_name(x->type),
            shape_text(labels->rank, labels->shape, text), cleat_type_name(labels->type));
    }
    if (call_has(c, 2)) {
        TRY(call_input(c, 2, &weight));
        if (weight->rank != 1 || weight->shape[0] != x->shape[1] || weight->type != x->type) {
            return call_refuse(c, CLEAT_SHAPE_MISMATCH, "weights %s of %s, expected [%lld] of %s",
                shape_text(weight->rank, weight->shape, text), cleat_type_name(weight->type),
                (long long)x->shape[1], cleat_type_name(x->type));
        }
    }
    return CLEAT_OK;
}

/* ---- On the device ---- */

/* Logarithms of probabilities: x, or its log-softmax, an output too where it is wanted. */
static cleat_status logarithms(call *c, const loss_shape *s, cleat_tensor *x) {
    cleat_tensor y;
    TRY(call_tensor(c, 0, x));
    if (!s->has_softmax) {
        return CLEAT_OK;
    }
    if (call_wants(c, 1)) {
        TRY(call_output(c, 1, s->type, s->rank, s->x, &y));
    } else {
        TRY(call_scratch(c, s->type, s->rank, s->x, &y));
    }
    TRY(cleat_log_softmax(c->context, *x, 1, y));
    *x = y;
    return CLEAT_OK;
}

/* Of each label its weight: 1 without weights, 0 where it is ignored; then 0 in `taken`, too. */
static cleat_status weights_of(
    call *c, const loss_shape *s, cleat_tensor labels, cleat_tensor taken, cleat_tensor weights) {
    cleat_tensor given, is_ignored, ignored, zero;
    if (call_has(c, 2)) {
        TRY(call_tensor(c, 2, &given));
        TRY(cleat_gather(c->context, given, labels, 0, weights));
    } else {
        TRY(cleat_fill(c->context, 1, weights));
    }
    if (!s->ignores) {
        return CLEAT_OK;
    }
    TRY(call_scratch(c, CLEAT_BOOL, labels.rank, labels.shape, &is_ignored));
    TRY(call_scratch(c, s->label_type, 0, NULL, &ignored));
    TRY(call_scratch(c, s->type, 0, NULL, &zero));
    TRY(cleat_fill(c->context, (double)s->ignored, ignored));
    TRY(cleat_fill(c->context, 0, zero));
    TRY(cleat_compare(c->context, CLEAT_EQUAL, labels, ignored, is_ignored));
    TRY(cleat_where(c->context, is_ignored, zero, weights, weights));
    return cleat_where(c->context, is_ignored, zero, taken, taken);
}

static cleat_status reduce_loss(
    call *c, const loss_shape *s, cleat_tensor losses, cleat_tensor weights) {
    cleat_tensor y, total;
    TRY(call_output(c, 0, s->type, 0, NULL, &y));
    TRY(cleat_reduce(c->context, CLEAT_REDUCE_SUM, losses, 0, NULL, y, NULL));
    if (s->reduction == REDUCE_SUM) {
        return CLEAT_OK;
    }
    TRY(call_scratch(c, s->type, 0, NULL, &total));
    TRY(cleat_reduce(c->context, CLEAT_REDUCE_SUM, weights, 0, NULL, total, NULL));
    return cleat_div(c->context, y, total, y);
}

/* Of two axes, without weights of classes, the library's operation does it. */
static bool is_plain(const call *c, const loss_shape *s) {
    return s->has_softmax && s->rank == 2 && s->label_type == CLEAT_I32 && !call_has(c, 2) &&
           (!s->ignores || (s->ignored <= INT32_MAX && s->ignored >= INT32_MIN));
}

static const cleat_loss_reduction reductions[] = {CLEAT_LOSS_NONE, CLEAT_LOSS_MEAN, CLEAT_LOSS_SUM};

static cleat_cross_entropy_options plain_options(const loss_shape *s, const int32_t *ignored) {
    return (cleat_cross_entropy_options){
        .reduction = reductions[s->reduction], .ignore_index = s->ignores ? ignored : NULL};
}

static cleat_status plain_loss(call *c, const loss_shape *s) {
    cleat_tensor x, labels, y;
    const int32_t ignored = (int32_t)s->ignored;
    const cleat_cross_entropy_options options = plain_options(s, &ignored);
    const int32_t rank = s->reduction == REDUCE_NONE ? 1 : 0;
    TRY(call_tensor(c, 0, &x));
    TRY(call_tensor(c, 1, &labels));
    TRY(call_output(c, 0, s->type, rank, s->labels, &y));
    return cleat_softmax_cross_entropy(c->context, x, labels, y, &options);
}

static cleat_status loss_device(call *c) {
    loss_shape s;
    cleat_tensor x, labels, wide, taken, losses, weights;
    TRY(loss_read(c, &s));
    if ((s.type != CLEAT_F32 && s.type != CLEAT_F64) ||
        (s.ignores && s.label_type == CLEAT_I32 &&
            (s.ignored > INT32_MAX || s.ignored < INT32_MIN))) {
        return CLEAT_UNSUPPORTED;
    }
    if (is_plain(c, &s) && !call_wants(c, 1)) {
        return plain_loss(c, &s);
    }
    TRY(logarithms(c, &s, &x));
    TRY(call_tensor(c, 1, &labels));
    int64_t shape[CLEAT_MAX_RANK];
    memcpy(shape, s.x, sizeof shape);
    shape[1] = 1;
    TRY(call_tensor_as(c, 1, s.rank, shape, &wide));
    TRY(call_scratch(c, s.type, s.rank - 1, s.labels, &taken));
    TRY(call_scratch(c, s.type, s.rank - 1, s.labels, &weights));
    cleat_tensor wide_taken;
    TRY(cleat_reshape(taken, s.rank, shape, &wide_taken));
    TRY(cleat_gather_elements(c->context, x, wide, 1, wide_taken));
    TRY(weights_of(c, &s, labels, taken, weights));
    if (s.reduction == REDUCE_NONE) {
        TRY(call_output(c, 0, s.type, s.rank - 1, s.labels, &losses));
    } else {
        losses = taken;
    }
    TRY(cleat_mul(c->context, taken, weights, losses));
    TRY(cleat_unary(c->context, CLEAT_NEG, losses, losses));
    return s.reduction == REDUCE_NONE ? CLEAT_OK : reduce_loss(c, &s, losses, weights);
}

/* Weights for each sample's gradient: dloss w (none, sum), or that divided by the sum of w. */
static cleat_status sample_gradients(
    call *c, const loss_shape *s, cleat_tensor labels, cleat_tensor *weights) {
    cleat_tensor dloss, total, taken;
    TRY(gradient_tensor(c, &dloss));
    TRY(call_scratch(c, s->type, s->rank - 1, s->labels, weights));
    TRY(call_scratch(c, s->type, s->rank - 1, s->labels, &taken)); /* nobody reads it */
    TRY(weights_of(c, s, labels, taken, *weights));
    if (s->reduction == REDUCE_MEAN) {
        TRY(call_scratch(c, s->type, 0, NULL, &total));
        TRY(cleat_reduce(c->context, CLEAT_REDUCE_SUM, *weights, 0, NULL, total, NULL));
        TRY(cleat_div(c->context, *weights, total, *weights));
    }
    return cleat_mul(c->context, *weights, dloss, *weights);
}

static cleat_status plain_gradient(call *c, const loss_shape *s, cleat_tensor x, cleat_tensor dx) {
    cleat_tensor labels, dloss;
    const int32_t ignored = (int32_t)s->ignored;
    const cleat_cross_entropy_options options = plain_options(s, &ignored);
    TRY(call_tensor(c, 1, &labels));
    TRY(gradient_tensor(c, &dloss));
    return cleat_softmax_cross_entropy_backward(c->context, x, labels, &dloss, dx, &options);
}

/* g (softmax(x) - 1 at the label), or -g at the label where x are logarithms already. */
static cleat_status loss_gradient(call *c) {
    loss_shape s;
    cleat_tensor x, labels, wide, weights, dx, sums;
    TRY(loss_read(c, &s));
    if (s.type != CLEAT_F32 && s.type != CLEAT_F64) {
        return call_refuse(
            c, CLEAT_UNSUPPORTED, "there is no gradient of %s", cleat_type_name(s.type));
    }
    TRY(call_tensor(c, 0, &x));
    TRY(gradient_output(c, 0, &dx));
    if (is_plain(c, &s)) {
        return plain_gradient(c, &s, x, dx);
    }
    TRY(call_tensor(c, 1, &labels));
    TRY(sample_gradients(c, &s, labels, &weights));
    int64_t shape[CLEAT_MAX_RANK];
    memcpy(shape, s.x, sizeof shape);
    shape[1] = 1;
    TRY(call_tensor_as(c, 1, s.rank, shape, &wide));
    TRY(call_scratch(c, s.type, s.rank, shape, &sums));
    cleat_tensor flat;
    TRY(cleat_reshape(sums, s.rank - 1, s.labels, &flat));
    TRY(cleat_unary(c->context, CLEAT_NEG, weights, flat));
    if (!s.has_softmax) {
        TRY(cleat_fill(c->context, 0, dx));
        return cleat_scatter_add_elements(c->context, wide, sums, 1, dx);
    }
    TRY(cleat_softmax(c->context, x, 1, dx));
    TRY(cleat_reshape(weights, s.rank, shape, &weights));
    TRY(cleat_mul(c->context, dx, weights, dx));
    return cleat_scatter_add_elements(c->context, wide, sums, 1, dx);
}

/* ---- On the host ---- */

static void log_softmax(const axis_lines *lines, double *x) {
    for (int64_t i = 0; i < lines->outer * lines->inner; i++) {
        double *line = x + i / lines->inner * lines->extent * lines->inner + i % lines->inner;
        double most = line[0], sum = 0;
        for (int64_t k = 0; k < lines->extent; k++) {
            most = fmax(most, line[k * lines->inner]);
        }
        for (int64_t k = 0; k < lines->extent; k++) {
            sum += exp(line[k * lines->inner] - most);
        }
        for (int64_t k = 0; k < lines->extent; k++) {
            line[k * lines->inner] -= most + log(sum);
        }
    }
}

static cleat_status host_outputs(call *c, const loss_shape *s, const double *x, array **y) {
    array *probabilities;
    TRY(call_output_array(
        c, 0, s->type, s->reduction == REDUCE_NONE ? s->rank - 1 : 0, s->labels, y));
    if (s->has_softmax && call_wants(c, 1)) {
        TRY(call_output_array(c, 1, s->type, s->rank, s->x, &probabilities));
        for (int64_t i = 0; i < probabilities->count; i++) {
            array_set_real(probabilities, i, x[i]);
        }
    }
    return CLEAT_OK;
}

static cleat_status loss_host(call *c) {
    loss_shape s;
    const array *x, *labels, *other;
    array *y;
    double *numbers, *weights = NULL, sum = 0, divisor = 0;
    TRY(loss_read(c, &s));
    TRY(call_numbers(c, 0, &numbers, &x));
    TRY(call_array(c, 1, &labels));
    if (call_has(c, 2)) {
        TRY(call_numbers(c, 2, &weights, &other));
    }
    const axis_lines lines = lines_along(s.rank, s.x, 1);
    if (s.has_softmax && lines.extent > 0) {
        log_softmax(&lines, numbers);
    }
    TRY(host_outputs(c, &s, numbers, &y));
    for (int64_t i = 0; i < labels->count; i++) {
        const int64_t given = array_integer(labels, i);
        const int64_t label = given < 0 ? given + lines.extent : given;
        double loss = 0, weight = 0;
        if (!s.ignores || given != s.ignored) {
            if (label < 0 || label >= lines.extent) {
                return call_refuse(c, CLEAT_INVALID_ARGUMENT, "label %lld of %lld classes",
                    (long long)given, (long long)lines.extent);
            }
            weight = weights != NULL ? weights[label] : 1;
            const int64_t at = (i / lines.inner * lines.extent + label) * lines.inner;
            loss = -weight * numbers[at + i % lines.inner];
        }
        sum += loss;
        divisor += weight;
        if (s.reduction == REDUCE_NONE) {
            array_set_real(y, i, loss);
        }
    }
    if (s.reduction != REDUCE_NONE) {
        array_set_real(y, 0, s.reduction == REDUCE_SUM ? sum : sum / divisor);
    }
    return CLEAT_OK;
}

const operator_entry operators_loss[] = {
    {"NegativeLogLikelihoodLoss", loss_host, loss_device, 2, 3, false},
    {"SoftmaxCrossEntropyLoss", loss_host, loss_device, 2, 3, false},
    {NULL, NULL, NULL, 0, 0, false},
};

const gradient_entry gradients_loss[] = {
    {GRADIENT_NODE("NegativeLogLikelihoodLoss", loss_gradient), 1, 7, NULL},
    {GRADIENT_NODE("SoftmaxCrossEntropyLoss", loss_gradient), 1, 7, NULL},
    {GRADIENT_NODE(NULL, NULL), 0, 0, NULL},
};
