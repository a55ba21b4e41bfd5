/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_ACTIVATION_H
#define CLEAT_ACTIVATION_H

#include <cleat/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Applied alone, or by an operation to its result; with up to two parameters, in the order in which
 * they are listed below behind their defaults: an options struct points to as many floats,
 *     .activation = CLEAT_LEAKY_RELU, .activation_parameters = (const float[]){0.2f}
 * or has NULL for the defaults. They are read before the call returns.
 *
 * Definitions follow ONNX where it has one (opset 17; Gelu: opset 20; Swish: opset 24), defaults
 * too; log_sigmoid, hard_shrink and soft_shrink are PyTorch's. NaN stays NaN in all; at -Inf and
 * Inf each is its limit, also where the formula has none: gelu, gelu_tanh, silu, swish, hard_swish
 * and mish of -Inf are -0. Bounds: cl/activation.cl.
 * Phi is the cumulative distribution of the standard normal, Phi(x) = (1 + erf(x / sqrt 2)) / 2.
 */
typedef enum cleat_activation {
    CLEAT_ACTIVATION_NONE = 0, /* x */
    CLEAT_RELU,                /* max(x, 0) */
    CLEAT_LEAKY_RELU,          /* x < 0 ? slope * x : x; {slope = 0.01} */
    CLEAT_SIGMOID,             /* 1 / (1 + exp(-x)) */
    CLEAT_TANH,
    CLEAT_GELU,        /* x * Phi(x) (Hendrycks & Gimpel 2016) */
    CLEAT_GELU_TANH,   /* x / 2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))), same paper */
    CLEAT_SILU,        /* x * sigmoid(x) (Elfwing et al. 2017) */
    CLEAT_CLIP,        /* min(max(x, min), max); {min = -Inf, max = Inf} */
    CLEAT_RELU6,       /* clip of {0, 6} (Krizhevsky 2010) */
    CLEAT_ELU,         /* x < 0 ? alpha * (exp(x) - 1) : x; {alpha = 1} */
    CLEAT_SELU,        /* gamma * elu(x) of alpha; {alpha = 1.67326319..., gamma = 1.05070102...} */
    CLEAT_CELU,        /* x < 0 ? alpha * (exp(x / alpha) - 1) : x; {alpha = 1}, 2^-126 .. 2^126 */
    CLEAT_SOFTPLUS,    /* log(1 + exp(x)) */
    CLEAT_LOG_SIGMOID, /* -softplus(-x) */
    CLEAT_SOFTSIGN,    /* x / (1 + |x|) */
    CLEAT_HARD_SIGMOID,     /* min(max(alpha * x + beta, 0), 1); {alpha = 0.2, beta = 0.5} */
    CLEAT_SWISH,            /* x * sigmoid(beta * x); {beta = 1} (Ramachandran et al. 2017) */
    CLEAT_HARD_SWISH,       /* x * min(max(x / 6 + 1/2, 0), 1) */
    CLEAT_MISH,             /* x * tanh(softplus(x)) */
    CLEAT_THRESHOLDED_RELU, /* x > alpha ? x : 0; {alpha = 1} */
    CLEAT_SHRINK, /* x < -lambda ? x + bias : x > lambda ? x - bias : 0; {lambda = 0.5, bias = 0} */
    CLEAT_HARD_SHRINK, /* shrink with a bias of 0; {lambda = 0.5} */
    CLEAT_SOFT_SHRINK  /* shrink with a bias of lambda; {lambda = 0.5} */
} cleat_activation;

/* "relu", ...; "unknown" for a value that is none. Static storage. */
CLEAT_API const char *cleat_activation_name(cleat_activation activation);

typedef struct cleat_activation_options {
    const float *parameters; /* see above; NULL: the defaults */
    /* Backward only: x holds the outputs of the forward call instead of its inputs. Possible for
     * none, relu, leaky relu (slope > 0), sigmoid, tanh, clip, relu6, elu (alpha >= 0), selu
     * (alpha >= 0, gamma > 0), celu, softplus, log sigmoid, softsign, hard sigmoid, thresholded
     * relu (alpha >= 0) and the shrinks (lambda >= 0, bias <= lambda); CLEAT_UNSUPPORTED for the
     * others.
     */
    bool from_output;
    uint64_t reserved[4];
} cleat_activation_options;

