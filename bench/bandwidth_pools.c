/* SPDX-License-Identifier: Apache-2.0 */
/* Pooling: form: window, stride and padding as decimal digits, 0 for the global average. */
#include "bandwidth.h"

#include <math.h>

enum { MAX, AVERAGE, MAX_GRADIENT, AVERAGE_GRADIENT };

static cleat_pool2d_options options_of(const traffic *t) {
    int64_t digits = t->of->form;
    if (digits == 0) {
        return (cleat_pool2d_options){.window = {t->of->shape[2], t->of->shape[3]}};
    }
    int64_t window = digits / 100, stride = digits / 10 % 10, pad = digits % 10;
    return (cleat_pool2d_options){
        .window = {window, window}, .stride = {stride, stride}, .padding = {pad, pad, pad, pad}};
}

/* max: x -> y; average: x -> y; their gradients: x, dy -> dx; dy -> dx. */
static bool pool_prepare(bench_run *run, traffic *t) {
    cleat_pool2d_options options = options_of(t);
    const int64_t *x = t->of->shape;
    int64_t y[4];
    if (!bench_call(run, cleat_pool2d_shape(x, &options, y), "shape")) {
        return false;
    }
    if (t->of->choice == MAX || t->of->choice == AVERAGE) {
        return traffic_input(run, t, 4, x, 1) && traffic_output(run, t, 4, y);
    }
    return (t->of->choice == AVERAGE_GRADIENT || traffic_input(run, t, 4, x, 1)) &&
           traffic_input(run, t, 4, y, 1) && traffic_output(run, t, 4, x);
}

static cleat_status pool_call(traffic *t) {
    cleat_pool2d_options options = options_of(t);
    const cleat_tensor *x = t->tensors;
    switch (t->of->choice) {
    case MAX:
        return cleat_max_pool2d(t->context, x[0], x[1], &options);
    case AVERAGE:
        return cleat_average_pool2d(t->context, x[0], x[1], &options);
    case MAX_GRADIENT:
        return cleat_max_pool2d_backward(t->context, x[0], x[1], x[2], &options);
    default:
        return cleat_average_pool2d_backward(t->context, x[0], x[1], &options);
    }
}

/* The part of a window inside of x, in rows and columns. */
typedef struct window {
    int64_t top, bottom, left, right;
} window;

static window window_of(const traffic *t, int64_t row, int64_t column) {
    cleat_pool2d_options o = options_of(t);
    int64_t top = o.stride[0] * row - o.padding[0], left = o.stride[1] * column - o.padding[1];
    int64_t bottom = top + o.window[0], right = left + o.window[1];
    int64_t height = t->of->shape[2], width = t->of->shape[3];
    return (window){top > 0 ? top : 0, bottom < height ? bottom : height, left > 0 ? left : 0,
        right < width ? right : width};
}

/* Where in a plane of x the window's largest element is; its mean too. */
static int64_t largest(const traffic *t, const float *plane, window w, double *mean) {
    int64_t width = t->of->shape[3], place = w.top * width + w.left;
    double sum = 0;
    for (int64_t row = w.top; row < w.bottom; row++) {
        for (int64_t column = w.left; column < w.right; column++) {
            int64_t here = row * width + column;
            place = plane[here] > plane[place] ? here : place;
            sum += (double)plane[here];
        }
    }
    *mean = sum / (double)((w.bottom - w.top) * (w.right - w.left));
    return place;
}

static void y_extent(const traffic *t, int64_t *height, int64_t *width) {
    cleat_pool2d_options options = options_of(t);
    int64_t y[4] = {0, 0, 1, 1};
    cleat_pool2d_shape(t->of->shape, &options, y);
    *height = y[2];
    *width = y[3];
}

/* dx at `place` of a plane, summed over all windows of the plane. */
static double gradient_at(const traffic *t, int64_t plane, int64_t place) {
    int64_t height, width, area = t->of->shape[2] * t->of->shape[3];
    int64_t row = place / t->of->shape[3], column = place % t->of->shape[3];
    y_extent(t, &height, &width);
    const float *dy = t->host[t->of->choice == MAX_GRADIENT ? 1 : 0] + plane * height * width;
    double sum = 0;
    for (int64_t i = 0; i < height * width; i++) {
        window w = window_of(t, i / width, i % width);
        if (row < w.top || row >= w.bottom || column < w.left || column >= w.right) {
            continue;
        }
        double mean;
        if (t->of->choice == AVERAGE_GRADIENT) {
            sum += (double)dy[i] / (double)((w.bottom - w.top) * (w.right - w.left));
        } else if (largest(t, t->host[0] + plane * area, w, &mean) == place) {
            sum += (double)dy[i];
        }
    }
    return sum;
}

static double pooled_at(const traffic *t, int64_t i) {
    int64_t height, width, area = t->of->shape[2] * t->of->shape[3];
    y_extent(t, &height, &width);
    const float *plane = t->host[0] + i / (height * width) * area;
    double mean;
    int64_t place = largest(t, plane, window_of(t, i / width % height, i % width), &mean);
    return t->of->choice == MAX ? (double)plane[place] : mean;
}

static bool pool_check(bench_run *run, const traffic *t) {
    int64_t area = t->of->shape[2] * t->of->shape[3];
    bool forward = t->of->choice == MAX || t->of->choice == AVERAGE, good = true;
    for (int64_t probe = 0; probe < TRAFFIC_PROBES && good; probe++) {
        int64_t i = bench_probe(probe, cleat_tensor_count(t->from));
        double want = forward ? pooled_at(t, i) : gradient_at(t, i / area, i % area);
        good =
            bench_near(run, "cleat", (double)t->result[i], want, t->of->choice == MAX ? 0 : 9, 16);
    }
    return good;
}

static const traffic_family pool = {pool_prepare, pool_call, pool_check};

#define IMAGES                                                                                     \
    { 64, 64, 64, 64 }
#define SMALL_IMAGES                                                                               \
    { 167, 2048, 7, 7 }
const traffic_case traffic_pools[TRAFFIC_POOLS] = {
    {"max pool 2x2 s2", &pool, MAX, 220, IMAGES},
    {"max pool 3x3 s2 p1", &pool, MAX, 321, IMAGES},
    {"max pool 3x3 s1 p1", &pool, MAX, 311, IMAGES},
    {"max pool gradient 2x2 s2", &pool, MAX_GRADIENT, 220, IMAGES},
    {"max pool gradient 3x3 s2 p1", &pool, MAX_GRADIENT, 321, IMAGES},
    {"max pool gradient 3x3 s1 p1", &pool, MAX_GRADIENT, 311, IMAGES},
    {"average pool 2x2 s2", &pool, AVERAGE, 220, IMAGES},
    {"average pool 3x3 s2 p1", &pool, AVERAGE, 321, IMAGES},
    {"average pool 3x3 s1 p1", &pool, AVERAGE, 311, IMAGES},
    {"average pool global 7x7", &pool, AVERAGE, 0, SMALL_IMAGES},
    {"average pool gradient 2x2 s2", &pool, AVERAGE_GRADIENT, 220, IMAGES},
    {"average pool gradient 3x3 s2 p1", &pool, AVERAGE_GRADIENT, 321, IMAGES},
    {"average pool gradient 3x3 s1 p1", &pool, AVERAGE_GRADIENT, 311, IMAGES},
    {"average pool gradient global 7x7", &pool, AVERAGE_GRADIENT, 0, SMALL_IMAGES},
};
