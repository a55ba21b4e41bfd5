/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts: the choice of a device, profiling, statistics, forks. */
#include "harness.h"

#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Listing and choosing ---- */

static cleat_device_info best_device(void) {
    cleat_device_info info;
    size_t count = 0;
    test_ok(cleat_devices(1, &info, &count));
    ck_assert_uint_ge(count, 1);
    return info;
}

START_TEST(devices_are_listed_best_first) {
    cleat_device_info devices[64];
    size_t count = 0;
    size_t again = 0;
    test_ok(cleat_devices(64, devices, &count));
    test_ok(cleat_devices(0, NULL, &again));
    ck_assert_uint_ge(count, 1);
    ck_assert_uint_eq(count, again);
    for (size_t i = 0; i < count && i < 64; i++) {
        ck_assert_int_ge(devices[i].type, CLEAT_DEVICE_GPU);
        ck_assert_int_le(devices[i].type, CLEAT_DEVICE_SOFTWARE);
        ck_assert_uint_gt(strlen(devices[i].name), 0);
        ck_assert_uint_gt(strlen(devices[i].platform), 0);
        ck_assert_uint_gt(devices[i].compute_units, 0);
        ck_assert_uint_ge(devices[i].global_memory, devices[i].max_allocation / 2);
        ck_assert(devices[i].score > 0);
        if (i > 0) {
            ck_assert_int_ge(devices[i].type, devices[i - 1].type);
            ck_assert(
                devices[i].type != devices[i - 1].type || devices[i].score <= devices[i - 1].score);
        }
    }
    test_refused(cleat_devices(0, NULL, NULL), CLEAT_INVALID_ARGUMENT, "count is NULL");
    test_refused(cleat_devices(3, NULL, &count), CLEAT_INVALID_ARGUMENT, "capacity is 3");
}
END_TEST

/* Makes a context with this choice and gives its device. */
static cleat_device_info chosen(const char *choice) {
    cleat_context_options options = {.device = choice};
    cleat_device_info info;
    cleat_context *context;
    test_ok(cleat_context_create(&options, &context));
    test_ok(cleat_context_device(context, &info));
    cleat_context_release(context);
    return info;
}

static const char *type_word(cleat_device_type type) {
    static const char *const words[] = {"", "GPU", "Accelerator", "cpu", "software"};
    return words[type];
}

START_TEST(device_by_option) {
    cleat_device_info best = best_device();
    char text[300];
    snprintf(text, sizeof text, "%d:%d", best.platform_index, best.device_index);
    cleat_device_info got = chosen(text);
    ck_assert_str_eq(got.name, best.name);
    ck_assert_ptr_nonnull(strstr(got.reason, text));
    got = chosen(type_word(best.type));
    ck_assert_str_eq(got.name, best.name);
    ck_assert_ptr_nonnull(strstr(got.reason, "the option device"));
    /* Part of a name, in another case. */
    snprintf(text, sizeof text, "%.*s", (int)strlen(best.name) - 2, best.name + 1);
    for (char *c = text; *c != '\0'; c++) {
        *c = (char)(isupper((unsigned char)*c) ? tolower((unsigned char)*c)
                                               : toupper((unsigned char)*c));
    }
    ck_assert_str_eq(chosen(text).name, best.name);
    ck_assert_str_eq(chosen(best.platform).platform, best.platform);
    ck_assert_str_eq(chosen(NULL).name, best.name);
    ck_assert_str_eq(chosen("").name, best.name);
    ck_assert_uint_gt(strlen(chosen(NULL).reason), 0);
}
END_TEST

START_TEST(device_by_environment) {
    cleat_device_info best = best_device();
    cleat_context *context = NULL;
    char text[32];
    snprintf(text, sizeof text, "%d:%d", best.platform_index, best.device_index);
    setenv("CLEAT_DEVICE", text, 1);
    ck_assert_ptr_nonnull(strstr(chosen(NULL).reason, "CLEAT_DEVICE"));
    setenv("CLEAT_DEVICE", "no such device", 1);
    test_refused(
        cleat_context_create(NULL, &context), CLEAT_NO_DEVICE, "CLEAT_DEVICE \"no such device\"");
    /* The option comes first. */
    ck_assert_str_eq(chosen(text).name, best.name);
    setenv("CLEAT_DEVICE", "", 1);
    ck_assert_str_eq(chosen(NULL).name, best.name);
    unsetenv("CLEAT_DEVICE");
    ck_assert_ptr_null(context);
}
END_TEST

