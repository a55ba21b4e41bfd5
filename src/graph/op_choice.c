/* SPDX-License-Identifier: Apache-2.0 */
/* Where, Clip, PRelu, Cast, CastLike, Not, IsNaN, IsInf. */
#include "core/tensor_check.h"
#include "graph/call_shapes.h"
#include "graph/gradient.h"
#include "graph/numbers.h"
#include "graph/operators.h"
#include "graph/pick.h"
#include "graph/text_cast.h"
#include <cleat/activation.h>
#include <cleat/compare.h>
#include <cleat/elementwise.h>
#include <cleat/unary.h>
#include <math.h>
#include <string.h>

/* ---- Where ---- */

static cleat_status where_shapes(const call *c, int32_t *rank, int64_t *shape) {
    const run_value *condition, *a, *b;
    TRY(call_input(c, 0, &condition));
    TRY(call_input(c, 1, &a));
    TRY(call_input(c, 2, &b));
    if (condition->type != CLEAT_BOOL) {
        return call_refuse(c, CLEAT_TYPE_MISMATCH, "the condition is of type %s, not bool",
            cleat_type_name(condition->type));
    }
    TRY(call_same_type(c, 1, 2));
    return call_broadcast(c, 3, (const int32_t[]){condition->rank, a->rank, b->rank},
        (const int64_t *const[]){condition->shape, a->shape, b->shape}, rank, shape);
}

static cleat_status where_host(call *c) {
    const array *x[3];
    array *y;
    int32_t rank = 0;
    int64_t shape[CLEAT_MAX_RANK];
    walk w;
    TRY(where_shapes(c, &rank, shape));
    for (size_t i = 0; i < 3; i++) {
        TRY(call_array(c, i, &x[i]));
    }
    TRY(call_output_array(c, 0, x[1]->type, rank, shape, &y));
    walk_begin(&w, rank, shape, 3, (const int32_t[]){x[0]->rank, x[1]->rank, x[2]->rank},
        (const int64_t *const[]){x[0]->shape, x[1]->shape, x[2]->shape});
    for (; w.count > 0; walk_next(&w)) {
        for (int64_t i = 0; i < w.count; i++) {
            const bool is_true = array_integer(x[0], w.from[0] + i * w.step[0]) != 0;
            const int k = is_true ? 1 : 2;
            array_move(x[k], w.from[k] + i * w.step[k], y, w.to + i, 1);
        }
    }
    return CLEAT_OK;
}

static cleat_status where_device(call *c) {
    cleat_tensor condition, a, b, y;
    int32_t rank = 0;
    int64_t shape[CLEAT_MAX_RANK];
    TRY(where_shapes(c, &rank, shape));
    TRY(call_tensor(c, 0, &condition));
    TRY(call_tensor(c, 1, &a));
    TRY(call_tensor(c, 2, &b));
    TRY(call_output(c, 0, a.type, rank, shape, &y));
    return cleat_where(c->context, condition, a, b, y);
}

/* ---- Clip: bounds are attributes before opset 11, inputs since ---- */

/* The bound as a number of x's type; false where there is none. */
static cleat_status bound(
    call *c, size_t input, const char *attribute, cleat_type type, bool *is_there, number *most) {
    const array *b;
    *is_there = false;
    if (call_has(c, input)) {
        TRY(call_array(c, input, &b));
        if (b->count != 1 || b->type != type) {
            return call_refuse(c, b->count != 1 ? CLEAT_SHAPE_MISMATCH : CLEAT_TYPE_MISMATCH,
                "%s is %lld elements of %s, expected one of %s", attribute, (long long)b->count,
                cleat_type_name(b->type), cleat_type_name(type));
        }
        numbers_load(b, 0, 0, 1, most);
        *is_there = true;
    } else if (attribute_find(c->node, attribute, CLEAT_ATTRIBUTE_FLOAT) != NULL) {
        const number value = {.real = (double)attribute_float(c->node, attribute, 0)};
        *most = number_cast(value, CLEAT_F32, type);
        *is_there = true;
    }
    return CLEAT_OK;
}

