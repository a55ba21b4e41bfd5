/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"
#include "reference/reference_resize.h"

static const char *const variants[] = {"pixels", "rows"};

static int force(int round) {
    int variants_here = test_device_is_cpu() ? 2 : 1;
    ck_assert_int_eq(setenv("CLEAT_RESIZE", variants[round % variants_here], 1), 0);
    return variants_here;
}

typedef struct sizes {
    int64_t planes[2], rows, columns, to_rows, to_columns;
} sizes;

static const sizes table[] = {
    {{2, 3}, 9, 17, 18, 34},
    {{1, 1}, 20, 30, 7, 13},
    {{1, 2}, 5, 7, 5, 40},
    {{2, 1}, 1, 1, 4, 3},
    {{1, 1}, 8, 9, 1, 1},
    {{1, 1}, 3, 40, 70, 1100},
    {{1, 1}, 64, 50, 3, 5},
    {{1, 1}, 4, 300, 8, 600},
    {{1, 1}, 8, 6, 4, 3},
    {{0, 3}, 4, 4, 8, 8},
};
enum { TABLE = sizeof table / sizeof table[0] };

/* y[p] = rows x x[p] x columns^T, or its transpose; magnitudes are sums of what has a weight. */
static void apply(const sizes *s, const double *rows, const double *columns, bool transposed,
    const float *x, double *y, double *magnitude) {
    int64_t n = s->rows * s->columns, m = s->to_rows * s->to_columns;
    int64_t planes = s->planes[0] * s->planes[1];
    for (int64_t i = 0; i < planes * (transposed ? n : m); i++) {
        y[i] = 0;
        magnitude[i] = 0;
    }
    for (int64_t p = 0; p < planes; p++) {
        for (int64_t o = 0; o < m; o++) {
            for (int64_t i = 0; i < s->rows; i++) {
                double row = rows[o / s->to_columns * s->rows + i];
                for (int64_t j = 0; j < s->columns && row != 0; j++) {
                    double weight = row * columns[o % s->to_columns * s->columns + j];
                    int64_t at = p * n + i * s->columns + j, to = p * m + o;
                    double value = (double)x[transposed ? to : at];
                    y[transposed ? at : to] += weight * value;
                    magnitude[transposed ? at : to] += weight != 0 ? fabs(value) : 0;
                }
            }
        }
    }
}

static void check_resize(
    const sizes *s, const cleat_resize_options *options, bool transposed, test_layout layout) {
    int64_t small[] = {s->planes[0], s->planes[1], s->rows, s->columns};
    int64_t large[] = {s->planes[0], s->planes[1], s->to_rows, s->to_columns};
    double *rows = test_alloc(s->rows * s->to_rows, sizeof *rows);
    double *columns = test_alloc(s->columns * s->to_columns, sizeof *columns);
    reference_resize_matrix(options, s->rows, s->to_rows, rows);
    reference_resize_matrix(options, s->columns, s->to_columns, columns);
    test_values kind = options->mode == CLEAT_RESIZE_NEAREST ? TEST_EXACT : TEST_REAL;
    test_tensor x = test_input(4, transposed ? large : small, kind, layout);
    test_tensor y = test_output(4, transposed ? small : large, layout);
    test_tensor again = test_output(4, transposed ? small : large, layout);
    double *want = test_alloc(y.count, sizeof *want), *size = test_alloc(y.count, sizeof *size);
    apply(s, rows, columns, transposed, x.data, want, size);
    cleat_status (*call)(cleat_context *, cleat_tensor, cleat_tensor,
        const cleat_resize_options *) = transposed ? cleat_resize_backward : cleat_resize;
    test_ok(call(test_context(), x.view, y.view, options));
    test_ok(call(test_context(), x.view, again.view, options));
    test_fetch(&y);
    test_fetch(&again);
    if (options->mode == CLEAT_RESIZE_NEAREST) {
        test_equal(&y, want, "resize");
    } else {
        /* Errors of weights are absolute: a distance has 3 roundings, a cubic weight of it 8 more,
         * with terms up to 12; and so along both axes. */
        int64_t uses = transposed ? x.count / (y.count > 0 ? y.count : 1) : 0;
        test_bound(&y, want, size, 40 + 4 * uses, "resize");
    }
    test_same_bits(&y, &again, "resize, twice");
    test_unchanged(&x);
    test_free(&x);
    test_free(&y);
    test_free(&again);
    free(rows);
    free(columns);
    free(want);
    free(size);
}

