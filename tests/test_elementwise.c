/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"
#include "reference/reference_elementwise.h"

static const char *const passes[] = {"chunked", "interleaved", "turned chunked"};
static const char *const reductions[] = {"rows", "columns", "groups", "items", ""};
enum { PASSES = 3, REDUCTIONS = 5, OPERATIONS = CLEAT_DIV + 1 };
static const char *const names[] = {"add", "sub", "mul", "div"};

typedef cleat_status (*binary_function)(cleat_context *, cleat_tensor, cleat_tensor, cleat_tensor);
static const binary_function functions[] = {cleat_add, cleat_sub, cleat_mul, cleat_div};

static void force(int round) {
    ck_assert_int_eq(setenv("CLEAT_ELEMENTWISE", passes[round % PASSES], 1), 0);
    ck_assert_int_eq(setenv("CLEAT_REDUCE", reductions[round % REDUCTIONS], 1), 0);
}

static void unforce(void) {
    unsetenv("CLEAT_ELEMENTWISE");
    unsetenv("CLEAT_REDUCE");
}

/* An operand with its values in float64. */
typedef struct operand {
    test_tensor tensor;
    reference_array array;
    double *values;
} operand;

static operand make_operand(
    int32_t rank, const int64_t *shape, test_values kind, test_layout layout, bool divisor) {
    operand o = {.tensor = test_input(rank, shape, kind, layout)};
    if (divisor) { /* powers of two and their like, away from zero */
        float *data = test_alloc(o.tensor.count, sizeof *data);
        for (int64_t i = 0; i < o.tensor.count; i++) {
            float v = kind == TEST_EXACT ? (float)(1 << test_int(0, 2)) : (float)test_real(0.5, 2);
            data[i] = test_coin() ? v : -v;
        }
        test_free(&o.tensor);
        o.tensor = test_input_from(rank, shape, data, layout);
        free(data);
    }
    o.values = test_alloc(o.tensor.count, sizeof *o.values);
    for (int64_t i = 0; i < o.tensor.count; i++) {
        o.values[i] = (double)o.tensor.data[i];
    }
    o.array = (reference_array){.rank = rank, .data = o.values};
    for (int32_t axis = 0; axis < rank; axis++) {
        o.array.shape[axis] = shape[axis];
    }
    return o;
}

static void free_operand(operand *o) {
    test_unchanged(&o->tensor);
    test_free(&o->tensor);
    free(o->values);
}

typedef struct shapes {
    int32_t rank_a, rank_b, rank;
    int64_t a[CLEAT_MAX_RANK], b[CLEAT_MAX_RANK], y[CLEAT_MAX_RANK];
} shapes;

static const shapes table[] = {
    {0, 0, 0, {0}, {0}, {0}},
    {1, 1, 1, {1}, {1}, {1}},
    {1, 1, 1, {10007}, {10007}, {10007}},
    {2, 1, 2, {37, 129}, {129}, {37, 129}},
    {2, 2, 2, {37, 129}, {37, 1}, {37, 129}},
    {2, 2, 2, {1, 65}, {33, 1}, {33, 65}},
    {4, 3, 4, {2, 5, 7, 9}, {5, 1, 1}, {2, 5, 7, 9}},
    {2, 0, 2, {128, 10}, {0}, {128, 10}},
    {3, 3, 3, {4, 1, 6}, {1, 5, 6}, {4, 5, 6}},
    {2, 2, 2, {1, 6}, {0, 6}, {0, 6}},
    {8, 8, 8, {2, 1, 2, 1, 2, 1, 2, 3}, {1, 2, 1, 2, 1, 2, 1, 3}, {2, 2, 2, 2, 2, 2, 2, 3}},
    {2, 2, 2, {6000, 3}, {1, 3}, {6000, 3}},
};
enum { TABLE = sizeof table / sizeof table[0] };

static int32_t drop_axes(const int64_t *shape, int32_t rank, int64_t *out) {
    int32_t missing = test_int(0, 2) == 0 ? (int32_t)test_int(0, rank) : 0;
    for (int32_t axis = missing; axis < rank; axis++) {
        out[axis - missing] = test_int(0, 2) == 0 ? 1 : shape[axis];
    }
    return rank - missing;
}

