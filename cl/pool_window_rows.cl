/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pooling as pool_window.cl has it, row by row on processors; columns lie side by side in every
 * operand, and there are fewer than 2^31 elements. Adaptive windows: places alone.
 *
 * Windows are taken apart: first slices and rows, into a line, then columns, along that line. The
 * line begins with w_before elements of nothing and has more behind the row.
 *   y:   line[i] = sum or largest of column i of the rows that a row of windows holds; y[ow] = sum
 *        or largest of line[ow * step + k * dilation]. With places (for indices, and for dx of the
 *        largest) a line of places beside it tells where in the plane each largest element is; of
 *        equals the lesser place counts. Small windows are not taken apart, but read in row-major
 *        order, VECTOR_WIDTH windows at once.
 *   dx of the average: line[..] = sum of dy[..][ow] / divisor over the rows of windows that hold a
 *        row of dx, w_step apart, zeros between; dx[w] = sum of w_window of its elements, dilation
 *        apart. Rows that the same windows hold are the same.
 * Work-item i does rows [i * chunk, (i + 1) * chunk) of y, or of the average's dx; of the largest's
 * dx, planes: clears one, then adds each dy where its row of places says, in the order of y.
 * Local memory, the one item's own: line, places (`floats` elements each), table: 5 * (w_out +
 * VECTOR_WIDTH) ints (pool_window_line.cl).
 * Geometry: 1-D, work-groups of one item.
 * Macros: AVERAGE (0: max), BACKWARD, INDICES (0: none are wanted), LP (pool_power.cl), VECTOR_WIDTH 4,
 * 8 or 16.
 */
#include "common.cl"
#include "interleave.cl"
#include "numbers.cl"
#include "stream.cl"
#include "vector.cl"
#define WINDOW_MORE(ANY_INT) ANY_INT(floats)
#include "pool_window_axis.cl"

#include "pool_window_line.cl"

#define PLACED (!AVERAGE && (BACKWARD || INDICES))
enum { NOWHERE = 0x7fffffff };

/* p[0], p[step], ... */
static inline VECTOR take(const __local float *p, int step) {
    if (step == 1) {
        return LOAD(VECTOR_WIDTH, p);
    }
    if (step == 2) {
        return (VECTOR)(LOAD(VECTOR_WIDTH, p).even, LOAD(VECTOR_WIDTH, p + W).even);
    }
    return GATHER(VECTOR_WIDTH, p, step);
}

#if !(BACKWARD && AVERAGE)

/* Of `rows` rows of x, those of ds by hs, what columns i .. i + WIDTH - 1 make together, to the line;
 * INTEGERS, COLUMNS: types and numbers of the lanes. */
#if PLACED
#define JOIN_COLUMNS(WIDTH, INTEGERS, COLUMNS)                                                     \
    FLOATS(WIDTH) all = (FLOATS(WIDTH))(NOTHING);                                                  \
    INTEGERS where = (INTEGERS)(NOWHERE);                                                          \
    for (int a = 0; a < ds.count; a++) {                                                           \
        const int d = ds.first + a * ds.step;                                                      \
        for (int b = 0; b < hs.count; b++) {                                                       \
            const int h = hs.first + b * hs.step;                                                  \
            const __global float *place = x + d * x_d + h * x_h + i;                               \
            const FLOATS(WIDTH) next = LOAD(WIDTH, place);                                         \
            ASK_LINE(place + AHEAD, 0);                                                            \
            const INTEGERS better = BEATS(next, all) | (where == NOWHERE);                         \
            all = better ? next : all;                                                             \
            where = better ? (INTEGERS)((d * h_axis->extent + h) * w_axis->extent + i) + COLUMNS   \
                           : where;                                                                \
        }                                                                                          \
    }                                                                                              \
    STORE(WIDTH, all, line + i);
