/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"
#include "reference/reference_local_response_norm.h"

static const char *const variants[] = {NULL, "items"};
enum { VARIANTS = sizeof variants / sizeof *variants };

static void force(const char *variant) {
    if (variant != NULL) {
        setenv("CLEAT_LOCAL_RESPONSE_NORM", variant, 1);
    } else {
        unsetenv("CLEAT_LOCAL_RESPONSE_NORM");
    }
}

typedef struct norm_case {
    int32_t rank;
    int64_t shape[4];
    int64_t size;
    test_layout layout;
    float alpha, beta, bias; /* 0: the defaults, 1 of the bias */
} norm_case;

static const norm_case table[] = {
    {4, {2, 7, 5, 9}, 5, TEST_ROW_MAJOR, 0.5F, 0, 2},
    {4, {2, 7, 5, 9}, 4, TEST_STRIDED, 2, 0, 1},
    {4, {3, 6, 5, 7}, 3, TEST_CHANNELS_LAST, 1, 0, 0.5F},
    {3, {2, 12, 1100}, 5, TEST_ROW_MAJOR, 0, 0, 0},
    {3, {2, 3, 37}, 100, TEST_ROW_MAJOR, 3, 0, 1},
    {2, {3, 5}, 2, TEST_ROW_MAJOR, 1, 0, 1},
    {2, {1, 1}, 1, TEST_ROW_MAJOR, 1, 0, 1},
    {3, {2, 1, 20}, 5, TEST_ROW_MAJOR, 1, 0, 1},
    {3, {3, 9, 20}, 3, TEST_ROW_MAJOR, 1, 1, 1},
    {3, {3, 9, 20}, 3, TEST_ROW_MAJOR, 1, 0.5F, 1},
    {3, {3, 9, 20}, 4, TEST_ROW_MAJOR, 1, 0.25F, 1},
    {3, {3, 9, 20}, 5, TEST_ROW_MAJOR, 1, 0.6F, 1},
    {4, {2, 0, 3, 3}, 3, TEST_ROW_MAJOR, 1, 0, 1},
};
enum { TABLE = sizeof table / sizeof *table };

static cleat_local_response_norm_options options_of(const norm_case *c) {
    return (cleat_local_response_norm_options){
        .alpha = c->alpha, .beta = c->beta, .bias = c->bias != 0 ? &c->bias : NULL};
}

static reference_local_norm reference_of(const norm_case *c) {
    reference_local_norm n = {.outer = c->shape[0],
        .channels = c->shape[1],
        .inner = 1,
        .size = c->size,
        .alpha = c->alpha != 0 ? (double)c->alpha : 1e-4,
        .beta = c->beta != 0 ? (double)c->beta : 0.75,
        .bias = c->bias != 0 ? (double)c->bias : 1};
    for (int32_t axis = 2; axis < c->rank; axis++) {
        n.inner *= c->shape[axis];
    }
    return n;
}

/* Beside the sums' roundings, which count at most once (beta <= 1): 8 of the power and the
 * products, 16 more where the power is any. */
static int64_t terms_of(const norm_case *c) {
    const bool is_quick = fmod((double)c->beta, 0.25) == 0;
    return (c->size < c->shape[1] ? c->size : c->shape[1]) + (is_quick ? 8 : 24);
}

static void check_forward(const norm_case *c, const test_tensor *x, const char *what) {
    const cleat_local_response_norm_options options = options_of(c);
    const reference_local_norm n = reference_of(c);
    double *values = test_doubles(x);
    double *want = test_alloc(x->count, sizeof *want);
    double *magnitude = test_alloc(x->count, sizeof *magnitude);
    test_tensor y = test_output(c->rank, c->shape, c->layout);
    test_tensor again = test_output(c->rank, c->shape, c->layout);
    test_ok(cleat_local_response_norm(test_context(), x->view, c->size, y.view, &options));
    test_ok(cleat_local_response_norm(test_context(), x->view, c->size, again.view, &options));
    test_fetch(&y);
    test_fetch(&again);
    test_same_bits(&y, &again, what);
    reference_local_response_norm(&n, values, want);
    for (int64_t i = 0; i < x->count; i++) {
        magnitude[i] = fabs(want[i]);
    }
    test_bound(&y, want, magnitude, terms_of(c), what);
    free(values);
    free(want);
    free(magnitude);
    test_free(&y);
    test_free(&again);
}

