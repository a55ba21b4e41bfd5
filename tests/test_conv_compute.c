/* SPDX-License-Identifier: Apache-2.0 */
/* The option `compute` of convolutions beside what test_conv2d_units.c has: refusals, f64, f16 and
 * bf16, and that the variant for matrix units is checked before its first use. */
#include "harness_spoilt.h"
#include "reference/reference_conv2d.h"
#include "reference/reference_half.h"

static void begin(const char *profile) {
    test_profile(profile);
    test_settle_tile();
}

/* ---- f16 and bf16 ---- */

/* The second is a product of matrices; the third has weights that NVIDIA's unit copies. */
static const reference_conv2d half_cases[] = {
    {{2, 6, 13, 14}, {10, 3, 3, 2}, {0}, {1, 1}, {1, 0, 2, 1}, {1, 1}, 2},
    {{1, 6, 5, 7}, {10, 3, 1, 1}, {0}, {1, 1}, {0, 0, 0, 0}, {1, 1}, 2},
    {{2, 8, 9, 10}, {10, 8, 3, 3}, {0}, {1, 1}, {1, 0, 2, 1}, {1, 1}, 1}};

/* Operands of one direction, by what the reference calls them. */
typedef struct half_operands {
    test_tensor x, w, y, bias;
    double *of_x, *of_w, *of_y, *of_bias;
} half_operands;

static void want_halves(
    cleat_type type, int direction, half_operands *o, const reference_conv2d *c, double *want) {
    if (direction == CLEAT_CONV2D_FORWARD) {
        reference_conv2d_forward(c, o->of_x, o->of_w, o->of_bias, want, NULL);
    } else if (direction == CLEAT_CONV2D_BACKWARD_DATA) {
        reference_conv2d_data(c, o->of_y, o->of_w, want, NULL);
    } else {
        reference_conv2d_weights(c, o->of_x, o->of_y, want, NULL);
    }
    const test_tensor *result[] = {&o->y, &o->x, &o->w};
    const double *before[] = {NULL, o->of_x, o->of_w};
    for (int64_t i = 0; i < result[direction]->count; i++) {
        const double sum = want[i] + (before[direction] != NULL ? before[direction][i] : 0);
        want[i] = reference_half_rounded(type, (long double)sum);
    }
}

/* Integers, added to what is there going backward: sums are exact in f32, and are rounded once. */
static void check_halves(const char *profile, cleat_type type, int direction, test_layout layout,
    const reference_conv2d *shapes) {
    reference_conv2d c = *shapes;
    cleat_context *context;
    cleat_conv2d_options options = {.groups = c.groups,
        .accumulate = direction != CLEAT_CONV2D_FORWARD,
        .variant = "gpu_units"};
    memcpy(options.padding, c.padding, sizeof options.padding);
    test_ok(cleat_conv2d_shape(c.x, c.w, &options, c.y));
    begin(profile);
    context = test_context();
    half_operands o = {.x = test_input_of(type, 4, c.x, TEST_EXACT, layout),
        .w = test_input_of(type, 4, c.w, TEST_EXACT, layout),
        .y = test_input_of(type, 4, c.y, TEST_EXACT, layout),
        .bias = test_input_of(type, 1, c.w, TEST_EXACT, layout)};
    o.of_x = test_doubles(&o.x);
    o.of_w = test_doubles(&o.w);
    o.of_y = test_doubles(&o.y);
    o.of_bias = test_doubles(&o.bias);
    test_tensor *result[] = {&o.y, &o.x, &o.w};
    double *want = test_alloc(result[direction]->count, sizeof *want);
    want_halves(type, direction, &o, &c, want);
    options.bias = &o.bias.view;
    if (direction == CLEAT_CONV2D_FORWARD) {
        test_ok(cleat_conv2d(context, o.x.view, o.w.view, o.y.view, &options));
    } else if (direction == CLEAT_CONV2D_BACKWARD_DATA) {
        test_ok(cleat_conv2d_backward_data(context, o.y.view, o.w.view, o.x.view, &options));
    } else {
        test_ok(cleat_conv2d_backward_weights(context, o.x.view, o.y.view, o.w.view, &options));
    }
    test_fetch(result[direction]);
    test_equal(result[direction], want, profile);
    test_tensor *all[] = {&o.x, &o.w, &o.y, &o.bias};
    double *values[] = {o.of_x, o.of_w, o.of_y, o.of_bias, want};
    for (int i = 0; i < 4; i++) {
        test_free(all[i]);
    }
    for (int i = 0; i < 5; i++) {
        free(values[i]);
    }
}

