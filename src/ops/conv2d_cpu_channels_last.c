/* SPDX-License-Identifier: Apache-2.0 */
/* Forward on processors where channels lie end to end: cl/conv2d_cpu_channels_last*.cl. */
#include "ops/conv2d_cpu_channels_last.h"

enum {
    BLOCK_VECTORS = 2,
    PANELS_NEAR = 384 * 1024, /* bytes: under half of a usual second-level cache */
    NEAR = 640 * 1024,        /* that it keeps beside other things */
    TILE_START = 150,         /* cycles, about, of a tile beyond its steps */
    ITEM_START = 400,
    FETCH_BYTES = 8,        /* that the last cache gives a cycle */
    SET_BYTES = 4096,       /* lines so far apart share a set of a usual first-level cache */
    SET_LINES = 8,          /* that it holds */
    SHORT_RUN = 16,         /* steps */
    COPY_BYTES = 32 * 1024, /* of rows: about a first-level cache */
    CACHE_SHARE =
        4 /* of the last cache: a larger result has left it when the next layer reads it */
};

typedef struct last_plan {
    cleat_tensor x, y;           /* with rows joined where that makes no difference */
    int64_t pixels, tile_floats; /* of a tile, and what it reads of x for the first time */
    bool copies;                 /* a tile's pixels go to local memory first */
    bool past;                   /* results are stored past the caches */
    int64_t tiles, blocks;
    int64_t item_tiles, item_blocks, inner_blocks;
} last_plan;

/* ---- The plan ---- */

/* Each pixel of y comes from one pixel of x. */
static bool has_no_taps(const conv2d_problem *p) {
    return p->w.shape[2] == 1 && p->w.shape[3] == 1 && p->padding[0] == 0 && p->padding[1] == 0 &&
           p->padding[2] == 0 && p->padding[3] == 0;
}

/* Whether `axis` goes on where the row of pixels (axis 3) ends. */
static bool continues(const cleat_tensor *x, int axis) {
    return x->shape[axis] == 1 || x->stride[axis] == x->shape[3] * x->stride[3];
}

/* Rows, then images, into one row while all pixels are equally far apart. */
static void join_rows(cleat_tensor *x, cleat_tensor *y) {
    static const int axes[] = {2, 0};
    for (int i = 0; i < 2 && continues(x, axes[i]) && continues(y, axes[i]); i++) {
        x->shape[3] *= x->shape[axes[i]];
        y->shape[3] *= y->shape[axes[i]];
        x->shape[axes[i]] = y->shape[axes[i]] = 1;
    }
}

/* What 32 registers hold by two vectors, or 16. */
static int64_t most_pixels(int64_t width) {
    return width == 16 ? 14 : 6;
}

/* What takes least for a row. Of 14 pixels or 7: what wastes less at its end. Of 6, 5 or 4 a step
 * is three instructions for a pixel and three more. */
static int64_t tile_pixels(int64_t width, int64_t row) {
    const int64_t most = most_pixels(width), half = most / 2;
    if (width == 16) {
        return 20 * ceil_div(row, half) * half < 19 * ceil_div(row, most) * most ? half : most;
    }
    int64_t best = most;
    for (int64_t pixels = most - 1; pixels > half; pixels--) {
        best =
            ceil_div(row, pixels) * (pixels + 1) < ceil_div(row, best) * (best + 1) ? pixels : best;
    }
    return best;
}

static void set_item(last_plan *l, const weight_panels *panels, int64_t tiles, int64_t blocks) {
    l->item_tiles = tiles;
    l->item_blocks = blocks;
    l->inner_blocks =
        max_of(min_of(PANELS_NEAR / (panels->panel_floats * BLOCK_VECTORS * 4), blocks), 1);
}

/* Cycles, about, of an item. Its pixels come from the last cache, its panels too unless they are
 * still near from the item before. */
static double item_cost(const last_plan *l, const weight_panels *panels) {
    const double steps = (double)(panels->taps * panels->channels);
    const double tile = (steps * BLOCK_VECTORS + 2) * (double)l->pixels + TILE_START;
    const double read = (double)(l->item_tiles * l->tile_floats) * 4;
    const double rounds = (double)ceil_div(l->item_blocks, l->inner_blocks);
    const double weights = (double)(l->item_blocks * BLOCK_VECTORS * panels->panel_floats) * 4;
    const double fetched = (read > NEAR ? read * rounds : read) + (weights > NEAR ? weights : 0);
    return (double)(l->item_tiles * l->item_blocks) * tile + fetched / FETCH_BYTES + ITEM_START;
}

