/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"
#include "reference/reference_activation.h"

static const char *const variants[] = {"chunked", "interleaved"};
enum { VARIANTS = 2, ACTIVATIONS = CLEAT_SOFT_SHRINK + 1 };

/* What is tested of each activation. */
typedef struct subject {
    double ulp;          /* bound of the value */
    bool divides;        /* its bounds grow by the error of a division */
    bool by_output;      /* its derivative can be told from the output */
    double low, high;    /* of the outputs that are tried */
    double derivative;   /* bound of the derivative in ulp, and ... */
    double absolute;     /* ... beside it absolutely, in 2^-24 */
    float parameters[2]; /* other than the defaults */
} subject;

static const subject subjects[ACTIVATIONS] = {
    [CLEAT_ACTIVATION_NONE] = {.by_output = true, .low = -120, .high = 120},
    [CLEAT_RELU] = {.by_output = true, .low = 0, .high = 120},
    [CLEAT_LEAKY_RELU] = {0.5, .by_output = true, .low = -120, .high = 120, .parameters = {0.25f}},
    [CLEAT_SIGMOID] = {3, true, true, 0, 1, 6, 0, {0}},
    [CLEAT_TANH] = {4, true, true, -1, 1, 6, 0, {0}},
    [CLEAT_GELU] = {6, true, .derivative = 6, .absolute = 8},
    [CLEAT_GELU_TANH] = {4, true, .derivative = 6, .absolute = 8},
    [CLEAT_SILU] = {4, true, .derivative = 6, .absolute = 8},
    [CLEAT_CLIP] = {.by_output = true, .low = -7, .high = 5, .parameters = {-7, 5}},
    [CLEAT_RELU6] = {.by_output = true, .low = 0, .high = 6},
    [CLEAT_ELU] = {4, false, true, -0.3, 9, 6, 0, {0.3f}},
    [CLEAT_SELU] = {4, false, true, -1, 9, 6, 0, {1.5f, 0.7f}},
    [CLEAT_CELU] = {6, false, true, -0.3, 9, 6, 0, {0.3f}},
    [CLEAT_SOFTPLUS] = {3, false, true, 0, 30, 6, 0, {0}},
    [CLEAT_LOG_SIGMOID] = {3, false, true, -30, 0, 6, 0, {0}},
    [CLEAT_SOFTSIGN] = {3, true, true, -1, 1, 6, 0, {0}},
    [CLEAT_HARD_SIGMOID] = {.by_output = true, .low = 0, .high = 1, .parameters = {0.25f, 0.5f}},
    [CLEAT_SWISH] = {4, true, .derivative = 6, .absolute = 8, .parameters = {1.7f}},
    [CLEAT_HARD_SWISH] = {3, .derivative = 6, .absolute = 8},
    [CLEAT_MISH] = {6, true, .derivative = 6, .absolute = 8},
    [CLEAT_THRESHOLDED_RELU] = {.by_output = true, .low = 0, .high = 9, .parameters = {0.5f}},
    [CLEAT_SHRINK] = {0.5, .by_output = true, .low = -9, .high = 9, .parameters = {2, 0.75f}},
    [CLEAT_HARD_SHRINK] = {.by_output = true, .low = -9, .high = 9, .parameters = {2}},
    [CLEAT_SOFT_SHRINK] = {0.5, .by_output = true, .low = -9, .high = 9, .parameters = {2}},
};

/* Where division is not correctly rounded (up to 2.5 ulp in OpenCL), the bounds of sigmoid and the
 * like grow by its error. */
static double division_error(const subject *s) {
    return s->divides && !test_device_is_cpu() ? 3 : 0;
}

/* Everything that makes trouble, then a fine sweep over all magnitudes of both signs; zeros and NaN
 * at the end too, where elements are taken one by one. */
