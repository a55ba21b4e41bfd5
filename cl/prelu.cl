/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leaky relu with a tensor of slopes; elementwise_engine.cl tells macros and geometry.
 * PRELU_EXPRESSION of prelu_expression.cl by -DPRELU=.
 */
#include "common.cl"
#include "prelu_expression.cl"
#define EXPRESSION(W) out0 = PRELU_EXPRESSION(W);
#include "elementwise_engine.cl"
