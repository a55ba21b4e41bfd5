/* SPDX-License-Identifier: Apache-2.0 */
#include "core/half.h"
#include "core/tensor_check.h"
#include "core/transfer.h"
#include <math.h>
#include <string.h>

cleat_status cleat_copy(cleat_context *context, cleat_tensor x, cleat_tensor y) {
    cleat_tensor stretched;
    TRY(check_context("copy", context));
    TRY(check_tensor("copy", "x", context, &x, 0));
    TRY(check_output("copy", "y", context, &y, x.type));
    TRY(check_broadcast("copy", "x", &x, "y", &y, &stretched));
    TRY(check_no_overlap("copy", "x", &x, "y", &y, false));
    return transfer_elements(context, "copy", &stretched, NULL, &y, NULL);
}

/* Whether `value` is a whole number within low .. high; high + 1 is exact in a double. */
static bool is_whole(double value, double low, double high_plus_1) {
    return value >= low && value < high_plus_1 && value - floor(value) <= 0;
}

cleat_status transfer_value(
    const char *operation, double value, cleat_type type, unsigned char bytes[8]) {
    const double two_31 = 2147483648.0;
    const double two_63 = 9223372036854775808.0;
    float f32 = 0;
    uint16_t half = 0;
    int8_t i8 = 0;
    int16_t i16 = 0;
    uint16_t u16 = 0;
    uint32_t u32 = 0;
    uint64_t u64 = 0;
    int32_t i32 = 0;
    int64_t i64 = 0;
    bool fits = true;
    switch (type) {
    case CLEAT_F32:
        f32 = (float)value;
        memcpy(bytes, &f32, sizeof f32);
        break;
    case CLEAT_F64:
        memcpy(bytes, &value, sizeof value);
        break;
    case CLEAT_F16:
    case CLEAT_BF16:
        half = half_from_double(value, type);
        memcpy(bytes, &half, sizeof half);
        break;
    case CLEAT_I32:
        fits = is_whole(value, -two_31, two_31);
        i32 = fits ? (int32_t)value : 0;
        memcpy(bytes, &i32, sizeof i32);
        break;
    case CLEAT_I64:
        fits = is_whole(value, -two_63, two_63);
        i64 = fits ? (int64_t)value : 0;
        memcpy(bytes, &i64, sizeof i64);
        break;
    case CLEAT_U8:
        fits = is_whole(value, 0, 256);
        bytes[0] = fits ? (unsigned char)value : 0;
        break;
    case CLEAT_BOOL:
        fits = is_whole(value, 0, 2);
        bytes[0] = fits ? (unsigned char)value : 0;
        break;
    case CLEAT_I8:
        fits = is_whole(value, -128, 128);
        i8 = fits ? (int8_t)value : 0;
        memcpy(bytes, &i8, sizeof i8);
        break;
    case CLEAT_I16:
        fits = is_whole(value, -32768, 32768);
        i16 = fits ? (int16_t)value : 0;
        memcpy(bytes, &i16, sizeof i16);
        break;
    case CLEAT_U16:
        fits = is_whole(value, 0, 65536);
        u16 = fits ? (uint16_t)value : 0;
        memcpy(bytes, &u16, sizeof u16);
        break;
    case CLEAT_U32:
        fits = is_whole(value, 0, 2 * two_31);
        u32 = fits ? (uint32_t)value : 0;
        memcpy(bytes, &u32, sizeof u32);
        break;
    case CLEAT_U64:
        fits = is_whole(value, 0, 2 * two_63);
        u64 = fits ? (uint64_t)value : 0;
        memcpy(bytes, &u64, sizeof u64);
        break;
    }
    REFUSE_IF(!fits, CLEAT_INVALID_ARGUMENT, "%s: %.17g does not fit the type %s", operation, value,
        cleat_type_name(type));
    return CLEAT_OK;
}

cleat_status cleat_fill(cleat_context *context, double value, cleat_tensor y) {
    unsigned char bytes[8] = {0};
    TRY(check_context("fill", context));
    TRY(check_output("fill", "y", context, &y, 0));
    TRY(transfer_value("fill", value, y.type, bytes));
    return transfer_fill(context, "fill", bytes, cleat_type_size(y.type), &y);
}