/* 1, 2, 3, 4, 6, 8, 12, 16, ... */
static int64_t next_parts(int64_t parts) {
    return parts < 3 ? parts + 1 : parts % 3 == 0 ? parts / 3 * 4 : parts / 2 * 3;
}

/* Tries parts of tiles by parts of blocks; a thread takes its share at once, or of what is left. */
static void divide(last_plan *l, const weight_panels *panels, int64_t threads) {
    int64_t tiles = l->tiles, blocks = l->blocks;
    double least = -1;
    for (int64_t block_parts = 1; block_parts <= l->blocks; block_parts *= 2) {
        const double weights = (double)(l->blocks * BLOCK_VECTORS * panels->panel_floats) * 4 /
                               (double)min_of(block_parts, threads);
        for (int64_t parts = 1; parts <= min_of(l->tiles, 64 * threads);
             parts = next_parts(parts)) {
            set_item(l, panels, ceil_div(l->tiles, parts), ceil_div(l->blocks, block_parts));
            const int64_t items = ceil_div(l->tiles, l->item_tiles) *
                                  ceil_div(l->blocks, l->item_blocks) * panels->groups;
            const double cost = (double)ceil_div(items, threads) * item_cost(l, panels) *
                                    (1 + 0.5 * (double)threads / (double)items) +
                                weights / FETCH_BYTES;
            if (least < 0 || cost < least) {
                least = cost;
                tiles = l->item_tiles;
                blocks = l->item_blocks;
            }
        }
    }
    set_item(l, panels, tiles, blocks);
}

/* More pixels of a tile meet in a set of the cache than it holds. */
static bool pixels_collide(
    const conv2d_problem *p, const weight_panels *panels, const last_plan *l) {
    return has_no_taps(p) && p->group_channels % panels->width == 0 && l->pixels > SET_LINES &&
           l->x.stride[3] * p->stride[COLUMNS] * (int64_t)sizeof(float) % SET_BYTES == 0;
}

/* A tap of few channels is a short run, which takes longer to start than a copy to make. */
static bool rows_are_short(const conv2d_problem *p) {
    return p->w.shape[3] > 1 && p->groups == 1 && p->dilation[COLUMNS] == 1 &&
           p->x.stride[3] == p->group_channels && p->group_channels <= SHORT_RUN;
}

/* Of a tile, or of a row. */
static int64_t copied_floats(
    const conv2d_problem *p, const weight_panels *panels, const last_plan *l) {
    return has_no_taps(p) ? l->pixels * (panels->channels + panels->width)
                          : p->w.shape[2] * panels->channels *
                                ((p->y.shape[3] - 1) * p->stride[COLUMNS] + p->w.shape[3]);
}

static last_plan begin_plan(
    const device_profile *profile, const conv2d_problem *p, const weight_panels *panels) {
    last_plan l = {.x = p->x, .y = p->y, .blocks = ceil_div(panels->vectors, BLOCK_VECTORS)};
    if (has_no_taps(p) && p->stride[ROWS] == 1 && p->stride[COLUMNS] == 1) {
        join_rows(&l.x, &l.y);
    }
    l.pixels = tile_pixels(panels->width, l.y.shape[3]);
    const int64_t copied = copied_floats(p, panels, &l) * (int64_t)sizeof(float);
    l.copies = (pixels_collide(p, panels, &l) || (rows_are_short(p) && copied <= COPY_BYTES)) &&
               2 * copied <= (int64_t)profile->local_memory;
    l.tiles = l.y.shape[0] * l.y.shape[2] * ceil_div(l.y.shape[3], l.pixels);
    l.tile_floats = l.pixels * panels->channels * min_of(p->stride[ROWS], p->w.shape[2]) *
                    min_of(p->stride[COLUMNS], p->w.shape[3]);
    l.past = profile_is_past_caches(
        profile, CACHE_SHARE * sizeof(float) * (double)cleat_tensor_count(&p->y));
    return l;
}

