/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_NORMALIZATION_H
#define CLEAT_NORMALIZATION_H

#include <cleat/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * All of these but the last form, over groups of elements of x,
 *
 *     inverse = 1 / sqrt(variance + epsilon);  h = (x - mean) * inverse;  y = h * scale + bias
 *
 * with the mean and the variance (divisor: the number of elements) of x's group, and their
 * gradients
 *
 *     dx = inverse * (g - mean(g) - h * mean(g * h)),  g = dy * scale
 *     dscale = sum dy * h;  dbias = sum dy    over all elements that an element of scale goes to
 *
 * Everything is f32, or f64 on a device that has it (else CLEAT_UNSUPPORTED), of one type; numbers
 * in options are f32 as given. Or x, y, dy and dx are f16 or bf16, computed with in f32 and rounded
 * once: then mean, inverse, variance and running statistics are f32, as PyTorch's and cuDNN's, and
 * each of scale, bias, dscale and dbias is f32 or of x's type. x, y, dy and dx have one shape and
 * any strides, so that NHWC is a permuted view. The variance is formed without cancellation, as
 * cleat_reduce() says; so y is off by what a change of each x by some units of its last place would
 * make, also where the mean is large. Sums have a fixed order: the same bits each time.
 *
 * y may be x itself and dx may be dy itself (the same view); other operands do not overlap what is
 * written. Of an x without elements nothing is done, but dscale and dbias are set to 0.
 */
typedef struct cleat_normalization_options {
    float epsilon;             /* 0 means 1e-5 */
    const cleat_tensor *scale; /* NULL: 1 */
    const cleat_tensor *bias;  /* NULL: 0; only with a scale, of the same shape */
    /* Where mean and inverse go, for the backward pass; NULL: nowhere. Of x's shape with the axes
     * of the groups left out or of extent 1. */
    const cleat_tensor *mean, *inverse;
    uint64_t reserved[4];
} cleat_normalization_options;

/*
 * Layer normalisation (Ba, Kiros & Hinton 2016; ONNX LayerNormalization): a group is all elements
 * of the axes from `axis` on (negative: from the end). scale and bias are broadcast to x; mostly
 * they have the shape of those axes.
 */
CLEAT_API cleat_status cleat_layer_norm(cleat_context *context, cleat_tensor x, int32_t axis,
    cleat_tensor y, const cleat_normalization_options *options);

/* Each of dx, dscale and dbias may be NULL; scale NULL as there was none. */
CLEAT_API cleat_status cleat_layer_norm_backward(cleat_context *context, cleat_tensor x,
    const cleat_tensor *scale, cleat_tensor mean, cleat_tensor inverse, cleat_tensor dy,
    int32_t axis, const cleat_tensor *dx, const cleat_tensor *dscale, const cleat_tensor *dbias);

/*
 * Normalisation by the root of the mean square (Zhang & Sennrich 2019; ONNX RMSNormalization), over
 * groups as of layer normalisation:
 *     inverse = 1 / sqrt(mean(x^2) + epsilon);  h = x * inverse;  y = h * scale + bias
 *     dx = inverse * (g - h * mean(g * h))
 * There is no mean: options->mean must be NULL.
 */
CLEAT_API cleat_status cleat_rms_norm(cleat_context *context, cleat_tensor x, int32_t axis,
    cleat_tensor y, const cleat_normalization_options *options);
CLEAT_API cleat_status cleat_rms_norm_backward(cleat_context *context, cleat_tensor x,
    const cleat_tensor *scale, cleat_tensor inverse, cleat_tensor dy, int32_t axis,
    const cleat_tensor *dx, const cleat_tensor *dscale, const cleat_tensor *dbias);

/*
 * Group normalisation (Wu & He 2018; ONNX GroupNormalization) of x [samples, channels, ...], at
 * most 7 axes: a group is a sample's channels / groups channels. scale and bias are [channels],
 * mean and inverse [samples, groups].
 */
CLEAT_API cleat_status cleat_group_norm(cleat_context *context, cleat_tensor x, int64_t groups,
    cleat_tensor y, const cleat_normalization_options *options);
CLEAT_API cleat_status cleat_group_norm_backward(cleat_context *context, cleat_tensor x,
    const cleat_tensor *scale, cleat_tensor mean, cleat_tensor inverse, cleat_tensor dy,
    int64_t groups, const cleat_tensor *dx, const cleat_tensor *dscale, const cleat_tensor *dbias);

/* Instance normalisation (Ulyanov, Vedaldi & Lempitsky 2016; ONNX InstanceNormalization): a group
 * is one channel of one sample. scale and bias are [channels], mean and inverse [samples,
 * channels]. */
