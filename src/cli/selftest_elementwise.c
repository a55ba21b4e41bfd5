/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of `cleat selftest` for what works element by element: activations, arithmetic,
 * comparison, choice, casts, and the gradients. Each kind is a part of its check. */
#include "selftest.h"

#include <math.h>

enum { COUNT = 1001, ROWS = 40, COLUMNS = 30 };

/* ---- Activations, with their default parameters ---- */

static double sigmoid(double x) {
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

static double softplus(double x) {
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static double clamp(double x, double low, double high) {
    return x < low ? low : x > high ? high : x;
}

static double activation_of(cleat_activation activation, double x) {
    const double selu_alpha = 1.67326319217681884765625, selu_gamma = 1.05070102214813232421875;
    switch (activation) {
    case CLEAT_RELU:
        return fmax(x, 0);
    case CLEAT_LEAKY_RELU:
        return x < 0 ? (double)0.01F * x : x;
    case CLEAT_SIGMOID:
        return sigmoid(x);
    case CLEAT_TANH:
        return tanh(x);
    case CLEAT_GELU:
        return x * 0.5 * erfc(-x * 0.70710678118654752440);
    case CLEAT_GELU_TANH:
        return x * sigmoid(2 * 0.79788456080286535588 * (x + 0.044715 * x * x * x));
    case CLEAT_SILU:
    case CLEAT_SWISH:
        return x * sigmoid(x);
    case CLEAT_RELU6:
        return clamp(x, 0, 6);
    case CLEAT_ELU:
    case CLEAT_CELU:
        return x < 0 ? expm1(x) : x;
    case CLEAT_SELU:
        return selu_gamma * (x < 0 ? selu_alpha * expm1(x) : x);
    case CLEAT_SOFTPLUS:
        return softplus(x);
    case CLEAT_LOG_SIGMOID:
        return -softplus(-x);
    case CLEAT_SOFTSIGN:
        return x / (1 + fabs(x));
    case CLEAT_HARD_SIGMOID:
        return clamp((double)0.2F * x + 0.5, 0, 1);
    case CLEAT_HARD_SWISH:
        return x * clamp(x / 6 + 0.5, 0, 1);
    case CLEAT_MISH:
        return x * tanh(softplus(x));
    case CLEAT_THRESHOLDED_RELU:
        return x > 1 ? x : 0;
    case CLEAT_SHRINK:
    case CLEAT_HARD_SHRINK:
        return fabs(x) > 0.5 ? x : 0;
    case CLEAT_SOFT_SHRINK:
        return x < -0.5 ? x + 0.5 : x > 0.5 ? x - 0.5 : 0;
    default:
        return x;
    }
}

static bool is_activation(int activation) {
    return cleat_activation_name((cleat_activation)activation)[0] != 'u'; /* "unknown" */
}

void check_activations(check *c) {
    for (int a = CLEAT_ACTIVATION_NONE; is_activation(a) && c->status == CLEAT_OK; a++) {
        check_part(c, cleat_activation_name((cleat_activation)a));
        operand *x = check_range(c, 1, (int64_t[]){COUNT}, -9, 9);
        operand *y = check_operand(c, 1, (int64_t[]){COUNT});
        if (c->status != CLEAT_OK ||
            !check_call(
                c, cleat_activate(c->context, (cleat_activation)a, x->tensor, y->tensor, NULL)) ||
            !check_fetch(c, y)) {
            return;
        }
        for (int i = 0; i < COUNT; i++) {
            double value = (double)x->data[i];
            double want = activation_of((cleat_activation)a, value);
            check_value(c, y->data[i], want, fabs(value) + fabs(want), 4);
        }
    }
}

/* Against central differences of the plain formula; elements beside a kink are passed over. */
void check_activation_gradients(check *c) {
    const double kinks[] = {0, 0.5, -0.5, 1, 2.5, -2.5, 3, -3, 6}, step = 1e-4;
    for (int a = CLEAT_ACTIVATION_NONE; is_activation(a) && c->status == CLEAT_OK; a++) {
        check_part(c, cleat_activation_name((cleat_activation)a));
        operand *x = check_range(c, 1, (int64_t[]){COUNT}, -9, 9);
        operand *dy = check_operand(c, 1, (int64_t[]){COUNT});
        operand *dx = check_operand(c, 1, (int64_t[]){COUNT});
        if (c->status != CLEAT_OK ||
            !check_call(c, cleat_activate_backward(c->context, (cleat_activation)a, x->tensor,
                               dy->tensor, dx->tensor, NULL)) ||
            !check_fetch(c, dx)) {
            return;
        }
        for (int i = 0; i < COUNT; i++) {
            double value = (double)x->data[i], near = 1;
            for (size_t k = 0; k < sizeof kinks / sizeof *kinks; k++) {
                near = fmin(near, fabs(value - kinks[k]));
            }
            double slope = (activation_of((cleat_activation)a, value + step) -
                               activation_of((cleat_activation)a, value - step)) /
                           (2 * step);
            if (near > 2 * step) {
                double factor = (double)dy->data[i];
                check_value(c, dx->data[i], factor * slope, fabs(factor), 64);
            }
        }
    }
}

/* ---- Arithmetic: a transposed view and a broadcast row ---- */

static const char *const binary_names[] = {"add", "sub", "mul", "div", "pow", "min", "max"};
enum { BINARIES = sizeof binary_names / sizeof *binary_names };

static double binary_of(int kind, double a, double b) {
    switch (kind) {
    case CLEAT_ADD:
        return a + b;
    case CLEAT_SUB:
        return a - b;
    case CLEAT_MUL:
        return a * b;
    case CLEAT_DIV:
        return a / b;
    case CLEAT_POW:
        return pow(a, b);
    case CLEAT_MIN:
        return fmin(a, b);
    default:
        return fmax(a, b);
    }
}

static cleat_status call_binary(
    const check *c, int kind, cleat_tensor a, cleat_tensor b, cleat_tensor y) {
    switch (kind) {
    case CLEAT_ADD:
        return cleat_add(c->context, a, b, y);
    case CLEAT_SUB:
        return cleat_sub(c->context, a, b, y);
    case CLEAT_MUL:
        return cleat_mul(c->context, a, b, y);
    case CLEAT_DIV:
        return cleat_div(c->context, a, b, y);
    case CLEAT_POW:
        return cleat_pow(c->context, a, b, y);
    case CLEAT_MIN:
        return cleat_min(c->context, a, b, y);
    default:
        return cleat_max(c->context, a, b, y);
    }
}

void check_arithmetic(check *c) {
    for (int kind = 0; kind < BINARIES && c->status == CLEAT_OK; kind++) {
        check_part(c, binary_names[kind]);
        operand *a = check_range(c, 2, (int64_t[]){COLUMNS, ROWS}, 0.5, 3);
        operand *b = check_range(c, 1, (int64_t[]){COLUMNS}, 0.5, 3);
        operand *y = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
        if (c->status != CLEAT_OK ||
            !check_call(
                c, call_binary(c, kind, cleat_transpose(a->tensor), b->tensor, y->tensor)) ||
            !check_fetch(c, y)) {
            return;
        }
        for (int i = 0; i < ROWS * COLUMNS; i++) {
            double want = binary_of(kind, (double)a->data[i % COLUMNS * ROWS + i / COLUMNS],
                (double)b->data[i % COLUMNS]);
            check_value(c, y->data[i], want, kind == CLEAT_POW ? want : want / 2, 4);
        }
    }
}

/* dy times the slope of the plain formula in a; in b, which is a row, summed over the rows. */
void check_arithmetic_gradients(check *c) {
    const double step = 1e-4;
    for (int kind = 0; kind < BINARIES && c->status == CLEAT_OK; kind++) {
        check_part(c, binary_names[kind]);
        operand *a = check_range(c, 2, (int64_t[]){ROWS, COLUMNS}, 0.5, 1.5);
        operand *b = check_range(c, 1, (int64_t[]){COLUMNS}, 1.6, 3);
        operand *dy = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
        operand *da = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
        operand *db = check_operand(c, 1, (int64_t[]){COLUMNS});
        if (c->status != CLEAT_OK ||
            !check_call(c, cleat_binary_backward(c->context, (cleat_binary)kind, a->tensor,
                               b->tensor, dy->tensor, &da->tensor, &db->tensor)) ||
            !check_fetch(c, da) || !check_fetch(c, db)) {
            return;
        }
        double sums[COLUMNS] = {0}, magnitudes[COLUMNS] = {0};
        for (int i = 0; i < ROWS * COLUMNS; i++) {
            double x = (double)a->data[i], z = (double)b->data[i % COLUMNS];
            double g = (double)dy->data[i];
            double in_a = (binary_of(kind, x + step, z) - binary_of(kind, x - step, z)) / 2 / step;
            double in_b = (binary_of(kind, x, z + step) - binary_of(kind, x, z - step)) / 2 / step;
            check_value(c, da->data[i], g * in_a, fabs(g) * (1 + fabs(in_a)), 64);
            sums[i % COLUMNS] += g * in_b;
            magnitudes[i % COLUMNS] += fabs(g) * (1 + fabs(in_b));
        }
        for (int i = 0; i < COLUMNS; i++) {
            check_value(c, db->data[i], sums[i], magnitudes[i], 64);
        }
    }
}

/* ---- Comparison, logic, choice ---- */

static bool compared(int kind, float a, float b) {
    switch (kind) {
    case CLEAT_EQUAL:
        return a == b;
    case CLEAT_NOT_EQUAL:
        return a != b;
    case CLEAT_LESS:
        return a < b;
    case CLEAT_LESS_EQUAL:
        return a <= b;
    case CLEAT_GREATER:
        return a > b;
    default:
        return a >= b;
    }
}

/* y = (a op b xor a < b) ? a : b, with b a row of a, so that some are equal. */
void check_comparisons(check *c) {
    static const char *const names[] = {
        "equal", "not equal", "less", "less or equal", "greater", "greater or equal"};
    for (int kind = 0; kind < 6 && c->status == CLEAT_OK; kind++) {
        check_part(c, names[kind]);
        operand *a = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
        operand *row = check_typed(c, CLEAT_F32, 1, (int64_t[]){COLUMNS}, a->data);
        operand *holds = check_typed(c, CLEAT_BOOL, 2, (int64_t[]){ROWS, COLUMNS}, NULL);
        operand *less = check_typed(c, CLEAT_BOOL, 2, (int64_t[]){ROWS, COLUMNS}, NULL);
        operand *y = check_operand(c, 2, (int64_t[]){ROWS, COLUMNS});
        if (c->status != CLEAT_OK ||
            !check_call(c, cleat_compare(c->context, (cleat_comparison)kind, a->tensor, row->tensor,
                               holds->tensor)) ||
            !check_call(
                c, cleat_compare(c->context, CLEAT_LESS, a->tensor, row->tensor, less->tensor)) ||
            !check_call(c,
                cleat_logical(c->context, CLEAT_XOR, holds->tensor, less->tensor, holds->tensor)) ||
            !check_call(
                c, cleat_where(c->context, holds->tensor, a->tensor, row->tensor, y->tensor)) ||
            !check_fetch(c, y)) {
            return;
        }
        for (int i = 0; i < ROWS * COLUMNS; i++) {
            float x = a->data[i], z = row->data[i % COLUMNS];
            check_value(c, y->data[i], (double)(compared(kind, x, z) != (x < z) ? x : z), 0, 0);
        }
    }
}

/* f32 to each integer type and back: towards zero, cut to the type's range. */
void check_casts(check *c) {
    static const struct {
        const char *name;
        cleat_type type;
        double low, high;
    } types[] = {{"i32", CLEAT_I32, -2147483648.0, 2147483647.0},
        {"i64", CLEAT_I64, -9223372036854775808.0, 9223372036854775807.0}, {"u8", CLEAT_U8, 0, 255},
        {"bool", CLEAT_BOOL, 0, 1}, {"i8", CLEAT_I8, -128, 127}, {"i16", CLEAT_I16, -32768, 32767},
        {"u16", CLEAT_U16, 0, 65535}, {"u32", CLEAT_U32, 0, 4294967295.0},
        {"u64", CLEAT_U64, 0, 18446744073709551615.0}};
    for (size_t t = 0; t < sizeof types / sizeof *types && c->status == CLEAT_OK; t++) {
        check_part(c, types[t].name);
        operand *x = check_range(c, 1, (int64_t[]){COUNT}, -400, 400);
        operand *whole = check_typed(c, types[t].type, 1, (int64_t[]){COUNT}, NULL);
        operand *y = check_operand(c, 1, (int64_t[]){COUNT});
        if (c->status != CLEAT_OK ||
            !check_call(c, cleat_cast(c->context, x->tensor, whole->tensor)) ||
            !check_call(c, cleat_cast(c->context, whole->tensor, y->tensor)) ||
            !check_fetch(c, y)) {
            return;
        }
        for (int i = 0; i < COUNT; i++) {
            double value = (double)x->data[i];
            double want = types[t].type == CLEAT_BOOL
                              ? value != 0
                              : clamp(trunc(value), types[t].low, types[t].high);
            check_value(c, y->data[i], want, 0, 0);
        }
    }
}

/* ---- Functions of one number ---- */

static double unary_of(cleat_unary_kind kind, double x) {
    switch (kind) {
    case CLEAT_EXP:
        return exp(x);
    case CLEAT_LOG:
        return log(x);
    case CLEAT_SQRT:
        return sqrt(x);
    case CLEAT_RSQRT:
        return 1 / sqrt(x);
    case CLEAT_RECIPROCAL:
        return 1 / x;
    case CLEAT_SQUARE:
        return x * x;
    case CLEAT_ABS:
        return fabs(x);
    case CLEAT_NEG:
        return -x;
    case CLEAT_SIGN:
        return x > 0 ? 1 : x < 0 ? -1 : 0;
    case CLEAT_FLOOR:
        return floor(x);
    case CLEAT_CEIL:
        return ceil(x);
    case CLEAT_ROUND:
        return nearbyint(x);
    case CLEAT_ERF:
        return erf(x);
    case CLEAT_SIN:
        return sin(x);
    case CLEAT_COS:
        return cos(x);
    default:
        return NAN;
    }
}

/* Of numbers on both sides of 0 where the function takes them, with the slope of the plain formula
 * as gradient; beside a step it tells nothing. */
void check_unary(check *c) {
    const double step = 1e-4;
    for (int k = CLEAT_EXP; cleat_unary_name((cleat_unary_kind)k)[0] != 'u'; k++) {
        cleat_unary_kind kind = (cleat_unary_kind)k;
        bool positive = k == CLEAT_LOG || k == CLEAT_SQRT || k == CLEAT_RSQRT;
        check_part(c, cleat_unary_name(kind));
        operand *x = check_range(c, 1, (int64_t[]){COUNT}, positive ? 0.3 : -5, 5);
        operand *y = check_operand(c, 1, (int64_t[]){COUNT});
        operand *dy = check_operand(c, 1, (int64_t[]){COUNT});
        operand *dx = check_operand(c, 1, (int64_t[]){COUNT});
        if (c->status != CLEAT_OK ||
            !check_call(c, cleat_unary(c->context, kind, x->tensor, y->tensor)) ||
            !check_call(
                c, cleat_unary_backward(c->context, kind, x->tensor, dy->tensor, dx->tensor)) ||
            !check_fetch(c, y) || !check_fetch(c, dx)) {
            return;
        }
        for (int i = 0; i < COUNT; i++) {
            double value = (double)x->data[i], want = unary_of(kind, value);
            double slope = (unary_of(kind, value + step) - unary_of(kind, value - step)) / 2 / step;
            double g = (double)dy->data[i];
            check_value(c, y->data[i], want, fabs(want), 4);
            if (fabs(value) > 0.1 && fabs(slope) < 1000) {
                check_value(c, dx->data[i], g * slope, fabs(g) * (1 + fabs(slope)), 1024);
            }
        }
    }
}
