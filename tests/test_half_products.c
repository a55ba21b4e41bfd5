/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix products and convolutions of f16 and bf16: summed in f32, rounded once. */
#include "harness.h"
#include "reference/reference_conv2d.h"
#include "reference/reference_half.h"
#include "reference/reference_matmul.h"

static const cleat_type halves[] = {CLEAT_F16, CLEAT_BF16};

static reference_operand operand_of(const test_tensor *t) {
    reference_operand out = {.rank = t->view.rank, .data = t->data};
    memcpy(out.shape, t->view.shape, sizeof out.shape);
    return out;
}

static void check_matmul(cleat_type type, test_values values, const int64_t *shape_a,
    const int64_t *shape_b, int32_t rank_a, int32_t rank_b, test_layout layout, bool epilogue) {
    int64_t shape[CLEAT_MAX_RANK];
    test_tensor a = test_input_of(type, rank_a, shape_a, values, layout);
    test_tensor b = test_input_of(type, rank_b, shape_b, values, TEST_STRIDED);
    reference_matmul r = {.a = operand_of(&a), .b = operand_of(&b), .alpha = 1};
    const int32_t rank = reference_matmul_shape(&r.a, &r.b, shape);
    test_tensor y = epilogue ? test_input_of(type, rank, shape, values, TEST_STRIDED)
                             : test_output_of(type, rank, shape, layout);
    test_tensor bias = test_input_of(type, 1, &shape[rank - 1], values, TEST_STRIDED);
    test_tensor residual = test_input_of(type, rank, shape, values, TEST_ROW_MAJOR);
    const float alpha = 0.5f;
    const cleat_matmul_options options = {.alpha = &alpha,
        .beta = 2,
        .bias = &bias.view,
        .residual = &residual.view,
        .activation = CLEAT_RELU};
    float *before = test_alloc(y.count, sizeof *before);
    memcpy(before, y.data, (size_t)y.count * sizeof *before);
    if (epilogue) {
        r.alpha = 0.5;
        r.beta = 2;
        r.before = operand_of(&y);
        r.before.data = before;
        r.bias = operand_of(&bias);
        r.residual = operand_of(&residual);
        r.activation = CLEAT_RELU;
    }
    double *want = test_alloc(y.count, sizeof *want), *size = test_alloc(y.count, sizeof *size);
    reference_matmul_run(&r, want, size);
    test_ok(cleat_matmul(test_context(), a.view, b.view, y.view, epilogue ? &options : NULL));
    test_fetch(&y);
    if (values == TEST_EXACT) {
        for (int64_t i = 0; i < y.count; i++) {
            want[i] = reference_half_rounded(type, (long double)want[i]);
        }
        test_equal(&y, want, "matmul");
    } else {
        test_bound(&y, want, size, shape_a[rank_a - 1] + 4, "matmul");
    }
    test_unchanged(&a);
    test_unchanged(&b);
    test_free(&a);
    test_free(&b);
    test_free(&y);
    test_free(&bias);
    test_free(&residual);
    free(before);
    free(want);
    free(size);
}

START_TEST(products) {
    check_matmul(CLEAT_F16, TEST_EXACT, (int64_t[]){33, 130}, (int64_t[]){130, 19}, 2, 2,
        TEST_ROW_MAJOR, false);
    check_matmul(CLEAT_BF16, TEST_REAL, (int64_t[]){2, 7, 21}, (int64_t[]){21, 30}, 3, 2,
        TEST_STRIDED, true);
    check_matmul(
        CLEAT_F16, TEST_REAL, (int64_t[]){300}, (int64_t[]){300, 40}, 1, 2, TEST_ROW_MAJOR, false);
    check_matmul(
        CLEAT_BF16, TEST_EXACT, (int64_t[]){3, 0}, (int64_t[]){0, 4}, 2, 2, TEST_ROW_MAJOR, false);
}
END_TEST

/* Halfway between two numbers of the type, summed exactly: rounded once, to even; in f16 already
 * the products would have lost it. */
