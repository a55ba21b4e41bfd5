/* SPDX-License-Identifier: Apache-2.0 */
/* L-p pooling over one to three axes, and its gradient. */
#include "harness.h"
#include "reference/reference_window.h"

typedef struct power_case {
    int rank;
    int64_t x[5];
    int64_t out[3]; /* adaptive */
    cleat_pool_options options;
} power_case;

enum { ANY_POWER = 2 }; /* of the powers, the first that is neither 1 nor 2 */

static const double powers[] = {1, 2, 3, 2.5};
static const char *const variants[] = {NULL, "direct"};

static const power_case table[] = {
    {4, {1, 2, 5, 20}, {0}, {.window = {1, 1}}}, /* windows whose norm is 0 */
    {4, {2, 3, 9, 38}, {0},
        {.window = {3, 3}, .stride = {2, 2}, .padding = {1, 1, 1, 1}, .ceil_mode = true}},
    {4, {2, 3, 9, 38}, {0}, {.window = {2, 2}, .count_padding = true}},
    {3, {2, 3, 45}, {0}, {.window = {4}, .stride = {1}, .padding = {2, 3}, .dilation = {2}}},
    {4, {2, 3, 7, 21}, {0}, {.global = true}},
    {4, {1, 3, 13, 37}, {4, 7}, {.adaptive = true}},
    {5, {1, 2, 5, 6, 34}, {0},
        {.window = {2, 3, 2}, .stride = {1, 3, 2}, .padding = {0, 1, 1, 1, 0, 0}}},
    {5, {1, 2, 3, 4, 5}, {2, 6, 3}, {.adaptive = true}},
    {5, {2, 2, 3, 4, 18}, {0}, {.global = true}},
    /* windows without elements */
    {4, {1, 2, 1, 2}, {0},
        {.window = {2, 2}, .stride = {1, 1}, .padding = {2, 3, 2, 3}, .dilation = {3, 4}}},
    {3, {1, 1, 1}, {0}, {.window = {1}}},
    {4, {0, 2, 4, 4}, {0}, {.window = {2, 2}}},
};

enum { CASES = sizeof table / sizeof *table };

static void shape_of_result(const power_case *c, int64_t y[5]) {
    for (int i = 0; i < c->rank; i++) {
        y[i] = i < 2 ? c->x[i] : c->out[i - 2];
    }
    if (!c->options.adaptive) {
        test_ok(cleat_pool_shape(c->rank, c->x, &c->options, y));
    }
}

static reference_window reference_of(const power_case *c, const int64_t *y) {
    const cleat_pool_options *o = &c->options;
    reference_window p = {.adaptive = o->adaptive};
    const int axes = c->rank - 2;
    for (int i = 0; i < 5; i++) {
        const int from = i < 2 ? i : i - 3 + axes;
        p.x[i] = i >= 2 && from < 2 ? 1 : c->x[from];
        p.y[i] = i >= 2 && from < 2 ? 1 : y[from];
    }
    for (int i = 0; i < 3; i++) {
        const int from = i - 3 + axes;
        const bool there = from >= 0 && !o->adaptive;
        const bool numbers = there && !o->global;
        p.window[i] = !there ? 1 : o->global ? c->x[from + 2] : o->window[from];
        p.stride[i] = !numbers ? 1 : o->stride[from] ? o->stride[from] : p.window[i];
        p.dilation[i] = numbers && o->dilation[from] ? o->dilation[from] : 1;
        p.before[i] = numbers ? o->padding[from] : 0;
        p.after[i] = numbers ? o->padding[axes + from] : 0;
    }
    return p;
}

static double *to_double(const test_tensor *t) {
    double *values = test_alloc(t->count, sizeof *values);
    for (int64_t i = 0; i < t->count; i++) {
        values[i] = (double)t->data[i];
    }
    return values;
}

/* One call; dy NULL: forward. */
static cleat_status call(const cleat_pool_options *options, const test_tensor *x,
    const test_tensor *y, const test_tensor *dy, cleat_tensor result) {
    return dy == NULL ? cleat_lp_pool(test_context(), x->view, result, options)
                      : cleat_lp_pool_backward(
                            test_context(), x->view, y->view, dy->view, result, options);
}

/* Against `want`, twice. A power is within 8 units in the last place, so two of them weigh more
 * than all that is added; a root or a quotient weighs some terms. */
static void check(const char *what, const cleat_pool_options *options, int rank,
    const int64_t *shape, const test_tensor *x, const test_tensor *y, const test_tensor *dy,
    const double *want, double *magnitude, int64_t terms, bool exact, test_layout layout) {
    test_tensor first = test_output(rank, shape, layout);
    test_ok(call(options, x, y, dy, first.view));
    test_fetch(&first);
    if (exact) {
        test_equal(&first, want, what);
    } else {
        test_bound(&first, want, magnitude, terms + 6, what);
    }
    test_tensor second = first;
    second.data = test_alloc(first.count, sizeof *second.data);
    test_ok(call(options, x, y, dy, second.view));
    test_fetch(&second);
    test_same_bits(&first, &second, what);
    free(second.data);
    test_free(&first);
}

