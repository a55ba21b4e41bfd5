/* SPDX-License-Identifier: Apache-2.0 */
/*
 * out0 = in0 min(1, p0 / (in1 + 1e-6)): a gradient, the norm of all, the largest allowed;
 * elementwise_engine.cl tells macros and geometry.
 */
#include "common.cl"
#define EXPRESSION(W)                                                                              \
    const FLOATS(W) factor = p0 / (in1 + REAL_CONSTANT(1e-6));                                                   \
    out0 = in0 * (factor > 1.0f ? (FLOATS(W))(1.0f) : factor);
#include "elementwise_engine.cl"
