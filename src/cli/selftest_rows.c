/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of `cleat selftest` for what goes along rows and over windows: softmax, cross-entropy,
 * reductions, pooling. */
#include "selftest.h"

#include <math.h>

enum { ROWS = 37, COLUMNS = 103 };

/* ---- Softmax and its logarithm, with gradients ---- */

static double log_sum_exp(const float *row, int count) {
    double sum = 0;
    for (int i = 0; i < count; i++) {
        sum += exp((double)row[i]);
    }
    return log(sum);
}

void check_softmax(check *c) {
    operand *x = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
    operand *dy = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
    operand *y = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
    operand *dx = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
    if (c->status != CLEAT_OK ||
        !check_call(c, cleat_softmax(c->context, x->tensor, -1, y->tensor)) ||
        !check_call(c, cleat_softmax_backward(c->context, y->tensor, dy->tensor, -1, dx->tensor)) ||
        !check_fetch(c, y) || !check_fetch(c, dx)) {
        return;
    }
    for (int row = 0; row < ROWS; row++) {
        const float *in = x->data + row * COLUMNS, *g = dy->data + row * COLUMNS;
        double log_sum = log_sum_exp(in, COLUMNS), mean = 0;
        for (int i = 0; i < COLUMNS; i++) {
            mean += exp((double)in[i] - log_sum) * (double)g[i];
        }
        for (int i = 0; i < COLUMNS; i++) {
            double p = exp((double)in[i] - log_sum);
            check_value(c, y->data[row * COLUMNS + i], p, p, 16);
            check_value(c, dx->data[row * COLUMNS + i], p * ((double)g[i] - mean), p, COLUMNS);
        }
    }
}

/* Along the first axis. */
void check_log_softmax(check *c) {
    operand *x = check_operand(c, 2, (int64_t[]){COLUMNS, ROWS});
    operand *dy = check_operand(c, 2, (int64_t[]){COLUMNS, ROWS});
    operand *y = check_operand(c, 2, (int64_t[]){COLUMNS, ROWS});
    operand *dx = check_operand(c, 2, (int64_t[]){COLUMNS, ROWS});
    if (c->status != CLEAT_OK ||
        !check_call(c, cleat_log_softmax(c->context, x->tensor, 0, y->tensor)) ||
        !check_call(
            c, cleat_log_softmax_backward(c->context, y->tensor, dy->tensor, 0, dx->tensor)) ||
        !check_fetch(c, y) || !check_fetch(c, dx)) {
        return;
    }
    for (int column = 0; column < ROWS; column++) {
        double sum = 0, total = 0;
        for (int i = 0; i < COLUMNS; i++) {
            sum += exp((double)x->data[i * ROWS + column]);
            total += (double)dy->data[i * ROWS + column];
        }
        for (int i = 0; i < COLUMNS; i++) {
            int at = i * ROWS + column;
            double want = (double)x->data[at] - log(sum);
            check_value(c, y->data[at], want, 8, 4);
            check_value(c, dx->data[at], (double)dy->data[at] - exp(want) * total, COLUMNS, 4);
        }
    }
}

void check_cross_entropy(check *c) {
    int32_t labels[ROWS];
    for (int i = 0; i < ROWS; i++) {
        labels[i] = i * 29 % COLUMNS;
    }
    operand *x = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
    operand *classes = check_typed(c, CLEAT_I32, 1, (int64_t[]){ROWS}, labels);
    operand *loss = check_operand(c, 0, NULL);
    operand *dx = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
    if (c->status != CLEAT_OK ||
        !check_call(c, cleat_softmax_cross_entropy(
                           c->context, x->tensor, classes->tensor, loss->tensor, NULL)) ||
        !check_call(c, cleat_softmax_cross_entropy_backward(
                           c->context, x->tensor, classes->tensor, NULL, dx->tensor, NULL)) ||
        !check_fetch(c, loss) || !check_fetch(c, dx)) {
        return;
    }
    double mean = 0;
    for (int row = 0; row < ROWS; row++) {
        const float *in = x->data + row * COLUMNS;
        double log_sum = log_sum_exp(in, COLUMNS);
        mean += (log_sum - (double)in[labels[row]]) / ROWS;
        for (int i = 0; i < COLUMNS; i++) {
            double p = exp((double)in[i] - log_sum);
            double want = (p - (i == labels[row])) / ROWS;
            check_value(c, dx->data[row * COLUMNS + i], want, fabs(want), 16);
        }
    }
    check_value(c, loss->data[0], mean, mean, ROWS);
}

/* ---- Reductions over the first axis, with gradients ---- */

