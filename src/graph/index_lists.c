/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/index_lists.h"
#include "core/tensor_check.h"
#include "graph/call_shapes.h"
#include "graph/pick.h"

cleat_status index_within(const call *c, int64_t index, int64_t extent, int64_t *within) {
    if (index < -extent || index >= extent) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT,
            "an index is %lld, outside of an extent of %lld", (long long)index, (long long)extent);
    }
    *within = index < 0 ? index + extent : index;
    return CLEAT_OK;
}

static cleat_status indices_of(call *c, size_t input, const array **indices) {
    TRY(call_array(c, input, indices));
    if ((*indices)->type != CLEAT_I64 && (*indices)->type != CLEAT_I32) {
        return call_refuse(c, CLEAT_TYPE_MISMATCH, "indices of %s are not taken",
            cleat_type_name((*indices)->type));
    }
    return CLEAT_OK;
}

cleat_status rows_of_tuples(
    call *c, const run_value *x, size_t input, int32_t batch, row_list *list) {
    const array *indices;
    void *memory;
    char text[SHAPE_TEXT_SIZE], other[SHAPE_TEXT_SIZE];
    int64_t steps[CLEAT_MAX_RANK];
    TRY(indices_of(c, input, &indices));
    const int64_t length = indices->rank > 0 ? indices->shape[indices->rank - 1] : 0;
    bool fits = batch >= 0 && indices->rank > batch && length >= 1 && length <= x->rank - batch;
    for (int32_t i = 0; fits && i < batch; i++) {
        fits = indices->shape[i] == x->shape[i];
    }
    if (!fits) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH,
            "indices of %s do not point into %s, of which they share %d axes",
            shape_text(indices->rank, indices->shape, text), shape_text(x->rank, x->shape, other),
            batch);
    }
    const int32_t axes = batch + (int32_t)length;
    list->rows = shape_count(axes, x->shape);
    list->inner = shape_count(x->rank - axes, x->shape + axes);
    list->count = indices->count / length;
    row_major_strides(axes, x->shape, steps);
    TRY(call_memory(c, list->count + 1, sizeof *list->row, &memory));
    list->row = memory;
    const int64_t block = shape_count(axes - batch, x->shape + batch);
    const int64_t each = shape_count(indices->rank - 1 - batch, indices->shape + batch);
    for (int64_t i = 0; i < list->count; i++) {
        list->row[i] = i / each * block;
        for (int32_t k = 0; k < (int32_t)length; k++) {
            int64_t at = 0;
            TRY(index_within(c, array_integer(indices, i * length + k), x->shape[batch + k], &at));
            list->row[i] += at * steps[batch + k];
        }
    }
    return CLEAT_OK;
}

cleat_status rows_of_elements(
    call *c, const run_value *x, size_t input, int32_t axis, row_list *list) {
    const array *indices;
    void *memory;
    char text[SHAPE_TEXT_SIZE], other[SHAPE_TEXT_SIZE];
    int64_t steps[CLEAT_MAX_RANK], index[CLEAT_MAX_RANK] = {0};
    TRY(indices_of(c, input, &indices));
    bool fits = indices->rank == x->rank;
    for (int32_t i = 0; fits && i < x->rank; i++) {
        fits = i == axis || indices->shape[i] <= x->shape[i];
    }
    if (!fits) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "indices of %s do not point into %s",
            shape_text(indices->rank, indices->shape, text), shape_text(x->rank, x->shape, other));
    }
    *list = (row_list){shape_count(x->rank, x->shape), 1, indices->count, NULL};
    row_major_strides(x->rank, x->shape, steps);
    TRY(call_memory(c, list->count + 1, sizeof *list->row, &memory));
    list->row = memory;
    for (int64_t i = 0; i < list->count; i++) {
        int64_t at = 0;
        TRY(index_within(c, array_integer(indices, i), x->shape[axis], &at));
        list->row[i] = at * steps[axis];
        for (int32_t k = 0; k < x->rank; k++) {
            list->row[i] += k == axis ? 0 : index[k] * steps[k];
        }
        (void)index_next(x->rank, indices->shape, index);
    }
    return CLEAT_OK;
}
