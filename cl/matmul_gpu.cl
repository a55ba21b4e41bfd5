/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matrix products on GPUs; operands and formula in matmul_batch.cl, the tile in gemm_gpu.cl.
 *
 * Global size: (tiles across n * GEMM_TX, tiles across m * GEMM_TY, batches * parts), local size
 * (GEMM_TX, GEMM_TY, 1). Part number p sums terms p * k_part .. of k; with MATMUL_SPLIT the sums go
 * to partial[part][batch][m][n] and matmul_sum.cl finishes them, without it parts is 1 and y is
 * written. Groups take tiles in bands of `band` rows, gemm_tile() of gemm_band.cl.
 *
 * Macros: MATMUL_SPLIT (0 or 1), those of gemm_gpu.cl, BATCH_RANK, INDEX,
 * ACTIVATION.
 */
#include "common.cl"
#include "matmul_batch.cl"
#include "matmul_load.cl"
#include "gemm_gpu.cl"
#define ACTIVATION_WIDTH 1
#include "activation.cl"

__kernel __attribute__((reqd_work_group_size(GEMM_TX, GEMM_TY, 1))) void matmul_gpu_tiled(
    MATMUL_PARAMETERS, const INDEX batches, const INDEX k_part, const INDEX band,
    __global float *partial) {
    MATMUL_NUMBERS
    GEMM_LOCAL_TILES;
    GEMM_SUMS
    const INDEX batch = (INDEX)get_global_id(2) % batches;
    const INDEX part = (INDEX)get_global_id(2) / batches;
    MATMUL_BEGIN(batch)
    const gemm_place place = gemm_tile(band);
    const INDEX first_row = place.row * GEMM_TILE_M, first_column = place.column * GEMM_TILE_N;
    const INDEX from = part * k_part;
    const INDEX to = min(from + k_part, k);
    MATMUL_LOADERS
    GEMM_RUN(from, to, MATMUL_LOAD_A, MATMUL_LOAD_B)
#if MATMUL_SPLIT
    partial += (part * batches + batch) * m * n;
#endif
#define FINISH_INSIDE(sum, i, j)                                                                   \
    if ((j) < n) {                                                                                 \
        MATMUL_STORE(sum, i, j)                                                                    \
    }
#pragma unroll
    for (int i = 0; i < GEMM_RM; ++i) {
        const INDEX row = first_row + GEMM_ROW(i);
#pragma unroll
        for (int j = 0; j < GEMM_RN / 4; ++j) {
            const INDEX column = first_column + GEMM_COLUMN(4 * j);
            const float4 sums = GEMM_SUM4(i, j);
            if (row < m) {
                FINISH_INSIDE(sums.s0, row, column)
                FINISH_INSIDE(sums.s1, row, column + 1)
                FINISH_INSIDE(sums.s2, row, column + 2)
                FINISH_INSIDE(sums.s3, row, column + 3)
            }
        }
    }
}