START_TEST(wrong_choices_list_what_is_there) {
    static const char *const wrong[] = {
        "99:0", "0:99", "0:0:0", "Voodoo 3", "-1:0", "0:", ":", "gpuu"};
    cleat_device_info best = best_device();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        cleat_context_options options = {.device = wrong[i]};
        cleat_context *context = NULL;
        test_refused(cleat_context_create(&options, &context), CLEAT_NO_DEVICE, wrong[i]);
        ck_assert_ptr_nonnull(strstr(cleat_error_message(), best.name));
        ck_assert_ptr_nonnull(strstr(cleat_error_message(), best.platform));
        ck_assert_ptr_null(context);
    }
}
END_TEST

START_TEST(type_that_is_not_there) {
    static const char *const words[] = {"gpu", "accelerator", "cpu", "software"};
    cleat_device_info devices[64];
    size_t count = 0;
    test_ok(cleat_devices(64, devices, &count));
    for (int type = CLEAT_DEVICE_GPU; type <= CLEAT_DEVICE_SOFTWARE; type++) {
        bool there = false;
        for (size_t i = 0; i < count && i < 64; i++) {
            there = there || (int)devices[i].type == type;
        }
        if (!there) {
            cleat_context_options options = {.device = words[type - 1]};
            cleat_context *context = NULL;
            test_refused(
                cleat_context_create(&options, &context), CLEAT_NO_DEVICE, words[type - 1]);
        }
    }
}
END_TEST

START_TEST(context_arguments) {
    cleat_context_options options = {.cache = (cleat_cache_mode)9};
    cleat_context *context = NULL;
    cleat_device_info info;
    test_refused(cleat_context_create(NULL, NULL), CLEAT_INVALID_ARGUMENT, "context is NULL");
    test_refused(cleat_context_create(&options, &context), CLEAT_INVALID_ARGUMENT, "cache is 9");
    test_refused(cleat_context_device(NULL, &info), CLEAT_INVALID_ARGUMENT, "context is NULL");
    test_refused(
        cleat_context_device(test_context(), NULL), CLEAT_INVALID_ARGUMENT, "info is NULL");
    test_refused(cleat_finish(NULL), CLEAT_INVALID_ARGUMENT, "finish: the context is NULL");
    test_refused(cleat_flush(NULL), CLEAT_INVALID_ARGUMENT, "flush");
    test_refused(cleat_context_trim(NULL), CLEAT_INVALID_ARGUMENT, "trim");
    test_refused(cleat_context_get_statistics(test_context(), NULL), CLEAT_INVALID_ARGUMENT,
        "statistics is NULL");
    cleat_context_retain(NULL);
    cleat_context_release(NULL);
    test_ok(cleat_flush(test_context()));
    test_ok(cleat_finish(test_context()));
}
END_TEST

/* ---- Other processes: this program again, with a part to play ---- */

