/* SPDX-License-Identifier: Apache-2.0 */
/* What the error of Winograd's F(2 x 2, 3 x 3) is bounded by, in float64: options.winograd of
 * include/cleat/conv.h. */
#ifndef CLEAT_TESTS_REFERENCE_WINOGRAD_H
#define CLEAT_TESTS_REFERENCE_WINOGRAD_H

#include "reference/reference_conv2d.h"
#include <stdbool.h>

/*
 * S of each result, |A^T| (sum of (|G| |w| |G^T|) * (|B^T| |source| |B|)) |A|: forward source is x
 * and the result y, `to_data` it is dy and the result dx. All row-major, steps and dilation 1,
 * windows 3 x 3.
 */
void reference_winograd_magnitude(const reference_conv2d *c, bool to_data, const double *source,
    const double *w, double *magnitude);

#endif
