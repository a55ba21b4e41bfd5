/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_conv.h"
#include <math.h>
#include <stddef.h>

int64_t reference_conv_count(const int64_t shape[5]) {
    return shape[0] * shape[1] * shape[2] * shape[3] * shape[4];
}

static void zero(double *sum, double *magnitude, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        sum[i] = magnitude[i] = 0;
    }
}

static int64_t place(const int64_t shape[5], const int64_t at[5]) {
    return (((at[0] * shape[1] + at[1]) * shape[2] + at[2]) * shape[3] + at[3]) * shape[4] + at[4];
}

/* Makes `at` the index number i, row-major. */
static void index_of(const int64_t shape[5], int64_t i, int64_t at[5]) {
    for (int axis = 4; axis >= 0; axis--) {
        at[axis] = i % shape[axis];
        i /= shape[axis];
    }
}

/* The products: those of element `i` of small with element `k` of w, for all i and k that meet: its
 * place in large, or -1. */
static int64_t meeting(const reference_conv *c, const int64_t small[5], const int64_t w[5]) {
    int64_t large[5] = {small[0], small[1] / (c->small[1] / c->groups) * c->w[1] + w[1]};
    if (small[1] != w[0]) {
        return -1;
    }
    for (int axis = 0; axis < 3; axis++) {
        large[axis + 2] =
            small[axis + 2] * c->stride[axis] - c->before[axis] + w[axis + 2] * c->dilation[axis];
        if (large[axis + 2] < 0 || large[axis + 2] >= c->large[axis + 2]) {
            return -1;
        }
    }
    return place(c->large, large);
}

typedef struct product_sum {
    const double *large, *w, *small; /* NULL: the result */
    double *sum, *magnitude;
} product_sum;

static void add_products(const reference_conv *c, const product_sum *s) {
    const int64_t small_count = reference_conv_count(c->small);
    const int64_t window = c->w[1] * c->w[2] * c->w[3] * c->w[4];
    for (int64_t i = 0; i < small_count; i++) {
        int64_t at[5], tap[5];
        index_of(c->small, i, at);
        for (int64_t k = at[1] * window; k < (at[1] + 1) * window; k++) {
            index_of(c->w, k, tap);
            const int64_t j = meeting(c, at, tap);
            if (j < 0) {
                continue;
            }
            const double a = s->large ? s->large[j] : s->small[i];
            const double b = s->w ? s->w[k] : s->small[i];
            const int64_t to = !s->large ? j : !s->w ? k : i;
            s->sum[to] += a * b;
            s->magnitude[to] += fabs(a) * fabs(b);
        }
    }
}

void reference_conv_small(const reference_conv *c, const double *large, const double *w,
    double *small, double *magnitude) {
    zero(small, magnitude, reference_conv_count(c->small));
    add_products(c, &(product_sum){large, w, NULL, small, magnitude});
}

void reference_conv_large(const reference_conv *c, const double *small, const double *w,
    double *large, double *magnitude) {
    zero(large, magnitude, reference_conv_count(c->large));
    add_products(c, &(product_sum){NULL, w, small, large, magnitude});
}

void reference_conv_weights(const reference_conv *c, const double *large, const double *small,
    double *w, double *magnitude) {
    zero(w, magnitude, reference_conv_count(c->w));
    add_products(c, &(product_sum){large, NULL, small, w, magnitude});
}
