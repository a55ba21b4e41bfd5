/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weights as conv2d_cpu.cl reads them:
 *
 *   packed[g][b][c][th][tw][m] = w[g * w_group + (b * PACK_MR + m) * w_output +
 *       c / taps_d * w_channel + c % taps_d * w_d + th * w_h + tw * w_w], 0 for outputs beyond
 *   group_outputs
 *
 * Geometry: one work-item a work-group, 1-D; an item packs item_channels channels of item_blocks
 * blocks, channel by channel: where outputs lie closer together than channels, as going back to the
 * data, many blocks at a time read w in order.
 * Macros: PACK_MR, outputs in a block; INDEX.
 */
#include "common.cl"
#include "numbers.cl"

#define PACK_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                   \
    ANY_INDEX(packed_offset) ANY_INDEX(w_offset) ANY_INDEX(w_group) ANY_INDEX(w_output)            \
    ANY_INDEX(w_channel) ANY_INDEX(w_d) ANY_INDEX(w_h) ANY_INDEX(w_w) ANY_INT(group_channels)      \
    ANY_INT(group_outputs) ANY_INT(taps_d) ANY_INT(taps_h) ANY_INT(taps_w) ANY_INT(item_channels)  \
    ANY_INT(item_blocks)
typedef struct pack_numbers {
    NUMBER_MEMBERS(PACK_LIST)
} pack_numbers;

__kernel void conv2d_cpu_pack(const __global float *w, __global float *packed,
    const pack_numbers numbers) {
    NUMBERS(PACK_LIST)
    const int blocks = (group_outputs + PACK_MR - 1) / PACK_MR;
    const int block_items = (blocks + item_blocks - 1) / item_blocks;
    const int parts = (group_channels + item_channels - 1) / item_channels;
    const int item = get_group_id(0);
    const int part = item % parts, b_begin = item / parts % block_items * item_blocks;
    const INDEX g = item / parts / block_items;
    const int b_end = min(b_begin + item_blocks, blocks);
    const int c_end = min((part + 1) * item_channels, group_channels);

    w += w_offset + g * w_group;
    packed += packed_offset + g * blocks * group_channels * taps_h * taps_w * PACK_MR;
    for (int c = part * item_channels; c < c_end; c++) {
        for (int b = b_begin; b < b_end; b++) {
            const int outputs = min(PACK_MR, group_outputs - b * PACK_MR);
            const __global float *from = w + c / taps_d * w_channel + c % taps_d * w_d +
                                         (INDEX)b * PACK_MR * w_output;
            __global float *to =
                packed + ((INDEX)b * group_channels + c) * taps_h * taps_w * PACK_MR;
            for (int t = 0; t < taps_h * taps_w; t++) {
                const __global float *tap = from + t / taps_w * w_h + t % taps_w * w_w;
                if (outputs == PACK_MR) {
#pragma unroll
                    for (int m = 0; m < PACK_MR; m++) {
                        to[m] = tap[m * w_output];
                    }
                } else {
                    for (int m = 0; m < PACK_MR; m++) {
                        to[m] = m < outputs ? tap[m * w_output] : 0.0f;
                    }
                }
                to += PACK_MR;
            }
        }
    }
}
