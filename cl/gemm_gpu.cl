/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The GEMM core for GPUs, to be included by families after common.cl: a work-group computes a tile
 * of GEMM_TILE_M rows x GEMM_TILE_N columns, staging GEMM_TILE_K terms at a time in local memory,
 * and each work-item keeps GEMM_RM x GEMM_RN sums in registers. The including family supplies the
 * loaders and stores the sums.
 *
 *     acc[i][j] = sum over k of A(row, k) * B(k, column)
 *         row = tile's first row + GEMM_ROW(i),  column = tile's first column + GEMM_COLUMN(j)
 *
 * Two tiles of each operand lie in local memory: while one is multiplied the next is on its way
 * from global memory into registers, and from there into the other, so that there is one barrier a
 * tile. An item's columns are quads GEMM_TX quads apart, so that neighbours read neighbouring quads.
 *
 * Macros, defined by the host:
 *   GEMM_TX, GEMM_TY  the work-group: local size (GEMM_TX, GEMM_TY)
 *   GEMM_RM, GEMM_RN  sums of a work-item; multiples of 4
 *   GEMM_TILE_K       terms staged at a time; a multiple of 4
 *   GEMM_A_ALONG_K, GEMM_B_ALONG_K   true where that operand is read four terms of k at a time,
 *                     false where it is read four rows (A) or four columns (B) at a time; may be an
 *                     expression that is the same for all work-items
 *   So GEMM_TILE_M = GEMM_TY * GEMM_RM, GEMM_TILE_N = GEMM_TX * GEMM_RN. Local memory: 8 *
 *   GEMM_TILE_K * (GEMM_TILE_M + GEMM_TILE_N + 8) bytes, 17 KiB for 128 x 128 x 8.
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
 * first_row and first_column come from gemm_tile() of gemm_band.cl.
 *
 * A loader gives a float4: with GEMM_A_ALONG_K elements (r, k .. k + 3), else (r .. r + 3, k);
 * likewise for B with columns c; k - from and the lanes that a quad starts with are multiples of 4.
 * All work-items of a group must reach GEMM_RUN. r and c count within the tile, k from the start.
 * A loader reads nothing outside its operand. For terms at `to` and beyond, both loaders must give
 * 0 (one alone would make 0 * Inf); rows and columns past an edge may be anything.
 */
#include "gemm_band.cl"

#define GEMM_TILE_M (GEMM_TY * GEMM_RM)
#define GEMM_TILE_N (GEMM_TX * GEMM_RN)
#define GEMM_LANES (GEMM_TX * GEMM_TY)
/* Rows of the staged tiles, in quads; one more than they hold, against bank conflicts. */
#define GEMM_PITCH_A (GEMM_TILE_M / 4 + 1)
#define GEMM_PITCH_B (GEMM_TILE_N / 4 + 1)

#define GEMM_ROW(i) ((int)get_local_id(1) * GEMM_RM + (i))
#define GEMM_COLUMN(j) (((int)get_local_id(0) + (j) / 4 * GEMM_TX) * 4 + (j) % 4)

#define GEMM_LOCAL_TILES                                                                           \
    __local float4 gemm_a[2 * GEMM_TILE_K * GEMM_PITCH_A];                                         \
    __local float4 gemm_b[2 * GEMM_TILE_K * GEMM_PITCH_B]

#define GEMM_SUMS                                                                                  \
    float4 gemm_sums[GEMM_RM][GEMM_RN / 4];                                                        \
    UNROLLED for (int i = 0; i < GEMM_RM; ++i) {                                                   \
        UNROLLED for (int j = 0; j < GEMM_RN / 4; ++j) {                                           \
            gemm_sums[i][j] = (float4)(0.0f);                                                      \
        }                                                                                          \
    }

/* The sums of row i, columns 4 j .. 4 j + 3. */
#define GEMM_SUM4(i, j) gemm_sums[i][j]

/* An item's quads of a tile with so many lanes: number n is quad q of the tile, four elements along
 * k, or across it. A tile may have fewer quads than the group has items. */
#define GEMM_TILE_QUADS(lanes) (GEMM_TILE_K * (lanes) / 4)
#define GEMM_QUADS(lanes) ((GEMM_TILE_QUADS(lanes) + GEMM_LANES - 1) / GEMM_LANES)
#define GEMM_EACH_QUAD(lanes, along_k)                                                             \
    UNROLLED for (int quad = 0; quad < GEMM_QUADS(lanes); ++quad) {                                \
        const int q = (int)(get_local_id(1) * GEMM_TX + get_local_id(0)) + quad * GEMM_LANES;      \
        const int lane = (along_k) ? q / (GEMM_TILE_K / 4) : q % ((lanes) / 4) * 4;                \
        const int k = (along_k) ? q % (GEMM_TILE_K / 4) * 4 : q / ((lanes) / 4);                   \
        if (GEMM_TILE_QUADS(lanes) % GEMM_LANES == 0 || q < GEMM_TILE_QUADS(lanes))

#define GEMM_FETCH(quads, lanes, along_k, LOAD, k_from)                                            \
    GEMM_EACH_QUAD(lanes, along_k) {                                                               \
            quads[quad] = LOAD(lane, (k_from) + k);                                                \
        }                                                                                          \
    }

