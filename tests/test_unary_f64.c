/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of one number in double precision, and their gradients, against long double. */
#include "harness.h"
#include "reference/reference_unary.h"

/* As unary.h says: of values, and of what a gradient is multiplied from. */
static double ulps(cleat_unary_kind kind, bool gradient, double x) {
    switch (kind) {
    case CLEAT_EXP:
    case CLEAT_LOG:
        return gradient ? 4 : 3;
    case CLEAT_SQRT:
    case CLEAT_RECIPROCAL:
        return gradient ? 3 : 0.5;
    case CLEAT_RSQRT:
        return gradient ? 3 : 1.5;
    case CLEAT_ERF:
        return gradient ? 5 + 2 * x * x : 16;
    case CLEAT_SIN:
    case CLEAT_COS:
        return gradient ? 5 : 4;
    default:
        return gradient ? 1 : 0.5;
    }
}

static long double unit_in_last_place(long double x) {
    int exponent;
    frexpl(x, &exponent);
    return ldexpl(1, exponent < -1021 ? -1074 : exponent - 53);
}

static void compare(cleat_unary_kind kind, bool gradient, const double *x, const double *dy,
    const test_tensor *got) {
    const double *y = (const double *)(const void *)got->elements;
    for (int64_t i = 0; i < got->count; i++) {
        const long double want =
            gradient ? (long double)dy[i] * reference_unary_derivative(kind, (long double)x[i])
                     : reference_unary(kind, (long double)x[i]);
        const double nearest = (double)want;
        const bool special = !isfinite(nearest) || !isfinite(y[i]);
        const bool right =
            special ? (isnan(nearest) ? isnan(y[i]) : y[i] == nearest)
                    : fabsl((long double)y[i] - want) <=
                          (long double)ulps(kind, gradient, x[i]) * unit_in_last_place(want);
        if (!right) {
            ck_abort_msg("%s%s of %.17g (dy %.17g): %.17g, want %.17Lg", cleat_unary_name(kind),
                gradient ? " gradient" : "", x[i], gradient ? dy[i] : 0, y[i], want);
        }
    }
}

enum { ROWS = 7, COLUMNS = 43, COUNT = ROWS * COLUMNS };

/* Numbers of every size; those that a logarithm or root takes are positive but for some. */
static void fill(cleat_unary_kind kind, double *x) {
    static const double odd[] = {0, 1, -1, 0.5, 2.5, -2.5, INFINITY, -INFINITY, NAN, 1e300, 1e-300};
    const bool positive = kind >= CLEAT_LOG && kind <= CLEAT_RSQRT;
    const double most = kind == CLEAT_EXP || kind == CLEAT_ERF ? 5 : 1e4;
    for (int i = 0; i < COUNT; i++) {
        x[i] = test_real(positive ? 1e-9 : -most, most) * (test_coin() ? 1 : 1e-3);
    }
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        x[test_int(0, COUNT - 1)] = odd[i];
    }
}

START_TEST(values_and_gradients) {
    const cleat_unary_kind kind = (cleat_unary_kind)_i;
    const int64_t shape[2] = {ROWS, COLUMNS};
    double x[COUNT], dy[COUNT];
    fill(kind, x);
    for (int i = 0; i < COUNT; i++) {
        dy[i] = test_real(-2, 2);
    }
    const test_layout layout = test_coin() ? TEST_ROW_MAJOR : TEST_STRIDED;
    test_tensor from = test_typed(CLEAT_F64, 2, shape, x, layout);
    test_tensor delta = test_typed(CLEAT_F64, 2, shape, dy, TEST_ROW_MAJOR);
    test_tensor to = test_typed(CLEAT_F64, 2, shape, NULL, TEST_ROW_MAJOR);
    test_tensor back = test_typed(CLEAT_F64, 2, shape, NULL, layout);
    const cleat_status wanted = test_has_f64() ? CLEAT_OK : CLEAT_UNSUPPORTED;
    ck_assert_int_eq(cleat_unary(test_context(), kind, from.view, to.view), wanted);
    ck_assert_int_eq(
        cleat_unary_backward(test_context(), kind, from.view, delta.view, back.view), wanted);
    if (wanted == CLEAT_OK) {
        test_fetch(&to);
        test_fetch(&back);
        compare(kind, false, x, NULL, &to);
        compare(kind, true, x, dy, &back);
    }
    test_free(&from);
    test_free(&delta);
    test_free(&to);
    test_free(&back);
}
END_TEST

START_TEST(types_must_agree) {
    cleat_tensor x, y;
    const int64_t shape[1] = {5};
    test_ok(cleat_tensor_create(test_context(), CLEAT_F64, 1, shape, &x));
    test_ok(cleat_tensor_create(test_context(), CLEAT_F32, 1, shape, &y));
    test_refused(
        cleat_unary(test_context(), CLEAT_EXP, y, x), CLEAT_TYPE_MISMATCH, "y has type f64");
    if (test_has_f64()) {
        test_refused(
            cleat_unary(test_context(), CLEAT_EXP, x, y), CLEAT_TYPE_MISMATCH, "y has type f32");
        test_refused(cleat_unary_backward(test_context(), CLEAT_EXP, x, y, x), CLEAT_TYPE_MISMATCH,
            "dy has type f32");
    }
    cleat_tensor_release(&x);
    cleat_tensor_release(&y);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("unary_f64");
    TCase *kinds = test_case(suite, "kinds");
    tcase_add_loop_test(kinds, values_and_gradients, 0, CLEAT_COS + 1);
    tcase_add_test(kinds, types_must_agree);
    return suite;
}
