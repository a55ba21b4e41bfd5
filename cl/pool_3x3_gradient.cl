/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dx of the largest element of windows of 3 x 3 on processors, as pool.cl has it. Columns lie side
 * by side in every operand.
 *
 * The first largest element of a window is in the first of its rows that holds the largest of the
 * rows' own largest elements, and is the first one there. So for each row of x: by column of
 * windows, the largest element and which of the three columns holds it first (`place`); for each
 * row of windows, which row wins: that row's sum gets dy; and once a row of x has had all of its
 * windows, each sum goes to the column that `place` tells. Elements are compared as integers
 * (keys()), so that NaN is larger than all and what lies outside of x smaller than all.
 *
 * Work-item i does rows [i * chunk, (i + 1) * chunk) of the N * C * H rows of dx, and reads the
 * rows of x around them; each element of dx is written once. Work-groups of one item. `streaming`:
 * dx is larger than the caches.
 * Macros: STEP 1 or 2, of both axes, LEFT 0 .. 2, the padding there, VECTOR_WIDTH 4, 8 or 16, LINE,
 * a multiple of it and at least out_width.
 */
#include "common.cl"
#include "interleave.cl"
#include "stream.cl"
#include "vector.cl"
#include "pool_geometry.cl"
#include "pool_lanes.cl"

typedef CAT(int, VECTOR_WIDTH) INTS;
#define AS_INTS(v) CAT(as_int, VECTOR_WIDTH)(v)
#define AS_FLOATS(v) CAT(as_float, VECTOR_WIDTH)(v)
#define OUTSIDE (-2147483647 - 1)

/* How far ahead of its reading memory is asked for. */
#define AHEAD 512

/* Ordered as the elements are; -0 is 0. */
static inline INTS keys(VECTOR x) {
    const INTS bits = AS_INTS(x);
    const INTS sign = bits >> 31;
    const INTS ordered = ((bits & (INTS)(2147483647)) ^ sign) - sign;
    return x != x ? (INTS)(2147483647) : ordered;
}

/* Of columns i * VECTOR_WIDTH ...; as bits of floats, for moved(). */
INLINED VECTOR fetch(const global float *x, INDEX i, INDEX width) {
    const INDEX at = i * VECTOR_WIDTH, left = width - at;
    const VECTOR outside = AS_FLOATS((INTS)(OUTSIDE));
    if (left >= VECTOR_WIDTH) {
        ASK_LINE(x + at + AHEAD, 0);
        return AS_FLOATS(keys(LOAD(VECTOR_WIDTH, x + at)));
    }
    if (left <= 0) {
        return outside;
    }
    float lanes[VECTOR_WIDTH];
    AT(lanes) = AS_FLOATS(keys(take_some(x + at, (int)left, outside)));
    for (int k = (int)left; k < VECTOR_WIDTH; k++) {
        lanes[k] = as_float(OUTSIDE);
    }
    return AT(lanes);
}

/* A row of x: windows one apart need its columns, windows two apart even and odd ones. */
typedef struct columns {
    VECTOR even, odd;
} columns;

INLINED columns fetch_columns(const global float *x, INDEX i, INDEX width) {
    columns c;
#if STEP == 1
    c.even = fetch(x, i, width);
    c.odd = c.even;
#else
    const VECTOR a = fetch(x, 2 * i, width), b = fetch(x, 2 * i + 1, width);
    c.even = (VECTOR)(a.even, b.even);
    c.odd = (VECTOR)(a.odd, b.odd);
#endif
    return c;
}

#define EVEN(by) AS_INTS(moved(before.even, here.even, behind.even, by))
#define ODD(by) AS_INTS(moved(before.odd, here.odd, behind.odd, by))

/* By vector of windows: what they have in three rows of x, and the sums of rows that are not
 * finished. Side by side, lest the arrays of a row meet in the same places of the cache. */
typedef struct cell {
    INTS largest[3], place[3];
    VECTOR next, after;
} cell;

