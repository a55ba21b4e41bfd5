/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pooling by adaptive windows as pool_window.cl has it, row by row on processors: y without places,
 * and the average's dx. Columns lie side by side in every operand, and there are fewer than 2^31
 * elements.
 *
 *   y:   line[i] = sum or largest of column i of the rows that a row of windows holds; each window's
 *        part of the line is joined to a vector, and VECTOR_WIDTH of those to one that holds a result
 *        in each lane
 *   dx:  line[i] = sum over the windows that hold column i of sum over the rows of windows that hold
 *        a row of dx of dy / divisor. Rows that the same windows hold are the same, so the line is
 *        made anew only where another row of windows begins or ends.
 * Work-item i does rows [i * chunk, (i + 1) * chunk) of y, or of dx.
 * Local memory, the one item's own:
 *   lines   two or, for dx, three of w_extent + VECTOR_WIDTH floats
 *   table   5 * (w_out + VECTOR_WIDTH) ints (pool_window_line.cl), for dx also 2 * h_extent + h_out:
 *           the first row of windows that holds a row, and how many do; rows of each row of windows
 *   stage   `staged` floats: rows of dx that lie end to end are put together there and stored in whole
 *           vectors of memory; 0: they are stored one by one
 * `streaming`: the result is larger than the caches. Functions take a vector that they do not need
 * where without one the compiler would take narrower registers.
 * Geometry: 1-D, work-groups of one item.
 * Macros: AVERAGE (0: max), BACKWARD (average only), LP (pool_power.cl), VECTOR_WIDTH 4, 8 or 16.
 */
#include "common.cl"
#include "numbers.cl"
#include "stream.cl"
#include "vector.cl"
#define WINDOW_MORE(ANY_INT) ANY_INT(staged)
#include "pool_window_axis.cl"
#include "pool_window_line.cl"

#if !BACKWARD
#include "pool_fold.cl"

/* ACT for each row of the windows. */
#define EACH_ROW(ACT)                                                                              \
    for (int a = 0; a < ds.count; a++) {                                                           \
        const __global float *slice = x + (ds.first + a) * x_d;                                    \
        for (int b = 0; b < hs.count; b++) {                                                       \
            const __global float *row = slice + (hs.first + b) * x_h;                              \
            ACT                                                                                    \
        }                                                                                          \
    }
#define JOIN_AT(all, at)                                                                           \
    {                                                                                              \
        const VECTOR next = LOAD(VECTOR_WIDTH, row + at);                                          \
        all = JOIN(all, LP_VALUE(VECTOR_WIDTH, next, power));                                      \
    }

/* line[i] = column i of rows ds by hs. */
KEEP_APART static void join_rows(const __global float *x, int x_d, int x_h, pool_span ds,
    pool_span hs, int width, float power, __local float *line, VECTOR nothing) {
    int i = 0;
    for (; i + 2 * W < width; i += 4 * W) { /* vectors beyond the row begin on columns that are done */
        const int j = min(i + W, width - W), k = min(i + 2 * W, width - W);
        const int l = min(i + 3 * W, width - W);
        VECTOR p = (VECTOR)(NOTHING), q = p, r = p, s = p;
        EACH_ROW(JOIN_AT(p, i) JOIN_AT(q, j) JOIN_AT(r, k) JOIN_AT(s, l))
        STORE(VECTOR_WIDTH, p, line + i);
        STORE(VECTOR_WIDTH, q, line + j);
        STORE(VECTOR_WIDTH, r, line + k);
        STORE(VECTOR_WIDTH, s, line + l);
    }
    while (i < width && width >= W) {
        i = min(i, width - W);
        VECTOR p = (VECTOR)(NOTHING);
        EACH_ROW(JOIN_AT(p, i))
        STORE(VECTOR_WIDTH, p, line + i);
        i += W;
    }
    for (; i < width; i++) {
        float p = NOTHING;
        EACH_ROW(const float next = row[i]; p = JOIN(p, LP_VALUE(1, next, power));)
        line[i] = p;
    }
}

/* The elements of window ow, joined to a vector. */
static inline VECTOR join_window(
    const __local float *line, const column_table *t, int ow, INTS numbers) {
    const int first = t->first[ow], count = t->count[ow];
    VECTOR all = numbers < count ? LOAD(VECTOR_WIDTH, line + first) : (VECTOR)(NOTHING);
    KEEP_ROLLED
    for (int i = W; i < count; i += W) {
        const VECTOR next =
            numbers < count - i ? LOAD(VECTOR_WIDTH, line + first + i) : (VECTOR)(NOTHING);
        all = JOIN(all, next);
    }
    return all;
}

/* Windows ow .. last, as many as half a vector at most: two lanes of each. */
KEEP_APART static VECTOR join_half(
    const __local float *line, const column_table *t, int ow, int last, INTS numbers) {
#define WINDOW(k) join_window(line, t, min(ow + k, last), numbers)
    return FOLD_HALF(WINDOW, 0);
}

/* A row of y whose line is made. */
typedef struct waiting_row {
    const __local float *line;
    __global float *to; /* null: none */
    float rows;         /* of x, that its windows hold */
    float root;         /* of L-p pooling */
} waiting_row;

