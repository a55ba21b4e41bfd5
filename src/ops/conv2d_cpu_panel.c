/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forward on processors as a product of matrices, through cl/conv2d_cpu_panel.cl: how the pixels
 * and the outputs are divided among work-items, and the channels among panels.
 */
#include "core/memory.h"
#include "core/tensor_check.h"
#include "ops/conv2d_problem.h"
#include <stdlib.h>

enum {
    PANEL_LIMIT = 448 * 1024, /* bytes of panels: under half of a usual second-level cache */
    PACK_CHANNELS = 16,
    PACK_BLOCKS = 64,
    TILE_VECTORS = 3
};

typedef struct panel_axis {
    int64_t taps, dilation, step, before, phases;
    int64_t reach; /* the farthest tap, in cells of a phase */
} panel_axis;

typedef struct panel_launch {
    const conv2d_problem *problem;
    cleat_tensor x, y; /* FLAT: of one row */
    void *y_memory;    /* instead of y's buffer, if not NULL */
    panel_axis axis[2];
    bool flat;
    int64_t width, block, blocks; /* GEMM_W, GEMM_MR */
    int64_t taps, pixels, vectors, pitch;
    int64_t tail; /* pixels beyond whole vectors that are summed along k */
    int64_t parts, part_vectors, plane_rows, item_blocks, channel_block;
    int64_t source_group; /* of the tensor of weights */
    int64_t w_offset, w_group, w_block, w_row, w_step;
    bool packs;
} panel_launch;

static panel_axis make_axis(const conv2d_problem *p, int axis) {
    panel_axis a = {.taps = p->w.shape[axis + 2],
        .dilation = p->dilation[axis],
        .step = p->stride[axis],
        .before = p->padding[axis]};
    const int64_t farthest = (a.taps - 1) * a.dilation;
    a.reach = farthest / a.step;
    a.phases = min_of(a.step, farthest + 1);
    return a;
}

/* One row of all of an image's elements, where its rows touch. */
static bool flatten(cleat_tensor *t) {
    if (t->stride[3] != 1 || t->stride[2] != t->shape[3]) {
        return false;
    }
    t->shape[3] *= t->shape[2];
    t->stride[2] = t->shape[3];
    t->shape[2] = 1;
    return true;
}

static bool is_flat(const conv2d_problem *p) {
    return p->w.shape[2] == 1 && p->w.shape[3] == 1 && p->stride[ROWS] == 1 &&
           p->stride[COLUMNS] == 1 && p->padding[0] == 0 && p->padding[1] == 0 &&
           p->padding[2] == 0 && p->padding[3] == 0;
}

/* Where the weights are read: from the tensor when they lie one after the other, else from a copy:
 * a new cache line for each weight costs more. */
static void place_weights(panel_launch *l) {
    const cleat_tensor *w = &l->problem->w;
    const int innermost = w->shape[3] > 1 ? 3 : w->shape[2] > 1 ? 2 : 1;
    const int64_t step = w->stride[innermost];
    const conv2d_depth *d = &l->problem->depth;
    const bool channels_touch =
        !l->problem->deep ? w->shape[1] == 1 || w->stride[1] == step * l->taps
                          : w->stride[1] == d->w * d->w_stride && d->w_stride == step * l->taps;
    l->packs =
        !(step == 1 && (w->shape[2] == 1 || w->stride[2] == step * w->shape[3]) && channels_touch);
    if (l->packs) {
        const int64_t depth = w->shape[1] * l->taps;
        l->w_offset = 0;
        l->w_group = l->blocks * l->block * depth;
        l->w_block = l->block * depth;
        l->w_row = 1;
        l->w_step = l->block;
        return;
    }
    l->w_offset = w->offset;
    l->w_group = l->source_group;
    l->w_block = l->block * w->stride[0];
    l->w_row = w->stride[0];
    l->w_step = step;
}

/* w_group: as in a conv2d_part. */
static panel_launch make_launch(
    const device_profile *profile, const conv2d_problem *p, int64_t w_group) {
    panel_launch l = {.problem = p,
        .source_group = w_group,
        .x = p->x,
        .y = p->y,
        .axis = {make_axis(p, ROWS), make_axis(p, COLUMNS)},
        .taps = p->w.shape[2] * p->w.shape[3],
        .pixels = p->y.shape[0] * p->y.shape[2] * p->y.shape[3]};
    if (is_flat(p) && !p->deep) {
        cleat_tensor x = p->x, y = p->y;
        l.flat = flatten(&x) && flatten(&y);
        l.x = l.flat ? x : p->x;
        l.y = l.flat ? y : p->y;
    }
    l.width = profile_vector_width(profile);
    l.block = l.width == 16 && p->group_outputs > 4 ? 8 : 4;
    l.blocks = ceil_div(p->group_outputs, l.block);
    l.pitch = l.y.shape[3] + l.axis[COLUMNS].reach;
    place_weights(&l);
    const int64_t rest = l.pixels % l.width;
    if (l.w_step == 1 && l.pixels > l.width && rest <= l.width / 4 &&
        p->group_channels * l.taps >= 4 * l.width) {
        l.tail = rest;
    }
    l.vectors = ceil_div(l.pixels - l.tail, l.width);
    return l;
}

