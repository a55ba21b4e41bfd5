/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over elements chosen by indices: scatter_add, and the gradients of what chooses. */
#include "core/tensor_check.h"
#include "core/variant.h"
#include "ops/index_check.h"
#include "ops/types.h"
#include "ops/verify.h"
#include "ops/widen.h"
#include "ops/work_split.h"
#include <cleat/index.h>
#include <stdio.h>

enum {
    CPU_TASKS = 8,    /* a thread */
    CPU_WIDTH = 256,  /* columns that are worth a work-item */
    GPU_TASKS = 1024, /* a compute unit */
    GPU_MOST_RANGES = 64
};

/* The columns, of one shape, in y, the updates and the indices, and the entries in the last two. */
typedef struct scattering {
    const char *operation;
    cleat_tensor columns[3], entries[2];
    int64_t extent, step; /* of the axis of y that indices choose along */
    int64_t skipped;      /* -1: none */
    bool accumulate;
} scattering;

typedef struct split {
    int64_t ranges, rows, width, items;
} split;

/* How many work-items: rows of y are shared first, then columns, but not so that on processors two
 * write into one line of memory for long. */
static split split_work(const device_profile *profile, const scattering *s) {
    const cleat_tensor *y = &s->columns[0];
    const int64_t inner = y->shape[y->rank - 1];
    const int64_t outer = cleat_tensor_count(y) / inner;
    const int64_t units = (int64_t)profile->compute_units;
    split w = {.width = profile->is_cpu ? inner : 1};
    const int64_t wanted = units * (profile->is_cpu ? CPU_TASKS : GPU_TASKS);
    const int64_t pieces = outer * ceil_div(inner, w.width);
    w.ranges = ceil_div(wanted, pieces);
    w.ranges = w.ranges < s->extent ? w.ranges : s->extent;
    w.ranges = profile->is_cpu || w.ranges < GPU_MOST_RANGES ? w.ranges : GPU_MOST_RANGES;
    w.rows = ceil_div(s->extent, w.ranges);
    w.ranges = ceil_div(s->extent, w.rows);
    while (profile->is_cpu && w.width > CPU_WIDTH &&
           w.ranges * outer * ceil_div(inner, w.width) < wanted) {
        w.width = ceil_div(w.width, 2);
    }
    w.items = w.ranges * outer * ceil_div(inner, w.width);
    return w;
}

/* SCATTER_LIST of cl/scatter.cl */
static void add_numbers(
    const scattering *s, const split *w, int32_t rank, int32_t entry_rank, launch *l) {
    const cleat_tensor *y = &s->columns[0];
    const cleat_tensor *u = &s->columns[1];
    const cleat_tensor *indices = &s->columns[2];
    launch_numbers_begin(l);
    launch_index(l, w->items);
    launch_index(l, w->ranges);
    launch_index(l, w->rows);
    launch_index(l, w->width);
    launch_index(l, cleat_tensor_count(&s->entries[0]));
    launch_index(l, y->offset);
    launch_index(l, u->offset);
    launch_index(l, indices->offset);
    launch_index(l, s->extent);
    launch_index(l, s->step);
    launch_index(l, s->skipped);
    for (int32_t i = y->rank - rank; i < y->rank; i++) {
        launch_index(l, i < 0 ? 1 : y->shape[i]);
        launch_index(l, i < 0 ? 0 : y->stride[i]);
        launch_index(l, i < 0 ? 0 : u->stride[i]);
        launch_index(l, i < 0 ? 0 : indices->stride[i]);
    }
    for (int32_t i = s->entries[0].rank - entry_rank; i < s->entries[0].rank; i++) {
        launch_index(l, i < 0 ? 1 : s->entries[0].shape[i]);
        launch_index(l, i < 0 ? 0 : s->entries[0].stride[i]);
        launch_index(l, i < 0 ? 0 : s->entries[1].stride[i]);
    }
    launch_index(l, s->accumulate);
    launch_numbers_end(l);
}

/* Columns that lie together, and go to the same row of y. */
static bool suits_vectors(const device_profile *profile, const void *problem) {
    const cleat_tensor *columns = ((const scattering *)problem)->columns;
    const int32_t last = columns[0].rank - 1;
    return profile->is_cpu && columns[0].stride[last] == 1 && columns[1].stride[last] == 1 &&
           columns[2].stride[last] == 0;
}

