/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums along one axis of `count` elements: y[k] = sum of x[j] over j <= k, or with `exclusive` over
 * j < k, for each line, one index of the other axes. Sums from the end come with negative steps. A
 * line is cut into `pieces` of `piece` elements; a task is one piece, of BLOCK = LANES * VECTORS
 * neighbouring lines where those lie end to end. Two kernels:
 *     cumulative_pieces  the sum of each piece goes to sums[task][line]; only where there are several
 *     cumulative_lines   begins with the sums of the pieces before it, added one by one
 * Each work-item takes neighbouring tasks. Always the same order of additions.
 *
 * Macros: RANK 1..7, the other axes, axis 0 the innermost, extent0 in units of BLOCK; LANES 1, 4, 8 or
 * 16, VECTORS 1 or more, `rest` lines in the last unit; ALONG 1: LANES is 1 and x_step and y_step are
 * both 1 or both -1, eight elements at once.
 */
#include "common.cl"
#include "numbers.cl"
#include "vector.cl"
#include "axes.cl"

#define BLOCK (LANES * VECTORS)

#define CUMULATIVE_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                             \
    ANY_INDEX(tasks) ANY_INDEX(count) ANY_INDEX(piece) ANY_INDEX(pieces) ANY_INDEX(x_offset)       \
    ANY_INDEX(y_offset) ANY_INDEX(x_step) ANY_INDEX(y_step) CAT(UP_TO_, RANK)(ANY_INDEX, extent)   \
    CAT(UP_TO_, RANK)(ANY_INDEX, x_stride) CAT(UP_TO_, RANK)(ANY_INDEX, y_stride)                  \
    ANY_INT(rest) ANY_INT(exclusive)
typedef struct cumulative_numbers {
    NUMBER_MEMBERS(CUMULATIVE_LIST)
} cumulative_numbers;

#define MOVE(axis, size)                                                                           \
    x_at += coordinate * size * x_stride##axis;                                                    \
    y_at += coordinate * size * y_stride##axis;
#define AXIS(axis)                                                                                 \
    {                                                                                              \
        const INDEX coordinate = line % extent##axis;                                              \
        line /= extent##axis;                                                                      \
        MOVE(axis, 1)                                                                              \
    }
#define LAST_AXIS(axis)                                                                            \
    {                                                                                              \
        const INDEX coordinate = line;                                                             \
        MOVE(axis, 1)                                                                              \
    }

/* The tasks of a work-item; where the piece of each begins, its length, and how many lanes. */
#define EACH_TASK                                                                                  \
    const INDEX share = (tasks + (INDEX)get_global_size(0) - 1) / (INDEX)get_global_size(0);       \
    const INDEX first_task = (INDEX)get_global_id(0) * share;                                      \
    const INDEX end_task = min(first_task + share, tasks);                                         \
    for (INDEX task = first_task; task < end_task; task++)
#define PLACE                                                                                      \
    INDEX line = task / pieces;                                                                    \
    const INDEX number = task - line * pieces;                                                     \
    const INDEX length = min(piece, count - number * piece);                                       \
    INDEX x_at = x_offset + number * piece * x_step;                                               \
    INDEX y_at = y_offset + number * piece * y_step;                                               \
    int lanes = BLOCK;                                                                             \
    {                                                                                              \
        const INDEX coordinate = line % extent0;                                                   \
        line /= extent0;                                                                           \
        MOVE(0, BLOCK)                                                                             \
        lanes = coordinate == extent0 - 1 ? rest : BLOCK;                                          \
    }                                                                                              \
    CAT(AXES_1_, RANK)(AXIS, LAST_AXIS)

/* All lines of a task: whole vectors, then one by one. */
#define EACH_LANE(DO)                                                                              \
    int lane = 0;                                                                                  \
    for (; lane + LANES <= lanes; lane += LANES) {                                                 \
        DO(LANES, lane)                                                                            \
    }                                                                                              \
    for (; lane < lanes; lane++) {                                                                 \
        DO(1, lane)                                                                                \
    }

