/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns a square of n x n elements that lies in n vectors. Include after common.cl with
 *     #define TURN_ELEMENT float   the type of an element
 *     #define TURN_LANES 16        n: 8 or 16
 * for static inline void turn(float16 rows[16]): lane j of row i becomes lane i of row j. Both
 * names are undefined again.
 *
 * log2(n) times: row 2 i and 2 i + 1 become the interleaved halves of rows i and i + n / 2. The
 * place of an element, row and lane as one number of 2 log2(n) bits, so turns by one bit each time,
 * and at last row and lane have changed places. The indices of `rows` are constants once unrolled:
 * the square stays in registers.
 */
#define TURN_VECTOR CAT(TURN_ELEMENT, TURN_LANES)
#if TURN_LANES == 16
#define TURN_LOWER(a, b)                                                                           \
    (TURN_VECTOR)(a.s0, b.s0, a.s1, b.s1, a.s2, b.s2, a.s3, b.s3, a.s4, b.s4, a.s5, b.s5, a.s6,    \
        b.s6, a.s7, b.s7)
#define TURN_UPPER(a, b)                                                                           \
    (TURN_VECTOR)(a.s8, b.s8, a.s9, b.s9, a.sa, b.sa, a.sb, b.sb, a.sc, b.sc, a.sd, b.sd, a.se,    \
        b.se, a.sf, b.sf)
#define TURN_STAGES 4
#else
#define TURN_LOWER(a, b) (TURN_VECTOR)(a.s0, b.s0, a.s1, b.s1, a.s2, b.s2, a.s3, b.s3)
#define TURN_UPPER(a, b) (TURN_VECTOR)(a.s4, b.s4, a.s5, b.s5, a.s6, b.s6, a.s7, b.s7)
#define TURN_STAGES 3
#endif

static inline void turn(TURN_VECTOR *rows) {
#pragma unroll
    for (int stage = 0; stage < TURN_STAGES; stage++) {
        TURN_VECTOR next[TURN_LANES];
#pragma unroll
        for (int i = 0; i < TURN_LANES / 2; i++) {
            const TURN_VECTOR a = rows[i], b = rows[i + TURN_LANES / 2];
            next[2 * i] = TURN_LOWER(a, b);
            next[2 * i + 1] = TURN_UPPER(a, b);
        }
#pragma unroll
        for (int i = 0; i < TURN_LANES; i++) {
            rows[i] = next[i];
        }
    }
}

#undef TURN_VECTOR
#undef TURN_LOWER
#undef TURN_UPPER
#undef TURN_STAGES
#undef TURN_ELEMENT
#undef TURN_LANES
