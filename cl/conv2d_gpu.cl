/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution on GPUs as implicit GEMM: the tile is gemm_gpu.cl's, this file loads its operands
 * straight from the tensors and stores its sums. For each group, C = group_channels and
 * M = group_outputs:
 *
 *   DIRECTION 0, forward:  y[m][pixel of y] = sum over (c, kh, kw) of w[m][(c, kh, kw)] * window
 *   DIRECTION 1, data:     dx[c][pixel of x] = sum over (m, kh, kw) of w[m][c][kh, kw] * dy at
 *                          ((h + top - kh * dilation_h) / stride_h, ...), 0 where that is no pixel
 *   DIRECTION 2, weights:  dw[m][(c, kh, kw)] = sum over pixels of y of dy[m][pixel] * window
 *
 * Pixels are counted through all images. In direction 2 part number p sums `part_terms` pixels into
 * partial[p][group][m][(c, kh, kw)], which conv2d_gpu_sum adds up in order.
 *
 * conv2d_gpu: global size (tiles across columns * GEMM_TX, tiles across rows * GEMM_TY,
 * groups * parts), local size (GEMM_TX, GEMM_TY, 1), tiles taken in bands of `band` rows; local memory as
 * gemm_gpu.cl says.
 * conv2d_gpu_sum: an item an element of dw in row-major order, 1-D, any work-group.
 * Directions 0 and 1 add a bias and end in an activation. With DEEP the
 * images are those of all n and depths, and a tap's channel stands for channel and depth of the
 * window, channel * kernel_d + kd. Macros: DIRECTION, ACTIVATION (0 in direction 2), DEEP, GEMM_TX, GEMM_TY, GEMM_RM, GEMM_RN, GEMM_TILE_K, INDEX.
 */
#include "common.cl"
#include "numbers.cl"
#define GEMM_A_ALONG_K 1
#define GEMM_B_ALONG_K (DIRECTION == 2)
#include "gemm_gpu.cl"
#define ACTIVATION_WIDTH 1
#include "activation.cl"

typedef struct convolution {
    INDEX x_n, x_c, x_h, x_w, w_m, w_c, w_h, w_w, y_n, y_c, y_h, y_w;
    int height, width, out_height, out_width, kernel_h, kernel_w, stride_h, stride_w, top, left;
    int dilation_h, dilation_w;
#if DEEP
    INDEX x_d, w_d, y_d;
    int depth, out_depth, kernel_d, stride_d, front, dilation_d;
#endif
} convolution;

/* Where image n, or channel c with its depth of the window, begins. */
#if DEEP
#define X_IMAGE(v, n) ((n) / (v)->depth * (v)->x_n + (n) % (v)->depth * (v)->x_d)
#define Y_IMAGE(v, n) ((n) / (v)->out_depth * (v)->y_n + (n) % (v)->out_depth * (v)->y_d)
#define W_DEPTH(v, c) ((c) % (v)->kernel_d * (v)->w_d)
#define CHANNEL(v, c) ((c) / (v)->kernel_d)
#else
#define X_IMAGE(v, n) ((n) * (v)->x_n)
#define Y_IMAGE(v, n) ((n) * (v)->y_n)
#define W_DEPTH(v, c) 0
#define CHANNEL(v, c) (c)
#endif

typedef struct pixel {
    INDEX n;
    int h, w;
} pixel;

static inline pixel pixel_at(INDEX i, int height, int width) {
    const int in_image = (int)(i % ((INDEX)height * width));
    return (pixel){i / ((INDEX)height * width), in_image / width, in_image % width};
}

static inline void pixel_next(pixel *p, int height, int width) {
    if (++p->w == width) {
        p->w = 0;
        if (++p->h == height) {
            p->h = 0;
            p->n++;
        }
    }
}

/* A term or column (channel, kh, kw). */
typedef struct tap {
    int c, h, w;
} tap;

static inline tap tap_at(INDEX i, int kernel_h, int kernel_w) {
    const int k = (int)i, window = kernel_h * kernel_w;
    return (tap){k / window, k % window / kernel_w, k % kernel_w};
}

static inline void tap_next(tap *t, int kernel_h, int kernel_w) {
    if (++t->w == kernel_w) {
        t->w = 0;
        if (++t->h == kernel_h) {
            t->h = 0;
            t->c++;
        }
    }
}

/* What pixel p of y sees of x through a tap. */
static inline float window_value(
    const __global float *x, const convolution *v, pixel p, tap t) {
    const int h = p.h * v->stride_h - v->top + t.h * v->dilation_h;
    const int w = p.w * v->stride_w - v->left + t.w * v->dilation_w;
    INDEX image = 0;
    bool inside = h >= 0 && h < v->height && w >= 0 && w < v->width;
#if DEEP
    const int d = p.n % v->out_depth * v->stride_d - v->front + t.c % v->kernel_d * v->dilation_d;
    inside = inside && d >= 0 && d < v->depth;
    image = p.n / v->out_depth * v->x_n + d * v->x_d;
#else
    image = X_IMAGE(v, p.n);
#endif
    return inside ? x[image + CHANNEL(v, t.c) * v->x_c + h * v->x_h + w * v->x_w] : 0.0f;
}

