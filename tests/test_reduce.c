/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"
#include "reference/reference_reduce.h"

static const char *const variants[] = {"rows", "columns", "groups", "items", ""};
static const char *const names[] = {
    "sum", "mean", "max", "min", "product", "l1", "l2", "log-sum-exp", "variance"};
enum { VARIANTS = 5, KINDS = CLEAT_REDUCE_VARIANCE + 1 };

static void force(int round) {
    ck_assert_int_eq(setenv("CLEAT_REDUCE", variants[round % VARIANTS], 1), 0);
    ck_assert_int_eq(setenv("CLEAT_ELEMENTWISE", round % 2 ? "chunked" : "interleaved", 1), 0);
}

static void unforce(void) {
    unsetenv("CLEAT_REDUCE");
    unsetenv("CLEAT_ELEMENTWISE");
}

typedef struct reduction_case {
    int32_t rank, axis_count;
    int64_t shape[CLEAT_MAX_RANK];
    int32_t axes[CLEAT_MAX_RANK]; /* axis_count -1: axes NULL */
} reduction_case;

static const reduction_case table[] = {
    {0, -1, {0}, {0}},
    {1, 1, {1}, {0}},
    {1, -1, {100003}, {0}},
    {2, 1, {37, 1000}, {1}},
    {2, 1, {37, 1000}, {-1}},
    {2, 1, {3000, 150}, {0}},
    {2, 1, {50000, 3}, {0}},
    {2, 1, {300, 1111}, {0}},
    {2, 1, {5000, 10}, {1}},
    {4, 3, {3, 5, 7, 9}, {0, 2, 3}},
    {4, 2, {2, 6, 5, 70}, {1, 3}},
    {3, 1, {4, 65, 33}, {1}},
    {3, 2, {20, 3, 40}, {2, 0}},
    {2, 1, {0, 5}, {0}},
    {2, 1, {0, 5}, {1}},
    {8, 4, {2, 3, 2, 3, 2, 3, 2, 3}, {0, 2, 4, 6}},
    {5, 3, {3, 2, 4, 2, 5}, {0, 2, 4}},
    {2, 1, {2101, 600}, {0}},
};
enum { TABLE = sizeof table / sizeof table[0] };

static reduction_case random_case(void) {
    reduction_case c = {.rank = (int32_t)test_int(1, 5)};
    bool all = test_int(0, 6) == 0;
    for (int32_t axis = 0; axis < c.rank; axis++) {
        c.shape[axis] = test_int(0, 40) == 0 ? 0 : test_int(1, test_int(0, 3) == 0 ? 50 : 7);
        if (test_coin()) {
            c.axes[c.axis_count++] = test_coin() ? axis : axis - c.rank;
        }
    }
    c.axis_count = all ? -1 : c.axis_count;
    return c;
}

/* What a case means, worked out once. */
typedef struct problem {
    reduction_case c;
    bool reduced[CLEAT_MAX_RANK];
    int32_t axis_count;
    const int32_t *axes; /* as the call takes them; NULL for all */
    int32_t y_rank;
    int64_t y_shape[CLEAT_MAX_RANK];
    int64_t correction;
} problem;

static problem make_problem(const reduction_case *c, bool keeps_axes) {
    problem p = {.c = *c, .correction = test_int(0, 1)};
    p.axis_count = c->axis_count < 0 ? 0 : c->axis_count;
    for (int32_t axis = 0; axis < c->rank; axis++) {
        p.reduced[axis] = c->axis_count < 0;
    }
    for (int32_t i = 0; i < p.axis_count; i++) {
        p.reduced[c->axes[i] < 0 ? c->axes[i] + c->rank : c->axes[i]] = true;
    }
    for (int32_t axis = 0; axis < c->rank; axis++) {
        if (keeps_axes || !p.reduced[axis]) {
            p.y_shape[p.y_rank++] = p.reduced[axis] ? 1 : c->shape[axis];
        }
    }
    return p;
}

static reference_array as_array(const test_tensor *t, const double *values) {
    reference_array array = {.rank = t->view.rank, .data = values};
    for (int32_t axis = 0; axis < t->view.rank; axis++) {
        array.shape[axis] = t->view.shape[axis];
    }
    return array;
}

/* Values whose results are of ordinary size: factors are mostly 1 and -1, sometimes 2, 1/2 and,
 * with `zeros`, 0; a variance's lie around 1000 now and then. */
