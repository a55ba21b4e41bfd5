/* SPDX-License-Identifier: Apache-2.0 */
/* Conv. */
#include "graph/channels_last.h"
#include "graph/conv_sums.h"
#include "graph/operator_tools.h"
#include "graph/operators.h"
#include "ops/conv2d_cpu_channels_last.h"
#include "ops/types.h"
#include <string.h>

static void release_packed(void *packed) {
    cleat_packed_release(packed);
}

/* Only kernels for channels that lie end to end read panels. */
static cleat_status pack(call *c, cleat_tensor x, cleat_tensor w, cleat_tensor y, int64_t groups,
    const cleat_packed **packed) {
    void **kept;
    if (!call_is_constant(c, 1) || w.type != CLEAT_F32 || x.stride[1] != 1 || y.stride[1] != 1) {
        return CLEAT_OK;
    }
    TRY(call_keep(c, 0, release_packed, &kept));
    if (*kept == NULL) {
        cleat_packed *made;
        TRY(cleat_conv2d_pack(c->context, w, groups, &made));
        *kept = made;
    }
    *packed = *kept;
    return CLEAT_OK;
}

static cleat_status convolve_1d(call *c, const conv_shape *s, const call_epilogue *e,
    cleat_tensor x, cleat_tensor w, cleat_tensor y) {
    cleat_conv1d_options options = conv_options_1d(s);
    options.bias = e->bias;
    options.residual = e->residual;
    options.activation = e->activation;
    options.activation_parameters = e->parameters;
    return cleat_conv1d(c->context, x, w, y, &options);
}

static cleat_status convolve_2d(call *c, const conv_shape *s, const call_epilogue *e,
    cleat_tensor x, cleat_tensor w, cleat_tensor y) {
    cleat_conv2d_options options = conv_options_2d(s);
    options.bias = e->bias;
    options.residual = e->residual;
    options.activation = e->activation;
    options.activation_parameters = e->parameters;
    options.sparse_x = attribute_int(c->node, CONV_SPARSE_X, 0) != 0;
    TRY(pack(c, x, w, y, s->groups, &options.packed_w));
    return cleat_conv2d(c->context, x, w, y, &options);
}

static cleat_status convolve_3d(call *c, const conv_shape *s, const call_epilogue *e,
    cleat_tensor x, cleat_tensor w, cleat_tensor y) {
    cleat_conv3d_options options = conv_options_3d(s);
    options.bias = e->bias;
    options.residual = e->residual;
    options.activation = e->activation;
    options.activation_parameters = e->parameters;
    return cleat_conv3d(c->context, x, w, y, &options);
}

static cleat_status check_bias(const call *c, size_t input, int64_t channels) {
    const run_value *bias;
    char text[SHAPE_TEXT_SIZE];
    if (!call_has(c, input)) {
        return CLEAT_OK;
    }
    TRY(call_input(c, input, &bias));
    if (bias->rank != 1 || bias->shape[0] != channels) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "bias %s, expected [%lld]",
            shape_text(bias->rank, bias->shape, text), (long long)channels);
    }
    return CLEAT_OK;
}

/* Whether the kernels that read packed weights, and want the channels last, are to be had. */
static bool wants_channels_last(const call *c, const conv_shape *s) {
    const run_value *w = c->inputs[1];
    const windows *v = &s->windows;
    if (s->windows.axes != 2 || w->type != CLEAT_F32 || !call_is_constant(c, 1)) {
        return false;
    }
    cleat_tensor weights = {.rank = w->rank};
    memcpy(weights.shape, w->shape, sizeof weights.shape);
    return conv2d_channels_last_pays(
        context_profile(c->context), &weights, s->groups, v->stride, v->dilation);
}

