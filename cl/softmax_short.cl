/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Softmax and its relatives, softmax_common.cl, but for MODE 4 (softmax_turned.cl), along rows of fewer
 * than MOST elements that lie side by side in memory, on processors.
 *
 * Macros, set by src/ops/softmax_launch.c, besides the common ones:
 *     SIDE  4 or 8, no more than VECTOR_WIDTH
 *     MOST  a multiple of SIDE
 *     WHOLE  pieces of SIDE elements that a row has, `length` / SIDE
 * Work-groups of one item; a task is a row. Up to ROWS rows are copied into private memory without
 * gaps and done together: element by element in whole vectors, whatever rows they belong to, and
 * row by row where maxima and sums are formed (ACROSS), in vectors of SIDE. `length` vectors hold
 * VECTOR_WIDTH rows; owners[k] tells which of them the elements of the k-th belong to, so that one
 * permutation of the rows' numbers (SPREAD) brings each to its elements. Each step is done for all
 * rows before the next one, so that the latencies of a row's steps overlap with other rows'.
 * `streaming`: the output is larger than the caches.
 */
#include "softmax_common.cl"
#include "softmax_spread.cl"
#include "stream.cl"

#define ROWS 64
#define VECTOR FLOATS(VECTOR_WIDTH)
#define PIECE FLOATS(SIDE)
#define BLOCK_VECTORS (MOST * ROWS / VECTOR_WIDTH)
#define ADD(a, b) ((a) + (b))
#define EACH_OF(count) _Pragma("unroll") for (int r = 0; r < (count); r++)
#define EACH_VECTOR for (int v = 0; v < vectors; v++)

typedef INTS(VECTOR_WIDTH) unaligned_labels __attribute__((aligned(4)));
#define LABELS(n) (*(__global const unaligned_labels *)(labels_data + labels_offset + (n)))
typedef PIECE unaligned_piece __attribute__((aligned(4)));
#define LOAD_PIECE(p) (*(const unaligned_piece *)(p))

#define SPREAD(numbers) spread(numbers, owners[k])

/* Lanes of two vectors that are combined with each other: halves, then pairs in each half, then single
 * ones. In this order the compiler keeps away from the slow instruction for sums of neighbours. */
#define HALVES_0(a, b) (PIECE)(a.lo, b.lo)
#define HALVES_1(a, b) (PIECE)(a.hi, b.hi)
#if SIDE == 8
#define PAIRS_0(a, b) (PIECE)(a.s01, b.s01, a.s45, b.s45)
#define PAIRS_1(a, b) (PIECE)(a.s23, b.s23, a.s67, b.s67)
#define SINGLES_0(a, b) (PIECE)(a.s02, b.s02, a.s46, b.s46)
#define SINGLES_1(a, b) (PIECE)(a.s13, b.s13, a.s57, b.s57)
#else
#define SINGLES_0(a, b) (PIECE)(a.s02, b.s02)
#define SINGLES_1(a, b) (PIECE)(a.s13, b.s13)
#endif
#define MERGE(COMBINE, LANES, to, from, with)                                                      \
    {                                                                                              \
        const PIECE a = p[from], b = p[with];                                                      \
        const PIECE one = LANES##_0(a, b), other = LANES##_1(a, b);                                \
        p[to] = COMBINE(one, other);                                                               \
    }
#if SIDE == 8
#define MERGE_ALL(COMBINE)                                                                         \
    EACH_OF(4) MERGE(COMBINE, HALVES, r, r, r + 4)                                                 \
    EACH_OF(2) MERGE(COMBINE, PAIRS, r, 2 * r, 2 * r + 1)                                          \
    MERGE(COMBINE, SINGLES, 0, 0, 1)
#else
#define MERGE_ALL(COMBINE)                                                                         \
    EACH_OF(2) MERGE(COMBINE, HALVES, r, 2 * r, 2 * r + 1)                                         \
    MERGE(COMBINE, SINGLES, 0, 0, 1)
#endif
/* result[r] = COMBINE over the `length` elements from block[r * length] on, for all rows. The last
 * piece of a row ends where the row does; is_new tells which of its lanes have not been in others,
 * which a maximum need not know. */
