/* SPDX-License-Identifier: Apache-2.0 */
/* Rotary position embedding in float64; formulas: include/cleat/rotary.h. */
#ifndef REFERENCE_ROTARY_H
#define REFERENCE_ROTARY_H

#include <stdbool.h>
#include <stdint.h>

/* y and the magnitudes of its elements for x [rows, width]; an error of 2^-22 + |position| 2^-48 in
 * a cosine or sine counts as well. */
void reference_rotary(const double *x, int64_t rows, int64_t width, const int64_t *positions,
    double base, bool neighbours, bool inverse, double *y, double *magnitude);

#endif
