/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"
#include "reference/reference_softmax.h"

/* The first that supports a case: rows, turned and short ones want them side by side in memory. */
static const char *const variants[] = {"rows columns", "short columns", "strips columns", "columns",
    "groups", "items", "turned short columns", ""};
enum { BY_ROWS, BY_SHORT, BY_TURNED = 6, VARIANTS = 8, ROUNDINGS = 8 };

typedef cleat_status (*forward_function)(cleat_context *, cleat_tensor, int32_t, cleat_tensor);
typedef cleat_status (*backward_function)(
    cleat_context *, cleat_tensor, cleat_tensor, int32_t, cleat_tensor);
static const forward_function forwards[] = {cleat_softmax, cleat_log_softmax};
static const backward_function backwards[] = {cleat_softmax_backward, cleat_log_softmax_backward};
static const char *const names[] = {"softmax", "log_softmax"};

static void force(int round) {
    ck_assert_int_eq(setenv("CLEAT_SOFTMAX", variants[round % VARIANTS], 1), 0);
}

static void unforce(void) {
    unsetenv("CLEAT_SOFTMAX");
}

typedef struct softmax_case {
    int32_t rank, axis;
    int64_t shape[CLEAT_MAX_RANK];
} softmax_case;

static const softmax_case table[] = {
    {1, 0, {1}},
    {1, 0, {20011}},
    {2, -1, {128, 10}},
    {2, 1, {33, 1000}},
    {2, 1, {7, 31}},
    {2, 0, {300, 70}},
    {2, 0, {17, 5}},
    {4, 1, {2, 21, 5, 7}},
    {3, 1, {3, 50, 16}},
    {2, 1, {0, 4}},
    {2, 1, {4, 0}},
    {2, 1, {9, 1}},
    {2, 0, {9, 4136}},
    {8, 5, {2, 1, 3, 2, 1, 4, 2, 3}},
    {2, 0, {50, 600}},
    {2, 0, {20, 600}},
};
enum { TABLE = sizeof table / sizeof table[0] };

static softmax_case random_case(void) {
    softmax_case c = {.rank = (int32_t)test_int(1, 4)};
    c.axis = (int32_t)test_int(-c.rank, c.rank - 1);
    for (int32_t axis = 0; axis < c.rank; axis++) {
        c.shape[axis] = test_int(0, 30) == 0 ? 0 : test_int(1, test_int(0, 3) == 0 ? 70 : 9);
    }
    return c;
}

static int32_t axis_of(const softmax_case *c) {
    return c->axis < 0 ? c->axis + c->rank : c->axis;
}

static test_tensor scaled_input(const softmax_case *c, double scale, test_layout layout) {
    int64_t count = 1;
    for (int32_t axis = 0; axis < c->rank; axis++) {
        count *= c->shape[axis];
    }
    float *values = test_alloc(count, sizeof *values);
    for (int64_t i = 0; i < count; i++) {
        values[i] = (float)(test_real(-1, 1) * scale);
    }
    test_tensor t = test_input_from(c->rank, c->shape, values, layout);
    free(values);
    return t;
}

static reference_array as_array(const softmax_case *c, const double *values) {
    reference_array array = {.rank = c->rank, .data = values};
    for (int32_t axis = 0; axis < c->rank; axis++) {
        array.shape[axis] = c->shape[axis];
    }
    return array;
}

/* What view holds now, row-major. */
static test_tensor copy_of(const test_tensor *t) {
    test_tensor copy = test_output(t->view.rank, t->view.shape, TEST_ROW_MAJOR);
    test_ok(cleat_copy(test_context(), t->view, copy.view));
    test_fetch(&copy);
    return copy;
}

static void check_forward(bool logarithm, const softmax_case *c, double scale, test_layout layout) {
    test_tensor x = scaled_input(c, scale, layout);
    test_tensor y = test_output(c->rank, c->shape, layout);
    double *in = test_doubles(&x);
    double *want = test_alloc(x.count, sizeof *want);
    double *magnitude = test_alloc(x.count, sizeof *magnitude);
    reference_array array = as_array(c, in);
    reference_softmax(logarithm, &array, axis_of(c), want, magnitude);
    test_ok(forwards[logarithm](test_context(), x.view, c->axis, y.view));
    test_fetch(&y);
    test_bound(&y, want, magnitude, c->shape[axis_of(c)] + ROUNDINGS, names[logarithm]);
    test_unchanged(&x);
    test_ok(forwards[logarithm](test_context(), x.view, c->axis, y.view));
    test_tensor again = copy_of(&y);
    test_same_bits(&y, &again, "twice");
    test_free(&again);
    /* Another layout of the result may mean another order of summation. */
    test_ok(forwards[logarithm](test_context(), x.view, c->axis, x.view));
    again = copy_of(&x);
    test_bound(&again, want, magnitude, c->shape[axis_of(c)] + ROUNDINGS, "in place");
    test_free(&x);
    test_free(&y);
    test_free(&again);
    free(in);
    free(want);
    free(magnitude);
}

