/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tensor_check.h"
#include "core/variant.h"
#include "ops/softmax_launch.h"
#include "ops/types.h"
#include "ops/verify.h"
#include "ops/widen.h"
#include <cleat/softmax.h>
#include <stdio.h>

static cleat_status enqueue_rows(cleat_context *context, const void *problem) {
    softmax_fill(FORM_ROWS, context_profile(context), problem);
    return CLEAT_OK;
}

static cleat_status enqueue_short(cleat_context *context, const void *problem) {
    softmax_fill(FORM_SHORT, context_profile(context), problem);
    return CLEAT_OK;
}

static cleat_status enqueue_turned(cleat_context *context, const void *problem) {
    softmax_fill(FORM_TURNED, context_profile(context), problem);
    return CLEAT_OK;
}

static cleat_status enqueue_columns(cleat_context *context, const void *problem) {
    softmax_fill(FORM_COLUMNS, context_profile(context), problem);
    return CLEAT_OK;
}

static cleat_status enqueue_strips(cleat_context *context, const void *problem) {
    softmax_fill(FORM_STRIPS, context_profile(context), problem);
    return CLEAT_OK;
}

static cleat_status enqueue_groups(cleat_context *context, const void *problem) {
    softmax_fill(FORM_GROUPS, context_profile(context), problem);
    return CLEAT_OK;
}

static cleat_status enqueue_items(cleat_context *context, const void *problem) {
    softmax_fill(FORM_ITEMS, context_profile(context), problem);
    return CLEAT_OK;
}

static bool suits_rows(const device_profile *profile, const void *problem) {
    return softmax_supports(FORM_ROWS, problem, profile) &&
           softmax_items_are_short(FORM_ROWS, problem, profile);
}

static bool suits_short(const device_profile *profile, const void *problem) {
    return softmax_supports(FORM_SHORT, problem, profile) &&
           softmax_items_are_short(FORM_SHORT, problem, profile);
}

static bool suits_turned(const device_profile *profile, const void *problem) {
    return profile->is_cpu && softmax_supports(FORM_TURNED, problem, profile);
}

static bool suits_columns(const device_profile *profile, const void *problem) {
    return softmax_items_are_short(FORM_COLUMNS, problem, profile);
}

static bool suits_strips(const device_profile *profile, const void *problem) {
    return softmax_strip(problem, profile) > 0;
}

static const variant variants[] = {
    {"rows", suits_rows, enqueue_rows},
    {"turned", suits_turned, enqueue_turned},
    {"short", suits_short, enqueue_short},
    {"strips", suits_strips, enqueue_strips},
    {"columns", suits_columns, enqueue_columns},
    {"groups", variant_always, enqueue_groups},
    {"items", variant_always, enqueue_items},
    {NULL, NULL, NULL},
};

const char *const *cleat_softmax_variants(void) {
    static const char *const names[] = {
        "rows", "turned", "short", "strips", "columns", "groups", "items", NULL};
    return names;
}

/* "inner": rows lie together in memory and are long enough for a work-group of a GPU or the vectors
 * of a processor; "short": not that long; else "outer". */
static const char *shape_class(const softmax_problem *p, const device_profile *profile) {
    bool together = true;
    bool is_short = profile->is_cpu ? softmax_supports(FORM_SHORT, p, profile) : p->length < 32;
    for (int t = 0; t <= p->input_count; t++) {
        together = together && p->step[t] == 1;
    }
    return !together ? "outer" : is_short ? "short" : "inner";
}

static void write_problem(const void *problem, char *text, size_t size) {
    const softmax_problem *p = problem;
    snprintf(text, size, "%s", p->operation);
}

static cleat_status run_direct(cleat_context *context, const char *operation, softmax_mode mode,
    int input_count, const cleat_tensor *tensors, int32_t axis) {
    launch l;
    const variant *chosen = NULL;
    if (cleat_tensor_count(&tensors[0]) == 0) {
        return CLEAT_OK;
    }
    softmax_problem problem = softmax_arrange(operation, mode, input_count, tensors, axis);
    problem.result = &l;
    TRY(variant_choose(context, "softmax", shape_class(&problem, context_profile(context)), NULL,
        variants, &problem, write_problem, verify_softmax, &chosen));
    TRY(chosen->enqueue(context, &problem));
    return launch_all(context, &l, 1);
}

/* All operands are checked; tensors are the inputs, then the output. On processors, whose kernels
 * for rows know f32 alone, 16 bits go by way of that. */
static cleat_status run(cleat_context *context, const char *operation, softmax_mode mode,
    int input_count, const cleat_tensor *tensors, int32_t axis) {
    cleat_tensor wide[3];
    widening w;
    if (!context_profile(context)->is_cpu) {
        TRY(require_halves(context, tensors, 1));
        return run_direct(context, operation, mode, input_count, tensors, axis);
    }
    widen_begin(&w, context, operation);
    for (int t = 0; t < input_count; t++) {
        wide[t] = widen_input(&w, &tensors[t]);
    }
    wide[input_count] = widen_output(&w, &tensors[input_count], false);
    cleat_status status = widen_ready(&w);
    if (status == CLEAT_OK) {
        status = run_direct(context, operation, mode, input_count, wide, axis);
    }
    return widen_end(&w, status);
}

static cleat_status forward(cleat_context *context, const char *operation, softmax_mode mode,
    const cleat_tensor *x, int32_t axis, const cleat_tensor *y) {
    cleat_type type;
    TRY(check_context(operation, context));
    TRY(check_float_tensor(operation, "x", context, x, &type));
    TRY(check_output(operation, "y", context, y, type));
    TRY(check_same_shape(operation, "x", x, "y", y));
    TRY(check_axis(operation, axis, x->rank, &axis));
    TRY(check_no_overlap(operation, "x", x, "y", y, true));
    const cleat_tensor tensors[] = {*x, *y};
    return run(context, operation, mode, 1, tensors, axis);
}

static cleat_status backward(cleat_context *context, const char *operation, softmax_mode mode,
    const cleat_tensor *y, const cleat_tensor *dy, int32_t axis, const cleat_tensor *dx) {
    cleat_type type;
    TRY(check_context(operation, context));
    TRY(check_float_tensor(operation, "y", context, y, &type));
    TRY(check_tensor(operation, "dy", context, dy, type));
    TRY(check_output(operation, "dx", context, dx, type));
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
