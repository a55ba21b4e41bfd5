/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution over three axes, one work-item an element of the result: every shape, every device, and
 * what the other variants are compared with. Formulas: include/cleat/conv.h; elements of x outside
 * its bounds are left out of the sums. Sums run in the order of the loops. Bias and activation are
 * those of the result, y or, to the data, x.
 *
 * Geometry: 1-D, `count` elements of the result in row-major order, any work-group.
 * Macros: INDEX; ACTIVATION (value of cleat_activation), 0 backward to the weights; REAL_IS_DOUBLE.
 */
#include "common.cl"
#include "numbers.cl"

#define ACTIVATION_WIDTH 1
#include "activation.cl"

#define LAYOUT(ANY, t) ANY(t##_offset) ANY(t##_n) ANY(t##_c) ANY(t##_h) ANY(t##_w)
#define CONV3D_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                 \
    LAYOUT(ANY_INDEX, x) LAYOUT(ANY_INDEX, w) LAYOUT(ANY_INDEX, y) ANY_INDEX(x_d) ANY_INDEX(w_d)   \
    ANY_INDEX(y_d) ANY_INDEX(count) ANY_INDEX(images) ANY_INDEX(channels) ANY_INDEX(height)        \
    ANY_INDEX(width) ANY_INDEX(outputs) ANY_INDEX(kernel_h) ANY_INDEX(kernel_w) ANY_INDEX(out_h)   \
    ANY_INDEX(out_w) ANY_INDEX(groups) ANY_INDEX(stride_h) ANY_INDEX(stride_w) ANY_INDEX(top)      \
    ANY_INDEX(left) ANY_INDEX(dilation_h) ANY_INDEX(dilation_w) ANY_INDEX(depth) ANY_INDEX(out_d)  \
    ANY_INDEX(kernel_d) ANY_INDEX(stride_d) ANY_INDEX(front) ANY_INDEX(dilation_d)                 \
    ANY_INDEX(bias_offset) ANY_INDEX(bias_stride) ANY_INT(accumulate) ACTIVATION_NUMBERS(ANY_FLOAT)
typedef struct conv3d_numbers {
    NUMBER_MEMBERS(CONV3D_LIST)
} conv3d_numbers;

