/* SPDX-License-Identifier: Apache-2.0 */
/* What is read into a cleat_graph. */
#ifndef CLEAT_ONNX_ONNX_READER_H
#define CLEAT_ONNX_ONNX_READER_H

#include "onnx/onnx_source.h"
#include <cleat/graph.h>

/* Graphs in attributes of graphs; deeper ones are refused. */
enum { MOST_DEPTH = 32 };

struct function_list;
struct scope;

typedef struct onnx_reader {
    const char *folder;                    /* of the files of elements; NULL: none */
    int64_t opset;                         /* of the default domain; 0: no node may be of it */
    const struct function_list *functions; /* of the model */
    const struct scope *scope;             /* inside a function, for one call of it; or NULL */
} onnx_reader;

/* A GraphProto; depth 0 is the model's own. */
cleat_status read_graph(
    const onnx_reader *r, source *s, range bytes, int depth, cleat_graph **graph);

/* A NodeProto, the index-th of the graph. */
cleat_status read_node(
    const onnx_reader *r, source *s, range bytes, int depth, size_t index, cleat_graph *graph);

#endif
