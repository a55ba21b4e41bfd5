/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cross-entropy, its gradient and that of the logarithm of softmax, MODE 3 to 5 of
 * softmax_common.cl, along rows of a few elements that lie side by side in memory, on processors.
 * Work-groups of one item; a task is a row. VECTOR_WIDTH rows, a group, are turned in registers, so that a
 * row is a lane and its elements are vectors: nothing goes across lanes, and the label's element is met
 * on the way. Gradients are turned back and put together to vectors without gaps.
 *
 * What is done with a group waits for itself at several places, and a processor does not see far enough
 * to do two groups at once: so a group's elements are turned while the terms of the one before are formed
 * and the results of the one before that written.
 *
 * Macros, set by src/ops/softmax_launch.c, besides the common ones:
 *     LENGTH  elements of a row, less than 16: each has its program, whose vectors are registers. For
 *             gradients from 8 on, and VECTOR_WIDTH is 16
 *     SUMS    MODE 4; 1: work-item i writes the sum of its rows' losses to element i, 0: each row's is
 *             written
 * KEPT_RANK is 1. `streaming`: the output is larger than the caches.
 */
#include "softmax_common.cl"
#include "softmax_spread.cl"
#include "stream.cl"
#define TURN_ELEMENT float
#define TURN_LANES VECTOR_WIDTH
#include "turn.cl"

#define VECTOR FLOATS(VECTOR_WIDTH)
#define LANES INTS(VECTOR_WIDTH)
#define SQUARES ((LENGTH + VECTOR_WIDTH - 1) / VECTOR_WIDTH)
#define PITCH (SQUARES * VECTOR_WIDTH)
/* Floats between what is asked for and what is read. */
#define AHEAD (2176 / LENGTH * LENGTH)
/* Maxima and sums of a group that are formed beside each other, and groups whose logarithms are taken
 * together: else they would be a chain of latencies. */
#define CHAINS 4
#define GROUPS 8
#define EACH_CHAIN _Pragma("unroll") for (int n = 0; n < CHAINS; n++)
#define JOIN_CHAINS(COMBINE, v)                                                                    \
    v[0] = COMBINE(v[0], v[2]);                                                                    \
    v[1] = COMBINE(v[1], v[3]);                                                                    \
    v[0] = COMBINE(v[0], v[1]);
#define ADD(a, b) ((a) + (b))
#define SHIFT shift
#define SCALE scale
#define EACH_ROW _Pragma("unroll") for (int r = 0; r < VECTOR_WIDTH; r++)
#define EACH_SQUARE _Pragma("unroll") for (int q = 0; q < SQUARES; q++)
#define EACH_ELEMENT _Pragma("unroll") for (int c = 0; c < LENGTH; c++)
#define EACH_PLACE(rows)                                                                           \
    KEEP_ROLLED for (int r = 0; r < (rows); r++) KEEP_ROLLED for (int c = 0; c < LENGTH; c++)

#define TAKE_ROWS(from, pitch)                                                                     \
    EACH_SQUARE EACH_ROW x[q * VECTOR_WIDTH + r] =                                                 \
        LOAD(VECTOR_WIDTH, (from) + r * (pitch) + q * VECTOR_WIDTH);

/* x[c] = element c of a group, its first row at `from`, rows `pitch` apart; behind the `rows`-th, that one
 * again. `direct`: they follow each other, and a vector behind each row may be read. */
static inline void take_group(
    __global const float *from, INDEX pitch, int rows, bool direct, VECTOR *x) {
    if (direct) {
        TAKE_ROWS(from, LENGTH)
    } else {
        float spare[VECTOR_WIDTH * PITCH];
        EACH_PLACE(VECTOR_WIDTH) {
            spare[r * PITCH + c] = from[min(r, rows - 1) * pitch + c];
        }
        TAKE_ROWS(spare, PITCH)
    }
    EACH_SQUARE turn(x + q * VECTOR_WIDTH);
}

