/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution backward to the weights for processors: the GEMM
 *
 *   dw[m][column] = sum over images and pixels of window[pixel][column] * dy[m][pixel],
 *   column = (c * kernel_h + kh) * kernel_w + kw,
 *   window[(oh, ow)][column] = x[c][oh*stride_h - top + kh*dilation_h]
 *                                  [ow*stride_w - left + kw*dilation_w], 0 outside x
 *
 * Vectors run along m: dy is transposed into a panel [pixel][m]. A step of the inner loop takes one
 * pixel: a row of the panel times GEMM_MR single values of a zero-bordered copy of x (the patch),
 * each at a fixed distance (column_offset) from the pixel. So windows are never written out, no
 * pixel is computed in vain, and neither stride nor dilation matters.
 *
 * One kernel for two launches, one work-item a work-group, 1-D: PoCL compiles all of a program for
 * each kernel in it.
 *
 * With `splits` 0 an item sums split_images images for a group, item_blocks blocks of GEMM_NR output
 * channels and channel_block input channels into
 *   partial[split][group][block][channel block][column][m], with room for GEMM_W columns behind.
 * Local memory, the one item's own: patch (channel_block * patch_rows * pitch floats), panel
 * (band_rows * out_width * GEMM_NR floats), column_offset (an int for each column of channel_block
 * channels, rounded up to GEMM_MR).
 *
 * Then, with their number in `splits`, dw (+)= the partial sums, added in order of the splits; an
 * item does GEMM_W columns of a group, block and channel block; what it reads beyond the last one
 * goes nowhere.
 *
 * DEEP: images and channels stand for those of all depths, as in conv2d_cpu_panel.cl.
 * Macros: GEMM_W, GEMM_MR (columns in a tile), GEMM_NV as in gemm_cpu.cl; DEEP; INDEX.
 */
#include "common.cl"
#include "numbers.cl"
#include "gemm_cpu.cl"
#include "conv2d_cpu_plane.cl"
#define TURN_ELEMENT float
#define TURN_LANES GEMM_W
#include "turn.cl"

/* GEMM_W rows of dy, stride_m apart, become columns of the panel. */
static inline void transpose_block(__local float *to, const __global float *from, INDEX stride_m) {
    GEMM_VECTOR row[GEMM_W];
#pragma unroll
    for (int i = 0; i < GEMM_W; i++) {
        row[i] = GEMM_LOAD(0, from + i * stride_m);
    }
    turn(row);
#pragma unroll
    for (int i = 0; i < GEMM_W; i++) {
        GEMM_STORE(row[i], 0, to + i * GEMM_NR);
    }
}

/* panel[pixel][m] = dy[m][pixel] for a run of pixels stride_w apart; 0 for m >= outputs. */
static void load_pixels(__local float *panel, const __global float *dy, INDEX stride_m,
    INDEX stride_w, int outputs, int count) {
    KEEP_ROLLED
    for (int m = 0; m < GEMM_NR; m += GEMM_W) {
        int i = 0;
        if (stride_w == 1 && m + GEMM_W <= outputs) {
            KEEP_ROLLED
            for (; i + GEMM_W <= count; i += GEMM_W) {
                transpose_block(panel + i * GEMM_NR + m, dy + m * stride_m + i, stride_m);
            }
        }
        KEEP_ROLLED
        for (; i < count; i++) {
            KEEP_ROLLED
            for (int k = m; k < m + GEMM_W; k++) {
                panel[i * GEMM_NR + k] = k < outputs ? dy[k * stride_m + i * stride_w] : 0.0f;
            }
        }
    }
}

/* The same of `rows` rows of pixels: one run where they touch. */
static void load_panel(__local float *panel, const __global float *dy, INDEX stride_m,
    INDEX stride_h, INDEX stride_w, int outputs, int rows, int width) {
    const bool touch = stride_h == width * stride_w;
    const int runs = touch ? 1 : rows, count = touch ? rows * width : width;
    KEEP_ROLLED
    for (int run = 0; run < runs; run++) {
        load_pixels(panel + run * width * GEMM_NR, dy + run * stride_h, stride_m, stride_w, outputs,
            count);
    }
}

