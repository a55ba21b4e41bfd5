/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tensor_check.h"
#include "core/variant.h"
#include "ops/elementwise_engine.h"
#include <cleat/softmax.h>

/* Values of MODE and FORM in cl/softmax.cl */
typedef enum softmax_mode {
    MODE_SOFTMAX,
    MODE_LOG_SOFTMAX,
    MODE_SOFTMAX_BACKWARD,
    MODE_LOG_SOFTMAX_BACKWARD
} softmax_mode;
typedef enum softmax_form { FORM_ROWS, FORM_COLUMNS, FORM_GROUPS, FORM_ITEMS } softmax_form;

enum {
    MAX_TENSORS = 3,
    CPU_GROUPS = 8,    /* work-groups a thread */
    CPU_LEAST = 1024,  /* elements that are worth a work-group */
    GROUP_LOCAL = 256, /* work-items of softmax_groups at most */
    WIDE_COLUMNS = 4,  /* vectors side by side, where rows are neighbours */
    ITEM_LOCAL = 64,
    ITEM_MOST = 16384 /* work-items a compute unit; beyond, they loop */
};

/* Axes arranged: inputs, then the output. */
typedef struct softmax_problem {
    const char *operation;
    softmax_mode mode;
    int input_count;
    cleat_tensor kept[MAX_TENSORS]; /* without the axis */
    int64_t step[MAX_TENSORS];      /* stride along the axis */
    int64_t length;
    bool index64;
    launch *result;
} softmax_problem;

static int stride_kind(int64_t stride) {
    return stride == 0 || stride == 1 ? (int)stride : 2;
}

static int64_t kept_stride(const cleat_tensor *x) {
    return x->stride[x->rank - 1];
}

static void remove_axis(cleat_tensor *x, int32_t axis) {
    x->rank--;
    for (int32_t i = axis; i < x->rank; i++) {
        x->shape[i] = x->shape[i + 1];
        x->stride[i] = x->stride[i + 1];
    }
}

static softmax_problem arrange(const char *operation, softmax_mode mode, int input_count,
    const cleat_tensor *tensors, int32_t axis) {
    softmax_problem p = {.operation = operation,
        .mode = mode,
        .input_count = input_count,
        .length = tensors[0].shape[axis]};
    p.index64 = cleat_tensor_count(&tensors[0]) > INT32_MAX / 2;
    for (int t = 0; t <= input_count; t++) {
        p.kept[t] = tensors[t];
        p.step[t] = tensors[t].stride[axis];
        p.index64 = p.index64 || tensor_needs_index64(&tensors[t]);
        remove_axis(&p.kept[t], axis);
    }
    tensors_arrange(p.kept, input_count + 1, input_count);
    return p;
}

/* COLUMN_VECTORS of cl/softmax.cl: several where vectors are plain loads (for the sake of compile
 * time) and enough tasks are left for all threads. */
static int column_vectors(const softmax_problem *p, const device_profile *profile) {
    int64_t wide = (int64_t)engine_vector_width(profile) * WIDE_COLUMNS;
    bool fits = cleat_tensor_count(&p->kept[0]) / wide >= 2 * (int64_t)profile->compute_units;
    for (int t = 0; t <= p->input_count; t++) {
        fits = fits && kept_stride(&p->kept[t]) == 1;
    }
    return fits ? WIDE_COLUMNS : 1;
}

static void add_macros(
    const softmax_problem *p, softmax_form form, int vector_width, int vectors, launch *l) {
    static const char *const inner[] = {"in0_inner", "in1_inner"};
    launch_macro(l, "MODE", p->mode);
    launch_macro(l, "FORM", form);
    launch_macro(l, "INPUTS", p->input_count);
    launch_macro(l, "KEPT_RANK", p->kept[0].rank);
    launch_macro(l, "VECTOR_WIDTH", vector_width);
    launch_macro(l, "COLUMN_VECTORS", vectors);
    for (int t = 0; t <= p->input_count; t++) {
        int64_t stride = form == FORM_ROWS      ? p->step[t]
                         : form == FORM_COLUMNS ? kept_stride(&p->kept[t])
                                                : 1;
        launch_macro(l, t < p->input_count ? inner[t] : "out_inner", stride_kind(stride));
    }
}

