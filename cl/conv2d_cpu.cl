/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution for processors, forward and backward to the data: implicit GEMM straight from a
 * zero-bordered copy of the input's rows, the "patch".
 *
 *   result[n][g][m][oh][ow] = activation(bias[g][m] + sum over c, th, tw of
 *       weights[g][m][c][th][tw] *
 *       source[n][g][c][step*oh + (v0 + th*dv) - top][step*ow + (u0 + tw*du) - left])
 *
 * where elements outside the source count as 0. Forward, step is the stride and v0 = 0, dv = the
 * dilation. Backward to the data there is a launch for each phase of the stride, with step 1 and
 * those taps that meet the phase (src/ops/conv2d_cpu.c).
 *
 * Why a patch: its rows lie `pitch` apart, and the border between two of them serves both. Pixel
 * q = oh * pitch + ow seen through a tap is then element q + tap_offset of the patch, so the B rows
 * of the GEMM are plain unaligned vectors that nothing has to pack. Of the `pitch` pixels computed
 * in a row out_width are real; the others are never stored, and no sum mixes pixels. For step > 1
 * the patch is split into step x step phases, so that the same holds.
 *
 * Geometry: one work-item a work-group, 1-D. An item computes, for one image, a band of band_rows
 * rows, item_groups groups and item_blocks blocks of GEMM_MR output channels.
 * Local memory, all of it the one item's own:
 *   patch       channel_block * phases_h * phases_w * patch_rows * pitch floats, and slack
 *   sums        item_blocks * GEMM_MR * sums_pitch, if channels are taken in several blocks
 *   tap_offset  taps_h * taps_w ints
 * Macros: GEMM_W, GEMM_MR and ACTIVATION as in gemm_cpu.cl; TILE_WIDE, vectors in the widest tile: 3
 * or 4; INDEX. weights is packed by conv2d_cpu_pack.cl.
 */
#include "common.cl"
#include "numbers.cl"

#define GEMM_NV 1
#include "gemm_cpu.cl"
#include "conv2d_cpu_tile.cl"
#undef GEMM_NV
#define GEMM_NV 2
#include "conv2d_cpu_tile.cl"
#undef GEMM_NV
#define GEMM_NV 3
#include "conv2d_cpu_tile.cl"
#undef GEMM_NV
#if TILE_WIDE == 4
#define GEMM_NV 4
#include "conv2d_cpu_tile.cl"
#undef GEMM_NV
#endif
#define GEMM_NV TILE_WIDE
#include "conv2d_cpu_plane.cl"

/* Where the pixels of a tile go. */
typedef struct pixel_map {
    int pitch, out_width, end; /* pixels q < end, with q % pitch < out_width, are real */
    INDEX stride_h, stride_w;
    int accumulate;
    float2 parameters;
} pixel_map;

/* Finishes pixels q .. q + width of one channel and moves the real ones together in run. */
static inline int finish_run(
    const float *tile, float *run, int q, int width, float bias, const pixel_map *map) {
    const int q_end = min(q + width, map->end);
    int count = 0;
    for (int row = q / map->pitch * map->pitch; row < q_end; row += map->pitch) {
        const int begin = max(q, row), end = min(q_end, row + map->out_width);
        for (int i = begin; i < end; i += GEMM_W) {
            GEMM_VECTOR value = GEMM_LOAD(0, tile + i - q) + bias;
#if ACTIVATION != 0
            value = CAT(activation_value_, GEMM_W)(value, map->parameters);
#endif
            GEMM_STORE(value, 0, run + count + i - begin);
        }
        count += max(end - begin, 0);
    }
    return count;
}

