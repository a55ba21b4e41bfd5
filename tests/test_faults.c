/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the core itself asks of OpenCL and of the heap, from the list of platforms to the last
 * release, fails in turn: call 1, call 2, ... of a context's whole life, once each and then as of a
 * device that is lost for good. The caller gets a status with a reason, no object is left, and
 * where the context was there before, the same call works the next time. At the end every entry
 * point has failed.
 */
#include "faults/layer_control.h"
#include "harness.h"

#include <cleat/opencl.h>
#include <pthread.h>
#include <unistd.h>

static fault_layer *layer;

/* Finds the layer, and its heap before the library has any memory; false, and the reason printed,
 * where there is none. */
static bool is_ready(void) {
    layer = layer_open_with_heap();
    return layer != NULL;
}

static int called(layer_entry entry) {
    return atomic_load(&layer->called[entry]);
}

static cleat_context *context_with(cleat_cache_mode cache, const char *folder) {
    cleat_context *context = NULL;
    test_ok(cleat_context_create(
        &(const cleat_context_options){.cache = cache, .cache_dir = folder}, &context));
    return context;
}

/* ---- A context's life ---- */

enum { ROWS = 40, COLUMNS = 48, COUNT = ROWS * COLUMNS, LARGE = 4 << 20 };

static float data[COUNT], got[COUNT]; /* a transfer may still be under way when its wait failed */

typedef struct scene {
    const char *folder; /* of built kernels */
    cleat_context *context;
    cleat_tensor x, y, large;
} scene;

typedef cleat_status (*scene_step)(scene *s);

static cleat_status step_create(scene *s) {
    const cleat_context_options options = {
        .profiling = true, .cache = CLEAT_CACHE_ON, .cache_dir = s->folder};
    return cleat_context_create(&options, &s->context);
}

static cleat_status step_make_x(scene *s) {
    return cleat_tensor_create(s->context, CLEAT_F32, 2, (int64_t[]){ROWS, COLUMNS}, &s->x);
}

static cleat_status step_make_y(scene *s) {
    return cleat_tensor_create(s->context, CLEAT_F32, 2, (int64_t[]){COLUMNS, ROWS}, &s->y);
}

/* So large that a processor maps it, to ask for large pages. */
static cleat_status step_make_large(scene *s) {
    return cleat_tensor_create(s->context, CLEAT_U8, 1, (int64_t[]){LARGE}, &s->large);
}

static cleat_status step_write(scene *s) {
    return cleat_write(s->context, s->x, data, sizeof data);
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
    return cleat_read(s->context, cleat_transpose(s->y), got, sizeof got);
}

static cleat_status step_write_turned(scene *s) {
    return cleat_write(s->context, cleat_transpose(s->x), data, sizeof data);
}

static cleat_status step_copy_plain(scene *s) {
    cleat_tensor half;
    cleat_tensor other;
    cleat_status status = cleat_slice(s->x, 0, 0, ROWS / 2, 1, &half);
    status = status == CLEAT_OK ? cleat_slice(s->x, 0, ROWS / 2, ROWS / 2, 1, &other) : status;
    return status == CLEAT_OK ? cleat_copy(s->context, half, other) : status;
}

static cleat_status step_plan(scene *s) {
    cleat_status status = cleat_plan_begin(s->context);
    if (status != CLEAT_OK) {
        return status;
    }
    status = cleat_activate(s->context, CLEAT_RELU, s->x, s->x, NULL);
    const cleat_status ended = cleat_plan_end(s->context, NULL);
    return status == CLEAT_OK ? ended : status;
}

static cleat_status step_events(scene *s) {
    cl_event event = NULL;
    cleat_status status = cleat_record_event(s->context, &event);
    if (status == CLEAT_OK) {
        status = cleat_wait_events(s->context, 1, &event);
        clReleaseEvent(event);
    }
    return status;
}

static cleat_status step_wrap(scene *s) {
    cleat_buffer *buffer = NULL;
    cleat_status status = cleat_buffer_wrap(s->context, cleat_buffer_cl_mem(s->x.buffer), &buffer);
    cleat_buffer_release(buffer);
    return status;
}

