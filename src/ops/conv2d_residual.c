/* SPDX-License-Identifier: Apache-2.0 */
/* The residual of a convolution: which variants add it themselves, and a pass for those that do
 * not. */
#include "core/tensor_check.h"
#include "ops/conv2d_problem.h"
#include "ops/elementwise_chain.h"
#include "ops/verify.h"
#include <cleat/layout.h>

static bool has_strides_of(const cleat_tensor *x, const cleat_tensor *y) {
    for (int axis = 0; axis < 4; axis++) {
        if (y->shape[axis] > 1 && x->stride[axis] != y->stride[axis]) {
            return false;
        }
    }
    return true;
}

bool conv2d_adds_residual(const device_profile *profile, const conv_call *call,
    const conv2d_problem *p, const variant *chosen) {
    if (call->axes == 3 || call->direction != CLEAT_CONV2D_FORWARD) {
        return false;
    }
    if (chosen->enqueue == conv2d_cpu_channels_last) {
        return has_strides_of(&p->residual, &p->y);
    }
    if (chosen->enqueue == conv2d_gpu_pointwise) {
        return conv2d_is_flat(&p->residual);
    }
    if (chosen->enqueue == conv2d_gpu_units) {
        return !conv2d_is_pointwise(profile, p) || conv2d_is_flat(&p->residual);
    }
    return chosen->enqueue == conv2d_gpu;
}

static cleat_status add_f64(
    cleat_context *context, const conv_call *call, cleat_tensor residual, cleat_tensor y) {
    const cleat_conv2d_options *options = call->options;
    TRY(cleat_add(context, y, residual, y));
    return options->activation == CLEAT_ACTIVATION_NONE
               ? CLEAT_OK
               : cleat_activate(context, options->activation, y, y,
                     &(cleat_activation_options){.parameters = options->activation_parameters});
}

static cleat_status add(
    cleat_context *context, const conv_call *call, cleat_tensor residual, cleat_tensor y) {
    if (y.type == CLEAT_F64) {
        return add_f64(context, call, residual, y);
    }
    const elementwise_chain chain = {.count = 1,
        .steps = {CLEAT_ADD},
        .operands = {residual},
        .activation = call->options->activation,
        .parameters = call->options->activation_parameters};
    return elementwise_chain_run(context, &chain, y, y);
}

static cleat_status convolve_and_add(
    cleat_context *context, const conv_call *call, cleat_tensor residual) {
    cleat_conv2d_options options = *call->options;
    conv_call plain = *call;
    if (options.activation != CLEAT_ACTIVATION_NONE && call->x.type != CLEAT_F64) {
        TRY(variant_require(
            context, "activate", cleat_activation_name(options.activation), verify_activation));
    }
    options.residual = NULL;
    options.activation = CLEAT_ACTIVATION_NONE;
    options.activation_parameters = NULL;
    plain.options = &options;
    TRY(conv_run(context, &plain));
    const cleat_status status = add(context, call, residual, call->transposed ? call->x : call->y);
    return status == CLEAT_OK ? CLEAT_OK : status_prefix(status, call->operation);
}

/* A residual that is y itself, which is all of y that it may share, waits in scratch memory. */
cleat_status conv2d_add_apart(cleat_context *context, const conv_call *call) {
    const cleat_tensor *residual = call->options->residual;
    const cleat_tensor *y = call->transposed ? &call->x : &call->y;
    cleat_tensor wide, kept;
    if (!broadcast_to(residual, y, &wide) || !tensor_is_same_view(&wide, y)) {
        return convolve_and_add(context, call, *residual);
    }
    TRY(tensor_row_major(call->operation, residual->type, residual->rank, residual->shape, &kept));
    const size_t bytes = (size_t)cleat_tensor_count(&kept) * cleat_type_size(kept.type);
    TRY(scratch_buffer_create(context, bytes, &kept.buffer));
    cleat_status status = cleat_copy(context, *residual, kept);
    if (status == CLEAT_OK) {
        status = convolve_and_add(context, call, kept);
    } else {
        status = status_prefix(status, call->operation);
    }
    scratch_buffer_release(kept.buffer);
    return status;
}
