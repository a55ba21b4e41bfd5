/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/recurrent.h"
#include <cleat/reduce.h>

/* Memory of one direction: gradients of the sums that the inputs and the states went into (the same
 * for LSTM; they differ in g of GRU), the states before each step and, for GRU, r h'; and what goes
 * from step to step. All row-major. */
typedef struct work {
    cleat_tensor dgates, dsums; /* [steps, batch, gates hidden] */
    cleat_tensor before, reset; /* [steps, batch, hidden] */
    cleat_tensor dh, dc, dm;    /* [batch, hidden] */
} work;

static void release(work *k) {
    cleat_tensor_release(&k->dgates);
    cleat_tensor_release(&k->dsums);
    cleat_tensor_release(&k->before);
    cleat_tensor_release(&k->reset);
    cleat_tensor_release(&k->dh);
    cleat_tensor_release(&k->dc);
    cleat_tensor_release(&k->dm);
}

static cleat_status create(const recurrent_problem *p, work *k) {
    const int64_t gates[] = {p->steps, p->batch, recurrent_gates(p) * p->hidden};
    const int64_t states[] = {p->steps, p->batch, p->hidden};
    const bool apart = !p->is_lstm && p->linear_before_reset;
    *k = (work){0};
    TRY(cleat_tensor_create(p->context, p->type, 3, gates, &k->dgates));
    TRY(cleat_tensor_create(p->context, p->type, 3, states, &k->before));
    TRY(cleat_tensor_create(p->context, p->type, 2, states + 1, &k->dh));
    if (p->is_lstm) {
        return cleat_tensor_create(p->context, p->type, 2, states + 1, &k->dc);
    }
    if (apart) {
        return cleat_tensor_create(p->context, p->type, 3, gates, &k->dsums);
    }
    TRY(cleat_tensor_create(p->context, p->type, 3, states, &k->reset));
    return cleat_tensor_create(p->context, p->type, 2, states + 1, &k->dm);
}

static const cleat_tensor *if_there(const cleat_tensor *x) {
    return x->buffer != NULL ? x : NULL;
}

static int64_t steps_that_count(const recurrent_problem *p) {
    return recurrent_is_empty(p) ? 0 : p->steps;
}

/* What step i does to dh, which holds what later steps give to its h, and then what it gives to the
 * one before. `last` replaces it in the first of them, and may be NULL. */
static cleat_status lstm_step(const recurrent_problem *p, const work *k, int64_t d, int64_t i,
    const cleat_tensor *last_h, const cleat_tensor *last_c) {
    const bool is_last = i == p->steps - 1;
    const int64_t step = recurrent_step(p, d, i);
    const cleat_tensor gates = recurrent_reserve(p, d, step);
    const cleat_tensor c = view_columns(gates, 4 * p->hidden, p->hidden);
    const cleat_tensor before = recurrent_c_before(p, d, i);
    const cleat_tensor dy = view_at(view_at(p->dy, step), d);
    const cleat_tensor dgates = view_at(k->dgates, step);
    TRY(recurrent_cell(p, CELL_LSTM_GRADIENT,
        (const cleat_tensor *[CELL_TENSORS]){&gates, &before, &c, &dy, is_last ? last_h : &k->dh,
            is_last ? last_c : &k->dc, &dgates, &k->dc}));
    return recurrent_product(p, dgates, view_at(p->r, d), k->dh, 0, NULL, NULL, NULL);
}

static cleat_status gru_step(
    const recurrent_problem *p, const work *k, int64_t d, int64_t i, const cleat_tensor *last_h) {
    const int64_t hidden = p->hidden, step = recurrent_step(p, d, i);
    const cleat_tensor gates = recurrent_reserve(p, d, step);
    const cleat_tensor before = recurrent_h_before(p, d, i);
    const cleat_tensor dy = view_at(view_at(p->dy, step), d);
    const cleat_tensor dgates = view_at(k->dgates, step);
    const cleat_tensor *dh = i == p->steps - 1 ? last_h : &k->dh;
    const cleat_tensor r = view_at(p->r, d), r_rows = cleat_transpose(r);
    if (p->linear_before_reset) {
        const cleat_tensor dsums = view_at(k->dsums, step);
        TRY(recurrent_cell(p, CELL_GRU_GRADIENT,
            (const cleat_tensor *[CELL_TENSORS]){
                &gates, &before, &dy, dh, &dgates, &dsums, &k->dh}));
        return recurrent_product(p, dsums, r, k->dh, 1, NULL, NULL, NULL);
    }
    TRY(recurrent_cell(p, CELL_GRU_OUTPUT_GRADIENT,
        (const cleat_tensor *[CELL_TENSORS]){&gates, &before, &dy, dh, &dgates, &k->dh}));
    TRY(recurrent_product(p, view_columns(dgates, 2 * hidden, hidden),
        cleat_transpose(view_columns(r_rows, 2 * hidden, hidden)), k->dm, 0, NULL, NULL, NULL));
    TRY(recurrent_cell(p, CELL_GRU_GATES_GRADIENT,
        (const cleat_tensor *[CELL_TENSORS]){&gates, &before, &k->dm, &dgates, &k->dh}));
    return recurrent_product(p, view_columns(dgates, 0, 2 * hidden),
        cleat_transpose(view_columns(r_rows, 0, 2 * hidden)), k->dh, 1, NULL, NULL, NULL);
}

