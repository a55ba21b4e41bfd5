/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution backward to the weights for processors where most of dy is 0, as behind max pooling:
 *
 *   dw[m][c][kh][kw] = sum over images and pixels (oh, ow) with dy[m][oh][ow] != 0 of
 *       dy[m][oh][ow] * x[c][oh*stride_h - top + kh][ow*stride_w - left + kw], 0 outside x
 *
 * Vectors run along c: x is turned into a zero-bordered patch [row][column][c]. For one m the inner
 * loop takes one element of dy that is not 0: a value times 3 rows of 3 pixels of the patch, as they
 * lie, onto the sums of 3 x 3 taps, all in registers. Larger windows go by squares of 3 x 3 taps; those
 * beyond the window are summed and dropped.
 *
 * One kernel for two launches, one work-item a work-group, 1-D, as in conv2d_cpu_weights.cl.
 *
 * With `splits` 0 an item sums split_images images for a group and a block of GEMM_NR input channels
 * into partial[split][group][block][m][square][tap][c]. Local memory, the one item's own: patch
 * (patch_rows * pitch * GEMM_NR floats and a vector), values and place (a float and an int for each
 * pixel of band_rows rows of dy, a multiple of WORD), words (a word for each WORD of these).
 *
 * Then, with their number in `splits`, dw (+)= the partial sums, added in order of the splits; an
 * item does one m of a group and block.
 *
 * Macros: GEMM_W, GEMM_NV (vectors of channels); INDEX.
 */
#include "common.cl"
#include "numbers.cl"
#include "conv2d_cpu_sparse.cl"

#define SIDE 3 /* of a square of taps */
#define TAPS (SIDE * SIDE)

#define EACH_TAP(X)                                                                                \
    X(0, 0) X(0, 1) X(0, 2) X(1, 0) X(1, 1) X(1, 2) X(2, 0) X(2, 1) X(2, 2)
#define TAP_SUM(kh, kw, v) sum_##kh##_##kw##_##v
#if GEMM_NV == 1
#define EACH_VECTOR(X, kh, kw) X(kh, kw, 0)
#else
#define EACH_VECTOR(X, kh, kw) X(kh, kw, 0) X(kh, kw, 1)
#endif

/* Adds one band's products to the sums of one m and square. Values whose bit in `words` is not set
 * are left out. */