#else
#define JOIN_COLUMNS(WIDTH, INTEGERS, COLUMNS)                                                     \
    FLOATS(WIDTH) all = (FLOATS(WIDTH))(NOTHING);                                                  \
    for (int a = 0; a < ds.count; a++) {                                                           \
        const __global float *slice = x + (ds.first + a * ds.step) * x_d + i;                      \
        for (int b = 0; b < hs.count; b++) {                                                       \
            const __global float *place = slice + (hs.first + b * hs.step) * x_h;                  \
            const FLOATS(WIDTH) next = LOAD(WIDTH, place);                                         \
            ASK_LINE(place + AHEAD, 0);                                                            \
            all = JOIN(all, LP_VALUE(WIDTH, next, w_axis->power));                                 \
        }                                                                                          \
    }                                                                                              \
    STORE(WIDTH, all, line + i);
#endif

KEEP_APART static void join_rows(const __global float *x, int x_d, int x_h, pool_span ds,
    pool_span hs, const pool_axis *h_axis, const pool_axis *w_axis, __local float *line,
    __local int *places) {
    const int width = w_axis->extent;
    int i = 0;
#if PLACED
    const INTS columns = lane_numbers();
#endif
    while (i < width && width >= W) {
        i = min(i, width - W); /* the last vector begins on columns that are done */
        JOIN_COLUMNS(VECTOR_WIDTH, INTS, columns)
#if PLACED
        *(__local unaligned_ints *)(places + i) = where;
#endif
        i += W;
    }
    for (; i < width; i++) {
        JOIN_COLUMNS(1, int, 0)
#if PLACED
        places[i] = where;
#endif
    }
}

#if PLACED
/* Joins another column's largest and its place: of equals, and of NaN, the lesser place. */
#define JOIN_PLACED(next, there)                                                                   \
    {                                                                                              \
        const INTS same = (next == best) | ((next != next) & (best != best));                      \
        const INTS better = BEATS(next, best) | (same & (there < where));                          \
        best = better ? next : best;                                                               \
        where = better ? there : where;                                                            \
    }

static inline INTS take_places(const __local int *p, int step) {
    if (step == 1) {
        return *(const __local unaligned_ints *)p;
    }
    if (step == 2) {
        return (INTS)((*(const __local unaligned_ints *)p).even,
            (*(const __local unaligned_ints *)(p + W)).even);
    }
    int lanes[W];
    for (int i = 0; i < W; i++) {
        lanes[i] = p[i * step];
    }
    return *(const unaligned_ints *)lanes;
}
#endif

/* Windows ow .. ow + W - 1 along the line, whose element 0 is `lead` before the row. */
static inline VECTOR join_along(const __local float *line, const __local int *places,
    const pool_axis *w, const column_table *t, int ow, INTS *found) {
    VECTOR best = (VECTOR)(NOTHING);
#if PLACED
    INTS where = (INTS)(NOWHERE);
    if (w->adaptive) {
        float lanes[W];
        int lane_places[W];
        for (int i = 0; i < min(W, (int)w->out - ow); i++) {
            const int first = t->first[ow + i], count = t->count[ow + i];
            float one = NOTHING;
            int place = NOWHERE;
            for (int k = first; k < first + count; k++) {
                const float next = line[k];
                const int there = places[k];
                const bool same = next == one || (next != next && one != one);
                const bool better = BEATS(next, one) || (same && there < place);
                one = better ? next : one;
                place = better ? there : place;
            }
            lanes[i] = one;
            lane_places[i] = place;
        }
        *found = *(const unaligned_ints *)lane_places;
        return LOAD(VECTOR_WIDTH, lanes);
    }
#endif
    const int at = ow * w->step;
    for (int k = 0; k < w->window; k++) {
        const VECTOR next = take(line + at + k * w->dilation, w->step);
#if PLACED
        const INTS there = take_places(places + at + k * w->dilation, w->step);
        JOIN_PLACED(next, there)
#else
        best = JOIN(best, next);
#endif
    }
#if PLACED
    *found = where;
#endif
    return best;
}

