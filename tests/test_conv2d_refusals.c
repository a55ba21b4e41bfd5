/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions that must be refused, with words and without a trace; shapes; the gradient of the
 * bias; the reference's own gradients. */
#include "harness.h"
#include "reference/reference_conv2d.h"

/* x [2, 4, 6, 7], w [6, 2, 3, 3] in 2 groups, y [2, 6, 4, 5]. */
typedef struct fixture {
    test_tensor x, w, bias, y;
} fixture;

static const int64_t x_shape[] = {2, 4, 6, 7}, w_shape[] = {6, 2, 3, 3}, y_shape[] = {2, 6, 4, 5};

static fixture make_fixture(void) {
    return (fixture){.x = test_input(4, x_shape, TEST_EXACT, TEST_ROW_MAJOR),
        .w = test_input(4, w_shape, TEST_EXACT, TEST_ROW_MAJOR),
        .bias = test_input(1, w_shape, TEST_EXACT, TEST_ROW_MAJOR),
        .y = test_output(4, y_shape, TEST_ROW_MAJOR)};
}

static void free_fixture(fixture *f) {
    test_unchanged(&f->x);
    test_unchanged(&f->w);
    test_unchanged(&f->bias);
    test_unchanged(&f->y);
    test_free(&f->x);
    test_free(&f->w);
    test_free(&f->bias);
    test_free(&f->y);
}

static cleat_status forward(
    const fixture *f, cleat_tensor x, cleat_tensor w, const cleat_conv2d_options *options) {
    return cleat_conv2d(test_context(), x, w, f->y.view, options);
}

START_TEST(test_bad_options) {
    fixture f = make_fixture();
    const cleat_tensor x = f.x.view, w = f.w.view;
    cleat_conv2d_options bad = {.groups = 2, .stride = {1, -1}};
    test_refused(forward(&f, x, w, &bad), CLEAT_INVALID_ARGUMENT, "conv2d: stride is [1, -1]");
    bad = (cleat_conv2d_options){.groups = 2, .dilation = {-3, 1}};
    test_refused(forward(&f, x, w, &bad), CLEAT_INVALID_ARGUMENT, "dilation is [-3, 1]");
    bad = (cleat_conv2d_options){.groups = 2, .padding = {0, 0, -1, 0}};
    test_refused(forward(&f, x, w, &bad), CLEAT_INVALID_ARGUMENT, "padding is [0, 0, -1, 0]");
    bad = (cleat_conv2d_options){.groups = -2};
    test_refused(forward(&f, x, w, &bad), CLEAT_INVALID_ARGUMENT, "groups is -2");
    bad = (cleat_conv2d_options){.groups = 2, .activation = (cleat_activation)99};
    test_refused(forward(&f, x, w, &bad), CLEAT_INVALID_ARGUMENT, "activation is 99");
    bad = (cleat_conv2d_options){.groups = 2, .variant = "winograd"};
    test_refused(forward(&f, x, w, &bad), CLEAT_INVALID_ARGUMENT, "winograd");
    bad = (cleat_conv2d_options){.groups = 2, .dilation = {INT64_MAX, 1}};
    test_refused(forward(&f, x, w, &bad), CLEAT_SIZE_OVERFLOW, "64 bits");
    bad = (cleat_conv2d_options){.groups = 2, .padding = {INT64_MAX, 0, 0, 0}};
    test_refused(forward(&f, x, w, &bad), CLEAT_SIZE_OVERFLOW, "64 bits");
    free_fixture(&f);
}
END_TEST

