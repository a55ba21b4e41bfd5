/* SPDX-License-Identifier: Apache-2.0 */
/* What the modes of include/cleat/compute.h make of an operand, by their definition. */
#ifndef CLEAT_TESTS_REFERENCE_COMPUTE_H
#define CLEAT_TESTS_REFERENCE_COMPUTE_H

#include <cleat/compute.h>

/* The number that is multiplied in the place of x; of CLEAT_COMPUTE_TF32X3, whose two parts are x
 * but for very little, x itself. */
double reference_compute_taken(double x, cleat_compute compute);

/* What the mode leaves out of the products of such numbers, in terms of the sum of |a||b|. */
double reference_compute_left_out(cleat_compute compute);

#endif
