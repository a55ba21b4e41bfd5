/* SPDX-License-Identifier: Apache-2.0 */
/* Models and single tensors: what <cleat/onnx.h> has. */
#include "onnx/onnx_function.h"
#include "onnx/onnx_tensor.h"
#include <cleat/onnx.h>
#include <string.h>

/* ModelProto's fields. */
enum { MODEL_IR_VERSION = 1, MODEL_GRAPH = 7, MODEL_OPSET_IMPORT = 8, MODEL_FUNCTION = 25 };

typedef struct model_parts {
    uint64_t ir_version;
    int64_t opset; /* 0: none for the default domain */
    bool has_opset;
    range graph;
    bool has_graph;
    function_list functions;
} model_parts;

static cleat_status read_opset(source *s, range bytes, model_parts *parts) {
    void *copy;
    Onnx__OperatorSet *set = NULL;
    TRY(source_copy(s, bytes, &copy));
    cleat_status status = unpack_message(
        &onnx__operator_set__descriptor, copy, (size_t)(bytes.end - bytes.begin), (void **)&set);
    cleat_host_release(copy);
    TRY(status);
    if (set->domain == NULL || set->domain[0] == '\0' || strcmp(set->domain, "ai.onnx") == 0) {
        parts->opset = set->version;
    }
    parts->has_opset = true;
    release_message(set);
    return CLEAT_OK;
}

static cleat_status find_parts(source *s, model_parts *parts) {
    field f;
    bool found;
    for (range rest = {0, s->size};;) {
        TRY(field_next(s, &rest, &f, &found));
        if (!found) {
            return CLEAT_OK;
        }
        if (f.number == MODEL_IR_VERSION && f.form == FIELD_NUMBER) {
            parts->ir_version = f.value;
        } else if (f.number == MODEL_OPSET_IMPORT && f.form == FIELD_BYTES) {
            TRY(read_opset(s, f.bytes, parts));
        } else if (f.number == MODEL_GRAPH && f.form == FIELD_BYTES) {
            REFUSE_IF(parts->has_graph, CLEAT_INVALID_ARGUMENT, "two graphs in one model");
            parts->graph = f.bytes;
            parts->has_graph = true;
        } else if (f.number == MODEL_FUNCTION && f.form == FIELD_BYTES) {
            TRY(function_list_add(&parts->functions, s, f.bytes));
        }
    }
}

static cleat_status check_parts(const model_parts *parts) {
    REFUSE_IF(!parts->has_graph || parts->ir_version == 0, CLEAT_INVALID_ARGUMENT,
        "not a model: no %s", parts->has_graph ? "version" : "graph");
    REFUSE_IF(parts->ir_version < 3, CLEAT_UNSUPPORTED,
        "a model of ONNX's format %llu, 3 is the oldest that is read",
        (unsigned long long)parts->ir_version);
    REFUSE_IF(!parts->has_opset || parts->opset < 0, CLEAT_INVALID_ARGUMENT,
        "the model does not say whose version of the operators it means");
    return CLEAT_OK;
}

static cleat_status read_model(source *s, const char *folder, cleat_graph **graph) {
    call_counts so_far = {0};
    model_parts parts = {.functions = {.called = &so_far}};
    cleat_status status = find_parts(s, &parts);
    if (status == CLEAT_OK) {
        status = check_parts(&parts);
    }
    if (status == CLEAT_OK) {
        status = function_list_sort(&parts.functions, parts.opset);
    }
    if (status == CLEAT_OK) {
        const onnx_reader reader = {folder, parts.opset, &parts.functions, NULL};
        status = read_graph(&reader, s, parts.graph, 0, graph);
    }
    function_list_free(&parts.functions);
    return status;
}

/* All before the last slash of a path; "." where there is none. */
static cleat_status folder_of(const char *path, void **folder) {
    const char *slash = strrchr(path, '/');
    const size_t length = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
    TRY(allocate(length + 1, 1, folder));
    memcpy(*folder, slash == NULL ? "." : path, length);
    return CLEAT_OK;
}