/* result points at the band's first pixel in one channel. */
static void store_run(
    __global float *result, const float *run, int count, int q, const pixel_map *map) {
    int row = q / map->pitch, column = min(q % map->pitch, map->out_width);
    if (map->stride_w == 1 && map->stride_h == map->out_width) {
        result += (INDEX)row * map->out_width + column;
        int i = 0;
        for (; i + GEMM_W <= count; i += GEMM_W) {
            const GEMM_VECTOR value = GEMM_LOAD(0, run + i);
            GEMM_STORE(map->accumulate ? value + GEMM_LOAD(0, result + i) : value, 0, result + i);
        }
        for (; i < count; i++) {
            result[i] = map->accumulate ? result[i] + run[i] : run[i];
        }
        return;
    }
    int done = 0;
    if (column == map->out_width) {
        column = 0;
        row++;
    }
    while (done < count) {
        const int length = min(count - done, map->out_width - column);
        __global float *to = result + row * map->stride_h + column * map->stride_w;
        for (int i = 0; i < length; i++) {
            const float value = run[done + i];
            to[i * map->stride_w] = map->accumulate ? to[i * map->stride_w] + value : value;
        }
        done += length;
        column = 0;
        row++;
    }
}

/* How many of the vectors still to do the next tile takes: never leaves a lone one. */
static inline int tile_width(int vectors) {
    return vectors <= TILE_WIDE ? vectors : (vectors == TILE_WIDE + 1 ? 2 : TILE_WIDE);
}

static inline void compute_tile(int wide, const __local float *patch, int plane, int channels,
    const __local int *tap_offset, int taps, const __global float *weights, float *tile) {
    switch (wide) {
    case 1:
        patch_tile_1(patch, plane, channels, tap_offset, taps, weights, tile);
        break;
    case 2:
        patch_tile_2(patch, plane, channels, tap_offset, taps, weights, tile);
        break;
    case 3:
        patch_tile_3(patch, plane, channels, tap_offset, taps, weights, tile);
        break;
#if TILE_WIDE == 4
    case 4:
        patch_tile_4(patch, plane, channels, tap_offset, taps, weights, tile);
        break;
#endif
    }
}

/* Adds the sums of earlier channels to a tile, and keeps it for later ones unless they are done. */
static inline void carry_sums(
    float *tile, __local float *sums, int sums_pitch, int wide, int first, int last) {
    for (int m = 0; m < GEMM_MR; m++) {
        for (int v = 0; v < wide; v++) {
            float *at = tile + (m * wide + v) * GEMM_W;
            __local float *kept = sums + m * sums_pitch + v * GEMM_W;
            GEMM_VECTOR value = GEMM_LOAD(0, at);
            if (!first) {
                value += GEMM_LOAD(0, kept);
                GEMM_STORE(value, 0, at);
            }
            if (!last) {
                GEMM_STORE(value, 0, kept);
            }
        }
    }
}

#define PATCH_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                  \
    ANY_INDEX(source_offset) ANY_INDEX(source_n) ANY_INDEX(source_c) ANY_INDEX(source_h)           \
    ANY_INDEX(source_w) ANY_INDEX(result_offset) ANY_INDEX(result_n) ANY_INDEX(result_c)           \
    ANY_INDEX(result_h) ANY_INDEX(result_w) ANY_INDEX(bias_offset) ANY_INDEX(bias_stride)          \
    ANY_INDEX(weights_offset) ANY_INT(height) ANY_INT(width) ANY_INT(out_height)                   \
    ANY_INT(out_width) ANY_INT(groups) ANY_INT(group_channels) ANY_INT(group_outputs)              \
    ANY_INT(step_h) ANY_INT(step_w) ANY_INT(top) ANY_INT(left) ANY_INT(taps_h) ANY_INT(v0)         \
    ANY_INT(dv) ANY_INT(taps_w) ANY_INT(u0) ANY_INT(du) ANY_INT(phases_h) ANY_INT(phases_w)        \
    ANY_INT(patch_rows) ANY_INT(pitch) ANY_INT(border) ANY_INT(sums_pitch) ANY_INT(band_rows)      \
    ANY_INT(channel_block) ANY_INT(item_groups) ANY_INT(item_blocks) ANY_INT(accumulate)           \
    ACTIVATION_NUMBERS(ANY_FLOAT)
typedef struct patch_numbers {
    NUMBER_MEMBERS(PATCH_LIST)
} patch_numbers;

