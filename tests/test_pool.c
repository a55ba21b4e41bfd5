/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"
#include "reference/reference_pool.h"

typedef struct pool_case {
    int64_t shape[4];
    cleat_pool2d_options options;
} pool_case;

/* Every operation with the variants that its variable can force. */
typedef struct operation {
    const char *name, *variable;
    bool average, backward;
    const char *variants[7];
} operation;

static const operation operations[] = {
    {"max forward", "CLEAT_MAX_POOL2D", false, false,
        {"cpu_small", "whole", "cpu_channels_last", "cpu_2x2", "cpu_3x3", "cpu_rows", "direct"}},
    {"max backward", "CLEAT_MAX_POOL2D_BACKWARD", false, true,
        {"cpu_small", "whole", "cpu_2x2", "cpu_3x3", "cpu_rows", "cpu_planes", "direct"}},
    {"average forward", "CLEAT_AVERAGE_POOL2D", true, false,
        {"cpu_small", "whole", "cpu_channels_last", "cpu_2x2", "cpu_3x3", "cpu_rows", "direct"}},
    {"average backward", "CLEAT_AVERAGE_POOL2D_BACKWARD", true, true,
        {"cpu_small", "whole", "cpu_2x2", "cpu_3x3", "cpu_rows", "cpu_planes", "direct"}},
};

static const pool_case table[] = {
    {{1, 1, 2, 2}, {.window = {2, 2}}},
    {{2, 3, 8, 8}, {.window = {2, 2}}},
    {{1, 2, 28, 28}, {.window = {2, 2}}},
    {{3, 1, 14, 14}, {.window = {2, 2}}},
    {{2, 2, 7, 9}, {.window = {2, 2}}},
    {{1, 3, 5, 33}, {.window = {2, 2}}},
    {{2, 1, 9, 6}, {.window = {2, 2}}},
    {{1, 1, 4, 51}, {.window = {2, 2}}},
    {{5, 7, 3, 8}, {.window = {2, 2}, .stride = {2, 2}}},
    {{1, 2, 6, 6}, {.window = {2, 2}, .stride = {1, 1}}},
    {{2, 2, 12, 11}, {.window = {3, 3}, .stride = {2, 2}, .padding = {1, 1, 1, 1}}},
    {{1, 2, 9, 9}, {.window = {3, 3}, .stride = {1, 1}, .padding = {1, 1, 1, 1}}},
    {{1, 2, 9, 9},
        {.window = {3, 3}, .stride = {1, 1}, .padding = {1, 1, 1, 1}, .count_padding = true}},
    {{2, 2, 10, 7}, {.window = {4, 3}, .stride = {3, 2}, .padding = {3, 0, 1, 2}}},
    {{1, 3, 7, 7}, {.window = {7, 7}}},
    {{2, 2, 9, 9}, {.window = {2, 2}, .stride = {5, 4}}},
    {{1, 1, 1, 1}, {.window = {1, 1}}},
    {{1, 1, 1, 1}, {.window = {3, 3}, .padding = {1, 1, 1, 1}}},
    {{1, 2, 5, 70}, {.window = {3, 3}, .stride = {1, 1}, .padding = {1, 1, 1, 1}}},
    {{2, 1, 6, 71}, {.window = {3, 2}, .stride = {2, 2}, .padding = {0, 1, 0, 1}}},
    {{1, 1, 4, 99}, {.window = {2, 5}, .stride = {1, 3}}},
    {{3, 2, 1, 17}, {.window = {1, 4}, .stride = {1, 3}, .padding = {0, 2, 0, 3}}},
    {{1, 1, 3, 5000}, {.window = {3, 3}, .stride = {1, 1}, .padding = {1, 1, 1, 1}}},
    {{1, 1, 5, 4500}, {.window = {3, 3}, .stride = {2, 2}, .padding = {1, 1, 1, 1}}},
    {{1, 2, 4, 50}, {.window = {4, 50}}},
    {{3, 7, 1, 3}, {.window = {1, 3}}},
    {{2, 23, 4, 8}, {.window = {4, 8}}},
    {{5, 11, 7, 7}, {.window = {7, 7}}},
    {{0, 2, 4, 4}, {.window = {2, 2}}},
    {{2, 0, 4, 4}, {.window = {2, 2}}},
};

