/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vector times matrix on CPUs: y = a b for a of one row; operands in matmul_batch.cl, the epilogue
 * in gemm_cpu.cl. Limited by memory, so what counts is that b is read along its contiguous axis, in
 * eight streams, which the processor's own prefetching follows best.
 *
 *   matmul_vector_cpu_rows  rows of b are contiguous (b_column 1): a work-item takes CHUNK columns
 *                           and keeps their sums in private memory while it goes down the rows,
 *                           eight at once.
 *   matmul_vector_cpu_dots  any steps, meant for contiguous columns (b_row 1): a work-item takes
 *                           DOTS columns and forms their dot products with a.
 *   matmul_vector_cpu_sum   adds the parts, where there are several.
 *
 * k may be cut into parts, so that all threads have work: then the first two leave
 * partial[part][batch][j], the sums over a part's terms, and the third finishes y. With one part
 * they finish it themselves.
 *
 * Global size: (pieces of CHUNK columns, of DOTS for dots; parts, 1 for sum; batches), local 1.
 * Macros: CHUNK (a multiple of GEMM_W); ASK_ROWS 1 where b, read by rows, comes from memory; GEMM_W,
 * ACTIVATION as in gemm_cpu.cl; BATCH_RANK, INDEX.
 */
#include "common.cl"
#define GEMM_MR 1
#define GEMM_NV 1
#include "gemm_cpu.cl"
#include "matmul_batch.cl"
#define DOTS 8

#define VECTOR_PARAMETERS                                                                          \
    MATMUL_PARAMETERS, const INDEX batches, const INDEX k_part, __global float *restrict partial

/* This work-item's part of k, its batch, and where partial[part][batch] begins. */
#define VECTOR_BEGIN                                                                               \
    const INDEX batch = (INDEX)get_global_id(2);                                                   \
    const INDEX part = (INDEX)get_global_id(1);                                                    \
    const INDEX from = part * k_part;                                                              \
    const INDEX to = min(from + k_part, k);                                                        \
    MATMUL_BEGIN(batch)                                                                            \
    partial += (part * batches + batch) * n;

/* sums[0 .. columns - 1], of the columns from `first` on, into y or, of several parts, `partial`. */
#define VECTOR_END(sums, first, columns)                                                           \
    if (get_global_size(1) == 1) {                                                                 \
        MATMUL_EPILOGUE(e, 0, first)                                                               \
        gemm_finish(sums, 1, columns, &e, true, true);                                             \
    } else {                                                                                       \
        for (int c = 0; c < (columns); ++c) {                                                      \
            partial[(first) + c] = (sums)[c];                                                      \
        }                                                                                          \
    }

/* sums[j] += x[0] p[j] + x[x_step] p[step + j] + ... over eight rows. */
static inline void add_rows(const __global float *p, const INDEX step, const __global float *x,
    const INDEX x_step, const int columns, float *sums) {
    const float x0 = x[0], x1 = x[x_step], x2 = x[2 * x_step], x3 = x[3 * x_step];
    const float x4 = x[4 * x_step], x5 = x[5 * x_step], x6 = x[6 * x_step], x7 = x[7 * x_step];
    const int whole = columns / GEMM_W * GEMM_W;
    for (int j = 0; j < whole; j += GEMM_W) {
        const __global float *q = p + j;
        GEMM_VECTOR s = FMA((GEMM_VECTOR)(x0), GEMM_LOAD(0, q), GEMM_LOAD(0, sums + j));
        GEMM_VECTOR t = x1 * GEMM_LOAD(0, q + step);
        s = FMA((GEMM_VECTOR)(x2), GEMM_LOAD(0, q + 2 * step), s);
        t = FMA((GEMM_VECTOR)(x3), GEMM_LOAD(0, q + 3 * step), t);
        s = FMA((GEMM_VECTOR)(x4), GEMM_LOAD(0, q + 4 * step), s);
        t = FMA((GEMM_VECTOR)(x5), GEMM_LOAD(0, q + 5 * step), t);
        s = FMA((GEMM_VECTOR)(x6), GEMM_LOAD(0, q + 6 * step), s);
        t = FMA((GEMM_VECTOR)(x7), GEMM_LOAD(0, q + 7 * step), t);
        GEMM_STORE(s + t, 0, sums + j);
#if ASK_ROWS
        for (int i = 8; i < 16; ++i) { /* the next rows, which may lie on other pages */
            ASK_LINE_FAR(q + i * step);
        }
#endif
    }
    for (int j = whole; j < columns; ++j) {
        for (int i = 0; i < 8; ++i) {
            sums[j] = FMA(x[i * x_step], p[i * step + j], sums[j]);
        }
    }
}

