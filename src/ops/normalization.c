/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/normalization_check.h"
#include "ops/types.h"

/* ---- Layer, RMS, group and instance normalisation differ in their groups ---- */

typedef struct forward_call {
    const char *operation;
    bool centered;
    norm_groups groups;
} forward_call;

static cleat_status forward(cleat_context *context, const forward_call *call, const cleat_tensor *x,
    const cleat_tensor *y, const cleat_normalization_options *options) {
    const cleat_normalization_options o =
        options != NULL ? *options : (cleat_normalization_options){0};
    const norm_groups *groups = &call->groups;
    normalization n = {.operation = call->operation, .centered = call->centered};
    TRY(norm_epsilon(n.operation, o.epsilon, &n.epsilon));
    TRY(norm_begin(context, &n, groups, x, "y", y, true, &n.y));
    REFUSE_IF(o.bias != NULL && o.scale == NULL, CLEAT_INVALID_ARGUMENT,
        "%s: there is a bias, but scale is NULL", n.operation);
    REFUSE_IF(!n.centered && o.mean != NULL, CLEAT_INVALID_ARGUMENT,
        "%s: mean is not NULL, but there is none", n.operation);
    TRY(norm_scale_operand(context, &n, groups, "scale", o.scale, false, &n.scale));
    TRY(norm_scale_operand(context, &n, groups, "bias", o.bias, false, &n.bias));
    TRY(norm_group_operand(context, &n, groups, "mean", o.mean, true, &n.mean));
    TRY(norm_group_operand(context, &n, groups, "inverse", o.inverse, true, &n.inverse));
    const named_operand all[] = {{"x", x, false, true}, {"y", y, true, true},
        {"scale", o.scale, false, false}, {"bias", o.bias, false, false},
        {"mean", o.mean, true, false}, {"inverse", o.inverse, true, false}};
    TRY(norm_no_overlap(n.operation, all, 6));
    return normalization_forward(context, &n);
}

/* The operands of a backward pass; mean is NULL where there is none. */
typedef struct backward_operands {
    cleat_tensor x;
    const cleat_tensor *scale, *mean;
    cleat_tensor inverse, dy;
    const cleat_tensor *dx, *dscale, *dbias;
} backward_operands;

static cleat_status backward(
    cleat_context *context, const forward_call *call, const backward_operands *o) {
    const norm_groups *groups = &call->groups;
    normalization n = {.operation = call->operation, .centered = call->centered};
    TRY(norm_begin(context, &n, groups, &o->x, "dy", &o->dy, false, &n.dy));
    if (o->dx != NULL) {
        TRY(norm_begin(context, &n, groups, &o->x, "dx", o->dx, true, &n.dx));
    }
    TRY(norm_scale_operand(context, &n, groups, "scale", o->scale, false, &n.scale));
    TRY(norm_scale_operand(context, &n, groups, "dscale", o->dscale, true, &n.dscale));
    TRY(norm_scale_operand(context, &n, groups, "dbias", o->dbias, true, &n.dbias));
    TRY(norm_group_operand(context, &n, groups, "mean", o->mean, false, &n.mean));
    TRY(norm_group_operand(context, &n, groups, "inverse", &o->inverse, false, &n.inverse));
    const named_operand all[] = {{"x", &o->x, false, false}, {"dy", &o->dy, false, true},
        {"scale", o->scale, false, false}, {"mean", o->mean, false, false},
        {"inverse", &o->inverse, false, false}, {"dx", o->dx, true, true},
        {"dscale", o->dscale, true, false}, {"dbias", o->dbias, true, false}};
    TRY(norm_no_overlap(n.operation, all, 8));
    return normalization_backward(context, &n);
}

static cleat_status begin(cleat_context *context, const char *operation, bool centered,
    const cleat_tensor *x, forward_call *call) {
    cleat_type type;
    *call = (forward_call){.operation = operation, .centered = centered};
    TRY(check_context(operation, context));
    return check_float_tensor(operation, "x", context, x, &type);
}

/* The axes from `axis` on. */
static cleat_status trailing_axes(forward_call *call, const cleat_tensor *x, int32_t axis) {
    TRY(check_axis(call->operation, axis, x->rank, &axis));
    for (int32_t i = 0; i < CLEAT_MAX_RANK; i++) {
        call->groups.reduced[i] = i >= axis;
    }
    return CLEAT_OK;
}

cleat_status cleat_layer_norm(cleat_context *context, cleat_tensor x, int32_t axis, cleat_tensor y,
    const cleat_normalization_options *options) {
    forward_call call;
    TRY(begin(context, "layer_norm", true, &x, &call));
    TRY(trailing_axes(&call, &x, axis));
    return forward(context, &call, &x, &y, options);
}