/* ---- The plan ---- */

static int64_t plane_floats(const panel_launch *l) {
    return l->flat ? 1
                   : l->axis[ROWS].phases * l->axis[COLUMNS].phases * l->plane_rows * l->pitch +
                         l->width;
}

/* The panels of an item with most pixels, a vector behind each. */
static int64_t panel_floats(const panel_launch *l, int64_t channels) {
    const int64_t tiles = l->part_vectors / TILE_VECTORS + 3;
    const int64_t vectors = max_of(l->part_vectors, 2) + (l->tail > 0 ? 1 : 0);
    return (vectors * channels * l->taps + tiles) * l->width;
}

/* The table of an item with most pixels. */
static int64_t table_size(const panel_launch *l) {
    const int64_t tiles = l->part_vectors / TILE_VECTORS + 3;
    const int64_t runs = (l->part_vectors * l->width + l->tail) / l->y.shape[3] + 2 + tiles;
    return l->taps + 4 * tiles + 1 + 2 * runs;
}

/* Sets what follows from part_vectors; false when not even one channel's panels fit. */
static bool plan_parts(panel_launch *l, int64_t floats) {
    l->parts = ceil_div(l->vectors, l->part_vectors);
    const int64_t cells = l->part_vectors * l->width + l->tail;
    const int64_t rows = ceil_div(cells, l->y.shape[3]) + 1;
    const int64_t images = rows / l->y.shape[2] + 2;
    l->plane_rows = min_of(rows, l->y.shape[0] * l->y.shape[2]) +
                    min_of(images, l->y.shape[0]) * l->axis[ROWS].reach;
    const int64_t left = floats - plane_floats(l) - panel_floats(l, 0) - 2 * table_size(l);
    const int64_t each = panel_floats(l, 1) - panel_floats(l, 0) + l->taps * l->tail;
    l->channel_block = min_of(left / each, l->problem->group_channels);
    return l->channel_block > 0;
}

static int64_t count_items(const panel_launch *l) {
    return l->parts * ceil_div(l->blocks, l->item_blocks) * l->problem->groups;
}

/* Cycles, about, of an item of `vectors` vectors: a step of a tile of 3 vectors and GEMM_MR =
 * 8 takes 25, of fewer 18. */
static double item_cost(const panel_launch *l, int64_t vectors) {
    static const double step[] = {0, 18, 18};
    const double tiles = (double)(vectors / 3) * 25 + step[vectors % 3];
    const double depth = (double)(l->problem->group_channels * l->taps);
    const double panels = (double)ceil_div(l->problem->group_channels, l->channel_block);
    const double rows = (double)(l->item_blocks * l->block);
    const double pixels = (double)(vectors * l->width);
    const double runs = pixels / (double)l->y.shape[3] + (double)vectors / 3 + 1;
    const double packing = 2.5 * (double)vectors + (l->flat ? 0 : 4 * runs);
    const double places = 15 * rows * panels; /* of y: pages, and ends of cache lines */
    return tiles * rows / 8 * (depth + 5 * panels + 4) + packing * depth + places + 1000;
}

/* Whether an item of the plan has no more rounds of its loops than the device allows, for which
 * each channel's cells of the plane, maybe copied one by one, count beside the cycles. */
static bool item_is_short(const device_profile *profile, const panel_launch *l) {
    const double cells = (double)plane_floats(l) + 24;
    const double copies = (double)l->problem->group_channels * cells;
    return profile_item_is_short(profile, item_cost(l, l->part_vectors) + copies);
}

/* Cycles of a plan, about. A thread takes its share of the items, or of what is left of them, at
 * once (PoCL's way), so that the first has to do with ceil(items / threads) of them. */
static double plan_cost(const panel_launch *l, int64_t threads) {
    const int64_t items = count_items(l);
    return item_cost(l, l->part_vectors) * (double)ceil_div(items, threads) *
           (1 + 0.2 * (double)threads / (double)items);
}

static int64_t local_floats(const device_profile *profile) {
    return min_of((int64_t)profile->local_memory, (int64_t)PANEL_LIMIT) / 4;
}

/* The best plan yet, and its cost; below 0: none. */
typedef struct plan_search {
    const device_profile *profile;
    panel_launch best;
    double cost;
    int64_t threads, floats;
} plan_search;

