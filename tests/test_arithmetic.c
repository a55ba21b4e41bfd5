/* SPDX-License-Identifier: Apache-2.0 */
/* pow, min and max with their gradients; arithmetic in other types than f32. */
#include "harness.h"
#include "reference/reference_elementwise.h"
#include "reference/reference_types.h"

static const char *const passes[] = {"chunked", "interleaved"};

static void force(int round) {
    ck_assert_int_eq(setenv("CLEAT_ELEMENTWISE", passes[round % 2], 1), 0);
}

static void unforce(void) {
    unsetenv("CLEAT_ELEMENTWISE");
}

typedef cleat_status (*binary_function)(cleat_context *, cleat_tensor, cleat_tensor, cleat_tensor);

/* ---- pow ---- */

/* y = pow(a, b) of `count` pairs, compared with the host's. */
static void check_powers(int64_t count, const float *a, const float *b) {
    test_tensor ta = test_input_from(1, &count, a, TEST_ROW_MAJOR);
    test_tensor tb = test_input_from(1, &count, b, TEST_ROW_MAJOR);
    test_tensor y = test_output(1, &count, TEST_ROW_MAJOR);
    double *want = test_alloc(count, sizeof *want);
    for (int64_t i = 0; i < count; i++) {
        want[i] = pow((double)a[i], (double)b[i]);
    }
    test_ok(cleat_pow(test_context(), ta.view, tb.view, y.view));
    test_fetch(&y);
    test_ulp(&y, want, 8, "pow");
    for (int64_t i = 0; i < count; i++) { /* the sign of zeros too */
        if (y.data[i] == 0 && want[i] == 0) {
            ck_assert_msg(!signbit(y.data[i]) == !signbit(want[i]), "pow(%g, %g) is %g",
                (double)a[i], (double)b[i], (double)y.data[i]);
        }
    }
    test_free(&ta);
    test_free(&tb);
    test_free(&y);
    free(want);
}

START_TEST(powers_of_random_numbers) {
    enum { COUNT = 40000 };
    float *a = test_alloc(COUNT, sizeof *a), *b = test_alloc(COUNT, sizeof *b);
    for (int i = 0; i < COUNT; i++) {
        /* Results over the whole range; bases near 1 with large exponents; negative bases. */
        double base = i % 3 == 0   ? 1 + test_real(-0.01, 0.01)
                      : i % 3 == 1 ? exp2(test_real(-126, 126))
                                   : test_real(0, 4);
        double span = 126 / fmax(fabs(log2(base)), 1e-4);
        a[i] = (float)base;
        b[i] = (float)(i % 5 == 0 ? test_real(-2, 2) : test_real(-span, span));
        if (i % 7 == 0) {
            a[i] = -a[i];
            b[i] = floorf(b[i]);
        }
    }
    force(0);
    check_powers(COUNT, a, b);
    force(1);
    check_powers(COUNT / 8, a, b);
    unforce();
    free(a);
    free(b);
}
END_TEST

START_TEST(powers_of_special_numbers) {
    static const float numbers[] = {0, -0.0F, 1, -1, 2, -2, 0.5F, -0.5F, 3, -3, 1.5F, INFINITY,
        -INFINITY, NAN, 16777215, -16777215, 16777216, 1e30F, -1e30F, 1e-30F};
    enum { NUMBERS = sizeof numbers / sizeof numbers[0] };
    float a[NUMBERS * NUMBERS], b[NUMBERS * NUMBERS];
    for (int i = 0; i < NUMBERS * NUMBERS; i++) {
        a[i] = numbers[i / NUMBERS];
        b[i] = numbers[i % NUMBERS];
    }
    force(0);
    check_powers(NUMBERS * NUMBERS, a, b);
    unforce();
}
END_TEST

/* ---- min, max ---- */

