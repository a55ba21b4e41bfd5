/* SPDX-License-Identifier: Apache-2.0 */
/* Models: what users make of graphs. */
#include "core/memory.h"
#include "core/tensor_check.h"
#include "graph/graph_program.h"
#include <string.h>

cleat_status cleat_model_create(cleat_context *context, cleat_graph *graph,
    const cleat_model_options *options, cleat_model **model) {
    (void)options; /* none yet */
    TRY(check_context("model_create", context));
    REFUSE_IF(graph == NULL, CLEAT_INVALID_ARGUMENT, "model_create: graph is NULL");
    REFUSE_IF(model == NULL, CLEAT_INVALID_ARGUMENT, "model_create: model is NULL");
    cleat_model *made = memory_allocate_zeroed(1, sizeof *made);
    REFUSE_IF(made == NULL, CLEAT_OUT_OF_HOST_MEMORY, "model_create: no host memory");
    cleat_context_retain(context);
    made->context = context;
    made->pool.context = context;
    pthread_mutex_init(&made->mutex, NULL);
    cleat_status status = program_create(graph, NULL, 0, &made->main);
    if (status == CLEAT_OK) {
        status = program_fold(made, made->main);
    }
    if (status != CLEAT_OK) {
        cleat_model_release(made);
        return status;
    }
    *model = made;
    return CLEAT_OK;
}

void cleat_model_release(cleat_model *model) {
    if (model == NULL) {
        return;
    }
    program_free(model->main);
    storage_pool_clear(&model->pool);
    cleat_context_release(model->context);
    pthread_mutex_destroy(&model->mutex);
    memory_free(model);
}

size_t cleat_model_input_count(const cleat_model *model) {
    return model != NULL ? model->main->graph->input_count : 0;
}

size_t cleat_model_output_count(const cleat_model *model) {
    return model != NULL ? model->main->graph->output_count : 0;
}

static cleat_status info_of(const char *operation, const cleat_model *model, size_t index,
    bool of_input, cleat_value_info *info) {
    REFUSE_IF(model == NULL || info == NULL, CLEAT_INVALID_ARGUMENT, "%s: %s is NULL", operation,
        model == NULL ? "model" : "info");
    const cleat_graph *graph = model->main->graph;
    const size_t count = of_input ? graph->input_count : graph->output_count;
    REFUSE_IF(index >= count, CLEAT_INVALID_ARGUMENT, "%s: there are %zu, index %zu was asked for",
        operation, count, index);
    const graph_value *v = &graph->values[of_input ? graph->inputs[index] : graph->outputs[index]];
    *info = (cleat_value_info){.name = v->name, .type = v->type, .rank = v->rank};
    memcpy(info->shape, v->shape, sizeof info->shape);
    return CLEAT_OK;
}

cleat_status cleat_model_input_info(
    const cleat_model *model, size_t index, cleat_value_info *info) {
    return info_of("model_input_info", model, index, true, info);
}

cleat_status cleat_model_output_info(
    const cleat_model *model, size_t index, cleat_value_info *info) {
    return info_of("model_output_info", model, index, false, info);
}

/* ---- A run ---- */

static cleat_status check_input(const cleat_model *model, size_t index, const cleat_tensor *x) {
    const char *operation = "model_run";
    const cleat_graph *graph = model->main->graph;
    const graph_value *v = &graph->values[graph->inputs[index]];
    char text[SHAPE_TEXT_SIZE], wanted[SHAPE_TEXT_SIZE];
    TRY(check_tensor(operation, v->name, model->context, x, v->type));
    bool fits = v->rank < 0 || v->rank == x->rank;
    for (int32_t i = 0; fits && i < v->rank; i++) {
        fits = v->shape[i] < 0 || v->shape[i] == x->shape[i];
    }
    REFUSE_IF(!fits, CLEAT_SHAPE_MISMATCH, "%s: input %s has the shape %s, the model expects %s",
        operation, v->name, shape_text(x->rank, x->shape, text),
        shape_text(v->rank, v->shape, wanted));
    return CLEAT_OK;
}

static cleat_status borrow_input(const cleat_tensor *x, run_value *v) {
    *v = (run_value){.kind = VALUE_TENSOR, .type = x->type, .rank = x->rank, .tensor = *x};
    memcpy(v->shape, x->shape, sizeof v->shape);
    cleat_status status = storage_borrow(x->buffer, &v->memory);
    if (status != CLEAT_OK) {
        *v = (run_value){.kind = VALUE_NONE};
    }
    return status;
}

