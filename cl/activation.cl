/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Activations, each defined once as value and derivative. Include after common.cl, once for each
 * vector width wanted:
 *     #define ACTIVATION_WIDTH 16
 *     #include "activation.cl"
 * gives, for -DACTIVATION=<a form: see src/ops/activation_table.c>,
 *     float16 activation_value_16(float16 x, float2 parameters);
 *     float16 activation_derivative_16(float16 x, float2 parameters);        in terms of the input
 *     float16 activation_derivative_output_16(float16 y, float2 parameters); of the output y
 * and undefines ACTIVATION_WIDTH. Width 1 is float. The third exists where the derivative can be
 * told from the output. Only the code of one form is compiled. With REAL_IS_DOUBLE all is double.
 *
 * NaN gives NaN in every value. Bounds of the values against the exact ones, in ulp: sigmoid 3,
 * tanh 4, silu 4, gelu 6 (both over the whole range, the far negative tail included), gelu_tanh
 * 4 + 4 |w| for x < 0 with result x sigmoid(w), w being a rounded polynomial of x; elu and selu 4,
 * celu 6, softplus, log_sigmoid and softsign 3, hard_swish 3, mish 6; swish 4 where beta is a power
 * of two, else 4 + 2 |beta x|, and 2^-165 |x| beside that; hard_sigmoid 2^-24 (|alpha x| + |beta|)
 * absolutely. The derivatives of gelu, gelu_tanh, silu, swish, mish and hard_swish are within 2^-21
 * absolutely, as they have zeros; celu's within 7 + 2 |x / alpha| ulp, the others within 7.
 *
 * In double, by the functions of math_f64.cl: sigmoid, silu 14, tanh 5, gelu 18 + x^2 and 2^-1070 |x|
 * absolutely, gelu_tanh 14 + 5 |w| and swish 14 + |beta x| where that is below 0, elu, selu 7, celu 9,
 * softplus, log_sigmoid 11, softsign, hard_swish 3, mish 20; hard_sigmoid
 * 2^-53 (|alpha x| + |beta|). The derivatives of gelu, gelu_tanh, silu, swish, mish and hard_swish are
 * within 2^-48 absolutely, celu's within 10 + 2 |x / alpha| ulp, the others within 16.
 */
#define ACTIVATION_IS_NONE (ACTIVATION == 0)
#define ACTIVATION_IS_RELU (ACTIVATION == 1)
#define ACTIVATION_IS_LEAKY_RELU (ACTIVATION == 2)
#define ACTIVATION_IS_SIGMOID (ACTIVATION == 3)
#define ACTIVATION_IS_TANH (ACTIVATION == 4)
#define ACTIVATION_IS_GELU (ACTIVATION == 5)
#define ACTIVATION_IS_GELU_TANH (ACTIVATION == 6)
#define ACTIVATION_IS_SILU (ACTIVATION == 7)
#define ACTIVATION_IS_CLIP (ACTIVATION == 8)
#define ACTIVATION_IS_ELU (ACTIVATION == 10) /* parameters: alpha, factor of x in the exponent */
#define ACTIVATION_IS_SELU (ACTIVATION == 11) /* alpha gamma, gamma */
#define ACTIVATION_IS_SOFTPLUS (ACTIVATION == 13)
#define ACTIVATION_IS_LOG_SIGMOID (ACTIVATION == 14)
#define ACTIVATION_IS_SOFTSIGN (ACTIVATION == 15)
#define ACTIVATION_IS_HARD_SIGMOID (ACTIVATION == 16)
#define ACTIVATION_IS_SWISH (ACTIVATION == 17)
#define ACTIVATION_IS_HARD_SWISH (ACTIVATION == 18)
#define ACTIVATION_IS_MISH (ACTIVATION == 19)
#define ACTIVATION_IS_THRESHOLDED_RELU (ACTIVATION == 20)
#define ACTIVATION_IS_SHRINK (ACTIVATION == 21)

#if (ACTIVATION >= 3 && ACTIVATION <= 7) || ACTIVATION_IS_ELU || ACTIVATION_IS_SELU                \
    || ACTIVATION_IS_SOFTPLUS || ACTIVATION_IS_LOG_SIGMOID || ACTIVATION_IS_SWISH                  \
    || ACTIVATION_IS_MISH