static void add_arguments(const softmax_problem *p, int64_t tasks, launch *l) {
    int32_t rank = p->kept[0].rank;
    launch_index(l, tasks);
    launch_index(l, p->length);
    for (int32_t axis = rank - 1; axis >= 0; axis--) {
        launch_index(l, p->kept[0].shape[axis]);
    }
    for (int t = 0; t <= p->input_count; t++) {
        launch_tensor(l, &p->kept[t]);
        launch_index(l, p->kept[t].offset);
        launch_index(l, p->step[t]);
        for (int32_t axis = rank - 1; axis >= 0; axis--) {
            launch_index(l, p->kept[t].stride[axis]);
        }
        l->bytes += tensor_bytes(&p->kept[t]) * (double)(p->step[t] == 0 ? 1 : p->length);
    }
    /* maximum, difference, exponential, sum, quotient; or product, sum, difference, product */
    l->flop = (p->mode <= MODE_LOG_SOFTMAX ? 5.0 : 4.0) * (double)p->length *
              (double)cleat_tensor_count(&p->kept[0]);
}

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static void set_size(const softmax_problem *p, softmax_form form, const device_profile *profile,
    int64_t tasks, launch *l) {
    int64_t units = (int64_t)profile->compute_units;
    int64_t count = cleat_tensor_count(&p->kept[0]) * p->length;
    size_t local = form == FORM_GROUPS ? GROUP_LOCAL : ITEM_LOCAL;
    while (local > profile->max_work_group_size ||
           (form == FORM_GROUPS && local > 32 && (int64_t)local / 2 >= p->length)) {
        local /= 2;
    }
    if (form == FORM_GROUPS) {
        launch_local(l, local * sizeof(float));
        launch_size_1d(l, (size_t)tasks * local, local);
    } else if (form == FORM_ITEMS) {
        launch_size_1d(l, round_up((size_t)smaller(tasks, units * ITEM_MOST), local), local);
    } else {
        int64_t groups = smaller(units * CPU_GROUPS, ceil_div(count, CPU_LEAST));
        launch_size_1d(l, (size_t)smaller(tasks, groups), 1);
    }
}

static cleat_status enqueue_form(
    softmax_form form, cleat_context *context, const softmax_problem *p) {
    static const char *const kernels[] = {
        "softmax_rows", "softmax_columns", "softmax_groups", "softmax_items"};
    const device_profile *profile = context_profile(context);
    int width = form <= FORM_COLUMNS ? engine_vector_width(profile) : 1;
    const cleat_tensor *kept = &p->kept[0];
    int64_t inner = kept->shape[kept->rank - 1];
    int64_t tasks = cleat_tensor_count(kept);
    int vectors = form == FORM_COLUMNS ? column_vectors(p, profile) : 1;
    if (form == FORM_COLUMNS) {
        tasks = tasks / inner * ceil_div(inner, (int64_t)width * vectors);
    }
    launch *l = p->result;
    *l = launch_begin(p->operation, "softmax", kernels[form]);
    add_macros(p, form, width, vectors, l);
    launch_use_index64(l, p->index64);
    add_arguments(p, tasks, l);
    set_size(p, form, profile, tasks, l);
    return CLEAT_OK;
}

static cleat_status enqueue_rows(cleat_context *context, const void *problem) {
    return enqueue_form(FORM_ROWS, context, problem);
}

static cleat_status enqueue_columns(cleat_context *context, const void *problem) {
    return enqueue_form(FORM_COLUMNS, context, problem);
}

static cleat_status enqueue_groups(cleat_context *context, const void *problem) {
    return enqueue_form(FORM_GROUPS, context, problem);
}

static cleat_status enqueue_items(cleat_context *context, const void *problem) {
    return enqueue_form(FORM_ITEMS, context, problem);
}

/* All can do everything; the tuning table tells what suits a device and shape class. */
static bool supports_all(const device_profile *profile, const void *problem) {
    (void)profile;
    (void)problem;
    return true;
}

