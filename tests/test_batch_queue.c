/* SPDX-License-Identifier: Apache-2.0 */
/* Batch queues: many callers get the bits that their batch gives, each its own, or its own error,
 * within their latency. */
#include "batch_calls.h"

/* y = x, but for a batch in which a number above 100 is: that gives an error. */
static cleat_model *make_choosy(void) {
    cleat_graph *graph = NULL, *fails = NULL, *passes = NULL;
    test_ok(cleat_graph_create(17, &fails));
    test_ok(cleat_graph_constant(fails, "shape", CLEAT_I64, 1, (int64_t[]){1}, (int64_t[]){12345}));
    batch_node(fails, "Reshape", "x", "shape", "out");
    test_ok(cleat_graph_output(fails, "out"));
    test_ok(cleat_graph_create(17, &passes));
    batch_node(passes, "Identity", "x", NULL, "out");
    test_ok(cleat_graph_output(passes, "out"));
    test_ok(cleat_graph_create(17, &graph));
    test_ok(cleat_graph_input(graph, "x", CLEAT_F32, 2, (int64_t[]){-1, -1}));
    test_ok(cleat_graph_constant(graph, "limit", CLEAT_F32, 0, NULL, (float[]){100}));
    const int64_t keep = 0;
    const cleat_attribute attributes[] = {
        {.name = "keepdims", .kind = CLEAT_ATTRIBUTE_INT, .count = 1, .integers = &keep}};
    test_ok(cleat_graph_node(graph, "ReduceMax", "largest", 1, (const char *[]){"x"}, 1,
        (const char *[]){"largest"}, 1, attributes));
    batch_node(graph, "Greater", "largest", "limit", "is_too_large");
    const cleat_attribute branches[] = {
        {.name = "then_branch", .kind = CLEAT_ATTRIBUTE_GRAPH, .graph = fails},
        {.name = "else_branch", .kind = CLEAT_ATTRIBUTE_GRAPH, .graph = passes}};
    test_ok(cleat_graph_node(graph, "If", "choice", 1, (const char *[]){"is_too_large"}, 1,
        (const char *[]){"y"}, 2, branches));
    test_ok(cleat_graph_output(graph, "y"));
    return batch_ready(graph);
}

START_TEST(many_callers_get_the_bits_of_their_batch) {
    const cleat_batch_queue_options kinds[] = {{.most_rows = 8},
        {.most_rows = 8, .latency = 0.002, .round_up = true}, {.latency = 0.001, .most_waiting = 4},
        {.most_rows = 1 + BATCH_MOST_OWN, .latency = 0.1}};
    const int count = _i == 3 ? 6 : test_rounds(40);
    cleat_model *model = batch_product(-1);
    cleat_batch_queue *queue = batch_queue(model, kinds[_i]);
    pthread_t threads[BATCH_CALLERS];
    batch_caller callers[BATCH_CALLERS];
    cleat_batch_queue_statistics told;
    batch_call *calls = test_alloc((int64_t)BATCH_CALLERS * count, sizeof *calls);
    uint64_t rows = 0;
    for (int i = 0; i < BATCH_CALLERS * count; i++) {
        batch_draw(&calls[i], BATCH_MOST_OWN);
        rows += (uint64_t)calls[i].rows;
    }
    for (int i = 0; i < BATCH_CALLERS; i++) {
        callers[i] = (batch_caller){queue, calls + i * count, count};
    }
    batch_begin(threads, callers, BATCH_CALLERS);
    batch_end(threads, BATCH_CALLERS);
    test_ok(cleat_batch_queue_get_statistics(queue, &told));
    ck_assert_uint_eq(told.calls, (uint64_t)(BATCH_CALLERS * count));
    ck_assert_uint_eq(told.rows, rows);
    ck_assert_uint_lt(told.batches, told.calls);
    ck_assert_uint_eq(told.failed + told.refused + told.waiting, 0);
    ck_assert(kinds[_i].round_up || told.filled == 0);
    printf("%.1f calls a batch\n", (double)told.calls / (double)told.batches);
    batch_check(model, calls, BATCH_CALLERS * count);
    test_ok(cleat_batch_queue_stop(queue, true));
    cleat_batch_queue_release(queue);
    cleat_model_release(model);
    free(calls);
}
END_TEST

START_TEST(a_model_for_five_rows_gets_five) {
    cleat_model *model = batch_product(5);
    cleat_batch_queue *queue = batch_queue(model, (cleat_batch_queue_options){.latency = 0});
    batch_call call = {.rows = 0};
    batch_draw(&call, BATCH_MOST_OWN);
    batch_make(queue, &call, NULL);
    ck_assert_int_eq(call.info.rows, 5);
    batch_check(model, &call, 1);
    cleat_batch_queue_release(queue);
    test_refused(
        cleat_batch_queue_create(model, &(cleat_batch_queue_options){.most_rows = 4}, &queue),
        CLEAT_INVALID_ARGUMENT, "fix 5 rows");
    cleat_model_release(model);
}
END_TEST

