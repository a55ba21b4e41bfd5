/* SPDX-License-Identifier: Apache-2.0 */
#include "core/transfer.h"
#include "core/context_state.h"
#include "core/tensor_check.h"
#include <stdlib.h>

/* Waits for one command and releases its event. */
static cleat_status wait_for(cl_int error, cl_event event, const char *call) {
    if (error == CL_SUCCESS) {
        error = clWaitForEvents(1, &event);
        clReleaseEvent(event);
    }
    return status_from_cl(error, call);
}

static cleat_status check_host_data(
    const char *operation, const cleat_tensor *x, const void *data, size_t size) {
    char text[SHAPE_TEXT_SIZE];
    size_t wanted = (size_t)cleat_tensor_count(x) * cleat_type_size(x->type);
    REFUSE_IF(size != wanted, CLEAT_INVALID_ARGUMENT,
        "%s: %zu bytes of host memory, but x, %s %s, has %zu", operation, size,
        cleat_type_name(x->type), shape_text(x->rank, x->shape, text), wanted);
    REFUSE_IF(data == NULL && size > 0, CLEAT_INVALID_ARGUMENT, "%s: data is NULL", operation);
    return CLEAT_OK;
}

/* Host memory to device memory; waits without holding up other threads. */
static cleat_status write_bytes(
    cleat_context *context, cl_mem memory, size_t offset, const void *data, size_t size) {
    cl_event event = NULL;
    pthread_mutex_lock(&context->mutex);
    cl_int error =
        clEnqueueWriteBuffer(context->queue, memory, CL_FALSE, offset, size, data, 0, NULL, &event);
    pthread_mutex_unlock(&context->mutex);
    return wait_for(error, event, "clEnqueueWriteBuffer");
}

static cleat_status read_bytes(
    cleat_context *context, cl_mem memory, size_t offset, void *data, size_t size) {
    cl_event event = NULL;
    pthread_mutex_lock(&context->mutex);
    cl_int error =
        clEnqueueReadBuffer(context->queue, memory, CL_FALSE, offset, size, data, 0, NULL, &event);
    pthread_mutex_unlock(&context->mutex);
    return wait_for(error, event, "clEnqueueReadBuffer");
}

static size_t byte_offset(const cleat_tensor *x) {
    return (size_t)x->offset * cleat_type_size(x->type);
}

/* The same shape without gaps, from offset 0, for a stand-in in scratch memory. */
static cleat_tensor packed_like(const cleat_tensor *x) {
    cleat_tensor packed = *x;
    packed.offset = 0;
    int64_t stride = 1;
    for (int32_t i = x->rank - 1; i >= 0; i--) {
        packed.stride[i] = stride;
        stride *= x->shape[i];
    }
    return packed;
}

cleat_status cleat_write(cleat_context *context, cleat_tensor x, const void *data, size_t size) {
    TRY(check_context("write", context));
    TRY(check_output("write", "x", context, &x, 0));
    TRY(check_host_data("write", &x, data, size));
    if (size == 0) {
        return CLEAT_OK;
    }
    if (cleat_tensor_is_contiguous(&x)) {
        cleat_status status = write_bytes(context, x.buffer->memory, byte_offset(&x), data, size);
        return status == CLEAT_OK ? CLEAT_OK : status_prefix(status, "write");
    }
    void *scratch = NULL;
    cleat_tensor packed = packed_like(&x);
    TRY(scratch_acquire(context, size, &scratch));
    cleat_status status = write_bytes(context, scratch, 0, data, size);
    if (status == CLEAT_OK) {
        status = transfer_elements(context, "write", &packed, scratch, &x, NULL);
    }
    scratch_release(context, scratch);
    return status;
}

cleat_status cleat_read(cleat_context *context, cleat_tensor x, void *data, size_t size) {
    TRY(check_context("read", context));
    TRY(check_tensor("read", "x", context, &x, 0));
    TRY(check_host_data("read", &x, data, size));
    if (size == 0) {
        return CLEAT_OK;
    }
    if (cleat_tensor_is_contiguous(&x)) {
        cleat_status status = read_bytes(context, x.buffer->memory, byte_offset(&x), data, size);
        return status == CLEAT_OK ? CLEAT_OK : status_prefix(status, "read");
    }
    void *scratch = NULL;
    cleat_tensor packed = packed_like(&x);
    TRY(scratch_acquire(context, size, &scratch));
    cleat_status status = transfer_elements(context, "read", &x, NULL, &packed, scratch);
    if (status == CLEAT_OK) {
        status = read_bytes(context, scratch, 0, data, size);
    }
    scratch_release(context, scratch);
    return status;
}

