/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Activations, each defined once as value and derivative. Include after common.cl, once for each
 * vector width wanted:
 *     #define ACTIVATION_WIDTH 16
 *     #include "activation.cl"
 * gives, for -DACTIVATION=<a form: a value of cleat_activation, clip for relu6>,
 *     float16 activation_value_16(float16 x, float2 parameters);
 *     float16 activation_derivative_16(float16 x, float2 parameters);        in terms of the input
 *     float16 activation_derivative_output_16(float16 y, float2 parameters); of the output y
 * and undefines ACTIVATION_WIDTH. Width 1 is float. The third exists where the derivative can be
 * told from the output: none, relu, leaky relu, sigmoid, tanh, clip.
 *
 * NaN gives NaN in every value. Bounds of the values against the exact ones, in ulp: sigmoid 3,
 * tanh 4, silu 4, gelu 6 (both over the whole range, the far negative tail included), gelu_tanh
 * 4 + 4 |w| for x < 0 with result x sigmoid(w), w being a rounded polynomial of x. The derivatives
 * of gelu, gelu_tanh and silu are within 2^-21 absolutely, as they have zeros; those of sigmoid and
 * tanh within 6 ulp.
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

#if ACTIVATION_IS_SIGMOID || ACTIVATION_IS_TANH || ACTIVATION_IS_GELU || ACTIVATION_IS_GELU_TANH   \
    || ACTIVATION_IS_SILU
#define MATH_WIDTH ACTIVATION_WIDTH
#include "math.cl"
#endif

#if ACTIVATION_WIDTH == 1
#define ACTIVATION_FLOAT float
#else
#define ACTIVATION_FLOAT CAT(float, ACTIVATION_WIDTH)
#endif
#define ACTIVATION_NAME(name) CAT(activation_##name##_, ACTIVATION_WIDTH)
#define ACTIVATION_MATH(name) CAT(math_##name##_, ACTIVATION_WIDTH)

#if ACTIVATION_IS_GELU_TANH
/* 2 sqrt(2/pi) (x + 0.044715 x^3) and its derivative */
static inline ACTIVATION_FLOAT ACTIVATION_NAME(gelu_argument)(ACTIVATION_FLOAT x) {
    return x * FMA(x * x, (ACTIVATION_FLOAT)(0.0713548163f), (ACTIVATION_FLOAT)(1.59576912f));
}

static inline ACTIVATION_FLOAT ACTIVATION_NAME(gelu_argument_derivative)(ACTIVATION_FLOAT x) {
    return FMA(x * x, (ACTIVATION_FLOAT)(0.214064449f), (ACTIVATION_FLOAT)(1.59576912f));
}
#endif

static inline ACTIVATION_FLOAT ACTIVATION_NAME(value)(ACTIVATION_FLOAT x, float2 parameters) {
#if ACTIVATION_IS_NONE
    return x;
#elif ACTIVATION_IS_RELU
    return x <= 0.0f ? (ACTIVATION_FLOAT)(0.0f) : x;
#elif ACTIVATION_IS_LEAKY_RELU
    return x < 0.0f ? x * parameters.x : x;
#elif ACTIVATION_IS_SIGMOID
    return ACTIVATION_MATH(sigmoid)(x);
#elif ACTIVATION_IS_TANH
    return ACTIVATION_MATH(tanh)(x);
#elif ACTIVATION_IS_GELU
    return ACTIVATION_MATH(gelu)(x);
#elif ACTIVATION_IS_GELU_TANH
    x = x < -11.0f ? (ACTIVATION_FLOAT)(-11.0f) : x; /* from there on -0 */
    /* gelu_argument() / ln 2 */
    return ACTIVATION_MATH(weighted_sigmoid_two)(
        x, x * FMA(x * x, (ACTIVATION_FLOAT)(0.102943240f), (ACTIVATION_FLOAT)(2.30220820f)));
#elif ACTIVATION_IS_SILU
    x = x < -110.0f ? (ACTIVATION_FLOAT)(-110.0f) : x; /* from there on -0 */
    return ACTIVATION_MATH(weighted_sigmoid)(x, x);
#elif ACTIVATION_IS_CLIP
    ACTIVATION_FLOAT low = x < parameters.x ? (ACTIVATION_FLOAT)(parameters.x) : x;
    return low > parameters.y ? (ACTIVATION_FLOAT)(parameters.y) : low;
#endif
}

static inline ACTIVATION_FLOAT ACTIVATION_NAME(derivative)(ACTIVATION_FLOAT x, float2 parameters) {
#if ACTIVATION_IS_NONE
    return (ACTIVATION_FLOAT)(1.0f);
#elif ACTIVATION_IS_RELU
    return x <= 0.0f ? (ACTIVATION_FLOAT)(0.0f) : (ACTIVATION_FLOAT)(1.0f);
#elif ACTIVATION_IS_LEAKY_RELU
    return x <= 0.0f ? (ACTIVATION_FLOAT)(parameters.x) : (ACTIVATION_FLOAT)(1.0f);
#elif ACTIVATION_IS_SIGMOID
    return ACTIVATION_MATH(sigmoid_derivative)(x);
#elif ACTIVATION_IS_TANH
    return 4.0f * ACTIVATION_MATH(sigmoid_derivative)(2.0f * x);
#elif ACTIVATION_IS_GELU
    return ACTIVATION_MATH(gelu_derivative)(x);
#elif ACTIVATION_IS_CLIP
    ACTIVATION_FLOAT low = x > parameters.x ? (ACTIVATION_FLOAT)(1.0f) : (ACTIVATION_FLOAT)(0.0f);
    return x < parameters.y ? low : (ACTIVATION_FLOAT)(0.0f);
#else
    /* The limits, 0 and 1, are reached long before; beyond, 0 * Inf would be met. */
#if ACTIVATION_IS_GELU_TANH
    x = x > 9.9f ? (ACTIVATION_FLOAT)(9.9f) : x;
    x = x < -9.9f ? (ACTIVATION_FLOAT)(-9.9f) : x;
    return ACTIVATION_MATH(weighted_sigmoid_derivative)(
        x, ACTIVATION_NAME(gelu_argument)(x), ACTIVATION_NAME(gelu_argument_derivative)(x));
#else
    x = x > 87.0f ? (ACTIVATION_FLOAT)(87.0f) : x;
    x = x < -87.0f ? (ACTIVATION_FLOAT)(-87.0f) : x;
    return ACTIVATION_MATH(weighted_sigmoid_derivative)(x, x, (ACTIVATION_FLOAT)(1.0f));
#endif
#endif
}

#if ACTIVATION_IS_NONE || ACTIVATION_IS_RELU || ACTIVATION_IS_LEAKY_RELU || ACTIVATION_IS_SIGMOID  \
    || ACTIVATION_IS_TANH || ACTIVATION_IS_CLIP
static inline ACTIVATION_FLOAT ACTIVATION_NAME(derivative_output)(
    ACTIVATION_FLOAT y, float2 parameters) {
#if ACTIVATION_IS_SIGMOID
    return y * (1.0f - y);
#elif ACTIVATION_IS_TANH
    return (1.0f - y) * (1.0f + y);
#else
    return ACTIVATION_NAME(derivative)(y, parameters);
#endif
}
#endif

#undef ACTIVATION_FLOAT
#undef ACTIVATION_NAME
#undef ACTIVATION_MATH
#undef ACTIVATION_WIDTH
