/* SPDX-License-Identifier: Apache-2.0 */
/* RNN, LSTM, GRU. On the device LSTM and GRU in their usual form and RNN of any activation without
 * parameters, of sequences of one length. */
#include "graph/operator_tools.h"
#include "graph/operators.h"
#include "graph/recurrent_shape.h"
#include <cleat/elementwise.h>
#include <cleat/matmul.h>

/* Batch first, or not: as the library has it. */
static cleat_status steps_first(const recurrent_shape *s, cleat_tensor *x) {
    static const int32_t orders[][4] = {{1, 0, 2, 0}, {1, 2, 0, 3}};
    return s->batch_first ? cleat_permute(*x, orders[x->rank - 3], x) : CLEAT_OK;
}

static cleat_status input_of(call *c, const recurrent_shape *s, size_t input, cleat_tensor *x) {
    TRY(call_tensor(c, input, x));
    return input == 0 || input >= 5 ? steps_first(s, x) : CLEAT_OK;
}

/* An output, or what stands for one that nobody reads. */
static cleat_status result(call *c, const recurrent_shape *s, size_t output, cleat_type type,
    int32_t rank, const int64_t *shape, cleat_tensor *y) {
    if (call_wants(c, output)) {
        TRY(call_output(c, output, type, rank, shape, y));
    } else {
        TRY(call_scratch(c, type, rank, shape, y));
    }
    return steps_first(s, y);
}

static cleat_status all_steps(call *c, const recurrent_shape *s, bool *are_whole) {
    int64_t *lengths;
    TRY(recurrent_lengths(c, s, &lengths));
    *are_whole = true;
    for (int64_t i = 0; i < s->batch; i++) {
        *are_whole = *are_whole && lengths[i] == s->steps;
    }
    return CLEAT_OK;
}

/* ---- RNN: a product for the inputs of all steps, and one for each step ---- */

/* x[at] as a tensor of one axis less. */
static cleat_tensor part(cleat_tensor x, int64_t at) {
    cleat_tensor y = x;
    y.offset += at * x.stride[0];
    y.rank = x.rank - 1;
    for (int32_t i = 0; i < y.rank; i++) {
        y.shape[i] = x.shape[i + 1];
        y.stride[i] = x.stride[i + 1];
    }
    return y;
}

/* A direction's operands; h is the state before the first step. */
typedef struct rnn_direction {
    cleat_tensor x, w, r, bias, h;
    bool has_bias, is_backwards;
    cleat_activation activation;
} rnn_direction;

/* y [L, B, H] */
static cleat_status run_direction(call *c, const recurrent_shape *s, const rnn_direction *d,
    cleat_tensor y, cleat_tensor final_h) {
    const int64_t shape[3] = {s->steps, s->batch, s->hidden};
    cleat_tensor from_x, bias, h = d->h;
    cleat_matmul_options options = {0};
    if (d->has_bias) {
        cleat_tensor halves[2];
        TRY(call_scratch(c, y.type, 1, &s->hidden, &bias));
        for (int i = 0; i < 2; i++) {
            TRY(cleat_slice(d->bias, 0, i * s->hidden, s->hidden, 1, &halves[i]));
        }
        TRY(cleat_add(c->context, halves[0], halves[1], bias));
        options.bias = &bias;
    }
    TRY(call_scratch(c, y.type, 3, shape, &from_x));
    TRY(cleat_matmul(c->context, d->x, cleat_transpose(d->w), from_x, &options));
    for (int64_t i = 0; i < s->steps; i++) {
        const int64_t t = d->is_backwards ? s->steps - 1 - i : i;
        const cleat_tensor added = part(from_x, t), to = part(y, t);
        const cleat_matmul_options step = {.residual = &added, .activation = d->activation};
        TRY(cleat_matmul(c->context, h, cleat_transpose(d->r), to, &step));
        h = to;
    }
    return cleat_copy(c->context, h, final_h);
}

