/* SPDX-License-Identifier: Apache-2.0 */
/* What the functions of gradients' nodes share. */
#include "graph/gradient.h"
#include "graph/operator_tools.h"
#include <cleat/reduce.h>

size_t gradient_place(const call *c) {
    return c->input_count - 1;
}

cleat_status gradient_tensor(call *c, cleat_tensor *dy) {
    return call_tensor(c, c->input_count - 1, dy);
}

cleat_status gradient_result(call *c, cleat_tensor *y) {
    return call_tensor(c, c->input_count - 2, y);
}

cleat_status gradient_output(call *c, size_t input, cleat_tensor *dx) {
    const run_value *v = NULL;
    TRY(call_input(c, input, &v));
    return call_output(c, input, v->type, v->rank, v->shape, dx);
}

cleat_status gradient_output_if(
    call *c, size_t input, cleat_tensor *dx, const cleat_tensor **wanted) {
    *wanted = NULL;
    if (call_wants(c, input)) {
        TRY(gradient_output(c, input, dx));
        *wanted = dx;
    }
    return CLEAT_OK;
}

cleat_status gradient_output_over(call *c, size_t input, cleat_tensor *dx) {
    return call_output_over(c, input, gradient_place(c), dx);
}

/* The axes of a shape of rank x_rank along which another is broadcast to it. */
static int32_t broadcast_axes(const run_value *v, const cleat_tensor *x, int32_t *axes) {
    int32_t count = 0;
    for (int32_t i = 0; i < x->rank; i++) {
        const int32_t k = i - (x->rank - v->rank);
        if (k < 0 || (v->shape[k] == 1 && x->shape[i] != 1)) {
            axes[count++] = i;
        }
    }
    return count;
}

cleat_status gradient_sum_to(call *c, size_t input, cleat_tensor x) {
    const run_value *v = NULL;
    cleat_tensor dx, whole;
    int32_t axes[CLEAT_MAX_RANK];
    int64_t kept[CLEAT_MAX_RANK];
    TRY(call_input(c, input, &v));
    TRY(gradient_output(c, input, &dx));
    const int32_t count = broadcast_axes(v, &x, axes);
    if (count == 0) {
        return cleat_copy(c->context, x, dx);
    }
    for (int32_t i = 0; i < x.rank; i++) {
        kept[i] = x.shape[i];
    }
    for (int32_t i = 0; i < count; i++) {
        kept[axes[i]] = 1;
    }
    TRY(cleat_reshape(dx, x.rank, kept, &whole));
    return cleat_reduce(c->context, CLEAT_REDUCE_SUM, x, count, axes, whole, NULL);
}

cleat_status gradient_pass_on(call *c, size_t input) {
    const run_value *v = NULL;
    cleat_tensor dy;
    int32_t axes[CLEAT_MAX_RANK];
    TRY(call_input(c, input, &v));
    TRY(gradient_tensor(c, &dy));
    if (broadcast_axes(v, &dy, axes) == 0) {
        return call_output_same(c, input, gradient_place(c));
    }
    return gradient_sum_to(c, input, dy);
}
