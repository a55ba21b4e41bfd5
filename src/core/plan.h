/* SPDX-License-Identifier: Apache-2.0 */
/* A context's open plan: what launches become of while it is open (cleat/plan.h). */
#ifndef CLEAT_CORE_PLAN_H
#define CLEAT_CORE_PLAN_H

#include "core/launch.h"
#include "core/scratch_pool.h"
#include <cleat/plan.h>
#include <pthread.h>

typedef struct plan {
    pthread_t thread; /* whose calls are planned */
    bool is_suspended;
    launch *kernels; /* one launch of each kernel */
    size_t capacity;
    scratch_pool scratch; /* of memory that is not there */
    cleat_plan_summary summary;
} plan;

/* The calling thread's open plan, NULL for none. Call with the context's mutex held. */
plan *plan_current(const cleat_context *context);

/* The same, for callers without the mutex. */
bool plan_is_open(cleat_context *context);

/* Between these two the calling thread's calls run, though its plan, if it has one, stays open. */
plan *plan_suspend(cleat_context *context);
void plan_resume(cleat_context *context, plan *suspended); /* NULL: there was none */

/* Takes launches into the plan instead of enqueueing them. With the mutex held. */
cleat_status plan_add(cleat_context *context, const launch *launches, int count);

/* Counts work that needs no kernel of ours: a transfer, a provider's. With the mutex held. */
void plan_count(plan *p, double flop, double bytes);

/* NULL is accepted. */
void plan_free(plan *p);

#endif