static int run_part(const char *part, const char *environment) {
    char self[PATH_MAX];
    char command[3 * PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    ck_assert_int_gt(length, 0);
    self[length] = '\0';
    snprintf(command, sizeof command, "CLEAT_TEST_PART=%s %s '%s'", part, environment, self);
    return system(command);
}

START_TEST(part_no_platform) {
    cleat_context *context = NULL;
    size_t count = 77;
    test_refused(cleat_context_create(NULL, &context), CLEAT_NO_PLATFORM, "pocl-opencl-icd");
    ck_assert_ptr_nonnull(strstr(cleat_error_message(), "OCL_ICD_VENDORS"));
    ck_assert_ptr_nonnull(strstr(cleat_error_message(), "/nowhere"));
    test_refused(cleat_devices(0, NULL, &count), CLEAT_NO_PLATFORM, "mesa-opencl-icd");
    ck_assert_uint_eq(count, 77);
    ck_assert_ptr_null(context);
}
END_TEST

static void check_no_loader(const char *reason) {
    cleat_context *context = NULL;
    size_t count = 77;
    for (int again = 0; again < 2; again++) {
        test_refused(cleat_context_create(NULL, &context), CLEAT_NO_PLATFORM, reason);
        test_refused(cleat_devices(0, NULL, &count), CLEAT_NO_PLATFORM, reason);
    }
    ck_assert_uint_eq(count, 77);
    ck_assert_ptr_null(context);
}

START_TEST(part_no_loader) {
    check_no_loader("CLEAT_OPENCL_LIBRARY names the OpenCL loader /nowhere/libOpenCL.so");
}
END_TEST

/* The library named is there, and is no OpenCL. */
START_TEST(part_other_library) {
    check_no_loader("no clBuildProgram");
}
END_TEST

START_TEST(part_no_device) {
    cleat_context *context = NULL;
    size_t count = 77;
    test_ok(cleat_devices(0, NULL, &count));
    ck_assert_uint_eq(count, 0);
    test_refused(cleat_context_create(NULL, &context), CLEAT_NO_DEVICE, "POCL_CACHE_DIR");
}
END_TEST

/* Leaves without waiting: whatever is enqueued must end well at the release. */
START_TEST(part_release_while_busy) {
    cleat_context *context;
    cleat_tensor x;
    cleat_tensor y;
    test_ok(cleat_context_create(NULL, &context));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 2, (int64_t[]){1000, 1000}, &x));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 2, (int64_t[]){1000, 1000}, &y));
    for (int i = 0; i < 10; i++) {
        test_ok(cleat_copy(context, cleat_transpose(x), y));
    }
    cleat_tensor_release(&x);
    cleat_tensor_release(&y);
    cleat_context_release(context);
}
END_TEST

START_TEST(no_platform) {
    ck_assert_int_eq(run_part("no_platform", "OCL_ICD_VENDORS=/nowhere"), 0);
}
END_TEST

#ifndef CLEAT_LINK_OPENCL
START_TEST(no_loader) {
    ck_assert_int_eq(run_part("no_loader", "CLEAT_OPENCL_LIBRARY=/nowhere/libOpenCL.so"), 0);
    ck_assert_int_eq(run_part("other_library", "CLEAT_OPENCL_LIBRARY=libm.so.6"), 0);
    ck_assert_int_eq(run_part("busy", "CLEAT_OPENCL_LIBRARY=libOpenCL.so.1"), 0);
}
END_TEST
#endif

START_TEST(driver_that_shows_no_device) {
    cleat_device_info best = best_device();
    if (strcmp(best.platform, "Portable Computing Language") == 0 && best.platform_index == 0) {
        size_t count = 0;
        test_ok(cleat_devices(0, NULL, &count));
        if (count == 1) {
            ck_assert_int_eq(run_part("no_device", "POCL_CACHE_DIR=/proc/nowhere"), 0);
        }
    }
}
END_TEST

START_TEST(release_waits) {
    for (int round = test_rounds(4); round > 0; round--) {
        ck_assert_int_eq(run_part("release_while_busy", ""), 0);
    }
}
END_TEST

/* What the child of a process that used OpenCL gets; its exit code tells what went wrong. */
static int child_after_fork(cleat_context *context, cleat_tensor x) {
    cleat_context *another = NULL;
    if (cleat_fill(context, 1, x) != CLEAT_DEVICE_LOST ||
        strstr(cleat_error_message(), "fork") == NULL) {
        return 1;
    }
    if (cleat_context_create(NULL, &another) != CLEAT_UNSUPPORTED ||
        strstr(cleat_error_message(), "fork") == NULL) {
        return 2;
    }
    cleat_tensor_release(&x);
    cleat_context_release(context);
    return 0;
}

START_TEST(a_forked_child_is_told) {
    cleat_context *context;
    cleat_tensor x;
    int status = -1;
    float value = 0;
    test_ok(cleat_context_create(NULL, &context));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 0, NULL, &x));
    test_ok(cleat_fill(context, 2, x));
    fflush(NULL);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        alarm(20);
        _exit(child_after_fork(context, x));
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    test_ok(cleat_read(context, x, &value, sizeof value));
    ck_assert(value == 2.0F);
    cleat_tensor_release(&x);
    cleat_context_release(context);
}
END_TEST

