/* SPDX-License-Identifier: Apache-2.0 */
/* Where the greatest and the smallest elements are. */
#include "harness.h"
#include "reference/reference_reduce.h"

static const char *const variants[] = {"rows", "columns", "groups", "items", ""};
enum { VARIANTS = 5 };

typedef struct arg_case {
    int32_t rank;
    int64_t shape[4];
    int32_t axis_count; /* -1: over all */
    int32_t axes[4];
} arg_case;

static const arg_case table[] = {
    {1, {1}, 1, {0}},
    {1, {70001}, -1, {0}},
    {2, {37, 1000}, 1, {1}},
    {2, {3000, 150}, 1, {0}},
    {3, {5, 67, 33}, 1, {1}},
    {4, {3, 5, 7, 9}, 3, {0, -2, 3}},
    {3, {20, 3, 41}, 2, {2, 0}},
    {2, {0, 5}, 1, {1}},
};
enum { TABLE = sizeof table / sizeof table[0] };

/* Few different values, so that many are equal, and now and then NaN and infinities. */
static test_tensor arg_input(const arg_case *c, test_layout layout) {
    test_tensor small = test_input(c->rank, c->shape, TEST_EXACT, TEST_ROW_MAJOR);
    bool odd = test_coin();
    for (int64_t i = 0; odd && i < small.count; i++) {
        int64_t pick = test_int(0, 400);
        small.data[i] = pick == 0   ? NAN
                        : pick == 1 ? INFINITY
                        : pick == 2 ? -INFINITY
                                    : small.data[i];
    }
    test_tensor x = test_input_from(c->rank, c->shape, small.data, layout);
    test_free(&small);
    return x;
}

/* What the case means: the reduced axes, and the result's shape. */
static int32_t result_shape(const arg_case *c, bool keeps, bool *reduced, int64_t *shape) {
    int32_t rank = 0;
    for (int32_t axis = 0; axis < c->rank; axis++) {
        reduced[axis] = c->axis_count < 0;
        for (int32_t i = 0; i < c->axis_count; i++) {
            reduced[axis] = reduced[axis] || (c->axes[i] + c->rank) % c->rank == axis;
        }
        if (keeps || !reduced[axis]) {
            shape[rank++] = reduced[axis] ? 1 : c->shape[axis];
        }
    }
    return rank;
}

static cleat_status call(const arg_case *c, bool smallest, const test_tensor *x, cleat_tensor y,
    const cleat_arg_options *options) {
    return (smallest ? cleat_argmin : cleat_argmax)(test_context(), x->view,
        c->axis_count < 0 ? 0 : c->axis_count, c->axis_count < 0 ? NULL : c->axes, y, options);
}

/* The i32 or i64 results, row-major. The wide ones lie in every second place. */
static void run(const arg_case *c, bool smallest, const test_tensor *x, int32_t rank,
    const int64_t *shape, int64_t count, bool wide, const cleat_arg_options *options,
    int64_t *got) {
    int32_t *narrow = test_alloc(count, sizeof *narrow);
    if (wide) {
        int64_t doubled[5];
        cleat_tensor all, y;
        memcpy(doubled, shape, (size_t)rank * sizeof *shape);
        doubled[rank] = 2;
        test_ok(cleat_tensor_create(test_context(), CLEAT_I64, rank + 1, doubled, &all));
        y = all;
        y.rank = rank;
        y.offset = 1;
        test_ok(call(c, smallest, x, y, options));
        test_ok(cleat_read(test_context(), y, got, (size_t)count * sizeof *got));
        cleat_tensor_release(&all);
    } else {
        test_tensor y = test_output(rank, shape, TEST_STRIDED);
        y.view.type = CLEAT_I32;
        test_ok(call(c, smallest, x, y.view, options));
        test_ok(cleat_read(test_context(), y.view, narrow, (size_t)count * sizeof *narrow));
        for (int64_t i = 0; i < count; i++) {
            got[i] = narrow[i];
        }
        y.view.type = CLEAT_F32;
        test_fetch(&y); /* looks at what lies around it */
        test_free(&y);
    }
    free(narrow);
}

