/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exponentials of numbers <= 60 for sums of them, 2^40 times as large as they should be, which saves a
 * multiplication and keeps their precision where results are denormal; of -Inf e^-110, in double 0.
 *     term_W(x)           exp(x) 2^40, in vectors of W = VECTOR_WIDTH or 1
 *     add_term_W(sum, x)  the same added to sum, in one instruction
 * Macros: SUMS_ONLY 1 where nothing but their sum is wanted, of x <= 0. Include after vector.cl and math.cl
 * of both widths.
 */

#if REAL_IS_DOUBLE
#define TERM_FUNCTIONS(W)                                                                          \
    static inline FLOATS(W) CAT(term_, W)(FLOATS(W) x) {                                           \
        return exp(x) * 0x1p40;                                                                    \
    }                                                                                              \
    static inline FLOATS(W) CAT(add_term_, W)(FLOATS(W) sum, FLOATS(W) x) {                        \
        return FMA(exp(x), (FLOATS(W))(0x1p40), sum);                                              \
    }
TERM_FUNCTIONS(1)
#if VECTOR_WIDTH > 1
TERM_FUNCTIONS(VECTOR_WIDTH)
#endif
#else

/* F(0), F(1), ... of as many lanes */
#define BY_4(F) F(0), F(1), F(2), F(3)
#define BY_8(F) BY_4(F), F(4), F(5), F(6), F(7)
#define BY_16(F) BY_8(F), F(8), F(9), F(a), F(b), F(c), F(d), F(e), F(f)

#define INTS(W) CAT(INTS_, W)
#define INTS_1 int
#define INTS_2 int2
#define INTS_4 int4
#define INTS_8 int8
#define INTS_16 int16

#define TERM_ROUNDER 12582912.0f /* as in math.cl */
/* Where only their sum is wanted: ln 2 in one piece, off by 2^-29, is an error of n 2^-29 in a term
 * that counts for 2^-n. */
#if SUMS_ONLY && DEVICE_HAS_FMA
#define REST(W, n) fma(n, (FLOATS(W))(-0.693147181f), x)
#else
#define REST(W, n)                                                                                 \
    FMA(n, (FLOATS(W))(2.12194440e-4f), FMA(n, (FLOATS(W))(-0.693359375f), x))
#endif
/* exp(x) = p scale 2^-40: x = n ln 2 + r, p = exp(r), scale = 2^(n + 40) */
#define TERM_PARTS(W)                                                                              \
    x = x < -110.0f ? (FLOATS(W))(-110.0f) : x;                                                    \
    const FLOATS(W) rounded =                                                                      \
        FMA(x, (FLOATS(W))(1.44269504f), (FLOATS(W))(TERM_ROUNDER + 127.0f + 40.0f));              \
    const FLOATS(W) n = rounded - (TERM_ROUNDER + 127.0f + 40.0f);                                 \
    const FLOATS(W) r = REST(W, n);                                                                \
    const FLOATS(W) p = CAT(math_exp_polynomial_, W)(r, 1.0f);                                     \
    const FLOATS(W) scale = CAT(as_, FLOATS(W))(CAT(as_, INTS(W))(rounded) << 23);
/* The same with n in parts, sixteenths or eighths, whose powers of two a register holds: terms up to r^3 are
 * enough then; the fit is off by 2^-29 and 2^-25. powers_W of lanes' numbers has the bits of 2^(j / DIVISOR + 40),
 * less those that j itself adds. */
#define TERM_BY_PARTS(W, DIVISOR, SHIFT, CUBE, SQUARE)                                             \
    x = x < -110.0f ? (FLOATS(W))(-110.0f) : x;                                                    \
    const FLOATS(W) rounded =                                                                      \
        fma(x, (FLOATS(W))(1.44269504f), (FLOATS(W))(TERM_ROUNDER / DIVISOR));                     \
    const FLOATS(W) n = rounded - TERM_ROUNDER / DIVISOR;                                          \
    const FLOATS(W) r = REST(W, n);                                                                \
    FLOATS(W) p = fma(r, (FLOATS(W))(CUBE), (FLOATS(W))(SQUARE));                                  \
    p = fma(fma(p, r, (FLOATS(W))(1.0f)), r, (FLOATS(W))(1.0f));                                   \
    const INTS(W) number = CAT(as_, INTS(W))(rounded);                                             \
    const FLOATS(W) scale = CAT(as_, FLOATS(W))(CAT(powers_, W)(number) + (number << SHIFT));
