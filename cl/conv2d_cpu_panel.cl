/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Convolution for processors as a product of matrices, the windows of a range of pixels packed into
 * panels first:
 *
 *   y[n][g][m][oh][ow] = activation(bias[g][m] + sum over c, th, tw of
 *       w[g][m][c][th][tw] *
 *       x[n][g][c][step*oh + (v0 + th*dv) - top][step*ow + (u0 + tw*du) - left])
 *
 * where elements outside x count as 0. Pixels q = (n * out_height + oh) * out_width + ow run
 * through all images, so no vector is wasted on the ends of rows, and few on the ends of images. A
 * panel is [channel, tap][GEMM_NR pixels] without gaps: the inner loop reads it and the rows of w
 * in order.
 *
 * The weights are read where they are when one step leads from each (c, th, tw) to the next (w_step
 * 1 for row-major weights), else from a copy by conv2d_cpu_pack.cl:
 *
 *   w[g][m][k] = w[w_offset + g * w_group + m / GEMM_MR * w_block + m % GEMM_MR * w_row +
 *                  k * w_step]
 *
 * Geometry: one work-item a work-group, 1-D. An item computes part_vectors vectors of pixels and
 * item_blocks blocks of GEMM_MR output channels of one group.
 * Local memory, all of it the one item's own:
 *   plane   phases_h * phases_w * plane_rows * pitch floats, and a vector: one channel's rows
 *   panel   the panels of channel_block channels, a vector behind each
 *   table   taps + tiles + 1 + 2 * runs INDEXes (see make_runs)
 * FLAT: a window of one element, step 1, no padding and rows without gaps, given as one row of all
 * pixels: panels are packed from x itself, and there is no plane.
 * Macros: GEMM_W, GEMM_MR and ACTIVATION as in gemm_cpu.cl; FLAT; INDEX.
 */
#include "common.cl"

#define GEMM_NV 1
#include "gemm_cpu.cl"
#include "conv2d_cpu_plane.cl"

/* Longer activations are expanded once, not for each vector of a tile. */
#define PANEL_FINISHES (ACTIVATION <= 1)

/* Where the sums of a tile go, and what becomes of them. */
typedef struct panel_output {
    INDEX y_n, y_c, y_h, y_w;
    int out_height, out_width;
    int rows;
    int first, last; /* block of channels: earlier sums are in y already; more will come */
    const __global float *bias;
    INDEX bias_stride;
    float slope;
} panel_output;

static inline GEMM_VECTOR finish_vector(GEMM_VECTOR value, float bias, const panel_output *o) {
    if (o->last) {
        value += bias;
#if ACTIVATION != 0
        value = CAT(activation_value_, GEMM_W)(value, o->slope);
#endif
    }
    return value;
}

#include "conv2d_cpu_panel_tile.cl"
#undef GEMM_NV
#define GEMM_NV 2
#include "conv2d_cpu_panel_tile.cl"
#undef GEMM_NV
#define GEMM_NV 3
#include "conv2d_cpu_panel_tile.cl"
#if FLAT
#define PANEL_PACKS
#include "conv2d_cpu_panel_tile.cl"
#endif

/* Finishes `count` sums of one channel that lie in a row of y. */
static inline void put_run(
    __global float *y, INDEX step, const float *sums, int count, float bias,
    const panel_output *o) {
    for (int i = 0; i < count; i += GEMM_W) {
        GEMM_VECTOR value = GEMM_LOAD(0, sums + i);
        const int left = count - i;
        if (step == 1 && left >= GEMM_W) {
            value += o->first ? (GEMM_VECTOR)(0.0f) : GEMM_LOAD(0, y + i);
            GEMM_STORE(finish_vector(value, bias, o), 0, y + i);
            continue;
        }
        float lanes[GEMM_W];
        if (!o->first) {
            for (int j = 0; j < min(left, GEMM_W); j++) {
                lanes[j] = y[(i + j) * step];
            }
            value += GEMM_LOAD(0, lanes);
        }
        GEMM_STORE(finish_vector(value, bias, o), 0, lanes);
        for (int j = 0; j < min(left, GEMM_W); j++) {
            y[(i + j) * step] = lanes[j];
        }
    }
}

/* Puts a tile of `columns` pixels from q on where it belongs, run by run. */
static inline void put_tile(
    __global float *y, const float *tile, int width, int q, int columns, const panel_output *o) {
    const bool rows_touch = o->y_w == 1 && o->y_h == o->out_width;
    const int length = rows_touch ? o->out_width * o->out_height : o->out_width;
    int row = q / o->out_width;
    int at = rows_touch ? q % length : q % o->out_width;
    for (int done = 0; done < columns;) {
        const int count = min(length - at, columns - done);
        __global float *run = y + row / o->out_height * o->y_n +
                              (rows_touch ? at : row % o->out_height * o->y_h + at * o->y_w);
        for (int r = 0; r < o->rows; r++) {
            put_run(run + r * o->y_c, o->y_w, tile + r * width + done, count,
                o->bias ? o->bias[r * o->bias_stride] : 0.0f, o);
        }
        done += count;
        at = 0;
        row = (q + done) / o->out_width;
    }
}

