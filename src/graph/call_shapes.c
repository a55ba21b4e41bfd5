/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/call_shapes.h"
#include "core/tensor_check.h"
#include <string.h>

/* ---- Axes ---- */

cleat_status call_axis_attribute(
    const call *c, const char *name, int64_t otherwise, int32_t rank, int32_t *normalised) {
    return call_axis(c, attribute_int(c->node, name, otherwise), rank, normalised);
}

cleat_status call_axes(
    const call *c, size_t count, const int64_t *axes, int32_t rank, bool *chosen) {
    memset(chosen, 0, CLEAT_MAX_RANK * sizeof *chosen);
    for (size_t i = 0; i < count; i++) {
        int32_t axis = 0;
        TRY(call_axis(c, axes[i], rank, &axis));
        if (chosen[axis]) {
            return call_refuse(c, CLEAT_INVALID_ARGUMENT, "axis %d is named twice", axis);
        }
        chosen[axis] = true;
    }
    return CLEAT_OK;
}

/* ---- Types ---- */

cleat_status call_type(
    const call *c, const char *attribute, cleat_type otherwise, cleat_type *type) {
    static const cleat_type types[] = {[1] = CLEAT_F32,
        [2] = CLEAT_U8,
        [3] = CLEAT_I8,
        [4] = CLEAT_U16,
        [5] = CLEAT_I16,
        [6] = CLEAT_I32,
        [7] = CLEAT_I64,
        [9] = CLEAT_BOOL,
        [10] = CLEAT_F16,
        [11] = CLEAT_F64,
        [12] = CLEAT_U32,
        [13] = CLEAT_U64,
        [16] = CLEAT_BF16};
    const graph_attribute *found = attribute_find(c->node, attribute, CLEAT_ATTRIBUTE_INT);
    *type = otherwise;
    if (found == NULL) {
        return CLEAT_OK;
    }
    const int64_t number = found->integers[0];
    *type = number >= 0 && number < (int64_t)(sizeof types / sizeof *types) ? types[number] : 0;
    if (*type == 0) {
        return call_refuse(c, CLEAT_UNSUPPORTED, "%s is %lld, a type that is not there%s",
            attribute, (long long)number, number == 8 ? " (texts)" : "");
    }
    return CLEAT_OK;
}

cleat_status call_same_type(const call *c, size_t input, size_t other) {
    const run_value *a, *b;
    TRY(call_input(c, input, &a));
    TRY(call_input(c, other, &b));
    if (a->type != b->type) {
        return call_refuse(c, CLEAT_TYPE_MISMATCH, "inputs %zu and %zu are of types %s and %s",
            input, other, cleat_type_name(a->type), cleat_type_name(b->type));
    }
    return CLEAT_OK;
}

/* ---- Shapes ---- */

/* Stretches the shape by one more; false where they do not fit. */
static bool stretch(int32_t rank, int64_t *shape, int32_t other_rank, const int64_t *other) {
    for (int32_t i = 0; i < other_rank; i++) {
        int64_t *extent = &shape[rank - other_rank + i];
        if (*extent != other[i] && *extent != 1 && other[i] != 1) {
            return false;
        }
        *extent = *extent == 1 ? other[i] : *extent;
    }
    return true;
}

cleat_status call_broadcast(const call *c, size_t count, const int32_t *ranks,
    const int64_t *const *shapes, int32_t *rank, int64_t *shape) {
    *rank = 0;
    for (size_t i = 0; i < count; i++) {
        *rank = ranks[i] > *rank ? ranks[i] : *rank;
    }
    for (int32_t i = 0; i < CLEAT_MAX_RANK; i++) {
        shape[i] = 1;
    }
    for (size_t i = 0; i < count; i++) {
        char text[SHAPE_TEXT_SIZE], text_before[SHAPE_TEXT_SIZE];
        int64_t before[CLEAT_MAX_RANK];
        memcpy(before, shape, sizeof before);
        if (!stretch(*rank, shape, ranks[i], shapes[i])) {
            return call_refuse(c, CLEAT_SHAPE_MISMATCH, "shapes %s and %s do not broadcast",
                shape_text(*rank, before, text_before), shape_text(ranks[i], shapes[i], text));
        }
    }
    return CLEAT_OK;
}

cleat_status call_broadcast_inputs(
    const call *c, size_t first, size_t count, int32_t *rank, int64_t *shape) {
    int64_t before[CLEAT_MAX_RANK] = {0};
    *rank = 0;
    for (size_t i = first; i < first + count; i++) {
        const run_value *v;
        const int32_t rank_before = *rank;
        TRY(call_same_type(c, first, i));
        TRY(call_input(c, i, &v));
        TRY(call_broadcast(c, 2, (const int32_t[]){rank_before, v->rank},
            (const int64_t *const[]){before, v->shape}, rank, shape));
        memcpy(before, shape, sizeof before);
    }
    return CLEAT_OK;
}
