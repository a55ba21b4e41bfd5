/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every OpenCL call that the core makes fails once, in turn: this program has OpenCL's functions
 * itself, which pass the call on, count the objects alive, and fail the n-th call. Whatever fails,
 * the caller gets a status with a reason, no object is left behind, and where the context was there
 * before, the same call works the next time.
 */
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include "harness.h"

#include <cleat/opencl.h>
#include <dlfcn.h>
#include <inttypes.h>

static int calls;          /* that could have failed since the count began */
static int fail_at;        /* number of the call that fails; 0: none */
static const char *failed; /* name of the call that did, or NULL */
static cl_int fail_with = CL_OUT_OF_RESOURCES;
static int alive; /* objects made and not released */

/* The loader's function of this name, as bits for a pointer of its type. */
static void *loaders(const char *name) {
    static void *loader;
    if (loader == NULL) {
        loader = dlopen("libOpenCL.so.1", RTLD_NOW);
    }
    return loader != NULL ? dlsym(loader, name) : NULL;
}

static bool must_fail(const char *name) {
    calls++;
    if (calls != fail_at) {
        return false;
    }
    failed = name;
    return true;
}

CL_API_ENTRY cl_int CL_API_CALL clGetDeviceIDs(cl_platform_id platform, cl_device_type type,
    cl_uint entries, cl_device_id *devices, cl_uint *count) {
    cl_int (*real)(cl_platform_id platform, cl_device_type type, cl_uint entries,
        cl_device_id * devices, cl_uint * count);
    void *found = loaders("clGetDeviceIDs");
    memcpy(&real, &found, sizeof real);
    return must_fail("clGetDeviceIDs") ? fail_with : real(platform, type, entries, devices, count);
}

CL_API_ENTRY cl_int CL_API_CALL clGetDeviceInfo(
    cl_device_id device, cl_device_info name, size_t size, void *value, size_t *needed) {
    cl_int (*real)(
        cl_device_id device, cl_device_info name, size_t size, void *value, size_t *needed);
    void *found = loaders("clGetDeviceInfo");
    memcpy(&real, &found, sizeof real);
    return must_fail("clGetDeviceInfo") ? fail_with : real(device, name, size, value, needed);
}

CL_API_ENTRY cl_int CL_API_CALL clBuildProgram(cl_program program, cl_uint count,
    const cl_device_id *devices, const char *options, void(CL_CALLBACK *notify)(cl_program, void *),
    void *data) {
    cl_int (*real)(cl_program program, cl_uint count, const cl_device_id *devices,
        const char *options, void(CL_CALLBACK * notify)(cl_program, void *), void *data);
    void *found = loaders("clBuildProgram");
    memcpy(&real, &found, sizeof real);
    return must_fail("clBuildProgram") ? fail_with
                                       : real(program, count, devices, options, notify, data);
}

CL_API_ENTRY cl_int CL_API_CALL clGetKernelInfo(
    cl_kernel kernel, cl_kernel_info name, size_t size, void *value, size_t *needed) {
    cl_int (*real)(cl_kernel kernel, cl_kernel_info name, size_t size, void *value, size_t *needed);
    void *found = loaders("clGetKernelInfo");
    memcpy(&real, &found, sizeof real);
    return must_fail("clGetKernelInfo") ? fail_with : real(kernel, name, size, value, needed);
}

CL_API_ENTRY cl_int CL_API_CALL clGetKernelWorkGroupInfo(cl_kernel kernel, cl_device_id device,
    cl_kernel_work_group_info name, size_t size, void *value, size_t *needed) {
    cl_int (*real)(cl_kernel kernel, cl_device_id device, cl_kernel_work_group_info name,
        size_t size, void *value, size_t *needed);
    void *found = loaders("clGetKernelWorkGroupInfo");
    memcpy(&real, &found, sizeof real);
    return must_fail("clGetKernelWorkGroupInfo") ? fail_with
                                                 : real(kernel, device, name, size, value, needed);
}

static int arguments_set; /* since somebody set it to 0 */

CL_API_ENTRY cl_int CL_API_CALL clSetKernelArg(
    cl_kernel kernel, cl_uint index, size_t size, const void *value) {
    arguments_set++;
    cl_int (*real)(cl_kernel kernel, cl_uint index, size_t size, const void *value);
    void *found = loaders("clSetKernelArg");
    memcpy(&real, &found, sizeof real);
    return must_fail("clSetKernelArg") ? fail_with : real(kernel, index, size, value);
}