START_TEST(rounds_once) {
    const cleat_type type = halves[_i];
    const int64_t shape_a[] = {1, 3}, shape_b[] = {3, 2}, shape_y[] = {1, 2};
    const float unit = (float)reference_half_unit(type);
    const float a[] = {1, unit, unit / 64}, b[] = {1, 1, 1, 1, 0, 1};
    const double want[] = {1, 1 + 2 * (double)unit};
    test_tensor left = test_input_from_of(type, 2, shape_a, a, TEST_ROW_MAJOR);
    test_tensor right = test_input_from_of(type, 2, shape_b, b, TEST_ROW_MAJOR);
    test_tensor y = test_output_of(type, 2, shape_y, TEST_ROW_MAJOR);
    test_ok(cleat_matmul(test_context(), left.view, right.view, y.view, NULL));
    test_fetch(&y);
    test_equal(&y, want, "a tie, and just above it");
    test_free(&left);
    test_free(&right);
    test_free(&y);
}
END_TEST

/* A plan knows what goes by way of f32, as on processors: its kernels and scratch memory, and does
 * nothing. */
START_TEST(planned) {
    const int64_t shape[] = {24, 40}, square[] = {24, 24};
    test_tensor x = test_input_of(CLEAT_BF16, 2, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output_of(CLEAT_BF16, 2, square, TEST_ROW_MAJOR);
    cleat_plan_summary summary;
    cleat_context_statistics before, after;
    test_ok(cleat_plan_begin(test_context()));
    test_ok(cleat_matmul(test_context(), x.view, cleat_transpose(x.view), y.view, NULL));
    test_ok(cleat_plan_end(test_context(), &summary));
    test_unchanged(&y);
    const bool is_wide = test_device_is_cpu();
    const size_t least = is_wide ? sizeof(float) * (24 * 40 + 24 * 24) : 0;
    ck_assert_uint_ge(summary.scratch_bytes, least);
    test_ok(cleat_context_get_statistics(test_context(), &before));
    test_ok(cleat_matmul(test_context(), x.view, cleat_transpose(x.view), y.view, NULL));
    test_ok(cleat_context_get_statistics(test_context(), &after));
    ck_assert_uint_eq(after.kernels_built, before.kernels_built);
    test_free(&x);
    test_free(&y);
}
END_TEST

/* ---- Convolution: all directions, two groups ---- */

static void finish(
    test_tensor *t, const double *want, const double *size, int64_t terms, const char *what) {
    test_fetch(t);
    test_bound(t, want, size, terms, what);
    test_free(t);
}

static void add_before(const double *before, int64_t count, double *want, double *size) {
    for (int64_t i = 0; i < count; i++) {
        want[i] += before[i];
        size[i] += fabs(before[i]);
    }
}

START_TEST(convolution) {
    const cleat_type type = halves[_i];
    reference_conv2d c = {.x = {2, 4, 9, 8},
        .w = {6, 2, 3, 3},
        .stride = {2, 1},
        .padding = {1, 1, 1, 1},
        .dilation = {1, 1},
        .groups = 2};
    cleat_conv2d_options options = {
        .stride = {2, 1}, .padding = {1, 1, 1, 1}, .groups = 2, .activation = CLEAT_RELU};
    test_ok(cleat_conv2d_shape(c.x, c.w, &options, c.y));
    const int64_t channels = 6;
    test_tensor x = test_input_of(type, 4, c.x, TEST_REAL, _i ? TEST_CHANNELS_LAST : TEST_STRIDED);
    test_tensor w = test_input_of(type, 4, c.w, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor dy = test_input_of(type, 4, c.y, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor bias = test_input_of(type, 1, &channels, TEST_REAL, TEST_STRIDED);
    test_tensor y = test_output_of(type, 4, c.y, TEST_ROW_MAJOR);
    test_tensor dx = test_input_of(type, 4, c.x, TEST_REAL, TEST_STRIDED);
    test_tensor dw = test_output_of(type, 4, c.w, TEST_ROW_MAJOR);
    test_tensor db = test_input_of(type, 1, &channels, TEST_REAL, TEST_STRIDED);
    double *values[] = {test_doubles(&x), test_doubles(&w), test_doubles(&dy), test_doubles(&bias),
        test_doubles(&dx), test_doubles(&db)};
    double *want = test_alloc(y.count + x.count, sizeof *want);
    double *size = test_alloc(y.count + x.count, sizeof *size);
    options.bias = &bias.view;
    test_ok(cleat_conv2d(test_context(), x.view, w.view, y.view, &options));
    options.accumulate = true;
    test_ok(cleat_conv2d_backward_data(test_context(), dy.view, w.view, dx.view, &options));
    test_ok(cleat_conv2d_backward_bias(test_context(), dy.view, db.view, &options));
    options.accumulate = false;
    test_ok(cleat_conv2d_backward_weights(test_context(), x.view, dy.view, dw.view, &options));
    reference_conv2d_forward(&c, values[0], values[1], values[3], want, size);
    for (int64_t i = 0; i < y.count; i++) {
        want[i] = want[i] > 0 ? want[i] : 0;
    }
    finish(&y, want, size, 20, "conv2d");
    reference_conv2d_data(&c, values[2], values[1], want, size);
    add_before(values[4], x.count, want, size);
    finish(&dx, want, size, 30, "conv2d_backward_data");
    reference_conv2d_weights(&c, values[0], values[2], want, size);
    finish(&dw, want, size, c.x[0] * c.y[2] * c.y[3], "conv2d_backward_weights");
    reference_conv2d_bias(&c, values[2], want, size);
    add_before(values[5], channels, want, size);
    finish(&db, want, size, c.x[0] * c.y[2] * c.y[3] + 1, "conv2d_backward_bias");
    test_unchanged(&x);
    test_unchanged(&w);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        free(values[i]);
    }
    free(want);
    free(size);
    test_free(&x);
    test_free(&w);
    test_free(&dy);
    test_free(&bias);
}
END_TEST

START_TEST(refuses_bad_calls) {
    const int64_t shape[] = {4, 4}, four = 4;
    cleat_context *context = test_context();
    cleat_packed *packed = NULL;
    test_tensor x = test_input_of(CLEAT_F16, 2, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor b = test_input_of(CLEAT_BF16, 2, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output_of(CLEAT_F16, 2, shape, TEST_ROW_MAJOR);
    test_tensor wide = test_output(2, shape, TEST_ROW_MAJOR);
    test_tensor mean = test_output_of(CLEAT_F16, 1, &four, TEST_ROW_MAJOR);
    test_refused(cleat_matmul(context, x.view, b.view, y.view, NULL), CLEAT_TYPE_MISMATCH,
        "b has type bf16, not f16");
    test_refused(cleat_matmul(context, x.view, x.view, wide.view, NULL), CLEAT_TYPE_MISMATCH,
        "y has type f32, not f16");
    test_refused(cleat_matmul(context, x.view, x.view, x.view, NULL), CLEAT_OVERLAP, "a");
    test_refused(
        cleat_matmul_pack(context, x.view, &packed), CLEAT_TYPE_MISMATCH, "type f16, not f32");
    test_refused(cleat_softmax(context, x.view, 0, wide.view), CLEAT_TYPE_MISMATCH,
        "y has type f32, not f16");
    test_refused(cleat_layer_norm(context, x.view, 1, y.view,
                     &(cleat_normalization_options){.mean = &mean.view}),
        CLEAT_TYPE_MISMATCH, "mean has type f16, not f32");
    test_refused(cleat_layer_norm(
                     context, x.view, 1, y.view, &(cleat_normalization_options){.scale = &b.view}),
        CLEAT_TYPE_MISMATCH, "scale has type bf16, not f16");
    test_unchanged(&x);
    test_unchanged(&y);
    test_unchanged(&wide);
    test_free(&x);
    test_free(&b);
    test_free(&y);
    test_free(&wide);
    test_free(&mean);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("half_products");
    TCase *product = test_case(suite, "matmul");
    tcase_add_test(product, products);
    tcase_add_loop_test(product, rounds_once, 0, 2);
    tcase_add_test(product, planned);
    test_add_loop(suite, "convolution", convolution, 2);
    test_add_case(suite, "refusals", refuses_bad_calls);
    return suite;
}
