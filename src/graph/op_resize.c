/* SPDX-License-Identifier: Apache-2.0 */
/* Resize, Upsample. On the device two axes at a time, where x is stretched to a whole size. */
#include "graph/gradient.h"
#include "graph/operator_tools.h"
#include "graph/operators.h"
#include "graph/resize_axis.h"
#include <string.h>

static bool is_changed(const resize_shape *s, int32_t axis) {
    return s->x[axis] != s->y[axis] || s->scale[axis] < 1 || s->scale[axis] > 1;
}

/* The library stretches from edge to edge, whereas a scale may end within an element. */
static bool fits_library(const resize_shape *s) {
    if (s->place > PLACE_ASYMMETRIC || s->excludes_outside || s->coefficient >= 0) {
        return false;
    }
    for (int32_t i = 0; i < s->rank; i++) {
        const double whole = (double)s->x[i] * s->scale[i] - (double)s->y[i];
        if (whole > 1e-6 || whole < -1e-6 || s->x[i] == 0 || s->y[i] == 0 || s->x[i] >= 1 << 30 ||
            s->y[i] >= 1 << 30) {
            return false;
        }
    }
    return true;
}

/* An order of axes in which one or two of them are the last, with another where it is one. */
static void pair_last(int32_t rank, const int32_t *axes, int count, int32_t *order) {
    int32_t at = 0;
    const int32_t other = count == 2 ? axes[1] : axes[0] == 0 ? 1 : 0;
    for (int32_t i = 0; i < rank; i++) {
        if (i != axes[0] && i != other) {
            order[at++] = i;
        }
    }
    order[at++] = other;
    order[at++] = axes[0];
}

static cleat_status resize_pair(call *c, const cleat_resize_options *options, cleat_tensor x,
    cleat_tensor y, const int32_t *axes, int count) {
    int32_t order[CLEAT_MAX_RANK];
    pair_last(x.rank, axes, count, order);
    TRY(cleat_permute(x, order, &x));
    TRY(cleat_permute(y, order, &y));
    return cleat_resize(c->context, x, y, options);
}

static cleat_status resize_device(call *c) {
    resize_shape s;
    cleat_tensor x, y, next;
    int32_t axes[CLEAT_MAX_RANK];
    int count = 0;
    TRY(resize_read(c, &s));
    TRY(call_same_types(c, 0, 1));
    if (!fits_library(&s) || s.rank < 2) {
        return CLEAT_UNSUPPORTED;
    }
    for (int32_t i = 0; i < s.rank; i++) {
        if (is_changed(&s, i)) {
            axes[count++] = i;
        }
    }
    if (count == 0) {
        return call_output_same(c, 0, 0);
    }
    const cleat_resize_options options = {.mode = s.mode,
        .coordinates = (cleat_resize_coordinates)s.place,
        .rounding = s.rounding,
        .cubic_coefficient = (float)s.coefficient};
    TRY(call_tensor(c, 0, &x));
    int64_t shape[CLEAT_MAX_RANK];
    memcpy(shape, s.x, sizeof shape);
    for (int i = 0; i < count; i += 2) {
        const int pair = count - i >= 2 ? 2 : 1;
        for (int k = 0; k < pair; k++) {
            shape[axes[i + k]] = s.y[axes[i + k]];
        }
        if (i + pair == count) {
            TRY(call_output(c, 0, x.type, s.rank, s.y, &y));
            next = y;
        } else {
            TRY(call_scratch(c, x.type, s.rank, shape, &next));
        }
        TRY(resize_pair(c, &options, x, next, axes + i, pair));
        x = next;
    }
    return CLEAT_OK;
}

static cleat_status resize_gradient(call *c) {
    resize_shape s;
    cleat_tensor dy, dx;
    int32_t axes[CLEAT_MAX_RANK], order[CLEAT_MAX_RANK];
    int count = 0;
    TRY(resize_read(c, &s));
    for (int32_t i = 0; i < s.rank; i++) {
        if (is_changed(&s, i)) {
            axes[count++] = i;
        }
    }
    if (count == 0) {
        return call_output_same(c, 0, gradient_place(c));
    }
    if (!fits_library(&s) || s.rank < 2 || count > 2) {
        return call_refuse(c, CLEAT_UNSUPPORTED,
            "there is a gradient of up to two axes, without antialiasing and cropping");
    }
    const cleat_resize_options options = {.mode = s.mode,
        .coordinates = (cleat_resize_coordinates)s.place,
        .rounding = s.rounding,
        .cubic_coefficient = (float)s.coefficient};
    TRY(gradient_tensor(c, &dy));
    TRY(gradient_output(c, 0, &dx));
    pair_last(s.rank, axes, count, order);
    TRY(cleat_permute(dx, order, &dx));
    TRY(cleat_permute(dy, order, &dy));
    return cleat_resize_backward(c->context, dy, dx, &options);
}

const operator_entry operators_resize[] = {
    {"Resize", resize_host, resize_device, 1, 4, false},
    {"Upsample", resize_host, resize_device, 1, 2, false},
    {NULL, NULL, NULL, 0, 0, false},
};

const gradient_entry gradients_resize[] = {
    {GRADIENT_NODE("Resize", resize_gradient), 1, 15, NULL},
    {GRADIENT_NODE("Upsample", resize_gradient), 1, 3, NULL},
    {GRADIENT_NODE(NULL, NULL), 0, 0, NULL},
};
