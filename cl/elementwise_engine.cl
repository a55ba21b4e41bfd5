/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pass of every element-wise operation: for each index i of the common shape
 *     out0[i] = EXPRESSION(in0[i], ...)
 * Included last by a family file, which defines EXPRESSION(W): statements that read in0 .. in6 and
 * the scalars p0 .. p7, of type REAL, and assign out0, and out1 where there are two outputs, with W either 1
 * or VECTOR_WIDTH. in0 is of type VALUES(in0_type, W) (element.cl), which is FLOATS(W) unless told
 * otherwise, and so on.
 *
 * Macros, set by src/ops/elementwise_engine.c:
 *     INPUTS 1..7, OUTPUTS 1..2, PARAMETERS 0..8   how many there are
 *     RANK 1..8           axes after collapsing; axis 0 is the innermost, along which vectors lie
 *     VECTOR_WIDTH        1, 2, 4, 8 or 16
 *     in0_inner .. in6_inner, out0_inner, out1_inner
 *                         stride along axis 0: 0 the same element, 1 neighbours, 2 any other;
 *                         3 (TURNED) any other, but neighbours along axis 1
 *     in0_type .. in6_type, out0_type, out1_type
 *                         cleat_type of an element, where it is not f32; f16 and bf16 are floats to the
 *                         expression; out1's is as large as out0's
 *     TURNED              1: by blocks, in which inputs of kind 3, f32, are turned first into private
 *                         memory of BLOCK_ROWS rows of TURNED_PITCH elements, by tiles of
 *                         TURNED_LANES (8 or 16) squared (CPUs; RANK > 1, work-groups of 1)
 *     ROWS_APART          1: with CHUNKED and RANK > 1, where rows of an input lie apart, so that what is
 *                         ASK_AHEAD floats behind, in the next row where this one ends, is asked for
 *     CHUNKED             1: a work-item takes neighbouring units (CPUs; work-groups of 1),
 *                         0: it takes every global-size-th unit (GPUs)
 *
 * Without TURNED a unit is `block` elements along axis 0; a row has `row_units` of them, the last
 * one shorter. With TURNED, work-item i does unit i, BLOCK_ROWS x `block` elements of axes 1 and 0,
 * `row_units` of them along axis 1. `stream`: the output will not stay in the caches anyway, store past them.
 * `whole`: with CHUNKED 0, offsets and steps are multiples of VECTOR_WIDTH, so that where the memory
 * begins at such a one VECTOR_WIDTH neighbours are one access.
 * No local memory. Outputs may be the same view as an input: each element is read before it is
 * written, by the same work-item.
 */
#ifndef OUTPUTS
#define OUTPUTS 1
#endif
#include "numbers.cl"
#include "vector.cl"
#include "stream.cl"
#include "axes.cl"
#include "share.cl"
#include "element.cl"

#ifndef in0_type
#define in0_type 1
#endif
#ifndef in1_type
#define in1_type 1
#endif
#ifndef in2_type
#define in2_type 1
#endif
#ifndef in3_type
#define in3_type 1
#endif
#ifndef in4_type
#define in4_type 1
#endif
#ifndef in5_type
#define in5_type 1
#endif
#ifndef in6_type
#define in6_type 1
#endif
#ifndef out0_type
#define out0_type 1
#endif
#ifndef out1_type
#define out1_type 1
#endif
#define IS_TYPE(T)                                                                                 \
    (in0_type == T || in1_type == T || in2_type == T || in3_type == T || in4_type == T ||          \
        in5_type == T || in6_type == T || out0_type == T || out1_type == T)
