/* SPDX-License-Identifier: Apache-2.0 */
/* Activations, gated units, PRelu and the gradients of a op b in double precision. */
#include "harness.h"
#include "reference/reference_activation.h"

/* As cl/activation.cl says: ulp of the value, of the derivative, and whether that has zeros. */
typedef struct subject {
    cleat_activation activation;
    double value, derivative;
    bool has_zeros;
} subject;

/* The last are made of the same functions as those before: one of them, or when long all. */
static const subject subjects[] = {{CLEAT_SIGMOID, 14, 16, false}, {CLEAT_TANH, 5, 16, false},
    {CLEAT_GELU, 18, 0, true}, {CLEAT_GELU_TANH, 14, 0, true}, {CLEAT_CELU, 9, 10, false},
    {CLEAT_SOFTPLUS, 11, 16, false}, {CLEAT_SWISH, 14, 0, true}, {CLEAT_MISH, 20, 0, true},
    {CLEAT_RELU, 0, 0, false}, {CLEAT_LEAKY_RELU, 1, 0, false}, {CLEAT_SILU, 14, 0, true},
    {CLEAT_SELU, 7, 16, false}, {CLEAT_LOG_SIGMOID, 11, 16, false}, {CLEAT_SOFTSIGN, 3, 16, false},
    {CLEAT_HARD_SIGMOID, 0, 0, false}, {CLEAT_HARD_SWISH, 3, 0, true}, {CLEAT_SHRINK, 1, 0, false}};
enum { OWN = 8, SUBJECTS = sizeof subjects / sizeof subjects[0], COUNT = 2999 };

static const float *parameters_of(cleat_activation activation) {
    static const float slope[2] = {0.3f, 0}, beta[2] = {1.7f, 0}, lambda[2] = {2, 0.75f};
    return activation == CLEAT_CELU || activation == CLEAT_LEAKY_RELU ? slope
           : activation == CLEAT_SWISH                                ? beta
           : activation == CLEAT_SHRINK                               ? lambda
                                                                      : NULL;
}

/* Every magnitude, and what makes trouble; at the end too, where elements are taken one by one. */
static void fill(double *x, bool with_nan) {
    static const double odd[] = {0, -0.0, INFINITY, -INFINITY, 1e-300, -1e-300, 709.5, -708.5,
        -709.9, -744.5, -746, 20, -37.6, -38.4, -639.9, -640.1, 1e300, -1e300, 3, -3, 0.5, 2, -2,
        -22.9, -23.5, -0.7517916, -1.2784645, 5e-324};
    const int fixed = (int)(sizeof odd / sizeof odd[0]);
    for (int i = 0; i < COUNT; i++) {
        const double size = i % 3 == 0 ? pow(2, test_real(-40, 9)) : i % 3 == 1 ? 16 : 700;
        x[i] = i < fixed ? odd[i] : i >= COUNT - 5 ? odd[COUNT - 1 - i] : size * test_real(-1, 1);
    }
    x[fixed] = with_nan ? (double)NAN : 1;
}

/* What a value may be off, in roundings of its own size, times that; and absolutely. */
static long double value_magnitude(const subject *s, double x, long double want) {
    const float *p = parameters_of(s->activation);
    const long double size = fabsl((long double)x);
    double more = 0;
    if (s->activation == CLEAT_GELU) {
        more = x < 0 ? fmin(x * x, 1e6) : 0;
    } else if (s->activation == CLEAT_GELU_TANH) {
        const double w = reference_gelu_argument(x);
        more = w < 0 ? fmin(5 * fabs(w), 1e6) : 0;
    } else if (s->activation == CLEAT_SWISH) {
        more = fmin(fabs((double)p[0] * x), 1e6);
    } else if (s->activation == CLEAT_HARD_SIGMOID) {
        return 0.2L * fminl(size, 1e6L) + 0.5L;
    }
    const long double tail = s->activation == CLEAT_GELU && isfinite(x) ? 0x1p-1017L * size : 0;
    return want == 0 ? tail : 2 * (long double)(s->value + more) * fabsl(want) + tail;
}

