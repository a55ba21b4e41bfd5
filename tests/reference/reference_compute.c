/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_compute.h"
#include <math.h>
#include <stdbool.h>

/* To `digits` significant bits, ties away from zero or to even; multiples of `least` at least. */
static double nearest(double x, int digits, bool away, double least) {
    if (!isfinite(x) || x == 0) {
        return x;
    }
    int exponent;
    frexp(x, &exponent);
    const double unit = fmax(ldexp(1, exponent - digits), least);
    return (away ? round(x / unit) : nearbyint(x / unit)) * unit;
}

double reference_compute_taken(double x, cleat_compute compute) {
    switch (compute) {
    case CLEAT_COMPUTE_TF32:
        return nearest(x, 11, true, 0);
    case CLEAT_COMPUTE_F16:
        x = nearest(x, 11, false, 0x1p-24);
        return fabs(x) >= 65536 ? copysign(INFINITY, x) : x;
    case CLEAT_COMPUTE_BF16:
        return nearest(x, 8, false, 0);
    default:
        return x;
    }
}

double reference_compute_left_out(cleat_compute compute) {
    return compute == CLEAT_COMPUTE_TF32X3 ? 0x1.01p-21 : 0;
}
