/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_resize.h"
#include <math.h>

static double coordinate(cleat_resize_coordinates kind, double o, double n, double m) {
    switch (kind) {
    case CLEAT_HALF_PIXEL:
        return (o + 0.5) * n / m - 0.5;
    case CLEAT_PYTORCH_HALF_PIXEL:
        return m > 1 ? (o + 0.5) * n / m - 0.5 : 0;
    case CLEAT_ALIGN_CORNERS:
        return m > 1 ? o * (n - 1) / (m - 1) : 0;
    default:
        return o * n / m;
    }
}

/* Places that are halves or whole numbers come out exactly, or so near that this tells. */
static double nearest(cleat_resize_rounding rounding, double x) {
    const double slack = 1e-9;
    switch (rounding) {
    case CLEAT_ROUND_PREFER_FLOOR:
        return ceil(x - 0.5 - slack);
    case CLEAT_ROUND_PREFER_CEIL:
        return floor(x + 0.5 + slack);
    case CLEAT_ROUND_FLOOR:
        return floor(x + slack);
    default:
        return ceil(x - slack);
    }
}

/* Keys, Cubic convolution interpolation for digital image processing, 1981, equation 4 */
static double keys(double a, double d) {
    if (d <= 1) {
        return (a + 2) * d * d * d - (a + 3) * d * d + 1;
    }
    return d < 2 ? a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a : 0;
}

void reference_resize_matrix(
    const cleat_resize_options *options, int64_t n, int64_t m, double *matrix) {
    double a =
        fabs((double)options->cubic_coefficient) > 0 ? (double)options->cubic_coefficient : -0.75;
    for (int64_t i = 0; i < n * m; i++) {
        matrix[i] = 0;
    }
    for (int64_t o = 0; o < m; o++) {
        double x = coordinate(options->coordinates, (double)o, (double)n, (double)m);
        for (double at = floor(x) - 2; at <= floor(x) + 3; at++) {
            double weight = options->mode == CLEAT_RESIZE_NEAREST
                                ? (at == nearest(options->rounding, x) ? 1 : 0)
                            : options->mode == CLEAT_RESIZE_LINEAR ? fmax(0, 1 - fabs(x - at))
                                                                   : keys(a, fabs(x - at));
            double inside = fmin(fmax(at, 0), (double)(n - 1));
            matrix[o * n + (int64_t)inside] += weight;
        }
    }
}
