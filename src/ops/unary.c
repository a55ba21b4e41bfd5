/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tensor_check.h"
#include "core/variant.h"
#include "ops/elementwise_engine.h"
#include "ops/types.h"
#include "ops/verify.h"
#include <cleat/unary.h>

static const char *const names[] = {"exp", "log", "sqrt", "rsqrt", "reciprocal", "square", "abs",
    "neg", "sign", "floor", "ceil", "round", "erf", "sin", "cos"};

static bool is_known(cleat_unary_kind kind) {
    return (int)kind >= 0 && (size_t)kind < sizeof names / sizeof names[0];
}

const char *cleat_unary_name(cleat_unary_kind kind) {
    return is_known(kind) ? names[kind] : "unknown";
}

static cleat_status check_kind(
    const char *operation, const cleat_context *context, cleat_unary_kind kind) {
    TRY(check_context(operation, context));
    REFUSE_IF(!is_known(kind), CLEAT_INVALID_ARGUMENT, "%s: kind is %d, which is none", operation,
        (int)kind);
    return CLEAT_OK;
}

static elementwise_pass begin_pass(
    const char *operation, cleat_unary_kind kind, bool gradient, cleat_type type) {
    elementwise_pass pass = {.operation = operation,
        .family = type == CLEAT_F64 ? "unary_f64" : "unary",
        .macro_count = 2};
    pass.macros[0] = (kernel_macro){"UNARY", NULL, (int64_t)kind};
    pass.macros[1] = (kernel_macro){"GRADIENT", NULL, gradient};
    return pass;
}

cleat_status cleat_unary(
    cleat_context *context, cleat_unary_kind kind, cleat_tensor x, cleat_tensor y) {
    const char *operation = "unary";
    TRY(check_kind(operation, context, kind));
    cleat_type type;
    TRY(check_float_tensor(operation, "x", context, &x, &type));
    TRY(check_output(operation, "y", context, &y, type));
    TRY(check_same_shape(operation, "x", &x, "y", &y));
    TRY(check_no_overlap(operation, "x", &x, "y", &y, true));
    if (type != CLEAT_F64) {
        TRY(variant_require(context, operation, names[kind], verify_unary));
    }
    elementwise_pass pass = begin_pass(operation, kind, false, type);
    pass.input_count = 1;
    pass.tensors[0] = x;
    pass.tensors[1] = y;
    return elementwise_run(context, &pass);
}

cleat_status cleat_unary_backward(cleat_context *context, cleat_unary_kind kind, cleat_tensor x,
    cleat_tensor dy, cleat_tensor dx) {
    const char *operation = "unary_backward";
    TRY(check_kind(operation, context, kind));
    cleat_type type;
    TRY(check_float_tensor(operation, "x", context, &x, &type));
    TRY(check_tensor(operation, "dy", context, &dy, type));
    TRY(check_output(operation, "dx", context, &dx, type));
    TRY(check_same_shape(operation, "x", &x, "dx", &dx));
    TRY(check_same_shape(operation, "dy", &dy, "dx", &dx));
    TRY(check_no_overlap(operation, "x", &x, "dx", &dx, true));
    TRY(check_no_overlap(operation, "dy", &dy, "dx", &dx, true));
    if (type != CLEAT_F64) {
        TRY(variant_require(context, operation, names[kind], verify_unary_backward));
    }
    const bool is_flat = kind >= CLEAT_SIGN && kind <= CLEAT_ROUND; /* of these one kernel */
    elementwise_pass pass = begin_pass(operation, is_flat ? CLEAT_SIGN : kind, true, type);
    pass.input_count = 2;
    pass.tensors[0] = dy;
    pass.tensors[1] = x;
    pass.tensors[2] = dx;
    return elementwise_run(context, &pass);
}
