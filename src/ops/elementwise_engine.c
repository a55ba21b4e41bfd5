/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/elementwise_engine.h"
#include "core/tensor_check.h"
#include "core/variant.h"

enum {
    CHUNKED_BLOCK = 4096,     /* elements of a unit on processors: 16 KiB a tensor */
    CHUNKED_LEAST = 2048,     /* elements that are worth a work-group */
    CHUNKED_GROUPS = 8,       /* work-groups a thread, so that the schedule balances */
    INTERLEAVED_LOCAL = 128,  /* work-items of a group on GPUs */
    INTERLEAVED_ITEMS = 16384 /* work-items a compute unit at most; beyond, they loop */
};

static int64_t magnitude(int64_t value) {
    return value < 0 ? -value : value;
}

static void reverse_axis(cleat_tensor *x, int32_t axis) {
    x->offset += (x->shape[axis] - 1) * x->stride[axis];
    x->stride[axis] = -x->stride[axis];
}

static void swap_axes(cleat_tensor *x, int32_t i, int32_t j) {
    int64_t shape = x->shape[i];
    int64_t stride = x->stride[i];
    x->shape[i] = x->shape[j];
    x->stride[i] = x->stride[j];
    x->shape[j] = shape;
    x->stride[j] = stride;
}

void tensors_arrange(cleat_tensor *tensors, int count, int leader) {
    cleat_tensor *lead = &tensors[leader];
    if (cleat_tensor_count(lead) > 0) {
        for (int32_t axis = 0; axis < lead->rank; axis++) {
            bool reversed = lead->stride[axis] < 0;
            for (int t = 0; reversed && t < count; t++) {
                reverse_axis(&tensors[t], axis);
            }
        }
        for (int32_t end = 1; end < lead->rank; end++) {
            for (int32_t axis = end; axis > 0 && lead->stride[axis - 1] < lead->stride[axis];
                 axis--) {
                for (int t = 0; t < count; t++) {
                    swap_axes(&tensors[t], axis - 1, axis);
                }
            }
        }
    }
    tensors_collapse(tensors, count);
}

int engine_vector_width(const device_profile *profile) {
    return profile->is_cpu ? profile->float_width : 4;
}

double tensor_bytes(const cleat_tensor *x) {
    double bytes = (double)cleat_type_size(x->type);
    for (int32_t axis = 0; axis < x->rank; axis++) {
        bytes *= x->stride[axis] == 0 ? 1.0 : (double)x->shape[axis];
    }
    return bytes;
}

/* What a variant is asked: the pass with its tensors arranged, and where the launch goes. */
typedef struct arranged_pass {
    elementwise_pass pass;
    launch *result;
} arranged_pass;

static int tensor_count(const elementwise_pass *pass) {
    return pass->input_count + 1;
}

/* 0, 1 or 2: the macro in0_inner and its kind. */
static int inner_kind(const cleat_tensor *x) {
    int64_t stride = x->stride[x->rank - 1];
    return magnitude(stride) > 1 || stride < 0 ? 2 : (int)stride;
}

static bool needs_index64(const elementwise_pass *pass) {
    bool needed = cleat_tensor_count(&pass->tensors[0]) > INT32_MAX / 2;
    for (int t = 0; t < tensor_count(pass); t++) {
        needed = needed || tensor_needs_index64(&pass->tensors[t]);
    }
    return needed;
}

static void add_macros(const elementwise_pass *pass, int vector_width, bool chunked, launch *l) {
    static const char *const inner[] = {"in0_inner", "in1_inner", "in2_inner", "in3_inner"};
    launch_macro(l, "INPUTS", pass->input_count);
    launch_macro(l, "PARAMETERS", pass->parameter_count);
    launch_macro(l, "RANK", pass->tensors[0].rank);
    launch_macro(l, "VECTOR_WIDTH", vector_width);
    launch_macro(l, "CHUNKED", chunked);
    for (int t = 0; t < tensor_count(pass); t++) {
        const char *name = t < pass->input_count ? inner[t] : "out0_inner";
        launch_macro(l, name, inner_kind(&pass->tensors[t]));
    }
    for (int i = 0; i < pass->macro_count; i++) {
        const kernel_macro *macro = &pass->macros[i];
        if (macro->text != NULL) {
            launch_macro_text(l, macro->name, macro->text);
        } else {
            launch_macro(l, macro->name, macro->value);
        }
    }
}

