/* SPDX-License-Identifier: Apache-2.0 */
/* Runs that are watched: what each node has read and made. */
#include "graph/watch.h"
#include "core/memory.h"
#include "core/tensor_check.h"
#include <string.h>

cleat_status cleat_model_watch(cleat_model *model, cleat_node_watcher watcher, void *data) {
    REFUSE_IF(model == NULL, CLEAT_INVALID_ARGUMENT, "model_watch: model is NULL");
    TRY(check_context("model_watch", model->context));
    pthread_mutex_lock(&model->mutex);
    model->watcher = watcher;
    model->watcher_data = data;
    pthread_mutex_unlock(&model->mutex);
    return CLEAT_OK;
}

static uint64_t elements_of(const cleat_value_info *info) {
    uint64_t count = info->rank >= 0 ? 1 : 0;
    for (int32_t i = 0; i < info->rank; i++) {
        count *= (uint64_t)info->shape[i];
    }
    return count;
}

static cleat_value_info describe_value(const char *name, const run_value *v) {
    cleat_value_info info = {.name = name, .rank = -1};
    if (v != NULL && v->kind == VALUE_TENSOR) {
        info.type = v->type;
        info.rank = v->rank;
        memcpy(info.shape, v->shape, sizeof info.shape);
    }
    return info;
}

static const char *name_of(const call *c, int32_t value) {
    return value != NO_VALUE ? c->run->program->graph->values[value].name : "";
}

/* Whether an input is a constant or a parameter, of its graph or one around it. */
static bool is_known(const run *r, int32_t value) {
    const program *p = r->program;
    while (p->outer[value].where != NULL) {
        const outer_value outer = p->outer[value];
        p = outer.where;
        value = outer.value;
    }
    return p->constants[value].kind != VALUE_NONE || p->graph->values[value].is_parameter;
}

static void add_parameters(const call *c, cleat_node_info *info) {
    for (size_t i = 0; i < c->input_count; i++) {
        const cleat_value_info *in = &info->inputs[i];
        if (c->node->inputs[i] != NO_VALUE && is_known(c->run, c->node->inputs[i])) {
            info->parameters += elements_of(in);
            info->parameter_bytes += elements_of(in) * cleat_type_size(in->type);
        }
    }
}

cleat_status watch_node(const call *c) {
    const cleat_model *model = c->run->model;
    cleat_value_info *values =
        memory_allocate_zeroed(c->input_count + c->output_count + 1, sizeof *values);
    REFUSE_IF(values == NULL, CLEAT_OUT_OF_HOST_MEMORY, "model_watch: no host memory");
    cleat_node_info info = {.type = c->node->type,
        .name = c->node->name,
        .is_on_host = true,
        .input_count = c->input_count,
        .output_count = c->output_count,
        .inputs = values,
        .outputs = values + c->input_count};
    for (const run *r = c->run->parent; r != NULL; r = r->parent) {
        info.depth++;
    }
    for (size_t i = 0; i < c->input_count; i++) {
        values[i] = describe_value(name_of(c, c->node->inputs[i]), c->inputs[i]);
    }
    for (size_t i = 0; i < c->output_count; i++) {
        cleat_value_info *out = &values[c->input_count + i];
        *out = describe_value(name_of(c, c->node->outputs[i]), &c->outputs[i]);
        info.output_bytes += elements_of(out) * cleat_type_size(out->type);
        info.is_on_host = info.is_on_host && c->outputs[i].memory == NULL;
    }
    add_parameters(c, &info);
    model->watcher(model->watcher_data, &info);
    memory_free(values);
    return CLEAT_OK;
}
