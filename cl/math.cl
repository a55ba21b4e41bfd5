/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transcendental functions in explicit vector arithmetic, at bandwidth where the built-in ones run
 * lane by lane. Include after common.cl, once for each vector width wanted (1, 2, 4, 8, 16):
 *     #define MATH_WIDTH 16
 *     #include "math.cl"
 * gives math_exp_16() and the others below, and undefines MATH_WIDTH. Including a width twice is
 * harmless. Width 1 is float. With REAL_IS_DOUBLE the same in double: math_f64.cl, which tells bounds.
 *
 * Bounds, in ulp of the correctly rounded result, on devices with and without fma:
 *     exp               2, over the whole range: overflow to Inf, gradual underflow to 0
 *     exp_down          the same, for x <= 60
 *     log               1, of normal numbers above 0
 *     sigmoid           3, also where the result is tiny (x << 0)
 *     weighted_sigmoid  4 for w = x
 *     weighted_sigmoid_two   3
 *     expm1_down        2, for x <= 1, also for tiny x
 *     tanh              4, also for tiny x
 *     softplus          3, also where the result is tiny (x << 0)
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
#define MATH_FLOAT REAL
#define MATH_INT int
#define MATH_UINT uint
#else
#define MATH_FLOAT CAT(REAL, MATH_WIDTH)
#define MATH_INT CAT(int, MATH_WIDTH)
#define MATH_UINT CAT(uint, MATH_WIDTH)
#endif
#define MATH_NAME(name) CAT(math_##name##_, MATH_WIDTH)
#define MATH_AS_FLOAT(x) CAT(as_, MATH_FLOAT)(x)
#define MATH_AS_INT(x) CAT(as_, MATH_INT)(x)
#define MATH_CONSTANT(c) ((MATH_FLOAT)(c))
#if REAL_IS_DOUBLE
#include "math_f64.cl"
#else
/* p * r + c, c a constant */
#define MATH_STEP(p, r, c) FMA(p, r, MATH_CONSTANT(c))

/* Added to a float of magnitude below 2^22 it rounds it to an integer, whose sum with `exponent` is
 * then in the low bits: exponent 127 makes them those of a power of two. */
#define MATH_ROUNDER(exponent) (12582912.0f + (exponent))

/*
 * exp(a r), a a power of two, |a r| <= 0.375: 1 + r + r^2 P(r), relative error of the fit 2^-28
 * for |a r| <= 0.3475. The powers of a are folded into the coefficients.
 */
static inline MATH_FLOAT MATH_NAME(exp_polynomial)(MATH_FLOAT r, float a) {
    MATH_FLOAT p = MATH_CONSTANT(0x1.6a21a8p-10f * (a * a * a * a * a * a));
    p = MATH_STEP(p, r, 0x1.123b6ap-7f * (a * a * a * a * a));
    p = MATH_STEP(p, r, 0x1.5558fcp-5f * (a * a * a * a));
    p = MATH_STEP(p, r, 0x1.555490p-3f * (a * a * a));
    p = MATH_STEP(p, r, 0x1.fffffcp-2f * (a * a));
    p = MATH_STEP(p, r, a);
    return MATH_STEP(p, r, 1.0f);
}

/*
 * x = n ln 2 + r; returns exp(r), in 0.7 .. 1.42, and the float whose bits are those of n + exponent
 * with MATH_ROUNDER. ln 2 is cut in two (Cody & Waite 1980), the upper part of 9 bits, so that n
 * times it is exact.
 */
static inline MATH_FLOAT MATH_NAME(exp_parts)(MATH_FLOAT x, float exponent, MATH_FLOAT *rounded) {
    MATH_FLOAT shifted = FMA(x, MATH_CONSTANT(1.44269504f), MATH_CONSTANT(MATH_ROUNDER(exponent)));
    MATH_FLOAT n = shifted - MATH_ROUNDER(exponent);
    *rounded = shifted;
    MATH_FLOAT r = FMA(n, MATH_CONSTANT(-0.693359375f), x);
    r = FMA(n, MATH_CONSTANT(2.12194440e-4f), r);
    return MATH_NAME(exp_polynomial)(r, 1.0f);
}

