/* SPDX-License-Identifier: Apache-2.0 */
#include "graph/binary.h"
#include "graph/call_shapes.h"
#include <cleat/compare.h>
#include <cleat/elementwise.h>
#include <math.h>
#include <string.h>

/* ---- Numbers ---- */

static number real(double x) {
    return (number){.real = x};
}

static number natural(uint64_t x) {
    return (number){.natural = x};
}

static number test(bool x) {
    return (number){.integer = x};
}

static number add_real(number a, number b) {
    return real(a.real + b.real);
}

static number subtract_real(number a, number b) {
    return real(a.real - b.real);
}

static number multiply_real(number a, number b) {
    return real(a.real * b.real);
}

static number divide_real(number a, number b) {
    return real(a.real / b.real);
}

static number remainder_real(number a, number b) {
    return real(fmod(a.real, b.real));
}

static number larger_real(number a, number b) {
    return isnan(a.real) || a.real > b.real ? a : b;
}

static number smaller_real(number a, number b) {
    return isnan(a.real) || a.real < b.real ? a : b;
}

/* Integers wrap around, whether signed or not. */
static number add_bits(number a, number b) {
    return natural(a.natural + b.natural);
}

static number subtract_bits(number a, number b) {
    return natural(a.natural - b.natural);
}

static number multiply_bits(number a, number b) {
    return natural(a.natural * b.natural);
}

/* Towards zero; by 0 it is 0, as cleat_div() has it. */
static number divide_integer(number a, number b) {
    if (b.integer == 0 || b.integer == -1) {
        return natural(b.integer == 0 ? 0 : 0 - a.natural);
    }
    return (number){.integer = a.integer / b.integer};
}

static number divide_natural(number a, number b) {
    return natural(b.natural == 0 ? 0 : a.natural / b.natural);
}

/* The sign is the dividend's, as of fmod(). */
static number remainder_integer(number a, number b) {
    return (number){.integer = b.integer == 0 || b.integer == -1 ? 0 : a.integer % b.integer};
}

static number remainder_natural(number a, number b) {
    return natural(b.natural == 0 ? 0 : a.natural % b.natural);
}

/* The sign is the divisor's. */
static number modulo_integer(number a, number b) {
    const number r = remainder_integer(a, b);
    return r.integer != 0 && (r.integer < 0) != (b.integer < 0) ? add_bits(r, b) : r;
}

static number larger_integer(number a, number b) {
    return a.integer > b.integer ? a : b;
}

static number larger_natural(number a, number b) {
    return a.natural > b.natural ? a : b;
}

static number smaller_integer(number a, number b) {
    return a.integer < b.integer ? a : b;
}

static number smaller_natural(number a, number b) {
    return a.natural < b.natural ? a : b;
}

static number shift_left(number a, number b) {
    return natural(b.natural > 63 ? 0 : a.natural << b.natural);
}

static number shift_right(number a, number b) {
    return natural(b.natural > 63 ? 0 : a.natural >> b.natural);
}

static number equal_real(number a, number b) {
    return test(a.real <= b.real && a.real >= b.real);
}

static number equal_bits(number a, number b) {
    return test(a.natural == b.natural);
}

static number less_real(number a, number b) {
    return test(a.real < b.real);
}

static number less_integer(number a, number b) {
    return test(a.integer < b.integer);
}

static number less_natural(number a, number b) {
    return test(a.natural < b.natural);
}

static number less_equal_real(number a, number b) {
    return test(a.real <= b.real);
}

static number less_equal_integer(number a, number b) {
    return test(a.integer <= b.integer);
}

static number less_equal_natural(number a, number b) {
    return test(a.natural <= b.natural);
}

static number greater_real(number a, number b) {
    return less_real(b, a);
}

static number greater_integer(number a, number b) {
    return less_integer(b, a);
}

static number greater_natural(number a, number b) {
    return less_natural(b, a);
}

static number greater_equal_real(number a, number b) {
    return less_equal_real(b, a);
}

static number greater_equal_integer(number a, number b) {
    return less_equal_integer(b, a);
}

static number greater_equal_natural(number a, number b) {
    return less_equal_natural(b, a);
}

static number both(number a, number b) {
    return test(a.integer != 0 && b.integer != 0);
}

static number either(number a, number b) {
    return test(a.integer != 0 || b.integer != 0);
}

static number one_alone(number a, number b) {
    return test((a.integer != 0) != (b.integer != 0));
}

/* ---- Operations ---- */

static cleat_status op_equal(
    cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y) {
    return cleat_compare(context, CLEAT_EQUAL, a, b, y);
}

static cleat_status op_less(
    cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y) {
    return cleat_compare(context, CLEAT_LESS, a, b, y);
}

static cleat_status op_less_equal(
    cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y) {
    return cleat_compare(context, CLEAT_LESS_EQUAL, a, b, y);
}

