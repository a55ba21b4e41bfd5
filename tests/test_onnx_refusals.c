/* SPDX-License-Identifier: Apache-2.0 */
/* ONNX files that are refused: broken, hostile, or of what Cleat has not. */
#include "harness.h"
#include "model_writer.h"
#include <cleat/onnx.h>
#include <sys/stat.h>
#include <unistd.h>

/* Reads a file that is refused, and frees it. */
static void refused(written file, cleat_status status, const char *said) {
    cleat_graph *graph = NULL;
    test_refused(cleat_graph_read_onnx(file.data, file.size, NULL, &graph), status, said);
    ck_assert_ptr_null(graph);
    free(file.data);
}

static void graph_refused(written graph, cleat_status status, const char *said) {
    refused(write_model(&graph), status, said);
}

/* ---- Models ---- */

START_TEST(models) {
    written file = {0}, graph = {0}, set = {0};
    refused(file, CLEAT_INVALID_ARGUMENT, "is NULL");
    put_number(&file, 1, 8);
    refused(file, CLEAT_INVALID_ARGUMENT, "not a model: no graph");
    file = (written){0};
    put_message(&file, 7, &graph);
    refused(file, CLEAT_INVALID_ARGUMENT, "not a model: no version");
    file = (written){0};
    put_number(&file, 1, 2);
    put_message(&file, 7, &graph);
    refused(file, CLEAT_UNSUPPORTED, "format 2");
    file = (written){0};
    put_number(&file, 1, 8);
    put_message(&file, 7, &graph);
    refused(file, CLEAT_INVALID_ARGUMENT, "whose version");
    file = write_model(&graph);
    put_message(&file, 7, &graph);
    refused(file, CLEAT_INVALID_ARGUMENT, "two graphs");
    /* of another domain alone: nodes of ONNX's own have no meaning */
    file = (written){0};
    put_text(&set, 1, "com.example");
    put_number(&set, 2, 1);
    put_number(&file, 1, 8);
    put_message(&file, 8, &set);
    written node = write_simple_node("Identity", "x", "y");
    put_message(&graph, GRAPH_NODE, &node);
    put_message(&file, 7, &graph);
    refused(file, CLEAT_INVALID_ARGUMENT, "node 0, Identity y: the model does not say");
}
END_TEST

START_TEST(arguments) {
    cleat_graph *graph = NULL;
    cleat_model *model = NULL;
    cleat_onnx_tensor tensor = {0};
    cleat_onnx_options options = {.reserved = {[3] = 1}};
    test_refused(cleat_graph_read_onnx("", 0, NULL, NULL), CLEAT_INVALID_ARGUMENT, "graph is NULL");
    test_refused(
        cleat_graph_read_onnx("", 0, &options, &graph), CLEAT_INVALID_ARGUMENT, "reserved[3]");
    test_refused(cleat_graph_load_onnx(NULL, NULL, &graph), CLEAT_INVALID_ARGUMENT, "path is NULL");
    test_refused(cleat_graph_load_onnx("/nowhere/x.onnx", NULL, &graph), CLEAT_INVALID_ARGUMENT,
        "/nowhere/x.onnx: No such file");
    test_refused(
        cleat_graph_load_onnx("/tmp", NULL, &graph), CLEAT_INVALID_ARGUMENT, "/tmp: not a file");
    test_refused(cleat_model_load_onnx(test_context(), "/nowhere", NULL, &model),
        CLEAT_INVALID_ARGUMENT, "/nowhere");
    test_refused(cleat_onnx_tensor_load("/nowhere", &tensor), CLEAT_INVALID_ARGUMENT, "/nowhere");
    test_refused(cleat_onnx_tensor_load(NULL, &tensor), CLEAT_INVALID_ARGUMENT, "path is NULL");
    test_refused(cleat_onnx_tensor_read("", 0, NULL), CLEAT_INVALID_ARGUMENT, "tensor is NULL");
    test_refused(cleat_onnx_tensor_read("", 0, &tensor), CLEAT_INVALID_ARGUMENT, "no type");
}
END_TEST

