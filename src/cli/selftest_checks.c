/* SPDX-License-Identifier: Apache-2.0 */
/* The operations that `cleat selftest` runs, each against the plainest code for it. */
#include "selftest.h"

#include <math.h>

/* ---- Element by element, rows, windows ---- */

static void check_gelu(check *c) {
    operand *x = check_operand(c, 1, (int64_t[]){1001});
    operand *y = check_operand(c, 1, (int64_t[]){1001});
    if (c->status != CLEAT_OK ||
        !check_call(c, cleat_activate(c->context, CLEAT_GELU, x->tensor, y->tensor, NULL)) ||
        !check_fetch(c, y)) {
        return;
    }
    for (int64_t i = 0; i < x->count; i++) {
        double value = (double)x->data[i];
        double want = value * 0.5 * (1 + erf(value * 0.70710678118654752440));
        check_value(c, y->data[i], want, fabs(value), 4);
    }
}

static void check_softmax(check *c) {
    enum { ROWS = 37, COLUMNS = 103 };
    operand *x = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
    operand *y = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
    if (c->status != CLEAT_OK ||
        !check_call(c, cleat_softmax(c->context, x->tensor, -1, y->tensor)) || !check_fetch(c, y)) {
        return;
    }
    for (int row = 0; row < ROWS; row++) {
        double sum = 0;
        for (int i = 0; i < COLUMNS; i++) {
            sum += exp((double)x->data[row * COLUMNS + i]);
        }
        for (int i = 0; i < COLUMNS; i++) {
            double want = exp((double)x->data[row * COLUMNS + i]) / sum;
            check_value(c, y->data[row * COLUMNS + i], want, want, 16);
        }
    }
}

static void check_max_pool(check *c) {
    enum { PLANES = 6, SIZE = 20, POOLED = 10 };
    operand *x = check_operand(c, 4, (int64_t[]){2, 3, SIZE, SIZE});
    operand *y = check_operand(c, 4, (int64_t[]){2, 3, POOLED, POOLED});
    cleat_pool2d_options options = {.window = {2, 2}};
    if (c->status != CLEAT_OK ||
        !check_call(c, cleat_max_pool2d(c->context, x->tensor, y->tensor, &options)) ||
        !check_fetch(c, y)) {
        return;
    }
    for (int i = 0; i < PLANES * POOLED * POOLED; i++) {
        int plane = i / (POOLED * POOLED), row = i / POOLED % POOLED, column = i % POOLED;
        const float *at = x->data + (plane * SIZE + 2 * row) * SIZE + 2 * column;
        float want = fmaxf(fmaxf(at[0], at[1]), fmaxf(at[SIZE], at[SIZE + 1]));
        check_value(c, y->data[i], (double)want, 0, 0);
    }
}

static void check_sum(check *c) {
    enum { ROWS = 50, COLUMNS = 61 };
    operand *x = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
    operand *y = check_operand(c, 1, (int64_t[]){COLUMNS});
    if (c->status != CLEAT_OK ||
        !check_call(c, cleat_reduce(c->context, CLEAT_REDUCE_SUM, x->tensor, 1, (int32_t[]){0},
                           y->tensor, NULL)) ||
        !check_fetch(c, y)) {
        return;
    }
    for (int i = 0; i < COLUMNS; i++) {
        double sum = 0, magnitude = 0;
        for (int row = 0; row < ROWS; row++) {
            sum += (double)x->data[row * COLUMNS + i];
            magnitude += fabs((double)x->data[row * COLUMNS + i]);
        }
        check_value(c, y->data[i], sum, magnitude, ROWS);
    }
}

/* Two rows of values added to a transposed view: broadcasting and strides. */
static void check_add(check *c) {
    enum { ROWS = 40, COLUMNS = 30 };
    operand *a = check_operand(c, 2, (int64_t[]){COLUMNS, ROWS});
    operand *b = check_operand(c, 1, (int64_t[]){COLUMNS});
    operand *y = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
    if (c->status != CLEAT_OK ||
        !check_call(c, cleat_add(c->context, cleat_transpose(a->tensor), b->tensor, y->tensor)) ||
        !check_fetch(c, y)) {
        return;
    }
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        int row = i / COLUMNS, column = i % COLUMNS;
        double want = (double)a->data[column * ROWS + row] + (double)b->data[column];
        check_value(c, y->data[i], want, 0, 0);
    }
}

/* One step of Adam from zero moments: gradient g moves the parameter by rate * g / (|g| + 1e-8). */
static void check_adam(check *c) {
    enum { COUNT = 333 };
    operand *parameter = check_operand(c, 1, (int64_t[]){COUNT});
    operand *before = check_operand(c, 1, (int64_t[]){COUNT});
    operand *gradient = check_operand(c, 1, (int64_t[]){COUNT});
    operand *m = check_operand(c, 1, (int64_t[]){COUNT});
    operand *v = check_operand(c, 1, (int64_t[]){COUNT});
    if (c->status != CLEAT_OK ||
        !check_call(c, cleat_copy(c->context, parameter->tensor, before->tensor)) ||
        !check_call(c, cleat_fill(c->context, 0, m->tensor)) ||
        !check_call(c, cleat_fill(c->context, 0, v->tensor)) ||
        !check_call(c, cleat_adam_step(c->context, parameter->tensor, gradient->tensor, m->tensor,
                           v->tensor, 1, 0.01F, NULL)) ||
        !check_fetch(c, before) || !check_fetch(c, parameter)) {
        return;
    }
    for (int i = 0; i < COUNT; i++) {
        double g = (double)gradient->data[i];
        double move = (double)0.01F * g / (fabs(g) + 1e-8);
        double want = (double)before->data[i] - move;
        check_value(c, parameter->data[i], want, fabs((double)before->data[i]) + fabs(move), 16);
    }
}

const check_entry check_entries[] = {
    {"add, transposed view", check_add},
    {"matmul, bias, relu", check_matmul},
    {"conv2d", check_conv2d},
    {"conv2d to data", check_conv2d_backward_data},
    {"conv2d to weights", check_conv2d_backward_weights},
    {"gelu", check_gelu},
    {"softmax", check_softmax},
    {"max pooling", check_max_pool},
    {"sum", check_sum},
    {"adam step", check_adam},
    {0},
};
