/* SPDX-License-Identifier: Apache-2.0 */
/* The public functions of 2-D convolution, and its variants: best first, a list a direction;
 * the last ones, from cpu_sparse on, only where the tuning table or the caller names them. */
#include "core/tensor_check.h"
#include "ops/conv2d_gpu_winograd.h"
#include "ops/gemm_units.h"
#include "ops/types.h"
#include "ops/verify.h"
#include "ops/widen.h"
#include <stdio.h>

static const variant forward_variants[] = {
    {"cpu_panel", conv2d_cpu_panel_supports, conv2d_cpu_panel},
    {"cpu_channels_last", conv2d_cpu_channels_last_supports, conv2d_cpu_channels_last},
    {"cpu_channels_last_depthwise", conv2d_cpu_channels_last_depthwise_supports,
        conv2d_cpu_channels_last_depthwise},
    {"cpu_rows", conv2d_cpu_rows_supports, conv2d_cpu_rows},
    {"cpu_patch", conv2d_cpu_supports, conv2d_cpu_forward},
    {"cpu_depthwise", conv2d_cpu_depthwise_supports, conv2d_cpu_depthwise},
    {"gpu_units", conv2d_gpu_units_supports, conv2d_gpu_units},
    {"gpu_gemm", conv2d_gpu_supports, conv2d_gpu},
    {"gpu_depthwise", conv2d_gpu_depthwise_supports, conv2d_gpu_depthwise},
    {"plain", conv2d_plain_supports, conv2d_plain},
    {"cpu_sparse", conv2d_cpu_sparse_data_supports, conv2d_cpu_sparse_data},
    {"gpu_pointwise", conv2d_gpu_pointwise_supports, conv2d_gpu_pointwise},
    {"gpu_winograd", conv2d_gpu_winograd_supports, conv2d_gpu_winograd},
    {NULL, NULL, NULL},
};
static const variant backward_data_variants[] = {
    {"cpu_panel", conv2d_cpu_panel_data_supports, conv2d_cpu_panel_backward_data},
    {"cpu_rows", conv2d_cpu_rows_supports, conv2d_cpu_rows},
    {"cpu_patch", conv2d_cpu_supports, conv2d_cpu_backward_data},
    {"gpu_units", conv2d_gpu_units_supports, conv2d_gpu_units},
    {"gpu_gemm", conv2d_gpu_supports, conv2d_gpu},
    {"gpu_depthwise", conv2d_gpu_depthwise_supports, conv2d_gpu_depthwise},
    {"plain", conv2d_plain_supports, conv2d_plain},
    {"cpu_sparse", conv2d_cpu_sparse_data_supports, conv2d_cpu_sparse_data},
    {"gpu_pointwise", conv2d_gpu_pointwise_supports, conv2d_gpu_pointwise},
    {"gpu_winograd", conv2d_gpu_winograd_supports, conv2d_gpu_winograd},
    {NULL, NULL, NULL},
};
static const variant backward_weights_variants[] = {
    {"cpu_patch", conv2d_cpu_weights_supports, conv2d_cpu_backward_weights},
    {"cpu_depthwise", conv2d_cpu_depthwise_weights_supports, conv2d_cpu_depthwise_weights},
    {"gpu_units", conv2d_gpu_units_supports, conv2d_gpu_units},
    {"gpu_gemm", conv2d_gpu_supports, conv2d_gpu},
    {"gpu_depthwise", conv2d_gpu_depthwise_weights_supports, conv2d_gpu_depthwise_weights},
    {"plain", conv2d_plain_supports, conv2d_plain},
    {"cpu_sparse", conv2d_cpu_sparse_weights_supports, conv2d_cpu_sparse_weights},
    {"gpu_pointwise", conv2d_gpu_pointwise_supports, conv2d_gpu_pointwise},
    {NULL, NULL, NULL},
};
static const variant *const variants[] = {
    forward_variants, backward_data_variants, backward_weights_variants};

