/* SPDX-License-Identifier: Apache-2.0 */
/* The variant gpu_tiled. Kernels: cl/matmul_gpu.cl and, after a split, cl/matmul_sum.cl */
#include "ops/gemm_gpu.h"
#include "ops/matmul_problem.h"

enum { TILE_K = 8, SPLIT_K_LEAST = 256, SPLIT_PARTS_MOST = 16 };

/* A square work-group of side * side, sums * sums results for each work-item. */
typedef struct group_shape {
    int64_t side, sums;
} group_shape;

/* Largest tile first. */
static const group_shape group_shapes[] = {{16, 8}, {16, 4}, {8, 4}, {4, 4}};
enum { GROUP_SHAPES = sizeof group_shapes / sizeof group_shapes[0] };

static int64_t tile_of(const group_shape *g) {
    return g->side * g->sums;
}

static size_t local_bytes(const group_shape *g) {
    return (size_t)(2 * TILE_K * 2 * (tile_of(g) + 4)) * sizeof(float);
}

static bool fits(const device_profile *profile, const group_shape *g) {
    return (size_t)(g->side * g->side) <= profile->max_work_group_size &&
           (size_t)g->side <= profile->max_work_item_sizes[0] &&
           (size_t)g->side <= profile->max_work_item_sizes[1] &&
           local_bytes(g) <= profile->local_memory;
}

static int64_t tile_count(const matmul_problem *p, const group_shape *g) {
    return ceil_div(p->m, tile_of(g)) * ceil_div(p->n, tile_of(g)) * p->batch_count;
}

/* The largest tile that fits the device and still gives each compute unit two; else the smallest
 * that makes work-groups of 64 or more. The tuning table may know better. */
static int choose_shape(cleat_context *context, const matmul_problem *p) {
    const device_profile *profile = context_profile(context);
    const int64_t wanted = tuning_number(context, "matmul", "gpu_tile", 1, 1024, 0);
    const int64_t most = tuning_number(context, "matmul", "gpu_tile_most", 16, 1024, 1024);
    int chosen = -1;
    for (int i = 0; i < GROUP_SHAPES; ++i) {
        const group_shape *g = &group_shapes[i];
        if (fits(profile, g) && tile_of(g) == wanted) {
            return i;
        }
    }
    for (int i = 0; i < GROUP_SHAPES; ++i) {
        const group_shape *g = &group_shapes[i];
        if (!fits(profile, g) || tile_of(g) > most || (chosen >= 0 && g->side < 8)) {
            continue;
        }
        chosen = i;
        if (tile_count(p, g) >= 2 * (int64_t)profile->compute_units) {
            break;
        }
    }
    return chosen;
}

bool matmul_gpu_tiled_supports(const device_profile *profile, const void *problem) {
    (void)problem;
    return fits(profile, &group_shapes[GROUP_SHAPES - 1]);
}

/* Into how many parts to split k so that every compute unit has work. */
static int64_t choose_parts(
    const device_profile *profile, const matmul_problem *p, const group_shape *g) {
    const int64_t tiles = tile_count(p, g);
    int64_t parts = ceil_div(2 * (int64_t)profile->compute_units, tiles);
    parts = parts < p->k / SPLIT_K_LEAST ? parts : p->k / SPLIT_K_LEAST;
    parts = parts < SPLIT_PARTS_MOST ? parts : SPLIT_PARTS_MOST;
    size_t bytes = 0;
    const size_t limit = (size_t)(profile->info.max_allocation / 4);
    return parts > 1 && matmul_sum_bytes(p, parts, limit, &bytes) ? parts : 1;
}

static launch tiled_launch(cleat_context *context, const matmul_problem *p, const group_shape *g,
    int64_t parts, void *partial, bool index64) {
    launch l = launch_begin("matmul", "matmul_gpu", "matmul_gpu_tiled");
    launch_macro(&l, "GEMM_TX", g->side);
    launch_macro(&l, "GEMM_TY", g->side);
    launch_macro(&l, "GEMM_RM", g->sums);
    launch_macro(&l, "GEMM_RN", g->sums);
    launch_macro(&l, "GEMM_TILE_K", TILE_K);
    launch_macro(&l, "MATMUL_SPLIT", parts > 1);
    launch_macro(&l, "ACTIVATION", parts > 1 ? 0 : p->activation.form);
    matmul_macros(&l, p, index64);
    matmul_arguments(&l, p);
    launch_index(&l, p->batch_count);
    launch_index(&l, ceil_div(ceil_div(p->k, parts), TILE_K) * TILE_K);
    launch_index(&l, gemm_band(context));
    launch_memory(&l, partial);
    const size_t side = (size_t)g->side;
    const size_t global[3] = {(size_t)ceil_div(p->n, tile_of(g)) * side,
        (size_t)ceil_div(p->m, tile_of(g)) * side, (size_t)(p->batch_count * parts)};
    const size_t local[3] = {side, side, 1};
    launch_size_3d(&l, global, local);
    l.flop = matmul_flop(p);
    l.bytes = matmul_bytes(p);
    return l;
}

launch matmul_gpu_tiled_launch(cleat_context *context, const matmul_problem *p) {
    return tiled_launch(context, p, &group_shapes[choose_shape(context, p)], 1, NULL, p->index64);
}

cleat_status matmul_gpu_tiled(cleat_context *context, const void *problem) {
    const matmul_problem *p = problem;
    const device_profile *profile = context_profile(context);
    const group_shape *g = &group_shapes[choose_shape(context, p)];
    const int64_t parts = choose_parts(profile, p, g);
    if (parts == 1) {
        launch l = tiled_launch(context, p, g, 1, NULL, p->index64);
        return launch_all(context, &l, 1);
    }
    size_t bytes = 0;
    void *partial = NULL;
    matmul_sum_bytes(p, parts, SIZE_MAX, &bytes);
    TRY(scratch_acquire(context, bytes, &partial));
    const bool index64 = p->index64 || matmul_sum_needs_index64(bytes);
    launch launches[] = {tiled_launch(context, p, g, parts, partial, index64),
        matmul_sum_launch(context_profile(context), p, partial, parts, index64)};
    const cleat_status status = launch_all(context, launches, 2);
    scratch_release(context, partial);
    return status;
}