#include "pool_window_small.cl"
#endif

#if INDICES
typedef CAT(long, VECTOR_WIDTH) LONGS;
typedef LONGS unaligned_longs __attribute__((aligned(8)));

/* The first `some` places, `step` apart; -1 for nowhere. */
static inline void put_places(
    INTS where, long base, __global long *to, INDEX step, int some, int streaming) {
    const LONGS wide = CAT(convert_long, VECTOR_WIDTH)(where);
    const LONGS all = wide == NOWHERE ? (LONGS)(-1) : wide + base;
    if (some == W && step == 1) {
#ifdef STORE_PAST
        if (streaming && IS_STREAMABLE(2 * VECTOR_WIDTH, to)) {
            STORE_PAST(all, (__global LONGS *)to);
            return;
        }
#endif
        *(__global unaligned_longs *)to = all;
        return;
    }
    long lanes[W];
    *(unaligned_longs *)lanes = all;
    for (int i = 0; i < some; i++) {
        to[i * step] = lanes[i];
    }
}
#endif

#if !BACKWARD

KEEP_APART static void pool_item(POOL_POINTERS, __global long *indices, __local float *line,
    __local int *places, __local int *table, INDEX item, const window_numbers numbers) {
    NUMBERS(WINDOW_LIST)
    MAKE_AXES
    const column_table columns = make_table(table, &w_axis, count_padding);
    for (int i = 0; i < floats; i++) {
        line[i] = NOTHING;
#if PLACED
        places[i] = NOWHERE;
#endif
    }
    const INTS numbers_of_lanes = lane_numbers();
    const inner_windows inner = find_inner(&d_axis, &h_axis, &w_axis);
    const INDEX end = min((item + 1) * chunk, items);
    INDEX oh = item * chunk % h_out, od = item * chunk / h_out % d_out;
    INDEX plane = item * chunk / h_out / d_out;
    for (INDEX row = item * chunk; row < end; plane++, od = 0) {
        const __global float *from = x + PLANE(x, plane);
        __global float *plane_y = y + PLANE(y, plane);
        for (; od < d_out && row < end; od++, oh = 0) {
            const pool_span ds = window_span(&d_axis, od);
            const INDEX slices = window_places(&d_axis, od, ds.count, count_padding);
            for (; oh < h_out && row < end; oh++, row++) {
                const pool_span hs = window_span(&h_axis, oh);
                if (inner.direct) {
                    find_row(from, x_d, x_h, ds, hs, h_extent, &w_axis, inner, &columns,
                        numbers_of_lanes);
                } else {
                    join_rows(from, x_d, x_h, ds, hs, &h_axis, &w_axis, line + w_before,
                        places + w_before);
                }
                const float divisor =
                    (float)(slices * window_places(&h_axis, oh, hs.count, count_padding));
                __global float *to = plane_y + od * y_d + oh * y_h;
                for (int ow = 0; ow < w_out; ow += W) {
                    INTS where = *(const __local unaligned_ints *)(columns.places + ow);
                    VECTOR all = LOAD(VECTOR_WIDTH, columns.values + ow);
                    if (!inner.direct) {
                        all = join_along(line, places, &w_axis, &columns, ow, &where);
                    }
#if LP
                    all = LP_ROOT(VECTOR_WIDTH, all, root);
#elif AVERAGE
                    const VECTOR share = divisor * LOAD(VECTOR_WIDTH, columns.divisors + ow);
                    all = share > 0.0f ? all / share : (VECTOR)(0.0f);
#endif
                    const int some = min((int)w_out - ow, W);
                    put(all, to + ow, some, streaming);
#if INDICES
                    const long base =
                        plane_indices ? 0 : (long)plane * d_extent * h_extent * w_extent;
                    put_places(where, base,
                        indices + PLANE(indices, plane) + WITHIN(indices, od, oh, ow), indices_w,
                        some, streaming);
#endif
                }
            }
        }
    }
}

