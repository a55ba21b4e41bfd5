/* SPDX-License-Identifier: Apache-2.0 */
#include "core/memory.h"
#include "core/tensor_check.h"
#include "core/transfer.h"
#include "core/variant.h"
#include "ops/elementwise_engine.h"
#include "ops/reduce_engine.h"
#include "ops/types.h"
#include "ops/verify.h"
#include "ops/work_split.h"
#include <cleat/layout.h>
#include <stdio.h>
#include <string.h>

enum {
    PIECE_LINES = 32, /* PIECE of cl/pad.cl */
    PAD_LEAST = 256,  /* elements of a work-item of pad_elements on processors */
    LINE_BYTES = 64,
    FOLDS = 2 * CLEAT_MAX_RANK /* sides of a tensor */
};

typedef struct padding {
    const char *operation;
    cleat_pad_mode mode;
    uint64_t value; /* its bits, the low ones */
    int64_t before[CLEAT_MAX_RANK], after[CLEAT_MAX_RANK];
} padding;

/* y = x padded, both with elements; x_memory stands in for x's buffer. */
typedef struct pad_problem {
    const padding *p;
    const cleat_tensor *x, *y;
    void *x_memory;
    launch *result;
} pad_problem;

/* Rows that lie together, put together in pieces of lines. */
static bool suits_pieces(const device_profile *profile, const void *problem) {
    const cleat_tensor *x = ((const pad_problem *)problem)->x;
    const cleat_tensor *y = ((const pad_problem *)problem)->y;
    return profile->is_cpu && cleat_tensor_is_contiguous(y) && y->rank > 0 &&
           (x->shape[x->rank - 1] <= 1 || x->stride[x->rank - 1] == 1);
}

static launch fill_launch(const device_profile *profile, const pad_problem *problem, bool pieces) {
    const padding *p = problem->p;
    const cleat_tensor *x = problem->x, *y = problem->y;
    void *x_memory = problem->x_memory;
    const size_t size = cleat_type_size(y->type);
    const int32_t rank = y->rank <= 4 ? 4 : CLEAT_MAX_RANK;
    const int64_t count = cleat_tensor_count(y);
    const int64_t line = LINE_BYTES / (int64_t)size, piece = PIECE_LINES * line;
    launch l = launch_begin(p->operation, "pad", pieces ? "pad_pieces" : "pad_elements");
    launch_macro(&l, "RANK", rank);
    launch_macro(&l, "INNER", rank - 1);
    launch_macro(&l, "MODE", (int64_t)p->mode);
    launch_macro(&l, "TILE", line);
    launch_macro_text(&l, "ELEMENT", transfer_element(size));
    launch_use_index64(&l, tensor_needs_index64(x) || tensor_needs_index64(y) ||
                               count >= INT32_MAX - piece ||
                               cleat_tensor_count(x) >= INT32_MAX / 2);
    if (x_memory != NULL) {
        launch_memory(&l, x_memory);
    } else {
        launch_tensor(&l, x);
    }
    launch_tensor(&l, y);
    l.bytes = (double)size * ((double)cleat_tensor_count(x) + (double)count);
    int64_t share = 0;
    if (pieces) {
        share = work_split(profile, ceil_div(count, piece), 1, &l);
    } else {
        share = work_split(profile, count, profile->is_cpu ? PAD_LEAST : 1, &l);
    }
    launch_numbers_begin(&l);
    launch_index(&l, count);
    launch_index(&l, share);
    launch_index(&l, x->offset);
    launch_index(&l, y->offset);
    for (int32_t i = y->rank - rank; i < y->rank; i++) {
        launch_index(&l, i < 0 ? 1 : y->shape[i]);
        launch_index(&l, i < 0 ? 0 : y->stride[i]);
        launch_index(&l, i < 0 ? 1 : x->shape[i]);
        launch_index(&l, i < 0 ? 0 : x->stride[i]);
        launch_index(&l, i < 0 ? 0 : p->before[i]);
    }
    launch_index(&l, profile_is_past_caches(profile, l.bytes));
    launch_numbers_end(&l);
    launch_ulong(&l, p->value);
    return l;
}

static cleat_status plan_pieces(cleat_context *context, const void *data) {
    const pad_problem *problem = data;
    *problem->result = fill_launch(context_profile(context), problem, true);
    return CLEAT_OK;
}

static cleat_status plan_elements(cleat_context *context, const void *data) {
    const pad_problem *problem = data;
    *problem->result = fill_launch(context_profile(context), problem, false);
    return CLEAT_OK;
}

static const variant variants[] = {
    {"pieces", suits_pieces, plan_pieces},
    {"elements", variant_always, plan_elements},
    {NULL, NULL, NULL},
};

static void write_problem(const void *data, char *text, size_t size) {
    const pad_problem *problem = data;
    char shape[SHAPE_TEXT_SIZE];
    snprintf(text, size, "%s", shape_text(problem->y->rank, problem->y->shape, shape));
}

