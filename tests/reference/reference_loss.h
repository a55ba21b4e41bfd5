/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax cross-entropy in double precision, row-major. */
#ifndef CLEAT_TESTS_REFERENCE_LOSS_H
#define CLEAT_TESTS_REFERENCE_LOSS_H

#include <cleat/loss.h>

/* losses[n] of each sample; magnitude[n] (may be NULL) is the sum of the sizes of its parts. */
void reference_cross_entropy(int64_t samples, int64_t classes, const double *logits,
    const int32_t *labels, double *losses, double *magnitude);

/*
 * dlogits = g[n] (softmax - one at the label); magnitude (may be NULL): the same with all terms
 * positive and softmax times 1 + |x - max|, since an exponential's relative error is its argument's
 * absolute one.
 */
void reference_cross_entropy_backward(int64_t samples, int64_t classes, const double *logits,
    const int32_t *labels, const double *g, double *dlogits, double *magnitude);

#endif
