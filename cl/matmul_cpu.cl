/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matrix products on CPUs; operands and formula in matmul_batch.cl, register tile in gemm_cpu.cl.
 * One work-item computes a macro tile of tile_rows x tile_columns of y with a work-group of one:
 *
 *     for each block of k_block terms
 *         for each panel of GEMM_NR columns in the macro tile        one panel of b
 *             for each panel of GEMM_MR rows in the macro tile       one panel of a
 *                 register tile += panel of a * panel of b; finish it into y
 *
 * MATMUL_STAGE chooses what a build holds:
 *   0  matmul_cpu_pack    a (or b, where PACK_SIDE_B is 1) into panels in scratch memory. Global
 *                         size (panels, blocks of k, batches); local 1.
 *   1  matmul_cpu_packed  the product of such panels.
 *   2  matmul_cpu_direct  the product without scratch: a is read where it lies; b too where its
 *                         rows are contiguous, else panel by panel through local memory of
 *                         k_block * GEMM_NR floats. With b_is_panels b has been packed: b_row is
 *                         GEMM_NR and b_column k.
 * Global size of 1 and 2: (macro tiles across n, macro tiles across m, batches); local 1.
 *
 * Macros: MATMUL_STAGE, PACK_SIDE_B (0 or 1), those of gemm_cpu.cl, BATCH_RANK, INDEX.
 */
#include "common.cl"
#if MATMUL_STAGE == 2
#define GEMM_PANEL_B __local
#endif
#include "gemm_cpu.cl"
#include "gemm_cpu_pack.cl"
#include "matmul_batch.cl"

/* The macro tile of this work-item: rows from .. to of y, likewise columns. */
#define TILE_BEGIN                                                                                 \
    const INDEX row_from = (INDEX)get_global_id(1) * tile_rows;                                    \
    const INDEX row_to = min(row_from + tile_rows, m);                                             \
    const INDEX column_from = (INDEX)get_global_id(0) * tile_columns;                              \
    const INDEX column_to = min(column_from + tile_columns, n);                                    \
    MATMUL_BEGIN((INDEX)get_global_id(2))                                                          \
    if (row_from >= m || column_from >= n) {                                                       \
        return;                                                                                    \
    }

#define TILE_FINISH(tile, row, column, first, last)                                                \
    do {                                                                                           \
        gemm_epilogue e;                                                                           \
        e.addends = addends;                                                                       \
        e.y = y_base + y + (row) * y_row + (column) * y_column;                                    \
        e.y_row = y_row;                                                                           \
        e.y_column = y_column;                                                                     \
        e.alpha = alpha;                                                                           \
        e.beta = beta;                                                                             \
        e.slope = slope;                                                                           \
        e.bias = bias_base + bias + (row) * bias_row + (column) * bias_column;                     \
        e.bias_row = bias_row;                                                                     \
        e.bias_column = bias_column;                                                               \
        e.residual = residual_base + residual + (row) * residual_row +                             \
            (column) * residual_column;                                                            \
        e.residual_row = residual_row;                                                             \
        e.residual_column = residual_column;                                                       \
        gemm_finish(tile, (int)min(row_to - (row), (INDEX)GEMM_MR),                                \
            (int)min(column_to - (column), (INDEX)GEMM_NR), &e, first, last);                      \
    } while (0)

#if MATMUL_STAGE == 0
#define PACK_AXIS(i) , const INDEX extent_##i, const INDEX step_##i
#define PACK_AXES_0
#define PACK_AXES_1 PACK_AXIS(0)
#define PACK_AXES_2 PACK_AXES_1 PACK_AXIS(1)
#define PACK_AXES_3 PACK_AXES_2 PACK_AXIS(2)
#define PACK_AXES_4 PACK_AXES_3 PACK_AXIS(3)
#define PACK_AXES_5 PACK_AXES_4 PACK_AXIS(4)
#define PACK_AXES_6 PACK_AXES_5 PACK_AXIS(5)
#define PACK_STEP(i)                                                                               \
    source += batch % extent_##i * step_##i;                                                       \
    batch /= extent_##i;
#define PACK_STEPS_0
#define PACK_STEPS_1 PACK_STEP(0)
#define PACK_STEPS_2 PACK_STEP(1) PACK_STEPS_1
#define PACK_STEPS_3 PACK_STEP(2) PACK_STEPS_2
#define PACK_STEPS_4 PACK_STEP(3) PACK_STEPS_3
#define PACK_STEPS_5 PACK_STEP(4) PACK_STEPS_4
#define PACK_STEPS_6 PACK_STEP(5) PACK_STEPS_5
#if PACK_SIDE_B
#define PACK_LANES GEMM_NR
#define PACK gemm_pack_b
#else
#define PACK_LANES GEMM_MR
#define PACK gemm_pack_a
#endif

