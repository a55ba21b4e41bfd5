/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Depthwise convolution for processors where the channels of a pixel lie end to end, in x as in y:
 *
 *   y[n][oh][ow][c] = activation(bias[c] + sum over th, tw of
 *       w[c][th][tw] *
 *       x[n][oh * stride_h + th * dilation_h - top][ow * STRIDE_W + tw * DILATION_W - left][c])
 *
 * where elements outside x count as 0. A tile is TILE neighbouring pixels of a row of y by a vector of
 * channels, in registers; its columns of x are read once for each row of the window. Rows of padding
 * cost nothing, columns of padding are zeros.
 *
 * Weights are panels of conv2d_cpu_channels_last_pack.cl: [vector][th][tw][lane], the last vector
 * beginning VECTOR before the channels' end.
 *
 * Geometry: one work-item a work-group, 1-D: item_rows rows of y of an image by item_vectors vectors.
 * The last vector overlaps the one before, so both are of one item.
 * Macros: VECTOR, floats in a vector; TILE; KERNEL_W, STRIDE_W, DILATION_W; ACTIVATION as in
 * activation.cl; INDEX.
 */
#include "common.cl"
#include "numbers.cl"
#include "vector.cl"
#if ACTIVATION != 0
#define ACTIVATION_WIDTH VECTOR
#include "activation.cl"
#endif

#define FLOATV FLOATS(VECTOR)
#define COLUMNS ((TILE - 1) * STRIDE_W + (KERNEL_W - 1) * DILATION_W + 1)

static inline FLOATV activate(FLOATV value, float slope) {
#if ACTIVATION != 0
    return CAT(activation_value_, VECTOR)(value, slope);
#else
    return value;
#endif
}

/* Where the window's rows lie for a tile. */
typedef struct window_rows {
    INDEX tap_h, x_w;
    int first_kh, end_kh;
    int column, width; /* of the first tap; of x */
} window_rows;

/* `x` is tap (0, 0) of the first pixel; inside: every column read lies inside x. */
static inline void add_taps(const __global float *base, INDEX x, const window_rows *rows,
    const __global float *weights, const bool inside, FLOATV *sums) {
    KEEP_ROLLED
    for (int kh = rows->first_kh; kh < rows->end_kh; kh++) {
        const INDEX row = x + kh * rows->tap_h;
        FLOATV w[KERNEL_W];
#pragma unroll
        for (int i = 0; i < KERNEL_W; i++) {
            w[i] = LOAD(VECTOR, weights + (kh * KERNEL_W + i) * VECTOR);
        }
#pragma unroll
        for (int j = 0; j < COLUMNS; j++) {
            FLOATV value = (FLOATV)(0.0f);
            if (inside || (uint)(rows->column + j) < (uint)rows->width) {
                value = LOAD(VECTOR, base + row + j * rows->x_w);
            }
#pragma unroll
            for (int i = 0; i < KERNEL_W; i++) {
                const int p = j - i * DILATION_W;
                if (p >= 0 && p % STRIDE_W == 0 && p / STRIDE_W < TILE) {
                    sums[p / STRIDE_W] = FMA(value, w[i], sums[p / STRIDE_W]);
                }
            }
        }
    }
}

#define LAST_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                   \
    ANY_INDEX(x_offset) ANY_INDEX(x_n) ANY_INDEX(x_h) ANY_INDEX(x_w) ANY_INDEX(y_offset)           \
    ANY_INDEX(y_n) ANY_INDEX(y_h) ANY_INDEX(y_w) ANY_INDEX(bias_offset) ANY_INDEX(bias_stride)     \
    ANY_INT(height) ANY_INT(width) ANY_INT(out_height) ANY_INT(out_width) ANY_INT(channels)        \
    ANY_INT(stride_h) ANY_INT(top) ANY_INT(left) ANY_INT(taps_h) ANY_INT(dilation_h)               \
    ANY_INT(item_rows) ANY_INT(item_vectors) ANY_FLOAT(slope)
typedef struct last_numbers {
    NUMBER_MEMBERS(LAST_LIST)
} last_numbers;

__kernel void conv2d_cpu_channels_last_depthwise(const __global float *x, __global float *y,
    const __global float *panels, const __global float *bias, const last_numbers numbers) {
    NUMBERS(LAST_LIST)
    const int vectors = (channels + VECTOR - 1) / VECTOR;
    const int pieces = max(vectors / item_vectors, 1);
    const int parts = (out_height + item_rows - 1) / item_rows;
    int item = get_group_id(0);
    const int piece = item % pieces;
    const int vector_begin = piece * item_vectors;
    const int vector_end = piece == pieces - 1 ? vectors : vector_begin + item_vectors;
    item /= pieces;
    const int row_begin = item % parts * item_rows;
    const int row_end = min(row_begin + item_rows, out_height);
    const INDEX n = item / parts;
    window_rows rows = {.tap_h = dilation_h * x_h, .x_w = x_w, .width = width};
    for (int oh = row_begin; oh < row_end; oh++) {
        const int ih = oh * stride_h - top;
        rows.first_kh = ih < 0 ? (dilation_h - 1 - ih) / dilation_h : 0;
        rows.end_kh = min(taps_h, (height - 1 - ih + dilation_h) / dilation_h);
        for (int ow = 0; ow < out_width; ow += TILE) {
            rows.column = ow * STRIDE_W - left;
            const bool inside = rows.column >= 0 && rows.column + COLUMNS <= width;
            const INDEX at = x_offset + n * x_n + ih * x_h + rows.column * x_w;
            __global float *target = y + y_offset + n * y_n + oh * y_h + ow * y_w;
            const int count = min(out_width - ow, TILE);
            for (int v = vector_begin; v < vector_end; v++) {
                const int c = min(v * VECTOR, channels - VECTOR);
                const __global float *weights = panels + v * (taps_h * KERNEL_W * VECTOR);
                FLOATV added = (FLOATV)(0.0f);
                if (bias) {
                    const __global float *from = bias + bias_offset + c * bias_stride;
                    added = bias_stride == 1 ? LOAD(VECTOR, from) : GATHER(VECTOR, from, bias_stride);
                }
                FLOATV sums[TILE];
#pragma unroll
                for (int p = 0; p < TILE; p++) {
                    sums[p] = added;
                }
                if (inside) {
                    add_taps(x, at + c, &rows, weights, true, sums);
                } else {
                    add_taps(x, at + c, &rows, weights, false, sums);
                }
#if ACTIVATION <= 2
#pragma unroll
                for (int p = 0; p < TILE; p++) {
                    if (p < count) {
                        STORE(VECTOR, activate(sums[p], slope), target + p * y_w + c);
                    }
                }
#else
                /* Once, not for each of the tile's vectors: an activation is much code. */
                float kept[TILE * VECTOR];
#pragma unroll
                for (int p = 0; p < TILE; p++) {
                    STORE(VECTOR, sums[p], kept + p * VECTOR);
                }
                KEEP_ROLLED
                for (int p = 0; p < count; p++) {
                    STORE(VECTOR, activate(LOAD(VECTOR, kept + p * VECTOR), slope),
                        target + p * y_w + c);
                }
#endif
            }
        }
    }
}
