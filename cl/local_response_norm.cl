/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local response normalisation along one axis of `count` channels, a line for each index of the other
 * axes. With s[c] = bias + factor * sum of x[i]^2 over the channels i of c - before .. c + after:
 *     y[c]  = x[c] s[c]^-beta
 *     dx[c] = dy[c] s[c]^-beta - slope x[c] sum of dy[j] x[j] s[j]^(-beta - 1) over the channels j of
 *             c - after .. c + before, those whose sums x[c] is in
 * Kernels:
 *     local_norm_strips  processors; groups of 1; a task is a strip of up to `block` lines along axis 0, a
 *                        lane of vectors each. It goes from channel to channel, so that the rows of a
 *                        window stay in the caches. The last vector of a strip may repeat lanes of the
 *                        one before. Of gradients the products of a window's channels and the first
 *                        terms wait in `ring`, 2 * (before + after + 1) rows of `block` numbers for each
 *                        work-item.
 *     local_norm_items   a work-item an element: 1-D, any work-group
 *
 * Macros: BACKWARD 0 or 1; RANK 1..7, the other axes, axis 0 the innermost; QUARTERS 1..4: beta is so
 * many quarters, 0: any; for strips LANES 1, 2, 4, 8 or 16, DENSE 1: along axis 0 all strides are 1.
 * `streaming`: the output is larger than the caches. The output overlaps nothing.
 */
#include "common.cl"
#include "numbers.cl"
#include "vector.cl"
#include "stream.cl"
#include "axes.cl"
#include "share.cl"
#if QUARTERS == 0
#include "element.cl"
#define MATH_WIDTH 1
#include "math.cl"
#define MATH_WIDTH 1
#include "math_power.cl"
#if LANES > 1
#define MATH_WIDTH LANES
#include "math.cl"
#define MATH_WIDTH LANES
#include "math_power.cl"
#endif
#endif

#if BACKWARD
#define EACH(MACRO, a) MACRO(x, a) MACRO(dy, a) MACRO(out, a)
#define DY_PARAMETER __global const REAL *dy_data,
#define DY_NUMBERS(ANY_INDEX)                                                                      \
    ANY_INDEX(dy_offset) ANY_INDEX(dy_step) CAT(UP_TO_, RANK)(ANY_INDEX, dy_stride)
#else
#define EACH(MACRO, a) MACRO(x, a) MACRO(out, a)
#define DY_PARAMETER
#define DY_NUMBERS(ANY_INDEX)
#endif
#define LOCAL_NORM_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                             \
    ANY_INDEX(tasks) ANY_INDEX(count) ANY_INDEX(before) ANY_INDEX(after) ANY_INDEX(block)          \
    CAT(UP_TO_, RANK)(ANY_INDEX, extent) ANY_INDEX(x_offset) ANY_INDEX(x_step)                     \
    CAT(UP_TO_, RANK)(ANY_INDEX, x_stride) DY_NUMBERS(ANY_INDEX) ANY_INDEX(out_offset)             \
    ANY_INDEX(out_step) CAT(UP_TO_, RANK)(ANY_INDEX, out_stride) ANY_INT(streaming)                \
    ANY_FLOAT(bias) ANY_FLOAT(factor) ANY_FLOAT(beta) ANY_FLOAT(slope)
typedef struct local_norm_numbers {
    NUMBER_MEMBERS(LOCAL_NORM_LIST)
} local_norm_numbers;

/* s^-beta; and 1 / s beside it, where that is cheaper so */
#if QUARTERS == 1
#define POWER(W, s) (1.0f / sqrt(sqrt(s)))
#elif QUARTERS == 2
#define POWER(W, s) (1.0f / sqrt(s))
#elif QUARTERS == 3
/* above the fourth root of any number */
#if REAL_IS_DOUBLE
#define ROOT_BOUND 0x1p300
#else
#define ROOT_BOUND 0x1p40f
#endif
#define POWER(W, s) (1.0f / (sqrt(s) * sqrt(sqrt(s))))
#define POWERS(W, s)                                                                               \
    const FLOATS(W) root = sqrt(sqrt(s)), power = 1.0f / (sqrt(s) * root);                         \
    const FLOATS(W) bounded = root < ROOT_BOUND ? root : (FLOATS(W))(ROOT_BOUND); /* not 0 * Inf */   \
    const FLOATS(W) inverse = power * bounded * (power * bounded);
#elif QUARTERS == 4
#define POWER(W, s) (1.0f / (s))
#else
#define POWER(W, s) CAT(math_power_, W)(s, (FLOATS(W))(-beta))
#endif

#ifndef POWERS
#define POWERS(W, s) const FLOATS(W) power = POWER(W, s), inverse = 1.0f / (s);
#endif

