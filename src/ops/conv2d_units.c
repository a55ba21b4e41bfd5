/* SPDX-License-Identifier: Apache-2.0 */
/* The variant gpu_units, in all directions: cl/conv2d_units.cl; windows of one element as matmul's.
 */
#include "ops/conv2d_gemm.h"
#include "ops/gemm_units.h"
#include "ops/matmul_problem.h"

bool conv2d_gpu_units_supports(const device_profile *profile, const void *problem) {
    const conv2d_problem *p = problem;
    return units_fit(profile, p->unit) && conv2d_gemm_supports(p);
}

/* Whether each row of weights has its terms one behind the other, and begins at a multiple of 16
 * bytes. */
static bool weights_are_runs(const conv2d_problem *p) {
    const int64_t *shape = p->w.shape, *stride = p->w.stride;
    const int64_t run = 16 / (int64_t)cleat_type_size(p->w.type);
    const int64_t area = shape[2] * shape[3];
    return (shape[3] == 1 || stride[3] == 1) && (shape[2] == 1 || stride[2] == shape[3]) &&
           (p->depth.w == 1 || p->depth.w_stride == area) &&
           (p->group_channels == 1 || stride[1] == p->depth.w * area) &&
           (shape[0] == 1 || stride[0] % run == 0) && p->w.offset % run == 0;
}

/* Forward, where the mode takes weights as they lie: cl/gemm_stages.cl. */
static bool copies_weights(
    cleat_context *context, const conv2d_problem *p, const units_tile *tile) {
    return p->direction == CLEAT_CONV2D_FORWARD && weights_are_runs(p) &&
           units_take_as_they_lie(p->mode, p->w.type) &&
           units_stages(context, p->unit, p->mode, tile) > 0;
}

/* Tiles of the larger kind, 0 where half of each would be in vain. */
static int64_t large_tiles(const conv2d_problem *p, const conv2d_gemm *size) {
    return size->rows > UNITS_SMALL && size->columns > UNITS_SMALL
               ? conv2d_gemm_tiles(p, size, UNITS_LARGE, UNITS_LARGE)
               : 0;
}

cleat_status conv2d_gpu_units(cleat_context *context, const void *problem) {
    const conv2d_problem *p = problem;
    const device_profile *profile = context_profile(context);
    if (conv2d_is_pointwise(profile, p)) {
        return conv2d_pointwise_by(context, p, matmul_gpu_units);
    }
    conv2d_gemm size = conv2d_gemm_of(context, p);
    conv2d_gemm_split(profile, p, &size, units_terms(p->mode));
    const units_tile tile = units_choose(context, p->unit, large_tiles(p, &size));
    launch l = conv2d_gemm_begin(p, &size, "conv2d_units", "conv2d_gpu_units");
    units_macros(profile, p->unit, p->mode, &tile, &l);
    if (copies_weights(context, p, &tile)) {
        launch_macro(&l, "UNITS_A_COPIED", 1);
    }
    const int64_t extents[2] = {tile.side, tile.side};
    const size_t group[2] = {tile.items, 1};
    return conv2d_gemm_run(context, p, &size, &l, extents, group);
}
