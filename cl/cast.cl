/* SPDX-License-Identifier: Apache-2.0 */
/*
 * out0 = in0 as a number of another type, not bool; elementwise_engine.cl tells macros and geometry.
 * To integers from f32 and f64: towards zero, what is out of range to the nearest end, NaN to 0. Else
 * as C converts: integers to shorter ones lose their upper bits, the rest is rounded to nearest even.
 */
#include "common.cl"
#if in0_type <= 2 && out0_type >= 3
/* The range of out0's type, whose upper end is exclusive, and its largest value. */
#if out0_type == 3
#define LOWEST -0x1p31f
#define BEYOND 0x1p31f
#define LARGEST 0x7fffffff
#elif out0_type == 4
#define LOWEST -0x1p63f
#define BEYOND 0x1p63f
#define LARGEST 0x7fffffffffffffffL
#else
#define LOWEST 0.0f
#define BEYOND 0x1p8f
#define LARGEST 255
#endif
#define IN VALUES(in0_type, 1)
#define EXPRESSION(W)                                                                              \
    const VALUES(in0_type, W) low = in0 > (IN)LOWEST ? in0 : (VALUES(in0_type, W))(LOWEST);         \
    const VALUES(in0_type, W) inside = low < (IN)BEYOND ? low : (VALUES(in0_type, W))(0);           \
    const VALUES(in0_type, W) known = in0 == in0 ? inside : (VALUES(in0_type, W))(0);               \
    out0 = MASK(CAT(SIGNED_, out0_type), W, low >= (IN)BEYOND)                                     \
               ? (VALUES(out0_type, W))(LARGEST)                                                   \
               : CONVERT(CAT(ELEMENT_, out0_type), W, known);
#else
#define EXPRESSION(W) out0 = CONVERT(CAT(ELEMENT_, out0_type), W, in0);
#endif
#include "elementwise_engine.cl"