/* A tensor with the caller's own reference: the value's, where nothing else refers to it. */
static cleat_status give_new(cleat_model *model, const run_value *v, cleat_tensor *out) {
    storage *s = v->memory;
    if (s != NULL && s->references == 1 && s->pool != NULL &&
        cleat_tensor_is_contiguous(&v->tensor)) {
        cleat_buffer_retain(s->buffer);
        storage_hand_out(s);
        *out = v->tensor;
        return CLEAT_OK;
    }
    return cleat_tensor_create(model->context, v->type, v->rank, v->shape, out);
}

static cleat_status give_output(
    cleat_model *model, size_t index, const run_value *v, cleat_tensor *output) {
    const cleat_graph *graph = model->main->graph;
    const char *name = graph->values[graph->outputs[index]].name;
    REFUSE_IF(v->kind != VALUE_TENSOR, CLEAT_UNSUPPORTED,
        "model_run: output %s is no tensor, but a sequence or nothing", name);
    const bool is_new = output->buffer == NULL;
    cleat_tensor out = *output;
    if (is_new) {
        TRY(give_new(model, v, &out));
        if (v->memory != NULL && out.buffer == v->memory->buffer) {
            *output = out;
            return CLEAT_OK;
        }
    }
    cleat_status status = CLEAT_OK;
    char got[SHAPE_TEXT_SIZE], made[SHAPE_TEXT_SIZE];
    if (out.type != v->type || out.rank != v->rank ||
        memcmp(out.shape, v->shape, (size_t)v->rank * sizeof *v->shape) != 0) {
        status = status_set(out.type != v->type ? CLEAT_TYPE_MISMATCH : CLEAT_SHAPE_MISMATCH,
            "model_run: output %s is %s of %s, the tensor for it %s of %s", name,
            shape_text(v->rank, v->shape, made), cleat_type_name(v->type),
            shape_text(out.rank, out.shape, got), cleat_type_name(out.type));
    } else if (v->memory != NULL) {
        status = cleat_copy(model->context, v->tensor, out);
    } else {
        status = cleat_write(model->context, out, v->host->elements, array_size(v->host));
    }
    if (status != CLEAT_OK && is_new) {
        cleat_tensor_release(&out);
    }
    if (status == CLEAT_OK) {
        *output = out;
    }
    return status;
}

static cleat_status run_model(cleat_model *model, const cleat_tensor *inputs, cleat_tensor *outputs,
    run_value *in, run_value *out) {
    const cleat_graph *graph = model->main->graph;
    for (size_t i = 0; i < graph->input_count; i++) {
        TRY(check_input(model, i, &inputs[i]));
        TRY(borrow_input(&inputs[i], &in[i]));
    }
    TRY(program_run(model, model->main, NULL, in, out));
    for (size_t i = 0; i < graph->output_count; i++) {
        TRY(give_output(model, i, &out[i], &outputs[i]));
    }
    return CLEAT_OK;
}

cleat_status cleat_model_run(cleat_model *model, const cleat_tensor *inputs, size_t input_count,
    cleat_tensor *outputs, size_t output_count) {
    REFUSE_IF(model == NULL, CLEAT_INVALID_ARGUMENT, "model_run: model is NULL");
    const cleat_graph *graph = model->main->graph;
    REFUSE_IF(input_count != graph->input_count || output_count != graph->output_count,
        CLEAT_INVALID_ARGUMENT,
        "model_run: %zu inputs and %zu outputs were given, the model has %zu and %zu", input_count,
        output_count, graph->input_count, graph->output_count);
    REFUSE_IF((input_count > 0 && inputs == NULL) || (output_count > 0 && outputs == NULL),
        CLEAT_INVALID_ARGUMENT, "model_run: a list is NULL");
    run_value *in = memory_allocate_zeroed(input_count + 1, sizeof *in);
    run_value *out = memory_allocate_zeroed(output_count + 1, sizeof *out);
    cleat_tensor *given = memory_allocate_zeroed(output_count + 1, sizeof *given);
    cleat_status status = CLEAT_OK;
    if (in == NULL || out == NULL || given == NULL) {
        status = status_set(CLEAT_OUT_OF_HOST_MEMORY, "model_run: no host memory");
    } else {
        memcpy(given, outputs, output_count * sizeof *given);
        pthread_mutex_lock(&model->mutex);
        status = run_model(model, inputs, given, in, out);
        for (size_t i = 0; i < input_count; i++) {
            value_clear(&in[i]);
        }
        for (size_t i = 0; i < output_count; i++) {
            value_clear(&out[i]);
            if (status != CLEAT_OK && outputs[i].buffer == NULL) {
                cleat_tensor_release(&given[i]);
            }
        }
        pthread_mutex_unlock(&model->mutex);
    }
    if (status == CLEAT_OK) {
        memcpy(outputs, given, output_count * sizeof *given);
    }
    memory_free(in);
    memory_free(out);
    memory_free(given);
    return status;
}
