/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling through cl/pool_window*.cl: places of the largest, three axes, L-2, adaptive windows. */
#include "bandwidth.h"

#include <math.h>

enum { PLACES, CUBES, NORM, ADAPTIVE, ADAPTIVE_GRADIENT };

/* The options; form: extent of y where it is adaptive. */
static cleat_pool_options options_of(const traffic *t) {
    switch (t->of->choice) {
    case PLACES:
        return (cleat_pool_options){
            .window = {3, 3}, .stride = {2, 2}, .padding = {1, 1, 1, 1}, .indices = &t->tensors[2]};
    case CUBES:
        return (cleat_pool_options){.window = {2, 2, 2}};
    case NORM:
        return (cleat_pool_options){.window = {2, 2}};
    default:
        return (cleat_pool_options){.adaptive = true};
    }
}

/* Places, norm: [n, c, h, w]; cubes: [1, c, d, h, w]. */
static bool window_prepare(bench_run *run, traffic *t) {
    const int64_t *s = t->of->shape, out = t->of->form;
    const int64_t cubes[] = {1, s[0], s[1], s[2], s[3]}, adaptive[] = {s[0], s[1], out, out};
    const int64_t half[] = {1, s[0], s[1] / 2, s[2] / 2, s[3] / 2};
    const int64_t quarter[] = {s[0], s[1], s[2] / 2, s[3] / 2};
    switch (t->of->choice) {
    case PLACES:
        if (!traffic_input(run, t, 4, s, 1) || !traffic_output(run, t, 4, quarter)) {
            return false;
        }
        t->written += 8.0 * (double)cleat_tensor_count(t->from);
        return bench_call(run,
            cleat_tensor_create(run->context, CLEAT_I64, 4, quarter, &t->tensors[t->count++]),
            "cleat_tensor_create");
    case CUBES:
        return traffic_input(run, t, 5, cubes, 1) && traffic_output(run, t, 5, half);
    case NORM:
        return traffic_input(run, t, 4, s, 1) && traffic_output(run, t, 4, quarter);
    case ADAPTIVE:
        return traffic_input(run, t, 4, s, 1) && traffic_output(run, t, 4, adaptive);
    default:
        return traffic_input(run, t, 4, adaptive, 1) && traffic_output(run, t, 4, s);
    }
}

static cleat_status window_call(traffic *t) {
    const cleat_pool_options options = options_of(t);
    const cleat_tensor *x = t->tensors;
    switch (t->of->choice) {
    case NORM:
        return cleat_lp_pool(t->context, x[0], x[1], &options);
    case ADAPTIVE:
        return cleat_average_pool(t->context, x[0], x[1], &options);
    case ADAPTIVE_GRADIENT:
        return cleat_average_pool_backward(t->context, x[0], x[1], &options);
    default:
        return cleat_max_pool(t->context, x[0], x[1], &options);
    }
}

/* First element and one past the last of a window along an axis. */
static void window_of(const traffic *t, int64_t o, int64_t extent, int64_t *first, int64_t *end) {
    const int64_t out = t->of->form;
    if (t->of->choice >= ADAPTIVE) {
        *first = o * extent / out;
        *end = ((o + 1) * extent + out - 1) / out;
    } else {
        *first = t->of->choice != PLACES || o == 0 ? 2 * o : 2 * o - 1;
        *end = 2 * o + 2;
    }
}

/* Element (plane, d, o, p) of y: of the rows of slices d0 .. d1 - 1 of x. */
static double pooled(const traffic *t, const float *plane, int64_t d, int64_t o, int64_t p) {
    const int64_t height = t->of->shape[2], width = t->of->shape[3];
    int64_t h0, h1, w0, w1;
    double sum = 0, most = -HUGE_VAL;
    window_of(t, o, height, &h0, &h1);
    window_of(t, p, width, &w0, &w1);
    for (int64_t slice = d; slice < d + (t->of->choice == CUBES ? 2 : 1); slice++) {
        for (int64_t i = h0 * width; i < h1 * width; i++) {
            if (i % width >= w0 && i % width < w1) {
                const double value = (double)plane[slice * height * width + i];
                sum += t->of->choice == NORM ? value * value : value;
                most = value > most ? value : most;
            }
        }
    }
    if (t->of->choice == NORM) {
        return sqrt(sum);
    }
    return t->of->choice == ADAPTIVE ? sum / (double)((h1 - h0) * (w1 - w0)) : most;
}

static double gradient_at(const traffic *t, const float *dy, int64_t h, int64_t w) {
    const int64_t out = t->of->form;
    double sum = 0;
    for (int64_t i = 0; i < out * out; i++) {
        int64_t h0, h1, w0, w1;
        window_of(t, i / out, t->of->shape[2], &h0, &h1);
        window_of(t, i % out, t->of->shape[3], &w0, &w1);
        if (h >= h0 && h < h1 && w >= w0 && w < w1) {
            sum += (double)dy[i] / (double)((h1 - h0) * (w1 - w0));
        }
    }
    return sum;
}

static bool window_check(bench_run *run, const traffic *t) {
    const int64_t height = t->of->shape[2], width = t->of->shape[3], out = t->of->form;
    const int64_t *y = t->tensors[t->of->choice == ADAPTIVE_GRADIENT ? 0 : 1].shape;
    bool good = true;
    for (int64_t probe = 0; probe < TRAFFIC_PROBES && good; probe++) {
        const int64_t i = bench_probe(probe, cleat_tensor_count(t->from));
        double want;
        if (t->of->choice == ADAPTIVE_GRADIENT) {
            const int64_t plane = i / (height * width);
            want = gradient_at(t, t->host[0] + plane * out * out, i / width % height, i % width);
        } else if (t->of->choice == CUBES) {
            const int64_t planes = i / (y[3] * y[4]);
            want = pooled(t, t->host[0] + planes / y[2] * t->of->shape[1] * height * width,
                planes % y[2] * 2, i / y[4] % y[3], i % y[4]);
        } else {
            want = pooled(
                t, t->host[0] + i / (y[2] * y[3]) * height * width, 0, i / y[3] % y[2], i % y[3]);
        }
        good = bench_near(
            run, "cleat", (double)t->result[i], want, t->of->choice >= NORM ? 1 : 0, 100);
    }
    return good;
}

static const traffic_family windows = {window_prepare, window_call, window_check};

#define IMAGES                                                                                     \
    { 64, 64, 64, 64 }
#define ODD_IMAGES                                                                                 \
    { 71, 64, 61, 60 }
const traffic_case traffic_windows[TRAFFIC_WINDOWS] = {
    {"max pool 3x3 s2 p1 with places", &windows, PLACES, 0, IMAGES},
    {"max pool 2x2x2 s2", &windows, CUBES, 0, {256, 16, 64, 64}},
    {"l2 pool 2x2 s2", &windows, NORM, 0, IMAGES},
    {"average pool adaptive to 7x7", &windows, ADAPTIVE, 7, ODD_IMAGES},
    {"average pool gradient adaptive to 7x7", &windows, ADAPTIVE_GRADIENT, 7, ODD_IMAGES},
};
