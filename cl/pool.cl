/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pooling over windows of the last two axes. x is [N, C, H, W], y is [N, C, OH, OW]; the window of
 * y[n][c][oh][ow] is
 *   h from oh * step_h - top,  window_h of them,   w from ow * step_w - left,  window_w of them,
 * as far as inside x; it is never empty. Strides are in elements, outermost first.
 *   max:     y = largest element, NaN larger than all; dx: the first largest one gets dy
 *   average: y = sum / divisor; dx gets dy / divisor; divisor is the number of elements inside x,
 *            or window_h * window_w with count_padding
 *
 * pool2d_direct: work-item i makes element i of y.
 * max_pool2d_backward_direct, average_pool2d_backward_direct: work-item i gathers element i of dx
 *   from the windows that hold it, in row-major order.
 * max_pool2d_backward_planes, average_pool2d_backward_planes: work-item i does planes (n, c)
 *   [i * chunk, (i + 1) * chunk): clears a plane of dx, then adds what each dy gives, in the order
 *   of y.
 * pool2d_2x2, pool2d_2x2_backward: windows of 2x2, steps of 2, no padding, columns side by side in
 *   every operand; work-item i does rows [i * chunk, (i + 1) * chunk) of the N * C * OH rows of y.
 *   `streaming`: the operands are larger than the caches.
 * Macros: AVERAGE (0: max).
 */
#include "common.cl"
#include "stream.cl"
#include "vector.cl"
#include "pool_geometry.cl"

/* Whether a is larger than b; NaN is larger than any number and not larger than NaN. */
bool beats(float a, float b) {
    return a > b || (isnan(a) && !isnan(b));
}

kernel void pool2d_direct(
    const global float *x, global float *y, const forward_numbers numbers) {
    NUMBERS(FORWARD_LIST)
    const INDEX i = (INDEX)get_global_id(0);
    if (i >= items) {
        return;
    }
    const INDEX ow = i % out_width, oh = i / out_width % out_height;
    const INDEX plane = i / out_width / out_height;
    const INDEX h0 = max(oh * step_h - top, (INDEX)0), w0 = max(ow * step_w - left, (INDEX)0);
    const INDEX h1 = min(oh * step_h - top + window_h, height);
    const INDEX w1 = min(ow * step_w - left + window_w, width);
    x += PLANE(x, plane);
#if AVERAGE
    float result = 0.0f;
#else
    float result = x[h0 * x_h + w0 * x_w];
#endif
    for (INDEX h = h0; h < h1; ++h) {
        for (INDEX w = w0; w < w1; ++w) {
            const float value = x[h * x_h + w * x_w];
#if AVERAGE
            result += value;
#else
            result = beats(value, result) ? value : result;
#endif
        }
    }
#if AVERAGE
    result /= (float)(count_padding ? window_h * window_w : (h1 - h0) * (w1 - w0));
#endif
    y[PLANE(y, plane) + oh * y_h + ow * y_w] = result;
}

/* Of vectors. Max: b where it is larger or NaN, else a. */
#if AVERAGE
#define COMBINE(a, b) ((a) + (b))
#else
#define COMBINE(a, b) ((((a) >= (b)) | ((a) != (a))) ? (a) : (b))
#endif

#if !AVERAGE

/* Whether x[h][w] is the first largest element of rows h0 .. h1-1, columns w0 .. w1-1. */
bool is_first_largest(const global float *x, INDEX x_h, INDEX x_w, INDEX h, INDEX w, INDEX h0,
    INDEX h1, INDEX w0, INDEX w1) {
    const float own = x[h * x_h + w * x_w];
    for (INDEX a = h0; a < h1; ++a) {
        for (INDEX b = w0; b < w1; ++b) {
            const float other = x[a * x_h + b * x_w];
            const bool earlier = a < h || (a == h && b < w);
            if (earlier ? !beats(own, other) : beats(other, own)) {
                return false;
            }
        }
    }
    return true;
}

