/* SPDX-License-Identifier: Apache-2.0 */
/* The public lists of variants are those that the library chooses from: a variable that asks for
 * one that is none is refused, and the message lists them. */
#include "harness.h"

/* Tensors that serve every call below; nothing runs. */
static cleat_tensor shaped(int32_t rank, int64_t extent) {
    int64_t shape[] = {extent, extent, extent, extent};
    cleat_tensor x;
    test_ok(cleat_tensor_create(test_context(), CLEAT_F32, rank, shape, &x));
    return x;
}

static cleat_status call(const char *operation, cleat_tensor x, cleat_tensor y, cleat_tensor z) {
    cleat_context *context = test_context();
    const cleat_conv2d_options same = {.padding = {1, 1, 2, 2}};
    const int32_t axis = 3;
    cleat_tensor row = x;
    cleat_tensor column = z;
    row.rank = 2;
    column.rank = 3;
    if (strcmp(operation, "MATMUL") == 0) {
        return cleat_matmul(context, x, y, z, NULL);
    } else if (strcmp(operation, "CONV2D") == 0) {
        return cleat_conv2d(context, x, y, z, &same);
    } else if (strcmp(operation, "CONV2D_BACKWARD_DATA") == 0) {
        return cleat_conv2d_backward_data(context, x, y, z, &same);
    } else if (strcmp(operation, "CONV2D_BACKWARD_WEIGHTS") == 0) {
        return cleat_conv2d_backward_weights(context, x, y, z, &same);
    } else if (strcmp(operation, "SOFTMAX") == 0) {
        return cleat_softmax(context, x, 0, y);
    } else if (strcmp(operation, "REDUCE") == 0) {
        return cleat_reduce(context, CLEAT_REDUCE_SUM, x, 1, &axis, column, NULL);
    } else if (strcmp(operation, "ATTENTION") == 0) {
        return cleat_attention(context, x, x, y, z, NULL, NULL);
    }
    return cleat_rotary(context, row, row, NULL);
}

static void expect_list(const char *operation, const char *const *names) {
    char variable[64] = "CLEAT_";
    char joined[512] = "there is: ";
    cleat_tensor x = shaped(4, 4);
    cleat_tensor y = shaped(4, 4);
    cleat_tensor z = shaped(4, 4);
    ck_assert_ptr_nonnull(names[0]);
    for (int i = 0; names[i] != NULL; i++) {
        ck_assert_msg(names[i][0] != '\0', "%s: an empty name", operation);
        for (int k = 0; k < i; k++) {
            ck_assert_msg(strcmp(names[i], names[k]) != 0, "%s: %s twice", operation, names[i]);
        }
        strcat(strcat(joined, i > 0 ? ", " : ""), names[i]);
    }
    strcat(variable, operation);
    ck_assert_int_eq(setenv(variable, "absent", 1), 0);
    test_refused(call(operation, x, y, z), CLEAT_INVALID_ARGUMENT, joined);
    const char *list = strstr(cleat_error_message(), joined);
    ck_assert_msg(list != NULL && list[strlen(joined)] != ',', "%s has more variants than told: %s",
        operation, cleat_error_message());
    /* Of a variable names for f64 are passed over. */
    ck_assert_int_eq(setenv(variable, "plain_f64 absent", 1), 0);
    test_refused(call(operation, x, y, z), CLEAT_INVALID_ARGUMENT, "no variant \"absent\"");
    unsetenv(variable);
    cleat_tensor_release(&x);
    cleat_tensor_release(&y);
    cleat_tensor_release(&z);
}

START_TEST(lists_are_whole) {
    expect_list("MATMUL", cleat_matmul_variants());
    expect_list("CONV2D", cleat_conv2d_variants(CLEAT_CONV2D_FORWARD));
    expect_list("CONV2D_BACKWARD_DATA", cleat_conv2d_variants(CLEAT_CONV2D_BACKWARD_DATA));
    expect_list("CONV2D_BACKWARD_WEIGHTS", cleat_conv2d_variants(CLEAT_CONV2D_BACKWARD_WEIGHTS));
    expect_list("SOFTMAX", cleat_softmax_variants());
    expect_list("REDUCE", cleat_reduce_variants());
    expect_list("ATTENTION", cleat_attention_variants());
    expect_list("ROTARY", cleat_rotary_variants());
}
END_TEST

/* The kernels that the calls of a context ran: whether one of them has `part` in its name. */
static bool ran(cleat_context *context, const char *part) {
    cleat_profile_row rows[16];
    size_t count = 0;
    bool found = false;
    test_ok(cleat_profile(context, 16, rows, &count));
    for (size_t i = 0; i < count && i < 16; i++) {
        found = found || strstr(rows[i].kernel, part) != NULL;
    }
    return found;
}

