/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_window.h"
#include <math.h>
#include <stddef.h>

int64_t reference_window_count(const int64_t shape[5]) {
    return shape[0] * shape[1] * shape[2] * shape[3] * shape[4];
}

static int64_t volume(const int64_t shape[5]) {
    return shape[2] * shape[3] * shape[4];
}

/* Whether element i of an axis is in window o. */
static bool holds(const reference_window *p, int axis, int64_t o, int64_t i) {
    const int64_t extent = p->x[axis + 2], out = p->y[axis + 2];
    if (p->adaptive) {
        const int64_t end = (o + 1) * extent / out + ((o + 1) * extent % out != 0);
        return i >= o * extent / out && i < end;
    }
    for (int64_t k = 0; k < p->window[axis]; k++) {
        if (o * p->stride[axis] - p->before[axis] + k * p->dilation[axis] == i) {
            return true;
        }
    }
    return false;
}

/* Places of window o that an average counts along one axis. */
static int64_t counted(const reference_window *p, int axis, int64_t o) {
    const bool padding = p->count_padding && !p->adaptive;
    int64_t count = 0;
    if (!padding) {
        for (int64_t i = 0; i < p->x[axis + 2]; i++) {
            count += holds(p, axis, o, i);
        }
        return count;
    }
    for (int64_t k = 0; k < p->window[axis]; k++) {
        const int64_t i = o * p->stride[axis] - p->before[axis] + k * p->dilation[axis];
        count += i < p->x[axis + 2] + p->after[axis];
    }
    return count;
}

typedef void visitor(void *state, int64_t window, int64_t element);

/* Calls visit for each window and each of its elements, in row-major order of both. */
static void visit_all(const reference_window *p, visitor *visit, void *state) {
    for (int64_t i = 0; i < reference_window_count(p->y); i++) {
        const int64_t plane = i / volume(p->y), ow = i % p->y[4], oh = i / p->y[4] % p->y[3];
        const int64_t od = i / p->y[4] / p->y[3] % p->y[2];
        for (int64_t d = 0; d < p->x[2]; d++) {
            for (int64_t h = 0; holds(p, 0, od, d) && h < p->x[3]; h++) {
                for (int64_t w = 0; holds(p, 1, oh, h) && w < p->x[4]; w++) {
                    if (holds(p, 2, ow, w)) {
                        visit(state, i, ((plane * p->x[2] + d) * p->x[3] + h) * p->x[4] + w);
                    }
                }
            }
        }
    }
}

static double divisor(const reference_window *p, int64_t i) {
    const int64_t ow = i % p->y[4], oh = i / p->y[4] % p->y[3];
    const int64_t od = i / p->y[4] / p->y[3] % p->y[2];
    return (double)(counted(p, 0, od) * counted(p, 1, oh) * counted(p, 2, ow));
}

typedef struct sums {
    const reference_window *p;
    const double *x, *dy;
    double *result, *magnitude;
    int64_t *best; /* of each window */
    double exponent;
    const double *y;
} sums;

static void find_largest(void *state, int64_t window, int64_t element) {
    const sums *s = state;
    const int64_t best = s->best[window];
    if (best < 0 || s->x[element] > s->x[best] || (isnan(s->x[element]) && !isnan(s->x[best]))) {
        s->best[window] = element;
    }
}

void reference_window_max(const reference_window *p, const double *x, double *y, int64_t *places) {
    const sums s = {.p = p, .x = x, .best = places};
    const int64_t planes = p->plane_indices ? volume(p->y) : 1;
    for (int64_t i = 0; i < reference_window_count(p->y); i++) {
        places[i] = -1;
    }
    visit_all(p, find_largest, (void *)&s);
    for (int64_t i = 0; i < reference_window_count(p->y); i++) {
        y[i] = places[i] < 0 ? -(double)INFINITY : x[places[i]];
        if (p->plane_indices && places[i] >= 0) {
            places[i] -= i / planes * volume(p->x);
        }
    }
}

static void add_to_window(void *state, int64_t window, int64_t element) {
    const sums *s = state;
    s->result[window] += s->x[element] / divisor(s->p, window);
    s->magnitude[window] += fabs(s->x[element]) / divisor(s->p, window);
}

static void zero(double *result, double *magnitude, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        result[i] = magnitude[i] = 0;
    }
}

void reference_window_average(
    const reference_window *p, const double *x, double *y, double *magnitude) {
    const sums s = {.p = p, .x = x, .result = y, .magnitude = magnitude};
    zero(y, magnitude, reference_window_count(p->y));
    visit_all(p, add_to_window, (void *)&s);
}

static void add_to_largest(void *state, int64_t window, int64_t element) {
    const sums *s = state;
    if (element == s->best[window]) {
        s->result[element] += s->dy[window];
        s->magnitude[element] += fabs(s->dy[window]);
    }
}

void reference_window_max_backward(const reference_window *p, const double *x, const double *dy,
    int64_t *places, double *dx, double *magnitude) {
    const sums s = {.p = p, .x = x, .dy = dy, .result = dx, .magnitude = magnitude, .best = places};
    zero(dx, magnitude, reference_window_count(p->x));
    for (int64_t i = 0; i < reference_window_count(p->y); i++) {
        places[i] = -1;
    }
    visit_all(p, find_largest, (void *)&s);
    visit_all(p, add_to_largest, (void *)&s);
}

static void add_to_elements(void *state, int64_t window, int64_t element) {
    const sums *s = state;
    s->result[element] += s->dy[window] / divisor(s->p, window);
    s->magnitude[element] += fabs(s->dy[window]) / divisor(s->p, window);
}

void reference_window_average_backward(
    const reference_window *p, const double *dy, double *dx, double *magnitude) {
    const sums s = {.p = p, .dy = dy, .result = dx, .magnitude = magnitude};
    zero(dx, magnitude, reference_window_count(p->x));
    visit_all(p, add_to_elements, (void *)&s);
}

static void add_power(void *state, int64_t window, int64_t element) {
    const sums *s = state;
    s->result[window] += pow(fabs(s->x[element]), s->exponent);
}

void reference_window_power(
    const reference_window *p, double exponent, const double *x, double *y, double *magnitude) {
    const sums s = {.p = p, .x = x, .result = y, .exponent = exponent};
    zero(y, magnitude, reference_window_count(p->y));
    visit_all(p, add_power, (void *)&s);
    for (int64_t i = 0; i < reference_window_count(p->y); i++) {
        y[i] = magnitude[i] = pow(y[i], 1 / exponent);
    }
}

static void add_power_share(void *state, int64_t window, int64_t element) {
    const sums *s = state;
    const double x = s->x[element], y = s->y[window], p = s->exponent;
    const double sign = x > 0 ? 1 : x < 0 ? -1 : 0;
    if (y != 0) {
        const double share = s->dy[window] * pow(fabs(x), p - 1) * pow(y, 1 - p);
        s->result[element] += sign * share;
        s->magnitude[element] += fabs(sign * share);
    }
}

void reference_window_power_backward(const reference_window *p, double exponent, const double *x,
    const double *y, const double *dy, double *dx, double *magnitude) {
    const sums s = {.p = p,
        .x = x,
        .dy = dy,
        .result = dx,
        .magnitude = magnitude,
        .exponent = exponent,
        .y = y};
    zero(dx, magnitude, reference_window_count(p->x));
    visit_all(p, add_power_share, (void *)&s);
}
