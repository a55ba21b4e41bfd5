/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients of BatchNormalization, InstanceNormalization, GroupNormalization, LayerNormalization.
 * The statistics of x are formed again. */
#include "graph/gradient.h"
#include "graph/norm_shapes.h"
#include "graph/operator_tools.h"
#include "graph/operators.h"
#include <cleat/compare.h>
#include <cleat/elementwise.h>
#include <cleat/normalization.h>
#include <cleat/reduce.h>
#include <cleat/unary.h>

/* The type of statistics. */
static cleat_type wide_type(cleat_type x) {
    return x == CLEAT_F16 || x == CLEAT_BF16 ? CLEAT_F32 : x;
}

/* The sum of each channel. */
static cleat_status sum_channels(call *c, cleat_tensor x, cleat_tensor y) {
    int32_t axes[CLEAT_MAX_RANK] = {0};
    for (int32_t i = 2; i < x.rank; i++) {
        axes[i - 1] = i;
    }
    return cleat_reduce(c->context, CLEAT_REDUCE_SUM, x, x.rank - 1, axes, y, NULL);
}

/* With given statistics h = (x - mean) inverse, inverse = 1 / sqrt(variance + epsilon):
 * dx = dy scale inverse, dscale = sum of dy h, dbias = sum of dy. */
static cleat_status still_gradients(
    call *c, const batch_norm *b, cleat_tensor x, cleat_tensor dy, cleat_tensor scale) {
    cleat_tensor mean, inverse, epsilon, dx, h, dscale;
    int64_t shape[CLEAT_MAX_RANK] = {1, b->shape[1], 1, 1, 1, 1, 1, 1};
    TRY(norm_parameter(c, 3, x.type, b->shape[1], false, &mean));
    TRY(norm_parameter(c, 4, x.type, b->shape[1], false, &h));
    TRY(call_scratch(c, x.type, 1, &b->shape[1], &inverse));
    TRY(call_scratch(c, x.type, 0, NULL, &epsilon));
    TRY(cleat_fill(c->context, (double)b->epsilon, epsilon));
    TRY(cleat_add(c->context, h, epsilon, inverse));
    TRY(cleat_unary(c->context, CLEAT_RSQRT, inverse, inverse));
    cleat_tensor *const channels[] = {&mean, &inverse, &scale};
    for (int i = 0; i < 3; i++) {
        TRY(cleat_reshape(*channels[i], b->rank, shape, channels[i]));
    }
    if (call_wants(c, 0)) {
        TRY(gradient_output(c, 0, &dx));
        TRY(cleat_reshape(dx, b->rank, b->shape, &dx));
        TRY(cleat_mul(c->context, dy, inverse, dx));
        TRY(cleat_mul(c->context, dx, scale, dx));
    }
    if (call_wants(c, 1)) {
        TRY(call_scratch(c, x.type, b->rank, b->shape, &h));
        TRY(cleat_sub(c->context, x, mean, h));
        TRY(cleat_mul(c->context, h, inverse, h));
        TRY(cleat_mul(c->context, h, dy, h));
        TRY(gradient_output(c, 1, &dscale));
        TRY(sum_channels(c, h, dscale));
    }
    if (call_wants(c, 2)) {
        TRY(gradient_output(c, 2, &dscale));
        TRY(sum_channels(c, dy, dscale));
    }
    return CLEAT_OK;
}

/* Where the forward pass, run again for its statistics, puts the result, which nobody reads: in dx,
 * whose elements are made after it, or in scratch memory. */
static cleat_status unread_result(call *c, cleat_type type, int32_t rank, const int64_t *shape,
    const cleat_tensor *dx, cleat_tensor *y) {
    if (dx == NULL) {
        return call_scratch(c, type, rank, shape, y);
    }
    *y = *dx;
    return CLEAT_OK;
}

static cleat_status batch_norm_gradient(call *c) {
    batch_norm b;
    cleat_tensor x, dy, scale, mean, inverse, y, made[3];
    const cleat_tensor *wanted[3];
    TRY(batch_norm_read(c, &b));
    TRY(call_same_types(c, 0, 5));
    if (b.epsilon <= 0 || c->opset < 9) {
        return call_refuse(
            c, CLEAT_UNSUPPORTED, "there is a gradient for an epsilon above 0, from opset 9 on");
    }
    TRY(call_tensor_as(c, 0, b.rank, b.shape, &x));
    TRY(call_tensor_as(c, gradient_place(c), b.rank, b.shape, &dy));
    TRY(norm_parameter(c, 1, x.type, b.shape[1], false, &scale));
    if (!b.is_training) {
        return still_gradients(c, &b, x, dy, scale);
    }
    for (size_t i = 0; i < 3; i++) {
        TRY(gradient_output_if(c, i, &made[i], &wanted[i]));
    }
    TRY(call_scratch(c, wide_type(x.type), 1, &b.shape[1], &mean));
    TRY(call_scratch(c, mean.type, 1, &b.shape[1], &inverse));
    TRY(unread_result(c, x.type, b.rank, b.shape, wanted[0], &y));
    TRY(cleat_batch_norm_training(c->context, x, y,
        &(cleat_batch_norm_options){.epsilon = b.epsilon, .mean = &mean, .inverse = &inverse}));
    return cleat_batch_norm_backward(
        c->context, x, &scale, mean, inverse, dy, wanted[0], wanted[1], wanted[2]);
}