static cleat_status op_greater(
    cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y) {
    return cleat_compare(context, CLEAT_GREATER, a, b, y);
}

static cleat_status op_greater_equal(
    cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y) {
    return cleat_compare(context, CLEAT_GREATER_EQUAL, a, b, y);
}

static cleat_status op_and(cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y) {
    return cleat_logical(context, CLEAT_AND, a, b, y);
}

static cleat_status op_or(cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y) {
    return cleat_logical(context, CLEAT_OR, a, b, y);
}

static cleat_status op_xor(cleat_context *context, cleat_tensor a, cleat_tensor b, cleat_tensor y) {
    return cleat_logical(context, CLEAT_XOR, a, b, y);
}

static const binary binaries[] = {
    {"Add", add_real, add_bits, add_bits, cleat_add, false, false},
    {"Sub", subtract_real, subtract_bits, subtract_bits, cleat_sub, false, false},
    {"Mul", multiply_real, multiply_bits, multiply_bits, cleat_mul, false, false},
    {"Div", divide_real, divide_integer, divide_natural, cleat_div, false, false},
    {"Mod", NULL, modulo_integer, remainder_natural, cleat_mod, false, false},
    {"Mod fmod", remainder_real, remainder_integer, remainder_natural, NULL, false, false},
    {"BitShift LEFT", NULL, shift_left, shift_left, NULL, false, false},
    {"BitShift RIGHT", NULL, shift_right, shift_right, NULL, false, false},
    {"Max", larger_real, larger_integer, larger_natural, cleat_max, false, false},
    {"Min", smaller_real, smaller_integer, smaller_natural, cleat_min, false, false},
    {"Sum", add_real, add_bits, add_bits, cleat_add, false, false},
    {"Mean", add_real, NULL, NULL, cleat_add, false, false},
    {"Equal", equal_real, equal_bits, equal_bits, op_equal, true, false},
    {"Less", less_real, less_integer, less_natural, op_less, true, false},
    {"LessOrEqual", less_equal_real, less_equal_integer, less_equal_natural, op_less_equal, true,
        false},
    {"Greater", greater_real, greater_integer, greater_natural, op_greater, true, false},
    {"GreaterOrEqual", greater_equal_real, greater_equal_integer, greater_equal_natural,
        op_greater_equal, true, false},
    {"And", NULL, both, NULL, op_and, true, true},
    {"Or", NULL, either, NULL, op_or, true, true},
    {"Xor", NULL, one_alone, NULL, op_xor, true, true},
};

const binary *binary_named(const char *type) {
    for (size_t i = 0; i < sizeof binaries / sizeof *binaries; i++) {
        if (strcmp(binaries[i].type, type) == 0) {
            return &binaries[i];
        }
    }
    return NULL;
}

const binary *binary_find(const call *c) {
    const char *type = c->node->type;
    if (strcmp(type, "Mod") == 0 && attribute_int(c->node, "fmod", 0) != 0) {
        type = "Mod fmod";
    } else if (strcmp(type, "BitShift") == 0) {
        const char *direction = attribute_text(c->node, "direction", "LEFT");
        type = strcmp(direction, "RIGHT") == 0 ? "BitShift RIGHT" : "BitShift LEFT";
    }
    return binary_named(type);
}

cleat_status binary_function_of(
    const call *c, const binary *b, cleat_type type, binary_function *function) {
    const number_kind kind = number_kind_of(type);
    *function = kind == NUMBER_REAL ? b->real : kind == NUMBER_INTEGER ? b->integer : b->natural;
    const bool takes_bool = b->is_logical || b->integer == equal_bits;
    if (*function == NULL || type == CLEAT_TEXT ||
        (type == CLEAT_BOOL ? !takes_bool : b->is_logical) ||
        (type_is_signed(type) && (b->integer == shift_left || b->integer == shift_right))) {
        return call_refuse(
            c, CLEAT_TYPE_MISMATCH, "operands of %s are not taken", cleat_type_name(type));
    }
    return CLEAT_OK;
}

/* ---- Shapes ---- */

cleat_status binary_second_shape(const call *c, int32_t *rank, int64_t *shape) {
    const run_value *a, *b;
    TRY(call_input(c, 0, &a));
    TRY(call_input(c, 1, &b));
    *rank = b->rank;
    memcpy(shape, b->shape, sizeof b->shape);
    if (c->opset >= 7 || attribute_find(c->node, "axis", CLEAT_ATTRIBUTE_INT) == NULL ||
        attribute_int(c->node, "broadcast", 0) == 0) {
        return CLEAT_OK;
    }
    int32_t axis = 0;
    TRY(call_axis_attribute(c, "axis", 0, a->rank, &axis));
    for (; *rank < a->rank - axis; ++*rank) {
        shape[*rank] = 1;
    }
    return CLEAT_OK;
}
