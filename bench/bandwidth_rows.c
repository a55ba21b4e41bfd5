/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax, reductions and cross-entropy; the softmax inputs in [-4, 4). */
#include "bandwidth.h"
#include "peer_bound.h"

#include <math.h>
#include <stdlib.h>

/* A vector in an array: `count` values `step` apart. */
typedef struct line {
    const float *at;
    int64_t step, count;
} line;

/* Element i of [outer][count][inner], and the line along the middle through it. */
static line line_of(const float *data, int64_t i, int64_t count, int64_t inner) {
    int64_t outer = i / (count * inner), column = i % inner;
    return (line){data + outer * count * inner + column, inner, count};
}

/* log(sum(exp)); all values are small. */
static double log_sum(line x) {
    double sum = 0;
    for (int64_t i = 0; i < x.count; i++) {
        sum += exp((double)x.at[i * x.step]);
    }
    return log(sum);
}

/* The peer "peak", on processors, for as many elements as the first input has. */
static bool add_bound(bench_run *run, traffic *t, bound_kind kind) {
    if (run->device.type != CLEAT_DEVICE_CPU || !bench_has_peer(run, "peak")) {
        return true;
    }
    t->bound = bound_peer_create(run, kind, (double)cleat_tensor_count(&t->tensors[0]));
    return t->bound != NULL;
}

/* ---- Softmax over the middle of shape [outer][count][inner]; choice: 1 logarithms ---- */
enum { VALUE, GRADIENT };

static bool softmax_prepare(bench_run *run, traffic *t) {
    if (!traffic_input(run, t, 3, t->of->shape, 4)) {
        return false;
    }
    return (t->of->form == VALUE || traffic_input(run, t, 3, t->of->shape, 1)) &&
           traffic_output(run, t, 3, t->of->shape);
}

static cleat_status softmax_call(traffic *t) {
    const cleat_tensor *x = t->tensors;
    if (t->of->form == VALUE) {
        return (t->of->choice ? cleat_log_softmax : cleat_softmax)(t->context, x[0], 1, x[1]);
    }
    return (t->of->choice ? cleat_log_softmax_backward : cleat_softmax_backward)(
        t->context, x[0], x[1], 1, x[2]);
}

/* The gradients are formulas of y and dy, whatever y is. */
static double softmax_gradient(const traffic *t, int64_t i) {
    line y = line_of(t->host[0], i, t->of->shape[1], t->of->shape[2]);
    line dy = line_of(t->host[1], i, t->of->shape[1], t->of->shape[2]);
    double sum = 0;
    for (int64_t j = 0; j < y.count; j++) {
        double weight = t->of->choice ? 1 : (double)y.at[j * y.step];
        sum += weight * (double)dy.at[j * dy.step];
    }
    double own = (double)t->host[1][i], out = (double)t->host[0][i];
    return t->of->choice ? own - exp(out) * sum : out * (own - sum);
}

static bool softmax_check(bench_run *run, const traffic *t) {
    bool good = true;
    double scale = t->of->form == VALUE ? 1 : 64;
    for (int64_t probe = 0; probe < TRAFFIC_PROBES && good; probe++) {
        int64_t i = bench_probe(probe, cleat_tensor_count(t->from));
        double want = 0;
        if (t->of->form == GRADIENT) {
            want = softmax_gradient(t, i);
        } else {
            line x = line_of(t->host[0], i, t->of->shape[1], t->of->shape[2]);
            want = (double)t->host[0][i] - log_sum(x);
            want = t->of->choice ? want : exp(want);
        }
        good = bench_near(
            run, "cleat", (double)t->result[i], want, 4 * scale, (double)t->of->shape[1]);
    }
    return good;
}

