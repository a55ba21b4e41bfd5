/* SPDX-License-Identifier: Apache-2.0 */
/* Backward convolutions that are told that most of dy is 0: against the reference, exact and within
 * the bound, twice the same bits, added to what is there; by the variant that leaves zeros out and
 * by the one that the library chooses. Dense dy, layouts and edges of every kind: test_conv2d.c. */
#include "harness.h"
#include "reference/reference_conv2d.h"

/* {x, w, y, stride, padding, dilation, groups}; y is worked out. */
static const reference_conv2d shapes[] = {
    /* layers behind which there is a pooling */
    {{17, 32, 28, 28}, {32, 32, 3, 3}, {0}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 1},
    {{16, 32, 14, 14}, {64, 32, 3, 3}, {0}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 1},
    /* several blocks of channels, three words of outputs, rows shorter than a vector, bands */
    {{2, 50, 40, 11}, {70, 50, 3, 3}, {0}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 1},
    {{3, 40, 9, 37}, {6, 20, 4, 3}, {0}, {1, 1}, {2, 0, 0, 3}, {1, 1}, 2},
    /* channels of one vector, squares of taps that reach beyond the window, steps */
    {{4, 16, 19, 18}, {5, 16, 5, 5}, {0}, {2, 1}, {2, 2, 2, 2}, {1, 1}, 1},
    /* many images to a part */
    {{35, 17, 5, 6}, {3, 17, 3, 3}, {0}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 1},
    /* no variant for it */
    {{1, 16, 9, 9}, {4, 16, 3, 3}, {0}, {1, 1}, {2, 2, 2, 2}, {2, 2}, 1},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static cleat_conv2d_options options_of(const reference_conv2d *c) {
    cleat_conv2d_options options = {.groups = c->groups, .sparse_dy = true};
    memcpy(options.stride, c->stride, sizeof options.stride);
    memcpy(options.padding, c->padding, sizeof options.padding);
    memcpy(options.dilation, c->dilation, sizeof options.dilation);
    return options;
}

static double *doubles(const test_tensor *t) {
    double *values = test_alloc(t->count, sizeof *values);
    for (int64_t i = 0; i < t->count; i++) {
        values[i] = (double)t->data[i];
    }
    return values;
}

/* `share` elements of 8 stay, and the first and the last; -0 is among the zeros. */
static test_tensor sparse_input(
    const int64_t *shape, test_values values, test_layout layout, int share) {
    test_tensor full = test_input(4, shape, values, TEST_ROW_MAJOR);
    for (int64_t i = 1; i + 1 < full.count; i++) {
        if (test_int(0, 7) >= share) {
            full.data[i] = test_coin() ? 0.0f : -0.0f;
        }
    }
    test_tensor sparse = test_input_from(4, shape, full.data, layout);
    test_free(&full);
    return sparse;
}

/* One direction of one case. */
typedef struct sparse_case {
    reference_conv2d c;
    bool data; /* direction */
    test_values values;
    test_tensor dy, other;
    double *want, *magnitude;
    int64_t terms, count;
} sparse_case;

static void make_reference(sparse_case *k) {
    const reference_conv2d *c = &k->c;
    const int64_t *shape = k->data ? c->x : c->w;
    k->count = shape[0] * shape[1] * shape[2] * shape[3];
    k->terms =
        (k->data ? c->w[0] / c->groups * c->w[2] * c->w[3] : c->y[0] * c->y[2] * c->y[3]) + 1;
    k->want = test_alloc(k->count, sizeof(double));
    k->magnitude = test_alloc(k->count, sizeof(double));
    double *dy = doubles(&k->dy), *other = doubles(&k->other);
    if (k->data) {
        reference_conv2d_data(c, dy, other, k->want, k->magnitude);
    } else {
        reference_conv2d_weights(c, other, dy, k->want, k->magnitude);
    }
    free(dy);
    free(other);
}

static cleat_status run(
    const sparse_case *k, cleat_tensor result, const char *variant, bool accumulate) {
    cleat_conv2d_options options = options_of(&k->c);
    options.variant = variant;
    options.accumulate = accumulate;
    return k->data ? cleat_conv2d_backward_data(
                         test_context(), k->dy.view, k->other.view, result, &options)
                   : cleat_conv2d_backward_weights(
                         test_context(), k->other.view, k->dy.view, result, &options);
}

static void check(const sparse_case *k, test_tensor *got, const char *what) {
    test_fetch(got);
    if (k->values == TEST_EXACT) {
        test_equal(got, k->want, what);
    } else {
        test_bound(got, k->want, k->magnitude, k->terms, what);
    }
}

static void check_accumulate(sparse_case *k, const char *variant, const char *what) {
    const int64_t *shape = k->data ? k->c.x : k->c.w;
    test_tensor got = test_input(4, shape, k->values, TEST_ROW_MAJOR);
    for (int64_t i = 0; i < k->count; i++) {
        k->want[i] += (double)got.data[i];
        k->magnitude[i] += fabs((double)got.data[i]);
    }
    double *before = doubles(&got);
    test_ok(run(k, got.view, variant, true));
    check(k, &got, what);
    for (int64_t i = 0; i < k->count; i++) {
        k->want[i] -= before[i];
    }
    free(before);
    test_free(&got);
}

static void check_variant(sparse_case *k, const char *variant, test_layout layout) {
    const int64_t *shape = k->data ? k->c.x : k->c.w;
    char what[120];
    snprintf(what, sizeof what, "%s to the %s, %d x %d, %d channels, %d outputs",
        variant ? variant : "own choice", k->data ? "data" : "weights", (int)k->c.w[2],
        (int)k->c.w[3], (int)k->c.x[1], (int)k->c.w[0]);
    test_tensor first = test_output(4, shape, layout), second = test_output(4, shape, layout);
    const cleat_status status = run(k, first.view, variant, false);
    if (variant == NULL || status != CLEAT_UNSUPPORTED) {
        test_ok(status);
        check(k, &first, what);
        test_ok(run(k, second.view, variant, false));
        test_fetch(&second);
        test_same_bits(&first, &second, what);
        check_accumulate(k, variant, what);
    }
    test_free(&first);
    test_free(&second);
}

static void check_shape(int index, bool data, test_values values, int share) {
    static const test_layout layouts[] = {TEST_ROW_MAJOR, TEST_ROWS, TEST_CHANNELS_LAST};
    sparse_case k = {.c = shapes[index], .data = data, .values = values};
    if (test_is_short() && index < 2) {
        k.c.x[0] = 3;
    }
    const cleat_conv2d_options options = options_of(&k.c);
    test_ok(cleat_conv2d_shape(k.c.x, k.c.w, &options, k.c.y));
    const int64_t *y = k.c.y, *w = k.c.w;
    if (!test_wants_work(y[0] * y[1] * y[2] * y[3] * w[1] * w[2] * w[3])) {
        return;
    }
    const test_layout layout = layouts[(index + share) % 3];
    k.dy = sparse_input(k.c.y, values, layout, share);
    k.other = test_input(4, data ? k.c.w : k.c.x, values, layouts[(index + data) % 3]);
    make_reference(&k);
    check_variant(&k, "cpu_sparse", layouts[index % 3]);
    check_variant(&k, NULL, TEST_ROW_MAJOR);
    test_free(&k.dy);
    test_free(&k.other);
    free(k.want);
    free(k.magnitude);
}

START_TEST(test_exact) {
    for (int i = 0; i < SHAPES; i++) {
        check_shape(i, _i == 0, TEST_EXACT, i % 3);
    }
}
END_TEST

START_TEST(test_within_bound) {
    for (int i = 0; i < SHAPES; i++) {
        check_shape(i, _i == 0, TEST_REAL, 2);
    }
}
END_TEST

/* A value of dy that is not finite reaches the results whose sums hold it, and no others; its
 * windows meet no padding. */
START_TEST(test_special_values) {
    static const float values[] = {NAN, INFINITY, -INFINITY};
    const bool data = _i == 0;
    for (int i = 0; i < 3; i++) {
        sparse_case k = {.c = shapes[i + 2], .data = data, .values = TEST_EXACT};
        const cleat_conv2d_options options = options_of(&k.c);
        test_ok(cleat_conv2d_shape(k.c.x, k.c.w, &options, k.c.y));
        test_tensor dy = sparse_input(k.c.y, TEST_EXACT, TEST_ROW_MAJOR, 1);
        const int64_t *y = k.c.y;
        const int64_t image = test_int(0, y[0] * y[1] - 1);
        dy.data[(image * y[2] + y[2] / 2) * y[3] + y[3] / 2] = values[i];
        k.dy = test_input_from(4, k.c.y, dy.data, TEST_ROW_MAJOR);
        k.other = test_input(4, data ? k.c.w : k.c.x, TEST_EXACT, TEST_ROW_MAJOR);
        make_reference(&k);
        test_tensor got = test_output(4, data ? k.c.x : k.c.w, TEST_ROW_MAJOR);
        const cleat_status status = run(&k, got.view, "cpu_sparse", false);
        if (status != CLEAT_UNSUPPORTED) {
            test_ok(status);
            check(&k, &got, "dy with a value that is not finite");
        }
        test_free(&got);
        test_free(&dy);
        test_free(&k.dy);
        test_free(&k.other);
        free(k.want);
        free(k.magnitude);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("conv2d_sparse");
    static const char *const names[] = {"data", "weights"};
    for (int i = 0; i < 2; i++) {
        TCase *direction = tcase_create(names[i]);
        tcase_set_timeout(direction, 600);
        tcase_add_loop_test(direction, test_exact, i, i + 1);
        tcase_add_loop_test(direction, test_within_bound, i, i + 1);
        tcase_add_loop_test(direction, test_special_values, i, i + 1);
        suite_add_tcase(suite, direction);
    }
    return suite;
}