static void check(const arg_case *c, int round, test_layout layout) {
    bool smallest = round % 2, wide = round / 2 % 2;
    const cleat_arg_options options = {.select_last = test_coin()};
    bool reduced[CLEAT_MAX_RANK];
    int64_t shape[CLEAT_MAX_RANK], count = 1;
    int32_t rank = result_shape(c, test_coin(), reduced, shape);
    for (int32_t axis = 0; axis < rank; axis++) {
        count *= shape[axis];
    }
    test_tensor x = arg_input(c, layout);
    double *values = test_alloc(x.count, sizeof *values);
    reference_array array = {.rank = c->rank, .data = values};
    memcpy(array.shape, c->shape, sizeof c->shape);
    for (int64_t i = 0; i < x.count; i++) {
        values[i] = (double)x.data[i];
    }
    int64_t *want = test_alloc(count, sizeof *want), *got = test_alloc(count, sizeof *got);
    reference_arg(&array, reduced, smallest, options.select_last, want);
    run(c, smallest, &x, rank, shape, count, wide, &options, got);
    for (int64_t i = 0; i < count; i++) {
        ck_assert_msg(got[i] == want[i], "%s, %s, %s of equals: result %d is %d, not %d",
            variants[round % VARIANTS], smallest ? "argmin" : "argmax",
            options.select_last ? "last" : "first", (int)i, (int)got[i], (int)want[i]);
    }
    test_unchanged(&x);
    test_free(&x);
    free(values);
    free(want);
    free(got);
}

static void force(int round) {
    ck_assert_int_eq(setenv("CLEAT_REDUCE", variants[round % VARIANTS], 1), 0);
}

START_TEST(places) {
    for (int i = 0; i < TABLE; i++) {
        for (int round = 0; round < VARIANTS; round++) {
            if (round == VARIANTS - 1 || round == i % 4) {
                force(round);
                check(&table[i], round + 5 * i, i % 3 == 2 ? TEST_STRIDED : TEST_ROW_MAJOR);
            }
        }
    }
    unsetenv("CLEAT_REDUCE");
}
END_TEST

START_TEST(random_places) {
    for (int round = 0; round < test_rounds(8); round++) {
        arg_case c = {.rank = (int32_t)test_int(1, 4)};
        for (int32_t axis = 0; axis < c.rank; axis++) {
            c.shape[axis] = test_int(1, test_int(0, 2) == 0 ? 60 : 6);
            if (test_coin()) {
                c.axes[c.axis_count++] = axis;
            }
        }
        force(round);
        check(&c, round, test_coin() ? TEST_STRIDED : TEST_ROW_MAJOR);
    }
    unsetenv("CLEAT_REDUCE");
}
END_TEST

START_TEST(refuses_bad_calls) {
    cleat_context *context = test_context();
    const int64_t shape[] = {4, 3}, none[] = {4, 0};
    const int32_t axis = 1;
    test_tensor x = test_input(2, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor empty = test_input(2, none, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output(1, shape, TEST_ROW_MAJOR);
    test_refused(cleat_argmax(context, x.view, 1, &axis, y.view, NULL), CLEAT_TYPE_MISMATCH, "y");
    y.view.type = CLEAT_I32;
    test_refused(
        cleat_argmax(NULL, x.view, 1, &axis, y.view, NULL), CLEAT_INVALID_ARGUMENT, "context");
    test_refused(cleat_argmin(context, empty.view, 1, &axis, y.view, NULL), CLEAT_INVALID_ARGUMENT,
        "argmin: there is no element");
    test_refused(cleat_argmax(context, x.view, 1, (int32_t[]){2}, y.view, NULL),
        CLEAT_INVALID_ARGUMENT, "axis");
    test_refused(cleat_argmax(context, x.view, 0, NULL, y.view, NULL), CLEAT_SHAPE_MISMATCH,
        "argmax: y is [4]");
    cleat_tensor inside = x.view;
    inside.type = CLEAT_I32;
    inside.rank = 1;
    inside.stride[0] = 1;
    test_refused(cleat_argmax(context, x.view, 1, &axis, inside, NULL), CLEAT_OVERLAP, "y");
    cleat_tensor huge = x.view;
    huge.shape[1] = INT32_MAX;
    huge.stride[1] = 0;
    test_refused(
        cleat_argmax(context, huge, 1, &axis, y.view, NULL), CLEAT_UNSUPPORTED, "2147483647");
    test_unchanged(&x);
    test_unchanged(&y);
    test_free(&x);
    test_free(&empty);
    test_free(&y);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("arg");
    TCase *all = test_case(suite, "arg");
    tcase_add_test(all, places);
    tcase_add_test(all, random_places);
    tcase_add_test(all, refuses_bad_calls);
    return suite;
}