/* How many of the vectors still to do the next tile takes: never leaves a lone one. */
static inline int tile_vectors(int vectors) {
    return vectors <= 3 ? vectors : (vectors == 4 ? 2 : 3);
}

/* One channel of the item's pixels: which rows of which images, and how far apart they lie. */
typedef struct plane_map {
    int first_row, last_row; /* of n * out_height + oh */
    int out_height, out_width, reach, pitch;
} plane_map;

/* Where row `row` begins in a phase of the plane. Images are `reach` rows farther apart. */
static inline int plane_row(const plane_map *map, int row) {
    const int images = row / map->out_height - map->first_row / map->out_height;
    return (row - map->first_row + images * map->reach) * map->pitch;
}

/*
 * Cuts the item's pixels into tiles and those into runs that lie together in the source:
 * tile_runs[t] is the number of the tile's first run, runs[2 r] where run r begins (in a phase of
 * the plane; FLAT: in a channel of x), runs[2 r + 1] how long it is.
 */
static inline void make_runs(__local INDEX *tile_runs, __local INDEX *runs, const plane_map *map,
    int q, int q_end, int vectors, INDEX x_n) {
    int count = 0;
    while (vectors > 0) {
        const int wide = tile_vectors(vectors);
        const int tile_end = min(q + wide * GEMM_W, q_end);
        vectors -= wide;
        *tile_runs++ = count;
        while (q < tile_end) {
            const int row = q / map->out_width, column = q % map->out_width;
            const int length = min(map->out_width - column, tile_end - q);
#if FLAT
            runs[2 * count] = row * x_n + column;
#else
            runs[2 * count] = plane_row(map, row) + column;
#endif
            runs[2 * count + 1] = length;
            count++;
            q += length;
        }
    }
    *tile_runs = count;
}

#if FLAT
/* A run of pixels of `channels` channels into rows of a panel, not reading beyond. */
static inline void pack_run(__local float *target, int target_row, const __global float *source,
    INDEX source_row, int count, int channels) {
    for (int c = 0; c < channels; c++) {
        int i = 0;
        for (; i + GEMM_W <= count; i += GEMM_W) {
            GEMM_STORE(GEMM_LOAD(0, source + i), 0, target + i);
        }
        for (; i < count; i++) {
            target[i] = source[i];
        }
        source += source_row;
        target += target_row;
    }
}
#else
/* A tile's runs of one channel through all taps, a row of the panel each. It goes by whole vectors:
 * what is read and written beyond a run is overwritten later, or not used. */
static inline void pack_channel(__local float *target, int target_row, const __local float *plane,
    const __local INDEX *tap_offset, int taps, const __local INDEX *runs, int run_count) {
    for (int tap = 0; tap < taps; tap++) {
        __local float *to = target;
        for (int r = 0; r < run_count; r++) {
            const __local float *source = plane + tap_offset[tap] + runs[2 * r];
            const int count = (int)runs[2 * r + 1];
            for (int i = 0; i < count; i += GEMM_W) {
                GEMM_STORE(GEMM_LOAD(0, source + i), 0, to + i);
            }
            to += count;
        }
        target += target_row;
    }
}
#endif

