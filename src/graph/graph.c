/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs under construction. */
#include "graph/graph.h"
#include "core/hash128.h"
#include "core/memory.h"
#include "core/tensor_check.h"
#include "graph/graph_build.h"
#include "graph/run.h"
#include <string.h>

cleat_status cleat_graph_create(int64_t opset, cleat_graph **graph) {
    REFUSE_IF(graph == NULL, CLEAT_INVALID_ARGUMENT, "graph_create: graph is NULL");
    REFUSE_IF(opset < 1, CLEAT_INVALID_ARGUMENT, "graph_create: there is no operator set %lld",
        (long long)opset);
    cleat_graph *made = memory_allocate_zeroed(1, sizeof *made);
    REFUSE_IF(made == NULL, CLEAT_OUT_OF_HOST_MEMORY, "graph_create: no host memory");
    atomic_init(&made->references, 1);
    made->opset = opset;
    *graph = made;
    return CLEAT_OK;
}

void graph_retain(cleat_graph *graph) {
    atomic_fetch_add(&graph->references, 1);
}

void node_free(graph_node *node) {
    for (size_t i = 0; node->attributes != NULL && i < node->attribute_count; i++) {
        attribute_free(&node->attributes[i]);
    }
    memory_free(node->attributes);
    memory_free(node->type);
    memory_free(node->name);
    memory_free(node->inputs);
    memory_free(node->outputs);
    *node = (graph_node){0};
}

void cleat_graph_release(cleat_graph *graph) {
    if (graph == NULL || atomic_fetch_sub(&graph->references, 1) != 1) {
        return;
    }
    for (size_t i = 0; i < graph->node_count; i++) {
        node_free(&graph->nodes[i]);
    }
    for (size_t i = 0; i < graph->value_count; i++) {
        memory_free(graph->values[i].name);
        axes_free(graph->values[i].axes);
        array_release(graph->values[i].constant);
        array_release(graph->values[i].initial);
    }
    memory_free(graph->nodes);
    memory_free(graph->values);
    memory_free(graph->inputs);
    memory_free(graph->outputs);
    memory_free(graph->table);
    memory_free(graph);
}

/* ---- Values by name ---- */

/* Where the name is in the table, or the free place where it would be. */
static size_t place_of(const cleat_graph *graph, const char *name) {
    size_t place = (size_t)hash128_of(name, strlen(name)).low;
    for (;; place++) {
        place &= graph->table_size - 1;
        const int32_t value = graph->table[place];
        if (value == NO_VALUE || strcmp(graph->values[value].name, name) == 0) {
            return place;
        }
    }
}

int32_t graph_find_value(const cleat_graph *graph, const char *name) {
    return graph->table_size > 0 ? graph->table[place_of(graph, name)] : NO_VALUE;
}

/* A table with room for twice as many values as there may be. */
static cleat_status grow_table(cleat_graph *graph) {
    if (4 * graph->value_capacity <= graph->table_size) {
        return CLEAT_OK;
    }
    const size_t size = 4 * graph->value_capacity;
    int32_t *table = memory_allocate(size * sizeof *table);
    REFUSE_IF(table == NULL, CLEAT_OUT_OF_HOST_MEMORY, "graph: no host memory");
    memory_free(graph->table);
    graph->table = table;
    graph->table_size = size;
    for (size_t i = 0; i < size; i++) {
        table[i] = NO_VALUE;
    }
    for (size_t i = 0; i < graph->value_count; i++) {
        table[place_of(graph, graph->values[i].name)] = (int32_t)i;
    }
    return CLEAT_OK;
}

/* Values and nodes are numbered in 32 bits. */
static cleat_status check_count(size_t count) {
    REFUSE_IF(count >= INT32_MAX / 2, CLEAT_SIZE_OVERFLOW, "graph: more than 2^30 parts");
    return CLEAT_OK;
}

