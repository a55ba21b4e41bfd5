/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_REDUCE_H
#define CLEAT_REDUCE_H

#include <cleat/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum cleat_reduction_kind {
    CLEAT_REDUCE_SUM,
    CLEAT_REDUCE_MEAN,
    CLEAT_REDUCE_MAX /* NaN wins */
} cleat_reduction_kind;

typedef struct cleat_reduce_options {
    bool accumulate; /* sum and mean: add to y instead of overwriting it */
    uint64_t reserved[4];
} cleat_reduce_options;

/*
 * Reduces x over `axis_count` different axes (negative ones count from the end; 0 axes with
 * axes NULL: over all). y has x's shape with those axes either left out or of extent 1; f32.
 * Over no elements: sum is 0, mean is NaN, max is -Inf. Sums are formed pairwise or blockwise in a
 * fixed order: the same bits every time.
 */
CLEAT_API cleat_status cleat_reduce(cleat_context *context, cleat_reduction_kind kind,
    cleat_tensor x, int32_t axis_count, const int32_t *axes, cleat_tensor y,
    const cleat_reduce_options *options);

/*
 * dx = gradient with respect to x, where y = cleat_reduce(kind, x, axes) and dy has y's shape.
 * Max: every element equal to the maximum of its group takes dy divided by their number, as
 * PyTorch's amax has it (x and y are read for max only, and may be any valid views otherwise).
 */
CLEAT_API cleat_status cleat_reduce_backward(cleat_context *context, cleat_reduction_kind kind,
    cleat_tensor x, cleat_tensor y, cleat_tensor dy, int32_t axis_count, const int32_t *axes,
    cleat_tensor dx);

/* Names of the variants, for the tuning table ("reduce"; $CLEAT_REDUCE forces one). Ends with NULL;
 * static storage. */
CLEAT_API const char *const *cleat_reduce_variants(void);

#ifdef __cplusplus
}
#endif

#endif
