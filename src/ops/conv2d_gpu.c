/* SPDX-License-Identifier: Apache-2.0 */
/* All directions on GPUs, as implicit GEMM: cl/conv2d_gpu.cl. */
#include "ops/conv2d_problem.h"
#include "ops/gemm_gpu.h"
#include <string.h>

enum {
    TILE_K = 8,
    LEAST_TERMS = 256,  /* of a part */
    MOST_TERMS = 16384, /* of a part: see profile_item_is_short() */
    MOST_PARTS = 64,    /* unless MOST_TERMS asks for more */
    PARTIAL_LIMIT = 64 * 1024 * 1024
};

/* A work-group of columns x rows, each item with sums x sums results. */
typedef struct group_shape {
    int64_t columns, rows, sums;
} group_shape;

/* Largest first. */
static const group_shape group_shapes[] = {{16, 16, 4}, {16, 8, 4}, {8, 8, 4}, {8, 4, 4}};
enum { GROUP_SHAPES = sizeof group_shapes / sizeof group_shapes[0] };

/* The product of one group. */
typedef struct gemm_size {
    int64_t rows, columns, terms;
    int64_t parts, part_terms; /* of the terms */
    int64_t band;              /* rows of tiles: gemm_tile() of cl/gemm_band.cl */
} gemm_size;

static size_t local_bytes(const group_shape *g) {
    return (size_t)(2 * TILE_K * ((g->rows + g->columns) * g->sums + 8)) * sizeof(float);
}

static bool fits(const device_profile *profile, const group_shape *g) {
    return (size_t)(g->rows * g->columns) <= profile->max_work_group_size &&
           (size_t)g->columns <= profile->max_work_item_sizes[0] &&
           (size_t)g->rows <= profile->max_work_item_sizes[1] &&
           local_bytes(g) <= profile->local_memory;
}

static gemm_size size_of(const conv2d_problem *p) {
    const int64_t window = p->depth.w * p->w.shape[2] * p->w.shape[3];
    const int64_t x_pixels = p->x.shape[0] * p->depth.x * p->x.shape[2] * p->x.shape[3];
    const int64_t y_pixels = p->y.shape[0] * p->depth.y * p->y.shape[2] * p->y.shape[3];
    gemm_size size = {.parts = 1};
    if (p->direction == CLEAT_CONV2D_FORWARD) {
        size.rows = p->group_outputs;
        size.columns = y_pixels;
        size.terms = p->group_channels * window;
    } else if (p->direction == CLEAT_CONV2D_BACKWARD_DATA) {
        size.rows = p->group_channels;
        size.columns = x_pixels;
        size.terms = p->group_outputs * window;
    } else {
        size.rows = p->group_outputs;
        size.columns = p->group_channels * window;
        size.terms = y_pixels;
    }
    size.part_terms = size.terms;
    return size;
}

bool conv2d_gpu_supports(const device_profile *profile, const void *problem) {
    const conv2d_problem *p = problem;
    return conv2d_is_int_sized(p) && fits(profile, &group_shapes[GROUP_SHAPES - 1]) &&
           size_of(p).columns < INT32_MAX / 2 && size_of(p).terms < INT32_MAX / 2;
}

/* Rows of a group's tile, and of the whole grid. */
static int64_t tile_count(const conv2d_problem *p, const gemm_size *size, const group_shape *g) {
    return ceil_div(size->columns, g->columns * g->sums) * ceil_div(size->rows, g->rows * g->sums) *
           p->groups;
}

/* The largest that fits the device, has no half in vain, and leaves two groups a compute unit; else
 * the smallest that fits. */
static const group_shape *choose_shape(
    const device_profile *profile, const conv2d_problem *p, const gemm_size *size) {
    const group_shape *chosen = &group_shapes[GROUP_SHAPES - 1];
    for (int i = GROUP_SHAPES - 1; i >= 0; i--) {
        const group_shape *g = &group_shapes[i];
        if (fits(profile, g) && g->rows * g->sums < 2 * size->rows &&
            tile_count(p, size, g) * size->parts >= 2 * (int64_t)profile->compute_units) {
            chosen = g;
        }
    }
    return chosen;
}

