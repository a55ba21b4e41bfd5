/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution, pooling, normalisation, losses and optimisers in double precision, beside plain
 * loops in long double. */
#include "harness.h"

static long double element(const test_tensor *t, int64_t i) {
    return (long double)test_elements_f64(t)[i];
}

/* ---- Convolution over [N, C, H, W], two groups ---- */

enum { N = 2, C = 4, H = 7, W = 9, M = 6, KH = 3, KW = 2, OH = 5, OW = 9, GROUPS = 2 };
enum { X = N * C * H * W, WEIGHTS = M * C / GROUPS * KH * KW, Y = N * M * OH * OW };

static const cleat_conv2d_options windows = {
    .stride = {2, 1}, .padding = {2, 1, 2, 1}, .dilation = {1, 2}, .groups = GROUPS};

typedef struct sums {
    long double y[Y], dx[X], dw[WEIGHTS], size_y[Y], size_dx[X], size_dw[WEIGHTS];
} sums;

static void add(long double *sum, long double *size, long double term) {
    *sum += term;
    *size += fabsl(term);
}

/* One product of all three directions. */
static void take(sums *s, const test_tensor *x, const test_tensor *w, const test_tensor *dy,
    int64_t at_x, int64_t at_w, int64_t at_y) {
    add(&s->y[at_y], &s->size_y[at_y], element(x, at_x) * element(w, at_w));
    add(&s->dx[at_x], &s->size_dx[at_x], element(dy, at_y) * element(w, at_w));
    add(&s->dw[at_w], &s->size_dw[at_w], element(dy, at_y) * element(x, at_x));
}

static void convolve(
    sums *s, const test_tensor *x, const test_tensor *w, const test_tensor *dy, int64_t at_y) {
    const int64_t ow = at_y % OW, oh = at_y / OW % OH, m = at_y / OW / OH % M,
                  n = at_y / OW / OH / M;
    for (int64_t k = 0; k < C / GROUPS * KH * KW; k++) {
        const int64_t kw = k % KW, kh = k / KW % KH, c = k / KW / KH;
        const int64_t h = oh * 2 - 2 + kh, v = ow - 1 + kw * 2;
        const int64_t channel = m / (M / GROUPS) * (C / GROUPS) + c;
        if (h >= 0 && h < H && v >= 0 && v < W) {
            take(s, x, w, dy, ((n * C + channel) * H + h) * W + v, m * (C / GROUPS) * KH * KW + k,
                at_y);
        }
    }
}

