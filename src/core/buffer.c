/* SPDX-License-Identifier: Apache-2.0 */
#include "core/context_state.h"
#include "core/large_pages.h"
#include "core/tensor_check.h"
#include <stdlib.h>

static double mebibytes(uint64_t bytes) {
    return (double)bytes / (1024.0 * 1024.0);
}

cleat_status context_admit(cleat_context *context, size_t bytes) {
    const cleat_device_info *info = &context->profile.info;
    uint64_t held = context->statistics.buffer_bytes + context->statistics.scratch_bytes;
    REFUSE_IF(bytes > info->max_allocation, CLEAT_OUT_OF_DEVICE_MEMORY,
        "%.1f MiB asked for in one piece, %s allows at most %.1f MiB", mebibytes(bytes), info->name,
        mebibytes(info->max_allocation));
    REFUSE_IF(bytes > info->global_memory || held > info->global_memory - bytes,
        CLEAT_OUT_OF_DEVICE_MEMORY,
        "%.1f MiB asked for, %.1f MiB held already, %s has %.1f MiB in all", mebibytes(bytes),
        mebibytes(held), info->name, mebibytes(info->global_memory));
    return CLEAT_OK;
}

/* Of a processor's buffer, which is the process's own memory: its place is told by mapping it,
 * which moves nothing and need not be waited for. */
static void ask_large_pages(cleat_context *context, size_t bytes, cl_mem memory) {
    cl_int error = CL_SUCCESS;
    if (!context->profile.is_cpu || bytes < LARGE_PAGES_LEAST) {
        return;
    }
    void *start = clEnqueueMapBuffer(context->queue, memory, CL_FALSE,
        CL_MAP_WRITE_INVALIDATE_REGION, 0, bytes, 0, NULL, NULL, &error);
    if (error == CL_SUCCESS && start != NULL) {
        large_pages_ask(start, bytes);
        clEnqueueUnmapMemObject(context->queue, memory, start, 0, NULL, NULL);
    }
}

/* Creates the memory object and makes the driver find room for it now, where it can: many
 * allocate at first use, and then the failure hits whatever comes next. */
static cleat_status create_memory(cleat_context *context, size_t bytes, cl_mem *memory) {
    cl_int error = CL_SUCCESS;
    TRY(context_admit(context, bytes));
    cl_mem made = clCreateBuffer(context->cl, CL_MEM_READ_WRITE, bytes, NULL, &error);
    if (error == CL_SUCCESS) {
        error = clEnqueueMigrateMemObjects(
            context->queue, 1, &made, CL_MIGRATE_MEM_OBJECT_CONTENT_UNDEFINED, 0, NULL, NULL);
        if (error != CL_MEM_OBJECT_ALLOCATION_FAILURE && error != CL_OUT_OF_RESOURCES &&
            error != CL_OUT_OF_HOST_MEMORY) {
            ask_large_pages(context, bytes, made);
            *memory = made;
            return CLEAT_OK;
        }
        clReleaseMemObject(made);
    }
    cleat_status status = status_from_cl(error, "clCreateBuffer");
    return status_set(status, "%s for %.1f MiB, with %.1f MiB held already on %s (%.1f MiB in all)",
        cl_error_name(error), mebibytes(bytes),
        mebibytes(context->statistics.buffer_bytes + context->statistics.scratch_bytes),
        context->profile.info.name, mebibytes(context->profile.info.global_memory));
}

cleat_status context_allocate(cleat_context *context, size_t bytes, cl_mem *memory) {
    cleat_status status = create_memory(context, bytes, memory);
    if (status == CLEAT_OUT_OF_DEVICE_MEMORY && context->scratch.idle_bytes > 0) {
        scratch_pool_trim(context);
        clFinish(context->queue);
        status = create_memory(context, bytes, memory);
    }
    return status;
}

static cleat_buffer *new_buffer(cleat_context *context) {
    cleat_buffer *buffer = calloc(1, sizeof *buffer);
    if (buffer == NULL) {
        return NULL;
    }
    buffer->references = 1;
    buffer->context = context;
    cleat_context_retain(context);
    return buffer;
}

static cleat_status create_buffer(
    const char *operation, cleat_context *context, size_t size, cleat_buffer **out) {
    cleat_buffer *buffer = new_buffer(context);
    REFUSE_IF(buffer == NULL, CLEAT_OUT_OF_HOST_MEMORY, "%s: no host memory", operation);
    if (size > 0) {
        pthread_mutex_lock(&context->mutex);
        cleat_status status = context_allocate(context, size, &buffer->memory);
        if (status == CLEAT_OK) {
            context->statistics.buffer_bytes += size;
        }
        pthread_mutex_unlock(&context->mutex);
        if (status != CLEAT_OK) {
            free(buffer);
            cleat_context_release(context);
            return status_prefix(status, operation);
        }
    }
    buffer->size = size;
    buffer->root = buffer->memory;
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
        context_free_memory(context, buffer->memory);
        if (!buffer->wrapped) {
            pthread_mutex_lock(&context->mutex);
            context->statistics.buffer_bytes -= buffer->size;
            pthread_mutex_unlock(&context->mutex);
        }
    }
    free(buffer);
    cleat_context_release(context);
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
