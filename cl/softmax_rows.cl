/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Softmax and its relatives, softmax_common.cl, along rows that lie side by side in memory and have
 * at least a vector, on processors.
 *
 * Macros, set by src/ops/softmax_launch.c, besides the common ones:
 *     ROOM  floats of the first-level cache for rows done together
 *     LONG  1 where a single row is longer
 * Work-groups of one item; a task is a row. As many rows as fill ROOM floats are done together, so
 * that they stay in the first-level cache through the passes; meanwhile the next ones are fetched. The
 * cross-entropy (MODE 4) of rows that are not LONG goes row by row.
 * `streaming`: the output is larger than the caches.
 *
 * The maxima and sums of up to VECTOR_WIDTH rows are formed across lanes together (ACROSS_ROWS).
 * What is left of a vector at the end of a row is taken together with elements before it that have
 * had their turn, read before those are overwritten.
 */
#include "softmax_common.cl"
#include "stream.cl"

#define VECTOR FLOATS(VECTOR_WIDTH)
#define ADD(a, b) ((a) + (b))
#define SHIFT shift
#define SCALE scale
#define KEEPS_TERMS (HAS_TERMS && !LONG)

/* v[0] = COMBINE over the lanes of row r's vector v[r], in lane r. */
#define ACROSS_ROWS(COMBINE, v)                                                                    \
    _Pragma("unroll") for (int count = VECTOR_WIDTH; count > 1; count /= 2) {                      \
        _Pragma("unroll") for (int r = 0; r < count / 2; r++) {                                    \
            VECTOR even = (VECTOR)(v[2 * r].even, v[2 * r + 1].even);                              \
            VECTOR odd = (VECTOR)(v[2 * r].odd, v[2 * r + 1].odd);                                 \
            v[r] = COMBINE(even, odd);                                                             \
        }                                                                                          \
    }

#define PLACES(name, unused) INDEX name##_place[VECTOR_WIDTH];
#define PLACE(name, unused) name##_place[r] = name##_at;
#define ROW(name, unused) __global const float *name##_row = name##_data + name##_place[r];
#define READ(name, i) VECTOR name = LOAD(VECTOR_WIDTH, name##_row + (i));
/* Of the rows after the next ones. */
#define FETCH(name, i) ASK_LINE_FAR(name##_row + 2 * rows * name##_kept0 + (i));
#define TO_LANES(v, lanes) CAT(vstore, VECTOR_WIDTH)(v, 0, lanes)

/* The terms of a row for its last pass: in private memory, a vector each, the repeating one last;
 * of LONG rows in the output. */
#if KEEPS_TERMS
#define KEEP(i) terms[(i) / VECTOR_WIDTH] = value;
#define KEEP_LAST terms[pitch - 1] = value;
#define OUT_READ(i) VECTOR term = terms[(i) / VECTOR_WIDTH];
#define OUT_READ_LAST VECTOR term = terms[pitch - 1];
#elif HAS_TERMS
#define KEEP(i) STORE(VECTOR_WIDTH, value, out_row + (i));
#define KEEP_LAST KEEP(last)
#define OUT_READ(i) VECTOR term = LOAD(VECTOR_WIDTH, out_row + (i));
#define OUT_READ_LAST OUT_READ(last)
#else
#define KEEP_LAST
#define OUT_READ(i) OUT_INPUTS(READ, i)
#define OUT_READ_LAST OUT_READ(last)
#endif

/* A term is stored, or else added in the same instruction that makes it. */
#if HAS_TERMS
#define ADD_KEPT(accumulator, i)                                                                   \
    VECTOR value = TERM(VECTOR_WIDTH);                                                             \
    KEEP(i)                                                                                        \
    accumulator += value;
#else
#define ADD_KEPT(accumulator, i) accumulator = ADD_TERM(VECTOR_WIDTH, accumulator);
#endif

#define PEAK_STEP(accumulator, i)                                                                  \
    {                                                                                              \
        READ(in0, i)                                                                               \
        accumulator = LARGER(accumulator, in0);                                                    \
    }
#define SUM_STEP(accumulator, i)                                                                   \
    {                                                                                              \
        SUM_INPUTS(READ, i)                                                                        \
        ADD_KEPT(accumulator, i)                                                                   \
    }
