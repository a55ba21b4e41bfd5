/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic with broadcasting, bias, copies of turned tensors, fill, random numbers, optimisers.
 */
#include "bandwidth.h"
#include "peer_bound.h"

#include <math.h>

/* ---- y = a op b; choice: cleat_binary, form: what b is ---- */
typedef enum operand { SAME, ROW, COLUMN, SCALAR, TURNED } operand;

static bool binary_prepare(bench_run *run, traffic *t) {
    const int64_t *shape = t->of->shape;
    int64_t other[2] = {shape[0], shape[1]};
    if (t->of->form == ROW || t->of->form == SCALAR) {
        other[0] = 1;
    }
    if (t->of->form == COLUMN || t->of->form == SCALAR) {
        other[1] = 1;
    }
    bool good = traffic_input(run, t, 2, shape, 1) && traffic_input(run, t, 2, other, 1) &&
                traffic_output(run, t, 2, shape);
    t->view = t->of->form == TURNED ? cleat_transpose(t->tensors[1]) : t->tensors[1];
    return good;
}

static cleat_status binary_call(traffic *t) {
    static cleat_status (*const calls[])(cleat_context *, cleat_tensor, cleat_tensor,
        cleat_tensor) = {cleat_add, cleat_sub, cleat_mul, cleat_div};
    return calls[t->of->choice](t->context, t->tensors[0], t->view, t->tensors[2]);
}

static bool binary_check(bench_run *run, const traffic *t) {
    bool good = true;
    for (int64_t probe = 0; probe < TRAFFIC_PROBES && good; probe++) {
        int64_t i = bench_probe(probe, cleat_tensor_count(t->from));
        int64_t row = i / t->of->shape[1], column = i % t->of->shape[1];
        const int64_t places[] = {i, column, row, 0, column * t->of->shape[1] + row};
        double a = (double)t->host[0][i], b = (double)t->host[1][places[t->of->form]];
        const double wanted[] = {a + b, a - b, a * b, a / b};
        double want = wanted[t->of->choice];
        good = bench_near(run, "cleat", (double)t->result[i], want, fabs(want), 1);
    }
    return good;
}

/* ---- y = x + bias; choice: the axis ---- */
static bool bias_prepare(bench_run *run, traffic *t) {
    const int64_t *shape = t->of->shape;
    return traffic_input(run, t, 4, shape, 1) &&
           traffic_input(run, t, 1, &shape[t->of->choice], 1) && traffic_output(run, t, 4, shape);
}

static cleat_status bias_call(traffic *t) {
    return cleat_bias_add(t->context, t->tensors[0], t->tensors[1], t->of->choice, t->tensors[2]);
}

static bool bias_check(bench_run *run, const traffic *t) {
    bool good = true;
    int64_t inner = 1;
    for (int axis = 3; axis > t->of->choice; axis--) {
        inner *= t->of->shape[axis];
    }
    for (int64_t probe = 0; probe < TRAFFIC_PROBES && good; probe++) {
        int64_t i = bench_probe(probe, cleat_tensor_count(t->from));
        double bias = (double)t->host[1][i / inner % t->of->shape[t->of->choice]];
        double want = (double)t->host[0][i] + bias;
        good = bench_near(run, "cleat", (double)t->result[i], want, fabs(want), 1);
    }
    return good;
}

/* ---- y = permuted x; form: its axes as decimal digits, shape: y's ---- */
static void axes_of(const traffic *t, int32_t axes[4]) {
    for (int i = 3, digits = t->of->form; i >= 0; i--, digits /= 10) {
        axes[i] = digits % 10;
    }
}

static bool copy_prepare(bench_run *run, traffic *t) {
    int32_t axes[4];
    int64_t stored[4];
    axes_of(t, axes);
    for (int i = 0; i < 4; i++) {
        stored[axes[i]] = t->of->shape[i];
    }
    return traffic_input(run, t, 4, stored, 1) && traffic_output(run, t, 4, t->of->shape) &&
           bench_call(run, cleat_permute(t->tensors[0], axes, &t->view), "permute");
}

static cleat_status copy_call(traffic *t) {
    return cleat_copy(t->context, t->view, t->tensors[1]);
}

