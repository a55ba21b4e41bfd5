/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pass of every element-wise operation: for each index i of the common shape
 *     out0[i] = EXPRESSION(in0[i], ...)
 * Included last by a family file, which defines EXPRESSION(W): statements that read in0 .. in3 and
 * the scalars p0 .. p7 and assign out0, all of type FLOATS(W), with W either 1 or VECTOR_WIDTH.
 *
 * Macros, set by src/ops/elementwise_engine.c:
 *     INPUTS 1..4, PARAMETERS 0..8   how many there are
 *     RANK 1..8           axes after collapsing; axis 0 is the innermost, along which vectors lie
 *     VECTOR_WIDTH        1, 2, 4, 8 or 16
 *     in0_inner .. in3_inner, out0_inner
 *                         stride along axis 0: 0 the same element, 1 neighbours, 2 any other;
 *                         3 (TURNED) any other, but neighbours along axis 1
 *     TURNED              1: tiles of 16 x 16, those of inputs of kind 3 turned in registers
 *                         (CPUs; VECTOR_WIDTH 16, RANK > 1, work-groups of 1)
 *     CHUNKED             1: a work-item takes neighbouring units (CPUs; work-groups of 1),
 *                         0: it takes every global-size-th unit (GPUs)
 *
 * Without TURNED a unit is `block` elements along axis 0; a row has `row_units` of them, the last one shorter.
 * With TURNED, work-item i does unit i, a block of BLOCK_ROWS x BLOCK_COLUMNS elements of axes 1 and
 * 0, `row_blocks` of them along axis 1; `stream`: the output will not stay in the caches anyway,
 * store past them.
 * No local memory. Outputs may be the same view as an input: each element is read before it is
 * written, by the same work-item.
 */
#include "vector.cl"
#include "axes.cl"

#define STRIDES_1(name) , const INDEX name##_stride0
#define STRIDES_2(name) STRIDES_1(name), const INDEX name##_stride1
#define STRIDES_3(name) STRIDES_2(name), const INDEX name##_stride2
#define STRIDES_4(name) STRIDES_3(name), const INDEX name##_stride3
#define STRIDES_5(name) STRIDES_4(name), const INDEX name##_stride4
#define STRIDES_6(name) STRIDES_5(name), const INDEX name##_stride5
#define STRIDES_7(name) STRIDES_6(name), const INDEX name##_stride6
#define STRIDES_8(name) STRIDES_7(name), const INDEX name##_stride7
#define INPUT(name, unused)                                                                        \
    , __global const float *name##_data, const INDEX name##_offset CAT(STRIDES_, RANK)(name)
#define OUTPUT(name)                                                                       \
    , __global float *name##_data, const INDEX name##_offset CAT(STRIDES_, RANK)(name)

/* MACRO(in0, a) MACRO(in1, a) ... for all inputs, or with out0 too. */
#define EACH_INPUT_1(MACRO, a) MACRO(in0, a)
#define EACH_INPUT_2(MACRO, a) MACRO(in0, a) MACRO(in1, a)
#define EACH_INPUT_3(MACRO, a) MACRO(in0, a) MACRO(in1, a) MACRO(in2, a)
#define EACH_INPUT_4(MACRO, a) MACRO(in0, a) MACRO(in1, a) MACRO(in2, a) MACRO(in3, a)
#define EACH_INPUT(MACRO, a) CAT(EACH_INPUT_, INPUTS)(MACRO, a)
#define EACH(MACRO, a) EACH_INPUT(MACRO, a) MACRO(out0, a)

/* W elements at index i of the block that starts at name_at. */
#define READ_0(W, name) (FLOATS(W))(name##_data[name##_at])
#define READ_1(W, name) LOAD(W, name##_data + name##_at + i)
#define READ_2(W, name) GATHER(W, name##_data + name##_at + i * name##_stride0, name##_stride0)
#define READ(name, W) FLOATS(W) name = CAT(READ_, CAT(name, _inner))(W, name);
#define WRITE_1(W, name) STORE(W, name, name##_data + name##_at + i)
#define WRITE_2(W, name)                                                                           \
    SCATTER(W, name, name##_data + name##_at + i * name##_stride0, name##_stride0)
#define WRITE_0(W, name) WRITE_2(W, name) /* an axis of one element */
#define WRITE(name, W) CAT(WRITE_, CAT(name, _inner))(W, name);
#define STEP(W)                                                                                    \
    {                                                                                              \
        EACH_INPUT(READ, W)                                                                        \
        FLOATS(W) out0;                                                                            \
        EXPRESSION(W)                                                                              \
        WRITE(out0, W)                                                                             \
    }

#define BEGIN(name, unused) INDEX name##_at = name##_offset + start * name##_stride0;
#define MOVE(name, axis) name##_at += coordinate * name##_stride##axis;
/* Takes the coordinate of one axis off `row`; the outermost axis has what is left. */
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

#define EXTENTS_1 , const INDEX extent0
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

#if !TURNED
__kernel void elementwise(const INDEX units, const INDEX row_units,
    const INDEX block CAT(EXTENTS_, RANK) CAT(SCALARS_, PARAMETERS) EACH_INPUT(INPUT, 0)
    OUTPUT(out0)) {
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
        EACH(BEGIN, 0)
        CAT(AXES_1_, RANK)(AXIS, LAST_AXIS)
        INDEX i = 0;
#if VECTOR_WIDTH > 1
        for (; i + VECTOR_WIDTH <= count; i += VECTOR_WIDTH) {
            STEP(VECTOR_WIDTH)
        }
#endif
        for (; i < count; i++) {
            STEP(1)
        }
    }
}

