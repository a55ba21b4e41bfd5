/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/reduce_check.h"
#include "ops/types.h"

cleat_status check_reduction(const char *operation, cleat_reduction_kind kind) {
    REFUSE_IF(kind < CLEAT_REDUCE_SUM || kind > CLEAT_REDUCE_VARIANCE, CLEAT_INVALID_ARGUMENT,
        "%s: kind is %d, which is none", operation, (int)kind);
    return CLEAT_OK;
}

cleat_status check_axes(
    const char *operation, int32_t axis_count, const int32_t *axes, int32_t rank, bool *reduced) {
    REFUSE_IF(axis_count < 0 || axis_count > rank, CLEAT_INVALID_ARGUMENT,
        "%s: axis_count is %d, the tensor has %d axes", operation, (int)axis_count, (int)rank);
    REFUSE_IF(axis_count > 0 && axes == NULL, CLEAT_INVALID_ARGUMENT,
        "%s: axes is NULL, axis_count is %d", operation, (int)axis_count);
    for (int32_t axis = 0; axis < CLEAT_MAX_RANK; axis++) {
        reduced[axis] = axes == NULL;
    }
    for (int32_t i = 0; i < axis_count; i++) {
        int32_t axis = 0;
        TRY(check_axis(operation, axes[i], rank, &axis));
        REFUSE_IF(reduced[axis], CLEAT_INVALID_ARGUMENT, "%s: axis %d is named twice", operation,
            (int)axis);
        reduced[axis] = true;
    }
    return CLEAT_OK;
}

cleat_status check_reduced_shape(const char *operation, const cleat_tensor *x, const bool *reduced,
    const char *name, const cleat_tensor *y, cleat_tensor *out) {
    int32_t next = 0;
    bool fits = true;
    bool keeps = y->rank == x->rank;
    *out = *y;
    out->rank = x->rank;
    for (int32_t axis = 0; axis < x->rank; axis++) {
        bool present = keeps || !reduced[axis];
        int64_t wanted = reduced[axis] ? 1 : x->shape[axis];
        fits = fits && (!present || (next < y->rank && y->shape[next] == wanted));
        out->shape[axis] = wanted;
        out->stride[axis] = present && fits && !reduced[axis] ? y->stride[next] : 0;
        next += present;
    }
    if (!fits || next != y->rank) {
        char text_x[SHAPE_TEXT_SIZE];
        char text_y[SHAPE_TEXT_SIZE];
        char list[SHAPE_TEXT_SIZE];
        int64_t axes[CLEAT_MAX_RANK];
        int32_t count = 0;
        for (int32_t axis = 0; axis < x->rank; axis++) {
            if (reduced[axis]) {
                axes[count++] = axis;
            }
        }
        return status_set(CLEAT_SHAPE_MISMATCH,
            "%s: %s is %s, which is not %s reduced over axes %s", operation, name,
            shape_text(y->rank, y->shape, text_y), shape_text(x->rank, x->shape, text_x),
            shape_text(count, axes, list));
    }
    return CLEAT_OK;
}

double reduced_count(const cleat_tensor *x, const bool *reduced) {
    double count = 1.0;
    for (int32_t axis = 0; axis < x->rank; axis++) {
        count *= reduced[axis] ? (double)x->shape[axis] : 1.0;
    }
    return count;
}

cleat_status check_correction(const char *operation, const cleat_tensor *x, const bool *reduced,
    const cleat_reduce_options *options, double *divisor) {
    int64_t correction = options != NULL ? options->correction : 0;
    REFUSE_IF(correction < 0, CLEAT_INVALID_ARGUMENT,
        "%s: correction is %lld, must not be negative", operation, (long long)correction);
    *divisor = reduced_count(x, reduced) - (double)correction;
    *divisor = *divisor > 0 ? *divisor : 0;
    return CLEAT_OK;
}

cleat_tensor stretched(const cleat_tensor *x, const cleat_tensor *like) {
    cleat_tensor out = *x;
    for (int32_t axis = 0; axis < like->rank; axis++) {
        out.shape[axis] = like->shape[axis];
    }
    return out;
}

cleat_tensor like_reduced(const cleat_tensor *y, const bool *reduced, size_t *size) {
    cleat_tensor out = *y;
    int64_t stride = 1;
    out.type = type_of_sums(y->type);
    out.buffer = NULL;
    out.offset = 0;
    for (int32_t axis = y->rank - 1; axis >= 0; axis--) {
        out.stride[axis] = reduced[axis] ? 0 : stride;
        stride *= y->shape[axis];
    }
    *size = (size_t)stride * cleat_type_size(out.type);
    return out;
}