/* ---- Statistics and scratch memory ---- */

START_TEST(scratch_is_reused_bounded_and_given_back) {
    enum { SIDE = 512, BYTES = SIDE * SIDE * 4 };
    cleat_context_options options = {.scratch_limit = 3 * BYTES / 2};
    cleat_context_statistics statistics;
    cleat_context *context;
    cleat_tensor x;
    float *data = test_alloc(SIDE * SIDE, sizeof *data);
    test_ok(cleat_context_create(&options, &context));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 2, (int64_t[]){SIDE, SIDE}, &x));
    test_ok(cleat_fill(context, 5, x));
    for (int i = 0; i < 5; i++) {
        test_ok(cleat_read(context, cleat_transpose(x), data, BYTES));
        test_ok(cleat_context_get_statistics(context, &statistics));
        ck_assert_uint_ge(statistics.scratch_bytes, BYTES);
        ck_assert_uint_le(statistics.scratch_bytes, 3 * BYTES / 2);
    }
    /* A smaller one fits the same block; a scalar is not worth it. */
    cleat_tensor half;
    test_ok(cleat_slice(x, 0, 0, SIDE / 2, 2, &half));
    test_ok(cleat_read(context, half, data, BYTES / 2));
    test_ok(cleat_context_get_statistics(context, &statistics));
    ck_assert_uint_le(statistics.scratch_bytes, 3 * BYTES / 2);
    test_ok(cleat_context_trim(context));
    test_ok(cleat_context_get_statistics(context, &statistics));
    ck_assert_uint_eq(statistics.scratch_bytes, 0);
    ck_assert_uint_eq(statistics.buffer_bytes, BYTES);
    test_ok(cleat_read(context, cleat_transpose(x), data, BYTES));
    ck_assert(data[SIDE] == 5.0F);
    cleat_tensor_release(&x);
    cleat_context_release(context);
    free(data);
}
END_TEST

START_TEST(scratch_beyond_its_limit_is_not_kept) {
    cleat_context_options options = {.scratch_limit = 1};
    cleat_context_statistics statistics;
    cleat_context *context;
    cleat_tensor x;
    float data[12];
    test_ok(cleat_context_create(&options, &context));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 2, (int64_t[]){3, 4}, &x));
    test_ok(cleat_fill(context, 5, x));
    test_ok(cleat_read(context, cleat_transpose(x), data, sizeof data));
    test_ok(cleat_context_get_statistics(context, &statistics));
    ck_assert_uint_eq(statistics.scratch_bytes, 0);
    cleat_tensor_release(&x);
    cleat_context_release(context);
}
END_TEST

/* ---- Profiling ---- */

