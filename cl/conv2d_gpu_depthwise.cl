/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution in narrow groups on GPUs, depthwise ones above all, straight from the tensors. For result
 * channel r of group g and its sources (forward: result y, source x; to the data: result dx, source dy):
 *
 *   result[n][r][h][v] = activation(bias[r] + sum over j < group_sources, kh, kw of
 *                        source[n][g * group_sources + j][at(h, kh)][at(v, kw)] * w)
 *
 * with at(h, kh) = h * stride - top + kh * dilation, or, where `spreads` (to the data, stride above 1),
 * the quotient (h - top + kh) / stride where there is no remainder: there, and to the data with a stride
 * of 1, w is turned round by the host, and top is what is left of the padding.
 *
 * conv2d_gpu_depthwise: an item computes ROWS results below each other, `row_step` rows apart, in one
 * column. Taps `slide_h` apart see the source moved by one of these rows, so that each value is read once
 * for them all. Items are counted columns first (with along_channels: channels first), so that neighbours
 * read neighbouring elements; 1-D, any work-group. Every sum runs over j, kw, then kh by remainders of
 * slide_h.
 *
 * conv2d_gpu_depthwise_weights: partial[part][m][c][kh][kw] = sum over the part's pixels of y of
 * dy[m][pixel] * x[at(pixel, kh, kw)]. Local size LANES; group (i, part): block i % blocks of TAPS x TAPS
 * taps, of `channel_lanes` pairs (m, c), from i / blocks * channel_lanes on. Lanes next to each other have
 * pairs next to each other, LANES / channel_lanes of them share the part's pixels and are added up as a
 * tree. Local memory: 4 TAPS * TAPS * LANES bytes.
 * conv2d_gpu_sum.cl adds the parts up.
 *
 * Macros: INDEX, ACTIVATION; LANES.
 */
#include "common.cl"
#include "numbers.cl"
#define ACTIVATION_WIDTH 1
#include "activation.cl"

#define ROWS 4
#define TAPS 4

#define DEPTHWISE_LAYOUT(ANY, t) ANY(t##_offset) ANY(t##_n) ANY(t##_c) ANY(t##_h) ANY(t##_w)
#define DEPTHWISE_NUMBERS(ANY_INDEX, ANY_INT, ANY_FLOAT)                                           \
    DEPTHWISE_LAYOUT(ANY_INDEX, result) DEPTHWISE_LAYOUT(ANY_INDEX, source)                        \
    ANY_INDEX(w_offset) ANY_INDEX(w_group) ANY_INDEX(w_result) ANY_INDEX(w_source) ANY_INDEX(w_h)  \
    ANY_INDEX(w_w) ANY_INDEX(bias_offset) ANY_INDEX(bias_step) ANY_INDEX(count) ANY_INT(channels)  \
    ANY_INT(group_results) ANY_INT(group_sources) ANY_INT(height) ANY_INT(width)                   \
    ANY_INT(source_height) ANY_INT(source_width) ANY_INT(kernel_h) ANY_INT(kernel_w)               \
    ANY_INT(stride_h) ANY_INT(stride_w) ANY_INT(top) ANY_INT(left) ANY_INT(dilation_h)             \
    ANY_INT(dilation_w) ANY_INT(slide_h) ANY_INT(row_tiles) ANY_INT(spreads)                       \
    ANY_INT(along_channels) ANY_INT(accumulate) ACTIVATION_NUMBERS(ANY_FLOAT)
typedef struct depthwise_numbers {
    NUMBER_MEMBERS(DEPTHWISE_NUMBERS)
} depthwise_numbers;

/* i modulo n, from 0 to n - 1. */
static inline int remainder_up(int i, int n) {
    const int rest = i % n;
    return rest < 0 ? rest + n : rest;
}

static inline float row_value(const __global float *column, int row, int rows, INDEX step) {
    return row >= 0 && row < rows ? column[(INDEX)row * step] : 0.0f;
}

