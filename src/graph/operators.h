/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of operators, one of each op_*.c, each ended by an entry without a type. */
#ifndef CLEAT_GRAPH_OPERATORS_H
#define CLEAT_GRAPH_OPERATORS_H

#include "graph/run.h"

extern const operator_entry operators_basic[];

#endif
