/* SPDX-License-Identifier: Apache-2.0 */
/* Backward convolutions that are told that most of dy is 0: against the reference, exact and within
 * the bound, twice the same bits, added to what is there; by the variant that leaves zeros out and
 * by the one that the library chooses. Dense dy, layouts and edges of every kind: test_conv2d.c. */
#include "conv2d_case.h"
#include "harness.h"

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
    cleat_conv2d_options options = conv2d_case_options(c);
    options.sparse_x = options.sparse_dy = true;
    return options;
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

/* One direction of one case. `sparse` is x or dy, `other` x or the weights. */
typedef struct sparse_case {
    reference_conv2d c;
    cleat_conv2d_direction direction;
    test_values values;
    test_tensor sparse, other, bias;
    double *want, *magnitude;
    int64_t terms, count;
} sparse_case;

static const int64_t *sparse_shape(const sparse_case *k) {
    return k->direction == CLEAT_CONV2D_FORWARD ? k->c.x : k->c.y;
}

static const int64_t *other_shape(const sparse_case *k) {
    return k->direction == CLEAT_CONV2D_BACKWARD_WEIGHTS ? k->c.x : k->c.w;
}

static const int64_t *result_shape(const sparse_case *k) {
    return k->direction == CLEAT_CONV2D_FORWARD         ? k->c.y
           : k->direction == CLEAT_CONV2D_BACKWARD_DATA ? k->c.x
                                                        : k->c.w;
}

/* Forward with a bias and relu. */
static void make_reference(sparse_case *k) {
    const reference_conv2d *c = &k->c;
    const int64_t *shape = result_shape(k), window = c->w[2] * c->w[3];
    k->count = shape[0] * shape[1] * shape[2] * shape[3];
    k->want = test_alloc(k->count, sizeof(double));
    k->magnitude = test_alloc(k->count, sizeof(double));
    double *sparse = test_doubles(&k->sparse), *other = test_doubles(&k->other),
           *bias = test_doubles(&k->bias);
    if (k->direction == CLEAT_CONV2D_FORWARD) {
        k->terms = c->w[1] * window + 1;
        reference_conv2d_forward(c, sparse, other, bias, k->want, k->magnitude);
        for (int64_t i = 0; i < k->count; i++) {
            k->want[i] = k->want[i] <= 0 ? 0 : k->want[i];
        }
    } else if (k->direction == CLEAT_CONV2D_BACKWARD_DATA) {
        k->terms = c->w[0] / c->groups * window + 1;
        reference_conv2d_data(c, sparse, other, k->want, k->magnitude);
    } else {
        k->terms = c->y[0] * c->y[2] * c->y[3] + 1;
        reference_conv2d_weights(c, other, sparse, k->want, k->magnitude);
    }
    free(sparse);
    free(other);
    free(bias);
}

static void make_case(
    sparse_case *k, test_layout sparse_layout, test_layout other_layout, int share) {
    k->sparse = sparse_input(sparse_shape(k), k->values, sparse_layout, share);
    k->other = test_input(4, other_shape(k), k->values, other_layout);
    k->bias = test_input(1, k->c.w, k->values, TEST_STRIDED);
    make_reference(k);
}

static void free_case(sparse_case *k) {
    test_free(&k->sparse);
    test_free(&k->other);
    test_free(&k->bias);
    free(k->want);
    free(k->magnitude);
}

