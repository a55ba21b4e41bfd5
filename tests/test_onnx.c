/* SPDX-License-Identifier: Apache-2.0 */
/* Models from ONNX files: what is read of them. test_onnx_refusals has what is not. */
#include "harness.h"
#include "model_writer.h"
#include <cleat/onnx.h>
#include <sys/stat.h>
#include <unistd.h>

static cleat_model *model_from(written *graph) {
    written file = write_model(graph);
    cleat_graph *read = NULL;
    cleat_model *model = NULL;
    test_ok(cleat_graph_read_onnx(file.data, file.size, NULL, &read));
    free(file.data);
    test_ok(cleat_model_create(test_context(), read, NULL, &model));
    cleat_graph_release(read);
    return model;
}

/* Runs a model without inputs and with one output, which must be these bytes. */
static void gives(
    cleat_model *model, cleat_type type, int32_t rank, const void *wanted, size_t size) {
    cleat_tensor y = {0};
    unsigned char got[256];
    test_ok(cleat_model_run(model, NULL, 0, &y, 1));
    ck_assert_int_eq(y.type, type);
    ck_assert_int_eq(y.rank, rank);
    test_ok(cleat_read(test_context(), y, got, size));
    ck_assert_mem_eq(got, wanted, size);
    cleat_tensor_release(&y);
    cleat_model_release(model);
}

/* A graph whose only output, y, is the initialiser x. */
static written graph_of_initializer(written *tensor) {
    written graph = {0}, node = write_simple_node("Identity", "x", "y");
    written output = write_value("y", 0, -1, NULL);
    put_message(&graph, GRAPH_NODE, &node);
    put_message(&graph, GRAPH_INITIALIZER, tensor);
    put_message(&graph, GRAPH_OUTPUT, &output);
    return graph;
}

/* Each type of elements: ONNX's number, the field for those of its kind, and elements 0, 1, 2. */
static const struct {
    int number;
    cleat_type type;
    unsigned field;
    uint64_t bits[3];
} kinds[] = {
    {1, CLEAT_F32, 4, {0, 0x3f800000, 0x40000000}},
    {11, CLEAT_F64, 10, {0, UINT64_C(0x3ff0000000000000), UINT64_C(0x4000000000000000)}},
    {10, CLEAT_F16, 5, {0, 0x3c00, 0xc000}},
    {16, CLEAT_BF16, 5, {0, 0x3f80, 0xc000}},
    {6, CLEAT_I32, 5, {0, 1, 0xfffffffe}},
    {7, CLEAT_I64, 7, {0, 1, UINT64_MAX - 1}},
    {3, CLEAT_I8, 5, {0, 1, 0xfe}},
    {5, CLEAT_I16, 5, {0, 1, 0xfffe}},
    {2, CLEAT_U8, 5, {0, 1, 255}},
    {4, CLEAT_U16, 5, {0, 1, 65535}},
    {12, CLEAT_U32, 11, {0, 1, 0xffffffff}},
    {13, CLEAT_U64, 11, {0, 1, UINT64_MAX}},
    {9, CLEAT_BOOL, 5, {0, 1, 1}},
};

/* The bits as int32_data has them: signed numbers by their value, others by their bits. */
static uint64_t extended(cleat_type type, uint64_t bits) {
    switch (type) {
    case CLEAT_I8:
        return (uint64_t)(int64_t)(int8_t)bits;
    case CLEAT_I16:
        return (uint64_t)(int64_t)(int16_t)bits;
    case CLEAT_I32:
        return (uint64_t)(int64_t)(int32_t)bits;
    default:
        return bits;
    }
}

/* Elements in the field of their type, in one piece or one by one. */
static void put_elements(written *tensor, int kind, bool is_packed) {
    const unsigned field = kinds[kind].field;
    written packed = {0};
    for (int i = 0; i < 3; i++) {
        const uint64_t bits = kinds[kind].bits[i];
        const uint32_t low = (uint32_t)bits;
        const size_t fixed = field == 10 ? 8 : field == 4 ? 4 : 0;
        const void *raw = field == 10 ? (const void *)&bits : &low;
        const uint64_t number = extended(kinds[kind].type, bits);
        if (fixed > 0 && is_packed) {
            put_raw(&packed, raw, fixed);
        } else if (fixed > 0) {
            put_fixed(tensor, field, raw, fixed);
        } else if (is_packed) {
            put_varint(&packed, number);
        } else {
            put_number(tensor, field, number);
        }
    }
    if (is_packed) {
        put_bytes(tensor, field, packed.data, packed.size);
    }
    free(packed.data);
}

