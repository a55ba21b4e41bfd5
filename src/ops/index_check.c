/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/index_check.h"
#include "core/tensor_check.h"

cleat_status check_indices(
    const char *operation, const cleat_context *context, const cleat_tensor *indices) {
    TRY(check_tensor(operation, "indices", context, indices, 0));
    REFUSE_IF(indices->type != CLEAT_I32 && indices->type != CLEAT_I64, CLEAT_TYPE_MISMATCH,
        "%s: indices has type %s, not i32 or i64", operation, cleat_type_name(indices->type));
    return CLEAT_OK;
}

cleat_status index_views(const char *operation, const cleat_tensor *x, const cleat_tensor *indices,
    int32_t axis, const char *name_y, const cleat_tensor *y, cleat_tensor *wide_x,
    cleat_tensor *wide_indices) {
    char text_x[SHAPE_TEXT_SIZE];
    char text_i[SHAPE_TEXT_SIZE];
    char text_y[SHAPE_TEXT_SIZE];
    cleat_tensor a = {.buffer = x->buffer, .type = x->type, .rank = y->rank, .offset = x->offset};
    cleat_tensor b = {.buffer = indices->buffer,
        .type = indices->type,
        .rank = y->rank,
        .offset = indices->offset};
    bool fits = y->rank == x->rank - 1 + indices->rank;
    for (int32_t i = 0; i < y->rank && fits; i++) {
        const bool of_indices = i >= axis && i < axis + indices->rank;
        const int32_t other = of_indices ? i - axis : i < axis ? i : i - indices->rank + 1;
        fits = y->shape[i] == (of_indices ? indices->shape[other] : x->shape[other]);
        a.shape[i] = y->shape[i];
        b.shape[i] = y->shape[i];
        a.stride[i] = of_indices ? 0 : x->stride[other];
        b.stride[i] = of_indices ? indices->stride[other] : 0;
    }
    REFUSE_IF(!fits, CLEAT_SHAPE_MISMATCH,
        "%s: %s has the shape %s, which indices %s along axis %d of %s do not give", operation,
        name_y, shape_text(y->rank, y->shape, text_y),
        shape_text(indices->rank, indices->shape, text_i), axis,
        shape_text(x->rank, x->shape, text_x));
    *wide_x = a;
    *wide_indices = b;
    return CLEAT_OK;
}

cleat_status check_same_but_axis(const char *operation, const char *name_x, const cleat_tensor *x,
    int32_t axis, const char *name_y, const cleat_tensor *y) {
    char text_x[SHAPE_TEXT_SIZE];
    char text_y[SHAPE_TEXT_SIZE];
    bool fits = x->rank == y->rank;
    for (int32_t i = 0; i < x->rank && fits; i++) {
        fits = i == axis || x->shape[i] == y->shape[i];
    }
    REFUSE_IF(!fits, CLEAT_SHAPE_MISMATCH,
        "%s: %s has the shape %s, %s has %s; only axis %d may differ", operation, name_x,
        shape_text(x->rank, x->shape, text_x), name_y, shape_text(y->rank, y->shape, text_y), axis);
    return CLEAT_OK;
}

double index_reach(const cleat_tensor *x) {
    double reach = (double)x->offset;
    for (int32_t i = 0; i < x->rank; i++) {
        const double steps = x->shape[i] > 0 ? (double)(x->shape[i] - 1) : 0;
        const double stride = (double)x->stride[i];
        reach += steps * (stride < 0 ? -stride : stride);
    }
    return reach;
}

bool index_reaches_far(const cleat_tensor *x, int64_t extent, int64_t step) {
    const double stride = (double)(step < 0 ? -step : step);
    return index_reach(x) + (double)extent * stride >= INT32_MAX || extent >= INT32_MAX / 2;
}