START_TEST(convolution) {
    if (!test_has_f64()) {
        return;
    }
    const int64_t shape_x[4] = {N, C, H, W}, shape_w[4] = {M, C / GROUPS, KH, KW},
                  channels[1] = {M};
    int64_t shape_y[4];
    test_ok(cleat_conv2d_shape(shape_x, shape_w, &windows, shape_y));
    ck_assert(shape_y[2] == OH && shape_y[3] == OW);
    const test_layout layout = test_coin() ? TEST_STRIDED : TEST_CHANNELS_LAST;
    test_tensor x = test_input_f64(4, shape_x, TEST_REAL, layout);
    test_tensor w = test_input_f64(4, shape_w, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor dy = test_input_f64(4, shape_y, TEST_REAL, TEST_STRIDED);
    test_tensor bias = test_input_f64(1, channels, TEST_REAL, TEST_ROW_MAJOR);
    sums *s = test_alloc(1, sizeof *s);
    long double db[M] = {0}, size_db[M] = {0};
    for (int64_t i = 0; i < Y; i++) {
        const int64_t m = i / OW / OH % M;
        convolve(s, &x, &w, &dy, i);
        add(&s->y[i], &s->size_y[i], element(&bias, m));
        s->y[i] = s->y[i] < 0 ? 0 : s->y[i];
        add(&db[m], &size_db[m], element(&dy, i));
    }
    cleat_conv2d_options forward = windows;
    forward.bias = &bias.view;
    forward.activation = CLEAT_RELU;
    test_tensor y = test_output_of(CLEAT_F64, 4, shape_y, TEST_STRIDED),
                dx = test_output_of(CLEAT_F64, 4, shape_x, TEST_ROW_MAJOR);
    test_tensor dw = test_output_of(CLEAT_F64, 4, shape_w, TEST_STRIDED),
                to_b = test_output_of(CLEAT_F64, 1, channels, TEST_ROW_MAJOR);
    /* What a variable says about f32 is nothing to f64. */
    ck_assert_int_eq(setenv("CLEAT_CONV2D", "cpu_panel", 1), 0);
    ck_assert_int_eq(setenv("CLEAT_CONV2D_BACKWARD_DATA", "cpu_panel plain_f64", 1), 0);
    test_ok(cleat_conv2d(test_context(), x.view, w.view, y.view, &forward));
    test_ok(cleat_conv2d_backward_data(test_context(), dy.view, w.view, dx.view, &windows));
    ck_assert_int_eq(setenv("CLEAT_CONV2D", "cpu_panel none_f64", 1), 0);
    test_refused(cleat_conv2d(test_context(), x.view, w.view, y.view, &forward),
        CLEAT_INVALID_ARGUMENT, "no variant \"none_f64\"; there is: plain_f64");
    unsetenv("CLEAT_CONV2D_BACKWARD_DATA");
    unsetenv("CLEAT_CONV2D");
    test_ok(cleat_conv2d_backward_weights(test_context(), x.view, dy.view, dw.view, &windows));
    test_ok(cleat_conv2d_backward_bias(test_context(), dy.view, to_b.view, NULL));
    test_finish_f64(&y, s->y, s->size_y, C / GROUPS * KH * KW + 1, "conv2d");
    test_finish_f64(&dx, s->dx, s->size_dx, M / GROUPS * KH * KW, "conv2d_backward_data");
    test_finish_f64(&dw, s->dw, s->size_dw, N * OH * OW, "conv2d_backward_weights");
    test_finish_f64(&to_b, db, size_db, N * OH * OW, "conv2d_backward_bias");
    free(s);
    test_free(&x);
    test_free(&w);
    test_free(&dy);
    test_free(&bias);
}
END_TEST

/* Over three axes, windows as large as the input but for one element: two results a channel. */
START_TEST(deep_convolution) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    const int64_t shape_x[5] = {1, 3, 4, 3, 5}, shape_w[5] = {2, 3, 3, 3, 5},
                  shape_y[5] = {1, 2, 2, 1, 1};
    test_tensor x = test_input_f64(5, shape_x, TEST_EXACT, TEST_STRIDED);
    test_tensor w = test_input_f64(5, shape_w, TEST_EXACT, TEST_ROW_MAJOR);
    test_tensor y = test_output_of(CLEAT_F64, 5, shape_y, TEST_ROW_MAJOR);
    long double want[4] = {0}, size[4] = {0};
    for (int64_t i = 0; i < 4 * 3 * 45; i++) {
        const int64_t in_slice = i % 45, c = i / 45 % 3, out = i / 135;
        want[out] += element(&x, c * 60 + in_slice + out % 2 * 15) *
                     element(&w, (out / 2 * 3 + c) * 45 + in_slice);
    }
    test_ok(cleat_conv3d(test_context(), x.view, w.view, y.view, NULL));
    test_finish_f64(&y, want, size, 1, "conv3d");
    test_free(&x);
    test_free(&w);
}
END_TEST

/* ---- Pooling, windows of 3 x 2 elements, strides 2 and 1, padding ---- */

enum { POOL_H = 8, POOL_W = 6, POOL_OH = 4, POOL_OW = 6, PLANES = 6 };

typedef enum pool_kind { POOL_MAX, POOL_AVERAGE, POOL_POWER } pool_kind;

