/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

/* What one call is about: a shape and an axis, seen as [outer][count][inner]. */
typedef struct sum_case {
    int32_t rank, axis;
    int64_t shape[4];
} sum_case;

static const sum_case table[] = {
    {1, 0, {1}},
    {1, 0, {100003}},
    {2, 1, {37, 300}},
    {2, -1, {3, 20011}},
    {2, 0, {300, 37}},
    {2, 0, {20000, 21}},
    {2, 0, {900, 601}},
    {3, 1, {5, 67, 33}},
    {4, 2, {3, 5, 7, 4}},
    {2, 0, {0, 5}},
};
enum { TABLE = sizeof table / sizeof table[0] };

/* The sums, and those of the absolute values, in float64. */
static void reference(
    const sum_case *c, const float *x, bool exclusive, bool reverse, double *y, double *magnitude) {
    int32_t axis = c->axis < 0 ? c->axis + c->rank : c->axis;
    int64_t outer = 1, inner = 1, count = c->shape[axis];
    for (int32_t i = 0; i < c->rank; i++) {
        outer *= i < axis ? c->shape[i] : 1;
        inner *= i > axis ? c->shape[i] : 1;
    }
    for (int64_t line = 0; line < outer * inner; line++) {
        int64_t first = line / inner * count * inner + line % inner;
        double sum = 0, size = 0;
        for (int64_t j = 0; j < count; j++) {
            int64_t at = first + (reverse ? count - 1 - j : j) * inner;
            y[at] = sum;
            magnitude[at] = size;
            sum += (double)x[at];
            size += fabs((double)x[at]);
            y[at] = exclusive ? y[at] : sum;
            magnitude[at] = exclusive ? magnitude[at] : size;
        }
    }
}

static void compare(test_tensor *y, const double *want, const double *magnitude, bool exact,
    int64_t terms, const char *what) {
    test_fetch(y);
    if (exact) {
        test_equal(y, want, what);
    } else {
        test_bound(y, want, magnitude, terms, what);
    }
}

static void check(const sum_case *c, test_values values, test_layout layout, int way) {
    const cleat_cumulative_options options = {.exclusive = way % 2, .reverse = way / 2 % 2};
    const bool exact = values == TEST_EXACT;
    test_tensor x = test_input(c->rank, c->shape, values, layout);
    test_tensor y = test_output(c->rank, c->shape, layout);
    test_tensor dx = test_output(c->rank, c->shape, TEST_STRIDED);
    double *want = test_alloc(x.count, sizeof *want), *size = test_alloc(x.count, sizeof *size);
    int64_t terms = c->shape[c->axis < 0 ? c->axis + c->rank : c->axis];
    reference(c, x.data, options.exclusive, options.reverse, want, size);
    test_ok(cleat_cumulative_sum(test_context(), x.view, c->axis, y.view, &options));
    compare(&y, want, size, exact, terms, "sums");
    reference(c, x.data, options.exclusive, !options.reverse, want, size);
    test_ok(cleat_cumulative_sum_backward(test_context(), x.view, c->axis, dx.view, &options));
    compare(&dx, want, size, exact, terms, "gradient");
    test_unchanged(&x);
    float *first = test_alloc(x.count, sizeof *first);
    memcpy(first, y.data, (size_t)x.count * sizeof *first);
    test_ok(cleat_cumulative_sum(test_context(), x.view, c->axis, y.view, &options));
    test_fetch(&y);
    ck_assert_msg(memcmp(first, y.data, (size_t)x.count * sizeof *first) == 0, "other bits");
    free(first);
    reference(c, x.data, options.exclusive, options.reverse, want, size);
    test_ok(cleat_cumulative_sum(test_context(), x.view, c->axis, x.view, &options));
    compare(&x, want, size, exact, terms, "in place");
    free(want);
    free(size);
    test_free(&x);
    test_free(&y);
    test_free(&dx);
}

START_TEST(sums) {
    for (int i = 0; i < TABLE; i++) {
        check(&table[i], TEST_EXACT, TEST_ROW_MAJOR, i);
        check(&table[i], TEST_REAL, i % 3 == 1 ? TEST_STRIDED : TEST_ROW_MAJOR, i + 1);
    }
    for (int round = 0; round < test_rounds(6); round++) {
        sum_case c = {.rank = (int32_t)test_int(1, 4)};
        c.axis = (int32_t)test_int(0, c.rank - 1);
        for (int32_t axis = 0; axis < c.rank; axis++) {
            c.shape[axis] = test_int(1, 20);
        }
        check(&c, TEST_EXACT, test_coin() ? TEST_STRIDED : TEST_ROW_MAJOR, round);
    }
}
END_TEST

