/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How reduce_rows of reduce_engine.cl takes the vectors of a row: ROW_BLOCKS, from element i on as many as
 * go by fours or, where BLOCK_VECTORS says so, by as many as fill registers. Moments and sums of
 * exponentials are formed of such a block in two passes, around its own mean or maximum, lane by lane;
 * reduce_columns does so with BLOCK_VECTORS rows. Include after reduce_state.cl.
 */
#if VECTOR_WIDTH > 2 && PARTS != 2 && (REDUCTION == 3 && FORM < 2 || REDUCTION == 4 && FORM == 0 && !REAL_IS_DOUBLE)
#if FORM == 0 && DEVICE_IS_CPU && DEVICE_FLOAT_WIDTH < 16
#define BLOCK_VECTORS (8 * DEVICE_FLOAT_WIDTH / VECTOR_WIDTH) /* half of 16 registers; double all */
#elif FORM == 0
#define BLOCK_VECTORS 16
#else
#define BLOCK_VECTORS 8
#endif
#define EACH_OF_BLOCK(first) _Pragma("unroll") for (int n = first; n < BLOCK_VECTORS; n++)
#define OF_FOUR(COMBINE, v) COMBINE(COMBINE((v)[0], (v)[1]), COMBINE((v)[2], (v)[3]))
#define ADD(s, t) ((s) + (t))

#if REDUCTION == 3
static inline STATE(VECTOR_WIDTH) of_block(const FLOATS(VECTOR_WIDTH) *v) {
    STATE(VECTOR_WIDTH) z;
    FLOATS(VECTOR_WIDTH) sum[4], squares[4];
    EACH_OF_BLOCK(0) sum[n % 4] = n < 4 ? v[n] : sum[n % 4] + v[n];
    z.n = BLOCK_VECTORS;
    z.a = OF_FOUR(ADD, sum) * (1.0f / BLOCK_VECTORS);
    EACH_OF_BLOCK(0) {
        const FLOATS(VECTOR_WIDTH) distance = v[n] - z.a;
        squares[n % 4] = n < 4 ? distance * distance : FMA(distance, distance, squares[n % 4]);
    }
    z.b = OF_FOUR(ADD, squares);
    return z;
}
#else
#define SUMS_ONLY 1
#include "exp_term.cl"
static inline FLOATS(VECTOR_WIDTH) peak_of_block(const FLOATS(VECTOR_WIDTH) *v) {
    FLOATS(VECTOR_WIDTH) peak[4];
    EACH_OF_BLOCK(0) peak[n % 4] = n < 4 ? v[n] : LARGER(peak[n % 4], v[n]);
    return OF_FOUR(LARGER, peak);
}
/* Takes the maximum so far, a, up to that of a block, where that is far greater. */
static inline STATE(VECTOR_WIDTH) shifted_to(STATE(VECTOR_WIDTH) s, FLOATS(VECTOR_WIDTH) peak) {
    const FLOATS(VECTOR_WIDTH) most = LARGER(s.a, peak);
    s.b *= CAT(math_exp_down_, VECTOR_WIDTH)(s.a == most ? (FLOATS(VECTOR_WIDTH))(0.0f) : s.a - most);
    s.a = most;
    return s;
}
#define FAR_GREATER 4.0f
#define LARGEST_LANE CAT(largest_lane_, VECTOR_WIDTH)
/* Whether any lane's is, or is infinite. Comparisons, for a difference is NaN where both are -Inf, and
 * would hide other lanes; a NaN among the elements hides nothing, and shows in the sums. */
#define IS_SHIFTED(s, peak)                                                                        \
    (LARGEST_LANE((((peak) > (s).a + FAR_GREATER) | ((peak) == INFINITY))                          \
                      ? (FLOATS(VECTOR_WIDTH))(1.0f)                                               \
                      : (FLOATS(VECTOR_WIDTH))(0.0f)) > 0.0f)
