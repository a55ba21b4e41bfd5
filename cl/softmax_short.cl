/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Softmax and its relatives, softmax_common.cl, along rows of fewer than MOST elements that lie
 * side by side in memory, on processors.
 *
 * Macros, set by src/ops/softmax_launch.c, besides the common ones:
 *     SIDE  4 or 8, no more than VECTOR_WIDTH
 *     MOST  a multiple of SIDE
 * Work-groups of one item; a task is a row. ROWS rows are done together: read in vectors of SIDE
 * and transposed in registers, SIDE rows at a time; worked on in vectors of one column, a row a
 * lane; and transposed back. The last vector of a row ends where the row does and reads some of it
 * twice; of rows shorter than a vector it goes beyond, as far as in0_limit, in1_limit elements into
 * the buffers: the end of the last row, or 0 where other items may be writing there. Each step is done for all of them before the next one, so that the
 * latencies of a row's steps overlap with other rows'. `streaming`: the output is larger than the
 * caches.
 */
#include "softmax_common.cl"
#include "stream.cl"

#define ROWS 64
#define VECTOR FLOATS(VECTOR_WIDTH)
#define SQUARE FLOATS(SIDE)
#define SHIFT shift
#define SCALE scale
#define EACH_SIDE _Pragma("unroll") for (int r = 0; r < SIDE; r++)
/* The columns of a square of SIDE rows begin at c. */
#define EACH_SQUARE _Pragma("unroll") for (int c = 0; c < MOST; c += SIDE) if (c < length)
#define EACH_VECTOR for (int v = 0; v < rows; v += VECTOR_WIDTH)

typedef SQUARE unaligned_square __attribute__((aligned(4)));
#define AS_VECTOR(place) (*(VECTOR *)(place))
#define AS_SQUARE(place) (*(SQUARE *)(place))

/* Makes the rows of a square of vectors its columns: elements, pairs, and halves change places. */
#if SIDE == 8
#define LOW(a, b) (SQUARE)(a.s0, b.s0, a.s1, b.s1, a.s4, b.s4, a.s5, b.s5)
#define HIGH(a, b) (SQUARE)(a.s2, b.s2, a.s3, b.s3, a.s6, b.s6, a.s7, b.s7)
#define LOW_PAIRS(a, b) (SQUARE)(a.s0, a.s1, b.s0, b.s1, a.s4, a.s5, b.s4, b.s5)
#define HIGH_PAIRS(a, b) (SQUARE)(a.s2, a.s3, b.s2, b.s3, a.s6, a.s7, b.s6, b.s7)
#else
#define LOW(a, b) (SQUARE)(a.s0, b.s0, a.s1, b.s1)
#define HIGH(a, b) (SQUARE)(a.s2, b.s2, a.s3, b.s3)
#define LOW_PAIRS(a, b) (SQUARE)(a.lo, b.lo)
#define HIGH_PAIRS(a, b) (SQUARE)(a.hi, b.hi)
#endif
__attribute__((always_inline)) static inline void transpose(SQUARE *v) {
    SQUARE w[SIDE];
#pragma unroll
    for (int r = 0; r < SIDE; r += 2) {
        w[r] = LOW(v[r], v[r + 1]);
        w[r + 1] = HIGH(v[r], v[r + 1]);
    }
#pragma unroll
    for (int r = 0; r < SIDE; r += 4) {
        v[r] = LOW_PAIRS(w[r], w[r + 2]);
        v[r + 1] = HIGH_PAIRS(w[r], w[r + 2]);
        v[r + 2] = LOW_PAIRS(w[r + 1], w[r + 3]);
        v[r + 3] = HIGH_PAIRS(w[r + 1], w[r + 3]);
    }
#if SIDE == 8
#pragma unroll
    for (int r = 0; r < 4; r++) {
        w[r] = (SQUARE)(v[r].lo, v[r + 4].lo);
        w[r + 4] = (SQUARE)(v[r].hi, v[r + 4].hi);
    }
    EACH_SIDE v[r] = w[r];
#endif
}

#define LIMIT(name, unused) , const INDEX name##_limit
#define ARRAYS(name, unused)                                                                       \
    INDEX name##_place[ROWS];                                                                      \
    INDEX name##_end = 0;
#define PLACE(name, unused)                                                                        \
    name##_place[r] = name##_at;                                                                   \
    name##_end = max(name##_end, name##_at + width);
