/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Softmax and its relatives, softmax_common.cl, along an axis whose neighbours are other rows
 * (kept stride 1), on processors. Work-groups of one item; a task is a strip of `strip` rows side by
 * side, a lane of vectors each.
 *
 * The inputs are read twice, for the sums and for the results, both times in runs as wide as the
 * strip: the results go past the caches, so that this costs no more than a copy that reads what it is
 * about to overwrite, and less where the strip stays in a cache. Sums are formed of BLOCK_ROWS elements
 * at a time; terms are relative to the maximum up to their block, and what was summed before it is scaled
 * down to it (Milakov & Gimelshein 2018, *Online normalizer calculation for softmax*). What is read soon
 * is asked for: the steps from element to element are too long for the processor to guess. The second
 * reading goes backwards, from what is still in the caches.
 *
 * Macros, set by src/ops/softmax_launch.c, besides the common ones:
 *     STRIP  the most rows of a strip
 * `streaming`: the output is larger than the caches.
 */
#include "softmax_common.cl"
#include "stream.cl"

#define BLOCK_ROWS 8
#define SHIFT shift
#define SCALE scale

/* Vector n of element i, of a strip of `vectors` vectors of W rows. */
#define PLACE(W, name, i) (name##_data + name##_at + (i)*name##_step + n * W)
#define READ(name, W) const FLOATS(W) name = LOAD(W, PLACE(W, name, i));
/* Of a block, the vectors so many further on, of the next block where this one ends. */
#define VECTORS_AHEAD min((INDEX)32, vectors)
#define ASK_BLOCK(name, W)                                                                         \
    ASK_LINE_FAR(PLACE(W, name, i) + VECTORS_AHEAD * W +                                           \
                 (n + VECTORS_AHEAD < vectors ? 0 : BLOCK_ROWS * name##_step - vectors * W));
#define ASK_NEXT(name, W) ASK_LINE_FAR(PLACE(W, name, i - 2));
#define EACH_VECTOR for (INDEX n = 0; n < vectors; n++)
#define EACH_OF_BLOCK for (INDEX i = begin; i < stop; i++)
#define EACH_OF_WHOLE_BLOCK                                                                        \
    _Pragma("unroll") for (INDEX i = begin; i < begin + BLOCK_ROWS; i++)

/* A block of vector n: its part of the sum. `x` keeps a whole block's elements in registers. */
#if HAS_PEAK
#define TAKE_PEAK(W)                                                                               \
    peaks[n] = peak;                                                                               \
    const FLOATS(W) shift = NO_PEAK(peak);                                                         \
    totals[n] *= CAT(term_, W)(old_peak - shift) * 0x1p-40f;
/* Terms of softmax itself may be relative to less than the maximum, which is kept until one that is far
 * greater comes; of its logarithm, where all but nothing is left of the largest element, they may not. */
#if MODE == 0
#define FAR_GREATER 4.0f
#define ANY_1(m) (m)
#define ANY_2(m) (as_short(convert_char2(m)) != 0)
#define ANY_4(m) (as_int(convert_char4(m)) != 0)
#define ANY_8(m) (as_long(convert_char8(m)) != 0)
#define ANY_16(m) ((as_long2(convert_char16(m)).x | as_long2(convert_char16(m)).y) != 0)
#define RAISE_PEAK(W)                                                                              \
    FLOATS(W) shift = NO_PEAK(old_peak);                                                           \
    if (CAT(ANY_, W)(peak > old_peak + FAR_GREATER)) {                                             \
        peaks[n] = peak;                                                                           \
        shift = NO_PEAK(peak);                                                                     \
        totals[n] *= CAT(term_, W)(old_peak - shift) * 0x1p-40f;                                   \
    }
#else
#define RAISE_PEAK TAKE_PEAK
#endif
#define SUM_WHOLE_BLOCK(W)                                                                         \
    const FLOATS(W) old_peak = peaks[n];                                                           \
    FLOATS(W) peak = old_peak;                                                                     \
    FLOATS(W) x[BLOCK_ROWS];                                                                       \
    EACH_OF_WHOLE_BLOCK {                                                                          \
        READ(in0, W)                                                                               \
        ASK_BLOCK(in0, W)                                                                          \
        peak = LARGER(peak, in0);                                                                  \
        x[i - begin] = in0;                                                                        \
    }                                                                                              \
    RAISE_PEAK(W)                                                                                  \
    EACH_OF_WHOLE_BLOCK {                                                                          \
        const FLOATS(W) in0 = x[i - begin];                                                        \
        part = ADD_TERM(W, part);                                                                  \
    }
#define SUM_BLOCK(W)                                                                               \
    const FLOATS(W) old_peak = peaks[n];                                                           \
    FLOATS(W) peak = old_peak;                                                                     \
    EACH_OF_BLOCK {                                                                                \
        READ(in0, W)                                                                               \
        peak = LARGER(peak, in0);                                                                  \
    }                                                                                              \
    TAKE_PEAK(W)                                                                                   \
    EACH_OF_BLOCK {                                                                                \
        READ(in0, W)                                                                               \
        part = ADD_TERM(W, part);                                                                  \
    }
#else
#define SUM_WHOLE_BLOCK(W)                                                                         \
    EACH_OF_WHOLE_BLOCK {                                                                          \
        SUM_INPUTS(READ, W)                                                                        \
        SUM_INPUTS(ASK_BLOCK, W)                                                                   \
        part = ADD_TERM(W, part);                                                                  \
    }
#define SUM_BLOCK(W)                                                                               \
    EACH_OF_BLOCK {                                                                                \
        SUM_INPUTS(READ, W)                                                                        \
        part = ADD_TERM(W, part);                                                                  \
    }
#endif
#define ADD_BLOCK(W, SUM)                                                                          \
    EACH_VECTOR {                                                                                  \
        FLOATS(W) part = (FLOATS(W))(0.0f);                                                        \
        SUM(W)                                                                                     \
        totals[n] += part;                                                                         \
    }
/* Single rows, of which there are few, need no block of their own. */
#define ADD_WHOLE_BLOCKS(W)                                                                        \
    for (; W > 1 && begin + BLOCK_ROWS <= length; begin += BLOCK_ROWS) {                           \
        ADD_BLOCK(W, SUM_WHOLE_BLOCK)                                                              \
    }

#define OUT_ROW(W) (out_data + out_at + i * out_step)
#if HAS_PEAK
#define OUT_TERM(W) const FLOATS(W) shift = peaks[n], term = TERM(W);
#else
#define OUT_TERM(W)
#endif
#define WRITE_ELEMENT(W, WRITE)                                                                    \
    EACH_VECTOR {                                                                                  \
        const FLOATS(W) scale = totals[n];                                                         \
        EACH_INPUT(READ, W)                                                                        \
        EACH_INPUT(ASK_NEXT, W)                                                                    \
        OUT_TERM(W)                                                                                \
        WRITE(W, RESULT(W), PLACE(W, out, i));                                                     \
    }

/* `vectors` vectors of W rows, at most MOST, from in0_at, in1_at, out_at on. */
#define ALONG(W, MOST)                                                                             \
    {                                                                                              \
        FLOATS(W) peaks[MOST], totals[MOST];                                                       \
        EACH_VECTOR {                                                                              \
            peaks[n] = (FLOATS(W))(-INFINITY);                                                     \
            totals[n] = (FLOATS(W))(0.0f);                                                         \
        }                                                                                          \
        INDEX begin = 0;                                                                           \
        ADD_WHOLE_BLOCKS(W)                                                                        \
        for (; begin < length; begin += BLOCK_ROWS) {                                              \
            const INDEX stop = min(begin + BLOCK_ROWS, length);                                    \
            ADD_BLOCK(W, SUM_BLOCK)                                                                \
        }                                                                                          \
        EACH_VECTOR {                                                                              \
            SETTLE(W, totals[n])                                                                   \
            peaks[n] = NO_PEAK(peaks[n]);                                                          \
        }                                                                                          \
        for (INDEX i = length - 1; i >= 0; i--) {                                                  \
            if (streaming && W > 1 && IS_STREAMABLE(W, OUT_ROW(W))) {                              \
                WRITE_ELEMENT(W, STREAM)                                                           \
            } else {                                                                               \
                WRITE_ELEMENT(W, STORE)                                                            \
            }                                                                                      \
        }                                                                                          \
    }
#define MOVE_ON(name, count) name##_at += (count);

KEEP_APART static void strips_tasks(
    PARAMETERS, INDEX task, const INDEX end, const INDEX work_group) {
    NUMBERS(SOFTMAX_LIST)
    const INDEX strips = (extent0 + strip - 1) / strip;
    for (; task < end; task++) {
        INDEX row = task / strips;
        const INDEX column = (task - row * strips) * strip;
        const INDEX left = min(strip, extent0 - column);
        EACH(BEGIN, 0)
        OUTER
        EACH(MOVE_ON, column)
        INDEX vectors = left / VECTOR_WIDTH;
        if (vectors > 0) {
            ALONG(VECTOR_WIDTH, STRIP / VECTOR_WIDTH)
        }
#if VECTOR_WIDTH > 1
        EACH(MOVE_ON, vectors *VECTOR_WIDTH)
        vectors = left - vectors * VECTOR_WIDTH;
        if (vectors > 0) {
            ALONG(1, VECTOR_WIDTH)
        }
#endif
    }
}

__kernel void softmax_strips(PARAMETERS) {
    RUN_SHARE(strips_tasks, 1)
}
