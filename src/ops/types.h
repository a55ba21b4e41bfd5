/* SPDX-License-Identifier: Apache-2.0 */
/* What operations on elements of several types share. */
#ifndef CLEAT_OPS_TYPES_H
#define CLEAT_OPS_TYPES_H

#include "core/launch.h"

/* CLEAT_UNSUPPORTED where the device cannot compute with the type: f64. */
cleat_status check_type_works(const char *operation, const cleat_context *context, cleat_type type);

/* The type of all operands of an operation on real numbers: f64 where x is and the device has it,
 * else f32, which check_tensor() then compares x with. */
cleat_status check_real_type(
    const char *operation, const cleat_context *context, const cleat_tensor *x, cleat_type *type);

/* The same for a single operand, and check_tensor() with that type. */
cleat_status check_real_tensor(const char *operation, const char *name,
    const cleat_context *context, const cleat_tensor *x, cleat_type *type);

/* f16 or bf16: 16 bits in memory, computed with in f32. */
static inline bool type_is_half(cleat_type type) {
    return type == CLEAT_F16 || type == CLEAT_BF16;
}

/* What sums, and statistics that are made of them, are kept in. */
static inline cleat_type type_of_sums(cleat_type type) {
    return type_is_half(type) ? CLEAT_F32 : type;
}

/* CLEAT_UNSUPPORTED where the device converts the types of 16 bits among these tensors wrongly, as
 * a check before their first use has found; for whoever has kernels that do. */
cleat_status require_halves(cleat_context *context, const cleat_tensor *tensors, int count);

/* As check_real_type() and check_real_tensor(), of operations that take f16 and bf16 too. */
cleat_status check_float_type(
    const char *operation, const cleat_context *context, const cleat_tensor *x, cleat_type *type);
cleat_status check_float_tensor(const char *operation, const char *name,
    const cleat_context *context, const cleat_tensor *x, cleat_type *type);

/* x with axes of extent 1 in front, up to `rank`. */
cleat_tensor tensor_with_rank(const cleat_tensor *x, int32_t rank);

#endif
