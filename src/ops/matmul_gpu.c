/* SPDX-License-Identifier: Apache-2.0 */
/* The variant gpu_tiled. Kernels: cl/matmul_gpu.cl and, after a split, cl/matmul_sum.cl */
#include "core/tuning.h"
#include "ops/matmul_problem.h"

enum { TILE_K = 8 };

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
        if (matmul_tile_count(p, tile_of(g)) >= 2 * (int64_t)profile->compute_units) {
            break;
        }
    }
    return chosen;
}

bool matmul_gpu_tiled_supports(const device_profile *profile, const void *problem) {
    (void)problem;
    return fits(profile, &group_shapes[GROUP_SHAPES - 1]);
}

/* The kernel with its own macros; a group of it goes to `group`. */
static launch tiled_launch(const group_shape *g, size_t group[2]) {
    launch l = launch_begin("matmul", "matmul_gpu", "matmul_gpu_tiled");
    launch_macro(&l, "GEMM_TX", g->side);
    launch_macro(&l, "GEMM_TY", g->side);
    launch_macro(&l, "GEMM_RM", g->sums);
    launch_macro(&l, "GEMM_RN", g->sums);
    launch_macro(&l, "GEMM_TILE_K", TILE_K);
    group[0] = group[1] = (size_t)g->side;
    return l;
}

launch matmul_gpu_tiled_launch(cleat_context *context, const matmul_problem *p) {
    const group_shape *g = &group_shapes[choose_shape(context, p)];
    size_t group[2];
    launch l = tiled_launch(g, group);
    matmul_tiles_whole(context, p, &l, tile_of(g), TILE_K, group);
    return l;
}

cleat_status matmul_gpu_tiled(cleat_context *context, const void *problem) {
    const matmul_problem *p = problem;
    const group_shape *g = &group_shapes[choose_shape(context, p)];
    size_t group[2];
    launch l = tiled_launch(g, group);
    return matmul_launch_tiles(context, p, &l, tile_of(g), TILE_K, group);
}