#define MATH_WIDTH ACTIVATION_WIDTH
#include "math.cl"
#endif

#if ACTIVATION_WIDTH == 1
#define ACTIVATION_FLOAT REAL
#else
#define ACTIVATION_FLOAT CAT(REAL, ACTIVATION_WIDTH)
#endif
#define ACTIVATION_NAME(name) CAT(activation_##name##_, ACTIVATION_WIDTH)
#define ACTIVATION_MATH(name) CAT(math_##name##_, ACTIVATION_WIDTH)
#define ACTIVATION_CONSTANT(c) ((ACTIVATION_FLOAT)(c))
#ifndef LEAST_SILU
#if REAL_IS_DOUBLE
#define LEAST_SILU (-820.0)
#define LEAST_WEIGHT (-800.0)
#else
#define LEAST_SILU (-110.0f)
#define LEAST_WEIGHT (-115.0f)
#endif
#endif

#if ACTIVATION_IS_GELU_TANH
/* 2 sqrt(2/pi) (x + 0.044715 x^3) and its derivative */
static inline ACTIVATION_FLOAT ACTIVATION_NAME(gelu_argument)(ACTIVATION_FLOAT x) {
    return x * FMA(x * x, ACTIVATION_CONSTANT(REAL_CONSTANT(0.071354816272600249)),
                   ACTIVATION_CONSTANT(REAL_CONSTANT(1.5957691216057307)));
}

static inline ACTIVATION_FLOAT ACTIVATION_NAME(gelu_argument_derivative)(ACTIVATION_FLOAT x) {
    return FMA(x * x, ACTIVATION_CONSTANT(REAL_CONSTANT(0.21406444881780075)),
        ACTIVATION_CONSTANT(REAL_CONSTANT(1.5957691216057307)));
}
#endif

#if ACTIVATION_IS_MISH
/* x tanh(softplus(x)) = x n / (n + 2), n = w (w + 2), w = exp(x): from x = 20 on x, for smaller w in
 * terms of 2^64 w, so that x w is no product of a denormal number. */
#if REAL_IS_DOUBLE
static inline ACTIVATION_FLOAT ACTIVATION_NAME(mish)(ACTIVATION_FLOAT x) {
    ACTIVATION_FLOAT t = x > 20.0 ? ACTIVATION_CONSTANT(20.0) : x;
    t = t < -820.0 ? ACTIVATION_CONSTANT(-820.0) : t; /* from there on -0 */
    ACTIVATION_FLOAT scale;
    ACTIVATION_FLOAT w = ACTIVATION_MATH(exp_apart)(t, &scale);
    ACTIVATION_FLOAT n = w * FMA(w, scale, ACTIVATION_CONSTANT(2.0));
    ACTIVATION_FLOAT y = t * (n / FMA(n, scale, ACTIVATION_CONSTANT(2.0))) * scale;
    return x > 20.0 ? x : y;
}
#else
static inline ACTIVATION_FLOAT ACTIVATION_NAME(mish)(ACTIVATION_FLOAT x) {
    ACTIVATION_FLOAT t = x > 20.0f ? ACTIVATION_CONSTANT(20.0f) : x;
    t = t < -110.0f ? ACTIVATION_CONSTANT(-110.0f) : t; /* from there on -0 */
    ACTIVATION_FLOAT scale;
    ACTIVATION_FLOAT p = ACTIVATION_MATH(exp_scaled)(t, 64.0f, &scale);
    ACTIVATION_FLOAT w = p * scale;
    ACTIVATION_FLOAT n = w * FMA(w, ACTIVATION_CONSTANT(0x1p-64f), ACTIVATION_CONSTANT(2.0f));
    ACTIVATION_FLOAT y = n / FMA(n, ACTIVATION_CONSTANT(0x1p-64f), ACTIVATION_CONSTANT(2.0f));
    return x > 20.0f ? x : t * y * 0x1p-64f;
}
#endif