typedef struct pooled {
    long double y[PLANES * POOL_OH * POOL_OW], size_y[PLANES * POOL_OH * POOL_OW];
    long double dx[PLANES * POOL_H * POOL_W], size_dx[PLANES * POOL_H * POOL_W];
} pooled;

/* The value of one window (p = 3), and what it gives to dx. */
static void pool(
    pool_kind kind, pooled *r, const test_tensor *x, const test_tensor *dy, int64_t to) {
    const int64_t plane = to / POOL_OW / POOL_OH, oh = to / POOL_OW % POOL_OH, ow = to % POOL_OW;
    int64_t places[6], count = 0, best = 0;
    long double sum = 0;
    for (int k = 0; k < 6; k++) {
        const int64_t h = oh * 2 - 1 + k / 2, w = ow - 1 + k % 2;
        if (h >= 0 && h < POOL_H && w >= 0 && w < POOL_W) {
            places[count++] = (plane * POOL_H + h) * POOL_W + w;
        }
    }
    for (int64_t i = 0; i < count; i++) {
        const long double v = element(x, places[i]);
        sum += kind == POOL_POWER ? powl(fabsl(v), 3) : v;
        r->size_y[to] += fabsl(v);
        best = v > element(x, places[best]) ? i : best;
    }
    const long double root = cbrtl(sum), d = element(dy, to);
    r->y[to] = kind == POOL_MAX       ? element(x, places[best])
               : kind == POOL_AVERAGE ? sum / (long double)count
                                      : root;
    r->size_y[to] = kind == POOL_MAX ? 0 : kind == POOL_POWER ? 24 * root : r->size_y[to];
    for (int64_t i = 0; i < count; i++) {
        const long double v = element(x, places[i]);
        const long double part = kind == POOL_MAX       ? (i == best ? d : 0)
                                 : kind == POOL_AVERAGE ? d / (long double)count
                                                        : d * v * fabsl(v) / (root * root);
        add(&r->dx[places[i]], &r->size_dx[places[i]], part * (kind == POOL_POWER ? 1 : 1));
    }
}

