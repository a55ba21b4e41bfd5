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
 * strides. Pass a different `stream` for each tensor that is to be independent.
 *
 * f32, or f64 on a device that has it (else CLEAT_UNSUPPORTED): there element i of y is made from
 * two words, w and v, which are 2 (i % 2) and 2 (i % 2) + 1 of block i / 2. Other numbers than in
 * f32, then; only what dropout drops is the same.
 *
 * Uniform: low + (high - low) * u with u = (word >> 8) * 2^-24 in [0, 1); the same bits everywhere.
 * In f64 u = ((w >> 5) * 2^26 + (v >> 6)) * 2^-53, as genrand_res53() of mt19937ar.c has it.
 * Rounding may give high itself where the range is narrow against its bounds. Refused
 * (CLEAT_INVALID_ARGUMENT): bounds or a range that are not finite, low > high.
 */
CLEAT_API cleat_status cleat_random_uniform(
    cleat_context *context, uint64_t seed, uint64_t stream, float low, float high, cleat_tensor y);

/*
 * Normal: mean + deviation * z, z by Box and Muller (1958) from the words of the same block taken
 * in pairs: z = sqrt(-2 ln u1) * (cos, sin)(2 pi u2) with u1 = (word + 1/2) * 2^-32, rounded to f32
 * and so in (0, 1], u2 = (next word >> 8) * 2^-24. |z| < 6.8. The words are the same everywhere; z
 * within a few ulp, as devices' square roots and fused products differ. In f64, with the uniform
 * numbers u of elements 2 j and 2 j + 1, u1 = 1 - (the first u), in (0, 1], and u2 the other one;
 * |z| < 8.6. Refused: a mean or deviation that is not finite, a negative deviation.
 */
CLEAT_API cleat_status cleat_random_normal(cleat_context *context, uint64_t seed, uint64_t stream,
    float mean, float deviation, cleat_tensor y);

/*
 * Dropout (Srivastava et al. 2014), scaled in training: with u the number in [0, 1) that
 * cleat_random_uniform(seed, stream, 0, 1) gives the element of an f32 tensor,
 *     y = u < probability ? 0 : x * (1 / (1 - probability))
 * so which elements are dropped is the same on every device and in either type, and no mask is
 * kept: the backward pass forms it again from the same seed and stream, dx = u < probability ? 0 :
 * dy / (1 - probability). Pass another stream in each step and for each layer. f32, f64, or
 * f16 and bf16 by way of f32 in scratch memory, any strides; y may be the same view as x, dx as dy.
 * What is dropped is 0, NaN too; with a probability of 1 all is. Refused (CLEAT_INVALID_ARGUMENT):
 * a probability outside of [0, 1].
 */
CLEAT_API cleat_status cleat_dropout(cleat_context *context, uint64_t seed, uint64_t stream,
    float probability, cleat_tensor x, cleat_tensor y);
CLEAT_API cleat_status cleat_dropout_backward(cleat_context *context, uint64_t seed,
    uint64_t stream, float probability, cleat_tensor dy, cleat_tensor dx);

#ifdef __cplusplus
}
#endif

#endif
