/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers (<cleat/random.h>): RandomNormal, RandomUniform and their like, Bernoulli,
 * Multinomial, Dropout. A node's runs each have a stream of their own; with an attribute `seed` a
 * model gives the same numbers each time that it is made. */
#include "core/memory.h"
#include "core/tensor_check.h"
#include "graph/call_shapes.h"
#include "graph/gradient.h"
#include "graph/graph_program.h"
#include "graph/operators.h"
#include <cleat/compare.h>
#include <cleat/elementwise.h>
#include <cleat/random.h>
#include <math.h>
#include <string.h>

typedef struct draw {
    uint64_t seed, stream;
} draw;

static cleat_status next_draw(call *c, draw *d) {
    void **kept;
    TRY(call_keep(c, 0, memory_free, &kept));
    if (*kept == NULL) {
        *kept = memory_allocate_zeroed(1, sizeof(uint64_t));
        if (*kept == NULL) {
            return call_refuse(c, CLEAT_OUT_OF_HOST_MEMORY, "no host memory");
        }
    }
    const float seed = attribute_float(c->node, "seed", 0);
    uint32_t bits = 0;
    memcpy(&bits, &seed, sizeof bits);
    const bool is_given = attribute_find(c->node, "seed", CLEAT_ATTRIBUTE_FLOAT) != NULL;
    const uint64_t place = (uint64_t)(c->node - c->run->program->graph->nodes);
    d->seed = is_given ? bits : UINT64_C(0x9e3779b97f4a7c15) + place;
    d->stream = (*(uint64_t *)*kept)++;
    c->run->is_random = true;
    return CLEAT_OK;
}

typedef struct law {
    bool is_normal;
    float low, high; /* or the mean and the deviation */
} law;

static cleat_status draw_into(call *c, const law *l, cleat_tensor y) {
    draw d = {0};
    TRY(next_draw(c, &d));
    return l->is_normal ? cleat_random_normal(c->context, d.seed, d.stream, l->low, l->high, y)
                        : cleat_random_uniform(c->context, d.seed, d.stream, l->low, l->high, y);
}

/* Numbers of any type, by way of the host where the device has no cast to it. */
static cleat_status give_cast(call *c, cleat_tensor x, cleat_type type) {
    cleat_tensor y;
    array *host;
    void *memory;
    TRY(call_output(c, 0, type, x.rank, x.shape, &y));
    const cleat_status status = cleat_cast(c->context, x, y);
    if (status != CLEAT_UNSUPPORTED && status != CLEAT_TYPE_MISMATCH) {
        return status;
    }
    value_clear(&c->outputs[0]);
    const int64_t count = cleat_tensor_count(&x);
    TRY(call_memory(c, count + 1, sizeof(float), &memory));
    const float *numbers = memory;
    TRY(cleat_read(c->context, x, memory, (size_t)count * sizeof(float)));
    TRY(call_output_array(c, 0, type, x.rank, x.shape, &host));
    for (int64_t i = 0; i < count; i++) {
        array_set_real(host, i, (double)numbers[i]);
    }
    return CLEAT_OK;
}

static cleat_status random_numbers(call *c) {
    const char *node = c->node->type;
    const bool is_like = strstr(node, "Like") != NULL;
    const run_value *like = NULL;
    law l = {.is_normal = strncmp(node, "RandomNormal", 12) == 0};
    l.low = attribute_float(c->node, l.is_normal ? "mean" : "low", 0);
    l.high = attribute_float(c->node, l.is_normal ? "scale" : "high", 1);
    size_t count = 0;
    const int64_t *shape = attribute_ints(c->node, "shape", &count);
    cleat_type type = CLEAT_F32;
    cleat_tensor y;
    if (is_like) {
        TRY(call_input(c, 0, &like));
        type = like->type;
        count = (size_t)like->rank;
        shape = like->shape;
    }
    TRY(call_type(c, "dtype", type, &type));
    if ((shape == NULL && count == 0 && !is_like) || count > CLEAT_MAX_RANK ||
        !type_is_floating(type)) {
        return call_refuse(
            c, CLEAT_INVALID_ARGUMENT, "%zu axes of %s", count, cleat_type_name(type));
    }
    if (type == CLEAT_F32) {
        TRY(call_output(c, 0, type, (int32_t)count, shape, &y));
        return draw_into(c, &l, y);
    }
    TRY(call_scratch(c, CLEAT_F32, (int32_t)count, shape, &y));
    TRY(draw_into(c, &l, y));
    return give_cast(c, y, type);
}

