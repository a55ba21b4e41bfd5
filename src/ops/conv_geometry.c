/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/conv_geometry.h"
#include "core/tensor_check.h"
#include <stdio.h>

static cleat_status check_sign(
    const char *operation, const char *name, int count, const int64_t *values, const char *more) {
    char text[SHAPE_TEXT_SIZE];
    for (int i = 0; i < count; i++) {
        REFUSE_IF(values[i] < 0, CLEAT_INVALID_ARGUMENT, "%s: %s is %s%s", operation, name,
            shape_text(count, values, text), more);
    }
    return CLEAT_OK;
}

/* A transposed convolution's result is larger than what the windows reach by less than a step. */
static cleat_status read_output_padding(conv_geometry *g, const int64_t *output_padding) {
    char text[SHAPE_TEXT_SIZE];
    TRY(check_sign(g->operation, "output_padding", g->axes, output_padding, ": negative"));
    for (int i = 0; i < g->axes; i++) {
        g->output_padding[i] = output_padding[i];
        REFUSE_IF(output_padding[i] > 0 && !g->transposed, CLEAT_INVALID_ARGUMENT,
            "%s: output_padding is %s, which only a transposed convolution has", g->operation,
            shape_text(g->axes, output_padding, text));
        REFUSE_IF(output_padding[i] > 0 && output_padding[i] >= g->stride[i] &&
                      output_padding[i] >= g->dilation[i],
            CLEAT_INVALID_ARGUMENT,
            "%s: output_padding is %s, on axis %d neither less than the stride %lld nor than the "
            "dilation %lld",
            g->operation, shape_text(g->axes, output_padding, text), i, (long long)g->stride[i],
            (long long)g->dilation[i]);
    }
    return CLEAT_OK;
}

cleat_status conv_geometry_read(const char *operation, int axes, bool transposed,
    const conv_windows *windows, conv_geometry *geometry) {
    *geometry = (conv_geometry){.operation = operation, .axes = axes, .transposed = transposed};
    TRY(check_sign(operation, "stride", axes, windows->stride, ""));
    TRY(check_sign(operation, "dilation", axes, windows->dilation, ""));
    TRY(check_sign(operation, "padding", 2 * axes, windows->padding, ": negative"));
    for (int i = 0; i < axes; i++) {
        geometry->stride[i] = windows->stride[i] ? windows->stride[i] : 1;
        geometry->dilation[i] = windows->dilation[i] ? windows->dilation[i] : 1;
        geometry->before[i] = windows->padding[i];
        geometry->after[i] = windows->padding[axes + i];
    }
    REFUSE_IF(windows->groups < 0, CLEAT_INVALID_ARGUMENT, "%s: groups is %lld", operation,
        (long long)windows->groups);
    geometry->groups = windows->groups ? windows->groups : 1;
    return read_output_padding(geometry, windows->output_padding);
}

/* ---- Shapes ---- */

static const char *const extent_names[CONV_MAX_AXES][CONV_MAX_AXES] = {
    {"long"}, {"high", "wide"}, {"deep", "high", "wide"}};

/* dilation * (taps - 1) + 1 */
static bool window_span(const conv_geometry *g, int axis, int64_t taps, int64_t *span) {
    return checked_mul(g->dilation[axis], taps - 1, span) && checked_add(*span, 1, span);
}

static cleat_status refuse_range(const conv_geometry *g) {
    return status_set(
        CLEAT_SIZE_OVERFLOW, "%s: padding or dilation leaves the range of 64 bits", g->operation);
}

/* How many windows fit along one axis. */
static cleat_status window_count(
    const conv_geometry *g, int axis, int64_t extent, int64_t taps, int64_t *count) {
    int64_t padded, span;
    if (!checked_add(extent, g->before[axis], &padded) ||
        !checked_add(padded, g->after[axis], &padded) || !window_span(g, axis, taps, &span)) {
        return refuse_range(g);
    }
    REFUSE_IF(span > padded, CLEAT_SHAPE_MISMATCH,
        "%s: window is %lld %s, the padded input only %lld", g->operation, (long long)span,
        extent_names[g->axes - 1][axis], (long long)padded);
    *count = (padded - span) / g->stride[axis] + 1;
    return CLEAT_OK;
}

