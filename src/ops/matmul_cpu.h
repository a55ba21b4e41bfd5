/* SPDX-License-Identifier: Apache-2.0 */
/* Tiles and panels of the variants for processors; see cl/gemm_cpu.cl. */
#ifndef CLEAT_OPS_MATMUL_CPU_H
#define CLEAT_OPS_MATMUL_CPU_H

#include "ops/matmul_problem.h"

#define MATMUL_CPU_FAMILY "matmul_cpu"

/* MATMUL_STAGE of cl/matmul_cpu.cl. */
enum { STAGE_PACK = 0, STAGE_PACKED = 1, STAGE_DIRECT = 2 };

/* The register tile: w floats in a vector, rows x (vectors * w). */
typedef struct register_tile {
    int64_t w, vectors, rows, columns;
} register_tile;

register_tile choose_register_tile(const device_profile *profile);

/* MATMUL_STAGE and the macros of gemm_cpu.cl. */
void tile_macros(launch *l, const register_tile *r, int stage);

/* ---- Panels: matmul_pack.c ---- */

/* An operand as panels: one for each `lanes` of its rows (a) or columns (b). */
typedef struct packing {
    const matmul_operand *source;
    int64_t extent, lane_step, k_step; /* along lanes, and the steps to the next lane and next k */
    int64_t lanes, panels;
    int64_t batches;                             /* those that differ */
    int64_t extents[MATMUL_MAX_BATCH_RANK];      /* 1 where the operand is broadcast */
    int64_t packed_steps[MATMUL_MAX_BATCH_RANK]; /* in elements of the panels */
} packing;

packing plan_packing(const matmul_problem *p, const register_tile *r, bool is_b);

/* Elements of the panels, and their bytes. */
double packed_count(const packing *k, int64_t terms);
size_t packed_bytes(const packing *k, int64_t terms);

/* Whether indices into the panels need 64 bits. */
bool packing_needs_index64(const packing *k, int64_t terms);

/* The launch that fills the panels, `k_block` terms a work-item. Their memory is `view`'s buffer,
 * or `scratch`, a cl_mem, if that is not NULL. */
launch pack_launch(const matmul_problem *p, const packing *k, const register_tile *r,
    int64_t k_block, bool is_b, bool index64, const cleat_tensor *view, void *scratch);

/* p->packed_b as the operand b of a kernel: element (k, j) at k * row + j * column for every j that
 * begins a panel. */
matmul_operand packed_operand(const matmul_problem *p, const register_tile *r);

#endif
