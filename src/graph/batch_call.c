/* SPDX-License-Identifier: Apache-2.0 */
/* A call of a batch queue: checked, put among those that it can share a batch with, waited for. */
#include "core/context_state.h"
#include "core/memory.h"
#include "core/tensor_check.h"
#include "graph/batch_items.h"
#include "graph/model_output.h"
#include <string.h>

static bool go_together(
    const cleat_batch_queue *queue, const cleat_host_tensor *a, const cleat_host_tensor *b) {
    for (size_t i = 0; i < queue->input_count; i++) {
        const size_t extents = a[i].rank > 0 ? (size_t)a[i].rank - 1 : 0;
        if (a[i].type != b[i].type || a[i].rank != b[i].rank ||
            memcmp(a[i].shape + 1, b[i].shape + 1, extents * sizeof a[i].shape[0]) != 0 ||
            (a[i].rank == 0 && memcmp(a[i].elements, b[i].elements, a[i].size) != 0)) {
            return false;
        }
    }
    return true;
}

static cleat_status add_item(cleat_batch_queue *queue, batch_item *item) {
    batch_group *group = queue->groups;
    while (group != NULL && !go_together(queue, group->first->inputs, item->inputs)) {
        group = group->next;
    }
    if (group == NULL) {
        group = memory_allocate_zeroed(1, sizeof *group);
        REFUSE_IF(group == NULL, CLEAT_OUT_OF_HOST_MEMORY, "batch_queue_run: no host memory");
        group->next = queue->groups;
        queue->groups = group;
    }
    batch_item **place = &group->first;
    while (*place != NULL && (*place)->deadline <= item->deadline) {
        place = &(*place)->next;
    }
    item->next = *place;
    *place = item;
    group->rows += item->rows;
    queue->waiting++;
    return CLEAT_OK;
}

/* Rows of an input, which has as many as those before, 0: not known yet. */
static cleat_status check_input(
    const cleat_batch_queue *queue, size_t index, const cleat_host_tensor *x, int64_t *rows) {
    cleat_value_info info;
    cleat_tensor whole;
    char text[SHAPE_TEXT_SIZE], wanted[SHAPE_TEXT_SIZE];
    TRY(cleat_model_input_info(queue->model, index, &info));
    REFUSE_IF(info.type != 0 && x->type != info.type, CLEAT_TYPE_MISMATCH,
        "batch_queue_run: input %s is %s, the model expects %s", info.name,
        cleat_type_name(x->type), cleat_type_name(info.type));
    TRY(tensor_row_major("batch_queue_run", x->type, x->rank, x->shape, &whole));
    bool fits = info.rank < 0 || info.rank == x->rank;
    for (int32_t i = 1; fits && i < info.rank; i++) {
        fits = info.shape[i] < 0 || info.shape[i] == x->shape[i];
    }
    REFUSE_IF(!fits, CLEAT_SHAPE_MISMATCH,
        "batch_queue_run: input %s has the shape %s, the model expects %s, but for the first "
        "extent",
        info.name, shape_text(x->rank, x->shape, text), shape_text(info.rank, info.shape, wanted));
    int64_t size = 0;
    REFUSE_IF(!checked_mul(cleat_tensor_count(&whole), (int64_t)cleat_type_size(x->type), &size) ||
                  (size_t)size != x->size || (x->elements == NULL && size > 0),
        CLEAT_INVALID_ARGUMENT,
        "batch_queue_run: input %s of %s and type %s does not take the %zu bytes given", info.name,
        shape_text(x->rank, x->shape, text), cleat_type_name(x->type),
        x->elements != NULL ? x->size : 0);
    if (x->rank > 0) {
        REFUSE_IF(x->shape[0] < 1 || x->shape[0] > queue->most_rows, CLEAT_INVALID_ARGUMENT,
            "batch_queue_run: input %s has %lld rows, a batch has 1 .. %lld", info.name,
            (long long)x->shape[0], (long long)queue->most_rows);
        REFUSE_IF(*rows != 0 && *rows != x->shape[0], CLEAT_SHAPE_MISMATCH,
            "batch_queue_run: input %s has %lld rows, those before have %lld", info.name,
            (long long)x->shape[0], (long long)*rows);
        *rows = x->shape[0];
    }
    return CLEAT_OK;
}

/* With the mutex held. */
static cleat_status wait_in_queue(cleat_batch_queue *queue, batch_item *item) {
    while (queue->state == BATCH_OPEN && queue->waiting >= queue->most_waiting) {
        if (queue->refuse_when_full) {
            queue->told.refused++;
            return status_set(
                CLEAT_QUEUE_FULL, "batch_queue_run: %zu calls wait already", queue->waiting);
        }
        pthread_cond_wait(&queue->room, &queue->mutex);
    }
    REFUSE_IF(queue->state != BATCH_OPEN, CLEAT_STOPPED, "batch_queue_run: the queue was stopped");
    TRY(add_item(queue, item));
    pthread_cond_signal(&queue->work);
    while (!item->is_done) {
        pthread_cond_wait(&item->done, &queue->mutex);
    }
    return item->status != CLEAT_OK ? status_set(item->status, "%s", item->message) : CLEAT_OK;
}

static cleat_status run_call(cleat_batch_queue *queue, batch_item *item) {
    pthread_cond_init(&item->done, NULL);
    pthread_mutex_lock(&queue->mutex);
    queue->inside++;
    cleat_status status = wait_in_queue(queue, item);
    if (--queue->inside == 0) {
        pthread_cond_broadcast(&queue->left);
    }
    pthread_mutex_unlock(&queue->mutex);
    pthread_cond_destroy(&item->done);
    return status;
}

cleat_status cleat_batch_queue_run(cleat_batch_queue *queue, const cleat_host_tensor *inputs,
    size_t input_count, cleat_host_tensor *outputs, size_t output_count,
    const cleat_batch_run_options *options) {
    const char *operation = "batch_queue_run";
    batch_item item = {.inputs = inputs, .outputs = outputs, .began = clock_seconds()};
    TRY(batch_check_queue(operation, queue));
    TRY(check_run(operation, queue->model, inputs, input_count, outputs, output_count));
    const double latency =
        options != NULL && options->latency != NULL ? *options->latency : queue->latency;
    REFUSE_IF(!(latency >= 0 && latency <= BATCH_LONGEST_LATENCY), CLEAT_INVALID_ARGUMENT,
        "%s: latency is %g s, 0 .. %d are taken", operation, latency, BATCH_LONGEST_LATENCY);
    for (size_t i = 0; i < input_count; i++) {
        TRY(check_input(queue, i, &inputs[i], &item.rows));
    }
    REFUSE_IF(item.rows == 0, CLEAT_INVALID_ARGUMENT, "%s: no input has rows", operation);
    item.deadline = item.began + latency;
    bool *is_given = memory_allocate_zeroed(output_count + 1, sizeof *is_given);
    REFUSE_IF(is_given == NULL, CLEAT_OUT_OF_HOST_MEMORY, "%s: no host memory", operation);
    for (size_t i = 0; i < output_count; i++) {
        is_given[i] = outputs[i].elements != NULL;
    }
    item.is_given = is_given;
    cleat_status status = run_call(queue, &item);
    memory_free(is_given);
    if (status == CLEAT_OK && options != NULL && options->info != NULL) {
        *options->info = item.info;
    }
    return status;
}
