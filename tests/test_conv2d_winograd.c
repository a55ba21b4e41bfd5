/* SPDX-License-Identifier: Apache-2.0 */
/* gpu_winograd, which conv2d and its gradient to the data go by only where options.winograd allows:
 * exact on integers, within the bound of include/cleat/conv.h, in pieces, with packed weights, and
 * never where it was not asked for. */
#include "harness.h"
#include "reference/reference_activation.h"
#include "reference/reference_conv2d.h"
#include "reference/reference_winograd.h"

/* {x, w, y, stride, padding, dilation, groups}; y is worked out. */
static const reference_conv2d table[] = {
    {{1, 1, 3, 3}, {1, 1, 3, 3}, {0}, {1, 1}, {0, 0, 0, 0}, {1, 1}, 1}, /* one result */
    {{2, 9, 8, 10}, {20, 9, 3, 3}, {0}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 1},
    {{3, 33, 7, 5}, {17, 33, 3, 3}, {0}, {1, 1}, {0, 0, 0, 0}, {1, 1},
        1}, /* tiles that hang over */
    {{1, 6, 9, 12}, {10, 3, 3, 3}, {0}, {1, 1}, {1, 2, 0, 1}, {1, 1}, 2},
    {{1, 4, 5, 6}, {3, 4, 3, 3}, {0}, {1, 1}, {4, 3, 5, 6}, {1, 1}, 1}, /* tiles of padding alone */
    {{2, 5, 23, 38}, {6, 5, 3, 3}, {0}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 1}, /* 456 tiles */
    {{1, 8, 1, 9}, {8, 2, 3, 3}, {0}, {1, 1}, {1, 0, 1, 2}, {1, 1}, 4},
};
enum { CASES = sizeof table / sizeof table[0] };

typedef struct problem {
    reference_conv2d c;
    bool to_data;
    test_layout layout;
    test_tensor source, w, bias;
    double *want, *size; /* size: S of the bound */
} problem;

static const int64_t *result_shape(const problem *p) {
    return p->to_data ? p->c.x : p->c.y;
}

static int64_t result_count(const problem *p) {
    const int64_t *s = result_shape(p);
    return s[0] * s[1] * s[2] * s[3];
}

static cleat_conv2d_options options_of(const reference_conv2d *c) {
    cleat_conv2d_options options = {
        .groups = c->groups, .winograd = true, .variant = "gpu_winograd"};
    memcpy(options.padding, c->padding, sizeof options.padding);
    return options;
}

static problem make_problem(
    const reference_conv2d *shapes, bool to_data, test_values values, test_layout layout) {
    problem p = {.c = *shapes, .to_data = to_data, .layout = layout};
    test_settle_tile();
    const cleat_conv2d_options options = options_of(shapes);
    test_ok(cleat_conv2d_shape(p.c.x, p.c.w, &options, p.c.y));
    p.source = test_input(4, to_data ? p.c.y : p.c.x, values, layout);
    p.w = test_input(4, p.c.w, values, layout == TEST_STRIDED ? layout : TEST_ROW_MAJOR);
    p.bias = test_input(1, p.c.w, values, layout);
    p.want = test_alloc(result_count(&p), sizeof(double));
    p.size = test_alloc(result_count(&p), sizeof(double));
    double *source = test_doubles(&p.source), *w = test_doubles(&p.w),
           *bias = test_doubles(&p.bias);
    reference_winograd_magnitude(&p.c, to_data, source, w, p.size);
    if (to_data) {
        reference_conv2d_data(&p.c, source, w, p.want, NULL);
    } else {
        reference_conv2d_forward(&p.c, source, w, bias, p.want, NULL);
        for (int64_t i = 0; i < result_count(&p); i++) {
            p.size[i] += fabs(bias[i / (p.c.y[2] * p.c.y[3]) % p.c.y[1]]);
        }
    }
    free(source);
    free(w);
    free(bias);
    return p;
}

static void free_problem(problem *p) {
    test_free(&p->source);
    test_free(&p->w);
    test_free(&p->bias);
    free(p->want);
    free(p->size);
}

static cleat_status run(
    const problem *p, cleat_tensor result, cleat_conv2d_options options, bool accumulate) {
    options.accumulate = accumulate;
    if (p->to_data) {
        return cleat_conv2d_backward_data(
            test_context(), p->source.view, p->w.view, result, &options);
    }
    options.bias = &p->bias.view;
    return cleat_conv2d(test_context(), p->source.view, p->w.view, result, &options);
}

