/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/conv2d_problem.h"

double conv2d_flop(const conv2d_problem *p) {
    const double products = 2.0 * (double)cleat_tensor_count(&p->y) * (double)p->group_channels *
                            (double)p->w.shape[2] * (double)p->w.shape[3];
    return p->over_images ? products : products * (double)p->depth.y * (double)p->depth.w;
}

double conv2d_bytes(const conv2d_problem *p) {
    const double x = (double)cleat_tensor_count(&p->x) * (double)p->depth.x;
    const double w = (double)cleat_tensor_count(&p->w), y = (double)cleat_tensor_count(&p->y);
    const double added = p->residual.buffer != NULL ? y : 0;
    const double size = (double)cleat_type_size(p->x.type);
    return p->over_images ? size * (x / (double)(p->depth.y * p->depth.w) + w + y)
                          : size * (x + w * (double)p->depth.w + y * (double)p->depth.y + added);
}

bool conv2d_is_int_sized(const conv2d_problem *p) {
    const int64_t limit = 1 << 24;
    for (int axis = 0; axis < 4; axis++) {
        if (p->x.shape[axis] <= 0 || p->x.shape[axis] > limit || p->w.shape[axis] <= 0 ||
            p->w.shape[axis] > limit || p->y.shape[axis] <= 0 || p->y.shape[axis] > limit ||
            p->padding[axis] > limit) {
            return false;
        }
    }
    const conv2d_depth *d = &p->depth;
    return p->stride[ROWS] <= limit && p->stride[COLUMNS] <= limit && p->dilation[ROWS] <= limit &&
           p->dilation[COLUMNS] <= limit && d->x > 0 && d->x <= limit && d->y > 0 &&
           d->y <= limit && d->w > 0 && d->w <= 1024 && d->stride <= limit && d->before <= limit &&
           d->dilation <= limit / 1024;
}

void conv2d_launch_layout(launch *l, const cleat_tensor *x) {
    launch_index(l, x->offset);
    for (int axis = 0; axis < 4; axis++) {
        launch_index(l, x->stride[axis]);
    }
}

void conv2d_launch_depth_strides(launch *l, const conv2d_problem *p) {
    launch_index(l, p->depth.x_stride);
    launch_index(l, p->depth.w_stride);
    launch_index(l, p->depth.y_stride);
}

void conv2d_launch_depth(launch *l, const conv2d_problem *p) {
    const conv2d_depth *d = &p->depth;
    const int64_t numbers[] = {d->x, d->y, d->w, d->stride, d->before, d->dilation};
    launch_ints(l, numbers, sizeof numbers / sizeof numbers[0]);
}

conv2d_problem conv2d_over_images(const conv2d_problem *p) {
    conv2d_problem flat = *p;
    if (!conv2d_is_int_sized(p)) {
        return flat;
    }
    flat.x.shape[0] *= p->depth.y;
    flat.y.shape[0] *= p->depth.y;
    flat.x.shape[1] *= p->depth.w;
    flat.w.shape[1] *= p->depth.w;
    flat.group_channels *= p->depth.w;
    flat.over_images = true;
    return flat;
}
