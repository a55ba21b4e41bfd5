/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Softmax and its relatives, softmax_common.cl, along one axis of any tensor.
 *
 * Macros, set by src/ops/softmax_launch.c, besides the common ones:
 *     FORM             which kernel, and so the work of one work-item (a task):
 *         1  softmax_columns  COLUMN_VECTORS vectors of rows side by side along kept axis 0; groups
 *                             of 1
 *         2  softmax_groups   a whole work-group (a power of two) for a row, with trees in local
 *                             memory (an element a work-item)
 *         3  softmax_items    a row, element by element
 *     COLUMN_VECTORS   for form 1, whose `streaming` tells that the output is larger than the caches
 *     ROW_TYPE         cleat_type of an element, where it is f16 or bf16
 *     in0_inner, in1_inner, out_inner  stride along which vectors lie: 0 the same element, 1
 *                      neighbours, 2 any other
 */
#ifdef ROW_TYPE
#define ROW_ELEMENT ushort
#endif
#include "softmax_common.cl"
#include "stream.cl"
#include "element.cl"
#ifdef ROW_TYPE
HALF_FUNCTIONS(ROW_TYPE, 1)
#if VECTOR_WIDTH > 1
HALF_FUNCTIONS(ROW_TYPE, VECTOR_WIDTH)
ELEMENT_FUNCTIONS(ushort, VECTOR_WIDTH)
#endif
#define IS_HALF 1
#else
#define ROW_TYPE 1
#define IS_HALF 0
#endif

/* Rows whose sum is formed apart: with maxima, few enough to stay in the first-level cache. */
#define BLOCK_ROWS (HAS_PEAK ? 16 : 128)

/* W elements, the first of them number i of its row, or in form 1 element i of W rows. */
#if FORM == 1
#define LANES(name) name##_kept0
#define PLACE(W, name) (name##_data + name##_at + i * name##_step + n * W * name##_kept0)
#else
#define LANES(name) name##_step
#define PLACE(W, name) (name##_data + name##_at + i * name##_step)
#endif
#define READ_0(W, name) (FLOATS(W))(LOAD_VALUES(ROW_TYPE, 1, PLACE(W, name)))
#define READ_1(W, name) LOAD_VALUES(ROW_TYPE, W, PLACE(W, name))
#define READ_2(W, name) GATHER_VALUES(ROW_TYPE, W, PLACE(W, name), LANES(name))
#define READ(name, W) FLOATS(W) name = CAT(READ_, CAT(name, _inner))(W, name);
#define WRITE_0(W, v) SCATTER_VALUES(ROW_TYPE, W, v, PLACE(W, out), LANES(out))
#define WRITE_1(W, v) STORE_VALUES(ROW_TYPE, W, v, PLACE(W, out))
#define WRITE_2(W, v) SCATTER_VALUES(ROW_TYPE, W, v, PLACE(W, out), LANES(out))
#define WRITE(W, v) CAT(WRITE_, out_inner)(W, v);

/* The three passes, each a reading and a working half: PEAK, SUM and OUT. */
#define PEAK_READ(W) READ(in0, W)
#define PEAK_WORK(W, accumulator) accumulator = LARGER(accumulator, in0);
#define SUM_READ(W) SUM_INPUTS(READ, W)
#define SUM_WORK(W, accumulator)                                                                   \
    {                                                                                              \
        FLOATS(W) term = TERM(W);                                                                  \
        KEEP(W, term)                                                                              \
        accumulator += term;                                                                       \
    }
/* Forms 1 and 3 work the terms out again, form 2 keeps them in the output, which for 16 bits they are too
 * large for. */
#if HAS_TERMS && FORM == 2 && !IS_HALF
#define KEEP(W, v) WRITE(W, v)
#define OUT_READ(W) FLOATS(W) term = CAT(READ_, out_inner)(W, out);
#elif HAS_TERMS
#define KEEP(W, v)
#define OUT_READ(W)                                                                                \
    READ(in0, W)                                                                                   \
    FLOATS(W) term = TERM(W);
#else
#define KEEP(W, v)
#define OUT_READ(W) OUT_INPUTS(READ, W)
#endif
#if HAS_PEAK
#define SCALED_DOWN(W, from, to) CAT(math_exp_down_, W)((from) - (to))
#else
#define SCALED_DOWN(W, from, to) 1.0f
#endif
#define OUT_WORK(W, unused) WRITE_OUT(W, RESULT(W))
#if FORM == 1 && out_inner == 1 && !IS_HALF
#define WRITE_OUT(W, v)                                                                            \
    if (streaming && W > 1 && IS_STREAMABLE(W, PLACE(W, out))) {                                   \
        STREAM(W, v, PLACE(W, out));                                                               \
    } else {                                                                                       \
        STORE(W, v, PLACE(W, out));                                                                \
    }
#else
#define WRITE_OUT(W, v) WRITE(W, v)
#endif
#define STEP(PASS, W, accumulator)                                                                 \
    {                                                                                              \
        PASS##_READ(W)                                                                             \
        PASS##_WORK(W, accumulator)                                                                \
    }

/*
 * N vectors of W rows at once, a lane for each: FORMS 1 and 3. One pass finds maximum and sum, in
 * blocks of BLOCK_ROWS: what was summed before a block is scaled down to the block's maximum
 * (Milakov & Gimelshein 2018, *Online normalizer calculation for softmax*). The next one works the
 * terms out again, so that memory is read twice and written once.
 */
