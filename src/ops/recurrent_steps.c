/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tensor_check.h"
#include "core/variant.h"
#include "ops/elementwise_engine.h"
#include "ops/recurrent.h"
#include "ops/verify.h"
#include "ops/work_split.h"
#include <cleat/matmul.h>
#include <stdio.h>

cleat_tensor view_at(cleat_tensor x, int64_t index) {
    x.offset += index * x.stride[0];
    x.rank--;
    for (int32_t axis = 0; axis < x.rank; axis++) {
        x.shape[axis] = x.shape[axis + 1];
        x.stride[axis] = x.stride[axis + 1];
    }
    return x;
}

cleat_tensor view_columns(cleat_tensor x, int64_t first, int64_t count) {
    x.offset += first * x.stride[x.rank - 1];
    x.shape[x.rank - 1] = count;
    return x;
}

int64_t recurrent_step(const recurrent_problem *p, int64_t d, int64_t i) {
    const bool backwards = d == 1 || p->direction == CLEAT_RECURRENT_REVERSE;
    return backwards ? p->steps - 1 - i : i;
}

cleat_tensor recurrent_reserve(const recurrent_problem *p, int64_t d, int64_t step) {
    return view_at(view_at(p->reserve, d), step);
}

cleat_tensor recurrent_h_before(const recurrent_problem *p, int64_t d, int64_t i) {
    return i == 0 ? view_at(p->initial_h, d)
                  : view_at(view_at(p->y, recurrent_step(p, d, i - 1)), d);
}

cleat_tensor recurrent_c_before(const recurrent_problem *p, int64_t d, int64_t i) {
    return i == 0 ? view_at(p->initial_c, d)
                  : view_columns(recurrent_reserve(p, d, recurrent_step(p, d, i - 1)),
                        4 * p->hidden, p->hidden);
}

cleat_status recurrent_product(const recurrent_problem *p, cleat_tensor a, cleat_tensor b,
    cleat_tensor y, float beta, const cleat_tensor *bias, const cleat_tensor *other,
    const cleat_packed *packed) {
    return cleat_matmul(p->context, a, b, y,
        &(cleat_matmul_options){.beta = beta, .bias = bias, .residual = other, .packed_b = packed});
}

/* A cell kernel to be launched. */
typedef struct cell_problem {
    const recurrent_problem *p;
    int cell;
    const cleat_tensor *const *tensors;
} cell_problem;

static bool suits_vectors(const device_profile *profile, const void *problem) {
    const cell_problem *c = problem;
    bool side_by_side = profile->is_cpu;
    for (int t = 0; t < CELL_TENSORS; t++) {
        if (c->tensors[t] != NULL && c->tensors[t]->buffer != NULL) {
            side_by_side = side_by_side && c->tensors[t]->stride[1] == 1;
        }
    }
    return side_by_side;
}

static cleat_status enqueue(cleat_context *context, const cell_problem *c, int64_t vector) {
    const device_profile *profile = context_profile(context);
    const recurrent_problem *p = c->p;
    const cleat_tensor *const *tensors = c->tensors;
    bool index64 = false;
    for (int t = 0; t < CELL_TENSORS; t++) {
        if (tensors[t] != NULL && tensors[t]->buffer != NULL) {
            index64 = index64 || tensor_needs_index64(tensors[t]);
        }
    }
    launch l = launch_begin(p->operation, "recurrent", "recurrent_cell");
    const int64_t units = p->batch * ceil_div(p->hidden, vector);
    launch_use_index64(&l, index64 || p->batch * p->hidden > INT32_MAX / 8);
    launch_use_real64(&l, p->type);
    launch_macro(&l, "CELL", c->cell);
    launch_macro(&l, "CELL_W", vector);
    for (int t = 0; t < CELL_TENSORS; t++) {
        const bool is_there = tensors[t] != NULL && tensors[t]->buffer != NULL;
        launch_tensor(&l, is_there ? tensors[t] : NULL);
    }
    const int64_t chunk = work_split(profile, units, profile->is_cpu ? 16 : 1, &l);
    launch_numbers_begin(&l);
    const int64_t numbers[] = {p->batch, p->hidden, units, chunk};
    launch_indices(&l, numbers, sizeof numbers / sizeof numbers[0]);
    for (int t = 0; t < CELL_TENSORS; t++) {
        const bool is_there = tensors[t] != NULL && tensors[t]->buffer != NULL;
        launch_index(&l, is_there ? tensors[t]->offset : 0);
        launch_index(&l, is_there ? tensors[t]->stride[0] : 0);
        launch_index(&l, is_there ? tensors[t]->stride[1] : 0);
    }
    launch_numbers_end(&l);
    l.bytes = (double)cleat_type_size(p->type) * 10 * (double)p->batch * (double)p->hidden;
    l.flop = 100.0 * (double)p->batch * (double)p->hidden;
    return launch_all(context, &l, 1);
}

static cleat_status enqueue_vectors(cleat_context *context, const void *problem) {
    const cell_problem *c = problem;
    const int64_t floats = profile_vector_width(context_profile(context));
    return enqueue(context, c, c->p->type == CLEAT_F64 ? floats / 2 : floats);
}

static cleat_status enqueue_scalars(cleat_context *context, const void *problem) {
    return enqueue(context, problem, 1);
}

static const variant variants[] = {
    {"vectors", suits_vectors, enqueue_vectors},
    {"scalars", variant_always, enqueue_scalars},
    {NULL, NULL, NULL},
};

static void write_problem(const void *problem, char *text, size_t size) {
    const cell_problem *c = problem;
    snprintf(text, size, "[%lld, %lld]", (long long)c->p->batch, (long long)c->p->hidden);
}

cleat_status recurrent_cell(
    const recurrent_problem *p, int cell, const cleat_tensor *const tensors[CELL_TENSORS]) {
    /* The two GRUs have kernels of their own, and verdicts of their own. */
    static const char *const names[2][2][2] = {
        {{"gru", "gru_backward"}, {"gru_linear", "gru_linear_backward"}},
        {{"lstm", "lstm_backward"}, {"lstm", "lstm_backward"}}};
    const cell_problem problem = {p, cell, tensors};
    const char *operation = names[p->is_lstm][p->linear_before_reset][p->backward];
    const variant *chosen = NULL;
    TRY(variant_choose(p->context, operation, NULL, NULL, variants, &problem, write_problem,
        p->backward ? verify_recurrent_backward : verify_recurrent, &chosen));
    return chosen->enqueue(p->context, &problem);
}