static cleat_status run(
    const sparse_case *k, cleat_tensor result, const char *variant, bool accumulate) {
    cleat_conv2d_options options = options_of(&k->c);
    cleat_context *context = test_context();
    const cleat_tensor sparse = k->sparse.view, other = k->other.view;
    options.variant = variant;
    options.accumulate = accumulate;
    if (k->direction == CLEAT_CONV2D_FORWARD) {
        options.bias = &k->bias.view;
        options.activation = CLEAT_RELU;
        return cleat_conv2d(context, sparse, other, result, &options);
    }
    return k->direction == CLEAT_CONV2D_BACKWARD_DATA
               ? cleat_conv2d_backward_data(context, sparse, other, result, &options)
               : cleat_conv2d_backward_weights(context, other, sparse, result, &options);
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
    test_tensor got = test_input(4, result_shape(k), k->values, TEST_ROW_MAJOR);
    for (int64_t i = 0; i < k->count; i++) {
        k->want[i] += (double)got.data[i];
        k->magnitude[i] += fabs((double)got.data[i]);
    }
    double *before = test_doubles(&got);
    test_ok(run(k, got.view, variant, true));
    check(k, &got, what);
    for (int64_t i = 0; i < k->count; i++) {
        k->want[i] -= before[i];
    }
    free(before);
    test_free(&got);
}

static const char *const names[] = {"forward", "data", "weights"};

static void check_variant(sparse_case *k, const char *variant, test_layout layout) {
    const int64_t *shape = result_shape(k);
    char what[120];
    snprintf(what, sizeof what, "%s, %s, %d x %d, %d channels, %d outputs",
        variant ? variant : "own choice", names[k->direction], (int)k->c.w[2], (int)k->c.w[3],
        (int)k->c.x[1], (int)k->c.w[0]);
    test_tensor first = test_output(4, shape, layout), second = test_output(4, shape, layout);
    const cleat_status status = run(k, first.view, variant, false);
    if (variant == NULL || status != CLEAT_UNSUPPORTED) {
        test_ok(status);
        check(k, &first, what);
        test_ok(run(k, second.view, variant, false));
        test_fetch(&second);
        test_same_bits(&first, &second, what);
        if (k->direction != CLEAT_CONV2D_FORWARD) {
            check_accumulate(k, variant, what);
        }
    }
    test_free(&first);
    test_free(&second);
}

static void check_shape(
    int index, cleat_conv2d_direction direction, test_values values, int share) {
    static const test_layout layouts[] = {TEST_ROW_MAJOR, TEST_ROWS, TEST_CHANNELS_LAST};
    sparse_case k = {.c = shapes[index], .direction = direction, .values = values};
    if (test_is_short() && index < 2) {
        k.c.x[0] = 3;
    }
    const cleat_conv2d_options options = options_of(&k.c);
    test_ok(cleat_conv2d_shape(k.c.x, k.c.w, &options, k.c.y));
    const int64_t *y = k.c.y, *w = k.c.w;
    if (!test_wants_work(y[0] * y[1] * y[2] * y[3] * w[1] * w[2] * w[3])) {
        return;
    }
    make_case(&k, layouts[(index + share) % 3], layouts[(index + (int)direction) % 3], share);
    check_variant(&k, "cpu_sparse", layouts[index % 3]);
    check_variant(&k, NULL, TEST_ROW_MAJOR);
    free_case(&k);
}

START_TEST(test_exact) {
    for (int i = 0; i < SHAPES; i++) {
        check_shape(i, (cleat_conv2d_direction)_i, TEST_EXACT, i % 3);
    }
}
END_TEST

START_TEST(test_within_bound) {
    for (int i = 0; i < SHAPES; i++) {
        check_shape(i, (cleat_conv2d_direction)_i, TEST_REAL, 2);
    }
}
END_TEST

/* A value of x or dy that is not finite reaches the results whose sums hold it, and no others; its
 * windows meet no padding. */
