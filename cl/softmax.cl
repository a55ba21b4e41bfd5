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
 *         1  softmax_columns  VECTOR_WIDTH rows side by side along kept axis 0; groups of 1
 *         2  softmax_groups   a whole work-group (a power of two) for a row, with trees in local
 *                             memory (a float a work-item)
 *         3  softmax_items    a row, element by element
 *     VECTOR_WIDTH     1, 2, 4, 8 or 16
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
#define EXP(W, x) CAT(math_exp_, W)(x)

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

/* W elements, the first of them number i of its row. */
#if FORM == 1
#define LANES(name) name##_kept0
#else
#define LANES(name) name##_step
#endif
#define PLACE(name) (name##_data + name##_at + i * name##_step)
#define READ_0(W, name) (FLOATS(W))(*PLACE(name))
#define READ_1(W, name) LOAD(W, PLACE(name))
#define READ_2(W, name) GATHER(W, PLACE(name), LANES(name))
#define READ(name, W) FLOATS(W) name = CAT(READ_, CAT(name, _inner))(W, name);
#define WRITE_0(W, v) SCATTER(W, v, PLACE(out), LANES(out))
#define WRITE_1(W, v) STORE(W, v, PLACE(out))
#define WRITE_2(W, v) SCATTER(W, v, PLACE(out), LANES(out))
#define WRITE(W, v) CAT(WRITE_, out_inner)(W, v);

/* The three passes over a row: m = maximum, total = sum, out. */
#define HAS_PEAK (MODE < 2)
#define PEAK_STEP(W, accumulator)                                                                  \
    {                                                                                              \
        READ(in0, W)                                                                               \
        accumulator = MAX_NAN(accumulator, in0);                                                   \
    }
#if MODE == 0
#define TERM(W) EXP(W, in0 - m)
#define TERM_READ(W) READ(in0, W)
#define KEEP(W, v) WRITE(W, v)
#define SETTLE(total) total = (total) == 0.0f ? (total) : 1.0f / (total);
#define OUT_STEP(W)                                                                                \
    {                                                                                              \
        READ(out, W)                                                                               \
        WRITE(W, out *total)                                                                       \
    }
#elif MODE == 1
#define TERM(W) EXP(W, in0 - m)
#define TERM_READ(W) READ(in0, W)
#define KEEP(W, v)
#define SETTLE(total) total = (total) == 0.0f ? (total) : log(total);
#define OUT_STEP(W)                                                                                \
    {                                                                                              \
        READ(in0, W)                                                                               \
        WRITE(W, in0 - m - total)                                                                  \
    }
#elif MODE == 2
#define TERM(W) (in0 * in1)
#define TERM_READ(W) EACH_INPUT(READ, W)
#define KEEP(W, v)
#define SETTLE(total)
#define OUT_STEP(W)                                                                                \
    {                                                                                              \
        EACH_INPUT(READ, W)                                                                        \
        WRITE(W, in0 *(in1 - total))                                                               \
    }
#else
#define TERM(W) in1
#define TERM_READ(W) READ(in1, W)
#define KEEP(W, v)
#define SETTLE(total)
#define OUT_STEP(W)                                                                                \
    {                                                                                              \
        EACH_INPUT(READ, W)                                                                        \
        WRITE(W, in1 - EXP(W, in0) * total)                                                        \
    }
#endif
#define SUM_STEP(W, accumulator)                                                                   \
    {                                                                                              \
        TERM_READ(W)                                                                               \
        FLOATS(W) term = TERM(W);                                                                  \
        KEEP(W, term)                                                                              \
        accumulator += term;                                                                       \
    }

#define SHARE                                                                                      \
    INDEX share = (tasks + (INDEX)get_num_groups(0) - 1) / (INDEX)get_num_groups(0);               \
    INDEX task = (INDEX)get_group_id(0) * share;                                                   \
    INDEX end = min(task + share, tasks);

/* W rows at once, a vector lane each: FORMS 1 and 3. */
#define SIDE_BY_SIDE(W)                                                                            \
    {                                                                                              \
        FLOATS(W) m = (FLOATS(W))(-INFINITY);                                                      \
        for (INDEX i = 0; HAS_PEAK && i < length; i++) {                                           \
            PEAK_STEP(W, m)                                                                        \
        }                                                                                          \
        m = m == -INFINITY ? (FLOATS(W))(0.0f) : m;                                                \
        FLOATS(W) total = (FLOATS(W))(0.0f);                                                       \
        for (INDEX begin = 0; begin < length; begin += BLOCK_ROWS) {                               \
            INDEX stop = min(begin + BLOCK_ROWS, length);                                          \
            FLOATS(W) part = (FLOATS(W))(0.0f);                                                    \
            for (INDEX i = begin; i < stop; i++) {                                                 \
                SUM_STEP(W, part)                                                                  \
            }                                                                                      \
            total += part;                                                                         \
        }                                                                                          \
        SETTLE(total)                                                                              \
        for (INDEX i = 0; i < length; i++) {                                                       \
            OUT_STEP(W)                                                                            \
        }                                                                                          \
    }