#define OUT_STEPS(WRITE)                                                                           \
    for (INDEX i = 0; i < whole; i += VECTOR_WIDTH) {                                              \
        OUT_READ(i)                                                                                \
        WRITE(VECTOR_WIDTH, RESULT(VECTOR_WIDTH) LESS_SHARE(i), out_row + i);                      \
    }

/* Of a weighed loss; weights lie side by side. */
#if MODE >= 4 && WEIGHED
#define WEIGHTS_AT(i)                                                                              \
    (weight_data != 0 ? LOAD(VECTOR_WIDTH, weight_data + weight_offset + (i)) : (VECTOR)(1.0f))
#define LESS_SHARE(i) -share *WEIGHTS_AT(i)

/* The sum of w[c] (max - x[c]) over a row that is in the caches. */
static inline float row_distances(__global const float *row, __global const float *weight_data,
    INDEX weight_offset, VECTOR shift, INDEX whole, INDEX last, VECTOR lane_numbers) {
    VECTOR sum = (VECTOR)(0.0f);
    for (INDEX i = 0; i < whole; i += VECTOR_WIDTH) {
        sum = FMA(WEIGHTS_AT(i), shift - LOAD(VECTOR_WIDTH, row + i), sum);
    }
    const VECTOR rest = WEIGHTS_AT(last) * (shift - LOAD(VECTOR_WIDTH, row + last));
    sum += lane_numbers < (float)(whole - last) ? (VECTOR)(0.0f) : rest;
    return SUM_LANES(VECTOR_WIDTH, sum);
}

/* Of row number n, whose label's element is `own`: what its loss has beside FACTOR L. */
#define TAKE_DISTANCES(n, row, own)                                                                \
    {                                                                                              \
        const float weight = IS_KNOWN(label) ? OWN_SHARE(label) : NAN;                             \
        factors[n] = FACTOR(weight);                                                               \
        distances[n] = weight * (shift.s0 - (own));                                                \
        if (smoothing > 0.0f) {                                                                    \
            distances[n] += smoothing * row_distances(row, weight_data, weight_offset, shift,      \
                                            whole, last, lane_numbers);                            \
        }                                                                                          \
    }
#define LOSS(r)                                                                                    \
    ((IS_IGNORED(LABEL(task + r)) ? 0.0f : FMA(factors[r], lanes[r], distances[r])) / DIVISOR)
#else
#define LESS_SHARE(i)
#define LOSS(r) (lanes[r] + (shifts[r] - owns[r]))
#endif

