/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/normalization_problem.h"
#include "ops/reduce_check.h"
#include "ops/types.h"
#include <string.h>

/* Values of SUMS in cl/normalize_sums.cl */
typedef enum sums { SUMS_OF_ALL, SUMS_SCALED, SUMS_OF_CELLS, SUMS_OF_SCALED_CELLS } sums;

/* Values of NORMALIZE in cl/normalize.cl */
enum { GRADIENT_INSIDE = 1, GRADIENT_OUTSIDE = 2 };

static reduce_pass begin_sums(const normalization *n, sums what, const bool *reduced,
    const operand *first, const operand *second) {
    reduce_pass pass = {.operation = n->operation,
        .family = "normalize_sums",
        .macro_count = 2,
        .macros = {{"SUMS", NULL, what}, {"CENTERED", NULL, n->centered && what <= SUMS_SCALED}},
        .output = first->view,
        .output_memory = first->memory,
        .has_second = true,
        .wants_second = true,
        .second = second->view,
        .second_memory = second->memory,
        .divisor = 1};
    memcpy(pass.reduced, reduced, sizeof pass.reduced);
    return pass;
}

/* Over elements of dy and x. */
static cleat_status plan_element_sums(work *w, const normalization *n, sums what,
    const bool *reduced, const operand *first, const operand *second) {
    reduce_pass pass = begin_sums(n, what, reduced, first, second);
    const operand x = {.there = true, .view = n->x};
    reduce_add(&pass, &n->dy, &n->x);
    reduce_add(&pass, &x, &n->x);
    reduce_add(&pass, &n->inverse, &n->x);
    if (n->centered) {
        reduce_add(&pass, &n->mean, &n->x);
    }
    if (what == SUMS_SCALED) {
        reduce_add(&pass, &n->scale, &n->x);
    }
    return work_reduce(w, &pass);
}

/* Over the sums of cells. */
static cleat_status plan_cell_sums(work *w, const normalization *n, const operand *cells,
    bool scaled, const bool *reduced, const operand *first, const operand *second) {
    reduce_pass pass =
        begin_sums(n, scaled ? SUMS_OF_SCALED_CELLS : SUMS_OF_CELLS, reduced, first, second);
    reduce_add(&pass, &cells[0], &cells[0].view);
    reduce_add(&pass, &cells[1], &cells[0].view);
    if (scaled) {
        operand scale = n->scale;
        reduce_add(&pass, &scale, &cells[0].view);
    }
    return work_reduce(w, &pass);
}

/* dx; with `outside` the scale was left out of the sums, being one for all elements of a group. */
static cleat_status plan_dx(
    work *w, const normalization *n, bool outside, const operand *group_sums) {
    elementwise_pass pass = {.operation = n->operation,
        .family = "normalize",
        .macro_count = 4,
        .macros = {{"NORMALIZE", NULL, outside ? GRADIENT_OUTSIDE : GRADIENT_INSIDE},
            {"CENTERED", NULL, n->centered}, {"SCALED", NULL, n->scale.there}, {"BIASED", NULL, 0}},
        .parameter_count = 1,
        .parameters = {1 / reduced_count(&n->x, n->reduced)}};
    const operand x = {.there = true, .view = n->x};
    pass_add(&pass, &n->dy, &n->x);
    pass_add(&pass, &x, &n->x);
    pass_add(&pass, &n->inverse, &n->x);
    pass_add(&pass, &group_sums[1], &n->x);
    if (n->centered) {
        pass_add(&pass, &n->mean, &n->x);
        pass_add(&pass, &group_sums[0], &n->x);
    }
    pass_add(&pass, &n->scale, &n->x);
    pass.tensors[pass.input_count] = n->dx.view;
    return work_pass(w, &pass);
}

/* dbias and dscale, in scratch memory where they are not wanted. */
static cleat_status scale_sums(work *w, const normalization *n, const bool *ones, operand *result) {
    result[0] = n->dbias;
    result[1] = n->dscale;
    for (int i = 0; i < 2; i++) {
        if (!result[i].there) {
            TRY(work_plane(w, &n->x, ones, &result[i]));
        }
    }
    return CLEAT_OK;
}

/* Which axes are summed over for what. */
typedef struct axes_of {
    bool scale[CLEAT_MAX_RANK];      /* for dscale: where the scale is one for all */
    bool cell[CLEAT_MAX_RANK];       /* for both dscale and a group's sums */
    bool group_rest[CLEAT_MAX_RANK]; /* then for a group's */
    bool scale_rest[CLEAT_MAX_RANK]; /* and for dscale */
    bool has_cells, has_group_rest, has_scale_rest;
} axes_of;

