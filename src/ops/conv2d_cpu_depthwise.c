/* SPDX-License-Identifier: Apache-2.0 */
/* Convolution on processors for small groups: cl/conv2d_cpu_depthwise*.cl. */
#include "ops/conv2d_problem.h"

enum {
    ITEMS_WANTED = 8, /* work-items a thread, so that they balance */
    MAX_CHANNELS = 2, /* of a group; with more the other variants are faster */
    MAX_TAPS = 7,     /* along an axis: loops over taps and rows of a tile are unrolled */
    MAX_SOURCE_ROWS = 32,
    TILE_ROWS = 4
};

/* Of the native vector and its half, what wastes fewer lanes on rows of this length. */
static int64_t vector_for(const device_profile *profile, int64_t length) {
    const int64_t whole = profile_vector_width(profile), half = max_of(whole / 2, 4);
    return round_up((size_t)length, (size_t)half) < round_up((size_t)length, (size_t)whole) ? half
                                                                                            : whole;
}

/* The first element of a tensor in its buffer and one past its last, whatever its strides' signs.
 */
static void tensor_extent(const cleat_tensor *x, int64_t *first, int64_t *end) {
    *first = x->offset;
    *end = x->offset + 1;
    for (int axis = 0; axis < x->rank; axis++) {
        const int64_t reach = (x->shape[axis] - 1) * x->stride[axis];
        *first += min_of(reach, 0);
        *end += max_of(reach, 0);
    }
}

static void launch_plane(launch *l, const cleat_tensor *x) {
    launch_index(l, x->offset);
    for (int axis = 0; axis < 3; axis++) {
        launch_index(l, x->stride[axis]);
    }
}

/* ---- Forward ---- */

typedef struct forward_plan {
    int64_t vector;
    int64_t item_channels, band_rows, items;
} forward_plan;

static forward_plan plan_forward(const device_profile *profile, const conv2d_problem *p) {
    forward_plan plan = {.vector = vector_for(profile, p->y.shape[3])};
    const int64_t outputs = p->y.shape[1], height = p->y.shape[2];
    const int64_t wanted =
        ceil_div(ITEMS_WANTED * max_of(profile->compute_units, 1), p->y.shape[0]);
    const int64_t bands = min_of(ceil_div(wanted, outputs), ceil_div(height, TILE_ROWS));
    plan.item_channels = max_of(outputs / wanted, 1);
    plan.band_rows = bands == 1 ? height : ceil_div(ceil_div(height, bands), TILE_ROWS) * TILE_ROWS;
    plan.items =
        p->y.shape[0] * ceil_div(outputs, plan.item_channels) * ceil_div(height, plan.band_rows);
    return plan;
}

/* Rows of x that meet a band, its last tile filled up. */
static int64_t source_rows(const conv2d_problem *p, const forward_plan *plan) {
    const int64_t rows = ceil_div(plan->band_rows, TILE_ROWS) * TILE_ROWS;
    return (rows - 1) * p->stride[ROWS] + (p->w.shape[2] - 1) * p->dilation[ROWS] + 1;
}

static bool window_is_small(const conv2d_problem *p) {
    return p->w.shape[2] <= MAX_TAPS && p->w.shape[3] <= MAX_TAPS && p->stride[COLUMNS] <= 2 &&
           (TILE_ROWS - 1) * p->stride[ROWS] + (p->w.shape[2] - 1) * p->dilation[ROWS] <
               MAX_SOURCE_ROWS;
}

bool conv2d_cpu_depthwise_supports(const device_profile *profile, const void *problem) {
    const conv2d_problem *p = problem;
    if (!conv2d_is_int_sized(p) || p->group_channels > MAX_CHANNELS || p->x.stride[3] != 1 ||
        p->y.stride[3] != 1 || p->accumulate) {
        return false;
    }
    const forward_plan plan = plan_forward(profile, p);
    const double rounds = (double)(plan.item_channels * ceil_div(plan.band_rows, TILE_ROWS)) *
                          (double)(ceil_div(p->y.shape[3], plan.vector) * p->group_channels);
    const int64_t bytes =
        source_rows(p, &plan) * 12 + p->group_channels * p->w.shape[2] * p->w.shape[3] * 4;
    return window_is_small(p) && bytes <= (int64_t)profile->local_memory &&
           profile_item_is_short(profile, rounds);
}

