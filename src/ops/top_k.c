/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tensor_check.h"
#include "core/variant.h"
#include "ops/index_check.h"
#include "ops/types.h"
#include "ops/verify.h"
#include "ops/widen.h"
#include "ops/work_split.h"
#include <cleat/index.h>
#include <stdio.h>

enum { TOP_AXES = CLEAT_MAX_RANK - 1, TOP_LOCAL = 128 };

/* Rows of x, and of the outputs, whose buffers are NULL where they are not wanted. */
typedef struct top_problem {
    cleat_tensor x, values, indices; /* without the axis that is searched */
    int64_t rows, extent, k, x_step, values_step, indices_step;
    bool smallest;
} top_problem;

static launch begin(const top_problem *t, const char *kernel) {
    launch l = launch_begin("top_k", "top_k", kernel);
    launch_use_real64(&l, t->x.type);
    launch_macro(&l, "UNIT", t->x_step == 1 && t->x.type == CLEAT_F32);
    launch_macro_text(&l, "INDICES", t->indices.type == CLEAT_I64 ? "long" : "int");
    launch_use_index64(&l, index_reaches_far(&t->x, t->extent, t->x_step) ||
                               index_reaches_far(&t->values, t->k, t->values_step) ||
                               index_reaches_far(&t->indices, t->k, t->indices_step) ||
                               t->rows >= INT32_MAX / 2);
    launch_tensor(&l, &t->x);
    launch_tensor(&l, t->values.buffer != NULL ? &t->values : NULL);
    launch_tensor(&l, t->indices.buffer != NULL ? &t->indices : NULL);
    l.flop = (double)t->rows * (double)t->extent;
    const size_t found = (t->values.buffer != NULL ? cleat_type_size(t->x.type) : 0) +
                         (t->indices.buffer != NULL ? cleat_type_size(t->indices.type) : 0);
    l.bytes = l.flop * (double)cleat_type_size(t->x.type) +
              (double)t->rows * (double)t->k * (double)found;
    return l;
}

static void add_numbers(const top_problem *t, int64_t share, launch *l) {
    launch_numbers_begin(l);
    launch_index(l, t->rows);
    launch_index(l, share);
    launch_index(l, t->x.offset);
    launch_index(l, t->values.offset);
    launch_index(l, t->indices.offset);
    launch_index(l, t->extent);
    launch_index(l, t->k);
    launch_index(l, t->x_step);
    launch_index(l, t->values_step);
    launch_index(l, t->indices_step);
    for (int32_t i = t->x.rank - TOP_AXES; i < t->x.rank; i++) {
        launch_index(l, i < 0 ? 1 : t->x.shape[i]);
        launch_index(l, i < 0 ? 0 : t->x.stride[i]);
        launch_index(l, i < 0 ? 0 : t->values.stride[i]);
        launch_index(l, i < 0 ? 0 : t->indices.stride[i]);
    }
    launch_index(l, t->smallest);
    launch_numbers_end(l);
}

/* PAIR of cl/top_k.cl */
static size_t pair_size(const top_problem *t) {
    return 2 * cleat_type_size(t->x.type);
}

static bool is_cpu(const device_profile *profile, const void *problem) {
    (void)problem;
    return profile->is_cpu;
}

static cleat_status enqueue_heap(cleat_context *context, const void *problem) {
    const top_problem *t = problem;
    void *heaps = NULL;
    launch l = begin(t, "top_k_heap");
    const int64_t share = work_split(context_profile(context), t->rows, 1, &l);
    TRY(scratch_acquire(context, l.global[0] * (size_t)t->k * pair_size(t), &heaps));
    launch_memory(&l, heaps);
    add_numbers(t, share, &l);
    cleat_status status = launch_all(context, &l, 1);
    scratch_release(context, heaps);
    return status;
}

static cleat_status enqueue_group(cleat_context *context, const void *problem) {
    const top_problem *t = problem;
    launch l = begin(t, "top_k_group");
    size_t local = TOP_LOCAL;
    while (local > context_profile(context)->max_work_group_size) {
        local /= 2;
    }
    add_numbers(t, 0, &l);
    launch_local(&l, local * pair_size(t));
    launch_size_1d(&l, (size_t)t->rows * local, local);
    return launch_all(context, &l, 1);
}

static const variant variants[] = {
    {"heap", is_cpu, enqueue_heap},
    {"group", variant_always, enqueue_group},
    {NULL, NULL, NULL},
};