/* The sums into or onto `to`, [GEMM_MR][GEMM_NR], straight from registers. */
#define WEIGHTS_PUT_ONE(r, v) GEMM_STORE(acc_##r##_##v, v, weights_to + (r) * GEMM_NR);
#define WEIGHTS_PUT_ROW(r, unused) GEMM_VECTORS(WEIGHTS_PUT_ONE, r)
#define WEIGHTS_PUT(to)                                                                            \
    do {                                                                                           \
        __global float *weights_to = (to);                                                         \
        GEMM_ROWS(WEIGHTS_PUT_ROW, )                                                               \
    } while (0)
#define WEIGHTS_ADD_ONE(r, v)                                                                      \
    GEMM_STORE(acc_##r##_##v + GEMM_LOAD(v, weights_to + (r) * GEMM_NR), v,                        \
        weights_to + (r) * GEMM_NR);
#define WEIGHTS_ADD_ROW(r, unused) GEMM_VECTORS(WEIGHTS_ADD_ONE, r)
#define WEIGHTS_ADD(to)                                                                            \
    do {                                                                                           \
        __global float *weights_to = (to);                                                         \
        GEMM_ROWS(WEIGHTS_ADD_ROW, )                                                               \
    } while (0)

/* Adds one band's products to a tile of GEMM_MR columns x GEMM_NR outputs. */
KEEP_APART static void weights_tile(const __local float *patch, const __local float *panel,
    const __local int *column_offset, int rows, int width, int row_step, int pixel_step,
    __global float *partial, bool first) {
    const __local float *column[GEMM_MR];
#pragma unroll
    for (int j = 0; j < GEMM_MR; j++) {
        column[j] = patch + column_offset[j];
    }
    GEMM_ACCUMULATORS;
    for (int row = 0; row < rows; row++) {
        long at = row * row_step;
        int left = width;
#define WEIGHTS_COLUMN(j) column[j][at]
#define WEIGHTS_OUTPUTS(v) GEMM_LOAD(v, panel + gemm_step * GEMM_NR)
#define WEIGHTS_STEP                                                                               \
    GEMM_STEP(WEIGHTS_COLUMN, WEIGHTS_OUTPUTS);                                                    \
    at += pixel_step;                                                                              \
    KEEP_INDEX(at);
#define WEIGHTS_MOVE(steps) panel += (steps) * GEMM_NR;
        GEMM_TIMES(left, WEIGHTS_STEP, WEIGHTS_MOVE)
#undef WEIGHTS_COLUMN
#undef WEIGHTS_OUTPUTS
#undef WEIGHTS_STEP
#undef WEIGHTS_MOVE
    }
    if (first) {
        WEIGHTS_PUT(partial);
    } else {
        WEIGHTS_ADD(partial);
    }
}

#define ROUNDED_COLUMNS(channels, window)                                                          \
    (((channels) * (window) + GEMM_MR - 1) / GEMM_MR * GEMM_MR)

#if DEEP
#define DEPTH_STRIDES(ANY) ANY(x_d) ANY(dw_d) ANY(dy_d)
#define DEPTH_NUMBERS(ANY)                                                                         \
    ANY(depth) ANY(out_depth) ANY(taps_d) ANY(step_d) ANY(front) ANY(dilation_d)
#else
#define DEPTH_STRIDES(ANY)
#define DEPTH_NUMBERS(ANY)
#endif
#define WEIGHTS_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                \
    ANY_INDEX(x_offset) ANY_INDEX(x_n) ANY_INDEX(x_c) ANY_INDEX(x_h) ANY_INDEX(x_w)                \
    ANY_INDEX(dy_offset) ANY_INDEX(dy_n) ANY_INDEX(dy_c) ANY_INDEX(dy_h) ANY_INDEX(dy_w)           \
    ANY_INDEX(dw_offset) ANY_INDEX(dw_m) ANY_INDEX(dw_c) ANY_INDEX(dw_h) ANY_INDEX(dw_w)           \
    DEPTH_STRIDES(ANY_INDEX)                                                                       \
    ANY_INT(images) ANY_INT(height) ANY_INT(width) ANY_INT(out_height) ANY_INT(out_width)          \
    ANY_INT(groups) ANY_INT(group_channels) ANY_INT(group_outputs) ANY_INT(kernel_h)               \
    ANY_INT(kernel_w) ANY_INT(stride_h) ANY_INT(stride_w) ANY_INT(top) ANY_INT(left)               \
    ANY_INT(dilation_h) ANY_INT(dilation_w) ANY_INT(split_images) ANY_INT(item_blocks)             \
    ANY_INT(channel_block) ANY_INT(patch_rows) ANY_INT(pitch) ANY_INT(band_rows)                   \
    DEPTH_NUMBERS(ANY_INT) ANY_INT(accumulate) ANY_INT(splits)