KEEP_APART static void put_row(
    waiting_row row, const column_table *t, int out, int streaming, INTS numbers) {
    for (int ow = 0; ow < out && row.to != 0; ow += W) {
        const int some = min(out - ow, W);
        const int last = ow + some - 1;
        VECTOR all = join_half(row.line, t, ow, last, numbers), more = all;
        if (some > W / 2) {
            more = join_half(row.line, t, ow + W / 2, last, numbers);
        }
        all = fold_1(all, more);
#if LP
        all = LP_ROOT(VECTOR_WIDTH, all, row.root);
#elif AVERAGE
        all /= row.rows * LOAD(VECTOR_WIDTH, t->divisors + ow);
#endif
        put(all, row.to + ow, some, streaming);
    }
}

KEEP_APART static void pool_item(POOL_POINTERS, __local float *lines, __local float *stage,
    __local int *table, INDEX item, const window_numbers numbers, VECTOR nothing) {
    NUMBERS(WINDOW_LIST)
    MAKE_AXES
    const column_table columns = make_table(table, &w_axis, count_padding);
    const INTS numbers_of_lanes = lane_numbers();
    const int line_size = w_extent + W;
    for (int i = 0; i < 2 * line_size; i++) {
        lines[i] = NOTHING;
    }
    waiting_row before = {lines, 0, 0.0f, root};
    const INDEX end = min((item + 1) * chunk, items);
    INDEX oh = item * chunk % h_out, od = item * chunk / h_out % d_out;
    INDEX plane = item * chunk / h_out / d_out;
    for (INDEX row = item * chunk; row < end; plane++, od = 0) {
        for (; od < d_out && row < end; od++, oh = 0) {
            const pool_span ds = window_span(&d_axis, od);
            for (; oh < h_out && row < end; oh++, row++) {
                const pool_span hs = window_span(&h_axis, oh);
                __local float *line = lines + (row & 1) * line_size;
                join_rows(x + PLANE(x, plane), x_d, x_h, ds, hs, w_extent, power, line,
                    nothing);
                /* Reading a line that was just stored takes long: the row before meanwhile, and memory
                 * fetches the rows behind. */
                const __global float *next =
                    x + PLANE(x, plane) + (ds.first + ds.count - 1) * x_d + (hs.first + hs.count) * x_h;
                for (int i = 0; i < hs.count * w_extent; i += 16) {
                    ASK_LINE(next + i, 0);
                }
                put_row(before, &columns, w_out, streaming, numbers_of_lanes);
                before = (waiting_row){line, y + PLANE(y, plane) + od * y_d + oh * y_h,
                    (float)(ds.count * hs.count), root};
            }
        }
    }
    put_row(before, &columns, w_out, streaming, numbers_of_lanes);
}

#else

/* line[i] = sum of sums[ow] of the windows that hold column i. */
static inline void spread_windows(__local float *line, const column_table *t, int out, int width) {
    if (out > width) { /* several windows may hold one and the same column alone */
        for (int i = 0; i < width; i++) {
            line[i] = 0.0f;
        }
        for (int ow = 0; ow < out; ow++) {
            for (int k = t->first[ow]; k < t->first[ow] + t->count[ow]; k++) {
                line[k] += t->values[ow];
            }
        }
        return;
    }
    float before = 0.0f;
    KEEP_ROLLED
    for (int ow = 0, end = 0; ow < out; ow++) { /* two windows have one column in common at most */
        const int first = t->first[ow], count = t->count[ow];
        const float sum = t->values[ow];
        for (int k = 0; k < count; k += W) {
            STORE(VECTOR_WIDTH, (VECTOR)(sum), line + first + k);
        }
        line[first] = first < end ? before + sum : sum;
        before = sum;
        end = first + count;
    }
}

/* Rows of dx that are waiting, and where they belong. */
typedef struct stage_state {
    __global float *to;
    int size;
} stage_state;

/* Stores what is waiting in whole vectors of memory; with `all` the rest, too. */
KEEP_APART static void store_stage(
    __local float *stage, stage_state *s, int streaming, bool all, VECTOR nothing) {
    const int head = (int)(-(size_t)s->to / sizeof(float) & (W - 1));
    int i = 0;
    for (; i < min(head, s->size); i++) {
        s->to[i] = stage[i];
    }
    if (streaming) {
        for (; i + W <= s->size; i += W) {
            STREAM(VECTOR_WIDTH, LOAD(VECTOR_WIDTH, stage + i), s->to + i);
        }
    }
    for (; i + W <= s->size; i += W) {
        STORE(VECTOR_WIDTH, LOAD(VECTOR_WIDTH, stage + i), s->to + i);
    }
    if (all) {
        for (; i < s->size; i++) {
            s->to[i] = stage[i];
        }
    } else if (i < s->size) {
        STORE(VECTOR_WIDTH, LOAD(VECTOR_WIDTH, stage + i), stage);
    }
    s->to += i;
    s->size -= i;
}