static shapes random_shapes(void) {
    shapes s = {.rank = (int32_t)test_int(1, 5)};
    for (int32_t axis = 0; axis < s.rank; axis++) {
        int64_t extent = test_int(0, 3) == 0 ? test_int(1, 40) : test_int(1, 6);
        s.y[axis] = test_int(0, 30) == 0 ? 0 : extent;
    }
    s.rank_a = drop_axes(s.y, s.rank, s.a);
    s.rank_b = drop_axes(s.y, s.rank, s.b);
    return s;
}

static test_layout any_layout(void) {
    return test_coin() ? TEST_STRIDED : TEST_ROW_MAJOR;
}

static void check_forward(cleat_binary operation, const shapes *s, test_values kind,
    test_layout layout, test_layout y_layout) {
    operand a = make_operand(s->rank_a, s->a, kind, layout, false);
    operand b = make_operand(s->rank_b, s->b, kind, layout, operation == CLEAT_DIV);
    test_tensor y = test_output(s->rank, s->y, y_layout);
    test_tensor again = test_output(s->rank, s->y, y_layout);
    double *want = test_alloc(y.count, sizeof *want);
    reference_binary(operation, &a.array, &b.array, s->rank, s->y, want);
    test_ok(functions[operation](test_context(), a.tensor.view, b.tensor.view, y.view));
    test_ok(functions[operation](test_context(), a.tensor.view, b.tensor.view, again.view));
    test_fetch(&y);
    test_fetch(&again);
    if (kind == TEST_EXACT) {
        test_equal(&y, want, names[operation]);
    } else {
        test_ulp(&y, want, operation == CLEAT_DIV ? 2.5 : 0.5, names[operation]);
    }
    test_same_bits(&y, &again, names[operation]);
    free_operand(&a);
    free_operand(&b);
    test_free(&y);
    test_free(&again);
    free(want);
}

/* Both kinds of values in one build: compiling is what takes the time. Every operation by every
 * pass, every shape by one. */
START_TEST(forward_table) {
    for (int i = 0; i < TABLE; i++) {
        cleat_binary operation = (cleat_binary)(i % OPERATIONS);
        test_layout layout = i % 3 == 2 ? TEST_STRIDED : TEST_ROW_MAJOR;
        force(i + i / OPERATIONS);
        check_forward(operation, &table[i], TEST_EXACT, layout, layout);
        check_forward(operation, &table[i], TEST_REAL, layout, layout);
    }
    unforce();
}
END_TEST

START_TEST(forward_random) {
    for (int round = 0; round < test_rounds(12); round++) {
        shapes s = random_shapes();
        force(round);
        check_forward(round % 8 == 0 ? CLEAT_DIV : CLEAT_SUB, &s,
            test_coin() ? TEST_EXACT : TEST_REAL, any_layout(), any_layout());
    }
    unforce();
}
END_TEST

/* Whole vectors to every third place of a row, and what is left of it; what lies between stays. */
START_TEST(forward_with_gaps) {
    const int64_t shape[] = {5, 37}, wide[] = {5, 3 * 37};
    for (int round = 0; round < PASSES; round++) {
        force(round);
        test_tensor a = test_input(2, shape, TEST_EXACT, TEST_ROW_MAJOR);
        test_tensor b = test_input(1, shape + 1, TEST_EXACT, TEST_ROW_MAJOR);
        test_tensor y = test_output(2, wide, TEST_ROW_MAJOR);
        double *want = test_alloc(a.count, sizeof *want);
        for (int64_t i = 0; i < a.count; i++) {
            want[i] = (double)a.data[i] - (double)b.data[i % shape[1]];
        }
        test_ok(cleat_slice(y.view, 1, 1, shape[1], 3, &y.view));
        y.count = a.count;
        test_ok(cleat_sub(test_context(), a.view, b.view, y.view));
        test_fetch(&y);
        test_equal(&y, want, "sub to every third place");
        test_free(&a);
        test_free(&b);
        test_free(&y);
        free(want);
    }
    unforce();
}
END_TEST