#define ADD_PIECE(W, lane)                                                                         \
    {                                                                                              \
        FLOATS(W) sum = (FLOATS(W))(0.0f);                                                         \
        for (INDEX j = 0; j < length; j++) {                                                       \
            sum += LOAD(W, x_data + x_at + (lane) + j * x_step);                                   \
        }                                                                                          \
        STORE(W, sum, sums + task * BLOCK + (lane));                                               \
    }

kernel void cumulative_pieces(
    const global float *x_data, global float *sums, const cumulative_numbers numbers) {
    NUMBERS(CUMULATIVE_LIST)
    EACH_TASK {
        PLACE
#if ALONG
        float8 a = 0.0f, b = 0.0f;
        float sum = 0.0f;
        INDEX j = 0;
        const INDEX to_first = x_step < 0 ? 7 : 0;
        for (; j + 16 <= length; j += 16) {
            a += LOAD(8, x_data + x_at + j * x_step - to_first);
            b += LOAD(8, x_data + x_at + (j + 8) * x_step - to_first);
        }
        for (; j < length; j++) {
            sum += x_data[x_at + j * x_step];
        }
        sums[task] = SUM_LANES(8, a + b) + sum;
#else
        EACH_LANE(ADD_PIECE)
#endif
    }
}

#define BEFORE(W, lane, sum)                                                                       \
    sum = (FLOATS(W))(0.0f);                                                                       \
    for (INDEX p = task - number; p < task; p++) {                                                 \
        sum += LOAD(W, sums + p * BLOCK + (lane));                                                 \
    }
#define STEP(W, lane, sum)                                                                         \
    {                                                                                              \
        const FLOATS(W) next = sum + LOAD(W, x_data + x_at + (lane) + j * x_step);                 \
        STORE(W, exclusive ? sum : next, y_data + y_at + (lane) + j * y_step);                     \
        sum = next;                                                                                \
    }
#define SUM_LINES(W, lane)                                                                         \
    {                                                                                              \
        FLOATS(W) sum;                                                                             \
        BEFORE(W, lane, sum)                                                                       \
        for (INDEX j = 0; j < length; j++) {                                                       \
            STEP(W, lane, sum)                                                                     \
        }                                                                                          \
    }

#if ALONG
/* Sums of the lanes up to each. */
static inline float8 sums_of_eight(float8 v) {
    v += (float8)(0.0f, v.s0, v.s1, v.s2, v.s3, v.s4, v.s5, v.s6);
    v += (float8)(0.0f, 0.0f, v.s0, v.s1, v.s2, v.s3, v.s4, v.s5);
    v += (float8)(0.0f, 0.0f, 0.0f, 0.0f, v.s0, v.s1, v.s2, v.s3);
    return v;
}
#endif

kernel void cumulative_lines(const global float *x_data, global float *y_data,
    const global float *sums, const cumulative_numbers numbers) {
    NUMBERS(CUMULATIVE_LIST)
    EACH_TASK {
        PLACE
#if ALONG
        float sum;
        BEFORE(1, 0, sum)
        INDEX j = 0;
        const bool back = x_step < 0;
        const INDEX to_first = back ? 7 : 0;
        for (; j + 8 <= length; j += 8) {
            float8 v = LOAD(8, x_data + x_at + j * x_step - to_first);
            v = sums_of_eight(back ? v.s76543210 : v);
            const float total = v.s7;
            v = exclusive ? (float8)(0.0f, v.s0, v.s1, v.s2, v.s3, v.s4, v.s5, v.s6) : v;
            v += sum;
            STORE(8, back ? v.s76543210 : v, y_data + y_at + j * y_step - to_first);
            sum += total;
        }
        for (; j < length; j++) {
            STEP(1, 0, sum)
        }
#else
#if VECTORS > 1
        if (lanes == BLOCK) {
            FLOATS(LANES) sum[VECTORS];
            for (int n = 0; n < VECTORS; n++) {
                BEFORE(LANES, n * LANES, sum[n])
            }
            for (INDEX j = 0; j < length; j++) {
                for (int n = 0; n < VECTORS; n++) {
                    STEP(LANES, n * LANES, sum[n])
                }
            }
            continue;
        }
#endif
        EACH_LANE(SUM_LINES)
#endif
    }
}
