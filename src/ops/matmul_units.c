/* SPDX-License-Identifier: Apache-2.0 */
/* The variant gpu_units. Kernels: cl/matmul_units.cl and, after a split, cl/matmul_sum.cl */
#include "ops/gemm_units.h"
#include "ops/matmul_problem.h"

/* How an operand's quads lie: runs of so many elements (four, or as many as 16 bytes hold). */
typedef struct quads {
    bool along;   /* along k, else across */
    bool aligned; /* each is contiguous that way, and begins at a multiple of its size */
    bool whole;   /* and lies inside or outside as a whole */
} quads;

/* `lane` and `term` are the operand's steps, lanes and terms its extents. */
static quads quads_of(
    const matmul_problem *p, const matmul_operand *x, int64_t lanes, bool is_b, int64_t quad) {
    const int64_t lane = is_b ? x->column : x->row, term = is_b ? x->row : x->column;
    quads q = {.along = (term == 1 || p->k == 1) && lane != 1};
    q.aligned = p->k > 0 && (q.along ? lane : term) % quad == 0 && (q.along || lane == 1) &&
                x->offset % quad == 0 && x->scratch == NULL;
    for (int i = 0; i < p->batch_rank; ++i) {
        q.aligned = q.aligned && x->batch[i] % quad == 0;
    }
    q.whole = q.aligned && (q.along ? p->k : lanes) % quad == 0;
    return q;
}

/* Which kernel: by copies, for whole quads (MATMUL_WHOLE of cl/matmul_load.cl), or for any. */
static void choose_loaders(
    cleat_context *context, const matmul_problem *p, units_tile *tile, launch *l) {
    const cleat_type type = p->y.view.type;
    const int64_t run = 16 / (int64_t)cleat_type_size(type);
    quads a = quads_of(p, &p->a, p->m, false, run), b = quads_of(p, &p->b, p->n, true, run);
    if (a.aligned && b.aligned && units_take_as_they_lie(p->mode, type)) {
        tile->stages = units_stages(context, p->unit, p->mode, tile);
    }
    if (tile->stages == 0) {
        a = quads_of(p, &p->a, p->m, false, 4);
        b = quads_of(p, &p->b, p->n, true, 4);
    }
    const bool whole = tile->stages == 0 && a.whole && b.whole;
    if (whole) {
        launch_macro(l, "MATMUL_WHOLE", 1);
    }
    if (whole || tile->stages > 0) {
        launch_macro(l, "GEMM_A_ALONG_K", a.along);
        launch_macro(l, "GEMM_B_ALONG_K", b.along);
    }
}

bool matmul_gpu_units_supports(const device_profile *profile, const void *problem) {
    const matmul_problem *p = problem;
    return units_fit(profile, p->unit);
}

cleat_status matmul_gpu_units(cleat_context *context, const void *problem) {
    const matmul_problem *p = problem;
    units_tile tile = units_choose(context, p->unit, matmul_tile_count(p, UNITS_LARGE));
    launch l = launch_begin("matmul", "matmul_units", "matmul_gpu_units");
    choose_loaders(context, p, &tile, &l);
    units_macros(context_profile(context), p->unit, p->mode, &tile, &l);
    const size_t group[2] = {tile.items, 1};
    return matmul_launch_tiles(context, p, &l, tile.side, units_terms(p->mode), group);
}
