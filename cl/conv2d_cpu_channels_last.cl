/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution for processors where the channels of a pixel lie end to end, in x as in y:
 *
 *   y[n][oh][ow][g][m] = activation(bias[g][m] + residual[n][oh][ow][g][m] + sum over c, th, tw of
 *       w[g][m][c][th][tw] *
 *       x[n][oh * stride_h + th * dilation_h - top][ow * stride_w + tw * dilation_w - left][g][c])
 *
 * where elements outside x count as 0. A tile is GEMM_MR pixels of a row of y by one or two vectors of
 * output channels, all of it in registers: a step takes a channel of each pixel, spread over a vector,
 * times the vectors of its weights. Rows of padding cost nothing. Where all of a tile's columns lie
 * inside x, and its pixels end to end, a row of the window is one run of taps_w * group_channels steps.
 *
 * Weights are panels of conv2d_cpu_channels_last_pack.cl. The last vector of a group's outputs begins
 * GEMM_W before their end and may overlap the one before; the two are always of one block. A block is
 * two vectors, the first one a single vector where their number is odd.
 *
 * Geometry: one work-item a work-group, 1-D. An item takes item_tiles tiles, counted along all rows of
 * all images, by item_blocks blocks of one group: inner_blocks blocks, whose panels stay in the
 * second-level cache, for one tile after the other, then the next ones. Items with the same blocks lie
 * next to each other, so that a thread finds their panels there.
 * Local memory, the one item's own:
 *   copied COPIES: the pixels of a tile, GEMM_MR * (channels + GEMM_W) floats, or what the windows of a
 *          row cover, taps_h * ((out_width - 1) * stride_w + taps_w) * channels floats; else not used
 *   kept   GEMM_MR * 2 * GEMM_W floats
 *   added  2 * item_blocks * GEMM_W floats: the bias by vectors
 * Macros: GEMM_W, GEMM_MR and ACTIVATION as in gemm_cpu.cl; INDEX; RESIDUAL 1: there is one, with y's
 * strides, may be y; ODD 1: a group
 * has an odd number of vectors of outputs; COPIES 1: tiles are read
 * from a copy. Either windows have one tap, and pixels lie so far apart that more meet in a set of the
 * first-level cache than it holds; channels are a multiple of GEMM_W then. Or a row of the window is few
 * steps, in one run because of zeros for its columns outside x; pixels lie end to end then, one group.
 */
#include "common.cl"
#include "numbers.cl"

#define GEMM_NV 2
#include "gemm_cpu.cl"
#include "stream.cl"

/* Steps by which weights are asked for ahead. */
#define WEIGHTS_AHEAD 16
#define LINE_FLOATS 16
/* Of where results will go: a step of few pixels has no room for it. */
#define TILE_ASKS (GEMM_UNROLL == 1 && 2 * GEMM_MR > GEMM_W)

#if COPIES
#define TILE_SPACE __local
#else
#define TILE_SPACE __global
#endif

/* Where a tile's terms lie. Elements of x are counted from its buffer's beginning. */
typedef struct tile_place {
    INDEX at;           /* tap (0, 0) of the first pixel, inside x or not */
    const TILE_SPACE float *x;
    INDEX tap_h, tap_w; /* from tap to tap */
    INDEX step;         /* from pixel to pixel */
    int first_kh, end_kh;
    int taps_h, taps_w, channels;
    int runs, steps; /* of a row of the window */
    int whole;       /* every tap of every pixel lies inside x's columns */
    int column, width, stride_w, dilation_w;
    int count; /* of pixels */
    int past;  /* results are stored past the caches */
} tile_place;

#if COPIES
/* Pixels `step` apart to pixels channels + GEMM_W apart. */
static inline void copy_pixels(
    const __global float *x, INDEX step, int count, int channels, __local float *copied) {
    for (int p = 0; p < count; p++) {
        for (int c = 0; c < channels; c += GEMM_W) {
            STORE(GEMM_W, LOAD(GEMM_W, x + p * step + c), copied + c);
        }
        copied += channels + GEMM_W;
    }
}

static inline void zero_run(__local float *to, int count) {
    KEEP_ROLLED
    for (int i = 0; i < count; i++) {
        to[i] = 0.0f;
    }
}

