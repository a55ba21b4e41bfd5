/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gradients of reductions; elementwise_engine.cl tells macros and geometry. in0 is dy, in1 x.
 * -DGRADIENT=:
 *     0  out0 = in0 / p0                            p0 the number of elements of a mean
 *     1  out0 = in1 equals in2 ? in0 / in3 : 0      in2 = y, in3 = how many equal y; NaN counts as
 *                                                   equal to NaN
 *     2  out0 = in0 sign(in1)
 *     3  out0 = in2 == 0 ? 0 : in0 in1 / in2        in2 = y
 *     4  out0 = in1 == -Inf ? 0 : in0 exp(in1 - in2)    in2 = y
 *     5  out0 = in0 times the product of the others  in2 = product of all but zeros, in3 = zeros
 *     6  out0 = in0 (in1 - in2) p0                  in2 = mean, p0 = 2 / divisor
 */
#include "common.cl"
#if GRADIENT == 1
#define EXPRESSION(W)                                                                              \
    out0 = ((in1 == in2) | ((in1 != in1) & (in2 != in2))) ? in0 / in3 : (FLOATS(W))(0.0f);
#elif GRADIENT == 2
#define EXPRESSION(W) out0 = in1 > 0.0f ? in0 : in1 < 0.0f ? -in0 : in0 * in1;
#elif GRADIENT == 3
#define EXPRESSION(W) out0 = in2 == 0.0f ? (FLOATS(W))(0.0f) : in0 * (in1 / in2);
#elif GRADIENT == 4
#define MATH_WIDTH 1
#include "math.cl"
#define MATH_WIDTH VECTOR_WIDTH
#include "math.cl"
#define EXPRESSION(W)                                                                              \
    out0 = in1 == -INFINITY ? (FLOATS(W))(0.0f) : in0 * CAT(math_exp_, W)(in1 - in2);
#elif GRADIENT == 5
#define EXPRESSION(W)                                                                              \
    out0 = in3 == 0.0f                      ? in0 * (in2 / in1)                                    \
           : (in3 == 1.0f) & (in1 == 0.0f) ? in0 * in2                                            \
                                            : (FLOATS(W))(0.0f);
#elif GRADIENT == 6
#define EXPRESSION(W) out0 = in0 * ((in1 - in2) * p0);
#else
#define EXPRESSION(W) out0 = in0 / p0;
#endif
#include "elementwise_engine.cl"