kernel void max_pool2d_backward_direct(const global float *x, const global float *dy,
    global float *dx, const max_numbers numbers) {
    NUMBERS(MAX_LIST)
    const INDEX i = (INDEX)get_global_id(0);
    if (i >= items) {
        return;
    }
    const INDEX w = i % width, h = i / width % height, plane = i / width / height;
    x += PLANE(x, plane);
    dy += PLANE(dy, plane);
    const INDEX oh0 = max((h + top - window_h + step_h) / step_h, (INDEX)0);
    const INDEX ow0 = max((w + left - window_w + step_w) / step_w, (INDEX)0);
    const INDEX oh1 = min((h + top) / step_h + 1, out_height);
    const INDEX ow1 = min((w + left) / step_w + 1, out_width);
    float sum = 0.0f;
    for (INDEX oh = oh0; oh < oh1; ++oh) {
        const INDEX first_h = oh * step_h - top;
        for (INDEX ow = ow0; ow < ow1; ++ow) {
            const INDEX first_w = ow * step_w - left;
            if (is_first_largest(x, x_h, x_w, h, w, max(first_h, (INDEX)0),
                    min(first_h + window_h, height), max(first_w, (INDEX)0),
                    min(first_w + window_w, width))) {
                sum += dy[oh * dy_h + ow * dy_w];
            }
        }
    }
    dx[PLANE(dx, plane) + h * dx_h + w * dx_w] = sum;
}

kernel void max_pool2d_backward_planes(const global float *x, const global float *dy,
    global float *dx, const max_numbers numbers) {
    NUMBERS(MAX_LIST)
    const INDEX first = (INDEX)get_global_id(0) * chunk;
    if (first >= items) {
        return;
    }
    const INDEX last = first + min(chunk, items - first);
    for (INDEX plane = first; plane < last; ++plane) {
        const global float *px = x + PLANE(x, plane);
        const global float *pdy = dy + PLANE(dy, plane);
        global float *pdx = dx + PLANE(dx, plane);
        for (INDEX h = 0; h < height; ++h) {
            for (INDEX w = 0; w < width; ++w) {
                pdx[h * dx_h + w * dx_w] = 0.0f;
            }
        }
        for (INDEX oh = 0; oh < out_height; ++oh) {
            const INDEX h0 = max(oh * step_h - top, (INDEX)0);
            const INDEX h1 = min(oh * step_h - top + window_h, height);
            for (INDEX ow = 0; ow < out_width; ++ow) {
                const INDEX w0 = max(ow * step_w - left, (INDEX)0);
                const INDEX w1 = min(ow * step_w - left + window_w, width);
                INDEX best_h = h0, best_w = w0;
                float best = px[h0 * x_h + w0 * x_w];
                for (INDEX h = h0; h < h1; ++h) {
                    for (INDEX w = w0; w < w1; ++w) {
                        const float value = px[h * x_h + w * x_w];
                        const bool better = beats(value, best);
                        best = better ? value : best;
                        best_h = better ? h : best_h;
                        best_w = better ? w : best_w;
                    }
                }
                pdx[best_h * dx_h + best_w * dx_w] += pdy[oh * dy_h + ow * dy_w];
            }
        }
    }
}

#else

kernel void average_pool2d_backward_direct(
    const global float *dy, global float *dx, const average_numbers numbers) {
    NUMBERS(AVERAGE_LIST)
    const INDEX i = (INDEX)get_global_id(0);
    if (i >= items) {
        return;
    }
    const INDEX w = i % width, h = i / width % height, plane = i / width / height;
    dy += PLANE(dy, plane);
    const INDEX oh0 = max((h + top - window_h + step_h) / step_h, (INDEX)0);
    const INDEX ow0 = max((w + left - window_w + step_w) / step_w, (INDEX)0);
    const INDEX oh1 = min((h + top) / step_h + 1, out_height);
    const INDEX ow1 = min((w + left) / step_w + 1, out_width);
    float sum = 0.0f;
    for (INDEX oh = oh0; oh < oh1; ++oh) {
        const INDEX first_h = oh * step_h - top;
        const INDEX rows = min(first_h + window_h, height) - max(first_h, (INDEX)0);
        for (INDEX ow = ow0; ow < ow1; ++ow) {
            const INDEX first_w = ow * step_w - left;
            const INDEX columns = min(first_w + window_w, width) - max(first_w, (INDEX)0);
            const INDEX divisor = count_padding ? window_h * window_w : rows * columns;
            sum += dy[oh * dy_h + ow * dy_w] / (float)divisor;
        }
    }
    dx[PLANE(dx, plane) + h * dx_h + w * dx_w] = sum;
}