static test_tensor make_input(cleat_reduction_kind kind, const reduction_case *c,
    test_values values, test_layout layout, bool zeros) {
    static const float factors[] = {2, 0.5f, -2, 0};
    bool far = kind == CLEAT_REDUCE_VARIANCE && test_coin();
    test_tensor x = test_input(c->rank, c->shape, values, layout);
    if (!far && kind != CLEAT_REDUCE_PRODUCT) {
        return x;
    }
    float *data = test_alloc(x.count, sizeof *data);
    for (int64_t i = 0; i < x.count; i++) {
        data[i] = x.data[i] + 1000;
        if (!far) {
            data[i] = test_coin() ? 1 : -1;
            data[i] = test_int(0, 63) > 0 ? data[i] : factors[test_int(0, zeros ? 3 : 2)];
        }
    }
    test_tensor made = test_input_from(c->rank, c->shape, data, layout);
    test_free(&x);
    free(data);
    return made;
}

static cleat_status reduce(cleat_reduction_kind kind, const problem *p, const test_tensor *x,
    const test_tensor *y, bool accumulate) {
    cleat_reduce_options options = {.accumulate = accumulate, .correction = p->correction};
    return cleat_reduce(test_context(), kind, x->view, p->axis_count,
        p->c.axis_count < 0 ? NULL : p->c.axes, y->view, &options);
}

static void compare(cleat_reduction_kind kind, test_tensor *y, const double *want,
    const double *magnitude, int64_t terms, bool exact) {
    test_fetch(y);
    bool is_exact = kind == CLEAT_REDUCE_MAX || kind == CLEAT_REDUCE_MIN ||
                    kind == CLEAT_REDUCE_PRODUCT ||
                    (exact && (kind == CLEAT_REDUCE_SUM || kind == CLEAT_REDUCE_L1));
    if (is_exact) {
        test_equal(y, want, names[kind]);
    } else {
        test_bound(y, want, magnitude, terms + 3, names[kind]);
    }
}

static void check_forward(
    cleat_reduction_kind kind, const reduction_case *c, test_values values, test_layout layout) {
    problem p = make_problem(c, test_coin());
    test_tensor x = make_input(kind, c, values, layout, true);
    test_tensor y = test_output(p.y_rank, p.y_shape, layout);
    test_tensor again = test_output(p.y_rank, p.y_shape, layout);
    test_tensor sum = test_input(p.y_rank, p.y_shape, values, layout);
    double *in = test_doubles(&x);
    double *old = test_doubles(&sum);
    double *want = test_alloc(y.count, sizeof *want);
    double *magnitude = test_alloc(y.count, sizeof *magnitude);
    reference_array array = as_array(&x, in);
    int64_t terms = reference_reduce(kind, &array, p.reduced, p.correction, want, magnitude);
    test_ok(reduce(kind, &p, &x, &y, false));
    test_ok(reduce(kind, &p, &x, &again, false));
    test_unchanged(&x);
    compare(kind, &y, want, magnitude, terms, values == TEST_EXACT);
    test_fetch(&again);
    test_same_bits(&y, &again, names[kind]);
    if (kind == CLEAT_REDUCE_SUM || kind == CLEAT_REDUCE_MEAN) {
        for (int64_t i = 0; i < y.count; i++) {
            want[i] += old[i];
            magnitude[i] += fabs(old[i]);
        }
        test_ok(reduce(kind, &p, &x, &sum, true));
        compare(kind, &sum, want, magnitude, terms + 1, values == TEST_EXACT);
    }
    test_free(&x);
    test_free(&y);
    test_free(&again);
    test_free(&sum);
    free(in);
    free(old);
    free(want);
    free(magnitude);
}

/* The whole table as the tuning table chooses, a third of it for each variant forced. */
START_TEST(forward_table) {
    static const cleat_reduction_kind usual[] = {
        CLEAT_REDUCE_SUM, CLEAT_REDUCE_MEAN, CLEAT_REDUCE_SUM, CLEAT_REDUCE_MAX};
    bool whole = variants[_i][0] == '\0';
    force(_i);
    for (int i = 0; i < TABLE; i++) {
        if (whole || i % 3 == _i % 3) {
            test_layout layout = i % 5 == 4 ? TEST_STRIDED : TEST_ROW_MAJOR;
            cleat_reduction_kind kind = (cleat_reduction_kind)((i + i / 3 + _i) % KINDS);
            check_forward(usual[i % 4], &table[i], TEST_EXACT, layout);
            check_forward(kind, &table[i], TEST_REAL, layout);
        }
    }
    unforce();
}
END_TEST

