/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"
#include "reference/reference_glu.h"

static const char *const variants[] = {"chunked", "interleaved", "turned"};

typedef struct glu_case {
    cleat_activation gate;
    const float *parameters;
    bool gate_first;
    test_layout layout;
    int32_t rank, axis;
    int64_t shape[4];
} glu_case;

static reference_glu reference_of(const glu_case *c, const double *x) {
    reference_glu g = {c->gate, c->parameters, c->gate_first, 1, 1, x};
    for (int32_t axis = 0; axis < c->rank; axis++) {
        if (axis < c->axis) {
            g.outer *= c->shape[axis];
        } else {
            g.inner *= axis == c->axis ? c->shape[axis] / 2 : c->shape[axis];
        }
    }
    return g;
}

/* What a value or derivative of the gate may be wrong by: in ulp, and absolutely in 2^-24. */
static void gate_error(cleat_activation gate, double *ulp, double *absolute) {
    const double division = test_device_is_cpu() ? 0 : 3;
    *ulp = gate == CLEAT_SIGMOID || gate == CLEAT_GELU ? 8 + 2 * division : 0;
    *absolute = gate == CLEAT_GELU ? 8 : 0;
}

/* y a half of x, dx x itself: the same bits. */
static void check_in_place(const glu_case *c, const cleat_glu_options *options, test_tensor *x,
    test_tensor *dy, const test_tensor *y, const test_tensor *dx) {
    const int64_t count = c->shape[c->axis] / 2;
    cleat_tensor part;
    test_tensor again = test_output(c->rank, y->view.shape, TEST_ROW_MAJOR);
    test_tensor copy = test_input_from(c->rank, c->shape, x->data, c->layout);
    test_ok(cleat_slice(copy.view, c->axis, count, count, 1, &part));
    test_ok(cleat_glu(test_context(), c->gate, copy.view, c->axis, part, options));
    test_ok(cleat_copy(test_context(), part, again.view));
    test_fetch(&again);
    test_same_bits(y, &again, "glu, in place");
    test_ok(
        cleat_glu_backward(test_context(), c->gate, x->view, c->axis, dy->view, x->view, options));
    test_free(&again);
    again = test_output(c->rank, c->shape, TEST_ROW_MAJOR);
    test_ok(cleat_copy(test_context(), x->view, again.view));
    test_fetch(&again);
    test_same_bits(dx, &again, "glu_backward, in place");
    test_free(&again);
    test_free(&copy);
}

static void check_case(const glu_case *c) {
    const cleat_glu_options options = {.parameters = c->parameters, .gate_first = c->gate_first};
    int64_t half[4];
    memcpy(half, c->shape, sizeof half);
    half[c->axis] /= 2;
    const bool exact = c->gate == CLEAT_ACTIVATION_NONE || c->gate == CLEAT_CLIP;
    const test_values kind = exact ? TEST_EXACT : TEST_REAL;
    test_tensor x = test_input(c->rank, c->shape, kind, c->layout);
    test_tensor dy = test_input(c->rank, half, kind, c->layout);
    test_tensor y = test_output(c->rank, half, c->layout);
    test_tensor dx = test_output(c->rank, c->shape, c->layout);
    double *in = test_doubles(&x), *d = test_doubles(&dy);
    double *want = test_alloc(x.count, sizeof *want);
    double *size = test_alloc(x.count, sizeof *size);
    const reference_glu g = reference_of(c, in);
    double ulp, absolute;
    gate_error(c->gate, &ulp, &absolute);

    test_ok(cleat_glu(test_context(), c->gate, x.view, c->axis, y.view, &options));
    test_fetch(&y);
    reference_glu_value(&g, want);
    for (int64_t i = 0; i < y.count; i++) {
        size[i] = 2 * (ulp + 1) * fabs(want[i]);
    }
    exact ? test_equal(&y, want, "glu") : test_bound(&y, want, size, 1, "glu");

    const int32_t from_end = c->axis - c->rank;
    test_ok(
        cleat_glu_backward(test_context(), c->gate, x.view, from_end, dy.view, dx.view, &options));
    test_fetch(&dx);
    reference_glu_gradient(&g, d, want, size);
    for (int64_t i = 0; i < dx.count; i++) {
        size[i] = size[i] * absolute + 2 * (ulp + 2) * fabs(want[i]);
    }
    exact ? test_equal(&dx, want, "glu_backward") : test_bound(&dx, want, size, 1, "glu_backward");
    test_unchanged(&x);
    test_unchanged(&dy);

    check_in_place(c, &options, &x, &dy, &y, &dx);
    test_free(&x);
    test_free(&dy);
    test_free(&y);
    test_free(&dx);
    free(in);
    free(d);
    free(want);
    free(size);
}

