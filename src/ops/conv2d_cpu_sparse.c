/* SPDX-License-Identifier: Apache-2.0 */
/*
 * On processors, where many elements of x (forward) or most of dy (backward) are 0: through
 * cl/conv2d_cpu_sparse_data.cl, forward and to the data, and cl/conv2d_cpu_sparse_weights.cl, which
 * leave out the products with zeros.
 */
#include "ops/conv2d_problem.h"

enum {
    LOCAL_LIMIT = 256 * 1024,         /* bytes: a quarter of a usual second-level cache */
    PATCH_LIMIT = 28 * 1024,          /* bytes of x: most of a usual first-level cache */
    PARTIAL_LIMIT = 64 * 1024 * 1024, /* bytes of partial sums when images are split */
    ITEMS_WANTED = 8,                 /* work-items a thread, so that they balance */
    WORD = 32,
    SIDE = 3, /* of a square of taps; to the data, of a row of them */
    MAX_WINDOW = 11
};

typedef struct sparse_plan {
    int64_t width, vectors, block; /* GEMM_W, GEMM_NV, GEMM_NR */
    int64_t blocks;                /* of the channels in the lanes */
    int64_t band_rows, pitch;
    /* to the weights */
    int64_t squares, patch_rows, splits, split_images;
    int64_t panel_step; /* forward, to the data */
    size_t local[3];    /* elements of local memory */
} sparse_plan;

/* `channels` are those that lie in the lanes of vectors. */
static bool plan_blocks(
    const device_profile *profile, const conv2d_problem *p, int64_t channels, sparse_plan *plan) {
    plan->width = profile_vector_width(profile);
    plan->vectors = plan->width == 16 && channels > plan->width ? 2 : 1;
    plan->block = plan->width * plan->vectors;
    plan->blocks = ceil_div(channels, plan->block);
    return profile->is_cpu && !p->deep && conv2d_is_int_sized(p) && p->w.shape[2] <= MAX_WINDOW &&
           p->w.shape[3] <= MAX_WINDOW && p->dilation[ROWS] == 1 && p->dilation[COLUMNS] == 1;
}

static int64_t local_limit(const device_profile *profile) {
    return min_of((int64_t)profile->local_memory, LOCAL_LIMIT) / 4 - 256;
}

/* Rows of a band, at most `most` (1 if that is less), so that all bands are about as high. */
static int64_t even_rows(int64_t height, int64_t most) {
    return ceil_div(height, ceil_div(height, max_of(1, most)));
}

/* ---- To the weights ---- */

static int64_t patch_rows(const conv2d_problem *p, int64_t band_rows) {
    return (band_rows - 1) * p->stride[ROWS] + ceil_div(p->w.shape[2], SIDE) * SIDE;
}

static int64_t patch_floats(const conv2d_problem *p, const sparse_plan *plan, int64_t band_rows) {
    return patch_rows(p, band_rows) * plan->pitch * plan->block + plan->width;
}