static void check_backward(
    bool logarithm, const softmax_case *c, double scale, test_layout layout) {
    test_tensor x = scaled_input(c, 3, layout);
    test_tensor dy = scaled_input(c, scale, layout);
    double *in = test_doubles(&x);
    double *gradient = test_doubles(&dy);
    double *want = test_alloc(x.count, sizeof *want);
    double *magnitude = test_alloc(x.count, sizeof *magnitude);
    double *y_values = test_alloc(x.count, sizeof *y_values);
    float *y_floats = test_alloc(x.count, sizeof *y_floats);
    reference_array array = as_array(c, in);
    reference_softmax(logarithm, &array, axis_of(c), y_values, magnitude);
    for (int64_t i = 0; i < x.count; i++) {
        y_floats[i] = (float)y_values[i];
        y_values[i] = (double)y_floats[i];
    }
    test_tensor y = test_input_from(c->rank, c->shape, y_floats, layout);
    test_tensor dx = test_output(c->rank, c->shape, layout);
    array.data = y_values;
    reference_softmax_backward(logarithm, &array, gradient, axis_of(c), want, magnitude);
    test_ok(backwards[logarithm](test_context(), y.view, dy.view, c->axis, dx.view));
    test_fetch(&dx);
    test_bound(&dx, want, magnitude, c->shape[axis_of(c)] + ROUNDINGS, names[logarithm]);
    test_unchanged(&y);
    test_unchanged(&dy);
    test_ok(backwards[logarithm](test_context(), y.view, dy.view, c->axis, dx.view));
    test_tensor again = copy_of(&dx);
    test_same_bits(&dx, &again, "backward twice");
    test_free(&again);
    test_ok(backwards[logarithm](test_context(), y.view, dy.view, c->axis, dy.view));
    again = copy_of(&dy);
    test_bound(&again, want, magnitude, c->shape[axis_of(c)] + ROUNDINGS, "backward in place");
    test_free(&x);
    test_free(&dy);
    test_free(&y);
    test_free(&dx);
    test_free(&again);
    free(in);
    free(gradient);
    free(want);
    free(magnitude);
    free(y_values);
    free(y_floats);
}

/* The whole table as the tuning table chooses, a third of it for each variant forced. */
START_TEST(forward_and_backward_table) {
    bool whole = variants[_i][0] == '\0';
    force(_i);
    for (int i = 0; i < TABLE; i++) {
        if (whole || i % 3 == _i % 3) {
            test_layout layout = i % 5 == 3 ? TEST_STRIDED : TEST_ROW_MAJOR;
            check_forward(i % 2 == 0, &table[i], i % 3 == 0 ? 90 : 4, layout);
            check_backward(i % 4 > 1, &table[i], 1, layout);
        }
    }
    /* Maxima that grow from block to block; of a program that is there by now. */
    if (whole || _i % 3 == 2) {
        static const softmax_case growing = {2, 0, {40, 70}};
        check_forward(false, &growing, 90, TEST_ROW_MAJOR);
    }
    unforce();
}
END_TEST

