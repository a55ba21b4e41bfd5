/* SPDX-License-Identifier: Apache-2.0 */
/* Windows of 3 x 3 by Winograd's F(2 x 2, 3 x 3) on GPUs, where the caller allows it: transforms by
 * cl/conv2d_gpu_winograd.cl, between them 16 matrix products by matmul's gpu_tiled. */
#include "ops/conv2d_gpu_winograd.h"
#include "core/memory.h"
#include "core/tensor_check.h"
#include "core/tuning.h"
#include "ops/matmul_problem.h"
#include "ops/work_split.h"

enum {
    ELEMENTS = 16,    /* of a transformed tile */
    TILES_STEP = 128, /* a piece's tiles are a multiple: whole tiles of the product */
    /* Of transformed tiles and products at a time. */
    WORKSPACE = 128 * 1024 * 1024,
    PIECE_LAUNCHES = 3
};

/*
 * From where on the products that are left out outweigh the transforms. For each tile of rows x
 * terms channels 20 rows terms multiply-adds fewer stand against 16 (rows + terms) numbers written
 * and read again, 128 bytes: with f multiply-adds for each byte that memory moves it pays from rows
 * terms / (rows + terms) > 6.4 f on. f is 6 to 7 on NVIDIA's A100 and H200, 19 on an RTX 3090 (all
 * by their data sheets), and pieces that stay in a cache cost less: so 64, as 128 and 128 channels
 * have. Unmeasured.
 */
enum { LEAST_CHANNELS = 64 };

static bool channels_are_many(int64_t rows, int64_t terms) {
    return rows * terms >= LEAST_CHANNELS * (rows + terms);
}

/* A convolution of `source` that gives `result`: to the data, by windows turned round. */
typedef struct winograd_plan {
    const cleat_tensor *result, *source;
    int64_t groups, rows, terms; /* result and source channels of a group */
    int64_t before[2];
    int64_t tiles_down, tiles_across, tiles; /* of all images */
    int64_t piece;                           /* tiles at a time */
    bool source_along_channels, result_along_channels;
    bool index64;
    void *windows, *sources, *products; /* scratch memory; windows NULL: packed */
} winograd_plan;

static bool goes_along_channels(const cleat_tensor *t) {
    return t->stride[1] == 1 && t->stride[3] != 1 && t->shape[1] > 1;
}

static winograd_plan plan_of(const conv2d_problem *p) {
    const bool forward = p->direction == CLEAT_CONV2D_FORWARD;
    winograd_plan d = {.result = forward ? &p->y : &p->x,
        .source = forward ? &p->x : &p->y,
        .groups = p->groups,
        .rows = forward ? p->group_outputs : p->group_channels,
        .terms = forward ? p->group_channels : p->group_outputs};
    for (int axis = ROWS; axis <= COLUMNS; axis++) {
        d.before[axis] = forward ? p->padding[axis] : 2 - p->padding[axis];
    }
    d.tiles_down = ceil_div(d.result->shape[2], 2);
    d.tiles_across = ceil_div(d.result->shape[3], 2);
    d.tiles = d.result->shape[0] * d.tiles_down * d.tiles_across;
    d.source_along_channels = goes_along_channels(d.source);
    d.result_along_channels = goes_along_channels(d.result);
    return d;
}

static double window_bytes(int64_t groups, int64_t rows, int64_t terms) {
    return 4.0 * ELEMENTS * (double)groups * (double)rows * (double)terms;
}

bool conv2d_gpu_winograd_supports(const device_profile *profile, const void *problem) {
    const conv2d_problem *p = problem;
    bool fits = p->winograd && !p->deep && p->direction != CLEAT_CONV2D_BACKWARD_WEIGHTS &&
                p->x.type == CLEAT_F32 && conv2d_is_int_sized(p) && p->w.shape[2] == 3 &&
                p->w.shape[3] == 3 && matmul_gpu_tiled_supports(profile, NULL);
    for (int axis = ROWS; axis <= COLUMNS; axis++) {
        fits = fits && p->stride[axis] == 1 && p->dilation[axis] == 1;
    }
    const double most = (double)profile->info.max_allocation;
    const double tile = 4.0 * ELEMENTS * (double)max_of(p->x.shape[1], p->y.shape[1]);
    return fits && tile * TILES_STEP <= most &&
           window_bytes(p->groups, p->group_outputs, p->group_channels) <= most;
}

bool conv2d_winograd_pays(const device_profile *profile, const conv2d_problem *p) {
    return p->winograd && !profile->is_cpu &&
           channels_are_many(p->group_outputs, p->group_channels) &&
           conv2d_gpu_winograd_supports(profile, p);
}

/* ---- Windows ---- */

static launch begin(const char *operation, const char *kernel, int64_t form, bool index64) {
    launch l = launch_begin(operation, "conv2d_gpu_winograd", kernel);
    launch_use_index64(&l, index64);
    launch_macro(&l, "ACTIVATION", form);
    return l;
}

