/* SPDX-License-Identifier: Apache-2.0 */
/*
 * y = activation(x), and its gradient; elementwise_engine.cl tells macros and geometry. -DMODE=:
 *     0  out0 = activation(in0)
 *     1  out0 = in0 * activation'(in1), in0 = dy, in1 = x
 *     2  the same with in1 = y
 * p0 and p1 are the parameters of the activation.
 */
#include "common.cl"
#define ACTIVATION_WIDTH 1
#include "activation.cl"
#if VECTOR_WIDTH > 1
#define ACTIVATION_WIDTH VECTOR_WIDTH
#include "activation.cl"
#endif
#if MODE == 0
#define EXPRESSION(W) out0 = CAT(activation_value_, W)(in0, (REAL2)(p0, p1));
#elif MODE == 1
#define EXPRESSION(W) out0 = in0 * CAT(activation_derivative_, W)(in1, (REAL2)(p0, p1));
#else
#define EXPRESSION(W) out0 = in0 * CAT(activation_derivative_output_, W)(in1, (REAL2)(p0, p1));
#endif
#include "elementwise_engine.cl"
