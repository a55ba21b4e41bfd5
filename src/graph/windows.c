/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/windows.h"
#include "graph/operator_tools.h"
#include <string.h>

/* Larger numbers are no windows, and would overflow when multiplied. */
static const int64_t most = INT32_MAX;

static cleat_status read_numbers(const call *c, const char *name, size_t count, int64_t least,
    int64_t otherwise, int64_t *numbers) {
    size_t found;
    const int64_t *given = attribute_ints(c->node, name, &found);
    if (given != NULL && found != count) {
        return call_refuse(
            c, CLEAT_INVALID_ARGUMENT, "%s has %zu numbers, expected %zu", name, found, count);
    }
    for (size_t i = 0; i < count; i++) {
        numbers[i] = given != NULL ? given[i] : otherwise;
        if (numbers[i] < least || numbers[i] > most) {
            return call_refuse(c, CLEAT_INVALID_ARGUMENT, "%s has %lld, expected %lld or more",
                name, (long long)numbers[i], (long long)least);
        }
    }
    return CLEAT_OK;
}

static cleat_status read_mode(const call *c, auto_pad *mode) {
    static const char *const names[] = {"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"};
    const char *text = attribute_text(c->node, "auto_pad", "NOTSET");
    for (int i = 0; i < 4; i++) {
        if (strcmp(text, names[i]) == 0) {
            *mode = (auto_pad)i;
            return CLEAT_OK;
        }
    }
    return call_refuse(c, CLEAT_INVALID_ARGUMENT, "auto_pad %.40s", text);
}

int64_t windows_span(const windows *w, int axis) {
    return (w->window[axis] - 1) * w->dilation[axis] + 1;
}

int64_t windows_position(const windows *w, int axis, int64_t place, int64_t tap) {
    return place * w->stride[axis] - w->before[axis] + tap * w->dilation[axis];
}

int64_t windows_before(const windows *w, int axis, int64_t place, int64_t end) {
    const int64_t start = windows_position(w, axis, place, 0);
    const int64_t count = start < end ? (end - 1 - start) / w->dilation[axis] + 1 : 0;
    return count < w->window[axis] ? count : w->window[axis];
}

void windows_inside(
    const windows *w, int axis, int64_t place, int64_t extent, int64_t *first, int64_t *count) {
    *first = windows_before(w, axis, place, 0);
    *count = windows_before(w, axis, place, extent) - *first;
}

bool windows_element(const windows *w, const int64_t *place, const int64_t *tap,
    const int64_t *shape, const int64_t *stride, int64_t *element) {
    bool is_inside = true;
    *element = 0;
    for (int i = 0; i < w->axes; i++) {
        const int64_t position = windows_position(w, i, place[i], tap[i]);
        is_inside = is_inside && position >= 0 && position < shape[i];
        *element += position * stride[i];
    }
    return is_inside;
}

cleat_status windows_read_plain(
    const call *c, int32_t rank, const int64_t *x, const int64_t *kernel, windows *w) {
    char text[SHAPE_TEXT_SIZE];
    int64_t pads[2 * WINDOW_AXES];
    if (rank < 3) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "windows in %s, expected rank 3 or more",
            shape_text(rank, x, text));
    }
    memset(w, 0, sizeof *w);
    w->axes = (int)rank - 2;
    const size_t axes = (size_t)w->axes;
    TRY(read_mode(c, &w->mode));
    if (kernel == NULL && attribute_find(c->node, "kernel_shape", CLEAT_ATTRIBUTE_INTS) == NULL) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT, "no kernel_shape");
    }
    TRY(read_numbers(c, "kernel_shape", axes, 1, 1, w->window));
    for (size_t i = 0; kernel != NULL && i < axes; i++) {
        if (attribute_find(c->node, "kernel_shape", CLEAT_ATTRIBUTE_INTS) != NULL &&
            w->window[i] != kernel[i]) {
            return call_refuse(c, CLEAT_SHAPE_MISMATCH,
                "kernel_shape has %lld where the weights have %lld", (long long)w->window[i],
                (long long)kernel[i]);
        }
        if (kernel[i] < 1 || kernel[i] > most) {
            return call_refuse(
                c, CLEAT_SHAPE_MISMATCH, "weights of extent %lld", (long long)kernel[i]);
        }
        w->window[i] = kernel[i];
    }
    TRY(read_numbers(c, "strides", axes, 1, 1, w->stride));
    TRY(read_numbers(c, "dilations", axes, 1, 1, w->dilation));
    TRY(read_numbers(c, "pads", 2 * axes, 0, 0, pads));
    if (w->mode == PAD_EXPLICIT) {
        memcpy(w->before, pads, axes * sizeof *pads);
        memcpy(w->after, pads + axes, axes * sizeof *pads);
    }
    return CLEAT_OK;
}

cleat_status windows_read(
    const call *c, int32_t rank, const int64_t *x, const int64_t *kernel, windows *w) {
    TRY(windows_read_plain(c, rank, x, kernel, w));
    for (int i = 0; i < w->axes && w->mode >= PAD_SAME_UPPER; i++) {
        const int64_t extent = x[i + 2], count = (extent + w->stride[i] - 1) / w->stride[i];
        const int64_t missing = (count - 1) * w->stride[i] + windows_span(w, i) - extent;
        const int64_t total = missing > 0 ? missing : 0;
        w->before[i] = w->mode == PAD_SAME_UPPER ? total / 2 : total - total / 2;
        w->after[i] = total - w->before[i];
    }
    return CLEAT_OK;
}

cleat_status windows_count(
    const call *c, const windows *w, int axis, int64_t extent, bool ceil, int64_t *count) {
    const int64_t room = extent + w->before[axis] + w->after[axis] - windows_span(w, axis);
    if (room < 0) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH,
            "a window spans %lld elements of %lld with padding %lld and %lld",
            (long long)windows_span(w, axis), (long long)extent, (long long)w->before[axis],
            (long long)w->after[axis]);
    }
    const int64_t stride = w->stride[axis];
    *count = (ceil ? (room + stride - 1) / stride : room / stride) + 1;
    if (ceil && (*count - 1) * stride >= extent + w->before[axis]) {
        --*count;
    }
    return CLEAT_OK;
}
