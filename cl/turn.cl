/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns a square of n x n elements that lies in n vectors. Include after common.cl with
 *     #define TURN_ELEMENT float   the type of an element
 *     #define TURN_LANES 16        n: 4, 8 or 16
 * for static inline void turn(float16 rows[16]): lane j of row i becomes lane i of row j. With
 *     #define TURN_PITCH 272       elements from one row of a block in private memory to the next
 * there is turn_block() too. The names are undefined again.
 *
 * Squares of four by four elements turn first, then they change places as wholes: of a processor's
 * instructions for lanes, those that stay inside of 128 bits, or move as many together, are the fast ones
 * and run beside arithmetic. The indices of `rows` are constants once unrolled: the square stays in
 * registers.
 */
#include "interleave.cl"

#define TURN_VECTOR CAT(TURN_ELEMENT, TURN_LANES)
#define TURN_PICK(LIST, a, b)                                                                      \
    PICK_LANES(TURN_ELEMENT, TURN_LANES, a, b, CAT(CAT(TURN_, LIST), CAT(_, TURN_LANES)))
/* In each four lanes of a and b: single ones by turns, then pairs. */
#define TURN_SINGLES_LOW_4 0, 4, 1, 5
#define TURN_SINGLES_HIGH_4 2, 6, 3, 7
#define TURN_PAIRS_LOW_4 0, 1, 4, 5
#define TURN_PAIRS_HIGH_4 2, 3, 6, 7
#define TURN_SINGLES_LOW_8 0, 8, 1, 9, 4, 12, 5, 13
#define TURN_SINGLES_HIGH_8 2, 10, 3, 11, 6, 14, 7, 15
#define TURN_PAIRS_LOW_8 0, 1, 8, 9, 4, 5, 12, 13
#define TURN_PAIRS_HIGH_8 2, 3, 10, 11, 6, 7, 14, 15
#define TURN_SINGLES_LOW_16 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29
#define TURN_SINGLES_HIGH_16 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31
#define TURN_PAIRS_LOW_16 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define TURN_PAIRS_HIGH_16 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
/* Halves of a and b, and every other four. */
#define TURN_HALF_LOW_8 0, 1, 2, 3, 8, 9, 10, 11
#define TURN_HALF_HIGH_8 4, 5, 6, 7, 12, 13, 14, 15
#define TURN_HALF_LOW_16 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define TURN_HALF_HIGH_16 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31
#define TURN_FOURS_EVEN_16 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27
#define TURN_FOURS_ODD_16 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31

static inline void turn(TURN_VECTOR *rows) {
    TURN_VECTOR four[TURN_LANES];
#pragma unroll
    for (int i = 0; i < TURN_LANES; i += 4) {
        const TURN_VECTOR a = TURN_PICK(SINGLES_LOW, rows[i], rows[i + 1]);
        const TURN_VECTOR b = TURN_PICK(SINGLES_HIGH, rows[i], rows[i + 1]);
        const TURN_VECTOR c = TURN_PICK(SINGLES_LOW, rows[i + 2], rows[i + 3]);
        const TURN_VECTOR d = TURN_PICK(SINGLES_HIGH, rows[i + 2], rows[i + 3]);
        four[i] = TURN_PICK(PAIRS_LOW, a, c);
        four[i + 1] = TURN_PICK(PAIRS_HIGH, a, c);
        four[i + 2] = TURN_PICK(PAIRS_LOW, b, d);
        four[i + 3] = TURN_PICK(PAIRS_HIGH, b, d);
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
#if TURN_LANES == 4
        rows[i] = four[i];
#elif TURN_LANES == 8
        rows[i] = TURN_PICK(HALF_LOW, four[i], four[i + 4]);
        rows[i + 4] = TURN_PICK(HALF_HIGH, four[i], four[i + 4]);
#else
        const TURN_VECTOR a = TURN_PICK(HALF_LOW, four[i], four[i + 4]);
        const TURN_VECTOR b = TURN_PICK(HALF_LOW, four[i + 8], four[i + 12]);
        const TURN_VECTOR c = TURN_PICK(HALF_HIGH, four[i], four[i + 4]);
        const TURN_VECTOR d = TURN_PICK(HALF_HIGH, four[i + 8], four[i + 12]);
        rows[i] = TURN_PICK(FOURS_EVEN, a, b);
        rows[i + 4] = TURN_PICK(FOURS_ODD, a, b);
        rows[i + 8] = TURN_PICK(FOURS_EVEN, c, d);
        rows[i + 12] = TURN_PICK(FOURS_ODD, c, d);
#endif
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
