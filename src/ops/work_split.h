/* SPDX-License-Identifier: Apache-2.0 */
/* How a one-dimensional range of work is cut into work-items, by kind of device. */
#ifndef CLEAT_OPS_WORK_SPLIT_H
#define CLEAT_OPS_WORK_SPLIT_H

#include "core/launch.h"

enum { WORK_GROUPS_PER_UNIT = 8, WORK_GROUP_GPU = 64 };

/*
 * Work-item i does elements [i * chunk, (i + 1) * chunk): on processors some eight work-items a
 * core, each of at least `least` elements; elsewhere `least` elements each. The chunk is a multiple
 * of `least`. Sets the launch's geometry and returns the chunk.
 */
static inline int64_t work_split(
    const device_profile *profile, int64_t count, int64_t least, launch *l) {
    int64_t chunk = least;
    size_t local = WORK_GROUP_GPU;
    if (profile->is_cpu) {
        const int64_t pieces = (int64_t)profile->compute_units * WORK_GROUPS_PER_UNIT;
        chunk = ceil_div(ceil_div(count, pieces > 0 ? pieces : 1), least) * least;
        chunk = chunk > least ? chunk : least;
        local = 1;
    }
    if (local > profile->max_work_group_size) {
        local = profile->max_work_group_size;
    }
    launch_size_1d(l, round_up((size_t)ceil_div(count, chunk), local), local);
    return chunk;
}

/* One work-item an element, for kernels without a chunk. */
static inline void work_each(const device_profile *profile, int64_t count, launch *l) {
    size_t local = WORK_GROUP_GPU;
    if (local > profile->max_work_group_size) {
        local = profile->max_work_group_size;
    }
    launch_size_1d(l, round_up((size_t)count, local), local);
}

#endif
