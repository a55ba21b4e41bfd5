/* SPDX-License-Identifier: Apache-2.0 */
/* Windows and shapes of pooling, and the refusals of everything that does not fit. */
#include "core/tensor_check.h"
#include "ops/pool_problem.h"
#include "ops/types.h"
#include <float.h>

static const char *const axis_names[POOL_MAX_AXES][POOL_MAX_AXES] = {
    {"elements"}, {"rows", "columns"}, {"slices", "rows", "columns"}};

/* ---- Options ---- */

static cleat_status read_steps(pool_problem *p, const cleat_pool_options *options, int i) {
    REFUSE_IF(options->window[i] < 1, CLEAT_INVALID_ARGUMENT,
        "%s: window[%d] is %lld, must be 1 or more", p->operation, i,
        (long long)options->window[i]);
    REFUSE_IF(options->stride[i] < 0, CLEAT_INVALID_ARGUMENT,
        "%s: stride[%d] is %lld, must not be negative", p->operation, i,
        (long long)options->stride[i]);
    REFUSE_IF(options->dilation[i] < 0, CLEAT_INVALID_ARGUMENT,
        "%s: dilation[%d] is %lld, must not be negative", p->operation, i,
        (long long)options->dilation[i]);
    p->window[i] = options->window[i];
    p->step[i] = options->stride[i] > 0 ? options->stride[i] : options->window[i];
    p->dilation[i] = options->dilation[i] > 0 ? options->dilation[i] : 1;
    return CLEAT_OK;
}

/* How many elements a window lies over. */
static cleat_status find_span(const pool_problem *p, int i, int64_t *span) {
    REFUSE_IF(!checked_mul(p->window[i] - 1, p->dilation[i], span) || !checked_add(*span, 1, span),
        CLEAT_SIZE_OVERFLOW, "%s: a window of %lld %s, %lld apart, does not fit 64 bits",
        p->operation, (long long)p->window[i], axis_names[p->axes - 1][i],
        (long long)p->dilation[i]);
    return CLEAT_OK;
}

static cleat_status read_options(pool_problem *p, const cleat_pool_options *options) {
    for (int i = 0; i < p->axes; ++i) {
        TRY(read_steps(p, options, i));
    }
    for (int side = 0; side < 2 * p->axes; ++side) {
        const int i = side % p->axes;
        int64_t span = 0;
        TRY(find_span(p, i, &span));
        REFUSE_IF(options->padding[side] < 0 || options->padding[side] >= span,
            CLEAT_INVALID_ARGUMENT,
            "%s: padding[%d] is %lld, must be from 0 to less than the window's %lld", p->operation,
            side, (long long)options->padding[side], (long long)span);
        (side < p->axes ? p->before : p->after)[i] = options->padding[side];
    }
    return CLEAT_OK;
}

/* ---- Shapes ---- */

static cleat_status count_windows(pool_problem *p, int i, bool ceil_mode) {
    const char *name = axis_names[p->axes - 1][i];
    const int64_t extent = p->shape[2 + i];
    int64_t padded = 0, span = 0, room = 0;
    TRY(find_span(p, i, &span));
    REFUSE_IF(!checked_add(extent, p->before[i], &padded) ||
                  !checked_add(padded, p->after[i], &padded) ||
                  !checked_add(padded, p->step[i], &room),
        CLEAT_SIZE_OVERFLOW, "%s: %lld padded %s do not fit 64 bits", p->operation,
        (long long)extent, name);
    room = padded - span + (ceil_mode ? p->step[i] - 1 : 0);
    REFUSE_IF(extent == 0 || room < 0, CLEAT_SHAPE_MISMATCH,
        "%s: a window of %lld %s does not fit %lld %s (%lld with padding)", p->operation,
        (long long)span, name, (long long)extent, name, (long long)padded);
    p->out_shape[2 + i] = room / p->step[i] + 1;
    /* The last window begins in x or before it. */
    if (ceil_mode && (p->out_shape[2 + i] - 1) * p->step[i] >= extent + p->before[i]) {
        p->out_shape[2 + i]--;
    }
    return CLEAT_OK;
}

