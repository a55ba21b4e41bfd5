/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For kernels that form the maximum of the row ROWS_ON later while they add up the terms of one, which
 * brings that row into the first-level cache: LATER_PEAK of each vector of `later`, and the maxima of
 * the first rows. Rows lie side by side and have a vector at least. Include after vector.cl.
 */
#define ROWS_ON 2
#define LATER_PEAK(accumulator, i)                                                                 \
    {                                                                                              \
        const FLOATS(VECTOR_WIDTH) x = LOAD(VECTOR_WIDTH, later + (i));                            \
        accumulator = LARGER(accumulator, x);                                                      \
    }

static inline float row_peak(__global const float *later, INDEX length) {
    FLOATS(VECTOR_WIDTH) peak = LOAD(VECTOR_WIDTH, later + length - VECTOR_WIDTH);
    KEEP_ROLLED
    for (INDEX i = 0; i + VECTOR_WIDTH <= length; i += VECTOR_WIDTH) {
        LATER_PEAK(peak, i)
    }
    return MAX_LANES(VECTOR_WIDTH, peak);
}
