/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BINARY_EXPRESSION for -DBINARY=<value of cleat_binary> and -DGRADIENT=:
 *     0  a op b           in0 = a, in1 = b
 *     1  gradient of a    in0 = dy, in1 = b
 *     2  gradient of b    in0 = dy, in1 = a, in2 = b
 * Operands that an expression does not name need not be there.
 */
#if GRADIENT == 0
#if BINARY == 0
#define BINARY_EXPRESSION (in0 + in1)
#elif BINARY == 1
#define BINARY_EXPRESSION (in0 - in1)
#elif BINARY == 2
#define BINARY_EXPRESSION (in0 * in1)
#else
#define BINARY_EXPRESSION (in0 / in1)
#endif
#elif BINARY == 0
#define BINARY_EXPRESSION (in0)
#elif BINARY == 1 && GRADIENT == 1
#define BINARY_EXPRESSION (in0)
#elif BINARY == 1
#define BINARY_EXPRESSION (-in0)
#elif BINARY == 2
#define BINARY_EXPRESSION (in0 * in1)
#elif GRADIENT == 1
#define BINARY_EXPRESSION (in0 / in1)
#else
#define BINARY_EXPRESSION (-(in0 / in2) * (in1 / in2))
#endif
