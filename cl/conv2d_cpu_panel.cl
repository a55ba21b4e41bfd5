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
 *   columns tail * channel_block * taps floats
 *   table   taps + 4 * tiles + 1 + 2 * runs INDEXes (see item_work)
 * The last `tail` pixels, where few are left beyond whole vectors, are summed along k: their panel
 * is turned into columns, which meet the rows of w (w_step is 1 then).
 * FLAT: a window of one element, step 1, no padding and rows without gaps, given as one row of all
 * pixels: panels are packed from x itself, and there is no plane.
 * DEEP: a third axis, the depth, of x, the window and y. An image is that of one n and one depth of
 * y, image = n * out_depth + od, and a channel that of one channel of x and one depth of the window,
 * c * taps_d + td; they meet at x's depth step_d * od + td * dilation_d - front, of nothing but
 * zeros where x has none.
 * Macros: GEMM_W, GEMM_MR and ACTIVATION as in gemm_cpu.cl; FLAT; DEEP; INDEX.
 */
#include "common.cl"
#include "numbers.cl"

#include "vector.cl"
#define GEMM_NV 2
#include "gemm_cpu.cl"
#include "conv2d_cpu_plane.cl"
/* In this program too: a program of its own would cost the first call twice as much. */
#define PACK_MR GEMM_MR
#include "conv2d_cpu_pack.cl"

/* Where the sums of a tile go, and what becomes of them. */
typedef struct panel_output {
    INDEX y_n, y_c, y_h, y_w;
    int out_height, out_width;
#if DEEP
    INDEX y_d;
    int out_depth;
#endif
    int rows;
    int first, last; /* block of channels: earlier sums are in y already; more will come */
    const __global float *bias;
    INDEX bias_stride;
    float2 parameters;
} panel_output;

/* Where an image of y begins. */
static inline INDEX image_place(const panel_output *o, int image) {
#if DEEP
    return image / o->out_depth * o->y_n + image % o->out_depth * o->y_d;
#else
    return image * o->y_n;
#endif
}

static inline GEMM_VECTOR finish_vector(GEMM_VECTOR value, float bias, const panel_output *o) {
    value += bias;
#if ACTIVATION != 0
    value = CAT(activation_value_, GEMM_W)(value, o->parameters);
#endif
    return value;
}

static inline GEMM_VECTOR finish_if_last(GEMM_VECTOR value, float bias, const panel_output *o) {
    return o->last ? finish_vector(value, bias, o) : value;
}

#include "conv2d_cpu_panel_tile.cl"
#undef GEMM_NV
#define GEMM_NV 3
#define PANEL_FINISHES
#include "conv2d_cpu_panel_tile.cl"
#undef PANEL_FINISHES
#if FLAT
#define PANEL_PACKS
#include "conv2d_cpu_panel_tile.cl"
#undef PANEL_PACKS
#define PANEL_AHEAD
#include "conv2d_cpu_panel_tile.cl"
#endif
#define FINISHES (ACTIVATION <= 1) /* longer activations are expanded once, for tiles in memory */

/* Finishes `count` sums of one channel that lie in a row of y. */
static inline void put_run(
    __global float *y, INDEX step, const float *sums, int count, float bias,
    const panel_output *o) {
    KEEP_ROLLED
    for (int i = 0; i < count; i += GEMM_W) {
        const int left = count - i;
        const bool whole = step == 1 && left >= GEMM_W;
        float lanes[GEMM_W];
        GEMM_VECTOR before = (GEMM_VECTOR)(0.0f);
        if (!o->first && whole) {
            before = GEMM_LOAD(0, y + i);
        } else if (!o->first) {
            KEEP_ROLLED
            for (int j = 0; j < min(left, GEMM_W); j++) {
                lanes[j] = y[(i + j) * step];
            }
            before = GEMM_LOAD(0, lanes);
        }
        const GEMM_VECTOR value = finish_if_last(GEMM_LOAD(0, sums + i) + before, bias, o);
        if (whole) {
            GEMM_STORE(value, 0, y + i);
            continue;
        }
        GEMM_STORE(value, 0, lanes);
        KEEP_ROLLED
        for (int j = 0; j < min(left, GEMM_W); j++) {
            y[(i + j) * step] = lanes[j];
        }
    }
}

/* Puts a tile of whole vectors that lie together in y. panel_tile_3() does it from the accumulators,
 * up to a tenth quicker where there are few channels. */
