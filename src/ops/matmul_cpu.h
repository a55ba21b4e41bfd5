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

/* For a product of so many columns. */
register_tile choose_register_tile(const device_profile *profile, int64_t columns);

/* MATMUL_STAGE and the macros of gemm_cpu.cl. */
void tile_macros(launch *l, const register_tile *r, int stage);

/* ---- Panels of b: matmul_pack.c ---- */

/* b as panels, [batch][panel][k][r->columns], and the steps of its batches in them. */
typedef struct packing {
    int64_t panels, columns;
    int64_t batches;                        /* those that differ */
    int64_t extents[MATMUL_MAX_BATCH_RANK]; /* 1 where b is broadcast */
    int64_t steps[MATMUL_MAX_BATCH_RANK];   /* 0 there */
} packing;

packing plan_packing(const matmul_problem *p, const register_tile *r);

/* Elements of the panels, and their bytes. */
double packed_count(const packing *b, int64_t terms);
size_t packed_bytes(const packing *b, int64_t terms);

/* Whether indices into the panels need 64 bits. */
bool packing_needs_index64(const packing *b, int64_t terms);

/* The launch that fills the panels: memory is `scratch`, a cl_mem, or, if that is NULL, `panels`.
 */
launch pack_launch(const matmul_problem *p, const packing *b, const register_tile *r, bool index64,
    void *scratch, cleat_buffer *panels);

/* Panels as the operand b of a kernel: element (k, j) at k * row + j * column for every j that
 * begins a panel. Memory as above. */
matmul_operand packed_operand(const matmul_problem *p, const packing *b, void *scratch);

#endif