kernel void average_pool2d_backward_planes(
    const global float *dy, global float *dx, const average_numbers numbers) {
    NUMBERS(AVERAGE_LIST)
    const INDEX first = (INDEX)get_global_id(0) * chunk;
    if (first >= items) {
        return;
    }
    const INDEX last = first + min(chunk, items - first);
    for (INDEX plane = first; plane < last; ++plane) {
        const global float *pdy = dy + PLANE(dy, plane);
        global float *pdx = dx + PLANE(dx, plane);
        for (INDEX h = 0; h < height; ++h) {
            for (INDEX w = 0; w < width; ++w) {
                pdx[h * dx_h + w * dx_w] = 0.0f;
            }
        }
        for (INDEX oh = 0; oh < out_height; ++oh) {
            const INDEX h0 = max(oh * step_h - top, (INDEX)0);
            const INDEX h1 = min(oh * step_h - top + window_h, height);
            for (INDEX ow = 0; ow < out_width; ++ow) {
                const INDEX w0 = max(ow * step_w - left, (INDEX)0);
                const INDEX w1 = min(ow * step_w - left + window_w, width);
                const INDEX divisor = count_padding ? window_h * window_w : (h1 - h0) * (w1 - w0);
                const float part = pdy[oh * dy_h + ow * dy_w] / (float)divisor;
                for (INDEX h = h0; h < h1; ++h) {
                    for (INDEX w = w0; w < w1; ++w) {
                        pdx[h * dx_h + w * dx_w] += part;
                    }
                }
            }
        }
    }
}

#endif

/* ---- Windows of 2x2, steps of 2 ---- */

/* How far ahead of its reading x is asked for. */
#define AHEAD 512

/*
 * A row of `windows` windows is done eight at a time. Rows of 4 .. 7 are done as two overlapping
 * fours, so that some windows are done twice with the same result; shorter ones are padded. The
 * four functions below load and store the elements of windows [i, i + 8), `each` to a window and
 * row, in that scheme; `past`: past the caches where the place allows it.
 */
float8 load_8(const global float *p, INDEX i, INDEX windows) {
    if (windows >= 8) {
        return LOAD(8, p + min(i, windows - 8));
    }
    if (windows >= 4) {
        return (float8)(vload4(0, p), vload4(0, p + windows - 4));
    }
    float lanes[8] = {0.0f};
    for (INDEX k = 0; k < windows; ++k) {
        lanes[k] = p[k];
    }
    return vload8(0, lanes);
}

float16 load_16(const global float *p, INDEX i, INDEX windows) {
    if (windows >= 8) {
        return LOAD(16, p + 2 * min(i, windows - 8));
    }
    if (windows >= 4) {
        return (float16)(vload8(0, p), vload8(0, p + 2 * (windows - 4)));
    }
    float lanes[16] = {0.0f};
    for (INDEX k = 0; k < 2 * windows; ++k) {
        lanes[k] = p[k];
    }
    return vload16(0, lanes);
}

void store_8(float8 value, global float *p, INDEX i, INDEX windows, int past) {
    if (windows >= 8) {
        global float *to = p + min(i, windows - 8);
        if (past && IS_STREAMABLE(8, to)) {
            STREAM(8, value, to);
        } else {
            STORE(8, value, to);
        }
    } else if (windows >= 4) {
        vstore4(value.lo, 0, p);
        vstore4(value.hi, 0, p + windows - 4);
    } else {
        float lanes[8];
        vstore8(value, 0, lanes);
        for (INDEX k = 0; k < windows; ++k) {
            p[k] = lanes[k];
        }
    }
}

/* The elements of eight windows in one row: left and right ones. */
void store_16(float8 left, float8 right, global float *p, INDEX i, INDEX windows, int past) {
    const float16 value = (float16)(left.s0, right.s0, left.s1, right.s1, left.s2, right.s2,
        left.s3, right.s3, left.s4, right.s4, left.s5, right.s5, left.s6, right.s6, left.s7,
        right.s7);
    if (windows >= 8) {
        global float *to = p + 2 * min(i, windows - 8);
        if (past && IS_STREAMABLE(16, to)) {
            STREAM(16, value, to);
        } else {
            STORE(16, value, to);
        }
    } else if (windows >= 4) {
        vstore8(value.lo, 0, p);
        vstore8(value.hi, 0, p + 2 * (windows - 4));
    } else {
        float lanes[16];
        vstore16(value, 0, lanes);
        for (INDEX k = 0; k < 2 * windows; ++k) {
            p[k] = lanes[k];
        }
    }
}

