/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Activations, each defined once as value and derivative. Include after common.cl, once for each
 * vector width wanted:
 *     #define ACTIVATION_WIDTH 16
 *     #include "activation.cl"
 * gives, for -DACTIVATION=<value of cleat_activation>,
 *     float16 activation_value_16(float16 x, float slope);
 *     float16 activation_derivative_16(float16 x, float slope);       in terms of the input x
 *     float16 activation_derivative_output_16(float16 y, float slope); in terms of the output y
 * and undefines ACTIVATION_WIDTH. Width 1 is float.
 */
