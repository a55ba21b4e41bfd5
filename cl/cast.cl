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
#define IS_HALF(T) ((T) == 7 || (T) == 8)
#define IS_REAL(T) ((T) <= 2 || IS_HALF(T))
/* Integers of more than the 24 bits of a float */
#define IS_LONG_INTEGER(T) ((T) == 3 || (T) == 4 || (T) == 12 || (T) == 13)
#if IS_HALF(out0_type) && in0_type == 2
#define EXPRESSION(W)                                                                              \
    const FLOATS(W) near = CONVERT(float, W, in0);                                                 \
    const VALUES(2, W) back = CONVERT(double, W, near);                                            \
    const LANES_OF(int, W) bits = AS(int, W, near);                                                \
    const LANES_OF(int, W) is_off = CONVERT(int, W, back != in0) & 1;                              \
    const LANES_OF(int, W) is_beyond = CONVERT(int, W, (back > in0) == (in0 > 0.0)) & 1;           \
    out0 = AS(float, W, bits + (is_off & ~bits) * (1 - 2 * is_beyond));
#elif IS_HALF(out0_type) && IS_LONG_INTEGER(in0_type)
#define INTEGERS(W) VALUES(in0_type, W)
#define NONE (INTEGERS(1))0
#if in0_type == 3 || in0_type == 12
#define LOST(W, size) (((size) >> 24) != NONE ? (INTEGERS(W))(0xff) : (INTEGERS(W))(0))
#else
#define LOST(W, size)                                                                              \
    (((size) >> 52) != NONE   ? (INTEGERS(W))(0xffffffffffL)                                       \
     : ((size) >> 38) != NONE ? (INTEGERS(W))(0xfffffffL)                                          \
     : ((size) >> 24) != NONE ? (INTEGERS(W))(0x3fffL)                                             \
                              : (INTEGERS(W))(0L))
#endif
/* A number without its sign, or with all bits turned where that is set. */
#if in0_type == 3
#define SIZE_OF(v) ((v) ^ ((v) >> 31))
#elif in0_type == 4
#define SIZE_OF(v) ((v) ^ ((v) >> 63))
#else
#define SIZE_OF(v) (v)
#endif
#define EXPRESSION(W)                                                                              \
    const INTEGERS(W) lost = LOST(W, SIZE_OF(in0));                                                \
    const INTEGERS(W) odd = (in0 & lost) != NONE ? lost + (INTEGERS(1))1 : (INTEGERS(W))(0);        \
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
#elif out0_type == 9
/* By way of an int: rusticl 22.3 crashes over vectors of floats that become chars. */
#define CUT(W, v) CONVERT(char, W, CONVERT(int, W, v))
#define LOWEST -0x1p7f
#define BEYOND 0x1p7f
#define LARGEST 127
#elif out0_type == 10
#define LOWEST -0x1p15f
#define BEYOND 0x1p15f
#define LARGEST 32767
#else
#define LOWEST 0.0f
#if out0_type == 11
#define BEYOND 0x1p16f
#define LARGEST 65535
#elif out0_type == 12
#define BEYOND 0x1p32f
#define LARGEST 0xffffffffu
#elif out0_type == 13
#define BEYOND 0x1p64f
#define LARGEST 0xffffffffffffffffUL
#else
#define BEYOND 0x1p8f
#define LARGEST 255
#endif
#endif
#ifndef CUT
#define CUT(W, v) CONVERT(CAT(ELEMENT_, out0_type), W, v)
#endif
#define IN VALUES(in0_type, 1)
#define EXPRESSION(W)                                                                              \
    const VALUES(in0_type, W) low = in0 > (IN)LOWEST ? in0 : (VALUES(in0_type, W))(LOWEST);         \
    const VALUES(in0_type, W) inside = low < (IN)BEYOND ? low : (VALUES(in0_type, W))(0);           \
    const VALUES(in0_type, W) known = in0 == in0 ? inside : (VALUES(in0_type, W))(0);               \
    out0 = MASK(CAT(SIGNED_, out0_type), W, low >= (IN)BEYOND)                                     \
               ? (VALUES(out0_type, W))(LARGEST)                                                   \
               : CUT(W, known);
#else
#define EXPRESSION(W) out0 = CONVERT(CAT(ELEMENT_, out0_type), W, in0);
#endif
#include "elementwise_engine.cl"
