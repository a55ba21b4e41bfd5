/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forward and backward to the data on processors, through cl/conv2d_cpu.cl. Backward to the data
 * with a stride s falls apart into s * s convolutions of stride 1, one for each phase of dx: of the
 * kernel's taps those meet row h of dx for which h + top - kh * dilation is a multiple of s.
 */
#include "core/memory.h"
#include "core/tensor_check.h"
#include "ops/conv2d_problem.h"

enum {
    MAX_PHASES = 16,
    PATCH_LIMIT = 512 * 1024, /* bytes: half of a usual second-level cache */
    PACK_CHANNELS = 16
};

/* One axis of one launch: tap t reads cell o + (first + t * step_tap) of the padded source. */
typedef struct axis_taps {
    int64_t taps, first, each; /* v0 and dv of the kernel */
    int64_t step, before;
    int64_t weight_offset, weight_stride;
    int64_t reach;  /* the farthest tap, in cells of a phase */
    int64_t phases; /* phases of the source that are read */
} axis_taps;

/* One launch of conv2d_cpu. */
typedef struct patch_launch {
    cleat_tensor source, result;
    axis_taps axis[2];
    int64_t groups, channels, outputs; /* the last two per group */
    int64_t weight_offset, weight_group, weight_output, weight_channel;
    /* The plan. */
    int64_t block, tile_wide; /* GEMM_MR, TILE_WIDE */
    int64_t width;            /* GEMM_W */
    int64_t blocks, pitch, border, slack, sums_pitch;
    int64_t band_rows, channel_block, item_groups, item_blocks;
    int64_t packed_offset; /* floats */
} patch_launch;

static void finish_axis(axis_taps *a) {
    const int64_t farthest = max_of(a->first, a->first + (a->taps - 1) * a->each);
    a->reach = a->taps > 0 ? farthest / a->step : 0;
    a->phases = a->taps > 0 ? min_of(a->step, farthest + 1) : 1;
}

static axis_taps forward_axis(const conv2d_problem *p, int axis) {
    axis_taps a = {.taps = p->w.shape[axis + 2],
        .each = p->dilation[axis],
        .step = p->stride[axis],
        .before = p->padding[axis],
        .weight_stride = p->w.stride[axis + 2]};
    finish_axis(&a);
    return a;
}

static axis_taps backward_axis(const conv2d_problem *p, int axis, int64_t phase) {
    const int64_t stride = p->stride[axis], dilation = p->dilation[axis];
    const int64_t taps = p->w.shape[axis + 2];
    axis_taps a = {.step = 1};
    int64_t first = -1, next = -1;
    for (int64_t k = 0; k < taps && next < 0; k++) {
        if ((phase + p->padding[axis] - k * dilation) % stride == 0) {
            next = first >= 0 ? k : -1;
            first = first >= 0 ? first : k;
        }
    }
    if (first >= 0) {
        const int64_t apart = next >= 0 ? next - first : taps;
        const int64_t back = next >= 0 ? apart * dilation / stride : 0;
        const int64_t row = (phase + p->padding[axis] - first * dilation) / stride;
        a.taps = (taps - 1 - first) / apart + 1;
        a.first = (a.taps - 1) * back;
        a.each = -back;
        a.before = a.first - row;
        a.weight_offset = first * p->w.stride[axis + 2];
        a.weight_stride = apart * p->w.stride[axis + 2];
    }
    finish_axis(&a);
    return a;
}

static patch_launch forward_launch(const conv2d_problem *p) {
    return (patch_launch){.source = p->x,
        .result = p->y,
        .axis = {forward_axis(p, ROWS), forward_axis(p, COLUMNS)},
        .groups = p->groups,
        .channels = p->group_channels,
        .outputs = p->group_outputs,
        .weight_offset = p->w.offset,
        .weight_group = p->group_outputs * p->w.stride[0],
        .weight_output = p->w.stride[0],
        .weight_channel = p->w.stride[1]};
}

static patch_launch backward_launch(const conv2d_problem *p, const int64_t phase[2]) {
    patch_launch l = {.source = p->y,
        .result = p->x,
        .axis = {backward_axis(p, ROWS, phase[ROWS]), backward_axis(p, COLUMNS, phase[COLUMNS])},
        .groups = p->groups,
        .channels = p->group_outputs,
        .outputs = p->group_channels,
        .weight_group = p->group_outputs * p->w.stride[0],
        .weight_output = p->w.stride[1],
        .weight_channel = p->w.stride[0]};
    l.weight_offset = p->w.offset + l.axis[ROWS].weight_offset + l.axis[COLUMNS].weight_offset;
    for (int axis = ROWS; axis <= COLUMNS; axis++) {
        l.result.offset += phase[axis] * p->x.stride[axis + 2];
        l.result.stride[axis + 2] *= p->stride[axis];
        l.result.shape[axis + 2] = ceil_div(p->x.shape[axis + 2] - phase[axis], p->stride[axis]);
    }
    return l;
}