START_TEST(table) {
    static const float bounds[] = {-2, 3};
    static const glu_case cases[] = {
        {CLEAT_ACTIVATION_NONE, NULL, false, TEST_ROW_MAJOR, 2, 1, {37, 258}},
        {CLEAT_ACTIVATION_NONE, NULL, true, TEST_STRIDED, 3, 0, {6, 5, 7}},
        {CLEAT_CLIP, bounds, false, TEST_ROW_MAJOR, 3, 1, {3, 8, 33}},
        {CLEAT_CLIP, bounds, true, TEST_ROW_MAJOR, 1, 0, {2}},
        {CLEAT_SIGMOID, NULL, false, TEST_ROW_MAJOR, 2, 1, {9, 2046}},
        {CLEAT_SIGMOID, NULL, true, TEST_ROW_MAJOR, 2, 1, {9, 2046}},
        {CLEAT_GELU, NULL, false, TEST_ROW_MAJOR, 4, 1, {2, 6, 5, 16}},
        {CLEAT_GELU, NULL, false, TEST_ROW_MAJOR, 4, 1, {2, 0, 5, 16}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_int_eq(setenv("CLEAT_ELEMENTWISE", variants[i % 2], 1), 0);
        check_case(&cases[i]);
    }
    unsetenv("CLEAT_ELEMENTWISE");
}
END_TEST

/* Outputs past the caches, whole and not, with rows of the halves that begin anywhere; and inputs
 * to be turned. Bilinear, so exact. */
START_TEST(large) {
    const int64_t wide = test_is_short() ? 1024 : 1 << 20;
    for (int i = 0; i < 3 && test_wants_work(9 * wide); i++) {
        const glu_case c = {
            CLEAT_ACTIVATION_NONE, NULL, i == 1, TEST_ROW_MAJOR, 2, 1, {5, 2 * wide + 2 * i}};
        check_case(&c);
    }
    const int64_t shape[] = {96, 130}, half[] = {48, 130};
    const int32_t swap[] = {1, 0};
    const int64_t turned[] = {130, 96};
    if (!test_device_is_cpu()) {
        return;
    }
    test_tensor x = test_input(2, turned, TEST_EXACT, TEST_ROW_MAJOR);
    test_tensor dy = test_input(2, half, TEST_EXACT, TEST_ROW_MAJOR);
    test_tensor dx = test_output(2, shape, TEST_ROW_MAJOR);
    cleat_tensor view;
    test_ok(cleat_permute(x.view, swap, &view));
    ck_assert_int_eq(setenv("CLEAT_ELEMENTWISE", "turned", 1), 0);
    test_ok(
        cleat_glu_backward(test_context(), CLEAT_ACTIVATION_NONE, view, 0, dy.view, dx.view, NULL));
    unsetenv("CLEAT_ELEMENTWISE");
    test_fetch(&dx);
    double *want = test_alloc(dx.count, sizeof *want);
    for (int64_t i = 0; i < dx.count; i++) { /* the other half, times dy */
        const int64_t row = i / 130, column = i % 130;
        want[i] = (double)x.data[column * 96 + (row + 48) % 96] *
                  (double)dy.data[row % 48 * 130 + column];
    }
    test_equal(&dx, want, "glu_backward, turned");
    free(want);
    test_free(&x);
    test_free(&dy);
    test_free(&dx);
}
END_TEST

START_TEST(reference_gradients_are_slopes) {
    const double h = 1e-6;
    double x[12], dy[6], dx[12], factor[12], above[6], below[6];
    for (int round = 0; round < 40; round++) {
        const reference_glu g = {
            round % 2 == 0 ? CLEAT_SILU : CLEAT_SIGMOID, NULL, round % 4 > 1, 2, 3, x};
        for (int i = 0; i < 12; i++) {
            x[i] = test_real(-2, 2);
            dy[i % 6] = test_real(-1, 1);
        }
        reference_glu_gradient(&g, dy, dx, factor);
        for (int i = 0; i < 12; i++) {
            const double old = x[i];
            double slope = 0;
            x[i] = old + h;
            reference_glu_value(&g, above);
            x[i] = old - h;
            reference_glu_value(&g, below);
            x[i] = old;
            for (int k = 0; k < 6; k++) {
                slope += dy[k] * (above[k] - below[k]) / (2 * h);
            }
            ck_assert_msg(fabs(slope - dx[i]) < 1e-8, "%d: %g, slope %g", i, dx[i], slope);
        }
    }
}
END_TEST

START_TEST(refuses_bad_calls) {
    cleat_context *context = test_context();
    const int64_t shape[] = {3, 4}, half[] = {3, 2};
    test_tensor x = test_input(2, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor dy = test_input(2, half, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output(2, half, TEST_ROW_MAJOR);
    test_tensor dx = test_output(2, shape, TEST_ROW_MAJOR);
    const cleat_activation gate = CLEAT_SIGMOID;
    cleat_tensor typed = x.view, moved = x.view;
    typed.type = CLEAT_I32;
    test_ok(cleat_slice(x.view, 1, 1, 2, 1, &moved));
    test_refused(cleat_glu(NULL, gate, x.view, 1, y.view, NULL), CLEAT_INVALID_ARGUMENT, "context");
    test_refused(cleat_glu(context, (cleat_activation)99, x.view, 1, y.view, NULL),
        CLEAT_INVALID_ARGUMENT, "activation is 99");
    test_refused(cleat_glu(context, gate, x.view, 2, y.view, NULL), CLEAT_INVALID_ARGUMENT, "axis");
    test_refused(cleat_glu(context, gate, x.view, 0, y.view, NULL), CLEAT_SHAPE_MISMATCH,
        "axis 0 of x has 3 elements");
    test_refused(cleat_glu(context, gate, x.view, 1, dx.view, NULL), CLEAT_SHAPE_MISMATCH, "half");
    test_refused(cleat_glu(context, gate, typed, 1, y.view, NULL), CLEAT_TYPE_MISMATCH, "i32");
    test_refused(cleat_glu(context, gate, x.view, 1, moved, NULL), CLEAT_OVERLAP, "overlap");
    test_refused(cleat_glu_backward(context, gate, x.view, 1, x.view, dx.view, NULL),
        CLEAT_SHAPE_MISMATCH, "dy");
    test_refused(cleat_glu_backward(context, gate, x.view, 1, dy.view, y.view, NULL),
        CLEAT_SHAPE_MISMATCH, "dx");
    test_refused(cleat_glu_backward(context, gate, x.view, 1, moved, x.view, NULL), CLEAT_OVERLAP,
        "overlap");
    test_unchanged(&x);
    test_unchanged(&y);
    test_unchanged(&dx);
    test_free(&x);
    test_free(&dy);
    test_free(&y);
    test_free(&dx);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("glu");
    TCase *tests = test_case(suite, "all");
    tcase_add_test(tests, table);
    tcase_add_test(tests, large);
    tcase_add_test(tests, reference_gradients_are_slopes);
    tcase_add_test(tests, refuses_bad_calls);
    return suite;
}
