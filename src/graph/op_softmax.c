/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax, LogSoftmax, Hardmax. Before opset 13 they go over all axes from `axis` on. */
#include "graph/gradient.h"
#include "graph/operator_tools.h"
#include "graph/operators.h"
#include <cleat/index.h>
#include <cleat/reduce.h>
#include <cleat/softmax.h>
#include <math.h>
#include <string.h>

/* The axis, and the shape in which it is a single one: x's, or [outer, inner]. */
typedef struct softmax_shape {
    int32_t rank, axis;
    int64_t shape[CLEAT_MAX_RANK];
} softmax_shape;

static cleat_status read_shape_of(const call *c, const run_value *x, softmax_shape *s) {
    const bool is_flat = c->opset < 13;
    const int64_t axis = attribute_int(c->node, "axis", is_flat ? 1 : -1);
    /* opset 11 takes axis = rank too, rows of one element; and a scalar has no axis */
    if (is_flat && axis == x->rank) {
        *s = (softmax_shape){.rank = 2, .axis = 1, .shape = {shape_count(x->rank, x->shape), 1}};
        return CLEAT_OK;
    }
    TRY(call_axis(c, axis, x->rank, &s->axis));
    s->rank = x->rank;
    memcpy(s->shape, x->shape, sizeof s->shape);
    if (is_flat) {
        const int64_t outer = shape_count(s->axis, x->shape);
        const int64_t inner = shape_count(x->rank - s->axis, x->shape + s->axis);
        *s = (softmax_shape){.rank = 2, .axis = 1, .shape = {outer, inner}};
    }
    return CLEAT_OK;
}

static cleat_status read_shape(const call *c, softmax_shape *s) {
    const run_value *x;
    TRY(call_input(c, 0, &x));
    return read_shape_of(c, x, s);
}

static cleat_status hardmax(call *c, const softmax_shape *s, cleat_tensor x, cleat_tensor y) {
    cleat_tensor places;
    int64_t shape[CLEAT_MAX_RANK];
    int32_t rank = 0;
    for (int32_t i = 0; i < s->rank; i++) {
        if (i != s->axis) {
            shape[rank++] = s->shape[i];
        }
    }
    TRY(call_scratch(c, CLEAT_I64, rank, shape, &places));
    TRY(cleat_argmax(c->context, x, 1, &s->axis, places, NULL));
    return cleat_one_hot(c->context, places, s->axis, y, NULL);
}

static cleat_status softmax_device(call *c) {
    const run_value *v;
    softmax_shape s;
    cleat_tensor x, y;
    TRY(call_input(c, 0, &v));
    TRY(read_shape(c, &s));
    TRY(call_same_types(c, 0, 1));
    const bool is_hard = strcmp(c->node->type, "Hardmax") == 0;
    if (is_hard && shape_count(s.rank, s.shape) == 0) {
        return CLEAT_UNSUPPORTED;
    }
    TRY(call_tensor_as(c, 0, s.rank, s.shape, &x));
    TRY(call_output(c, 0, v->type, v->rank, v->shape, &y));
    TRY(cleat_reshape(y, s.rank, s.shape, &y));
    if (is_hard) {
        return hardmax(c, &s, x, y);
    }
    return strcmp(c->node->type, "Softmax") == 0 ? cleat_softmax(c->context, x, s.axis, y)
                                                 : cleat_log_softmax(c->context, x, s.axis, y);
}

/* One line; a line of only -Inf gives what the library's operations give. */
static void softmax_line(
    const char *type, const array *x, int64_t at, int64_t extent, int64_t step, array *y) {
    int64_t best = 0;
    double sum = 0;
    for (int64_t i = 0; i < extent; i++) {
        const double value = array_real(x, at + i * step);
        const double most = array_real(x, at + best * step);
        best = value > most || (isnan(value) && !isnan(most)) ? i : best;
    }
    double most = array_real(x, at + best * step);
    const bool is_masked = isinf(most) && most < 0;
    for (int64_t i = 0; i < extent; i++) {
        sum += exp(array_real(x, at + i * step) - most);
    }
    for (int64_t i = 0; i < extent; i++) {
        const double value = array_real(x, at + i * step);
        if (strcmp(type, "Hardmax") == 0) {
            array_set_real(y, at + i * step, i == best);
        } else if (strcmp(type, "Softmax") == 0) {
            array_set_real(y, at + i * step, is_masked ? 0 : exp(value - most) / sum);
        } else {
            array_set_real(
                y, at + i * step, is_masked ? -(double)INFINITY : value - most - log(sum));
        }
    }
}

static cleat_status softmax_host(call *c) {
    softmax_shape s;
    const array *x;
    array *y;
    TRY(read_shape(c, &s));
    TRY(call_array(c, 0, &x));
    TRY(call_output_array(c, 0, x->type, x->rank, x->shape, &y));
    const axis_lines lines = lines_along(s.rank, s.shape, s.axis);
    for (int64_t i = 0; lines.extent > 0 && i < lines.outer * lines.inner; i++) {
        const int64_t at = i / lines.inner * lines.extent * lines.inner + i % lines.inner;
        softmax_line(c->node->type, x, at, lines.extent, lines.inner, y);
    }
    return CLEAT_OK;
}

/* The result is read in x's place, whose shape it has. */
static cleat_status softmax_gradient(call *c) {
    softmax_shape s;
    cleat_tensor y, dy, dx;
    const run_value *result = c->inputs[c->input_count - 2];
    TRY(read_shape_of(c, result, &s));
    TRY(call_tensor_as(c, c->input_count - 2, s.rank, s.shape, &y));
    TRY(call_tensor_as(c, gradient_place(c), s.rank, s.shape, &dy));
    TRY(call_output(c, 0, result->type, result->rank, result->shape, &dx));
    TRY(cleat_reshape(dx, s.rank, s.shape, &dx));
    return strcmp(c->node->type, "Softmax") == 0
               ? cleat_softmax_backward(c->context, y, dy, s.axis, dx)
               : cleat_log_softmax_backward(c->context, y, dy, s.axis, dx);
}

const operator_entry operators_softmax[] = {
    {"Softmax", softmax_host, softmax_device, 1, 1, false},
    {"LogSoftmax", softmax_host, softmax_device, 1, 1, false},
    {"Hardmax", softmax_host, softmax_device, 1, 1, false},
    {NULL, NULL, NULL, 0, 0, false},
};

const gradient_entry gradients_softmax[] = {
    {GRADIENT_NODE("Softmax", softmax_gradient), 1, GRADIENT_RESULT, NULL},
    {GRADIENT_NODE("LogSoftmax", softmax_gradient), 1, GRADIENT_RESULT, NULL},
    {GRADIENT_NODE(NULL, NULL), 0, 0, NULL},
};
