/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution backward to the weights for processors when groups are so small that a tile of
 * channels cannot be filled: depthwise above all.
 *
 *   dw[m][c][kh][kw] (+)= sum over n, oh, ow of dy[n][m][oh][ow] *
 *       x[n][g * group_channels + c][oh*stride_h - top + kh*dilation_h][ow*stride_w - left + ...]
 *
 * Geometry: one work-item a work-group, 1-D; item (m, c) sums one window's weights, vectors running
 * along the rows of dy, straight from the tensors. For each weight just the pixels that meet x are
 * summed, so there is no border. Local memory, the one item's own: sums, a vector for each weight.
 * Macros: VECTOR, floats in a vector: 4, 8 or 16; INDEX.
 */
#include "common.cl"
#include "numbers.cl"
#include "vector.cl"

#define VECTOR_FLOATS FLOATS(VECTOR)

/* x[0], x[step], ... for a step of 1 or 2. */
static inline VECTOR_FLOATS load_steps(const __global float *x, INDEX step) {
    if (step == 1) {
        return LOAD(VECTOR, x);
    }
    /* The second half ends at the last value wanted, not one behind it. */
    VECTOR_FLOATS all;
    all.lo = LOAD(VECTOR, x).even;
    all.hi = LOAD(VECTOR, x + VECTOR - 1).odd;
    return all;
}

/* sum + dy[0] x[0] + dy[1] x[step] + ..., `count` products, spread over the lanes. */
static inline VECTOR_FLOATS add_products(VECTOR_FLOATS sum, const __global float *dy,
    INDEX dy_step, const __global float *x, INDEX x_step, int count) {
    int i = 0;
    if (dy_step == 1 && (x_step == 1 || x_step == 2)) {
        for (; i + VECTOR <= count; i += VECTOR) {
            sum = FMA(LOAD(VECTOR, dy + i), load_steps(x + i * x_step, x_step), sum);
        }
    }
    float rest = 0.0f;
    for (; i < count; i++) {
        rest = FMA(dy[i * dy_step], x[i * x_step], rest);
    }
    sum.s0 += rest;
    return sum;
}

#define DEPTHWISE_WEIGHTS_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                      \
    ANY_INDEX(x_offset) ANY_INDEX(x_n) ANY_INDEX(x_c) ANY_INDEX(x_h) ANY_INDEX(x_w)                \
    ANY_INDEX(dw_offset) ANY_INDEX(dw_m) ANY_INDEX(dw_c) ANY_INDEX(dw_h) ANY_INDEX(dw_w)           \
    ANY_INDEX(dy_offset) ANY_INDEX(dy_n) ANY_INDEX(dy_c) ANY_INDEX(dy_h) ANY_INDEX(dy_w)           \
    ANY_INT(images) ANY_INT(height) ANY_INT(width) ANY_INT(out_height) ANY_INT(out_width)          \
    ANY_INT(group_channels) ANY_INT(group_outputs) ANY_INT(kernel_h) ANY_INT(kernel_w)             \
    ANY_INT(stride_h) ANY_INT(stride_w) ANY_INT(top) ANY_INT(left) ANY_INT(dilation_h)             \
    ANY_INT(dilation_w) ANY_INT(accumulate)
typedef struct depthwise_weights_numbers {
    NUMBER_MEMBERS(DEPTHWISE_WEIGHTS_LIST)
} depthwise_weights_numbers;

__kernel void conv2d_cpu_depthwise_weights(const __global float *x, __global float *dw,
    const __global float *dy, __local float *sums, const depthwise_weights_numbers numbers) {
    NUMBERS(DEPTHWISE_WEIGHTS_LIST)
    const INDEX m = get_group_id(0) / group_channels, c = get_group_id(0) % group_channels;
    x += x_offset + (m / group_outputs * group_channels + c) * x_c;
    dy += dy_offset + m * dy_c;
    for (int t = 0; t < kernel_h * kernel_w; t++) {
        STORE(VECTOR, (VECTOR_FLOATS)(0.0f), sums + t * VECTOR);
    }
    for (INDEX row = 0; row < (INDEX)images * out_height; row++) {
        const INDEX n = row / out_height;
        const int oh = (int)(row % out_height);
        for (int t = 0; t < kernel_h * kernel_w; t++) {
            const int h = oh * stride_h - top + t / kernel_w * dilation_h;
            const int shift = t % kernel_w * dilation_w - left;
            const int begin = shift < 0 ? (stride_w - 1 - shift) / stride_w : 0;
            const int last = width - 1 - shift;
            const int end = min(last < 0 ? 0 : last / stride_w + 1, out_width);
            if (h < 0 || h >= height || begin >= end) {
                continue;
            }
            const VECTOR_FLOATS sum = add_products(LOAD(VECTOR, sums + t * VECTOR),
                dy + n * dy_n + oh * dy_h + begin * dy_w, dy_w,
                x + n * x_n + h * x_h + (begin * stride_w + shift) * x_w, stride_w * x_w,
                end - begin);
            STORE(VECTOR, sum, sums + t * VECTOR);
        }
    }
    for (int t = 0; t < kernel_h * kernel_w; t++) {
        const float sum = SUM_LANES(VECTOR, LOAD(VECTOR, sums + t * VECTOR));
        __global float *to =
            dw + dw_offset + m * dw_m + c * dw_c + t / kernel_w * dw_h + t % kernel_w * dw_w;
        *to = accumulate ? *to + sum : sum;
    }
}
