/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"
#include "reference/reference_unary.h"
#include <float.h>

static const char *const variants[] = {"chunked", "interleaved"};
enum { VARIANTS = 2, KINDS = CLEAT_COS + 1 };

/* The bounds of unary.h on processors, and what is added elsewhere. */
static const double ulps[KINDS][2] = {[CLEAT_EXP] = {2, 0},
    [CLEAT_LOG] = {2, 0},
    [CLEAT_SQRT] = {0.5, 2.5},
    [CLEAT_RSQRT] = {2, 4},
    [CLEAT_RECIPROCAL] = {0.5, 2},
    [CLEAT_SQUARE] = {0.5, 0},
    [CLEAT_ERF] = {2, 0},
    [CLEAT_SIN] = {2, 0},
    [CLEAT_COS] = {2, 0}};

static double bound_of(cleat_unary_kind kind) {
    return ulps[kind][0] + (test_device_is_cpu() ? 0 : ulps[kind][1]);
}

/* What makes trouble, the floats next to multiples of pi / 2 among it; then a sweep of moderate
 * numbers, one of all magnitudes of both signs, and one of all bits. Zeros and NaN stand at the end
 * too, where elements are taken one by one. */
static float *hard_values(int64_t count) {
    static const float table[] = {0.0f, -0.0f, NAN, INFINITY, -INFINITY, 1e-45f, -1e-45f, 1e-38f,
        FLT_MAX, -FLT_MAX, FLT_MIN, 88.72f, 88.73f, -87.34f, -103.9f, -104.0f, 0.5f, -0.5f, 1.5f,
        2.5f, -1.5f, -2.5f, 8388607.5f, 8388609.0f, -8388607.5f, 0.99999994f, 1.0000001f, 1.0f,
        0.70710678f, 0.9218749f, 0.921875f, 3.9f, 4.0f, -4.1f, 12800.0f, 12800.001f, -12801.0f,
        1e22f, 1.5707964f, 3.1415927f, 6.2831855f, 355.0f, 710.0f, 103993.0f, 16367173.0f,
        5.3711688e29f, 3.3333334e38f, 0.7853982f, 2.3561945f};
    const int64_t fixed = (int64_t)(sizeof table / sizeof table[0]);
    float *values = test_alloc(count, sizeof *values);
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits = (uint32_t)test_int(0, UINT32_MAX);
        if (i < fixed) {
            values[i] = table[i];
        } else if (i >= count - 5) {
            values[i] = table[count - 1 - i];
        } else if (i % 4 == 0) {
            values[i] = (float)((test_coin() ? 1 : -1) * pow(2, test_real(-40, 40)));
        } else if (i % 4 == 1) {
            memcpy(&values[i], &bits, sizeof bits);
        } else {
            values[i] = (float)test_real(i % 4 == 2 ? -8 : -110, i % 4 == 2 ? 8 : 110);
        }
        bool flushed = fabsf(values[i]) < FLT_MIN && values[i] != 0 && !test_device_is_cpu();
        values[i] = flushed ? 1 : values[i];
    }
    return values;
}

static void compare(cleat_unary_kind kind, const test_tensor *x, const test_tensor *y) {
    double *want = test_alloc(x->count, sizeof *want);
    for (int64_t i = 0; i < x->count; i++) {
        want[i] = (double)reference_unary(kind, (long double)x->data[i]);
        bool sign_kept =
            want[i] != 0 || y->data[i] != 0 || signbit(want[i]) == 0 || signbit(y->data[i]) != 0;
        /* Not ck_assert: each one that holds writes its place to a file. */
        if (!sign_kept) {
            ck_abort_msg("%s of %g gives the wrong zero, %g", cleat_unary_name(kind),
                (double)x->data[i], (double)y->data[i]);
        }
    }
    if (ulps[kind][0] == 0) {
        test_equal(y, want, cleat_unary_name(kind));
    } else {
        test_ulp(y, want, bound_of(kind), cleat_unary_name(kind));
    }
    free(want);
}

static void check_forward(cleat_unary_kind kind, int32_t rank, const int64_t *shape,
    const float *values, test_layout layout) {
    test_tensor x = test_input_from(rank, shape, values, layout);
    test_tensor y = test_output(rank, shape, layout);
    test_ok(cleat_unary(test_context(), kind, x.view, y.view));
    test_fetch(&y);
    compare(kind, &x, &y);
    test_unchanged(&x);
    test_ok(cleat_unary(test_context(), kind, x.view, x.view));
    test_tensor again = test_output(rank, shape, TEST_ROW_MAJOR);
    test_ok(cleat_copy(test_context(), x.view, again.view));
    test_fetch(&again);
    test_same_bits(&y, &again, "unary, in place");
    test_free(&again);
    test_free(&x);
    test_free(&y);
}