/* ---- Initialisers ---- */

static void tensor_refused(written tensor, cleat_status status, const char *said) {
    written graph = {0};
    put_message(&graph, GRAPH_INITIALIZER, &tensor);
    graph_refused(graph, status, said);
}

START_TEST(initialisers) {
    const int64_t shape[9] = {2, 3, 1, 1, 1, 1, 1, 1, 1};
    const int64_t huge[4] = {INT64_MAX, INT64_MAX, 1 << 20, 1 << 20}, below[1] = {-2};
    const float six[6] = {0};
    tensor_refused(write_tensor("w", 1, 2, shape, six, 20), CLEAT_INVALID_ARGUMENT,
        "initialiser 0, w: 20 bytes of elements, where the shape has 24");
    tensor_refused(write_tensor("w", 1, 2, shape, NULL, 0), CLEAT_INVALID_ARGUMENT,
        "0 elements, where the shape has 6");
    tensor_refused(write_tensor("w", 1, 9, shape, six, 24), CLEAT_UNSUPPORTED, "rank 9");
    tensor_refused(write_tensor("w", 1, 1, below, six, 24), CLEAT_INVALID_ARGUMENT, "extent -2");
    tensor_refused(write_tensor("w", 1, 2, huge, six, 24), CLEAT_SIZE_OVERFLOW, "too many");
    tensor_refused(
        write_tensor("w", 1, 2, huge + 2, six, 24), CLEAT_INVALID_ARGUMENT, "24 bytes of elements");
    tensor_refused(
        write_tensor("w", 8, 2, shape, six, 24), CLEAT_INVALID_ARGUMENT, "texts as raw bytes");
    tensor_refused(write_tensor("w", 14, 2, shape, six, 24), CLEAT_UNSUPPORTED, "type complex64");
    tensor_refused(write_tensor("w", 22, 2, shape, six, 24), CLEAT_UNSUPPORTED, "type int4");
    tensor_refused(write_tensor("w", 99, 2, shape, six, 24), CLEAT_UNSUPPORTED, "unknown type 99");
    tensor_refused(write_tensor("w", 0, 2, shape, six, 24), CLEAT_INVALID_ARGUMENT, "no type");
    tensor_refused(write_tensor("", 1, 2, shape, six, 24), CLEAT_INVALID_ARGUMENT, "no name");
    written tensor = write_tensor("w", 1, 2, shape, six, 24);
    put_text(&tensor, 3, "");
    tensor_refused(tensor, CLEAT_UNSUPPORTED, "segments");
    tensor = write_tensor("w", 3, 1, (const int64_t[]){1}, NULL, 0);
    put_number(&tensor, 5, 128);
    tensor_refused(tensor, CLEAT_INVALID_ARGUMENT, "element 0 is 128, no i8");
    tensor = write_tensor("w", 2, 1, (const int64_t[]){1}, NULL, 0);
    put_number(&tensor, 5, UINT64_MAX);
    tensor_refused(tensor, CLEAT_INVALID_ARGUMENT, "element 0 is -1, no u8");
    tensor = write_tensor("w", 12, 1, (const int64_t[]){1}, NULL, 0);
    put_number(&tensor, 11, UINT64_C(1) << 32);
    tensor_refused(tensor, CLEAT_INVALID_ARGUMENT, "no u32");
    written graph = {0};
    for (int i = 0; i < 2; i++) {
        tensor = write_tensor("w", 1, 2, shape, six, 24);
        put_message(&graph, GRAPH_INITIALIZER, &tensor);
    }
    graph_refused(graph, CLEAT_INVALID_ARGUMENT, "initialiser 1, w: ");
    graph = (written){0};
    put_text(&graph, GRAPH_SPARSE_INITIALIZER, "");
    graph_refused(graph, CLEAT_UNSUPPORTED, "initialiser 0: a sparse tensor");
}
END_TEST