static inline void copy_run(const __global float *x, int count, __local float *to) {
    if (count < GEMM_W) {
        KEEP_ROLLED
        for (int i = 0; i < count; i++) {
            to[i] = x[i];
        }
        return;
    }
    for (int i = 0; i < count - GEMM_W; i += GEMM_W) {
        STORE(GEMM_W, LOAD(GEMM_W, x + i), to + i);
    }
    STORE(GEMM_W, LOAD(GEMM_W, x + count - GEMM_W), to + count - GEMM_W);
}

/* `columns` columns from place->column on of the rows that lie inside x, each after the other. */
static inline void copy_windows(
    const __global float *x, const tile_place *place, int columns, __local float *copied) {
    const int channels = place->channels, begin = clamp(place->column, 0, place->width);
    const int before = min(begin - place->column, columns);
    const int inside = clamp(place->width - begin, 0, columns - before);
    for (int kh = place->first_kh; kh < place->end_kh; kh++) {
        __local float *to = copied + kh * columns * channels;
        zero_run(to, before * channels);
        to += before * channels;
        copy_run(x + place->at + kh * place->tap_h + before * channels, inside * channels, to);
        zero_run(to + inside * channels, (columns - before - inside) * channels);
    }
}
#endif

static inline GEMM_VECTOR activate(GEMM_VECTOR value, float2 parameters) {
#if ACTIVATION != 0
    return CAT(activation_value_, GEMM_W)(value, parameters);
#else
    return value;
#endif
}

#if RESIDUAL
#define RESIDUAL_PARAMETER const __global float *residual,
#define RESIDUAL_AT(step) residual + (step),
#define RESIDUAL_INDEX(ANY) ANY(residual_offset)
#else
#define RESIDUAL_PARAMETER
#define RESIDUAL_AT(step)
#define RESIDUAL_INDEX(ANY)
#endif

#include "conv2d_cpu_channels_last_tile.cl"
#if ODD
#undef GEMM_NV
#define GEMM_NV 1
#include "conv2d_cpu_channels_last_tile.cl"
#endif

#define LAST_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                   \
    ANY_INDEX(x_offset) ANY_INDEX(x_n) ANY_INDEX(x_h) ANY_INDEX(x_w) ANY_INDEX(y_offset)           \
    ANY_INDEX(y_n) ANY_INDEX(y_h) ANY_INDEX(y_w) ANY_INDEX(bias_offset) ANY_INDEX(bias_stride)     \
    ANY_INDEX(panel_step) RESIDUAL_INDEX(ANY_INDEX)                                                \
    ANY_INT(height) ANY_INT(width) ANY_INT(out_height) ANY_INT(out_width)                          \
    ANY_INT(groups) ANY_INT(channels) ANY_INT(outputs) ANY_INT(stride_h) ANY_INT(stride_w)         \
    ANY_INT(top) ANY_INT(left) ANY_INT(taps_h) ANY_INT(taps_w) ANY_INT(dilation_h)                 \
    ANY_INT(dilation_w) ANY_INT(tiles) ANY_INT(item_tiles) ANY_INT(item_blocks)                    \
    ANY_INT(inner_blocks) ANY_INT(past) ACTIVATION_NUMBERS(ANY_FLOAT)
typedef struct last_numbers {
    NUMBER_MEMBERS(LAST_LIST)
} last_numbers;