static const struct {
    const char *name;
    cleat_reduction_kind kind;
} reductions[] = {
    {"sum", CLEAT_REDUCE_SUM},
    {"mean", CLEAT_REDUCE_MEAN},
    {"max", CLEAT_REDUCE_MAX},
    {"min", CLEAT_REDUCE_MIN},
    {"product", CLEAT_REDUCE_PRODUCT},
    {"L1", CLEAT_REDUCE_L1},
    {"L2", CLEAT_REDUCE_L2},
    {"log-sum-exp", CLEAT_REDUCE_LOG_SUM_EXP},
    {"variance", CLEAT_REDUCE_VARIANCE},
};

/* The reduction of a column, the element at `moved` off by `step`. */
static double reduced(cleat_reduction_kind kind, const float *x, int moved, double step) {
    double sum = 0, squares = 0, exponentials = 0, product = 1, most = -INFINITY, least = INFINITY;
    for (int i = 0; i < ROWS; i++) {
        double value = (double)x[i * COLUMNS] + (i == moved ? step : 0);
        sum += value;
        squares += value * value;
        exponentials += exp(value);
        product *= value;
        most = fmax(most, value);
        least = fmin(least, value);
    }
    switch (kind) {
    case CLEAT_REDUCE_MEAN:
        return sum / ROWS;
    case CLEAT_REDUCE_MAX:
        return most;
    case CLEAT_REDUCE_MIN:
        return least;
    case CLEAT_REDUCE_PRODUCT:
        return product;
    case CLEAT_REDUCE_L2:
        return sqrt(squares);
    case CLEAT_REDUCE_LOG_SUM_EXP:
        return log(exponentials);
    case CLEAT_REDUCE_VARIANCE:
        return squares / ROWS - sum / ROWS * (sum / ROWS);
    default:
        return sum; /* L1 of positive numbers is one */
    }
}

void check_reductions(check *c) {
    const int32_t axis = 0;
    const double step = 1e-4;
    for (size_t r = 0; r < sizeof reductions / sizeof *reductions && c->status == CLEAT_OK; r++) {
        cleat_reduction_kind kind = reductions[r].kind;
        check_part(c, reductions[r].name);
        operand *x = check_range(c, 2, (int64_t[]){ROWS, COLUMNS}, 0.7, 1.3);
        operand *y = check_operand(c, 1, (int64_t[]){COLUMNS});
        operand *dy = check_operand(c, 1, (int64_t[]){COLUMNS});
        operand *dx = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
        if (c->status != CLEAT_OK ||
            !check_call(c, cleat_reduce(c->context, kind, x->tensor, 1, &axis, y->tensor, NULL)) ||
            !check_call(c, cleat_reduce_backward(c->context, kind, x->tensor, y->tensor, dy->tensor,
                               1, &axis, dx->tensor, NULL)) ||
            !check_fetch(c, y) || !check_fetch(c, dx)) {
            return;
        }
        for (int i = 0; i < ROWS * COLUMNS; i++) {
            const float *column = x->data + i % COLUMNS;
            double want = reduced(kind, column, -1, 0);
            double slope = (reduced(kind, column, i / COLUMNS, step) -
                               reduced(kind, column, i / COLUMNS, -step)) /
                           (2 * step);
            double g = (double)dy->data[i % COLUMNS];
            check_value(c, y->data[i % COLUMNS], want, fabs(want), ROWS);
            /* Beside another maximum or minimum the difference tells nothing. */
            bool is_extreme = kind == CLEAT_REDUCE_MAX || kind == CLEAT_REDUCE_MIN;
            if (!is_extreme || slope == 0 || slope > 0.99) {
                check_value(c, dx->data[i], g * slope, fabs(g) * (1 + fabs(slope)), 1024);
            }
        }
    }
}

/* ---- Pooling ---- */

void check_max_pool(check *c) {
    enum { PLANES = 6, SIZE = 20, POOLED = 10 };
    operand *x = check_operand(c, 4, (int64_t[]){2, 3, SIZE, SIZE});
    operand *y = check_operand(c, 4, (int64_t[]){2, 3, POOLED, POOLED});
    operand *dy = check_operand(c, 4, (int64_t[]){2, 3, POOLED, POOLED});
    operand *dx = check_operand(c, 4, (int64_t[]){2, 3, SIZE, SIZE});
    const cleat_pool2d_options options = {.window = {2, 2}};
    if (c->status != CLEAT_OK ||
        !check_call(c, cleat_max_pool2d(c->context, x->tensor, y->tensor, &options)) ||
        !check_call(c,
            cleat_max_pool2d_backward(c->context, x->tensor, dy->tensor, dx->tensor, &options)) ||
        !check_fetch(c, y) || !check_fetch(c, dx)) {
        return;
    }
    for (int i = 0; i < PLANES * SIZE * SIZE; i++) {
        int plane = i / (SIZE * SIZE), row = i / SIZE % SIZE / 2, column = i % SIZE / 2;
        const float *at = x->data + (plane * SIZE + 2 * row) * SIZE + 2 * column;
        float want = fmaxf(fmaxf(at[0], at[1]), fmaxf(at[SIZE], at[SIZE + 1]));
        int window = (plane * POOLED + row) * POOLED + column;
        check_value(c, y->data[window], (double)want, 0, 0);
        check_value(c, dx->data[i], x->data[i] == want ? (double)dy->data[window] : 0, 0, 0);
    }
}