/* n / d + 4 x w (w + 1) / d^2, d = n + 2 */
static inline ACTIVATION_FLOAT ACTIVATION_NAME(mish_derivative)(ACTIVATION_FLOAT x) {
    ACTIVATION_FLOAT t = x > 20.0f ? ACTIVATION_CONSTANT(20.0f) : x;
    t = t < -80.0f ? ACTIVATION_CONSTANT(-80.0f) : t;
    ACTIVATION_FLOAT scale;
#if REAL_IS_DOUBLE
    ACTIVATION_FLOAT p = ACTIVATION_MATH(exp_apart)(t, &scale);
#else
    ACTIVATION_FLOAT p = ACTIVATION_MATH(exp_scaled)(t, 0.0f, &scale);
#endif
    ACTIVATION_FLOAT w = p * scale;
    ACTIVATION_FLOAT n = w * (w + 2.0f);
    ACTIVATION_FLOAT d = 1.0f / (n + 2.0f);
    return d * FMA(4.0f * t * d, FMA(w, w, w), n);
}
#endif

#if ACTIVATION_IS_SWISH
/* x sigmoid(w), w = beta x; -0 or 0 where sigmoid(w) is below 2^-165, in double 2^-1154. */
static inline ACTIVATION_FLOAT ACTIVATION_NAME(swish)(ACTIVATION_FLOAT x, REAL beta) {
    ACTIVATION_FLOAT w = x * beta;
    ACTIVATION_FLOAT v = w < LEAST_WEIGHT ? ACTIVATION_CONSTANT(LEAST_WEIGHT) : w;
    ACTIVATION_FLOAT y = ACTIVATION_MATH(weighted_sigmoid)(x, v);
    return w < LEAST_WEIGHT ? copysign(ACTIVATION_CONSTANT(0.0f), x) : y;
}
#endif

static inline ACTIVATION_FLOAT ACTIVATION_NAME(value)(ACTIVATION_FLOAT x, REAL2 parameters) {
#if ACTIVATION_IS_NONE
    return x;
#elif ACTIVATION_IS_RELU
    return x <= 0.0f ? ACTIVATION_CONSTANT(0.0f) : x;
#elif ACTIVATION_IS_LEAKY_RELU
    return x < 0.0f ? x * parameters.x : x;
#elif ACTIVATION_IS_SIGMOID
    return ACTIVATION_MATH(sigmoid)(x);
#elif ACTIVATION_IS_TANH
    return ACTIVATION_MATH(tanh)(x);
#elif ACTIVATION_IS_GELU
    return ACTIVATION_MATH(gelu)(x);
#elif ACTIVATION_IS_GELU_TANH
#if REAL_IS_DOUBLE
    x = x < -23.0 ? ACTIVATION_CONSTANT(-23.0) : x; /* from there on -0 */
    return ACTIVATION_MATH(weighted_sigmoid)(x, ACTIVATION_NAME(gelu_argument)(x));
#else
    x = x < -11.0f ? ACTIVATION_CONSTANT(-11.0f) : x; /* from there on -0 */
    /* gelu_argument() / ln 2 */
    return ACTIVATION_MATH(weighted_sigmoid_two)(
        x, x * FMA(x * x, ACTIVATION_CONSTANT(0.102943240f), ACTIVATION_CONSTANT(2.30220820f)));
#endif
#elif ACTIVATION_IS_SILU
    x = x < LEAST_SILU ? ACTIVATION_CONSTANT(LEAST_SILU) : x; /* from there on -0 */
    return ACTIVATION_MATH(weighted_sigmoid)(x, x);
#elif ACTIVATION_IS_CLIP
    ACTIVATION_FLOAT low = x < parameters.x ? ACTIVATION_CONSTANT(parameters.x) : x;
    return low > parameters.y ? ACTIVATION_CONSTANT(parameters.y) : low;
#elif ACTIVATION_IS_ELU
    return x < 0.0f ? parameters.x * ACTIVATION_MATH(expm1_down)(parameters.y * x) : x;
#elif ACTIVATION_IS_SELU
    return x < 0.0f ? parameters.x * ACTIVATION_MATH(expm1_down)(x) : parameters.y * x;
#elif ACTIVATION_IS_SOFTPLUS
    return ACTIVATION_MATH(softplus)(x);
#elif ACTIVATION_IS_LOG_SIGMOID
    return -ACTIVATION_MATH(softplus)(-x);
#elif ACTIVATION_IS_SOFTSIGN
    ACTIVATION_FLOAT size = fabs(x);
    size = size > 0x1p60f ? ACTIVATION_CONSTANT(0x1p60f) : size;
    return copysign(size / (1.0f + size), x);
#elif ACTIVATION_IS_HARD_SIGMOID
    x = FMA(x, ACTIVATION_CONSTANT(parameters.x), ACTIVATION_CONSTANT(parameters.y));
    x = x <= 0.0f ? ACTIVATION_CONSTANT(0.0f) : x;
    return x > 1.0f ? ACTIVATION_CONSTANT(1.0f) : x;
#elif ACTIVATION_IS_SWISH
    return ACTIVATION_NAME(swish)(x, parameters.x);
#elif ACTIVATION_IS_HARD_SWISH
    ACTIVATION_FLOAT y = x >= 3.0f ? x : x * ((x + 3.0f) * (1.0f / REAL_CONSTANT(6.0)));
    return x <= -3.0f ? ACTIVATION_CONSTANT(-0.0f) : y;
#elif ACTIVATION_IS_MISH
    return ACTIVATION_NAME(mish)(x);
#elif ACTIVATION_IS_THRESHOLDED_RELU
    return x <= parameters.x ? ACTIVATION_CONSTANT(0.0f) : x;
#elif ACTIVATION_IS_SHRINK
    ACTIVATION_FLOAT y = x <= parameters.x ? ACTIVATION_CONSTANT(0.0f) : x - parameters.y;
    return x < -parameters.x ? x + parameters.y : y;
#endif
}

