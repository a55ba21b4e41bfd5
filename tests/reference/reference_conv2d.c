/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_conv2d.h"
#include <math.h>
#include <stddef.h>

static int64_t count_of(const int64_t shape[4]) {
    return shape[0] * shape[1] * shape[2] * shape[3];
}

static void zero(double *values, int64_t count) {
    for (int64_t i = 0; values != NULL && i < count; i++) {
        values[i] = 0;
    }
}

static void add(double *sum, double *magnitude, int64_t i, double a, double b) {
    sum[i] += a * b;
    if (magnitude != NULL) {
        magnitude[i] += fabs(a) * fabs(b);
    }
}

/* Calls visit for every product of the convolution, with the places of its x, w and y. */
typedef void visitor(void *state, int64_t x, int64_t w, int64_t y);

static void visit_pixel(const reference_conv2d *c, int64_t n, int64_t m, int64_t oh, int64_t ow,
    visitor *visit, void *state) {
    const int64_t first = m / (c->w[0] / c->groups) * c->w[1];
    const int64_t y = ((n * c->y[1] + m) * c->y[2] + oh) * c->y[3] + ow;
    for (int64_t channel = 0; channel < c->w[1]; channel++) {
        for (int64_t kh = 0; kh < c->w[2]; kh++) {
            for (int64_t kw = 0; kw < c->w[3]; kw++) {
                const int64_t h = oh * c->stride[0] - c->padding[0] + kh * c->dilation[0];
                const int64_t v = ow * c->stride[1] - c->padding[1] + kw * c->dilation[1];
                if (h >= 0 && h < c->x[2] && v >= 0 && v < c->x[3]) {
                    visit(state, ((n * c->x[1] + first + channel) * c->x[2] + h) * c->x[3] + v,
                        ((m * c->w[1] + channel) * c->w[2] + kh) * c->w[3] + kw, y);
                }
            }
        }
    }
}

static void visit_products(const reference_conv2d *c, visitor *visit, void *state) {
    for (int64_t n = 0; n < c->y[0]; n++) {
        for (int64_t m = 0; m < c->y[1]; m++) {
            for (int64_t oh = 0; oh < c->y[2]; oh++) {
                for (int64_t ow = 0; ow < c->y[3]; ow++) {
                    visit_pixel(c, n, m, oh, ow, visit, state);
                }
            }
        }
    }
}

typedef struct operands {
    const double *first, *second;
    double *sum, *magnitude;
} operands;

static void visit_forward(void *state, int64_t x, int64_t w, int64_t y) {
    const operands *o = state;
    add(o->sum, o->magnitude, y, o->first[x], o->second[w]);
}

static void visit_data(void *state, int64_t x, int64_t w, int64_t y) {
    const operands *o = state;
    add(o->sum, o->magnitude, x, o->first[y], o->second[w]);
}

static void visit_weights(void *state, int64_t x, int64_t w, int64_t y) {
    const operands *o = state;
    add(o->sum, o->magnitude, w, o->first[x], o->second[y]);
}

void reference_conv2d_forward(const reference_conv2d *c, const double *x, const double *w,
    const double *bias, double *y, double *magnitude) {
    operands o = {x, w, y, magnitude};
    zero(y, count_of(c->y));
    zero(magnitude, count_of(c->y));
    visit_products(c, visit_forward, &o);
    for (int64_t i = 0; bias != NULL && i < count_of(c->y); i++) {
        add(y, magnitude, i, bias[i / (c->y[2] * c->y[3]) % c->y[1]], 1);
    }
}

void reference_conv2d_data(
    const reference_conv2d *c, const double *dy, const double *w, double *dx, double *magnitude) {
    operands o = {dy, w, dx, magnitude};
    zero(dx, count_of(c->x));
    zero(magnitude, count_of(c->x));
    visit_products(c, visit_data, &o);
}

void reference_conv2d_weights(
    const reference_conv2d *c, const double *x, const double *dy, double *dw, double *magnitude) {
    operands o = {x, dy, dw, magnitude};
    zero(dw, count_of(c->w));
    zero(magnitude, count_of(c->w));
    visit_products(c, visit_weights, &o);
}

void reference_conv2d_bias(
    const reference_conv2d *c, const double *dy, double *db, double *magnitude) {
    zero(db, c->y[1]);
    zero(magnitude, c->y[1]);
    for (int64_t i = 0; i < count_of(c->y); i++) {
        add(db, magnitude, i / (c->y[2] * c->y[3]) % c->y[1], dy[i], 1);
    }
}