static const char *text_of(const problem *p) {
    static char text[200];
    const reference_conv2d *c = &p->c;
    snprintf(text, sizeof text, "%s: x [%d, %d, %d, %d], %d outputs, %d groups, layout %d",
        p->to_data ? "to data" : "forward", (int)c->x[0], (int)c->x[1], (int)c->x[2], (int)c->x[3],
        (int)c->w[0], (int)c->groups, (int)p->layout);
    return text;
}

/* Roundings behind a result: of the products and their sums one for each channel, of the transforms
 * 4, 2 and 4, of the bias or of what is added to one. */
static int64_t rounds_of(const problem *p) {
    return (p->to_data ? p->c.w[0] / p->c.groups : p->c.w[1]) + 11;
}

static void compare(const problem *p, test_tensor *got, test_values values, int64_t more) {
    test_fetch(got);
    if (values == TEST_EXACT) {
        test_equal(got, p->want, text_of(p));
    } else {
        test_bound(got, p->want, p->size, rounds_of(p) + more, text_of(p));
    }
}

static void check_accumulating(problem *p, test_values values) {
    test_tensor sum = test_input(4, result_shape(p), values, p->layout);
    for (int64_t i = 0; i < sum.count; i++) {
        p->want[i] += (double)sum.data[i];
        p->size[i] += fabs((double)sum.data[i]);
    }
    test_ok(run(p, sum.view, options_of(&p->c), true));
    compare(p, &sum, values, 1);
    test_free(&sum);
}

static void check(const reference_conv2d *c, bool to_data, test_values values, test_layout layout) {
    problem p = make_problem(c, to_data, values, layout);
    test_tensor first = test_output(4, result_shape(&p), layout);
    test_ok(run(&p, first.view, options_of(c), false));
    compare(&p, &first, values, 0);
    test_tensor second = test_output(4, result_shape(&p), layout);
    test_ok(run(&p, second.view, options_of(c), false));
    test_fetch(&second);
    if (layout != TEST_STRIDED) {
        test_same_bits(&first, &second, text_of(&p));
    }
    if (to_data) {
        check_accumulating(&p, values);
    }
    test_free(&first);
    test_free(&second);
    free_problem(&p);
}

/* Each shape in each direction with two layouts and both kinds of values. */
START_TEST(test_table) {
    static const test_layout layouts[] = {
        TEST_ROW_MAJOR, TEST_CHANNELS_LAST, TEST_STRIDED, TEST_ROWS, TEST_CHANNELS};
    for (int i = 0; i < CASES; i++) {
        check(&table[i], _i == 1, TEST_EXACT, layouts[(i + _i) % 5]);
        check(&table[i], _i == 1, TEST_REAL, layouts[(i + _i + 1) % 5]);
        if (!test_is_short()) {
            check(&table[i], _i == 1, TEST_EXACT, layouts[(i + _i + 2) % 5]);
        }
    }
}
END_TEST

START_TEST(test_random) {
    for (int i = 0; i < test_rounds(12); i++) {
        reference_conv2d c = {.stride = {1, 1}, .dilation = {1, 1}, .groups = test_int(1, 3)};
        c.w[1] = test_int(1, 12);
        c.w[0] = c.groups * test_int(1, 12);
        c.w[2] = c.w[3] = 3;
        c.x[0] = test_int(1, 3);
        c.x[1] = c.groups * c.w[1];
        for (int axis = 0; axis < 2; axis++) {
            c.padding[axis] = test_int(0, 3);
            c.padding[axis + 2] = test_int(0, 3);
            const int64_t padding = c.padding[axis] + c.padding[axis + 2];
            c.x[axis + 2] = (padding < 2 ? 3 - padding : 1) + test_int(0, 12);
        }
        check(&c, i % 2 == 1, test_coin() ? TEST_EXACT : TEST_REAL,
            (test_layout)test_int(TEST_ROW_MAJOR, TEST_CHANNELS_LAST));
    }
}
END_TEST

/* A workspace of one byte: pieces of 128 tiles, of which the last is short. The same bits as in
 * one. */
START_TEST(test_pieces) {
    const bool to_data = _i == 1;
    const test_layout layout = to_data ? TEST_CHANNELS_LAST : TEST_ROW_MAJOR;
    problem p = make_problem(&table[5], to_data, TEST_EXACT, layout);
    test_tensor whole = test_output(4, result_shape(&p), layout);
    test_tensor pieces = test_output(4, result_shape(&p), layout);
    test_ok(run(&p, whole.view, options_of(&p.c), false));
    test_ok(cleat_tuning_set(test_context(), "conv2d", "winograd_bytes", "1"));
    test_ok(run(&p, pieces.view, options_of(&p.c), false));
    test_ok(cleat_tuning_set(test_context(), "conv2d", "winograd_bytes", NULL));
    compare(&p, &whole, TEST_EXACT, 0);
    compare(&p, &pieces, TEST_EXACT, 0);
    test_free(&whole);
    test_free(&pieces);
    free_problem(&p);
}
END_TEST

