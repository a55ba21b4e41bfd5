/* SPDX-License-Identifier: Apache-2.0 */
/* Normalisations, their gradients, and dropout, of [outer][channels][inner]. Statistics of channels
 * over all samples do not stay in a cache: that second reading is counted. */
#include "bandwidth.h"
#include "peer_bound.h"

#include <math.h>

/* choice: which; form: forward or gradient */
enum { LAYER, RMS, BATCH, DROPOUT };
enum { FORWARD, GRADIENT };

/* x, scale, mean and inverse of some length, dy for gradients; then the result. */
enum { X, SCALE, MEAN, INVERSE, DY };

/* The peer "peak", on processors. */
static bool add_bound(bench_run *run, traffic *t, bound_kind kind) {
    if (run->device.type != CLEAT_DEVICE_CPU || !bench_has_peer(run, "peak")) {
        return true;
    }
    t->bound = bound_peer_create(run, kind, (double)cleat_tensor_count(t->from));
    return t->bound != NULL;
}

static bool norm_prepare(bench_run *run, traffic *t) {
    const int64_t *shape = t->of->shape;
    const bool batch = t->of->choice == BATCH;
    const int64_t scales = batch ? shape[1] : shape[2];
    const int64_t groups[] = {batch ? shape[1] : shape[0], 1};
    const int32_t group_rank = batch ? 1 : 2;
    const bool gradient = t->of->form == GRADIENT;
    bool good = traffic_input(run, t, 3, shape, 1);
    if (t->of->choice == DROPOUT) {
        return good && traffic_output(run, t, 3, shape) && add_bound(run, t, BOUND_UNIFORM);
    }
    const double read = t->read;
    good = good && traffic_input(run, t, 1, &scales, 1) &&
           traffic_input(run, t, group_rank, groups, 0) &&
           traffic_input(run, t, group_rank, groups, 0) &&
           bench_call(run, cleat_fill(run->context, 1, t->tensors[INVERSE]), "fill");
    if (good && gradient) {
        good = traffic_input(run, t, 3, shape, 1);
    }
    t->read += batch ? read * (gradient ? 2 : 1) : 0;
    if (gradient) { /* in place: dx over dy */
        t->written = read;
        t->from = &t->tensors[DY];
        return good;
    }
    return good && traffic_output(run, t, 3, shape);
}

static cleat_status norm_call(traffic *t) {
    const cleat_tensor *a = t->tensors;
    cleat_tensor y = a[t->count - 1];
    if (t->of->choice == DROPOUT) {
        return cleat_dropout(t->context, 1, 2, 0.5F, a[X], y);
    }
    if (t->of->choice == BATCH) {
        const cleat_batch_norm_options options = {.scale = &a[SCALE]};
        return t->of->form == FORWARD ? cleat_batch_norm_training(t->context, a[X], y, &options)
                                      : cleat_batch_norm_backward(t->context, a[X], &a[SCALE],
                                            a[MEAN], a[INVERSE], a[DY], &y, NULL, NULL);
    }
    const cleat_normalization_options options = {.scale = &a[SCALE]};
    if (t->of->form == FORWARD) {
        return (t->of->choice == LAYER ? cleat_layer_norm : cleat_rms_norm)(
            t->context, a[X], 2, y, &options);
    }
    return t->of->choice == LAYER ? cleat_layer_norm_backward(t->context, a[X], &a[SCALE], a[MEAN],
                                        a[INVERSE], a[DY], 2, &y, NULL, NULL)
                                  : cleat_rms_norm_backward(t->context, a[X], &a[SCALE], a[INVERSE],
                                        a[DY], 2, &y, NULL, NULL);
}

/* Element k of the group of element i. */
static int64_t member(const traffic *t, int64_t i, int64_t k) {
    const int64_t *shape = t->of->shape;
    if (t->of->choice != BATCH) {
        return i / shape[2] * shape[2] + k;
    }
    return (k / shape[2] * shape[1] + i / shape[2] % shape[1]) * shape[2] + k % shape[2];
}

/* Gradients with a mean of 0 and an inverse of 1. */
static double norm_wanted(const traffic *t, int64_t i) {
    const int64_t *shape = t->of->shape;
    const bool batch = t->of->choice == BATCH, centered = t->of->choice != RMS;
    const int64_t size = batch ? shape[0] * shape[2] : shape[2];
    double sum = 0, product = 0, squares = 0;
    for (int64_t k = 0; k < size; k++) {
        int64_t at = member(t, i, k);
        double x = (double)t->host[X][at];
        double scale = (double)t->host[SCALE][batch ? at / shape[2] % shape[1] : at % shape[2]];
        double g = t->of->form == GRADIENT ? (double)t->host[DY][at] * scale : x;
        sum += centered ? g : 0;
        product += g * x;
        squares += x * x;
    }
    double n = (double)size, x = (double)t->host[X][i];
    double scale = (double)t->host[SCALE][batch ? i / shape[2] % shape[1] : i % shape[2]];
    if (t->of->form == GRADIENT) {
        return (double)t->host[DY][i] * scale - sum / n - x * product / n;
    }
    double mean = sum / n;
    return (x - mean) / sqrt(squares / n - mean * mean + 1e-5) * scale;
}