/* ---- Reductions of [outer][count][inner] over the middle; choice: cleat_reduction_kind ---- */
static bool reduce_prepare(bench_run *run, traffic *t) {
    int64_t reduced[3] = {t->of->shape[0], 1, t->of->shape[2]};
    bool good = traffic_input(run, t, 3, t->of->shape, 1);
    if (good && t->of->choice == CLEAT_REDUCE_PRODUCT) { /* near 1: products are no denormals */
        const int64_t count = cleat_tensor_count(&t->tensors[0]);
        for (int64_t i = 0; i < count; i++) {
            t->host[0][i] = 1 + t->host[0][i] / 32;
        }
        good = bench_call(run,
            cleat_write(
                run->context, t->tensors[0], t->host[0], (size_t)count * sizeof *t->host[0]),
            "factors");
    }
    return good && traffic_output(run, t, 3, reduced) &&
           (t->of->choice != CLEAT_REDUCE_LOG_SUM_EXP || add_bound(run, t, BOUND_LOG_SUM));
}

static cleat_status reduce_call(traffic *t) {
    const int32_t axis = 1;
    return cleat_reduce(t->context, (cleat_reduction_kind)t->of->choice, t->tensors[0], 1, &axis,
        t->tensors[1], NULL);
}

/* Of one line, and how large what it is made of is. */
static double reduce_wanted(int kind, line x, double *magnitude) {
    double sum = 0, most = -INFINITY, least = INFINITY, squares = 0, product = 1,
           terms = (double)x.count;
    *magnitude = 0;
    for (int64_t j = 0; j < x.count; j++) {
        double value = (double)x.at[j * x.step];
        sum += value;
        *magnitude += fabs(value);
        squares += value * value;
        product *= value;
        most = fmax(most, value);
        least = fmin(least, value);
    }
    switch (kind) {
    case CLEAT_REDUCE_MAX:
    case CLEAT_REDUCE_MIN:
        *magnitude = 0;
        return kind == CLEAT_REDUCE_MAX ? most : least;
    case CLEAT_REDUCE_PRODUCT:
        *magnitude = fabs(product);
        return product;
    case CLEAT_REDUCE_L1:
        return *magnitude;
    case CLEAT_REDUCE_L2:
        *magnitude = sqrt(squares);
        return *magnitude;
    case CLEAT_REDUCE_LOG_SUM_EXP:
        *magnitude = 12;
        return log_sum(x);
    case CLEAT_REDUCE_VARIANCE:
        *magnitude = 2;
        return squares / terms - sum / terms * (sum / terms);
    default:
        *magnitude /= kind == CLEAT_REDUCE_MEAN ? terms : 1;
        return kind == CLEAT_REDUCE_MEAN ? sum / terms : sum;
    }
}

static bool reduce_check(bench_run *run, const traffic *t) {
    int64_t count = cleat_tensor_count(t->from), inner = t->of->shape[2], terms = t->of->shape[1];
    bool good = true;
    for (int64_t probe = 0; probe < (count == 1 ? 1 : TRAFFIC_PROBES) && good; probe++) {
        int64_t i = bench_probe(probe, count);
        line x = line_of(t->host[0], i / inner * terms * inner + i % inner, terms, inner);
        double magnitude;
        double want = reduce_wanted(t->of->choice, x, &magnitude);
        good = bench_near(run, "cleat", (double)t->result[i], want, magnitude, (double)terms);
    }
    return good;
}

/* ---- Cumulative sums of [outer][count][inner] over the middle; one long line is read twice ----
 */
static bool cumulative_prepare(bench_run *run, traffic *t) {
    bool good = traffic_input(run, t, 3, t->of->shape, 1);
    t->read *= t->of->shape[0] == 1 && t->of->shape[2] == 1 ? 2 : 1;
    return good && traffic_output(run, t, 3, t->of->shape);
}

static cleat_status cumulative_call(traffic *t) {
    return cleat_cumulative_sum(t->context, t->tensors[0], 1, t->tensors[1], NULL);
}

static bool cumulative_check(bench_run *run, const traffic *t) {
    bool good = true;
    for (int64_t probe = 0; probe < 8 && good; probe++) {
        int64_t i = bench_probe(probe, cleat_tensor_count(t->from)), inner = t->of->shape[2];
        line x = line_of(t->host[0], i, t->of->shape[1], inner);
        double sum = 0, magnitude = 0;
        for (int64_t j = 0; j <= i / inner % t->of->shape[1]; j++) {
            sum += (double)x.at[j * x.step];
            magnitude += fabs((double)x.at[j * x.step]);
        }
        good =
            bench_near(run, "cleat", (double)t->result[i], sum, magnitude, (double)t->of->shape[1]);
    }
    return good;
}