/* Of three axes. */
static const variant deep_forward_variants[] = {
    {"cpu_panel", conv2d_cpu_panel_supports, conv2d_cpu_panel},
    {"gpu_units", conv2d_gpu_units_supports, conv2d_gpu_units},
    {"gpu_gemm", conv2d_gpu_supports, conv2d_gpu},
    {"plain", conv2d_plain_supports, conv3d_plain},
    {NULL, NULL, NULL},
};
static const variant deep_data_variants[] = {
    {"cpu_panel", conv2d_cpu_panel_data_supports, conv2d_cpu_panel_backward_data},
    {"gpu_units", conv2d_gpu_units_supports, conv2d_gpu_units},
    {"gpu_gemm", conv2d_gpu_supports, conv2d_gpu},
    {"plain", conv2d_plain_supports, conv3d_plain},
    {NULL, NULL, NULL},
};
static const variant deep_weights_variants[] = {
    {"cpu_patch", conv2d_cpu_weights_supports, conv2d_cpu_backward_weights},
    {"gpu_units", conv2d_gpu_units_supports, conv2d_gpu_units},
    {"gpu_gemm", conv2d_gpu_supports, conv2d_gpu},
    {"plain", conv2d_plain_supports, conv3d_plain},
    {NULL, NULL, NULL},
};
static const variant *const deep_variants[] = {
    deep_forward_variants, deep_data_variants, deep_weights_variants};

/* Of f64, by whether it is deep. */
static const variant f64_variants[2][2] = {
    {{"plain_f64", conv2d_plain_supports, conv2d_plain}, {NULL, NULL, NULL}},
    {{"plain_f64", conv2d_plain_supports, conv3d_plain}, {NULL, NULL, NULL}}};

const char *const *cleat_conv3d_variants(cleat_conv2d_direction direction) {
    static const char *const names[][5] = {{NULL},
        {"cpu_panel", "gpu_units", "gpu_gemm", "plain", NULL},
        {"cpu_patch", "gpu_units", "gpu_gemm", "plain", NULL}};
    const bool known =
        (int)direction >= CLEAT_CONV2D_FORWARD && direction <= CLEAT_CONV2D_BACKWARD_WEIGHTS;
    return names[!known ? 0 : direction == CLEAT_CONV2D_BACKWARD_WEIGHTS ? 2 : 1];
}

const char *const *cleat_conv2d_variants(cleat_conv2d_direction direction) {
    static const char *const none[] = {NULL};
    static const char *const names[][14] = {
        {"cpu_panel", "cpu_channels_last", "cpu_channels_last_depthwise", "cpu_rows", "cpu_patch",
            "cpu_depthwise", "gpu_units", "gpu_gemm", "gpu_depthwise", "plain", "cpu_sparse",
            "gpu_pointwise", "gpu_winograd", NULL},
        {"cpu_panel", "cpu_rows", "cpu_patch", "gpu_units", "gpu_gemm", "gpu_depthwise", "plain",
            "cpu_sparse", "gpu_pointwise", "gpu_winograd", NULL},
        {"cpu_patch", "cpu_depthwise", "gpu_units", "gpu_gemm", "gpu_depthwise", "plain",
            "cpu_sparse", "gpu_pointwise", NULL},
    };
    return (int)direction >= CLEAT_CONV2D_FORWARD && direction <= CLEAT_CONV2D_BACKWARD_WEIGHTS
               ? names[direction]
               : none;
}

static const char *shape_class(const device_profile *profile, const conv2d_problem *p) {
    if (conv2d_sparse_pays(profile, p)) {
        return "mostly_zero";
    }
    if (conv2d_winograd_pays(profile, p)) {
        return "winograd";
    }
    if (p->direction == CLEAT_CONV2D_FORWARD &&
        (conv2d_cpu_channels_last_supports(profile, p) ||
            conv2d_cpu_channels_last_depthwise_supports(profile, p))) {
        return "channels_last";
    }
    /* Groups too small to fill a tile's channels, as in depthwise convolutions. */
    if (p->groups > 1 && p->group_outputs <= 2) {
        return "narrow_groups";
    }
    /* Too few results a pixel to be worth packing windows for, as in a network's first layer. */
    if (p->direction == CLEAT_CONV2D_BACKWARD_DATA && p->group_channels <= 4) {
        return "few_channels";
    }
    return p->direction != CLEAT_CONV2D_BACKWARD_WEIGHTS && conv2d_rows_pay(profile, p)
               ? "long_rows"
               : "wide_groups";
}

static void write_problem(const void *problem, char *text, size_t size) {
    const conv2d_problem *p = problem;
    char x[SHAPE_TEXT_SIZE], w[SHAPE_TEXT_SIZE];
    snprintf(text, size, "input %s, weight %s, %lld groups", shape_text(4, p->x.shape, x),
        shape_text(4, p->w.shape, w), (long long)p->groups);
}

/* Rows that go on where those before end, as one. */
static bool join_rows(cleat_tensor *t, int64_t depth, int64_t depth_stride) {
    if (t->stride[2] != t->shape[3] * t->stride[3] && t->shape[2] != 1) {
        return false;
    }
    t->shape[3] *= t->shape[2];
    t->shape[2] = depth;
    t->stride[2] = depth_stride;
    return true;
}

