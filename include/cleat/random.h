/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_RANDOM_H
#define CLEAT_RANDOM_H

#include <cleat/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Random numbers from the counter-based generator Philox4x32-10 (Salmon et al., SC 2011): element i
 * of y in row-major order is made from word i % 4 of the block with counter words (i / 4 low, i / 4
 * high, stream low, stream high) and key words (seed low, high), whatever the device and the
 * strides. Pass a different `stream` for each tensor that is to
 * be independent. f32.
 *
 * Uniform: low + (high - low) * u with u = (word >> 8) * 2^-24 in [0, 1); the same bits everywhere.
 * Rounding may give high itself where the range is narrow against its bounds. Refused
 * (CLEAT_INVALID_ARGUMENT): bounds or a range that are not finite, low > high.
 */
CLEAT_API cleat_status cleat_random_uniform(
    cleat_context *context, uint64_t seed, uint64_t stream, float low, float high, cleat_tensor y);

/*
 * Normal: mean + deviation * z, z by Box and Muller (1958) from the words of the same block taken
 * in pairs: z = sqrt(-2 ln u1) * (cos, sin)(2 pi u2) with u1 = (word + 1/2) * 2^-32, rounded to f32
 * and so in (0, 1], u2 = (next word >> 8) * 2^-24. |z| < 6.8. The words are the same everywhere; z
 * within a few ulp, as devices' square roots and fused products differ. Refused: a mean or
 * deviation that is not finite, a negative deviation.
 */
CLEAT_API cleat_status cleat_random_normal(cleat_context *context, uint64_t seed, uint64_t stream,
    float mean, float deviation, cleat_tensor y);

/*
 * Dropout (Srivastava et al. 2014), scaled in training: with u the number in [0, 1) that
 * cleat_random_uniform(seed, stream, 0, 1) gives the element,
 *     y = u < probability ? 0 : x * (1 / (1 - probability))
 * so which elements are dropped is the same on every device, and no mask is kept: the backward pass
 * forms it again from the same seed and stream, dx = u < probability ? 0 : dy / (1 - probability).
 * Pass another stream in each step and for each layer. f32, any strides; y may be the same view as
 * x, dx as dy. What is dropped is 0, NaN too; with a probability of 1 all is. Refused
 * (CLEAT_INVALID_ARGUMENT): a probability outside of [0, 1].
 */
CLEAT_API cleat_status cleat_dropout(cleat_context *context, uint64_t seed, uint64_t stream,
    float probability, cleat_tensor x, cleat_tensor y);
CLEAT_API cleat_status cleat_dropout_backward(cleat_context *context, uint64_t seed,
    uint64_t stream, float probability, cleat_tensor dy, cleat_tensor dx);

#ifdef __cplusplus
}
#endif

#endif
