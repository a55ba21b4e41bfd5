/* SPDX-License-Identifier: Apache-2.0 */
/* Backward to the weights on processors, through cl/conv2d_cpu_weights.cl. */
#include "ops/conv2d_problem.h"

enum {
    LOCAL_LIMIT = 512 * 1024,         /* bytes: half of a usual second-level cache */
    PARTIAL_LIMIT = 64 * 1024 * 1024, /* bytes of partial sums when images are split */
    ITEMS_WANTED = 8                  /* work-items a thread, so that they balance */
};

typedef struct weights_plan {
    int64_t width, rows, vectors;         /* GEMM_W, GEMM_MR, GEMM_NV */
    int64_t blocks, channel_block;        /* of output channels; input channels an item */
    int64_t item_blocks;                  /* of the blocks, those of an item */
    int64_t splits, split_images;         /* of the images */
    int64_t band_rows, patch_rows, pitch; /* rows of dy and x at a time */
    int64_t columns;
    int64_t partials; /* blocks of partial sums, each columns x width * vectors */
} weights_plan;

static int64_t window_of(const conv2d_problem *p) {
    return p->w.shape[2] * p->w.shape[3];
}

static int64_t rounded_columns(const conv2d_problem *p, const weights_plan *plan) {
    return ceil_div(plan->channel_block * window_of(p), plan->rows) * plan->rows;
}

static int64_t rows_for(const conv2d_problem *p, int64_t band_rows) {
    return (band_rows - 1) * p->stride[ROWS] + (p->w.shape[2] - 1) * p->dilation[ROWS] + 1;
}

static int64_t local_floats(const conv2d_problem *p, const weights_plan *plan, int64_t band_rows) {
    return plan->channel_block * rows_for(p, band_rows) * plan->pitch +
           band_rows * p->y.shape[3] * plan->width * plan->vectors + rounded_columns(p, plan);
}

/* One way of sharing out the work: so many parts of the images; then of the output channels, of
 * which each part loads x again; then of the input channels, of which each loads dy again. */
static void plan_parts(
    const conv2d_problem *p, int64_t threads, int64_t splits, weights_plan *plan) {
    const int64_t wanted = ITEMS_WANTED * threads;
    plan->split_images = ceil_div(p->x.shape[0], splits);
    plan->splits = ceil_div(p->x.shape[0], plan->split_images);
    const int64_t block_items = min_of(plan->blocks, ceil_div(wanted, plan->splits * p->groups));
    plan->item_blocks = ceil_div(plan->blocks, block_items);
    const int64_t items = plan->splits * p->groups * ceil_div(plan->blocks, plan->item_blocks);
    const int64_t parts = min_of(p->group_channels, ceil_div(wanted, 2 * items));
    plan->channel_block = ceil_div(p->group_channels, parts);
}

/* What a plan moves, in elements, with a little more for few items. */
static double plan_traffic(const conv2d_problem *p, int64_t threads, const weights_plan *plan) {
    const int64_t block_items = ceil_div(plan->blocks, plan->item_blocks);
    const int64_t parts = ceil_div(p->group_channels, plan->channel_block);
    const double items = (double)(plan->splits * p->groups * block_items * parts);
    return (2 * (double)plan->splits * (double)cleat_tensor_count(&p->w) +
               (double)block_items * (double)cleat_tensor_count(&p->x) +
               (double)parts * (double)cleat_tensor_count(&p->y)) *
           (1 + 0.3 * (double)threads / items);
}

static void plan_split(const conv2d_problem *p, int64_t threads, weights_plan *plan) {
    const int64_t bytes = p->groups * plan->blocks * plan->vectors * plan->width *
                          p->group_channels * window_of(p) * 4;
    const int64_t most =
        min_of(min_of(p->x.shape[0], ITEMS_WANTED * threads), max_of(1, PARTIAL_LIMIT / bytes));
    double best = -1;
    for (int64_t splits = 1;; splits = min_of(2 * splits, most)) {
        weights_plan candidate = *plan;
        plan_parts(p, threads, splits, &candidate);
        const double traffic = plan_traffic(p, threads, &candidate);
        if (best < 0 || traffic < best) {
            best = traffic;
            *plan = candidate;
        }
        if (splits == most) {
            return;
        }
    }
}

/* A window of one element leaves out what lies between strides: so does a view of x. */
static conv2d_problem without_gaps(const conv2d_problem *p) {
    conv2d_problem view = conv2d_over_images(p);
    for (int axis = ROWS; axis <= COLUMNS; axis++) {
        if (p->w.shape[axis + 2] == 1 && p->padding[axis] == 0) {
            view.x.shape[axis + 2] = ceil_div(p->x.shape[axis + 2], p->stride[axis]);
            view.x.stride[axis + 2] *= view.x.shape[axis + 2] > 1 ? p->stride[axis] : 0;
            view.stride[axis] = 1;
        }
    }
    return view;
}

