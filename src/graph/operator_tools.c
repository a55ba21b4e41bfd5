/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/operator_tools.h"
#include "core/tensor_check.h"
#include <cleat/compare.h>

cleat_status call_axis(const call *c, int64_t axis, int32_t rank, int32_t *normalised) {
    if (axis < -(int64_t)rank || axis >= rank) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "axis %lld of a tensor of rank %d",
            (long long)axis, (int)rank);
    }
    *normalised = (int32_t)(axis < 0 ? axis + rank : axis);
    return CLEAT_OK;
}

cleat_status call_same_types(const call *c, size_t first, size_t end) {
    const run_value *v;
    TRY(call_input(c, first, &v));
    if (!type_is_floating(v->type)) {
        return CLEAT_UNSUPPORTED;
    }
    for (size_t i = first + 1; i < end; i++) {
        const run_value *other;
        if (call_has(c, i)) {
            TRY(call_input(c, i, &other));
            if (other->type != v->type) {
                return CLEAT_UNSUPPORTED;
            }
        }
    }
    return CLEAT_OK;
}

cleat_status call_tensor_as(
    call *c, size_t input, int32_t rank, const int64_t *shape, cleat_tensor *tensor) {
    cleat_tensor x, copy;
    TRY(call_tensor(c, input, &x));
    cleat_status status = cleat_reshape(x, rank, shape, tensor);
    if (status == CLEAT_UNSUPPORTED) {
        TRY(call_scratch(c, x.type, x.rank, x.shape, &copy));
        TRY(cleat_copy(c->context, x, copy));
        status = cleat_reshape(copy, rank, shape, tensor);
    }
    return status;
}

cleat_status call_tensor_of(call *c, size_t input, cleat_type type, cleat_tensor *tensor) {
    cleat_tensor x;
    TRY(call_tensor(c, input, &x));
    *tensor = x;
    if (x.type != type) {
        TRY(call_scratch(c, type, x.rank, x.shape, tensor));
        TRY(cleat_cast(c->context, x, *tensor));
    }
    return CLEAT_OK;
}

axis_lines lines_along(int32_t rank, const int64_t *shape, int32_t axis) {
    axis_lines lines = {1, shape[axis], 1};
    for (int32_t i = 0; i < rank; i++) {
        if (i < axis) {
            lines.outer *= shape[i];
        } else if (i > axis) {
            lines.inner *= shape[i];
        }
    }
    return lines;
}

int64_t shape_count(int32_t rank, const int64_t *shape) {
    int64_t count = 1;
    bool is_empty = false;
    for (int32_t i = 0; i < rank; i++) {
        is_empty = is_empty || shape[i] == 0;
        if (!checked_mul(count, shape[i], &count)) {
            count = INT64_MAX;
        }
    }
    return is_empty ? 0 : count;
}

void row_major_strides(int32_t rank, const int64_t *shape, int64_t *stride) {
    int64_t step = 1;
    for (int32_t i = rank - 1; i >= 0; i--) {
        stride[i] = step;
        step *= shape[i];
    }
}

void broadcast_steps(int32_t whole, int32_t rank, const int64_t *shape, int64_t *steps) {
    int64_t step = 1;
    for (int32_t i = 0; i < whole; i++) {
        steps[i] = 0;
    }
    for (int32_t i = rank - 1; i >= 0; i--) {
        const int32_t axis = whole - rank + i;
        if (axis >= 0) {
            steps[axis] = shape[i] == 1 ? 0 : step;
        }
        step *= shape[i];
    }
}

bool index_next(int32_t rank, const int64_t *shape, int64_t *index) {
    for (int32_t i = rank - 1; i >= 0; i--) {
        if (++index[i] < shape[i]) {
            return true;
        }
        index[i] = 0;
    }
    return false;
}

int64_t index_offset(int32_t rank, const int64_t *index, const int64_t *stride) {
    int64_t offset = 0;
    for (int32_t i = 0; i < rank; i++) {
        offset += index[i] * stride[i];
    }
    return offset;
}

uint64_t array_bits(const array *x, int64_t i) {
    return x->type == CLEAT_U64 ? ((const uint64_t *)x->elements)[i]
                                : (uint64_t)array_integer(x, i);
}