static void write_problem(const void *problem, char *text, size_t size) {
    const top_problem *t = problem;
    snprintf(text, size, "%lld of %lld", (long long)t->k, (long long)t->extent);
}

static cleat_tensor without_axis(const cleat_tensor *x, int32_t axis) {
    cleat_tensor out = *x;
    out.rank = 0;
    for (int32_t i = 0; i < x->rank; i++) {
        if (i != axis) {
            out.shape[out.rank] = x->shape[i];
            out.stride[out.rank++] = x->stride[i];
        }
    }
    return out;
}

/* One output, or its absence, into `rows` and `step`. */
static cleat_status take_output(cleat_context *context, const char *name, const cleat_tensor *y,
    const cleat_tensor *x, int32_t axis, cleat_tensor *rows, int64_t *step) {
    if (y == NULL) {
        *rows = (cleat_tensor){.rank = x->rank - 1};
        return CLEAT_OK;
    }
    TRY(check_output("top_k", name, context, y, 0));
    TRY(check_same_but_axis("top_k", "x", x, axis, name, y));
    TRY(check_no_overlap("top_k", "x", x, name, y, false));
    *rows = without_axis(y, axis);
    *step = y->stride[axis];
    return CLEAT_OK;
}

/* Of 16 bits, checked, by way of f32, which keeps values as they are. */
static cleat_status run_widened(cleat_context *context, const cleat_tensor *x, int32_t axis,
    const cleat_tensor *values, const cleat_tensor *indices, const cleat_top_k_options *options) {
    cleat_tensor wide_values;
    widening w;
    widen_begin(&w, context, "top_k");
    const cleat_tensor wide_x = widen_input(&w, x);
    if (values != NULL) {
        wide_values = widen_output(&w, values, false);
    }
    cleat_status status = widen_ready(&w);
    if (status == CLEAT_OK) {
        status = cleat_top_k(
            context, wide_x, axis, values != NULL ? &wide_values : NULL, indices, options);
    }
    return widen_end(&w, status);
}

cleat_status cleat_top_k(cleat_context *context, cleat_tensor x, int32_t axis,
    const cleat_tensor *values, const cleat_tensor *indices, const cleat_top_k_options *options) {
    top_problem t = {.smallest = options != NULL && options->smallest};
    TRY(check_context("top_k", context));
    cleat_type type;
    TRY(check_float_tensor("top_k", "x", context, &x, &type));
    TRY(check_axis("top_k", axis, x.rank, &axis));
    TRY(take_output(context, "values", values, &x, axis, &t.values, &t.values_step));
    TRY(take_output(context, "indices", indices, &x, axis, &t.indices, &t.indices_step));
    if (values != NULL) {
        TRY(check_tensor("top_k", "values", context, values, type));
        t.k = values->shape[axis];
    }
    if (indices != NULL) {
        TRY(check_indices("top_k", context, indices));
        REFUSE_IF(values != NULL && t.k != indices->shape[axis], CLEAT_SHAPE_MISMATCH,
            "top_k: values has %lld elements along axis %d, indices %lld", (long long)t.k, axis,
            (long long)indices->shape[axis]);
        t.k = indices->shape[axis];
    }
    if (values != NULL && indices != NULL) {
        TRY(check_no_overlap("top_k", "values", values, "indices", indices, false));
    }
    t.extent = x.shape[axis];
    REFUSE_IF(t.k > t.extent, CLEAT_INVALID_ARGUMENT,
        "top_k: %lld elements are wanted of %lld along axis %d", (long long)t.k,
        (long long)t.extent, axis);
    REFUSE_IF(t.extent >= UINT32_MAX - 1, CLEAT_UNSUPPORTED,
        "top_k: %lld elements along axis %d are more than 2^32 - 2", (long long)t.extent, axis);
    t.x = without_axis(&x, axis);
    t.x_step = x.stride[axis];
    t.rows = cleat_tensor_count(&t.x);
    if (t.rows == 0 || t.k == 0) {
        return CLEAT_OK;
    }
    if (type_is_half(type)) {
        return run_widened(context, &x, axis, values, indices, options);
    }
    const variant *chosen = NULL;
    TRY(variant_choose(
        context, "top_k", NULL, NULL, variants, &t, write_problem, verify_top_k, &chosen));
    return chosen->enqueue(context, &t);
}
