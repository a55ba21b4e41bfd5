/* SPDX-License-Identifier: Apache-2.0 */
/* Pow, whose exponents may be of another type. */
#include "graph/binary.h"
#include "graph/call_shapes.h"
#include "graph/gradient.h"
#include "graph/operator_tools.h"
#include "graph/operators.h"
#include <cleat/compare.h>
#include <cleat/elementwise.h>
#include <cleat/unary.h>
#include <math.h>

static number natural_power(number a, number b) {
    number y = {.natural = 1};
    for (uint64_t left = b.natural; left > 0; left >>= 1) {
        y.natural *= left % 2 == 1 ? a.natural : 1;
        a.natural *= a.natural;
    }
    return y;
}

static number integer_power(number a, number b) {
    number y = {.natural = 1};
    if (b.integer < 0) { /* 1 / a^-b, towards zero */
        const bool is_unit = a.integer == 1 || a.integer == -1;
        y.integer = !is_unit ? 0 : b.natural % 2 == 0 ? 1 : a.integer;
        return y;
    }
    return natural_power(a, b);
}

static cleat_status power_shapes(
    const call *c, int32_t *b_rank, int64_t *b_shape, int32_t *rank, int64_t *shape) {
    const run_value *a, *b;
    TRY(call_input(c, 0, &a));
    TRY(call_input(c, 1, &b));
    if (a->type == CLEAT_BOOL || b->type == CLEAT_BOOL) {
        return call_refuse(c, CLEAT_TYPE_MISMATCH, "operands of bool are not taken");
    }
    TRY(binary_second_shape(c, b_rank, b_shape));
    return call_broadcast(c, 2, (const int32_t[]){a->rank, *b_rank},
        (const int64_t *const[]){a->shape, b_shape}, rank, shape);
}

static number power(number a, cleat_type a_type, number b, cleat_type b_type) {
    if (!type_is_floating(a_type) && !type_is_floating(b_type)) {
        return b_type == CLEAT_U64 ? natural_power(a, b) : integer_power(a, b);
    }
    const double base = number_cast(a, a_type, CLEAT_F64).real;
    const double exponent = number_cast(b, b_type, CLEAT_F64).real;
    return number_cast((number){.real = pow(base, exponent)}, CLEAT_F64, a_type);
}

static cleat_status power_host(call *c) {
    const array *a, *b;
    array *y;
    int32_t rank = 0, b_rank = 0;
    int64_t shape[CLEAT_MAX_RANK], b_shape[CLEAT_MAX_RANK];
    TRY(power_shapes(c, &b_rank, b_shape, &rank, shape));
    TRY(call_array(c, 0, &a));
    TRY(call_array(c, 1, &b));
    TRY(call_output_array(c, 0, a->type, rank, shape, &y));
    number left[WALK_ROW], right[WALK_ROW];
    walk w;
    walk_begin(&w, rank, shape, 2, (const int32_t[]){a->rank, b_rank},
        (const int64_t *const[]){a->shape, b_shape});
    for (; w.count > 0; walk_next(&w)) {
        numbers_load(a, w.from[0], w.step[0], w.count, left);
        numbers_load(b, w.from[1], w.step[1], w.count, right);
        for (int64_t i = 0; i < w.count; i++) {
            left[i] = power(left[i], a->type, right[i], b->type);
        }
        numbers_store(y, w.to, w.count, left);
    }
    return CLEAT_OK;
}

/* Squares are common, and exact so. */
static bool is_square(const array *b) {
    return b != NULL && b->count == 1 && array_real(b, 0) >= 2 && array_real(b, 0) <= 2;
}

/* Whether a cast of the exponents changes none: they may be large and odd. */
static bool keeps_exponents(cleat_type a, const run_value *b) {
    if (type_is_floating(b->type)) {
        return b->type == a || a == CLEAT_F64 ||
               (a == CLEAT_F32 && (b->type == CLEAT_F16 || b->type == CLEAT_BF16));
    }
    if ((a != CLEAT_F32 && a != CLEAT_F64) || b->host == NULL || b->host->count > 1024) {
        return false;
    }
    for (int64_t i = 0; i < b->host->count; i++) {
        if (fabs(array_real(b->host, i)) > 0x1p24) {
            return false;
        }
    }
    return true;
}

static cleat_status power_device(call *c) {
    cleat_tensor a, b, y;
    int32_t rank = 0, b_rank = 0;
    int64_t shape[CLEAT_MAX_RANK], b_shape[CLEAT_MAX_RANK];
    TRY(power_shapes(c, &b_rank, b_shape, &rank, shape));
    const run_value *exponents = c->inputs[1];
    if (!type_is_floating(c->inputs[0]->type) || !keeps_exponents(c->inputs[0]->type, exponents)) {
        return CLEAT_UNSUPPORTED;
    }
    TRY(call_tensor(c, 0, &a));
    TRY(call_output(c, 0, a.type, rank, shape, &y));
    if (is_square(exponents->host) && rank == a.rank) {
        return cleat_unary(c->context, CLEAT_SQUARE, a, y);
    }
    TRY(call_tensor(c, 1, &b));
    TRY(cleat_reshape(b, b_rank, b_shape, &b));
    if (b.type != a.type) {
        cleat_tensor cast;
        TRY(call_scratch(c, a.type, b.rank, b.shape, &cast));
        TRY(cleat_cast(c->context, b, cast));
        b = cast;
    }
    return cleat_pow(c->context, a, b, y);
}

/* The exponents, of a's type. */
static cleat_status exponents_of(call *c, cleat_type type, cleat_tensor *b) {
    const run_value *exponents;
    TRY(call_input(c, 1, &exponents));
    if (!keeps_exponents(type, exponents)) {
        return call_refuse(c, CLEAT_UNSUPPORTED, "there is no gradient for exponents of %s",
            cleat_type_name(exponents->type));
    }
    return call_tensor_of(c, 1, type, b);
}

static cleat_status power_gradient(call *c) {
    cleat_tensor a, b, dy, da, db;
    const cleat_tensor *a_wanted, *b_wanted;
    TRY(call_tensor(c, 0, &a));
    TRY(gradient_tensor(c, &dy));
    if (is_square(c->inputs[1]->host) && same_shape(&a, &dy) && !call_wants(c, 1)) {
        TRY(gradient_output_over(c, 0, &da));
        return cleat_unary_backward(c->context, CLEAT_SQUARE, a, dy, da);
    }
    TRY(exponents_of(c, a.type, &b));
    TRY(gradient_output_if(c, 0, &da, &a_wanted));
    TRY(gradient_output_if(c, 1, &db, &b_wanted));
    return cleat_binary_backward(c->context, CLEAT_POW, a, b, dy, a_wanted, b_wanted);
}

const operator_entry operators_power[] = {
    {"Pow", power_host, power_device, 2, 2, false},
    {NULL, NULL, NULL, 0, 0, false},
};

const gradient_entry gradients_power[] = {
    {GRADIENT_NODE("Pow", power_gradient), 3, 3, NULL},
    {GRADIENT_NODE(NULL, NULL), 0, 0, NULL},
};
