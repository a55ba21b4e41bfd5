/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution for processors when a group has so few channels that a tile of them cannot be filled:
 * depthwise above all. Straight from the tensors, no copy.
 *
 *   y[n][m][oh][ow] = activation(bias[m] + sum over c < group_channels, kh, kw of
 *       w[m][c][kh][kw] * x[n][m / group_outputs * group_channels + c]
 *           [oh*STRIDE_H - top + kh*DILATION_H][ow*COLUMN_STEP - left + kw*DILATION_W])
 *
 * A tile is TILE_ROWS rows of y, a vector wide, in registers. The rows of x that meet it are taken
 * one by one; each of the KERNEL_W vectors loaded from one serves every row of the tile that it
 * meets. Only tiles at an edge of x mask its columns.
 *
 * Geometry: one work-item a work-group, 1-D. An item computes item_channels channels m of an image,
 * band_rows rows of each; band_rows is a multiple of TILE_ROWS or all of them. Rows of x and y have
 * no gaps between columns.
 * Macros: VECTOR and COLUMN_STEP, the stride along rows, as in conv2d_cpu_depthwise_rows.cl;
 * STRIDE_H, KERNEL_H, KERNEL_W, DILATION_H, DILATION_W; TILE_ROWS; ACTIVATION; INDEX.
 */
#include "common.cl"
#include "numbers.cl"
#include "vector.cl"
#include "conv2d_cpu_depthwise_rows.cl"
#if ACTIVATION != 0
#define ACTIVATION_WIDTH VECTOR
#include "activation.cl"
#endif

#define SOURCE_ROWS ((TILE_ROWS - 1) * STRIDE_H + (KERNEL_H - 1) * DILATION_H + 1)

/* Where a tile of y goes. */
typedef struct tile_result {
    __global float *y; /* its element (0, 0) */
    INDEX row_stride;
    int rows, columns; /* what is left of y there */
    bool over;         /* rows but the last may be stored beyond their end */
    float2 parameters;
} tile_result;

static inline VECTOR_FLOATS finish(VECTOR_FLOATS sum, const tile_result *to) {
#if ACTIVATION != 0
    return CAT(activation_value_, VECTOR)(sum, to->parameters);
#else
    return sum;
#endif
}

/* Where rows lie end to end, what a whole vector writes behind its row belongs to the row below,
 * which the item stores later: rows go downwards, columns from the right to the left. */
static inline void store_tile(const VECTOR_FLOATS *sum, const tile_result *to) {
    if (to->rows >= TILE_ROWS && to->over) {
#pragma unroll
        for (int r = 0; r < TILE_ROWS - 1; r++) {
            STORE(VECTOR, finish(sum[r], to), to->y + r * to->row_stride);
        }
        store_first(finish(sum[TILE_ROWS - 1], to), to->y + (TILE_ROWS - 1) * to->row_stride,
            to->columns);
        return;
    }
    float lanes[TILE_ROWS * VECTOR]; /* a short loop instead of long code */
#pragma unroll
    for (int r = 0; r < TILE_ROWS; r++) {
        STORE(VECTOR, finish(sum[r], to), lanes + r * VECTOR);
    }
    for (int r = 0; r < min(TILE_ROWS, to->rows); r++) {
        store_first(LOAD(VECTOR, lanes + r * VECTOR), to->y + r * to->row_stride, to->columns);
    }
}

/* A tile whose windows start at row `top` of the tables, column `left` of x. x is channel 0 of the
 * group, others lie channel_stride apart; their weights follow each other. */
__attribute__((always_inline)) static void sum_tile(row_source x, INDEX channel_stride,
    int channels, int top, int left, float start, const __local float *weights, tile_result to,
    int mode) {
    VECTOR_FLOATS sum[TILE_ROWS];
#pragma unroll
    for (int r = 0; r < TILE_ROWS; r++) {
        sum[r] = (VECTOR_FLOATS)(start);
    }
    for (int c = 0; c < channels; c++) {
#pragma unroll
        for (int i = 0; i < SOURCE_ROWS; i++) {
#pragma unroll
            for (int kw = 0; kw < KERNEL_W; kw++) {
                const VECTOR_FLOATS columns =
                    load_columns(&x, top + i, left, kw * DILATION_W, mode);
#pragma unroll
                for (int r = 0; r < TILE_ROWS; r++) {
                    const int down = i - r * STRIDE_H;
                    if (down >= 0 && down % DILATION_H == 0 && down / DILATION_H < KERNEL_H) {
                        sum[r] = FMA(columns,
                            (VECTOR_FLOATS)(weights[down / DILATION_H * KERNEL_W + kw]), sum[r]);
                    }
                }
            }
        }
        x.plane += channel_stride;
        weights += KERNEL_H * KERNEL_W;
    }
    store_tile(sum, &to);
}

/* The same near either end of the tensor, where few tiles lie: small rather than fast. */
static void sum_short_tile(row_source x, INDEX channel_stride, int channels, int top, int left,
    float start, const __local float *weights, tile_result to) {
    for (int r = 0; r < min(TILE_ROWS, to.rows); r++) {
        VECTOR_FLOATS sum = (VECTOR_FLOATS)(start);
        row_source plane = x;
        for (int t = 0; t < channels * KERNEL_H * KERNEL_W; t++) {
            const int tap = t % (KERNEL_H * KERNEL_W);
            plane.plane = x.plane + t / (KERNEL_H * KERNEL_W) * channel_stride;
            const VECTOR_FLOATS columns =
                load_columns(&plane, top + r * STRIDE_H + tap / KERNEL_W * DILATION_H, left,
                    tap % KERNEL_W * DILATION_W, TILE_SHORT);
            sum = FMA(columns, (VECTOR_FLOATS)(weights[t]), sum);
        }
        store_first(finish(sum, &to), to.y + r * to.row_stride, to.columns);
    }
}

