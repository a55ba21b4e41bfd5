/* SPDX-License-Identifier: Apache-2.0 */
/* f16 and bf16 by their definition: a number of binary digits times a power of two. */
#ifndef CLEAT_REFERENCE_HALF_H
#define CLEAT_REFERENCE_HALF_H

#include <cleat/tensor.h>

/* The number that an element of CLEAT_F16 or CLEAT_BF16 is. */
double reference_half_value(cleat_type type, uint16_t element);

/* The element nearest to a number, of two the even one; infinity from half a step past the largest.
 */
uint16_t reference_half_nearest(cleat_type type, long double number);

/* The number that is then. */
double reference_half_rounded(cleat_type type, long double number);

/* Half of a unit in the last place of 1; half of the smallest number. */
double reference_half_unit(cleat_type type);
double reference_half_tiny(cleat_type type);

#endif
