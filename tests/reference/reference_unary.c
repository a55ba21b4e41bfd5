/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_unary.h"
#include <math.h>

static long double sign(long double x) {
    return isnan(x) ? x : x > 0 ? 1 : x < 0 ? -1 : 0;
}

long double reference_unary(cleat_unary_kind kind, long double x) {
    switch (kind) {
    case CLEAT_EXP:
        return expl(x);
    case CLEAT_LOG:
        return logl(x);
    case CLEAT_SQRT:
        return sqrtl(x);
    case CLEAT_RSQRT:
        return 1 / sqrtl(x);
    case CLEAT_RECIPROCAL:
        return 1 / x;
    case CLEAT_SQUARE:
        return x * x;
    case CLEAT_ABS:
        return fabsl(x);
    case CLEAT_NEG:
        return -x;
    case CLEAT_SIGN:
        return sign(x);
    case CLEAT_FLOOR:
        return floorl(x);
    case CLEAT_CEIL:
        return ceill(x);
    case CLEAT_ROUND:
        return rintl(x);
    case CLEAT_ERF:
        return erfl(x);
    case CLEAT_SIN:
        return sinl(x);
    case CLEAT_COS:
        return cosl(x);
    }
    return NAN;
}

long double reference_unary_derivative(cleat_unary_kind kind, long double x) {
    switch (kind) {
    case CLEAT_EXP:
        return expl(x);
    case CLEAT_LOG:
        return 1 / x;
    case CLEAT_SQRT:
        return 0.5L / sqrtl(x);
    case CLEAT_RSQRT:
        return -0.5L / (x * sqrtl(x));
    case CLEAT_RECIPROCAL:
        return -1 / (x * x);
    case CLEAT_SQUARE:
        return 2 * x;
    case CLEAT_ABS:
        return sign(x);
    case CLEAT_NEG:
        return -1;
    case CLEAT_ERF:
        return 2 / sqrtl(acosl(-1.0L)) * expl(-x * x);
    case CLEAT_SIN:
        return cosl(x);
    case CLEAT_COS:
        return -sinl(x);
    default:
        return 0;
    }
}
