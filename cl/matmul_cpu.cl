/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matrix products on CPUs; operands and formula in matmul_batch.cl, register tile in gemm_cpu.cl.
 * One work-item computes a macro tile of tile_rows x tile_columns of y with a work-group of one.
 * MATMUL_STAGE chooses what a build holds:
 *   0  matmul_cpu_pack    b into panels in scratch memory, or for the user to keep. Global size
 *                         (groups of PACK_GROUP panels, blocks of k, batches); local 1.
 *   1  matmul_cpu_packed  the product with such panels of b, for large matrices:
 *
 *          for each block of k_block terms
 *              for each panel of GEMM_MR rows in the macro tile, copied to local memory
 *                  for each panel of GEMM_NR columns, all of which stay in the second-level cache
 *                      register tile = rows * panel of b; finish it into y;
 *                      meanwhile copy a share of the rows that come next
 *
 *                         A_FORM A_TURNED: a's columns are contiguous, and block_rows rows (a
 *                         multiple of GEMM_MR) are packed at once; else block_rows is GEMM_MR.
 *                         A_IN_PLACE: a's rows are contiguous, and read where they lie. Local
 *                         memory but for that: max(block_rows, 2 * GEMM_MR) * (k_block + 16) floats.
 *   2  matmul_cpu_direct  the product without scratch, for those whose b fits the caches: a is read
 *                         where it lies. So is b, unless B_PACKS; its rows are contiguous then, and
 *                         n >= GEMM_NR, or with b_is_panels it has been packed (b_row is GEMM_NR
 *                         and b_column k). With B_PACKS b goes panel by panel through local memory
 *                         of k_block * GEMM_NR floats.
 * Global size of 1 and 2: (macro tiles across n, macro tiles across m, batches); local 1.
 *
 * Macros: MATMUL_STAGE, PACK_GROUP (stage 0), A_FORM (stage 1), B_PACKS (stage 2), those of
 * gemm_cpu.cl, BATCH_RANK, INDEX.
 */
#include "common.cl"
#define A_COPIED 0
#define A_TURNED 1
#define A_IN_PLACE 2
#if MATMUL_STAGE == 1 && A_FORM != A_IN_PLACE
#define GEMM_PANEL_A __local
#elif MATMUL_STAGE == 2
#define GEMM_PANEL_B __local
#endif
#include "gemm_cpu.cl"
#include "gemm_cpu_pack.cl"
#include "matmul_batch.cl"

/* The place of a work-item, and what its kernel hands on. */
#define TILE_PLACE const INDEX tile_column, const INDEX tile_row, const INDEX batch
#define TILE_HAND_ON                                                                               \
    a_base, b_base, y_base, bias_base, residual_base, numbers, (INDEX)get_global_id(0),            \
        (INDEX)get_global_id(1), (INDEX)get_global_id(2), tile_rows, tile_columns, k_block

/* Its macro tile: rows from .. to of y, likewise columns. */
#define TILE_BEGIN                                                                                 \
    const INDEX row_from = tile_row * tile_rows;                                                   \
    const INDEX row_to = min(row_from + tile_rows, m);                                             \
    const INDEX column_from = tile_column * tile_columns;                                          \
    const INDEX column_to = min(column_from + tile_columns, n);                                    \
    MATMUL_BEGIN(batch)                                                                            \
    if (row_from >= m || column_from >= n) {                                                       \
        return;                                                                                    \
    }

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

KEEP_APART static void pack_tile(const __global float *source, const INDEX b_row,
    const INDEX b_column, const int lanes, const int count, const INDEX panel_step,
    __global float *panels) {
    gemm_pack_b_block(source, b_column, b_row, lanes, count, panel_step, panels);
}