enum { TENSOR_TEXT = 6, TENSOR_EXTERNAL = 14 };

START_TEST(texts) {
    const int64_t two = 2;
    written tensor = write_tensor("w", 8, 1, &two, NULL, 0);
    put_text(&tensor, TENSOR_TEXT, "alone");
    tensor_refused(tensor, CLEAT_INVALID_ARGUMENT, "1 elements, where the shape has 2");
    tensor = write_tensor("w", 8, 1, &two, NULL, 0);
    put_text(&tensor, TENSOR_TEXT, "one");
    put_bytes(&tensor, TENSOR_TEXT, "t\0o", 3);
    tensor_refused(tensor, CLEAT_UNSUPPORTED, "element 1: a text with a byte of zero");
    tensor = write_tensor("w", 8, 1, &two, NULL, 0);
    put_number(&tensor, TENSOR_EXTERNAL, 1);
    tensor_refused(tensor, CLEAT_INVALID_ARGUMENT, "texts as raw bytes");
    /* one that claims more bytes than the file has */
    tensor = write_tensor("w", 8, 1, &two, NULL, 0);
    put_text(&tensor, TENSOR_TEXT, "one");
    put_text(&tensor, TENSOR_TEXT, "two");
    tensor.data[tensor.size - 4] = 100;
    tensor_refused(tensor, CLEAT_INVALID_ARGUMENT, "initialiser 0");
}
END_TEST

/* ---- Inputs, nodes, attributes ---- */

static void input_refused(unsigned form, cleat_status status, const char *said) {
    written graph = {0}, value = {0}, type = {0};
    put_text(&value, 1, "x");
    put_text(&type, form, "");
    put_message(&value, 2, &type);
    put_message(&graph, GRAPH_INPUT, &value);
    graph_refused(graph, status, said);
}

