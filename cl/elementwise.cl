/* SPDX-License-Identifier: Apache-2.0 */
/*
 * y = a op b and the gradients that need no sum; elementwise_engine.cl tells macros and geometry,
 * binary_expression.cl the operands.
 */
#include "common.cl"
#include "binary_expression.cl"
#define EXPRESSION(W) out0 = BINARY_EXPRESSION(W);
#include "elementwise_engine.cl"
