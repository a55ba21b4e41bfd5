/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inner loop of conv2d_cpu_channels_last.cl, included once for each number GEMM_NV of vectors of
 * output channels, after gemm_cpu.cl. A tile is GEMM_MR neighbouring pixels of a row of y, the last
 * ones beyond place->count standing for nothing:
 *
 *     y[p * y_w + v * GEMM_W + lane] = activation(bias[v * GEMM_W + lane]
 *         + residual[p * y_w + v * GEMM_W + lane] (with RESIDUAL) + sum over taps and c of
 *         x[p * step + tap + c] * panel[v * panel_step + (tap * channels + c) * GEMM_W + lane])
 *
 * of the taps that lie inside x. The products of pixels whose tap does not are thrown away: the sums
 * so far wait in `kept`, GEMM_MR * GEMM_NR floats. What lies from `next` on will be read soon: where steps
 * are not unrolled, each asks for a line of it, and for the lines where a pixel's results will go. A step
 * is kept in the order in which it stands here, a pixel after the other: compilers would load all pixels
 * first, and then have too few registers for the sums.
 */
static inline void CAT(channels_last_tile_, GEMM_NV)(const tile_place *place,
    const __global float *panel, INDEX panel_step, const __local float *bias, RESIDUAL_PARAMETER
    __global float *y, INDEX y_w, INDEX last_vector, float2 parameters, __local float *kept,
    const __global float *next, int next_step) {
#define TILE_START(r, v) GEMM_VECTOR acc_##r##_##v = LOAD(GEMM_W, bias + (v) * GEMM_W);
#define TILE_START_ROW(r, unused) GEMM_VECTORS(TILE_START, r)
    GEMM_ROWS(TILE_START_ROW, )
#if TILE_ASKS
    size_t ask = place->past ? (size_t)kept : (size_t)y;
    int asks = place->past ? 0 : place->count;
#endif
#define TILE_POINTER(r, unused)                                                                    \
    const TILE_SPACE float *x_##r = place->x + min(r, place->count - 1) * place->step;
    GEMM_ROWS(TILE_POINTER, )
    for (int kh = place->first_kh; kh < place->end_kh; kh++) {
        for (int run = 0; run < place->runs; run++) {
            bool partly = false;
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
                partly = first > 0 || last < place->count - 1;
#define TILE_CLAMP(r, unused) x_##r = place->x + clamp(r, first, last) * place->step;
                GEMM_ROWS(TILE_CLAMP, )
            }
            if (partly) {
#define TILE_KEEP(r, v) GEMM_STORE(acc_##r##_##v, v, kept + (r) * GEMM_NR);
#define TILE_KEEP_ROW(r, unused) GEMM_VECTORS(TILE_KEEP, r)
                GEMM_ROWS(TILE_KEEP_ROW, )
            }
            const __global float *weights =
                panel + (kh * place->taps_w + run) * place->channels * GEMM_W;
            long k = kh * place->tap_h + run * place->tap_w;
            int left = place->steps;
#define TILE_WEIGHTS(unused, v)                                                                    \
    const GEMM_VECTOR w_##v = LOAD(GEMM_W, weights + (v) * panel_step + gemm_step * GEMM_W);
#define TILE_PRODUCT(r, v) acc_##r##_##v = FMA(pixel, w_##v, acc_##r##_##v);
#define TILE_PIXEL(r, unused)                                                                      \
    {                                                                                              \
        KEEP_ORDER;                                                                                \
        const GEMM_VECTOR pixel = (GEMM_VECTOR)(x_##r[k + gemm_step]);                             \
        GEMM_VECTORS(TILE_PRODUCT, r)                                                              \
        GEMM_VECTORS(GEMM_KEEP_SUM, r)                                                             \
    }
#define TILE_AHEAD(unused, v) ASK_LINE(weights + (v) * panel_step + WEIGHTS_AHEAD * GEMM_W, 0);
#if TILE_ASKS
#define TILE_ASK_TARGET                                                                            \
    ASK_LINE(ask, 1);                                                                              \
    ASK_LINE(ask + (last_vector + GEMM_W - 1) * sizeof(float), 1);                                 \
    ask += --asks > 0 ? y_w * sizeof(float) : 0;
#else
#define TILE_ASK_TARGET
#endif
#if GEMM_UNROLL == 1
#define TILE_ASK                                                                                   \
    GEMM_VECTORS(TILE_AHEAD, )                                                                     \
    ASK_LINE_FAR(next);                                                                            \
    TILE_ASK_TARGET                                                                                \
    next += next_step;
#else
#define TILE_ASK
#endif
#define TILE_STEP                                                                                  \
    GEMM_VECTORS(TILE_WEIGHTS, )                                                                   \
    GEMM_ROWS(TILE_PIXEL, )                                                                        \
    TILE_ASK
#define TILE_MOVE(steps)                                                                           \
    weights += (steps) * GEMM_W;                                                                   \
    k += (steps);                                                                                  \
    KEEP_INDEX(k);
            GEMM_TIMES(left, TILE_STEP, TILE_MOVE)
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
#define TILE_STEP_TO(r, v) ((r) * y_w + ((v) == GEMM_NV - 1 ? last_vector : (INDEX)((v) * GEMM_W)))
#if RESIDUAL
    /* All of a tile before any is stored: the last vectors may overlap, and y be the residual. */
#define TILE_ADD(r, v) acc_##r##_##v += LOAD(GEMM_W, residual + TILE_STEP_TO(r, v));
#define TILE_ADD_ROW(r, unused)                                                                    \
    if (r < place->count) {                                                                        \
        GEMM_VECTORS(TILE_ADD, r)                                                                  \
    }
    GEMM_ROWS(TILE_ADD_ROW, )
#undef TILE_ADD
#undef TILE_ADD_ROW
#endif
#if ACTIVATION <= 2
#define TILE_TARGET(r, v) (y + TILE_STEP_TO(r, v))
#define TILE_PUT(r, v) STORE(GEMM_W, activate(acc_##r##_##v, parameters), TILE_TARGET(r, v));
#define TILE_PUT_PAST(r, v) STREAM(GEMM_W, activate(acc_##r##_##v, parameters), TILE_TARGET(r, v));
#define TILE_PUT_ROW(r, PUT)                                                                       \
    if (r < place->count) {                                                                        \
        GEMM_VECTORS(PUT, r)                                                                       \
    }
    if (place->past) {
        GEMM_ROWS(TILE_PUT_ROW, TILE_PUT_PAST)
    } else {
        GEMM_ROWS(TILE_PUT_ROW, TILE_PUT)
    }
#undef TILE_TARGET
#undef TILE_PUT
#undef TILE_PUT_PAST
#undef TILE_PUT_ROW
#else
    /* Once, not for each of the tile's vectors: an activation is much code. */
    GEMM_ROWS(TILE_KEEP_ROW, )
    KEEP_ROLLED
    for (int i = 0; i < place->count * GEMM_NV; i++) {
        const int v = i % GEMM_NV;
        const GEMM_VECTOR value = activate(LOAD(GEMM_W, kept + i * GEMM_W), parameters);
        __global float *target =
            y + i / GEMM_NV * y_w + (v == GEMM_NV - 1 ? last_vector : (INDEX)(v * GEMM_W));
        if (place->past) {
            STREAM(GEMM_W, value, target);
        } else {
            STORE(GEMM_W, value, target);
        }
    }
#endif
#undef TILE_STEP_TO
#undef TILE_START
#undef TILE_START_ROW
#undef TILE_KEEP
#undef TILE_KEEP_ROW
#undef TILE_POINTER
#undef TILE_CLAMP
#undef TILE_WEIGHTS
#undef TILE_PRODUCT
#undef TILE_PIXEL
#undef TILE_AHEAD
#undef TILE_ASK_TARGET
#undef TILE_ASK
#undef TILE_STEP
#undef TILE_MOVE
#undef TILE_RESTORE
#undef TILE_RESTORE_ROW
}
