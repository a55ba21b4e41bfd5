/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_activation.h"
#include <math.h>

static const double pi = 3.14159265358979323846;

static double sigmoid(double x) {
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

/* sigmoid(x) sigmoid(-x) */
static double sigmoid_derivative(double x) {
    double e = exp(-fabs(x));
    return e / ((1 + e) * (1 + e));
}

double reference_gelu_argument(double x) {
    return 2 * sqrt(2 / pi) * (x + 0.044715 * x * x * x);
}

/* Parameter number i of an activation; its default. */
static double parameter(const float *parameters, int i, double normal) {
    return parameters != NULL ? (double)parameters[i] : normal;
}

static double clip_min(cleat_activation activation, const float *parameters) {
    return activation == CLEAT_RELU6 ? 0 : parameter(parameters, 0, -INFINITY);
}

static double clip_max(cleat_activation activation, const float *parameters) {
    return activation == CLEAT_RELU6 ? 6 : parameter(parameters, 1, INFINITY);
}

double reference_activation(cleat_activation activation, double x, const float *parameters) {
    if (isnan(x)) {
        return x;
    }
    /* The smooth ones at -Inf: their limit. */
    bool vanishes = isinf(x) && x < 0;
    switch (activation) {
    case CLEAT_RELU:
        return x > 0 ? x : 0;
    case CLEAT_LEAKY_RELU:
        return x < 0 ? parameter(parameters, 0, 0.01f) * x : x;
    case CLEAT_SIGMOID:
        return sigmoid(x);
    case CLEAT_TANH:
        return tanh(x);
    case CLEAT_GELU:
        return vanishes ? 0 : x * 0.5 * erfc(-x / sqrt(2));
    case CLEAT_GELU_TANH:
        return vanishes ? 0 : x * sigmoid(reference_gelu_argument(x));
    case CLEAT_SILU:
        return vanishes ? 0 : x * sigmoid(x);
    case CLEAT_CLIP:
    case CLEAT_RELU6:
        return fmin(fmax(x, clip_min(activation, parameters)), clip_max(activation, parameters));
    default:
        return x;
    }
}

/* d(x sigmoid(w)) / dx */
static double weighted_derivative(double x, double w, double dw) {
    if (fabs(x) > 1000) {
        return x > 0 ? 1 : 0;
    }
    return sigmoid(w) + x * dw * sigmoid_derivative(w);
}

double reference_activation_derivative(
    cleat_activation activation, double x, const float *parameters) {
    switch (activation) {
    case CLEAT_RELU:
        return x <= 0 ? 0 : 1;
    case CLEAT_LEAKY_RELU:
        return x <= 0 ? parameter(parameters, 0, 0.01f) : 1;
    case CLEAT_SIGMOID:
        return sigmoid_derivative(x);
    case CLEAT_TANH:
        return 4 * sigmoid_derivative(2 * x);
    case CLEAT_GELU:
        return 0.5 * erfc(-x / sqrt(2)) + (isinf(x) ? 0 : x * exp(-x * x / 2) / sqrt(2 * pi));
    case CLEAT_GELU_TANH:
        return weighted_derivative(
            x, reference_gelu_argument(x), 2 * sqrt(2 / pi) * (1 + 3 * 0.044715 * x * x));
    case CLEAT_SILU:
        return weighted_derivative(x, x, 1);
    case CLEAT_CLIP:
    case CLEAT_RELU6:
        return x > clip_min(activation, parameters) && x < clip_max(activation, parameters) ? 1 : 0;
    default:
        return 1;
    }
}

double reference_activation_derivative_output(
    cleat_activation activation, double y, const float *parameters) {
    switch (activation) {
    case CLEAT_SIGMOID:
        return y * (1 - y);
    case CLEAT_TANH:
        return 1 - y * y;
    default:
        return reference_activation_derivative(activation, y, parameters);
    }
}
