/* SPDX-License-Identifier: Apache-2.0 */
/*
 * y[i] = x[i] for all elements i of two views of the same shape and element size.
 *
 *   -DRANK=2|4|8      axes, those of extent 1 dropped and neighbours merged, then filled up with
 *                     leading ones of extent 1: few kernels rather than the fewest divisions
 *   -DINNER=RANK-1, -DOUTER=RANK-2   numbers of the last two axes
 *   -DELEMENT=uchar|uint|ulong   by size; values are moved, never interpreted
 *
 *   -DTILE=t          elements in 64 bytes
 *   -DUNIT=0|1        transfer_tiled: 1 where both of the steps that it takes innermost are 1
 *
 * x and y do not overlap. The kernels differ in the order of the elements:
 *
 * transfer_strided: ceil(count / chunk) work-items, each copies `chunk` elements that follow each
 * other in row-major order: a long run on a CPU, one on a GPU.
 *
 * transfer_tiled, for turned matrices on a CPU: x's elements lie closest along the last axis but
 * one, y's along the last. Tiles of t x t elements of these two axes are read along the one, kept,
 * and written along the other, so that every cache line is used up at once. ceil(tiles / chunk)
 * work-items of `chunk` tiles each.
 */
#include "common.cl"

#define SHAPE_PARAMETERS(i) const INDEX shape##i, const INDEX x_stride##i, const INDEX y_stride##i

/* Takes axis i off the row-major number `rest` and adds its part to both places. */
#define TAKE_AXIS(i) TAKE_AXIS_(i)
#define TAKE_AXIS_(i)                                                                              \
    {                                                                                              \
        const INDEX at = rest % shape##i;                                                          \
        rest /= shape##i;                                                                          \
        x_at += at * x_stride##i;                                                                  \
        y_at += at * y_stride##i;                                                                  \
    }

#if RANK > 4
#define SHAPES                                                                                     \
    SHAPE_PARAMETERS(0), SHAPE_PARAMETERS(1), SHAPE_PARAMETERS(2), SHAPE_PARAMETERS(3),            \
        SHAPE_PARAMETERS(4), SHAPE_PARAMETERS(5), SHAPE_PARAMETERS(6), SHAPE_PARAMETERS(7)
#define TAKE_OUTER_AXES TAKE_AXIS(5) TAKE_AXIS(4) TAKE_AXIS(3) TAKE_AXIS(2) TAKE_AXIS(1) TAKE_AXIS(0)
#elif RANK > 2
#define SHAPES SHAPE_PARAMETERS(0), SHAPE_PARAMETERS(1), SHAPE_PARAMETERS(2), SHAPE_PARAMETERS(3)
#define TAKE_OUTER_AXES TAKE_AXIS(1) TAKE_AXIS(0)
#else
#define SHAPES SHAPE_PARAMETERS(0), SHAPE_PARAMETERS(1)
#define TAKE_OUTER_AXES
#endif

kernel void transfer_strided(global const ELEMENT *restrict x, global ELEMENT *restrict y,
    const INDEX count, const INDEX chunk, const INDEX x_offset, const INDEX y_offset, SHAPES) {
    INDEX first = (INDEX)get_global_id(0) * chunk;
    const INDEX end = min(first + chunk, count);
    const INDEX inner_shape = CAT(shape, INNER);
    const INDEX x_step = CAT(x_stride, INNER);
    const INDEX y_step = CAT(y_stride, INNER);
    while (first < end) {
        /* One run along the last axis at a time. */
        const INDEX inner = first % inner_shape;
        const INDEX run = min(inner_shape - inner, end - first);
        INDEX rest = first / inner_shape;
        INDEX x_at = x_offset + inner * x_step;
        INDEX y_at = y_offset + inner * y_step;
        TAKE_AXIS(OUTER)
        TAKE_OUTER_AXES
        for (INDEX i = 0; i < run; i++) {
            y[y_at + i * y_step] = x[x_at + i * x_step];
        }
        first += run;
    }
}

#if UNIT
#define X_STEP 1
#define Y_STEP 1
#else
#define X_STEP x_step
#define Y_STEP y_step
#endif

kernel void transfer_tiled(global const ELEMENT *restrict x, global ELEMENT *restrict y,
    const INDEX tiles, const INDEX chunk, const INDEX x_offset, const INDEX y_offset, SHAPES) {
    const INDEX rows = CAT(shape, OUTER); /* the axis that x likes */
    const INDEX columns = CAT(shape, INNER);
    const INDEX x_step = CAT(x_stride, OUTER);
    const INDEX x_jump = CAT(x_stride, INNER);
    const INDEX y_step = CAT(y_stride, INNER);
    const INDEX y_jump = CAT(y_stride, OUTER);
    const INDEX row_tiles = (rows + TILE - 1) / TILE;
    const INDEX column_tiles = (columns + TILE - 1) / TILE;
    const INDEX first = (INDEX)get_global_id(0) * chunk;
    const INDEX end = min(first + chunk, tiles);
    ELEMENT kept[TILE * TILE];
    for (INDEX tile = first; tile < end; tile++) {
        const INDEX row = tile % row_tiles * TILE;
        INDEX rest = tile / row_tiles;
        const INDEX column = rest % column_tiles * TILE;
        rest /= column_tiles;
        INDEX x_at = x_offset + row * x_step + column * x_jump;
        INDEX y_at = y_offset + row * y_jump + column * y_step;
        TAKE_OUTER_AXES
        global const ELEMENT *from = x + x_at;
        global ELEMENT *to = y + y_at;
        if (row + TILE <= rows && column + TILE <= columns) {
            for (int c = 0; c < TILE; c++) {
                for (int r = 0; r < TILE; r++) {
                    kept[c * TILE + r] = from[c * x_jump + r * X_STEP];
                }
            }
            for (int r = 0; r < TILE; r++) {
                for (int c = 0; c < TILE; c++) {
                    to[r * y_jump + c * Y_STEP] = kept[c * TILE + r];
                }
            }
        } else {
            const int last_row = (int)min(rows - row, (INDEX)TILE);
            const int last_column = (int)min(columns - column, (INDEX)TILE);
            for (int r = 0; r < last_row; r++) {
                for (int c = 0; c < last_column; c++) {
                    to[r * y_jump + c * y_step] = from[c * x_jump + r * x_step];
                }
            }
        }
    }
}
