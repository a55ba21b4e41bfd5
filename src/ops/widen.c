/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/widen.h"
#include "core/tensor_check.h"
#include "ops/elementwise_engine.h"
#include "ops/types.h"
#include <stdlib.h>

void widen_begin(widening *w, cleat_context *context, const char *operation) {
    *w = (widening){.context = context, .operation = operation, .status = CLEAT_OK};
}

/* f32 without gaps and a buffer, its axes in the order in which x's lie in memory. */
static cleat_status pack_like(const char *operation, const cleat_tensor *x, cleat_tensor *wide) {
    int32_t order[CLEAT_MAX_RANK];
    int64_t stride = 1;
    *wide = *x;
    wide->type = CLEAT_F32;
    wide->offset = 0;
    for (int32_t axis = 0; axis < x->rank; axis++) {
        int32_t at = axis;
        for (; at > 0 && llabs(x->stride[order[at - 1]]) < llabs(x->stride[axis]); at--) {
            order[at] = order[at - 1];
        }
        order[at] = axis;
    }
    for (int32_t i = x->rank - 1; i >= 0; i--) {
        const int32_t axis = order[i];
        wide->stride[axis] = x->stride[axis] == 0 ? 0 : stride;
        const int64_t extent = x->shape[axis] > 0 ? x->shape[axis] : 1;
        REFUSE_IF(x->stride[axis] != 0 && !checked_mul(stride, extent, &stride),
            CLEAT_SIZE_OVERFLOW, "%s: an operand of type %s has too many elements in f32",
            operation, cleat_type_name(x->type));
    }
    return CLEAT_OK;
}

/* Bytes of what pack_like() has made. */
static cleat_status packed_size(const char *operation, const cleat_tensor *wide, size_t *size) {
    int64_t bytes = (int64_t)sizeof(float);
    for (int32_t axis = 0; axis < wide->rank; axis++) {
        const int64_t extent =
            wide->stride[axis] == 0 && wide->shape[axis] > 0 ? 1 : wide->shape[axis];
        REFUSE_IF(!checked_mul(bytes, extent, &bytes) || (uint64_t)bytes > SIZE_MAX,
            CLEAT_SIZE_OVERFLOW, "%s: an operand has too many elements in f32", operation);
    }
    *size = (size_t)bytes;
    return CLEAT_OK;
}

static cleat_status add(widening *w, const cleat_tensor *x, cleat_tensor *wide) {
    size_t size = 0;
    REFUSE_IF(w->count == WIDEN_MAX, CLEAT_UNSUPPORTED, "%s: more than %d operands of 16 bits",
        w->operation, (int)WIDEN_MAX);
    TRY(pack_like(w->operation, x, wide));
    TRY(packed_size(w->operation, wide, &size));
    return scratch_buffer_create(w->context, size, &wide->buffer);
}

static cleat_tensor add_operand(widening *w, const cleat_tensor *x, bool is_read, bool is_written) {
    cleat_tensor wide = *x;
    if (w->status != CLEAT_OK || !type_is_half(x->type)) {
        return wide;
    }
    w->status = add(w, x, &wide);
    if (w->status == CLEAT_OK) {
        w->given[w->count] = *x;
        w->wide[w->count] = wide;
        w->is_read[w->count] = is_read;
        w->is_written[w->count++] = is_written;
    }
    return wide;
}

cleat_tensor widen_input(widening *w, const cleat_tensor *x) {
    return add_operand(w, x, true, false);
}

cleat_tensor widen_output(widening *w, const cleat_tensor *y, bool is_read) {
    return add_operand(w, y, is_read, true);
}

/* One of the two views from the other; nothing without elements. Repeated elements go once. */
static cleat_status plan_conversion(const widening *w, const cleat_tensor *from,
    const cleat_tensor *to, launch *launches, int *count) {
    elementwise_pass pass = {.operation = w->operation, .family = "cast", .input_count = 1};
    pass.tensors[0] = *from;
    pass.tensors[1] = *to;
    for (int32_t axis = 0; axis < to->rank; axis++) {
        for (int t = 0; t < 2; t++) {
            cleat_tensor *x = &pass.tensors[t];
            x->shape[axis] = to->stride[axis] == 0 && x->shape[axis] > 1 ? 1 : x->shape[axis];
        }
    }
    return cleat_tensor_count(&pass.tensors[1]) == 0
               ? CLEAT_OK
               : elementwise_plan(w->context, &pass, &launches[(*count)++]);
}

cleat_status widen_ready(widening *w) {
    launch launches[WIDEN_MAX];
    int count = 0;
    for (int i = 0; i < w->count && w->status == CLEAT_OK; i++) {
        if (w->is_read[i]) {
            w->status = plan_conversion(w, &w->given[i], &w->wide[i], launches, &count);
        }
    }
    if (w->status == CLEAT_OK && count > 0) {
        w->status = launch_all(w->context, launches, count);
    }
    return w->status;
}

cleat_status widen_end(widening *w, cleat_status status) {
    launch launches[WIDEN_MAX];
    int count = 0;
    for (int i = 0; i < w->count && status == CLEAT_OK; i++) {
        if (w->is_written[i]) {
            status = plan_conversion(w, &w->wide[i], &w->given[i], launches, &count);
        }
    }
    if (status == CLEAT_OK && count > 0) {
        status = launch_all(w->context, launches, count);
    }
    for (int i = 0; i < w->count; i++) {
        scratch_buffer_release(w->wide[i].buffer);
    }
    return status;
}
