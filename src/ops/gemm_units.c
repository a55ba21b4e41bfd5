/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/gemm_units.h"
#include "core/tuning.h"
#include "ops/types.h"
#include <string.h>

enum { LINE = MATRIX_LINE, TILES = 2, STAGES_MOST = 3 };

/* The larger tile first: sub-groups of a work-group and fragments of a sub-group, both down and
 * across. */
static const struct {
    const char *unit;
    int pitch; /* UNIT_PITCH */
    struct {
        int down, across, rows, columns;
    } shapes[TILES];
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

static units_tile tile_of(const matrix_unit *unit, int number) {
    const size_t i = index_of(unit);
    units_tile tile = {.down = unit_shapes[i].shapes[number].down,
        .across = unit_shapes[i].shapes[number].across,
        .rows = unit_shapes[i].shapes[number].rows,
        .columns = unit_shapes[i].shapes[number].columns};
    tile.side = (int64_t)tile.down * tile.rows * unit->rows;
    tile.items = (size_t)(tile.down * tile.across * unit->lanes);
    return tile;
}

/* With so many tiles of each operand in local memory. */
static bool fits(
    const device_profile *profile, const matrix_unit *unit, const units_tile *tile, int64_t tiles) {
    const size_t line = sizeof(float) * (size_t)unit_shapes[index_of(unit)].pitch;
    const size_t bytes =
        2 * line * (size_t)(tiles * tile->side) + tile->items * matrix_unit_exchange(profile, unit);
    return tile->items <= profile->max_work_group_size &&
           tile->items <= profile->max_work_item_sizes[0] && bytes <= profile->local_memory;
}

cleat_status check_compute(const char *operation, cleat_compute compute) {
    REFUSE_IF(compute < CLEAT_COMPUTE_STRICT || compute > CLEAT_COMPUTE_BF16,
        CLEAT_INVALID_ARGUMENT, "%s: options->compute is %d, which is no cleat_compute", operation,
        (int)compute);
    return CLEAT_OK;
}

const matrix_unit *units_find(
    cleat_context *context, cleat_compute compute, cleat_type type, matrix_mode *mode) {
    static const matrix_mode modes[] = {[CLEAT_COMPUTE_STRICT] = MATRIX_F32,
        [CLEAT_COMPUTE_TF32] = MATRIX_TF32,
        [CLEAT_COMPUTE_TF32X3] = MATRIX_TF32X3,
        [CLEAT_COMPUTE_F16] = MATRIX_F16,
        [CLEAT_COMPUTE_BF16] = MATRIX_BF16};
    *mode = type == CLEAT_F16 ? MATRIX_F16 : type == CLEAT_BF16 ? MATRIX_BF16 : modes[compute];
    const matrix_unit *unit = matrix_unit_find(context, *mode);
    if (unit == NULL && *mode != MATRIX_F32 && !type_is_half(type)) {
        *mode = MATRIX_F32;
        unit = matrix_unit_find(context, *mode);
    }
    return unit;
}

bool units_fit(const device_profile *profile, const matrix_unit *unit) {
    if (unit == NULL) {
        return false;
    }
    const units_tile smaller = tile_of(unit, TILES - 1);
    return fits(profile, unit, &smaller, 2);
}

units_tile units_choose(cleat_context *context, const matrix_unit *unit, int64_t large_tiles) {
    const device_profile *profile = context_profile(context);
    const units_tile larger = tile_of(unit, 0);
    const int64_t wanted = tuning_number(context, "matmul", "gpu_tile", 1, 1024, 0);
    const int64_t most = tuning_number(context, "matmul", "units_tile_most", 16, 1024, 1024);
    const bool large =
        wanted > 0 ? wanted >= larger.side
                   : larger.side <= most && large_tiles >= 2 * (int64_t)profile->compute_units;
    return large && fits(profile, unit, &larger, 2) ? larger : tile_of(unit, TILES - 1);
}

bool units_take_as_they_lie(matrix_mode mode, cleat_type type) {
    return type_is_half(type) || mode == MATRIX_TF32 || mode == MATRIX_TF32X3;
}

int units_stages(
    cleat_context *context, const matrix_unit *unit, matrix_mode mode, const units_tile *tile) {
    const device_profile *profile = context_profile(context);
    int64_t stages =
        unit->copies ? tuning_number(context, "matmul", "units_stages", 0, STAGES_MOST, STAGES_MOST)
                     : 0;
    while (stages > 0 && !fits(profile, unit, tile, stages)) {
        stages--;
    }
    return stages > 1 && matrix_unit_copies(context, unit, mode) ? (int)stages : 0;
}

int64_t units_terms(matrix_mode mode) {
    return mode == MATRIX_F16 || mode == MATRIX_BF16 ? 2 * LINE : LINE;
}

void units_macros(const device_profile *profile, const matrix_unit *unit, matrix_mode mode,
    const units_tile *tile, launch *l) {
    matrix_unit_macros(profile, unit, mode, l);
    launch_macro(l, "UNITS_DOWN", tile->down);
    launch_macro(l, "UNITS_ACROSS", tile->across);
    launch_macro(l, "UNITS_ROWS", tile->rows);
    launch_macro(l, "UNITS_COLUMNS", tile->columns);
    launch_macro(l, "UNITS_STAGES", tile->stages);
}
