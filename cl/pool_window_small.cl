/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small windows for pool_window_rows.cl, straight from x: a window's elements in row-major order,
 * VECTOR_WIDTH windows at once where all of them lie between the sides of x. find_row() puts values
 * and, with PLACED, places of the largest elements of a row of windows into the table.
 */
enum { MOST_ROWS = 27 };

/* Those that lie between the sides of x, first to end - 1: in vectors, if there are enough. */
typedef struct inner_windows {
    int first, end;
    bool direct; /* whether all windows are done in this way */
} inner_windows;

/* Windows of three columns, two apart; their first column may be missing where places are wanted. */
#define IS_TRIPLE(w) (PLACED && (w)->step == 2 && (w)->dilation == 1 && (w)->window == 3)

static inline inner_windows find_inner(const pool_axis *d, const pool_axis *h, const pool_axis *w) {
    const int span = (w->window - 1) * w->dilation + 1, room = w->extent + w->before - span;
    inner_windows inner = {(w->before + w->step - 1) / w->step, 0, false};
    inner.end = room < 0 ? 0 : min(room / w->step + 1, (int)w->out);
    inner.first = IS_TRIPLE(w) && w->before == 1 ? 0 : inner.first;
    const bool pairs = w->step == 2 && w->dilation == 1 && (w->window == 2 || w->window == 3);
    inner.direct = !w->adaptive && inner.end - inner.first >= W && (PLACED || pairs) &&
                   d->window * h->window * w->window <= MOST_ROWS;
    return inner;
}

/* The rows of x that a row of windows holds. */
typedef struct row_list {
    int count;
    int at[MOST_ROWS], place[MOST_ROWS]; /* of column 0 */
} row_list;

/* p[0], p[step], ..., and nothing behind the last of them. */
static inline VECTOR take_inner(const __global float *p, int step) {
    if (step == 1) {
        return LOAD(VECTOR_WIDTH, p);
    }
    if (step == 2) {
        return (VECTOR)(LOAD(VECTOR_WIDTH, p).even, LOAD(VECTOR_WIDTH, p + W - 1).odd);
    }
    return GATHER(VECTOR_WIDTH, p, step);
}

#if PLACED
#if VECTOR_WIDTH == 16
#define BEHIND_ONE(a, b)                                                                           \
    PICK_LANES(float, 16, a, b, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30)
#elif VECTOR_WIDTH == 8
#define BEHIND_ONE(a, b) PICK_LANES(float, 8, a, b, 7, 8, 9, 10, 11, 12, 13, 14)
#else
#define BEHIND_ONE(a, b) PICK_LANES(float, 4, a, b, 3, 4, 5, 6)
#endif

/* Into best and where what is larger. */
#define FIND_MORE(best, where, next, there)                                                        \
    {                                                                                              \
        const INTS better = BEATS(next, best);                                                     \
        best = better ? next : best;                                                               \
        where = better ? (INTS)(there) : where;                                                    \
    }

/* Windows of three columns, two apart, that begin at p, of one row; the first one's first column is
 * missing where `edge` is (1, 0, 0, ...), else (0, 0, ...). */
static inline VECTOR find_triple(const __global float *p, int place, INTS edge, INTS *where) {
    const VECTOR a = LOAD(VECTOR_WIDTH, p + 1), b = LOAD(VECTOR_WIDTH, p + 1 + W);
    ASK_LINE(p + AHEAD, 0);
    ASK_LINE(p + W + AHEAD, 0);
    const VECTOR second = (VECTOR)(a.even, b.even), third = (VECTOR)(a.odd, b.odd);
    VECTOR best = BEHIND_ONE((VECTOR)(p[edge.s0]), third);
    *where = (INTS)(place) + edge;
    FIND_MORE(best, *where, second, place + 1)
    FIND_MORE(best, *where, third, place + 2)
    return best;
}

/* Windows of three columns, two apart, `first` to end - 1, at least W of them, to the table. Of each row
 * first, so that comparisons need not wait for one another. */
KEEP_APART static void find_triples(const __global float *x, const row_list *rows, int first, int end,
    int before, const column_table *t, INTS numbers) {
    for (int ow = first; ow < end; ow += W) {
        ow = min(ow, end - W); /* the last vector begins on windows that are done */
        const int from = 2 * ow - before;
        const INTS edge = from < 0 && numbers == 0 ? (INTS)(1) : (INTS)(0);
        INTS where;
        VECTOR best = find_triple(x + rows->at[0] + from, rows->place[0], edge, &where);
        KEEP_ROLLED
        for (int r = 1; r < rows->count; r++) {
            INTS there;
            const VECTOR next = find_triple(x + rows->at[r] + from, rows->place[r], edge, &there);
            FIND_MORE(best, where, next, there)
        }
        STORE(VECTOR_WIDTH, best, t->values + ow);
        *(__local unaligned_ints *)(t->places + ow) = where + from + 2 * numbers;
    }
}

