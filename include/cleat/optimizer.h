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
 * velocity starts as zeros. All f32, or all f64 on a device that has it (else CLEAT_UNSUPPORTED),
 * of one shape, any strides, no two overlapping. Numbers are f32 as given, worked with in the
 * tensors' type. So have all steps. CLEAT_INVALID_ARGUMENT for a learning rate, momentum or decay
 * that is negative or not finite.
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
 * m and v start as zeros. All f32 or all f64, of one shape, any strides, no two overlapping. The
 * powers of beta are formed in double precision. CLEAT_INVALID_ARGUMENT for a step below 1, a beta
 * outside (0, 1), and a learning rate, epsilon or decay that is negative or not finite.
 */
CLEAT_API cleat_status cleat_adam_step(cleat_context *context, cleat_tensor parameter,
    cleat_tensor gradient, cleat_tensor m, cleat_tensor v, int64_t step, float learning_rate,
    const cleat_adam_options *options);

/*
 * One step of AdamW (Loshchilov & Hutter 2019, as PyTorch has it): Adam's with g = gradient, and
 * the parameter is first multiplied by 1 - learning_rate * weight_decay. A decay of 0 is none
 * (PyTorch's is 0.01 unless told otherwise). Otherwise as cleat_adam_step().
 */
CLEAT_API cleat_status cleat_adamw_step(cleat_context *context, cleat_tensor parameter,
    cleat_tensor gradient, cleat_tensor m, cleat_tensor v, int64_t step, float learning_rate,
    const cleat_adam_options *options);

typedef struct cleat_rmsprop_options {
    float alpha;        /* 0 means 0.99; in (0, 1) */
    float epsilon;      /* 0 means 1e-8 */
    float momentum;     /* 0: none; `velocity` may be NULL and is not touched */
    float weight_decay; /* L2: added to the gradient as weight_decay * parameter */
    bool centered;      /* wants `mean` */
    uint64_t reserved[6];
} cleat_rmsprop_options;

/*
 * One step of RMSprop (Hinton 2012; centred: Graves 2013), as PyTorch has it:
 *   g = gradient + weight_decay * parameter;  v = alpha * v + (1 - alpha) * g^2
 *   centered: mean = alpha * mean + (1 - alpha) * g;  s = max(v - mean^2, 0);  else s = v
 *   d = g / (sqrt(s) + epsilon);  with momentum: velocity = momentum * velocity + d, d = velocity
 *   parameter -= learning_rate * d
 * v, velocity and mean start as zeros; the last two may be NULL where they are not used. All f32 or
 * all f64, of one shape, any strides, no two overlapping. CLEAT_INVALID_ARGUMENT for an alpha
 * outside (0, 1), and numbers that are negative or not finite.
 */
CLEAT_API cleat_status cleat_rmsprop_step(cleat_context *context, cleat_tensor parameter,
    cleat_tensor gradient, cleat_tensor v, const cleat_tensor *velocity, const cleat_tensor *mean,
    float learning_rate, const cleat_rmsprop_options *options);

typedef struct cleat_adagrad_options {
    float learning_rate_decay;
    float weight_decay; /* L2: added to the gradient as weight_decay * parameter */
    float epsilon;      /* 0 means 1e-10 */
    uint64_t reserved[6];
} cleat_adagrad_options;

/*
 * One step of Adagrad (Duchi, Hazan & Singer 2011), as PyTorch has it, `step` counting from 1:
 *   g = gradient + weight_decay * parameter;  sum += g^2
 *   parameter -= learning_rate / (1 + (step - 1) * learning_rate_decay) * g / (sqrt(sum) + epsilon)
 * sum starts as zeros or a constant. All f32 or all f64, of one shape, any strides, no two
 * overlapping. CLEAT_INVALID_ARGUMENT for a step below 1, and numbers that are negative or not
 * finite.
 */
CLEAT_API cleat_status cleat_adagrad_step(cleat_context *context, cleat_tensor parameter,
    cleat_tensor gradient, cleat_tensor sum, int64_t step, float learning_rate,
    const cleat_adagrad_options *options);

typedef struct cleat_lion_options {
    float beta1;        /* 0 means 0.9; in (0, 1) */
    float beta2;        /* 0 means 0.99; in (0, 1) */
    float weight_decay; /* decoupled */
    uint64_t reserved[6];
} cleat_lion_options;

/*
 * One step of Lion (Chen et al. 2023, algorithm 2):
 *   c = beta1 * m + (1 - beta1) * gradient
 *   parameter -= learning_rate * (sign(c) + weight_decay * parameter)
 *   m = beta2 * m + (1 - beta2) * gradient
 * The sign of 0 is 0. m starts as zeros. All f32 or all f64, of one shape, any strides, no two
 * overlapping. CLEAT_INVALID_ARGUMENT for a beta outside (0, 1), and numbers that are negative or
 * not finite.
 */
CLEAT_API cleat_status cleat_lion_step(cleat_context *context, cleat_tensor parameter,
    cleat_tensor gradient, cleat_tensor m, float learning_rate, const cleat_lion_options *options);

/*
 * Scales `count` gradients together so that their norm is at most max_norm, as PyTorch's
 * clip_grad_norm_:
 *   norm = sqrt(sum of the squares of all elements of all gradients)
 *   every gradient *= min(1, max_norm / (norm + 1e-6))
 * Everything stays on the device and is summed in a fixed order. total_norm, if not NULL, a tensor
 * of one element, gets the norm. A norm that is not finite is not hidden: Inf makes finite
 * gradients 0 and infinite ones NaN, NaN makes all NaN. All f32 or all f64, any shapes and strides,
 * no two overlapping. CLEAT_INVALID_ARGUMENT for a max_norm that is negative or NaN, a count that
 * is negative.
 */
CLEAT_API cleat_status cleat_clip_gradient_norm(cleat_context *context, int32_t count,
    const cleat_tensor *gradients, float max_norm, const cleat_tensor *total_norm);

#ifdef __cplusplus
}
#endif

#endif
