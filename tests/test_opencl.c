/* SPDX-License-Identifier: Apache-2.0 */
/* Beside the caller's own OpenCL: adopted queues, wrapped memory, events both ways. */
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include "harness.h"

#include <cleat/opencl.h>
#include <time.h>

/* A cl_context and queue of the caller's own, on the device that the tests run on. */
typedef struct caller {
    cl_device_id device;
    cl_context context;
    cl_command_queue queue;
} caller;

static caller make_caller(cl_command_queue_properties properties) {
    cl_int error = CL_SUCCESS;
    caller c = {.device = cleat_context_cl_device(test_context())};
    c.context = clCreateContext(NULL, 1, &c.device, NULL, NULL, &error);
    ck_assert_int_eq(error, CL_SUCCESS);
    c.queue = clCreateCommandQueue(c.context, c.device, properties, &error);
    if (error != CL_SUCCESS) {
        c.queue = NULL;
    }
    return c;
}

static void free_caller(caller *c) {
    if (c->queue != NULL) {
        clReleaseCommandQueue(c->queue);
    }
    clReleaseContext(c->context);
}

static cl_uint references(cl_command_queue queue) {
    cl_uint count = 0;
    clGetCommandQueueInfo(queue, CL_QUEUE_REFERENCE_COUNT, sizeof count, &count, NULL);
    return count;
}

/* Waits until the count is `wanted`, five seconds at most: a driver's own thread may hold the
 * events of finished work, and the queue with them, for a moment (rusticl's does). */
static cl_uint references_settled(cl_command_queue queue, cl_uint wanted) {
    const struct timespec pause = {.tv_nsec = 5000000};
    for (int i = 0; i < 1000 && references(queue) != wanted; i++) {
        nanosleep(&pause, NULL);
    }
    return references(queue);
}

START_TEST(adopted_queue_works_and_is_given_back) {
    cleat_context *context;
    cleat_tensor x;
    cleat_device_info info;
    caller c = make_caller(0);
    float value = 0;
    cl_uint before = references(c.queue);
    test_ok(cleat_context_create_from_queue(c.queue, NULL, &context));
    ck_assert_ptr_eq(cleat_context_cl_queue(context), c.queue);
    ck_assert_ptr_eq(cleat_context_cl_context(context), c.context);
    ck_assert_ptr_eq(cleat_context_cl_device(context), c.device);
    test_ok(cleat_context_device(context, &info));
    ck_assert_ptr_nonnull(strstr(info.reason, "queue"));
    ck_assert_int_ge(info.platform_index, 0);
    test_ok(cleat_tensor_create(context, CLEAT_F32, 2, (int64_t[]){2, 3}, &x));
    test_ok(cleat_fill(context, 6, cleat_transpose(x)));
    cleat_tensor last;
    test_ok(cleat_slice(x, 0, 1, 1, 1, &last));
    test_ok(cleat_slice(last, 1, 2, 1, 1, &last));
    test_ok(cleat_read(context, last, &value, sizeof value));
    ck_assert(value == 6.0F);
    cleat_tensor_release(&x);
    cleat_context_release(context);
    ck_assert_uint_eq(references_settled(c.queue, before), before);
    free_caller(&c);
}
END_TEST

