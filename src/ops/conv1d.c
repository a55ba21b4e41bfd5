/* SPDX-License-Identifier: Apache-2.0 */
/* 1-D convolution, and its transpose: images of one row. */
#include "ops/conv2d_problem.h"

static const cleat_conv1d_options defaults;

static conv_windows windows_of(const cleat_conv1d_options *options) {
    return (conv_windows){.stride = &options->stride,
        .padding = options->padding,
        .dilation = &options->dilation,
        .output_padding = &options->output_padding,
        .groups = options->groups};
}

static cleat_status run(cleat_context *context, const char *operation, bool transposed,
    cleat_conv2d_direction direction, cleat_tensor x, cleat_tensor w, cleat_tensor y,
    const cleat_conv1d_options *options) {
    options = options ? options : &defaults;
    const cleat_conv2d_options common = {.bias = options->bias,
        .residual = options->residual,
        .activation = options->activation,
        .activation_parameters = options->activation_parameters,
        .accumulate = options->accumulate,
        .variant = options->variant,
        .compute = options->compute};
    const conv_call call = {.operation = operation,
        .axes = 1,
        .transposed = transposed,
        .direction = direction,
        .x = x,
        .w = w,
        .y = y,
        .windows = windows_of(options),
        .options = &common};
    return conv_run(context, &call);
}

cleat_status cleat_conv1d_shape(const int64_t x_shape[3], const int64_t w_shape[3],
    const cleat_conv1d_options *options, int64_t y_shape[3]) {
    const conv_windows windows = windows_of(options ? options : &defaults);
    return conv_shape_function("conv1d_shape", 1, false, &windows, x_shape, w_shape, y_shape);
}

cleat_status cleat_conv1d(cleat_context *context, cleat_tensor x, cleat_tensor w, cleat_tensor y,
    const cleat_conv1d_options *options) {
    return run(context, "conv1d", false, CLEAT_CONV2D_FORWARD, x, w, y, options);
}

cleat_status cleat_conv1d_backward_data(cleat_context *context, cleat_tensor dy, cleat_tensor w,
    cleat_tensor dx, const cleat_conv1d_options *options) {
    return run(
        context, "conv1d_backward_data", false, CLEAT_CONV2D_BACKWARD_DATA, dx, w, dy, options);
}

cleat_status cleat_conv1d_backward_weights(cleat_context *context, cleat_tensor x, cleat_tensor dy,
    cleat_tensor dw, const cleat_conv1d_options *options) {
    return run(context, "conv1d_backward_weights", false, CLEAT_CONV2D_BACKWARD_WEIGHTS, x, dw, dy,
        options);
}

cleat_status cleat_conv1d_backward_bias(
    cleat_context *context, cleat_tensor dy, cleat_tensor db, const cleat_conv1d_options *options) {
    return conv_backward_bias(
        context, "conv1d_backward_bias", 1, &dy, &db, options && options->accumulate);
}

cleat_status cleat_conv_transpose1d_shape(const int64_t x_shape[3], const int64_t w_shape[3],
    const cleat_conv1d_options *options, int64_t y_shape[3]) {
    const conv_windows windows = windows_of(options ? options : &defaults);
    return conv_shape_function(
        "conv_transpose1d_shape", 1, true, &windows, x_shape, w_shape, y_shape);
}

cleat_status cleat_conv_transpose1d(cleat_context *context, cleat_tensor x, cleat_tensor w,
    cleat_tensor y, const cleat_conv1d_options *options) {
    return run(context, "conv_transpose1d", true, CLEAT_CONV2D_BACKWARD_DATA, y, w, x, options);
}

cleat_status cleat_conv_transpose1d_backward_data(cleat_context *context, cleat_tensor dy,
    cleat_tensor w, cleat_tensor dx, const cleat_conv1d_options *options) {
    return run(
        context, "conv_transpose1d_backward_data", true, CLEAT_CONV2D_FORWARD, dy, w, dx, options);
}

cleat_status cleat_conv_transpose1d_backward_weights(cleat_context *context, cleat_tensor x,
    cleat_tensor dy, cleat_tensor dw, const cleat_conv1d_options *options) {
    return run(context, "conv_transpose1d_backward_weights", true, CLEAT_CONV2D_BACKWARD_WEIGHTS,
        dy, dw, x, options);
}
