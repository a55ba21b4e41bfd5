/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of unary.h and their gradients. Include after common.cl and vector.cl, once for each
 * vector width wanted:
 *     #define UNARY_WIDTH 16
 *     #include "unary_function.cl"
 * gives, for -DUNARY=<value of cleat_unary_kind>,
 *     float16 unary_value_16(float16 x);
 *     float16 unary_gradient_16(float16 dy, float16 x);       dy times the derivative at x
 * and undefines UNARY_WIDTH. Width 1 is float. Only the code of one function is compiled; bounds as
 * in unary.h. Coefficients: see math.cl.
 */
#define UNARY_IS_EXP (UNARY == 0)
#define UNARY_IS_LOG (UNARY == 1)
#define UNARY_IS_SQRT (UNARY == 2)
#define UNARY_IS_RSQRT (UNARY == 3)
#define UNARY_IS_RECIPROCAL (UNARY == 4)
#define UNARY_IS_SQUARE (UNARY == 5)
#define UNARY_IS_ABS (UNARY == 6)
#define UNARY_IS_NEG (UNARY == 7)
#define UNARY_IS_SIGN (UNARY == 8)
#define UNARY_IS_FLOOR (UNARY == 9)
#define UNARY_IS_CEIL (UNARY == 10)
#define UNARY_IS_ROUND (UNARY == 11)
#define UNARY_IS_ERF (UNARY == 12)
#define UNARY_IS_SIN (UNARY == 13)
#define UNARY_IS_COS (UNARY == 14)

#if UNARY_IS_EXP || UNARY_IS_LOG || UNARY_IS_ERF
#define MATH_WIDTH UNARY_WIDTH
#include "math.cl"
#endif

#define UNARY_FLOAT FLOATS(UNARY_WIDTH)
#if UNARY_WIDTH == 1
#define UNARY_INT int
#else
#define UNARY_INT CAT(int, UNARY_WIDTH)
#endif
#define UNARY_NAME(name) CAT(unary_##name##_, UNARY_WIDTH)
#define UNARY_MATH(name) CAT(math_##name##_, UNARY_WIDTH)
#define UNARY_CONSTANT(c) ((UNARY_FLOAT)(c))
#define UNARY_STEP(p, r, c) FMA(p, r, UNARY_CONSTANT(c))
#define UNARY_AS_INT(x) CAT(as_, UNARY_INT)(x)
#define UNARY_AS_FLOAT(x) CAT(as_, UNARY_FLOAT)(x)

#if UNARY_IS_SIN || UNARY_IS_COS
#include "unary_sine.cl"
#endif

#if UNARY_IS_LOG
/* math_log() of all numbers: the bits of a denormal one, taken for an integer, are 2^149 times it. */
static inline UNARY_FLOAT UNARY_NAME(log)(UNARY_FLOAT x) {
    UNARY_INT bits = UNARY_AS_INT(x);
    UNARY_FLOAT normal = bits < 0x800000 ? CAT(convert_, UNARY_FLOAT)(bits) : x;
    UNARY_FLOAT y = UNARY_MATH(log)(normal);
    y = bits < 0x800000 ? y - 103.278929903431851f : y;
    y = bits == 0x7f800000 ? x : y;
    y = bits < 0 ? UNARY_CONSTANT(NAN) : y;
    return (bits & 0x7fffffff) == 0 ? UNARY_CONSTANT(-INFINITY) : y;
}
#endif

#if UNARY_IS_ERF
/*
 * t P(t^2) for t = |x| < 0.922, relative error of the fit 2^-25.2; above 1 - 2^Q(t), Q(t) =
 * log2(erfc(t)), fitted so that erfc has an error of 2^-29. From 4 on 1. 2^f with an error of 2^-22.6 of
 * it for |f| <= 1/2, which counts for a fifth at most.
 */
static inline UNARY_FLOAT UNARY_NAME(erf)(UNARY_FLOAT x) {
    const float rounder = 12582912.0f + 127.0f; /* leaves 2^n's bits */
    UNARY_FLOAT t = fabs(x);
    t = t > 4.0f ? UNARY_CONSTANT(4.0f) : t;
    UNARY_FLOAT square = t * t;
    UNARY_FLOAT below = UNARY_CONSTANT(-0x1.3a0fdap-11f);
    below = UNARY_STEP(below, square, 0x1.4739c0p-8f);
    below = UNARY_STEP(below, square, -0x1.b68b04p-6f);
    below = UNARY_STEP(below, square, 0x1.ce1a66p-4f);
    below = UNARY_STEP(below, square, -0x1.8126e6p-2f);
    below = UNARY_STEP(below, square, 0x1.06eba6p-3f); /* 2 / sqrt(pi) - 1 */
    UNARY_FLOAT q = UNARY_CONSTANT(0x1.26a720p-12f);
    q = UNARY_STEP(q, t, -0x1.1eac16p-8f);
    q = UNARY_STEP(q, t, 0x1.062bf4p-5f);
    q = UNARY_STEP(q, t, -0x1.32d114p-3f);
    q = UNARY_STEP(q, t, -0x1.d6bc08p-1f);
    q = UNARY_STEP(q, t, -0x1.a07688p+0f);
    q = UNARY_STEP(q, t, -0x1.3caa48p-12f);
    UNARY_FLOAT shifted = q + rounder;
    UNARY_FLOAT f = q - (shifted - rounder);
    UNARY_FLOAT p = UNARY_CONSTANT(0x1.5c0908p-10f);
    p = UNARY_STEP(p, f, 0x1.3d0c64p-7f);
    p = UNARY_STEP(p, f, 0x1.c6b6e6p-5f);
    p = UNARY_STEP(p, f, 0x1.ebf918p-3f);
    p = UNARY_STEP(p, f, 0x1.62e428p-1f);
    p = UNARY_STEP(p, f, 0x1.000002p+0f);
    UNARY_FLOAT scale = UNARY_AS_FLOAT(UNARY_AS_INT(shifted) << 23);
    UNARY_FLOAT above = FMA(-p, scale, UNARY_CONSTANT(1.0f));
    return copysign(t < 0.921875f ? FMA(t, below, t) : above, x);
}

