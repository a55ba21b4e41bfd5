/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the softmax kernels share. -DMODE=:
 *     0  softmax: out = exp(in0 - m) / sum(exp(in0 - m))      m the maximum, in0 = x
 *     1  its logarithm: out = in0 - m - log(sum(exp(in0 - m)))
 *     2  gradient of 0: out = in0 * (in1 - sum(in0 * in1))    in0 = y, in1 = dy
 *     3  gradient of 1: out = in1 - exp(in0) * sum(in1)
 *     4  cross-entropy: out = log(sum(exp(in0 - m))) + (m - in0[label]), one element a row
 *     5  gradient of 4: out = g (exp(in0 - m) / sum(exp(in0 - m)) - (1 at the label)),
 *        g = dloss / divisor
 *     with -DWEIGHED=1 both of them of the loss that loss_weight.cl tells
 * Where a whole row is -Inf, m counts as 0 and the sum's inverse and logarithm as 0: zeros for 0,
 * -Inf for 1; but 4 and 5 give NaN, and so do labels that are no place of the row. NaN and +Inf
 * spread over their row by themselves.
 *
 * Macros, set by src/ops/softmax_launch.c:
 *     INPUTS 1 or 2
 *     KEPT_RANK 1..8   the other axes after collapsing; axis 0 is the innermost. 1 for MODE 4, 5
 *     VECTOR_WIDTH     1, 2, 4, 8 or 16
 * Each pass reads an element before the same work-item writes it: out may be an input's view.
 */
#include "common.cl"
#include "vector.cl"
#include "axes.cl"
#define MATH_WIDTH 1
#include "math.cl"
#if VECTOR_WIDTH > 1
#define MATH_WIDTH VECTOR_WIDTH
#include "math.cl"
#endif

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

#if MODE >= 4
/* Of row n: its label, and the gradient of its loss, yet to be divided; dloss may be null, meaning
 * ones. KEPT_RANK is 1. */
#include "loss_weight.cl"
#define LABEL_PARAMETERS                                                                           \
    , __global const int *labels_data, const INDEX labels_offset, const INDEX labels_kept0,        \
        __global const float *dloss_data, const INDEX dloss_offset, const INDEX dloss_kept0,       \
        const float divisor WEIGHT_PARAMETERS
#define LABEL(n) labels_data[labels_offset + (n)*labels_kept0]
#define IS_KNOWN(label) ((label) >= 0 && (label) < length)
#define GRADIENT(n) (dloss_data != 0 ? dloss_data[dloss_offset + (n)*dloss_kept0] : 1.0f)
#else
#define LABEL_PARAMETERS
#endif

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
#define OUTER CAT(AXES_1_, KEPT_RANK)(AXIS, LAST_AXIS)
#if KEPT_RANK == 1
#define LOCATE EACH(BEGIN, 0) LAST_AXIS(0)
#else
#define LOCATE EACH(BEGIN, 0) AXIS(0) OUTER
#endif

/* The tasks of this work-group, where groups are of one item: a multiple of `unit`. */
#define SHARE(unit)                                                                                \
    const INDEX blocks = (INDEX)get_num_groups(0) * (unit);                                        \
    const INDEX share = (tasks + blocks - 1) / blocks * (unit);                                    \
    INDEX task = (INDEX)get_group_id(0) * share;                                                   \
    const INDEX end = min(task + share, tasks);

/* F(0), F(1), ... of as many lanes */
#define BY_4(F) F(0), F(1), F(2), F(3)
#define BY_8(F) BY_4(F), F(4), F(5), F(6), F(7)
#define BY_16(F) BY_8(F), F(8), F(9), F(a), F(b), F(c), F(d), F(e), F(f)

#define INTS(W) CAT(INTS_, W)
#define INTS_1 int
#define INTS_2 int2
#define INTS_4 int4
#define INTS_8 int8
#define INTS_16 int16

/* Exponentials are 2^40 times as large as they should be, which saves a multiplication and keeps
 * their precision where results are denormal; where all x are -Inf, their sum is less than 1. */
#define LOG_OF_TERMS(W, total) CAT(math_log_, W)((total) * 0x1p-40f)
/* Where only their sum is wanted: ln 2 in one piece, off by 2^-29, is an error of n 2^-29 in a term
 * that counts for 2^-n. */
#define SUMS_ONLY ((MODE == 1 || MODE == 4) && DEVICE_HAS_FMA)
#define TERM_ROUNDER 12582912.0f /* as in math.cl */
#if SUMS_ONLY
#define REST(W, n) fma(n, (FLOATS(W))(-0.693147181f), x)
#else
#define REST(W, n)                                                                                 \
    FMA(n, (FLOATS(W))(2.12194440e-4f), FMA(n, (FLOATS(W))(-0.693359375f), x))
#endif
/* exp(x) = p scale 2^-40: x = n ln 2 + r, p = exp(r), scale = 2^(n + 40) */
#define TERM_PARTS(W)                                                                              \
    x = x < -110.0f ? (FLOATS(W))(-110.0f) : x;                                                    \
    const FLOATS(W) rounded =                                                                      \
        FMA(x, (FLOATS(W))(1.44269504f), (FLOATS(W))(TERM_ROUNDER + 127.0f + 40.0f));              \
    const FLOATS(W) n = rounded - (TERM_ROUNDER + 127.0f + 40.0f);                                 \
    const FLOATS(W) r = REST(W, n);                                                                \
    const FLOATS(W) p = CAT(math_exp_polynomial_, W)(r, 1.0f);                                     \
    const FLOATS(W) scale = CAT(as_, FLOATS(W))(CAT(as_, INTS(W))(rounded) << 23);
