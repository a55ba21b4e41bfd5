/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution with windows of 3 x 3 and steps of 1 by Winograd's F(2 x 2, 3 x 3): Lavin & Gray, *Fast
 * algorithms for convolutional neural networks*, CVPR 2016. A tile of 2 x 2 results is made of the 4 x 4
 * elements of the source d that its windows cover and of the window g:
 *
 *   tile = A^T [ (G g G^T) * (B^T d B) ] A      summed over channels, * element by element
 *
 *         1  0 -1  0           1    0    0
 *   B^T = 0  1  1  0      G = 1/2  1/2  1/2     A^T = 1  1  1  0
 *         0 -1  1  0          1/2 -1/2  1/2           0  1 -1 -1
 *         0  1  0 -1           0    0    1
 *
 * 16 products for 36. The sums over channels are 16 matrix products, one for each element of the
 * transformed tiles, which matmul_gpu.cl computes; here are the transforms before and behind it. With
 * rows results, terms sources in a group and T tiles at a time, in scratch memory:
 *
 *   u[element][group][row][term]     windows transformed
 *   v[element][group][term][tile]    tiles transformed, or [tile][term]: where along_channels
 *   y[element][group][row][tile]     products, or [tile][row]
 *
 * so that neighbouring work-items have neighbouring elements of both the tensor and the scratch memory:
 * tiles of a row, or channels where those lie end to end. Tile (i, j) of an image gives results
 * 2 i - 0 .. 1, 2 j .. 1 and reads from row 2 i - top, column 2 j - left on; what lies outside is 0.
 * The halves of G are exact, sums of small integers too.
 *
 * To the data the source is dy, windows are turned round and top, left what is left of the padding (which
 * may be negative); row and term change places. All by the host: w_row, w_term, w_h, w_w.
 *
 * Geometry: 1-D, an item a window (row, term), a tile of a source channel, a tile of a result channel; any
 * work-group. Macros: INDEX; ACTIVATION, of the results.
 */
#include "common.cl"
#include "numbers.cl"
#define ACTIVATION_WIDTH 1
#include "activation.cl"

#define WINDOWS_NUMBERS(ANY_INDEX, ANY_INT, ANY_FLOAT)                                             \
    ANY_INDEX(w_offset) ANY_INDEX(w_group) ANY_INDEX(w_row) ANY_INDEX(w_term) ANY_INDEX(w_h)       \
    ANY_INDEX(w_w) ANY_INDEX(rows) ANY_INDEX(terms) ANY_INDEX(count)
typedef struct windows_numbers {
    NUMBER_MEMBERS(WINDOWS_NUMBERS)
} windows_numbers;

/* G times three numbers. */
static inline float4 transform_window(const float3 g) {
    const float outer = g.s0 + g.s2;
    return (float4)(g.s0, 0.5f * (outer + g.s1), 0.5f * (outer - g.s1), g.s2);
}

__kernel void conv2d_gpu_winograd_windows(
    const __global float *w, __global float *u, const windows_numbers numbers) {
    NUMBERS(WINDOWS_NUMBERS)
    const INDEX i = get_global_id(0);
    if (i >= count) {
        return;
    }
    w += w_offset + i / terms / rows * w_group + i / terms % rows * w_row + i % terms * w_term;
    float4 columns[3];
    UNROLLED for (int kw = 0; kw < 3; kw++) {
        const __global float *from = w + kw * w_w;
        columns[kw] = transform_window((float3)(from[0], from[w_h], from[2 * w_h]));
    }
    u += i;
#define STORE_ROW(row, element)                                                                    \
    {                                                                                              \
        const float4 line =                                                                        \
            transform_window((float3)(columns[0].element, columns[1].element, columns[2].element)); \
        u[(4 * row) * count] = line.s0;                                                            \
        u[(4 * row + 1) * count] = line.s1;                                                        \
        u[(4 * row + 2) * count] = line.s2;                                                        \
        u[(4 * row + 3) * count] = line.s3;                                                        \
    }
    STORE_ROW(0, s0)
    STORE_ROW(1, s1)
    STORE_ROW(2, s2)
    STORE_ROW(3, s3)
}

/* A tensor of images, of which `tiles` tiles from number first_tile on are looked at; `channels` of them
 * are a group's. */
#define IMAGES_NUMBERS(ANY_INDEX, ANY_INT, ANY_FLOAT)                                              \
    ANY_INDEX(t_offset) ANY_INDEX(t_n) ANY_INDEX(t_c) ANY_INDEX(t_h) ANY_INDEX(t_w)                \
    ANY_INDEX(first_tile) ANY_INDEX(tiles) ANY_INDEX(all_channels) ANY_INDEX(count)                \
    ANY_INDEX(bias_offset) ANY_INDEX(bias_step) ANY_INT(channels) ANY_INT(height) ANY_INT(width)   \
    ANY_INT(tiles_down) ANY_INT(tiles_across) ANY_INT(top) ANY_INT(left) ANY_INT(along_channels)   \
    ANY_INT(accumulate) ACTIVATION_NUMBERS(ANY_FLOAT)
