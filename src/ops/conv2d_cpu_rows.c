/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forward and backward to the data on processors with step 1, from rows in local memory, through
 * cl/conv2d_cpu_rows.cl: how rows and outputs are divided among work-items.
 */
#include "core/tensor_check.h"
#include "ops/conv2d_problem.h"

enum {
    ROWS_LIMIT = 448 * 1024, /* bytes of planes: under half of a usual second-level cache */
    ROWS_NEAR = 128 * 1024,  /* bytes that a tile may read: a fraction of that cache */
    ROWS_ITEMS = 8           /* a thread's, so that the schedule balances */
};

typedef struct rows_launch {
    const conv2d_problem *problem;
    const cleat_tensor *x, *y; /* backward to the data: dy and dx */
    int64_t channels, outputs; /* of a group */
    int64_t top, left, right;  /* padding of this convolution */
    int64_t w_offset, w_group, w_output, w_channel, w_step;
    int64_t width, block, blocks; /* GEMM_W, GEMM_MR */
    int64_t taps, reach_h, reach_w, pitch;
    int64_t part_rows, item_blocks;
} rows_launch;

/* A vector never runs alone: see the tiles of the kernel. */
static int64_t part_vectors(const rows_launch *l, int64_t rows) {
    return max_of(ceil_div((rows - 1) * l->pitch + l->y->shape[3], l->width), 2);
}

static int64_t plane_size(const rows_launch *l) {
    return (l->part_rows + l->reach_h) * l->pitch + l->right;
}

/* All planes, and what the vectors of the last one reach beyond it. */
static int64_t plane_floats(const rows_launch *l) {
    const int64_t reached =
        (part_vectors(l, l->part_rows) + 1) * l->width + l->reach_h * l->pitch + l->reach_w;
    return (l->channels - 1) * plane_size(l) + max_of(plane_size(l), reached);
}

static int64_t out_floats(const rows_launch *l) {
    return (l->block * part_vectors(l, l->part_rows) + 1) * l->width;
}

static bool fits(const device_profile *profile, const rows_launch *l) {
    const int64_t limit = min_of((int64_t)profile->local_memory, (int64_t)ROWS_LIMIT);
    return (plane_floats(l) + out_floats(l) + l->taps) * 4 <= limit;
}

static int64_t tap_step(const cleat_tensor *w) {
    return w->stride[w->shape[3] > 1 ? 3 : 2];
}

static void place_forward(rows_launch *l) {
    const conv2d_problem *p = l->problem;
    l->x = &p->x;
    l->y = &p->y;
    l->channels = p->group_channels;
    l->outputs = p->group_outputs;
    l->top = p->padding[0];
    l->left = p->padding[1];
    l->right = p->padding[3];
    l->w_offset = p->w.offset;
    l->w_output = p->w.stride[0];
    l->w_channel = p->w.stride[1];
    l->w_step = tap_step(&p->w);
}

static void place_backward_data(rows_launch *l) {
    const conv2d_problem *p = l->problem;
    l->x = &p->y;
    l->y = &p->x;
    l->channels = p->group_outputs;
    l->outputs = p->group_channels;
    l->top = l->reach_h - p->padding[0];
    l->left = l->reach_w - p->padding[1];
    l->right = l->reach_w - p->padding[3];
    l->w_offset = p->w.offset + (l->taps - 1) * tap_step(&p->w);
    l->w_output = p->w.stride[1];
    l->w_channel = p->w.stride[0];
    l->w_step = -tap_step(&p->w);
}

static rows_launch make_launch(const device_profile *profile, const conv2d_problem *p) {
    rows_launch l = {.problem = p,
        .taps = p->w.shape[2] * p->w.shape[3],
        .reach_h = (p->w.shape[2] - 1) * p->dilation[ROWS],
        .reach_w = (p->w.shape[3] - 1) * p->dilation[COLUMNS],
        .part_rows = 1,
        .item_blocks = 1};
    if (p->direction == CLEAT_CONV2D_FORWARD) {
        place_forward(&l);
    } else {
        place_backward_data(&l);
    }
    l.w_group = p->group_outputs * p->w.stride[0];
    l.pitch = l.x->shape[3] + max_of(l.left, l.right);
    l.width = profile_vector_width(profile);
    l.block = l.width == 16 && l.outputs > 4 ? 8 : 4;
    l.blocks = ceil_div(l.outputs, l.block);
    return l;
}

static int64_t count_items(const rows_launch *l) {
    return l->y->shape[0] * l->problem->groups * ceil_div(l->y->shape[2], l->part_rows) *
           ceil_div(l->blocks, l->item_blocks);
}

/* As many rows and blocks an item as fit and leave enough items: first fewer rows, down to as many
 * as are loaded besides, then fewer blocks. */
