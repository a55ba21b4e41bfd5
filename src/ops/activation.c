/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tensor_check.h"
#include "core/variant.h"
#include "ops/activation_table.h"
#include "ops/elementwise_engine.h"
#include "ops/types.h"
#include "ops/verify.h"

/* Values of MODE in cl/activate.cl */
enum { MODE_VALUE, MODE_FROM_INPUT, MODE_FROM_OUTPUT };

static cleat_status choose(const char *operation, cleat_activation activation,
    const cleat_activation_options *options, chosen_activation *chosen) {
    return activation_choose(
        operation, activation, options != NULL ? options->parameters : NULL, chosen);
}

static elementwise_pass begin_pass(
    const char *operation, const chosen_activation *activation, int mode, cleat_type type) {
    elementwise_pass pass = {
        .operation = operation, .family = "activate", .real64 = type == CLEAT_F64};
    pass.macros[0] = (kernel_macro){"ACTIVATION", NULL, activation->form};
    pass.macros[1] = (kernel_macro){"MODE", NULL, mode};
    pass.macro_count = 2;
    for (int i = 0; i < ACTIVATION_PARAMETER_COUNT; i++) {
        pass.parameters[i] = activation->parameters[i];
    }
    pass.parameter_count = ACTIVATION_PARAMETER_COUNT;
    return pass;
}

cleat_status cleat_activate(cleat_context *context, cleat_activation activation, cleat_tensor x,
    cleat_tensor y, const cleat_activation_options *options) {
    const char *operation = "activate";
    chosen_activation chosen;
    cleat_type type;
    TRY(check_context(operation, context));
    TRY(choose(operation, activation, options, &chosen));
    TRY(check_float_tensor(operation, "x", context, &x, &type));
    TRY(check_output(operation, "y", context, &y, type));
    TRY(check_same_shape(operation, "x", &x, "y", &y));
    TRY(check_no_overlap(operation, "x", &x, "y", &y, true));
    if (type != CLEAT_F64) {
        TRY(variant_require(
            context, operation, cleat_activation_name(activation), verify_activation));
    }
    elementwise_pass pass = begin_pass(operation, &chosen, MODE_VALUE, type);
    pass.input_count = 1;
    pass.tensors[0] = x;
    pass.tensors[1] = y;
    return elementwise_run(context, &pass);
}

cleat_status cleat_activate_backward(cleat_context *context, cleat_activation activation,
    cleat_tensor x, cleat_tensor dy, cleat_tensor dx, const cleat_activation_options *options) {
    const char *operation = "activate_backward";
    bool from_output = options != NULL && options->from_output;
    chosen_activation chosen;
    cleat_type type;
    TRY(check_context(operation, context));
    TRY(choose(operation, activation, options, &chosen));
    if (from_output) {
        TRY(activation_check_from_output(operation, activation, &chosen));
    }
    TRY(check_float_tensor(operation, "x", context, &x, &type));
    TRY(check_tensor(operation, "dy", context, &dy, type));
    TRY(check_output(operation, "dx", context, &dx, type));
    TRY(check_same_shape(operation, "x", &x, "dx", &dx));
    TRY(check_same_shape(operation, "dy", &dy, "dx", &dx));
    TRY(check_no_overlap(operation, "x", &x, "dx", &dx, true));
    TRY(check_no_overlap(operation, "dy", &dy, "dx", &dx, true));
    if (type != CLEAT_F64 && !from_output) {
        TRY(variant_require(
            context, operation, cleat_activation_name(activation), verify_activation_backward));
    }
    elementwise_pass pass =
        begin_pass(operation, &chosen, from_output ? MODE_FROM_OUTPUT : MODE_FROM_INPUT, type);
    pass.input_count = 2;
    pass.tensors[0] = dy;
    pass.tensors[1] = x;
    pass.tensors[2] = dx;
    return elementwise_run(context, &pass);
}
