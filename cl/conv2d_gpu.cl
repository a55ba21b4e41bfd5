/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution on GPUs as implicit GEMM: formulas, operands and results are conv2d_gpu_window.cl's, the
 * tile is gemm_gpu.cl's.
 *
 * conv2d_gpu: global size (tiles across columns * GEMM_TX, tiles across rows * GEMM_TY,
 * groups * parts), local size (GEMM_TX, GEMM_TY, 1); local memory as gemm_gpu.cl says. Macros: those of
 * both files.
 */
#include "common.cl"
#include "numbers.cl"
#include "gemm_gpu.cl"
#define ACTIVATION_WIDTH 1
#include "activation.cl"
#include "conv2d_gpu_window.cl"

__kernel __attribute__((reqd_work_group_size(GEMM_TX, GEMM_TY, 1))) void conv2d_gpu(
    const __global CONV2D_ELEMENT *a, const __global CONV2D_ELEMENT *b, __global CONV2D_SUM *result,
    const __global CONV2D_ELEMENT *bias, RESIDUAL_PARAMETER const conv2d_numbers numbers) {
    NUMBERS(CONV2D_NUMBERS)
    GEMM_LOCAL_TILES;
    GEMM_SUMS
    CONV2D_BEGIN(GEMM_TILE_M, GEMM_TILE_N)
    GEMM_RUN(from, to, CONV2D_LOAD_A, CONV2D_LOAD_B)
    UNROLLED for (int j = 0; j < GEMM_RN; j++) {
        const INDEX column = first_column + GEMM_COLUMN(j);
        if (column >= columns) {
            continue;
        }
        CONV2D_PLACE(column)
        UNROLLED for (int i = 0; i < GEMM_RM; i++) {
            const INDEX row = first_row + GEMM_ROW(i);
            if (row >= rows) {
                continue;
            }
            float sums[4];
            vstore4(GEMM_SUM4(i, j / 4), 0, sums);
            CONV2D_STORE(sums[j % 4], row, column)
        }
    }
}
