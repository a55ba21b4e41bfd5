/* SPDX-License-Identifier: Apache-2.0 */
/* The matrix of a resized axis in float64, from the formulas of the ONNX operator Resize. */
#ifndef CLEAT_REFERENCE_RESIZE_H
#define CLEAT_REFERENCE_RESIZE_H

#include <cleat/resize.h>

/* matrix[o * n + i]: what element i of n gives to element o of m. */
void reference_resize_matrix(
    const cleat_resize_options *options, int64_t n, int64_t m, double *matrix);

#endif
