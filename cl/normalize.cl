/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The passes of normalisations that go element by element; elementwise_engine.cl tells macros and
 * geometry. h = (x - mean) * inverse; without CENTERED mean is 0. -DNORMALIZE=:
 *     0  out0 = h scale + bias           in0 = x, inverse, then those that there are of mean, scale, bias
 *     1  out0 = inverse (dy scale - (s1 + h s2) p0)    in0 = dy, x, inverse, s2, then those that there
 *     2  out0 = inverse scale (dy - (s1 + h s2) p0)    are of mean, s1, scale; p0 = 1 / elements
 *     3  out0 = 1 / sqrt(in0 + p0)
 *     4  out0 = p0 in0 + p1 in1
 * Macros: CENTERED, SCALED, BIASED: whether there are mean (and s1), scale, bias.
 */
#include "common.cl"

#if NORMALIZE == 0
#if CENTERED
#define DISTANCE (in0 - in2)
#define SCALE in3
#define BIAS in4
#else
#define DISTANCE in0
#define SCALE in2
#define BIAS in3
#endif
#if BIASED
#define EXPRESSION(W) out0 = FMA(DISTANCE * in1, SCALE, BIAS);
#elif SCALED
#define EXPRESSION(W) out0 = DISTANCE * in1 * SCALE;
#else
#define EXPRESSION(W) out0 = DISTANCE * in1;
#endif
#elif NORMALIZE <= 2
#if CENTERED
#define SUMS FMA((in1 - in4) * in2, in3, in5)
#define SCALE in6
#else
#define SUMS in1 * in2 * in3
#define SCALE in4
#endif
#if !SCALED
#define EXPRESSION(W) out0 = in2 * FMA(-(SUMS), (FLOATS(W))(p0), in0);
#elif NORMALIZE == 1
#define EXPRESSION(W) out0 = in2 * FMA(-(SUMS), (FLOATS(W))(p0), in0 * SCALE);
#else
#define EXPRESSION(W) out0 = in2 * SCALE * FMA(-(SUMS), (FLOATS(W))(p0), in0);
#endif
#elif NORMALIZE == 3
#define EXPRESSION(W) out0 = 1.0f / sqrt(in0 + p0);
#else
#define EXPRESSION(W) out0 = FMA((FLOATS(W))(p0), in0, p1 * in1);
#endif
#include "elementwise_engine.cl"
