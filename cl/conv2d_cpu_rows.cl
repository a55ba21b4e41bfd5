/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution for processors with step 1, straight from rows in local memory:
 *
 *   y[n][g][m][oh][ow] = activation(bias[g][m] + sum over c, th, tw of
 *       w[g][m][c][th][tw] * x[n][g][c][oh + th*dilation_h - top][ow + tw*dilation_w - left])
 *
 * where elements outside x count as 0. A plane holds the rows of a channel that an item needs, one
 * behind the other, `pitch` apart, each with `left` zeros before it. What follows a row is the next
 * one's border: pitch = width + max(left, right). So element (oh, ow) of all taps is
 * plane[oh * pitch + ow + tap_offset[tap]], vectors run on across the ends of rows, and nothing is
 * packed. The price are pitch - out_width sums a row that nobody wants.
 *
 * Backward to the data it is the same, with the operands of that convolution: channels and outputs
 * change places, taps are read from the last to the first.
 *
 *   w[g][m][c][tap] = w[w_offset + g * w_group + m * w_output + c * w_channel + tap * w_step]
 *
 * Geometry: one work-item a work-group, 1-D. An item computes part_rows rows of an image for
 * item_blocks blocks of GEMM_MR output channels of one group.
 * Local memory, all of it the one item's own:
 *   plane   group_channels * plane_size floats and what vectors read beyond,
 *           plane_size = (part_rows + reach_h) * pitch + right
 *   out     GEMM_MR * out_row floats: the sums of a block, out_row = vectors * GEMM_W
 *   tap_offset  taps ints
 * Macros: GEMM_W, GEMM_MR and ACTIVATION as in gemm_cpu.cl; INDEX.
 */
#include "common.cl"
#include "numbers.cl"

#define GEMM_NV 2
#include "gemm_cpu.cl"
#include "conv2d_cpu_plane.cl"
#include "conv2d_cpu_rows_tile.cl"
#undef GEMM_NV
#define GEMM_NV 3
#include "conv2d_cpu_rows_tile.cl"

#if GEMM_W == 16
#define HALF_W 8
#elif GEMM_W == 8
#define HALF_W 4
#else
#define HALF_W 2
#endif

static inline GEMM_VECTOR finish_sums(const __local float *sums, float bias, float2 parameters) {
    GEMM_VECTOR value = GEMM_LOAD(0, sums) + bias;
#if ACTIVATION != 0
    value = CAT(activation_value_, GEMM_W)(value, parameters);
#endif
    return value;
}

/* A row of y. The last vector of a row overlaps the one before: what both write is the same. */
static inline void put_row(__global float *y, INDEX step, const __local float *sums, int count,
    float bias, float2 parameters, int accumulate) {
    if (step == 1 && count >= GEMM_W && !accumulate) {
        for (int i = 0; i < count - GEMM_W; i += GEMM_W) {
            GEMM_STORE(finish_sums(sums + i, bias, parameters), 0, y + i);
        }
        GEMM_STORE(finish_sums(sums + count - GEMM_W, bias, parameters), 0, y + count - GEMM_W);
        return;
    }
    if (step == 1 && count >= HALF_W && !accumulate) {
        CAT(vstore, HALF_W)(finish_sums(sums, bias, parameters).lo, 0, y);
        CAT(vstore, HALF_W)(finish_sums(sums + count - HALF_W, bias, parameters).lo, 0,
            y + count - HALF_W);
        return;
    }
    for (int i = 0; i < count; i += GEMM_W) {
        float lanes[GEMM_W];
        GEMM_STORE(finish_sums(sums + i, bias, parameters), 0, lanes);
        for (int j = 0; j < min(GEMM_W, count - i); j++) {
            y[(i + j) * step] = lanes[j] + (accumulate ? y[(i + j) * step] : 0.0f);
        }
    }
}

