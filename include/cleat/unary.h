/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLEAT_UNARY_H
#define CLEAT_UNARY_H

#include <cleat/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Functions of one number, each as ONNX defines the operator of its name (opset 17). Behind them:
 * how far results may be from the exact ones, in ulp, on devices with and without fma. "device":
 * correctly rounded where the device's division and square root are (processors), else within the
 * error OpenCL allows these, 2.5 and 3 ulp a step. NaN gives NaN; what is too large Inf; denormal
 * numbers are numbers where the device has them.
 */
typedef enum cleat_unary_kind {
    CLEAT_EXP,        /* 2 */
    CLEAT_LOG,        /* 2; log(0) = -Inf, NaN below */
    CLEAT_SQRT,       /* device */
    CLEAT_RSQRT,      /* 1 / sqrt(x): 2 on processors, else 6 */
    CLEAT_RECIPROCAL, /* 1 / x: device */
    CLEAT_SQUARE,     /* x * x: correctly rounded */
    CLEAT_ABS,        /* exact, as those below up to round */
    CLEAT_NEG,
    CLEAT_SIGN, /* -1, 0 (also of -0) or 1 */
    CLEAT_FLOOR,
    CLEAT_CEIL,
    CLEAT_ROUND, /* to the nearest integer, halves to the even one */
    CLEAT_ERF,   /* 2 */
    CLEAT_SIN,   /* 2, of every number; NaN of Inf */
    CLEAT_COS    /* the same */
} cleat_unary_kind;

/* "exp", ...; "unknown" for a value that is none. Static storage. */
CLEAT_API const char *cleat_unary_name(cleat_unary_kind kind);

/*
 * y = kind(x), element by element; f32, f64, f16 or bf16 (those two computed with in f32, and
 * rounded once), same type and shape, any strides. y may be x itself (the same view). In f64, on a
 * device that has it, by the device's own functions, whose bounds are OpenCL C's (section 7.4):
 * exp, log 3 ulp, erf 16, sin and cos 4, the others exact or correctly rounded steps. Only
 * enqueues. Errors: CLEAT_INVALID_ARGUMENT, CLEAT_TYPE_MISMATCH, CLEAT_SHAPE_MISMATCH,
 * CLEAT_OVERLAP, CLEAT_UNSUPPORTED (a device without f64).
 */
CLEAT_API cleat_status cleat_unary(
    cleat_context *context, cleat_unary_kind kind, cleat_tensor x, cleat_tensor y);

/*
 * dx = dy * kind'(x); f32, f64, f16 or bf16, all of one type and shape. dx may be dy or x itself.
 * The derivative of sign, floor, ceil and round is 0 everywhere, and abs'(0) = 0, as PyTorch has
 * them. Within 8 ulp; in f64 the functions above and some roundings, and for erf 3 + 2 x^2 ulp.
 */
CLEAT_API cleat_status cleat_unary_backward(cleat_context *context, cleat_unary_kind kind,
    cleat_tensor x, cleat_tensor dy, cleat_tensor dx);

#ifdef __cplusplus
}
#endif

#endif
