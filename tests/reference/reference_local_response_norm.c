/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_local_response_norm.h"

#include <math.h>
#include <stddef.h>

/* Whether channel i is in the window of channel c. */
static int holds(const reference_local_norm *n, int64_t c, int64_t i) {
    return i >= c - (n->size - 1) / 2 && i <= c + n->size / 2;
}

/* s of channel c of a line that begins at x. */
static double scale_of(const reference_local_norm *n, const double *x, int64_t c) {
    double sum = 0;
    for (int64_t i = 0; i < n->channels; i++) {
        double value = x[i * n->inner];
        sum += holds(n, c, i) ? value * value : 0;
    }
    return n->bias + n->alpha / (double)n->size * sum;
}

static int64_t line_start(const reference_local_norm *n, int64_t line) {
    return line / n->inner * n->channels * n->inner + line % n->inner;
}

void reference_local_response_norm(const reference_local_norm *n, const double *x, double *y) {
    for (int64_t line = 0; line < n->outer * n->inner; line++) {
        int64_t first = line_start(n, line);
        for (int64_t c = 0; c < n->channels; c++) {
            int64_t at = first + c * n->inner;
            y[at] = x[at] / pow(scale_of(n, x + first, c), n->beta);
        }
    }
}

void reference_local_response_norm_backward(const reference_local_norm *n, const double *x,
    const double *dy, double *dx, double *magnitude) {
    const double slope = 2 * n->alpha * n->beta / (double)n->size;
    for (int64_t line = 0; line < n->outer * n->inner; line++) {
        int64_t first = line_start(n, line);
        for (int64_t i = 0; i < n->channels; i++) {
            int64_t at = first + i * n->inner;
            dx[at] = dy[at] / pow(scale_of(n, x + first, i), n->beta);
            double size = fabs(dx[at]);
            for (int64_t c = 0; c < n->channels; c++) {
                if (holds(n, c, i)) {
                    int64_t other = first + c * n->inner;
                    double s = scale_of(n, x + first, c);
                    double term = slope * x[at] * dy[other] * x[other] / pow(s, n->beta + 1);
                    dx[at] -= term;
                    size += fabs(term);
                }
            }
            if (magnitude != NULL) {
                magnitude[at] = size;
            }
        }
    }
}
