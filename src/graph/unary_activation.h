/* SPDX-License-Identifier: Apache-2.0 */
/* Which operators of one number are the library's activations. */
#ifndef CLEAT_GRAPH_UNARY_ACTIVATION_H
#define CLEAT_GRAPH_UNARY_ACTIVATION_H

#include "graph/graph.h"

enum { UNARY_PARAMETERS = 2 };

/* The node's activation and its attributes, in cleat_activation's order; those that it has not are
 * left alone. Only of a node that is such an operator. */
void unary_activation(
    const graph_node *node, cleat_activation *activation, float parameters[UNARY_PARAMETERS]);

#endif
