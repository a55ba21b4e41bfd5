/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pooling over windows of 3 x 3 on processors, as pool.cl has it: y, and the average's dx. Columns
 * lie side by side in both tensors.
 *
 * A row of the result is made of some rows of the input, joined column by column to
 *   y:   t[w] = largest or sum of three rows of x
 *   dx:  t[ow] = sum of dy / divisor over the rows of windows that cover a row of dx
 * and then of three neighbours of t, or of one and two where windows are two columns apart, which
 * are moved into place in registers. What lies outside of the input counts as nothing. Of dx of windows
 * two apart, two rows are made at once where the second one has one row of windows, the first one's last.
 *
 * Work-item i does rows [i * chunk, (i + 1) * chunk) of the N * C * (rows of a plane) rows of the
 * result; work-groups of one item. `streaming`: the result is larger than the caches.
 * Macros: AVERAGE (0: max), BACKWARD (average only), STEP 1 or 2, of both axes, LEFT 0 .. 2, the
 * padding there, VECTOR_WIDTH 4, 8 or 16, LINE, a multiple of it and at least out_width.
 */
#include "common.cl"
#include "interleave.cl"
#include "stream.cl"
#include "vector.cl"
#include "pool_geometry.cl"
#include "pool_lanes.cl"

#if BACKWARD && STEP == 2
#define SOURCES 2
#define RESULTS 2
#else
#define SOURCES 3
#define RESULTS 1
#endif

/* How far ahead of its reading the input is asked for: over the end of a page, where the processor's own
 * guesses stop. */
#define AHEAD 512

/* Rows of the input that make a row of the result; `bits`: -1, or 0 if it counts as nothing. */
typedef struct sources {
    const global float *row[3];
    int bits[3];
    float factor[3];
} sources;

typedef CAT(int, VECTOR_WIDTH) MASK;
#define KEPT(s, k, v) CAT(as_float, VECTOR_WIDTH)(CAT(as_int, VECTOR_WIDTH)(v) & (MASK)(s.bits[k]))

static inline VECTOR join(sources s, VECTOR a, VECTOR b, VECTOR c) {
#if !AVERAGE
    return join_three(a, b, c);
#elif !BACKWARD
    return KEPT(s, 0, a) + KEPT(s, 1, b) + KEPT(s, 2, c);
#else
    VECTOR all = KEPT(s, 0, a) * s.factor[0];
    all = FMA(KEPT(s, 1, b), (VECTOR)(s.factor[1]), all);
#if SOURCES == 3
    all = FMA(KEPT(s, 2, c), (VECTOR)(s.factor[2]), all);
#endif
    return all;
#endif
}

/* t of columns i * VECTOR_WIDTH ...; the input has `columns` of them. `last`: of the last source alone. */
INLINED VECTOR fetch(sources s, INDEX i, INDEX columns, const float *factors, VECTOR *last) {
    const INDEX at = i * VECTOR_WIDTH, left = columns - at;
    const VECTOR nothing = NOTHING;
    VECTOR all, c;
    *last = nothing;
    if (left >= VECTOR_WIDTH) {
        ASK_LINE(s.row[SOURCES - 1] + at + AHEAD, 0);
#if STEP == 2 && !BACKWARD
        ASK_LINE(s.row[SOURCES - 2] + at + AHEAD, 0); /* two rows are new, the first one is not */
#endif
        c = LOAD(VECTOR_WIDTH, s.row[SOURCES - 1] + at);
        all = join(s, LOAD(VECTOR_WIDTH, s.row[0] + at), LOAD(VECTOR_WIDTH, s.row[1] + at), c);
    } else if (left <= 0) {
        return nothing;
    } else {
        c = take_some(s.row[SOURCES - 1] + at, (int)left, nothing);
        all = join(s, take_some(s.row[0] + at, (int)left, nothing),
            take_some(s.row[1] + at, (int)left, nothing), c);
    }
#if BACKWARD
    const VECTOR factor = AT(factors + at);
    /* With + 0 as in join(): a zero's sign does not depend on which rows are made together. */
    *last = FMA(KEPT(s, SOURCES - 1, c), (VECTOR)(s.factor[SOURCES - 1]), (VECTOR)(0.0f)) * factor;
    all *= factor;
#endif
    return all;
}

