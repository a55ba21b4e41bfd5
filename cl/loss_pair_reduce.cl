/* SPDX-License-Identifier: Apache-2.0 */
/* The sum of what loss_pair.cl tells of each element; reduce_engine.cl tells macros and geometry. */
#include "common.cl"
#include "vector.cl"
#define LOSS_WIDTH 1
#include "loss_pair_expression.cl"
#if VECTOR_WIDTH > 1
#define LOSS_WIDTH VECTOR_WIDTH
#include "loss_pair_expression.cl"
#endif
#if FORM == 1 && VECTOR_WIDTH > 4 /* the last columns */
#define LOSS_WIDTH 4
#include "loss_pair_expression.cl"
#endif
#if FORM == 1 && VECTOR_WIDTH > 8
#define LOSS_WIDTH 8
#include "loss_pair_expression.cl"
#endif
#define EXPRESSION(W) value = WEIGHT(W) * CAT(loss_value_, W)(in0, in1, POSITIVE(W), p0);
#include "reduce_engine.cl"