cleat_status cleat_rms_norm(cleat_context *context, cleat_tensor x, int32_t axis, cleat_tensor y,
    const cleat_normalization_options *options) {
    forward_call call;
    TRY(begin(context, "rms_norm", false, &x, &call));
    TRY(trailing_axes(&call, &x, axis));
    return forward(context, &call, &x, &y, options);
}

static cleat_status check_groups(const char *operation, int64_t groups) {
    REFUSE_IF(groups < 1, CLEAT_INVALID_ARGUMENT, "%s: groups is %lld, must be 1 at least",
        operation, (long long)groups);
    return CLEAT_OK;
}

cleat_status cleat_group_norm(cleat_context *context, cleat_tensor x, int64_t groups,
    cleat_tensor y, const cleat_normalization_options *options) {
    forward_call call;
    TRY(begin(context, "group_norm", true, &x, &call));
    TRY(check_groups(call.operation, groups));
    TRY(norm_channels(call.operation, &x, groups, false, &call.groups));
    return forward(context, &call, &x, &y, options);
}

cleat_status cleat_instance_norm(cleat_context *context, cleat_tensor x, cleat_tensor y,
    const cleat_normalization_options *options) {
    forward_call call;
    TRY(begin(context, "instance_norm", true, &x, &call));
    TRY(norm_channels(call.operation, &x, 0, false, &call.groups));
    return forward(context, &call, &x, &y, options);
}

cleat_status cleat_layer_norm_backward(cleat_context *context, cleat_tensor x,
    const cleat_tensor *scale, cleat_tensor mean, cleat_tensor inverse, cleat_tensor dy,
    int32_t axis, const cleat_tensor *dx, const cleat_tensor *dscale, const cleat_tensor *dbias) {
    const backward_operands o = {x, scale, &mean, inverse, dy, dx, dscale, dbias};
    forward_call call;
    TRY(begin(context, "layer_norm_backward", true, &x, &call));
    TRY(trailing_axes(&call, &x, axis));
    return backward(context, &call, &o);
}

cleat_status cleat_rms_norm_backward(cleat_context *context, cleat_tensor x,
    const cleat_tensor *scale, cleat_tensor inverse, cleat_tensor dy, int32_t axis,
    const cleat_tensor *dx, const cleat_tensor *dscale, const cleat_tensor *dbias) {
    const backward_operands o = {x, scale, NULL, inverse, dy, dx, dscale, dbias};
    forward_call call;
    TRY(begin(context, "rms_norm_backward", false, &x, &call));
    TRY(trailing_axes(&call, &x, axis));
    return backward(context, &call, &o);
}

cleat_status cleat_group_norm_backward(cleat_context *context, cleat_tensor x,
    const cleat_tensor *scale, cleat_tensor mean, cleat_tensor inverse, cleat_tensor dy,
    int64_t groups, const cleat_tensor *dx, const cleat_tensor *dscale, const cleat_tensor *dbias) {
    const backward_operands o = {x, scale, &mean, inverse, dy, dx, dscale, dbias};
    forward_call call;
    TRY(begin(context, "group_norm_backward", true, &x, &call));
    TRY(check_groups(call.operation, groups));
    TRY(norm_channels(call.operation, &x, groups, false, &call.groups));
    return backward(context, &call, &o);
}

cleat_status cleat_instance_norm_backward(cleat_context *context, cleat_tensor x,
    const cleat_tensor *scale, cleat_tensor mean, cleat_tensor inverse, cleat_tensor dy,
    const cleat_tensor *dx, const cleat_tensor *dscale, const cleat_tensor *dbias) {
    const backward_operands o = {x, scale, &mean, inverse, dy, dx, dscale, dbias};
    forward_call call;
    TRY(begin(context, "instance_norm_backward", true, &x, &call));
    TRY(norm_channels(call.operation, &x, 0, false, &call.groups));
    return backward(context, &call, &o);
}

/* ---- Batch normalisation: the same over samples, and statistics that go on ---- */

cleat_status cleat_batch_norm_backward(cleat_context *context, cleat_tensor x,
    const cleat_tensor *scale, cleat_tensor mean, cleat_tensor inverse, cleat_tensor dy,
    const cleat_tensor *dx, const cleat_tensor *dscale, const cleat_tensor *dbias) {
    const backward_operands o = {x, scale, &mean, inverse, dy, dx, dscale, dbias};
    forward_call call;
    TRY(begin(context, "batch_norm_backward", true, &x, &call));
    TRY(norm_channels(call.operation, &x, 0, true, &call.groups));
    return backward(context, &call, &o);
}