static pool_case random_case(void) {
    pool_case c = {.shape = {test_int(1, 3), test_int(1, 4)}};
    bool plain = test_coin();
    for (int i = 0; i < 2; i++) {
        c.options.window[i] = plain ? 2 : test_int(1, 5);
        c.options.stride[i] = plain ? test_int(0, 1) * 2 : test_int(0, 4);
        for (int side = 0; side < 2 && !plain; side++) {
            c.options.padding[i + 2 * side] = test_int(0, c.options.window[i] - 1);
        }
        c.shape[2 + i] = test_int(c.options.window[i], 40);
    }
    c.options.count_padding = test_coin();
    return c;
}

static double *to_double(const test_tensor *t) {
    double *values = test_alloc(t->count, sizeof *values);
    for (int64_t i = 0; i < t->count; i++) {
        values[i] = (double)t->data[i];
    }
    return values;
}

static cleat_status call(
    const operation *op, const pool_case *c, cleat_tensor x, cleat_tensor dy, cleat_tensor result) {
    cleat_context *context = test_context();
    if (op->backward) {
        return op->average ? cleat_average_pool2d_backward(context, dy, result, &c->options)
                           : cleat_max_pool2d_backward(context, x, dy, result, &c->options);
    }
    return op->average ? cleat_average_pool2d(context, x, result, &c->options)
                       : cleat_max_pool2d(context, x, result, &c->options);
}

static void want(const operation *op, const reference_pool *p, const double *x, const double *dy,
    double *result, double *magnitude) {
    if (op->backward && op->average) {
        reference_average_pool2d_backward(p, dy, result, magnitude);
    } else if (op->backward) {
        reference_max_pool2d_backward(p, x, dy, result, magnitude);
    } else if (op->average) {
        reference_average_pool2d(p, x, result, magnitude);
    } else {
        reference_max_pool2d(p, x, result);
    }
}

/* Most windows an element lies in, or elements a window has; and one more for the division. */
static int64_t terms(const operation *op, const reference_pool *p) {
    int64_t window = p->window[0] * p->window[1];
    return op->average || op->backward ? window + 2 : 1;
}

/* Sums of small integers are exact but for the average's division, which is where a window has a
 * power of two elements. */
static bool is_exact(const operation *op, const reference_pool *p, test_values values) {
    bool divides = false;
    for (int i = 0; i < 2; i++) {
        int64_t k = p->window[i];
        divides = divides || (k & (k - 1)) != 0 || p->padding[i] + p->padding[2 + i] > 0;
    }
    return values == TEST_EXACT ? !(op->average && divides) : !op->average && !op->backward;
}

/* Runs one operation by the variant of that name (NULL: the library's choice), twice, and compares.
 * A forced variant that cannot do it must say so. */
static void run_case(const operation *op, const char *variant, const pool_case *c,
    test_values values, test_layout layout) {
    reference_pool p = reference_pool_make(c->shape, &c->options);
    test_tensor x = test_input(4, p.shape, values, layout);
    test_tensor dy = test_input(4, p.out_shape, values, layout);
    const int64_t *shape = op->backward ? p.shape : p.out_shape;
    test_tensor first = test_output(4, shape, layout);
    char what[160];
    snprintf(what, sizeof what, "%s by %s, window %d x %d", op->name, variant ? variant : "default",
        (int)p.window[0], (int)p.window[1]);
    if (variant != NULL) {
        setenv(op->variable, variant, 1);
    }
    cleat_status status = call(op, c, x.view, dy.view, first.view);
    if (status == CLEAT_UNSUPPORTED && variant != NULL) {
        test_unchanged(&first);
    } else {
        test_ok(status);
        test_fetch(&first);
        test_tensor second = first;
        second.data = test_alloc(first.count, sizeof *second.data);
        test_ok(call(op, c, x.view, dy.view, second.view));
        test_fetch(&second);
        test_same_bits(&first, &second, what);
        free(second.data);
        double *dx = to_double(&x), *ddy = to_double(&dy);
        double *result = test_alloc(first.count, sizeof *result);
        double *magnitude = test_alloc(first.count, sizeof *magnitude);
        want(op, &p, dx, ddy, result, magnitude);
        if (is_exact(op, &p, values)) {
            test_equal(&first, result, what);
        } else {
            test_bound(&first, result, magnitude, terms(op, &p), what);
        }
        free(dx);
        free(ddy);
        free(result);
        free(magnitude);
    }
    unsetenv(op->variable);
    test_free(&x);
    test_free(&dy);
    test_free(&first);
}

