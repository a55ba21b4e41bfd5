/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_RANDOM_H
#define CLEAT_RANDOM_H

#include <cleat/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Random numbers from the counter-based generator Philox4x32-10 (Salmon et al., SC 2011): element i
 * of y in row-major order is made from word i % 4 of the block with counter (stream, i / 4) and key
 * `seed`, whatever the device and the strides. Pass a different `stream` for each tensor that is to
 * be independent. f32.
 *
 * Uniform: low + (high - low) * u with u = (word >> 8) * 2^-24 in [0, 1); the same bits everywhere.
 */
CLEAT_API cleat_status cleat_random_uniform(
    cleat_context *context, uint64_t seed, uint64_t stream, float low, float high, cleat_tensor y);

/*
 * Normal: mean + deviation * z, z by Box and Muller (1958) from the words of the same block taken
 * in pairs. The words are the same everywhere; z within a few ulp, as the device's log, sqrt, sin
 * and cos differ.
 */
CLEAT_API cleat_status cleat_random_normal(cleat_context *context, uint64_t seed, uint64_t stream,
    float mean, float deviation, cleat_tensor y);

#ifdef __cplusplus
}
#endif

#endif
