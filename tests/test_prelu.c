/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"
#include "reference/reference_prelu.h"

/* A tensor on the device and the same values in float64. */
typedef struct operand {
    test_tensor tensor;
    reference_array array;
    double *data;
} operand;

static operand make_operand(
    int32_t rank, const int64_t *shape, test_values kind, test_layout layout) {
    operand o = {.tensor = test_input(rank, shape, kind, layout), .array = {.rank = rank}};
    o.data = test_alloc(o.tensor.count, sizeof *o.data);
    for (int64_t i = 0; i < o.tensor.count; i++) {
        o.data[i] = (double)o.tensor.data[i];
    }
    memcpy(o.array.shape, shape, (size_t)rank * sizeof *shape);
    o.array.data = o.data;
    return o;
}

static void free_operand(operand *o) {
    test_free(&o->tensor);
    free(o->data);
}

typedef struct shapes {
    int32_t rank, slope_rank;
    int64_t x[4], slope[4];
} shapes;

static const shapes table[] = {
    {2, 1, {37, 129}, {129}},
    {4, 3, {2, 5, 7, 9}, {5, 1, 1}},
    {2, 0, {64, 33}, {0}},
    {3, 3, {4, 3, 17}, {4, 3, 17}},
    {1, 1, {1}, {1}},
    {3, 2, {6, 0, 5}, {1, 5}},
};
enum { TABLE = sizeof table / sizeof table[0] };

static void check_forward(const operand *x, const operand *slope, bool exact) {
    const cleat_tensor *view = &x->tensor.view;
    test_tensor y = test_output(view->rank, view->shape, TEST_ROW_MAJOR);
    double *want = test_alloc(y.count, sizeof *want);
    reference_prelu(&x->array, &slope->array, want);
    test_ok(cleat_prelu(test_context(), *view, slope->tensor.view, y.view));
    test_fetch(&y);
    exact ? test_equal(&y, want, "prelu") : test_ulp(&y, want, 0.5, "prelu");
    free(want);
    test_free(&y);
}

static void check_backward(const operand *x, const operand *slope, const operand *dy, bool exact) {
    const cleat_tensor *view = &x->tensor.view, *slopes = &slope->tensor.view;
    test_tensor dx = test_output(view->rank, view->shape, TEST_ROW_MAJOR);
    test_tensor dslope = test_output(slopes->rank, slopes->shape, TEST_ROW_MAJOR);
    test_tensor again = test_output(slopes->rank, slopes->shape, TEST_ROW_MAJOR);
    double *want_dx = test_alloc(dx.count, sizeof *want_dx);
    double *want_slope = test_alloc(dslope.count, sizeof *want_slope);
    double *magnitude = test_alloc(dslope.count, sizeof *magnitude);
    reference_prelu_gradient(&x->array, &slope->array, dy->data, want_dx, want_slope, magnitude);
    test_ok(cleat_prelu_backward(
        test_context(), *view, *slopes, dy->tensor.view, &dx.view, &dslope.view));
    test_ok(
        cleat_prelu_backward(test_context(), *view, *slopes, dy->tensor.view, NULL, &again.view));
    test_fetch(&dx);
    test_fetch(&dslope);
    test_fetch(&again);
    const int64_t terms = dslope.count > 0 ? dx.count / dslope.count + 1 : 1;
    if (exact) {
        test_equal(&dx, want_dx, "prelu_backward, x");
        test_equal(&dslope, want_slope, "prelu_backward, slope");
    } else {
        test_ulp(&dx, want_dx, 0.5, "prelu_backward, x");
        test_bound(&dslope, want_slope, magnitude, terms, "prelu_backward, slope");
    }
    test_same_bits(&dslope, &again, "prelu_backward");
    free(want_dx);
    free(want_slope);
    free(magnitude);
    test_free(&dx);
    test_free(&dslope);
    test_free(&again);
}

START_TEST(all_shapes) {
    for (int i = 0; i < TABLE; i++) {
        for (int exact = 0; exact < 2; exact++) {
            const shapes *s = &table[i];
            const test_values kind = exact ? TEST_EXACT : TEST_REAL;
            const test_layout layout = i % 2 == 1 && exact ? TEST_STRIDED : TEST_ROW_MAJOR;
            operand x = make_operand(s->rank, s->x, kind, layout);
            operand slope = make_operand(s->slope_rank, s->slope, kind, layout);
            operand dy = make_operand(s->rank, s->x, kind, layout);
            check_forward(&x, &slope, exact);
            check_backward(&x, &slope, &dy, exact);
            test_unchanged(&x.tensor);
            test_unchanged(&slope.tensor);
            test_unchanged(&dy.tensor);
            free_operand(&x);
            free_operand(&slope);
            free_operand(&dy);
        }
    }
}
END_TEST