static void run_everywhere(const pool_case *c, test_values values, test_layout layout) {
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        const operation *op = &operations[i];
        run_case(op, NULL, c, values, layout);
        for (int v = 0; v < 7 && op->variants[v] != NULL; v++) {
            run_case(op, op->variants[v], c, values, layout);
        }
    }
}

START_TEST(test_table) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        run_everywhere(&table[i], TEST_EXACT, TEST_ROW_MAJOR);
        run_everywhere(&table[i], TEST_REAL, TEST_ROW_MAJOR);
        run_everywhere(&table[i], TEST_EXACT, TEST_STRIDED);
    }
}
END_TEST

/* Results that go past the caches. */
START_TEST(test_large) {
    pool_case c = {
        {3, 12, 512, 512}, {.window = {3, 3}, .stride = {2, 2}, .padding = {1, 1, 1, 1}}};
    for (size_t i = 0; i < sizeof operations / sizeof *operations && !test_is_short(); i++) {
        run_case(&operations[i], "cpu_rows", &c, TEST_EXACT, TEST_ROW_MAJOR);
    }
}
END_TEST

/* Windows of 3x3 have variants of their own: padding on all sides, rows of all lengths. */
START_TEST(test_3x3) {
    for (int round = 0; round < test_rounds(60); round++) {
        pool_case c = {.shape = {test_int(1, 3), test_int(1, 3)}, .options = {.window = {3, 3}}};
        c.options.stride[0] = c.options.stride[1] = 1 + round % 2;
        c.options.count_padding = test_coin();
        for (int side = 0; side < 4; side++) {
            c.options.padding[side] = test_int(0, 2);
        }
        c.options.padding[1] = round / 2 % 3; /* a kernel for each, and each step */
        c.shape[2] = test_int(3, 12);
        c.shape[3] = round % 3 == 0 ? test_int(1, 5) * 16 : test_int(3, 70);
        for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
            run_case(&operations[i], "cpu_3x3", &c, test_coin() ? TEST_EXACT : TEST_REAL,
                round >= 6 && test_coin() ? TEST_STRIDED : TEST_ROW_MAJOR);
        }
    }
}
END_TEST

/* Channels that are equal have the same mean, bit by bit, wherever they are among the vectors. */
START_TEST(test_equal_channels) {
    enum { EXTENT = 13, CHANNELS = 1000 };
    const int64_t shape[] = {1, CHANNELS, EXTENT, EXTENT}, means[] = {1, CHANNELS, 1, 1};
    const cleat_pool2d_options options = {.window = {EXTENT, EXTENT}};
    test_tensor x = test_input(4, shape, TEST_REAL, TEST_ROW_MAJOR);
    for (int64_t i = EXTENT * EXTENT; i < x.count; i++) {
        x.data[i] = x.data[i - EXTENT * EXTENT];
    }
    for (int layout = 0; layout < 2; layout++) {
        test_tensor same =
            test_input_from(4, shape, x.data, layout == 0 ? TEST_ROW_MAJOR : TEST_CHANNELS_LAST);
        test_tensor y = test_output(4, means, layout == 0 ? TEST_ROW_MAJOR : TEST_CHANNELS_LAST);
        test_ok(cleat_average_pool2d(test_context(), same.view, y.view, &options));
        test_fetch(&y);
        for (int64_t i = 1; i < CHANNELS; i++) {
            ck_assert_msg(memcmp(&y.data[i], y.data, sizeof *y.data) == 0, "channel %d: %a, not %a",
                (int)i, (double)y.data[i], (double)y.data[0]);
        }
        test_free(&same);
        test_free(&y);
    }
    test_free(&x);
}
END_TEST