/* Element i of row r goes to name_column[i * ROWS + r]. */
#define COLUMNS(name, unused)                                                                      \
    VECTOR name##_columns[MOST * ROWS / VECTOR_WIDTH];                                             \
    float *name##_column = (float *)name##_columns;                                                \
    if (name##_end <= name##_limit) {                                                              \
        for (int first = 0; first < rows; first += SIDE) {                                         \
            EACH_SQUARE {                                                                          \
                const int from = max(min(c, (int)length - SIDE), 0);                               \
                SQUARE square[SIDE];                                                               \
                EACH_SIDE square[r] = *(__global const unaligned_square *)(                        \
                    name##_data + name##_place[first + r] + from);                                 \
                transpose(square);                                                                 \
                EACH_SIDE AS_SQUARE(name##_column + (from + r) * ROWS + first) = square[r];        \
            }                                                                                      \
        }                                                                                          \
    } else {                                                                                       \
        for (INDEX i = 0; i < length; i++) {                                                       \
            for (int r = 0; r < padded; r++) {                                                     \
                name##_column[i * ROWS + r] = name##_data[name##_place[r] + i];                    \
            }                                                                                      \
        }                                                                                          \
    }
#define READ(name, i) VECTOR name = AS_VECTOR(name##_column + (i)*ROWS + v);
#define READ_TERM(i) VECTOR term = AS_VECTOR(out_column + (i)*ROWS + v);

__kernel void softmax_short(PARAMETERS LABEL_PARAMETERS, const int streaming EACH_INPUT(LIMIT, 0)) {
    const INDEX width = max(length, (INDEX)SIDE);
    SHARE(MOST)
    for (; task < end; task += ROWS) {
        const int rows = (int)min(end - task, (INDEX)ROWS);
        const int padded = (rows + VECTOR_WIDTH - 1) / VECTOR_WIDTH * VECTOR_WIDTH;
        EACH(ARRAYS, 0)
        for (int r = 0; r < padded; r++) {
            INDEX row = min(task + r, end - 1);
            LOCATE
            EACH(PLACE, 0)
        }
        EACH_INPUT(COLUMNS, 0)
        VECTOR scales[ROWS / VECTOR_WIDTH], shifts[ROWS / VECTOR_WIDTH];
        VECTOR out_columns[MOST * ROWS / VECTOR_WIDTH];
        float *out_column = (float *)out_columns;
#if HAS_PEAK
        EACH_VECTOR {
            VECTOR shift = AS_VECTOR(in0_column + v);
            for (INDEX i = 1; i < length; i++) {
                READ(in0, i)
                shift = LARGER(shift, in0);
            }
            shifts[v / VECTOR_WIDTH] = NO_PEAK(shift);
        }
#endif
        EACH_VECTOR {
            const VECTOR shift = shifts[v / VECTOR_WIDTH];
            VECTOR total = (VECTOR)(0.0f);
            for (INDEX i = 0; i < length; i++) {
                SUM_INPUTS(READ, i)
                const VECTOR value = TERM(VECTOR_WIDTH);
                AS_VECTOR(out_column + i * ROWS + v) = value;
                total += value;
            }
            scales[v / VECTOR_WIDTH] = total;
        }
#if MODE == 4
        EACH_VECTOR scales[v / VECTOR_WIDTH] =
            CAT(math_log_, VECTOR_WIDTH)(scales[v / VECTOR_WIDTH]);
        for (int r = 0; r < rows; r++) {
            const int label = LABEL(task + r);
            const float own = IS_KNOWN(label) ? in0_column[label * ROWS + r] : NAN;
            /* The difference first: beside a large maximum the logarithm would be lost. */
            out_data[out_place[r]] = ((float *)scales)[r] + (((float *)shifts)[r] - own);
        }
#else
#if MODE == 5
        for (int r = 0; r < rows; r++) {
            const int label = LABEL(task + r);
            const float total = ((float *)scales)[r];
            if (IS_KNOWN(label)) {
                out_column[label * ROWS + r] -= total;
            }
            ((float *)scales)[r] = IS_KNOWN(label) ? GRADIENT(task + r) / total : NAN;
        }
#endif
        EACH_VECTOR {
            const VECTOR shift = shifts[v / VECTOR_WIDTH];
            VECTOR scale = scales[v / VECTOR_WIDTH];
#if MODE < 4
            SETTLE(VECTOR_WIDTH, scale)
#endif
            for (INDEX i = 0; i < length; i++) {
                OUT_INPUTS(READ, i)
                READ_TERM(i)
                AS_VECTOR(out_column + i * ROWS + v) = RESULT(VECTOR_WIDTH);
            }
        }
        /* The rows without gaps: what a store leaves beyond the end of its row, the next row's
         * covers. */
        VECTOR block_vectors[(MOST * ROWS + SIDE) / VECTOR_WIDTH + 1];
        float *block = (float *)block_vectors;
        for (int first = 0; first < rows; first += SIDE) {
            SQUARE square[MOST];
            EACH_SQUARE {
                EACH_SIDE square[c + r] = AS_SQUARE(out_column + (c + r) * ROWS + first);
                transpose(square + c);
            }
            EACH_SIDE {
                float *row = block + (first + r) * length;
                EACH_SQUARE *(unaligned_square *)(row + c) = square[c + r];
            }
        }
        __global float *to = out_data + out_place[0];
        if (rows == ROWS && KEPT_RANK == 1 && out_kept0 == length) {
            if (streaming && IS_STREAMABLE(VECTOR_WIDTH, to)) {
                for (INDEX i = 0; i < ROWS * length; i += VECTOR_WIDTH) {
                    STREAM(VECTOR_WIDTH, AS_VECTOR(block + i), to + i);
                }
            } else {
                for (INDEX i = 0; i < ROWS * length; i += VECTOR_WIDTH) {
                    STORE(VECTOR_WIDTH, AS_VECTOR(block + i), to + i);
                }
            }
        } else {
            for (int r = 0; r < rows; r++) {
                for (INDEX i = 0; i < length; i++) {
                    out_data[out_place[r] + i] = block[r * length + i];
                }
            }
        }
#endif
    }
}