#elif !AVERAGE

/* dx of one plane is 0. */
static inline void clear_plane(__global float *dx, const pool_axis *d, const pool_axis *h,
    const pool_axis *w, int dx_d, int dx_h, int streaming) {
    for (int a = 0; a < d->extent; a++) {
        for (int b = 0; b < h->extent; b++) {
            __global float *row = dx + a * dx_d + b * dx_h;
            for (int i = 0; i < w->extent; i += W) {
                put((VECTOR)(0.0f), row + i, min((int)w->extent - i, W), 0);
            }
        }
    }
}

KEEP_APART static void pool_item(POOL_POINTERS, __global long *indices, __local float *line,
    __local int *places, __local int *table, INDEX item, const window_numbers numbers) {
    NUMBERS(WINDOW_LIST)
    MAKE_AXES
    const column_table columns = make_table(table, &w_axis, count_padding);
    for (int i = 0; i < floats; i++) {
        line[i] = NOTHING;
        places[i] = NOWHERE;
    }
    const INTS numbers_of_lanes = lane_numbers();
    const inner_windows inner = find_inner(&d_axis, &h_axis, &w_axis);
    const bool dense = dx_h == w_extent && dx_d == h_extent * w_extent;
    const INDEX end = min((item + 1) * chunk, items);
    for (INDEX plane = item * chunk; plane < end; plane++) {
        __global float *to = dx + PLANE(dx, plane);
        clear_plane(to, &d_axis, &h_axis, &w_axis, dx_d, dx_h, streaming);
        for (int row = 0; row < d_out * h_out; row++) {
            const int oh = row % h_out, od = row / h_out;
            const pool_span ds = window_span(&d_axis, od), hs = window_span(&h_axis, oh);
            const __global float *plane_x = x + PLANE(x, plane);
            if (inner.direct) {
                find_row(plane_x, x_d, x_h, ds, hs, h_extent, &w_axis, inner, &columns,
                    numbers_of_lanes);
            } else {
                join_rows(plane_x, x_d, x_h, ds, hs, &h_axis, &w_axis, line + w_before,
                    places + w_before);
                for (int ow = 0; ow < w_out; ow += W) {
                    INTS where;
                    join_along(line, places, &w_axis, &columns, ow, &where);
                    *(__local unaligned_ints *)(columns.places + ow) = where;
                }
            }
            const __global float *from = dy + PLANE(dy, plane) + od * dy_d + oh * dy_h;
            for (int ow = 0; ow < w_out; ow++) {
                const int at = columns.places[ow];
                if (at != NOWHERE) {
                    const int place = dense ? at
                                            : at / w_extent / h_extent * dx_d +
                                                  at / w_extent % h_extent * dx_h + at % w_extent;
                    to[place] += from[ow];
                }
            }
        }
    }
}

#else

/* to[0], to[step], ... = v, and zeros between. */
static inline void spread(VECTOR v, __local float *to, int step) {
    if (step == 1) {
        STORE(VECTOR_WIDTH, v, to);
    } else if (step == 2) {
        const VECTOR zeros = 0.0f;
        STORE(VECTOR_WIDTH, INTERLEAVE_LOW(float, VECTOR_WIDTH, v, zeros), to);
        STORE(VECTOR_WIDTH, INTERLEAVE_HIGH(float, VECTOR_WIDTH, v, zeros), to + W);
    } else {
        SCATTER(VECTOR_WIDTH, v, to, step);
    }
}

/* For each window of a row the sum of dy / divisor over the rows of windows that hold row (d, h), to
 * where the line has it. */