START_TEST(pooling) {
    const pool_kind kind = (pool_kind)_i;
    if (!test_has_f64() || test_skips()) {
        return;
    }
    const int64_t shape_x[4] = {2, 3, POOL_H, POOL_W}, shape_y[4] = {2, 3, POOL_OH, POOL_OW};
    const cleat_pool_options options = {
        .window = {3, 2}, .stride = {2, 1}, .padding = {1, 1, 0, 0}, .power = 3};
    test_tensor x = test_input_f64(4, shape_x, TEST_REAL, TEST_STRIDED);
    test_tensor dy = test_input_f64(4, shape_y, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output_of(CLEAT_F64, 4, shape_y, TEST_ROW_MAJOR),
                dx = test_output_of(CLEAT_F64, 4, shape_x, TEST_STRIDED);
    pooled *r = test_alloc(1, sizeof *r);
    for (int64_t i = 0; i < PLANES * POOL_OH * POOL_OW; i++) {
        pool(kind, r, &x, &dy, i);
    }
    cleat_context *context = test_context();
    if (kind == POOL_MAX) {
        test_ok(cleat_max_pool(context, x.view, y.view, &options));
        test_ok(cleat_max_pool_backward(context, x.view, dy.view, dx.view, &options));
    } else if (kind == POOL_AVERAGE) {
        test_ok(cleat_average_pool(context, x.view, y.view, &options));
        test_ok(cleat_average_pool_backward(context, dy.view, dx.view, &options));
    } else {
        test_ok(cleat_lp_pool(context, x.view, y.view, &options));
        test_ok(cleat_lp_pool_backward(context, x.view, y.view, dy.view, dx.view, &options));
    }
    /* pow 32, three times, of p = 3 */
    test_finish_f64(&y, r->y, r->size_y, kind == POOL_POWER ? 8 : 6, "pool");
    test_finish_f64(&dx, r->dx, r->size_dx, kind == POOL_POWER ? 600 : 8, "pool_backward");
    free(r);
    test_free(&x);
    test_free(&dy);
}
END_TEST

/* ---- Normalisation ---- */

enum { ROWS = 7, COLUMNS = 50, ELEMENTS = ROWS * COLUMNS };

typedef struct statistics {
    long double mean, variance, inverse;
} statistics;

/* Of `count` elements from `first` on, `step` apart. */
static statistics find_statistics(
    const test_tensor *x, int64_t first, int64_t step, int64_t count) {
    statistics s = {0, 0, 0};
    for (int64_t i = 0; i < count; i++) {
        s.mean += element(x, first + i * step) / (long double)count;
    }
    for (int64_t i = 0; i < count; i++) {
        const long double distance = element(x, first + i * step) - s.mean;
        s.variance += distance * distance / (long double)count;
    }
    s.inverse = 1 / sqrtl(s.variance + (long double)1e-5f);
    return s;
}

START_TEST(layer_norm) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    const int64_t shape[2] = {ROWS, COLUMNS}, row[1] = {COLUMNS}, one[1] = {ROWS};
    test_tensor x = test_input_f64(2, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor dy = test_input_f64(2, shape, TEST_REAL, TEST_STRIDED);
    test_tensor scale = test_input_f64(1, row, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor bias = test_input_f64(1, row, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor mean = test_output_of(CLEAT_F64, 1, one, TEST_ROW_MAJOR),
                inverse = test_output_of(CLEAT_F64, 1, one, TEST_ROW_MAJOR);
    test_tensor y = test_output_of(CLEAT_F64, 2, shape, TEST_ROW_MAJOR),
                dx = test_output_of(CLEAT_F64, 2, shape, TEST_ROW_MAJOR);
    test_tensor dscale = test_output_of(CLEAT_F64, 1, row, TEST_ROW_MAJOR),
                dbias = test_output_of(CLEAT_F64, 1, row, TEST_ROW_MAJOR);
    long double want[2][ELEMENTS], size[2][ELEMENTS], sums_of[2][COLUMNS] = {{0}},
                                                      size_of[2][COLUMNS] = {{0}};
    for (int64_t i = 0; i < ROWS; i++) {
        const statistics s = find_statistics(&x, i * COLUMNS, 1, COLUMNS);
        long double first = 0, second = 0;
        for (int64_t k = 0; k < COLUMNS; k++) {
            const int64_t at = i * COLUMNS + k;
            const long double h = (element(&x, at) - s.mean) * s.inverse, d = element(&dy, at);
            want[0][at] = h * element(&scale, k) + element(&bias, k);
            size[0][at] = 4 * (fabsl(h) + s.inverse) * fabsl(element(&scale, k)) + 1;
            first += d * element(&scale, k) / COLUMNS;
            second += d * element(&scale, k) * h / COLUMNS;
            add(&sums_of[0][k], &size_of[0][k], 8 * d * h / 8);
            add(&sums_of[1][k], &size_of[1][k], d);
            size_of[0][k] += 8 * fabsl(d) * (1 + fabsl(h));
        }
        for (int64_t k = 0; k < COLUMNS; k++) {
            const int64_t at = i * COLUMNS + k;
            const long double h = (element(&x, at) - s.mean) * s.inverse, d = element(&dy, at);
            want[1][at] = s.inverse * (d * element(&scale, k) - first - h * second);
            size[1][at] = 8 * s.inverse * (fabsl(d) + 2 + 2 * fabsl(h));
        }
    }
    const cleat_normalization_options options = {
        .scale = &scale.view, .bias = &bias.view, .mean = &mean.view, .inverse = &inverse.view};
    test_ok(cleat_layer_norm(test_context(), x.view, 1, y.view, &options));
    test_ok(cleat_layer_norm_backward(test_context(), x.view, &scale.view, mean.view, inverse.view,
        dy.view, 1, &dx.view, &dscale.view, &dbias.view));
    test_finish_f64(&y, want[0], size[0], COLUMNS, "layer_norm");
    test_finish_f64(&dx, want[1], size[1], COLUMNS, "layer_norm_backward");
    test_finish_f64(&dscale, sums_of[0], size_of[0], ROWS, "dscale");
    test_finish_f64(&dbias, sums_of[1], size_of[1], ROWS, "dbias");
    test_tensor *const rest[] = {&x, &dy, &scale, &bias, &mean, &inverse};
    for (int i = 0; i < 6; i++) {
        test_free(rest[i]);
    }
}
END_TEST

/* Channels are columns; running statistics from 0 on. */
START_TEST(batch_norm) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    const int64_t shape[2] = {ROWS, COLUMNS}, row[1] = {COLUMNS};
    double zeros[COLUMNS] = {0};
    test_tensor x = test_input_f64(2, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output_of(CLEAT_F64, 2, shape, TEST_ROW_MAJOR);
    test_tensor mean = test_typed(CLEAT_F64, 1, row, zeros, TEST_ROW_MAJOR);
    test_tensor variance = test_typed(CLEAT_F64, 1, row, zeros, TEST_ROW_MAJOR);
    long double want[ELEMENTS], size[ELEMENTS], wanted[2][COLUMNS], sizes[2][COLUMNS];
    for (int64_t k = 0; k < COLUMNS; k++) {
        const statistics s = find_statistics(&x, k, COLUMNS, ROWS);
        wanted[0][k] = s.mean * (long double)0.1f;
        wanted[1][k] = s.variance * ROWS / (ROWS - 1) * (long double)0.1f;
        sizes[0][k] = 1;
        sizes[1][k] = 4;
        for (int64_t i = 0; i < ROWS; i++) {
            want[i * COLUMNS + k] = (element(&x, i * COLUMNS + k) - s.mean) * s.inverse;
            size[i * COLUMNS + k] = 4 * (1 + fabsl(want[i * COLUMNS + k])) * (1 + s.inverse);
        }
    }
    const cleat_batch_norm_options options = {
        .running_mean = &mean.view, .running_variance = &variance.view};
    test_ok(cleat_batch_norm_training(test_context(), x.view, y.view, &options));
    test_finish_f64(&y, want, size, ROWS, "batch_norm_training");
    test_finish_f64(&mean, wanted[0], sizes[0], ROWS, "running mean");
    test_finish_f64(&variance, wanted[1], sizes[1], ROWS, "running variance");
    test_free(&x);
}
END_TEST

/* ---- Losses and steps ---- */

/* Binary cross-entropy, its mean and its gradient. */
START_TEST(loss) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    const int64_t shape[2] = {ROWS, COLUMNS}, one[1] = {1};
    test_tensor x = test_input_f64(2, shape, TEST_REAL, TEST_STRIDED);
    double targets[ELEMENTS];
    long double sum = 0, all = 0, dx[ELEMENTS], size[ELEMENTS];
    for (int64_t i = 0; i < ELEMENTS; i++) {
        targets[i] = test_real(0, 1);
        const long double t = (long double)targets[i], v = element(&x, i);
        const long double term = log1pl(expl(-fabsl(v))) + fmaxl(v, 0) - v * t;
        sum += term / ELEMENTS;
        all += 20 * fabsl(term) / ELEMENTS;
        dx[i] = (1 / (1 + expl(-v)) - t) / ELEMENTS;
        size[i] = 20.0L / ELEMENTS;
    }
    test_tensor t = test_typed(CLEAT_F64, 2, shape, targets, TEST_ROW_MAJOR);
    test_tensor result = test_output_of(CLEAT_F64, 1, one, TEST_ROW_MAJOR),
                gradient = test_output_of(CLEAT_F64, 2, shape, TEST_STRIDED);
    cleat_context *context = test_context();
    test_ok(
        cleat_loss(context, CLEAT_LOSS_BINARY_CROSS_ENTROPY, x.view, t.view, result.view, NULL));
    test_ok(cleat_loss_backward(
        context, CLEAT_LOSS_BINARY_CROSS_ENTROPY, x.view, t.view, NULL, gradient.view, NULL));
    test_finish_f64(&result, &sum, &all, ELEMENTS, "loss");
    test_finish_f64(&gradient, dx, size, 1, "loss_backward");
    test_free(&x);
    test_free(&t);
}
END_TEST

/* Adam's third step, with elements end to end or not: its factors are known to f64. */
START_TEST(adam) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    const int64_t shape[2] = {ROWS, COLUMNS};
    const test_layout layout = test_coin() ? TEST_ROW_MAJOR : TEST_STRIDED;
    test_tensor p = test_input_f64(2, shape, TEST_REAL, layout);
    test_tensor g = test_input_f64(2, shape, TEST_REAL, layout);
    test_tensor m = test_input_f64(2, shape, TEST_REAL, layout);
    double squares[ELEMENTS];
    long double want[3][ELEMENTS], size[ELEMENTS];
    const long double b1 = (long double)0.9f, b2 = (long double)0.999f, rate = (long double)0.01f;
    for (int64_t i = 0; i < ELEMENTS; i++) {
        squares[i] = test_real(0.01, 1);
        const long double d = element(&g, i);
        want[1][i] = b1 * element(&m, i) + (1 - b1) * d;
        want[2][i] = b2 * (long double)squares[i] + (1 - b2) * d * d;
        const long double root = sqrtl(want[2][i] / (1 - b2 * b2 * b2)) + (long double)1e-8f;
        want[0][i] = element(&p, i) - rate * want[1][i] / (1 - b1 * b1 * b1) / root;
        size[i] = 4 + 400 / root; /* 1 - beta2^3 = 0.003 is a difference of numbers near 1 */
    }
    test_tensor v = test_typed(CLEAT_F64, 2, shape, squares, layout);
    test_ok(cleat_adam_step(test_context(), p.view, g.view, m.view, v.view, 3, 0.01f, NULL));
    test_finish_f64(&p, want[0], size, 1, "parameter");
    test_finish_f64(&m, want[1], size, 1, "m");
    test_finish_f64(&v, want[2], size, 1, "v");
    test_free(&g);
}
END_TEST

/* ---- Gradients of what only moves elements: exact sums ---- */

START_TEST(tile_and_pad) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    const int64_t small[2] = {3, 5}, large[2] = {6, 15}, repeats[2] = {2, 3};
    const int64_t inner[1] = {7}, outer[1] = {12}, before[1] = {3}, after[1] = {2};
    const cleat_pad_options reflect = {.mode = CLEAT_PAD_REFLECT};
    test_tensor tiled = test_input_f64(2, large, TEST_EXACT, TEST_STRIDED);
    test_tensor padded = test_input_f64(1, outer, TEST_EXACT, TEST_ROW_MAJOR);
    test_tensor dx = test_output_of(CLEAT_F64, 2, small, TEST_ROW_MAJOR),
                of_pad = test_output_of(CLEAT_F64, 1, inner, TEST_ROW_MAJOR);
    long double want[15] = {0}, size[15] = {0}, wanted[7] = {0};
    for (int64_t i = 0; i < 90; i++) {
        want[i / 15 % 3 * 5 + i % 15 % 5] += element(&tiled, i);
    }
    for (int64_t i = 0; i < 12; i++) {
        const int64_t from = i < 3 ? 3 - i : i > 9 ? 12 - (i - 3) : i - 3;
        wanted[from] += element(&padded, i);
    }
    test_ok(cleat_tile_backward(test_context(), tiled.view, repeats, dx.view));
    test_ok(cleat_pad_backward(test_context(), padded.view, before, after, of_pad.view, &reflect));
    test_finish_f64(&dx, want, size, 1, "tile_backward");
    test_finish_f64(&of_pad, wanted, size, 1, "pad_backward");
    test_free(&tiled);
    test_free(&padded);
}
END_TEST

