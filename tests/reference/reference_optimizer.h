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
} reference_adam;

/* Changes parameter and velocity (may be NULL when the momentum is 0). */
void reference_sgd_step(const reference_sgd *o, int64_t count, double *parameter,
    const double *gradient, double *velocity);

/* Changes parameter, m and v. */
void reference_adam_step(const reference_adam *o, int64_t count, double *parameter,
    const double *gradient, double *m, double *v);

#endif
