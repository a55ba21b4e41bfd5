/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of models whose inputs or outputs are sequences, optional, or texts. */
#include "core/memory.h"
#include "core/tensor_check.h"
#include "graph/model_output.h"
#include "graph/text.h"
#include "graph/value_lists.h"
#include <string.h>

enum { MOST_DEPTH = 8 }; /* of sequences within each other */

/* ---- Texts ---- */

static cleat_status take_texts(const char *name, const cleat_value *from, run_value *to) {
    const cleat_tensor *x = &from->tensor;
    array *texts;
    char shape[SHAPE_TEXT_SIZE];
    TRY(array_create("model_run_values", CLEAT_TEXT, x->rank, x->shape, &texts));
    cleat_status status = CLEAT_OK;
    if ((uint64_t)texts->count != from->count || (from->texts == NULL && from->count > 0)) {
        status = status_set(CLEAT_INVALID_ARGUMENT,
            "model_run_values: %s: %zu texts%s for a tensor of %s", name, from->count,
            from->texts == NULL ? " at NULL" : "", shape_text(x->rank, x->shape, shape));
    }
    if (status == CLEAT_OK) {
        status = array_set_texts("model_run_values", texts, from->texts);
    }
    if (status != CLEAT_OK) {
        array_release(texts);
        return status;
    }
    *to = (run_value){.kind = VALUE_TENSOR, .type = CLEAT_TEXT, .rank = texts->rank, .host = texts};
    memcpy(to->shape, texts->shape, sizeof to->shape);
    return CLEAT_OK;
}

/* In one piece of memory: the pointers, and what they point to. */
static cleat_status give_texts(const array *from, cleat_value *to) {
    size_t size = (size_t)from->count * sizeof(char *) + 1;
    for (int64_t i = 0; i < from->count; i++) {
        size += strlen(array_text(from, i)) + 1;
    }
    char **texts = memory_allocate(size);
    REFUSE_IF(texts == NULL, CLEAT_OUT_OF_HOST_MEMORY, "model_run_values: no host memory");
    char *end = (char *)(texts + from->count);
    for (int64_t i = 0; i < from->count; i++) {
        const size_t length = strlen(array_text(from, i)) + 1;
        texts[i] = memcpy(end, array_text(from, i), length);
        end += length;
    }
    *to = (cleat_value){.kind = CLEAT_VALUE_TEXTS,
        .tensor = {.type = CLEAT_TEXT, .rank = from->rank},
        .count = (size_t)from->count,
        .texts = (const char *const *)texts};
    memcpy(to->tensor.shape, from->shape, sizeof to->tensor.shape);
    return CLEAT_OK;
}

/* ---- Values ---- */

/* The caller's value as one of a run. */
static cleat_status take_value(
    const cleat_model *model, const char *name, const cleat_value *from, int depth, run_value *to) {
    REFUSE_IF((int)from->kind < CLEAT_VALUE_NONE || from->kind > CLEAT_VALUE_TEXTS,
        CLEAT_INVALID_ARGUMENT, "model_run_values: %s: %d is no kind of value", name,
        (int)from->kind);
    if (from->kind == CLEAT_VALUE_NONE) {
        return CLEAT_OK;
    }
    if (from->kind == CLEAT_VALUE_TENSOR) {
        TRY(check_tensor("model_run_values", name, model->context, &from->tensor, 0));
        return borrow_input(&from->tensor, to);
    }
    if (from->kind == CLEAT_VALUE_TEXTS) {
        return take_texts(name, from, to);
    }
    REFUSE_IF(depth == MOST_DEPTH, CLEAT_UNSUPPORTED,
        "model_run_values: %s: more than %d sequences within each other", name, MOST_DEPTH);
    REFUSE_IF(from->items == NULL && from->count > 0, CLEAT_INVALID_ARGUMENT,
        "model_run_values: %s: items is NULL", name);
    TRY(sequence_create(from->count, to));
    for (size_t i = 0; i < from->count; i++) {
        TRY(take_value(model, name, &from->items[i], depth + 1, &to->items[i]));
    }
    return CLEAT_OK;
}

