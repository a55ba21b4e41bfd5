/* SPDX-License-Identifier: Apache-2.0 */
#include "core/recording.h"
#include "core/context_state.h"
#include "core/memory.h"
#include "core/tensor_check.h"
#include <string.h>

enum { MOST_WRITTEN = 16 << 20 }; /* bytes from the host that a recording keeps */

struct recorder {
    cleat_context *context;
    scratch_pool scratch;
};

/* Memory argument `argument` of a command is the buffer number `buffer`. */
typedef struct place {
    size_t command;
    int argument;
    size_t buffer;
} place;

/* A command with what it refers to, in one piece of memory behind it. */
typedef struct kept_command {
    command c;
    launch_argument *arguments; /* the command's own */
    void *memory;
} kept_command;

struct recording {
    recorder *with;
    pthread_t thread;
    bool is_spoilt;
    kept_command *commands;
    size_t count, capacity;
    cl_mem *retained;
    size_t retained_count, retained_capacity;
    place *places;
    size_t place_count;
    size_t written;
};

cleat_status recorder_create(cleat_context *context, recorder **made) {
    recorder *r = memory_allocate_zeroed(1, sizeof *r);
    REFUSE_IF(r == NULL, CLEAT_OUT_OF_HOST_MEMORY, "recording: no host memory");
    r->context = context;
    r->scratch.limit = SIZE_MAX;
    *made = r;
    return CLEAT_OK;
}

void recorder_free(recorder *r) {
    if (r == NULL) {
        return;
    }
    cleat_context *context = r->context;
    if (context_usable(context) == CLEAT_OK) {
        pthread_mutex_lock(&context->mutex);
        for (size_t i = 0; i < r->scratch.count; i++) {
            context->statistics.scratch_bytes -= r->scratch.blocks[i].size;
        }
        scratch_pool_clear(context, &r->scratch);
        pthread_mutex_unlock(&context->mutex);
    } else {
        scratch_pool_clear(NULL, &r->scratch);
    }
    memory_free(r);
}

/* ---- While it is open ---- */

recording *recording_current(const cleat_context *context) {
    recording *r = context->recording;
    return r != NULL && pthread_equal(r->thread, pthread_self()) ? r : NULL;
}

scratch_pool *recording_scratch(recording *r) {
    return &r->with->scratch;
}

void recording_spoil(recording *r) {
    if (r != NULL) {
        r->is_spoilt = true;
    }
}

cleat_status recording_begin(recorder *with, recording **made) {
    cleat_context *context = with->context;
    *made = NULL;
    recording *r = memory_allocate_zeroed(1, sizeof *r);
    REFUSE_IF(r == NULL, CLEAT_OUT_OF_HOST_MEMORY, "recording: no host memory");
    r->with = with;
    r->thread = pthread_self();
    pthread_mutex_lock(&context->mutex);
    const bool is_free = context->recording == NULL && plan_current(context) == NULL;
    context->recording = is_free ? r : context->recording;
    pthread_mutex_unlock(&context->mutex);
    if (!is_free) {
        memory_free(r);
        return CLEAT_OK;
    }
    *made = r;
    return CLEAT_OK;
}

static bool retain(recording *r, cl_mem memory) {
    for (size_t i = 0; i < r->retained_count; i++) {
        if (r->retained[i] == memory) {
            return true;
        }
    }
    cl_mem *retained =
        memory_grow(r->retained, r->retained_count, &r->retained_capacity, sizeof *retained);
    r->retained = retained != NULL ? retained : r->retained;
    if (retained == NULL || clRetainMemObject(memory) != CL_SUCCESS) {
        return false;
    }
    r->retained[r->retained_count++] = memory;
    return true;
}

static bool retain_all(recording *r, const command *c) {
    for (int i = 0; i < c->argument_count; i++) {
        const launch_argument *a = &c->arguments[i];
        if (a->kind == ARGUMENT_MEMORY && a->value.memory != NULL && !retain(r, a->value.memory)) {
            return false;
        }
    }
    return true;
}

static size_t numbers_size(const command *c) {
    for (int i = 0; i < c->argument_count; i++) {
        if (c->arguments[i].kind == ARGUMENT_NUMBERS) {
            return c->arguments[i].size;
        }
    }
    return 0;
}

static bool keep(recording *r, const command *c) {
    const size_t arguments = (size_t)c->argument_count * sizeof *c->arguments;
    const size_t numbers = c->kind == COMMAND_KERNEL ? numbers_size(c) : 0;
    const size_t data = c->kind == COMMAND_WRITE ? c->size : 0;
    kept_command *commands = memory_grow(r->commands, r->count, &r->capacity, sizeof *commands);
    r->commands = commands != NULL ? commands : r->commands;
    if (commands == NULL || !retain_all(r, c)) {
        return false;
    }
    char *memory = memory_allocate(arguments + numbers + data);
    if (memory == NULL) {
        return false;
    }
    kept_command kept = {.c = *c, .arguments = (launch_argument *)(void *)memory, .memory = memory};
    kept.c.arguments = kept.arguments;
    memcpy(memory, c->arguments, arguments);
    if (numbers > 0) {
        kept.c.numbers = memcpy(memory + arguments, c->numbers, numbers);
    }
    if (data > 0) {
        kept.c.data = memcpy(memory + arguments, c->data, data);
    }
    r->commands[r->count++] = kept;
    return true;
}

