/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel's numbers as one argument, a struct (launch_numbers_begin() of src/core/launch.h). A list
 * names them in the order in which the host passes them, those of type INDEX first; the host leaves the
 * gaps that C leaves, which there are where a REAL is a double:
 *
 *     #define MY_NUMBERS(ANY_INDEX, ANY_INT, ANY_FLOAT) ANY_INDEX(x_offset) ANY_INT(rows) ...
 *     typedef struct my_numbers { NUMBER_MEMBERS(MY_NUMBERS) } my_numbers;
 *
 * A number of kind FLOAT is a REAL (common.cl); launch_real(). In a kernel that has a parameter
 * `const my_numbers numbers`, NUMBERS(MY_NUMBERS) declares them all
 * as constants. Include after common.cl.
 *
 * ACTIVATION_NUMBERS(ANY_FLOAT) in a list are the parameters of an activation (cl/activation.cl),
 * ACTIVATION_PARAMETERS then both of them in the kernel. Host: launch_activation().
 */
#define MEMBER_INDEX(name) INDEX name;
#define MEMBER_INT(name) int name;
#define MEMBER_FLOAT(name) REAL name;
#define NUMBER_MEMBERS(LIST) LIST(MEMBER_INDEX, MEMBER_INT, MEMBER_FLOAT)

#define CONSTANT_INDEX(name) const INDEX name = numbers.name;
#define CONSTANT_INT(name) const int name = numbers.name;
#define CONSTANT_FLOAT(name) const REAL name = numbers.name;
#define NUMBERS(LIST) LIST(CONSTANT_INDEX, CONSTANT_INT, CONSTANT_FLOAT)

#define ACTIVATION_NUMBERS(ANY_FLOAT) ANY_FLOAT(activation_first) ANY_FLOAT(activation_second)
#define ACTIVATION_PARAMETERS ((REAL2)(activation_first, activation_second))
