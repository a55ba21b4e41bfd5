/* SPDX-License-Identifier: Apache-2.0 */
/* Rotary position embedding in long double; formulas: include/cleat/rotary.h. */
#ifndef REFERENCE_ROTARY_H
#define REFERENCE_ROTARY_H

#include <stdbool.h>
#include <stdint.h>

/* y and the magnitudes of its elements, |x0| + |x1|, for x [rows, width]. */
void reference_rotary(const long double *x, int64_t rows, int64_t width, const int64_t *positions,
    double base, bool neighbours, bool inverse, long double *y, long double *magnitude);

#endif
