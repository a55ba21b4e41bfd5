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

/* Divides numbers below 2^31: n / d = n * magic >> shift, magic = ceil(2^shift / d), shift = 31 + s for
 * the least s with d <= 2^s, so that magic d - 2^shift < 2^s (Granlund & Montgomery, *Division by
 * invariant integers using multiplication*, 1994). Elements are located by some such divisions each. */
typedef struct divider {
    uint magic;
    int shift;
} divider;

static inline int divide(int n, divider by) {
    return (int)((ulong)(uint)n * by.magic >> by.shift);
}

typedef struct convolution {
    /* by pixels of an image and of a line, taps of a window and of a row, strides */
    divider image, line, window, taps, down, across;
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

static inline pixel pixel_at(const convolution *v, INDEX i, int height, int width) {
    const int n = divide((int)i, v->image), in_image = (int)i - n * (height * width);
    const int h = divide(in_image, v->line);
    return (pixel){n, h, in_image - h * width};
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

static inline tap tap_of(const convolution *v, INDEX i) {
    const int c = divide((int)i, v->window), k = (int)i - c * (v->kernel_h * v->kernel_w);
    const int h = divide(k, v->taps);
    return (tap){c, h, k - h * v->kernel_w};
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
    const int oh = divide(h, v->down), ow = divide(w, v->across); /* where not below 0 */
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
    tap t = tap_of(v, k);
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
    const tap t = tap_of(v, k);
    pixel p = pixel_at(v, column, height, width);
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
    pixel p = pixel_at(v, k, v->out_height, v->out_width);
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
    const tap t = tap_of(v, column);
    pixel p = pixel_at(v, k, v->out_height, v->out_width);
    for (int i = 0; i < 4; i++) {
        values[i] = column < columns && k + i < end ? window_value(x, v, p, t) : 0.0f;
        pixel_next(&p, v->out_height, v->out_width);
    }
    return vload4(0, values);
}

#if DEEP
#define DEPTH_INDICES(ANY) ANY(x_d) ANY(w_d) ANY(y_d)
#define DEPTH_INTS(ANY)                                                                            \
    ANY(depth) ANY(out_depth) ANY(kernel_d) ANY(stride_d) ANY(front) ANY(dilation_d)
#define DEPTH_MEMBERS , x_d, w_d, y_d, depth, out_depth, kernel_d, stride_d, front, dilation_d
#else
#define DEPTH_INDICES(ANY)
#define DEPTH_INTS(ANY)
#define DEPTH_MEMBERS
#endif
#define DIVIDER_NUMBERS(ANY, name) ANY(name##_magic) ANY(name##_shift)
#define CONV2D_NUMBERS(ANY_INDEX, ANY_INT, ANY_FLOAT)                                              \
    ANY_INDEX(x_offset) ANY_INDEX(x_n) ANY_INDEX(x_c) ANY_INDEX(x_h) ANY_INDEX(x_w)                \
    ANY_INDEX(w_offset) ANY_INDEX(w_m) ANY_INDEX(w_c) ANY_INDEX(w_h) ANY_INDEX(w_w)                \
    ANY_INDEX(y_offset) ANY_INDEX(y_n) ANY_INDEX(y_c) ANY_INDEX(y_h) ANY_INDEX(y_w)                \
    ANY_INDEX(bias_offset) ANY_INDEX(bias_stride) ANY_INDEX(rows) ANY_INDEX(columns)               \
    ANY_INDEX(terms) ANY_INDEX(part_terms) ANY_INDEX(band) DEPTH_INDICES(ANY_INDEX)                \
    ANY_INT(groups) ANY_INT(group_channels) ANY_INT(group_outputs) ANY_INT(height) ANY_INT(width)  \
    ANY_INT(out_height) ANY_INT(out_width) ANY_INT(kernel_h) ANY_INT(kernel_w) ANY_INT(stride_h)   \
    ANY_INT(stride_w) ANY_INT(top) ANY_INT(left) ANY_INT(dilation_h) ANY_INT(dilation_w)           \
    DIVIDER_NUMBERS(ANY_INT, image) DIVIDER_NUMBERS(ANY_INT, line)                                 \
    DIVIDER_NUMBERS(ANY_INT, window) DIVIDER_NUMBERS(ANY_INT, taps)                                \
    DIVIDER_NUMBERS(ANY_INT, down) DIVIDER_NUMBERS(ANY_INT, across) DEPTH_INTS(ANY_INT)            \
    ANY_INT(accumulate) ACTIVATION_NUMBERS(ANY_FLOAT)
typedef struct conv2d_numbers {
    NUMBER_MEMBERS(CONV2D_NUMBERS)
} conv2d_numbers;
#define DIVIDER(name) {(uint)name##_magic, name##_shift}

__kernel __attribute__((reqd_work_group_size(GEMM_TX, GEMM_TY, 1))) void conv2d_gpu(
    const __global float *a, const __global float *b, __global float *result,
    const __global float *bias, const conv2d_numbers numbers) {
    NUMBERS(CONV2D_NUMBERS)
    GEMM_LOCAL_TILES;
    GEMM_SUMS
    const convolution v = {DIVIDER(image), DIVIDER(line), DIVIDER(window), DIVIDER(taps),
        DIVIDER(down), DIVIDER(across), x_n, x_c, x_h, x_w, w_m, w_c, w_h, w_w, y_n, y_c, y_h, y_w, height,
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
        const pixel p = pixel_at(&v, column, result_h, result_w);
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
