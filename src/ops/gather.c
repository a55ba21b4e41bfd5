/* SPDX-License-Identifier: Apache-2.0 */
/* Elements chosen by indices: gather, embedding, one-hot. */
#include "core/tensor_check.h"
#include "core/transfer.h"
#include "core/variant.h"
#include "ops/index_check.h"
#include "ops/verify.h"
#include "ops/work_split.h"
#include <cleat/index.h>
#include <stdio.h>
#include <string.h>

enum {
    GATHER_PIECE = 2048, /* PIECE of cl/gather.cl */
    GATHER_LEAST = 256,  /* elements of a work-item of gather_elements on processors */
    LINE_BYTES = 64
};

/* All of y's shape; x and the indices have strides of 0 along axes that they lack. */
typedef struct gathering {
    const char *operation;
    cleat_tensor x, indices, y;
    int64_t extent, step; /* of the axis of x that indices choose along */
    bool one_hot;
    uint64_t other, on; /* bits, the low ones */
} gathering;

static bool suits_rows(const device_profile *profile, const void *problem) {
    const gathering *g = problem;
    const int32_t last = g->y.rank - 1;
    return profile->is_cpu && !g->one_hot && cleat_tensor_is_contiguous(&g->y) &&
           g->indices.stride[last] == 0 && g->x.stride[last] == 1;
}

static cleat_status enqueue(cleat_context *context, const gathering *g, bool rows) {
    const device_profile *profile = context_profile(context);
    const size_t size = cleat_type_size(g->y.type);
    const int64_t count = cleat_tensor_count(&g->y);
    const int32_t rank = g->y.rank <= 4 ? 4 : CLEAT_MAX_RANK;
    launch l = launch_begin(g->operation, "gather", rows ? "gather_rows" : "gather_elements");
    launch_macro(&l, "RANK", rank);
    launch_macro(&l, "INNER", rank - 1);
    launch_macro(&l, "ONE_HOT", g->one_hot);
    launch_macro(&l, "TILE", LINE_BYTES / (int64_t)size);
    launch_macro_text(&l, "ELEMENT", transfer_element(size));
    launch_macro_text(&l, "INDICES", g->indices.type == CLEAT_I32 ? "int" : "long");
    launch_use_index64(&l, tensor_needs_index64(&g->y) || tensor_needs_index64(&g->indices) ||
                               tensor_needs_index64(&g->x) || count >= INT32_MAX - GATHER_PIECE ||
                               index_reaches_far(&g->x, g->extent, g->step));
    launch_tensor(&l, g->one_hot ? NULL : &g->x);
    launch_tensor(&l, &g->indices);
    launch_tensor(&l, &g->y);
    l.bytes = (double)size * (double)count * (g->one_hot ? 1 : 2);
    const int64_t share = work_split(profile, rows ? ceil_div(count, GATHER_PIECE) : count,
        rows || !profile->is_cpu ? 1 : GATHER_LEAST, &l);
    launch_numbers_begin(&l);
    launch_index(&l, count);
    launch_index(&l, share);
    launch_index(&l, g->x.offset);
    launch_index(&l, g->y.offset);
    launch_index(&l, g->indices.offset);
    launch_index(&l, g->extent);
    launch_index(&l, g->step);
    for (int32_t i = g->y.rank - rank; i < g->y.rank; i++) {
        launch_index(&l, i < 0 ? 1 : g->y.shape[i]);
        launch_index(&l, i < 0 ? 0 : g->y.stride[i]);
        launch_index(&l, i < 0 ? 0 : g->x.stride[i]);
        launch_index(&l, i < 0 ? 0 : g->indices.stride[i]);
    }
    launch_index(&l, profile_is_past_caches(profile, l.bytes));
    launch_numbers_end(&l);
    launch_ulong(&l, g->other);
    launch_ulong(&l, g->on);
    return launch_all(context, &l, 1);
}

static cleat_status enqueue_rows(cleat_context *context, const void *problem) {
    return enqueue(context, problem, true);
}

static cleat_status enqueue_elements(cleat_context *context, const void *problem) {
    return enqueue(context, problem, false);
}

static const variant variants[] = {
    {"rows", suits_rows, enqueue_rows},
    {"elements", variant_always, enqueue_elements},
    {NULL, NULL, NULL},
};

static void write_problem(const void *problem, char *text, size_t size) {
    const gathering *g = problem;
    char shape[SHAPE_TEXT_SIZE];
    snprintf(text, size, "%s", shape_text(g->y.rank, g->y.shape, shape));
}

static cleat_status run(cleat_context *context, gathering *g) {
    cleat_tensor arranged[] = {g->y, g->x, g->indices};
    const variant *chosen = NULL;
    tensors_collapse(arranged, 3);
    g->y = arranged[0];
    g->x = arranged[1];
    g->indices = arranged[2];
    TRY(variant_choose(
        context, "gather", NULL, NULL, variants, g, write_problem, verify_gather, &chosen));
    return chosen->enqueue(context, g);
}