/* Room for one value more, and for its name. */
static cleat_status make_room_for_value(cleat_graph *graph) {
    TRY(check_count(graph->value_count));
    graph_value *values =
        memory_grow(graph->values, graph->value_count, &graph->value_capacity, sizeof *values);
    REFUSE_IF(values == NULL, CLEAT_OUT_OF_HOST_MEMORY, "graph: no host memory");
    graph->values = values;
    return grow_table(graph);
}

static cleat_status make_room_for_node(cleat_graph *graph) {
    TRY(check_count(graph->node_count));
    graph_node *nodes =
        memory_grow(graph->nodes, graph->node_count, &graph->node_capacity, sizeof *nodes);
    REFUSE_IF(nodes == NULL, CLEAT_OUT_OF_HOST_MEMORY, "graph: no host memory");
    graph->nodes = nodes;
    return CLEAT_OK;
}

cleat_status graph_value_named(cleat_graph *graph, const char *name, int32_t *value) {
    *value = graph_find_value(graph, name);
    if (*value != NO_VALUE) {
        return CLEAT_OK;
    }
    TRY(make_room_for_value(graph));
    char *copy = memory_copy_text(name);
    REFUSE_IF(copy == NULL, CLEAT_OUT_OF_HOST_MEMORY, "graph: no host memory");
    graph->values[graph->value_count] = (graph_value){.name = copy, .writer = -1, .rank = -1};
    *value = (int32_t)graph->value_count++;
    graph->table[place_of(graph, copy)] = *value;
    return CLEAT_OK;
}

/* Appends a value to the graph's inputs or outputs. */
static cleat_status append(int32_t **list, size_t *count, int32_t value) {
    int32_t *grown = memory_resize(*list, (*count + 1) * sizeof *grown);
    REFUSE_IF(grown == NULL, CLEAT_OUT_OF_HOST_MEMORY, "graph: no host memory");
    *list = grown;
    grown[(*count)++] = value;
    return CLEAT_OK;
}

cleat_status graph_check(const char *operation, const cleat_graph *graph) {
    REFUSE_IF(graph == NULL, CLEAT_INVALID_ARGUMENT, "%s: graph is NULL", operation);
    REFUSE_IF(graph->is_settled, CLEAT_INVALID_ARGUMENT,
        "%s: a model was made of the graph, which does not change any more", operation);
    return CLEAT_OK;
}

static cleat_status check_name(const char *operation, const cleat_graph *graph, const char *name) {
    TRY(graph_check(operation, graph));
    REFUSE_IF(name == NULL || name[0] == '\0', CLEAT_INVALID_ARGUMENT, "%s: a value has no name",
        operation);
    return CLEAT_OK;
}

bool value_is_written(const graph_value *v) {
    return v->is_input || v->is_parameter || v->constant != NULL || v->writer >= 0;
}

cleat_status graph_new_value(
    const char *operation, cleat_graph *graph, const char *name, int32_t *value) {
    TRY(check_name(operation, graph, name));
    TRY(graph_value_named(graph, name, value));
    const graph_value *v = &graph->values[*value];
    REFUSE_IF(value_is_written(v), CLEAT_INVALID_ARGUMENT, "%s: the value %s is there already",
        operation, name);
    return CLEAT_OK;
}

cleat_status check_declaration(const char *operation, const cleat_graph *graph, const char *name,
    cleat_type type, int32_t rank, const int64_t *shape) {
    TRY(check_name(operation, graph, name));
    REFUSE_IF((int)type != 0 && array_element_size(type) == 0, CLEAT_INVALID_ARGUMENT,
        "%s: %s: %d is no type", operation, name, (int)type);
    REFUSE_IF(rank < -1 || rank > CLEAT_MAX_RANK, CLEAT_INVALID_ARGUMENT,
        "%s: %s: rank %d is not within -1 .. %d", operation, name, rank, CLEAT_MAX_RANK);
    REFUSE_IF(rank > 0 && shape == NULL, CLEAT_INVALID_ARGUMENT, "%s: %s: shape is NULL", operation,
        name);
    for (int32_t i = 0; i < rank; i++) {
        REFUSE_IF(shape[i] < -1, CLEAT_INVALID_ARGUMENT, "%s: %s: extent %lld of axis %d",
            operation, name, (long long)shape[i], i);
    }
    return CLEAT_OK;
}

