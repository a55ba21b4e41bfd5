/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finishes a product whose terms were summed in parts: adds partial[part][batch][m][n] in order of
 * the parts and applies the epilogue of matmul_batch.cl (a and b are not read).
 *
 * Global size: (n, m, batches), any local size. Macros: BATCH_RANK, INDEX, ACTIVATION.
 */
#include "common.cl"
#include "matmul_batch.cl"
#define ACTIVATION_WIDTH 1
#include "activation.cl"

__kernel void matmul_sum(MATMUL_PARAMETERS, const INDEX batches, const INDEX parts,
    const __global float *restrict partial) {
    MATMUL_NUMBERS
    const INDEX column = (INDEX)get_global_id(0);
    const INDEX row = (INDEX)get_global_id(1);
    const INDEX batch = (INDEX)get_global_id(2);
    if (column >= n || row >= m) {
        return;
    }
    MATMUL_BEGIN(batch)
    const INDEX at = (batch * m + row) * n + column;
    float sum = 0.0f;
    for (INDEX part = 0; part < parts; ++part) {
        sum += partial[part * batches * m * n + at];
    }
    MATMUL_FINISH(sum, row, column)
}
