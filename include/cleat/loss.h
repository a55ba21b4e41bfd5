/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_LOSS_H
#define CLEAT_LOSS_H

#include <cleat/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum cleat_loss_reduction {
    CLEAT_LOSS_MEAN = 0, /* one number: the mean over the batch */
    CLEAT_LOSS_SUM,      /* one number */
    CLEAT_LOSS_NONE      /* one number per sample */
} cleat_loss_reduction;

typedef struct cleat_cross_entropy_options {
    cleat_loss_reduction reduction;
    uint64_t reserved[6];
} cleat_cross_entropy_options;

/*
 * Softmax cross-entropy: loss[n] = log(sum_c exp(logits[n][c])) - logits[n][labels[n]], as
 * ONNX SoftmaxCrossEntropyLoss. logits f32 [N, C]; labels i32 [N], each in 0 .. C-1 (a label
 * outside, which only the device sees, makes the sample's loss and gradient NaN); loss f32, one
 * element of rank 0 or 1 (mean, sum) or [N] (none). The mean of no samples is NaN.
 */
CLEAT_API cleat_status cleat_softmax_cross_entropy(cleat_context *context, cleat_tensor logits,
    cleat_tensor labels, cleat_tensor loss, const cleat_cross_entropy_options *options);

/*
 * dlogits[n][c] = g[n] * (softmax(logits[n])[c] - (c == labels[n])), with g[n] = dloss / N (mean),
 * dloss (sum) or dloss[n] (none). dloss has the shape of loss; NULL means all ones. dlogits may be
 * logits itself.
 */
CLEAT_API cleat_status cleat_softmax_cross_entropy_backward(cleat_context *context,
    cleat_tensor logits, cleat_tensor labels, const cleat_tensor *dloss, cleat_tensor dlogits,
    const cleat_cross_entropy_options *options);

#ifdef __cplusplus
}
#endif

#endif
