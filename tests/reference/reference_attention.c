/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_attention.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of a query: probabilities of the keys, the logarithm of their denominator, and the largest
 * magnitude of a score that counts. */
typedef struct row {
    long double *p;
    long double lse, magnitude;
} row;

static int64_t query_place(const reference_attention *a, int64_t b, int64_t h, int64_t l) {
    return (b * a->heads + h) * a->queries + l;
}

static int64_t key_place(const reference_attention *a, int64_t b, int64_t h, int64_t s) {
    return (b * a->key_heads + h / (a->heads / a->key_heads)) * a->keys + s;
}

/* sum of x y, and of |x y| */
static long double dot(
    const long double *x, const long double *y, int64_t count, long double *magnitude) {
    long double sum = 0;
    *magnitude = 0;
    for (int64_t i = 0; i < count; i++) {
        sum += x[i] * y[i];
        *magnitude += fabsl(x[i] * y[i]);
    }
    return sum;
}

static void find_row(const reference_attention *a, int64_t b, int64_t h, int64_t l, row *r) {
    const int64_t place = query_place(a, b, h, l);
    long double most = -INFINITY;
    r->magnitude = 0;
    for (int64_t s = 0; s < a->keys; s++) {
        long double magnitude;
        const long double product = dot(
            a->q + place * a->width, a->k + key_place(a, b, h, s) * a->width, a->width, &magnitude);
        const long double mask = a->mask != NULL ? a->mask[place * a->keys + s] : 0;
        r->p[s] = s > l + a->diagonal ? -INFINITY : a->scale * product + mask;
        most = fmaxl(most, r->p[s]);
        if (r->p[s] > -INFINITY) {
            r->magnitude = fmaxl(r->magnitude, fabsl(a->scale) * magnitude + fabsl(mask));
        }
    }
    long double total = 0;
    for (int64_t s = 0; s < a->keys; s++) {
        r->p[s] = most == -INFINITY ? 0 : expl(r->p[s] - most);
        total += r->p[s];
    }
    for (int64_t s = 0; s < a->keys; s++) {
        r->p[s] = most == -INFINITY ? 0 : r->p[s] / total;
    }
    r->lse = most == -INFINITY ? -INFINITY : most + logl(total);
}

static long double *numbers(int64_t count) {
    long double *p = calloc((size_t)count + 1, sizeof *p);
    if (p == NULL) {
        abort();
    }
    return p;
}

void reference_attend(const reference_attention *a, long double *y, long double *lse,
    long double *y_magnitude, long double *lse_magnitude) {
    row r = {.p = numbers(a->keys)};
    for (int64_t i = 0; i < a->batch * a->heads * a->queries; i++) {
        const int64_t l = i % a->queries, h = i / a->queries % a->heads;
        const int64_t b = i / a->queries / a->heads;
        find_row(a, b, h, l, &r);
        lse[i] = r.lse;
        lse_magnitude[i] = r.lse > -INFINITY ? 2 + r.magnitude + fabsl(r.lse) : 0;
        for (int64_t e = 0; e < a->value_width; e++) {
            long double *out = y + i * a->value_width + e;
            long double *magnitude = y_magnitude + i * a->value_width + e;
            *out = *magnitude = 0;
            for (int64_t s = 0; s < a->keys; s++) {
                const long double v = a->v[key_place(a, b, h, s) * a->value_width + e];
                *out += r.p[s] * v;
                *magnitude += r.p[s] * fabsl(v) * (2 + 2 * r.magnitude);
            }
        }
    }
    free(r.p);
}

static void add_scaled(
    long double factor, const long double *from, int64_t count, long double *to) {
    for (int64_t i = 0; i < count; i++) {
        to[i] += factor * from[i];
    }
}

static void add_magnitudes(
    long double factor, const long double *from, int64_t count, long double *to) {
    for (int64_t i = 0; i < count; i++) {
        to[i] += factor * fabsl(from[i]);
    }
}

void reference_attend_backward(const reference_attention *a, const long double *dy, long double *dq,
    long double *dk, long double *dv, long double *dq_magnitude, long double *dk_magnitude,
    long double *dv_magnitude) {
    const int64_t queries = a->batch * a->heads * a->queries;
    const int64_t keys = a->batch * a->key_heads * a->keys;
    const int64_t e = a->width, ev = a->value_width;
    long double *clear[] = {dq, dq_magnitude, dk, dk_magnitude, dv, dv_magnitude};
    const int64_t counts[] = {queries * e, keys * e, keys * ev};
    for (int i = 0; i < 6; i++) {
        memset(clear[i], 0, (size_t)counts[i / 2] * sizeof(long double));
    }
    row r = {.p = numbers(a->keys)};
    long double *dp = numbers(a->keys), *dp_magnitude = numbers(a->keys);
    for (int64_t i = 0; i < queries; i++) {
        const int64_t l = i % a->queries, h = i / a->queries % a->heads;
        const int64_t b = i / a->queries / a->heads;
        long double delta = 0, delta_magnitude = 0;
        find_row(a, b, h, l, &r);
        for (int64_t s = 0; s < a->keys; s++) {
            dp[s] = dot(dy + i * ev, a->v + key_place(a, b, h, s) * ev, ev, &dp_magnitude[s]);
            delta += r.p[s] * dp[s];
            delta_magnitude += r.p[s] * dp_magnitude[s];
        }
        for (int64_t s = 0; s < a->keys && r.lse > -INFINITY; s++) {
            const int64_t key = key_place(a, b, h, s);
            const long double ds = a->scale * r.p[s] * (dp[s] - delta);
            const long double blur = 2 + 2 * (r.magnitude + fabsl(r.lse));
            const long double ds_magnitude =
                fabsl(a->scale) * r.p[s] * (dp_magnitude[s] + delta_magnitude) * blur;
            add_scaled(ds, a->k + key * e, e, dq + i * e);
            add_magnitudes(ds_magnitude, a->k + key * e, e, dq_magnitude + i * e);
            add_scaled(ds, a->q + i * e, e, dk + key * e);
            add_magnitudes(ds_magnitude, a->q + i * e, e, dk_magnitude + key * e);
            add_scaled(r.p[s], dy + i * ev, ev, dv + key * ev);
            add_magnitudes(r.p[s] * blur, dy + i * ev, ev, dv_magnitude + key * ev);
        }
    }
    free(r.p);
    free(dp);
    free(dp_magnitude);
}
