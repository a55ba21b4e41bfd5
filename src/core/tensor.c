/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors as values: types, shapes and views. Nothing here touches a device. */
#include "core/tensor_check.h"
#include <math.h>
#include <stdint.h>
#include <string.h>

size_t cleat_type_size(cleat_type type) {
    switch (type) {
    case CLEAT_F32:
    case CLEAT_I32:
    case CLEAT_U32:
        return 4;
    case CLEAT_F64:
    case CLEAT_I64:
    case CLEAT_U64:
        return 8;
    case CLEAT_F16:
    case CLEAT_BF16:
    case CLEAT_I16:
    case CLEAT_U16:
        return 2;
    case CLEAT_U8:
    case CLEAT_BOOL:
    case CLEAT_I8:
        return 1;
    case CLEAT_TEXT:
        return 0;
    }
    return 0;
}

const char *cleat_type_name(cleat_type type) {
    switch (type) {
    case CLEAT_F32:
        return "f32";
    case CLEAT_F64:
        return "f64";
    case CLEAT_I32:
        return "i32";
    case CLEAT_I64:
        return "i64";
    case CLEAT_U8:
        return "u8";
    case CLEAT_BOOL:
        return "bool";
    case CLEAT_F16:
        return "f16";
    case CLEAT_BF16:
        return "bf16";
    case CLEAT_I8:
        return "i8";
    case CLEAT_I16:
        return "i16";
    case CLEAT_U16:
        return "u16";
    case CLEAT_U32:
        return "u32";
    case CLEAT_U64:
        return "u64";
    case CLEAT_TEXT:
        return "text";
    }
    return "unknown";
}

bool type_is_floating(cleat_type type) {
    return type == CLEAT_F32 || type == CLEAT_F64 || type == CLEAT_F16 || type == CLEAT_BF16;
}

bool type_is_signed(cleat_type type) {
    return type == CLEAT_I8 || type == CLEAT_I16 || type == CLEAT_I32 || type == CLEAT_I64;
}

void type_whole_range(cleat_type type, double *low, double *high_plus_1) {
    const int bits = type == CLEAT_BOOL ? 1 : 8 * (int)cleat_type_size(type);
    *low = type_is_signed(type) ? -ldexp(1, bits - 1) : 0;
    *high_plus_1 = ldexp(1, type_is_signed(type) ? bits - 1 : bits);
}

cleat_status tensor_row_major(const char *operation, cleat_type type, int32_t rank,
    const int64_t *shape, cleat_tensor *tensor) {
    char text[SHAPE_TEXT_SIZE];
    REFUSE_IF(cleat_type_size(type) == 0, CLEAT_INVALID_ARGUMENT, "%s: %d is no type", operation,
        (int)type);
    REFUSE_IF(rank < 0 || rank > CLEAT_MAX_RANK, CLEAT_INVALID_ARGUMENT,
        "%s: rank %d is not within 0 .. %d", operation, rank, CLEAT_MAX_RANK);
    REFUSE_IF(rank > 0 && shape == NULL, CLEAT_INVALID_ARGUMENT, "%s: shape is NULL", operation);
    cleat_tensor made = {.type = type, .rank = rank};
    for (int32_t i = 0; i < rank; i++) {
        REFUSE_IF(shape[i] < 0, CLEAT_INVALID_ARGUMENT, "%s: shape %s has a negative extent",
            operation, shape_text(rank, shape, text));
        made.shape[i] = shape[i];
    }
    REFUSE_IF(cleat_tensor_count(&made) < 0, CLEAT_SIZE_OVERFLOW,
        "%s: shape %s has more elements than 2^63 - 1", operation, shape_text(rank, shape, text));
    int64_t stride = 1;
    for (int32_t i = rank - 1; i >= 0; i--) {
        made.stride[i] = stride;
        /* Past a zero extent the strides are never used, but they must not overflow. */
        int64_t next = 0;
        stride = checked_mul(stride, shape[i] > 0 ? shape[i] : 1, &next) ? next : 0;
    }
    *tensor = made;
    return CLEAT_OK;
}

cleat_status cleat_tensor_view(cleat_buffer *buffer, cleat_type type, int32_t rank,
    const int64_t *shape, int64_t offset, cleat_tensor *tensor) {
    cleat_tensor made;
    REFUSE_IF(buffer == NULL, CLEAT_INVALID_ARGUMENT, "tensor_view: buffer is NULL");
    REFUSE_IF(tensor == NULL, CLEAT_INVALID_ARGUMENT, "tensor_view: tensor is NULL");
    TRY(tensor_row_major("tensor_view", type, rank, shape, &made));
    made.buffer = buffer;
    made.offset = offset;
    TRY(check_within("tensor_view", "view", &made));
    *tensor = made;
    return CLEAT_OK;
}

