/* SPDX-License-Identifier: Apache-2.0 */
/* The variant gpu_units. Kernels: cl/matmul_units.cl and, after a split, cl/matmul_sum.cl */
#include "ops/gemm_units.h"
#include "ops/matmul_problem.h"

/* Whether the kernel may load quads of an operand as whole ones (MATMUL_WHOLE of
 * cl/matmul_load.cl), along k or across: `lane` and `term` are its steps, lanes and terms its
 * extents. */
static bool quads_are_whole(
    const matmul_problem *p, const matmul_operand *x, int64_t lanes, bool is_b, bool *along) {
    const int64_t lane = is_b ? x->column : x->row, term = is_b ? x->row : x->column;
    *along = term == 1 && lane != 1;
    bool whole = p->k > 0 && (*along ? p->k : lanes) % 4 == 0 && (*along ? lane : term) % 4 == 0 &&
                 (*along || lane == 1) && x->offset % 4 == 0 && x->scratch == NULL;
    for (int i = 0; i < p->batch_rank; ++i) {
        whole = whole && x->batch[i] % 4 == 0;
    }
    return whole;
}

bool matmul_gpu_units_supports(const device_profile *profile, const void *problem) {
    const matmul_problem *p = problem;
    return units_fit(profile, p->unit);
}

cleat_status matmul_gpu_units(cleat_context *context, const void *problem) {
    const matmul_problem *p = problem;
    const units_tile tile = units_choose(context, p->unit, matmul_tile_count(p, UNITS_LARGE));
    launch l = launch_begin("matmul", "matmul_units", "matmul_gpu_units");
    units_macros(context_profile(context), p->unit, p->mode, &tile, &l);
    bool a_along, b_along;
    if (quads_are_whole(p, &p->a, p->m, false, &a_along) &&
        quads_are_whole(p, &p->b, p->n, true, &b_along)) {
        launch_macro(&l, "MATMUL_WHOLE", 1);
        launch_macro(&l, "GEMM_A_ALONG_K", a_along);
        launch_macro(&l, "GEMM_B_ALONG_K", b_along);
    }
    const size_t group[2] = {tile.items, 1};
    return matmul_launch_tiles(context, p, &l, tile.side, units_terms(p->mode), group);
}
