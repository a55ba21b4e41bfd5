/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_attention.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of a query: probabilities of the keys, the logarithm of their denominator, and the largest
 * magnitude of a score that counts. */
typedef struct row {
    double *p;
    double lse, magnitude;
} row;

static int64_t query_place(const reference_attention *a, int64_t b, int64_t h, int64_t l) {
    return (b * a->heads + h) * a->queries + l;
}

static int64_t key_place(const reference_attention *a, int64_t b, int64_t h, int64_t s) {
    return (b * a->key_heads + h / (a->heads / a->key_heads)) * a->keys + s;
}

/* sum of x y, and of |x y| */
static double dot(const double *x, const double *y, int64_t count, double *magnitude) {
    double sum = 0;
    *magnitude = 0;
    for (int64_t i = 0; i < count; i++) {
        sum += x[i] * y[i];
        *magnitude += fabs(x[i] * y[i]);
    }
    return sum;
}

static void find_row(const reference_attention *a, int64_t b, int64_t h, int64_t l, row *r) {
    const int64_t place = query_place(a, b, h, l);
    double most = -INFINITY;
    r->magnitude = 0;
    for (int64_t s = 0; s < a->keys; s++) {
        double magnitude;
        const double product = dot(
            a->q + place * a->width, a->k + key_place(a, b, h, s) * a->width, a->width, &magnitude);
        const double mask = a->mask != NULL ? a->mask[place * a->keys + s] : 0;
        r->p[s] = s > l + a->diagonal ? -INFINITY : a->scale * product + mask;
        most = fmax(most, r->p[s]);
        if (r->p[s] > -INFINITY) {
            r->magnitude = fmax(r->magnitude, fabs(a->scale) * magnitude + fabs(mask));
        }
    }
    double total = 0;
    for (int64_t s = 0; s < a->keys; s++) {
        r->p[s] = most == -INFINITY ? 0 : exp(r->p[s] - most);
        total += r->p[s];
    }
    for (int64_t s = 0; s < a->keys; s++) {
        r->p[s] = most == -INFINITY ? 0 : r->p[s] / total;
    }
    r->lse = most == -INFINITY ? -INFINITY : most + log(total);
}

static double *numbers(int64_t count) {
    double *p = calloc((size_t)count + 1, sizeof *p);
    if (p == NULL) {
        abort();
    }
    return p;
}

void reference_attend(const reference_attention *a, double *y, double *lse, double *y_magnitude,
    double *lse_magnitude) {
    row r = {.p = numbers(a->keys)};
    for (int64_t i = 0; i < a->batch * a->heads * a->queries; i++) {
        const int64_t l = i % a->queries, h = i / a->queries % a->heads;
        const int64_t b = i / a->queries / a->heads;
        find_row(a, b, h, l, &r);
        lse[i] = r.lse;
        lse_magnitude[i] = r.lse > -INFINITY ? 2 + r.magnitude + fabs(r.lse) : 0;
        for (int64_t e = 0; e < a->value_width; e++) {
            double *out = y + i * a->value_width + e;
            double *magnitude = y_magnitude + i * a->value_width + e;
            *out = *magnitude = 0;
            for (int64_t s = 0; s < a->keys; s++) {
                const double v = a->v[key_place(a, b, h, s) * a->value_width + e];
                *out += r.p[s] * v;
                *magnitude += r.p[s] * fabs(v) * (2 + 2 * r.magnitude);
            }
        }
    }
    free(r.p);
}

static void add_scaled(double factor, const double *from, int64_t count, double *to) {
    for (int64_t i = 0; i < count; i++) {
        to[i] += factor * from[i];
    }
}

static void add_magnitudes(double factor, const double *from, int64_t count, double *to) {
    for (int64_t i = 0; i < count; i++) {
        to[i] += factor * fabs(from[i]);
    }
}

void reference_attend_backward(const reference_attention *a, const double *dy, double *dq,
    double *dk, double *dv, double *dq_magnitude, double *dk_magnitude, double *dv_magnitude) {
    const int64_t queries = a->batch * a->heads * a->queries;
    const int64_t keys = a->batch * a->key_heads * a->keys;
    const int64_t e = a->width, ev = a->value_width;
    double *clear[] = {dq, dq_magnitude, dk, dk_magnitude, dv, dv_magnitude};
    const int64_t counts[] = {queries * e, keys * e, keys * ev};
    for (int i = 0; i < 6; i++) {
        memset(clear[i], 0, (size_t)counts[i / 2] * sizeof(double));
    }
    row r = {.p = numbers(a->keys)};
    double *dp = numbers(a->keys), *dp_magnitude = numbers(a->keys);
    for (int64_t i = 0; i < queries; i++) {
        const int64_t l = i % a->queries, h = i / a->queries % a->heads;
        const int64_t b = i / a->queries / a->heads;
        double delta = 0, delta_magnitude = 0;
        find_row(a, b, h, l, &r);
        for (int64_t s = 0; s < a->keys; s++) {
            dp[s] = dot(dy + i * ev, a->v + key_place(a, b, h, s) * ev, ev, &dp_magnitude[s]);
            delta += r.p[s] * dp[s];
            delta_magnitude += r.p[s] * dp_magnitude[s];
        }
        for (int64_t s = 0; s < a->keys && r.lse > -INFINITY; s++) {
            const int64_t key = key_place(a, b, h, s);
            const double ds = a->scale * r.p[s] * (dp[s] - delta);
            const double blur = 2 + 2 * (r.magnitude + fabs(r.lse));
            const double ds_magnitude =
                fabs(a->scale) * r.p[s] * (dp_magnitude[s] + delta_magnitude) * blur;
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
