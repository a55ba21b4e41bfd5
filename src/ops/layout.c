/* SPDX-License-Identifier: Apache-2.0 */
/* What views and copies of views do: concat, split, tile, blocks of depth. */
#include "core/memory.h"
#include "core/tensor_check.h"
#include "core/transfer.h"
#include "ops/reduce_engine.h"
#include "ops/types.h"
#include <cleat/layout.h>
#include <stdio.h>

/* ---- Concat and split ---- */

static cleat_status check_part(cleat_context *context, int32_t number, const cleat_tensor *input,
    int32_t axis, const cleat_tensor *y, int64_t *total) {
    char name[32];
    char text_x[SHAPE_TEXT_SIZE];
    char text_y[SHAPE_TEXT_SIZE];
    snprintf(name, sizeof name, "inputs[%d]", number);
    TRY(check_tensor("concat", name, context, input, y->type));
    TRY(check_rank("concat", name, input, y->rank));
    for (int32_t i = 0; i < y->rank; i++) {
        REFUSE_IF(i != axis && input->shape[i] != y->shape[i], CLEAT_SHAPE_MISMATCH,
            "concat: %s has the shape %s, y has %s; only axis %d may differ", name,
            shape_text(input->rank, input->shape, text_x), shape_text(y->rank, y->shape, text_y),
            axis);
    }
    REFUSE_IF(!checked_add(*total, input->shape[axis], total), CLEAT_SIZE_OVERFLOW,
        "concat: the extents along axis %d overflow", axis);
    return check_no_overlap("concat", name, input, "y", y, false);
}

cleat_status cleat_concat(cleat_context *context, int32_t count, const cleat_tensor *inputs,
    int32_t axis, cleat_tensor y) {
    int64_t total = 0;
    TRY(check_context("concat", context));
    REFUSE_IF(count < 1, CLEAT_INVALID_ARGUMENT, "concat: count is %d", count);
    REFUSE_IF(inputs == NULL, CLEAT_INVALID_ARGUMENT, "concat: inputs is NULL");
    TRY(check_output("concat", "y", context, &y, 0));
    TRY(check_axis("concat", axis, y.rank, &axis));
    for (int32_t i = 0; i < count; i++) {
        TRY(check_part(context, i, &inputs[i], axis, &y, &total));
    }
    REFUSE_IF(total != y.shape[axis], CLEAT_SHAPE_MISMATCH,
        "concat: the inputs have %lld elements along axis %d, y has %lld", (long long)total, axis,
        (long long)y.shape[axis]);
    launch *launches = memory_allocate_zeroed((size_t)count, sizeof *launches);
    REFUSE_IF(
        launches == NULL, CLEAT_OUT_OF_HOST_MEMORY, "concat: no host memory for %d copies", count);
    int used = 0;
    int64_t start = 0;
    cleat_status status = CLEAT_OK;
    for (int32_t i = 0; i < count && status == CLEAT_OK; i++) {
        cleat_tensor part = y;
        status = cleat_slice(y, axis, start, inputs[i].shape[axis], 1, &part);
        if (status == CLEAT_OK && cleat_tensor_count(&part) > 0) {
            transfer_plan(context, "concat", &inputs[i], NULL, &part, NULL, &launches[used++]);
        }
        start += inputs[i].shape[axis];
    }
    if (status == CLEAT_OK && used > 0) {
        status = launch_all(context, launches, used);
    }
    memory_free(launches);
    return status;
}

cleat_status cleat_split(
    cleat_tensor x, int32_t axis, int32_t count, const int64_t *sizes, cleat_tensor *outputs) {
    REFUSE_IF(x.rank < 0 || x.rank > CLEAT_MAX_RANK || cleat_tensor_count(&x) < 0,
        CLEAT_INVALID_ARGUMENT, "split: x is no valid tensor");
    TRY(check_axis("split", axis, x.rank, &axis));
    REFUSE_IF(count < 1, CLEAT_INVALID_ARGUMENT, "split: count is %d", count);
    REFUSE_IF(outputs == NULL, CLEAT_INVALID_ARGUMENT, "split: outputs is NULL");
    const int64_t extent = x.shape[axis];
    const int64_t each = extent / count + (extent % count != 0);
    int64_t total = 0;
    for (int32_t i = 0; i < count && sizes != NULL; i++) {
        REFUSE_IF(sizes[i] < 0 || !checked_add(total, sizes[i], &total), CLEAT_INVALID_ARGUMENT,
            "split: sizes[%d] is %lld", i, (long long)sizes[i]);
    }
    REFUSE_IF(sizes != NULL && total != extent, CLEAT_SHAPE_MISMATCH,
        "split: the sizes add up to %lld, x has %lld along axis %d", (long long)total,
        (long long)extent, axis);
    int64_t start = 0;
    for (int32_t i = 0; i < count; i++) {
        const int64_t left = extent - start;
        const int64_t size = sizes != NULL ? sizes[i] : each < left ? each : left;
        TRY(cleat_slice(x, axis, start, size, 1, &outputs[i]));
        start += size;
    }
    return CLEAT_OK;
}

