/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cross-entropy with weights of classes, an ignored label and label smoothing, for kernels built with
 * -DWEIGHED=1. With L = log(sum(exp(x - max))) and the weights w, 1 without weight_data, loss and gradient
 * of a sample, both divided by DIVISOR and 0 where its label is ignored, are
 *     loss   = FACTOR L + own (max - x[label]) + smoothing sum_c w[c] (max - x[c])
 *     dx[c]  = dloss (FACTOR softmax(x)[c] - (own at the label) - smoothing w[c])
 *     own    = OWN_SHARE(label) = (1 - s) w[label],    FACTOR(own) = own + smoothing sum_c w[c]
 * with smoothing = s / classes. All terms of the loss are positive.
 *     own_share     1 - s
 *     weight_total  the sum of w; 0: it is weighed_sums[1]
 *     ignores       whether there is an ignored label
 * `divisor` is a parameter of every kernel; 0: it is weighed_sums[0].
 */
#if WEIGHED
#define WEIGHT_PARAMETERS                                                                          \
    , __global const REAL *weight_data, const INDEX weight_offset, const INDEX weight_stride,     \
        __global const REAL *weighed_sums, const REAL own_share, const REAL smoothing,          \
        const REAL weight_total, const int ignores, const int ignored
#define WEIGHT_ARGUMENTS                                                                           \
    , weight_data, weight_offset, weight_stride, weighed_sums, own_share, smoothing, weight_total, \
        ignores, ignored
#define IS_IGNORED(label) ((ignores != 0) & ((label) == ignored))
#define WEIGHT_OF(c) (weight_data != 0 ? weight_data[weight_offset + (c)*weight_stride] : 1.0f)
#define OWN_SHARE(label) (own_share * WEIGHT_OF(label))
#define SMOOTH_TOTAL (smoothing * (weight_total != 0.0f ? weight_total : weighed_sums[1]))
#define FACTOR(own) ((own) + SMOOTH_TOTAL)
#define DIVISOR (divisor != 0.0f ? divisor : weighed_sums[0])
#else
#define WEIGHT_PARAMETERS
#define WEIGHT_ARGUMENTS
#define IS_IGNORED(label) 0
#define DIVISOR divisor
#endif
