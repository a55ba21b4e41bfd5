/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution as matrix products for GPUs, whatever multiplies: where elements of the operands lie,
 * loaders that read them straight from the tensors, and where sums go. For each group,
 * C = group_channels and M = group_outputs:
 *
 *   DIRECTION 0, forward:  y[m][pixel of y] = sum over (c, kh, kw) of w[m][(c, kh, kw)] * window
 *   DIRECTION 1, data:     dx[c][pixel of x] = sum over (m, kh, kw) of w[m][c][kh, kw] * dy at
 *                          ((h + top - kh * dilation_h) / stride_h, ...), 0 where that is no pixel
 *   DIRECTION 2, weights:  dw[m][(c, kh, kw)] = sum over pixels of y of dy[m][pixel] * window
 *
 * Pixels are counted through all images. In direction 2 part number p sums `part_terms` pixels into
 * partial[p][group][m][(c, kh, kw)], which conv2d_gpu_sum.cl adds up in order. Directions 0 and 1 add
 * a bias and end in an activation; forward with RESIDUAL they add a value for each result before it. With
 * DEEP the images are those of all n and depths, and a tap's channel stands for channel and depth of the
 * window, channel * kernel_d + kd.
 *
 * A kernel has the parameters a, b, result, bias, RESIDUAL_PARAMETER and numbers (conv2d_numbers),
 * NUMBERS(CONV2D_NUMBERS) and CONV2D_BEGIN, and gives its core CONV2D_LOAD_A and CONV2D_LOAD_B: the quads that gemm_gpu.cl asks
 * for. Include after numbers.cl and activation.cl. Global size: tiles across columns, tiles down rows,
 * groups * parts, in work-groups; tiles are taken in bands of `band` rows (gemm_band.cl).
 *
 * Macros: DIRECTION, ACTIVATION (0 in direction 2), DEEP, RESIDUAL (not DEEP), INDEX;
 * CONV2D_HALF (conv2d_element.cl), for cores that take elements of 16 bits as they are. Partial sums are f32 in any case. Host: src/ops/conv2d_gemm.c.
 */
#include "conv2d_element.cl"
#define GEMM_A_ALONG_K 1
#define GEMM_B_ALONG_K (DIRECTION == 2)

#ifdef UNIT_APART
#define WINDOW_APART UNIT_APART
#else
#define WINDOW_APART
#endif

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
static inline CONV2D_ELEMENT window_value(
    const __global CONV2D_ELEMENT *x, const convolution *v, pixel p, tap t) {
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
    return inside ? x[image + CHANNEL(v, t.c) * v->x_c + h * v->x_h + w * v->x_w] : 0;
}

/* The value of dy that reaches pixel p of dx through a tap. */
static inline CONV2D_ELEMENT gradient_value(
    const __global CONV2D_ELEMENT *dy, const convolution *v, pixel p, tap t) {
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
    return inside ? dy[image + CHANNEL(v, t.c) * v->y_c + oh * v->y_h + ow * v->y_w] : 0;
}

/* Terms k .. k + 3 of a row of weights; row counts m forward, c backward. */
static inline WINDOW_APART CONV2D_QUAD load_weights(
    const __global CONV2D_ELEMENT *w, const convolution *v, INDEX row, INDEX rows, INDEX k,
    INDEX end) {
    CONV2D_ELEMENT values[4];
    tap t = tap_of(v, k);
    for (int i = 0; i < 4; i++) {
        const INDEX channel = CHANNEL(v, t.c);
        const INDEX m = DIRECTION == 0 ? row : channel, c = DIRECTION == 0 ? channel : row;
        values[i] = row < rows && k + i < end ? w[m * v->w_m + c * v->w_c + W_DEPTH(v, t.c) +
                                                    t.h * v->w_h + t.w * v->w_w]
                                              : 0;
        tap_next(&t, v->kernel_h, v->kernel_w);
    }
    return vload4(0, values);
}