/* ---- Tile ---- */

/* y's elements as those of x, an axis of repetitions before each axis that is repeated; wide_x is x
 * with these. `repeated` names them. Axes of x of extent 1 need none of their own. */
static cleat_status tile_views(const char *operation, const cleat_tensor *x, const int64_t *repeats,
    const cleat_tensor *y, cleat_tensor *wide_x, cleat_tensor *wide_y, bool *repeated) {
    char text[SHAPE_TEXT_SIZE];
    cleat_tensor a = {.buffer = x->buffer, .type = x->type, .offset = x->offset};
    cleat_tensor b = {.buffer = y->buffer, .type = y->type, .offset = y->offset};
    for (int32_t axis = 0; axis < x->rank; axis++) {
        for (int part = 0; part < 2; part++) {
            const bool is_repeat = part == 0;
            const int64_t extent = is_repeat ? repeats[axis] : x->shape[axis];
            if (extent == 1) {
                continue;
            }
            REFUSE_IF(a.rank == CLEAT_MAX_RANK, CLEAT_UNSUPPORTED,
                "%s: the axes of shape %s and those repeated are more than %d", operation,
                shape_text(x->rank, x->shape, text), CLEAT_MAX_RANK);
            a.shape[a.rank] = extent;
            a.stride[a.rank] = is_repeat ? 0 : x->stride[axis];
            b.shape[a.rank] = extent;
            b.stride[a.rank] = y->stride[axis] * (is_repeat ? x->shape[axis] : 1);
            repeated[a.rank++] = is_repeat;
        }
    }
    b.rank = a.rank;
    *wide_x = a;
    *wide_y = b;
    return CLEAT_OK;
}

static cleat_status check_tiled(const char *operation, const char *name_x, const cleat_tensor *x,
    const int64_t *repeats, const char *name_y, const cleat_tensor *y) {
    char text_x[SHAPE_TEXT_SIZE];
    char text_y[SHAPE_TEXT_SIZE];
    REFUSE_IF(
        repeats == NULL && x->rank > 0, CLEAT_INVALID_ARGUMENT, "%s: repeats is NULL", operation);
    TRY(check_rank(operation, name_y, y, x->rank));
    for (int32_t i = 0; i < x->rank; i++) {
        int64_t extent = 0;
        REFUSE_IF(repeats[i] < 0, CLEAT_INVALID_ARGUMENT, "%s: repeats[%d] is %lld", operation, i,
            (long long)repeats[i]);
        REFUSE_IF(!checked_mul(x->shape[i], repeats[i], &extent) || extent != y->shape[i],
            CLEAT_SHAPE_MISMATCH, "%s: %s, shape %s, repeated is not %s, shape %s", operation,
            name_x, shape_text(x->rank, x->shape, text_x), name_y,
            shape_text(y->rank, y->shape, text_y));
    }
    return CLEAT_OK;
}

cleat_status cleat_tile(
    cleat_context *context, cleat_tensor x, const int64_t *repeats, cleat_tensor y) {
    cleat_tensor wide_x;
    cleat_tensor wide_y;
    bool repeated[CLEAT_MAX_RANK];
    TRY(check_context("tile", context));
    TRY(check_tensor("tile", "x", context, &x, 0));
    TRY(check_output("tile", "y", context, &y, x.type));
    TRY(check_tiled("tile", "x", &x, repeats, "y", &y));
    TRY(check_no_overlap("tile", "x", &x, "y", &y, false));
    TRY(tile_views("tile", &x, repeats, &y, &wide_x, &wide_y, repeated));
    return cleat_tensor_count(&y) == 0
               ? CLEAT_OK
               : transfer_elements(context, "tile", &wide_x, NULL, &wide_y, NULL);
}

cleat_status cleat_tile_backward(
    cleat_context *context, cleat_tensor dy, const int64_t *repeats, cleat_tensor dx) {
    const char *operation = "tile_backward";
    reduce_pass sum = {.operation = operation,
        .family = "reduce",
        .input_count = 1,
        .macro_count = 1,
        .real64 = dy.type == CLEAT_F64,
        .divisor = 1,
        .macros = {{"REDUCE_VALUE", NULL, 0}}};
    cleat_tensor wide_dx;
    cleat_type type;
    TRY(check_context(operation, context));
    TRY(check_float_tensor(operation, "dy", context, &dy, &type));
    TRY(check_output(operation, "dx", context, &dx, type));
    TRY(check_tiled(operation, "dx", &dx, repeats, "dy", &dy));
    TRY(check_no_overlap(operation, "dy", &dy, "dx", &dx, false));
    TRY(tile_views(operation, &dx, repeats, &dy, &wide_dx, &sum.inputs[0], sum.reduced));
    bool any = false;
    for (int32_t i = 0; i < wide_dx.rank; i++) {
        any = any || sum.reduced[i];
        wide_dx.shape[i] = sum.reduced[i] ? 1 : wide_dx.shape[i];
    }
    if (cleat_tensor_count(&dx) == 0) {
        return CLEAT_OK;
    }
    sum.output = wide_dx;
    return any ? reduce_run(context, &sum)
               : transfer_elements(context, operation, &dy, NULL, &dx, NULL);
}