typedef struct images_numbers {
    NUMBER_MEMBERS(IMAGES_NUMBERS)
} images_numbers;

/* Where item i has its tile: image, rows and columns of tiles, the channel, and the place in scratch
 * memory of the tile's first element; the others are `count` apart. */
#define TILE_PLACE(i)                                                                              \
    const INDEX tile = along_channels ? (i) / all_channels : (i) % tiles;                          \
    const INDEX channel = along_channels ? (i) % all_channels : (i) / tiles;                       \
    const INDEX in_group = channel % channels;                                                     \
    const INDEX scratch_place = (channel - in_group) * tiles +                                     \
                                (along_channels ? tile * channels + in_group                       \
                                                : in_group * tiles + tile);                        \
    const INDEX image_tile = first_tile + tile;                                                    \
    const int tile_column = (int)(image_tile % tiles_across);                                      \
    const int tile_row = (int)(image_tile / tiles_across % tiles_down);                            \
    const INDEX n = image_tile / tiles_across / tiles_down;

/* B^T times four numbers. */
static inline float4 transform_tile(const float4 d) {
    return (float4)(d.s0 - d.s2, d.s1 + d.s2, d.s2 - d.s1, d.s1 - d.s3);
}

__kernel void conv2d_gpu_winograd_tiles(
    const __global float *source, __global float *v, const images_numbers numbers) {
    NUMBERS(IMAGES_NUMBERS)
    const INDEX i = get_global_id(0);
    if (i >= count) {
        return;
    }
    TILE_PLACE(i)
    const int h = 2 * tile_row - top, first = 2 * tile_column - left;
    source += t_offset + n * t_n + channel * t_c;
    float4 columns[4];
    UNROLLED for (int j = 0; j < 4; j++) {
        const int at = first + j;
        const __global float *from = source + (INDEX)at * t_w;
        const bool inside = at >= 0 && at < width;
        float4 d;
        d.s0 = inside && h >= 0 && h < height ? from[(INDEX)h * t_h] : 0.0f;
        d.s1 = inside && h + 1 >= 0 && h + 1 < height ? from[(INDEX)(h + 1) * t_h] : 0.0f;
        d.s2 = inside && h + 2 >= 0 && h + 2 < height ? from[(INDEX)(h + 2) * t_h] : 0.0f;
        d.s3 = inside && h + 3 >= 0 && h + 3 < height ? from[(INDEX)(h + 3) * t_h] : 0.0f;
        columns[j] = transform_tile(d);
    }
    v += scratch_place;
#define STORE_TILE_ROW(row, element)                                                               \
    {                                                                                              \
        const float4 line = transform_tile((float4)(                                               \
            columns[0].element, columns[1].element, columns[2].element, columns[3].element));      \
        v[(4 * row) * count] = line.s0;                                                            \
        v[(4 * row + 1) * count] = line.s1;                                                        \
        v[(4 * row + 2) * count] = line.s2;                                                        \
        v[(4 * row + 3) * count] = line.s3;                                                        \
    }
    STORE_TILE_ROW(0, s0)
    STORE_TILE_ROW(1, s1)
    STORE_TILE_ROW(2, s2)
    STORE_TILE_ROW(3, s3)
}

/* A^T times four numbers. */
static inline float2 transform_back(const float4 m) {
    return (float2)(m.s0 + m.s1 + m.s2, m.s1 - m.s2 - m.s3);
}

__kernel void conv2d_gpu_winograd_results(const __global float *y, __global float *result,
    const __global float *bias, const images_numbers numbers) {
    NUMBERS(IMAGES_NUMBERS)
    const INDEX i = get_global_id(0);
    if (i >= count) {
        return;
    }
    TILE_PLACE(i)
    y += scratch_place;
    float2 lines[4];
    UNROLLED for (int row = 0; row < 4; row++) {
        const __global float *from = y + 4 * row * count;
        lines[row] = transform_back((float4)(from[0], from[count], from[2 * count], from[3 * count]));
    }
    const float2 left_column =
        transform_back((float4)(lines[0].s0, lines[1].s0, lines[2].s0, lines[3].s0));
    const float2 right_column =
        transform_back((float4)(lines[0].s1, lines[1].s1, lines[2].s1, lines[3].s1));
    const float offset = bias ? bias[bias_offset + channel * bias_step] : 0.0f;
    const int h = 2 * tile_row, w = 2 * tile_column;
    result += t_offset + n * t_n + channel * t_c + (INDEX)h * t_h + (INDEX)w * t_w;
#define STORE_RESULT(row, column, sum)                                                             \
    if (h + row < height && w + column < width) {                                                  \
        const float value = activation_value_1((sum) + offset, ACTIVATION_PARAMETERS);             \
        __global float *place = result + row * t_h + column * t_w;                                 \
        *place = accumulate ? *place + value : value;                                              \
    }
    STORE_RESULT(0, 0, left_column.s0)
    STORE_RESULT(0, 1, right_column.s0)
    STORE_RESULT(1, 0, left_column.s1)
    STORE_RESULT(1, 1, right_column.s1)
}
