/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matrix products on GPUs; operands and formula in matmul_batch.cl, the tile in gemm_gpu.cl.
 *
 * Global size: (tiles across n * GEMM_TX, tiles across m * GEMM_TY, batches * parts), local size
 * (GEMM_TX, GEMM_TY, 1). Part number p sums terms p * k_part .. of k; with MATMUL_SPLIT the sums go
 * to partial[part][batch][m][n] and matmul_sum.cl finishes them, without it parts is 1 and y is
 * written. Groups take tiles in bands of `band` rows, gemm_tile() of gemm_gpu.cl.
 *
 * Macros: MATMUL_SPLIT (0 or 1), those of gemm_gpu.cl, BATCH_RANK, INDEX,
 * ACTIVATION.
 */
#include "common.cl"
/* Each operand is read the way in which it is contiguous; a branch, not a kernel of its own. */
#define GEMM_A_ALONG_K (a_column == 1 && a_row != 1)
#define GEMM_B_ALONG_K (b_row == 1 && b_column != 1)
#include "gemm_gpu.cl"
#include "matmul_batch.cl"
#define ACTIVATION_WIDTH 1
#include "activation.cl"

/* Whether each quad of an operand, which starts at a multiple of 4 along the axis of step 1 and anywhere
 * along the other, lies at a multiple of 16 bytes: then it is one access. */
static inline bool quads_are_aligned(const __global float *first, const INDEX other_step) {
    return ((size_t)first & 15) == 0 && other_step % 4 == 0;
}

/* p[0], p[step], ...: `valid` of them, the others 0. */
static inline float4 load_quad(
    const __global float *p, const INDEX step, const INDEX valid, const bool aligned) {
    if (step == 1 && valid >= 4) {
        return aligned ? *(const __global float4 *)p : vload4(0, p);
    }
    float4 x = (float4)(0.0f);
    x.s0 = valid > 0 ? p[0] : 0.0f;
    x.s1 = valid > 1 ? p[step] : 0.0f;
    x.s2 = valid > 2 ? p[2 * step] : 0.0f;
    x.s3 = valid > 3 ? p[3 * step] : 0.0f;
    return x;
}

/* Lane and k within an operand of `lanes` lanes, whose lane 0 and term 0 lie at p. */
static inline float4 load_operand(const __global float *p, const INDEX lane, const INDEX lanes,
    const INDEX lane_step, const INDEX k, const INDEX k_end, const INDEX k_step, const int along_k,
    const bool aligned) {
    if (lane >= lanes || k >= k_end) {
        return (float4)(0.0f);
    }
    return load_quad(p + lane * lane_step + k * k_step, along_k ? k_step : lane_step,
        along_k ? k_end - k : lanes - lane, aligned);
}

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
    const bool a_aligned = quads_are_aligned(a_base + a, GEMM_A_ALONG_K ? a_row : a_column);
    const bool b_aligned = quads_are_aligned(b_base + b, GEMM_B_ALONG_K ? b_column : b_row);
#define LOAD_A(r, at)                                                                              \
    load_operand(                                                                                  \
        a_base + a, first_row + (r), m, a_row, at, to, a_column, GEMM_A_ALONG_K, a_aligned)
#define LOAD_B(c, at)                                                                              \
    load_operand(                                                                                  \
        b_base + b, first_column + (c), n, b_column, at, to, b_row, GEMM_B_ALONG_K, b_aligned)
    GEMM_RUN(from, to, LOAD_A, LOAD_B)
#if MATMUL_SPLIT
    partial += (part * batches + batch) * m * n;
#define FINISH(sum, i, j) partial[(i) * n + (j)] = (sum);
#else
#define FINISH(sum, i, j) MATMUL_FINISH(sum, i, j)
#endif
#define FINISH_INSIDE(sum, i, j)                                                                   \
    if ((j) < n) {                                                                                 \
        FINISH(sum, i, j)                                                                          \
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