/* Tries parts of so many vectors, the outputs whole or in 2, 4, ... pieces. */
static void try_parts(plan_search *search, panel_launch *l, int64_t vectors) {
    l->part_vectors = max_of(min_of(vectors, l->vectors), 1);
    for (int64_t pieces = 1; pieces <= l->blocks; pieces *= 2) {
        l->item_blocks = ceil_div(l->blocks, pieces);
        if (!plan_parts(l, search->floats)) {
            return;
        }
        const double cost = plan_cost(l, search->threads);
        if ((search->cost < 0 || cost < search->cost) && item_is_short(search->profile, l)) {
            search->cost = cost;
            search->best = *l;
        }
    }
}

/* Chooses part_vectors and item_blocks, false when no plan will do: whole tiles, and what divides
 * the pixels evenly. Three vectors are among the candidates, whatever else. */
static bool plan_launch(const device_profile *profile, panel_launch *l) {
    plan_search search = {.profile = profile,
        .best = *l,
        .cost = -1,
        .threads = max_of(profile->compute_units, 1),
        .floats = local_floats(profile)};
    for (int64_t v = TILE_VECTORS;; v += TILE_VECTORS * max_of(v / (3 * TILE_VECTORS), 1)) {
        try_parts(&search, l, v);
        if (v >= l->vectors) {
            break;
        }
    }
    for (int64_t rounds = 1; rounds <= 6; rounds++) {
        try_parts(&search, l, ceil_div(l->vectors, search.threads * rounds));
    }
    *l = search.best;
    return search.cost >= 0;
}

bool conv2d_cpu_panel_supports(const device_profile *profile, const void *problem) {
    const conv2d_problem *p = problem;
    conv2d_problem flat;
    if (p->deep && !p->over_images) {
        flat = conv2d_over_images(p);
        p = &flat;
    }
    if (!conv2d_is_int_sized(p) || p->w.shape[2] * p->w.shape[3] > 1024 ||
        p->stride[ROWS] * p->stride[COLUMNS] > 16) {
        return false;
    }
    panel_launch l = make_launch(profile, p, p->group_outputs * p->w.stride[0]);
    if (l.pixels >= INT32_MAX / 2) {
        return false;
    }
    if (!profile->is_cpu) {
        return plan_launch(profile, &l);
    }
    /* Here there is a plan where there is room for the smallest: quicker to tell, at each call. */
    l.part_vectors = min_of(l.vectors, TILE_VECTORS);
    l.item_blocks = 1;
    return plan_parts(&l, local_floats(profile));
}

/* ---- Launching ---- */

/* Both kernels are of one program. */
static launch begin(const panel_launch *l, const char *kernel) {
    launch begun = launch_begin(l->problem->operation, "conv2d_cpu_panel", kernel);
    launch_use_index64(&begun, l->problem->index64);
    launch_macro(&begun, "GEMM_W", l->width);
    launch_macro(&begun, "GEMM_MR", l->block);
    launch_macro(&begun, "ACTIVATION", l->problem->activation.form);
    launch_macro(&begun, "FLAT", l->flat);
    launch_macro(&begun, "DEEP", l->problem->deep);
    return begun;
}

static launch pack_launch(const panel_launch *l, void *packed) {
    const cleat_tensor *w = &l->problem->w;
    launch pack = begin(l, "conv2d_cpu_pack");
    launch_tensor(&pack, w);
    launch_memory(&pack, packed);
    launch_numbers_begin(&pack);
    launch_index(&pack, l->w_offset);
    launch_index(&pack, w->offset);
    launch_index(&pack, l->source_group);
    launch_index(&pack, w->stride[0]);
    launch_index(&pack, w->stride[1]);
    launch_index(&pack, l->problem->depth.w_stride);
    launch_index(&pack, w->stride[2]);
    launch_index(&pack, w->stride[3]);
    launch_int(&pack, (int32_t)w->shape[1]);
    launch_int(&pack, (int32_t)l->problem->group_outputs);
    launch_int(&pack, (int32_t)l->problem->depth.w);
    launch_int(&pack, (int32_t)w->shape[2]);
    launch_int(&pack, (int32_t)w->shape[3]);
    launch_int(&pack, PACK_CHANNELS);
    /* Outputs closer together than channels: many at a time. */
    const bool by_channels = llabs(w->stride[0]) < llabs(w->stride[1]);
    const int64_t item_blocks = by_channels ? min_of(l->blocks, PACK_BLOCKS) : 1;
    launch_int(&pack, (int32_t)item_blocks);
    launch_numbers_end(&pack);
    const int64_t items = l->problem->groups * ceil_div(l->blocks, item_blocks) *
                          ceil_div(w->shape[1], PACK_CHANNELS);
    launch_size_1d(&pack, (size_t)items, 1);
    pack.bytes = 8.0 * (double)cleat_tensor_count(w);
    return pack;
}