static void add_arguments(const elementwise_pass *pass, launch *l) {
    int32_t rank = pass->tensors[0].rank;
    for (int32_t axis = rank - 1; axis >= 0; axis--) {
        launch_index(l, pass->tensors[0].shape[axis]);
    }
    for (int i = 0; i < pass->parameter_count; i++) {
        launch_float(l, pass->parameters[i]);
    }
    for (int t = 0; t < tensor_count(pass); t++) {
        const cleat_tensor *x = &pass->tensors[t];
        if (pass->memory[t] != NULL) {
            launch_memory(l, pass->memory[t]);
        } else {
            launch_tensor(l, x);
        }
        launch_index(l, x->offset);
        for (int32_t axis = rank - 1; axis >= 0; axis--) {
            launch_index(l, x->stride[axis]);
        }
        l->bytes += tensor_bytes(x);
    }
}

/* Everything but the geometry; returns the number of units. */
static int64_t fill(const arranged_pass *problem, int vector_width, int64_t block, bool chunked) {
    const elementwise_pass *pass = &problem->pass;
    launch *l = problem->result;
    *l = launch_begin(pass->operation, pass->family, "elementwise");
    int64_t inner = pass->tensors[0].shape[pass->tensors[0].rank - 1];
    int64_t count = cleat_tensor_count(&pass->tensors[0]);
    int64_t row_units = ceil_div(inner, block);
    int64_t units = inner == 0 ? 0 : count / inner * row_units;
    add_macros(pass, vector_width, chunked, l);
    launch_use_index64(l, needs_index64(pass));
    launch_index(l, units);
    launch_index(l, row_units);
    launch_index(l, block);
    add_arguments(pass, l);
    l->flop = (double)count;
    return units;
}

static bool supports_all(const device_profile *profile, const void *problem) {
    (void)profile;
    (void)problem;
    return true;
}

static cleat_status chunked_enqueue(cleat_context *context, const void *data) {
    const arranged_pass *problem = data;
    const device_profile *profile = context_profile(context);
    int64_t units = fill(problem, engine_vector_width(profile), CHUNKED_BLOCK, true);
    int64_t count = cleat_tensor_count(&problem->pass.tensors[0]);
    int64_t groups = (int64_t)profile->compute_units * CHUNKED_GROUPS;
    int64_t worth = ceil_div(count, CHUNKED_LEAST);
    groups = groups < worth ? groups : worth;
    groups = groups < units ? groups : units;
    launch_size_1d(problem->result, (size_t)groups, 1);
    return CLEAT_OK;
}

static cleat_status interleaved_enqueue(cleat_context *context, const void *data) {
    const arranged_pass *problem = data;
    const device_profile *profile = context_profile(context);
    int width = 4;
    for (int t = 0; t < tensor_count(&problem->pass); t++) {
        width = inner_kind(&problem->pass.tensors[t]) == 2 ? 1 : width;
    }
    const cleat_tensor *x = &problem->pass.tensors[0];
    width = x->shape[x->rank - 1] < width ? 1 : width;
    int64_t units = fill(problem, width, width, false);
    size_t local = INTERLEAVED_LOCAL;
    local = local < profile->max_work_group_size ? local : profile->max_work_group_size;
    size_t most = (size_t)profile->compute_units * INTERLEAVED_ITEMS;
    size_t items = (size_t)units < most ? (size_t)units : most;
    launch_size_1d(problem->result, round_up(items, local), local);
    return CLEAT_OK;
}

static const variant variants[] = {
    {"chunked", supports_all, chunked_enqueue},
    {"interleaved", supports_all, interleaved_enqueue},
    {NULL, NULL, NULL},
};

cleat_status elementwise_plan(cleat_context *context, const elementwise_pass *pass, launch *l) {
    arranged_pass problem = {*pass, l};
    const variant *chosen = NULL;
    TRY(variant_choose(
        context, "elementwise", NULL, NULL, variants, &problem, pass->operation, &chosen));
    tensors_arrange(problem.pass.tensors, tensor_count(pass), pass->input_count);
    return chosen->enqueue(context, &problem);
}

cleat_status elementwise_run(cleat_context *context, const elementwise_pass *pass) {
    launch l;
    if (cleat_tensor_count(&pass->tensors[pass->input_count]) == 0) {
        return CLEAT_OK;
    }
    TRY(elementwise_plan(context, pass, &l));
    return launch_all(context, &l, 1);
}
