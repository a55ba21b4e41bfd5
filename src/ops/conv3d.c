/* SPDX-License-Identifier: Apache-2.0 */
/* 3-D convolution, and its transpose. */
#include "ops/conv2d_problem.h"

static const cleat_conv3d_options defaults;

static conv_windows windows_of(const cleat_conv3d_options *options) {
    return (conv_windows){.stride = options->stride,
        .padding = options->padding,
        .dilation = options->dilation,
        .output_padding = options->output_padding,
        .groups = options->groups};
}

static cleat_status run(cleat_context *context, const char *operation, bool transposed,
    cleat_conv2d_direction direction, cleat_tensor x, cleat_tensor w, cleat_tensor y,
    const cleat_conv3d_options *options) {
    options = options ? options : &defaults;
    const cleat_conv2d_options common = {.bias = options->bias,
        .residual = options->residual,
        .activation = options->activation,
        .activation_parameters = options->activation_parameters,
        .accumulate = options->accumulate,
        .variant = options->variant,
        .compute = options->compute};
    const conv_call call = {.operation = operation,
        .axes = 3,
        .transposed = transposed,
        .direction = direction,
        .x = x,
        .w = w,
        .y = y,
        .windows = windows_of(options),
        .options = &common};
    return conv_run(context, &call);
}

cleat_status cleat_conv3d_shape(const int64_t x_shape[5], const int64_t w_shape[5],
    const cleat_conv3d_options *options, int64_t y_shape[5]) {
    const conv_windows windows = windows_of(options ? options : &defaults);
    return conv_shape_function("conv3d_shape", 3, false, &windows, x_shape, w_shape, y_shape);
}

cleat_status cleat_conv3d(cleat_context *context, cleat_tensor x, cleat_tensor w, cleat_tensor y,
    const cleat_conv3d_options *options) {
    return run(context, "conv3d", false, CLEAT_CONV2D_FORWARD, x, w, y, options);
}

cleat_status cleat_conv3d_backward_data(cleat_context *context, cleat_tensor dy, cleat_tensor w,
    cleat_tensor dx, const cleat_conv3d_options *options) {
    return run(
        context, "conv3d_backward_data", false, CLEAT_CONV2D_BACKWARD_DATA, dx, w, dy, options);
}

cleat_status cleat_conv3d_backward_weights(cleat_context *context, cleat_tensor x, cleat_tensor dy,
    cleat_tensor dw, const cleat_conv3d_options *options) {
    return run(context, "conv3d_backward_weights", false, CLEAT_CONV2D_BACKWARD_WEIGHTS, x, dw, dy,
        options);
}

cleat_status cleat_conv3d_backward_bias(
    cleat_context *context, cleat_tensor dy, cleat_tensor db, const cleat_conv3d_options *options) {
    return conv_backward_bias(
        context, "conv3d_backward_bias", 3, &dy, &db, options && options->accumulate);
}

cleat_status cleat_conv_transpose3d_shape(const int64_t x_shape[5], const int64_t w_shape[5],
    const cleat_conv3d_options *options, int64_t y_shape[5]) {
    const conv_windows windows = windows_of(options ? options : &defaults);
    return conv_shape_function(
        "conv_transpose3d_shape", 3, true, &windows, x_shape, w_shape, y_shape);
}

cleat_status cleat_conv_transpose3d(cleat_context *context, cleat_tensor x, cleat_tensor w,
    cleat_tensor y, const cleat_conv3d_options *options) {
    return run(context, "conv_transpose3d", true, CLEAT_CONV2D_BACKWARD_DATA, y, w, x, options);
}

cleat_status cleat_conv_transpose3d_backward_data(cleat_context *context, cleat_tensor dy,
    cleat_tensor w, cleat_tensor dx, const cleat_conv3d_options *options) {
    return run(
        context, "conv_transpose3d_backward_data", true, CLEAT_CONV2D_FORWARD, dy, w, dx, options);
}

cleat_status cleat_conv_transpose3d_backward_weights(cleat_context *context, cleat_tensor x,
    cleat_tensor dy, cleat_tensor dw, const cleat_conv3d_options *options) {
    return run(context, "conv_transpose3d_backward_weights", true, CLEAT_CONV2D_BACKWARD_WEIGHTS,
        dy, dw, x, options);
}
