/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/replay.h"
#include "core/memory.h"
#include "core/plan.h"
#include "core/tensor_check.h"
#include "graph/model_output.h"
#include <string.h>

enum { MOST_TRIES = 4, MOST_ARENA = 1 << 30 };

typedef enum replay_state {
    REPLAY_NEW,
    REPLAY_PLANNED,
    REPLAY_READY,
    REPLAY_HOPELESS
} replay_state;

/* Of an input: what a recording depends on. */
typedef struct input_form {
    cleat_type type;
    int32_t rank;
    int64_t offset;
    int64_t shape[CLEAT_MAX_RANK], stride[CLEAT_MAX_RANK];
    size_t same_as; /* the first input in the same memory */
} input_form;

/* An output: `kept`, or what the replay writes into a buffer named anew each time. */
typedef struct kept_output {
    bool is_direct;
    size_t slot; /* among the buffers of a replay */
    cleat_tensor layout;
    cleat_buffer *own; /* for when the caller's tensor cannot be written to; NULL: not yet */
    run_value kept;
} kept_output;

struct replay {
    replay_cache *cache;
    input_form *inputs;
    replay_state state;
    int tries;
    uint64_t last_use;
    memory_plan noted, layout;
    cleat_buffer **arenas;
    recording *open, *recording;
    kept_output *outputs;
    size_t *slots; /* of each input: its buffer's place */
    cleat_buffer **buffers;
    size_t buffer_count;
};

struct replay_cache {
    cleat_model *model;
    recorder *recorder;
    size_t bound, count;
    uint64_t uses;
    replay **replays;
    input_form *forms;     /* of the inputs of this call */
    cleat_tensor *targets; /* of the outputs of this call */
    const replay *last;
};

static const cleat_graph *graph_of(const replay_cache *cache) {
    return cache->model->main->graph;
}

/* ---- The cache ---- */