/* 2 / sqrt(pi) exp(-x^2), with what the square loses in its rounding. */
static inline UNARY_FLOAT UNARY_NAME(erf_derivative)(UNARY_FLOAT x) {
    UNARY_FLOAT t = fabs(x);
    t = t > 11.0f ? UNARY_CONSTANT(11.0f) : t;
#if DEVICE_HAS_FMA
    UNARY_FLOAT square = t * t;
    UNARY_FLOAT rest = fma(t, t, -square);
#else
    UNARY_FLOAT upper = UNARY_AS_FLOAT((UNARY_AS_INT(t) + 0x800) & ~0xfff);
    UNARY_FLOAT square = upper * upper; /* exact */
    UNARY_FLOAT rest = (t - upper) * (t + upper);
#endif
    UNARY_FLOAT y = 1.12837917f * UNARY_MATH(exp_down)(-square);
#if !DEVICE_HAS_FMA
    rest = rest * (1.0f - rest * (0.5f - rest * (1.0f / 6.0f))); /* it is up to 0.02 */
#endif
    return FMA(-rest, y, y);
}
#endif

#if UNARY_IS_SIGN || UNARY_IS_ABS
static inline UNARY_FLOAT UNARY_NAME(sign)(UNARY_FLOAT x) {
    UNARY_FLOAT y = x == 0.0f ? UNARY_CONSTANT(0.0f) : x;
    y = x < 0.0f ? UNARY_CONSTANT(-1.0f) : y;
    return x > 0.0f ? UNARY_CONSTANT(1.0f) : y;
}
#endif

static inline UNARY_FLOAT UNARY_NAME(value)(UNARY_FLOAT x) {
#if UNARY_IS_EXP
    return UNARY_MATH(exp)(x);
#elif UNARY_IS_LOG
    return UNARY_NAME(log)(x);
#elif UNARY_IS_SQRT
    return sqrt(x);
#elif UNARY_IS_RSQRT
    return 1.0f / sqrt(x);
#elif UNARY_IS_RECIPROCAL
    return 1.0f / x;
#elif UNARY_IS_SQUARE
    return x * x;
#elif UNARY_IS_ABS
    return fabs(x);
#elif UNARY_IS_NEG
    return -x;
#elif UNARY_IS_SIGN
    return UNARY_NAME(sign)(x);
#elif UNARY_IS_FLOOR
    return floor(x);
#elif UNARY_IS_CEIL
    return ceil(x);
#elif UNARY_IS_ROUND
    return rint(x);
#elif UNARY_IS_ERF
    return UNARY_NAME(erf)(x);
#elif UNARY_IS_SIN
    return UNARY_NAME(sine)(x, 0);
#elif UNARY_IS_COS
    return UNARY_NAME(sine)(x, 1);
#endif
}

static inline UNARY_FLOAT UNARY_NAME(gradient)(UNARY_FLOAT dy, UNARY_FLOAT x) {
#if UNARY_IS_EXP
    return dy * UNARY_MATH(exp)(x);
#elif UNARY_IS_LOG
    return dy / x;
#elif UNARY_IS_SQRT
    return 0.5f * dy / sqrt(x);
#elif UNARY_IS_RSQRT
    UNARY_FLOAT y = 1.0f / sqrt(x);
    return -0.5f * (dy * y) * (y * y);
#elif UNARY_IS_RECIPROCAL
    UNARY_FLOAT y = 1.0f / x;
    return -(dy * y) * y;
#elif UNARY_IS_SQUARE
    return 2.0f * dy * x;
#elif UNARY_IS_ABS
    return dy * UNARY_NAME(sign)(x);
#elif UNARY_IS_NEG
    return -dy;
#elif UNARY_IS_ERF
    return dy * UNARY_NAME(erf_derivative)(x);
#elif UNARY_IS_SIN
    return dy * UNARY_NAME(sine)(x, 1);
#elif UNARY_IS_COS
    return -dy * UNARY_NAME(sine)(x, 0);
#else
    return UNARY_CONSTANT(0.0f);
#endif
}

#undef UNARY_FLOAT
#undef UNARY_INT
#undef UNARY_NAME
#undef UNARY_MATH
#undef UNARY_CONSTANT
#undef UNARY_STEP
#undef UNARY_AS_INT
#undef UNARY_AS_FLOAT
#undef UNARY_WIDTH
