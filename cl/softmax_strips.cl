/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Softmax and its relatives, softmax_common.cl, along an axis whose neighbours are other rows
 * (kept stride 1), on processors. Work-groups of one item; a task is a strip of `strip` rows side by
 * side, a lane of vectors each.
 *
 * What the last pass needs is kept in local memory, so that device memory is read once and written
 * once (gradients read y twice): `kept` has room for `length` elements of each row of a strip,
 * terms, x or dy, and for a maximum a block of BLOCK_ROWS. Terms are relative to the maximum up to their
 * block, and what was summed before it is scaled down to it (Milakov & Gimelshein 2018, *Online
 * normalizer calculation for softmax*); the last pass multiplies by what is missing. While a block
 * is worked on, the next one is asked for, and while gradients are written, the next strip: the
 * steps from element to element are too long for the processor to guess.
 *
 * Macros, set by src/ops/softmax_launch.c, besides the common ones:
 *     STRIP  the most rows of a strip
 * `streaming`: the output is larger than the caches.
 */
#include "softmax_common.cl"
#include "stream.cl"

#define BLOCK_ROWS 16
#define SHIFT shift
#define SCALE scale

/* Vector n of element i, of a strip of `vectors` vectors of W rows: in device memory, and where it
 * is kept. */
#define PLACE(W, name, i) (name##_data + name##_at + (i)*name##_step + n * W)
#define READ(name, W) const FLOATS(W) name = LOAD(W, PLACE(W, name, i));
#define ASK(name, W) ASK_LINE(PLACE(W, name, i + BLOCK_ROWS), 0);
#define ASK_NEXT(name, W) ASK_LINE_FAR(PLACE(W, name, i) + strip);
#define KEPT_AT(W, i) (kept + ((i)*vectors + n) * W)
#define PEAK_AT(W, block) KEPT_AT(W, length + (block))
#define AGAIN(W, name) const FLOATS(W) name = LOAD(W, KEPT_AT(W, i));
#define EACH_VECTOR for (INDEX n = 0; n < vectors; n++)
#define EACH_OF_BLOCK for (INDEX i = begin; i < stop; i++)

/* A block of vector n: its part of the sum. */
#if HAS_PEAK
#define SUM_BLOCK(W)                                                                               \
    const FLOATS(W) old_peak = peaks[n];                                                           \
    FLOATS(W) peak = old_peak;                                                                     \
    EACH_OF_BLOCK {                                                                                \
        READ(in0, W)                                                                               \
        peak = LARGER(peak, in0);                                                                  \
        STORE(W, in0, KEPT_AT(W, i));                                                              \
    }                                                                                              \
    peaks[n] = peak;                                                                               \
    STORE(W, peak, PEAK_AT(W, begin / BLOCK_ROWS));                                                \
    const FLOATS(W) shift = NO_PEAK(peak);                                                         \
    totals[n] *= CAT(math_exp_down_, W)(old_peak - shift);                                         \
    EACH_OF_BLOCK {                                                                                \
        AGAIN(W, in0)                                                                              \
        ASK(in0, W)                                                                                \
        const FLOATS(W) term = TERM(W);                                                            \
        KEEP_TERM(W)                                                                               \
        part += term;                                                                              \
    }
#else
#define SUM_BLOCK(W)                                                                               \
    EACH_OF_BLOCK {                                                                                \
        SUM_INPUTS(READ, W)                                                                        \
        SUM_INPUTS(ASK, W)                                                                         \
        const FLOATS(W) term = TERM(W);                                                            \
        KEEP_INPUTS(W)                                                                             \
        part += term;                                                                              \
    }
#endif
#if MODE == 0
#define KEEP_TERM(W) STORE(W, term, KEPT_AT(W, i));
#define FINISH_BLOCK(W)                                                                            \
    EACH_VECTOR {                                                                                  \
        const FLOATS(W) peak = LOAD(W, PEAK_AT(W, begin / BLOCK_ROWS));                            \
        factors[n] = totals[n] * CAT(math_exp_down_, W)(peak - NO_PEAK(peaks[n]));                 \
    }
