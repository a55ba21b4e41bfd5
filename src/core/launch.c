/* SPDX-License-Identifier: Apache-2.0 */
#include "core/launch.h"
#include "core/context_state.h"
#include "core/queue_command.h"
#include <string.h>

launch launch_begin(const char *operation, const char *family, const char *kernel) {
    return (launch){.operation = operation, .family = family, .kernel = kernel};
}

static void add_macro(launch *l, const char *name, const char *text, int64_t value) {
    if (l->macro_count == LAUNCH_MAX_MACROS) {
        l->overflowed = true;
        return;
    }
    l->macros[l->macro_count++] = (kernel_macro){name, text, value};
}

void launch_macro(launch *l, const char *name, int64_t value) {
    add_macro(l, name, NULL, value);
}

void launch_macro_text(launch *l, const char *name, const char *text) {
    add_macro(l, name, text, 0);
}

void launch_use_index64(launch *l, bool index64) {
    l->index64 = index64;
    add_macro(l, "INDEX", index64 ? "long" : "int", 0);
}

void launch_use_real64(launch *l, cleat_type type) {
    l->real64 = type == CLEAT_F64;
    if (l->real64) {
        add_macro(l, "REAL_IS_DOUBLE", NULL, 1);
    }
}

/* The next argument, to be given its value: the last one again when there are too many. Written in
 * place, as every call of Cleat does this a dozen times. */
static launch_argument *next_argument(launch *l, argument_kind kind, size_t size) {
    l->overflowed = l->overflowed || l->argument_count == LAUNCH_MAX_ARGUMENTS;
    l->argument_count -= l->argument_count == LAUNCH_MAX_ARGUMENTS;
    launch_argument *next = &l->arguments[l->argument_count++];
    next->kind = kind;
    next->size = size;
    return next;
}

void launch_memory(launch *l, void *cl_mem_object) {
    next_argument(l, ARGUMENT_MEMORY, sizeof(cl_mem))->value.memory = cl_mem_object;
}

void launch_tensor(launch *l, const cleat_tensor *x) {
    launch_memory(l, x != NULL ? x->buffer->memory : NULL);
}

void launch_index(launch *l, int64_t value) {
    if (l->index64) {
        launch_long(l, value);
    } else {
        launch_int(l, (int32_t)value);
    }
}

/* Where the next number goes: an argument of its own, or a member of the struct. */
static void *next_number(launch *l, size_t size) {
    if (!l->in_numbers) {
        return &next_argument(l, ARGUMENT_VALUE, size)->value;
    }
    size_t at = round_up(l->numbers_size, size);
    l->overflowed = l->overflowed || at + size > sizeof l->numbers;
    at = l->overflowed ? 0 : at;
    l->numbers_size = at + size;
    l->numbers_alignment = size > l->numbers_alignment ? size : l->numbers_alignment;
    return (unsigned char *)l->numbers + at;
}

void launch_int(launch *l, int32_t value) {
    memcpy(next_number(l, sizeof value), &value, sizeof value);
}

void launch_long(launch *l, int64_t value) {
    memcpy(next_number(l, sizeof value), &value, sizeof value);
}

void launch_ulong(launch *l, uint64_t value) {
    memcpy(next_number(l, sizeof value), &value, sizeof value);
}

void launch_float(launch *l, float value) {
    memcpy(next_number(l, sizeof value), &value, sizeof value);
}

void launch_real(launch *l, double value) {
    if (l->real64) {
        memcpy(next_number(l, sizeof value), &value, sizeof value);
    } else {
        launch_float(l, (float)value);
    }
}

void launch_indices(launch *l, const int64_t *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        launch_index(l, values[i]);
    }
}

void launch_ints(launch *l, const int64_t *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        launch_int(l, (int32_t)values[i]);
    }
}

void launch_numbers_begin(launch *l) {
    l->in_numbers = true;
    l->numbers_size = 0;
    l->numbers_alignment = 1;
}

void launch_numbers_end(launch *l) {
    l->in_numbers = false;
    l->numbers_used = l->numbers_size;
    l->numbers_size = round_up(l->numbers_size, l->numbers_alignment);
    next_argument(l, ARGUMENT_NUMBERS, l->numbers_size);
}

void launch_local(launch *l, size_t bytes) {
    next_argument(l, ARGUMENT_LOCAL, bytes)->value.u64 = 0;
}

void launch_size_1d(launch *l, size_t global, size_t local) {
    l->dimensions = 1;
    l->global[0] = global;
    l->local[0] = local;
}

