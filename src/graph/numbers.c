/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/numbers.h"
#include "graph/operator_tools.h"
#include <math.h>
#include <string.h>

number_kind number_kind_of(cleat_type type) {
    return type_is_floating(type) ? NUMBER_REAL
           : type == CLEAT_U64    ? NUMBER_NATURAL
                                  : NUMBER_INTEGER;
}

/* ---- Loading and storing ---- */

static void load_reals(const array *x, int64_t i, int64_t step, int64_t count, number *numbers) {
    const float *f32 = x->elements;
    const double *f64 = x->elements;
    for (int64_t k = 0; k < count; k++, i += step) {
        numbers[k].real = x->type == CLEAT_F32   ? (double)f32[i]
                          : x->type == CLEAT_F64 ? f64[i]
                                                 : array_real(x, i);
    }
}

void numbers_load(const array *x, int64_t i, int64_t step, int64_t count, number *numbers) {
    if (type_is_floating(x->type)) {
        load_reals(x, i, step, count, numbers);
        return;
    }
    const int64_t *i64 = x->elements;
    const bool is_wide = x->type == CLEAT_I64 || x->type == CLEAT_U64;
    for (int64_t k = 0; k < count; k++, i += step) {
        numbers[k].integer = is_wide ? i64[i] : array_integer(x, i);
    }
}

void numbers_store(array *y, int64_t i, int64_t count, const number *numbers) {
    if (!type_is_floating(y->type)) {
        for (int64_t k = 0; k < count; k++) {
            array_set_integer(y, i + k, numbers[k].integer);
        }
        return;
    }
    float *f32 = y->elements;
    for (int64_t k = 0; k < count; k++) {
        if (y->type == CLEAT_F32) {
            f32[i + k] = (float)numbers[k].real;
        } else {
            array_set_real(y, i + k, numbers[k].real);
        }
    }
}

/* ---- Casts ---- */

static number integer_of(double x, cleat_type type) {
    const int bits = 8 * (int)cleat_type_size(type);
    const bool is_signed = type_is_signed(type);
    double low, high;
    number y = {.integer = 0};
    type_whole_range(type, &low, &high);
    if (isnan(x)) {
        return y;
    }
    if (x >= high) { /* the greatest number: all bits, or all but the sign */
        y.natural = (is_signed ? UINT64_C(1) << (bits - 1) : UINT64_C(1) << (bits - 1) << 1) - 1;
    } else if (x <= low) {
        y.integer = is_signed ? (int64_t)low : 0;
    } else if (x >= 0) {
        y.natural = (uint64_t)x;
    } else {
        y.integer = (int64_t)x;
    }
    return y;
}

/* To f32 and below in one rounding: a double between two of their neighbours that it is not equal
 * to must not become the midpoint. Keeps a trace of what the double lost (round to odd). */
static double real_of(number x, number_kind kind, cleat_type to) {
    const bool is_negative = kind == NUMBER_INTEGER && x.integer < 0;
    uint64_t magnitude = is_negative ? 0 - x.natural : x.natural;
    if (to != CLEAT_F64 && magnitude >> 53 != 0) {
        magnitude = (magnitude & ~UINT64_C(0x7ff)) | ((magnitude & 0x7ff) != 0 ? 0x800 : 0);
    }
    return is_negative ? -(double)magnitude : (double)magnitude;
}

number number_cast(number x, cleat_type from, cleat_type to) {
    const number_kind kind = number_kind_of(from);
    number y = x;
    if (to == CLEAT_BOOL) {
        y.integer =
            kind == NUMBER_REAL ? isnan(x.real) || x.real < 0 || x.real > 0 : x.integer != 0;
    } else if (type_is_floating(to)) {
        y.real = kind == NUMBER_REAL ? x.real : real_of(x, kind, to);
    } else if (kind == NUMBER_REAL) {
        y = integer_of(x.real, to);
    }
    return y;
}

int number_order(number_kind kind, number a, number b) {
    if (kind == NUMBER_REAL) {
        if (isnan(a.real) || isnan(b.real)) {
            return (isnan(a.real) ? 1 : 0) - (isnan(b.real) ? 1 : 0);
        }
        return (a.real > b.real ? 1 : 0) - (a.real < b.real ? 1 : 0);
    }
    if (kind == NUMBER_NATURAL) {
        return (a.natural > b.natural ? 1 : 0) - (a.natural < b.natural ? 1 : 0);
    }
    return (a.integer > b.integer ? 1 : 0) - (a.integer < b.integer ? 1 : 0);
}

/* ---- Walking ---- */

static int64_t row_left(const walk *w) {
    const int32_t last = w->rank - 1;
    const int64_t left = w->rank == 0 ? 1 : w->shape[last] - w->index[last];
    return left < WALK_ROW ? left : WALK_ROW;
}

void walk_begin(walk *w, int32_t rank, const int64_t *shape, int operands, const int32_t *ranks,
    const int64_t *const *shapes) {
    *w = (walk){.rank = rank, .operands = operands};
    bool is_empty = false;
    for (int32_t i = 0; i < rank; i++) {
        w->shape[i] = shape[i];
        is_empty = is_empty || shape[i] == 0;
    }
    for (int k = 0; k < operands; k++) {
        broadcast_steps(rank, ranks[k], shapes[k], w->steps[k]);
        w->step[k] = rank > 0 ? w->steps[k][rank - 1] : 0;
    }
    w->count = is_empty ? 0 : row_left(w);
}

void walk_next(walk *w) {
    w->to += w->count;
    if (w->rank == 0) {
        w->count = 0;
        return;
    }
    int32_t axis = w->rank - 1;
    w->index[axis] += w->count;
    for (; axis > 0 && w->index[axis] == w->shape[axis]; axis--) {
        w->index[axis] = 0;
        w->index[axis - 1]++;
    }
    if (w->index[0] == w->shape[0]) {
        w->count = 0;
        return;
    }
    for (int k = 0; k < w->operands; k++) {
        w->from[k] = 0;
        for (int32_t i = 0; i < w->rank; i++) {
            w->from[k] += w->index[i] * w->steps[k][i];
        }
    }
    w->count = row_left(w);
}
