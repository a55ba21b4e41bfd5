/* SPDX-License-Identifier: Apache-2.0 */
/* Momentum, Adagrad, Adam of ai.onnx.preview.training, on the host: Cleat's own optimisers are its
 * way of training. Inputs: learning rate, steps so far, then each kind of tensor in turn. */
#include "graph/operator_tools.h"
#include "graph/operators.h"
#include <math.h>
#include <string.h>

typedef struct rule {
    size_t kinds; /* of inputs: X, G and what is kept; outputs are all but G */
    double rate, steps, decay, norm, norm_post, alpha, beta, epsilon;
    bool has_nesterov;
} rule;

/* One number of each kind: x, gradient, first, second; changed in place. */
typedef void (*update)(const rule *r, double *number);

static void momentum(const rule *r, double *number) {
    const double gradient = r->norm * number[0] + number[1];
    number[2] = r->alpha * number[2] + (r->steps > 0 ? r->beta : 1) * gradient;
    number[0] -= r->rate * (r->has_nesterov ? gradient + r->alpha * number[2] : number[2]);
}

static void adagrad(const rule *r, double *number) {
    const double gradient = r->norm * number[0] + number[1];
    number[2] += gradient * gradient;
    number[0] -= r->rate / (1 + r->steps * r->decay) * gradient / (sqrt(number[2]) + r->epsilon);
}

static void adam(const rule *r, double *number) {
    const double gradient = r->norm * number[0] + number[1];
    number[2] = r->alpha * number[2] + (1 - r->alpha) * gradient;
    number[3] = r->beta * number[3] + (1 - r->beta) * gradient * gradient;
    const double rate =
        r->steps > 0 ? r->rate * sqrt(1 - pow(r->beta, r->steps)) / (1 - pow(r->alpha, r->steps))
                     : r->rate;
    number[0] -= rate * number[2] / (sqrt(number[3]) + r->epsilon);
    number[0] *= 1 - r->norm_post;
}

static cleat_status read_rule(call *c, rule *r) {
    const bool is_adam = strcmp(c->node->type, "ai.onnx.preview.training.Adam") == 0;
    *r = (rule){.kinds = is_adam ? 4 : 3,
        .decay = (double)attribute_float(c->node, "decay_factor", 0),
        .norm = (double)attribute_float(c->node, "norm_coefficient", 0),
        .norm_post = (double)attribute_float(c->node, "norm_coefficient_post", 0),
        .alpha = (double)attribute_float(c->node, "alpha", is_adam ? 0.9f : 0),
        .beta = (double)attribute_float(c->node, "beta", is_adam ? 0.999f : 0),
        .epsilon = (double)attribute_float(c->node, "epsilon", 1e-6f),
        .has_nesterov = strcmp(attribute_text(c->node, "mode", "standard"), "nesterov") == 0};
    TRY(call_real(c, 0, 0, &r->rate));
    return call_real(c, 1, 0, &r->steps);
}

/* The tensors of one parameter. */
static cleat_status update_one(call *c, const rule *r, update step, size_t which, size_t count) {
    const array *in[4];
    array *out[4] = {NULL};
    for (size_t kind = 0; kind < r->kinds; kind++) {
        TRY(call_array(c, 2 + kind * count + which, &in[kind]));
        if (in[kind]->type != in[0]->type || in[kind]->rank != in[0]->rank ||
            memcmp(in[kind]->shape, in[0]->shape, sizeof in[0]->shape) != 0) {
            return call_refuse(
                c, CLEAT_SHAPE_MISMATCH, "tensors %zu of two kinds differ in type or shape", which);
        }
    }
    for (size_t kind = 0; kind < r->kinds; kind++) {
        const size_t output = (kind > 0 ? kind - 1 : 0) * count + which;
        if (kind != 1 && output < c->output_count) {
            TRY(call_output_array(c, output, in[0]->type, in[0]->rank, in[0]->shape, &out[kind]));
        }
    }
    for (int64_t i = 0; i < in[0]->count; i++) {
        double number[4] = {0};
        for (size_t kind = 0; kind < r->kinds; kind++) {
            number[kind] = array_real(in[kind], i);
        }
        step(r, number);
        for (size_t kind = 0; kind < r->kinds; kind++) {
            if (out[kind] != NULL) {
                array_set_real(out[kind], i, number[kind]);
            }
        }
    }
    return CLEAT_OK;
}

static cleat_status optimize(call *c, update step) {
    rule r;
    TRY(read_rule(c, &r));
    const size_t count = (c->input_count - 2) / r.kinds;
    if (count * r.kinds + 2 != c->input_count) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "%zu inputs", c->input_count);
    }
    for (size_t i = 0; i < count; i++) {
        TRY(update_one(c, &r, step, i, count));
    }
    return CLEAT_OK;
}

static cleat_status momentum_host(call *c) {
    return optimize(c, momentum);
}

static cleat_status adagrad_host(call *c) {
    return optimize(c, adagrad);
}

static cleat_status adam_host(call *c) {
    return optimize(c, adam);
}

const operator_entry operators_optimizer[] = {
    {"ai.onnx.preview.training.Momentum", momentum_host, NULL, 2, SIZE_MAX, false},
    {"ai.onnx.preview.training.Adagrad", adagrad_host, NULL, 2, SIZE_MAX, false},
    {"ai.onnx.preview.training.Adam", adam_host, NULL, 2, SIZE_MAX, false},
    {NULL, NULL, NULL, 0, 0, false},
};
