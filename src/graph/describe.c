/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of graphs: declarations of values, names of their axes, operators that are missing.
 */
#include "core/memory.h"
#include "graph/graph_build.h"
#include <cleat/inspect.h>

void axes_free(char **axes) {
    for (int32_t i = 0; axes != NULL && i < CLEAT_MAX_RANK; i++) {
        memory_free(axes[i]);
    }
    memory_free(axes);
}

cleat_status axes_copy(int32_t rank, const char *const *from, char ***to) {
    char **made = memory_allocate_zeroed(CLEAT_MAX_RANK, sizeof *made);
    bool good = made != NULL;
    for (int32_t i = 0; good && i < rank; i++) {
        if (from[i] != NULL && from[i][0] != '\0') {
            made[i] = memory_copy_text(from[i]);
            good = made[i] != NULL;
        }
    }
    if (!good) {
        axes_free(made);
        return status_set(CLEAT_OUT_OF_HOST_MEMORY, "graph: no host memory");
    }
    *to = made;
    return CLEAT_OK;
}

cleat_status cleat_graph_describe(cleat_graph *graph, const char *name, cleat_type type,
    int32_t rank, const int64_t *shape, const char *const *axes) {
    const char *operation = "graph_describe";
    int32_t value;
    char **names = NULL;
    TRY(check_declaration(operation, graph, name, type, rank, shape));
    TRY(graph_value_named(graph, name, &value));
    graph_value *v = &graph->values[value];
    if (axes != NULL) {
        TRY(axes_copy(rank, axes, &names));
    }
    axes_free(v->axes);
    v->axes = names;
    if (v->is_input || v->is_parameter || v->constant != NULL) {
        return CLEAT_OK;
    }
    v->type = type;
    v->rank = rank;
    for (int32_t i = 0; i < rank; i++) {
        v->shape[i] = shape[i];
    }
    return CLEAT_OK;
}

/* Counts them from *count on, and tells those for which there is room. */
static void add_missing(const cleat_graph *graph, int32_t depth, size_t capacity,
    cleat_missing_node *nodes, size_t *count) {
    for (size_t i = 0; i < graph->node_count; i++) {
        const graph_node *n = &graph->nodes[i];
        if (n->entry == NULL) {
            if (*count < capacity) {
                const bool is_read = n->output_count > 0 && n->outputs[0] != NO_VALUE;
                nodes[*count] = (cleat_missing_node){.type = n->type,
                    .name = n->name,
                    .output = is_read ? graph->values[n->outputs[0]].name : "",
                    .depth = depth};
            }
            ++*count;
        }
        for (size_t k = 0; k < n->attribute_count; k++) {
            if (n->attributes[k].kind == CLEAT_ATTRIBUTE_GRAPH) {
                add_missing(n->attributes[k].graph, depth + 1, capacity, nodes, count);
            }
        }
    }
}

cleat_status cleat_graph_missing(
    const cleat_graph *graph, size_t capacity, cleat_missing_node *nodes, size_t *count) {
    REFUSE_IF(graph == NULL || count == NULL || (nodes == NULL && capacity > 0),
        CLEAT_INVALID_ARGUMENT, "graph_missing: %s is NULL",
        graph == NULL   ? "graph"
        : count == NULL ? "count"
                        : "nodes");
    *count = 0;
    add_missing(graph, 0, capacity, nodes, count);
    return CLEAT_OK;
}