START_TEST(where_and_unpool) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    const int64_t shape[2] = {5, 8}, row[1] = {8}, few[3] = {1, 2, 3}, many[3] = {1, 2, 9};
    const int64_t places[6] = {4, 0, 8, 17, 9, 12};
    unsigned char chosen[40];
    long double da[8] = {0}, db[40], y[18] = {0}, size[40] = {0}, want_of_back[6];
    test_tensor dy = test_input_f64(2, shape, TEST_EXACT, TEST_STRIDED);
    test_tensor x = test_input_f64(3, few, TEST_REAL, TEST_STRIDED);
    for (int i = 0; i < 40; i++) {
        chosen[i] = test_coin();
        da[i % 8] += chosen[i] ? element(&dy, i) : 0;
        db[i] = chosen[i] ? 0 : element(&dy, i);
    }
    for (int i = 0; i < 6; i++) {
        y[places[i]] = element(&x, i);
    }
    test_tensor condition = test_typed(CLEAT_BOOL, 2, shape, chosen, TEST_ROW_MAJOR);
    test_tensor indices = test_typed(CLEAT_I64, 3, few, places, TEST_ROW_MAJOR);
    test_tensor to_a = test_output_of(CLEAT_F64, 1, row, TEST_ROW_MAJOR),
                to_b = test_output_of(CLEAT_F64, 2, shape, TEST_ROW_MAJOR);
    test_tensor spread = test_output_of(CLEAT_F64, 3, many, TEST_ROW_MAJOR),
                back = test_output_of(CLEAT_F64, 3, few, TEST_STRIDED);
    cleat_context *context = test_context();
    test_ok(cleat_where_backward(context, condition.view, dy.view, &to_a.view, &to_b.view));
    test_ok(cleat_max_unpool(context, x.view, indices.view, spread.view, NULL));
    test_ok(cleat_max_unpool_backward(context, spread.view, indices.view, back.view, NULL));
    for (int i = 0; i < 6; i++) {
        want_of_back[i] = element(&x, i);
    }
    test_finish_f64(&to_a, da, size, 1, "da");
    test_finish_f64(&to_b, db, size, 1, "db");
    test_finish_f64(&spread, y, size, 1, "max_unpool");
    test_finish_f64(&back, want_of_back, size, 1, "max_unpool_backward");
    test_free(&dy);
    test_free(&x);
    test_free(&condition);
    test_free(&indices);
}
END_TEST