START_TEST(queues_that_do_not_fit) {
    cleat_context *context = NULL;
    cleat_context_options profiling = {.profiling = true};
    caller plain = make_caller(0);
    caller timed = make_caller(CL_QUEUE_PROFILING_ENABLE);
    caller unordered = make_caller(CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
    test_refused(cleat_context_create_from_queue(NULL, NULL, &context), CLEAT_INVALID_ARGUMENT,
        "queue is NULL");
    test_refused(cleat_context_create_from_queue(plain.queue, NULL, NULL), CLEAT_INVALID_ARGUMENT,
        "context is NULL");
    test_refused(cleat_context_create_from_queue(plain.queue, &profiling, &context),
        CLEAT_INVALID_ARGUMENT, "CL_QUEUE_PROFILING_ENABLE");
    if (unordered.queue != NULL) {
        test_refused(cleat_context_create_from_queue(unordered.queue, NULL, &context),
            CLEAT_INVALID_ARGUMENT, "out-of-order");
    }
    ck_assert_ptr_null(context);
    test_ok(cleat_context_create_from_queue(timed.queue, &profiling, &context));
    cleat_context_release(context);
    free_caller(&plain);
    free_caller(&timed);
    free_caller(&unordered);
}
END_TEST

START_TEST(lent_objects_of_nothing) {
    cleat_buffer *empty;
    ck_assert_ptr_null(cleat_context_cl_queue(NULL));
    ck_assert_ptr_null(cleat_context_cl_context(NULL));
    ck_assert_ptr_null(cleat_context_cl_device(NULL));
    ck_assert_ptr_null(cleat_buffer_cl_mem(NULL));
    test_ok(cleat_buffer_create(test_context(), 0, &empty));
    ck_assert_ptr_null(cleat_buffer_cl_mem(empty));
    cleat_buffer_release(empty);
}
END_TEST

static cl_mem make_memory(cl_context context, size_t size) {
    cl_int error = CL_SUCCESS;
    cl_mem memory = clCreateBuffer(context, CL_MEM_READ_WRITE, size, NULL, &error);
    ck_assert_int_eq(error, CL_SUCCESS);
    return memory;
}

START_TEST(wrapped_memory_is_the_callers) {
    int32_t data[24];
    cleat_context *context = test_context();
    cleat_context_statistics before;
    cleat_context_statistics after;
    cleat_buffer *buffer;
    cleat_tensor x;
    cl_uint count = 0;
    cl_mem memory = make_memory(cleat_context_cl_context(context), sizeof data);
    test_ok(cleat_context_get_statistics(context, &before));
    test_ok(cleat_buffer_wrap(context, memory, &buffer));
    cleat_buffer_release(buffer);
    clGetMemObjectInfo(memory, CL_MEM_REFERENCE_COUNT, sizeof count, &count, NULL);
    ck_assert_uint_eq(count, 1); /* later, commands and kernels may hold it as well */
    test_ok(cleat_buffer_wrap(context, memory, &buffer));
    test_ok(cleat_context_get_statistics(context, &after));
    ck_assert_uint_eq(before.buffer_bytes, after.buffer_bytes);
    ck_assert_uint_eq(cleat_buffer_size(buffer), sizeof data);
    ck_assert_ptr_eq(cleat_buffer_cl_mem(buffer), memory);
    test_ok(cleat_tensor_view(buffer, CLEAT_I32, 2, (int64_t[]){4, 6}, 0, &x));
    for (int i = 0; i < 24; i++) {
        data[i] = i;
    }
    test_ok(cleat_write(context, cleat_transpose(x), data, sizeof data));
    cleat_buffer_release(buffer);
    ck_assert_int_eq(clEnqueueReadBuffer(cleat_context_cl_queue(context), memory, CL_TRUE, 0,
                         sizeof data, data, 0, NULL, NULL),
        CL_SUCCESS);
    for (int i = 0; i < 24; i++) {
        ck_assert_int_eq(data[i], i % 6 * 4 + i / 6);
    }
    clReleaseMemObject(memory);
}
END_TEST

START_TEST(memory_that_cannot_be_wrapped) {
    cleat_buffer *buffer = NULL;
    caller c = make_caller(0);
    cl_mem memory = make_memory(c.context, 64);
    test_refused(cleat_buffer_wrap(test_context(), memory, &buffer), CLEAT_INVALID_ARGUMENT,
        "another cl_context");
    test_refused(
        cleat_buffer_wrap(test_context(), NULL, &buffer), CLEAT_INVALID_ARGUMENT, "memory is NULL");
    test_refused(
        cleat_buffer_wrap(NULL, memory, &buffer), CLEAT_INVALID_ARGUMENT, "context is NULL");
    test_refused(
        cleat_buffer_wrap(test_context(), memory, NULL), CLEAT_INVALID_ARGUMENT, "buffer is NULL");
    cl_bool has_images = CL_FALSE;
    clGetDeviceInfo(cleat_context_cl_device(test_context()), CL_DEVICE_IMAGE_SUPPORT,
        sizeof has_images, &has_images, NULL);
    if (has_images) {
        const cl_image_format format = {CL_RGBA, CL_FLOAT};
        const cl_image_desc desc = {
            .image_type = CL_MEM_OBJECT_IMAGE2D, .image_width = 4, .image_height = 4};
        cl_mem image = clCreateImage(cleat_context_cl_context(test_context()), CL_MEM_READ_WRITE,
            &format, &desc, NULL, NULL);
        ck_assert_ptr_nonnull(image);
        test_refused(cleat_buffer_wrap(test_context(), image, &buffer), CLEAT_INVALID_ARGUMENT,
            "no buffer but of type 0x10f1");
        clReleaseMemObject(image);
    }
    ck_assert_ptr_null(buffer);
    clReleaseMemObject(memory);
    free_caller(&c);
}
END_TEST

/* Two buffers around one memory object, and around parts of it, overlap where their bytes do. */
START_TEST(overlap_is_seen_through_wrapping) {
    enum { PART = 4096 };
    cleat_context *context = test_context();
    cl_mem memory = make_memory(cleat_context_cl_context(context), 2 * PART);
    cl_buffer_region second_half = {PART, PART};
    cl_int error = CL_SUCCESS;
    cl_mem part = clCreateSubBuffer(
        memory, CL_MEM_READ_WRITE, CL_BUFFER_CREATE_TYPE_REGION, &second_half, &error);
    ck_assert_int_eq(error, CL_SUCCESS);
    cleat_buffer *whole;
    cleat_buffer *again;
    cleat_buffer *half;
    cleat_tensor first;
    cleat_tensor second;
    cleat_tensor third;
    test_ok(cleat_buffer_wrap(context, memory, &whole));
    test_ok(cleat_buffer_wrap(context, memory, &again));
    test_ok(cleat_buffer_wrap(context, part, &half));
    ck_assert_uint_eq(cleat_buffer_size(half), PART);
    test_ok(cleat_tensor_view(whole, CLEAT_U8, 1, (int64_t[]){100}, 0, &first));
    test_ok(cleat_tensor_view(again, CLEAT_U8, 1, (int64_t[]){100}, 99, &second));
    test_refused(cleat_copy(context, first, second), CLEAT_OVERLAP, "overlaps");
    test_ok(cleat_tensor_view(again, CLEAT_U8, 1, (int64_t[]){100}, 100, &second));
    test_ok(cleat_copy(context, first, second));
    test_ok(cleat_tensor_view(whole, CLEAT_U8, 1, (int64_t[]){100}, PART - 99, &first));
    test_ok(cleat_tensor_view(half, CLEAT_U8, 1, (int64_t[]){100}, 0, &third));
    test_refused(cleat_copy(context, first, third), CLEAT_OVERLAP, "overlaps");
    test_ok(cleat_tensor_view(half, CLEAT_U8, 1, (int64_t[]){100}, 1, &third));
    test_ok(cleat_copy(context, first, third));
    cleat_buffer_release(whole);
    cleat_buffer_release(again);
    cleat_buffer_release(half);
    clReleaseMemObject(part);
    clReleaseMemObject(memory);
}
END_TEST

static cl_int state_of(cl_event event) {
    cl_int state = CL_QUEUED;
    clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL);
    return state;
}