KEEP_APART static void sparse_tile(const __local float *patch, int row_floats,
    const __local float *values, const __local int *place, const __local uint *words, int count,
    __global float *partial, bool first) {
#define DECLARE_SUM(kh, kw, v) GEMM_VECTOR TAP_SUM(kh, kw, v) = (GEMM_VECTOR)(0.0f);
#define DECLARE_TAP(kh, kw) EACH_VECTOR(DECLARE_SUM, kh, kw)
    EACH_TAP(DECLARE_TAP)
    for (int i = 0; i < count; i++) {
        uint left = words[i];
        while (left != 0) {
            const int bit = LOWEST_BIT(left);
            const GEMM_VECTOR value = (GEMM_VECTOR)(values[i * WORD + bit]);
            const __local float *row_0 = patch + place[i * WORD + bit];
            const __local float *row_1 = row_0 + row_floats, *row_2 = row_1 + row_floats;
            left &= left - 1;
#define ADD_SUM(kh, kw, v)                                                                         \
    TAP_SUM(kh, kw, v) = FMA(value, GEMM_LOAD(v, row_##kh + kw * GEMM_NR), TAP_SUM(kh, kw, v));
#define ADD_TAP(kh, kw) EACH_VECTOR(ADD_SUM, kh, kw)
            EACH_TAP(ADD_TAP)
        }
    }
#define SUM_PLACE(kh, kw, v) partial + ((kh * SIDE + kw) * GEMM_NR + v * GEMM_W)
#define PUT_SUM(kh, kw, v) GEMM_STORE(TAP_SUM(kh, kw, v), 0, SUM_PLACE(kh, kw, v));
#define PUT_TAP(kh, kw) EACH_VECTOR(PUT_SUM, kh, kw)
#define GROW_SUM(kh, kw, v)                                                                        \
    GEMM_STORE(GEMM_LOAD(0, SUM_PLACE(kh, kw, v)) + TAP_SUM(kh, kw, v), 0, SUM_PLACE(kh, kw, v));
#define GROW_TAP(kh, kw) EACH_VECTOR(GROW_SUM, kh, kw)
    if (first) {
        EACH_TAP(PUT_TAP)
    } else {
        EACH_TAP(GROW_TAP)
    }
}

#define WEIGHTS_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                \
    ANY_INDEX(x_offset) ANY_INDEX(x_n) ANY_INDEX(x_c) ANY_INDEX(x_h) ANY_INDEX(x_w)                \
    ANY_INDEX(dy_offset) ANY_INDEX(dy_n) ANY_INDEX(dy_c) ANY_INDEX(dy_h) ANY_INDEX(dy_w)           \
    ANY_INDEX(dw_offset) ANY_INDEX(dw_m) ANY_INDEX(dw_c) ANY_INDEX(dw_h) ANY_INDEX(dw_w)           \
    ANY_INT(images) ANY_INT(height) ANY_INT(width) ANY_INT(out_height) ANY_INT(out_width)          \
    ANY_INT(groups) ANY_INT(group_channels) ANY_INT(group_outputs) ANY_INT(kernel_h)               \
    ANY_INT(kernel_w) ANY_INT(stride_h) ANY_INT(stride_w) ANY_INT(top) ANY_INT(left)               \
    ANY_INT(split_images) ANY_INT(patch_rows) ANY_INT(pitch) ANY_INT(band_rows)                    \
    ANY_INT(accumulate) ANY_INT(splits)
typedef struct weights_numbers {
    NUMBER_MEMBERS(WEIGHTS_LIST)
} weights_numbers;

/* One m's rows of dy end to end, 0 behind them, and their words; the number of words. What lies `ahead`
 * elements further on is asked for. */
static inline int read_band(__local float *values, __local uint *words, const __global float *dy,
    INDEX dy_h, INDEX dy_w, int rows, int width, INDEX ahead) {
    const bool touch = dy_w == 1 && dy_h == width;
    const int runs = touch ? 1 : rows, length = touch ? rows * width : width;
    const int count = (rows * width + WORD - 1) / WORD;
    int at = 0;
    KEEP_ROLLED
    for (int run = 0; run < runs; run++) {
        const __global float *from = dy + run * dy_h;
        int i = 0;
        if (dy_w == 1 && length >= GEMM_W) {
            /* The last vector overlaps the one before. */
            KEEP_ROLLED
            for (; i < length; i += GEMM_W) {
                const int begin = min(i, length - GEMM_W);
                GEMM_STORE(GEMM_LOAD(0, from + begin), 0, values + at + begin);
                ASK_LINE(from + begin + ahead, 0);
            }
        }
        KEEP_ROLLED
        for (; i < length; i++) {
            values[at + i] = from[i * dy_w];
        }
        at += length;
    }
    KEEP_ROLLED
    while (at < count * WORD) {
        values[at++] = 0.0f;
    }
    KEEP_ROLLED
    for (int i = 0; i < count; i++) {
        words[i] = word_of(values + i * WORD);
    }
    return count;
}

/* The partial sums of item `item`. */
KEEP_APART static void sum_images(const __global float *x, const __global float *dy,
    __global float *partial, __local float *patch, __local float *values, __local int *place,
    __local uint *words, int item, const weights_numbers numbers) {
    NUMBERS(WEIGHTS_LIST)
    const int blocks = (group_channels + GEMM_NR - 1) / GEMM_NR;
    const int squares_w = (kernel_w + SIDE - 1) / SIDE;
    const int squares = (kernel_h + SIDE - 1) / SIDE * squares_w;
    const int c0 = item % blocks * GEMM_NR;
    const INDEX g = item / blocks % groups;
    const int split = item / blocks / groups;
    const int image_end = min((split + 1) * split_images, images);
    const int row_floats = pitch * GEMM_NR;
    const image_layout layout = {x_c, x_h, x_w, height, width};
    const pixel_map map = {width, pitch, GEMM_NR};

    /* Columns of padding stay 0 from here on. */
    clear(patch, patch_rows * row_floats);
    KEEP_ROLLED
    for (int i = 0; i < band_rows * out_width; i++) {
        place[i] = i / out_width * stride_h * row_floats + i % out_width * stride_w * GEMM_NR;
    }
    x += x_offset + (g * group_channels + c0) * x_c;
    dy += dy_offset + g * group_outputs * dy_c;
    partial += (INDEX)item * group_outputs * squares * TAPS * GEMM_NR;
    KEEP_ROLLED
    for (INDEX n = split * split_images; n < image_end; n++) {
        KEEP_ROLLED
        for (int row = 0; row < out_height; row += band_rows) {
            const int rows = min(band_rows, out_height - row);
            const bool first = n == split * split_images && row == 0;
            const bool last = row + rows == out_height; /* band; the next image's first comes next */
            load_rows(patch, &map, x + n * x_n, &layout, min(GEMM_NR, group_channels - c0), GEMM_NR,
                row * stride_h - top, patch_rows, left,
                last ? x_n - row * stride_h * x_h : rows * stride_h * x_h);
            KEEP_ROLLED
            for (int m = 0; m < group_outputs; m++) {
                const int count = read_band(values, words, dy + n * dy_n + m * dy_c + row * dy_h,
                    dy_h, dy_w, rows, out_width, m + 2 < group_outputs ? 2 * dy_c : 0);
                KEEP_ROLLED
                for (int s = 0; s < squares; s++) {
                    sparse_tile(patch + s / squares_w * SIDE * row_floats +
                                    s % squares_w * SIDE * GEMM_NR,
                        row_floats, values, place, words, count,
                        partial + ((INDEX)m * squares + s) * TAPS * GEMM_NR, first);
                }
            }
        }
    }
}

/* The gradients of item `item`. */
KEEP_APART static void sum_splits(const __global float *partial, __global float *dw, int item,
    const weights_numbers numbers) {
    NUMBERS(WEIGHTS_LIST)
    const int blocks = (group_channels + GEMM_NR - 1) / GEMM_NR;
    const int squares_w = (kernel_w + SIDE - 1) / SIDE;
    const int squares = (kernel_h + SIDE - 1) / SIDE * squares_w;
    const INDEX output_floats = squares * TAPS * GEMM_NR;
    const INDEX split_floats = (INDEX)groups * blocks * group_outputs * output_floats;
    const int m = item % group_outputs;
    const int c0 = item / group_outputs % blocks * GEMM_NR;
    const INDEX g = item / group_outputs / blocks;
    partial += item * output_floats;
    dw += dw_offset + (g * group_outputs + m) * dw_m + c0 * dw_c;
    KEEP_ROLLED
    for (int t = 0; t < kernel_h * kernel_w; t++) {
        const int kh = t / kernel_w, kw = t % kernel_w;
        const int square = kh / SIDE * squares_w + kw / SIDE;
        const int tap = square * TAPS + kh % SIDE * SIDE + kw % SIDE;
        KEEP_ROLLED
        for (int c = 0; c < min(GEMM_NR, group_channels - c0); c += GEMM_W) {
            const __global float *from = partial + tap * GEMM_NR + c;
            GEMM_VECTOR sum = GEMM_LOAD(0, from);
            KEEP_ROLLED
            for (int s = 1; s < splits; s++) {
                from += split_floats;
                sum += GEMM_LOAD(0, from);
            }
            float value[GEMM_W];
            GEMM_STORE(sum, 0, value);
            __global float *to = dw + c * dw_c + kh * dw_h + kw * dw_w;
            KEEP_ROLLED
            for (int i = 0; i < min(GEMM_W, group_channels - c0 - c); i++) {
                to[i * dw_c] = accumulate ? to[i * dw_c] + value[i] : value[i];
            }
        }
    }
}

__kernel void conv2d_cpu_sparse_weights(const __global float *x, const __global float *dy,
    __global float *partial, __global float *dw, __local float *patch, __local float *values,
    __local int *place, __local uint *words, const weights_numbers numbers) {
    if (numbers.splits == 0) {
        sum_images(x, dy, partial, patch, values, place, words, get_group_id(0), numbers);
    } else {
        sum_splits(partial, dw, get_group_id(0), numbers);
    }
}