/* A transposed convolution is the gradient to the data, with bias and activation. */
START_TEST(test_transposed) {
    problem p = make_problem(&table[3], true, TEST_EXACT, TEST_ROW_MAJOR);
    const float limits[] = {-7, 9};
    test_tensor bias = test_input(1, &p.c.x[1], TEST_EXACT, TEST_STRIDED);
    const int64_t pixels = p.c.x[2] * p.c.x[3];
    for (int64_t i = 0; i < result_count(&p); i++) {
        p.want[i] = reference_activation(
            CLEAT_CLIP, p.want[i] + (double)bias.data[i / pixels % p.c.x[1]], limits);
    }
    cleat_conv2d_options options = options_of(&p.c);
    options.bias = &bias.view;
    options.activation = CLEAT_CLIP;
    options.activation_parameters = limits;
    test_tensor got = test_output(4, p.c.x, TEST_ROW_MAJOR);
    test_ok(cleat_conv_transpose2d(test_context(), p.source.view, p.w.view, got.view, &options));
    compare(&p, &got, TEST_EXACT, 0);
    test_free(&got);
    test_free(&bias);
    free_problem(&p);
}
END_TEST

/* A value that is not finite makes the results whose sums hold it not finite; where its tiles are
 * not, results are as ever. */
START_TEST(test_special_values) {
    const float values[] = {NAN, INFINITY, -INFINITY};
    enum { ROW = 4, COLUMN = 5, TOP = 1, LEFT = 1 };
    problem p = make_problem(&table[1], false, TEST_EXACT, TEST_ROW_MAJOR);
    const int64_t *x = p.c.x, *y = p.c.y;
    p.source.data[(x[1] + 2) * x[2] * x[3] + ROW * x[3] + COLUMN] = values[_i]; /* of image 1 */
    test_tensor poisoned = test_input_from(4, x, p.source.data, TEST_ROW_MAJOR);
    for (int64_t i = 0; i < p.w.count; i++) {
        p.w.data[i] = p.w.data[i] == 0 ? 1.0f : p.w.data[i];
    }
    test_tensor w = test_input_from(4, p.c.w, p.w.data, TEST_ROW_MAJOR);
    test_tensor got = test_output(4, y, TEST_ROW_MAJOR);
    const cleat_conv2d_options options = options_of(&p.c);
    double *wanted = test_doubles(&poisoned), *windows = test_doubles(&w);
    reference_conv2d_forward(&p.c, wanted, windows, NULL, p.want, NULL);
    test_ok(cleat_conv2d(test_context(), poisoned.view, w.view, got.view, &options));
    test_fetch(&got);
    for (int64_t i = 0; i < got.count && !test_ignores_values(); i++) {
        const int64_t column = i % y[3], row = i / y[3] % y[2];
        const bool meets = i / y[3] / y[2] / y[1] == 1 && llabs(row - ROW - TOP + 1) <= 1 &&
                           llabs(column - COLUMN - LEFT + 1) <= 1;
        const int64_t down = ROW + TOP - row / 2 * 2, across = COLUMN + LEFT - column / 2 * 2;
        const bool near =
            i / y[3] / y[2] / y[1] == 1 && down >= 0 && down < 4 && across >= 0 && across < 4;
        if (meets ? isfinite(got.data[i]) : !near && (double)got.data[i] != p.want[i]) {
            ck_abort_msg("element %d is %g", (int)i, (double)got.data[i]);
        }
    }
    free(wanted);
    free(windows);
    test_free(&w);
    test_free(&poisoned);
    test_free(&got);
    free_problem(&p);
}
END_TEST

/* ---- When it is used ---- */

static const reference_conv2d many = {
    {1, 128, 4, 5}, {128, 128, 3, 3}, {0}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 1};