static cleat_status rnn_device(call *c, const recurrent_shape *s) {
    cleat_tensor x, w, r, bias, h, y, final_h;
    TRY(input_of(c, s, 0, &x));
    TRY(input_of(c, s, 1, &w));
    TRY(input_of(c, s, 2, &r));
    if (call_has(c, 3)) {
        TRY(input_of(c, s, 3, &bias));
    }
    if (call_has(c, 5)) {
        TRY(input_of(c, s, 5, &h));
    } else {
        TRY(call_scratch(c, x.type, 3, (int64_t[]){s->directions, s->batch, s->hidden}, &h));
        TRY(cleat_fill(c->context, 0, h));
    }
    TRY(result(c, s, 0, x.type, 4, s->y, &y));
    TRY(result(c, s, 1, x.type, 3, s->state, &final_h));
    TRY(cleat_permute(y, (int32_t[]){1, 0, 2, 3}, &y));
    for (int64_t d = 0; d < s->directions; d++) {
        rnn_direction direction = {.x = x,
            .w = part(w, d),
            .r = part(r, d),
            .h = part(h, d),
            .has_bias = call_has(c, 3),
            .is_backwards = d == 1 || s->direction == CLEAT_RECURRENT_REVERSE,
            .activation = s->functions[d].activation};
        if (direction.has_bias) {
            direction.bias = part(bias, d);
        }
        TRY(run_direction(c, s, &direction, part(y, d), part(final_h, d)));
    }
    return CLEAT_OK;
}

/* Whether the library has the cell. */
static bool has_cell(const call *c, const recurrent_shape *s) {
    if (s->kind != KIND_RNN) {
        return s->is_usual && !call_has(c, 7);
    }
    return s->clip <= 0 && s->functions[0].activation != CLEAT_ACTIVATION_NONE &&
           s->functions[s->directions - 1].activation != CLEAT_ACTIVATION_NONE;
}

static cleat_status recurrent_device(call *c) {
    recurrent_shape s;
    cleat_tensor x, w, r, bias, h, cell, y, final_h, final_c;
    bool are_whole;
    TRY(recurrent_read(c, &s));
    TRY(call_tensor(c, 0, &x));
    if ((x.type != CLEAT_F32 && x.type != CLEAT_F64) || !has_cell(c, &s) || s.steps == 0 ||
        s.batch == 0 || s.hidden == 0) {
        return CLEAT_UNSUPPORTED;
    }
    TRY(all_steps(c, &s, &are_whole));
    if (!are_whole) {
        return CLEAT_UNSUPPORTED;
    }
    if (s.kind == KIND_RNN) {
        return rnn_device(c, &s);
    }
    cleat_recurrent_options options = {
        .direction = s.direction, .linear_before_reset = s.linear_before_reset};
    TRY(input_of(c, &s, 0, &x));
    TRY(input_of(c, &s, 1, &w));
    TRY(input_of(c, &s, 2, &r));
    if (call_has(c, 3)) {
        TRY(input_of(c, &s, 3, &bias));
        options.bias = &bias;
    }
    if (call_has(c, 5)) {
        TRY(input_of(c, &s, 5, &h));
        options.initial_h = &h;
    }
    TRY(result(c, &s, 0, x.type, 4, s.y, &y));
    TRY(result(c, &s, 1, x.type, 3, s.state, &final_h));
    options.final_h = &final_h;
    if (s.kind == KIND_GRU) {
        return cleat_gru(c->context, x, w, r, y, &options);
    }
    if (call_has(c, 6)) {
        TRY(input_of(c, &s, 6, &cell));
        options.initial_c = &cell;
    }
    TRY(result(c, &s, 2, x.type, 3, s.state, &final_c));
    options.final_c = &final_c;
    return cleat_lstm(c->context, x, w, r, y, &options);
}

const operator_entry operators_recurrent[] = {
    {"RNN", recurrent_host, recurrent_device, 3, 6, false},
    {"LSTM", recurrent_host, recurrent_device, 3, 8, false},
    {"GRU", recurrent_host, recurrent_device, 3, 6, false},
    {NULL, NULL, NULL, 0, 0, false},
};
