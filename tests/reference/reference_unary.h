/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of one number and their derivatives in float64. */
#ifndef CLEAT_REFERENCE_UNARY_H
#define CLEAT_REFERENCE_UNARY_H

#include <cleat/unary.h>

double reference_unary(cleat_unary_kind kind, double x);
double reference_unary_derivative(cleat_unary_kind kind, double x);

#endif
