/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Softmax and its relatives, softmax_common.cl, along rows of fewer than MOST elements that lie
 * side by side in memory, on processors.
 *
 * Macros, set by src/ops/softmax_launch.c, besides the common ones:
 *     SIDE  4 or 8, no more than VECTOR_WIDTH
 *     MOST  a multiple of SIDE
 * Work-groups of one item; a task is a row. Up to ROWS rows are copied into private memory without
 * gaps and done together: element by element in whole vectors, whatever rows they belong to, and
 * row by row where maxima and sums are formed (ACROSS), in vectors of SIDE. `length` vectors hold
 * VECTOR_WIDTH rows; owners[k] tells which of them the elements of the k-th belong to, so that one
 * permutation of the rows' numbers (SPREAD) brings each to its elements. Each step is done for all
 * rows before the next one, so that the latencies of a row's steps overlap with other rows'.
 * `streaming`: the output is larger than the caches.
 */
#include "softmax_common.cl"
#include "stream.cl"

#define ROWS 64
#define VECTOR FLOATS(VECTOR_WIDTH)
#define PIECE FLOATS(SIDE)
#define BLOCK_VECTORS (MOST * ROWS / VECTOR_WIDTH)
#define ADD(a, b) ((a) + (b))
#define EACH_SIDE _Pragma("unroll") for (int r = 0; r < SIDE; r++)
#define EACH_VECTOR for (int v = 0; v < vectors; v++)

typedef PIECE unaligned_piece __attribute__((aligned(4)));
#define LOAD_PIECE(p) (*(const unaligned_piece *)(p))

#define BY_4(F) F(0), F(1), F(2), F(3)
#define BY_8(F) BY_4(F), F(4), F(5), F(6), F(7)
#define BY_16(F) BY_8(F), F(8), F(9), F(a), F(b), F(c), F(d), F(e), F(f)
#define TAKEN(lane) numbers[owner.s##lane]
/* Written so that the compiler sees a permutation of a register. */
__attribute__((always_inline)) static inline VECTOR spread(VECTOR numbers, INTS(VECTOR_WIDTH) owner) {
    return (VECTOR)(CAT(BY_, VECTOR_WIDTH)(TAKEN));
}
#define SPREAD(numbers) spread(numbers, owners[k])

/* Even and odd elements of two vectors, in each half of them; then their halves. */
#if SIDE == 8
#define EVEN(a, b) (PIECE)(a.s0, a.s2, b.s0, b.s2, a.s4, a.s6, b.s4, b.s6)
#define ODD(a, b) (PIECE)(a.s1, a.s3, b.s1, b.s3, a.s5, a.s7, b.s5, b.s7)
#else
#define EVEN(a, b) (PIECE)(a.s0, a.s2, b.s0, b.s2)
#define ODD(a, b) (PIECE)(a.s1, a.s3, b.s1, b.s3)
#endif
/* result[r] = COMBINE over the `length` elements from block[r * length] on, for all rows. The last
 * piece of a row ends where the row does; is_new tells which of its lanes have not been in others. */
#define ACROSS(COMBINE, NEUTRAL, block, result)                                                    \
    for (int first = 0; first < vectors * VECTOR_WIDTH; first += SIDE) {                           \
        PIECE p[SIDE];                                                                             \
        EACH_SIDE {                                                                                \
            const float *row = block + (first + r) * (int)length;                                  \
            const PIECE last = LOAD_PIECE(row + last_piece);                                       \
            p[r] = is_new ? last : (PIECE)(NEUTRAL);                                               \
            _Pragma("unroll") for (int i = 0; i + SIDE < MOST; i += SIDE) if (i < whole) {         \
                const PIECE other = LOAD_PIECE(row + i);                                           \
                p[r] = COMBINE(p[r], other);                                                       \
            }                                                                                      \
        }                                                                                          \
        _Pragma("unroll") for (int count = SIDE; count > SIDE / 4; count /= 2) {                   \
            _Pragma("unroll") for (int r = 0; r < count / 2; r++) {                                \
                const PIECE even = EVEN(p[2 * r], p[2 * r + 1]);                                   \
                const PIECE odd = ODD(p[2 * r], p[2 * r + 1]);                                     \
                p[r] = COMBINE(even, odd);                                                         \
            }                                                                                      \
        }                                                                                          \
        if (SIDE == 8) {                                                                           \
            const PIECE low = (PIECE)(p[0].lo, p[1].lo), high = (PIECE)(p[0].hi, p[1].hi);         \
            p[0] = COMBINE(low, high);                                                             \
        }                                                                                          \
        *(PIECE *)((float *)(result) + first) = p[0];                                              \
    }

