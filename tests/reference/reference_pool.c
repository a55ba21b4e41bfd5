/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_pool.h"

#include <math.h>

reference_pool reference_pool_make(const int64_t shape[4], const cleat_pool2d_options *options) {
    reference_pool p = {.count_padding = options->count_padding};
    for (int i = 0; i < 4; i++) {
        p.shape[i] = shape[i];
        p.out_shape[i] = i < 2 ? shape[i] : 0;
        p.padding[i] = options->padding[i];
    }
    for (int i = 0; i < 2; i++) {
        p.window[i] = options->window[i];
        p.stride[i] = options->stride[i] != 0 ? options->stride[i] : options->window[i];
        int64_t padded = shape[2 + i] + p.padding[i] + p.padding[2 + i];
        while (p.out_shape[2 + i] * p.stride[i] + p.window[i] <= padded) {
            p.out_shape[2 + i]++;
        }
    }
    return p;
}

/* Index into x of element (kh, kw) of a window, -1 outside of x. `i` is an index into y. */
static int64_t element(const reference_pool *p, int64_t i, int64_t kh, int64_t kw) {
    int64_t ow = i % p->out_shape[3];
    int64_t oh = i / p->out_shape[3] % p->out_shape[2];
    int64_t plane = i / p->out_shape[3] / p->out_shape[2];
    int64_t h = oh * p->stride[0] - p->padding[0] + kh;
    int64_t w = ow * p->stride[1] - p->padding[1] + kw;
    if (h < 0 || h >= p->shape[2] || w < 0 || w >= p->shape[3]) {
        return -1;
    }
    return (plane * p->shape[2] + h) * p->shape[3] + w;
}

static int64_t count(const int64_t shape[4]) {
    return shape[0] * shape[1] * shape[2] * shape[3];
}

/* Index into x of the first largest element of window i; NaN is largest. */
static int64_t find_largest(const reference_pool *p, const double *x, int64_t i) {
    int64_t best = -1;
    for (int64_t kh = 0; kh < p->window[0]; kh++) {
        for (int64_t kw = 0; kw < p->window[1]; kw++) {
            int64_t at = element(p, i, kh, kw);
            if (at < 0) {
                continue;
            }
            if (best < 0 || x[at] > x[best] || (isnan(x[at]) && !isnan(x[best]))) {
                best = at;
            }
        }
    }
    return best;
}

void reference_max_pool2d(const reference_pool *p, const double *x, double *y) {
    for (int64_t i = 0; i < count(p->out_shape); i++) {
        y[i] = x[find_largest(p, x, i)];
    }
}

void reference_max_pool2d_backward(
    const reference_pool *p, const double *x, const double *dy, double *dx, double *magnitude) {
    for (int64_t i = 0; i < count(p->shape); i++) {
        dx[i] = 0;
        magnitude[i] = 0;
    }
    for (int64_t i = 0; i < count(p->out_shape); i++) {
        int64_t at = find_largest(p, x, i);
        dx[at] += dy[i];
        magnitude[at] += fabs(dy[i]);
    }
}

static double divisor(const reference_pool *p, int64_t i) {
    int64_t inside = 0;
    for (int64_t kh = 0; kh < p->window[0]; kh++) {
        for (int64_t kw = 0; kw < p->window[1]; kw++) {
            inside += p->count_padding || element(p, i, kh, kw) >= 0;
        }
    }
    return (double)inside;
}

void reference_average_pool2d(
    const reference_pool *p, const double *x, double *y, double *magnitude) {
    for (int64_t i = 0; i < count(p->out_shape); i++) {
        y[i] = 0;
        magnitude[i] = 0;
        for (int64_t kh = 0; kh < p->window[0]; kh++) {
            for (int64_t kw = 0; kw < p->window[1]; kw++) {
                int64_t at = element(p, i, kh, kw);
                if (at >= 0) {
                    y[i] += x[at];
                    magnitude[i] += fabs(x[at]);
                }
            }
        }
        y[i] /= divisor(p, i);
        magnitude[i] /= divisor(p, i);
    }
}

void reference_average_pool2d_backward(
    const reference_pool *p, const double *dy, double *dx, double *magnitude) {
    for (int64_t i = 0; i < count(p->shape); i++) {
        dx[i] = 0;
        magnitude[i] = 0;
    }
    for (int64_t i = 0; i < count(p->out_shape); i++) {
        for (int64_t kh = 0; kh < p->window[0]; kh++) {
            for (int64_t kw = 0; kw < p->window[1]; kw++) {
                int64_t at = element(p, i, kh, kw);
                if (at >= 0) {
                    dx[at] += dy[i] / divisor(p, i);
                    magnitude[at] += fabs(dy[i]) / divisor(p, i);
                }
            }
        }
    }
}