/*
 * exp(x) = result * *scale * 2^-bias with a normal power of two as the scale: what is done before
 * the multiplication with 2^-bias does not suffer from gradual underflow. Wants
 * -126.5 - bias < x / ln 2 < 127.5 - bias. NaN stays in the result.
 */
static inline MATH_FLOAT MATH_NAME(exp_scaled)(MATH_FLOAT x, float bias, MATH_FLOAT *scale) {
    MATH_FLOAT rounded;
    MATH_FLOAT p = MATH_NAME(exp_parts)(x, 127.0f + bias, &rounded);
    *scale = MATH_AS_FLOAT(MATH_AS_INT(rounded) << 23);
    return p;
}

static inline MATH_FLOAT MATH_NAME(exp)(MATH_FLOAT x) {
    x = x > 90.0f ? MATH_CONSTANT(90.0f) : x;
    x = x < -110.0f ? MATH_CONSTANT(-110.0f) : x;
    /* 2^n as a product of two normal numbers, their exponents the halves of n + 254 */
    MATH_FLOAT rounded;
    MATH_FLOAT p = MATH_NAME(exp_parts)(x, 254.0f, &rounded);
    MATH_INT half_bits = (MATH_AS_INT(rounded) << 22) & 0x7f800000;
    MATH_INT other_bits = (MATH_AS_INT(rounded) << 23) - half_bits;
    return p * MATH_AS_FLOAT(half_bits) * MATH_AS_FLOAT(other_bits);
}

/* exp(x) for x <= 60, cheaper. */
static inline MATH_FLOAT MATH_NAME(exp_down)(MATH_FLOAT x) {
    x = x < -110.0f ? MATH_CONSTANT(-110.0f) : x;
    MATH_FLOAT scale;
    MATH_FLOAT p = MATH_NAME(exp_scaled)(x, 40.0f, &scale);
    return p * scale * 0x1p-40f;
}

/* 1 / (1 + e^-x), with 2^-64 in the place of 1, so that neither e^110 nor the result's inverse
 * overflows. */
static inline MATH_FLOAT MATH_NAME(sigmoid)(MATH_FLOAT x) {
    x = x > 40.0f ? MATH_CONSTANT(40.0f) : x;
    x = x < -110.0f ? MATH_CONSTANT(-110.0f) : x;
    MATH_FLOAT scale;
    MATH_FLOAT p = MATH_NAME(exp_scaled)(-x, -64.0f, &scale);
    return 0x1p-64f / FMA(p, scale, MATH_CONSTANT(0x1p-64f));
}

/* x * sigmoid(w), w >= -115, with 2^-40 in the place of 1: for tiny x the quotient must not be
 * denormal, and from w = 40 on, where it could overflow, the result is x. */
static inline MATH_FLOAT MATH_NAME(weighted_sigmoid)(MATH_FLOAT x, MATH_FLOAT w) {
    MATH_FLOAT v = w > 40.0f ? MATH_CONSTANT(40.0f) : w;
    MATH_FLOAT scale;
    MATH_FLOAT p = MATH_NAME(exp_scaled)(-v, -40.0f, &scale);
    MATH_FLOAT y = x / FMA(p, scale, MATH_CONSTANT(0x1p-40f)) * 0x1p-40f;
    return w > 40.0f ? x : y;
}

/* The same of v = w / ln 2 >= -166, in fewer steps: 2^-v = 2^n 2^-f, |f| <= 1/2, the latter with an
 * error of 2^-23.1 of it, so 3 ulp of the exact x sigmoid(v ln 2). */
static inline MATH_FLOAT MATH_NAME(weighted_sigmoid_two)(MATH_FLOAT x, MATH_FLOAT v) {
    MATH_FLOAT least = v > 58.0f ? MATH_CONSTANT(58.0f) : v;
    MATH_FLOAT shifted = MATH_ROUNDER(127.0f - 40.0f) - least;
    MATH_FLOAT f = least + (shifted - MATH_ROUNDER(127.0f - 40.0f));
    MATH_FLOAT scale = MATH_AS_FLOAT(MATH_AS_INT(shifted) << 23);
    MATH_FLOAT p = MATH_CONSTANT(-0x1.5bba14p-10f);
    p = MATH_STEP(p, f, 0x1.3cea88p-7f);
    p = MATH_STEP(p, f, -0x1.c6b752p-5f);
    p = MATH_STEP(p, f, 0x1.ebf9bcp-3f);
    p = MATH_STEP(p, f, -0x1.62e42ap-1f);
    p = MATH_STEP(p, f, 1.0f);
    MATH_FLOAT y = x / FMA(p, scale, MATH_CONSTANT(0x1p-40f)) * 0x1p-40f;
    return v > 58.0f ? x : y;
}

