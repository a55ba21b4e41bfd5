/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that build graphs share. */
#ifndef CLEAT_GRAPH_GRAPH_BUILD_H
#define CLEAT_GRAPH_GRAPH_BUILD_H

#include "graph/graph.h"

/* Fills *to, which is zero before and good for attribute_free() after a failure, too. The graph of
 * a CLEAT_ATTRIBUTE_GRAPH is taken over where the copy succeeds. */
cleat_status attribute_copy(const cleat_attribute *from, graph_attribute *to);
void attribute_free(graph_attribute *a);

/* Refuses a graph that is NULL, or of which a model was made. */
cleat_status graph_check(const char *operation, const cleat_graph *graph);
/* The value of a name that is not there yet. */
cleat_status graph_new_value(
    const char *operation, cleat_graph *graph, const char *name, int32_t *value);
/* An input, a parameter, a constant, or what a node writes. */
bool value_is_written(const graph_value *v);

/* Another reference. */
void graph_retain(cleat_graph *graph);

/* A node of its own with the same type, attributes and values; *to is zero before, and good for
 * node_free() after a failure, too. */
cleat_status node_copy(const graph_node *from, graph_node *to);
/* Gives a node copies of another's attributes; what was copied before a failure stays. */
cleat_status node_copy_attributes(const graph_node *from, graph_node *to);
void node_free(graph_node *node);

/* Refuses what cannot be declared of a value. */
cleat_status check_declaration(const char *operation, const cleat_graph *graph, const char *name,
    cleat_type type, int32_t rank, const int64_t *shape);

/* Names of the first axes, the rest being NULL; axes_free() accepts NULL. */
cleat_status axes_copy(int32_t rank, const char *const *from, char ***to);
void axes_free(char **axes);

/* A list of values of its own; memory_free() it, after a failure, too. */
cleat_status values_copy(const int32_t *from, size_t count, int32_t **to);

cleat_status node_set_int(graph_node *node, const char *name, int64_t value);
/* Give a node an attribute in the place of one of the same name. */
cleat_status node_set_ints(graph_node *node, const char *name, size_t count, const int64_t *values);
cleat_status node_set_float(graph_node *node, const char *name, float value);
/* The graph's reference is taken over, also on failure. */
cleat_status node_set_graph(graph_node *node, const char *name, cleat_graph *graph);

#endif
