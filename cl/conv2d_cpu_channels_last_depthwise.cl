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
 * cost nothing, columns of padding a branch.
 *
 * Weights are panels of conv2d_cpu_channels_last_pack.cl: [vector][th][tw][lane], the last vector
 * beginning VECTOR before the channels' end.
 *
 * Geometry: one work-item a work-group, 1-D: item_rows rows of y of an image by item_vectors vectors.
 * The last vector overlaps the one before, so both are of one item.
 * Local memory, the one item's own: added, the bias by vectors of all channels.
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

static inline FLOATV activate(FLOATV value, float2 parameters) {
#if ACTIVATION != 0
    return CAT(activation_value_, VECTOR)(value, parameters);
#else
    return value;
#endif
}

/* Where the window's rows lie for a tile, and which of its columns lie inside x, a bit each. */
typedef struct window_place {
    INDEX tap_h, x_w;
    int first_kh, end_kh;
    ulong columns;
} window_place;

static inline ulong columns_inside(int column, int width) {
    const int begin = clamp(-column, 0, COLUMNS), end = clamp(width - column, begin, COLUMNS);
    return (((ulong)1 << end) - 1) & ~(((ulong)1 << begin) - 1);
}

/* Adds the rows of the window; x: the first column of row 0. */
static inline void add_rows(const __global float *x, const window_place *place,
    const __global float *weights, FLOATV *sums) {
    x += place->first_kh * place->tap_h;
    weights += place->first_kh * (KERNEL_W * VECTOR);
    const ulong columns = place->columns;
    KEEP_ROLLED
    for (int kh = place->first_kh; kh < place->end_kh; kh++) {
        FLOATV w[KERNEL_W];
#pragma unroll
        for (int i = 0; i < KERNEL_W; i++) {
            w[i] = LOAD(VECTOR, weights + i * VECTOR);
        }
#pragma unroll
        for (int j = 0; j < COLUMNS; j++) {
            if (columns >> j & 1) {
                const FLOATV value = LOAD(VECTOR, x + j * place->x_w);
#pragma unroll
                for (int i = 0; i < KERNEL_W; i++) {
                    const int p = j - i * DILATION_W;
                    if (p >= 0 && p % STRIDE_W == 0 && p / STRIDE_W < TILE) {
                        sums[p / STRIDE_W] = FMA(value, w[i], sums[p / STRIDE_W]);
                    }
                }
            }
        }
        x += place->tap_h;
        weights += KERNEL_W * VECTOR;
    }
}

/* A tile of one vector of channels. */
static inline void compute_tile(const __global float *x, const window_place *place,
    const __global float *weights, const __local float *added, __global float *y, INDEX y_w,
    int count, float2 parameters) {
    FLOATV sums[TILE];
#pragma unroll
    for (int p = 0; p < TILE; p++) {
        sums[p] = LOAD(VECTOR, added);
    }
    add_rows(x, place, weights, sums);
#if ACTIVATION <= 2
#pragma unroll
    for (int p = 0; p < TILE; p++) {
        if (p < count) {
            STORE(VECTOR, activate(sums[p], parameters), y + p * y_w);
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
        STORE(VECTOR, activate(LOAD(VECTOR, kept + p * VECTOR), parameters), y + p * y_w);
    }
#endif
}

#define LAST_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                   \
    ANY_INDEX(x_offset) ANY_INDEX(x_n) ANY_INDEX(x_h) ANY_INDEX(x_w) ANY_INDEX(y_offset)           \
    ANY_INDEX(y_n) ANY_INDEX(y_h) ANY_INDEX(y_w) ANY_INDEX(bias_offset) ANY_INDEX(bias_stride)     \
    ANY_INT(height) ANY_INT(width) ANY_INT(out_height) ANY_INT(out_width) ANY_INT(channels)        \
    ANY_INT(stride_h) ANY_INT(top) ANY_INT(left) ANY_INT(taps_h) ANY_INT(dilation_h)               \
    ANY_INT(item_rows) ANY_INT(item_vectors) ACTIVATION_NUMBERS(ANY_FLOAT)
typedef struct last_numbers {
    NUMBER_MEMBERS(LAST_LIST)
} last_numbers;

__kernel void conv2d_cpu_channels_last_depthwise(const __global float *x, __global float *y,
    const __global float *panels, const __global float *bias, __local float *added,
    const last_numbers numbers) {
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
    for (int i = vector_begin * VECTOR; i < vector_end * VECTOR; i++) {
        const int c = min(i / VECTOR * VECTOR, channels - VECTOR) + i % VECTOR;
        added[i] = bias ? bias[bias_offset + c * bias_stride] : 0.0f;
    }
    window_place place = {.tap_h = dilation_h * x_h, .x_w = x_w};
    const int panel = taps_h * KERNEL_W * VECTOR, last = channels - VECTOR;
    y += y_offset + n * y_n;
    for (int oh = row_begin; oh < row_end; oh++) {
        const int ih = oh * stride_h - top;
        place.first_kh = ih < 0 ? (dilation_h - 1 - ih) / dilation_h : 0;
        place.end_kh = min(taps_h, (height - 1 - ih + dilation_h) / dilation_h);
        for (int ow = 0; ow < out_width; ow += TILE) {
            const int column = ow * STRIDE_W - left;
            const INDEX at = x_offset + n * x_n + ih * x_h + column * x_w;
            __global float *target = y + oh * y_h + ow * y_w;
            const int count = min(out_width - ow, TILE);
            const __global float *weights = panels + vector_begin * panel;
            place.columns = columns_inside(column, width);
            for (int v = vector_begin; v < vector_end; v++) {
                const int c = min(v * VECTOR, last);
                compute_tile(x + (at + c), &place, weights, added + v * VECTOR, target + c, y_w,
                    count, ACTIVATION_PARAMETERS);
                weights += panel;
            }
        }
    }
}
