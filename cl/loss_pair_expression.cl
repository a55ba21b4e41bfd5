/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loss of one element x beside its target t, and its derivative by x. Include after common.cl and
 * vector.cl, once for each vector width wanted:
 *     #define LOSS_WIDTH 16
 *     #include "loss_pair_expression.cl"
 * gives, for -DLOSS=<value of cleat_loss_kind>,
 *     float16 loss_value_16(float16 x, float16 t, float16 positive, float delta);
 *     float16 loss_derivative_16(float16 x, float16 t, float16 positive, float delta);
 * and undefines LOSS_WIDTH. Width 1 is float. `positive` is the weight of what is true, of binary
 * cross-entropy; `delta` Huber's. -DLOG_TARGET=1: t of the divergence is a logarithm.
 *
 * WEIGHT(W), POSITIVE(W) and GRADIENT_OUT(W) are what inputs follow in0 = x and in1 = t, in this order,
 * where -DOPERANDS= has 1, 2 or 4 in it; else ones.
 */
#ifndef WEIGHT
#define LOSS_ONES(W) ((FLOATS(W))(1.0f))
#if OPERANDS & 1
#define WEIGHT(W) in2
#else
#define WEIGHT(W) LOSS_ONES(W)
#endif
#if (OPERANDS & 3) == 3
#define POSITIVE(W) in3
#elif OPERANDS & 2
#define POSITIVE(W) in2
#else
#define POSITIVE(W) LOSS_ONES(W)
#endif
#if OPERANDS == 7
#define GRADIENT_OUT(W) in4
#elif OPERANDS > 4
#define GRADIENT_OUT(W) in3
#elif OPERANDS == 4
#define GRADIENT_OUT(W) in2
#else
#define GRADIENT_OUT(W) LOSS_ONES(W)
#endif
#endif

#define LOSS_IS_SQUARED (LOSS == 0)
#define LOSS_IS_ABSOLUTE (LOSS == 1)
#define LOSS_IS_HUBER (LOSS == 2)
#define LOSS_IS_CROSS_ENTROPY (LOSS == 3)
#define LOSS_IS_DIVERGENCE (LOSS == 4)

#if LOSS_IS_CROSS_ENTROPY || LOSS_IS_DIVERGENCE
#define MATH_WIDTH LOSS_WIDTH
#include "math.cl"
#endif

#define LOSS_FLOAT FLOATS(LOSS_WIDTH)
#define LOSS_NAME(name) CAT(loss_##name##_, LOSS_WIDTH)
#define LOSS_MATH(name) CAT(math_##name##_, LOSS_WIDTH)
#define LOSS_CONSTANT(c) ((LOSS_FLOAT)(c))

static inline LOSS_FLOAT LOSS_NAME(value)(
    LOSS_FLOAT x, LOSS_FLOAT t, LOSS_FLOAT positive, REAL delta) {
#if LOSS_IS_SQUARED
    return (x - t) * (x - t);
#elif LOSS_IS_ABSOLUTE
    return fabs(x - t);
#elif LOSS_IS_HUBER
    LOSS_FLOAT d = fabs(x - t);
    return d <= delta ? 0.5f * d * d : delta * (d - 0.5f * delta);
#elif LOSS_IS_CROSS_ENTROPY
    /* (1 - t) softplus(x) + positive t softplus(-x): nothing cancels */
    LOSS_FLOAT less = LOSS_MATH(softplus)(-fabs(x));
    LOSS_FLOAT more = less + fabs(x);
    LOSS_FLOAT of_x = x > 0.0f ? more : less;
    LOSS_FLOAT of_minus_x = x > 0.0f ? less : more;
    return FMA(1.0f - t, of_x, positive * t * of_minus_x);
#elif LOG_TARGET
    return LOSS_MATH(exp)(t) * (t - x);
#else
    /* t log t with a t that is a normal number; 0 for 0 */
    LOSS_FLOAT scaled = t < 0x1p-100f ? t * 0x1p60f : t;
    LOSS_FLOAT log_t = LOSS_MATH(log)(scaled);
    log_t = t < 0x1p-100f ? log_t - REAL_CONSTANT(41.588830833596715) : log_t;
    log_t = t < 0.0f ? LOSS_CONSTANT(NAN) : log_t;
    return t == 0.0f ? LOSS_CONSTANT(0.0f) : t * (log_t - x);
#endif
}

static inline LOSS_FLOAT LOSS_NAME(derivative)(
    LOSS_FLOAT x, LOSS_FLOAT t, LOSS_FLOAT positive, REAL delta) {
#if LOSS_IS_SQUARED
    return 2.0f * (x - t);
#elif LOSS_IS_ABSOLUTE
    LOSS_FLOAT d = x - t;
    LOSS_FLOAT y = d < 0.0f ? LOSS_CONSTANT(-1.0f) : d; /* 0 and NaN stay */
    return d > 0.0f ? LOSS_CONSTANT(1.0f) : y;
#elif LOSS_IS_HUBER
    LOSS_FLOAT d = x - t;
    d = d > delta ? LOSS_CONSTANT(delta) : d;
    return d < -delta ? LOSS_CONSTANT(-delta) : d;
#elif LOSS_IS_CROSS_ENTROPY
    /* (1 - t) sigmoid(x) - positive t sigmoid(-x) */
    LOSS_FLOAT e = LOSS_MATH(exp_down)(-fabs(x));
    LOSS_FLOAT more = 1.0f / (1.0f + e);
    LOSS_FLOAT less = e * more;
    LOSS_FLOAT of_x = x > 0.0f ? more : less;
    LOSS_FLOAT of_minus_x = x > 0.0f ? less : more;
    return FMA(1.0f - t, of_x, -positive * t * of_minus_x);
#elif LOG_TARGET
    return -LOSS_MATH(exp)(t);
#else
    return -t;
#endif
}

#undef LOSS_FLOAT
#undef LOSS_NAME
#undef LOSS_MATH
#undef LOSS_CONSTANT
#undef LOSS_WIDTH
