/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/normalization_problem.h"
#include "ops/reduce_check.h"
#include <string.h>

cleat_status work_plane(work *w, const cleat_tensor *x, const bool *ones, operand *plane) {
    size_t size = 0;
    cleat_tensor small = *x;
    for (int32_t axis = 0; axis < x->rank; axis++) {
        small.shape[axis] = ones[axis] ? 1 : x->shape[axis];
    }
    *plane = (operand){.there = true, .view = like_reduced(&small, ones, &size)};
    TRY(scratch_acquire(w->context, size, &plane->memory));
    w->scratch[w->scratch_count++] = plane->memory;
    return CLEAT_OK;
}

cleat_status work_reduce(work *w, const reduce_pass *pass) {
    void *partial = NULL;
    reduce_pass typed = *pass;
    typed.real64 = w->real64;
    cleat_status status = reduce_plan(w->context, &typed, w->launches, &w->launch_count, &partial);
    w->scratch[w->scratch_count] = partial;
    w->scratch_count += partial != NULL;
    return status;
}

cleat_status work_pass(work *w, const elementwise_pass *pass) {
    elementwise_pass typed = *pass;
    typed.real64 = w->real64;
    return elementwise_plan(w->context, &typed, &w->launches[w->launch_count++]);
}

cleat_status work_end(work *w, cleat_status status) {
    if (status == CLEAT_OK) {
        status = launch_all(w->context, w->launches, w->launch_count);
    }
    for (int i = 0; i < w->scratch_count; i++) {
        scratch_release(w->context, w->scratch[i]);
    }
    return status;
}

void pass_add(elementwise_pass *pass, const operand *x, const cleat_tensor *like) {
    if (x->there) {
        pass->tensors[pass->input_count] = stretched(&x->view, like);
        pass->memory[pass->input_count++] = x->memory;
    }
}

void reduce_add(reduce_pass *pass, const operand *x, const cleat_tensor *like) {
    if (x->there) {
        pass->inputs[pass->input_count] = stretched(&x->view, like);
        pass->input_memory[pass->input_count++] = x->memory;
    }
}

/* ---- Forward ---- */

/* Values of NORMALIZE in cl/normalize.cl */
enum { APPLY = 0, INVERSE_ROOT = 3, BLEND = 4 };

/* REDUCE_VALUE of cl/reduce.cl */
enum { VALUE_ELEMENT = 0, VALUE_SQUARE = 3 };

/* The mean and `result`, which is the inverse or, with a running variance, the variance. */
static cleat_status plan_statistics(
    work *w, const normalization *n, const operand *mean, const operand *result, bool inverse) {
    reduce_pass pass = {.operation = n->operation,
        .family = "reduce",
        .input_count = 1,
        .macro_count = 1,
        .inputs = {n->x},
        .output = result->view,
        .output_memory = result->memory,
        .what = n->centered ? REDUCE_MOMENTS : REDUCE_SUM,
        .wants_second = n->centered,
        .second = mean->view,
        .second_memory = mean->memory,
        .root = inverse ? ROOT_INVERSE : ROOT_NONE,
        .divisor = reduced_count(&n->x, n->reduced),
        .p0 = n->epsilon,
        .macros = {{"REDUCE_VALUE", NULL, n->centered ? VALUE_ELEMENT : VALUE_SQUARE}}};
    memcpy(pass.reduced, n->reduced, sizeof pass.reduced);
    return work_reduce(w, &pass);
}

static elementwise_pass begin_pass(const normalization *n, int64_t what) {
    return (elementwise_pass){.operation = n->operation,
        .family = "normalize",
        .macro_count = 4,
        .macros = {{"NORMALIZE", NULL, what}, {"CENTERED", NULL, n->centered},
            {"SCALED", NULL, n->scale.there}, {"BIASED", NULL, n->bias.there}}};
}

static void set_output(elementwise_pass *pass, const operand *y) {
    pass->tensors[pass->input_count] = y->view;
    pass->memory[pass->input_count] = y->memory;
}

/* Statistics have few elements: their passes need no macros of the whole. */
static elementwise_pass begin_small(const normalization *n, int64_t what) {
    elementwise_pass pass = begin_pass(n, what);
    for (int i = 1; i < pass.macro_count; i++) {
        pass.macros[i].value = 0;
    }
    return pass;
}

static cleat_status plan_inverse(
    work *w, const normalization *n, const operand *variance, const operand *inverse) {
    elementwise_pass pass = begin_small(n, INVERSE_ROOT);
    pass_add(&pass, variance, &variance->view);
    pass.parameters[pass.parameter_count++] = n->epsilon;
    set_output(&pass, inverse);
    return work_pass(w, &pass);
}

/* running = (1 - momentum) running + momentum factor of_batch */
static cleat_status plan_running(work *w, const normalization *n, const operand *running,
    const operand *of_batch, double factor) {
    elementwise_pass pass = begin_small(n, BLEND);
    pass_add(&pass, running, &running->view);
    pass_add(&pass, of_batch, &running->view);
    pass.parameters[pass.parameter_count++] = 1 - (double)n->momentum;
    pass.parameters[pass.parameter_count++] = (double)n->momentum * factor;
    set_output(&pass, running);
    return work_pass(w, &pass);
}

static cleat_status plan_apply(
    work *w, const normalization *n, const operand *mean, const operand *inverse) {
    elementwise_pass pass = begin_pass(n, APPLY);
    const operand x = {.there = true, .view = n->x};
    pass_add(&pass, &x, &n->x);
    pass_add(&pass, inverse, &n->x);
    if (n->centered) {
        pass_add(&pass, mean, &n->x);
    }
    pass_add(&pass, &n->scale, &n->x);
    pass_add(&pass, &n->bias, &n->x);
    set_output(&pass, &n->y);
    return work_pass(w, &pass);
}

static cleat_status plan_forward(work *w, const normalization *n) {
    operand mean = n->mean;
    operand inverse = n->inverse;
    operand variance = n->variance;
    const bool given = n->variance.there, runs = n->running[0].there;
    bool done = false;
    if (!given && !runs) {
        TRY(normalization_by_rows(w, n, false, &done));
    }
    if (done) {
        return CLEAT_OK;
    }
    if (n->centered && !mean.there) {
        TRY(work_plane(w, &n->x, n->reduced, &mean));
    }
    if (!inverse.there) {
        TRY(work_plane(w, &n->x, n->reduced, &inverse));
    }
    if (runs) {
        TRY(work_plane(w, &n->x, n->reduced, &variance));
    }
    if (!given) {
        TRY(plan_statistics(w, n, &mean, runs ? &variance : &inverse, !runs));
    }
    if (given || runs) {
        TRY(plan_inverse(w, n, &variance, &inverse));
    }
    if (runs) {
        const double count = reduced_count(&n->x, n->reduced);
        const double factor = n->population_variance ? 1 : count / (count - 1);
        TRY(plan_running(w, n, &n->running[0], &mean, 1));
        TRY(plan_running(w, n, &n->running[1], &variance, factor));
    }
    return plan_apply(w, n, &mean, &inverse);
}

cleat_status normalization_forward(cleat_context *context, const normalization *n) {
    work w = {.context = context, .real64 = n->x.type == CLEAT_F64};
    if (cleat_tensor_count(&n->x) == 0) {
        return CLEAT_OK;
    }
    return work_end(&w, plan_forward(&w, n));
}
