/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pooling row by row on processors, as pool.cl has it: y and the average's dx. Columns lie side by
 * side in every operand.
 *
 * Windows are taken apart: rows first, into a line of LINE floats, then columns, along that line.
 *   y:  line[i] = sum or largest of column i of the rows that a row of windows covers, the padding
 *       counting as nothing; y[ow] = sum or largest of line[ow * step_w ..]
 *   dx: line[ow * step_w + ..] = sum of dy[..][ow] / divisor of the rows of windows that cover a row
 *       of dx, zeros between; dx[w] = sum of window_w neighbours of the line
 * pool2d_rows: work-item i does rows [i * chunk, (i + 1) * chunk) of the N * C * OH rows of y;
 * average_pool2d_backward_rows: of the N * C * H rows of dx. Work-groups of one item; rows longer
 * than the line are done in parts.
 * max_pool2d_backward_rows: work-item i does planes [i * chunk, (i + 1) * chunk): clears a plane of
 * dx; then, for each row of windows, finds where their first largest elements are, many windows at
 * once, and adds each dy there, in the order of y.
 * Macros: AVERAGE (0: max), BACKWARD, VECTOR_WIDTH 4, 8 or 16, LINE, more than (step_w + 2) *
 * VECTOR_WIDTH + window_w. `streaming`: the result is larger than the caches.
 */
#include "common.cl"
#include "interleave.cl"
#include "stream.cl"
#include "vector.cl"
#include "pool_geometry.cl"
#include "pool_lanes.cl"

/* p[0], p[step], ... */
static inline VECTOR take_any(const float *p, INDEX step) {
    float lanes[VECTOR_WIDTH];
    for (int i = 0; i < VECTOR_WIDTH; i++) {
        lanes[i] = p[i * step];
    }
    return AT(lanes);
}
static inline VECTOR take_2(const float *p) {
    const VECTOR a = AT(p), b = AT(p + VECTOR_WIDTH);
    return (VECTOR)(a.even, b.even);
}
/* all = window_w neighbours joined, for the windows that begin at p */
#define ALONG(TAKE)                                                                                \
    all = TAKE(p);                                                                                 \
    for (INDEX k = 1; k < window_w; k++) {                                                         \
        const VECTOR next = TAKE(p + k);                                                           \
        all = JOIN(all, next);                                                                     \
    }
#define TAKE_ANY(p) take_any(p, step_w)

#if !BACKWARD

#define COLUMNS(W)                                                                                 \
    for (; i + W <= end; i += W) {                                                                 \
        FLOATS(W) all = LOAD(W, x + i);                                                            \
        for (INDEX h = 1; h < rows; h++) {                                                         \
            FLOATS(W) next = LOAD(W, x + h * x_h + i);                                             \
            all = JOIN(all, next);                                                                 \
        }                                                                                          \
        STORE(W, all, line + i);                                                                   \
    }
/* line[i] = rows h0 .. h1 - 1 of column first + i, for i from `begin` to end - 1. */
static inline void join_rows(float *line, const __global float *x, INDEX x_h, INDEX h0, INDEX h1,
    INDEX first, INDEX begin, INDEX end) {
    INDEX i = begin;
    x += h0 * x_h + first;
    const INDEX rows = h1 - h0;
    COLUMNS(VECTOR_WIDTH)
#if VECTOR_WIDTH > 4
    COLUMNS(4)
#endif
    COLUMNS(1)
}