/* t as a row of the result needs it at once: windows two apart, even and odd columns; of dx, what the
 * row behind needs where that has the last source alone. */
typedef struct group {
    VECTOR even;
#if STEP == 2
    VECTOR odd;
#endif
} group;

INLINED group fetch_group(sources s, INDEX i, INDEX columns, const float *factors) {
    group g;
#if STEP == 2 && !BACKWARD
    VECTOR unused;
    const VECTOR a = fetch(s, 2 * i, columns, factors, &unused);
    const VECTOR b = fetch(s, 2 * i + 1, columns, factors, &unused);
    g.even = (VECTOR)(a.even, b.even);
    g.odd = (VECTOR)(a.odd, b.odd);
#elif STEP == 2
    g.even = fetch(s, i, columns, factors, &g.odd);
#else
    VECTOR unused;
    g.even = fetch(s, i, columns, factors, &unused);
#endif
    return g;
}

#define EVEN(by) moved(before.even, here.even, behind.even, by)
#define ODD(by) moved(before.odd, here.odd, behind.odd, by)

#if RESULTS == 1
/* Three neighbours. */
static inline VECTOR neighbours(group before, group here, group behind) {
#if STEP == 1
    const int first = BACKWARD ? LEFT - 2 : -LEFT;
    const VECTOR a = EVEN(first), b = EVEN(first + 1), c = EVEN(first + 2);
#elif LEFT == 0
    const VECTOR a = EVEN(0), b = ODD(0), c = EVEN(1);
#elif LEFT == 1
    const VECTOR a = ODD(-1), b = EVEN(0), c = ODD(0);
#else
    const VECTOR a = EVEN(-1), b = ODD(-1), c = EVEN(0);
#endif
    return join_three(a, b, c);
}
#else
/* Two vectors of a row of dx. */
INLINED void put_two(VECTOR before, VECTOR here, VECTOR behind, global float *row, INDEX left, int past) {
#if LEFT == 0
    const VECTOR even = here + moved(before, here, behind, -1), odd = here;
#elif LEFT == 1
    const VECTOR even = here, odd = here + moved(before, here, behind, 1);
#else
    const VECTOR odd = moved(before, here, behind, 1), even = here + odd;
#endif
    put_row(INTERLEAVE_LOW(float, VECTOR_WIDTH, even, odd), row, left, past);
    put_row(INTERLEAVE_HIGH(float, VECTOR_WIDTH, even, odd), row + VECTOR_WIDTH, left - VECTOR_WIDTH,
        past);
}
#endif

/* Vector i of a row of the result, which has `columns`; dx of windows two apart: two vectors, and of the
 * row behind, if that is not null. */
INLINED void put_group(group before, group here, group behind, INDEX i, global float *row,
    global float *next, INDEX columns, const float *factors, int past) {
#if RESULTS == 1
    const INDEX at = i * VECTOR_WIDTH;
    VECTOR all = neighbours(before, here, behind);
#if AVERAGE && !BACKWARD
    all *= AT(factors + at);
#endif
    put_row(all, row + at, columns - at, past);
#else
    const INDEX at = 2 * i * VECTOR_WIDTH, left = columns - at;
    put_two(before.even, here.even, behind.even, row + at, left, past);
    if (next != 0) {
        put_two(before.odd, here.odd, behind.odd, next + at, left, past);
    }
#endif
}

/* How many of the three places from `first` on are inside of `extent`. */
static inline INDEX inside(INDEX first, INDEX extent, int count_padding) {
    return count_padding ? 3 : min(first + 3, extent) - max(first, (INDEX)0);
}

/* Of 1 .. 3, without a division for each row. */
#define ONE_OVER(n) ((n) == 3 ? 1.0f / 3.0f : (n) == 2 ? 0.5f : 1.0f)

