/* SPDX-License-Identifier: Apache-2.0 */
/* What operations over some axes of a tensor check alike. */
#ifndef CLEAT_OPS_REDUCE_CHECK_H
#define CLEAT_OPS_REDUCE_CHECK_H

#include "core/tensor_check.h"
#include <cleat/reduce.h>

cleat_status check_reduction(const char *operation, cleat_reduction_kind kind);

/* Marks which axes of a tensor of `rank` axes are reduced. */
cleat_status check_axes(
    const char *operation, int32_t axis_count, const int32_t *axes, int32_t rank, bool *reduced);

/* y, whose reduced axes are left out or of extent 1, with them of extent 1 and stride 0. */
cleat_status check_reduced_shape(const char *operation, const cleat_tensor *x, const bool *reduced,
    const char *name, const cleat_tensor *y, cleat_tensor *out);

/* Elements behind one of the results. */
double reduced_count(const cleat_tensor *x, const bool *reduced);

/* The divisor of a variance. */
cleat_status check_correction(const char *operation, const cleat_tensor *x, const bool *reduced,
    const cleat_reduce_options *options, double *divisor);

/* x with the extents of `like`, repeated along the reduced axes. */
cleat_tensor stretched(const cleat_tensor *x, const cleat_tensor *like);

/* A row-major tensor of y's extents without a buffer, for scratch memory; *size is its bytes. */
cleat_tensor like_reduced(const cleat_tensor *y, const bool *reduced, size_t *size);

#endif