typedef struct clip_bounds {
    bool has_low, has_high;
    number low, high;
} clip_bounds;

static cleat_status clip_find(call *c, clip_bounds *b) {
    const run_value *x;
    TRY(call_input(c, 0, &x));
    if (x->type == CLEAT_BOOL) {
        return call_refuse(c, CLEAT_TYPE_MISMATCH, "an input of bool is not taken");
    }
    TRY(bound(c, 1, "min", x->type, &b->has_low, &b->low));
    return bound(c, 2, "max", x->type, &b->has_high, &b->high);
}

/* NaN of x stays, and is none of a bound's: it comes last in number_order(). */
static number clip(number x, number_kind kind, const clip_bounds *b) {
    if (kind == NUMBER_REAL && isnan(x.real)) {
        return x;
    }
    x = b->has_low && number_order(kind, x, b->low) < 0 ? b->low : x;
    return b->has_high && number_order(kind, x, b->high) > 0 ? b->high : x;
}

static cleat_status clip_host(call *c) {
    clip_bounds b = {0};
    const array *x;
    array *y;
    number numbers[WALK_ROW];
    TRY(clip_find(c, &b));
    TRY(call_array(c, 0, &x));
    TRY(call_output_array(c, 0, x->type, x->rank, x->shape, &y));
    const number_kind kind = number_kind_of(x->type);
    for (int64_t i = 0; i < x->count; i += WALK_ROW) {
        const int64_t count = x->count - i < WALK_ROW ? x->count - i : WALK_ROW;
        numbers_load(x, i, 1, count, numbers);
        for (int64_t k = 0; k < count; k++) {
            numbers[k] = clip(numbers[k], kind, &b);
        }
        numbers_store(y, i, count, numbers);
    }
    return CLEAT_OK;
}

static cleat_status clip_device(call *c) {
    clip_bounds b = {0};
    cleat_tensor x, y;
    TRY(clip_find(c, &b));
    const cleat_type type = c->inputs[0]->type;
    TRY(call_tensor(c, 0, &x));
    if (!b.has_low && !b.has_high) {
        return call_output_same(c, 0, 0);
    }
    TRY(call_output_over(c, 0, 0, &y));
    if (type_is_floating(type) && type != CLEAT_F64) {
        const float p[2] = {
            b.has_low ? (float)b.low.real : -INFINITY, b.has_high ? (float)b.high.real : INFINITY};
        return cleat_activate(
            c->context, CLEAT_CLIP, x, y, &(cleat_activation_options){.parameters = p});
    }
    for (size_t i = 1; i <= 2; i++) { /* f64 and integers: bounds that no f32 holds */
        cleat_tensor most;
        if (!(i == 1 ? b.has_low : b.has_high)) {
            continue;
        }
        if (!call_has(c, i)) {
            return CLEAT_UNSUPPORTED;
        }
        TRY(call_tensor(c, i, &most));
        TRY(cleat_reshape(most, 0, NULL, &most));
        TRY(i == 1 ? cleat_max(c->context, x, most, y) : cleat_min(c->context, x, most, y));
        x = y;
    }
    return CLEAT_OK;
}

/* ---- PRelu ---- */

/* Slopes of channels, before opset 7, stand at axis 1; later ones are broadcast as they are. */
static cleat_status slope_shape(const call *c, int32_t *rank, int64_t *shape) {
    const run_value *x, *slope;
    int32_t whole_rank = 0;
    int64_t whole[CLEAT_MAX_RANK];
    char text[SHAPE_TEXT_SIZE], slopes[SHAPE_TEXT_SIZE];
    TRY(call_same_type(c, 0, 1));
    TRY(call_input(c, 0, &x));
    TRY(call_input(c, 1, &slope));
    *rank = slope->rank;
    memcpy(shape, slope->shape, sizeof slope->shape);
    if (c->opset < 7 && slope->rank == 1 && slope->shape[0] != 1) {
        for (; *rank < x->rank - 1; ++*rank) {
            shape[*rank] = 1;
        }
    }
    TRY(call_broadcast(c, 2, (const int32_t[]){x->rank, *rank},
        (const int64_t *const[]){x->shape, shape}, &whole_rank, whole));
    if (whole_rank != x->rank || memcmp(whole, x->shape, (size_t)x->rank * sizeof *whole) != 0) {
        return call_refuse(c, CLEAT_SHAPE_MISMATCH, "slopes of %s do not fit x, %s",
            shape_text(*rank, shape, slopes), shape_text(x->rank, x->shape, text));
    }
    return CLEAT_OK;
}