/* y = activation(x), element by element; f32, f16 or bf16 (computed with in f32, and rounded once),
 * or f64 on a device that has it (else CLEAT_UNSUPPORTED), of one type and shape. y may be x itself
 * (the same view). Parameters are f32, defaults too, as ONNX's attributes are. */
CLEAT_API cleat_status cleat_activate(cleat_context *context, cleat_activation activation,
    cleat_tensor x, cleat_tensor y, const cleat_activation_options *options);

/*
 * dx = dy * activation'(x); f32, f64, f16 or bf16, all of one type and shape. dx may be dy or x
 * itself. The derivative at a kink is the left one: relu'(0) = 0, leaky relu'(0) = slope, as
 * PyTorch has them; where one side is constant it is 0 (relu6 at 0 and 6, the shrinks at lambda),
 * but for hard swish at 3: 1.
 */
CLEAT_API cleat_status cleat_activate_backward(cleat_context *context, cleat_activation activation,
    cleat_tensor x, cleat_tensor dy, cleat_tensor dx, const cleat_activation_options *options);

/*
 * PRelu: y = x < 0 ? slope * x : x, as ONNX has it (opset 16); slope is broadcast to x's shape by
 * the rule of NumPy, so that slopes of channels are [C, 1, 1] for an x of [N, C, H, W]. All f32,
 * f64, f16 or bf16; y has x's shape and may be x itself.
 */
CLEAT_API cleat_status cleat_prelu(
    cleat_context *context, cleat_tensor x, cleat_tensor slope, cleat_tensor y);

/*
 * dx = x <= 0 ? dy * slope : dy; dslope = sum of x <= 0 ? dy * x : 0 over the elements that a slope
 * serves. Either of dx, dslope may be NULL when not wanted. dx may be dy or x itself; dslope has
 * slope's shape and overlaps nothing.
 */
CLEAT_API cleat_status cleat_prelu_backward(cleat_context *context, cleat_tensor x,
    cleat_tensor slope, cleat_tensor dy, const cleat_tensor *dx, const cleat_tensor *dslope);

typedef struct cleat_glu_options {
    const float *parameters; /* of the gate's activation; NULL: the defaults */
    bool gate_first;         /* the gate is the first half of x, the value the second */
    uint64_t reserved[4];
} cleat_glu_options;

/*
 * Gated linear units: with x's halves a and b along `axis`, y = a * gate(b). The gate's activation
 * makes it GLU (sigmoid; Dauphin et al. 2017, and as PyTorch's glu), SwiGLU (silu or swish), GEGLU
 * (gelu), ReGLU (relu) or bilinear (none; all four Shazeer 2020). f32, f64, f16 or bf16, any
 * strides, nothing is copied. x's extent along the axis is even, a negative axis counts from the
 * end; y has x's shape with half that extent, and may be one of the halves itself. Errors:
 * CLEAT_SHAPE_MISMATCH, CLEAT_TYPE_MISMATCH, CLEAT_OVERLAP, CLEAT_INVALID_ARGUMENT.
 */
CLEAT_API cleat_status cleat_glu(cleat_context *context, cleat_activation gate, cleat_tensor x,
    int32_t axis, cleat_tensor y, const cleat_glu_options *options);

/* dx's halves: da = dy * gate(b), db = dy * a * gate'(b); in one pass. dx has x's shape and may be
 * x itself. */
CLEAT_API cleat_status cleat_glu_backward(cleat_context *context, cleat_activation gate,
    cleat_tensor x, int32_t axis, cleat_tensor dy, cleat_tensor dx,
    const cleat_glu_options *options);

#ifdef __cplusplus
}
#endif

#endif
