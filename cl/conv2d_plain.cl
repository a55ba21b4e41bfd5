/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution, one work-item an element of the result: every shape, every device, and what the
 * other variants are compared with. Formulas: include/cleat/conv.h; elements of x outside its
 * bounds are left out of the sums. Sums run in the order of the loops. Bias and activation are those
 * of the result, y or, to the data, x.
 *
 * Geometry: 1-D, `count` elements of the result in row-major order, any work-group.
 * Macros: INDEX; ACTIVATION (value of cleat_activation), 0 backward to the weights; REAL_IS_DOUBLE.
 */
#include "common.cl"
#include "numbers.cl"

#define ACTIVATION_WIDTH 1
#include "activation.cl"

#define LAYOUT(t)                                                                                  \
    INDEX t##_offset, INDEX t##_n, INDEX t##_c, INDEX t##_h, INDEX t##_w
#define AT(t, n, c, h, w)                                                                          \
    t[t##_offset + (n) * t##_n + (c) * t##_c + (h) * t##_h + (w) * t##_w]
#define PARAMETERS                                                                                 \
    LAYOUT(x), LAYOUT(w), LAYOUT(y), INDEX count, INDEX images, INDEX channels, INDEX height,      \
        INDEX width, INDEX outputs, INDEX kernel_h, INDEX kernel_w, INDEX out_h, INDEX out_w,      \
        INDEX groups, INDEX stride_h, INDEX stride_w, INDEX top, INDEX left, INDEX dilation_h,     \
        INDEX dilation_w

__kernel void conv2d_plain(const __global REAL *x, const __global REAL *w, __global REAL *y,
    const __global REAL *bias, PARAMETERS, INDEX bias_offset, INDEX bias_stride,
    REAL activation_first, REAL activation_second, int accumulate) {
    INDEX i = get_global_id(0);
    if (i >= count) {
        return;
    }
    const INDEX ow = i % out_w;
    i /= out_w;
    const INDEX oh = i % out_h;
    i /= out_h;
    const INDEX m = i % outputs, n = i / outputs;
    const INDEX group_channels = channels / groups;
    const INDEX first = m / (outputs / groups) * group_channels;
    REAL sum = 0.0f;
    for (INDEX c = 0; c < group_channels; c++) {
        for (INDEX kh = 0; kh < kernel_h; kh++) {
            const INDEX h = oh * stride_h - top + kh * dilation_h;
            if (h < 0 || h >= height) {
                continue;
            }
            for (INDEX kw = 0; kw < kernel_w; kw++) {
                const INDEX v = ow * stride_w - left + kw * dilation_w;
                if (v >= 0 && v < width) {
                    sum = FMA(AT(x, n, first + c, h, v), AT(w, m, c, kh, kw), sum);
                }
            }
        }
    }
    if (bias) {
        sum += bias[bias_offset + m * bias_stride];
    }
    sum = activation_value_1(sum, ACTIVATION_PARAMETERS);
    AT(y, n, m, oh, ow) = accumulate ? AT(y, n, m, oh, ow) + sum : sum;
}

__kernel void conv2d_plain_data(__global REAL *x, const __global REAL *w,
    const __global REAL *y, const __global REAL *bias, PARAMETERS, INDEX bias_offset,
    INDEX bias_stride, REAL activation_first, REAL activation_second, int accumulate) {
    INDEX i = get_global_id(0);
    if (i >= count) {
        return;
    }
    const INDEX v = i % width;
    i /= width;
    const INDEX h = i % height;
    i /= height;
    const INDEX c = i % channels, n = i / channels;
    const INDEX group_channels = channels / groups, group_outputs = outputs / groups;
    const INDEX first = c / group_channels * group_outputs;
    REAL sum = 0.0f;
    for (INDEX m = first; m < first + group_outputs; m++) {
        for (INDEX kh = 0; kh < kernel_h; kh++) {
            const INDEX oh = h + top - kh * dilation_h;
            if (oh < 0 || oh % stride_h != 0 || oh / stride_h >= out_h) {
                continue;
            }
            for (INDEX kw = 0; kw < kernel_w; kw++) {
                const INDEX ow = v + left - kw * dilation_w;
                if (ow >= 0 && ow % stride_w == 0 && ow / stride_w < out_w) {
                    sum = FMA(AT(y, n, m, oh / stride_h, ow / stride_w),
                        AT(w, m, c % group_channels, kh, kw), sum);
                }
            }
        }
    }
    if (bias) {
        sum += bias[bias_offset + c * bias_stride];
    }
    sum = activation_value_1(sum, ACTIVATION_PARAMETERS);
    AT(x, n, c, h, v) = accumulate ? AT(x, n, c, h, v) + sum : sum;
}

__kernel void conv2d_plain_weights(const __global REAL *x, __global REAL *w,
    const __global REAL *y, PARAMETERS, int accumulate) {
    INDEX i = get_global_id(0);
    if (i >= count) {
        return;
    }
    const INDEX kw = i % kernel_w;
    i /= kernel_w;
    const INDEX kh = i % kernel_h;
    i /= kernel_h;
    const INDEX group_channels = channels / groups;
    const INDEX c = i % group_channels, m = i / group_channels;
    const INDEX channel = m / (outputs / groups) * group_channels + c;
    REAL sum = 0.0f;
    for (INDEX n = 0; n < images; n++) {
        for (INDEX oh = 0; oh < out_h; oh++) {
            const INDEX h = oh * stride_h - top + kh * dilation_h;
            if (h < 0 || h >= height) {
                continue;
            }
            for (INDEX ow = 0; ow < out_w; ow++) {
                const INDEX v = ow * stride_w - left + kw * dilation_w;
                if (v >= 0 && v < width) {
                    sum = FMA(AT(x, n, channel, h, v), AT(y, n, m, oh, ow), sum);
                }
            }
        }
    }
    AT(w, m, c, kh, kw) = accumulate ? AT(w, m, c, kh, kw) + sum : sum;
}