/* panels[batch][panel][k][GEMM_NR] of b; a work-item takes PACK_GROUP panels' part of a block. */
__kernel void matmul_cpu_pack(const __global float *restrict b_base, const INDEX b_offset,
    const INDEX b_row, const INDEX b_column, const INDEX n, const INDEX k, const INDEX k_block,
    __global float *restrict panels CAT(PACK_AXES_, BATCH_RANK)) {
    const INDEX lane = (INDEX)get_global_id(0) * (PACK_GROUP * GEMM_NR);
    const INDEX from = (INDEX)get_global_id(1) * k_block;
    if (lane >= n || from >= k) {
        return;
    }
    INDEX batch = (INDEX)get_global_id(2);
    const INDEX panel_count = (n + GEMM_NR - 1) / GEMM_NR;
    panels += ((batch * panel_count + (INDEX)get_global_id(0) * PACK_GROUP) * k + from) * GEMM_NR;
    INDEX source = b_offset + lane * b_column + from * b_row;
    CAT(PACK_STEPS_, BATCH_RANK)
    pack_tile(b_base + source, b_row, b_column, (int)min(n - lane, (INDEX)(PACK_GROUP * GEMM_NR)),
        (int)min(k - from, k_block), k * GEMM_NR, panels);
}
#elif MATMUL_STAGE == 1
/* Rows of a copied as they are lie this much further apart than they are long, so that they do not
 * meet in one set of the cache. */
#define ROW_GAP 16

KEEP_APART static void packed_tiles(MATMUL_PARAMETERS_WITH(APART_RESTRICT), TILE_PLACE,
    const INDEX tile_rows, const INDEX tile_columns, const INDEX k_block, const INDEX block_rows,
    __local float *panels_a) {
    MATMUL_NUMBERS
    TILE_BEGIN
#if A_FORM == A_COPIED
    const INDEX pitch = k_block + ROW_GAP;
    const int tiles = (int)((column_to - column_from + GEMM_NR - 1) / GEMM_NR);
    const int tile_share = (GEMM_MR + tiles - 1) / tiles; /* rows that a tile copies */
    __local float *panel_a = panels_a, *panel_later = panels_a + GEMM_MR * pitch;
    bool copied = false;
#elif A_FORM == A_TURNED
    __local float *panel_a = panels_a;
    const INDEX pitch = 1;
#else
    const INDEX pitch = a_row;
#endif
    for (INDEX from = 0; from < k || from == 0; from += k_block) {
        const int count = (int)min(k_block, k - from);
        const bool last = from + k_block >= k;
        for (INDEX block = row_from; block < row_to; block += block_rows) {
            const __global float *a_block = a_base + a + block * a_row + from * a_column;
            const int rows = (int)min(row_to - block, block_rows);
            const bool last_rows = block + block_rows >= row_to;
#if A_FORM == A_COPIED
            if (!copied) {
                gemm_copy_a(a_block, a_row, a_column, rows, count, (int)pitch, panel_a);
            }
            /* The rows that come next: of this block of k, else the first of the next one. */
            const INDEX next = last_rows ? row_from : block + block_rows;
            const INDEX next_from = last_rows ? from + k_block : from;
            const int next_rows =
                a_column == 1 && next_from < k ? (int)min(row_to - next, (INDEX)GEMM_MR) : 0;
            copied = next_rows > 0;
            int share = 0;
#elif A_FORM == A_TURNED
            gemm_pack_a_block(a_block, a_column, rows, count, panel_a);
#else
            const __global float *panel_a = a_block;
#endif
            for (int i = 0; i < rows; i += GEMM_MR) {
                const __global float *panel_b = b_base + b + column_from * k + from * GEMM_NR;
                /* The last time that a panel's part is read, the next part is fetched. */
                const INDEX b_ahead =
                    (last_rows && i + GEMM_MR >= rows && !last ? count : GEMM_AHEAD) * GEMM_NR;
                for (INDEX j = column_from; j < column_to; j += GEMM_NR) {
                    MATMUL_EPILOGUE(e, block + i, j)
#if A_FORM == A_COPIED
                    const gemm_later later = {
                        .from = a_base + a + (next + share) * a_row + next_from,
                        .to = panel_later + share * pitch,
                        .from_row = a_row,
                        .to_row = pitch,
                        .beyond = GEMM_MR * a_row,
                        .rows = min(next_rows - share, tile_share),
                        .count = (int)min(k_block, k - next_from)};
                    share += tile_share;
#else
                    const gemm_later later = {.rows = 0};
#endif
                    gemm_panels(panel_a + i * count, pitch, A_FORM == A_TURNED ? GEMM_MR : 1,
                        panel_b, b_ahead, count, &later, &e, min(rows - i, GEMM_MR),
                        (int)min(column_to - j, (INDEX)GEMM_NR), from == 0, last);
                    panel_b += k * GEMM_NR;
                }
            }
#if A_FORM == A_COPIED
            if (copied) {
                __local float *used = panel_a;
                panel_a = panel_later;
                panel_later = used;
            }
#endif
        }
    }
}

