/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between whole numbers and real ones; elementwise_engine.cl tells macros and geometry. BIAS, FACTOR,
 * SCALE, ZERO: the input that is it, in1 .. in4; 0: there is none.
 *     out0 = (in0 - zero) * scale                         to f32
 *     out0 = rint((in0 + bias) * factor / scale) + zero   to integers of 8 or 16 bits, out of range
 *                                                         to the nearest end, NaN to 0
 * With a bias, an int, in0 is a whole number, and their sum wraps around.
 */
#include "common.cl"
#define OPERAND(W, i) CONVERT(float, W, CAT(in, i))
#if FACTOR
#define TIMES_FACTOR(W) *OPERAND(W, FACTOR)
#else
#define TIMES_FACTOR(W)
#endif
#if BIAS
#define NUMBER(W) CONVERT(float, W, CONVERT(int, W, in0) + CAT(in, BIAS))
#else
#define NUMBER(W) CONVERT(float, W, in0)
#endif
#if ZERO
#define ZERO_POINT(W) OPERAND(W, ZERO)
#else
#define ZERO_POINT(W) 0.0f
#endif
#if out0_type == 5
#define LEAST 0.0f
#define MOST 255.0f
#elif out0_type == 9
#define LEAST -128.0f
#define MOST 127.0f
#elif out0_type == 10
#define LEAST -32768.0f
#define MOST 32767.0f
#elif out0_type == 11
#define LEAST 0.0f
#define MOST 65535.0f
#endif
#if defined(LEAST)
/* By way of an int: rusticl 22.3 crashes over vectors of floats that become chars. */
#define EXPRESSION(W)                                                                              \
    const FLOATS(W) quotient = NUMBER(W) TIMES_FACTOR(W) / OPERAND(W, SCALE);                      \
    const FLOATS(W) level = rint(quotient) + ZERO_POINT(W);                                        \
    const FLOATS(W) low = level > (REAL)LEAST ? level : (FLOATS(W))(LEAST);                        \
    const FLOATS(W) inside = low < (REAL)MOST ? low : (FLOATS(W))(MOST);                           \
    const FLOATS(W) known = level == level ? inside : (FLOATS(W))(0);                              \
    out0 = CONVERT(CAT(ELEMENT_, out0_type), W, CONVERT(int, W, known));
#elif SCALE
#define EXPRESSION(W) out0 = (CONVERT(float, W, in0) - ZERO_POINT(W)) * OPERAND(W, SCALE);
#else
#define EXPRESSION(W) out0 = CONVERT(float, W, in0) - ZERO_POINT(W);
#endif
#include "elementwise_engine.cl"
