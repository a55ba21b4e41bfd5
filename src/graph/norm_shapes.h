/* SPDX-License-Identifier: Apache-2.0 */
/* What the nodes of normalisations tell, for them and for their gradients. */
#ifndef CLEAT_GRAPH_NORM_SHAPES_H
#define CLEAT_GRAPH_NORM_SHAPES_H

#include "graph/run.h"

/* A parameter of [count] numbers, which the library takes in x's type, and beside 16-bit types in
 * f32; `wide`: in f32 alone. */
cleat_status norm_parameter(
    call *c, size_t input, cleat_type x, int64_t count, bool wide, cleat_tensor *tensor);
/* Makes one of each group one of each channel. */
cleat_status norm_spread_parameter(call *c, int64_t channels, cleat_tensor *parameter_of);

typedef struct batch_norm {
    bool is_training;
    float epsilon, momentum;
    int32_t
        rank; /* [samples, channels, ...], all of a sample being channels where `spatial` is 0 */
    int64_t shape[CLEAT_MAX_RANK];
} batch_norm;

cleat_status batch_norm_read(const call *c, batch_norm *b);
/* groups 0: each channel is one; scales: how many numbers the scale has. */
cleat_status group_norm_read(const call *c, int64_t *groups, int64_t *scales);

typedef struct layer_norm {
    float epsilon;
    int32_t axis;
    cleat_type kept; /* type of mean and inverse */
    int64_t kept_shape[CLEAT_MAX_RANK];
} layer_norm;

cleat_status layer_norm_read(const call *c, layer_norm *l);

#endif
