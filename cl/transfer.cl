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
 *   -DROWS=r -DCOLUMNS=c   transfer_tiled: elements of a block, at most, multiples of t
 *   -DUNIT=0|1        1 where the steps are 1: transfer_strided's along the last axis, on CPUs, and
 *                     both of those that transfer_tiled takes innermost
 *   -DFEW=f           0, or as in transfer_few
 *
 * x and y do not overlap. `stream`: y will not stay in the caches anyway, store past them where that
 * is whole vectors. The kernels differ in the order of the elements:
 *
 * transfer_strided: ceil(parts / width) work-items, each copies `width` of the `parts` elements, which
 * follow each other in row-major order: a long run on a CPU, one on a GPU.
 *
 * transfer_tiled, for turned matrices on a CPU: x's elements lie closest along the last axis but
 * one, y's along the last. Work-item i does block i of the `parts`, ROWS x `width` elements of these
 * two axes. With steps of 1 it is turned into private memory, by tiles in registers, and goes on to y
 * by rows: long ones, as each is a page of memory to be found, and past the caches wherever they
 * begin. With other steps, tiles of t x t elements are read along the one, turned, and written along
 * the other, so that every cache line is used up at once.
 *
 * transfer_few, where y's rows of the last axis are FEW = 2, 3 or 4 elements without gaps between and x
 * has them far apart, steps of 1 along the last axis but one: images whose channels are brought
 * together, channels that are shuffled. Elements are `uint`. A piece is up to `width` of these rows;
 * work-item i does pieces i * share .. of the `parts`.
 *
 * transfer_turned, the same on a GPU: local size TURNED_GROUP, group i does block i, TURNED_SIDE elements
 * square, through local memory (its rows one element longer, against bank conflicts): neighbouring
 * work-items read neighbours in x, then write neighbours in y.
 */
#include "common.cl"
#include "numbers.cl"

#define TRANSFER_AXIS(ANY, i) ANY(shape##i) ANY(x_stride##i) ANY(y_stride##i)

/* Takes axis i off the row-major number `rest` and adds its part to both places. */
#define TAKE_AXIS(i) TAKE_AXIS_(i)
#define TAKE_AXIS_(i)                                                                              \
    {                                                                                              \
        const INDEX at = rest % shape##i;                                                          \
        rest /= shape##i;                                                                          \
        x_at += at * x_stride##i;                                                                  \
        y_at += at * y_stride##i;                                                                  \
    }

#define TRANSFER_AXES_2(ANY) TRANSFER_AXIS(ANY, 0) TRANSFER_AXIS(ANY, 1)
#define TRANSFER_AXES_4(ANY) TRANSFER_AXES_2(ANY) TRANSFER_AXIS(ANY, 2) TRANSFER_AXIS(ANY, 3)
#define TRANSFER_AXES_8(ANY)                                                                       \
    TRANSFER_AXES_4(ANY) TRANSFER_AXIS(ANY, 4) TRANSFER_AXIS(ANY, 5) TRANSFER_AXIS(ANY, 6)         \
    TRANSFER_AXIS(ANY, 7)
#define TRANSFER_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                               \
    ANY_INDEX(parts) ANY_INDEX(width) ANY_INDEX(share) ANY_INDEX(x_offset) ANY_INDEX(y_offset)     \
    CAT(TRANSFER_AXES_, RANK)(ANY_INDEX) ANY_INT(stream)
typedef struct transfer_numbers {
    NUMBER_MEMBERS(TRANSFER_LIST)
} transfer_numbers;

#if RANK > 4
#define TAKE_OUTER_AXES TAKE_AXIS(5) TAKE_AXIS(4) TAKE_AXIS(3) TAKE_AXIS(2) TAKE_AXIS(1) TAKE_AXIS(0)
#elif RANK > 2
#define TAKE_OUTER_AXES TAKE_AXIS(1) TAKE_AXIS(0)
#else
#define TAKE_OUTER_AXES
#endif

#if UNIT
#include "copy_run.cl"
#endif

kernel void transfer_strided(global const ELEMENT *restrict x, global ELEMENT *restrict y,
    const transfer_numbers numbers) {
    NUMBERS(TRANSFER_LIST)
    INDEX first = (INDEX)get_global_id(0) * width;
    const INDEX end = min(first + width, parts);
    const INDEX inner_shape = CAT(shape, INNER);
    const INDEX x_step = CAT(x_stride, INNER);
    const INDEX y_step = CAT(y_stride, INNER);
    while (first < end) {
        /* Runs along the last axis, up to the end of the one before it. */
        INDEX inner = first % inner_shape;
        INDEX rest = first / inner_shape;
        const INDEX lines = CAT(shape, OUTER) - rest % CAT(shape, OUTER);
        INDEX x_at = x_offset;
        INDEX y_at = y_offset;
        TAKE_AXIS(OUTER)
        TAKE_OUTER_AXES
        for (INDEX line = 0; line < lines && first < end; line++) {
            const INDEX run = min(inner_shape - inner, end - first);
#if UNIT
            copy_run(x + x_at + inner, y + y_at + inner, run, CAT(x_stride, OUTER), stream);
#else
            for (INDEX i = inner; i < inner + run; i++) {
                y[y_at + i * y_step] = x[x_at + i * x_step];
            }
#endif
            first += run;
            inner = 0;
            x_at += CAT(x_stride, OUTER);
            y_at += CAT(y_stride, OUTER);
        }
    }
}

