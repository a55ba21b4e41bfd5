/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How reduce_rows of reduce_engine.cl forms the logarithm of the sum of exponentials along rows of one unit
 * whose elements, f32, lie side by side: WHOLE_ROWS, before all other work, and then it is done. While a row's terms
 * are added, the maximum of the one ROWS_ON later is formed, which brings that into the first-level cache, so
 * that nothing waits for what goes across lanes. A row with an infinite maximum is taken element by element.
 * Include in reduce_blocks.cl.
 */
#if REDUCED_RANK == 1 && INPUTS == 1 && in0_inner == 1 && in0_type == 1 && !PARTS
#include "row_peak.cl"
#define FLOATS_AHEAD 2048
#define ADD_VECTOR(sum, i)                                                                         \
    sum = CAT(add_term_, VECTOR_WIDTH)(sum, LOAD(VECTOR_WIDTH, row + (i)) - shift);

#define LANE_NUMBER(lane) 0x##lane
#define LANE_NUMBERS ((FLOATS(VECTOR_WIDTH))(CAT(BY_, VECTOR_WIDTH)(LANE_NUMBER)))

/* *total = the sum of exp(x - most) 2^40 over a row. The result is the maximum of a later one. */
KEEP_APART static float add_row(__global const float *row, __global const float *later, INDEX length,
    INDEX ahead, float most, float *total) {
    const FLOATS(VECTOR_WIDTH) shift = (FLOATS(VECTOR_WIDTH))(most);
    FLOATS(VECTOR_WIDTH) a = (FLOATS(VECTOR_WIDTH))(0.0f), b = a;
    FLOATS(VECTOR_WIDTH) peak = LOAD(VECTOR_WIDTH, later + length - VECTOR_WIDTH), other = peak;
    INDEX i = 0;
    for (; i + 2 * VECTOR_WIDTH <= length; i += 2 * VECTOR_WIDTH) {
        ASK_LINE_FAR(row + ahead + i);
        ASK_LINE_FAR(row + ahead + i + VECTOR_WIDTH);
        LATER_PEAK(peak, i)
        LATER_PEAK(other, i + VECTOR_WIDTH)
        ADD_VECTOR(a, i)
        ADD_VECTOR(b, i + VECTOR_WIDTH)
    }
    if (i + VECTOR_WIDTH <= length) {
        LATER_PEAK(peak, i)
        ADD_VECTOR(a, i)
        i += VECTOR_WIDTH;
    }
    if (i < length) { /* those lanes of the last vector that have not had their turn */
        const FLOATS(VECTOR_WIDTH) rest =
            CAT(term_, VECTOR_WIDTH)(LOAD(VECTOR_WIDTH, row + length - VECTOR_WIDTH) - shift);
        b += LANE_NUMBERS < (float)(VECTOR_WIDTH - (int)(length - i)) ? (FLOATS(VECTOR_WIDTH))(0.0f) : rest;
    }
    *total = SUM_LANES(VECTOR_WIDTH, a + b);
    peak = LARGER(peak, other);
    return MAX_LANES(VECTOR_WIDTH, peak);
}

#define WHOLE_ROWS                                                                                 \
    if (units == 1 && reduced_extent0 >= VECTOR_WIDTH) {                                           \
        const INDEX ahead = (FLOATS_AHEAD / reduced_extent0 + ROWS_ON) * in0_kept0;                \
        float peaks[ROWS_ON] = {0.0f, 0.0f};                                                       \
        for (INDEX row = task - ROWS_ON; row < end; row++) {                                       \
            INDEX later_at;                                                                        \
            {                                                                                      \
                const INDEX task = min(row + ROWS_ON, end - 1);                                    \
                SLICE                                                                              \
                ALL_KEPT                                                                           \
                later_at = in0_base;                                                               \
            }                                                                                      \
            __global const float *later = in0_data + later_at;                                     \
            const float most = peaks[0];                                                           \
            peaks[0] = peaks[1];                                                                   \
            if (row < task) {                                                                      \
                peaks[1] = row_peak(later, reduced_extent0);                                       \
                continue;                                                                          \
            }                                                                                      \
            const INDEX task = row;                                                                \
            SLICE                                                                                  \
            ALL_KEPT                                                                               \
            LOCATE(0)                                                                              \
            STATE(1) across = NOTHING(1);                                                          \
            peaks[1] = add_row(in0_data + in0_at, later, reduced_extent0, ahead, most, &across.b); \
            across.a = most;                                                                       \
            across.b *= 0x1p-40f;                                                                  \
            if (fabs(most) == INFINITY) {                                                          \
                across = NOTHING(1);                                                               \
                KEEP_ROLLED                                                                        \
                for (INDEX i = 0; i < reduced_extent0; i++) {                                      \
                    COLLECT(1, across, i)                                                          \
                }                                                                                  \
            }                                                                                      \
            PUT(1, 0, across)                                                                      \
        }                                                                                          \
        return;                                                                                    \
    }
#endif