/* ---- The plan ---- */

static int64_t taps_of(const patch_launch *l) {
    return l->axis[ROWS].taps * l->axis[COLUMNS].taps;
}

/* Cells of the patch for one channel. */
static int64_t plane_cells(const patch_launch *l, int64_t rows) {
    return l->axis[ROWS].phases * l->axis[COLUMNS].phases * (rows + l->axis[ROWS].reach) * l->pitch;
}

static int64_t band_vectors(const patch_launch *l, int64_t rows) {
    return ceil_div(rows * l->pitch - (l->pitch - l->result.shape[3]), l->width);
}

static int64_t band_count(const patch_launch *l, int64_t rows) {
    return ceil_div(l->result.shape[2], rows);
}

/*
 * The distance of rows. Windows read columns 0 .. read - 1 of a row; those from pitch on are found
 * in the next row and must be zero on both sides: past the source's last column, before its first.
 */
static void plan_pitch(patch_launch *l) {
    const axis_taps *a = &l->axis[COLUMNS];
    const int64_t out = l->result.shape[3];
    const int64_t read = out + a->reach;
    l->pitch = read;
    if (a->step == 1 && a->before > 0) {
        const int64_t shared = max_of(l->source.shape[3] + a->before, read - a->before);
        l->pitch = min_of(read, max_of(shared, out));
    }
    l->border = read - l->pitch;
    l->slack = l->border + l->width;
}

/* Vector operations, about, of one work-item. */
static double item_cost(const patch_launch *l, int64_t rows, int64_t blocks) {
    const double vectors = (double)band_vectors(l, rows);
    const double steps = (double)(l->channels * taps_of(l));
    const bool runs = l->source.stride[3] == 1 && l->axis[COLUMNS].step <= 2;
    return (double)(blocks * l->block) * vectors * (steps + 12) +
           (double)(l->channels * plane_cells(l, rows)) * (runs ? 0.3 : 1.2) + 500;
}

/* Time of all items on `threads`, counting that few items leave threads waiting for the last. */
static double plan_cost(const patch_launch *l, int64_t rows, int64_t blocks, int64_t threads) {
    const int64_t items =
        l->source.shape[0] * l->groups * band_count(l, rows) * ceil_div(l->blocks, blocks);
    return (double)ceil_div(items, threads) * item_cost(l, rows, blocks) *
           (1 + 0.2 * (double)threads / (double)items);
}

/* Bands and blocks of outputs when all channels of a band fit; false when they never do. */
static bool plan_whole(patch_launch *l, int64_t floats, int64_t threads) {
    const int64_t height = l->result.shape[2];
    double best = -1;
    for (int64_t rows = height; rows >= 1;
         rows = min_of(rows - 1, ceil_div(height, band_count(l, rows) + 1))) {
        if (l->channels * plane_cells(l, rows) + l->slack > floats) {
            continue;
        }
        for (int64_t parts = 1; parts <= l->blocks && parts <= 64; parts *= 2) {
            const int64_t blocks = ceil_div(l->blocks, parts);
            const double cost = plan_cost(l, rows, blocks, threads);
            if (best < 0 || cost < best) {
                best = cost;
                l->band_rows = rows;
                l->item_blocks = blocks;
            }
        }
    }
    l->channel_block = l->channels;
    l->sums_pitch = 0;
    return best >= 0;
}

/* Channels in blocks, sums carried from one to the next: for bands that do not fit otherwise. */
static bool plan_blocked(patch_launch *l, int64_t floats) {
    l->band_rows = min_of(4, l->result.shape[2]);
    while (l->band_rows > 1 && plane_cells(l, l->band_rows) > floats / 8) {
        l->band_rows--;
    }
    l->sums_pitch = band_vectors(l, l->band_rows) * l->width;
    const int64_t sums = l->block * l->sums_pitch;
    l->item_blocks = max_of(1, min_of(l->blocks, floats / 4 / sums));
    const int64_t left = floats - l->item_blocks * sums - l->slack;
    l->channel_block = min_of(left / plane_cells(l, l->band_rows), l->channels);
    return l->channel_block >= 1;
}

