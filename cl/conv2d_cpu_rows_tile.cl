/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inner loop of conv2d_cpu_rows.cl, included once for each number GEMM_NV of vectors in a tile,
 * after gemm_cpu.cl. It gives rows_tile_<GEMM_NV>(): for r < rows and q < GEMM_NR
 *
 *     out[r * out_row + q] = sum over c < channels, t < taps of
 *         w[r * w_row + c * w_channel + t * w_step] * plane[c * plane_size + tap_offset[t] + q]
 *
 * Rows beyond `rows` are computed from the last one.
 */
static inline void CAT(rows_tile_, GEMM_NV)(const __global float *w, INDEX w_row, INDEX w_channel,
    INDEX w_step, int rows, const __local float *plane, int plane_size, const __local int *tap_offset, int taps,
    int channels, __local float *out, int out_row) {
    GEMM_ACCUMULATORS;
#define ROWS_POINTER(r, unused) const __global float *w_##r = w + (INDEX)min(r, rows - 1) * w_row;
    GEMM_ROWS(ROWS_POINTER, )
#undef ROWS_POINTER
    for (int c = 0; c < channels; c++) {
        long at = c * w_channel;
        const __local int *offset = tap_offset;
        int left = taps;
#define ROWS_WEIGHT(r) w_##r[at]
#define ROWS_PIXELS(v) GEMM_LOAD(v, plane + offset[gemm_step])
#define ROWS_STEP                                                                                  \
    GEMM_STEP(ROWS_WEIGHT, ROWS_PIXELS);                                                           \
    at += w_step;                                                                                  \
    GEMM_KEEP_INDEX(at)
#define ROWS_MOVE(steps) offset += (steps);
        GEMM_TIMES(left, ROWS_STEP, ROWS_MOVE)
#undef ROWS_WEIGHT
#undef ROWS_PIXELS
#undef ROWS_STEP
#undef ROWS_MOVE
        plane += plane_size;
    }
#define ROWS_PUT_ONE(r, v) GEMM_STORE(acc_##r##_##v, v, out + (r) * out_row);
#define ROWS_PUT_ROW(r, unused) GEMM_VECTORS(ROWS_PUT_ONE, r)
    GEMM_ROWS(ROWS_PUT_ROW, )
#undef ROWS_PUT_ONE
#undef ROWS_PUT_ROW
}