kernel void pool2d_rows(const global float *x, global float *y, const forward_numbers numbers) {
    NUMBERS(FORWARD_LIST)
    const INDEX begin = (INDEX)get_global_id(0) * chunk;
    const INDEX end = min(begin + chunk, items);
    const INDEX most = (LINE - window_w) / step_w / VECTOR_WIDTH * VECTOR_WIDTH - VECTOR_WIDTH;
    VECTOR vectors[LINE / VECTOR_WIDTH];
    float *line = (float *)vectors;
#if AVERAGE
    VECTOR divisors[LINE / VECTOR_WIDTH];
    INDEX divisors_of = -1;
#endif
    INDEX plane = begin / out_height, oh = begin % out_height;
    for (INDEX row = begin; row < end; plane++, oh = 0) {
        const global float *px = x + PLANE(x, plane);
        for (; oh < out_height && row < end; oh++, row++) {
            global float *py = y + PLANE(y, plane) + oh * y_h;
            const INDEX h0 = max(oh * step_h - top, (INDEX)0);
            const INDEX h1 = min(oh * step_h - top + window_h, height);
            for (INDEX ow0 = 0; ow0 < out_width; ow0 += most) {
                const INDEX outs = min(out_width - ow0, most);
                const INDEX span = (outs - 1) * step_w + window_w, first = ow0 * step_w - left;
                const INDEX inside = max(-first, (INDEX)0), outside = min(span, width - first);
                for (INDEX i = 0; i < inside; i++) {
                    line[i] = NOTHING;
                }
                join_rows(line, px, x_h, h0, h1, first, inside, outside);
                for (INDEX i = outside; i < span; i++) {
                    line[i] = NOTHING;
                }
#if AVERAGE
                if (divisors_of != ow0) {
                    divisors_of = ow0;
                    for (INDEX i = 0; i < outs; i++) {
                        const INDEX w = first + i * step_w;
                        ((float *)divisors)[i] =
                            count_padding ? window_w : min(w + window_w, width) - max(w, (INDEX)0);
                    }
                }
                const float divisor_rows = count_padding ? window_h : h1 - h0;
#endif
                for (INDEX i = 0; i < outs; i += VECTOR_WIDTH) {
                    const float *p = line + i * step_w;
                    VECTOR all;
                    if (step_w == 1) {
                        ALONG(AT)
                    } else if (step_w == 2) {
                        ALONG(take_2)
                    } else {
                        ALONG(TAKE_ANY)
                    }
#if AVERAGE
                    all /= divisor_rows * divisors[i / VECTOR_WIDTH];
#endif
                    global float *to = py + ow0 + i;
                    if (i + VECTOR_WIDTH > outs) {
                        put(all, to, (int)(outs - i));
                    } else if (streaming && IS_STREAMABLE(VECTOR_WIDTH, to)) {
                        STREAM(VECTOR_WIDTH, all, to);
                    } else {
                        STORE(VECTOR_WIDTH, all, to);
                    }
                }
            }
        }
    }
}

#elif AVERAGE

/* Divisions are slow. */
#define OVER_STEP(a) (step_h == 1 ? (a) : (a) / step_h)
/* How many rows of x the windows number oh have. */
#define ROWS_OF(oh)                                                                                \
    (count_padding ? window_h                                                                      \
                   : min((oh)*step_h - top + window_h, height) - max((oh)*step_h - top, (INDEX)0))

/* to[0], to[step], ... = v */
static inline void spread(VECTOR v, float *to, INDEX step) {
    if (step == 1) {
        AT(to) = v;
    } else if (step == 2) {
        const VECTOR zeros = 0.0f;
        AT(to) = INTERLEAVE_LOW(float, VECTOR_WIDTH, v, zeros);
        AT(to + VECTOR_WIDTH) = INTERLEAVE_HIGH(float, VECTOR_WIDTH, v, zeros);
    } else {
        float lanes[VECTOR_WIDTH];
        AT(lanes) = v;
        for (int i = 0; i < VECTOR_WIDTH; i++) {
            to[i * step] = lanes[i];
        }
    }
}

/* Of windows ow, ...: the sum of dy / divisor over rows of windows oh0 .. oh1 - 1; `same`: their
 * windows have as many rows of x. */
#define SUM_ROWS(W, wide)                                                                          \
    FLOATS(W) all = (FLOATS(W))(0.0f);                                                             \
    if (same) {                                                                                    \
        for (INDEX oh = oh0; oh < oh1; oh++) {                                                     \
            all += LOAD(W, pdy + oh * dy_h + ow);                                                  \
        }                                                                                          \
        all /= divisor_rows * wide;                                                                \
    } else {                                                                                       \
        for (INDEX oh = oh0; oh < oh1; oh++) {                                                     \
            all += LOAD(W, pdy + oh * dy_h + ow) / (ROWS_OF(oh) * wide);                           \
        }                                                                                          \
        }