START_TEST(test_bad_shapes) {
    fixture f = make_fixture();
    const cleat_tensor x = f.x.view, w = f.w.view;
    cleat_conv2d_options options = {.groups = 4};
    test_refused(forward(&f, x, w, &options), CLEAT_SHAPE_MISMATCH,
        "conv2d: weight has 2 input channels per group, input has 4 channels in 4 groups "
        "(1 per group)");
    options.groups = 3;
    test_refused(forward(&f, x, w, &options), CLEAT_SHAPE_MISMATCH,
        "input has 4 channels, not a multiple of 3 groups");
    options.groups = 2;
    cleat_tensor part;
    test_ok(cleat_slice(w, 0, 0, 5, 1, &part));
    test_refused(forward(&f, x, part, &options), CLEAT_SHAPE_MISMATCH,
        "weight has 5 output channels, not a multiple of 2 groups");
    test_ok(cleat_slice(x, 2, 0, 2, 1, &part));
    test_refused(forward(&f, part, w, &options), CLEAT_SHAPE_MISMATCH,
        "window is 3 high, the padded input only 2");
    test_ok(cleat_slice(w, 3, 0, 0, 1, &part));
    test_refused(forward(&f, x, part, &options), CLEAT_SHAPE_MISMATCH, "a window of 3 x 0");
    options.stride[1] = 2;
    test_refused(forward(&f, x, w, &options), CLEAT_SHAPE_MISMATCH,
        "y is [2, 6, 4, 5], but x and w make it [2, 6, 4, 3]");
    options = (cleat_conv2d_options){.groups = 2, .bias = &f.bias.view};
    test_ok(cleat_slice(f.bias.view, 0, 0, 4, 1, &part));
    options.bias = &part;
    test_refused(forward(&f, x, w, &options), CLEAT_SHAPE_MISMATCH,
        "bias has 4 elements, the weight 6 output channels");
    options.bias = &f.x.view;
    test_refused(forward(&f, x, w, &options), CLEAT_SHAPE_MISMATCH, "bias");
    test_ok(cleat_reshape(x, 2, (int64_t[]){8, 42}, &part));
    test_refused(forward(&f, part, w, NULL), CLEAT_SHAPE_MISMATCH, "x");
    free_fixture(&f);
}
END_TEST

START_TEST(test_bad_tensors) {
    fixture f = make_fixture();
    const cleat_conv2d_options options = {.groups = 2};
    cleat_context *context = test_context();
    cleat_tensor broken = f.x.view;
    test_refused(cleat_conv2d(NULL, f.x.view, f.w.view, f.y.view, &options), CLEAT_INVALID_ARGUMENT,
        "conv2d");
    broken.buffer = NULL;
    test_refused(forward(&f, broken, f.w.view, &options), CLEAT_INVALID_ARGUMENT, "x");
    broken = f.w.view;
    broken.type = CLEAT_I32;
    test_refused(forward(&f, f.x.view, broken, &options), CLEAT_TYPE_MISMATCH, "w");
    broken = f.y.view;
    broken.stride[1] = 0;
    ck_assert(cleat_conv2d(context, f.x.view, f.w.view, broken, &options) != CLEAT_OK);
    broken = f.x.view;
    broken.buffer = f.y.view.buffer;
    broken.offset = f.y.view.offset;
    broken.shape[0] = 1; /* fits into y's buffer, and overlaps it */
    cleat_tensor y = f.y.view;
    test_ok(cleat_slice(y, 0, 0, 1, 1, &y));
    test_refused(cleat_conv2d(context, broken, f.w.view, y, &options), CLEAT_OVERLAP, "conv2d");
    test_refused(cleat_conv2d_backward_data(context, f.y.view, f.w.view, f.w.view, &options),
        CLEAT_OVERLAP, "conv2d_backward_data");
    test_refused(cleat_conv2d_backward_weights(context, f.x.view, f.y.view, f.y.view, &options),
        CLEAT_OVERLAP, "conv2d_backward_weights");
    test_refused(cleat_conv2d_backward_data(context, f.y.view, f.w.view, f.x.view, NULL),
        CLEAT_SHAPE_MISMATCH, "weight has 2 input channels per group");
    test_refused(
        cleat_conv2d_backward_bias(context, f.y.view, f.y.view, NULL), CLEAT_SHAPE_MISMATCH, "db");
    test_refused(cleat_conv2d_backward_bias(context, f.x.view, f.bias.view, NULL),
        CLEAT_SHAPE_MISMATCH, "db has 6 elements, dy 4 channels");
    free_fixture(&f);
}
END_TEST

START_TEST(test_shape) {
    int64_t y[4] = {-7, -7, -7, -7};
    const cleat_conv2d_options options = {
        .stride = {2, 3}, .padding = {1, 2, 3, 4}, .dilation = {2, 1}, .groups = 2};
    test_ok(cleat_conv2d_shape(x_shape, w_shape, &options, y));
    const int64_t want[] = {2, 6, (6 + 4 - 5) / 2 + 1, (7 + 6 - 3) / 3 + 1};
    ck_assert_mem_eq(y, want, sizeof want);
    test_refused(cleat_conv2d_shape(x_shape, w_shape, NULL, y), CLEAT_SHAPE_MISMATCH,
        "conv2d_shape: weight has 2 input channels");
    test_refused(cleat_conv2d_shape(NULL, w_shape, &options, y), CLEAT_INVALID_ARGUMENT, "NULL");
    const int64_t negative[] = {2, 4, -6, 7};
    test_refused(
        cleat_conv2d_shape(negative, w_shape, &options, y), CLEAT_INVALID_ARGUMENT, "negative");
    ck_assert_mem_eq(y, want, sizeof want);
    ck_assert_ptr_null(*cleat_conv2d_variants((cleat_conv2d_direction)77));
}
END_TEST

