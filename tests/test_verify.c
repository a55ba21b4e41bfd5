/* SPDX-License-Identifier: Apache-2.0 */
/* Variants that are checked before their first use: right ones stay, wrong ones are passed over and
 * reported, and the verdict is kept. */
#include "harness_spoilt.h"

/* y = a b for matrices of ones: each result is the number of terms. */
enum { SIDE = 40, TERMS = 24 };

static cleat_status multiply(cleat_context *context, const char *variant, float *result) {
    float values[SIDE * SIDE];
    cleat_tensor a, b, y;
    test_ok(cleat_tensor_create(context, CLEAT_F32, 2, (int64_t[]){SIDE, TERMS}, &a));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 2, (int64_t[]){TERMS, SIDE}, &b));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 2, (int64_t[]){SIDE, SIDE}, &y));
    test_ok(cleat_fill(context, 1, a));
    test_ok(cleat_fill(context, 1, b));
    test_ok(cleat_fill(context, -1, y));
    const cleat_matmul_options options = {.variant = variant};
    cleat_status status = cleat_matmul(context, a, b, y, &options);
    char message[512];
    snprintf(message, sizeof message, "%s", cleat_error_message());
    test_ok(cleat_read(context, y, values, sizeof values));
    for (int i = 1; i < SIDE * SIDE; i++) {
        ck_assert_msg(values[i] == values[0], "y[%d] is %g and y[0] %g", i, (double)values[i],
            (double)values[0]);
    }
    *result = values[0];
    cleat_tensor_release(&a);
    cleat_tensor_release(&b);
    cleat_tensor_release(&y);
    if (status != CLEAT_OK) { /* the message once more: others came between */
        strcpy(spoilt_heard, message);
    }
    return status;
}

static void expect_product(cleat_context *context, const char *variant, float want) {
    float got = 0;
    test_ok(multiply(context, variant, &got));
    ck_assert_msg(got == want, "%g, not %g", (double)got, (double)want);
}

START_TEST(right_variants_stay) {
    cleat_context *context = spoilt_open(CLEAT_VERIFY_ON, NULL);
    expect_product(context, NULL, TERMS);
    spoilt_expect_counts(context, 1, 0);
    expect_product(context, NULL, TERMS);
    spoilt_expect_counts(context, 1, 0);
    const int64_t x_shape[] = {1, 20, 9, 9};
    const int64_t w_shape[] = {20, 20, 3, 3};
    cleat_tensor x, w, y, s;
    test_ok(cleat_tensor_create(context, CLEAT_F32, 4, x_shape, &x));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 4, x_shape, &y));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 4, w_shape, &w));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 0, NULL, &s));
    test_ok(cleat_random_uniform(context, 1, 1, -1, 1, x));
    test_ok(cleat_random_uniform(context, 1, 2, -1, 1, w));
    const cleat_conv2d_options same = {.padding = {1, 1, 1, 1}};
    test_ok(cleat_conv2d(context, x, w, y, &same));
    test_ok(cleat_conv2d_backward_data(context, y, w, x, &same));
    test_ok(cleat_conv2d_backward_weights(context, x, y, w, &same));
    test_ok(cleat_softmax(context, y, -1, y));
    test_ok(cleat_reduce(context, CLEAT_REDUCE_SUM, y, 0, NULL, s, NULL));
    test_ok(cleat_add(context, x, y, y));
    spoilt_expect_counts(context, 8, 0); /* random numbers too */
    ck_assert_msg(spoilt_heard[0] == '\0', "%s", spoilt_heard);
    cleat_tensor_release(&x);
    cleat_tensor_release(&y);
    cleat_tensor_release(&w);
    cleat_tensor_release(&s);
    cleat_context_release(context);
}
END_TEST

START_TEST(nothing_is_checked_unasked) {
    cleat_context *context = spoilt_open(CLEAT_VERIFY_OFF, NULL);
    expect_product(context, NULL, TERMS);
    spoilt_expect_counts(context, 0, 0);
    cleat_context_release(context);
    context = spoilt_open(CLEAT_VERIFY_ON, NULL);
    expect_product(context, "plain", TERMS); /* forced */
    spoilt_expect_counts(context, 0, 0);
    float values[4] = {0};
    cleat_tensor x;
    test_ok(cleat_tensor_create(context, CLEAT_F32, 1, (int64_t[]){4}, &x));
    test_ok(cleat_write(context, x, values, sizeof values));
    test_ok(cleat_plan_begin(context));
    test_ok(cleat_add(context, x, x, x));
    test_ok(cleat_plan_end(context, NULL));
    spoilt_expect_counts(context, 0, 0);
    test_ok(cleat_add(context, x, x, x));
    spoilt_expect_counts(context, 1, 0);
    cleat_tensor_release(&x);
    cleat_context_release(context);
}
END_TEST

/* ---- Kernels broken on purpose ---- */

/* The kernel file with every multiply-add off by one. */
static void spoil(const char *name) {
    spoilt_replace(name, "= FMA(", "= 1.0f + FMA(");
}