/* Fills place `slot` of three; `inside`: whether there is such a row. */
static inline void look(cell *cells, int slot, const global float *x, int inside, INDEX width,
    INDEX vectors) {
    if (!inside) {
        for (INDEX i = 0; i < vectors; i++) {
            cells[i].largest[slot] = OUTSIDE;
        }
        return;
    }
    columns before, here, behind;
    here.even = here.odd = AS_FLOATS((INTS)(OUTSIDE));
    for (INDEX i = -1; i < vectors; i++, before = here, here = behind) {
        behind = fetch_columns(x, i + 1, width);
        if (i < 0) {
            continue;
        }
#if STEP == 1
        const INTS a = EVEN(-LEFT), b = EVEN(1 - LEFT), c = EVEN(2 - LEFT);
#elif LEFT == 0
        const INTS a = EVEN(0), b = ODD(0), c = EVEN(1);
#elif LEFT == 1
        const INTS a = ODD(-1), b = EVEN(0), c = ODD(0);
#else
        const INTS a = EVEN(-1), b = ODD(-1), c = EVEN(0);
#endif
        const INTS two = b > a ? b : a, place = b > a ? (INTS)(1) : (INTS)(0);
        cells[i].largest[slot] = c > two ? c : two;
        cells[i].place[slot] = c > two ? (INTS)(2) : place;
    }
}

/* The sums of a row of x by window, each in the part that `place` tells. */
typedef struct parts {
    VECTOR first, second, third;
} parts;

static inline parts part(VECTOR sum, INTS place) {
    const VECTOR none = 0.0f;
    parts p;
    p.first = place == 0 ? sum : none;
    p.second = place == 1 ? sum : none;
    p.third = place == 2 ? sum : none;
    return p;
}

/* The rows of x that windows two apart have done with at once: two; one apart: one. */
typedef struct finished {
    parts upper;
#if STEP == 2
    parts lower;
#endif
} finished;

static inline finished nothing_finished(void) {
    finished f;
    f.upper.first = f.upper.second = f.upper.third = 0.0f;
#if STEP == 2
    f.lower = f.upper;
#endif
    return f;
}

/* Shares dy of windows i * VECTOR_WIDTH ... among the rows of x in slots a, b, c. */
INLINED finished share(cell *cells, int a, int b, int c,
    const global float *dy, int has_dy, INDEX i, INDEX out_width) {
    const INDEX at = i * VECTOR_WIDTH, left = out_width - at;
    const VECTOR none = 0.0f;
    finished f;
    if (left <= 0) {
        return nothing_finished();
    }
    const VECTOR all =
        left >= VECTOR_WIDTH ? LOAD(VECTOR_WIDTH, dy + at) : take_some(dy + at, (int)left, none);
    ASK_LINE(dy + at + AHEAD, 0);
    const VECTOR given = AS_FLOATS(AS_INTS(all) & (INTS)(has_dy));
    cell *const here = &cells[i];
    const INTS largest_a = here->largest[a], largest_b = here->largest[b];
    const INTS largest_c = here->largest[c];
    const INTS two = largest_b > largest_a ? largest_b : largest_a;
    const VECTOR to_c = largest_c > two ? given : none, rest = largest_c > two ? none : given;
    const VECTOR to_a = largest_b > largest_a ? none : rest;
    const VECTOR to_b = largest_b > largest_a ? rest : none;
    f.upper = part(here->next + to_a, here->place[a]);
#if STEP == 1
    here->next = here->after + to_b;
    here->after = to_c;
#else
    f.lower = part(to_b, here->place[b]);
    here->next = to_c;
#endif
    return f;
}

#define FROM(part, by) moved(before.part, here.part, behind.part, by)