static launch panel_launch_of(const panel_launch *l, void *packed) {
    const conv2d_problem *p = l->problem;
    launch panels = begin(l, "conv2d_cpu_panel");
    launch_tensor(&panels, &l->x);
    if (l->y_memory) {
        launch_memory(&panels, l->y_memory);
    } else {
        launch_tensor(&panels, &l->y);
    }
    if (l->packs) {
        launch_memory(&panels, packed);
    } else {
        launch_tensor(&panels, &p->w);
    }
    launch_tensor(&panels, p->bias);
    launch_local(&panels, (size_t)plane_floats(l) * 4);
    launch_local(&panels, (size_t)panel_floats(l, l->channel_block) * 4);
    launch_local(&panels, (size_t)max_of(l->tail * l->channel_block * l->taps, 1) * 4);
    launch_local(&panels, (size_t)table_size(l) * (p->index64 ? 8 : 4));
    launch_numbers_begin(&panels);
    conv2d_launch_layout(&panels, &l->x);
    conv2d_launch_layout(&panels, &l->y);
    launch_index(&panels, p->bias ? p->bias->offset : 0);
    launch_index(&panels, p->bias ? p->bias->stride[0] : 0);
    const int64_t weights[] = {l->w_offset, l->w_group, l->w_block, l->w_row, l->w_step};
    launch_indices(&panels, weights, sizeof weights / sizeof weights[0]);
    if (p->deep) {
        conv2d_launch_depth_strides(&panels, p);
    }
    const panel_axis *rows = &l->axis[ROWS], *columns = &l->axis[COLUMNS];
    const int64_t numbers[] = {l->x.shape[0], l->x.shape[2], l->x.shape[3], l->y.shape[2],
        l->y.shape[3], p->group_channels, p->group_outputs, rows->step, columns->step, rows->before,
        columns->before, rows->taps, 0, rows->dilation, columns->taps, 0, columns->dilation,
        rows->phases, columns->phases, rows->reach, l->pitch, l->plane_rows, l->part_vectors,
        l->tail, l->item_blocks, l->channel_block};
    launch_ints(&panels, numbers, sizeof numbers / sizeof numbers[0]);
    if (p->deep) {
        conv2d_launch_depth(&panels, p);
    }
    launch_int(&panels, p->accumulate);
    launch_activation(&panels, &p->activation);
    launch_numbers_end(&panels);
    launch_size_1d(&panels, (size_t)count_items(l), 1);
    panels.flop = conv2d_flop(p);
    panels.bytes = conv2d_bytes(p);
    return panels;
}

/* Launches of `count` planned parts, whose weights that need it are packed first. */
static int make_launches(const panel_launch *plans, int count, void *packed, launch *launches) {
    int used = 0;
    for (int i = 0; i < count; i++) {
        if (plans[i].packs) {
            launches[used++] = pack_launch(&plans[i], packed);
        }
    }
    for (int i = 0; i < count; i++) {
        launches[used++] = panel_launch_of(&plans[i], packed);
    }
    return used;
}

cleat_status conv2d_cpu_panel_parts(
    cleat_context *context, const conv2d_part *parts, int count, const launch *after) {
    const device_profile *profile = context_profile(context);
    panel_launch *plans = memory_allocate((size_t)(count + 1) * sizeof *plans);
    launch *launches = memory_allocate((size_t)(2 * count + 1) * sizeof *launches);
    void *packed = NULL;
    int64_t floats = 0;
    cleat_status status = CLEAT_OK;
    if (!plans || !launches) {
        status = status_set(CLEAT_OUT_OF_HOST_MEMORY, "conv2d: no host memory");
        goto done;
    }
    for (int i = 0; i < count; i++) {
        plans[i] = make_launch(profile, &parts[i].problem, parts[i].w_group);
        plans[i].y_memory = parts[i].y_memory;
        plan_launch(profile, &plans[i]);
        if (plans[i].packs) {
            plans[i].w_offset = floats;
            floats += plans[i].problem->groups * plans[i].w_group;
        }
    }
    status = scratch_acquire(context, (size_t)floats * 4, &packed);
    if (status == CLEAT_OK) {
        int used = make_launches(plans, count, packed, launches);
        if (after) {
            launches[used++] = *after;
        }
        status = launch_all(context, launches, used);
        scratch_release(context, packed);
    }
done:
    memory_free(launches);
    memory_free(plans);
    return status;
}

cleat_status conv2d_cpu_panel(cleat_context *context, const void *problem) {
    const conv2d_problem *p = problem;
    const conv2d_part part = {.problem = p->deep ? conv2d_over_images(p) : *p,
        .w_group = p->group_outputs * p->w.stride[0]};
    return conv2d_cpu_panel_parts(context, &part, 1, NULL);
}
