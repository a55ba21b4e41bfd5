/* SPDX-License-Identifier: Apache-2.0 */
#include "batch_calls.h"

#include <time.h>

double batch_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void batch_nap(double seconds) {
    nanosleep(&(struct timespec){.tv_nsec = (long)(seconds * 1e9)}, NULL);
}

void batch_node(cleat_graph *graph, const char *type, const char *a, const char *b, const char *y) {
    test_ok(cleat_graph_node(
        graph, type, y, b != NULL ? 2 : 1, (const char *[]){a, b}, 1, &y, 0, NULL));
}

cleat_model *batch_ready(cleat_graph *graph) {
    cleat_model *model = NULL;
    test_ok(cleat_model_create(
        test_context(), graph, &(cleat_model_options){.recordings = 16}, &model));
    cleat_graph_release(graph);
    return model;
}

/* product = x w + k for any number of rows of x, or `rows`, k being one number; and sums of it. */
cleat_graph *batch_product_graph(int64_t rows) {
    cleat_graph *graph = NULL;
    float w[BATCH_IN * BATCH_OUT];
    for (int i = 0; i < BATCH_IN * BATCH_OUT; i++) {
        w[i] = (float)test_real(-1, 1);
    }
    test_ok(cleat_graph_create(17, &graph));
    test_ok(cleat_graph_input(graph, "x", CLEAT_F32, 2, (int64_t[]){rows, BATCH_IN}));
    test_ok(cleat_graph_input(graph, "k", CLEAT_F32, 0, NULL));
    test_ok(cleat_graph_constant(graph, "w", CLEAT_F32, 2, (int64_t[]){BATCH_IN, BATCH_OUT}, w));
    batch_node(graph, "MatMul", "x", "w", "xw");
    batch_node(graph, "Add", "xw", "k", "product");
    batch_node(graph, "Tanh", "product", NULL, "curved");
    test_ok(cleat_graph_output(graph, "product"));
    test_ok(cleat_graph_output(graph, "curved"));
    return graph;
}

cleat_model *batch_product(int64_t rows) {
    return batch_ready(batch_product_graph(rows));
}

cleat_batch_queue *batch_queue(cleat_model *model, cleat_batch_queue_options options) {
    cleat_batch_queue *queue = NULL;
    test_ok(cleat_batch_queue_create(model, &options, &queue));
    return queue;
}

/* ---- Calls of the product, and what a run of the model by hand gives ---- */

void batch_draw(batch_call *c, int64_t most_own) {
    c->rows = test_int(1, most_own);
    c->k = (float)test_int(0, 1);
    for (int i = 0; i < BATCH_MOST_OWN * BATCH_IN; i++) {
        c->x[i] = (float)test_real(-1, 1);
    }
}

void batch_make(cleat_batch_queue *queue, batch_call *c, const double *latency) {
    const cleat_batch_run_options options = {.latency = latency, .info = &c->info};
    const cleat_host_tensor inputs[] = {
        {CLEAT_F32, 2, {c->rows, BATCH_IN}, (size_t)c->rows * BATCH_IN * sizeof(float), c->x},
        {CLEAT_F32, 0, {0}, sizeof c->k, &c->k}};
    cleat_host_tensor outputs[] = {
        {.size = (size_t)c->rows * BATCH_OUT * sizeof(float), .elements = c->product}, {.size = 0}};
    const double began = batch_now();
    c->status = cleat_batch_queue_run(queue, inputs, 2, outputs, 2, &options);
    c->took = batch_now() - began;
    if (c->status != CLEAT_OK) {
        snprintf(c->message, sizeof c->message, "%s", cleat_error_message());
    } else if (outputs[1].rank != 2 || outputs[1].shape[0] != c->rows ||
               outputs[1].shape[1] != BATCH_OUT || outputs[1].type != CLEAT_F32 ||
               outputs[1].size != outputs[0].size || outputs[0].shape[0] != c->rows) {
        c->status = CLEAT_SHAPE_MISMATCH;
        snprintf(c->message, sizeof c->message, "the shapes of outputs are wrong");
    } else {
        memcpy(c->curved, outputs[1].elements, outputs[1].size);
    }
    cleat_host_tensor_release(&outputs[1]);
}