/* What rows and short ones do by themselves, in every number of rows and rest of a vector. */
START_TEST(rows_side_by_side) {
    static const softmax_case wide[] = {{2, 1, {5, 31}}, {2, 1, {70, 16}}, {3, 2, {2, 9, 150}},
        {2, 1, {3, 5003}}, {2, 1, {18, 1000}}};
    static const softmax_case narrow[] = {{2, 1, {200, 10}}, {3, 2, {3, 23, 15}}, {2, 1, {130, 3}},
        {2, 1, {64, 8}}, {2, 1, {5, 9}}, {1, 0, {1}}};
    const softmax_case *cases = _i == BY_ROWS ? wide : narrow;
    int count = _i == BY_ROWS ? 5 : 6;
    force(_i);
    for (int i = 0; i < count; i++) {
        test_layout layout = i % 2 == 0 ? TEST_ROW_MAJOR : TEST_ROWS;
        if (_i != BY_TURNED) {
            check_forward(i == 1, &cases[i], 4, layout);
            check_forward(i == 2, &cases[i], 20, i == 0 ? TEST_ROWS : TEST_ROW_MAJOR);
        }
        check_backward(_i == BY_TURNED || i % 2 == 1, &cases[i], 1, layout);
    }
    /* Results that go past the caches; elsewhere the processors' variants refuse so much. */
    if (!test_is_short() && test_device_is_cpu()) {
        static const softmax_case large[] = {
            {2, 1, {68000, 64}}, {2, 1, {430000, 10}}, {2, 0, {64, 68003}}};
        if (_i == BY_TURNED) {
            check_backward(true, &large[1], 1, TEST_ROW_MAJOR);
        } else {
            check_forward(false, &large[_i == BY_ROWS ? 0 : 1], 4, TEST_ROW_MAJOR);
            check_forward(false, &large[2], 4, TEST_ROW_MAJOR);
        }
    }
    unforce();
}
END_TEST

START_TEST(forward_and_backward_random) {
    for (int round = 0; round < test_rounds(10); round++) {
        softmax_case c = random_case();
        test_layout layout = test_coin() ? TEST_STRIDED : TEST_ROW_MAJOR;
        force(round);
        check_forward(round % 2 == 1, &c, test_real(0.1, 100), layout);
        check_backward(round % 4 > 1, &c, 1, layout);
    }
    unforce();
}
END_TEST

/* Rows: fully masked, partly masked, with +Inf, with NaN, plain but huge. */
static void check_specials(bool logarithm, int64_t length, bool outer) {
    enum { ROWS = 5 };
    int64_t shape[2] = {outer ? length : ROWS, outer ? ROWS : length};
    int64_t along = outer ? ROWS : 1;
    int64_t across = outer ? 1 : length;
    float *values = test_alloc(ROWS * length, sizeof *values);
    double *want = test_alloc(ROWS * length, sizeof *want);
    for (int64_t i = 0; i < length; i++) {
        float *x = values + i * along;
        double *y = want + i * along;
        bool second = i == length - 1;
        double kept = second ? 1 : 0;
        x[0] = -INFINITY;
        x[across] = second ? 3.0f : -INFINITY;
        x[2 * across] = second ? INFINITY : 1.0f;
        x[3 * across] = i == length / 2 ? NAN : 1.0f;
        x[4 * across] = second ? 3e38f : -3e38f;
        y[0] = logarithm ? -(double)INFINITY : 0;
        y[across] = logarithm ? log(kept) : kept;
        y[2 * across] = (double)NAN;
        y[3 * across] = (double)NAN;
        y[4 * across] = logarithm && !second ? -(double)INFINITY : logarithm ? 0 : kept;
    }
    test_tensor x = test_input_from(2, shape, values, TEST_ROW_MAJOR);
    test_tensor y = test_output(2, shape, TEST_ROW_MAJOR);
    test_ok(cleat_fill(test_context(), 5, y.view));
    test_ok(forwards[logarithm](test_context(), x.view, outer ? 0 : 1, y.view));
    test_fetch(&y);
    test_equal(&y, want, names[logarithm]);
    test_free(&x);
    test_free(&y);
    free(values);
    free(want);
}

START_TEST(masks_infinities_and_nan) {
    force(_i);
    for (int logarithm = 0; logarithm < 2; logarithm++) {
        check_specials(logarithm == 1, 10, false);
        check_specials(logarithm == 1, 150, false);
        check_specials(logarithm == 1, 37, true);
    }
    unforce();
}
END_TEST

START_TEST(reference_gradients_are_slopes) {
    const double h = 1e-6;
    for (int round = 0; round < 6; round++) {
        bool logarithm = round % 2 == 1;
        int32_t axis = round / 2;
        double x[24], y[24], dy[24], dx[24], unused[24];
        reference_array array = {3, {2, 3, 4}, x};
        reference_array output = {3, {2, 3, 4}, y};
        for (int i = 0; i < 24; i++) {
            x[i] = test_real(-1, 1);
            dy[i] = test_real(-1, 1);
        }
        reference_softmax(logarithm, &array, axis, y, unused);
        reference_softmax_backward(logarithm, &output, dy, axis, dx, unused);
        for (int i = 0; i < 24; i++) {
            double loss[2] = {0, 0};
            double kept = x[i];
            for (int way = 0; way < 2; way++) {
                x[i] = kept + (way == 0 ? h : -h);
                reference_softmax(logarithm, &array, axis, y, unused);
                for (int j = 0; j < 24; j++) {
                    loss[way] += y[j] * dy[j];
                }
            }
            x[i] = kept;
            ck_assert_double_eq_tol(dx[i], (loss[0] - loss[1]) / (2 * h), 1e-8);
        }
    }
}
END_TEST

