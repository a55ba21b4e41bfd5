/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gated linear units; elementwise_engine.cl tells macros and geometry, activation.cl ACTIVATION, the
 * gate's. -DGRADIENT=:
 *     0  out0 = in0 * activation(in1)          in0 = a, in1 = b
 *     1  out0 = in0 * activation(in2)                    in0 = dy, in1 = a, in2 = b
 *        out1 = in0 * in1 * activation'(in2)
 * p0 and p1 are the parameters of the activation.
 */
#include "common.cl"
#define ACTIVATION_WIDTH 1
#include "activation.cl"
#if VECTOR_WIDTH > 1
#define ACTIVATION_WIDTH VECTOR_WIDTH
#include "activation.cl"
#endif
#if GRADIENT
#define EXPRESSION(W)                                                                              \
    out0 = in0 * CAT(activation_value_, W)(in2, (REAL2)(p0, p1));                                 \
    out1 = in0 * in1 * CAT(activation_derivative_, W)(in2, (REAL2)(p0, p1));
#else
#define EXPRESSION(W) out0 = in0 * CAT(activation_value_, W)(in1, (REAL2)(p0, p1));
#endif
#include "elementwise_engine.cl"
