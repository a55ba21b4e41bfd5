/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution for processors where the channels of a pixel lie end to end, in x as in y:
 *
 *   y[n][oh][ow][g][m] = activation(bias[g][m] + sum over c, th, tw of
 *       w[g][m][c][th][tw] *
 *       x[n][oh * stride_h + th * dilation_h - top][ow * stride_w + tw * dilation_w - left][g][c])
 *
 * where elements outside x count as 0. A tile is GEMM_MR pixels of a row of y by one or two vectors of
 * output channels, all of it in registers: a step takes a channel of each pixel, spread over a vector,
 * times the vectors of its weights. Rows of padding cost nothing. Where all of a tile's columns lie
 * inside x, and its pixels end to end, a row of the window is one run of taps_w * group_channels steps.
 *
 * Weights are panels of conv2d_cpu_channels_last_pack.cl. The last vector of a group's outputs begins
 * GEMM_W before their end and may overlap the one before; the two are always of one block. A block is
 * two vectors, the first one a single vector where their number is odd.
 *
 * Geometry: one work-item a work-group, 1-D. An item takes item_tiles tiles, counted along all rows of
 * all images, by item_blocks blocks of one group: inner_blocks blocks, whose panels stay in the
 * second-level cache, for one tile after the other, then the next ones.
 * Local memory, the one item's own:
 *   kept   GEMM_MR * 2 * GEMM_W floats
 *   added  2 * item_blocks * GEMM_W floats: the bias by vectors
 * Macros: GEMM_W, GEMM_MR and ACTIVATION as in gemm_cpu.cl; INDEX.
 */
#include "common.cl"
#include "numbers.cl"

#define GEMM_NV 2
#include "gemm_cpu.cl"

/* Steps by which weights are asked for ahead. */
#define WEIGHTS_AHEAD 16

/* Where a tile's terms lie. Elements of x are counted from its buffer's beginning. */
typedef struct tile_place {
    INDEX at;           /* tap (0, 0) of the first pixel, inside x or not */
    INDEX tap_h, tap_w; /* from tap to tap */
    INDEX step;         /* from pixel to pixel */
    int first_kh, end_kh;
    int taps_w, channels;
    int runs, steps; /* of a row of the window */
    int whole;       /* every tap of every pixel lies inside x's columns */
    int column, width, stride_w, dilation_w;
    int count; /* of pixels */
} tile_place;

static inline GEMM_VECTOR activate(GEMM_VECTOR value, float slope) {
#if ACTIVATION != 0
    return CAT(activation_value_, GEMM_W)(value, slope);
#else
    return value;
#endif
}

#include "conv2d_cpu_channels_last_tile.cl"
#undef GEMM_NV
#define GEMM_NV 1
#include "conv2d_cpu_channels_last_tile.cl"

#define LAST_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                   \
    ANY_INDEX(x_offset) ANY_INDEX(x_n) ANY_INDEX(x_h) ANY_INDEX(x_w) ANY_INDEX(y_offset)           \
    ANY_INDEX(y_n) ANY_INDEX(y_h) ANY_INDEX(y_w) ANY_INDEX(bias_offset) ANY_INDEX(bias_stride)     \
    ANY_INDEX(panel_step) ANY_INT(height) ANY_INT(width) ANY_INT(out_height) ANY_INT(out_width)    \
    ANY_INT(groups) ANY_INT(channels) ANY_INT(outputs) ANY_INT(stride_h) ANY_INT(stride_w)         \
    ANY_INT(top) ANY_INT(left) ANY_INT(taps_h) ANY_INT(taps_w) ANY_INT(dilation_h)                 \
    ANY_INT(dilation_w) ANY_INT(tiles) ANY_INT(item_tiles) ANY_INT(item_blocks)                    \
    ANY_INT(inner_blocks) ANY_FLOAT(slope)
typedef struct last_numbers {
    NUMBER_MEMBERS(LAST_LIST)
} last_numbers;

__kernel void conv2d_cpu_channels_last(const __global float *x, __global float *y,
    const __global float *panels, const __global float *bias, __local float *kept,
    __local float *added, const last_numbers numbers) {
    NUMBERS(LAST_LIST)
    const int vectors = (outputs + GEMM_W - 1) / GEMM_W, odd = vectors % 2;
    const int blocks = (vectors + 1) / 2;
    const int block_items = (blocks + item_blocks - 1) / item_blocks;
    const int parts = (tiles + item_tiles - 1) / item_tiles;
    int item = get_group_id(0);
    const int block_begin = item % block_items * item_blocks;
    const int block_end = min(block_begin + item_blocks, blocks);
    item /= block_items;
    const int tile_begin = item % parts * item_tiles;
    const int tile_end = min(tile_begin + item_tiles, tiles);
    const int g = item / parts;

    const int vector_begin = max(2 * block_begin - odd, 0);
    for (int i = 0; i < (2 * block_end - odd - vector_begin) * GEMM_W; i++) {
        const int v = vector_begin + i / GEMM_W;
        const INDEX m = g * outputs + min(v * GEMM_W, outputs - GEMM_W) + i % GEMM_W;
        added[i] = bias ? bias[bias_offset + m * bias_stride] : 0.0f;
    }

    const int row_tiles = (out_width + GEMM_MR - 1) / GEMM_MR;
    tile_place place = {.tap_h = dilation_h * x_h, .tap_w = dilation_w * x_w, .step = stride_w * x_w,
        .taps_w = taps_w, .channels = channels, .width = width, .stride_w = stride_w,
        .dilation_w = dilation_w};
    const bool joined = x_w == channels && dilation_w == 1;
    panels += g * vectors * panel_step;
    y += y_offset + g * outputs;
    for (int inner = block_begin; inner < block_end; inner += inner_blocks) {
        const int inner_end = min(inner + inner_blocks, block_end);
        for (int tile = tile_begin; tile < tile_end; tile++) {
            const int row = tile / row_tiles, ow = tile % row_tiles * GEMM_MR;
            const INDEX n = row / out_height, oh = row % out_height;
            const int ih = oh * stride_h - top;
            place.count = min(out_width - ow, GEMM_MR);
            place.column = ow * stride_w - left;
            place.whole = place.column >= 0 &&
                place.column + (place.count - 1) * stride_w + (taps_w - 1) * dilation_w < width;
            place.runs = place.whole && joined ? 1 : taps_w;
            place.steps = place.whole && joined ? taps_w * channels : channels;
            place.first_kh = ih < 0 ? (dilation_h - 1 - ih) / dilation_h : 0;
            place.end_kh = min(taps_h, (height - 1 - ih + dilation_h) / dilation_h);
            place.at = x_offset + n * x_n + g * channels + ih * x_h + place.column * x_w;
            __global float *target = y + n * y_n + oh * y_h + ow * y_w;
            for (int b = inner; b < inner_end; b++) {
                const int v = max(2 * b - odd, 0);
                const INDEX m = min(v * GEMM_W, outputs - GEMM_W);
                const __global float *panel = panels + v * panel_step;
                const __local float *addends = added + (v - vector_begin) * GEMM_W;
                if (odd && b == 0) {
                    channels_last_tile_1(x, &place, panel, 0, addends, target + m, y_w, 0, slope,
                        kept);
                } else {
                    channels_last_tile_2(x, &place, panel, panel_step, addends, target + m, y_w,
                        min((v + 1) * GEMM_W, outputs - GEMM_W) - m, slope, kept);
                }
            }
        }
    }
}
