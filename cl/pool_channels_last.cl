/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pooling as in pool.cl, forward, where the channels of a pixel lie end to end, in x as in y: for
 * processors, by vectors of channels, VECTOR_WIDTH of them at least.
 *
 * pool2d_channels_last: work-item i makes rows [i * chunk, (i + 1) * chunk) of the N * OH rows of
 * y. The last vector of a pixel begins VECTOR_WIDTH before the channels' end, so that some channels
 * may be done twice, with the same result. Macros: AVERAGE (0: max), VECTOR_WIDTH.
 */
#include "common.cl"
#include "pool_geometry.cl"
#include "vector.cl"

/* Vectors of neighbouring channels that go through a window together. */
#define TOGETHER 4

#define FLOATV FLOATS(VECTOR_WIDTH)

/* The same NaN and the same zero as pool.cl. */
static inline FLOATV combine(FLOATV a, FLOATV b) {
#if AVERAGE
    return a + b;
#else
    return ((a >= b) | (a != a)) ? a : b;
#endif
}

typedef struct pixel_window {
    INDEX rows, columns, row_step, column_step;
    float divisor;
} pixel_window;

/* `count` vectors of one pixel, TOGETHER at most; x: the window's first element of them. */
static inline void pool_vectors(
    const global float *x, global float *y, const pixel_window *window, const int count) {
    FLOATV result[TOGETHER];
#pragma unroll
    for (int i = 0; i < count; i++) {
#if AVERAGE
        result[i] = 0.0f;
#else
        result[i] = LOAD(VECTOR_WIDTH, x + i * VECTOR_WIDTH);
#endif
    }
    KEEP_ROLLED
    for (INDEX h = 0; h < window->rows; h++) {
        const global float *from = x + h * window->row_step;
        KEEP_ROLLED
        for (INDEX w = 0; w < window->columns; w++) {
#pragma unroll
            for (int i = 0; i < count; i++) {
                result[i] = combine(result[i], LOAD(VECTOR_WIDTH, from + i * VECTOR_WIDTH));
            }
            from += window->column_step;
        }
    }
#pragma unroll
    for (int i = 0; i < count; i++) {
#if AVERAGE
        result[i] /= window->divisor;
#endif
        STORE(VECTOR_WIDTH, result[i], y + i * VECTOR_WIDTH);
    }
}

static inline void pool_pixel(
    const global float *x, global float *y, const pixel_window *window, INDEX channels) {
    INDEX c = 0;
    KEEP_ROLLED
    for (; c + TOGETHER * VECTOR_WIDTH <= channels; c += TOGETHER * VECTOR_WIDTH) {
        pool_vectors(x + c, y + c, window, TOGETHER);
    }
    KEEP_ROLLED
    for (; c < channels; c += VECTOR_WIDTH) {
        const INDEX at = min(c, channels - VECTOR_WIDTH);
        pool_vectors(x + at, y + at, window, 1);
    }
}

kernel void pool2d_channels_last(
    const global float *x, global float *y, const forward_numbers numbers) {
    NUMBERS(FORWARD_LIST)
    const INDEX first = (INDEX)get_global_id(0) * chunk;
    if (first >= items) {
        return;
    }
    const INDEX last = first + min(chunk, items - first);
    pixel_window window = {.row_step = x_h, .column_step = x_w};
    for (INDEX row = first; row < last; row++) {
        const INDEX n = row / out_height, oh = row % out_height;
        const INDEX h0 = max(oh * step_h - top, (INDEX)0);
        window.rows = min(oh * step_h - top + window_h, height) - h0;
        const global float *from = x + (x_offset + n * x_n + h0 * x_h);
        global float *to = y + (y_offset + n * y_n + oh * y_h);
        for (INDEX ow = 0; ow < out_width; ow++) {
            const INDEX w0 = max(ow * step_w - left, (INDEX)0);
            window.columns = min(ow * step_w - left + window_w, width) - w0;
            window.divisor =
                (float)(count_padding ? window_h * window_w : window.rows * window.columns);
            pool_pixel(from + w0 * x_w, to + ow * y_w, &window, channels);
        }
    }
}