/* Term k of columns column .. column + 3, which are pixels of the result. */
static inline WINDOW_APART CONV2D_QUAD load_pixels(
    const __global CONV2D_ELEMENT *source, const convolution *v, INDEX column,
    INDEX columns, INDEX k, INDEX end, int height, int width) {
    CONV2D_ELEMENT values[4];
    const tap t = tap_of(v, k);
    pixel p = pixel_at(v, column, height, width);
    for (int i = 0; i < 4; i++) {
        values[i] = 0;
        if (k < end && column + i < columns) {
            values[i] = DIRECTION == 0 ? window_value(source, v, p, t)
                                       : gradient_value(source, v, p, t);
        }
        pixel_next(&p, height, width);
    }
    return vload4(0, values);
}

/* Pixels k .. k + 3 of dy in channel m. */
static inline WINDOW_APART CONV2D_QUAD load_gradient(
    const __global CONV2D_ELEMENT *dy, const convolution *v, INDEX m, INDEX rows, INDEX k,
    INDEX end) {
    CONV2D_ELEMENT values[4];
    pixel p = pixel_at(v, k, v->out_height, v->out_width);
    for (int i = 0; i < 4; i++) {
        values[i] = m < rows && k + i < end
                        ? dy[Y_IMAGE(v, p.n) + m * v->y_c + p.h * v->y_h + p.w * v->y_w]
                        : 0;
        pixel_next(&p, v->out_height, v->out_width);
    }
    return vload4(0, values);
}