void recording_add(recording *r, const command *c) {
    if (!r->is_spoilt) {
        r->is_spoilt = !keep(r, c);
    }
}

void recording_add_write(
    recording *r, void *cl_mem_object, size_t offset, const void *data, size_t size) {
    launch_argument to = {.kind = ARGUMENT_MEMORY, .size = sizeof(cl_mem)};
    to.value.memory = cl_mem_object;
    if (size > MOST_WRITTEN - r->written) {
        r->is_spoilt = true;
        return;
    }
    r->written += size;
    recording_add(r, &(command){.kind = COMMAND_WRITE,
                         .operation = "write",
                         .name = "clEnqueueWriteBuffer",
                         .bytes = (double)size,
                         .argument_count = 1,
                         .arguments = &to,
                         .offset = offset,
                         .size = size,
                         .data = data});
}

/* ---- Afterwards ---- */

static size_t find_buffer(size_t count, cleat_buffer *const *buffers, const void *memory) {
    size_t i = 0;
    while (i < count && buffers[i]->memory != memory) {
        i++;
    }
    return i;
}

/* Notes where the buffers are among the commands' arguments. */
static bool find_places(recording *r, size_t count, cleat_buffer *const *buffers) {
    size_t capacity = 0;
    for (size_t k = 0; k < r->count; k++) {
        const command *c = &r->commands[k].c;
        for (int i = 0; i < c->argument_count; i++) {
            const launch_argument *a = &c->arguments[i];
            if (a->kind != ARGUMENT_MEMORY || a->value.memory == NULL) {
                continue;
            }
            const size_t buffer = find_buffer(count, buffers, a->value.memory);
            if (buffer == count) {
                continue;
            }
            place *places = memory_grow(r->places, r->place_count, &capacity, sizeof *places);
            if (places == NULL) {
                return false;
            }
            r->places = places;
            r->places[r->place_count++] = (place){k, i, buffer};
        }
    }
    return true;
}

/* Gives up what was retained and is not to be: all, or only the buffers. With the mutex held. */
static void release_memory(recording *r, bool all, size_t count, cleat_buffer *const *buffers) {
    size_t left = 0;
    for (size_t i = 0; i < r->retained_count; i++) {
        if (all || find_buffer(count, buffers, r->retained[i]) < count) {
            context_free_memory(r->with->context, r->retained[i], 0);
        } else {
            r->retained[left++] = r->retained[i];
        }
    }
    r->retained_count = left;
}

bool recording_end(recording *r, size_t count, cleat_buffer *const *buffers) {
    cleat_context *context = r->with->context;
    pthread_mutex_lock(&context->mutex);
    context->recording = NULL;
    r->is_spoilt = r->is_spoilt || !find_places(r, count, buffers);
    release_memory(r, false, count, buffers);
    pthread_mutex_unlock(&context->mutex);
    return !r->is_spoilt;
}

cleat_status recording_replay(recording *r, cleat_buffer *const *buffers) {
    cleat_context *context = r->with->context;
    cleat_status status = CLEAT_OK;
    TRY(check_context("replay", context));
    pthread_mutex_lock(&context->mutex);
    for (size_t i = 0; i < r->place_count; i++) {
        const place *p = &r->places[i];
        r->commands[p->command].arguments[p->argument].value.memory = buffers[p->buffer]->memory;
    }
    for (size_t i = 0; i < r->count && status == CLEAT_OK; i++) {
        status = command_enqueue(context, &r->commands[i].c);
    }
    pthread_mutex_unlock(&context->mutex);
    return status;
}

size_t recording_length(const recording *r) {
    return r->count;
}

void recording_free(recording *r) {
    if (r == NULL) {
        return;
    }
    cleat_context *context = r->with->context;
    if (context_usable(context) == CLEAT_OK) {
        if (r->written > 0) {
            clFinish(context->queue); /* it may still be reading what is written */
        }
        pthread_mutex_lock(&context->mutex);
        release_memory(r, true, 0, NULL);
        pthread_mutex_unlock(&context->mutex);
    }
    for (size_t i = 0; i < r->count; i++) {
        memory_free(r->commands[i].memory);
    }
    memory_free(r->commands);
    memory_free(r->retained);
    memory_free(r->places);
    memory_free(r);
}

bool buffers_are_same(const cleat_buffer *a, const cleat_buffer *b) {
    return a->memory == b->memory;
}

bool buffers_share_memory(const cleat_buffer *a, const cleat_buffer *b) {
    return a->root == b->root;
}
