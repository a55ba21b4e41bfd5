/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matrix products by matrix units; operands and formula in matmul_batch.cl, the tile in gemm_units.cl,
 * the units in unit.cl.
 *
 * Global size: (tiles across n * UNITS_ITEMS, tiles across m, batches * parts), local size
 * (UNITS_ITEMS, 1, 1). Parts of k, bands, and macros as in matmul_gpu.cl; those of gemm_units.cl.
 */
#include "common.cl"
#include "unit.cl"
#include "matmul_batch.cl"
#define MATMUL_QUADS_STAY 1
#include "matmul_load.cl"
#define UNITS_QUAD MATMUL_QUAD
#define UNITS_QUADS_ARE_WORDS (MATMUL_HALF != 0)
#include "gemm_units.cl"
#define ACTIVATION_WIDTH 1
#include "activation.cl"

__kernel UNITS_GROUP void matmul_gpu_units(
    MATMUL_PARAMETERS, const INDEX batches, const INDEX k_part, const INDEX band,
    __global float *partial) {
    MATMUL_NUMBERS
    UNITS_BEGIN
    const INDEX batch = (INDEX)get_global_id(2) % batches;
    const INDEX part = (INDEX)get_global_id(2) / batches;
    MATMUL_BEGIN(batch)
    const gemm_place place = gemm_tile(band);
    const INDEX first_row = place.row * UNITS_TILE, first_column = place.column * UNITS_TILE;
    const INDEX from = part * k_part;
    const INDEX to = min(from + k_part, k);
    MATMUL_LOADERS
#if UNITS_STAGES
    UNITS_RUN(from, to, MATMUL_COPY_A, MATMUL_COPY_B)
#else
    UNITS_RUN(from, to, MATMUL_LOAD_A, MATMUL_LOAD_B)
#endif
#if MATMUL_SPLIT
    partial += (part * batches + batch) * m * n;
#endif
#define STORE_INSIDE(sum, r, c)                                                                    \
    const INDEX row = first_row + (r), column = first_column + (c);                                \
    if (row < m && column < n) {                                                                   \
        MATMUL_STORE(sum, row, column)                                                             \
    }
    UNITS_FINISH(STORE_INSIDE)
}
