/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models and batch queues while each OpenCL call and each allocation of host memory fails in turn,
 * once or from there on, as when a device is lost: while a model is made, in its first run, in the
 * one that is recorded, in one that is repeated, and in a batch. The status tells what, outputs are
 * left alone, no object is lost, and the same model, asked again, gives the bits of one never
 * disturbed.
 */
#include "batch_calls.h"
#include "faults/layer_control.h"

#include <cleat/opencl.h>

static const struct {
    int32_t code;
    bool lasting;
} evils[] = {{CL_OUT_OF_RESOURCES, false}, {CL_DEVICE_NOT_AVAILABLE, true},
    {CL_INVALID_OPERATION, true}, {CL_OUT_OF_HOST_MEMORY, false}};

enum { EVILS = sizeof evils / sizeof evils[0], ROWS = 5, STAGES = 4 };

static fault_layer *layer;

typedef struct scene {
    cleat_graph *graph;
    cleat_model *model;
    cleat_tensor inputs[2];
    float x[ROWS * BATCH_IN], k;
    float want[2][ROWS * BATCH_OUT];
} scene;

static bool read_outputs(cleat_tensor *outputs, float got[2][ROWS * BATCH_OUT]) {
    bool good = true;
    for (int i = 0; i < 2; i++) {
        good = cleat_read(test_context(), outputs[i], got[i], sizeof got[i]) == CLEAT_OK && good;
        cleat_tensor_release(&outputs[i]);
    }
    return good;
}

/* A run that succeeds, compared with the first one unless that is it. */
static void run_well(scene *s, bool is_first, const char *after) {
    cleat_tensor outputs[2] = {{0}, {0}};
    float got[2][ROWS * BATCH_OUT];
    cleat_status status = cleat_model_run(s->model, s->inputs, 2, outputs, 2);
    ck_assert_msg(status == CLEAT_OK, "after %s: %s", after, cleat_error_message());
    ck_assert(read_outputs(outputs, is_first ? s->want : got));
    ck_assert_msg(is_first || test_ignores_values() || memcmp(got, s->want, sizeof got) == 0,
        "other bits after %s had failed", after);
}

static void make_model(scene *s) {
    test_ok(cleat_model_create(test_context(), s->graph, NULL, &s->model));
}

static scene *open_scene(void) {
    scene *s = test_alloc(1, sizeof *s);
    s->graph = batch_product_graph(-1);
    for (int i = 0; i < ROWS * BATCH_IN; i++) {
        s->x[i] = (float)test_real(-1, 1);
    }
    s->k = 0.5F;
    test_ok(cleat_tensor_create(
        test_context(), CLEAT_F32, 2, (int64_t[]){ROWS, BATCH_IN}, &s->inputs[0]));
    test_ok(cleat_tensor_create(test_context(), CLEAT_F32, 0, NULL, &s->inputs[1]));
    test_ok(cleat_write(test_context(), s->inputs[0], s->x, sizeof s->x));
    test_ok(cleat_write(test_context(), s->inputs[1], &s->k, sizeof s->k));
    make_model(s);
    run_well(s, true, "nothing");
    cleat_model_release(s->model);
    s->model = NULL;
    return s;
}

static void close_scene(scene *s) {
    cleat_model_release(s->model);
    cleat_tensor_release(&s->inputs[0]);
    cleat_tensor_release(&s->inputs[1]);
    cleat_graph_release(s->graph);
    free(s);
}

static int memory_alive(void) {
    test_ok(cleat_context_trim(test_context()));
    return atomic_load(&layer->alive[LAYER_MEMORY]);
}

/* What failed is what the call says. */
static void judge(cleat_status status, int evil) {
    const int entry = atomic_load(&layer->first_failed);
    ck_assert_msg(layer_has_failed(), "it fails by itself: %s", cleat_error_message());
    ck_assert_msg(status == layer_status(entry, evils[evil].code) && layer_has_message(),
        "%s gave %d: %s (%s)", layer_failed_name(), (int)evils[evil].code,
        cleat_status_name(status), cleat_error_message());
}

/* Failing call n of a run of a new model that has been run so often; whether there was such a call.
 */
static bool attempt_run(scene *s, int stage, int n, int evil) {
    cleat_tensor outputs[2] = {{0}, {0}};
    float got[2][ROWS * BATCH_OUT];
    make_model(s);
    for (int i = 0; i < stage; i++) {
        run_well(s, false, "nothing");
    }
    layer_clear_message();
    layer_arm(n, evils[evil].code, evils[evil].lasting);
    const cleat_status status = cleat_model_run(s->model, s->inputs, 2, outputs, 2);
    layer_disarm();
    const bool has_failed = layer_has_failed();
    const char *name = layer_failed_name();
    if (status != CLEAT_OK) {
        judge(status, evil);
        ck_assert(outputs[0].buffer == NULL && outputs[1].buffer == NULL);
    } else {
        ck_assert(read_outputs(outputs, got));
        ck_assert_msg(test_ignores_values() || memcmp(got, s->want, sizeof got) == 0,
            "other bits while %s failed", name);
    }
    for (int i = 0; i < STAGES; i++) { /* through what is recorded and repeated afterwards */
        run_well(s, false, name);
    }
    cleat_model_release(s->model);
    s->model = NULL;
    return has_failed;
}

