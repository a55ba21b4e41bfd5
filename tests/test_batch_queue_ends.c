/* SPDX-License-Identifier: Apache-2.0 */
/* Batch queues: what they refuse, their bounds, and every way of an end. */
#include "batch_calls.h"

/* What the declarations of the model tell reaches no batch. */
START_TEST(wrong_inputs_are_refused_at_once) {
    cleat_model *model = batch_product(-1);
    cleat_batch_queue *queue =
        batch_queue(model, (cleat_batch_queue_options){.most_rows = 4, .latency = 60});
    float x[8 * BATCH_IN] = {0}, y[8 * BATCH_OUT], k = 0;
    const double backward = -1, never = (double)NAN;
    cleat_host_tensor inputs[] = {
        {CLEAT_F32, 2, {1, BATCH_IN}, BATCH_IN * sizeof *x, x}, {CLEAT_F32, 0, {0}, sizeof k, &k}};
    cleat_host_tensor outputs[] = {{.size = 0}, {.size = 0}};
#define REFUSED(status, text)                                                                      \
    test_refused(cleat_batch_queue_run(queue, inputs, 2, outputs, 2, NULL), status, text)
    inputs[0].type = CLEAT_I32;
    REFUSED(CLEAT_TYPE_MISMATCH, "input x is i32, the model expects f32");
    inputs[0] = (cleat_host_tensor){CLEAT_F32, 2, {1, BATCH_IN + 1}, (BATCH_IN + 1) * sizeof *x, x};
    REFUSED(CLEAT_SHAPE_MISMATCH, "input x has the shape [1, 38]");
    inputs[0] = (cleat_host_tensor){CLEAT_F32, 1, {BATCH_IN}, BATCH_IN * sizeof *x, x};
    REFUSED(CLEAT_SHAPE_MISMATCH, "input x has the shape [37]");
    inputs[0] = (cleat_host_tensor){CLEAT_F32, 2, {5, BATCH_IN}, 5 * BATCH_IN * sizeof *x, x};
    REFUSED(CLEAT_INVALID_ARGUMENT, "has 5 rows, a batch has 1 .. 4");
    inputs[0] = (cleat_host_tensor){CLEAT_F32, 2, {0, BATCH_IN}, 0, x};
    REFUSED(CLEAT_INVALID_ARGUMENT, "has 0 rows");
    inputs[0] = (cleat_host_tensor){CLEAT_F32, 2, {1, BATCH_IN}, BATCH_IN * sizeof *x - 1, x};
    REFUSED(CLEAT_INVALID_ARGUMENT, "does not take the 147 bytes given");
    inputs[0] = (cleat_host_tensor){CLEAT_F32, 2, {1, BATCH_IN}, BATCH_IN * sizeof *x, NULL};
    REFUSED(CLEAT_INVALID_ARGUMENT, "does not take the 0 bytes given");
    inputs[0] =
        (cleat_host_tensor){CLEAT_F32, 2, {INT64_MAX / 64, BATCH_IN}, BATCH_IN * sizeof *x, x};
    REFUSED(CLEAT_INVALID_ARGUMENT, "does not take");
    inputs[0] = (cleat_host_tensor){CLEAT_F32, 2, {1, BATCH_IN}, BATCH_IN * sizeof *x, x};
    test_refused(cleat_batch_queue_run(queue, inputs, 1, outputs, 2, NULL), CLEAT_INVALID_ARGUMENT,
        "1 inputs and 2 outputs were given");
    test_refused(
        cleat_batch_queue_run(queue, NULL, 2, outputs, 2, NULL), CLEAT_INVALID_ARGUMENT, "NULL");
    test_refused(cleat_batch_queue_run(queue, inputs, 2, outputs, 2,
                     &(cleat_batch_run_options){.latency = &backward}),
        CLEAT_INVALID_ARGUMENT, "latency is -1 s");
    test_refused(cleat_batch_queue_run(
                     queue, inputs, 2, outputs, 2, &(cleat_batch_run_options){.latency = &never}),
        CLEAT_INVALID_ARGUMENT, "latency is");
    const double none = 0;
    outputs[0] = (cleat_host_tensor){.size = sizeof y, .elements = y};
    test_refused(cleat_batch_queue_run(
                     queue, inputs, 2, outputs, 2, &(cleat_batch_run_options){.latency = &none}),
        CLEAT_SHAPE_MISMATCH, "output 0 is [1, 19] of f32, 76 bytes, the memory given for it has");
    ck_assert_ptr_null(outputs[1].elements);
    cleat_batch_queue_release(queue);
    cleat_model_release(model);
}
END_TEST