START_TEST(inputs) {
    const int64_t shape[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    written graph = {0};
    input_refused(5, CLEAT_UNSUPPORTED, "input 0, x: is a map");
    input_refused(8, CLEAT_UNSUPPORTED, "is a sparse tensor");
    input_refused(7, CLEAT_UNSUPPORTED, "is opaque");
    written value = write_value("x", 14, 0, NULL);
    put_message(&graph, GRAPH_INPUT, &value);
    graph_refused(graph, CLEAT_UNSUPPORTED, "input 0, x: elements of type complex64");
    graph = (written){0};
    value = write_value("y", 15, 0, NULL);
    put_message(&graph, GRAPH_OUTPUT, &value);
    graph_refused(graph, CLEAT_UNSUPPORTED, "output 0, y: elements of type complex128");
    graph = (written){0};
    value = write_value("x", 1, 9, shape);
    put_message(&graph, GRAPH_INPUT, &value);
    graph_refused(graph, CLEAT_UNSUPPORTED, "has rank 9");
    graph = (written){0};
    put_number(&graph, GRAPH_INPUT, 7);
    graph_refused(graph, CLEAT_INVALID_ARGUMENT, "field 11 of a graph is a number");
}
END_TEST

static void attribute_refused(written attribute, cleat_status status, const char *said) {
    written graph = {0}, node = write_simple_node("Identity", "x", "y");
    put_message(&node, NODE_ATTRIBUTE, &attribute);
    put_message(&graph, GRAPH_NODE, &node);
    graph_refused(graph, status, said);
}

START_TEST(attributes) {
    static const char *const kinds[] = {"a list of tensors", "a list of graphs", "a sparse tensor",
        "a list of sparse tensors", "a type", "a list of types"};
    for (int i = 0; i < 6; i++) {
        written attribute = {0};
        put_text(&attribute, 1, "a");
        put_number(&attribute, 20, (uint64_t)(9 + i));
        attribute_refused(attribute, CLEAT_UNSUPPORTED, kinds[i]);
    }
    written attribute = {0};
    put_text(&attribute, 1, "a");
    attribute_refused(
        attribute, CLEAT_INVALID_ARGUMENT, "node 0, Identity y: attribute a: of no kind (0)");
    attribute = (written){0};
    put_text(&attribute, 1, "a");
    put_text(&attribute, 21, "b");
    attribute_refused(attribute, CLEAT_INVALID_ARGUMENT, "refers to the attribute b");
    written tensor = write_tensor("", 1, 1, (const int64_t[]){2}, "1234", 4);
    attribute_refused(write_attribute("value", ATTRIBUTE_TENSOR, &tensor), CLEAT_INVALID_ARGUMENT,
        "attribute value: 4 bytes");
    written inner = {0};
    put_text(&inner, GRAPH_SPARSE_INITIALIZER, "");
    attribute_refused(write_attribute("body", ATTRIBUTE_GRAPH, &inner), CLEAT_UNSUPPORTED,
        "attribute body: initialiser 0: a sparse tensor");
}
END_TEST

/* Graphs in graphs without end; a structure of hundreds of bytes for two of the file. */
START_TEST(depth_and_weight) {
    written graph = {0};
    for (int i = 0; i < 5000; i++) {
        written outer = {0}, node = write_simple_node("If", "x", "y");
        written attribute = write_attribute("then_branch", ATTRIBUTE_GRAPH, &graph);
        put_message(&node, NODE_ATTRIBUTE, &attribute);
        put_message(&outer, GRAPH_NODE, &node);
        graph = outer;
    }
    graph_refused(graph, CLEAT_UNSUPPORTED, "more than 32 graphs within each other");
    written node = write_simple_node("Identity", "x", "y");
    for (int i = 0; i < 300000; i++) {
        put_text(&node, NODE_ATTRIBUTE, "");
    }
    graph = (written){0};
    put_message(&graph, GRAPH_NODE, &node);
    graph_refused(graph, CLEAT_INVALID_ARGUMENT, "more parts than is sensible");
}
END_TEST

START_TEST(nodes) {
    written graph = {0}, node = write_simple_node("", "x", "y");
    put_message(&graph, GRAPH_NODE, &node);
    graph_refused(graph, CLEAT_INVALID_ARGUMENT, "has no type");
    graph = (written){0};
    for (int i = 0; i < 2; i++) {
        node = write_simple_node("Identity", "x", "y");
        put_message(&graph, GRAPH_NODE, &node);
    }
    graph_refused(graph, CLEAT_INVALID_ARGUMENT, "node 1, Identity y: ");
    graph = (written){0};
    node = write_node(
        "Split", "s", (const char *const[]){"x", NULL}, (const char *const[]){"y", "y", NULL});
    put_message(&graph, GRAPH_NODE, &node);
    graph_refused(graph, CLEAT_INVALID_ARGUMENT, "writes the value y, which is there already");
    graph = (written){0};
    node = (written){0};
    put_raw(&node, "\x0a\xff", 2); /* an input of 127 bytes and more, of which none is there */
    put_message(&graph, GRAPH_NODE, &node);
    graph_refused(graph, CLEAT_INVALID_ARGUMENT, "node 0: 2 bytes are no Node");
}
END_TEST

/* A function of `calls` nodes that each call the function `called`. */
static written function_of_calls(const char *name, const char *called, int calls) {
    written function =
        write_function(name, (const char *const[]){"x", NULL}, (const char *const[]){"y", NULL});
    for (int i = 0; i < calls; i++) {
        char output[16];
        snprintf(output, sizeof output, "y%d", i);
        written node = write_simple_node(called, "x", output);
        put_text(&node, NODE_DOMAIN, "test");
        put_message(&function, FUNCTION_NODE, &node);
    }
    return function;
}

static void functions_refused(
    written *functions, int count, cleat_status status, const char *said) {
    written graph = {0}, node = write_simple_node("f0", "x", "y");
    put_text(&node, NODE_DOMAIN, "test");
    put_message(&graph, GRAPH_NODE, &node);
    written file = write_model(&graph);
    for (int i = 0; i < count; i++) {
        put_message(&file, MODEL_FUNCTION, &functions[i]);
    }
    refused(file, status, said);
}

/* Functions that call themselves, or each other until there are too many nodes. */
START_TEST(functions) {
    written f[24] = {function_of_calls("f0", "f0", 1)};
    functions_refused(f, 1, CLEAT_UNSUPPORTED, "more than 32 calls of functions");
    for (int i = 0; i < 24; i++) {
        char name[8], called[8];
        snprintf(name, sizeof name, "f%d", i);
        snprintf(called, sizeof called, "f%d", i + 1);
        f[i] = function_of_calls(name, called, 2);
    }
    functions_refused(f, 24, CLEAT_UNSUPPORTED, "calls of functions make more than");
    f[0] = function_of_calls("f0", "f1", 0);
    f[1] = function_of_calls("f0", "f1", 0);
    functions_refused(f, 2, CLEAT_INVALID_ARGUMENT, "two functions are called f0");
    f[0] = write_function("f0", (const char *const[]){NULL}, (const char *const[]){"y", NULL});
    functions_refused(
        f, 1, CLEAT_INVALID_ARGUMENT, "1 inputs and 1 outputs, where the function has 0 and 1");
    f[0] = function_of_calls("f0", "f1", 0);
    written set = {0};
    put_number(&set, 2, 9);
    put_message(&f[0], 9, &set);
    functions_refused(f, 1, CLEAT_UNSUPPORTED, "function f0 means version 9");
    f[0] = (written){0};
    put_raw(&f[0], "\x0a\xff", 2);
    functions_refused(f, 1, CLEAT_INVALID_ARGUMENT, "function 0: 2 bytes are no Function");
}
END_TEST

/* ---- Files of elements ---- */

static char folder[64];

static void make_file(const char *name, const char *text) {
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

/* The model lies in folder/model; "secret" beside it, in folder. */
static void make_folders(void) {
    char path[200], secret[200];
    strcpy(folder, "/tmp/cleat-test-onnx-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/model", folder);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof path, "%s/model/below", folder);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    make_file("secret", "0123456789abcdef");
    make_file("model/good", "0123456789abcdef");
    snprintf(secret, sizeof secret, "%s/secret", folder);
    snprintf(path, sizeof path, "%s/model/link", folder);
    ck_assert_int_eq(symlink(secret, path), 0);
    snprintf(path, sizeof path, "%s/model/out", folder);
    ck_assert_int_eq(symlink(folder, path), 0);
    snprintf(path, sizeof path, "%s/model/pipe", folder);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
}

static void remove_folders(void) {
    const char *const names[] = {"model/pipe", "model/out", "model/link", "model/good",
        "model/below", "model", "secret", "."};
    char path[200];
    for (int i = 0; i < 8; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        ck_assert(i == 7 ? rmdir(folder) == 0 : remove(path) == 0);
    }
}

static written model_with_external(const char *location, const char *offset, const char *length) {
    written graph = {0}, tensor = write_tensor("w", 1, 1, (const int64_t[]){4}, NULL, 0);
    const char *const entries[][2] = {
        {"location", location}, {"offset", offset}, {"length", length}};
    for (int i = 0; i < 3; i++) {
        if (entries[i][1] != NULL) {
            written entry = {0};
            put_text(&entry, 1, entries[i][0]);
            put_text(&entry, 2, entries[i][1]);
            put_message(&tensor, 13, &entry);
        }
    }
    put_number(&tensor, 14, 1);
    put_message(&graph, GRAPH_INITIALIZER, &tensor);
    return write_model(&graph);
}

START_TEST(external_data) {
    static const struct {
        const char *location, *offset, *length, *said;
    } cases[] = {{"../secret", NULL, NULL, ".. could leave"},
        {"below/../../secret", NULL, NULL, ".. could leave"}, {"..", NULL, NULL, ".. could leave"},
        {"/etc/passwd", NULL, NULL, "not a path relative"}, {"", NULL, NULL, "not a path relative"},
        {NULL, NULL, NULL, "not a path relative"}, {"link", NULL, NULL, "symbolic link"},
        {"out/secret", NULL, NULL, "symbolic link"}, {"below", NULL, NULL, "not a file"},
        {"pipe", NULL, NULL, "not a file"}, {"good/more", NULL, NULL, "no folder"},
        {"missing", NULL, NULL, "No such file"}, {"good", "1", NULL, "16 bytes from byte 1 on, of"},
        {"good", "99999999999999999999", NULL, "offset is no number"},
        {"good", "-1", NULL, "offset is no number"}, {"good", "0x0", NULL, "offset is no number"},
        {"good", NULL, "12", "12 bytes for elements of 16"},
        {"good", "18446744073709551615", "16", "offset is no number"},
        {"good", "9223372036854775", "16", "of 16"},
        {"below/", NULL, NULL, "external data below/"}};
    char path[200];
    make_folders();
    snprintf(path, sizeof path, "%s/model", folder);
    const cleat_onnx_options options = {.folder = path};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cleat_graph *graph = NULL;
        written file = model_with_external(cases[i].location, cases[i].offset, cases[i].length);
        test_refused(cleat_graph_read_onnx(file.data, file.size, &options, &graph),
            CLEAT_INVALID_ARGUMENT, cases[i].said);
        ck_assert_ptr_nonnull(strstr(cleat_error_message(), "initialiser 0, w"));
        free(file.data);
    }
    refused(model_with_external("good", NULL, NULL), CLEAT_INVALID_ARGUMENT, "no folder for it");
    cleat_graph *graph = NULL;
    written file = model_with_external("good", "0", "16");
    test_ok(cleat_graph_read_onnx(file.data, file.size, &options, &graph));
    free(file.data);
    cleat_graph_release(graph);
    remove_folders();
}
END_TEST