/* Takes the layer and its heap, before the library has any memory; false where there is none. */
static bool is_ready(void) {
    layer = layer_open_with_heap();
    return layer != NULL;
}

START_TEST(each_call_of_a_run_fails) {
    if (!is_ready()) {
        return;
    }
    scene *s = open_scene();
    int faults = 0;
    attempt_run(s, _i, 0, 0); /* whatever is built or kept once */
    const int before = memory_alive();
    for (int evil = 0; evil < EVILS; evil++) {
        for (int n = 1; attempt_run(s, _i, n, evil); n++) {
            ck_assert_int_eq(memory_alive(), before);
            ck_assert_int_lt(n, 10000);
            faults++;
        }
    }
    printf("%d faults in a run after %d\n", faults, _i);
    ck_assert_int_gt(faults, EVILS);
    close_scene(s);
}
END_TEST

START_TEST(each_call_of_making_a_model_fails) {
    if (!is_ready()) {
        return;
    }
    scene *s = open_scene();
    const int before = memory_alive();
    bool has_failed = true;
    int faults = 0;
    for (int n = 1; has_failed; n++) {
        layer_clear_message();
        layer_arm(n, evils[0].code, evils[0].lasting);
        const cleat_status status = cleat_model_create(test_context(), s->graph, NULL, &s->model);
        layer_disarm();
        has_failed = layer_has_failed();
        faults += has_failed;
        if (status != CLEAT_OK) {
            judge(status, 0);
            ck_assert_ptr_null(s->model);
        }
        cleat_model_release(s->model);
        s->model = NULL;
        ck_assert_int_eq(memory_alive(), before);
    }
    printf("%d faults while a model is made\n", faults);
    ck_assert_int_gt(faults, 0);
    close_scene(s);
}
END_TEST

/* A call of its queue by itself: nobody else can be to blame, and the queue goes on. */
START_TEST(each_call_of_a_batch_fails) {
    if (!is_ready()) {
        return;
    }
    scene *s = open_scene();
    make_model(s);
    cleat_batch_queue *queue = batch_queue(s->model, (cleat_batch_queue_options){.latency = 0});
    batch_call call = {.rows = 2, .k = s->k};
    int faults = 0;
    memcpy(call.x, s->x, sizeof call.x);
    for (int i = 0; i < STAGES; i++) {
        batch_make(queue, &call, NULL);
    }
    const int before = memory_alive();
    for (int evil = 0; evil < EVILS; evil++) {
        bool has_failed = true;
        for (int n = 1; has_failed; n++) {
            layer_clear_message();
            layer_arm(n, evils[evil].code, evils[evil].lasting);
            batch_make(queue, &call, NULL);
            layer_disarm();
            has_failed = layer_has_failed();
            faults += has_failed;
            if (call.status != CLEAT_OK) {
                judge(call.status, evil);
            }
            batch_make(queue, &call, NULL);
            batch_check(s->model, &call, 1);
            ck_assert_int_eq(memory_alive(), before);
        }
    }
    printf("%d faults in a batch\n", faults);
    ck_assert_int_gt(faults, EVILS);
    cleat_batch_queue_release(queue);
    close_scene(s);
}
END_TEST

/* Of several that go together: what happens once is made good by running the halves; a device that
 * is lost is told to all of them. */
START_TEST(a_batch_survives_what_happens_once) {
    if (!is_ready()) {
        return;
    }
    enum { TOGETHER = 4 };
    cleat_model *model = batch_product(-1);
    for (int lost = 0; lost < 2; lost++) {
        cleat_batch_queue *queue =
            batch_queue(model, (cleat_batch_queue_options){.most_rows = TOGETHER, .latency = 60});
        batch_call calls[TOGETHER];
        batch_caller callers[TOGETHER];
        pthread_t threads[TOGETHER];
        cleat_batch_queue_statistics told;
        for (int i = 0; i < TOGETHER; i++) {
            batch_draw(&calls[i], 1);
            calls[i].k = 1;
            callers[i] = (batch_caller){queue, &calls[i], 1};
        }
        batch_begin(threads, callers, TOGETHER - 1);
        batch_wait_until_waiting(queue, TOGETHER - 1);
        layer_arm_entry(LAYER_EnqueueNDRangeKernel, 1,
            lost ? CL_DEVICE_NOT_AVAILABLE : CL_OUT_OF_RESOURCES, lost);
        batch_begin(threads + TOGETHER - 1, callers + TOGETHER - 1, 1);
        batch_end(threads, TOGETHER);
        layer_disarm();
        test_ok(cleat_batch_queue_get_statistics(queue, &told));
        ck_assert_uint_eq(told.batches, lost ? 1 : 3);
        ck_assert_uint_eq(told.failed, lost ? TOGETHER : 0);
        for (int i = 0; lost && i < TOGETHER; i++) {
            ck_assert_msg(calls[i].status == CLEAT_DEVICE_LOST, "%s", calls[i].message);
        }
        if (!lost) {
            batch_check(model, calls, TOGETHER);
        }
        cleat_batch_queue_release(queue);
    }
    cleat_model_release(model);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("fault_models");
    test_add_loop(suite, "runs", each_call_of_a_run_fails, STAGES);
    test_add_case(suite, "making", each_call_of_making_a_model_fails);
    test_add_case(suite, "batches", each_call_of_a_batch_fails);
    test_add_case(suite, "together", a_batch_survives_what_happens_once);
    return suite;
}