#else

#define TURN_ELEMENT float
#define TURN_LANES 16
#include "turn.cl"

#define PLACE(name)                                                                                \
    (name##_data + name##_at + column * name##_stride0 + (line + r) * name##_stride1)

/* A tile of an input of kind 3, read by lines of axis 1 and turned; of others nothing. */
#define TILE_0(name)
#define TILE_1(name)
#define TILE_2(name)
#define TILE_3(name)                                                                               \
    float16 name##_tile[16];                                                                       \
    _Pragma("unroll") for (int c = 0; c < 16; c++) {                                                                 \
        __global const float *from =                                                               \
            name##_data + name##_at + (column + c) * name##_stride0 + line;                        \
        name##_tile[c] = vload16(0, from);                                                         \
        ASK_LINE(from + 16, 0);                                                                    \
    }                                                                                              \
    turn(name##_tile);
#define TILE(name, unused) CAT(TILE_, CAT(name, _inner))(name)

/* Row r of the tile. */
#define TILE_ROW_0(name) (float16)(name##_data[name##_at + (line + r) * name##_stride1])
#define TILE_ROW_1(name) vload16(0, PLACE(name))
#define TILE_ROW_2(name) GATHER_16(PLACE(name), name##_stride0)
#define TILE_ROW_3(name) name##_tile[r]
#define TILE_ROW(name, unused) float16 name = CAT(TILE_ROW_, CAT(name, _inner))(name);
#define TILE_ELEMENT(name, unused)                                                                 \
    float name = *PLACE(name);
#define BEGIN_TURNED(name, unused) INDEX name##_at = name##_offset;

static inline void write_row(float16 row, __global float *to, bool stream) {
#ifdef STORE_PAST
    if (stream) {
        STORE_PAST(row, (__global float16 *)to);
        return;
    }
#endif
    STORE_16(row, to);
}

__kernel void elementwise(const INDEX units, const INDEX row_blocks,
    const INDEX stream CAT(EXTENTS_, RANK) CAT(SCALARS_, PARAMETERS) EACH_INPUT(INPUT, 0)
    OUTPUT(out0)) {
    const INDEX unit = (INDEX)get_global_id(0);
    if (unit >= units) {
        return;
    }
    const INDEX column_blocks = (extent0 + BLOCK_COLUMNS - 1) / BLOCK_COLUMNS;
    const INDEX first_line = unit % row_blocks * BLOCK_ROWS;
    INDEX row = unit / row_blocks;
    const INDEX first_column = row % column_blocks * BLOCK_COLUMNS;
    row /= column_blocks;
    EACH(BEGIN_TURNED, 0)
    CAT(AXES_2_, RANK)(AXIS, LAST_AXIS)
    const INDEX end_line = min(first_line + BLOCK_ROWS, extent1);
    const INDEX end_column = min(first_column + BLOCK_COLUMNS, extent0);
    const bool streams =
        stream && (((size_t)(out0_data + out0_at) | (size_t)(out0_stride1 * 4)) & 63) == 0;
    for (INDEX line = first_line; line < end_line; line += 16) {
        for (INDEX column = first_column; column < end_column; column += 16) {
            if (line + 16 <= end_line && column + 16 <= end_column) {
                EACH_INPUT(TILE, 0)
#pragma unroll
                for (int r = 0; r < 16; r++) {
                    EACH_INPUT(TILE_ROW, 0)
                    float16 out0;
                    EXPRESSION(16)
                    write_row(out0, PLACE(out0), streams);
                }
                continue;
            }
            const int lines = (int)min(end_line - line, (INDEX)16);
            const INDEX tile_end = min(end_column, column + 16);
            for (int r = 0; r < lines; r++) {
                const INDEX tile_column = column;
                for (INDEX column = tile_column; column < tile_end; column++) {
                    EACH_INPUT(TILE_ELEMENT, 0)
                    float out0;
                    EXPRESSION(1)
                    *PLACE(out0) = out0;
                }
            }
        }
    }
}
#endif
