/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PRELU_EXPRESSION(W) for -DPRELU=:
 *     0  the value             in0 = x, in1 = slope
 *     1  gradient of x         in0 = dy, in1 = x, in2 = slope
 *     2  gradient of slope     in0 = dy, in1 = x
 */
#if PRELU == 0
#define PRELU_EXPRESSION(W) (in0 < 0.0f ? in0 * in1 : in0)
#elif PRELU == 1
#define PRELU_EXPRESSION(W) (in1 <= 0.0f ? in0 * in2 : in0)
#else
#define PRELU_EXPRESSION(W) (in1 > 0.0f ? (FLOATS(W))(0.0f) : in0 * in1)
#endif