#if FEW
#include "interleave.cl"

#define ROW(f) vload8(0, from + (f) * x_jump)
/* Eight rows of y. */
static inline void interleave_rows(global const uint *from, INDEX x_jump, global uint *to) {
    const uint8 a = ROW(0), b = ROW(1);
#if FEW == 2
    vstore8(INTERLEAVE_LOW(uint, 8, a, b), 0, to);
    vstore8(INTERLEAVE_HIGH(uint, 8, a, b), 1, to);
#elif FEW == 3
    const uint8 c = ROW(2);
    const uint8 first = PICK_LANES(uint, 8, a, b, 0, 8, 0, 1, 9, 0, 2, 10);
    const uint8 second = PICK_LANES(uint, 8, a, b, 0, 3, 11, 0, 4, 12, 0, 5);
    const uint8 third = PICK_LANES(uint, 8, a, b, 13, 0, 6, 14, 0, 7, 15, 0);
    vstore8(PICK_LANES(uint, 8, first, c, 0, 1, 8, 3, 4, 9, 6, 7), 0, to);
    vstore8(PICK_LANES(uint, 8, second, c, 10, 1, 2, 11, 4, 5, 12, 7), 1, to);
    vstore8(PICK_LANES(uint, 8, third, c, 0, 13, 2, 3, 14, 5, 6, 15), 2, to);
#else
    const uint8 c = ROW(2), d = ROW(3);
    const uint8 ac = INTERLEAVE_LOW(uint, 8, a, c), bd = INTERLEAVE_LOW(uint, 8, b, d);
    vstore8(INTERLEAVE_LOW(uint, 8, ac, bd), 0, to);
    vstore8(INTERLEAVE_HIGH(uint, 8, ac, bd), 1, to);
    const uint8 ac_high = INTERLEAVE_HIGH(uint, 8, a, c), bd_high = INTERLEAVE_HIGH(uint, 8, b, d);
    vstore8(INTERLEAVE_LOW(uint, 8, ac_high, bd_high), 2, to);
    vstore8(INTERLEAVE_HIGH(uint, 8, ac_high, bd_high), 3, to);
#endif
}

kernel void transfer_few(global const ELEMENT *restrict x, global ELEMENT *restrict y,
    const transfer_numbers numbers) {
    NUMBERS(TRANSFER_LIST)
    const INDEX rows = CAT(shape, OUTER), pieces = (rows + width - 1) / width;
    const INDEX x_jump = CAT(x_stride, INNER);
    const INDEX first = (INDEX)get_global_id(0) * share;
    for (INDEX piece = first; piece < min(first + share, parts); piece++) {
        INDEX rest = piece / pieces;
        const INDEX row = piece % pieces * width;
        INDEX x_at = x_offset + row;
        INDEX y_at = y_offset + row * FEW;
        TAKE_OUTER_AXES
        const INDEX count = min(rows - row, width);
        INDEX i = 0;
        for (; i + 8 <= count; i += 8) {
            interleave_rows(x + x_at + i, x_jump, y + y_at + i * FEW);
        }
        if (i < count && count >= 8) { /* some of them once more */
            i = count - 8;
            interleave_rows(x + x_at + i, x_jump, y + y_at + i * FEW);
            continue;
        }
        for (; i < count; i++) {
            for (int f = 0; f < FEW; f++) {
                y[y_at + i * FEW + f] = x[x_at + i + f * x_jump];
            }
        }
    }
}
#endif

#define TURNED_GROUP 256
#define TURNED_SIDE 32

