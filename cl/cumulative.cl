/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums along one axis of `count` elements: y[k] = sum of x[j] over j <= k, or with `exclusive` over
 * j < k, for each line, one index of the other axes. Sums from the end come with negative steps. A
 * line is cut into `pieces` of `piece` elements; a task is one piece, of `block` neighbouring lines
 * where those lie end to end. Two kernels:
 *     cumulative_pieces  the sum of each piece but a line's last goes to sums[task][line]; only where
 *                        there are several
 *     cumulative_lines   begins with the sums of the pieces before it, added one by one
 * Each work-item takes neighbouring tasks. Always the same order of additions. `stream`: y will not stay
 * in the caches anyway, store past them.
 *
 * Macros: RANK 1..7, the other axes, axis 0 the innermost, extent0 in units of block; LANES 1, 4, 8 or
 * 16 lines in a vector, VECTORS the most of them in a block, `rest` lines in the last unit; ALONG 1: LANES
 * is 1 and x_step and y_step are both 1 or both -1, SCAN elements at once. REAL_IS_DOUBLE (without ALONG).
 */
#include "common.cl"
#include "numbers.cl"
#include "vector.cl"
#include "stream.cl"
#include "axes.cl"

#define CUMULATIVE_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                             \
    ANY_INDEX(tasks) ANY_INDEX(count) ANY_INDEX(piece) ANY_INDEX(pieces) ANY_INDEX(block)          \
    ANY_INDEX(x_offset) ANY_INDEX(y_offset) ANY_INDEX(x_step) ANY_INDEX(y_step)                    \
    CAT(UP_TO_, RANK)(ANY_INDEX, extent) CAT(UP_TO_, RANK)(ANY_INDEX, x_stride)                    \
    CAT(UP_TO_, RANK)(ANY_INDEX, y_stride) ANY_INT(rest) ANY_INT(exclusive) ANY_INT(stream)        \
    ANY_FLOAT(zero)
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
    int lanes = (int)block;                                                                             \
    {                                                                                              \
        const INDEX coordinate = line % extent0;                                                   \
        line /= extent0;                                                                           \
        MOVE(0, block)                                                                             \
        lanes = coordinate == extent0 - 1 ? rest : (int)block;                                          \
    }                                                                                              \
    CAT(AXES_1_, RANK)(AXIS, LAST_AXIS)

/* How far ahead of itself a work-item asks for elements that lie together, as reduce_engine.cl has it
 * for one line of four. */
#define AHEAD 2112
#define AHEAD_BESIDE 512

#if ALONG
#if DEVICE_FLOAT_WIDTH >= 8 /* two registers of 8: one's steps wait for each other */
#define SCAN 16
#else
#define SCAN 8
#endif
#define VECTOR FLOATS(SCAN)

/* The lanes n before or behind, 0 where there are none; `nothing` is a 0 that the compiler does not
 * know: for one that it knows it takes vexpandps, which on a Zen 4 waits for what its result's register
 * held, so that a vector of 16 took 10 ns instead of 3.5. */
#if SCAN == 16
#define BEFORE_1(v) (VECTOR)(nothing.sf, v.s0123, v.s456789ab, v.scd, v.se)
#define BEFORE_2(v) (VECTOR)(nothing.sef, v.s01, v.s2345, v.s6789abcd)
#define BEFORE_4(v) (VECTOR)(nothing.scdef, v.s0123, v.s456789ab)
#define BEFORE_8(v) (VECTOR)(nothing.hi, v.lo)
#define BEHIND_1(v) (VECTOR)(v.s12345678, v.s9abc, v.sde, v.sf, nothing.s0)
#define BEHIND_2(v) (VECTOR)(v.s23456789, v.sabcd, v.sef, nothing.s01)
#define BEHIND_4(v) (VECTOR)(v.s456789ab, v.scdef, nothing.s0123)
#define BEHIND_8(v) (VECTOR)(v.hi, nothing.lo)
#define LAST_LANE sf
#define SUM_UP(WAY, v)                                                                             \
    v += WAY##_1(v);                                                                               \
    v += WAY##_2(v);                                                                               \
    v += WAY##_4(v);                                                                               \
    v += WAY##_8(v);
#else
#define BEFORE_1(v) (VECTOR)(nothing.s7, v.s0123, v.s45, v.s6)
#define BEFORE_2(v) (VECTOR)(nothing.s67, v.s01, v.s2345)
#define BEFORE_4(v) (VECTOR)(nothing.hi, v.lo)
#define BEHIND_1(v) (VECTOR)(v.s1234, v.s56, v.s7, nothing.s0)
#define BEHIND_2(v) (VECTOR)(v.s2345, v.s67, nothing.s01)
#define BEHIND_4(v) (VECTOR)(v.hi, nothing.lo)
#define LAST_LANE s7
#define SUM_UP(WAY, v)                                                                             \
    v += WAY##_1(v);                                                                               \
    v += WAY##_2(v);                                                                               \
    v += WAY##_4(v);
#endif

/* Elements that come before a vector of memory begins, as steps go. */
static inline INDEX before_vector(const global REAL *y, bool back) {
    const size_t place = (size_t)y / sizeof(REAL);
    return (INDEX)((back ? place + 1 : -place) & (SCAN - 1));
}
#else
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
        STORE(W, sum, sums + task * block + (lane));                                               \
    }
#endif