KEEP_APART static void patch_item(const __global float *source, __global float *result,
    const __global float *weights, const __global float *bias, __local float *patch,
    __local float *sums, __local int *tap_offset, int item, const patch_numbers numbers) {
    NUMBERS(PATCH_LIST)
    const int blocks = (group_outputs + GEMM_MR - 1) / GEMM_MR;
    const int block_items = (blocks + item_blocks - 1) / item_blocks;
    const int group_items = (groups + item_groups - 1) / item_groups;
    const int bands = (out_height + band_rows - 1) / band_rows;
    const int block_begin = item % block_items * item_blocks;
    item /= block_items;
    const int group_begin = item % group_items * item_groups;
    item /= group_items;
    const int row_begin = item % bands * band_rows;
    const INDEX image = item / bands;

    const int block_end = min(block_begin + item_blocks, blocks);
    const int group_end = min(group_begin + item_groups, groups);
    const int rows = min(band_rows, out_height - row_begin);
    const int taps = taps_h * taps_w;
    const int phase = patch_rows * pitch, phases = phases_h * phases_w;
    const int plane = phases * phase;
    const pixel_map map = {
        pitch, out_width, rows * pitch, result_h, result_w, accumulate, ACTIVATION_PARAMETERS};
    const int vectors = (rows * pitch - (pitch - out_width) + GEMM_W - 1) / GEMM_W;
    float tile[GEMM_MR * GEMM_NR + GEMM_W]; /* whole vectors are read at its end */
    float run[GEMM_NR + GEMM_W];

    for (int t = 0; t < taps; t++) {
        const int v = v0 + t / taps_w * dv, u = u0 + t % taps_w * du;
        tap_offset[t] = (v % step_h * phases_w + u % step_w) * phase + v / step_h * pitch +
                        u / step_w;
    }
    for (int g = group_begin; g < group_end; g++) {
        for (int c0 = 0; c0 < group_channels; c0 += channel_block) {
            const int channels = min(channel_block, group_channels - c0);
            const int last = c0 + channels == group_channels;
            for (int p = 0; p < channels * phases; p++) {
                const INDEX c = (INDEX)g * group_channels + c0 + p / phases;
                load_plane(patch + p * phase,
                    source + source_offset + image * source_n + c * source_c, source_h, source_w,
                    height, width, row_begin * step_h + p % phases / phases_w - top,
                    p % phases_w - left, step_h, step_w, patch_rows, pitch);
            }
            /* The border behind the last row; the planes before have the next plane's border. */
            zero_run(patch + channels * plane, border);
            for (int b = block_begin; b < block_end; b++) {
                const __global float *block_weights =
                    weights + weights_offset + (((INDEX)g * blocks + b) * group_channels + c0) * taps * GEMM_MR;
                const int m0 = b * GEMM_MR;
                int wide;
                for (int v = 0; v < vectors; v += wide) {
                    const int q = v * GEMM_W;
                    wide = tile_width(vectors - v);
                    compute_tile(wide, patch + q, plane, channels, tap_offset, taps,
                        block_weights, tile);
                    if (channels < group_channels) {
                        carry_sums(tile, sums + (b - block_begin) * GEMM_MR * sums_pitch + q,
                            sums_pitch, wide, c0 == 0, last);
                    }
                    for (int m = 0; last && m < min(GEMM_MR, group_outputs - m0); m++) {
                        const INDEX channel = (INDEX)g * group_outputs + m0 + m;
                        const int count = finish_run(tile + m * wide * GEMM_W, run, q,
                            wide * GEMM_W, bias ? bias[bias_offset + channel * bias_stride] : 0.0f,
                            &map);
                        store_run(result + result_offset + image * result_n +
                                channel * result_c + row_begin * result_h,
                            run, count, q, &map);
                    }
                }
            }
        }
    }
}

__kernel void conv2d_cpu(const __global float *source, __global float *result,
    const __global float *weights, const __global float *bias, __local float *patch,
    __local float *sums, __local int *tap_offset, const patch_numbers numbers) {
    patch_item(source, result, weights, bias, patch, sums, tap_offset, get_group_id(0), numbers);
}
