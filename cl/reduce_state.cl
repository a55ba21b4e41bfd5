/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reduction remembers of the elements it has seen, W lanes of it side by side:
 *     STATE(W)               its type: FLOATS(W), or a struct of `a` and `b` (and `n`)
 *     NOTHING(W)             of no elements
 *     TAKE(W, s, value, second)   s and one element more in each lane
 *     JOIN(W, s, t)          those of both
 *     ACROSS(W, s)           those of all lanes: STATE(1), by halves
 *     FROM_PARTS(W, p, q, r) the state whose members are p, q and the first lane of r
 *     COMPONENTS             how many members it has
 * Macros: VECTOR_WIDTH, and REDUCTION with SECOND:
 *     0, 1, 2  sum, maximum (NaN wins) or product of `value`; SECOND 1: and the sum of `second`
 *     3        moments: n of them, their mean a and sum b of squared distances from it, element by
 *              element (Welford 1962), joined by the rule of Chan, Golub & LeVeque (1983)
 *     4        maximum a, and the sum b of exp(value - a)
 *     5        the greatest value a (NaN is greater than all), and the smallest place b of those
 *              that equal it: `second` and b hold the bits of an int, of a long in double
 * Include after vector.cl.
 */
#if REDUCTION == 1
#define IDENTITY (-INFINITY)
#define COMBINE(s, t) MAX_NAN(s, t)
#elif REDUCTION == 2
#define IDENTITY (1.0f)
#define COMBINE(s, t) ((s) * (t))
#else
#define IDENTITY (0.0f)
#define COMBINE(s, t) ((s) + (t))
#endif
#define NAME_OF(name, W) CAT(name, W)

#if REDUCTION < 3 && !SECOND
#define COMPONENTS 1
#define STATE(W) FLOATS(W)
#define NOTHING(W) ((FLOATS(W))(IDENTITY))
#define TAKE(W, s, value, second) COMBINE(s, value)
#define JOIN(W, s, t) COMBINE(s, t)
#define ACROSS(W, s) NAME_OF(across_, W)(s)
#define DEFINE_STATE(W)
#define DEFINE_ACROSS(W, HALF)                                                                     \
    static inline REAL CAT(across_, W)(FLOATS(W) s) {                                             \
        return CAT(across_, HALF)(COMBINE(s.lo, s.hi));                                            \
    }

#else
#define STATE(W) NAME_OF(state_, W)
#define NOTHING(W) NAME_OF(nothing_, W)()
#define TAKE(W, s, value, second) NAME_OF(take_, W)(s, value, second)
#define JOIN(W, s, t) NAME_OF(join_, W)(s, t)
#define ACROSS(W, s) NAME_OF(across_, W)(s)
#define FROM_PARTS(W, p, q, r) NAME_OF(from_parts_, W)(p, q, r)

#if REDUCTION == 3
#define COMPONENTS 3
#define COUNTER REAL n;
#define KEEP_COUNTER(of, s) (of).n = (s).n;
#define SET_COUNTER(z, r) z.n = ((const REAL *)&(r))[0];
#define EMPTY(W) z.a = 0.0f, z.b = 0.0f, z.n = 0.0f;
#define TAKE_ONE(W)                                                                                \
    const FLOATS(W) distance = value - s.a;                                                        \
    z.n = s.n + 1.0f;                                                                              \
    z.a = FMA(distance, (FLOATS(W))(1.0f / z.n), s.a);                                             \
    z.b = FMA(distance, value - z.a, s.b);
#define JOIN_TWO(W)                                                                                \
    const FLOATS(W) distance = t.a - s.a;                                                          \
    z.n = s.n + t.n;                                                                               \
    const REAL part = z.n > 0.0f ? t.n / z.n : 0.0f;                                              \
    z.a = FMA(distance, (FLOATS(W))(part), s.a);                                                   \
    const REAL both = s.n * part; /* 0 where one of them is empty, however far its mean is */     \
    z.b = FMA(both > 0.0f ? distance * distance : (FLOATS(W))(0.0f), (FLOATS(W))(both), s.b + t.b);
#else
#define COMPONENTS 2
#define COUNTER
#define KEEP_COUNTER(of, s)
#define SET_COUNTER(z, r)
#endif

#if REDUCTION == 4
#define MATH_WIDTH 1
#include "math.cl"
#if VECTOR_WIDTH > 1
#define MATH_WIDTH 2
#include "math.cl"
#define MATH_WIDTH 4
#include "math.cl"
#endif
#if VECTOR_WIDTH > 4
#define MATH_WIDTH 8
#include "math.cl"
#endif
#if VECTOR_WIDTH > 8
#define MATH_WIDTH 16
#include "math.cl"
#endif
#define EMPTY(W) z.a = -INFINITY, z.b = 0.0f;
/* Of two maxima the smaller one's sum shrinks; two that are equal may be infinite. */
#define JOIN_SUMS(W, t_a, t_b)                                                                     \
    FLOATS(W) distance = s.a == t_a ? (FLOATS(W))(0.0f) : -fabs(s.a - t_a);                        \
    distance = NAME_OF(math_exp_down_, W)(distance);                                               \
    z.a = MAX_NAN(s.a, t_a);                                                                       \
    z.b = t_a > s.a ? FMA(s.b, distance, t_b) : FMA(t_b, distance, s.b);
#define TAKE_ONE(W) JOIN_SUMS(W, value, (FLOATS(W))(1.0f))
#define JOIN_TWO(W) JOIN_SUMS(W, t.a, t.b)

