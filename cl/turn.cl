/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns a square of n x n elements that lies in n vectors. Include after common.cl with
 *     #define TURN_ELEMENT float   the type of an element
 *     #define TURN_LANES 16        n: 4, 8 or 16
 * for static inline void turn(float16 rows[16]): lane j of row i becomes lane i of row j. With
 *     #define TURN_PITCH 272       elements from one row of a block in private memory to the next
 * there is turn_block() too. The names are undefined again.
 *
 * log2(n) times: row 2 i and 2 i + 1 become the interleaved halves of rows i and i + n / 2. The
 * place of an element, row and lane as one number of 2 log2(n) bits, so turns by one bit each time,
 * and at last row and lane have changed places. The indices of `rows` are constants once unrolled:
 * the square stays in registers.
 */
#include "interleave.cl"

#define TURN_VECTOR CAT(TURN_ELEMENT, TURN_LANES)

static inline void turn(TURN_VECTOR *rows) {
#pragma unroll
    for (int stage = TURN_LANES; stage > 1; stage /= 2) {
        TURN_VECTOR next[TURN_LANES];
#pragma unroll
        for (int i = 0; i < TURN_LANES / 2; i++) {
            const TURN_VECTOR a = rows[i], b = rows[i + TURN_LANES / 2];
            next[2 * i] = INTERLEAVE_LOW(TURN_ELEMENT, TURN_LANES, a, b);
            next[2 * i + 1] = INTERLEAVE_HIGH(TURN_ELEMENT, TURN_LANES, a, b);
        }
#pragma unroll
        for (int i = 0; i < TURN_LANES; i++) {
            rows[i] = next[i];
        }
    }
}

#ifdef TURN_PITCH
/* Of any place of an element. */
typedef TURN_VECTOR turn_unaligned __attribute__((aligned(sizeof(TURN_ELEMENT))));

/* A function with a vector in its type tells the compiler to use the widest registers. */
static inline TURN_VECTOR turn_load(__global const TURN_ELEMENT *from) {
    return *(__global const turn_unaligned *)from;
}

/*
 * to[row * pitch + column] = from[row + column * step] for all rows < rows and columns < columns.
 * Lines of memory are asked for two tiles before they are read, at the end the first ones of the rows
 * that follow; and those of what lies as the turned block will, from `beside` on (null: nothing), in
 * rows beside_step apart, which is read next.
 */
static inline void turn_block(__global const TURN_ELEMENT *from, INDEX step, int rows, int columns,
    __global const TURN_ELEMENT *beside, INDEX beside_step, TURN_ELEMENT *to) {
    for (int column = 0; column < columns; column += TURN_LANES) {
        for (int row = 0; row < rows; row += TURN_LANES) {
            __global const TURN_ELEMENT *corner = from + column * step + row;
            const int ahead = column + 2 * TURN_LANES;
            __global const TURN_ELEMENT *next =
                from + row + (ahead < columns ? ahead * step : (ahead - columns) * step + rows);
            TURN_ELEMENT *place = to + row * TURN_PITCH + column;
            if (row + TURN_LANES <= rows && column + TURN_LANES <= columns) {
                TURN_VECTOR tile[TURN_LANES];
#pragma unroll
                for (int c = 0; c < TURN_LANES; c++) {
                    tile[c] = turn_load(corner + c * step);
                    ASK_LINE_FAR(next + c * step);
                    if (beside != 0) {
                        ASK_LINE_FAR(beside + (row + c) * beside_step + column);
                    }
                }
                turn(tile);
#pragma unroll
                for (int r = 0; r < TURN_LANES; r++) {
                    *(turn_unaligned *)(place + r * TURN_PITCH) = tile[r];
                }
                continue;
            }
            const int tile_rows = min(rows - row, TURN_LANES);
            const int tile_columns = min(columns - column, TURN_LANES);
            for (int r = 0; r < tile_rows; r++) {
                for (int c = 0; c < tile_columns; c++) {
                    place[r * TURN_PITCH + c] = corner[c * step + r];
                }
            }
        }
    }
}

/* Before a row goes to `to`, the next one `step` elements further on: asks for the one after that, if it
 * is on another page, whose place is then known in time. A nearer one would be fetched only to be
 * written past the caches. */
static inline void ask_row(__global const TURN_ELEMENT *to, INDEX step) {
    if (step * (INDEX)sizeof(TURN_ELEMENT) >= 4096) {
        ASK_LINE(to + 2 * step, 1);
    }
}

/* Before row number `line` of `lines` goes to its place, while memory has little to do: asks for its
 * share of the `columns` of the block that is turned next, which begins at `from`. */
static inline void ask_columns(__global const TURN_ELEMENT *from, INDEX step, int rows, int columns,
    int line, int share) {
    for (int column = line * share; column < min((line + 1) * share, columns); column++) {
        /* A piece that does not begin where a line does has one more. */
        __global const TURN_ELEMENT *piece = from + column * step;
        const int last = rows + (int)((size_t)piece % 64 / sizeof(TURN_ELEMENT));
        for (int row = 0; row < last; row += 64 / (int)sizeof(TURN_ELEMENT)) {
            ASK_LINE_FAR(piece + row);
        }
    }
}
#undef TURN_PITCH
#endif

#undef TURN_VECTOR
#undef TURN_ELEMENT
#undef TURN_LANES
