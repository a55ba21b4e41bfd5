/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes ONNX files by hand, good ones and others: protobuf's fields one after the other, into
 * memory that grows. What fails here ends the program.
 */
#ifndef MODEL_WRITER_H
#define MODEL_WRITER_H

#include <stddef.h>
#include <stdint.h>

typedef struct written {
    unsigned char *data; /* free() */
    size_t size, capacity;
} written;

/* Bytes alone, a number of variable length alone. */
void put_raw(written *to, const void *data, size_t size);
void put_varint(written *to, uint64_t value);

void put_number(written *to, unsigned field, uint64_t value);
void put_bytes(written *to, unsigned field, const void *data, size_t size);
void put_text(written *to, unsigned field, const char *text);
/* A field of four or eight bytes. */
void put_fixed(written *to, unsigned field, const void *data, size_t size);
/* A message, which is freed. */
void put_message(written *to, unsigned field, written *message);

/* ---- Parts of models, each to be put into a greater one ---- */

/* A NodeProto; texts are ended by NULL. Attributes may be put behind, as field 5. */
written write_node(
    const char *type, const char *name, const char *const *inputs, const char *const *outputs);
/* With one input and one output. */
written write_simple_node(const char *type, const char *input, const char *output);
/* A TensorProto with raw_data; without it where data is NULL. */
written write_tensor(
    const char *name, int type, int rank, const int64_t *shape, const void *data, size_t size);
/* A ValueInfoProto of a tensor; extents below 0 are symbolic; rank -1: no shape. */
written write_value(const char *name, int type, int rank, const int64_t *shape);
/* An AttributeProto with a tensor or a graph inside, by the number of its kind; `inside` is freed.
 */
written write_attribute(const char *name, int kind, written *inside);
/* A ModelProto of format 8 and operator set 17; `graph` is freed. */
written write_model(written *graph);

/* A FunctionProto of the domain "test"; nodes (field 7) may be put behind. */
written write_function(const char *name, const char *const *inputs, const char *const *outputs);

/* Numbers of fields. */
enum {
    MODEL_FUNCTION = 25,
    FUNCTION_NODE = 7,
    NODE_DOMAIN = 7,
    GRAPH_NODE = 1,
    GRAPH_INITIALIZER = 5,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT = 12,
    GRAPH_SPARSE_INITIALIZER = 15,
    NODE_ATTRIBUTE = 5,
    ATTRIBUTE_TENSOR = 4,
    ATTRIBUTE_GRAPH = 5
};

#endif
