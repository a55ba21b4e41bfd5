/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elements chosen by indices. y's axes are known to x and to the indices by strides, 0 where they have
 * no such axis; v is the index of an element of y, in 0 .. extent - 1 after extent was added to a
 * negative one:
 *     -DONE_HOT=0   y = x[x_at + v * step], `other` where v is out of range
 *     -DONE_HOT=1   y = x_at == v ? on : other; x is not read
 *   -DRANK=4|8, -DINNER=RANK-1   axes, filled up with leading ones of extent 1
 *   -DELEMENT=uchar|uint|ulong, -DTILE=elements in 64 bytes, -DINDICES=int|long
 *
 * gather_elements: work-item i does elements i * share .. of y in row-major order.
 * gather_rows: processors, work-groups of one; y lies in one piece, the last axis of x too, and the
 * index is the same along it. Work-item i does pieces i * share .. of PIECE elements of y: short rows are
 * put together in private memory, and go to y in long runs, past the caches with `stream`.
 */
#include "common.cl"
#include "numbers.cl"
#include "axes.cl"

#define PIECE 2048
#define GATHER_AXIS(ANY, i) ANY(extent##i) ANY(y_stride##i) ANY(x_stride##i) ANY(i_stride##i)
#define GATHER_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                 \
    ANY_INDEX(count) ANY_INDEX(share) ANY_INDEX(x_offset) ANY_INDEX(y_offset) ANY_INDEX(i_offset)  \
    ANY_INDEX(extent) ANY_INDEX(step) CAT(AXES_OF_, RANK)(GATHER_AXIS, ANY_INDEX) ANY_INDEX(stream)
typedef struct gather_numbers {
    NUMBER_MEMBERS(GATHER_LIST)
} gather_numbers;

#define TAKE_AXIS(i)                                                                               \
    {                                                                                              \
        const INDEX at = rest % extent##i;                                                         \
        rest /= extent##i;                                                                         \
        x_at += at * x_stride##i;                                                                  \
        y_at += at * y_stride##i;                                                                  \
        i_at += at * i_stride##i;                                                                  \
    }
#define TAKE_OUTER_AXES CAT(AXES_DOWN_, INNER)(TAKE_AXIS)

/* -1: out of range. */
static inline INDEX known_index(INDICES index, INDEX extent) {
    const INDICES v = index < 0 ? index + (INDICES)extent : index;
    return v >= 0 && v < (INDICES)extent ? (INDEX)v : -1;
}

kernel void gather_elements(global const ELEMENT *restrict x, global const INDICES *restrict indices,
    global ELEMENT *restrict y, const gather_numbers numbers, const ulong other, const ulong on) {
    NUMBERS(GATHER_LIST)
    INDEX first = (INDEX)get_global_id(0) * share;
    const INDEX end = first < count ? first + min(share, count - first) : first;
    const INDEX inner_extent = CAT(extent, INNER);
    while (first < end) {
        const INDEX inner = first % inner_extent;
        const INDEX run = min(inner_extent - inner, end - first);
        INDEX rest = first / inner_extent;
        INDEX x_at = x_offset + inner * CAT(x_stride, INNER);
        INDEX y_at = y_offset + inner * CAT(y_stride, INNER);
        INDEX i_at = i_offset + inner * CAT(i_stride, INNER);
        TAKE_OUTER_AXES
        for (INDEX i = 0; i < run; i++) {
            const INDEX v = known_index(indices[i_at], extent);
#if ONE_HOT
            y[y_at] = (ELEMENT)(v == x_at ? on : other);
#else
            y[y_at] = v >= 0 ? x[x_at + v * step] : (ELEMENT)other;
#endif
            x_at += CAT(x_stride, INNER);
            y_at += CAT(y_stride, INNER);
            i_at += CAT(i_stride, INNER);
        }
        first += run;
    }
}

#if DEVICE_IS_CPU && !ONE_HOT
#include "copy_run.cl"

/* Rows from here on go to y as they are, asking for the one that follows, which may lie anywhere. */
#define LONG_ROW (12 * LANES)
/* A row's index, and its place in x. */
#define FIND_ROW(row, v, place)                                                                    \
    {                                                                                              \
        INDEX rest = row, x_at = x_offset, y_at = 0, i_at = i_offset;                              \
        TAKE_OUTER_AXES                                                                            \
        v = known_index(indices[i_at], extent);                                                    \
        place = x_at + max(v, (INDEX)0) * step;                                                    \
    }

kernel void gather_rows(global const ELEMENT *restrict x, global const INDICES *restrict indices,
    global ELEMENT *restrict y, const gather_numbers numbers, const ulong other, const ulong on) {
    NUMBERS(GATHER_LIST)
    ELEMENT piece[PIECE];
    const INDEX pieces = (count + PIECE - 1) / PIECE;
    const INDEX last = min((INDEX)(get_global_id(0) + 1) * share, pieces);
    const INDEX inner = CAT(extent, INNER), rows = count / inner;
    for (INDEX p = (INDEX)get_global_id(0) * share; p < last; p++) {
        const INDEX start = p * PIECE;
        const int size = (int)min((INDEX)PIECE, count - start);
        INDEX row = start / inner, column = start - row * inner, v, from;
        FIND_ROW(row, v, from)
        for (int done = 0; done < size; row++) {
            const int run = (int)min(inner - column, (INDEX)(size - done));
            global ELEMENT *to = y + y_offset + start + done;
            INDEX next_v, next;
            FIND_ROW(min(row + 1, rows - 1), next_v, next)
            if (v < 0) {
                for (int i = 0; i < run; i++) {
                    piece[done + i] = (ELEMENT)other;
                }
                if (inner >= LONG_ROW) {
                    copy_run((const ELEMENT *)piece + done, to, run, 0, stream);
                }
            } else if (inner >= LONG_ROW) {
                copy_run(x + from + column, to, run, next - from, stream);
            } else {
                copy_in(x + from + column, piece + done, run);
            }
            done += run;
            column = 0;
            v = next_v;
            from = next;
        }
        if (inner < LONG_ROW) {
            copy_run((const ELEMENT *)piece, y + y_offset + start, size, 0, stream);
        }
    }
}
#endif
