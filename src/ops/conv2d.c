/* SPDX-License-Identifier: Apache-2.0 */
/* The public functions of 2-D convolution, and its variants: best first, a list a direction. */
#include "core/tensor_check.h"
#include "ops/conv2d_problem.h"
#include <stdio.h>

static const variant forward_variants[] = {
    {"cpu_panel", conv2d_cpu_panel_supports, conv2d_cpu_panel},
    {"cpu_channels_last", conv2d_cpu_channels_last_supports, conv2d_cpu_channels_last},
    {"cpu_channels_last_depthwise", conv2d_cpu_channels_last_depthwise_supports,
        conv2d_cpu_channels_last_depthwise},
    {"cpu_rows", conv2d_cpu_rows_supports, conv2d_cpu_rows},
    {"cpu_patch", conv2d_cpu_supports, conv2d_cpu_forward},
    {"cpu_depthwise", conv2d_cpu_depthwise_supports, conv2d_cpu_depthwise},
    {"gpu_gemm", conv2d_gpu_supports, conv2d_gpu},
    {"plain", conv2d_plain_supports, conv2d_plain},
    {NULL, NULL, NULL},
};
static const variant backward_data_variants[] = {
    {"cpu_panel", conv2d_cpu_panel_data_supports, conv2d_cpu_panel_backward_data},
    {"cpu_rows", conv2d_cpu_rows_supports, conv2d_cpu_rows},
    {"cpu_patch", conv2d_cpu_supports, conv2d_cpu_backward_data},
    {"gpu_gemm", conv2d_gpu_supports, conv2d_gpu},
    {"plain", conv2d_plain_supports, conv2d_plain},
    {NULL, NULL, NULL},
};
static const variant backward_weights_variants[] = {
    {"cpu_patch", conv2d_cpu_weights_supports, conv2d_cpu_backward_weights},
    {"cpu_depthwise", conv2d_cpu_depthwise_weights_supports, conv2d_cpu_depthwise_weights},
    {"gpu_gemm", conv2d_gpu_supports, conv2d_gpu_backward_weights},
    {"plain", conv2d_plain_supports, conv2d_plain},
    {NULL, NULL, NULL},
};
static const variant *const variants[] = {
    forward_variants, backward_data_variants, backward_weights_variants};

const char *const *cleat_conv2d_variants(cleat_conv2d_direction direction) {
    static const char *const none[] = {NULL};
    static const char *const names[][9] = {
        {"cpu_panel", "cpu_channels_last", "cpu_channels_last_depthwise", "cpu_rows", "cpu_patch",
            "cpu_depthwise", "gpu_gemm", "plain", NULL},
        {"cpu_panel", "cpu_rows", "cpu_patch", "gpu_gemm", "plain", NULL},
        {"cpu_patch", "cpu_depthwise", "gpu_gemm", "plain", NULL},
    };
    return (int)direction >= CLEAT_CONV2D_FORWARD && direction <= CLEAT_CONV2D_BACKWARD_WEIGHTS
               ? names[direction]
               : none;
}

static const char *shape_class(const device_profile *profile, const conv2d_problem *p) {
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

static cleat_status run(cleat_context *context, cleat_conv2d_direction direction, cleat_tensor x,
    cleat_tensor w, cleat_tensor y, const cleat_conv2d_options *options) {
    conv2d_problem problem;
    TRY(conv2d_check(context, direction, x, w, y, options, &problem));
    const variant *chosen = NULL;
    TRY(variant_choose(context, problem.operation, shape_class(context_profile(context), &problem),
        options ? options->variant : NULL, variants[direction], &problem, write_problem, &chosen));
    return chosen->enqueue(context, &problem);
}

cleat_status cleat_conv2d(cleat_context *context, cleat_tensor x, cleat_tensor w, cleat_tensor y,
    const cleat_conv2d_options *options) {
    return run(context, CLEAT_CONV2D_FORWARD, x, w, y, options);
}

cleat_status cleat_conv2d_backward_data(cleat_context *context, cleat_tensor dy, cleat_tensor w,
    cleat_tensor dx, const cleat_conv2d_options *options) {
    return run(context, CLEAT_CONV2D_BACKWARD_DATA, dx, w, dy, options);
}

cleat_status cleat_conv2d_backward_weights(cleat_context *context, cleat_tensor x, cleat_tensor dy,
    cleat_tensor dw, const cleat_conv2d_options *options) {
    return run(context, CLEAT_CONV2D_BACKWARD_WEIGHTS, x, dw, dy, options);
}
