/* SPDX-License-Identifier: Apache-2.0 */
/* Operations that go element by element in f16 and bf16: computed in f32, rounded once. */
#include "harness.h"
#include "reference/reference_activation.h"
#include "reference/reference_elementwise.h"
#include "reference/reference_glu.h"
#include "reference/reference_half.h"
#include "reference/reference_prelu.h"
#include "reference/reference_unary.h"

static const cleat_type halves[] = {CLEAT_F16, CLEAT_BF16};
static const char *const passes[] = {"chunked", "interleaved"};

static void force(int round) {
    ck_assert_int_eq(setenv("CLEAT_ELEMENTWISE", passes[round % 2], 1), 0);
}

static void unforce(void) {
    unsetenv("CLEAT_ELEMENTWISE");
}

static reference_array array_of(const test_tensor *t, double **values) {
    reference_array array = {.rank = t->view.rank};
    memcpy(array.shape, t->view.shape, sizeof array.shape);
    *values = test_doubles(t);
    array.data = *values;
    return array;
}

/* Fetches both results, which are to be the same, and frees the second. */
static void fetch_twice(test_tensor *y, test_tensor *again, const char *what) {
    test_fetch(y);
    test_fetch(again);
    test_same_bits(y, again, what);
    test_free(again);
}

/* ---- Activations and functions of one number ---- */

/* One of each kind of work, at every alignment; in place the second time. */
static void check_activation(cleat_activation activation, cleat_type type, double ulp,
    const int64_t *shape, test_layout layout) {
    const char *name = cleat_activation_name(activation);
    test_tensor x = test_input_of(type, 2, shape, TEST_REAL, layout);
    test_tensor dy = test_input_of(type, 2, shape, TEST_REAL, layout);
    test_tensor y = test_output_of(type, 2, shape, TEST_STRIDED),
                dx = test_output_of(type, 2, shape, layout);
    double *want = test_alloc(x.count, sizeof *want), *want_dx = test_alloc(x.count, sizeof *want);
    double *magnitude = test_alloc(x.count, sizeof *magnitude);
    for (int64_t i = 0; i < x.count; i++) {
        want[i] = reference_activation(activation, (double)x.data[i], NULL);
        magnitude[i] = fabs((double)dy.data[i]);
        want_dx[i] = (double)dy.data[i] *
                     reference_activation_derivative(activation, (double)x.data[i], NULL);
    }
    test_ok(cleat_activate(test_context(), activation, x.view, y.view, NULL));
    test_fetch(&y);
    test_ulp(&y, want, ulp, name);
    test_ok(cleat_activate_backward(test_context(), activation, x.view, dy.view, dx.view, NULL));
    test_fetch(&dx);
    test_bound(&dx, want_dx, magnitude, 4, name);
    test_unchanged(&x);
    test_unchanged(&dy);
    test_ok(cleat_activate(test_context(), activation, x.view, x.view, NULL));
    test_fetch(&x);
    test_ulp(&x, want, ulp, name);
    test_free(&x);
    test_free(&dy);
    test_free(&y);
    test_free(&dx);
    free(want);
    free(want_dx);
    free(magnitude);
}

START_TEST(activations) {
    static const int64_t shapes[][2] = {{7, 83}, {1, 1}, {3, 16}, {0, 5}};
    for (int i = 0; i < 4; i++) {
        force(i);
        check_activation(i % 2 == 0 ? CLEAT_RELU : CLEAT_SILU, halves[i / 2], 4, shapes[i],
            i == 0 ? TEST_STRIDED : TEST_ROW_MAJOR);
    }
    force(0);
    check_activation(CLEAT_GELU, CLEAT_F16, 6, (int64_t[]){5, 67}, TEST_ROW_MAJOR);
    check_activation(CLEAT_RELU, CLEAT_F16, 0, (int64_t[]){5, 67}, TEST_ROW_MAJOR);
    unforce();
}
END_TEST

