/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_MATMUL_H
#define CLEAT_MATMUL_H

#include <cleat/activation.h>
#include <cleat/compute.h>
#include <cleat/packed.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cleat_matmul_options {
    const float *alpha; /* scale of the product; NULL means 1 */
    float beta;         /* scale of y's old contents; when 0, y is not read */
    const cleat_tensor
        *bias; /* y's type, broadcast to y's shape ([n] adds to every row); or NULL */
    const cleat_tensor *residual; /* y's type, broadcast to y's shape; may be y itself; or NULL */
    cleat_activation activation;
    const float *activation_parameters; /* see activation.h; NULL: the defaults */
    const char *variant; /* forces one of cleat_matmul_variants(); NULL: $CLEAT_MATMUL, else the
                            tuning table. "own" means any but CLBlast. */
    const cleat_packed *packed_b; /* b as cleat_matmul_pack() prepared it; or NULL */
    cleat_compute compute;        /* how exact; see compute.h. f64 is always strict. */
    uint64_t reserved[4];
} cleat_matmul_options;

/*
 * y = activation(alpha * a b + beta * y + bias + residual), all f32; or f64 on a device that has
 * it, by one variant of its own (CLEAT_UNSUPPORTED otherwise); or f16 or bf16: products are exact,
 * everything else is computed in f32, and y is rounded once. Graphics cards read operands of 16
 * bits as they are, by matrix units where they have some for the type; elsewhere, and in a product
 * of one row, they are converted to f32 in scratch memory, a launch each.
 *
 * a is [..., m, k], b is [..., k, n], y is [..., m, n]. Leading (batch) axes of a and b are
 * broadcast to y's by the rule of NumPy and ONNX MatMul; y's must be the full ones. A rank-1 a is a
 * row [k] and y loses m; a rank-1 b is a column [k] and y loses n. Any strides; pass
 * cleat_transpose(a) to multiply by a transpose. k = 0 gives a product of zero.
 * y may not overlap a or b.
 *
 * Rounding: each product is rounded once into an accumulation in f32 (f64 where y is) of k terms
 * (order unspecified but fixed, so the same call gives the same bits), unless options.compute
 * permits less. Errors: CLEAT_SHAPE_MISMATCH, CLEAT_TYPE_MISMATCH, CLEAT_OVERLAP,
 * CLEAT_INVALID_ARGUMENT, CLEAT_UNSUPPORTED (a forced variant that cannot do this),
 * CLEAT_OUT_OF_DEVICE_MEMORY.
 */
CLEAT_API cleat_status cleat_matmul(cleat_context *context, cleat_tensor a, cleat_tensor b,
    cleat_tensor y, const cleat_matmul_options *options);

/*
 * Packs b, as later calls will be given it, for options.packed_b; see packed.h. A matrix gets
 * panels where the device's kernels read such; for b of any other rank the view serves, as it does
 * in a product of one row, and where y is the transpose of a row-major matrix. Only enqueues. The
 * caller owns one reference of *packed, which is left alone on failure. Errors:
 * CLEAT_INVALID_ARGUMENT, CLEAT_TYPE_MISMATCH (b is not f32), CLEAT_SIZE_OVERFLOW,
 * CLEAT_OUT_OF_HOST_MEMORY, CLEAT_OUT_OF_DEVICE_MEMORY.
 */
CLEAT_API cleat_status cleat_matmul_pack(
    cleat_context *context, cleat_tensor b, cleat_packed **packed);

/* Names of the variants in this build, best first in general, ending with NULL. Static storage. */
CLEAT_API const char *const *cleat_matmul_variants(void);

#ifdef __cplusplus
}
#endif

#endif