START_TEST(profile_tells_calls_and_times) {
    enum { SIDE = 700, CALLS = 1500 };
    cleat_context_options options = {.profiling = true};
    cleat_context *context;
    cleat_tensor x;
    cleat_tensor y;
    cleat_profile_row rows[8];
    size_t count = 0;
    test_ok(cleat_context_create(&options, &context));
    test_ok(cleat_profile(context, 0, NULL, &count));
    ck_assert_uint_eq(count, 0);
    test_ok(cleat_tensor_create(context, CLEAT_F32, 2, (int64_t[]){SIDE, SIDE}, &x));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 2, (int64_t[]){SIDE, SIDE}, &y));
    test_ok(cleat_fill(context, 1, x));
    test_ok(cleat_copy(context, cleat_transpose(x), y));
    test_ok(cleat_copy(context, cleat_transpose(x), y));
    cleat_tensor small_x;
    cleat_tensor small_y;
    test_ok(cleat_slice(x, 0, 0, 2, 1, &small_x));
    test_ok(cleat_slice(small_x, 1, 0, 2, 2, &small_x));
    test_ok(cleat_slice(y, 0, 0, 2, 1, &small_y));
    test_ok(cleat_slice(small_y, 1, 0, 2, 2, &small_y));
    for (int i = 0; i < CALLS; i++) { /* more than are kept pending */
        test_ok(cleat_copy(context, small_x, small_y));
    }
    test_ok(cleat_profile(context, 8, rows, &count));
    uint64_t calls = 0;
    double bytes = 0;
    double seconds = 0;
    int fills = 0;
    ck_assert_uint_le(count, 8);
    for (size_t i = 0; i < count; i++) {
        bool copy = strcmp(rows[i].operation, "copy") == 0;
        ck_assert(i == 0 || rows[i].seconds <= rows[i - 1].seconds);
        ck_assert(rows[i].flop == 0);
        fills += !copy && strcmp(rows[i].operation, "fill") == 0 && rows[i].calls == 1;
        calls += copy ? rows[i].calls : 0;
        bytes += copy ? rows[i].bytes : 0;
        seconds += copy ? rows[i].seconds : 0;
    }
    ck_assert_int_eq(fills, 1);
    ck_assert_uint_eq(calls, CALLS + 2);
    ck_assert(bytes == 2.0 * 2 * SIDE * SIDE * 4 + CALLS * 2.0 * 4 * 4);
    /* 8 MB moved by any device, in more than a microsecond and less than a minute. */
    ck_assert(seconds > 1e-6 && seconds < 60);
    test_ok(cleat_profile_reset(context));
    test_ok(cleat_profile(context, 8, rows, &count));
    ck_assert_uint_eq(count, 0);
    test_refused(cleat_profile(context, 8, NULL, &count), CLEAT_INVALID_ARGUMENT, "rows is NULL");
    test_refused(cleat_profile(context, 8, rows, NULL), CLEAT_INVALID_ARGUMENT, "count is NULL");
    cleat_tensor_release(&x);
    cleat_tensor_release(&y);
    cleat_context_release(context);
}
END_TEST

START_TEST(profile_needs_profiling) {
    size_t count = 5;
    test_refused(
        cleat_profile(test_context(), 0, NULL, &count), CLEAT_UNSUPPORTED, "without profiling");
    test_refused(cleat_profile_reset(test_context()), CLEAT_UNSUPPORTED, "without profiling");
    ck_assert_uint_eq(count, 5);
}
END_TEST

static void add_part(Suite *suite, const char *part) {
    TCase *cases = test_case(suite, "part");
    if (strcmp(part, "no_platform") == 0) {
        tcase_add_test(cases, part_no_platform);
    } else if (strcmp(part, "no_loader") == 0) {
        tcase_add_test(cases, part_no_loader);
    } else if (strcmp(part, "other_library") == 0) {
        tcase_add_test(cases, part_other_library);
    } else if (strcmp(part, "no_device") == 0) {
        tcase_add_test(cases, part_no_device);
    } else {
        tcase_add_test(cases, part_release_while_busy);
    }
}

Suite *test_suite(void) {
    Suite *suite = suite_create("context");
    const char *part = getenv("CLEAT_TEST_PART");
    if (part != NULL) {
        add_part(suite, part);
        return suite;
    }
    TCase *devices = test_case(suite, "devices");
    tcase_add_test(devices, devices_are_listed_best_first);
    tcase_add_test(devices, device_by_option);
    tcase_add_test(devices, device_by_environment);
    tcase_add_test(devices, wrong_choices_list_what_is_there);
    tcase_add_test(devices, type_that_is_not_there);
    tcase_add_test(devices, context_arguments);
    TCase *processes = test_case(suite, "processes");
    tcase_add_test(processes, no_platform);
#ifndef CLEAT_LINK_OPENCL
    tcase_add_test(processes, no_loader);
#endif
    tcase_add_test(processes, driver_that_shows_no_device);
    tcase_add_test(processes, release_waits);
    tcase_add_test(processes, a_forked_child_is_told);
    TCase *inside = test_case(suite, "inside");
    tcase_add_test(inside, scratch_is_reused_bounded_and_given_back);
    tcase_add_test(inside, scratch_beyond_its_limit_is_not_kept);
    tcase_add_test(inside, profile_tells_calls_and_times);
    tcase_add_test(inside, profile_needs_profiling);
    return suite;
}