__kernel void conv2d_gpu_depthwise(__global float *result, const __global float *source,
    const __global float *w, const __global float *bias, const depthwise_numbers numbers) {
    NUMBERS(DEPTHWISE_NUMBERS)
    INDEX i = get_global_id(0);
    if (i >= count) {
        return;
    }
    int r = 0;
    if (along_channels) {
        r = (int)(i % channels);
        i /= channels;
    }
    const int v = (int)(i % width);
    i /= width;
    const int tile = (int)(i % row_tiles);
    i /= row_tiles;
    if (!along_channels) {
        r = (int)(i % channels);
        i /= channels;
    }
    const int g = r / group_results;
    const int row_step = spreads ? stride_h : 1, source_step = spreads ? 1 : stride_h;
    const int first =
        spreads ? tile % stride_h + tile / stride_h * (ROWS * stride_h) : tile * ROWS;
    const int from = spreads ? remainder_up(top - first, stride_h) : 0;
    const int to = min(spreads ? from + 1 : slide_h, kernel_h);
    const int column_from = spreads ? remainder_up(left - v, stride_w) : 0;
    const int column_taps = spreads ? stride_w : 1, column_step = spreads ? 1 : dilation_w;
    const int first_column = spreads ? (v - left + column_from) / stride_w : v * stride_w - left;
    source += source_offset + i * source_n + (INDEX)(g * group_sources) * source_c;
    w += w_offset + (INDEX)g * w_group + (INDEX)(r % group_results) * w_result;
    float4 sums = (float4)(0.0f);
    for (int j = 0; j < group_sources; j++) {
        int column = first_column;
        for (int kw = column_from; kw < kernel_w; kw += column_taps, column += column_step) {
            if (column < 0 || column >= source_width) {
                continue;
            }
            const __global float *line = source + j * source_c + (INDEX)column * source_w;
            const __global float *taps = w + j * w_source + (INDEX)kw * w_w;
            for (int k = from; k < to; k++) {
                int row = spreads ? (first - top + k) / stride_h
                                  : first * stride_h - top + k * dilation_h;
                float4 rows;
                rows.s1 = row_value(line, row, source_height, source_h);
                rows.s2 = row_value(line, row + source_step, source_height, source_h);
                rows.s3 = row_value(line, row + 2 * source_step, source_height, source_h);
                row += 3 * source_step;
                for (int kh = k; kh < kernel_h; kh += slide_h, row += source_step) {
                    rows = (float4)(rows.s1, rows.s2, rows.s3,
                        row_value(line, row, source_height, source_h));
                    sums = FMA((float4)(taps[(INDEX)kh * w_h]), rows, sums);
                }
            }
        }
    }
    const float offset = bias ? bias[bias_offset + (INDEX)r * bias_step] : 0.0f;
    result += result_offset + i * result_n + (INDEX)r * result_c + (INDEX)v * result_w;
    const float values[ROWS] = {sums.s0, sums.s1, sums.s2, sums.s3};
    UNROLLED for (int k = 0; k < ROWS; k++) {
        const int row = first + k * row_step;
        if (row < height) {
            const float value = activation_value_1(values[k] + offset, ACTIVATION_PARAMETERS);
            __global float *place = result + (INDEX)row * result_h;
            *place = accumulate ? *place + value : value;
        }
    }
}

#define WEIGHTS_NUMBERS(ANY_INDEX, ANY_INT, ANY_FLOAT)                                             \
    DEPTHWISE_LAYOUT(ANY_INDEX, x) DEPTHWISE_LAYOUT(ANY_INDEX, y) ANY_INDEX(pixels)                \
    ANY_INDEX(part_pixels) ANY_INDEX(pairs) ANY_INT(group_channels) ANY_INT(group_outputs)         \
    ANY_INT(height) ANY_INT(width) ANY_INT(out_height) ANY_INT(out_width) ANY_INT(kernel_h)        \
    ANY_INT(kernel_w) ANY_INT(stride_h) ANY_INT(stride_w) ANY_INT(top) ANY_INT(left)               \
    ANY_INT(dilation_h) ANY_INT(dilation_w) ANY_INT(channel_lanes)
typedef struct weights_numbers {
    NUMBER_MEMBERS(WEIGHTS_NUMBERS)
} weights_numbers;

