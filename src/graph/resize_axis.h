/* SPDX-License-Identifier: Apache-2.0 */
/* What a Resize or Upsample node does along each axis, and its run on the host. */
#ifndef CLEAT_GRAPH_RESIZE_AXIS_H
#define CLEAT_GRAPH_RESIZE_AXIS_H

#include "graph/run.h"
#include <cleat/resize.h>

typedef enum resize_place {
    PLACE_HALF_PIXEL,
    PLACE_PYTORCH_HALF_PIXEL,
    PLACE_ALIGN_CORNERS,
    PLACE_ASYMMETRIC,
    PLACE_HALF_PIXEL_FOR_NEAREST, /* tf_half_pixel_for_nn */
    PLACE_CROP,                   /* tf_crop_and_resize */
    PLACE_HALF_PIXEL_SYMMETRIC
} resize_place;

typedef struct resize_shape {
    cleat_resize_mode mode;
    resize_place place;
    cleat_resize_rounding rounding;
    double coefficient, extrapolation;
    bool excludes_outside;
    int32_t rank;
    int64_t x[CLEAT_MAX_RANK], y[CLEAT_MAX_RANK];
    double scale[CLEAT_MAX_RANK];                      /* 1 along axes that stay */
    double start[CLEAT_MAX_RANK], end[CLEAT_MAX_RANK]; /* of PLACE_CROP */
} resize_shape;

cleat_status resize_read(call *c, resize_shape *s);
cleat_status resize_host(call *c);

#endif
