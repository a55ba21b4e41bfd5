/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two axes at another size: y[p, r, c] = sum over i, j of
 *     row_weight[i][r] column_weight[j][c] x[p, row_place[i][r], column_place[j][c]]
 * with tables of places (REAL_BITS) and weights that resize_tables writes: [taps][extent] of each, those
 * of the rows of y first. The gradient is the same sum with the tables of the transposed matrices:
 * -DTRANSPOSED=1, where places of -1 stand for no element.
 *
 * resize_tables: work-item i does element i of the rows, then of the columns. Along an axis of n
 * elements, element o of m lies at num / den (fractions of whole numbers, include/cleat/resize.h);
 * -DMODE=, -DCOORDINATES= and -DROUNDING= are the values of the options.
 * resize_pixels: one element of y a work-item.
 * resize_rows: processors, f32, work-groups of 1; neighbours in y's rows are neighbours in memory. Work-item
 * i does unit i: `height` rows of WIDTH columns of a plane. Rows of x are brought to y's columns first,
 * once for all rows of y that lie beside each other, and kept in private memory, RING of them.
 *
 *   -DTAPS=1|2|4   elements of x for one of y along each axis: by MODE
 */
#include "common.cl"
#include "numbers.cl"
#include "axes.cl"
#include "vector.cl"
#include "stream.cl"
#include "interleave.cl"

/* ---- Tables ---- */

#define TABLE_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                  \
    ANY_INT(x_rows) ANY_INT(x_columns) ANY_INT(y_rows) ANY_INT(y_columns) ANY_INT(row_taps)        \
    ANY_INT(column_taps) ANY_FLOAT(a)
typedef struct table_numbers {
    NUMBER_MEMBERS(TABLE_LIST)
} table_numbers;

/* The first of the elements of x, which may lie outside, and how far beyond it the place is. */
static inline int first_tap(int o, int n, int m, REAL *distance) {
    long num, den;
#if COORDINATES == 2
    num = m == 1 ? 0 : (long)o * (n - 1);
    den = m == 1 ? 1 : m - 1;
#elif COORDINATES == 3
    num = (long)o * n;
    den = m;
#else
    num = (2 * (long)o + 1) * n - m;
    den = 2 * (long)m;
#if COORDINATES == 1
    num = m == 1 ? 0 : num;
#endif
#endif
    long whole = num / den, rest = num - whole * den;
    if (rest < 0) {
        whole -= 1;
        rest += den;
    }
#if MODE == 0
    *distance = 0.0f;
#if ROUNDING == 0
    return (int)whole + (2 * rest > den);
#elif ROUNDING == 1
    return (int)whole + (2 * rest >= den);
#elif ROUNDING == 2
    return (int)whole;
#else
    return (int)whole + (rest > 0);
#endif
#else
    *distance = (REAL)rest / (REAL)den;
    return (int)whole - (TAPS == 4 ? 1 : 0);
#endif
}

static inline REAL tap_weight(int tap, REAL t, REAL a) {
#if MODE == 0
    return 1.0f;
#elif MODE == 1
    return tap == 0 ? 1.0f - t : t;
#else
    const REAL d = fabs(t + 1.0f - (REAL)tap);
    return d <= 1.0f ? ((a + 2.0f) * d - (a + 3.0f)) * d * d + 1.0f
                     : ((a * d - 5.0f * a) * d + 8.0f * a) * d - 4.0f * a;
#endif
}