/* ---- Broken anywhere ---- */

/* Of everything that the reader knows a little. */
static written whole_model(void) {
    const float four[4] = {1, 2, 3, 4};
    written graph = {0}, inner = {0};
    written node = write_simple_node("Identity", "b", "inner");
    put_message(&inner, GRAPH_NODE, &node);
    written output = write_value("inner", 1, 1, (const int64_t[]){4});
    put_message(&inner, GRAPH_OUTPUT, &output);
    written attribute = write_attribute("then_branch", ATTRIBUTE_GRAPH, &inner);
    node = write_simple_node("If", "a", "y");
    put_message(&node, NODE_ATTRIBUTE, &attribute);
    written tensor = write_tensor("", 1, 2, (const int64_t[]){2, 2}, four, 16);
    attribute = write_attribute("value", ATTRIBUTE_TENSOR, &tensor);
    put_message(&node, NODE_ATTRIBUTE, &attribute);
    put_message(&graph, GRAPH_NODE, &node);
    tensor = write_tensor("b", 1, 1, (const int64_t[]){4}, four, 16);
    put_message(&graph, GRAPH_INITIALIZER, &tensor);
    tensor = write_tensor("c", 6, 1, (const int64_t[]){2}, NULL, 0);
    put_bytes(&tensor, 5, "\1\2", 2);
    put_message(&graph, GRAPH_INITIALIZER, &tensor);
    written input = write_value("a", 9, 1, (const int64_t[]){-1});
    put_message(&graph, GRAPH_INPUT, &input);
    output = write_value("y", 1, 1, (const int64_t[]){4});
    put_message(&graph, GRAPH_OUTPUT, &output);
    written function = function_of_calls("f", "g", 1);
    node = write_simple_node("f", "b", "z");
    put_text(&node, NODE_DOMAIN, "test");
    put_message(&graph, GRAPH_NODE, &node);
    written file = write_model(&graph);
    put_message(&file, MODEL_FUNCTION, &function);
    return file;
}