static float *hard_values(int64_t count) {
    static const float table[] = {0.0f, -0.0f, NAN, INFINITY, -INFINITY, 1e-45f, -1e-45f, 1e-38f,
        -1e-38f, 3.4e38f, -3.4e38f, 88.7f, 88.8f, -87.3f, -87.4f, -88.0f, -103.9f, -104.0f, -110.0f,
        0.3465f, 0.3467f, -0.3466f, 9.0f, 9.1f, -9.0f, -14.0f, -14.4f, 15.0f, 1e13f, -1e13f, 1.0f,
        -1.0f, 120.0f, -120.0f, -121.0f, -0.7517916f, -1.2784645f, 5.9f, -10.0f, 2e-20f, 2.0f,
        -2.0f, 3.0f, -3.0f, 6.0f, 0.5f, -0.5f, 5.0f, -7.0f, 20.0f, 20.5f, -1.1924f, -28.5f};
    const int64_t fixed = (int64_t)(sizeof table / sizeof table[0]);
    float *values = test_alloc(count, sizeof *values);
    for (int64_t i = 0; i < count; i++) {
        if (i < fixed) {
            values[i] = table[i];
        } else if (i >= count - 5) {
            values[i] = table[count - 1 - i];
        } else if (i % 3 == 0) {
            values[i] = (float)(test_real(-1, 1) * pow(2, test_real(-30, 8)));
        } else {
            values[i] = (float)test_real(i % 3 == 1 ? -16 : -120, i % 3 == 1 ? 16 : 100);
        }
    }
    return values;
}

/* The bound of the value at x beside subject.ulp: ulp, and an absolute error in 2^-24. */
static void extra_bound(
    cleat_activation activation, double x, const float *parameters, double *ulp, double *absolute) {
    static const float usual[] = {0.2f, 0.5f};
    const float *p = parameters != NULL ? parameters : usual;
    double w = reference_gelu_argument(x);
    *ulp = *absolute = 0;
    if (activation == CLEAT_GELU_TANH) {
        *ulp = w < 0 ? 4 * fabs(w) : 0;
    } else if (activation == CLEAT_SWISH) {
        *ulp = parameters != NULL ? 2 * fabs((double)p[0] * x) : 0;
    } else if (activation == CLEAT_HARD_SIGMOID) {
        *absolute = fabs((double)p[0] * x) + fabs((double)p[1]);
    }
}

static void compare_values(cleat_activation activation, const test_tensor *x, const test_tensor *y,
    const float *parameters) {
    const subject *s = &subjects[activation];
    const char *name = cleat_activation_name(activation);
    double *want = test_alloc(x->count, sizeof *want);
    double *magnitude = test_alloc(x->count, sizeof *magnitude);
    bool plain = true;
    for (int64_t i = 0; i < x->count; i++) {
        double ulp, absolute;
        want[i] = reference_activation(activation, (double)x->data[i], parameters);
        extra_bound(activation, (double)x->data[i], parameters, &ulp, &absolute);
        plain = plain && (ulp + absolute == 0 || !isfinite(ulp + absolute));
        ulp = fmin(ulp, 1e6) + s->ulp + division_error(s);
        magnitude[i] = want[i] == 0 ? 0 : fmin(absolute, 1e30) + 2 * ulp * fabs(want[i]);
        bool sign_kept =
            want[i] != 0 || y->data[i] != 0 || !signbit(want[i]) == !signbit(y->data[i]);
        /* Not ck_assert: each one that holds writes its place to a file. */
        if (!sign_kept) {
            ck_abort_msg(
                "%s of %g gives the wrong zero, %g", name, (double)x->data[i], (double)y->data[i]);
        }
    }
    if (plain) {
        test_ulp(y, want, s->ulp + division_error(s), name);
    } else {
        test_bound(y, want, magnitude, 1, name);
    }
    free(want);
    free(magnitude);
}