static cleat_context *open_spoilt(cleat_verification verification, bool all) {
    static const char *const files[] = {
        "gemm_cpu.cl", "gemm_gpu.cl", "matmul_vector_cpu.cl", "matmul_vector_gpu.cl"};
    spoilt_begin();
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        spoil(files[i]);
    }
    if (all) {
        spoil("matmul_plain.cl");
    }
    return spoilt_open(verification, NULL);
}

START_TEST(wrong_variants_are_passed_over) {
    ck_assert_int_eq(setenv("CLEAT_MATMUL", "own", 1), 0); /* CLBlast has kernels of its own */
    cleat_context *context = open_spoilt(CLEAT_VERIFY_OFF, false);
    float got = 0;
    test_ok(multiply(context, NULL, &got));
    ck_assert_msg(got != TERMS, "the kernels are not spoilt");
    cleat_context_release(context);
    spoilt_end();

    context = open_spoilt(CLEAT_VERIFY_ON, false);
    expect_product(context, NULL, TERMS);
    cleat_context_statistics s = spoilt_statistics(context);
    ck_assert_uint_ge(s.variants_distrusted, 1);
    ck_assert_uint_eq(s.variants_checked, s.variants_distrusted + 1);
    ck_assert_msg(strstr(spoilt_heard, "matmul: variant ") != NULL &&
                      strstr(spoilt_heard, "gives wrong results") != NULL,
        "%s", spoilt_heard);
    expect_product(context, NULL, TERMS);
    spoilt_expect_counts(context, s.variants_checked, s.variants_distrusted);
    cleat_context_release(context);
    spoilt_end();
    unsetenv("CLEAT_MATMUL");
}
END_TEST

/* Means of ones by a window of 3 x 3: whether all are one. */
static bool pools_ones(cleat_context *context, int64_t dilation) {
    const cleat_pool_options options = {.window = {3, 3},
        .stride = {1, 1},
        .padding = {1, 1, 1, 1},
        .dilation = {dilation, dilation}};
    const int64_t shape[] = {1, 2, 9, 40};
    int64_t out[4];
    float values[2 * 9 * 40];
    bool right = true;
    cleat_tensor x, y;
    test_ok(cleat_pool_shape(4, shape, &options, out));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 4, shape, &x));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 4, out, &y));
    test_ok(cleat_fill(context, 1, x));
    test_ok(cleat_average_pool(context, x, y, &options));
    const int64_t count = cleat_tensor_count(&y);
    test_ok(cleat_read(context, y, values, (size_t)count * sizeof *values));
    for (int64_t i = 0; i < count; i++) {
        right = right && fabsf(values[i] - 1) < 1e-6F;
    }
    cleat_tensor_release(&x);
    cleat_tensor_release(&y);
    return right;
}

/* The processors' kernels for pooling add wrongly, those for any device do not. */
START_TEST(wrong_pooling_is_passed_over) {
    for (int wanted = 0; wanted < 2 && test_device_is_cpu(); wanted++) {
        spoilt_begin();
        spoilt_replace("pool_lanes.cl", "return a + b + c;", "return a + b - c;");
        spoilt_replace("pool_join.cl", "((a) + (b))", "((a) + (b) + 1.0f)");
        cleat_context *context = spoilt_open(wanted ? CLEAT_VERIFY_ON : CLEAT_VERIFY_OFF, NULL);
        ck_assert_int_eq(pools_ones(context, 1), wanted);
        ck_assert_int_eq(pools_ones(context, 2), wanted);
        const cleat_context_statistics s = spoilt_statistics(context);
        if (wanted) {
            ck_assert_msg(strstr(spoilt_heard, "average_pool2d: variant ") != NULL &&
                              strstr(spoilt_heard, "average_pool: variant ") != NULL,
                "%s", spoilt_heard);
            ck_assert_uint_ge(s.variants_distrusted, 2);
        } else {
            ck_assert_uint_eq(s.variants_checked, 0);
        }
        cleat_context_release(context);
        spoilt_end();
    }
}
END_TEST

/* Nothing is wrong with the pooling kernels, in either direction. */
START_TEST(right_pooling_stays) {
    cleat_context *context = spoilt_open(CLEAT_VERIFY_ON, NULL);
    static const cleat_pool_options choices[] = {
        {.window = {2, 2}}, {.window = {2, 2}, .dilation = {2, 2}}, {.adaptive = true}};
    const int64_t shape[] = {1, 2, 10, 34}, few[] = {1, 2, 3, 4};
    cleat_tensor x, dx;
    test_ok(cleat_tensor_create(context, CLEAT_F32, 4, shape, &x));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 4, shape, &dx));
    test_ok(cleat_random_uniform(context, 1, 1, -1, 1, x));
    for (int i = 0; i < 3; i++) {
        cleat_tensor y;
        int64_t out[4];
        if (i < 2) {
            test_ok(cleat_pool_shape(4, shape, &choices[i], out));
        }
        test_ok(cleat_tensor_create(context, CLEAT_F32, 4, i < 2 ? out : few, &y));
        test_ok(cleat_max_pool(context, x, y, &choices[i]));
        test_ok(cleat_max_pool_backward(context, x, y, dx, &choices[i]));
        test_ok(cleat_average_pool(context, x, y, &choices[i]));
        test_ok(cleat_average_pool_backward(context, y, dx, &choices[i]));
        test_ok(cleat_lp_pool(context, x, y, &choices[i]));
        test_ok(cleat_lp_pool_backward(context, x, y, y, dx, &choices[i]));
        cleat_tensor_release(&y);
    }
    const cleat_context_statistics s = spoilt_statistics(context);
    ck_assert_uint_ge(s.variants_checked, 10);
    ck_assert_uint_eq(s.variants_distrusted, 0);
    ck_assert_msg(spoilt_heard[0] == '\0', "%s", spoilt_heard);
    cleat_tensor_release(&x);
    cleat_tensor_release(&dx);
    cleat_context_release(context);
}
END_TEST