/* The value of dy that reaches pixel p of dx through a tap. */
static inline float gradient_value(
    const __global float *dy, const convolution *v, pixel p, tap t) {
    const int h = p.h + v->top - t.h * v->dilation_h;
    const int w = p.w + v->left - t.w * v->dilation_w;
    const int oh = h / v->stride_h, ow = w / v->stride_w;
    INDEX image = 0;
    bool inside = h >= 0 && oh < v->out_height && oh * v->stride_h == h && w >= 0 &&
                  ow < v->out_width && ow * v->stride_w == w;
#if DEEP
    const int d = p.n % v->depth + v->front - t.c % v->kernel_d * v->dilation_d;
    const int od = d / v->stride_d;
    inside = inside && d >= 0 && od < v->out_depth && od * v->stride_d == d;
    image = p.n / v->depth * v->y_n + od * v->y_d;
#else
    image = Y_IMAGE(v, p.n);
#endif
    return inside ? dy[image + CHANNEL(v, t.c) * v->y_c + oh * v->y_h + ow * v->y_w] : 0.0f;
}

/* Terms k .. k + 3 of a row of weights; row counts m forward, c backward. */
static inline float4 load_weights(
    const __global float *w, const convolution *v, INDEX row, INDEX rows, INDEX k, INDEX end) {
    float values[4];
    tap t = tap_at(k, v->kernel_h, v->kernel_w);
    for (int i = 0; i < 4; i++) {
        const INDEX channel = CHANNEL(v, t.c);
        const INDEX m = DIRECTION == 0 ? row : channel, c = DIRECTION == 0 ? channel : row;
        values[i] = row < rows && k + i < end ? w[m * v->w_m + c * v->w_c + W_DEPTH(v, t.c) +
                                                    t.h * v->w_h + t.w * v->w_w]
                                              : 0.0f;
        tap_next(&t, v->kernel_h, v->kernel_w);
    }
    return vload4(0, values);
}

/* Term k of columns column .. column + 3, which are pixels of the result. */
static inline float4 load_pixels(const __global float *source, const convolution *v, INDEX column,
    INDEX columns, INDEX k, INDEX end, int height, int width) {
    float values[4];
    const tap t = tap_at(k, v->kernel_h, v->kernel_w);
    pixel p = pixel_at(column, height, width);
    for (int i = 0; i < 4; i++) {
        values[i] = 0.0f;
        if (k < end && column + i < columns) {
            values[i] = DIRECTION == 0 ? window_value(source, v, p, t)
                                       : gradient_value(source, v, p, t);
        }
        pixel_next(&p, height, width);
    }
    return vload4(0, values);
}

/* Pixels k .. k + 3 of dy in channel m. */
static inline float4 load_gradient(
    const __global float *dy, const convolution *v, INDEX m, INDEX rows, INDEX k, INDEX end) {
    float values[4];
    pixel p = pixel_at(k, v->out_height, v->out_width);
    for (int i = 0; i < 4; i++) {
        values[i] = m < rows && k + i < end
                        ? dy[Y_IMAGE(v, p.n) + m * v->y_c + p.h * v->y_h + p.w * v->y_w]
                        : 0.0f;
        pixel_next(&p, v->out_height, v->out_width);
    }
    return vload4(0, values);
}

/* A column's tap as pixels k .. k + 3 of y see it. */
static inline float4 load_windows(const __global float *x, const convolution *v, INDEX column,
    INDEX columns, INDEX k, INDEX end) {
    float values[4];
    const tap t = tap_at(column, v->kernel_h, v->kernel_w);
    pixel p = pixel_at(k, v->out_height, v->out_width);
    for (int i = 0; i < 4; i++) {
        values[i] = column < columns && k + i < end ? window_value(x, v, p, t) : 0.0f;
        pixel_next(&p, v->out_height, v->out_width);
    }
    return vload4(0, values);
}

#if DEEP
#define DEPTH_PARAMETERS                                                                           \
    INDEX x_d, INDEX w_d, INDEX y_d, int depth, int out_depth, int kernel_d, int stride_d,         \
        int front, int dilation_d,
#define DEPTH_MEMBERS , x_d, w_d, y_d, depth, out_depth, kernel_d, stride_d, front, dilation_d
#else
#define DEPTH_PARAMETERS
#define DEPTH_MEMBERS
#endif