kernel void pool2d_2x2(const global float *x, global float *y, const forward_numbers numbers) {
    NUMBERS(FORWARD_LIST)
    const INDEX first = (INDEX)get_global_id(0) * chunk;
    if (first >= items) {
        return;
    }
    const INDEX last = first + min(chunk, items - first);
    INDEX plane = first / out_height, oh = first % out_height;
    for (INDEX row = first; row < last; ++plane, oh = 0) {
        const global float *px = x + PLANE(x, plane);
        global float *py = y + PLANE(y, plane);
        for (; oh < out_height && row < last; ++oh, ++row) {
            const global float *upper = px + 2 * oh * x_h;
            for (INDEX i = 0; i < out_width; i += 8) {
                ASK_LINE(upper + 2 * i + AHEAD, 0);
                ASK_LINE(upper + x_h + 2 * i + AHEAD, 0);
                const float16 a = load_16(upper, i, out_width);
                const float16 b = load_16(upper + x_h, i, out_width);
                const float16 both = COMBINE(a, b);
                const float8 even = both.even, odd = both.odd;
                const float8 result = COMBINE(even, odd);
                store_8(AVERAGE ? 0.25f * result : result, py + oh * y_h, i, out_width, streaming);
            }
        }
    }
}

/* What the elements a b / c d of windows get of their gradients g. */
typedef struct shares {
    float8 a, b, c, d;
} shares;

#if AVERAGE
shares share(float8 a, float8 b, float8 c, float8 d, float8 g) {
    const shares result = {0.25f * g, 0.25f * g, 0.25f * g, 0.25f * g};
    return result;
}
#else
/* Elements equal to the maximum m of their window, or NaN when m is. */
int8 is_largest(float8 x, float8 m) {
    return (x == m) | (x != x);
}

/* The first largest element takes all, so that nothing is left for those behind it. */
shares share(float8 a, float8 b, float8 c, float8 d, float8 g) {
    const float8 none = 0.0f;
    const float8 left = COMBINE(a, c), right = COMBINE(b, d);
    const float8 m = COMBINE(left, right);
    const int8 first = is_largest(a, m), second = is_largest(b, m), third = is_largest(c, m);
    const float8 after_a = first ? none : g;
    const float8 after_b = second ? none : after_a;
    const shares result = {
        first ? g : none, second ? after_a : none, third ? after_b : none, third ? none : after_b};
    return result;
}
#endif

#if AVERAGE
kernel void pool2d_2x2_backward(
    const global float *dy, global float *dx, const average_numbers numbers) {
    NUMBERS(AVERAGE_LIST)
#else
kernel void pool2d_2x2_backward(const global float *x, const global float *dy, global float *dx,
    const max_numbers numbers) {
    NUMBERS(MAX_LIST)
#endif
    const INDEX first = (INDEX)get_global_id(0) * chunk;
    if (first >= items) {
        return;
    }
    const INDEX last = first + min(chunk, items - first);
    INDEX plane = first / out_height, oh = first % out_height;
    for (INDEX row = first; row < last; ++plane, oh = 0) {
#if !AVERAGE
        const global float *px = x + PLANE(x, plane);
#endif
        const global float *pdy = dy + PLANE(dy, plane);
        global float *pdx = dx + PLANE(dx, plane);
        for (; oh < out_height && row < last; ++oh, ++row) {
            global float *target = pdx + 2 * oh * dx_h;
            for (INDEX i = 0; i < out_width; i += 8) {
                const float8 g = load_8(pdy + oh * dy_h, i, out_width);
#if AVERAGE
                const shares part = share(g, g, g, g, g);
#else
                const global float *upper = px + 2 * oh * x_h;
                const float16 a = load_16(upper, i, out_width);
                const float16 b = load_16(upper + x_h, i, out_width);
                const shares part = share(a.even, a.odd, b.even, b.odd, g);
#endif
                store_16(part.a, part.b, target, i, out_width, streaming);
                store_16(part.c, part.d, target + dx_h, i, out_width, streaming);
            }
            if (width > 2 * out_width) {
                target[width - 1] = 0.0f;
                target[dx_h + width - 1] = 0.0f;
            }
            if (oh == out_height - 1 && height > 2 * out_height) {
                for (INDEX w = 0; w < width; ++w) {
                    target[2 * dx_h + w] = 0.0f;
                }
            }
        }
    }
}