CL_API_ENTRY cl_int CL_API_CALL clEnqueueMigrateMemObjects(cl_command_queue queue, cl_uint count,
    const cl_mem *objects, cl_mem_migration_flags flags, cl_uint waits, const cl_event *list,
    cl_event *event) {
    cl_int (*real)(cl_command_queue queue, cl_uint count, const cl_mem *objects,
        cl_mem_migration_flags flags, cl_uint waits, const cl_event *list, cl_event *event);
    void *found = loaders("clEnqueueMigrateMemObjects");
    memcpy(&real, &found, sizeof real);
    if (must_fail("clEnqueueMigrateMemObjects")) {
        return fail_with;
    }
    alive += event != NULL;
    return real(queue, count, objects, flags, waits, list, event);
}

CL_API_ENTRY cl_int CL_API_CALL clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel,
    cl_uint dimensions, const size_t *offset, const size_t *global, const size_t *local,
    cl_uint waits, const cl_event *list, cl_event *event) {
    cl_int (*real)(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
        const size_t *offset, const size_t *global, const size_t *local, cl_uint waits,
        const cl_event *list, cl_event *event);
    void *found = loaders("clEnqueueNDRangeKernel");
    memcpy(&real, &found, sizeof real);
    if (must_fail("clEnqueueNDRangeKernel")) {
        return fail_with;
    }
    alive += event != NULL;
    return real(queue, kernel, dimensions, offset, global, local, waits, list, event);
}

CL_API_ENTRY cl_int CL_API_CALL clEnqueueWriteBuffer(cl_command_queue queue, cl_mem buffer,
    cl_bool blocking, size_t offset, size_t size, const void *data, cl_uint waits,
    const cl_event *list, cl_event *event) {
    cl_int (*real)(cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset,
        size_t size, const void *data, cl_uint waits, const cl_event *list, cl_event *event);
    void *found = loaders("clEnqueueWriteBuffer");
    memcpy(&real, &found, sizeof real);
    if (must_fail("clEnqueueWriteBuffer")) {
        return fail_with;
    }
    alive += event != NULL;
    return real(queue, buffer, blocking, offset, size, data, waits, list, event);
}

CL_API_ENTRY cl_int CL_API_CALL clEnqueueReadBuffer(cl_command_queue queue, cl_mem buffer,
    cl_bool blocking, size_t offset, size_t size, void *data, cl_uint waits, const cl_event *list,
    cl_event *event) {
    cl_int (*real)(cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset,
        size_t size, void *data, cl_uint waits, const cl_event *list, cl_event *event);
    void *found = loaders("clEnqueueReadBuffer");
    memcpy(&real, &found, sizeof real);
    if (must_fail("clEnqueueReadBuffer")) {
        return fail_with;
    }
    alive += event != NULL;
    return real(queue, buffer, blocking, offset, size, data, waits, list, event);
}

CL_API_ENTRY cl_int CL_API_CALL clEnqueueCopyBuffer(cl_command_queue queue, cl_mem from, cl_mem to,
    size_t from_offset, size_t to_offset, size_t size, cl_uint waits, const cl_event *list,
    cl_event *event) {
    cl_int (*real)(cl_command_queue queue, cl_mem from, cl_mem to, size_t from_offset,
        size_t to_offset, size_t size, cl_uint waits, const cl_event *list, cl_event *event);
    void *found = loaders("clEnqueueCopyBuffer");
    memcpy(&real, &found, sizeof real);
    if (must_fail("clEnqueueCopyBuffer")) {
        return fail_with;
    }
    alive += event != NULL;
    return real(queue, from, to, from_offset, to_offset, size, waits, list, event);
}

CL_API_ENTRY cl_int CL_API_CALL clEnqueueFillBuffer(cl_command_queue queue, cl_mem buffer,
    const void *pattern, size_t pattern_size, size_t offset, size_t size, cl_uint waits,
    const cl_event *list, cl_event *event) {
    cl_int (*real)(cl_command_queue queue, cl_mem buffer, const void *pattern, size_t pattern_size,
        size_t offset, size_t size, cl_uint waits, const cl_event *list, cl_event *event);
    void *found = loaders("clEnqueueFillBuffer");
    memcpy(&real, &found, sizeof real);
    if (must_fail("clEnqueueFillBuffer")) {
        return fail_with;
    }
    alive += event != NULL;
    return real(queue, buffer, pattern, pattern_size, offset, size, waits, list, event);
}