/* Runs the model on one batch as it was and compares each call's rows. */
static void check_batch(cleat_model *model, batch_call **calls, int count) {
    cleat_tensor inputs[2], outputs[2] = {{0}, {0}};
    const int64_t rows = calls[0]->info.rows;
    float *x = test_alloc(rows * BATCH_IN, sizeof *x);
    int64_t filled = 0;
    for (int i = 0; i < count; i++) {
        const batch_call *c = calls[i];
        ck_assert_int_eq(c->info.rows, rows);
        ck_assert(c->k == calls[0]->k);
        ck_assert_int_ge(c->info.first_row, 0);
        ck_assert_int_le(c->info.first_row + c->rows, rows);
        memcpy(x + c->info.first_row * BATCH_IN, c->x, (size_t)c->rows * BATCH_IN * sizeof *x);
        filled += c->rows;
    }
    for (int64_t row = filled; row < rows; row++) {
        memcpy(x + row * BATCH_IN, x + (filled - 1) * BATCH_IN, BATCH_IN * sizeof *x);
    }
    test_ok(
        cleat_tensor_create(test_context(), CLEAT_F32, 2, (int64_t[]){rows, BATCH_IN}, &inputs[0]));
    test_ok(cleat_tensor_create(test_context(), CLEAT_F32, 0, NULL, &inputs[1]));
    test_ok(cleat_write(test_context(), inputs[0], x, (size_t)rows * BATCH_IN * sizeof *x));
    test_ok(cleat_write(test_context(), inputs[1], &calls[0]->k, sizeof(float)));
    test_ok(cleat_model_run(model, inputs, 2, outputs, 2));
    for (int o = 0; o < 2; o++) {
        float *got = test_alloc(rows * BATCH_OUT, sizeof *got);
        test_ok(
            cleat_read(test_context(), outputs[o], got, (size_t)rows * BATCH_OUT * sizeof *got));
        for (int i = 0; i < count; i++) {
            const batch_call *c = calls[i];
            ck_assert_msg(
                memcmp(got + c->info.first_row * BATCH_OUT, o == 0 ? c->product : c->curved,
                    (size_t)c->rows * BATCH_OUT * sizeof *got) == 0 ||
                    test_ignores_values(),
                "batch %llu: other bits in output %d", (unsigned long long)c->info.batch, o);
        }
        free(got);
        cleat_tensor_release(&outputs[o]);
        cleat_tensor_release(&inputs[o]);
    }
    free(x);
}

void batch_check(cleat_model *model, batch_call *calls, int count) {
    batch_call **members = test_alloc(count, sizeof *members);
    for (int i = 0; i < count; i++) {
        ck_assert_msg(calls[i].status == CLEAT_OK, "call %d: %s", i, calls[i].message);
        ck_assert_uint_ge(calls[i].info.batch, 1);
    }
    for (uint64_t batch = 1; batch < BATCH_MOST; batch++) {
        int found = 0;
        for (int i = 0; i < count; i++) {
            if (calls[i].info.batch == batch) {
                members[found++] = &calls[i];
            }
        }
        if (found > 0) {
            check_batch(model, members, found);
        }
    }
    free(members);
}

static void *call_again_and_again(void *data) {
    batch_caller *c = data;
    for (int i = 0; i < c->count; i++) {
        batch_make(c->queue, &c->calls[i], NULL);
    }
    return NULL;
}

void batch_begin(pthread_t *threads, batch_caller *callers, int count) {
    for (int i = 0; i < count; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, call_again_and_again, &callers[i]), 0);
    }
}

void batch_end(pthread_t *threads, int count) {
    for (int i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
    }
}

void batch_wait_until_waiting(cleat_batch_queue *queue, uint64_t count) {
    cleat_batch_queue_statistics told = {0};
    for (const double end = batch_now() + 60; told.waiting < count && batch_now() < end;
         batch_nap(0.001)) {
        test_ok(cleat_batch_queue_get_statistics(queue, &told));
    }
    ck_assert_uint_eq(told.waiting, count);
}