/* One of three directions, each a program to compile; all where the case is run alone. */
START_TEST(halves) {
    const bool all = test_rounds(1) > 1 || getenv("CK_RUN_CASE") != NULL;
    const reference_conv2d *c = half_cases;
    if (all || !test_is_short()) {
        check_halves("gpu:nvidia", CLEAT_BF16, CLEAT_CONV2D_FORWARD, TEST_ROW_MAJOR, c);
        check_halves("gpu:nvidia", CLEAT_F16, CLEAT_CONV2D_FORWARD, TEST_ROW_MAJOR, c + 2);
    }
    if (all) {
        check_halves("gpu:nvidia", CLEAT_F16, CLEAT_CONV2D_BACKWARD_WEIGHTS, TEST_STRIDED, c);
        check_halves("gpu:amd_mfma", CLEAT_F16, CLEAT_CONV2D_BACKWARD_DATA, TEST_CHANNELS_LAST, c);
        for (int direction = 0; direction < 3; direction++) {
            check_halves("gpu:nvidia", CLEAT_F16, direction, TEST_ROW_MAJOR, c + 1);
        }
    }
}
END_TEST

/* They are taken as they are, whatever else is permitted: 2^20 is no number of f16. */
START_TEST(halves_permitted) {
    const int64_t x_shape[] = {1, 1, 2, 2}, w_shape[] = {1, 1, 2, 2}, y_shape[] = {1, 1, 1, 1};
    const float x_values[] = {0x1p20f, 3, 5, -7}, w_values[] = {2, 4, 1, 0.5f};
    const double want[] = {0x1p21};
    if (test_is_short()) {
        return;
    }
    begin("gpu:nvidia");
    test_tensor x = test_input_from_of(CLEAT_BF16, 4, x_shape, x_values, TEST_ROW_MAJOR);
    test_tensor w = test_input_from_of(CLEAT_BF16, 4, w_shape, w_values, TEST_ROW_MAJOR);
    test_tensor y = test_output_of(CLEAT_BF16, 4, y_shape, TEST_ROW_MAJOR);
    const cleat_conv2d_options options = {.variant = "gpu_units", .compute = CLEAT_COMPUTE_F16};
    test_ok(cleat_conv2d(test_context(), x.view, w.view, y.view, &options));
    test_fetch(&y);
    test_equal(&y, want, "bf16");
    test_free(&x);
    test_free(&w);
    test_free(&y);
}
END_TEST

/* Of f64 every mode is strict. */
START_TEST(doubles) {
    test_profile(NULL);
    if (!test_has_f64()) {
        return;
    }
    const int64_t shape[] = {1, 1, 1, 1};
    const double third[] = {1.0 / 3}, one[] = {1};
    test_tensor x = test_typed(CLEAT_F64, 4, shape, third, TEST_ROW_MAJOR);
    test_tensor w = test_typed(CLEAT_F64, 4, shape, one, TEST_ROW_MAJOR);
    test_tensor y = test_typed(CLEAT_F64, 4, shape, NULL, TEST_ROW_MAJOR);
    const cleat_conv2d_options options = {.compute = CLEAT_COMPUTE_BF16};
    test_ok(cleat_conv2d(test_context(), x.view, w.view, y.view, &options));
    test_fetch(&y);
    ck_assert_double_eq(*test_elements_f64(&y), third[0]);
    test_free(&x);
    test_free(&w);
    test_free(&y);
}
END_TEST