static cleat_status pad_plan(cleat_context *context, const padding *p, const cleat_tensor *x,
    void *x_memory, const cleat_tensor *y, launch *l) {
    const pad_problem problem = {p, x, y, x_memory, l};
    const variant *chosen = NULL;
    TRY(variant_choose(
        context, "pad", NULL, NULL, variants, &problem, write_problem, verify_pad, &chosen));
    return chosen->enqueue(context, &problem);
}

/* What x, y's or dy's other side, and the numbers have to do with each other. */
static cleat_status check_padding(padding *p, const char *name_x, const cleat_tensor *x,
    const int64_t *before, const int64_t *after, const char *name_y, const cleat_tensor *y,
    const cleat_pad_options *options) {
    char text_x[SHAPE_TEXT_SIZE];
    char text_y[SHAPE_TEXT_SIZE];
    p->mode = options != NULL ? options->mode : CLEAT_PAD_CONSTANT;
    REFUSE_IF((int)p->mode < CLEAT_PAD_CONSTANT || p->mode > CLEAT_PAD_REFLECT,
        CLEAT_INVALID_ARGUMENT, "%s: %d is no mode", p->operation, (int)p->mode);
    REFUSE_IF((before == NULL || after == NULL) && x->rank > 0, CLEAT_INVALID_ARGUMENT,
        "%s: %s is NULL", p->operation, before == NULL ? "before" : "after");
    TRY(check_rank(p->operation, name_y, y, x->rank));
    for (int32_t i = 0; i < x->rank; i++) {
        int64_t left = x->shape[i];
        int64_t extent = 0;
        const bool fits = checked_add(left, before[i] < 0 ? before[i] : 0, &left) &&
                          checked_add(left, after[i] < 0 ? after[i] : 0, &left) &&
                          checked_add(left, before[i] > 0 ? before[i] : 0, &extent) &&
                          checked_add(extent, after[i] > 0 ? after[i] : 0, &extent);
        REFUSE_IF(!fits || left < 0 || extent != y->shape[i], CLEAT_SHAPE_MISMATCH,
            "%s: %s, shape %s, with %lld before and %lld behind axis %d is not %s, shape %s",
            p->operation, name_x, shape_text(x->rank, x->shape, text_x), (long long)before[i],
            (long long)after[i], i, name_y, shape_text(y->rank, y->shape, text_y));
        const int64_t most = p->mode == CLEAT_PAD_REFLECT ? left - 1 : left == 0 ? 0 : INT64_MAX;
        REFUSE_IF(
            p->mode != CLEAT_PAD_CONSTANT && extent > left && (before[i] > most || after[i] > most),
            CLEAT_INVALID_ARGUMENT,
            "%s: %lld before and %lld behind axis %d are more than %lld elements give",
            p->operation, (long long)before[i], (long long)after[i], i, (long long)left);
        p->before[i] = before[i];
        p->after[i] = after[i];
    }
    return CLEAT_OK;
}

cleat_status cleat_pad(cleat_context *context, cleat_tensor x, const int64_t *before,
    const int64_t *after, cleat_tensor y, const cleat_pad_options *options) {
    padding p = {.operation = "pad"};
    unsigned char bytes[8] = {0};
    TRY(check_context(p.operation, context));
    TRY(check_tensor(p.operation, "x", context, &x, 0));
    TRY(check_output(p.operation, "y", context, &y, x.type));
    TRY(check_padding(&p, "x", &x, before, after, "y", &y, options));
    TRY(check_no_overlap(p.operation, "x", &x, "y", &y, false));
    TRY(transfer_value(p.operation, options != NULL ? options->value : 0, y.type, bytes));
    p.value = transfer_bits(bytes, cleat_type_size(y.type));
    if (cleat_tensor_count(&y) == 0) {
        return CLEAT_OK;
    }
    launch l;
    TRY(pad_plan(context, &p, &x, NULL, &y, &l));
    return launch_all(context, &l, 1);
}

/* ---- Backward ---- */

/* dy in scratch memory, into which the padding is folded axis by axis, and the launches for it. */
typedef struct folding {
    cleat_context *context;
    const padding *p;
    cleat_tensor inner; /* what is left to fold */
    void *memory;
    void *partial[FOLDS]; /* of the sums */
    launch launches[1 + FOLDS * REDUCE_MAX_LAUNCHES + 1];
    int count, sums;
} folding;

/* `count` elements along an axis of the tensor that is being folded. */
static cleat_tensor part_of(
    const folding *f, int32_t axis, int64_t start, int64_t count, int64_t step) {
    cleat_tensor part = f->inner;
    part.offset += start * part.stride[axis];
    part.stride[axis] *= step;
    part.shape[axis] = count;
    return part;
}

