/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rotary position embedding; formulas: include/cleat/rotary.h. x is [outer0, outer1, shared, L, E]
 * in the numbers, where the rows along `shared` have the same positions.
 *
 *     rotary_rows   processors: a work-item takes BLOCK positions, finds their cosines and sines
 *                   once, and turns the rows of all `shared`. Groups of 1, outer0 * outer1 *
 *                   ceil(L / BLOCK) items; local memory: BLOCK * 2 * E elements
 *     rotary_items  a work-item takes a pair; 1-D, any work-group
 * Macro: ROTARY_W, elements in a vector: 4, 8 or 16.
 *
 * powers[k] = base^(-2 2^k / E), as 2^-64 of 1. position_kind: 0 none, 1 int, 2 long.
 */
#include "common.cl"
#include "vector.cl"

#define BLOCK 16
#define W ROTARY_W
#define VECTOR FLOATS(W)

typedef struct rotary_numbers {
    ulong powers[16];
    long first_position;
    INDEX outer0, outer1, shared, length, width;
    INDEX x_offset, x_outer0, x_outer1, x_shared, x_row, x_column;
    INDEX y_offset, y_outer0, y_outer1, y_shared, y_row, y_column;
    INDEX position_offset, position_outer0, position_outer1, position_row;
    int position_kind, neighbours, inverse;
} rotary_numbers;

static inline long position_of(
    const rotary_numbers *n, const __global uchar *positions, INDEX o0, INDEX o1, INDEX l) {
    const INDEX place = n->position_offset + o0 * n->position_outer0 + o1 * n->position_outer1 +
                        l * n->position_row;
    return n->position_kind == 0   ? n->first_position + l
           : n->position_kind == 1 ? (long)((const __global int *)positions)[place]
                                   : ((const __global long *)positions)[place];
}

/* Turns that pair i takes a position, as 2^-64 of one. rusticl crashes over an index into the
 * numbers that is not a literal. */
#define POWER(k) turns = i >> (k)&1 ? mul_hi(turns, n->powers[k]) : turns;
static inline ulong frequency(const rotary_numbers *n, INDEX i) {
    ulong turns = 0x28be60db9391054aUL; /* 1 / (2 pi) */
    POWER(0) POWER(1) POWER(2) POWER(3) POWER(4) POWER(5) POWER(6) POWER(7)
    POWER(8) POWER(9) POWER(10) POWER(11) POWER(12) POWER(13) POWER(14) POWER(15)
    return turns;
}

/*
 * Cosine and sine of an angle in 2^-64 of a turn: what is left of the nearest quarter, within pi /
 * 4, goes through the polynomials of Cephes' sinf() and cosf(), or its sin() and cos() (Moshier).
 */
static inline void turn_of(ulong angle, REAL *cosine, REAL *sine) {
    const ulong quarter = (angle + (1UL << 61)) >> 62;
#if REAL_IS_DOUBLE
    const long left = (long)(angle - (quarter << 62));
    const double x = (double)left * 0x1.921fb54442d18p-62; /* 2 pi / 2^64 */
    const double z = x * x;
    double p = FMA(1.58962301576546568060e-10, z, -2.50507477628578072866e-8);
    p = FMA(FMA(p, z, 2.75573136213857245213e-6), z, -1.98412698295895385996e-4);
    p = FMA(FMA(p, z, 8.33333333332211858878e-3), z, -1.66666666666666307295e-1);
    const double s = FMA(p, z * x, x);
    p = FMA(-1.13585365213876817300e-11, z, 2.08757008419747316778e-9);
    p = FMA(FMA(p, z, -2.75573141792967388112e-7), z, 2.48015872888517045348e-5);
    p = FMA(FMA(p, z, -1.38888888888730564116e-3), z, 4.16666666666665929218e-2);
    const double c = FMA(FMA(p, z, -0.5), z, 1.0);
#else
    const int left = (int)((long)(angle - (quarter << 62)) >> 30);
    const float x = (float)left * 0x1.921fb6p-32f; /* 2 pi / 2^34 */
    const float z = x * x;
    const float s =
        FMA(FMA(FMA(-1.9515295891e-4f, z, 8.3321608736e-3f), z, -1.6666654611e-1f), z * x, x);
    const float c = FMA(
        FMA(FMA(FMA(2.443315711809948e-5f, z, -1.388731625493765e-3f), z, 4.166664568298827e-2f), z,
            -0.5f),
        z, 1.0f);
#endif
    const REAL swapped_c = quarter & 1 ? s : c, swapped_s = quarter & 1 ? c : s;
    *cosine = (quarter + 1) & 2 ? -swapped_c : swapped_c;
    *sine = quarter & 2 ? -swapped_s : swapped_s;
}

