/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_half.h"
#include <math.h>

/* Digits behind the leading one, and the largest exponent. */
static int digits(cleat_type type) {
    return type == CLEAT_F16 ? 10 : 7;
}

static int largest_exponent(cleat_type type) {
    return type == CLEAT_F16 ? 15 : 127;
}

double reference_half_value(cleat_type type, uint16_t element) {
    const int behind = digits(type), bias = largest_exponent(type);
    const int field = element >> behind & (2 * bias + 1);
    const int tail = element & ((1 << behind) - 1);
    const double sign = element >> 15 ? -1 : 1;
    if (field == 2 * bias + 1) {
        return tail != 0 ? NAN : sign * INFINITY;
    }
    const int significand = field > 0 ? tail + (1 << behind) : tail;
    return sign * ldexp(significand, (field > 0 ? field : 1) - bias - behind);
}

uint16_t reference_half_nearest(cleat_type type, long double number) {
    const int behind = digits(type), bias = largest_exponent(type);
    const uint16_t sign = signbit(number) ? 0x8000 : 0;
    const uint16_t infinity = (uint16_t)((2 * bias + 1) << behind);
    if (isnan(number)) {
        return (uint16_t)(sign | infinity | 1u << (behind - 1));
    }
    if (isinf(number)) {
        return sign | infinity;
    }
    int exponent = 0;
    frexpl(number, &exponent); /* within 1/2 and 1, times 2^exponent */
    const int least = 1 - bias - behind;
    int step = exponent - 1 - behind > least ? exponent - 1 - behind : least;
    long double count = rintl(ldexpl(fabsl(number), -step));
    if (count >= ldexpl(1, behind + 1)) {
        count /= 2;
        step++;
    }
    if (ldexpl(count, step) >= ldexpl(1, bias + 1)) {
        return sign | infinity;
    }
    const int leading = 1 << behind;
    const int whole = (int)count;
    return (uint16_t)(whole < leading ? sign | whole
                                      : sign | (step - least + 1) << behind | (whole - leading));
}

double reference_half_rounded(cleat_type type, long double number) {
    return reference_half_value(type, reference_half_nearest(type, number));
}

double reference_half_unit(cleat_type type) {
    return ldexp(1, -1 - digits(type));
}

double reference_half_tiny(cleat_type type) {
    return ldexp(1, -largest_exponent(type) - digits(type));
}
