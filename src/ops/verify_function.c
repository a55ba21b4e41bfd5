/* SPDX-License-Identifier: Apache-2.0 */
/* Activations with their defaults, functions of one number, and their derivatives, which are
 * central differences: the expression; the engine's loops are checked by themselves. */
#include "ops/verify.h"
#include "ops/verify_trial.h"
#include <cleat/activation.h>
#include <cleat/unary.h>
#include <math.h>
#include <string.h>

enum { ROWS = 5, COLUMNS = 37 };

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

static double bounded(double x, double low, double high) {
    return fmin(fmax(x, low), high);
}

/* <cleat/activation.h> */
static double activated(int kind, double x) {
    const double alpha = 1.67326319217681884765625, gamma = 1.05070102214813232421875;
    switch ((cleat_activation)kind) {
    case CLEAT_RELU:
        return fmax(x, 0);
    case CLEAT_LEAKY_RELU:
        return x < 0 ? (double)0.01F * x : x;
    case CLEAT_SIGMOID:
        return sigmoid(x);
    case CLEAT_TANH:
        return tanh(x);
    case CLEAT_GELU:
        return x / 2 * (1 + erf(x * 0.70710678118654752));
    case CLEAT_GELU_TANH:
        return x / 2 * (1 + tanh(0.79788456080286536 * (x + 0.044715 * x * x * x)));
    case CLEAT_SILU:
    case CLEAT_SWISH:
        return x * sigmoid(x);
    case CLEAT_RELU6:
        return bounded(x, 0, 6);
    case CLEAT_ELU:
    case CLEAT_CELU:
        return x < 0 ? expm1(x) : x;
    case CLEAT_SELU:
        return gamma * (x < 0 ? alpha * expm1(x) : x);
    case CLEAT_SOFTPLUS:
        return log1p(exp(x));
    case CLEAT_LOG_SIGMOID:
        return -log1p(exp(-x));
    case CLEAT_SOFTSIGN:
        return x / (1 + fabs(x));
    case CLEAT_HARD_SIGMOID:
        return bounded((double)0.2F * x + 0.5, 0, 1);
    case CLEAT_HARD_SWISH:
        return x * bounded(x / 6 + 0.5, 0, 1);
    case CLEAT_MISH:
        return x * tanh(log1p(exp(x)));
    case CLEAT_THRESHOLDED_RELU:
        return x > 1 ? x : 0;
    case CLEAT_SHRINK:
    case CLEAT_HARD_SHRINK:
        return fabs(x) > 0.5 ? x : 0;
    case CLEAT_SOFT_SHRINK:
        return fabs(x) > 0.5 ? x - copysign(0.5, x) : 0;
    default: /* none, clip */
        return x;
    }
}

/* <cleat/unary.h> */
static double function_of(int kind, double x) {
    switch ((cleat_unary_kind)kind) {
    case CLEAT_EXP:
        return exp(x);
    case CLEAT_LOG:
        return log(x);
    case CLEAT_SQRT:
        return sqrt(x);
    case CLEAT_RSQRT:
        return 1 / sqrt(x);
    case CLEAT_RECIPROCAL:
        return 1 / x;
    case CLEAT_SQUARE:
        return x * x;
    case CLEAT_ABS:
        return fabs(x);
    case CLEAT_NEG:
        return -x;
    case CLEAT_SIGN:
        return copysign(1, x);
    case CLEAT_FLOOR:
        return floor(x);
    case CLEAT_CEIL:
        return ceil(x);
    case CLEAT_ROUND:
        return nearbyint(x);
    case CLEAT_ERF:
        return erf(x);
    case CLEAT_SIN:
        return sin(x);
    default:
        return cos(x);
    }
}

/* Which of the names is being checked. */
static int find_kind(cleat_context *context, bool unary) {
    const char *name = trust_checked(context, trust_subject(context));
    const int last = unary ? (int)CLEAT_COS : (int)CLEAT_SOFT_SHRINK;
    int kind = 0;
    while (kind < last && strcmp(unary ? cleat_unary_name((cleat_unary_kind)kind)
                                       : cleat_activation_name((cleat_activation)kind),
                              name) != 0) {
        kind++;
    }
    return kind;
}

static cleat_status call(const trial *t, bool unary, int kind, bool backward) {
    const cleat_tensor x = t->tensors[0], dy = t->tensors[1], y = t->tensors[2];
    cleat_context *context = t->context;
    if (unary) {
        const cleat_unary_kind function = (cleat_unary_kind)kind;
        return backward ? cleat_unary_backward(context, function, x, dy, y)
                        : cleat_unary(context, function, x, y);
    }
    const cleat_activation activation = (cleat_activation)kind;
    return backward ? cleat_activate_backward(context, activation, x, dy, y, NULL)
                    : cleat_activate(context, activation, x, y, NULL);
}

static double wanted_of(bool unary, int kind, bool backward, double x, double dy) {
    double (*const value)(int, double) = unary ? function_of : activated;
    const double step = 0x1p-17;
    return backward ? dy * (value(kind, x + step) - value(kind, x - step)) / (2 * step)
                    : value(kind, x);
}

/* At numbers that are apart from all kinks; above 0 where the function wants that. */
static cleat_status try_function(cleat_context *context, bool unary, bool backward, bool *right) {
    const int64_t shape[] = {ROWS, COLUMNS};
    const int kind = find_kind(context, unary);
    const bool above_0 = unary && kind >= (int)CLEAT_LOG && kind <= (int)CLEAT_RSQRT;
    trial t = trial_begin(context);
    for (int i = 0; i < 3; i++) {
        trial_add(&t, 2, shape);
    }
    for (int i = 0; trial_going(&t, t.status) && i < ROWS * COLUMNS; i++) {
        const float x = t.data[0][i] * 0.75F + 0.1F;
        t.data[0][i] = above_0 ? fabsf(x) : x;
    }
    trial_write(&t, 0);
    if (trial_going(&t, t.status) && trial_going(&t, call(&t, unary, kind, backward))) {
        double *want = trial_zeros(ROWS * COLUMNS);
        for (int i = 0; want != NULL && i < ROWS * COLUMNS; i++) {
            want[i] = wanted_of(unary, kind, backward, (double)t.data[0][i], (double)t.data[1][i]);
        }
        trial_compare_scaled(&t, 2, want, 0x1p-17);
    }
    return trial_end(&t, right);
}

cleat_status verify_activation(cleat_context *context, bool *right) {
    return try_function(context, false, false, right);
}

cleat_status verify_activation_backward(cleat_context *context, bool *right) {
    return try_function(context, false, true, right);
}

cleat_status verify_unary(cleat_context *context, bool *right) {
    return try_function(context, true, false, right);
}

cleat_status verify_unary_backward(cleat_context *context, bool *right) {
    return try_function(context, true, true, right);
}