#if MODE != 4 || LONG
KEEP_APART static void rows_tasks(
    PARAMETERS, INDEX task, const INDEX end, const INDEX work_group) {
    NUMBERS(SOFTMAX_LIST)
    const INDEX most = max(min((INDEX)(ROOM / INPUTS) / length, (INDEX)VECTOR_WIDTH), (INDEX)1);
    const INDEX whole = length / VECTOR_WIDTH * VECTOR_WIDTH;
    const INDEX last = length - VECTOR_WIDTH; /* where the last, perhaps repeating, vector starts */
    float lanes[VECTOR_WIDTH];
    for (int i = 0; i < VECTOR_WIDTH; i++) {
        lanes[i] = i;
    }
    const VECTOR lane_numbers = CAT(vload, VECTOR_WIDTH)(0, lanes);
#if KEEPS_TERMS
    const INDEX pitch = (length + VECTOR_WIDTH - 1) / VECTOR_WIDTH;
    VECTOR kept[ROOM / VECTOR_WIDTH + VECTOR_WIDTH];
#endif
    for (INDEX rows; task < end; task += rows) {
        rows = min(most, end - task);
        EACH(PLACES, 0)
        VECTOR part[VECTOR_WIDTH];
        for (int r = 0; r < VECTOR_WIDTH; r++) {
            INDEX row = min(task + r, end - 1);
            LOCATE
            EACH(PLACE, 0)
            part[r] = (VECTOR)(0.0f);
        }
#if HAS_PEAK
        float shifts[VECTOR_WIDTH];
        for (INDEX r = 0; r < rows; r++) {
            ROW(in0, 0)
            READ(in0, last)
            VECTOR a = in0;
            VECTOR b = in0;
            INDEX i = 0;
            for (; i + 2 * VECTOR_WIDTH <= whole; i += 2 * VECTOR_WIDTH) {
                PEAK_STEP(a, i)
                PEAK_STEP(b, i + VECTOR_WIDTH)
            }
            if (i < whole) {
                PEAK_STEP(a, i)
            }
            part[r] = LARGER(a, b);
        }
        ACROSS_ROWS(LARGER, part)
        part[0] = NO_PEAK(part[0]);
        TO_LANES(part[0], shifts);
#endif
        for (INDEX r = 0; r < rows; r++) {
            EACH_INPUT(ROW, 0)
#if KEEPS_TERMS
            VECTOR *terms = kept + r * pitch;
#else
            __global float *out_row = out_data + out_place[r];
#endif
#if HAS_PEAK
            const VECTOR shift = (VECTOR)(shifts[r]);
#endif
            VECTOR a = (VECTOR)(0.0f);
            VECTOR b = a;
            SUM_INPUTS(READ, last)
            INDEX i = 0;
            for (; i + 2 * VECTOR_WIDTH <= whole; i += 2 * VECTOR_WIDTH) {
#if MODE != 3
                EACH_INPUT(FETCH, i)
                EACH_INPUT(FETCH, i + VECTOR_WIDTH)
#endif
                SUM_STEP(a, i)
                SUM_STEP(b, i + VECTOR_WIDTH)
            }
            if (i < whole) {
                SUM_STEP(a, i)
            }
            if (whole < length) {
                VECTOR value = TERM(VECTOR_WIDTH);
                KEEP_LAST
                b += lane_numbers < (float)(whole - last) ? (VECTOR)(0.0f) : value;
            }
            part[r] = a + b;
        }
        ACROSS_ROWS(ADD, part)
#if MODE == 4
        part[0] = LOG_OF_TERMS(VECTOR_WIDTH, part[0]);
        TO_LANES(part[0], lanes);
        for (INDEX r = 0; r < rows; r++) {
            const int label = LABEL(task + r);
            const float own = IS_KNOWN(label) ? in0_data[in0_place[r] + label] : NAN;
#if WEIGHED
            const VECTOR shift = (VECTOR)(shifts[r]);
            float factors[VECTOR_WIDTH], distances[VECTOR_WIDTH];
            TAKE_DISTANCES(r, in0_data + in0_place[r], own)
            out_data[out_place[r]] = LOSS(r);
#else
            out_data[out_place[r]] = lanes[r] + (shifts[r] - own);
#endif
        }
#else
#if MODE == 5
        TO_LANES(part[0], lanes);
        float factors[VECTOR_WIDTH];
#if WEIGHED
        float shares[VECTOR_WIDTH];
#endif
        for (INDEX r = 0; r < rows; r++) {
            const int label = LABEL(task + r);
            const bool known = IS_KNOWN(label);
            factors[r] = known ? GRADIENT(task + r) : NAN;
#if WEIGHED
            /* The label's element less `own` is its term less that much of the sum. */
            const float own = known ? OWN_SHARE(label) : 0.0f;
            shares[r] = IS_IGNORED(label) ? 0.0f : factors[r] / DIVISOR * smoothing;
            lanes[r] *= own > 0.0f ? own / FACTOR(own) : 0.0f;
            factors[r] *= FACTOR(own);
#endif
            if (known) {
#if LONG
                out_data[out_place[r] + label] -= lanes[r];
#else
                float *terms = (float *)(kept + r * pitch);
                if (label < whole) {
                    terms[label] -= lanes[r];
                }
                if (whole < length && label >= last) {
                    terms[whole + label - last] -= lanes[r];
                }
#endif
            }
        }
        part[0] = CAT(vload, VECTOR_WIDTH)(0, factors) / DIVISOR / part[0];
#else
        SETTLE(VECTOR_WIDTH, part[0])
#endif
        TO_LANES(part[0], lanes);
        for (INDEX r = 0; r < rows; r++) {
#if MODE == 5 && WEIGHED
            lanes[r] = IS_IGNORED(LABEL(task + r)) ? 0.0f : lanes[r];
            const VECTOR share = (VECTOR)(shares[r]);
#endif
            EACH_INPUT(ROW, 0)
            __global float *out_row = out_data + out_place[r];
#if KEEPS_TERMS
            const VECTOR *terms = kept + r * pitch;
#elif HAS_PEAK
            const VECTOR shift = (VECTOR)(shifts[r]);
#endif
            const VECTOR scale = (VECTOR)(lanes[r]);
            OUT_READ_LAST
            if (streaming && IS_STREAMABLE(VECTOR_WIDTH, out_row)) {
                OUT_STEPS(STREAM)
            } else {
                OUT_STEPS(STORE)
            }
            if (whole < length) {
                STORE(VECTOR_WIDTH, RESULT(VECTOR_WIDTH) LESS_SHARE(last), out_row + last);
            }
        }
#endif
    }
}