/* ---- Softmax cross-entropy of shape [samples][classes], its mean ---- */
enum { TEN = 10 }; /* classes for which there is a peak */

static bool entropy_prepare(bench_run *run, traffic *t) {
    const int64_t one = 1;
    const int64_t samples = t->of->shape[0], classes = t->of->shape[1];
    if (!traffic_input(run, t, 2, t->of->shape, 4)) {
        return false;
    }
    cleat_tensor *labels = &t->tensors[t->count];
    size_t bytes = (size_t)samples * sizeof(int32_t);
    int32_t *data = malloc(bytes);
    bool good = data != NULL &&
                bench_call(run, cleat_tensor_create(run->context, CLEAT_I32, 1, &samples, labels),
                    "labels");
    if (good) {
        t->count++;
        for (int64_t i = 0; i < samples; i++) {
            data[i] = (int32_t)(i * 7 % classes);
        }
        good = bench_call(run, cleat_write(run->context, *labels, data, bytes), "labels");
        t->read += (double)bytes;
    }
    free(data);
    if (!good || t->of->form == GRADIENT) {
        return good && traffic_output(run, t, 2, t->of->shape);
    }
    return traffic_output(run, t, 1, &one) &&
           (classes != TEN || add_bound(run, t, BOUND_CROSS_ENTROPY));
}

static cleat_status entropy_call(traffic *t) {
    const cleat_tensor *x = t->tensors;
    if (t->of->form == VALUE) {
        return cleat_softmax_cross_entropy(t->context, x[0], x[1], x[2], NULL);
    }
    return cleat_softmax_cross_entropy_backward(t->context, x[0], x[1], NULL, x[2], NULL);
}

static bool entropy_check(bench_run *run, const traffic *t) {
    int64_t samples = t->of->shape[0], classes = t->of->shape[1];
    bool good = true;
    double loss = 0;
    if (t->of->form == VALUE) {
        for (int64_t n = 0; n < samples; n++) {
            const float *row = t->host[0] + n * classes;
            loss += log_sum((line){row, 1, classes}) - (double)row[n * 7 % classes];
        }
        loss /= (double)samples;
        return bench_near(run, "cleat", (double)t->result[0], loss, 1, (double)samples);
    }
    for (int64_t probe = 0; probe < TRAFFIC_PROBES && good; probe++) {
        int64_t i = bench_probe(probe, cleat_tensor_count(t->from)), n = i / classes;
        line row = {t->host[0] + n * classes, 1, classes};
        double label = i % classes == n * 7 % classes ? 1 : 0;
        double want = (exp((double)t->host[0][i] - log_sum(row)) - label) / (double)samples;
        good = bench_near(
            run, "cleat", (double)t->result[i], want, 4.0 / (double)samples, (double)classes);
    }
    return good;
}

static const traffic_family softmax = {softmax_prepare, softmax_call, softmax_check};
static const traffic_family reduce = {reduce_prepare, reduce_call, reduce_check};
static const traffic_family cumulative = {cumulative_prepare, cumulative_call, cumulative_check};
static const traffic_family entropy = {entropy_prepare, entropy_call, entropy_check};

#define LONG_ROWS                                                                                  \
    { 16384, 1024, 1 }
#define ROWS_OF_64                                                                                 \
    { 262144, 64, 1 }
#define ROWS_OF_10                                                                                 \
    { 1677722, 10, 1 }
#define COLUMNS                                                                                    \
    { 1, 1024, 16384 }
#define MIDDLE                                                                                     \
    { 128, 1024, 128 }
#define ALL                                                                                        \
    { 1, 16777216, 1 }