static bool plan_weights(
    const device_profile *profile, const conv2d_problem *p, sparse_plan *plan) {
    if (!plan_blocks(profile, p, p->group_channels, plan)) {
        return false;
    }
    const int64_t height = p->y.shape[2], width = p->y.shape[3];
    const int64_t across = ceil_div(p->w.shape[3], SIDE) * SIDE;
    plan->squares = ceil_div(p->w.shape[2], SIDE) * across / SIDE;
    plan->pitch = max_of((width - 1) * p->stride[COLUMNS] + across, p->padding[1] + p->x.shape[3]);
    const int64_t most = min_of(PATCH_LIMIT / 4, local_limit(profile) / 2);
    const int64_t fit = most / (plan->pitch * plan->block) - patch_rows(p, 1);
    plan->band_rows = even_rows(height, fit / p->stride[ROWS] + 1);
    plan->patch_rows = patch_rows(p, plan->band_rows);
    const int64_t pixels = ceil_div(plan->band_rows * width, WORD) * WORD;
    const int64_t patch = patch_floats(p, plan, plan->band_rows);
    plan->local[0] = (size_t)patch;
    plan->local[1] = (size_t)pixels;
    plan->local[2] = (size_t)(pixels / WORD);
    const int64_t threads = max_of(profile->compute_units, 1);
    const int64_t bytes =
        4 * p->groups * plan->blocks * p->group_outputs * plan->squares * SIDE * SIDE * plan->block;
    const int64_t wanted = ceil_div(ITEMS_WANTED * threads, p->groups * plan->blocks);
    const int64_t splits = min_of(min_of(p->x.shape[0], wanted), max_of(1, PARTIAL_LIMIT / bytes));
    plan->split_images = ceil_div(p->x.shape[0], splits);
    plan->splits = ceil_div(p->x.shape[0], plan->split_images);
    const double image =
        (double)(plan->block + p->group_outputs * plan->squares) * (double)(height * width);
    return patch + 3 * pixels <= local_limit(profile) &&
           profile_item_is_short(profile, (double)plan->split_images * image);
}

bool conv2d_cpu_sparse_weights_supports(const device_profile *profile, const void *problem) {
    sparse_plan plan;
    return plan_weights(profile, problem, &plan);
}

/* Of the kernel that serves both: the partial sums (splits = 0), then their sums. */
static launch weights_launch(
    const conv2d_problem *p, const sparse_plan *plan, void *partial, int64_t splits) {
    launch l = launch_begin(p->operation, "conv2d_cpu_sparse_weights", "conv2d_cpu_sparse_weights");
    launch_use_index64(&l, p->index64);
    launch_macro(&l, "GEMM_W", plan->width);
    launch_macro(&l, "GEMM_NV", plan->vectors);
    launch_tensor(&l, &p->x);
    launch_tensor(&l, &p->y);
    launch_memory(&l, partial);
    launch_tensor(&l, &p->w);
    launch_local(&l, plan->local[0] * 4);
    launch_local(&l, plan->local[1] * 4);
    launch_local(&l, plan->local[1] * 4);
    launch_local(&l, plan->local[2] * 4);
    launch_numbers_begin(&l);
    conv2d_launch_layout(&l, &p->x);
    conv2d_launch_layout(&l, &p->y);
    conv2d_launch_layout(&l, &p->w);
    const int64_t numbers[] = {p->x.shape[0], p->x.shape[2], p->x.shape[3], p->y.shape[2],
        p->y.shape[3], p->groups, p->group_channels, p->group_outputs, p->w.shape[2], p->w.shape[3],
        p->stride[ROWS], p->stride[COLUMNS], p->padding[0], p->padding[1], plan->split_images,
        plan->patch_rows, plan->pitch, plan->band_rows, p->accumulate, splits};
    launch_ints(&l, numbers, sizeof numbers / sizeof numbers[0]);
    launch_numbers_end(&l);
    return l;
}

cleat_status conv2d_cpu_sparse_weights(cleat_context *context, const void *problem) {
    const conv2d_problem *p = problem;
    sparse_plan plan;
    plan_weights(context_profile(context), p, &plan);
    const int64_t outputs = p->groups * plan.blocks * p->group_outputs;
    const int64_t floats = plan.splits * outputs * plan.squares * SIDE * SIDE * plan.block;
    void *partial;
    TRY(scratch_acquire(context, (size_t)floats * 4, &partial));
    launch launches[] = {
        weights_launch(p, &plan, partial, 0), weights_launch(p, &plan, partial, plan.splits)};
    launch_size_1d(&launches[0], (size_t)(plan.splits * p->groups * plan.blocks), 1);
    launches[0].flop = conv2d_flop(p);
    launches[0].bytes = conv2d_bytes(p);
    launch_size_1d(&launches[1], (size_t)outputs, 1);
    launches[1].bytes = 4.0 * (double)cleat_tensor_count(&p->w) * (double)(plan.splits + 1);
    const cleat_status status = launch_all(context, launches, 2);
    scratch_release(context, partial);
    return status;
}

