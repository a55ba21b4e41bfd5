/* SPDX-License-Identifier: Apache-2.0 */
#include "core/queue_command.h"
#include "core/context_state.h"
#include <string.h>

command command_of_launch(const launch *l) {
    command c = {.kind = COMMAND_KERNEL,
        .operation = l->operation,
        .name = l->kernel,
        .flop = l->flop,
        .bytes = l->bytes,
        .argument_count = l->argument_count,
        .arguments = l->arguments,
        .built = l->built,
        .numbers = l->numbers,
        .numbers_used = l->numbers_used,
        .dimensions = l->dimensions};
    memcpy(c.global, l->global, sizeof c.global);
    memcpy(c.local, l->local, sizeof c.local);
    return c;
}

/* Whether an argument of the kernel is what it was set to. Drivers hold on to memory objects, not
 * to handles: one freed since may have given its handle to another. */
static bool is_set(const command *c, int i, bool same_era) {
    const launch_argument *set = &c->built->arguments[i];
    const launch_argument *wanted = &c->arguments[i];
    if (set->size != wanted->size || set->kind != wanted->kind) {
        return false;
    }
    switch (wanted->kind) {
    case ARGUMENT_LOCAL:
        return true;
    case ARGUMENT_NUMBERS:
        return memcmp(c->built->numbers, c->numbers, wanted->size) == 0;
    case ARGUMENT_MEMORY:
        return same_era && set->value.memory == wanted->value.memory;
    default:
        return memcmp(&set->value, &wanted->value, wanted->size) == 0;
    }
}

static const void *value_of(const command *c, const launch_argument *argument) {
    return argument->kind == ARGUMENT_LOCAL     ? NULL
           : argument->kind == ARGUMENT_NUMBERS ? (const void *)c->numbers
                                                : &argument->value;
}

/* rusticl 22.3 leaves the gap at a struct's end out of its size. */
static cl_int set_argument(const command *c, int i) {
    const launch_argument *a = &c->arguments[i];
    cl_int error = clSetKernelArg(c->built->kernel, (cl_uint)i, a->size, value_of(c, a));
    if (error == CL_INVALID_ARG_SIZE && a->kind == ARGUMENT_NUMBERS && c->numbers_used < a->size) {
        error = clSetKernelArg(c->built->kernel, (cl_uint)i, c->numbers_used, value_of(c, a));
    }
    return error;
}

/* Only those that change: on PoCL each costs 0.1 us. */
static cleat_status set_arguments(const cleat_context *context, const command *c) {
    uint64_t era = atomic_load(&context->memory_era);
    bool same_era = era == c->built->memory_era;
    for (int i = 0; i < c->argument_count; i++) {
        const launch_argument *a = &c->arguments[i];
        if (is_set(c, i, same_era)) {
            continue;
        }
        cl_int error = set_argument(c, i);
        c->built->arguments[i] = *a;
        if (a->kind == ARGUMENT_NUMBERS) {
            memcpy(c->built->numbers, c->numbers, a->size);
        }
        if (error != CL_SUCCESS) {
            c->built->arguments[i].size = 0;
            cleat_status status = status_from_cl(error, "clSetKernelArg");
            return status_set(status, "%s: kernel %s, argument %d of %zu bytes: %s (%d)",
                c->operation, c->name, i, a->size, cl_error_name(error), error);
        }
    }
    c->built->memory_era = era;
    return CLEAT_OK;
}

static cleat_status enqueue_kernel(cleat_context *context, const command *c, measure *m) {
    cl_int error = clEnqueueNDRangeKernel(context->queue, c->built->kernel, (cl_uint)c->dimensions,
        NULL, c->global, c->local[0] > 0 ? c->local : NULL, 0, NULL, measure_event(m));
    if (error != CL_SUCCESS) {
        cleat_status status = status_from_cl(error, "clEnqueueNDRangeKernel");
        return status_set(status,
            "%s: kernel %s, %zu x %zu x %zu work-items in groups of %zu x %zu x %zu: "
            "clEnqueueNDRangeKernel: %s (%d)",
            c->operation, c->name, c->global[0], c->global[1], c->global[2], c->local[0],
            c->local[1], c->local[2], cl_error_name(error), error);
    }
    context->statistics.kernels_launched++;
    return CLEAT_OK;
}

static cleat_status enqueue_transfer(cleat_context *context, const command *c, measure *m) {
    cl_mem to = c->arguments[0].value.memory;
    cl_int error = CL_SUCCESS;
    switch (c->kind) {
    case COMMAND_COPY:
        error = clEnqueueCopyBuffer(context->queue, c->arguments[1].value.memory, to,
            c->from_offset, c->offset, c->size, 0, NULL, measure_event(m));
        break;
    case COMMAND_FILL:
        error = clEnqueueFillBuffer(context->queue, to, &c->value, c->value_size, c->offset,
            c->size, 0, NULL, measure_event(m));
        break;
    default:
        error = clEnqueueWriteBuffer(
            context->queue, to, CL_FALSE, c->offset, c->size, c->data, 0, NULL, measure_event(m));
        break;
    }
    return error == CL_SUCCESS ? CLEAT_OK
                               : status_prefix(status_from_cl(error, c->name), c->operation);
}

cleat_status command_enqueue(cleat_context *context, const command *c) {
    if (c->kind == COMMAND_KERNEL) {
        TRY(set_arguments(context, c));
    }
    measure m = measure_begin(context);
    TRY(c->kind == COMMAND_KERNEL ? enqueue_kernel(context, c, &m)
                                  : enqueue_transfer(context, c, &m));
    return measure_end(context, &m, c->operation, c->name, c->flop, c->bytes);
}

cleat_status command_run(cleat_context *context, const command *c) {
    TRY(command_enqueue(context, c));
    recording *r = recording_current(context);
    if (r != NULL) {
        recording_add(r, c);
    }
    return CLEAT_OK;
}