/* Group `done` of this work-item: its first row, how many there are. */
#define LOCATE_GROUP(done)                                                                         \
    const INDEX row = begin + (done)*VECTOR_WIDTH;                                                 \
    const int rows = (int)min(end - row, (INDEX)VECTOR_WIDTH);
/* Whether a vector behind each row of a group is no other work-item's. */
#define IS_DIRECT(name)                                                                            \
    (name##_kept0 == LENGTH && (row + VECTOR_WIDTH - 1) * LENGTH + PITCH <= end * LENGTH)
#define FIRST_OF(name) (name##_data + name##_offset + row * name##_kept0)
#define ASK_ELEMENT(first) ASK_LINE_FAR((first) + AHEAD + c * VECTOR_WIDTH);

#if MODE == 3
/* A group without gaps: owners tells which row's sum belongs to a lane. */
#define WRITE_GROUP(y, dy, WRITE, to)                                                              \
    EACH_ELEMENT {                                                                                 \
        const VECTOR in0 = LOAD(VECTOR_WIDTH, (y) + c * VECTOR_WIDTH);                             \
        const VECTOR in1 = LOAD(VECTOR_WIDTH, (dy) + c * VECTOR_WIDTH);                            \
        const VECTOR scale = spread(sums[0], owners[c]);                                           \
        const VECTOR value = RESULT(VECTOR_WIDTH);                                                 \
        ASK_ELEMENT(y)                                                                             \
        ASK_ELEMENT(dy)                                                                            \
        WRITE(VECTOR_WIDTH, value, (to) + c * VECTOR_WIDTH);                                       \
    }

KEEP_APART static void turned_tasks(
    PARAMETERS, INDEX task, const INDEX end, const INDEX work_group) {
    NUMBERS(SOFTMAX_LIST)
    LANES owners[LENGTH];
    for (int i = 0; i < VECTOR_WIDTH * LENGTH; i++) {
        ((int *)owners)[i] = i / LENGTH;
    }
    const INDEX begin = task;
    const bool flat = in0_kept0 == LENGTH && out_kept0 == LENGTH;
    for (INDEX group = 0; begin + group * VECTOR_WIDTH < end; group++) {
        LOCATE_GROUP(group)
        __global const float *y = FIRST_OF(in0);
        __global const float *dy = FIRST_OF(in1);
        __global float *to = FIRST_OF(out);
        const bool direct = flat && IS_DIRECT(in1);
        VECTOR x[PITCH], sums[CHAINS];
        take_group(dy, in1_kept0, rows, direct, x);
        EACH_CHAIN sums[n] = (VECTOR)(0.0f);
        EACH_ELEMENT sums[c % CHAINS] += x[c];
        JOIN_CHAINS(ADD, sums)
        if (direct && streaming && IS_STREAMABLE(VECTOR_WIDTH, to)) {
            WRITE_GROUP(y, dy, STREAM, to)
        } else if (direct) {
            WRITE_GROUP(y, dy, STORE, to)
        } else {
            float results[VECTOR_WIDTH * LENGTH], others[VECTOR_WIDTH * LENGTH];
            EACH_PLACE(VECTOR_WIDTH) {
                results[r * LENGTH + c] = y[min(r, rows - 1) * in0_kept0 + c];
                others[r * LENGTH + c] = dy[min(r, rows - 1) * in1_kept0 + c];
            }
            WRITE_GROUP(results, others, STORE, results)
            EACH_PLACE(rows) {
                to[r * out_kept0 + c] = results[r * LENGTH + c];
            }
        }
    }
}

__kernel void softmax_turned(PARAMETERS) {
    RUN_SHARE(turned_tasks, VECTOR_WIDTH)
}
#else

/* Of a group's rows; behind the last one, its again. */
typedef LANES unaligned_lanes __attribute__((aligned(4)));
#define TAKE_LABELS(label)                                                                         \
    if (rows == VECTOR_WIDTH && labels_kept0 == 1) {                                               \
        label = *(__global const unaligned_lanes *)(labels_data + labels_offset + row);            \
    } else {                                                                                       \
        KEEP_ROLLED for (int r = 0; r < VECTOR_WIDTH; r++) {                                       \
            ((int *)&(label))[r] = LABEL(row + min(r, rows - 1));                                  \
        }                                                                                          \
    }
#define TAKE_GRADIENTS(gradient)                                                                   \
    if (dloss_data != 0 && dloss_kept0 != 0) {                                                     \
        KEEP_ROLLED for (int r = 0; r < VECTOR_WIDTH; r++) {                                       \
            ((float *)&(gradient))[r] = GRADIENT(row + min(r, rows - 1));                          \
        }                                                                                          \
    } else {                                                                                       \
        gradient = (VECTOR)(GRADIENT(0));                                                          \
    }

#if WEIGHED
/* The weights of the classes, so that the label's is met on the way as its element is. */
#define TAKE_WEIGHTS                                                                               \
    float weights[LENGTH];                                                                         \
    KEEP_ROLLED for (int c = 0; c < LENGTH; c++) {                                                 \
        weights[c] = WEIGHT_OF(c);                                                                 \
    }
#define ARE_SKIPPED(label) (((label) == ignored) & (LANES)(-ignores))
#else
#define TAKE_WEIGHTS
#endif

/* Two groups' worth of what a step leaves to the next one. */
#define SLOT(n) ((n)&1)
#define SLOT_OF(vectors, n) ((vectors) + SLOT(n) * LENGTH)

/* The first step: elements and maxima. */
#define TURN_GROUP(group)                                                                          \
    {                                                                                              \
        LOCATE_GROUP(group)                                                                        \
        VECTOR x[PITCH], peak[CHAINS];                                                             \
        take_group(FIRST_OF(in0), in0_kept0, rows, IS_DIRECT(in0), x);                             \
        EACH_CHAIN peak[n] = x[min(n, LENGTH - 1)];                                                \
        EACH_ELEMENT {                                                                             \
            peak[c % CHAINS] = LARGER(peak[c % CHAINS], x[c]);                                     \
            SLOT_OF(elements, group)[c] = x[c];                                                    \
        }                                                                                          \
        JOIN_CHAINS(LARGER, peak)                                                                  \
        peaks[SLOT(group)] = peak[0];                                                              \
    }

#if MODE == 4
/* The second step: terms; their sum, and of the label's element the difference to the maximum, which comes
 * first: beside a large one the logarithm would be lost. */
#define ADD_GROUP(group)                                                                           \
    {                                                                                              \
        LOCATE_GROUP(group)                                                                        \
        const VECTOR shift = peaks[SLOT(group)];                                                   \
        VECTOR own = (VECTOR)(NAN), sums[CHAINS];                                                  \
        LANES label;                                                                               \
        TAKE_LABELS(label)                                                                         \
        EACH_CHAIN sums[n] = (VECTOR)(0.0f);                                                       \
        EACH_ELEMENT {                                                                             \
            const VECTOR in0 = SLOT_OF(elements, group)[c];                                        \
            own = label == c ? in0 : own;                                                          \
            ASK_ELEMENT(FIRST_OF(in0))                                                             \
            sums[c % CHAINS] = ADD_TERM(VECTOR_WIDTH, sums[c % CHAINS]);                           \
        }                                                                                          \
        JOIN_CHAINS(ADD, sums)                                                                     \
        totals[(group) % GROUPS] = sums[0];                                                        \
        differences[(group) % GROUPS] = shift - own;                                               \
    }
#if WEIGHED
/* What the weighed loss has beside FACTOR times the logarithm; 0 times that of 1 for skipped rows. */
#define WEIGH_GROUP(group)                                                                         \
    {                                                                                              \
        LOCATE_GROUP(group)                                                                        \
        const VECTOR shift = peaks[SLOT(group)];                                                   \
        VECTOR share = (VECTOR)(NAN), far = (VECTOR)(0.0f);                                        \
        LANES label;                                                                               \
        TAKE_LABELS(label)                                                                         \
        const LANES skipped = ARE_SKIPPED(label);                                                  \
        EACH_ELEMENT {                                                                             \
            share = label == c ? (VECTOR)(own_share * weights[c]) : share;                         \
            far = FMA((VECTOR)(weights[c]), shift - SLOT_OF(elements, group)[c], far);             \
        }                                                                                          \
        VECTOR rest = share * differences[(group) % GROUPS];                                       \
        if (smoothing > 0.0f) {                                                                    \
            rest = FMA((VECTOR)(smoothing), far, rest);                                            \
        }                                                                                          \
        differences[(group) % GROUPS] = skipped ? (VECTOR)(0.0f) : rest;                           \
        factors[(group) % GROUPS] = skipped ? (VECTOR)(0.0f) : FACTOR(share);                      \
        totals[(group) % GROUPS] = skipped ? (VECTOR)(0x1p40f) : totals[(group) % GROUPS];         \
    }
#define LOSSES(group)                                                                              \
    (FMA(factors[group], LOG_OF_TERMS(VECTOR_WIDTH, totals[group]), differences[group]) / DIVISOR)
#else
#define WEIGH_GROUP(group)
#define LOSSES(group) (LOG_OF_TERMS(VECTOR_WIDTH, totals[group]) + differences[group])
#endif

KEEP_APART static void turned_tasks(
    PARAMETERS, INDEX task, const INDEX end, const INDEX work_group) {
    NUMBERS(SOFTMAX_LIST)
    VECTOR elements[2 * LENGTH], peaks[2], totals[GROUPS], differences[GROUPS];
#if WEIGHED
    VECTOR factors[GROUPS];
#endif
    TAKE_WEIGHTS
#if SUMS
    VECTOR sum = (VECTOR)(0.0f);
    LANES lane_numbers;
    for (int lane = 0; lane < VECTOR_WIDTH; lane++) {
        ((int *)&lane_numbers)[lane] = lane;
    }
#endif
    const INDEX begin = task;
    const INDEX groups = (end - begin + VECTOR_WIDTH - 1) / VECTOR_WIDTH;
    for (INDEX step = 0; begin < end && step <= groups; step++) {
        if (step < groups) {
            TURN_GROUP(step)
        }
        if (step == 0) {
            continue;
        }
        ADD_GROUP(step - 1)
        WEIGH_GROUP(step - 1)
        if (step < groups && step % GROUPS != 0) {
            continue;
        }
#if SUMS && WEIGHED
        for (INDEX group = (step - 1) / GROUPS * GROUPS; group < step; group++) {
            LOCATE_GROUP(group)
            const LANES inside = lane_numbers < rows;
            const VECTOR loss = LOSSES(group % GROUPS);
            sum += inside ? loss : (VECTOR)(0.0f);
        }
#elif SUMS
        /* The logarithm of a product: of at most GROUPS sums of at most 16 terms. */
        VECTOR product = (VECTOR)(1.0f), part = (VECTOR)(0.0f);
        for (INDEX group = (step - 1) / GROUPS * GROUPS; group < step; group++) {
            LOCATE_GROUP(group)
            const LANES inside = lane_numbers < rows;
            product *= inside ? totals[group % GROUPS] * 0x1p-40f : (VECTOR)(1.0f);
            part += inside ? differences[group % GROUPS] : (VECTOR)(0.0f);
        }
        sum += part + CAT(math_log_, VECTOR_WIDTH)(product);
#else
        for (INDEX group = (step - 1) / GROUPS * GROUPS; group < step; group++) {
            LOCATE_GROUP(group)
            const VECTOR loss = LOSSES(group % GROUPS);
            if (rows == VECTOR_WIDTH && out_kept0 == 1) {
                STORE(VECTOR_WIDTH, loss, out_data + out_offset + row);
            } else {
                KEEP_ROLLED for (int r = 0; r < rows; r++) {
                    out_data[out_offset + (row + r) * out_kept0] = ((const float *)&loss)[r];
                }
            }
        }
#endif
    }
#if SUMS
    out_data[work_group] = SUM_LANES(VECTOR_WIDTH, sum);
#endif
}

__kernel void softmax_turned(PARAMETERS) {
    RUN_SHARE(turned_tasks, VECTOR_WIDTH)
}
#else

/* The second step: terms, and what their sum decides. */
#define ADD_GROUP(group)                                                                           \
    {                                                                                              \
        LOCATE_GROUP(group)                                                                        \
        const VECTOR shift = peaks[SLOT(group)];                                                   \
        VECTOR sums[CHAINS], gradient;                                                             \
        LANES label;                                                                               \
        EACH_CHAIN sums[n] = (VECTOR)(0.0f);                                                       \
        EACH_ELEMENT {                                                                             \
            const VECTOR in0 = SLOT_OF(elements, group)[c], term = TERM(VECTOR_WIDTH);             \
            ASK_ELEMENT(FIRST_OF(in0))                                                             \
            SLOT_OF(terms, group)[c] = term;                                                       \
            sums[c % CHAINS] += term;                                                              \
        }                                                                                          \
        JOIN_CHAINS(ADD, sums)                                                                     \
        TAKE_LABELS(label)                                                                         \
        TAKE_GRADIENTS(gradient)                                                                   \
        const LANES known = (label >= 0) & (label < LENGTH);                                       \
        const VECTOR slope = (known ? gradient : (VECTOR)(NAN)) / DIVISOR;                         \
        labels[SLOT(group)] = label;                                                               \
        SET_SCALES(SLOT(group))                                                                    \
    }
#if WEIGHED
/* The label's element less `own` is its term less that much of the sum; skipped rows' scale is 0. */
#define SET_SCALES(slot)                                                                           \
    const LANES skipped = ARE_SKIPPED(label);                                                      \
    VECTOR own = (VECTOR)(0.0f);                                                                   \
    EACH_ELEMENT own = label == c ? (VECTOR)(own_share * weights[c]) : own;                        \
    const VECTOR factor = FACTOR(own);                                                             \
    totals[slot] = own > 0.0f ? sums[0] * (own / factor) : (VECTOR)(0.0f);                         \
    scales[slot] = skipped ? (VECTOR)(0.0f) : slope * factor / sums[0];                            \
    shares[slot] = skipped ? (VECTOR)(0.0f) : slope * smoothing;
#define LESS_SHARE -shares[SLOT(group)] * weights[c]
#else
#define SET_SCALES(slot)                                                                           \
    totals[slot] = sums[0];                                                                        \
    scales[slot] = slope / sums[0];
#define LESS_SHARE
#endif

/* Vector k of 16 rows of at least 8 elements without gaps: of two rows' lanes, then of a third's. */
#define JOIN_ROW(k, lane) ((16 * k + lane) / LENGTH - 16 * k / LENGTH)
#define JOIN_COLUMN(k, lane) ((16 * k + lane) % LENGTH)
#define JOIN_TWO(k, lane) (JOIN_ROW(k, lane) > 0 ? 16 + JOIN_COLUMN(k, lane) : JOIN_COLUMN(k, lane))
#define JOIN_THIRD(k, lane) (JOIN_ROW(k, lane) > 1 ? 16 + JOIN_COLUMN(k, lane) : lane)
#define JOIN_LANES(F, k)                                                                           \
    F(k, 0), F(k, 1), F(k, 2), F(k, 3), F(k, 4), F(k, 5), F(k, 6), F(k, 7), F(k, 8), F(k, 9),      \
        F(k, 10), F(k, 11), F(k, 12), F(k, 13), F(k, 14), F(k, 15)
#define JOIN_OF(k, n) x[min(16 * k / LENGTH + n, 15)]
#define JOINED(k, WRITE)                                                                           \
    if (k < LENGTH) {                                                                              \
        VECTOR v = PICK_LANES(float, 16, JOIN_OF(k, 0), JOIN_OF(k, 1), JOIN_LANES(JOIN_TWO, k));   \
        if (JOIN_ROW(k, 15) > 1) {                                                                 \
            v = PICK_LANES(float, 16, v, JOIN_OF(k, 2), JOIN_LANES(JOIN_THIRD, k));                \
        }                                                                                          \
        WRITE(16, v, to + 16 * k);                                                                 \
    }
#define JOIN_ALL(WRITE)                                                                            \
    JOINED(0, WRITE) JOINED(1, WRITE) JOINED(2, WRITE) JOINED(3, WRITE) JOINED(4, WRITE)           \
    JOINED(5, WRITE) JOINED(6, WRITE) JOINED(7, WRITE) JOINED(8, WRITE) JOINED(9, WRITE)           \
    JOINED(10, WRITE) JOINED(11, WRITE) JOINED(12, WRITE) JOINED(13, WRITE) JOINED(14, WRITE)

/* The last step, from elements in registers to rows in memory. */
#define WRITE_GROUP                                                                                \
    _Pragma("unroll") for (int c = LENGTH; c < 16; c++) x[c] = (VECTOR)(0.0f);                     \
    turn(x);                                                                                       \
    if (flat && streaming && IS_STREAMABLE(VECTOR_WIDTH, to)) {                                    \
        JOIN_ALL(STREAM)                                                                           \
    } else if (flat) {                                                                             \
        JOIN_ALL(STORE)                                                                            \
    } else {                                                                                       \
        float results[16 * 16];                                                                    \
        EACH_ROW STORE(VECTOR_WIDTH, x[r], results + r * 16);                                      \
        EACH_PLACE(rows) {                                                                         \
            to[r * out_kept0 + c] = results[r * 16 + c];                                           \
        }                                                                                          \
    }

KEEP_APART static void turned_tasks(
    PARAMETERS, INDEX task, const INDEX end, const INDEX work_group) {
    NUMBERS(SOFTMAX_LIST)
    VECTOR elements[2 * LENGTH], peaks[2], terms[2 * LENGTH], totals[2], scales[2];
    LANES labels[2];
#if WEIGHED
    VECTOR shares[2];
#endif
    TAKE_WEIGHTS
    const INDEX begin = task;
    const INDEX groups = (end - begin + VECTOR_WIDTH - 1) / VECTOR_WIDTH;
    for (INDEX step = 0; begin < end && step <= groups + 1; step++) {
        if (step < groups) {
            TURN_GROUP(step)
        }
        if (step > 0 && step <= groups) {
            ADD_GROUP(step - 1)
        }
        if (step > 1) {
            const INDEX group = step - 2;
            LOCATE_GROUP(group)
            __global float *to = FIRST_OF(out);
            const bool flat = rows == VECTOR_WIDTH && out_kept0 == LENGTH;
            VECTOR x[PITCH];
            EACH_ELEMENT {
                const VECTOR whole = SLOT_OF(terms, group)[c];
                const VECTOR scale = scales[SLOT(group)];
                const VECTOR term =
                    labels[SLOT(group)] == c ? whole - totals[SLOT(group)] : whole;
                x[c] = RESULT(VECTOR_WIDTH) LESS_SHARE;
            }
            WRITE_GROUP
        }
    }
}

__kernel void softmax_turned(PARAMETERS) {
    RUN_SHARE(turned_tasks, VECTOR_WIDTH)
}
#endif
#endif