/* Windows of three, two apart, of which the last one reaches over the end. */
void check_average_pool(check *c) {
    enum { PLANES = 6, LENGTH = 30, POOLED = 15 };
    operand *x = check_operand(c, 3, (int64_t[]){2, 3, LENGTH});
    operand *y = check_operand(c, 3, (int64_t[]){2, 3, POOLED});
    operand *dy = check_operand(c, 3, (int64_t[]){2, 3, POOLED});
    operand *dx = check_operand(c, 3, (int64_t[]){2, 3, LENGTH});
    const cleat_pool_options options = {.window = {3}, .stride = {2}, .ceil_mode = true};
    if (c->status != CLEAT_OK ||
        !check_call(c, cleat_average_pool(c->context, x->tensor, y->tensor, &options)) ||
        !check_call(c, cleat_average_pool_backward(c->context, dy->tensor, dx->tensor, &options)) ||
        !check_fetch(c, y) || !check_fetch(c, dx)) {
        return;
    }
    double back[PLANES * LENGTH] = {0};
    for (int i = 0; i < PLANES * POOLED; i++) {
        int plane = i / POOLED, start = i % POOLED * 2, count = start + 3 > LENGTH ? 2 : 3;
        double sum = 0;
        for (int k = 0; k < count; k++) {
            sum += (double)x->data[plane * LENGTH + start + k];
            back[plane * LENGTH + start + k] += (double)dy->data[i] / count;
        }
        check_value(c, y->data[i], sum / count, 1, 4);
    }
    for (int i = 0; i < PLANES * LENGTH; i++) {
        check_value(c, dx->data[i], back[i], 2, 4);
    }
}

/* The Euclidean norm of windows of three side by side. */
void check_lp_pool(check *c) {
    enum { COUNT = 96, LENGTH = 24, POOLED = 8, WINDOW = 3 };
    operand *x = check_operand(c, 3, (int64_t[]){1, COUNT / LENGTH, LENGTH});
    operand *y = check_operand(c, 3, (int64_t[]){1, COUNT / LENGTH, POOLED});
    operand *dy = check_operand(c, 3, (int64_t[]){1, COUNT / LENGTH, POOLED});
    operand *dx = check_operand(c, 3, (int64_t[]){1, COUNT / LENGTH, LENGTH});
    const cleat_pool_options options = {.window = {WINDOW}};
    if (c->status != CLEAT_OK ||
        !check_call(c, cleat_lp_pool(c->context, x->tensor, y->tensor, &options)) ||
        !check_call(c, cleat_lp_pool_backward(
                           c->context, x->tensor, y->tensor, dy->tensor, dx->tensor, &options)) ||
        !check_fetch(c, y) || !check_fetch(c, dx)) {
        return;
    }
    for (int i = 0; i < COUNT; i++) {
        const float *window = x->data + i / WINDOW * WINDOW;
        double squares = 0;
        for (int k = 0; k < WINDOW; k++) {
            squares += (double)window[k] * (double)window[k];
        }
        const double norm = sqrt(squares);
        const double share = (double)dy->data[i / WINDOW] * (double)x->data[i] / norm;
        check_value(c, y->data[i / WINDOW], norm, norm, WINDOW);
        check_value(c, dx->data[i], share, fabs(share), WINDOW);
    }
}

/* The places of the maxima, and the maxima put back there. */
void check_unpool(check *c) {
    enum { PLANES = 4, LENGTH = 24, POOLED = 8 };
    operand *x = check_operand(c, 3, (int64_t[]){1, PLANES, LENGTH});
    operand *y = check_operand(c, 3, (int64_t[]){1, PLANES, POOLED});
    operand *places = check_typed(c, CLEAT_I64, 3, (int64_t[]){1, PLANES, POOLED}, NULL);
    operand *back = check_operand(c, 3, (int64_t[]){1, PLANES, LENGTH});
    const cleat_pool_options options = {.window = {3}, .indices = &places->tensor};
    if (c->status != CLEAT_OK ||
        !check_call(c, cleat_max_pool(c->context, x->tensor, y->tensor, &options)) ||
        !check_call(
            c, cleat_max_unpool(c->context, y->tensor, places->tensor, back->tensor, NULL)) ||
        !check_fetch(c, back)) {
        return;
    }
    for (int i = 0; i < PLANES * LENGTH; i++) {
        const float *window = x->data + i / 3 * 3;
        float most = fmaxf(fmaxf(window[0], window[1]), window[2]);
        check_value(c, back->data[i], x->data[i] == most ? (double)most : 0, 0, 0);
    }
}
