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
 *     REAL_IS_DOUBLE   in softmax.cl, MODE 0 .. 3
 * Each pass reads an element before the same work-item writes it: out may be an input's view.
 */
#include "common.cl"
#include "vector.cl"
#include "axes.cl"
#include "share.cl"
#include "numbers.cl"
#define MATH_WIDTH 1
#include "math.cl"
#if VECTOR_WIDTH > 1
#define MATH_WIDTH VECTOR_WIDTH
#include "math.cl"
#endif

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
#define LABEL_DATA                                                                                 \
    __global const int *labels_data, __global const float *dloss_data WEIGHT_PARAMETERS,
#define LABEL_ARGUMENTS labels_data, dloss_data WEIGHT_ARGUMENTS,
#define LABEL_PLACES(ANY)                                                                          \
    ANY(labels_offset) ANY(labels_kept0) ANY(dloss_offset) ANY(dloss_kept0)
#define LABEL_NUMBERS(ANY_FLOAT) ANY_FLOAT(divisor)
#define LABEL(n) labels_data[labels_offset + (n)*labels_kept0]
#define IS_KNOWN(label) ((label) >= 0 && (label) < length)
#define GRADIENT(n) (dloss_data != 0 ? dloss_data[dloss_offset + (n)*dloss_kept0] : 1.0f)
#else
#define LABEL_DATA
#define LABEL_ARGUMENTS
#define LABEL_PLACES(ANY)
#define LABEL_NUMBERS(ANY_FLOAT)
#endif

/* The kernels' parameters, the numbers behind the data. `streaming`: out will not stay in the caches
 * anyway, store past them; `strip` is for softmax_strips.cl alone. */
#define STRIDES(name, ANY)                                                                          \
    ANY(name##_offset) ANY(name##_step) CAT(UP_TO_, KEPT_RANK)(ANY, name##_kept)
#define SOFTMAX_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                \
    ANY_INDEX(tasks) ANY_INDEX(length) ANY_INDEX(strip) CAT(UP_TO_, KEPT_RANK)(ANY_INDEX, extent)  \
    EACH(STRIDES, ANY_INDEX) LABEL_PLACES(ANY_INDEX) ANY_INT(streaming) LABEL_NUMBERS(ANY_FLOAT)
typedef struct softmax_numbers {
    NUMBER_MEMBERS(SOFTMAX_LIST)
} softmax_numbers;
#ifndef ROW_ELEMENT
#define ROW_ELEMENT REAL /* in memory */
#endif
#define INPUT_DATA(name, unused) __global const ROW_ELEMENT *name##_data,
#define PARAMETERS                                                                                 \
    EACH_INPUT(INPUT_DATA, 0) __global ROW_ELEMENT *out_data, LABEL_DATA const softmax_numbers numbers
#define HAND_ON(name, unused) name##_data,
#define ARGUMENTS EACH(HAND_ON, 0) LABEL_ARGUMENTS numbers

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

/* Runs a kernel's body, which is a function of its own, on the tasks of this work-group, a multiple
 * of `unit`, where groups are of one item. */
#define RUN_SHARE(BODY, unit)                                                                      \
    SHARE(numbers.tasks, unit, task, end)                                                          \
    BODY(ARGUMENTS, task, end, (INDEX)get_group_id(0));

/* Of their sum; where all x are -Inf, that is less than 1. */
#define LOG_OF_TERMS(W, total) CAT(math_log_, W)((total) * 0x1p-40f)
#define SUMS_ONLY (MODE == 1 || MODE == 4)
#include "exp_term.cl"

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
#define RESULT(W) (in1 - CAT(term_, W)(in0) * 0x1p-40f * SCALE)
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