/* Another context on this one's queue. */
static cleat_status step_adopt(scene *s) {
    const cleat_context_options options = {.profiling = true, .cache = CLEAT_CACHE_OFF};
    cleat_context *guest = NULL;
    cleat_status status =
        cleat_context_create_from_queue(cleat_context_cl_queue(s->context), &options, &guest);
    if (status == CLEAT_OK) {
        status = cleat_finish(guest);
    }
    cleat_context_release(guest);
    return status;
}

static cleat_status step_profile(scene *s) {
    cleat_profile_row rows[16];
    size_t count = 0;
    return cleat_profile(s->context, 16, rows, &count);
}

static cleat_status step_flush(scene *s) {
    return cleat_flush(s->context);
}

static cleat_status step_finish(scene *s) {
    return cleat_finish(s->context);
}

static const scene_step steps[] = {step_create, step_make_x, step_make_y, step_make_large,
    step_write, step_fill, step_fill_part, step_copy, step_read, step_write_turned, step_copy_plain,
    step_plan, step_events, step_wrap, step_adopt, step_flush, step_profile, step_finish};

enum { STEPS = sizeof steps / sizeof steps[0], READ_STEP = 8 };

/* The status of a step in which a call failed. */
static void judge(int step, int number) {
    if (!layer_has_failed()) {
        ck_abort_msg("step %d fails by itself: %s", step, cleat_error_message());
    }
    if (!layer_has_message()) {
        ck_abort_msg("step %d, after %s, call %d, had failed: no message but \"%s\"", step,
            layer_failed_name(), number, cleat_error_message());
    }
}

/* A step that failed works the next time, unless there is no context or the device is lost: then
 * the library ends among calls that all fail. */
static bool go_on(scene *s, int step, int number, bool lost) {
    if (s->context == NULL || lost) {
        return false;
    }
    if (steps[step](s) != CLEAT_OK) {
        ck_abort_msg("step %d, after %s, call %d, had failed: %s", step, layer_failed_name(),
            number, cleat_error_message());
    }
    return true;
}

static void end(scene *s, bool lost) {
    cleat_context_statistics statistics = {0};
    cleat_tensor_release(&s->x);
    cleat_tensor_release(&s->y);
    cleat_tensor_release(&s->large);
    if (s->context != NULL) {
        test_ok(cleat_context_get_statistics(s->context, &statistics));
        cleat_context_release(s->context);
    }
    layer_disarm();
    if (statistics.buffer_bytes != 0 || layer_alive() != 0 || cleat_host_allocations() != 0) {
        ck_abort_msg("%d objects, %d allocations and %d bytes of buffers are left after %s had "
                     "failed%s",
            layer_alive(), (int)cleat_host_allocations(), (int)statistics.buffer_bytes,
            layer_failed_name(), lost ? " and all that followed" : "");
    }
}

/* Plays all steps; call `number` fails. Whether it came to that. */
static bool play(const char *folder, int number, int32_t code, bool lost) {
    scene s = {.folder = folder};
    bool goes_on = true;
    for (int i = 0; i < COUNT; i++) {
        data[i] = (float)i;
    }
    layer_arm(number, code, lost);
    for (int i = 0; i < STEPS && goes_on; i++) {
        layer_clear_message();
        if (steps[i](&s) != CLEAT_OK) {
            judge(i, number);
            goes_on = go_on(&s, i, number, lost);
        }
        if (goes_on && i == READ_STEP && memcmp(data, got, sizeof got) != 0) {
            ck_abort_msg("wrong data after %s, call %d, had failed", layer_failed_name(), number);
        }
    }
    const bool failed = layer_has_failed();
    end(&s, lost);
    return failed;
}

