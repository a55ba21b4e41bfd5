/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_COMPARE_H
#define CLEAT_COMPARE_H

#include <cleat/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Comparison, logic, choice and casts, element by element. Operands are broadcast to y's shape by
 * the rule of NumPy and ONNX; y's shape must be the full one. Definitions are those of the ONNX
 * operators named (opset 17). f64 takes a device with fp64, else CLEAT_UNSUPPORTED, except where
 * elements are only moved (cleat_where, cleat_cast to the same type).
 */

typedef enum cleat_comparison {
    CLEAT_EQUAL,     /* a == b */
    CLEAT_NOT_EQUAL, /* a != b */
    CLEAT_LESS,      /* a < b */
    CLEAT_LESS_EQUAL,
    CLEAT_GREATER,
    CLEAT_GREATER_EQUAL
} cleat_comparison;

/*
 * y = whether a comparison b holds, bool; a and b of one type, any. As IEEE 754 has it: NaN is
 * different from everything, itself too, and neither less nor greater; -0 equals 0. ONNX Equal,
 * Less, LessOrEqual, Greater, GreaterOrEqual. y may be a or b itself where they are bool.
 */
CLEAT_API cleat_status cleat_compare(cleat_context *context, cleat_comparison comparison,
    cleat_tensor a, cleat_tensor b, cleat_tensor y);

typedef enum cleat_logic { CLEAT_AND, CLEAT_OR, CLEAT_XOR } cleat_logic;

/* y = a op b; all bool; ONNX And, Or, Xor. y may be a or b itself. */
CLEAT_API cleat_status cleat_logical(
    cleat_context *context, cleat_logic operation, cleat_tensor a, cleat_tensor b, cleat_tensor y);

/* y = not x; both bool; ONNX Not. y may be x itself. */
CLEAT_API cleat_status cleat_logical_not(cleat_context *context, cleat_tensor x, cleat_tensor y);

/*
 * y = condition ? a : b; condition bool; a, b and y of one type, any, whose bits are moved as they
 * are; ONNX Where. y may be a or b itself.
 */
CLEAT_API cleat_status cleat_where(
    cleat_context *context, cleat_tensor condition, cleat_tensor a, cleat_tensor b, cleat_tensor y);

/*
 * Gradients of y = condition ? a : b with dy of y's shape, f32, f64, f16 or bf16: da = condition ?
 * dy : 0, db = condition ? 0 : dy; da has a's shape, db has b's, gradients of broadcast elements
 * are summed (in a fixed order; a scratch tensor of dy's size is used for that). Either may be NULL
 * when not wanted. da and db must overlap nothing.
 */
CLEAT_API cleat_status cleat_where_backward(cleat_context *context, cleat_tensor condition,
    cleat_tensor dy, const cleat_tensor *da, const cleat_tensor *db);

/*
 * y = x as a number of y's type; ONNX Cast, with its gaps closed:
 *     floating point to integer   towards zero; out of range: the nearest end of the range; NaN: 0
 *     integer to integer          the lower bits, two's complement
 *     to floating point           to nearest, ties to even, in one rounding, also from 64 bits
 *     to bool                     0 becomes 0, all else, NaN too, 1
 *     from bool                   0 or 1
 * The gradient of a cast between floating-point types is a cast back.
 */
CLEAT_API cleat_status cleat_cast(cleat_context *context, cleat_tensor x, cleat_tensor y);

#ifdef __cplusplus
}
#endif

#endif