/* Results that leave the format, subnormal ones and special values: 300^2 has no place in f16. */
START_TEST(special_values) {
    const cleat_type type = halves[_i];
    static const float values[] = {NAN, INFINITY, -INFINITY, 0, -0.0f, 300, -300, 0x1p-10f,
        0x1.8p-12f, 0x1p-14f, 1, -3, 0x1p-13f, 255, 256, 0x1.8p-60f, 0x1p-66f, 0x1p-67f};
    const int64_t count = sizeof values / sizeof values[0];
    test_tensor x = test_input_from_of(type, 1, &count, values, TEST_ROW_MAJOR);
    test_tensor y = test_output_of(type, 1, &count, TEST_ROW_MAJOR);
    double *want = test_alloc(count, sizeof *want);
    for (int64_t i = 0; i < count; i++) {
        const double v = (double)x.data[i];
        want[i] = reference_half_rounded(type, (long double)(v * v));
    }
    test_ok(cleat_unary(test_context(), CLEAT_SQUARE, x.view, y.view));
    test_fetch(&y);
    test_equal(&y, want, "square");
    for (int64_t i = 0; i < count; i++) {
        want[i] = x.data[i] <= 0 ? 0 : (double)x.data[i];
    }
    test_ok(cleat_activate(test_context(), CLEAT_RELU, x.view, y.view, NULL));
    test_fetch(&y);
    test_equal(&y, want, "relu");
    free(want);
    test_free(&x);
    test_free(&y);
}
END_TEST

