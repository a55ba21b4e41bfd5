/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/verify.h"
#include "core/matrix_unit.h"
#include "core/status.h"
#include "ops/verify_trial.h"
#include <cleat/elementwise.h>
#include <cleat/matmul.h>
#include <cleat/reduce.h>
#include <cleat/softmax.h>
#include <math.h>
#include <string.h>

/* By matrix units in one mode that they have here, as the integers of a trial are exact in each;
 * any other variant as ever. */
static cleat_compute permitted(cleat_context *context) {
    if (strcmp(trust_subject_variant(context), "gpu_units") != 0) {
        return CLEAT_COMPUTE_STRICT;
    }
    return matrix_unit_find(context, MATRIX_F32) != NULL    ? CLEAT_COMPUTE_STRICT
           : matrix_unit_find(context, MATRIX_TF32) != NULL ? CLEAT_COMPUTE_TF32
                                                            : CLEAT_COMPUTE_F16;
}

/* ---- matmul ---- */

/* y = a b, b stored as it is or transposed. */
static cleat_status try_matmul(
    cleat_context *context, int64_t m, int64_t k, int64_t n, bool turned, bool *right) {
    const cleat_matmul_options options = {.compute = permitted(context)};
    trial t = trial_begin(context);
    trial_add(&t, 2, (int64_t[]){m, k});
    trial_add(&t, 2, (int64_t[]){turned ? n : k, turned ? k : n});
    trial_add(&t, 2, (int64_t[]){m, n});
    cleat_tensor b = turned ? cleat_transpose(t.tensors[1]) : t.tensors[1];
    if (trial_going(&t, t.status) &&
        trial_going(&t, cleat_matmul(context, t.tensors[0], b, t.tensors[2], &options))) {
        double *want = trial_zeros(m * n);
        for (int64_t i = 0; want != NULL && i < m * n * k; i++) {
            int64_t row = i / k / n, column = i / k % n, term = i % k;
            int64_t at = turned ? column * k + term : term * n + column;
            want[row * n + column] += (double)t.data[0][row * k + term] * (double)t.data[1][at];
        }
        trial_compare(&t, 2, want, 0);
    }
    return trial_end(&t, right);
}

cleat_status verify_matmul(cleat_context *context, bool *right) {
    TRY(try_matmul(context, 70, 90, 50, false, right));
    TRY(try_matmul(context, 133, 37, 140, true, right));
    if (strcmp(trust_subject_variant(context), "gpu_units") == 0) { /* lines of whole quads */
        TRY(try_matmul(context, 67, 104, 72, false, right));
    }
    return try_matmul(context, 1, 300, 65, false, right);
}

/* ---- conv2d ---- */

typedef struct conv_trial {
    int64_t images, channels, side, outputs, window, stride, padding, groups;
    bool channels_last;
} conv_trial;

/* The operand that a direction fills: x, w or y. */
static int result_of(cleat_conv2d_direction direction) {
    return direction == CLEAT_CONV2D_FORWARD ? 2 : direction == CLEAT_CONV2D_BACKWARD_DATA ? 0 : 1;
}

/* Calls of the three directions, operands x, w, y in this order. */
static cleat_status call_conv2d(
    const trial *t, cleat_conv2d_direction direction, const conv_trial *c) {
    const int32_t nchw[] = {0, 3, 1, 2};
    const cleat_conv2d_options options = {.stride = {c->stride, c->stride},
        .padding = {c->padding, c->padding, c->padding, c->padding},
        .groups = c->groups,
        .winograd = true,
        .compute = permitted(t->context)};
    cleat_tensor x = t->tensors[0], w = t->tensors[1], y = t->tensors[2];
    if (c->channels_last) {
        TRY(cleat_permute(x, nchw, &x));
        TRY(cleat_permute(y, nchw, &y));
    }
    return direction == CLEAT_CONV2D_FORWARD ? cleat_conv2d(t->context, x, w, y, &options)
           : direction == CLEAT_CONV2D_BACKWARD_DATA
               ? cleat_conv2d_backward_data(t->context, y, w, x, &options)
               : cleat_conv2d_backward_weights(t->context, x, y, w, &options);
}

static int64_t image_index(
    const conv_trial *c, int64_t channels, int64_t side, const int64_t *place) {
    const int64_t image = place[0], channel = place[1], row = place[2], column = place[3];
    return c->channels_last ? ((image * side + row) * side + column) * channels + channel
                            : ((image * channels + channel) * side + row) * side + column;
}

