/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution for processors where many elements of the input are 0, as behind relu or, going back to
 * the data, max pooling; for steps of 1 and windows 3 columns wide:
 *
 *   y[n][g][m][oh][ow] = activation(bias[g][m] + sum over c, kh, kw with x[g][c][h][w] != 0 of
 *       weight[g][m][c][kh][kw] * x[n][g][c][h][w]),   h = oh + top - kh, w = ow + left - kw
 *
 *   weight[g][m][c][kh][kw] = w[w_offset + g * w_group + m * w_m + c * w_c + kh * w_h + kw * w_w]
 *
 * This is the convolution backward to the data, x being dy and y being dx; forward, taps are read from
 * the last to the first.
 *
 * Vectors run along m. x is turned into a panel [row][w][c]. For one row of y and one kh the inner
 * loop goes along a row of x and takes each value that is not 0 times 3 taps of its c, onto the sums of
 * as many neighbouring columns, which lie in registers and move on with w.
 *
 * One kernel for two launches, one work-item a work-group, 1-D: PoCL compiles all of a program for
 * each kernel in it.
 *
 * With `packs` an item packs one c of a group and block of GEMM_NR results:
 * packed[group][block][kh][c][kw][m], 0 for results that there are not.
 *
 * Else an item does band_rows rows of y of an image, group and block. Local memory, the one item's
 * own: panel ((band_rows + kernel_h - 1) * width * panel_step floats, panel_step = channels of a
 * group rounded up to a multiple of WORD), words (one for each WORD of these), out (band_rows *
 * out_pitch * GEMM_NR floats; column ow of y at ow + left).
 *
 * Macros: GEMM_W, GEMM_NV (vectors of results), ACTIVATION as in gemm_cpu.cl; INDEX.
 */
#include "common.cl"
#include "numbers.cl"
#include "conv2d_cpu_sparse.cl"

#define KERNEL_W 3
#define AHEAD 64     /* elements of x */
/* Words of channels that a pass takes: their weights stay in the first cache. */
#define PASS_WORDS (GEMM_NV == 4 ? 1 : 2)

/* Adds to `out` what one row of x gives through one row of taps, by the channels of `count` words. */
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
                const int c = i * WORD + LOWEST_BIT(left);
                const GEMM_VECTOR value = (GEMM_VECTOR)(panel[c]);
                const __global float *taps = w + c * (KERNEL_W * GEMM_NR);
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

/* `pixels` pixels of `out` begin with the bias, 0 where there is none; `results` are the block's. */
static inline void begin_sums(__local float *out, int pixels, const __global float *bias,
    INDEX bias_stride, int results) {
    float values[GEMM_NR];
    KEEP_ROLLED
    for (int m = 0; m < GEMM_NR; m++) {
        values[m] = bias && m < results ? bias[m * bias_stride] : 0.0f;
    }
    KEEP_ROLLED
    for (int i = 0; i < pixels; i++) {
#pragma unroll
        for (int v = 0; v < GEMM_NV; v++) {
            GEMM_STORE(GEMM_LOAD(v, values), v, out + i * GEMM_NR);
        }
    }
}

#define DATA_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                   \
    ANY_INDEX(x_offset) ANY_INDEX(x_n) ANY_INDEX(x_c) ANY_INDEX(x_h) ANY_INDEX(x_w)                \
    ANY_INDEX(y_offset) ANY_INDEX(y_n) ANY_INDEX(y_c) ANY_INDEX(y_h) ANY_INDEX(y_w)                \
    ANY_INDEX(w_offset) ANY_INDEX(w_group) ANY_INDEX(w_m) ANY_INDEX(w_c) ANY_INDEX(w_h)            \
    ANY_INDEX(w_w) ANY_INDEX(bias_offset) ANY_INDEX(bias_stride)                                   \
    ANY_INT(height) ANY_INT(width) ANY_INT(out_height) ANY_INT(out_width) ANY_INT(groups)          \
    ANY_INT(channels) ANY_INT(results) ANY_INT(kernel_h) ANY_INT(top) ANY_INT(left)                \
    ANY_INT(band_rows) ANY_INT(panel_step) ANY_INT(out_pitch) ANY_INT(accumulate) ANY_INT(packs)   \
    ACTIVATION_NUMBERS(ANY_FLOAT)
typedef struct data_numbers {
    NUMBER_MEMBERS(DATA_LIST)
} data_numbers;

