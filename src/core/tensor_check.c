/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tensor_check.h"
#include "core/context_state.h"
#include <stdio.h>
#include <string.h>

bool checked_add(int64_t a, int64_t b, int64_t *result) {
    if ((b > 0 && a > INT64_MAX - b) || (b < 0 && a < INT64_MIN - b)) {
        return false;
    }
    *result = a + b;
    return true;
}

bool checked_mul(int64_t a, int64_t b, int64_t *result) {
    if (a != 0 && b != 0) {
        if (a == -1 || b == -1) {
            if (a == INT64_MIN || b == INT64_MIN) {
                return false;
            }
        } else if (b > 0 ? (a > INT64_MAX / b || a < INT64_MIN / b)
                         : (a > INT64_MIN / b || a < INT64_MAX / b)) {
            return false;
        }
    }
    *result = a * b;
    return true;
}

bool same_shape(const cleat_tensor *x, const cleat_tensor *y) {
    return x->rank == y->rank &&
           memcmp(x->shape, y->shape, (size_t)x->rank * sizeof x->shape[0]) == 0;
}

const char *shape_text(int32_t rank, const int64_t *shape, char *text) {
    size_t used = 1;
    text[0] = '[';
    for (int32_t i = 0; i < rank && i < CLEAT_MAX_RANK; i++) {
        int length = snprintf(
            text + used, SHAPE_TEXT_SIZE - used, "%s%lld", i == 0 ? "" : ", ", (long long)shape[i]);
        used += length > 0 ? (size_t)length : 0;
    }
    snprintf(text + used, SHAPE_TEXT_SIZE - used, "]");
    return text;
}

cleat_status check_context(const char *operation, const cleat_context *context) {
    cleat_status status = context_usable(context);
    return status == CLEAT_OK ? CLEAT_OK : status_prefix(status, operation);
}

/* The lowest and the highest element index a tensor touches; false when one overflows. The tensor
 * has at least one element. */
static bool index_range(const cleat_tensor *x, int64_t *low, int64_t *high) {
    *low = x->offset;
    *high = x->offset;
    for (int32_t i = 0; i < x->rank; i++) {
        int64_t span = 0;
        int64_t *end = x->stride[i] < 0 ? low : high;
        if (!checked_mul(x->shape[i] - 1, x->stride[i], &span) || !checked_add(*end, span, end)) {
            return false;
        }
    }
    return true;
}

cleat_status check_within(const char *operation, const char *name, const cleat_tensor *x) {
    char text[SHAPE_TEXT_SIZE];
    int64_t low = 0;
    int64_t high = 0;
    REFUSE_IF(x->offset < 0, CLEAT_INVALID_ARGUMENT, "%s: %s starts at the negative offset %lld",
        operation, name, (long long)x->offset);
    int64_t elements = (int64_t)(x->buffer->size / cleat_type_size(x->type));
    if (cleat_tensor_count(x) == 0) {
        return CLEAT_OK;
    }
    REFUSE_IF(!index_range(x, &low, &high), CLEAT_SIZE_OVERFLOW,
        "%s: element indices of %s, shape %s, overflow", operation, name,
        shape_text(x->rank, x->shape, text));
    REFUSE_IF(low < 0 || high >= elements, CLEAT_INVALID_ARGUMENT,
        "%s: %s, shape %s, reaches elements %lld .. %lld of a buffer of %lld", operation, name,
        shape_text(x->rank, x->shape, text), (long long)low, (long long)high, (long long)elements);
    return CLEAT_OK;
}