/* _i is a kind; by one variant each, as a build takes longer than the rest. */
START_TEST(values_within_bounds) {
    int64_t count = 40011;
    ck_assert_int_eq(setenv("CLEAT_ELEMENTWISE", variants[_i % VARIANTS], 1), 0);
    float *values = hard_values(count);
    check_forward((cleat_unary_kind)_i, 1, &count, values, TEST_ROW_MAJOR);
    free(values);
    unsetenv("CLEAT_ELEMENTWISE");
}
END_TEST

START_TEST(any_shape_and_stride) {
    for (int round = 0; round < test_rounds(8); round++) {
        int64_t shape[CLEAT_MAX_RANK];
        int32_t rank = (int32_t)test_int(0, 4);
        int64_t count = 1;
        for (int32_t axis = 0; axis < rank; axis++) {
            shape[axis] = test_int(0, 9) == 0 ? 0 : test_int(1, 9);
            count *= shape[axis];
        }
        ck_assert_int_eq(setenv("CLEAT_ELEMENTWISE", variants[round % VARIANTS], 1), 0);
        float *values = hard_values(count);
        check_forward(
            CLEAT_ABS, rank, shape, values, round % 4 < 2 ? TEST_STRIDED : TEST_ROW_MAJOR);
        free(values);
    }
    unsetenv("CLEAT_ELEMENTWISE");
}
END_TEST

START_TEST(reference_derivatives_are_slopes) {
    const double h = 1e-6;
    for (int i = 0; i < 3000; i++) {
        cleat_unary_kind kind = (cleat_unary_kind)(i % KINDS);
        bool positive = kind >= CLEAT_LOG && kind <= CLEAT_RECIPROCAL;
        double x = test_real(positive ? 0.5 : -4, 4);
        const long double above = (long double)(x + h), below = (long double)(x - h);
        bool kink = kind >= CLEAT_ABS && kind <= CLEAT_ROUND && fabs(2 * x - rint(2 * x)) < 1e-3;
        double slope =
            (double)(reference_unary(kind, above) - reference_unary(kind, below)) / (2 * h);
        double derivative = (double)reference_unary_derivative(kind, (long double)x);
        /* Not ck_assert: each one that holds writes its place to a file. */
        if (!kink && fabs(derivative - slope) > 1e-7 * (1 + fabs(slope))) {
            ck_abort_msg(
                "%s at %g: slope %g, derivative %g", cleat_unary_name(kind), x, slope, derivative);
        }
    }
}
END_TEST

static void check_backward(cleat_unary_kind kind, int32_t rank, const int64_t *shape,
    const float *values, test_layout layout) {
    test_tensor x = test_input_from(rank, shape, values, layout);
    test_tensor dy = test_input(rank, shape, TEST_REAL, layout);
    test_tensor dx = test_output(rank, shape, layout);
    double *want = test_alloc(x.count, sizeof *want);
    double *magnitude = test_alloc(x.count, sizeof *magnitude);
    for (int64_t i = 0; i < x.count; i++) {
        double derivative = (double)reference_unary_derivative(kind, (long double)x.data[i]);
        want[i] = (double)dy.data[i] * derivative;
        magnitude[i] = 2 * 8 * fabs(want[i]);
    }
    test_ok(cleat_unary_backward(test_context(), kind, x.view, dy.view, dx.view));
    test_fetch(&dx);
    test_bound(&dx, want, magnitude, 1, cleat_unary_name(kind));
    test_unchanged(&x);
    test_unchanged(&dy);
    test_ok(cleat_unary_backward(test_context(), kind, x.view, dy.view, dy.view));
    test_tensor again = test_output(rank, shape, TEST_ROW_MAJOR);
    test_ok(cleat_copy(test_context(), dy.view, again.view));
    test_fetch(&again);
    test_same_bits(&dx, &again, "unary_backward, in place");
    test_free(&again);
    test_free(&x);
    test_free(&dy);
    test_free(&dx);
    free(want);
    free(magnitude);
}