/* A folder for the test's own kernels, which are built once. */
static void make_folder(char path[64]) {
    strcpy(path, "/tmp/cleat-test-faults-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(path));
}

static void remove_folder(const char *path) {
    test_ok(cleat_cache_folder_clear(path, NULL));
    ck_assert_int_eq(rmdir(path), 0);
}

/* Three codes take turns, so that a long run has each call fail with each. There are more or fewer
 * calls of a life as the device's event times are believed or not, which is measured. */
START_TEST(each_call_of_a_life_fails) {
    static const int32_t codes[] = {
        CL_OUT_OF_RESOURCES, CL_INVALID_OPERATION, CL_OUT_OF_HOST_MEMORY};
    char folder[64];
    if (!is_ready()) {
        return;
    }
    make_folder(folder);
    ck_assert(!play(folder, 0, 0, false)); /* this one builds the kernels, and stores them */
    ck_assert(!play(folder, 0, 0, false));
    const int all = atomic_load(&layer->calls);
    ck_assert_int_gt(all, 80);
    const int step = test_is_short() ? 7 : 1;
    for (int turn = 0; turn < (test_rounds(1) > 1 ? 3 : 1); turn++) {
        int number = 1;
        while (play(folder, number, codes[(number + turn) % 3], false) || number < all) {
            number += step;
        }
    }
    remove_folder(folder);
}
END_TEST

START_TEST(the_device_is_lost_at_each_call) {
    char folder[64];
    if (!is_ready()) {
        return;
    }
    make_folder(folder);
    ck_assert(!play(folder, 0, 0, false));
    const int step = test_is_short() ? 9 : test_rounds(1) > 1 ? 1 : 2;
    for (int number = 1; play(folder, number, CL_DEVICE_NOT_AVAILABLE, true); number += step) {}
    remove_folder(folder);
}
END_TEST

/* ---- What is not set, and what is waited for ---- */

/* Applies leaky relu, and tells how many arguments were set for it. */
static int arguments_for(cleat_context *context, cleat_tensor x, float slope, cleat_tensor y) {
    const cleat_activation_options options = {.parameters = &slope};
    float value = 0;
    test_ok(cleat_fill(context, -1, x));
    const int before = called(LAYER_SetKernelArg);
    test_ok(cleat_activate(context, CLEAT_LEAKY_RELU, x, y, &options));
    int set = called(LAYER_SetKernelArg) - before;
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
    if (!is_ready()) {
        return;
    }
    cleat_context *context = context_with(CLEAT_CACHE_OFF, NULL);
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
    layer_arm_entry(LAYER_SetKernelArg, 1, CL_OUT_OF_RESOURCES, false);
    test_refused(cleat_activate(context, CLEAT_LEAKY_RELU, x, y, &options),
        CLEAT_OUT_OF_DEVICE_MEMORY, "argument 2");
    layer_disarm();
    ck_assert_int_eq(arguments_for(context, x, 0.125f, y), 1);
    ck_assert_int_eq(arguments_for(context, x, 0.25f, y), 1);
    cleat_tensor_release(&x);
    cleat_tensor_release(&y);
    cleat_context_release(context);
}
END_TEST

/* A transfer whose wait fails may still be at the caller's memory: the queue is waited for. */
START_TEST(a_wait_that_fails_is_made_up_for) {
    const int64_t count = COUNT;
    cleat_tensor x;
    if (!is_ready()) {
        return;
    }
    cleat_context *context = context_with(CLEAT_CACHE_OFF, NULL);
    test_ok(cleat_tensor_create(context, CLEAT_F32, 1, &count, &x));
    for (int reads = 0; reads < 2; reads++) {
        const int before = called(LAYER_Finish);
        layer_arm_entry(LAYER_WaitForEvents, 1, CL_OUT_OF_RESOURCES, false);
        test_refused(reads ? cleat_read(context, x, got, sizeof got)
                           : cleat_write(context, x, data, sizeof data),
            CLEAT_OUT_OF_DEVICE_MEMORY, reads ? "read: " : "write: ");
        layer_disarm();
        ck_assert_int_eq(called(LAYER_Finish), before + 1);
    }
    cleat_tensor_release(&x);
    cleat_context_release(context);
}
END_TEST

/* Memory that stays mapped is no memory for kernels. */
START_TEST(a_buffer_that_stays_mapped_is_not_given_out) {
    cleat_tensor x = {.buffer = NULL};
    if (!is_ready()) {
        return;
    }
    cleat_context *context = context_with(CLEAT_CACHE_OFF, NULL);
    layer_arm_entry(LAYER_EnqueueUnmapMemObject, 1, CL_OUT_OF_RESOURCES, false);
    const cleat_status status = cleat_tensor_create(context, CLEAT_U8, 1, (int64_t[]){LARGE}, &x);
    layer_disarm();
    ck_assert_int_eq((int)status, layer_has_failed() ? (int)CLEAT_OUT_OF_DEVICE_MEMORY : 0);
    cleat_tensor_release(&x);
    ck_assert_int_eq(atomic_load(&layer->alive[LAYER_MEMORY]), 0);
    cleat_context_release(context);
}
END_TEST

/* ---- Programs ---- */

/* relu of -1, 0, 1, ... is right. */
static void run_relu(cleat_context *context) {
    enum { SIZE = 8 };
    const int64_t count = SIZE;
    const float values[SIZE] = {-1, 0, 1, -2, 3, 4, -5, 6};
    float results[SIZE];
    cleat_tensor x;
    test_ok(cleat_tensor_create(context, CLEAT_F32, 1, &count, &x));
    test_ok(cleat_write(context, x, values, sizeof values));
    test_ok(cleat_activate(context, CLEAT_RELU, x, x, NULL));
    test_ok(cleat_read(context, x, results, sizeof results));
    for (int i = 0; i < SIZE; i++) {
        ck_assert_float_eq(results[i], values[i] > 0 ? values[i] : 0);
    }
    cleat_tensor_release(&x);
}

static void expect(cleat_context *context, int built, int loaded, int rejected) {
    cleat_context_statistics s;
    test_ok(cleat_context_get_statistics(context, &s));
    ck_assert_int_eq((int)s.kernels_built, built);
    ck_assert_int_eq((int)s.kernels_loaded, loaded);
    ck_assert_int_eq((int)s.cache_rejected, rejected);
}

static int entries_of(const char *folder) {
    cleat_cache_folder about;
    test_ok(cleat_cache_folder_info(folder, &about));
    return (int)about.entries;
}

/* A program whose build fails, and all the questions about that too. */
START_TEST(a_build_fails_without_a_log) {
    cleat_tensor x;
    if (!is_ready()) {
        return;
    }
    cleat_context *context = context_with(CLEAT_CACHE_OFF, NULL);
    test_ok(cleat_tensor_create(context, CLEAT_F32, 1, (int64_t[]){8}, &x));
    for (int n = 1;; n++) {
        layer_clear_message();
        layer_arm(n, CL_INVALID_OPERATION, true);
        const cleat_status status = cleat_activate(context, CLEAT_RELU, x, x, NULL);
        layer_disarm();
        if (!layer_has_failed()) {
            test_ok(status);
            break;
        }
        const int entry = atomic_load(&layer->first_failed);
        ck_assert_int_eq((int)status, (int)layer_status(entry, CL_INVALID_OPERATION));
        ck_assert_msg(layer_has_message(), "no message after %s", layer_failed_name());
    }
    cleat_tensor_release(&x);
    run_relu(context);
    cleat_context_release(context);
    ck_assert_int_eq(layer_alive(), 0);
    ck_assert_int_gt(atomic_load(&layer->failed[LAYER_GetProgramBuildInfo]), 0);
}
END_TEST

/* A kernel that cannot be stored is none the worse for it. */
START_TEST(binaries_cannot_be_had) {
    char folder[64];
    if (!is_ready()) {
        return;
    }
    make_folder(folder);
    for (int n = 1, failed = 1; failed; n++) {
        layer_arm_entry(LAYER_GetProgramInfo, n, CL_OUT_OF_RESOURCES, false);
        cleat_context *context = context_with(CLEAT_CACHE_ON, folder);
        run_relu(context);
        expect(context, 1, 0, 0);
        cleat_context_release(context);
        layer_disarm();
        failed = layer_has_failed();
        ck_assert_int_eq(entries_of(folder), failed ? 0 : 1);
        ck_assert_int_eq(layer_alive(), 0);
    }
    remove_folder(folder);
}
END_TEST

/* What a driver gave spoilt it refuses later; the program is then built, and stored anew. */
START_TEST(binaries_are_spoilt) {
    char folder[64];
    if (!is_ready()) {
        return;
    }
    make_folder(folder);
    for (int how = LAYER_BINARIES_FLIPPED; how <= LAYER_BINARIES_EMPTY; how++) {
        const bool is_empty = how == LAYER_BINARIES_EMPTY;
        test_ok(cleat_cache_folder_clear(folder, NULL));
        layer->binaries = (layer_binaries)how;
        cleat_context *context = context_with(CLEAT_CACHE_ON, folder);
        run_relu(context);
        cleat_context_release(context);
        ck_assert_int_eq(entries_of(folder), is_empty ? 0 : 1);
        layer->binaries = LAYER_BINARIES_GOOD;
        context = context_with(CLEAT_CACHE_ON, folder);
        run_relu(context);
        expect(context, 1, 0, is_empty ? 0 : 1);
        cleat_context_release(context);
        context = context_with(CLEAT_CACHE_ON, folder);
        run_relu(context);
        expect(context, 0, 1, 0);
        cleat_context_release(context);
        ck_assert_int_eq(layer_alive(), 0);
    }
    remove_folder(folder);
}
END_TEST

/* ---- Threads, and a driver that takes its time ---- */

enum { ROUNDS = 20 };

typedef struct worker {
    cleat_context *context;
    cleat_tensor x, y;
    float slope;
    const char *wrong; /* what went wrong; no Check in threads */
} worker;

static void *work(void *argument) {
    worker *w = argument;
    for (int round = 0; round < ROUNDS && w->wrong == NULL; round++) {
        const float slope = w->slope + (float)round / 64;
        const cleat_activation_options options = {.parameters = &slope};
        float value = 0;
        if (cleat_activate(w->context, CLEAT_LEAKY_RELU, w->x, w->y, &options) != CLEAT_OK ||
            cleat_read(w->context, w->y, &value, sizeof value) != CLEAT_OK) {
            w->wrong = "a call failed";
        } else if (value != -slope) { /* of the same bits: -1 times it */
            w->wrong = "a thread has another one's arguments";
        }
    }
    return NULL;
}

START_TEST(threads_share_a_slow_driver) {
    enum { THREADS = 4 };
    worker workers[THREADS];
    pthread_t threads[THREADS];
    if (!is_ready()) {
        return;
    }
    cleat_context *context = context_with(CLEAT_CACHE_OFF, NULL);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){.context = context, .slope = (float)(i + 1)};
        test_ok(cleat_tensor_create(context, CLEAT_F32, 1, (int64_t[]){1}, &workers[i].x));
        test_ok(cleat_tensor_create(context, CLEAT_F32, 1, (int64_t[]){1}, &workers[i].y));
        test_ok(cleat_fill(context, -1, workers[i].x));
    }
    layer->delay_entry = LAYER_SetKernelArg;
    layer->delay = 50000;
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    layer_reset();
    for (int i = 0; i < THREADS; i++) {
        ck_assert_msg(workers[i].wrong == NULL, "%s", workers[i].wrong);
        cleat_tensor_release(&workers[i].x);
        cleat_tensor_release(&workers[i].y);
    }
    cleat_context_release(context);
}
END_TEST

