/* SPDX-License-Identifier: Apache-2.0 */
/* Sequences and optional values that go in and out of a model. */
#include "harness.h"

static cleat_graph *new_graph(void) {
    cleat_graph *graph = NULL;
    test_ok(cleat_graph_create(16, &graph));
    return graph;
}

static void add(cleat_graph *graph, const char *type, size_t input_count, const char *const *inputs,
    const char *output) {
    test_ok(cleat_graph_node(graph, type, "the node", input_count, inputs, 1, &output, 0, NULL));
}

static cleat_model *model_of(cleat_graph *graph) {
    cleat_model *model = NULL;
    test_ok(cleat_model_create(test_context(), graph, NULL, &model));
    cleat_graph_release(graph);
    return model;
}

static cleat_value tensor_value(int64_t count, const float *numbers) {
    cleat_value v = {.kind = CLEAT_VALUE_TENSOR};
    test_ok(cleat_tensor_create(test_context(), CLEAT_F32, 1, &count, &v.tensor));
    test_ok(cleat_write(test_context(), v.tensor, numbers, (size_t)count * sizeof *numbers));
    return v;
}

static void check_tensor(const cleat_value *v, int64_t count, const float *want) {
    float got[8];
    ck_assert_int_eq(v->kind, CLEAT_VALUE_TENSOR);
    ck_assert_int_eq(v->tensor.type, CLEAT_F32);
    ck_assert_int_eq(v->tensor.rank, 1);
    ck_assert_int_eq(v->tensor.shape[0], count);
    test_ok(cleat_read(test_context(), v->tensor, got, (size_t)count * sizeof *got));
    for (int64_t i = 0; i < count; i++) {
        ck_assert_float_eq(got[i], want[i]);
    }
}

/* A sequence comes longer out than it goes in; a tensor and nothing at all go through. */
START_TEST(sequences_and_nothing) {
    cleat_graph *graph = new_graph();
    const char *inputs[] = {"list", "x", "maybe"};
    for (int i = 0; i < 3; i++) {
        test_ok(cleat_graph_input(graph, inputs[i], (cleat_type)0, -1, NULL));
    }
    add(graph, "SequenceInsert", 2, inputs, "longer");
    add(graph, "Neg", 1, (const char *[]){"x"}, "minus");
    add(graph, "Optional", 1, (const char *[]){"maybe"}, "still");
    const char *outputs[] = {"longer", "minus", "still", "list"};
    for (int i = 0; i < 4; i++) {
        test_ok(cleat_graph_output(graph, outputs[i]));
    }
    cleat_model *model = model_of(graph);
    const float a[] = {1, 2}, b[] = {3, 4, 5}, x[] = {6}, minus[] = {-6};
    for (int round = 0; round < 3; round++) {
        cleat_value items[2] = {tensor_value(2, a), tensor_value(3, b)};
        cleat_value in[3] = {{.kind = CLEAT_VALUE_SEQUENCE, .count = 2, .items = items},
            tensor_value(1, x), {.kind = CLEAT_VALUE_NONE}};
        in[2] = round == 1 ? in[0] : in[2];
        cleat_value out[4];
        test_ok(cleat_model_run_values(model, in, 3, out, 4));
        ck_assert_int_eq(out[0].kind, CLEAT_VALUE_SEQUENCE);
        ck_assert_uint_eq(out[0].count, 3);
        check_tensor(&out[0].items[0], 2, a);
        check_tensor(&out[0].items[1], 3, b);
        check_tensor(&out[0].items[2], 1, x);
        check_tensor(&out[1], 1, minus);
        ck_assert_int_eq(out[2].kind, round == 1 ? CLEAT_VALUE_SEQUENCE : CLEAT_VALUE_NONE);
        ck_assert_uint_eq(out[3].count, 2);
        check_tensor(&out[3].items[1], 3, b);
        for (int i = 0; i < 4; i++) {
            cleat_value_release(&out[i]);
            ck_assert(out[i].kind == CLEAT_VALUE_NONE && out[i].items == NULL);
        }
        cleat_tensor_release(&items[0].tensor);
        cleat_tensor_release(&items[1].tensor);
        cleat_tensor_release(&in[1].tensor);
    }
    cleat_value_release(NULL);
    cleat_model_release(model);
}
END_TEST

START_TEST(refusals) {
    cleat_graph *graph = new_graph();
    test_ok(cleat_graph_input(graph, "any", (cleat_type)0, -1, NULL));
    test_ok(cleat_graph_input(graph, "x", CLEAT_F32, 1, (int64_t[]){-1}));
    add(graph, "Identity", 1, (const char *[]){"any"}, "y");
    add(graph, "OptionalGetElement", 1, (const char *[]){"any"}, "z");
    test_ok(cleat_graph_output(graph, "y"));
    test_ok(cleat_graph_output(graph, "z"));
    cleat_model *model = model_of(graph);
    cleat_value x = tensor_value(2, (float[]){1, 2}), out[2];
    cleat_value in[2] = {{.kind = CLEAT_VALUE_NONE}, x};
    test_refused(cleat_model_run_values(NULL, in, 2, out, 2), CLEAT_INVALID_ARGUMENT, "model");
    test_refused(
        cleat_model_run_values(model, in, 1, out, 2), CLEAT_INVALID_ARGUMENT, "1 inputs and 2");
    test_refused(cleat_model_run_values(model, NULL, 2, out, 2), CLEAT_INVALID_ARGUMENT, "NULL");
    test_refused(
        cleat_model_run_values(model, in, 2, out, 2), CLEAT_INVALID_ARGUMENT, "has no element");
    in[0].kind = (cleat_value_kind)7;
    test_refused(
        cleat_model_run_values(model, in, 2, out, 2), CLEAT_INVALID_ARGUMENT, "no kind of value");
    in[0] = (cleat_value){.kind = CLEAT_VALUE_SEQUENCE, .count = 1};
    test_refused(
        cleat_model_run_values(model, in, 2, out, 2), CLEAT_INVALID_ARGUMENT, "items is NULL");
    cleat_value deep[9];
    for (int i = 0; i < 9; i++) {
        deep[i] = (cleat_value){
            .kind = CLEAT_VALUE_SEQUENCE, .count = 1, .items = i > 0 ? &deep[i - 1] : &x};
    }
    in[0] = deep[7];
    test_ok(cleat_model_run_values(model, in, 2, out, 2));
    check_tensor(
        &out[0].items->items->items->items->items->items->items->items[0], 2, (float[]){1, 2});
    cleat_value_release(&out[0]);
    cleat_value_release(&out[1]);
    in[0] = deep[8];
    test_refused(
        cleat_model_run_values(model, in, 2, out, 2), CLEAT_UNSUPPORTED, "8 sequences within");
    in[0] = x;
    in[1] = (cleat_value){.kind = CLEAT_VALUE_NONE};
    test_refused(
        cleat_model_run_values(model, in, 2, out, 2), CLEAT_TYPE_MISMATCH, "input x is no tensor");
    cleat_tensor_release(&x.tensor);
    cleat_model_release(model);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph_values");
    test_add_case(suite, "values", sequences_and_nothing);
    test_add_case(suite, "refusals", refusals);
    return suite;
}