CLEAT_API cleat_status cleat_instance_norm(cleat_context *context, cleat_tensor x, cleat_tensor y,
    const cleat_normalization_options *options);
CLEAT_API cleat_status cleat_instance_norm_backward(cleat_context *context, cleat_tensor x,
    const cleat_tensor *scale, cleat_tensor mean, cleat_tensor inverse, cleat_tensor dy,
    const cleat_tensor *dx, const cleat_tensor *dscale, const cleat_tensor *dbias);

typedef struct cleat_batch_norm_options {
    float epsilon;                      /* 0 means 1e-5 */
    const cleat_tensor *scale;          /* NULL: 1 */
    const cleat_tensor *bias;           /* NULL: 0; only with a scale */
    const cleat_tensor *mean, *inverse; /* where they go, for the backward pass; NULL: nowhere */
    /* Statistics over many batches, updated in place; both or neither:
     *     running = (1 - momentum) * running + momentum * of this batch */
    const cleat_tensor *running_mean, *running_variance;
    float momentum; /* 0 means 0.1, as PyTorch; ONNX's momentum, 0.9, is 1 - this */
    /* The running variance takes that of a sample, divisor count - 1, as PyTorch; true: divisor
     * count, as ONNX's BatchNormalization from opset 14 on. */
    bool population_variance;
    uint64_t reserved[4];
} cleat_batch_norm_options;

/*
 * Batch normalisation (Ioffe & Szegedy 2015; ONNX BatchNormalization) of x [samples, channels,
 * ...]: a group is one channel of all samples. All other operands are [channels].
 * cleat_batch_norm_training() uses the statistics of x. cleat_batch_norm() those given, as for
 * inference: y = (x - mean) / sqrt(variance + epsilon) * scale + bias; of its options the first
 * three are looked at.
 */
CLEAT_API cleat_status cleat_batch_norm_training(cleat_context *context, cleat_tensor x,
    cleat_tensor y, const cleat_batch_norm_options *options);
CLEAT_API cleat_status cleat_batch_norm(cleat_context *context, cleat_tensor x, cleat_tensor mean,
    cleat_tensor variance, cleat_tensor y, const cleat_batch_norm_options *options);

/* Of cleat_batch_norm_training(), with the mean and inverse that it gave. Each of dx, dscale and
 * dbias may be NULL. */
CLEAT_API cleat_status cleat_batch_norm_backward(cleat_context *context, cleat_tensor x,
    const cleat_tensor *scale, cleat_tensor mean, cleat_tensor inverse, cleat_tensor dy,
    const cleat_tensor *dx, const cleat_tensor *dscale, const cleat_tensor *dbias);

typedef struct cleat_local_response_norm_options {
    float alpha;       /* 0 means 1e-4 */
    float beta;        /* 0 means 0.75; 0.25, 0.5, 0.75 and 1 are faster than others */
    const float *bias; /* NULL means 1 */
    uint64_t reserved[4];
} cleat_local_response_norm_options;

/*
 * Local response normalisation (Krizhevsky, Sutskever & Hinton 2012; ONNX LRN) of x [samples,
 * channels, ...] across its channels, `size` of them in a window, of an even size more behind:
 *
 *     s[c] = bias + alpha / size * sum of x[i]^2
 *     y[c] = x[c] / s[c]^beta
 *
 * for i = c - floor((size - 1) / 2) .. c + floor(size / 2), those that are channels. Where s is
 * below 0, or 0, y is what C99's pow() makes of it. f32, f16 or bf16 (both by way of f32 in
 * scratch memory), or all f64 on a device that has it (else CLEAT_UNSUPPORTED). y has x's shape,
 * any strides, and overlaps nothing. Errors: CLEAT_INVALID_ARGUMENT (a size below 1, alpha or beta
 * below 0), CLEAT_SHAPE_MISMATCH, CLEAT_TYPE_MISMATCH, CLEAT_OVERLAP.
 */
CLEAT_API cleat_status cleat_local_response_norm(cleat_context *context, cleat_tensor x,
    int64_t size, cleat_tensor y, const cleat_local_response_norm_options *options);

/*
 * dx[i] = dy[i] / s[i]^beta - 2 alpha beta / size x[i] sum of dy[c] x[c] / s[c]^(beta + 1) over the
 * c whose windows hold i. dx overlaps nothing.
 */
CLEAT_API cleat_status cleat_local_response_norm_backward(cleat_context *context, cleat_tensor x,
    int64_t size, cleat_tensor dy, cleat_tensor dx,
    const cleat_local_response_norm_options *options);

#ifdef __cplusplus
}
#endif

#endif
