/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transcendental functions in explicit vector arithmetic, at bandwidth where the built-in ones run
 * lane by lane. Include after common.cl, once for each vector width wanted (1, 2, 4, 8, 16):
 *     #define MATH_WIDTH 16
 *     #include "math.cl"
 * gives math_exp_16() and the others below, and undefines MATH_WIDTH. Including a width twice is
 * harmless. Width 1 is float.
 *
 * Bounds, in ulp of the correctly rounded result, on devices with and without fma:
 *     exp               2, over the whole range: overflow to Inf, gradual underflow to 0
 *     sigmoid           3, also where the result is tiny (x << 0)
 *     weighted_sigmoid  4 for w = x
 *     tanh              4, also for tiny x
 *     gelu              6, in the negative tail too, down to the smallest result
 * NaN gives NaN everywhere. Devices that flush denormals flush results below 2^-126.
 *
 * Coefficients: minimax fits by Remez exchange in 40 digits, rounded to float; the maximum error of
 * each fit is told beside it and is small against the rounding of the arithmetic.
 */
#if MATH_WIDTH == 1 && !defined(MATH_HAS_1)
#define MATH_HAS_1
#define MATH_MISSING
#elif MATH_WIDTH == 2 && !defined(MATH_HAS_2)
#define MATH_HAS_2
#define MATH_MISSING
#elif MATH_WIDTH == 4 && !defined(MATH_HAS_4)
#define MATH_HAS_4
#define MATH_MISSING
#elif MATH_WIDTH == 8 && !defined(MATH_HAS_8)
#define MATH_HAS_8
#define MATH_MISSING
#elif MATH_WIDTH == 16 && !defined(MATH_HAS_16)
#define MATH_HAS_16
#define MATH_MISSING
#endif

#ifdef MATH_MISSING
#undef MATH_MISSING
#if MATH_WIDTH == 1
#define MATH_FLOAT float
#define MATH_INT int
#else
#define MATH_FLOAT CAT(float, MATH_WIDTH)
#define MATH_INT CAT(int, MATH_WIDTH)
#endif
#define MATH_NAME(name) CAT(math_##name##_, MATH_WIDTH)
#define MATH_AS_FLOAT(x) CAT(as_, MATH_FLOAT)(x)
#define MATH_AS_INT(x) CAT(as_, MATH_INT)(x)
#define MATH_CONSTANT(c) ((MATH_FLOAT)(c))
/* p * r + c, c a constant */
#define MATH_STEP(p, r, c) FMA(p, r, MATH_CONSTANT(c))

/* 2^k, -126 <= k <= 127 */
static inline MATH_FLOAT MATH_NAME(power_of_two)(MATH_INT k) {
    return MATH_AS_FLOAT((k + 127) << 23);
}

/*
 * hi + lo = k ln 2 + r; returns expm1(r). |hi| < 2^16, |lo| <= 0.05, so |r| <= 0.4. ln 2 is cut in
 * two (Cody & Waite 1980), the upper part of 9 bits so that k times it is exact.
 * expm1(r) = r + r^2 P(r), error of the fit 2^-30.5.
 */
static inline MATH_FLOAT MATH_NAME(expm1_reduced)(MATH_FLOAT hi, MATH_FLOAT lo, MATH_INT *k) {
    /* Adding 1.5 * 2^23 rounds to an integer, which the low bits then hold. */
    MATH_FLOAT shifted = hi * 1.44269504f + 12582912.0f;
    MATH_FLOAT n = shifted - 12582912.0f;
    *k = MATH_AS_INT(shifted) - 0x4b400000;
    MATH_FLOAT r = FMA(n, MATH_CONSTANT(-0.693359375f), hi);
    r = FMA(n, MATH_CONSTANT(2.12194440e-4f), r) + lo;
    MATH_FLOAT p = MATH_CONSTANT(0x1.a039aep-13f);
    p = MATH_STEP(p, r, 0x1.6de49cp-10f);
    p = MATH_STEP(p, r, 0x1.1111e8p-7f);
    p = MATH_STEP(p, r, 0x1.555434p-5f);
    p = MATH_STEP(p, r, 0x1.555554p-3f);
    p = MATH_STEP(p, r, 0.5f);
    return FMA(p, r * r, r);
}