/* For row number `row` of the result in the plane `from`. Most rows are far from the edges. */
static inline sources sources_of(const global float *from, INDEX from_h, INDEX row, INDEX top,
    INDEX height, INDEX out_height, int count_padding) {
    sources s;
#if BACKWARD
    const INDEX first = (row + top) / STEP - (SOURCES - 1), extent = out_height;
    const bool is_inner = first * STEP >= top && (first + SOURCES - 1) * STEP - top + 3 <= height;
#else
    const INDEX first = row * STEP - top, extent = height;
    const bool is_inner = true;
#endif
    if (is_inner && first >= 0 && first + SOURCES <= extent) {
#pragma unroll
        for (int k = 0; k < SOURCES; k++) {
            s.row[k] = from + (first + k) * from_h;
            s.bits[k] = -1;
            s.factor[k] = 1.0f / 3.0f;
        }
#if BACKWARD && STEP == 2
        s.bits[0] = ((row + top) & 1) - 1; /* every second row has one row of windows */
#endif
        return s;
    }
#pragma unroll
    for (int k = 0; k < SOURCES; k++) {
        const INDEX at = first + k;
        bool good = at >= 0 && at < extent;
#if BACKWARD
        good = good && at * STEP + 2 >= row + top;
        const INDEX rows = inside(at * STEP - top, height, count_padding);
        s.factor[k] = good ? ONE_OVER(rows) : 0.0f;
#endif
        s.row[k] = from + clamp(at, (INDEX)0, extent - 1) * from_h;
        s.bits[k] = good ? -1 : 0;
    }
    return s;
}

#define ROWS_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT) POOL_PAIR(ANY_INDEX, ANY_INT, from, to)
typedef struct rows_numbers {
    NUMBER_MEMBERS(ROWS_LIST)
} rows_numbers;

kernel void pool2d_3x3(const global float *from, global float *to, const rows_numbers numbers) {
    NUMBERS(ROWS_LIST)
    const INDEX begin = (INDEX)get_global_id(0) * chunk;
    const INDEX end = min(begin + chunk, items);
    const INDEX plane_rows = BACKWARD ? height : out_height;
    const INDEX from_columns = BACKWARD ? out_width : width;
    const INDEX to_columns = BACKWARD ? width : out_width;
    const INDEX groups = (to_columns - 1) / (RESULTS * VECTOR_WIDTH) + 1;
    group nothing;
    nothing.even = NOTHING;
#if STEP == 2
    nothing.odd = NOTHING;
#endif
#if AVERAGE
    /* By column of windows: how many columns are inside of x, and what to multiply by. */
    VECTOR column_counts[LINE / VECTOR_WIDTH], column_factors[LINE / VECTOR_WIDTH];
    float *counts = (float *)column_counts;
    const float *factors = (const float *)column_factors;
    const INDEX vectors = (out_width - 1) / VECTOR_WIDTH + 1;
    for (INDEX ow = 0; ow < vectors * VECTOR_WIDTH; ow++) {
        counts[ow] = ow < out_width ? inside(ow * STEP - LEFT, width, count_padding) : 1;
    }
    INDEX factors_rows = 0;
#else
    const float *factors = 0;
#endif
    INDEX plane = begin / plane_rows, row = begin % plane_rows;
    for (INDEX done = begin; done < end; plane++, row = 0) {
        const global float *px = from + PLANE(from, plane);
        global float *py = to + PLANE(to, plane);
        for (; row < plane_rows && done < end; row++, done++) {
            const sources s = sources_of(px, from_h, row, top, height, out_height, count_padding);
            global float *line = py + row * to_h, *next = 0;
            int past = streaming && IS_STREAMABLE(VECTOR_WIDTH, line);
#if RESULTS == 2
            if (((row + top) & 1) == 0 && row + 1 < plane_rows && done + 1 < end) {
                next = line + to_h;
                past = past && IS_STREAMABLE(VECTOR_WIDTH, next);
            }
#endif
#if AVERAGE
            const INDEX window_rows =
                BACKWARD ? 1 : inside(row * STEP - top, height, count_padding);
            if (window_rows != factors_rows) {
                factors_rows = window_rows;
                for (INDEX i = 0; i < vectors; i++) {
                    column_factors[i] = 1.0f / ((float)window_rows * column_counts[i]);
                }
            }
#endif
            group before = nothing, here = nothing;
            for (INDEX i = -1; i < groups; i++) {
                const group behind = fetch_group(s, i + 1, from_columns, factors);
                if (i >= 0) {
                    put_group(before, here, behind, i, line, next, to_columns, factors, past);
                }
                before = here;
                here = behind;
            }
            row += next != 0;
            done += next != 0;
        }
    }
}
