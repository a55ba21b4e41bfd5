/* SPDX-License-Identifier: Apache-2.0 */
/*
 * x to the power of y, in explicit vector arithmetic. Include after vector.cl, element.cl, and math.cl
 * with the same width:
 *     #define MATH_WIDTH 16
 *     #include "math.cl"
 *     #define MATH_WIDTH 16
 *     #include "math_power.cl"
 * gives math_power_16(x, y) and math_log_magnitude_16(x), log |x| with an error of 2 ulp. Including a
 * width twice is harmless.
 *
 * Within 8 ulp (OpenCL allows 16), with or without fma; special values as C99 has them (annex F): 1
 * for y = 0 and for x = 1, whatever the other is; NaN for x < 0 and y no integer.
 *
 * log2 |x| is found as the sum of two floats, since an error of it counts up to 128 times:
 * |x| = 2^e m, m in sqrt(1/2) .. sqrt 2; s = (m - 1) / (m + 1), as two floats; log m = 2 atanh s, a
 * series in s^2 (Abramowitz & Stegun 4.1.27) of which the first term alone needs both of them.
 */
#if MATH_WIDTH == 1 && !defined(POWER_HAS_1)
#define POWER_HAS_1
#define POWER_MISSING
#elif MATH_WIDTH == 2 && !defined(POWER_HAS_2)
#define POWER_HAS_2
#define POWER_MISSING
#elif MATH_WIDTH == 4 && !defined(POWER_HAS_4)
#define POWER_HAS_4
#define POWER_MISSING
#elif MATH_WIDTH == 8 && !defined(POWER_HAS_8)
#define POWER_HAS_8
#define POWER_MISSING
#elif MATH_WIDTH == 16 && !defined(POWER_HAS_16)
#define POWER_HAS_16
#define POWER_MISSING
#endif

#ifdef POWER_MISSING
#undef POWER_MISSING
#if REAL_IS_DOUBLE
/* By OpenCL's own functions: pow within 16 ulp, log 3. */
#if MATH_WIDTH == 1
#define POWER_FLOAT REAL
#else
#define POWER_FLOAT CAT(REAL, MATH_WIDTH)
#endif
static inline POWER_FLOAT CAT(math_power_, MATH_WIDTH)(POWER_FLOAT x, POWER_FLOAT y) {
    return pow(x, y);
}

static inline POWER_FLOAT CAT(math_log_magnitude_, MATH_WIDTH)(POWER_FLOAT x) {
    return log(fabs(x));
}

#undef POWER_FLOAT
#else
#if MATH_WIDTH == 1
#define POWER_FLOAT float
#define POWER_INT int
#define POWER_TO_FLOAT(i) ((float)(i))
#define POWER_TO_INT(x) ((int)(x))
#else
#define POWER_FLOAT CAT(float, MATH_WIDTH)
#define POWER_INT CAT(int, MATH_WIDTH)
#define POWER_TO_FLOAT(i) CONVERT(float, MATH_WIDTH, i)
#define POWER_TO_INT(x) CONVERT(int, MATH_WIDTH, x)
#endif
#define POWER_NAME(name) CAT(math_##name##_, MATH_WIDTH)
#define POWER_AS_FLOAT(x) CAT(as_, POWER_FLOAT)(x)
#define POWER_AS_INT(x) CAT(as_, POWER_INT)(x)
#define POWER_CONSTANT(c) ((POWER_FLOAT)(c))

/* a * b - product, exactly, product being a * b rounded. */
static inline POWER_FLOAT POWER_NAME(product_rest)(
    POWER_FLOAT a, POWER_FLOAT b, POWER_FLOAT product) {
#if DEVICE_HAS_FMA
    return fma(a, b, -product);
#else
    /* Dekker 1971; halves of 12 bits, whose products are exact. */
    const POWER_FLOAT a_high = POWER_AS_FLOAT(POWER_AS_INT(a) & ~0xfff), a_low = a - a_high;
    const POWER_FLOAT b_high = POWER_AS_FLOAT(POWER_AS_INT(b) & ~0xfff), b_low = b - b_high;
    return ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low;
#endif
}

/* log2 |x| = result + *low, for x neither 0 nor infinite. */
static inline POWER_FLOAT POWER_NAME(log2_parts)(POWER_FLOAT x, POWER_FLOAT *low) {
    const POWER_FLOAT magnitude = fabs(x);
    const POWER_INT is_small = magnitude < 0x1p-126f;
    const POWER_FLOAT scaled = is_small ? magnitude * 0x1p24f : magnitude;
    const POWER_INT bits = POWER_AS_INT(scaled) - 0x3f3504f3;
    const POWER_FLOAT e =
        POWER_TO_FLOAT(bits >> 23) - (is_small ? POWER_CONSTANT(24.0f) : POWER_CONSTANT(0.0f));
    const POWER_FLOAT m = POWER_AS_FLOAT((bits & 0x7fffff) + 0x3f3504f3);
    const POWER_FLOAT f = m - 1.0f;
    const POWER_FLOAT d = 2.0f + f, d_low = f - (d - 2.0f);
    const POWER_FLOAT s = f / d;
    const POWER_FLOAT product = s * d;
    const POWER_FLOAT s_low =
        ((f - product) - POWER_NAME(product_rest)(s, d, product) - s * d_low) / d;
    const POWER_FLOAT z = s * s;
    /* 1/3 + z/5 + z^2/7 + z^3/9 + z^4/11 + z^5/13: the next term is below 2^-34. */
    POWER_FLOAT p = POWER_CONSTANT(0x1.3b13b2p-4f);
    p = FMA(p, z, POWER_CONSTANT(0x1.745d18p-4f));
    p = FMA(p, z, POWER_CONSTANT(0x1.c71c72p-4f));
    p = FMA(p, z, POWER_CONSTANT(0x1.24924ap-3f));
    p = FMA(p, z, POWER_CONSTANT(0x1.99999ap-3f));
    p = FMA(p, z, POWER_CONSTANT(0x1.555556p-2f));
    const POWER_FLOAT rest = s_low + s * z * p;
    const POWER_FLOAT t = s + rest, t_low = rest - (t - s);
    /* 2 / ln 2 = 0x1.715476p+1 + 0x1.4ae0c0p-25 */
    const POWER_FLOAT l = t * 0x1.715476p+1f;
    const POWER_FLOAT l_low = POWER_NAME(product_rest)(t, POWER_CONSTANT(0x1.715476p+1f), l) +
                              t * 0x1.4ae0c0p-25f + t_low * 0x1.715476p+1f;
    const POWER_FLOAT sum = e + l; /* e is 0 or the larger of the two */
    *low = (l - (sum - e)) + l_low;
    return sum;
}

