/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Weights as the conv2d_cpu_channels_last kernels read them, a panel for each vector of outputs:
 *
 *   panels[g][v][th][tw][c][lane] = w[w_offset + g * w_group + (first(v) + lane) * w_output +
 *                                     c * w_channel + th * w_h + tw * w_w]
 *
 * with first(v) = min(v * VECTOR, outputs - VECTOR); outputs >= VECTOR are those of a group.
 *
 * Geometry: one work-item a work-group, 1-D: item_channels channels of one vector.
 * Macros: VECTOR, floats in a vector; INDEX.
 */
#include "common.cl"
#include "numbers.cl"
#include "vector.cl"

#define PACK_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                   \
    ANY_INDEX(w_offset) ANY_INDEX(w_group) ANY_INDEX(w_output) ANY_INDEX(w_channel)                \
    ANY_INDEX(w_h) ANY_INDEX(w_w) ANY_INT(channels) ANY_INT(outputs) ANY_INT(taps_h)               \
    ANY_INT(taps_w) ANY_INT(item_channels)
typedef struct pack_numbers {
    NUMBER_MEMBERS(PACK_LIST)
} pack_numbers;

__kernel void conv2d_cpu_channels_last_pack(
    const __global float *w, __global float *panels, const pack_numbers numbers) {
    NUMBERS(PACK_LIST)
    const int vectors = (outputs + VECTOR - 1) / VECTOR, taps = taps_h * taps_w;
    const int parts = (channels + item_channels - 1) / item_channels;
    int item = get_group_id(0);
    const int c_begin = item % parts * item_channels;
    const int c_end = min(c_begin + item_channels, channels);
    item /= parts;
    const INDEX v = item % vectors, g = item / vectors;
    w += w_offset + g * w_group + min(v * VECTOR, (INDEX)(outputs - VECTOR)) * w_output;
    panels += (g * vectors + v) * taps * channels * VECTOR;
    for (INDEX c = c_begin; c < c_end; c++) {
        for (int t = 0; t < taps; t++) {
            const __global float *from = w + c * w_channel + t / taps_w * w_h + t % taps_w * w_w;
            STORE(VECTOR, w_output == 1 ? LOAD(VECTOR, from) : GATHER(VECTOR, from, w_output),
                panels + (t * (INDEX)channels + c) * VECTOR);
        }
    }
}
