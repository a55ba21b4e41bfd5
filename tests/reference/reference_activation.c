/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_activation.h"
#include <math.h>

static const long double pi = 3.14159265358979323846264L;

static long double sigmoid(long double x) {
    return x >= 0 ? 1 / (1 + expl(-x)) : expl(x) / (1 + expl(x));
}

/* sigmoid(x) sigmoid(-x) */
static long double sigmoid_derivative(long double x) {
    long double e = expl(-fabsl(x));
    return e / ((1 + e) * (1 + e));
}

long double reference_gelu_argument_long(long double x) {
    return 2 * sqrtl(2 / pi) * (x + 0.044715L * x * x * x);
}

/* The parameters of an activation, or their defaults. */
static void read_parameters(cleat_activation activation, const float *given, long double p[2]) {
    static const float usual[][2] = {[CLEAT_LEAKY_RELU] = {0.01f},
        [CLEAT_CLIP] = {-INFINITY, INFINITY},
        [CLEAT_RELU6] = {0, 6},
        [CLEAT_ELU] = {1},
        [CLEAT_SELU] = {1.67326319217681884765625f, 1.05070102214813232421875f},
        [CLEAT_CELU] = {1},
        [CLEAT_HARD_SIGMOID] = {0.2f, 0.5f},
        [CLEAT_SWISH] = {1},
        [CLEAT_THRESHOLDED_RELU] = {1},
        [CLEAT_SHRINK] = {0.5f, 0},
        [CLEAT_HARD_SHRINK] = {0.5f},
        [CLEAT_SOFT_SHRINK] = {0.5f}};
    const float *from = given != NULL && activation != CLEAT_RELU6 ? given : usual[activation];
    p[0] = (long double)from[0];
    p[1] = (long double)from[1];
    if (activation == CLEAT_HARD_SHRINK) {
        p[1] = 0;
    } else if (activation == CLEAT_SOFT_SHRINK) {
        p[1] = p[0];
    }
}

static long double softplus(long double x) {
    return fmaxl(x, 0) + log1pl(expl(-fabsl(x)));
}

/* Whether the formula has no value at x, -Inf or Inf: then *limit is what it comes close to. */
static bool has_limit(
    cleat_activation activation, long double x, const long double p[2], long double *limit) {
    *limit = copysignl(activation == CLEAT_SOFTSIGN ? 1 : 0, x);
    switch (activation) {
    case CLEAT_GELU:
    case CLEAT_GELU_TANH:
    case CLEAT_SILU:
    case CLEAT_HARD_SWISH:
    case CLEAT_MISH:
        return x < 0;
    case CLEAT_SWISH:
        return p[0] * x < 0;
    default:
        return activation == CLEAT_SOFTSIGN;
    }
}

static long double bounded(long double x, long double low, long double high) {
    long double y = x < low ? low : x;
    return y > high ? high : y;
}

static long double piecewise(cleat_activation activation, long double x, const long double p[2]) {
    switch (activation) {
    case CLEAT_RELU:
        return x > 0 ? x : 0;
    case CLEAT_LEAKY_RELU:
        return x < 0 ? p[0] * x : x;
    case CLEAT_CLIP:
    case CLEAT_RELU6:
        return bounded(x, p[0], p[1]);
    case CLEAT_HARD_SIGMOID:
        return bounded(p[0] * x + p[1], 0, 1);
    case CLEAT_HARD_SWISH:
        return x * bounded((x + 3) / 6, 0, 1);
    case CLEAT_THRESHOLDED_RELU:
        return x > p[0] ? x : 0;
    case CLEAT_SHRINK:
    case CLEAT_HARD_SHRINK:
    case CLEAT_SOFT_SHRINK:
        return x < -p[0] ? x + p[1] : x > p[0] ? x - p[1] : 0;
    default:
        return x;
    }
}

long double reference_activation_long(
    cleat_activation activation, long double x, const float *parameters) {
    long double p[2];
    read_parameters(activation, parameters, p);
    if (isnan(x)) {
        return x;
    }
    long double limit;
    if (isinf(x) && has_limit(activation, x, p, &limit)) {
        return limit;
    }
    switch (activation) {
    case CLEAT_SIGMOID:
        return sigmoid(x);
    case CLEAT_TANH:
        return tanhl(x);
    case CLEAT_GELU:
        return x * 0.5 * erfcl(-x / sqrtl(2));
    case CLEAT_GELU_TANH:
        return x * sigmoid(reference_gelu_argument_long(x));
    case CLEAT_SILU:
        return x * sigmoid(x);
    case CLEAT_ELU:
        return x < 0 ? p[0] * expm1l(x) : x;
    case CLEAT_SELU:
        return p[1] * (x < 0 ? p[0] * expm1l(x) : x);
    case CLEAT_CELU:
        return x < 0 ? p[0] * expm1l(x / p[0]) : x;
    case CLEAT_SOFTPLUS:
        return softplus(x);
    case CLEAT_LOG_SIGMOID:
        return -softplus(-x);
    case CLEAT_SOFTSIGN:
        return x / (1 + fabsl(x));
    case CLEAT_SWISH:
        return x * sigmoid(p[0] * x);
    case CLEAT_MISH:
        return x * tanhl(softplus(x));
    default:
        return piecewise(activation, x, p);
    }
}

