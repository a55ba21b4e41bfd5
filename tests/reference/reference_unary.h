/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of one number and their derivatives in long double. */
#ifndef CLEAT_REFERENCE_UNARY_H
#define CLEAT_REFERENCE_UNARY_H

#include <cleat/unary.h>

long double reference_unary(cleat_unary_kind kind, long double x);
long double reference_unary_derivative(cleat_unary_kind kind, long double x);

#endif