/* One c of a group and block of results. */
KEEP_APART static void pack_weights(
    const __global float *w, __global float *packed, int item, const data_numbers numbers) {
    NUMBERS(DATA_LIST)
    const int blocks = (results + GEMM_NR - 1) / GEMM_NR;
    const int c = item % channels;
    const int m0 = item / channels % blocks * GEMM_NR;
    const INDEX g = item / channels / blocks;
    const int row_floats = KERNEL_W * GEMM_NR;
    w += w_offset + g * w_group + c * w_c + m0 * w_m;
    packed += ((INDEX)(item / channels) * kernel_h * channels + c) * row_floats;
    KEEP_ROLLED
    for (int t = 0; t < kernel_h * KERNEL_W; t++) {
        const int kh = t / KERNEL_W, kw = t % KERNEL_W;
        __global float *to = packed + (INDEX)kh * channels * row_floats + kw * GEMM_NR;
        KEEP_ROLLED
        for (int m = 0; m < GEMM_NR; m++) {
            to[m] = m0 + m < results ? w[m * w_m + kh * w_h + kw * w_w] : 0.0f;
        }
    }
}

/* Rows of y of one image, group and block of results. */
KEEP_APART static void sum_rows(const __global float *x, const __global float *packed,
    __global float *y, const __global float *bias, __local float *panel, __local uint *words,
    __local float *out, int item, const data_numbers numbers) {
    NUMBERS(DATA_LIST)
    const int blocks = (results + GEMM_NR - 1) / GEMM_NR;
    const int bands = (out_height + band_rows - 1) / band_rows;
    const int row = item % bands * band_rows;
    const int rows = min(band_rows, out_height - row);
    const int block = item / bands % blocks;
    const INDEX g = item / bands / blocks % groups;
    const INDEX n = item / bands / blocks / groups;
    const INDEX m0 = g * results + block * GEMM_NR;
    const int block_results = min(GEMM_NR, results - block * GEMM_NR);
    const int first = row + top - (kernel_h - 1), panel_rows = rows + kernel_h - 1;
    const int row_words = panel_step / WORD, tap_floats = KERNEL_W * GEMM_NR;
    const image_layout layout = {x_c, x_h, x_w, height, width};
    const pixel_map map = {width, width, panel_step};
    load_rows(panel, &map, x + x_offset + n * x_n + g * channels * x_c, &layout, channels,
        panel_step, first, panel_rows, 0, AHEAD);
    KEEP_ROLLED
    for (int i = 0; i < panel_rows * width * row_words; i++) {
        words[i] = word_of(panel + i * WORD);
    }
    begin_sums(out, rows * out_pitch, bias ? bias + bias_offset + m0 * bias_stride : bias,
        bias_stride, block_results);
    packed += (g * blocks + block) * kernel_h * channels * tap_floats;
    KEEP_ROLLED
    for (int r = 0; r < rows; r++) {
        __local float *out_row = out + r * out_pitch * GEMM_NR;
        KEEP_ROLLED
        for (int i = 0; i < row_words; i += PASS_WORDS) {
            KEEP_ROLLED
            for (int kh = 0; kh < kernel_h; kh++) {
                const int h = row + r + top - kh, at = (h - first) * width;
                if (h >= 0 && h < height) {
                    sparse_row(panel + at * panel_step + i * WORD, panel_step,
                        words + at * row_words + i, row_words, min(PASS_WORDS, row_words - i),
                        width, packed + ((INDEX)kh * channels + i * WORD) * tap_floats, out_row);
                }
            }
        }
#if ACTIVATION != 0
        KEEP_ROLLED
        for (int i = 0; i < out_pitch * GEMM_NV; i++) {
            GEMM_STORE(CAT(activation_value_, GEMM_W)(GEMM_LOAD(i, out_row), ACTIVATION_PARAMETERS),
                i, out_row);
        }
#endif
    }
    const pixel_map from = {out_width, out_pitch, GEMM_NR};
    const bool touch = y_h == out_width * y_w;
    y += y_offset + n * y_n + m0 * y_c + row * y_h;
    KEEP_ROLLED
    for (int r = 0; r < (touch ? 1 : rows); r++) {
        store_run(y + r * y_h, y_c, y_w, out + (r * out_pitch + left) * GEMM_NR, &from,
            block_results, touch ? rows * out_width : out_width, accumulate);
    }
}

__kernel void conv2d_cpu_sparse_data(const __global float *x, const __global float *w,
    __global float *packed, __global float *y, const __global float *bias, __local float *panel,
    __local uint *words, __local float *out, const data_numbers numbers) {
    if (numbers.packs) {
        pack_weights(w, packed, get_group_id(0), numbers);
    } else {
        sum_rows(x, packed, y, bias, panel, words, out, get_group_id(0), numbers);
    }
}
