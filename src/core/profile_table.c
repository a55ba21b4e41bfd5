/* SPDX-License-Identifier: Apache-2.0 */
#include "core/profile_table.h"
#include "core/context_state.h"
#include "core/memory.h"
#include "core/tensor_check.h"
#include <stdlib.h>
#include <string.h>

static void copy_name(char *to, size_t size, const char *from) {
    size_t length = strlen(from);
    length = length < size - 1 ? length : size - 1;
    memcpy(to, from, length);
    to[length] = '\0';
}

/* Names are stored cut to fit, so that they are compared cut to fit. */
static bool same_name(const char *stored, size_t size, const char *name) {
    return strncmp(stored, name, size - 1) == 0;
}

static cleat_status find_row(
    profile_table *table, const char *operation, const char *kernel, size_t *row) {
    for (size_t i = 0; i < table->count; i++) {
        cleat_profile_row *r = &table->rows[i];
        if (same_name(r->kernel, sizeof r->kernel, kernel) &&
            same_name(r->operation, sizeof r->operation, operation)) {
            *row = i;
            return CLEAT_OK;
        }
    }
    cleat_profile_row *rows =
        memory_grow(table->rows, table->count, &table->capacity, sizeof *rows);
    REFUSE_IF(rows == NULL, CLEAT_OUT_OF_HOST_MEMORY, "profile: no host memory");
    table->rows = rows;
    cleat_profile_row *made = &table->rows[table->count];
    memset(made, 0, sizeof *made);
    copy_name(made->operation, sizeof made->operation, operation);
    copy_name(made->kernel, sizeof made->kernel, kernel);
    *row = table->count++;
    return CLEAT_OK;
}

static cleat_status collect_first(profile_table *table, size_t count) {
    cleat_status status = CLEAT_OK;
    for (size_t i = 0; i < count; i++) {
        cl_ulong start = 0;
        cl_ulong end = 0;
        cl_event event = table->pending[i].event;
        cl_int error = clWaitForEvents(1, &event);
        if (error == CL_SUCCESS) {
            error = clGetEventProfilingInfo(
                event, CL_PROFILING_COMMAND_START, sizeof start, &start, NULL);
        }
        if (error == CL_SUCCESS) {
            error =
                clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL);
        }
        if (error == CL_SUCCESS && end > start) {
            table->rows[table->pending[i].row].seconds += (double)(end - start) * 1e-9;
        } else if (error != CL_SUCCESS) {
            status = status_from_cl(error, "clGetEventProfilingInfo");
        }
        clReleaseEvent(event);
    }
    table->pending_count -= count;
    memmove(table->pending, table->pending + count, table->pending_count * sizeof *table->pending);
    return status;
}

cleat_status profile_table_add(profile_table *table, const char *operation, const char *kernel,
    double flop, double bytes, cl_event event, double seconds) {
    size_t row = 0;
    if (event != NULL && table->pending == NULL) {
        table->pending = memory_allocate_zeroed(PROFILE_MAX_PENDING, sizeof *table->pending);
    }
    cleat_status status = find_row(table, operation, kernel, &row);
    if (status == CLEAT_OK && event != NULL && table->pending == NULL) {
        status = status_set(CLEAT_OUT_OF_HOST_MEMORY, "profile: no host memory");
    }
    if (status == CLEAT_OK && event != NULL && table->pending_count == PROFILE_MAX_PENDING) {
        status = collect_first(table, PROFILE_MAX_PENDING / 2);
    }
    if (status != CLEAT_OK) {
        if (event != NULL) {
            clReleaseEvent(event);
        }
        return status;
    }
    table->rows[row].calls++;
    table->rows[row].flop += flop;
    table->rows[row].bytes += bytes;
    table->rows[row].seconds += seconds;
    if (event != NULL) {
        table->pending[table->pending_count++] = (pending_time){event, row};
    }
    return CLEAT_OK;
}

cleat_status profile_table_collect(profile_table *table) {
    return table->pending_count > 0 ? collect_first(table, table->pending_count) : CLEAT_OK;
}

void profile_table_clear(profile_table *table, bool driver_alive) {
    for (size_t i = 0; i < table->pending_count && driver_alive; i++) {
        clReleaseEvent(table->pending[i].event);
    }
    memory_free(table->pending);
    memory_free(table->rows);
    memset(table, 0, sizeof *table);
}

measure measure_begin(cleat_context *context) {
    measure m = {NULL, context->profiling && context->profile.events_have_times, 0};
    if (context->profiling && !m.event_wanted) {
        clFinish(context->queue); /* by the host's clock nothing else may be running */
        m.started = clock_seconds();
    }
    return m;
}

cl_event *measure_event(measure *m) {
    return m->event_wanted ? &m->event : NULL;
}

cleat_status measure_end(cleat_context *context, measure *m, const char *operation,
    const char *kernel, double flop, double bytes) {
    if (!context->profiling) {
        return CLEAT_OK;
    }
    double seconds = 0;
    if (!m->event_wanted) {
        clFinish(context->queue);
        seconds = clock_seconds() - m->started;
    }
    return profile_table_add(&context->rows, operation, kernel, flop, bytes, m->event, seconds);
}

static int most_expensive_first(const void *a, const void *b) {
    double x = ((const cleat_profile_row *)a)->seconds;
    double y = ((const cleat_profile_row *)b)->seconds;
    return x > y ? -1 : x < y ? 1 : 0;
}

cleat_status cleat_profile(
    cleat_context *context, size_t capacity, cleat_profile_row *rows, size_t *count) {
    TRY(check_context("profile", context));
    REFUSE_IF(count == NULL, CLEAT_INVALID_ARGUMENT, "profile: count is NULL");
    REFUSE_IF(rows == NULL && capacity > 0, CLEAT_INVALID_ARGUMENT,
        "profile: rows is NULL, capacity is %zu", capacity);
    REFUSE_IF(
        !context->profiling, CLEAT_UNSUPPORTED, "profile: the context was made without profiling");
    TRY(cleat_finish(context));
    pthread_mutex_lock(&context->mutex);
    profile_table *table = &context->rows;
    cleat_status status = profile_table_collect(table);
    if (status == CLEAT_OK) {
        /* Nothing is pending, so no one holds the number of a row. */
        if (table->count > 1) {
            qsort(table->rows, table->count, sizeof *table->rows, most_expensive_first);
        }
        size_t copied = capacity < table->count ? capacity : table->count;
        if (copied > 0) {
            memcpy(rows, table->rows, copied * sizeof *rows);
        }
        *count = table->count;
    }
    pthread_mutex_unlock(&context->mutex);
    return status;
}

cleat_status cleat_profile_reset(cleat_context *context) {
    TRY(check_context("profile_reset", context));
    REFUSE_IF(!context->profiling, CLEAT_UNSUPPORTED,
        "profile_reset: the context was made without profiling");
    pthread_mutex_lock(&context->mutex);
    profile_table_clear(&context->rows, true);
    pthread_mutex_unlock(&context->mutex);
    return CLEAT_OK;
}
