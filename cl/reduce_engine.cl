/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pass of every reduction: for each index k of the kept axes
 *     out[k] = sum, maximum, ... over the reduced axes r of EXPRESSION(in0[k, r], in1[k, r], ...)
 * Included last by a family file, which defines EXPRESSION(W): statements that read in0 .. in4 and
 * the number p0 and assign `value`, and `second` where there is one, all of type FLOATS(W): float, or
 * double with REAL_IS_DOUBLE.
 *
 * Macros, set by src/ops/reduce_engine.c:
 *     INPUTS 1..5
 *     KEPT_RANK 1..8, REDUCED_RANK 1..8  axes after collapsing; axis 0 of each is the innermost
 *     REDUCTION, SECOND  what is kept of the elements; reduce_state.cl tells them
 *     ROOT             1: the square root of the first result; 2: the inverse of the root of it + p0
 *     ACCUMULATE       1 to add to what out holds (REDUCTION 0)
 *     SECOND_OUTPUT    1: the second part of the result goes to second_data
 *     PARTS            0: elements to results; 1: elements to parts, the members of the state,
 *                      out_plane apart; 2: parts, in0 and so on, to results
 *     FORM             which kernel, and so the work of one work-item (a task):
 *         0  reduce_rows     one output; vectors along reduced axis 0; work-groups of 1
 *         1  reduce_columns  `width` outputs along kept axis 0; groups of 1. COLUMN_VECTORS is how
 *                            many vectors that is at most: REGISTER_VECTORS are held in registers,
 *                            more in private memory, so that rows are read in runs that are long
 *                            enough for the memory's sake
 *         2  reduce_groups   a whole work-group (a power of two) for one output, with a tree in
 *                            local memory (COMPONENTS elements a work-item)
 *         3  reduce_items    one output, element by element
 *     VECTOR_WIDTH     1, 4, 8 or 16
 *     in0_type .. in4_type, out_type, second_type  cleat_type of an element, where it is f16 or bf16: of
 *                      tensors of the caller's; the expression, parts and places know nothing of it
 *     in0_inner .. in4_inner, out_inner  stride of the axis that vectors lie along: 0 the same
 *                      element, 1 neighbours, 2 any other; 3: not in memory, the bits of the
 *                      element's index as an int, or of a long where elements are double
 *
 * Results, from the state's members (reduce_state.cl): a / divisor, or its root, and b; of moments
 * b / divisor, and a; of REDUCTION 4 the logarithm of the sum of exp; of 5 the place, an int or, with
 * `wide`, a long, -1 - place where it is negative.
 *
 * The reduced axes are cut into units of `block` elements along axis 0 (forms 1 to 3: block = 1), a
 * row of them having row_units. Slice s takes units s * slice_units and so on and writes its result
 * out_slice elements behind the one before: a second launch then reduces the slices. Sums: vector
 * lanes, then blocks of BLOCK_ROWS, are summed apart and then together, always in the same order.
 */
#include "vector.cl"
#include "axes.cl"
#include "share.cl"
#include "numbers.cl"
#include "reduce_types.cl"
#include "reduce_state.cl"
#include "reduce_blocks.cl"
#ifndef WHOLE_ROWS
#define WHOLE_ROWS
#endif

#define BLOCK_ROWS 128
#if COMPONENTS == 1
#define REGISTER_VECTORS 8
#else
#define REGISTER_VECTORS 2
#endif

/* MACRO(in0, a) MACRO(in1, a) ... for all inputs */
#define EACH_INPUT_1(MACRO, a) MACRO(in0, a)
#define EACH_INPUT_2(MACRO, a) MACRO(in0, a) MACRO(in1, a)
#define EACH_INPUT_3(MACRO, a) MACRO(in0, a) MACRO(in1, a) MACRO(in2, a)
#define EACH_INPUT_4(MACRO, a) EACH_INPUT_3(MACRO, a) MACRO(in3, a)
#define EACH_INPUT_5(MACRO, a) EACH_INPUT_4(MACRO, a) MACRO(in4, a)
#define EACH_INPUT(MACRO, a) CAT(EACH_INPUT_, INPUTS)(MACRO, a)