START_TEST(test_special_values) {
    static const float values[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        sparse_case k = {
            .c = shapes[i + 2], .direction = (cleat_conv2d_direction)_i, .values = TEST_EXACT};
        const cleat_conv2d_options options = options_of(&k.c);
        test_ok(cleat_conv2d_shape(k.c.x, k.c.w, &options, k.c.y));
        make_case(&k, TEST_ROW_MAJOR, TEST_ROW_MAJOR, 1);
        const int64_t *shape = sparse_shape(&k);
        const int64_t image = test_int(0, shape[0] * shape[1] - 1);
        k.sparse.data[(image * shape[2] + shape[2] / 2) * shape[3] + shape[3] / 2] = values[i];
        test_tensor poisoned = test_input_from(4, shape, k.sparse.data, TEST_ROW_MAJOR);
        test_free(&k.sparse);
        free(k.want);
        free(k.magnitude);
        k.sparse = poisoned;
        make_reference(&k);
        test_tensor got = test_output(4, result_shape(&k), TEST_ROW_MAJOR);
        const cleat_status status = run(&k, got.view, "cpu_sparse", false);
        if (status != CLEAT_UNSUPPORTED) {
            test_ok(status);
            check(&k, &got, "with a value that is not finite");
        }
        test_free(&got);
        free_case(&k);
    }
}
END_TEST

/* Calls of kernels whose names begin like this since the last time. */
static uint64_t calls_of(cleat_context *context, const char *kernel) {
    cleat_profile_row rows[32];
    size_t count = 0;
    uint64_t calls = 0;
    test_ok(cleat_profile(context, 32, rows, &count));
    ck_assert_uint_le(count, 32);
    for (size_t i = 0; i < count; i++) {
        calls += strncmp(rows[i].kernel, kernel, strlen(kernel)) == 0 ? rows[i].calls : 0;
    }
    test_ok(cleat_profile_reset(context));
    return calls;
}

static cleat_tensor zeros(cleat_context *context, const int64_t *shape) {
    cleat_tensor t;
    test_ok(cleat_tensor_create(context, CLEAT_F32, 4, shape, &t));
    test_ok(cleat_fill(context, 0, t));
    return t;
}

/* Processors get the variant where zeros are spoken of, and only there. */
START_TEST(test_it_is_chosen) {
    const cleat_context_options profiled = {.profiling = true};
    const bool wanted = test_device_is_cpu();
    cleat_context *context;
    test_ok(cleat_context_create(&profiled, &context));
    for (int i = 0; i < 2; i++) {
        reference_conv2d c = shapes[i];
        cleat_conv2d_options options = options_of(&c);
        test_ok(cleat_conv2d_shape(c.x, c.w, &options, c.y));
        cleat_tensor x = zeros(context, c.x), w = zeros(context, c.w), y = zeros(context, c.y);
        for (int sparse = 1; sparse >= 0; sparse--) {
            options.sparse_x = options.sparse_dy = sparse;
            calls_of(context, "conv2d_cpu_sparse");
            test_ok(cleat_conv2d(context, x, w, y, &options));
            const uint64_t forward = calls_of(context, "conv2d_cpu_sparse");
            test_ok(cleat_conv2d_backward_data(context, y, w, x, &options));
            const uint64_t data = calls_of(context, "conv2d_cpu_sparse");
            test_ok(cleat_conv2d_backward_weights(context, x, y, w, &options));
            const uint64_t weights = calls_of(context, "conv2d_cpu_sparse");
            ck_assert_int_eq(forward > 0, wanted && sparse);
            ck_assert_int_eq(data > 0, wanted && sparse);
            ck_assert_int_eq(weights > 0, wanted && sparse);
        }
        cleat_tensor_release(&x);
        cleat_tensor_release(&w);
        cleat_tensor_release(&y);
    }
    cleat_context_release(context);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("conv2d_sparse");
    for (int i = 0; i < 3; i++) {
        TCase *direction = test_case(suite, names[i]);
        tcase_add_loop_test(direction, test_exact, i, i + 1);
        tcase_add_loop_test(direction, test_within_bound, i, i + 1);
        tcase_add_loop_test(direction, test_special_values, i, i + 1);
    }
    TCase *choice = test_case(suite, "choice");
    tcase_add_test(choice, test_it_is_chosen);
    return suite;
}
