/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/parameters.h"
#include "core/memory.h"
#include "core/tensor_check.h"
#include "graph/graph_build.h"
#include <cleat/compare.h>
#include <cleat/training.h>
#include <string.h>

cleat_status cleat_graph_parameter(cleat_graph *graph, const char *name, cleat_type type,
    int32_t rank, const int64_t *shape, const void *elements) {
    const char *operation = "graph_parameter";
    cleat_tensor layout;
    array *initial = NULL;
    int32_t value;
    TRY(tensor_row_major(operation, type, rank, shape, &layout));
    TRY(graph_new_value(operation, graph, name, &value));
    if (elements != NULL) {
        TRY(array_create(operation, type, rank, shape, &initial));
        memcpy(initial->elements, elements, array_size(initial));
    }
    graph_value *v = &graph->values[value];
    v->is_parameter = true;
    v->initial = initial;
    v->type = type;
    v->rank = rank;
    memcpy(v->shape, layout.shape, sizeof v->shape);
    return CLEAT_OK;
}

static cleat_status make(cleat_model *model, const graph_value *v, run_value *made) {
    cleat_tensor x;
    TRY(tensor_row_major("model_create", v->type, v->rank, v->shape, &x));
    const size_t count = (size_t)cleat_tensor_count(&x);
    TRY(storage_acquire_lasting(&model->pool, count * cleat_type_size(v->type), &made->memory));
    x.buffer = made->memory->buffer;
    made->kind = VALUE_TENSOR;
    made->type = v->type;
    made->rank = v->rank;
    made->tensor = x;
    memcpy(made->shape, v->shape, sizeof made->shape);
    if (count == 0) {
        return CLEAT_OK;
    }
    return v->initial != NULL
               ? cleat_write(model->context, x, v->initial->elements, array_size(v->initial))
               : cleat_fill(model->context, 0, x);
}

cleat_status parameters_create(cleat_model *model) {
    const cleat_graph *graph = model->main->graph;
    size_t count = 0;
    for (size_t i = 0; i < graph->value_count; i++) {
        count += graph->values[i].is_parameter;
    }
    model->parameters = memory_allocate_zeroed(count + 1, sizeof *model->parameters);
    REFUSE_IF(model->parameters == NULL, CLEAT_OUT_OF_HOST_MEMORY, "model_create: no host memory");
    for (size_t i = 0; i < graph->value_count; i++) {
        if (graph->values[i].is_parameter) {
            model_parameter *p = &model->parameters[model->parameter_count++];
            p->value = (int32_t)i;
            TRY(make(model, &graph->values[i], &p->kept));
        }
    }
    return CLEAT_OK;
}

void parameters_free(cleat_model *model) {
    for (size_t i = 0; i < model->parameter_count; i++) {
        value_clear(&model->parameters[i].kept);
    }
    memory_free(model->parameters);
}

cleat_status parameters_take(run *r) {
    const cleat_model *model = r->model;
    for (size_t i = 0; i < model->parameter_count; i++) {
        const model_parameter *p = &model->parameters[i];
        TRY(value_copy(&p->kept, &r->values[p->value]));
    }
    return CLEAT_OK;
}

size_t parameters_bytes(const cleat_model *model) {
    size_t bytes = 0;
    for (size_t i = 0; i < model->parameter_count; i++) {
        bytes += model->parameters[i].kept.memory->size;
    }
    return bytes;
}

cleat_status cleat_model_parameter(
    const cleat_model *model, const char *name, cleat_tensor *parameter) {
    REFUSE_IF(model == NULL || name == NULL || parameter == NULL, CLEAT_INVALID_ARGUMENT,
        "model_parameter: %s is NULL",
        model == NULL  ? "model"
        : name == NULL ? "name"
                       : "parameter");
    for (size_t i = 0; i < model->parameter_count; i++) {
        const model_parameter *p = &model->parameters[i];
        if (strcmp(model->main->graph->values[p->value].name, name) == 0) {
            *parameter = p->kept.tensor;
            return CLEAT_OK;
        }
    }
    return status_set(CLEAT_INVALID_ARGUMENT, "model_parameter: there is no parameter %s", name);
}
