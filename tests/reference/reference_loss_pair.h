/* SPDX-License-Identifier: Apache-2.0 */
/* Losses of numbers beside targets in float64, by element. */
#ifndef CLEAT_REFERENCE_LOSS_PAIR_H
#define CLEAT_REFERENCE_LOSS_PAIR_H

#include <cleat/loss.h>

/* Of one element: x, its target, its weights, and Huber's delta. */
typedef struct reference_pair {
    double x, target, weight, pos_weight, delta;
    bool log_target;
} reference_pair;

/* The loss; *magnitude: what its rounding errors grow from. */
double reference_loss_pair(cleat_loss_kind kind, const reference_pair *p, double *magnitude);
/* Its derivative by x, likewise. */
double reference_loss_pair_gradient(
    cleat_loss_kind kind, const reference_pair *p, double *magnitude);

#endif