kernel void average_pool2d_backward_rows(
    const global float *dy, global float *dx, const average_numbers numbers) {
    NUMBERS(AVERAGE_LIST)
    const INDEX begin = (INDEX)get_global_id(0) * chunk;
    const INDEX end = min(begin + chunk, items);
    const INDEX room = LINE - (step_w + 1) * VECTOR_WIDTH - window_w;
    const INDEX most = room / VECTOR_WIDTH * VECTOR_WIDTH;
    VECTOR vectors[LINE / VECTOR_WIDTH], divisors[LINE / VECTOR_WIDTH];
    float *line = (float *)vectors;
    INDEX divisors_of = -1;
    INDEX plane = begin / height, h = begin % height;
    for (INDEX row = begin; row < end; plane++, h = 0) {
        const global float *pdy = dy + PLANE(dy, plane);
        for (; h < height && row < end; h++, row++) {
            global float *pdx = dx + PLANE(dx, plane) + h * dx_h;
            const INDEX oh0 = max(OVER_STEP(h + top - window_h + step_h), (INDEX)0);
            const INDEX oh1 = min(OVER_STEP(h + top) + 1, out_height);
            bool same = true;
            for (INDEX oh = oh0; oh < oh1; oh++) {
                same = same && ROWS_OF(oh) == ROWS_OF(oh0);
            }
            const float divisor_rows = same && oh0 < oh1 ? ROWS_OF(oh0) : 1;
            for (INDEX w0 = 0; w0 < width; w0 += most) {
                const INDEX columns = min(width - w0, most);
                /* The line begins at this place of the padded row; the first window at or behind. */
                const INDEX base = w0 + left - window_w + 1;
                const INDEX ow0 = (max(base, (INDEX)0) + step_w - 1) / step_w;
                const INDEX ow1 = min((w0 + columns - 1 + left) / step_w + 1, out_width);
                if (divisors_of != w0) {
                    divisors_of = w0;
                    for (INDEX ow = ow0; ow < ow1; ow++) {
                        const INDEX w = ow * step_w - left;
                        ((float *)divisors)[ow - ow0] =
                            count_padding ? window_w : min(w + window_w, width) - max(w, (INDEX)0);
                    }
                }
                for (INDEX i = 0; i < columns + window_w - 1; i += VECTOR_WIDTH) {
                    AT(line + i) = (VECTOR)(0.0f);
                }
                INDEX ow = ow0;
            for (; ow + VECTOR_WIDTH <= ow1; ow += VECTOR_WIDTH) {
                SUM_ROWS(VECTOR_WIDTH, divisors[(ow - ow0) / VECTOR_WIDTH])
                spread(all, line + ow * step_w - base, step_w);
            }
            for (; ow < ow1; ow++) {
                SUM_ROWS(1, ((float *)divisors)[ow - ow0])
                line[ow * step_w - base] = all;
            }
            for (INDEX i = 0; i < columns; i += VECTOR_WIDTH) {
                VECTOR all = AT(line + i);
                for (INDEX k = 1; k < window_w; k++) {
                    all += AT(line + i + k);
                }
                global float *to = pdx + w0 + i;
                if (i + VECTOR_WIDTH > columns) {
                    put(all, to, (int)(columns - i));
                } else if (streaming && IS_STREAMABLE(VECTOR_WIDTH, to)) {
                    STREAM(VECTOR_WIDTH, all, to);
                } else {
                    STORE(VECTOR_WIDTH, all, to);
                }
            }
        }
    }
    }
}

#else

typedef CAT(int, VECTOR_WIDTH) PLACES;

/* Whether a counts as larger than b. */
#define BEATS(a, b) (((a) > (b)) | (((a) != (a)) & ((b) == (b))))

/* p[0], p[step], ..., and nothing behind the last of them */
static inline VECTOR take_global(const global float *p, INDEX step) {
    if (step == 1) {
        return LOAD(VECTOR_WIDTH, p);
    }
    if (step == 2) {
        const VECTOR a = LOAD(VECTOR_WIDTH, p), b = LOAD(VECTOR_WIDTH, p + VECTOR_WIDTH - 1);
        return (VECTOR)(a.even, b.odd);
    }
    float lanes[VECTOR_WIDTH];
    for (int i = 0; i < VECTOR_WIDTH; i++) {
        lanes[i] = p[i * step];
    }
    return AT(lanes);
}

