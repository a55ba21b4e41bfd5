/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pass of every reduction: for each index k of the kept axes
 *     out[k] = sum or max over the reduced axes r of EXPRESSION(in0[k, r], in1[k, r], ...)
 * Included last by a family file, which defines EXPRESSION(W): statements that read in0 .. in2 and
 * assign `value`, all of type FLOATS(W).
 *
 * Macros, set by src/ops/reduce_engine.c:
 *     INPUTS 1..3
 *     KEPT_RANK 1..8, REDUCED_RANK 1..8  axes after collapsing; axis 0 of each is the innermost
 *     REDUCE_MAX       1 for the maximum (NaN wins), 0 for the sum
 *     ACCUMULATE       1 to add to what out holds
 *     FORM             which kernel, and so the work of one work-item (a task):
 *         0  reduce_rows     one output; vectors along reduced axis 0; work-groups of 1
 *         1  reduce_columns  `width` outputs along kept axis 0; groups of 1. COLUMN_VECTORS is how
 *                            many vectors that is at most: 8 are held in registers, more in private
 *                            memory, so that rows are read in runs that are long enough for the
 *                            memory's sake
 *         2  reduce_groups   a whole work-group (a power of two) for one output, with a tree in
 *                            local memory (a float a work-item)
 *         3  reduce_items    one output, element by element
 *     VECTOR_WIDTH     1, 2, 4, 8 or 16
 *     in0_inner .. in2_inner, out_inner  stride of the axis that vectors lie along: 0 the same
 *                      element, 1 neighbours, 2 any other
 *
 * The reduced axes are cut into units of `block` elements along axis 0 (forms 1 to 3: block = 1), a
 * row of them having row_units. Slice s takes units s * slice_units and so on and writes its result
 * out_slice elements behind the one before: a second launch then reduces the slices. The result is
 * divided by `divisor`. Sums: vector lanes, then blocks of BLOCK_ROWS, are summed apart and then
 * together, always in the same order.
 */
#include "vector.cl"
#include "axes.cl"

#define BLOCK_ROWS 128
#define REGISTER_VECTORS 8

#if REDUCE_MAX
#define IDENTITY (-INFINITY)
#define COMBINE(a, b) MAX_NAN(a, b)
#define ACROSS_LANES(W, v) MAX_LANES(W, v)
#else
#define IDENTITY (0.0f)
#define COMBINE(a, b) ((a) + (b))
#define ACROSS_LANES(W, v) SUM_LANES(W, v)
#endif
#if ACCUMULATE
#define RESULT(old, total) ((old) + (total) / divisor)
#else
#define RESULT(old, total) ((total) / divisor)
#endif

#define KEPT_1(name) , const INDEX name##_kept0
#define KEPT_2(name) KEPT_1(name), const INDEX name##_kept1
#define KEPT_3(name) KEPT_2(name), const INDEX name##_kept2
#define KEPT_4(name) KEPT_3(name), const INDEX name##_kept3
#define KEPT_5(name) KEPT_4(name), const INDEX name##_kept4
#define KEPT_6(name) KEPT_5(name), const INDEX name##_kept5
#define KEPT_7(name) KEPT_6(name), const INDEX name##_kept6
#define KEPT_8(name) KEPT_7(name), const INDEX name##_kept7
#define REDUCED_1(name) , const INDEX name##_reduced0
#define REDUCED_2(name) REDUCED_1(name), const INDEX name##_reduced1
#define REDUCED_3(name) REDUCED_2(name), const INDEX name##_reduced2
#define REDUCED_4(name) REDUCED_3(name), const INDEX name##_reduced3
#define REDUCED_5(name) REDUCED_4(name), const INDEX name##_reduced4
#define REDUCED_6(name) REDUCED_5(name), const INDEX name##_reduced5
#define REDUCED_7(name) REDUCED_6(name), const INDEX name##_reduced6
#define REDUCED_8(name) REDUCED_7(name), const INDEX name##_reduced7
#define INPUT(name, unused)                                                                        \
    , __global const float *name##_data, const INDEX name##_offset CAT(KEPT_, KEPT_RANK)(name)     \
        CAT(REDUCED_, REDUCED_RANK)(name)