START_TEST(forward_random) {
    for (int round = 0; round < test_rounds(20); round++) {
        reduction_case c = random_case();
        force(round);
        check_forward((cleat_reduction_kind)(round % KINDS), &c,
            test_coin() ? TEST_EXACT : TEST_REAL, test_coin() ? TEST_STRIDED : TEST_ROW_MAJOR);
    }
    unforce();
}
END_TEST

/* A plain sum in one variable would stop at 2^24. */
START_TEST(long_sums_do_not_stall) {
    int64_t count = test_is_short() ? 1 << 20 : 40000000;
    cleat_tensor x;
    test_ok(cleat_tensor_create(test_context(), CLEAT_F32, 1, &count, &x));
    test_ok(cleat_fill(test_context(), 1, x));
    for (int round = 0; round < VARIANTS; round++) {
        float got = 0;
        test_tensor y = test_output(0, NULL, TEST_ROW_MAJOR);
        force(round);
        cleat_status status =
            cleat_reduce(test_context(), CLEAT_REDUCE_SUM, x, 0, NULL, y.view, NULL);
        /* The processors' variants, where a work-item may not take so many rounds. */
        if (status != CLEAT_UNSUPPORTED || test_device_is_cpu()) {
            test_ok(status);
            test_fetch(&y);
            got = y.data[0];
            ck_assert_msg(got == (float)count, "%s: %g", variants[round], (double)got);
        }
        test_free(&y);
    }
    unforce();
    cleat_tensor_release(&x);
}
END_TEST

START_TEST(nan_wins) {
    int64_t shape[] = {40, 70};
    test_tensor x = test_input(2, shape, TEST_REAL, TEST_ROW_MAJOR);
    for (int round = 0; round < VARIANTS; round++) {
        force(round);
        for (int32_t axis = 0; axis < 2; axis++) {
            cleat_tensor one;
            test_tensor y = test_output(1, &shape[1 - axis], TEST_ROW_MAJOR);
            int64_t place = test_int(0, 2799);
            test_ok(cleat_tensor_view(x.view.buffer, CLEAT_F32, 0, NULL, place, &one));
            test_ok(cleat_fill(test_context(), (double)NAN, one));
            test_ok(cleat_reduce(test_context(), round % 2 ? CLEAT_REDUCE_MIN : CLEAT_REDUCE_MAX,
                x.view, 1, &axis, y.view, NULL));
            test_fetch(&y);
            ck_assert(isnan(y.data[axis == 0 ? place % 70 : place / 70]));
            test_ok(cleat_fill(test_context(), 0, one));
            test_free(&y);
        }
    }
    unforce();
    test_free(&x);
}
END_TEST

START_TEST(max_of_minus_infinities) {
    int64_t shape[] = {40, 70};
    test_tensor x = test_input(2, shape, TEST_REAL, TEST_ROW_MAJOR);
    double want[70];
    for (int i = 0; i < 70; i++) {
        want[i] = -(double)INFINITY;
    }
    test_ok(cleat_fill(test_context(), -(double)INFINITY, x.view));
    for (int round = 0; round < VARIANTS; round++) {
        force(round);
        for (int32_t axis = 0; axis < 2; axis++) {
            test_tensor y = test_output(1, &shape[1 - axis], TEST_ROW_MAJOR);
            test_ok(cleat_reduce(test_context(), CLEAT_REDUCE_MAX, x.view, 1, &axis, y.view, NULL));
            test_fetch(&y);
            test_equal(&y, want, variants[round]);
            test_free(&y);
        }
    }
    unforce();
    test_free(&x);
}
END_TEST

START_TEST(infinities_in_log_sum_exp) {
    const float big = INFINITY;
    float values[] = {-big, -big, -big, 1, -big, 1, big, 2, -big, big, big, 3, NAN, big, 0};
    int64_t shape[] = {5, 3};
    int32_t axis = 1;
    test_tensor x = test_input_from(2, shape, values, TEST_ROW_MAJOR);
    for (int round = 0; round < VARIANTS; round++) {
        test_tensor y = test_output(1, shape, TEST_ROW_MAJOR);
        force(round);
        test_ok(
            cleat_reduce(test_context(), CLEAT_REDUCE_LOG_SUM_EXP, x.view, 1, &axis, y.view, NULL));
        test_fetch(&y);
        test_ulp(&y, (double[]){-(double)big, 1 + log(2), (double)big, (double)big, (double)NAN}, 2,
            variants[round]);
        test_free(&y);
    }
    unforce();
    test_free(&x);
}
END_TEST

