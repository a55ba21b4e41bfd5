/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Truth by element; elementwise_engine.cl tells macros and geometry. -DCHOICE=:
 *     0 .. 3   out0 = in0 == in1, in0 != in1, in0 < in1, in0 <= in1
 *     4 .. 6   out0 = in0 and, or, xor in1: what is not 0 is true
 *     7        out0 = not in0
 *     8        out0 = in0 ? in1 : in2
 *     9, 10    out0 = in0 ? in1 : 0, in0 ? 0 : in1
 *     11       out0 = in0 != 0: a cast to bool
 */
#include "common.cl"
#if CHOICE == 0
#define EXPRESSION(W) out0 = BOOLS(W, in0 == in1);
#elif CHOICE == 1
#define EXPRESSION(W) out0 = BOOLS(W, in0 != in1);
#elif CHOICE == 2
#define EXPRESSION(W) out0 = BOOLS(W, in0 < in1);
#elif CHOICE == 3
#define EXPRESSION(W) out0 = BOOLS(W, in0 <= in1);
#elif CHOICE == 4
#define EXPRESSION(W) out0 = BOOLS(W, (in0 != (uchar)0) & (in1 != (uchar)0));
#elif CHOICE == 5
#define EXPRESSION(W) out0 = BOOLS(W, (in0 | in1) != (uchar)0);
#elif CHOICE == 6
#define EXPRESSION(W) out0 = BOOLS(W, (in0 != (uchar)0) ^ (in1 != (uchar)0));
#elif CHOICE == 7
#define EXPRESSION(W) out0 = BOOLS(W, in0 == (uchar)0);
#elif CHOICE == 8
#define EXPRESSION(W) out0 = MASK(CAT(SIGNED_, out0_type), W, in0) ? in1 : in2;
#elif CHOICE == 9
#define EXPRESSION(W) out0 = MASK(CAT(SIGNED_, out0_type), W, in0) ? in1 : (VALUES(out0_type, W))(0);
#elif CHOICE == 10
#define EXPRESSION(W) out0 = MASK(CAT(SIGNED_, out0_type), W, in0) ? (VALUES(out0_type, W))(0) : in1;
#else
#define EXPRESSION(W) out0 = BOOLS(W, in0 != (VALUES(in0_type, 1))0);
#endif
#include "elementwise_engine.cl"
