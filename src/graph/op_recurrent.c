/* SPDX-License-Identifier: Apache-2.0 */
/* RNN, LSTM, GRU. On the device LSTM and GRU in their usual form, of sequences of one length. */
#include "graph/operator_tools.h"
#include "graph/operators.h"
#include "graph/recurrent_shape.h"

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

static cleat_status recurrent_device(call *c) {
    recurrent_shape s;
    cleat_tensor x, w, r, bias, h, cell, y, final_h, final_c;
    bool are_whole;
    TRY(recurrent_read(c, &s));
    TRY(call_tensor(c, 0, &x));
    if ((x.type != CLEAT_F32 && x.type != CLEAT_F64) || !s.is_usual || s.kind == KIND_RNN ||
        call_has(c, 7) || s.steps == 0 || s.batch == 0 || s.hidden == 0) {
        return CLEAT_UNSUPPORTED;
    }
    TRY(all_steps(c, &s, &are_whole));
    if (!are_whole) {
        return CLEAT_UNSUPPORTED;
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