/* Modes, coordinates and roundings side by side; each by the whole table. */
static const cleat_resize_options choices[] = {
    {.mode = CLEAT_RESIZE_LINEAR},
    {.mode = CLEAT_RESIZE_NEAREST},
    {.mode = CLEAT_RESIZE_CUBIC},
    {.mode = CLEAT_RESIZE_LINEAR, .coordinates = CLEAT_ALIGN_CORNERS},
    {.mode = CLEAT_RESIZE_CUBIC,
        .coordinates = CLEAT_PYTORCH_HALF_PIXEL,
        .cubic_coefficient = -0.5F},
    {.coordinates = CLEAT_ASYMMETRIC, .rounding = CLEAT_ROUND_FLOOR},
    {.rounding = CLEAT_ROUND_PREFER_CEIL},
    {.coordinates = CLEAT_ALIGN_CORNERS, .rounding = CLEAT_ROUND_CEIL},
};
enum { CHOICES = sizeof choices / sizeof choices[0] };

static void check_table(bool transposed) {
    for (int c = 0; c < (test_is_short() ? 4 : CHOICES); c++) {
        int here = force(c);
        for (int i = 0; i < TABLE; i++) {
            check_resize(&table[i], &choices[c], transposed,
                i % 4 == 3 || here == 1 ? TEST_ROWS : TEST_ROW_MAJOR);
        }
    }
    unsetenv("CLEAT_RESIZE");
    check_resize(&table[0], &choices[0], transposed, TEST_STRIDED);
}

START_TEST(forward) {
    check_table(false);
}
END_TEST

START_TEST(backward) {
    check_table(true);
}
END_TEST

/* What gives nothing does not bring its NaN along. */
START_TEST(unused_elements) {
    float slopes[] = {NAN, 2, 3, 4, 5};
    double want[] = {NAN, 9};
    int64_t five[] = {1, 5}, two[] = {1, 2};
    test_tensor dy = test_input_from(2, five, slopes, TEST_ROW_MAJOR);
    test_tensor dx = test_output(2, two, TEST_ROW_MAJOR);
    for (int round = 0; round < 2; round++) {
        force(round);
        test_ok(cleat_resize_backward(test_context(), dy.view, dx.view, NULL));
        test_fetch(&dx);
        test_equal(&dx, want, "gradient of nearest with NaN");
    }
    unsetenv("CLEAT_RESIZE");
    test_free(&dy);
    test_free(&dx);
}
END_TEST

START_TEST(refuses_bad_calls) {
    cleat_context *context = test_context();
    int64_t shape[] = {2, 4, 5}, other[] = {3, 8, 8}, none[] = {2, 0, 5}, line[] = {5};
    test_tensor x = test_input(3, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output(3, other, TEST_ROW_MAJOR);
    test_tensor empty = test_output(3, none, TEST_ROW_MAJOR);
    test_tensor flat = test_output(1, line, TEST_ROW_MAJOR);
    test_tensor i = test_typed(CLEAT_I32, 3, shape, NULL, TEST_ROW_MAJOR);
    const cleat_resize_options modes[] = {{.mode = (cleat_resize_mode)3},
        {.coordinates = (cleat_resize_coordinates)4}, {.rounding = (cleat_resize_rounding)4}};
    test_refused(cleat_resize(NULL, x.view, y.view, NULL), CLEAT_INVALID_ARGUMENT, "resize");
    test_refused(cleat_resize(context, x.view, y.view, NULL), CLEAT_SHAPE_MISMATCH, "[2, 4, 5]");
    test_refused(cleat_resize(context, flat.view, flat.view, NULL), CLEAT_SHAPE_MISMATCH, "[5]");
    test_refused(cleat_resize(context, i.view, x.view, NULL), CLEAT_TYPE_MISMATCH, "x has");
    test_refused(cleat_resize(context, x.view, x.view, NULL), CLEAT_OVERLAP, "y overlaps x");
    test_refused(
        cleat_resize(context, empty.view, x.view, NULL), CLEAT_SHAPE_MISMATCH, "no elements");
    for (int n = 0; n < 3; n++) {
        test_refused(
            cleat_resize(context, x.view, y.view, &modes[n]), CLEAT_INVALID_ARGUMENT, "is no");
    }
    test_refused(cleat_resize_backward(context, x.view, y.view, NULL), CLEAT_SHAPE_MISMATCH,
        "resize_backward: dy");
    test_ok(cleat_resize(context, x.view, empty.view, NULL));
    test_unchanged(&x);
    test_unchanged(&y);
    test_free(&x);
    test_free(&y);
    test_free(&empty);
    test_free(&flat);
    test_free(&i);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("resize");
    TCase *resize = test_case(suite, "resize");
    tcase_add_test(resize, forward);
    tcase_add_test(resize, backward);
    tcase_add_test(resize, unused_elements);
    tcase_add_test(resize, refuses_bad_calls);
    return suite;
}