/* Rows of a table, which several indices choose; and elements. */
START_TEST(scattered) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    const int64_t chosen[1] = {9}, rows[2] = {9, 21}, table[2] = {4, 21};
    int32_t indices[9], each[9 * 21];
    long double want[84] = {0}, wanted[84] = {0}, size[84] = {0};
    test_tensor dy = test_input_f64(2, rows, TEST_EXACT, TEST_ROW_MAJOR);
    for (int i = 0; i < 9 * 21; i++) {
        indices[i / 21] = i % 21 == 0 ? (int32_t)test_int(0, 3) : indices[i / 21];
        each[i] = (int32_t)test_int(0, 3);
        want[indices[i / 21] * 21 + i % 21] += element(&dy, i);
        wanted[each[i] * 21 + i % 21] += element(&dy, i);
    }
    test_tensor from = test_typed(CLEAT_I32, 1, chosen, indices, TEST_ROW_MAJOR);
    test_tensor of_each = test_typed(CLEAT_I32, 2, rows, each, TEST_STRIDED);
    test_tensor to = test_output_of(CLEAT_F64, 2, table, TEST_ROW_MAJOR),
                elements = test_output_of(CLEAT_F64, 2, table, TEST_STRIDED);
    test_ok(cleat_embedding_backward(test_context(), from.view, dy.view, to.view, NULL));
    test_ok(
        cleat_gather_elements_backward(test_context(), of_each.view, dy.view, 0, elements.view));
    test_finish_f64(&to, want, size, 1, "embedding_backward");
    test_finish_f64(&elements, wanted, size, 1, "gather_elements_backward");
    test_free(&dy);
    test_free(&from);
    test_free(&of_each);
}
END_TEST

