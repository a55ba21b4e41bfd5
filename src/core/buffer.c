/* SPDX-License-Identifier: Apache-2.0 */
#include "core/context_state.h"
#include "core/memory.h"
#include "core/tensor_check.h"

static cleat_buffer *new_buffer(cleat_context *context) {
    cleat_buffer *buffer = memory_allocate_zeroed(1, sizeof *buffer);
    if (buffer == NULL) {
        return NULL;
    }
    buffer->references = 1;
    buffer->context = context;
    cleat_context_retain(context);
    return buffer;
}

cleat_status buffer_find_root(cleat_buffer *buffer) {
    cl_mem parent = NULL;
    TRY_CL(clGetMemObjectInfo(
        buffer->memory, CL_MEM_ASSOCIATED_MEMOBJECT, sizeof parent, &parent, NULL));
    buffer->root = parent != NULL ? parent : buffer->memory;
    if (parent != NULL) {
        TRY_CL(clGetMemObjectInfo(
            buffer->memory, CL_MEM_OFFSET, sizeof buffer->root_offset, &buffer->root_offset, NULL));
    }
    return CLEAT_OK;
}

/* Call with the mutex held. */
static cleat_status allocate(cleat_buffer *buffer, size_t size) {
    cleat_context *context = buffer->context;
    TRY(context_allocate(context, size, &buffer->memory));
    buffer->root = buffer->memory;
    cleat_status status = context->allocator.allocate != NULL ? buffer_find_root(buffer) : CLEAT_OK;
    if (status != CLEAT_OK) {
        context_free_memory(context, buffer->memory, size);
        return status;
    }
    buffer->size = size;
    context->statistics.buffer_bytes += size;
    return CLEAT_OK;
}

static cleat_status create_buffer(
    const char *operation, cleat_context *context, size_t size, cleat_buffer **out) {
    cleat_buffer *buffer = new_buffer(context);
    REFUSE_IF(buffer == NULL, CLEAT_OUT_OF_HOST_MEMORY, "%s: no host memory", operation);
    if (size > 0) {
        pthread_mutex_lock(&context->mutex);
        cleat_status status = allocate(buffer, size);
        pthread_mutex_unlock(&context->mutex);
        if (status != CLEAT_OK) {
            memory_free(buffer);
            cleat_context_release(context);
            return status_prefix(status, operation);
        }
    }
    *out = buffer;
    return CLEAT_OK;
}

cleat_status cleat_buffer_create(cleat_context *context, size_t size, cleat_buffer **buffer) {
    TRY(check_context("buffer_create", context));
    REFUSE_IF(buffer == NULL, CLEAT_INVALID_ARGUMENT, "buffer_create: buffer is NULL");
    return create_buffer("buffer_create", context, size, buffer);
}

void cleat_buffer_retain(cleat_buffer *buffer) {
    if (buffer != NULL) {
        atomic_fetch_add(&buffer->references, 1);
    }
}

void cleat_buffer_release(cleat_buffer *buffer) {
    if (buffer == NULL || atomic_fetch_sub(&buffer->references, 1) != 1) {
        return;
    }
    cleat_context *context = buffer->context;
    if (buffer->memory != NULL && context_usable(context) == CLEAT_OK) {
        const size_t size = buffer->wrapped ? 0 : buffer->size;
        pthread_mutex_lock(&context->mutex);
        context_free_memory(context, buffer->memory, size);
        context->statistics.buffer_bytes -= size;
        pthread_mutex_unlock(&context->mutex);
    }
    memory_free(buffer);
    cleat_context_release(context);
}

cleat_status scratch_buffer_create(cleat_context *context, size_t bytes, cleat_buffer **buffer) {
    void *memory = NULL;
    *buffer = NULL;
    TRY(scratch_acquire(context, bytes, &memory));
    cleat_buffer *made = new_buffer(context);
    if (made == NULL) {
        scratch_release(context, memory);
        return status_set(CLEAT_OUT_OF_HOST_MEMORY, "scratch memory: no host memory");
    }
    made->memory = memory;
    made->root = memory;
    made->size = bytes;
    *buffer = made;
    return CLEAT_OK;
}

void scratch_buffer_release(cleat_buffer *buffer) {
    if (buffer != NULL) {
        cleat_context *context = buffer->context;
        scratch_release(context, buffer->memory);
        memory_free(buffer);
        cleat_context_release(context);
    }
}

size_t cleat_buffer_size(const cleat_buffer *buffer) {
    return buffer != NULL ? buffer->size : 0;
}

cleat_status cleat_tensor_create(cleat_context *context, cleat_type type, int32_t rank,
    const int64_t *shape, cleat_tensor *tensor) {
    cleat_tensor made;
    int64_t bytes = 0;
    TRY(check_context("tensor_create", context));
    REFUSE_IF(tensor == NULL, CLEAT_INVALID_ARGUMENT, "tensor_create: tensor is NULL");
    TRY(tensor_row_major("tensor_create", type, rank, shape, &made));
    int64_t count = cleat_tensor_count(&made);
    REFUSE_IF(
        !checked_mul(count, (int64_t)cleat_type_size(type), &bytes) || (uint64_t)bytes > SIZE_MAX,
        CLEAT_SIZE_OVERFLOW, "tensor_create: %lld elements of %s are too many bytes",
        (long long)count, cleat_type_name(type));
    TRY(create_buffer("tensor_create", context, (size_t)bytes, &made.buffer));
    *tensor = made;
    return CLEAT_OK;
}

void cleat_tensor_release(cleat_tensor *tensor) {
    if (tensor != NULL) {
        cleat_buffer_release(tensor->buffer);
        tensor->buffer = NULL;
    }
}
