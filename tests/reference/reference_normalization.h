/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Normalisations in float64, as include/cleat/normalization.h defines them, each element's group
 * and the element of the scale that goes with it told by numbers.
 */
#ifndef CLEAT_REFERENCE_NORMALIZATION_H
#define CLEAT_REFERENCE_NORMALIZATION_H

#include <stdbool.h>
#include <stdint.h>

typedef struct reference_normalization {
    int64_t count, groups, scales;
    const int64_t *group, *of_scale; /* of each element */
    bool centered;
    double epsilon;
    const double *scale, *bias; /* NULL: 1 and 0 */
} reference_normalization;

/* mean (0 where not centered) and inverse of each group. */
void reference_statistics(
    const reference_normalization *n, const double *x, double *mean, double *inverse);

void reference_normalize(const reference_normalization *n, const double *x, const double *mean,
    const double *inverse, double *y);

/* magnitudes: of what each result is the sum, in absolute values. */
typedef struct reference_gradients {
    double *dx, *dscale, *dbias, *dx_magnitude, *dscale_magnitude, *dbias_magnitude;
} reference_gradients;
void reference_normalize_backward(const reference_normalization *n, const double *x,
    const double *mean, const double *inverse, const double *dy, reference_gradients *to);

#endif
