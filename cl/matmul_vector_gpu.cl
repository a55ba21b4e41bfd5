/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vector times matrix on GPUs: partial sums of a b for a of one row.
 *
 *     partial[part][batch][j] = sum over part's terms of a[k] * b[k, j]
 *
 * matmul_sum.cl adds the parts and finishes y.
 *
 *   matmul_vector_gpu_rows  a work-item a column: neighbours read neighbouring elements where b's
 *                           rows are contiguous. Global size (n, parts, batches), local (LANES, 1,
 *                           1).
 *   matmul_vector_gpu_dots  a work-group a column: its work-items go along k together, coalesced
 *                           where b's columns are contiguous, and add up in local memory. Global
 *                           size (n * LANES, parts, batches), local (LANES, 1, 1).
 *
 * Macros: LANES, a power of two; BATCH_RANK, INDEX. Local memory: 4 LANES bytes.
 */
#include "common.cl"
#include "matmul_batch.cl"

#define VECTOR_PARAMETERS                                                                          \
    MATMUL_PARAMETERS, const INDEX batches, const INDEX k_part, __global float *restrict partial

#define VECTOR_BEGIN                                                                               \
    const INDEX batch = (INDEX)get_global_id(2);                                                   \
    const INDEX part = (INDEX)get_global_id(1);                                                    \
    const INDEX from = part * k_part;                                                              \
    const INDEX to = min(from + k_part, k);                                                        \
    MATMUL_BEGIN(batch)                                                                            \
    partial += (part * batches + batch) * n;

__kernel __attribute__((reqd_work_group_size(LANES, 1, 1))) void matmul_vector_gpu_rows(
    VECTOR_PARAMETERS) {
    MATMUL_NUMBERS
    VECTOR_BEGIN
    const INDEX column = (INDEX)get_global_id(0);
    if (column >= n) {
        return;
    }
    const __global float *p = b_base + b + column * b_column;
    const __global float *x = a_base + a;
    float sum0 = 0.0f, sum1 = 0.0f;
    INDEX i = from;
    for (; i + 2 <= to; i += 2) {
        sum0 = FMA(x[i * a_column], p[i * b_row], sum0);
        sum1 = FMA(x[(i + 1) * a_column], p[(i + 1) * b_row], sum1);
    }
    if (i < to) {
        sum0 = FMA(x[i * a_column], p[i * b_row], sum0);
    }
    partial[column] = sum0 + sum1;
}

__kernel __attribute__((reqd_work_group_size(LANES, 1, 1))) void matmul_vector_gpu_dots(
    VECTOR_PARAMETERS) {
    MATMUL_NUMBERS
    __local float sums[LANES];
    VECTOR_BEGIN
    const INDEX column = (INDEX)get_group_id(0);
    const int lane = (int)get_local_id(0);
    const __global float *p = b_base + b + column * b_column;
    const __global float *x = a_base + a;
    float sum = 0.0f;
    for (INDEX i = from + lane; i < to; i += LANES) {
        sum = FMA(x[i * a_column], p[i * b_row], sum);
    }
    sums[lane] = sum;
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int half_of = LANES / 2; half_of > 0; half_of /= 2) {
        if (lane < half_of) {
            sums[lane] += sums[lane + half_of];
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    if (lane == 0) {
        partial[column] = sums[0];
    }
}
