/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pass of every element-wise operation: for each index i of the common shape
 *     (out0[i], ...) = EXPRESSION(in0[i], ...)
 * Included last by a family file, which defines EXPRESSION(W): statements that read in0 .. in3 and
 * the scalars p0 .. p7 and assign out0 .. out2, all of type FLOATS(W), with W either 1 or
 * VECTOR_WIDTH. With READS_OUTPUTS defined as 1, outputs hold their old elements before.
 *
 * Macros, set by src/ops/elementwise_engine.c:
 *     INPUTS 0..4, OUTPUTS 1..3, PARAMETERS 0..8   how many there are; INPUTS + OUTPUTS <= 5
 *     RANK 1..8           axes after collapsing; axis 0 is the innermost, along which vectors lie
 *     VECTOR_WIDTH        1, 2, 4, 8 or 16
 *     IN0_INNER .. IN3_INNER, OUT0_INNER .. OUT2_INNER
 *                         stride along axis 0: 0 the same element, 1 neighbours, 2 any other
 *     CHUNKED             1: a work-item takes neighbouring units (CPUs; work-groups of 1),
 *                         0: it takes every global-size-th unit (GPUs)
 *
 * A unit is `block` elements along axis 0; a row has `row_units` of them, the last one shorter.
 * No local memory. Outputs may be the same view as an input: each element is read before it is
 * written, by the same work-item.
 */
#include "vector.cl"

#ifndef READS_OUTPUTS
#define READS_OUTPUTS 0
#endif

#define STRIDES_1(name) , const INDEX name##_stride0
#define STRIDES_2(name) STRIDES_1(name), const INDEX name##_stride1
#define STRIDES_3(name) STRIDES_2(name), const INDEX name##_stride2
#define STRIDES_4(name) STRIDES_3(name), const INDEX name##_stride3
#define STRIDES_5(name) STRIDES_4(name), const INDEX name##_stride4
#define STRIDES_6(name) STRIDES_5(name), const INDEX name##_stride5
#define STRIDES_7(name) STRIDES_6(name), const INDEX name##_stride6
#define STRIDES_8(name) STRIDES_7(name), const INDEX name##_stride7
#define INPUT(name)                                                                                \
    , __global const float *name##_data, const INDEX name##_offset CAT(STRIDES_, RANK)(name)
#define OUTPUT(name) , __global float *name##_data, const INDEX name##_offset CAT(STRIDES_, RANK)(name)

