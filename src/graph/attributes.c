/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of nodes: copied from the caller's, and found by name. */
#include "core/memory.h"
#include "core/tensor_check.h"
#include "graph/graph_build.h"
#include <string.h>

const graph_attribute *attribute_find(
    const graph_node *node, const char *name, cleat_attribute_kind kind) {
    for (size_t i = 0; i < node->attribute_count; i++) {
        if (node->attributes[i].kind == kind && strcmp(node->attributes[i].name, name) == 0) {
            return &node->attributes[i];
        }
    }
    return NULL;
}

int64_t attribute_int(const graph_node *node, const char *name, int64_t otherwise) {
    const graph_attribute *found = attribute_find(node, name, CLEAT_ATTRIBUTE_INT);
    return found != NULL ? found->integers[0] : otherwise;
}

float attribute_float(const graph_node *node, const char *name, float otherwise) {
    const graph_attribute *found = attribute_find(node, name, CLEAT_ATTRIBUTE_FLOAT);
    return found != NULL ? found->floats[0] : otherwise;
}

const char *attribute_text(const graph_node *node, const char *name, const char *otherwise) {
    const graph_attribute *found = attribute_find(node, name, CLEAT_ATTRIBUTE_TEXT);
    return found != NULL ? found->texts[0] : otherwise;
}

const int64_t *attribute_ints(const graph_node *node, const char *name, size_t *count) {
    const graph_attribute *found = attribute_find(node, name, CLEAT_ATTRIBUTE_INTS);
    *count = found != NULL ? found->count : 0;
    return found != NULL ? found->integers : NULL;
}

const float *attribute_floats(const graph_node *node, const char *name, size_t *count) {
    const graph_attribute *found = attribute_find(node, name, CLEAT_ATTRIBUTE_FLOATS);
    *count = found != NULL ? found->count : 0;
    return found != NULL ? found->floats : NULL;
}

void attribute_free(graph_attribute *a) {
    memory_free(a->name);
    memory_free(a->integers);
    memory_free(a->floats);
    for (size_t i = 0; a->texts != NULL && i < a->count; i++) {
        memory_free(a->texts[i]);
    }
    memory_free(a->texts);
    array_release(a->tensor);
    cleat_graph_release(a->graph);
    *a = (graph_attribute){0};
}

/* `count` elements of `size` bytes; *copied is NULL without memory. */
static cleat_status copy_numbers(
    const cleat_attribute *from, const void *numbers, size_t size, void **copied) {
    REFUSE_IF(from->count > 0 && numbers == NULL, CLEAT_INVALID_ARGUMENT,
        "graph_node: attribute %s has no values", from->name);
    *copied = memory_allocate_zeroed(from->count > 0 ? from->count : 1, size);
    REFUSE_IF(*copied == NULL, CLEAT_OUT_OF_HOST_MEMORY, "graph_node: no host memory");
    if (from->count > 0) {
        memcpy(*copied, numbers, from->count * size);
    }
    return CLEAT_OK;
}

static cleat_status copy_texts(const cleat_attribute *from, graph_attribute *to) {
    REFUSE_IF(from->count > 0 && from->texts == NULL, CLEAT_INVALID_ARGUMENT,
        "graph_node: attribute %s has no values", from->name);
    to->texts = memory_allocate_zeroed(from->count > 0 ? from->count : 1, sizeof *to->texts);
    REFUSE_IF(to->texts == NULL, CLEAT_OUT_OF_HOST_MEMORY, "graph_node: no host memory");
    for (size_t i = 0; i < from->count; i++) {
        REFUSE_IF(from->texts[i] == NULL, CLEAT_INVALID_ARGUMENT,
            "graph_node: text %zu of attribute %s is NULL", i, from->name);
        to->texts[i] = memory_copy_text(from->texts[i]);
        REFUSE_IF(to->texts[i] == NULL, CLEAT_OUT_OF_HOST_MEMORY, "graph_node: no host memory");
    }
    return CLEAT_OK;
}

static cleat_status copy_tensor(const cleat_attribute *from, graph_attribute *to) {
    TRY(array_create("graph_node", from->type, from->rank, from->shape, &to->tensor));
    REFUSE_IF(to->tensor->count > 0 && from->elements == NULL, CLEAT_INVALID_ARGUMENT,
        "graph_node: attribute %s has no elements", from->name);
    return array_copy_elements("graph_node", to->tensor, from->elements);
}

cleat_status attribute_copy(const cleat_attribute *from, graph_attribute *to) {
    REFUSE_IF(from->name == NULL, CLEAT_INVALID_ARGUMENT, "graph_node: an attribute has no name");
    to->kind = from->kind;
    to->name = memory_copy_text(from->name);
    REFUSE_IF(to->name == NULL, CLEAT_OUT_OF_HOST_MEMORY, "graph_node: no host memory");
    to->count = from->count;
    switch (from->kind) {
    case CLEAT_ATTRIBUTE_INT:
    case CLEAT_ATTRIBUTE_FLOAT:
    case CLEAT_ATTRIBUTE_TEXT:
        REFUSE_IF(from->count != 1, CLEAT_INVALID_ARGUMENT,
            "graph_node: attribute %s has %zu values, not one", from->name, from->count);
        break;
    default:
        break;
    }
    switch (from->kind) {
    case CLEAT_ATTRIBUTE_INT:
    case CLEAT_ATTRIBUTE_INTS:
        return copy_numbers(from, from->integers, sizeof(int64_t), (void **)&to->integers);
    case CLEAT_ATTRIBUTE_FLOAT:
    case CLEAT_ATTRIBUTE_FLOATS:
        return copy_numbers(from, from->floats, sizeof(float), (void **)&to->floats);
    case CLEAT_ATTRIBUTE_TEXT:
    case CLEAT_ATTRIBUTE_TEXTS:
        return copy_texts(from, to);
    case CLEAT_ATTRIBUTE_TENSOR:
        to->count = 0;
        return copy_tensor(from, to);
    case CLEAT_ATTRIBUTE_GRAPH:
        to->count = 0;
        REFUSE_IF(from->graph == NULL, CLEAT_INVALID_ARGUMENT,
            "graph_node: attribute %s has no graph", from->name);
        to->graph = from->graph;
        return CLEAT_OK;
    }
    return status_set(CLEAT_INVALID_ARGUMENT, "graph_node: attribute %s is of no kind (%d)",
        from->name, (int)from->kind);
}