static inline POWER_FLOAT POWER_NAME(log_magnitude)(POWER_FLOAT x) {
    POWER_FLOAT low;
    const POWER_FLOAT high = POWER_NAME(log2_parts)(x, &low);
    /* ln 2 = 0x1.62e430p-1 - 0x1.05c610p-29 */
    const POWER_FLOAT product = high * 0x1.62e430p-1f;
    const POWER_FLOAT rest =
        POWER_NAME(product_rest)(high, POWER_CONSTANT(0x1.62e430p-1f), product) -
        high * 0x1.05c610p-29f + low * 0x1.62e430p-1f;
    const POWER_FLOAT y = product + rest;
    const POWER_FLOAT infinite = fabs(x) + y; /* Inf, NaN */
    return x == 0.0f ? POWER_CONSTANT(-INFINITY) : fabs(x) < INFINITY ? y : infinite;
}

/* 2^(w + w_low), |w| <= 200 */
static inline POWER_FLOAT POWER_NAME(exp2_parts)(POWER_FLOAT w, POWER_FLOAT w_low) {
    const POWER_FLOAT n = (w + 12582912.0f) - 12582912.0f;
    const POWER_FLOAT r = (w - n) + w_low;
    const POWER_FLOAT p = POWER_NAME(exp_polynomial)(r * 0x1.62e430p-1f, 1.0f);
    const POWER_INT whole = POWER_TO_INT(n), lower = whole >> 1;
    const POWER_FLOAT first = POWER_AS_FLOAT((lower + 127) << 23);
    const POWER_FLOAT second = POWER_AS_FLOAT((whole - lower + 127) << 23);
    return p * first * second;
}

static inline POWER_FLOAT POWER_NAME(power)(POWER_FLOAT x, POWER_FLOAT y) {
    const POWER_FLOAT zero = POWER_CONSTANT(0.0f), infinity = POWER_CONSTANT(INFINITY);
    const POWER_FLOAT size = fabs(x);
    POWER_FLOAT low;
    const POWER_FLOAT high = POWER_NAME(log2_parts)(x, &low);
    POWER_FLOAT w = y * high;
    POWER_FLOAT w_low = POWER_NAME(product_rest)(y, high, w) + y * low;
    const POWER_INT is_far = (fabs(w) < 190.0f) == 0;
    w_low = is_far ? zero : w_low;
    w = is_far ? (w > 0.0f ? POWER_CONSTANT(190.0f) : POWER_CONSTANT(-190.0f)) : w;
    POWER_FLOAT result = POWER_NAME(exp2_parts)(w, w_low);
    /* 0 and infinity to any power but 0 */
    const POWER_INT is_large = (size == infinity) == (y > 0.0f);
    result = (size == zero) | (size == infinity) ? (is_large ? infinity : zero) : result;
    /* Integers: those from 2^24 on are even. */
    const POWER_FLOAT bounded = fabs(y) < 16777216.0f ? y : zero;
    const POWER_INT whole = POWER_TO_INT(bounded);
    const POWER_INT is_odd = (whole & 1) != 0;
    const POWER_INT is_whole = POWER_TO_FLOAT(whole) == bounded;
    result = (x < 0.0f) & (is_whole == 0) & (size < infinity) ? POWER_CONSTANT(NAN) : result;
    /* The sign of x, of -0 too, for odd powers. */
    const POWER_INT sign = POWER_AS_INT(x) & (int)0x80000000;
    result = is_odd & is_whole ? POWER_AS_FLOAT(POWER_AS_INT(result) | sign) : result;
    const POWER_FLOAT not_a_number = x + y;
    result = (x != x) | (y != y) ? not_a_number : result;
    result = (size == 1.0f) & (fabs(y) == infinity) ? POWER_CONSTANT(1.0f) : result;
    return (x == 1.0f) | (y == 0.0f) ? POWER_CONSTANT(1.0f) : result;
}

#undef POWER_FLOAT
#undef POWER_INT
#undef POWER_TO_FLOAT
#undef POWER_TO_INT
#undef POWER_NAME
#undef POWER_AS_FLOAT
#undef POWER_AS_INT
#undef POWER_CONSTANT
#endif
#endif
#undef MATH_WIDTH