/* Bytes in one piece on both sides: the driver's own copy. */
static cleat_status copy_bytes(cleat_context *context, const char *operation, cl_mem from,
    size_t from_offset, cl_mem to, size_t to_offset, size_t size) {
    pthread_mutex_lock(&context->mutex);
    cl_int error =
        clEnqueueCopyBuffer(context->queue, from, to, from_offset, to_offset, size, 0, NULL, NULL);
    pthread_mutex_unlock(&context->mutex);
    cleat_status status = status_from_cl(error, "clEnqueueCopyBuffer");
    return status == CLEAT_OK ? CLEAT_OK : status_prefix(status, operation);
}

enum { CPU_CHUNK = 4096 }; /* elements a work-item copies on a CPU */

static cleat_status launch_copy(cleat_context *context, const char *operation,
    const cleat_tensor *x, cl_mem from, const cleat_tensor *y, cl_mem to) {
    const device_profile *profile = context_profile(context);
    size_t element = cleat_type_size(x->type);
    int64_t count = cleat_tensor_count(y);
    int32_t rank = y->rank <= 2 ? 2 : y->rank <= 4 ? 4 : CLEAT_MAX_RANK;
    launch l = launch_begin(operation, "transfer", "transfer_strided");
    launch_macro(&l, "RANK", rank);
    launch_macro(&l, "INNER", rank - 1);
    launch_macro_text(&l, "ELEMENT", element == 1 ? "uchar" : element == 4 ? "uint" : "ulong");
    launch_use_index64(
        &l, tensor_needs_index64(x) || tensor_needs_index64(y) || count >= INT32_MAX - CPU_CHUNK);
    int64_t chunk = profile->is_cpu ? CPU_CHUNK : 1;
    launch_memory(&l, from);
    launch_memory(&l, to);
    launch_index(&l, count);
    launch_index(&l, chunk);
    launch_index(&l, x->offset);
    launch_index(&l, y->offset);
    for (int32_t i = y->rank - rank; i < y->rank; i++) {
        launch_index(&l, i < 0 ? 1 : y->shape[i]);
        launch_index(&l, i < 0 ? 0 : x->stride[i]);
        launch_index(&l, i < 0 ? 0 : y->stride[i]);
    }
    launch_size_1d(&l, (size_t)ceil_div(count, chunk), profile->is_cpu ? 1 : 64);
    l.bytes = 2.0 * (double)count * (double)element;
    return launch_all(context, &l, 1);
}

cleat_status transfer_elements(cleat_context *context, const char *operation, const cleat_tensor *x,
    void *x_memory, const cleat_tensor *y, void *y_memory) {
    cleat_tensor pair[2] = {*x, *y};
    cl_mem from = x_memory != NULL ? x_memory : x->buffer->memory;
    cl_mem to = y_memory != NULL ? y_memory : y->buffer->memory;
    tensors_collapse(pair, 2);
    if (pair[0].shape[0] == 0) {
        return CLEAT_OK;
    }
    if (cleat_tensor_is_contiguous(&pair[0]) && cleat_tensor_is_contiguous(&pair[1])) {
        size_t bytes = (size_t)cleat_tensor_count(x) * cleat_type_size(x->type);
        return copy_bytes(context, operation, from, byte_offset(x), to, byte_offset(y), bytes);
    }
    return launch_copy(context, operation, &pair[0], from, &pair[1], to);
}

static cleat_status fill_bytes(cleat_context *context, const char *operation, cl_mem memory,
    const void *value, size_t value_size, size_t offset, size_t size) {
    pthread_mutex_lock(&context->mutex);
    cl_int error =
        clEnqueueFillBuffer(context->queue, memory, value, value_size, offset, size, 0, NULL, NULL);
    pthread_mutex_unlock(&context->mutex);
    cleat_status status = status_from_cl(error, "clEnqueueFillBuffer");
    return status == CLEAT_OK ? CLEAT_OK : status_prefix(status, operation);
}

cleat_status transfer_fill(cleat_context *context, const char *operation, const void *value,
    size_t size, const cleat_tensor *y) {
    cleat_tensor flat = *y;
    tensors_collapse(&flat, 1);
    if (flat.shape[0] == 0) {
        return CLEAT_OK;
    }
    if (cleat_tensor_is_contiguous(&flat)) {
        return fill_bytes(context, operation, y->buffer->memory, value, size, byte_offset(&flat),
            (size_t)flat.shape[0] * size);
    }
    /* One element in scratch memory, broadcast. */
    void *scratch = NULL;
    cleat_tensor one = flat;
    one.offset = 0;
    for (int32_t i = 0; i < one.rank; i++) {
        one.stride[i] = 0;
    }
    TRY(scratch_acquire(context, size, &scratch));
    cleat_status status = fill_bytes(context, operation, scratch, value, size, 0, size);
    if (status == CLEAT_OK) {
        status = transfer_elements(context, operation, &one, scratch, &flat, NULL);
    }
    scratch_release(context, scratch);
    return status;
}