static bool make_plan(const device_profile *profile, const conv2d_problem *p, weights_plan *plan) {
    const int64_t bytes = min_of((int64_t)profile->local_memory, LOCAL_LIMIT);
    const int64_t floats = bytes / 4 - 32;
    plan->width = profile_vector_width(profile);
    plan->rows = plan->width == 16 ? 12 : 6;
    plan->vectors = p->group_outputs > plan->width ? 2 : 1;
    plan->blocks = ceil_div(p->group_outputs, plan->width * plan->vectors);
    plan->pitch =
        (p->y.shape[3] - 1) * p->stride[COLUMNS] + (p->w.shape[3] - 1) * p->dilation[COLUMNS] + 1;
    plan_split(p, max_of(profile->compute_units, 1), plan);
    while (plan->channel_block > 1 && local_floats(p, plan, 1) > floats / 2) {
        plan->channel_block = ceil_div(plan->channel_block, 2);
    }
    if (local_floats(p, plan, 1) > floats) {
        return false;
    }
    int64_t bands = 1;
    while (local_floats(p, plan, ceil_div(p->y.shape[2], bands)) > floats) {
        bands++;
    }
    plan->band_rows = ceil_div(p->y.shape[2], bands);
    plan->patch_rows = rows_for(p, plan->band_rows);
    plan->columns = rounded_columns(p, plan);
    plan->partials =
        plan->splits * p->groups * plan->blocks * ceil_div(p->group_channels, plan->channel_block);
    const double image = (double)(plan->channel_block * p->x.shape[2] * plan->pitch) +
                         (double)(plan->item_blocks * p->y.shape[2] * p->y.shape[3]) *
                             (double)(plan->width * plan->vectors + plan->columns);
    return profile_item_is_short(profile, (double)plan->split_images * image);
}

bool conv2d_cpu_weights_supports(const device_profile *profile, const void *problem) {
    const conv2d_problem p = without_gaps(problem);
    weights_plan plan;
    return conv2d_is_int_sized(problem) && conv2d_is_int_sized(&p) && window_of(&p) <= 1024 &&
           make_plan(profile, &p, &plan);
}

/* Of the kernel that serves both: the partial sums (splits = 0), then their sums. */
static launch weights_launch(
    const conv2d_problem *p, const weights_plan *plan, void *partial, int64_t splits) {
    const int64_t column = plan->width * plan->vectors;
    launch l = launch_begin(p->operation, "conv2d_cpu_weights", "conv2d_cpu_weights");
    launch_use_index64(&l, p->index64 || plan->partials * plan->columns * column > INT32_MAX);
    launch_macro(&l, "GEMM_W", plan->width);
    launch_macro(&l, "GEMM_MR", plan->rows);
    launch_macro(&l, "GEMM_NV", plan->vectors);
    launch_macro(&l, "DEEP", p->deep);
    launch_tensor(&l, &p->x);
    launch_tensor(&l, &p->y);
    launch_memory(&l, partial);
    launch_tensor(&l, &p->w);
    launch_local(&l, (size_t)(plan->channel_block * plan->patch_rows * plan->pitch) * 4);
    launch_local(&l, (size_t)(plan->band_rows * p->y.shape[3] * column) * 4);
    launch_local(&l, (size_t)plan->columns * 4);
    launch_numbers_begin(&l);
    conv2d_launch_layout(&l, &p->x);
    conv2d_launch_layout(&l, &p->y);
    conv2d_launch_layout(&l, &p->w);
    if (p->deep) {
        conv2d_launch_depth_strides(&l, p);
    }
    const int64_t numbers[] = {p->x.shape[0], p->x.shape[2], p->x.shape[3], p->y.shape[2],
        p->y.shape[3], p->groups, p->group_channels, p->group_outputs, p->w.shape[2], p->w.shape[3],
        p->stride[ROWS], p->stride[COLUMNS], p->padding[0], p->padding[1], p->dilation[ROWS],
        p->dilation[COLUMNS], plan->split_images, plan->item_blocks, plan->channel_block,
        plan->patch_rows, plan->pitch, plan->band_rows};
    launch_ints(&l, numbers, sizeof numbers / sizeof numbers[0]);
    if (p->deep) {
        conv2d_launch_depth(&l, p);
    }
    launch_int(&l, p->accumulate);
    launch_int(&l, (int32_t)splits);
    launch_numbers_end(&l);
    return l;
}

static launch tile_launch(const conv2d_problem *p, const weights_plan *plan, void *partial) {
    launch l = weights_launch(p, plan, partial, 0);
    const int64_t items = plan->splits * p->groups * ceil_div(plan->blocks, plan->item_blocks) *
                          ceil_div(p->group_channels, plan->channel_block);
    launch_size_1d(&l, (size_t)items, 1);
    l.flop = conv2d_flop(p);
    l.bytes = conv2d_bytes(p);
    return l;
}

static launch sum_launch(const conv2d_problem *p, const weights_plan *plan, void *partial) {
    launch l = weights_launch(p, plan, partial, plan->splits);
    const int64_t tiles = ceil_div(plan->channel_block * window_of(p), plan->width);
    launch_size_1d(&l, (size_t)(plan->partials / plan->splits * tiles), 1);
    l.bytes = 4.0 * (double)cleat_tensor_count(&p->w) * (double)(plan->splits + 1);
    return l;
}

cleat_status conv2d_cpu_backward_weights(cleat_context *context, const void *problem) {
    const conv2d_problem p = without_gaps(problem);
    weights_plan plan;
    make_plan(context_profile(context), &p, &plan);
    const int64_t column = plan.width * plan.vectors;
    const int64_t floats = (plan.partials * plan.columns + plan.width) * column;
    void *partial;
    TRY(scratch_acquire(context, (size_t)floats * 4, &partial));
    launch launches[] = {tile_launch(&p, &plan, partial), sum_launch(&p, &plan, partial)};
    const cleat_status status = launch_all(context, launches, 2);
    scratch_release(context, partial);
    return status;
}