cleat_status replay_cache_create(cleat_model *model, size_t bound, replay_cache **made) {
    replay_cache *cache = memory_allocate_zeroed(1, sizeof *cache);
    REFUSE_IF(cache == NULL, CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
    cache->model = model;
    cache->bound = bound;
    const cleat_graph *graph = graph_of(cache);
    cache->replays = memory_allocate_zeroed(bound + 1, sizeof *cache->replays);
    cache->forms = memory_allocate_zeroed(graph->input_count + 1, sizeof *cache->forms);
    cache->targets = memory_allocate_zeroed(graph->output_count + 1, sizeof *cache->targets);
    cleat_status status = CLEAT_OK;
    if (cache->replays == NULL || cache->forms == NULL || cache->targets == NULL) {
        status = status_set(CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
    }
    if (status == CLEAT_OK) {
        status = recorder_create(model->context, &cache->recorder);
    }
    if (status != CLEAT_OK) {
        replay_cache_free(cache);
        return status;
    }
    *made = cache;
    return CLEAT_OK;
}

/* What a recording consists of. */
static void drop_recording(replay *r) {
    const cleat_graph *graph = graph_of(r->cache);
    recording_free(r->recording);
    r->recording = NULL;
    for (size_t i = 0; r->outputs != NULL && i < graph->output_count; i++) {
        cleat_buffer_release(r->outputs[i].own);
        value_clear(&r->outputs[i].kept);
        r->outputs[i] = (kept_output){0};
    }
}

static void drop_layout(replay *r) {
    for (size_t i = 0; r->arenas != NULL && i < r->layout.arena_count; i++) {
        cleat_buffer_release(r->arenas[i]);
    }
    memory_free(r->arenas);
    r->arenas = NULL;
    memory_plan_clear(&r->layout);
}

static void replay_free(replay *r) {
    drop_recording(r);
    drop_layout(r);
    memory_plan_clear(&r->noted);
    memory_free(r->inputs);
    memory_free(r->outputs);
    memory_free(r->slots);
    memory_free(r->buffers);
    memory_free(r);
}

void replay_cache_free(replay_cache *cache) {
    if (cache == NULL) {
        return;
    }
    for (size_t i = 0; i < cache->count; i++) {
        replay_free(cache->replays[i]);
    }
    recorder_free(cache->recorder);
    memory_free(cache->replays);
    memory_free(cache->forms);
    memory_free(cache->targets);
    memory_free(cache);
}

static void fill_forms(replay_cache *cache, const cleat_tensor *inputs) {
    for (size_t i = 0; i < graph_of(cache)->input_count; i++) {
        const cleat_tensor *x = &inputs[i];
        input_form *form = &cache->forms[i];
        memset(form, 0, sizeof *form);
        form->type = x->type;
        form->rank = x->rank;
        form->offset = x->offset;
        memcpy(form->shape, x->shape, (size_t)x->rank * sizeof *x->shape);
        memcpy(form->stride, x->stride, (size_t)x->rank * sizeof *x->stride);
        while (!buffers_are_same(inputs[form->same_as].buffer, x->buffer)) {
            form->same_as++;
        }
    }
}

static cleat_status new_replay(replay_cache *cache, replay **made) {
    const cleat_graph *graph = graph_of(cache);
    const size_t inputs = graph->input_count, outputs = graph->output_count;
    replay *r = memory_allocate_zeroed(1, sizeof *r);
    REFUSE_IF(r == NULL, CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
    r->cache = cache;
    r->inputs = memory_allocate_zeroed(inputs + 1, sizeof *r->inputs);
    r->slots = memory_allocate_zeroed(inputs + 1, sizeof *r->slots);
    r->outputs = memory_allocate_zeroed(outputs + 1, sizeof *r->outputs);
    r->buffers = memory_allocate_zeroed(inputs + outputs + 1, sizeof(cleat_buffer *));
    if (r->inputs == NULL || r->slots == NULL || r->outputs == NULL || r->buffers == NULL) {
        replay_free(r);
        return status_set(CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
    }
    memcpy(r->inputs, cache->forms, inputs * sizeof *r->inputs);
    *made = r;
    return CLEAT_OK;
}

/* Makes room for one more. */
static void evict(replay_cache *cache) {
    size_t oldest = 0;
    if (cache->count < cache->bound) {
        return;
    }
    for (size_t i = 1; i < cache->count; i++) {
        if (cache->replays[i]->last_use < cache->replays[oldest]->last_use) {
            oldest = i;
        }
    }
    cache->last = cache->last == cache->replays[oldest] ? NULL : cache->last;
    replay_free(cache->replays[oldest]);
    cache->replays[oldest] = cache->replays[--cache->count];
}

cleat_status replay_find(replay_cache *cache, const cleat_tensor *inputs, replay **found) {
    const size_t size = graph_of(cache)->input_count * sizeof *cache->forms;
    *found = NULL;
    if (cache->bound == 0 || plan_is_open(cache->model->context)) {
        return CLEAT_OK;
    }
    fill_forms(cache, inputs);
    for (size_t i = 0; i < cache->count && *found == NULL; i++) {
        if (memcmp(cache->replays[i]->inputs, cache->forms, size) == 0) {
            *found = cache->replays[i];
        }
    }
    if (*found == NULL) {
        TRY(new_replay(cache, found));
        evict(cache);
        cache->replays[cache->count++] = *found;
    }
    (*found)->last_use = ++cache->uses;
    return CLEAT_OK;
}

bool replay_is_ready(const replay *r) {
    return r->state == REPLAY_READY;
}

/* ---- Recording ---- */

/* Another replay's arena of at least this size that r does not use yet; or NULL. Runs of a model
 * come one after the other, and nothing in an arena outlives a run. */
static cleat_buffer *shared_arena(const replay *r, size_t arena) {
    for (size_t i = 0; i < r->cache->count; i++) {
        const replay *other = r->cache->replays[i];
        for (size_t k = 0; other != r && other->arenas != NULL && k < other->layout.arena_count;
             k++) {
            bool is_used = cleat_buffer_size(other->arenas[k]) < r->layout.arenas[arena];
            for (size_t own = 0; own < arena && !is_used; own++) {
                is_used = r->arenas[own] == other->arenas[k];
            }
            if (!is_used) {
                return other->arenas[k];
            }
        }
    }
    return NULL;
}

static cleat_status make_arenas(replay *r) {
    cleat_model *model = r->cache->model;
    r->arenas = memory_allocate_zeroed(r->layout.arena_count + 1, sizeof(cleat_buffer *));
    REFUSE_IF(r->arenas == NULL, CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
    storage_pool_clear(&model->pool);
    for (size_t i = 0; i < r->layout.arena_count; i++) {
        cleat_buffer *shared = shared_arena(r, i);
        if (shared != NULL) {
            cleat_buffer_retain(shared);
            r->arenas[i] = shared;
        } else {
            TRY(cleat_buffer_create(model->context, r->layout.arenas[i], &r->arenas[i]));
        }
    }
    return CLEAT_OK;
}

static cleat_status prepare_recording(replay *r) {
    cleat_device_info info;
    TRY(cleat_context_device(r->cache->model->context, &info));
    const size_t most = info.max_allocation < MOST_ARENA ? (size_t)info.max_allocation : MOST_ARENA;
    TRY(memory_plan_lay_out(&r->layout, most));
    TRY(make_arenas(r));
    return recording_begin(r->cache->recorder, &r->open);
}

void replay_before(replay *r) {
    storage_pool *pool = &r->cache->model->pool;
    if (r->state == REPLAY_HOPELESS) {
        return;
    }
    if (r->state == REPLAY_PLANNED) {
        drop_layout(r);
        r->layout = r->noted;
        r->noted = (memory_plan){0};
        if (prepare_recording(r) != CLEAT_OK) {
            r->state = REPLAY_HOPELESS; /* there may be memory for a run without arenas */
            drop_layout(r);
            return;
        }
        pool->layout = &r->layout;
        pool->arenas = r->arenas;
        pool->next = 0;
        pool->has_strayed = false;
    }
    memory_plan_clear(&r->noted);
    pool->run++;
    pool->noted = &r->noted;
}

/* The buffers that a replay names anew: the inputs', each once, and those of outputs. */
static void list_buffers(replay *r, const cleat_tensor *inputs, const run_value *outputs) {
    const cleat_graph *graph = graph_of(r->cache);
    r->buffer_count = 0;
    for (size_t i = 0; i < graph->input_count; i++) {
        const size_t same = r->inputs[i].same_as;
        r->slots[i] = same < i ? r->slots[same] : r->buffer_count;
        if (same == i) {
            r->buffers[r->buffer_count++] = inputs[i].buffer;
        }
    }
    for (size_t i = 0; i < graph->output_count; i++) {
        if (r->outputs[i].is_direct) {
            r->outputs[i].slot = r->buffer_count;
            r->buffers[r->buffer_count++] = outputs[i].memory->buffer;
        }
    }
}

static bool is_of_input(const replay *r, const cleat_tensor *inputs, const storage *s) {
    for (size_t i = 0; s != NULL && i < graph_of(r->cache)->input_count; i++) {
        if (buffers_are_same(inputs[i].buffer, s->buffer)) {
            return true;
        }
    }
    return false;
}

/* Keeps what outputs consist of; false where one cannot be given again. */
static bool keep_outputs(replay *r, const cleat_tensor *inputs, const run_value *outputs) {
    for (size_t i = 0; i < graph_of(r->cache)->output_count; i++) {
        const run_value *v = &outputs[i];
        const storage *s = v->memory;
        kept_output *out = &r->outputs[i];
        if (v->kind != VALUE_TENSOR || is_of_input(r, inputs, s)) {
            return false;
        }
        out->layout = v->tensor;
        out->layout.buffer = NULL;
        out->is_direct =
            s != NULL && s->references == 1 && s->pool != NULL && !s->is_pooled && s->size > 0 &&
            v->tensor.offset == 0 && cleat_tensor_is_contiguous(&v->tensor) &&
            s->size == (size_t)cleat_tensor_count(&v->tensor) * cleat_type_size(v->type);
        if (!out->is_direct && value_copy(v, &out->kept) != CLEAT_OK) {
            return false;
        }
    }
    return true;
}

static void end_recording(
    replay *r, const cleat_tensor *inputs, const run_value *outputs, bool holds) {
    const storage_pool *pool = &r->cache->model->pool;
    r->recording = r->open;
    r->open = NULL;
    holds = holds && !pool->has_strayed && pool->next == r->layout.count &&
            keep_outputs(r, inputs, outputs);
    if (holds) {
        list_buffers(r, inputs, outputs);
    }
    const size_t count = holds ? r->buffer_count : 0;
    holds = recording_end(r->recording, count, r->buffers) && holds;
    if (holds) {
        r->state = REPLAY_READY;
        r->cache->last = r;
        return;
    }
    drop_recording(r);
}

void replay_after(
    replay *r, const cleat_tensor *inputs, const run_value *outputs, bool is_repeatable) {
    storage_pool *pool = &r->cache->model->pool;
    pool->noted = NULL;
    pool->layout = NULL;
    pool->arenas = NULL;
    if (r->state == REPLAY_HOPELESS) {
        return;
    }
    r->tries++;
    is_repeatable = is_repeatable && !r->noted.is_incomplete;
    if (r->open != NULL) {
        end_recording(r, inputs, outputs, is_repeatable);
    } else if (is_repeatable) {
        r->state = REPLAY_PLANNED;
    }
    if (r->tries >= MOST_TRIES && r->state != REPLAY_READY) {
        r->state = REPLAY_HOPELESS;
        drop_layout(r);
    }
    if (r->state != REPLAY_PLANNED) {
        memory_plan_clear(&r->noted);
    }
}

/* ---- Replaying ---- */

/* Whether a replay may write to the caller's tensor: none of the inputs or other outputs is in its
 * memory. */
static bool is_free(
    const replay *r, const cleat_tensor *inputs, const cleat_tensor *outputs, size_t index) {
    const cleat_graph *graph = graph_of(r->cache);
    const cleat_tensor *y = &outputs[index];
    for (size_t i = 0; i < graph->input_count; i++) {
        if (buffers_share_memory(inputs[i].buffer, y->buffer)) {
            return false;
        }
    }
    for (size_t i = 0; i < graph->output_count; i++) {
        if (i != index && outputs[i].buffer != NULL &&
            buffers_share_memory(outputs[i].buffer, y->buffer)) {
            return false;
        }
    }
    return true;
}

/* Where a direct output goes: *target, whose buffer is a new one where the caller has none. */
static cleat_status choose_target(replay *r, const cleat_tensor *inputs,
    const cleat_tensor *outputs, size_t index, cleat_tensor *target) {
    cleat_model *model = r->cache->model;
    kept_output *out = &r->outputs[index];
    const cleat_tensor *y = &outputs[index];
    const size_t size =
        (size_t)cleat_tensor_count(&out->layout) * cleat_type_size(out->layout.type);
    if (y->buffer == NULL) {
        TRY(cleat_tensor_create(
            model->context, out->layout.type, out->layout.rank, out->layout.shape, target));
        r->buffers[out->slot] = target->buffer;
        return CLEAT_OK;
    }
    TRY(check_given_output(model, index, out->layout.type, out->layout.rank, out->layout.shape, y));
    *target = *y;
    if (y->offset == 0 && cleat_tensor_is_contiguous(y) && is_free(r, inputs, outputs, index)) {
        r->buffers[out->slot] = y->buffer;
        return CLEAT_OK;
    }
    if (out->own == NULL) {
        TRY(cleat_buffer_create(model->context, size, &out->own));
    }
    r->buffers[out->slot] = out->own;
    return CLEAT_OK;
}

/* What a replay did not write itself. */
static cleat_status finish_output(replay *r, size_t index, cleat_tensor *target) {
    cleat_model *model = r->cache->model;
    kept_output *out = &r->outputs[index];
    if (!out->is_direct) {
        return give_output(model, index, &out->kept, target);
    }
    if (r->buffers[out->slot] == target->buffer) {
        return CLEAT_OK;
    }
    cleat_tensor made = out->layout;
    made.buffer = out->own;
    return cleat_copy(model->context, made, *target);
}

static cleat_status replay_into(
    replay *r, const cleat_tensor *inputs, const cleat_tensor *outputs, cleat_tensor *targets) {
    const cleat_graph *graph = graph_of(r->cache);
    for (size_t i = 0; i < graph->input_count; i++) {
        r->buffers[r->slots[i]] = inputs[i].buffer;
    }
    for (size_t i = 0; i < graph->output_count; i++) {
        if (r->outputs[i].is_direct) {
            TRY(choose_target(r, inputs, outputs, i, &targets[i]));
        } else if (outputs[i].buffer != NULL) {
            const run_value *v = &r->outputs[i].kept;
            TRY(check_given_output(r->cache->model, i, v->type, v->rank, v->shape, &outputs[i]));
        }
    }
    TRY(recording_replay(r->recording, r->buffers));
    for (size_t i = 0; i < graph->output_count; i++) {
        TRY(finish_output(r, i, &targets[i]));
    }
    return CLEAT_OK;
}

cleat_status replay_run(replay *r, const cleat_tensor *inputs, cleat_tensor *outputs) {
    const size_t count = graph_of(r->cache)->output_count;
    cleat_tensor *targets = r->cache->targets;
    memcpy(targets, outputs, count * sizeof *targets);
    r->cache->last = r;
    cleat_status status = replay_into(r, inputs, outputs, targets);
    settle_outputs(status, count, targets, outputs);
    return status;
}

replay_statistics replay_statistics_of(const replay_cache *cache) {
    replay_statistics s = {0};
    for (size_t i = 0; i < cache->count; i++) {
        s.recordings += cache->replays[i]->state == REPLAY_READY;
    }
    if (cache->last != NULL) {
        s.launches = recording_length(cache->last->recording);
        s.planned_bytes = memory_plan_bytes(&cache->last->layout);
        s.wanted_bytes = cache->last->layout.sum;
    }
    return s;
}
