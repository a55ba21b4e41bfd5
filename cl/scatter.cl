/* SPDX-License-Identifier: Apache-2.0 */
/*
 * y[v, c] = (y[v, c] or 0) + sum of u[e, c] over the entries e whose index is v, one after the other.
 * c runs through the columns: axes that y and u have besides; entries through those of the indices.
 * An index of -extent .. -1 counts from the end; one out of range, or equal to `skipped`, adds nothing.
 *   -DRANK=4|8, -DINNER=RANK-1   axes of the columns, filled up with leading ones of extent 1
 *   -DENTRY_RANK=1|8             the same of the entries
 *   -DINDICES=int|long, -DREAL_IS_DOUBLE=1 for f64
 *   -DVECTORS=1   the columns' last axis is 1 element apart in y and u, and has one index; else 0
 *
 * Work-item i, of any group size, owns rows r * rows .. of y in columns of a piece `width` long along the
 * last axis: nobody else writes there, and it goes through all entries. On processors r = i % ranges,
 * elsewhere ranges follow each other and pieces lie side by side.
 */
#include "common.cl"
#include "numbers.cl"
#include "axes.cl"
#include "vector.cl"
#if REAL_IS_DOUBLE
#define SCATTER_LANES 4
#else
#define SCATTER_LANES DEVICE_FLOAT_WIDTH
#endif

#define COLUMN_AXIS(ANY, i) ANY(extent##i) ANY(y_stride##i) ANY(u_stride##i) ANY(i_stride##i)
#define ENTRY_AXIS(ANY, i) ANY(entries##i) ANY(u_step##i) ANY(i_step##i)
#define SCATTER_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                \
    ANY_INDEX(items) ANY_INDEX(ranges) ANY_INDEX(rows) ANY_INDEX(width) ANY_INDEX(entries)         \
    ANY_INDEX(y_offset) ANY_INDEX(u_offset) ANY_INDEX(i_offset) ANY_INDEX(extent)                  \
    ANY_INDEX(y_step) ANY_INDEX(skipped) CAT(AXES_OF_, RANK)(COLUMN_AXIS, ANY_INDEX)               \
    CAT(AXES_OF_, ENTRY_RANK)(ENTRY_AXIS, ANY_INDEX) ANY_INDEX(accumulate)
typedef struct scatter_numbers {
    NUMBER_MEMBERS(SCATTER_LIST)
} scatter_numbers;

#define TAKE_AXIS(i)                                                                               \
    {                                                                                              \
        const INDEX at = rest % extent##i;                                                         \
        rest /= extent##i;                                                                         \
        y_at += at * y_stride##i;                                                                  \
        u_at += at * u_stride##i;                                                                  \
        i_at += at * i_stride##i;                                                                  \
    }
#define TAKE_OUTER_AXES CAT(AXES_DOWN_, INNER)(TAKE_AXIS)
#define TAKE_ENTRY_AXIS(i)                                                                         \
    {                                                                                              \
        const INDEX at = left % entries##i;                                                        \
        left /= entries##i;                                                                        \
        u_entry += at * u_step##i;                                                                 \
        i_entry += at * i_step##i;                                                                 \
    }
#if ENTRY_RANK == 1
#define TAKE_ENTRY_AXES                                                                            \
    u_entry += left * u_step0;                                                                     \
    i_entry += left * i_step0;
#else
#define TAKE_ENTRY_AXES CAT(AXES_DOWN_, ENTRY_RANK)(TAKE_ENTRY_AXIS)
#endif

/* The row of y if it is one of first .. end - 1, else -1. */
static inline INDEX owned_row(
    INDICES index, INDEX extent, INDEX first, INDEX end, INDEX skipped) {
    const INDICES v = index < 0 ? index + (INDICES)extent : index;
    return v >= (INDICES)first && v < (INDICES)end && v != (INDICES)skipped ? (INDEX)v : -1;
}

/* to[c] += from[c], or 0 with from null */
static inline void add_row(global REAL *to, global const REAL *from, INDEX to_step,
    INDEX from_step, INDEX columns) {
    INDEX c = 0;
#if VECTORS
    for (; c + SCATTER_LANES <= columns; c += SCATTER_LANES) {
        FLOATS(SCATTER_LANES) sum = (FLOATS(SCATTER_LANES))(0.0f);
        if (from != 0) {
            sum = LOAD(SCATTER_LANES, to + c) + LOAD(SCATTER_LANES, from + c);
        }
        STORE(SCATTER_LANES, sum, to + c);
    }
#endif
    for (; c < columns; c++) {
        to[c * to_step] = from != 0 ? to[c * to_step] + from[c * from_step] : 0.0f;
    }
}

kernel void scatter_add(global const REAL *restrict u, global const INDICES *restrict indices,
    global REAL *restrict y, const scatter_numbers numbers) {
    NUMBERS(SCATTER_LIST)
    const INDEX item = (INDEX)get_global_id(0);
    if (item >= items) {
        return;
    }
#if DEVICE_IS_CPU
    const INDEX range = item % ranges, piece = item / ranges;
#else
    /* Neighbours have neighbouring columns: they read one index, and side by side. */
    const INDEX all_pieces = items / ranges, range = item / all_pieces, piece = item % all_pieces;
#endif
    const INDEX first = range * rows, end = min(first + rows, extent);
    const INDEX pieces = (CAT(extent, INNER) + width - 1) / width;
    const INDEX column = piece % pieces * width;
    const INDEX columns = min(width, CAT(extent, INNER) - column);
    INDEX rest = piece / pieces;
    INDEX y_at = y_offset + column * CAT(y_stride, INNER);
    INDEX u_at = u_offset + column * CAT(u_stride, INNER);
    INDEX i_at = i_offset + column * CAT(i_stride, INNER);
    TAKE_OUTER_AXES
    for (INDEX row = first; row < end && !accumulate; row++) {
        add_row(y + y_at + row * y_step, 0, CAT(y_stride, INNER), 0, columns);
    }
    for (INDEX entry = 0; entry < entries; entry++) {
        INDEX left = entry, u_entry = u_at, i_entry = i_at;
        TAKE_ENTRY_AXES
#if VECTORS
        const INDEX v = owned_row(indices[i_entry], extent, first, end, skipped);
        if (v >= 0) {
            add_row(y + y_at + v * y_step, u + u_entry, 1, 1, columns);
        }
#else
        for (INDEX c = 0; c < columns; c++) {
            const INDEX v = owned_row(
                indices[i_entry + c * CAT(i_stride, INNER)], extent, first, end, skipped);
            if (v >= 0) {
                y[y_at + v * y_step + c * CAT(y_stride, INNER)] +=
                    u[u_entry + c * CAT(u_stride, INNER)];
            }
        }
#endif
    }
}
