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

/* The elements of an integer type as a whole number within low .. high; high + 1 is exact in a
 * double. False where `value` is none. */
static bool whole_bytes(
    double value, double low, double high_plus_1, size_t size, unsigned char bytes[8]) {
    if (!(value >= low && value < high_plus_1 && value - floor(value) <= 0)) {
        return false;
    }
    const uint64_t bits = value < 0 ? (uint64_t)(int64_t)value : (uint64_t)value;
    const uint8_t u8 = (uint8_t)bits;
    const uint16_t u16 = (uint16_t)bits;
    const uint32_t u32 = (uint32_t)bits;
    memcpy(bytes,
        size == 1   ? (const void *)&u8
        : size == 2 ? (const void *)&u16
        : size == 4 ? (const void *)&u32
                    : (const void *)&bits,
        size);
    return true;
}

cleat_status transfer_value(
    const char *operation, double value, cleat_type type, unsigned char bytes[8]) {
    const float f32 = (float)value;
    uint16_t half = 0;
    double low = 0, high_plus_1 = 0;
    switch (type) {
    case CLEAT_F32:
        memcpy(bytes, &f32, sizeof f32);
        return CLEAT_OK;
    case CLEAT_F64:
        memcpy(bytes, &value, sizeof value);
        return CLEAT_OK;
    case CLEAT_F16:
    case CLEAT_BF16:
        half = half_from_double(value, type);
        memcpy(bytes, &half, sizeof half);
        return CLEAT_OK;
    default:
        type_whole_range(type, &low, &high_plus_1);
        REFUSE_IF(!whole_bytes(value, low, high_plus_1, cleat_type_size(type), bytes),
            CLEAT_INVALID_ARGUMENT, "%s: %.17g does not fit the type %s", operation, value,
            cleat_type_name(type));
        return CLEAT_OK;
    }
}

cleat_status cleat_fill(cleat_context *context, double value, cleat_tensor y) {
    unsigned char bytes[8] = {0};
    TRY(check_context("fill", context));
    TRY(check_output("fill", "y", context, &y, 0));
    TRY(transfer_value("fill", value, y.type, bytes));
    return transfer_fill(context, "fill", bytes, cleat_type_size(y.type), &y);
}
