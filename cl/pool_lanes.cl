/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of pooling as vectors of VECTOR_WIDTH (4, 8 or 16) lanes; include after vector.cl.
 *   moved(before, here, behind, by)   lanes by, by + 1, ... of three vectors in a row, counted from
 *                                     the first of `here`; by a constant from -2 to 2
 *   JOIN(a, b), join_three(a, b, c), NOTHING   what a window makes of its elements (AVERAGE: 1 their
 *                                     sum, 0 the largest), and of none
 */
#include "pool_join.cl"

#define INLINED __attribute__((always_inline)) static inline

#define VECTOR FLOATS(VECTOR_WIDTH)
typedef VECTOR unaligned_vector __attribute__((aligned(4)));
#define AT(p) (*(unaligned_vector *)(p))

#if VECTOR_WIDTH == 16
#define AHEAD_1(a, b)                                                                              \
    (VECTOR)((a).s1, (a).s2, (a).s3, (a).s4, (a).s5, (a).s6, (a).s7, (a).s8, (a).s9, (a).sa,       \
        (a).sb, (a).sc, (a).sd, (a).se, (a).sf, (b).s0)
#define AHEAD_2(a, b)                                                                              \
    (VECTOR)((a).s2, (a).s3, (a).s4, (a).s5, (a).s6, (a).s7, (a).s8, (a).s9, (a).sa, (a).sb,       \
        (a).sc, (a).sd, (a).se, (a).sf, (b).s0, (b).s1)
#define BACK_1(a, b)                                                                               \
    (VECTOR)((a).sf, (b).s0, (b).s1, (b).s2, (b).s3, (b).s4, (b).s5, (b).s6, (b).s7, (b).s8,       \
        (b).s9, (b).sa, (b).sb, (b).sc, (b).sd, (b).se)
#define BACK_2(a, b)                                                                               \
    (VECTOR)((a).se, (a).sf, (b).s0, (b).s1, (b).s2, (b).s3, (b).s4, (b).s5, (b).s6, (b).s7,       \
        (b).s8, (b).s9, (b).sa, (b).sb, (b).sc, (b).sd)
#elif VECTOR_WIDTH == 8
#define AHEAD_1(a, b)                                                                              \
    (VECTOR)((a).s1, (a).s2, (a).s3, (a).s4, (a).s5, (a).s6, (a).s7, (b).s0)
#define AHEAD_2(a, b)                                                                              \
    (VECTOR)((a).s2, (a).s3, (a).s4, (a).s5, (a).s6, (a).s7, (b).s0, (b).s1)
#define BACK_1(a, b)                                                                               \
    (VECTOR)((a).s7, (b).s0, (b).s1, (b).s2, (b).s3, (b).s4, (b).s5, (b).s6)
#define BACK_2(a, b)                                                                               \
    (VECTOR)((a).s6, (a).s7, (b).s0, (b).s1, (b).s2, (b).s3, (b).s4, (b).s5)
#else
#define AHEAD_1(a, b) (VECTOR)((a).s1, (a).s2, (a).s3, (b).s0)
#define AHEAD_2(a, b) (VECTOR)((a).s2, (a).s3, (b).s0, (b).s1)
#define BACK_1(a, b) (VECTOR)((a).s3, (b).s0, (b).s1, (b).s2)
#define BACK_2(a, b) (VECTOR)((a).s2, (a).s3, (b).s0, (b).s1)
#endif

static inline VECTOR join_three(VECTOR a, VECTOR b, VECTOR c) {
#if AVERAGE
    return a + b + c;
#else
    /* Written as the processor's maximum has it, which gives its second operand if either is NaN. */
    const VECTOR two = a > b ? a : b, all = two > c ? two : c;
    return (a != a) | (b != b) ? a + b : all;
#endif
}

static inline VECTOR moved(VECTOR before, VECTOR here, VECTOR behind, int by) {
    switch (by) {
    case -2:
        return BACK_2(before, here);
    case -1:
        return BACK_1(before, here);
    case 1:
        return AHEAD_1(here, behind);
    case 2:
        return AHEAD_2(here, behind);
    default:
        return here;
    }
}

/* A part of a vector, in pieces. */
#define PIECE(W, to, from)                                                                         \
    if (count & W) {                                                                               \
        STORE(W, LOAD(W, (from) + done), (to) + done);                                             \
        done += W;                                                                                 \
    }
#if VECTOR_WIDTH == 16
#define PIECES(to, from) PIECE(8, to, from) PIECE(4, to, from) PIECE(2, to, from) PIECE(1, to, from)
#elif VECTOR_WIDTH == 8
#define PIECES(to, from) PIECE(4, to, from) PIECE(2, to, from) PIECE(1, to, from)
#else
#define PIECES(to, from) PIECE(2, to, from) PIECE(1, to, from)
#endif

/* The first `count` < VECTOR_WIDTH lanes from p, `rest` behind them. */
static inline VECTOR take_some(const __global float *p, int count, VECTOR rest) {
    float lanes[VECTOR_WIDTH];
    int done = 0;
    AT(lanes) = rest;
    PIECES(lanes, p)
    return AT(lanes);
}

/* p[0 .. count - 1] = the first lanes, count < VECTOR_WIDTH */
static inline void put(VECTOR v, __global float *p, int count) {
    float lanes[VECTOR_WIDTH];
    int done = 0;
    AT(lanes) = v;
    PIECES(p, lanes)
}

/* All lanes, or the first `count`; `past`: past the caches. */
static inline void put_row(VECTOR v, __global float *p, INDEX count, int past) {
    if (count >= VECTOR_WIDTH) {
        if (past) {
            STREAM(VECTOR_WIDTH, v, p);
        } else {
            STORE(VECTOR_WIDTH, v, p);
        }
    } else if (count > 0) {
        put(v, p, (int)count);
    }
}