static void compare(const subject *s, const char *what, const double *x, const test_tensor *value,
    const test_tensor *slope) {
    const float *p = parameters_of(s->activation);
    long double *want = test_alloc(2 * COUNT, sizeof *want), *size = want + COUNT;
    for (int i = 0; i < COUNT; i++) {
        want[i] = reference_activation_long(s->activation, (long double)x[i], p);
        size[i] = value_magnitude(s, x[i], want[i]);
    }
    test_bound_f64(value, want, size, 1, what);
    for (int i = 0; slope != NULL && i < COUNT; i++) {
        const double argument =
            s->activation == CLEAT_CELU ? 2 * fmin(fabs(x[i] / (double)p[0]), 1e4) : 0;
        want[i] = reference_activation_derivative_long(s->activation, (long double)x[i], p);
        size[i] = 2 * (long double)(s->derivative + argument) * fabsl(want[i]) +
                  (s->has_zeros ? 0x20 : 0);
    }
    if (slope != NULL) {
        test_bound_f64(slope, want, size, 1, what);
    }
    free(want);
}

/* A gated unit's gradient by 1 of 1 * gate(x) is the value and the derivative, in one kernel. */
static void check_values(const subject *s, test_layout layout) {
    const int64_t whole[2] = {2, COUNT}, half[2] = {1, COUNT};
    double *x = test_alloc(2 * COUNT, sizeof *x);
    for (int i = 0; i < COUNT; i++) {
        x[i] = 1;
    }
    fill(x + COUNT, false);
    test_tensor in = test_typed(CLEAT_F64, 2, whole, x, layout);
    test_tensor one = test_typed(CLEAT_F64, 2, half, x, TEST_ROW_MAJOR);
    test_tensor out[2];
    const cleat_glu_options options = {.parameters = parameters_of(s->activation)};
    for (int round = 0; round < 2; round++) {
        out[round] = test_typed(CLEAT_F64, 2, whole, NULL, TEST_ROW_MAJOR);
        test_ok(cleat_glu_backward(
            test_context(), s->activation, in.view, 0, one.view, out[round].view, &options));
        test_fetch(&out[round]);
    }
    test_same_bits(&out[0], &out[1], "glu_backward of f64");
    test_tensor value = out[0], slope = out[0];
    value.count = slope.count = COUNT;
    slope.elements += COUNT * sizeof(double);
    compare(s, cleat_activation_name(s->activation), x + COUNT, &value, &slope);
    free(x);
    test_free(&in);
    test_free(&one);
    test_free(&out[0]);
    test_free(&out[1]);
}

START_TEST(values_and_derivatives) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    const subject *s = &subjects[_i < OWN ? _i : OWN + test_int(0, SUBJECTS - OWN - 1)];
    check_values(s, _i % 2 == 0 ? TEST_ROW_MAJOR : TEST_ROWS);
}
END_TEST

START_TEST(of_any_stride) {
    if (!test_has_f64()) {
        return;
    }
    const int64_t shape[2] = {COUNT, 1};
    const subject *s = &subjects[2]; /* gelu */
    double *x = test_alloc(COUNT, sizeof *x);
    fill(x, true);
    test_tensor in = test_typed(CLEAT_F64, 2, shape, x, TEST_STRIDED);
    test_tensor out = test_typed(CLEAT_F64, 2, shape, NULL, TEST_STRIDED);
    test_ok(cleat_activate(test_context(), s->activation, in.view, out.view, NULL));
    test_fetch(&out);
    compare(s, "activate", x, &out, NULL);
    test_ok(cleat_activate(test_context(), s->activation, in.view, in.view, NULL));
    test_tensor again = test_typed(CLEAT_F64, 2, shape, NULL, TEST_ROW_MAJOR);
    test_ok(cleat_copy(test_context(), in.view, again.view));
    test_fetch(&again);
    test_same_bits(&out, &again, "activate in place");
    free(x);
    test_free(&in);
    test_free(&out);
    test_free(&again);
}
END_TEST