#define KEPT_EXTENTS_1 , const INDEX kept_extent0
#define KEPT_EXTENTS_2 KEPT_EXTENTS_1, const INDEX kept_extent1
#define KEPT_EXTENTS_3 KEPT_EXTENTS_2, const INDEX kept_extent2
#define KEPT_EXTENTS_4 KEPT_EXTENTS_3, const INDEX kept_extent3
#define KEPT_EXTENTS_5 KEPT_EXTENTS_4, const INDEX kept_extent4
#define KEPT_EXTENTS_6 KEPT_EXTENTS_5, const INDEX kept_extent5
#define KEPT_EXTENTS_7 KEPT_EXTENTS_6, const INDEX kept_extent6
#define KEPT_EXTENTS_8 KEPT_EXTENTS_7, const INDEX kept_extent7
#define REDUCED_EXTENTS_1 , const INDEX reduced_extent0
#define REDUCED_EXTENTS_2 REDUCED_EXTENTS_1, const INDEX reduced_extent1
#define REDUCED_EXTENTS_3 REDUCED_EXTENTS_2, const INDEX reduced_extent2
#define REDUCED_EXTENTS_4 REDUCED_EXTENTS_3, const INDEX reduced_extent3
#define REDUCED_EXTENTS_5 REDUCED_EXTENTS_4, const INDEX reduced_extent4
#define REDUCED_EXTENTS_6 REDUCED_EXTENTS_5, const INDEX reduced_extent5
#define REDUCED_EXTENTS_7 REDUCED_EXTENTS_6, const INDEX reduced_extent6
#define REDUCED_EXTENTS_8 REDUCED_EXTENTS_7, const INDEX reduced_extent7
#define PARAMETERS                                                                                 \
    const INDEX tasks, const INDEX slice_tasks, const INDEX units, const INDEX slice_units,        \
        const INDEX row_units, const INDEX block CAT(KEPT_EXTENTS_, KEPT_RANK)                     \
        CAT(REDUCED_EXTENTS_, REDUCED_RANK), const float divisor, __global float *out_data,        \
        const INDEX out_offset CAT(KEPT_, KEPT_RANK)(out), const INDEX out_slice                   \
        EACH_INPUT(INPUT, 0)

/* MACRO(in0, a) MACRO(in1, a) ... for all inputs */
#define EACH_INPUT_1(MACRO, a) MACRO(in0, a)
#define EACH_INPUT_2(MACRO, a) MACRO(in0, a) MACRO(in1, a)
#define EACH_INPUT_3(MACRO, a) MACRO(in0, a) MACRO(in1, a) MACRO(in2, a)
#define EACH_INPUT(MACRO, a) CAT(EACH_INPUT_, INPUTS)(MACRO, a)

/* Where the outputs of a task start: their inputs at name_base, themselves at out_at. */
#define BASE(name, unused) INDEX name##_base = name##_offset;
#define MOVE_KEPT(name, axis) name##_base += coordinate * name##_kept##axis;
#define KEPT_MOVES(axis)                                                                           \
    out_at += coordinate * out_kept##axis;                                                         \
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
#define READ_0(W, name, i) (FLOATS(W))(name##_data[name##_at])
#define READ_1(W, name, i) LOAD(W, name##_data + name##_at + (i))
#define READ_2(W, name, i) GATHER(W, name##_data + name##_at + (i)*ALONG(name), ALONG(name))
#define READ(name, W) FLOATS(W) name = CAT(READ_, CAT(name, _inner))(W, name, at);
#define VALUE(W, index)                                                                            \
    INDEX at = (index);                                                                            \
    EACH_INPUT(READ, W)                                                                            \
    FLOATS(W) value;                                                                               \
    EXPRESSION(W)
#define COLLECT(W, accumulator, index)                                                             \
    {                                                                                              \
        VALUE(W, index)                                                                            \
        accumulator = COMBINE(accumulator, value);                                                 \
    }

/* Asks for what lies AHEAD floats behind: the processor's own foresight ends with a page of 4 KiB. Two
 * pages on and no further than the second-level cache is better than one and into the first. */
#define AHEAD 2176
#define ASK_0(name, i)
#define ASK_1(name, i) ASK_LINE_FAR(name##_data + name##_at + (i) + AHEAD);
#define ASK_2(name, i)
#define ASK(name, i) CAT(ASK_, name##_inner)(name, i)

/* The share of this work-group: FORMS 0 and 1. */
#define SHARE                                                                                      \
    INDEX share = (tasks + (INDEX)get_num_groups(0) - 1) / (INDEX)get_num_groups(0);               \
    INDEX task = (INDEX)get_group_id(0) * share;                                                   \
    INDEX end = min(task + share, tasks);
#define SLICE                                                                                      \
    INDEX slice = task / slice_tasks;                                                              \
    INDEX output = task - slice * slice_tasks;                                                     \
    INDEX first_unit = slice * slice_units;                                                        \
    INDEX end_unit = min(first_unit + slice_units, units);                                         \
    INDEX out_at = out_offset + slice * out_slice;                                                 \
    EACH_INPUT(BASE, 0)

