/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/types.h"
#include "core/tensor_check.h"
#include "core/variant.h"
#include "ops/verify.h"

cleat_status check_type_works(
    const char *operation, const cleat_context *context, cleat_type type) {
    const device_profile *profile = context_profile(context);
    REFUSE_IF(type == CLEAT_F64 && !profile->info.has_fp64, CLEAT_UNSUPPORTED,
        "%s: the device %s has no double precision, which f64 takes", operation,
        profile->info.name);
    return CLEAT_OK;
}

cleat_status check_real_type(
    const char *operation, const cleat_context *context, const cleat_tensor *x, cleat_type *type) {
    *type = x->type == CLEAT_F64 ? CLEAT_F64 : CLEAT_F32;
    return check_type_works(operation, context, *type);
}

cleat_status check_real_tensor(const char *operation, const char *name,
    const cleat_context *context, const cleat_tensor *x, cleat_type *type) {
    TRY(check_real_type(operation, context, x, type));
    return check_tensor(operation, name, context, x, *type);
}

cleat_status require_halves(cleat_context *context, const cleat_tensor *tensors, int count) {
    for (int t = 0; t < count; t++) {
        if (type_is_half(tensors[t].type)) {
            TRY(variant_require(
                context, "conversions", cleat_type_name(tensors[t].type), verify_half));
        }
    }
    return CLEAT_OK;
}

cleat_status check_float_type(
    const char *operation, const cleat_context *context, const cleat_tensor *x, cleat_type *type) {
    if (type_is_half(x->type)) {
        *type = x->type;
        return CLEAT_OK;
    }
    return check_real_type(operation, context, x, type);
}

cleat_status check_float_tensor(const char *operation, const char *name,
    const cleat_context *context, const cleat_tensor *x, cleat_type *type) {
    TRY(check_float_type(operation, context, x, type));
    return check_tensor(operation, name, context, x, *type);
}

cleat_tensor tensor_with_rank(const cleat_tensor *x, int32_t rank) {
    cleat_tensor out = *x;
    int32_t added = rank - x->rank;
    out.rank = rank;
    for (int32_t axis = 0; axis < rank; axis++) {
        out.shape[axis] = axis < added ? 1 : x->shape[axis - added];
        out.stride[axis] = axis < added ? 0 : x->stride[axis - added];
    }
    return out;
}