int64_t cleat_tensor_count(const cleat_tensor *tensor) {
    if (tensor == NULL || tensor->rank < 0 || tensor->rank > CLEAT_MAX_RANK) {
        return -1;
    }
    bool empty = false;
    for (int32_t i = 0; i < tensor->rank; i++) {
        if (tensor->shape[i] < 0) {
            return -1;
        }
        empty = empty || tensor->shape[i] == 0;
    }
    if (empty) {
        return 0;
    }
    int64_t count = 1;
    for (int32_t i = 0; i < tensor->rank; i++) {
        if (!checked_mul(count, tensor->shape[i], &count)) {
            return -1;
        }
    }
    return count;
}

bool cleat_tensor_is_contiguous(const cleat_tensor *tensor) {
    int64_t count = cleat_tensor_count(tensor);
    if (count <= 0) {
        return count == 0;
    }
    int64_t expected = 1;
    for (int32_t i = tensor->rank - 1; i >= 0; i--) {
        if (tensor->shape[i] != 1 && tensor->stride[i] != expected) {
            return false;
        }
        expected *= tensor->shape[i];
    }
    return true;
}

/* Refuses what no view can be made of. */
static cleat_status check_source(
    const char *operation, const cleat_tensor *x, const cleat_tensor *out) {
    char text[SHAPE_TEXT_SIZE];
    REFUSE_IF(out == NULL, CLEAT_INVALID_ARGUMENT, "%s: out is NULL", operation);
    REFUSE_IF(x->rank < 0 || x->rank > CLEAT_MAX_RANK, CLEAT_INVALID_ARGUMENT,
        "%s: x has rank %d, which is not within 0 .. %d", operation, x->rank, CLEAT_MAX_RANK);
    REFUSE_IF(cleat_tensor_count(x) < 0, CLEAT_INVALID_ARGUMENT, "%s: x has the shape %s",
        operation, shape_text(x->rank, x->shape, text));
    REFUSE_IF(x->buffer != NULL && cleat_type_size(x->type) == 0, CLEAT_TYPE_MISMATCH,
        "%s: x has the unknown type %d", operation, (int)x->type);
    return x->buffer != NULL ? check_within(operation, "x", x) : CLEAT_OK;
}

cleat_tensor cleat_transpose(cleat_tensor x) {
    if (x.rank < 2 || x.rank > CLEAT_MAX_RANK) {
        return x;
    }
    cleat_tensor y = x;
    int32_t last = x.rank - 1;
    y.shape[last] = x.shape[last - 1];
    y.stride[last] = x.stride[last - 1];
    y.shape[last - 1] = x.shape[last];
    y.stride[last - 1] = x.stride[last];
    return y;
}

cleat_status cleat_permute(cleat_tensor x, const int32_t *axes, cleat_tensor *out) {
    TRY(check_source("permute", &x, out));
    REFUSE_IF(axes == NULL && x.rank > 0, CLEAT_INVALID_ARGUMENT, "permute: axes is NULL");
    cleat_tensor y = x;
    unsigned seen = 0;
    for (int32_t i = 0; i < x.rank; i++) {
        REFUSE_IF(axes[i] < 0 || axes[i] >= x.rank, CLEAT_INVALID_ARGUMENT,
            "permute: axes[%d] is %d, x has rank %d", i, axes[i], x.rank);
        REFUSE_IF(seen & 1u << axes[i], CLEAT_INVALID_ARGUMENT, "permute: axis %d is named twice",
            axes[i]);
        seen |= 1u << axes[i];
        y.shape[i] = x.shape[axes[i]];
        y.stride[i] = x.stride[axes[i]];
    }
    *out = y;
    return CLEAT_OK;
}

cleat_status cleat_slice(
    cleat_tensor x, int32_t axis, int64_t start, int64_t count, int64_t step, cleat_tensor *out) {
    TRY(check_source("slice", &x, out));
    TRY(check_axis("slice", axis, x.rank, &axis));
    REFUSE_IF(step == 0, CLEAT_INVALID_ARGUMENT, "slice: step is 0");
    REFUSE_IF(count < 0, CLEAT_INVALID_ARGUMENT, "slice: count is %lld", (long long)count);
    int64_t extent = x.shape[axis];
    int64_t last = 0;
    cleat_tensor y = x;
    y.shape[axis] = count;
    if (count == 0) {
        REFUSE_IF(start < 0 || start > extent, CLEAT_INVALID_ARGUMENT,
            "slice: start %lld is outside axis %d of extent %lld", (long long)start, axis,
            (long long)extent);
        *out = y;
        return CLEAT_OK;
    }
    REFUSE_IF(start < 0 || start >= extent || !checked_mul(count - 1, step, &last) ||
                  !checked_add(start, last, &last) || last < 0 || last >= extent,
        CLEAT_INVALID_ARGUMENT,
        "slice: %lld elements from %lld by steps of %lld leave axis %d of extent %lld",
        (long long)count, (long long)start, (long long)step, axis, (long long)extent);
    int64_t shift = 0;
    REFUSE_IF(
        !checked_mul(start, x.stride[axis], &shift) || !checked_add(x.offset, shift, &y.offset),
        CLEAT_SIZE_OVERFLOW, "slice: the offset overflows");
    /* With one element the stride is never used; a huge step must not make it overflow. */
    REFUSE_IF(!checked_mul(x.stride[axis], count > 1 ? step : 1, &y.stride[axis]),
        CLEAT_SIZE_OVERFLOW, "slice: the stride overflows");
    *out = y;
    return CLEAT_OK;
}

