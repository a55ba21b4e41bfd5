/* SPDX-License-Identifier: Apache-2.0 */
/* What the variants of matmul share when they fill a launch. */
#include "core/tensor_check.h"
#include "ops/gemm_gpu.h"
#include "ops/matmul_problem.h"
#include "ops/types.h"

double matmul_flop(const matmul_problem *p) {
    return 2.0 * (double)p->m * (double)p->n * (double)p->k * (double)p->batch_count;
}

/* Elements of an operand, those of a broadcast axis once. */
static double distinct(
    const matmul_problem *p, const matmul_operand *x, int64_t rows, int64_t columns) {
    if (x->view.buffer == NULL) {
        return 0;
    }
    double count = (x->row != 0 ? (double)rows : 1.0) * (x->column != 0 ? (double)columns : 1.0);
    for (int i = 0; i < p->batch_rank; ++i) {
        count *= x->batch[i] != 0 ? (double)p->batch_extent[i] : 1.0;
    }
    return count;
}

double matmul_bytes(const matmul_problem *p) {
    const double written = distinct(p, &p->y, p->m, p->n);
    const double size = (double)cleat_type_size(p->y.view.type);
    return size * (distinct(p, &p->a, p->m, p->k) + distinct(p, &p->b, p->k, p->n) + written +
                      (p->beta != 0.0f ? written : 0.0) + distinct(p, &p->bias, p->m, p->n) +
                      distinct(p, &p->residual, p->m, p->n));
}

/* Kernels know two batch ranks, as each is one more to compile: the next higher one serves. */
int matmul_kernel_batch_rank(const matmul_problem *p) {
    return p->batch_rank <= 1 ? 1 : MATMUL_MAX_BATCH_RANK;
}

void matmul_macros(launch *l, const matmul_problem *p, bool index64) {
    launch_use_index64(l, index64);
    launch_macro(l, "BATCH_RANK", matmul_kernel_batch_rank(p));
    if (type_is_half(p->y.view.type)) {
        launch_macro(l, "MATMUL_HALF", p->y.view.type);
    }
}

static void operand_memory(launch *l, const matmul_operand *x) {
    if (x->scratch != NULL) {
        launch_memory(l, x->scratch);
    } else {
        launch_tensor(l, x->view.buffer != NULL ? &x->view : NULL);
    }
}

void matmul_arguments(launch *l, const matmul_problem *p) {
    const matmul_operand *operands[] = {&p->a, &p->b, &p->y, &p->bias, &p->residual};
    enum { OPERANDS = sizeof operands / sizeof operands[0] };
    for (int i = 0; i < OPERANDS; ++i) {
        operand_memory(l, operands[i]);
    }
    launch_numbers_begin(l);
    launch_index(l, p->m);
    launch_index(l, p->n);
    launch_index(l, p->k);
    for (int i = 0; i < OPERANDS; ++i) {
        launch_index(l, operands[i]->offset);
        launch_index(l, operands[i]->row);
        launch_index(l, operands[i]->column);
    }
    for (int axis = 0; axis < matmul_kernel_batch_rank(p); ++axis) {
        launch_index(l, axis < p->batch_rank ? p->batch_extent[axis] : 1);
        for (int i = 0; i < OPERANDS; ++i) {
            launch_index(l, operands[i]->batch[axis]);
        }
    }
    launch_real(l, p->alpha);
    launch_real(l, p->beta);
    launch_activation(l, &p->activation);
    launch_int(l, (p->beta != 0.0f ? 1 : 0) + (p->bias.view.buffer != NULL ? 2 : 0) +
                      (p->residual.view.buffer != NULL ? 4 : 0));
    launch_numbers_end(l);
}

bool matmul_sum_bytes(const matmul_problem *p, int64_t parts, size_t limit, size_t *bytes) {
    int64_t count = parts;
    int64_t size = 0;
    if (!checked_mul(count, p->batch_count, &count) || !checked_mul(count, p->m, &count) ||
        !checked_mul(count, p->n, &count) || !checked_mul(count, (int64_t)sizeof(float), &size) ||
        (uint64_t)size > limit) {
        return false;
    }
    *bytes = (size_t)size;
    return true;
}

bool matmul_sum_needs_index64(size_t bytes) {
    return bytes / sizeof(float) > (size_t)INT32_MAX;
}

static size_t group_lanes(const device_profile *profile) {
    size_t lanes = 64;
    while (lanes > 1 &&
           (lanes > profile->max_work_group_size || lanes > profile->max_work_item_sizes[0])) {
        lanes /= 2;
    }
    return lanes;
}

void matmul_size_by_tile(const device_profile *profile, const size_t tiles[3], launch *l) {
    const size_t lanes = profile->is_cpu ? 1 : group_lanes(profile);
    const size_t global[3] = {round_up(tiles[0], lanes), tiles[1], tiles[2]};
    const size_t local[3] = {lanes, 1, 1};
    launch_size_3d(l, global, local);
}

