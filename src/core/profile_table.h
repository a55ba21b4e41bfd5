/* SPDX-License-Identifier: Apache-2.0 */
/* What profiling has measured. Guarded by the context's mutex. */
#ifndef CLEAT_CORE_PROFILE_TABLE_H
#define CLEAT_CORE_PROFILE_TABLE_H

#include "core/opencl_calls.h"
#include "core/status.h"
#include <cleat/profile.h>

enum { PROFILE_MAX_PENDING = 1024 };

typedef struct pending_time {
    cl_event event;
    size_t row;
} pending_time;

typedef struct profile_table {
    cleat_profile_row *rows;
    size_t count, capacity;
    pending_time *pending; /* launches whose events have not been read yet, oldest first */
    size_t pending_count;
} profile_table;

/*
 * Counts one launch. `event` is the launch's own (taken over), or NULL where the host's clock gave
 * `seconds`. Waits for the oldest events when very many are pending.
 */
cleat_status profile_table_add(profile_table *table, const char *operation, const char *kernel,
    double flop, double bytes, cl_event event, double seconds);

/* Waits for the pending events and adds their times. */
cleat_status profile_table_collect(profile_table *table);

void profile_table_clear(profile_table *table, bool driver_alive);

#endif