/* Far from 0, and with one element that is farther. */
START_TEST(variance_does_not_cancel) {
    const int64_t count = 60000;
    float *values = test_alloc(count, sizeof *values);
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < count; i++) {
        values[i] = (float)(1000 + test_real(-1.7, 1.7));
        values[i] = i == 0 ? 900 : values[i];
        sum += (double)values[i];
    }
    for (int64_t i = 0; i < count; i++) {
        squares +=
            ((double)values[i] - sum / (double)count) * ((double)values[i] - sum / (double)count);
    }
    test_tensor x = test_input_from(1, &count, values, TEST_ROW_MAJOR);
    for (int round = 0; round < VARIANTS; round++) {
        test_tensor y = test_output(0, NULL, TEST_ROW_MAJOR);
        force(round);
        test_ok(cleat_reduce(test_context(), CLEAT_REDUCE_VARIANCE, x.view, 0, NULL, y.view, NULL));
        test_fetch(&y);
        double error = fabs((double)y.data[0] * (double)count / squares - 1);
        ck_assert_msg(error < 1e-5, "%s: %g", variants[round], error);
        test_free(&y);
    }
    unforce();
    test_free(&x);
    free(values);
}
END_TEST

/* ---- Backward ---- */

START_TEST(reference_gradients_are_slopes) {
    const double h = 1e-6;
    for (int round = 0; round < 2 * KINDS; round++) {
        cleat_reduction_kind kind = (cleat_reduction_kind)(round % KINDS);
        bool reduced[3] = {round < KINDS, true, round >= KINDS};
        double x[24], y[24], dy[24], dx[24], unused[24];
        reference_array array = {3, {2, 3, 4}, x};
        for (int i = 0; i < 24; i++) {
            x[i] = test_real(-1, 1);
            dy[i] = test_real(-1, 1);
        }
        int64_t outputs = 24 / reference_reduce(kind, &array, reduced, 1, y, unused);
        reference_reduce_backward(kind, &array, reduced, 1, y, dy, dx, unused);
        for (int i = 0; i < 24; i++) {
            double loss[2] = {0, 0};
            double kept = x[i];
            for (int way = 0; way < 2; way++) {
                x[i] = kept + (way == 0 ? h : -h);
                reference_reduce(kind, &array, reduced, 1, y, unused);
                for (int64_t j = 0; j < outputs; j++) {
                    loss[way] += y[j] * dy[j];
                }
            }
            x[i] = kept;
            ck_assert_double_eq_tol(dx[i], (loss[0] - loss[1]) / (2 * h), 1e-8);
        }
    }
}
END_TEST

static void check_backward(
    cleat_reduction_kind kind, const reduction_case *c, test_values values, test_layout layout) {
    problem p = make_problem(c, test_coin());
    cleat_reduce_options options = {.correction = p.correction};
    test_tensor x = make_input(kind, c, values, layout, true);
    test_tensor dy = test_input(p.y_rank, p.y_shape, values, layout);
    double *in = test_doubles(&x);
    double *out_gradient = test_doubles(&dy);
    double *y_values = test_alloc(dy.count, sizeof *y_values);
    float *y_floats = test_alloc(dy.count, sizeof *y_floats);
    double *magnitude = test_alloc(dy.count > x.count ? dy.count : x.count, sizeof *magnitude);
    double *want = test_alloc(x.count, sizeof *want);
    reference_array array = as_array(&x, in);
    int64_t terms = reference_reduce(kind, &array, p.reduced, p.correction, y_values, magnitude);
    for (int64_t i = 0; i < dy.count; i++) {
        y_floats[i] = (float)y_values[i];
        y_values[i] = (double)y_floats[i];
    }
    test_tensor y = test_input_from(p.y_rank, p.y_shape, y_floats, layout);
    test_tensor dx = test_output(c->rank, c->shape, layout);
    test_tensor again = test_output(c->rank, c->shape, layout);
    reference_reduce_backward(
        kind, &array, p.reduced, p.correction, y_values, out_gradient, want, magnitude);
    for (int twice = 0; twice < 2; twice++) {
        test_ok(cleat_reduce_backward(test_context(), kind, x.view, y.view, dy.view, p.axis_count,
            c->axis_count < 0 ? NULL : c->axes, twice ? again.view : dx.view, &options));
    }
    test_fetch(&dx);
    test_fetch(&again);
    if (kind == CLEAT_REDUCE_VARIANCE) {
        test_bound(&dx, want, magnitude, terms + 6, names[kind]);
    } else { /* x - y of log-sum-exp, up to 16, is off by 8 */
        test_ulp(&dx, want, kind == CLEAT_REDUCE_LOG_SUM_EXP ? 20 : 2.5, names[kind]);
    }
    test_same_bits(&dx, &again, names[kind]);
    test_unchanged(&x);
    test_unchanged(&y);
    test_unchanged(&dy);
    test_free(&x);
    test_free(&y);
    test_free(&dy);
    test_free(&dx);
    test_free(&again);
    free(in);
    free(out_gradient);
    free(y_values);
    free(y_floats);
    free(magnitude);
    free(want);
}

