/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The GEMM core for CPUs, to be included by families after common.cl. It holds the part that must
 * be fast and knows nothing of matrices in memory: a register tile of GEMM_MR rows x GEMM_NR
 * columns, fed by loaders that the including family supplies.
 *
 *     tile[r][c] (+)= sum over k of A(r, k) * B(k, c)      r < GEMM_MR, c < GEMM_NR
 *
 * Macros, defined by the host:
 *   GEMM_W   floats in a vector: 4, 8 or 16 (the device's register); half as many doubles
 *   GEMM_NV  vectors in a row of the tile: 1 .. 4;  GEMM_NR = GEMM_W * GEMM_NV
 *   GEMM_MR  rows of the tile: 1 .. 16. GEMM_MR * GEMM_NV + GEMM_NV + 1 registers are wanted:
 *            8 x 3 and 8 x 2 suit 32 registers (AVX-512, NEON), 6 x 2 and 4 x 3 suit 16 (AVX2, SSE).
 *   ACTIVATION  as in activation.cl, included here with width GEMM_W; default 0, none
 *
 * Writing a kernel: declare the accumulators, step through k in loops of your own (over channels
 * and a convolution's window, say), and put the sums into a tile:
 *
 *     GEMM_ACCUMULATORS;                        acc_r_v, all zero
 *     #define MY_A(r) a[r + gemm_step * GEMM_MR]        a scalar: element (r, k) of A
 *     #define MY_B(v) GEMM_LOAD(v, b + gemm_step * GEMM_NR)   a vector: (k, v * GEMM_W ..) of B
 *     #define MY_STEP GEMM_STEP(MY_A, MY_B);
 *     #define MY_MOVE(steps)                                                                       \
 *         a += (steps) * GEMM_MR;                                                                  \
 *         b += (steps) * GEMM_NR;
 *     GEMM_TIMES(count, MY_STEP, MY_MOVE)       count is 0 then
 *     GEMM_PUT(tile);                           or GEMM_ADD(tile), for the second block of k on,
 *                                               or GEMM_OUT(epilogue, ...), straight into y
 *
 * MY_A is expanded once for each row and MY_B once for each vector, with literal numbers. Any
 * address space will do. Rows and columns beyond an edge may hold anything, NaN too: sums of other
 * rows and columns never see them. k must never be padded, since 0 * Inf would reach real sums.
 *
 * Panels (for loaders that pack): a panel of A is [k][GEMM_MR], a panel of B is [k][GEMM_NR], each
 * without gaps, so that a step reads both in order. gemm_panels() runs a tile on panels of B; of A
 * a copy of the rows as they are, [GEMM_MR][k], is as good, and cheaper to make.
 *
 * Whole tiles go straight into y where nothing but the product is asked for. Else the tile lies in
 * private memory, which on a CPU is the first-level cache: storing it is cheap beside the k loop and
 * keeps edges, strides and the epilogue (gemm_finish) out of the fast part.
 *
 * Source: Goto & van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008).
 */
#ifndef ACTIVATION
#define ACTIVATION 0
#endif
#if ACTIVATION != 0
#define ACTIVATION_WIDTH GEMM_W
#include "activation.cl"
#endif

#include "vector.cl"

#define GEMM_NR (GEMM_W * GEMM_NV)
#define GEMM_VECTOR CAT(REAL, GEMM_W)

/* Vector v of the row that starts at p; p needs only the alignment of a REAL. */
#define GEMM_LOAD(v, p) CAT(vload, GEMM_W)(v, p)
#define GEMM_STORE(x, v, p) STORE(GEMM_W, x, (p) + (v) * GEMM_W)

/* GEMM_ROWS(X, Y): X(0, Y) X(1, Y) ... for each row.
 * GEMM_VECTORS(X, r): X(r, 0) X(r, 1) ... for each vector. */
#define GEMM_ROWS_1(X, Y) X(0, Y)
#define GEMM_ROWS_2(X, Y) GEMM_ROWS_1(X, Y) X(1, Y)
#define GEMM_ROWS_3(X, Y) GEMM_ROWS_2(X, Y) X(2, Y)
#define GEMM_ROWS_4(X, Y) GEMM_ROWS_3(X, Y) X(3, Y)
#define GEMM_ROWS_5(X, Y) GEMM_ROWS_4(X, Y) X(4, Y)
#define GEMM_ROWS_6(X, Y) GEMM_ROWS_5(X, Y) X(5, Y)
#define GEMM_ROWS_7(X, Y) GEMM_ROWS_6(X, Y) X(6, Y)
#define GEMM_ROWS_8(X, Y) GEMM_ROWS_7(X, Y) X(7, Y)
#define GEMM_ROWS_9(X, Y) GEMM_ROWS_8(X, Y) X(8, Y)
#define GEMM_ROWS_10(X, Y) GEMM_ROWS_9(X, Y) X(9, Y)
#define GEMM_ROWS_11(X, Y) GEMM_ROWS_10(X, Y) X(10, Y)
#define GEMM_ROWS_12(X, Y) GEMM_ROWS_11(X, Y) X(11, Y)
#define GEMM_ROWS_13(X, Y) GEMM_ROWS_12(X, Y) X(12, Y)
#define GEMM_ROWS_14(X, Y) GEMM_ROWS_13(X, Y) X(13, Y)
#define GEMM_ROWS_15(X, Y) GEMM_ROWS_14(X, Y) X(14, Y)
#define GEMM_ROWS_16(X, Y) GEMM_ROWS_15(X, Y) X(15, Y)
#define GEMM_ROWS CAT(GEMM_ROWS_, GEMM_MR)
#define GEMM_VECTORS_1(X, r) X(r, 0)
#define GEMM_VECTORS_2(X, r) GEMM_VECTORS_1(X, r) X(r, 1)
#define GEMM_VECTORS_3(X, r) GEMM_VECTORS_2(X, r) X(r, 2)
#define GEMM_VECTORS_4(X, r) GEMM_VECTORS_3(X, r) X(r, 3)
#define GEMM_VECTORS CAT(GEMM_VECTORS_, GEMM_NV)

#define GEMM_DECLARE_ONE(r, v) GEMM_VECTOR acc_##r##_##v = (GEMM_VECTOR)(0.0f);
#define GEMM_DECLARE_ROW(r, unused) GEMM_VECTORS(GEMM_DECLARE_ONE, r)
#define GEMM_ACCUMULATORS GEMM_ROWS(GEMM_DECLARE_ROW, )

/*
 * One k: acc_r_v += A(r) * B(v). With 16 registers a step is so few products that all else weighs:
 * GEMM_TIMES unrolls it, what lies ahead is left to the processor's own prefetching, and a step is kept
 * in the order in which it stands here, a row after the other, since compilers would load all rows
 * first, and then have too few registers for the sums.
 */
#if GEMM_W == 16 || (REAL_IS_DOUBLE && GEMM_W == 8)
#define GEMM_UNROLL 1
#define GEMM_KEEP_ORDER
#define GEMM_KEEP_SUM(r, v)
#define GEMM_KEEP_INDEX(index)
#else
#define GEMM_UNROLL 4
#define GEMM_KEEP_ORDER KEEP_ORDER;
#define GEMM_KEEP_SUM(r, v) KEEP_SUM(acc_##r##_##v);
#define GEMM_KEEP_INDEX(index) KEEP_INDEX(index);
#endif
#define GEMM_STEP_ONE(r, v) acc_##r##_##v = FMA(gemm_a, gemm_b_##v, acc_##r##_##v);
#define GEMM_STEP_ROW(r, A)                                                                        \
    {                                                                                              \
        GEMM_KEEP_ORDER                                                                            \
        const GEMM_VECTOR gemm_a = (GEMM_VECTOR)(A(r));                                            \
        GEMM_VECTORS(GEMM_STEP_ONE, r)                                                             \
        GEMM_VECTORS(GEMM_KEEP_SUM, r)                                                             \
    }
#define GEMM_STEP_B(B, v) const GEMM_VECTOR gemm_b_##v = B(v);
#define GEMM_STEP(A, B)                                                                            \
    do {                                                                                           \
        GEMM_VECTORS(GEMM_STEP_B, B)                                                          \
        GEMM_ROWS(GEMM_STEP_ROW, A)                                                                \
    } while (0)

/* STEP `count` times, in which gemm_step tells how often since the last MOVE(steps); count is 0 then. */
#define GEMM_TURN(n, STEP)                                                                         \
    {                                                                                              \
        const int gemm_step = n;                                                                   \
        STEP                                                                                       \
    }
#define GEMM_TURNS_1(STEP) GEMM_TURN(0, STEP)
#define GEMM_TURNS_4(STEP) GEMM_TURN(0, STEP) GEMM_TURN(1, STEP) GEMM_TURN(2, STEP) GEMM_TURN(3, STEP)
#define GEMM_LOOP(count, steps, STEP, MOVE)                                                        \
    KEEP_ROLLED                                                                                    \
    for (; (count) >= (steps); (count) -= (steps)) {                                               \
        CAT(GEMM_TURNS_, steps)(STEP)                                                              \
        MOVE(steps)                                                                                \
    }
#if GEMM_UNROLL == 1
#define GEMM_TIMES(count, STEP, MOVE) GEMM_LOOP(count, 1, STEP, MOVE)
#else
#define GEMM_TIMES(count, STEP, MOVE)                                                              \
    GEMM_LOOP(count, 4, STEP, MOVE)                                                                \
    GEMM_LOOP(count, 1, STEP, MOVE)
#endif

/* The sums into (PUT) or onto (ADD) `tile`, a REAL array of GEMM_MR x GEMM_NR. */
#define GEMM_PUT_ONE(r, v) GEMM_STORE(acc_##r##_##v, v, gemm_tile + (r) * GEMM_NR);
#define GEMM_PUT_ROW(r, unused) GEMM_VECTORS(GEMM_PUT_ONE, r)
#define GEMM_PUT(tile)                                                                             \
    do {                                                                                           \
        REAL *gemm_tile = (tile);                                                                  \
        GEMM_ROWS(GEMM_PUT_ROW, )                                                                  \
    } while (0)
#define GEMM_ADD_ONE(r, v)                                                                         \
    GEMM_STORE(acc_##r##_##v + GEMM_LOAD(v, gemm_tile + (r) * GEMM_NR), v,                         \
        gemm_tile + (r) * GEMM_NR);
#define GEMM_ADD_ROW(r, unused) GEMM_VECTORS(GEMM_ADD_ONE, r)
#define GEMM_ADD(tile)                                                                             \
    do {                                                                                           \
        REAL *gemm_tile = (tile);                                                                  \
        GEMM_ROWS(GEMM_ADD_ROW, )                                                                  \
    } while (0)

/*
 * The epilogue: for r < rows, c < columns, element (r, c) of an operand lying at
 * operand[r * operand_row + c * operand_column] (steps of 0 broadcast),
 *
 *     y = activation(alpha * tile + beta * y + bias + residual)
 *
 * `addends` tells which of the last three there are: a sum of GEMM_BETA, GEMM_BIAS, GEMM_RESIDUAL.
 * Each costs a branch for each vector, where a macro would cost another kernel to compile. When k is split into blocks, y carries the sum from
 * one block to the next: only the first adds beta, bias and residual, only the last activates.
 */
#define GEMM_BETA 1
#define GEMM_BIAS 2
#define GEMM_RESIDUAL 4
typedef struct gemm_epilogue {
    int addends;
    __global REAL *y;
    INDEX y_row, y_column;
    REAL alpha, beta;
    REAL2 parameters; /* of the activation */
    const __global REAL *bias;
    INDEX bias_row, bias_column;
    const __global REAL *residual;
    INDEX residual_row, residual_column;
} gemm_epilogue;

/* Elements p[0], p[step], ...; those past `count` are anything. */
static inline GEMM_VECTOR gemm_fetch(const __global REAL *p, INDEX step, int count) {
    if (step == 1 && count >= GEMM_W) {
        return GEMM_LOAD(0, p);
    }
    if (step == 0) {
        return (GEMM_VECTOR)(p[0]);
    }
    REAL values[GEMM_W];
    KEEP_ROLLED
    for (int i = 0; i < GEMM_W; ++i) {
        values[i] = p[(i < count ? i : 0) * step];
    }
    return GEMM_LOAD(0, values);
}

static inline void gemm_scatter(GEMM_VECTOR x, __global REAL *p, INDEX step, int count) {
    if (step == 1 && count >= GEMM_W) {
        GEMM_STORE(x, 0, p);
        return;
    }
    REAL values[GEMM_W];
    GEMM_STORE(x, 0, values);
    KEEP_ROLLED
    for (int i = 0; i < min(count, GEMM_W); ++i) {
        p[i * step] = values[i];
    }
}

/* The first block's x with beta, bias and residual, for columns c .. of row r. */
static inline GEMM_VECTOR gemm_add(
    GEMM_VECTOR x, const gemm_epilogue *e, int r, int c, int count) {
    if (e->addends & GEMM_BETA) {
        x = FMA((GEMM_VECTOR)(e->beta),
            gemm_fetch(e->y + r * e->y_row + c * e->y_column, e->y_column, count), x);
    }
    if (e->addends & GEMM_BIAS) {
        x += gemm_fetch(
            e->bias + r * e->bias_row + c * e->bias_column, e->bias_column, count);
    }
    if (e->addends & GEMM_RESIDUAL) {
        x += gemm_fetch(e->residual + r * e->residual_row + c * e->residual_column,
            e->residual_column, count);
    }
    return x;
}

static inline void gemm_finish(const REAL *tile, int rows, int columns, const gemm_epilogue *e,
    bool first, bool last) {
    KEEP_ROLLED
    for (int r = 0; r < rows; ++r) {
        KEEP_ROLLED
        for (int c = 0; c < columns; c += GEMM_W) {
            const int count = columns - c;
            __global REAL *y = e->y + r * e->y_row + c * e->y_column;
            GEMM_VECTOR x = e->alpha * GEMM_LOAD(0, tile + r * GEMM_NR + c);
            if (!first) {
                x += gemm_fetch(y, e->y_column, count);
            } else if (e->addends != 0) {
                x = gemm_add(x, e, r, c, count);
            }
#if ACTIVATION != 0
            if (last) {
                x = CAT(activation_value_, GEMM_W)(x, e->parameters);
            }
#endif
            gemm_scatter(x, y, e->y_column, count);
        }
    }
}

/*
 * A tile's fast way out: whole rows of y, contiguous, straight from the accumulators; y becomes, or
 * grows by, alpha * sum. The same roundings as in gemm_finish().
 */
#define GEMM_WRITE_ONE(r, v)                                                                       \
    GEMM_STORE(gemm_out->alpha * acc_##r##_##v, v, gemm_out->y + (r) * gemm_out->y_row);
#define GEMM_WRITE_ROW(r, unused) GEMM_VECTORS(GEMM_WRITE_ONE, r)
#define GEMM_GROW_ONE(r, v)                                                                        \
    GEMM_STORE(gemm_out->alpha * acc_##r##_##v +                                                   \
            GEMM_LOAD(v, gemm_out->y + (r) * gemm_out->y_row),                                     \
        v, gemm_out->y + (r) * gemm_out->y_row);
#define GEMM_GROW_ROW(r, unused) GEMM_VECTORS(GEMM_GROW_ONE, r)

/* The lines of a row of the tile, of 16 floats each, that starts at p. */
#if GEMM_NR > 32
#define GEMM_ASK(p, write)                                                                         \
    ASK_LINE(p, write);                                                                            \
    ASK_LINE((p) + GEMM_NR / 2, write);                                                            \
    ASK_LINE((p) + GEMM_NR - 1, write);
#else
#define GEMM_ASK(p, write)                                                                         \
    ASK_LINE(p, write);                                                                            \
    ASK_LINE((p) + GEMM_NR - 1, write);
#endif

/* The tile of y, which will be written: the processor's own prefetching ends at each page. */
#define GEMM_PREFETCH_ROW(r, e) GEMM_ASK((e)->y + (r) * (e)->y_row, 1)
#define GEMM_PREFETCH_TILE(e, rows, columns)                                                       \
    if (gemm_whole(e, rows, columns)) {                                                            \
        GEMM_ROWS(GEMM_PREFETCH_ROW, e)                                                            \
    }

/* The accumulators' sums into y, by the way in which they can. Of each row of the tile the first
 * `skip` belong to other columns; skip + columns <= GEMM_NR. */
#define GEMM_OUT(epilogue, rows, columns, skip, first, last)                                       \
    do {                                                                                           \
        const gemm_epilogue *gemm_out = (epilogue);                                                \
        const bool gemm_plain = gemm_whole(gemm_out, rows, columns) &&                             \
            ((first) ? gemm_out->addends == 0 : true) && (ACTIVATION == 0 || !(last));             \
        if (gemm_plain && (first)) {                                                               \
            GEMM_ROWS(GEMM_WRITE_ROW, )                                                            \
        } else if (gemm_plain) {                                                                   \
            GEMM_ROWS(GEMM_GROW_ROW, )                                                             \
        } else {                                                                                   \
            REAL gemm_memory[GEMM_MR * GEMM_NR + GEMM_W]; /* whole vectors are read at its end */  \
            GEMM_PUT(gemm_memory);                                                                 \
            gemm_finish(gemm_memory + (skip), rows, columns, gemm_out, first, last);               \
        }                                                                                          \
    } while (0)

static inline bool gemm_whole(const gemm_epilogue *e, int rows, int columns) {
    return e->y_column == 1 && rows >= GEMM_MR && columns >= GEMM_NR;
}

/*
 * One tile from `count` steps of panels, finished into y: of B, packed as above, asked for b_ahead
 * elements before it is read; of A, element (r, k) at a[r * a_row + k * a_step], for every
 * r < rows. GEMM_PANEL_A and GEMM_PANEL_B are their address spaces, __global unless defined
 * otherwise.
 */
#ifndef GEMM_PANEL_A
#define GEMM_PANEL_A __global
#endif
#ifndef GEMM_PANEL_B
#define GEMM_PANEL_B __global
#endif
/* Steps by which B is asked for ahead: some 500 cycles, more than a busy last cache takes. */
#define GEMM_AHEAD 32
/* Steps between two pieces of the copy that goes on meanwhile; a multiple of every GEMM_W. */
#define GEMM_PIECE 64

/* Rows of A that a tile brings nearer for a later one, beside its own work: `count` elements each,
 * not more than the tile has steps; those that lie `beyond` them are asked for. */
typedef struct gemm_later {
    const __global REAL *from;
    GEMM_PANEL_A REAL *to;
    INDEX from_row, to_row, beyond;
    int rows, count;
} gemm_later;

/* Elements k .. k + GEMM_PIECE of those rows. */
static inline void gemm_copy_piece(const gemm_later *later, int k) {
    const __global REAL *from = later->from + k;
    GEMM_PANEL_A REAL *to = later->to + k;
    const int end = min(later->count - k, GEMM_PIECE);
    KEEP_ROLLED
    for (int r = 0; r < later->rows; ++r) {
        int i = 0;
        KEEP_ROLLED
        for (int line = 0; line < end; line += 16) {
            ASK_LINE_FAR(from + later->beyond + line);
        }
        KEEP_ROLLED
        for (; i + GEMM_W <= end; i += GEMM_W) {
            GEMM_STORE(GEMM_LOAD(0, from + i), 0, to + i);
        }
        KEEP_ROLLED
        for (; i < end; ++i) {
            to[i] = from[i];
        }
        from += later->from_row;
        to += later->to_row;
    }
}

static inline void gemm_panels(const GEMM_PANEL_A REAL *a, INDEX a_row, INDEX a_step,
    const GEMM_PANEL_B REAL *b, INDEX b_ahead, int count, const gemm_later *later,
    const gemm_epilogue *e, int rows, int columns, bool first, bool last) {
    GEMM_PREFETCH_TILE(e, rows, columns)
    GEMM_ACCUMULATORS;
#define GEMM_PANEL_POINTER(r, unused)                                                              \
    const GEMM_PANEL_A REAL *a_##r = a + min(r, rows - 1) * a_row;
#define GEMM_PANEL_ROW(r) a_##r[at + gemm_step * a_step]
#define GEMM_PANEL_VECTOR(v) GEMM_LOAD(v, b + gemm_step * GEMM_NR)
#if GEMM_UNROLL == 1
#define GEMM_PANEL_ASK GEMM_ASK(b + b_ahead, 0)
#else
#define GEMM_PANEL_ASK
#endif
#define GEMM_PANEL_STEP                                                                            \
    GEMM_STEP(GEMM_PANEL_ROW, GEMM_PANEL_VECTOR);                                                  \
    GEMM_PANEL_ASK
#define GEMM_PANEL_MOVE(steps)                                                                     \
    at += (steps) * a_step;                                                                        \
    KEEP_INDEX(at);                                                                                \
    b += (steps) * GEMM_NR;
    GEMM_ROWS(GEMM_PANEL_POINTER, )
    long at = 0;
    KEEP_ROLLED
    for (int k = 0; k < count; k += GEMM_PIECE) {
        gemm_copy_piece(later, k);
        int steps = min(count - k, GEMM_PIECE);
        GEMM_TIMES(steps, GEMM_PANEL_STEP, GEMM_PANEL_MOVE)
    }
#undef GEMM_PANEL_POINTER
#undef GEMM_PANEL_ROW
#undef GEMM_PANEL_VECTOR
#undef GEMM_PANEL_ASK
#undef GEMM_PANEL_STEP
#undef GEMM_PANEL_MOVE
    GEMM_OUT(e, rows, columns, 0, first, last);
}
