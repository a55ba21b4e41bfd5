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
    if (to->tensor->count > 0) {
        memcpy(to->tensor->elements, from->elements, array_size(to->tensor));
    }
    return CLEAT_OK;
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
