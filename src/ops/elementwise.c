/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tensor_check.h"
#include "ops/elementwise_engine.h"
#include "ops/reduce_engine.h"
#include "ops/types.h"
#include <cleat/elementwise.h>
#include <string.h>

/* Values of GRADIENT in cl/binary_expression.cl */
typedef enum gradient { GRADIENT_NONE, GRADIENT_OF_A, GRADIENT_OF_B } gradient;

static const kernel_macro macro_binary = {"BINARY", NULL, 0};
static const kernel_macro macro_gradient = {"GRADIENT", NULL, 0};

static kernel_macro with_value(kernel_macro macro, int64_t value) {
    macro.value = value;
    return macro;
}

/* BINARY in cl/arithmetic.cl, which has no gradient. */
enum { BINARY_MOD = CLEAT_MAX + 1 };

/* y = a op b with operands checked and of y's shape. */
static cleat_status run_binary(cleat_context *context, const char *operation, int64_t binary,
    const cleat_tensor *a, const cleat_tensor *b, const cleat_tensor *y) {
    const bool is_f32 = y->type == CLEAT_F32 || type_is_half(y->type);
    elementwise_pass pass = {.operation = operation,
        .family = is_f32 ? "elementwise" : "arithmetic",
        .input_count = 2,
        .macro_count = is_f32 ? 2 : 1};
    pass.tensors[0] = *a;
    pass.tensors[1] = *b;
    pass.tensors[2] = *y;
    pass.macros[0] = with_value(macro_binary, binary);
    pass.macros[1] = with_value(macro_gradient, GRADIENT_NONE);
    return elementwise_run(context, &pass);
}

static cleat_status check_binary_type(
    const char *operation, const cleat_context *context, int64_t binary, cleat_type type) {
    const bool is_real = type_is_floating(type);
    const char *wanted = binary == CLEAT_POW    ? "f32, f64, f16 or bf16"
                         : binary == BINARY_MOD ? "i32, i64 or u8"
                                                : "f32, f64, f16, bf16, i32, i64 or u8";
    const bool is_known = is_real || type == CLEAT_I32 || type == CLEAT_I64 || type == CLEAT_U8;
    REFUSE_IF(!is_known || (binary == CLEAT_POW && !is_real) || (binary == BINARY_MOD && is_real),
        CLEAT_TYPE_MISMATCH, "%s: a has type %s, wanted %s", operation, cleat_type_name(type),
        wanted);
    return check_type_works(operation, context, type);
}

static cleat_status apply(cleat_context *context, const char *operation, int64_t binary,
    const cleat_tensor *a, const cleat_tensor *b, const cleat_tensor *y) {
    cleat_tensor wide_a;
    cleat_tensor wide_b;
    TRY(check_context(operation, context));
    TRY(check_tensor(operation, "a", context, a, 0));
    TRY(check_binary_type(operation, context, binary, a->type));
    TRY(check_tensor(operation, "b", context, b, a->type));
    TRY(check_output(operation, "y", context, y, a->type));
    TRY(check_broadcast(operation, "a", a, "y", y, &wide_a));
    TRY(check_broadcast(operation, "b", b, "y", y, &wide_b));
    TRY(check_no_overlap(operation, "a", &wide_a, "y", y, true));
    TRY(check_no_overlap(operation, "b", &wide_b, "y", y, true));
    return run_binary(context, operation, binary, &wide_a, &wide_b, y);
}

cleat_status cleat_add(cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y) {
    return apply(context, "add", CLEAT_ADD, &a, &b, &y);
}

cleat_status cleat_sub(cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y) {
    return apply(context, "sub", CLEAT_SUB, &a, &b, &y);
}

cleat_status cleat_mul(cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y) {
    return apply(context, "mul", CLEAT_MUL, &a, &b, &y);
}

cleat_status cleat_div(cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y) {
    return apply(context, "div", CLEAT_DIV, &a, &b, &y);
}

cleat_status cleat_pow(cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y) {
    return apply(context, "pow", CLEAT_POW, &a, &b, &y);
}

cleat_status cleat_min(cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y) {
    return apply(context, "min", CLEAT_MIN, &a, &b, &y);
}

cleat_status cleat_max(cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y) {
    return apply(context, "max", CLEAT_MAX, &a, &b, &y);
}

cleat_status cleat_mod(cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y) {
    return apply(context, "mod", BINARY_MOD, &a, &b, &y);
}

cleat_status cleat_bias_add(
    cleat_context *context, cleat_tensor x, cleat_tensor bias, int32_t axis, cleat_tensor y) {
    const char *operation = "bias_add";
    cleat_type type;
    TRY(check_context(operation, context));
    TRY(check_float_tensor(operation, "x", context, &x, &type));
    TRY(check_tensor(operation, "bias", context, &bias, type));
    TRY(check_output(operation, "y", context, &y, type));
    TRY(check_axis(operation, axis, x.rank, &axis));
    TRY(check_rank(operation, "bias", &bias, 1));
    REFUSE_IF(bias.shape[0] != x.shape[axis], CLEAT_SHAPE_MISMATCH,
        "%s: bias has %lld elements, axis %d of x has %lld", operation, (long long)bias.shape[0],
        (int)axis, (long long)x.shape[axis]);
    TRY(check_same_shape(operation, "x", &x, "y", &y));
    cleat_tensor wide = x;
    wide.buffer = bias.buffer;
    wide.offset = bias.offset;
    for (int32_t i = 0; i < x.rank; i++) {
        wide.stride[i] = i == axis ? bias.stride[0] : 0;
    }
    TRY(check_no_overlap(operation, "x", &x, "y", &y, true));
    TRY(check_no_overlap(operation, "bias", &wide, "y", &y, false));
    return run_binary(context, operation, CLEAT_ADD, &x, &wide, &y);
}