START_TEST(smaller_and_larger) {
    const int64_t shape[] = {9, 37};
    for (int round = 0; round < 4; round++) {
        test_layout layout = round == 3 ? TEST_STRIDED : TEST_ROW_MAJOR;
        test_tensor a = test_input(2, shape, TEST_EXACT, layout);
        test_tensor b = test_input(1, shape + 1, TEST_EXACT, layout);
        test_tensor y = test_output(2, shape, layout);
        double *want = test_alloc(y.count, sizeof *want);
        for (int64_t i = 0; i < y.count; i++) {
            double p = (double)a.data[i], q = (double)b.data[i % shape[1]];
            want[i] = round % 2 == 0 ? fmin(p, q) : fmax(p, q);
        }
        force(round / 2);
        test_ok((round % 2 == 0 ? cleat_min : cleat_max)(test_context(), a.view, b.view, y.view));
        test_fetch(&y);
        test_equal(&y, want, round % 2 == 0 ? "min" : "max");
        test_free(&a);
        test_free(&b);
        test_free(&y);
        free(want);
    }
    unforce();
    float p[] = {NAN, 1, INFINITY, -INFINITY}, q[] = {1, NAN, -INFINITY, NAN};
    double smaller[] = {NAN, NAN, -INFINITY, NAN}, larger[] = {NAN, NAN, INFINITY, NAN};
    int64_t four = 4;
    test_tensor a = test_input_from(1, &four, p, TEST_ROW_MAJOR);
    test_tensor b = test_input_from(1, &four, q, TEST_ROW_MAJOR);
    test_tensor y = test_output(1, &four, TEST_ROW_MAJOR);
    test_ok(cleat_min(test_context(), a.view, b.view, y.view));
    test_fetch(&y);
    test_equal(&y, smaller, "min with NaN");
    test_ok(cleat_max(test_context(), a.view, b.view, y.view));
    test_fetch(&y);
    test_equal(&y, larger, "max with NaN");
    test_free(&a);
    test_free(&b);
    test_free(&y);
}
END_TEST

/* ---- Gradients ---- */

START_TEST(reference_gradients_are_slopes) {
    const double h = 1e-6;
    for (int round = 0; round < 30; round++) {
        cleat_binary operation = (cleat_binary)(CLEAT_POW + round % 3);
        double a = test_real(0.5, 2), b = test_real(-2, 3), dy = 1, slope, size, y[2];
        if (fabs(a - b) < 1e-3) {
            continue;
        }
        reference_array one = {0, {0}, &dy}, of_a = {0, {0}, &a}, of_b = {0, {0}, &b};
        for (int side = 0; side < 2; side++) {
            double *x = side == 0 ? &a : &b, kept = *x;
            reference_binary_backward(operation, &of_a, &of_b, &one, side == 1, &slope, &size);
            for (int way = 0; way < 2; way++) {
                *x = kept + (way == 0 ? h : -h);
                reference_binary(operation, &of_a, &of_b, 0, NULL, &y[way]);
            }
            *x = kept;
            ck_assert_double_eq_tol(slope, (y[0] - y[1]) / (2 * h), 1e-7);
        }
    }
}
END_TEST

static void check_gradients(cleat_binary operation, const int64_t *shape, bool row, bool exact) {
    test_tensor a = test_input(2, shape, TEST_EXACT, TEST_ROW_MAJOR);
    test_tensor b = test_input(row ? 1 : 2, row ? shape + 1 : shape, TEST_EXACT, TEST_ROW_MAJOR);
    test_tensor dy = test_input(2, shape, TEST_EXACT, TEST_STRIDED);
    test_tensor dx[2] = {test_output(2, shape, TEST_ROW_MAJOR),
        test_output(row ? 1 : 2, row ? shape + 1 : shape, TEST_ROW_MAJOR)};
    if (!exact) { /* positive bases, any exponents */
        for (int64_t i = 0; i < a.count; i++) {
            a.data[i] = (float)test_real(0.5, 2);
        }
        for (int64_t i = 0; i < b.count; i++) {
            b.data[i] = (float)test_real(-2, 3);
        }
        test_ok(cleat_write(test_context(), a.view, a.data, (size_t)a.count * sizeof(float)));
        test_ok(cleat_write(test_context(), b.view, b.data, (size_t)b.count * sizeof(float)));
    }
    double *values[3];
    test_tensor *tensors[] = {&a, &b, &dy};
    reference_array arrays[3];
    for (int t = 0; t < 3; t++) {
        values[t] = test_alloc(tensors[t]->count, sizeof(double));
        for (int64_t i = 0; i < tensors[t]->count; i++) {
            values[t][i] = (double)tensors[t]->data[i];
        }
        arrays[t] = (reference_array){tensors[t]->view.rank, {0}, values[t]};
        memcpy(arrays[t].shape, tensors[t]->view.shape, sizeof arrays[t].shape);
    }
    test_ok(cleat_binary_backward(
        test_context(), operation, a.view, b.view, dy.view, &dx[0].view, &dx[1].view));
    for (int side = 0; side < 2; side++) {
        double *want = test_alloc(dx[side].count, sizeof *want);
        double *size = test_alloc(dx[side].count, sizeof *size);
        reference_binary_backward(
            operation, &arrays[0], &arrays[1], &arrays[2], side == 1, want, size);
        test_fetch(&dx[side]);
        if (exact) {
            test_equal(&dx[side], want, "binary_backward");
        } else { /* 8 ulp of the power are 16 u, 2 of the logarithm 4, and the products */
            test_bound(&dx[side], want, size, dy.count / dx[side].count + 24, "binary_backward");
        }
        free(want);
        free(size);
        test_free(&dx[side]);
    }
    for (int t = 0; t < 3; t++) {
        free(values[t]);
    }
    test_free(&a);
    test_free(&b);
    test_free(&dy);
}