/* Sums of products of the two other operands into the result's place. */
static void add_products(const trial *t, cleat_conv2d_direction direction, const conv_trial *c,
    int64_t out, double *want) {
    int64_t in_group = c->channels / c->groups, out_group = c->outputs / c->groups;
    int64_t taps = in_group * c->window * c->window;
    for (int64_t i = 0; i < c->images * c->outputs * out * out * taps; i++) {
        const int64_t tap = i % taps, y_at = i / taps;
        const int64_t y[4] = {y_at / (c->outputs * out * out), y_at / (out * out) % c->outputs,
            y_at / out % out, y_at % out};
        const int64_t x[4] = {y[0], y[1] / out_group * in_group + tap / (c->window * c->window),
            y[2] * c->stride - c->padding + tap / c->window % c->window,
            y[3] * c->stride - c->padding + tap % c->window};
        if (x[2] < 0 || x[2] >= c->side || x[3] < 0 || x[3] >= c->side) {
            continue;
        }
        const int64_t at[3] = {image_index(c, c->channels, c->side, x), y[1] * taps + tap,
            image_index(c, c->outputs, out, y)};
        const int into = result_of(direction);
        const int a = (into + 1) % 3, b = (into + 2) % 3;
        want[at[into]] += (double)t->data[a][at[a]] * (double)t->data[b][at[b]];
    }
}

static cleat_status try_conv2d(
    cleat_context *context, cleat_conv2d_direction direction, const conv_trial *c, bool *right) {
    const int into = result_of(direction);
    int64_t out = (c->side + 2 * c->padding - c->window) / c->stride + 1;
    const int64_t nchw_x[] = {c->images, c->channels, c->side, c->side};
    const int64_t nhwc_x[] = {c->images, c->side, c->side, c->channels};
    const int64_t nchw_y[] = {c->images, c->outputs, out, out};
    const int64_t nhwc_y[] = {c->images, out, out, c->outputs};
    const int64_t w[] = {c->outputs, c->channels / c->groups, c->window, c->window};
    trial t = trial_begin(context);
    trial_add(&t, 4, c->channels_last ? nhwc_x : nchw_x);
    trial_add(&t, 4, w);
    trial_add(&t, 4, c->channels_last ? nhwc_y : nchw_y);
    if (trial_going(&t, t.status) && trial_going(&t, call_conv2d(&t, direction, c))) {
        double *want = trial_zeros(cleat_tensor_count(&t.tensors[into]));
        if (want != NULL) {
            add_products(&t, direction, c, out, want);
        }
        trial_compare(&t, into, want, 0);
    }
    return trial_end(&t, right);
}

static cleat_status verify_direction(
    cleat_context *context, cleat_conv2d_direction direction, bool *right) {
    static const conv_trial trials[] = {
        {2, 6, 11, 20, 3, 1, 1, 1, false},
        {1, 33, 9, 17, 1, 1, 0, 1, false},
        {1, 8, 12, 8, 3, 2, 1, 8, false},
        {1, 32, 10, 32, 3, 1, 1, 1, true},
        {1, 32, 10, 32, 3, 1, 1, 32, true},
    };
    for (size_t i = 0; i < sizeof trials / sizeof *trials; i++) {
        TRY(try_conv2d(context, direction, &trials[i], right));
    }
    return CLEAT_OK;
}

static cleat_status verify_forward(cleat_context *context, bool *right) {
    return verify_direction(context, CLEAT_CONV2D_FORWARD, right);
}

static cleat_status verify_backward_data(cleat_context *context, bool *right) {
    return verify_direction(context, CLEAT_CONV2D_BACKWARD_DATA, right);
}

static cleat_status verify_backward_weights(cleat_context *context, bool *right) {
    return verify_direction(context, CLEAT_CONV2D_BACKWARD_WEIGHTS, right);
}

const trust_function verify_conv2d[3] = {
    verify_forward, verify_backward_data, verify_backward_weights};

/* ---- Rows ---- */

enum { ROWS = 41, COLUMNS = 150, SHORT = 10 };

/* Along the last axis of [rows, columns], or, turned, along the first of [columns, rows]. */
static cleat_status try_softmax(
    cleat_context *context, int64_t rows, int64_t columns, bool turned, bool *right) {
    trial t = trial_begin(context);
    const int64_t shape[] = {turned ? columns : rows, turned ? rows : columns};
    const int64_t step = turned ? rows : 1, pitch = turned ? 1 : columns;
    trial_add(&t, 2, shape);
    trial_add(&t, 2, shape);
    if (trial_going(&t, t.status) &&
        trial_going(&t, cleat_softmax(context, t.tensors[0], turned ? 0 : 1, t.tensors[1]))) {
        double *want = trial_zeros(rows * columns);
        for (int64_t row = 0; want != NULL && row < rows; row++) {
            double sum = 0;
            for (int64_t i = 0; i < columns; i++) {
                sum += exp((double)t.data[0][row * pitch + i * step]);
            }
            for (int64_t i = 0; i < columns; i++) {
                want[row * pitch + i * step] = exp((double)t.data[0][row * pitch + i * step]) / sum;
            }
        }
        trial_compare(&t, 1, want, 0x1p-18);
    }
    return trial_end(&t, right);
}

