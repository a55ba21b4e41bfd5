/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The GEMM core for GPUs, to be included by families after common.cl: a work-group computes a tile
 * of GEMM_TILE_M rows x GEMM_TILE_N columns, staging GEMM_TILE_K terms at a time in local memory,
 * and each work-item keeps GEMM_RM x GEMM_RN sums in registers. The including family supplies the
 * loaders and stores the sums.
 *
 *     acc[i][j] = sum over k of A(row, k) * B(k, column)
 *         row = tile's first row + GEMM_MY_ROW + i,  column = tile's first column + GEMM_MY_COLUMN + j
 *
 * Macros, defined by the host:
 *   GEMM_TX, GEMM_TY  the work-group: local size (GEMM_TX, GEMM_TY)
 *   GEMM_RM, GEMM_RN  sums of a work-item; multiples of 4
 *   GEMM_TILE_K       terms staged at a time; a multiple of 4
 *   GEMM_A_ALONG_K, GEMM_B_ALONG_K   true where that operand is read four terms of k at a time,
 *                     false where it is read four rows (A) or four columns (B) at a time; may be an
 *                     expression that is the same for all work-items
 *   So GEMM_TILE_M = GEMM_TY * GEMM_RM, GEMM_TILE_N = GEMM_TX * GEMM_RN. Local memory: 4 *
 *   GEMM_TILE_K * (GEMM_TILE_M + GEMM_TILE_N + 8) bytes, 17 KiB for 128 x 128 x 16.
 *
 * Writing a kernel:
 *
 *     __kernel __attribute__((reqd_work_group_size(GEMM_TX, GEMM_TY, 1))) void my_kernel(...) {
 *         GEMM_LOCAL_TILES;
 *         GEMM_SUMS;
 *     #define MY_A(r, k) my_a(..., first_row + (r), (k))
 *     #define MY_B(c, k) my_b(..., first_column + (c), (k))
 *         GEMM_RUN(from, to, MY_A, MY_B);                    INDEX from, to: the terms to sum
 *         for i < GEMM_RM, j < GEMM_RN / 4: store GEMM_SUM4(i, j), guarding the edges
 *     }
 *
 * A loader gives a float4: with GEMM_A_ALONG_K elements (r, k .. k + 3), else (r .. r + 3, k);
 * likewise for B with columns c. All work-items of a group must reach GEMM_RUN. r and c count within the tile, k from the start.
 * A loader reads nothing outside its operand. For terms at `to` and beyond, both loaders must give
 * 0 (one alone would make 0 * Inf); rows and columns past an edge may be anything.
 */
#define GEMM_TILE_M (GEMM_TY * GEMM_RM)
#define GEMM_TILE_N (GEMM_TX * GEMM_RN)
#define GEMM_LANES (GEMM_TX * GEMM_TY)
/* Rows of the staged tiles are padded against bank conflicts; a multiple of 4 keeps them aligned. */
#define GEMM_PITCH_A (GEMM_TILE_M + 4)
#define GEMM_PITCH_B (GEMM_TILE_N + 4)

#define GEMM_MY_ROW ((int)get_local_id(1) * GEMM_RM)
#define GEMM_MY_COLUMN ((int)get_local_id(0) * GEMM_RN)

#define GEMM_LOCAL_TILES                                                                           \
    __local float gemm_a[GEMM_TILE_K * GEMM_PITCH_A];                                              \
    __local float gemm_b[GEMM_TILE_K * GEMM_PITCH_B]

#define GEMM_SUMS                                                                                  \
    float4 gemm_sums[GEMM_RM][GEMM_RN / 4];                                                        \
    _Pragma("unroll") for (int i = 0; i < GEMM_RM; ++i) {                                          \
        _Pragma("unroll") for (int j = 0; j < GEMM_RN / 4; ++j) {                                  \
            gemm_sums[i][j] = (float4)(0.0f);                                                      \
        }                                                                                          \
    }

/* The sums of row i, columns 4 j .. 4 j + 3. */
#define GEMM_SUM4(i, j) gemm_sums[i][j]

/* One staged tile from global memory. q counts quads of four elements; a quad lies along k, or
 * across it. LOAD(lane, k) gives it. */
#define GEMM_STAGE(tile, pitch, lanes, along_k, LOAD, k_from)                                      \
    for (int q = (int)(get_local_id(1) * GEMM_TX + get_local_id(0));                               \
         q < GEMM_TILE_K * (lanes) / 4; q += GEMM_LANES) {                                         \
        if (along_k) {                                                                             \
            const int lane = q / (GEMM_TILE_K / 4);                                                \
            const int k = q % (GEMM_TILE_K / 4) * 4;                                               \
            const float4 quad = LOAD(lane, (k_from) + k);                                          \
            tile[k * (pitch) + lane] = quad.s0;                                                    \
            tile[(k + 1) * (pitch) + lane] = quad.s1;                                              \
            tile[(k + 2) * (pitch) + lane] = quad.s2;                                              \
            tile[(k + 3) * (pitch) + lane] = quad.s3;                                              \
        } else {                                                                                   \
            const int k = q / ((lanes) / 4);                                                       \
            const int lane = q % ((lanes) / 4) * 4;                                                \
            vstore4(LOAD(lane, (k_from) + k), 0, tile + k * (pitch) + lane);                       \
        }                                                                                          \
    }

#define GEMM_MULTIPLY                                                                              \
    for (int k = 0; k < GEMM_TILE_K; ++k) {                                                        \
        const __local float *a = gemm_a + k * GEMM_PITCH_A + GEMM_MY_ROW;                          \
        const __local float *b = gemm_b + k * GEMM_PITCH_B + GEMM_MY_COLUMN;                       \
        float4 row[GEMM_RN / 4];                                                                   \
        _Pragma("unroll") for (int j = 0; j < GEMM_RN / 4; ++j) {                                  \
            row[j] = vload4(j, b);                                                                 \
        }                                                                                          \
        _Pragma("unroll") for (int i = 0; i < GEMM_RM; ++i) {                                      \
            _Pragma("unroll") for (int j = 0; j < GEMM_RN / 4; ++j) {                              \
                gemm_sums[i][j] = FMA((float4)(a[i]), row[j], gemm_sums[i][j]);                    \
            }                                                                                      \
        }                                                                                          \
    }

#define GEMM_RUN(from, to, LOAD_A, LOAD_B)                                                         \
    for (INDEX gemm_k = (from); gemm_k < (to); gemm_k += GEMM_TILE_K) {                            \
        GEMM_STAGE(gemm_a, GEMM_PITCH_A, GEMM_TILE_M, GEMM_A_ALONG_K, LOAD_A, gemm_k)              \
        GEMM_STAGE(gemm_b, GEMM_PITCH_B, GEMM_TILE_N, GEMM_B_ALONG_K, LOAD_B, gemm_k)              \
        barrier(CLK_LOCAL_MEM_FENCE);                                                              \
        GEMM_MULTIPLY                                                                              \
        barrier(CLK_LOCAL_MEM_FENCE);                                                              \
    }
