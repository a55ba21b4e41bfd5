/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes and their attributes. */
#include "onnx/onnx_function.h"
#include "onnx/onnx_tensor.h"
#include <stdio.h>
#include <string.h>

/* AttributeProto.AttributeType. */
enum {
    KIND_UNDEFINED,
    KIND_FLOAT,
    KIND_INT,
    KIND_STRING,
    KIND_TENSOR,
    KIND_GRAPH,
    KIND_FLOATS,
    KIND_INTS,
    KIND_STRINGS,
    KIND_TYPE = 13
};

/* What an attribute holds, by its fields where it does not say it. */
static int kind_of(const Onnx__Attribute *from) {
    if (from->has_type && from->type != KIND_UNDEFINED) {
        return from->type;
    }
    return from->has_g       ? KIND_GRAPH
           : from->has_t     ? KIND_TENSOR
           : from->s != NULL ? KIND_STRING
           : from->n_floats  ? KIND_FLOATS
           : from->n_ints    ? KIND_INTS
           : from->n_strings ? KIND_STRINGS
           : from->has_f     ? KIND_FLOAT
           : from->has_i     ? KIND_INT
                             : KIND_UNDEFINED;
}

/* The shape, and behind it the elements: released as `shape`. */
static cleat_status read_tensor(
    const onnx_reader *r, const Onnx__Attribute *from, cleat_attribute *to) {
    source s;
    tensor_reader t;
    void *memory = NULL;
    source_of_memory(&s, from->t.data, from->t.len);
    cleat_status status = tensor_open(&s, (range){0, from->t.len}, r->folder, &t);
    if (status == CLEAT_OK) {
        status = allocate(sizeof t.shape + t.size, 1, &memory);
    }
    if (status == CLEAT_OK) {
        memcpy(memory, t.shape, sizeof t.shape);
        to->type = t.type;
        to->rank = t.rank;
        to->shape = memory;
        to->elements = (char *)memory + sizeof t.shape;
        status = tensor_fill(&t, (char *)memory + sizeof t.shape);
    }
    tensor_close(&t);
    return status;
}

static cleat_status read_attribute(
    const onnx_reader *r, const Onnx__Attribute *from, int depth, cleat_attribute *to) {
    static const char *const unknown[] = {"a list of tensors", "a list of graphs",
        "a sparse tensor", "a list of sparse tensors", "a type", "a list of types"};
    const int kind = kind_of(from);
    source s;
    to->count = 1;
    switch (kind) {
    case KIND_FLOAT:
        to->kind = CLEAT_ATTRIBUTE_FLOAT;
        to->floats = &from->f;
        return CLEAT_OK;
    case KIND_INT:
        to->kind = CLEAT_ATTRIBUTE_INT;
        to->integers = &from->i;
        return CLEAT_OK;
    case KIND_STRING:
        to->kind = CLEAT_ATTRIBUTE_TEXT;
        to->texts = (const char *const *)&from->s;
        return CLEAT_OK;
    case KIND_FLOATS:
        to->kind = CLEAT_ATTRIBUTE_FLOATS;
        to->count = from->n_floats;
        to->floats = from->floats;
        return CLEAT_OK;
    case KIND_INTS:
        to->kind = CLEAT_ATTRIBUTE_INTS;
        to->count = from->n_ints;
        to->integers = from->ints;
        return CLEAT_OK;
    case KIND_STRINGS:
        to->kind = CLEAT_ATTRIBUTE_TEXTS;
        to->count = from->n_strings;
        to->texts = (const char *const *)from->strings;
        return CLEAT_OK;
    case KIND_TENSOR:
        to->kind = CLEAT_ATTRIBUTE_TENSOR;
        return read_tensor(r, from, to);
    case KIND_GRAPH:
        to->kind = CLEAT_ATTRIBUTE_GRAPH;
        source_of_memory(&s, from->g.data, from->g.len);
        return read_graph(r, &s, (range){0, from->g.len}, depth + 1, &to->graph);
    default:
        REFUSE_IF(kind > KIND_STRINGS && kind < KIND_STRINGS + 7, CLEAT_UNSUPPORTED, "%s",
            unknown[kind - KIND_STRINGS - 1]);
        return refuse(CLEAT_INVALID_ARGUMENT, "of no kind (%d)", kind);
    }
}

