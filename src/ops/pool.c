/* SPDX-License-Identifier: Apache-2.0 */
/* The public functions of pooling. */
#include "core/tensor_check.h"
#include "ops/pool_problem.h"
#include "ops/types.h"
#include "ops/widen.h"

static cleat_status run_checked(cleat_context *context, const pool_problem *p) {
    return pool_is_plane(p) ? pool_plane_run(context, p) : pool_window_run(context, p);
}

/* Of 16 bits, by way of f32. */
static cleat_status run_widened(cleat_context *context, const pool_problem *p) {
    const bool from_small = p->backward && p->average && p->power == 0;
    pool_problem wide = *p;
    widening w;
    widen_begin(&w, context, p->operation);
    wide.type = CLEAT_F32;
    wide.result = widen_output(&w, &p->result, false);
    wide.large = from_small ? wide.result : widen_input(&w, &p->large);
    wide.small = p->backward ? widen_input(&w, &p->small) : wide.result;
    if (p->backward && p->power != 0) {
        wide.forward_result = widen_input(&w, &p->forward_result);
    }
    cleat_status status = widen_ready(&w);
    if (status == CLEAT_OK) {
        status = run_checked(context, &wide);
    }
    return widen_end(&w, status);
}

static cleat_status run(
    cleat_context *context, pool_problem *p, int axes, const cleat_pool_options *options) {
    TRY(pool_check(context, p, axes, options));
    if (cleat_tensor_count(&p->result) == 0) {
        return CLEAT_OK;
    }
    return type_is_half(p->type) ? run_widened(context, p) : run_checked(context, p);
}

static cleat_status shape_function(const char *operation, int axes, const int64_t *x_shape,
    const cleat_pool_options *options, int64_t *y_shape) {
    pool_problem p = {.operation = operation, .axes = axes};
    REFUSE_IF(x_shape == NULL || y_shape == NULL, CLEAT_INVALID_ARGUMENT, "%s: %s is NULL",
        operation, x_shape == NULL ? "x_shape" : "y_shape");
    for (int i = 0; i < axes + 2; ++i) {
        p.shape[i] = x_shape[i];
    }
    TRY(pool_read(&p, options, NULL));
    for (int i = 0; i < axes + 2; ++i) {
        y_shape[i] = p.out_shape[i];
    }
    return CLEAT_OK;
}

/* ---- Any number of axes ---- */

cleat_status cleat_pool_shape(
    int32_t rank, const int64_t *x_shape, const cleat_pool_options *options, int64_t *y_shape) {
    REFUSE_IF(rank < 3 || rank > POOL_MAX_RANK, CLEAT_INVALID_ARGUMENT,
        "pool_shape: rank is %d, not from 3 to 5", rank);
    REFUSE_IF(options != NULL && options->adaptive, CLEAT_INVALID_ARGUMENT,
        "pool_shape: adaptive pooling makes results of any shape");
    return shape_function("pool_shape", rank - 2, x_shape, options, y_shape);
}

cleat_status cleat_max_pool(
    cleat_context *context, cleat_tensor x, cleat_tensor y, const cleat_pool_options *options) {
    pool_problem p = {.operation = "max_pool", .large = x, .small = y, .result = y};
    return run(context, &p, 0, options);
}

cleat_status cleat_average_pool(
    cleat_context *context, cleat_tensor x, cleat_tensor y, const cleat_pool_options *options) {
    pool_problem p = {
        .operation = "average_pool", .average = true, .large = x, .small = y, .result = y};
    return run(context, &p, 0, options);
}

cleat_status cleat_max_pool_backward(cleat_context *context, cleat_tensor x, cleat_tensor dy,
    cleat_tensor dx, const cleat_pool_options *options) {
    pool_problem p = {
        .operation = "max_pool_backward", .backward = true, .large = x, .small = dy, .result = dx};
    return run(context, &p, 0, options);
}

cleat_status cleat_average_pool_backward(
    cleat_context *context, cleat_tensor dy, cleat_tensor dx, const cleat_pool_options *options) {
    pool_problem p = {.operation = "average_pool_backward",
        .average = true,
        .backward = true,
        .large = dx,
        .small = dy,
        .result = dx};
    return run(context, &p, 0, options);
}

cleat_status cleat_lp_pool(
    cleat_context *context, cleat_tensor x, cleat_tensor y, const cleat_pool_options *options) {
    pool_problem p = {
        .operation = "lp_pool", .average = true, .power = 2, .large = x, .small = y, .result = y};
    return run(context, &p, 0, options);
}

cleat_status cleat_lp_pool_backward(cleat_context *context, cleat_tensor x, cleat_tensor y,
    cleat_tensor dy, cleat_tensor dx, const cleat_pool_options *options) {
    pool_problem p = {.operation = "lp_pool_backward",
        .average = true,
        .backward = true,
        .power = 2,
        .large = x,
        .small = dy,
        .result = dx,
        .forward_result = y};
    return run(context, &p, 0, options);
}

/* ---- Two axes ---- */

/* The same options for any number of axes; NULL stays NULL. */
static const cleat_pool_options *widen(
    const cleat_pool2d_options *options, cleat_pool_options *out) {
    if (options == NULL) {
        return NULL;
    }
    *out = (cleat_pool_options){.count_padding = options->count_padding};
    for (int i = 0; i < 4; ++i) {
        out->window[i % 2] = options->window[i % 2];
        out->stride[i % 2] = options->stride[i % 2];
        out->padding[i] = options->padding[i];
    }
    return out;
}

cleat_status cleat_pool2d_shape(
    const int64_t x_shape[4], const cleat_pool2d_options *options, int64_t y_shape[4]) {
    cleat_pool_options wide;
    return shape_function("pool2d_shape", 2, x_shape, widen(options, &wide), y_shape);
}

cleat_status cleat_max_pool2d(
    cleat_context *context, cleat_tensor x, cleat_tensor y, const cleat_pool2d_options *options) {
    cleat_pool_options wide;
    pool_problem p = {.operation = "max_pool2d", .large = x, .small = y, .result = y};
    return run(context, &p, 2, widen(options, &wide));
}

cleat_status cleat_average_pool2d(
    cleat_context *context, cleat_tensor x, cleat_tensor y, const cleat_pool2d_options *options) {
    cleat_pool_options wide;
    pool_problem p = {
        .operation = "average_pool2d", .average = true, .large = x, .small = y, .result = y};
    return run(context, &p, 2, widen(options, &wide));
}

cleat_status cleat_max_pool2d_backward(cleat_context *context, cleat_tensor x, cleat_tensor dy,
    cleat_tensor dx, const cleat_pool2d_options *options) {
    cleat_pool_options wide;
    pool_problem p = {.operation = "max_pool2d_backward",
        .backward = true,
        .large = x,
        .small = dy,
        .result = dx};
    return run(context, &p, 2, widen(options, &wide));
}

cleat_status cleat_average_pool2d_backward(
    cleat_context *context, cleat_tensor dy, cleat_tensor dx, const cleat_pool2d_options *options) {
    cleat_pool_options wide;
    pool_problem p = {.operation = "average_pool2d_backward",
        .average = true,
        .backward = true,
        .large = dx,
        .small = dy,
        .result = dx};
    return run(context, &p, 2, widen(options, &wide));
}