/* Of weights packed for other calls; panels for another number of groups are passed over. */
START_TEST(test_packed) {
    cleat_context *context = test_context();
    const int64_t shape[] = {32, 1, 3, 3}, x_shape_2[] = {1, 2, 5, 5}, y_shape_2[] = {1, 32, 3, 3};
    test_tensor x = test_input(4, x_shape_2, TEST_EXACT, TEST_CHANNELS_LAST);
    test_tensor w = test_input(4, shape, TEST_EXACT, TEST_ROW_MAJOR);
    test_tensor y = test_output(4, y_shape_2, TEST_CHANNELS_LAST);
    test_tensor want = test_output(4, y_shape_2, TEST_CHANNELS_LAST);
    cleat_packed *packed = NULL, *product = NULL;
    test_refused(cleat_conv2d_pack(NULL, w.view, 2, &packed), CLEAT_INVALID_ARGUMENT, "context");
    test_refused(cleat_conv2d_pack(context, w.view, 2, NULL), CLEAT_INVALID_ARGUMENT, "packed is");
    test_refused(cleat_conv2d_pack(context, w.view, -1, &packed), CLEAT_INVALID_ARGUMENT, "-1");
    test_refused(cleat_conv2d_pack(context, w.view, 3, &packed), CLEAT_SHAPE_MISMATCH,
        "conv2d_pack: weight has 32 output channels, not a multiple of 3 groups");
    cleat_tensor matrix;
    test_ok(cleat_reshape(w.view, 2, (int64_t[]){32, 9}, &matrix));
    test_refused(cleat_conv2d_pack(context, matrix, 1, &packed), CLEAT_SHAPE_MISMATCH, "w");
    ck_assert_ptr_null(packed);
    test_ok(cleat_matmul_pack(context, matrix, &product));
    cleat_conv2d_options options = {.groups = 2, .packed_w = product};
    test_refused(cleat_conv2d(context, x.view, w.view, y.view, &options), CLEAT_INVALID_ARGUMENT,
        "conv2d: the packed w was made for matmul");
    cleat_tensor turned = w.view;
    turned.stride[2] = 1;
    turned.stride[3] = 3;
    for (int64_t groups = 1; groups <= 2; groups++) {
        test_ok(cleat_conv2d_pack(context, w.view, groups, &packed));
        options.packed_w = packed;
        test_refused(cleat_conv2d(context, x.view, turned, y.view, &options),
            CLEAT_INVALID_ARGUMENT, "another view");
        test_unchanged(&y);
        options.packed_w = NULL;
        test_ok(cleat_conv2d(context, x.view, w.view, want.view, &options));
        test_fetch(&want);
        options.packed_w = packed;
        test_tensor got = test_output(4, y_shape_2, TEST_CHANNELS_LAST);
        test_ok(cleat_conv2d(context, x.view, w.view, got.view, &options));
        test_fetch(&got);
        test_same_bits(&got, &want, "packed weights");
        test_free(&got);
        cleat_packed_release(packed);
    }
    cleat_packed_release(product);
    test_free(&x);
    test_free(&w);
    test_free(&y);
    test_free(&want);
}
END_TEST

