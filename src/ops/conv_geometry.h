/* SPDX-License-Identifier: Apache-2.0 */
/* Windows and shapes of convolutions over one or more axes of space, and their transposes. */
#ifndef CLEAT_OPS_CONV_GEOMETRY_H
#define CLEAT_OPS_CONV_GEOMETRY_H

#include "core/status.h"
#include <stdbool.h>
#include <stdint.h>

enum { CONV_MAX_AXES = 3, CONV_MAX_RANK = CONV_MAX_AXES + 2 };

/* As options structs give them, outermost axis first; padding: before all axes, then behind. */
typedef struct conv_windows {
    const int64_t *stride, *padding, *dilation, *output_padding;
    int64_t groups;
} conv_windows;

/* With the defaults put in, and checked. */
typedef struct conv_geometry {
    const char *operation; /* for messages */
    int axes;
    bool transposed;
    int64_t stride[CONV_MAX_AXES], dilation[CONV_MAX_AXES];
    int64_t before[CONV_MAX_AXES], after[CONV_MAX_AXES], output_padding[CONV_MAX_AXES];
    int64_t groups;
} conv_geometry;

cleat_status conv_geometry_read(const char *operation, int axes, bool transposed,
    const conv_windows *windows, conv_geometry *geometry);

/* The result's shape for inputs of these shapes, refused where they do not fit; each has axes + 2
 * extents. */
cleat_status conv_result_shape(
    const conv_geometry *geometry, const int64_t *x, const int64_t *w, int64_t *y);

/* The same for a public function, which may get NULL for a shape. */
cleat_status conv_shape_function(const char *operation, int axes, bool transposed,
    const conv_windows *windows, const int64_t *x, const int64_t *w, int64_t *y);

#endif