/* The bytes of the elements; how many. */
static size_t raw_elements(int kind, unsigned char *bytes) {
    const size_t size = cleat_type_size(kinds[kind].type);
    for (int i = 0; i < 3; i++) {
        for (size_t k = 0; k < size; k++) {
            bytes[(size_t)i * size + k] = (unsigned char)(kinds[kind].bits[i] >> (8 * k));
        }
    }
    return 3 * size;
}

START_TEST(elements_of_all_types) {
    const int kind = _i / 3, form = _i % 3;
    unsigned char bytes[24];
    const size_t size = raw_elements(kind, bytes);
    written tensor = write_tensor(
        "x", kinds[kind].number, 1, (const int64_t[]){3}, form == 0 ? bytes : NULL, size);
    if (form > 0) {
        put_elements(&tensor, kind, form == 1);
    }
    written graph = graph_of_initializer(&tensor);
    gives(model_from(&graph), kinds[kind].type, 1, bytes, size);
}
END_TEST

/* A truth value is 0 or 1, whatever the file says; extents of 0 have no elements. */
START_TEST(odd_elements) {
    const unsigned char odd[3] = {0, 7, 255}, even[3] = {0, 1, 1};
    written tensor = write_tensor("x", 9, 1, (const int64_t[]){3}, odd, 3);
    written graph = graph_of_initializer(&tensor);
    gives(model_from(&graph), CLEAT_BOOL, 1, even, 3);
    tensor = write_tensor("x", 1, 2, (const int64_t[]){0, 3}, NULL, 0);
    graph = graph_of_initializer(&tensor);
    gives(model_from(&graph), CLEAT_F32, 2, even, 0);
    const float one = 1;
    tensor = write_tensor("x", 1, 0, NULL, &one, sizeof one);
    graph = graph_of_initializer(&tensor);
    gives(model_from(&graph), CLEAT_F32, 0, &one, sizeof one);
}
END_TEST

/* Inputs in their order, without those that are initialisers; symbolic extents. */
START_TEST(inputs_and_outputs) {
    const float three[3] = {1, 2, 3};
    written graph = {0}, tensor = write_tensor("w", 1, 1, (const int64_t[]){3}, three, 12);
    written inputs[] = {write_value("a", 1, 2, (const int64_t[]){-1, 3}),
        write_value("w", 1, 1, (const int64_t[]){3}), write_value("b", 0, -1, NULL)};
    for (int i = 0; i < 3; i++) {
        put_message(&graph, GRAPH_INPUT, &inputs[i]);
    }
    const char *const names[] = {"b", "w", "a"};
    for (int i = 0; i < 3; i++) {
        written output = write_value(names[i], 1, -1, NULL);
        put_message(&graph, GRAPH_OUTPUT, &output);
    }
    put_message(&graph, GRAPH_INITIALIZER, &tensor);
    cleat_model *model = model_from(&graph);
    cleat_value_info info;
    ck_assert_uint_eq(cleat_model_input_count(model), 2);
    ck_assert_uint_eq(cleat_model_output_count(model), 3);
    test_ok(cleat_model_input_info(model, 0, &info));
    ck_assert_str_eq(info.name, "a");
    ck_assert(info.type == CLEAT_F32 && info.rank == 2);
    ck_assert(info.shape[0] == -1 && info.shape[1] == 3);
    test_ok(cleat_model_input_info(model, 1, &info));
    ck_assert(strcmp(info.name, "b") == 0 && (int)info.type == 0 && info.rank == -1);
    test_ok(cleat_model_output_info(model, 1, &info));
    ck_assert_str_eq(info.name, "w");
    cleat_model_release(model);
}
END_TEST