#if IS_TYPE(7)
HALF_FUNCTIONS(7, 1)
#if VECTOR_WIDTH > 1
HALF_FUNCTIONS(7, VECTOR_WIDTH)
#endif
#endif
#if IS_TYPE(8)
HALF_FUNCTIONS(8, 1)
#if VECTOR_WIDTH > 1
HALF_FUNCTIONS(8, VECTOR_WIDTH)
#endif
#endif
#if VECTOR_WIDTH > 1
#if IS_TYPE(2)
ELEMENT_FUNCTIONS(double, VECTOR_WIDTH)
#endif
#if IS_TYPE(3)
ELEMENT_FUNCTIONS(int, VECTOR_WIDTH)
#endif
#if IS_TYPE(4)
ELEMENT_FUNCTIONS(long, VECTOR_WIDTH)
#endif
#if IS_TYPE(5) || IS_TYPE(6)
ELEMENT_FUNCTIONS(uchar, VECTOR_WIDTH)
#endif
#if IS_TYPE(7) || IS_TYPE(8) || IS_TYPE(11)
ELEMENT_FUNCTIONS(ushort, VECTOR_WIDTH)
#endif
#if IS_TYPE(9)
ELEMENT_FUNCTIONS(char, VECTOR_WIDTH)
#endif
#if IS_TYPE(10)
ELEMENT_FUNCTIONS(short, VECTOR_WIDTH)
#endif
#if IS_TYPE(12)
ELEMENT_FUNCTIONS(uint, VECTOR_WIDTH)
#endif
#if IS_TYPE(13)
ELEMENT_FUNCTIONS(ulong, VECTOR_WIDTH)
#endif
#endif

#if defined(STORE_PAST) && VECTOR_WIDTH > 1 && (CHUNKED || TURNED) && out0_inner == 1        \
    && (OUTPUTS == 1 || out1_inner == 1)
#define STREAMS 1
#else
#define STREAMS 0
#endif
#define IS_WHOLE (VECTOR_WIDTH > 1 && !CHUNKED && !TURNED)

/* MACRO(in0, a) MACRO(in1, a) ... for all inputs, or with out0 too. */
#define EACH_INPUT_1(MACRO, a) MACRO(in0, a)
#define EACH_INPUT_2(MACRO, a) MACRO(in0, a) MACRO(in1, a)
#define EACH_INPUT_3(MACRO, a) MACRO(in0, a) MACRO(in1, a) MACRO(in2, a)
#define EACH_INPUT_4(MACRO, a) MACRO(in0, a) MACRO(in1, a) MACRO(in2, a) MACRO(in3, a)
#define EACH_INPUT_5(MACRO, a) EACH_INPUT_4(MACRO, a) MACRO(in4, a)
#define EACH_INPUT_6(MACRO, a) EACH_INPUT_5(MACRO, a) MACRO(in5, a)
#define EACH_INPUT_7(MACRO, a) EACH_INPUT_6(MACRO, a) MACRO(in6, a)
#define EACH_INPUT(MACRO, a) CAT(EACH_INPUT_, INPUTS)(MACRO, a)
#define EACH_OUTPUT_1(MACRO, a) MACRO(out0, a)
#define EACH_OUTPUT_2(MACRO, a) MACRO(out0, a) MACRO(out1, a)
#define EACH_OUTPUT(MACRO, a) CAT(EACH_OUTPUT_, OUTPUTS)(MACRO, a)
#define EACH(MACRO, a) EACH_INPUT(MACRO, a) EACH_OUTPUT(MACRO, a)

/* The kernel's parameters: the data of all tensors and the numbers, by name_stride0, extent0, p0 ... */
#define PLACE(name, ANY) ANY(name##_offset) CAT(UP_TO_, RANK)(ANY, name##_stride)
#define PASS_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                   \
    ANY_INDEX(units) ANY_INDEX(row_units) ANY_INDEX(block) CAT(UP_TO_, RANK)(ANY_INDEX, extent)    \
    EACH(PLACE, ANY_INDEX) ANY_INT(stream) ANY_INT(whole) CAT(UP_TO_, PARAMETERS)(ANY_FLOAT, p)
typedef struct pass_numbers {
    NUMBER_MEMBERS(PASS_LIST)
} pass_numbers;
#define INPUT(name, unused) __global const STORED(name##_type) *name##_data,
#define OUTPUT(name, unused) __global STORED(name##_type) *name##_data,
#define PASS_PARAMETERS                                                                            \
    EACH_INPUT(INPUT, 0) EACH_OUTPUT(OUTPUT, 0) const pass_numbers numbers