/* ---- Blocks of depth ---- */

/* deep [N, C block^2, H, W] and wide [N, C, H block, W block] as [N, C, H, block, W, block]. */
static cleat_status block_views(const char *operation, const char *name_deep, cleat_tensor *deep,
    const char *name_wide, cleat_tensor *wide, int64_t block, cleat_depth_order order) {
    char text_deep[SHAPE_TEXT_SIZE];
    char text_wide[SHAPE_TEXT_SIZE];
    int64_t square = 0;
    int64_t shape[4];
    TRY(check_rank(operation, name_deep, deep, 4));
    TRY(check_rank(operation, name_wide, wide, 4));
    REFUSE_IF(block < 1, CLEAT_INVALID_ARGUMENT, "%s: block is %lld", operation, (long long)block);
    REFUSE_IF((int)order < CLEAT_DEPTH_COLUMN_ROW || order > CLEAT_COLUMN_ROW_DEPTH,
        CLEAT_INVALID_ARGUMENT, "%s: %d is no order", operation, (int)order);
    const bool fits = checked_mul(block, block, &square) && deep->shape[0] == wide->shape[0] &&
                      checked_mul(wide->shape[1], square, &shape[1]) &&
                      deep->shape[1] == shape[1] && checked_mul(deep->shape[2], block, &shape[2]) &&
                      wide->shape[2] == shape[2] && checked_mul(deep->shape[3], block, &shape[3]) &&
                      wide->shape[3] == shape[3];
    REFUSE_IF(!fits, CLEAT_SHAPE_MISMATCH,
        "%s: %s has the shape %s, %s has %s, with blocks of %lld", operation, name_deep,
        shape_text(4, deep->shape, text_deep), name_wide, shape_text(4, wide->shape, text_wide),
        (long long)block);
    const int64_t channels = wide->shape[1];
    const bool depth_inside = order == CLEAT_DEPTH_COLUMN_ROW;
    const int64_t depth = deep->stride[1];
    const int64_t of_channel = depth * (depth_inside ? 1 : square);
    const int64_t of_column = depth * (depth_inside ? channels : 1);
    const int64_t six[] = {deep->shape[0], channels, deep->shape[2], block, deep->shape[3], block};
    const int64_t deep_strides[] = {deep->stride[0], of_channel, deep->stride[2], of_column * block,
        deep->stride[3], of_column};
    const int64_t wide_strides[] = {wide->stride[0], wide->stride[1], wide->stride[2] * block,
        wide->stride[2], wide->stride[3] * block, wide->stride[3]};
    deep->rank = 6;
    wide->rank = 6;
    for (int i = 0; i < 6; i++) {
        deep->shape[i] = six[i];
        wide->shape[i] = six[i];
        deep->stride[i] = deep_strides[i];
        wide->stride[i] = wide_strides[i];
    }
    return CLEAT_OK;
}

cleat_status cleat_depth_to_space(cleat_context *context, cleat_tensor x, int64_t block,
    cleat_depth_order order, cleat_tensor y) {
    const char *operation = "depth_to_space";
    TRY(check_context(operation, context));
    TRY(check_tensor(operation, "x", context, &x, 0));
    TRY(check_output(operation, "y", context, &y, x.type));
    TRY(check_no_overlap(operation, "x", &x, "y", &y, false));
    TRY(block_views(operation, "x", &x, "y", &y, block, order));
    return cleat_tensor_count(&y) == 0 ? CLEAT_OK
                                       : transfer_elements(context, operation, &x, NULL, &y, NULL);
}

cleat_status cleat_space_to_depth(cleat_context *context, cleat_tensor x, int64_t block,
    cleat_depth_order order, cleat_tensor y) {
    const char *operation = "space_to_depth";
    TRY(check_context(operation, context));
    TRY(check_tensor(operation, "x", context, &x, 0));
    TRY(check_output(operation, "y", context, &y, x.type));
    TRY(check_no_overlap(operation, "x", &x, "y", &y, false));
    TRY(block_views(operation, "y", &y, "x", &x, block, order));
    return cleat_tensor_count(&y) == 0 ? CLEAT_OK
                                       : transfer_elements(context, operation, &x, NULL, &y, NULL);
}