/* Where windows are as high and wide as one element, a depth is a row of all its pixels: a
 * convolution over two axes. */
static void flatten(conv2d_problem *p) {
    conv2d_problem flat = *p;
    const conv2d_depth *d = &p->depth;
    bool thin = conv2d_is_int_sized(p) && p->w.shape[2] == 1 && p->w.shape[3] == 1;
    for (int axis = ROWS; axis <= COLUMNS; axis++) {
        thin = thin && p->stride[axis] == 1 && p->padding[axis] == 0 && p->padding[axis + 2] == 0;
    }
    if (!thin || !join_rows(&flat.x, d->x, d->x_stride) || !join_rows(&flat.y, d->y, d->y_stride)) {
        return;
    }
    flat.w.shape[2] = d->w;
    flat.w.stride[2] = d->w_stride;
    flat.w.stride[3] = d->w_stride;
    flat.stride[ROWS] = d->stride;
    flat.dilation[ROWS] = d->dilation;
    flat.padding[0] = d->before;
    flat.padding[2] = (d->y - 1) * d->stride + (d->w - 1) * d->dilation + 1 - d->x - d->before;
    flat.deep = false;
    flat.depth = (conv2d_depth){.x = 1, .w = 1, .y = 1, .stride = 1, .dilation = 1};
    *p = flat;
}

/* Operands of 16 bits, checked, by way of f32. Units of their type take them then as exactly as
 * they are. */
static cleat_status run_widened(
    cleat_context *context, const conv_call *call, const conv2d_problem *problem) {
    const cleat_conv2d_direction direction = call->direction;
    const bool is_read = problem->accumulate;
    cleat_conv2d_options options = *call->options;
    options.compute = call->x.type == CLEAT_F16 ? CLEAT_COMPUTE_F16 : CLEAT_COMPUTE_BF16;
    conv_call wide = *call;
    cleat_tensor bias, residual;
    widening w;
    widen_begin(&w, context, call->operation);
    wide.x = direction == CLEAT_CONV2D_BACKWARD_DATA ? widen_output(&w, &call->x, is_read)
                                                     : widen_input(&w, &call->x);
    wide.w = direction == CLEAT_CONV2D_BACKWARD_WEIGHTS ? widen_output(&w, &call->w, is_read)
                                                        : widen_input(&w, &call->w);
    wide.y = direction == CLEAT_CONV2D_FORWARD ? widen_output(&w, &call->y, is_read)
                                               : widen_input(&w, &call->y);
    if (problem->bias != NULL) {
        bias = widen_input(&w, problem->bias);
        options.bias = &bias;
    }
    if (problem->residual.buffer != NULL) {
        residual = widen_input(&w, call->options->residual);
        options.residual = &residual;
    }
    wide.options = &options;
    cleat_status status = widen_ready(&w);
    if (status == CLEAT_OK) {
        status = conv_run(context, &wide);
    }
    return widen_end(&w, status);
}

/* Fills in the rest of the problem too. */
static cleat_status choose(cleat_context *context, const conv_call *call, conv2d_problem *problem,
    const variant **chosen) {
    /* in tables and the environment */
    static const char *const names[2][3] = {
        {"conv2d", "conv2d_backward_data", "conv2d_backward_weights"},
        {"conv3d", "conv3d_backward_data", "conv3d_backward_weights"}};
    if (problem->deep && call->options->variant == NULL) {
        flatten(problem);
    }
    const bool deep = problem->deep, is_f64 = problem->x.type == CLEAT_F64;
    if (!is_f64) {
        problem->unit =
            units_find(context, call->options->compute, problem->x.type, &problem->mode);
    }
    const cleat_status status = variant_choose(context, names[deep][call->direction],
        deep || is_f64 ? NULL : shape_class(context_profile(context), problem),
        call->options->variant,
        is_f64 ? f64_variants[deep] : (deep ? deep_variants : variants)[call->direction], problem,
        write_problem, deep || is_f64 ? NULL : verify_conv2d[call->direction], chosen);
    if (status != CLEAT_OK) {
        return call->transposed || call->axes != (deep ? 3 : 2)
                   ? status_prefix(status, call->operation)
                   : status;
    }
    return CLEAT_OK;
}

/* Elements of 16 bits go by way of f32 where what is chosen is not for them, or not for the
 * residual, so that results are rounded once. */