/* Windows of w, turned round and with outputs for terms where `turned`, into `scratch` or `kept`.
 */
static launch windows_launch(cleat_context *context, const cleat_tensor *w, int64_t groups,
    bool turned, launch l, void *scratch, cleat_buffer *kept) {
    const int64_t outputs = w->shape[0] / groups, channels = w->shape[1];
    const int64_t count = groups * outputs * channels;
    const int64_t last = turned ? 2 * (w->stride[2] + w->stride[3]) : 0;
    const cleat_tensor packed = {.buffer = kept};
    launch_tensor(&l, w);
    if (scratch != NULL) {
        launch_memory(&l, scratch);
    } else {
        launch_tensor(&l, &packed);
    }
    launch_numbers_begin(&l);
    const int64_t places[] = {w->offset + last, outputs * w->stride[0], w->stride[turned ? 1 : 0],
        w->stride[turned ? 0 : 1], turned ? -w->stride[2] : w->stride[2],
        turned ? -w->stride[3] : w->stride[3], turned ? channels : outputs,
        turned ? outputs : channels, count};
    launch_indices(&l, places, sizeof places / sizeof places[0]);
    launch_numbers_end(&l);
    work_each(context_profile(context), count, &l);
    l.bytes = 4.0 * (9 + ELEMENTS) * (double)count;
    return l;
}

static bool windows_need_index64(const cleat_tensor *w) {
    return tensor_needs_index64(w) || ELEMENTS * w->shape[0] * w->shape[1] > INT32_MAX / 2;
}

bool conv2d_winograd_packs(
    const device_profile *profile, const cleat_tensor *w, int64_t groups, size_t *bytes) {
    const int64_t limit = 1 << 24;
    if (profile->is_cpu || w->shape[2] != 3 || w->shape[3] != 3 || w->shape[0] > limit ||
        w->shape[1] > limit || !channels_are_many(w->shape[0] / groups, w->shape[1])) {
        return false;
    }
    const double size = window_bytes(1, w->shape[0], w->shape[1]);
    *bytes = (size_t)size;
    return size <= (double)profile->info.max_allocation;
}

cleat_status conv2d_winograd_pack(cleat_context *context, const cleat_packed *packed) {
    const cleat_tensor *w = &packed->operand;
    launch l = windows_launch(context, w, packed->layout[0], false,
        begin("conv2d", "conv2d_gpu_winograd_windows", 0, windows_need_index64(w)), NULL,
        packed->panels);
    return launch_all(context, &l, 1);
}

/* ---- A piece: tiles `first` to `first + tiles` ---- */

/* Numbers of the tensor whose tiles an item has, and the geometry. */
static void launch_images(cleat_context *context, launch *l, const conv2d_problem *p,
    const winograd_plan *d, int64_t first, int64_t tiles, bool of_result) {
    const cleat_tensor *t = of_result ? d->result : d->source;
    const int64_t count = t->shape[1] * tiles;
    launch_numbers_begin(l);
    conv2d_launch_layout(l, t);
    const int64_t counts[] = {first, tiles, t->shape[1], count, p->bias ? p->bias->offset : 0,
        p->bias ? p->bias->stride[0] : 0};
    launch_indices(l, counts, sizeof counts / sizeof counts[0]);
    const int64_t numbers[] = {of_result ? d->rows : d->terms, t->shape[2], t->shape[3],
        d->tiles_down, d->tiles_across, d->before[ROWS], d->before[COLUMNS],
        of_result ? d->result_along_channels : d->source_along_channels, p->accumulate};
    launch_ints(l, numbers, sizeof numbers / sizeof numbers[0]);
    launch_activation(l, &p->activation);
    launch_numbers_end(l);
    work_each(context_profile(context), count, l);
    l->bytes = 4.0 * (4 + ELEMENTS) * (double)count;
}

/* The 16 products of each group as batches of one: y[row][tile] = sum of u[row][term]
 * v[term][tile]. */
