/* SPDX-License-Identifier: Apache-2.0 */
/* Tensors of texts. What moves elements is compared with the same node on integers, each of which
 * stands for a text. */
#include "text_case.h"
#include <inttypes.h>

enum { TEXT_SIZE = 64, MOST = 512 };

/* ---- Models with texts ---- */

typedef struct text_list {
    int64_t count;
    char characters[MOST][TEXT_SIZE];
    const char *texts[MOST];
} text_list;

/* The text that an integer stands for; of 0 the empty one. */
static void name_number(int64_t number, char characters[TEXT_SIZE]) {
    snprintf(characters, TEXT_SIZE, "%.*s%" PRId64, number % 3 == 0 ? 30 : 1,
        "text\xc3\xa9 of some length, number ", number);
    characters[number == 0 ? 0 : TEXT_SIZE - 1] = '\0';
}

static void name_numbers(int64_t count, const int64_t *numbers, text_list *list) {
    ck_assert(count <= MOST);
    list->count = count;
    for (int64_t i = 0; i < count; i++) {
        name_number(numbers[i], list->characters[i]);
        list->texts[i] = list->characters[i];
    }
}

static cleat_value integers_value(int32_t rank, const int64_t *shape, const int64_t *numbers) {
    cleat_value v = {.kind = CLEAT_VALUE_TENSOR};
    test_ok(cleat_tensor_create(test_context(), CLEAT_I64, rank, shape, &v.tensor));
    test_ok(cleat_write(
        test_context(), v.tensor, numbers, (size_t)case_count(rank, shape) * sizeof *numbers));
    return v;
}

/* ---- Moving ---- */

/* Inputs of the case without elements are drawn, of these shapes; all results of the node on texts
 * are those on integers. */
static void check_moved(const graph_case *g, const char *what) {
    cleat_value numbers[6], texts[6], counted[2], made[2];
    text_list *lists = test_alloc(6, sizeof *lists), *want = test_alloc(1, sizeof *want);
    size_t count = 0;
    for (size_t i = 0; i < g->input_count; i++) {
        const case_value *v = &g->inputs[i];
        const int64_t size = case_count(v->rank, v->shape);
        int64_t drawn[MOST];
        if (v->elements != NULL) {
            continue;
        }
        ck_assert(size <= MOST);
        for (int64_t k = 0; k < size; k++) {
            drawn[k] = test_int(0, 40);
        }
        name_numbers(size, drawn, &lists[count]);
        numbers[count] = integers_value(v->rank, v->shape, drawn);
        texts[count] = text_value(v->rank, v->shape, lists[count].texts);
        count++;
    }
    const size_t outputs = g->output_count > 0 ? g->output_count : 1;
    cleat_model *of_numbers = text_model(g, CLEAT_I64);
    cleat_model *of_texts = text_model(g, CLEAT_TEXT);
    test_ok(cleat_model_run_values(of_numbers, numbers, count, counted, outputs));
    test_ok(cleat_model_run_values(of_texts, texts, count, made, outputs));
    for (size_t i = 0; i < outputs; i++) {
        int64_t got[MOST];
        const cleat_tensor *y = &counted[i].tensor;
        const int64_t size = cleat_tensor_count(y);
        test_ok(cleat_read(test_context(), *y, got, (size_t)size * sizeof *got));
        name_numbers(size, got, want);
        text_check(&made[i], y->rank, y->shape, want->texts, what);
        cleat_value_release(&counted[i]);
        cleat_value_release(&made[i]);
        ck_assert(made[i].texts == NULL && made[i].count == 0);
    }
    for (size_t i = 0; i < count; i++) {
        cleat_tensor_release(&numbers[i].tensor);
    }
    cleat_model_release(of_numbers);
    cleat_model_release(of_texts);
    free(lists);
    free(want);
}

/* A node of one drawn input, and constants behind it. */
static void check_one(const char *type, int32_t rank, const int64_t *shape, size_t others,
    const case_value *constants, size_t attributes, const cleat_attribute *attribute) {
    graph_case g = {.type = type, .input_count = 1 + others, .attribute_count = attributes};
    g.inputs[0] = text_input(rank, shape);
    for (size_t i = 0; i < others; i++) {
        g.inputs[1 + i] = constants[i];
    }
    for (size_t i = 0; i < attributes; i++) {
        g.attributes[i] = attribute[i];
    }
    check_moved(&g, type);
}