kernel __attribute__((reqd_work_group_size(TURNED_GROUP, 1, 1))) void transfer_turned(
    global const ELEMENT *restrict x, global ELEMENT *restrict y, const transfer_numbers numbers) {
    local ELEMENT tile[TURNED_SIDE * (TURNED_SIDE + 1)];
    NUMBERS(TRANSFER_LIST)
    const INDEX x_step = CAT(x_stride, OUTER), x_jump = CAT(x_stride, INNER);
    const INDEX y_step = CAT(y_stride, INNER), y_jump = CAT(y_stride, OUTER);
    const INDEX row_blocks = (CAT(shape, OUTER) + TURNED_SIDE - 1) / TURNED_SIDE;
    const INDEX column_blocks = (CAT(shape, INNER) + TURNED_SIDE - 1) / TURNED_SIDE;
    const INDEX row = (INDEX)get_group_id(0) % row_blocks * TURNED_SIDE;
    INDEX rest = (INDEX)get_group_id(0) / row_blocks;
    const INDEX column = rest % column_blocks * TURNED_SIDE;
    rest /= column_blocks;
    INDEX x_at = x_offset + row * x_step + column * x_jump;
    INDEX y_at = y_offset + row * y_jump + column * y_step;
    TAKE_OUTER_AXES
    const int rows = (int)min(CAT(shape, OUTER) - row, (INDEX)TURNED_SIDE);
    const int columns = (int)min(CAT(shape, INNER) - column, (INDEX)TURNED_SIDE);
    const int along = (int)get_local_id(0) % TURNED_SIDE;
    const int first = (int)get_local_id(0) / TURNED_SIDE;
    UNROLLED for (int i = first; i < TURNED_SIDE; i += TURNED_GROUP / TURNED_SIDE) {
        if (along < rows && i < columns) {
            tile[i * (TURNED_SIDE + 1) + along] = x[x_at + along * x_step + i * x_jump];
        }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    UNROLLED for (int i = first; i < TURNED_SIDE; i += TURNED_GROUP / TURNED_SIDE) {
        if (i < rows && along < columns) {
            y[y_at + i * y_jump + along * y_step] = tile[along * (TURNED_SIDE + 1) + i];
        }
    }
}

#if UNIT && TILE <= 16
#define TURN_ELEMENT ELEMENT
#define TURN_LANES TILE
#define TURN_PITCH (COLUMNS + TILE)
#include "turn.cl"

/* `left` columns from the block's first one on; pieces of rows begin and end where vectors of memory
 * do, so that no line of memory is written by two blocks. */
static inline void copy_block(global const ELEMENT *from, INDEX x_jump, INDEX x_step,
    global ELEMENT *to, INDEX y_jump, INDEX y_step, int rows, int columns, INDEX left, INDEX next,
    bool is_first, int stream) {
    ELEMENT turned[ROWS * (COLUMNS + TILE)];
    const int extra = stream ? (int)min(left - columns, (INDEX)TILE) : 0;
    const int share = next != 0 ? (columns + rows - 1) / rows : 0;
    turn_block(from, x_jump, rows, columns + extra, 0, 0, turned);
    for (int r = 0; r < rows; r++) {
        ask_row(to, y_jump);
        ask_columns(from + next, x_jump, ROWS, columns, r, share);
        const INDEX head = stream ? HEAD(to) : 0;
        const INDEX first = is_first ? 0 : head;
        copy_run(turned + r * (COLUMNS + TILE) + first, to + first,
            min(columns + head, left) - first, 0, stream);
        to += y_jump;
    }
}
#else
static inline void copy_tile(global const ELEMENT *from, INDEX x_jump, INDEX x_step,
    global ELEMENT *to, INDEX y_jump, INDEX y_step) {
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

static inline void copy_block(global const ELEMENT *x_block, INDEX x_jump, INDEX x_step,
    global ELEMENT *y_block, INDEX y_jump, INDEX y_step, int rows, int columns, INDEX left,
    INDEX next, bool is_first, int stream) {
    for (int row = 0; row < rows; row += TILE) {
        for (int column = 0; column < columns; column += TILE) {
            global const ELEMENT *from = x_block + row * x_step + column * x_jump;
            global ELEMENT *to = y_block + row * y_jump + column * y_step;
            if (row + TILE <= rows && column + TILE <= columns) {
                copy_tile(from, x_jump, x_step, to, y_jump, y_step);
                continue;
            }
            const int tile_rows = min(rows - row, TILE);
            const int tile_columns = min(columns - column, TILE);
            for (int r = 0; r < tile_rows; r++) {
                for (int c = 0; c < tile_columns; c++) {
                    to[r * y_jump + c * y_step] = from[c * x_jump + r * x_step];
                }
            }
        }
    }
}
#endif

kernel void transfer_tiled(global const ELEMENT *restrict x, global ELEMENT *restrict y,
    const transfer_numbers numbers) {
    NUMBERS(TRANSFER_LIST)
    const INDEX x_step = CAT(x_stride, OUTER);
    const INDEX x_jump = CAT(x_stride, INNER);
    const INDEX y_step = CAT(y_stride, INNER);
    const INDEX y_jump = CAT(y_stride, OUTER);
    const INDEX rows = CAT(shape, OUTER); /* the axis that x likes */
    const INDEX columns = CAT(shape, INNER);
    const INDEX column_blocks = (columns + width - 1) / width;
    const INDEX row_blocks = (rows + ROWS - 1) / ROWS;
    const INDEX block = (INDEX)get_global_id(0);
    if (block >= parts) {
        return;
    }
    const INDEX row = block % row_blocks * ROWS;
    INDEX rest = block / row_blocks;
    const INDEX column = rest % column_blocks * width;
    rest /= column_blocks;
    /* From a block of x to the one that this or another work-item does next. */
    const INDEX next = row + ROWS < rows          ? ROWS * x_step
                       : column + width < columns ? width * x_jump - row * x_step
                                                  : 0;
    INDEX x_at = x_offset + row * x_step + column * x_jump;
    INDEX y_at = y_offset + row * y_jump + column * y_step;
    TAKE_OUTER_AXES
    copy_block(x + x_at, x_jump, x_step, y + y_at, y_jump, y_step,
        (int)min(rows - row, (INDEX)ROWS), (int)min(columns - column, width),
        columns - column, next, column == 0, stream);
}
