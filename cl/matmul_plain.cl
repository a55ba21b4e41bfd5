/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plain matrix product: one work-item an element of y, any device, any strides. Operands and
 * formula in matmul_batch.cl. What the other variants are compared with.
 *
 * Global size: (n, m, batches), any local size. Macros: BATCH_RANK, INDEX, ACTIVATION.
 */
#include "common.cl"
#include "matmul_batch.cl"
#define ACTIVATION_WIDTH 1
#include "activation.cl"

__kernel void matmul_plain(MATMUL_PARAMETERS) {
    MATMUL_NUMBERS
    const INDEX column = (INDEX)get_global_id(0);
    const INDEX row = (INDEX)get_global_id(1);
    if (column >= n || row >= m) {
        return;
    }
    MATMUL_BEGIN((INDEX)get_global_id(2))
    a += row * a_row;
    b += column * b_column;
    float sum = 0.0f;
    for (INDEX i = 0; i < k; ++i) {
        sum = FMA(a_base[a + i * a_column], b_base[b + i * b_row], sum);
    }
    MATMUL_FINISH(sum, row, column)
}