static cleat_status prelu_host(call *c) {
    const array *x, *slope;
    array *y;
    int32_t rank = 0;
    int64_t shape[CLEAT_MAX_RANK];
    number a[WALK_ROW], b[WALK_ROW];
    walk w;
    TRY(slope_shape(c, &rank, shape));
    TRY(call_array(c, 0, &x));
    TRY(call_array(c, 1, &slope));
    const number_kind kind = number_kind_of(x->type);
    TRY(call_output_array(c, 0, x->type, x->rank, x->shape, &y));
    walk_begin(&w, x->rank, x->shape, 1, &rank, (const int64_t *const[]){shape});
    for (; w.count > 0; walk_next(&w)) {
        numbers_load(x, w.to, 1, w.count, a);
        numbers_load(slope, w.from[0], w.step[0], w.count, b);
        for (int64_t i = 0; i < w.count; i++) {
            if (kind == NUMBER_REAL) {
                a[i].real *= a[i].real < 0 ? b[i].real : 1;
            } else if (kind == NUMBER_INTEGER && a[i].integer < 0) {
                a[i].natural *= b[i].natural;
            }
        }
        numbers_store(y, w.to, w.count, a);
    }
    return CLEAT_OK;
}

static cleat_status prelu_device(call *c) {
    cleat_tensor x, slope, y;
    int32_t rank = 0;
    int64_t shape[CLEAT_MAX_RANK];
    TRY(slope_shape(c, &rank, shape));
    TRY(call_tensor(c, 0, &x));
    TRY(call_tensor(c, 1, &slope));
    TRY(cleat_reshape(slope, rank, shape, &slope));
    TRY(call_output_over(c, 0, 0, &y));
    return cleat_prelu(c->context, x, slope, y);
}

/* ---- Cast, CastLike ---- */

/* ONNX's number of texts is none that other operators' attributes may have. */
static cleat_status cast_type(const call *c, cleat_type *type) {
    if (strcmp(c->node->type, "CastLike") == 0) {
        const run_value *like;
        TRY(call_input(c, 1, &like));
        *type = like->type;
        return CLEAT_OK;
    }
    if (attribute_int(c->node, "to", 0) == 8) {
        *type = CLEAT_TEXT;
        return CLEAT_OK;
    }
    TRY(call_type(c, "to", 0, type));
    return *type != 0 ? CLEAT_OK
                      : call_refuse(c, CLEAT_INVALID_ARGUMENT, "there is no attribute to");
}

static cleat_status cast_host(call *c) {
    const array *x;
    array *y;
    cleat_type type = 0;
    number numbers[WALK_ROW];
    TRY(cast_type(c, &type));
    TRY(call_array(c, 0, &x));
    if (x->type == type) {
        return call_output_same(c, 0, 0);
    }
    TRY(call_output_array(c, 0, type, x->rank, x->shape, &y));
    if (x->type == CLEAT_TEXT || type == CLEAT_TEXT) {
        return x->type == CLEAT_TEXT ? texts_to_numbers(c, x, y) : numbers_to_texts(x, y);
    }
    for (int64_t i = 0; i < x->count; i += WALK_ROW) {
        const int64_t count = x->count - i < WALK_ROW ? x->count - i : WALK_ROW;
        numbers_load(x, i, 1, count, numbers);
        for (int64_t k = 0; k < count; k++) {
            numbers[k] = number_cast(numbers[k], x->type, type);
        }
        numbers_store(y, i, count, numbers);
    }
    return CLEAT_OK;
}

