/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_PROFILE_H
#define CLEAT_PROFILE_H

#include <cleat/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One line of a profile: all launches of one kernel variant on behalf of one operation. */
typedef struct cleat_profile_row {
    char operation[48]; /* "conv2d_backward_data" */
    char kernel[64];    /* name of the kernel, "matmul_cpu_packed", or of the OpenCL call that did
                           the work, "clEnqueueFillBuffer" */
    uint64_t calls;
    double seconds; /* on the device; host's clock where the driver's events are not credible */
    double bytes;   /* least traffic the work needs: operands read once, results written once */
    double flop;    /* floating-point operations, a fused multiply-add counting as two */
} cleat_profile_row;

/*
 * Waits for the enqueued work, then writes what was measured since the last reset, most expensive
 * first: at most `capacity` rows (rows may be NULL when capacity is 0), and to *count how many
 * there are. CLEAT_UNSUPPORTED when the context was made without profiling.
 */
CLEAT_API cleat_status cleat_profile(
    cleat_context *context, size_t capacity, cleat_profile_row *rows, size_t *count);

/* Forgets what was measured. */
CLEAT_API cleat_status cleat_profile_reset(cleat_context *context);

#ifdef __cplusplus
}
#endif

#endif