/* Where function and gradient are finite numbers, and zero where that is a kink only. */
static float *tame_values(cleat_unary_kind kind, int64_t count) {
    bool positive = kind >= CLEAT_LOG && kind <= CLEAT_RSQRT;
    float *values = test_alloc(count, sizeof *values);
    for (int64_t i = 0; i < count; i++) {
        double x = i % 2 == 0 ? pow(2, test_real(-30, 30)) : test_real(0.01, 8);
        x *= positive || test_coin() ? 1 : -1;
        values[i] = (float)(kind == CLEAT_EXP && x > 80 ? 80 : x);
    }
    if (kind >= CLEAT_SQUARE) {
        values[0] = values[count - 1] = 0;
    }
    return values;
}

START_TEST(derivatives_within_bounds) {
    int64_t count = 20011;
    ck_assert_int_eq(setenv("CLEAT_ELEMENTWISE", variants[(_i + 1) % VARIANTS], 1), 0);
    float *values = tame_values((cleat_unary_kind)_i, count);
    check_backward((cleat_unary_kind)_i, 1, &count, values, TEST_ROW_MAJOR);
    free(values);
    unsetenv("CLEAT_ELEMENTWISE");
}
END_TEST

START_TEST(derivatives_of_any_stride) {
    int64_t shape[] = {5, 3, 7};
    float *values = tame_values(CLEAT_SQUARE, 105);
    check_backward(CLEAT_SQUARE, 3, shape, values, TEST_STRIDED);
    free(values);
}
END_TEST

START_TEST(refuses_bad_calls) {
    cleat_context *context = test_context();
    int64_t shape[] = {2, 3};
    int64_t other[] = {3, 2};
    test_tensor x = test_input(2, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor z = test_input(2, other, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output(2, shape, TEST_ROW_MAJOR);
    cleat_tensor typed = x.view;
    cleat_tensor missing = x.view;
    cleat_tensor moved = x.view;
    typed.type = CLEAT_I32;
    missing.buffer = NULL;
    moved.offset = 1;
    test_refused(cleat_unary(NULL, CLEAT_EXP, x.view, y.view), CLEAT_INVALID_ARGUMENT, "context");
    test_refused(cleat_unary(context, (cleat_unary_kind)99, x.view, y.view), CLEAT_INVALID_ARGUMENT,
        "kind is 99");
    test_refused(cleat_unary(context, CLEAT_EXP, z.view, y.view), CLEAT_SHAPE_MISMATCH, "[3, 2]");
    test_refused(cleat_unary(context, CLEAT_EXP, typed, y.view), CLEAT_TYPE_MISMATCH, "i32");
    test_refused(cleat_unary(context, CLEAT_EXP, missing, y.view), CLEAT_INVALID_ARGUMENT, "x");
    test_refused(cleat_unary(context, CLEAT_EXP, x.view, moved), CLEAT_OVERLAP, "overlap");
    test_refused(cleat_unary_backward(context, (cleat_unary_kind)-1, x.view, x.view, y.view),
        CLEAT_INVALID_ARGUMENT, "kind is -1");
    test_refused(cleat_unary_backward(context, CLEAT_EXP, x.view, z.view, y.view),
        CLEAT_SHAPE_MISMATCH, "dy");
    test_refused(cleat_unary_backward(context, CLEAT_EXP, z.view, x.view, y.view),
        CLEAT_SHAPE_MISMATCH, "x");
    test_refused(
        cleat_unary_backward(context, CLEAT_EXP, x.view, x.view, moved), CLEAT_OVERLAP, "overlap");
    test_unchanged(&x);
    test_unchanged(&z);
    test_unchanged(&y);
    ck_assert_str_eq(cleat_unary_name(CLEAT_COS), "cos");
    ck_assert_str_eq(cleat_unary_name((cleat_unary_kind)-1), "unknown");
    test_free(&x);
    test_free(&z);
    test_free(&y);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("unary");
    for (int i = 0; i < KINDS; i++) { /* a case for each, so that one can be run alone */
        TCase *one = test_case(suite, cleat_unary_name((cleat_unary_kind)i));
        tcase_add_loop_test(one, values_within_bounds, i, i + 1);
        tcase_add_loop_test(one, derivatives_within_bounds, i, i + 1);
    }
    TCase *tests = test_case(suite, "all");
    tcase_add_test(tests, any_shape_and_stride);
    tcase_add_test(tests, derivatives_of_any_stride);
    tcase_add_test(tests, reference_derivatives_are_slopes);
    tcase_add_test(tests, refuses_bad_calls);
    return suite;
}
