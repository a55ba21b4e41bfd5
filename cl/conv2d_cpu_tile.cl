/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inner loop of conv2d_cpu.cl, included once for each number GEMM_NV of vectors in a tile, after
 * gemm_cpu.cl. It gives patch_tile_<GEMM_NV>(): for m < GEMM_MR and q < GEMM_NR
 *
 *     tile[m * GEMM_NR + q] = sum over c < channels, t < taps of
 *         patch[c * plane + tap_offset[t] + q] * weights[(c * taps + t) * GEMM_MR + m]
 */
static inline void CAT(patch_tile_, GEMM_NV)(const __local float *patch, int plane, int channels,
    const __local int *tap_offset, int taps, const __global float *weights, float *tile) {
    GEMM_ACCUMULATORS;
    for (int c = 0; c < channels; c++) {
        for (int t = 0; t < taps; t++) {
            const __local float *window = patch + tap_offset[t];
#define PATCH_WEIGHT(m) weights[m]
#define PATCH_PIXELS(v) GEMM_LOAD(v, window)
            GEMM_STEP(PATCH_WEIGHT, PATCH_PIXELS);
#undef PATCH_WEIGHT
#undef PATCH_PIXELS
            weights += GEMM_MR;
        }
        patch += plane;
    }
    GEMM_PUT(tile);
}