/* Where dscale or dbias is wanted: for each channel, in scratch memory where the input has one for
 * each group. */
static cleat_status channel_gradient(
    call *c, size_t input, int64_t scales, cleat_tensor *made, const cleat_tensor **wanted) {
    const int64_t channels = c->inputs[0]->shape[1];
    *wanted = NULL;
    if (!call_wants(c, input)) {
        return CLEAT_OK;
    }
    *wanted = made;
    if (scales == channels) {
        return gradient_output(c, input, made);
    }
    return call_scratch(c, c->inputs[0]->type, 1, &channels, made);
}

/* The sum over the channels of each group. */
static cleat_status join_channels(
    call *c, size_t input, int64_t scales, const cleat_tensor *of_channels) {
    cleat_tensor whole, dx;
    if (of_channels == NULL || scales == of_channels->shape[0] || scales == 0) {
        return CLEAT_OK;
    }
    const int64_t shape[2] = {scales, of_channels->shape[0] / scales};
    TRY(cleat_reshape(*of_channels, 2, shape, &whole));
    TRY(gradient_output(c, input, &dx));
    return cleat_reduce(c->context, CLEAT_REDUCE_SUM, whole, 1, (const int32_t[]){1}, dx, NULL);
}

static cleat_status group_norm_gradient(call *c) {
    int64_t groups = 0, scales = 1;
    cleat_tensor x, dy, y, scale, mean, inverse, made[3];
    const cleat_tensor *wanted[3];
    TRY(group_norm_read(c, &groups, &scales));
    TRY(call_same_types(c, 0, 2));
    const float epsilon = attribute_float(c->node, "epsilon", 1e-5f);
    TRY(call_tensor(c, 0, &x));
    if (epsilon <= 0 || (groups > 0 && x.rank > 7)) {
        return call_refuse(c, CLEAT_UNSUPPORTED, "there is a gradient for an epsilon above 0");
    }
    TRY(norm_parameter(c, 1, x.type, scales, false, &scale));
    TRY(norm_spread_parameter(c, x.shape[1], &scale));
    TRY(gradient_tensor(c, &dy));
    TRY(gradient_output_if(c, 0, &made[0], &wanted[0]));
    TRY(channel_gradient(c, 1, scales, &made[1], &wanted[1]));
    TRY(channel_gradient(c, 2, scales, &made[2], &wanted[2]));
    const int64_t statistics[2] = {x.shape[0], groups == 0 ? x.shape[1] : groups};
    TRY(call_scratch(c, wide_type(x.type), 2, statistics, &mean));
    TRY(call_scratch(c, mean.type, 2, statistics, &inverse));
    TRY(unread_result(c, x.type, x.rank, x.shape, wanted[0], &y));
    const cleat_normalization_options options = {
        .epsilon = epsilon, .mean = &mean, .inverse = &inverse};
    TRY(cleat_group_norm(c->context, x, statistics[1], y, &options));
    TRY(cleat_group_norm_backward(
        c->context, x, &scale, mean, inverse, dy, statistics[1], wanted[0], wanted[1], wanted[2]));
    TRY(join_channels(c, 1, scales, wanted[1]));
    return join_channels(c, 2, scales, wanted[2]);
}

static cleat_status layer_norm_gradient(call *c) {
    layer_norm l;
    cleat_tensor x, dy, y, scale, mean, inverse, made[3];
    const cleat_tensor *wanted[3];
    TRY(layer_norm_read(c, &l));
    TRY(call_same_types(c, 0, 2));
    if (l.epsilon <= 0) {
        return call_refuse(c, CLEAT_UNSUPPORTED, "there is a gradient for an epsilon above 0");
    }
    TRY(call_tensor(c, 0, &x));
    TRY(call_tensor(c, 1, &scale));
    TRY(gradient_tensor(c, &dy));
    for (size_t i = 0; i < 3; i++) {
        TRY(gradient_output_if(c, i, &made[i], &wanted[i]));
    }
    TRY(call_scratch(c, wide_type(x.type), x.rank, l.kept_shape, &mean));
    TRY(call_scratch(c, mean.type, x.rank, l.kept_shape, &inverse));
    TRY(unread_result(c, x.type, x.rank, x.shape, wanted[0], &y));
    const cleat_normalization_options options = {
        .epsilon = l.epsilon, .mean = &mean, .inverse = &inverse};
    TRY(cleat_layer_norm(c->context, x, l.axis, y, &options));
    return cleat_layer_norm_backward(
        c->context, x, &scale, mean, inverse, dy, l.axis, wanted[0], wanted[1], wanted[2]);
}

const gradient_entry gradients_normalization[] = {
    {GRADIENT_NODE("BatchNormalization", batch_norm_gradient), 7, 31, NULL},
    {GRADIENT_NODE("InstanceNormalization", group_norm_gradient), 7, 7, NULL},
    {GRADIENT_NODE("GroupNormalization", group_norm_gradient), 7, 7, NULL},
    {GRADIENT_NODE("LayerNormalization", layer_norm_gradient), 7, 7, NULL},
    {GRADIENT_NODE(NULL, NULL), 0, 0, NULL},
};