static cleat_status cast_device(call *c) {
    cleat_tensor x, y;
    cleat_type type = 0;
    const run_value *v;
    TRY(cast_type(c, &type));
    TRY(call_input(c, 0, &v));
    if (v->type == type) {
        return call_output_same(c, 0, 0);
    }
    if (type == CLEAT_TEXT) {
        return CLEAT_UNSUPPORTED;
    }
    TRY(call_tensor(c, 0, &x));
    TRY(call_output(c, 0, type, x.rank, x.shape, &y));
    return cleat_cast(c->context, x, y);
}

/* ---- Gradients ---- */

/* A number of a type, as a tensor of rank 0. */
static cleat_status filled(call *c, cleat_type type, double value, cleat_tensor *x) {
    TRY(call_scratch(c, type, 0, NULL, x));
    return cleat_fill(c->context, value, *x);
}

static cleat_status where_gradient(call *c) {
    cleat_tensor condition, dy, zero, part;
    TRY(call_tensor(c, 0, &condition));
    TRY(gradient_tensor(c, &dy));
    TRY(filled(c, dy.type, 0, &zero));
    for (size_t i = 1; i < 3; i++) {
        if (call_wants(c, i)) {
            TRY(call_scratch(c, dy.type, dy.rank, dy.shape, &part));
            TRY(cleat_where(c->context, condition, i == 1 ? dy : zero, i == 1 ? zero : dy, part));
            TRY(gradient_sum_to(c, i, part));
        }
    }
    return CLEAT_OK;
}

/* Bounds are rounded to f32, as activations' parameters are. */
static cleat_status clip_gradient(call *c) {
    clip_bounds b = {0};
    cleat_tensor x, dy, dx;
    TRY(clip_find(c, &b));
    TRY(call_tensor(c, 0, &x));
    TRY(gradient_tensor(c, &dy));
    TRY(gradient_output(c, 0, &dx));
    const float p[2] = {
        b.has_low ? (float)b.low.real : -INFINITY, b.has_high ? (float)b.high.real : INFINITY};
    return cleat_activate_backward(
        c->context, CLEAT_CLIP, x, dy, dx, &(cleat_activation_options){.parameters = p});
}

static cleat_status prelu_gradient(call *c) {
    cleat_tensor x, slope, dy, dx, dslope;
    const cleat_tensor *x_wanted, *slope_wanted;
    int32_t rank = 0;
    int64_t shape[CLEAT_MAX_RANK];
    TRY(slope_shape(c, &rank, shape));
    TRY(call_tensor(c, 0, &x));
    TRY(call_tensor(c, 1, &slope));
    TRY(cleat_reshape(slope, rank, shape, &slope));
    TRY(gradient_tensor(c, &dy));
    TRY(gradient_output_if(c, 0, &dx, &x_wanted));
    TRY(gradient_output_if(c, 1, &dslope, &slope_wanted));
    if (slope_wanted != NULL) {
        TRY(cleat_reshape(dslope, rank, shape, &dslope));
    }
    return cleat_prelu_backward(c->context, x, slope, dy, x_wanted, slope_wanted);
}

static cleat_status cast_gradient(call *c) {
    const run_value *x;
    cleat_tensor dy, dx;
    TRY(call_input(c, 0, &x));
    TRY(gradient_tensor(c, &dy));
    if (x->type == dy.type) {
        return call_output_same(c, 0, gradient_place(c));
    }
    if (!type_is_floating(x->type)) {
        return call_refuse(
            c, CLEAT_TYPE_MISMATCH, "there is no gradient of %s", cleat_type_name(x->type));
    }
    TRY(gradient_output(c, 0, &dx));
    return cleat_cast(c->context, dy, dx);
}

/* ---- Not, IsNaN, IsInf ---- */

static bool is_infinite(const call *c, double x) {
    const bool below = attribute_int(c->node, "detect_negative", 1) != 0;
    const bool above = attribute_int(c->node, "detect_positive", 1) != 0;
    return isinf(x) && (x < 0 ? below : above);
}

