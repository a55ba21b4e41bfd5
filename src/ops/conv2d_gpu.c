/* SPDX-License-Identifier: Apache-2.0 */
/* All directions on GPUs, as implicit GEMM: cl/conv2d_gpu.cl. */
#include "ops/conv2d_gemm.h"

enum { TILE_K = 8 };

/* A work-group of columns x rows, each item with sums x sums results. */
typedef struct group_shape {
    int64_t columns, rows, sums;
} group_shape;

/* Largest first. */
static const group_shape group_shapes[] = {{16, 16, 4}, {16, 8, 4}, {8, 8, 4}, {8, 4, 4}};
enum { GROUP_SHAPES = sizeof group_shapes / sizeof group_shapes[0] };

static size_t local_bytes(const group_shape *g) {
    return (size_t)(2 * TILE_K * ((g->rows + g->columns) * g->sums + 8)) * sizeof(float);
}

static bool fits(const device_profile *profile, const group_shape *g) {
    return (size_t)(g->rows * g->columns) <= profile->max_work_group_size &&
           (size_t)g->columns <= profile->max_work_item_sizes[0] &&
           (size_t)g->rows <= profile->max_work_item_sizes[1] &&
           local_bytes(g) <= profile->local_memory;
}

bool conv2d_gpu_supports(const device_profile *profile, const void *problem) {
    return conv2d_gemm_supports(problem) && fits(profile, &group_shapes[GROUP_SHAPES - 1]);
}

/* The largest that fits the device, has no half in vain, and leaves two groups a compute unit; else
 * the smallest that fits. */
static const group_shape *choose_shape(
    const device_profile *profile, const conv2d_problem *p, const conv2d_gemm *size) {
    const group_shape *chosen = &group_shapes[GROUP_SHAPES - 1];
    for (int i = GROUP_SHAPES - 1; i >= 0; i--) {
        const group_shape *g = &group_shapes[i];
        const int64_t tiles = conv2d_gemm_tiles(p, size, g->rows * g->sums, g->columns * g->sums);
        if (fits(profile, g) && g->rows * g->sums < 2 * size->rows &&
            tiles >= 2 * (int64_t)profile->compute_units) {
            chosen = g;
        }
    }
    return chosen;
}

cleat_status conv2d_gpu(cleat_context *context, const void *problem) {
    const conv2d_problem *p = problem;
    const device_profile *profile = context_profile(context);
    conv2d_gemm size = conv2d_gemm_of(context, p);
    conv2d_gemm_split(profile, p, &size, TILE_K);
    const group_shape *g = choose_shape(profile, p, &size);
    launch l = conv2d_gemm_begin(p, &size, "conv2d_gpu", "conv2d_gpu");
    launch_macro(&l, "GEMM_TX", g->columns);
    launch_macro(&l, "GEMM_TY", g->rows);
    launch_macro(&l, "GEMM_RM", g->sums);
    launch_macro(&l, "GEMM_RN", g->sums);
    launch_macro(&l, "GEMM_TILE_K", TILE_K);
    const int64_t tile[2] = {g->rows * g->sums, g->columns * g->sums};
    const size_t group[2] = {(size_t)g->columns, (size_t)g->rows};
    return conv2d_gemm_run(context, p, &size, &l, tile, group);
}
