/* SPDX-License-Identifier: Apache-2.0 */
#include "reference/reference_types.h"
#include "reference/reference_half.h"
#include <math.h>
#include <string.h>

bool reference_is_float(cleat_type type) {
    return type == CLEAT_F32 || type == CLEAT_F64 || type == CLEAT_F16 || type == CLEAT_BF16;
}

reference_value reference_get(cleat_type type, const void *elements, int64_t index) {
    const unsigned char *at =
        (const unsigned char *)elements + (size_t)index * cleat_type_size(type);
    reference_value value = {.is_float = reference_is_float(type)};
    float f32;
    uint16_t half;
    int32_t i32;
    switch (type) {
    case CLEAT_F32:
        memcpy(&f32, at, sizeof f32);
        value.number = (double)f32;
        break;
    case CLEAT_F64:
        memcpy(&value.number, at, sizeof value.number);
        break;
    case CLEAT_F16:
    case CLEAT_BF16:
        memcpy(&half, at, sizeof half);
        value.number = reference_half_value(type, half);
        break;
    case CLEAT_I32:
        memcpy(&i32, at, sizeof i32);
        value.integer = i32;
        break;
    case CLEAT_I64:
        memcpy(&value.integer, at, sizeof value.integer);
        break;
    default:
        value.integer = *at;
        break;
    }
    return value;
}

void reference_put(cleat_type type, void *elements, int64_t index, reference_value value) {
    unsigned char *at = (unsigned char *)elements + (size_t)index * cleat_type_size(type);
    const float f32 = (float)value.number;
    const uint32_t i32 = (uint32_t)value.integer;
    uint16_t half;
    switch (type) {
    case CLEAT_F32:
        memcpy(at, &f32, sizeof f32);
        break;
    case CLEAT_F64:
        memcpy(at, &value.number, sizeof value.number);
        break;
    case CLEAT_F16:
    case CLEAT_BF16:
        half = reference_half_nearest(type, (long double)value.number);
        memcpy(at, &half, sizeof half);
        break;
    case CLEAT_I32:
        memcpy(at, &i32, sizeof i32);
        break;
    case CLEAT_I64:
        memcpy(at, &value.integer, sizeof value.integer);
        break;
    default:
        *at = (unsigned char)value.integer;
        break;
    }
}

/* Towards zero into low .. high, high + 1 being a power of two; NaN gives 0. */
static int64_t saturated(double number, int64_t low, int64_t high) {
    if (isnan(number)) {
        return 0;
    }
    if (number <= (double)low) {
        return low;
    }
    return number >= (double)high + 1 ? high : (int64_t)number;
}

static int64_t to_integer(reference_value value, cleat_type type) {
    switch (type) {
    case CLEAT_I32:
        if (value.is_float) {
            return saturated(value.number, INT32_MIN, INT32_MAX);
        }
        return (int64_t)(((uint64_t)value.integer & 0xffffffff) ^ 0x80000000) - 0x80000000LL;
    case CLEAT_I64:
        return value.is_float ? saturated(value.number, INT64_MIN, INT64_MAX) : value.integer;
    case CLEAT_U8:
        return value.is_float ? saturated(value.number, 0, 255) : value.integer & 255;
    default:
        return value.is_float ? !(value.number == 0) : value.integer != 0;
    }
}

reference_value reference_cast(reference_value value, cleat_type type) {
    reference_value out = {.is_float = reference_is_float(type)};
    if (type == CLEAT_F32) { /* from an integer, or a double, with one rounding */
        out.number = (double)(value.is_float ? (float)value.number : (float)value.integer);
    } else if (type == CLEAT_F16 || type == CLEAT_BF16) {
        out.number = reference_half_rounded(
            type, value.is_float ? (long double)value.number : (long double)value.integer);
    } else if (type == CLEAT_F64) {
        out.number = value.is_float ? value.number : (double)value.integer;
    } else {
        out.integer = to_integer(value, type);
    }
    return out;
}