/* d(x sigmoid(w)) / dx, given dw = w'(x), |w| <= 87. Absolute error 2^-21: it has a zero near
 * x = -1. */
static inline MATH_FLOAT MATH_NAME(weighted_sigmoid_derivative)(
    MATH_FLOAT x, MATH_FLOAT w, MATH_FLOAT dw) {
    MATH_FLOAT scale;
    MATH_FLOAT p = MATH_NAME(exp_scaled)(-w, 0.0f, &scale);
    MATH_FLOAT e = p * scale;
    MATH_FLOAT d = 1.0f / (1.0f + e);
    return d * FMA(x * dw, e * d, MATH_CONSTANT(1.0f));
}

/* sigmoid'(x) = e / (1 + e)^2, e = exp(-|x|): no cancellation in either tail. */
static inline MATH_FLOAT MATH_NAME(sigmoid_derivative)(MATH_FLOAT x) {
    MATH_FLOAT e = MATH_NAME(exp_down)(-fabs(x));
    MATH_FLOAT d = 1.0f + e;
    return e / (d * d);
}

/*
 * exp(x) - 1 for x <= 1: x = n ln 2 + r, 2^n (exp(r) - 1) + (2^n - 1), the last exact; exp(r) - 1 is
 * r + r^2 P(r), relative error of the fit 2^-26.8. From -28 on -1.
 */
static inline MATH_FLOAT MATH_NAME(expm1_down)(MATH_FLOAT x) {
    x = x < -28.0f ? MATH_CONSTANT(-28.0f) : x;
    MATH_FLOAT shifted = FMA(x, MATH_CONSTANT(1.44269504f), MATH_CONSTANT(MATH_ROUNDER(127.0f)));
    MATH_FLOAT n = shifted - MATH_ROUNDER(127.0f);
    MATH_FLOAT scale = MATH_AS_FLOAT(MATH_AS_INT(shifted) << 23);
    MATH_FLOAT r = FMA(n, MATH_CONSTANT(-0.693359375f), x);
    r = FMA(n, MATH_CONSTANT(2.12194440e-4f), r);
    MATH_FLOAT p = MATH_CONSTANT(0x1.6a21a8p-10f);
    p = MATH_STEP(p, r, 0x1.123b6ap-7f);
    p = MATH_STEP(p, r, 0x1.5558fcp-5f);
    p = MATH_STEP(p, r, 0x1.555490p-3f);
    p = MATH_STEP(p, r, 0x1.fffffcp-2f);
    p = FMA(r * r, p, r);
    return FMA(scale, p, scale - 1.0f);
}

/* tanh |x| = m / (2 - m), m = 1 - exp(-2|x|): exact in the limits 0 and Inf. */
static inline MATH_FLOAT MATH_NAME(tanh)(MATH_FLOAT x) {
    MATH_FLOAT m = -MATH_NAME(expm1_down)(-2.0f * fabs(x));
    return copysign(m / (2.0f - m), x);
}

/* log(1 + exp(x)) = max(x, 0) + log(1 + t), t = exp(-|x|): the latter as t P(t), relative error of
 * the fit 2^-27.6. */
static inline MATH_FLOAT MATH_NAME(softplus)(MATH_FLOAT x) {
    MATH_FLOAT t = MATH_NAME(exp_down)(-fabs(x));
    MATH_FLOAT p = MATH_CONSTANT(-0x1.a933d6p-9f);
    p = MATH_STEP(p, t, 0x1.453f5ap-6f);
    p = MATH_STEP(p, t, -0x1.d29d22p-5f);
    p = MATH_STEP(p, t, 0x1.b25396p-4f);
    p = MATH_STEP(p, t, -0x1.397576p-3f);
    p = MATH_STEP(p, t, 0x1.92f69ep-3f);
    p = MATH_STEP(p, t, -0x1.ff0f8ap-3f);
    p = MATH_STEP(p, t, 0x1.554c80p-2f);
    p = MATH_STEP(p, t, -0x1.ffffbep-2f);
    p = MATH_STEP(p, t, 1.0f);
    MATH_FLOAT above = x > 0.0f ? x : MATH_CONSTANT(0.0f);
    return FMA(t, p, above);
}