cleat_status cleat_graph_input(
    cleat_graph *graph, const char *name, cleat_type type, int32_t rank, const int64_t *shape) {
    int32_t value;
    TRY(check_declaration("graph_input", graph, name, type, rank, shape));
    TRY(graph_new_value("graph_input", graph, name, &value));
    TRY(append(&graph->inputs, &graph->input_count, value));
    graph_value *v = &graph->values[value];
    v->is_input = true;
    v->type = type;
    v->rank = rank;
    for (int32_t i = 0; i < rank; i++) {
        v->shape[i] = shape[i];
    }
    return CLEAT_OK;
}

cleat_status cleat_graph_constant(cleat_graph *graph, const char *name, cleat_type type,
    int32_t rank, const int64_t *shape, const void *elements) {
    const char *operation = "graph_constant";
    int32_t value;
    array *constant;
    cleat_tensor layout;
    TRY(tensor_row_major(operation, type == CLEAT_TEXT ? CLEAT_U64 : type, rank, shape, &layout));
    REFUSE_IF(elements == NULL && cleat_tensor_count(&layout) > 0, CLEAT_INVALID_ARGUMENT,
        "%s: %s: elements is NULL", operation, name != NULL ? name : "");
    TRY(graph_new_value(operation, graph, name, &value));
    TRY(array_create(operation, type, rank, shape, &constant));
    cleat_status status = array_copy_elements(operation, constant, elements);
    if (status != CLEAT_OK) {
        array_release(constant);
        return status;
    }
    graph->values[value].constant = constant;
    return CLEAT_OK;
}

cleat_status cleat_graph_constant_space(cleat_graph *graph, const char *name, cleat_type type,
    int32_t rank, const int64_t *shape, void **elements) {
    const char *operation = "graph_constant_space";
    int32_t value;
    array *constant;
    REFUSE_IF(elements == NULL, CLEAT_INVALID_ARGUMENT, "%s: elements is NULL", operation);
    REFUSE_IF(type == CLEAT_TEXT, CLEAT_UNSUPPORTED,
        "%s: texts are given to cleat_graph_constant()", operation);
    TRY(graph_new_value(operation, graph, name, &value));
    TRY(array_create(operation, type, rank, shape, &constant));
    graph->values[value].constant = constant;
    *elements = constant->elements;
    return CLEAT_OK;
}

cleat_status cleat_graph_output(cleat_graph *graph, const char *name) {
    int32_t value;
    TRY(check_name("graph_output", graph, name));
    TRY(graph_value_named(graph, name, &value));
    return append(&graph->outputs, &graph->output_count, value);
}

/* ---- Nodes ---- */

static bool is_left_out(const char *name) {
    return name == NULL || name[0] == '\0';
}

/* The numbers of the values of these names. */
static cleat_status name_values(
    cleat_graph *graph, size_t count, const char *const *names, int32_t **values) {
    *values = memory_allocate_zeroed(count > 0 ? count : 1, sizeof **values);
    REFUSE_IF(*values == NULL, CLEAT_OUT_OF_HOST_MEMORY, "graph_node: no host memory");
    for (size_t i = 0; i < count; i++) {
        (*values)[i] = NO_VALUE;
        if (!is_left_out(names[i])) {
            TRY(graph_value_named(graph, names[i], &(*values)[i]));
        }
    }
    return CLEAT_OK;
}