cleat_status conv_run(cleat_context *context, const conv_call *call) {
    conv2d_problem problem;
    TRY(conv_check(context, call, &problem));
    const bool is_half = type_is_half(problem.x.type);
    const variant *chosen = NULL;
    const cleat_status status = choose(context, call, &problem, &chosen);
    const bool is_apart = status == CLEAT_OK && problem.residual.buffer != NULL &&
                          !conv2d_adds_residual(context_profile(context), call, &problem, chosen);
    if (is_half && (status == CLEAT_UNSUPPORTED || is_apart ||
                       (status == CLEAT_OK && chosen->enqueue != conv2d_gpu_units))) {
        return run_widened(context, call, &problem);
    }
    TRY(status);
    if (is_apart) {
        return conv2d_add_apart(context, call);
    }
    if (is_half) {
        TRY(require_halves(context, &problem.x, 1));
    }
    return chosen->enqueue(context, &problem);
}

static conv_windows windows_of(const cleat_conv2d_options *options) {
    return (conv_windows){.stride = options->stride,
        .padding = options->padding,
        .dilation = options->dilation,
        .output_padding = options->output_padding,
        .groups = options->groups};
}

static const cleat_conv2d_options defaults;

static cleat_status run(cleat_context *context, const char *operation, bool transposed,
    cleat_conv2d_direction direction, cleat_tensor x, cleat_tensor w, cleat_tensor y,
    const cleat_conv2d_options *options) {
    options = options ? options : &defaults;
    const conv_call call = {.operation = operation,
        .axes = 2,
        .transposed = transposed,
        .direction = direction,
        .x = x,
        .w = w,
        .y = y,
        .windows = windows_of(options),
        .options = options};
    return conv_run(context, &call);
}

cleat_status cleat_conv2d_shape(const int64_t x_shape[4], const int64_t w_shape[4],
    const cleat_conv2d_options *options, int64_t y_shape[4]) {
    const conv_windows windows = windows_of(options ? options : &defaults);
    return conv_shape_function("conv2d_shape", 2, false, &windows, x_shape, w_shape, y_shape);
}

cleat_status cleat_conv2d(cleat_context *context, cleat_tensor x, cleat_tensor w, cleat_tensor y,
    const cleat_conv2d_options *options) {
    return run(context, "conv2d", false, CLEAT_CONV2D_FORWARD, x, w, y, options);
}

cleat_status cleat_conv2d_backward_data(cleat_context *context, cleat_tensor dy, cleat_tensor w,
    cleat_tensor dx, const cleat_conv2d_options *options) {
    return run(
        context, "conv2d_backward_data", false, CLEAT_CONV2D_BACKWARD_DATA, dx, w, dy, options);
}

cleat_status cleat_conv2d_backward_weights(cleat_context *context, cleat_tensor x, cleat_tensor dy,
    cleat_tensor dw, const cleat_conv2d_options *options) {
    return run(context, "conv2d_backward_weights", false, CLEAT_CONV2D_BACKWARD_WEIGHTS, x, dw, dy,
        options);
}

cleat_status cleat_conv2d_backward_bias(
    cleat_context *context, cleat_tensor dy, cleat_tensor db, const cleat_conv2d_options *options) {
    return conv_backward_bias(
        context, "conv2d_backward_bias", 2, &dy, &db, options && options->accumulate);
}

/* ---- Transposed: the convolution that it is the gradient of has its x and y in places changed. */

cleat_status cleat_conv_transpose2d_shape(const int64_t x_shape[4], const int64_t w_shape[4],
    const cleat_conv2d_options *options, int64_t y_shape[4]) {
    const conv_windows windows = windows_of(options ? options : &defaults);
    return conv_shape_function(
        "conv_transpose2d_shape", 2, true, &windows, x_shape, w_shape, y_shape);
}

cleat_status cleat_conv_transpose2d(cleat_context *context, cleat_tensor x, cleat_tensor w,
    cleat_tensor y, const cleat_conv2d_options *options) {
    return run(context, "conv_transpose2d", true, CLEAT_CONV2D_BACKWARD_DATA, y, w, x, options);
}

cleat_status cleat_conv_transpose2d_backward_data(cleat_context *context, cleat_tensor dy,
    cleat_tensor w, cleat_tensor dx, const cleat_conv2d_options *options) {
    return run(
        context, "conv_transpose2d_backward_data", true, CLEAT_CONV2D_FORWARD, dy, w, dx, options);
}

cleat_status cleat_conv_transpose2d_backward_weights(cleat_context *context, cleat_tensor x,
    cleat_tensor dy, cleat_tensor dw, const cleat_conv2d_options *options) {
    return run(context, "conv_transpose2d_backward_weights", true, CLEAT_CONV2D_BACKWARD_WEIGHTS,
        dy, dw, x, options);
}