/* Column `at` of the tables of an axis. */
static inline void fill_table(
    global REAL_BITS *table, int at, int x_extent, int y_extent, int taps, REAL a) {
    global REAL_BITS *places = table;
    global REAL *weights = (global REAL *)(table + taps * y_extent);
    REAL t;
#if TRANSPOSED
    /* y is the smaller matrix's side: element `at` of n, to which elements of m contribute. */
    const int n = y_extent, m = x_extent;
    int low = 0, high = at == 0 ? 0 : m;
    while (low < high) {
        const int middle = low + (high - low) / 2;
        if (first_tap(middle, n, m, &t) + TAPS - 1 >= at) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    for (int k = 0; k < taps; k++) {
        const int o = low + k;
        REAL weight = 0.0f;
        bool any_tap = false;
        if (o < m) {
            const int first = first_tap(o, n, m, &t);
            for (int tap = 0; tap < TAPS; tap++) {
                if (clamp(first + tap, 0, n - 1) == at) {
                    weight += tap_weight(tap, t, a);
                    any_tap = true;
                }
            }
        }
        places[k * y_extent + at] = any_tap ? o : -1;
        weights[k * y_extent + at] = weight;
    }
#else
    const int first = first_tap(at, x_extent, y_extent, &t);
    for (int k = 0; k < taps; k++) {
        places[k * y_extent + at] = clamp(first + k, 0, x_extent - 1);
        weights[k * y_extent + at] = tap_weight(k, t, a);
    }
#endif
}

kernel void resize_tables(global REAL_BITS *tables, const table_numbers numbers) {
    NUMBERS(TABLE_LIST)
    const int i = (int)get_global_id(0);
    if (i < y_rows) {
        fill_table(tables, i, x_rows, y_rows, row_taps, a);
    } else if (i < y_rows + y_columns) {
        fill_table(
            tables + 2 * row_taps * y_rows, i - y_rows, x_columns, y_columns, column_taps, a);
    }
}

/* ---- Planes ---- */

#define PLANE_AXIS(ANY, i) ANY(extent##i) ANY(x_stride##i) ANY(y_stride##i)
#define RESIZE_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                 \
    ANY_INDEX(items) ANY_INDEX(x_offset) ANY_INDEX(y_offset) ANY_INDEX(x_row) ANY_INDEX(x_column)  \
    ANY_INDEX(y_row) ANY_INDEX(y_column) AXES_OF_6(PLANE_AXIS, ANY_INDEX) ANY_INT(y_rows)          \
    ANY_INT(y_columns) ANY_INT(row_taps) ANY_INT(column_taps) ANY_INT(height) ANY_INT(stream)      \
    ANY_INT(doubled)
typedef struct resize_numbers {
    NUMBER_MEMBERS(RESIZE_LIST)
} resize_numbers;

#define TAKE_AXIS(i)                                                                               \
    {                                                                                              \
        const INDEX at = plane % extent##i;                                                        \
        plane /= extent##i;                                                                        \
        x_at += at * x_stride##i;                                                                  \
        y_at += at * y_stride##i;                                                                  \
    }
#define TAKE_PLANE AXES_DOWN_6(TAKE_AXIS)
#define TABLES                                                                                     \
    global const REAL_BITS *row_places = tables;                                                   \
    global const REAL *row_weights = (global const REAL *)(tables + row_taps * y_rows);            \
    global const REAL_BITS *column_places = tables + 2 * row_taps * y_rows;                        \
    global const REAL *column_weights =                                                            \
        (global const REAL *)(column_places + column_taps * y_columns);

kernel void resize_pixels(global const REAL *restrict x, global REAL *restrict y,
    global const REAL_BITS *restrict tables, const resize_numbers numbers) {
    NUMBERS(RESIZE_LIST)
    TABLES
    const INDEX item = (INDEX)get_global_id(0);
    if (item >= items) {
        return;
    }
    const int column = (int)(item % y_columns);
    INDEX plane = item / y_columns;
    const int row = (int)(plane % y_rows);
    plane /= y_rows;
    INDEX x_at = x_offset, y_at = y_offset + row * y_row + column * y_column;
    TAKE_PLANE
    REAL sum = 0.0f;
    for (int i = 0; i < row_taps; i++) {
        const int from_row = row_places[i * y_rows + row];
        if (TRANSPOSED && from_row < 0) {
            continue;
        }
        REAL part = 0.0f;
        for (int j = 0; j < column_taps; j++) {
            const int from = column_places[j * y_columns + column];
            if (!(TRANSPOSED && from < 0)) {
                part = FMA(column_weights[j * y_columns + column],
                    x[x_at + from_row * x_row + from * x_column], part);
            }
        }
        sum = FMA(row_weights[i * y_rows + row], part, sum);
    }
    y[y_at] = sum;
}

#if DEVICE_IS_CPU && !REAL_IS_DOUBLE
#define WIDTH 512
#define RING 8
#define W DEVICE_FLOAT_WIDTH

#define COLUMN_SUM(c) CAT(COLUMN_SUM_, TAPS)(c)
#define COLUMN_TERM(k, c) weights[(k) * pitch + (c)], row[places[(k) * pitch + (c)] * x_column]
#define COLUMN_SUM_1(c) row[places[c] * x_column]
#define COLUMN_SUM_2(c) FMA_(COLUMN_TERM(1, c), weights[c] * row[places[c] * x_column])
#define COLUMN_SUM_4(c)                                                                            \
    FMA_(COLUMN_TERM(3, c),                                                                        \
        FMA_(COLUMN_TERM(2, c), FMA_(COLUMN_TERM(1, c), weights[c] * row[places[c] * x_column])))
#define FMA_(...) FMA__(__VA_ARGS__)
#define FMA__(a, b, c) FMA(a, b, c)

/* A row of x at the columns of y from the one on that `places` and `weights` begin at. With `doubled`,
 * y's columns are twice as many, and places and weights of columns in the middle the same but for a
 * shift, in pairs: these are done in vectors, from column `first_pair` of these, even in y. */
static void KEEP_APART bring_row(global const float *restrict row, INDEX x_column,
    global const int *restrict places, global const float *restrict weights, int pitch, int taps,
    int columns, int first_pair, int pairs, float *restrict to) {
    int c = 0;
#if TRANSPOSED
    for (; c < columns; c++) {
        float sum = 0.0f;
        for (int k = 0; k < taps; k++) {
            const int from = places[k * pitch + c];
            const float term = weights[k * pitch + c] * row[max(from, 0) * x_column];
            sum += from >= 0 ? term : 0.0f;
        }
        to[c] = sum;
    }
#else
#if TAPS == 2
    if (pairs >= W) {
        for (; c < first_pair; c++) {
            to[c] = COLUMN_SUM(c);
        }
        const float even_0 = weights[c], even_1 = weights[pitch + c];
        const float odd_0 = weights[c + 1], odd_1 = weights[pitch + c + 1];
        global const float *even = row + places[c], *odd = row + places[c + 1];
        const int start = c;
        for (int i = 0; i < pairs; i += W) {
            i = min(i, pairs - W); /* the last ones once more */
            const FLOATS(W) a = FMA((FLOATS(W))(even_1), LOAD(W, even + i + 1),
                (FLOATS(W))(even_0) * LOAD(W, even + i));
            const FLOATS(W) b = FMA((FLOATS(W))(odd_1), LOAD(W, odd + i + 1),
                (FLOATS(W))(odd_0) * LOAD(W, odd + i));
            STORE(W, INTERLEAVE_LOW(float, W, a, b), to + start + 2 * i);
            STORE(W, INTERLEAVE_HIGH(float, W, a, b), to + start + 2 * i + W);
        }
        c += 2 * pairs;
    }
#endif
    for (; c < columns; c++) {
        to[c] = COLUMN_SUM(c);
    }
#endif
}

/* to = (sum or 0) + weights of up to 4 rows, to `kept` or, if that is null, to y. */
static inline void add_rows(const float *const *rows, const float *weights, int count,
    const float *sums, float *kept, global float *y, int columns, bool past) {
    int c = 0;
    if (count == 2 && sums == 0 && kept == 0) {
        const float *a = rows[0], *b = rows[1];
        const FLOATS(W) of_a = (FLOATS(W))(weights[0]), of_b = (FLOATS(W))(weights[1]);
        for (; c + W <= columns; c += W) {
            const FLOATS(W) sum = FMA(of_b, LOAD(W, b + c), of_a * LOAD(W, a + c));
            if (past) {
                STREAM(W, sum, y + c);
            } else {
                STORE(W, sum, y + c);
            }
        }
    }
    for (; c + W <= columns; c += W) {
        FLOATS(W) sum = sums != 0 ? LOAD(W, sums + c) : (FLOATS(W))(0.0f);
        for (int k = 0; k < count; k++) {
            sum = FMA((FLOATS(W))(weights[k]), LOAD(W, rows[k] + c), sum);
        }
        if (kept != 0) {
            STORE(W, sum, kept + c);
        } else if (past) {
            STREAM(W, sum, y + c);
        } else {
            STORE(W, sum, y + c);
        }
    }
    for (; c < columns; c++) {
        float sum = sums != 0 ? sums[c] : 0.0f;
        for (int k = 0; k < count; k++) {
            sum = FMA(weights[k], rows[k][c], sum);
        }
        if (kept != 0) {
            kept[c] = sum;
        } else {
            y[c] = sum;
        }
    }
}

kernel void resize_rows(global const float *restrict x, global float *restrict y,
    global const int *restrict tables, const resize_numbers numbers) {
    NUMBERS(RESIZE_LIST)
    TABLES
    float ring[RING * WIDTH], sums[WIDTH];
    int held[RING];
    const INDEX item = (INDEX)get_global_id(0);
    if (item >= items) {
        return;
    }
    const int pieces = (y_columns + WIDTH - 1) / WIDTH, blocks = (y_rows + height - 1) / height;
    const int column = (int)(item % pieces) * WIDTH, columns = min(WIDTH, y_columns - column);
    INDEX plane = item / pieces;
    const int first = (int)(plane % blocks) * height, last = min(first + height, y_rows);
    plane /= blocks;
    INDEX x_at = x_offset, y_at = y_offset + column;
    TAKE_PLANE
    for (int slot = 0; slot < RING; slot++) {
        held[slot] = -1;
    }
    /* Pairs whose columns reach from 2 to the last but 2 of y's, where nothing is at an edge. */
    const int first_pair = column == 0 ? 2 : 0;
    const int pairs = doubled ? (min(column + columns, y_columns - 2) - column - first_pair) / 2 : 0;
    for (int row = first; row < last; row++) {
        global float *to = y + y_at + row * y_row;
        const bool past = stream && IS_STREAMABLE(W, to);
        const float *rows[4];
        float weights[4];
        const float *before = 0;
        int count = 0;
        for (int i = 0; i < row_taps; i++) {
            const int from = row_places[i * y_rows + row];
            if (from >= 0) {
                const int slot = from % RING;
                if (held[slot] != from) {
                    bring_row(x + x_at + from * x_row, x_column, column_places + column,
                        column_weights + column, y_columns, column_taps, columns, first_pair,
                        pairs, ring + slot * WIDTH);
                    held[slot] = from;
                }
                rows[count] = ring + slot * WIDTH;
                weights[count++] = row_weights[i * y_rows + row];
            }
            if (count == 4 && i + 1 < row_taps) {
                add_rows(rows, weights, count, before, sums, 0, columns, false);
                before = sums;
                count = 0;
            }
        }
        add_rows(rows, weights, count, before, 0, to, columns, past);
    }
}
#endif