START_TEST(wrong_queues_are_refused) {
    cleat_model *model = batch_product(-1);
    cleat_batch_queue *queue = NULL;
    cleat_batch_queue_statistics told;
    cleat_batch_queue_options options = {.most_rows = -1};
    test_refused(
        cleat_batch_queue_create(model, &options, &queue), CLEAT_INVALID_ARGUMENT, "most_rows");
    options.most_rows = 65537;
    test_refused(
        cleat_batch_queue_create(model, &options, &queue), CLEAT_INVALID_ARGUMENT, "65537");
    options = (cleat_batch_queue_options){.latency = -1};
    test_refused(
        cleat_batch_queue_create(model, &options, &queue), CLEAT_INVALID_ARGUMENT, "latency");
    test_refused(cleat_batch_queue_create(model, NULL, NULL), CLEAT_INVALID_ARGUMENT, "queue");
    test_refused(cleat_batch_queue_create(NULL, NULL, &queue), CLEAT_INVALID_ARGUMENT, "model");
    test_refused(cleat_batch_queue_stop(NULL, true), CLEAT_INVALID_ARGUMENT, "queue is NULL");
    test_refused(cleat_batch_queue_run(NULL, NULL, 0, NULL, 0, NULL), CLEAT_INVALID_ARGUMENT,
        "queue is NULL");
    test_refused(
        cleat_batch_queue_get_statistics(NULL, &told), CLEAT_INVALID_ARGUMENT, "queue is NULL");
    cleat_batch_queue_release(NULL);
    cleat_host_tensor_release(NULL);
    cleat_model_release(model);
}
END_TEST

/* ---- Bounds and ends ---- */

/* Two that wait for an hour fill the queue. */
typedef struct full_queue {
    cleat_model *model;
    cleat_batch_queue *queue;
    batch_call calls[3];
    batch_caller callers[3];
    pthread_t threads[3];
} full_queue;

static full_queue *fill_queue(bool refuse_when_full) {
    full_queue *f = test_alloc(1, sizeof *f);
    f->model = batch_product(-1);
    f->queue = batch_queue(
        f->model, (cleat_batch_queue_options){
                      .latency = 3600, .most_waiting = 2, .refuse_when_full = refuse_when_full});
    for (int i = 0; i < 3; i++) {
        batch_draw(&f->calls[i], 1);
        f->calls[i].k = 1;
        f->callers[i] = (batch_caller){f->queue, &f->calls[i], 1};
    }
    batch_begin(f->threads, f->callers, 2);
    batch_wait_until_waiting(f->queue, 2);
    return f;
}

static void free_full(full_queue *f) {
    cleat_batch_queue_release(f->queue);
    cleat_model_release(f->model);
    free(f);
}

START_TEST(a_full_queue_refuses) {
    full_queue *f = fill_queue(true);
    cleat_batch_queue_statistics told;
    batch_make(f->queue, &f->calls[2], NULL);
    ck_assert_int_eq(f->calls[2].status, CLEAT_QUEUE_FULL);
    ck_assert_msg(strstr(f->calls[2].message, "2 calls wait") != NULL, "%s", f->calls[2].message);
    test_ok(cleat_batch_queue_stop(f->queue, true));
    batch_end(f->threads, 2);
    batch_check(f->model, f->calls, 2);
    ck_assert_uint_eq(f->calls[0].info.batch, f->calls[1].info.batch);
    batch_make(f->queue, &f->calls[2], NULL);
    ck_assert_int_eq(f->calls[2].status, CLEAT_STOPPED);
    test_ok(cleat_batch_queue_stop(f->queue, false));
    test_ok(cleat_batch_queue_get_statistics(f->queue, &told));
    ck_assert_uint_eq(told.refused, 1);
    ck_assert_uint_eq(told.calls, 2);
    free_full(f);
}
END_TEST

