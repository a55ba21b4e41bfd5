/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Softmax along one axis of any tensor, forward and backward. -DMODE=:
 *     0  out = exp(in0 - m) / sum(exp(in0 - m))        m the maximum, in0 = x
 *     1  out = in0 - m - log(sum(exp(in0 - m)))
 *     2  out = in0 * (in1 - sum(in0 * in1))            in0 = y, in1 = dy
 *     3  out = in1 - exp(in0) * sum(in1)
 * Where a whole row is -Inf, m counts as 0 and the sum's inverse and logarithm as 0: zeros for 0,
 * -Inf for 1. NaN and +Inf spread over their row by themselves.
 *
 * Macros, set by src/ops/softmax.c:
 *     INPUTS 1 or 2
 *     KEPT_RANK 1..8   the other axes after collapsing; axis 0 is the innermost
 *     FORM             which kernel, and so the work of one work-item (a task):
 *         0  softmax_rows     a row; vectors along the softmax axis; work-groups of 1
 *         1  softmax_columns  COLUMN_VECTORS vectors of rows side by side along kept axis 0; groups
 *                             of 1
 *         2  softmax_groups   a whole work-group (a power of two) for a row, with trees in local
 *                             memory (a float a work-item)
 *         3  softmax_items    a row, element by element
 *     VECTOR_WIDTH     1, 2, 4, 8 or 16
 *     COLUMN_VECTORS   for form 1
 *     in0_inner, in1_inner, out_inner  stride along which vectors lie: 0 the same element, 1
 *                      neighbours, 2 any other
 * Each pass reads an element before the same work-item writes it: out may be an input's view.
 */
#include "common.cl"
#include "vector.cl"
#define MATH_WIDTH 1
#include "math.cl"
#if VECTOR_WIDTH > 1
#define MATH_WIDTH VECTOR_WIDTH
#include "math.cl"
#endif

#define BLOCK_ROWS 128

#define KEPT_1(name) , const INDEX name##_kept0
#define KEPT_2(name) KEPT_1(name), const INDEX name##_kept1
#define KEPT_3(name) KEPT_2(name), const INDEX name##_kept2
#define KEPT_4(name) KEPT_3(name), const INDEX name##_kept3
#define KEPT_5(name) KEPT_4(name), const INDEX name##_kept4
#define KEPT_6(name) KEPT_5(name), const INDEX name##_kept5
#define KEPT_7(name) KEPT_6(name), const INDEX name##_kept6
#define KEPT_8(name) KEPT_7(name), const INDEX name##_kept7
#define EXTENTS_1 , const INDEX extent0
#define EXTENTS_2 EXTENTS_1, const INDEX extent1
#define EXTENTS_3 EXTENTS_2, const INDEX extent2
#define EXTENTS_4 EXTENTS_3, const INDEX extent3
#define EXTENTS_5 EXTENTS_4, const INDEX extent4
#define EXTENTS_6 EXTENTS_5, const INDEX extent5
#define EXTENTS_7 EXTENTS_6, const INDEX extent6
#define EXTENTS_8 EXTENTS_7, const INDEX extent7
#define STRIDES(name)                                                                              \
    const INDEX name##_offset, const INDEX name##_step CAT(KEPT_, KEPT_RANK)(name)
#define INPUT(name, unused) , __global const float *name##_data, STRIDES(name)
#define PARAMETERS                                                                                 \
    const INDEX tasks, const INDEX length CAT(EXTENTS_, KEPT_RANK) EACH_INPUT(INPUT, 0),           \
        __global float *out_data, STRIDES(out)

#if INPUTS == 1
#define EACH_INPUT(MACRO, a) MACRO(in0, a)
#else
#define EACH_INPUT(MACRO, a) MACRO(in0, a) MACRO(in1, a)
#endif
#define EACH(MACRO, a) EACH_INPUT(MACRO, a) MACRO(out, a)

/* From the number of a row to the places of its first elements, name_at. */
#define BEGIN(name, unused) INDEX name##_at = name##_offset;
#define MOVE(name, axis) name##_at += coordinate * name##_kept##axis;
#define AXIS(axis)                                                                                 \
    {                                                                                              \
        INDEX coordinate = row % extent##axis;                                                     \
        row /= extent##axis;                                                                       \
        EACH(MOVE, axis)                                                                           \
    }
#define LAST_AXIS(axis)                                                                            \
    {                                                                                              \
        INDEX coordinate = row;                                                                    \
        EACH(MOVE, axis)                                                                           \
    }