/* A column's tap as pixels k .. k + 3 of y see it. */
static inline WINDOW_APART CONV2D_QUAD load_windows(
    const __global CONV2D_ELEMENT *x, const convolution *v, INDEX column,
    INDEX columns, INDEX k, INDEX end) {
    CONV2D_ELEMENT values[4];
    const tap t = tap_of(v, column);
    pixel p = pixel_at(v, k, v->out_height, v->out_width);
    for (int i = 0; i < 4; i++) {
        values[i] = column < columns && k + i < end ? window_value(x, v, p, t) : 0;
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
#if RESIDUAL
#define RESIDUAL_PARAMETER const __global CONV2D_ELEMENT *residual,
#define RESIDUAL_INDICES(ANY)                                                                      \
    ANY(residual_offset) ANY(residual_n) ANY(residual_c) ANY(residual_h) ANY(residual_w)
#else
#define RESIDUAL_PARAMETER
#define RESIDUAL_INDICES(ANY)
#endif
#define DIVIDER_NUMBERS(ANY, name) ANY(name##_magic) ANY(name##_shift)
#define CONV2D_NUMBERS(ANY_INDEX, ANY_INT, ANY_FLOAT)                                              \
    ANY_INDEX(x_offset) ANY_INDEX(x_n) ANY_INDEX(x_c) ANY_INDEX(x_h) ANY_INDEX(x_w)                \
    ANY_INDEX(w_offset) ANY_INDEX(w_m) ANY_INDEX(w_c) ANY_INDEX(w_h) ANY_INDEX(w_w)                \
    ANY_INDEX(y_offset) ANY_INDEX(y_n) ANY_INDEX(y_c) ANY_INDEX(y_h) ANY_INDEX(y_w)                \
    ANY_INDEX(bias_offset) ANY_INDEX(bias_stride) ANY_INDEX(rows) ANY_INDEX(columns)               \
    ANY_INDEX(terms) ANY_INDEX(part_terms) ANY_INDEX(band) DEPTH_INDICES(ANY_INDEX)                \
    RESIDUAL_INDICES(ANY_INDEX)                                                                    \
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

/* From the numbers: v, the group and part, the tile's first row and column, the terms `from` to `to`,
 * and operands that begin where the group does. */
#define CONV2D_BEGIN(tile_rows, tile_columns)                                                      \
    const convolution v = {DIVIDER(image), DIVIDER(line), DIVIDER(window), DIVIDER(taps),          \
        DIVIDER(down), DIVIDER(across), x_n, x_c, x_h, x_w, w_m, w_c, w_h, w_w, y_n, y_c, y_h,     \
        y_w, height, width, out_height, out_width, kernel_h, kernel_w, stride_h, stride_w, top,    \
        left, dilation_h, dilation_w DEPTH_MEMBERS};                                               \
    const INDEX g = (INDEX)get_group_id(2) % groups, part = (INDEX)get_group_id(2) / groups;       \
    const gemm_place place = gemm_tile(band);                                                      \
    const INDEX first_row = place.row * (tile_rows), first_column = place.column * (tile_columns); \
    const INDEX x_start = x_offset + g * group_channels * x_c;                                     \
    const INDEX w_start = w_offset + g * group_outputs * w_m;                                      \
    const INDEX y_start = y_offset + g * group_outputs * y_c;                                      \
    const INDEX from = part * part_terms, to = min(from + part_terms, terms);                      \
    CONV2D_OPERANDS

#if DIRECTION == 2
#define CONV2D_OPERANDS                                                                            \
    a += y_start;                                                                                  \
    b += x_start;
#define CONV2D_LOAD_A(r, k) load_gradient(a, &v, first_row + (r), rows, k, to)
#define CONV2D_LOAD_B(c, k) load_windows(b, &v, first_column + (c), columns, k, to)
#else
#if DIRECTION == 0
#define CONV2D_OPERANDS                                                                            \
    b += x_start;                                                                                  \
    result += y_start;                                                                             \
    const int result_h = out_height, result_w = out_width;                                         \
    a += w_start;
#else
#define CONV2D_OPERANDS                                                                            \
    b += y_start;                                                                                  \
    result += x_start;                                                                             \
    const int result_h = height, result_w = width;                                                 \
    a += w_start;
#endif
#if UNITS_A_COPIED
/* For gemm_stages.cl, where a row of weights has its terms one behind the other. */
#define CONV2D_LOAD_A(into, r, k)                                                                  \
    {                                                                                              \
        const INDEX copied_row = first_row + (r), copied_k = (k);                                  \
        const INDEX most = 16 / (INDEX)sizeof(CONV2D_ELEMENT);                                     \
        const INDEX inside =                                                                       \
            copied_row < rows && copied_k < to ? min(to - copied_k, most) : (INDEX)0;              \
        UNIT_COPY(into, a + (inside > 0 ? copied_row * w_m + copied_k : 0),                        \
            (int)(inside * (INDEX)sizeof(CONV2D_ELEMENT)))                                         \
    }
#else
#define CONV2D_LOAD_A(r, k) load_weights(a, &v, first_row + (r), rows, k, to)
#endif
#define CONV2D_LOAD_B(c, k)                                                                        \
    load_pixels(b, &v, first_column + (c), columns, k, to, result_h, result_w)
#endif

/* Results are of type CONV2D_SUM. Stores the sum of a row and column that are inside; CONV2D_PLACE(column)
 * before it. */
#if DIRECTION == 2
#define CONV2D_SUM float
#define CONV2D_PLACE(column)
#define CONV2D_STORE(sum, row, column)                                                             \
    result[((part * groups + g) * rows + (row)) * columns + (column)] = sum;
#else
#define CONV2D_SUM CONV2D_ELEMENT
#if DIRECTION == 0
#define CONV2D_RESULT(p, row) (Y_IMAGE(&v, (p).n) + (row)*y_c + (p).h * y_h + (p).w * y_w)
#else
#define CONV2D_RESULT(p, row) (X_IMAGE(&v, (p).n) + (row)*x_c + (p).h * x_h + (p).w * x_w)
#endif
#if RESIDUAL
#define CONV2D_ADDED(p, row)                                                                       \
    +CONV2D_GET(residual + residual_offset + (p).n * residual_n +                                  \
                (g * rows + (row)) * residual_c + (p).h * residual_h + (p).w * residual_w)
#else
#define CONV2D_ADDED(p, row)
#endif
#define CONV2D_PLACE(column) const pixel at_pixel = pixel_at(&v, column, result_h, result_w);
#define CONV2D_STORE(sum, row, column)                                                             \
    const float offset =                                                                           \
        bias ? CONV2D_GET(bias + bias_offset + (g * rows + (row)) * bias_stride) : 0.0f;           \
    const float value = activation_value_1(                                                        \
        (sum) + offset CONV2D_ADDED(at_pixel, row), ACTIVATION_PARAMETERS);                        \
    __global CONV2D_ELEMENT *to_result = result + CONV2D_RESULT(at_pixel, row);                    \
    CONV2D_PUT(to_result, accumulate ? CONV2D_GET(to_result) + value : value)
#endif
