/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inner loop of conv2d_cpu_channels_last.cl, included once for each number GEMM_NV of vectors of
 * output channels, after gemm_cpu.cl. A tile is GEMM_MR neighbouring pixels of a row of y, the last
 * ones beyond place->count standing for nothing:
 *
 *     y[p * y_w + v * GEMM_W + lane] = activation(bias[v * GEMM_W + lane] + sum over taps and c of
 *         x[at + tap + p * step + c] * panel[v * panel_step + (tap * channels + c) * GEMM_W + lane])
 *
 * of the taps that lie inside x. The products of pixels whose tap does not are thrown away: the sums
 * so far wait in `kept`, GEMM_MR * GEMM_NR floats. What lies from `next` on will be read soon: each step
 * asks for a line of it.
 */
static inline void CAT(channels_last_tile_, GEMM_NV)(const TILE_SPACE float *x, const tile_place *place,
    const __global float *panel, INDEX panel_step, const __local float *bias, __global float *y,
    INDEX y_w, INDEX last_vector, float2 parameters, __local float *kept, const __global float *next,
    int next_step) {
#define TILE_START(r, v) GEMM_VECTOR acc_##r##_##v = LOAD(GEMM_W, bias + (v) * GEMM_W);
#define TILE_START_ROW(r, unused) GEMM_VECTORS(TILE_START, r)
    GEMM_ROWS(TILE_START_ROW, )
#define TILE_ASK(r, unused)                                                                        \
    ASK_LINE(y + min(r, place->count - 1) * y_w, 1);                                               \
    ASK_LINE(y + min(r, place->count - 1) * y_w + last_vector + GEMM_W - 1, 1);
    if (place->taps_h * place->taps_w * place->channels >= WORTH_ASKING) {
        GEMM_ROWS(TILE_ASK, )
    }
    for (int kh = place->first_kh; kh < place->end_kh; kh++) {
        for (int run = 0; run < place->runs; run++) {
            int first = 0, last = place->count - 1;
            if (!place->whole) {
                const int column = place->column + run * place->dilation_w;
                const int room = place->width - 1 - column;
                if (room < 0) {
                    continue;
                }
                first = column < 0 ? (place->stride_w - 1 - column) / place->stride_w : 0;
                last = min(last, room / place->stride_w);
                if (first > last) {
                    continue;
                }
            }
            const INDEX at = place->at + kh * place->tap_h + run * place->tap_w;
            const __global float *weights =
                panel + (kh * place->taps_w + run) * place->channels * GEMM_W;
            const bool partly = first > 0 || last < place->count - 1;
            if (partly) {
#define TILE_KEEP(r, v) GEMM_STORE(acc_##r##_##v, v, kept + (r) * GEMM_NR);
#define TILE_KEEP_ROW(r, unused) GEMM_VECTORS(TILE_KEEP, r)
                GEMM_ROWS(TILE_KEEP_ROW, )
            }
#define TILE_POINTER(r, unused)                                                                    \
    const TILE_SPACE float *x_##r = x + at + clamp(r, first, last) * place->step;
            GEMM_ROWS(TILE_POINTER, )
            for (int k = 0; k < place->steps; k++) {
#define TILE_PIXEL(r) x_##r[k]
#define TILE_WEIGHTS(v) LOAD(GEMM_W, weights + (v) * panel_step)
                GEMM_STEP(TILE_PIXEL, TILE_WEIGHTS);
#define TILE_AHEAD(unused, v) ASK_LINE(weights + (v) * panel_step + WEIGHTS_AHEAD * GEMM_W, 0);
                GEMM_VECTORS(TILE_AHEAD, )
                ASK_LINE_FAR(next + k * next_step);
                weights += GEMM_W;
            }
            if (partly) {
#define TILE_RESTORE(r, v) acc_##r##_##v = LOAD(GEMM_W, kept + (r) * GEMM_NR + (v) * GEMM_W);
#define TILE_RESTORE_ROW(r, unused)                                                                \
    if (r < first || r > last) {                                                                   \
        GEMM_VECTORS(TILE_RESTORE, r)                                                              \
    }
                GEMM_ROWS(TILE_RESTORE_ROW, )
            }
        }
    }
#if ACTIVATION <= 2
#define TILE_PUT(r, v)                                                                             \
    STORE(GEMM_W, activate(acc_##r##_##v, parameters),                                                  \
        y + (r) * y_w + ((v) == GEMM_NV - 1 ? last_vector : (INDEX)((v) * GEMM_W)));
#define TILE_PUT_ROW(r, unused)                                                                    \
    if (r < place->count) {                                                                        \
        GEMM_VECTORS(TILE_PUT, r)                                                                  \
    }
    GEMM_ROWS(TILE_PUT_ROW, )
#undef TILE_PUT
#undef TILE_PUT_ROW
#else
    /* Once, not for each of the tile's vectors: an activation is much code. */
    GEMM_ROWS(TILE_KEEP_ROW, )
    KEEP_ROLLED
    for (int i = 0; i < place->count * GEMM_NV; i++) {
        const int v = i % GEMM_NV;
        STORE(GEMM_W, activate(LOAD(GEMM_W, kept + i * GEMM_W), parameters),
            y + i / GEMM_NV * y_w + (v == GEMM_NV - 1 ? last_vector : (INDEX)(v * GEMM_W)));
    }
#endif
#undef TILE_ASK
#undef TILE_START
#undef TILE_START_ROW
#undef TILE_KEEP
#undef TILE_KEEP_ROW
#undef TILE_POINTER
#undef TILE_PIXEL
#undef TILE_WEIGHTS
#undef TILE_AHEAD
#undef TILE_RESTORE
#undef TILE_RESTORE_ROW
}
