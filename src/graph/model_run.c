/* SPDX-License-Identifier: Apache-2.0 */
/* A run of a model: from its caller's tensors and back to them. */
#include "core/memory.h"
#include "core/tensor_check.h"
#include "graph/model_output.h"
#include "graph/replay.h"
#include <string.h>

cleat_status check_run(const char *operation, const cleat_model *model, const void *inputs,
    size_t input_count, const void *outputs, size_t output_count) {
    REFUSE_IF(model == NULL, CLEAT_INVALID_ARGUMENT, "%s: model is NULL", operation);
    TRY(check_context(operation, model->context));
    const cleat_graph *graph = model->main->graph;
    REFUSE_IF(input_count != graph->input_count || output_count != graph->output_count,
        CLEAT_INVALID_ARGUMENT,
        "%s: %zu inputs and %zu outputs were given, the model has %zu and %zu", operation,
        input_count, output_count, graph->input_count, graph->output_count);
    REFUSE_IF((input_count > 0 && inputs == NULL) || (output_count > 0 && outputs == NULL),
        CLEAT_INVALID_ARGUMENT, "%s: a list is NULL", operation);
    return CLEAT_OK;
}

cleat_status check_given_shape(const cleat_model *model, size_t index, const cleat_tensor *x) {
    const cleat_graph *graph = model->main->graph;
    const graph_value *v = &graph->values[graph->inputs[index]];
    char text[SHAPE_TEXT_SIZE], wanted[SHAPE_TEXT_SIZE];
    bool fits = v->rank < 0 || v->rank == x->rank;
    for (int32_t i = 0; fits && i < v->rank; i++) {
        fits = v->shape[i] < 0 || v->shape[i] == x->shape[i];
    }
    REFUSE_IF(!fits, CLEAT_SHAPE_MISMATCH,
        "model_run: input %s has the shape %s, the model expects %s", v->name,
        shape_text(x->rank, x->shape, text), shape_text(v->rank, v->shape, wanted));
    return CLEAT_OK;
}

cleat_status check_given_input(const cleat_model *model, size_t index, const cleat_tensor *x) {
    const cleat_graph *graph = model->main->graph;
    const graph_value *v = &graph->values[graph->inputs[index]];
    REFUSE_IF(v->type == CLEAT_TEXT, CLEAT_TYPE_MISMATCH,
        "model_run: input %s is a tensor of texts, which cleat_model_run_values() takes", v->name);
    TRY(check_tensor("model_run", v->name, model->context, x, v->type));
    return check_given_shape(model, index, x);
}

