/* SPDX-License-Identifier: Apache-2.0 */
/* Batch queues: the thread that serves callers, and how it begins and ends. */
#include "core/context_state.h"
#include "core/memory.h"
#include "core/tensor_check.h"
#include "graph/batch_items.h"
#include <math.h>
#include <signal.h>
#include <string.h>

enum { DEFAULT_ROWS = 32, MOST_ROWS = 65536, DEFAULT_WAITING = 1024 };

void cleat_host_tensor_release(cleat_host_tensor *tensor) {
    if (tensor != NULL) {
        memory_free(tensor->elements);
        *tensor = (cleat_host_tensor){0};
    }
}

/* In a forked child the queue's thread is gone, and its mutex may be held for ever. */
cleat_status batch_check_queue(const char *operation, const cleat_batch_queue *queue) {
    REFUSE_IF(queue == NULL, CLEAT_INVALID_ARGUMENT, "%s: queue is NULL", operation);
    return check_context(operation, queue->model->context);
}

/* ---- Groups; all with the mutex held ---- */

static batch_item *take_first(cleat_batch_queue *queue, batch_group *group) {
    batch_item *item = group->first;
    group->first = item->next;
    group->rows -= item->rows;
    queue->waiting--;
    return item;
}

static void free_group(cleat_batch_queue *queue, const batch_group *group) {
    batch_group **place = &queue->groups;
    while (*place != group) {
        place = &(*place)->next;
    }
    batch_group *next = group->next;
    memory_free(*place);
    *place = next;
}

/* The group that is to run now, or NULL, and then until when there is none, INFINITY: nothing
 * waits. What is overdue comes before what is full, lest it wait for ever. */
static batch_group *due_group(const cleat_batch_queue *queue, double now, double *until) {
    batch_group *earliest = queue->groups, *full = NULL;
    for (batch_group *g = queue->groups; g != NULL; g = g->next) {
        earliest = g->first->deadline < earliest->first->deadline ? g : earliest;
        full = full == NULL && g->rows >= queue->most_rows ? g : full;
    }
    *until = earliest != NULL ? earliest->first->deadline : (double)INFINITY;
    return *until <= now || queue->state != BATCH_OPEN ? earliest : full;
}

static void take_batch(cleat_batch_queue *queue, batch_group *group) {
    int64_t rows = 0;
    queue->taken_count = 0;
    while (group->first != NULL && rows + group->first->rows <= queue->most_rows) {
        batch_item *item = take_first(queue, group);
        queue->taken[queue->taken_count++] = item;
        rows += item->rows;
    }
    if (group->first == NULL) {
        free_group(queue, group);
    }
    queue->told.calls += queue->taken_count;
    queue->told.rows += (uint64_t)rows;
}

static void finish_item(batch_item *item) {
    item->is_done = true;
    pthread_cond_signal(&item->done);
}

static void turn_away(cleat_batch_queue *queue) {
    while (queue->groups != NULL) {
        batch_group *group = queue->groups;
        while (group->first != NULL) {
            batch_item *item = take_first(queue, group);
            batch_item_fail(queue, item, CLEAT_STOPPED, "batch_queue_run: the queue was stopped");
            finish_item(item);
        }
        free_group(queue, group);
    }
}

/* ---- The queue's thread ---- */

static void wait_for_work(cleat_batch_queue *queue, double until) {
    if (until == (double)INFINITY) {
        pthread_cond_wait(&queue->work, &queue->mutex);
        return;
    }
    const double whole = floor(until);
    const struct timespec when = {
        .tv_sec = (time_t)whole, .tv_nsec = (long)((until - whole) * 1e9)};
    pthread_cond_timedwait(&queue->work, &queue->mutex, &when);
}

