/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gradients of broadcast operands: binary_expression.cl summed without a temporary;
 * reduce_engine.cl tells macros and geometry.
 */
#include "common.cl"
#include "binary_expression.cl"
#define EXPRESSION(W) value = BINARY_EXPRESSION;
#include "reduce_engine.cl"