/* ---- Latency ---- */

START_TEST(latency_is_kept) {
    const double none = 0, some = 0.05, minute = 60;
    cleat_model *model = batch_product(-1);
    cleat_batch_queue *queue =
        batch_queue(model, (cleat_batch_queue_options){.most_rows = 4, .latency = minute});
    batch_call call = {.rows = 0}, others[4] = {{.rows = 0}};
    pthread_t threads[4];
    batch_caller callers[4];
    batch_draw(&call, 1);
    batch_make(queue, &call, &none);
    ck_assert_msg(call.status == CLEAT_OK, "%s", call.message);
    ck_assert(call.took < minute / 2);
    batch_make(queue, &call, &some);
    ck_assert(call.took >= some && call.info.waited >= some && call.took < minute / 2);
    for (int i = 0; i < 4; i++) { /* as many as fill a batch */
        others[i] = call;
        callers[i] = (batch_caller){queue, &others[i], 1};
    }
    const double began = batch_now();
    batch_begin(threads, callers, 4);
    batch_end(threads, 4);
    ck_assert(batch_now() - began < minute / 2);
    for (int i = 0; i < 4; i++) {
        ck_assert_uint_eq(others[i].info.batch, others[0].info.batch);
    }
    batch_check(model, others, 4);
    cleat_batch_queue_release(queue);
    cleat_model_release(model);
}
END_TEST

/* One that cannot wait takes along those who could. */
START_TEST(the_earliest_decides) {
    const double some = 0.02;
    cleat_model *model = batch_product(-1);
    cleat_batch_queue *queue = batch_queue(model, (cleat_batch_queue_options){.latency = 60});
    batch_call patient = {.rows = 0}, hurried;
    pthread_t thread;
    batch_draw(&patient, 1);
    batch_caller waits = {queue, &patient, 1};
    batch_begin(&thread, &waits, 1);
    batch_wait_until_waiting(queue, 1);
    hurried = patient;
    batch_make(queue, &hurried, &some);
    batch_end(&thread, 1);
    ck_assert_uint_eq(patient.info.batch, hurried.info.batch);
    ck_assert_int_eq(patient.info.rows, 2);
    ck_assert_int_eq(hurried.info.first_row, 0);
    cleat_batch_queue_release(queue);
    cleat_model_release(model);
}
END_TEST

/* ---- Errors ---- */

typedef struct choosy_call {
    cleat_batch_queue *queue;
    int64_t width;
    float x[64];
    cleat_batch_info info;
    cleat_status status;
    bool is_same;
    char message[200];
} choosy_call;

static void *call_choosy(void *data) {
    choosy_call *c = data;
    const cleat_host_tensor input = {
        CLEAT_F32, 2, {1, c->width}, (size_t)c->width * sizeof(float), c->x};
    cleat_host_tensor output = {.size = 0};
    c->status = cleat_batch_queue_run(
        c->queue, &input, 1, &output, 1, &(cleat_batch_run_options){.info = &c->info});
    if (c->status == CLEAT_OK) {
        c->is_same = output.rank == 2 && output.shape[0] == 1 && output.shape[1] == c->width &&
                     output.size == input.size && memcmp(output.elements, c->x, input.size) == 0;
    } else {
        snprintf(c->message, sizeof c->message, "%s", cleat_error_message());
        c->is_same = output.elements == NULL;
    }
    cleat_host_tensor_release(&output);
    return NULL;
}

static void make_choosy_calls(choosy_call *calls, int count) {
    pthread_t threads[BATCH_CALLERS];
    for (int i = 0; i < count; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, call_choosy, &calls[i]), 0);
    }
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
    }
}