#if FORM == 0
/* STEP over a whole row with two vector accumulators a, b and a scalar one c. */
#define ALONG_ROW(STEP)                                                                            \
    {                                                                                              \
        INDEX i = 0;                                                                               \
        VECTOR_LOOPS(STEP)                                                                         \
        for (; i < length; i++) {                                                                  \
            STEP(1, c)                                                                             \
        }                                                                                          \
    }
#if VECTOR_WIDTH > 1
#define VECTOR_LOOPS(STEP)                                                                         \
    for (; i + 2 * VECTOR_WIDTH <= length; i += VECTOR_WIDTH) {                                    \
        STEP(VECTOR_WIDTH, a)                                                                      \
        i += VECTOR_WIDTH;                                                                         \
        STEP(VECTOR_WIDTH, b)                                                                      \
    }                                                                                              \
    for (; i + VECTOR_WIDTH <= length; i += VECTOR_WIDTH) {                                        \
        STEP(VECTOR_WIDTH, a)                                                                      \
    }
#else
#define VECTOR_LOOPS(STEP)
#endif
#define FINISH_STEP(W, unused) OUT_STEP(W)

__kernel void softmax_rows(PARAMETERS) {
    SHARE
    for (; task < end; task++) {
        INDEX row = task;
        LOCATE
#if HAS_PEAK
        FLOATS(VECTOR_WIDTH) a = (FLOATS(VECTOR_WIDTH))(-INFINITY);
        FLOATS(VECTOR_WIDTH) b = a;
        float c = -INFINITY;
        ALONG_ROW(PEAK_STEP)
        a = MAX_NAN(a, b);
        float m = MAX_LANES(VECTOR_WIDTH, a);
        m = MAX_NAN(m, c);
        m = m == -INFINITY ? 0.0f : m;
        a = (FLOATS(VECTOR_WIDTH))(0.0f);
#else
        FLOATS(VECTOR_WIDTH) a = (FLOATS(VECTOR_WIDTH))(0.0f);
        FLOATS(VECTOR_WIDTH) b;
        float c;
#endif
        b = a;
        c = 0.0f;
        ALONG_ROW(SUM_STEP)
        a += b;
        float total = SUM_LANES(VECTOR_WIDTH, a) + c;
        SETTLE(total)
        ALONG_ROW(FINISH_STEP)
    }
}
#elif FORM == 1
#define MOVE_COLUMN(name, unused) name##_at += column * name##_kept0;
#define NEXT_COLUMN(name, unused) name##_at += name##_kept0;
__kernel void softmax_columns(PARAMETERS) {
    const INDEX blocks = (extent0 + VECTOR_WIDTH - 1) / VECTOR_WIDTH;
    SHARE
    for (; task < end; task++) {
        INDEX row = task / blocks;
        INDEX column = (task - row * blocks) * VECTOR_WIDTH;
        INDEX width = min((INDEX)VECTOR_WIDTH, extent0 - column);
        EACH(BEGIN, 0)
        OUTER
        EACH(MOVE_COLUMN, 0)
        if (width == VECTOR_WIDTH) {
            SIDE_BY_SIDE(VECTOR_WIDTH)
        } else {
            for (INDEX n = 0; n < width; n++) {
                SIDE_BY_SIDE(1)
                EACH(NEXT_COLUMN, 0)
            }
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
        PEAK_STEP(1, m)
    }
    TREE(m, MAX_NAN)
    m = m == -INFINITY ? 0.0f : m;
#endif
    float total = 0.0f;
    for (INDEX i = lane; i < length; i += lanes) {
        SUM_STEP(1, total)
    }
    TREE(total, ADD)
    SETTLE(total)
    for (INDEX i = lane; i < length; i += lanes) {
        OUT_STEP(1)
    }
}
#else
__kernel void softmax_items(PARAMETERS) {
    for (INDEX task = get_global_id(0); task < tasks; task += (INDEX)get_global_size(0)) {
        INDEX row = task;
        LOCATE
        SIDE_BY_SIDE(1)
    }
}
#endif
