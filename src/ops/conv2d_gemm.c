/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/conv2d_gemm.h"
#include "ops/gemm_gpu.h"
#include "ops/types.h"
#include "ops/work_split.h"
#include <string.h>

enum {
    SPLIT_TILE = 64,    /* parts are counted by tiles of so many rows and columns */
    LEAST_TERMS = 256,  /* of a part */
    MOST_TERMS = 16384, /* of a part: see profile_item_is_short() */
    MOST_PARTS = 64,    /* unless MOST_TERMS asks for more */
    PARTIAL_LIMIT = 64 * 1024 * 1024
};

static conv2d_gemm size_of(const conv2d_problem *p) {
    const int64_t window = p->depth.w * p->w.shape[2] * p->w.shape[3];
    const int64_t x_pixels = p->x.shape[0] * p->depth.x * p->x.shape[2] * p->x.shape[3];
    const int64_t y_pixels = p->y.shape[0] * p->depth.y * p->y.shape[2] * p->y.shape[3];
    conv2d_gemm size = {.parts = 1};
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

bool conv2d_gemm_supports(const conv2d_problem *p) {
    return conv2d_is_int_sized(p) && size_of(p).columns < INT32_MAX / 2 &&
           size_of(p).terms < INT32_MAX / 2;
}

conv2d_gemm conv2d_gemm_of(cleat_context *context, const conv2d_problem *p) {
    conv2d_gemm size = size_of(p);
    size.band = gemm_band(context);
    return size;
}

int64_t conv2d_gemm_tiles(
    const conv2d_problem *p, const conv2d_gemm *size, int64_t rows, int64_t columns) {
    return ceil_div(size->columns, columns) * ceil_div(size->rows, rows) * p->groups * size->parts;
}

void conv2d_gemm_split(
    const device_profile *profile, const conv2d_problem *p, conv2d_gemm *size, int64_t step) {
    if (p->direction != CLEAT_CONV2D_BACKWARD_WEIGHTS) {
        return;
    }
    const int64_t tiles = conv2d_gemm_tiles(p, size, SPLIT_TILE, SPLIT_TILE);
    const int64_t bytes = p->groups * size->rows * size->columns * 4;
    int64_t parts = ceil_div(4 * (int64_t)profile->compute_units, tiles);
    parts = min_of(parts, size->terms / LEAST_TERMS);
    parts = min_of(parts, MOST_PARTS);
    parts = min_of(parts, PARTIAL_LIMIT / bytes);
    parts = max_of(parts, ceil_div(size->terms, MOST_TERMS));
    size->part_terms = ceil_div(ceil_div(size->terms, parts), step) * step;
    size->parts = ceil_div(size->terms, size->part_terms);
}

/* Elements of all parts. */
static int64_t partial_count(const conv2d_problem *p, const conv2d_gemm *size) {
    return size->parts * p->groups * size->rows * size->columns;
}

static bool needs_index64(const conv2d_problem *p, const conv2d_gemm *size) {
    return p->index64 ||
           (p->direction == CLEAT_CONV2D_BACKWARD_WEIGHTS && partial_count(p, size) > INT32_MAX);
}

/* CONV2D_HALF of cl/conv2d_element.cl. */
static void element_macro(launch *l, const conv2d_problem *p) {
    if (type_is_half(p->x.type)) {
        launch_macro(l, "CONV2D_HALF", p->x.type);
    }
}

launch conv2d_gemm_begin(
    const conv2d_problem *p, const conv2d_gemm *size, const char *family, const char *kernel) {
    launch l = launch_begin(p->operation, family, kernel);
    launch_use_index64(&l, needs_index64(p, size));
    launch_macro(&l, "DIRECTION", p->direction);
    launch_macro(&l, "ACTIVATION", p->activation.form);
    launch_macro(&l, "DEEP", p->deep);
    if (p->residual.buffer != NULL) {
        launch_macro(&l, "RESIDUAL", 1);
    }
    element_macro(&l, p);
    return l;
}

/* A divider of cl/conv2d_gpu_window.cl. */
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

static void launch_numbers(launch *l, const conv2d_problem *p, const conv2d_gemm *size) {
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
    if (p->residual.buffer != NULL) {
        conv2d_launch_layout(l, &p->residual);
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

/* The kernel's arguments; `partial` is the result where the weights' gradient is wanted. */
static void launch_operands(
    launch *l, const conv2d_problem *p, const conv2d_gemm *size, void *partial) {
    if (p->direction == CLEAT_CONV2D_BACKWARD_WEIGHTS) {
        launch_tensor(l, &p->y);
        launch_tensor(l, &p->x);
        launch_memory(l, partial);
        launch_tensor(l, NULL);
    } else {
        const bool forward = p->direction == CLEAT_CONV2D_FORWARD;
        launch_tensor(l, &p->w);
        launch_tensor(l, forward ? &p->x : &p->y);
        launch_tensor(l, forward ? &p->y : &p->x);
        launch_tensor(l, p->bias);
    }
    if (p->residual.buffer != NULL) {
        launch_tensor(l, &p->residual);
    }
    launch_numbers(l, p, size);
}

launch conv2d_weights_sum(const device_profile *profile, const conv2d_problem *p, void *partial,
    int64_t parts, bool index64) {
    const int64_t columns = p->group_channels * p->depth.w * p->w.shape[2] * p->w.shape[3];
    const int64_t count = p->w.shape[0] * columns;
    launch l = launch_begin(p->operation, "conv2d_gpu_sum", "conv2d_gpu_sum");
    launch_use_index64(&l, index64);
    element_macro(&l, p);
    launch_memory(&l, partial);
    launch_tensor(&l, &p->w);
    conv2d_launch_layout(&l, &p->w);
    launch_index(&l, p->depth.w_stride);
    launch_index(&l, count);
    launch_index(&l, columns);
    launch_int(&l, (int32_t)p->w.shape[2]);
    launch_int(&l, (int32_t)p->w.shape[3]);
    launch_int(&l, (int32_t)p->depth.w);
    launch_int(&l, (int32_t)parts);
    launch_int(&l, p->accumulate);
    work_each(profile, count, &l);
    l.bytes = 4.0 * (double)count * (double)(parts + 1);
    return l;
}

cleat_status conv2d_gemm_run(cleat_context *context, const conv2d_problem *p,
    const conv2d_gemm *size, launch *l, const int64_t tile[2], const size_t group[2]) {
    const bool to_weights = p->direction == CLEAT_CONV2D_BACKWARD_WEIGHTS;
    void *partial = NULL;
    TRY(scratch_acquire(context, to_weights ? (size_t)partial_count(p, size) * 4 : 0, &partial));
    launch_operands(l, p, size, partial);
    const size_t global[3] = {(size_t)ceil_div(size->columns, tile[1]) * group[0],
        (size_t)ceil_div(size->rows, tile[0]) * group[1], (size_t)(p->groups * size->parts)};
    const size_t local[3] = {group[0], group[1], 1};
    launch_size_3d(l, global, local);
    l->flop = conv2d_flop(p);
    l->bytes = conv2d_bytes(p);
    launch launches[2] = {*l};
    if (to_weights) {
        launches[1] = conv2d_weights_sum(
            context_profile(context), p, partial, size->parts, needs_index64(p, size));
    }
    const cleat_status status = launch_all(context, launches, to_weights ? 2 : 1);
    scratch_release(context, partial);
    return status;
}