static bool copy_check(bench_run *run, const traffic *t) {
    bool good = true;
    for (int64_t probe = 0; probe < TRAFFIC_PROBES && good; probe++) {
        int64_t i = bench_probe(probe, cleat_tensor_count(t->from)), rest = i, place = 0;
        for (int axis = 3; axis >= 0; axis--) {
            place += rest % t->of->shape[axis] * t->view.stride[axis];
            rest /= t->of->shape[axis];
        }
        double want = (double)t->host[0][place];
        good = bench_near(run, "cleat", (double)t->result[i], want, 0, 1);
    }
    return good;
}

/* ---- Results only ---- */
enum { FILL, UNIFORM, NORMAL };

static bool made_prepare(bench_run *run, traffic *t) {
    if (!traffic_output(run, t, 2, t->of->shape)) {
        return false;
    }
    if (t->of->choice == FILL || run->device.type != CLEAT_DEVICE_CPU ||
        !bench_has_peer(run, "peak")) {
        return true;
    }
    t->bound = bound_peer_create(run, t->of->choice == NORMAL ? BOUND_NORMAL : BOUND_UNIFORM,
        (double)cleat_tensor_count(t->from));
    return t->bound != NULL;
}

static cleat_status made_call(traffic *t) {
    if (t->of->choice == FILL) {
        return cleat_fill(t->context, 0.5, t->tensors[0]);
    }
    return t->of->choice == UNIFORM ? cleat_random_uniform(t->context, 1, 2, -1, 1, t->tensors[0])
                                    : cleat_random_normal(t->context, 1, 2, 0, 1, t->tensors[0]);
}

/* Mean and mean square, to five of their standard deviations. */
static bool made_check(bench_run *run, const traffic *t) {
    int64_t count = cleat_tensor_count(t->from);
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < count; i++) {
        sum += (double)t->result[i];
        squares += (double)t->result[i] * (double)t->result[i];
    }
    const double mean[] = {0.5, 0, 0}, square[] = {0.25, 1.0 / 3, 1};
    double mean_off = fabs(sum / (double)count - mean[t->of->choice]);
    double square_off = fabs(squares / (double)count - square[t->of->choice]);
    double allowed = t->of->choice == FILL ? 0 : 5 * sqrt(2 / (double)count);
    return (mean_off <= allowed && square_off <= allowed) ||
           bench_fail(
               run, "cleat is off by %g in the mean, %g in the square", mean_off, square_off);
}

/* ---- Optimiser steps, in place; choice: the tensors an element has ---- */
enum { SGD = 2, MOMENTUM = 3, ADAM = 4 };
/* form, where it is another rule of as many tensors */
enum { PLAIN, ADAMW, RMSPROP, ADAGRAD, LION };

static bool step_prepare(bench_run *run, traffic *t) {
    bool good = true;
    for (int i = 0; i < t->of->choice && good; i++) {
        good = traffic_input(run, t, 2, t->of->shape, 1);
    }
    const int last = t->of->choice - 1;
    if (good && (t->of->choice == ADAM || t->of->form != PLAIN)) { /* a square is not negative */
        int64_t count = cleat_tensor_count(&t->tensors[last]);
        for (int64_t i = 0; i < count; i++) {
            t->host[last][i] = fabsf(t->host[last][i]);
        }
        good = bench_call(run,
            cleat_write(
                run->context, t->tensors[last], t->host[last], (size_t)count * sizeof(float)),
            "write");
    }
    t->written = t->read / t->of->choice * (t->of->choice - 1);
    t->from = &t->tensors[0];
    return good;
}

static cleat_status step_call(traffic *t) {
    const float rate = 0x1p-10F;
    const cleat_tensor *a = t->tensors;
    switch (t->of->form) {
    case RMSPROP:
        return cleat_rmsprop_step(t->context, a[0], a[1], a[2], NULL, NULL, rate, NULL);
    case ADAGRAD:
        return cleat_adagrad_step(t->context, a[0], a[1], a[2], 1, rate, NULL);
    case LION:
        return cleat_lion_step(t->context, a[0], a[1], a[2], rate, NULL);
    default:
        break;
    }
    if (t->of->choice == ADAM) {
        return (t->of->form == ADAMW ? cleat_adamw_step : cleat_adam_step)(
            t->context, a[0], a[1], a[2], a[3], 10, rate, NULL);
    }
    cleat_sgd_options options = {.momentum = t->of->choice == MOMENTUM ? 0.9F : 0};
    return cleat_sgd_step(t->context, t->tensors[0], t->tensors[1],
        t->of->choice == MOMENTUM ? &t->tensors[2] : NULL, rate, &options);
}

