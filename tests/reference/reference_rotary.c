/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_rotary.h"

#include <math.h>

void reference_rotary(const double *x, int64_t rows, int64_t width, const int64_t *positions,
    double base, bool neighbours, bool inverse, double *y, double *magnitude) {
    const int64_t pairs = width / 2;
    for (int64_t row = 0; row < rows; row++) {
        const double position = (double)positions[row];
        /* As a part of what test_bound() allows for two terms, 2^-24 or so. */
        const double blur = 4 + fabs(position) * 0x1p-24;
        for (int64_t i = 0; i < pairs; i++) {
            const long double angle =
                (long double)position *
                powl((long double)base, -2 * (long double)i / (long double)width);
            const double c = (double)cosl(angle);
            const double s = (double)(inverse ? -sinl(angle) : sinl(angle));
            const int64_t first = row * width + (neighbours ? 2 * i : i);
            const int64_t other = row * width + (neighbours ? 2 * i + 1 : i + pairs);
            y[first] = x[first] * c - x[other] * s;
            y[other] = x[other] * c + x[first] * s;
            magnitude[first] = magnitude[other] = (fabs(x[first]) + fabs(x[other])) * (1 + blur);
        }
    }
}