cleat_status check_tensor(const char *operation, const char *name, const cleat_context *context,
    const cleat_tensor *x, cleat_type type) {
    char text[SHAPE_TEXT_SIZE];
    REFUSE_IF(x == NULL, CLEAT_INVALID_ARGUMENT, "%s: %s is NULL", operation, name);
    REFUSE_IF(x->buffer == NULL, CLEAT_INVALID_ARGUMENT, "%s: %s has no buffer", operation, name);
    REFUSE_IF(x->buffer->context != context && x->buffer->context->cl != context->cl,
        CLEAT_INVALID_ARGUMENT, "%s: %s belongs to another context", operation, name);
    REFUSE_IF(cleat_type_size(x->type) == 0, CLEAT_TYPE_MISMATCH, "%s: %s has the unknown type %d",
        operation, name, (int)x->type);
    REFUSE_IF(type != 0 && x->type != type, CLEAT_TYPE_MISMATCH, "%s: %s has type %s, not %s",
        operation, name, cleat_type_name(x->type), cleat_type_name(type));
    REFUSE_IF(x->rank < 0 || x->rank > CLEAT_MAX_RANK, CLEAT_INVALID_ARGUMENT,
        "%s: %s has rank %d, which is not within 0 .. %d", operation, name, x->rank,
        CLEAT_MAX_RANK);
    if (cleat_tensor_count(x) < 0) {
        for (int32_t i = 0; i < x->rank; i++) {
            REFUSE_IF(x->shape[i] < 0, CLEAT_INVALID_ARGUMENT,
                "%s: %s has a negative extent in its shape %s", operation, name,
                shape_text(x->rank, x->shape, text));
        }
        return status_set(CLEAT_SIZE_OVERFLOW, "%s: %s has too many elements, shape %s", operation,
            name, shape_text(x->rank, x->shape, text));
    }
    return check_within(operation, name, x);
}

/*
 * Whether every element has memory of its own: sorted by stride, each axis must step over all that
 * the axes before it span. Every view of row-major memory that is no broadcast passes; layouts
 * filled in by hand that interleave their axes are taken for overlapping.
 */
static bool elements_are_apart(const cleat_tensor *x) {
    int64_t extent[CLEAT_MAX_RANK];
    int64_t step[CLEAT_MAX_RANK];
    int32_t count = 0;
    for (int32_t i = 0; i < x->rank; i++) {
        if (x->shape[i] <= 1) {
            continue;
        }
        int64_t size = x->stride[i] < 0 ? -x->stride[i] : x->stride[i];
        int32_t at = count++;
        for (; at > 0 && step[at - 1] > size; at--) {
            step[at] = step[at - 1];
            extent[at] = extent[at - 1];
        }
        step[at] = size;
        extent[at] = x->shape[i];
    }
    int64_t span = 0;
    for (int32_t i = 0; i < count; i++) {
        if (step[i] <= span) {
            return false;
        }
        span += (extent[i] - 1) * step[i];
    }
    return true;
}

cleat_status check_output(const char *operation, const char *name, const cleat_context *context,
    const cleat_tensor *y, cleat_type type) {
    char text[SHAPE_TEXT_SIZE];
    TRY(check_tensor(operation, name, context, y, type));
    REFUSE_IF(cleat_tensor_count(y) > 1 && !elements_are_apart(y), CLEAT_OVERLAP,
        "%s: elements of the output %s, shape %s, share memory", operation, name,
        shape_text(y->rank, y->shape, text));
    return CLEAT_OK;
}

cleat_status check_rank(
    const char *operation, const char *name, const cleat_tensor *x, int32_t rank) {
    char text[SHAPE_TEXT_SIZE];
    REFUSE_IF(x->rank != rank, CLEAT_SHAPE_MISMATCH, "%s: %s has the shape %s, rank %d is wanted",
        operation, name, shape_text(x->rank, x->shape, text), rank);
    return CLEAT_OK;
}

cleat_status check_same_shape(const char *operation, const char *name_x, const cleat_tensor *x,
    const char *name_y, const cleat_tensor *y) {
    char text_x[SHAPE_TEXT_SIZE];
    char text_y[SHAPE_TEXT_SIZE];
    REFUSE_IF(!same_shape(x, y), CLEAT_SHAPE_MISMATCH, "%s: %s has the shape %s, %s has %s",
        operation, name_x, shape_text(x->rank, x->shape, text_x), name_y,
        shape_text(y->rank, y->shape, text_y));
    return CLEAT_OK;
}

bool broadcast_to(const cleat_tensor *x, const cleat_tensor *target, cleat_tensor *out) {
    cleat_tensor y = {.buffer = x->buffer, .type = x->type, .offset = x->offset};
    int32_t added = target->rank - x->rank;
    if (added < 0) {
        return false;
    }
    y.rank = target->rank;
    for (int32_t i = 0; i < target->rank; i++) {
        int64_t extent = i < added ? 1 : x->shape[i - added];
        if (extent != 1 && extent != target->shape[i]) {
            return false;
        }
        y.shape[i] = target->shape[i];
        y.stride[i] = i < added || extent != target->shape[i] ? 0 : x->stride[i - added];
    }
    *out = y;
    return true;
}