__kernel void matmul_cpu_packed(MATMUL_PARAMETERS, const INDEX tile_rows, const INDEX tile_columns,
    const INDEX k_block, const INDEX block_rows, __local float *panels_a) {
    packed_tiles(TILE_HAND_ON, block_rows, panels_a);
}
#else
#if B_PACKS
#define DIRECT_SPACE __local
#else
#define DIRECT_SPACE __global
#endif
/* Steps by which b is asked for ahead: each may lie on another page. */
#define DIRECT_AHEAD 16
#define DIRECT_POINTER(r, unused) const __global float *a_##r = a + min(r, rows - 1) * a_row;
#define DIRECT_A(r) a_##r[at]
#define DIRECT_B(v) GEMM_LOAD(v, b)
#define DIRECT_STEP                                                                                \
    GEMM_STEP(DIRECT_A, DIRECT_B);                                                                 \
    DIRECT_ASK                                                                                     \
    at += a_column;                                                                                \
    KEEP_INDEX(at);                                                                                \
    b += b_row;                                                                                    \
    KEEP_INDEX(b);
#define DIRECT_MOVE(steps)
#if GEMM_UNROLL == 1
#define DIRECT_ASK GEMM_ASK(b + DIRECT_AHEAD * b_row, 0)
#else
#define DIRECT_ASK
#endif

/* One register tile from a where it lies. */
static inline void direct_tile(const __global float *a, INDEX a_row, INDEX a_column,
    const DIRECT_SPACE float *b, INDEX b_row, int count, const gemm_epilogue *e, int rows,
    int columns, int skip, bool first, bool last) {
    GEMM_PREFETCH_TILE(e, rows, columns)
    GEMM_ACCUMULATORS;
    GEMM_ROWS(DIRECT_POINTER, )
    long at = 0;
    GEMM_TIMES(count, DIRECT_STEP, DIRECT_MOVE)
    GEMM_OUT(e, rows, columns, skip, first, last);
}

KEEP_APART static void direct_tiles(MATMUL_PARAMETERS_WITH(APART_RESTRICT), TILE_PLACE,
    const INDEX tile_rows, const INDEX tile_columns, const INDEX k_block, const int b_is_panels,
    __local float *panel) {
    MATMUL_NUMBERS
    TILE_BEGIN
    for (INDEX from = 0; from < k || from == 0; from += k_block) {
        const int count = (int)min(k_block, k - from);
        const bool last = from + k_block >= k;
        for (INDEX j = column_from; j < column_to; j += GEMM_NR) {
            const int columns = (int)min(column_to - j, (INDEX)GEMM_NR);
#if B_PACKS
            gemm_pack_b(b_base + b + from * b_row + j * b_column, b_column, b_row, columns, count,
                panel);
#define DIRECT_FROM panel
#define DIRECT_ROW GEMM_NR
#define DIRECT_SKIP 0
#else
            /* A whole tile even at the edge, of whose columns the first were done before. */
            const int skip = b_is_panels ? 0 : GEMM_NR - columns;
            const __global float *b_block = b_base + b + from * b_row + (j - skip) * b_column;
#define DIRECT_FROM b_block
#define DIRECT_ROW b_row
#define DIRECT_SKIP skip
#endif
            for (INDEX i = row_from; i < row_to; i += GEMM_MR) {
                const __global float *a_block = a_base + a + i * a_row + from * a_column;
                const int rows = (int)min(row_to - i, (INDEX)GEMM_MR);
                MATMUL_EPILOGUE(e, i, j)
                direct_tile(a_block, a_row, a_column, DIRECT_FROM, DIRECT_ROW, count, &e, rows,
                    columns, DIRECT_SKIP, from == 0, last);
            }
        }
    }
}

__kernel void matmul_cpu_direct(MATMUL_PARAMETERS, const INDEX tile_rows, const INDEX tile_columns,
    const INDEX k_block, const int b_is_panels, __local float *panel) {
    direct_tiles(TILE_HAND_ON, b_is_panels, panel);
}
#endif
