/* SPDX-License-Identifier: Apache-2.0 */
/* Comparison, choice, casts, layout, indices, resizing. Other types than f32 are views of tensors
 * of as many bytes. */
#include "bandwidth.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static cleat_tensor typed(const cleat_tensor *x, cleat_type type, const int64_t *shape) {
    cleat_tensor view = *x;
    view.type = type;
    view.shape[0] = shape[0];
    view.shape[1] = shape[1];
    view.stride[0] = shape[1];
    return view;
}

/* The shape in floats of as many elements of one byte. */
static void byte_shape(const traffic *t, int64_t bytes[2]) {
    bytes[0] = t->of->shape[0];
    bytes[1] = t->of->shape[1] / (int64_t)sizeof(float);
}

/* ---- By element; choice: which ---- */
enum { COMPARE, WHERE, CAST };

static bool element_prepare(bench_run *run, traffic *t) {
    const int64_t *shape = t->of->shape;
    int64_t bytes[2];
    byte_shape(t, bytes);
    if (t->of->choice == CAST) {
        return traffic_input(run, t, 2, shape, 100) && traffic_output(run, t, 2, shape);
    }
    if (!traffic_input(run, t, 2, shape, 1) || !traffic_input(run, t, 2, shape, 1)) {
        return false;
    }
    if (t->of->choice == COMPARE) {
        return traffic_output(run, t, 2, bytes);
    }
    if (!traffic_input(run, t, 2, bytes, 1) || !traffic_output(run, t, 2, shape)) {
        return false;
    }
    t->view = typed(&t->tensors[2], CLEAT_BOOL, shape);
    return bench_call(run,
        cleat_compare(t->context, CLEAT_LESS, t->tensors[0], t->tensors[1], t->view), "compare");
}

static cleat_status element_call(traffic *t) {
    const int64_t *shape = t->of->shape;
    switch (t->of->choice) {
    case COMPARE:
        return cleat_compare(t->context, CLEAT_LESS, t->tensors[0], t->tensors[1],
            typed(&t->tensors[2], CLEAT_BOOL, shape));
    case WHERE:
        return cleat_where(t->context, t->view, t->tensors[0], t->tensors[1], t->tensors[3]);
    default:
        return cleat_cast(t->context, t->tensors[0], typed(&t->tensors[1], CLEAT_I32, shape));
    }
}

static bool element_check(bench_run *run, const traffic *t) {
    bool good = true;
    int64_t count = t->of->shape[0] * t->of->shape[1];
    for (int64_t probe = 0; probe < TRAFFIC_PROBES && good; probe++) {
        int64_t i = bench_probe(probe, count);
        double a = (double)t->host[0][i];
        double b = t->of->choice == CAST ? 0 : (double)t->host[1][i];
        int32_t whole;
        memcpy(&whole, t->result + (t->of->choice == CAST ? i : 0), sizeof whole);
        double got = t->of->choice == COMPARE ? (double)((const unsigned char *)t->result)[i]
                     : t->of->choice == WHERE ? (double)t->result[i]
                                              : (double)whole;
        double wanted[] = {a < b, fmin(a, b), trunc(a)};
        good = bench_near(run, "cleat", got, wanted[t->of->choice], 0, 1);
    }
    return good;
}

/* ---- Layout; choice: which ---- */
enum { CONCAT, PAD, EMBED, RESIZE, TOP };

static bool layout_prepare(bench_run *run, traffic *t) {
    const int64_t *shape = t->of->shape;
    int64_t half[] = {shape[0], shape[1] / 2};
    int64_t inner[] = {shape[0], shape[1], shape[2] - 2, shape[3] - 2};
    int64_t quarter[] = {shape[0], shape[1], shape[2] / 2, shape[3] / 2};
    switch (t->of->choice) {
    case CONCAT:
        return traffic_input(run, t, 2, half, 1) && traffic_input(run, t, 2, half, 1) &&
               traffic_output(run, t, 2, shape);
    case PAD:
        return traffic_input(run, t, 4, inner, 1) && traffic_output(run, t, 4, shape);
    case RESIZE:
        return traffic_input(run, t, 4, quarter, 1) && traffic_output(run, t, 4, shape);
    default:
        break;
    }
    if (!traffic_input(run, t, 2, shape, 1)) {
        return false;
    }
    if (t->of->choice == TOP) {
        int64_t top[] = {shape[0], 8};
        return traffic_output(run, t, 2, top) && traffic_input(run, t, 2, top, 1);
    }
    /* Every row once, in an order of no pattern. */
    if (!traffic_input(run, t, 1, shape, 1) || !traffic_output(run, t, 2, shape)) {
        return false;
    }
    int32_t *rows = (int32_t *)(void *)t->host[1];
    for (int64_t i = 0; i < shape[0]; i++) {
        rows[i] = (int32_t)(i * 7919 % shape[0]);
    }
    t->view = t->tensors[1];
    t->view.type = CLEAT_I32;
    return bench_call(
        run, cleat_write(t->context, t->view, rows, (size_t)shape[0] * sizeof *rows), "write");
}