static void check_unary(cleat_unary_kind kind, cleat_type type, double ulp) {
    const int64_t shape[] = {3, 41};
    test_tensor x = test_input_of(type, 2, shape, TEST_REAL, TEST_ROWS);
    test_tensor dy = test_input_of(type, 2, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output_of(type, 2, shape, TEST_ROW_MAJOR),
                dx = test_output_of(type, 2, shape, TEST_STRIDED);
    double *want = test_alloc(x.count, sizeof *want), *want_dx = test_alloc(x.count, sizeof *want);
    double *magnitude = test_alloc(x.count, sizeof *magnitude);
    for (int64_t i = 0; i < x.count; i++) {
        const long double v = (long double)x.data[i];
        want[i] = (double)reference_unary(kind, v);
        want_dx[i] = (double)((long double)dy.data[i] * reference_unary_derivative(kind, v));
        magnitude[i] = fabs(want_dx[i]);
    }
    test_ok(cleat_unary(test_context(), kind, x.view, y.view));
    test_ok(cleat_unary_backward(test_context(), kind, x.view, dy.view, dx.view));
    test_fetch(&y);
    test_fetch(&dx);
    test_ulp(&y, want, ulp, cleat_unary_name(kind));
    test_bound(&dx, want_dx, magnitude, 4, cleat_unary_name(kind));
    free(want);
    free(want_dx);
    free(magnitude);
    test_free(&x);
    test_free(&dy);
    test_free(&y);
    test_free(&dx);
}

START_TEST(unary) {
    check_unary(CLEAT_EXP, CLEAT_BF16, 3);
    check_unary(CLEAT_SQUARE, CLEAT_F16, 1);
}
END_TEST

/* ---- Two operands, broadcast ---- */

typedef struct shapes {
    int32_t rank_a, rank_b, rank;
    int64_t a[3], b[3], y[3];
} shapes;

static const shapes table[] = {
    {2, 1, 2, {5, 37}, {37}, {5, 37}},
    {3, 3, 3, {2, 3, 18}, {2, 1, 18}, {2, 3, 18}},
    {1, 2, 2, {1}, {4, 9}, {4, 9}},
};
enum { TABLE = sizeof table / sizeof table[0] };

static void check_gradient(cleat_binary binary, const shapes *s, const test_tensor *a,
    const test_tensor *b, cleat_type type) {
    double *value_a, *value_b, *value_dy;
    test_tensor dy = test_input_of(type, s->rank, s->y, TEST_REAL, TEST_ROW_MAJOR);
    const reference_array ra = array_of(a, &value_a), rb = array_of(b, &value_b),
                          rdy = array_of(&dy, &value_dy);
    for (int of_b = 0; of_b < 2; of_b++) {
        const test_tensor *x = of_b ? b : a;
        test_tensor dx = test_output_of(type, x->view.rank, x->view.shape, TEST_STRIDED);
        double *want = test_alloc(dx.count, sizeof *want),
               *size = test_alloc(dx.count, sizeof *size);
        reference_binary_backward(binary, &ra, &rb, &rdy, of_b, want, size);
        test_ok(cleat_binary_backward(test_context(), binary, a->view, b->view, dy.view,
            of_b ? NULL : &dx.view, of_b ? &dx.view : NULL));
        test_fetch(&dx);
        test_bound(&dx, want, size, dy.count / dx.count + 2, "binary_backward");
        test_free(&dx);
        free(want);
        free(size);
    }
    test_free(&dy);
    free(value_a);
    free(value_b);
    free(value_dy);
}

static void check_binary(cleat_binary binary,
    cleat_status (*function)(cleat_context *, cleat_tensor, cleat_tensor, cleat_tensor),
    const shapes *s, cleat_type type, test_layout layout) {
    double *value_a, *value_b;
    test_tensor a = test_input_of(type, s->rank_a, s->a, TEST_REAL, layout);
    test_tensor b = test_input_of(type, s->rank_b, s->b, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output_of(type, s->rank, s->y, layout),
                again = test_output_of(type, s->rank, s->y, layout);
    const reference_array ra = array_of(&a, &value_a), rb = array_of(&b, &value_b);
    double *want = test_alloc(y.count, sizeof *want);
    reference_binary(binary, &ra, &rb, s->rank, s->y, want);
    test_ok(function(test_context(), a.view, b.view, y.view));
    test_ok(function(test_context(), a.view, b.view, again.view));
    fetch_twice(&y, &again, "twice");
    test_ulp(&y, want, 1, "binary");
    check_gradient(binary, s, &a, &b, type);
    test_unchanged(&a);
    test_unchanged(&b);
    test_free(&a);
    test_free(&b);
    test_free(&y);
    free(value_a);
    free(value_b);
    free(want);
}

START_TEST(binary) {
    for (int i = 0; i < TABLE; i++) {
        force(i);
        check_binary(
            CLEAT_MUL, cleat_mul, &table[i], halves[i % 2], i == 1 ? TEST_STRIDED : TEST_ROW_MAJOR);
    }
    unforce();
    check_binary(CLEAT_MAX, cleat_max, &table[0], CLEAT_F16, TEST_ROWS);
    check_binary(CLEAT_ADD, cleat_add, &table[0], CLEAT_BF16, TEST_ROW_MAJOR);
}
END_TEST

/* Past the caches: whole rows from any place in memory. */
START_TEST(large_results) {
    const cleat_type type = halves[_i];
    static const int64_t shape[] = {1300, 8201};
    const int64_t count = shape[0] * shape[1], inside = shape[1] - 3;
    if (test_is_short()) {
        return;
    }
    cleat_tensor x, y, part, place;
    uint16_t *bits = test_alloc(count, sizeof *bits), *got = test_alloc(count, sizeof *got);
    float *values = test_alloc(count, sizeof *values);
    for (int64_t i = 0; i < count; i++) {
        values[i] = (float)(i % 113 - 56) / 4;
    }
    (type == CLEAT_F16 ? cleat_f16_from_f32 : cleat_bf16_from_f32)(values, (size_t)count, bits);
    test_ok(cleat_tensor_create(test_context(), type, 2, shape, &x));
    test_ok(cleat_tensor_create(test_context(), type, 2, shape, &y));
    test_ok(cleat_write(test_context(), x, bits, (size_t)count * sizeof *bits));
    test_ok(cleat_fill(test_context(), NAN, y));
    test_ok(cleat_slice(x, 1, 1, inside, 1, &part));
    test_ok(cleat_slice(y, 1, 2, inside, 1, &place));
    test_ok(cleat_activate(test_context(), CLEAT_RELU, part, place, NULL));
    test_ok(cleat_read(test_context(), y, got, (size_t)count * sizeof *got));
    for (int64_t i = 0; i < count && !test_ignores_values(); i++) {
        const int64_t column = i % shape[1];
        const bool outside = column < 2 || column >= inside + 2;
        const double value = reference_half_value(type, got[i]);
        if (outside ? !isnan(value) : value != fmax((double)values[i - 1], 0)) {
            ck_abort_msg("element %d is %g", (int)i, value);
        }
    }
    cleat_tensor_release(&x);
    cleat_tensor_release(&y);
    free(bits);
    free(got);
    free(values);
}
END_TEST

/* ---- Slopes, gates, choices ---- */

START_TEST(tensor_slopes) {
    const int64_t shape[] = {2, 3, 14}, slopes[] = {3, 1};
    test_tensor x = test_input_of(CLEAT_BF16, 3, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor slope = test_input_of(CLEAT_BF16, 2, slopes, TEST_REAL, TEST_STRIDED);
    test_tensor dy = test_input_of(CLEAT_BF16, 3, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output_of(CLEAT_BF16, 3, shape, TEST_ROW_MAJOR),
                dx = test_output_of(CLEAT_BF16, 3, shape, TEST_ROW_MAJOR),
                dslope = test_output_of(CLEAT_BF16, 2, slopes, TEST_STRIDED);
    double *value_x, *value_slope, *value_dy = test_doubles(&dy);
    const reference_array rx = array_of(&x, &value_x), rslope = array_of(&slope, &value_slope);
    double *want = test_alloc(x.count, sizeof *want), *want_dx = test_alloc(x.count, sizeof *want);
    double want_dslope[3] = {0}, size[3] = {0};
    reference_prelu(&rx, &rslope, want);
    reference_prelu_gradient(&rx, &rslope, value_dy, want_dx, want_dslope, size);
    test_ok(cleat_prelu(test_context(), x.view, slope.view, y.view));
    test_ok(
        cleat_prelu_backward(test_context(), x.view, slope.view, dy.view, &dx.view, &dslope.view));
    test_fetch(&y);
    test_fetch(&dx);
    test_fetch(&dslope);
    test_ulp(&y, want, 1, "prelu");
    test_ulp(&dx, want_dx, 1, "prelu_backward");
    test_bound(&dslope, want_dslope, size, 28, "prelu_backward, slopes");
    free(value_x);
    free(value_slope);
    free(value_dy);
    free(want);
    free(want_dx);
    test_free(&x);
    test_free(&slope);
    test_free(&dy);
    test_free(&y);
    test_free(&dx);
    test_free(&dslope);
}
END_TEST

/* Two outputs in one pass. */
START_TEST(gates) {
    const int64_t shape[] = {5, 34}, half[] = {5, 17};
    test_tensor x = test_input_of(CLEAT_F16, 2, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor dy = test_input_of(CLEAT_F16, 2, half, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output_of(CLEAT_F16, 2, half, TEST_ROW_MAJOR),
                dx = test_output_of(CLEAT_F16, 2, shape, TEST_ROW_MAJOR);
    double *value_x = test_doubles(&x), *value_dy = test_doubles(&dy);
    const reference_glu g = {.gate = CLEAT_SILU, .outer = 5, .inner = 17, .x = value_x};
    double *want = test_alloc(y.count, sizeof *want), *want_dx = test_alloc(x.count, sizeof *want);
    double *factor = test_alloc(x.count, sizeof *factor);
    reference_glu_value(&g, want);
    reference_glu_gradient(&g, value_dy, want_dx, factor);
    test_ok(cleat_glu(test_context(), CLEAT_SILU, x.view, 1, y.view, NULL));
    test_ok(cleat_glu_backward(test_context(), CLEAT_SILU, x.view, 1, dy.view, dx.view, NULL));
    test_fetch(&y);
    test_fetch(&dx);
    test_ulp(&y, want, 6, "glu");
    for (int64_t i = 0; i < x.count; i++) {
        factor[i] = fabs(factor[i]);
    }
    test_bound(&dx, want_dx, factor, 8, "glu_backward");
    free(value_x);
    free(value_dy);
    free(want);
    free(want_dx);
    free(factor);
    test_free(&x);
    test_free(&dy);
    test_free(&y);
    test_free(&dx);
}
END_TEST

/* Every element goes through where unchanged but for what a NaN carries. */
START_TEST(choices) {
    const cleat_type type = halves[_i];
    const int64_t count = 1 << 16;
    uint16_t *bits = test_alloc(count, sizeof *bits);
    unsigned char *conditions = test_alloc(count, 1);
    for (int64_t i = 0; i < count; i++) {
        bits[i] = (uint16_t)i;
        conditions[i] = i % 3 == 0;
    }
    test_tensor c = test_typed(CLEAT_BOOL, 1, &count, conditions, TEST_ROW_MAJOR);
    test_tensor a = test_typed(type, 1, &count, bits, TEST_ROW_MAJOR);
    test_tensor b = test_input_of(type, 1, (int64_t[]){1}, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output_of(type, 1, &count, TEST_ROW_MAJOR);
    test_tensor less = test_typed(CLEAT_BOOL, 1, &count, NULL, TEST_ROW_MAJOR);
    test_ok(cleat_where(test_context(), c.view, a.view, b.view, y.view));
    test_ok(cleat_compare(test_context(), CLEAT_LESS, a.view, b.view, less.view));
    test_fetch(&y);
    test_fetch(&less);
    for (int64_t i = 0; i < count && !test_ignores_values(); i++) {
        const double value = reference_half_value(type, bits[i]);
        const double got = (double)y.data[i];
        const double want = conditions[i] ? value : (double)b.data[0];
        if ((isnan(want) ? !isnan(got) : got != want || !signbit(got) != !signbit(want)) ||
            (less.elements[i] != 0) != (value < (double)b.data[0])) {
            ck_abort_msg("element %d is %g and %d", (int)i, got, less.elements[i]);
        }
    }
    free(bits);
    free(conditions);
    test_free(&c);
    test_free(&a);
    test_free(&b);
    test_free(&y);
    test_free(&less);
}
END_TEST

/* What stands for elements that do not exist, and numbers given as double. */
START_TEST(made_elements) {
    const cleat_type type = halves[_i];
    const int64_t four = 4, three = 3, shape[] = {3, 4};
    const double on = 0.3;
    const int32_t places[] = {2, -4, 7};
    const float values[] = {1, 2, -3, 0.5f};
    const double third = reference_half_rounded(type, 0.3L);
    test_tensor x = test_input_from_of(type, 1, &four, values, TEST_STRIDED);
    test_tensor indices = test_typed(CLEAT_I32, 1, &three, places, TEST_ROW_MAJOR);
    test_tensor y = test_output_of(type, 1, &three, TEST_ROW_MAJOR);
    test_tensor hot = test_output_of(type, 2, shape, TEST_STRIDED);
    test_tensor padded = test_output_of(type, 1, (int64_t[]){7}, TEST_ROW_MAJOR);
    test_ok(cleat_gather(test_context(), x.view, indices.view, 0, y.view));
    test_ok(cleat_one_hot(test_context(), indices.view, 1, hot.view,
        &(cleat_one_hot_options){.on = &on, .off = -0.3}));
    test_ok(cleat_pad(test_context(), x.view, (int64_t[]){1}, (int64_t[]){2}, padded.view,
        &(cleat_pad_options){.value = 0.3}));
    test_fetch(&y);
    test_fetch(&hot);
    test_fetch(&padded);
    test_equal(&y, (double[]){-3, 1, NAN}, "gather");
    test_equal(&hot,
        (double[]){-third, -third, third, -third, third, -third, -third, -third, -third, -third,
            -third, -third},
        "one_hot");
    test_equal(&padded, (double[]){third, 1, 2, -3, 0.5, third, third}, "pad");
    test_free(&x);
    test_free(&indices);
    test_free(&y);
    test_free(&hot);
    test_free(&padded);
}
END_TEST

START_TEST(refuses_mixed_types) {
    const int64_t shape[] = {4, 3}, channels[] = {3};
    cleat_context *context = test_context();
    test_tensor x = test_input_of(CLEAT_F16, 2, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor f = test_input(2, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output_of(CLEAT_BF16, 2, shape, TEST_ROW_MAJOR);
    test_tensor b = test_input(1, channels, TEST_REAL, TEST_ROW_MAJOR);
    test_refused(cleat_activate(context, CLEAT_RELU, x.view, y.view, NULL), CLEAT_TYPE_MISMATCH,
        "y has type bf16, not f16");
    test_refused(
        cleat_add(context, x.view, f.view, x.view), CLEAT_TYPE_MISMATCH, "b has type f32, not f16");
    test_refused(cleat_bias_add(context, x.view, b.view, 1, x.view), CLEAT_TYPE_MISMATCH,
        "bias has type f32, not f16");
    test_refused(cleat_mod(context, x.view, x.view, x.view), CLEAT_TYPE_MISMATCH,
        "a has type f16, wanted i32, i64 or u8");
    test_refused(cleat_random_uniform(context, 1, 2, 0, 1, x.view), CLEAT_TYPE_MISMATCH,
        "y has type f16, not f32");
    test_unchanged(&x);
    test_unchanged(&y);
    test_free(&x);
    test_free(&f);
    test_free(&y);
    test_free(&b);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("half_elements");
    TCase *one = test_case(suite, "one");
    tcase_add_test(one, activations);
    tcase_add_loop_test(one, special_values, 0, 2);
    tcase_add_test(one, unary);
    test_add_case(suite, "binary", binary);
    test_add_loop(suite, "large", large_results, 2);
    TCase *more = test_case(suite, "more");
    tcase_add_test(more, tensor_slopes);
    tcase_add_test(more, gates);
    tcase_add_loop_test(more, choices, 0, 2);
    tcase_add_loop_test(more, made_elements, 0, 2);
    tcase_add_test(more, refuses_mixed_types);
    return suite;
}