static bool norm_check(bench_run *run, const traffic *t) {
    bool good = true;
    for (int64_t probe = 0; probe < TRAFFIC_PROBES / 8 && good; probe++) {
        int64_t i = bench_probe(probe, cleat_tensor_count(t->from));
        double want, size = 8;
        if (t->of->choice == DROPOUT) {
            double kept = (double)t->host[X][i] * 2;
            want = t->result[i] == 0 ? 0 : kept;
        } else {
            want = norm_wanted(t, i);
        }
        good = bench_near(run, "cleat", (double)t->result[i], want, size, 1024);
    }
    return good;
}

/* ---- Local response normalisation: windows of five channels, alpha 1/2, the rest by default ----
 */

enum { WINDOW = 5 };
static const cleat_local_response_norm_options local_options = {.alpha = 0.5F};

static bool local_prepare(bench_run *run, traffic *t) {
    bool good = traffic_input(run, t, 3, t->of->shape, 1);
    if (t->of->form == GRADIENT) {
        good = good && traffic_input(run, t, 3, t->of->shape, 1);
    }
    return good && traffic_output(run, t, 3, t->of->shape) &&
           add_bound(run, t, t->of->form == FORWARD ? BOUND_LOCAL_NORM : BOUND_LOCAL_NORM_GRADIENT);
}

static cleat_status local_call(traffic *t) {
    const cleat_tensor *a = t->tensors;
    return t->of->form == FORWARD
               ? cleat_local_response_norm(t->context, a[0], WINDOW, a[1], &local_options)
               : cleat_local_response_norm_backward(
                     t->context, a[0], WINDOW, a[1], a[2], &local_options);
}

/* 1 + alpha / size * the sum of squares of the window around element i. */
static double local_scale(const traffic *t, int64_t i) {
    const int64_t channels = t->of->shape[1], step = t->of->shape[2];
    double sum = 0;
    for (int64_t off = -(WINDOW / 2); off <= WINDOW / 2; off++) {
        const int64_t c = i / step % channels + off;
        const double x = c < 0 || c >= channels ? 0 : (double)t->host[0][i + off * step];
        sum += x * x;
    }
    return 1 + 0.5 / WINDOW * sum;
}

static bool local_check(bench_run *run, const traffic *t) {
    const int64_t channels = t->of->shape[1], step = t->of->shape[2];
    bool good = true;
    for (int64_t probe = 0; probe < TRAFFIC_PROBES && good; probe++) {
        int64_t i = bench_probe(probe, cleat_tensor_count(t->from));
        const double x = (double)t->host[0][i];
        double want =
            (t->of->form == FORWARD ? x : (double)t->host[1][i]) / pow(local_scale(t, i), 0.75);
        for (int64_t off = -(WINDOW / 2); t->of->form == GRADIENT && off <= WINDOW / 2; off++) {
            const int64_t c = i / step % channels + off, at = i + off * step;
            if (c >= 0 && c < channels) {
                want -= 0.75 / WINDOW * x * (double)t->host[1][at] * (double)t->host[0][at] /
                        pow(local_scale(t, at), 1.75);
            }
        }
        good = bench_near(run, "cleat", (double)t->result[i], want, 2, 16);
    }
    return good;
}

static const traffic_family local = {local_prepare, local_call, local_check};
static const traffic_family norm = {norm_prepare, norm_call, norm_check};

#define ROWS                                                                                       \
    { 16384, 1, 1024 }
#define PLANES                                                                                     \
    { 64, 64, 4096 }
const traffic_case traffic_normalization[TRAFFIC_NORMALIZATION] = {
    {"layer norm rows of 1024", &norm, LAYER, FORWARD, ROWS},
    {"layer norm gradient rows of 1024", &norm, LAYER, GRADIENT, ROWS},
    {"rms norm rows of 1024", &norm, RMS, FORWARD, ROWS},
    {"rms norm gradient rows of 1024", &norm, RMS, GRADIENT, ROWS},
    {"batch norm training", &norm, BATCH, FORWARD, PLANES},
    {"batch norm gradient", &norm, BATCH, GRADIENT, PLANES},
    {"dropout", &norm, DROPOUT, FORWARD, ROWS},
    {"local response norm", &local, 0, FORWARD, PLANES},
    {"local response norm gradient", &local, 0, GRADIENT, PLANES},
};
