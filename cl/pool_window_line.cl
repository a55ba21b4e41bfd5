/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernels for rows of windows share (pool_window_rows.cl, pool_adaptive.cl): vectors of
 * VECTOR_WIDTH lanes, and the table of a row's windows. Include after pool_window_axis.cl, vector.cl
 * and stream.cl.
 *   JOIN(a, b), NOTHING   what a window makes of its elements, and of none
 */
#include "pool_power.cl"

#define W VECTOR_WIDTH
#define VECTOR FLOATS(VECTOR_WIDTH)
typedef CAT(int, VECTOR_WIDTH) INTS;
typedef INTS unaligned_ints __attribute__((aligned(4)));
#include "pool_join.cl"

/* How far ahead of its reading x is asked for. */
#define AHEAD 512

/* 0, 1, ... */
static inline INTS lane_numbers(void) {
    int numbers[W];
    for (int i = 0; i < W; i++) {
        numbers[i] = i;
    }
    return *(const unaligned_ints *)numbers;
}

/* The table of each item: columns of windows. */
typedef struct column_table {
    __local int *first, *count; /* of window ow */
    __local float *divisors;    /* of the average: window_places() along w */
    __local float *values;      /* of a row of windows: results or sums */
    __local int *places;        /* of their largest elements */
} column_table;

/* In memory of 5 * (out + VECTOR_WIDTH) ints. */
static inline column_table make_table(__local int *table, const pool_axis *w, int count_padding) {
    const int size = w->out + W;
    const column_table t = {table, table + size, (__local float *)(table + 2 * size),
        (__local float *)(table + 3 * size), table + 4 * size};
    for (int ow = 0; ow < w->out; ow++) {
        const pool_span span = window_span(w, ow);
        t.first[ow] = span.first;
        t.count[ow] = span.count;
        t.divisors[ow] = (float)window_places(w, ow, span.count, count_padding);
    }
    for (int ow = w->out; ow < size; ow++) {
        t.divisors[ow] = 1.0f;
    }
    return t;
}

/* The first `count` lanes of v, count <= W. */
static inline void put(VECTOR v, __global float *to, int count, int streaming) {
    if (count >= W) {
        if (streaming && IS_STREAMABLE(VECTOR_WIDTH, to)) {
            STREAM(VECTOR_WIDTH, v, to);
        } else {
            STORE(VECTOR_WIDTH, v, to);
        }
        return;
    }
    float lanes[W];
    STORE(VECTOR_WIDTH, v, lanes);
    for (int i = 0; i < count; i++) {
        to[i] = lanes[i];
    }
}

#if BACKWARD && AVERAGE
/* sums[ow] += dy / divisor of a row of windows that have `rows` rows of x. */
static inline void add_row(__local float *sums, const __global float *dy, float rows, int out,
    const column_table *columns) {
    int ow = 0;
    for (; ow + W <= out; ow += W) {
        const VECTOR share = LOAD(VECTOR_WIDTH, dy + ow) /
                             (rows * LOAD(VECTOR_WIDTH, columns->divisors + ow));
        STORE(VECTOR_WIDTH, LOAD(VECTOR_WIDTH, sums + ow) + share, sums + ow);
    }
    for (; ow < out; ow++) {
        sums[ow] += dy[ow] / (rows * columns->divisors[ow]);
    }
}
#endif
