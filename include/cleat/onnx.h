/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Graphs from ONNX files: a library of its own, libcleat-onnx, which needs protobuf-c. Not part of
 * <cleat/cleat.h>. docs/onnx.md tells what is read and which operators there are.
 */
#ifndef CLEAT_ONNX_H
#define CLEAT_ONNX_H

#include <cleat/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cleat_onnx_options {
    /* Where files that a model given as bytes refers to lie; NULL: it may refer to none. A model
     * from a file refers to files in its own folder. */
    const char *folder;
    uint64_t reserved[8];
} cleat_onnx_options;

/*
 * Reads a model. Initialisers are constants of the graph, also those that are listed as inputs;
 * what is left of the inputs, and the outputs, keep their order. Elements kept in files of their
 * own are read from the model's folder and those below it, never through a symbolic link. The
 * caller owns the graph's one reference. options may be NULL. Errors, naming the node, initialiser
 * or input: CLEAT_INVALID_ARGUMENT (no such file; not a model, or a broken one), CLEAT_UNSUPPORTED
 * (maps, sparse tensors and the like), CLEAT_OUT_OF_HOST_MEMORY. An operator that is
 * not there is found by cleat_model_create().
 */
CLEAT_API cleat_status cleat_graph_load_onnx(
    const char *path, const cleat_onnx_options *options, cleat_graph **graph);
CLEAT_API cleat_status cleat_graph_read_onnx(
    const void *data, size_t size, const cleat_onnx_options *options, cleat_graph **graph);

/* cleat_graph_load_onnx(), then cleat_model_create(). */
CLEAT_API cleat_status cleat_model_load_onnx(cleat_context *context, const char *path,
    const cleat_onnx_options *options, cleat_model **model);

/* A tensor in host memory: row-major elements; of CLEAT_TEXT a const char * each, ended by zero. */
typedef struct cleat_onnx_tensor {
    cleat_type type;
    int32_t rank;
    int64_t shape[CLEAT_MAX_RANK];
    size_t size; /* bytes; of texts, with their characters */
    void *elements;
} cleat_onnx_tensor;

/*
 * Reads a tensor that is alone in its file (a TensorProto), as ONNX's own tests come with; release
 * it with cleat_onnx_tensor_release(), which leaves zeros and accepts NULL. Errors as above.
 */
CLEAT_API cleat_status cleat_onnx_tensor_load(const char *path, cleat_onnx_tensor *tensor);
CLEAT_API cleat_status cleat_onnx_tensor_read(
    const void *data, size_t size, cleat_onnx_tensor *tensor);
CLEAT_API void cleat_onnx_tensor_release(cleat_onnx_tensor *tensor);

#ifdef __cplusplus
}
#endif

#endif