static void run_case(const power_case *c, double power, const char *variant, test_values values,
    test_layout layout, const float *data) {
    int64_t shape[5] = {0};
    shape_of_result(c, shape);
    const reference_window p = reference_of(c, shape);
    cleat_pool_options options = c->options;
    options.power = power == 2 ? 0 : power;
    test_tensor x = data ? test_input_from(c->rank, c->x, data, layout)
                         : test_input(c->rank, c->x, values, layout);
    test_tensor dy = test_input(c->rank, shape, values, layout);
    const int64_t most = x.count + dy.count;
    double *dx = to_double(&x), *ddy = to_double(&dy);
    double *want = test_alloc(most, sizeof *want), *magnitude = test_alloc(most, sizeof *want);
    float *result = test_alloc(dy.count, sizeof *result);
    const int64_t terms =
        p.adaptive ? p.x[2] * p.x[3] * p.x[4] : p.window[0] * p.window[1] * p.window[2];
    char what[120];
    snprintf(what, sizeof what, "power %g, rank %d, x %d %d %d", power, c->rank, (int)c->x[2],
        (int)c->x[3], (int)c->x[4]);
    reference_window_power(&p, power, dx, want, magnitude);
    for (int64_t i = 0; i < dy.count; i++) {
        result[i] = (float)want[i];
        magnitude[i] *= power > 2 ? 16 : 1;
    }
    test_tensor y = test_input_from(c->rank, shape, result, layout);
    if (variant != NULL) {
        setenv("CLEAT_LP_POOL", variant, 1);
        setenv("CLEAT_LP_POOL_BACKWARD", variant, 1);
    }
    const bool exact = data != NULL || (power == 1 && values == TEST_EXACT);
    check(what, &options, c->rank, shape, &x, NULL, NULL, want, magnitude, terms, exact, layout);
    if (data == NULL) {
        double *dyy = to_double(&y);
        reference_window_power_backward(&p, power, dx, dyy, ddy, want, magnitude);
        for (int64_t i = 0; i < x.count; i++) {
            magnitude[i] *= power > 2 ? 16 : 1;
        }
        check(what, &options, c->rank, c->x, &x, &y, &dy, want, magnitude, terms, exact, layout);
        free(dyy);
    }
    unsetenv("CLEAT_LP_POOL");
    unsetenv("CLEAT_LP_POOL_BACKWARD");
    test_unchanged(&x);
    test_unchanged(&y);
    test_unchanged(&dy);
    free(dx);
    free(ddy);
    free(want);
    free(magnitude);
    free(result);
    test_free(&x);
    test_free(&y);
    test_free(&dy);
}

/* Cases, powers, variants, values and layouts side by side. */
START_TEST(test_table) {
    static const test_layout layouts[] = {TEST_ROW_MAJOR, TEST_ROWS, TEST_STRIDED};
    for (int i = 0; i < CASES; i++) {
        for (int k = 0; k < 4; k++) {
            run_case(&table[i], powers[k], variants[(i + k) % 5 == 0],
                (i + k / 2) % 2 ? TEST_REAL : TEST_EXACT, layouts[(i + k) % 3], NULL);
        }
    }
}
END_TEST

START_TEST(test_random) {
    for (int round = 0; round < test_rounds(30); round++) {
        power_case c = {.rank = (int)test_int(3, 5), .x = {test_int(1, 2), test_int(1, 3)}};
        c.options.adaptive = round % 3 == 0;
        c.options.ceil_mode = test_coin();
        for (int i = 0; i < c.rank - 2; i++) {
            c.options.window[i] = test_int(1, 4);
            c.options.stride[i] = test_int(0, 3);
            c.options.padding[i] = test_int(0, c.options.window[i] - 1);
            c.x[i + 2] = c.options.window[i] + test_int(0, i == c.rank - 3 ? 30 : 5);
            c.out[i] = test_int(1, 9);
        }
        run_case(&c, powers[round % 4], NULL, test_coin() ? TEST_EXACT : TEST_REAL,
            test_coin() ? TEST_ROW_MAJOR : TEST_ROWS, NULL);
    }
}
END_TEST

/* NaN and infinities go through, signs of zeros don't matter. */
START_TEST(test_special_values) {
    static const float values[] = {0, -0.0F, 0, -0.0F, 0, 0, INFINITY, -INFINITY, NAN, -NAN};
    for (int round = 0; round < 12; round++) {
        const power_case *c = &table[round % 6];
        float *data = test_alloc(2 * 3 * 9 * 38, sizeof *data);
        for (int i = 0; i < 2 * 3 * 9 * 38; i++) {
            data[i] = values[test_int(0, 3) ? 0 : test_int(0, round % 2 ? 9 : 7)];
        }
        run_case(c, powers[round % 4], NULL, TEST_EXACT, TEST_ROW_MAJOR, data);
        free(data);
    }
}
END_TEST