/* ---- Forward and to the data ---- */

/* The operands by their places in the kernel's formula: forward, taps go from the last to the
 * first. */
typedef struct sparse_operands {
    const cleat_tensor *x, *y;
    int64_t channels, results; /* of a group */
    int64_t top, left;
    int64_t w_offset, w_m, w_c, w_h, w_w;
} sparse_operands;

static sparse_operands place_operands(const conv2d_problem *p) {
    const int64_t *w = p->w.stride, *window = p->w.shape + 2;
    if (p->direction == CLEAT_CONV2D_BACKWARD_DATA) {
        return (sparse_operands){&p->y, &p->x, p->group_outputs, p->group_channels, p->padding[0],
            p->padding[1], p->w.offset, w[1], w[0], w[2], w[3]};
    }
    return (sparse_operands){&p->x, &p->y, p->group_channels, p->group_outputs,
        window[ROWS] - 1 - p->padding[0], window[COLUMNS] - 1 - p->padding[1],
        p->w.offset + (window[ROWS] - 1) * w[2] + (window[COLUMNS] - 1) * w[3], w[0], w[1], -w[2],
        -w[3]};
}

static int64_t data_floats(
    const conv2d_problem *p, const sparse_operands *o, sparse_plan *plan, int64_t band_rows) {
    const int64_t panel = (band_rows + p->w.shape[2] - 1) * o->x->shape[3] * plan->panel_step;
    const int64_t out = band_rows * plan->pitch * plan->block;
    plan->local[0] = (size_t)panel;
    plan->local[1] = (size_t)(panel / WORD);
    plan->local[2] = (size_t)out;
    return panel + panel / WORD + out;
}

static bool plan_data(const device_profile *profile, const conv2d_problem *p, sparse_plan *plan) {
    const sparse_operands o = place_operands(p);
    if (!plan_blocks(profile, p, o.results, plan) || p->stride[ROWS] != 1 ||
        p->stride[COLUMNS] != 1 || p->w.shape[3] != SIDE || o.left < 0) {
        return false;
    }
    /* Panels of the weights are rounded up to whole blocks, past what index64 was asked about. */
    const int64_t taps = p->w.shape[2] * SIDE;
    if (!p->index64 &&
        (double)(p->groups * plan->blocks * plan->block) * (double)(o.channels * taps) >
            (double)INT32_MAX) {
        return false;
    }
    /* Twice as wide, where that leaves no more lanes empty: zeros are looked for half as often. */
    if (plan->vectors == 2 && plan->blocks % 2 == 0) {
        plan->vectors *= 2;
        plan->block *= 2;
        plan->blocks /= 2;
    }
    const int64_t height = o.y->shape[2];
    plan->pitch = max_of(o.x->shape[3] + SIDE - 1, o.left + o.y->shape[3]);
    plan->panel_step = ceil_div(o.channels, WORD) * WORD;
    const int64_t images = o.x->shape[0] * p->groups * plan->blocks;
    const int64_t wanted = ITEMS_WANTED * max_of(profile->compute_units, 1);
    const int64_t none = data_floats(p, &o, plan, 0);
    const int64_t each = data_floats(p, &o, plan, 1) - none + 1;
    const int64_t fit = (local_limit(profile) - none) / each;
    plan->band_rows = even_rows(height, min_of(fit, ceil_div(height, ceil_div(wanted, images))));
    return data_floats(p, &o, plan, plan->band_rows) <= local_limit(profile);
}

bool conv2d_cpu_sparse_data_supports(const device_profile *profile, const void *problem) {
    sparse_plan plan;
    return plan_data(profile, problem, &plan);
}