typedef struct weights_numbers {
    NUMBER_MEMBERS(WEIGHTS_LIST)
} weights_numbers;

/* The partial sums of item `item`. */
KEEP_APART static void sum_images(const __global float *x, const __global float *dy,
    __global float *partial, __local float *patch, __local float *panel,
    __local int *column_offset, int item, const weights_numbers numbers) {
    NUMBERS(WEIGHTS_LIST)
    const int blocks = (group_outputs + GEMM_NR - 1) / GEMM_NR;
    const int block_items = (blocks + item_blocks - 1) / item_blocks;
    const int channel_blocks = (group_channels + channel_block - 1) / channel_block;
    const int window = kernel_h * kernel_w, plane = patch_rows * pitch;
    const INDEX block_size = (INDEX)ROUNDED_COLUMNS(channel_block, window) * GEMM_NR;
    const int part = item % channel_blocks, c0 = part * channel_block;
    item /= channel_blocks;
    const int first_block = item % block_items * item_blocks;
    item /= block_items;
    const INDEX g = item % groups;
    const int split = item / groups;
    const int channels = min(channel_block, group_channels - c0);
    const int columns = ROUNDED_COLUMNS(channels, window);
    const int image_end = min((split + 1) * split_images, images);

    KEEP_ROLLED
    for (int j = 0; j < columns; j++) {
        const int i = min(j, channels * window - 1);
        column_offset[j] = i / window * plane + i % window / kernel_w * dilation_h * pitch +
                           i % kernel_w * dilation_w;
    }
    partial += ((split * groups + g) * blocks * channel_blocks + part) * block_size;
#if DEEP
    x += x_offset + g * (group_channels / taps_d) * x_c;
#else
    x += x_offset + (g * group_channels + c0) * x_c;
#endif
    dy += dy_offset + g * group_outputs * dy_c;
    KEEP_ROLLED
    for (INDEX n = split * split_images; n < image_end; n++) {
        KEEP_ROLLED
        for (int row = 0; row < out_height; row += band_rows) {
            const int rows = min(band_rows, out_height - row);
            const bool first = n == split * split_images && row == 0;
            KEEP_ROLLED
            for (int c = 0; c < channels; c++) {
#if DEEP
                const int tap = (c0 + c) % taps_d;
                const int d = (int)(n % out_depth) * step_d - front + tap * dilation_d;
                const bool inside = d >= 0 && d < depth;
                const __global float *image = x + n / out_depth * x_n + (c0 + c) / taps_d * x_c +
                                              (inside ? d : 0) * x_d;
                const int source_height = inside ? height : 0;
#else
                const __global float *image = x + n * x_n + c * x_c;
                const int source_height = height;
#endif
                load_plane(patch + c * plane, image, x_h, x_w, source_height, width,
                    row * stride_h - top, -left, 1, 1, patch_rows, pitch);
            }
            KEEP_ROLLED
            for (int block = first_block; block < min(first_block + item_blocks, blocks); block++) {
                const int m0 = block * GEMM_NR;
#if DEEP
                const INDEX dy_image = n / out_depth * dy_n + n % out_depth * dy_d;
#else
                const INDEX dy_image = n * dy_n;
#endif
                load_panel(panel, dy + dy_image + m0 * dy_c + row * dy_h, dy_c, dy_h, dy_w,
                    group_outputs - m0, rows, out_width);
                KEEP_ROLLED
                for (int j = 0; j < columns; j += GEMM_MR) {
                    weights_tile(patch, panel, column_offset + j, rows, out_width,
                        pitch * stride_h, stride_w,
                        partial + block * channel_blocks * block_size + j * GEMM_NR, first);
                }
            }
        }
    }
}

