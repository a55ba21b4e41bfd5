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
/* The same with n in sixteenths, whose fractions' powers of two a register holds: half the terms are
 * enough then. The bits of 2^(j / 16 + 40), less those that j itself adds; the fit is off by 2^-29. */
#define POWERS                                                                                     \
    0x53800000, 0x537daac3, 0x537b95c2, 0x5379c3d3, 0x537837f0, 0x5376f532, 0x5375fed7,            \
        0x5375583f, 0x537504f3, 0x537508a4, 0x5375672a, 0x5376248c, 0x537744fd, 0x5378ccdf,        \
        0x537ac0c7, 0x537d257d
/* Of lanes' numbers the permutation sees the four lower bits alone, which no compiler can be told in
 * OpenCL C. */
#ifdef __AVX512F__
#if __has_builtin(__builtin_ia32_permvarsi512)
typedef int permuted __attribute__((vector_size(64)));
#define TAKE_POWERS                                                                                \
    as_int16(__builtin_ia32_permvarsi512(                                                          \
        __builtin_astype(powers, permuted), __builtin_astype(rounded, permuted)))
#endif
#endif
#ifndef TAKE_POWERS
#define POWER_OF(lane) powers[j.s##lane]
#define TAKE_POWERS (int16)(BY_16(POWER_OF))
#endif
#define TERM_PARTS_16                                                                              \
    x = x < -110.0f ? (float16)(-110.0f) : x;                                                      \
    const int16 powers = (int16)(POWERS);                                                          \
    const float16 rounded =                                                                        \
        fma(x, (float16)(1.44269504f), (float16)(0.0625f * TERM_ROUNDER));                         \
    const float16 n = rounded - 0.0625f * TERM_ROUNDER;                                            \
    const float16 r = REST(16, n);                                                                 \
    float16 p = fma(r, (float16)(0x1.55559cp-3f), (float16)(0x1.00022ap-1f));                      \
    p = fma(fma(p, r, (float16)(1.0f)), r, (float16)(1.0f));                                       \
    const int16 j = as_int16(rounded) & 15;                                                        \
    const float16 scale = as_float16(TAKE_POWERS + (as_int16(rounded) << 19));
/* In eighths, where a register holds eight: the fit is off by 2^-25. */
#if defined(__AVX2__) && DEVICE_FLOAT_WIDTH < 16
#if __has_builtin(__builtin_ia32_permvarsi256)
#define TABLE_OF_EIGHT
typedef int permuted_8 __attribute__((vector_size(32)));
static inline int8 powers_of_eighths(int8 eighths) {
    const int8 powers = (int8)(0x53800000, 0x537b95c2, 0x537837f0, 0x5375fed7, 0x537504f3,
        0x5375672a, 0x537744fd, 0x537ac0c7);
    return __builtin_astype(__builtin_ia32_permvarsi256(__builtin_astype(powers, permuted_8),
                                __builtin_astype(eighths, permuted_8)),
        int8);
}
#define EIGHTHS_8(v) powers_of_eighths(v)
#define EIGHTHS_16(v) (int16)(powers_of_eighths((v).lo), powers_of_eighths((v).hi))
#define TERM_PARTS_OF_EIGHT(W)                                                                     \
    x = x < -110.0f ? (FLOATS(W))(-110.0f) : x;                                                    \
    const FLOATS(W) rounded =                                                                      \
        fma(x, (FLOATS(W))(1.44269504f), (FLOATS(W))(0.125f * TERM_ROUNDER));                      \
    const FLOATS(W) n = rounded - 0.125f * TERM_ROUNDER;                                           \
    const FLOATS(W) r = REST(W, n);                                                                \
    FLOATS(W) p = fma(r, (FLOATS(W))(0x1.55565cp-3f), (FLOATS(W))(0x1.00087cp-1f));                \
    p = fma(fma(p, r, (FLOATS(W))(1.0f)), r, (FLOATS(W))(1.0f));                                   \
    const INTS(W) eighths = CAT(as_, INTS(W))(rounded);                                            \
    const FLOATS(W) scale = CAT(as_, FLOATS(W))(CAT(EIGHTHS_, W)(eighths) + (eighths << 20));
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
#if defined(TABLE_OF_EIGHT) && VECTOR_WIDTH >= 8 && DEVICE_IS_CPU && DEVICE_HAS_FMA
TERM_FUNCTIONS(VECTOR_WIDTH, TERM_PARTS_OF_EIGHT(VECTOR_WIDTH))
#elif VECTOR_WIDTH == 16 && DEVICE_IS_CPU && DEVICE_HAS_FMA
TERM_FUNCTIONS(16, TERM_PARTS_16)
#elif VECTOR_WIDTH > 1
TERM_FUNCTIONS(VECTOR_WIDTH, TERM_PARTS(VECTOR_WIDTH))
#endif
#endif