#elif REDUCTION == 5
#if REAL_IS_DOUBLE
#define BITS_1 long
#define BITS_2 long2
#define BITS_4 long4
#define BITS_8 long8
#define LAST_PLACE as_double(0x7fffffffL)
#else
#define BITS_1 int
#define BITS_2 int2
#define BITS_4 int4
#define BITS_8 int8
#define BITS_16 int16
#define LAST_PLACE as_float(0x7fffffff)
#endif
#define BITS(W, v) CAT(as_, CAT(BITS_, W))(v)
#define EMPTY(W) z.a = -INFINITY, z.b = LAST_PLACE;
#define JOIN_PLACES(W, t_a, t_b)                                                                   \
    const CAT(BITS_, W) equal = (t_a == s.a) | ((t_a != t_a) & (s.a != s.a));                      \
    const CAT(BITS_, W) greater = (t_a > s.a) | ((t_a != t_a) & (s.a == s.a));                     \
    const CAT(BITS_, W) wins = greater | (equal & (BITS(W, t_b) < BITS(W, s.b)));                  \
    z.a = wins ? t_a : s.a;                                                                        \
    z.b = wins ? t_b : s.b;
#define TAKE_ONE(W) JOIN_PLACES(W, value, second)
#define JOIN_TWO(W) JOIN_PLACES(W, t.a, t.b)

#elif REDUCTION < 3
#define EMPTY(W) z.a = IDENTITY, z.b = 0.0f;
#define TAKE_ONE(W) z.a = COMBINE(s.a, value), z.b = s.b + second;
#define JOIN_TWO(W) z.a = COMBINE(s.a, t.a), z.b = s.b + t.b;
#endif

#define DEFINE_STATE(W)                                                                            \
    typedef struct CAT(state_, W) {                                                                \
        FLOATS(W) a, b;                                                                            \
        COUNTER                                                                                    \
    } CAT(state_, W);                                                                              \
    static inline STATE(W) CAT(nothing_, W)(void) {                                                \
        STATE(W) z;                                                                                \
        EMPTY(W)                                                                                   \
        return z;                                                                                  \
    }                                                                                              \
    static inline STATE(W) CAT(take_, W)(STATE(W) s, FLOATS(W) value, FLOATS(W) second) {          \
        STATE(W) z;                                                                                \
        TAKE_ONE(W)                                                                                \
        return z;                                                                                  \
    }                                                                                              \
    static inline STATE(W) CAT(join_, W)(STATE(W) s, STATE(W) t) {                                 \
        STATE(W) z;                                                                                \
        JOIN_TWO(W)                                                                                \
        return z;                                                                                  \
    }                                                                                              \
    static inline STATE(W) CAT(from_parts_, W)(FLOATS(W) p, FLOATS(W) q, FLOATS(W) r) {            \
        STATE(W) z;                                                                                \
        z.a = p;                                                                                   \
        z.b = q;                                                                                   \
        SET_COUNTER(z, r)                                                                          \
        return z;                                                                                  \
    }
#if REDUCTION == 3
/* All lanes are of equally many elements. */
#define DEFINE_ACROSS(W, HALF)                                                                     \
    static inline state_1 CAT(across_, W)(STATE(W) s) {                                            \
        state_1 z;                                                                                 \
        z.n = s.n * W;                                                                             \
        z.a = SUM_LANES(W, s.a * (1.0f / W));                                                      \
        const FLOATS(W) distance = s.a - z.a;                                                      \
        z.b = SUM_LANES(W, FMA(distance * distance, (FLOATS(W))(s.n), s.b));                       \
        return z;                                                                                  \
    }
#elif REDUCTION == 4
/* Of several lanes of which one is NaN another may be taken; then the sum is NaN. */
#define LARGER(s, t) ((t) > (s) ? (t) : (s))
static inline REAL largest_lane_1(REAL v) {
    return v;
}
#define DEFINE_ACROSS(W, HALF)                                                                     \
    static inline REAL CAT(largest_lane_, W)(FLOATS(W) v) {                                       \
        return CAT(largest_lane_, HALF)(LARGER(v.lo, v.hi));                                       \
    }                                                                                              \
    static inline state_1 CAT(across_, W)(STATE(W) s) {                                            \
        state_1 z;                                                                                 \
        z.a = CAT(largest_lane_, W)(s.a);                                                                   \
        const FLOATS(W) distance = s.a == z.a ? (FLOATS(W))(0.0f) : s.a - z.a;                     \
        z.b = SUM_LANES(W, s.b * CAT(math_exp_down_, W)(distance));                                \
        return z;                                                                                  \
    }
#else
#define DEFINE_ACROSS(W, HALF)                                                                     \
    static inline state_1 CAT(across_, W)(STATE(W) s) {                                            \
        STATE(HALF) low, high;                                                                     \
        low.a = s.a.lo, low.b = s.b.lo, high.a = s.a.hi, high.b = s.b.hi;                          \
        KEEP_COUNTER(low, s)                                                                       \
        KEEP_COUNTER(high, s)                                                                      \
        return CAT(across_, HALF)(CAT(join_, HALF)(low, high));                                    \
    }
#endif
#endif

DEFINE_STATE(1)
static inline STATE(1) across_1(STATE(1) s) {
    return s;
}
#if VECTOR_WIDTH > 1
DEFINE_STATE(2)
DEFINE_ACROSS(2, 1)
DEFINE_STATE(4)
DEFINE_ACROSS(4, 2)
#endif
#if VECTOR_WIDTH > 4
DEFINE_STATE(8)
DEFINE_ACROSS(8, 4)
#endif
#if VECTOR_WIDTH > 8
DEFINE_STATE(16)
DEFINE_ACROSS(16, 8)
#endif