/* Read or refused with words, and nothing is left over. */
static void survives(const unsigned char *data, size_t size) {
    cleat_graph *graph = NULL;
    const size_t before = cleat_host_allocations();
    const cleat_status status = cleat_graph_read_onnx(data, size, NULL, &graph);
    ck_assert_int_eq(status == CLEAT_OK, graph != NULL);
    if (status != CLEAT_OK) {
        ck_assert_int_eq(strncmp(cleat_error_message(), "graph_read_onnx: ", 17), 0);
    }
    cleat_graph_release(graph);
    ck_assert_uint_eq(cleat_host_allocations(), before);
}

START_TEST(cut_and_changed) {
    written file = whole_model();
    cleat_graph *graph = NULL;
    test_ok(cleat_graph_read_onnx(file.data, file.size, NULL, &graph));
    cleat_graph_release(graph);
    for (size_t size = 0; size < file.size; size++) {
        unsigned char *part = malloc(size + 1);
        memcpy(part, file.data, size);
        survives(part, size);
        free(part);
    }
    for (size_t at = 0; at < file.size; at++) {
        const unsigned char kept = file.data[at];
        for (int bit = 0; bit < 8; bit++) {
            file.data[at] = (unsigned char)(kept ^ 1U << bit);
            survives(file.data, file.size);
        }
        file.data[at] = 255;
        survives(file.data, file.size);
        file.data[at] = kept;
    }
    free(file.data);
}
END_TEST

