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

__kernel void conv2d_cpu_depthwise_weights(const __global float *x, __global float *dw,
    const __global float *dy, __local float *sums, INDEX x_offset, INDEX x_n, INDEX x_c, INDEX x_h,
    INDEX x_w, INDEX dw_offset, INDEX dw_m, INDEX dw_c, INDEX dw_h, INDEX dw_w, INDEX dy_offset,
    INDEX dy_n, INDEX dy_c, INDEX dy_h, INDEX dy_w, int images, int height, int width,
    int out_height, int out_width, int group_channels, int group_outputs, int kernel_h,
    int kernel_w, int stride_h, int stride_w, int top, int left, int dilation_h, int dilation_w,
    int accumulate) {
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
