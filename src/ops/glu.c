/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tensor_check.h"
#include "ops/activation_table.h"
#include "ops/elementwise_engine.h"
#include "ops/types.h"

/* The halves of a tensor along an axis, by what they are. */
typedef struct halves {
    cleat_tensor value, gate;
} halves;

static cleat_status split(const char *operation, const char *name, const cleat_tensor *x,
    int32_t axis, bool gate_first, halves *out) {
    const int64_t half = x->shape[axis] / 2;
    REFUSE_IF(x->shape[axis] % 2 != 0, CLEAT_SHAPE_MISMATCH,
        "%s: axis %d of %s has %lld elements, which cannot be halved", operation, (int)axis, name,
        (long long)x->shape[axis]);
    TRY(cleat_slice(*x, axis, gate_first ? half : 0, half, 1, &out->value));
    return cleat_slice(*x, axis, gate_first ? 0 : half, half, 1, &out->gate);
}

static elementwise_pass begin_pass(
    const char *operation, const chosen_activation *activation, bool gradient, cleat_type type) {
    elementwise_pass pass = {
        .operation = operation, .family = "glu", .macro_count = 2, .real64 = type == CLEAT_F64};
    pass.macros[0] = (kernel_macro){"ACTIVATION", NULL, activation->form};
    pass.macros[1] = (kernel_macro){"GRADIENT", NULL, gradient};
    for (int i = 0; i < ACTIVATION_PARAMETER_COUNT; i++) {
        pass.parameters[i] = activation->parameters[i];
    }
    pass.parameter_count = ACTIVATION_PARAMETER_COUNT;
    return pass;
}

/* What both directions check first: the activation, x and its halves. */
static cleat_status check_input(const char *operation, cleat_context *context,
    cleat_activation gate, const cleat_tensor *x, int32_t *axis, const cleat_glu_options *options,
    chosen_activation *chosen, halves *out) {
    TRY(check_context(operation, context));
    TRY(activation_choose(operation, gate, options != NULL ? options->parameters : NULL, chosen));
    cleat_type type;
    TRY(check_float_tensor(operation, "x", context, x, &type));
    TRY(check_axis(operation, *axis, x->rank, axis));
    return split(operation, "x", x, *axis, options != NULL && options->gate_first, out);
}

cleat_status cleat_glu(cleat_context *context, cleat_activation gate, cleat_tensor x, int32_t axis,
    cleat_tensor y, const cleat_glu_options *options) {
    const char *operation = "glu";
    chosen_activation chosen;
    halves in;
    TRY(check_input(operation, context, gate, &x, &axis, options, &chosen, &in));
    TRY(check_output(operation, "y", context, &y, x.type));
    TRY(check_same_shape(operation, "a half of x", &in.value, "y", &y));
    TRY(check_no_overlap(operation, "x", &in.value, "y", &y, true));
    TRY(check_no_overlap(operation, "x", &in.gate, "y", &y, true));
    elementwise_pass pass = begin_pass(operation, &chosen, false, x.type);
    pass.input_count = 2;
    pass.tensors[0] = in.value;
    pass.tensors[1] = in.gate;
    pass.tensors[2] = y;
    return elementwise_run(context, &pass);
}

cleat_status cleat_glu_backward(cleat_context *context, cleat_activation gate, cleat_tensor x,
    int32_t axis, cleat_tensor dy, cleat_tensor dx, const cleat_glu_options *options) {
    const char *operation = "glu_backward";
    chosen_activation chosen;
    halves in, out;
    TRY(check_input(operation, context, gate, &x, &axis, options, &chosen, &in));
    TRY(check_tensor(operation, "dy", context, &dy, x.type));
    TRY(check_output(operation, "dx", context, &dx, x.type));
    TRY(check_same_shape(operation, "x", &x, "dx", &dx));
    TRY(check_same_shape(operation, "a half of x", &in.value, "dy", &dy));
    TRY(check_no_overlap(operation, "x", &x, "dx", &dx, true));
    TRY(check_no_overlap(operation, "dy", &dy, "dx", &dx, false));
    TRY(split(operation, "dx", &dx, axis, options != NULL && options->gate_first, &out));
    elementwise_pass pass = begin_pass(operation, &chosen, true, x.type);
    pass.input_count = 3;
    pass.output_count = 2;
    pass.tensors[0] = dy;
    pass.tensors[1] = in.value;
    pass.tensors[2] = in.gate;
    pass.tensors[3] = out.value;
    pass.tensors[4] = out.gate;
    return elementwise_run(context, &pass);
}