static cleat_status layout_call(traffic *t) {
    static const int64_t around[] = {0, 0, 1, 1};
    static const cleat_resize_options linear = {.mode = CLEAT_RESIZE_LINEAR};
    switch (t->of->choice) {
    case CONCAT:
        return cleat_concat(t->context, 2, t->tensors, 1, t->tensors[2]);
    case PAD:
        return cleat_pad(t->context, t->tensors[0], around, around, t->tensors[1], NULL);
    case RESIZE:
        return cleat_resize(t->context, t->tensors[0], t->tensors[1], &linear);
    case EMBED:
        return cleat_embedding(t->context, t->tensors[0], t->view, t->tensors[2], NULL);
    default:
        t->view = t->tensors[2];
        t->view.type = CLEAT_I32;
        return cleat_top_k(t->context, t->tensors[0], 1, &t->tensors[1], &t->view, NULL);
    }
}

static double resized(const traffic *t, int64_t plane, int64_t row, int64_t column) {
    int64_t height = t->of->shape[2] / 2, width = t->of->shape[3] / 2;
    double y = ((double)row + 0.5) / 2 - 0.5, x = ((double)column + 0.5) / 2 - 0.5, sum = 0;
    for (int i = 0; i < 4; i++) {
        double at_y = floor(y) + i / 2, at_x = floor(x) + i % 2;
        int64_t r = (int64_t)fmin(fmax(at_y, 0), (double)(height - 1));
        int64_t c = (int64_t)fmin(fmax(at_x, 0), (double)(width - 1));
        sum += (1 - fabs(y - at_y)) * (1 - fabs(x - at_x)) *
               (double)t->host[0][(plane * height + r) * width + c];
    }
    return sum;
}

static double top_of(const traffic *t, int64_t row, int64_t number) {
    const float *of = t->host[0] + row * t->of->shape[1];
    double limit = INFINITY;
    for (int64_t n = 0; n <= number; n++) { /* equal ones are as good as never here */
        double best = -INFINITY;
        for (int64_t i = 0; i < t->of->shape[1]; i++) {
            best = (double)of[i] < limit ? fmax(best, (double)of[i]) : best;
        }
        limit = best;
    }
    return limit;
}

static bool layout_check(bench_run *run, const traffic *t) {
    const int64_t *shape = t->of->shape;
    bool good = true;
    for (int64_t probe = 0; probe < TRAFFIC_PROBES && good; probe++) {
        int64_t i = bench_probe(probe, cleat_tensor_count(t->from));
        int64_t row = i / shape[1], column = i % shape[1];
        double want = 0, size = 0;
        if (t->of->choice == CONCAT) {
            int64_t half = shape[1] / 2;
            want = (double)t->host[column / half][row * half + column % half];
        } else if (t->of->choice == EMBED) {
            want = (double)t->host[0][row * 7919 % shape[0] * shape[1] + column];
        } else if (t->of->choice == TOP) {
            want = top_of(t, i / 8, i % 2); /* the first two, to be quick */
            i = i / 8 * 8 + i % 2;
        } else {
            int64_t plane = i / shape[3] / shape[2];
            int64_t r = i / shape[3] % shape[2], c = i % shape[3];
            int64_t height = shape[2] - 2, width = shape[3] - 2;
            bool inside = r > 0 && r <= height && c > 0 && c <= width;
            size = t->of->choice == RESIZE ? 1 : 0;
            want = t->of->choice == RESIZE ? resized(t, plane, r, c)
                   : inside ? (double)t->host[0][(plane * height + r - 1) * width + c - 1]
                            : 0;
        }
        good = bench_near(run, "cleat", (double)t->result[i], want, size, 8);
    }
    return good;
}

static const traffic_family by_element = {element_prepare, element_call, element_check};
static const traffic_family layout = {layout_prepare, layout_call, layout_check};

#define SQUARE                                                                                     \
    { 4096, 4096 }
const traffic_case traffic_index[TRAFFIC_INDEX] = {
    {"compare", &by_element, COMPARE, 0, SQUARE},
    {"where", &by_element, WHERE, 0, SQUARE},
    {"cast f32 to i32", &by_element, CAST, 0, SQUARE},
    {"concat columns", &layout, CONCAT, 0, SQUARE},
    {"pad images", &layout, PAD, 0, {64, 64, 64, 64}},
    {"embedding", &layout, EMBED, 0, {32768, 512}},
    {"resize bilinear", &layout, RESIZE, 0, {16, 64, 128, 128}},
    {"top 8 of 4096", &layout, TOP, 0, SQUARE},
};
