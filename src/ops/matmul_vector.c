/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The variants for a vector times a matrix (canonical form: m is 1): vector_cpu and vector_gpu.
 * Kernels: cl/matmul_vector_cpu.cl, cl/matmul_vector_gpu.cl, then cl/matmul_sum.cl
 */
#include "ops/matmul_problem.h"
#include <string.h>

enum { CPU_CHUNK = 4096, CPU_DOTS = 8, PARTS_MOST = 256 };

/* Columns whose sums a work-item keeps: on processors in half the first-level cache, so that rows
 * are read in long runs; devices of another kind keep less. */
static int64_t chunk_of(const device_profile *profile) {
    return profile->is_cpu ? CPU_CHUNK : CPU_CHUNK / 8;
}

/* m is 0 where y is empty: then nothing will be enqueued. */
static bool is_vector(const matmul_problem *p) {
    return p->m <= 1;
}

/* b is read along its rows, unless they are not contiguous. */
static bool along_rows(const matmul_problem *p) {
    return p->n > 1 && p->b.column == 1;
}

/* Parts of k so that there are about `wanted` pieces of work, each of at least `least` terms. */
static int64_t choose_parts(const device_profile *profile, const matmul_problem *p, int64_t pieces,
    int64_t wanted, int64_t least) {
    int64_t parts = ceil_div(wanted, pieces * p->batch_count);
    parts = parts < p->k / least ? parts : p->k / least;
    parts = parts < PARTS_MOST ? parts : PARTS_MOST;
    size_t bytes = 0;
    const size_t limit = (size_t)(profile->info.max_allocation / 4);
    return parts > 1 && matmul_sum_bytes(p, parts, limit, &bytes) ? parts : 1;
}

/* The launch that follows when k was cut: on processors one work-item a chunk of columns. */
static launch sum_launch(cleat_context *context, const matmul_problem *p, const launch *first,
    bool on_cpu, void *partial, int64_t parts, bool index64) {
    launch l = matmul_sum_launch(context_profile(context), p, partial, parts, index64);
    if (on_cpu) {
        l.family = first->family;
        l.kernel = "matmul_vector_cpu_sum";
        memcpy(l.macros, first->macros, sizeof l.macros);
        l.macro_count = first->macro_count;
        const size_t global[3] = {
            (size_t)ceil_div(p->n, chunk_of(context_profile(context))), 1, (size_t)p->batch_count};
        const size_t local[3] = {1, 1, 1};
        launch_size_3d(&l, global, local);
    }
    return l;
}

/* `global` and `local` in dimension 0; the kernel's own macros are in *l already. The kernels for
 * processors finish y themselves where there is one part. */
static cleat_status enqueue(cleat_context *context, const matmul_problem *p, launch *l,
    int64_t parts, size_t global, size_t local, bool on_cpu) {
    const bool finishes = on_cpu && parts == 1;
    size_t bytes = 0;
    REFUSE_IF(!finishes && !matmul_sum_bytes(p, parts, SIZE_MAX, &bytes), CLEAT_SIZE_OVERFLOW,
        "matmul: the partial sums do not fit in memory");
    const bool index64 = p->index64 || matmul_sum_needs_index64(bytes);
    void *partial = NULL;
    TRY(scratch_acquire(context, bytes, &partial));
    matmul_macros(l, p, index64);
    matmul_arguments(l, p);
    launch_index(l, p->batch_count);
    launch_index(l, p->k > 0 ? ceil_div(p->k, parts) : 1);
    launch_memory(l, partial);
    const size_t globals[3] = {global, (size_t)parts, (size_t)p->batch_count};
    const size_t locals[3] = {local, 1, 1};
    launch_size_3d(l, globals, locals);
    l->flop = matmul_flop(p);
    l->bytes = matmul_bytes(p);
    launch launches[2] = {*l};
    if (!finishes) {
        launches[1] = sum_launch(context, p, l, on_cpu, partial, parts, index64);
    }
    const cleat_status status = launch_all(context, launches, finishes ? 1 : 2);
    scratch_release(context, partial);
    return status;
}

bool matmul_vector_cpu_supports(const device_profile *profile, const void *problem) {
    (void)profile;
    return is_vector(problem);
}

cleat_status matmul_vector_cpu(cleat_context *context, const void *problem) {
    const matmul_problem *p = problem;
    const device_profile *profile = context_profile(context);
    const bool rows = along_rows(p);
    launch l = launch_begin(
        "matmul", "matmul_vector_cpu", rows ? "matmul_vector_cpu_rows" : "matmul_vector_cpu_dots");
    launch_macro(&l, "GEMM_W", profile_vector_width(profile));
    launch_macro(&l, "ACTIVATION", p->activation.form);
    launch_macro(&l, "CHUNK", chunk_of(profile));
    /* From a cache a thread reads evenly, and asking for rows only delays it. */
    const bool even = rows && !profile_is_past_caches(profile, matmul_bytes(p));
    if (rows && !even) {
        launch_macro(&l, "ASK_ROWS", 1);
    }
    const int64_t pieces = ceil_div(p->n, rows ? chunk_of(profile) : CPU_DOTS);
    const int64_t wanted = (even ? 2 : 4) * (int64_t)profile->compute_units;
    const int64_t parts = choose_parts(profile, p, pieces, wanted, rows ? 32 : 4096);
    return enqueue(context, p, &l, parts, (size_t)pieces, 1, true);
}

/* The work-group of the GPU kernels. */
static int64_t lanes_of(const device_profile *profile) {
    int64_t lanes = 64;
    while (lanes > 1 && ((size_t)lanes > profile->max_work_group_size ||
                            (size_t)lanes > profile->max_work_item_sizes[0])) {
        lanes /= 2;
    }
    return lanes;
}

bool matmul_vector_gpu_supports(const device_profile *profile, const void *problem) {
    return is_vector(problem) && profile->local_memory >= 64 * sizeof(float);
}

cleat_status matmul_vector_gpu(cleat_context *context, const void *problem) {
    const matmul_problem *p = problem;
    const device_profile *profile = context_profile(context);
    const bool rows = along_rows(p);
    const int64_t lanes = lanes_of(profile);
    launch l = launch_begin(
        "matmul", "matmul_vector_gpu", rows ? "matmul_vector_gpu_rows" : "matmul_vector_gpu_dots");
    launch_macro(&l, "LANES", lanes);
    const int64_t groups = rows ? ceil_div(p->n, lanes) : p->n;
    const int64_t parts =
        choose_parts(profile, p, groups, 8 * (int64_t)profile->compute_units, rows ? 64 : 2048);
    return enqueue(context, p, &l, parts, (size_t)(groups * lanes), (size_t)lanes, false);
}