void launch_size_3d(launch *l, const size_t global[3], const size_t local[3]) {
    l->dimensions = 3;
    for (int i = 0; i < 3; i++) {
        l->global[i] = global[i];
        l->local[i] = local[i];
    }
}

cleat_status launch_fits(const launch *l) {
    REFUSE_IF(l->overflowed, CLEAT_UNSUPPORTED,
        "%s: kernel %s has more than %d macros, %d arguments or %d bytes of numbers", l->operation,
        l->kernel, LAUNCH_MAX_MACROS, LAUNCH_MAX_ARGUMENTS, LAUNCH_NUMBERS_SIZE);
    return CLEAT_OK;
}

bool launch_is_empty(const launch *l) {
    for (int i = 0; i < l->dimensions; i++) {
        if (l->global[i] == 0) {
            return true;
        }
    }
    return false;
}

cleat_status launch_check(const cleat_context *context, launch *l) {
    TRY(launch_fits(l));
    REFUSE_IF(l->dimensions < 1 || l->dimensions > 3, CLEAT_UNSUPPORTED,
        "%s: kernel %s was given no size", l->operation, l->kernel);
    REFUSE_IF((cl_uint)l->argument_count != l->built->argument_count, CLEAT_OPENCL_ERROR,
        "%s: kernel %s takes %u arguments and was given %d", l->operation, l->kernel,
        l->built->argument_count, l->argument_count);
    if (l->local[0] == 0) {
        return CLEAT_OK;
    }
    size_t group = 1;
    for (int i = 0; i < l->dimensions; i++) {
        size_t most = context->profile.max_work_item_sizes[i];
        REFUSE_IF(l->local[i] == 0 || l->local[i] > most, CLEAT_UNSUPPORTED,
            "%s: kernel %s wants a work-group of %zu in dimension %d, the device allows %zu",
            l->operation, l->kernel, l->local[i], i, most);
        group *= l->local[i];
        l->global[i] = round_up(l->global[i], l->local[i]);
    }
    REFUSE_IF(group > l->built->max_work_group_size, CLEAT_UNSUPPORTED,
        "%s: kernel %s wants work-groups of %zu, the device allows it %zu", l->operation, l->kernel,
        group, l->built->max_work_group_size);
    return CLEAT_OK;
}

/* With the mutex held, and held again after: fills l->built of every launch. */
static cleat_status find_kernels(cleat_context *context, launch *launches, int count) {
    for (int i = 0; i < count; i++) {
        launches[i].built = kernel_cache_find(&context->kernels, &launches[i]);
        if (launches[i].built == NULL) {
            pthread_mutex_unlock(&context->mutex);
            cleat_status status = kernel_cache_build(context, &launches[i], &launches[i].built);
            pthread_mutex_lock(&context->mutex);
            TRY(status);
        }
    }
    return CLEAT_OK;
}

/* With the mutex held. */
static cleat_status enqueue_all(cleat_context *context, launch *launches, int count) {
    TRY(find_kernels(context, launches, count));
    for (int i = 0; i < count; i++) {
        TRY(launch_check(context, &launches[i]));
    }
    for (int i = 0; i < count; i++) {
        if (!launch_is_empty(&launches[i])) {
            const command c = command_of_launch(&launches[i]);
            TRY(command_run(context, &c));
        }
    }
    return CLEAT_OK;
}

cleat_status launch_all(cleat_context *context, launch *launches, int count) {
    pthread_mutex_lock(&context->mutex);
    cleat_status status = plan_current(context) != NULL ? plan_add(context, launches, count)
                                                        : enqueue_all(context, launches, count);
    pthread_mutex_unlock(&context->mutex);
    return status;
}

cleat_status launch_foreign(cleat_context *context, const char *operation, const char *kernel,
    double flop, double bytes, cleat_status (*enqueue_work)(void *queue, void *data), void *data) {
    pthread_mutex_lock(&context->mutex);
    if (plan_current(context) != NULL) {
        plan_count(plan_current(context), flop, bytes);
        pthread_mutex_unlock(&context->mutex);
        return CLEAT_OK;
    }
    recording_spoil(recording_current(context));
    /* The provider's events are its own: only the host's clock tells, and what was enqueued before
     * must not count. */
    if (context->profiling) {
        clFinish(context->queue);
    }
    double started = clock_seconds();
    cleat_status status = enqueue_work(context->queue, data);
    if (status == CLEAT_OK && context->profiling) {
        clFinish(context->queue);
        status = profile_table_add(
            &context->rows, operation, kernel, flop, bytes, NULL, clock_seconds() - started);
    }
    context->statistics.kernels_launched += status == CLEAT_OK;
    pthread_mutex_unlock(&context->mutex);
    return status;
}
