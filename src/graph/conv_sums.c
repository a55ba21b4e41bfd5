/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/conv_sums.h"
#include "graph/operator_tools.h"
#include <string.h>

cleat_status conv_shape_read(const call *c, size_t x_input, size_t w_input, conv_shape *s) {
    const run_value *x, *w;
    char x_text[SHAPE_TEXT_SIZE], w_text[SHAPE_TEXT_SIZE];
    TRY(call_input(c, x_input, &x));
    TRY(call_input(c, w_input, &w));
    memset(s, 0, sizeof *s);
    s->rank = x->rank;
    s->groups = attribute_int(c->node, "group", 1);
    memcpy(s->x, x->shape, sizeof s->x);
    memcpy(s->w, w->shape, sizeof s->w);
    if (x->rank < 3 || w->rank != x->rank || s->groups < 1 || x->shape[1] % s->groups != 0 ||
        x->shape[1] / s->groups != w->shape[1] || w->shape[0] % s->groups != 0) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "x %s and weights %s in %lld groups",
            shape_text(x->rank, x->shape, x_text), shape_text(w->rank, w->shape, w_text),
            (long long)s->groups);
    }
    TRY(windows_read(c, x->rank, x->shape, w->shape + 2, &s->windows));
    s->y[0] = x->shape[0];
    s->y[1] = w->shape[0];
    for (int i = 0; i < s->windows.axes; i++) {
        TRY(windows_count(c, &s->windows, i, x->shape[i + 2], false, &s->y[i + 2]));
    }
    return CLEAT_OK;
}

cleat_conv1d_options conv_options_1d(const conv_shape *s) {
    return (cleat_conv1d_options){.stride = s->windows.stride[0],
        .padding = {s->windows.before[0], s->windows.after[0]},
        .dilation = s->windows.dilation[0],
        .groups = s->groups,
        .output_padding = s->output_padding[0]};
}

cleat_conv2d_options conv_options_2d(const conv_shape *s) {
    cleat_conv2d_options options = {.groups = s->groups};
    for (int i = 0; i < 2; i++) {
        options.stride[i] = s->windows.stride[i];
        options.dilation[i] = s->windows.dilation[i];
        options.padding[i] = s->windows.before[i];
        options.padding[i + 2] = s->windows.after[i];
        options.output_padding[i] = s->output_padding[i];
    }
    return options;
}

cleat_conv3d_options conv_options_3d(const conv_shape *s) {
    cleat_conv3d_options options = {.groups = s->groups};
    for (int i = 0; i < 3; i++) {
        options.stride[i] = s->windows.stride[i];
        options.dilation[i] = s->windows.dilation[i];
        options.padding[i] = s->windows.before[i];
        options.padding[i + 3] = s->windows.after[i];
        options.output_padding[i] = s->output_padding[i];
    }
    return options;
}

/* The sum at one place of one output channel: x and w are those of its group's first channel. */
static double sum_at(const conv_shape *s, const double *x, const double *w, const int64_t *place) {
    const int axes = s->windows.axes;
    const int64_t plane = shape_count(axes, s->x + 2), window = shape_count(axes, s->w + 2);
    int64_t index[WINDOW_AXES] = {0}, stride[WINDOW_AXES], k = 0;
    double sum = 0;
    row_major_strides(axes, s->x + 2, stride);
    do {
        int64_t at;
        const bool is_inside = windows_element(&s->windows, place, index, s->x + 2, stride, &at);
        for (int64_t channel = 0; is_inside && channel < s->w[1]; channel++) {
            sum += x[channel * plane + at] * w[channel * window + k];
        }
        k++;
    } while (index_next(axes, s->w + 2, index));
    return sum;
}

void conv_sums(const conv_shape *s, const double *x, const double *w, double *y) {
    const int axes = s->windows.axes;
    const int64_t plane = shape_count(axes, s->x + 2), filter = shape_count(axes + 1, s->w + 1);
    if (shape_count(s->rank, s->y) == 0) {
        return;
    }
    for (int64_t n = 0; n < s->y[0]; n++) {
        for (int64_t m = 0; m < s->y[1]; m++) {
            const int64_t group = m / (s->w[0] / s->groups);
            const double *image = x + (n * s->x[1] + group * s->w[1]) * plane;
            int64_t place[WINDOW_AXES] = {0};
            do {
                *y++ = sum_at(s, image, w + m * filter, place);
            } while (index_next(axes, s->y + 2, place));
        }
    }
}
