/* SPDX-License-Identifier: Apache-2.0 */
/* Element-wise operations with broadcasting in float64, on row-major arrays. */
#ifndef CLEAT_REFERENCE_ELEMENTWISE_H
#define CLEAT_REFERENCE_ELEMENTWISE_H

#include <cleat/elementwise.h>

typedef struct reference_array {
    int32_t rank;
    int64_t shape[CLEAT_MAX_RANK];
    const double *data;
} reference_array;

int64_t reference_count(const reference_array *x);

/* Index into x of the element that is broadcast to element `index` of `shape`. */
int64_t reference_broadcast_index(
    const reference_array *x, int32_t rank, const int64_t *shape, int64_t index);

/* y = a op b, of the given shape. */
void reference_binary(cleat_binary operation, const reference_array *a, const reference_array *b,
    int32_t rank, const int64_t *shape, double *y);

/* dx: gradient for a (of_b false) or for b; magnitude: sums of the absolute values instead. */
void reference_binary_backward(cleat_binary operation, const reference_array *a,
    const reference_array *b, const reference_array *dy, bool of_b, double *dx, double *magnitude);

#endif
