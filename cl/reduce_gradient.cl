/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gradients of reductions; elementwise_engine.cl tells macros and geometry. -DREDUCE_MAX=:
 *     0  out0 = in0 / p0                          in0 = dy, p0 the number of elements of a mean
 *     1  out0 = in1 equals in2 ? in0 / in3 : 0    in1 = x, in2 = y, in3 = how many equal y; NaN
 *                                                 counts as equal to NaN
 */
#include "common.cl"
#if REDUCE_MAX
#define EXPRESSION(W)                                                                              \
    out0 = ((in1 == in2) | ((in1 != in1) & (in2 != in2))) ? in0 / in3 : (FLOATS(W))(0.0f);
#else
#define EXPRESSION(W) out0 = in0 / p0;
#endif
#include "elementwise_engine.cl"
