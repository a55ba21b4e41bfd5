/* SPDX-License-Identifier: Apache-2.0 */
/* A checked pooling as its kernels' callers see it. */
#ifndef CLEAT_OPS_POOL_PROBLEM_H
#define CLEAT_OPS_POOL_PROBLEM_H

#include "core/launch.h"
#include <cleat/pool.h>

enum { POOL_MAX_AXES = 3, POOL_MAX_RANK = POOL_MAX_AXES + 2 };

typedef struct pool_problem {
    const char *operation; /* in messages and the profile */
    int axes;
    bool average, backward;
    cleat_type type; /* f32 or f64; f16 and bf16 as checked */
    bool adaptive;   /* windows from extents alone; else from the numbers */
    int64_t window[POOL_MAX_AXES], step[POOL_MAX_AXES], dilation[POOL_MAX_AXES];
    int64_t before[POOL_MAX_AXES], after[POOL_MAX_AXES];
    bool count_padding;
    int64_t shape[POOL_MAX_RANK], out_shape[POOL_MAX_RANK]; /* of x and of y */
    /* Forward: large = x, small = result = y. Backward: large = x (max) or dx, small = dy,
     * result = dx. */
    cleat_tensor large, small, result;
    const cleat_tensor *indices; /* max, forward; or NULL */
    bool plane_indices;
    /* L-p: the exponent, else 0. It counts as an average without a divisor; backward,
     * forward_result is y. */
    double power;
    cleat_tensor forward_result;
} pool_problem;

/* Reads the options and works out p->out_shape from p->shape; p->axes, operation are set. With
 * `out_shape`, it is what the windows of adaptive pooling are made of. */
cleat_status pool_read(
    pool_problem *p, const cleat_pool_options *options, const int64_t *out_shape);

/* The operands of the forward and backward functions: p->large, small, result, average, backward
 * and operation are set, for L-p power (to anything but 0) and forward_result; axes 0: as many as x
 * has. */
cleat_status pool_check(
    cleat_context *context, pool_problem *p, int axes, const cleat_pool_options *options);

/* Whether the kernels for planes do it. */
bool pool_is_plane(const pool_problem *p);
/* By those; one axis as planes of one row. */
cleat_status pool_plane_run(cleat_context *context, const pool_problem *p);

/* LP of cl/pool_power.cl; 0: not L-p. */
int pool_power_form(const pool_problem *p);
/* L-p, backward: what is summed over windows instead of dy, dy y^(1 - p): where it lies, and the
 * launch that forms it in scratch memory (both are dy's, and there is none, for p = 1); and the
 * launch that ends it: dx *= sign(x) |x|^(p - 1). */
cleat_tensor pool_power_weights(const pool_problem *p);
cleat_status pool_power_before(
    cleat_context *context, const pool_problem *p, void **weights, launch *l);
cleat_status pool_power_after(cleat_context *context, const pool_problem *p, launch *l);

/* Any problem. */
cleat_status pool_window_run(cleat_context *context, const pool_problem *p);

#endif