static void check_backward(const norm_case *c, const test_tensor *x, const char *what) {
    const cleat_local_response_norm_options options = options_of(c);
    const reference_local_norm n = reference_of(c);
    test_tensor dy = test_input(c->rank, c->shape, TEST_REAL, c->layout);
    double *values = test_doubles(x), *slopes = test_doubles(&dy);
    double *want = test_alloc(x->count, sizeof *want);
    double *magnitude = test_alloc(x->count, sizeof *magnitude);
    test_tensor dx = test_output(c->rank, c->shape, c->layout);
    test_tensor again = test_output(c->rank, c->shape, c->layout);
    for (int i = 0; i < 2; i++) {
        test_tensor *to = i == 0 ? &dx : &again;
        test_ok(cleat_local_response_norm_backward(
            test_context(), x->view, c->size, dy.view, to->view, &options));
        test_fetch(to);
    }
    test_same_bits(&dx, &again, what);
    reference_local_response_norm_backward(&n, values, slopes, want, magnitude);
    test_bound(&dx, want, magnitude, 2 * terms_of(c), what);
    free(values);
    free(slopes);
    free(want);
    free(magnitude);
    test_free(&dy);
    test_free(&dx);
    test_free(&again);
}

static void check(const norm_case *c, test_tensor *x) {
    for (int v = 0; v < VARIANTS; v++) {
        char what[120];
        snprintf(what, sizeof what, "%d axes, %d channels, windows of %d, beta %g, by %s", c->rank,
            (int)c->shape[1], (int)c->size, (double)c->beta,
            variants[v] != NULL ? variants[v] : "default");
        force(variants[v]);
        check_forward(c, x, what);
        check_backward(c, x, what);
    }
    force(NULL);
    test_unchanged(x);
}

START_TEST(test_table) {
    for (int i = 0; i < TABLE; i++) {
        test_tensor x = test_input(table[i].rank, table[i].shape, TEST_EXACT, table[i].layout);
        check(&table[i], &x);
        test_free(&x);
    }
}
END_TEST

START_TEST(test_random) {
    for (int round = 0; round < test_rounds(8); round++) {
        norm_case c = {.rank = 4, .size = test_int(1, 9), .alpha = (float)test_real(0.1, 2)};
        c.bias = (float)test_real(0.5, 2);
        c.layout = test_coin() ? TEST_STRIDED : TEST_ROW_MAJOR;
        for (int axis = 0; axis < 4; axis++) {
            c.shape[axis] = test_int(2, 9);
        }
        test_tensor x = test_input(c.rank, c.shape, TEST_REAL, c.layout);
        check(&c, &x);
        test_free(&x);
    }
}
END_TEST

/* Results that go past the caches. */
START_TEST(test_large) {
    if (!test_is_short() && test_device_is_cpu()) {
        const norm_case c = {3, {3, 40, 24000}, 5, TEST_ROW_MAJOR, 1, 0, 1};
        test_tensor x = test_input(c.rank, c.shape, TEST_REAL, c.layout);
        check_forward(&c, &x, "large");
        check_backward(&c, &x, "large");
        test_free(&x);
    }
}
END_TEST

/* Integers whose sums are exact: y is a quotient, rounded twice. */
START_TEST(test_exact_sums) {
    norm_case c = {4, {2, 9, 3, 11}, 4, TEST_STRIDED, 4, 1, 1};
    test_tensor x = test_input(c.rank, c.shape, TEST_EXACT, c.layout);
    const reference_local_norm n = reference_of(&c);
    double *values = test_doubles(&x), *want = test_alloc(x.count, sizeof *want);
    const cleat_local_response_norm_options options = options_of(&c);
    reference_local_response_norm(&n, values, want);
    for (int v = 0; v < VARIANTS; v++) {
        force(variants[v]);
        test_tensor y = test_output(c.rank, c.shape, TEST_ROW_MAJOR);
        test_ok(cleat_local_response_norm(test_context(), x.view, c.size, y.view, &options));
        test_fetch(&y);
        test_ulp(&y, want, 4, "a quotient of integers");
        test_free(&y);
    }
    force(NULL);
    free(values);
    free(want);
    test_free(&x);
}
END_TEST