/*
 * exp(hi + lo) = result * *scale, both normal numbers for -170 <= hi <= 90: what is multiplied with
 * the result before the scale does not suffer from gradual underflow.
 */
static inline MATH_FLOAT MATH_NAME(exp_scaled)(MATH_FLOAT hi, MATH_FLOAT lo, MATH_FLOAT *scale) {
    MATH_INT k;
    MATH_FLOAT p = MATH_NAME(expm1_reduced)(hi, lo, &k);
    MATH_INT half_k = k >> 1;
    *scale = MATH_NAME(power_of_two)(k - half_k);
    return (1.0f + p) * MATH_NAME(power_of_two)(half_k);
}

static inline MATH_FLOAT MATH_NAME(exp)(MATH_FLOAT x) {
    x = x > 90.0f ? MATH_CONSTANT(90.0f) : x;
    x = x < -110.0f ? MATH_CONSTANT(-110.0f) : x;
    MATH_FLOAT scale;
    MATH_FLOAT part = MATH_NAME(exp_scaled)(x, MATH_CONSTANT(0.0f), &scale);
    return part * scale;
}

/* x * sigmoid(w); -Inf in x gives -0, the limit. Wants w <= x / 2 or so where x < -120. */
static inline MATH_FLOAT MATH_NAME(weighted_sigmoid)(MATH_FLOAT x, MATH_FLOAT w) {
    x = x < -120.0f ? MATH_CONSTANT(-120.0f) : x;
    MATH_FLOAT t = -fabs(w);
    t = t < -120.0f ? MATH_CONSTANT(-120.0f) : t;
    MATH_FLOAT scale;
    MATH_FLOAT part = MATH_NAME(exp_scaled)(t, MATH_CONSTANT(0.0f), &scale);
    MATH_FLOAT numerator = w < 0.0f ? x * part : x;
    return numerator / FMA(part, scale, MATH_CONSTANT(1.0f))
        * (w < 0.0f ? scale : MATH_CONSTANT(1.0f));
}

static inline MATH_FLOAT MATH_NAME(sigmoid)(MATH_FLOAT x) {
    return MATH_NAME(weighted_sigmoid)(MATH_CONSTANT(1.0f), x);
}

/* d(x sigmoid(w)) / dx, given dw = w'(x). Absolute error 2^-21: it has a zero near x = -1. */
static inline MATH_FLOAT MATH_NAME(weighted_sigmoid_derivative)(
    MATH_FLOAT x, MATH_FLOAT w, MATH_FLOAT dw) {
    MATH_FLOAT e = MATH_NAME(exp)(-fabs(w));
    MATH_FLOAT d = 1.0f / (1.0f + e);
    MATH_FLOAT s = w < 0.0f ? e : MATH_CONSTANT(1.0f);
    MATH_FLOAT opposite = w < 0.0f ? MATH_CONSTANT(1.0f) : e;
    return s * (d * FMA(x * dw, opposite * d, MATH_CONSTANT(1.0f)));
}

/* sigmoid'(x) = e / (1 + e)^2, e = exp(-|x|): no cancellation in either tail. */
static inline MATH_FLOAT MATH_NAME(sigmoid_derivative)(MATH_FLOAT x) {
    MATH_FLOAT e = MATH_NAME(exp)(-fabs(x));
    MATH_FLOAT d = 1.0f / (1.0f + e);
    return e * d * d;
}