#define ROWS_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                   \
    ANY_INDEX(x_offset) ANY_INDEX(x_n) ANY_INDEX(x_c) ANY_INDEX(x_h) ANY_INDEX(x_w)                \
    ANY_INDEX(y_offset) ANY_INDEX(y_n) ANY_INDEX(y_c) ANY_INDEX(y_h) ANY_INDEX(y_w)                \
    ANY_INDEX(bias_offset) ANY_INDEX(bias_stride) ANY_INDEX(w_offset) ANY_INDEX(w_group)           \
    ANY_INDEX(w_output) ANY_INDEX(w_channel) ANY_INDEX(w_step) ANY_INT(height) ANY_INT(width)      \
    ANY_INT(out_height) ANY_INT(out_width) ANY_INT(groups) ANY_INT(group_channels)                 \
    ANY_INT(group_outputs) ANY_INT(top) ANY_INT(left) ANY_INT(right) ANY_INT(taps_h)               \
    ANY_INT(taps_w) ANY_INT(dilation_h) ANY_INT(dilation_w) ANY_INT(pitch) ANY_INT(part_rows)      \
    ANY_INT(item_blocks) ANY_INT(accumulate) ACTIVATION_NUMBERS(ANY_FLOAT)
typedef struct rows_numbers {
    NUMBER_MEMBERS(ROWS_LIST)
} rows_numbers;

KEEP_APART static void rows_item(const __global float *x, __global float *y,
    const __global float *w, const __global float *bias, __local float *plane, __local float *out,
    __local int *tap_offset, int item, const rows_numbers numbers) {
    NUMBERS(ROWS_LIST)
    const int blocks = (group_outputs + GEMM_MR - 1) / GEMM_MR;
    const int block_items = (blocks + item_blocks - 1) / item_blocks;
    const int parts = (out_height + part_rows - 1) / part_rows;
    const int block_begin = item % block_items * item_blocks;
    const int block_end = min(block_begin + item_blocks, blocks);
    item /= block_items;
    const int row_begin = item % parts * part_rows;
    const int rows = min(part_rows, out_height - row_begin);
    item /= parts;
    const INDEX g = item % groups, n = item / groups;

    const int reach_h = (taps_h - 1) * dilation_h;
    const int plane_rows = rows + reach_h;
    const int plane_size = plane_rows * pitch + right;
    const int taps = taps_h * taps_w;
    for (int t = 0; t < taps; t++) {
        tap_offset[t] = t / taps_w * dilation_h * pitch + t % taps_w * dilation_w;
    }
    x += x_offset + n * x_n + g * group_channels * x_c;
    for (int c = 0; c < group_channels; c++) {
        __local float *target = plane + c * plane_size;
        load_plane(target, x + c * x_c, x_h, x_w, height, width, row_begin - top, -left, 1, 1,
            plane_rows, pitch);
        zero_run(target + plane_rows * pitch, right);
    }

    const int vectors = max(((rows - 1) * pitch + out_width + GEMM_W - 1) / GEMM_W, 2);
    const int out_row = vectors * GEMM_W;
    y += y_offset + n * y_n + g * group_outputs * y_c + row_begin * y_h;
    w += w_offset + g * w_group;
    for (int b = block_begin; b < block_end; b++) {
        const INDEX m0 = (INDEX)b * GEMM_MR;
        const int outputs = min(GEMM_MR, group_outputs - (int)m0);
        for (int v = 0, wide; v < vectors; v += wide) {
            const int left_over = vectors - v;
            wide = left_over == 2 || left_over == 4 ? 2 : 3;
            if (wide == 2) {
                rows_tile_2(w + m0 * w_output, w_output, w_channel, w_step, outputs,
                    plane + v * GEMM_W, plane_size, tap_offset, taps, group_channels, out + v * GEMM_W, out_row);
            } else {
                rows_tile_3(w + m0 * w_output, w_output, w_channel, w_step, outputs,
                    plane + v * GEMM_W, plane_size, tap_offset, taps, group_channels, out + v * GEMM_W, out_row);
            }
        }
        for (int r = 0; r < outputs; r++) {
            const float added =
                bias ? bias[bias_offset + (g * group_outputs + m0 + r) * bias_stride] : 0.0f;
            for (int i = 0; i < rows; i++) {
                put_row(y + (m0 + r) * y_c + i * y_h, y_w, out + r * out_row + i * pitch,
                    out_width, added, ACTIVATION_PARAMETERS, accumulate);
            }
        }
    }
}

__kernel void conv2d_cpu_rows(const __global float *x, __global float *y, const __global float *w,
    const __global float *bias, __local float *plane, __local float *out, __local int *tap_offset,
    const rows_numbers numbers) {
    rows_item(x, y, w, bias, plane, out, tap_offset, get_group_id(0), numbers);
}