KEEP_APART static void sum_windows(const __global float *dy, int dy_d, int dy_h, int d, int h,
    const pool_axis *d_axis, const pool_axis *h_axis, const pool_axis *w_axis, int counted,
    const column_table *columns, __local float *line) {
    __local float *sums = columns->values;
    for (int ow = 0; ow < w_axis->out; ow++) {
        sums[ow] = 0.0f;
    }
    const int d_holders = holders(d_axis, d), h_holders = holders(h_axis, h);
    for (int a = 0; a < d_holders; a++) {
        const int od = holder(d_axis, d, a);
        if (od < 0) {
            continue;
        }
        const int slices = window_places(d_axis, od, window_span(d_axis, od).count, counted);
        for (int b = 0; b < h_holders; b++) {
            const int oh = holder(h_axis, h, b);
            if (oh >= 0) {
                const int rows = window_places(h_axis, oh, window_span(h_axis, oh).count, counted);
                add_row(sums, dy + od * dy_d + oh * dy_h, (float)(slices * rows), w_axis->out,
                    columns);
            }
        }
    }
    int ow = 0;
    for (; ow + W <= w_axis->out; ow += W) {
        spread(LOAD(VECTOR_WIDTH, sums + ow), line + ow * w_axis->step, w_axis->step);
    }
    for (; ow < w_axis->out; ow++) {
        line[ow * w_axis->step] = sums[ow];
    }
}

/* A row of dx: sums of `window` elements of the line. */
static inline void put_windows(const __local float *line, int window, int dilation, int width,
    __global float *to, int streaming) {
    for (int i = 0; i < width; i += W) {
        if (width >= W) {
            i = min(i, width - W); /* the last vector begins on columns that are done */
        }
        VECTOR all = LOAD(VECTOR_WIDTH, line + i);
        for (int k = 1; k < window; k++) {
            all += LOAD(VECTOR_WIDTH, line + i + k * dilation);
        }
        put(all, to + i, min(width - i, W), streaming);
    }
}

/* The last element held by the very windows that hold p; p itself where that is not easily told. */
static inline INDEX same_until(const pool_axis *a, INDEX p) {
    if (a->dilation > 1) {
        return p;
    }
    const INDEX begun = p + a->before, last = min(begun / a->step, a->out - 1);
    const INDEX first = begun < a->window ? 0 : (begun - a->window) / a->step + 1;
    const INDEX next = last + 1 < a->out ? (last + 1) * a->step - a->before - 1 : a->extent;
    return first > last ? next : min(next, first * a->step - a->before + a->window - 1);
}

KEEP_APART static void pool_item(POOL_POINTERS, __global long *indices, __local float *line,
    __local int *places, __local int *table, INDEX item, const window_numbers numbers) {
    NUMBERS(WINDOW_LIST)
    MAKE_AXES
    const column_table columns = make_table(table, &w_axis, count_padding);
    for (int i = 0; i < floats; i++) {
        line[i] = 0.0f;
    }
    /* The element of the line that column 0 begins with: windows in front of it are in the border. */
    const int lead = (w_window - 1) * w_dilation;
    const int base = lead - w_before; /* where window 0's sum is, if lead > before */
    const INDEX end = min((item + 1) * chunk, items);
    INDEX h = item * chunk % h_extent, d = item * chunk / h_extent % d_extent;
    INDEX plane = item * chunk / h_extent / d_extent;
    for (INDEX row = item * chunk; row < end; plane++, d = 0) {
        for (; d < d_extent && row < end; d++, h = 0) {
            INDEX until = -1;
            for (; h < h_extent && row < end; h++, row++) {
                if (h > until) {
                    sum_windows(dy + PLANE(dy, plane), dy_d, dy_h, d, h, &d_axis, &h_axis, &w_axis,
                        count_padding, &columns, line + base);
                    until = same_until(&h_axis, h);
                }
                put_windows(line, w_window, w_dilation, w_extent,
                    dx + PLANE(dx, plane) + d * dx_d + h * dx_h, streaming);
            }
        }
    }
}
#endif

__kernel void pool_window_rows(POOL_POINTERS, __global long *indices,
    const window_numbers numbers, __local float *line, __local int *places, __local int *table) {
    pool_item(POOL_PASSED, indices, line, places, table, get_group_id(0), numbers);
}