CL_API_ENTRY cl_int CL_API_CALL clGetEventProfilingInfo(
    cl_event event, cl_profiling_info name, size_t size, void *value, size_t *needed) {
    cl_int (*real)(
        cl_event event, cl_profiling_info name, size_t size, void *value, size_t *needed);
    void *found = loaders("clGetEventProfilingInfo");
    memcpy(&real, &found, sizeof real);
    return must_fail("clGetEventProfilingInfo") ? fail_with
                                                : real(event, name, size, value, needed);
}

CL_API_ENTRY cl_context CL_API_CALL clCreateContext(const cl_context_properties *properties,
    cl_uint count, const cl_device_id *devices,
    void(CL_CALLBACK *notify)(const char *, const void *, size_t, void *), void *data,
    cl_int *error) {
    cl_context (*real)(const cl_context_properties *properties, cl_uint count,
        const cl_device_id *devices,
        void(CL_CALLBACK * notify)(const char *, const void *, size_t, void *), void *data,
        cl_int *error);
    void *found = loaders("clCreateContext");
    memcpy(&real, &found, sizeof real);
    if (must_fail("clCreateContext")) {
        *error = fail_with;
        return NULL;
    }
    alive++;
    return real(properties, count, devices, notify, data, error);
}

CL_API_ENTRY cl_command_queue CL_API_CALL clCreateCommandQueue(cl_context context,
    cl_device_id device, cl_command_queue_properties properties, cl_int *error) {
    cl_command_queue (*real)(cl_context context, cl_device_id device,
        cl_command_queue_properties properties, cl_int * error);
    void *found = loaders("clCreateCommandQueue");
    memcpy(&real, &found, sizeof real);
    if (must_fail("clCreateCommandQueue")) {
        *error = fail_with;
        return NULL;
    }
    alive++;
    return real(context, device, properties, error);
}

CL_API_ENTRY cl_mem CL_API_CALL clCreateBuffer(
    cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *error) {
    cl_mem (*real)(cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *error);
    void *found = loaders("clCreateBuffer");
    memcpy(&real, &found, sizeof real);
    if (must_fail("clCreateBuffer")) {
        *error = fail_with;
        return NULL;
    }
    alive++;
    return real(context, flags, size, host, error);
}

CL_API_ENTRY cl_program CL_API_CALL clCreateProgramWithSource(
    cl_context context, cl_uint count, const char **texts, const size_t *lengths, cl_int *error) {
    cl_program (*real)(cl_context context, cl_uint count, const char **texts, const size_t *lengths,
        cl_int *error);
    void *found = loaders("clCreateProgramWithSource");
    memcpy(&real, &found, sizeof real);
    if (must_fail("clCreateProgramWithSource")) {
        *error = fail_with;
        return NULL;
    }
    alive++;
    return real(context, count, texts, lengths, error);
}

CL_API_ENTRY cl_kernel CL_API_CALL clCreateKernel(
    cl_program program, const char *name, cl_int *error) {
    cl_kernel (*real)(cl_program program, const char *name, cl_int *error);
    void *found = loaders("clCreateKernel");
    memcpy(&real, &found, sizeof real);
    if (must_fail("clCreateKernel")) {
        *error = fail_with;
        return NULL;
    }
    alive++;
    return real(program, name, error);
}

CL_API_ENTRY cl_int CL_API_CALL clReleaseContext(cl_context object) {
    cl_int (*real)(cl_context object);
    void *found = loaders("clReleaseContext");
    memcpy(&real, &found, sizeof real);
    alive--;
    return real(object);
}

CL_API_ENTRY cl_int CL_API_CALL clReleaseCommandQueue(cl_command_queue object) {
    cl_int (*real)(cl_command_queue object);
    void *found = loaders("clReleaseCommandQueue");
    memcpy(&real, &found, sizeof real);
    alive--;
    return real(object);
}

CL_API_ENTRY cl_int CL_API_CALL clReleaseMemObject(cl_mem object) {
    cl_int (*real)(cl_mem object);
    void *found = loaders("clReleaseMemObject");
    memcpy(&real, &found, sizeof real);
    alive--;
    return real(object);
}