bool conv2d_cpu_channels_last_supports(const device_profile *profile, const void *problem) {
    const conv2d_problem *p = problem;
    weight_panels panels;
    if (!conv2d_is_int_sized(p) || !conv2d_is_channels_last(p) ||
        !weight_panels_plan(profile, &p->w, p->groups, &panels) || panels.groups != p->groups) {
        return false;
    }
    const last_plan l = begin_plan(profile, p, &panels);
    return l.tiles < INT32_MAX / 64 && l.y.shape[3] < INT32_MAX / 2 &&
           profile_item_is_short(profile, (double)(panels.taps * panels.channels) * 64);
}

/* ---- Launching ---- */

static void read_panels(
    launch *l, const conv2d_problem *p, const weight_panels *panels, const void *plan) {
    const last_plan *q = plan;
    launch_macro(l, "GEMM_W", panels->width);
    launch_macro(l, "GEMM_MR", q->pixels);
    launch_macro(l, "ACTIVATION", p->activation.form);
    launch_macro(l, "ODD", panels->vectors % 2);
    launch_macro(l, "COPIES", q->copies);
    launch_tensor(l, p->bias);
    if (p->residual.buffer != NULL) {
        launch_macro(l, "RESIDUAL", 1);
        launch_tensor(l, &p->residual);
    }
    launch_local(
        l, q->copies ? (size_t)copied_floats(p, panels, q) * sizeof(float) : sizeof(float));
    launch_local(l, (size_t)(q->pixels * BLOCK_VECTORS * panels->width) * sizeof(float));
    launch_local(l, (size_t)(q->item_blocks * BLOCK_VECTORS * panels->width) * sizeof(float));
    launch_numbers_begin(l);
    const int64_t places[] = {q->x.offset, q->x.stride[0], q->x.stride[2], q->x.stride[3],
        q->y.offset, q->y.stride[0], q->y.stride[2], q->y.stride[3], p->bias ? p->bias->offset : 0,
        p->bias ? p->bias->stride[0] : 0, panels->panel_floats};
    launch_indices(l, places, sizeof places / sizeof places[0]);
    if (p->residual.buffer != NULL) {
        launch_index(l, p->residual.offset);
    }
    const int64_t numbers[] = {q->x.shape[2], q->x.shape[3], q->y.shape[2], q->y.shape[3],
        panels->groups, panels->channels, panels->outputs, p->stride[ROWS], p->stride[COLUMNS],
        p->padding[0], p->padding[1], p->w.shape[2], p->w.shape[3], p->dilation[ROWS],
        p->dilation[COLUMNS], q->tiles, q->item_tiles, q->item_blocks, q->inner_blocks, q->past};
    launch_ints(l, numbers, sizeof numbers / sizeof numbers[0]);
    launch_activation(l, &p->activation);
    launch_numbers_end(l);
    const int64_t items =
        ceil_div(q->tiles, q->item_tiles) * ceil_div(q->blocks, q->item_blocks) * panels->groups;
    launch_size_1d(l, (size_t)items, 1);
}

cleat_status conv2d_cpu_channels_last(cleat_context *context, const void *problem) {
    const conv2d_problem *p = problem;
    const device_profile *profile = context_profile(context);
    weight_panels panels;
    weight_panels_plan(profile, &p->w, p->groups, &panels);
    last_plan l = begin_plan(profile, p, &panels);
    divide(&l, &panels, max_of(profile->compute_units, 1));
    return conv2d_run_on_panels(context, p, &panels, "conv2d_cpu_channels_last", read_panels, &l);
}

/* ---- Depthwise ---- */

enum {
    DEPTHWISE_ITEMS = 8, /* a thread's */
    ITEM_PRODUCTS = 4096 /* of vectors, at least: some 2 us */
};

typedef struct depthwise_plan {
    int64_t item_rows, item_vectors;
} depthwise_plan;

static int64_t depthwise_items(
    const conv2d_problem *p, const weight_panels *panels, const depthwise_plan *d) {
    return p->y.shape[0] * ceil_div(p->y.shape[2], d->item_rows) *
           max_of(panels->vectors / d->item_vectors, 1);
}

static bool depthwise_fits(const cleat_tensor *w, int64_t stride, int64_t dilation) {
    return w->shape[3] <= 7 && stride <= 2 && dilation <= 4;
}

