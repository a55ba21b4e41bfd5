/* SPDX-License-Identifier: Apache-2.0 */
/* The variant gpu_units. Kernels: cl/matmul_units.cl and, after a split, cl/matmul_sum.cl */
#include "core/tuning.h"
#include "ops/matmul_problem.h"
#include "ops/types.h"
#include <string.h>

enum { LINE = 16, SHAPES = 2 }; /* LINE: UNIT_LINE of cl/unit.cl */

/* Sub-groups of a work-group and fragments of a sub-group, both down and across. */
typedef struct unit_shape {
    int down, across, rows, columns;
} unit_shape;

/* The larger tile first, of 128 x 128 by 256 work-items, then 64 x 64 by 128. */
static const struct {
    const char *unit;
    int pitch; /* UNIT_PITCH */
    unit_shape shapes[SHAPES];
} unit_shapes[] = {
    {"nvidia", LINE, {{2, 4, 4, 4}, {2, 2, 2, 4}}},
    {"amd_mfma", LINE, {{2, 2, 4, 4}, {2, 1, 2, 4}}},
    {"amd_wmma", LINE, {{2, 4, 4, 2}, {2, 2, 2, 2}}},
    {"intel", LINE + 4, {{4, 8, 4, 2}, {4, 4, 2, 2}}},
    {"intel_16", LINE + 4, {{4, 4, 4, 2}, {4, 2, 2, 2}}},
};

static size_t index_of(const matrix_unit *unit) {
    size_t i = 0;
    while (strcmp(unit_shapes[i].unit, unit->name) != 0) {
        i++;
    }
    return i;
}

static const unit_shape *shapes_of(const matrix_unit *unit) {
    return unit_shapes[index_of(unit)].shapes;
}

static int64_t tile_of(const matrix_unit *unit, const unit_shape *s) {
    return (int64_t)s->down * s->rows * unit->rows;
}

static size_t items_of(const matrix_unit *unit, const unit_shape *s) {
    return (size_t)(s->down * s->across * unit->lanes);
}

static bool fits(const device_profile *profile, const matrix_unit *unit, const unit_shape *s) {
    const size_t items = items_of(unit, s);
    const size_t bytes =
        4 * sizeof(float) * (size_t)(unit_shapes[index_of(unit)].pitch * tile_of(unit, s)) +
        items * matrix_unit_exchange(profile, unit);
    return items <= profile->max_work_group_size && items <= profile->max_work_item_sizes[0] &&
           bytes <= profile->local_memory;
}

/* The larger tile where it still gives each compute unit two. The tuning table may know better. */
static const unit_shape *choose_shape(cleat_context *context, const matmul_problem *p) {
    const device_profile *profile = context_profile(context);
    const unit_shape *shapes = shapes_of(p->unit);
    const int64_t wanted = tuning_number(context, "matmul", "gpu_tile", 1, 1024, 0);
    const int64_t most = tuning_number(context, "matmul", "units_tile_most", 16, 1024, 1024);
    const int64_t tile = tile_of(p->unit, &shapes[0]);
    const bool large = wanted > 0 ? wanted >= tile
                                  : tile <= most && matmul_tile_count(p, tile) >=
                                                        2 * (int64_t)profile->compute_units;
    return &shapes[large && fits(profile, p->unit, &shapes[0]) ? 0 : SHAPES - 1];
}

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
    return p->unit != NULL && fits(profile, p->unit, &shapes_of(p->unit)[SHAPES - 1]);
}

cleat_status matmul_gpu_units(cleat_context *context, const void *problem) {
    const matmul_problem *p = problem;
    const unit_shape *s = choose_shape(context, p);
    launch l = launch_begin("matmul", "matmul_units", "matmul_gpu_units");
    matrix_unit_macros(context_profile(context), p->unit, p->mode, &l);
    launch_macro(&l, "UNITS_DOWN", s->down);
    launch_macro(&l, "UNITS_ACROSS", s->across);
    launch_macro(&l, "UNITS_ROWS", s->rows);
    launch_macro(&l, "UNITS_COLUMNS", s->columns);
    bool a_along, b_along;
    if (quads_are_whole(p, &p->a, p->m, false, &a_along) &&
        quads_are_whole(p, &p->b, p->n, true, &b_along)) {
        launch_macro(&l, "MATMUL_WHOLE", 1);
        launch_macro(&l, "GEMM_A_ALONG_K", a_along);
        launch_macro(&l, "GEMM_B_ALONG_K", b_along);
    }
    const int64_t words = p->mode == MATRIX_F16 || p->mode == MATRIX_BF16 ? 2 : 1;
    const size_t group[2] = {items_of(p->unit, s), 1};
    return matmul_launch_tiles(context, p, &l, tile_of(p->unit, s), LINE * words, group);
}

void matmul_find_unit(cleat_context *context, cleat_compute compute, matmul_problem *p) {
    static const matrix_mode modes[] = {[CLEAT_COMPUTE_STRICT] = MATRIX_F32,
        [CLEAT_COMPUTE_TF32] = MATRIX_TF32,
        [CLEAT_COMPUTE_TF32X3] = MATRIX_TF32X3,
        [CLEAT_COMPUTE_F16] = MATRIX_F16,
        [CLEAT_COMPUTE_BF16] = MATRIX_BF16};
    const cleat_type type = p->y.view.type;
    p->mode = type == CLEAT_F16 ? MATRIX_F16 : type == CLEAT_BF16 ? MATRIX_BF16 : modes[compute];
    p->unit = p->m > 1 ? matrix_unit_find(context, p->mode) : NULL;
    if (p->m > 1 && p->unit == NULL && p->mode != MATRIX_F32 && !type_is_half(type)) {
        p->mode = MATRIX_F32;
        p->unit = matrix_unit_find(context, p->mode);
    }
}
