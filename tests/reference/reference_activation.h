/* SPDX-License-Identifier: Apache-2.0 */
/* Activations in float64. Also for the epilogues of other operations' tests. The parameters are
 * those of the options structs, always two of them, or NULL for the defaults. */
#ifndef CLEAT_REFERENCE_ACTIVATION_H
#define CLEAT_REFERENCE_ACTIVATION_H

#include <cleat/activation.h>

double reference_activation(cleat_activation activation, double x, const float *parameters);

/* In terms of the input x; the left derivative at a kink. */
double reference_activation_derivative(
    cleat_activation activation, double x, const float *parameters);

/* In terms of the output y, where that is possible. */
double reference_activation_derivative_output(
    cleat_activation activation, double y, const float *parameters);

/* The same in long double, for elements of f64. */
long double reference_activation_long(
    cleat_activation activation, long double x, const float *parameters);
long double reference_activation_derivative_long(
    cleat_activation activation, long double x, const float *parameters);
long double reference_activation_derivative_output_long(
    cleat_activation activation, long double y, const float *parameters);
long double reference_gelu_argument_long(long double x);

/* 2 sqrt(2/pi) (x + 0.044715 x^3): gelu_tanh is x sigmoid of this. */
double reference_gelu_argument(double x);

#endif