#define BEGIN(name, unused) INDEX name##_at = name##_offset;
#define MOVE(name, axis) name##_at += coordinate * name##_stride##axis;
#define AXIS(axis)                                                                                 \
    {                                                                                              \
        const INDEX coordinate = line % extent##axis;                                              \
        line /= extent##axis;                                                                      \
        EACH(MOVE, axis)                                                                           \
    }
#define LAST_AXIS(axis)                                                                            \
    {                                                                                              \
        const INDEX coordinate = line;                                                             \
        EACH(MOVE, axis)                                                                           \
    }

/* The channels `below` before c to `above` after it that there are. */
#define WINDOW(c, below, above)                                                                    \
    const INDEX first = max((c) - (below), (INDEX)0), last = min((c) + (above), count - 1);

#ifdef LANES

#define TOGETHER 4 /* vectors whose sums are formed together */
#if DENSE
#define READ(W, name, c, at) LOAD(W, name##_data + name##_at + (c)*name##_step + (at))
#define OUT_PLACE(c, at) (out_data + out_at + (c)*out_step + (at))
#define IS_PAST(W, c) (streaming && W > 1 && IS_STREAMABLE(W, OUT_PLACE(c, few)))
#define WRITE(W, v, c, at) STORE(W, v, OUT_PLACE(c, at));
#define WRITE_PAST(W, v, c, at) STREAM(W, v, OUT_PLACE(c, at));
#define ASK_NEXT(name, c, at) ASK_LINE_FAR(name##_data + name##_at + (c)*name##_step + (at));
#else
#define PLACE(name, c, at) (name##_data + name##_at + (c)*name##_step + (at)*name##_stride0)
#define READ(W, name, c, at) GATHER(W, PLACE(name, c, at), name##_stride0)
#define IS_PAST(W, c) false
#define WRITE(W, v, c, at) SCATTER(W, v, PLACE(out, c, at), out_stride0);
#define WRITE_PAST WRITE
#define ASK_NEXT(name, c, at)
#endif

/* N vectors of W lines from `few` on; the last ones of a strip may be partly those before them. */
#define EACH_FEW(W, N)                                                                             \
    for (INDEX next = 0, few = 0; next < width; next += N * W, few = min(next, width - N * W))
#define EACH_VECTOR(N) _Pragma("unroll") for (int k = 0; k < N; k++)
#define AT(W) (few + k * W)
#define BEGINS_LINE(W) (k * W % 16 == 0)

