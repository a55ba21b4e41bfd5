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
 * Definitions follow ONNX where it has one (opset 17; Gelu: opset 20). NaN stays NaN in all;
 * gelu, gelu_tanh and silu of -Inf are their limit, -0. Bounds: cl/activation.cl.
 * Phi is the cumulative distribution of the standard normal, Phi(x) = (1 + erf(x / sqrt 2)) / 2.
 */
typedef enum cleat_activation {
    CLEAT_ACTIVATION_NONE = 0, /* x */
    CLEAT_RELU,                /* max(x, 0) */
    CLEAT_LEAKY_RELU,          /* x < 0 ? slope * x : x; {slope = 0.01} */
    CLEAT_SIGMOID,             /* 1 / (1 + exp(-x)) */
    CLEAT_TANH,
    CLEAT_GELU,      /* x * Phi(x) (Hendrycks & Gimpel 2016) */
    CLEAT_GELU_TANH, /* x / 2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))), same paper */
    CLEAT_SILU,      /* x * sigmoid(x) (Elfwing et al. 2017) */
    CLEAT_CLIP,      /* min(max(x, min), max); {min = -Inf, max = Inf} */
    CLEAT_RELU6      /* clip of {0, 6} (Krizhevsky 2010) */
} cleat_activation;

/* "relu", ...; "unknown" for a value that is none. Static storage. */
CLEAT_API const char *cleat_activation_name(cleat_activation activation);

typedef struct cleat_activation_options {
    const float *parameters; /* see above; NULL: the defaults */
    /* Backward only: x holds the outputs of the forward call instead of its inputs. Possible for
     * none, relu, leaky relu (slope > 0), sigmoid, tanh, clip and relu6; CLEAT_UNSUPPORTED for
     * the others. */
    bool from_output;
    uint64_t reserved[4];
} cleat_activation_options;

/* y = activation(x), element by element; f32, same shape. y may be x itself (the same view). */
CLEAT_API cleat_status cleat_activate(cleat_context *context, cleat_activation activation,
    cleat_tensor x, cleat_tensor y, const cleat_activation_options *options);

/*
 * dx = dy * activation'(x); f32, all of one shape. dx may be dy or x itself. The derivative at a
 * kink is the left one: relu'(0) = 0, leaky relu'(0) = slope, as PyTorch has them; of clip and
 * relu6 it is 0 at min and max, as PyTorch's hardtanh has it.
 */
CLEAT_API cleat_status cleat_activate_backward(cleat_context *context, cleat_activation activation,
    cleat_tensor x, cleat_tensor dy, cleat_tensor dx, const cleat_activation_options *options);

#ifdef __cplusplus
}
#endif

#endif