cleat_status conv2d_cpu_depthwise(cleat_context *context, const void *problem) {
    const conv2d_problem *p = problem;
    const forward_plan plan = plan_forward(context_profile(context), p);
    int64_t first, end;
    tensor_extent(&p->x, &first, &end);
    launch l = launch_begin(p->operation, "conv2d_cpu_depthwise", "conv2d_cpu_depthwise");
    launch_use_index64(&l, p->index64);
    launch_macro(&l, "VECTOR", plan.vector);
    launch_macro(&l, "TILE_ROWS", TILE_ROWS);
    launch_macro(&l, "STRIDE_H", p->stride[ROWS]);
    launch_macro(&l, "COLUMN_STEP", p->stride[COLUMNS]);
    launch_macro(&l, "KERNEL_H", p->w.shape[2]);
    launch_macro(&l, "KERNEL_W", p->w.shape[3]);
    launch_macro(&l, "DILATION_H", p->dilation[ROWS]);
    launch_macro(&l, "DILATION_W", p->dilation[COLUMNS]);
    launch_macro(&l, "ACTIVATION", p->activation.form);
    launch_tensor(&l, &p->x);
    launch_tensor(&l, &p->y);
    launch_tensor(&l, &p->w);
    launch_tensor(&l, p->bias);
    launch_local(&l, (size_t)(p->group_channels * p->w.shape[2] * p->w.shape[3]) * 4);
    const size_t rows = (size_t)source_rows(p, &plan);
    launch_local(&l, rows * (p->index64 ? 8 : 4));
    launch_local(&l, rows * 4);
    launch_numbers_begin(&l);
    launch_index(&l, first);
    launch_index(&l, end);
    launch_plane(&l, &p->x);
    launch_plane(&l, &p->y);
    conv2d_launch_layout(&l, &p->w);
    launch_index(&l, p->bias ? p->bias->offset : 0);
    launch_index(&l, p->bias ? p->bias->stride[0] : 0);
    const int64_t numbers[] = {p->y.shape[1], p->group_channels, p->group_outputs, p->x.shape[2],
        p->x.shape[3], p->y.shape[2], p->y.shape[3], p->padding[0], p->padding[1],
        plan.item_channels, plan.band_rows};
    launch_ints(&l, numbers, sizeof numbers / sizeof numbers[0]);
    launch_activation(&l, &p->activation);
    launch_numbers_end(&l);
    launch_size_1d(&l, (size_t)plan.items, 1);
    l.flop = conv2d_flop(p);
    l.bytes = conv2d_bytes(p);
    return launch_all(context, &l, 1);
}

/* ---- Backward to the weights ---- */

static size_t local_bytes(const device_profile *profile, const conv2d_problem *p) {
    return (size_t)(p->w.shape[2] * p->w.shape[3] * profile_vector_width(profile)) * 4;
}

bool conv2d_cpu_depthwise_weights_supports(const device_profile *profile, const void *problem) {
    const conv2d_problem *p = problem;
    return conv2d_is_int_sized(p) && p->w.shape[2] * p->w.shape[3] <= 1024 &&
           local_bytes(profile, p) <= profile->local_memory &&
           profile_item_is_short(profile, (double)cleat_tensor_count(&p->y) /
                                              (double)p->y.shape[1] *
                                              (double)(p->w.shape[2] * p->w.shape[3]));
}

cleat_status conv2d_cpu_depthwise_weights(cleat_context *context, const void *problem) {
    const conv2d_problem *p = problem;
    const device_profile *profile = context_profile(context);
    launch l =
        launch_begin(p->operation, "conv2d_cpu_depthwise_weights", "conv2d_cpu_depthwise_weights");
    launch_use_index64(&l, p->index64);
    launch_macro(&l, "VECTOR", profile_vector_width(profile));
    launch_tensor(&l, &p->x);
    launch_tensor(&l, &p->w);
    launch_tensor(&l, &p->y);
    launch_local(&l, local_bytes(profile, p));
    launch_numbers_begin(&l);
    conv2d_launch_layout(&l, &p->x);
    conv2d_launch_layout(&l, &p->w);
    conv2d_launch_layout(&l, &p->y);
    const int64_t numbers[] = {p->x.shape[0], p->x.shape[2], p->x.shape[3], p->y.shape[2],
        p->y.shape[3], p->group_channels, p->group_outputs, p->w.shape[2], p->w.shape[3],
        p->stride[ROWS], p->stride[COLUMNS], p->padding[0], p->padding[1], p->dilation[ROWS],
        p->dilation[COLUMNS], p->accumulate};
    launch_ints(&l, numbers, sizeof numbers / sizeof numbers[0]);
    launch_numbers_end(&l);
    launch_size_1d(&l, (size_t)(p->w.shape[0] * p->group_channels), 1);
    l.flop = conv2d_flop(p);
    l.bytes = conv2d_bytes(p);
    return launch_all(context, &l, 1);
}
