/* SPDX-License-Identifier: Apache-2.0 */
/* One model and many threads, as <cleat/graph.h> promises: runs wait for each other, results are
 * those of one thread. And a model, or a batch queue, in a forked child: refused, never a wait. */
#include "batch_calls.h"

#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 10, SHAPES = 6, SHAPE_MOST = 24 };

/* Inputs of so many rows and the bits that a thread alone gets. */
typedef struct known_run {
    int64_t rows;
    cleat_tensor inputs[2];
    float want[2][SHAPE_MOST * BATCH_OUT];
} known_run;

/* No Check in here, nor below in what threads do: it knows one thread. */
static const char *run_known(cleat_model *model, const known_run *k, bool is_given, bool compares) {
    cleat_context *context = test_context();
    const size_t size = (size_t)k->rows * BATCH_OUT * sizeof(float);
    cleat_tensor outputs[2] = {{0}, {0}};
    const char *wrong = NULL;
    float got[SHAPE_MOST * BATCH_OUT];
    for (int i = 0; i < 2 && is_given; i++) {
        if (cleat_tensor_create(
                context, CLEAT_F32, 2, (int64_t[]){k->rows, BATCH_OUT}, &outputs[i]) != CLEAT_OK) {
            wrong = "no tensor";
        }
    }
    if (wrong != NULL || cleat_model_run(model, k->inputs, 2, outputs, 2) != CLEAT_OK) {
        wrong = wrong != NULL ? wrong : "the run failed";
    }
    for (int i = 0; i < 2 && wrong == NULL; i++) {
        if (cleat_read(context, outputs[i], got, size) != CLEAT_OK) {
            wrong = "the read failed";
        } else if (compares && memcmp(got, k->want[i], size) != 0 && !test_ignores_values()) {
            wrong = "other bits than alone";
        } else if (!compares) {
            memcpy((void *)k->want[i], got, size);
        }
    }
    cleat_tensor_release(&outputs[0]);
    cleat_tensor_release(&outputs[1]);
    return wrong;
}

static void make_known(cleat_model *alone, known_run *known) {
    for (int i = 0; i < SHAPES; i++) {
        known_run *k = &known[i];
        float x[SHAPE_MOST * BATCH_IN], number = (float)test_real(-1, 1);
        k->rows = 1 + i * (SHAPE_MOST - 1) / (SHAPES - 1);
        for (int64_t e = 0; e < k->rows * BATCH_IN; e++) {
            x[e] = (float)test_real(-1, 1);
        }
        test_ok(cleat_tensor_create(
            test_context(), CLEAT_F32, 2, (int64_t[]){k->rows, BATCH_IN}, &k->inputs[0]));
        test_ok(cleat_tensor_create(test_context(), CLEAT_F32, 0, NULL, &k->inputs[1]));
        test_ok(
            cleat_write(test_context(), k->inputs[0], x, (size_t)(k->rows * BATCH_IN) * sizeof *x));
        test_ok(cleat_write(test_context(), k->inputs[1], &number, sizeof number));
        const char *wrong = run_known(alone, k, false, false);
        ck_assert_msg(wrong == NULL, "%s", wrong);
    }
}

typedef struct worker {
    cleat_model *model;
    const known_run *known;
    int number, rounds;
    const char *wrong;
} worker;

static void *work(void *data) {
    worker *w = data;
    cleat_model_statistics told;
    cleat_value_info info;
    for (int i = 0; i < w->rounds && w->wrong == NULL; i++) {
        w->wrong = run_known(w->model, &w->known[(i * 7 + w->number) % SHAPES], i % 3 == 0, true);
        if (cleat_model_get_statistics(w->model, &told) != CLEAT_OK ||
            cleat_model_input_info(w->model, 0, &info) != CLEAT_OK || strcmp(info.name, "x") != 0 ||
            cleat_model_output_count(w->model) != 2) {
            w->wrong = "the model tells something else";
        }
    }
    return NULL;
}