/* Two gradients to a common norm of 1/2. */
START_TEST(clip_gradients) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    const int64_t shape[2] = {ROWS, COLUMNS}, one[1] = {1};
    test_tensor first = test_input_f64(2, shape, TEST_REAL, TEST_STRIDED);
    test_tensor second = test_input_f64(2, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor norm = test_output_of(CLEAT_F64, 1, one, TEST_ROW_MAJOR);
    long double square = 0, want[2][ELEMENTS], size[ELEMENTS];
    for (int i = 0; i < ELEMENTS; i++) {
        square +=
            element(&first, i) * element(&first, i) + element(&second, i) * element(&second, i);
        size[i] = 1;
    }
    const long double root = sqrtl(square);
    for (int i = 0; i < ELEMENTS; i++) {
        want[0][i] = element(&first, i) * 0.5L / (root + 1e-6L);
        want[1][i] = element(&second, i) * 0.5L / (root + 1e-6L);
    }
    const cleat_tensor gradients[2] = {first.view, second.view};
    test_ok(cleat_clip_gradient_norm(test_context(), 2, gradients, 0.5f, &norm.view));
    test_finish_f64(&first, want[0], size, 4, "clipped");
    test_finish_f64(&second, want[1], size, 4, "clipped");
    test_finish_f64(&norm, &root, &root, ELEMENTS, "norm");
}
END_TEST

