/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The matrix product in double precision; operands and formula in matmul_batch.cl. A work-item makes a tile of TILE_ROWS rows by W columns of y, k terms one after the
 * other, in registers. Where b's rows lie end to end it reads them as vectors, else element by element.
 *
 * Global size: (ceil(n / W), ceil(m / TILE_ROWS), batches), any local size. Macros: BATCH_RANK, INDEX,
 * ACTIVATION, W (1, 2, 4 or 8), REAL_IS_DOUBLE=1.
 */
#include "common.cl"
#include "vector.cl"
#include "element.cl"
#include "matmul_batch.cl"
#define ACTIVATION_WIDTH 1
#include "activation.cl"

#define TILE_ROWS 8
#if W > 1
ELEMENT_FUNCTIONS(double, W)
#endif
typedef VALUES(2, W) row_of_y;
typedef union lanes_of_y {
    row_of_y vector;
    double lanes[W];
} lanes_of_y;

/* sums[r] += a(r, i) b(i, columns 0 .. W - 1), i = 0 .. k - 1; rows from `rows` on repeat the last one,
 * columns from `columns` on the last of them. */
static inline void multiply(row_of_y *sums, const __global double *a, INDEX a_row, INDEX a_column,
    const __global double *b, INDEX b_row, INDEX b_column, INDEX k, int rows, int columns) {
    const bool whole = b_column == 1 && columns == W;
    INDEX row[TILE_ROWS], column[W];
#pragma unroll
    for (int r = 0; r < TILE_ROWS; ++r) {
        row[r] = min(r, rows - 1) * a_row;
    }
#pragma unroll
    for (int c = 0; c < W; ++c) {
        column[c] = min(c, columns - 1) * b_column;
    }
    for (INDEX i = 0; i < k; ++i) {
        row_of_y right;
        if (whole) {
            right = LOAD_VALUES(2, W, b);
        } else {
            lanes_of_y u;
#pragma unroll
            for (int c = 0; c < W; ++c) {
                u.lanes[c] = b[column[c]];
            }
            right = u.vector;
        }
#pragma unroll
        for (int r = 0; r < TILE_ROWS; ++r) {
            sums[r] = FMA((row_of_y)(a[row[r]]), right, sums[r]);
        }
        a += a_column;
        b += b_row;
    }
}

__kernel void matmul_f64(MATMUL_PARAMETERS) {
    MATMUL_NUMBERS
    const INDEX first_row = (INDEX)get_global_id(1) * TILE_ROWS;
    const INDEX first_column = (INDEX)get_global_id(0) * W;
    if (first_row >= m || first_column >= n) {
        return;
    }
    MATMUL_BEGIN((INDEX)get_global_id(2))
    const int rows = (int)min((INDEX)TILE_ROWS, m - first_row);
    const int columns = (int)min((INDEX)W, n - first_column);
    row_of_y sums[TILE_ROWS];
#pragma unroll
    for (int r = 0; r < TILE_ROWS; ++r) {
        sums[r] = (row_of_y)(0.0);
    }
    multiply(sums, a_base + a + first_row * a_row, a_row, a_column,
        b_base + b + first_column * b_column, b_row, b_column, k, rows, columns);
    for (int r = 0; r < rows; ++r) {
        lanes_of_y u;
        u.vector = sums[r];
        for (int c = 0; c < columns; ++c) {
            MATMUL_FINISH(u.lanes[c], first_row + r, first_column + c)
        }
    }
}
