/* SPDX-License-Identifier: Apache-2.0 */
/*
 * y = f(x), and its gradient; elementwise_engine.cl tells macros and geometry. -DUNARY=<value of
 * cleat_unary_kind>, -DGRADIENT=:
 *     0  out0 = f(in0)
 *     1  out0 = in0 * f'(in1), in0 = dy, in1 = x
 */
#include "common.cl"
#include "vector.cl"
#define UNARY_WIDTH 1
#include "unary_function.cl"
#if VECTOR_WIDTH > 1
#define UNARY_WIDTH VECTOR_WIDTH
#include "unary_function.cl"
#endif
#if GRADIENT
#define EXPRESSION(W) out0 = CAT(unary_gradient_, W)(in0, in1);
#else
#define EXPRESSION(W) out0 = CAT(unary_value_, W)(in0);
#endif
#include "elementwise_engine.cl"