/* `count` rows of dx that are all the same. */
static inline void put_rows(const __local float *line, int width, __global float *to, INDEX pitch,
    int count, __local float *stage, int staged, stage_state *s, int streaming) {
    for (int n = 0; n < count && staged == 0; n++, to += pitch) {
        for (int i = 0; i < width; i += W) {
            put(LOAD(VECTOR_WIDTH, line + i), to + i, min(width - i, W), streaming);
        }
    }
    if (staged == 0) {
        return;
    }
    if (s->to + s->size != to) { /* not the row behind */
        store_stage(stage, s, streaming, true, (VECTOR)(0.0f));
        s->to = to;
    }
    while (count > 0) {
        const int room = (staged - W - s->size) / width, now = min(room, count);
        for (int n = 0; n < now; n++, s->size += width) {
            KEEP_ROLLED
            for (int i = 0; i < width; i += W) {
                STORE(VECTOR_WIDTH, LOAD(VECTOR_WIDTH, line + i), stage + s->size + i);
            }
        }
        count -= now;
        if (count > 0) {
            store_stage(stage, s, streaming, false, (VECTOR)(0.0f));
        }
    }
}

/* What the rows of windows b of slices od .. od + slices - 1 give to each column. */
static inline void make_line(const __global float *dy, int dy_d, int od, int slices,
    const pool_axis *d_axis, int counted, int rows, const column_table *columns, int out, int width,
    __local float *line) {
    for (int ow = 0; ow < out; ow += W) {
        STORE(VECTOR_WIDTH, (VECTOR)(0.0f), columns->values + ow);
    }
    for (int a = od; a < od + slices; a++) {
        const int depth = window_places(d_axis, a, window_span(d_axis, a).count, counted);
        add_row(columns->values, dy + a * dy_d, (float)(depth * rows), out, columns);
    }
    spread_windows(line, columns, out, width);
}

/* to = a + b */
static inline void add_lines(
    const __local float *a, const __local float *b, int width, __local float *to) {
    for (int i = 0; i < width; i += W) {
        STORE(VECTOR_WIDTH, LOAD(VECTOR_WIDTH, a + i) + LOAD(VECTOR_WIDTH, b + i), to + i);
    }
}

KEEP_APART static void pool_item(POOL_POINTERS, __local float *lines, __local float *stage,
    __local int *table, INDEX item, const window_numbers numbers, VECTOR nothing) {
    NUMBERS(WINDOW_LIST)
    MAKE_AXES
    const column_table columns = make_table(table, &w_axis, count_padding);
    const int line_size = w_extent + W;
    __local int *row_first = table + 5 * (w_out + W), *row_holders = row_first + h_extent;
    __local int *row_counts = row_holders + h_extent;
    for (int i = 0; i < h_extent; i++) {
        row_first[i] = holder(&h_axis, i, 0);
        row_holders[i] = holders(&h_axis, i);
    }
    for (int i = 0; i < h_out; i++) {
        row_counts[i] = window_places(&h_axis, i, window_span(&h_axis, i).count, count_padding);
    }
    stage_state waiting = {dx, 0};
    const INDEX end = min((item + 1) * chunk, items);
    INDEX h = item * chunk % h_extent, d = item * chunk / h_extent % d_extent;
    INDEX plane = item * chunk / h_extent / d_extent;
    for (INDEX row = item * chunk; row < end; plane++, d = 0) {
        for (; d < d_extent && row < end; d++, h = 0) {
            const int od = holder(&d_axis, d, 0), slices = holders(&d_axis, d);
            const __global float *from = dy + PLANE(dy, plane);
            __global float *to = dx + PLANE(dx, plane) + d * dx_d;
            int known[2] = {-1, -1}; /* the rows of windows of the first two lines, by turns */
            while (h < h_extent && row < end) {
                const int first = row_first[h], holding = row_holders[h];
                int same = 1;
                while (h + same < h_extent && row_first[h + same] == first &&
                       row_holders[h + same] == holding) {
                    same++;
                }
                same = min(same, (int)(end - row));
                __local float *line = lines + (first & 1) * line_size;
                for (int b = first; b < first + holding; b++) {
                    __local float *own = lines + (b & 1) * line_size;
                    if (known[b & 1] != b) {
                        known[b & 1] = b;
                        make_line(from + b * dy_h, dy_d, od, slices, &d_axis, count_padding,
                            row_counts[b], &columns, w_out, w_extent, own);
                    }
                    if (b > first) {
                        add_lines(line, own, w_extent, lines + 2 * line_size);
                        line = lines + 2 * line_size;
                    }
                }
                put_rows(line, w_extent, to + h * dx_h, dx_h, same, stage, staged, &waiting,
                    streaming);
                h += same;
                row += same;
            }
        }
    }
    store_stage(stage, &waiting, streaming, true, (VECTOR)(0.0f));
}

#endif

__kernel void pool_adaptive(POOL_POINTERS, __global long *indices, const window_numbers numbers,
    __local float *lines, __local float *stage, __local int *table) {
    pool_item(POOL_PASSED, lines, stage, table, get_group_id(0), numbers, (VECTOR)(0.0f));
}
