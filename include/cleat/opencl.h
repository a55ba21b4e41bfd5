/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For programs that use OpenCL themselves: adopting the caller's objects and lending out Cleat's.
 * The only public header that needs the OpenCL headers.
 */
#ifndef CLEAT_OPENCL_H
#define CLEAT_OPENCL_H

#ifndef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 300
#endif
#include <CL/cl.h>
#include <cleat/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Makes a context that works on the caller's queue, and so on its OpenCL context and device. All
 * three are retained. The queue must be in-order (CLEAT_INVALID_ARGUMENT otherwise); with
 * options->profiling it must have been made with CL_QUEUE_PROFILING_ENABLE. options->device is
 * ignored.
 */
CLEAT_API cleat_status cleat_context_create_from_queue(
    cl_command_queue queue, const cleat_context_options *options, cleat_context **context);

/* Cleat's own objects, borrowed: they live as long as the context. NULL for a NULL context. */
CLEAT_API cl_command_queue cleat_context_cl_queue(cleat_context *context);
CLEAT_API cl_context cleat_context_cl_context(cleat_context *context);
CLEAT_API cl_device_id cleat_context_cl_device(cleat_context *context);

/* A buffer around the caller's cl_mem (retained), which must belong to the same cl_context. */
CLEAT_API cleat_status cleat_buffer_wrap(
    cleat_context *context, cl_mem memory, cleat_buffer **buffer);

/* The cl_mem of a buffer, borrowed. NULL for NULL and for a buffer of size 0. */
CLEAT_API cl_mem cleat_buffer_cl_mem(cleat_buffer *buffer);

/* Work enqueued from here on starts only after these events. */
CLEAT_API cleat_status cleat_wait_events(
    cleat_context *context, cl_uint count, const cl_event *events);

/* *event completes when all work enqueued so far is done. The caller releases it. */
CLEAT_API cleat_status cleat_record_event(cleat_context *context, cl_event *event);

#ifdef __cplusplus
}
#endif

#endif