/* Makes the node the writer of its outputs, of each once. */
static cleat_status claim_outputs(cleat_graph *graph, const graph_node *node) {
    for (size_t i = 0; i < node->output_count; i++) {
        if (node->outputs[i] == NO_VALUE) {
            continue;
        }
        graph_value *v = &graph->values[node->outputs[i]];
        if (value_is_written(v)) {
            for (size_t k = 0; k < i; k++) {
                if (node->outputs[k] != NO_VALUE) {
                    graph->values[node->outputs[k]].writer = -1;
                }
            }
            return status_set(CLEAT_INVALID_ARGUMENT,
                "graph_node: %s %s writes the value %s, which is there already", node->type,
                node->name, v->name);
        }
        v->writer = (int32_t)graph->node_count;
    }
    return CLEAT_OK;
}

static cleat_status fill_node(cleat_graph *graph, const char *type, const char *name,
    const char *const *inputs, const char *const *outputs, const cleat_attribute *attributes,
    size_t attribute_count, graph_node *node) {
    node->type = memory_copy_text(type);
    node->name = memory_copy_text(name != NULL ? name : "");
    node->attributes =
        memory_allocate_zeroed(attribute_count > 0 ? attribute_count : 1, sizeof *node->attributes);
    REFUSE_IF(node->type == NULL || node->name == NULL || node->attributes == NULL,
        CLEAT_OUT_OF_HOST_MEMORY, "graph_node: no host memory");
    for (size_t i = 0; i < attribute_count; i++) {
        TRY(attribute_copy(&attributes[i], &node->attributes[node->attribute_count++]));
    }
    TRY(name_values(graph, node->input_count, inputs, &node->inputs));
    TRY(name_values(graph, node->output_count, outputs, &node->outputs));
    return claim_outputs(graph, node);
}

/* Graphs among attributes that no node has taken over. */
static void release_graphs(const cleat_attribute *attributes, size_t first, size_t count) {
    for (size_t i = first; attributes != NULL && i < count; i++) {
        if (attributes[i].kind == CLEAT_ATTRIBUTE_GRAPH) {
            cleat_graph_release(attributes[i].graph);
        }
    }
}

static cleat_status check_node(const cleat_graph *graph, const char *type, size_t input_count,
    const char *const *inputs, size_t output_count, const char *const *outputs,
    size_t attribute_count, const cleat_attribute *attributes) {
    TRY(graph_check("graph_node", graph));
    REFUSE_IF(is_left_out(type), CLEAT_INVALID_ARGUMENT, "graph_node: a node has no type");
    REFUSE_IF((input_count > 0 && inputs == NULL) || (output_count > 0 && outputs == NULL) ||
                  (attribute_count > 0 && attributes == NULL),
        CLEAT_INVALID_ARGUMENT, "graph_node: %s: a list is NULL", type);
    return CLEAT_OK;
}

cleat_status cleat_graph_node(cleat_graph *graph, const char *type, const char *name,
    size_t input_count, const char *const *inputs, size_t output_count, const char *const *outputs,
    size_t attribute_count, const cleat_attribute *attributes) {
    graph_node node = {.input_count = input_count, .output_count = output_count};
    cleat_status status = check_node(
        graph, type, input_count, inputs, output_count, outputs, attribute_count, attributes);
    if (status == CLEAT_OK) {
        status = make_room_for_node(graph);
    }
    if (status == CLEAT_OK) {
        status = fill_node(graph, type, name, inputs, outputs, attributes, attribute_count, &node);
    }
    if (status != CLEAT_OK) {
        size_t taken = 0; /* attributes whose graphs the node has */
        while (
            taken < node.attribute_count && (node.attributes[taken].kind != CLEAT_ATTRIBUTE_GRAPH ||
                                                node.attributes[taken].graph != NULL)) {
            taken++;
        }
        release_graphs(attributes, taken, attribute_count);
        node_free(&node);
        return status;
    }
    node.entry = operator_find(type);
    graph->nodes[graph->node_count++] = node;
    return CLEAT_OK;
}