/* ---- Bernoulli: 1 with the probability that the input has ---- */

static cleat_status bernoulli(call *c) {
    const run_value *v;
    cleat_type type = 0;
    cleat_tensor x, chance, u, is_one, number;
    TRY(call_input(c, 0, &v));
    TRY(call_type(c, "dtype", v->type, &type));
    if (!type_is_floating(v->type)) {
        return call_refuse(
            c, CLEAT_TYPE_MISMATCH, "probabilities of %s are not taken", cleat_type_name(v->type));
    }
    TRY(call_scratch(c, CLEAT_F32, v->rank, v->shape, &u));
    TRY(draw_into(c, &(law){.low = 0, .high = 1}, u));
    TRY(call_tensor(c, 0, &x));
    if (x.type != CLEAT_F32) {
        TRY(call_scratch(c, CLEAT_F32, v->rank, v->shape, &chance));
        TRY(cleat_cast(c->context, x, chance));
        x = chance;
    }
    TRY(call_scratch(c, CLEAT_BOOL, v->rank, v->shape, &is_one));
    TRY(cleat_compare(c->context, CLEAT_LESS, u, x, is_one));
    TRY(call_scratch(c, CLEAT_F32, v->rank, v->shape, &number));
    TRY(cleat_cast(c->context, is_one, number));
    return give_cast(c, number, type);
}

/* ---- Multinomial: classes drawn by unnormalised logarithms of their probabilities ---- */

/* The class whose share of the whole `u` falls into. */
static int64_t class_of(const array *x, int64_t row, double u) {
    const int64_t classes = x->shape[1], first = row * classes;
    double most = -INFINITY, whole = 0, sum = 0;
    for (int64_t i = 0; i < classes; i++) {
        most = fmax(most, array_real(x, first + i));
    }
    for (int64_t i = 0; i < classes; i++) {
        whole += exp(array_real(x, first + i) - most);
    }
    for (int64_t i = 0; i < classes; i++) {
        sum += exp(array_real(x, first + i) - most);
        if (sum > u * whole) {
            return i;
        }
    }
    return classes - 1;
}

static cleat_status multinomial(call *c) {
    const array *x;
    array *y;
    void *memory;
    cleat_tensor u;
    cleat_type type = 0;
    char text[SHAPE_TEXT_SIZE];
    TRY(call_array(c, 0, &x));
    TRY(call_type(c, "dtype", CLEAT_I32, &type));
    const int64_t samples = attribute_int(c->node, "sample_size", 1);
    if (x->rank != 2 || x->shape[1] == 0 || samples < 0 || type_is_floating(type)) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "%lld samples from %s as %s",
            (long long)samples, shape_text(x->rank, x->shape, text), cleat_type_name(type));
    }
    const int64_t shape[] = {x->shape[0], samples};
    TRY(call_scratch(c, CLEAT_F32, 2, shape, &u));
    TRY(draw_into(c, &(law){.low = 0, .high = 1}, u));
    const int64_t count = shape[0] * samples;
    TRY(call_memory(c, count + 1, sizeof(float), &memory));
    const float *numbers = memory;
    TRY(cleat_read(c->context, u, memory, (size_t)count * sizeof(float)));
    TRY(call_output_array(c, 0, type, 2, shape, &y));
    for (int64_t i = 0; i < count; i++) {
        array_set_integer(y, i, class_of(x, i / samples, (double)numbers[i]));
    }
    return CLEAT_OK;
}

/* ---- Dropout: nothing is dropped but in training, which only newer opsets' inputs ask for ---- */

static cleat_status ratio_of(call *c, bool *is_training, float *ratio) {
    double number = 0;
    *is_training = false;
    *ratio = 0.5F;
    if (c->opset < 12 || !call_has(c, 2)) {
        return CLEAT_OK;
    }
    TRY(call_real(c, 2, 0, &number));
    *is_training = number > 0 || number < 0;
    TRY(call_real(c, 1, 0.5, &number));
    *ratio = (float)number;
    *is_training = *is_training && *ratio != 0;
    if (!(*ratio >= 0 && *ratio <= 1)) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "the ratio is %g", number);
    }
    return CLEAT_OK;
}

/* All that is kept: bool since opset 10, of x's type before. */
static cleat_status whole_mask(call *c, const run_value *x) {
    cleat_tensor mask;
    if (!call_wants(c, 1)) {
        return CLEAT_OK;
    }
    TRY(call_output(c, 1, c->opset >= 10 ? CLEAT_BOOL : x->type, x->rank, x->shape, &mask));
    return cleat_fill(c->context, 1, mask);
}