/* dw[m][first .. first + count) (+)= values, where the columns lie end to end or anywhere. */
static inline void store_columns(__global float *dw, INDEX dw_c, INDEX dw_d, INDEX dw_h, INDEX dw_w,
    int kernel_d, int kernel_h, int kernel_w, int first, int count, GEMM_VECTOR values,
    int accumulate) {
    const bool flat = dw_w == 1 && dw_h == kernel_w && dw_c == kernel_d * kernel_h * kernel_w &&
                      (kernel_d == 1 || dw_d == kernel_h * kernel_w);
    if (flat && count >= GEMM_W) {
        if (accumulate) {
            values += GEMM_LOAD(0, dw + first);
        }
        GEMM_STORE(values, 0, dw + first);
        return;
    }
    float value[GEMM_W];
    GEMM_STORE(values, 0, value);
    KEEP_ROLLED
    for (int i = 0; i < min(count, GEMM_W); i++) {
        const int t = (first + i) % (kernel_h * kernel_w);
        const INDEX c = (first + i) / (kernel_h * kernel_w);
        __global float *to = dw + c / kernel_d * dw_c + c % kernel_d * dw_d + t / kernel_w * dw_h +
                             t % kernel_w * dw_w;
        *to = accumulate ? *to + value[i] : value[i];
    }
}

/* The gradients of item `item`. */
KEEP_APART static void sum_splits(const __global float *partial, __global float *dw, int item,
    const weights_numbers numbers) {
    NUMBERS(WEIGHTS_LIST)
    const int window = kernel_h * kernel_w;
    const int blocks = (group_outputs + GEMM_NR - 1) / GEMM_NR;
    const int channel_blocks = (group_channels + channel_block - 1) / channel_block;
    const int block_columns = ROUNDED_COLUMNS(channel_block, window);
    const int tiles = (channel_block * window + GEMM_W - 1) / GEMM_W;
    const INDEX split_size = (INDEX)groups * blocks * channel_blocks * block_columns * GEMM_NR;
    const int column = item % tiles * GEMM_W;
    item /= tiles;
    const int c0 = item % channel_blocks * channel_block;
    const int m0 = item / channel_blocks % blocks * GEMM_NR;
    const INDEX g = item / channel_blocks / blocks;
    const int columns = min(channel_block, group_channels - c0) * window;

    partial += ((INDEX)item * block_columns + column) * GEMM_NR;
    dw += dw_offset + (g * group_outputs + m0) * dw_m;
#if !DEEP
    const int taps_d = 1;
    const INDEX dw_d = 0;
#endif
    KEEP_ROLLED
    for (int m = 0; m < min(GEMM_NR, group_outputs - m0); m += GEMM_W) {
        GEMM_VECTOR row[GEMM_W];
#pragma unroll
        for (int i = 0; i < GEMM_W; i++) {
            row[i] = (GEMM_VECTOR)(0.0f);
        }
        const __global float *from = partial + m;
        KEEP_ROLLED
        for (int s = 0; s < splits && column < columns; s++) {
#pragma unroll
            for (int i = 0; i < GEMM_W; i++) {
                row[i] += GEMM_LOAD(0, from + i * GEMM_NR);
            }
            from += split_size;
        }
        turn(row);
        KEEP_ROLLED
        for (int i = 0; i < min(GEMM_W, group_outputs - m0 - m); i++) {
            store_columns(dw + (m + i) * dw_m, dw_c, dw_d, dw_h, dw_w, taps_d, kernel_h, kernel_w,
                c0 * window + column, columns - column, row[i], accumulate);
        }
    }
}

__kernel void conv2d_cpu_weights(const __global float *x, const __global float *dy,
    __global float *partial, __global float *dw, __local float *patch, __local float *panel,
    __local int *column_offset, const weights_numbers numbers) {
    if (numbers.splits == 0) {
        sum_images(x, dy, partial, patch, panel, column_offset, get_group_id(0), numbers);
    } else {
        sum_splits(partial, dw, get_group_id(0), numbers);
    }
}