/* W elements at index i of the block that starts at name_at. */
#define READ_0(W, name)                                                                            \
    (VALUES(name##_type, W))(LOAD_VALUES(name##_type, 1, name##_data + name##_at))
#define READ_1(W, name) LOAD_VALUES(name##_type, W, name##_data + name##_at + i)
#define READ_2(W, name)                                                                            \
    GATHER_VALUES(name##_type, W, name##_data + name##_at + i * name##_stride0, name##_stride0)
#define READ_3(W, name) LOAD(W, name##_turned + line * TURNED_PITCH + i)
#define READ(name, W) VALUES(name##_type, W) name = CAT(READ_, CAT(name, _inner))(W, name);
#if IS_WHOLE
#define READ_WHOLE_0(W, name) READ_0(W, name)
#define READ_WHOLE_1(W, name)                                                                      \
    (is_whole ? WHOLE_VALUES(name##_type, W, name##_data + name##_at + i) : READ_1(W, name))
#define READ_WHOLE_2(W, name) READ_2(W, name)
#define READ_VECTOR(name, W)                                                                       \
    VALUES(name##_type, W) name = CAT(READ_WHOLE_, CAT(name, _inner))(W, name);
#define AND_WHOLE(name, unused)                                                                    \
    &&((size_t)name##_data & (VECTOR_WIDTH * sizeof(STORED(name##_type)) - 1)) == 0
#else
#define READ_VECTOR READ
#endif
#define WRITE_1(W, name) STORE_VALUES(name##_type, W, name, name##_data + name##_at + i)
#define WRITE_2(W, name)                                                                           \
    SCATTER_VALUES(                                                                                \
        name##_type, W, name, name##_data + name##_at + i * name##_stride0, name##_stride0)
#define WRITE_0(W, name) WRITE_2(W, name) /* an axis of one element */
#define WRITE_ONE(name, W) CAT(WRITE_, CAT(name, _inner))(W, name);
#define WRITE(W) EACH_OUTPUT(WRITE_ONE, W)
#if STREAMS
#define STREAM_ONE(name, W) STREAM_VALUES(name##_type, W, name, name##_data + name##_at + i);
#define WRITE_VECTOR(W)                                                                            \
    if (past) {                                                                                    \
        EACH_OUTPUT(STREAM_ONE, W)                                                                 \
    } else {                                                                                       \
        WRITE(W)                                                                                   \
    }
#else
#if IS_WHOLE
#define WRITE_WHOLE_0(W, name) WRITE_0(W, name)
#define WRITE_WHOLE_1(W, name)                                                                     \
    if (is_whole) {                                                                                \
        STORE_WHOLE(name##_type, W, name, name##_data + name##_at + i);                            \
    } else {                                                                                       \
        WRITE_1(W, name);                                                                          \
    }
#define WRITE_WHOLE_2(W, name) WRITE_2(W, name)
#define WRITE_WHOLE(name, W) CAT(WRITE_WHOLE_, CAT(name, _inner))(W, name);
#define WRITE_VECTOR(W) EACH_OUTPUT(WRITE_WHOLE, W)
#else
#define WRITE_VECTOR(W) WRITE(W)
#endif
#endif
#define DECLARE(name, W) VALUES(name##_type, W) name;
#define STEP(W, READ, WRITE)                                                                       \
    {                                                                                              \
        EACH_INPUT(READ, W)                                                                        \
        EACH_OUTPUT(DECLARE, W)                                                                    \
        EXPRESSION(W)                                                                              \
        WRITE(W)                                                                                   \
    }

/* Elements of a row from where it is before the first whole vector of memory. */
#if STREAMS
#define HEAD                                                                                       \
    ((INDEX)(-((size_t)(out0_data + out0_at) / sizeof(STORED(out0_type))) & (VECTOR_WIDTH - 1)))
#define IS_LONG(count) ((count) >= 12 * VECTOR_WIDTH)
#else
#define HEAD 0
#define IS_LONG(count) 0
#endif
/* Whether the whole vectors of both outputs begin together. */
#if STREAMS && OUTPUTS == 2
#define IS_ALIKE                                                                                   \
    ((((size_t)(out0_data + out0_at) - (size_t)(out1_data + out1_at)) / sizeof(*out0_data)          \
         & (VECTOR_WIDTH - 1)) == 0)
#define IS_ALIKE_BELOW (IS_ALIKE && (out0_stride1 - out1_stride1) % VECTOR_WIDTH == 0)
#else
#define IS_ALIKE 1
#define IS_ALIKE_BELOW 1
#endif
/* Elements `first` to `end` - 1 along axis 0 from the places on, the ones before `head` one by one. */
#define ROW(first, head, end)                                                                      \
    INDEX i = first;                                                                               \
    INDEX single = VECTOR_WIDTH > 1 ? head : end;                                                  \
    while (i < end) {                                                                              \
        for (; i < single; i++) {                                                                  \
            STEP(1, READ, WRITE)                                                                   \
        }                                                                                          \
        VECTORS(end)                                                                               \
        single = end;                                                                              \
    }
/* Pieces of rows are too short for the processor to find out what comes next; and it forgets what it
 * is asked for while much is under way, so each line is asked for twice, and once in turn_block(). */
#define ASK_NOTHING(name)
#define ASK_NEXT(name)                                                                             \
    ASK_LINE_FAR(name##_data + name##_at + name##_stride1 + i);                                    \
    ASK_LINE_FAR(name##_data + name##_at + 2 * name##_stride1 + i);
#if TURNED
#define ASK_0 ASK_NOTHING
#define ASK_1 ASK_NEXT
#define ASK_2 ASK_NEXT
#define ASK_3 ASK_NOTHING
#define ASK(name, unused) CAT(ASK_, CAT(name, _inner))(name)
#elif ROWS_APART
#define ASK_0 ASK_NOTHING
#define ASK_1(name)                                                                                \
    ASK_LINE_FAR(name##_data + name##_at + i + ASK_AHEAD                                           \
                 + (start + i + ASK_AHEAD < extent0 ? 0 : name##_stride1 - extent0));
#define ASK_2 ASK_NOTHING
#define ASK_AHEAD 512
#define ASK(name, unused) CAT(ASK_, CAT(name, _inner))(name)
#else
#define ASK(name, unused)
#endif
#if VECTOR_WIDTH > 1
#define VECTORS(end)                                                                               \
    for (; i + VECTOR_WIDTH <= end; i += VECTOR_WIDTH) {                                         \
        EACH_INPUT(ASK, 0)                                                                         \
        STEP(VECTOR_WIDTH, READ_VECTOR, WRITE_VECTOR)                                              \
    }
#else
#define VECTORS(end)
#endif

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

#define HAND_ON(name, unused) name##_data,
#define ARGUMENTS EACH(HAND_ON, 0) numbers

#if !TURNED
/* Units `unit`, `unit` + step ... before `end`. */
KEEP_APART static void elementwise_units(PASS_PARAMETERS, INDEX unit, INDEX end, INDEX step) {
    NUMBERS(PASS_LIST)
#if IS_WHOLE
    const bool is_whole = whole EACH(AND_WHOLE, 0);
#endif
    for (; unit < end; unit += step) {
#if RANK > 1
        INDEX row = unit / row_units;
        INDEX start = (unit - row * row_units) * block;
#else
        INDEX start = unit * block;
#endif
        const INDEX count = min(block, extent0 - start);
        EACH(BEGIN, 0)
        CAT(AXES_1_, RANK)(AXIS, LAST_AXIS)
        INDEX head = HEAD;
        const bool past = stream && (head == 0 || IS_LONG(count)) && IS_ALIKE;
        head = past ? head : 0;
        ROW(0, head, count)
    }
}

__kernel void elementwise(PASS_PARAMETERS) {
#if CHUNKED
    SHARE(numbers.units, 1, unit, end)
    elementwise_units(ARGUMENTS, unit, end, 1);
#else
    elementwise_units(ARGUMENTS, get_global_id(0), numbers.units, get_global_size(0));
#endif
}

#else

#define TURN_ELEMENT float
#define TURN_LANES TURNED_LANES
#define TURN_PITCH TURNED_PITCH
#include "turn.cl"

/* Inputs of kind 3 lie turned here, the others where they are. */
#define TURN_0(name)
#define TURN_1(name)
#define TURN_2(name)
#define TURN_3(name)                                                                               \
    float name##_turned[BLOCK_ROWS * TURNED_PITCH];                                                \
    turn_block(name##_data + name##_at, name##_stride0, lines, count + extra, beside, beside_step, \
        name##_turned);
#define TURN(name, unused) CAT(TURN_, CAT(name, _inner))(name)
/* The last of the inputs that lie as the output does. */
#define BESIDE_0(name)
#define BESIDE_1(name)                                                                             \
    if (name##_type == 1) {                                                                        \
        beside = (__global const float *)(name##_data + name##_at);                                \
        beside_step = name##_stride1;                                                              \
    }
#define BESIDE_2(name)
#define BESIDE_3(name)
#define BESIDE(name, unused) CAT(BESIDE_, CAT(name, _inner))(name)
#define BEGIN_BLOCK(name, unused)                                                                  \
    INDEX name##_at = name##_offset + first_line * name##_stride1 + start * name##_stride0;
#define NEXT_LINE(name, unused) name##_at += name##_stride1;
/* The block that this or another work-item turns next, from the one whose line is at name_at. */
#define NEXT_0(name)
#define NEXT_1(name)
#define NEXT_2(name)
#define NEXT_3(name)                                                                               \
    ask_columns(name##_data + name##_at - line                                                     \
                    + (is_below ? BLOCK_ROWS : block * name##_stride0 - first_line),               \
        name##_stride0, BLOCK_ROWS, has_next ? count : 0, line, share);
#define NEXT_BLOCK(name, unused) CAT(NEXT_, CAT(name, _inner))(name)

KEEP_APART static void elementwise_block(PASS_PARAMETERS, const INDEX unit) {
    NUMBERS(PASS_LIST)
    const INDEX column_blocks = (extent0 + block - 1) / block;
    const INDEX first_line = unit % row_units * BLOCK_ROWS;
    INDEX row = unit / row_units;
    const INDEX start = row % column_blocks * block;
    row /= column_blocks;
    EACH(BEGIN_BLOCK, 0)
    CAT(AXES_2_, RANK)(AXIS, LAST_AXIS)
    const int lines = (int)min(extent1 - first_line, (INDEX)BLOCK_ROWS);
    const int count = (int)min(extent0 - start, block);
    /* Pieces of rows begin and end where vectors of memory do, so that no line of memory is written
     * by two blocks; a row's first and last elements belong to its first and last piece. */
    const bool is_aligned = HEAD == 0 && out0_stride1 % VECTOR_WIDTH == 0;
    const bool past = stream && (is_aligned || IS_LONG(extent0)) && IS_ALIKE_BELOW;
    const INDEX left = extent0 - start;
    const int extra = past && !is_aligned ? (int)min(left - count, (INDEX)VECTOR_WIDTH) : 0;
    const bool is_below = first_line + BLOCK_ROWS < extent1;
    const bool has_next = is_below || start + block < extent0;
    const int share = (count + lines - 1) / lines;
    __global const float *beside = 0;
    INDEX beside_step = 0;
    EACH_INPUT(BESIDE, 0)
    EACH_INPUT(TURN, 0)
    for (int line = 0; line < lines; line++) {
        ask_row(out0_data + out0_at, out0_stride1);
        EACH_INPUT(NEXT_BLOCK, 0)
        const INDEX head = past ? HEAD : 0;
        const INDEX end = min(count + head, left);
        ROW(start > 0 ? head : 0, head, end)
        EACH(NEXT_LINE, 0)
    }
}

__kernel void elementwise(PASS_PARAMETERS) {
    if (get_global_id(0) < numbers.units) {
        elementwise_block(ARGUMENTS, get_global_id(0));
    }
}
#endif