/*
 * exp(-t^2 / 2) = result * *scale * 2^-bias, 0 <= t <= 14.6. The rounding of t^2 would be felt: the
 * rest is added after the reduction.
 */
static inline MATH_FLOAT MATH_NAME(normal_density)(MATH_FLOAT t, float bias, MATH_FLOAT *scale) {
#if DEVICE_HAS_FMA
    MATH_FLOAT square = t * t;
    MATH_FLOAT rest = fma(t, t, -square);
#else
    MATH_FLOAT upper = MATH_AS_FLOAT((MATH_AS_INT(t) + 0x800) & ~0xfff);
    MATH_FLOAT square = upper * upper; /* exact */
    MATH_FLOAT rest = (t - upper) * (t + upper);
#endif
    float rounder = MATH_ROUNDER(127.0f + bias);
    MATH_FLOAT shifted = FMA(square, MATH_CONSTANT(-0.72134752f), MATH_CONSTANT(rounder));
    MATH_FLOAT n = shifted - rounder;
    *scale = MATH_AS_FLOAT(MATH_AS_INT(shifted) << 23);
    /* r = -2 (-t^2 / 2 - n ln 2) */
    MATH_FLOAT r = FMA(n, MATH_CONSTANT(1.38671875f), square);
    r = r + FMA(n, MATH_CONSTANT(-4.2438888e-4f), rest);
    return MATH_NAME(exp_polynomial)(r, -0.5f);
}

/*
 * x Phi(x) = max(x, 0) - t Phi(-t), t = |x|; -Inf gives -0, the limit. Phi(-t) = exp(-t^2 / 2) N / D,
 * N / D of degrees 4 and 5 on 0 .. 14.6, relative error of the fit 2^-27.3, no term negative.
 */
static inline MATH_FLOAT MATH_NAME(gelu)(MATH_FLOAT x) {
    MATH_FLOAT t = fabs(x);
    t = t > 14.5f ? MATH_CONSTANT(14.5f) : t;
    MATH_FLOAT scale;
    MATH_FLOAT density = MATH_NAME(normal_density)(t, 64.0f, &scale) * scale;
    MATH_FLOAT above = MATH_CONSTANT(0x1.0e421ep-8f);
    above = MATH_STEP(above, t, 0x1.4d486ep-5f);
    above = MATH_STEP(above, t, 0x1.779300p-3f);
    above = MATH_STEP(above, t, 0x1.c105d0p-2f);
    above = MATH_STEP(above, t, 0.5f);
    MATH_FLOAT below = MATH_CONSTANT(0x1.52b6f2p-7f);
    below = MATH_STEP(below, t, 0x1.a1bbfcp-4f);
    below = MATH_STEP(below, t, 0x1.e12530p-2f);
    below = MATH_STEP(below, t, 0x1.340050p+0f);
    below = MATH_STEP(below, t, 0x1.acc518p+0f);
    below = MATH_STEP(below, t, 1.0f);
    MATH_FLOAT tail = above * density * t / below;
    /* max(x, -0) by bits: a compiler may take either zero for a comparison of floats. */
    MATH_UINT positive = min(CAT(as_, MATH_UINT)(x), (MATH_UINT)(0x80000000u));
    return FMA(tail, MATH_CONSTANT(-0x1p-64f), MATH_AS_FLOAT(positive));
}

/*
 * Phi(x) + x phi(x) = g for x < 0, 1 - g else, g = Phi(-t) - t phi(t) = exp(-t^2 / 2) Q(t), t = |x|.
 * Absolute error 2^-22: it has a zero near x = -0.75. Q is a polynomial of degree 10, its error times
 * exp(-t^2 / 2) 2^-23.8 for t <= 5.8; beyond, that factor makes it small. 2^f with an error of
 * 2^-23.6 of it for |f| <= 1/2.
 */