static cleat_status take_input(
    const cleat_model *model, size_t index, const cleat_value *from, run_value *to) {
    const cleat_graph *graph = model->main->graph;
    const graph_value *v = &graph->values[graph->inputs[index]];
    if (from->kind == CLEAT_VALUE_TENSOR) {
        TRY(check_given_input(model, index, &from->tensor));
        return borrow_input(&from->tensor, to);
    }
    if (from->kind == CLEAT_VALUE_TEXTS && v->type == CLEAT_TEXT) {
        TRY(check_given_shape(model, index, &from->tensor));
        return take_texts(v->name, from, to);
    }
    REFUSE_IF((int)v->type != 0 || v->rank >= 0, CLEAT_TYPE_MISMATCH,
        "model_run_values: input %s is no tensor%s", v->name,
        v->type == CLEAT_TEXT ? " of texts" : "");
    return take_value(model, v->name, from, 0, to);
}

/* The value of a run as one of the caller's own. */
static cleat_status give_value(
    cleat_model *model, size_t index, const run_value *from, cleat_value *to) {
    if (from->kind == VALUE_NONE) {
        return CLEAT_OK;
    }
    if (from->kind == VALUE_TENSOR && from->type == CLEAT_TEXT) {
        return give_texts(from->host, to);
    }
    if (from->kind == VALUE_TENSOR) {
        TRY(give_output(model, index, from, &to->tensor));
        to->kind = CLEAT_VALUE_TENSOR;
        return CLEAT_OK;
    }
    to->items = memory_allocate_zeroed(from->item_count + 1, sizeof *to->items);
    REFUSE_IF(to->items == NULL, CLEAT_OUT_OF_HOST_MEMORY, "model_run_values: no host memory");
    to->kind = CLEAT_VALUE_SEQUENCE;
    to->count = from->item_count;
    for (size_t i = 0; i < from->item_count; i++) {
        TRY(give_value(model, index, &from->items[i], &to->items[i]));
    }
    return CLEAT_OK;
}

void cleat_value_release(cleat_value *value) {
    if (value == NULL) {
        return;
    }
    for (size_t i = 0; value->items != NULL && i < value->count; i++) {
        cleat_value_release(&value->items[i]);
    }
    memory_free((void *)value->texts);
    memory_free(value->items);
    cleat_tensor_release(&value->tensor);
    *value = (cleat_value){.kind = CLEAT_VALUE_NONE};
}

static cleat_status run_values(
    cleat_model *model, const cleat_value *inputs, cleat_value *outputs, run_value *values) {
    const cleat_graph *graph = model->main->graph;
    run_value *made = values + graph->input_count;
    for (size_t i = 0; i < graph->input_count; i++) {
        TRY(take_input(model, i, &inputs[i], &values[i]));
    }
    TRY(program_run(model, model->main, NULL, values, made, NULL));
    for (size_t i = 0; i < graph->output_count; i++) {
        outputs[i] = (cleat_value){.kind = CLEAT_VALUE_NONE};
    }
    cleat_status status = CLEAT_OK;
    for (size_t i = 0; i < graph->output_count && status == CLEAT_OK; i++) {
        status = give_value(model, i, &made[i], &outputs[i]);
    }
    for (size_t i = 0; i < graph->output_count && status != CLEAT_OK; i++) {
        cleat_value_release(&outputs[i]);
    }
    return status;
}

cleat_status cleat_model_run_values(cleat_model *model, const cleat_value *inputs,
    size_t input_count, cleat_value *outputs, size_t output_count) {
    const char *operation = "model_run_values";
    TRY(check_run(operation, model, inputs, input_count, outputs, output_count));
    const size_t count = input_count + output_count;
    run_value *values = memory_allocate_zeroed(count + 1, sizeof *values);
    REFUSE_IF(values == NULL, CLEAT_OUT_OF_HOST_MEMORY, "%s: no host memory", operation);
    pthread_mutex_lock(&model->mutex);
    const cleat_status status = run_values(model, inputs, outputs, values);
    for (size_t i = 0; i < count; i++) {
        value_clear(&values[i]);
    }
    pthread_mutex_unlock(&model->mutex);
    memory_free(values);
    return status;
}