/* Of ones, 36 products each, by the first right variant of a context that checks them. */
static void convolve_ones(cleat_context *context) {
    const int64_t x_shape[] = {1, 4, 6, 6}, w_shape[] = {3, 4, 3, 3}, y_shape[] = {1, 3, 4, 4};
    float values[48];
    cleat_tensor x, w, y;
    test_ok(cleat_tensor_create(context, CLEAT_F32, 4, x_shape, &x));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 4, w_shape, &w));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 4, y_shape, &y));
    test_ok(cleat_fill(context, 1, x));
    test_ok(cleat_fill(context, 1, w));
    test_ok(cleat_fill(context, -1, y));
    const cleat_conv2d_options options = {.compute = CLEAT_COMPUTE_TF32};
    test_ok(cleat_tuning_set(context, "conv2d", "wide_groups", "gpu_units plain"));
    test_ok(cleat_conv2d(context, x, w, y, &options));
    test_ok(cleat_read(context, y, values, sizeof values));
    for (int i = 0; i < 48; i++) {
        ck_assert_msg(values[i] == 36, "element %d is %g", i, (double)values[i]);
    }
    cleat_tensor_release(&x);
    cleat_tensor_release(&w);
    cleat_tensor_release(&y);
}

/* Where variants are checked this one is; a wrong one is passed over. */
START_TEST(checked) {
    begin("gpu:nvidia");
    cleat_context *context = spoilt_open(CLEAT_VERIFY_ON, NULL);
    convolve_ones(context);
    spoilt_expect_counts(context, 1, 0);
    cleat_context_release(context);
    if (test_rounds(1) > 1) {
        spoilt_begin();
        spoilt_replace("conv2d_units.cl", "CONV2D_STORE(sum,", "CONV2D_STORE((sum) + 1.0f,");
        context = spoilt_open(CLEAT_VERIFY_ON, NULL);
        convolve_ones(context);
        spoilt_expect_counts(context, 2, 1);
        cleat_context_release(context);
        spoilt_end();
    }
}
END_TEST

START_TEST(refusals) {
    test_profile("gpu:intel");
    const int64_t shape[] = {1, 1, 1, 1, 1};
    cleat_context *context = test_context();
    test_tensor x[6], y[6];
    for (int rank = 3; rank <= 5; rank++) {
        x[rank] = test_input(rank, shape, TEST_EXACT, TEST_ROW_MAJOR);
        y[rank] = test_output(rank, shape, TEST_ROW_MAJOR);
    }
    const cleat_compute wrong[] = {(cleat_compute)5, (cleat_compute)-1};
    for (int i = 0; i < 2; i++) {
        char part[64];
        const cleat_conv1d_options one = {.compute = wrong[i]};
        const cleat_conv2d_options two = {.compute = wrong[i]};
        const cleat_conv3d_options three = {.compute = wrong[i]};
        snprintf(part, sizeof part, "conv1d: options->compute is %d", (int)wrong[i]);
        test_refused(cleat_conv1d(context, x[3].view, x[3].view, y[3].view, &one),
            CLEAT_INVALID_ARGUMENT, part);
        test_refused(cleat_conv2d(context, x[4].view, x[4].view, y[4].view, &two),
            CLEAT_INVALID_ARGUMENT, "conv2d: options->compute");
        test_refused(cleat_conv2d_backward_data(context, x[4].view, x[4].view, y[4].view, &two),
            CLEAT_INVALID_ARGUMENT, "conv2d_backward_data: options->compute");
        test_refused(cleat_conv2d_backward_weights(context, x[4].view, x[4].view, y[4].view, &two),
            CLEAT_INVALID_ARGUMENT, "conv2d_backward_weights: options->compute");
        test_refused(cleat_conv_transpose2d(context, x[4].view, x[4].view, y[4].view, &two),
            CLEAT_INVALID_ARGUMENT, "conv_transpose2d: options->compute");
        test_refused(cleat_conv3d(context, x[5].view, x[5].view, y[5].view, &three),
            CLEAT_INVALID_ARGUMENT, "conv3d: options->compute");
    }
    const cleat_conv2d_options absent = {.variant = "gpu_units", .compute = CLEAT_COMPUTE_TF32X3};
    test_refused(cleat_conv2d(context, x[4].view, x[4].view, y[4].view, &absent), CLEAT_UNSUPPORTED,
        "gpu_units cannot do");
    for (int rank = 3; rank <= 5; rank++) {
        test_unchanged(&y[rank]);
        test_free(&x[rank]);
        test_free(&y[rank]);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("conv_compute");
    TCase *both = test_case(suite, "halves");
    tcase_add_test(both, halves);
    tcase_add_test(both, halves_permitted);
    test_add_case(suite, "doubles", doubles);
    test_add_case(suite, "checked", checked);
    test_add_case(suite, "refusals", refusals);
    return suite;
}