START_TEST(derivatives_by_outputs) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    static const cleat_activation known[] = {CLEAT_SIGMOID, CLEAT_TANH, CLEAT_SOFTPLUS, CLEAT_CELU};
    const cleat_activation activation = known[test_int(0, 3)];
    const float *p = parameters_of(activation);
    const cleat_activation_options options = {.parameters = p, .from_output = true};
    const int64_t shape[2] = {41, 73};
    const double low = activation == CLEAT_TANH ? -1 : activation == CLEAT_CELU ? -0.3 : 0;
    const double high = activation == CLEAT_SOFTPLUS || activation == CLEAT_CELU ? 9 : 1;
    double y[41 * 73];
    long double want[41 * 73], size[41 * 73];
    test_tensor dy = test_input_f64(2, shape, TEST_REAL, TEST_STRIDED);
    for (int i = 0; i < 41 * 73; i++) {
        y[i] = i == 0 ? low : i == 1 ? high : test_real(low, high);
        const long double slope =
            reference_activation_derivative_output_long(activation, (long double)y[i], p);
        want[i] = (long double)test_elements_f64(&dy)[i] * slope;
        size[i] = fabsl(want[i]) * 12 + fabsl((long double)test_elements_f64(&dy)[i]) * 2;
    }
    test_tensor out = test_typed(CLEAT_F64, 2, shape, y, TEST_ROW_MAJOR);
    test_tensor dx = test_typed(CLEAT_F64, 2, shape, NULL, TEST_STRIDED);
    test_ok(
        cleat_activate_backward(test_context(), activation, out.view, dy.view, dx.view, &options));
    test_fetch(&dx);
    test_bound_f64(&dx, want, size, 1, cleat_activation_name(activation));
    test_free(&out);
    test_free(&dy);
    test_free(&dx);
}
END_TEST

enum { ROWS = 5, COLUMNS = 37 };

/* Integers, so that all is exact. */
START_TEST(prelu_with_slopes) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    const int64_t shape[2] = {ROWS, COLUMNS}, row[1] = {COLUMNS};
    test_tensor x = test_input_f64(2, shape, TEST_EXACT, TEST_STRIDED);
    test_tensor slope = test_input_f64(1, row, TEST_EXACT, TEST_ROW_MAJOR);
    test_tensor dy = test_input_f64(2, shape, TEST_EXACT, TEST_ROW_MAJOR);
    test_tensor y = test_typed(CLEAT_F64, 2, shape, NULL, TEST_ROW_MAJOR);
    test_tensor dx = test_typed(CLEAT_F64, 2, shape, NULL, TEST_STRIDED);
    test_tensor dslope = test_typed(CLEAT_F64, 1, row, NULL, TEST_ROW_MAJOR);
    long double want[3][ROWS * COLUMNS] = {{0}}, size[ROWS * COLUMNS] = {0};
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        const double a = test_elements_f64(&x)[i], s = test_elements_f64(&slope)[i % COLUMNS];
        const double d = test_elements_f64(&dy)[i];
        want[0][i] = (long double)(a < 0 ? s * a : a);
        want[1][i] = (long double)(a <= 0 ? d * s : d);
        want[2][i % COLUMNS] += (long double)(a <= 0 ? d * a : 0);
    }
    test_ok(cleat_prelu(test_context(), x.view, slope.view, y.view));
    test_ok(
        cleat_prelu_backward(test_context(), x.view, slope.view, dy.view, &dx.view, &dslope.view));
    test_tensor *const results[] = {&y, &dx, &dslope};
    for (int i = 0; i < 3; i++) {
        test_fetch(results[i]);
        test_bound_f64(results[i], want[i], size, 1, "prelu");
        test_free(results[i]);
    }
    test_free(&x);
    test_free(&slope);
    test_free(&dy);
}
END_TEST

