/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/elementwise_engine.h"
#include "ops/reduce_check.h"
#include "ops/reduce_engine.h"
#include "ops/types.h"
#include <string.h>

/* Values of GRADIENT in cl/reduce_gradient.cl */
typedef enum gradient_form {
    GRADIENT_SHARE,
    GRADIENT_EQUAL,
    GRADIENT_SIGN,
    GRADIENT_ROOT,
    GRADIENT_EXP,
    GRADIENT_PRODUCT,
    GRADIENT_DISTANCE
} gradient_form;

/* Values of REDUCE_VALUE in cl/reduce.cl */
enum { VALUE_ELEMENT = 0, VALUE_EQUAL = 1, VALUE_ZEROS = 4 };

/* What each kind needs: x, y, and a reduction of its own. */
static const struct {
    gradient_form form;
    bool x, y, again;
} plans[] = {
    [CLEAT_REDUCE_SUM] = {GRADIENT_SHARE, false, false, false},
    [CLEAT_REDUCE_MEAN] = {GRADIENT_SHARE, false, false, false},
    [CLEAT_REDUCE_MAX] = {GRADIENT_EQUAL, true, true, true},
    [CLEAT_REDUCE_MIN] = {GRADIENT_EQUAL, true, true, true},
    [CLEAT_REDUCE_PRODUCT] = {GRADIENT_PRODUCT, true, false, true},
    [CLEAT_REDUCE_L1] = {GRADIENT_SIGN, true, false, false},
    [CLEAT_REDUCE_L2] = {GRADIENT_ROOT, true, true, false},
    [CLEAT_REDUCE_LOG_SUM_EXP] = {GRADIENT_EXP, true, true, false},
    [CLEAT_REDUCE_VARIANCE] = {GRADIENT_DISTANCE, true, false, true},
};

typedef struct problem {
    const char *operation;
    cleat_reduction_kind kind;
    gradient_form form;
    bool reduced[CLEAT_MAX_RANK];
    cleat_tensor x, y, dy, dx; /* y and dy with their reduced axes of extent 1 and stride 0 */
    double p0;
} problem;

static cleat_status check(cleat_context *context, problem *p, int32_t axis_count,
    const int32_t *axes, const cleat_reduce_options *options) {
    const char *operation = p->operation;
    cleat_tensor wide_dy;
    cleat_type type;
    double divisor = 1.0;
    TRY(check_context(operation, context));
    TRY(check_reduction(operation, p->kind));
    TRY(check_float_tensor(operation, "dy", context, &p->dy, &type));
    TRY(check_output(operation, "dx", context, &p->dx, type));
    TRY(check_axes(operation, axis_count, axes, p->dx.rank, p->reduced));
    TRY(check_reduced_shape(operation, &p->dx, p->reduced, "dy", &p->dy, &wide_dy));
    TRY(check_no_overlap(operation, "dy", &p->dy, "dx", &p->dx, false));
    p->dy = wide_dy;
    if (plans[p->kind].x) {
        TRY(check_tensor(operation, "x", context, &p->x, type));
        TRY(check_same_shape(operation, "x", &p->x, "dx", &p->dx));
        TRY(check_no_overlap(operation, "x", &p->x, "dx", &p->dx, false));
    }
    if (plans[p->kind].y) {
        cleat_tensor wide_y;
        TRY(check_tensor(operation, "y", context, &p->y, type));
        TRY(check_reduced_shape(operation, &p->dx, p->reduced, "y", &p->y, &wide_y));
        TRY(check_no_overlap(operation, "y", &p->y, "dx", &p->dx, false));
        p->y = wide_y;
    }
    p->form = plans[p->kind].form;
    if (p->kind == CLEAT_REDUCE_VARIANCE) {
        TRY(check_correction(operation, &p->dx, p->reduced, options, &divisor));
        p->p0 = 2 / divisor;
    } else {
        p->p0 = p->kind == CLEAT_REDUCE_MEAN ? reduced_count(&p->dx, p->reduced) : 1;
    }
    return CLEAT_OK;
}

/* The reduction that a gradient begins with: how many elements are the greatest; the mean; or the
 * product of those that are not zero and how many are. Its results go to the planes of `memory`. */