/* NaN spoils the windows that it is in; an infinite element makes its own NaN and the others 0. */
START_TEST(test_special_values) {
    const norm_case c = {3, {2, 8, 21}, 3, TEST_ROW_MAJOR, 1, 0, 1};
    float data[2 * 8 * 21];
    for (int i = 0; i < 2 * 8 * 21; i++) {
        data[i] = (float)test_real(-1, 1);
    }
    data[3 * 21 + 20] = NAN;
    data[8 * 21 + 2] = INFINITY;
    test_tensor x = test_input_from(c.rank, c.shape, data, c.layout);
    check(&c, &x);
    test_free(&x);
}
END_TEST

START_TEST(test_reference_gradient) {
    const reference_local_norm n = {2, 6, 3, 4, 1.5, 0.75, 0.7};
    enum { COUNT = 36 };
    const double step = 1e-6;
    double x[COUNT], dy[COUNT], y[COUNT], dx[COUNT];
    for (int i = 0; i < COUNT; i++) {
        x[i] = test_real(-2, 2);
        dy[i] = test_real(-1, 1);
    }
    reference_local_response_norm_backward(&n, x, dy, dx, NULL);
    for (int i = 0; i < COUNT; i++) {
        double old = x[i], slope = 0;
        for (int side = -1; side <= 1; side += 2) {
            x[i] = old + side * step;
            reference_local_response_norm(&n, x, y);
            for (int k = 0; k < COUNT; k++) {
                slope += side * dy[k] * y[k] / (2 * step);
            }
        }
        x[i] = old;
        if (!(fabs(slope - dx[i]) < 1e-8)) {
            ck_abort_msg("element %d: %g, slope %g", i, dx[i], slope);
        }
    }
}
END_TEST

START_TEST(test_refusals) {
    cleat_context *context = test_context();
    test_tensor a = test_input(3, (int64_t[]){2, 6, 5}, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output(3, (int64_t[]){2, 6, 5}, TEST_ROW_MAJOR);
    test_tensor other = test_output(3, (int64_t[]){2, 5, 6}, TEST_ROW_MAJOR);
    cleat_tensor x = a.view, row = x;
    const cleat_local_response_norm_options below = {.alpha = -1}, nan = {.beta = NAN};
    row.rank = 1;
    test_refused(cleat_local_response_norm(NULL, x, 3, y.view, NULL), CLEAT_INVALID_ARGUMENT,
        "local_response_norm: ");
    test_refused(cleat_local_response_norm(context, row, 3, y.view, NULL), CLEAT_SHAPE_MISMATCH,
        "x has 1 axes, must have samples and channels at least");
    test_refused(cleat_local_response_norm(context, x, 0, y.view, NULL), CLEAT_INVALID_ARGUMENT,
        "size is 0, must be 1 at least");
    test_refused(cleat_local_response_norm(context, x, 3, y.view, &below), CLEAT_INVALID_ARGUMENT,
        "alpha is -1 and beta 0, neither may be below 0");
    test_refused(cleat_local_response_norm(context, x, 3, y.view, &nan), CLEAT_INVALID_ARGUMENT,
        "neither may be below 0");
    test_refused(cleat_local_response_norm(context, x, 3, other.view, NULL), CLEAT_SHAPE_MISMATCH,
        "local_response_norm: ");
    test_refused(
        cleat_local_response_norm(context, x, 3, x, NULL), CLEAT_OVERLAP, "local_response_norm: ");
    test_refused(cleat_local_response_norm_backward(context, x, 3, other.view, y.view, NULL),
        CLEAT_SHAPE_MISMATCH, "local_response_norm_backward: ");
    test_refused(cleat_local_response_norm_backward(context, x, 3, y.view, y.view, NULL),
        CLEAT_OVERLAP, "local_response_norm_backward: ");
    test_refused(cleat_local_response_norm_backward(context, x, 3, y.view, x, NULL), CLEAT_OVERLAP,
        "local_response_norm_backward: ");
    force("columns");
    test_refused(cleat_local_response_norm(context, x, 3, y.view, NULL), CLEAT_INVALID_ARGUMENT,
        "strips, items");
    force(NULL);
    test_unchanged(&a);
    test_unchanged(&y);
    test_unchanged(&other);
    test_free(&a);
    test_free(&y);
    test_free(&other);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("local_response_norm");
    TCase *all = test_case(suite, "local_response_norm");
    tcase_add_test(all, test_table);
    tcase_add_test(all, test_random);
    tcase_add_test(all, test_large);
    tcase_add_test(all, test_exact_sums);
    tcase_add_test(all, test_special_values);
    tcase_add_test(all, test_reference_gradient);
    tcase_add_test(all, test_refusals);
    return suite;
}