#define GEMM_PLACE(tile, pitch, quads, lanes, along_k)                                             \
    GEMM_EACH_QUAD(lanes, along_k) {                                                               \
            if (along_k) {                                                                         \
                __local float *to = (__local float *)((tile) + k * (pitch)) + lane;                \
                to[0] = quads[quad].s0;                                                            \
                to[4 * (pitch)] = quads[quad].s1;                                                  \
                to[8 * (pitch)] = quads[quad].s2;                                                  \
                to[12 * (pitch)] = quads[quad].s3;                                                 \
            } else {                                                                               \
                (tile)[k * (pitch) + lane / 4] = quads[quad];                                      \
            }                                                                                      \
        }                                                                                          \
    }

/* Two steps at once: the second's operands come while the first multiplies. Of all steps together
 * AMD's compiler reads everything ahead, and takes 230 registers where two take 130. */
#if DEVICE_IS_CPU
#define GEMM_BY_TWO
#else
#define GEMM_BY_TWO _Pragma("unroll 2")
#endif
#define GEMM_ADD(i, x) gemm_sums[i][j] = FMA((float4)(x), row[j], gemm_sums[i][j]);
#define GEMM_MULTIPLY(tile_a, tile_b)                                                              \
    GEMM_BY_TWO for (int k = 0; k < GEMM_TILE_K; ++k) {                                            \
        float4 column[GEMM_RM / 4], row[GEMM_RN / 4];                                              \
        UNROLLED for (int i = 0; i < GEMM_RM / 4; ++i) {                                           \
            column[i] = (tile_a)[k * GEMM_PITCH_A + (int)get_local_id(1) * (GEMM_RM / 4) + i];     \
        }                                                                                          \
        UNROLLED for (int j = 0; j < GEMM_RN / 4; ++j) {                                           \
            row[j] = (tile_b)[k * GEMM_PITCH_B + (int)get_local_id(0) + j * GEMM_TX];              \
        }                                                                                          \
        UNROLLED for (int i = 0; i < GEMM_RM / 4; ++i) {                                           \
            UNROLLED for (int j = 0; j < GEMM_RN / 4; ++j) {                                       \
                GEMM_ADD(4 * i, column[i].s0)                                                      \
                GEMM_ADD(4 * i + 1, column[i].s1)                                                  \
                GEMM_ADD(4 * i + 2, column[i].s2)                                                  \
                GEMM_ADD(4 * i + 3, column[i].s3)                                                  \
            }                                                                                      \
        }                                                                                          \
    }

#define GEMM_FETCH_BOTH(LOAD_A, LOAD_B, k_from)                                                    \
    GEMM_FETCH(next_a, GEMM_TILE_M, GEMM_A_ALONG_K, LOAD_A, k_from)                                \
    GEMM_FETCH(next_b, GEMM_TILE_N, GEMM_B_ALONG_K, LOAD_B, k_from)
#define GEMM_PLACE_BOTH(side)                                                                      \
    GEMM_PLACE(gemm_a + (side) * GEMM_TILE_K * GEMM_PITCH_A, GEMM_PITCH_A, next_a, GEMM_TILE_M,    \
        GEMM_A_ALONG_K)                                                                            \
    GEMM_PLACE(gemm_b + (side) * GEMM_TILE_K * GEMM_PITCH_B, GEMM_PITCH_B, next_b, GEMM_TILE_N,    \
        GEMM_B_ALONG_K)

#define GEMM_RUN(from, to, LOAD_A, LOAD_B)                                                         \
    {                                                                                              \
        float4 next_a[GEMM_QUADS(GEMM_TILE_M)], next_b[GEMM_QUADS(GEMM_TILE_N)];                   \
        int side = 0;                                                                              \
        GEMM_FETCH_BOTH(LOAD_A, LOAD_B, from)                                                      \
        GEMM_PLACE_BOTH(0)                                                                         \
        barrier(CLK_LOCAL_MEM_FENCE);                                                              \
        for (INDEX gemm_k = (from); gemm_k < (to); gemm_k += GEMM_TILE_K) {                        \
            const bool goes_on = gemm_k + GEMM_TILE_K < (to);                                      \
            if (goes_on) {                                                                         \
                GEMM_FETCH_BOTH(LOAD_A, LOAD_B, gemm_k + GEMM_TILE_K)                              \
            }                                                                                      \
            GEMM_MULTIPLY(gemm_a + side * GEMM_TILE_K * GEMM_PITCH_A,                              \
                gemm_b + side * GEMM_TILE_K * GEMM_PITCH_B)                                        \
            side = 1 - side;                                                                       \
            if (goes_on) {                                                                         \
                GEMM_PLACE_BOTH(side)                                                              \
            }                                                                                      \
            barrier(CLK_LOCAL_MEM_FENCE);                                                          \
        }                                                                                          \
    }
