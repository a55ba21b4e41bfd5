/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cross-entropy of softmax_common.cl, MODE 4, along rows of a few elements that lie side by side
 * in memory, on processors. Work-groups of one item; a task is a row. VECTOR_WIDTH rows are turned
 * in registers, so that a row is a lane and its elements are vectors: nothing goes across lanes, and
 * the label's element is picked on the way.
 *
 * Macros, set by src/ops/softmax_launch.c, besides the common ones:
 *     LENGTH  elements of a row, less than 16: each has its program, whose vectors are registers
 *     SUMS    1: work-item i writes the sum of its rows' losses to element i, 0: each row's is written
 */
#include "softmax_common.cl"
#define TURN_ELEMENT float
#define TURN_LANES VECTOR_WIDTH
#include "turn.cl"

#define VECTOR FLOATS(VECTOR_WIDTH)
#define LANES INTS(VECTOR_WIDTH)
#define SQUARES ((LENGTH + VECTOR_WIDTH - 1) / VECTOR_WIDTH)
#define PITCH (SQUARES * VECTOR_WIDTH)
/* Rows between what is asked for and what is read. */
#define ROWS_AHEAD (2176 / LENGTH)
/* Groups of VECTOR_WIDTH rows whose logarithms are taken together, and maxima and sums of a group that are
 * formed beside each other: a group at a time would be a single chain of latencies. */
#define GROUPS 8
#define CHAINS 4
#define EACH_CHAIN _Pragma("unroll") for (int n = 0; n < CHAINS; n++)
#define JOIN_CHAINS(COMBINE, v)                                                                    \
    v[0] = COMBINE(v[0], v[2]);                                                                    \
    v[1] = COMBINE(v[1], v[3]);                                                                    \
    v[0] = COMBINE(v[0], v[1]);
#define ADD(a, b) ((a) + (b))
#define SHIFT shift
#define EACH_ROW _Pragma("unroll") for (int r = 0; r < VECTOR_WIDTH; r++)
#define EACH_SQUARE _Pragma("unroll") for (int q = 0; q < SQUARES; q++)
#define EACH_ELEMENT _Pragma("unroll") for (int c = 0; c < LENGTH; c++)
#define TAKE_ROWS(from, pitch)                                                                     \
    EACH_SQUARE EACH_ROW x[q * VECTOR_WIDTH + r] =                                                 \
        LOAD(VECTOR_WIDTH, from + r * (pitch) + q * VECTOR_WIDTH);

typedef LANES unaligned_lanes __attribute__((aligned(4)));

__kernel void softmax_turned(PARAMETERS LABEL_PARAMETERS, const int streaming) {
    /* From here on a whole vector from a row's beginning might end behind the tensor. */
    const INDEX safe_end = (tasks - 1) * in0_kept0 + LENGTH - PITCH;
    VECTOR totals[GROUPS], differences[GROUPS];
#if SUMS
    VECTOR sum = (VECTOR)(0.0f);
    LANES lane_numbers;
    for (int lane = 0; lane < VECTOR_WIDTH; lane++) {
        ((int *)&lane_numbers)[lane] = lane;
    }
#endif
    SHARE(VECTOR_WIDTH)
    while (task < end) {
        const INDEX first = task;
        int groups = 0;
        for (; groups < GROUPS && task < end; groups++, task += VECTOR_WIDTH) {
            const int rows = (int)min(end - task, (INDEX)VECTOR_WIDTH);
            const bool whole = rows == VECTOR_WIDTH;
            __global const float *from = in0_data + in0_offset + task * in0_kept0;
            VECTOR x[PITCH];
            if (whole && in0_kept0 >= 0 && (task + VECTOR_WIDTH - 1) * in0_kept0 <= safe_end) {
                TAKE_ROWS(from, in0_kept0)
            } else {
                float spare[VECTOR_WIDTH * PITCH];
                KEEP_ROLLED for (int r = 0; r < VECTOR_WIDTH; r++) {
                    KEEP_ROLLED for (int c = 0; c < PITCH; c++) {
                        spare[r * PITCH + c] =
                            c < LENGTH ? from[min(r, rows - 1) * in0_kept0 + c] : 0.0f;
                    }
                }
                TAKE_ROWS(spare, PITCH)
            }
            _Pragma("unroll") for (int line = 0; line < LENGTH; line++) {
                ASK_LINE_FAR(from + ROWS_AHEAD * in0_kept0 + line * VECTOR_WIDTH);
            }
            LANES label;
            if (whole && labels_kept0 == 1) {
                label = *(__global const unaligned_lanes *)(labels_data + labels_offset + task);
            } else {
                KEEP_ROLLED for (int r = 0; r < VECTOR_WIDTH; r++) {
                    ((int *)&label)[r] = LABEL(task + min(r, rows - 1));
                }
            }
            EACH_SQUARE turn(x + q * VECTOR_WIDTH);
            VECTOR own = (VECTOR)(NAN), peaks[CHAINS], sums[CHAINS];
            EACH_CHAIN peaks[n] = x[min(n, LENGTH - 1)];
            EACH_ELEMENT peaks[c % CHAINS] = LARGER(peaks[c % CHAINS], x[c]);
            JOIN_CHAINS(LARGER, peaks)
            const VECTOR shift = peaks[0];
            EACH_CHAIN sums[n] = (VECTOR)(0.0f);
            EACH_ELEMENT {
                const VECTOR in0 = x[c];
                own = label == c ? in0 : own;
                sums[c % CHAINS] = ADD_TERM(VECTOR_WIDTH, sums[c % CHAINS]);
            }
            JOIN_CHAINS(ADD, sums)
            totals[groups] = sums[0];
            /* First of all: beside a large maximum the logarithm would be lost. */
            differences[groups] = shift - own;
        }
#if SUMS
        VECTOR part = (VECTOR)(0.0f);
#endif
        for (int g = 0; g < groups; g++) {
            const INDEX row = first + g * VECTOR_WIDTH;
            const VECTOR loss = LOG_OF_TERMS(VECTOR_WIDTH, totals[g]) + differences[g];
#if SUMS
            part += lane_numbers < (int)min(end - row, (INDEX)VECTOR_WIDTH) ? loss : (VECTOR)(0.0f);
#else
            if (row + VECTOR_WIDTH <= end && out_kept0 == 1) {
                STORE(VECTOR_WIDTH, loss, out_data + out_offset + row);
            } else {
                KEEP_ROLLED for (int r = 0; r < min(end - row, (INDEX)VECTOR_WIDTH); r++) {
                    out_data[out_offset + (row + r) * out_kept0] = ((const float *)&loss)[r];
                }
            }
#endif
        }
#if SUMS
        sum += part;
#endif
    }
#if SUMS
    out_data[get_group_id(0)] = SUM_LANES(VECTOR_WIDTH, sum);
#endif
}