START_TEST(backward_table) {
    for (int i = 0; i < TABLE; i++) {
        int64_t count = 1;
        for (int32_t axis = 0; axis < table[i].rank; axis++) {
            count *= table[i].shape[axis];
        }
        if (count > 10000) {
            continue; /* the reference of max takes the square of that */
        }
        force(i);
        check_backward((cleat_reduction_kind)(i % KINDS), &table[i], TEST_EXACT,
            i % 4 == 3 ? TEST_STRIDED : TEST_ROW_MAJOR);
    }
    unforce();
}
END_TEST

START_TEST(backward_random) {
    for (int round = 0; round < test_rounds(12); round++) {
        reduction_case c = random_case();
        for (int32_t axis = 0; axis < c.rank; axis++) {
            c.shape[axis] = c.shape[axis] > 8 && c.rank > 3 ? 8 : c.shape[axis];
        }
        force(round);
        check_backward((cleat_reduction_kind)(round % KINDS), &c, TEST_EXACT,
            test_coin() ? TEST_STRIDED : TEST_ROW_MAJOR);
    }
    unforce();
}
END_TEST

START_TEST(max_shares_with_nan) {
    float values[] = {1, NAN, NAN, 3, 3, 2};
    int64_t shape[] = {2, 3};
    int64_t rows = 2;
    int32_t axis = 1;
    test_tensor x = test_input_from(2, shape, values, TEST_ROW_MAJOR);
    test_tensor y = test_input_from(1, &rows, (float[]){NAN, 3}, TEST_ROW_MAJOR);
    test_tensor dy = test_input_from(1, &rows, (float[]){4, 6}, TEST_ROW_MAJOR);
    test_tensor dx = test_output(2, shape, TEST_ROW_MAJOR);
    test_ok(cleat_reduce_backward(
        test_context(), CLEAT_REDUCE_MAX, x.view, y.view, dy.view, 1, &axis, dx.view, NULL));
    test_fetch(&dx);
    test_equal(&dx, (double[]){0, 2, 2, 3, 3, 0}, "max");
    test_free(&x);
    test_free(&y);
    test_free(&dy);
    test_free(&dx);
}
END_TEST

/* None, one and two zeros, and NaN beside one. */
START_TEST(product_with_zeros) {
    float values[] = {2, 3, 4, 0, 3, 4, 0, 0, 4, NAN, 0, 2};
    int64_t shape[] = {4, 3};
    int32_t axis = 1;
    test_tensor x = test_input_from(2, shape, values, TEST_ROW_MAJOR);
    test_tensor dy = test_input_from(1, shape, (float[]){1, 2, 1, 1}, TEST_ROW_MAJOR);
    test_tensor dx = test_output(2, shape, TEST_ROW_MAJOR);
    test_ok(cleat_reduce_backward(
        test_context(), CLEAT_REDUCE_PRODUCT, x.view, x.view, dy.view, 1, &axis, dx.view, NULL));
    test_fetch(&dx);
    test_equal(
        &dx, (double[]){12, 8, 6, 24, 0, 0, 0, 0, 0, 0, (double)NAN, 0}, "product with zeros");
    test_free(&x);
    test_free(&dy);
    test_free(&dx);
}
END_TEST

