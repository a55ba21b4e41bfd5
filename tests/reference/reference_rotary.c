/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_rotary.h"

#include <math.h>

void reference_rotary(const long double *x, int64_t rows, int64_t width, const int64_t *positions,
    double base, bool neighbours, bool inverse, long double *y, long double *magnitude) {
    const int64_t pairs = width / 2;
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t i = 0; i < pairs; i++) {
            const long double angle =
                (long double)positions[row] *
                powl((long double)base, -2 * (long double)i / (long double)width);
            const long double c = cosl(angle), s = inverse ? -sinl(angle) : sinl(angle);
            const int64_t first = row * width + (neighbours ? 2 * i : i);
            const int64_t other = row * width + (neighbours ? 2 * i + 1 : i + pairs);
            const long double x0 = x[first], x1 = x[other];
            y[first] = x0 * c - x1 * s;
            y[other] = x1 * c + x0 * s;
            magnitude[first] = magnitude[other] = fabsl(x0) + fabsl(x1);
        }
    }
}
