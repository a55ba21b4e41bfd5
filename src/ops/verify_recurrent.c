/* SPDX-License-Identifier: Apache-2.0 */
/* LSTM and GRU. Their products are matmul's, which is checked by itself: this is about the cells.
 * Gradients are central differences of the plain forward pass. */
#include "core/memory.h"
#include "ops/verify.h"
#include "ops/verify_trial.h"
#include <cleat/recurrent.h>
#include <math.h>
#include <string.h>

/* An odd number of elements of h, so that vectors have a rest. */
enum { STEPS = 2, ROWS = 2, INPUTS = 3, HIDDEN = 19, MOST_GATES = 4 };

/* The trial's operands, in this order. */
enum { X, W, R, BIAS, Y, RESERVE, DY, DX, DW, DR, OPERANDS };

typedef struct recurrent_run {
    bool is_lstm, linear;
    int64_t gates;
    double *numbers[BIAS + 1]; /* of x, w, r and the bias: they are moved a little */
} recurrent_run;

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

/* One of the two sums of a gate: of x, or (of_state) of values[HIDDEN], which are h or r h. */
static double sum_of(
    const recurrent_run *r, int64_t gate, int64_t j, bool of_state, const double *values) {
    const int64_t row = gate * HIDDEN + j, count = of_state ? HIDDEN : INPUTS;
    const double *weights = r->numbers[of_state ? R : W] + row * count;
    double sum = r->numbers[BIAS][of_state * r->gates * HIDDEN + row];
    for (int64_t i = 0; i < count; i++) {
        sum += weights[i] * values[i];
    }
    return sum;
}

static void lstm_cell(const recurrent_run *r, const double *x, double *h, double *c) {
    double next[HIDDEN];
    for (int64_t j = 0; j < HIDDEN; j++) {
        double gate[MOST_GATES];
        for (int64_t k = 0; k < MOST_GATES; k++) {
            const double sum = sum_of(r, k, j, false, x) + sum_of(r, k, j, true, h);
            gate[k] = k < 3 ? sigmoid(sum) : tanh(sum);
        }
        c[j] = gate[2] * c[j] + gate[0] * gate[3];
        next[j] = gate[1] * tanh(c[j]);
    }
    memcpy(h, next, sizeof next);
}

static void gru_cell(const recurrent_run *r, const double *x, double *h) {
    double z[HIDDEN], reset[HIDDEN], state[HIDDEN];
    for (int64_t j = 0; j < HIDDEN; j++) {
        z[j] = sigmoid(sum_of(r, 0, j, false, x) + sum_of(r, 0, j, true, h));
        reset[j] = sigmoid(sum_of(r, 1, j, false, x) + sum_of(r, 1, j, true, h));
        state[j] = reset[j] * h[j];
    }
    double next[HIDDEN];
    for (int64_t j = 0; j < HIDDEN; j++) {
        const double of_state =
            r->linear ? reset[j] * sum_of(r, 2, j, true, h) : sum_of(r, 2, j, true, state);
        next[j] = (1 - z[j]) * tanh(sum_of(r, 2, j, false, x) + of_state) + z[j] * h[j];
    }
    memcpy(h, next, sizeof next);
}

/* y [steps, rows, hidden], where it is not NULL; returns the sum of dy y, where dy is not NULL. */
static double run_forward(const recurrent_run *r, const float *dy, double *y) {
    double sum = 0;
    for (int64_t row = 0; row < ROWS; row++) {
        double h[HIDDEN] = {0}, c[HIDDEN] = {0};
        for (int64_t step = 0; step < STEPS; step++) {
            const double *x = r->numbers[X] + (step * ROWS + row) * INPUTS;
            if (r->is_lstm) {
                lstm_cell(r, x, h, c);
            } else {
                gru_cell(r, x, h);
            }
            for (int64_t j = 0; j < HIDDEN; j++) {
                const int64_t at = (step * ROWS + row) * HIDDEN + j;
                sum += dy != NULL ? h[j] * (double)dy[at] : 0;
                if (y != NULL) {
                    y[at] = h[j];
                }
            }
        }
    }
    return sum;
}

/* The gradient of x or w; NULL: no memory. */
static double *find_gradient(const recurrent_run *r, int operand, int64_t count, const float *dy) {
    const double step = 0x1p-17;
    double *gradient = trial_zeros(count);
    for (int64_t i = 0; gradient != NULL && i < count; i++) {
        double *number = &r->numbers[operand][i], value = *number;
        *number = value + step;
        gradient[i] = run_forward(r, dy, NULL);
        *number = value - step;
        gradient[i] = (gradient[i] - run_forward(r, dy, NULL)) / (2 * step);
        *number = value;
    }
    return gradient;
}

