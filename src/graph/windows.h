/* SPDX-License-Identifier: Apache-2.0 */
/* Windows of convolutions and pools: the attributes kernel_shape, strides, dilations, pads and
 * auto_pad over the axes behind batch and channels. */
#ifndef CLEAT_GRAPH_WINDOWS_H
#define CLEAT_GRAPH_WINDOWS_H

#include "graph/run.h"

enum { WINDOW_AXES = CLEAT_MAX_RANK - 2 };

typedef enum auto_pad { PAD_EXPLICIT, PAD_VALID, PAD_SAME_UPPER, PAD_SAME_LOWER } auto_pad;

typedef struct windows {
    int axes;
    auto_pad mode;
    int64_t window[WINDOW_AXES], stride[WINDOW_AXES], dilation[WINDOW_AXES];
    int64_t before[WINDOW_AXES], after[WINDOW_AXES];
} windows;

/* For an input of this shape, [N, C, ...]. kernel: extents of the windows, or NULL where the
 * attribute kernel_shape must be there. With auto_pad SAME before and after are what makes as many
 * windows as there are strides in x. */
cleat_status windows_read(
    const call *c, int32_t rank, const int64_t *x, const int64_t *kernel, windows *w);
/* As windows_read(), but before and after are as in `pads`, 0 with auto_pad. */
cleat_status windows_read_plain(
    const call *c, int32_t rank, const int64_t *x, const int64_t *kernel, windows *w);
/* How many windows there are along an axis of so many elements, rounded up with `ceil`, where the
 * last one begins in the elements or in the padding before them. */
cleat_status windows_count(
    const call *c, const windows *w, int axis, int64_t extent, bool ceil, int64_t *count);
/* (window - 1) * dilation + 1 */
int64_t windows_span(const windows *w, int axis);
/* Where element `tap` of the window at `place` lies along an axis, below 0 in the padding. */
int64_t windows_position(const windows *w, int axis, int64_t place, int64_t tap);
/* How many elements of the window at `place` lie before position `end` of an axis, and which of
 * them among its `extent` elements: `count` from `first` on. By arithmetic, since windows may be
 * far longer than the axis. */
int64_t windows_before(const windows *w, int axis, int64_t place, int64_t end);
void windows_inside(
    const windows *w, int axis, int64_t place, int64_t extent, int64_t *first, int64_t *count);
/* The same of all axes of an image of this shape and strides; false in the padding. */
bool windows_element(const windows *w, const int64_t *place, const int64_t *tap,
    const int64_t *shape, const int64_t *stride, int64_t *element);

#endif
