/* SPDX-License-Identifier: Apache-2.0 */
/* What matmul and convolution share of cl/gemm_units.cl: which unit, which tile. */
#ifndef CLEAT_OPS_GEMM_UNITS_H
#define CLEAT_OPS_GEMM_UNITS_H

#include "core/matrix_unit.h"
#include <cleat/compute.h>

enum { UNITS_SMALL = 64, UNITS_LARGE = 128 };

/* A work-group's tile and how its sub-groups share it. */
typedef struct units_tile {
    int64_t side;      /* rows and columns of the result: UNITS_LARGE or UNITS_SMALL */
    size_t items;      /* work-items of the group, in one row */
    int down, across;  /* sub-groups of the group */
    int rows, columns; /* fragments of a sub-group */
    int stages;        /* of units_stages(); 0 as chosen */
} units_tile;

/* Refuses what is none of cleat_compute. */
cleat_status check_compute(const char *operation, cleat_compute compute);

/* The unit that computes with operands of this type, f32, f16 or bf16, as `compute` permits, and in
 * which mode; f32 by a unit that has it is as good as any. NULL: none. */
const matrix_unit *units_find(
    cleat_context *context, cleat_compute compute, cleat_type type, matrix_mode *mode);

/* Whether there is a unit, and the smaller tile fits the device. */
bool units_fit(const device_profile *profile, const matrix_unit *unit);

/* The larger tile where it fits and `large_tiles` of them give each compute unit two; the tuning
 * table may know better. */
units_tile units_choose(cleat_context *context, const matrix_unit *unit, int64_t large_tiles);

/* Whether the mode takes elements of this type as they lie in memory, if only after rounding each
 * by itself. */
bool units_take_as_they_lie(matrix_mode mode, cleat_type type);

/* How many tiles of each operand lie in local memory where runs of 16 bytes of both can be copied
 * as they lie (UNITS_STAGES of cl/gemm_units.cl): the most that fit, unless the tuning table knows
 * better; 0: they go by registers. */
int units_stages(
    cleat_context *context, const matrix_unit *unit, matrix_mode mode, const units_tile *tile);

/* Terms that the kernel takes at a time. */
int64_t units_terms(matrix_mode mode);

/* The macros of cl/unit.cl and cl/gemm_units.cl. */
void units_macros(const device_profile *profile, const matrix_unit *unit, matrix_mode mode,
    const units_tile *tile, launch *l);

#endif
