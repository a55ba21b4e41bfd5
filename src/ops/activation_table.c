/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/activation_table.h"
#include "core/tensor_check.h"
#include <math.h>

/* Of one activation: the form that kernels know it by, how many parameters its caller may give it,
 * and what they are otherwise. */
typedef struct activation_row {
    const char *name;
    cleat_activation form;
    int parameters;
    float defaults[ACTIVATION_PARAMETER_COUNT];
} activation_row;

static const activation_row rows[] = {
    [CLEAT_ACTIVATION_NONE] = {"none", CLEAT_ACTIVATION_NONE, 0, {0}},
    [CLEAT_RELU] = {"relu", CLEAT_RELU, 0, {0}},
    [CLEAT_LEAKY_RELU] = {"leaky_relu", CLEAT_LEAKY_RELU, 1, {0.01f}},
    [CLEAT_SIGMOID] = {"sigmoid", CLEAT_SIGMOID, 0, {0}},
    [CLEAT_TANH] = {"tanh", CLEAT_TANH, 0, {0}},
    [CLEAT_GELU] = {"gelu", CLEAT_GELU, 0, {0}},
    [CLEAT_GELU_TANH] = {"gelu_tanh", CLEAT_GELU_TANH, 0, {0}},
    [CLEAT_SILU] = {"silu", CLEAT_SILU, 0, {0}},
    [CLEAT_CLIP] = {"clip", CLEAT_CLIP, 2, {-INFINITY, INFINITY}},
    [CLEAT_RELU6] = {"relu6", CLEAT_CLIP, 0, {0, 6}},
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
    for (int i = 0; i < ACTIVATION_PARAMETER_COUNT; i++) {
        bool given = parameters != NULL && i < row->parameters;
        chosen->parameters[i] = given ? parameters[i] : row->defaults[i];
    }
    return CLEAT_OK;
}

void launch_activation(launch *l, const chosen_activation *activation) {
    for (int i = 0; i < ACTIVATION_PARAMETER_COUNT; i++) {
        launch_float(l, activation->parameters[i]);
    }
}