START_TEST(refuses_bad_calls) {
    cleat_context *context = test_context();
    int64_t shape[] = {4, 3};
    int64_t other[] = {3, 4};
    test_tensor x = test_input(2, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor z = test_input(2, other, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor scalar = test_input(0, NULL, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output(2, shape, TEST_ROW_MAJOR);
    cleat_tensor typed = x.view;
    cleat_tensor missing = x.view;
    cleat_tensor moved = x.view;
    typed.type = CLEAT_I32;
    missing.buffer = NULL;
    moved.offset = 1;
    for (int i = 0; i < 2; i++) {
        test_refused(forwards[i](NULL, x.view, 1, y.view), CLEAT_INVALID_ARGUMENT, names[i]);
        test_refused(forwards[i](context, z.view, 1, y.view), CLEAT_SHAPE_MISMATCH, "[3, 4]");
        test_refused(forwards[i](context, x.view, 2, y.view), CLEAT_INVALID_ARGUMENT, "axis");
        test_refused(forwards[i](context, x.view, -3, y.view), CLEAT_INVALID_ARGUMENT, "axis");
        test_refused(
            forwards[i](context, scalar.view, 0, scalar.view), CLEAT_INVALID_ARGUMENT, "axis");
        test_refused(forwards[i](context, typed, 1, y.view), CLEAT_TYPE_MISMATCH, "x");
        test_refused(forwards[i](context, missing, 1, y.view), CLEAT_INVALID_ARGUMENT, "x");
        test_refused(forwards[i](context, x.view, 1, moved), CLEAT_OVERLAP, "y");
        test_refused(
            backwards[i](NULL, x.view, x.view, 1, y.view), CLEAT_INVALID_ARGUMENT, "backward");
        test_refused(backwards[i](context, x.view, z.view, 1, y.view), CLEAT_SHAPE_MISMATCH, "dy");
        test_refused(backwards[i](context, z.view, x.view, 1, y.view), CLEAT_SHAPE_MISMATCH, "y");
        test_refused(
            backwards[i](context, x.view, x.view, 5, y.view), CLEAT_INVALID_ARGUMENT, "axis");
        test_refused(backwards[i](context, x.view, moved, 1, x.view), CLEAT_OVERLAP, "dx");
    }
    test_unchanged(&x);
    test_unchanged(&z);
    test_unchanged(&y);
    test_free(&x);
    test_free(&z);
    test_free(&scalar);
    test_free(&y);
}
END_TEST

/* Gradients whose sums times 2^-40 would be denormal. */
START_TEST(small_gradients) {
    static const softmax_case cases[] = {
        {2, 1, {9, 12}}, {2, -1, {9, 7}}, {2, 1, {3, 150}}, {2, 0, {37, 5}}};
    force(_i);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_backward(false, &cases[i], 1e-30, TEST_ROW_MAJOR);
        check_backward(true, &cases[i], 1e-30, TEST_ROW_MAJOR);
    }
    unforce();
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("softmax");
    static const char *const cases[] = {
        "rows", "short", "strips", "columns", "groups", "items", "turned", "tuned"};
    for (int i = 0; i < VARIANTS; i++) { /* a case for each, so that one can be run alone */
        TCase *one = test_case(suite, cases[i]);
        tcase_add_loop_test(one, masks_infinities_and_nan, i, i + 1);
        tcase_add_loop_test(one, forward_and_backward_table, i, i + 1);
        tcase_add_loop_test(one, small_gradients, i, i + 1);
        if (i <= BY_SHORT || i == BY_TURNED) {
            tcase_add_loop_test(one, rows_side_by_side, i, i + 1);
        }
    }
    TCase *tests = test_case(suite, "all");
    tcase_add_test(tests, forward_and_backward_random);
    tcase_add_test(tests, reference_gradients_are_slopes);
    tcase_add_test(tests, refuses_bad_calls);
    return suite;
}