static launch products_launch(
    cleat_context *context, const conv2d_problem *p, const winograd_plan *d, int64_t tiles) {
    const bool kept = d->windows == NULL;
    matmul_problem product = {.m = d->rows,
        .n = tiles,
        .k = d->terms,
        .batch_rank = 1,
        .batch_extent = {ELEMENTS * d->groups},
        .batch_count = ELEMENTS * d->groups,
        .a = {.view = {.type = CLEAT_F32, .buffer = kept ? p->packed_windows->panels : NULL},
            .scratch = d->windows,
            .row = d->terms,
            .column = 1,
            .batch = {d->rows * d->terms}},
        .b = {.view = {.type = CLEAT_F32},
            .scratch = d->sources,
            .row = d->source_along_channels ? 1 : tiles,
            .column = d->source_along_channels ? d->terms : 1,
            .batch = {d->terms * tiles}},
        .y = {.view = {.type = CLEAT_F32},
            .scratch = d->products,
            .row = tiles,
            .column = 1,
            .batch = {d->rows * tiles}},
        .alpha = 1.0f,
        .index64 = d->index64};
    if (d->result_along_channels) { /* the transpose, so that results lie along its rows */
        const matmul_operand a = product.a, b = product.b;
        product.m = tiles;
        product.n = d->rows;
        product.a = b;
        product.a.row = b.column;
        product.a.column = b.row;
        product.b = a;
        product.b.row = a.column;
        product.b.column = a.row;
        product.y.row = d->rows;
    }
    launch l = matmul_gpu_tiled_launch(context, &product);
    l.operation = p->operation;
    l.bytes = 4.0 * ELEMENTS * (double)d->groups *
              (double)(d->rows * d->terms + (d->rows + d->terms) * tiles);
    return l;
}

static void add_piece(cleat_context *context, const conv2d_problem *p, const winograd_plan *d,
    int64_t first, launch *l) {
    const int64_t tiles = min_of(d->piece, d->tiles - first);
    const int64_t form = p->activation.form;
    l[0] = begin(p->operation, "conv2d_gpu_winograd_tiles", form, d->index64);
    launch_tensor(&l[0], d->source);
    launch_memory(&l[0], d->sources);
    launch_images(context, &l[0], p, d, first, tiles, false);
    l[1] = products_launch(context, p, d, tiles);
    l[2] = begin(p->operation, "conv2d_gpu_winograd_results", form, d->index64);
    launch_memory(&l[2], d->products);
    launch_tensor(&l[2], d->result);
    launch_tensor(&l[2], p->bias);
    launch_images(context, &l[2], p, d, first, tiles, true);
}

static cleat_status run_pieces(
    cleat_context *context, const conv2d_problem *p, const winograd_plan *d) {
    const int64_t pieces = ceil_div(d->tiles, d->piece);
    launch *launches = memory_allocate((size_t)(1 + PIECE_LAUNCHES * pieces) * sizeof *launches);
    REFUSE_IF(launches == NULL, CLEAT_OUT_OF_HOST_MEMORY, "%s: no host memory", p->operation);
    int count = 0;
    if (d->windows != NULL) {
        launches[count++] =
            windows_launch(context, &p->w, p->groups, p->direction == CLEAT_CONV2D_BACKWARD_DATA,
                begin(p->operation, "conv2d_gpu_winograd_windows", p->activation.form, d->index64),
                d->windows, NULL);
    }
    for (int64_t i = 0; i < pieces; i++, count += PIECE_LAUNCHES) {
        add_piece(context, p, d, i * d->piece, &launches[count]);
    }
    const cleat_status status = launch_all(context, launches, count);
    memory_free(launches);
    return status;
}

/* As many tiles at a time as the workspace has room for, in pieces of about the same size. */
static void cut(cleat_context *context, const conv2d_problem *p, winograd_plan *d) {
    const int64_t channels = d->source->shape[1] + d->result->shape[1];
    const int64_t workspace =
        tuning_number(context, "conv2d", "winograd_bytes", 1, (int64_t)1 << 40, WORKSPACE);
    const int64_t limit = min_of(workspace, (int64_t)context_scratch_limit(context));
    int64_t most = limit / (4 * ELEMENTS * channels) / TILES_STEP * TILES_STEP;
    most = max_of(most, TILES_STEP);
    const int64_t pieces = ceil_div(d->tiles, most);
    d->piece = min_of(d->tiles, ceil_div(ceil_div(d->tiles, pieces), TILES_STEP) * TILES_STEP);
    d->index64 = p->index64 || windows_need_index64(&p->w) ||
                 ELEMENTS * channels * d->piece > INT32_MAX / 2 || d->tiles > INT32_MAX / 2;
}

cleat_status conv2d_gpu_winograd(cleat_context *context, const void *problem) {
    const conv2d_problem *p = problem;
    winograd_plan d = plan_of(p);
    cut(context, p, &d);
    const size_t tile = 4 * ELEMENTS * (size_t)d.piece;
    cleat_status status = CLEAT_OK;
    if (p->packed_windows == NULL) {
        status =
            scratch_acquire(context, (size_t)window_bytes(d.groups, d.rows, d.terms), &d.windows);
    }
    if (status == CLEAT_OK) {
        status = scratch_acquire(context, tile * (size_t)d.source->shape[1], &d.sources);
    }
    if (status == CLEAT_OK) {
        status = scratch_acquire(context, tile * (size_t)d.result->shape[1], &d.products);
    }
    if (status == CLEAT_OK) {
        status = run_pieces(context, p, &d);
    }
    scratch_release(context, d.products);
    scratch_release(context, d.sources);
    scratch_release(context, d.windows);
    return status;
}
