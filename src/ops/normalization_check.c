/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/normalization_check.h"
#include "ops/reduce_check.h"
#include "ops/types.h"
#include <math.h>

cleat_status norm_epsilon(const char *operation, float given, float *epsilon) {
    REFUSE_IF(!isfinite(given) || given < 0, CLEAT_INVALID_ARGUMENT,
        "%s: epsilon is %g, must be finite and not negative", operation, (double)given);
    *epsilon = given == 0 ? 1e-5f : given;
    return CLEAT_OK;
}

/* x [samples, channels, ...] as [samples, groups, channels / groups, ...]. */
static cleat_tensor split_channels(const cleat_tensor *x, int64_t groups) {
    cleat_tensor out = *x;
    const int64_t size = x->shape[1] / groups;
    out.rank = x->rank + 1;
    for (int32_t axis = out.rank - 1; axis > 2; axis--) {
        out.shape[axis] = x->shape[axis - 1];
        out.stride[axis] = x->stride[axis - 1];
    }
    out.shape[1] = groups;
    out.stride[1] = x->stride[1] * size;
    out.shape[2] = size;
    out.stride[2] = x->stride[1];
    return out;
}

cleat_status norm_begin(cleat_context *context, normalization *n, const norm_groups *groups,
    const cleat_tensor *x, const char *name, const cleat_tensor *y, bool is_output, operand *to) {
    TRY((is_output ? check_output : check_tensor)(n->operation, name, context, y, x->type));
    TRY(check_same_shape(n->operation, "x", x, name, y));
    *to = (operand){.there = true, .view = *y};
    n->x = *x;
    if (groups->channel_groups > 0) {
        n->x = split_channels(x, groups->channel_groups);
        to->view = split_channels(y, groups->channel_groups);
    }
    for (int32_t axis = 0; axis < CLEAT_MAX_RANK; axis++) {
        n->reduced[axis] = groups->reduced[axis];
    }
    return CLEAT_OK;
}

cleat_status norm_group_operand(cleat_context *context, const normalization *n,
    const norm_groups *groups, const char *name, const cleat_tensor *given, bool is_output,
    operand *to) {
    (void)groups;
    if (given == NULL) {
        return CLEAT_OK;
    }
    const cleat_type type = type_of_sums(n->x.type);
    to->there = true;
    TRY((is_output ? check_output : check_tensor)(n->operation, name, context, given, type));
    return check_reduced_shape(n->operation, &n->x, n->reduced, name, given, &to->view);
}

/* [channels] along axis 1, or axes 1 and 2. */
static cleat_status channel_operand(const normalization *n, const char *name,
    const cleat_tensor *given, int64_t groups, cleat_tensor *out) {
    const int64_t channels = n->x.shape[1] * (groups > 0 ? n->x.shape[2] : 1);
    TRY(check_rank(n->operation, name, given, 1));
    REFUSE_IF(given->shape[0] != channels, CLEAT_SHAPE_MISMATCH,
        "%s: %s has %lld elements, x has %lld channels", n->operation, name,
        (long long)given->shape[0], (long long)channels);
    *out = n->x;
    out->type = given->type;
    out->buffer = given->buffer;
    out->offset = given->offset;
    for (int32_t axis = 0; axis < n->x.rank; axis++) {
        bool along = axis == 1 || (groups > 0 && axis == 2);
        out->shape[axis] = along ? n->x.shape[axis] : 1;
        out->stride[axis] = along ? given->stride[0] : 0;
    }
    out->stride[1] *= groups > 0 ? n->x.shape[2] : 1;
    return CLEAT_OK;
}

/* Aligned with x's last axes, of extent 1 on the others. */
static cleat_status broadcast_operand(
    const normalization *n, const char *name, const cleat_tensor *given, cleat_tensor *out) {
    cleat_tensor wide;
    TRY(check_broadcast(n->operation, name, given, "x", &n->x, &wide));
    const int32_t added = n->x.rank - given->rank;
    *out = wide;
    for (int32_t axis = 0; axis < n->x.rank; axis++) {
        bool along = axis >= added && given->shape[axis - added] != 1;
        out->shape[axis] = along ? n->x.shape[axis] : 1;
        out->stride[axis] = along ? given->stride[axis - added] : 0;
    }
    return CLEAT_OK;
}

cleat_status norm_scale_operand(cleat_context *context, normalization *n, const norm_groups *groups,
    const char *name, const cleat_tensor *given, bool is_output, operand *to) {
    if (given == NULL) {
        return CLEAT_OK;
    }
    const bool is_wide = type_is_half(n->x.type) && given->type == CLEAT_F32;
    to->there = true;
    TRY((is_output ? check_output : check_tensor)(
        n->operation, name, context, given, is_wide ? CLEAT_F32 : n->x.type));
    TRY(groups->by_channel ? channel_operand(n, name, given, groups->channel_groups, &to->view)
                           : broadcast_operand(n, name, given, &to->view));
    for (int32_t axis = 0; axis < n->x.rank; axis++) {
        const bool scaled = to->view.shape[axis] != 1;
        REFUSE_IF(n->scale_shaped && scaled != n->scaled[axis], CLEAT_SHAPE_MISMATCH,
            "%s: %s differs in shape from the scale, its bias or their gradients", n->operation,
            name);
        n->scaled[axis] = scaled;
    }
    n->scale_shaped = true;
    return CLEAT_OK;
}

cleat_status norm_no_overlap(const char *operation, const named_operand *operands, int count) {
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < i; k++) {
            const named_operand *a = &operands[k], *b = &operands[i];
            if (a->view != NULL && b->view != NULL && (a->is_output || b->is_output)) {
                TRY(check_no_overlap(
                    operation, a->name, a->view, b->name, b->view, a->may_share && b->may_share));
            }
        }
    }
    return CLEAT_OK;
}

cleat_status norm_channels(const char *operation, const cleat_tensor *x, int64_t channel_groups,
    bool across_samples, norm_groups *groups) {
    *groups = (norm_groups){.channel_groups = channel_groups, .by_channel = true};
    REFUSE_IF(x->rank < 2, CLEAT_SHAPE_MISMATCH,
        "%s: x has %d axes, must have samples and channels at least", operation, (int)x->rank);
    REFUSE_IF(channel_groups > 0 && x->rank == CLEAT_MAX_RANK, CLEAT_UNSUPPORTED,
        "%s: x has %d axes, at most %d can be cut into groups", operation, (int)x->rank,
        CLEAT_MAX_RANK - 1);
    REFUSE_IF(channel_groups > 0 && x->shape[1] % channel_groups != 0, CLEAT_SHAPE_MISMATCH,
        "%s: %lld channels cannot be cut into %lld groups", operation, (long long)x->shape[1],
        (long long)channel_groups);
    groups->reduced[0] = across_samples;
    for (int32_t axis = 2; axis < CLEAT_MAX_RANK; axis++) {
        groups->reduced[axis] = true;
    }
    return CLEAT_OK;
}
