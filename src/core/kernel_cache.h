/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernels a context has built, found again by family, kernel and macros. Entries live as long
 * as the context, so a pointer to one stays good. A program is built once for all kernels of the
 * same family and macros.
 */
#ifndef CLEAT_CORE_KERNEL_CACHE_H
#define CLEAT_CORE_KERNEL_CACHE_H

#include "core/launch.h"
#include "core/opencl_calls.h"

typedef struct cached_program cached_program;

typedef struct cached_kernel {
    struct cached_kernel *next; /* in the chain of its bucket */
    uint64_t hash;
    cached_program *program;
    const char *name;
    cl_kernel kernel;
    cl_uint argument_count;
    launch_argument *arguments; /* as last set, of size 0 where unknown; guarded by the context's
                                   mutex, like the kernel's own */
    uint64_t numbers[LAUNCH_NUMBERS_SIZE / 8]; /* likewise */
    uint64_t memory_era;                       /* the context's when they were set */
    size_t max_work_group_size;
} cached_kernel;

enum { KERNEL_CACHE_BUCKETS = 256 };

typedef struct kernel_cache {
    cached_kernel *buckets[KERNEL_CACHE_BUCKETS];
    cached_program *programs;
} kernel_cache;

/* Finds the kernel of a launch; NULL if it is not built yet. Call with the context's mutex held. */
cached_kernel *kernel_cache_find(const kernel_cache *cache, const launch *l);

/* Builds the kernel of a launch and adds it, unless another thread did so meanwhile. Call without
 * the context's mutex. */
cleat_status kernel_cache_build(cleat_context *context, const launch *l, cached_kernel **kernel);

/* Whether two launches are of one kernel. */
bool kernel_cache_same(const launch *a, const launch *b);

/* Builds what is missing of the kernels of `count` launches, programs side by side on several
 * threads, and fills `built` of each. Returns the first failure, after all have been tried. Call
 * without the context's mutex. */
cleat_status kernel_cache_build_all(cleat_context *context, launch *launches, size_t count);

/* At the context's end: puts programs on disk that are not there yet, the oldest first, for a short
 * time. */
void kernel_cache_store(cleat_context *context);

void kernel_cache_clear(kernel_cache *cache, bool driver_alive);

#endif
