/* SPDX-License-Identifier: Apache-2.0 */
/* Activations and their gradients, gated units, functions of one number; inputs in [-4, 4). form: 0
 * value, 1 gradient, 2 from output. */
#include "bandwidth.h"
#include "peer_bound.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

/* Input and output, and the peer "peak" of a processor where arithmetic `is_bound`. */
static bool prepare(bench_run *run, traffic *t, bool is_bound, bound_kind kind) {
    if (!traffic_input(run, t, 2, t->of->shape, 4) || !traffic_output(run, t, 2, t->of->shape)) {
        return false;
    }
    if (!is_bound || run->device.type != CLEAT_DEVICE_CPU || !bench_has_peer(run, "peak")) {
        return true;
    }
    t->bound = bound_peer_create(run, kind, (double)cleat_tensor_count(t->from));
    return t->bound != NULL;
}

static bool value_prepare(bench_run *run, traffic *t) {
    switch ((cleat_activation)t->of->choice) {
    case CLEAT_GELU:
        return prepare(run, t, true, BOUND_GELU);
    case CLEAT_MISH:
        return prepare(run, t, true, BOUND_MISH);
    case CLEAT_SOFTPLUS:
        return prepare(run, t, true, BOUND_SOFTPLUS);
    default:
        return prepare(run, t, false, BOUND_GELU);
    }
}

static cleat_status value_call(traffic *t) {
    return cleat_activate(
        t->context, (cleat_activation)t->of->choice, t->tensors[0], t->tensors[1], NULL);
}

/* The derivative by central differences of this is good to 1e-9. */
static double exact(int activation, double x) {
    switch ((cleat_activation)activation) {
    case CLEAT_RELU:
        return x > 0 ? x : 0;
    case CLEAT_LEAKY_RELU:
        return x > 0 ? x : 0.01 * x;
    case CLEAT_SIGMOID:
        return 1 / (1 + exp(-x));
    case CLEAT_TANH:
        return tanh(x);
    case CLEAT_GELU:
        return x / 2 * erfc(-x / sqrt(2));
    case CLEAT_GELU_TANH:
        return x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x * x * x)));
    case CLEAT_SILU:
        return x / (1 + exp(-x));
    case CLEAT_ELU:
        return x < 0 ? expm1(x) : x;
    case CLEAT_SOFTPLUS:
        return log1p(exp(x));
    case CLEAT_SOFTSIGN:
        return x / (1 + fabs(x));
    case CLEAT_MISH:
        return x * tanh(log1p(exp(x)));
    case CLEAT_HARD_SWISH:
        return x * fmin(fmax(x / 6 + 0.5, 0), 1);
    default:
        break;
    }
    return x;
}

static bool value_check(bench_run *run, const traffic *t) {
    bool good = true;
    for (int64_t probe = 0; probe < TRAFFIC_PROBES && good; probe++) {
        int64_t i = bench_probe(probe, cleat_tensor_count(t->from));
        double want = exact(t->of->choice, (double)t->host[0][i]);
        good = bench_near(run, "cleat", (double)t->result[i], want, 1, 16);
    }
    return good;
}

static bool gradient_prepare(bench_run *run, traffic *t) {
    return traffic_input(run, t, 2, t->of->shape, 4) && traffic_input(run, t, 2, t->of->shape, 1) &&
           traffic_output(run, t, 2, t->of->shape);
}

static cleat_status gradient_call(traffic *t) {
    cleat_activation_options options = {.from_output = t->of->form == 2};
    return cleat_activate_backward(t->context, (cleat_activation)t->of->choice, t->tensors[0],
        t->tensors[1], t->tensors[2], &options);
}

static bool gradient_check(bench_run *run, const traffic *t) {
    const double h = 1e-5;
    bool good = true;
    for (int64_t probe = 0; probe < TRAFFIC_PROBES && good; probe++) {
        int64_t i = bench_probe(probe, cleat_tensor_count(t->from));
        double x = (double)t->host[0][i];
        double slope = (exact(t->of->choice, x + h) - exact(t->of->choice, x - h)) / (2 * h);
        slope = t->of->form == 2 ? x * (1 - x) : slope; /* of the sigmoid, the one case here */
        double want = (double)t->host[1][i] * slope;
        good = bench_near(run, "cleat", (double)t->result[i], want, 1, 64);
    }
    return good;
}

/* ---- Functions of one number; choice: cleat_unary_kind ---- */
static bool unary_prepare(bench_run *run, traffic *t) {
    const bool is_erf = t->of->choice == CLEAT_ERF;
    return prepare(run, t, is_erf || t->of->choice == CLEAT_SIN, is_erf ? BOUND_ERF : BOUND_SIN);
}

static cleat_status unary_call(traffic *t) {
    return cleat_unary(t->context, (cleat_unary_kind)t->of->choice, t->tensors[0], t->tensors[1]);
}