#define ACROSS(COMBINE, LAST, block, result)                                                       \
    {                                                                                              \
        const float *row = (const float *)(block);                                                 \
        for (int first = 0; first < vectors * VECTOR_WIDTH; first += SIDE) {                       \
            PIECE p[SIDE];                                                                         \
            EACH_OF(SIDE) {                                                                        \
                const PIECE last = LOAD_PIECE(row + last_piece);                                   \
                p[r] = LAST;                                                                       \
                _Pragma("unroll") for (int i = 0; i < WHOLE; i++) {                                \
                    const PIECE other = LOAD_PIECE(row + i * SIDE);                                \
                    p[r] = COMBINE(p[r], other);                                                   \
                }                                                                                  \
                row += length;                                                                     \
            }                                                                                      \
            MERGE_ALL(COMBINE)                                                                     \
            *(PIECE *)((float *)(result) + first) = p[0];                                          \
        }                                                                                          \
    }
#define LAST_TERMS (is_new ? last : (PIECE)(0.0f))
#if WHOLE > 0
#define LAST_PEAKS last
#else
#define LAST_PEAKS (is_new ? last : (PIECE)(-INFINITY))
#endif

/* Whether the rows of a whole block follow each other, and where row n is then. */
#define IS_FLAT(name) (rows == ROWS && KEPT_RANK == 1 && name##_kept0 == length)
#define FLAT_PLACE(name, n) (name##_data + name##_offset + (n)*length)
#define EACH_ROW for (int r = 0; r < vectors * VECTOR_WIDTH; r++)
/* The block from row `first` on, into its half of the memory; behind the end, the last row. */
#define COPY(name)                                                                                 \
    if (IS_FLAT(name)) {                                                                           \
        for (int i = 0; i < vectors * (int)length; i++) {                                          \
            name##_next[i] = LOAD(VECTOR_WIDTH, FLAT_PLACE(name, first) + i * VECTOR_WIDTH);       \
        }                                                                                          \
    } else {                                                                                       \
        EACH_ROW {                                                                                 \
            INDEX row = min(first + r, end - 1);                                                   \
            LOCATE                                                                                 \
            for (int i = 0; i < (int)length; i++) {                                                \
                ((float *)name##_next)[r * (int)length + i] = name##_data[name##_at + i];          \
            }                                                                                      \
        }                                                                                          \
    }
#define COPY_BLOCK(from)                                                                           \
    if (from < end) {                                                                              \
        const INDEX first = from;                                                                  \
        const int rows = (int)min(end - first, (INDEX)ROWS);                                       \
        const int vectors = (rows + VECTOR_WIDTH - 1) / VECTOR_WIDTH;                              \
        COPY(in0)                                                                                  \
        COPY_IN1                                                                                   \
    }
#if INPUTS == 2
#define COPY_IN1 COPY(in1)
#else
#define COPY_IN1
#endif
/* Vector i of a block, the k-th of rows v * VECTOR_WIDTH and on. */
#define EACH_ELEMENT                                                                               \
    EACH_VECTOR for (int k = 0, i = v * (int)length; k < (int)length; k++, i++)
#define READ(name, unused) const VECTOR name = name##_block[i];
/* The same of the rows after the next ones, if they follow. */
#define ASK(name, unused) ASK_LINE_FAR(FLAT_PLACE(name, task + 2 * ROWS) + i * VECTOR_WIDTH);
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

/* Where the rows are, the next ones, and terms, then results that have gaps: a multiple of 4 KiB
 * apart, since processors take a load for one of what was just stored when the lower bits of the places
 * are the same, and terms are stored after the inputs of the same place are read. */
#define in0_block (memory + half_at)
#define in0_next (memory + (HALF - half_at))
#define in1_block (in0_block + BLOCK_VECTORS)
#define in1_next (in0_next + BLOCK_VECTORS)
#define HALF (INPUTS * BLOCK_VECTORS)
#define terms (memory + 2 * HALF)
#if MODE == 3
#define SUMMED in1_block
#else
#define SUMMED terms
#endif

KEEP_APART static void short_tasks(
    PARAMETERS, INDEX task, const INDEX end, const INDEX work_group) {
    NUMBERS(SOFTMAX_LIST)
    const int last_piece = max((int)length - SIDE, 0);
    INTS(SIDE) is_new;
    INTS(VECTOR_WIDTH) owners[MOST];
    for (int i = 0; i < SIDE; i++) {
        const int element = last_piece + i;
        ((int *)&is_new)[i] = element >= WHOLE * SIDE && element < (int)length ? -1 : 0;
    }
    for (int r = 0; r < VECTOR_WIDTH; r++) {
        for (int i = 0; i < (int)length; i++) {
            ((int *)owners)[r * (int)length + i] = r;
        }
    }
#if MODE == 5
    INTS(VECTOR_WIDTH) row_numbers;
    for (int i = 0; i < VECTOR_WIDTH; i++) {
        ((int *)&row_numbers)[i] = i;
    }
#endif
    VECTOR memory[(2 * INPUTS + 1) * BLOCK_VECTORS];
    int half_at = HALF;
    COPY_BLOCK(task)
    for (; task < end; task += ROWS) {
        half_at = HALF - half_at;
        const int rows = (int)min(end - task, (INDEX)ROWS);
        const int vectors = (rows + VECTOR_WIDTH - 1) / VECTOR_WIDTH;
        VECTOR scales[ROWS / VECTOR_WIDTH];
#if MODE == 5
        /* Where in the block the elements of the labels are, 0 for labels that are none. */
        INTS(VECTOR_WIDTH) own_places[ROWS / VECTOR_WIDTH], known[ROWS / VECTOR_WIDTH];
        if (rows == ROWS && labels_kept0 == 1) {
            EACH_VECTOR own_places[v] = LABELS(task + v * VECTOR_WIDTH);
        } else {
            EACH_ROW ((int *)own_places)[r] = LABEL(min(task + r, end - 1));
        }
        EACH_VECTOR {
            const INTS(VECTOR_WIDTH) label = own_places[v];
            known[v] = (label >= 0) & (label < (int)length);
            own_places[v] =
                (label & known[v]) + (row_numbers + v * VECTOR_WIDTH) * (int)length;
        }
#endif
#if HAS_PEAK
        VECTOR shifts[ROWS / VECTOR_WIDTH];
        ACROSS(LARGER, LAST_PEAKS, in0_block, shifts)
        EACH_VECTOR shifts[v] = NO_PEAK(shifts[v]);
#endif
        EACH_ELEMENT {
            EACH_INPUT(ASK, 0)
#if MODE != 3
            SUM_INPUTS(READ, 0)
            terms[i] = TERM(VECTOR_WIDTH);
#endif
        }
        ACROSS(ADD, LAST_TERMS, SUMMED, scales)
#if MODE == 5
        VECTOR factors[ROWS / VECTOR_WIDTH];
        EACH_VECTOR factors[v] = known[v] ? scales[v] : (VECTOR)(0.0f);
        EACH_ROW ((float *)terms)[((int *)own_places)[r]] -= ((float *)factors)[r];
        EACH_ROW ((float *)factors)[r] = GRADIENT(min(task + r, end - 1));
        EACH_VECTOR scales[v] = (known[v] ? factors[v] : (VECTOR)(NAN)) / divisor / scales[v];
#else
        EACH_VECTOR {
            SETTLE(VECTOR_WIDTH, scales[v])
        }
#endif
        __global float *to = FLAT_PLACE(out, task);
        /* Before results are stored: what is read soon must not wait for stores past the caches. */
        COPY_BLOCK(task + ROWS)
        if (!IS_FLAT(out)) {
            float *results = (float *)terms;
            WRITE(STORE, results)
            for (int r = 0; r < rows; r++) {
                INDEX row = task + r;
                LOCATE
                for (int i = 0; i < (int)length; i++) {
                    out_data[out_at + i] = results[r * (int)length + i];
                }
            }
        } else if (streaming && IS_STREAMABLE(VECTOR_WIDTH, to)) {
            WRITE(STREAM, to)
        } else {
            WRITE(STORE, to)
        }
    }
}

__kernel void softmax_short(PARAMETERS) {
    RUN_SHARE(short_tasks, MOST)
}