CL_API_ENTRY cl_int CL_API_CALL clReleaseProgram(cl_program object) {
    cl_int (*real)(cl_program object);
    void *found = loaders("clReleaseProgram");
    memcpy(&real, &found, sizeof real);
    alive--;
    return real(object);
}

CL_API_ENTRY cl_int CL_API_CALL clReleaseKernel(cl_kernel object) {
    cl_int (*real)(cl_kernel object);
    void *found = loaders("clReleaseKernel");
    memcpy(&real, &found, sizeof real);
    alive--;
    return real(object);
}

CL_API_ENTRY cl_int CL_API_CALL clRetainEvent(cl_event object) {
    cl_int (*real)(cl_event object);
    void *found = loaders("clRetainEvent");
    memcpy(&real, &found, sizeof real);
    alive++;
    return real(object);
}

CL_API_ENTRY cl_int CL_API_CALL clReleaseEvent(cl_event object) {
    cl_int (*real)(cl_event object);
    void *found = loaders("clReleaseEvent");
    memcpy(&real, &found, sizeof real);
    alive--;
    return real(object);
}

/* ---- What is done while calls fail ---- */

enum { ROWS = 40, COLUMNS = 48, COUNT = ROWS * COLUMNS };

typedef struct scene {
    cleat_context *context;
    cleat_tensor x, y;
    float data[COUNT], got[COUNT];
} scene;

typedef cleat_status (*scene_step)(scene *s);

static cleat_status step_create(scene *s) {
    /* The disk cache would ask for binaries, which is no reason to fail. */
    cleat_context_options options = {.profiling = true, .cache = CLEAT_CACHE_OFF};
    return cleat_context_create(&options, &s->context);
}

static cleat_status step_make_x(scene *s) {
    return cleat_tensor_create(s->context, CLEAT_F32, 2, (int64_t[]){ROWS, COLUMNS}, &s->x);
}

static cleat_status step_make_y(scene *s) {
    return cleat_tensor_create(s->context, CLEAT_F32, 2, (int64_t[]){COLUMNS, ROWS}, &s->y);
}

static cleat_status step_write(scene *s) {
    return cleat_write(s->context, s->x, s->data, sizeof s->data);
}

static cleat_status step_fill(scene *s) {
    return cleat_fill(s->context, -1, s->y);
}

static cleat_status step_fill_part(scene *s) {
    cleat_tensor part;
    cleat_status status = cleat_slice(s->y, 1, 0, ROWS / 2, 2, &part);
    return status == CLEAT_OK ? cleat_fill(s->context, 5, part) : status;
}

static cleat_status step_copy(scene *s) {
    return cleat_copy(s->context, cleat_transpose(s->x), s->y);
}

static cleat_status step_read(scene *s) {
    return cleat_read(s->context, cleat_transpose(s->y), s->got, sizeof s->got);
}

static cleat_status step_write_turned(scene *s) {
    return cleat_write(s->context, cleat_transpose(s->x), s->data, sizeof s->data);
}

static cleat_status step_copy_plain(scene *s) {
    cleat_tensor half;
    cleat_tensor other;
    cleat_status status = cleat_slice(s->x, 0, 0, ROWS / 2, 1, &half);
    status = status == CLEAT_OK ? cleat_slice(s->x, 0, ROWS / 2, ROWS / 2, 1, &other) : status;
    return status == CLEAT_OK ? cleat_copy(s->context, half, other) : status;
}

static cleat_status step_profile(scene *s) {
    cleat_profile_row rows[16];
    size_t count = 0;
    return cleat_profile(s->context, 16, rows, &count);
}

static const scene_step steps[] = {step_create, step_make_x, step_make_y, step_write, step_fill,
    step_fill_part, step_copy, step_read, step_write_turned, step_copy_plain, step_profile};

enum { STEPS = sizeof steps / sizeof steps[0], READ_STEP = 7 };

/* Plays all steps; the call number `number` fails. The step it fails in is played again, unless no
 * context came of it. */