static bool step_check(bench_run *run, const traffic *t) {
    const double rate = 0x1p-10;
    bool good = true;
    for (int64_t probe = 0; probe < TRAFFIC_PROBES && good; probe++) {
        int64_t i = bench_probe(probe, cleat_tensor_count(t->from));
        double g = (double)t->host[1][i], step = rate * g;
        if (t->of->form > ADAMW) {
            double state = (double)t->host[2][i], c = 0.9 * state + 0.1 * g;
            step = t->of->form == LION      ? rate * ((c > 0) - (c < 0))
                   : t->of->form == RMSPROP ? rate * g / (sqrt(0.99 * state + 0.01 * g * g) + 1e-8)
                                            : rate * g / (sqrt(state + g * g) + 1e-10);
        } else if (t->of->choice == MOMENTUM) {
            step = rate * (0.9 * (double)t->host[2][i] + g);
        } else if (t->of->choice == ADAM) {
            double m = 0.9 * (double)t->host[2][i] + 0.1 * g;
            double v = 0.999 * (double)t->host[3][i] + 0.001 * g * g;
            step = rate * (m / (1 - pow(0.9, 10))) / (sqrt(v / (1 - pow(0.999, 10))) + 1e-8);
        }
        double want = (double)t->host[0][i] - step;
        good = bench_near(run, "cleat", (double)t->result[i], want, 1, 4);
    }
    return good;
}

static const traffic_family binary = {binary_prepare, binary_call, binary_check};
static const traffic_family bias = {bias_prepare, bias_call, bias_check};
static const traffic_family copy = {copy_prepare, copy_call, copy_check};
static const traffic_family made = {made_prepare, made_call, made_check};
static const traffic_family step = {step_prepare, step_call, step_check};

#define SQUARE                                                                                     \
    { 4096, 4096 }
const traffic_case traffic_elementwise[TRAFFIC_ELEMENTWISE] = {
    {"add", &binary, CLEAT_ADD, SAME, SQUARE},
    {"sub", &binary, CLEAT_SUB, SAME, SQUARE},
    {"mul", &binary, CLEAT_MUL, SAME, SQUARE},
    {"div", &binary, CLEAT_DIV, SAME, SQUARE},
    {"add row", &binary, CLEAT_ADD, ROW, SQUARE},
    {"add column", &binary, CLEAT_ADD, COLUMN, SQUARE},
    {"add scalar", &binary, CLEAT_ADD, SCALAR, SQUARE},
    {"add transposed", &binary, CLEAT_ADD, TURNED, SQUARE},
    {"mul row", &binary, CLEAT_MUL, ROW, SQUARE},
    {"mul column", &binary, CLEAT_MUL, COLUMN, SQUARE},
    {"mul transposed", &binary, CLEAT_MUL, TURNED, SQUARE},
    {"div scalar", &binary, CLEAT_DIV, SCALAR, SQUARE},
    {"add transposed 4100x4100", &binary, CLEAT_ADD, TURNED, {4100, 4100}},
    {"bias of channels", &bias, 1, 0, {64, 64, 64, 64}},
    {"bias of columns", &bias, 3, 0, {64, 64, 64, 64}},
    {"copy transposed", &copy, 0, 213, {1, 4096, 4096, 1}},
    {"copy NHWC to NCHW", &copy, 0, 312, {64, 64, 64, 64}},
    {"copy NCHW to NHWC", &copy, 0, 231, {64, 64, 64, 64}},
    {"copy middle axes swapped", &copy, 0, 213, {64, 64, 64, 64}},
    {"fill", &made, FILL, 0, SQUARE},
    {"random uniform", &made, UNIFORM, 0, SQUARE},
    {"random normal", &made, NORMAL, 0, SQUARE},
    {"sgd", &step, SGD, 0, SQUARE},
    {"momentum", &step, MOMENTUM, 0, SQUARE},
    {"adam", &step, ADAM, 0, SQUARE},
    {"adamw", &step, ADAM, ADAMW, SQUARE},
    {"rmsprop", &step, MOMENTUM, RMSPROP, SQUARE},
    {"adagrad", &step, MOMENTUM, ADAGRAD, SQUARE},
    {"lion", &step, MOMENTUM, LION, SQUARE},
};