#define AT(t, n, c, d, h, w)                                                                       \
    t[t##_offset + (n) * t##_n + (c) * t##_c + (d) * t##_d + (h) * t##_h + (w) * t##_w]

/* Splits i into places along axes of these extents, the innermost first. */
#define SPLIT(place, extent)                                                                       \
    const INDEX place = i % extent;                                                                \
    i /= extent;

__kernel void conv3d_plain(const __global REAL *x, const __global REAL *w, __global REAL *y,
    const __global REAL *bias, const conv3d_numbers numbers) {
    NUMBERS(CONV3D_LIST)
    INDEX i = get_global_id(0);
    if (i >= count) {
        return;
    }
    SPLIT(ow, out_w)
    SPLIT(oh, out_h)
    SPLIT(od, out_d)
    const INDEX m = i % outputs, n = i / outputs;
    const INDEX group_channels = channels / groups;
    const INDEX first = m / (outputs / groups) * group_channels;
    REAL sum = 0.0f;
    for (INDEX k = 0; k < group_channels * kernel_d * kernel_h; k++) {
        const INDEX kh = k % kernel_h, kd = k / kernel_h % kernel_d, c = k / kernel_h / kernel_d;
        const INDEX d = od * stride_d - front + kd * dilation_d;
        const INDEX h = oh * stride_h - top + kh * dilation_h;
        for (INDEX kw = 0; d >= 0 && d < depth && h >= 0 && h < height && kw < kernel_w; kw++) {
            const INDEX v = ow * stride_w - left + kw * dilation_w;
            if (v >= 0 && v < width) {
                sum = FMA(AT(x, n, first + c, d, h, v), AT(w, m, c, kd, kh, kw), sum);
            }
        }
    }
    if (bias) {
        sum += bias[bias_offset + m * bias_stride];
    }
    sum = activation_value_1(sum, ACTIVATION_PARAMETERS);
    AT(y, n, m, od, oh, ow) = accumulate ? AT(y, n, m, od, oh, ow) + sum : sum;
}

/* The window of y that reaches place p of x through tap k; -1: none. */
static inline INDEX reaching(INDEX p, INDEX before, INDEX k, INDEX dilation, INDEX stride, INDEX out) {
    const INDEX start = p + before - k * dilation;
    return start >= 0 && start % stride == 0 && start / stride < out ? start / stride : -1;
}

__kernel void conv3d_plain_data(__global REAL *x, const __global REAL *w,
    const __global REAL *y, const __global REAL *bias, const conv3d_numbers numbers) {
    NUMBERS(CONV3D_LIST)
    INDEX i = get_global_id(0);
    if (i >= count) {
        return;
    }
    SPLIT(v, width)
    SPLIT(h, height)
    SPLIT(d, depth)
    const INDEX c = i % channels, n = i / channels;
    const INDEX group_channels = channels / groups, group_outputs = outputs / groups;
    const INDEX first = c / group_channels * group_outputs;
    REAL sum = 0.0f;
    for (INDEX k = 0; k < group_outputs * kernel_d * kernel_h; k++) {
        const INDEX kh = k % kernel_h, kd = k / kernel_h % kernel_d;
        const INDEX m = first + k / kernel_h / kernel_d;
        const INDEX od = reaching(d, front, kd, dilation_d, stride_d, out_d);
        const INDEX oh = reaching(h, top, kh, dilation_h, stride_h, out_h);
        for (INDEX kw = 0; od >= 0 && oh >= 0 && kw < kernel_w; kw++) {
            const INDEX ow = reaching(v, left, kw, dilation_w, stride_w, out_w);
            if (ow >= 0) {
                sum = FMA(
                    AT(y, n, m, od, oh, ow), AT(w, m, c % group_channels, kd, kh, kw), sum);
            }
        }
    }
    if (bias) {
        sum += bias[bias_offset + c * bias_stride];
    }
    sum = activation_value_1(sum, ACTIVATION_PARAMETERS);
    AT(x, n, c, d, h, v) = accumulate ? AT(x, n, c, d, h, v) + sum : sum;
}

__kernel void conv3d_plain_weights(const __global REAL *x, __global REAL *w,
    const __global REAL *y, const __global REAL *bias, const conv3d_numbers numbers) {
    NUMBERS(CONV3D_LIST)
    INDEX i = get_global_id(0);
    if (i >= count) {
        return;
    }
    SPLIT(kw, kernel_w)
    SPLIT(kh, kernel_h)
    SPLIT(kd, kernel_d)
    const INDEX group_channels = channels / groups;
    const INDEX c = i % group_channels, m = i / group_channels;
    const INDEX channel = m / (outputs / groups) * group_channels + c;
    REAL sum = 0.0f;
    for (INDEX row = 0; row < images * out_d * out_h; row++) {
        const INDEX oh = row % out_h, od = row / out_h % out_d, n = row / out_h / out_d;
        const INDEX d = od * stride_d - front + kd * dilation_d;
        const INDEX h = oh * stride_h - top + kh * dilation_h;
        for (INDEX ow = 0; d >= 0 && d < depth && h >= 0 && h < height && ow < out_w; ow++) {
            const INDEX v = ow * stride_w - left + kw * dilation_w;
            if (v >= 0 && v < width) {
                sum = FMA(AT(x, n, channel, d, h, v), AT(y, n, m, od, oh, ow), sum);
            }
        }
    }
    AT(w, m, c, kd, kh, kw) = accumulate ? AT(w, m, c, kd, kh, kw) + sum : sum;
}
