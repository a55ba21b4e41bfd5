/* SPDX-License-Identifier: Apache-2.0 */
/* What a context is made of. For the files of core only; operations see launch.h. */
#ifndef CLEAT_CORE_CONTEXT_STATE_H
#define CLEAT_CORE_CONTEXT_STATE_H

#include "core/kernel_cache.h"
#include "core/launch.h"
#include "core/opencl_calls.h"
#include "core/plan.h"
#include "core/process_mark.h"
#include "core/profile_table.h"
#include "core/recording.h"
#include "core/scratch_pool.h"
#include "core/trust.h"
#include "core/tuning.h"
#include <pthread.h>
#include <stdatomic.h>

struct cleat_context {
    atomic_size_t references;
    process_mark mark; /* of the process that made it: drivers' threads do not survive a fork */
    cl_context cl;
    cl_device_id device;
    cl_command_queue queue;
    device_profile profile;

    bool profiling;
    cleat_log_callback log;
    void *log_data;
    cleat_device_allocator allocator; /* the caller's; all NULL: the driver's memory */
    char *kernel_dir;                 /* $CLEAT_KERNEL_DIR, or NULL */
    char *cache_dir;                  /* of the disk cache, NULL when there is none */
    uint64_t cache_limit;             /* bytes of it */
    char *tuning_file;                /* NULL when there is none */
    cleat_cache_store cache_store;    /* instead of cache_dir, where its load is not NULL */
    bool never_compiles;              /* CLEAT_CACHE_ONLY */
    bool stores_late; /* what was built goes to cache_dir only at the context's end */
    double created;   /* clock_seconds() */

    atomic_uint_fast64_t memory_era; /* counts the cl_mem released: while it stands, a handle means
                                        what it meant */

    pthread_mutex_t build_mutex; /* held while kernels are built; taken before `mutex` */
    pthread_mutex_t store_mutex; /* held while a function of cache_store runs */
    pthread_mutex_t mutex;       /* guards everything below, and the order of the queue */
    kernel_cache kernels;
    scratch_pool scratch;
    plan *plan;           /* the open one, NULL for none */
    recording *recording; /* likewise */
    tuned_table tuned;
    trust_table trust;
    profile_table rows;
    cleat_context_statistics statistics;
};

struct cleat_buffer {
    atomic_size_t references;
    cleat_context *context;
    cl_mem memory; /* NULL for size 0 */
    size_t size;
    bool wrapped;
    cl_mem root; /* the memory object that this is part of: itself, or a sub-buffer's parent */
    size_t root_offset; /* bytes */
};

/* Checks that the context is not NULL and was made by this process, without naming an operation. */
cleat_status context_usable(const cleat_context *context);

/* Whether the device can hold `bytes` more; the message names sizes. Call with the mutex held. */
cleat_status context_admit(cleat_context *context, size_t bytes);

/* A new cl_mem of `bytes` (> 0), after giving idle scratch memory back if need be. Call with the
 * mutex held. */
cleat_status context_allocate(cleat_context *context, size_t bytes, cl_mem *memory);

/* Every cl_mem that a kernel may have had as an argument is released through this. `bytes`: what
 * context_allocate() was asked for; 0 for the caller's own, on which it drops a reference. Call
 * with the mutex held, or when nothing else can use the context. */
void context_free_memory(cleat_context *context, cl_mem memory, size_t bytes);

/* Fills in which memory object the buffer's is part of, and where. */
cleat_status buffer_find_root(cleat_buffer *buffer);

/* What profiling needs about a command from before it is enqueued. */
typedef struct measure {
    cl_event event; /* for the command to fill in, where event_wanted */
    bool event_wanted;
    double started;
} measure;

/* Around the enqueueing of one command, with the mutex held: the command's event goes to
 * measure_event() (NULL when none is wanted), and what it took into the profile. */
measure measure_begin(cleat_context *context);
cl_event *measure_event(measure *m);
cleat_status measure_end(cleat_context *context, measure *m, const char *operation,
    const char *kernel, double flop, double bytes);

/* Makes a context on the caller's queue, or, if that is NULL, on the chosen device. */
cleat_status context_create_on(
    cl_command_queue queue, const cleat_context_options *options, cleat_context **context);

/* The host's monotonic clock, seconds. */
double clock_seconds(void);

#endif
