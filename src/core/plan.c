/* SPDX-License-Identifier: Apache-2.0 */
#include "core/plan.h"
#include "core/context_state.h"
#include "core/memory.h"
#include "core/tensor_check.h"

plan *plan_current(const cleat_context *context) {
    plan *p = context->plan;
    return p != NULL && pthread_equal(p->thread, pthread_self()) && !p->is_suspended ? p : NULL;
}

plan *plan_suspend(cleat_context *context) {
    pthread_mutex_lock(&context->mutex);
    plan *p = plan_current(context);
    if (p != NULL) {
        p->is_suspended = true;
    }
    pthread_mutex_unlock(&context->mutex);
    return p;
}

void plan_resume(cleat_context *context, plan *suspended) {
    if (suspended != NULL) {
        pthread_mutex_lock(&context->mutex);
        suspended->is_suspended = false;
        pthread_mutex_unlock(&context->mutex);
    }
}

bool plan_is_open(cleat_context *context) {
    pthread_mutex_lock(&context->mutex);
    bool open = plan_current(context) != NULL;
    pthread_mutex_unlock(&context->mutex);
    return open;
}

void plan_count(plan *p, double flop, double bytes) {
    p->summary.launches++;
    p->summary.flop += flop;
    p->summary.bytes += bytes;
}

static cleat_status append(plan *p, const launch *l) {
    launch *kernels =
        memory_grow(p->kernels, (size_t)p->summary.kernels, &p->capacity, sizeof *kernels);
    REFUSE_IF(
        kernels == NULL, CLEAT_OUT_OF_HOST_MEMORY, "%s: no host memory for the plan", l->operation);
    p->kernels = kernels;
    p->kernels[p->summary.kernels++] = *l;
    return CLEAT_OK;
}

static bool is_known(const plan *p, const launch *l) {
    for (size_t i = 0; i < p->summary.kernels; i++) {
        if (kernel_cache_same(&p->kernels[i], l)) {
            return true;
        }
    }
    return false;
}

cleat_status plan_add(cleat_context *context, const launch *launches, int count) {
    plan *p = context->plan;
    for (int i = 0; i < count; i++) {
        TRY(launch_fits(&launches[i]));
        if (!is_known(p, &launches[i])) {
            TRY(append(p, &launches[i]));
        }
        if (!launch_is_empty(&launches[i])) {
            plan_count(p, launches[i].flop, launches[i].bytes);
        }
    }
    return CLEAT_OK;
}

void plan_free(plan *p) {
    if (p != NULL) {
        scratch_pool_clear(NULL, &p->scratch);
        memory_free(p->kernels);
        memory_free(p);
    }
}

cleat_status cleat_plan_begin(cleat_context *context) {
    TRY(check_context("plan_begin", context));
    plan *p = memory_allocate_zeroed(1, sizeof *p);
    REFUSE_IF(p == NULL, CLEAT_OUT_OF_HOST_MEMORY, "plan_begin: no host memory");
    p->thread = pthread_self();
    pthread_mutex_lock(&context->mutex);
    bool free_for_us = context->plan == NULL;
    bool ours = plan_current(context) != NULL;
    if (free_for_us) {
        context->plan = p;
    }
    pthread_mutex_unlock(&context->mutex);
    if (!free_for_us) {
        plan_free(p);
        return status_set(CLEAT_INVALID_ARGUMENT, "plan_begin: %s has a plan open already",
            ours ? "this thread" : "another thread");
    }
    return CLEAT_OK;
}

/* Builds the kernels, and checks their work-groups against what they turn out to allow. */
static cleat_status build(cleat_context *context, plan *p) {
    TRY(kernel_cache_build_all(context, p->kernels, (size_t)p->summary.kernels));
    for (size_t i = 0; i < p->summary.kernels; i++) {
        TRY(launch_check(context, &p->kernels[i]));
    }
    return CLEAT_OK;
}

cleat_status cleat_plan_end(cleat_context *context, cleat_plan_summary *summary) {
    TRY(check_context("plan_end", context));
    pthread_mutex_lock(&context->mutex);
    plan *p = plan_current(context);
    context->plan = p != NULL ? NULL : context->plan;
    cleat_context_statistics before = context->statistics;
    pthread_mutex_unlock(&context->mutex);
    REFUSE_IF(p == NULL, CLEAT_INVALID_ARGUMENT, "plan_end: this thread has no plan open");
    double started = clock_seconds();
    cleat_status status = build(context, p);
    p->summary.build_seconds = clock_seconds() - started;
    pthread_mutex_lock(&context->mutex);
    p->summary.built = context->statistics.kernels_built - before.kernels_built;
    p->summary.loaded = context->statistics.kernels_loaded - before.kernels_loaded;
    pthread_mutex_unlock(&context->mutex);
    if (summary != NULL) {
        *summary = p->summary;
    }
    plan_free(p);
    return status;
}
