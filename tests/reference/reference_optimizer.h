/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of the optimisers in double precision, as include/cleat/optimizer.h defines them. */
#ifndef CLEAT_TESTS_REFERENCE_OPTIMIZER_H
#define CLEAT_TESTS_REFERENCE_OPTIMIZER_H

#include <stdbool.h>
#include <stdint.h>

typedef struct reference_sgd {
    double learning_rate, momentum, weight_decay;
    bool nesterov;
} reference_sgd;

typedef struct reference_adam {
    double learning_rate, beta1, beta2, epsilon, weight_decay;
    int64_t step;
    bool decoupled;
} reference_adam;

/* Changes parameter and velocity (may be NULL when the momentum is 0). */
void reference_sgd_step(const reference_sgd *o, int64_t count, double *parameter,
    const double *gradient, double *velocity);

typedef struct reference_rmsprop {
    double learning_rate, alpha, epsilon, momentum, weight_decay;
} reference_rmsprop;

typedef struct reference_adagrad {
    double learning_rate, learning_rate_decay, weight_decay, epsilon;
    int64_t step;
} reference_adagrad;

typedef struct reference_lion {
    double learning_rate, beta1, beta2, weight_decay;
} reference_lion;

/* Changes parameter, v, velocity and mean (the last two may be NULL). */
void reference_rmsprop_step(const reference_rmsprop *o, int64_t count, double *parameter,
    const double *gradient, double *v, double *velocity, double *mean);

/* Changes parameter and sum. */
void reference_adagrad_step(const reference_adagrad *o, int64_t count, double *parameter,
    const double *gradient, double *sum);

/* Changes parameter and m. */
void reference_lion_step(
    const reference_lion *o, int64_t count, double *parameter, const double *gradient, double *m);

/* Changes parameter, m and v; AdamW where `decoupled`. */
void reference_adam_step(const reference_adam *o, int64_t count, double *parameter,
    const double *gradient, double *m, double *v);

#endif
