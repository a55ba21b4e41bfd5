/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gradients of broadcast operands: binary_expression.cl summed without a temporary;
 * reduce_engine.cl tells macros and geometry.
 */
#include "common.cl"
#define NARROWER_TOO
#include "binary_expression.cl"
#define EXPRESSION(W) value = BINARY_EXPRESSION(W);
#include "reduce_engine.cl"
