/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kernels are chosen by: facts about a device, filled once when a context is made, by query
 * and by probe. Operations ask this and never a vendor's name.
 */
#ifndef CLEAT_CORE_DEVICE_PROFILE_H
#define CLEAT_CORE_DEVICE_PROFILE_H

#include <cleat/context.h>

typedef struct device_profile {
    cleat_device_info info;
    /* Key into the tuning table, most specific first after "any": "cpu", "gpu", "gpu_nvidia",
     * "gpu_amd", "gpu_intel", "gpu_software". */
    const char *device_class;
    bool is_forced; /* by $CLEAT_PROFILE: perhaps not what the device is */
    const char
        *emulated_unit; /* by $CLEAT_PROFILE: the matrix unit to emulate (core/matrix_unit.h),
                           NULL for none; which a device has, its probes tell */
    bool is_cpu;        /* kernels of the CPU kind: one work-item a macro tile */
    int float_width;    /* floats in a register for explicit vectors: 4, 8 or 16 */
    bool local_memory_is_fast; /* CL_LOCAL, not CL_GLOBAL */
    size_t local_memory;       /* bytes a work-group may use */
    size_t max_work_group_size;
    size_t max_work_item_sizes[3];
    int address_bits;
    uint32_t compute_units;
    size_t cache_bytes; /* of the device's global memory cache as reported, but at most 16 MiB a
                           compute unit; 0 unknown */
    bool has_fma;       /* fma() is fast */
    bool has_denormals;
    bool driver_caches_kernels;  /* the driver keeps compiled kernels on disk by itself */
    bool binaries_cost_a_build;  /* asking for a program's binary compiles it once more */
    bool events_have_times;      /* profiling events were seen to tell believable times */
    bool ends_long_loops;        /* leaves a work-item's loops after 65,535 rounds, as llvmpipe */
    bool is_tested_with;         /* the test suite runs on this driver for every version */
    bool kernel_limits_are_real; /* CL_KERNEL_WORK_GROUP_SIZE can be believed */
    bool header_can_be_left_out; /* cl/declarations.cl will do for the compiler's opencl-c.h */
    int opencl_c_major, opencl_c_minor;
} device_profile;

/* Floats in the explicit vectors of kernels for CPUs, on whatever device they run: 4, 8 or 16. */
int64_t profile_vector_width(const device_profile *profile);

/* Whether a pass over so much memory leaves nothing in the caches that anyone will find there. */
bool profile_is_past_caches(const device_profile *profile, double bytes);

/* Whether one work-item may take so many rounds of loops, about. CPUs do not mind; elsewhere a long
 * item meets watchdogs (4 million rounds: some 40 ms), and llvmpipe leaves its loops before. */
bool profile_item_is_short(const device_profile *profile, double rounds);

#endif
