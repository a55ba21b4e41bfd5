/* SPDX-License-Identifier: Apache-2.0 */
/* Weights as the variants for channels that lie end to end read them: a panel for each vector of
 * outputs, in the order of cl/conv2d_cpu_channels_last_pack.cl. */
#ifndef CLEAT_OPS_CONV2D_CPU_CHANNELS_LAST_H
#define CLEAT_OPS_CONV2D_CPU_CHANNELS_LAST_H

#include "ops/conv2d_problem.h"

/* Depthwise weights count as one group of one channel. */
typedef struct weight_panels {
    int64_t width;                               /* floats in a vector */
    int64_t groups, outputs, channels, taps;     /* outputs and channels of a group */
    int64_t vectors, panel_floats, group_floats; /* of a group, of a vector, of a group */
} weight_panels;

/* False where a group's outputs do not fill a vector: then there are no panels. */
bool weight_panels_plan(
    const device_profile *profile, const cleat_tensor *w, int64_t groups, weight_panels *panels);

/* Whether these variants do a convolution with such weights: then it pays to have x and y so, if
 * the weights come packed. */
bool conv2d_channels_last_pays(const device_profile *profile, const cleat_tensor *w, int64_t groups,
    const int64_t *stride, const int64_t *dilation);

/* Whether the channels of a pixel lie end to end, in x as in y, and y is overwritten, not added to.
 */
bool conv2d_is_channels_last(const conv2d_problem *p);

/* Fills in the launch that reads the panels; `plan` is the variant's own. */
typedef void (*panels_reader)(
    launch *l, const conv2d_problem *p, const weight_panels *panels, const void *plan);

/* Runs a kernel whose first three arguments are x, y and panels: the caller's where the weights
 * came packed, else some made for this call. `reader` adds macros, the other arguments and the
 * size. */
cleat_status conv2d_run_on_panels(cleat_context *context, const conv2d_problem *p,
    const weight_panels *panels, const char *family, panels_reader reader, const void *plan);

#endif
