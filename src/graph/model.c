/* SPDX-License-Identifier: Apache-2.0 */
/* Models: what users make of graphs. */
#include "core/memory.h"
#include "core/tensor_check.h"
#include "graph/fuse.h"
#include "graph/parameters.h"
#include "graph/replay.h"
#include <string.h>

enum { DEFAULT_RECORDINGS = 4, MOST_RECORDINGS = 1024 };

/* Puts a program with fewer nodes in the place of the model's, where there is one. */
static cleat_status fuse(cleat_model *model) {
    cleat_graph *fused;
    program *made;
    TRY(fuse_graph(model->main, &fused));
    if (fused == NULL) {
        return CLEAT_OK;
    }
    cleat_status status = program_create(fused, NULL, 0, &made);
    cleat_graph_release(fused);
    if (status == CLEAT_OK) {
        program_free(model->main);
        model->main = made;
        storage_pool_clear(&model->pool);
        status = program_fold(model, made);
    }
    return status;
}

cleat_status cleat_model_create(cleat_context *context, cleat_graph *graph,
    const cleat_model_options *options, cleat_model **model) {
    const cleat_model_options defaults = {0};
    options = options != NULL ? options : &defaults;
    TRY(check_context("model_create", context));
    REFUSE_IF(graph == NULL, CLEAT_INVALID_ARGUMENT, "model_create: graph is NULL");
    REFUSE_IF(model == NULL, CLEAT_INVALID_ARGUMENT, "model_create: model is NULL");
    REFUSE_IF(options->recordings > MOST_RECORDINGS, CLEAT_INVALID_ARGUMENT,
        "model_create: %d recordings, %d at most", (int)options->recordings, MOST_RECORDINGS);
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
    if (status == CLEAT_OK && !options->no_fusion) {
        status = fuse(made);
    }
    if (status == CLEAT_OK) {
        status = parameters_create(made);
    }
    if (status == CLEAT_OK) {
        const int32_t bound = options->recordings;
        status = replay_cache_create(made,
            bound < 0    ? 0
            : bound == 0 ? DEFAULT_RECORDINGS
                         : (size_t)bound,
            &made->replays);
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
    replay_cache_free(model->replays);
    parameters_free(model);
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
    for (int32_t i = 0; v->axes != NULL && i < v->rank; i++) {
        info->axes[i] = v->axes[i];
    }
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

/* ---- Statistics ---- */

static size_t constant_bytes(const program *p) {
    size_t bytes = 0;
    for (size_t i = 0; i < p->graph->value_count; i++) {
        bytes += p->constants[i].memory != NULL ? p->constants[i].memory->size : 0;
    }
    for (size_t i = 0; i < p->graph->node_count; i++) {
        for (size_t k = 0; k < p->graph->nodes[i].attribute_count; k++) {
            bytes += p->nodes[i].graphs[k] != NULL ? constant_bytes(p->nodes[i].graphs[k]) : 0;
        }
    }
    return bytes;
}

/* Of constants that are read; some are in host memory, some on the device, some in both. */
static size_t known_bytes(const program *p) {
    size_t bytes = 0;
    for (size_t i = 0; i < p->graph->value_count; i++) {
        const run_value *v = &p->constants[i];
        if (p->uses[i] > 0 && v->kind == VALUE_TENSOR) {
            bytes += v->host != NULL ? array_size(v->host) : v->memory->size;
        }
    }
    for (size_t i = 0; i < p->graph->node_count; i++) {
        for (size_t k = 0; k < p->graph->nodes[i].attribute_count; k++) {
            bytes += p->nodes[i].graphs[k] != NULL ? known_bytes(p->nodes[i].graphs[k]) : 0;
        }
    }
    return bytes;
}

cleat_status cleat_model_get_statistics(cleat_model *model, cleat_model_statistics *statistics) {
    REFUSE_IF(model == NULL || statistics == NULL, CLEAT_INVALID_ARGUMENT,
        "model_get_statistics: %s is NULL", model == NULL ? "model" : "statistics");
    TRY(check_context("model_get_statistics", model->context));
    pthread_mutex_lock(&model->mutex);
    const program *p = model->main;
    const replay_statistics replays = replay_statistics_of(model->replays);
    const size_t weights = constant_bytes(p) + parameters_bytes(model);
    *statistics = (cleat_model_statistics){.recordings = replays.recordings,
        .launches = replays.launches,
        .weight_bytes = weights,
        .constant_bytes = known_bytes(p),
        .value_bytes = replays.wanted_bytes,
        .peak_bytes = replays.planned_bytes};
    if (replays.launches == 0) {
        statistics->value_bytes = model->pool.bytes_wanted;
        statistics->peak_bytes = model->pool.bytes > weights ? model->pool.bytes - weights : 0;
    }
    for (size_t i = 0; i < p->graph->node_count; i++) {
        statistics->nodes += !p->is_done[i];
    }
    pthread_mutex_unlock(&model->mutex);
    return CLEAT_OK;
}