static cleat_status call_forward(const trial *t, const recurrent_run *r) {
    const cleat_tensor *x = t->tensors;
    const cleat_recurrent_options options = {
        .linear_before_reset = r->linear, .bias = &x[BIAS], .reserve = &x[RESERVE]};
    return r->is_lstm ? cleat_lstm(t->context, x[X], x[W], x[R], x[Y], &options)
                      : cleat_gru(t->context, x[X], x[W], x[R], x[Y], &options);
}

static cleat_status call_backward(const trial *t, const recurrent_run *r) {
    const cleat_tensor *x = t->tensors;
    const cleat_recurrent_options options = {
        .linear_before_reset = r->linear, .reserve = &x[RESERVE]};
    return r->is_lstm ? cleat_lstm_backward(t->context, x[X], x[W], x[R], x[Y], x[DY], x[DX], x[DW],
                            x[DR], &options, NULL)
                      : cleat_gru_backward(t->context, x[X], x[W], x[R], x[Y], x[DY], x[DX], x[DW],
                            x[DR], &options, NULL);
}

static void add_operands(trial *t, const recurrent_run *r) {
    const int64_t rows = r->gates * HIDDEN, parts = r->gates + 1;
    const int64_t x[] = {STEPS, ROWS, INPUTS}, w[] = {1, rows, INPUTS}, rr[] = {1, rows, HIDDEN};
    const int64_t bias[] = {1, 2 * rows}, y[] = {STEPS, 1, ROWS, HIDDEN};
    const int64_t reserve[] = {1, STEPS, ROWS, parts * HIDDEN};
    const int64_t *const shapes[] = {x, w, rr, bias, y, reserve, y, x, w, rr};
    static const int32_t ranks[] = {3, 3, 3, 2, 4, 4, 4, 3, 3, 3};
    for (int i = 0; i < OPERANDS; i++) {
        trial_add(t, ranks[i], shapes[i]);
    }
}

/* Makes the weights small, so that no gate is near its end, and takes all to r->numbers. */
static void take_numbers(trial *t, const recurrent_run *r) {
    for (int i = 0; i <= BIAS && trial_going(t, t->status); i++) {
        const int64_t count = cleat_tensor_count(&t->tensors[i]);
        for (int64_t k = 0; k < count; k++) {
            t->data[i][k] *= i == X ? 0.25F : 0.125F;
            r->numbers[i][k] = (double)t->data[i][k];
        }
        trial_write(t, i);
    }
}

static void run_recurrent(trial *t, const recurrent_run *r, bool backward) {
    take_numbers(t, r);
    if (!trial_going(t, t->status) || !trial_going(t, call_forward(t, r))) {
        return;
    }
    if (!backward) {
        double *y = trial_zeros(STEPS * ROWS * HIDDEN);
        if (y != NULL) {
            run_forward(r, NULL, y);
        }
        trial_compare(t, Y, y, 0x1p-16);
    } else if (trial_going(t, call_backward(t, r))) {
        for (int i = X; i <= W; i++) {
            const int64_t count = cleat_tensor_count(&t->tensors[i]);
            trial_compare_scaled(t, DX + i, find_gradient(r, i, count, t->data[DY]), 0x1p-14);
        }
    }
}

static cleat_status try_recurrent(cleat_context *context, bool backward, bool *right) {
    const char *operation = trust_subject(context);
    const bool is_lstm = strncmp(operation, "lstm", 4) == 0;
    recurrent_run r = {.is_lstm = is_lstm,
        .linear = strncmp(operation, "gru_linear", 10) == 0,
        .gates = is_lstm ? 4 : 3};
    trial t = trial_begin(context);
    add_operands(&t, &r);
    for (int i = 0; i <= BIAS && trial_going(&t, t.status); i++) {
        r.numbers[i] = trial_zeros(cleat_tensor_count(&t.tensors[i]));
        trial_has_memory(&t, r.numbers[i]);
    }
    if (trial_going(&t, t.status)) {
        run_recurrent(&t, &r, backward);
    }
    for (int i = 0; i <= BIAS; i++) {
        memory_free(r.numbers[i]);
    }
    return trial_end(&t, right);
}

cleat_status verify_recurrent(cleat_context *context, bool *right) {
    return try_recurrent(context, false, right);
}

cleat_status verify_recurrent_backward(cleat_context *context, bool *right) {
    return try_recurrent(context, true, right);
}
