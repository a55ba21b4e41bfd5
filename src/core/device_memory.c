/* SPDX-License-Identifier: Apache-2.0 */
/* Device memory: from the driver or the caller's allocator, and back. */
#include "core/context_state.h"
#include "core/large_pages.h"

static double mebibytes(uint64_t bytes) {
    return (double)bytes / (1024.0 * 1024.0);
}

static uint64_t held_bytes(const cleat_context *context) {
    return context->statistics.buffer_bytes + context->statistics.scratch_bytes;
}

cleat_status context_admit(cleat_context *context, size_t bytes) {
    const cleat_device_info *info = &context->profile.info;
    uint64_t held = held_bytes(context);
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
 * which moves nothing and need not be waited for. A buffer that stays mapped is of no use. */
static cl_int ask_large_pages(cleat_context *context, size_t bytes, cl_mem memory) {
    cl_int error = CL_SUCCESS;
    if (!context->profile.is_cpu || bytes < LARGE_PAGES_LEAST) {
        return CL_SUCCESS;
    }
    void *start = clEnqueueMapBuffer(context->queue, memory, CL_FALSE,
        CL_MAP_WRITE_INVALIDATE_REGION, 0, bytes, 0, NULL, NULL, &error);
    if (error != CL_SUCCESS || start == NULL) {
        return CL_SUCCESS;
    }
    large_pages_ask(start, bytes);
    return clEnqueueUnmapMemObject(context->queue, memory, start, 0, NULL, NULL);
}

/* Whether the caller's allocator gave what <cleat/memory.h> asks it for. */
static cleat_status check_allocated(cleat_context *context, cl_mem memory, size_t bytes) {
    cl_context owner = NULL;
    cl_mem_object_type type = 0;
    cl_mem_flags flags = 0;
    size_t size = 0;
    TRY_CL(clGetMemObjectInfo(memory, CL_MEM_CONTEXT, sizeof owner, &owner, NULL));
    TRY_CL(clGetMemObjectInfo(memory, CL_MEM_TYPE, sizeof type, &type, NULL));
    TRY_CL(clGetMemObjectInfo(memory, CL_MEM_SIZE, sizeof size, &size, NULL));
    TRY_CL(clGetMemObjectInfo(memory, CL_MEM_FLAGS, sizeof flags, &flags, NULL));
    REFUSE_IF(owner != context->cl, CLEAT_INVALID_ARGUMENT,
        "the caller's allocator gave memory of another cl_context");
    REFUSE_IF(type != CL_MEM_OBJECT_BUFFER, CLEAT_INVALID_ARGUMENT,
        "the caller's allocator gave no buffer but a memory object of type 0x%x", (unsigned)type);
    REFUSE_IF(size < bytes, CLEAT_INVALID_ARGUMENT,
        "the caller's allocator gave %zu bytes, asked for %zu", size, bytes);
    REFUSE_IF((flags & (CL_MEM_READ_ONLY | CL_MEM_WRITE_ONLY)) != 0, CLEAT_INVALID_ARGUMENT,
        "the caller's allocator gave memory that kernels may only %s",
        flags & CL_MEM_READ_ONLY ? "read" : "write");
    REFUSE_IF(
        (flags & (CL_MEM_HOST_NO_ACCESS | CL_MEM_HOST_READ_ONLY | CL_MEM_HOST_WRITE_ONLY)) != 0,
        CLEAT_INVALID_ARGUMENT,
        "the caller's allocator gave memory that the host may not read and write");
    return CLEAT_OK;
}

static cleat_status take_from_caller(cleat_context *context, size_t bytes, cl_mem *memory) {
    const cleat_device_allocator *own = &context->allocator;
    cl_mem made = own->allocate(own->data, context->cl, bytes);
    REFUSE_IF(made == NULL, CLEAT_OUT_OF_DEVICE_MEMORY,
        "the caller's allocator has no %.1f MiB, with %.1f MiB held already on %s",
        mebibytes(bytes), mebibytes(held_bytes(context)), context->profile.info.name);
    cleat_status status = check_allocated(context, made, bytes);
    if (status != CLEAT_OK) {
        own->release(own->data, made, bytes);
        return status;
    }
    *memory = made;
    return CLEAT_OK;
}

/* Creates the memory object and makes the driver find room for it now, where it can: many
 * allocate at first use, and then the failure hits whatever comes next. */
static cleat_status take_from_driver(cleat_context *context, size_t bytes, cl_mem *memory) {
    cl_int error = CL_SUCCESS;
    cl_mem made = clCreateBuffer(context->cl, CL_MEM_READ_WRITE, bytes, NULL, &error);
    if (error == CL_SUCCESS) {
        error = clEnqueueMigrateMemObjects(
            context->queue, 1, &made, CL_MIGRATE_MEM_OBJECT_CONTENT_UNDEFINED, 0, NULL, NULL);
        if (error != CL_MEM_OBJECT_ALLOCATION_FAILURE && error != CL_OUT_OF_RESOURCES &&
            error != CL_OUT_OF_HOST_MEMORY) {
            error = ask_large_pages(context, bytes, made);
        }
        if (error == CL_SUCCESS) {
            *memory = made;
            return CLEAT_OK;
        }
        clReleaseMemObject(made);
    }
    cleat_status status = status_from_cl(error, "clCreateBuffer");
    return status_set(status, "%s for %.1f MiB, with %.1f MiB held already on %s (%.1f MiB in all)",
        cl_error_name(error), mebibytes(bytes), mebibytes(held_bytes(context)),
        context->profile.info.name, mebibytes(context->profile.info.global_memory));
}

static cleat_status create_memory(cleat_context *context, size_t bytes, cl_mem *memory) {
    TRY(context_admit(context, bytes));
    return context->allocator.allocate != NULL ? take_from_caller(context, bytes, memory)
                                               : take_from_driver(context, bytes, memory);
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

void context_free_memory(cleat_context *context, cl_mem memory, size_t bytes) {
    const cleat_device_allocator *own = &context->allocator;
    atomic_fetch_add(&context->memory_era, 1);
    if (own->release != NULL && bytes > 0) {
        /* the caller may give it to somebody else, whose a replay would write over */
        recording_spoil(recording_current(context));
        own->release(own->data, memory, bytes);
    } else {
        clReleaseMemObject(memory);
    }
}
