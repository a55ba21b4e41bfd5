/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/recurrent.h"
#include "core/tensor_check.h"
#include "ops/types.h"
#include <assert.h>

enum { MOST_OPERANDS = 20 };

/* Operands seen so far, of which the outputs have to stay clear. */
typedef struct operands {
    int count;
    const char *names[MOST_OPERANDS];
    const cleat_tensor *tensors[MOST_OPERANDS];
} operands;

static cleat_status check_operand(const recurrent_problem *p, operands *seen, const char *name,
    const cleat_tensor *x, int32_t rank, const int64_t *shape, bool written) {
    const char *operation = p->operation;
    char got[SHAPE_TEXT_SIZE], want[SHAPE_TEXT_SIZE];
    if (written) {
        TRY(check_output(operation, name, p->context, x, p->type));
    } else {
        TRY(check_tensor(operation, name, p->context, x, p->type));
    }
    bool same = x->rank == rank;
    for (int32_t axis = 0; same && axis < rank; axis++) {
        same = x->shape[axis] == shape[axis];
    }
    REFUSE_IF(!same, CLEAT_SHAPE_MISMATCH, "%s: %s is %s, wanted %s", operation, name,
        shape_text(x->rank, x->shape, got), shape_text(rank, shape, want));
    for (int i = 0; written && i < seen->count; i++) {
        TRY(check_no_overlap(operation, seen->names[i], seen->tensors[i], name, x, false));
    }
    assert(seen->count < MOST_OPERANDS);
    seen->names[seen->count] = name;
    seen->tensors[seen->count++] = x;
    return CLEAT_OK;
}

/* One that may be NULL, into *to. */
static cleat_status check_optional(const recurrent_problem *p, operands *seen, const char *name,
    const cleat_tensor *x, int32_t rank, const int64_t *shape, bool written, cleat_tensor *to) {
    if (x == NULL) {
        return CLEAT_OK;
    }
    *to = *x;
    return check_operand(p, seen, name, to, rank, shape, written);
}

/* x, w, r and y; fills the extents. */
static cleat_status check_inputs(recurrent_problem *p, operands *seen) {
    const char *operation = p->operation;
    TRY(check_context(operation, p->context));
    REFUSE_IF((int)p->direction < CLEAT_RECURRENT_FORWARD ||
                  (int)p->direction > CLEAT_RECURRENT_BIDIRECTIONAL,
        CLEAT_INVALID_ARGUMENT, "%s: direction is %d", operation, (int)p->direction);
    TRY(check_real_tensor(operation, "x", p->context, &p->x, &p->type));
    TRY(check_rank(operation, "x", &p->x, 3));
    TRY(check_tensor(operation, "r", p->context, &p->r, p->type));
    TRY(check_rank(operation, "r", &p->r, 3));
    p->steps = p->x.shape[0];
    p->batch = p->x.shape[1];
    p->inputs = p->x.shape[2];
    p->hidden = p->r.shape[2];
    p->directions = p->direction == CLEAT_RECURRENT_BIDIRECTIONAL ? 2 : 1;
    int64_t samples = 0;
    REFUSE_IF(p->hidden > INT64_MAX / 16 || !checked_mul(p->steps, p->batch, &samples),
        CLEAT_SIZE_OVERFLOW, "%s: %lld steps of %lld samples, or states of %lld, leave 64 bits",
        operation, (long long)p->steps, (long long)p->batch, (long long)p->hidden);
    const int64_t rows = recurrent_gates(p) * p->hidden;
    const int64_t w[] = {p->directions, rows, p->inputs}, r[] = {p->directions, rows, p->hidden};
    TRY(check_operand(p, seen, "x", &p->x, 3, p->x.shape, false));
    TRY(check_operand(p, seen, "w", &p->w, 3, w, false));
    return check_operand(p, seen, "r", &p->r, 3, r, false);
}