/* A Constant with each kind of attribute that it may have its value in. */
START_TEST(attributes) {
    static const struct {
        const char *name;
        int kind;
        cleat_type type;
        int32_t rank;
    } forms[] = {{"value_int", 2, CLEAT_I64, 0}, {"value_float", 1, CLEAT_F32, 0},
        {"value_ints", 7, CLEAT_I64, 1}, {"value_floats", 6, CLEAT_F32, 1},
        {"value", 4, CLEAT_F32, 1}};
    const float reals[2] = {2.5F, -1};
    const int64_t integers[2] = {-3, 4};
    for (int with_kind = 0; with_kind < 2; with_kind++) {
        written attribute = {0}, graph = {0}, output = write_value("y", 0, -1, NULL);
        put_text(&attribute, 1, forms[_i].name);
        for (int i = 0; i < (forms[_i].rank > 0 ? 2 : 1) && forms[_i].kind != 4; i++) {
            if (forms[_i].type == CLEAT_I64) {
                put_number(&attribute, forms[_i].rank > 0 ? 8 : 3, (uint64_t)integers[i]);
            } else {
                put_fixed(&attribute, forms[_i].rank > 0 ? 7 : 2, &reals[i], 4);
            }
        }
        if (forms[_i].kind == 4) {
            written tensor = write_tensor("", 1, 1, (const int64_t[]){2}, reals, 8);
            put_message(&attribute, 5, &tensor);
        }
        if (with_kind) {
            put_number(&attribute, 20, (uint64_t)forms[_i].kind);
        }
        written node = write_node("Constant", "c", NULL, (const char *const[]){"y", NULL});
        put_message(&node, NODE_ATTRIBUTE, &attribute);
        put_message(&graph, GRAPH_NODE, &node);
        put_message(&graph, GRAPH_OUTPUT, &output);
        const size_t count = forms[_i].rank > 0 ? 2 : 1;
        const bool is_integer = forms[_i].type == CLEAT_I64;
        gives(model_from(&graph), forms[_i].type, forms[_i].rank,
            is_integer ? (const void *)integers : reals, count * (is_integer ? 8 : 4));
    }
}
END_TEST

/* What a file has besides is passed over: texts about it, fields of newer versions. */
START_TEST(unknown_fields) {
    const float one = 1;
    written tensor = write_tensor("x", 1, 1, (const int64_t[]){1}, &one, 4);
    put_text(&tensor, 12, "a word about it");
    put_number(&tensor, 100, 12345);
    written graph = graph_of_initializer(&tensor);
    put_text(&graph, 2, "main");
    put_text(&graph, 10, "about the graph");
    put_fixed(&graph, 77, &one, 4);
    gives(model_from(&graph), CLEAT_F32, 1, &one, 4);
}
END_TEST

/* ---- Functions of the model ---- */

/* A Constant whose value is the function's attribute `number`. */
static written write_constant(const char *output) {
    written attribute = {0},
            node = write_node("Constant", output, NULL, (const char *const[]){output, NULL});
    put_text(&attribute, 1, "value_int");
    put_number(&attribute, 20, 2);
    put_text(&attribute, 21, "number");
    put_message(&node, NODE_ATTRIBUTE, &attribute);
    return node;
}

static written write_call(const char *function, const char *const *outputs, int64_t number) {
    written node = write_node(function, function, (const char *const[]){"w", NULL}, outputs);
    put_text(&node, NODE_DOMAIN, "test");
    if (number >= 0) {
        written attribute = {0};
        put_text(&attribute, 1, "number");
        put_number(&attribute, 3, (uint64_t)number);
        put_message(&node, NODE_ATTRIBUTE, &attribute);
    }
    return node;
}

/* inner(x) -> (x, number, x again by a name of its own, as the graph's w is called), number 7
 * unless given; outer(w) calls it, with its own attribute for the number. */
static written model_of_functions(void) {
    const int64_t one = 1;
    written graph = {0}, tensor = write_tensor("w", 7, 0, NULL, &one, 8);
    const char *const results[] = {"same", "number", "copy", NULL};
    written inner = write_function(
        "inner", (const char *const[]){"x", NULL}, (const char *const[]){"x", "number", "w", NULL});
    written node = write_constant("number");
    put_message(&inner, FUNCTION_NODE, &node);
    node = write_simple_node("Identity", "x", "between");
    put_message(&inner, FUNCTION_NODE, &node);
    node = write_simple_node("Identity", "between", "w");
    put_message(&inner, FUNCTION_NODE, &node);
    written usual = {0};
    put_text(&usual, 1, "number");
    put_number(&usual, 3, 7);
    put_message(&inner, 11, &usual);
    written outer = write_function("outer", (const char *const[]){"w", NULL}, results);
    node = write_call("inner", results, -1);
    written attribute = {0};
    put_text(&attribute, 1, "number");
    put_text(&attribute, 21, "number");
    put_message(&node, NODE_ATTRIBUTE, &attribute);
    put_message(&outer, FUNCTION_NODE, &node);

    node = write_call("outer", (const char *const[]){"a", "b", "c", NULL}, 5);
    put_message(&graph, GRAPH_NODE, &node);
    node = write_call("inner", (const char *const[]){"", "d", NULL}, -1);
    put_message(&graph, GRAPH_NODE, &node);
    put_message(&graph, GRAPH_INITIALIZER, &tensor);
    for (int i = 0; i < 4; i++) {
        written output = write_value((const char *const[]){"a", "b", "c", "d"}[i], 7, 0, NULL);
        put_message(&graph, GRAPH_OUTPUT, &output);
    }
    written file = write_model(&graph);
    put_message(&file, MODEL_FUNCTION, &outer);
    put_message(&file, MODEL_FUNCTION, &inner);
    return file;
}