START_TEST(all_variants_are_wrong) {
    ck_assert_int_eq(setenv("CLEAT_MATMUL", "own", 1), 0);
    cleat_context *context = open_spoilt(CLEAT_VERIFY_ON, true);
    float got = 0;
    for (int again = 0; again < 2; again++) {
        ck_assert_int_eq(multiply(context, NULL, &got), CLEAT_UNSUPPORTED);
        ck_assert_msg(strstr(spoilt_heard, "wrong results") != NULL, "%s", spoilt_heard);
        ck_assert_msg(got == -1, "the refused call has written");
    }
    cleat_context_release(context);
    spoilt_end();
    unsetenv("CLEAT_MATMUL");
}
END_TEST

START_TEST(verdicts_are_kept) {
    const char *folder = spoilt_begin();
    for (int life = 0; life < 2; life++) {
        cleat_context *context = spoilt_open(CLEAT_VERIFY_ON, folder);
        expect_product(context, NULL, TERMS);
        spoilt_expect_counts(context, life == 0 ? 1 : 0, 0);
        cleat_context_release(context);
    }
    spoilt_end();
}
END_TEST

/* Where nothing may be compiled, nothing is checked, and no verdict is made up. */
START_TEST(what_is_shipped_is_not_checked) {
    const char *folder = spoilt_begin();
    cleat_cache_folder before, after;
    cleat_context *context = spoilt_open(CLEAT_VERIFY_OFF, folder);
    expect_product(context, NULL, TERMS);
    cleat_context_release(context);
    test_ok(cleat_cache_folder_info(folder, &before));
    const cleat_context_options options = {
        .verification = CLEAT_VERIFY_ON, .cache = CLEAT_CACHE_ONLY, .cache_dir = folder};
    test_ok(cleat_context_create(&options, &context));
    expect_product(context, NULL, TERMS);
    spoilt_expect_counts(context, 0, 0);
    cleat_context_release(context);
    test_ok(cleat_cache_folder_info(folder, &after));
    ck_assert_uint_eq(before.entries, after.entries);
    spoilt_end();
}
END_TEST

START_TEST(the_variable_decides_where_no_option_does) {
    cleat_context *context = NULL;
    ck_assert_int_eq(setenv("CLEAT_VERIFY", "on", 1), 0);
    context = spoilt_open(CLEAT_VERIFY_AUTO, NULL);
    expect_product(context, NULL, TERMS);
    spoilt_expect_counts(context, 1, 0);
    cleat_context_release(context);
    context = spoilt_open(CLEAT_VERIFY_OFF, NULL);
    expect_product(context, NULL, TERMS);
    spoilt_expect_counts(context, 0, 0);
    cleat_context_release(context);
    ck_assert_int_eq(setenv("CLEAT_VERIFY", "off", 1), 0);
    context = spoilt_open(CLEAT_VERIFY_AUTO, NULL);
    expect_product(context, NULL, TERMS);
    spoilt_expect_counts(context, 0, 0);
    cleat_context_release(context);
    context = NULL;
    ck_assert_int_eq(setenv("CLEAT_VERIFY", "perhaps", 1), 0);
    test_refused(cleat_context_create(NULL, &context), CLEAT_INVALID_ARGUMENT, "perhaps");
    unsetenv("CLEAT_VERIFY");
    test_refused(cleat_context_create(
                     &(cleat_context_options){.verification = (cleat_verification)7}, &context),
        CLEAT_INVALID_ARGUMENT, "7");
    ck_assert_ptr_null(context);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("verify");
    TCase *tests = test_case(suite, "verify");
    tcase_add_test(tests, right_variants_stay);
    tcase_add_test(tests, nothing_is_checked_unasked);
    tcase_add_test(tests, wrong_variants_are_passed_over);
    tcase_add_test(tests, wrong_pooling_is_passed_over);
    tcase_add_test(tests, right_pooling_stays);
    tcase_add_test(tests, all_variants_are_wrong);
    tcase_add_test(tests, verdicts_are_kept);
    tcase_add_test(tests, what_is_shipped_is_not_checked);
    tcase_add_test(tests, the_variable_decides_where_no_option_does);
    return suite;
}
