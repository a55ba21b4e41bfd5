/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/conv2d_problem.h"

double conv2d_flop(const conv2d_problem *p) {
    return 2.0 * (double)cleat_tensor_count(&p->y) * (double)p->group_channels *
           (double)p->w.shape[2] * (double)p->w.shape[3];
}

double conv2d_bytes(const conv2d_problem *p) {
    return 4.0 * ((double)cleat_tensor_count(&p->x) + (double)cleat_tensor_count(&p->w) +
                     (double)cleat_tensor_count(&p->y));
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
    return p->stride[ROWS] <= limit && p->stride[COLUMNS] <= limit && p->dilation[ROWS] <= limit &&
           p->dilation[COLUMNS] <= limit;
}

void conv2d_launch_layout(launch *l, const cleat_tensor *x) {
    launch_index(l, x->offset);
    for (int axis = 0; axis < 4; axis++) {
        launch_index(l, x->stride[axis]);
    }
}
