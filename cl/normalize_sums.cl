/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sums behind the gradients of normalisations; reduce_engine.cl tells macros and geometry. Two
 * at once; h = (x - mean) * inverse, without CENTERED mean is 0. -DSUMS=:
 *     0  dy and dy h                      in0 = dy, in1 = x, in2 = inverse, then mean
 *     1  dy scale and dy scale h          the same, then scale
 *     2  in0 and in1
 *     3  in0 in2 and in1 in2              sums of SUMS 0 of cells in each of which the scale in2 is one
 */
#include "common.cl"
#if CENTERED
#define DISTANCE (in1 - in3)
#define SCALE in4
#else
#define DISTANCE in1
#define SCALE in3
#endif
#if SUMS == 0
#define EXPRESSION(W)                                                                              \
    value = in0;                                                                                   \
    second = in0 * (DISTANCE * in2);
#elif SUMS == 1
#define EXPRESSION(W)                                                                              \
    value = in0 * SCALE;                                                                           \
    second = value * (DISTANCE * in2);
#elif SUMS == 2
#define EXPRESSION(W)                                                                              \
    value = in0;                                                                                   \
    second = in1;
#else
#define EXPRESSION(W)                                                                              \
    value = in0 * in2;                                                                             \
    second = in1 * in2;
#endif
#include "reduce_engine.cl"
