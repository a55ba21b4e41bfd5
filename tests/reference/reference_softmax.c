/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_softmax.h"
#include <math.h>

/* Elements from one along the axis to the next. */
static int64_t axis_step(const reference_array *x, int32_t axis) {
    int64_t step = 1;
    for (int32_t i = axis + 1; i < x->rank; i++) {
        step *= x->shape[i];
    }
    return step;
}

/* First element of row number `row`. */
static int64_t row_start(int64_t row, int64_t step, int64_t length) {
    return row / step * step * length + row % step;
}

static void forward_row(
    bool logarithm, const double *x, int64_t step, int64_t length, double *y, double *magnitude) {
    double m = -(double)INFINITY;
    double sum = 0;
    double spread = 0; /* of the sum: errors of x - m become relative ones of its exponential */
    for (int64_t i = 0; i < length; i++) {
        m = x[i * step] > m || isnan(x[i * step]) ? x[i * step] : m;
    }
    bool masked = isinf(m) && m < 0;
    for (int64_t i = 0; i < length; i++) {
        double d = x[i * step] - m;
        double e = masked ? 0 : exp(d);
        sum += e;
        spread += e == 0 ? 0 : e * -d;
    }
    spread = masked ? 0 : spread / sum;
    for (int64_t i = 0; i < length; i++) {
        double d = x[i * step] - m;
        if (logarithm) {
            y[i * step] = masked ? m : d - log(sum);
            magnitude[i * step] = fabs(d) + fabs(log(sum)) + 1 + spread;
        } else {
            y[i * step] = masked ? 0 : exp(d) / sum;
            magnitude[i * step] = y[i * step] == 0 ? 0 : y[i * step] * (1 - d + spread);
        }
    }
}

void reference_softmax(
    bool logarithm, const reference_array *x, int32_t axis, double *y, double *magnitude) {
    int64_t step = axis_step(x, axis);
    int64_t length = x->shape[axis];
    int64_t count = reference_count(x);
    for (int64_t row = 0; count > 0 && row < count / length; row++) {
        int64_t at = row_start(row, step, length);
        forward_row(logarithm, x->data + at, step, length, y + at, magnitude + at);
    }
}

static void backward_row(bool logarithm, const double *y, const double *dy, int64_t step,
    int64_t length, double *dx, double *magnitude) {
    double sum = 0;
    double absolute = 0;
    for (int64_t i = 0; i < length * step; i += step) {
        double term = logarithm ? dy[i] : y[i] * dy[i];
        sum += term;
        absolute += fabs(term);
    }
    for (int64_t i = 0; i < length * step; i += step) {
        if (logarithm) {
            dx[i] = dy[i] - exp(y[i]) * sum;
            magnitude[i] = fabs(dy[i]) + exp(y[i]) * absolute * (1 + fabs(y[i]));
        } else {
            dx[i] = y[i] * (dy[i] - sum);
            magnitude[i] = fabs(y[i]) * (fabs(dy[i]) + absolute);
        }
    }
}

void reference_softmax_backward(bool logarithm, const reference_array *y, const double *dy,
    int32_t axis, double *dx, double *magnitude) {
    int64_t step = axis_step(y, axis);
    int64_t length = y->shape[axis];
    int64_t count = reference_count(y);
    for (int64_t row = 0; count > 0 && row < count / length; row++) {
        int64_t at = row_start(row, step, length);
        backward_row(logarithm, y->data + at, dy + at, step, length, dx + at, magnitude + at);
    }
}