START_TEST(types_must_agree) {
    cleat_context *context = test_context();
    cleat_tensor x, w;
    const int64_t shape[4] = {1, 1, 1, 1};
    test_ok(cleat_tensor_create(context, CLEAT_F64, 4, shape, &x));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 4, shape, &w));
    const bool there = test_has_f64();
    const cleat_status status = there ? CLEAT_TYPE_MISMATCH : CLEAT_UNSUPPORTED;
    const char *part = there ? " has type f32, not f64" : "no double precision";
    const cleat_pool_options one = {.window = {1, 1}};
    test_refused(cleat_conv2d(context, x, w, x, NULL), status, part);
    test_refused(cleat_conv2d_backward_data(context, x, w, x, NULL), status, part);
    test_refused(cleat_max_pool(context, x, w, &one), status, part);
    test_refused(cleat_loss(context, CLEAT_LOSS_SQUARED, x, w, x, NULL), status, part);
    test_refused(cleat_sgd_step(context, x, w, NULL, 0.1f, NULL), status, part);
    if (there) {
        const cleat_conv2d_options panel = {.variant = "cpu_panel"};
        cleat_tensor y;
        test_ok(cleat_tensor_create(context, CLEAT_F64, 4, shape, &y));
        test_refused(cleat_conv2d(context, x, x, y, &panel), CLEAT_INVALID_ARGUMENT,
            "no variant \"cpu_panel\"; there is: plain");
        cleat_tensor_release(&y);
    }
    cleat_tensor_release(&x);
    cleat_tensor_release(&w);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("layers_f64");
    test_add_case(suite, "convolution", convolution);
    test_add_case(suite, "deep_convolution", deep_convolution);
    test_add_case(suite, "layer_norm", layer_norm);
    test_add_case(suite, "batch_norm", batch_norm);
    test_add_case(suite, "loss", loss);
    test_add_case(suite, "adam", adam);
    test_add_case(suite, "tile_and_pad", tile_and_pad);
    test_add_case(suite, "where_and_unpool", where_and_unpool);
    test_add_case(suite, "scattered", scattered);
    test_add_case(suite, "clip_gradients", clip_gradients);
    test_add_case(suite, "types_must_agree", types_must_agree);
    test_add_loop(suite, "pooling", pooling, POOL_POWER + 1);
    return suite;
}