static cleat_status enqueue(cleat_context *context, const scattering *s, bool vectors) {
    const device_profile *profile = context_profile(context);
    const bool empty = cleat_tensor_count(&s->entries[0]) == 0;
    const cleat_tensor *y = &s->columns[0];
    const cleat_tensor *u = &s->columns[1];
    const cleat_tensor *indices = &s->columns[2];
    const int32_t rank = y->rank <= 4 ? 4 : CLEAT_MAX_RANK;
    const int32_t entry_rank = s->entries[0].rank == 1 ? 1 : CLEAT_MAX_RANK;
    const split w = split_work(profile, s);
    launch l = launch_begin(s->operation, "scatter", "scatter_add");
    launch_use_real64(&l, y->type);
    launch_macro(&l, "RANK", rank);
    launch_macro(&l, "INNER", rank - 1);
    launch_macro(&l, "ENTRY_RANK", entry_rank);
    launch_macro(&l, "VECTORS", vectors);
    launch_macro_text(&l, "INDICES", indices->type == CLEAT_I32 ? "int" : "long");
    launch_use_index64(&l, index_reaches_far(y, s->extent, s->step) || w.items >= INT32_MAX / 2 ||
                               index_reach(u) + index_reach(&s->entries[0]) >= INT32_MAX ||
                               index_reach(indices) + index_reach(&s->entries[1]) >= INT32_MAX ||
                               cleat_tensor_count(&s->entries[0]) >= INT32_MAX);
    launch_tensor(&l, u);
    launch_tensor(&l, indices);
    launch_tensor(&l, y);
    add_numbers(s, &w, rank, entry_rank, &l);
    const double columns = (double)cleat_tensor_count(y);
    l.flop = empty ? 0 : columns * (double)cleat_tensor_count(&s->entries[0]);
    l.bytes = (double)cleat_type_size(y->type) * (2 * columns * (double)s->extent + l.flop);
    const size_t local = profile->is_cpu ? 1
                         : profile->max_work_group_size < WORK_GROUP_GPU
                             ? profile->max_work_group_size
                             : WORK_GROUP_GPU;
    launch_size_1d(&l, round_up((size_t)w.items, local), local);
    return launch_all(context, &l, 1);
}

static cleat_status enqueue_vectors(cleat_context *context, const void *problem) {
    return enqueue(context, problem, true);
}

static cleat_status enqueue_scalars(cleat_context *context, const void *problem) {
    return enqueue(context, problem, false);
}

static const variant variants[] = {
    {"vectors", suits_vectors, enqueue_vectors},
    {"scalars", variant_always, enqueue_scalars},
    {NULL, NULL, NULL},
};

static void write_problem(const void *problem, char *text, size_t size) {
    const scattering *s = problem;
    snprintf(text, size, "%lld rows", (long long)s->extent);
}

static cleat_status run(cleat_context *context, scattering *s) {
    const variant *chosen = NULL;
    tensors_collapse(s->columns, 3);
    tensors_collapse(s->entries, 2);
    TRY(variant_choose(
        context, "scatter", NULL, NULL, variants, s, write_problem, verify_scatter, &chosen));
    return chosen->enqueue(context, s);
}

/* The axes of x for which `wanted`, its offset with them. */
static cleat_tensor pick_axes(const cleat_tensor *x, const bool *wanted, bool value) {
    cleat_tensor out = *x;
    out.rank = 0;
    for (int32_t i = 0; i < x->rank; i++) {
        if (wanted[i] == value) {
            out.shape[out.rank] = x->shape[i];
            out.stride[out.rank++] = x->stride[i];
        }
    }
    return out;
}

/* y, updates and indices are views of one shape, y's strides 0 along the axes that `is_entry`
 * names. */
static cleat_status scatter(cleat_context *context, scattering *s, const cleat_tensor *y,
    const cleat_tensor *updates, const cleat_tensor *indices, const bool *is_entry) {
    s->columns[0] = pick_axes(y, is_entry, false);
    s->columns[1] = pick_axes(updates, is_entry, false);
    s->columns[2] = pick_axes(indices, is_entry, false);
    s->entries[0] = pick_axes(updates, is_entry, true);
    s->entries[1] = pick_axes(indices, is_entry, true);
    s->entries[0].offset = 0;
    s->entries[1].offset = 0;
    if (cleat_tensor_count(&s->columns[0]) == 0 || s->extent == 0) {
        return CLEAT_OK;
    }
    return run(context, s);
}

/* One of the two functions below. */
typedef cleat_status scatter_function(cleat_context *context, scattering *s,
    const cleat_tensor *indices, const char *name_u, const cleat_tensor *updates, int32_t axis,
    const char *name_y, const cleat_tensor *y);

/* Of 16 bits, checked, by way of f32. */
static cleat_status scatter_widened(scatter_function *function, cleat_context *context,
    scattering *s, const cleat_tensor *indices, const cleat_tensor *updates, int32_t axis,
    const cleat_tensor *y) {
    widening w;
    widen_begin(&w, context, s->operation);
    const cleat_tensor wide_u = widen_input(&w, updates);
    const cleat_tensor wide_y = widen_output(&w, y, s->accumulate);
    cleat_status status = widen_ready(&w);
    if (status == CLEAT_OK) {
        status = function(context, s, indices, "updates", &wide_u, axis, "y", &wide_y);
    }
    return widen_end(&w, status);
}

