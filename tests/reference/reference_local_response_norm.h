/* SPDX-License-Identifier: Apache-2.0 */
/* Local response normalisation in double precision, [outer][channels][inner]. */
#ifndef CLEAT_TESTS_REFERENCE_LOCAL_RESPONSE_NORM_H
#define CLEAT_TESTS_REFERENCE_LOCAL_RESPONSE_NORM_H

#include <stdint.h>

typedef struct reference_local_norm {
    int64_t outer, channels, inner, size;
    double alpha, beta, bias;
} reference_local_norm;

/* y = x / s^beta, s = bias + alpha / size * the sum of squares of the window */
void reference_local_response_norm(const reference_local_norm *n, const double *x, double *y);

/* dx, and the same with all terms positive (magnitude; may be NULL) */
void reference_local_response_norm_backward(const reference_local_norm *n, const double *x,
    const double *dy, double *dx, double *magnitude);

#endif
