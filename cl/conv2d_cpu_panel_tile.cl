/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inner loop of conv2d_cpu_panel.cl, included once for each number GEMM_NV of vectors in a
 * tile, after gemm_cpu.cl. It gives panel_tile_<GEMM_NV>(): for r < rows and q < GEMM_NR
 *
 *     tile[r * GEMM_NR + q] =
 *         sum over k < count of w[r * w_row + k * w_step] * panel[k * GEMM_NR + q]
 *
 * Rows from `rows` on are computed from the last one. With one of these defined it does more; each
 * copy of the loop is felt in the time to compile:
 *   PANEL_FINISHES  where y is not null, there is no tile: the sums, complete ones, go to y, finished
 *   PANEL_PACKS     panel_tile_packing() first brings row k of another place, x + k * x_c, into row
 *                   k of the panel
 *   PANEL_AHEAD     panel_tile_ahead() asks for it, as the next item will need it
 */
#if defined(PANEL_PACKS)
static inline void panel_tile_packing(const __global float *x, INDEX x_c, const __global float *w,
    INDEX w_row, INDEX w_step, __local float *panel, int count, int rows, float *tile) {
#elif defined(PANEL_AHEAD)
static inline void panel_tile_ahead(const __global float *x, INDEX x_c, const __global float *w,
    INDEX w_row, INDEX w_step, const __local float *panel, int count, int rows, float *tile) {
#elif defined(PANEL_FINISHES)
static inline void CAT(panel_tile_, GEMM_NV)(const __global float *w, INDEX w_row, INDEX w_step,
    const __local float *panel, int count, int rows, float *tile, __global float *y,
    const panel_output *o) {
#else
static inline void CAT(panel_tile_, GEMM_NV)(const __global float *w, INDEX w_row, INDEX w_step,
    const __local float *panel, int count, int rows, float *tile) {
#endif
    GEMM_ACCUMULATORS;
#define PANEL_ROW_POINTER(r, unused)                                                               \
    const __global float *w_##r = w + (INDEX)min(r, rows - 1) * w_row;
    GEMM_ROWS(PANEL_ROW_POINTER, )
#undef PANEL_ROW_POINTER
    long at = 0;
#define PANEL_WEIGHT(r) w_##r[at]
#ifdef PANEL_PACKS
#define PANEL_PIXELS(v) GEMM_LOAD(v, x)
#define PANEL_PACK(unused, v) GEMM_STORE(GEMM_LOAD(v, x), v, panel + gemm_step * GEMM_NR);
#define PANEL_BESIDE                                                                               \
    GEMM_VECTORS(PANEL_PACK, )                                                                     \
    x += x_c;
#else
#define PANEL_PIXELS(v) GEMM_LOAD(v, panel + gemm_step * GEMM_NR)
#ifdef PANEL_AHEAD
#define PANEL_ASK(unused, v) ASK_LINE_FAR(x + v * GEMM_W);
#define PANEL_BESIDE                                                                               \
    GEMM_VECTORS(PANEL_ASK, )                                                                      \
    x += x_c;
#else
#define PANEL_BESIDE
#endif
#endif
#define PANEL_STEP                                                                                 \
    GEMM_STEP(PANEL_WEIGHT, PANEL_PIXELS);                                                         \
    PANEL_BESIDE                                                                                   \
    at += w_step;                                                                                  \
    GEMM_KEEP_INDEX(at)
#define PANEL_MOVE(steps) panel += (steps) * GEMM_NR;
    GEMM_TIMES(count, PANEL_STEP, PANEL_MOVE)
#undef PANEL_WEIGHT
#undef PANEL_PIXELS
#undef PANEL_PACK
#undef PANEL_ASK
#undef PANEL_BESIDE
#undef PANEL_STEP
#undef PANEL_MOVE
#ifdef PANEL_FINISHES
#define PANEL_PUT_ONE(r, v) GEMM_STORE(finish_vector(acc_##r##_##v, bias, o), v, row);
#define PANEL_PUT_ROW(r, unused)                                                                   \
    if (r < rows) {                                                                                \
        __global float *row = y + r * o->y_c;                                                      \
        const float bias = o->bias ? o->bias[r * o->bias_stride] : 0.0f;                           \
        GEMM_VECTORS(PANEL_PUT_ONE, r)                                                             \
    }
    if (y) {
        GEMM_ROWS(PANEL_PUT_ROW, )
        return;
    }
#undef PANEL_PUT_ONE
#undef PANEL_PUT_ROW
#endif
    GEMM_PUT(tile);
}
