/* SPDX-License-Identifier: Apache-2.0 */
/*
 * out0 = in0 as a number of another type, not bool; elementwise_engine.cl tells macros and geometry.
 * To integers from real numbers: towards zero, what is out of range to the nearest end, NaN to 0. Else
 * as C converts: integers to shorter ones lose their upper bits, the rest is rounded to nearest even.
 *
 * To 16 bits by way of a float, which is rounded to nearest even when it is stored. Where it cannot hold
 * what it is made from, a first rounding to nearest could make a tie that was none: of the two floats around
 * (of integers: of two with 24 bits or fewer, but 11 or more) it takes the odd one, which is none (Boldo &
 * Melquiond, Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd, 2008).
 */
#include "common.cl"
#define IS_REAL(T) ((T) <= 2 || (T) >= 7)
#if out0_type >= 7 && in0_type == 2
#define EXPRESSION(W)                                                                              \
    const FLOATS(W) near = CONVERT(float, W, in0);                                                 \
    const VALUES(2, W) back = CONVERT(double, W, near);                                            \
    const LANES_OF(int, W) bits = AS(int, W, near);                                                \
    const LANES_OF(int, W) is_off = CONVERT(int, W, back != in0) & 1;                              \
    const LANES_OF(int, W) is_beyond = CONVERT(int, W, (back > in0) == (in0 > 0.0)) & 1;           \
    out0 = AS(float, W, bits + (is_off & ~bits) * (1 - 2 * is_beyond));
#elif out0_type >= 7 && (in0_type == 3 || in0_type == 4)
#define INTEGERS(W) VALUES(in0_type, W)
#if in0_type == 3
#define LOST(W, size) (((size) >> 24) != 0 ? (INTEGERS(W))(0xff) : (INTEGERS(W))(0))
#define SIGN_BIT 31
#else
#define LOST(W, size)                                                                              \
    (((size) >> 52) != 0L   ? (INTEGERS(W))(0xffffffffffL)                                         \
     : ((size) >> 38) != 0L ? (INTEGERS(W))(0xfffffffL)                                            \
     : ((size) >> 24) != 0L ? (INTEGERS(W))(0x3fffL)                                               \
                            : (INTEGERS(W))(0L))
#define SIGN_BIT 63
#endif
#define EXPRESSION(W)                                                                              \
    const INTEGERS(W) lost = LOST(W, in0 ^ (in0 >> SIGN_BIT));                                     \
    const INTEGERS(W) odd = (in0 & lost) != (INTEGERS(W))(0) ? lost + 1 : (INTEGERS(W))(0);        \
    out0 = CONVERT(float, W, (in0 & ~lost) | odd);
#elif IS_REAL(in0_type) && !IS_REAL(out0_type)
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
