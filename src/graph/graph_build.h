/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that build graphs share. */
#ifndef CLEAT_GRAPH_GRAPH_BUILD_H
#define CLEAT_GRAPH_GRAPH_BUILD_H

#include "graph/graph.h"

/* Fills *to, which is zero before and good for attribute_free() after a failure, too. The graph of
 * a CLEAT_ATTRIBUTE_GRAPH is taken over where the copy succeeds. */
cleat_status attribute_copy(const cleat_attribute *from, graph_attribute *to);
void attribute_free(graph_attribute *a);

/* Another reference. */
void graph_retain(cleat_graph *graph);

#endif