static cleat_status check_options(
    recurrent_problem *p, operands *seen, const cleat_recurrent_options *o) {
    const int64_t state[] = {p->directions, p->batch, p->hidden};
    const int64_t bias[] = {p->directions, 2 * recurrent_gates(p) * p->hidden};
    const int64_t reserve[] = {p->directions, p->steps, p->batch, recurrent_parts(p) * p->hidden};
    const int64_t y[] = {p->steps, p->directions, p->batch, p->hidden};
    REFUSE_IF(!p->is_lstm && (o->initial_c != NULL || o->final_c != NULL), CLEAT_INVALID_ARGUMENT,
        "%s: a GRU has no c", p->operation);
    TRY(check_optional(p, seen, "initial_h", o->initial_h, 3, state, false, &p->initial_h));
    TRY(check_optional(p, seen, "initial_c", o->initial_c, 3, state, false, &p->initial_c));
    if (p->backward) {
        REFUSE_IF(o->reserve == NULL, CLEAT_INVALID_ARGUMENT, "%s: reserve is NULL", p->operation);
        TRY(check_optional(p, seen, "reserve", o->reserve, 4, reserve, false, &p->reserve));
        return check_operand(p, seen, "y", &p->y, 4, y, false);
    }
    TRY(check_optional(p, seen, "bias", o->bias, 2, bias, false, &p->bias));
    TRY(check_operand(p, seen, "y", &p->y, 4, y, true));
    TRY(check_optional(p, seen, "final_h", o->final_h, 3, state, true, &p->final_h));
    TRY(check_optional(p, seen, "final_c", o->final_c, 3, state, true, &p->final_c));
    return check_optional(p, seen, "reserve", o->reserve, 4, reserve, true, &p->reserve);
}

static cleat_status check_gradients(
    recurrent_problem *p, operands *seen, const cleat_recurrent_gradients *g) {
    const int64_t state[] = {p->directions, p->batch, p->hidden};
    const int64_t bias[] = {p->directions, 2 * recurrent_gates(p) * p->hidden};
    TRY(check_operand(p, seen, "dy", &p->dy, 4, p->y.shape, false));
    if (g != NULL) {
        REFUSE_IF(!p->is_lstm && (g->initial_c != NULL || g->final_c != NULL),
            CLEAT_INVALID_ARGUMENT, "%s: a GRU has no c", p->operation);
        TRY(check_optional(
            p, seen, "gradient of final_h", g->final_h, 3, state, false, &p->dfinal_h));
        TRY(check_optional(
            p, seen, "gradient of final_c", g->final_c, 3, state, false, &p->dfinal_c));
    }
    TRY(check_operand(p, seen, "dx", &p->dx, 3, p->x.shape, true));
    TRY(check_operand(p, seen, "dw", &p->dw, 3, p->w.shape, true));
    TRY(check_operand(p, seen, "dr", &p->dr, 3, p->r.shape, true));
    if (g == NULL) {
        return CLEAT_OK;
    }
    TRY(check_optional(p, seen, "gradient of bias", g->bias, 2, bias, true, &p->dbias));
    TRY(check_optional(
        p, seen, "gradient of initial_h", g->initial_h, 3, state, true, &p->dinitial_h));
    return check_optional(
        p, seen, "gradient of initial_c", g->initial_c, 3, state, true, &p->dinitial_c);
}

/* Zeros as the initial state that the caller did not give. */
static cleat_status lend_state(const recurrent_problem *p, cleat_tensor *zeros, cleat_tensor *to) {
    const int64_t state[] = {p->directions, p->batch, p->hidden};
    if (to->buffer != NULL) {
        return CLEAT_OK;
    }
    if (zeros->buffer == NULL) {
        TRY(cleat_tensor_create(p->context, p->type, 3, state, zeros));
        TRY(cleat_fill(p->context, 0, *zeros));
    }
    *to = *zeros;
    return CLEAT_OK;
}