cleat_status check_broadcast(const char *operation, const char *name_x, const cleat_tensor *x,
    const char *name_y, const cleat_tensor *y, cleat_tensor *out) {
    char text_x[SHAPE_TEXT_SIZE];
    char text_y[SHAPE_TEXT_SIZE];
    REFUSE_IF(!broadcast_to(x, y, out), CLEAT_SHAPE_MISMATCH,
        "%s: %s, shape %s, cannot be broadcast to the shape %s of %s", operation, name_x,
        shape_text(x->rank, x->shape, text_x), shape_text(y->rank, y->shape, text_y), name_y);
    return CLEAT_OK;
}

cleat_status check_broadcast_input(const char *operation, const char *name,
    const cleat_context *context, const cleat_tensor *x, cleat_type type, const cleat_tensor *y,
    bool allow_same, cleat_tensor *out) {
    TRY(check_tensor(operation, name, context, x, type));
    TRY(check_broadcast(operation, name, x, "y", y, out));
    return check_no_overlap(operation, name, out, "y", y, allow_same);
}

cleat_status check_axis(const char *operation, int32_t axis, int32_t rank, int32_t *normalised) {
    REFUSE_IF(axis < -rank || axis >= rank, CLEAT_INVALID_ARGUMENT,
        "%s: axis %d is outside a tensor of rank %d", operation, axis, rank);
    *normalised = axis < 0 ? axis + rank : axis;
    return CLEAT_OK;
}

static void remove_axis(cleat_tensor *x, int32_t axis) {
    for (int32_t i = axis; i + 1 < x->rank; i++) {
        x->shape[i] = x->shape[i + 1];
        x->stride[i] = x->stride[i + 1];
    }
    x->rank--;
}

static bool axes_merge(const cleat_tensor *tensors, int count, int32_t axis) {
    for (int t = 0; t < count; t++) {
        int64_t span = 0;
        if (!checked_mul(tensors[t].shape[axis + 1], tensors[t].stride[axis + 1], &span) ||
            tensors[t].stride[axis] != span) {
            return false;
        }
    }
    return true;
}

static void set_rank_1(cleat_tensor *tensors, int count, int64_t extent) {
    for (int t = 0; t < count; t++) {
        tensors[t].rank = 1;
        tensors[t].shape[0] = extent;
        tensors[t].stride[0] = 1;
    }
}

void tensors_collapse(cleat_tensor *tensors, int count) {
    if (cleat_tensor_count(&tensors[0]) == 0) {
        set_rank_1(tensors, count, 0);
        return;
    }
    for (int32_t axis = tensors[0].rank - 1; axis >= 0; axis--) {
        if (tensors[0].shape[axis] == 1) {
            for (int t = 0; t < count; t++) {
                remove_axis(&tensors[t], axis);
            }
        } else if (axis + 1 < tensors[0].rank && axes_merge(tensors, count, axis)) {
            for (int t = 0; t < count; t++) {
                tensors[t].shape[axis + 1] *= tensors[t].shape[axis];
                remove_axis(&tensors[t], axis);
            }
        }
    }
    if (tensors[0].rank == 0) {
        set_rank_1(tensors, count, 1);
    }
}

void tensor_settle(cleat_tensor *x) {
    const int64_t bytes = (int64_t)x->buffer->size;
    for (int32_t i = 0; i < x->rank; i++) {
        if (x->shape[i] <= 1 && (x->stride[i] > bytes || x->stride[i] < -bytes)) {
            x->stride[i] = 0;
        }
    }
}

bool tensor_needs_index64(const cleat_tensor *x) {
    const int64_t limit = INT32_MAX;
    int64_t low = 0;
    int64_t high = 0;
    if (cleat_tensor_count(x) == 0) {
        return false;
    }
    /* Also the way there: the sum of all steps forward, or of all steps back, on its own. */
    return !index_range(x, &low, &high) || low < 0 || high >= limit || high - low >= limit;
}
