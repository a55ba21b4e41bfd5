/* SPDX-License-Identifier: Apache-2.0 */
/* Operators of two operands, or of any number of them, broadcast: Add, Less, And, Max, ... */
#include "graph/binary.h"
#include "graph/call_shapes.h"
#include "graph/channels_last.h"
#include "graph/gradient.h"
#include "graph/operators.h"
#include "graph/text.h"
#include <cleat/compare.h>
#include <cleat/elementwise.h>
#include <string.h>

/* ---- Two operands ---- */

static cleat_status apply(const array *a, const array *b, int32_t b_rank, const int64_t *b_shape,
    binary_function function, array *y) {
    number left[WALK_ROW], right[WALK_ROW];
    walk w;
    walk_begin(&w, y->rank, y->shape, 2, (const int32_t[]){a->rank, b_rank},
        (const int64_t *const[]){a->shape, b_shape});
    for (; w.count > 0; walk_next(&w)) {
        numbers_load(a, w.from[0], w.step[0], w.count, left);
        numbers_load(b, w.from[1], w.step[1], w.count, right);
        for (int64_t i = 0; i < w.count; i++) {
            left[i] = function(left[i], right[i]);
        }
        numbers_store(y, w.to, w.count, left);
    }
    return CLEAT_OK;
}

static cleat_status binary_shapes(
    const call *c, int32_t *b_rank, int64_t *b_shape, int32_t *rank, int64_t *shape) {
    const run_value *a;
    TRY(call_same_type(c, 0, 1));
    TRY(call_input(c, 0, &a));
    TRY(binary_second_shape(c, b_rank, b_shape));
    return call_broadcast(c, 2, (const int32_t[]){a->rank, *b_rank},
        (const int64_t *const[]){a->shape, b_shape}, rank, shape);
}

/* Equal: no other operator is given texts. */
static cleat_status compare_texts(call *c, int32_t rank, const int64_t *shape) {
    const array *a, *b;
    array *y;
    walk w;
    TRY(call_array(c, 0, &a));
    TRY(call_array(c, 1, &b));
    TRY(call_output_array(c, 0, CLEAT_BOOL, rank, shape, &y));
    walk_begin(&w, rank, shape, 2, (const int32_t[]){a->rank, b->rank},
        (const int64_t *const[]){a->shape, b->shape});
    for (; w.count > 0; walk_next(&w)) {
        for (int64_t i = 0; i < w.count; i++) {
            const char *left = array_text(a, w.from[0] + i * w.step[0]);
            const char *right = array_text(b, w.from[1] + i * w.step[1]);
            array_set_integer(y, w.to + i, strcmp(left, right) == 0);
        }
    }
    return CLEAT_OK;
}

static cleat_status binary_host(call *c) {
    const binary *entry = binary_find(c);
    const array *a, *b;
    array *y;
    binary_function function;
    int32_t rank = 0, b_rank = 0;
    int64_t shape[CLEAT_MAX_RANK], b_shape[CLEAT_MAX_RANK];
    TRY(binary_shapes(c, &b_rank, b_shape, &rank, shape));
    if (c->inputs[0]->type == CLEAT_TEXT) {
        return compare_texts(c, rank, shape);
    }
    TRY(binary_function_of(c, entry, c->inputs[0]->type, &function));
    TRY(call_array(c, 0, &a));
    TRY(call_array(c, 1, &b));
    TRY(call_output_array(c, 0, entry->is_test ? CLEAT_BOOL : a->type, rank, shape, &y));
    return apply(a, b, b_rank, b_shape, function, y);
}

static bool has_shape(const run_value *v, int32_t rank, const int64_t *shape) {
    return v->rank == rank && memcmp(v->shape, shape, (size_t)rank * sizeof *shape) == 0;
}

/* Of the operands' type; over one of them, if it has the shape and its value ends here. */
static cleat_status call_output_of_two(
    call *c, int32_t rank, const int64_t *shape, const cleat_tensor *like, cleat_tensor *y) {
    for (size_t i = 0; i < 2; i++) {
        if (has_shape(c->inputs[i], rank, shape) && call_ends(c, i)) {
            return call_output_over(c, 0, i, y);
        }
    }
    return call_output_like(c, 0, like, c->inputs[0]->type, rank, shape, y);
}