/* How far the windows of all elements of the input reach along one axis. */
static cleat_status window_reach(
    const conv_geometry *g, int axis, int64_t extent, int64_t taps, int64_t *reach) {
    const char *name = extent_names[g->axes - 1][axis];
    int64_t all, span;
    REFUSE_IF(extent == 0, CLEAT_SHAPE_MISMATCH, "%s: input is 0 %s", g->operation, name);
    if (!checked_mul(extent - 1, g->stride[axis], &all) || !window_span(g, axis, taps, &span) ||
        !checked_add(all, span, &all) || !checked_add(all, g->output_padding[axis], &all)) {
        return refuse_range(g);
    }
    REFUSE_IF(g->before[axis] >= all || g->after[axis] >= all - g->before[axis],
        CLEAT_SHAPE_MISMATCH,
        "%s: result would be %lld %s, of which padding takes off %lld and %lld", g->operation,
        (long long)all, name, (long long)g->before[axis], (long long)g->after[axis]);
    *reach = all - g->before[axis] - g->after[axis];
    return CLEAT_OK;
}

static cleat_status check_window(const conv_geometry *g, const int64_t *w) {
    char text[3 * 24] = "";
    int used = 0;
    bool empty = false;
    for (int i = 0; i < g->axes; i++) {
        empty = empty || w[i + 2] == 0;
        used += snprintf(text + used, sizeof text - (size_t)used, "%s%lld", i > 0 ? " x " : "",
            (long long)w[i + 2]);
    }
    REFUSE_IF(empty, CLEAT_SHAPE_MISMATCH, "%s: weight has a window of %s", g->operation, text);
    return CLEAT_OK;
}

static cleat_status check_channels(const conv_geometry *g, const int64_t *x, const int64_t *w) {
    REFUSE_IF(x[1] % g->groups != 0, CLEAT_SHAPE_MISMATCH,
        "%s: input has %lld channels, not a multiple of %lld groups", g->operation, (long long)x[1],
        (long long)g->groups);
    if (g->transposed) {
        REFUSE_IF(w[0] != x[1], CLEAT_SHAPE_MISMATCH,
            "%s: weight has %lld input channels, input has %lld", g->operation, (long long)w[0],
            (long long)x[1]);
        return check_window(g, w);
    }
    REFUSE_IF(w[1] != x[1] / g->groups, CLEAT_SHAPE_MISMATCH,
        "%s: weight has %lld input channels per group, input has %lld channels in %lld groups "
        "(%lld per group)",
        g->operation, (long long)w[1], (long long)x[1], (long long)g->groups,
        (long long)(x[1] / g->groups));
    REFUSE_IF(w[0] % g->groups != 0, CLEAT_SHAPE_MISMATCH,
        "%s: weight has %lld output channels, not a multiple of %lld groups", g->operation,
        (long long)w[0], (long long)g->groups);
    return check_window(g, w);
}

cleat_status conv_result_shape(
    const conv_geometry *g, const int64_t *x, const int64_t *w, int64_t *y) {
    char x_text[SHAPE_TEXT_SIZE], w_text[SHAPE_TEXT_SIZE];
    for (int i = 0; i < g->axes + 2; i++) {
        REFUSE_IF(x[i] < 0 || w[i] < 0, CLEAT_INVALID_ARGUMENT,
            "%s: negative extent in input %s or weight %s", g->operation,
            shape_text(g->axes + 2, x, x_text), shape_text(g->axes + 2, w, w_text));
    }
    TRY(check_channels(g, x, w));
    y[0] = x[0];
    y[1] = w[0];
    REFUSE_IF(g->transposed && !checked_mul(w[1], g->groups, &y[1]), CLEAT_SIZE_OVERFLOW,
        "%s: %lld output channels in each of %lld groups leave the range of 64 bits", g->operation,
        (long long)w[1], (long long)g->groups);
    for (int i = 0; i < g->axes; i++) {
        TRY(g->transposed ? window_reach(g, i, x[i + 2], w[i + 2], &y[i + 2])
                          : window_count(g, i, x[i + 2], w[i + 2], &y[i + 2]));
    }
    return CLEAT_OK;
}

cleat_status conv_shape_function(const char *operation, int axes, bool transposed,
    const conv_windows *windows, const int64_t *x, const int64_t *w, int64_t *y) {
    REFUSE_IF(!x || !w || !y, CLEAT_INVALID_ARGUMENT, "%s: a shape is NULL", operation);
    conv_geometry g;
    int64_t result[CONV_MAX_RANK];
    TRY(conv_geometry_read(operation, axes, transposed, windows, &g));
    TRY(conv_result_shape(&g, x, w, result));
    for (int i = 0; i < axes + 2; i++) {
        y[i] = result[i];
    }
    return CLEAT_OK;
}