static const variant variants[] = {
    {"rows", supports_all, enqueue_rows},
    {"columns", supports_all, enqueue_columns},
    {"groups", supports_all, enqueue_groups},
    {"items", supports_all, enqueue_items},
    {NULL, NULL, NULL},
};

const char *const *cleat_softmax_variants(void) {
    static const char *const names[] = {"rows", "columns", "groups", "items", NULL};
    return names;
}

/* "inner": rows lie together in memory and are long enough for vectors; else "outer". */
static const char *shape_class(const softmax_problem *p, const device_profile *profile) {
    bool inner = p->length >= (profile->is_cpu ? profile->float_width : 32);
    for (int t = 0; t <= p->input_count; t++) {
        inner = inner && p->step[t] == 1;
    }
    return inner ? "inner" : "outer";
}

/* All operands are checked; tensors are the inputs, then the output. */
static cleat_status run(cleat_context *context, const char *operation, softmax_mode mode,
    int input_count, const cleat_tensor *tensors, int32_t axis) {
    launch l;
    const variant *chosen = NULL;
    if (cleat_tensor_count(&tensors[0]) == 0) {
        return CLEAT_OK;
    }
    softmax_problem problem = arrange(operation, mode, input_count, tensors, axis);
    problem.result = &l;
    TRY(variant_choose(context, "softmax", shape_class(&problem, context_profile(context)), NULL,
        variants, &problem, operation, &chosen));
    TRY(chosen->enqueue(context, &problem));
    return launch_all(context, &l, 1);
}

static cleat_status forward(cleat_context *context, const char *operation, softmax_mode mode,
    const cleat_tensor *x, int32_t axis, const cleat_tensor *y) {
    TRY(check_context(operation, context));
    TRY(check_tensor(operation, "x", context, x, CLEAT_F32));
    TRY(check_output(operation, "y", context, y, CLEAT_F32));
    TRY(check_same_shape(operation, "x", x, "y", y));
    TRY(check_axis(operation, axis, x->rank, &axis));
    TRY(check_no_overlap(operation, "x", x, "y", y, true));
    const cleat_tensor tensors[] = {*x, *y};
    return run(context, operation, mode, 1, tensors, axis);
}

static cleat_status backward(cleat_context *context, const char *operation, softmax_mode mode,
    const cleat_tensor *y, const cleat_tensor *dy, int32_t axis, const cleat_tensor *dx) {
    TRY(check_context(operation, context));
    TRY(check_tensor(operation, "y", context, y, CLEAT_F32));
    TRY(check_tensor(operation, "dy", context, dy, CLEAT_F32));
    TRY(check_output(operation, "dx", context, dx, CLEAT_F32));
    TRY(check_same_shape(operation, "y", y, "dx", dx));
    TRY(check_same_shape(operation, "dy", dy, "dx", dx));
    TRY(check_axis(operation, axis, y->rank, &axis));
    TRY(check_no_overlap(operation, "y", y, "dx", dx, true));
    TRY(check_no_overlap(operation, "dy", dy, "dx", dx, true));
    const cleat_tensor tensors[] = {*y, *dy, *dx};
    return run(context, operation, mode, 2, tensors, axis);
}

cleat_status cleat_softmax(cleat_context *context, cleat_tensor x, int32_t axis, cleat_tensor y) {
    return forward(context, "softmax", MODE_SOFTMAX, &x, axis, &y);
}

cleat_status cleat_log_softmax(
    cleat_context *context, cleat_tensor x, int32_t axis, cleat_tensor y) {
    return forward(context, "log_softmax", MODE_LOG_SOFTMAX, &x, axis, &y);
}

cleat_status cleat_softmax_backward(
    cleat_context *context, cleat_tensor y, cleat_tensor dy, int32_t axis, cleat_tensor dx) {
    return backward(context, "softmax_backward", MODE_SOFTMAX_BACKWARD, &y, &dy, axis, &dx);
}

cleat_status cleat_log_softmax_backward(
    cleat_context *context, cleat_tensor y, cleat_tensor dy, int32_t axis, cleat_tensor dx) {
    return backward(context, "log_softmax_backward", MODE_LOG_SOFTMAX_BACKWARD, &y, &dy, axis, &dx);
}
