/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain reductions; reduce_engine.cl tells macros and geometry. -DREDUCE_VALUE=:
 *     0  in0; times p0, which is 1 or -1, where the greatest is sought
 *     1  how many elements in0 equal in1, NaN counting as equal to NaN: for the gradient of max
 *     2  |in0|
 *     3  in0^2
 *     4  in0, 1 in the place of zeros, and how many zeros: for the gradient of a product
 */
#include "common.cl"
#if REDUCE_VALUE == 0 && REDUCTION == 5
#define EXPRESSION(W)                                                                              \
    value = in0 * p0;                                                                              \
    second = in1;
#elif REDUCE_VALUE == 0 && REDUCTION == 1
#define EXPRESSION(W) value = in0 * p0;
#elif REDUCE_VALUE == 0
#define EXPRESSION(W) value = in0;
#elif REDUCE_VALUE == 1
#define EXPRESSION(W)                                                                              \
    value = ((in0 == in1) | ((in0 != in0) & (in1 != in1))) ? (FLOATS(W))(1.0f) : (FLOATS(W))(0.0f);
#elif REDUCE_VALUE == 2
#define EXPRESSION(W) value = fabs(in0);
#elif REDUCE_VALUE == 3
#define EXPRESSION(W) value = in0 * in0;
#else
#define EXPRESSION(W)                                                                              \
    value = in0 == 0.0f ? (FLOATS(W))(1.0f) : in0;                                                 \
    second = in0 == 0.0f ? (FLOATS(W))(1.0f) : (FLOATS(W))(0.0f);
#endif
#include "reduce_engine.cl"