static cleat_status conv_device(call *c) {
    conv_shape s;
    cleat_tensor x, w, y, bias;
    call_epilogue e;
    TRY(conv_shape_read(c, 0, 1, &s));
    TRY(check_bias(c, 2, s.w[0]));
    TRY(call_same_types(c, 0, 3));
    if (s.windows.axes > 3) {
        return CLEAT_UNSUPPORTED;
    }
    const bool is_last = wants_channels_last(c, &s);
    TRY(call_epilogue_of(c, s.rank, s.y, c->inputs[0]->type, &e));
    if (e.residual != NULL && s.windows.axes == 3 && type_is_half(c->inputs[0]->type)) {
        return CLEAT_UNSUPPORTED; /* one by one they need not go by way of f32 */
    }
    TRY(call_tensor_ordered(c, 0, is_last, &x));
    TRY(call_tensor(c, 1, &w));
    if (call_has(c, 2)) {
        TRY(call_tensor(c, 2, &bias));
        e.bias = &bias;
    }
    TRY(call_output(c, 0, x.type, s.rank, s.y, &y));
    if (is_last) {
        channels_last_arrange(&y);
        c->outputs[0].tensor = y;
    }
    switch (s.windows.axes) {
    case 1:
        return convolve_1d(c, &s, &e, x, w, y);
    case 2:
        return convolve_2d(c, &s, &e, x, w, y);
    default:
        return convolve_3d(c, &s, &e, x, w, y);
    }
}

static cleat_status check_host_types(const call *c) {
    const run_value *x, *other;
    TRY(call_input(c, 0, &x));
    for (size_t i = 1; i < 3 && call_has(c, i); i++) {
        TRY(call_input(c, i, &other));
        if (other->type != x->type) {
            return call_refuse(c, CLEAT_TYPE_MISMATCH, "operands of types %s and %s",
                cleat_type_name(x->type), cleat_type_name(other->type));
        }
    }
    return CLEAT_OK;
}

/* Sums and the bias, in float64. */
static void store_sums(const double *sums, const double *bias, int32_t rank, array *y) {
    const int64_t plane = shape_count(rank - 2, y->shape + 2);
    for (int64_t i = 0; i < y->count; i++) {
        array_set_real(y, i, sums[i] + (bias != NULL ? bias[i / plane % y->shape[1]] : 0));
    }
}

static cleat_status conv_host(call *c) {
    conv_shape s;
    const array *x, *w, *b;
    double *of_x, *of_w, *bias = NULL;
    void *sums;
    array *y;
    TRY(conv_shape_read(c, 0, 1, &s));
    TRY(check_bias(c, 2, s.w[0]));
    TRY(check_host_types(c));
    TRY(call_numbers(c, 0, &of_x, &x));
    TRY(call_numbers(c, 1, &of_w, &w));
    if (call_has(c, 2)) {
        TRY(call_numbers(c, 2, &bias, &b));
    }
    TRY(call_output_array(c, 0, x->type, s.rank, s.y, &y));
    TRY(call_memory(c, y->count, sizeof(double), &sums));
    conv_sums(&s, of_x, of_w, sums);
    store_sums(sums, bias, s.rank, y);
    return CLEAT_OK;
}

/* ---- ConvTranspose ---- */

static cleat_status transposed_attributes(const call *c, conv_shape *s, const int64_t **wanted) {
    size_t count, padding_count;
    const size_t axes = (size_t)s->windows.axes;
    *wanted = attribute_ints(c->node, "output_shape", &count);
    const int64_t *padding = attribute_ints(c->node, "output_padding", &padding_count);
    if ((*wanted != NULL && count != axes) || (padding != NULL && padding_count != axes)) {
        return call_refuse(c, CLEAT_INVALID_ARGUMENT,
            "output_shape has %zu and output_padding %zu numbers, expected %zu", count,
            padding_count, axes);
    }
    for (size_t i = 0; i < axes; i++) {
        s->output_padding[i] = padding != NULL ? padding[i] : 0;
        if (s->output_padding[i] < 0 || s->output_padding[i] > INT32_MAX ||
            (*wanted != NULL && ((*wanted)[i] < 0 || (*wanted)[i] > INT32_MAX))) {
            return call_refuse(
                c, CLEAT_INVALID_ARGUMENT, "output_shape or output_padding out of range");
        }
    }
    return CLEAT_OK;
}

