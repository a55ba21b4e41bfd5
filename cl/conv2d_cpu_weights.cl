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
 * conv2d_cpu_weights: one work-item a work-group, 1-D. An item sums split_images images for a
 * group, a block of GEMM_NR output channels and channel_block input channels into
 *   partial[split][group][block][channel block][column][m].
 * Local memory, the one item's own: patch (channel_block * patch_rows * pitch floats), panel
 * (band_rows * out_width * GEMM_NR floats), column_offset (an int for each column of channel_block
 * channels, rounded up to GEMM_MR).
 *
 * conv2d_cpu_weights_sum: dw (+)= the partial sums, added in order of the splits; an item an element
 * of dw in row-major order, 1-D, any work-group.
 *
 * Macros: GEMM_W, GEMM_MR (columns in a tile), GEMM_NV as in gemm_cpu.cl; INDEX.
 */
#include "common.cl"
#include "gemm_cpu.cl"

/* Rows first_row .. first_row + rows of one channel, with zeros around. */
static void load_rows(__local float *patch, const __global float *x, INDEX stride_h,
    INDEX stride_w, int height, int width, int first_row, int left, int rows, int pitch) {
    for (int r = 0; r < rows; r++) {
        const int row = first_row + r;
        const bool inside = row >= 0 && row < height;
        const int begin = inside ? min(left, pitch) : pitch;
        const int end = inside ? min(left + width, pitch) : pitch;
        __local float *cells = patch + r * pitch;
        const __global float *source = x + row * stride_h;
        int j = 0;
        for (; j < begin; j++) {
            cells[j] = 0.0f;
        }
        for (; stride_w == 1 && j + GEMM_W <= end; j += GEMM_W) {
            GEMM_STORE(GEMM_LOAD(0, source + (j - left)), 0, cells + j);
        }
        for (; j < end; j++) {
            cells[j] = source[(j - left) * stride_w];
        }
        for (; j < pitch; j++) {
            cells[j] = 0.0f;
        }
    }
}

/* GEMM_W rows from `from`, stride_m apart, become columns `to`, GEMM_NR apart: rounds of
 * interleaving the first half of the rows with the second. */
static inline void transpose_block(__local float *to, const __global float *from, INDEX stride_m) {
    GEMM_VECTOR row[GEMM_W], mixed[GEMM_W];
#pragma unroll
    for (int i = 0; i < GEMM_W; i++) {
        row[i] = GEMM_LOAD(0, from + i * stride_m);
    }
#pragma unroll
    for (int round = 1; round < GEMM_W; round *= 2) {
#pragma unroll
        for (int i = 0; i < GEMM_W / 2; i++) {
            mixed[2 * i].even = row[i].lo;
            mixed[2 * i].odd = row[i + GEMM_W / 2].lo;
            mixed[2 * i + 1].even = row[i].hi;
            mixed[2 * i + 1].odd = row[i + GEMM_W / 2].hi;
        }
#pragma unroll
        for (int i = 0; i < GEMM_W; i++) {
            row[i] = mixed[i];
        }
    }
#pragma unroll
    for (int i = 0; i < GEMM_W; i++) {
        GEMM_STORE(row[i], 0, to + i * GEMM_NR);
    }
}

/* panel[pixel][m] = dy[m][pixel] for a run of pixels stride_w apart; 0 for m >= outputs. */
static void load_pixels(__local float *panel, const __global float *dy, INDEX stride_m,
    INDEX stride_w, int outputs, int count) {
    for (int m = 0; m < GEMM_NR; m += GEMM_W) {
        int i = 0;
        if (stride_w == 1 && m + GEMM_W <= outputs) {
            for (; i + GEMM_W <= count; i += GEMM_W) {
                transpose_block(panel + i * GEMM_NR + m, dy + m * stride_m + i, stride_m);
            }
        }
        for (; i < count; i++) {
            for (int k = m; k < m + GEMM_W; k++) {
                panel[i * GEMM_NR + k] = k < outputs ? dy[k * stride_m + i * stride_w] : 0.0f;
            }
        }
    }
}

static void load_panel(__local float *panel, const __global float *dy, INDEX stride_m,
    INDEX stride_h, INDEX stride_w, int outputs, int rows, int width) {
    if (stride_h == width * stride_w) {
        load_pixels(panel, dy, stride_m, stride_w, outputs, rows * width);
        return;
    }
    for (int row = 0; row < rows; row++) {
        load_pixels(
            panel + row * width * GEMM_NR, dy + row * stride_h, stride_m, stride_w, outputs, width);
    }
}