/* Whether a call is one of those that the tuning table sends there. */
static bool goes_by_it(const problem *p, cleat_conv2d_options options) {
    const char *operation = p->to_data ? "conv2d_backward_data" : "conv2d";
    cleat_tuning_entry entries[4];
    size_t count = 0;
    uint64_t uses = 0;
    test_tensor got = test_output(4, result_shape(p), TEST_ROW_MAJOR);
    test_ok(cleat_tuning_set(test_context(), operation, "winograd", "gpu_winograd"));
    test_ok(run(p, got.view, options, false));
    test_ok(cleat_tuning_list(test_context(), 4, entries, &count));
    for (size_t i = 0; i < count && i < 4; i++) {
        uses += strcmp(entries[i].name, "winograd") == 0 ? entries[i].uses : 0;
    }
    test_ok(cleat_tuning_set(test_context(), operation, "winograd", NULL));
    compare(p, &got, TEST_EXACT, 0);
    test_free(&got);
    return uses > 0;
}

/* Where it is allowed, channels are many, and the device is no processor. */
START_TEST(test_choice) {
    problem p = make_problem(&many, _i == 1, TEST_EXACT, TEST_ROW_MAJOR);
    cleat_conv2d_options options = options_of(&many);
    options.variant = NULL;
    ck_assert(goes_by_it(&p, options) == !test_device_is_cpu());
    options.winograd = false;
    ck_assert(!goes_by_it(&p, options));
    free_problem(&p);
    problem few = make_problem(&table[1], _i == 1, TEST_EXACT, TEST_ROW_MAJOR);
    options.winograd = true;
    ck_assert(!goes_by_it(&few, options));
    free_problem(&few);
}
END_TEST

START_TEST(test_packed) {
    problem p = make_problem(&many, false, TEST_EXACT, TEST_ROW_MAJOR);
    cleat_packed *packed = NULL;
    cleat_conv2d_options options = options_of(&many);
    test_ok(cleat_conv2d_pack_winograd(test_context(), p.w.view, 0, &packed));
    if (!test_device_is_cpu()) {
        ck_assert_uint_eq(cleat_packed_size(packed), 4 * 16 * 128 * 128);
    }
    options.packed_w = packed;
    test_tensor first = test_output(4, p.c.y, TEST_CHANNELS_LAST);
    test_tensor second = test_output(4, p.c.y, TEST_CHANNELS_LAST);
    test_ok(run(&p, first.view, options, false));
    options.packed_w = NULL;
    test_ok(run(&p, second.view, options, false));
    test_fetch(&first);
    test_fetch(&second);
    test_same_bits(&first, &second, "packed");
    /* Other variants take w itself. */
    test_tensor third = test_output(4, p.c.y, TEST_CHANNELS_LAST);
    options.packed_w = packed;
    options.variant = NULL;
    options.winograd = false;
    test_ok(run(&p, third.view, options, false));
    compare(&p, &third, TEST_EXACT, 0);
    test_free(&first);
    test_free(&second);
    test_free(&third);
    cleat_packed_release(packed);
    free_problem(&p);
}
END_TEST

START_TEST(test_refusals) {
    problem p = make_problem(&table[1], false, TEST_EXACT, TEST_ROW_MAJOR);
    test_tensor got = test_output(4, p.c.y, TEST_ROW_MAJOR);
    cleat_packed *packed = NULL;
    cleat_conv2d_options options = options_of(&p.c);
    options.winograd = false;
    test_refused(run(&p, got.view, options, false), CLEAT_UNSUPPORTED, "variant gpu_winograd");
    options.winograd = true;
    options.padding[0] = options.padding[2] = 4;
    options.dilation[0] = 4;
    test_refused(run(&p, got.view, options, false), CLEAT_UNSUPPORTED, "variant gpu_winograd");
    test_unchanged(&got);
    test_refused(cleat_conv2d_pack_winograd(test_context(), p.w.view, 3, &packed),
        CLEAT_SHAPE_MISMATCH, "conv2d_pack_winograd: weight has 20 output channels");
    ck_assert_ptr_null(packed);
    options = options_of(&p.c);
    test_refused(
        cleat_conv2d_backward_weights(test_context(), p.source.view, got.view, p.w.view, &options),
        CLEAT_INVALID_ARGUMENT, "no variant \"gpu_winograd\"");
    test_free(&got);
    free_problem(&p);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("conv2d_winograd");
    TCase *results = test_case(suite, "results");
    tcase_add_loop_test(results, test_table, 0, 2);
    tcase_add_test(results, test_random);
    tcase_add_test(results, test_transposed);
    tcase_add_loop_test(results, test_special_values, 0, 3);
    TCase *pieces = test_case(suite, "pieces");
    tcase_add_loop_test(pieces, test_pieces, 0, 2);
    TCase *use = test_case(suite, "use");
    tcase_add_loop_test(use, test_choice, 0, 2);
    tcase_add_test(use, test_packed);
    tcase_add_test(use, test_refusals);
    return suite;
}