/* Of the gradients of gather and embedding, and scatter_add. */
static cleat_status scatter_along(cleat_context *context, scattering *s,
    const cleat_tensor *indices, const char *name_u, const cleat_tensor *updates, int32_t axis,
    const char *name_y, const cleat_tensor *y) {
    cleat_tensor wide_y;
    cleat_tensor wide_indices;
    bool is_entry[CLEAT_MAX_RANK] = {false};
    cleat_type type;
    TRY(check_indices(s->operation, context, indices));
    TRY(check_float_tensor(s->operation, name_u, context, updates, &type));
    TRY(check_output(s->operation, name_y, context, y, type));
    TRY(check_axis(s->operation, axis, y->rank, &axis));
    TRY(index_views(s->operation, y, indices, axis, name_u, updates, &wide_y, &wide_indices));
    TRY(check_no_overlap(s->operation, name_u, updates, name_y, y, false));
    TRY(check_no_overlap(s->operation, "indices", indices, name_y, y, false));
    if (type_is_half(type)) {
        return scatter_widened(scatter_along, context, s, indices, updates, axis, y);
    }
    for (int32_t i = axis; i < axis + indices->rank; i++) {
        is_entry[i] = true;
    }
    s->extent = y->shape[axis];
    s->step = y->stride[axis];
    return scatter(context, s, &wide_y, updates, &wide_indices, is_entry);
}

static cleat_status scatter_elements(cleat_context *context, scattering *s,
    const cleat_tensor *indices, const char *name_u, const cleat_tensor *updates, int32_t axis,
    const char *name_y, const cleat_tensor *y) {
    bool is_entry[CLEAT_MAX_RANK] = {false};
    TRY(check_context(s->operation, context));
    cleat_type type;
    TRY(check_indices(s->operation, context, indices));
    TRY(check_float_tensor(s->operation, name_u, context, updates, &type));
    TRY(check_output(s->operation, name_y, context, y, type));
    TRY(check_axis(s->operation, axis, y->rank, &axis));
    TRY(check_same_shape(s->operation, "indices", indices, name_u, updates));
    TRY(check_same_but_axis(s->operation, name_y, y, axis, "indices", indices));
    TRY(check_no_overlap(s->operation, name_u, updates, name_y, y, false));
    TRY(check_no_overlap(s->operation, "indices", indices, name_y, y, false));
    if (type_is_half(type)) {
        return scatter_widened(scatter_elements, context, s, indices, updates, axis, y);
    }
    is_entry[axis] = true;
    s->extent = y->shape[axis];
    s->step = y->stride[axis];
    return scatter(context, s, y, updates, indices, is_entry);
}

cleat_status cleat_gather_backward(
    cleat_context *context, cleat_tensor indices, cleat_tensor dy, int32_t axis, cleat_tensor dx) {
    scattering s = {.operation = "gather_backward", .skipped = -1};
    TRY(check_context(s.operation, context));
    return scatter_along(context, &s, &indices, "dy", &dy, axis, "dx", &dx);
}

cleat_status cleat_scatter_add(cleat_context *context, cleat_tensor indices, cleat_tensor updates,
    int32_t axis, cleat_tensor y) {
    scattering s = {.operation = "scatter_add", .skipped = -1, .accumulate = true};
    TRY(check_context(s.operation, context));
    return scatter_along(context, &s, &indices, "updates", &updates, axis, "y", &y);
}

cleat_status cleat_gather_elements_backward(
    cleat_context *context, cleat_tensor indices, cleat_tensor dy, int32_t axis, cleat_tensor dx) {
    scattering s = {.operation = "gather_elements_backward", .skipped = -1};
    return scatter_elements(context, &s, &indices, "dy", &dy, axis, "dx", &dx);
}

cleat_status cleat_scatter_add_elements(cleat_context *context, cleat_tensor indices,
    cleat_tensor updates, int32_t axis, cleat_tensor y) {
    scattering s = {.operation = "scatter_add_elements", .skipped = -1, .accumulate = true};
    return scatter_elements(context, &s, &indices, "updates", &updates, axis, "y", &y);
}

cleat_status cleat_embedding_backward(cleat_context *context, cleat_tensor indices, cleat_tensor dy,
    cleat_tensor dtable, const cleat_embedding_options *options) {
    scattering s = {.operation = "embedding_backward", .skipped = -1};
    TRY(check_context(s.operation, context));
    TRY(check_tensor(s.operation, "dtable", context, &dtable, 0));
    TRY(check_rank(s.operation, "dtable", &dtable, 2));
    if (options != NULL && options->padding_index != NULL) {
        s.skipped = *options->padding_index;
        REFUSE_IF(s.skipped < 0 || s.skipped >= dtable.shape[0], CLEAT_INVALID_ARGUMENT,
            "%s: the padding index %lld is not within a table of %lld rows", s.operation,
            (long long)s.skipped, (long long)dtable.shape[0]);
    }
    return scatter_along(context, &s, &indices, "dy", &dy, 0, "dtable", &dtable);
}
