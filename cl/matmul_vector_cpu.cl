/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vector times matrix on CPUs: partial sums of a b for a of one row, read once, by vectors.
 *
 *     partial[part][batch][j] = sum over part's terms of a[k] * b[k, j]
 *
 * matmul_sum.cl adds the parts and finishes y. Both are limited by memory, so what counts is that b
 * is read along its contiguous axis, in few streams.
 *
 *   matmul_vector_cpu_rows  rows of b are contiguous (b_column 1): a work-item takes CHUNK columns
 *                           and keeps their sums in private memory while it goes down the rows.
 *   matmul_vector_cpu_dots  any steps, meant for contiguous columns (b_row 1): a work-item takes
 *                           four columns and forms their dot products with a.
 *
 * Global size: (pieces of CHUNK columns or of 4, parts, batches), local 1. Macros: WIDTH (floats in
 * a vector: 4, 8 or 16), CHUNK (a multiple of WIDTH), BATCH_RANK, INDEX.
 */
#include "common.cl"
#include "matmul_batch.cl"

#define VECTOR CAT(float, WIDTH)
#define LOAD(p) CAT(vload, WIDTH)(0, p)
#define STORE(x, p) CAT(vstore, WIDTH)(x, 0, p)

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

__kernel void matmul_vector_cpu_rows(VECTOR_PARAMETERS) {
    VECTOR_BEGIN
    const INDEX first = (INDEX)get_global_id(0) * CHUNK;
    if (first >= n) {
        return;
    }
    const int columns = (int)min(n - first, (INDEX)CHUNK);
    const int whole = columns / WIDTH * WIDTH;
    float sums[CHUNK];
    for (int j = 0; j < columns; ++j) {
        sums[j] = 0.0f;
    }
    const __global float *row = b_base + b + first + from * b_row;
    const __global float *x = a_base + a + from * a_column;
    INDEX i = from;
    for (; i + 4 <= to; i += 4) {
        const float x0 = x[0], x1 = x[a_column], x2 = x[2 * a_column], x3 = x[3 * a_column];
        for (int j = 0; j < whole; j += WIDTH) {
            VECTOR sum = LOAD(sums + j);
            sum = FMA((VECTOR)(x0), LOAD(row + j), sum);
            sum = FMA((VECTOR)(x1), LOAD(row + b_row + j), sum);
            sum = FMA((VECTOR)(x2), LOAD(row + 2 * b_row + j), sum);
            sum = FMA((VECTOR)(x3), LOAD(row + 3 * b_row + j), sum);
            STORE(sum, sums + j);
        }
        for (int j = whole; j < columns; ++j) {
            sums[j] = FMA(x0, row[j], sums[j]);
            sums[j] = FMA(x1, row[b_row + j], sums[j]);
            sums[j] = FMA(x2, row[2 * b_row + j], sums[j]);
            sums[j] = FMA(x3, row[3 * b_row + j], sums[j]);
        }
        row += 4 * b_row;
        x += 4 * a_column;
    }
    for (; i < to; ++i) {
        for (int j = 0; j < columns; ++j) {
            sums[j] = FMA(x[0], row[j], sums[j]);
        }
        row += b_row;
        x += a_column;
    }
    for (int j = 0; j < columns; ++j) {
        partial[first + j] = sums[j];
    }
}

static inline float vector_total(const VECTOR x) {
    float lanes[WIDTH];
    STORE(x, lanes);
    float total = 0.0f;
    for (int i = 0; i < WIDTH; ++i) {
        total += lanes[i];
    }
    return total;
}

__kernel void matmul_vector_cpu_dots(VECTOR_PARAMETERS) {
    VECTOR_BEGIN
    const INDEX first = (INDEX)get_global_id(0) * 4;
    if (first >= n) {
        return;
    }
    /* Columns past the edge repeat the last one and are not stored. */
    const INDEX last = n - 1;
    const __global float *p0 = b_base + b + first * b_column;
    const __global float *p1 = b_base + b + min(first + 1, last) * b_column;
    const __global float *p2 = b_base + b + min(first + 2, last) * b_column;
    const __global float *p3 = b_base + b + min(first + 3, last) * b_column;
    const __global float *x = a_base + a;
    VECTOR s0 = (VECTOR)(0.0f), s1 = s0, s2 = s0, s3 = s0;
    INDEX i = from;
    if (b_row == 1 && a_column == 1) {
        for (; i + WIDTH <= to; i += WIDTH) {
            const VECTOR factor = LOAD(x + i);
            s0 = FMA(factor, LOAD(p0 + i), s0);
            s1 = FMA(factor, LOAD(p1 + i), s1);
            s2 = FMA(factor, LOAD(p2 + i), s2);
            s3 = FMA(factor, LOAD(p3 + i), s3);
        }
    }
    float t0 = vector_total(s0), t1 = vector_total(s1), t2 = vector_total(s2),
          t3 = vector_total(s3);
    for (; i < to; ++i) {
        const float factor = x[i * a_column];
        t0 = FMA(factor, p0[i * b_row], t0);
        t1 = FMA(factor, p1[i * b_row], t1);
        t2 = FMA(factor, p2[i * b_row], t2);
        t3 = FMA(factor, p3[i * b_row], t3);
    }
    const float totals[4] = {t0, t1, t2, t3};
    for (int j = 0; j < (int)min(n - first, (INDEX)4); ++j) {
        partial[first + j] = totals[j];
    }
}
