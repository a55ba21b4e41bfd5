/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/activation_table.h"
#include "core/tensor_check.h"
#include <math.h>

/* When the derivative can be told from the output, given the form's parameters p and q. */
typedef enum output_rule {
    NEVER,
    ALWAYS,
    IF_P_ABOVE_0,
    IF_P_NOT_BELOW_0,
    IF_ALSO_Q_ABOVE_0,
    IF_ALSO_Q_NOT_ABOVE_P
} output_rule;

/* Of one activation: the form that kernels know it by, how many parameters its caller may give it,
 * and what they are otherwise. */
typedef struct activation_row {
    const char *name;
    cleat_activation form;
    output_rule from_output;
    int parameters;
    float defaults[ACTIVATION_PARAMETER_COUNT];
} activation_row;

static const activation_row rows[] = {
    [CLEAT_ACTIVATION_NONE] = {"none", CLEAT_ACTIVATION_NONE, ALWAYS, 0, {0}},
    [CLEAT_RELU] = {"relu", CLEAT_RELU, ALWAYS, 0, {0}},
    [CLEAT_LEAKY_RELU] = {"leaky_relu", CLEAT_LEAKY_RELU, IF_P_ABOVE_0, 1, {0.01f}},
    [CLEAT_SIGMOID] = {"sigmoid", CLEAT_SIGMOID, ALWAYS, 0, {0}},
    [CLEAT_TANH] = {"tanh", CLEAT_TANH, ALWAYS, 0, {0}},
    [CLEAT_GELU] = {"gelu", CLEAT_GELU, NEVER, 0, {0}},
    [CLEAT_GELU_TANH] = {"gelu_tanh", CLEAT_GELU_TANH, NEVER, 0, {0}},
    [CLEAT_SILU] = {"silu", CLEAT_SILU, NEVER, 0, {0}},
    [CLEAT_CLIP] = {"clip", CLEAT_CLIP, ALWAYS, 2, {-INFINITY, INFINITY}},
    [CLEAT_RELU6] = {"relu6", CLEAT_CLIP, ALWAYS, 0, {0, 6}},
    [CLEAT_ELU] = {"elu", CLEAT_ELU, IF_P_NOT_BELOW_0, 1, {1, 1}},
    [CLEAT_SELU] = {"selu", CLEAT_SELU, IF_ALSO_Q_ABOVE_0, 2,
        {1.67326319217681884765625f, 1.05070102214813232421875f}},
    [CLEAT_CELU] = {"celu", CLEAT_ELU, IF_P_NOT_BELOW_0, 1, {1, 1}},
    [CLEAT_SOFTPLUS] = {"softplus", CLEAT_SOFTPLUS, ALWAYS, 0, {0}},
    [CLEAT_LOG_SIGMOID] = {"log_sigmoid", CLEAT_LOG_SIGMOID, ALWAYS, 0, {0}},
    [CLEAT_SOFTSIGN] = {"softsign", CLEAT_SOFTSIGN, ALWAYS, 0, {0}},
    [CLEAT_HARD_SIGMOID] = {"hard_sigmoid", CLEAT_HARD_SIGMOID, ALWAYS, 2, {0.2f, 0.5f}},
    [CLEAT_SWISH] = {"swish", CLEAT_SWISH, NEVER, 1, {1}},
    [CLEAT_HARD_SWISH] = {"hard_swish", CLEAT_HARD_SWISH, NEVER, 0, {0}},
    [CLEAT_MISH] = {"mish", CLEAT_MISH, NEVER, 0, {0}},
    [CLEAT_THRESHOLDED_RELU] = {"thresholded_relu", CLEAT_THRESHOLDED_RELU, IF_P_NOT_BELOW_0, 1,
        {1}},
    [CLEAT_SHRINK] = {"shrink", CLEAT_SHRINK, IF_ALSO_Q_NOT_ABOVE_P, 2, {0.5f, 0}},
    [CLEAT_HARD_SHRINK] = {"hard_shrink", CLEAT_SHRINK, IF_ALSO_Q_NOT_ABOVE_P, 1, {0.5f, 0}},
    [CLEAT_SOFT_SHRINK] = {"soft_shrink", CLEAT_SHRINK, IF_ALSO_Q_NOT_ABOVE_P, 1, {0.5f}},
};

static bool is_known(cleat_activation activation) {
    return (int)activation >= 0 && (size_t)activation < sizeof rows / sizeof rows[0];
}

const char *cleat_activation_name(cleat_activation activation) {
    return is_known(activation) ? rows[activation].name : "unknown";
}

cleat_status activation_choose(const char *operation, cleat_activation activation,
    const float *parameters, chosen_activation *chosen) {
    REFUSE_IF(!is_known(activation), CLEAT_INVALID_ARGUMENT, "%s: activation is %d, which is none",
        operation, (int)activation);
    const activation_row *row = &rows[activation];
    *chosen = (chosen_activation){.form = row->form};
    double *p = chosen->parameters;
    for (int i = 0; i < ACTIVATION_PARAMETER_COUNT; i++) {
        p[i] = parameters != NULL && i < row->parameters ? parameters[i] : row->defaults[i];
    }
    switch (activation) {
    case CLEAT_SELU:
        p[0] *= p[1];
        break;
    case CLEAT_CELU:
        REFUSE_IF(!(p[0] >= 0x1p-126f && p[0] <= 0x1p126f), CLEAT_INVALID_ARGUMENT,
            "%s: alpha of celu is %g, not in 2^-126 .. 2^126", operation, p[0]);
        p[1] = 1 / p[0];
        break;
    case CLEAT_SOFT_SHRINK:
        p[1] = p[0];
        break;
    default:
        break;
    }
    return CLEAT_OK;
}

cleat_status activation_check_from_output(
    const char *operation, cleat_activation activation, const chosen_activation *chosen) {
    const double p = chosen->parameters[0];
    const double q = chosen->parameters[1];
    const output_rule rule = rows[activation].from_output;
    const bool possible = rule == ALWAYS || (rule == IF_P_ABOVE_0 && p > 0) ||
                          (rule == IF_P_NOT_BELOW_0 && p >= 0) ||
                          (rule == IF_ALSO_Q_ABOVE_0 && p >= 0 && q > 0) ||
                          (rule == IF_ALSO_Q_NOT_ABOVE_P && p >= 0 && q <= p);
    REFUSE_IF(!possible && rule == NEVER, CLEAT_UNSUPPORTED,
        "%s: the derivative of %s cannot be told from the output", operation,
        cleat_activation_name(activation));
    REFUSE_IF(!possible, CLEAT_UNSUPPORTED,
        "%s: the derivative of %s cannot be told from the output with these parameters (%g, %g)",
        operation, cleat_activation_name(activation), p, q);
    return CLEAT_OK;
}

void launch_activation(launch *l, const chosen_activation *activation) {
    for (int i = 0; i < ACTIVATION_PARAMETER_COUNT; i++) {
        launch_real(l, activation->parameters[i]);
    }
}