/* Of a b [ROWS, COLUMNS] x [COLUMNS], of a max b, and of a to the power of b (elements above 0). */
START_TEST(gradients_of_two) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    const cleat_binary binary = _i == 0 ? CLEAT_POW : test_coin() ? CLEAT_MUL : CLEAT_MAX;
    const int64_t shape[2] = {ROWS, COLUMNS}, row[1] = {COLUMNS};
    const test_values values = binary == CLEAT_POW ? TEST_REAL : TEST_EXACT;
    test_tensor dy = test_input_f64(2, shape, values, TEST_STRIDED);
    double a[ROWS * COLUMNS], b[COLUMNS];
    long double da[ROWS * COLUMNS], db[COLUMNS] = {0};
    long double size_a[ROWS * COLUMNS] = {0}, size_b[COLUMNS] = {0};
    for (int i = 0; i < COLUMNS; i++) {
        b[i] = binary == CLEAT_POW ? test_real(-3, 3) : (double)test_int(-4, 4);
    }
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        const int k = i % COLUMNS;
        a[i] = binary == CLEAT_POW ? test_real(0.25, 2) : (double)test_int(-4, 4);
        const long double u = (long double)a[i], v = (long double)b[k];
        const long double d = (long double)test_elements_f64(&dy)[i];
        if (binary == CLEAT_POW) {
            da[i] = d * v * powl(u, v - 1);
            db[k] += d * powl(u, v) * logl(u);
            size_a[i] = 40 * fabsl(da[i]) * (1 + fabsl(logl(u)));
            size_b[k] += 50 * fabsl(d * powl(u, v) * logl(u));
        } else if (binary == CLEAT_MUL) {
            da[i] = d * v;
            db[k] += d * u;
        } else {
            da[i] = u == v ? d / 2 : u > v ? d : 0;
            db[k] += d - da[i];
        }
    }
    test_tensor first = test_typed(CLEAT_F64, 2, shape, a, TEST_ROW_MAJOR);
    test_tensor second = test_typed(CLEAT_F64, 1, row, b, TEST_ROW_MAJOR);
    test_tensor to_a = test_typed(CLEAT_F64, 2, shape, NULL, TEST_ROW_MAJOR);
    test_tensor to_b = test_typed(CLEAT_F64, 1, row, NULL, TEST_ROW_MAJOR);
    test_ok(cleat_binary_backward(
        test_context(), binary, first.view, second.view, dy.view, &to_a.view, &to_b.view));
    test_fetch(&to_a);
    test_fetch(&to_b);
    test_bound_f64(&to_a, da, size_a, 1, "gradient of a");
    test_bound_f64(&to_b, db, size_b, 1, "gradient of b");
    test_free(&dy);
    test_free(&first);
    test_free(&second);
    test_free(&to_a);
    test_free(&to_b);
}
END_TEST

START_TEST(types_must_agree) {
    cleat_context *context = test_context();
    cleat_tensor x, y;
    const int64_t shape[1] = {6};
    test_ok(cleat_tensor_create(context, CLEAT_F64, 1, shape, &x));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 1, shape, &y));
    const cleat_status status = test_has_f64() ? CLEAT_TYPE_MISMATCH : CLEAT_UNSUPPORTED;
    const char *part = test_has_f64() ? "y has type f32, not f64" : "no double precision";
    test_refused(cleat_activate(context, CLEAT_RELU, x, y, NULL), status, part);
    test_refused(cleat_prelu(context, x, x, y), status, part);
    test_refused(cleat_glu(context, CLEAT_RELU, x, 0, y, NULL), status, part);
    test_refused(cleat_bias_add(context, x, x, 0, y), status, part);
    test_refused(cleat_activate(context, CLEAT_RELU, y, x, NULL), CLEAT_TYPE_MISMATCH,
        "y has type f64, not f32");
    if (test_has_f64()) {
        test_refused(cleat_activate_backward(context, CLEAT_RELU, x, y, x, NULL),
            CLEAT_TYPE_MISMATCH, "dy has type f32");
        test_refused(cleat_binary_backward(context, CLEAT_MUL, x, x, x, &y, NULL),
            CLEAT_TYPE_MISMATCH, "da has type f32");
    }
    cleat_tensor_release(&x);
    cleat_tensor_release(&y);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("activation_f64");
    test_add_case(suite, "of_any_stride", of_any_stride);
    test_add_case(suite, "derivatives_by_outputs", derivatives_by_outputs);
    test_add_case(suite, "prelu_with_slopes", prelu_with_slopes);
    test_add_case(suite, "types_must_agree", types_must_agree);
    test_add_loop(suite, "values_and_derivatives", values_and_derivatives, OWN + 1);
    test_add_loop(suite, "gradients_of_two", gradients_of_two, 2);
    return suite;
}
