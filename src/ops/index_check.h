/* SPDX-License-Identifier: Apache-2.0 */
/* What operations with tensors of indices share. */
#ifndef CLEAT_OPS_INDEX_CHECK_H
#define CLEAT_OPS_INDEX_CHECK_H

#include "core/launch.h"

/* A tensor of i32 or i64, called "indices" in messages. */
cleat_status check_indices(
    const char *operation, const cleat_context *context, const cleat_tensor *indices);

/*
 * x [i.., n, j..] and indices [k..] as y [i.., k.., j..] sees them, n standing at `axis` of x: of
 * y's shape, with strides of 0 along the axes that they lack. Refuses another shape of y.
 */
cleat_status index_views(const char *operation, const cleat_tensor *x, const cleat_tensor *indices,
    int32_t axis, const char *name_y, const cleat_tensor *y, cleat_tensor *wide_x,
    cleat_tensor *wide_indices);

/* x and y differ in the extent of the axis at most. */
cleat_status check_same_but_axis(const char *operation, const char *name_x, const cleat_tensor *x,
    int32_t axis, const char *name_y, const cleat_tensor *y);

/* How far from the beginning of its buffer a place can be on the way to an element, whatever order
 * the axes' steps are taken in. */
double index_reach(const cleat_tensor *x);

/* Whether places in x moved by up to `extent` steps along one more axis need 64 bits. */
bool index_reaches_far(const cleat_tensor *x, int64_t extent, int64_t step);

#endif
