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
    CLEAT_REDUCE_MAX, /* NaN wins */
    CLEAT_REDUCE_MIN, /* NaN wins */
    CLEAT_REDUCE_PRODUCT,
    CLEAT_REDUCE_L1,          /* sum |x| */
    CLEAT_REDUCE_L2,          /* sqrt(sum x^2); the squares are not scaled and may overflow */
    CLEAT_REDUCE_LOG_SUM_EXP, /* log(sum exp(x)), without overflow */
    CLEAT_REDUCE_VARIANCE     /* sum (x - mean)^2 / (count - correction) */
} cleat_reduction_kind;

typedef struct cleat_reduce_options {
    bool accumulate;    /* sum and mean: add to y instead of overwriting it */
    int64_t correction; /* variance: 1 for that of a sample (Bessel), 0 for that of all */
    uint64_t reserved[3];
} cleat_reduce_options;

/*
 * Reduces x over `axis_count` different axes (negative ones count from the end; 0 axes with
 * axes NULL: over all). y has x's shape with those axes either left out or of extent 1; both f32,
 * f16 or bf16 (summed in f32, the result rounded once), or f64 on a device that has it (else
 * CLEAT_UNSUPPORTED); it may not overlap x. Over no elements: sum, L1 and L2 are 0, product 1, max
 * and log-sum-exp -Inf, min Inf, mean and variance NaN. Everything is combined blockwise in a fixed
 * order: the same bits every time. A divisor of variance below 0 counts as 0.
 * CLEAT_INVALID_ARGUMENT for a negative correction.
 *
 * x is read once. The variance is formed element by element around the mean so far (Welford 1962)
 * in blocks that are joined by the rule of Chan, Golub & LeVeque (1983), so nothing cancels: its
 * relative error is at most some b u sqrt(1 + mean^2 / variance), u = 2^-24 or 2^-53, as if each
 * element had been off by b u of itself, b < 150 the steps between an element and the result
 * (typically sqrt(b)). An infinite element gives NaN.
 */
CLEAT_API cleat_status cleat_reduce(cleat_context *context, cleat_reduction_kind kind,
    cleat_tensor x, int32_t axis_count, const int32_t *axes, cleat_tensor y,
    const cleat_reduce_options *options);

/*
 * dx = gradient with respect to x, where y = cleat_reduce(kind, x, axes) and dy has y's shape; s is
 * sign(x), 0 of 0:
 *
 *     sum            dy
 *     mean           dy / count
 *     L1             dy s
 *     L2             dy x / y, 0 where y is 0
 *     log-sum-exp    dy exp(x - y), 0 where x is -Inf
 *     variance       2 dy (x - mean) / (count - correction)
 *
 * Max, min: every element equal to y takes dy divided by their number, as PyTorch's amax has it.
 * Product: dy times the product of the other elements, formed as that of all that are not zero,
 * divided by the element; so where one
 * is zero only that one has a gradient, and where several are none has. x is read except for sum
 * and mean, y for max, min, L2 and log-sum-exp; otherwise they are not looked at. dx overlaps
 * none of them. Of the options only `correction` is looked at.
 */
CLEAT_API cleat_status cleat_reduce_backward(cleat_context *context, cleat_reduction_kind kind,
    cleat_tensor x, cleat_tensor y, cleat_tensor dy, int32_t axis_count, const int32_t *axes,
    cleat_tensor dx, const cleat_reduce_options *options);

typedef struct cleat_arg_options {
    bool select_last; /* of several equal ones, instead of the first */
    uint64_t reserved[4];
} cleat_arg_options;

/*
 * The index of the greatest (argmax) or smallest (argmin) element of x, f32, f64, f16 or bf16, over
 * the axes, as cleat_reduce() takes them: y, i32 or i64, has the index in row-major order of those
 * axes of x (of a single axis: along it, as ONNX's ArgMax). NaN wins, as in NumPy; infinities are
 * numbers. CLEAT_INVALID_ARGUMENT where there are outputs and no elements, CLEAT_UNSUPPORTED for
 * 2^31 - 1 elements or more behind an output.
 */
CLEAT_API cleat_status cleat_argmax(cleat_context *context, cleat_tensor x, int32_t axis_count,
    const int32_t *axes, cleat_tensor y, const cleat_arg_options *options);
CLEAT_API cleat_status cleat_argmin(cleat_context *context, cleat_tensor x, int32_t axis_count,
    const int32_t *axes, cleat_tensor y, const cleat_arg_options *options);

typedef struct cleat_cumulative_options {
    bool exclusive; /* without the element itself */
    bool reverse;   /* from the end */
    uint64_t reserved[4];
} cleat_cumulative_options;

/*
 * Sums along an axis (negative: from the end), as ONNX's CumSum: y[k] = sum of x[j] over j <= k;
 * exclusive: j < k; reverse: j >= k, or j > k. f32, f64, or f16 and bf16 by way of f32, of one
 * shape, any strides; y may be the same view as x. The additions have a fixed order. x is read
 * twice where there are fewer lines than the device can do at once.
 */
CLEAT_API cleat_status cleat_cumulative_sum(cleat_context *context, cleat_tensor x, int32_t axis,
    cleat_tensor y, const cleat_cumulative_options *options);

/* dx = gradient with respect to x: the sums of dy from the other end. The options are those of the
 * forward call. */
CLEAT_API cleat_status cleat_cumulative_sum_backward(cleat_context *context, cleat_tensor dy,
    int32_t axis, cleat_tensor dx, const cleat_cumulative_options *options);

/* Names of the variants, for the tuning table ("reduce"; $CLEAT_REDUCE forces one). Ends with NULL;
 * static storage. */
CLEAT_API const char *const *cleat_reduce_variants(void);

#ifdef __cplusplus
}
#endif

#endif
