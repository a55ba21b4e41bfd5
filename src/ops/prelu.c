/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tensor_check.h"
#include "ops/elementwise_engine.h"
#include "ops/reduce_engine.h"
#include "ops/types.h"
#include <cleat/activation.h>
#include <string.h>

/* Values of PRELU in cl/prelu_expression.cl */
enum { PRELU_VALUE, PRELU_OF_X, PRELU_OF_SLOPE };

static elementwise_pass begin_pass(const char *operation, int what, cleat_type type) {
    elementwise_pass pass = {
        .operation = operation, .family = "prelu", .macro_count = 1, .real64 = type == CLEAT_F64};
    pass.macros[0] = (kernel_macro){"PRELU", NULL, what};
    return pass;
}

cleat_status cleat_prelu(
    cleat_context *context, cleat_tensor x, cleat_tensor slope, cleat_tensor y) {
    const char *operation = "prelu";
    cleat_tensor wide;
    cleat_type type;
    TRY(check_context(operation, context));
    TRY(check_float_tensor(operation, "x", context, &x, &type));
    TRY(check_tensor(operation, "slope", context, &slope, type));
    TRY(check_output(operation, "y", context, &y, type));
    TRY(check_same_shape(operation, "x", &x, "y", &y));
    TRY(check_broadcast(operation, "slope", &slope, "x", &x, &wide));
    TRY(check_no_overlap(operation, "x", &x, "y", &y, true));
    TRY(check_no_overlap(operation, "slope", &wide, "y", &y, false));
    elementwise_pass pass = begin_pass(operation, PRELU_VALUE, type);
    pass.input_count = 2;
    pass.tensors[0] = x;
    pass.tensors[1] = wide;
    pass.tensors[2] = y;
    return elementwise_run(context, &pass);
}

/* Of x's shape. */
typedef struct operands {
    cleat_tensor x, slope, dy;
} operands;

static cleat_status plan_slope(cleat_context *context, const operands *in,
    const cleat_tensor *dslope, launch *launches, int *count, void **scratch) {
    reduce_pass sum = {.operation = "prelu_backward",
        .family = "prelu_reduce",
        .input_count = 2,
        .macro_count = 1,
        .real64 = in->x.type == CLEAT_F64,
        .divisor = 1};
    bool any = false;
    sum.output = in->x; /* with axes of extent 1 where the slopes are broadcast */
    sum.output.buffer = dslope->buffer;
    sum.output.offset = dslope->offset;
    for (int32_t axis = 0; axis < in->x.rank; axis++) {
        const int32_t own = axis - (in->x.rank - dslope->rank);
        sum.output.shape[axis] = own < 0 ? 1 : dslope->shape[own];
        sum.output.stride[axis] = own < 0 ? 0 : dslope->stride[own];
        sum.reduced[axis] = sum.output.shape[axis] != in->x.shape[axis];
        any = any || sum.reduced[axis];
    }
    sum.inputs[0] = in->dy;
    sum.inputs[1] = in->x;
    sum.macros[0] = (kernel_macro){"PRELU", NULL, PRELU_OF_SLOPE};
    if (any) {
        return reduce_plan(context, &sum, launches, count, scratch);
    }
    elementwise_pass pass = begin_pass("prelu_backward", PRELU_OF_SLOPE, in->x.type);
    pass.input_count = 2;
    pass.tensors[0] = in->dy;
    pass.tensors[1] = in->x;
    pass.tensors[2] = sum.output;
    return elementwise_plan(context, &pass, &launches[(*count)++]);
}

static cleat_status plan_x(
    cleat_context *context, const operands *in, const cleat_tensor *dx, launch *l) {
    elementwise_pass pass = begin_pass("prelu_backward", PRELU_OF_X, in->x.type);
    pass.input_count = 3;
    pass.tensors[0] = in->dy;
    pass.tensors[1] = in->x;
    pass.tensors[2] = in->slope;
    pass.tensors[3] = *dx;
    return elementwise_plan(context, &pass, l);
}

static cleat_status check_backward(cleat_context *context, const cleat_tensor *slope,
    const cleat_tensor *dx, const cleat_tensor *dslope, operands *in) {
    const char *operation = "prelu_backward";
    cleat_type type;
    TRY(check_context(operation, context));
    TRY(check_float_tensor(operation, "x", context, &in->x, &type));
    TRY(check_tensor(operation, "slope", context, slope, type));
    TRY(check_tensor(operation, "dy", context, &in->dy, type));
    TRY(check_same_shape(operation, "x", &in->x, "dy", &in->dy));
    TRY(check_broadcast(operation, "slope", slope, "x", &in->x, &in->slope));
    if (dx != NULL) {
        TRY(check_output(operation, "dx", context, dx, type));
        TRY(check_same_shape(operation, "x", &in->x, "dx", dx));
        TRY(check_no_overlap(operation, "x", &in->x, "dx", dx, true));
        TRY(check_no_overlap(operation, "slope", slope, "dx", dx, false));
        TRY(check_no_overlap(operation, "dy", &in->dy, "dx", dx, true));
    }
    if (dslope != NULL) {
        TRY(check_output(operation, "dslope", context, dslope, type));
        TRY(check_same_shape(operation, "slope", slope, "dslope", dslope));
        TRY(check_no_overlap(operation, "x", &in->x, "dslope", dslope, false));
        TRY(check_no_overlap(operation, "slope", slope, "dslope", dslope, false));
        TRY(check_no_overlap(operation, "dy", &in->dy, "dslope", dslope, false));
    }
    return dx != NULL && dslope != NULL
               ? check_no_overlap(operation, "dx", dx, "dslope", dslope, false)
               : CLEAT_OK;
}

/* The slopes' gradient first: dx may be x or dy. */
cleat_status cleat_prelu_backward(cleat_context *context, cleat_tensor x, cleat_tensor slope,
    cleat_tensor dy, const cleat_tensor *dx, const cleat_tensor *dslope) {
    launch launches[REDUCE_MAX_LAUNCHES + 1];
    void *scratch = NULL;
    int count = 0;
    operands in = {.x = x, .dy = dy};
    TRY(check_backward(context, &slope, dx, dslope, &in));
    cleat_status status = CLEAT_OK;
    if (dslope != NULL && cleat_tensor_count(dslope) > 0) {
        status = plan_slope(context, &in, dslope, launches, &count, &scratch);
    }
    if (dx != NULL && cleat_tensor_count(dx) > 0 && status == CLEAT_OK) {
        status = plan_x(context, &in, dx, &launches[count++]);
    }
    if (status == CLEAT_OK && count > 0) {
        status = launch_all(context, launches, count);
    }
    scratch_release(context, scratch);
    return status;
}