/* W windows that begin at column `from` of the rows: their largest elements and those places. */
static inline VECTOR find_lanes(const __global float *x, const row_list *rows, int from,
    const pool_axis *w, INTS numbers, INTS *places) {
    VECTOR best = take_inner(x + rows->at[0] + from, w->step);
    INTS where = (INTS)(rows->place[0]);
    KEEP_ROLLED
    for (int r = 0; r < rows->count; r++) {
        const __global float *p = x + rows->at[r] + from;
        KEEP_ROLLED
        for (int k = 0; k < w->window; k++) {
            const VECTOR next = take_inner(p + k * w->dilation, w->step);
            FIND_MORE(best, where, next, rows->place[r] + k * (int)w->dilation)
        }
    }
    *places = where + from + numbers * (INTS)(w->step);
    return best;
}
#else
/* W windows of two or three columns, two apart, that begin at column `from` of the rows. */
static inline VECTOR find_lanes(const __global float *x, const row_list *rows, int from,
    const pool_axis *w, INTS numbers, INTS *places) {
    VECTOR low = (VECTOR)(NOTHING), high = low, third = low;
    KEEP_ROLLED
    for (int r = 0; r < rows->count; r++) {
        const __global float *p = x + rows->at[r] + from;
        const VECTOR a = LOAD(VECTOR_WIDTH, p), b = LOAD(VECTOR_WIDTH, p + W);
        ASK_LINE(p + AHEAD, 0);
        ASK_LINE(p + W + AHEAD, 0);
        low = JOIN(low, LP_VALUE(VECTOR_WIDTH, a, w->power));
        high = JOIN(high, LP_VALUE(VECTOR_WIDTH, b, w->power));
        if (w->window == 3) {
            const VECTOR c = take_inner(p + 2, 2);
            third = JOIN(third, LP_VALUE(VECTOR_WIDTH, c, w->power));
        }
    }
    const VECTOR even = (VECTOR)(low.even, high.even), odd = (VECTOR)(low.odd, high.odd);
    const VECTOR pairs = JOIN(even, odd);
    return JOIN(pairs, third);
}
#endif

/* Window ow alone. */
static inline float find_one(
    const __global float *x, const row_list *rows, int ow, const pool_axis *w, int *place) {
    const pool_span ws = window_span(w, ow);
    float best = NOTHING;
    int where = NOWHERE;
    KEEP_ROLLED
    for (int r = 0; r < rows->count; r++) {
        KEEP_ROLLED
        for (int k = 0; k < ws.count; k++) {
            const int column = ws.first + k * ws.step;
            const float next = x[rows->at[r] + column];
#if PLACED
            const bool better = where == NOWHERE || BEATS(next, best);
            best = better ? next : best;
            where = better ? rows->place[r] + column : where;
#else
            best = JOIN(best, LP_VALUE(1, next, w->power));
#endif
        }
    }
    *place = where;
    return best;
}

/* Values and places of a row of windows, those of slices ds and rows hs, to the table. */
KEEP_APART static void find_row(const __global float *x, int x_d, int x_h, pool_span ds,
    pool_span hs, int height, const pool_axis *w, inner_windows inner, const column_table *t,
    INTS numbers) {
    row_list rows;
    int count = 0;
    for (int a = 0; a < ds.count; a++) {
        KEEP_ROLLED
        for (int b = 0; b < hs.count; b++) {
            const int slice = ds.first + a * ds.step, row = hs.first + b * hs.step;
            rows.at[count] = slice * x_d + row * x_h;
            rows.place[count++] = (slice * height + row) * w->extent;
        }
    }
    rows.count = count;
    const bool is_any = count > 0;
    for (int ow = 0; ow < w->out; ow++) {
        if (is_any && ow == inner.first) {
            ow = inner.end;
        }
        if (ow < w->out) {
            int place;
            t->values[ow] = find_one(x, &rows, ow, w, &place);
            t->places[ow] = place;
        }
    }
#if PLACED
    if (is_any && IS_TRIPLE(w)) {
        find_triples(x, &rows, inner.first, inner.end, w->before, t, numbers);
        return;
    }
#endif
    for (int ow = inner.first; is_any && ow < inner.end; ow += W) {
        ow = min(ow, inner.end - W); /* the last vector begins on windows that are done */
        INTS where = (INTS)(NOWHERE);
        const VECTOR best = find_lanes(x, &rows, ow * w->step - w->before, w, numbers, &where);
        STORE(VECTOR_WIDTH, best, t->values + ow);
        *(__local unaligned_ints *)(t->places + ow) = where;
    }
}