/* Paddings for a wanted extent, which may make them negative: then the end is empty. */
static cleat_status transposed_extents(const call *c, conv_shape *s, const int64_t *wanted) {
    windows *w = &s->windows;
    for (int i = 0; i < w->axes; i++) {
        if (s->x[i + 2] > INT32_MAX) {
            return call_refuse(c, CLEAT_SIZE_OVERFLOW, "an extent of %lld", (long long)s->x[i + 2]);
        }
        const int64_t whole =
            (s->x[i + 2] - 1) * w->stride[i] + s->output_padding[i] + windows_span(w, i);
        if (wanted != NULL || w->mode >= PAD_SAME_UPPER) {
            const int64_t extent = wanted != NULL ? wanted[i] : s->x[i + 2] * w->stride[i];
            const int64_t total = whole - extent;
            if (total < 0) {
                s->output_padding[i] -= total;
                w->before[i] = w->after[i] = 0;
            } else {
                w->before[i] = w->mode == PAD_SAME_UPPER ? total / 2 : total - total / 2;
                w->after[i] = total - w->before[i];
            }
            s->y[i + 2] = extent;
        } else {
            s->y[i + 2] = whole - w->before[i] - w->after[i];
        }
        if (s->y[i + 2] < 0) {
            return call_refuse(c, CLEAT_SHAPE_MISMATCH,
                "%lld elements with padding %lld and %lld cut off leave none", (long long)whole,
                (long long)w->before[i], (long long)w->after[i]);
        }
    }
    return CLEAT_OK;
}

cleat_status conv_transposed_shape_read(const call *c, conv_shape *s) {
    const run_value *x, *w;
    const int64_t *wanted;
    char x_text[SHAPE_TEXT_SIZE], w_text[SHAPE_TEXT_SIZE];
    TRY(call_input(c, 0, &x));
    TRY(call_input(c, 1, &w));
    memset(s, 0, sizeof *s);
    s->rank = x->rank;
    s->groups = attribute_int(c->node, "group", 1);
    memcpy(s->x, x->shape, sizeof s->x);
    memcpy(s->w, w->shape, sizeof s->w);
    if (x->rank < 3 || w->rank != x->rank || s->groups < 1 || x->shape[1] % s->groups != 0 ||
        x->shape[1] != w->shape[0] || !checked_mul(w->shape[1], s->groups, &s->y[1])) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "x %s and weights %s in %lld groups",
            shape_text(x->rank, x->shape, x_text), shape_text(w->rank, w->shape, w_text),
            (long long)s->groups);
    }
    TRY(windows_read_plain(c, x->rank, x->shape, w->shape + 2, &s->windows));
    s->y[0] = x->shape[0];
    TRY(transposed_attributes(c, s, &wanted));
    return transposed_extents(c, s, wanted);
}

static cleat_status transpose_1d(call *c, const conv_shape *s, const cleat_tensor *bias,
    cleat_tensor x, cleat_tensor w, cleat_tensor y) {
    cleat_conv1d_options options = conv_options_1d(s);
    options.bias = bias;
    return cleat_conv_transpose1d(c->context, x, w, y, &options);
}

static cleat_status transpose_2d(call *c, const conv_shape *s, const cleat_tensor *bias,
    cleat_tensor x, cleat_tensor w, cleat_tensor y) {
    cleat_conv2d_options options = conv_options_2d(s);
    options.bias = bias;
    return cleat_conv_transpose2d(c->context, x, w, y, &options);
}

static cleat_status transpose_3d(call *c, const conv_shape *s, const cleat_tensor *bias,
    cleat_tensor x, cleat_tensor w, cleat_tensor y) {
    cleat_conv3d_options options = conv_options_3d(s);
    options.bias = bias;
    return cleat_conv_transpose3d(c->context, x, w, y, &options);
}

