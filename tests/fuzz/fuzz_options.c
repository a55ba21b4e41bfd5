/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations whose options are numbers: windows, strides, paddings, dilations, groups, axes,
 * counts. Mostly small ones, so that many calls are accepted, else limits of their types. See
 * fuzz_call.h for what has to hold.
 */
#include "fuzz_call.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* The options of the call that is being made: it is made twice. */
static cleat_conv2d_options conv2d;
static cleat_conv3d_options conv3d;
static cleat_pool_options pool;
static cleat_pad_options pad;
static cleat_resize_options scaling;
static cleat_matmul_options product;
static cleat_attention_options attention;
static cleat_reduce_options reduction;
static cleat_cumulative_options cumulative;
static int64_t numbers[2 * CLEAT_MAX_RANK];
static int32_t axes[CLEAT_MAX_RANK + 1];
static int32_t axis_count, kind;
static float alpha;
static bool with_bias, with_residual;

#define CALL(name, ...)                                                                            \
    static cleat_status call_##name(cleat_context *context, const cleat_tensor *t) {               \
        return cleat_##name(context, __VA_ARGS__);                                                 \
    }
CALL(conv2d_backward_data, t[2], t[1], t[0], &conv2d)
CALL(conv2d_backward_weights, t[0], t[2], t[1], &conv2d)
CALL(conv3d, t[0], t[1], t[2], &conv3d)
CALL(conv3d_backward_data, t[2], t[1], t[0], &conv3d)
CALL(conv3d_backward_weights, t[0], t[2], t[1], &conv3d)
CALL(conv_transpose2d, t[0], t[1], t[2], &conv2d)
CALL(max_pool, t[0], t[1], &pool)
CALL(average_pool, t[0], t[1], &pool)
CALL(lp_pool, t[0], t[1], &pool)
CALL(max_pool_backward, t[0], t[1], t[2], &pool)
CALL(average_pool_backward, t[0], t[1], &pool)
CALL(pad, t[0], numbers, numbers + CLEAT_MAX_RANK, t[1], &pad)
CALL(pad_backward, t[0], numbers, numbers + CLEAT_MAX_RANK, t[1], &pad)
CALL(tile, t[0], numbers, t[1])
CALL(resize, t[0], t[1], &scaling)
CALL(resize_backward, t[0], t[1], &scaling)
CALL(reduce, (cleat_reduction_kind)kind, t[0], axis_count, axes, t[1], &reduction)
CALL(argmax, t[0], axis_count, axes, t[1], NULL)
CALL(cumulative_sum, t[0], axes[0], t[1], &cumulative)
CALL(softmax, t[0], axes[0], t[1])
CALL(top_k, t[0], axes[0], &t[1], &t[2], NULL)
CALL(depth_to_space, t[0], numbers[0], (cleat_depth_order)kind, t[1])
CALL(local_response_norm, t[0], numbers[0], t[1], NULL)
CALL(gather, t[0], t[1], axes[0], t[2])
CALL(glu, CLEAT_SILU, t[0], axes[0], t[1], NULL)
CALL(layer_norm, t[0], axis_count, t[1], NULL)
CALL(group_norm, t[0], numbers[0], t[1], NULL)

static cleat_status call_conv2d(cleat_context *context, const cleat_tensor *t) {
    cleat_conv2d_options o = conv2d;
    o.bias = with_bias ? &t[3] : NULL;
    o.residual = with_residual ? &t[with_bias ? 4 : 3] : NULL;
    return cleat_conv2d(context, t[0], t[1], t[2], &o);
}

static cleat_status call_matmul(cleat_context *context, const cleat_tensor *t) {
    cleat_matmul_options o = product;
    o.bias = with_bias ? &t[3] : NULL;
    return cleat_matmul(context, t[0], t[1], t[2], &o);
}

static cleat_status call_attention(cleat_context *context, const cleat_tensor *t) {
    cleat_attention_options o = attention;
    o.mask = with_bias ? &t[4] : NULL;
    return cleat_attention(context, t[0], t[1], t[2], t[3], NULL, &o);
}

/* Two axes exchanged: a view, made of numbers that may be anything. */
static cleat_status call_slice(cleat_context *context, const cleat_tensor *t) {
    cleat_tensor part;
    const cleat_status status =
        cleat_slice(t[0], axes[0], numbers[0], numbers[1], numbers[2], &part);
    return status == CLEAT_OK ? cleat_copy(context, part, t[1]) : status;
}