static reduce_pass begin_again(const problem *p, void *memory, const cleat_tensor *plane) {
    reduce_pass pass = {.operation = p->operation,
        .family = "reduce",
        .input_count = 1,
        .macro_count = 1,
        .inputs = {p->x},
        .output = *plane,
        .output_memory = memory,
        .real64 = p->x.type == CLEAT_F64,
        .divisor = 1};
    memcpy(pass.reduced, p->reduced, sizeof pass.reduced);
    int64_t value = VALUE_ELEMENT;
    if (p->form == GRADIENT_EQUAL) {
        value = VALUE_EQUAL;
        pass.input_count = 2;
        pass.inputs[1] = stretched(&p->y, &p->x);
    } else if (p->form == GRADIENT_PRODUCT) {
        value = VALUE_ZEROS;
        pass.what = REDUCE_PRODUCT;
        pass.has_second = pass.wants_second = true;
        pass.second = *plane;
        pass.second.offset = cleat_tensor_count(plane);
        pass.second_memory = memory;
    } else {
        pass.divisor = reduced_count(&p->x, p->reduced);
    }
    pass.macros[0] = (kernel_macro){"REDUCE_VALUE", NULL, value};
    return pass;
}

static void add(
    elementwise_pass *pass, const cleat_tensor *x, const cleat_tensor *like, void *memory) {
    pass->tensors[pass->input_count] = stretched(x, like);
    pass->memory[pass->input_count++] = memory;
}

/* The pass that makes dx, `again` being the planes of the reduction before it. */
static elementwise_pass begin_pass(const problem *p, void *again, const cleat_tensor *plane) {
    elementwise_pass pass = {.operation = p->operation,
        .family = "reduce_gradient",
        .macro_count = 1,
        .parameter_count = 1,
        .real64 = p->dx.type == CLEAT_F64,
        .macros = {{"GRADIENT", NULL, p->form}},
        .parameters = {p->p0}};
    add(&pass, &p->dy, &p->dx, NULL);
    if (plans[p->kind].x) {
        add(&pass, &p->x, &p->dx, NULL);
    }
    if (plans[p->kind].y) {
        add(&pass, &p->y, &p->dx, NULL);
    }
    if (again != NULL) {
        cleat_tensor second = *plane;
        second.offset = cleat_tensor_count(plane);
        add(&pass, plane, &p->dx, again);
        if (p->form == GRADIENT_PRODUCT) {
            add(&pass, &second, &p->dx, again);
        }
    }
    pass.tensors[pass.input_count] = p->dx;
    return pass;
}

static cleat_status run(cleat_context *context, const problem *p) {
    launch launches[REDUCE_MAX_LAUNCHES + 1];
    int count = 0;
    void *again = NULL;
    void *partial = NULL;
    size_t size = 0;
    cleat_tensor plane = like_reduced(&p->dy, p->reduced, &size);
    cleat_status status = CLEAT_OK;
    if (plans[p->kind].again) {
        status = scratch_acquire(context, 2 * size, &again);
        if (status == CLEAT_OK) {
            reduce_pass first = begin_again(p, again, &plane);
            status = reduce_plan(context, &first, launches, &count, &partial);
        }
    }
    if (status == CLEAT_OK) {
        elementwise_pass pass = begin_pass(p, again, &plane);
        status = elementwise_plan(context, &pass, &launches[count++]);
    }
    if (status == CLEAT_OK) {
        status = launch_all(context, launches, count);
    }
    scratch_release(context, partial);
    scratch_release(context, again);
    return status;
}

cleat_status cleat_reduce_backward(cleat_context *context, cleat_reduction_kind kind,
    cleat_tensor x, cleat_tensor y, cleat_tensor dy, int32_t axis_count, const int32_t *axes,
    cleat_tensor dx, const cleat_reduce_options *options) {
    problem p = {.operation = "reduce_backward", .kind = kind, .x = x, .y = y, .dy = dy, .dx = dx};
    TRY(check(context, &p, axis_count, axes, options));
    return cleat_tensor_count(&dx) == 0 ? CLEAT_OK : run(context, &p);
}