START_TEST(forward_in_place) {
    int64_t shape[] = {33, 20};
    for (int round = 0; round < PASSES; round++) {
        force(round);
        test_tensor a = test_input(2, shape, TEST_REAL, TEST_ROW_MAJOR);
        test_tensor b = test_input(1, shape + 1, TEST_REAL, TEST_ROW_MAJOR);
        test_tensor y = test_output(2, shape, TEST_ROW_MAJOR);
        test_tensor copy = test_output(2, shape, TEST_ROW_MAJOR);
        test_ok(cleat_sub(test_context(), a.view, b.view, y.view));
        test_ok(cleat_sub(test_context(), a.view, b.view, a.view));
        test_ok(cleat_copy(test_context(), a.view, copy.view));
        test_fetch(&y);
        test_fetch(&copy);
        test_same_bits(&y, &copy, "sub in place");
        test_free(&a);
        test_free(&b);
        test_free(&y);
        test_free(&copy);
    }
    unforce();
}
END_TEST

/* y = a - b, or b - a, [batch, rows, columns], b stored with the last two axes turned; y may be a.
 * y's columns are the first of `wide`. */
static void check_turned(const int64_t *shape, int64_t wide, bool swapped) {
    int64_t stored[] = {shape[0], shape[2], shape[1]};
    int64_t width[] = {shape[0], shape[1], wide};
    test_tensor a = test_input(3, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor b = test_input(3, stored, TEST_REAL, TEST_ROW_MAJOR);
    double *want = test_alloc(a.count, sizeof *want);
    for (int64_t i = 0; i < a.count; i++) {
        int64_t column = i % shape[2], row = i / shape[2] % shape[1];
        int64_t matrix = i / shape[2] / shape[1] * shape[1] * shape[2];
        double difference = (double)a.data[i] - (double)b.data[matrix + column * shape[1] + row];
        want[i] = (double)(float)(swapped ? -difference : difference);
    }
    cleat_tensor turned = cleat_transpose(b.view), large, y;
    test_tensor got = test_output(3, shape, TEST_ROW_MAJOR);
    test_ok(cleat_tensor_create(test_context(), CLEAT_F32, 3, width, &large));
    test_ok(cleat_slice(large, 2, 0, shape[2], 1, &y));
    test_ok(cleat_sub(test_context(), swapped ? turned : a.view, swapped ? a.view : turned, y));
    test_ok(cleat_copy(test_context(), y, got.view));
    test_fetch(&got);
    test_equal(&got, want, "sub with an operand turned");
    test_ok(
        cleat_sub(test_context(), swapped ? turned : a.view, swapped ? a.view : turned, a.view));
    test_free(&got);
    got = test_output(3, shape, TEST_ROW_MAJOR);
    test_ok(cleat_copy(test_context(), a.view, got.view));
    test_fetch(&got);
    test_equal(&got, want, "sub in place with an operand turned");
    test_unchanged(&b);
    cleat_tensor_release(&large);
    test_free(&got);
    test_free(&a);
    test_free(&b);
    free(want);
}

/* The last one exceeds most devices' caches; short runs, for other drivers, leave it out. */
START_TEST(forward_turned) {
    static const int64_t extents[][3] = {
        {1, 16, 16}, {1, 300, 70}, {3, 33, 517}, {2, 80, 15}, {1, 2304, 1360}};
    ck_assert_int_eq(setenv("CLEAT_ELEMENTWISE", passes[2], 1), 0);
    for (int i = 0; i < (test_rounds(4) < 4 ? 4 : 5); i++) {
        check_turned(extents[i], extents[i][2] + 16 * (i % 2) + i % 3, i % 2 != 0);
    }
    unforce();
}
END_TEST

/* y = a - b, b a row, [rows, columns]: more than most devices' caches, so that stores go past them,
 * in rows that begin at a line of memory and such that don't. */
START_TEST(forward_past_the_caches) {
    static const int64_t extents[][2] = {{2100, 4100}, {90000, 100}};
    for (int i = 0; i < (test_rounds(4) < 4 ? 0 : 2); i++) {
        const int64_t *shape = extents[i];
        test_tensor a = test_input(2, shape, TEST_REAL, TEST_ROW_MAJOR);
        test_tensor b = test_input(1, shape + 1, TEST_REAL, TEST_ROW_MAJOR);
        float *got = test_alloc(a.count, sizeof *got);
        cleat_tensor y;
        test_ok(cleat_tensor_create(test_context(), CLEAT_F32, 2, shape, &y));
        test_ok(cleat_fill(test_context(), NAN, y));
        test_ok(cleat_sub(test_context(), a.view, b.view, y));
        test_ok(cleat_read(test_context(), y, got, (size_t)a.count * sizeof *got));
        for (int64_t n = 0; n < a.count; n++) {
            if (!(got[n] == a.data[n] - b.data[n % shape[1]])) {
                ck_abort_msg("element %d of case %d is %g", (int)n, i, (double)got[n]);
            }
        }
        cleat_tensor_release(&y);
        test_free(&a);
        test_free(&b);
        free(got);
    }
}
END_TEST

START_TEST(division_follows_ieee) {
    float numerators[] = {1, -1, 0, INFINITY, NAN, 1, 3e38f};
    float divisors[] = {0, 0, 0, INFINITY, 1, INFINITY, 0.5f};
    double want[] = {INFINITY, -INFINITY, NAN, NAN, NAN, 0, INFINITY};
    int64_t count = 7;
    test_tensor a = test_input_from(1, &count, numerators, TEST_ROW_MAJOR);
    test_tensor b = test_input_from(1, &count, divisors, TEST_ROW_MAJOR);
    test_tensor y = test_output(1, &count, TEST_ROW_MAJOR);
    test_ok(cleat_div(test_context(), a.view, b.view, y.view));
    test_fetch(&y);
    test_equal(&y, want, "div");
    test_free(&a);
    test_free(&b);
    test_free(&y);
}
END_TEST

/* ---- bias_add ---- */

static void check_bias(int32_t rank, const int64_t *shape, int32_t axis, test_layout layout) {
    operand x = make_operand(rank, shape, TEST_REAL, layout, false);
    operand bias = make_operand(1, &shape[axis], TEST_REAL, layout, false);
    test_tensor y = test_output(rank, shape, layout);
    double *want = test_alloc(y.count, sizeof *want);
    reference_array stretched = {.rank = rank - axis, .data = bias.values};
    for (int32_t i = 0; i < rank - axis; i++) {
        stretched.shape[i] = i == 0 ? shape[axis] : 1;
    }
    reference_binary(CLEAT_ADD, &x.array, &stretched, rank, shape, want);
    int32_t named = test_coin() ? axis : axis - rank;
    test_ok(cleat_bias_add(test_context(), x.tensor.view, bias.tensor.view, named, y.view));
    test_fetch(&y);
    test_ulp(&y, want, 0.5, "bias_add");
    free_operand(&x);
    free_operand(&bias);
    test_free(&y);
    free(want);
}

START_TEST(bias_along_any_axis) {
    const int64_t images[] = {3, 5, 7, 8};
    const int64_t rows[] = {19, 130};
    for (int round = 0; round < PASSES; round++) {
        force(round);
        for (int32_t axis = 0; axis < 4; axis++) {
            check_bias(4, images, axis, round == 0 ? TEST_ROW_MAJOR : TEST_STRIDED);
        }
        check_bias(2, rows, 1, TEST_ROW_MAJOR);
        check_bias(2, rows, 0, TEST_ROW_MAJOR);
    }
    unforce();
}
END_TEST

/* ---- Backward ---- */

START_TEST(reference_gradients_are_slopes) {
    const double h = 1e-6;
    for (int round = 0; round < 12; round++) {
        shapes s = {2, 2, 2, {3, 1}, {1, 4}, {3, 4}};
        cleat_binary operation = (cleat_binary)(round % OPERATIONS);
        double a[3], b[4], dy[12], y[12], da[4], magnitude[4];
        reference_array array_a = {2, {3, 1}, a};
        reference_array array_b = {2, {1, 4}, b};
        reference_array array_dy = {2, {3, 4}, dy};
        for (int i = 0; i < 12; i++) {
            dy[i] = test_real(-1, 1);
            a[i % 3] = test_real(0.5, 1.5);
            b[i % 4] = test_real(0.5, 1.5);
        }
        for (int side = 0; side < 2; side++) {
            double *x = side == 0 ? a : b;
            reference_binary_backward(
                operation, &array_a, &array_b, &array_dy, side == 1, da, magnitude);
            for (int i = 0; i < (side == 0 ? 3 : 4); i++) {
                double loss[2] = {0, 0};
                double kept = x[i];
                for (int way = 0; way < 2; way++) {
                    x[i] = kept + (way == 0 ? h : -h);
                    reference_binary(operation, &array_a, &array_b, s.rank, s.y, y);
                    for (int j = 0; j < 12; j++) {
                        loss[way] += y[j] * dy[j];
                    }
                }
                x[i] = kept;
                ck_assert_double_eq_tol(da[i], (loss[0] - loss[1]) / (2 * h), 1e-8);
            }
        }
    }
}
END_TEST

static void compare_gradient(cleat_binary operation, const operand *a, const operand *b,
    const operand *dy, bool of_b, test_tensor *dx, test_values kind) {
    double *want = test_alloc(dx->count, sizeof *want);
    double *magnitude = test_alloc(dx->count, sizeof *magnitude);
    reference_binary_backward(operation, &a->array, &b->array, &dy->array, of_b, want, magnitude);
    test_fetch(dx);
    if (kind == TEST_EXACT && operation != CLEAT_DIV) {
        test_equal(dx, want, names[operation]);
    } else {
        int64_t terms = dx->count == 0 ? 1 : dy->tensor.count / dx->count;
        test_bound(dx, want, magnitude, terms + 9, names[operation]); /* division: 3 roundings */
    }
    free(want);
    free(magnitude);
}

static void check_backward(
    cleat_binary operation, const shapes *s, test_values kind, bool strided) {
    test_layout layout = strided ? TEST_STRIDED : TEST_ROW_MAJOR;
    operand a = make_operand(s->rank_a, s->a, kind, layout, false);
    operand b = make_operand(s->rank_b, s->b, kind, layout, operation == CLEAT_DIV);
    operand dy = make_operand(s->rank, s->y, kind, layout, false);
    test_tensor da = test_output(s->rank_a, s->a, layout);
    test_tensor db = test_output(s->rank_b, s->b, layout);
    test_tensor again = test_output(s->rank_a, s->a, layout);
    test_ok(cleat_binary_backward(test_context(), operation, a.tensor.view, b.tensor.view,
        dy.tensor.view, &da.view, &db.view));
    test_ok(cleat_binary_backward(test_context(), operation, a.tensor.view, b.tensor.view,
        dy.tensor.view, &again.view, NULL));
    compare_gradient(operation, &a, &b, &dy, false, &da, kind);
    compare_gradient(operation, &a, &b, &dy, true, &db, kind);
    test_fetch(&again);
    test_same_bits(&da, &again, "binary_backward, twice");
    free_operand(&a);
    free_operand(&b);
    free_operand(&dy);
    test_free(&da);
    test_free(&db);
    test_free(&again);
}

/* The whole table as the tuning table chooses, and again with a variant forced for each shape. */
START_TEST(backward_table) {
    const bool forced = _i == 1;
    for (int i = 0; i < TABLE; i++) {
        force(forced ? i % (REDUCTIONS - 1) : REDUCTIONS - 1);
        check_backward((cleat_binary)((i + i / OPERATIONS) % OPERATIONS), &table[i],
            i % 2 == 0 ? TEST_EXACT : TEST_REAL, i % 5 == 4);
    }
    unforce();
}
END_TEST

START_TEST(backward_random) {
    for (int round = 0; round < test_rounds(8); round++) {
        shapes s = random_shapes();
        force(round);
        check_backward((cleat_binary)(round % OPERATIONS), &s, test_coin() ? TEST_EXACT : TEST_REAL,
            test_coin());
    }
    unforce();
}
END_TEST

/* ---- Refusals ---- */

START_TEST(refuses_bad_calls) {
    cleat_context *context = test_context();
    int64_t shape[] = {4, 3};
    test_tensor a = test_input(2, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor b = test_input(1, (int64_t[]){4}, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output(2, shape, TEST_ROW_MAJOR);
    cleat_tensor typed = a.view;
    cleat_tensor repeated = y.view;
    cleat_tensor missing = a.view;
    cleat_tensor beyond = a.view;
    cleat_tensor moved = a.view;
    typed.type = CLEAT_I32;
    repeated.stride[0] = 0;
    missing.buffer = NULL;
    beyond.offset = 1000;
    moved.offset = 1;
    test_refused(
        cleat_add(NULL, a.view, a.view, y.view), CLEAT_INVALID_ARGUMENT, "add: the context");
    test_refused(cleat_add(context, a.view, b.view, y.view), CLEAT_SHAPE_MISMATCH, "[4, 3]");
    test_refused(cleat_mul(context, typed, a.view, y.view), CLEAT_TYPE_MISMATCH, "mul: b");
    test_refused(cleat_sub(context, a.view, missing, y.view), CLEAT_INVALID_ARGUMENT, "sub: b");
    test_refused(cleat_div(context, beyond, a.view, y.view), CLEAT_INVALID_ARGUMENT, "div: a");
    test_refused(cleat_add(context, a.view, a.view, repeated), CLEAT_OVERLAP, "output y");
    test_refused(cleat_add(context, a.view, a.view, moved), CLEAT_OVERLAP, "add");
    test_refused(
        cleat_bias_add(context, a.view, b.view, 1, y.view), CLEAT_SHAPE_MISMATCH, "4 elements");
    test_refused(
        cleat_bias_add(context, a.view, b.view, 2, y.view), CLEAT_INVALID_ARGUMENT, "axis");
    test_refused(cleat_bias_add(context, a.view, a.view, 0, y.view), CLEAT_SHAPE_MISMATCH, "bias");
    test_refused(
        cleat_binary_backward(context, (cleat_binary)7, a.view, a.view, a.view, NULL, NULL),
        CLEAT_INVALID_ARGUMENT, "7");
    test_refused(cleat_binary_backward(context, CLEAT_ADD, a.view, b.view, a.view, &y.view, NULL),
        CLEAT_SHAPE_MISMATCH, "b");
    test_refused(cleat_binary_backward(context, CLEAT_ADD, a.view, a.view, a.view, &b.view, NULL),
        CLEAT_SHAPE_MISMATCH, "da");
    test_refused(cleat_binary_backward(context, CLEAT_MUL, a.view, a.view, a.view, &a.view, NULL),
        CLEAT_OVERLAP, "da");
    test_refused(
        cleat_binary_backward(context, CLEAT_MUL, a.view, a.view, a.view, &y.view, &y.view),
        CLEAT_OVERLAP, "db");
    test_ok(cleat_binary_backward(context, CLEAT_MUL, a.view, a.view, a.view, NULL, NULL));
    test_unchanged(&a);
    test_unchanged(&b);
    test_unchanged(&y);
    test_free(&a);
    test_free(&b);
    test_free(&y);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("elementwise");
    TCase *forward = test_case(suite, "forward");
    tcase_add_test(forward, division_follows_ieee);
    tcase_add_test(forward, forward_table);
    tcase_add_test(forward, forward_random);
    tcase_add_test(forward, forward_with_gaps);
    tcase_add_test(forward, forward_in_place);
    tcase_add_test(forward, bias_along_any_axis);
    tcase_add_test(forward, refuses_bad_calls);
    TCase *large = test_case(suite, "large");
    tcase_add_test(large, forward_turned);
    tcase_add_test(large, forward_past_the_caches);
    TCase *backward = test_case(suite, "backward");
    tcase_add_test(backward, reference_gradients_are_slopes);
    tcase_add_loop_test(backward, backward_table, 0, 2);
    tcase_add_test(backward, backward_random);
    return suite;
}