/* The third waits for room, until the end: stopped, drained, or released. */
START_TEST(callers_wait_while_it_ends) {
    full_queue *f = fill_queue(false);
    batch_begin(f->threads + 2, f->callers + 2, 1);
    batch_nap(0.02);
    batch_wait_until_waiting(f->queue, 2);
    if (_i == 2) {
        cleat_batch_queue_release(f->queue);
        f->queue = NULL;
    } else {
        test_ok(cleat_batch_queue_stop(f->queue, _i == 1));
    }
    batch_end(f->threads, 3);
    for (int i = 0; i < 3; i++) {
        const cleat_status want = _i == 1 && i < 2 ? CLEAT_OK : CLEAT_STOPPED;
        ck_assert_msg(f->calls[i].status == want, "call %d: %s", i, f->calls[i].message);
        ck_assert(want == CLEAT_OK || strstr(f->calls[i].message, "stopped") != NULL);
    }
    free_full(f);
}
END_TEST

/* Room for one at a time: each comes through in the end. */
START_TEST(a_full_queue_lets_wait) {
    cleat_model *model = batch_product(-1);
    cleat_batch_queue *queue = batch_queue(model, (cleat_batch_queue_options){.most_waiting = 1});
    const int count = test_rounds(8);
    batch_call *calls = test_alloc((int64_t)BATCH_CALLERS * count, sizeof *calls);
    pthread_t threads[BATCH_CALLERS];
    batch_caller callers[BATCH_CALLERS];
    for (int i = 0; i < BATCH_CALLERS * count; i++) {
        batch_draw(&calls[i], 1);
    }
    for (int i = 0; i < BATCH_CALLERS; i++) {
        callers[i] = (batch_caller){queue, calls + i * count, count};
    }
    batch_begin(threads, callers, BATCH_CALLERS);
    batch_end(threads, BATCH_CALLERS);
    batch_check(model, calls, BATCH_CALLERS * count);
    cleat_batch_queue_release(queue);
    cleat_model_release(model);
    free(calls);
}
END_TEST

/* Queues that end while callers are at it, at any moment. */
START_TEST(it_may_end_at_any_moment) {
    cleat_model *model = batch_product(-1);
    for (int round = test_rounds(20); round > 0; round--) {
        cleat_batch_queue *queue =
            batch_queue(model, (cleat_batch_queue_options){.most_rows = 4, .most_waiting = 3});
        batch_call *calls = test_alloc(BATCH_CALLERS, sizeof *calls);
        pthread_t threads[BATCH_CALLERS];
        batch_caller callers[BATCH_CALLERS];
        for (int i = 0; i < BATCH_CALLERS; i++) {
            batch_draw(&calls[i], 1);
            callers[i] = (batch_caller){queue, &calls[i], 1};
        }
        batch_begin(threads, callers, BATCH_CALLERS);
        batch_nap(1e-4 * (double)test_int(0, 20));
        test_ok(cleat_batch_queue_stop(queue, test_coin()));
        batch_end(threads, BATCH_CALLERS);
        for (int i = 0; i < BATCH_CALLERS; i++) {
            ck_assert_msg(calls[i].status == CLEAT_OK || calls[i].status == CLEAT_STOPPED, "%s",
                calls[i].message);
        }
        cleat_batch_queue_release(queue);
        free(calls);
    }
    cleat_model_release(model);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("batch_queue_ends");
    TCase *refusals = test_case(suite, "refusals");
    tcase_add_test(refusals, wrong_inputs_are_refused_at_once);
    tcase_add_test(refusals, wrong_queues_are_refused);
    TCase *ends = test_case(suite, "ends");
    tcase_add_test(ends, a_full_queue_refuses);
    tcase_add_test(ends, a_full_queue_lets_wait);
    tcase_add_test(ends, it_may_end_at_any_moment);
    test_add_loop(suite, "waiting", callers_wait_while_it_ends, 3);
    return suite;
}
