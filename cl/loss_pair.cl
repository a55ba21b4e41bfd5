/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Losses of elements beside targets, and their gradients; elementwise_engine.cl tells macros and
 * geometry, loss_pair_expression.cl the others and the inputs. -DGRADIENT=:
 *     0  out0 = weight * loss
 *     1  out0 = gradient of the result * p1 * weight * derivative
 * p0 is Huber's delta.
 */
#include "common.cl"
#include "vector.cl"
#define LOSS_WIDTH 1
#include "loss_pair_expression.cl"
#if VECTOR_WIDTH > 1
#define LOSS_WIDTH VECTOR_WIDTH
#include "loss_pair_expression.cl"
#endif
#if GRADIENT
#define EXPRESSION(W)                                                                              \
    out0 = GRADIENT_OUT(W) * p1 * (WEIGHT(W) * CAT(loss_derivative_, W)(in0, in1, POSITIVE(W), p0));
#else
#define EXPRESSION(W) out0 = WEIGHT(W) * CAT(loss_value_, W)(in0, in1, POSITIVE(W), p0);
#endif
#include "elementwise_engine.cl"