static cleat_status binary_device(call *c) {
    const binary *entry = binary_find(c);
    cleat_tensor a, b, y;
    int32_t rank = 0, b_rank = 0;
    int64_t shape[CLEAT_MAX_RANK], b_shape[CLEAT_MAX_RANK];
    TRY(binary_shapes(c, &b_rank, b_shape, &rank, shape));
    if (entry->operation == NULL) {
        return CLEAT_UNSUPPORTED;
    }
    TRY(call_tensor(c, 0, &a));
    TRY(call_tensor(c, 1, &b));
    TRY(cleat_reshape(b, b_rank, b_shape, &b));
    if (entry->is_test) {
        TRY(call_output(c, 0, CLEAT_BOOL, rank, shape, &y));
    } else {
        TRY(call_output_of_two(c, rank, shape, channels_last_is(&b) ? &b : &a, &y));
    }
    return entry->operation(c->context, a, b, y);
}

/* ---- Any number of operands ---- */

static cleat_status variadic_host(call *c) {
    const binary *entry = binary_find(c);
    binary_function function;
    array *y;
    int32_t rank = 0;
    int64_t shape[CLEAT_MAX_RANK];
    TRY(call_broadcast_inputs(c, 0, c->input_count, &rank, shape));
    TRY(binary_function_of(c, entry, c->inputs[0]->type, &function));
    TRY(call_output_array(c, 0, c->inputs[0]->type, rank, shape, &y));
    const bool is_mean = strcmp(entry->type, "Mean") == 0;
    const double most = (double)c->input_count;
    number sum[WALK_ROW], other[WALK_ROW];
    walk w[1];
    for (size_t i = 0; i < c->input_count; i++) {
        const array *x;
        TRY(call_array(c, i, &x));
        walk_begin(w, rank, shape, 1, &x->rank, (const int64_t *const[]){x->shape});
        for (; w->count > 0; walk_next(w)) {
            numbers_load(x, w->from[0], w->step[0], w->count, other);
            numbers_load(y, w->to, 1, w->count, sum);
            for (int64_t k = 0; k < w->count; k++) {
                sum[k] = i == 0 ? other[k] : function(sum[k], other[k]);
                sum[k] = is_mean && i + 1 == c->input_count ? (number){.real = sum[k].real / most}
                                                            : sum[k];
            }
            numbers_store(y, w->to, w->count, sum);
        }
    }
    return CLEAT_OK;
}

static cleat_status variadic_device(call *c) {
    const binary *entry = binary_find(c);
    cleat_tensor x, y, count;
    int32_t rank = 0;
    int64_t shape[CLEAT_MAX_RANK];
    TRY(call_broadcast_inputs(c, 0, c->input_count, &rank, shape));
    if (strcmp(entry->type, "Mean") == 0 && !type_is_floating(c->inputs[0]->type)) {
        return CLEAT_UNSUPPORTED;
    }
    if (c->input_count == 1) {
        return call_output_same(c, 0, 0);
    }
    TRY(call_tensor(c, 0, &x));
    TRY(call_output_like(c, 0, &x, x.type, rank, shape, &y));
    for (size_t i = 1; i < c->input_count; i++) {
        cleat_tensor other;
        TRY(call_tensor(c, i, &other));
        TRY(entry->operation(c->context, i == 1 ? x : y, other, y));
    }
    if (strcmp(entry->type, "Mean") == 0) {
        TRY(call_scratch(c, x.type, 0, NULL, &count));
        TRY(cleat_fill(c->context, (double)c->input_count, count));
        TRY(cleat_div(c->context, y, count, y));
    }
    return CLEAT_OK;
}

/* ---- Gradients ---- */

static cleat_binary kind_of(const char *type) {
    return strcmp(type, "Add") == 0   ? CLEAT_ADD
           : strcmp(type, "Sub") == 0 ? CLEAT_SUB
           : strcmp(type, "Mul") == 0 ? CLEAT_MUL
           : strcmp(type, "Div") == 0 ? CLEAT_DIV
           : strcmp(type, "Max") == 0 ? CLEAT_MAX
                                      : CLEAT_MIN;
}

static cleat_status two_gradients(call *c) {
    cleat_tensor a, b, dy, da, db;
    const cleat_tensor *a_wanted, *b_wanted;
    TRY(call_tensor(c, 0, &a));
    TRY(call_tensor(c, 1, &b));
    TRY(gradient_tensor(c, &dy));
    TRY(gradient_output_if(c, 0, &da, &a_wanted));
    TRY(gradient_output_if(c, 1, &db, &b_wanted));
    return cleat_binary_backward(c->context, kind_of(c->node->type), a, b, dy, a_wanted, b_wanted);
}