cleat_status borrow_input(const cleat_tensor *x, run_value *v) {
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

cleat_status check_given_output(cleat_model *model, size_t index, cleat_type type, int32_t rank,
    const int64_t *shape, const cleat_tensor *output) {
    const cleat_graph *graph = model->main->graph;
    const char *name = graph->values[graph->outputs[index]].name;
    char got[SHAPE_TEXT_SIZE], made[SHAPE_TEXT_SIZE];
    TRY(check_output("model_run", name, model->context, output, 0));
    REFUSE_IF(output->type != type || output->rank != rank ||
                  memcmp(output->shape, shape, (size_t)rank * sizeof *shape) != 0,
        output->type != type ? CLEAT_TYPE_MISMATCH : CLEAT_SHAPE_MISMATCH,
        "model_run: output %s is %s of %s, the tensor for it %s of %s", name,
        shape_text(rank, shape, made), cleat_type_name(type),
        shape_text(output->rank, output->shape, got), cleat_type_name(output->type));
    return CLEAT_OK;
}

void settle_outputs(cleat_status status, size_t count, cleat_tensor *made, cleat_tensor *outputs) {
    for (size_t i = 0; i < count; i++) {
        if (status == CLEAT_OK) {
            outputs[i] = made[i];
        } else if (outputs[i].buffer == NULL) {
            cleat_tensor_release(&made[i]);
        }
    }
}

cleat_status give_output(
    cleat_model *model, size_t index, const run_value *v, cleat_tensor *output) {
    const cleat_graph *graph = model->main->graph;
    const char *name = graph->values[graph->outputs[index]].name;
    REFUSE_IF(v->kind != VALUE_TENSOR, CLEAT_UNSUPPORTED,
        "model_run: output %s is no tensor, but a sequence or nothing", name);
    REFUSE_IF(v->type == CLEAT_TEXT, CLEAT_UNSUPPORTED,
        "model_run: output %s is a tensor of texts, which cleat_model_run_values() gives", name);
    const bool is_new = output->buffer == NULL;
    cleat_tensor out = *output;
    if (is_new) {
        TRY(give_new(model, v, &out));
        if (v->memory != NULL && out.buffer == v->memory->buffer) {
            *output = out;
            return CLEAT_OK;
        }
    }
    cleat_status status =
        is_new ? CLEAT_OK : check_given_output(model, index, v->type, v->rank, v->shape, &out);
    if (status == CLEAT_OK) {
        status = v->memory != NULL
                     ? cleat_copy(model->context, v->tensor, out)
                     : cleat_write(model->context, out, v->host->elements, array_size(v->host));
    }
    if (status != CLEAT_OK && is_new) {
        cleat_tensor_release(&out);
    }
    if (status == CLEAT_OK) {
        *output = out;
    }
    return status;
}

/* What a run that is not a repetition takes. */
typedef struct lists {
    run_value *in, *out;
    cleat_tensor *given;
} lists;

static void free_lists(const cleat_model *model, lists *l) {
    const cleat_graph *graph = model->main->graph;
    for (size_t i = 0; l->in != NULL && i < graph->input_count; i++) {
        value_clear(&l->in[i]);
    }
    for (size_t i = 0; l->out != NULL && i < graph->output_count; i++) {
        value_clear(&l->out[i]);
    }
    memory_free(l->in);
    memory_free(l->out);
    memory_free(l->given);
}

static cleat_status make_lists(
    const cleat_model *model, const cleat_tensor *inputs, const cleat_tensor *outputs, lists *l) {
    const cleat_graph *graph = model->main->graph;
    l->in = memory_allocate_zeroed(graph->input_count + 1, sizeof *l->in);
    l->out = memory_allocate_zeroed(graph->output_count + 1, sizeof *l->out);
    l->given = memory_allocate_zeroed(graph->output_count + 1, sizeof *l->given);
    REFUSE_IF(l->in == NULL || l->out == NULL || l->given == NULL, CLEAT_OUT_OF_HOST_MEMORY,
        "model_run: no host memory");
    memcpy(l->given, outputs, graph->output_count * sizeof *l->given);
    for (size_t i = 0; i < graph->input_count; i++) {
        TRY(borrow_input(&inputs[i], &l->in[i]));
    }
    return CLEAT_OK;
}

/* Node by node; outputs go to l->given. */
static cleat_status run_nodes(cleat_model *model, replay *r, const cleat_tensor *inputs, lists *l) {
    if (r != NULL) {
        replay_before(r);
    }
    bool is_repeatable = false;
    model->pool.bytes_wanted = 0;
    cleat_status status = program_run(model, model->main, NULL, l->in, l->out, &is_repeatable);
    if (r != NULL) {
        replay_after(r, inputs, l->out, status == CLEAT_OK && is_repeatable);
    }
    for (size_t i = 0; status == CLEAT_OK && i < model->main->graph->output_count; i++) {
        status = give_output(model, i, &l->out[i], &l->given[i]);
    }
    return status;
}

static cleat_status run_anew(
    cleat_model *model, replay *r, const cleat_tensor *inputs, cleat_tensor *outputs) {
    lists l = {0};
    cleat_status status = make_lists(model, inputs, outputs, &l);
    if (status == CLEAT_OK) {
        status = run_nodes(model, r, inputs, &l);
        settle_outputs(status, model->main->graph->output_count, l.given, outputs);
    }
    free_lists(model, &l);
    return status;
}

static cleat_status run_model(
    cleat_model *model, const cleat_tensor *inputs, cleat_tensor *outputs) {
    replay *r = NULL;
    for (size_t i = 0; i < model->main->graph->input_count; i++) {
        TRY(check_given_input(model, i, &inputs[i]));
    }
    if (model->watcher == NULL) {
        TRY(replay_find(model->replays, inputs, &r));
    }
    return r != NULL && replay_is_ready(r) ? replay_run(r, inputs, outputs)
                                           : run_anew(model, r, inputs, outputs);
}

cleat_status cleat_model_run(cleat_model *model, const cleat_tensor *inputs, size_t input_count,
    cleat_tensor *outputs, size_t output_count) {
    TRY(check_run("model_run", model, inputs, input_count, outputs, output_count));
    pthread_mutex_lock(&model->mutex);
    cleat_status status = run_model(model, inputs, outputs);
    pthread_mutex_unlock(&model->mutex);
    return status;
}