#if FORM == 0
__kernel void reduce_rows(PARAMETERS) {
    SHARE
    for (; task < end; task++) {
        SLICE
        ALL_KEPT
        FLOATS(VECTOR_WIDTH) total = (FLOATS(VECTOR_WIDTH))(IDENTITY);
        float rest = IDENTITY;
        for (INDEX unit = first_unit; unit < end_unit; unit++) {
            LOCATE(unit)
            INDEX count = min(block, reduced_extent0 - start);
            INDEX i = 0;
#if VECTOR_WIDTH > 1
            FLOATS(VECTOR_WIDTH) a = (FLOATS(VECTOR_WIDTH))(IDENTITY);
            FLOATS(VECTOR_WIDTH) b = a;
            FLOATS(VECTOR_WIDTH) c = a;
            FLOATS(VECTOR_WIDTH) d = a;
            for (; i + 4 * VECTOR_WIDTH <= count; i += 4 * VECTOR_WIDTH) {
                EACH_INPUT(ASK, i)
                EACH_INPUT(ASK, i + VECTOR_WIDTH)
                EACH_INPUT(ASK, i + 2 * VECTOR_WIDTH)
                EACH_INPUT(ASK, i + 3 * VECTOR_WIDTH)
                COLLECT(VECTOR_WIDTH, a, i)
                COLLECT(VECTOR_WIDTH, b, i + VECTOR_WIDTH)
                COLLECT(VECTOR_WIDTH, c, i + 2 * VECTOR_WIDTH)
                COLLECT(VECTOR_WIDTH, d, i + 3 * VECTOR_WIDTH)
            }
            for (; i + VECTOR_WIDTH <= count; i += VECTOR_WIDTH) {
                COLLECT(VECTOR_WIDTH, a, i)
            }
            a = COMBINE(a, b);
            c = COMBINE(c, d);
            a = COMBINE(a, c);
            total = COMBINE(total, a);
#endif
            float part = IDENTITY;
            for (; i < count; i++) {
                COLLECT(1, part, i)
            }
            rest = COMBINE(rest, part);
        }
        float across = ACROSS_LANES(VECTOR_WIDTH, total);
        out_data[out_at] = RESULT(out_data[out_at], COMBINE(across, rest));
    }
}
#elif FORM == 1
/* The same columns some rows on, which may be as narrow as the vectors of a task. */
#define ROWS_AHEAD 10
#define ASK_ROW_0(name, i)
#define ASK_ROW_1(name, i)                                                                         \
    ASK_LINE(name##_data + name##_at + (i) + ROWS_AHEAD * name##_reduced0, 0);
#define ASK_ROW_2(name, i)
#define ASK_ROW(name, i) CAT(ASK_ROW_, name##_inner)(name, i)

/* N vectors of W columns, held in registers, from column `column` on. */
#define EACH_VECTOR(COUNT) for (int n = 0; n < (COUNT); n++)
#define COLUMNS(W, N)                                                                              \
    {                                                                                              \
        FLOATS(W) total[N], part[N];                                                               \
        EACH_VECTOR(N) total[n] = (FLOATS(W))(IDENTITY);                                           \
        for (INDEX begin = first_unit; begin < end_unit; begin += BLOCK_ROWS) {                    \
            INDEX stop = min(begin + BLOCK_ROWS, end_unit);                                        \
            EACH_VECTOR(N) part[n] = (FLOATS(W))(IDENTITY);                                        \
            for (INDEX unit = begin; unit < stop; unit++) {                                        \
                LOCATE(unit)                                                                       \
                _Pragma("unroll") EACH_VECTOR(N) {                                                 \
                    EACH_INPUT(ASK_ROW, column + n * W)                                            \
                    COLLECT(W, part[n], column + n * W)                                            \
                }                                                                                  \
            }                                                                                      \
            EACH_VECTOR(N) total[n] = COMBINE(total[n], part[n]);                                  \
        }                                                                                          \
        PUT_COLUMNS(W, N)                                                                          \
    }
#define PUT_COLUMNS(W, COUNT)                                                                      \
    EACH_VECTOR(COUNT) {                                                                           \
        __global float *to = out_data + out_at + (column + n * W) * out_kept0;                     \
        FLOATS(W) result = RESULT(CAT(OUT_READ_, out_inner)(W, to), total[n]);                     \
        CAT(OUT_WRITE_, out_inner)(W, result, to);                                                 \
    }                                                                                              \
    column += (COUNT)*W;
#define OUT_READ_0(W, to) GATHER(W, to, out_kept0)
#define OUT_READ_1(W, to) LOAD(W, to)
#define OUT_READ_2(W, to) GATHER(W, to, out_kept0)
#define OUT_WRITE_0(W, v, to) SCATTER(W, v, to, out_kept0)
#define OUT_WRITE_1(W, v, to) STORE(W, v, to)
#define OUT_WRITE_2(W, v, to) SCATTER(W, v, to, out_kept0)

#if COLUMN_VECTORS > REGISTER_VECTORS
/* `vectors` of them, ROWS_TOGETHER rows at a time: as many long runs of memory side by side, and the
 * sums, in private memory, are taken up once for all of them. */
#define ROWS_TOGETHER 4
#define ROW_PLACES(name, unused) INDEX name##_places[ROWS_TOGETHER];
#define KEEP_PLACE(name, row) name##_places[row] = name##_at;
#define TAKE_PLACE(name, row) INDEX name##_at = name##_places[row];
#define ROW_VALUE(W, result, row)                                                                  \
    {                                                                                              \
        EACH_INPUT(TAKE_PLACE, row)                                                                \
        VALUE(W, column + n * W)                                                                   \
        result = value;                                                                            \
    }
#define EACH_ROW _Pragma("unroll") for (int r = 0; r < ROWS_TOGETHER; r++)
#define WIDE_COLUMNS(W)                                                                            \
    {                                                                                              \
        FLOATS(W) total[COLUMN_VECTORS], part[COLUMN_VECTORS];                                     \
        EACH_VECTOR(vectors) total[n] = (FLOATS(W))(IDENTITY);                                     \
        for (INDEX begin = first_unit; begin < end_unit; begin += BLOCK_ROWS) {                    \
            INDEX stop = min(begin + BLOCK_ROWS, end_unit);                                        \
            INDEX unit = begin;                                                                    \
            EACH_VECTOR(vectors) part[n] = (FLOATS(W))(IDENTITY);                                  \
            for (; unit + ROWS_TOGETHER <= stop; unit += ROWS_TOGETHER) {                          \
                EACH_INPUT(ROW_PLACES, 0)                                                          \
                EACH_ROW {                                                                         \
                    LOCATE(unit + r)                                                               \
                    EACH_INPUT(KEEP_PLACE, r)                                                      \
                }                                                                                  \
                EACH_VECTOR(vectors) {                                                             \
                    FLOATS(W) a, b, c, d;                                                          \
                    ROW_VALUE(W, a, 0)                                                             \
                    ROW_VALUE(W, b, 1)                                                             \
                    ROW_VALUE(W, c, 2)                                                             \
                    ROW_VALUE(W, d, 3)                                                             \
                    a = COMBINE(a, b);                                                             \
                    c = COMBINE(c, d);                                                             \
                    a = COMBINE(a, c);                                                             \
                    part[n] = COMBINE(part[n], a);                                                 \
                }                                                                                  \
            }                                                                                      \
            for (; unit < stop; unit++) {                                                          \
                LOCATE(unit)                                                                       \
                EACH_VECTOR(vectors) COLLECT(W, part[n], column + n * W)                           \
            }                                                                                      \
            EACH_VECTOR(vectors) total[n] = COMBINE(total[n], part[n]);                            \
        }                                                                                          \
        PUT_COLUMNS(W, vectors)                                                                    \
    }
#endif

__kernel void reduce_columns(PARAMETERS, const INDEX width) {
    const INDEX column_blocks = (kept_extent0 + width - 1) / width;
    SHARE
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
#elif FORM == 2
__kernel void reduce_groups(PARAMETERS, __local float *shared) {
    const INDEX task = get_group_id(0);
    const int lane = get_local_id(0);
    SLICE
    ALL_KEPT
    float total = IDENTITY;
    for (INDEX unit = first_unit + lane; unit < end_unit; unit += (INDEX)get_local_size(0)) {
        LOCATE(unit)
        COLLECT(1, total, 0)
    }
    shared[lane] = total;
    for (int half_size = (int)get_local_size(0) / 2; half_size > 0; half_size /= 2) {
        barrier(CLK_LOCAL_MEM_FENCE);
        if (lane < half_size) {
            shared[lane] = COMBINE(shared[lane], shared[lane + half_size]);
        }
    }
    if (lane == 0) {
        out_data[out_at] = RESULT(out_data[out_at], shared[0]);
    }
}
#else
__kernel void reduce_items(PARAMETERS) {
    for (INDEX task = get_global_id(0); task < tasks; task += (INDEX)get_global_size(0)) {
        SLICE
        ALL_KEPT
        float total = IDENTITY;
        for (INDEX begin = first_unit; begin < end_unit; begin += BLOCK_ROWS) {
            INDEX stop = min(begin + BLOCK_ROWS, end_unit);
            float part = IDENTITY;
            for (INDEX unit = begin; unit < stop; unit++) {
                LOCATE(unit)
                COLLECT(1, part, 0)
            }
            total = COMBINE(total, part);
        }
        out_data[out_at] = RESULT(out_data[out_at], total);
    }
}
#endif