#define OUT_READ(W)                                                                                \
    const FLOATS(W) scale = factors[n];                                                            \
    AGAIN(W, term)
#elif MODE == 1
#define KEEP_TERM(W)
#define FINISH_BLOCK(W)
#define OUT_READ(W)                                                                                \
    const FLOATS(W) shift = NO_PEAK(peaks[n]), scale = totals[n];                                  \
    AGAIN(W, in0)
#else
#define KEEP_INPUTS(W) STORE(W, in1, KEPT_AT(W, i));
#define OUT_ASK(W) EACH_INPUT(ASK_NEXT, W)
#define FINISH_BLOCK(W)
#define OUT_READ(W)                                                                                \
    const FLOATS(W) scale = totals[n];                                                             \
    READ(in0, W)                                                                                   \
    ASK(in0, W)                                                                                    \
    AGAIN(W, in1)
#endif

#ifndef OUT_ASK
#define OUT_ASK(W)
#endif
#define OUT_ROW(W) (out_data + out_at + i * out_step)
#define WRITE_ELEMENT(W, WRITE)                                                                    \
    EACH_VECTOR {                                                                                  \
        OUT_READ(W)                                                                                \
        OUT_ASK(W)                                                                                 \
        WRITE(W, RESULT(W), PLACE(W, out, i));                                                     \
    }

/* `vectors` vectors of W rows from in0_at, in1_at, out_at on. */
#define ALONG(W)                                                                                   \
    {                                                                                              \
        FLOATS(W) peaks[STRIP / W], totals[STRIP / W], factors[STRIP / W];                         \
        EACH_VECTOR {                                                                              \
            peaks[n] = (FLOATS(W))(-INFINITY);                                                     \
            totals[n] = (FLOATS(W))(0.0f);                                                         \
        }                                                                                          \
        for (INDEX begin = 0; begin < length; begin += BLOCK_ROWS) {                               \
            const INDEX stop = min(begin + BLOCK_ROWS, length);                                    \
            EACH_VECTOR {                                                                          \
                FLOATS(W) part = (FLOATS(W))(0.0f);                                                \
                SUM_BLOCK(W)                                                                       \
                totals[n] += part;                                                                 \
            }                                                                                      \
        }                                                                                          \
        EACH_VECTOR {                                                                              \
            SETTLE(W, totals[n])                                                                   \
        }                                                                                          \
        for (INDEX begin = 0; begin < length; begin += BLOCK_ROWS) {                               \
            const INDEX stop = min(begin + BLOCK_ROWS, length);                                    \
            FINISH_BLOCK(W)                                                                        \
            EACH_OF_BLOCK {                                                                        \
                if (streaming && W > 1 && IS_STREAMABLE(W, OUT_ROW(W))) {                          \
                    WRITE_ELEMENT(W, STREAM)                                                       \
                } else {                                                                           \
                    WRITE_ELEMENT(W, STORE)                                                        \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }
#define MOVE_ON(name, count) name##_at += (count);

__kernel void softmax_strips(
    PARAMETERS, const int streaming, const INDEX strip, __local float *kept) {
    const INDEX strips = (extent0 + strip - 1) / strip;
    SHARE(1)
    for (; task < end; task++) {
        INDEX row = task / strips;
        const INDEX column = (task - row * strips) * strip;
        const INDEX left = min(strip, extent0 - column);
        EACH(BEGIN, 0)
        OUTER
        EACH(MOVE_ON, column)
        INDEX vectors = left / VECTOR_WIDTH;
        if (vectors > 0) {
            ALONG(VECTOR_WIDTH)
        }
#if VECTOR_WIDTH > 1
        EACH(MOVE_ON, vectors *VECTOR_WIDTH)
        vectors = left - vectors * VECTOR_WIDTH;
        if (vectors > 0) {
            ALONG(1)
        }
#endif
    }
}