/* Runs what was taken, with the mutex given up meanwhile. */
static void serve_batch(cleat_batch_queue *queue) {
    pthread_cond_broadcast(&queue->room);
    pthread_mutex_unlock(&queue->mutex);
    batch_run(queue);
    pthread_mutex_lock(&queue->mutex);
    for (size_t i = 0; i < queue->taken_count; i++) {
        queue->told.failed += queue->taken[i]->status != CLEAT_OK;
        finish_item(queue->taken[i]);
    }
    queue->told.batches = queue->batches;
    queue->told.filled = queue->filled;
}

static void *serve(void *data) {
    cleat_batch_queue *queue = data;
    pthread_mutex_lock(&queue->mutex);
    while (queue->state == BATCH_OPEN || queue->groups != NULL) {
        double until;
        batch_group *group = due_group(queue, clock_seconds(), &until);
        if (group == NULL) {
            wait_for_work(queue, until);
        } else {
            take_batch(queue, group);
            serve_batch(queue);
        }
    }
    queue->has_ended = true;
    pthread_cond_broadcast(&queue->left);
    pthread_mutex_unlock(&queue->mutex);
    return NULL;
}

/* ---- Making one ---- */

/* What the model's inputs say of rows. */
static cleat_status find_rows(cleat_batch_queue *queue, int64_t asked) {
    cleat_value_info info;
    int64_t fixed = -1;
    bool has_rows = false;
    for (size_t i = 0; i < queue->input_count; i++) {
        TRY(cleat_model_input_info(queue->model, i, &info));
        has_rows = has_rows || info.rank != 0;
        if (info.rank > 0 && info.shape[0] >= 0) {
            REFUSE_IF(fixed >= 0 && fixed != info.shape[0], CLEAT_UNSUPPORTED,
                "batch_queue_create: input %s is for %lld rows, another for %lld", info.name,
                (long long)info.shape[0], (long long)fixed);
            fixed = info.shape[0];
        }
    }
    REFUSE_IF(!has_rows || fixed == 0, CLEAT_UNSUPPORTED,
        "batch_queue_create: no input of the model has rows");
    REFUSE_IF(fixed > MOST_ROWS || (fixed > 0 && asked != 0 && asked != fixed),
        CLEAT_INVALID_ARGUMENT,
        "batch_queue_create: most_rows is %lld, the model's inputs fix %lld rows", (long long)asked,
        (long long)fixed);
    queue->is_fixed = fixed > 0;
    queue->most_rows = fixed > 0 ? fixed : asked > 0 ? asked : DEFAULT_ROWS;
    return CLEAT_OK;
}

static cleat_status allocate(cleat_batch_queue *queue) {
    queue->taken = memory_allocate_zeroed((size_t)queue->most_rows, sizeof *queue->taken);
    queue->buffers = memory_allocate_zeroed(queue->input_count + 1, sizeof *queue->buffers);
    queue->inputs = memory_allocate_zeroed(queue->input_count + 1, sizeof *queue->inputs);
    queue->outputs = memory_allocate_zeroed(queue->output_count + 1, sizeof *queue->outputs);
    REFUSE_IF(queue->taken == NULL || queue->buffers == NULL || queue->inputs == NULL ||
                  queue->outputs == NULL,
        CLEAT_OUT_OF_HOST_MEMORY, "batch_queue_create: no host memory");
    return CLEAT_OK;
}