__kernel void rotary_items(const __global REAL *x, const __global uchar *positions,
    __global REAL *y, const rotary_numbers numbers) {
    const rotary_numbers *n = &numbers;
    const INDEX pairs = n->width / 2;
    INDEX item = get_global_id(0);
    if (item >= n->outer0 * n->outer1 * n->shared * n->length * pairs) {
        return;
    }
    const INDEX i = item % pairs;
    item /= pairs;
    const INDEX l = item % n->length;
    item /= n->length;
    const INDEX h = item % n->shared;
    item /= n->shared;
    const INDEX o1 = item % n->outer1, o0 = item / n->outer1;
    REAL cosine, sine;
    turn_of((ulong)position_of(n, positions, o0, o1, l) * frequency(n, i), &cosine, &sine);
    sine = n->inverse ? -sine : sine;
    const INDEX first = n->neighbours ? 2 * i : i, other = n->neighbours ? 2 * i + 1 : i + pairs;
    x += n->x_offset + o0 * n->x_outer0 + o1 * n->x_outer1 + h * n->x_shared + l * n->x_row;
    y += n->y_offset + o0 * n->y_outer0 + o1 * n->y_outer1 + h * n->y_shared + l * n->y_row;
    const REAL x0 = x[first * n->x_column], x1 = x[other * n->x_column];
    y[first * n->y_column] = FMA(-x1, sine, x0 * cosine);
    y[other * n->y_column] = FMA(x0, sine, x1 * cosine);
}

#define SWAPPED_4(v) (v).s1032
#define SWAPPED_8(v) (v).s10325476
#define SWAPPED_16(v) (v).s1032547698badcfe

/* One row; cosines and sines of its elements, the latter negative for the first of a pair. */
static inline void turn_neighbours(const __global REAL *x, INDEX x_step, __global REAL *y,
    INDEX y_step, const __local REAL *cosines, const __local REAL *sines, INDEX width) {
    INDEX e = 0;
    for (; x_step == 1 && y_step == 1 && e + W <= width; e += W) {
        const VECTOR v = LOAD(W, x + e);
        STORE(W, FMA(CAT(SWAPPED_, W)(v), LOAD(W, sines + e), v * LOAD(W, cosines + e)), y + e);
    }
    KEEP_ROLLED
    for (; e < width; e += 2) {
        const REAL x0 = x[e * x_step], x1 = x[(e + 1) * x_step];
        y[e * y_step] = FMA(x1, sines[e], x0 * cosines[e]);
        y[(e + 1) * y_step] = FMA(x0, sines[e + 1], x1 * cosines[e + 1]);
    }
}

static inline void turn_halves(const __global REAL *x, INDEX x_step, __global REAL *y,
    INDEX y_step, const __local REAL *cosines, const __local REAL *sines, INDEX pairs) {
    INDEX i = 0;
    for (; x_step == 1 && y_step == 1 && i + W <= pairs; i += W) {
        const VECTOR x0 = LOAD(W, x + i), x1 = LOAD(W, x + pairs + i);
        const VECTOR c = LOAD(W, cosines + i), s = LOAD(W, sines + pairs + i);
        STORE(W, FMA(-x1, s, x0 * c), y + i);
        STORE(W, FMA(x0, s, x1 * c), y + pairs + i);
    }
    KEEP_ROLLED
    for (; i < pairs; ++i) {
        const REAL x0 = x[i * x_step], x1 = x[(pairs + i) * x_step];
        const REAL c = cosines[i], s = sines[pairs + i];
        y[i * y_step] = FMA(-x1, s, x0 * c);
        y[(pairs + i) * y_step] = FMA(x0, s, x1 * c);
    }
}

static KEEP_APART void turn_block(const rotary_numbers *n, const __global REAL *x,
    const __global uchar *positions, __global REAL *y, INDEX o0, INDEX o1, INDEX first,
    __local REAL *memory) {
    const INDEX pairs = n->width / 2, rows = min((INDEX)BLOCK, n->length - first);
    for (INDEX i = 0; i < pairs; ++i) {
        const ulong turns = frequency(n, i);
        const INDEX one = n->neighbours ? 2 * i : i, other = n->neighbours ? 2 * i + 1 : i + pairs;
        KEEP_ROLLED
        for (INDEX r = 0; r < rows; ++r) {
            __local REAL *cosines = memory + r * 2 * n->width, *sines = cosines + n->width;
            REAL cosine, sine;
            turn_of((ulong)position_of(n, positions, o0, o1, first + r) * turns, &cosine, &sine);
            sine = n->inverse ? -sine : sine;
            cosines[one] = cosine;
            cosines[other] = cosine;
            sines[one] = -sine;
            sines[other] = sine;
        }
    }
    x += n->x_offset + o0 * n->x_outer0 + o1 * n->x_outer1 + first * n->x_row;
    y += n->y_offset + o0 * n->y_outer0 + o1 * n->y_outer1 + first * n->y_row;
    for (INDEX h = 0; h < n->shared; ++h) {
        for (INDEX r = 0; r < rows; ++r) {
            const __local REAL *cosines = memory + r * 2 * n->width;
            const __global REAL *from = x + h * n->x_shared + r * n->x_row;
            __global REAL *to = y + h * n->y_shared + r * n->y_row;
            if (n->neighbours) {
                turn_neighbours(
                    from, n->x_column, to, n->y_column, cosines, cosines + n->width, n->width);
            } else {
                turn_halves(from, n->x_column, to, n->y_column, cosines, cosines + n->width, pairs);
            }
        }
    }
}

__kernel void rotary_rows(const __global REAL *x, const __global uchar *positions,
    __global REAL *y, const rotary_numbers numbers, __local REAL *memory) {
    const rotary_numbers n = numbers;
    const INDEX blocks = (n.length + BLOCK - 1) / BLOCK, item = get_global_id(0);
    const INDEX outer = item / blocks;
    turn_block(
        &n, x, positions, y, outer / n.outer1, outer % n.outer1, item % blocks * BLOCK, memory);
}