static void play(int number) {
    scene s = {.context = NULL};
    for (int i = 0; i < COUNT; i++) {
        s.data[i] = (float)i;
    }
    calls = 0;
    fail_at = number;
    failed = NULL;
    for (int i = 0; i < STEPS; i++) {
        cleat_status status = steps[i](&s);
        if (status != CLEAT_OK) {
            ck_assert_msg(failed != NULL, "step %d fails by itself: %s", i, cleat_error_message());
            ck_assert_uint_gt(strlen(cleat_error_message()), 0);
            if (s.context == NULL) {
                break;
            }
            status = steps[i](&s);
            ck_assert_msg(status == CLEAT_OK, "step %d, after %s had failed: %s", i, failed,
                cleat_error_message());
        }
        if (i == READ_STEP && memcmp(s.data, s.got, sizeof s.got) != 0) {
            ck_abort_msg("wrong data after %s had failed", failed != NULL ? failed : "nothing");
        }
    }
    cleat_tensor_release(&s.x);
    cleat_tensor_release(&s.y);
    if (s.context != NULL) {
        cleat_context_statistics statistics;
        test_ok(cleat_context_get_statistics(s.context, &statistics));
        ck_assert_uint_eq(statistics.buffer_bytes, 0);
        cleat_context_release(s.context);
    }
    ck_assert_msg(alive == 0, "%d objects are left after %s, call %d, had failed", alive,
        failed != NULL ? failed : "nothing", number);
}

/* Two tests share the calls between them; a long run makes every call fail both ways. */
static void play_all(cl_int error, int number) {
    fail_with = error;
    play(0);
    ck_assert_int_gt(calls, 40);
    int all = calls;
    int step = test_is_short() ? 6 : test_rounds(1) > 1 ? 1 : 2;
    do {
        play(number);
        number += step;
    } while (failed != NULL && number < 2 * all);
    ck_assert_int_ge(number, all);
}

/* Applies leaky relu, and tells how many arguments were set for it. */
static int arguments_for(cleat_context *context, cleat_tensor x, float slope, cleat_tensor y) {
    const cleat_activation_options options = {.parameters = &slope};
    float value = 0;
    test_ok(cleat_fill(context, -1, x));
    arguments_set = 0;
    test_ok(cleat_activate(context, CLEAT_LEAKY_RELU, x, y, &options));
    int set = arguments_set;
    test_ok(cleat_slice(y, 0, 2, 1, 1, &y));
    test_ok(cleat_read(context, y, &value, sizeof value));
    ck_assert_float_eq(value, -slope);
    return set;
}

/* An argument that is what it was is not set again; a memory object is, once any has been freed,
 * since a new one may have the handle of an old one. */
START_TEST(arguments_are_set_when_they_change) {
    const int64_t count = 8;
    cleat_tensor x, y;
    fail_at = 0;
    cleat_context *context;
    test_ok(cleat_context_create(&(cleat_context_options){.cache = CLEAT_CACHE_OFF}, &context));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 1, &count, &x));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 1, &count, &y));
    ck_assert_int_eq(arguments_for(context, x, 0.5f, y), 3); /* x, y, and all numbers */
    ck_assert_int_eq(arguments_for(context, x, 0.5f, y), 0);
    ck_assert_int_eq(arguments_for(context, x, 0.25f, y), 1);
    cleat_tensor_release(&y);
    test_ok(cleat_tensor_create(context, CLEAT_F32, 1, &count, &y));
    ck_assert_int_eq(arguments_for(context, x, 0.25f, y), 2);
    /* One that could not be set is not taken for set. */
    const cleat_activation_options options = {.parameters = (const float[]){0.125f}};
    calls = 0;
    fail_at = 1;
    ck_assert_int_ne(cleat_activate(context, CLEAT_LEAKY_RELU, x, y, &options), (int)CLEAT_OK);
    ck_assert_str_eq(failed, "clSetKernelArg");
    fail_at = 0;
    ck_assert_int_eq(arguments_for(context, x, 0.125f, y), 1);
    ck_assert_int_eq(arguments_for(context, x, 0.25f, y), 1);
    cleat_tensor_release(&x);
    cleat_tensor_release(&y);
    cleat_context_release(context);
}
END_TEST

START_TEST(each_call_runs_out_of_resources) {
    play_all(CL_OUT_OF_RESOURCES, 1);
}
END_TEST

START_TEST(each_call_fails_oddly) {
    play_all(CL_INVALID_OPERATION, test_rounds(1) > 1 ? 1 : 2);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("faults");
    TCase *cases = test_case(suite, "faults");
    tcase_add_test(cases, arguments_are_set_when_they_change);
    tcase_add_test(cases, each_call_runs_out_of_resources);
    tcase_add_test(cases, each_call_fails_oddly);
    return suite;
}
