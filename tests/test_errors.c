/* SPDX-License-Identifier: Apache-2.0 */
/* What a caller is told, and that nothing is harmed: statuses, kernels that do not build, memory
 * that runs out. */
#include "harness.h"

#include <limits.h>
#include <pthread.h>
#include <unistd.h>

START_TEST(every_status_has_a_name_and_a_text) {
#define CHECK_STATUS(name, value, text)                                                            \
    ck_assert_str_eq(cleat_status_name(name), #name);                                              \
    ck_assert_str_eq(cleat_status_text(name), text);                                               \
    ck_assert_int_eq(name, value);
    CLEAT_STATUS_LIST(CHECK_STATUS)
#undef CHECK_STATUS
    ck_assert_str_eq(cleat_status_name((cleat_status)999), "unknown status");
    ck_assert_str_eq(cleat_status_text((cleat_status)-1), "unknown status");
}
END_TEST

START_TEST(version_is_the_headers) {
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", CLEAT_VERSION_MAJOR, CLEAT_VERSION_MINOR,
        CLEAT_VERSION_PATCH);
    ck_assert_str_eq(cleat_version(), text);
}
END_TEST

static void *read_message(void *data) {
    *(bool *)data = cleat_error_message()[0] == '\0';
    return NULL;
}

START_TEST(messages_stay_on_their_thread) {
    pthread_t thread;
    bool empty = false;
    size_t count = 0;
    test_refused(cleat_devices(0, NULL, NULL), CLEAT_INVALID_ARGUMENT, "count is NULL");
    ck_assert_int_eq(pthread_create(&thread, NULL, read_message, &empty), 0);
    pthread_join(thread, NULL);
    ck_assert(empty);
    /* A call that succeeds leaves the message alone. */
    test_ok(cleat_devices(0, NULL, &count));
    ck_assert_ptr_nonnull(strstr(cleat_error_message(), "count is NULL"));
}
END_TEST

/* ---- Kernels of a developer's folder ---- */

static char folder[64];

static void make_folder(void) {
    strcpy(folder, "/tmp/cleat-test-errors-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void put_file(const char *name, const char *text) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
}

static void remove_file(const char *name) {
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
}

/* What a turned copy of 2 x 2 floats gives, all through a context that looks into the folder. */
typedef struct outcome {
    cleat_status status;
    float y[4];
} outcome;

static const float x_values[4] = {1, 2, 3, 4};

static outcome copy_with_folder(void) {
    outcome o;
    cleat_context *context;
    cleat_context_options options = {.cache = CLEAT_CACHE_OFF};
    cleat_tensor x;
    cleat_tensor y;
    setenv("CLEAT_KERNEL_DIR", folder, 1);
    test_ok(cleat_context_create(&options, &context));
    unsetenv("CLEAT_KERNEL_DIR");
    test_ok(cleat_tensor_create(context, CLEAT_F32, 2, (int64_t[]){2, 2}, &x));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 2, (int64_t[]){2, 2}, &y));
    test_ok(cleat_write(context, x, x_values, sizeof x_values));
    test_ok(cleat_fill(context, 9, y));
    o.status = cleat_copy(context, cleat_transpose(x), y);
    /* Whatever happened, the context goes on working. */
    test_ok(cleat_read(context, y, o.y, sizeof o.y));
    float back[4];
    test_ok(cleat_read(context, x, back, sizeof back));
    ck_assert_int_eq(memcmp(back, x_values, sizeof back), 0);
    cleat_tensor_release(&x);
    cleat_tensor_release(&y);
    cleat_context_statistics statistics;
    test_ok(cleat_context_get_statistics(context, &statistics));
    ck_assert_uint_eq(statistics.buffer_bytes, 0);
    cleat_context_release(context);
    return o;
}

static void refused_with(cleat_status status, const char *part) {
    outcome o = copy_with_folder();
    test_refused(o.status, status, part);
    for (int i = 0; i < 4; i++) {
        ck_assert(o.y[i] == 9.0F);
    }
}