/* Splits the pixels of backward to the weights until there is work for every compute unit. */
static void split_terms(const device_profile *profile, const conv2d_problem *p, gemm_size *size) {
    const int64_t tiles = tile_count(p, size, &group_shapes[0]);
    const int64_t bytes = p->groups * size->rows * size->columns * 4;
    int64_t parts = ceil_div(4 * (int64_t)profile->compute_units, tiles);
    parts = parts < size->terms / LEAST_TERMS ? parts : size->terms / LEAST_TERMS;
    parts = parts < MOST_PARTS ? parts : MOST_PARTS;
    parts = parts < PARTIAL_LIMIT / bytes ? parts : PARTIAL_LIMIT / bytes;
    const int64_t least = ceil_div(size->terms, MOST_TERMS);
    parts = parts > least ? parts : least;
    size->part_terms = ceil_div(ceil_div(size->terms, parts), TILE_K) * TILE_K;
    size->parts = ceil_div(size->terms, size->part_terms);
}

static launch begin(
    const conv2d_problem *p, const gemm_size *size, const group_shape *g, const char *kernel) {
    launch l = launch_begin(p->operation, "conv2d_gpu", kernel);
    const int64_t partial = size->parts * p->groups * size->rows * size->columns;
    launch_use_index64(
        &l, p->index64 || (p->direction == CLEAT_CONV2D_BACKWARD_WEIGHTS && partial > INT32_MAX));
    launch_macro(&l, "DIRECTION", p->direction);
    launch_macro(&l, "ACTIVATION", p->activation.form);
    launch_macro(&l, "DEEP", p->deep);
    launch_macro(&l, "GEMM_TX", g->columns);
    launch_macro(&l, "GEMM_TY", g->rows);
    launch_macro(&l, "GEMM_RM", g->sums);
    launch_macro(&l, "GEMM_RN", g->sums);
    launch_macro(&l, "GEMM_TILE_K", TILE_K);
    return l;
}

static launch gemm_launch(const conv2d_problem *p, const gemm_size *size, const group_shape *g,
    const cleat_tensor *a, const cleat_tensor *b) {
    launch l = begin(p, size, g, "conv2d_gpu");
    launch_tensor(&l, a);
    launch_tensor(&l, b);
    const size_t global[3] = {(size_t)(ceil_div(size->columns, g->columns * g->sums) * g->columns),
        (size_t)(ceil_div(size->rows, g->rows * g->sums) * g->rows),
        (size_t)(p->groups * size->parts)};
    const size_t local[3] = {(size_t)g->columns, (size_t)g->rows, 1};
    launch_size_3d(&l, global, local);
    l.flop = conv2d_flop(p);
    l.bytes = conv2d_bytes(p);
    return l;
}

/* A divider of cl/conv2d_gpu.cl. */
static void launch_divider(launch *l, int64_t by) {
    int32_t shift = 31;
    while ((int64_t)1 << (shift - 31) < by) {
        shift++;
    }
    const uint32_t magic = (uint32_t)((((uint64_t)1 << shift) + (uint64_t)by - 1) / (uint64_t)by);
    int32_t bits;
    memcpy(&bits, &magic, sizeof bits);
    launch_int(l, bits);
    launch_int(l, shift);
}

