/* SPDX-License-Identifier: Apache-2.0 */
/* The list of what `cleat selftest` runs, and its checks of training. */
#include "selftest.h"

#include <math.h>

/* One step of Adam from zero moments: gradient g moves the parameter by rate * g / (|g| + 1e-8). */
static void check_adam(check *c) {
    enum { COUNT = 333 };
    operand *parameter = check_operand(c, 1, (int64_t[]){COUNT});
    operand *before = check_operand(c, 1, (int64_t[]){COUNT});
    operand *gradient = check_operand(c, 1, (int64_t[]){COUNT});
    operand *m = check_operand(c, 1, (int64_t[]){COUNT});
    operand *v = check_operand(c, 1, (int64_t[]){COUNT});
    if (c->status != CLEAT_OK ||
        !check_call(c, cleat_copy(c->context, parameter->tensor, before->tensor)) ||
        !check_call(c, cleat_fill(c->context, 0, m->tensor)) ||
        !check_call(c, cleat_fill(c->context, 0, v->tensor)) ||
        !check_call(c, cleat_adam_step(c->context, parameter->tensor, gradient->tensor, m->tensor,
                           v->tensor, 1, 0.01F, NULL)) ||
        !check_fetch(c, before) || !check_fetch(c, parameter)) {
        return;
    }
    for (int i = 0; i < COUNT; i++) {
        double g = (double)gradient->data[i];
        double move = (double)0.01F * g / (fabs(g) + 1e-8);
        double want = (double)before->data[i] - move;
        check_value(c, parameter->data[i], want, fabs((double)before->data[i]) + fabs(move), 16);
    }
}

const check_entry check_entries[] = {
    {"activations", check_activations},
    {"their gradients", check_activation_gradients},
    {"exp to cos, gradients", check_unary},
    {"arithmetic", check_arithmetic},
    {"its gradients", check_arithmetic_gradients},
    {"comparison, logic, where", check_comparisons},
    {"casts", check_casts},
    {"matmul, bias, relu", check_matmul},
    {"conv2d", check_conv2d},
    {"conv2d to data", check_conv2d_backward_data},
    {"conv2d to weights", check_conv2d_backward_weights},
    {"conv_transpose2d", check_conv_transpose2d},
    {"conv1d", check_conv1d},
    {"attention, gradients", check_attention},
    {"rotary embedding", check_rotary},
    {"softmax, gradient", check_softmax},
    {"log-softmax, gradient", check_log_softmax},
    {"cross-entropy, gradient", check_cross_entropy},
    {"reductions, gradients", check_reductions},
    {"max pooling, gradient", check_max_pool},
    {"average pooling, gradient", check_average_pool},
    {"maxima's places, unpool", check_unpool},
    {"concat, split", check_concat},
    {"pad, and gradient", check_pad},
    {"tile, and gradient", check_tile},
    {"depth to space, and back", check_depth_to_space},
    {"gather, embedding", check_gather},
    {"scatter-add, gradients", check_scatter},
    {"one-hot", check_one_hot},
    {"top-k", check_top_k},
    {"resize", check_resize},
    {"adam step", check_adam},
    {0},
};