/* Of ones, 20 terms each; the sums must be 20. */
static void multiply_ones(cleat_context *context) {
    float values[400];
    cleat_tensor x, y;
    for (int i = 0; i < 400; i++) {
        values[i] = 1;
    }
    test_ok(cleat_tensor_create(context, CLEAT_F32, 2, (int64_t[]){20, 20}, &x));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 2, (int64_t[]){20, 20}, &y));
    test_ok(cleat_write(context, x, values, sizeof values));
    test_ok(cleat_matmul(context, x, x, y, NULL));
    test_ok(cleat_read(context, y, values, sizeof values));
    for (int i = 0; i < 400; i++) {
        if (values[i] != 20) {
            ck_abort_msg("element %d is %g", i, (double)values[i]);
        }
    }
    cleat_tensor_release(&x);
    cleat_tensor_release(&y);
}

/* One query of one key, whose value is the result. */
static void attend_in_doubles(cleat_context *context) {
    const double values[4] = {1, 2, 3, 4};
    double got[4] = {0};
    cleat_tensor x, y;
    test_ok(cleat_tensor_create(context, CLEAT_F64, 4, (int64_t[]){1, 1, 1, 4}, &x));
    test_ok(cleat_tensor_create(context, CLEAT_F64, 4, (int64_t[]){1, 1, 1, 4}, &y));
    test_ok(cleat_write(context, x, values, sizeof values));
    test_ok(cleat_attention(context, x, x, x, y, NULL, NULL));
    test_ok(cleat_read(context, y, got, sizeof got));
    for (int i = 0; i < 4; i++) {
        ck_assert_double_eq(got[i], values[i]);
    }
    cleat_tensor_release(&x);
    cleat_tensor_release(&y);
}

START_TEST(any_device_runs_kernels_for_gpus) {
    const cleat_context_options options = {.profiling = true};
    cleat_context *context = NULL;
    ck_assert_int_eq(setenv("CLEAT_PROFILE", "gpu", 1), 0);
    const cleat_status status = cleat_context_create(&options, &context);
    ck_assert_int_eq(setenv("CLEAT_PROFILE", "absent", 1), 0);
    cleat_context *none = NULL;
    test_refused(cleat_context_create(NULL, &none), CLEAT_INVALID_ARGUMENT, "there is: gpu");
    ck_assert_int_eq(setenv("CLEAT_PROFILE", "cpu:5", 1), 0);
    test_refused(cleat_context_create(NULL, &none), CLEAT_INVALID_ARGUMENT, "there is: gpu");
    unsetenv("CLEAT_PROFILE");
    test_ok(status);
    multiply_ones(context);
    ck_assert(ran(context, "matmul_gpu"));
    if (test_has_f64()) { /* of which no kernel for GPUs but the plain one knows */
        attend_in_doubles(context);
        ck_assert(ran(context, "attention_plain"));
    }
    cleat_context_release(context);
}
END_TEST

/* The gradient of the logarithm of softmax, rows of 12, by a kernel that needs registers of 16
 * floats. */
static cleat_status by_wide_registers(const char *profile) {
    cleat_context *context = NULL;
    ck_assert_int_eq(setenv("CLEAT_PROFILE", profile, 1), 0);
    const cleat_status created = cleat_context_create(NULL, &context);
    unsetenv("CLEAT_PROFILE");
    if (created != CLEAT_OK) {
        return created;
    }
    cleat_tensor y, dx;
    test_ok(cleat_tensor_create(context, CLEAT_F32, 2, (int64_t[]){3, 12}, &y));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 2, (int64_t[]){3, 12}, &dx));
    test_ok(cleat_fill(context, -1, y));
    ck_assert_int_eq(setenv("CLEAT_SOFTMAX", "turned", 1), 0);
    const cleat_status status = cleat_log_softmax_backward(context, y, y, 1, dx);
    unsetenv("CLEAT_SOFTMAX");
    cleat_tensor_release(&y);
    cleat_tensor_release(&dx);
    cleat_context_release(context);
    return status;
}

START_TEST(processors_have_the_vectors_that_are_told) {
    if (test_device_is_cpu()) {
        test_ok(by_wide_registers("cpu:16"));
        test_refused(by_wide_registers("cpu:8"), CLEAT_UNSUPPORTED, "turned");
        test_refused(by_wide_registers("cpu:4"), CLEAT_UNSUPPORTED, "turned");
    } else {
        test_refused(by_wide_registers("cpu:16"), CLEAT_INVALID_ARGUMENT, "is no processor");
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("variants");
    TCase *tests = test_case(suite, "variants");
    tcase_add_test(tests, lists_are_whole);
    tcase_add_test(tests, any_device_runs_kernels_for_gpus);
    tcase_add_test(tests, processors_have_the_vectors_that_are_told);
    return suite;
}