#define PLACES(name, unused) INDEX name##_place[ROWS];
#define PLACE(name, unused) name##_place[r] = name##_at;
#define IS_FLAT(name)                                                                              \
    (rows == vectors * VECTOR_WIDTH && KEPT_RANK == 1 && name##_kept0 == length)
#define COPY(name, unused)                                                                         \
    if (IS_FLAT(name)) {                                                                           \
        __global const float *from = name##_data + name##_place[0];                                \
        for (int i = 0; i < vectors * (int)length; i++) {                                          \
            name##_block[i] = LOAD(VECTOR_WIDTH, from + i * VECTOR_WIDTH);                  \
        }                                                                                          \
    } else {                                                                                       \
        for (int r = 0; r < vectors * VECTOR_WIDTH; r++) {                                         \
            for (int i = 0; i < (int)length; i++) {                                                \
                ((float *)name##_block)[r * (int)length + i] = name##_data[name##_place[r] + i];   \
            }                                                                                      \
        }                                                                                          \
    }
/* Vector i of a block, the k-th of rows v * VECTOR_WIDTH and on. */
#define EACH_ELEMENT                                                                               \
    EACH_VECTOR for (int k = 0, i = v * (int)length; k < (int)length; k++, i++)
#define READ(name, unused) const VECTOR name = name##_block[i];
/* The same of the next rows, if they follow. */
#define ASK(name, unused)                                                                          \
    ASK_LINE(name##_data + name##_place[0] + ROWS * length + i * VECTOR_WIDTH, 0);
#define SHIFT SPREAD(shifts[v])
#define SCALE SPREAD(scales[v])
#define WRITE(PUT, place)                                                                          \
    EACH_ELEMENT {                                                                                 \
        OUT_INPUTS(READ, 0)                                                                        \
        OUT_TERM                                                                                   \
        const VECTOR value = RESULT(VECTOR_WIDTH);                                                 \
        PUT(VECTOR_WIDTH, value, place + i * VECTOR_WIDTH);                                        \
    }
#if HAS_TERMS
#define OUT_TERM const VECTOR term = terms[i];
#else
#define OUT_TERM
#endif

/* Where the rows are, and their terms, then results that have gaps: a multiple of 4 KiB apart, since
 * processors take a load for one of what was just stored when the lower bits of the places are the
 * same, and terms are stored after the inputs of the same place are read. */
#define in0_block memory
#define in1_block (memory + BLOCK_VECTORS)
#define terms (memory + INPUTS * BLOCK_VECTORS)

__kernel void softmax_short(PARAMETERS LABEL_PARAMETERS, const int streaming) {
    const int whole = (int)length / SIDE * SIDE;
    const int last_piece = max((int)length - SIDE, 0);
    INTS(SIDE) is_new;
    INTS(VECTOR_WIDTH) owners[MOST];
    for (int i = 0; i < SIDE; i++) {
        const int element = last_piece + i;
        ((int *)&is_new)[i] = element >= whole && element < (int)length ? -1 : 0;
    }
    for (int i = 0; i < (int)length * VECTOR_WIDTH; i++) {
        ((int *)owners)[i] = i / (int)length;
    }
    VECTOR memory[(INPUTS + 1) * BLOCK_VECTORS];
    SHARE(MOST)
    for (; task < end; task += ROWS) {
        const int rows = (int)min(end - task, (INDEX)ROWS);
        const int vectors = (rows + VECTOR_WIDTH - 1) / VECTOR_WIDTH;
        EACH(PLACES, 0)
        for (int r = 0; r < vectors * VECTOR_WIDTH; r++) {
            INDEX row = min(task + r, end - 1);
            LOCATE
            EACH(PLACE, 0)
        }
        EACH_INPUT(COPY, 0)
        VECTOR scales[ROWS / VECTOR_WIDTH];
#if HAS_PEAK
        VECTOR shifts[ROWS / VECTOR_WIDTH];
        ACROSS(LARGER, -INFINITY, (const float *)in0_block, shifts)
        EACH_VECTOR shifts[v] = NO_PEAK(shifts[v]);
#endif
        EACH_ELEMENT {
            EACH_INPUT(ASK, 0)
            SUM_INPUTS(READ, 0)
            terms[i] = TERM(VECTOR_WIDTH);
        }
        ACROSS(ADD, 0.0f, (const float *)terms, scales)
#if MODE == 4
        VECTOR own[ROWS / VECTOR_WIDTH];
        for (int r = 0; r < rows; r++) {
            const int label = LABEL(task + r);
            const bool known = IS_KNOWN(label);
            const float x = ((float *)in0_block)[r * (int)length + (known ? label : 0)];
            ((float *)own)[r] = known ? x : NAN;
        }
        /* The difference first: beside a large maximum the logarithm would be lost. */
        EACH_VECTOR own[v] = LOG_OF_TERMS(VECTOR_WIDTH, scales[v]) + (shifts[v] - own[v]);
        for (int r = 0; r < rows; r++) {
            out_data[out_place[r]] = ((float *)own)[r];
        }
#else
#if MODE == 5
        VECTOR factors[ROWS / VECTOR_WIDTH];
        for (int r = 0; r < rows; r++) {
            const int label = LABEL(task + r);
            const bool known = IS_KNOWN(label);
            ((float *)terms)[r * (int)length + (known ? label : 0)] -=
                known ? ((float *)scales)[r] : 0.0f;
            ((float *)factors)[r] = known ? GRADIENT(task + r) : NAN;
        }
        EACH_VECTOR scales[v] = factors[v] / divisor / scales[v];
#else
        EACH_VECTOR {
            SETTLE(VECTOR_WIDTH, scales[v])
        }
#endif
        __global float *to = out_data + out_place[0];
        if (!IS_FLAT(out)) {
            float *results = (float *)terms;
            WRITE(STORE, results)
            for (int r = 0; r < rows; r++) {
                for (int i = 0; i < (int)length; i++) {
                    out_data[out_place[r] + i] = results[r * (int)length + i];
                }
            }
        } else if (streaming && IS_STREAMABLE(VECTOR_WIDTH, to)) {
            WRITE(STREAM, to)
        } else {
            WRITE(STORE, to)
        }
#endif
    }
}