/* y in x's place; dx in dy's, with the slopes' gradient told before. */
START_TEST(in_place) {
    const int64_t shape[] = {8, 12}, slopes[] = {8, 1};
    operand x = make_operand(2, shape, TEST_EXACT, TEST_ROW_MAJOR);
    operand slope = make_operand(2, slopes, TEST_EXACT, TEST_ROW_MAJOR);
    operand dy = make_operand(2, shape, TEST_EXACT, TEST_ROW_MAJOR);
    double want[96], want_slope[8], magnitude[8];
    test_tensor out = test_output(2, shape, TEST_ROW_MAJOR);
    test_tensor dslope = test_output(2, slopes, TEST_ROW_MAJOR);
    reference_prelu_gradient(&x.array, &slope.array, dy.data, want, want_slope, magnitude);
    test_ok(cleat_prelu_backward(test_context(), x.tensor.view, slope.tensor.view, dy.tensor.view,
        &dy.tensor.view, &dslope.view));
    test_ok(cleat_copy(test_context(), dy.tensor.view, out.view));
    test_fetch(&out);
    test_fetch(&dslope);
    test_equal(&out, want, "prelu_backward, in place");
    test_equal(&dslope, want_slope, "prelu_backward, in place");
    reference_prelu(&x.array, &slope.array, want);
    test_ok(cleat_prelu(test_context(), x.tensor.view, slope.tensor.view, x.tensor.view));
    test_ok(cleat_copy(test_context(), x.tensor.view, out.view));
    test_fetch(&out);
    test_equal(&out, want, "prelu, in place");
    test_free(&out);
    test_free(&dslope);
    free_operand(&x);
    free_operand(&slope);
    free_operand(&dy);
}
END_TEST

START_TEST(nan_passes_and_minus_zero_stays) {
    const int64_t shape[] = {4}, one[] = {1};
    const float values[] = {NAN, -0.0f, -INFINITY, 0.0f}, slopes[] = {0.5f};
    test_tensor x = test_input_from(1, shape, values, TEST_ROW_MAJOR);
    test_tensor slope = test_input_from(1, one, slopes, TEST_ROW_MAJOR);
    test_tensor y = test_output(1, shape, TEST_ROW_MAJOR);
    test_ok(cleat_prelu(test_context(), x.view, slope.view, y.view));
    test_fetch(&y);
    ck_assert(isnan(y.data[0]) && signbit(y.data[1]) && !signbit(y.data[3]));
    ck_assert_float_eq(y.data[2], -INFINITY);
    test_free(&x);
    test_free(&slope);
    test_free(&y);
}
END_TEST

START_TEST(reference_gradients_are_slopes) {
    const double h = 1e-6;
    double x[6], slope[3], dy[6], dx[6], dslope[3], magnitude[3], above[6], below[6];
    const reference_array in = {2, {2, 3}, x}, slopes = {1, {3}, slope};
    for (int i = 0; i < 6; i++) {
        x[i] = (i % 2 == 0 ? 1 : -1) * test_real(0.1, 2);
        dy[i] = test_real(-1, 1);
        slope[i % 3] = test_real(-1, 1);
    }
    reference_prelu_gradient(&in, &slopes, dy, dx, dslope, magnitude);
    for (int i = 0; i < 9; i++) {
        double *varied = i < 6 ? &x[i] : &slope[i - 6];
        const double old = *varied, got = i < 6 ? dx[i] : dslope[i - 6];
        double want = 0;
        *varied = old + h;
        reference_prelu(&in, &slopes, above);
        *varied = old - h;
        reference_prelu(&in, &slopes, below);
        *varied = old;
        for (int k = 0; k < 6; k++) {
            want += dy[k] * (above[k] - below[k]) / (2 * h);
        }
        ck_assert_msg(fabs(want - got) < 1e-8, "%d: %g, slope %g", i, got, want);
    }
}
END_TEST

START_TEST(refuses_bad_calls) {
    cleat_context *context = test_context();
    const int64_t shape[] = {3, 4}, other[] = {3}, row[] = {4};
    test_tensor x = test_input(2, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor slope = test_input(1, row, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor bad = test_input(1, other, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output(2, shape, TEST_ROW_MAJOR);
    test_tensor dslope = test_output(1, row, TEST_ROW_MAJOR);
    cleat_tensor typed = x.view;
    typed.type = CLEAT_I32;
    test_refused(cleat_prelu(NULL, x.view, slope.view, y.view), CLEAT_INVALID_ARGUMENT, "context");
    test_refused(cleat_prelu(context, x.view, bad.view, y.view), CLEAT_SHAPE_MISMATCH, "slope");
    test_refused(cleat_prelu(context, x.view, slope.view, dslope.view), CLEAT_SHAPE_MISMATCH, "y");
    test_refused(cleat_prelu(context, typed, slope.view, y.view), CLEAT_TYPE_MISMATCH, "i32");
    test_refused(cleat_prelu(context, x.view, x.view, x.view), CLEAT_OVERLAP, "slope");
    test_refused(
        cleat_prelu_backward(context, x.view, slope.view, slope.view, &y.view, &dslope.view),
        CLEAT_SHAPE_MISMATCH, "dy");
    test_refused(cleat_prelu_backward(context, x.view, slope.view, x.view, &y.view, &bad.view),
        CLEAT_SHAPE_MISMATCH, "dslope");
    test_refused(cleat_prelu_backward(context, x.view, slope.view, x.view, &y.view, &slope.view),
        CLEAT_OVERLAP, "dslope");
    test_unchanged(&x);
    test_unchanged(&slope);
    test_unchanged(&y);
    test_unchanged(&dslope);
    test_free(&x);
    test_free(&slope);
    test_free(&bad);
    test_free(&y);
    test_free(&dslope);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("prelu");
    TCase *tests = test_case(suite, "all");
    tcase_add_test(tests, all_shapes);
    tcase_add_test(tests, in_place);
    tcase_add_test(tests, nan_passes_and_minus_zero_stays);
    tcase_add_test(tests, reference_gradients_are_slopes);
    tcase_add_test(tests, refuses_bad_calls);
    return suite;
}
