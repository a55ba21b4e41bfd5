/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution backward to the data for processors where most of dy is 0, as behind max pooling, for
 * steps of 1 and windows 3 columns wide:
 *
 *   dx[c][h][w] = sum over m, kh, kw with dy[m][oh][ow] != 0 of dy[m][oh][ow] * weight[m][c][kh][kw],
 *   oh = h + top - kh, ow = w + left - kw
 *
 * Vectors run along c. dy is turned into a panel [row][ow][m]. For one row of dx and one kh the inner
 * loop goes along a row of dy and takes each value that is not 0 times 3 taps of its m, onto
 * the sums of as many neighbouring columns, which lie in registers and move on with ow.
 *
 * One kernel for two launches, one work-item a work-group, 1-D: PoCL compiles all of a program for
 * each kernel in it.
 *
 * With `packs` an item packs one m of a group and block of GEMM_NR channels:
 * packed[group][block][kh][m][kw][c], 0 for channels that there are not.
 *
 * Else an item does band_rows rows of dx of an image, group and block. Local memory, the one item's
 * own: panel ((band_rows + kernel_h - 1) * out_width * panel_step floats, panel_step = outputs of a
 * group rounded up to a multiple of WORD), words (one for each WORD of these), out (band_rows *
 * out_pitch * GEMM_NR floats; column w of dx at w + left).
 *
 * Macros: GEMM_W, GEMM_NV (vectors of channels); INDEX.
 */
#include "common.cl"
#include "numbers.cl"
#include "conv2d_cpu_sparse.cl"

#define KERNEL_W 3
#define AHEAD 64     /* elements of dy */
#define PASS_WORDS 2 /* words of outputs that a pass takes: their weights stay in the first cache */

/* Adds to `out` what one row of dy gives through one row of taps, by the outputs of `count` words. */
KEEP_APART static void sparse_row(const __local float *panel, int panel_step,
    const __local uint *words, int words_step, int count, int columns, const __global float *w,
    __local float *out) {
    GEMM_VECTOR sum[KERNEL_W][GEMM_NV];
#pragma unroll
    for (int i = 0; i < KERNEL_W * GEMM_NV; i++) {
        sum[i / GEMM_NV][i % GEMM_NV] = (GEMM_VECTOR)(0.0f);
    }
    for (int column = 0; column < columns; column++) {
        for (int i = 0; i < count; i++) {
            uint left = words[i];
            while (left != 0) {
                const int m = i * WORD + LOWEST_BIT(left);
                const GEMM_VECTOR value = (GEMM_VECTOR)(panel[m]);
                const __global float *taps = w + m * (KERNEL_W * GEMM_NR);
                left &= left - 1;
#pragma unroll
                for (int k = 0; k < KERNEL_W * GEMM_NV; k++) {
                    sum[k / GEMM_NV][k % GEMM_NV] =
                        FMA(value, GEMM_LOAD(k, taps), sum[k / GEMM_NV][k % GEMM_NV]);
                }
            }
        }
#pragma unroll
        for (int v = 0; v < GEMM_NV; v++) {
            GEMM_STORE(GEMM_LOAD(v, out) + sum[0][v], v, out);
#pragma unroll
            for (int k = 0; k + 1 < KERNEL_W; k++) {
                sum[k][v] = sum[k + 1][v];
            }
            sum[KERNEL_W - 1][v] = (GEMM_VECTOR)(0.0f);
        }
        panel += panel_step;
        words += words_step;
        out += GEMM_NR;
    }
#pragma unroll
    for (int k = 0; k < (KERNEL_W - 1) * GEMM_NV; k++) {
        GEMM_STORE(GEMM_LOAD(k, out) + sum[k / GEMM_NV][k % GEMM_NV], k, out);
    }
}

/* to[c * stride_c + i * stride_w] (+)= from[place of pixel i][c]. */
static inline void store_run(__global float *to, INDEX stride_c, INDEX stride_w,
    const __local float *from, const pixel_map *map, int channels, int count, int accumulate) {
    KEEP_ROLLED
    for (int c = 0; c < channels; c += GEMM_W) {
        __global float *target = to + c * stride_c;
        const int lanes = min(GEMM_W, channels - c);
        int i = 0;
        KEEP_ROLLED
        while (lanes == GEMM_W && stride_w == 1 && i < count) {
            if (i + GEMM_W > count) {
                /* The last vector overlaps the one before, where that does no harm. */
                if (accumulate || count < GEMM_W) {
                    break;
                }
                i = count - GEMM_W;
            }
            GEMM_VECTOR row[GEMM_W];
            EACH_PIXEL_OF_A_VECTOR(map, i, place) {
                row[lane] = GEMM_LOAD(0, from + place + c);
                NEXT_PIXEL(map, place)
            }
            turn(row);
#pragma unroll
            for (int k = 0; k < GEMM_W; k++) {
                __global float *run = target + k * stride_c + i;
                GEMM_STORE(accumulate ? row[k] + GEMM_LOAD(0, run) : row[k], 0, run);
            }
            i += GEMM_W;
        }
        KEEP_ROLLED
        for (; i < count; i++) {
            const __local float *pixel = from + pixel_place(map, i) + c;
            __global float *element = target + i * stride_w;
            if (lanes == GEMM_W && stride_c == 1 && !accumulate) {
                GEMM_STORE(GEMM_LOAD(0, pixel), 0, element);
                continue;
            }
            KEEP_ROLLED
            for (int k = 0; k < lanes; k++) {
                element[k * stride_c] =
                    accumulate ? element[k * stride_c] + pixel[k] : pixel[k];
            }
        }
    }
}