/* All of x; or, where the windows divide it, windows side by side; else what o * L / O gives. */
static cleat_status fit_windows(pool_problem *p, const int64_t *out_shape) {
    for (int i = 0; i < p->axes; ++i) {
        const int64_t extent = p->shape[2 + i], out = out_shape ? out_shape[2 + i] : 1;
        int64_t product = 0;
        REFUSE_IF(extent == 0 || out < 1, CLEAT_SHAPE_MISMATCH, "%s: %lld %s can't make %lld",
            p->operation, (long long)extent, axis_names[p->axes - 1][i], (long long)out);
        REFUSE_IF(out == INT64_MAX || !checked_mul(extent, out + 1, &product) ||
                      !checked_add(product, out, &product),
            CLEAT_SIZE_OVERFLOW, "%s: %lld times %lld %s do not fit 64 bits", p->operation,
            (long long)out, (long long)extent, axis_names[p->axes - 1][i]);
        p->out_shape[2 + i] = out;
        p->window[i] = p->step[i] = extent / out;
        p->dilation[i] = 1;
        p->before[i] = p->after[i] = 0;
        p->adaptive = p->adaptive || extent % out != 0;
    }
    return CLEAT_OK;
}

cleat_status pool_read(
    pool_problem *p, const cleat_pool_options *options, const int64_t *out_shape) {
    REFUSE_IF(options == NULL, CLEAT_INVALID_ARGUMENT,
        "%s: options are NULL, but the window has no default", p->operation);
    REFUSE_IF(options->global && options->adaptive, CLEAT_INVALID_ARGUMENT,
        "%s: both global and adaptive are asked for", p->operation);
    const bool any = options->global || options->adaptive;
    if (!any) {
        TRY(read_options(p, options));
    }
    p->count_padding = options->count_padding;
    p->plane_indices = options->plane_indices;
    if (p->power != 0) {
        p->power = options->power != 0 ? options->power : 2;
        REFUSE_IF(!(p->power >= 1) || !(p->power <= (double)FLT_MAX), CLEAT_INVALID_ARGUMENT,
            "%s: power is %g, must be 1 or more and finite", p->operation, p->power);
        p->adaptive = any; /* the kernels for those read x no further than they need */
    }
    for (int i = 0; i < p->axes + 2; ++i) {
        REFUSE_IF(p->shape[i] < 0, CLEAT_INVALID_ARGUMENT, "%s: extent %d of the input is %lld",
            p->operation, i, (long long)p->shape[i]);
        p->out_shape[i] = p->shape[i];
    }
    if (any) {
        return fit_windows(p, options->adaptive ? out_shape : NULL);
    }
    for (int i = 0; i < p->axes; ++i) {
        TRY(count_windows(p, i, options->ceil_mode));
    }
    return CLEAT_OK;
}

/* ---- Operands ---- */

/* Whether x or its stand-in, and y or its, have the shapes that the options give. */
static cleat_status check_shapes(pool_problem *p, int axes, const cleat_pool_options *options,
    const char *name_large, const char *name_small) {
    REFUSE_IF(axes == 0 && (p->large.rank < 3 || p->large.rank > POOL_MAX_RANK),
        CLEAT_SHAPE_MISMATCH, "%s: %s has rank %d, a rank from 3 to 5 is wanted", p->operation,
        name_large, p->large.rank);
    p->axes = axes == 0 ? p->large.rank - 2 : axes;
    TRY(check_rank(p->operation, name_large, &p->large, p->axes + 2));
    TRY(check_rank(p->operation, name_small, &p->small, p->axes + 2));
    for (int i = 0; i < p->axes + 2; ++i) {
        p->shape[i] = p->large.shape[i];
    }
    TRY(pool_read(p, options, p->small.shape));
    char wanted[SHAPE_TEXT_SIZE], got[SHAPE_TEXT_SIZE];
    for (int i = 0; i < p->axes + 2; ++i) {
        REFUSE_IF(p->small.shape[i] != p->out_shape[i], CLEAT_SHAPE_MISMATCH,
            "%s: %s is %s, wanted %s", p->operation, name_small,
            shape_text(p->axes + 2, p->small.shape, got),
            shape_text(p->axes + 2, p->out_shape, wanted));
    }
    return CLEAT_OK;
}