static bool unary_check(bench_run *run, const traffic *t) {
    bool good = true;
    for (int64_t probe = 0; probe < TRAFFIC_PROBES && good; probe++) {
        int64_t i = bench_probe(probe, cleat_tensor_count(t->from));
        double x = (double)t->host[0][i];
        double want = t->of->choice == CLEAT_EXP     ? exp(x)
                      : t->of->choice == CLEAT_ERF   ? erf(x)
                      : t->of->choice == CLEAT_SIN   ? sin(x)
                      : t->of->choice == CLEAT_ROUND ? rint(x)
                                                     : 1 / x;
        good = bench_near(run, "cleat", (double)t->result[i], want, fabs(want), 16);
    }
    return good;
}

/* ---- y = a silu(b), halves of rows, and its gradient (form 1) ---- */
static bool glu_prepare(bench_run *run, traffic *t) {
    const int64_t half[2] = {t->of->shape[0], t->of->shape[1] / 2};
    bool good = traffic_input(run, t, 2, t->of->shape, 4);
    if (t->of->form == 1) {
        return good && traffic_input(run, t, 2, half, 1) && traffic_output(run, t, 2, t->of->shape);
    }
    return good && traffic_output(run, t, 2, half);
}

static cleat_status glu_call(traffic *t) {
    return t->of->form == 1
               ? cleat_glu_backward(
                     t->context, CLEAT_SILU, t->tensors[0], 1, t->tensors[1], t->tensors[2], NULL)
               : cleat_glu(t->context, CLEAT_SILU, t->tensors[0], 1, t->tensors[1], NULL);
}

static bool glu_check(bench_run *run, const traffic *t) {
    const int64_t half = t->of->shape[1] / 2;
    const bool gradient = t->of->form == 1;
    bool good = true;
    for (int64_t probe = 0; probe < TRAFFIC_PROBES && good; probe++) {
        int64_t i = bench_probe(probe, t->of->shape[0] * half);
        int64_t row = i / half, column = i % half;
        const float *x = t->host[0] + row * 2 * half + column;
        double b = (double)x[half], gate = b / (1 + exp(-b));
        double want = gradient ? (double)t->host[1][i] * gate : (double)x[0] * gate;
        double got = (double)t->result[gradient ? row * 2 * half + column : i];
        good = bench_near(run, "cleat", got, want, 1, 64);
    }
    return good;
}

static const traffic_family unary = {unary_prepare, unary_call, unary_check};
static const traffic_family glu = {glu_prepare, glu_call, glu_check};
static const traffic_family value = {value_prepare, value_call, value_check};
static const traffic_family gradient = {gradient_prepare, gradient_call, gradient_check};

#define SQUARE                                                                                     \
    { 4096, 4096 }
const traffic_case traffic_activations[TRAFFIC_ACTIVATIONS] = {
    {"relu", &value, CLEAT_RELU, 0, SQUARE},
    {"leaky relu", &value, CLEAT_LEAKY_RELU, 0, SQUARE},
    {"sigmoid", &value, CLEAT_SIGMOID, 0, SQUARE},
    {"tanh", &value, CLEAT_TANH, 0, SQUARE},
    {"gelu", &value, CLEAT_GELU, 0, SQUARE},
    {"gelu_tanh", &value, CLEAT_GELU_TANH, 0, SQUARE},
    {"silu", &value, CLEAT_SILU, 0, SQUARE},
    {"elu", &value, CLEAT_ELU, 0, SQUARE},
    {"softplus", &value, CLEAT_SOFTPLUS, 0, SQUARE},
    {"softsign", &value, CLEAT_SOFTSIGN, 0, SQUARE},
    {"mish", &value, CLEAT_MISH, 0, SQUARE},
    {"hard_swish", &value, CLEAT_HARD_SWISH, 0, SQUARE},
    {"exp", &unary, CLEAT_EXP, 0, SQUARE},
    {"erf", &unary, CLEAT_ERF, 0, SQUARE},
    {"sin", &unary, CLEAT_SIN, 0, SQUARE},
    {"round", &unary, CLEAT_ROUND, 0, SQUARE},
    {"reciprocal", &unary, CLEAT_RECIPROCAL, 0, SQUARE},
    {"swiglu", &glu, 0, 0, SQUARE},
    {"swiglu gradient", &glu, 0, 1, SQUARE},
    {"mish gradient", &gradient, CLEAT_MISH, 1, SQUARE},
    {"relu gradient", &gradient, CLEAT_RELU, 1, SQUARE},
    {"leaky relu gradient", &gradient, CLEAT_LEAKY_RELU, 1, SQUARE},
    {"sigmoid gradient", &gradient, CLEAT_SIGMOID, 1, SQUARE},
    {"sigmoid gradient from output", &gradient, CLEAT_SIGMOID, 2, SQUARE},
    {"tanh gradient", &gradient, CLEAT_TANH, 1, SQUARE},
    {"gelu gradient", &gradient, CLEAT_GELU, 1, SQUARE},
    {"gelu_tanh gradient", &gradient, CLEAT_GELU_TANH, 1, SQUARE},
    {"silu gradient", &gradient, CLEAT_SILU, 1, SQUARE},
};
