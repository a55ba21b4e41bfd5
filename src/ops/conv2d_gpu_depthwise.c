/* SPDX-License-Identifier: Apache-2.0 */
/* Narrow groups on GPUs, depthwise convolutions above all: cl/conv2d_gpu_depthwise.cl. */
#include "ops/conv2d_gemm.h"
#include "ops/work_split.h"

enum {
    ITEM_ROWS = 4,      /* results of an item: ROWS of the kernel */
    TAPS = 4,           /* a block of the weights' gradient is as high and wide */
    LANES = 64,         /* of a work-group for the weights */
    CHANNEL_LANES = 32, /* of these, where channels lie end to end */
    MOST_IN_GROUP = 4,
    LEAST_PIXELS = 16,  /* of a lane */
    MOST_PIXELS = 8192, /* of a lane: see profile_item_is_short() */
    MOST_PARTS = 64,    /* unless MOST_PIXELS asks for more */
    GROUPS_PER_UNIT = 8,
    PARTIAL_LIMIT = 64 * 1024 * 1024
};

static bool is_strided(const conv2d_problem *p) {
    return p->stride[ROWS] > 1 || p->stride[COLUMNS] > 1;
}

static bool is_dilated(const conv2d_problem *p) {
    return p->dilation[ROWS] > 1 || p->dilation[COLUMNS] > 1;
}

/* Past this, tiles of a GEMM fill better. */
static bool is_narrow(const conv2d_problem *p) {
    return conv2d_is_int_sized(p) && p->group_channels <= MOST_IN_GROUP &&
           p->group_outputs <= MOST_IN_GROUP;
}

bool conv2d_gpu_depthwise_supports(const device_profile *profile, const void *problem) {
    const conv2d_problem *p = problem;
    const bool forward = p->direction == CLEAT_CONV2D_FORWARD;
    const int64_t sources = forward ? p->group_channels : p->group_outputs;
    return !p->deep && is_narrow(p) && (forward || !is_strided(p) || !is_dilated(p)) &&
           profile_item_is_short(
               profile, (double)(sources * p->w.shape[2] * p->w.shape[3]) * (ITEM_ROWS + 1));
}

/* Whether neighbouring work-items take neighbouring channels. */
static bool goes_along_channels(const cleat_tensor *t) {
    return t->stride[1] == 1 && t->stride[3] != 1 && t->shape[1] > 1;
}

/* A convolution of `source` that gives `result`: to the data, by weights turned round. */
typedef struct depthwise_plan {
    const cleat_tensor *result, *source;
    int64_t group_results, group_sources;
    int64_t w_offset, w_result, w_source, w_step[2];
    int64_t before[2], slide_h, row_tiles, count;
    bool spreads; /* results lie `stride` apart where sources lie beside each other */
} depthwise_plan;

static depthwise_plan plan_of(const conv2d_problem *p) {
    const bool forward = p->direction == CLEAT_CONV2D_FORWARD;
    depthwise_plan d = {.result = forward ? &p->y : &p->x,
        .source = forward ? &p->x : &p->y,
        .group_results = forward ? p->group_outputs : p->group_channels,
        .group_sources = forward ? p->group_channels : p->group_outputs,
        .w_offset = p->w.offset,
        .w_result = p->w.stride[forward ? 0 : 1],
        .w_source = p->w.stride[forward ? 1 : 0],
        .spreads = !forward && is_strided(p)};
    for (int axis = ROWS; axis <= COLUMNS; axis++) {
        const int64_t last = p->w.shape[axis + 2] - 1, step = p->w.stride[axis + 2];
        d.w_step[axis] = forward ? step : -step;
        d.w_offset += forward ? 0 : last * step;
        d.before[axis] = forward ? p->padding[axis] : last * p->dilation[axis] - p->padding[axis];
    }
    const int64_t stride = p->stride[ROWS], height = d.result->shape[2];
    d.slide_h = p->dilation[ROWS] == 1 ? stride : p->w.shape[2];
    d.row_tiles = d.spreads ? stride * ceil_div(ceil_div(height, stride), ITEM_ROWS)
                            : ceil_div(height, ITEM_ROWS);
    d.count = d.result->shape[0] * d.result->shape[1] * d.row_tiles * d.result->shape[3];
    return d;
}

static launch begin(const conv2d_problem *p, const char *kernel, bool index64) {
    launch l = launch_begin(p->operation, "conv2d_gpu_depthwise", kernel);
    launch_use_index64(&l, index64);
    launch_macro(&l, "ACTIVATION", p->activation.form);
    launch_macro(&l, "LANES", LANES);
    return l;
}

static void launch_numbers(launch *l, const conv2d_problem *p, const depthwise_plan *d) {
    launch_numbers_begin(l);
    conv2d_launch_layout(l, d->result);
    conv2d_launch_layout(l, d->source);
    const int64_t places[] = {d->w_offset, p->group_outputs * p->w.stride[0], d->w_result,
        d->w_source, d->w_step[ROWS], d->w_step[COLUMNS], p->bias ? p->bias->offset : 0,
        p->bias ? p->bias->stride[0] : 0, d->count};
    launch_indices(l, places, sizeof places / sizeof places[0]);
    const int64_t numbers[] = {d->result->shape[1], d->group_results, d->group_sources,
        d->result->shape[2], d->result->shape[3], d->source->shape[2], d->source->shape[3],
        p->w.shape[2], p->w.shape[3], p->stride[ROWS], p->stride[COLUMNS], d->before[ROWS],
        d->before[COLUMNS], p->dilation[ROWS], p->dilation[COLUMNS], d->slide_h, d->row_tiles,
        d->spreads, goes_along_channels(d->result), p->accumulate};
    launch_ints(l, numbers, sizeof numbers / sizeof numbers[0]);
    launch_activation(l, &p->activation);
    launch_numbers_end(l);
}