START_TEST(gradients) {
    const int64_t shape[] = {11, 37};
    for (int round = 0; round < 3; round++) {
        cleat_binary operation = (cleat_binary)(CLEAT_POW + round);
        check_gradients(operation, shape, true, operation != CLEAT_POW);
        check_gradients(operation, shape, false, operation != CLEAT_POW);
    }
    /* pow at its edges: a = 0, b = 0 */
    float a[] = {0, 0, 2, 0, -2}, b[] = {2, 0, 0, -1, 3}, ones[] = {1, 1, 1, 1, 1};
    double of_a[] = {0, 0, 0, -INFINITY, 12}, of_b[] = {0, 0, 0, -INFINITY, NAN};
    int64_t five = 5;
    of_b[2] = log(2);
    test_tensor ta = test_input_from(1, &five, a, TEST_ROW_MAJOR);
    test_tensor tb = test_input_from(1, &five, b, TEST_ROW_MAJOR);
    test_tensor dy = test_input_from(1, &five, ones, TEST_ROW_MAJOR);
    test_tensor da = test_output(1, &five, TEST_ROW_MAJOR);
    test_tensor db = test_output(1, &five, TEST_ROW_MAJOR);
    test_ok(cleat_binary_backward(
        test_context(), CLEAT_POW, ta.view, tb.view, dy.view, &da.view, &db.view));
    test_fetch(&da);
    test_fetch(&db);
    test_ulp(&da, of_a, 10, "gradient of pow for a");
    test_ulp(&db, of_b, 10, "gradient of pow for b");
    test_free(&ta);
    test_free(&tb);
    test_free(&dy);
    test_free(&da);
    test_free(&db);
}
END_TEST

/* ---- Other types ---- */

typedef enum typed_operation { ADD, SUB, MUL, DIV, MIN, MAX, MOD, POW, OPERATIONS } typed_operation;
static const binary_function functions[] = {
    cleat_add, cleat_sub, cleat_mul, cleat_div, cleat_min, cleat_max, cleat_mod, cleat_pow};

static int64_t of_integers(typed_operation operation, int64_t a, int64_t b, cleat_type type) {
    uint64_t p = (uint64_t)a, q = (uint64_t)b;
    int64_t quotient = b == 0 ? 0 : b == -1 ? (int64_t)(0 - p) : a / b;
    int64_t rest = b == 0 || b == -1 ? 0 : a % b;
    int64_t results[] = {(int64_t)(p + q), (int64_t)(p - q), (int64_t)(p * q), quotient,
        a < b ? a : b, a > b ? a : b, rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest};
    return reference_cast((reference_value){.integer = results[operation]}, type).integer;
}

static double of_numbers(typed_operation operation, double a, double b) {
    double results[] = {a + b, a - b, a * b, a / b, a < b ? a : b, a > b ? a : b, 0, pow(a, b)};
    return results[operation];
}

static reference_value draw(cleat_type type, bool positive) {
    static const int64_t ends[] = {0, -1, 1, INT32_MIN, INT32_MAX, INT64_MIN, INT64_MAX, 255};
    reference_value value = {.is_float = type == CLEAT_F64};
    value.number = positive ? test_real(0.5, 2) : test_real(-3, 3);
    value.integer = test_int(0, 3) == 0 ? ends[test_int(0, 7)] : test_int(-100, 100);
    return value.is_float ? value : reference_cast(value, type);
}

