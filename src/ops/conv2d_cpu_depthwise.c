/* SPDX-License-Identifier: Apache-2.0 */
/* Backward to the weights on processors for small groups: cl/conv2d_cpu_depthwise.cl. */
#include "ops/conv2d_problem.h"

static int64_t vector_width(const device_profile *profile) {
    return profile->float_width >= 16 ? 16 : profile->float_width >= 8 ? 8 : 4;
}

static size_t local_bytes(const device_profile *profile, const conv2d_problem *p) {
    return (size_t)(p->w.shape[2] * p->w.shape[3] * vector_width(profile)) * 4;
}

bool conv2d_cpu_depthwise_supports(const device_profile *profile, const void *problem) {
    const conv2d_problem *p = problem;
    return conv2d_is_int_sized(p) && p->w.shape[2] * p->w.shape[3] <= 1024 &&
           local_bytes(profile, p) <= profile->local_memory &&
           conv2d_item_is_short(profile, (double)cleat_tensor_count(&p->y) / (double)p->y.shape[1] *
                                             (double)(p->w.shape[2] * p->w.shape[3]));
}

cleat_status conv2d_cpu_depthwise_weights(cleat_context *context, const void *problem) {
    const conv2d_problem *p = problem;
    const device_profile *profile = context_profile(context);
    launch l = launch_begin(p->operation, "conv2d_cpu_depthwise", "conv2d_cpu_depthwise_weights");
    launch_use_index64(&l, p->index64);
    launch_macro(&l, "VECTOR", vector_width(profile));
    launch_tensor(&l, &p->x);
    launch_tensor(&l, &p->w);
    launch_tensor(&l, &p->y);
    launch_local(&l, local_bytes(profile, p));
    conv2d_launch_layout(&l, &p->x);
    conv2d_launch_layout(&l, &p->w);
    conv2d_launch_layout(&l, &p->y);
    const int64_t numbers[] = {p->x.shape[0], p->x.shape[2], p->x.shape[3], p->y.shape[2],
        p->y.shape[3], p->group_channels, p->group_outputs, p->w.shape[2], p->w.shape[3],
        p->stride[ROWS], p->stride[COLUMNS], p->padding[0], p->padding[1], p->dilation[ROWS],
        p->dilation[COLUMNS], p->accumulate};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        launch_int(&l, (int32_t)numbers[i]);
    }
    launch_size_1d(&l, (size_t)(p->w.shape[0] * p->group_channels), 1);
    l.flop = conv2d_flop(p);
    l.bytes = conv2d_bytes(p);
    return launch_all(context, &l, 1);
}
