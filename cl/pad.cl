/* SPDX-License-Identifier: Apache-2.0 */
/*
 * y = x with elements added around it, or cut off: y[i] = x[m(i)], where along each axis the place
 * at = i - before is, if it is outside 0 .. extent - 1,
 *     -DMODE=0   nowhere: the element is `value`
 *            1   the nearest one
 *            2   mirrored: -at, 2 (extent - 1) - at
 *   -DRANK=4|8   axes, filled up with leading ones of extent 1; axis 0 is the first
 *   -DINNER=RANK-1
 *   -DELEMENT=uchar|uint|ulong, -DTILE=elements in 64 bytes
 *
 * pad_pieces: processors, work-groups of one; y lies in one piece and x's last axis too. Work-item i
 * puts pieces i * share .. of PIECE elements of y together in private memory, each of which then goes
 * to its place in long runs, past the caches with `stream`.
 * pad_elements: work-item i does elements i * share .. of y in row-major order.
 */
#include "common.cl"
#include "numbers.cl"
#include "axes.cl"

/* 2 KiB: longer ones keep memory waiting while they are put together. */
#define PIECE (32 * TILE)
#define PAD_AXIS(ANY, i)                                                                           \
    ANY(y_extent##i) ANY(y_stride##i) ANY(x_extent##i) ANY(x_stride##i) ANY(before##i)
#define PAD_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                    \
    ANY_INDEX(count) ANY_INDEX(share) ANY_INDEX(x_offset) ANY_INDEX(y_offset)                      \
    CAT(AXES_OF_, RANK)(PAD_AXIS, ANY_INDEX) ANY_INDEX(stream)
typedef struct pad_numbers {
    NUMBER_MEMBERS(PAD_LIST)
} pad_numbers;

/* The place in x along an axis; -1: nowhere. */
static inline INDEX source_of(INDEX at, INDEX extent) {
#if MODE == 0
    return at >= 0 && at < extent ? at : -1;
#elif MODE == 1
    return clamp(at, (INDEX)0, extent - 1);
#else
    return at < 0 ? -at : at >= extent ? 2 * (extent - 1) - at : at;
#endif
}

/* Takes axis i off the row-major number `rest`. */
#define TAKE_AXIS(i)                                                                               \
    {                                                                                              \
        const INDEX at = rest % y_extent##i;                                                       \
        const INDEX source = source_of(at - before##i, x_extent##i);                               \
        rest /= y_extent##i;                                                                       \
        inside = inside && source >= 0;                                                            \
        x_at += source * x_stride##i;                                                              \
        y_at += at * y_stride##i;                                                                  \
    }
/* The axis before the last one, and those before it. */
#if RANK == 4
#define NEXT 2
#else
#define NEXT 6
#endif
#define TAKE_OUTER_AXES CAT(AXES_DOWN_, NEXT)(TAKE_AXIS)

kernel void pad_elements(global const ELEMENT *restrict x, global ELEMENT *restrict y,
    const pad_numbers numbers, const ulong value) {
    NUMBERS(PAD_LIST)
    const INDEX first = (INDEX)get_global_id(0) * share;
    const INDEX end = first < count ? first + min(share, count - first) : first;
    for (INDEX i = first; i < end; i++) {
        INDEX rest = i, x_at = x_offset, y_at = y_offset;
        bool inside = true;
        CAT(AXES_DOWN_, RANK)(TAKE_AXIS)
        y[y_at] = inside ? x[x_at] : (ELEMENT)value;
    }
}

#if DEVICE_IS_CPU
#include "copy_run.cl"

/* Elements first .. end - 1 of a row of y, whose places in x begin at `row` (null: nowhere). */
static inline void put_together(global const ELEMENT *row, INDEX extent, INDEX before, INDEX first,
    INDEX end, ELEMENT value, ELEMENT *to) {
    INDEX i = first;
    const INDEX left = clamp(before, first, end);
    const INDEX right = row == 0 ? end : clamp(before + extent, left, end);
    for (; i < left; i++) {
#if MODE == 0
        to[i - first] = value;
#else
        to[i - first] = row[source_of(i - before, extent)];
#endif
    }
    if (row != 0) {
        copy_in(row + i - before, to + (i - first), (int)(right - i));
        i = right;
    }
    for (; i < end; i++) {
#if MODE == 0
        to[i - first] = value;
#else
        to[i - first] = row[source_of(i - before, extent)];
#endif
    }
}

kernel void pad_pieces(global const ELEMENT *restrict x, global ELEMENT *restrict y,
    const pad_numbers numbers, const ulong value) {
    NUMBERS(PAD_LIST)
    ELEMENT piece[PIECE];
    const INDEX pieces = (count + PIECE - 1) / PIECE;
    const INDEX last = min((INDEX)(get_global_id(0) + 1) * share, pieces);
    const INDEX inner = CAT(y_extent, INNER), rows = CAT(y_extent, NEXT);
    for (INDEX p = (INDEX)get_global_id(0) * share; p < last; p++) {
        const INDEX start = p * PIECE;
        const int size = (int)min((INDEX)PIECE, count - start);
        INDEX plane = start / inner / rows, row = start / inner % rows, column = start % inner;
        for (int done = 0; done < size; plane++, row = 0) {
            INDEX rest = plane, x_at = x_offset, y_at = 0;
            bool inside = true;
            TAKE_OUTER_AXES
            for (; row < rows && done < size; row++) {
                const int run = (int)min(inner - column, (INDEX)(size - done));
                const INDEX source = source_of(row - CAT(before, NEXT), CAT(x_extent, NEXT));
                put_together(inside && source >= 0 ? x + x_at + source * CAT(x_stride, NEXT) : 0,
                    CAT(x_extent, INNER), CAT(before, INNER), column, column + run, (ELEMENT)value,
                    piece + done);
                done += run;
                column = 0;
            }
        }
        copy_run((const ELEMENT *)piece, y + y_offset + start, size, 0, stream);
    }
}
#endif