static bool plan_launch(const device_profile *profile, patch_launch *l) {
    const int64_t threads = max_of(profile->compute_units, 1);
    const int64_t bytes = min_of((int64_t)profile->local_memory, PATCH_LIMIT);
    const int64_t floats = bytes / 4 - taps_of(l) - 32;
    l->width = profile_vector_width(profile);
    l->block = l->outputs >= 5 && l->width == 16 ? 8 : l->outputs >= 2 ? 4 : 1;
    l->tile_wide = l->block == 8 || l->width < 16 ? 3 : 4;
    l->blocks = ceil_div(l->outputs, l->block);
    plan_pitch(l);
    if (!plan_whole(l, floats, threads) && !plan_blocked(l, floats)) {
        return false;
    }
    const int64_t items = l->source.shape[0] * band_count(l, l->band_rows) *
                          ceil_div(l->blocks, l->item_blocks) * l->groups;
    l->item_groups = min_of(l->groups, max_of(1, items / (16 * threads)));
    return profile_item_is_short(
        profile, (double)l->item_groups * item_cost(l, l->band_rows, l->item_blocks));
}

/* ---- Supports ---- */

bool conv2d_cpu_supports(const device_profile *profile, const void *problem) {
    const conv2d_problem *p = problem;
    if (!conv2d_is_int_sized(p) || p->w.shape[2] * p->w.shape[3] > 1024 ||
        p->stride[ROWS] * p->stride[COLUMNS] > MAX_PHASES) {
        return false;
    }
    if (p->direction == CLEAT_CONV2D_FORWARD) {
        patch_launch l = forward_launch(p);
        return plan_launch(profile, &l);
    }
    for (int64_t i = 0; i < p->stride[ROWS] * p->stride[COLUMNS]; i++) {
        const int64_t phase[2] = {i / p->stride[COLUMNS], i % p->stride[COLUMNS]};
        patch_launch l = backward_launch(p, phase);
        if (l.result.shape[2] > 0 && l.result.shape[3] > 0 && !plan_launch(profile, &l)) {
            return false;
        }
    }
    return true;
}

/* ---- Launching ---- */

static int64_t packed_floats(const patch_launch *l) {
    return l->groups * l->blocks * l->block * l->channels * taps_of(l);
}

static launch pack_launch(const conv2d_problem *p, const patch_launch *l, void *packed) {
    launch pack = launch_begin(p->operation, "conv2d_cpu_pack", "conv2d_cpu_pack");
    launch_use_index64(&pack, p->index64 || l->packed_offset + packed_floats(l) > INT32_MAX);
    launch_macro(&pack, "PACK_MR", l->block);
    launch_tensor(&pack, &p->w);
    launch_memory(&pack, packed);
    launch_numbers_begin(&pack);
    launch_index(&pack, l->packed_offset);
    launch_index(&pack, l->weight_offset);
    launch_index(&pack, l->weight_group);
    launch_index(&pack, l->weight_output);
    launch_index(&pack, l->weight_channel);
    launch_index(&pack, 0);
    launch_index(&pack, l->axis[ROWS].weight_stride);
    launch_index(&pack, l->axis[COLUMNS].weight_stride);
    launch_int(&pack, (int32_t)l->channels);
    launch_int(&pack, (int32_t)l->outputs);
    launch_int(&pack, 1);
    launch_int(&pack, (int32_t)l->axis[ROWS].taps);
    launch_int(&pack, (int32_t)l->axis[COLUMNS].taps);
    launch_int(&pack, PACK_CHANNELS);
    launch_int(&pack, 1);
    launch_numbers_end(&pack);
    const int64_t items = l->groups * l->blocks * ceil_div(l->channels, PACK_CHANNELS);
    launch_size_1d(&pack, (size_t)items, 1);
    pack.bytes = 8.0 * (double)packed_floats(l);
    return pack;
}

static void launch_axis(launch *tiles, const axis_taps *a) {
    launch_int(tiles, (int32_t)a->taps);
    launch_int(tiles, (int32_t)a->first);
    launch_int(tiles, (int32_t)a->each);
}

static void launch_plan(launch *tiles, const patch_launch *l) {
    const int64_t numbers[] = {l->axis[ROWS].phases, l->axis[COLUMNS].phases,
        l->band_rows + l->axis[ROWS].reach, l->pitch, l->border, l->sums_pitch, l->band_rows,
        l->channel_block, l->item_groups, l->item_blocks};
    launch_ints(tiles, numbers, sizeof numbers / sizeof numbers[0]);
    const int64_t items = l->source.shape[0] * band_count(l, l->band_rows) *
                          ceil_div(l->groups, l->item_groups) * ceil_div(l->blocks, l->item_blocks);
    launch_size_1d(tiles, (size_t)items, 1);
}