static cleat_status check_indices(
    cleat_context *context, pool_problem *p, const cleat_tensor *indices) {
    TRY(check_output(p->operation, "indices", context, indices, CLEAT_I64));
    TRY(check_same_shape(p->operation, "y", &p->small, "indices", indices));
    TRY(check_no_overlap(p->operation, "x", &p->large, "indices", indices, false));
    TRY(check_no_overlap(p->operation, "y", &p->small, "indices", indices, false));
    p->indices = indices;
    return CLEAT_OK;
}

static cleat_status check_forward(
    cleat_context *context, pool_problem *p, int axes, const cleat_pool_options *options) {
    TRY(check_tensor(p->operation, "x", context, &p->large, p->type));
    TRY(check_output(p->operation, "y", context, &p->small, p->type));
    TRY(check_shapes(p, axes, options, "x", "y"));
    TRY(check_no_overlap(p->operation, "x", &p->large, "y", &p->small, false));
    return options->indices && !p->average ? check_indices(context, p, options->indices) : CLEAT_OK;
}

static cleat_status check_max_backward(
    cleat_context *context, pool_problem *p, int axes, const cleat_pool_options *options) {
    TRY(check_tensor(p->operation, "x", context, &p->large, p->type));
    TRY(check_tensor(p->operation, "dy", context, &p->small, p->type));
    TRY(check_output(p->operation, "dx", context, &p->result, p->type));
    TRY(check_shapes(p, axes, options, "x", "dy"));
    TRY(check_same_shape(p->operation, "x", &p->large, "dx", &p->result));
    TRY(check_no_overlap(p->operation, "x", &p->large, "dx", &p->result, false));
    return check_no_overlap(p->operation, "dy", &p->small, "dx", &p->result, false);
}

static cleat_status check_lp_backward(
    cleat_context *context, pool_problem *p, int axes, const cleat_pool_options *options) {
    const cleat_tensor *y = &p->forward_result;
    TRY(check_tensor(p->operation, "x", context, &p->large, p->type));
    TRY(check_tensor(p->operation, "y", context, y, p->type));
    TRY(check_tensor(p->operation, "dy", context, &p->small, p->type));
    TRY(check_output(p->operation, "dx", context, &p->result, p->type));
    TRY(check_shapes(p, axes, options, "x", "dy"));
    TRY(check_same_shape(p->operation, "dy", &p->small, "y", y));
    TRY(check_same_shape(p->operation, "x", &p->large, "dx", &p->result));
    TRY(check_no_overlap(p->operation, "x", &p->large, "dx", &p->result, false));
    TRY(check_no_overlap(p->operation, "y", y, "dx", &p->result, false));
    return check_no_overlap(p->operation, "dy", &p->small, "dx", &p->result, false);
}

static cleat_status check_average_backward(
    cleat_context *context, pool_problem *p, int axes, const cleat_pool_options *options) {
    TRY(check_tensor(p->operation, "dy", context, &p->small, p->type));
    TRY(check_output(p->operation, "dx", context, &p->result, p->type));
    TRY(check_shapes(p, axes, options, "dx", "dy"));
    return check_no_overlap(p->operation, "dy", &p->small, "dx", &p->result, false);
}

cleat_status pool_check(
    cleat_context *context, pool_problem *p, int axes, const cleat_pool_options *options) {
    const bool from_small = p->backward && p->average && p->power == 0;
    TRY(check_context(p->operation, context));
    TRY(check_float_type(p->operation, context, from_small ? &p->small : &p->large, &p->type));
    return !p->backward    ? check_forward(context, p, axes, options)
           : p->power != 0 ? check_lp_backward(context, p, axes, options)
           : p->average    ? check_average_backward(context, p, axes, options)
                           : check_max_backward(context, p, axes, options);
}