START_TEST(shapes) {
    const int64_t h = test_int(1, 4), w = test_int(1, 5), shape[] = {h, 1, w};
    const int64_t flat[] = {-1}, second[] = {1}, front[] = {0}, order[] = {2, 0, 1}, axis = 2;
    const cleat_attribute perm = case_ints("perm", 3, order), at = case_int("axis", &axis);
    const case_value to_flat = case_integers(1, flat), to_second = case_integers(1, second),
                     to_front = case_integers(1, front);
    check_one("Identity", 3, shape, 0, NULL, 0, NULL);
    check_one("Reshape", 3, shape, 1, &to_flat, 0, NULL);
    check_one("Flatten", 3, shape, 0, NULL, 1, &at);
    check_one("Squeeze", 3, shape, 1, &to_second, 0, NULL);
    check_one("Unsqueeze", 3, shape, 1, &to_front, 0, NULL);
    check_one("Transpose", 3, shape, 0, NULL, 1, &perm);
    const int64_t wide[] = {2, h, 3, w}, repeats[] = {2, 1, 3}, none[] = {0, 3};
    const case_value to_wide = case_integers(4, wide), times = case_integers(3, repeats);
    check_one("Expand", 3, shape, 1, &to_wide, 0, NULL);
    check_one("Tile", 3, shape, 1, &times, 0, NULL);
    check_one("Identity", 2, none, 0, NULL, 0, NULL);
    check_one("Transpose", 2, none, 0, NULL, 0, NULL);
}
END_TEST

START_TEST(parts) {
    const int64_t shape[] = {test_int(2, 4), test_int(3, 6)};
    const int64_t starts[] = {-1, 1}, ends[] = {-9, 9}, axes[] = {0, 1}, steps[] = {-1, 2};
    const case_value slice[] = {case_integers(2, starts), case_integers(2, ends),
        case_integers(2, axes), case_integers(2, steps)};
    check_one("Slice", 2, shape, 4, slice, 0, NULL);
    const int64_t sizes[] = {1, shape[1] - 1}, one = 1;
    graph_case g = {.type = "Split", .input_count = 2, .attribute_count = 1, .output_count = 2};
    g.inputs[0] = text_input(2, shape);
    g.inputs[1] = case_integers(2, sizes);
    g.attributes[0] = case_int("axis", &one);
    check_moved(&g, "Split");
    const bool chosen[] = {true, false, true};
    const case_value condition = text_constant(CLEAT_BOOL, 1, (int64_t[]){3}, chosen);
    check_one("Compress", 2, shape, 1, &condition, 1, &g.attributes[0]);
    g = (graph_case){.type = "Concat", .input_count = 3, .attribute_count = 1};
    for (int i = 0; i < 3; i++) {
        g.inputs[i] = text_input(2, (int64_t[]){shape[0], test_int(0, 4)});
    }
    g.attributes[0] = case_int("axis", &one);
    check_moved(&g, "Concat");
    const int64_t deep[] = {1, 8, test_int(1, 3), test_int(1, 3)}, block = 2;
    const int64_t broad[] = {1, 2, 2 * deep[2], 2 * deep[3]};
    const cleat_attribute size = case_int("blocksize", &block);
    check_one("DepthToSpace", 4, deep, 0, NULL, 1, &size);
    check_one("SpaceToDepth", 4, broad, 0, NULL, 1, &size);
    const int64_t lengths[] = {1, 3, 0}, batch[] = {4, 3};
    const case_value ends_at = case_integers(3, lengths);
    check_one("ReverseSequence", 2, batch, 1, &ends_at, 0, NULL);
}
END_TEST

START_TEST(places) {
    const int64_t shape[] = {3, test_int(1, 5)}, axis = 0;
    const int64_t rows[] = {2, -1, 0, 2}, pairs[] = {0, 0, -1, shape[1] - 1};
    const cleat_attribute at = case_int("axis", &axis);
    const case_value list = text_constant(CLEAT_I64, 2, (int64_t[]){2, 2}, rows);
    check_one("Gather", 2, shape, 1, &list, 1, &at);
    const case_value column = text_constant(CLEAT_I64, 2, (int64_t[]){4, 1}, rows);
    check_one("GatherElements", 2, shape, 1, &column, 1, &at);
    const case_value tuples = text_constant(CLEAT_I64, 2, (int64_t[]){2, 2}, pairs);
    check_one("GatherND", 2, shape, 1, &tuples, 0, NULL);
    graph_case g = {.type = "ScatterND", .input_count = 3};
    g.inputs[0] = text_input(2, shape);
    g.inputs[1] = text_constant(CLEAT_I64, 2, (int64_t[]){2, 1}, rows);
    g.inputs[2] = text_input(2, (int64_t[]){2, shape[1]});
    check_moved(&g, "ScatterND");
    g.type = "ScatterElements";
    g.inputs[1] = text_constant(CLEAT_I64, 2, (int64_t[]){2, 1}, rows);
    g.inputs[2] = text_input(2, (int64_t[]){2, 1});
    check_moved(&g, "ScatterElements");
    const bool truth[] = {true, false, true};
    g = (graph_case){.type = "Where", .input_count = 3};
    g.inputs[0] = text_constant(CLEAT_BOOL, 2, (int64_t[]){3, 1}, truth);
    g.inputs[1] = text_input(2, shape);
    g.inputs[2] = text_input(1, &shape[1]);
    check_moved(&g, "Where");
}
END_TEST

