/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs and models: building, ordering, refusing, running. Operators have tests of their own. */
#include "harness.h"

static cleat_graph *new_graph(void) {
    cleat_graph *graph = NULL;
    ck_assert_int_eq(cleat_graph_create(17, &graph), CLEAT_OK);
    return graph;
}

static void add_node(cleat_graph *graph, const char *type, const char *input, const char *output) {
    ck_assert_int_eq(
        cleat_graph_node(graph, type, output, 1, &input, 1, &output, 0, NULL), CLEAT_OK);
}

/* Nodes in any order; an output that is an input, a constant, read twice. */
START_TEST(test_passes_values_on) {
    const float numbers[3] = {1, 2, 3};
    cleat_graph *graph = new_graph();
    cleat_model *model = NULL;
    add_node(graph, "Identity", "b", "c");
    add_node(graph, "Identity", "a", "b");
    ck_assert_int_eq(cleat_graph_input(graph, "a", CLEAT_F32, 1, (int64_t[]){-1}), CLEAT_OK);
    ck_assert_int_eq(
        cleat_graph_constant(graph, "k", CLEAT_F32, 1, (int64_t[]){3}, numbers), CLEAT_OK);
    add_node(graph, "Identity", "k", "d");
    const char *outputs[] = {"c", "b", "k", "d", "a"};
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(cleat_graph_output(graph, outputs[i]), CLEAT_OK);
    }
    ck_assert_int_eq(cleat_model_create(test_context(), graph, NULL, &model), CLEAT_OK);
    cleat_graph_release(graph);
    test_tensor x = test_input(1, (int64_t[]){3}, TEST_EXACT, TEST_STRIDED);
    for (int round = 0; round < 2; round++) {
        cleat_tensor y[5] = {{0}};
        ck_assert_int_eq(cleat_model_run(model, &x.view, 1, y, 5), CLEAT_OK);
        for (int i = 0; i < 5; i++) {
            float got[3];
            ck_assert_int_eq(cleat_read(test_context(), y[i], got, sizeof got), CLEAT_OK);
            for (int k = 0; k < 3; k++) {
                ck_assert_float_eq(got[k], i == 2 || i == 3 ? numbers[k] : x.data[k]);
            }
            cleat_tensor_release(&y[i]);
        }
    }
    test_free(&x);
    cleat_model_release(model);
}
END_TEST

static void refused(cleat_graph *graph, cleat_status status, const char *said) {
    cleat_model *model = NULL;
    ck_assert_int_eq(cleat_model_create(test_context(), graph, NULL, &model), status);
    ck_assert_ptr_null(model);
    ck_assert_msg(strstr(cleat_error_message(), said) != NULL, "%s", cleat_error_message());
    cleat_graph_release(graph);
}

START_TEST(test_refuses_what_does_not_fit) {
    cleat_graph *graph = new_graph();
    add_node(graph, "Identity", "a", "b");
    refused(graph, CLEAT_INVALID_ARGUMENT, "the value a is read");
    graph = new_graph();
    add_node(graph, "Identity", "a", "b");
    add_node(graph, "Identity", "b", "a");
    refused(graph, CLEAT_INVALID_ARGUMENT, "needs its own result");
    graph = new_graph();
    ck_assert_int_eq(cleat_graph_input(graph, "a", CLEAT_F32, -1, NULL), CLEAT_OK);
    add_node(graph, "NoSuchThing", "a", "b");
    refused(graph, CLEAT_UNSUPPORTED, "no operator NoSuchThing");
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph");
    test_add_case(suite, "values", test_passes_values_on);
    test_add_case(suite, "refusals", test_refuses_what_does_not_fit);
    return suite;
}