/* Columns i * STEP * VECTOR_WIDTH ... of a row of dx. */
INLINED void put_columns(parts before, parts here, parts behind, INDEX i, global float *dx,
    INDEX width, int past) {
    const INDEX at = i * STEP * VECTOR_WIDTH;
#if STEP == 1
    put_row(FROM(first, LEFT) + FROM(second, LEFT - 1) + FROM(third, LEFT - 2), dx + at,
        width - at, past);
#else
#if LEFT == 0
    const VECTOR even = FROM(first, 0) + FROM(third, -1), odd = FROM(second, 0);
#elif LEFT == 1
    const VECTOR even = FROM(second, 0), odd = FROM(third, 0) + FROM(first, 1);
#else
    const VECTOR even = FROM(third, 0) + FROM(first, 1), odd = FROM(second, 1);
#endif
    const VECTOR low = INTERLEAVE_LOW(float, VECTOR_WIDTH, even, odd);
    const VECTOR high = INTERLEAVE_HIGH(float, VECTOR_WIDTH, even, odd);
    put_row(low, dx + at, width - at, past);
    put_row(high, dx + at + VECTOR_WIDTH, width - at - VECTOR_WIDTH, past);
#endif
}

kernel void max_pool2d_3x3_backward(const global float *x, const global float *dy,
    global float *dx, const max_numbers numbers) {
    NUMBERS(MAX_LIST)
    const INDEX begin = (INDEX)get_global_id(0) * chunk;
    const INDEX end = min(begin + chunk, items);
    const INDEX vectors = (out_width - 1) / VECTOR_WIDTH + 1;
    const INDEX groups = (width - 1) / (STEP * VECTOR_WIDTH) + 1;
    cell cells[LINE / VECTOR_WIDTH];
    for (INDEX done = begin; done < end;) {
        const INDEX plane = done / height, first = done % height;
        const INDEX last = min(height, first + end - done);
        const global float *px = x + PLANE(x, plane);
        const global float *pdy = dy + PLANE(dy, plane);
        global float *pdx = dx + PLANE(dx, plane);
        /* Rows of windows from the first that covers row `first` of dx to the one that begins at
         * row last - 1 or before it, though there may be no such row of windows. */
        const INDEX oh0 = max(first + top - 3 + STEP, (INDEX)0) / STEP;
        const INDEX oh1 = (last - 1 + top) / STEP + 1;
        int a = 0, b = 1, c = 2;
        for (INDEX i = 0; i < vectors; i++) {
            cells[i].next = cells[i].after = 0.0f;
        }
        for (INDEX oh = oh0; oh < oh1; oh++) {
            const INDEX h = oh * STEP - top;
            for (INDEX k = oh == oh0 ? 0 : 3 - STEP; k < 3; k++) {
                const INDEX row = h + k;
                look(cells, k == 0 ? a : k == 1 ? b : c,
                    px + clamp(row, (INDEX)0, height - 1) * x_h, row >= 0 && row < height, width,
                    vectors);
            }
            const int has_dy = oh < out_height ? -1 : 0;
            const global float *given = pdy + min(oh, out_height - 1) * dy_h;
            global float *to = pdx + h * dx_h;
            const int past = streaming && IS_STREAMABLE(VECTOR_WIDTH, to) &&
                             (STEP == 1 || IS_STREAMABLE(VECTOR_WIDTH, to + dx_h));
            const bool upper = h >= first && h < last, lower = h + 1 >= first && h + 1 < last;
            finished before, here = nothing_finished(), behind;
            for (INDEX i = -1; i < groups; i++, before = here, here = behind) {
                behind = share(cells, a, b, c, given, has_dy, i + 1, out_width);
                if (i >= 0 && upper) {
                    put_columns(before.upper, here.upper, behind.upper, i, to, width, past);
                }
#if STEP == 2
                if (i >= 0 && lower) {
                    put_columns(before.lower, here.lower, behind.lower, i, to + dx_h, width, past);
                }
#endif
            }
            const int unused = a;
#if STEP == 1
            a = b;
            b = c;
#else
            a = c;
#endif
            c = unused;
        }
        done += last - first;
    }
}