/* Elements at index i of the block that starts at name_at. */
#define READ_0(W, name, i) ((FLOATS(W))(name##_data[name##_at]))
#define READ_1(W, name, i) LOAD(W, name##_data + name##_at + (i))
#define READ_2(W, name, i) GATHER(W, name##_data + name##_at + (i)*name##_stride0, name##_stride0)
#define WRITE_1(W, name, i) STORE(W, name, name##_data + name##_at + (i))
#define WRITE_2(W, name, i)                                                                        \
    SCATTER(W, name, name##_data + name##_at + (i)*name##_stride0, name##_stride0)
/* A stride of 0 in an output is that of an axis of one element. */
#define WRITE_0(W, name, i) WRITE_2(W, name, i)

#if INPUTS > 0
#define READ_IN0(W, i) FLOATS(W) in0 = CAT(READ_, IN0_INNER)(W, in0, i);
#define PARAMETER_IN0 INPUT(in0)
#define START_IN0 INDEX in0_at = in0_offset + start * in0_stride0;
#define MOVE_IN0(axis) in0_at += coordinate * in0_stride##axis;
#else
#define READ_IN0(W, i)
#define PARAMETER_IN0
#define START_IN0
#define MOVE_IN0(axis)
#endif
#if INPUTS > 1
#define READ_IN1(W, i) FLOATS(W) in1 = CAT(READ_, IN1_INNER)(W, in1, i);
#define PARAMETER_IN1 INPUT(in1)
#define START_IN1 INDEX in1_at = in1_offset + start * in1_stride0;
#define MOVE_IN1(axis) in1_at += coordinate * in1_stride##axis;
#else
#define READ_IN1(W, i)
#define PARAMETER_IN1
#define START_IN1
#define MOVE_IN1(axis)
#endif
#if INPUTS > 2
#define READ_IN2(W, i) FLOATS(W) in2 = CAT(READ_, IN2_INNER)(W, in2, i);
#define PARAMETER_IN2 INPUT(in2)
#define START_IN2 INDEX in2_at = in2_offset + start * in2_stride0;
#define MOVE_IN2(axis) in2_at += coordinate * in2_stride##axis;
#else
#define READ_IN2(W, i)
#define PARAMETER_IN2
#define START_IN2
#define MOVE_IN2(axis)
#endif
#if INPUTS > 3
#define READ_IN3(W, i) FLOATS(W) in3 = CAT(READ_, IN3_INNER)(W, in3, i);
#define PARAMETER_IN3 INPUT(in3)
#define START_IN3 INDEX in3_at = in3_offset + start * in3_stride0;
#define MOVE_IN3(axis) in3_at += coordinate * in3_stride##axis;
#else
#define READ_IN3(W, i)
#define PARAMETER_IN3
#define START_IN3
#define MOVE_IN3(axis)
#endif
#if OUTPUTS > 0
#if READS_OUTPUTS
#define READ_OUT0(W, i) FLOATS(W) out0 = CAT(READ_, OUT0_INNER)(W, out0, i);
#else
#define READ_OUT0(W, i) FLOATS(W) out0;
#endif
#define WRITE_OUT0(W, i) CAT(WRITE_, OUT0_INNER)(W, out0, i);
#define PARAMETER_OUT0 OUTPUT(out0)
#define START_OUT0 INDEX out0_at = out0_offset + start * out0_stride0;
#define MOVE_OUT0(axis) out0_at += coordinate * out0_stride##axis;
#else
#define READ_OUT0(W, i)
#define WRITE_OUT0(W, i)
#define PARAMETER_OUT0
#define START_OUT0
#define MOVE_OUT0(axis)
#endif
#if OUTPUTS > 1
#if READS_OUTPUTS
#define READ_OUT1(W, i) FLOATS(W) out1 = CAT(READ_, OUT1_INNER)(W, out1, i);
#else
#define READ_OUT1(W, i) FLOATS(W) out1;
#endif
#define WRITE_OUT1(W, i) CAT(WRITE_, OUT1_INNER)(W, out1, i);
#define PARAMETER_OUT1 OUTPUT(out1)
#define START_OUT1 INDEX out1_at = out1_offset + start * out1_stride0;
#define MOVE_OUT1(axis) out1_at += coordinate * out1_stride##axis;
#else
#define READ_OUT1(W, i)
#define WRITE_OUT1(W, i)
#define PARAMETER_OUT1
#define START_OUT1
#define MOVE_OUT1(axis)
#endif
#if OUTPUTS > 2
#if READS_OUTPUTS
#define READ_OUT2(W, i) FLOATS(W) out2 = CAT(READ_, OUT2_INNER)(W, out2, i);
#else
#define READ_OUT2(W, i) FLOATS(W) out2;
#endif
#define WRITE_OUT2(W, i) CAT(WRITE_, OUT2_INNER)(W, out2, i);
#define PARAMETER_OUT2 OUTPUT(out2)
#define START_OUT2 INDEX out2_at = out2_offset + start * out2_stride0;
#define MOVE_OUT2(axis) out2_at += coordinate * out2_stride##axis;
#else
#define READ_OUT2(W, i)
#define WRITE_OUT2(W, i)
#define PARAMETER_OUT2
#define START_OUT2
#define MOVE_OUT2(axis)
#endif

#define ALL_INPUTS(MACRO) MACRO##_IN0 MACRO##_IN1 MACRO##_IN2 MACRO##_IN3
#define ALL(MACRO) ALL_INPUTS(MACRO) MACRO##_OUT0 MACRO##_OUT1 MACRO##_OUT2
#define MOVE(axis)                                                                                 \
    MOVE_IN0(axis) MOVE_IN1(axis) MOVE_IN2(axis) MOVE_IN3(axis)                                    \
    MOVE_OUT0(axis) MOVE_OUT1(axis) MOVE_OUT2(axis)
#define STEP(W, i)                                                                                 \
    {                                                                                              \
        READ_IN0(W, i) READ_IN1(W, i) READ_IN2(W, i) READ_IN3(W, i)                                \
        READ_OUT0(W, i) READ_OUT1(W, i) READ_OUT2(W, i)                                            \
        EXPRESSION(W)                                                                              \
        WRITE_OUT0(W, i) WRITE_OUT1(W, i) WRITE_OUT2(W, i)                                         \
    }

/* Takes the coordinate of one axis off `row`; the outermost axis has what is left. */
#define AXIS(axis)                                                                                 \
    {                                                                                              \
        INDEX coordinate = row % extent##axis;                                                     \
        row /= extent##axis;                                                                       \
        MOVE(axis)                                                                                 \
    }
#define LAST_AXIS(axis)                                                                            \
    {                                                                                              \
        INDEX coordinate = row;                                                                    \
        MOVE(axis)                                                                                 \
    }
#define ROW_1
#define ROW_2 LAST_AXIS(1)
#define ROW_3 AXIS(1) LAST_AXIS(2)
#define ROW_4 AXIS(1) AXIS(2) LAST_AXIS(3)
#define ROW_5 AXIS(1) AXIS(2) AXIS(3) LAST_AXIS(4)
#define ROW_6 AXIS(1) AXIS(2) AXIS(3) AXIS(4) LAST_AXIS(5)
#define ROW_7 AXIS(1) AXIS(2) AXIS(3) AXIS(4) AXIS(5) LAST_AXIS(6)
#define ROW_8 AXIS(1) AXIS(2) AXIS(3) AXIS(4) AXIS(5) AXIS(6) LAST_AXIS(7)

#define EXTENTS_1, const INDEX extent0
#define EXTENTS_2 EXTENTS_1, const INDEX extent1
#define EXTENTS_3 EXTENTS_2, const INDEX extent2
#define EXTENTS_4 EXTENTS_3, const INDEX extent3
#define EXTENTS_5 EXTENTS_4, const INDEX extent4
#define EXTENTS_6 EXTENTS_5, const INDEX extent5
#define EXTENTS_7 EXTENTS_6, const INDEX extent6
#define EXTENTS_8 EXTENTS_7, const INDEX extent7
#define SCALARS_0
#define SCALARS_1 SCALARS_0, const float p0
#define SCALARS_2 SCALARS_1, const float p1
#define SCALARS_3 SCALARS_2, const float p2
#define SCALARS_4 SCALARS_3, const float p3
#define SCALARS_5 SCALARS_4, const float p4
#define SCALARS_6 SCALARS_5, const float p5
#define SCALARS_7 SCALARS_6, const float p6
#define SCALARS_8 SCALARS_7, const float p7

__kernel void elementwise(const INDEX units, const INDEX row_units,
    const INDEX block CAT(EXTENTS_, RANK) CAT(SCALARS_, PARAMETERS) ALL(PARAMETER)) {
#if CHUNKED
    INDEX share = (units + (INDEX)get_num_groups(0) - 1) / (INDEX)get_num_groups(0);
    INDEX unit = (INDEX)get_group_id(0) * share;
    INDEX end = min(unit + share, units);
    for (; unit < end; unit++) {
#else
    for (INDEX unit = get_global_id(0); unit < units; unit += (INDEX)get_global_size(0)) {
#endif
#if RANK > 1
        INDEX row = unit / row_units;
        INDEX start = (unit - row * row_units) * block;
#else
        INDEX start = unit * block;
#endif
        INDEX count = min(block, extent0 - start);
        ALL(START)
        CAT(ROW_, RANK)
        INDEX i = 0;
#if VECTOR_WIDTH > 1
        for (; i + VECTOR_WIDTH <= count; i += VECTOR_WIDTH) {
            STEP(VECTOR_WIDTH, i)
        }
#endif
        for (; i < count; i++) {
            STEP(1, i)
        }
    }
}