/* The condition, the indices and what is compared come from the device. */
START_TEST(beside_the_device) {
    const char *const a[] = {"a", "b", "c"}, *const b[] = {"x", "b", "z"};
    const char *const mixed[] = {"a", "b", "z"}, *const results[] = {"same", "picked", "size"};
    const float x[] = {1, -1, 2}, y[] = {0.5F, -2, 3};
    cleat_graph *graph = NULL;
    cleat_model *model = NULL;
    cleat_value out[3], in[4] = {text_value(1, (int64_t[]){3}, a), text_value(1, (int64_t[]){3}, b),
                            {.kind = CLEAT_VALUE_TENSOR}, {.kind = CLEAT_VALUE_TENSOR}};
    test_ok(cleat_graph_create(17, &graph));
    test_ok(cleat_graph_input(graph, "a", CLEAT_TEXT, 1, (int64_t[]){-1}));
    test_ok(cleat_graph_input(graph, "b", CLEAT_TEXT, 1, (int64_t[]){3}));
    test_ok(cleat_graph_input(graph, "x", CLEAT_F32, 1, (int64_t[]){3}));
    test_ok(cleat_graph_input(graph, "y", CLEAT_F32, 1, (int64_t[]){3}));
    test_ok(cleat_graph_node(
        graph, "Equal", NULL, 2, (const char *[]){"a", "b"}, 1, (const char *[]){"same"}, 0, NULL));
    test_ok(cleat_graph_node(graph, "Greater", NULL, 2, (const char *[]){"x", "y"}, 1,
        (const char *[]){"greater"}, 0, NULL));
    test_ok(cleat_graph_node(graph, "Where", NULL, 3, (const char *[]){"greater", "a", "b"}, 1,
        (const char *[]){"picked"}, 0, NULL));
    test_ok(cleat_graph_node(
        graph, "Size", NULL, 1, (const char *[]){"picked"}, 1, (const char *[]){"size"}, 0, NULL));
    for (int i = 0; i < 3; i++) {
        test_ok(cleat_graph_output(graph, results[i]));
    }
    test_ok(cleat_model_create(test_context(), graph, NULL, &model));
    cleat_graph_release(graph);
    for (int i = 0; i < 2; i++) {
        test_ok(
            cleat_tensor_create(test_context(), CLEAT_F32, 1, (int64_t[]){3}, &in[2 + i].tensor));
        test_ok(cleat_write(test_context(), in[2 + i].tensor, i == 0 ? x : y, sizeof x));
    }
    for (int round = 0; round < 3; round++) {
        bool same[3];
        int64_t size = 0;
        test_ok(cleat_model_run_values(model, in, 4, out, 3));
        test_ok(cleat_read(test_context(), out[0].tensor, same, sizeof same));
        ck_assert(!same[0] && same[1] && !same[2]);
        /* 1 > 0.5, -1 > -2, and not 2 > 3 */
        text_check(&out[1], 1, (int64_t[]){3}, mixed, "Where");
        test_ok(cleat_read(test_context(), out[2].tensor, &size, sizeof size));
        ck_assert_int_eq(size, 3);
        for (int i = 0; i < 3; i++) {
            cleat_value_release(&out[i]);
        }
    }
    cleat_tensor_release(&in[2].tensor);
    cleat_tensor_release(&in[3].tensor);
    cleat_model_release(model);
}
END_TEST

/* ---- Constants, sequences ---- */