/* Adds the padding, the first of whose elements next to the others is `start`, going on by `step`,
 * to those that it was made from. */
static cleat_status fold(folding *f, int32_t axis, int64_t start, int64_t count, int64_t step) {
    const int64_t edge = start - step;
    if (f->p->mode == CLEAT_PAD_REFLECT) {
        elementwise_pass add = {.operation = f->p->operation,
            .family = "elementwise",
            .input_count = 2,
            .macro_count = 2,
            .real64 = f->inner.type == CLEAT_F64,
            .macros = {{"BINARY", NULL, 0}, {"GRADIENT", NULL, 0}}};
        add.tensors[0] = part_of(f, axis, edge - step, count, -step);
        add.tensors[1] = part_of(f, axis, start, count, step);
        add.tensors[2] = add.tensors[0];
        for (int t = 0; t < 3; t++) {
            add.memory[t] = f->memory;
        }
        return elementwise_plan(f->context, &add, &f->launches[f->count++]);
    }
    reduce_pass sum = {.operation = f->p->operation,
        .family = "reduce",
        .input_count = 1,
        .macro_count = 1,
        .accumulate = true,
        .real64 = f->inner.type == CLEAT_F64,
        .divisor = 1,
        .input_memory = {f->memory},
        .output_memory = f->memory,
        .macros = {{"REDUCE_VALUE", NULL, 0}}};
    sum.inputs[0] = part_of(f, axis, start, count, step);
    sum.output = part_of(f, axis, edge, 1, 1);
    sum.reduced[axis] = true;
    return reduce_plan(f->context, &sum, f->launches, &f->count, &f->partial[f->sums++]);
}

static cleat_status fold_axis(folding *f, int32_t axis) {
    const int64_t extent = f->inner.shape[axis];
    const int64_t before = f->p->before[axis] > 0 ? f->p->before[axis] : 0;
    const int64_t after = f->p->after[axis] > 0 ? f->p->after[axis] : 0;
    if (before > 0) {
        TRY(fold(f, axis, before - 1, before, -1));
    }
    if (after > 0) {
        TRY(fold(f, axis, extent - after, after, 1));
    }
    f->inner = part_of(f, axis, before, extent - before - after, 1);
    return CLEAT_OK;
}

static cleat_status run_folds(folding *f, const cleat_tensor *dy, const cleat_tensor *dx) {
    padding rest = {.operation = f->p->operation};
    TRY(tensor_row_major(f->p->operation, dy->type, dy->rank, dy->shape, &f->inner));
    const size_t size = cleat_type_size(dy->type);
    TRY(scratch_acquire(f->context, (size_t)cleat_tensor_count(dy) * size, &f->memory));
    transfer_plan(
        f->context, f->p->operation, dy, NULL, &f->inner, f->memory, &f->launches[f->count++]);
    for (int32_t axis = 0; axis < dy->rank; axis++) {
        TRY(fold_axis(f, axis));
        rest.before[axis] = f->p->before[axis] < 0 ? -f->p->before[axis] : 0;
    }
    TRY(pad_plan(f->context, &rest, &f->inner, f->memory, dx, &f->launches[f->count++]));
    return launch_all(f->context, f->launches, f->count);
}

cleat_status cleat_pad_backward(cleat_context *context, cleat_tensor dy, const int64_t *before,
    const int64_t *after, cleat_tensor dx, const cleat_pad_options *options) {
    padding p = {.operation = "pad_backward"};
    cleat_type type;
    TRY(check_context(p.operation, context));
    TRY(check_real_tensor(p.operation, "dy", context, &dy, &type));
    TRY(check_output(p.operation, "dx", context, &dx, type));
    TRY(check_padding(&p, "dx", &dx, before, after, "dy", &dy, options));
    TRY(check_no_overlap(p.operation, "dy", &dy, "dx", &dx, false));
    if (cleat_tensor_count(&dx) == 0) {
        return CLEAT_OK;
    }
    if (p.mode == CLEAT_PAD_CONSTANT || cleat_tensor_count(&dy) == 0) {
        padding cut = {.operation = p.operation};
        for (int32_t i = 0; i < dx.rank; i++) {
            cut.before[i] = -p.before[i];
        }
        launch l;
        TRY(pad_plan(context, &cut, &dy, NULL, &dx, &l));
        return launch_all(context, &l, 1);
    }
    folding *f = memory_allocate_zeroed(1, sizeof *f);
    REFUSE_IF(f == NULL, CLEAT_OUT_OF_HOST_MEMORY, "%s: no host memory", p.operation);
    f->context = context;
    f->p = &p;
    cleat_status status = run_folds(f, &dy, &dx);
    for (int i = 0; i < f->sums; i++) {
        scratch_release(context, f->partial[i]);
    }
    scratch_release(context, f->memory);
    memory_free(f);
    return status;
}
