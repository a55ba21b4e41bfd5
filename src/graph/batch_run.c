/* SPDX-License-Identifier: Apache-2.0 */
/* A batch of a queue: its items' rows brought together, the model's run, and the way back. */
#include "core/context_state.h"
#include "core/memory.h"
#include "core/tensor_check.h"
#include "graph/batch_items.h"
#include <stdio.h>
#include <string.h>

void batch_item_fail(
    const cleat_batch_queue *queue, batch_item *item, cleat_status status, const char *message) {
    for (size_t i = 0; i < queue->output_count; i++) {
        if (!item->is_given[i]) {
            cleat_host_tensor_release(&item->outputs[i]);
        }
    }
    item->status = status;
    snprintf(item->message, sizeof item->message, "%s", message);
}

static cleat_status need_staging(cleat_batch_queue *queue, size_t size) {
    if (queue->staging.size < size) {
        void *larger = memory_resize(queue->staging.elements, size);
        REFUSE_IF(larger == NULL, CLEAT_OUT_OF_HOST_MEMORY,
            "batch_queue: no host memory for %zu bytes of a batch", size);
        queue->staging = (batch_room){larger, size};
    }
    return CLEAT_OK;
}

/* How many rows the model is run with. */
static int64_t rounded_up(const cleat_batch_queue *queue, int64_t rows) {
    if (queue->is_fixed) {
        return queue->most_rows;
    }
    int64_t up = queue->round_up ? 1 : rows;
    while (up < rows) {
        up *= 2;
    }
    return up < queue->most_rows ? up : queue->most_rows;
}

/* The elements of one input of the whole batch, in the staging memory. */
static cleat_status gather_rows(cleat_batch_queue *queue, size_t input, batch_item **items,
    size_t count, int64_t rows, size_t row_size) {
    TRY(need_staging(queue, (size_t)rows * row_size + 1));
    unsigned char *to = queue->staging.elements;
    int64_t done = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(to, items[i]->inputs[input].elements, items[i]->inputs[input].size);
        to += items[i]->inputs[input].size;
        done += items[i]->rows;
    }
    for (; done < rows; done++) {
        memcpy(to, to - row_size, row_size);
        to += row_size;
    }
    return CLEAT_OK;
}

/* One input of the batch on the device. */
static cleat_status stage_input(
    cleat_batch_queue *queue, size_t input, batch_item **items, size_t count, int64_t rows) {
    const cleat_host_tensor *first = &items[0]->inputs[input];
    int64_t shape[CLEAT_MAX_RANK] = {0};
    size_t size = first->size;
    const void *elements = first->elements;
    memcpy(shape, first->shape, sizeof shape);
    if (first->rank > 0) {
        const size_t row_size = first->size / (size_t)first->shape[0];
        REFUSE_IF(row_size > 0 && (size_t)rows > (SIZE_MAX - 1) / row_size, CLEAT_SIZE_OVERFLOW,
            "batch_queue: %lld rows of %zu bytes", (long long)rows, row_size);
        TRY(gather_rows(queue, input, items, count, rows, row_size));
        shape[0] = rows;
        size = (size_t)rows * row_size;
        elements = queue->staging.elements;
    }
    cleat_buffer **buffer = &queue->buffers[input];
    if (*buffer == NULL || cleat_buffer_size(*buffer) < size) {
        cleat_buffer_release(*buffer);
        *buffer = NULL;
        TRY(cleat_buffer_create(queue->model->context, size, buffer));
    }
    cleat_tensor *x = &queue->inputs[input];
    TRY(cleat_tensor_view(*buffer, first->type, first->rank, shape, 0, x));
    return size > 0 ? cleat_write(queue->model->context, *x, elements, size) : CLEAT_OK;
}