static void check_forward(cleat_activation activation, int32_t rank, const int64_t *shape,
    const float *values, test_layout layout, const float *parameters) {
    cleat_activation_options options = {.parameters = parameters};
    test_tensor x = test_input_from(rank, shape, values, layout);
    test_tensor y = test_output(rank, shape, layout);
    test_tensor again = test_output(rank, shape, TEST_ROW_MAJOR);
    test_ok(cleat_activate(test_context(), activation, x.view, y.view, &options));
    test_ok(cleat_activate(test_context(), activation, x.view, again.view, &options));
    test_fetch(&y);
    test_fetch(&again);
    compare_values(activation, &x, &y, parameters);
    test_same_bits(&y, &again, "activate, twice");
    test_unchanged(&x);
    test_ok(cleat_activate(
        test_context(), activation, x.view, x.view, parameters == NULL ? NULL : &options));
    test_free(&again);
    again = test_output(rank, shape, TEST_ROW_MAJOR);
    test_ok(cleat_copy(test_context(), x.view, again.view));
    test_fetch(&again);
    test_same_bits(&y, &again, "activate, in place");
    test_free(&x);
    test_free(&y);
    test_free(&again);
}

/* _i is an activation; by one variant each, as a build takes longer than the rest. */
START_TEST(values_within_bounds) {
    int64_t count = 30011;
    ck_assert_int_eq(setenv("CLEAT_ELEMENTWISE", variants[_i % VARIANTS], 1), 0);
    float *values = hard_values(count);
    check_forward((cleat_activation)_i, 1, &count, values, TEST_ROW_MAJOR, NULL);
    check_forward((cleat_activation)_i, 1, &count, values, TEST_ROW_MAJOR, subjects[_i].parameters);
    free(values);
    unsetenv("CLEAT_ELEMENTWISE");
}
END_TEST

START_TEST(any_shape_and_stride) {
    static const float slope[] = {0.25f, 0};
    for (int round = 0; round < test_rounds(24); round++) {
        int64_t shape[CLEAT_MAX_RANK];
        int32_t rank = (int32_t)test_int(0, 4);
        int64_t count = 1;
        for (int32_t axis = 0; axis < rank; axis++) {
            shape[axis] = test_int(0, 9) == 0 ? 0 : test_int(1, 9);
            count *= shape[axis];
        }
        ck_assert_int_eq(setenv("CLEAT_ELEMENTWISE", variants[round % VARIANTS], 1), 0);
        float *values = hard_values(count);
        check_forward(round % 8 == 7 ? CLEAT_GELU : CLEAT_LEAKY_RELU, rank, shape, values,
            test_coin() ? TEST_STRIDED : TEST_ROW_MAJOR, round % 2 == 0 ? slope : NULL);
        free(values);
    }
    unsetenv("CLEAT_ELEMENTWISE");
}
END_TEST

START_TEST(reference_derivatives_are_slopes) {
    const double h = 1e-6;
    for (int i = 0; i < 4000; i++) {
        cleat_activation activation = (cleat_activation)(i % ACTIVATIONS);
        const float *p = i % 2 == 0 ? NULL : subjects[activation].parameters;
        double x = test_real(-9, 9);
        double above = reference_activation(activation, x + h, p);
        double y = reference_activation(activation, x, p);
        double below = reference_activation(activation, x - h, p);
        bool kink = fabs(above + below - 2 * y) > 1e-8;
        double slope = (above - below) / (2 * h);
        double derivative = reference_activation_derivative(activation, x, p);
        double by_output = subjects[activation].by_output
                               ? reference_activation_derivative_output(activation, y, p)
                               : derivative;
        /* Not ck_assert: each one that holds writes its place to a file. */
        if (!kink && (fabs(derivative - slope) > 1e-8 || fabs(by_output - slope) > 1e-8)) {
            ck_abort_msg("%s at %g: slope %g, derivative %g, by the output %g",
                cleat_activation_name(activation), x, slope, derivative, by_output);
        }
    }
}
END_TEST

