/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution by matrix units: formulas, operands and results are conv2d_gpu_window.cl's, the tile is
 * gemm_units.cl's, the units are unit.cl's.
 *
 * Global size: (tiles across columns * UNITS_ITEMS, tiles across rows, groups * parts), local size
 * (UNITS_ITEMS, 1, 1); local memory as gemm_units.cl says. Macros: those of the three files; CONV2D_HALF is
 * of the mode's type.
 */
#include "common.cl"
#include "unit.cl"
#include "numbers.cl"
#define UNITS_QUAD CONV2D_QUAD
#define UNITS_QUADS_ARE_WORDS (CONV2D_HALF != 0)
#include "gemm_units.cl"
#define ACTIVATION_WIDTH 1
#include "activation.cl"
#include "conv2d_gpu_window.cl"

__kernel UNITS_GROUP void conv2d_gpu_units(
    const __global CONV2D_ELEMENT *a, const __global CONV2D_ELEMENT *b, __global CONV2D_SUM *result,
    const __global CONV2D_ELEMENT *bias, RESIDUAL_PARAMETER const conv2d_numbers numbers) {
    NUMBERS(CONV2D_NUMBERS)
    UNITS_BEGIN
    CONV2D_BEGIN(UNITS_TILE, UNITS_TILE)
    UNITS_RUN(from, to, CONV2D_LOAD_A, CONV2D_LOAD_B)
#define STORE_INSIDE(sum, r, c)                                                                    \
    const INDEX row = first_row + (r), column = first_column + (c);                                \
    if (row < rows && column < columns) {                                                          \
        CONV2D_PLACE(column)                                                                       \
        CONV2D_STORE(sum, row, column)                                                             \
    }
    UNITS_FINISH(STORE_INSIDE)
}
