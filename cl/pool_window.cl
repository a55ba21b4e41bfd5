/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pooling by windows of any kind over three axes of space, one work-item an element of the result:
 * every shape, every device. x is [N, C, D, H, W], y [N, C, OD, OH, OW]; windows: pool_window_axis.cl.
 *   max:     y = largest element, NaN larger than all, -Inf if there is none; indices: its place in
 *            x's row-major order, in its plane with plane_indices, -1 if there is none; dx: the first
 *            largest one gets dy
 *   average: y = sum / divisor, 0 without elements; dx gets dy / divisor
 *   L-p:     y = (sum of |x|^p)^(1/p), counted among the averages; pool_power.cl
 * Geometry: 1-D, `items` elements in row-major order, any work-group.
 * Macros: AVERAGE (0: max), BACKWARD, INDICES (0: none are wanted), LP (0: not L-p), INDEX, REAL_IS_DOUBLE.
 */
#include "common.cl"
#include "numbers.cl"
#define WINDOW_MORE(ANY_INT)
#include "vector.cl"
#include "pool_window_axis.cl"
#include "pool_power.cl"

#define EACH(i, span) for (INDEX i = 0; i < span.count; i++)
#define AT(span, i) (span.first + (i) * span.step)

#if !BACKWARD

__kernel void pool_window(POOL_POINTERS, __global long *indices, const window_numbers numbers) {
    NUMBERS(WINDOW_LIST)
    MAKE_AXES
    INDEX i = (INDEX)get_global_id(0);
    if (i >= items) {
        return;
    }
    const INDEX ow = i % w_out, oh = i / w_out % h_out, od = i / w_out / h_out % d_out;
    const INDEX plane = i / w_out / h_out / d_out;
    const pool_span ds = window_span(&d_axis, od), hs = window_span(&h_axis, oh),
                    ws = window_span(&w_axis, ow);
    x += PLANE(x, plane);
    REAL result = AVERAGE ? 0.0f : -INFINITY;
    long best = -1;
    EACH(d, ds) {
        EACH(h, hs) {
            EACH(w, ws) {
                const REAL value = x[WITHIN(x, AT(ds, d), AT(hs, h), AT(ws, w))];
#if AVERAGE
                result += LP_VALUE(1, value, power);
#else
                if (best < 0 || BEATS(value, result)) {
                    result = value;
                    best = ((long)AT(ds, d) * h_extent + AT(hs, h)) * w_extent + AT(ws, w);
                }
#endif
            }
        }
    }
#if LP
    result = LP_ROOT(1, result, root);
#elif AVERAGE
    const INDEX divisor = window_places(&d_axis, od, ds.count, count_padding) *
                          window_places(&h_axis, oh, hs.count, count_padding) *
                          window_places(&w_axis, ow, ws.count, count_padding);
    result = divisor > 0 ? result / (REAL)divisor : 0.0f;
#endif
    y[PLANE(y, plane) + WITHIN(y, od, oh, ow)] = result;
#if INDICES
    const long base = plane_indices ? 0 : (long)plane * d_extent * h_extent * w_extent;
    indices[PLANE(indices, plane) + WITHIN(indices, od, oh, ow)] = best < 0 ? -1 : base + best;
#endif
}

#else

#if !AVERAGE
/* Whether the element `own` at (d, h, w) is the first largest of its window. */
static inline bool is_first(const __global REAL *x, REAL own, INDEX d, INDEX h, INDEX w,
    const pool_span *ds, const pool_span *hs, const pool_span *ws, INDEX x_d, INDEX x_h,
    INDEX x_w) {
    EACH(i, (*ds)) {
        EACH(j, (*hs)) {
            EACH(k, (*ws)) {
                const INDEX a = AT((*ds), i), b = AT((*hs), j), c = AT((*ws), k);
                const REAL other = x[WITHIN(x, a, b, c)];
                const bool earlier = a < d || (a == d && (b < h || (b == h && c < w)));
                if (earlier ? !BEATS(own, other) : BEATS(other, own)) {
                    return false;
                }
            }
        }
    }
    return true;
}
#endif

__kernel void pool_window(POOL_POINTERS, __global long *indices, const window_numbers numbers) {
    NUMBERS(WINDOW_LIST)
    MAKE_AXES
    const INDEX i = (INDEX)get_global_id(0);
    if (i >= items) {
        return;
    }
    const INDEX w = i % w_extent, h = i / w_extent % h_extent;
    const INDEX d = i / w_extent / h_extent % d_extent, plane = i / w_extent / h_extent / d_extent;
    dy += PLANE(dy, plane);
#if !AVERAGE
    x += PLANE(x, plane);
    const REAL own = x[WITHIN(x, d, h, w)];
#endif
    REAL sum = 0.0f;
    for (INDEX a = 0; a < holders(&d_axis, d); a++) {
        const INDEX od = holder(&d_axis, d, a);
        const pool_span ds = window_span(&d_axis, max(od, (INDEX)0));
        for (INDEX b = 0; od >= 0 && b < holders(&h_axis, h); b++) {
            const INDEX oh = holder(&h_axis, h, b);
            const pool_span hs = window_span(&h_axis, max(oh, (INDEX)0));
            for (INDEX c = 0; oh >= 0 && c < holders(&w_axis, w); c++) {
                const INDEX ow = holder(&w_axis, w, c);
                if (ow < 0) {
                    continue;
                }
                const pool_span ws = window_span(&w_axis, ow);
                const REAL part = dy[WITHIN(dy, od, oh, ow)];
#if AVERAGE
                sum += part / (REAL)(window_places(&d_axis, od, ds.count, count_padding) *
                                         window_places(&h_axis, oh, hs.count, count_padding) *
                                         window_places(&w_axis, ow, ws.count, count_padding));
#else
                if (is_first(x, own, d, h, w, &ds, &hs, &ws, x_d, x_h, x_w)) {
                    sum += part;
                }
#endif
            }
        }
    }
    dx[PLANE(dx, plane) + WITHIN(dx, d, h, w)] = sum;
}

#endif