__kernel __attribute__((reqd_work_group_size(GEMM_TX, GEMM_TY, 1))) void conv2d_gpu(
    const __global float *a, const __global float *b, __global float *result,
    const __global float *bias, INDEX x_offset, INDEX x_n, INDEX x_c, INDEX x_h, INDEX x_w,
    INDEX w_offset, INDEX w_m, INDEX w_c, INDEX w_h, INDEX w_w, INDEX y_offset, INDEX y_n,
    INDEX y_c, INDEX y_h, INDEX y_w, INDEX bias_offset, INDEX bias_stride, INDEX rows,
    INDEX columns, INDEX terms, INDEX part_terms, INDEX band, int groups, int group_channels,
    int group_outputs, int height, int width, int out_height, int out_width, int kernel_h,
    int kernel_w, int stride_h, int stride_w, int top, int left, int dilation_h, int dilation_w,
    DEPTH_PARAMETERS int accumulate, float activation_first, float activation_second) {
    GEMM_LOCAL_TILES;
    GEMM_SUMS
    const convolution v = {x_n, x_c, x_h, x_w, w_m, w_c, w_h, w_w, y_n, y_c, y_h, y_w, height,
        width, out_height, out_width, kernel_h, kernel_w, stride_h, stride_w, top, left,
        dilation_h, dilation_w DEPTH_MEMBERS};
    const INDEX g = (INDEX)get_group_id(2) % groups, part = (INDEX)get_group_id(2) / groups;
    const gemm_place place = gemm_tile(band);
    const INDEX first_row = place.row * GEMM_TILE_M, first_column = place.column * GEMM_TILE_N;
    const INDEX x_start = x_offset + g * group_channels * x_c;
    const INDEX w_start = w_offset + g * group_outputs * w_m;
    const INDEX y_start = y_offset + g * group_outputs * y_c;
    const INDEX from = part * part_terms, to = min(from + part_terms, terms);
#if DIRECTION == 2
    a += y_start;
    b += x_start;
#define LOAD_A(r, k) load_gradient(a, &v, first_row + (r), rows, k, to)
#define LOAD_B(c, k) load_windows(b, &v, first_column + (c), columns, k, to)
#else
#if DIRECTION == 0
    b += x_start;
    result += y_start;
    const int result_h = out_height, result_w = out_width;
#else
    b += y_start;
    result += x_start;
    const int result_h = height, result_w = width;
#endif
    a += w_start;
#define LOAD_A(r, k) load_weights(a, &v, first_row + (r), rows, k, to)
#define LOAD_B(c, k)                                                                               \
    load_pixels(b, &v, first_column + (c), columns, k, to, result_h, result_w)
#endif
    GEMM_RUN(from, to, LOAD_A, LOAD_B)
    UNROLLED for (int j = 0; j < GEMM_RN; j++) {
        const INDEX column = first_column + GEMM_COLUMN(j);
        if (column >= columns) {
            continue;
        }
#if DIRECTION != 2
        const pixel p = pixel_at(column, result_h, result_w);
#endif
        UNROLLED for (int i = 0; i < GEMM_RM; i++) {
            const INDEX row = first_row + GEMM_ROW(i);
            if (row >= rows) {
                continue;
            }
            float sums[4];
            vstore4(GEMM_SUM4(i, j / 4), 0, sums);
            const float sum = sums[j % 4];
#if DIRECTION == 2
            result[((part * groups + g) * rows + row) * columns + column] = sum;
#else
            const float offset = bias ? bias[bias_offset + (g * rows + row) * bias_stride] : 0.0f;
            const float value = activation_value_1(sum + offset, ACTIVATION_PARAMETERS);
#if DIRECTION == 0
            __global float *to = result + Y_IMAGE(&v, p.n) + row * y_c + p.h * y_h + p.w * y_w;
#else
            __global float *to = result + X_IMAGE(&v, p.n) + row * x_c + p.h * x_h + p.w * x_w;
#endif
            *to = accumulate ? *to + value : value;
#endif
        }
    }
}

__kernel void conv2d_gpu_sum(const __global float *partial, __global float *dw, INDEX dw_offset,
    INDEX dw_m, INDEX dw_c, INDEX dw_h, INDEX dw_w, INDEX dw_d, INDEX count, INDEX columns,
    int kernel_h, int kernel_w, int kernel_d, int parts, int accumulate) {
    const INDEX i = get_global_id(0);
    if (i >= count) {
        return;
    }
    float sum = 0.0f;
    for (int part = 0; part < parts; part++) {
        sum += partial[part * count + i];
    }
    const tap t = tap_at(i % columns, kernel_h, kernel_w);
    dw += dw_offset + i / columns * dw_m + t.c / kernel_d * dw_c + t.c % kernel_d * dw_d +
          t.h * dw_h + t.w * dw_w;
    *dw = accumulate ? *dw + sum : sum;
}