static cleat_status check_options(const cleat_onnx_options *options) {
    for (size_t i = 0; options != NULL && i < 8; i++) {
        REFUSE_IF(options->reserved[i] != 0, CLEAT_INVALID_ARGUMENT,
            "reserved[%zu] of the options is not 0", i);
    }
    return CLEAT_OK;
}

cleat_status cleat_graph_load_onnx(
    const char *path, const cleat_onnx_options *options, cleat_graph **graph) {
    REFUSE_IF(path == NULL || graph == NULL, CLEAT_INVALID_ARGUMENT, "graph_load_onnx: %s is NULL",
        path == NULL ? "path" : "graph");
    source s;
    void *folder = NULL;
    cleat_status status = source_open(&s, path);
    if (status == CLEAT_OK) {
        status = check_options(options);
    }
    if (status == CLEAT_OK) {
        status = folder_of(path, &folder);
    }
    if (status == CLEAT_OK) {
        status = read_model(&s, folder, graph);
    }
    source_close(&s);
    cleat_host_release(folder);
    return status == CLEAT_OK ? status : refuse_in(status, "graph_load_onnx: %s", path);
}

cleat_status cleat_graph_read_onnx(
    const void *data, size_t size, const cleat_onnx_options *options, cleat_graph **graph) {
    REFUSE_IF(data == NULL || graph == NULL, CLEAT_INVALID_ARGUMENT, "graph_read_onnx: %s is NULL",
        data == NULL ? "data" : "graph");
    source s;
    source_of_memory(&s, data, size);
    cleat_status status = check_options(options);
    if (status == CLEAT_OK) {
        status = read_model(&s, options != NULL ? options->folder : NULL, graph);
    }
    return status == CLEAT_OK ? status : refuse_in(status, "graph_read_onnx");
}

cleat_status cleat_model_load_onnx(cleat_context *context, const char *path,
    const cleat_onnx_options *options, cleat_model **model) {
    cleat_graph *graph;
    TRY(cleat_graph_load_onnx(path, options, &graph));
    cleat_status status = cleat_model_create(context, graph, NULL, model);
    cleat_graph_release(graph);
    return status == CLEAT_OK ? status : refuse_in(status, "model_load_onnx: %s", path);
}

/* ---- Single tensors ---- */

static cleat_status read_single(source *s, cleat_onnx_tensor *tensor) {
    tensor_reader t;
    void *elements = NULL;
    cleat_status status = tensor_open(s, (range){0, s->size}, NULL, &t);
    if (status == CLEAT_OK) {
        status = allocate(t.size, 1, &elements);
    }
    if (status == CLEAT_OK) {
        status = tensor_fill(&t, elements);
    }
    if (status == CLEAT_OK) {
        *tensor = (cleat_onnx_tensor){
            .type = t.type, .rank = t.rank, .size = t.size, .elements = elements};
        memcpy(tensor->shape, t.shape, sizeof t.shape);
    } else {
        cleat_host_release(elements);
    }
    tensor_close(&t);
    return status;
}

cleat_status cleat_onnx_tensor_load(const char *path, cleat_onnx_tensor *tensor) {
    REFUSE_IF(path == NULL || tensor == NULL, CLEAT_INVALID_ARGUMENT,
        "onnx_tensor_load: %s is NULL", path == NULL ? "path" : "tensor");
    source s;
    cleat_status status = source_open(&s, path);
    if (status == CLEAT_OK) {
        status = read_single(&s, tensor);
    }
    source_close(&s);
    return status == CLEAT_OK ? status : refuse_in(status, "onnx_tensor_load: %s", path);
}

cleat_status cleat_onnx_tensor_read(const void *data, size_t size, cleat_onnx_tensor *tensor) {
    REFUSE_IF(data == NULL || tensor == NULL, CLEAT_INVALID_ARGUMENT,
        "onnx_tensor_read: %s is NULL", data == NULL ? "data" : "tensor");
    source s;
    source_of_memory(&s, data, size);
    cleat_status status = read_single(&s, tensor);
    return status == CLEAT_OK ? status : refuse_in(status, "onnx_tensor_read");
}

void cleat_onnx_tensor_release(cleat_onnx_tensor *tensor) {
    if (tensor != NULL) {
        cleat_host_release(tensor->elements);
        *tensor = (cleat_onnx_tensor){0};
    }
}