static inline MATH_FLOAT MATH_NAME(gelu_derivative)(MATH_FLOAT x) {
    MATH_FLOAT t = fabs(x);
    t = t > 13.0f ? MATH_CONSTANT(13.0f) : t;
    MATH_FLOAT square = t * t;
    MATH_FLOAT shifted =
        FMA(square, MATH_CONSTANT(-0.72134752f), MATH_CONSTANT(MATH_ROUNDER(0.0f)));
    MATH_FLOAT n = shifted - MATH_ROUNDER(0.0f);
    MATH_FLOAT f = FMA(square, MATH_CONSTANT(-0.72134752f), -n);
    MATH_FLOAT p = MATH_CONSTANT(0x1.5c08e6p-10f);
    p = MATH_STEP(p, f, 0x1.3d0c52p-7f);
    p = MATH_STEP(p, f, 0x1.c6b6e4p-5f);
    p = MATH_STEP(p, f, 0x1.ebf918p-3f);
    p = MATH_STEP(p, f, 0x1.62e428p-1f);
    p = MATH_STEP(p, f, 0x1.000002p+0f);
    MATH_FLOAT density = MATH_AS_FLOAT(MATH_AS_INT(p) + (MATH_AS_INT(shifted) << 23));
    MATH_FLOAT q = MATH_CONSTANT(0x1.b600f4p-20f);
    q = MATH_STEP(q, t, -0x1.27582ep-15f);
    q = MATH_STEP(q, t, 0x1.643de2p-12f);
    q = MATH_STEP(q, t, -0x1.02d184p-9f);
    q = MATH_STEP(q, t, 0x1.042872p-7f);
    q = MATH_STEP(q, t, -0x1.8e5c04p-6f);
    q = MATH_STEP(q, t, 0x1.f4fb18p-5f);
    q = MATH_STEP(q, t, -0x1.0f6364p-3f);
    q = MATH_STEP(q, t, 0x1.ffd460p-3f);
    q = MATH_STEP(q, t, -0x1.988392p-1f);
    q = MATH_STEP(q, t, 0x1.fffffcp-2f);
    MATH_FLOAT g = q * density;
    return x < 0.0f ? g : 1.0f - g;
}

/* x = 2^k (1 + f), 0.7 < 1 + f < 1.42: k ln 2 + f - f^2 / 2 + f^3 P(f); Inf gives no result. P is of
 * Moshier's Cephes, logf.c (public domain), error 2^-27. */
static inline MATH_FLOAT MATH_NAME(log)(MATH_FLOAT x) {
    MATH_INT bits = MATH_AS_INT(x) - 0x3f3504f3; /* of sqrt(1/2) */
    MATH_FLOAT k = CAT(convert_, MATH_FLOAT)(bits >> 23);
    MATH_FLOAT f = MATH_AS_FLOAT((bits & 0x7fffff) + 0x3f3504f3) - 1.0f;
    MATH_FLOAT p = MATH_CONSTANT(7.0376836292e-2f);
    p = MATH_STEP(p, f, -1.1514610310e-1f);
    p = MATH_STEP(p, f, 1.1676998740e-1f);
    p = MATH_STEP(p, f, -1.2420140846e-1f);
    p = MATH_STEP(p, f, 1.4249322787e-1f);
    p = MATH_STEP(p, f, -1.6668057665e-1f);
    p = MATH_STEP(p, f, 2.0000714765e-1f);
    p = MATH_STEP(p, f, -2.4999993993e-1f);
    p = MATH_STEP(p, f, 3.3333331174e-1f);
    MATH_FLOAT square = f * f;
    MATH_FLOAT rest = FMA(k, MATH_CONSTANT(-2.12194440e-4f), p * f * square);
    rest = FMA(MATH_CONSTANT(-0.5f), square, rest);
    return FMA(k, MATH_CONSTANT(0.693359375f), f + rest) + (x - x);
}
#endif

#undef MATH_FLOAT
#undef MATH_INT
#undef MATH_UINT
#undef MATH_NAME
#undef MATH_AS_FLOAT
#undef MATH_AS_INT
#undef MATH_CONSTANT
#undef MATH_STEP
#undef MATH_ROUNDER
#endif
#undef MATH_WIDTH