/* Of a lane's number the permutation sees the lower bits alone, as many as tell lanes apart, which no
 * compiler can be told in OpenCL C. */
#if DEVICE_IS_CPU && DEVICE_HAS_FMA
#if defined(__AVX2__) && DEVICE_FLOAT_WIDTH < 16 && VECTOR_WIDTH >= 8
#if __has_builtin(__builtin_ia32_permvarsi256)
#define TABLE_OF_EIGHT
typedef int permuted __attribute__((vector_size(32)));
static inline int8 powers_8(int8 number) {
    const int8 powers = (int8)(0x53800000, 0x537b95c2, 0x537837f0, 0x5375fed7, 0x537504f3,
        0x5375672a, 0x537744fd, 0x537ac0c7);
    return __builtin_astype(__builtin_ia32_permvarsi256(__builtin_astype(powers, permuted),
                                __builtin_astype(number, permuted)),
        int8);
}
static inline int16 powers_16(int16 number) {
    return (int16)(powers_8(number.lo), powers_8(number.hi));
}
#define TERM_BY_TABLE(W) TERM_BY_PARTS(W, 8.0f, 20, 0x1.55565cp-3f, 0x1.00087cp-1f)
#endif
#endif
#if VECTOR_WIDTH == 16 && !defined(TABLE_OF_EIGHT)
#ifdef __AVX512F__
#if __has_builtin(__builtin_ia32_permvarsi512)
typedef int permuted __attribute__((vector_size(64)));
#define TABLE_OF_SIXTEEN
#endif
#endif
static inline int16 powers_16(int16 number) {
    const int16 powers = (int16)(0x53800000, 0x537daac3, 0x537b95c2, 0x5379c3d3, 0x537837f0,
        0x5376f532, 0x5375fed7, 0x5375583f, 0x537504f3, 0x537508a4, 0x5375672a, 0x5376248c,
        0x537744fd, 0x5378ccdf, 0x537ac0c7, 0x537d257d);
#ifdef TABLE_OF_SIXTEEN
    return __builtin_astype(__builtin_ia32_permvarsi512(__builtin_astype(powers, permuted),
                                __builtin_astype(number, permuted)),
        int16);
#else
#define POWER_OF(lane) powers[j.s##lane]
    const int16 j = number & 15;
    return (int16)(BY_16(POWER_OF));
#endif
}
#define TERM_BY_TABLE(W) TERM_BY_PARTS(W, 16.0f, 19, 0x1.55559cp-3f, 0x1.00022ap-1f)
#endif
#endif
/* term(x), and sum + term(x) */
#define TERM_FUNCTIONS(W, PARTS)                                                                   \
    static inline FLOATS(W) CAT(term_, W)(FLOATS(W) x) {                                           \
        PARTS                                                                                      \
        return p * scale;                                                                          \
    }                                                                                              \
    static inline FLOATS(W) CAT(add_term_, W)(FLOATS(W) sum, FLOATS(W) x) {                        \
        PARTS                                                                                      \
        return FMA(p, scale, sum);                                                                 \
    }
TERM_FUNCTIONS(1, TERM_PARTS(1))
#ifdef TERM_BY_TABLE
TERM_FUNCTIONS(VECTOR_WIDTH, TERM_BY_TABLE(VECTOR_WIDTH))
#elif VECTOR_WIDTH > 1
TERM_FUNCTIONS(VECTOR_WIDTH, TERM_PARTS(VECTOR_WIDTH))
#endif
#endif