/* ---- Copies of nodes, and changes to them ---- */

/* As the caller of cleat_graph_node() would have written it. */
static cleat_attribute described(const graph_attribute *a) {
    cleat_attribute d = {.name = a->name,
        .kind = a->kind,
        .count = a->count,
        .integers = a->integers,
        .floats = a->floats,
        .texts = (const char *const *)a->texts,
        .graph = a->graph};
    return d;
}

/* Tensors and graphs are shared. */
static cleat_status attribute_share(const graph_attribute *from, graph_attribute *to) {
    if (from->kind == CLEAT_ATTRIBUTE_TENSOR) {
        to->kind = from->kind;
        to->name = memory_copy_text(from->name);
        REFUSE_IF(to->name == NULL, CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
        to->tensor = from->tensor;
        array_retain(to->tensor);
        return CLEAT_OK;
    }
    const cleat_attribute d = described(from);
    TRY(attribute_copy(&d, to));
    if (to->graph != NULL) {
        graph_retain(to->graph);
    }
    return CLEAT_OK;
}

cleat_status values_copy(const int32_t *from, size_t count, int32_t **to) {
    *to = memory_allocate_zeroed(count + 1, sizeof **to);
    REFUSE_IF(*to == NULL, CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
    if (count > 0) {
        memcpy(*to, from, count * sizeof **to);
    }
    return CLEAT_OK;
}

cleat_status node_copy_attributes(const graph_node *from, graph_node *to) {
    graph_attribute *grown = memory_resize(
        to->attributes, (to->attribute_count + from->attribute_count + 1) * sizeof *grown);
    REFUSE_IF(grown == NULL, CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
    to->attributes = grown;
    for (size_t i = 0; i < from->attribute_count; i++) {
        grown[to->attribute_count] = (graph_attribute){0};
        TRY(attribute_share(&from->attributes[i], &grown[to->attribute_count++]));
    }
    return CLEAT_OK;
}

cleat_status node_copy(const graph_node *from, graph_node *to) {
    to->entry = from->entry;
    to->fusion = from->fusion;
    to->is_gradient = from->is_gradient;
    to->is_update = from->is_update;
    to->type = memory_copy_text(from->type);
    to->name = memory_copy_text(from->name);
    REFUSE_IF(
        to->type == NULL || to->name == NULL, CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
    TRY(node_copy_attributes(from, to));
    TRY(values_copy(from->inputs, from->input_count, &to->inputs));
    to->input_count = from->input_count;
    TRY(values_copy(from->outputs, from->output_count, &to->outputs));
    to->output_count = from->output_count;
    return CLEAT_OK;
}

/* Puts an attribute into a node. The graph of one is taken over where that succeeds. */
static cleat_status node_set(graph_node *node, const cleat_attribute *attribute) {
    graph_attribute made = {0};
    size_t at = 0;
    graph_attribute *grown =
        memory_resize(node->attributes, (node->attribute_count + 1) * sizeof *grown);
    REFUSE_IF(grown == NULL, CLEAT_OUT_OF_HOST_MEMORY, "model: no host memory");
    node->attributes = grown;
    cleat_status status = attribute_copy(attribute, &made);
    if (status != CLEAT_OK) {
        attribute_free(&made);
        return status;
    }
    while (at < node->attribute_count && strcmp(grown[at].name, attribute->name) != 0) {
        at++;
    }
    if (at < node->attribute_count) {
        attribute_free(&grown[at]);
    } else {
        node->attribute_count++;
    }
    grown[at] = made;
    return CLEAT_OK;
}

cleat_status node_set_ints(
    graph_node *node, const char *name, size_t count, const int64_t *values) {
    return node_set(
        node, &(cleat_attribute){
                  .name = name, .kind = CLEAT_ATTRIBUTE_INTS, .count = count, .integers = values});
}

cleat_status node_set_int(graph_node *node, const char *name, int64_t value) {
    return node_set(
        node, &(cleat_attribute){
                  .name = name, .kind = CLEAT_ATTRIBUTE_INT, .count = 1, .integers = &value});
}

cleat_status node_set_float(graph_node *node, const char *name, float value) {
    return node_set(
        node, &(cleat_attribute){
                  .name = name, .kind = CLEAT_ATTRIBUTE_FLOAT, .count = 1, .floats = &value});
}

cleat_status node_set_graph(graph_node *node, const char *name, cleat_graph *graph) {
    cleat_status status = node_set(
        node, &(cleat_attribute){.name = name, .kind = CLEAT_ATTRIBUTE_GRAPH, .graph = graph});
    if (status != CLEAT_OK) {
        cleat_graph_release(graph);
    }
    return status;
}
