/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of math.cl in double precision, of which it is a part: by OpenCL's own exp, log, expm1,
 * log1p, tanh and erfc, whose bounds (OpenCL C, section 7.4) are 3, 3, 3, 2, 5 and 16 ulp. With u a
 * rounding, at most an ulp, and exp off by 6 u:
 *     exp, exp_down, log, expm1_down 3, tanh 5, softplus 11
 *     sigmoid, weighted_sigmoid 14 for w = x    below 0: exp 6, product 1, 1 + e 4, quotient 1, scale 2
 *     gelu 18 + x^2, and 2^-1070 |x| absolutely  erfc 16, its argument x^2, products 2
 *     sigmoid_derivative 16; weighted_sigmoid_derivative and gelu_derivative 2^-48 absolutely
 * NaN gives NaN.
 */
static inline MATH_FLOAT MATH_NAME(exp)(MATH_FLOAT x) {
    return exp(x);
}

static inline MATH_FLOAT MATH_NAME(exp_down)(MATH_FLOAT x) {
    return exp(x);
}

static inline MATH_FLOAT MATH_NAME(log)(MATH_FLOAT x) {
    return log(x);
}

static inline MATH_FLOAT MATH_NAME(expm1_down)(MATH_FLOAT x) {
    return expm1(x);
}

static inline MATH_FLOAT MATH_NAME(tanh)(MATH_FLOAT x) {
    return tanh(x);
}

static inline MATH_FLOAT MATH_NAME(softplus)(MATH_FLOAT x) {
    MATH_FLOAT above = x > 0.0 ? x : MATH_CONSTANT(0.0);
    return above + log1p(exp(-fabs(x)));
}

/* exp(x), x <= 20, = result * *scale, the scale 1 or, where the result would be denormal, e^-64. */
static inline MATH_FLOAT MATH_NAME(exp_apart)(MATH_FLOAT x, MATH_FLOAT *scale) {
    *scale = x < -640.0 ? MATH_CONSTANT(1.6038108905486379e-28) : MATH_CONSTANT(1.0);
    return exp(x < -640.0 ? x + 64.0 : x);
}

/* x sigmoid(w): x / (1 + e) from 0 on, else x e / (1 + e), e = exp(-|w|). */
static inline MATH_FLOAT MATH_NAME(weighted_sigmoid)(MATH_FLOAT x, MATH_FLOAT w) {
    MATH_FLOAT scale;
    MATH_FLOAT e = MATH_NAME(exp_apart)(-fabs(w), &scale);
    MATH_FLOAT below = x * e / (1.0 + e * scale) * scale;
    return w < 0.0 ? below : x / (1.0 + e * scale);
}

static inline MATH_FLOAT MATH_NAME(sigmoid)(MATH_FLOAT x) {
    return MATH_NAME(weighted_sigmoid)(MATH_CONSTANT(1.0), x);
}

static inline MATH_FLOAT MATH_NAME(sigmoid_derivative)(MATH_FLOAT x) {
    MATH_FLOAT e = exp(-fabs(x));
    MATH_FLOAT d = 1.0 + e;
    return e / (d * d);
}

/* d(x sigmoid(w)) / dx, given dw = w'(x), |w| <= 87. */
static inline MATH_FLOAT MATH_NAME(weighted_sigmoid_derivative)(
    MATH_FLOAT x, MATH_FLOAT w, MATH_FLOAT dw) {
    MATH_FLOAT e = exp(-w);
    MATH_FLOAT d = 1.0 / (1.0 + e);
    return d * FMA(x * dw, e * d, MATH_CONSTANT(1.0));
}

/* x Phi(x), from -40 on -0. */
static inline MATH_FLOAT MATH_NAME(gelu)(MATH_FLOAT x) {
    MATH_FLOAT t = x < -40.0 ? MATH_CONSTANT(-40.0) : x;
    return 0.5 * t * erfc(t * -0.70710678118654752);
}

/* Phi(x) + x phi(x) */
static inline MATH_FLOAT MATH_NAME(gelu_derivative)(MATH_FLOAT x) {
    MATH_FLOAT t = x < -40.0 ? MATH_CONSTANT(-40.0) : x;
    t = t > 40.0 ? MATH_CONSTANT(40.0) : t;
    MATH_FLOAT density = 0.39894228040143268 * exp(-0.5 * t * t); /* 1 / sqrt(2 pi) */
    return FMA(t, density, 0.5 * erfc(t * -0.70710678118654752));
}
