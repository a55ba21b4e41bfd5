/* SPDX-License-Identifier: Apache-2.0 */
/* IEEE 754 binary16 and bfloat16, the upper half of a binary32, by integer arithmetic. */
#include "core/half.h"
#include <string.h>

/* Significands without the leading bit, and the largest exponent. */
enum { FRACTION_F64 = 52, BIAS_F64 = 1023, FRACTION_F16 = 10, BIAS_F16 = 15, FRACTION_BF16 = 7 };
enum { BIAS_F32 = 127, FRACTION_F32 = 23 };

uint16_t half_from_double(double value, cleat_type type) {
    const int fraction = type == CLEAT_F16 ? FRACTION_F16 : FRACTION_BF16;
    const int bias = type == CLEAT_F16 ? BIAS_F16 : BIAS_F32;
    const uint64_t infinity = (uint64_t)(2 * bias + 1) << fraction;
    const uint64_t quiet = UINT64_C(1) << (fraction - 1);
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    const uint64_t sign = bits >> 63 << 15;
    const uint64_t tail = bits & ((UINT64_C(1) << FRACTION_F64) - 1);
    const int field = (int)(bits >> FRACTION_F64 & (2 * BIAS_F64 + 1));
    const int exponent = field - BIAS_F64;
    if (field == 2 * BIAS_F64 + 1 && tail != 0) {
        return (uint16_t)(sign | infinity | quiet | tail >> (FRACTION_F64 - fraction));
    }
    if (exponent > bias) {
        return (uint16_t)(sign | infinity);
    }
    /* Bits to lose: more below the least normal number, all of them far below. */
    const int below = exponent < 1 - bias ? 1 - bias - exponent : 0;
    const int lost = FRACTION_F64 - fraction + below;
    if (lost > FRACTION_F64 + 1) {
        return (uint16_t)sign;
    }
    const uint64_t significand = tail | UINT64_C(1) << FRACTION_F64;
    const uint64_t rest = significand & ((UINT64_C(1) << lost) - 1);
    const uint64_t tie = UINT64_C(1) << (lost - 1);
    uint64_t kept = significand >> lost;
    kept += rest > tie || (rest == tie && (kept & 1) != 0);
    /* The leading bit of a normal number counts as 1 in the exponent, as does one that is carried.
     */
    const uint64_t scale = below > 0 ? 0 : (uint64_t)(exponent + bias - 1) << fraction;
    return (uint16_t)(sign | (scale + kept));
}

static float f16_value(uint16_t element) {
    const uint32_t sign = (uint32_t)(element >> 15) << 31;
    const uint32_t field = element >> FRACTION_F16 & (2 * BIAS_F16 + 1);
    const uint32_t tail = element & ((1u << FRACTION_F16) - 1);
    if (field == 0) { /* zero, subnormal */
        const float least = 1.0f / (1 << 24);
        return sign != 0 ? -((float)tail * least) : (float)tail * least;
    }
    const uint32_t exponent = field == 2 * BIAS_F16 + 1 ? 255 : field + BIAS_F32 - BIAS_F16;
    const uint32_t bits = sign | exponent << FRACTION_F32 | tail << (FRACTION_F32 - FRACTION_F16);
    float value = 0;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void cleat_f16_from_f32(const float *values, size_t count, uint16_t *elements) {
    for (size_t i = 0; i < count; i++) {
        elements[i] = half_from_double((double)values[i], CLEAT_F16);
    }
}

void cleat_bf16_from_f32(const float *values, size_t count, uint16_t *elements) {
    for (size_t i = 0; i < count; i++) {
        elements[i] = half_from_double((double)values[i], CLEAT_BF16);
    }
}

void cleat_f16_to_f32(const uint16_t *elements, size_t count, float *values) {
    for (size_t i = 0; i < count; i++) {
        values[i] = f16_value(elements[i]);
    }
}

void cleat_bf16_to_f32(const uint16_t *elements, size_t count, float *values) {
    for (size_t i = 0; i < count; i++) {
        const uint32_t bits = (uint32_t)elements[i] << 16;
        memcpy(&values[i], &bits, sizeof bits);
    }
}