/* Each allocation fails in turn, which is told, and loses nothing. */
static long long asked, fails_at;

static void *allocate(void *data, size_t size) {
    (void)data;
    return ++asked == fails_at ? NULL : malloc(size);
}

static void *resize(void *data, void *memory, size_t size) {
    (void)data;
    return ++asked == fails_at ? NULL : realloc(memory, size);
}

static void release(void *data, void *memory) {
    (void)data;
    free(memory);
}

START_TEST(without_memory) {
    const cleat_host_allocator own = {allocate, resize, release, NULL, {0}};
    written file = whole_model();
    test_ok(cleat_set_host_allocator(&own));
    cleat_status status = CLEAT_OUT_OF_HOST_MEMORY;
    for (fails_at = 1; status != CLEAT_OK; fails_at++) {
        cleat_graph *graph = NULL;
        asked = 0;
        status = cleat_graph_read_onnx(file.data, file.size, NULL, &graph);
        ck_assert_msg(status == CLEAT_OK || (status == CLEAT_OUT_OF_HOST_MEMORY &&
                                                strstr(cleat_error_message(), "host memory")),
            "allocation %lld: %s", fails_at, cleat_error_message());
        cleat_graph_release(graph);
        ck_assert_uint_eq(cleat_host_allocations(), 0);
    }
    ck_assert_int_gt(fails_at, 50);
    test_ok(cleat_set_host_allocator(NULL));
    free(file.data);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("onnx_refusals");
    test_add_case(suite, "memory", without_memory); /* first: nothing of Cleat's may be alive */
    test_add_case(suite, "models", models);
    test_add_case(suite, "arguments", arguments);
    test_add_case(suite, "initialisers", initialisers);
    test_add_case(suite, "texts", texts);
    test_add_case(suite, "inputs", inputs);
    test_add_case(suite, "attributes", attributes);
    test_add_case(suite, "nodes", nodes);
    test_add_case(suite, "depth", depth_and_weight);
    test_add_case(suite, "functions", functions);
    test_add_case(suite, "external", external_data);
    test_add_case(suite, "broken", cut_and_changed);
    return suite;
}
