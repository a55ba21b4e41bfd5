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
        const __local int *offset = tap_offset;
        int left = taps;
#define PATCH_WEIGHT(m) weights[m + gemm_step * GEMM_MR]
#define PATCH_PIXELS(v) GEMM_LOAD(v, patch + offset[gemm_step])
#define PATCH_STEP GEMM_STEP(PATCH_WEIGHT, PATCH_PIXELS);
#define PATCH_MOVE(steps)                                                                          \
    weights += (steps) * GEMM_MR;                                                                  \
    offset += (steps);
        GEMM_TIMES(left, PATCH_STEP, PATCH_MOVE)
#undef PATCH_WEIGHT
#undef PATCH_PIXELS
#undef PATCH_STEP
#undef PATCH_MOVE
        patch += plane;
    }
    GEMM_PUT(tile);
}