static cleat_status call_reshape(cleat_context *context, const cleat_tensor *t) {
    cleat_tensor other;
    const cleat_status status = cleat_reshape(t[0], axis_count, numbers, &other);
    return status == CLEAT_OK ? cleat_copy(context, other, t[1]) : status;
}

static cleat_status call_permute(cleat_context *context, const cleat_tensor *t) {
    cleat_tensor other;
    const cleat_status status = cleat_permute(t[0], axes, &other);
    return status == CLEAT_OK ? cleat_copy(context, other, t[1]) : status;
}

/* ---- Shapes and options by the input ---- */

static int64_t extent(fuzz_input *in, int end) {
    return fuzz_one_in(in, 32) ? 0 : 1 + fuzz_below(in, end);
}

/* Small and not below `low` mostly. */
static int64_t option(fuzz_input *in, int64_t low, int end) {
    return fuzz_one_in(in, 24) ? fuzz_number(in) : low + fuzz_below(in, end);
}

/* What a window makes of an axis: some extent where it makes none. */
static int64_t windows(int64_t n, int64_t window, int64_t stride, int64_t before, int64_t after,
    int64_t dilation, bool up) {
    const int64_t all[] = {n, window, stride, before, after, dilation};
    for (int i = 0; i < 6; i++) {
        if (all[i] < 0 || all[i] > 1000) {
            return 1;
        }
    }
    stride = stride == 0 ? 1 : stride;
    const int64_t left = n + before + after - (dilation == 0 ? 1 : dilation) * (window - 1) - 1;
    return left < 0 ? 1 : (left + (up ? stride - 1 : 0)) / stride + 1;
}

static void convolve(fuzz_call *c, fuzz_input *in, int rank) {
    const int64_t groups = 1 + fuzz_below(in, 3), batch = extent(in, 3);
    int64_t x[5] = {batch, groups * extent(in, 5)}, w[5] = {groups * extent(in, 5), 0};
    int64_t y[5] = {batch, w[0]};
    w[1] = groups > 0 ? x[1] / groups : 1;
    conv2d = (cleat_conv2d_options){.groups = option(in, groups, 1), .activation = CLEAT_RELU};
    conv3d = (cleat_conv3d_options){.groups = conv2d.groups};
    for (int i = 0; i < rank; i++) {
        x[2 + i] = extent(in, 11);
        w[2 + i] = extent(in, 4);
        conv3d.stride[i] = option(in, 0, 4);
        conv3d.dilation[i] = option(in, 0, 4);
        conv3d.padding[i] = option(in, 0, 3);
        conv3d.padding[rank + i] = option(in, 0, 3);
        y[2 + i] = windows(x[2 + i], w[2 + i], conv3d.stride[i], conv3d.padding[i],
            conv3d.padding[rank + i], conv3d.dilation[i], false);
    }
    memcpy(conv2d.stride, conv3d.stride, sizeof conv2d.stride);
    memcpy(conv2d.dilation, conv3d.dilation, sizeof conv2d.dilation);
    memcpy(conv2d.padding, conv3d.padding, sizeof conv2d.padding);
    conv2d.accumulate = fuzz_one_in(in, 4);
    conv2d.sparse_x = conv2d.sparse_dy = fuzz_one_in(in, 4);
    const int direction = fuzz_below(in, 3);
    conv2d.activation = direction == 0 ? CLEAT_RELU : CLEAT_ACTIVATION_NONE;
    with_bias = direction == 0 && rank == 2 && fuzz_one_in(in, 2);
    with_residual = direction == 0 && rank == 2 && fuzz_one_in(in, 4);
    fuzz_add(c, direction == 1 ? OPERAND_RESULT : OPERAND_REAL, rank + 2, x);
    fuzz_add(c, direction == 2 ? OPERAND_RESULT : OPERAND_REAL, rank + 2, w);
    fuzz_add(c, direction == 0 ? OPERAND_RESULT : OPERAND_REAL, rank + 2, y);
    if (with_bias) {
        fuzz_add(c, OPERAND_REAL, 1, w);
    }
    if (with_residual) {
        fuzz_add(c, OPERAND_REAL, rank + 2, y);
    }
    c->call = rank == 3 ? (direction == 0      ? call_conv3d
                              : direction == 1 ? call_conv3d_backward_data
                                               : call_conv3d_backward_weights)
                        : (direction == 0      ? call_conv2d
                              : direction == 1 ? call_conv2d_backward_data
                                               : call_conv2d_backward_weights);
    c->name = rank == 3 ? "conv3d and gradients" : "conv2d and gradients";
}