/* ---- Backward ---- */

/* All of dy's shape. */
typedef struct backward_operands {
    cleat_binary binary;
    cleat_tensor a, b, dy;
} backward_operands;

/* Fills inputs as cl/binary_expression.cl wants them; returns how many. */
static int gradient_inputs(
    const backward_operands *operands, gradient which, cleat_tensor *inputs) {
    inputs[0] = operands->dy;
    if (operands->binary == CLEAT_ADD || operands->binary == CLEAT_SUB) {
        return 1;
    }
    const bool needs_both = operands->binary >= CLEAT_POW;
    inputs[1] = which == GRADIENT_OF_A && !needs_both ? operands->b : operands->a;
    if (operands->binary == CLEAT_MUL || (which == GRADIENT_OF_A && !needs_both)) {
        return 2;
    }
    inputs[2] = operands->b;
    return 3;
}

static cleat_status plan_gradient(cleat_context *context, const backward_operands *operands,
    gradient which, const cleat_tensor *dx, launch *launches, int *count, void **scratch) {
    const char *operation = "binary_backward";
    reduce_pass sum = {.operation = operation,
        .family = "elementwise_reduce",
        .macro_count = 2,
        .real64 = dx->type == CLEAT_F64,
        .divisor = 1};
    bool any = false;
    sum.output = tensor_with_rank(dx, operands->dy.rank);
    for (int32_t axis = 0; axis < sum.output.rank; axis++) {
        sum.reduced[axis] = sum.output.shape[axis] != operands->dy.shape[axis];
        any = any || sum.reduced[axis];
    }
    if (cleat_tensor_count(dx) == 0) {
        return CLEAT_OK;
    }
    sum.macros[0] = with_value(macro_binary, (int64_t)operands->binary);
    sum.macros[1] = with_value(macro_gradient, (int64_t)which);
    sum.input_count = gradient_inputs(operands, which, sum.inputs);
    if (any) {
        return reduce_plan(context, &sum, launches, count, scratch);
    }
    elementwise_pass pass = {.operation = operation,
        .family = "elementwise",
        .input_count = sum.input_count,
        .macro_count = 2,
        .real64 = sum.real64};
    memcpy(pass.tensors, sum.inputs, sizeof sum.inputs);
    memcpy(pass.macros, sum.macros, sizeof sum.macros);
    pass.tensors[pass.input_count] = sum.output;
    return elementwise_plan(context, &pass, &launches[(*count)++]);
}

static cleat_status check_gradient(cleat_context *context, const char *name_x,
    const cleat_tensor *x, const cleat_tensor *other, const char *name_dx, const cleat_tensor *dx,
    const cleat_tensor *dy) {
    const char *operation = "binary_backward";
    if (dx == NULL) {
        return CLEAT_OK;
    }
    TRY(check_output(operation, name_dx, context, dx, dy->type));
    TRY(check_same_shape(operation, name_x, x, name_dx, dx));
    TRY(check_no_overlap(operation, name_x, x, name_dx, dx, false));
    TRY(check_no_overlap(operation, "the other operand", other, name_dx, dx, false));
    return check_no_overlap(operation, "dy", dy, name_dx, dx, false);
}

static cleat_status check_backward(cleat_context *context, cleat_binary binary,
    const cleat_tensor *a, const cleat_tensor *b, const cleat_tensor *dy, const cleat_tensor *da,
    const cleat_tensor *db, backward_operands *operands) {
    const char *operation = "binary_backward";
    cleat_type type;
    TRY(check_context(operation, context));
    REFUSE_IF((int)binary < CLEAT_ADD || binary > CLEAT_MAX, CLEAT_INVALID_ARGUMENT,
        "%s: operation is %d, which is none", operation, (int)binary);
    TRY(check_float_tensor(operation, "a", context, a, &type));
    TRY(check_tensor(operation, "b", context, b, type));
    TRY(check_tensor(operation, "dy", context, dy, type));
    *operands = (backward_operands){.binary = binary, .dy = *dy};
    TRY(check_broadcast(operation, "a", a, "dy", dy, &operands->a));
    TRY(check_broadcast(operation, "b", b, "dy", dy, &operands->b));
    TRY(check_gradient(context, "a", a, b, "da", da, dy));
    TRY(check_gradient(context, "b", b, a, "db", db, dy));
    if (da != NULL && db != NULL) {
        TRY(check_no_overlap(operation, "da", da, "db", db, false));
    }
    return CLEAT_OK;
}

cleat_status cleat_binary_backward(cleat_context *context, cleat_binary operation, cleat_tensor a,
    cleat_tensor b, cleat_tensor dy, const cleat_tensor *da, const cleat_tensor *db) {
    launch launches[2 * REDUCE_MAX_LAUNCHES];
    void *scratch[2] = {NULL, NULL};
    int count = 0;
    backward_operands operands;
    TRY(check_backward(context, operation, &a, &b, &dy, da, db, &operands));
    cleat_status status = CLEAT_OK;
    if (da != NULL) {
        status =
            plan_gradient(context, &operands, GRADIENT_OF_A, da, launches, &count, &scratch[0]);
    }
    if (db != NULL && status == CLEAT_OK) {
        status =
            plan_gradient(context, &operands, GRADIENT_OF_B, db, launches, &count, &scratch[1]);
    }
    if (status == CLEAT_OK && count > 0) {
        status = launch_all(context, launches, count);
    }
    scratch_release(context, scratch[0]);
    scratch_release(context, scratch[1]);
    return status;
}