/* What the attributes own, but for the graphs where the node has taken them over. */
static void release_attributes(cleat_attribute *attributes, size_t count, bool with_graphs) {
    for (size_t i = 0; i < count; i++) {
        if (attributes[i].kind == CLEAT_ATTRIBUTE_TENSOR) {
            cleat_host_release((void *)attributes[i].shape);
        } else if (with_graphs) {
            cleat_graph_release(attributes[i].graph);
        }
    }
    cleat_host_release(attributes);
}

/* Operators of other domains than ONNX's own keep theirs before their name. */
static cleat_status full_type(const onnx_reader *r, const Onnx__Node *node, void **type) {
    const char *domain = node->domain != NULL ? node->domain : "";
    const char *name = node->op_type != NULL ? node->op_type : "";
    const size_t size = strlen(domain) + strlen(name) + 2;
    const bool is_own = domain[0] == '\0' || strcmp(domain, "ai.onnx") == 0;
    REFUSE_IF(is_own && r->opset == 0, CLEAT_INVALID_ARGUMENT,
        "the model does not say whose version of the operators it means");
    TRY(allocate(size, 1, type));
    snprintf(*type, size, "%s%s%s", is_own ? "" : domain, is_own ? "" : ".", name);
    return CLEAT_OK;
}

/* The type that an Optional without a value would have had. */
static bool is_of_no_use(const Onnx__Node *node, const Onnx__Attribute *attribute) {
    return kind_of(attribute) == KIND_TYPE && node->op_type != NULL &&
           strcmp(node->op_type, "Optional") == 0;
}

/* Attributes that are there; *count of them, also after a failure. */
static cleat_status read_attributes(const onnx_reader *r, const Onnx__Node *node, int depth,
    cleat_attribute *attributes, size_t *count) {
    for (size_t i = 0; i < node->n_attribute; i++) {
        const Onnx__Attribute *from;
        const char *name = node->attribute[i]->name != NULL ? node->attribute[i]->name : "";
        cleat_status status = attribute_meant(r, node->attribute[i], &from);
        if (status == CLEAT_OK && from != NULL && !is_of_no_use(node, from)) {
            attributes[*count].name = name;
            status = read_attribute(r, from, depth, &attributes[(*count)++]);
        }
        if (status != CLEAT_OK) {
            return refuse_in(status, "attribute %s", name);
        }
    }
    return CLEAT_OK;
}

static cleat_status add_node(
    const onnx_reader *r, const Onnx__Node *node, int depth, cleat_graph *graph) {
    cleat_attribute *attributes;
    void *type = NULL;
    size_t count = 0;
    const Onnx__Function *function = function_called(r->functions, node);
    if (function != NULL) {
        return call_function(r, function, node, depth, graph);
    }
    TRY(allocate(node->n_attribute + 1, sizeof *attributes, (void **)&attributes));
    cleat_status status = full_type(r, node, &type);
    if (status == CLEAT_OK) {
        status = read_attributes(r, node, depth, attributes, &count);
    }
    const bool is_read = status == CLEAT_OK;
    if (is_read) {
        status = cleat_graph_node(graph, type, node->name, node->n_input,
            (const char *const *)node->input, node->n_output, (const char *const *)node->output,
            count, attributes);
    }
    release_attributes(attributes, count, !is_read);
    cleat_host_release(type);
    return status;
}

static cleat_status rename_values(const onnx_reader *r, Onnx__Node *node) {
    for (size_t i = 0; i < node->n_input; i++) {
        TRY(rename_value(r, &node->input[i]));
    }
    for (size_t i = 0; i < node->n_output; i++) {
        TRY(rename_value(r, &node->output[i]));
    }
    return CLEAT_OK;
}

cleat_status read_node(
    const onnx_reader *r, source *s, range bytes, int depth, size_t index, cleat_graph *graph) {
    void *copy;
    Onnx__Node *node = NULL;
    TRY(source_copy(s, bytes, &copy));
    cleat_status status = unpack_message(
        &onnx__node__descriptor, copy, (size_t)(bytes.end - bytes.begin), (void **)&node);
    cleat_host_release(copy);
    if (status != CLEAT_OK) {
        return refuse_in(status, "node %zu", index);
    }
    status = rename_values(r, node);
    if (status == CLEAT_OK) {
        status = add_node(r, node, depth, graph);
    }
    if (status != CLEAT_OK) {
        refuse_in(status, "node %zu, %s %s", index, node->op_type != NULL ? node->op_type : "",
            node->name != NULL ? node->name : "");
    }
    release_message(node);
    return status;
}