__kernel void conv2d_cpu_panel(const __global float *x, __global float *y, const __global float *w,
    const __global float *bias, __local float *plane, __local float *panel, __local INDEX *table,
    INDEX x_offset, INDEX x_n, INDEX x_c, INDEX x_h, INDEX x_w, INDEX y_offset, INDEX y_n,
    INDEX y_c, INDEX y_h, INDEX y_w, INDEX bias_offset, INDEX bias_stride, INDEX w_offset,
    INDEX w_group, INDEX w_block, INDEX w_row, INDEX w_step, int images, int height, int width,
    int out_height, int out_width, int group_channels, int group_outputs, int step_h, int step_w,
    int top, int left, int taps_h, int v0, int dv, int taps_w, int u0, int du, int phases_h,
    int phases_w, int reach, int pitch, int plane_rows, int part_vectors, int item_blocks,
    int channel_block, int accumulate, float slope) {
    const int blocks = (group_outputs + GEMM_MR - 1) / GEMM_MR;
    const int block_items = (blocks + item_blocks - 1) / item_blocks;
    int item = get_group_id(0);
    const int pixels = images * out_height * out_width;
    const int all_vectors = (pixels + GEMM_W - 1) / GEMM_W;
    const int parts = (all_vectors + part_vectors - 1) / part_vectors;
    const int vector_begin = item % parts * part_vectors;
    const int vectors = min(part_vectors, all_vectors - vector_begin);
    item /= parts;
    const int block_begin = item % block_items * item_blocks;
    const int block_end = min(block_begin + item_blocks, blocks);
    const INDEX g = item / block_items;

    const int q_begin = vector_begin * GEMM_W;
    const int q_end = min(q_begin + vectors * GEMM_W, pixels);
    const int taps = taps_h * taps_w;
    const int phase = plane_rows * pitch;
    const plane_map map = {q_begin / out_width, (q_end - 1) / out_width, out_height, out_width,
        reach, pitch};
    int tiles = 0;
    for (int v = vectors; v > 0; v -= tile_vectors(v)) {
        tiles++;
    }
    __local INDEX *tap_offset = table, *tile_runs = table + taps, *runs = tile_runs + tiles + 1;
    for (int t = 0; t < taps; t++) {
        const int v = v0 + t / taps_w * dv, u = u0 + t % taps_w * du;
        tap_offset[t] = (v % step_h * phases_w + u % step_w) * phase + v / step_h * pitch +
                        u / step_w;
    }
    make_runs(tile_runs, runs, &map, q_begin, q_end, vectors, x_n);

    panel_output o = {y_n, y_c, y_h, y_w, out_height, out_width, 0, 0, 0, 0, bias_stride, slope};
    const int image_pixels = out_height * out_width;
    const bool rows_touch = y_w == 1 && y_h == out_width;
    float tile[GEMM_MR * GEMM_NR + GEMM_W]; /* whole vectors are read at its end */
    x += x_offset + g * group_channels * x_c;
    y += y_offset + g * group_outputs * y_c;
    w += w_offset + g * w_group;

    for (int c0 = 0; c0 < group_channels; c0 += channel_block) {
        const int channels = min(channel_block, group_channels - c0);
        const int depth = channels * taps;
#if FLAT
        __local float *to = panel;
        for (int t = 0, v = vectors; t < tiles; t++) {
            const int row = tile_vectors(v) * GEMM_W;
            for (int r = tile_runs[t], at = 0; r < tile_runs[t + 1]; r++) {
                if (runs[2 * r + 1] == GEMM_NR) {
                    break; /* the first block packs it */
                }
                pack_run(to + at, row, x + c0 * x_c + runs[2 * r], x_c, (int)runs[2 * r + 1],
                    channels);
                at += (int)runs[2 * r + 1];
            }
            v -= tile_vectors(v);
            to += row * depth + GEMM_W;
        }
#else
        for (int c = 0; c < channels; c++) {
            const __global float *channel = x + (c0 + c) * x_c;
            for (int row = map.first_row; row <= map.last_row;) {
                const int n = row / out_height, oh = row % out_height;
                const int rows = min(out_height - oh, map.last_row + 1 - row);
                for (int p = 0; p < phases_h * phases_w; p++) {
                    load_plane(plane + p * phase + plane_row(&map, row), channel + n * x_n, x_h,
                        x_w, height, width, oh * step_h + p / phases_w - top, p % phases_w - left,
                        step_h, step_w, rows + reach, pitch);
                }
                row += rows;
            }
            __local float *to = panel;
            for (int t = 0, v = vectors; t < tiles; t++) {
                const int row = tile_vectors(v) * GEMM_W;
                pack_channel(to + c * taps * row, row, plane, tap_offset, taps,
                    runs + 2 * tile_runs[t], (int)(tile_runs[t + 1] - tile_runs[t]));
                v -= tile_vectors(v);
                to += row * depth + GEMM_W;
            }
        }
#endif
        o.first = c0 == 0 && !accumulate;
        o.last = c0 + channels == group_channels;
        for (int b = block_begin; b < block_end; b++) {
            const INDEX m0 = (INDEX)b * GEMM_MR;
            const __global float *rows = w + b * w_block + (INDEX)c0 * taps * w_step;
            __global float *channel = y + m0 * y_c;
            __local float *from = panel;
            int t = 0;
            o.rows = min(GEMM_MR, group_outputs - (int)m0);
            o.bias = bias ? bias + bias_offset + (g * group_outputs + m0) * bias_stride : bias;
            for (int v = 0, wide; v < vectors; v += wide) {
                wide = tile_vectors(vectors - v);
                const int q = q_begin + v * GEMM_W, columns = min(wide * GEMM_W, q_end - q);
                const int n = q / image_pixels;
                __global float *to = channel + n * y_n + q % image_pixels;
                if (!PANEL_FINISHES || !rows_touch || columns < wide * GEMM_W ||
                    q % image_pixels + columns > image_pixels) {
                    to = 0;
                }
#if FLAT
                const INDEX run = runs[2 * tile_runs[t]];
                if (b == block_begin && runs[2 * tile_runs[t] + 1] == GEMM_NR) {
                    panel_tile_packing(
                        x + c0 * x_c + run, x_c, rows, w_row, w_step, from, depth, &o, to, tile);
                    wide = 0;
                }
                t++;
#endif
                switch (wide) {
                case 0:
                    wide = 3;
                    break;
                case 1:
                    panel_tile_1(rows, w_row, w_step, from, depth, &o, to, tile);
                    break;
                case 2:
                    panel_tile_2(rows, w_row, w_step, from, depth, &o, to, tile);
                    break;
                default:
                    panel_tile_3(rows, w_row, w_step, from, depth, &o, to, tile);
                }
                if (!to) {
                    put_tile(channel, tile, wide * GEMM_W, q, columns, &o);
                }
                from += wide * GEMM_W * depth + GEMM_W;
            }
        }
    }
}
