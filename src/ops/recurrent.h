/* SPDX-License-Identifier: Apache-2.0 */
/* LSTM and GRU, both directions: what recurrent.c checks, and the steps of recurrent_steps.c. */
#ifndef CLEAT_OPS_RECURRENT_H
#define CLEAT_OPS_RECURRENT_H

#include "core/launch.h"
#include <cleat/packed.h>
#include <cleat/recurrent.h>

/* CELL of cl/recurrent.cl */
enum {
    CELL_LSTM,
    CELL_LSTM_GRADIENT,
    CELL_GRU,
    CELL_GRU_GRADIENT,
    CELL_GRU_GATES,
    CELL_GRU_OUTPUT,
    CELL_GRU_OUTPUT_GRADIENT,
    CELL_GRU_GATES_GRADIENT
};

enum { CELL_TENSORS = 8 };

/* Buffers are NULL where the caller gave none, but for what recurrent.c lends: reserve, initial
 * states. */
typedef struct recurrent_problem {
    const char *operation;
    cleat_context *context;
    cleat_type type; /* of all operands */
    bool is_lstm, linear_before_reset, backward;
    cleat_recurrent_direction direction;
    int64_t steps, batch, inputs, hidden, directions;
    cleat_tensor x, w, r, y, bias, initial_h, initial_c, final_h, final_c, reserve;
    cleat_tensor dy, dx, dw, dr, dfinal_h, dfinal_c, dbias, dinitial_h, dinitial_c;
} recurrent_problem;

/* Parts of `hidden` elements: of w and r, and of the reserve. */
static inline int64_t recurrent_gates(const recurrent_problem *p) {
    return p->is_lstm ? 4 : 3;
}

static inline int64_t recurrent_parts(const recurrent_problem *p) {
    return p->is_lstm ? 5 : 4;
}

/* Whether a step has nothing to do, and all of them neither, however many they are. */
static inline bool recurrent_is_empty(const recurrent_problem *p) {
    return p->batch == 0 || p->hidden == 0;
}

/* ---- Views ---- */

/* x[index], and columns first .. first + count of the last axis. */
cleat_tensor view_at(cleat_tensor x, int64_t index);
cleat_tensor view_columns(cleat_tensor x, int64_t first, int64_t count);

/* ---- Steps: recurrent_steps.c ---- */

/* One cell kernel over matrices [batch, parts of hidden]; a NULL one is zero. */
cleat_status recurrent_cell(
    const recurrent_problem *p, int cell, const cleat_tensor *const tensors[CELL_TENSORS]);

/* The number of step i in the order of direction d. */
int64_t recurrent_step(const recurrent_problem *p, int64_t d, int64_t i);

/* y = beta y + a b (+ bias + other) */
cleat_status recurrent_product(const recurrent_problem *p, cleat_tensor a, cleat_tensor b,
    cleat_tensor y, float beta, const cleat_tensor *bias, const cleat_tensor *other,
    const cleat_packed *packed);

/* h before step number i in the order of direction d; c likewise. */
cleat_tensor recurrent_h_before(const recurrent_problem *p, int64_t d, int64_t i);
cleat_tensor recurrent_c_before(const recurrent_problem *p, int64_t d, int64_t i);

/* The reserve of a step, [batch, parts]. */
cleat_tensor recurrent_reserve(const recurrent_problem *p, int64_t d, int64_t step);

/* ---- The two: recurrent_forward.c, recurrent_backward.c ---- */
cleat_status recurrent_forward(const recurrent_problem *p);
cleat_status recurrent_backward(const recurrent_problem *p);

#endif