/* An item's rows of an output, from `elements` to its caller. */
static cleat_status give_rows(
    batch_item *item, size_t output, const cleat_tensor *y, const void *elements, size_t size) {
    cleat_host_tensor *out = &item->outputs[output];
    char text[SHAPE_TEXT_SIZE];
    out->type = y->type;
    out->rank = y->rank;
    memcpy(out->shape, y->shape, sizeof out->shape);
    out->shape[0] = item->rows;
    if (!item->is_given[output]) {
        memory_free(out->elements); /* of a run that failed later on */
        out->elements = memory_allocate(size);
        REFUSE_IF(out->elements == NULL, CLEAT_OUT_OF_HOST_MEMORY,
            "batch_queue_run: no host memory for an output of %zu bytes", size);
        out->size = size;
    }
    REFUSE_IF(out->size != size, CLEAT_SHAPE_MISMATCH,
        "batch_queue_run: output %zu is %s of %s, %zu bytes, the memory given for it has %zu",
        output, shape_text(out->rank, out->shape, text), cleat_type_name(y->type), size, out->size);
    memcpy(out->elements, elements, size);
    return CLEAT_OK;
}

static cleat_status give_all_rows(
    cleat_batch_queue *queue, size_t output, batch_item **items, size_t count, int64_t rows) {
    const cleat_tensor *y = &queue->outputs[output];
    char text[SHAPE_TEXT_SIZE];
    REFUSE_IF(y->rank < 1 || y->shape[0] != rows, CLEAT_UNSUPPORTED,
        "batch_queue_run: output %zu has the shape %s, for %lld rows its first extent is to be "
        "that",
        output, shape_text(y->rank, y->shape, text), (long long)rows);
    const size_t size = (size_t)cleat_tensor_count(y) * cleat_type_size(y->type);
    TRY(need_staging(queue, size + 1));
    if (size > 0) {
        TRY(cleat_read(queue->model->context, *y, queue->staging.elements, size));
    }
    const unsigned char *from = queue->staging.elements;
    for (size_t i = 0; i < count; i++) {
        const size_t part = size / (size_t)rows * (size_t)items[i]->rows;
        cleat_status status =
            items[i]->status == CLEAT_OK ? give_rows(items[i], output, y, from, part) : CLEAT_OK;
        if (status != CLEAT_OK) {
            batch_item_fail(queue, items[i], status, cleat_error_message());
        }
        from += part;
    }
    return CLEAT_OK;
}

static cleat_status run_once(
    cleat_batch_queue *queue, batch_item **items, size_t count, int64_t rows) {
    for (size_t i = 0; i < queue->input_count; i++) {
        TRY(stage_input(queue, i, items, count, rows));
    }
    memset(queue->outputs, 0, queue->output_count * sizeof *queue->outputs);
    TRY(cleat_model_run(
        queue->model, queue->inputs, queue->input_count, queue->outputs, queue->output_count));
    cleat_status status = CLEAT_OK;
    for (size_t i = 0; i < queue->output_count; i++) {
        if (status == CLEAT_OK) {
            status = give_all_rows(queue, i, items, count, rows);
        }
        cleat_tensor_release(&queue->outputs[i]);
    }
    return status;
}

/* A failure of several is one of each of them, or of some: both halves are tried again. */
static void run_items(cleat_batch_queue *queue, batch_item **items, size_t count) {
    int64_t own = 0;
    for (size_t i = 0; i < count; i++) {
        items[i]->info.first_row = own;
        own += items[i]->rows;
    }
    const int64_t rows = rounded_up(queue, own);
    const double began = clock_seconds();
    const uint64_t batch = ++queue->batches;
    cleat_status status = run_once(queue, items, count, rows);
    const double ran = clock_seconds() - began;
    queue->filled += (uint64_t)(rows - own);
    if (status != CLEAT_OK && count > 1 && status != CLEAT_DEVICE_LOST) {
        run_items(queue, items, count / 2);
        run_items(queue, items + count / 2, count - count / 2);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        cleat_batch_info *info = &items[i]->info;
        info->batch = batch;
        info->rows = rows;
        info->waited = began - items[i]->began;
        info->ran = ran;
        if (status != CLEAT_OK) {
            batch_item_fail(queue, items[i], status, cleat_error_message());
        }
    }
}

void batch_run(cleat_batch_queue *queue) {
    run_items(queue, queue->taken, queue->taken_count);
}

void batch_run_free(cleat_batch_queue *queue) {
    for (size_t i = 0; queue->buffers != NULL && i < queue->input_count; i++) {
        cleat_buffer_release(queue->buffers[i]);
    }
    memory_free(queue->buffers);
    memory_free(queue->inputs);
    memory_free(queue->outputs);
    memory_free(queue->taken);
    memory_free(queue->staging.elements);
}
