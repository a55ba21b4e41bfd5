/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax cross-entropy in double precision, row-major. */
#ifndef CLEAT_TESTS_REFERENCE_LOSS_H
#define CLEAT_TESTS_REFERENCE_LOSS_H

#include <cleat/loss.h>

/* What a call may set: smoothing; a weight for each class, NULL: ones; a label that does not count,
 * NULL: none. */
typedef struct reference_weighing {
    double smoothing;
    const double *weight;
    const int32_t *ignored;
} reference_weighing;

/* losses[n] of each sample; magnitude[n] (may be NULL) is the sum of the sizes of its parts, the
 * logarithm's 1 more than it is. */
void reference_cross_entropy(int64_t samples, int64_t classes, const double *logits,
    const int32_t *labels, const reference_weighing *weighing, double *losses, double *magnitude);

/* What the mean is the sum divided by. */
double reference_cross_entropy_divisor(
    int64_t samples, int64_t classes, const int32_t *labels, const reference_weighing *weighing);

/*
 * dlogits = g[n] (softmax sum_c t[c] - t), t the targets; magnitude (may be NULL): the same with
 * all terms positive and softmax times 1 + |x - max|, since an exponential's relative error is its
 * argument's absolute one.
 */
void reference_cross_entropy_backward(int64_t samples, int64_t classes, const double *logits,
    const int32_t *labels, const reference_weighing *weighing, const double *g, double *dlogits,
    double *magnitude);

#endif
