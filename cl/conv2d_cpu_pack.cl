/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weights as conv2d_cpu.cl reads them:
 *
 *   packed[g][b][c][th][tw][m] = w[g * w_group + (b * PACK_MR + m) * w_output + c * w_channel +
 *                                  th * w_h + tw * w_w], 0 for outputs beyond group_outputs
 *
 * Geometry: one work-item a work-group, 1-D; an item packs item_channels channels of a block.
 * Macros: PACK_MR, outputs in a block; INDEX.
 */
#include "common.cl"

__kernel void conv2d_cpu_pack(const __global float *w, __global float *packed, INDEX packed_offset,
    INDEX w_offset, INDEX w_group, INDEX w_output, INDEX w_channel, INDEX w_h, INDEX w_w,
    int group_channels, int group_outputs, int taps_h, int taps_w, int item_channels) {
    const int blocks = (group_outputs + PACK_MR - 1) / PACK_MR;
    const int parts = (group_channels + item_channels - 1) / item_channels;
    const int item = get_group_id(0);
    const int part = item % parts, b = item / parts % blocks;
    const INDEX g = item / parts / blocks;
    const int c_begin = part * item_channels;
    const int c_end = min(c_begin + item_channels, group_channels);
    const int outputs = min(PACK_MR, group_outputs - b * PACK_MR);

    packed += packed_offset +
              ((g * blocks + b) * group_channels + c_begin) * taps_h * taps_w * PACK_MR;
    w += w_offset + g * w_group + (INDEX)b * PACK_MR * w_output;
    for (int c = c_begin; c < c_end; c++) {
        for (int th = 0; th < taps_h; th++) {
            for (int tw = 0; tw < taps_w; tw++) {
                const __global float *from = w + c * w_channel + th * w_h + tw * w_w;
                if (outputs == PACK_MR) {
#pragma unroll
                    for (int m = 0; m < PACK_MR; m++) {
                        packed[m] = from[m * w_output];
                    }
                } else {
                    for (int m = 0; m < PACK_MR; m++) {
                        packed[m] = m < outputs ? from[m * w_output] : 0.0f;
                    }
                }
                packed += PACK_MR;
            }
        }
    }
}