START_TEST(constants_and_sequences) {
    const char *const one[] = {"alone"}, *const two[] = {"first", ""}, *const more[] = {"third"};
    const char *const all[] = {"first", "", "third", "alone"};
    const int64_t zero = 0;
    cleat_graph *graph = NULL;
    cleat_model *model = NULL;
    test_ok(cleat_graph_create(17, &graph));
    test_ok(cleat_graph_input(graph, "list", (cleat_type)0, -1, NULL));
    test_ok(cleat_graph_constant(graph, "more", CLEAT_TEXT, 1, (int64_t[]){1}, more));
    cleat_attribute a = {
        .name = "value_strings", .kind = CLEAT_ATTRIBUTE_TEXTS, .count = 1, .texts = one};
    test_ok(
        cleat_graph_node(graph, "Constant", NULL, 0, NULL, 1, (const char *[]){"alone"}, 1, &a));
    a = (cleat_attribute){
        .name = "value_string", .kind = CLEAT_ATTRIBUTE_TEXT, .count = 1, .texts = one};
    test_ok(
        cleat_graph_node(graph, "Constant", NULL, 0, NULL, 1, (const char *[]){"scalar"}, 1, &a));
    a = (cleat_attribute){.name = "value",
        .kind = CLEAT_ATTRIBUTE_TENSOR,
        .type = CLEAT_TEXT,
        .rank = 1,
        .shape = (int64_t[]){2},
        .elements = two};
    test_ok(
        cleat_graph_node(graph, "Constant", NULL, 0, NULL, 1, (const char *[]){"tensor"}, 1, &a));
    test_ok(cleat_graph_node(graph, "SequenceInsert", NULL, 2, (const char *[]){"list", "more"}, 1,
        (const char *[]){"two"}, 0, NULL));
    test_ok(cleat_graph_node(graph, "SequenceInsert", NULL, 2, (const char *[]){"two", "alone"}, 1,
        (const char *[]){"longer"}, 0, NULL));
    a = case_int("axis", &zero);
    test_ok(cleat_graph_node(graph, "ConcatFromSequence", NULL, 1, (const char *[]){"longer"}, 1,
        (const char *[]){"joined"}, 1, &a));
    const char *outputs[] = {"joined", "longer", "scalar", "tensor"};
    for (int i = 0; i < 4; i++) {
        test_ok(cleat_graph_output(graph, outputs[i]));
    }
    test_ok(cleat_model_create(test_context(), graph, NULL, &model));
    cleat_graph_release(graph);
    cleat_value item = text_value(1, (int64_t[]){2}, two), out[4];
    const cleat_value in = {.kind = CLEAT_VALUE_SEQUENCE, .count = 1, .items = &item};
    test_ok(cleat_model_run_values(model, &in, 1, out, 4));
    text_check(&out[0], 1, (int64_t[]){4}, all, "joined");
    ck_assert(out[1].kind == CLEAT_VALUE_SEQUENCE && out[1].count == 3);
    text_check(&out[1].items[0], 1, (int64_t[]){2}, two, "item 0");
    text_check(&out[1].items[2], 1, (int64_t[]){1}, one, "item 2");
    text_check(&out[2], 0, NULL, one, "scalar");
    text_check(&out[3], 1, (int64_t[]){2}, two, "tensor");
    for (int i = 0; i < 4; i++) {
        cleat_value_release(&out[i]);
    }
    cleat_model_release(model);
}
END_TEST

/* ---- Refusals ---- */

