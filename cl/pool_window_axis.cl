/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Windows along one axis, and the numbers of the kernels of pool_window.cl and pool_window_rows.cl,
 * in the order of src/ops/pool_window.c. Include after common.cl and numbers.cl.
 *
 * Along an axis of `extent` elements window o of `out` holds the elements of x among
 *   o * step - before + k * dilation, k < window          or, adaptive,
 *   floor(o * extent / out) .. ceil((o + 1) * extent / out) - 1
 * places from `reach` on are beyond the padding.
 */
typedef struct pool_axis {
    INDEX extent, out, window, step, before, dilation, reach;
    int adaptive;
    REAL power; /* of L-p pooling */
} pool_axis;

/* Elements first, first + step, ..., `count` of them. */
typedef struct pool_span {
    INDEX first, count, step;
} pool_span;

static inline pool_span window_span(const pool_axis *a, INDEX o) {
    if (a->adaptive) {
        const INDEX first = o * a->extent / a->out;
        return (pool_span){first, ((o + 1) * a->extent + a->out - 1) / a->out - first, 1};
    }
    const INDEX start = o * a->step - a->before, d = a->dilation;
    if (d == 1) { /* divisions are slow */
        const INDEX first = max(start, (INDEX)0);
        return (pool_span){first, max(min(start + a->window, a->extent) - first, (INDEX)0), 1};
    }
    const INDEX skipped = start < 0 ? (d - 1 - start) / d : 0;
    const INDEX end = start < a->extent ? min((a->extent - start + d - 1) / d, a->window) : 0;
    return (pool_span){start + skipped * d, max(end - skipped, (INDEX)0), d};
}

/* Places of window o in x and in the padding, of which its average counts all or those in x;
 * count_padding = 2: 1, for sums. */
static inline INDEX window_places(const pool_axis *a, INDEX o, INDEX inside, int count_padding) {
    if (count_padding == 2) {
        return 1;
    }
    if (a->adaptive || !count_padding) {
        return inside;
    }
    const INDEX left = a->reach - (o * a->step - a->before);
    return min(a->dilation == 1 ? left : (left + a->dilation - 1) / a->dilation, a->window);
}

/* Windows that may hold element p: holder(a, p, 0 .. holders(a, p) - 1), ascending; -1: none. */
static inline INDEX holders(const pool_axis *a, INDEX p) {
    return a->adaptive ? ((p + 1) * a->out + a->extent - 1) / a->extent - p * a->out / a->extent
                       : a->window;
}

static inline INDEX holder(const pool_axis *a, INDEX p, INDEX i) {
    if (a->adaptive) {
        return p * a->out / a->extent + i;
    }
    const INDEX start = p + a->before - (a->window - 1 - i) * a->dilation;
    const INDEX o = start / a->step;
    return start >= 0 && o * a->step == start && o < a->out ? o : -1;
}

#define POOL_AXIS(ANY, axis)                                                                       \
    ANY(axis##_extent) ANY(axis##_out) ANY(axis##_window) ANY(axis##_step) ANY(axis##_before)      \
    ANY(axis##_dilation) ANY(axis##_reach)
#define POOL_TENSOR(ANY, name)                                                                     \
    ANY(name##_offset) ANY(name##_n) ANY(name##_c) ANY(name##_d) ANY(name##_h) ANY(name##_w)
#define POOL_AXES(ANY) POOL_AXIS(ANY, d) POOL_AXIS(ANY, h) POOL_AXIS(ANY, w)
#if BACKWARD && AVERAGE
#define POOL_TENSORS(ANY) POOL_TENSOR(ANY, dy) POOL_TENSOR(ANY, dx)
#define POOL_POINTERS const __global REAL *dy, __global REAL *dx
#define POOL_PASSED dy, dx
#elif BACKWARD
#define POOL_TENSORS(ANY) POOL_TENSOR(ANY, x) POOL_TENSOR(ANY, dy) POOL_TENSOR(ANY, dx)
#define POOL_POINTERS const __global REAL *x, const __global REAL *dy, __global REAL *dx
#define POOL_PASSED x, dy, dx
#else
#define POOL_TENSORS(ANY) POOL_TENSOR(ANY, x) POOL_TENSOR(ANY, y)
#define POOL_POINTERS const __global REAL *x, __global REAL *y
#define POOL_PASSED x, y
#endif
#define WINDOW_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                 \
    ANY_INDEX(items) ANY_INDEX(chunk) ANY_INDEX(channels) POOL_AXES(ANY_INDEX)                     \
    POOL_TENSORS(ANY_INDEX) POOL_TENSOR(ANY_INDEX, indices) ANY_INT(adaptive)                      \
    ANY_INT(count_padding) ANY_INT(plane_indices) ANY_INT(streaming) ANY_FLOAT(power)              \
    ANY_FLOAT(root) WINDOW_MORE(ANY_INT)
typedef struct window_numbers {
    NUMBER_MEMBERS(WINDOW_LIST)
} window_numbers;

#define MAKE_AXIS(name)                                                                            \
    const pool_axis name##_axis = {name##_extent, name##_out, name##_window, name##_step,          \
        name##_before, name##_dilation, name##_reach, adaptive, power};
#define MAKE_AXES MAKE_AXIS(d) MAKE_AXIS(h) MAKE_AXIS(w)

/* Place of plane number `plane` = n * channels + c. */
#define PLANE(name, plane)                                                                         \
    (name##_offset + (plane) / channels * name##_n + (plane) % channels * name##_c)
#define WITHIN(name, d, h, w) ((d) * name##_d + (h) * name##_h + (w) * name##_w)

/* Whether a counts as larger than b; NaN is larger than any number, not larger than NaN. Vectors
 * too. */
#define BEATS(a, b) (!((a) <= (b)) & ((b) == (b)))