/* More than most devices' caches, so that stores go past them, in lines that begin at a line of
 * memory and such that don't, and in lines side by side; each way once. Small integers: all sums
 * are exact. */
START_TEST(sums_past_the_caches) {
    static const sum_case cases[] = {
        {2, 1, {3, 1500001}}, {2, 1, {4500, 1000}}, {2, 0, {1100, 4112}}, {2, 0, {1100, 4100}}};
    for (int i = 0; i < (test_rounds(4) < 4 ? 0 : 4); i++) {
        const sum_case *c = &cases[i];
        const cleat_cumulative_options options = {.exclusive = i % 2, .reverse = i % 3 == 1};
        test_tensor x = test_input(2, c->shape, TEST_EXACT, TEST_ROW_MAJOR);
        double *want = test_alloc(x.count, sizeof *want), *size = test_alloc(x.count, sizeof *size);
        float *got = test_alloc(x.count, sizeof *got);
        cleat_tensor y;
        test_ok(cleat_tensor_create(test_context(), CLEAT_F32, 2, c->shape, &y));
        test_ok(cleat_fill(test_context(), NAN, y));
        test_ok(cleat_cumulative_sum(test_context(), x.view, c->axis, y, &options));
        test_ok(cleat_read(test_context(), y, got, (size_t)x.count * sizeof *got));
        reference(c, x.data, options.exclusive, options.reverse, want, size);
        for (int64_t n = 0; n < x.count; n++) {
            if (!((double)got[n] == want[n])) {
                ck_abort_msg("element %d of case %d is %g", (int)n, i, (double)got[n]);
            }
        }
        cleat_tensor_release(&y);
        test_free(&x);
        free(want);
        free(size);
        free(got);
    }
}
END_TEST

/* <A x, y> = <x, A' y> for the sums A and their gradient A': exact on small integers. */
START_TEST(gradient_is_the_adjoint) {
    const sum_case c = {2, 1, {7, 50}};
    for (int way = 0; way < 4; way++) {
        test_tensor x = test_input(2, c.shape, TEST_EXACT, TEST_ROW_MAJOR);
        test_tensor dy = test_input(2, c.shape, TEST_EXACT, TEST_ROW_MAJOR);
        double y[350], dx[350], unused[350], one = 0, other = 0;
        reference(&c, x.data, way % 2, way / 2, y, unused);
        reference(&c, dy.data, way % 2, !(way / 2), dx, unused);
        for (int i = 0; i < 350; i++) {
            one += y[i] * (double)dy.data[i];
            other += dx[i] * (double)x.data[i];
        }
        ck_assert(one == other);
        test_free(&x);
        test_free(&dy);
    }
}
END_TEST

START_TEST(refuses_bad_calls) {
    cleat_context *context = test_context();
    const int64_t shape[] = {4, 3};
    test_tensor x = test_input(2, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output(2, shape, TEST_ROW_MAJOR);
    cleat_tensor turned = cleat_transpose(y.view), typed = y.view, wide = x.view;
    typed.type = CLEAT_I32;
    wide.shape[0] = 3;
    wide.offset += 3;
    cleat_tensor part = x.view;
    part.shape[0] = 3;
    test_refused(cleat_cumulative_sum(NULL, x.view, 0, y.view, NULL), CLEAT_INVALID_ARGUMENT,
        "cumulative_sum: ");
    test_refused(
        cleat_cumulative_sum(context, x.view, 2, y.view, NULL), CLEAT_INVALID_ARGUMENT, "axis");
    test_refused(cleat_cumulative_sum(context, x.view, 0, turned, NULL), CLEAT_SHAPE_MISMATCH, "y");
    test_refused(cleat_cumulative_sum(context, x.view, 0, typed, NULL), CLEAT_TYPE_MISMATCH, "y");
    test_refused(cleat_cumulative_sum_backward(context, part, 0, wide, NULL), CLEAT_OVERLAP,
        "cumulative_sum_backward: ");
    test_unchanged(&x);
    test_unchanged(&y);
    test_free(&x);
    test_free(&y);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("cumulative");
    TCase *all = test_case(suite, "cumulative");
    tcase_add_test(all, sums);
    tcase_add_test(all, sums_past_the_caches);
    tcase_add_test(all, gradient_is_the_adjoint);
    tcase_add_test(all, refuses_bad_calls);
    return suite;
}
