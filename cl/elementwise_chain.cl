/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Up to three operations of two operands, and an activation, in one pass:
 *     out0 = activation(((in0 STEP1 in1) STEP2 in2) STEP3 in3)
 * elementwise_engine.cl tells macros and geometry. STEP1 .. STEP3 are values of cleat_binary, 7 and 8 for a
 * difference and a quotient whose operands are the other way round, 9 for none (and no operand);
 * ACTIVATION is a form of activation.cl with the parameters p0 and p1.
 */
#include "common.cl"
#define ACTIVATION_WIDTH 1
#include "activation.cl"
#if VECTOR_WIDTH > 1
#define ACTIVATION_WIDTH VECTOR_WIDTH
#include "activation.cl"
#endif
#define STEP_0(x) chain = chain + x;
#define STEP_1(x) chain = chain - x;
#define STEP_2(x) chain = chain * x;
#define STEP_3(x) chain = chain / x;
#define STEP_5(x) chain = ((chain < x) | (chain != chain)) ? chain : x;
#define STEP_6(x) chain = ((chain > x) | (chain != chain)) ? chain : x;
#define STEP_7(x) chain = x - chain;
#define STEP_8(x) chain = x / chain;
#define STEP_9(x)
#define EXPRESSION(W)                                                                              \
    FLOATS(W) chain = in0;                                                                         \
    CAT(STEP_, STEP1)(in1) CAT(STEP_, STEP2)(in2) CAT(STEP_, STEP3)(in3)                           \
    out0 = CAT(activation_value_, W)(chain, (REAL2)(p0, p1));
#include "elementwise_engine.cl"
