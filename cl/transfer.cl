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
 *   -DROWS=r -DCOLUMNS=c   transfer_tiled: elements of a block, multiples of t
 *   -DUNIT=0|1        transfer_tiled: 1 where both of the steps that it takes innermost are 1
 *
 * x and y do not overlap. The kernels differ in the order of the elements:
 *
 * transfer_strided: ceil(count / chunk) work-items, each copies `chunk` elements that follow each
 * other in row-major order: a long run on a CPU, one on a GPU.
 *
 * transfer_tiled, for turned matrices on a CPU: x's elements lie closest along the last axis but
 * one, y's along the last. Tiles of t x t elements of these two axes are read along the one, turned,
 * and written along the other, so that every cache line is used up at once, the one that is read
 * being asked for some tiles ahead. Work-item i does block i of ROWS x COLUMNS elements. `stream`:
 * y will not stay in the caches anyway, store past them.
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

#if UNIT && (TILE == 8 || TILE == 16)
#define TURN_ELEMENT ELEMENT
#define TURN_LANES TILE
#include "turn.cl"
typedef CAT(ELEMENT, TILE) tile_row;
/* Of any place of an element. */
typedef tile_row any_tile_row __attribute__((aligned(sizeof(ELEMENT))));

/* Functions with vectors in their types tell the compiler to keep to the widest registers. */
tile_row load_row(global const ELEMENT *from) {
    return *(global const any_tile_row *)from;
}

void store_row(tile_row row, global ELEMENT *to) {
    *(global any_tile_row *)to = row;
}

/* A whole tile: every line is read once and written once. */
void copy_tile(global const ELEMENT *from, INDEX x_jump, INDEX x_step, global ELEMENT *to,
    INDEX y_jump, INDEX y_step, int stream) {
    tile_row rows[TILE];
#pragma unroll
    for (int c = 0; c < TILE; c++) {
        rows[c] = load_row(from + c * x_jump);
        ASK_LINE(from + c * x_jump + TILE, 0);
    }
    turn(rows);
#ifdef STORE_PAST
    if (stream && (((size_t)to | (size_t)(y_jump * (INDEX)sizeof(ELEMENT))) & 63) == 0) {
#pragma unroll
        for (int r = 0; r < TILE; r++) {
            STORE_PAST(rows[r], (global tile_row *)(to + r * y_jump));
        }
        return;
    }
#endif
#pragma unroll
    for (int r = 0; r < TILE; r++) {
        store_row(rows[r], to + r * y_jump);
        ASK_LINE(to + (r + TILE) * y_jump, 1);
    }
}
#else
void copy_tile(global const ELEMENT *from, INDEX x_jump, INDEX x_step, global ELEMENT *to,
    INDEX y_jump, INDEX y_step, int stream) {
    ELEMENT kept[TILE * TILE];
    for (int c = 0; c < TILE; c++) {
        for (int r = 0; r < TILE; r++) {
            kept[c * TILE + r] = from[c * x_jump + r * x_step];
        }
    }
    for (int r = 0; r < TILE; r++) {
        for (int c = 0; c < TILE; c++) {
            to[r * y_jump + c * y_step] = kept[c * TILE + r];
        }
    }
}
#endif

kernel void transfer_tiled(global const ELEMENT *restrict x, global ELEMENT *restrict y,
    const INDEX blocks, const int stream, const INDEX x_offset, const INDEX y_offset, SHAPES) {
    const INDEX rows = CAT(shape, OUTER); /* the axis that x likes */
    const INDEX columns = CAT(shape, INNER);
    const INDEX x_step = CAT(x_stride, OUTER);
    const INDEX x_jump = CAT(x_stride, INNER);
    const INDEX y_step = CAT(y_stride, INNER);
    const INDEX y_jump = CAT(y_stride, OUTER);
    const INDEX column_blocks = (columns + COLUMNS - 1) / COLUMNS;
    const INDEX row_blocks = (rows + ROWS - 1) / ROWS;
    const INDEX block = (INDEX)get_global_id(0);
    if (block >= blocks) {
        return;
    }
    const INDEX first_row = block % row_blocks * ROWS;
    INDEX rest = block / row_blocks;
    const INDEX first_column = rest % column_blocks * COLUMNS;
    rest /= column_blocks;
    INDEX x_at = x_offset;
    INDEX y_at = y_offset;
    TAKE_OUTER_AXES
    const INDEX last_row = min(first_row + ROWS, rows);
    const INDEX last_column = min(first_column + COLUMNS, columns);
    for (INDEX row = first_row; row < last_row; row += TILE) {
        for (INDEX column = first_column; column < last_column; column += TILE) {
            global const ELEMENT *from = x + x_at + row * x_step + column * x_jump;
            global ELEMENT *to = y + y_at + row * y_jump + column * y_step;
            if (row + TILE <= last_row && column + TILE <= last_column) {
                copy_tile(from, x_jump, x_step, to, y_jump, y_step, stream);
                continue;
            }
            const int tile_rows = (int)min(last_row - row, (INDEX)TILE);
            const int tile_columns = (int)min(last_column - column, (INDEX)TILE);
            for (int r = 0; r < tile_rows; r++) {
                for (int c = 0; c < tile_columns; c++) {
                    to[r * y_jump + c * y_step] = from[c * x_jump + r * x_step];
                }
            }
        }
    }
}