#define OUTER_1()
#define OUTER_2() LAST_AXIS(1)
#define OUTER_3() AXIS(1) LAST_AXIS(2)
#define OUTER_4() AXIS(1) AXIS(2) LAST_AXIS(3)
#define OUTER_5() AXIS(1) AXIS(2) AXIS(3) LAST_AXIS(4)
#define OUTER_6() AXIS(1) AXIS(2) AXIS(3) AXIS(4) LAST_AXIS(5)
#define OUTER_7() AXIS(1) AXIS(2) AXIS(3) AXIS(4) AXIS(5) LAST_AXIS(6)
#define OUTER_8() AXIS(1) AXIS(2) AXIS(3) AXIS(4) AXIS(5) AXIS(6) LAST_AXIS(7)
#define OUTER CAT(OUTER_, KEPT_RANK)()
#if KEPT_RANK == 1
#define LOCATE EACH(BEGIN, 0) LAST_AXIS(0)
#else
#define LOCATE EACH(BEGIN, 0) AXIS(0) OUTER
#endif

/* W elements, the first of them number i of its row, or in form 1 element i of W rows. */
#if FORM == 1
#define LANES(name) name##_kept0
#define PLACE(W, name) (name##_data + name##_at + i * name##_step + n * W * name##_kept0)
#else
#define LANES(name) name##_step
#define PLACE(W, name) (name##_data + name##_at + i * name##_step)
#endif
#define READ_0(W, name) (FLOATS(W))(*PLACE(W, name))
#define READ_1(W, name) LOAD(W, PLACE(W, name))
#define READ_2(W, name) GATHER(W, PLACE(W, name), LANES(name))
#define READ(name, W) FLOATS(W) name = CAT(READ_, CAT(name, _inner))(W, name);
#define WRITE_0(W, v) SCATTER(W, v, PLACE(W, out), LANES(out))
#define WRITE_1(W, v) STORE(W, v, PLACE(W, out))
#define WRITE_2(W, v) SCATTER(W, v, PLACE(W, out), LANES(out))
#define WRITE(W, v) CAT(WRITE_, out_inner)(W, v);

/* The three passes over a row, each a reading and a working half: PEAK the maximum, SUM the sum,
 * OUT the results. SHIFT is the maximum, TOTAL the settled sum. */
#define HAS_PEAK (MODE < 2)
#define PEAK_READ(W) READ(in0, W)
#define PEAK_WORK(W, accumulator, mask) accumulator = MAX_NAN(accumulator, in0);
#define SUM_WORK(W, accumulator, mask)                                                             \
    {                                                                                              \
        FLOATS(W) term = TERM(W);                                                                  \
        KEEP(W, term)                                                                              \
        accumulator += mask(W, term);                                                              \
    }
#if MODE == 0
#define TERM(W) CAT(math_exp_, W)(in0 - SHIFT)
#define SUM_READ(W) READ(in0, W)
#define KEEP(W, v) WRITE(W, v)
#define SETTLE(total) total = (total) == 0.0f ? (total) : 1.0f / (total);
#define OUT_READ(W) READ(out, W)
#define OUT_WORK(W, unused, mask) WRITE(W, out *TOTAL)
#elif MODE == 1
#define TERM(W) CAT(math_exp_, W)(in0 - SHIFT)
#define SUM_READ(W) READ(in0, W)
#define KEEP(W, v)
#define SETTLE(total) total = (total) == 0.0f ? (total) : log(total);
#define OUT_READ(W) READ(in0, W)
#define OUT_WORK(W, unused, mask) WRITE(W, in0 - SHIFT - TOTAL)
#elif MODE == 2
#define TERM(W) (in0 * in1)
#define SUM_READ(W) EACH_INPUT(READ, W)
#define KEEP(W, v)
#define SETTLE(total)
#define OUT_READ(W) EACH_INPUT(READ, W)
#define OUT_WORK(W, unused, mask) WRITE(W, in0 *(in1 - TOTAL))
#else
#define TERM(W) in1
#define SUM_READ(W) READ(in1, W)
#define KEEP(W, v)
#define SETTLE(total)
#define OUT_READ(W) EACH_INPUT(READ, W)
#define OUT_WORK(W, unused, mask) WRITE(W, in1 - CAT(math_exp_, W)(in0) * TOTAL)
#endif
#define ALL_LANES(W, v) (v)
#define STEP(PASS, W, accumulator)                                                                 \
    {                                                                                              \
        PASS##_READ(W)                                                                             \
        PASS##_WORK(W, accumulator, ALL_LANES)                                                     \
    }

