/* SPDX-License-Identifier: Apache-2.0 */
/* A graph: initialisers first, since inputs of their names are none, then what runs on them. */
#include "onnx/onnx_function.h"
#include "onnx/onnx_tensor.h"
#include <stdlib.h>
#include <string.h>

/* GraphProto's fields. */
enum {
    GRAPH_NODE = 1,
    GRAPH_INITIALIZER = 5,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT = 12,
    GRAPH_SPARSE_INITIALIZER = 15
};

typedef struct graph_reader {
    const onnx_reader *reader;
    source *from;
    int depth;
    cleat_graph *graph;
    char **names; /* of initialisers, in order once they are all there */
    size_t name_count, name_capacity;
    size_t index; /* of the part among its like */
} graph_reader;

static int compare_names(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static cleat_status keep_name(graph_reader *g, const char *name) {
    void *copy;
    const size_t length = strlen(name);
    TRY(grow((void **)&g->names, &g->name_capacity, g->name_count, sizeof *g->names));
    TRY(allocate(length + 1, 1, &copy));
    memcpy(copy, name, length);
    g->names[g->name_count++] = copy;
    return CLEAT_OK;
}

/* Texts are copied one by one, other elements read where they will be. */
static cleat_status add_constant(graph_reader *g, tensor_reader *t) {
    void *elements;
    if (t->type != CLEAT_TEXT) {
        TRY(cleat_graph_constant_space(g->graph, t->name, t->type, t->rank, t->shape, &elements));
        return tensor_fill(t, elements);
    }
    TRY(allocate(t->size, 1, &elements));
    cleat_status status = tensor_fill(t, elements);
    if (status == CLEAT_OK) {
        status = cleat_graph_constant(g->graph, t->name, t->type, t->rank, t->shape, elements);
    }
    cleat_host_release(elements);
    return status;
}

static cleat_status read_initializer(graph_reader *g, range bytes) {
    tensor_reader t;
    cleat_status status = tensor_open(g->from, bytes, g->reader->folder, &t);
    if (status == CLEAT_OK) {
        status = rename_value(g->reader, &t.fields->name);
        t.name = t.fields->name != NULL ? t.fields->name : "";
    }
    if (status == CLEAT_OK) {
        status = add_constant(g, &t);
    }
    if (status == CLEAT_OK) {
        status = keep_name(g, t.name);
    }
    if (status != CLEAT_OK) {
        refuse_in(status, "initialiser %zu, %s", g->index, t.name);
    }
    tensor_close(&t);
    return status;
}

/* ---- Inputs and outputs ---- */

/* The type of a tensor's elements, 0 where it is not told, and of sequences and optional values. */
static cleat_status value_type(const Onnx__ValueInfo *info, bool is_outer, cleat_type *type) {
    *type = (cleat_type)0;
    if (info->type == NULL) {
        return CLEAT_OK;
    }
    const Onnx__Type *from = info->type;
    const char *what = from->has_map_type             ? "a map"
                       : from->has_sparse_tensor_type ? "a sparse tensor"
                       : from->has_opaque_type        ? "opaque"
                                                      : NULL;
    REFUSE_IF(what != NULL && is_outer, CLEAT_UNSUPPORTED, "is %s, no tensor", what);
    if (from->tensor_type != NULL && from->tensor_type->elem_type != 0) {
        return element_type(from->tensor_type->elem_type, type);
    }
    return CLEAT_OK;
}

/* What the file declares of a value. */
typedef struct declaration {
    cleat_type type;
    int32_t rank; /* -1: nothing */
    int64_t extents[CLEAT_MAX_RANK];
    const char *axes[CLEAT_MAX_RANK]; /* borrowed, NULL where one has no name */
    bool has_axes;
} declaration;

/* Of more axes than there may be: refused, or, of an output, left out. */
static cleat_status read_declaration(
    const graph_reader *g, const Onnx__ValueInfo *info, bool is_input, declaration *d) {
    *d = (declaration){.rank = -1};
    TRY(value_type(info, g->depth == 0, &d->type));
    const Onnx__TensorType *tensor = info->type != NULL ? info->type->tensor_type : NULL;
    if (tensor != NULL && tensor->shape != NULL) {
        const size_t rank = tensor->shape->n_dim;
        REFUSE_IF(rank > CLEAT_MAX_RANK && is_input, CLEAT_UNSUPPORTED, "has rank %zu, above %d",
            rank, CLEAT_MAX_RANK);
        d->rank = rank > CLEAT_MAX_RANK ? -1 : (int32_t)rank;
        for (int32_t i = 0; i < d->rank; i++) {
            const Onnx__Dimension *dimension = tensor->shape->dim[i];
            d->extents[i] = dimension->has_dim_value ? dimension->dim_value : -1;
            d->axes[i] = dimension->has_dim_value ? NULL : dimension->dim_param;
            d->has_axes = d->has_axes || d->axes[i] != NULL;
        }
    }
    return CLEAT_OK;
}

static cleat_status describe(graph_reader *g, const char *name, const declaration *d) {
    return cleat_graph_describe(
        g->graph, name, d->type, d->rank, d->extents, d->has_axes ? d->axes : NULL);
}

static cleat_status add_input(graph_reader *g, const Onnx__ValueInfo *info, const char *name) {
    declaration d;
    TRY(read_declaration(g, info, true, &d));
    TRY(cleat_graph_input(g->graph, name, d.type, d.rank, d.rank >= 0 ? d.extents : NULL));
    return d.has_axes ? describe(g, name, &d) : CLEAT_OK;
}

static cleat_status add_output(graph_reader *g, const Onnx__ValueInfo *info, const char *name) {
    declaration d;
    TRY(read_declaration(g, info, false, &d));
    TRY(cleat_graph_output(g->graph, name));
    for (int32_t i = 0; i < d.rank; i++) { /* nothing depends on it */
        d.extents[i] = d.extents[i] < -1 ? -1 : d.extents[i];
    }
    return describe(g, name, &d);
}

static bool is_initializer(const graph_reader *g, const char *name) {
    return g->name_count > 0 &&
           bsearch(&name, g->names, g->name_count, sizeof *g->names, compare_names) != NULL;
}

static cleat_status read_value(graph_reader *g, range bytes, bool is_input) {
    void *copy;
    Onnx__ValueInfo *info = NULL;
    const char *name = "";
    TRY(source_copy(g->from, bytes, &copy));
    cleat_status status = unpack_message(
        &onnx__value_info__descriptor, copy, (size_t)(bytes.end - bytes.begin), (void **)&info);
    cleat_host_release(copy);
    if (status == CLEAT_OK) {
        status = rename_value(g->reader, &info->name);
    }
    if (status == CLEAT_OK) {
        name = info->name != NULL ? info->name : "";
        status = !is_input                 ? add_output(g, info, name)
                 : is_initializer(g, name) ? CLEAT_OK
                                           : add_input(g, info, name);
    }
    if (status != CLEAT_OK) {
        refuse_in(status, "%s %zu, %s", is_input ? "input" : "output", g->index, name);
    }
    release_message(info);
    return status;
}

/* ---- The whole ---- */

static cleat_status read_part(graph_reader *g, uint32_t number, range bytes) {
    switch (number) {
    case GRAPH_INITIALIZER:
        return read_initializer(g, bytes);
    case GRAPH_SPARSE_INITIALIZER:
        return refuse(CLEAT_UNSUPPORTED, "initialiser %zu: a sparse tensor", g->index);
    case GRAPH_INPUT:
        return read_value(g, bytes, true);
    case GRAPH_NODE:
        return read_node(g->reader, g->from, bytes, g->depth, g->index, g->graph);
    default:
        return read_value(g, bytes, false);
    }
}

static cleat_status read_parts(graph_reader *g, uint32_t number, range rest) {
    field f;
    bool found;
    for (g->index = 0;;) {
        TRY(field_next(g->from, &rest, &f, &found));
        if (!found) {
            return CLEAT_OK;
        }
        if (f.number == number) {
            REFUSE_IF(f.form != FIELD_BYTES, CLEAT_INVALID_ARGUMENT,
                "field %u of a graph is a number", number);
            TRY(read_part(g, number, f.bytes));
            g->index++;
        }
    }
}

cleat_status read_graph(
    const onnx_reader *r, source *s, range bytes, int depth, cleat_graph **graph) {
    static const uint32_t order[] = {
        GRAPH_INITIALIZER, GRAPH_SPARSE_INITIALIZER, GRAPH_INPUT, GRAPH_NODE, GRAPH_OUTPUT};
    REFUSE_IF(
        depth > MOST_DEPTH, CLEAT_UNSUPPORTED, "more than %d graphs within each other", MOST_DEPTH);
    graph_reader g = {.reader = r, .from = s, .depth = depth};
    TRY(cleat_graph_create(r->opset > 0 ? r->opset : 1, &g.graph));
    cleat_status status = CLEAT_OK;
    for (size_t i = 0; status == CLEAT_OK && i < sizeof order / sizeof order[0]; i++) {
        if (order[i] == GRAPH_INPUT && g.name_count > 0) {
            qsort(g.names, g.name_count, sizeof *g.names, compare_names);
        }
        status = read_parts(&g, order[i], bytes);
    }
    for (size_t i = 0; i < g.name_count; i++) {
        cleat_host_release(g.names[i]);
    }
    cleat_host_release(g.names);
    if (status != CLEAT_OK) {
        cleat_graph_release(g.graph);
        return status;
    }
    *graph = g.graph;
    return CLEAT_OK;
}