__kernel void conv2d_cpu_channels_last(const __global float *x, __global float *y,
    const __global float *panels, const __global float *bias, RESIDUAL_PARAMETER
    __local float *copied, __local float *kept, __local float *added, const last_numbers numbers) {
    NUMBERS(LAST_LIST)
    const int vectors = (outputs + GEMM_W - 1) / GEMM_W;
    const int blocks = (vectors + 1) / 2;
    const int block_items = (blocks + item_blocks - 1) / item_blocks;
    const int parts = (tiles + item_tiles - 1) / item_tiles;
    int item = get_group_id(0);
    const int tile_begin = item % parts * item_tiles;
    const int tile_end = min(tile_begin + item_tiles, tiles);
    item /= parts;
    const int block_begin = item % block_items * item_blocks;
    const int block_end = min(block_begin + item_blocks, blocks);
    const int g = item / block_items;

    const int vector_begin = max(2 * block_begin - ODD, 0);
    for (int v = vector_begin; v < 2 * block_end - ODD; v++) {
        const INDEX m = g * outputs + min(v * GEMM_W, outputs - GEMM_W);
        STORE(GEMM_W,
            bias ? GATHER(GEMM_W, bias + (bias_offset + m * bias_stride), bias_stride) : 0.0f,
            added + (v - vector_begin) * GEMM_W);
    }

    const int row_tiles = (out_width + GEMM_MR - 1) / GEMM_MR;
    tile_place place = {.tap_h = dilation_h * x_h, .tap_w = dilation_w * x_w, .step = stride_w * x_w,
        .taps_h = taps_h, .taps_w = taps_w, .channels = channels, .width = width, .stride_w = stride_w,
        .dilation_w = dilation_w};
    place.past = past && IS_STREAMABLE(GEMM_W, y) &&
        (y_offset | y_n | y_h | y_w | outputs) % GEMM_W == 0;
    const bool joined = x_w == channels && dilation_w == 1;
    panels += g * vectors * panel_step;
    y += y_offset + g * outputs;
#if RESIDUAL
    residual += residual_offset + g * outputs;
#endif
    for (int inner = block_begin; inner < block_end; inner += inner_blocks) {
        const int inner_end = min(inner + inner_blocks, block_end);
        int ow = tile_begin % row_tiles * GEMM_MR, oh = tile_begin / row_tiles % out_height;
        INDEX n = tile_begin / row_tiles / out_height;
#if COPIES
        int first_ow = 0, columns = 0; /* what is copied */
#endif
        for (int tile = tile_begin; tile < tile_end; tile++) {
            const int ih = oh * stride_h - top;
            place.count = min(out_width - ow, GEMM_MR);
            place.column = ow * stride_w - left;
            place.whole = place.column >= 0 &&
                place.column + (place.count - 1) * stride_w + (taps_w - 1) * dilation_w < width;
            place.runs = place.whole && joined ? 1 : taps_w;
            place.steps = place.whole && joined ? taps_w * channels : channels;
            place.first_kh = ih < 0 ? (dilation_h - 1 - ih) / dilation_h : 0;
            place.end_kh = min(taps_h, (height - 1 - ih + dilation_h) / dilation_h);
            place.at = x_offset + n * x_n + g * channels + ih * x_h + place.column * x_w;
            /* The next tile's pixels, if they lie next in x. */
            int next_step = taps_h * taps_w == 1 && stride_w * x_w == channels ? LINE_FLOATS : 0;
            const __global float *next = x + place.at + place.count * x_w;
#if COPIES
            if (taps_h * taps_w == 1) {
                copy_pixels(x + place.at, stride_w * x_w, place.count, channels, copied);
                place.step = channels + GEMM_W;
                place.at = 0;
            } else {
                if (tile == tile_begin || ow == 0) {
                    first_ow = ow;
                    columns = (out_width - 1 - ow) * stride_w + taps_w;
                    place.tap_h = dilation_h * x_h;
                    copy_windows(x, &place, columns, copied);
                    place.tap_h = columns * channels;
                }
                place.at = (ow - first_ow) * stride_w * channels;
                place.whole = 1;
                place.runs = 1;
                place.steps = taps_w * channels;
            }
            place.x = copied + place.at;
#else
            place.x = x + place.at;
#endif
            const INDEX target = n * y_n + oh * y_h + ow * y_w;
            for (int b = inner; b < inner_end; b++) {
                const int v = max(2 * b - ODD, 0);
                const INDEX m = min(v * GEMM_W, outputs - GEMM_W);
                const __global float *panel = panels + v * panel_step;
                const __local float *addends = added + (v - vector_begin) * GEMM_W;
#if ODD
                if (b == 0) {
                    channels_last_tile_1(&place, panel, 0, addends, RESIDUAL_AT(target + m)
                        y + target + m, y_w, 0, ACTIVATION_PARAMETERS, kept, next, next_step);
                } else
#endif
                {
                    channels_last_tile_2(&place, panel, panel_step, addends, RESIDUAL_AT(target + m)
                        y + target + m, y_w, min((v + 1) * GEMM_W, outputs - GEMM_W) - m,
                        ACTIVATION_PARAMETERS, kept, next, next_step);
                }
                next_step = 0;
            }
            ow += GEMM_MR;
            if (ow >= out_width) {
                ow = 0;
                oh++;
            }
            if (oh == out_height) {
                oh = 0;
                n++;
            }
        }
    }
}