#define SHARE                                                                                      \
    INDEX share = (tasks + (INDEX)get_num_groups(0) - 1) / (INDEX)get_num_groups(0);               \
    INDEX task = (INDEX)get_group_id(0) * share;                                                   \
    INDEX end = min(task + share, tasks);

/* N vectors of W rows at once, a lane for each: FORMS 1 and 3. */
#define EACH_VECTOR(N) _Pragma("unroll") for (int n = 0; n < N; n++)
#define SIDE_BY_SIDE(W, N)                                                                         \
    {                                                                                              \
        FLOATS(W) m[N], total[N], part[N];                                                         \
        EACH_VECTOR(N) m[n] = (FLOATS(W))(-INFINITY);                                              \
        for (INDEX i = 0; HAS_PEAK && i < length; i++) {                                           \
            EACH_VECTOR(N) STEP(PEAK, W, m[n])                                                     \
        }                                                                                          \
        EACH_VECTOR(N) {                                                                           \
            m[n] = m[n] == -INFINITY ? (FLOATS(W))(0.0f) : m[n];                                   \
            total[n] = (FLOATS(W))(0.0f);                                                          \
        }                                                                                          \
        for (INDEX begin = 0; begin < length; begin += BLOCK_ROWS) {                               \
            INDEX stop = min(begin + BLOCK_ROWS, length);                                          \
            EACH_VECTOR(N) part[n] = (FLOATS(W))(0.0f);                                            \
            for (INDEX i = begin; i < stop; i++) {                                                 \
                EACH_VECTOR(N) STEP(SUM, W, part[n])                                               \
            }                                                                                      \
            EACH_VECTOR(N) total[n] += part[n];                                                    \
        }                                                                                          \
        EACH_VECTOR(N) {                                                                           \
            SETTLE(total[n])                                                                       \
        }                                                                                          \
        for (INDEX i = 0; i < length; i++) {                                                       \
            EACH_VECTOR(N) STEP(OUT, W, unused)                                                    \
        }                                                                                          \
    }

#if FORM == 1 || FORM == 3
#define SHIFT m[n]
#define TOTAL total[n]
#else
#define SHIFT m
#define TOTAL total
#endif

#if FORM == 0
#if VECTOR_WIDTH > 1
#define LANE_NUMBERS_2 (int2)(0, 1)
#define LANE_NUMBERS_4 (int4)(0, 1, 2, 3)
#define LANE_NUMBERS_8 (int8)(0, 1, 2, 3, 4, 5, 6, 7)
#define LANE_NUMBERS_16 (int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)
#define NEW_LANES(W, v) (CAT(LANE_NUMBERS_, W) >= repeated ? (v) : (FLOATS(W))(0.0f))
/*
 * A pass over a row of at least a vector, with accumulators a and b. What is left of a vector at the
 * end is taken together with `repeated` elements before it, read before those are overwritten.
 */
#define ALONG_VECTORS(PASS)                                                                        \
    {                                                                                              \
        INDEX i = length - VECTOR_WIDTH;                                                           \
        PASS##_READ(VECTOR_WIDTH)                                                                  \
        {                                                                                          \
            INDEX i = 0;                                                                           \
            for (; i + 2 * VECTOR_WIDTH <= length; i += VECTOR_WIDTH) {                            \
                STEP(PASS, VECTOR_WIDTH, a)                                                        \
                i += VECTOR_WIDTH;                                                                 \
                STEP(PASS, VECTOR_WIDTH, b)                                                        \
            }                                                                                      \
            if (i + VECTOR_WIDTH <= length) {                                                      \
                STEP(PASS, VECTOR_WIDTH, a)                                                        \
            }                                                                                      \
        }                                                                                          \
        if (repeated < VECTOR_WIDTH) {                                                             \
            PASS##_WORK(VECTOR_WIDTH, b, NEW_LANES)                                                \
        }                                                                                          \
    }
#else
#define ALONG_VECTORS(PASS)
#endif
/* The same for shorter rows, with accumulator c. */
#define ALONG_ELEMENTS(PASS)                                                                       \
    for (INDEX i = 0; i < length; i++) {                                                           \
        STEP(PASS, 1, c)                                                                           \
    }