static void convolve_back(fuzz_call *c, fuzz_input *in) {
    const int64_t groups = 1 + fuzz_below(in, 2), batch = extent(in, 2);
    int64_t x[4] = {batch, groups * extent(in, 4)}, w[4] = {x[1], extent(in, 4)};
    int64_t y[4] = {batch, w[1] * groups};
    conv2d = (cleat_conv2d_options){.groups = option(in, groups, 1)};
    for (int i = 0; i < 2; i++) {
        x[2 + i] = extent(in, 7);
        w[2 + i] = extent(in, 4);
        conv2d.stride[i] = option(in, 1, 3);
        conv2d.dilation[i] = option(in, 1, 3);
        conv2d.padding[i] = option(in, 0, 3);
        conv2d.padding[2 + i] = option(in, 0, 3);
        conv2d.output_padding[i] = option(in, 0, 2);
        y[2 + i] = 1;
    }
    cleat_conv_transpose2d_shape(x, w, &conv2d, y);
    fuzz_add(c, OPERAND_REAL, 4, x);
    fuzz_add(c, OPERAND_REAL, 4, w);
    fuzz_add(c, OPERAND_RESULT, 4, y);
    c->call = call_conv_transpose2d;
    c->name = "conv_transpose2d";
}

static void pool_windows(fuzz_call *c, fuzz_input *in) {
    const int rank = 1 + fuzz_below(in, 3), what = fuzz_below(in, 5);
    int64_t x[5] = {extent(in, 2), extent(in, 3)}, y[5] = {x[0], x[1]};
    pool = (cleat_pool_options){.ceil_mode = fuzz_one_in(in, 3),
        .count_padding = fuzz_one_in(in, 3),
        .adaptive = fuzz_one_in(in, 8),
        .global = fuzz_one_in(in, 16),
        .power = what == 2 ? (double)option(in, 1, 3) : 0};
    for (int i = 0; i < rank; i++) {
        x[2 + i] = extent(in, 13);
        pool.window[i] = option(in, 1, 4);
        pool.stride[i] = option(in, 0, 4);
        pool.padding[i] = option(in, 0, 2);
        pool.padding[rank + i] = option(in, 0, 2);
        pool.dilation[i] = option(in, 0, 3);
        y[2 + i] = extent(in, 5);
    }
    if (!pool.adaptive) {
        cleat_pool_shape(rank + 2, x, &pool, y);
    }
    if (what != 4) {
        fuzz_add(c, OPERAND_REAL, rank + 2, x);
    }
    fuzz_add(c, what < 3 ? OPERAND_RESULT : OPERAND_REAL, rank + 2, y);
    if (what >= 3) {
        fuzz_add(c, OPERAND_RESULT, rank + 2, x);
    }
    c->call = what == 0   ? call_max_pool
              : what == 1 ? call_average_pool
              : what == 2 ? call_lp_pool
              : what == 3 ? call_max_pool_backward
                          : call_average_pool_backward;
    c->name = "pooling";
}

static int32_t any_shape(fuzz_input *in, int64_t *shape) {
    const int32_t rank = fuzz_below(in, 6);
    for (int32_t i = 0; i < rank; i++) {
        shape[i] = extent(in, i < 3 ? 9 : 3);
    }
    return rank;
}