static cleat_status check_running(
    const normalization *n, const cleat_batch_norm_options *o, double count) {
    REFUSE_IF((o->running_mean == NULL) != (o->running_variance == NULL), CLEAT_INVALID_ARGUMENT,
        "%s: of running_mean and running_variance one is NULL", n->operation);
    REFUSE_IF(!(o->momentum >= 0 && o->momentum <= 1), CLEAT_INVALID_ARGUMENT,
        "%s: momentum is %g, must lie between 0 and 1", n->operation, (double)o->momentum);
    REFUSE_IF(o->running_mean != NULL && !o->population_variance && count == 1,
        CLEAT_INVALID_ARGUMENT, "%s: one element a channel has no variance of a sample",
        n->operation);
    return CLEAT_OK;
}

static double group_count(const normalization *n) {
    double count = 1;
    for (int32_t axis = 0; axis < n->x.rank; axis++) {
        count *= n->reduced[axis] ? (double)n->x.shape[axis] : 1;
    }
    return count;
}

static cleat_status begin_batch(cleat_context *context, const char *operation,
    const cleat_tensor *x, const cleat_tensor *y, const cleat_batch_norm_options *o,
    norm_groups *groups, normalization *n) {
    forward_call call;
    TRY(begin(context, operation, true, x, &call));
    TRY(norm_channels(operation, x, 0, true, groups));
    *n = (normalization){.operation = operation, .centered = true};
    TRY(norm_epsilon(operation, o->epsilon, &n->epsilon));
    TRY(norm_begin(context, n, groups, x, "y", y, true, &n->y));
    REFUSE_IF(o->bias != NULL && o->scale == NULL, CLEAT_INVALID_ARGUMENT,
        "%s: there is a bias, but scale is NULL", operation);
    TRY(norm_scale_operand(context, n, groups, "scale", o->scale, false, &n->scale));
    return norm_scale_operand(context, n, groups, "bias", o->bias, false, &n->bias);
}

cleat_status cleat_batch_norm_training(cleat_context *context, cleat_tensor x, cleat_tensor y,
    const cleat_batch_norm_options *options) {
    const cleat_batch_norm_options o = options != NULL ? *options : (cleat_batch_norm_options){0};
    norm_groups groups;
    normalization n;
    TRY(begin_batch(context, "batch_norm_training", &x, &y, &o, &groups, &n));
    TRY(check_running(&n, &o, group_count(&n)));
    n.momentum = o.momentum == 0 ? 0.1f : o.momentum;
    n.population_variance = o.population_variance;
    TRY(norm_group_operand(context, &n, &groups, "mean", o.mean, true, &n.mean));
    TRY(norm_group_operand(context, &n, &groups, "inverse", o.inverse, true, &n.inverse));
    TRY(norm_group_operand(
        context, &n, &groups, "running_mean", o.running_mean, true, &n.running[0]));
    TRY(norm_group_operand(
        context, &n, &groups, "running_variance", o.running_variance, true, &n.running[1]));
    const named_operand all[] = {{"x", &x, false, true}, {"y", &y, true, true},
        {"scale", o.scale, false, false}, {"bias", o.bias, false, false},
        {"mean", o.mean, true, false}, {"inverse", o.inverse, true, false},
        {"running_mean", o.running_mean, true, false},
        {"running_variance", o.running_variance, true, false}};
    TRY(norm_no_overlap(n.operation, all, 8));
    return normalization_forward(context, &n);
}

cleat_status cleat_batch_norm(cleat_context *context, cleat_tensor x, cleat_tensor mean,
    cleat_tensor variance, cleat_tensor y, const cleat_batch_norm_options *options) {
    const cleat_batch_norm_options o = options != NULL ? *options : (cleat_batch_norm_options){0};
    norm_groups groups;
    normalization n;
    TRY(begin_batch(context, "batch_norm", &x, &y, &o, &groups, &n));
    TRY(norm_group_operand(context, &n, &groups, "mean", &mean, false, &n.mean));
    TRY(norm_group_operand(context, &n, &groups, "variance", &variance, false, &n.variance));
    const named_operand all[] = {{"x", &x, false, true}, {"y", &y, true, true},
        {"scale", o.scale, false, false}, {"bias", o.bias, false, false},
        {"mean", &mean, false, false}, {"variance", &variance, false, false}};
    TRY(norm_no_overlap(n.operation, all, 6));
    return normalization_forward(context, &n);
}