static inline void put_whole(
    __global float *y, const float *tile, int wide, const panel_output *o) {
    KEEP_ROLLED
    for (int r = 0; r < o->rows; r++) {
        const float bias = o->bias ? o->bias[r * o->bias_stride] : 0.0f;
        KEEP_ROLLED
        for (int v = 0; v < wide; v++) {
            GEMM_VECTOR value = GEMM_LOAD(v, tile);
            if (!o->first) {
                value += GEMM_LOAD(v, y);
            }
            GEMM_STORE(finish_if_last(value, bias, o), v, y);
        }
        tile += wide * GEMM_W;
        y += o->y_c;
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
        __global float *run = y + image_place(o, row / o->out_height) +
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

/* How many of the vectors still to do the next tile takes: 2 or 3, even where only one is left. */
static inline int tile_vectors(int vectors) {
    return vectors == 3 || vectors > 4 ? 3 : 2;
}

/* One item: its pixels, and what its tables in local memory say. */
typedef struct item_work {
    int q_begin, q_end, vectors, tail;
    int tiles; /* a tile of the tail is among them, the last */
    int first_row, last_row; /* of n * out_height + oh */
    int taps, depth; /* depth: rows of a panel */
    __local INDEX *tap_offset; /* where a tap begins in the plane */
    __local INDEX *tile_wide;  /* vectors in a tile; 0: the tail */
    __local INDEX *tile_begin; /* its first pixel */
    __local INDEX *tile_place; /* where that lies in a channel of y; -1: not all of the tile's
                                  vectors are whole and together */
    __local INDEX *tile_runs;  /* number of the tile's first run; one more at the end */
    __local INDEX *runs; /* where a run begins, in a phase of the plane (FLAT: in a channel of x),
                            then how long it is */
} item_work;

/* One channel of the item's pixels in local memory. Images are `reach` rows farther apart. */
typedef struct plane_map {
    int out_height, out_width, reach, pitch;
} plane_map;

static inline int plane_row(const item_work *item, const plane_map *map, int row) {
    const int images = row / map->out_height - item->first_row / map->out_height;
    return (row - item->first_row + images * map->reach) * map->pitch;
}

/* Floats in a row of a tile's panel. */
static inline int panel_row(const item_work *item, int t) {
    return max((int)item->tile_wide[t], 1) * GEMM_W;
}

/* Cuts the item's pixels into tiles and those into runs that lie together in the source. */
static inline void make_runs(
    const item_work *item, const plane_map *map, const panel_output *o, INDEX x_n) {
    const int image = o->out_height * o->out_width;
    const bool rows_touch = o->y_w == 1 && o->y_h == o->out_width;
    __local INDEX *runs = item->runs;
    int q = item->q_begin, vectors = item->vectors, count = 0;
    KEEP_ROLLED
    for (int t = 0; t < item->tiles; t++) {
        const int wide = vectors > 0 ? tile_vectors(vectors) : 0;
        const int tile_end = min(vectors > 0 ? q + wide * GEMM_W : q + item->tail, item->q_end);
        const bool whole = rows_touch && tile_end == q + wide * GEMM_W &&
                           q / image == (tile_end - 1) / image;
        item->tile_wide[t] = wide;
        item->tile_begin[t] = q;
        item->tile_place[t] = whole ? image_place(o, q / image) + q % image : -1;
        item->tile_runs[t] = count;
        vectors -= wide;
        while (q < tile_end) {
            const int row = q / map->out_width, column = q % map->out_width;
            const int length = min(map->out_width - column, tile_end - q);
#if FLAT
            runs[2 * count] = row * x_n + column;
#else
            runs[2 * count] = plane_row(item, map, row) + column;
#endif
            runs[2 * count + 1] = length;
            count++;
            q += length;
        }
    }
    item->tile_runs[item->tiles] = count;
}

#if FLAT
/* A run of pixels of `depth` channels into rows of a panel, not reading beyond. */
static inline void pack_run(__local float *target, int target_row, const __global float *source,
    INDEX source_row, int count, int depth) {
    KEEP_ROLLED
    for (int c = 0; c < depth; c++) {
        int i = 0;
        KEEP_ROLLED
        for (; i + GEMM_W <= count; i += GEMM_W) {
            GEMM_STORE(GEMM_LOAD(0, source + i), 0, target + i);
        }
        KEEP_ROLLED
        for (; i < count; i++) {
            target[i] = source[i];
        }
        source += source_row;
        target += target_row;
    }
}

/* All panels but those of one whole run: the first block of outputs packs them. */
static inline void pack_panels(
    const item_work *item, const __global float *x, INDEX x_c, __local float *panel) {
    for (int t = 0; t < item->tiles; t++) {
        const int row = panel_row(item, t);
        int at = 0;
        for (int r = (int)item->tile_runs[t]; r < item->tile_runs[t + 1]; r++) {
            const int count = (int)item->runs[2 * r + 1];
            if (count < GEMM_NR) {
                pack_run(panel + at, row, x + item->runs[2 * r], x_c, count, item->depth);
            }
            at += count;
        }
        panel += row * item->depth + GEMM_W;
    }
}
#else
/* A tile's runs of one channel through all taps, a row of the panel each. It goes by whole vectors:
 * what is read and written beyond a run is overwritten later, or not used. */
static inline void pack_channel(
    const item_work *item, int t, const __local float *plane, __local float *target) {
    const int row = panel_row(item, t);
    const int first = (int)item->tile_runs[t], end = (int)item->tile_runs[t + 1];
    for (int tap = 0; tap < item->taps; tap++) {
        __local float *to = target;
        for (int r = first; r < end; r++) {
            const __local float *source = plane + item->tap_offset[tap] + item->runs[2 * r];
            const int count = (int)item->runs[2 * r + 1];
            for (int i = 0; i < count; i += GEMM_W) {
                GEMM_STORE(GEMM_LOAD(0, source + i), 0, to + i);
            }
            to += count;
        }
        target += row;
    }
}
#endif

/* The panel of the tail, the last one, with a pixel's elements one behind the other. */
static inline void make_columns(
    const item_work *item, const __local float *panel, __local float *columns) {
    KEEP_ROLLED
    for (int t = 0; t + 1 < item->tiles; t++) {
        panel += panel_row(item, t) * item->depth + GEMM_W;
    }
    KEEP_ROLLED
    for (int p = 0; p < item->tail; p++) {
        KEEP_ROLLED
        for (int k = 0; k < item->depth; k++) {
            *columns++ = panel[k * GEMM_W + p];
        }
    }
}

/* Sums along k for each pixel of the tail, to tile[r * GEMM_W + pixel]. */
static inline void sum_tail(const __global float *w, INDEX w_row, const __local float *columns,
    int count, int tail, int rows, float *tile) {
    for (int p = 0; p < tail; p++) {
        for (int r = 0; r < rows; r++) {
            const __global float *row = w + r * w_row;
            GEMM_VECTOR sums[4] = {0.0f, 0.0f, 0.0f, 0.0f};
            int k = 0;
            for (; k + 4 * GEMM_W <= count; k += 4 * GEMM_W) {
#pragma unroll
                for (int i = 0; i < 4; i++) {
                    sums[i] = FMA(GEMM_LOAD(i, row + k), GEMM_LOAD(i, columns + k), sums[i]);
                }
            }
            KEEP_ROLLED
            for (; k + GEMM_W <= count; k += GEMM_W) {
                sums[0] = FMA(GEMM_LOAD(0, row + k), GEMM_LOAD(0, columns + k), sums[0]);
            }
            const GEMM_VECTOR lanes = (sums[0] + sums[1]) + (sums[2] + sums[3]);
            float sum = SUM_LANES(GEMM_W, lanes);
            KEEP_ROLLED
            for (; k < count; k++) {
                sum = FMA(row[k], columns[k], sum);
            }
            tile[r * GEMM_W + p] = sum;
        }
        columns += count;
    }
}

#if DEEP
#define DEPTH_STRIDES(ANY) ANY(x_d) ANY(w_d) ANY(y_d)
#define DEPTH_NUMBERS(ANY)                                                                         \
    ANY(depth) ANY(out_depth) ANY(taps_d) ANY(step_d) ANY(front) ANY(dilation_d)
#else
#define DEPTH_STRIDES(ANY)
#define DEPTH_NUMBERS(ANY)
#endif
#define PANEL_LIST(ANY_INDEX, ANY_INT, ANY_FLOAT)                                                  \
    ANY_INDEX(x_offset) ANY_INDEX(x_n) ANY_INDEX(x_c) ANY_INDEX(x_h) ANY_INDEX(x_w)                \
    ANY_INDEX(y_offset) ANY_INDEX(y_n) ANY_INDEX(y_c) ANY_INDEX(y_h) ANY_INDEX(y_w)                \
    ANY_INDEX(bias_offset) ANY_INDEX(bias_stride) ANY_INDEX(w_offset) ANY_INDEX(w_group)           \
    ANY_INDEX(w_block) ANY_INDEX(w_row) ANY_INDEX(w_step) DEPTH_STRIDES(ANY_INDEX)                 \
    ANY_INT(images) ANY_INT(height)                                                                \
    ANY_INT(width) ANY_INT(out_height) ANY_INT(out_width) ANY_INT(group_channels)                  \
    ANY_INT(group_outputs) ANY_INT(step_h) ANY_INT(step_w) ANY_INT(top) ANY_INT(left)              \
    ANY_INT(taps_h) ANY_INT(v0) ANY_INT(dv) ANY_INT(taps_w) ANY_INT(u0) ANY_INT(du)                \
    ANY_INT(phases_h) ANY_INT(phases_w) ANY_INT(reach) ANY_INT(pitch) ANY_INT(plane_rows)          \
    ANY_INT(part_vectors) ANY_INT(tail) ANY_INT(item_blocks) ANY_INT(channel_block)                \
    DEPTH_NUMBERS(ANY_INT) ANY_INT(accumulate) ACTIVATION_NUMBERS(ANY_FLOAT)
typedef struct panel_numbers {
    NUMBER_MEMBERS(PANEL_LIST)
} panel_numbers;

KEEP_APART static void panel_item(const __global float *x, __global float *y,
    const __global float *w, const __global float *bias, __local float *plane,
    __local float *panel, __local float *columns, __local INDEX *table, const int id,
    const panel_numbers numbers) {
    NUMBERS(PANEL_LIST)
    const int blocks = (group_outputs + GEMM_MR - 1) / GEMM_MR;
    const int block_items = (blocks + item_blocks - 1) / item_blocks;
    const int image_pixels = out_height * out_width, pixels = images * image_pixels;
    const int all_vectors = (pixels - tail + GEMM_W - 1) / GEMM_W;
    const int parts = (all_vectors + part_vectors - 1) / part_vectors;
    const int part = id % parts;
    const int block_begin = id / parts % block_items * item_blocks;
    const int block_end = min(block_begin + item_blocks, blocks);
    const INDEX g = id / parts / block_items;

    item_work item = {.q_begin = part * part_vectors * GEMM_W, .taps = taps_h * taps_w};
    item.vectors = min(part_vectors, all_vectors - part * part_vectors);
    item.tail = part + 1 == parts ? tail : 0;
    item.q_end = min(item.q_begin + item.vectors * GEMM_W + item.tail, pixels);
    for (int v = item.vectors; v > 0; v -= tile_vectors(v)) {
        item.tiles++;
    }
    item.tiles += item.tail > 0;
    item.first_row = item.q_begin / out_width;
    item.last_row = (item.q_end - 1) / out_width;
    item.tap_offset = table;
    item.tile_wide = table + item.taps;
    item.tile_begin = item.tile_wide + item.tiles;
    item.tile_place = item.tile_begin + item.tiles;
    item.tile_runs = item.tile_place + item.tiles;
    item.runs = item.tile_runs + item.tiles + 1;
    const int phase = plane_rows * pitch;
    for (int t = 0; t < item.taps; t++) {
        const int v = v0 + t / taps_w * dv, u = u0 + t % taps_w * du;
        item.tap_offset[t] = (v % step_h * phases_w + u % step_w) * phase + v / step_h * pitch +
                             u / step_w;
    }
    const plane_map map = {out_height, out_width, reach, pitch};
    #if DEEP
#define DEPTH_OF_Y y_d, out_depth,
    const INDEX source_channels = group_channels / taps_d;
#else
#define DEPTH_OF_Y
    const INDEX source_channels = group_channels;
#endif
    panel_output o = {y_n, y_c, y_h, y_w, out_height, out_width, DEPTH_OF_Y 0, 0, 0, 0, bias_stride,
        ACTIVATION_PARAMETERS};
    make_runs(&item, &map, &o, x_n);

    float tile[GEMM_MR * GEMM_NR + GEMM_W]; /* whole vectors are read at its end */
    x += x_offset + g * source_channels * x_c;
    y += y_offset + g * group_outputs * y_c;
    w += w_offset + g * w_group;

    for (int c0 = 0; c0 < group_channels; c0 += channel_block) {
        const int channels = min(channel_block, group_channels - c0);
        item.depth = channels * item.taps;
#if FLAT
        pack_panels(&item, x + c0 * x_c, x_c, panel);
#else
        for (int c = 0; c < channels; c++) {
#if DEEP
            const __global float *channel = x + (c0 + c) / taps_d * x_c;
            const int d0 = (c0 + c) % taps_d * dilation_d - front;
#else
            const __global float *channel = x + (c0 + c) * x_c;
#endif
            for (int row = item.first_row; row <= item.last_row;) {
                const int n = row / out_height, oh = row % out_height;
                const int rows = min(out_height - oh, item.last_row + 1 - row);
#if DEEP
                const int d = n % out_depth * step_d + d0;
                const bool inside = d >= 0 && d < depth;
                const __global float *image =
                    channel + n / out_depth * x_n + (inside ? d : 0) * x_d;
                const int source_height = inside ? height : 0;
#else
                const __global float *image = channel + n * x_n;
                const int source_height = height;
#endif
                for (int p = 0; p < phases_h * phases_w; p++) {
                    load_plane(plane + p * phase + plane_row(&item, &map, row), image, x_h, x_w,
                        source_height, width,
                        oh * step_h + p / phases_w - top, p % phases_w - left, step_h, step_w,
                        rows + reach, pitch);
                }
                row += rows;
            }
            __local float *to = panel;
            for (int t = 0; t < item.tiles; t++) {
                pack_channel(&item, t, plane, to + c * item.taps * panel_row(&item, t));
                to += panel_row(&item, t) * item.depth + GEMM_W;
            }
        }
#endif
        o.first = c0 == 0 && !accumulate;
        o.last = c0 + channels == group_channels;
        if (item.tail > 0) {
            make_columns(&item, panel, columns);
        }
        for (int b = block_begin; b < block_end; b++) {
            const INDEX m0 = (INDEX)b * GEMM_MR;
            const __global float *rows = w + b * w_block + (INDEX)c0 * item.taps * w_step;
            __global float *channel = y + m0 * y_c;
            __local float *from = panel;
            o.rows = min(GEMM_MR, group_outputs - (int)m0);
            o.bias = bias ? bias + bias_offset + (g * group_outputs + m0) * bias_stride : bias;
            for (int t = 0; t < item.tiles; t++) {
                bool finished = false;
#if FLAT
                const INDEX run = item.tile_runs[t];
                const bool whole = item.runs[2 * run + 1] == GEMM_NR;
                const __global float *source = x + c0 * x_c + item.runs[2 * run];
                if (whole && b == block_begin) {
                    panel_tile_packing(
                        source, x_c, rows, w_row, w_step, from, item.depth, o.rows, tile);
                } else if (whole && b == block_begin + 1 && part + 1 < parts) {
                    panel_tile_ahead(source + part_vectors * GEMM_W, x_c, rows, w_row, w_step,
                        from, item.depth, o.rows, tile);
                } else
#endif
                if (item.tile_wide[t] == 3) {
                    finished = FINISHES && item.tile_place[t] >= 0 && o.first && o.last;
                    panel_tile_3(rows, w_row, w_step, from, item.depth, o.rows, tile,
                        finished ? channel + item.tile_place[t] : 0, &o);
                } else if (item.tile_wide[t] == 2) {
                    panel_tile_2(rows, w_row, w_step, from, item.depth, o.rows, tile);
                } else {
                    sum_tail(rows, w_row, columns, item.depth, item.tail, o.rows, tile);
                }
                if (!finished && item.tile_place[t] >= 0) {
                    put_whole(channel + item.tile_place[t], tile, (int)item.tile_wide[t], &o);
                } else if (!finished) {
                    const int q = (int)item.tile_begin[t];
                    const int q_end = t + 1 < item.tiles ? (int)item.tile_begin[t + 1] : item.q_end;
                    put_tile(channel, tile, panel_row(&item, t), q, q_end - q, &o);
                }
                from += panel_row(&item, t) * item.depth + GEMM_W;
            }
        }
    }
}

__kernel void conv2d_cpu_panel(const __global float *x, __global float *y, const __global float *w,
    const __global float *bias, __local float *plane, __local float *panel, __local float *columns,
    __local INDEX *table, const panel_numbers numbers) {
    panel_item(x, y, w, bias, plane, panel, columns, table, get_group_id(0), numbers);
}