static axes_of divide_axes(const normalization *n) {
    axes_of a = {.has_cells = false};
    for (int32_t axis = 0; axis < n->x.rank; axis++) {
        bool many = n->x.shape[axis] > 1;
        a.scale[axis] = !n->scaled[axis];
        a.cell[axis] = n->reduced[axis] && a.scale[axis];
        a.group_rest[axis] = n->reduced[axis] && !a.cell[axis];
        a.scale_rest[axis] = a.scale[axis] && !a.cell[axis];
        a.has_cells = a.has_cells || (a.cell[axis] && many);
        a.has_group_rest = a.has_group_rest || (a.group_rest[axis] && many);
        a.has_scale_rest = a.has_scale_rest || (a.scale_rest[axis] && many);
    }
    return a;
}

/* Both kinds of sums from those of cells: x and dy are read once. */
static cleat_status plan_by_cells(work *w, const normalization *n, const axes_of *a,
    bool wants_scale, operand *group_sums, bool *outside) {
    operand scale_result[2], cells[2];
    *outside = !a->has_group_rest;
    if (wants_scale) {
        TRY(scale_sums(w, n, a->scale, scale_result));
    }
    /* Sums that were rounded to 16 bits are no good for those of a group. */
    const bool is_direct = wants_scale && !a->has_scale_rest &&
                           !type_is_half(scale_result[0].view.type) &&
                           !type_is_half(scale_result[1].view.type);
    if (is_direct) {
        memcpy(cells, scale_result, sizeof cells);
    } else {
        TRY(work_plane(w, &n->x, a->cell, &cells[0]));
        TRY(work_plane(w, &n->x, a->cell, &cells[1]));
    }
    TRY(plan_element_sums(w, n, SUMS_OF_ALL, a->cell, &cells[0], &cells[1]));
    if (wants_scale && !is_direct) {
        TRY(plan_cell_sums(w, n, cells, false, a->scale_rest, &scale_result[0], &scale_result[1]));
    }
    memcpy(group_sums, cells, sizeof cells);
    if (a->has_group_rest && n->dx.there) {
        TRY(work_plane(w, &n->x, n->reduced, &group_sums[0]));
        TRY(work_plane(w, &n->x, n->reduced, &group_sums[1]));
        TRY(plan_cell_sums(
            w, n, cells, n->scale.there, a->group_rest, &group_sums[0], &group_sums[1]));
    }
    return CLEAT_OK;
}

static cleat_status plan_backward(work *w, const normalization *n) {
    const axes_of a = divide_axes(n);
    const bool wants_scale = n->dscale.there || n->dbias.there;
    operand group_sums[2];
    bool outside = false;
    if (a.has_cells) {
        TRY(plan_by_cells(w, n, &a, wants_scale, group_sums, &outside));
    } else {
        if (wants_scale) {
            operand result[2];
            TRY(scale_sums(w, n, a.scale, result));
            TRY(plan_element_sums(w, n, SUMS_OF_ALL, a.scale, &result[0], &result[1]));
        }
        if (n->dx.there) {
            bool done = false;
            TRY(normalization_by_rows(w, n, true, &done));
            if (done) {
                return CLEAT_OK;
            }
            TRY(work_plane(w, &n->x, n->reduced, &group_sums[0]));
            TRY(work_plane(w, &n->x, n->reduced, &group_sums[1]));
            TRY(plan_element_sums(w, n, n->scale.there ? SUMS_SCALED : SUMS_OF_ALL, n->reduced,
                &group_sums[0], &group_sums[1]));
        }
    }
    return n->dx.there ? plan_dx(w, n, outside, group_sums) : CLEAT_OK;
}

cleat_status normalization_backward(cleat_context *context, const normalization *n) {
    work w = {.context = context, .real64 = n->x.type == CLEAT_F64};
    normalization empty = *n;
    if (cleat_tensor_count(&n->x) > 0) {
        return work_end(&w, plan_backward(&w, n));
    }
    if (!(n->dscale.there && cleat_tensor_count(&n->dscale.view) > 0) &&
        !(n->dbias.there && cleat_tensor_count(&n->dbias.view) > 0)) {
        return CLEAT_OK;
    }
    const axes_of a = divide_axes(n);
    operand result[2];
    cleat_status status = scale_sums(&w, &empty, a.scale, result);
    if (status == CLEAT_OK) {
        status = plan_element_sums(&w, &empty, SUMS_OF_ALL, a.scale, &result[0], &result[1]);
    }
    return work_end(&w, status);
}
