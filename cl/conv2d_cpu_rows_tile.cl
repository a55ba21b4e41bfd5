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
        INDEX at = c * w_channel;
        for (int t = 0; t < taps; t++) {
            const __local float *pixels = plane + tap_offset[t];
#define ROWS_WEIGHT(r) w_##r[at]
#define ROWS_PIXELS(v) GEMM_LOAD(v, pixels)
            GEMM_STEP(ROWS_WEIGHT, ROWS_PIXELS);
#undef ROWS_WEIGHT
#undef ROWS_PIXELS
            at += w_step;
        }
        plane += plane_size;
    }
#define ROWS_PUT_ONE(r, v) GEMM_STORE(acc_##r##_##v, v, out + (r) * out_row);
#define ROWS_PUT_ROW(r, unused) GEMM_VECTORS(ROWS_PUT_ONE, r)
    GEMM_ROWS(ROWS_PUT_ROW, )
#undef ROWS_PUT_ONE
#undef ROWS_PUT_ROW
}