START_TEST(an_error_reaches_whom_it_belongs_to) {
    cleat_model *model = make_choosy();
    cleat_batch_queue *queue =
        batch_queue(model, (cleat_batch_queue_options){.most_rows = BATCH_CALLERS, .latency = 60});
    choosy_call calls[BATCH_CALLERS];
    const int bad = (int)test_int(0, BATCH_CALLERS - 1);
    for (int i = 0; i < BATCH_CALLERS; i++) {
        calls[i] = (choosy_call){.queue = queue, .width = 9};
        for (int k = 0; k < 9; k++) {
            calls[i].x[k] = (float)test_int(-9, 9);
        }
    }
    calls[bad].x[5] = 101;
    make_choosy_calls(calls, BATCH_CALLERS);
    for (int i = 0; i < BATCH_CALLERS; i++) {
        ck_assert_msg((calls[i].status == CLEAT_OK) == (i != bad), "call %d of %d: %s", i, bad,
            calls[i].message);
        ck_assert(calls[i].is_same);
    }
    ck_assert_msg(strstr(calls[bad].message, "Reshape") != NULL, "%s", calls[bad].message);
    cleat_batch_queue_statistics told;
    test_ok(cleat_batch_queue_get_statistics(queue, &told));
    ck_assert_uint_eq(told.failed, 1);
    ck_assert_uint_eq(told.calls, BATCH_CALLERS);
    cleat_batch_queue_release(queue);
    cleat_model_release(model);
}
END_TEST

START_TEST(other_shapes_go_into_other_batches) {
    cleat_model *model = make_choosy();
    cleat_batch_queue *queue = batch_queue(
        model, (cleat_batch_queue_options){.most_rows = BATCH_CALLERS / 2, .latency = 60});
    choosy_call calls[BATCH_CALLERS];
    for (int i = 0; i < BATCH_CALLERS; i++) {
        calls[i] = (choosy_call){.queue = queue, .width = i % 2 == 0 ? 7 : 11};
        for (int k = 0; k < 11; k++) {
            calls[i].x[k] = (float)test_int(-9, 9);
        }
    }
    make_choosy_calls(calls, BATCH_CALLERS);
    for (int i = 0; i < BATCH_CALLERS; i++) {
        ck_assert_msg(calls[i].status == CLEAT_OK && calls[i].is_same, "%s", calls[i].message);
        ck_assert_uint_eq(calls[i].info.batch, calls[i % 2].info.batch);
    }
    ck_assert_uint_ne(calls[0].info.batch, calls[1].info.batch);
    cleat_batch_queue_release(queue);
    cleat_model_release(model);
}
END_TEST

/* An output that is one number for the whole batch. */
START_TEST(outputs_need_rows) {
    cleat_graph *graph = NULL;
    float x[4] = {1, 2, 3, 4};
    const cleat_host_tensor input = {CLEAT_F32, 2, {1, 4}, sizeof x, x};
    cleat_host_tensor output = {.size = 0};
    cleat_batch_queue *queue = NULL;
    test_ok(cleat_graph_create(17, &graph));
    test_ok(cleat_graph_input(graph, "x", CLEAT_F32, 2, (int64_t[]){-1, 4}));
    batch_node(graph, "Shape", "x", NULL, "shape");
    test_ok(cleat_graph_output(graph, "shape"));
    cleat_model *model = batch_ready(graph);
    queue = batch_queue(model, (cleat_batch_queue_options){.latency = 0});
    test_refused(cleat_batch_queue_run(queue, &input, 1, &output, 1, NULL), CLEAT_UNSUPPORTED,
        "output 0 has the shape [2]");
    cleat_batch_queue_release(queue);
    cleat_model_release(model);
    test_ok(cleat_graph_create(17, &graph));
    test_ok(cleat_graph_input(graph, "x", CLEAT_F32, 0, NULL));
    batch_node(graph, "Neg", "x", NULL, "y");
    test_ok(cleat_graph_output(graph, "y"));
    model = batch_ready(graph);
    test_refused(cleat_batch_queue_create(model, NULL, &queue), CLEAT_UNSUPPORTED, "has rows");
    cleat_model_release(model);
    test_ok(cleat_graph_create(17, &graph));
    test_ok(cleat_graph_input(graph, "x", CLEAT_F32, 1, (int64_t[]){4}));
    test_ok(cleat_graph_input(graph, "z", CLEAT_F32, 2, (int64_t[]){3, 4}));
    batch_node(graph, "Add", "x", "z", "y");
    test_ok(cleat_graph_output(graph, "y"));
    model = batch_ready(graph);
    test_refused(cleat_batch_queue_create(model, NULL, &queue), CLEAT_UNSUPPORTED,
        "input z is for 3 rows, another for 4");
    cleat_model_release(model);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("batch_queue");
    test_add_loop(suite, "bits", many_callers_get_the_bits_of_their_batch, 4);
    test_add_case(suite, "fixed", a_model_for_five_rows_gets_five);
    TCase *latency = test_case(suite, "latency");
    tcase_add_test(latency, latency_is_kept);
    tcase_add_test(latency, the_earliest_decides);
    TCase *errors = test_case(suite, "errors");
    tcase_add_test(errors, an_error_reaches_whom_it_belongs_to);
    tcase_add_test(errors, other_shapes_go_into_other_batches);
    tcase_add_test(errors, outputs_need_rows);
    return suite;
}