/* Of the kernel that serves both: packing the weights, then the rows. */
static launch data_launch(
    const conv2d_problem *p, const sparse_plan *plan, void *packed, bool packs) {
    const sparse_operands o = place_operands(p);
    launch l = launch_begin(p->operation, "conv2d_cpu_sparse_data", "conv2d_cpu_sparse_data");
    launch_use_index64(&l, p->index64);
    launch_macro(&l, "GEMM_W", plan->width);
    launch_macro(&l, "GEMM_NV", plan->vectors);
    launch_macro(&l, "ACTIVATION", p->activation.form);
    launch_tensor(&l, o.x);
    launch_tensor(&l, &p->w);
    launch_memory(&l, packed);
    launch_tensor(&l, o.y);
    launch_tensor(&l, p->bias);
    for (int i = 0; i < 3; i++) {
        launch_local(&l, plan->local[i] * 4);
    }
    launch_numbers_begin(&l);
    conv2d_launch_layout(&l, o.x);
    conv2d_launch_layout(&l, o.y);
    const int64_t places[] = {o.w_offset, p->group_outputs * p->w.stride[0], o.w_m, o.w_c, o.w_h,
        o.w_w, p->bias ? p->bias->offset : 0, p->bias ? p->bias->stride[0] : 0};
    launch_indices(&l, places, sizeof places / sizeof places[0]);
    const int64_t numbers[] = {o.x->shape[2], o.x->shape[3], o.y->shape[2], o.y->shape[3],
        p->groups, o.channels, o.results, p->w.shape[2], o.top, o.left, plan->band_rows,
        plan->panel_step, plan->pitch, p->accumulate, packs};
    launch_ints(&l, numbers, sizeof numbers / sizeof numbers[0]);
    launch_activation(&l, &p->activation);
    launch_numbers_end(&l);
    return l;
}

cleat_status conv2d_cpu_sparse_data(cleat_context *context, const void *problem) {
    const conv2d_problem *p = problem;
    const sparse_operands o = place_operands(p);
    sparse_plan plan;
    plan_data(context_profile(context), p, &plan);
    const int64_t inputs = p->groups * plan.blocks * o.channels;
    const int64_t bands = ceil_div(o.y->shape[2], plan.band_rows);
    const int64_t floats = inputs * p->w.shape[2] * SIDE * plan.block;
    void *packed;
    TRY(scratch_acquire(context, (size_t)floats * 4, &packed));
    launch launches[] = {data_launch(p, &plan, packed, true), data_launch(p, &plan, packed, false)};
    launch_size_1d(&launches[0], (size_t)inputs, 1);
    launches[0].bytes = 8.0 * (double)floats;
    launch_size_1d(&launches[1], (size_t)(o.x->shape[0] * p->groups * plan.blocks * bands), 1);
    launches[1].flop = conv2d_flop(p);
    launches[1].bytes = conv2d_bytes(p);
    const cleat_status status = launch_all(context, launches, 2);
    scratch_release(context, packed);
    return status;
}

/* ---- Where it pays ---- */

bool conv2d_sparse_pays(const device_profile *profile, const conv2d_problem *p) {
    sparse_plan plan;
    const int64_t threads = max_of(profile->compute_units, 1),
                  lanes = profile_vector_width(profile);
    if (!p->sparse) {
        return false;
    }
    if (p->direction != CLEAT_CONV2D_BACKWARD_WEIGHTS) {
        const sparse_operands o = place_operands(p);
        return o.results >= lanes && o.channels >= lanes && plan_data(profile, p, &plan);
    }
    /* Most taps that are summed should be there; a row of dy should lie in memory as one. */
    return p->group_channels >= lanes && plan_weights(profile, p, &plan) && p->y.stride[3] == 1 &&
           2 * p->w.shape[2] * p->w.shape[3] >= plan.squares * SIDE * SIDE &&
           plan.splits * p->groups * plan.blocks >= 2 * threads;
}
