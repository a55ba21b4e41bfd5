/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_OPTIMIZER_H
#define CLEAT_OPTIMIZER_H

#include <cleat/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cleat_sgd_options {
    float momentum;     /* 0: plain gradient descent; velocity may be NULL and is not touched */
    float weight_decay; /* L2: added to the gradient as weight_decay * parameter */
    bool nesterov;
    uint64_t reserved[6];
} cleat_sgd_options;

/*
 * One step of stochastic gradient descent as PyTorch's SGD defines it (no dampening):
 *   g = gradient + weight_decay * parameter;  velocity = momentum * velocity + g
 *   parameter -= learning_rate * (nesterov ? g + momentum * velocity : velocity)
 * velocity starts as zeros. All f32, of one shape, any strides, no two overlapping.
 * CLEAT_INVALID_ARGUMENT for a learning rate, momentum or decay that is negative or not finite.
 */
CLEAT_API cleat_status cleat_sgd_step(cleat_context *context, cleat_tensor parameter,
    cleat_tensor gradient, const cleat_tensor *velocity, float learning_rate,
    const cleat_sgd_options *options);

typedef struct cleat_adam_options {
    float beta1;        /* 0 means 0.9; in (0, 1) */
    float beta2;        /* 0 means 0.999; in (0, 1) */
    float epsilon;      /* 0 means 1e-8 */
    float weight_decay; /* L2, as in the paper's Adam: added to the gradient */
    uint64_t reserved[6];
} cleat_adam_options;

/*
 * One step of Adam (Kingma & Ba 2015, algorithm 1), `step` counting from 1:
 *   g = gradient + weight_decay * parameter
 *   m = beta1 * m + (1 - beta1) * g;  v = beta2 * v + (1 - beta2) * g^2
 *   parameter -= learning_rate * (m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + epsilon)
 * m and v start as zeros. All f32, of one shape, any strides, no two overlapping. The powers of
 * beta are formed in double precision. CLEAT_INVALID_ARGUMENT for a step below 1, a beta outside
 * (0, 1), and a learning rate, epsilon or decay that is negative or not finite.
 */
CLEAT_API cleat_status cleat_adam_step(cleat_context *context, cleat_tensor parameter,
    cleat_tensor gradient, cleat_tensor m, cleat_tensor v, int64_t step, float learning_rate,
    const cleat_adam_options *options);

#ifdef __cplusplus
}
#endif

#endif