#define IS_INFINITE(peak) (LARGEST_LANE(peak) == INFINITY)
static inline FLOATS(VECTOR_WIDTH) sum_of_block(STATE(VECTOR_WIDTH) s, const FLOATS(VECTOR_WIDTH) *v) {
    FLOATS(VECTOR_WIDTH) sum[4];
    const FLOATS(VECTOR_WIDTH) shift = s.a == -INFINITY ? (FLOATS(VECTOR_WIDTH))(0.0f) : s.a;
    EACH_OF_BLOCK(0) {
        sum[n % 4] = n < 4 ? CAT(term_, VECTOR_WIDTH)(v[n] - shift)
                           : CAT(add_term_, VECTOR_WIDTH)(sum[n % 4], v[n] - shift);
    }
    return FMA(OF_FOUR(ADD, sum), (FLOATS(VECTOR_WIDTH))(0x1p-40f), s.b);
}

#include "reduce_log_rows.cl"
#endif
#endif

/* From element i on, as many at once as fill registers: into a or total. */
#if defined(BLOCK_VECTORS) && REDUCTION == 3
#define TAKE_BLOCK total = JOIN(VECTOR_WIDTH, total, of_block(values));
#elif defined(BLOCK_VECTORS)
#define TAKE_BLOCK                                                                                 \
    const FLOATS(VECTOR_WIDTH) peak = peak_of_block(values);                                       \
    if (IS_SHIFTED(total, peak)) {                                                                 \
        if (IS_INFINITE(peak)) {                                                                   \
            KEEP_ROLLED for (int n = 0; n < BLOCK_VECTORS; n++) {                                  \
                COLLECT(VECTOR_WIDTH, a, i + n * VECTOR_WIDTH)                                     \
            }                                                                                      \
            has_rest = true;                                                                       \
            continue;                                                                              \
        }                                                                                          \
        total = shifted_to(total, peak);                                                           \
    }                                                                                              \
    total.b = sum_of_block(total, values);
#endif
#ifdef BLOCK_VECTORS
#define BLOCKS_JOIN_TOTAL 1
#define ROW_BLOCKS                                                                                 \
    for (; i + BLOCK_VECTORS * VECTOR_WIDTH <= count; i += BLOCK_VECTORS * VECTOR_WIDTH) {         \
        FLOATS(VECTOR_WIDTH) values[BLOCK_VECTORS];                                                \
        EACH_OF_BLOCK(0) {                                                                         \
            if (n % 4 == 0) {                                                                      \
                EACH_INPUT(ASK, i + n * VECTOR_WIDTH)                                              \
            }                                                                                      \
            VALUE(VECTOR_WIDTH, i + n * VECTOR_WIDTH)                                              \
            values[n] = value;                                                                     \
        }                                                                                          \
        TAKE_BLOCK                                                                                 \
    }
#else
#define BLOCKS_JOIN_TOTAL 0
#define ROW_BLOCKS                                                                                 \
    STATE(VECTOR_WIDTH) b = a;                                                                     \
    STATE(VECTOR_WIDTH) c = a;                                                                     \
    STATE(VECTOR_WIDTH) d = a;                                                                     \
    for (; i + 4 * VECTOR_WIDTH <= count; i += 4 * VECTOR_WIDTH) {                                 \
        EACH_INPUT(ASK, i)                                                                         \
        COLLECT(VECTOR_WIDTH, a, i)                                                                \
        COLLECT(VECTOR_WIDTH, b, i + VECTOR_WIDTH)                                                 \
        COLLECT(VECTOR_WIDTH, c, i + 2 * VECTOR_WIDTH)                                             \
        COLLECT(VECTOR_WIDTH, d, i + 3 * VECTOR_WIDTH)                                             \
    }                                                                                              \
    a = JOIN(VECTOR_WIDTH, a, b);                                                                  \
    c = JOIN(VECTOR_WIDTH, c, d);                                                                  \
    a = JOIN(VECTOR_WIDTH, a, c);
#endif