static void move(fuzz_call *c, fuzz_input *in) {
    int64_t x[CLEAT_MAX_RANK] = {0}, y[CLEAT_MAX_RANK] = {0};
    int32_t rank = any_shape(in, x);
    const int what = fuzz_below(in, 6);
    memcpy(y, x, sizeof y);
    pad = (cleat_pad_options){.mode = (cleat_pad_mode)option(in, 0, 3), .value = 0.5};
    const int32_t axis = rank > 0 ? fuzz_below(in, rank) : 0;
    for (int32_t i = 0; i < rank; i++) {
        axes[i] = (int32_t)option(in, (i + axis) % rank, 1);
        numbers[i] = option(in, what < 2 ? 0 : 1, 3);
        numbers[CLEAT_MAX_RANK + i] = option(in, 0, 3);
        y[i] = what < 2    ? x[i] + numbers[i] % 64 + numbers[CLEAT_MAX_RANK + i] % 64
               : what == 2 ? x[i] * (numbers[i] % 16)
                           : x[i];
        y[i] = y[i] < 0 ? 0 : y[i];
    }
    if (what == 3 && rank > 0) { /* a slice */
        axes[0] = (int32_t)option(in, axis, 1);
        numbers[0] = option(in, 0, 4);
        numbers[1] = y[axis] = 1 + fuzz_below(in, 4);
        numbers[2] = option(in, -2, 5);
    }
    if (what == 4) { /* another order of axes */
        for (int32_t i = 0; i < rank; i++) {
            y[i] = axes[i] >= 0 && axes[i] < rank ? x[axes[i]] : 1;
        }
    }
    if (what == 5) { /* one axis into two */
        for (int32_t i = 0; i < rank; i++) {
            numbers[i] = x[i];
        }
        axis_count = rank < 5 ? rank + 1 : rank;
        numbers[rank] = option(in, 1, 1);
        y[rank] = 1;
    }
    fuzz_add(c, OPERAND_REAL, rank, what == 1 ? y : x);
    fuzz_add(c, OPERAND_RESULT, what == 5 && rank < 5 ? rank + 1 : rank, what == 1 ? x : y);
    static cleat_status (*const calls[])(cleat_context *, const cleat_tensor *) = {
        call_pad, call_pad_backward, call_tile, call_slice, call_permute, call_reshape};
    c->call = calls[what];
    c->name = "moves";
}

static void along_axes(fuzz_call *c, fuzz_input *in) {
    int64_t x[CLEAT_MAX_RANK] = {0}, y[CLEAT_MAX_RANK] = {0};
    const int32_t rank = any_shape(in, x);
    const int what = fuzz_below(in, 9);
    int32_t rank_y = rank;
    memcpy(y, x, sizeof y);
    reduction = (cleat_reduce_options){.correction = option(in, 0, 2)};
    cumulative =
        (cleat_cumulative_options){.exclusive = fuzz_one_in(in, 2), .reverse = fuzz_one_in(in, 2)};
    kind = (int32_t)option(in, 0, 9);
    numbers[0] = option(in, 1, 5);
    axes[0] = (int32_t)option(in, rank > 0 ? fuzz_below(in, rank) : 0, 1);
    axis_count = (int32_t)option(in, 1, 1);
    const int32_t axis = axes[0] < 0 ? axes[0] + rank : axes[0];
    const bool is_axis = axis >= 0 && axis < rank;
    if (what < 2 && is_axis) {
        rank_y = fuzz_one_in(in, 2) ? rank : rank - 1;
        y[axis] = 1;
        for (int32_t i = axis; i < rank_y && rank_y < rank; i++) {
            y[i] = x[i + 1];
        }
    }
    if (what == 4 && is_axis) {
        y[axis] = numbers[0] < 0 || numbers[0] > 64 ? 1 : numbers[0];
    }
    if (what == 5 && is_axis) {
        y[axis] = x[axis] / 2;
    }
    fuzz_add(c, OPERAND_REAL, rank, x);
    fuzz_add(c, what == 1 ? OPERAND_RESULT_I64 : OPERAND_RESULT, rank_y, y);
    if (what == 4) {
        fuzz_add(c, OPERAND_RESULT_I64, rank_y, y);
    }
    static cleat_status (*const calls[])(cleat_context *, const cleat_tensor *) = {call_reduce,
        call_argmax, call_cumulative_sum, call_softmax, call_top_k, call_glu,
        call_local_response_norm, call_layer_norm, call_group_norm};
    c->call = calls[what];
    c->name = "along axes";
}

static void multiply(fuzz_call *c, fuzz_input *in) {
    const int32_t batch = fuzz_below(in, 3);
    int64_t a[5], b[5], y[5];
    for (int32_t i = 0; i < batch; i++) {
        y[i] = extent(in, 4);
        a[i] = fuzz_one_in(in, 3) ? 1 : y[i];
        b[i] = a[i] == 1 ? y[i] : fuzz_one_in(in, 3) ? 1 : y[i];
    }
    a[batch] = y[batch] = extent(in, 40);
    a[batch + 1] = b[batch] = extent(in, 40);
    b[batch + 1] = y[batch + 1] = extent(in, 40);
    alpha = (float)option(in, -1, 4);
    product = (cleat_matmul_options){.alpha = fuzz_one_in(in, 2) ? &alpha : NULL,
        .activation = (cleat_activation)option(in, 0, 2)};
    with_bias = fuzz_one_in(in, 2);
    fuzz_add(c, OPERAND_REAL, batch + 2, a);
    fuzz_add(c, OPERAND_REAL, batch + 2, b);
    fuzz_add(c, OPERAND_RESULT, batch + 2, y);
    if (with_bias) {
        fuzz_add(c, OPERAND_REAL, 1, y + batch + 1);
    }
    c->call = call_matmul;
    c->name = "matmul";
}