/* Signals of the process are for its other threads. */
static cleat_status start_thread(cleat_batch_queue *queue) {
    pthread_condattr_t monotonic;
    sigset_t all, before;
    pthread_mutex_init(&queue->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&queue->work, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_cond_init(&queue->room, NULL);
    pthread_cond_init(&queue->left, NULL);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int error = pthread_create(&queue->thread, NULL, serve, queue);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    REFUSE_IF(
        error != 0, CLEAT_OUT_OF_HOST_MEMORY, "batch_queue_create: no thread: %s", strerror(error));
    return CLEAT_OK;
}

static void free_queue(cleat_batch_queue *queue) {
    batch_run_free(queue);
    process_mark_free(&queue->mark);
    memory_free(queue);
}

cleat_status cleat_batch_queue_create(
    cleat_model *model, const cleat_batch_queue_options *options, cleat_batch_queue **queue) {
    const cleat_batch_queue_options defaults = {0};
    options = options != NULL ? options : &defaults;
    REFUSE_IF(model == NULL || queue == NULL, CLEAT_INVALID_ARGUMENT,
        "batch_queue_create: %s is NULL", model == NULL ? "model" : "queue");
    TRY(check_context("batch_queue_create", model->context));
    REFUSE_IF(options->most_rows < 0 || options->most_rows > MOST_ROWS, CLEAT_INVALID_ARGUMENT,
        "batch_queue_create: most_rows is %lld, 0 .. %d are taken", (long long)options->most_rows,
        MOST_ROWS);
    REFUSE_IF(!(options->latency >= 0 && options->latency <= BATCH_LONGEST_LATENCY),
        CLEAT_INVALID_ARGUMENT, "batch_queue_create: latency is %g s, 0 .. %d are taken",
        options->latency, BATCH_LONGEST_LATENCY);
    cleat_batch_queue *made = memory_allocate_zeroed(1, sizeof *made);
    REFUSE_IF(made == NULL, CLEAT_OUT_OF_HOST_MEMORY, "batch_queue_create: no host memory");
    made->model = model;
    made->input_count = cleat_model_input_count(model);
    made->output_count = cleat_model_output_count(model);
    made->latency = options->latency;
    made->most_waiting = options->most_waiting > 0 ? options->most_waiting : DEFAULT_WAITING;
    made->refuse_when_full = options->refuse_when_full;
    made->round_up = options->round_up;
    made->mark = process_mark_make();
    cleat_status status = find_rows(made, options->most_rows);
    if (status == CLEAT_OK) {
        status = allocate(made);
    }
    if (status == CLEAT_OK) {
        status = start_thread(made);
    }
    if (status != CLEAT_OK) {
        free_queue(made);
        return status;
    }
    *queue = made;
    return CLEAT_OK;
}

/* ---- Its end ---- */

cleat_status cleat_batch_queue_stop(cleat_batch_queue *queue, bool drain) {
    TRY(batch_check_queue("batch_queue_stop", queue));
    pthread_mutex_lock(&queue->mutex);
    const batch_state wanted = drain ? BATCH_DRAINING : BATCH_STOPPED;
    queue->state = queue->state > wanted ? queue->state : wanted;
    if (queue->state == BATCH_STOPPED) {
        turn_away(queue);
    }
    pthread_cond_broadcast(&queue->work);
    pthread_cond_broadcast(&queue->room);
    while (!queue->has_ended) {
        pthread_cond_wait(&queue->left, &queue->mutex);
    }
    pthread_mutex_unlock(&queue->mutex);
    return CLEAT_OK;
}

void cleat_batch_queue_release(cleat_batch_queue *queue) {
    if (queue == NULL) {
        return;
    }
    if (process_mark_is_own(&queue->mark)) {
        (void)cleat_batch_queue_stop(queue, false);
        pthread_mutex_lock(&queue->mutex);
        while (queue->inside > 0) {
            pthread_cond_wait(&queue->left, &queue->mutex);
        }
        pthread_mutex_unlock(&queue->mutex);
        pthread_join(queue->thread, NULL);
        pthread_cond_destroy(&queue->work);
        pthread_cond_destroy(&queue->room);
        pthread_cond_destroy(&queue->left);
        pthread_mutex_destroy(&queue->mutex);
    }
    free_queue(queue);
}

cleat_status cleat_batch_queue_get_statistics(
    cleat_batch_queue *queue, cleat_batch_queue_statistics *statistics) {
    TRY(batch_check_queue("batch_queue_get_statistics", queue));
    REFUSE_IF(statistics == NULL, CLEAT_INVALID_ARGUMENT,
        "batch_queue_get_statistics: statistics is NULL");
    pthread_mutex_lock(&queue->mutex);
    *statistics = queue->told;
    statistics->waiting = queue->waiting;
    pthread_mutex_unlock(&queue->mutex);
    return CLEAT_OK;
}
