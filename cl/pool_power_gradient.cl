/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes before and after the sum over windows in the gradient of L-p pooling;
 * elementwise_engine.cl tells macros and geometry. -DLP=1, 2, or 3: any p.
 *     -DSTEP=0  out0 = in1 == 0 ? 0 : in0 in1^p0             in0 = dy, in1 = y, p0 = 1 - p
 *           1   out0 = in0 sign(in1) |in1|^p0                in1 = x, p0 = p - 1
 */
#include "common.cl"
#if LP == 3
#include "vector.cl"
#include "element.cl"
#define MATH_WIDTH 1
#include "math.cl"
#define MATH_WIDTH 1
#include "math_power.cl"
#define MATH_WIDTH VECTOR_WIDTH
#include "math.cl"
#define MATH_WIDTH VECTOR_WIDTH
#include "math_power.cl"
#endif
#if STEP == 0 && LP == 3
#define EXPRESSION(W)                                                                              \
    out0 = in1 == 0.0f ? (FLOATS(W))(0.0f) : in0 * CAT(math_power_, W)(in1, (FLOATS(W))(p0));
#elif STEP == 0
#define EXPRESSION(W) out0 = in1 == 0.0f ? (FLOATS(W))(0.0f) : in0 / in1;
#elif LP == 3
#define EXPRESSION(W)                                                                              \
    const FLOATS(W) share = in0 * CAT(math_power_, W)(fabs(in1), (FLOATS(W))(p0));                 \
    out0 = in1 < 0.0f ? -share : share;
#elif LP == 2
#define EXPRESSION(W) out0 = in0 * in1;
#else
#define EXPRESSION(W) out0 = in1 > 0.0f ? in0 : in1 < 0.0f ? -in0 : in0 * in1;
#endif
#include "elementwise_engine.cl"