#define EACH_VECTOR(N) _Pragma("unroll") for (int n = 0; n < N; n++)
#define SIDE_BY_SIDE(W, N)                                                                         \
    {                                                                                              \
        FLOATS(W) peak[N], m[N], total[N], part[N];                                                \
        EACH_VECTOR(N) {                                                                           \
            peak[n] = (FLOATS(W))(-INFINITY);                                                      \
            total[n] = (FLOATS(W))(0.0f);                                                          \
        }                                                                                          \
        for (INDEX begin = 0; begin < length; begin += BLOCK_ROWS) {                               \
            INDEX stop = min(begin + BLOCK_ROWS, length);                                          \
            EACH_VECTOR(N) {                                                                       \
                part[n] = (FLOATS(W))(0.0f);                                                       \
                m[n] = peak[n];                                                                    \
            }                                                                                      \
            for (INDEX i = begin; HAS_PEAK && i < stop; i++) {                                     \
                EACH_VECTOR(N) STEP(PEAK, W, peak[n])                                              \
            }                                                                                      \
            EACH_VECTOR(N) {                                                                       \
                total[n] *= SCALED_DOWN(W, m[n], NO_PEAK(peak[n]));                                \
                m[n] = NO_PEAK(peak[n]);                                                           \
            }                                                                                      \
            for (INDEX i = begin; i < stop; i++) {                                                 \
                EACH_VECTOR(N) STEP(SUM, W, part[n])                                               \
            }                                                                                      \
            EACH_VECTOR(N) total[n] += part[n];                                                    \
        }                                                                                          \
        EACH_VECTOR(N) {                                                                           \
            SETTLE(W, total[n])                                                                    \
        }                                                                                          \
        for (INDEX i = 0; i < length; i++) {                                                       \
            EACH_VECTOR(N) STEP(OUT, W, unused)                                                    \
        }                                                                                          \
    }

#if FORM == 1 || FORM == 3
#define SHIFT m[n]
#define SCALE total[n]
#else
#define SHIFT m
#define SCALE total
#endif

#if FORM == 1
#define MOVE_COLUMNS(name, count) name##_at += (count)*name##_kept0;

KEEP_APART static void columns_tasks(
    PARAMETERS, INDEX task, const INDEX end, const INDEX work_group) {
    NUMBERS(SOFTMAX_LIST)
    const INDEX width = COLUMN_VECTORS * VECTOR_WIDTH;
    const INDEX row_blocks = (extent0 + width - 1) / width;
    for (; task < end; task++) {
        INDEX row = task / row_blocks;
        INDEX column = (task - row * row_blocks) * width;
        INDEX left = min(width, extent0 - column);
        EACH(BEGIN, 0)
        OUTER
        EACH(MOVE_COLUMNS, column)
#if COLUMN_VECTORS > 1
        if (left == width) {
            SIDE_BY_SIDE(VECTOR_WIDTH, COLUMN_VECTORS)
            left = 0;
        }
#endif
#if VECTOR_WIDTH > 1
        for (; left >= VECTOR_WIDTH; left -= VECTOR_WIDTH) {
            SIDE_BY_SIDE(VECTOR_WIDTH, 1)
            EACH(MOVE_COLUMNS, VECTOR_WIDTH)
        }
#endif
        for (; left > 0; left--) {
            SIDE_BY_SIDE(1, 1)
            EACH(MOVE_COLUMNS, 1)
        }
    }
}

__kernel void softmax_columns(PARAMETERS) {
    RUN_SHARE(columns_tasks, 1)
}
#elif FORM == 2
#define TREE(result, COMBINE)                                                                      \
    {                                                                                              \
        barrier(CLK_LOCAL_MEM_FENCE);                                                              \
        shared[lane] = result;                                                                     \
        for (int half_size = lanes / 2; half_size > 0; half_size /= 2) {                           \
            barrier(CLK_LOCAL_MEM_FENCE);                                                          \
            if (lane < half_size) {                                                                \
                shared[lane] = COMBINE(shared[lane], shared[lane + half_size]);                    \
            }                                                                                      \
        }                                                                                          \
        barrier(CLK_LOCAL_MEM_FENCE);                                                              \
        result = shared[0];                                                                        \
    }
#define ADD(a, b) ((a) + (b))

__kernel void softmax_groups(PARAMETERS, __local REAL *shared) {
    NUMBERS(SOFTMAX_LIST)
    const int lane = get_local_id(0);
    const int lanes = get_local_size(0);
    INDEX row = get_group_id(0);
    LOCATE
#if HAS_PEAK
    REAL m = -INFINITY;
    for (INDEX i = lane; i < length; i += lanes) {
        STEP(PEAK, 1, m)
    }
    TREE(m, LARGER)
    m = NO_PEAK(m);
#endif
    REAL total = 0.0f;
    for (INDEX i = lane; i < length; i += lanes) {
        STEP(SUM, 1, total)
    }
    TREE(total, ADD)
    SETTLE(1, total)
    for (INDEX i = lane; i < length; i += lanes) {
        STEP(OUT, 1, unused)
    }
}
#else
__kernel void softmax_items(PARAMETERS) {
    NUMBERS(SOFTMAX_LIST)
    for (INDEX task = get_global_id(0); task < tasks; task += (INDEX)get_global_size(0)) {
        INDEX row = task;
        LOCATE
        SIDE_BY_SIDE(1, 1)
    }
}
#endif