static void check_bias_gradient(const int64_t shape[4], test_values values, test_layout layout) {
    const reference_conv2d c = {.y = {shape[0], shape[1], shape[2], shape[3]}};
    test_tensor dy = test_input(4, shape, values, layout);
    test_tensor db = test_output(1, &shape[1], layout);
    test_tensor again = test_input(1, &shape[1], values, layout);
    double *y = test_alloc(dy.count, sizeof(double));
    double *want = test_alloc(shape[1], sizeof(double));
    double *magnitude = test_alloc(shape[1], sizeof(double));
    for (int64_t i = 0; i < dy.count; i++) {
        y[i] = (double)dy.data[i];
    }
    reference_conv2d_bias(&c, y, want, magnitude);
    const int64_t terms = shape[0] * shape[2] * shape[3] + 1;
    const cleat_conv2d_options add = {.accumulate = true};
    test_ok(cleat_conv2d_backward_bias(test_context(), dy.view, db.view, NULL));
    test_fetch(&db);
    test_bound(&db, want, magnitude, terms, "bias gradient");
    if (values == TEST_EXACT) {
        test_equal(&db, want, "bias gradient");
    }
    for (int64_t m = 0; m < shape[1]; m++) {
        want[m] += (double)again.data[m];
        magnitude[m] += fabs((double)again.data[m]);
    }
    test_ok(cleat_conv2d_backward_bias(test_context(), dy.view, again.view, &add));
    test_fetch(&again);
    test_bound(&again, want, magnitude, terms, "bias gradient added");
    free(y);
    free(want);
    free(magnitude);
    test_free(&dy);
    test_free(&db);
    test_free(&again);
}

START_TEST(test_bias_gradient) {
    static const int64_t shapes[][4] = {{1, 1, 1, 1}, {5, 3, 7, 9}, {40, 32, 14, 14}, {2, 0, 3, 3},
        {0, 4, 3, 3}, {3, 2, 0, 5}, {17, 5, 1, 33}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        check_bias_gradient(shapes[i], TEST_EXACT, TEST_ROW_MAJOR);
        check_bias_gradient(shapes[i], TEST_REAL, TEST_STRIDED);
    }
    for (int i = 0; i < test_rounds(10); i++) {
        const int64_t shape[] = {test_int(1, 20), test_int(1, 9), test_int(1, 12), test_int(1, 40)};
        check_bias_gradient(shape, TEST_REAL, test_coin() ? TEST_ROW_MAJOR : TEST_STRIDED);
    }
}
END_TEST

enum { MOST = 400 };

/* sum of y * dy at x, w */
static double objective(
    const reference_conv2d *c, const double *x, const double *w, const double *dy) {
    double y[MOST], sum = 0;
    reference_conv2d_forward(c, x, w, NULL, y, NULL);
    for (int64_t i = 0; i < c->y[0] * c->y[1] * c->y[2] * c->y[3]; i++) {
        sum += y[i] * dy[i];
    }
    return sum;
}

static void check_slope(const reference_conv2d *c, double *varied, const double *gradient,
    int64_t count, const double *x, const double *w, const double *dy) {
    const double h = 1e-4;
    for (int64_t i = 0; i < count; i++) {
        const double kept = varied[i];
        varied[i] = kept + h;
        const double above = objective(c, x, w, dy);
        varied[i] = kept - h;
        const double below = objective(c, x, w, dy);
        varied[i] = kept;
        ck_assert_double_eq_tol((above - below) / (2 * h), gradient[i], 1e-8);
    }
}

/* The convolution is linear in x and in w, so central differences are exact but for rounding. */
START_TEST(test_reference_gradients) {
    static const reference_conv2d cases[] = {
        {{2, 4, 5, 6}, {6, 2, 3, 2}, {2, 6, 3, 4}, {2, 2}, {1, 1, 1, 1}, {1, 1}, 2},
        {{1, 2, 7, 5}, {3, 2, 2, 3}, {1, 3, 6, 3}, {1, 1}, {0, 2, 1, 0}, {2, 2}, 1},
    };
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        const reference_conv2d *c = &cases[k];
        double x[MOST], w[MOST], dy[MOST], dx[MOST], dw[MOST];
        for (int i = 0; i < MOST; i++) {
            x[i] = test_real(-1, 1);
            w[i] = test_real(-1, 1);
            dy[i] = test_real(-1, 1);
        }
        reference_conv2d_data(c, dy, w, dx, NULL);
        reference_conv2d_weights(c, x, dy, dw, NULL);
        check_slope(c, x, dx, c->x[0] * c->x[1] * c->x[2] * c->x[3], x, w, dy);
        check_slope(c, w, dw, c->w[0] * c->w[1] * c->w[2] * c->w[3], x, w, dy);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("conv2d_refusals");
    TCase *cases = test_case(suite, "refusals");
    tcase_add_test(cases, test_bad_options);
    tcase_add_test(cases, test_bad_shapes);
    tcase_add_test(cases, test_bad_tensors);
    tcase_add_test(cases, test_shape);
    tcase_add_test(cases, test_packed);
    tcase_add_test(cases, test_bias_gradient);
    tcase_add_test(cases, test_reference_gradients);
    return suite;
}
