/* SPDX-License-Identifier: Apache-2.0 */
/* ArgMax, ArgMin, CumSum: along one axis. */
#include "graph/gradient.h"
#include "graph/operator_tools.h"
#include "graph/operators.h"
#include <cleat/reduce.h>
#include <math.h>
#include <string.h>

typedef struct arg_shape {
    bool smallest, last;
    int32_t axis, rank, y_rank;
    int64_t kept[CLEAT_MAX_RANK], y[CLEAT_MAX_RANK];
} arg_shape;

static cleat_status arg_read(const call *c, arg_shape *s) {
    const run_value *x;
    TRY(call_input(c, 0, &x));
    memset(s, 0, sizeof *s);
    s->smallest = strcmp(c->node->type, "ArgMin") == 0;
    s->last = attribute_int(c->node, "select_last_index", 0) != 0;
    s->rank = x->rank;
    TRY(call_axis(c, attribute_int(c->node, "axis", 0), x->rank, &s->axis));
    const bool keeps = attribute_int(c->node, "keepdims", 1) != 0;
    for (int32_t i = 0; i < x->rank; i++) {
        s->kept[i] = i == s->axis ? 1 : x->shape[i];
        if (i != s->axis || keeps) {
            s->y[s->y_rank++] = s->kept[i];
        }
    }
    if (x->shape[s->axis] == 0 && shape_count(s->rank, s->kept) > 0) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "there is nothing along axis %d", (int)s->axis);
    }
    return CLEAT_OK;
}

static cleat_status arg_device(call *c) {
    arg_shape s;
    cleat_tensor x, y, whole;
    TRY(arg_read(c, &s));
    TRY(call_same_types(c, 0, 1));
    TRY(call_tensor(c, 0, &x));
    TRY(call_output(c, 0, CLEAT_I64, s.y_rank, s.y, &y));
    TRY(cleat_reshape(y, s.rank, s.kept, &whole));
    const cleat_arg_options options = {.select_last = s.last};
    return s.smallest ? cleat_argmin(c->context, x, 1, &s.axis, whole, &options)
                      : cleat_argmax(c->context, x, 1, &s.axis, whole, &options);
}

/* Whether element i comes before `best`; NaN before all, of equal ones neither. */
static bool precedes(const array *x, bool smallest, int64_t i, int64_t best) {
    if (type_is_floating(x->type)) {
        const double a = array_real(x, i), b = array_real(x, best);
        return isnan(b) ? false : isnan(a) || (smallest ? a < b : a > b);
    }
    const uint64_t a = array_bits(x, i), b = array_bits(x, best);
    const bool is_less = x->type == CLEAT_U64 ? a < b : (int64_t)a < (int64_t)b;
    return smallest ? is_less : a != b && !is_less;
}

static int64_t best_along(const array *x, const arg_shape *s, int64_t at, axis_lines lines) {
    int64_t best = 0;
    for (int64_t i = 1; i < lines.extent; i++) {
        const int64_t this = at + i * lines.inner, other = at + best * lines.inner;
        best = precedes(x, s->smallest, this, other) ||
                       (s->last && !precedes(x, s->smallest, other, this))
                   ? i
                   : best;
    }
    return best;
}

static cleat_status arg_host(call *c) {
    arg_shape s;
    const array *x;
    array *y;
    TRY(arg_read(c, &s));
    TRY(call_array(c, 0, &x));
    TRY(call_output_array(c, 0, CLEAT_I64, s.y_rank, s.y, &y));
    const axis_lines lines = lines_along(x->rank, x->shape, s.axis);
    for (int64_t i = 0; i < y->count; i++) {
        const int64_t at = i / lines.inner * lines.extent * lines.inner + i % lines.inner;
        array_set_integer(y, i, best_along(x, &s, at, lines));
    }
    return CLEAT_OK;
}

/* ---- CumSum ---- */

static cleat_status cumulative_axis(call *c, int32_t *axis, cleat_cumulative_options *options) {
    const run_value *x;
    int64_t number;
    size_t count;
    TRY(call_input(c, 0, &x));
    TRY(call_integers(c, 1, &number, 1, &count));
    if (count != 1) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "%zu axes, expected one", count);
    }
    *options = (cleat_cumulative_options){
        .exclusive = attribute_int(c->node, "exclusive", 0) != 0,
        .reverse = attribute_int(c->node, "reverse", 0) != 0,
    };
    return call_axis(c, number, x->rank, axis);
}

static cleat_status cumulative_device(call *c) {
    int32_t axis;
    cleat_cumulative_options options = {0};
    cleat_tensor x, y;
    TRY(cumulative_axis(c, &axis, &options));
    TRY(call_same_types(c, 0, 1));
    TRY(call_tensor(c, 0, &x));
    TRY(call_output(c, 0, x.type, x.rank, x.shape, &y));
    return cleat_cumulative_sum(c->context, x, axis, y, &options);
}

static void cumulate(const array *x, int64_t at, const axis_lines *lines,
    const cleat_cumulative_options *options, array *y) {
    double real = 0;
    uint64_t integer = 0;
    for (int64_t k = 0; k < lines->extent; k++) {
        const int64_t i = at + (options->reverse ? lines->extent - 1 - k : k) * lines->inner;
        const double before = real;
        const uint64_t integer_before = integer;
        real += array_real(x, i);
        integer += type_is_floating(x->type) ? 0 : array_bits(x, i);
        if (type_is_floating(x->type)) {
            array_set_real(y, i, options->exclusive ? before : real);
        } else {
            array_set_integer(y, i, (int64_t)(options->exclusive ? integer_before : integer));
        }
    }
}

static cleat_status cumulative_host(call *c) {
    int32_t axis;
    cleat_cumulative_options options = {0};
    const array *x;
    array *y;
    TRY(cumulative_axis(c, &axis, &options));
    TRY(call_array(c, 0, &x));
    TRY(call_output_array(c, 0, x->type, x->rank, x->shape, &y));
    const axis_lines lines = lines_along(x->rank, x->shape, axis);
    for (int64_t i = 0; i < lines.outer * lines.inner; i++) {
        cumulate(
            x, i / lines.inner * lines.extent * lines.inner + i % lines.inner, &lines, &options, y);
    }
    return CLEAT_OK;
}

static cleat_status cumulative_gradient(call *c) {
    int32_t axis;
    cleat_cumulative_options options = {0};
    cleat_tensor dy, dx;
    TRY(cumulative_axis(c, &axis, &options));
    TRY(gradient_tensor(c, &dy));
    TRY(gradient_output(c, 0, &dx));
    return cleat_cumulative_sum_backward(c->context, dy, axis, dx, &options);
}

const operator_entry operators_arg[] = {
    {"ArgMax", arg_host, arg_device, 1, 1, false},
    {"ArgMin", arg_host, arg_device, 1, 1, false},
    {"CumSum", cumulative_host, cumulative_device, 2, 2, false},
    {NULL, NULL, NULL, 0, 0, false},
};

const gradient_entry gradients_arg[] = {
    {GRADIENT_NODE("CumSum", cumulative_gradient), 1, 3, NULL},
    {GRADIENT_NODE(NULL, NULL), 0, 0, NULL},
};
