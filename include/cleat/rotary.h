/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_ROTARY_H
#define CLEAT_ROTARY_H

#include <cleat/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Which elements of a row are turned together. */
typedef enum cleat_rotary_pairs {
    CLEAT_ROTARY_HALVES = 0, /* i and i + E / 2: GPT-NeoX, Llama, ONNX's default */
    CLEAT_ROTARY_NEIGHBOURS  /* 2 i and 2 i + 1: the paper, ONNX's interleaved = 1 */
} cleat_rotary_pairs;

typedef struct cleat_rotary_options {
    double base; /* above 1; 0 means 10000 */
    cleat_rotary_pairs pairs;
    bool inverse;                  /* turn back, which is also the gradient */
    int64_t first_position;        /* of row 0 along L, the next ones follow; below 2^31 - L and not
                                      below -2^31. Without `positions` only */
    const cleat_tensor *positions; /* i32 or i64, broadcast to x's shape without its last axis, each
                                      of magnitude up to 2^31; or NULL */
    const char *variant;           /* forces one of cleat_rotary_variants(); NULL: $CLEAT_ROTARY,
                                      else the tuning table */
    uint64_t reserved[4];
} cleat_rotary_options;

/*
 * Rotary position embedding (Su et al. 2021, RoFormer; ONNX RotaryEmbedding): pair i of each row is
 * turned by the angle a = position * base^(-2 i / E):
 *
 *     y0 = x0 cos(a) - x1 sin(a)        y1 = x1 cos(a) + x0 sin(a)
 *
 * f32, f16 or bf16 (both by way of f32), or f64 on a device that has it (else CLEAT_UNSUPPORTED), x
 * and y [..., L, E] of rank 2 to 4, E even, any strides; y may be x itself. To turn a part of each
 * row only, pass a slice. The gradient for x is the inverse of the gradient of y.
 *
 * Angles are kept in 2^-64 of a full turn, where products do not round: at every position the error
 * of cos and sin is below 2^-22 + |position| 2^-48; in f64 below 2^-51 + |position| 2^-56, or
 * 2^-48 where the host's long double is no more than a double.
 * Errors: CLEAT_SHAPE_MISMATCH, CLEAT_TYPE_MISMATCH, CLEAT_OVERLAP, CLEAT_INVALID_ARGUMENT,
 * CLEAT_UNSUPPORTED (a forced variant that cannot do this).
 */
CLEAT_API cleat_status cleat_rotary(
    cleat_context *context, cleat_tensor x, cleat_tensor y, const cleat_rotary_options *options);

/* Names of the variants, ending with NULL. Static storage. */
CLEAT_API const char *const *cleat_rotary_variants(void);

#ifdef __cplusplus
}
#endif

#endif
