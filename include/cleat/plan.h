/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Getting ready in advance. Between cleat_plan_begin() and cleat_plan_end() the calls that this
 * thread makes on the context are checked, planned and refused as always, but nothing is enqueued:
 * tensors keep their values, and cleat_read() leaves the host's memory as it is. The end builds the
 * kernels that these calls would have needed, several at a time, and tells what they need. So a
 * program that repeats a step can call it once in a plan, to
 * - have no call wait for a compiler later (a progress bar's time, not a user's click); PoCL leaves
 *   about half of it to each kernel's first launch, so that there only running helps,
 * - fill a cache that it ships (cache.h) without running anything,
 * - learn how much scratch memory and arithmetic the step takes.
 * Buffers are allocated as always. What a provider such as CLBlast builds by itself is not planned.
 * Not in a plan, since the result would outlive it: cleat_matmul_pack(), cleat_conv2d_pack() and
 * cleat_packed_update() are CLEAT_INVALID_ARGUMENT; pack before.
 */
#ifndef CLEAT_PLAN_H
#define CLEAT_PLAN_H

#include <cleat/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cleat_plan_summary {
    uint64_t launches;      /* kernels and transfers that would have been enqueued */
    uint64_t kernels;       /* different kernels among them */
    uint64_t built, loaded; /* programs that the end compiled, and took from the cache */
    uint64_t scratch_bytes; /* scratch memory that a context without any would have allocated */
    double flop, bytes;     /* of all launches, as cleat_profile_row counts them */
    double build_seconds;   /* how long the end took */
    uint64_t reserved[8];
} cleat_plan_summary;

/*
 * From here on, until cleat_plan_end(), this thread's calls on the context are only planned. Other
 * threads' calls run as always. CLEAT_INVALID_ARGUMENT when a plan is open already, this thread's
 * or another's; CLEAT_OUT_OF_HOST_MEMORY.
 */
CLEAT_API cleat_status cleat_plan_begin(cleat_context *context);

/*
 * Ends this thread's plan, whatever it returns, and builds its kernels; the log callback may be
 * called by the threads that build. *summary (may be NULL) is filled in any case but the first
 * error. Errors: CLEAT_INVALID_ARGUMENT when this thread has no plan open; what building can give
 * (CLEAT_BUILD_FAILED, CLEAT_UNSUPPORTED, CLEAT_OUT_OF_HOST_MEMORY, ...), of the first kernel that
 * failed: the others are built nevertheless.
 */
CLEAT_API cleat_status cleat_plan_end(cleat_context *context, cleat_plan_summary *summary);

#ifdef __cplusplus
}
#endif

#endif