/* Replaces an extent of -1 by what the others leave. */
static cleat_status complete_shape(
    const cleat_tensor *x, int32_t rank, const int64_t *shape, cleat_tensor *y) {
    char from[SHAPE_TEXT_SIZE];
    char to[SHAPE_TEXT_SIZE];
    int32_t unknown = -1;
    REFUSE_IF(rank < 0 || rank > CLEAT_MAX_RANK, CLEAT_INVALID_ARGUMENT,
        "reshape: rank %d is not within 0 .. %d", rank, CLEAT_MAX_RANK);
    REFUSE_IF(rank > 0 && shape == NULL, CLEAT_INVALID_ARGUMENT, "reshape: shape is NULL");
    y->rank = rank;
    for (int32_t i = 0; i < rank; i++) {
        REFUSE_IF(shape[i] < -1 || (shape[i] == -1 && unknown >= 0), CLEAT_INVALID_ARGUMENT,
            "reshape: shape %s has %s", shape_text(rank, shape, to),
            shape[i] < -1 ? "a negative extent" : "more than one -1");
        unknown = shape[i] == -1 ? i : unknown;
        y->shape[i] = shape[i] == -1 ? 1 : shape[i];
    }
    int64_t want = cleat_tensor_count(x);
    int64_t have = cleat_tensor_count(y);
    if (unknown >= 0 && have > 0 && want % have == 0) {
        y->shape[unknown] = want / have;
        have = want;
    }
    REFUSE_IF(have != want || (unknown >= 0 && have == 0 && want == 0 && y->shape[unknown] == 1),
        CLEAT_SHAPE_MISMATCH, "reshape: %s cannot become %s", shape_text(x->rank, x->shape, from),
        shape_text(rank, shape, to));
    return CLEAT_OK;
}

/*
 * Gives y strides that walk x's elements in row-major order, if there are such: groups of x's axes
 * and of y's axes with equal products are matched from the last axis on, and within a group x's
 * axes must be adjacent in memory.
 */
static bool restride(const cleat_tensor *x, cleat_tensor *y) {
    int64_t shape[CLEAT_MAX_RANK];
    int64_t stride[CLEAT_MAX_RANK];
    int32_t rank = 0;
    for (int32_t i = 0; i < x->rank; i++) {
        if (x->shape[i] == 1) {
            continue;
        }
        int64_t span = 0;
        if (rank > 0 && checked_mul(x->shape[i], x->stride[i], &span) && stride[rank - 1] == span) {
            shape[rank - 1] *= x->shape[i];
            stride[rank - 1] = x->stride[i];
        } else {
            shape[rank] = x->shape[i];
            stride[rank++] = x->stride[i];
        }
    }
    int64_t left = 1; /* elements left in the current group of x, walked from its end */
    int64_t step = 1;
    for (int32_t i = y->rank - 1; i >= 0; i--) {
        if (y->shape[i] == 1) {
            y->stride[i] = step;
            continue;
        }
        if (left == 1) {
            rank--;
            left = shape[rank];
            step = stride[rank];
        }
        if (left % y->shape[i] != 0) {
            return false;
        }
        y->stride[i] = step;
        left /= y->shape[i];
        bool fits = checked_mul(step, y->shape[i], &step);
        if (!fits && left > 1) {
            return false;
        }
    }
    return true;
}

cleat_status cleat_reshape(cleat_tensor x, int32_t rank, const int64_t *shape, cleat_tensor *out) {
    char from[SHAPE_TEXT_SIZE];
    char to[SHAPE_TEXT_SIZE];
    TRY(check_source("reshape", &x, out));
    cleat_tensor y = {.buffer = x.buffer, .type = x.type, .offset = x.offset};
    TRY(complete_shape(&x, rank, shape, &y));
    if (cleat_tensor_count(&x) == 0) {
        cleat_tensor plain;
        TRY(tensor_row_major("reshape", x.type, y.rank, y.shape, &plain));
        memcpy(y.stride, plain.stride, sizeof y.stride);
    } else {
        REFUSE_IF(!restride(&x, &y), CLEAT_UNSUPPORTED,
            "reshape: the strides of %s allow no view of shape %s; copy it first",
            shape_text(x.rank, x.shape, from), shape_text(y.rank, y.shape, to));
    }
    *out = y;
    return CLEAT_OK;
}

cleat_status cleat_broadcast(
    cleat_tensor x, int32_t rank, const int64_t *shape, cleat_tensor *out) {
    char from[SHAPE_TEXT_SIZE];
    char to[SHAPE_TEXT_SIZE];
    cleat_tensor wanted;
    TRY(check_source("broadcast", &x, out));
    TRY(tensor_row_major("broadcast", x.type, rank, shape, &wanted));
    REFUSE_IF(!broadcast_to(&x, &wanted, out), CLEAT_SHAPE_MISMATCH,
        "broadcast: %s cannot be stretched to %s", shape_text(x.rank, x.shape, from),
        shape_text(rank, shape, to));
    return CLEAT_OK;
}