START_TEST(functions) {
    const int64_t wanted[4] = {1, 5, 1, 7};
    written file = model_of_functions();
    cleat_graph *graph = NULL;
    cleat_model *model = NULL;
    cleat_tensor y[4] = {{0}};
    test_ok(cleat_graph_read_onnx(file.data, file.size, NULL, &graph));
    free(file.data);
    test_ok(cleat_model_create(test_context(), graph, NULL, &model));
    cleat_graph_release(graph);
    test_ok(cleat_model_run(model, NULL, 0, y, 4));
    for (int i = 0; i < 4; i++) {
        int64_t got = 0;
        test_ok(cleat_read(test_context(), y[i], &got, sizeof got));
        ck_assert_int_eq(got, wanted[i]);
        cleat_tensor_release(&y[i]);
    }
    cleat_model_release(model);
}
END_TEST

/* ---- From files ---- */

static char folder[64];

static void make_folder(void) {
    strcpy(folder, "/tmp/cleat-test-onnx-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void write_file(const char *name, const void *data, size_t size) {
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(data, 1, size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

static void remove_files(const char *const *names) {
    char path[200];
    for (; *names != NULL; names++) {
        snprintf(path, sizeof path, "%s/%s", folder, *names);
        ck_assert_int_eq(remove(path), 0);
    }
    ck_assert_int_eq(rmdir(folder), 0);
}

/* Elements in two files of their own, one of them in a folder below; one large enough to be read
 * around the window. */
START_TEST(external_data) {
    enum { COUNT = 3000 };
    static float elements[COUNT];
    const char *const places[] = {"elements.bin", "./below//more.bin"};
    char path[200];
    written graph = {0};
    for (int i = 0; i < COUNT; i++) {
        elements[i] = (float)i;
    }
    make_folder();
    snprintf(path, sizeof path, "%s/below", folder);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    write_file("elements.bin", elements, sizeof elements);
    write_file("below/more.bin", elements, sizeof elements);
    for (int i = 0; i < 2; i++) {
        const char *const name = i == 0 ? "first" : "second";
        written tensor = write_tensor(name, 1, 1, (const int64_t[]){COUNT - 4 * i}, NULL, 0);
        const char *const entries[][2] = {
            {"location", places[i]}, {"offset", "16"}, {"length", "11984"}, {"checksum", "?"}};
        for (int k = 0; k < (i == 0 ? 1 : 4); k++) {
            written entry = {0};
            put_text(&entry, 1, entries[k][0]);
            put_text(&entry, 2, entries[k][1]);
            put_message(&tensor, 13, &entry);
        }
        put_number(&tensor, 14, 1);
        put_message(&graph, GRAPH_INITIALIZER, &tensor);
        written output = write_value(name, 1, -1, NULL);
        put_message(&graph, GRAPH_OUTPUT, &output);
    }
    written file = write_model(&graph);
    write_file("model.onnx", file.data, file.size);
    free(file.data);
    cleat_model *model = NULL;
    cleat_tensor y[2] = {{0}};
    static float got[COUNT];
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    test_ok(cleat_model_load_onnx(test_context(), path, NULL, &model));
    test_ok(cleat_model_run(model, NULL, 0, y, 2));
    for (int i = 0; i < 2; i++) {
        const size_t size = sizeof elements - (size_t)i * 16;
        test_ok(cleat_read(test_context(), y[i], got, size));
        ck_assert_mem_eq(got, elements + 4 * i, size);
        cleat_tensor_release(&y[i]);
    }
    cleat_model_release(model);
    remove_files(
        (const char *const[]){"model.onnx", "elements.bin", "below/more.bin", "below", NULL});
}
END_TEST

/* A model of texts, in an initialiser, in a node and as an input, and a tensor alone. */
START_TEST(texts) {
    enum { TYPE_TEXT = 8, TENSOR_TEXT = 6 };
    const int64_t two = 2;
    const char *const given[] = {"UP", ""};
    written graph = {0}, tensor = write_tensor("w", TYPE_TEXT, 1, &two, NULL, 0);
    put_text(&tensor, TENSOR_TEXT, "");
    put_text(&tensor, TENSOR_TEXT, "second");
    written node = write_node(
        "Concat", "", (const char *const[]){"w", "x", "c", NULL}, (const char *const[]){"y", NULL});
    written axis = {0}, constant = write_node("Constant", "", NULL, (const char *[]){"c", NULL});
    put_text(&axis, 1, "axis");
    put_number(&axis, 3, 0);
    put_number(&axis, 20, 2);
    put_message(&node, NODE_ATTRIBUTE, &axis);
    written inside = write_tensor("", TYPE_TEXT, 1, (const int64_t[]){1}, NULL, 0);
    put_text(&inside, TENSOR_TEXT, "inside");
    written value = write_attribute("value", ATTRIBUTE_TENSOR, &inside);
    put_message(&constant, NODE_ATTRIBUTE, &value);
    put_message(&graph, GRAPH_NODE, &node);
    put_message(&graph, GRAPH_NODE, &constant);
    cleat_onnx_tensor alone = {0};
    test_ok(cleat_onnx_tensor_read(tensor.data, tensor.size, &alone));
    const char *const *characters = alone.elements;
    ck_assert(alone.type == CLEAT_TEXT && alone.rank == 1 && alone.shape[0] == 2);
    ck_assert_str_eq(characters[0], "");
    ck_assert_str_eq(characters[1], "second");
    cleat_onnx_tensor_release(&alone);
    put_message(&graph, GRAPH_INITIALIZER, &tensor);
    written input = write_value("x", TYPE_TEXT, 1, (const int64_t[]){-1});
    put_message(&graph, GRAPH_INPUT, &input);
    written output = write_value("y", TYPE_TEXT, 1, (const int64_t[]){-1});
    put_message(&graph, GRAPH_OUTPUT, &output);
    cleat_model *model = model_from(&graph);
    cleat_value y, x = {.kind = CLEAT_VALUE_TEXTS, .count = 2, .texts = given};
    x.tensor.rank = 1;
    x.tensor.shape[0] = 2;
    test_ok(cleat_model_run_values(model, &x, 1, &y, 1));
    static const char *const wanted[] = {"", "second", "UP", "", "inside"};
    ck_assert(y.kind == CLEAT_VALUE_TEXTS && y.count == 5);
    for (int i = 0; i < 5; i++) {
        ck_assert_str_eq(y.texts[i], wanted[i]);
    }
    cleat_value_release(&y);
    cleat_model_release(model);
}
END_TEST

START_TEST(single_tensors) {
    const float three[3] = {1, 2, 3};
    char path[200];
    cleat_onnx_tensor read = {0}, loaded = {0};
    written tensor = write_tensor("t", 1, 2, (const int64_t[]){3, 1}, three, 12);
    make_folder();
    write_file("t.pb", tensor.data, tensor.size);
    snprintf(path, sizeof path, "%s/t.pb", folder);
    test_ok(cleat_onnx_tensor_read(tensor.data, tensor.size, &read));
    test_ok(cleat_onnx_tensor_load(path, &loaded));
    free(tensor.data);
    for (int i = 0; i < 2; i++) {
        cleat_onnx_tensor *x = i == 0 ? &read : &loaded;
        ck_assert(x->type == CLEAT_F32 && x->rank == 2 && x->shape[0] == 3 && x->shape[1] == 1);
        ck_assert_uint_eq(x->size, sizeof three);
        ck_assert_mem_eq(x->elements, three, sizeof three);
        cleat_onnx_tensor_release(x);
        ck_assert_ptr_null(x->elements);
    }
    cleat_onnx_tensor_release(NULL);
    remove_files((const char *const[]){"t.pb", NULL});
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("onnx");
    test_add_loop(suite, "types", elements_of_all_types, 3 * (int)(sizeof kinds / sizeof kinds[0]));
    test_add_case(suite, "elements", odd_elements);
    test_add_case(suite, "inputs", inputs_and_outputs);
    test_add_loop(suite, "attributes", attributes, 5);
    test_add_case(suite, "unknown", unknown_fields);
    test_add_case(suite, "functions", functions);
    test_add_case(suite, "external", external_data);
    test_add_case(suite, "texts", texts);
    test_add_case(suite, "tensors", single_tensors);
    return suite;
}