START_TEST(build_failure_tells_the_log) {
    make_folder();
    put_file("transfer.cl", "#include \"common.cl\"\n"
                            "kernel void transfer_strided(global int *x) {\n"
                            "    *x = no_such_name_here;\n"
                            "}\n");
    refused_with(CLEAT_BUILD_FAILED, "no_such_name_here");
    ck_assert_ptr_nonnull(strstr(cleat_error_message(), "copy: building transfer.cl"));
    ck_assert_ptr_nonnull(strstr(cleat_error_message(), "kernel transfer_strided"));
    ck_assert_ptr_nonnull(strstr(cleat_error_message(), "-cl-std=CL1.2"));
    ck_assert_ptr_nonnull(strstr(cleat_error_message(), "-DRANK=2"));
    remove_file("transfer.cl");
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

START_TEST(long_logs_are_cut) {
    make_folder();
    char text[20000] = "kernel void transfer_strided(global int *x) {\n";
    while (strlen(text) < sizeof text - 100) {
        strcat(text, "    *x = no_such_name_here + *x;\n    *x = nor_this_one + *x;\n");
    }
    strcat(text, "}\n");
    put_file("transfer.cl", text);
    refused_with(CLEAT_BUILD_FAILED, "no_such_name_here");
    ck_assert_uint_lt(strlen(cleat_error_message()), 4096);
    remove_file("transfer.cl");
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

START_TEST(folder_comes_before_the_library) {
    make_folder();
    /* An empty folder changes nothing. */
    outcome o = copy_with_folder();
    test_ok(o.status);
    ck_assert(o.y[1] == 3.0F);
    /* Its files count, and so do those they include from either place. */
    put_file("transfer.cl", "#include \"common.cl\"\n#include \"value.cl\"\n#include \"value.cl\"\n"
                            "typedef struct numbers { INDEX places[11]; int stream; } numbers;\n"
                            "kernel void transfer_strided(global const float *x, global float *y, "
                            "const numbers n) {\n"
                            "    y[0] = x[0] + FMA(VALUE, 2.0f, 0.0f);\n}\n");
    put_file("value.cl", "#undef VALUE\n#define VALUE 20.0f");
    o = copy_with_folder();
    test_ok(o.status);
    ck_assert(o.y[0] == 41.0F);
    ck_assert(o.y[1] == 9.0F);
    remove_file("value.cl");
    refused_with(CLEAT_BUILD_FAILED, "there is no file \"value.cl\"");
    remove_file("transfer.cl");
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

START_TEST(kernels_that_do_not_fit_their_launch) {
    make_folder();
    put_file("transfer.cl", "kernel void another_name(global int *x) { *x = 1; }\n");
    refused_with(CLEAT_BUILD_FAILED, "transfer.cl has no kernel transfer_strided");
    put_file("transfer.cl", "kernel void transfer_strided(global int *x) { *x = 1; }\n");
    refused_with(CLEAT_OPENCL_ERROR, "takes 1 arguments");
    put_file("transfer.cl", "#include \"transfer.cl\"\n");
    refused_with(CLEAT_BUILD_FAILED, "includes nest");
    remove_file("transfer.cl");
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

/* ---- Memory that runs out ---- */

START_TEST(too_large_a_piece) {
    cleat_device_info info;
    cleat_buffer *buffer = NULL;
    test_ok(cleat_context_device(test_context(), &info));
    if (info.max_allocation < SIZE_MAX) {
        test_refused(cleat_buffer_create(test_context(), (size_t)info.max_allocation + 1, &buffer),
            CLEAT_OUT_OF_DEVICE_MEMORY, "at most");
        ck_assert_ptr_nonnull(strstr(cleat_error_message(), info.name));
        ck_assert_ptr_nonnull(strstr(cleat_error_message(), "MiB"));
    }
    test_refused(cleat_buffer_create(test_context(), SIZE_MAX, &buffer), CLEAT_OUT_OF_DEVICE_MEMORY,
        "buffer_create");
    ck_assert_ptr_null(buffer);
}
END_TEST

START_TEST(device_memory_runs_out) {
    enum { MOST = 256 };
    cleat_buffer *buffers[MOST];
    cleat_context *context;
    cleat_device_info info;
    cleat_context_statistics statistics;
    int count = 0;
    cleat_status status = CLEAT_OK;
    test_ok(cleat_context_create(NULL, &context));
    test_ok(cleat_context_device(context, &info));
    while (count < MOST) {
        status = cleat_buffer_create(context, (size_t)info.max_allocation, &buffers[count]);
        if (status != CLEAT_OK) {
            break;
        }
        count++;
    }
    test_refused(status, CLEAT_OUT_OF_DEVICE_MEMORY, "held already");
    while (count > 0) {
        cleat_buffer_release(buffers[--count]);
    }
    test_ok(cleat_context_get_statistics(context, &statistics));
    ck_assert_uint_eq(statistics.buffer_bytes, 0);
    /* And then there is room again. */
    cleat_tensor x;
    float value = 0;
    test_ok(cleat_tensor_create(context, CLEAT_F32, 0, NULL, &x));
    test_ok(cleat_fill(context, 4, x));
    test_ok(cleat_read(context, x, &value, sizeof value));
    ck_assert(value == 4.0F);
    cleat_tensor_release(&x);
    cleat_context_release(context);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("errors");
    TCase *statuses = test_case(suite, "statuses");
    tcase_add_test(statuses, every_status_has_a_name_and_a_text);
    tcase_add_test(statuses, version_is_the_headers);
    tcase_add_test(statuses, messages_stay_on_their_thread);
    TCase *kernels = test_case(suite, "kernels");
    tcase_add_test(kernels, build_failure_tells_the_log);
    tcase_add_test(kernels, long_logs_are_cut);
    tcase_add_test(kernels, folder_comes_before_the_library);
    tcase_add_test(kernels, kernels_that_do_not_fit_their_launch);
    TCase *memory = test_case(suite, "memory");
    tcase_add_test(memory, too_large_a_piece);
    tcase_add_test(memory, device_memory_runs_out);
    return suite;
}
