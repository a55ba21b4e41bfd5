/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_view.h"

#include <string.h>

bool fuzz_view_is_valid(const cleat_tensor *t, size_t size) {
    const size_t element = cleat_type_size(t->type);
    if (element == 0 || t->rank < 0 || t->rank > CLEAT_MAX_RANK) {
        return false;
    }
    /* In doubles: exact wherever a view can still be inside, and never an overflow. */
    double count = 1, low = (double)t->offset, high = low;
    bool is_empty = false;
    for (int32_t i = 0; i < t->rank; i++) {
        if (t->shape[i] < 0) {
            return false;
        }
        is_empty = is_empty || t->shape[i] == 0;
        count *= (double)t->shape[i];
        const double reach = t->shape[i] > 1 ? (double)(t->shape[i] - 1) * (double)t->stride[i] : 0;
        low += reach < 0 ? reach : 0;
        high += reach > 0 ? reach : 0;
    }
    /* An empty one may lie anywhere. */
    return is_empty ||
           (count <= 0x1p63 && low >= 0 && t->offset >= 0 && high < (double)(size / element));
}

bool fuzz_view_of(const cleat_tensor *tensor, size_t size, fuzz_view *view) {
    enum { MOST = 1 << 20 };
    *view = (fuzz_view){tensor, 1, cleat_type_size(tensor->type)};
    if (!fuzz_view_is_valid(tensor, size)) {
        return false;
    }
    for (int32_t i = 0; i < tensor->rank; i++) {
        if (tensor->shape[i] == 0) {
            view->count = 0;
            return true;
        }
    }
    for (int32_t i = 0; i < tensor->rank; i++) {
        if (tensor->shape[i] > MOST / view->count) {
            return false;
        }
        view->count *= tensor->shape[i];
    }
    return true;
}

size_t fuzz_view_at(const fuzz_view *view, int64_t i) {
    const cleat_tensor *t = view->tensor;
    int64_t at = t->offset;
    for (int32_t axis = t->rank - 1; axis >= 0; axis--) {
        const int64_t place = i % t->shape[axis];
        at += place > 0 ? place * t->stride[axis] : 0;
        i /= t->shape[axis];
    }
    return (size_t)at * view->element;
}

double fuzz_view_get(const fuzz_view *view, int64_t i, const unsigned char *bytes) {
    bytes += fuzz_view_at(view, i);
    float f32;
    double f64;
    int32_t i32;
    int64_t i64;
    int8_t i8;
    int16_t i16;
    uint32_t u32;
    uint64_t u64;
    uint16_t bits;
    switch (view->tensor->type) {
    case CLEAT_F16:
        memcpy(&bits, bytes, sizeof bits);
        cleat_f16_to_f32(&bits, 1, &f32);
        return (double)f32;
    case CLEAT_BF16:
        memcpy(&bits, bytes, sizeof bits);
        cleat_bf16_to_f32(&bits, 1, &f32);
        return (double)f32;
    case CLEAT_F32:
        memcpy(&f32, bytes, sizeof f32);
        return (double)f32;
    case CLEAT_F64:
        memcpy(&f64, bytes, sizeof f64);
        return f64;
    case CLEAT_I32:
        memcpy(&i32, bytes, sizeof i32);
        return (double)i32;
    case CLEAT_I64:
        memcpy(&i64, bytes, sizeof i64);
        return (double)i64;
    case CLEAT_I8:
        memcpy(&i8, bytes, sizeof i8);
        return (double)i8;
    case CLEAT_I16:
        memcpy(&i16, bytes, sizeof i16);
        return (double)i16;
    case CLEAT_U16:
        memcpy(&bits, bytes, sizeof bits);
        return (double)bits;
    case CLEAT_U32:
        memcpy(&u32, bytes, sizeof u32);
        return (double)u32;
    case CLEAT_U64:
        memcpy(&u64, bytes, sizeof u64);
        return (double)u64;
    default:
        return (double)*bytes;
    }
}

void fuzz_view_put(const fuzz_view *view, int64_t i, unsigned char *bytes, double value) {
    bytes += fuzz_view_at(view, i);
    const float f32 = (float)value;
    const bool is_whole = value > -9e18 && value < 9e18;
    const int64_t i64 = is_whole ? (int64_t)value : -1;
    const int32_t i32 = (int32_t)i64;
    uint16_t bits = (uint16_t)i64;
    switch (view->tensor->type) {
    case CLEAT_F16:
        cleat_f16_from_f32(&f32, 1, &bits);
        memcpy(bytes, &bits, sizeof bits);
        break;
    case CLEAT_BF16:
        cleat_bf16_from_f32(&f32, 1, &bits);
        memcpy(bytes, &bits, sizeof bits);
        break;
    case CLEAT_F32:
        memcpy(bytes, &f32, sizeof f32);
        break;
    case CLEAT_F64:
        memcpy(bytes, &value, sizeof value);
        break;
    case CLEAT_I16:
    case CLEAT_U16:
        memcpy(bytes, &bits, sizeof bits);
        break;
    case CLEAT_I32:
    case CLEAT_U32:
        memcpy(bytes, &i32, sizeof i32);
        break;
    case CLEAT_I64:
    case CLEAT_U64:
        memcpy(bytes, &i64, sizeof i64);
        break;
    default:
        *bytes = (unsigned char)i64;
        break;
    }
}