#define DATA_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                   \
    ANY_INDEX(dy_offset) ANY_INDEX(dy_n) ANY_INDEX(dy_c) ANY_INDEX(dy_h) ANY_INDEX(dy_w)           \
    ANY_INDEX(w_offset) ANY_INDEX(w_m) ANY_INDEX(w_c) ANY_INDEX(w_h) ANY_INDEX(w_w)                \
    ANY_INDEX(dx_offset) ANY_INDEX(dx_n) ANY_INDEX(dx_c) ANY_INDEX(dx_h) ANY_INDEX(dx_w)           \
    ANY_INT(height) ANY_INT(width) ANY_INT(out_height) ANY_INT(out_width) ANY_INT(groups)          \
    ANY_INT(group_channels) ANY_INT(group_outputs) ANY_INT(kernel_h) ANY_INT(top) ANY_INT(left)    \
    ANY_INT(band_rows) ANY_INT(panel_step) ANY_INT(out_pitch) ANY_INT(accumulate) ANY_INT(packs)
typedef struct data_numbers {
    NUMBER_MEMBERS(DATA_LIST)
} data_numbers;

/* One m of a group and block of channels. */
KEEP_APART static void pack_weights(
    const __global float *w, __global float *packed, int item, const data_numbers numbers) {
    NUMBERS(DATA_LIST)
    const int blocks = (group_channels + GEMM_NR - 1) / GEMM_NR;
    const int m = item % group_outputs;
    const int c0 = item / group_outputs % blocks * GEMM_NR;
    const INDEX g = item / group_outputs / blocks;
    const int row_floats = KERNEL_W * GEMM_NR;
    w += w_offset + (g * group_outputs + m) * w_m + c0 * w_c;
    packed += ((INDEX)(item / group_outputs) * kernel_h * group_outputs + m) * row_floats;
    KEEP_ROLLED
    for (int t = 0; t < kernel_h * KERNEL_W; t++) {
        const int kh = t / KERNEL_W, kw = t % KERNEL_W;
        __global float *to = packed + (INDEX)kh * group_outputs * row_floats + kw * GEMM_NR;
        KEEP_ROLLED
        for (int c = 0; c < GEMM_NR; c++) {
            to[c] = c0 + c < group_channels ? w[c * w_c + kh * w_h + kw * w_w] : 0.0f;
        }
    }
}

/* Rows of dx of one image, group and block of channels. */
KEEP_APART static void sum_rows(const __global float *dy, const __global float *packed,
    __global float *dx, __local float *panel, __local uint *words, __local float *out, int item,
    const data_numbers numbers) {
    NUMBERS(DATA_LIST)
    const int blocks = (group_channels + GEMM_NR - 1) / GEMM_NR;
    const int bands = (height + band_rows - 1) / band_rows;
    const int row = item % bands * band_rows;
    const int rows = min(band_rows, height - row);
    const int block = item / bands % blocks;
    const INDEX g = item / bands / blocks % groups;
    const INDEX n = item / bands / blocks / groups;
    const int first = row + top - (kernel_h - 1), panel_rows = rows + kernel_h - 1;
    const int row_words = panel_step / WORD, tap_floats = KERNEL_W * GEMM_NR;
    const image_layout layout = {dy_c, dy_h, dy_w, out_height, out_width};
    const pixel_map map = {out_width, out_width, panel_step};
    load_rows(panel, &map, dy + dy_offset + n * dy_n + g * group_outputs * dy_c, &layout,
        group_outputs, panel_step, first, panel_rows, 0, AHEAD);
    KEEP_ROLLED
    for (int i = 0; i < panel_rows * out_width * row_words; i++) {
        words[i] = word_of(panel + i * WORD);
    }
    clear(out, rows * out_pitch * GEMM_NR);
    packed += (g * blocks + block) * kernel_h * group_outputs * tap_floats;
    KEEP_ROLLED
    for (int r = 0; r < rows; r++) {
        KEEP_ROLLED
        for (int i = 0; i < row_words; i += PASS_WORDS) {
            KEEP_ROLLED
            for (int kh = 0; kh < kernel_h; kh++) {
                const int oh = row + r + top - kh, at = (oh - first) * out_width;
                if (oh >= 0 && oh < out_height) {
                    sparse_row(panel + at * panel_step + i * WORD, panel_step,
                        words + at * row_words + i, row_words, min(PASS_WORDS, row_words - i),
                        out_width,
                        packed + ((INDEX)kh * group_outputs + i * WORD) * tap_floats,
                        out + r * out_pitch * GEMM_NR);
                }
            }
        }
    }
    const pixel_map from = {width, out_pitch, GEMM_NR};
    const bool touch = dx_h == width * dx_w;
    dx += dx_offset + n * dx_n + (g * group_channels + block * GEMM_NR) * dx_c + row * dx_h;
    KEEP_ROLLED
    for (int r = 0; r < (touch ? 1 : rows); r++) {
        store_run(dx + r * dx_h, dx_c, dx_w, out + (r * out_pitch + left) * GEMM_NR, &from,
            min(GEMM_NR, group_channels - block * GEMM_NR), touch ? rows * width : width,
            accumulate);
    }
}

__kernel void conv2d_cpu_sparse_data(const __global float *dy, const __global float *w,
    __global float *packed, __global float *dx, __local float *panel, __local uint *words,
    __local float *out, const data_numbers numbers) {
    if (numbers.packs) {
        pack_weights(w, packed, get_group_id(0), numbers);
    } else {
        sum_rows(dy, packed, dx, panel, words, out, get_group_id(0), numbers);
    }
}