/* tanh |x| = -m / (m + 2), m = expm1(-2|x|): exact in the limits 0 and Inf. */
static inline MATH_FLOAT MATH_NAME(tanh)(MATH_FLOAT x) {
    MATH_FLOAT t = -2.0f * fabs(x);
    t = t < -40.0f ? MATH_CONSTANT(-40.0f) : t;
    MATH_INT k;
    MATH_FLOAT p = MATH_NAME(expm1_reduced)(t, MATH_CONSTANT(0.0f), &k);
    MATH_FLOAT s = MATH_NAME(power_of_two)(k);
    MATH_FLOAT m = FMA(s, p, s - 1.0f);
    return copysign(m / (m + 2.0f), x);
}

/* The parts of the normal distribution's tail for t = min(|x|, 15):
 *     phi(t) = 0.3989 density * scale,  Phi(-t) = tail * density * scale
 * with tail = R((t - 3.5) / (t + 3.5)) / (t + 3.5), R of degree 9, relative error of the fit
 * 2^-26.9. t^2 / 2 is taken in two parts, the upper one exact. */
static inline MATH_FLOAT MATH_NAME(normal_density)(MATH_FLOAT t, MATH_FLOAT *scale) {
    MATH_FLOAT upper = MATH_AS_FLOAT((MATH_AS_INT(t) + 0x800) & ~0xfff);
    MATH_FLOAT lo = (upper - t) * (upper + t) * 0.5f;
    return MATH_NAME(exp_scaled)(-0.5f * upper * upper, lo, scale);
}

static inline MATH_FLOAT MATH_NAME(normal_tail)(MATH_FLOAT t) {
    MATH_FLOAT inverse = 1.0f / (t + 3.5f);
    MATH_FLOAT s = (t - 3.5f) * inverse;
    MATH_FLOAT p = MATH_CONSTANT(0x1.c7e894p-14f);
    p = MATH_STEP(p, s, 0x1.b6a692p-12f);
    p = MATH_STEP(p, s, -0x1.038b28p-11f);
    p = MATH_STEP(p, s, -0x1.9fdea8p-9f);
    p = MATH_STEP(p, s, 0x1.a992a4p-8f);
    p = MATH_STEP(p, s, 0x1.1d2d50p-6f);
    p = MATH_STEP(p, s, -0x1.db5a92p-4f);
    p = MATH_STEP(p, s, 0x1.42feccp-2f);
    p = MATH_STEP(p, s, -0x1.21914ep-1f);
    p = MATH_STEP(p, s, 0x1.7d241ap-1f);
    return p * inverse;
}

/* x Phi(x); -Inf gives -0, the limit. */
static inline MATH_FLOAT MATH_NAME(gelu)(MATH_FLOAT x) {
    MATH_FLOAT t = fabs(x);
    t = t > 15.0f ? MATH_CONSTANT(15.0f) : t;
    MATH_FLOAT scale;
    MATH_FLOAT density = MATH_NAME(normal_density)(t, &scale);
    MATH_FLOAT tail = MATH_NAME(normal_tail)(t) * density;
    return x < 0.0f ? -t * tail * scale : x * (1.0f - tail * scale);
}

/* Phi(x) + x phi(x). Absolute error 2^-21: it has a zero near x = -0.75. */
static inline MATH_FLOAT MATH_NAME(gelu_derivative)(MATH_FLOAT x) {
    MATH_FLOAT t = fabs(x);
    t = t > 15.0f ? MATH_CONSTANT(15.0f) : t;
    MATH_FLOAT scale;
    MATH_FLOAT density = MATH_NAME(normal_density)(t, &scale);
    MATH_FLOAT g = FMA(t, MATH_CONSTANT(-0.398942280f), MATH_NAME(normal_tail)(t)) * density * scale;
    return x < 0.0f ? g : 1.0f - g;
}

#undef MATH_FLOAT
#undef MATH_INT
#undef MATH_NAME
#undef MATH_AS_FLOAT
#undef MATH_AS_INT
#undef MATH_CONSTANT
#undef MATH_STEP
#endif
#undef MATH_WIDTH