__kernel __attribute__((reqd_work_group_size(LANES, 1, 1))) void conv2d_gpu_depthwise_weights(
    const __global float *x, const __global float *y, __global float *partial,
    const weights_numbers numbers) {
    __local float gathered[TAPS * TAPS * LANES];
    NUMBERS(WEIGHTS_NUMBERS)
    const int lane = (int)get_local_id(0);
    const int blocks_w = (kernel_w + TAPS - 1) / TAPS;
    const int blocks = (kernel_h + TAPS - 1) / TAPS * blocks_w;
    const int block = (int)get_group_id(0) % blocks;
    const int first_h = block / blocks_w * TAPS, first_w = block % blocks_w * TAPS;
    const INDEX first_pair = (INDEX)get_group_id(0) / blocks * channel_lanes;
    const INDEX pair = min(first_pair + lane % channel_lanes, pairs - 1);
    const INDEX m = pair / group_channels;
    const INDEX channel = m / group_outputs * group_channels + pair % group_channels;
    const int sharing = LANES / channel_lanes; /* lanes that share a pair's pixels */
    const INDEX from = (INDEX)get_global_id(1) * part_pixels;
    const INDEX to = min(from + part_pixels, pixels);
    const INDEX first = from + lane / channel_lanes;
    /* Pixels go on by `sharing`, in images, rows and columns. */
    const int step_w = sharing % out_width, step_h = sharing / out_width % out_height;
    const int step_n = sharing / out_width / out_height;
    int ow = (int)(first % out_width), oh = (int)(first / out_width % out_height);
    INDEX n = first / out_width / out_height;
    x += x_offset + channel * x_c;
    y += y_offset + m * y_c;
    float4 sums[TAPS];
    UNROLLED for (int i = 0; i < TAPS; i++) {
        sums[i] = (float4)(0.0f);
    }
    for (INDEX at = first; at < to; at += sharing) {
        const float4 dy = (float4)(y[n * y_n + (INDEX)oh * y_h + (INDEX)ow * y_w]);
        const int w0 = ow * stride_w - left + first_w * dilation_w;
        const int w1 = w0 + dilation_w, w2 = w1 + dilation_w, w3 = w2 + dilation_w;
        const bool has0 = w0 >= 0 && w0 < width;
        const bool has1 = w1 >= 0 && w1 < width && first_w + 1 < kernel_w;
        const bool has2 = w2 >= 0 && w2 < width && first_w + 2 < kernel_w;
        const bool has3 = w3 >= 0 && w3 < width && first_w + 3 < kernel_w;
        UNROLLED for (int i = 0; i < TAPS; i++) {
            const int h = oh * stride_h - top + (first_h + i) * dilation_h;
            if (h >= 0 && h < height && first_h + i < kernel_h) {
                const __global float *line = x + n * x_n + (INDEX)h * x_h;
                float4 values;
                values.s0 = has0 ? line[(INDEX)w0 * x_w] : 0.0f;
                values.s1 = has1 ? line[(INDEX)w1 * x_w] : 0.0f;
                values.s2 = has2 ? line[(INDEX)w2 * x_w] : 0.0f;
                values.s3 = has3 ? line[(INDEX)w3 * x_w] : 0.0f;
                sums[i] = FMA(dy, values, sums[i]);
            }
        }
        ow += step_w;
        oh += step_h;
        n += step_n;
        if (ow >= out_width) {
            ow -= out_width;
            oh++;
        }
        if (oh >= out_height) {
            oh -= out_height;
            n++;
        }
    }
    UNROLLED for (int i = 0; i < TAPS; i++) {
        __local float *taps = gathered + i * TAPS * LANES + lane;
        taps[0] = sums[i].s0;
        taps[LANES] = sums[i].s1;
        taps[2 * LANES] = sums[i].s2;
        taps[3 * LANES] = sums[i].s3;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    for (int apart = LANES / 2; apart >= channel_lanes; apart /= 2) {
        if (lane < apart) {
            for (int tap = 0; tap < TAPS * TAPS; tap++) {
                gathered[tap * LANES + lane] += gathered[tap * LANES + lane + apart];
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    partial += (INDEX)get_global_id(1) * pairs * kernel_h * kernel_w;
    for (int i = lane; i < TAPS * TAPS * channel_lanes; i += LANES) {
        const int tap = i / channel_lanes;
        const int kh = first_h + tap / TAPS, kw = first_w + tap % TAPS;
        const INDEX to_pair = first_pair + i % channel_lanes;
        if (kh < kernel_h && kw < kernel_w && to_pair < pairs) {
            partial[(to_pair * kernel_h + kh) * kernel_w + kw] =
                gathered[tap * LANES + i % channel_lanes];
        }
    }
}