static cleat_status run_lent(recurrent_problem *p, cleat_tensor *zeros, cleat_tensor *reserve) {
    TRY(lend_state(p, zeros, &p->initial_h));
    if (p->is_lstm) {
        TRY(lend_state(p, zeros, &p->initial_c));
    }
    if (p->reserve.buffer == NULL) {
        const int64_t shape[] = {p->directions, p->steps, p->batch, recurrent_parts(p) * p->hidden};
        TRY(cleat_tensor_create(p->context, p->type, 4, shape, reserve));
        p->reserve = *reserve;
    }
    return p->backward ? recurrent_backward(p) : recurrent_forward(p);
}

static cleat_status run(recurrent_problem *p) {
    cleat_tensor zeros = {0}, reserve = {0};
    const cleat_status status = run_lent(p, &zeros, &reserve);
    cleat_tensor_release(&zeros);
    cleat_tensor_release(&reserve);
    return status;
}

static cleat_status forward(recurrent_problem *p, const cleat_recurrent_options *options) {
    static const cleat_recurrent_options defaults;
    const cleat_recurrent_options *o = options != NULL ? options : &defaults;
    operands seen = {0};
    p->direction = o->direction;
    p->linear_before_reset = o->linear_before_reset;
    TRY(check_inputs(p, &seen));
    TRY(check_options(p, &seen, o));
    return recurrent_is_empty(p) ? CLEAT_OK : run(p);
}

static cleat_status backward(recurrent_problem *p, const cleat_recurrent_options *options,
    const cleat_recurrent_gradients *gradients) {
    static const cleat_recurrent_options defaults;
    const cleat_recurrent_options *o = options != NULL ? options : &defaults;
    operands seen = {0};
    p->backward = true;
    p->direction = o->direction;
    p->linear_before_reset = o->linear_before_reset;
    TRY(check_inputs(p, &seen));
    TRY(check_options(p, &seen, o));
    TRY(check_gradients(p, &seen, gradients));
    return run(p);
}

cleat_status cleat_lstm(cleat_context *context, cleat_tensor x, cleat_tensor w, cleat_tensor r,
    cleat_tensor y, const cleat_recurrent_options *options) {
    return forward(&(recurrent_problem){.operation = "lstm",
                       .context = context,
                       .is_lstm = true,
                       .x = x,
                       .w = w,
                       .r = r,
                       .y = y},
        options);
}

cleat_status cleat_gru(cleat_context *context, cleat_tensor x, cleat_tensor w, cleat_tensor r,
    cleat_tensor y, const cleat_recurrent_options *options) {
    return forward(
        &(recurrent_problem){
            .operation = "gru", .context = context, .x = x, .w = w, .r = r, .y = y},
        options);
}

cleat_status cleat_lstm_backward(cleat_context *context, cleat_tensor x, cleat_tensor w,
    cleat_tensor r, cleat_tensor y, cleat_tensor dy, cleat_tensor dx, cleat_tensor dw,
    cleat_tensor dr, const cleat_recurrent_options *options,
    const cleat_recurrent_gradients *gradients) {
    recurrent_problem p = {.operation = "lstm_backward",
        .context = context,
        .is_lstm = true,
        .x = x,
        .w = w,
        .r = r,
        .y = y,
        .dy = dy,
        .dx = dx,
        .dw = dw,
        .dr = dr};
    return backward(&p, options, gradients);
}

cleat_status cleat_gru_backward(cleat_context *context, cleat_tensor x, cleat_tensor w,
    cleat_tensor r, cleat_tensor y, cleat_tensor dy, cleat_tensor dx, cleat_tensor dw,
    cleat_tensor dr, const cleat_recurrent_options *options,
    const cleat_recurrent_gradients *gradients) {
    recurrent_problem p = {.operation = "gru_backward",
        .context = context,
        .x = x,
        .w = w,
        .r = r,
        .y = y,
        .dy = dy,
        .dx = dx,
        .dw = dw,
        .dr = dr};
    return backward(&p, options, gradients);
}
