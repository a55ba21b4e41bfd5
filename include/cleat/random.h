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

#ifdef __cplusplus
}
#endif

#endif