/* dy is 1 in half of the elements: there dx is the derivative itself. */
static void check_backward(cleat_activation activation, int32_t rank, const int64_t *shape,
    const float *values, test_layout layout, bool from_output) {
    const subject *s = &subjects[activation];
    cleat_activation_options options = {.parameters = s->parameters, .from_output = from_output};
    test_tensor x = test_input_from(rank, shape, values, layout);
    test_tensor dy = test_input(rank, shape, TEST_REAL, layout);
    test_tensor dx = test_output(rank, shape, layout);
    double *want = test_alloc(x.count, sizeof *want);
    double *magnitude = test_alloc(x.count, sizeof *magnitude);
    for (int64_t i = 0; i < x.count; i++) {
        double at = (double)x.data[i];
        double derivative =
            from_output ? reference_activation_derivative_output(activation, at, s->parameters)
                        : reference_activation_derivative(activation, at, s->parameters);
        double ulps = s->derivative > 0 ? s->derivative + 1 + 2 * division_error(s) : 0;
        double absolute = from_output && ulps > 0 ? 8 : s->absolute;
        /* The rounding of an argument by which exp(x / alpha) grows. */
        ulps += activation == CLEAT_CELU ? 2 * fmin(fabs(at / (double)s->parameters[0]), 200) : 0;
        want[i] = (double)dy.data[i] * derivative;
        magnitude[i] = fabs((double)dy.data[i]) * (absolute + 2 * ulps * fabs(derivative));
    }
    test_ok(
        cleat_activate_backward(test_context(), activation, x.view, dy.view, dx.view, &options));
    test_fetch(&dx);
    test_bound(&dx, want, magnitude, 1, cleat_activation_name(activation));
    test_unchanged(&x);
    test_unchanged(&dy);
    test_ok(
        cleat_activate_backward(test_context(), activation, x.view, dy.view, dy.view, &options));
    test_tensor again = test_output(rank, shape, TEST_ROW_MAJOR);
    test_ok(cleat_copy(test_context(), dy.view, again.view));
    test_fetch(&again);
    test_same_bits(&dx, &again, "activate_backward, in place");
    test_free(&again);
    test_free(&x);
    test_free(&dy);
    test_free(&dx);
    free(want);
    free(magnitude);
}

/* By one variant, and the next activation by the other. */
START_TEST(derivatives_within_bounds) {
    int64_t count = 20011;
    cleat_activation activation = (cleat_activation)_i;
    const subject *s = &subjects[activation];
    ck_assert_int_eq(setenv("CLEAT_ELEMENTWISE", variants[(_i + 1) % VARIANTS], 1), 0);
    float *values = hard_values(count);
    for (int64_t i = 0; i < count; i++) {
        values[i] = isnan(values[i]) ? 0.5f : values[i]; /* a derivative there means nothing */
    }
    check_backward(activation, 1, &count, values, TEST_ROW_MAJOR, false);
    if (s->by_output) {
        for (int64_t i = 0; i < count; i++) {
            values[i] = (float)test_real(s->low, s->high);
        }
        values[0] = (float)s->low;
        values[1] = (float)s->high;
        values[count - 1] = 0;
        check_backward(activation, 1, &count, values, TEST_ROW_MAJOR, true);
    }
    free(values);
    unsetenv("CLEAT_ELEMENTWISE");
}
END_TEST