/* What stands for an element that does not exist. */
static uint64_t missing_bits(cleat_type type) {
    switch (type) {
    case CLEAT_F16:
        return 0x7e00;
    case CLEAT_BF16:
        return 0x7fc0;
    case CLEAT_F32:
        return 0x7fc00000;
    case CLEAT_F64:
        return 0x7ff8000000000000;
    default:
        return 0;
    }
}

static cleat_status gather(cleat_context *context, const char *operation, const cleat_tensor *x,
    const cleat_tensor *indices, int32_t axis, const cleat_tensor *y) {
    gathering g = {.operation = operation};
    TRY(check_tensor(operation, "x", context, x, 0));
    TRY(check_indices(operation, context, indices));
    TRY(check_output(operation, "y", context, y, x->type));
    TRY(check_axis(operation, axis, x->rank, &axis));
    TRY(index_views(operation, x, indices, axis, "y", y, &g.x, &g.indices));
    TRY(check_no_overlap(operation, "x", x, "y", y, false));
    TRY(check_no_overlap(operation, "indices", indices, "y", y, false));
    g.y = *y;
    g.extent = x->shape[axis];
    g.step = x->stride[axis];
    g.other = missing_bits(x->type);
    return cleat_tensor_count(y) == 0 ? CLEAT_OK : run(context, &g);
}

cleat_status cleat_gather(
    cleat_context *context, cleat_tensor x, cleat_tensor indices, int32_t axis, cleat_tensor y) {
    TRY(check_context("gather", context));
    return gather(context, "gather", &x, &indices, axis, &y);
}

cleat_status cleat_embedding(cleat_context *context, cleat_tensor table, cleat_tensor indices,
    cleat_tensor y, const cleat_embedding_options *options) {
    (void)options; /* of the gradient */
    TRY(check_context("embedding", context));
    TRY(check_tensor("embedding", "table", context, &table, 0));
    TRY(check_rank("embedding", "table", &table, 2));
    return gather(context, "embedding", &table, &indices, 0, &y);
}

cleat_status cleat_gather_elements(
    cleat_context *context, cleat_tensor x, cleat_tensor indices, int32_t axis, cleat_tensor y) {
    const char *operation = "gather_elements";
    gathering g = {.operation = operation, .indices = indices, .y = y};
    TRY(check_context(operation, context));
    TRY(check_tensor(operation, "x", context, &x, 0));
    TRY(check_indices(operation, context, &indices));
    TRY(check_output(operation, "y", context, &y, x.type));
    TRY(check_axis(operation, axis, x.rank, &axis));
    TRY(check_same_shape(operation, "indices", &indices, "y", &y));
    TRY(check_same_but_axis(operation, "x", &x, axis, "indices", &indices));
    TRY(check_no_overlap(operation, "x", &x, "y", &y, false));
    TRY(check_no_overlap(operation, "indices", &indices, "y", &y, false));
    g.x = x;
    g.x.shape[axis] = y.shape[axis];
    g.x.stride[axis] = 0;
    g.extent = x.shape[axis];
    g.step = x.stride[axis];
    g.other = missing_bits(x.type);
    return cleat_tensor_count(&y) == 0 ? CLEAT_OK : run(context, &g);
}

cleat_status cleat_one_hot(cleat_context *context, cleat_tensor indices, int32_t axis,
    cleat_tensor y, const cleat_one_hot_options *options) {
    const char *operation = "one_hot";
    gathering g = {.operation = operation, .one_hot = true, .y = y};
    unsigned char off[8] = {0};
    unsigned char on[8] = {0};
    char text_y[SHAPE_TEXT_SIZE];
    char text[SHAPE_TEXT_SIZE];
    TRY(check_context(operation, context));
    TRY(check_indices(operation, context, &indices));
    TRY(check_output(operation, "y", context, &y, 0));
    TRY(check_rank(operation, "y", &y, indices.rank + 1));
    TRY(check_axis(operation, axis, y.rank, &axis));
    g.x = y; /* as if x held the numbers of the classes */
    g.x.offset = 0;
    g.indices = y;
    g.indices.buffer = indices.buffer;
    g.indices.type = indices.type;
    g.indices.offset = indices.offset;
    for (int32_t i = 0; i < y.rank; i++) {
        const int32_t other = i < axis ? i : i - 1;
        REFUSE_IF(i != axis && y.shape[i] != indices.shape[other], CLEAT_SHAPE_MISMATCH,
            "%s: indices has the shape %s, y, with its classes along axis %d, %s", operation,
            shape_text(indices.rank, indices.shape, text), axis,
            shape_text(y.rank, y.shape, text_y));
        g.x.stride[i] = i == axis;
        g.indices.stride[i] = i == axis ? 0 : indices.stride[other];
    }
    TRY(check_no_overlap(operation, "indices", &indices, "y", &y, false));
    const bool has_on = options != NULL && options->on != NULL;
    TRY(transfer_value(operation, options != NULL ? options->off : 0, y.type, off));
    TRY(transfer_value(operation, has_on ? *options->on : 1, y.type, on));
    g.extent = y.shape[axis];
    g.other = transfer_bits(off, cleat_type_size(y.type));
    g.on = transfer_bits(on, cleat_type_size(y.type));
    return cleat_tensor_count(&y) == 0 ? CLEAT_OK : run(context, &g);
}