/* s of channel c */
#define SUMS(W, N, c)                                                                              \
    FLOATS(W) s[N];                                                                                \
    EACH_VECTOR(N) s[k] = (FLOATS(W))(0.0f);                                                       \
    {                                                                                              \
        WINDOW(c, before, after)                                                                   \
        for (INDEX i = first; i <= last; i++) {                                                    \
            EACH_VECTOR(N) {                                                                       \
                const FLOATS(W) v = READ(W, x, i, AT(W));                                          \
                s[k] = FMA(v, v, s[k]);                                                            \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    EACH_VECTOR(N) s[k] = FMA(s[k], (FLOATS(W))(factor), (FLOATS(W))(bias));
#define WRITE_EACH(W, N, v, c)                                                                     \
    if (IS_PAST(W, c)) {                                                                           \
        EACH_VECTOR(N) WRITE_PAST(W, v[k], c, AT(W))                                               \
    } else {                                                                                       \
        EACH_VECTOR(N) WRITE(W, v[k], c, AT(W))                                                    \
    }

#if BACKWARD
#define T_PLACE(W, slot) (ring + (slot)*block + AT(W))
#define OWN_PLACE(W, slot) T_PLACE(W, size + (slot))
#define FIRST_HALF(W, N, j)                                                                        \
    const INDEX slot = j % size;                                                                   \
    EACH_FEW(W, N) {                                                                               \
        SUMS(W, N, j)                                                                              \
        EACH_VECTOR(N) {                                                                           \
            if (BEGINS_LINE(W)) {                                                                  \
                ASK_NEXT(x, min(j + after + 1, count - 1), AT(W))                                  \
                ASK_NEXT(dy, min(j + 1, count - 1), AT(W))                                         \
            }                                                                                      \
            POWERS(W, s[k])                                                                        \
            const FLOATS(W) own = READ(W, dy, j, AT(W)) * power;                                   \
            STORE(W, own, OWN_PLACE(W, slot));                                                     \
            STORE(W, own * READ(W, x, j, AT(W)) * inverse, T_PLACE(W, slot));                      \
        }                                                                                          \
    }
#define SECOND_HALF(W, N, c)                                                                       \
    WINDOW(c, after, before)                                                                       \
    const INDEX oldest = first % size, own_slot = (c) % size;                                      \
    EACH_FEW(W, N) {                                                                               \
        FLOATS(W) v[N];                                                                            \
        EACH_VECTOR(N) v[k] = (FLOATS(W))(0.0f);                                                   \
        INDEX slot = oldest;                                                                       \
        for (INDEX j = first; j <= last; j++) {                                                    \
            EACH_VECTOR(N) v[k] += LOAD(W, T_PLACE(W, slot));                                      \
            slot = slot + 1 < size ? slot + 1 : 0;                                                 \
        }                                                                                          \
        EACH_VECTOR(N) {                                                                           \
            const FLOATS(W) x = READ(W, x, c, AT(W)) * -slope;                                     \
            v[k] = FMA(x, v[k], LOAD(W, OWN_PLACE(W, own_slot)));                                  \
        }                                                                                          \
        WRITE_EACH(W, N, v, c)                                                                     \
    }
#define ALONG(W, N)                                                                                \
    for (INDEX j = 0; j < count + before; j++) {                                                   \
        if (j < count) {                                                                           \
            FIRST_HALF(W, N, j)                                                                    \
        }                                                                                          \
        if (j >= before) {                                                                         \
            SECOND_HALF(W, N, j - before)                                                          \
        }                                                                                          \
    }
#define RING_PARAMETER __global REAL *ring_data,
#else
#define ALONG(W, N)                                                                                \
    for (INDEX c = 0; c < count; c++) {                                                            \
        EACH_FEW(W, N) {                                                                           \
            SUMS(W, N, c)                                                                          \
            EACH_VECTOR(N) {                                                                       \
                if (BEGINS_LINE(W)) {                                                              \
                    ASK_NEXT(x, min(c + after + 1, count - 1), AT(W))                              \
                }                                                                                  \
                s[k] = READ(W, x, c, AT(W)) * POWER(W, s[k]);                                      \
            }                                                                                      \
            WRITE_EACH(W, N, s, c)                                                                 \
        }                                                                                          \
    }
#define RING_PARAMETER
#endif

/* extent0 is that of the lines; each has ceil(extent0 / block) strips. */
kernel void local_norm_strips(__global const REAL *x_data, DY_PARAMETER __global REAL *out_data,
    RING_PARAMETER const local_norm_numbers numbers) {
    NUMBERS(LOCAL_NORM_LIST)
    const INDEX strips = (extent0 + block - 1) / block;
    SHARE(tasks, 1, begin, end)
#if BACKWARD
    const INDEX size = before + after + 1;
    __global REAL *ring = ring_data + (INDEX)get_group_id(0) * 2 * size * block;
#endif
    for (INDEX task = begin; task < end; task++) {
        INDEX line = task / strips;
        const INDEX column = (task - line * strips) * block;
        const INDEX width = min(block, extent0 - column);
        EACH(BEGIN, 0)
        {
            const INDEX coordinate = column;
            EACH(MOVE, 0)
        }
        CAT(AXES_1_, RANK)(AXIS, LAST_AXIS)
        if (width >= TOGETHER * LANES) {
            ALONG(LANES, TOGETHER)
        } else if (width >= LANES) {
            ALONG(LANES, 1)
#if LANES > 1
        } else {
            ALONG(1, 1)
#endif
        }
    }
}

#else

/* s of channel c */
#define SUM(c)                                                                                     \
    REAL s = 0.0f;                                                                                \
    {                                                                                              \
        WINDOW(c, before, after)                                                                   \
        for (INDEX i = first; i <= last; i++) {                                                    \
            const REAL v = x_data[x_at + i * x_step];                                             \
            s = FMA(v, v, s);                                                                      \
        }                                                                                          \
    }                                                                                              \
    s = FMA(s, factor, bias);

kernel void local_norm_items(__global const REAL *x_data, DY_PARAMETER __global REAL *out_data,
    const local_norm_numbers numbers) {
    NUMBERS(LOCAL_NORM_LIST)
    INDEX line = get_global_id(0);
    if (line >= tasks) {
        return;
    }
    EACH(BEGIN, 0)
    {
        const INDEX coordinate = line % extent0;
        line /= extent0;
        EACH(MOVE, 0)
    }
    const INDEX c = line % count;
    line /= count;
    CAT(AXES_1_, RANK)(AXIS, LAST_AXIS)
    const REAL x = x_data[x_at + c * x_step];
#if BACKWARD
    REAL own = 0.0f, sum = 0.0f;
    WINDOW(c, after, before)
    for (INDEX j = first; j <= last; j++) {
        SUM(j)
        const REAL term = dy_data[dy_at + j * dy_step] * POWER(1, s);
        own = j == c ? term : own;
        sum += term * x_data[x_at + j * x_step] / s;
    }
    out_data[out_at + c * out_step] = FMA(x * -slope, sum, own);
#else
    SUM(c)
    out_data[out_at + c * out_step] = x * POWER(1, s);
#endif
}
#endif