cleat_status conv2d_gpu_depthwise(cleat_context *context, const void *problem) {
    const conv2d_problem *p = problem;
    const depthwise_plan d = plan_of(p);
    launch l = begin(p, "conv2d_gpu_depthwise", p->index64 || d.count > INT32_MAX / 2);
    launch_tensor(&l, d.result);
    launch_tensor(&l, d.source);
    launch_tensor(&l, &p->w);
    launch_tensor(&l, p->bias);
    launch_numbers(&l, p, &d);
    work_each(context_profile(context), d.count, &l);
    l.flop = conv2d_flop(p);
    l.bytes = conv2d_bytes(p);
    return launch_all(context, &l, 1);
}

/* ---- Backward to the weights ---- */

typedef struct weights_plan {
    int64_t pairs, pixels, groups; /* of outputs and their channels; of y; work-groups of a part */
    int64_t channel_lanes, parts, part_pixels;
} weights_plan;

/* Parts until there is work for every compute unit. */
static weights_plan plan_weights(const device_profile *profile, const conv2d_problem *p) {
    weights_plan d = {.pairs = p->w.shape[0] * p->w.shape[1],
        .pixels = p->y.shape[0] * p->y.shape[2] * p->y.shape[3],
        .channel_lanes =
            goes_along_channels(&p->x) && goes_along_channels(&p->y) ? CHANNEL_LANES : 1};
    const int64_t sharing = LANES / d.channel_lanes, window = p->w.shape[2] * p->w.shape[3];
    d.groups = ceil_div(d.pairs, d.channel_lanes) * ceil_div(p->w.shape[2], TAPS) *
               ceil_div(p->w.shape[3], TAPS);
    int64_t parts = ceil_div(GROUPS_PER_UNIT * (int64_t)profile->compute_units, d.groups);
    parts = min_of(parts, d.pixels / (sharing * LEAST_PIXELS));
    parts = min_of(parts, min_of(MOST_PARTS, PARTIAL_LIMIT / (d.pairs * window * 4)));
    parts = max_of(max_of(parts, 1), ceil_div(d.pixels, sharing * MOST_PIXELS));
    d.part_pixels = ceil_div(ceil_div(d.pixels, parts), sharing) * sharing;
    d.parts = ceil_div(d.pixels, d.part_pixels);
    return d;
}

bool conv2d_gpu_depthwise_weights_supports(const device_profile *profile, const void *problem) {
    const conv2d_problem *p = problem;
    return !p->deep && is_narrow(p) && LANES <= profile->max_work_group_size &&
           LANES <= profile->max_work_item_sizes[0] &&
           TAPS * TAPS * LANES * sizeof(float) <= profile->local_memory;
}

static launch weights_launch(const conv2d_problem *p, const weights_plan *d, bool index64) {
    launch l = begin(p, "conv2d_gpu_depthwise_weights", index64);
    launch_tensor(&l, &p->x);
    launch_tensor(&l, &p->y);
    l.flop = conv2d_flop(p);
    l.bytes = conv2d_bytes(p);
    const size_t global[3] = {(size_t)d->groups * LANES, (size_t)d->parts, 1};
    const size_t local[3] = {LANES, 1, 1};
    launch_size_3d(&l, global, local);
    return l;
}

static void launch_weights_numbers(launch *l, const conv2d_problem *p, const weights_plan *d) {
    launch_numbers_begin(l);
    conv2d_launch_layout(l, &p->x);
    conv2d_launch_layout(l, &p->y);
    const int64_t counts[] = {d->pixels, d->part_pixels, d->pairs};
    launch_indices(l, counts, sizeof counts / sizeof counts[0]);
    const int64_t numbers[] = {p->group_channels, p->group_outputs, p->x.shape[2], p->x.shape[3],
        p->y.shape[2], p->y.shape[3], p->w.shape[2], p->w.shape[3], p->stride[ROWS],
        p->stride[COLUMNS], p->padding[0], p->padding[1], p->dilation[ROWS], p->dilation[COLUMNS],
        d->channel_lanes};
    launch_ints(l, numbers, sizeof numbers / sizeof numbers[0]);
    launch_numbers_end(l);
}

cleat_status conv2d_gpu_depthwise_weights(cleat_context *context, const void *problem) {
    const conv2d_problem *p = problem;
    const device_profile *profile = context_profile(context);
    const weights_plan d = plan_weights(profile, p);
    const int64_t values = d.parts * cleat_tensor_count(&p->w);
    const bool index64 = p->index64 || values > INT32_MAX / 2 || d.pixels > INT32_MAX / 2;
    void *partial;
    TRY(scratch_acquire(context, (size_t)values * sizeof(float), &partial));
    launch launches[2] = {
        weights_launch(p, &d, index64), conv2d_weights_sum(profile, p, partial, d.parts, index64)};
    launch_memory(&launches[0], partial);
    launch_weights_numbers(&launches[0], p, &d);
    const cleat_status status = launch_all(context, launches, 2);
    scratch_release(context, partial);
    return status;
}