/* Channels that lie end to end: vectors of them, together or alone, the last one overlapping. */
START_TEST(test_channels_last) {
    static const float special[] = {-NAN, INFINITY, -INFINITY, -0.0f, 0.0f, 1.0f, -1.0f};
    for (int round = 0; round < test_rounds(24); round++) {
        pool_case c = random_case();
        c.shape[1] = round % 3 == 0 ? 16 * test_int(1, 5) : test_int(16, 90);
        c.shape[2] = c.options.window[0] + test_int(0, 9);
        c.shape[3] = c.options.window[1] + test_int(0, 9);
        const test_layout layout = round % 2 == 0 ? TEST_CHANNELS_LAST : TEST_CHANNELS;
        for (size_t i = 0; i < sizeof operations / sizeof *operations; i += 2) {
            run_case(&operations[i], "cpu_channels_last", &c, TEST_EXACT, layout);
            run_case(&operations[i], NULL, &c, TEST_REAL, layout);
        }
        reference_pool p = reference_pool_make(c.shape, &c.options);
        test_tensor x = test_input(4, p.shape, TEST_EXACT, TEST_ROW_MAJOR);
        for (int64_t i = 0; i < x.count; i++) {
            x.data[i] = special[test_int(round % 4, 6)];
        }
        test_tensor last = test_input_from(4, p.shape, x.data, layout);
        test_tensor y = test_output(4, p.out_shape, layout);
        double *numbers = to_double(&last), *result = test_alloc(y.count, sizeof *result);
        reference_max_pool2d(&p, numbers, result);
        test_ok(cleat_max_pool2d(test_context(), last.view, y.view, &c.options));
        test_fetch(&y);
        test_equal(&y, result, "special values");
        free(numbers);
        free(result);
        test_free(&x);
        test_free(&last);
        test_free(&y);
    }
}
END_TEST

START_TEST(test_random) {
    for (int round = 0; round < test_rounds(40); round++) {
        pool_case c = random_case();
        run_everywhere(
            &c, test_coin() ? TEST_EXACT : TEST_REAL, test_coin() ? TEST_STRIDED : TEST_ROW_MAJOR);
    }
}
END_TEST

/* Many equal elements, NaN and infinities: the first largest one is told from the others. */
START_TEST(test_special_values) {
    static const float values[] = {-NAN, NAN, INFINITY, -INFINITY, -0.0f, 0.0f, 1.0f, 1.0f, -1.0f};
    for (int round = 0; round < test_rounds(24); round++) {
        pool_case c = {.shape = {2, 3, 10, 24}, .options = {.window = {2, 2}}};
        if (round % 3 == 1) {
            c = random_case();
        } else if (round % 3 == 2) {
            int64_t step = test_int(1, 2);
            c.options = (cleat_pool2d_options){
                .window = {3, 3}, .stride = {step, step}, .padding = {1, 1, 1, 1}};
        }
        reference_pool p = reference_pool_make(c.shape, &c.options);
        int64_t count = p.shape[0] * p.shape[1] * p.shape[2] * p.shape[3];
        float *data = test_alloc(count, sizeof *data);
        /* In the last plane all are below 0, as what lies outside must not seem to be. */
        const int64_t below = count - p.shape[2] * p.shape[3];
        for (int64_t i = 0; i < count; i++) {
            data[i] = i < below     ? values[test_int(round / 3 % 3, 8)]
                      : test_coin() ? -1.0f
                                    : -INFINITY;
        }
        test_tensor x = test_input_from(4, p.shape, data, TEST_ROW_MAJOR);
        test_tensor dy = test_input(4, p.out_shape, TEST_EXACT, TEST_ROW_MAJOR);
        double *dx = to_double(&x), *ddy = to_double(&dy);
        double *result = test_alloc(count + dy.count, sizeof *result);
        double *magnitude = test_alloc(count + dy.count, sizeof *magnitude);
        for (size_t i = 0; i < 2; i++) {
            const operation *op = &operations[i];
            want(op, &p, dx, ddy, result, magnitude);
            for (int v = 0; v < 7 && op->variants[v] != NULL; v++) {
                test_tensor y =
                    test_output(4, op->backward ? p.shape : p.out_shape, TEST_ROW_MAJOR);
                setenv(op->variable, op->variants[v], 1);
                cleat_status status = call(op, &c, x.view, dy.view, y.view);
                unsetenv(op->variable);
                if (status != CLEAT_UNSUPPORTED) {
                    test_ok(status);
                    test_fetch(&y);
                    test_equal(&y, result, op->variants[v]);
                }
                test_free(&y);
            }
        }
        free(data);
        free(dx);
        free(ddy);
        free(result);
        free(magnitude);
        test_free(&x);
        test_free(&dy);
    }
}
END_TEST

static double weighted_output(const operation *op, const reference_pool *p, const double *x,
    const double *dy, int64_t count, double *y, double *magnitude) {
    operation forward = *op;
    forward.backward = false;
    want(&forward, p, x, NULL, y, magnitude);
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        sum += y[i] * dy[i];
    }
    return sum;
}

/* The reference's gradients against central differences of its own forward pass. The elements are
 * all different by far more than the step. */