/* d(x sigmoid(w)) / dx */
static long double weighted_derivative(long double x, long double w, long double dw) {
    if (fabsl(w) > 1000) {
        return w > 0 ? 1 : 0;
    }
    return sigmoid(w) + x * dw * sigmoid_derivative(w);
}

static long double piecewise_derivative(
    cleat_activation activation, long double x, const long double p[2]) {
    switch (activation) {
    case CLEAT_RELU:
        return x <= 0 ? 0 : 1;
    case CLEAT_LEAKY_RELU:
        return x <= 0 ? p[0] : 1;
    case CLEAT_CLIP:
    case CLEAT_RELU6:
        return x > p[0] && x < p[1] ? 1 : 0;
    case CLEAT_HARD_SIGMOID:
        return p[0] * x + p[1] > 0 && p[0] * x + p[1] < 1 ? p[0] : 0;
    case CLEAT_HARD_SWISH:
        return x <= -3 ? 0 : x >= 3 ? 1 : x / 3 + 0.5;
    case CLEAT_THRESHOLDED_RELU:
        return x > p[0] ? 1 : 0;
    case CLEAT_SHRINK:
    case CLEAT_HARD_SHRINK:
    case CLEAT_SOFT_SHRINK:
        return x < -p[0] || x > p[0] ? 1 : 0;
    default:
        return 1;
    }
}

long double reference_activation_derivative_long(
    cleat_activation activation, long double x, const float *parameters) {
    long double p[2];
    read_parameters(activation, parameters, p);
    switch (activation) {
    case CLEAT_SIGMOID:
    case CLEAT_SOFTPLUS:
    case CLEAT_LOG_SIGMOID:
        return activation == CLEAT_SIGMOID    ? sigmoid_derivative(x)
               : activation == CLEAT_SOFTPLUS ? sigmoid(x)
                                              : sigmoid(-x);
    case CLEAT_TANH:
        return 4 * sigmoid_derivative(2 * x);
    case CLEAT_GELU:
        return 0.5 * erfcl(-x / sqrtl(2)) + (isinf(x) ? 0 : x * expl(-x * x / 2) / sqrtl(2 * pi));
    case CLEAT_GELU_TANH:
        return weighted_derivative(
            x, reference_gelu_argument_long(x), 2 * sqrtl(2 / pi) * (1 + 3 * 0.044715L * x * x));
    case CLEAT_SILU:
        return weighted_derivative(x, x, 1);
    case CLEAT_SWISH:
        return weighted_derivative(x, p[0] * x, p[0]);
    case CLEAT_ELU:
        return x <= 0 ? p[0] * expl(x) : 1;
    case CLEAT_SELU:
        return p[1] * (x <= 0 ? p[0] * expl(x) : 1);
    case CLEAT_CELU:
        return x <= 0 ? expl(x / p[0]) : 1;
    case CLEAT_SOFTSIGN:
        return 1 / ((1 + fabsl(x)) * (1 + fabsl(x)));
    case CLEAT_MISH: {
        long double t = tanhl(softplus(x));
        return t + (fabsl(x) > 1000 ? 0 : x * sigmoid(x) * (1 - t * t));
    }
    default:
        return piecewise_derivative(activation, x, p);
    }
}

long double reference_activation_derivative_output_long(
    cleat_activation activation, long double y, const float *parameters) {
    long double p[2];
    read_parameters(activation, parameters, p);
    switch (activation) {
    case CLEAT_SIGMOID:
        return y * (1 - y);
    case CLEAT_TANH:
        return 1 - y * y;
    case CLEAT_ELU:
        return y <= 0 ? y + p[0] : 1;
    case CLEAT_SELU:
        return y <= 0 ? y + p[0] * p[1] : p[1];
    case CLEAT_CELU:
        return y <= 0 ? y / p[0] + 1 : 1;
    case CLEAT_SOFTPLUS:
        return -expm1l(-y);
    case CLEAT_LOG_SIGMOID:
        return -expm1l(y);
    case CLEAT_SOFTSIGN:
        return (1 - fabsl(y)) * (1 - fabsl(y));
    case CLEAT_HARD_SIGMOID:
        return y > 0 && y < 1 ? p[0] : 0;
    case CLEAT_SHRINK:
    case CLEAT_HARD_SHRINK:
    case CLEAT_SOFT_SHRINK:
        return y == 0 ? 0 : 1;
    default:
        return reference_activation_derivative_long(activation, y, parameters);
    }
}

double reference_gelu_argument(double x) {
    return (double)reference_gelu_argument_long((long double)x);
}

double reference_activation(cleat_activation activation, double x, const float *parameters) {
    return (double)reference_activation_long(activation, (long double)x, parameters);
}

double reference_activation_derivative(
    cleat_activation activation, double x, const float *parameters) {
    return (double)reference_activation_derivative_long(activation, (long double)x, parameters);
}

double reference_activation_derivative_output(
    cleat_activation activation, double y, const float *parameters) {
    return (double)reference_activation_derivative_output_long(
        activation, (long double)y, parameters);
}