/* The same with n in sixteenths, whose fractions' powers of two a register holds: half the terms are
 * enough then. The bits of 2^(j / 16 + 40), less those that j itself adds; the fit is off by 2^-29. */
#define POWERS                                                                                     \
    0x53800000, 0x537daac3, 0x537b95c2, 0x5379c3d3, 0x537837f0, 0x5376f532, 0x5375fed7,            \
        0x5375583f, 0x537504f3, 0x537508a4, 0x5375672a, 0x5376248c, 0x537744fd, 0x5378ccdf,        \
        0x537ac0c7, 0x537d257d
/* Of lanes' numbers the permutation sees the four lower bits alone, which no compiler can be told in
 * OpenCL C. */
#ifdef __AVX512F__
#if __has_builtin(__builtin_ia32_permvarsi512)
typedef int permuted __attribute__((vector_size(64)));
#define TAKE_POWERS                                                                                \
    as_int16(__builtin_ia32_permvarsi512(                                                          \
        __builtin_astype(powers, permuted), __builtin_astype(rounded, permuted)))
#endif
#endif
#ifndef TAKE_POWERS
#define POWER_OF(lane) powers[j.s##lane]
#define TAKE_POWERS (int16)(BY_16(POWER_OF))
#endif
#define TERM_PARTS_16                                                                              \
    x = x < -110.0f ? (float16)(-110.0f) : x;                                                      \
    const int16 powers = (int16)(POWERS);                                                          \
    const float16 rounded =                                                                        \
        fma(x, (float16)(1.44269504f), (float16)(0.0625f * TERM_ROUNDER));                         \
    const float16 n = rounded - 0.0625f * TERM_ROUNDER;                                            \
    const float16 r = REST(16, n);                                                                 \
    float16 p = fma(r, (float16)(0x1.55559cp-3f), (float16)(0x1.00022ap-1f));                      \
    p = fma(fma(p, r, (float16)(1.0f)), r, (float16)(1.0f));                                       \
    const int16 j = as_int16(rounded) & 15;                                                        \
    const float16 scale = as_float16(TAKE_POWERS + (as_int16(rounded) << 19));
/* term(x), and sum + term(x) */
#define TERM_FUNCTIONS(W, PARTS)                                                                   \
    static inline FLOATS(W) CAT(term_, W)(FLOATS(W) x) {                                           \
        PARTS                                                                                      \
        return p * scale;                                                                          \
    }                                                                                              \
    static inline FLOATS(W) CAT(add_term_, W)(FLOATS(W) sum, FLOATS(W) x) {                        \
        PARTS                                                                                      \
        return FMA(p, scale, sum);                                                                 \
    }
TERM_FUNCTIONS(1, TERM_PARTS(1))
#if VECTOR_WIDTH == 16 && DEVICE_IS_CPU && DEVICE_HAS_FMA
TERM_FUNCTIONS(16, TERM_PARTS_16)
#elif VECTOR_WIDTH > 1
TERM_FUNCTIONS(VECTOR_WIDTH, TERM_PARTS(VECTOR_WIDTH))
#endif

/* The passes over a row: the maximum SHIFT of in0 (HAS_PEAK), then the sum of TERMs, from which
 * SETTLE makes SCALE, then the RESULTs. HAS_TERMS: which are made of the terms, not of the inputs. */
#define HAS_PEAK (MODE < 2 || MODE > 3)
#define HAS_TERMS (MODE == 0 || MODE == 5)
#if HAS_PEAK
#define TERM(W) CAT(term_, W)(in0 - SHIFT)
#define ADD_TERM(W, sum) CAT(add_term_, W)(sum, in0 - SHIFT)
#define SUM_INPUTS(MACRO, a) MACRO(in0, a)
#endif
#if MODE == 0
#define SETTLE(W, total) total = (total) < 1.0f ? (FLOATS(W))(0.0f) : 1.0f / (total);
#define RESULT(W) (term * SCALE)
#define OUT_INPUTS(MACRO, a)
#elif MODE == 1
#define SETTLE(W, total) total = (total) < 1.0f ? (FLOATS(W))(0.0f) : LOG_OF_TERMS(W, total);
#define RESULT(W) (in0 - SHIFT - SCALE)
#define OUT_INPUTS(MACRO, a) MACRO(in0, a)
#elif MODE == 2
#define TERM(W) (in0 * in1)
#define SUM_INPUTS(MACRO, a) EACH_INPUT(MACRO, a)
#define SETTLE(W, total)
#define RESULT(W) (in0 * (in1 - SCALE))
#define OUT_INPUTS(MACRO, a) EACH_INPUT(MACRO, a)
#elif MODE == 3
#define TERM(W) in1
#define SUM_INPUTS(MACRO, a) MACRO(in1, a)
#define SETTLE(W, total)
#define RESULT(W) (in1 - CAT(math_exp_, W)(in0) * SCALE)
#define OUT_INPUTS(MACRO, a) EACH_INPUT(MACRO, a)
#elif MODE == 5
/* Of ignored rows, with SCALE 0, the terms do not matter. */
#if WEIGHED
#define RESULT(W) (SCALE == 0.0f ? (FLOATS(W))(0.0f) : term * SCALE)
#else
#define RESULT(W) (term * SCALE)
#endif
#define OUT_INPUTS(MACRO, a)
#endif
#if !HAS_PEAK
#define ADD_TERM(W, sum) ((sum) + TERM(W))
#endif
#if MODE < 4
#define NO_PEAK(m) ((m) == -INFINITY ? 0.0f : (m))
#else
#define NO_PEAK(m) (m)
#endif

/* Where a row has NaN, the larger need not be it: the sum of exponentials is NaN in any case. */
#define LARGER(a, b) ((b) > (a) ? (b) : (a))