START_TEST(test_reference_gradient) {
    const double step = 1e-6;
    for (int round = 0; round < test_rounds(8); round++) {
        pool_case c = random_case();
        c.shape[0] = c.shape[1] = 1;
        c.shape[2] = test_int(c.options.window[0], 8);
        c.shape[3] = test_int(c.options.window[1], 8);
        reference_pool p = reference_pool_make(c.shape, &c.options);
        int64_t count = p.shape[2] * p.shape[3], out_count = p.out_shape[2] * p.out_shape[3];
        double *x = test_alloc(count, sizeof *x), *dx = test_alloc(count, sizeof *dx);
        double *dy = test_alloc(out_count, sizeof *dy), *y = test_alloc(out_count, sizeof *y);
        double *magnitude = test_alloc(count + out_count, sizeof *magnitude);
        for (int64_t i = 0; i < count; i++) {
            x[i] = (double)(i * 37 % 67) * 0.01 + test_real(0, 0.001);
        }
        for (int64_t i = 0; i < out_count; i++) {
            dy[i] = test_real(-1, 1);
        }
        for (size_t k = 1; k < 4; k += 2) {
            const operation *op = &operations[k];
            want(op, &p, x, dy, dx, magnitude);
            for (int64_t i = 0; i < count; i++) {
                double old = x[i];
                x[i] = old + step;
                double above = weighted_output(op, &p, x, dy, out_count, y, magnitude);
                x[i] = old - step;
                double below = weighted_output(op, &p, x, dy, out_count, y, magnitude);
                x[i] = old;
                double slope = (above - below) / (2 * step);
                if (!(fabs(slope - dx[i]) < 1e-7)) {
                    ck_abort_msg("%s: element %d: %g, slope %g", op->name, (int)i, dx[i], slope);
                }
            }
        }
        free(x);
        free(dx);
        free(dy);
        free(y);
        free(magnitude);
    }
}
END_TEST

START_TEST(test_shape) {
    int64_t y[4] = {-1, -1, -1, -1};
    cleat_pool2d_options o = {.window = {3, 2}, .stride = {2, 0}, .padding = {1, 0, 2, 1}};
    test_ok(cleat_pool2d_shape((int64_t[]){2, 5, 9, 7}, &o, y));
    ck_assert(y[0] == 2 && y[1] == 5 && y[2] == 5 && y[3] == 4);
    test_refused(cleat_pool2d_shape((int64_t[]){2, 5, 9, 7}, NULL, y), CLEAT_INVALID_ARGUMENT,
        "pool2d_shape: options are NULL");
    test_refused(cleat_pool2d_shape(NULL, &o, y), CLEAT_INVALID_ARGUMENT, "x_shape is NULL");
    test_refused(cleat_pool2d_shape((int64_t[]){2, 5, 9, -7}, &o, y), CLEAT_INVALID_ARGUMENT,
        "extent 3 of the input is -7");
    test_refused(cleat_pool2d_shape((int64_t[]){2, 5, INT64_MAX, 7}, &o, y), CLEAT_SIZE_OVERFLOW,
        "do not fit 64 bits");
    test_refused(cleat_pool2d_shape((int64_t[]){2, 5, 9, 0}, &o, y), CLEAT_SHAPE_MISMATCH,
        "a window of 2 columns does not fit 0 columns");
    o = (cleat_pool2d_options){.window = {10, 2}};
    test_refused(cleat_pool2d_shape((int64_t[]){2, 5, 9, 7}, &o, y), CLEAT_SHAPE_MISMATCH,
        "a window of 10 rows does not fit 9 rows");
    ck_assert(y[0] == 2 && y[1] == 5 && y[2] == 5 && y[3] == 4);
}
END_TEST