/* Where in a plane of dx the first largest elements of VECTOR_WIDTH windows are, the first window
 * beginning at column w of rows h0 .. h1 - 1; all are inside of x. */
static inline PLACES winners(const global float *x, INDEX x_h, INDEX dx_h, INDEX h0, INDEX h1,
    INDEX w, INDEX window_w, INDEX step_w) {
    VECTOR best = take_global(x + h0 * x_h + w, step_w);
    int lanes[VECTOR_WIDTH];
    for (int i = 0; i < VECTOR_WIDTH; i++) {
        lanes[i] = w + i * step_w;
    }
    const PLACES first = CAT(vload, VECTOR_WIDTH)(0, lanes);
    PLACES where = (PLACES)(h0 * dx_h);
    for (INDEX h = h0; h < h1; h++) {
        for (INDEX k = 0; k < window_w; k++) {
            const VECTOR next = take_global(x + h * x_h + w + k, step_w);
            const PLACES better = BEATS(next, best);
            best = better ? next : best;
            where = better ? (PLACES)(h * dx_h + k) : where;
        }
    }
    return where + first;
}

/* The same for one window, columns w0 .. w1 - 1. */
static inline int winner(const global float *x, INDEX x_h, INDEX dx_h, INDEX h0, INDEX h1, INDEX w0,
    INDEX w1) {
    float best = x[h0 * x_h + w0];
    int where = h0 * dx_h + w0;
    for (INDEX h = h0; h < h1; h++) {
        for (INDEX w = w0; w < w1; w++) {
            const float next = x[h * x_h + w];
            const bool better = BEATS(next, best);
            best = better ? next : best;
            where = better ? h * dx_h + w : where;
        }
    }
    return where;
}

kernel void max_pool2d_backward_rows(const global float *x, const global float *dy,
    global float *dx, const max_numbers numbers) {
    NUMBERS(MAX_LIST)
    const INDEX begin = (INDEX)get_global_id(0) * chunk;
    const INDEX end = min(begin + chunk, items);
    /* The windows that lie between the sides of x. */
    const INDEX inner0 = min((left + step_w - 1) / step_w, out_width);
    const INDEX inner1 =
        width < window_w ? inner0 : min((width - window_w + left) / step_w + 1, out_width);
    int where[LINE];
    for (INDEX plane = begin; plane < end; plane++) {
        const global float *px = x + PLANE(x, plane);
        const global float *pdy = dy + PLANE(dy, plane);
        global float *pdx = dx + PLANE(dx, plane);
        for (INDEX h = 0; h < height; h++) {
            global float *row = pdx + h * dx_h;
            INDEX w = 0;
            for (; w + VECTOR_WIDTH <= width; w += VECTOR_WIDTH) {
                STORE(VECTOR_WIDTH, (VECTOR)(0.0f), row + w);
            }
            for (; w < width; w++) {
                row[w] = 0.0f;
            }
        }
        for (INDEX oh = 0; oh < out_height; oh++) {
            const INDEX h0 = max(oh * step_h - top, (INDEX)0);
            const INDEX h1 = min(oh * step_h - top + window_h, height);
            for (INDEX part = 0; part < out_width; part += LINE) {
                const INDEX stop = min(part + LINE, out_width);
                const INDEX stop_inner = min(stop, inner1);
                INDEX ow = part;
                while (ow < stop) {
                    const INDEX w = ow * step_w - left;
                    const INDEX whole = min(ow, stop_inner - VECTOR_WIDTH);
                    if (ow >= inner0 && ow < stop_inner && whole >= max(part, inner0)) {
                        /* The last vector begins earlier, on windows done before. */
                        const PLACES many = winners(
                            px, x_h, dx_h, h0, h1, whole * step_w - left, window_w, step_w);
                        CAT(vstore, VECTOR_WIDTH)(many, 0, where + whole - part);
                        ow = whole + VECTOR_WIDTH;
                    } else {
                        where[ow - part] = winner(px, x_h, dx_h, h0, h1, max(w, (INDEX)0),
                            min(w + window_w, width));
                        ow++;
                    }
                }
                for (ow = part; ow < stop; ow++) {
                    pdx[where[ow - part]] += pdy[oh * dy_h + ow];
                }
            }
        }
    }
}

#endif
