/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BINARY_EXPRESSION(W) in f32 for -DBINARY=<value of cleat_binary> and -DGRADIENT=:
 *     0  a op b           in0 = a, in1 = b
 *     1  gradient of a    in0 = dy, in1 = b; of pow, min and max in1 = a, in2 = b
 *     2  gradient of b    in0 = dy, in1 = a, in2 = b
 * Operands that an expression does not name need not be there. Include before the engine; with
 * NARROWER_TOO defined, W may be 4 and 8 besides 1 and VECTOR_WIDTH.
 */
#if BINARY == 4
#include "vector.cl"
#include "element.cl"
#define MATH_WIDTH 1
#include "math.cl"
#define MATH_WIDTH 1
#include "math_power.cl"
#if VECTOR_WIDTH > 1
#define MATH_WIDTH VECTOR_WIDTH
#include "math.cl"
#define MATH_WIDTH VECTOR_WIDTH
#include "math_power.cl"
#endif
#if defined(NARROWER_TOO) && VECTOR_WIDTH > 8
#define MATH_WIDTH 8
#include "math.cl"
#define MATH_WIDTH 8
#include "math_power.cl"
#endif
#if defined(NARROWER_TOO) && VECTOR_WIDTH > 4
#define MATH_WIDTH 4
#include "math.cl"
#define MATH_WIDTH 4
#include "math_power.cl"
#endif
#endif

#define NONE(W) ((FLOATS(W))(0.0f))
#if GRADIENT == 0
#if BINARY == 0
#define BINARY_EXPRESSION(W) (in0 + in1)
#elif BINARY == 1
#define BINARY_EXPRESSION(W) (in0 - in1)
#elif BINARY == 2
#define BINARY_EXPRESSION(W) (in0 * in1)
#elif BINARY == 3
#define BINARY_EXPRESSION(W) (in0 / in1)
#elif BINARY == 4
#define BINARY_EXPRESSION(W) CAT(math_power_, W)(in0, in1)
#elif BINARY == 5
#define BINARY_EXPRESSION(W) (((in0 < in1) | (in0 != in0)) ? in0 : in1)
#else
#define BINARY_EXPRESSION(W) (((in0 > in1) | (in0 != in0)) ? in0 : in1)
#endif
#elif BINARY == 0
#define BINARY_EXPRESSION(W) (in0)
#elif BINARY == 1 && GRADIENT == 1
#define BINARY_EXPRESSION(W) (in0)
#elif BINARY == 1
#define BINARY_EXPRESSION(W) (-in0)
#elif BINARY == 2
#define BINARY_EXPRESSION(W) (in0 * in1)
#elif BINARY == 3 && GRADIENT == 1
#define BINARY_EXPRESSION(W) (in0 / in1)
#elif BINARY == 3
#define BINARY_EXPRESSION(W) (-(in0 / in2) * (in1 / in2))
#elif BINARY == 4 && GRADIENT == 1
#define BINARY_EXPRESSION(W)                                                                       \
    (in2 == 0.0f ? NONE(W) : in0 * (in2 * CAT(math_power_, W)(in1, in2 - 1.0f)))
#elif BINARY == 4
#define BINARY_EXPRESSION(W)                                                                       \
    ((in1 == 0.0f) & (in2 >= 0.0f)                                                                 \
            ? NONE(W)                                                                              \
            : in0 * (CAT(math_power_, W)(in1, in2) *                                               \
                        (in1 < 0.0f ? (FLOATS(W))(NAN) : CAT(math_log_magnitude_, W)(in1))))
#elif (BINARY == 5) == (GRADIENT == 1)
#define BINARY_EXPRESSION(W) (in1 == in2 ? in0 * 0.5f : in1 > in2 ? NONE(W) : in0)
#else
#define BINARY_EXPRESSION(W) (in1 == in2 ? in0 * 0.5f : in1 < in2 ? NONE(W) : in0)
#endif