kernel void cumulative_pieces(
    const global REAL *x_data, global REAL *sums, const cumulative_numbers numbers) {
    NUMBERS(CUMULATIVE_LIST)
    EACH_TASK {
        PLACE
        if (number == pieces - 1) {
            continue;
        }
#if ALONG
        VECTOR sum[4];
        _Pragma("unroll") for (int n = 0; n < 4; n++) sum[n] = (VECTOR)(0.0f);
        REAL rest_sum = 0.0f;
        INDEX j = 0;
        const INDEX to_first = x_step < 0 ? SCAN - 1 : 0;
        for (; j + 4 * SCAN <= length; j += 4 * SCAN) {
            _Pragma("unroll") for (int n = 0; n < 4; n++) {
                const global REAL *x = x_data + x_at + (j + n * SCAN) * x_step - to_first;
                if (n == 0) {
                    ASK_LINE_FAR(x + AHEAD * x_step);
                }
                sum[n] += LOAD(SCAN, x);
            }
        }
        for (; j < length; j++) {
            rest_sum += x_data[x_at + j * x_step];
        }
        sums[task] = SUM_LANES(SCAN, (sum[0] + sum[1]) + (sum[2] + sum[3])) + rest_sum;
#else
        EACH_LANE(ADD_PIECE)
#endif
    }
}

#define BEFORE(W, lane, sum)                                                                       \
    sum = (FLOATS(W))(0.0f);                                                                       \
    for (INDEX p = task - number; p < task; p++) {                                                 \
        sum += LOAD(W, sums + p * block + (lane));                                                 \
    }
#define STEP(W, lane, sum, WRITE)                                                                  \
    {                                                                                              \
        const FLOATS(W) next = sum + LOAD(W, x_data + x_at + (lane) + j * x_step);                 \
        WRITE(W, exclusive ? sum : next, y_data + y_at + (lane) + j * y_step);                     \
        sum = next;                                                                                \
    }
#define SUM_LINE(W, lane)                                                                          \
    {                                                                                              \
        FLOATS(W) sum;                                                                             \
        BEFORE(W, lane, sum)                                                                       \
        for (INDEX j = 0; j < length; j++) {                                                       \
            STEP(W, lane, sum, STORE)                                                              \
        }                                                                                          \
    }
#define VECTORS_OF_LINE(WAY, LAST, to_first)                                                       \
    for (; j + SCAN <= length; j += SCAN) {                                                        \
        const global REAL *x = x_data + x_at + j * x_step - to_first;                             \
        global REAL *y = y_data + y_at + j * y_step - to_first;                                   \
        if ((j & (3 * SCAN)) == 0) {                                                               \
            ASK_LINE_FAR(x + AHEAD * x_step);                                                      \
        }                                                                                          \
        VECTOR v = LOAD(SCAN, x);                                                                  \
        SUM_UP(WAY, v)                                                                             \
        const VECTOR total = (VECTOR)(v.LAST);                                                     \
        v = exclusive ? WAY##_1(v) : v;                                                            \
        v += sum;                                                                                  \
        sum += total;                                                                              \
        if (past) {                                                                                \
            STREAM(SCAN, v, y);                                                                    \
        } else {                                                                                   \
            STORE(SCAN, v, y);                                                                     \
        }                                                                                          \
    }

kernel void cumulative_lines(const global REAL *x_data, global REAL *y_data,
    const global REAL *sums, const cumulative_numbers numbers) {
    NUMBERS(CUMULATIVE_LIST)
    EACH_TASK {
        PLACE
#if ALONG
        const VECTOR nothing = (VECTOR)(zero);
        const bool back = x_step < 0;
        const INDEX head = before_vector(y_data + y_at, back);
        const bool past = stream && length >= 12 * SCAN;
        REAL one;
        BEFORE(1, 0, one)
        INDEX j = 0;
        for (; past && j < head; j++) {
            STEP(1, 0, one, STORE)
        }
        VECTOR sum = (VECTOR)(one);
        if (back) {
            VECTORS_OF_LINE(BEHIND, s0, (SCAN - 1))
        } else {
            VECTORS_OF_LINE(BEFORE, LAST_LANE, 0)
        }
        one = sum.s0;
        for (; j < length; j++) {
            STEP(1, 0, one, STORE)
        }
#else
        int lane = 0;
#if VECTORS > 1
        const int vectors = lanes / LANES;
        const bool past =
            stream && IS_STREAMABLE(LANES, y_data + y_at) && y_step % LANES == 0;
        FLOATS(LANES) sum[VECTORS];
        for (int n = 0; n < vectors; n++) {
            BEFORE(LANES, n * LANES, sum[n])
        }
        for (INDEX j = 0; j < length; j++) {
            if (past) {
                for (int n = 0; n < vectors; n++) {
                    ASK_LINE_FAR(x_data + x_at + n * LANES + j * x_step + AHEAD_BESIDE);
                    STEP(LANES, n * LANES, sum[n], STREAM)
                }
            } else {
                for (int n = 0; n < vectors; n++) {
                    ASK_LINE_FAR(x_data + x_at + n * LANES + j * x_step + AHEAD_BESIDE);
                    STEP(LANES, n * LANES, sum[n], STORE)
                }
            }
        }
        lane = vectors * LANES;
#endif
        for (; lane < lanes; lane++) {
            SUM_LINE(1, lane)
        }
#endif
    }
}
