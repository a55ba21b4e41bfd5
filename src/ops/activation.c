/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tensor_check.h"
#include "ops/elementwise_engine.h"
#include <cleat/activation.h>

/* Values of MODE in cl/activate.cl */
enum { MODE_VALUE, MODE_FROM_INPUT, MODE_FROM_OUTPUT };

static const float default_slope = 0.01f;

const char *cleat_activation_name(cleat_activation activation) {
    static const char *const names[] = {
        "none", "relu", "leaky_relu", "sigmoid", "tanh", "gelu", "gelu_tanh", "silu"};
    bool known = activation >= CLEAT_ACTIVATION_NONE && activation <= CLEAT_SILU;
    return known ? names[activation] : "unknown";
}

static float slope_of(const cleat_activation_options *options) {
    return options == NULL || options->slope == 0.0f ? default_slope : options->slope;
}

static cleat_status check_activation(const char *operation, cleat_activation activation) {
    REFUSE_IF(activation < CLEAT_ACTIVATION_NONE || activation > CLEAT_SILU, CLEAT_INVALID_ARGUMENT,
        "%s: activation is %d, which is none", operation, (int)activation);
    return CLEAT_OK;
}

static cleat_status check_from_output(
    const char *operation, cleat_activation activation, float slope) {
    bool possible = activation == CLEAT_ACTIVATION_NONE || activation == CLEAT_RELU ||
                    activation == CLEAT_SIGMOID || activation == CLEAT_TANH ||
                    (activation == CLEAT_LEAKY_RELU && slope > 0.0f);
    REFUSE_IF(!possible, CLEAT_UNSUPPORTED,
        "%s: the derivative of %s (slope %g) cannot be told from the output", operation,
        cleat_activation_name(activation), (double)slope);
    return CLEAT_OK;
}

static elementwise_pass begin_pass(
    const char *operation, cleat_activation activation, int mode, float slope) {
    elementwise_pass pass = {.operation = operation, .family = "activate"};
    pass.macros[0] = (kernel_macro){"ACTIVATION", NULL, (int64_t)activation};
    pass.macros[1] = (kernel_macro){"MODE", NULL, mode};
    pass.macro_count = 2;
    pass.parameters[0] = slope;
    pass.parameter_count = 1;
    return pass;
}

cleat_status cleat_activate(cleat_context *context, cleat_activation activation, cleat_tensor x,
    cleat_tensor y, const cleat_activation_options *options) {
    const char *operation = "activate";
    TRY(check_context(operation, context));
    TRY(check_activation(operation, activation));
    TRY(check_tensor(operation, "x", context, &x, CLEAT_F32));
    TRY(check_output(operation, "y", context, &y, CLEAT_F32));
    TRY(check_same_shape(operation, "x", &x, "y", &y));
    TRY(check_no_overlap(operation, "x", &x, "y", &y, true));
    elementwise_pass pass = begin_pass(operation, activation, MODE_VALUE, slope_of(options));
    pass.input_count = 1;
    pass.tensors[0] = x;
    pass.tensors[1] = y;
    return elementwise_run(context, &pass);
}

cleat_status cleat_activate_backward(cleat_context *context, cleat_activation activation,
    cleat_tensor x, cleat_tensor dy, cleat_tensor dx, const cleat_activation_options *options) {
    const char *operation = "activate_backward";
    bool from_output = options != NULL && options->from_output;
    TRY(check_context(operation, context));
    TRY(check_activation(operation, activation));
    if (from_output) {
        TRY(check_from_output(operation, activation, slope_of(options)));
    }
    TRY(check_tensor(operation, "x", context, &x, CLEAT_F32));
    TRY(check_tensor(operation, "dy", context, &dy, CLEAT_F32));
    TRY(check_output(operation, "dx", context, &dx, CLEAT_F32));
    TRY(check_same_shape(operation, "x", &x, "dx", &dx));
    TRY(check_same_shape(operation, "dy", &dy, "dx", &dx));
    TRY(check_no_overlap(operation, "x", &x, "dx", &dx, true));
    TRY(check_no_overlap(operation, "dy", &dy, "dx", &dx, true));
    elementwise_pass pass = begin_pass(
        operation, activation, from_output ? MODE_FROM_OUTPUT : MODE_FROM_INPUT, slope_of(options));
    pass.input_count = 2;
    pass.tensors[0] = dy;
    pass.tensors[1] = x;
    pass.tensors[2] = dx;
    return elementwise_run(context, &pass);
}
