/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tensor_check.h"
#include "ops/conv2d_problem.h"
#include "ops/work_split.h"

bool conv2d_plain_supports(const device_profile *profile, const void *problem) {
    (void)profile;
    (void)problem;
    return true;
}

/* Whether any number in the kernels can pass 2^31: extents with padding and dilation can, even when
 * the tensors are small. */
static bool needs_index64(const conv2d_problem *p) {
    const int64_t limit = INT32_MAX / 4;
    for (int axis = ROWS; axis <= COLUMNS; axis++) {
        int64_t span;
        if (!checked_mul(p->w.shape[axis + 2], p->dilation[axis], &span) || span > limit ||
            p->x.shape[axis + 2] > limit || p->padding[axis] > limit ||
            p->padding[axis + 2] > limit || p->stride[axis] > limit) {
            return true;
        }
    }
    return p->index64;
}

cleat_status conv2d_plain(cleat_context *context, const void *problem) {
    static const char *const kernel[] = {
        "conv2d_plain", "conv2d_plain_data", "conv2d_plain_weights"};
    const conv2d_problem *p = problem;
    const cleat_tensor *result[] = {&p->y, &p->x, &p->w};
    const int64_t count = cleat_tensor_count(result[p->direction]);
    launch l = launch_begin(p->operation, "conv2d_plain", kernel[p->direction]);
    launch_use_index64(&l, needs_index64(p) || count > INT32_MAX / 2);
    launch_use_real64(&l, p->x.type);
    launch_macro(&l, "ACTIVATION", p->activation.form);
    launch_tensor(&l, &p->x);
    launch_tensor(&l, &p->w);
    launch_tensor(&l, &p->y);
    const bool finishes = p->direction != CLEAT_CONV2D_BACKWARD_WEIGHTS;
    if (finishes) {
        launch_tensor(&l, p->bias);
    }
    conv2d_launch_layout(&l, &p->x);
    conv2d_launch_layout(&l, &p->w);
    conv2d_launch_layout(&l, &p->y);
    const int64_t numbers[] = {count, p->x.shape[0], p->x.shape[1], p->x.shape[2], p->x.shape[3],
        p->w.shape[0], p->w.shape[2], p->w.shape[3], p->y.shape[2], p->y.shape[3], p->groups,
        p->stride[ROWS], p->stride[COLUMNS], p->padding[0], p->padding[1], p->dilation[ROWS],
        p->dilation[COLUMNS]};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        launch_index(&l, numbers[i]);
    }
    if (finishes) {
        launch_index(&l, p->bias ? p->bias->offset : 0);
        launch_index(&l, p->bias ? p->bias->stride[0] : 0);
        launch_activation(&l, &p->activation);
    }
    launch_int(&l, p->accumulate);
    const size_t most = context_profile(context)->max_work_group_size;
    const size_t local = most < 64 ? most : 64;
    launch_size_1d(&l, round_up((size_t)count, local), local);
    l.flop = conv2d_flop(p);
    l.bytes = conv2d_bytes(p);
    return launch_all(context, &l, 1);
}

cleat_status conv3d_plain(cleat_context *context, const void *problem) {
    static const char *const kernel[] = {
        "conv3d_plain", "conv3d_plain_data", "conv3d_plain_weights"};
    const conv2d_problem *p = problem;
    const cleat_tensor *result[] = {&p->y, &p->x, &p->w};
    const int64_t depths[] = {p->depth.y, p->depth.x, p->depth.w};
    const int64_t count = cleat_tensor_count(result[p->direction]) * depths[p->direction];
    const int64_t limit = INT32_MAX / 4;
    const conv2d_depth *d = &p->depth;
    launch l = launch_begin(p->operation, "conv3d_plain", kernel[p->direction]);
    launch_use_index64(&l, needs_index64(p) || count > INT32_MAX / 2 || d->x > limit ||
                               d->before > limit || d->stride > limit || d->w > limit ||
                               d->dilation > limit / d->w);
    launch_use_real64(&l, p->x.type);
    launch_macro(&l, "ACTIVATION", p->activation.form);
    launch_tensor(&l, &p->x);
    launch_tensor(&l, &p->w);
    launch_tensor(&l, &p->y);
    launch_tensor(&l, p->bias);
    launch_numbers_begin(&l);
    conv2d_launch_layout(&l, &p->x);
    conv2d_launch_layout(&l, &p->w);
    conv2d_launch_layout(&l, &p->y);
    conv2d_launch_depth_strides(&l, p);
    const int64_t numbers[] = {count, p->x.shape[0], p->x.shape[1], p->x.shape[2], p->x.shape[3],
        p->w.shape[0], p->w.shape[2], p->w.shape[3], p->y.shape[2], p->y.shape[3], p->groups,
        p->stride[ROWS], p->stride[COLUMNS], p->padding[0], p->padding[1], p->dilation[ROWS],
        p->dilation[COLUMNS], d->x, d->y, d->w, d->stride, d->before, d->dilation,
        p->bias ? p->bias->offset : 0, p->bias ? p->bias->stride[0] : 0};
    launch_indices(&l, numbers, sizeof numbers / sizeof numbers[0]);
    launch_int(&l, p->accumulate);
    launch_activation(&l, &p->activation);
    launch_numbers_end(&l);
    work_each(context_profile(context), count, &l);
    l.flop = conv2d_flop(p);
    l.bytes = conv2d_bytes(p);
    return launch_all(context, &l, 1);
}
