/* SPDX-License-Identifier: Apache-2.0 */
/*
 * y = a op b in other types than f32, for -DBINARY=<value of cleat_binary>, 7 for the remainder;
 * elementwise_engine.cl tells macros and geometry. Integers wrap around, as unsigned ones do in C;
 * division by 0 gives 0, and no lane of a vector divides by 0, or by -1, which processors trap.
 */
#include "common.cl"
#define E CAT(ELEMENT_, out0_type)
#if out0_type == 3
#define WRAP(W, a, op, b) AS(int, W, AS(uint, W, a) op AS(uint, W, b))
#elif out0_type == 4
#define WRAP(W, a, op, b) AS(long, W, AS(ulong, W, a) op AS(ulong, W, b))
#else
#define WRAP(W, a, op, b) ((a)op(b))
#endif
#define ZERO(W) ((VALUES(out0_type, W))(0))
#define ONE(W) ((VALUES(out0_type, W))(1))
#if out0_type >= 5
#define IS_ODD_DIVISOR(b) ((b) == (E)0)
#define NEGATED(W, a) a
#define FLOORED(W, r, b) r
#else
#define IS_ODD_DIVISOR(b) (((b) == (E)0) | ((b) == (E) - 1))
#define NEGATED(W, a) WRAP(W, ZERO(W), -, a)
#define FLOORED(W, r, b) (((r) != (E)0) & (((r) ^ (b)) < (E)0) ? (r) + (b) : (r))
#endif

#if BINARY == 0
#define EXPRESSION(W) out0 = WRAP(W, in0, +, in1);
#elif BINARY == 1
#define EXPRESSION(W) out0 = WRAP(W, in0, -, in1);
#elif BINARY == 2
#define EXPRESSION(W) out0 = WRAP(W, in0, *, in1);
#elif BINARY == 3 && out0_type == 2
#define EXPRESSION(W) out0 = in0 / in1;
#elif BINARY == 3
#define EXPRESSION(W)                                                                              \
    const VALUES(out0_type, W) quotient = in0 / (IS_ODD_DIVISOR(in1) ? ONE(W) : in1);              \
    out0 = in1 == (E)0 ? ZERO(W) : IS_ODD_DIVISOR(in1) ? NEGATED(W, in0) : quotient;
#elif BINARY == 4
#define EXPRESSION(W) out0 = pow(in0, in1);
#elif BINARY == 5
#define EXPRESSION(W) out0 = ((in0 < in1) | (in0 != in0)) ? in0 : in1;
#elif BINARY == 6
#define EXPRESSION(W) out0 = ((in0 > in1) | (in0 != in0)) ? in0 : in1;
#else
#define EXPRESSION(W)                                                                              \
    const VALUES(out0_type, W) rest = in0 % (IS_ODD_DIVISOR(in1) ? ONE(W) : in1);                  \
    const VALUES(out0_type, W) result = FLOORED(W, rest, in1);                                     \
    out0 = IS_ODD_DIVISOR(in1) ? ZERO(W) : result;
#endif
#include "elementwise_engine.cl"