static cleat_status transpose_device(call *c) {
    conv_shape s;
    cleat_tensor x, w, y, bias;
    TRY(conv_transposed_shape_read(c, &s));
    TRY(check_bias(c, 2, s.y[1]));
    TRY(call_same_types(c, 0, 3));
    for (int i = 0; i < s.windows.axes; i++) {
        if (s.windows.axes > 3 || (s.output_padding[i] >= s.windows.stride[i] &&
                                      s.output_padding[i] >= s.windows.dilation[i])) {
            return CLEAT_UNSUPPORTED;
        }
    }
    TRY(call_tensor(c, 0, &x));
    TRY(call_tensor(c, 1, &w));
    if (call_has(c, 2)) {
        TRY(call_tensor(c, 2, &bias));
    }
    TRY(call_output(c, 0, x.type, s.rank, s.y, &y));
    const cleat_tensor *added = call_has(c, 2) ? &bias : NULL;
    switch (s.windows.axes) {
    case 1:
        return transpose_1d(c, &s, added, x, w, y);
    case 2:
        return transpose_2d(c, &s, added, x, w, y);
    default:
        return transpose_3d(c, &s, added, x, w, y);
    }
}

/* Adds one element of x times the filters of its channel, w. */
static void spread(
    const conv_shape *s, double value, const int64_t *place, const double *w, double *y) {
    const int axes = s->windows.axes;
    const int64_t plane = shape_count(axes, s->y + 2), window = shape_count(axes, s->w + 2);
    int64_t index[WINDOW_AXES] = {0}, stride[WINDOW_AXES], k = 0;
    row_major_strides(axes, s->y + 2, stride);
    do {
        int64_t at;
        const bool is_inside = windows_element(&s->windows, place, index, s->y + 2, stride, &at);
        for (int64_t channel = 0; is_inside && channel < s->w[1]; channel++) {
            y[channel * plane + at] += value * w[channel * window + k];
        }
        k++;
    } while (index_next(axes, s->w + 2, index));
}

static void transposed_sums(const conv_shape *s, const double *x, const double *w, double *y) {
    const int axes = s->windows.axes;
    const int64_t plane = shape_count(axes, s->y + 2), filters = shape_count(axes + 1, s->w + 1);
    if (shape_count(s->rank, s->x) == 0 || shape_count(s->rank, s->y) == 0) {
        return;
    }
    for (int64_t n = 0; n < s->x[0]; n++) {
        for (int64_t channel = 0; channel < s->x[1]; channel++) {
            const int64_t group = channel / (s->x[1] / s->groups);
            double *image = y + (n * s->y[1] + group * s->w[1]) * plane;
            int64_t place[WINDOW_AXES] = {0};
            do {
                spread(s, *x++, place, w + channel * filters, image);
            } while (index_next(axes, s->x + 2, place));
        }
    }
}

static cleat_status transpose_host(call *c) {
    conv_shape s;
    const array *x, *w, *b;
    double *of_x, *of_w, *bias = NULL;
    void *sums;
    array *y;
    TRY(conv_transposed_shape_read(c, &s));
    TRY(check_bias(c, 2, s.y[1]));
    TRY(check_host_types(c));
    TRY(call_numbers(c, 0, &of_x, &x));
    TRY(call_numbers(c, 1, &of_w, &w));
    if (call_has(c, 2)) {
        TRY(call_numbers(c, 2, &bias, &b));
    }
    TRY(call_output_array(c, 0, x->type, s.rank, s.y, &y));
    TRY(call_memory(c, y->count, sizeof(double), &sums));
    transposed_sums(&s, of_x, of_w, sums);
    store_sums(sums, bias, s.rank, y);
    return CLEAT_OK;
}

const operator_entry operators_conv[] = {
    {"Conv", conv_host, conv_device, 2, 3, false},
    {"ConvTranspose", transpose_host, transpose_device, 2, 3, false},
    {NULL, NULL, NULL, 0, 0, false},
};