START_TEST(test_refusals) {
    cleat_context *context = test_context();
    test_tensor x = test_input(4, (int64_t[]){2, 3, 8, 8}, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output(4, (int64_t[]){2, 3, 4, 4}, TEST_ROW_MAJOR);
    test_tensor dx = test_output(4, (int64_t[]){2, 3, 8, 8}, TEST_ROW_MAJOR);
    cleat_pool2d_options o = {.window = {2, 2}};
    test_refused(
        cleat_max_pool2d(NULL, x.view, y.view, &o), CLEAT_INVALID_ARGUMENT, "max_pool2d: ");
    test_refused(cleat_max_pool2d(context, x.view, y.view, NULL), CLEAT_INVALID_ARGUMENT, "window");
    test_refused(cleat_max_pool2d(context, (cleat_tensor){0}, y.view, &o), CLEAT_INVALID_ARGUMENT,
        "max_pool2d: x");
    test_refused(cleat_max_pool2d(context, x.view, (cleat_tensor){0}, &o), CLEAT_INVALID_ARGUMENT,
        "max_pool2d: y");
    cleat_tensor integers = x.view;
    integers.type = CLEAT_I32;
    test_refused(cleat_average_pool2d(context, integers, y.view, &o), CLEAT_TYPE_MISMATCH,
        "average_pool2d: x");
    cleat_tensor flat;
    test_ok(cleat_reshape(x.view, 3, (int64_t[]){6, 8, 8}, &flat));
    test_refused(
        cleat_average_pool2d(context, flat, y.view, &o), CLEAT_SHAPE_MISMATCH, "average_pool2d: x");
    test_refused(cleat_max_pool2d(context, x.view, dx.view, &o), CLEAT_SHAPE_MISMATCH,
        "y is [2, 3, 8, 8], wanted [2, 3, 4, 4]");
    cleat_tensor part = x.view;
    part.shape[2] = part.shape[3] = 4;
    test_refused(cleat_max_pool2d(context, x.view, part, &o), CLEAT_OVERLAP, "max_pool2d: ");
    cleat_tensor repeated = y.view;
    repeated.stride[1] = 0;
    test_refused(cleat_max_pool2d(context, x.view, repeated, &o), CLEAT_OVERLAP, "output y");
    test_refused(cleat_max_pool2d_backward(context, x.view, y.view, x.view, &o), CLEAT_OVERLAP,
        "max_pool2d_backward: ");
    test_refused(cleat_average_pool2d_backward(context, part, x.view, &o), CLEAT_OVERLAP,
        "average_pool2d_backward: ");
    test_refused(cleat_max_pool2d_backward(context, x.view, y.view, y.view, &o),
        CLEAT_SHAPE_MISMATCH, "max_pool2d_backward: ");
    test_refused(cleat_max_pool2d_backward(context, x.view, x.view, dx.view, &o),
        CLEAT_SHAPE_MISMATCH, "dy is [2, 3, 8, 8], wanted [2, 3, 4, 4]");
    o.window[1] = 0;
    test_refused(
        cleat_max_pool2d(context, x.view, y.view, &o), CLEAT_INVALID_ARGUMENT, "window[1] is 0");
    o = (cleat_pool2d_options){.window = {2, 2}, .stride = {-1, 1}};
    test_refused(
        cleat_max_pool2d(context, x.view, y.view, &o), CLEAT_INVALID_ARGUMENT, "stride[0] is -1");
    o = (cleat_pool2d_options){.window = {2, 2}, .padding = {0, 0, 0, 2}};
    test_refused(cleat_max_pool2d(context, x.view, y.view, &o), CLEAT_INVALID_ARGUMENT,
        "padding[3] is 2, must be from 0 to less than the window's 2");
    o = (cleat_pool2d_options){.window = {2, 2}, .padding = {-1, 0, 0, 0}};
    test_refused(
        cleat_max_pool2d(context, x.view, y.view, &o), CLEAT_INVALID_ARGUMENT, "padding[0] is -1");
    o = (cleat_pool2d_options){.window = {2, 2}};
    setenv("CLEAT_MAX_POOL2D", "nonsense", 1);
    test_refused(cleat_max_pool2d(context, x.view, y.view, &o), CLEAT_INVALID_ARGUMENT, "nonsense");
    unsetenv("CLEAT_MAX_POOL2D");
    test_unchanged(&x);
    test_unchanged(&y);
    test_unchanged(&dx);
    test_free(&x);
    test_free(&y);
    test_free(&dx);
}
END_TEST

/* One case each, so that one can be run alone. */
Suite *test_suite(void) {
    Suite *suite = suite_create("pool");
    test_add_case(suite, "table", test_table);
    test_add_case(suite, "large", test_large);
    test_add_case(suite, "3x3", test_3x3);
    test_add_case(suite, "channels_last", test_channels_last);
    test_add_case(suite, "equal_channels", test_equal_channels);
    test_add_case(suite, "random", test_random);
    test_add_case(suite, "special", test_special_values);
    test_add_case(suite, "gradient", test_reference_gradient);
    test_add_case(suite, "shape", test_shape);
    test_add_case(suite, "refusals", test_refusals);
    return suite;
}
