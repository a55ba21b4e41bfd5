/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/recurrent.h"
#include <cleat/matmul.h>
#include <cleat/packed.h>

/* What a direction needs of the weights: r transposed, and packed where that can be. */
typedef struct weights {
    cleat_tensor r, r_gates, r_last; /* [hidden, ...]: all, z and r, and g of GRU */
    cleat_packed *packed, *packed_last;
    cleat_tensor w_bias, r_bias; /* [gates hidden]; buffer NULL: none */
} weights;

/* Not in a plan, where nothing is packed, not f64, and not for a single step. */
static cleat_packed *pack(const recurrent_problem *p, cleat_tensor b) {
    cleat_packed *packed = NULL;
    const bool worth = p->type == CLEAT_F32 && p->steps > 1 && p->batch > 1;
    return worth && cleat_matmul_pack(p->context, b, &packed) == CLEAT_OK ? packed : NULL;
}

static const cleat_tensor *if_there(const cleat_tensor *x) {
    return x->buffer != NULL ? x : NULL;
}

static weights prepare(const recurrent_problem *p, int64_t d) {
    const int64_t h = p->hidden, all = recurrent_gates(p) * h;
    weights k = {.r = cleat_transpose(view_at(p->r, d))};
    k.r_gates = view_columns(k.r, 0, 2 * h);
    k.r_last = view_columns(k.r, 2 * h, h);
    if (p->is_lstm || p->linear_before_reset) {
        k.packed = pack(p, k.r);
    } else {
        k.packed = pack(p, k.r_gates);
        k.packed_last = pack(p, k.r_last);
    }
    if (p->bias.buffer != NULL) {
        const cleat_tensor bias = view_at(p->bias, d);
        k.w_bias = view_columns(bias, 0, all);
        k.r_bias = view_columns(bias, all, all);
    }
    return k;
}

static cleat_status lstm_step(const recurrent_problem *p, const weights *k, int64_t d, int64_t i) {
    const int64_t step = recurrent_step(p, d, i);
    const cleat_tensor reserve = recurrent_reserve(p, d, step);
    const cleat_tensor gates = view_columns(reserve, 0, 4 * p->hidden);
    const cleat_tensor c = view_columns(reserve, 4 * p->hidden, p->hidden);
    const cleat_tensor h = view_at(view_at(p->y, step), d);
    const cleat_tensor h_before = recurrent_h_before(p, d, i);
    const cleat_tensor c_before = recurrent_c_before(p, d, i);
    TRY(recurrent_product(p, h_before, k->r, gates, 1, NULL, NULL, k->packed));
    return recurrent_cell(
        p, CELL_LSTM, (const cleat_tensor *[CELL_TENSORS]){&gates, &c_before, &c, &h});
}

/* sums [batch, 3 hidden] is for one step's products. */
static cleat_status gru_step(
    const recurrent_problem *p, const weights *k, int64_t d, int64_t i, const cleat_tensor *sums) {
    const int64_t hidden = p->hidden, step = recurrent_step(p, d, i);
    const cleat_tensor gates = recurrent_reserve(p, d, step);
    const cleat_tensor h = view_at(view_at(p->y, step), d);
    const cleat_tensor before = recurrent_h_before(p, d, i);
    if (p->linear_before_reset) {
        TRY(recurrent_product(p, before, k->r, *sums, 0, if_there(&k->r_bias), NULL, k->packed));
        return recurrent_cell(
            p, CELL_GRU, (const cleat_tensor *[CELL_TENSORS]){&gates, sums, &before, &h});
    }
    TRY(recurrent_product(
        p, before, k->r_gates, view_columns(gates, 0, 2 * hidden), 1, NULL, NULL, k->packed));
    TRY(recurrent_cell(p, CELL_GRU_GATES, (const cleat_tensor *[CELL_TENSORS]){&gates, &before}));
    TRY(recurrent_product(p, view_columns(gates, 3 * hidden, hidden), k->r_last,
        view_columns(gates, 2 * hidden, hidden), 1, NULL, NULL, k->packed_last));
    return recurrent_cell(
        p, CELL_GRU_OUTPUT, (const cleat_tensor *[CELL_TENSORS]){&gates, &before, &h});
}

/* The products of the inputs of all steps, and the biases that are only added. */
static cleat_status multiply_inputs(const recurrent_problem *p, const weights *k, int64_t d) {
    const int64_t all = recurrent_gates(p) * p->hidden;
    const bool apart = !p->is_lstm && p->linear_before_reset;
    return recurrent_product(p, p->x, cleat_transpose(view_at(p->w, d)),
        view_columns(view_at(p->reserve, d), 0, all), 0, if_there(&k->w_bias),
        apart ? NULL : if_there(&k->r_bias), NULL);
}

static cleat_status run_direction(
    const recurrent_problem *p, const weights *k, int64_t d, const cleat_tensor *sums) {
    TRY(multiply_inputs(p, k, d));
    for (int64_t i = 0; i < p->steps; i++) {
        TRY(p->is_lstm ? lstm_step(p, k, d, i) : gru_step(p, k, d, i, sums));
    }
    if (p->final_h.buffer != NULL) {
        TRY(cleat_copy(p->context, recurrent_h_before(p, d, p->steps), view_at(p->final_h, d)));
    }
    if (p->final_c.buffer != NULL) {
        TRY(cleat_copy(p->context, recurrent_c_before(p, d, p->steps), view_at(p->final_c, d)));
    }
    return CLEAT_OK;
}

cleat_status recurrent_forward(const recurrent_problem *p) {
    cleat_tensor sums = {0};
    if (!p->is_lstm && p->linear_before_reset) {
        const int64_t shape[] = {p->batch, 3 * p->hidden};
        TRY(cleat_tensor_create(p->context, p->type, 2, shape, &sums));
    }
    cleat_status status = CLEAT_OK;
    for (int64_t d = 0; d < p->directions && status == CLEAT_OK; d++) {
        const weights k = prepare(p, d);
        status = run_direction(p, &k, d, &sums);
        cleat_packed_release(k.packed);
        cleat_packed_release(k.packed_last);
    }
    cleat_tensor_release(&sums);
    return status;
}