/* The gradient of the logarithm: dx = dy - exp(y) sum(dy); some variants do nothing else. */
static cleat_status try_log_softmax_gradient(cleat_context *context, bool *right) {
    trial t = trial_begin(context);
    const int64_t shape[] = {ROWS, SHORT};
    for (int i = 0; i < 3; i++) {
        trial_add(&t, 2, shape);
    }
    if (trial_going(&t, t.status) &&
        trial_going(
            &t, cleat_log_softmax_backward(context, t.tensors[0], t.tensors[1], 1, t.tensors[2]))) {
        double *want = trial_zeros((int64_t)ROWS * SHORT);
        for (int row = 0; want != NULL && row < ROWS; row++) {
            const float *y = t.data[0] + row * SHORT, *dy = t.data[1] + row * SHORT;
            double sum = 0;
            for (int i = 0; i < SHORT; i++) {
                sum += (double)dy[i];
            }
            for (int i = 0; i < SHORT; i++) {
                want[row * SHORT + i] = (double)dy[i] - exp((double)y[i]) * sum;
            }
        }
        trial_compare_scaled(&t, 2, want, 0x1p-18);
    }
    return trial_end(&t, right);
}

cleat_status verify_softmax(cleat_context *context, bool *right) {
    TRY(try_log_softmax_gradient(context, right));
    TRY(try_softmax(context, ROWS, COLUMNS, false, right));
    TRY(try_softmax(context, ROWS, COLUMNS, true, right));
    return try_softmax(context, ROWS, SHORT, false, right);
}

static cleat_status try_reduce(
    cleat_context *context, cleat_reduction_kind kind, int32_t axis, bool *right) {
    trial t = trial_begin(context);
    trial_add(&t, 2, (int64_t[]){ROWS, COLUMNS});
    trial_add(&t, 1, (int64_t[]){axis == 0 ? COLUMNS : ROWS});
    if (trial_going(&t, t.status) &&
        trial_going(&t, cleat_reduce(context, kind, t.tensors[0], 1, &axis, t.tensors[1], NULL))) {
        double *want = trial_zeros(axis == 0 ? COLUMNS : ROWS);
        for (int i = 0; want != NULL && i < ROWS * COLUMNS; i++) {
            int to = axis == 0 ? i % COLUMNS : i / COLUMNS;
            bool first = axis == 0 ? i < COLUMNS : i % COLUMNS == 0;
            double value = (double)t.data[0][i];
            want[to] = first                      ? value
                       : kind == CLEAT_REDUCE_SUM ? want[to] + value
                                                  : fmax(want[to], value);
        }
        trial_compare(&t, 1, want, 0);
    }
    return trial_end(&t, right);
}

cleat_status verify_reduce(cleat_context *context, bool *right) {
    for (int32_t axis = 0; axis < 2; axis++) {
        TRY(try_reduce(context, CLEAT_REDUCE_SUM, axis, right));
        TRY(try_reduce(context, CLEAT_REDUCE_MAX, axis, right));
    }
    return CLEAT_OK;
}

/* ---- Element by element: a sum with a row, or with a transpose ---- */

static cleat_status try_add(cleat_context *context, bool turned, bool *right) {
    trial t = trial_begin(context);
    trial_add(&t, 2, (int64_t[]){ROWS, COLUMNS});
    trial_add(&t, 2, (int64_t[]){turned ? COLUMNS : 1, turned ? ROWS : COLUMNS});
    trial_add(&t, 2, (int64_t[]){ROWS, COLUMNS});
    cleat_tensor b = turned ? cleat_transpose(t.tensors[1]) : t.tensors[1];
    if (trial_going(&t, t.status) &&
        trial_going(&t, cleat_add(context, t.tensors[0], b, t.tensors[2]))) {
        double *want = trial_zeros(ROWS * COLUMNS);
        for (int i = 0; want != NULL && i < ROWS * COLUMNS; i++) {
            int at = turned ? i % COLUMNS * ROWS + i / COLUMNS : i % COLUMNS;
            want[i] = (double)t.data[0][i] + (double)t.data[1][at];
        }
        trial_compare(&t, 2, want, 0);
    }
    return trial_end(&t, right);
}

cleat_status verify_elementwise(cleat_context *context, bool *right) {
    TRY(try_add(context, false, right));
    return try_add(context, true, right);
}
