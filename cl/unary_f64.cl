/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions of unary.h and their gradients in double precision, by OpenCL's own functions; macros
 * as in unary.cl, elementwise_engine.cl tells the rest.
 */
#include "common.cl"
#define DOUBLES(W) VALUES(2, W)
#define SIGN(W, x)                                                                                 \
    ((x) > (DOUBLES(W))(0.0)   ? (DOUBLES(W))(1.0)                                                       \
     : (x) < (DOUBLES(W))(0.0) ? (DOUBLES(W))(-1.0)                                                      \
                            : ((x) == (DOUBLES(W))(0.0) ? (DOUBLES(W))(0.0) : (x)))
#if UNARY == 0
#define VALUE(W, x) exp(x)
#define SLOPE(W, x) exp(x)
#elif UNARY == 1
#define VALUE(W, x) log(x)
#define SLOPE(W, x) (1.0 / (x))
#elif UNARY == 2
#define VALUE(W, x) sqrt(x)
#define SLOPE(W, x) (0.5 / sqrt(x))
#elif UNARY == 3
#define VALUE(W, x) (1.0 / sqrt(x))
#define SLOPE(W, x) (-0.5 / ((x)*sqrt(x)))
#elif UNARY == 4
#define VALUE(W, x) (1.0 / (x))
#define SLOPE(W, x) (-1.0 / ((x) * (x)))
#elif UNARY == 5
#define VALUE(W, x) ((x) * (x))
#define SLOPE(W, x) (2.0 * (x))
#elif UNARY == 6
#define VALUE(W, x) fabs(x)
#define SLOPE(W, x) SIGN(W, x)
#elif UNARY == 7
#define VALUE(W, x) (-(x))
#define SLOPE(W, x) (DOUBLES(W))(-1.0)
#elif UNARY == 8
#define VALUE(W, x) SIGN(W, x)
#elif UNARY == 9
#define VALUE(W, x) floor(x)
#elif UNARY == 10
#define VALUE(W, x) ceil(x)
#elif UNARY == 11
#define VALUE(W, x) rint(x)
#elif UNARY == 12
#define VALUE(W, x) erf(x)
#define SLOPE(W, x) (1.1283791670955126 * exp(-(x) * (x))) /* 2 / sqrt(pi) */
#elif UNARY == 13
#define VALUE(W, x) sin(x)
#define SLOPE(W, x) cos(x)
#elif UNARY == 14
#define VALUE(W, x) cos(x)
#define SLOPE(W, x) (-sin(x))
#endif

#if !GRADIENT
#define EXPRESSION(W) out0 = VALUE(W, in0);
#elif defined(SLOPE)
#define EXPRESSION(W) out0 = in0 * SLOPE(W, in1);
#else
#define EXPRESSION(W) out0 = (DOUBLES(W))(0.0);
#endif
#include "elementwise_engine.cl"
