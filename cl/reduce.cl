/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain reductions; reduce_engine.cl tells macros and geometry. -DREDUCE_VALUE=:
 *     0  in0
 *     1  how many elements in0 equal in1, NaN counting as equal to NaN: for the gradient of max
 */
#include "common.cl"
#if REDUCE_VALUE == 0
#define EXPRESSION(W) value = in0;
#else
#define EXPRESSION(W)                                                                              \
    value = ((in0 == in1) | ((in0 != in0) & (in1 != in1))) ? (FLOATS(W))(1.0f) : (FLOATS(W))(0.0f);
#endif
#include "reduce_engine.cl"