#define ALONG_ROW(PASS)                                                                            \
    if (VECTOR_WIDTH > 1 && length >= VECTOR_WIDTH) {                                              \
        ALONG_VECTORS(PASS)                                                                        \
    } else {                                                                                       \
        ALONG_ELEMENTS(PASS)                                                                       \
    }

__kernel void softmax_rows(PARAMETERS) {
    const int repeated = VECTOR_WIDTH - (int)(length % VECTOR_WIDTH);
    SHARE
    for (; task < end; task++) {
        INDEX row = task;
        LOCATE
        FLOATS(VECTOR_WIDTH) a = (FLOATS(VECTOR_WIDTH))(-INFINITY);
        FLOATS(VECTOR_WIDTH) b = a;
        float c = -INFINITY;
#if HAS_PEAK
        ALONG_ROW(PEAK)
        a = MAX_NAN(a, b);
        float m = MAX_LANES(VECTOR_WIDTH, a);
        m = MAX_NAN(m, c);
        m = m == -INFINITY ? 0.0f : m;
#endif
        a = (FLOATS(VECTOR_WIDTH))(0.0f);
        b = a;
        c = 0.0f;
        ALONG_ROW(SUM)
        a += b;
        float total = SUM_LANES(VECTOR_WIDTH, a) + c;
        SETTLE(total)
        ALONG_ROW(OUT)
    }
}
#elif FORM == 1
#define MOVE_COLUMNS(name, count) name##_at += (count)*name##_kept0;

__kernel void softmax_columns(PARAMETERS) {
    const INDEX width = COLUMN_VECTORS * VECTOR_WIDTH;
    const INDEX blocks = (extent0 + width - 1) / width;
    SHARE
    for (; task < end; task++) {
        INDEX row = task / blocks;
        INDEX column = (task - row * blocks) * width;
        INDEX left = min(width, extent0 - column);
        EACH(BEGIN, 0)
        OUTER
        EACH(MOVE_COLUMNS, column)
#if COLUMN_VECTORS > 1
        if (left == width) {
            SIDE_BY_SIDE(VECTOR_WIDTH, COLUMN_VECTORS)
            left = 0;
        }
#endif
#if VECTOR_WIDTH > 1
        for (; left >= VECTOR_WIDTH; left -= VECTOR_WIDTH) {
            SIDE_BY_SIDE(VECTOR_WIDTH, 1)
            EACH(MOVE_COLUMNS, VECTOR_WIDTH)
        }
#endif
        for (; left > 0; left--) {
            SIDE_BY_SIDE(1, 1)
            EACH(MOVE_COLUMNS, 1)
        }
    }
}
#elif FORM == 2
#define TREE(result, COMBINE)                                                                      \
    {                                                                                              \
        barrier(CLK_LOCAL_MEM_FENCE);                                                              \
        shared[lane] = result;                                                                     \
        for (int half_size = lanes / 2; half_size > 0; half_size /= 2) {                           \
            barrier(CLK_LOCAL_MEM_FENCE);                                                          \
            if (lane < half_size) {                                                                \
                shared[lane] = COMBINE(shared[lane], shared[lane + half_size]);                    \
            }                                                                                      \
        }                                                                                          \
        barrier(CLK_LOCAL_MEM_FENCE);                                                              \
        result = shared[0];                                                                        \
    }
#define ADD(a, b) ((a) + (b))

__kernel void softmax_groups(PARAMETERS, __local float *shared) {
    const int lane = get_local_id(0);
    const int lanes = get_local_size(0);
    INDEX row = get_group_id(0);
    LOCATE
#if HAS_PEAK
    float m = -INFINITY;
    for (INDEX i = lane; i < length; i += lanes) {
        STEP(PEAK, 1, m)
    }
    TREE(m, MAX_NAN)
    m = m == -INFINITY ? 0.0f : m;
#endif
    float total = 0.0f;
    for (INDEX i = lane; i < length; i += lanes) {
        STEP(SUM, 1, total)
    }
    TREE(total, ADD)
    SETTLE(total)
    for (INDEX i = lane; i < length; i += lanes) {
        STEP(OUT, 1, unused)
    }
}
#else
__kernel void softmax_items(PARAMETERS) {
    for (INDEX task = get_global_id(0); task < tasks; task += (INDEX)get_global_size(0)) {
        INDEX row = task;
        LOCATE
        SIDE_BY_SIDE(1, 1)
    }
}
#endif