/* ---- Together ---- */

/* Mapping is for processors only. */
START_TEST(every_entry_point_has_failed) {
    if (!is_ready() || test_is_short() || getenv("CK_RUN_CASE") != NULL) {
        return;
    }
    const bool maps = called(LAYER_EnqueueMapBuffer) > 0;
    for (int entry = 0; entry < LAYER_HOST_MEMORY; entry++) {
        const bool is_mapping =
            entry == LAYER_EnqueueMapBuffer || entry == LAYER_EnqueueUnmapMemObject;
        ck_assert_msg(atomic_load(&layer->failed[entry]) > 0 || (is_mapping && !maps),
            "%s was called %d times and has never failed", layer_entry_name(entry),
            called((layer_entry)entry));
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("faults");
    test_add_case(suite, "life", each_call_of_a_life_fails);
    test_add_case(suite, "lost", the_device_is_lost_at_each_call);
    test_add_case(suite, "arguments", arguments_are_set_when_they_change);
    test_add_case(suite, "wait", a_wait_that_fails_is_made_up_for);
    test_add_case(suite, "mapped", a_buffer_that_stays_mapped_is_not_given_out);
    test_add_case(suite, "build", a_build_fails_without_a_log);
    test_add_case(suite, "store", binaries_cannot_be_had);
    test_add_case(suite, "spoilt", binaries_are_spoilt);
    test_add_case(suite, "threads", threads_share_a_slow_driver);
    test_add_case(suite, "all", every_entry_point_has_failed);
    return suite;
}
