/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Going through the axes of a tensor, whose rank is a macro:
 *     UP_TO_n(ANY, name)  ANY(name0) ANY(name1) ... ANY(name<n - 1>)
 *     AXES_1_n(A, L)  A(1) A(2) ... L(n - 1)
 *     AXES_2_n(A, L)  A(2) ... L(n - 1)
 * for n up to 8, nothing where no axis is left. A takes the coordinate of its axis off a number, L,
 * for the outermost axis, what is left of it.
 */
#define UP_TO_1(ANY, name) ANY(name##0)
#define UP_TO_2(ANY, name) UP_TO_1(ANY, name) ANY(name##1)
#define UP_TO_3(ANY, name) UP_TO_2(ANY, name) ANY(name##2)
#define UP_TO_4(ANY, name) UP_TO_3(ANY, name) ANY(name##3)
#define UP_TO_5(ANY, name) UP_TO_4(ANY, name) ANY(name##4)
#define UP_TO_6(ANY, name) UP_TO_5(ANY, name) ANY(name##5)
#define UP_TO_7(ANY, name) UP_TO_6(ANY, name) ANY(name##6)
#define UP_TO_8(ANY, name) UP_TO_7(ANY, name) ANY(name##7)
#define UP_TO_0(ANY, name)
#define AXES_2_2(A, L)
#define AXES_2_3(A, L) L(2)
#define AXES_2_4(A, L) A(2) L(3)
#define AXES_2_5(A, L) A(2) A(3) L(4)
#define AXES_2_6(A, L) A(2) A(3) A(4) L(5)
#define AXES_2_7(A, L) A(2) A(3) A(4) A(5) L(6)
#define AXES_2_8(A, L) A(2) A(3) A(4) A(5) A(6) L(7)
#define AXES_1_1(A, L)
#define AXES_1_2(A, L) L(1)
#define AXES_1_3(A, L) A(1) AXES_2_3(A, L)
#define AXES_1_4(A, L) A(1) AXES_2_4(A, L)
#define AXES_1_5(A, L) A(1) AXES_2_5(A, L)
#define AXES_1_6(A, L) A(1) AXES_2_6(A, L)
#define AXES_1_7(A, L) A(1) AXES_2_7(A, L)
#define AXES_1_8(A, L) A(1) AXES_2_8(A, L)
