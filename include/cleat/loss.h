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
    const cleat_tensor *weight;  /* [C], each at least 0: of classes; NULL: ones */
    const int32_t *ignore_index; /* samples with this label don't count; NULL: there is none */
    float label_smoothing;       /* 0 .. 1 */
    uint64_t reserved[3];
} cleat_cross_entropy_options;

/*
 * Softmax cross-entropy, as ONNX SoftmaxCrossEntropyLoss, with label smoothing s as PyTorch's
 * cross_entropy. With p = softmax(logits[n]) and the weights w, all 1 unless given:
 *     loss[n] = -(1 - s) w[labels[n]] log p[labels[n]] - s / C sum_c w[c] log p[c]
 * and 0 where labels[n] is ignore_index, whatever the logits. The mean is the sum divided by
 *     D = sum of w[labels[n]] over the samples that are not ignored,
 * N in the plain case. logits [N, C]; labels i32 [N], each in 0 .. C-1 or ignore_index, which may
 * be any number (another label, which only the device sees, makes the sample's loss and gradient
 * NaN and counts as 1 in D); loss one element of rank 0 or 1 (mean, sum) or [N] (none). All but the
 * labels are f32, f16 or bf16 (both by way of f32 in scratch memory), or f64 on a device that has
 * it (else CLEAT_UNSUPPORTED). The mean of no samples, or of none but ignored ones, is NaN. Errors:
 * CLEAT_INVALID_ARGUMENT (also for a label_smoothing outside 0 .. 1), CLEAT_SHAPE_MISMATCH,
 * CLEAT_TYPE_MISMATCH, CLEAT_OVERLAP.
 */
CLEAT_API cleat_status cleat_softmax_cross_entropy(cleat_context *context, cleat_tensor logits,
    cleat_tensor labels, cleat_tensor loss, const cleat_cross_entropy_options *options);

/*
 * dlogits[n][c] = g[n] * (p[c] sum_k t[k] - t[c]), t[c] = (1 - s) w[c] (c == labels[n]) + s / C
 * w[c], with g[n] = dloss / D (mean), dloss (sum) or dloss[n] (none): in the plain case the softmax
 * less 1 at the label. 0 for ignored samples, all of a batch too. dloss has the shape of loss; NULL
 * means all ones. dlogits may be logits itself.
 */
CLEAT_API cleat_status cleat_softmax_cross_entropy_backward(cleat_context *context,
    cleat_tensor logits, cleat_tensor labels, const cleat_tensor *dloss, cleat_tensor dlogits,
    const cleat_cross_entropy_options *options);

/*
 * Losses of numbers beside targets, by element; definitions as PyTorch's losses of these names have
 * them (MSELoss, L1Loss, HuberLoss, BCEWithLogitsLoss, KLDivLoss). x and the target t are, with
 * all other operands, f32, f16 or bf16 (computed with in f32), or f64 on a device that has it (else
 * CLEAT_UNSUPPORTED), of one shape, any
 * strides; NaN in either reaches its element's loss and gradient.
 */
typedef enum cleat_loss_kind {
    CLEAT_LOSS_SQUARED,  /* (x - t)^2 */
    CLEAT_LOSS_ABSOLUTE, /* |x - t|; the derivative is 0 where they are equal */
    CLEAT_LOSS_HUBER,    /* d = |x - t|: d <= delta ? d^2 / 2 : delta * (d - delta / 2) */
    /* weight * ((1 - t) * softplus(x) + pos_weight * t * softplus(-x)): the cross-entropy of t
     * beside sigmoid(x), without cancellation in either tail */
    CLEAT_LOSS_BINARY_CROSS_ENTROPY,
    /* t * (log(t) - x), 0 where t is 0; with log_target exp(t) * (t - x); x holds logarithms */
    CLEAT_LOSS_KL_DIVERGENCE
} cleat_loss_kind;

typedef struct cleat_loss_options {
    cleat_loss_reduction reduction; /* mean and sum over all elements; none: x's shape */
    float delta;                    /* Huber's, above 0; 0 means 1 */
    const cleat_tensor *weight;     /* binary cross-entropy: broadcast to x; NULL: ones */
    const cleat_tensor *pos_weight; /* the same */
    bool log_target;                /* divergence: the target holds logarithms too */
    uint64_t reserved[6];
} cleat_loss_options;

/* "squared", ...; "unknown" for a value that is none. Static storage. */
CLEAT_API const char *cleat_loss_name(cleat_loss_kind kind);

/*
 * loss is one element of rank 0 or 1 (mean, sum), or has x's shape (none). Sums are formed in a
 * fixed order. The mean of no elements is NaN. loss overlaps nothing. The divergence's mean is over
 * elements too: for a mean over N samples take the sum, and 1 / N as dloss.
 * Errors: CLEAT_INVALID_ARGUMENT (also for weights of another loss), CLEAT_SHAPE_MISMATCH,
 * CLEAT_TYPE_MISMATCH, CLEAT_OVERLAP.
 */
CLEAT_API cleat_status cleat_loss(cleat_context *context, cleat_loss_kind kind, cleat_tensor x,
    cleat_tensor target, cleat_tensor loss, const cleat_loss_options *options);

/* dx = gradient with respect to x. dloss has the shape of loss; NULL means ones. dx may be x. */
CLEAT_API cleat_status cleat_loss_backward(cleat_context *context, cleat_loss_kind kind,
    cleat_tensor x, cleat_tensor target, const cleat_tensor *dloss, cleat_tensor dx,
    const cleat_loss_options *options);

#ifdef __cplusplus
}
#endif

#endif