static cleat_status test_host(call *c) {
    const char *type = c->node->type;
    const array *x;
    array *y;
    TRY(call_array(c, 0, &x));
    const bool is_not = strcmp(type, "Not") == 0, is_nan = strcmp(type, "IsNaN") == 0;
    if (is_not ? x->type != CLEAT_BOOL : !type_is_floating(x->type)) {
        return call_refuse(
            c, CLEAT_TYPE_MISMATCH, "an input of %s is not taken", cleat_type_name(x->type));
    }
    TRY(call_output_array(c, 0, CLEAT_BOOL, x->rank, x->shape, &y));
    for (int64_t i = 0; i < x->count; i++) {
        const double value = array_real(x, i);
        const bool is_true = is_not ? !(value > 0) : is_nan ? isnan(value) : is_infinite(c, value);
        array_set_integer(y, i, is_true);
    }
    return CLEAT_OK;
}

static cleat_status not_device(call *c) {
    cleat_tensor x, y;
    TRY(call_tensor(c, 0, &x));
    TRY(call_output(c, 0, CLEAT_BOOL, x.rank, x.shape, &y));
    return cleat_logical_not(c->context, x, y);
}

static cleat_status is_nan_device(call *c) {
    cleat_tensor x, y;
    TRY(call_tensor(c, 0, &x));
    if (!type_is_floating(x.type)) {
        return CLEAT_UNSUPPORTED;
    }
    TRY(call_output(c, 0, CLEAT_BOOL, x.rank, x.shape, &y));
    return cleat_compare(c->context, CLEAT_NOT_EQUAL, x, x, y);
}

static cleat_status is_inf_device(call *c) {
    cleat_tensor x, y, limit;
    const bool below = attribute_int(c->node, "detect_negative", 1) != 0;
    const bool above = attribute_int(c->node, "detect_positive", 1) != 0;
    TRY(call_tensor(c, 0, &x));
    if (!type_is_floating(x.type)) {
        return CLEAT_UNSUPPORTED;
    }
    TRY(call_output(c, 0, CLEAT_BOOL, x.rank, x.shape, &y));
    if (!below && !above) {
        return cleat_fill(c->context, 0, y);
    }
    if (below && above) {
        cleat_tensor magnitude;
        TRY(call_scratch(c, x.type, x.rank, x.shape, &magnitude));
        TRY(cleat_unary(c->context, CLEAT_ABS, x, magnitude));
        x = magnitude;
    }
    TRY(call_scratch(c, x.type, 0, NULL, &limit));
    TRY(cleat_fill(c->context, above ? (double)INFINITY : -(double)INFINITY, limit));
    return cleat_compare(c->context, CLEAT_EQUAL, x, limit, y);
}

const operator_entry operators_choice[] = {
    {"Where", where_host, where_device, 3, 3, false},
    {"Clip", clip_host, clip_device, 1, 3, false},
    {"PRelu", prelu_host, prelu_device, 2, 2, false},
    {"Cast", cast_host, cast_device, 1, 1, false},
    {"CastLike", cast_host, cast_device, 2, 2, false},
    {"Not", test_host, not_device, 1, 1, false},
    {"IsNaN", test_host, is_nan_device, 1, 1, false},
    {"IsInf", test_host, is_inf_device, 1, 1, false},
    {NULL, NULL, NULL, 0, 0, false},
};

const gradient_entry gradients_choice[] = {
    {GRADIENT_NODE("Where", where_gradient), 6, 7, NULL},
    {GRADIENT_NODE("Clip", clip_gradient), 1, 7, NULL},
    {GRADIENT_NODE("PRelu", prelu_gradient), 3, 3, NULL},
    {GRADIENT_NODE("Cast", cast_gradient), 1, 1, NULL},
    {GRADIENT_NODE("CastLike", cast_gradient), 1, 1, NULL},
    {GRADIENT_NODE(NULL, NULL), 0, 0, NULL},
};