START_TEST(refuses_bad_calls) {
    cleat_context *context = test_context();
    int64_t shape[] = {4, 3};
    int32_t axis = 1;
    int32_t twice[] = {1, -1};
    int32_t far = 2;
    test_tensor x = test_input(2, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output(1, shape, TEST_ROW_MAJOR);
    cleat_tensor typed = x.view;
    cleat_tensor missing = y.view;
    cleat_tensor inside = x.view;
    typed.type = CLEAT_I32;
    missing.buffer = NULL;
    inside.rank = 1;
    inside.stride[0] = 1;
    test_refused(cleat_reduce(NULL, CLEAT_REDUCE_SUM, x.view, 1, &axis, y.view, NULL),
        CLEAT_INVALID_ARGUMENT, "context");
    test_refused(cleat_reduce(context, (cleat_reduction_kind)9, x.view, 1, &axis, y.view, NULL),
        CLEAT_INVALID_ARGUMENT, "9");
    test_refused(cleat_reduce(context, CLEAT_REDUCE_SUM, x.view, 2, twice, y.view, NULL),
        CLEAT_INVALID_ARGUMENT, "twice");
    test_refused(cleat_reduce(context, CLEAT_REDUCE_SUM, x.view, 1, &far, y.view, NULL),
        CLEAT_INVALID_ARGUMENT, "axis");
    test_refused(cleat_reduce(context, CLEAT_REDUCE_SUM, x.view, 1, NULL, y.view, NULL),
        CLEAT_INVALID_ARGUMENT, "NULL");
    test_refused(cleat_reduce(context, CLEAT_REDUCE_SUM, x.view, -1, &axis, y.view, NULL),
        CLEAT_INVALID_ARGUMENT, "-1");
    test_refused(cleat_reduce(context, CLEAT_REDUCE_SUM, x.view, 0, NULL, y.view, NULL),
        CLEAT_SHAPE_MISMATCH, "[4, 3] reduced over axes [0, 1]");
    const cleat_reduce_options corrected = {.correction = -1};
    test_refused(cleat_reduce(context, CLEAT_REDUCE_VARIANCE, x.view, 1, &axis, y.view, &corrected),
        CLEAT_INVALID_ARGUMENT, "correction is -1");
    test_refused(cleat_reduce_backward(context, CLEAT_REDUCE_VARIANCE, x.view, y.view, y.view, 1,
                     &axis, x.view, &corrected),
        CLEAT_OVERLAP, "dx");
    axis = 0;
    test_refused(cleat_reduce(context, CLEAT_REDUCE_SUM, x.view, 1, &axis, y.view, NULL),
        CLEAT_SHAPE_MISMATCH, "y is [4]");
    axis = 1;
    test_refused(cleat_reduce(context, CLEAT_REDUCE_SUM, typed, 1, &axis, y.view, NULL),
        CLEAT_TYPE_MISMATCH, "x");
    test_refused(cleat_reduce(context, CLEAT_REDUCE_SUM, x.view, 1, &axis, missing, NULL),
        CLEAT_INVALID_ARGUMENT, "y");
    test_refused(cleat_reduce(context, CLEAT_REDUCE_SUM, x.view, 1, &axis, inside, NULL),
        CLEAT_OVERLAP, "y");
    test_refused(cleat_reduce_backward(
                     context, CLEAT_REDUCE_SUM, x.view, y.view, x.view, 1, &axis, x.view, NULL),
        CLEAT_SHAPE_MISMATCH, "dy");
    test_refused(cleat_reduce_backward(
                     context, CLEAT_REDUCE_MAX, y.view, y.view, y.view, 1, &axis, x.view, NULL),
        CLEAT_SHAPE_MISMATCH, "x");
    test_refused(cleat_reduce_backward(
                     context, CLEAT_REDUCE_MAX, x.view, y.view, y.view, 1, &axis, x.view, NULL),
        CLEAT_OVERLAP, "dx");
    test_unchanged(&x);
    test_unchanged(&y);
    test_free(&x);
    test_free(&y);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("reduce");
    static const char *const cases[] = {"rows", "columns", "groups", "items", "tuned"};
    for (int i = 0; i < VARIANTS; i++) { /* a case for each, so that one can be run alone */
        TCase *one = test_case(suite, cases[i]);
        tcase_add_loop_test(one, forward_table, i, i + 1);
    }
    TCase *forward = test_case(suite, "forward");
    tcase_add_test(forward, max_of_minus_infinities);
    tcase_add_test(forward, nan_wins);
    tcase_add_test(forward, infinities_in_log_sum_exp);
    tcase_add_test(forward, variance_does_not_cancel);
    tcase_add_test(forward, forward_random);
    tcase_add_test(forward, long_sums_do_not_stall);
    tcase_add_test(forward, refuses_bad_calls);
    TCase *backward = test_case(suite, "backward");
    tcase_add_test(backward, max_shares_with_nan);
    tcase_add_test(backward, product_with_zeros);
    tcase_add_test(backward, reference_gradients_are_slopes);
    tcase_add_test(backward, backward_table);
    tcase_add_test(backward, backward_random);
    return suite;
}