__kernel void matmul_vector_cpu_rows(VECTOR_PARAMETERS) {
    MATMUL_NUMBERS
    VECTOR_BEGIN
    const INDEX first = (INDEX)get_global_id(0) * CHUNK;
    if (first >= n) {
        return;
    }
    const int columns = (int)min(n - first, (INDEX)CHUNK);
    float sums[CHUNK];
    for (int j = 0; j < columns; j += GEMM_W) {
        GEMM_STORE((GEMM_VECTOR)(0.0f), 0, sums + j);
    }
    const __global float *row = b_base + b + first + from * b_row;
    const __global float *x = a_base + a + from * a_column;
    INDEX i = from;
    for (; i + 8 <= to; i += 8) {
        add_rows(row, b_row, x, a_column, columns, sums);
        row += 8 * b_row;
        x += 8 * a_column;
    }
    for (; i < to; ++i) {
        for (int j = 0; j < columns; ++j) {
            sums[j] = FMA(x[0], row[j], sums[j]);
        }
        row += b_row;
        x += a_column;
    }
    VECTOR_END(sums, first, columns)
}

#define DOTS_EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)

__kernel void matmul_vector_cpu_dots(VECTOR_PARAMETERS) {
    MATMUL_NUMBERS
    VECTOR_BEGIN
    const INDEX first = (INDEX)get_global_id(0) * DOTS;
    if (first >= n) {
        return;
    }
    /* Columns past the edge repeat the last one and are not stored. */
    const INDEX last = n - 1;
#define DOTS_POINTER(c)                                                                            \
    const __global float *p##c = b_base + b + min(first + c, last) * b_column;                     \
    GEMM_VECTOR s##c = (GEMM_VECTOR)(0.0f);
    DOTS_EACH(DOTS_POINTER)
    const __global float *x = a_base + a;
    INDEX i = from;
    if (b_row == 1 && a_column == 1) {
        for (; i + GEMM_W <= to; i += GEMM_W) {
            const GEMM_VECTOR factor = GEMM_LOAD(0, x + i);
#define DOTS_STEP(c) s##c = FMA(factor, GEMM_LOAD(0, p##c + i), s##c);
            DOTS_EACH(DOTS_STEP)
        }
    }
#define DOTS_TOTAL(c) SUM_LANES(GEMM_W, s##c),
    float totals[DOTS < GEMM_W ? GEMM_W : DOTS] = {DOTS_EACH(DOTS_TOTAL)};
    for (; i < to; ++i) {
        const float factor = x[i * a_column];
#define DOTS_LEFT(c) totals[c] = FMA(factor, p##c[i * b_row], totals[c]);
        DOTS_EACH(DOTS_LEFT)
    }
    const int columns = (int)min(n - first, (INDEX)DOTS);
    VECTOR_END(totals, first, columns)
}

__kernel void matmul_vector_cpu_sum(MATMUL_PARAMETERS, const INDEX batches, const INDEX parts,
    const __global float *restrict partial) {
    MATMUL_NUMBERS
    const INDEX batch = (INDEX)get_global_id(2);
    const INDEX first = (INDEX)get_global_id(0) * CHUNK;
    MATMUL_BEGIN(batch)
    if (first >= n) {
        return;
    }
    const int columns = (int)min(n - first, (INDEX)CHUNK);
    float sums[CHUNK];
    for (int j = 0; j < columns; ++j) {
        sums[j] = 0.0f;
    }
    for (INDEX part = 0; part < parts; ++part) {
        const __global float *p = partial + (part * batches + batch) * n + first;
        for (int j = 0; j < columns; ++j) {
            sums[j] += p[j];
        }
    }
    MATMUL_EPILOGUE(e, 0, first)
    gemm_finish(sums, 1, columns, &e, true, true);
}
