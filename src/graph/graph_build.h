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

/* A node of its own with the same type, attributes and values; *to is zero before, and good for
 * node_free() after a failure, too. */
cleat_status node_copy(const graph_node *from, graph_node *to);
void node_free(graph_node *node);

/* A list of values of its own; memory_free() it, after a failure, too. */
cleat_status values_copy(const int32_t *from, size_t count, int32_t **to);

/* Give a node an attribute in the place of one of the same name. */
cleat_status node_set_ints(graph_node *node, const char *name, size_t count, const int64_t *values);
cleat_status node_set_float(graph_node *node, const char *name, float value);
/* The graph's reference is taken over, also on failure. */
cleat_status node_set_graph(graph_node *node, const char *name, cleat_graph *graph);

#endif