START_TEST(derivatives_of_any_stride) {
    int64_t shape[] = {5, 3, 7};
    for (int i = 0; i < VARIANTS; i++) {
        ck_assert_int_eq(setenv("CLEAT_ELEMENTWISE", variants[i], 1), 0);
        float *values = hard_values(105);
        for (int64_t k = 0; k < 105; k++) {
            values[k] = isnan(values[k]) ? 0.5f : values[k];
        }
        check_backward(i == 0 ? CLEAT_GELU : CLEAT_CLIP, 3, shape, values, TEST_STRIDED, i == 1);
        free(values);
    }
    unsetenv("CLEAT_ELEMENTWISE");
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
    cleat_activation_options from_output = {.from_output = true};
    cleat_activation_options negative = {.from_output = true, .parameters = (const float[]){-1, 1}};
    typed.type = CLEAT_I32;
    missing.buffer = NULL;
    moved.offset = 1;
    test_refused(
        cleat_activate(NULL, CLEAT_RELU, x.view, y.view, NULL), CLEAT_INVALID_ARGUMENT, "context");
    test_refused(cleat_activate(context, (cleat_activation)99, x.view, y.view, NULL),
        CLEAT_INVALID_ARGUMENT, "99");
    test_refused(
        cleat_activate(context, CLEAT_RELU, z.view, y.view, NULL), CLEAT_SHAPE_MISMATCH, "[3, 2]");
    test_refused(
        cleat_activate(context, CLEAT_RELU, typed, y.view, NULL), CLEAT_TYPE_MISMATCH, "i32");
    test_refused(
        cleat_activate(context, CLEAT_RELU, missing, y.view, NULL), CLEAT_INVALID_ARGUMENT, "x");
    test_refused(
        cleat_activate(context, CLEAT_RELU, x.view, moved, NULL), CLEAT_OVERLAP, "overlap");
    test_refused(cleat_activate_backward(context, CLEAT_GELU, x.view, x.view, y.view, &from_output),
        CLEAT_UNSUPPORTED, "gelu");
    test_refused(
        cleat_activate_backward(context, CLEAT_LEAKY_RELU, x.view, x.view, y.view, &negative),
        CLEAT_UNSUPPORTED, "leaky_relu");
    const cleat_activation limited[] = {
        CLEAT_ELU, CLEAT_SELU, CLEAT_THRESHOLDED_RELU, CLEAT_SHRINK, CLEAT_SOFT_SHRINK};
    for (size_t i = 0; i < sizeof limited / sizeof limited[0]; i++) {
        test_refused(
            cleat_activate_backward(context, limited[i], x.view, x.view, y.view, &negative),
            CLEAT_UNSUPPORTED, "these parameters (-1");
    }
    test_refused(cleat_activate(context, CLEAT_CELU, x.view, y.view, &negative),
        CLEAT_INVALID_ARGUMENT, "alpha of celu is -1");
    test_refused(cleat_activate_backward(context, CLEAT_RELU, x.view, z.view, y.view, NULL),
        CLEAT_SHAPE_MISMATCH, "dy");
    test_refused(cleat_activate_backward(context, CLEAT_RELU, z.view, x.view, y.view, NULL),
        CLEAT_SHAPE_MISMATCH, "x");
    ck_assert_int_eq(setenv("CLEAT_ELEMENTWISE", "absent", 1), 0);
    test_refused(cleat_activate(context, CLEAT_RELU, x.view, y.view, NULL), CLEAT_INVALID_ARGUMENT,
        "chunked");
    unsetenv("CLEAT_ELEMENTWISE");
    test_unchanged(&x);
    test_unchanged(&z);
    test_unchanged(&y);
    ck_assert_str_eq(cleat_activation_name(CLEAT_GELU_TANH), "gelu_tanh");
    ck_assert_str_eq(cleat_activation_name(CLEAT_SOFT_SHRINK), "soft_shrink");
    ck_assert_str_eq(cleat_activation_name((cleat_activation)-1), "unknown");
    test_free(&x);
    test_free(&z);
    test_free(&y);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("activation");
    for (int i = 0; i < ACTIVATIONS; i++) { /* a case for each, so that one can be run alone */
        TCase *one = test_case(suite, cleat_activation_name((cleat_activation)i));
        tcase_add_loop_test(one, values_within_bounds, i, i + 1);
        tcase_add_loop_test(one, derivatives_within_bounds, i, i + 1);
    }
    TCase *tests = test_case(suite, "all");
    tcase_add_test(tests, any_shape_and_stride);
    tcase_add_test(tests, reference_derivatives_are_slopes);
    tcase_add_test(tests, derivatives_of_any_stride);
    tcase_add_test(tests, refuses_bad_calls);
    return suite;
}