/* [steps, batch, n] of the work memory as [steps batch, n]. */
static cleat_tensor flat(cleat_tensor x) {
    x.rank = 2;
    x.shape[0] *= x.shape[1];
    x.shape[1] = x.shape[2];
    x.stride[0] = x.stride[1];
    x.stride[1] = x.stride[2];
    return x;
}

/* dw [n, m] = the products of gradients [steps, batch, n] and what they multiplied, summed. */
static cleat_status weights_gradient(const recurrent_problem *p, const cleat_tensor *gradients,
    const cleat_tensor *from, cleat_tensor dw) {
    const int64_t shape[] = {p->steps * p->batch, from->shape[2]};
    const cleat_tensor left = cleat_transpose(flat(*gradients));
    cleat_tensor right;
    if (cleat_reshape(*from, 2, shape, &right) == CLEAT_OK) {
        return recurrent_product(p, left, right, dw, 0, NULL, NULL, NULL);
    }
    for (int64_t step = 0; step < p->steps; step++) {
        TRY(recurrent_product(p, cleat_transpose(view_at(*gradients, step)), view_at(*from, step),
            dw, step > 0, NULL, NULL, NULL));
    }
    return CLEAT_OK;
}

/* h' of every step, and r h' where it is wanted, side by side. */
static cleat_status collect_states(const recurrent_problem *p, const work *k, int64_t d) {
    for (int64_t i = 0; i < steps_that_count(p); i++) {
        const int64_t step = recurrent_step(p, d, i);
        TRY(cleat_copy(p->context, recurrent_h_before(p, d, i), view_at(k->before, step)));
        if (k->reset.buffer != NULL) {
            TRY(cleat_copy(p->context,
                view_columns(recurrent_reserve(p, d, step), 3 * p->hidden, p->hidden),
                view_at(k->reset, step)));
        }
    }
    return CLEAT_OK;
}

static cleat_status state_weights(const recurrent_problem *p, const work *k, int64_t d) {
    const int64_t hidden = p->hidden;
    const cleat_tensor dr = view_at(p->dr, d);
    const cleat_tensor *sums = k->dsums.buffer != NULL ? &k->dsums : &k->dgates;
    TRY(collect_states(p, k, d));
    if (k->reset.buffer == NULL) {
        return weights_gradient(p, sums, &k->before, dr);
    }
    const cleat_tensor gates = view_columns(k->dgates, 0, 2 * hidden);
    const cleat_tensor last = view_columns(k->dgates, 2 * hidden, hidden);
    const cleat_tensor rows = cleat_transpose(dr);
    TRY(weights_gradient(
        p, &gates, &k->before, cleat_transpose(view_columns(rows, 0, 2 * hidden))));
    return weights_gradient(
        p, &last, &k->reset, cleat_transpose(view_columns(rows, 2 * hidden, hidden)));
}

static cleat_status bias_gradient(const recurrent_problem *p, const work *k, int64_t d) {
    static const int32_t axes[] = {0, 1};
    const int64_t all = recurrent_gates(p) * p->hidden;
    const cleat_tensor dbias = view_at(p->dbias, d);
    const cleat_tensor *sums = k->dsums.buffer != NULL ? &k->dsums : &k->dgates;
    TRY(cleat_reduce(
        p->context, CLEAT_REDUCE_SUM, k->dgates, 2, axes, view_columns(dbias, 0, all), NULL));
    return cleat_reduce(
        p->context, CLEAT_REDUCE_SUM, *sums, 2, axes, view_columns(dbias, all, all), NULL);
}

/* The gradient of an initial state, if it is wanted; from NULL, zeros. */
static cleat_status give_state(
    const recurrent_problem *p, const cleat_tensor *from, cleat_tensor to, int64_t d) {
    if (to.buffer == NULL) {
        return CLEAT_OK;
    }
    return from != NULL ? cleat_copy(p->context, *from, view_at(to, d))
                        : cleat_fill(p->context, 0, view_at(to, d));
}

static cleat_status run_direction(const recurrent_problem *p, const work *k, int64_t d) {
    const cleat_tensor none = {0};
    const cleat_tensor last_h = p->dfinal_h.buffer != NULL ? view_at(p->dfinal_h, d) : none;
    const cleat_tensor last_c = p->dfinal_c.buffer != NULL ? view_at(p->dfinal_c, d) : none;
    for (int64_t i = steps_that_count(p) - 1; i >= 0; i--) {
        TRY(p->is_lstm ? lstm_step(p, k, d, i, if_there(&last_h), if_there(&last_c))
                       : gru_step(p, k, d, i, if_there(&last_h)));
    }
    TRY(give_state(p, p->steps > 0 ? &k->dh : if_there(&last_h), p->dinitial_h, d));
    TRY(give_state(p, p->steps > 0 ? &k->dc : if_there(&last_c), p->dinitial_c, d));
    TRY(recurrent_product(p, k->dgates, view_at(p->w, d), p->dx, d > 0, NULL, NULL, NULL));
    TRY(weights_gradient(p, &k->dgates, &p->x, view_at(p->dw, d)));
    TRY(state_weights(p, k, d));
    return p->dbias.buffer != NULL ? bias_gradient(p, k, d) : CLEAT_OK;
}

cleat_status recurrent_backward(const recurrent_problem *p) {
    work k;
    cleat_status status = create(p, &k);
    for (int64_t d = 0; d < p->directions && status == CLEAT_OK; d++) {
        status = run_direction(p, &k, d);
    }
    release(&k);
    return status;
}