static inline ACTIVATION_FLOAT ACTIVATION_NAME(derivative)(ACTIVATION_FLOAT x, REAL2 parameters) {
#if ACTIVATION_IS_NONE
    return ACTIVATION_CONSTANT(1.0f);
#elif ACTIVATION_IS_RELU
    return x <= 0.0f ? ACTIVATION_CONSTANT(0.0f) : ACTIVATION_CONSTANT(1.0f);
#elif ACTIVATION_IS_LEAKY_RELU
    return x <= 0.0f ? ACTIVATION_CONSTANT(parameters.x) : ACTIVATION_CONSTANT(1.0f);
#elif ACTIVATION_IS_SIGMOID
    return ACTIVATION_MATH(sigmoid_derivative)(x);
#elif ACTIVATION_IS_TANH
    return 4.0f * ACTIVATION_MATH(sigmoid_derivative)(2.0f * x);
#elif ACTIVATION_IS_GELU
    return ACTIVATION_MATH(gelu_derivative)(x);
#elif ACTIVATION_IS_CLIP
    ACTIVATION_FLOAT low = x > parameters.x ? ACTIVATION_CONSTANT(1.0f) : ACTIVATION_CONSTANT(0.0f);
    return x < parameters.y ? low : ACTIVATION_CONSTANT(0.0f);
#elif ACTIVATION_IS_ELU
    return x <= 0.0f ? parameters.x * parameters.y * ACTIVATION_MATH(exp_down)(parameters.y * x)
                     : ACTIVATION_CONSTANT(1.0f);
#elif ACTIVATION_IS_SELU
    return x <= 0.0f ? parameters.x * ACTIVATION_MATH(exp_down)(x)
                     : ACTIVATION_CONSTANT(parameters.y);
#elif ACTIVATION_IS_SOFTPLUS
    return ACTIVATION_MATH(sigmoid)(x);
#elif ACTIVATION_IS_LOG_SIGMOID
    return ACTIVATION_MATH(sigmoid)(-x);
#elif ACTIVATION_IS_SOFTSIGN
    x = 1.0f / (1.0f + fabs(x));
    return x * x;
#elif ACTIVATION_IS_HARD_SIGMOID
    x = FMA(x, ACTIVATION_CONSTANT(parameters.x), ACTIVATION_CONSTANT(parameters.y));
    ACTIVATION_FLOAT inside =
        x > 0.0f ? ACTIVATION_CONSTANT(parameters.x) : ACTIVATION_CONSTANT(0.0f);
    return x < 1.0f ? inside : ACTIVATION_CONSTANT(0.0f);
#elif ACTIVATION_IS_HARD_SWISH
    ACTIVATION_FLOAT inside =
        FMA(x, ACTIVATION_CONSTANT(1.0f / REAL_CONSTANT(3.0)), ACTIVATION_CONSTANT(0.5f));
    inside = x >= 3.0f ? ACTIVATION_CONSTANT(1.0f) : inside;
    return x <= -3.0f ? ACTIVATION_CONSTANT(0.0f) : inside;
#elif ACTIVATION_IS_MISH
    return ACTIVATION_NAME(mish_derivative)(x);
#elif ACTIVATION_IS_THRESHOLDED_RELU
    return x <= parameters.x ? ACTIVATION_CONSTANT(0.0f) : ACTIVATION_CONSTANT(1.0f);
#elif ACTIVATION_IS_SHRINK
    ACTIVATION_FLOAT above =
        x <= parameters.x ? ACTIVATION_CONSTANT(0.0f) : ACTIVATION_CONSTANT(1.0f);
    return x < -parameters.x ? ACTIVATION_CONSTANT(1.0f) : above;
#else
    /* The limits, 0 and 1, are reached long before; beyond, 0 * Inf would be met. */
#if ACTIVATION_IS_GELU_TANH
    x = x > 9.9f ? ACTIVATION_CONSTANT(9.9f) : x;
    x = x < -9.9f ? ACTIVATION_CONSTANT(-9.9f) : x;
    return ACTIVATION_MATH(weighted_sigmoid_derivative)(
        x, ACTIVATION_NAME(gelu_argument)(x), ACTIVATION_NAME(gelu_argument_derivative)(x));
#else
#if ACTIVATION_IS_SWISH
    x *= parameters.x; /* x sigmoid(beta x) has the derivative of silu at beta x */
#endif
    x = x > 87.0f ? ACTIVATION_CONSTANT(87.0f) : x;
    x = x < -87.0f ? ACTIVATION_CONSTANT(-87.0f) : x;
    return ACTIVATION_MATH(weighted_sigmoid_derivative)(x, x, ACTIVATION_CONSTANT(1.0f));
#endif
#endif
}