static cleat_status drop(call *c, float ratio) {
    cleat_tensor x, y, u, mask, limit;
    draw d = {0};
    TRY(next_draw(c, &d));
    TRY(call_tensor(c, 0, &x));
    TRY(call_output(c, 0, x.type, x.rank, x.shape, &y));
    TRY(cleat_dropout(c->context, d.seed, d.stream, ratio, x, y));
    if (!call_wants(c, 1)) {
        return CLEAT_OK;
    }
    TRY(call_output(c, 1, CLEAT_BOOL, x.rank, x.shape, &mask));
    TRY(call_scratch(c, CLEAT_F32, x.rank, x.shape, &u));
    TRY(call_scratch(c, CLEAT_F32, 0, NULL, &limit));
    TRY(cleat_fill(c->context, (double)ratio, limit));
    TRY(cleat_random_uniform(c->context, d.seed, d.stream, 0, 1, u));
    return cleat_compare(c->context, CLEAT_GREATER_EQUAL, u, limit, mask);
}

static cleat_status dropout(call *c) {
    const run_value *x;
    bool is_training = false;
    float ratio = 0;
    TRY(call_input(c, 0, &x));
    if (!type_is_floating(x->type)) {
        return call_refuse(
            c, CLEAT_TYPE_MISMATCH, "an input of %s is not taken", cleat_type_name(x->type));
    }
    TRY(ratio_of(c, &is_training, &ratio));
    if (is_training) {
        return drop(c, ratio);
    }
    TRY(whole_mask(c, x));
    return call_output_same(c, 0, 0);
}

/* The mask stands in the place of the result. */
static cleat_status dropout_gradient(call *c) {
    cleat_tensor mask, dy, dx, zero, factor;
    bool is_training = false;
    float ratio = 0;
    TRY(ratio_of(c, &is_training, &ratio));
    if (!is_training) {
        return call_output_same(c, 0, gradient_place(c));
    }
    TRY(gradient_result(c, &mask));
    TRY(gradient_tensor(c, &dy));
    TRY(call_output(c, 0, dy.type, dy.rank, dy.shape, &dx));
    TRY(call_scratch(c, dy.type, 0, NULL, &zero));
    TRY(call_scratch(c, dy.type, 0, NULL, &factor));
    TRY(cleat_fill(c->context, 0, zero));
    TRY(cleat_fill(c->context, ratio < 1 ? 1 / (1 - (double)ratio) : 0, factor));
    TRY(cleat_mul(c->context, dy, factor, dx));
    return cleat_where(c->context, mask, dx, zero, dx);
}

/* The operator's node has to give its mask. */
static cleat_status dropout_rule(gradient_builder *b, size_t node) {
    graph_node *n = &b->graph->nodes[node];
    int32_t mask = NO_VALUE;
    size_t made = 0;
    const int32_t dy = gradient_of(b, n->outputs[0]);
    if (n->input_count < 3 || n->inputs[2] == NO_VALUE || b->graph->opset < 12) {
        return gradient_add(b, n->inputs[0], dy);
    }
    if (n->output_count < 2 || n->outputs[1] == NO_VALUE) {
        TRY(gradient_new_value(b, &mask));
        n = &b->graph->nodes[node];
        int32_t *outputs = memory_resize(n->outputs, 2 * sizeof *outputs);
        REFUSE_IF(outputs == NULL, CLEAT_OUT_OF_HOST_MEMORY, "graph_gradients: no host memory");
        n->outputs = outputs;
        n->outputs[1] = mask;
        n->output_count = 2;
        b->graph->values[mask].writer = (int32_t)node;
    }
    return gradient_add_node(
        b, node, gradient_find("Dropout"), b->graph->nodes[node].outputs[1], dy, &made);
}

const operator_entry operators_random[] = {
    {"RandomNormal", NULL, random_numbers, 0, 0, true},
    {"RandomNormalLike", NULL, random_numbers, 1, 1, true},
    {"RandomUniform", NULL, random_numbers, 0, 0, true},
    {"RandomUniformLike", NULL, random_numbers, 1, 1, true},
    {"Bernoulli", NULL, bernoulli, 1, 1, true},
    {"Multinomial", multinomial, NULL, 1, 1, true},
    {"Dropout", NULL, dropout, 1, 3, true},
    {NULL, NULL, NULL, 0, 0, false},
};

const gradient_entry gradients_random[] = {
    {GRADIENT_NODE("Dropout", dropout_gradient), 1, 6, dropout_rule},
    {GRADIENT_NODE(NULL, NULL), 0, 0, NULL},
};
