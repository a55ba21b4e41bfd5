/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types of a reduction's tensors, in0_type .. in4_type, out_type and second_type, 1 where they are not
 * given, and what element.cl needs of them for all widths that reduce_engine.cl uses: 1, VECTOR_WIDTH, and those
 * below it with FORM 1. Include after vector.cl.
 */
#include "element.cl"
#ifndef in0_type
#define in0_type 1
#endif
#ifndef in1_type
#define in1_type 1
#endif
#ifndef in2_type
#define in2_type 1
#endif
#ifndef in3_type
#define in3_type 1
#endif
#ifndef in4_type
#define in4_type 1
#endif
#ifndef out_type
#define out_type 1
#endif
#ifndef second_type
#define second_type 1
#endif
#define IS_TYPE(T)                                                                                 \
    (in0_type == T || in1_type == T || in2_type == T || in3_type == T || in4_type == T ||          \
        out_type == T || second_type == T)
#if IS_TYPE(7)
#define OF_TYPE_7(W) HALF_FUNCTIONS(7, W)
#else
#define OF_TYPE_7(W)
#endif
#if IS_TYPE(8)
#define OF_TYPE_8(W) HALF_FUNCTIONS(8, W)
#else
#define OF_TYPE_8(W)
#endif
#if IS_TYPE(7) || IS_TYPE(8)
#define OF_HALVES(W) OF_TYPE_7(W) OF_TYPE_8(W) ELEMENT_FUNCTIONS(ushort, W)
OF_TYPE_7(1) OF_TYPE_8(1)
#if VECTOR_WIDTH > 1
OF_HALVES(VECTOR_WIDTH)
#endif
#if FORM == 1 && VECTOR_WIDTH > 4
OF_HALVES(4)
#endif
#if FORM == 1 && VECTOR_WIDTH > 8
OF_HALVES(8)
#endif
#endif