/* Always the same work-group, since drivers for CPUs compile a kernel anew for each. */
void matmul_size_by_element(const device_profile *profile, const matmul_problem *p, launch *l) {
    const size_t lanes = group_lanes(profile);
    const size_t global[3] = {round_up((size_t)p->n, lanes), (size_t)p->m, (size_t)p->batch_count};
    const size_t local[3] = {lanes, 1, 1};
    launch_size_3d(l, global, local);
}

launch matmul_sum_launch(const device_profile *profile, const matmul_problem *p, void *partial,
    int64_t parts, bool index64) {
    launch l = launch_begin("matmul", "matmul_sum", "matmul_sum");
    launch_macro(&l, "ACTIVATION", p->activation.form);
    matmul_macros(&l, p, index64);
    matmul_arguments(&l, p);
    launch_index(&l, p->batch_count);
    launch_index(&l, parts);
    launch_memory(&l, partial);
    matmul_size_by_element(profile, p, &l);
    l.bytes = 4.0 * (double)(parts + 1) * (double)p->m * (double)p->n * (double)p->batch_count;
    return l;
}

/* ---- Kernels of tiles, for GPUs ---- */

enum { SPLIT_K_LEAST = 256, SPLIT_PARTS_MOST = 16 };

int64_t matmul_tile_count(const matmul_problem *p, int64_t tile) {
    return ceil_div(p->m, tile) * ceil_div(p->n, tile) * p->batch_count;
}

/* Into how many parts to split k so that every compute unit has work. */
static int64_t choose_parts(const device_profile *profile, const matmul_problem *p, int64_t tile) {
    const int64_t tiles = matmul_tile_count(p, tile);
    int64_t parts = ceil_div(2 * (int64_t)profile->compute_units, tiles);
    parts = parts < p->k / SPLIT_K_LEAST ? parts : p->k / SPLIT_K_LEAST;
    parts = parts < SPLIT_PARTS_MOST ? parts : SPLIT_PARTS_MOST;
    size_t bytes = 0;
    const size_t limit = (size_t)(profile->info.max_allocation / 4);
    return parts > 1 && matmul_sum_bytes(p, parts, limit, &bytes) ? parts : 1;
}

static void tile_arguments(const matmul_problem *p, launch *l, int64_t tile, int64_t k_part,
    int64_t band, const size_t group[2], int64_t parts, void *partial, bool index64) {
    launch_macro(l, "MATMUL_SPLIT", parts > 1);
    launch_macro(l, "ACTIVATION", parts > 1 ? 0 : p->activation.form);
    matmul_macros(l, p, index64);
    matmul_arguments(l, p);
    launch_index(l, p->batch_count);
    launch_index(l, k_part);
    launch_index(l, band);
    launch_memory(l, partial);
    const size_t global[3] = {(size_t)ceil_div(p->n, tile) * group[0],
        (size_t)ceil_div(p->m, tile) * group[1], (size_t)(p->batch_count * parts)};
    const size_t local[3] = {group[0], group[1], 1};
    launch_size_3d(l, global, local);
    l->flop = matmul_flop(p);
    l->bytes = matmul_bytes(p);
}

/* Terms of a part: a multiple of tile_k. */
static int64_t part_terms(const matmul_problem *p, int64_t parts, int64_t tile_k) {
    return ceil_div(ceil_div(p->k, parts), tile_k) * tile_k;
}

void matmul_tiles_whole(cleat_context *context, const matmul_problem *p, launch *l, int64_t tile,
    int64_t tile_k, const size_t group[2]) {
    tile_arguments(
        p, l, tile, part_terms(p, 1, tile_k), gemm_band(context), group, 1, NULL, p->index64);
}

cleat_status matmul_launch_tiles(cleat_context *context, const matmul_problem *p, launch *l,
    int64_t tile, int64_t tile_k, const size_t group[2]) {
    const device_profile *profile = context_profile(context);
    const int64_t parts = choose_parts(profile, p, tile);
    if (parts == 1) {
        matmul_tiles_whole(context, p, l, tile, tile_k, group);
        return launch_all(context, l, 1);
    }
    size_t bytes = 0;
    void *partial = NULL;
    matmul_sum_bytes(p, parts, SIZE_MAX, &bytes);
    TRY(scratch_acquire(context, bytes, &partial));
    const bool index64 = p->index64 || matmul_sum_needs_index64(bytes);
    tile_arguments(p, l, tile, part_terms(p, parts, tile_k), gemm_band(context), group, parts,
        partial, index64);
    launch launches[] = {*l, matmul_sum_launch(profile, p, partial, parts, index64)};
    const cleat_status status = launch_all(context, launches, 2);
    scratch_release(context, partial);
    return status;
}