/* PoCL's basic device hangs in clSetUserEventStatus(): docs/drivers.md. */
static bool user_events_hang(cleat_context *context) {
    cleat_device_info info;
    test_ok(cleat_context_device(context, &info));
    return strncmp(info.name, "basic-", 6) == 0;
}

START_TEST(work_waits_for_events_and_gives_one) {
    cleat_context *context = test_context();
    cl_int error = CL_SUCCESS;
    cleat_tensor x;
    float value = 0;
    if (user_events_hang(context)) {
        return;
    }
    cl_event gate = clCreateUserEvent(cleat_context_cl_context(context), &error);
    cl_event done = NULL;
    ck_assert_int_eq(error, CL_SUCCESS);
    test_ok(cleat_tensor_create(context, CLEAT_F32, 0, NULL, &x));
    test_ok(cleat_fill(context, 1, x));
    test_ok(cleat_finish(context));
    test_ok(cleat_wait_events(context, 1, &gate));
    test_ok(cleat_fill(context, 2, x));
    test_ok(cleat_record_event(context, &done));
    test_ok(cleat_flush(context));
    ck_assert_int_ne(state_of(done), CL_COMPLETE);
    ck_assert_int_eq(clSetUserEventStatus(gate, CL_COMPLETE), CL_SUCCESS);
    ck_assert_int_eq(clWaitForEvents(1, &done), CL_SUCCESS);
    ck_assert_int_eq(state_of(done), CL_COMPLETE);
    test_ok(cleat_read(context, x, &value, sizeof value));
    ck_assert(value == 2.0F);
    clReleaseEvent(gate);
    clReleaseEvent(done);
    cleat_tensor_release(&x);
}
END_TEST

START_TEST(event_arguments) {
    cl_event event = NULL;
    test_ok(cleat_wait_events(test_context(), 0, NULL));
    test_refused(
        cleat_wait_events(test_context(), 1, NULL), CLEAT_INVALID_ARGUMENT, "events is NULL");
    test_refused(cleat_wait_events(NULL, 0, NULL), CLEAT_INVALID_ARGUMENT, "context is NULL");
    test_refused(cleat_record_event(NULL, &event), CLEAT_INVALID_ARGUMENT, "context is NULL");
    test_refused(cleat_record_event(test_context(), NULL), CLEAT_INVALID_ARGUMENT, "event is NULL");
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("opencl");
    TCase *cases = test_case(suite, "opencl");
    tcase_add_test(cases, adopted_queue_works_and_is_given_back);
    tcase_add_test(cases, queues_that_do_not_fit);
    tcase_add_test(cases, lent_objects_of_nothing);
    tcase_add_test(cases, wrapped_memory_is_the_callers);
    tcase_add_test(cases, memory_that_cannot_be_wrapped);
    tcase_add_test(cases, overlap_is_seen_through_wrapping);
    tcase_add_test(cases, work_waits_for_events_and_gives_one);
    tcase_add_test(cases, event_arguments);
    return suite;
}
