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
    reference_value value = {.is_float = reference_is_float(type), .is_u64 = type == CLEAT_U64};
    float f32;
    uint16_t half;
    int16_t i16;
    int32_t i32;
    uint32_t u32;
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
    case CLEAT_U32:
        memcpy(&u32, at, sizeof u32);
        value.integer = u32;
        break;
    case CLEAT_I64:
    case CLEAT_U64:
        memcpy(&value.integer, at, sizeof value.integer);
        break;
    case CLEAT_I16:
        memcpy(&i16, at, sizeof i16);
        value.integer = i16;
        break;
    case CLEAT_U16:
        memcpy(&half, at, sizeof half);
        value.integer = half;
        break;
    case CLEAT_I8:
        value.integer = *at < 128 ? *at : *at - 256;
        break;
    case CLEAT_U8:
    case CLEAT_BOOL:
        value.integer = *at;
        break;
    case CLEAT_TEXT:
        break;
    }
    return value;
}

void reference_put(cleat_type type, void *elements, int64_t index, reference_value value) {
    unsigned char *at = (unsigned char *)elements + (size_t)index * cleat_type_size(type);
    const float f32 = (float)value.number;
    const uint32_t word = (uint32_t)value.integer;
    uint16_t half = (uint16_t)value.integer;
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
    case CLEAT_I16:
    case CLEAT_U16:
        memcpy(at, &half, sizeof half);
        break;
    case CLEAT_I32:
    case CLEAT_U32:
        memcpy(at, &word, sizeof word);
        break;
    case CLEAT_I64:
    case CLEAT_U64:
        memcpy(at, &value.integer, sizeof value.integer);
        break;
    case CLEAT_I8:
    case CLEAT_U8:
    case CLEAT_BOOL:
        *at = (unsigned char)value.integer;
        break;
    case CLEAT_TEXT:
        break;
    }
}

static bool is_signed(cleat_type type) {
    return type == CLEAT_I8 || type == CLEAT_I16 || type == CLEAT_I32 || type == CLEAT_I64;
}

/* Towards zero into the type's range; NaN gives 0. */
static int64_t saturated(double number, cleat_type type) {
    const int bits = 8 * (int)cleat_type_size(type) - (is_signed(type) ? 1 : 0);
    const double beyond = ldexp(1, bits), low = is_signed(type) ? -beyond : 0;
    const uint64_t largest = UINT64_MAX >> (64 - bits);
    if (isnan(number)) {
        return 0;
    }
    if (number <= low) {
        return is_signed(type) ? -(int64_t)largest - 1 : 0;
    }
    return number >= beyond    ? (int64_t)largest
           : type == CLEAT_U64 ? (int64_t)(uint64_t)number
                               : (int64_t)number;
}

/* The lower bits, of the type's sign. */
static int64_t wrapped(int64_t integer, cleat_type type) {
    const int bits = 8 * (int)cleat_type_size(type);
    const uint64_t kept = (uint64_t)integer & UINT64_MAX >> (64 - bits);
    const uint64_t sign = is_signed(type) ? UINT64_C(1) << (bits - 1) : 0;
    return (int64_t)((kept ^ sign) - sign);
}

int reference_order(reference_value a, reference_value b) {
    if (a.is_float) {
        return (a.number > b.number) - (a.number < b.number);
    }
    const uint64_t x = (uint64_t)a.integer, y = (uint64_t)b.integer;
    return a.is_u64 ? (x > y) - (x < y) : (a.integer > b.integer) - (a.integer < b.integer);
}

reference_value reference_cast(reference_value value, cleat_type type) {
    reference_value out = {.is_float = reference_is_float(type), .is_u64 = type == CLEAT_U64};
    const uint64_t u64 = (uint64_t)value.integer;
    if (type == CLEAT_F32) { /* from an integer, or a double, with one rounding */
        out.number = (double)(value.is_float ? (float)value.number
                              : value.is_u64 ? (float)u64
                                             : (float)value.integer);
    } else if (type == CLEAT_F16 || type == CLEAT_BF16) {
        out.number = reference_half_rounded(type, value.is_float ? (long double)value.number
                                                  : value.is_u64 ? (long double)u64
                                                                 : (long double)value.integer);
    } else if (type == CLEAT_F64) {
        out.number = value.is_float ? value.number
                     : value.is_u64 ? (double)u64
                                    : (double)value.integer;
    } else if (type == CLEAT_BOOL) {
        out.integer = value.is_float ? !(value.number == 0) : value.integer != 0;
    } else {
        out.integer = value.is_float ? saturated(value.number, type) : wrapped(value.integer, type);
    }
    return out;
}
