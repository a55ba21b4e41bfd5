/* SPDX-License-Identifier: Apache-2.0 */
/* Where elements of row-major arrays go, told as indices: y[i] is x[place(i)]; -1: nowhere. */
#ifndef CLEAT_REFERENCE_LAYOUT_H
#define CLEAT_REFERENCE_LAYOUT_H

#include <cleat/layout.h>

int64_t reference_pad_place(cleat_pad_mode mode, int32_t rank, const int64_t *x_shape,
    const int64_t *before, const int64_t *y_shape, int64_t index);

int64_t reference_tile_place(
    int32_t rank, const int64_t *x_shape, const int64_t *y_shape, int64_t index);

/* The place in [N, C block^2, H, W] of an element of [N, C, H block, W block]. */
int64_t reference_depth_place(
    cleat_depth_order order, int64_t block, const int64_t *wide_shape, int64_t index);

#endif