static void launch_numbers(launch *l, const conv2d_problem *p, const gemm_size *size) {
    launch_numbers_begin(l);
    conv2d_launch_layout(l, &p->x);
    conv2d_launch_layout(l, &p->w);
    conv2d_launch_layout(l, &p->y);
    const int64_t indices[] = {p->bias ? p->bias->offset : 0, p->bias ? p->bias->stride[0] : 0,
        size->rows, size->columns, size->terms, size->part_terms, size->band};
    launch_indices(l, indices, sizeof indices / sizeof indices[0]);
    if (p->deep) {
        conv2d_launch_depth_strides(l, p);
    }
    const int64_t numbers[] = {p->groups, p->group_channels, p->group_outputs, p->x.shape[2],
        p->x.shape[3], p->y.shape[2], p->y.shape[3], p->w.shape[2], p->w.shape[3], p->stride[ROWS],
        p->stride[COLUMNS], p->padding[0], p->padding[1], p->dilation[ROWS], p->dilation[COLUMNS]};
    launch_ints(l, numbers, sizeof numbers / sizeof numbers[0]);
    const cleat_tensor *pixels = p->direction == CLEAT_CONV2D_BACKWARD_DATA ? &p->x : &p->y;
    launch_divider(l, pixels->shape[2] * pixels->shape[3]);
    launch_divider(l, pixels->shape[3]);
    launch_divider(l, p->w.shape[2] * p->w.shape[3]);
    launch_divider(l, p->w.shape[3]);
    launch_divider(l, p->stride[ROWS]);
    launch_divider(l, p->stride[COLUMNS]);
    if (p->deep) {
        conv2d_launch_depth(l, p);
    }
    launch_int(l, p->accumulate);
    launch_activation(l, &p->activation);
    launch_numbers_end(l);
}

cleat_status conv2d_gpu(cleat_context *context, const void *problem) {
    const conv2d_problem *p = problem;
    const bool forward = p->direction == CLEAT_CONV2D_FORWARD;
    gemm_size size = size_of(p);
    size.band = gemm_band(context);
    const group_shape *g = choose_shape(context_profile(context), p, &size);
    launch l = gemm_launch(p, &size, g, &p->w, forward ? &p->x : &p->y);
    launch_tensor(&l, forward ? &p->y : &p->x);
    launch_tensor(&l, p->bias);
    launch_numbers(&l, p, &size);
    return launch_all(context, &l, 1);
}

static launch sum_launch(cleat_context *context, const conv2d_problem *p, const gemm_size *size,
    const group_shape *g, void *partial) {
    const int64_t count = p->groups * size->rows * size->columns;
    launch l = begin(p, size, g, "conv2d_gpu_sum");
    launch_memory(&l, partial);
    launch_tensor(&l, &p->w);
    conv2d_launch_layout(&l, &p->w);
    launch_index(&l, p->depth.w_stride);
    launch_index(&l, count);
    launch_index(&l, size->columns);
    launch_int(&l, (int32_t)p->w.shape[2]);
    launch_int(&l, (int32_t)p->w.shape[3]);
    launch_int(&l, (int32_t)p->depth.w);
    launch_int(&l, (int32_t)size->parts);
    launch_int(&l, p->accumulate);
    const size_t most = context_profile(context)->max_work_group_size;
    const size_t local = most < 64 ? most : 64;
    launch_size_1d(&l, round_up((size_t)count, local), local);
    l.bytes = 4.0 * (double)count * (double)(size->parts + 1);
    return l;
}

cleat_status conv2d_gpu_backward_weights(cleat_context *context, const void *problem) {
    const conv2d_problem *p = problem;
    const device_profile *profile = context_profile(context);
    gemm_size size = size_of(p);
    split_terms(profile, p, &size);
    size.band = gemm_band(context);
    const group_shape *g = choose_shape(profile, p, &size);
    void *partial;
    TRY(scratch_acquire(
        context, (size_t)(size.parts * p->groups * size.rows * size.columns) * 4, &partial));
    launch launches[2] = {
        gemm_launch(p, &size, g, &p->y, &p->x), sum_launch(context, p, &size, g, partial)};
    launch_memory(&launches[0], partial);
    launch_tensor(&launches[0], NULL);
    launch_numbers(&launches[0], p, &size);
    const cleat_status status = launch_all(context, launches, 2);
    scratch_release(context, partial);
    return status;
}