static launch tile_launch(const conv2d_problem *p, const patch_launch *l, void *packed) {
    launch tiles = launch_begin(p->operation, "conv2d_cpu", "conv2d_cpu");
    launch_use_index64(&tiles, p->index64 || l->packed_offset + packed_floats(l) > INT32_MAX);
    launch_macro(&tiles, "GEMM_W", l->width);
    launch_macro(&tiles, "GEMM_MR", l->block);
    launch_macro(&tiles, "TILE_WIDE", l->tile_wide);
    launch_macro(&tiles, "ACTIVATION", p->activation.form);
    launch_tensor(&tiles, &l->source);
    launch_tensor(&tiles, &l->result);
    launch_memory(&tiles, packed);
    launch_tensor(&tiles, p->bias);
    const int64_t cells = l->channel_block * plane_cells(l, l->band_rows) + l->slack;
    launch_local(&tiles, (size_t)cells * 4);
    launch_local(&tiles, (size_t)max_of(l->item_blocks * l->block * l->sums_pitch, 1) * 4);
    launch_local(&tiles, (size_t)max_of(taps_of(l), 1) * 4);
    launch_numbers_begin(&tiles);
    conv2d_launch_layout(&tiles, &l->source);
    conv2d_launch_layout(&tiles, &l->result);
    launch_index(&tiles, p->bias ? p->bias->offset : 0);
    launch_index(&tiles, p->bias ? p->bias->stride[0] : 0);
    launch_index(&tiles, l->packed_offset);
    const int64_t numbers[] = {l->source.shape[2], l->source.shape[3], l->result.shape[2],
        l->result.shape[3], l->groups, l->channels, l->outputs, l->axis[ROWS].step,
        l->axis[COLUMNS].step, l->axis[ROWS].before, l->axis[COLUMNS].before};
    launch_ints(&tiles, numbers, sizeof numbers / sizeof numbers[0]);
    launch_axis(&tiles, &l->axis[ROWS]);
    launch_axis(&tiles, &l->axis[COLUMNS]);
    launch_plan(&tiles, l);
    launch_int(&tiles, p->accumulate);
    launch_activation(&tiles, &p->activation);
    launch_numbers_end(&tiles);
    tiles.flop = 2.0 * (double)cleat_tensor_count(&l->result) * (double)(l->channels * taps_of(l));
    tiles.bytes = 4.0 * ((double)cleat_tensor_count(&l->source) +
                            (double)cleat_tensor_count(&l->result) + (double)packed_floats(l));
    return tiles;
}

/* Packs and runs `count` planned launches. */
static cleat_status run_launches(
    cleat_context *context, const conv2d_problem *p, patch_launch *parts, int count) {
    int64_t floats = 0;
    for (int i = 0; i < count; i++) {
        parts[i].packed_offset = floats;
        floats += packed_floats(&parts[i]);
    }
    launch *launches = memory_allocate((size_t)count * 2 * sizeof *launches);
    REFUSE_IF(!launches, CLEAT_OUT_OF_HOST_MEMORY, "%s: no host memory", p->operation);
    void *packed = NULL;
    cleat_status status = scratch_acquire(context, (size_t)max_of(floats, 1) * 4, &packed);
    if (status == CLEAT_OK) {
        int used = 0;
        for (int i = 0; i < count; i++) {
            if (packed_floats(&parts[i]) > 0) {
                launches[used++] = pack_launch(p, &parts[i], packed);
            }
        }
        for (int i = 0; i < count; i++) {
            launches[used++] = tile_launch(p, &parts[i], packed);
        }
        status = launch_all(context, launches, used);
        scratch_release(context, packed);
    }
    memory_free(launches);
    return status;
}

cleat_status conv2d_cpu_forward(cleat_context *context, const void *problem) {
    const conv2d_problem *p = problem;
    patch_launch l = forward_launch(p);
    plan_launch(context_profile(context), &l);
    return run_launches(context, p, &l, 1);
}

cleat_status conv2d_cpu_backward_data(cleat_context *context, const void *problem) {
    const conv2d_problem *p = problem;
    patch_launch parts[MAX_PHASES];
    int count = 0;
    for (int64_t i = 0; i < p->stride[ROWS] * p->stride[COLUMNS]; i++) {
        const int64_t phase[2] = {i / p->stride[COLUMNS], i % p->stride[COLUMNS]};
        patch_launch *l = &parts[count];
        *l = backward_launch(p, phase);
        if (l->result.shape[2] > 0 && l->result.shape[3] > 0) {
            plan_launch(context_profile(context), l);
            count++;
        }
    }
    return run_launches(context, p, parts, count);
}
