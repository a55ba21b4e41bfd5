/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of operators, one of each op_*.c, each ended by an entry without a type. */
#ifndef CLEAT_GRAPH_OPERATORS_H
#define CLEAT_GRAPH_OPERATORS_H

#include "graph/gradient.h"

extern const operator_entry operators_arithmetic[];
extern const operator_entry operators_attention[];
extern const operator_entry operators_basic[];
extern const operator_entry operators_chain[];
extern const operator_entry operators_matmul[];
extern const operator_entry operators_conv[];
extern const operator_entry operators_pool[];
extern const operator_entry operators_softmax[];
extern const operator_entry operators_reduce[];
extern const operator_entry operators_arg[];
extern const operator_entry operators_normalization[];
extern const operator_entry operators_norms[];
extern const operator_entry operators_einsum[];
extern const operator_entry operators_quantize[];
extern const operator_entry operators_integer[];
extern const operator_entry operators_recurrent[];
extern const operator_entry operators_resize[];
extern const operator_entry operators_loss[];
extern const operator_entry operators_optimizer[];
extern const operator_entry operators_sample[];
extern const operator_entry operators_detection[];
extern const operator_entry operators_spectral[];
extern const operator_entry operators_choice[];
extern const operator_entry operators_gather[];
extern const operator_entry operators_generate[];
extern const operator_entry operators_layout[];
extern const operator_entry operators_pad[];
extern const operator_entry operators_power[];
extern const operator_entry operators_select[];
extern const operator_entry operators_random[];
extern const operator_entry operators_reshape[];
extern const operator_entry operators_scatter[];
extern const operator_entry operators_unary[];
extern const operator_entry operators_views[];
extern const operator_entry operators_control[];
extern const operator_entry operators_sequence[];
extern const operator_entry operators_text[];

/* Their gradients (gradient.h), in the same way. */
extern const gradient_entry gradients_basic[];
extern const gradient_entry gradients_arithmetic[];
extern const gradient_entry gradients_matmul[];
extern const gradient_entry gradients_conv[];
extern const gradient_entry gradients_pool[];
extern const gradient_entry gradients_softmax[];
extern const gradient_entry gradients_reduce[];
extern const gradient_entry gradients_arg[];
extern const gradient_entry gradients_normalization[];
extern const gradient_entry gradients_norms[];
extern const gradient_entry gradients_resize[];
extern const gradient_entry gradients_loss[];
extern const gradient_entry gradients_choice[];
extern const gradient_entry gradients_gather[];
extern const gradient_entry gradients_layout[];
extern const gradient_entry gradients_pad[];
extern const gradient_entry gradients_power[];
extern const gradient_entry gradients_random[];
extern const gradient_entry gradients_reshape[];
extern const gradient_entry gradients_unary[];
extern const gradient_entry gradients_views[];

#endif