__kernel void softmax_rows(PARAMETERS) {
    RUN_SHARE(rows_tasks, VECTOR_WIDTH)
}
#else
/* Nothing is written but a loss, so rows need no room together: while a row's terms are added, the maximum
 * of the one ROWS_ON later is formed, which brings that into the first-level cache. */
#include "row_peak.cl"
#define ROW_FROM(number) (in0_data + in0_offset + min(number, end - 1) * in0_kept0)

KEEP_APART static void rows_tasks(
    PARAMETERS, INDEX task, const INDEX end, const INDEX work_group) {
    NUMBERS(SOFTMAX_LIST)
    const INDEX whole = length / VECTOR_WIDTH * VECTOR_WIDTH;
    const INDEX last = length - VECTOR_WIDTH;
    const INDEX ahead = (ROOM / 2 / length + ROWS_ON) * in0_kept0;
    float lanes[VECTOR_WIDTH], owns[VECTOR_WIDTH], shifts[VECTOR_WIDTH + ROWS_ON];
#if WEIGHED
    float factors[VECTOR_WIDTH], distances[VECTOR_WIDTH];
#endif
    for (int i = 0; i < VECTOR_WIDTH; i++) {
        lanes[i] = i;
    }
    const VECTOR lane_numbers = LOAD(VECTOR_WIDTH, lanes);
    for (int r = 0; r < ROWS_ON && task < end; r++) {
        shifts[r] = row_peak(ROW_FROM(task + r), length);
    }
    for (; task < end; task += VECTOR_WIDTH) {
        const INDEX rows = min((INDEX)VECTOR_WIDTH, end - task);
        VECTOR part[VECTOR_WIDTH];
        for (INDEX r = rows; r < VECTOR_WIDTH; r++) {
            part[r] = (VECTOR)(1.0f);
        }
        for (INDEX r = 0; r < rows; r++) {
            __global const float *in0_row = ROW_FROM(task + r);
            __global const float *later = ROW_FROM(task + r + ROWS_ON);
            const VECTOR shift = (VECTOR)(shifts[r]);
            const int label = LABEL(task + r);
            owns[r] = IS_KNOWN(label) ? in0_row[label] : NAN;
#if WEIGHED
            TAKE_DISTANCES(r, in0_row, owns[r])
#endif
            VECTOR a = (VECTOR)(0.0f), b = a;
            VECTOR peak = LOAD(VECTOR_WIDTH, later + last), other = peak;
            INDEX i = 0;
            for (; i + 2 * VECTOR_WIDTH <= whole; i += 2 * VECTOR_WIDTH) {
                ASK_LINE_FAR(in0_row + ahead + i);
                ASK_LINE_FAR(in0_row + ahead + i + VECTOR_WIDTH);
                LATER_PEAK(peak, i)
                LATER_PEAK(other, i + VECTOR_WIDTH)
                SUM_STEP(a, i)
                SUM_STEP(b, i + VECTOR_WIDTH)
            }
            if (i < whole) {
                LATER_PEAK(peak, i)
                SUM_STEP(a, i)
            }
            if (whole < length) {
                READ(in0, last)
                const VECTOR value = TERM(VECTOR_WIDTH);
                b += lane_numbers < (float)(whole - last) ? (VECTOR)(0.0f) : value;
            }
            part[r] = a + b;
            peak = LARGER(peak, other);
            shifts[r + ROWS_ON] = MAX_LANES(VECTOR_WIDTH, peak);
        }
        ACROSS_ROWS(ADD, part)
        part[0] = LOG_OF_TERMS(VECTOR_WIDTH, part[0]);
        TO_LANES(part[0], lanes);
        for (INDEX r = 0; r < rows; r++) {
            out_data[out_offset + (task + r) * out_kept0] = LOSS(r);
        }
        for (int r = 0; r < ROWS_ON; r++) {
            shifts[r] = shifts[rows + r];
        }
    }
}

__kernel void softmax_rows(PARAMETERS) {
    RUN_SHARE(rows_tasks, VECTOR_WIDTH)
}
#endif
