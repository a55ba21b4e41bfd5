/* SPDX-License-Identifier: Apache-2.0 */
/* The gradient of prelu's slopes, summed where they are broadcast: prelu_expression.cl with -DPRELU=2;
 * reduce_engine.cl tells macros and geometry. */
#include "common.cl"
#include "prelu_expression.cl"
#define EXPRESSION(W) value = PRELU_EXPRESSION(W);
#include "reduce_engine.cl"
