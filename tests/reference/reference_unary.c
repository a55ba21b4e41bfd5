/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_unary.h"
#include <math.h>

static double sign(double x) {
    return isnan(x) ? x : x > 0 ? 1 : x < 0 ? -1 : 0;
}

double reference_unary(cleat_unary_kind kind, double x) {
    switch (kind) {
    case CLEAT_EXP:
        return exp(x);
    case CLEAT_LOG:
        return log(x);
    case CLEAT_SQRT:
        return sqrt(x);
    case CLEAT_RSQRT:
        return 1 / sqrt(x);
    case CLEAT_RECIPROCAL:
        return 1 / x;
    case CLEAT_SQUARE:
        return x * x;
    case CLEAT_ABS:
        return fabs(x);
    case CLEAT_NEG:
        return -x;
    case CLEAT_SIGN:
        return sign(x);
    case CLEAT_FLOOR:
        return floor(x);
    case CLEAT_CEIL:
        return ceil(x);
    case CLEAT_ROUND:
        return rint(x);
    case CLEAT_ERF:
        return erf(x);
    case CLEAT_SIN:
        return sin(x);
    case CLEAT_COS:
        return cos(x);
    }
    return NAN;
}

double reference_unary_derivative(cleat_unary_kind kind, double x) {
    switch (kind) {
    case CLEAT_EXP:
        return exp(x);
    case CLEAT_LOG:
        return 1 / x;
    case CLEAT_SQRT:
        return 0.5 / sqrt(x);
    case CLEAT_RSQRT:
        return -0.5 / (x * sqrt(x));
    case CLEAT_RECIPROCAL:
        return -1 / (x * x);
    case CLEAT_SQUARE:
        return 2 * x;
    case CLEAT_ABS:
        return sign(x);
    case CLEAT_NEG:
        return -1;
    case CLEAT_ERF:
        return 2 / sqrt(acos(-1)) * exp(-x * x);
    case CLEAT_SIN:
        return cos(x);
    case CLEAT_COS:
        return -sin(x);
    default:
        return 0;
    }
}