const traffic_case traffic_rows[TRAFFIC_ROWS] = {
    {"softmax rows of 1024", &softmax, 0, VALUE, LONG_ROWS},
    {"softmax rows of 64", &softmax, 0, VALUE, ROWS_OF_64},
    {"softmax rows of 10", &softmax, 0, VALUE, ROWS_OF_10},
    {"softmax outer axis", &softmax, 0, VALUE, COLUMNS},
    {"log-softmax rows of 1024", &softmax, 1, VALUE, LONG_ROWS},
    {"log-softmax rows of 64", &softmax, 1, VALUE, ROWS_OF_64},
    {"log-softmax rows of 10", &softmax, 1, VALUE, ROWS_OF_10},
    {"log-softmax outer axis", &softmax, 1, VALUE, COLUMNS},
    {"softmax gradient rows of 1024", &softmax, 0, GRADIENT, LONG_ROWS},
    {"softmax gradient rows of 64", &softmax, 0, GRADIENT, ROWS_OF_64},
    {"softmax gradient rows of 10", &softmax, 0, GRADIENT, ROWS_OF_10},
    {"softmax gradient outer axis", &softmax, 0, GRADIENT, COLUMNS},
    {"log-softmax gradient rows of 1024", &softmax, 1, GRADIENT, LONG_ROWS},
    {"log-softmax gradient rows of 64", &softmax, 1, GRADIENT, ROWS_OF_64},
    {"log-softmax gradient rows of 10", &softmax, 1, GRADIENT, ROWS_OF_10},
    {"log-softmax gradient outer axis", &softmax, 1, GRADIENT, COLUMNS},
    {"sum all", &reduce, CLEAT_REDUCE_SUM, 0, ALL},
    {"sum rows", &reduce, CLEAT_REDUCE_SUM, 0, LONG_ROWS},
    {"sum columns", &reduce, CLEAT_REDUCE_SUM, 0, COLUMNS},
    {"sum middle axis", &reduce, CLEAT_REDUCE_SUM, 0, MIDDLE},
    {"mean all", &reduce, CLEAT_REDUCE_MEAN, 0, ALL},
    {"mean rows", &reduce, CLEAT_REDUCE_MEAN, 0, LONG_ROWS},
    {"mean columns", &reduce, CLEAT_REDUCE_MEAN, 0, COLUMNS},
    {"mean middle axis", &reduce, CLEAT_REDUCE_MEAN, 0, MIDDLE},
    {"max all", &reduce, CLEAT_REDUCE_MAX, 0, ALL},
    {"max rows", &reduce, CLEAT_REDUCE_MAX, 0, LONG_ROWS},
    {"max columns", &reduce, CLEAT_REDUCE_MAX, 0, COLUMNS},
    {"max middle axis", &reduce, CLEAT_REDUCE_MAX, 0, MIDDLE},
    {"min rows", &reduce, CLEAT_REDUCE_MIN, 0, LONG_ROWS},
    {"product rows", &reduce, CLEAT_REDUCE_PRODUCT, 0, LONG_ROWS},
    {"l1 rows", &reduce, CLEAT_REDUCE_L1, 0, LONG_ROWS},
    {"l2 all", &reduce, CLEAT_REDUCE_L2, 0, ALL},
    {"log-sum-exp rows", &reduce, CLEAT_REDUCE_LOG_SUM_EXP, 0, LONG_ROWS},
    {"variance all", &reduce, CLEAT_REDUCE_VARIANCE, 0, ALL},
    {"variance rows", &reduce, CLEAT_REDUCE_VARIANCE, 0, LONG_ROWS},
    {"variance columns", &reduce, CLEAT_REDUCE_VARIANCE, 0, COLUMNS},
    {"cumulative sum all", &cumulative, 0, 0, ALL},
    {"cumulative sum rows", &cumulative, 0, 0, LONG_ROWS},
    {"cumulative sum columns", &cumulative, 0, 0, COLUMNS},
    {"cross-entropy rows of 1024", &entropy, 0, VALUE, LONG_ROWS},
    {"cross-entropy rows of 10", &entropy, 0, VALUE, ROWS_OF_10},
    {"cross-entropy gradient rows of 1024", &entropy, 0, GRADIENT, LONG_ROWS},
    {"cross-entropy gradient rows of 10", &entropy, 0, GRADIENT, ROWS_OF_10},
};