/* The kernel's parameters: the data of all tensors and the numbers. */
#if SECOND_OUTPUT
#define SECOND_DATA , __global STORED(second_type) *second_data
#define HAND_ON_SECOND , second_data
#define SECOND_PLACE(ANY) ANY(second_offset) CAT(UP_TO_, KEPT_RANK)(ANY, second_kept)
#else
#define SECOND_DATA
#define HAND_ON_SECOND
#define SECOND_PLACE(ANY)
#endif
#define INPUT_0(name) __global const STORED(name##_type) *name##_data,
#define INPUT_1(name) INPUT_0(name)
#define INPUT_2(name) INPUT_0(name)
#define INPUT_3(name)
#define INPUT(name, unused) CAT(INPUT_, CAT(name, _inner))(name)
#define INPUT_PLACE(name, ANY)                                                                     \
    ANY(name##_offset) CAT(UP_TO_, KEPT_RANK)(ANY, name##_kept)                                    \
        CAT(UP_TO_, REDUCED_RANK)(ANY, name##_reduced)
#define REDUCE_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                 \
    ANY_INDEX(tasks) ANY_INDEX(slice_tasks) ANY_INDEX(units) ANY_INDEX(slice_units)                \
    ANY_INDEX(row_units) ANY_INDEX(block) ANY_INDEX(width) ANY_INDEX(out_slice)                    \
    ANY_INDEX(out_plane) CAT(UP_TO_, KEPT_RANK)(ANY_INDEX, kept_extent)                            \
    CAT(UP_TO_, REDUCED_RANK)(ANY_INDEX, reduced_extent) ANY_INDEX(out_offset)                     \
    CAT(UP_TO_, KEPT_RANK)(ANY_INDEX, out_kept) SECOND_PLACE(ANY_INDEX)                            \
    EACH_INPUT(INPUT_PLACE, ANY_INDEX) ANY_INT(wide) ANY_INT(even) ANY_FLOAT(divisor) ANY_FLOAT(p0)
/* `even` keeps the struct from a gap at its end, about whose size rusticl 22.3 and the host differ. */
typedef struct reduce_numbers {
    NUMBER_MEMBERS(REDUCE_LIST)
} reduce_numbers;
#define PARAMETERS                                                                                 \
    EACH_INPUT(INPUT, 0) __global STORED(out_type) *out_data SECOND_DATA, const reduce_numbers numbers
#define HAND_ON_0(name) name##_data,
#define HAND_ON_1(name) HAND_ON_0(name)
#define HAND_ON_2(name) HAND_ON_0(name)
#define HAND_ON_3(name)
#define HAND_ON(name, unused) CAT(HAND_ON_, CAT(name, _inner))(name)
#define ARGUMENTS EACH_INPUT(HAND_ON, 0) out_data HAND_ON_SECOND, numbers

/* Where the outputs of a task start: their inputs at name_base, themselves at out_at. */
#define BASE(name, unused) INDEX name##_base = name##_offset;
#define MOVE_KEPT(name, axis) name##_base += coordinate * name##_kept##axis;
#if SECOND_OUTPUT
#define MOVE_SECOND(axis) second_at += coordinate * second_kept##axis;
#else
#define MOVE_SECOND(axis)
#endif
#define KEPT_MOVES(axis)                                                                           \
    out_at += coordinate * out_kept##axis;                                                         \
    MOVE_SECOND(axis)                                                                              \
    EACH_INPUT(MOVE_KEPT, axis)
#define KEPT_AXIS(axis)                                                                            \
    {                                                                                              \
        INDEX coordinate = output % kept_extent##axis;                                             \
        output /= kept_extent##axis;                                                               \
        KEPT_MOVES(axis)                                                                           \
    }
#define LAST_KEPT_AXIS(axis)                                                                       \
    {                                                                                              \
        INDEX coordinate = output;                                                                 \
        KEPT_MOVES(axis)                                                                           \
    }
#define OUTER_KEPT CAT(AXES_1_, KEPT_RANK)(KEPT_AXIS, LAST_KEPT_AXIS)
#if KEPT_RANK == 1
#define ALL_KEPT LAST_KEPT_AXIS(0)
#else
#define ALL_KEPT KEPT_AXIS(0) OUTER_KEPT
#endif

/* Where a unit starts: name_at. */
#define BEGIN(name, unused) INDEX name##_at = name##_base + start * name##_reduced0;
#define MOVE_REDUCED(name, axis) name##_at += coordinate * name##_reduced##axis;
#define REDUCED_AXIS(axis)                                                                         \
    {                                                                                              \
        INDEX coordinate = row % reduced_extent##axis;                                             \
        row /= reduced_extent##axis;                                                               \
        EACH_INPUT(MOVE_REDUCED, axis)                                                             \
    }
#define LAST_REDUCED_AXIS(axis)                                                                    \
    {                                                                                              \
        INDEX coordinate = row;                                                                    \
        EACH_INPUT(MOVE_REDUCED, axis)                                                             \
    }
#if REDUCED_RANK == 1
#define LOCATE(unit)                                                                               \
    INDEX start = (unit)*block;                                                                    \
    EACH_INPUT(BEGIN, 0)
#else
#define LOCATE(unit)                                                                               \
    INDEX row = (unit) / row_units;                                                                \
    INDEX start = ((unit)-row * row_units) * block;                                                \
    EACH_INPUT(BEGIN, 0)                                                                           \
    CAT(AXES_1_, REDUCED_RANK)(REDUCED_AXIS, LAST_REDUCED_AXIS)
#endif

/* W values from i elements behind name_at, along the axis whose strides are name_reduced0 (rows) or
 * name_kept0 (columns). */
#if FORM == 1
#define ALONG(name) name##_kept0
#else
#define ALONG(name) name##_reduced0
#endif
#define READ_0(W, name, i) (FLOATS(W))(LOAD_VALUES(name##_type, 1, name##_data + name##_at))
#define READ_1(W, name, i) LOAD_VALUES(name##_type, W, name##_data + name##_at + (i))
#define READ_2(W, name, i)                                                                         \
    GATHER_VALUES(name##_type, W, name##_data + name##_at + (i)*ALONG(name), ALONG(name))
#if REDUCTION == 5
#define LANES_1 0
#define LANES_4 0, 1, 2, 3
#define LANES_8 LANES_4, 4, 5, 6, 7
#define LANES_16 LANES_8, 8, 9, 10, 11, 12, 13, 14, 15
#define READ_3(W, name, i)                                                                         \
    CAT(as_, FLOATS(W))((REAL_BITS)(name##_at + (i)*ALONG(name)) +                                 \
                        (REAL_BITS)ALONG(name) * (CAT(BITS_, W))(CAT(LANES_, W)))
#endif
#define READ(name, W) FLOATS(W) name = CAT(READ_, CAT(name, _inner))(W, name, at);
#define VALUE(W, index)                                                                            \
    INDEX at = (index);                                                                            \
    EACH_INPUT(READ, W)                                                                            \
    FLOATS(W) value, second = (FLOATS(W))(0.0f);                                                   \
    EXPRESSION(W)
#if PARTS == 2
#define IN2_OR_0 CAT(IN2_OF_, INPUTS)
#define IN2_OF_2 in1
#define IN2_OF_3 in2
#define COLLECT(W, state, index)                                                                   \
    {                                                                                              \
        INDEX at = (index);                                                                        \
        EACH_INPUT(READ, W)                                                                        \
        state = JOIN(W, state, FROM_PARTS(W, in0, in1, IN2_OR_0));                                 \
    }
#else
#define COLLECT(W, state, index)                                                                   \
    {                                                                                              \
        VALUE(W, index)                                                                            \
        state = TAKE(W, state, value, second);                                                     \
    }
#endif

/* Writes W results from output `i` on along kept axis 0, the task's first being at out_at. */
#define OUT_READ_0(W, to) GATHER_VALUES(out_type, W, to, out_kept0)
#define OUT_READ_1(W, to) LOAD_VALUES(out_type, W, to)
#define OUT_READ_2(W, to) GATHER_VALUES(out_type, W, to, out_kept0)
#define OUT_WRITE_0(W, v, to) SCATTER_VALUES(out_type, W, v, to, out_kept0)
#define OUT_WRITE_1(W, v, to) STORE_VALUES(out_type, W, v, to)
#define OUT_WRITE_2(W, v, to) SCATTER_VALUES(out_type, W, v, to, out_kept0)
#define OUT_WRITE(W, v, to) CAT(OUT_WRITE_, out_inner)(W, v, to)
#if PARTS == 1
#if COMPONENTS == 3
#define PUT_COUNT(W, n) OUT_WRITE(W, (FLOATS(W))(n), to + 2 * out_plane);
#else
#define PUT_COUNT(W, n)
#endif
#define PUT_RESULT(W, state)                                                                       \
    OUT_WRITE(W, state.a, to);                                                                     \
    OUT_WRITE(W, state.b, to + out_plane);                                                         \
    PUT_COUNT(W, state.n)
#elif REDUCTION == 5
#define PUT_RESULT(W, state)                                                                       \
    const FLOATS(W) bits = state.b;                                                                \
    for (int lane = 0; lane < W; lane++) {                                                         \
        int place = (int)BITS(1, ((const REAL *)&bits)[lane]);                                     \
        place = place < 0 ? -1 - place : place;                                                    \
        INDEX to = out_at + (first + lane) * out_kept0;                                            \
        if (wide) {                                                                                \
            ((__global long *)out_data)[to] = place;                                               \
        } else {                                                                                   \
            ((__global int *)out_data)[to] = place;                                                \
        }                                                                                          \
    }
#else
#if COMPONENTS == 1
#define FIRST_OF(W, state) (state / divisor)
#elif REDUCTION == 3
#define FIRST_OF(W, state) (state.b / divisor)
#define SECOND_OF(state) state.a
#elif REDUCTION == 4
#define FIRST_OF(W, state)                                                                         \
    ((fabs(state.a) == INFINITY) & (state.b == state.b)                                            \
            ? state.a                                                                              \
            : state.a + NAME_OF(math_log_, W)(state.b))
#else
#define FIRST_OF(W, state) (state.a / divisor)
#define SECOND_OF(state) state.b
#endif
#if ACCUMULATE
#define RESULT(W, state, to) (CAT(OUT_READ_, out_inner)(W, to) + FIRST_OF(W, state))
#elif ROOT == 1
#define RESULT(W, state, to) sqrt(FIRST_OF(W, state))
#elif ROOT == 2
#define RESULT(W, state, to) (1.0f / sqrt(FIRST_OF(W, state) + p0))
#else
#define RESULT(W, state, to) FIRST_OF(W, state)
#endif
#if SECOND_OUTPUT
#define PUT_SECOND(W, state)                                                                       \
    SCATTER_VALUES(second_type, W, SECOND_OF(state),                                               \
        second_data + second_at + first * second_kept0, second_kept0);
#else
#define PUT_SECOND(W, state)
#endif
#define PUT_RESULT(W, state)                                                                       \
    const FLOATS(W) result = RESULT(W, state, to);                                                 \
    OUT_WRITE(W, result, to);                                                                      \
    PUT_SECOND(W, state)
#endif
#define PUT(W, i, the_state)                                                                       \
    {                                                                                              \
        const STATE(W) state = the_state;                                                          \
        const INDEX first = i;                                                                     \
        __global STORED(out_type) *to = out_data + out_at + first * out_kept0;                     \
        PUT_RESULT(W, state)                                                                       \
    }

/* Asks for what lies AHEAD floats behind, the page after next, and no further than the second-level
 * cache: the processor's own foresight ends with a page of 4 KiB. One line of four is enough to wake it, and
 * where pages are large, asking for all would be slower than for none. */
#define AHEAD 2112
#define ASK_0(name, i)
#define ASK_1(name, i) ASK_LINE_FAR(name##_data + name##_at + (i) + AHEAD);
#define ASK_2(name, i)
#define ASK_3(name, i)
#define ASK(name, i) CAT(ASK_, name##_inner)(name, i)

/* A kernel's body, apart, of the tasks of this work-group: FORMS 0 and 1. */
#define RUN_SHARE(BODY)                                                                            \
    SHARE(numbers.tasks, 1, task, end)                                                             \
    BODY(ARGUMENTS, task, end);
#if SECOND_OUTPUT
#define SECOND_START INDEX second_at = second_offset;
#else
#define SECOND_START
#endif
#define SLICE                                                                                      \
    INDEX slice = task / slice_tasks;                                                              \
    INDEX output = task - slice * slice_tasks;                                                     \
    INDEX first_unit = slice * slice_units;                                                        \
    INDEX end_unit = min(first_unit + slice_units, units);                                         \
    INDEX out_at = out_offset + slice * out_slice;                                                 \
    SECOND_START                                                                                   \
    EACH_INPUT(BASE, 0)

#if FORM == 0
KEEP_APART static void rows_tasks(PARAMETERS, INDEX task, const INDEX end) {
    NUMBERS(REDUCE_LIST)
    WHOLE_ROWS
    for (; task < end; task++) {
        SLICE
        ALL_KEPT
        STATE(VECTOR_WIDTH) total = NOTHING(VECTOR_WIDTH);
        STATE(1) rest = NOTHING(1);
        bool has_single = false;
        for (INDEX unit = first_unit; unit < end_unit; unit++) {
            LOCATE(unit)
            INDEX count = min(block, reduced_extent0 - start);
            INDEX i = 0;
#if VECTOR_WIDTH > 1
            STATE(VECTOR_WIDTH) a = NOTHING(VECTOR_WIDTH);
            bool has_rest = !BLOCKS_JOIN_TOTAL;
            ROW_BLOCKS
            for (; i + VECTOR_WIDTH <= count; i += VECTOR_WIDTH) {
                COLLECT(VECTOR_WIDTH, a, i)
                has_rest = true;
            }
            if (has_rest) {
                total = JOIN(VECTOR_WIDTH, total, a);
            }
#endif
            if (i < count) {
                STATE(1) part = NOTHING(1);
                for (; i < count; i++) {
                    COLLECT(1, part, i)
                }
                rest = JOIN(1, rest, part);
                has_single = true;
            }
        }
        STATE(1) across = ACROSS(VECTOR_WIDTH, total);
        if (has_single) {
            across = JOIN(1, across, rest);
        }
        PUT(1, 0, across)
    }
}

__kernel void reduce_rows(PARAMETERS) {
    RUN_SHARE(rows_tasks)
}
#elif FORM == 1
/* The same columns some rows on, which may be as narrow as the vectors of a task. */
#define ROWS_AHEAD 17
#define LEAST_AHEAD 2176
#define ASK_ROW_0(name, i)
#define ASK_ROW_1(name, i)                                                                         \
    ASK_LINE_FAR(name##_data + name##_at + (i) + max(ROWS_AHEAD * name##_reduced0, (INDEX)LEAST_AHEAD));
#define ASK_ROW_2(name, i)
#define ASK_ROW_3(name, i)
#define ASK_ROW(name, i) CAT(ASK_ROW_, name##_inner)(name, i)

/* N vectors of W columns, held in registers, from column `column` on. */
#define EACH_VECTOR(COUNT) for (int n = 0; n < (COUNT); n++)
#define COLUMNS(W, N)                                                                              \
    {                                                                                              \
        STATE(W) total[N], part[N];                                                                \
        EACH_VECTOR(N) total[n] = NOTHING(W);                                                      \
        for (INDEX begin = first_unit; begin < end_unit; begin += BLOCK_ROWS) {                    \
            INDEX stop = min(begin + BLOCK_ROWS, end_unit);                                        \
            EACH_VECTOR(N) part[n] = NOTHING(W);                                                   \
            for (INDEX unit = begin; unit < stop; unit++) {                                        \
                LOCATE(unit)                                                                       \
                _Pragma("unroll") EACH_VECTOR(N) {                                                 \
                    if (n % 4 == 0) {                                                              \
                        EACH_INPUT(ASK_ROW, column + n * W)                                        \
                    }                                                                              \
                    COLLECT(W, part[n], column + n * W)                                            \
                }                                                                                  \
            }                                                                                      \
            EACH_VECTOR(N) total[n] = JOIN(W, total[n], part[n]);                                  \
        }                                                                                          \
        PUT_COLUMNS(W, N)                                                                          \
    }
#define PUT_COLUMNS(W, COUNT)                                                                      \
    EACH_VECTOR(COUNT) PUT(W, column + n * W, total[n])                                            \
    column += (COUNT)*W;

#if COLUMN_VECTORS > REGISTER_VECTORS
/* `vectors` of them, ROWS_TOGETHER rows at a time: as many long runs of memory side by side, and the
 * sums, in private memory, are taken up once for all of them. */
#ifdef BLOCK_VECTORS
#define ROWS_TOGETHER BLOCK_VECTORS
#else
#define ROWS_TOGETHER 4
#endif
#define ASK_WIDE_0(name, i)
#define WIDE_AHEAD 512
#if COMPONENTS == 1
#define ASK_WIDE_1(name, i) ASK_LINE_FAR(name##_data + name##_at + (i) + WIDE_AHEAD);
#else
/* Runs are short: the next rows' first columns are asked for at the end of these. */
#define ASK_WIDE_1(name, i)                                                                        \
    ASK_LINE_FAR(name##_data + name##_at + (i) + WIDE_AHEAD                                        \
                 + (n * VECTOR_WIDTH + WIDE_AHEAD < vectors * VECTOR_WIDTH                         \
                         ? 0                                                                       \
                         : ROWS_TOGETHER * name##_reduced0 - vectors * VECTOR_WIDTH));
#endif
#define ASK_WIDE_2(name, i)
#define ASK_WIDE(name, i) CAT(ASK_WIDE_, name##_inner)(name, i)
#define ROW_PLACES(name, unused) INDEX name##_places[ROWS_TOGETHER];
#define KEEP_PLACE(name, row) name##_places[row] = name##_at;
#define TAKE_PLACE(name, row) INDEX name##_at = name##_places[row];
#define ROW_VALUE(W, result, row)                                                                  \
    {                                                                                              \
        EACH_INPUT(TAKE_PLACE, row)                                                                \
        EACH_INPUT(ASK_WIDE, column + n * W)                                                       \
        VALUE(W, column + n * W)                                                                   \
        result = value;                                                                            \
    }
#if COMPONENTS == 1
#define TAKE_ROWS(W)                                                                               \
    {                                                                                              \
        FLOATS(W) a, b, c, d;                                                                      \
        ROW_VALUE(W, a, 0)                                                                         \
        ROW_VALUE(W, b, 1)                                                                         \
        ROW_VALUE(W, c, 2)                                                                         \
        ROW_VALUE(W, d, 3)                                                                         \
        a = COMBINE(a, b);                                                                         \
        c = COMBINE(c, d);                                                                         \
        a = COMBINE(a, c);                                                                         \
        part[n] = COMBINE(part[n], a);                                                             \
    }
#elif defined(BLOCK_VECTORS)
#define TAKE_ROWS(W)                                                                               \
    {                                                                                              \
        FLOATS(W) values[BLOCK_VECTORS];                                                           \
        EACH_ROW ROW_VALUE(W, values[r], r)                                                        \
        part[n] = JOIN(W, part[n], of_block(values));                                              \
    }
#else
#define TAKE_ROW(W, row)                                                                           \
    {                                                                                              \
        EACH_INPUT(TAKE_PLACE, row)                                                                \
        COLLECT(W, state, column + n * W)                                                          \
    }
#define TAKE_ROWS(W)                                                                               \
    {                                                                                              \
        STATE(W) state = part[n];                                                                  \
        TAKE_ROW(W, 0)                                                                             \
        TAKE_ROW(W, 1)                                                                             \
        TAKE_ROW(W, 2)                                                                             \
        TAKE_ROW(W, 3)                                                                             \
        part[n] = state;                                                                           \
    }
#endif
#define EACH_ROW _Pragma("unroll") for (int r = 0; r < ROWS_TOGETHER; r++)
#define WIDE_COLUMNS(W)                                                                            \
    {                                                                                              \
        STATE(W) total[COLUMN_VECTORS], part[COLUMN_VECTORS];                                      \
        EACH_VECTOR(vectors) total[n] = NOTHING(W);                                                \
        for (INDEX begin = first_unit; begin < end_unit; begin += BLOCK_ROWS) {                    \
            INDEX stop = min(begin + BLOCK_ROWS, end_unit);                                        \
            INDEX unit = begin;                                                                    \
            EACH_VECTOR(vectors) part[n] = NOTHING(W);                                             \
            for (; unit + ROWS_TOGETHER <= stop; unit += ROWS_TOGETHER) {                          \
                EACH_INPUT(ROW_PLACES, 0)                                                          \
                EACH_ROW {                                                                         \
                    LOCATE(unit + r)                                                               \
                    EACH_INPUT(KEEP_PLACE, r)                                                      \
                }                                                                                  \
                EACH_VECTOR(vectors) TAKE_ROWS(W)                                                  \
            }                                                                                      \
            for (; unit < stop; unit++) {                                                          \
                LOCATE(unit)                                                                       \
                EACH_VECTOR(vectors) COLLECT(W, part[n], column + n * W)                           \
            }                                                                                      \
            EACH_VECTOR(vectors) total[n] = JOIN(W, total[n], part[n]);                            \
        }                                                                                          \
        PUT_COLUMNS(W, vectors)                                                                    \
    }
#endif

KEEP_APART static void columns_tasks(PARAMETERS, INDEX task, const INDEX end) {
    NUMBERS(REDUCE_LIST)
    const INDEX column_blocks = (kept_extent0 + width - 1) / width;
    for (; task < end; task++) {
        SLICE
        INDEX column = output % column_blocks * width;
        INDEX column_end = min(column + width, kept_extent0);
        output /= column_blocks;
        OUTER_KEPT
#if COLUMN_VECTORS > REGISTER_VECTORS
        const int vectors = (int)((column_end - column) / VECTOR_WIDTH);
        WIDE_COLUMNS(VECTOR_WIDTH)
#else
        while (column + REGISTER_VECTORS * VECTOR_WIDTH <= column_end) {
            COLUMNS(VECTOR_WIDTH, REGISTER_VECTORS)
        }
#endif
#if VECTOR_WIDTH > 1
        while (column + VECTOR_WIDTH <= column_end) {
            COLUMNS(VECTOR_WIDTH, 1)
        }
#endif
#if VECTOR_WIDTH > 8
        if (column + 8 <= column_end) {
            COLUMNS(8, 1)
        }
#endif
#if VECTOR_WIDTH > 4
        if (column + 4 <= column_end) {
            COLUMNS(4, 1)
        }
#endif
        while (column < column_end) {
            COLUMNS(1, 1)
        }
    }
}

__kernel void reduce_columns(PARAMETERS) {
    RUN_SHARE(columns_tasks)
}
#elif FORM == 2
/* A state in local memory, its members local_size apart. */
#if COMPONENTS == 1
#define PUT_SHARED(lane, s) shared[lane] = s;
#define GET_SHARED(lane) shared[lane]
#else
#if COMPONENTS == 3
#define SHARE_COUNT(lane, s) shared[(lane) + 2 * size] = (s).n;
#define SHARED_COUNT(lane) shared[(lane) + 2 * size]
#else
#define SHARE_COUNT(lane, s)
#define SHARED_COUNT(lane) 0.0f
#endif
#define PUT_SHARED(lane, s)                                                                        \
    shared[lane] = (s).a;                                                                          \
    shared[(lane) + size] = (s).b;                                                                 \
    SHARE_COUNT(lane, s)
#define GET_SHARED(lane) from_parts_1(shared[lane], shared[(lane) + size], SHARED_COUNT(lane))
#endif

__kernel void reduce_groups(PARAMETERS, __local REAL *shared) {
    NUMBERS(REDUCE_LIST)
    const INDEX task = get_group_id(0);
    const int lane = get_local_id(0);
    const int size = get_local_size(0);
    SLICE
    ALL_KEPT
    STATE(1) total = NOTHING(1);
    for (INDEX unit = first_unit + lane; unit < end_unit; unit += size) {
        LOCATE(unit)
        COLLECT(1, total, 0)
    }
    PUT_SHARED(lane, total)
    for (int half_size = size / 2; half_size > 0; half_size /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (lane < half_size) {
            total = JOIN(1, GET_SHARED(lane), GET_SHARED(lane + half_size));
            PUT_SHARED(lane, total)
        }
    }
    if (lane == 0) {
        PUT(1, 0, total)
    }
}
#else
/* Tasks `task`, `task` + step ... */
KEEP_APART static void items_tasks(PARAMETERS, INDEX task, const INDEX step) {
    NUMBERS(REDUCE_LIST)
    for (; task < tasks; task += step) {
        SLICE
        ALL_KEPT
        STATE(1) total = NOTHING(1);
        for (INDEX begin = first_unit; begin < end_unit; begin += BLOCK_ROWS) {
            INDEX stop = min(begin + BLOCK_ROWS, end_unit);
            STATE(1) part = NOTHING(1);
            for (INDEX unit = begin; unit < stop; unit++) {
                LOCATE(unit)
                COLLECT(1, part, 0)
            }
            total = JOIN(1, total, part);
        }
        PUT(1, 0, total)
    }
}

__kernel void reduce_items(PARAMETERS) {
    items_tasks(ARGUMENTS, get_global_id(0), get_global_size(0));
}
#endif