START_TEST(refusals) {
    const char *const texts[] = {"a", "b"}, *const broken[] = {"a", NULL};
    graph_case g = {.type = "Identity", .input_count = 1};
    cleat_model *model = text_model(&g, CLEAT_TEXT);
    cleat_value in = text_value(1, (int64_t[]){2}, texts), out;
    cleat_value_info info;
    test_ok(cleat_model_input_info(model, 0, &info));
    ck_assert_int_eq(info.type, CLEAT_TEXT);
    ck_assert_str_eq(cleat_type_name(info.type), "text");
    in.count = 3;
    test_refused(cleat_model_run_values(model, &in, 1, &out, 1), CLEAT_INVALID_ARGUMENT, "3 texts");
    in.count = 2;
    in.texts = NULL;
    test_refused(cleat_model_run_values(model, &in, 1, &out, 1), CLEAT_INVALID_ARGUMENT, "NULL");
    in.texts = broken;
    test_refused(
        cleat_model_run_values(model, &in, 1, &out, 1), CLEAT_INVALID_ARGUMENT, "text 1 is NULL");
    in.tensor.rank = 99;
    test_refused(cleat_model_run_values(model, &in, 1, &out, 1), CLEAT_INVALID_ARGUMENT, "rank 99");
    cleat_tensor x = {0}, y = {0};
    test_ok(cleat_tensor_create(test_context(), CLEAT_F32, 1, (int64_t[]){2}, &x));
    test_refused(cleat_model_run(model, &x, 1, &y, 1), CLEAT_TYPE_MISMATCH, "run_values() takes");
    const cleat_value number = {.kind = CLEAT_VALUE_TENSOR, .tensor = x};
    test_refused(cleat_model_run_values(model, &number, 1, &out, 1), CLEAT_TYPE_MISMATCH, "texts");
    cleat_model_release(model);
    const int64_t to_text = 8;
    g = (graph_case){.type = "Cast", .input_count = 1, .attribute_count = 1};
    g.attributes[0] = case_int("to", &to_text);
    model = text_model(&g, CLEAT_F32);
    test_refused(cleat_model_run(model, &x, 1, &y, 1), CLEAT_UNSUPPORTED, "run_values() gives");
    in = text_value(1, (int64_t[]){2}, texts);
    test_refused(cleat_model_run_values(model, &in, 1, &out, 1), CLEAT_TYPE_MISMATCH,
        "input a is no tensor");
    cleat_model_release(model);
    cleat_tensor_release(&x);
    void *elements = NULL;
    cleat_graph *graph = NULL;
    test_ok(cleat_graph_create(17, &graph));
    test_refused(cleat_graph_constant_space(graph, "c", CLEAT_TEXT, 0, NULL, &elements),
        CLEAT_UNSUPPORTED, "cleat_graph_constant()");
    test_refused(cleat_graph_constant(graph, "c", CLEAT_TEXT, 1, (int64_t[]){2}, broken),
        CLEAT_INVALID_ARGUMENT, "text 1 is NULL");
    test_refused(cleat_graph_constant(graph, "c", CLEAT_TEXT, 1, (int64_t[]){2}, NULL),
        CLEAT_INVALID_ARGUMENT, "elements is NULL");
    test_ok(cleat_graph_constant(graph, "c", CLEAT_TEXT, 1, (int64_t[]){2}, texts));
    cleat_graph_release(graph);
    test_refused(cleat_tensor_create(test_context(), CLEAT_TEXT, 0, NULL, &x),
        CLEAT_INVALID_ARGUMENT, "no type");
}
END_TEST

/* Operators that compute take none, in any place of their inputs. */
START_TEST(not_computed_with) {
    static const struct {
        const char *type;
        size_t inputs;
    } nodes[] = {{"Add", 2}, {"Neg", 1}, {"Less", 2}, {"NonZero", 1}, {"MatMul", 2}, {"Softmax", 1},
        {"ReduceSum", 1}, {"OneHot", 3}, {"Unique", 1}, {"TopK", 2}, {"Pad", 2}, {"If", 1},
        {"ConstantOfShape", 1}, {"Clip", 1}, {"NonMaxSuppression", 2}};
    const char *const texts[] = {"1", "2"};
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        const int64_t two = 2;
        cleat_value out;
        graph_case g = {.type = nodes[i].type, .input_count = nodes[i].inputs};
        for (size_t k = 1; k < nodes[i].inputs; k++) {
            g.inputs[k] = text_constant(CLEAT_TEXT, 1, &two, texts);
        }
        test_refused(
            text_run(&g, 2, texts, &out), CLEAT_UNSUPPORTED, "input 0 is a tensor of texts");
    }
    const int64_t two = 2;
    cleat_value out;
    graph_case g = {.type = "Reshape", .input_count = 2};
    g.inputs[1] = text_constant(CLEAT_TEXT, 1, &two, texts);
    test_refused(text_run(&g, 2, texts, &out), CLEAT_UNSUPPORTED, "input 1 is a tensor of texts");
    const char *const add = "add";
    const int64_t place = 0;
    g = (graph_case){.type = "ScatterND", .input_count = 3, .attribute_count = 1};
    g.inputs[1] = text_constant(CLEAT_I64, 2, (int64_t[]){1, 1}, &place);
    g.inputs[2] = text_constant(CLEAT_TEXT, 1, (int64_t[]){1}, texts);
    g.attributes[0] = case_text("reduction", &add);
    test_refused(text_run(&g, 2, texts, &out), CLEAT_TYPE_MISMATCH, "operands of text");
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph_text");
    test_add_loop(suite, "shapes", shapes, test_rounds(4));
    test_add_loop(suite, "parts", parts, test_rounds(4));
    test_add_loop(suite, "places", places, test_rounds(4));
    test_add_case(suite, "beside_the_device", beside_the_device);
    test_add_case(suite, "constants_and_sequences", constants_and_sequences);
    test_add_case(suite, "refusals", refusals);
    test_add_case(suite, "not_computed_with", not_computed_with);
    return suite;
}
