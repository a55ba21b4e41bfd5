/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of `cleat selftest` for sums of products: matmul and convolution. */
#include "selftest.h"

#include <math.h>

/* y = relu(a b + bias), with b read as the transpose of what is stored. */
void check_matmul(check *c) {
    enum { M = 65, K = 130, N = 70 };
    operand *a = check_operand(c, 2, (int64_t[]){M, K});
    operand *b = check_operand(c, 2, (int64_t[]){N, K});
    operand *bias = check_operand(c, 1, (int64_t[]){N});
    operand *y = check_operand(c, 2, (int64_t[]){M, N});
    cleat_matmul_options options = {.bias = &bias->tensor, .activation = CLEAT_RELU};
    if (c->status != CLEAT_OK ||
        !check_call(c,
            cleat_matmul(c->context, a->tensor, cleat_transpose(b->tensor), y->tensor, &options)) ||
        !check_fetch(c, y)) {
        return;
    }
    for (int i = 0; i < M * N; i++) {
        const float *row = a->data + i / N * K, *column = b->data + i % N * K;
        double sum = (double)bias->data[i % N], magnitude = fabs(sum);
        for (int k = 0; k < K; k++) {
            sum += (double)row[k] * (double)column[k];
            magnitude += fabs((double)row[k] * (double)column[k]);
        }
        check_value(c, y->data[i], sum > 0 ? sum : 0, magnitude, K + 1);
    }
}

/* ---- Convolution: 3x3, padding 1, stride 2, over two images ---- */

enum { IMAGES = 2, IN = 5, OUT = 6, SIDE = 13, HALF = 7, WINDOW = 3 };

static const cleat_conv2d_options conv_options = {.stride = {2, 2}, .padding = {1, 1, 1, 1}};

typedef struct conv_operands {
    operand *x, *w, *y;
} conv_operands;

static conv_operands make_conv(check *c) {
    conv_operands o;
    o.x = check_operand(c, 4, (int64_t[]){IMAGES, IN, SIDE, SIDE});
    o.w = check_operand(c, 4, (int64_t[]){OUT, IN, WINDOW, WINDOW});
    o.y = check_operand(c, 4, (int64_t[]){IMAGES, OUT, HALF, HALF});
    return o;
}

/* Calls visit with the indices into x, w and y of every product of the convolution. */
static void each_product(void (*visit)(void *data, int x, int w, int y), void *data) {
    for (int y = 0; y < IMAGES * OUT * HALF * HALF; y++) {
        int column = y % HALF, row = y / HALF % HALF, m = y / (HALF * HALF) % OUT;
        int n = y / (HALF * HALF * OUT);
        for (int k = 0; k < IN * WINDOW * WINDOW; k++) {
            int i = row * 2 - 1 + k / WINDOW % WINDOW, j = column * 2 - 1 + k % WINDOW;
            int channel = k / (WINDOW * WINDOW);
            if (i >= 0 && i < SIDE && j >= 0 && j < SIDE) {
                visit(data, ((n * IN + channel) * SIDE + i) * SIDE + j,
                    m * IN * WINDOW * WINDOW + k, y);
            }
        }
    }
}

/* Sums for the output `into` (0: x, 1: w, 2: y) of products of the other two. */
typedef struct conv_sums {
    const float *values[3];
    int into;
    double sum[IMAGES * IN * SIDE * SIDE], magnitude[IMAGES * IN * SIDE * SIDE];
} conv_sums;

static void add_product(void *data, int x, int w, int y) {
    conv_sums *sums = data;
    const int at[3] = {x, w, y};
    int a = (sums->into + 1) % 3, b = (sums->into + 2) % 3;
    double product = (double)sums->values[a][at[a]] * (double)sums->values[b][at[b]];
    sums->sum[at[sums->into]] += product;
    sums->magnitude[at[sums->into]] += fabs(product);
}

static void compare_conv(check *c, const conv_operands *o, int into, double terms) {
    operand *result = into == 0 ? o->x : into == 1 ? o->w : o->y;
    if (!check_fetch(c, result)) {
        return;
    }
    conv_sums sums = {.values = {o->x->data, o->w->data, o->y->data}, .into = into};
    each_product(add_product, &sums);
    for (int64_t i = 0; i < result->count; i++) {
        check_value(c, result->data[i], sums.sum[i], sums.magnitude[i], terms);
    }
}

void check_conv2d(check *c) {
    conv_operands o = make_conv(c);
    if (c->status == CLEAT_OK && check_call(c, cleat_conv2d(c->context, o.x->tensor, o.w->tensor,
                                                   o.y->tensor, &conv_options))) {
        compare_conv(c, &o, 2, IN * WINDOW * WINDOW);
    }
}

void check_conv2d_backward_data(check *c) {
    conv_operands o = make_conv(c);
    if (c->status == CLEAT_OK && check_call(c, cleat_conv2d_backward_data(c->context, o.y->tensor,
                                                   o.w->tensor, o.x->tensor, &conv_options))) {
        compare_conv(c, &o, 0, OUT * WINDOW * WINDOW);
    }
}

void check_conv2d_backward_weights(check *c) {
    conv_operands o = make_conv(c);
    if (c->status == CLEAT_OK &&
        check_call(c, cleat_conv2d_backward_weights(
                          c->context, o.x->tensor, o.y->tensor, o.w->tensor, &conv_options))) {
        compare_conv(c, &o, 1, IMAGES * HALF * HALF);
    }
}

/* A transposed convolution is the gradient of a convolution to its data. */
void check_conv_transpose2d(check *c) {
    conv_operands o = make_conv(c);
    if (c->status == CLEAT_OK && check_call(c, cleat_conv_transpose2d(c->context, o.y->tensor,
                                                   o.w->tensor, o.x->tensor, &conv_options))) {
        compare_conv(c, &o, 0, OUT * WINDOW * WINDOW);
    }
}

/* With a dilation of 2 and a gelu after it. */
void check_conv1d(check *c) {
    enum { LENGTH = 50, LEFT = 2 };
    const cleat_conv1d_options options = {
        .padding = {LEFT, LEFT}, .dilation = 2, .activation = CLEAT_GELU};
    operand *x = check_operand(c, 3, (int64_t[]){IMAGES, IN, LENGTH});
    operand *w = check_operand(c, 3, (int64_t[]){OUT, IN, WINDOW});
    operand *y = check_operand(c, 3, (int64_t[]){IMAGES, OUT, LENGTH});
    if (c->status != CLEAT_OK ||
        !check_call(c, cleat_conv1d(c->context, x->tensor, w->tensor, y->tensor, &options)) ||
        !check_fetch(c, y)) {
        return;
    }
    for (int i = 0; i < IMAGES * OUT * LENGTH; i++) {
        int place = i % LENGTH, m = i / LENGTH % OUT, n = i / LENGTH / OUT;
        double sum = 0, magnitude = 0;
        for (int k = 0; k < IN * WINDOW; k++) {
            int at = place - LEFT + k % WINDOW * 2;
            if (at >= 0 && at < LENGTH) {
                double product = (double)x->data[(n * IN + k / WINDOW) * LENGTH + at] *
                                 (double)w->data[m * IN * WINDOW + k];
                sum += product;
                magnitude += fabs(product);
            }
        }
        check_value(c, y->data[i], sum * 0.5 * erfc(-sum * 0.70710678118654752440), magnitude,
            IN * WINDOW + 4);
    }
}
