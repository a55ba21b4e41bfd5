/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tensor_check.h"
#include "ops/elementwise_engine.h"
#include "ops/reduce_engine.h"
#include <cleat/reduce.h>

/* Values of REDUCE_VALUE in cl/reduce.cl */
enum { VALUE_ELEMENT, VALUE_EQUAL };

static cleat_status check_kind(const char *operation, cleat_reduction_kind kind) {
    REFUSE_IF(kind < CLEAT_REDUCE_SUM || kind > CLEAT_REDUCE_MAX, CLEAT_INVALID_ARGUMENT,
        "%s: kind is %d, which is none", operation, (int)kind);
    return CLEAT_OK;
}

/* Marks which axes of a tensor of `rank` axes are reduced. */
static cleat_status check_axes(
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

/* y, whose reduced axes are left out or of extent 1, with them of extent 1 and stride 0. */
static cleat_status check_reduced_shape(const char *operation, const cleat_tensor *x,
    const bool *reduced, const char *name, const cleat_tensor *y, cleat_tensor *out) {
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

static float reduced_count(const cleat_tensor *x, const bool *reduced) {
    double count = 1.0;
    for (int32_t axis = 0; axis < x->rank; axis++) {
        count *= reduced[axis] ? (double)x->shape[axis] : 1.0;
    }
    return (float)count;
}

cleat_status cleat_reduce(cleat_context *context, cleat_reduction_kind kind, cleat_tensor x,
    int32_t axis_count, const int32_t *axes, cleat_tensor y, const cleat_reduce_options *options) {
    const char *operation = "reduce";
    reduce_pass pass = {.operation = operation,
        .family = "reduce",
        .input_count = 1,
        .macro_count = 1,
        .divisor = 1.0f,
        .maximum = kind == CLEAT_REDUCE_MAX};
    TRY(check_context(operation, context));
    TRY(check_kind(operation, kind));
    TRY(check_tensor(operation, "x", context, &x, CLEAT_F32));
    TRY(check_output(operation, "y", context, &y, CLEAT_F32));
    TRY(check_axes(operation, axis_count, axes, x.rank, pass.reduced));
    TRY(check_reduced_shape(operation, &x, pass.reduced, "y", &y, &pass.output));
    TRY(check_no_overlap(operation, "x", &x, "y", &y, false));
    pass.inputs[0] = x;
    pass.macros[0] = (kernel_macro){"REDUCE_VALUE", NULL, VALUE_ELEMENT};
    pass.accumulate = options != NULL && options->accumulate && kind != CLEAT_REDUCE_MAX;
    if (kind == CLEAT_REDUCE_MEAN) {
        pass.divisor = reduced_count(&x, pass.reduced);
    }
    return reduce_run(context, &pass);
}

/* ---- Backward ---- */

/* x with the extents of `like`, repeated along the reduced axes. */
static cleat_tensor stretched(const cleat_tensor *x, const cleat_tensor *like) {
    cleat_tensor out = *x;
    for (int32_t axis = 0; axis < like->rank; axis++) {
        out.shape[axis] = like->shape[axis];
    }
    return out;
}

static elementwise_pass begin_gradient(bool maximum) {
    elementwise_pass pass = {
        .operation = "reduce_backward", .family = "reduce_gradient", .macro_count = 1};
    pass.macros[0] = (kernel_macro){"REDUCE_MAX", NULL, maximum};
    return pass;
}

/* Counts the elements that equal their maximum, then shares dy among them. */
static cleat_status run_max_gradient(cleat_context *context, const bool *reduced,
    const cleat_tensor *x, const cleat_tensor *y, const cleat_tensor *dy, const cleat_tensor *dx) {
    launch launches[REDUCE_MAX_LAUNCHES + 1];
    int count = 0;
    void *partial = NULL;
    void *equal = NULL;
    reduce_pass counting = {.operation = "reduce_backward",
        .family = "reduce",
        .input_count = 2,
        .macro_count = 1,
        .divisor = 1.0f,
        .output = *y};
    int64_t stride = 1;
    for (int32_t axis = x->rank - 1; axis >= 0; axis--) {
        counting.reduced[axis] = reduced[axis];
        counting.output.stride[axis] = reduced[axis] ? 0 : stride;
        stride *= y->shape[axis];
    }
    counting.output.offset = 0;
    counting.output.buffer = NULL;
    TRY(scratch_acquire(context, (size_t)stride * sizeof(float), &equal));
    counting.inputs[0] = *x;
    counting.inputs[1] = stretched(y, x);
    counting.output_memory = equal;
    counting.macros[0] = (kernel_macro){"REDUCE_VALUE", NULL, VALUE_EQUAL};
    cleat_status status = reduce_plan(context, &counting, launches, &count, &partial);
    if (status == CLEAT_OK) {
        elementwise_pass share = begin_gradient(true);
        share.input_count = 4;
        share.tensors[0] = stretched(dy, x);
        share.tensors[1] = *x;
        share.tensors[2] = counting.inputs[1];
        share.tensors[3] = stretched(&counting.output, x);
        share.memory[3] = equal;
        share.tensors[4] = *dx;
        status = elementwise_plan(context, &share, &launches[count++]);
    }
    if (status == CLEAT_OK) {
        status = launch_all(context, launches, count);
    }
    scratch_release(context, partial);
    scratch_release(context, equal);
    return status;
}

cleat_status cleat_reduce_backward(cleat_context *context, cleat_reduction_kind kind,
    cleat_tensor x, cleat_tensor y, cleat_tensor dy, int32_t axis_count, const int32_t *axes,
    cleat_tensor dx) {
    const char *operation = "reduce_backward";
    bool reduced[CLEAT_MAX_RANK];
    cleat_tensor wide_dy;
    cleat_tensor wide_y;
    TRY(check_context(operation, context));
    TRY(check_kind(operation, kind));
    TRY(check_tensor(operation, "dy", context, &dy, CLEAT_F32));
    TRY(check_output(operation, "dx", context, &dx, CLEAT_F32));
    TRY(check_axes(operation, axis_count, axes, dx.rank, reduced));
    TRY(check_reduced_shape(operation, &dx, reduced, "dy", &dy, &wide_dy));
    TRY(check_no_overlap(operation, "dy", &dy, "dx", &dx, false));
    if (kind == CLEAT_REDUCE_MAX) {
        TRY(check_tensor(operation, "x", context, &x, CLEAT_F32));
        TRY(check_tensor(operation, "y", context, &y, CLEAT_F32));
        TRY(check_same_shape(operation, "x", &x, "dx", &dx));
        TRY(check_reduced_shape(operation, &x, reduced, "y", &y, &wide_y));
        TRY(check_no_overlap(operation, "x", &x, "dx", &dx, false));
        TRY(check_no_overlap(operation, "y", &y, "dx", &dx, false));
    }
    if (cleat_tensor_count(&dx) == 0) {
        return CLEAT_OK;
    }
    if (kind == CLEAT_REDUCE_MAX) {
        return run_max_gradient(context, reduced, &x, &wide_y, &wide_dy, &dx);
    }
    elementwise_pass pass = begin_gradient(false);
    pass.input_count = 1;
    pass.tensors[0] = stretched(&wide_dy, &dx);
    pass.tensors[1] = dx;
    pass.parameter_count = 1;
    pass.parameters[0] = kind == CLEAT_REDUCE_MEAN ? reduced_count(&dx, reduced) : 1.0f;
    return elementwise_run(context, &pass);
}
