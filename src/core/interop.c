/* SPDX-License-Identifier: Apache-2.0 */
#include "core/context_state.h"
#include "core/memory.h"
#include "core/tensor_check.h"

cleat_status cleat_context_create_from_queue(
    cl_command_queue queue, const cleat_context_options *options, cleat_context **context) {
    REFUSE_IF(queue == NULL, CLEAT_INVALID_ARGUMENT, "context_create_from_queue: queue is NULL");
    return context_create_on(queue, options, context);
}

cl_command_queue cleat_context_cl_queue(cleat_context *context) {
    return context != NULL ? context->queue : NULL;
}

cl_context cleat_context_cl_context(cleat_context *context) {
    return context != NULL ? context->cl : NULL;
}

cl_device_id cleat_context_cl_device(cleat_context *context) {
    return context != NULL ? context->device : NULL;
}

/* Fills memory, size, and for a sub-buffer its parent and place there. */
static cleat_status describe_memory(cleat_context *context, cl_mem memory, cleat_buffer *buffer) {
    cl_context owner = NULL;
    cl_mem_object_type type = 0;
    TRY_CL(clGetMemObjectInfo(memory, CL_MEM_CONTEXT, sizeof owner, &owner, NULL));
    REFUSE_IF(owner != context->cl, CLEAT_INVALID_ARGUMENT,
        "buffer_wrap: the memory object belongs to another cl_context");
    TRY_CL(clGetMemObjectInfo(memory, CL_MEM_TYPE, sizeof type, &type, NULL));
    REFUSE_IF(type != CL_MEM_OBJECT_BUFFER, CLEAT_INVALID_ARGUMENT,
        "buffer_wrap: the memory object is no buffer but of type 0x%x", (unsigned)type);
    TRY_CL(clGetMemObjectInfo(memory, CL_MEM_SIZE, sizeof buffer->size, &buffer->size, NULL));
    buffer->memory = memory;
    return buffer_find_root(buffer);
}

cleat_status cleat_buffer_wrap(cleat_context *context, cl_mem memory, cleat_buffer **out) {
    TRY(check_context("buffer_wrap", context));
    REFUSE_IF(memory == NULL, CLEAT_INVALID_ARGUMENT, "buffer_wrap: memory is NULL");
    REFUSE_IF(out == NULL, CLEAT_INVALID_ARGUMENT, "buffer_wrap: buffer is NULL");
    cleat_buffer *buffer = memory_allocate_zeroed(1, sizeof *buffer);
    REFUSE_IF(buffer == NULL, CLEAT_OUT_OF_HOST_MEMORY, "buffer_wrap: no host memory");
    cleat_status status = describe_memory(context, memory, buffer);
    if (status == CLEAT_OK) {
        status = status_from_cl(clRetainMemObject(memory), "clRetainMemObject");
    }
    if (status != CLEAT_OK) {
        memory_free(buffer);
        return status;
    }
    buffer->references = 1;
    buffer->wrapped = true;
    buffer->context = context;
    cleat_context_retain(context);
    *out = buffer;
    return CLEAT_OK;
}

cl_mem cleat_buffer_cl_mem(cleat_buffer *buffer) {
    return buffer != NULL ? buffer->memory : NULL;
}

cleat_status cleat_wait_events(cleat_context *context, cl_uint count, const cl_event *events) {
    TRY(check_context("wait_events", context));
    REFUSE_IF(count > 0 && events == NULL, CLEAT_INVALID_ARGUMENT, "wait_events: events is NULL");
    if (count == 0) {
        return CLEAT_OK;
    }
    pthread_mutex_lock(&context->mutex);
    cl_int error = clEnqueueBarrierWithWaitList(context->queue, count, events, NULL);
    pthread_mutex_unlock(&context->mutex);
    return status_from_cl(error, "wait_events: clEnqueueBarrierWithWaitList");
}

cleat_status cleat_record_event(cleat_context *context, cl_event *event) {
    TRY(check_context("record_event", context));
    REFUSE_IF(event == NULL, CLEAT_INVALID_ARGUMENT, "record_event: event is NULL");
    pthread_mutex_lock(&context->mutex);
    cl_int error = clEnqueueMarkerWithWaitList(context->queue, 0, NULL, event);
    pthread_mutex_unlock(&context->mutex);
    return status_from_cl(error, "record_event: clEnqueueMarkerWithWaitList");
}