/* Adds one band's products to a tile of GEMM_MR columns x GEMM_NR outputs. */
static void weights_tile(const __local float *patch, const __local float *panel,
    const __local int *column_offset, int rows, int width, int row_step, int pixel_step,
    __global float *partial, bool first) {
    const __local float *column[GEMM_MR];
    float tile[GEMM_MR * GEMM_NR];
#pragma unroll
    for (int j = 0; j < GEMM_MR; j++) {
        column[j] = patch + column_offset[j];
    }
    GEMM_ACCUMULATORS;
    for (int row = 0; row < rows; row++) {
        int at = row * row_step;
        for (int i = 0; i < width; i++) {
#define WEIGHTS_COLUMN(j) column[j][at]
#define WEIGHTS_OUTPUTS(v) GEMM_LOAD(v, panel)
            GEMM_STEP(WEIGHTS_COLUMN, WEIGHTS_OUTPUTS);
#undef WEIGHTS_COLUMN
#undef WEIGHTS_OUTPUTS
            panel += GEMM_NR;
            at += pixel_step;
        }
    }
    GEMM_PUT(tile);
    for (int i = 0; i < GEMM_MR * GEMM_NR; i += GEMM_W) {
        GEMM_VECTOR sum = GEMM_LOAD(0, tile + i);
        if (!first) {
            sum += GEMM_LOAD(0, partial + i);
        }
        GEMM_STORE(sum, 0, partial + i);
    }
}

#define ROUNDED_COLUMNS(channels, window)                                                          \
    (((channels) * (window) + GEMM_MR - 1) / GEMM_MR * GEMM_MR)

__kernel void conv2d_cpu_weights(const __global float *x, const __global float *dy,
    __global float *partial, __local float *patch, __local float *panel,
    __local int *column_offset, INDEX x_offset, INDEX x_n, INDEX x_c, INDEX x_h, INDEX x_w,
    INDEX dy_offset, INDEX dy_n, INDEX dy_c, INDEX dy_h, INDEX dy_w, int images, int height,
    int width, int out_height, int out_width, int groups, int group_channels, int group_outputs,
    int kernel_h, int kernel_w, int stride_h, int stride_w, int top, int left, int dilation_h,
    int dilation_w, int split_images, int channel_block, int patch_rows, int pitch, int band_rows) {
    const int blocks = (group_outputs + GEMM_NR - 1) / GEMM_NR;
    const int channel_blocks = (group_channels + channel_block - 1) / channel_block;
    const int window = kernel_h * kernel_w, plane = patch_rows * pitch;
    int item = get_group_id(0);
    const int c0 = item % channel_blocks * channel_block;
    item /= channel_blocks;
    const int m0 = item % blocks * GEMM_NR;
    item /= blocks;
    const INDEX g = item % groups;
    const int first_image = item / groups * split_images;
    const int channels = min(channel_block, group_channels - c0);
    const int columns = ROUNDED_COLUMNS(channels, window);

    for (int j = 0; j < columns; j++) {
        const int i = min(j, channels * window - 1);
        column_offset[j] = i / window * plane + i % window / kernel_w * dilation_h * pitch +
                           i % kernel_w * dilation_w;
    }
    partial += (INDEX)get_group_id(0) * ROUNDED_COLUMNS(channel_block, window) * GEMM_NR;
    x += x_offset + (g * group_channels + c0) * x_c;
    dy += dy_offset + (g * group_outputs + m0) * dy_c;
    for (INDEX n = first_image; n < min(first_image + split_images, images); n++) {
        for (int row = 0; row < out_height; row += band_rows) {
            const int rows = min(band_rows, out_height - row);
            for (int c = 0; c < channels; c++) {
                load_rows(patch + c * plane, x + n * x_n + c * x_c, x_h, x_w, height, width,
                    row * stride_h - top, left, patch_rows, pitch);
            }
            load_panel(panel, dy + n * dy_n + row * dy_h, dy_c, dy_h, dy_w, group_outputs - m0,
                rows, out_width);
            for (int j = 0; j < columns; j += GEMM_MR) {
                weights_tile(patch, panel, column_offset + j, rows, out_width, pitch * stride_h,
                    stride_w, partial + j * GEMM_NR, n == first_image && row == 0);
            }
        }
    }
}

__kernel void conv2d_cpu_weights_sum(const __global float *partial, __global float *dw,
    INDEX dw_offset, INDEX dw_m, INDEX dw_c, INDEX dw_h, INDEX dw_w, INDEX count, int groups,
    int group_channels, int group_outputs, int kernel_h, int kernel_w, int splits,
    int channel_block, int accumulate) {
    const INDEX i = get_global_id(0);
    if (i >= count) {
        return;
    }
    const int window = kernel_h * kernel_w;
    const int blocks = (group_outputs + GEMM_NR - 1) / GEMM_NR;
    const int channel_blocks = (group_channels + channel_block - 1) / channel_block;
    const INDEX block_size = (INDEX)ROUNDED_COLUMNS(channel_block, window) * GEMM_NR;
    const int t = i % window;
    const int c = i / window % group_channels, m = i / window / group_channels;
    const int in_group = m % group_outputs;
    const INDEX item = ((INDEX)(m / group_outputs) * blocks + in_group / GEMM_NR) * channel_blocks +
                       c / channel_block;
    partial += item * block_size + (c % channel_block * window + t) * GEMM_NR + in_group % GEMM_NR;
    float sum = 0.0f;
    for (int s = 0; s < splits; s++) {
        sum += partial[s * groups * blocks * channel_blocks * block_size];
    }
    dw += dw_offset + m * dw_m + c * dw_c + t / kernel_w * dw_h + t % kernel_w * dw_w;
    *dw = accumulate ? *dw + sum : sum;
}