#if !ACTIVATION_IS_GELU && !ACTIVATION_IS_GELU_TANH && !ACTIVATION_IS_SILU                         \
    && !ACTIVATION_IS_SWISH && !ACTIVATION_IS_HARD_SWISH && !ACTIVATION_IS_MISH
static inline ACTIVATION_FLOAT ACTIVATION_NAME(derivative_output)(
    ACTIVATION_FLOAT y, REAL2 parameters) {
#if ACTIVATION_IS_SIGMOID
    return y * (1.0f - y);
#elif ACTIVATION_IS_TANH
    return (1.0f - y) * (1.0f + y);
#elif ACTIVATION_IS_ELU
    return y <= 0.0f ? parameters.y * (y + parameters.x) : ACTIVATION_CONSTANT(1.0f);
#elif ACTIVATION_IS_SELU
    return y <= 0.0f ? y + parameters.x : ACTIVATION_CONSTANT(parameters.y);
#elif ACTIVATION_IS_SOFTPLUS
    return -ACTIVATION_MATH(expm1_down)(-y);
#elif ACTIVATION_IS_LOG_SIGMOID
    return -ACTIVATION_MATH(expm1_down)(y);
#elif ACTIVATION_IS_SOFTSIGN
    y = 1.0f - fabs(y);
    return y * y;
#elif ACTIVATION_IS_HARD_SIGMOID
    ACTIVATION_FLOAT inside =
        y > 0.0f ? ACTIVATION_CONSTANT(parameters.x) : ACTIVATION_CONSTANT(0.0f);
    return y < 1.0f ? inside : ACTIVATION_CONSTANT(0.0f);
#elif ACTIVATION_IS_SHRINK
    return y == 0.0f ? ACTIVATION_CONSTANT(0.0f) : ACTIVATION_CONSTANT(1.0f);
#else
    return ACTIVATION_NAME(derivative)(y, parameters);
#endif
}
#endif

#undef ACTIVATION_FLOAT
#undef ACTIVATION_NAME
#undef ACTIVATION_MATH
#undef ACTIVATION_CONSTANT
#undef ACTIVATION_WIDTH