static void plan_launch(const device_profile *profile, rows_launch *l) {
    const int64_t wanted = max_of(profile->compute_units, 1) * ROWS_ITEMS;
    const int64_t height = l->y->shape[2];
    const int64_t least = min_of(2 * l->reach_h + 2, height);
    int64_t parts = 1;
    l->item_blocks = l->blocks;
    l->part_rows = height;
    while (l->part_rows > 1 &&
           (!fits(profile, l) || (count_items(l) < wanted && l->part_rows > least))) {
        l->part_rows = ceil_div(height, ++parts);
    }
    while (l->item_blocks > 1 && count_items(l) < wanted) {
        l->item_blocks = ceil_div(l->item_blocks, 2);
    }
}

bool conv2d_cpu_rows_supports(const device_profile *profile, const void *problem) {
    const conv2d_problem *p = problem;
    if (!conv2d_is_int_sized(p) || p->w.shape[2] * p->w.shape[3] > 1024 || p->stride[ROWS] != 1 ||
        p->stride[COLUMNS] != 1 ||
        (p->w.shape[2] > 1 && p->w.stride[2] != tap_step(&p->w) * p->w.shape[3])) {
        return false;
    }
    const rows_launch l = make_launch(profile, p);
    return l.top >= 0 && l.left >= 0 && l.right >= 0 && fits(profile, &l) &&
           profile_item_is_short(
               profile, (double)(l.channels * l.taps) * (double)part_vectors(&l, 1) * 8);
}

/*
 * Sums that nobody wants against packing, which cpu_panel does: 14 steps of the inner loop for each
 * step of an output channel (measured: 32, 64 and 128 outputs of 3x3 on Zen 4). And the cells that
 * a tile reads, again for each block of outputs, must lie near.
 */
bool conv2d_rows_pay(const device_profile *profile, const conv2d_problem *p) {
    if (!conv2d_cpu_rows_supports(profile, p)) {
        return false;
    }
    rows_launch l = make_launch(profile, p);
    plan_launch(profile, &l);
    const double done = (double)(part_vectors(&l, l.part_rows) * l.width);
    const double wanted = (double)(l.part_rows * l.y->shape[3]);
    const int64_t cells = l.channels * (l.reach_h * l.pitch + l.reach_w + 3 * l.width);
    return l.taps > 1 && cells * 4 <= ROWS_NEAR &&
           done * (double)l.outputs < wanted * (double)(l.outputs + 14);
}

static launch rows_launch_of(const rows_launch *l) {
    const conv2d_problem *p = l->problem;
    launch rows = launch_begin(p->operation, "conv2d_cpu_rows", "conv2d_cpu_rows");
    launch_use_index64(&rows, p->index64);
    launch_macro(&rows, "GEMM_W", l->width);
    launch_macro(&rows, "GEMM_MR", l->block);
    launch_macro(&rows, "ACTIVATION", p->activation.form);
    launch_tensor(&rows, l->x);
    launch_tensor(&rows, l->y);
    launch_tensor(&rows, &p->w);
    launch_tensor(&rows, p->bias);
    launch_local(&rows, (size_t)plane_floats(l) * 4);
    launch_local(&rows, (size_t)out_floats(l) * 4);
    launch_local(&rows, (size_t)l->taps * 4);
    launch_numbers_begin(&rows);
    conv2d_launch_layout(&rows, l->x);
    conv2d_launch_layout(&rows, l->y);
    const int64_t places[] = {p->bias ? p->bias->offset : 0, p->bias ? p->bias->stride[0] : 0,
        l->w_offset, l->w_group, l->w_output, l->w_channel, l->w_step};
    launch_indices(&rows, places, sizeof places / sizeof places[0]);
    const int64_t numbers[] = {l->x->shape[2], l->x->shape[3], l->y->shape[2], l->y->shape[3],
        p->groups, l->channels, l->outputs, l->top, l->left, l->right, p->w.shape[2], p->w.shape[3],
        p->dilation[ROWS], p->dilation[COLUMNS], l->pitch, l->part_rows, l->item_blocks,
        p->accumulate};
    launch_ints(&rows, numbers, sizeof numbers / sizeof numbers[0]);
    launch_activation(&rows, &p->activation);
    launch_numbers_end(&rows);
    launch_size_1d(&rows, (size_t)count_items(l), 1);
    rows.flop = conv2d_flop(p);
    rows.bytes = conv2d_bytes(p);
    return rows;
}

cleat_status conv2d_cpu_rows(cleat_context *context, const void *problem) {
    const device_profile *profile = context_profile(context);
    rows_launch l = make_launch(profile, problem);
    plan_launch(profile, &l);
    launch rows = rows_launch_of(&l);
    return launch_all(context, &rows, 1);
}