static void check_typed(typed_operation operation, cleat_type type, test_layout layout) {
    const int64_t shape[] = {5, 101};
    const int64_t counts[] = {shape[0] * shape[1], shape[1]};
    void *elements[2];
    for (int side = 0; side < 2; side++) {
        elements[side] = test_alloc(counts[side], cleat_type_size(type));
        for (int64_t i = 0; i < counts[side]; i++) {
            reference_put(type, elements[side], i, draw(type, operation == POW && side == 0));
        }
    }
    test_tensor a = test_typed(type, 2, shape, elements[0], layout);
    test_tensor b = test_typed(type, 1, shape + 1, elements[1], layout);
    test_tensor y = test_typed(type, 2, shape, NULL, layout);
    test_ok(functions[operation](test_context(), a.view, b.view, y.view));
    test_fetch(&y);
    for (int64_t i = 0; i < y.count; i++) {
        reference_value p = reference_get(type, elements[0], i);
        reference_value q = reference_get(type, elements[1], i % shape[1]);
        reference_value got = reference_get(type, y.elements, i);
        int64_t whole = of_integers(operation == POW ? ADD : operation, p.integer, q.integer, type);
        double number = of_numbers(operation, p.number, q.number);
        /* 16 ulp of f64 for pow, as OpenCL allows; the rest is exact. */
        double allowed = operation == POW ? 16 * 0x1p-52 * fabs(number) : 0;
        if (got.is_float ? !(fabs(got.number - number) <= allowed) : got.integer != whole) {
            ck_abort_msg("operation %d in %s of %lld and %lld, %g and %g: %lld, %.17g", operation,
                cleat_type_name(type), (long long)p.integer, (long long)q.integer, p.number,
                q.number, (long long)got.integer, got.number);
        }
    }
    for (int side = 0; side < 2; side++) {
        free(elements[side]);
    }
    test_unchanged(&a);
    test_unchanged(&b);
    test_free(&a);
    test_free(&b);
    test_free(&y);
}

START_TEST(other_types) {
    static const cleat_type types[] = {CLEAT_I32, CLEAT_I64, CLEAT_U8, CLEAT_F64};
    cleat_device_info info;
    test_ok(cleat_context_device(test_context(), &info));
    for (int i = 0; i < 4 * OPERATIONS; i++) {
        cleat_type type = types[i / OPERATIONS];
        typed_operation operation = (typed_operation)(i % OPERATIONS);
        bool is_real = type == CLEAT_F64;
        bool fits = is_real ? info.has_fp64 && operation != MOD : operation != POW;
        /* A short run, for other drivers: the operations of i32 and one each of the others. */
        fits = fits && (!test_is_short() || type == CLEAT_I32 || i % OPERATIONS == i / OPERATIONS);
        if (fits) {
            force(i % 7 == 6);
            check_typed(operation, type, i % 7 == 3 ? TEST_STRIDED : TEST_ROW_MAJOR);
        }
    }
    unforce();
}
END_TEST

START_TEST(refuses_bad_types) {
    cleat_context *context = test_context();
    int64_t shape[] = {4, 3};
    test_tensor x = test_typed(CLEAT_I32, 2, shape, NULL, TEST_ROW_MAJOR);
    test_tensor f = test_output(2, shape, TEST_ROW_MAJOR);
    test_tensor t = test_typed(CLEAT_BOOL, 2, shape, NULL, TEST_ROW_MAJOR);
    test_refused(cleat_add(context, x.view, f.view, x.view), CLEAT_TYPE_MISMATCH, "b has type f32");
    test_refused(cleat_add(context, f.view, f.view, x.view), CLEAT_TYPE_MISMATCH, "y has type i32");
    test_refused(cleat_max(context, t.view, t.view, t.view), CLEAT_TYPE_MISMATCH,
        "f16, bf16, i32, i64 or u8");
    test_refused(
        cleat_pow(context, x.view, x.view, x.view), CLEAT_TYPE_MISMATCH, "f32, f64, f16 or bf16");
    test_refused(
        cleat_mod(context, f.view, f.view, f.view), CLEAT_TYPE_MISMATCH, "wanted i32, i64 or u8");
    test_refused(cleat_min(context, f.view, x.view, f.view), CLEAT_TYPE_MISMATCH, "min: b");
    test_refused(cleat_binary_backward(context, CLEAT_POW, x.view, f.view, f.view, NULL, NULL),
        CLEAT_TYPE_MISMATCH, "a has");
    test_unchanged(&x);
    test_unchanged(&f);
    test_unchanged(&t);
    test_free(&x);
    test_free(&f);
    test_free(&t);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("arithmetic");
    TCase *power = test_case(suite, "pow");
    tcase_add_test(power, powers_of_random_numbers);
    tcase_add_test(power, powers_of_special_numbers);
    TCase *forward = test_case(suite, "forward");
    tcase_add_test(forward, smaller_and_larger);
    tcase_add_test(forward, other_types);
    tcase_add_test(forward, refuses_bad_types);
    TCase *backward = test_case(suite, "backward");
    tcase_add_test(backward, reference_gradients_are_slopes);
    tcase_add_test(backward, gradients);
    return suite;
}