static void attend(fuzz_call *c, fuzz_input *in) {
    const int64_t batch = extent(in, 2), keys_heads = extent(in, 2);
    const int64_t heads = keys_heads * (1 + fuzz_below(in, 3));
    const int64_t queries = extent(in, 9), keys = extent(in, 12), width = extent(in, 17);
    const int64_t values = extent(in, 9);
    alpha = (float)option(in, -1, 3);
    attention = (cleat_attention_options){
        .scale = fuzz_one_in(in, 2) ? &alpha : NULL, .causal = (cleat_causal)option(in, 0, 3)};
    with_bias = fuzz_one_in(in, 2);
    fuzz_add(c, OPERAND_REAL, 4, (int64_t[]){batch, heads, queries, width});
    fuzz_add(c, OPERAND_REAL, 4, (int64_t[]){batch, keys_heads, keys, width});
    fuzz_add(c, OPERAND_REAL, 4, (int64_t[]){batch, keys_heads, keys, values});
    fuzz_add(c, OPERAND_RESULT, 4, (int64_t[]){batch, heads, queries, values});
    if (with_bias) {
        fuzz_add(
            c, fuzz_one_in(in, 2) ? OPERAND_TRUTH : OPERAND_REAL, 2, (int64_t[]){queries, keys});
    }
    c->call = call_attention;
    c->name = "attention";
}

static void others(fuzz_call *c, fuzz_input *in) {
    const int what = fuzz_below(in, 4);
    int64_t x[4] = {extent(in, 2), extent(in, 4), extent(in, 9), extent(in, 9)};
    int64_t y[4] = {x[0], x[1], extent(in, 15), extent(in, 15)};
    kind = (int32_t)option(in, 0, 2);
    scaling = (cleat_resize_options){.mode = (cleat_resize_mode)option(in, 0, 3),
        .coordinates = (cleat_resize_coordinates)option(in, 0, 4),
        .rounding = (cleat_resize_rounding)option(in, 0, 4)};
    if (what < 2) {
        fuzz_add(c, OPERAND_REAL, 4, what == 0 ? x : y);
        fuzz_add(c, OPERAND_RESULT, 4, what == 0 ? y : x);
        c->call = what == 0 ? call_resize : call_resize_backward;
    } else if (what == 2) {
        numbers[0] = option(in, 1, 3);
        const int64_t block = numbers[0] < 0 || numbers[0] > 8 ? 1 : numbers[0];
        x[1] *= block * block;
        y[2] = x[2] * block;
        y[3] = x[3] * block;
        fuzz_add(c, OPERAND_REAL, 4, x);
        fuzz_add(c, OPERAND_RESULT, 4, y);
        c->call = call_depth_to_space;
    } else {
        axes[0] = (int32_t)option(in, fuzz_below(in, 3), 1);
        const int64_t count = extent(in, 9);
        memcpy(y, x, sizeof y);
        y[axes[0] >= 0 && axes[0] < 3 ? axes[0] : 0] = count;
        fuzz_add(c, OPERAND_REAL, 3, x);
        fuzz_add(c, OPERAND_INDEX, 1, &count);
        fuzz_add(c, OPERAND_RESULT, 3, y);
        c->call = call_gather;
    }
    c->name = "resize, depth_to_space or gather";
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
    fuzz_input in = fuzz_begin(data, size);
    fuzz_call c = {.in_f64 = true};
    switch (fuzz_below(&in, 9)) {
    case 0:
    case 1:
        convolve(&c, &in, 2);
        break;
    case 2:
        convolve(&c, &in, 3);
        break;
    case 3:
        convolve_back(&c, &in);
        break;
    case 4:
        pool_windows(&c, &in);
        break;
    case 5:
        move(&c, &in);
        break;
    case 6:
        along_axes(&c, &in);
        break;
    case 7:
        fuzz_one_in(&in, 2) ? multiply(&c, &in) : attend(&c, &in);
        break;
    default:
        others(&c, &in);
        break;
    }
    if (fuzz_lay_out(&c, &in)) {
        if (fuzz_one_in(&in, 4)) {
            fuzz_spoil(&c, &in);
        }
        fuzz_make(&c, &in);
    }
    return 0;
}
