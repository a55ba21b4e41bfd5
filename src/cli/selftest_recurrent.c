/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of `cleat selftest` for recurrent cells: a few steps from zero states. */
#include "selftest.h"

#include <math.h>

enum { STEPS = 4, BATCH = 3, INPUTS = 5, HIDDEN = 6, MOST_GATES = 4 };

typedef struct cell_operands {
    operand *x, *w, *r, *bias, *y;
} cell_operands;

static cell_operands make_cell(check *c, int64_t gates) {
    return (cell_operands){
        .x = check_operand(c, 3, (int64_t[]){STEPS, BATCH, INPUTS}),
        .w = check_operand(c, 3, (int64_t[]){1, gates * HIDDEN, INPUTS}),
        .r = check_operand(c, 3, (int64_t[]){1, gates * HIDDEN, HIDDEN}),
        .bias = check_operand(c, 2, (int64_t[]){1, 2 * gates * HIDDEN}),
        .y = check_operand(c, 4, (int64_t[]){STEPS, 1, BATCH, HIDDEN}),
    };
}

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

/* What the input gives unit j of a gate, with its bias. */
static double from_input(const cell_operands *o, int step, int sample, int gate, int j) {
    const int row = gate * HIDDEN + j;
    double sum = (double)o->bias->data[row];
    for (int i = 0; i < INPUTS; i++) {
        sum += (double)o->x->data[(step * BATCH + sample) * INPUTS + i] *
               (double)o->w->data[row * INPUTS + i];
    }
    return sum;
}

/* What a state gives it. */
static double from_state(const cell_operands *o, int gates, const double *h, int gate, int j) {
    const int row = gate * HIDDEN + j;
    double sum = (double)o->bias->data[gates * HIDDEN + row];
    for (int i = 0; i < HIDDEN; i++) {
        sum += h[i] * (double)o->r->data[row * HIDDEN + i];
    }
    return sum;
}

static void compare_states(
    check *c, const cell_operands *o, int step, int sample, const double *h) {
    for (int j = 0; j < HIDDEN; j++) {
        check_value(c, o->y->data[(step * BATCH + sample) * HIDDEN + j], h[j], 8, INPUTS + HIDDEN);
    }
}

void check_lstm(check *c) {
    cell_operands o = make_cell(c, 4);
    const cleat_recurrent_options options = {.bias = &o.bias->tensor};
    if (c->status != CLEAT_OK ||
        !check_call(c,
            cleat_lstm(c->context, o.x->tensor, o.w->tensor, o.r->tensor, o.y->tensor, &options)) ||
        !check_fetch(c, o.y)) {
        return;
    }
    for (int sample = 0; sample < BATCH; sample++) {
        double h[HIDDEN] = {0}, cell[HIDDEN] = {0}, next[HIDDEN];
        for (int step = 0; step < STEPS; step++) {
            for (int j = 0; j < HIDDEN; j++) {
                double gate[MOST_GATES]; /* i, o, f, g */
                for (int k = 0; k < 4; k++) {
                    gate[k] = from_input(&o, step, sample, k, j) + from_state(&o, 4, h, k, j);
                }
                cell[j] = sigmoid(gate[2]) * cell[j] + sigmoid(gate[0]) * tanh(gate[3]);
                next[j] = sigmoid(gate[1]) * tanh(cell[j]);
            }
            for (int j = 0; j < HIDDEN; j++) {
                h[j] = next[j];
            }
            compare_states(c, &o, step, sample, h);
        }
    }
}

/* The reset applied to the state's product. */
void check_gru(check *c) {
    cell_operands o = make_cell(c, 3);
    const cleat_recurrent_options options = {.bias = &o.bias->tensor, .linear_before_reset = true};
    if (c->status != CLEAT_OK ||
        !check_call(c,
            cleat_gru(c->context, o.x->tensor, o.w->tensor, o.r->tensor, o.y->tensor, &options)) ||
        !check_fetch(c, o.y)) {
        return;
    }
    for (int sample = 0; sample < BATCH; sample++) {
        double h[HIDDEN] = {0}, next[HIDDEN];
        for (int step = 0; step < STEPS; step++) {
            for (int j = 0; j < HIDDEN; j++) {
                double z = sigmoid(from_input(&o, step, sample, 0, j) + from_state(&o, 3, h, 0, j));
                double r = sigmoid(from_input(&o, step, sample, 1, j) + from_state(&o, 3, h, 1, j));
                double g =
                    tanh(from_input(&o, step, sample, 2, j) + r * from_state(&o, 3, h, 2, j));
                next[j] = (1 - z) * g + z * h[j];
            }
            for (int j = 0; j < HIDDEN; j++) {
                h[j] = next[j];
            }
            compare_states(c, &o, step, sample, h);
        }
    }
}