/* The reference's gradient against central differences. */
START_TEST(test_reference_gradient) {
    for (int round = 0; round < 6; round++) {
        const power_case *c = &table[round];
        const double power = powers[round % 4];
        int64_t shape[5];
        shape_of_result(c, shape);
        const reference_window p = reference_of(c, shape);
        const int64_t count = reference_window_count(p.x), outs = reference_window_count(p.y);
        double *x = test_alloc(count, sizeof *x), *dx = test_alloc(count, sizeof *x);
        double *dy = test_alloc(outs, sizeof *x), *y = test_alloc(outs, sizeof *x);
        double *magnitude = test_alloc(count + outs, sizeof *x);
        for (int64_t i = 0; i < count; i++) {
            x[i] = test_real(0.1, 1) * (test_coin() ? 1 : -1);
        }
        for (int64_t i = 0; i < outs; i++) {
            dy[i] = test_real(-1, 1);
        }
        reference_window_power(&p, power, x, y, magnitude);
        reference_window_power_backward(&p, power, x, y, dy, dx, magnitude);
        for (int probe = 0; probe < 12; probe++) {
            const int64_t i = test_int(0, count - 1);
            const double old = x[i];
            double slope = 0;
            for (int side = -1; side <= 1; side += 2) {
                x[i] = old + side * 1e-6;
                reference_window_power(&p, power, x, y, magnitude);
                for (int64_t o = 0; o < outs; o++) {
                    slope += side * dy[o] * y[o] / 2e-6;
                }
            }
            x[i] = old;
            if (!(fabs(slope - dx[i]) < 1e-7)) {
                ck_abort_msg("case %d: element %d: %g, not %g", round, (int)i, dx[i], slope);
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

START_TEST(test_refusals) {
    cleat_context *context = test_context();
    test_tensor x = test_input(4, (int64_t[]){2, 3, 8, 8}, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output(4, (int64_t[]){2, 3, 4, 4}, TEST_ROW_MAJOR);
    test_tensor dy = test_input(4, (int64_t[]){2, 3, 4, 4}, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor dx = test_output(4, (int64_t[]){2, 3, 8, 8}, TEST_ROW_MAJOR);
    cleat_pool_options o = {.window = {2, 2}};
    test_refused(cleat_lp_pool(NULL, x.view, y.view, &o), CLEAT_INVALID_ARGUMENT, "lp_pool: ");
    test_refused(cleat_lp_pool(context, x.view, y.view, NULL), CLEAT_INVALID_ARGUMENT, "window");
    test_refused(cleat_lp_pool(context, x.view, dx.view, &o), CLEAT_SHAPE_MISMATCH,
        "y is [2, 3, 8, 8], wanted [2, 3, 4, 4]");
    static const double wrong[] = {0.5, -1, NAN, INFINITY, 1e300};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        o.power = wrong[i];
        test_refused(
            cleat_lp_pool(context, x.view, y.view, &o), CLEAT_INVALID_ARGUMENT, "power is");
    }
    o.power = 3;
    test_refused(cleat_lp_pool_backward(context, x.view, x.view, dy.view, dx.view, &o),
        CLEAT_SHAPE_MISMATCH, "lp_pool_backward: dy");
    test_refused(
        cleat_lp_pool_backward(context, x.view, dy.view, dy.view, x.view, &o), CLEAT_OVERLAP, "x");
    test_refused(cleat_lp_pool_backward(context, x.view, dy.view, dy.view, y.view, &o),
        CLEAT_SHAPE_MISMATCH, "dx");
    cleat_tensor part;
    test_ok(cleat_slice(dx.view, 2, 0, 4, 1, &part));
    test_ok(cleat_slice(part, 3, 0, 4, 1, &part));
    test_refused(
        cleat_lp_pool_backward(context, x.view, part, dy.view, dx.view, &o), CLEAT_OVERLAP, "y");
    test_refused(
        cleat_lp_pool_backward(context, x.view, dy.view, part, dx.view, &o), CLEAT_OVERLAP, "dy");
    setenv("CLEAT_LP_POOL", "nonsense", 1);
    test_refused(cleat_lp_pool(context, x.view, y.view, &o), CLEAT_INVALID_ARGUMENT, "nonsense");
    unsetenv("CLEAT_LP_POOL");
    test_unchanged(&x);
    test_unchanged(&y);
    test_unchanged(&dx);
    test_free(&x);
    test_free(&y);
    test_free(&dy);
    test_free(&dx);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("pool_power");
    test_add_case(suite, "table", test_table);
    test_add_case(suite, "random", test_random);
    test_add_case(suite, "special", test_special_values);
    test_add_case(suite, "gradient", test_reference_gradient);
    test_add_case(suite, "refusals", test_refusals);
    return suite;
}