#define DEPTHWISE_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                              \
    ANY_INDEX(x_first) ANY_INDEX(x_end) ANY_INDEX(x_offset) ANY_INDEX(x_n) ANY_INDEX(x_c)          \
    ANY_INDEX(x_h) ANY_INDEX(y_offset) ANY_INDEX(y_n) ANY_INDEX(y_c) ANY_INDEX(y_h)                \
    ANY_INDEX(w_offset) ANY_INDEX(w_m) ANY_INDEX(w_c) ANY_INDEX(w_h) ANY_INDEX(w_w)                \
    ANY_INDEX(bias_offset) ANY_INDEX(bias_stride) ANY_INT(outputs) ANY_INT(group_channels)         \
    ANY_INT(group_outputs) ANY_INT(height) ANY_INT(width) ANY_INT(out_height) ANY_INT(out_width)   \
    ANY_INT(top) ANY_INT(left) ANY_INT(item_channels) ANY_INT(band_rows) ACTIVATION_NUMBERS(ANY_FLOAT)
typedef struct depthwise_numbers {
    NUMBER_MEMBERS(DEPTHWISE_LIST)
} depthwise_numbers;

KEEP_APART static void depthwise_item(const __global float *x, __global float *y,
    const __global float *w, const __global float *bias, __local float *weights,
    __local INDEX *row_at, __local uint *row_width, const int id,
    const depthwise_numbers numbers) {
    NUMBERS(DEPTHWISE_LIST)
    const int bands = (out_height + band_rows - 1) / band_rows;
    const int runs = (outputs + item_channels - 1) / item_channels;
    const int row_begin = id % bands * band_rows;
    const int m_begin = id / bands % runs * item_channels;
    const INDEX n = id / bands / runs;
    const int row_end = min(row_begin + band_rows, out_height);
    const int last_column = (out_width - 1) / VECTOR * VECTOR;
    const int columns_read = COLUMNS_READ((KERNEL_W - 1) * DILATION_W);
    /* Of a group's planes, the elements that loads may reach. */
    const INDEX across = (group_channels - 1) * x_c, down = (height - 1) * x_h;
    const INDEX lowest = min(across, (INDEX)0) + min(down, (INDEX)0) - left;
    const INDEX highest = max(across, (INDEX)0) + max(down, (INDEX)0) - left +
                          last_column * COLUMN_STEP + columns_read;

    list_rows(row_at, row_width, row_begin * STRIDE_H - top,
        ((row_end - row_begin + TILE_ROWS - 1) / TILE_ROWS - 1) * TILE_ROWS * STRIDE_H +
            SOURCE_ROWS,
        height, width, x_h);
    for (INDEX m = m_begin; m < min(m_begin + item_channels, outputs); m++) {
        const float start = bias ? bias[bias_offset + m * bias_stride] : 0.0f;
        const INDEX plane = x_offset + n * x_n + m / group_outputs * group_channels * x_c;
        const bool is_short = plane + lowest < x_first || plane + highest > x_end;
        const row_source source = {x + plane, row_at, row_width};
        for (int c = 0; c < group_channels; c++) {
            const __global float *from = w + w_offset + m * w_m + c * w_c;
#pragma unroll
            for (int t = 0; t < KERNEL_H * KERNEL_W; t++) {
                weights[c * KERNEL_H * KERNEL_W + t] =
                    from[t / KERNEL_W * w_h + t % KERNEL_W * w_w];
            }
        }
        for (int row = row_begin; row < row_end; row += TILE_ROWS) {
            const int upper = (row - row_begin) * STRIDE_H;
            const bool rows_inside = row * STRIDE_H >= top &&
                                     row * STRIDE_H - top + SOURCE_ROWS <= height;
            for (int column = last_column; column >= 0; column -= VECTOR) {
                const int leftmost = column * COLUMN_STEP - left;
                const tile_result to = {y + y_offset + n * y_n + m * y_c + row * y_h + column, y_h,
                    row_end - row, out_width - column,
                    y_h == out_width && last_column + VECTOR <= 2 * out_width, ACTIVATION_PARAMETERS};
                const INDEX first_row = row_at[upper], last_row = row_at[upper + SOURCE_ROWS - 1];
                if (is_short &&
                    (plane + min(across, (INDEX)0) + min(first_row, last_row) + leftmost <
                            x_first ||
                        plane + max(across, (INDEX)0) + max(first_row, last_row) + leftmost +
                                columns_read > x_end)) {
                    sum_short_tile(
                        source, x_c, group_channels, upper, leftmost, start, weights, to);
                } else if (rows_inside && leftmost >= 0 &&
                           leftmost + columns_read <= width) {
                    sum_tile(source, x_c, group_channels, upper, leftmost, start, weights, to,
                        TILE_INSIDE);
                } else {
                    sum_tile(source, x_c, group_channels, upper, leftmost, start, weights, to,
                        TILE_MASKED);
                }
            }
        }
    }
}

__kernel void conv2d_cpu_depthwise(const __global float *x, __global float *y,
    const __global float *w, const __global float *bias, __local float *weights,
    __local INDEX *row_at, __local uint *row_width, const depthwise_numbers numbers) {
    depthwise_item(x, y, w, bias, weights, row_at, row_width, get_group_id(0), numbers);
}