/* Before opset 7 b was not broadcast by the rule of NumPy. */
static cleat_status binary_gradient(call *c) {
    if (c->opset < 7) {
        return call_refuse(c, CLEAT_UNSUPPORTED, "there is a gradient from opset 7 on");
    }
    if (strcmp(c->node->type, "Add") != 0) {
        return two_gradients(c);
    }
    for (size_t i = 0; i < 2; i++) {
        if (call_wants(c, i)) {
            TRY(gradient_pass_on(c, i));
        }
    }
    return CLEAT_OK;
}

/* Max, Min, Sum, Mean. */
static cleat_status variadic_gradient(call *c) {
    const size_t operands = c->input_count - 2;
    const bool is_mean = strcmp(c->node->type, "Mean") == 0;
    cleat_tensor dy, count;
    if (operands == 2 && !is_mean && strcmp(c->node->type, "Sum") != 0) {
        return two_gradients(c);
    }
    if (operands > 1 && !is_mean && strcmp(c->node->type, "Sum") != 0) {
        return call_refuse(
            c, CLEAT_UNSUPPORTED, "%zu operands, there is a gradient of one or two", operands);
    }
    TRY(gradient_tensor(c, &dy));
    if (is_mean) {
        cleat_tensor part;
        TRY(call_scratch(c, dy.type, 0, NULL, &count));
        TRY(call_scratch(c, dy.type, dy.rank, dy.shape, &part));
        TRY(cleat_fill(c->context, (double)operands, count));
        TRY(cleat_div(c->context, dy, count, part));
        dy = part;
    }
    for (size_t i = 0; i < operands; i++) {
        if (call_wants(c, i)) {
            TRY(is_mean ? gradient_sum_to(c, i, dy) : gradient_pass_on(c, i));
        }
    }
    return CLEAT_OK;
}

const operator_entry operators_arithmetic[] = {
    {"Add", binary_host, binary_device, 2, 2, false},
    {"Sub", binary_host, binary_device, 2, 2, false},
    {"Mul", binary_host, binary_device, 2, 2, false},
    {"Div", binary_host, binary_device, 2, 2, false},
    {"Mod", binary_host, binary_device, 2, 2, false},
    {"BitShift", binary_host, NULL, 2, 2, false},
    {"Equal", binary_host, binary_device, 2, 2, false},
    {"Less", binary_host, binary_device, 2, 2, false},
    {"LessOrEqual", binary_host, binary_device, 2, 2, false},
    {"Greater", binary_host, binary_device, 2, 2, false},
    {"GreaterOrEqual", binary_host, binary_device, 2, 2, false},
    {"And", binary_host, binary_device, 2, 2, false},
    {"Or", binary_host, binary_device, 2, 2, false},
    {"Xor", binary_host, binary_device, 2, 2, false},
    {"Max", variadic_host, variadic_device, 1, SIZE_MAX, false},
    {"Min", variadic_host, variadic_device, 1, SIZE_MAX, false},
    {"Sum", variadic_host, variadic_device, 1, SIZE_MAX, false},
    {"Mean", variadic_host, variadic_device, 1, SIZE_MAX, false},
    {NULL, NULL, NULL, 0, 0, false},
};

const gradient_entry gradients_arithmetic[] = {
    {GRADIENT_NODE("Add", binary_gradient), 3, 3, NULL},
    {GRADIENT_NODE("Sub", binary_gradient), 3, 3, NULL},
    {GRADIENT_NODE("Mul", binary_gradient), 3, 3, NULL},
    {GRADIENT_NODE("Div", binary_gradient), 3, 3, NULL},
    {GRADIENT_NODE("Max", variadic_gradient), GRADIENT_ALL, GRADIENT_ALL, NULL},
    {GRADIENT_NODE("Min", variadic_gradient), GRADIENT_ALL, GRADIENT_ALL, NULL},
    {GRADIENT_NODE("Sum", variadic_gradient), GRADIENT_ALL, GRADIENT_ALL, NULL},
    {GRADIENT_NODE("Mean", variadic_gradient), GRADIENT_ALL, GRADIENT_ALL, NULL},
    {GRADIENT_NODE(NULL, NULL), 0, 0, NULL},
};
