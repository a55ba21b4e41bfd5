/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Zero-bordered copies of a channel's rows in local memory, for convolutions on processors; to be
 * included after gemm_cpu.cl.
 */
static inline void zero_run(__local float *target, int count) {
    KEEP_ROLLED
    for (int i = 0; i < count; i++) {
        target[i] = 0.0f;
    }
}

/* target[i] = source[i * stride] */
static inline void copy_run(
    __local float *target, const __global float *source, INDEX stride, int count) {
    if (stride == 1 && count >= GEMM_W) {
        KEEP_ROLLED
        for (int i = 0; i < count - GEMM_W; i += GEMM_W) {
            GEMM_STORE(GEMM_LOAD(0, source + i), 0, target + i);
        }
        GEMM_STORE(GEMM_LOAD(0, source + count - GEMM_W), 0, target + count - GEMM_W);
        return;
    }
    int i = 0;
    if (stride == 2) {
        KEEP_ROLLED
        for (; i + GEMM_W < count; i += GEMM_W) {
            GEMM_VECTOR pair;
            pair.lo = GEMM_LOAD(0, source + 2 * i).even;
            pair.hi = GEMM_LOAD(1, source + 2 * i).even;
            GEMM_STORE(pair, 0, target + i);
        }
    }
    KEEP_ROLLED
    for (; i < count; i++) {
        target[i] = source[i * stride];
    }
}

/* One phase of one channel: cell (r, j) becomes source element (r * step_h + first_row,
 * j * step_w + first_column), or 0 where there is none. */
static void load_plane(__local float *patch, const __global float *source, INDEX stride_h,
    INDEX stride_w, int height, int width, int first_row, int first_column, int step_h, int step_w,
    int rows, int pitch) {
    const bool touch = pitch == width && first_column == 0 && step_h == 1 && step_w == 1 &&
                       stride_h == width * stride_w && first_row >= 0 && first_row + rows <= height;
    const int runs = touch ? 1 : rows, length = touch ? rows * width : pitch;
    const int begin =
        min(first_column < 0 ? (step_w - 1 - first_column) / step_w : 0, length);
    const int last = touch ? length - 1 : width - 1 - first_column;
    const int end = max(min(last < 0 ? 0 : last / step_w + 1, length), begin);
    KEEP_ROLLED
    for (int r = 0; r < runs; r++) {
        const int row = r * step_h + first_row;
        const bool outside = row < 0 || row >= height;
        __local float *cells = patch + r * pitch;
        const int from = outside ? length : begin, to = outside ? length : end;
        zero_run(cells, from);
        copy_run(cells + from,
            source + row * stride_h + (INDEX)(from * step_w + first_column) * stride_w,
            step_w * stride_w, to - from);
        zero_run(cells + to, length - to);
    }
}