/* Fewer recordings than shapes, so that they come and go; none; and as many. */
START_TEST(threads_share_a_model) {
    static const int32_t recordings[] = {3, -1, SHAPES};
    known_run *known = test_alloc(SHAPES, sizeof *known);
    cleat_model *models[2];
    cleat_graph *graph = batch_product_graph(-1);
    for (int i = 0; i < 2; i++) {
        test_ok(cleat_model_create(test_context(), graph,
            &(cleat_model_options){.recordings = i == 0 ? -1 : recordings[_i]}, &models[i]));
    }
    cleat_graph_release(graph);
    make_known(models[0], known);
    pthread_t threads[THREADS];
    worker workers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){models[1], known, i, test_rounds(40), NULL};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_msg(workers[i].wrong == NULL, "thread %d: %s", i, workers[i].wrong);
    }
    for (int i = 0; i < SHAPES; i++) {
        cleat_tensor_release(&known[i].inputs[0]);
        cleat_tensor_release(&known[i].inputs[1]);
    }
    cleat_model_release(models[0]);
    cleat_model_release(models[1]);
    free(known);
}
END_TEST

/* ---- A forked child ---- */

typedef struct legacy {
    cleat_graph *graph;
    cleat_model *model;
    cleat_batch_queue *queue;
    known_run known;
} legacy;

static bool is_told(cleat_status status) {
    return status == CLEAT_DEVICE_LOST && strstr(cleat_error_message(), "fork") != NULL;
}

/* What the child gets; its exit code tells what went wrong. */
static int child_of(legacy *l) {
    cleat_tensor outputs[2] = {{0}, {0}};
    cleat_model *another = NULL;
    cleat_batch_queue *queue = NULL;
    cleat_model_statistics told;
    cleat_batch_queue_statistics queue_told;
    batch_call call = {.rows = 1};
    if (!is_told(cleat_model_run(l->model, l->known.inputs, 2, outputs, 2)) ||
        outputs[0].buffer != NULL) {
        return 1;
    }
    if (!is_told(cleat_model_create(test_context(), l->graph, NULL, &another)) ||
        !is_told(cleat_model_get_statistics(l->model, &told))) {
        return 2;
    }
    batch_make(l->queue, &call, NULL);
    if (call.status != CLEAT_DEVICE_LOST || strstr(call.message, "fork") == NULL ||
        !is_told(cleat_batch_queue_stop(l->queue, true)) ||
        !is_told(cleat_batch_queue_get_statistics(l->queue, &queue_told)) ||
        !is_told(cleat_batch_queue_create(l->model, NULL, &queue))) {
        return 3;
    }
    cleat_batch_queue_release(l->queue);
    cleat_model_release(l->model);
    cleat_graph_release(l->graph);
    return 0;
}

/* Children while other threads are in runs of the model and calls of the queue, whose locks they
 * hold in the copy that the child is. */
START_TEST(a_forked_child_is_told) {
    legacy l = {.graph = batch_product_graph(-1)};
    known_run *known = test_alloc(SHAPES, sizeof *known);
    pthread_t threads[2];
    batch_call *calls = test_alloc(200, sizeof *calls);
    test_ok(cleat_model_create(test_context(), l.graph, NULL, &l.model));
    l.queue = batch_queue(l.model, (cleat_batch_queue_options){.latency = 0});
    make_known(l.model, known);
    l.known = known[0];
    worker runs = {l.model, known, 0, 200, NULL};
    batch_caller asks = {l.queue, calls, 200};
    for (int i = 0; i < 200; i++) {
        batch_draw(&calls[i], 1);
    }
    ck_assert_int_eq(pthread_create(&threads[0], NULL, work, &runs), 0);
    batch_begin(threads + 1, &asks, 1);
    fflush(NULL);
    for (int round = test_rounds(8); round > 0; round--) {
        int status = -1;
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            alarm(20);
            _exit(child_of(&l));
        }
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        ck_assert_int_eq(status, 0);
    }
    batch_end(threads, 2);
    ck_assert_msg(runs.wrong == NULL, "%s", runs.wrong);
    batch_check(l.model, calls, 200);
    cleat_batch_queue_release(l.queue);
    cleat_model_release(l.model);
    cleat_graph_release(l.graph);
    for (int i = 0; i < SHAPES; i++) {
        cleat_tensor_release(&known[i].inputs[0]);
        cleat_tensor_release(&known[i].inputs[1]);
    }
    free(known);
    free(calls);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("model_threads");
    test_add_loop(suite, "sharing", threads_share_a_model, 3);
    test_add_case(suite, "forks", a_forked_child_is_told);
    return suite;
}