bool conv2d_cpu_channels_last_depthwise_supports(
    const device_profile *profile, const void *problem) {
    const conv2d_problem *p = problem;
    weight_panels panels;
    return conv2d_is_int_sized(p) && conv2d_is_channels_last(p) && p->groups > 1 &&
           p->group_channels == 1 && p->group_outputs == 1 &&
           depthwise_fits(&p->w, p->stride[COLUMNS], p->dilation[COLUMNS]) &&
           weight_panels_plan(profile, &p->w, p->groups, &panels) &&
           profile_item_is_short(profile, (double)(p->w.shape[2] * p->y.shape[3] * panels.vectors));
}

bool conv2d_channels_last_pays(const device_profile *profile, const cleat_tensor *w, int64_t groups,
    const int64_t *stride, const int64_t *dilation) {
    weight_panels panels;
    return profile->is_cpu && weight_panels_plan(profile, w, groups, &panels) &&
           (panels.groups == groups || depthwise_fits(w, stride[COLUMNS], dilation[COLUMNS]));
}

/* With 32 registers long tiles where most have columns of padding, else short ones, which need
 * fewer addresses; with 16 as many of x's columns as leave room for the window's weights. */
static int64_t depthwise_tile(int64_t width, const conv2d_problem *p) {
    const int64_t most = most_pixels(width), row = p->y.shape[3];
    if (width != 16) {
        return p->stride[COLUMNS] == 1 ? 7 : 4;
    }
    return p->stride[COLUMNS] == 1 && row <= 2 * most ? tile_pixels(width, row) : most / 2;
}

static void read_depthwise_panels(
    launch *l, const conv2d_problem *p, const weight_panels *panels, const void *plan) {
    const depthwise_plan *d = plan;
    launch_macro(l, "VECTOR", panels->width);
    launch_macro(l, "TILE", depthwise_tile(panels->width, p));
    launch_macro(l, "KERNEL_W", p->w.shape[3]);
    launch_macro(l, "STRIDE_W", p->stride[COLUMNS]);
    launch_macro(l, "DILATION_W", p->dilation[COLUMNS]);
    launch_macro(l, "ACTIVATION", p->activation.form);
    launch_tensor(l, p->bias);
    launch_local(l, (size_t)(panels->vectors * panels->width) * sizeof(float));
    launch_numbers_begin(l);
    const int64_t places[] = {p->x.offset, p->x.stride[0], p->x.stride[2], p->x.stride[3],
        p->y.offset, p->y.stride[0], p->y.stride[2], p->y.stride[3], p->bias ? p->bias->offset : 0,
        p->bias ? p->bias->stride[0] : 0};
    launch_indices(l, places, sizeof places / sizeof places[0]);
    const int64_t numbers[] = {p->x.shape[2], p->x.shape[3], p->y.shape[2], p->y.shape[3],
        panels->outputs, p->stride[ROWS], p->padding[0], p->padding[1], p->w.shape[2],
        p->dilation[ROWS], d->item_rows, d->item_vectors};
    launch_ints(l, numbers, sizeof numbers / sizeof numbers[0]);
    launch_activation(l, &p->activation);
    launch_numbers_end(l);
    launch_size_1d(l, (size_t)depthwise_items(p, panels, d), 1);
}

/* Fewer rows an item, then fewer vectors, until there are enough items. */
static depthwise_plan plan_depthwise(
    const device_profile *profile, const conv2d_problem *p, const weight_panels *panels) {
    depthwise_plan d = {p->y.shape[2], panels->vectors};
    const int64_t products =
        p->y.shape[0] * p->y.shape[2] * p->y.shape[3] * panels->taps * panels->vectors;
    const int64_t wanted =
        min_of(max_of(profile->compute_units, 1) * DEPTHWISE_ITEMS, products / ITEM_PRODUCTS);
    while (d.item_rows > 1 && depthwise_items(p, panels, &d) < wanted) {
        d.item_rows = ceil_div(d.item_rows, 2);
    }
    while (d.item_vectors >= 4 && depthwise_items(p, panels, &d) < wanted) {
        d.item_vectors /= 2;
    }
    return d;
}

cleat_status conv2d_cpu_channels_last_depthwise(cleat_context *context, const void *problem) {
    const conv2d_problem *p = problem;
    const device_profile *profile = context_profile(context);
    weight_panels panels;
    weight_panels_plan(profile, &p->w, p->groups, &panels);
    const depthwise_plan d = plan_depthwise(profile, p, &panels);
    return conv2d_run_on_panels(
        context, p, &panels, "conv2d_cpu_channels_last_depthwise", read_depthwise_panels, &d);
}