/* panels[batch][panel][k][PACK_LANES] of an operand with `lanes` rows (a) or columns (b). */
__kernel void matmul_cpu_pack(const __global float *restrict source_base,
    const INDEX source_offset, const INDEX lane_step, const INDEX k_step, const INDEX lanes,
    const INDEX k, const INDEX k_block,
    __global float *restrict panels CAT(PACK_AXES_, BATCH_RANK)) {
    const INDEX lane = (INDEX)get_global_id(0) * PACK_LANES;
    const INDEX from = (INDEX)get_global_id(1) * k_block;
    if (lane >= lanes || from >= k) {
        return;
    }
    INDEX batch = (INDEX)get_global_id(2);
    const INDEX panel_count = (lanes + PACK_LANES - 1) / PACK_LANES;
    panels += ((batch * panel_count + (INDEX)get_global_id(0)) * k + from) * PACK_LANES;
    INDEX source = source_offset + lane * lane_step + from * k_step;
    CAT(PACK_STEPS_, BATCH_RANK)
    PACK(source_base + source, lane_step, k_step, (int)min(lanes - lane, (INDEX)PACK_LANES),
        (int)min(k - from, k_block), panels);
}
#elif MATMUL_STAGE == 1
__kernel void matmul_cpu_packed(MATMUL_PARAMETERS, const INDEX tile_rows, const INDEX tile_columns,
    const INDEX k_block) {
    TILE_BEGIN
    float tile[GEMM_MR * GEMM_NR];
    for (INDEX from = 0; from < k || from == 0; from += k_block) {
        const int count = (int)min(k_block, k - from);
        const bool last = from + k_block >= k;
        for (INDEX j = column_from; j < column_to; j += GEMM_NR) {
            const __global float *panel_b = b_base + b + j * k + from * GEMM_NR;
            for (INDEX i = row_from; i < row_to; i += GEMM_MR) {
                gemm_panels(a_base + a + i * k + from * GEMM_MR, panel_b, count, tile);
                TILE_FINISH(tile, i, j, from == 0, last);
            }
        }
    }
}
#else
/* One register tile from a where it lies; b by panel or where it lies. */
#define DIRECT_TILE(SPACE, name)                                                                   \
    static inline void name(const __global float *a, INDEX a_row, INDEX a_column, int rows,        \
        const SPACE float *b, INDEX b_row, int count, float *tile) {                               \
        GEMM_ACCUMULATORS;                                                                         \
        GEMM_ROWS(DIRECT_POINTER, )                                                                \
        INDEX at = 0;                                                                              \
        for (int k = 0; k < count; ++k) {                                                          \
            GEMM_STEP(DIRECT_A, DIRECT_B);                                                         \
            at += a_column;                                                                        \
            b += b_row;                                                                            \
        }                                                                                          \
        GEMM_PUT(tile);                                                                            \
    }
#define DIRECT_POINTER(r, unused) const __global float *a_##r = a + min(r, rows - 1) * a_row;
#define DIRECT_A(r) a_##r[at]
#define DIRECT_B(v) GEMM_LOAD(v, b)
DIRECT_TILE(__global, direct_tile)
DIRECT_TILE(__local, direct_tile_panel)

__kernel void matmul_cpu_direct(MATMUL_PARAMETERS, const INDEX tile_rows, const INDEX tile_columns,
    const INDEX k_block, const int b_is_panels, __local float *panel) {
    TILE_BEGIN
    float tile[GEMM_MR * GEMM_NR];
    for (INDEX from = 0; from < k || from == 0; from += k_block) {
        const int count = (int)min(k_block, k - from);
        const bool last = from + k_block >= k;
        for (INDEX j = column_from; j < column_to; j += GEMM_NR) {
            const int columns = (int)min(column_to - j, (INDEX)GEMM_NR);
            const __global float *b_block = b_base + b + from * b_row + j * b_column;
            const bool packed = !b_is_panels && (b_column != 1 || columns < GEMM_NR);
            if (packed) {
                gemm_pack_b(b_block, b_column, b_row, columns, count, panel);
            }
            for (INDEX i = row_from; i < row_to; i += GEMM_MR) {
                const __global float *a_block = a_base + a + i * a_row + from * a_column;
                const int rows = (int)min(row_to - i, (INDEX)GEMM_MR);
                if (packed) {
                    direct_tile_panel(a_block, a_row, a_column, rows, panel, GEMM_NR, count, tile);
                } else {
                    direct_tile(a_block, a_row, a_column, rows, b_block, b_row, count, tile);
                }
                TILE_FINISH(tile, i, j, from == 0, last);
            }
        }
    }
}
#endif
