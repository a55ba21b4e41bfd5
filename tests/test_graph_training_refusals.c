/* SPDX-License-Identifier: Apache-2.0 */
/* Refused calls around parameters, gradients and optimisers. */
#include "harness.h"

static cleat_graph *begin(void) {
    cleat_graph *graph = NULL;
    test_ok(cleat_graph_create(17, &graph));
    test_ok(cleat_graph_input(graph, "x", CLEAT_F32, 1, (int64_t[]){-1}));
    test_ok(cleat_graph_input(graph, "rate", CLEAT_F32, -1, NULL));
    test_ok(cleat_graph_parameter(graph, "w", CLEAT_F32, 1, (int64_t[]){3}, NULL));
    test_ok(cleat_graph_parameter(graph, "wide", CLEAT_F64, 1, (int64_t[]){3}, NULL));
    test_ok(cleat_graph_parameter(graph, "whole", CLEAT_I32, 1, (int64_t[]){3}, NULL));
    test_ok(cleat_graph_node(
        graph, "Mul", "product", 2, (const char *[]){"x", "w"}, 1, (const char *[]){"y"}, 0, NULL));
    return graph;
}

#define INVALID(call, part) test_refused(call, CLEAT_INVALID_ARGUMENT, part)

START_TEST(test_parameter) {
    cleat_graph *graph = begin();
    const int64_t negative[] = {-1};
    INVALID(cleat_graph_parameter(NULL, "p", CLEAT_F32, 0, NULL, NULL), "graph is NULL");
    INVALID(cleat_graph_parameter(graph, NULL, CLEAT_F32, 0, NULL, NULL), "no name");
    INVALID(cleat_graph_parameter(graph, "x", CLEAT_F32, 0, NULL, NULL), "x is there already");
    INVALID(cleat_graph_input(graph, "w", CLEAT_F32, 0, NULL), "w is there already");
    INVALID(cleat_graph_parameter(graph, "p", (cleat_type)99, 0, NULL, NULL), "type");
    INVALID(cleat_graph_parameter(graph, "p", CLEAT_F32, 1, negative, NULL), "-1");
    INVALID(cleat_graph_node(
                graph, "Neg", "n", 1, (const char *[]){"x"}, 1, (const char *[]){"w"}, 0, NULL),
        "w, which is there already");
    cleat_graph_release(graph);
}
END_TEST

START_TEST(test_gradients) {
    cleat_graph *graph = begin();
    const char *const w[] = {"w"}, *const dw[] = {"dw"}, *const nothing[] = {NULL};
    INVALID(cleat_graph_gradients(NULL, "y", 1, w, dw), "graph is NULL");
    INVALID(cleat_graph_gradients(graph, NULL, 1, w, dw), "NULL");
    INVALID(cleat_graph_gradients(graph, "z", 1, w, dw), "no value z");
    INVALID(cleat_graph_gradients(graph, "y", 1, NULL, dw), "a list is NULL");
    INVALID(cleat_graph_gradients(graph, "y", 1, (const char *[]){"z"}, dw), "no value z");
    INVALID(cleat_graph_gradients(graph, "y", 1, nothing, dw), "NULL");
    INVALID(cleat_graph_gradients(graph, "y", 1, w, nothing), "NULL");
    INVALID(cleat_graph_gradients(graph, "y", 1, w, w), "w is there already");
    INVALID(cleat_graph_gradients(graph, "y", 1, (const char *[]){"wide"}, dw),
        "y does not depend on wide");
    cleat_graph_release(graph);
}
END_TEST

START_TEST(test_cycle) {
    cleat_graph *graph = begin();
    const char *const w[] = {"w"}, *const dw[] = {"dw"};
    test_ok(cleat_graph_node(
        graph, "Add", "one", 2, (const char *[]){"y", "b"}, 1, (const char *[]){"a"}, 0, NULL));
    test_ok(cleat_graph_node(
        graph, "Neg", "other", 1, (const char *[]){"a"}, 1, (const char *[]){"b"}, 0, NULL));
    INVALID(cleat_graph_gradients(graph, "b", 1, w, dw), "needs its own result");
    cleat_graph_release(graph);
}
END_TEST

/* Of gradients themselves, and of what a Loop or an unknown operator computes. */
START_TEST(test_no_gradient) {
    static const char *const types[] = {"Nonsense", "Det", "TopK"};
    const char *const w[] = {"w"}, *const dw[] = {"dw"}, *const again[] = {"again"};
    for (int i = 0; i < 3; i++) {
        cleat_graph *graph = begin();
        test_ok(cleat_graph_node(
            graph, types[i], "odd", 1, (const char *[]){"y"}, 1, (const char *[]){"z"}, 0, NULL));
        test_refused(cleat_graph_gradients(graph, "z", 1, w, dw), CLEAT_UNSUPPORTED,
            "odd: there is no gradient of");
        cleat_graph_release(graph);
    }
    cleat_graph *graph = begin();
    test_ok(cleat_graph_gradients(graph, "y", 1, w, dw));
    test_refused(cleat_graph_gradients(graph, "dw", 1, (const char *[]){"x"}, again),
        CLEAT_UNSUPPORTED, "there is no gradient of Mul's gradient");
    cleat_graph_release(graph);
}
END_TEST

/* What the graph of an If reads is none of the node's inputs. */
START_TEST(test_inner_graph) {
    const char *const w[] = {"w"}, *const dw[] = {"dw"};
    const bool yes = true;
    cleat_graph *graph = begin(), *branches[2] = {NULL};
    cleat_attribute attributes[2];
    for (int i = 0; i < 2; i++) {
        test_ok(cleat_graph_create(17, &branches[i]));
        test_ok(cleat_graph_node(branches[i], "Neg", "inner", 1,
            (const char *[]){i == 0 ? "w" : "x"}, 1, (const char *[]){"out"}, 0, NULL));
        test_ok(cleat_graph_output(branches[i], "out"));
        attributes[i] = (cleat_attribute){.name = i == 0 ? "then_branch" : "else_branch",
            .kind = CLEAT_ATTRIBUTE_GRAPH,
            .graph = branches[i]};
    }
    test_ok(cleat_graph_constant(graph, "yes", CLEAT_BOOL, 0, NULL, &yes));
    test_ok(cleat_graph_node(graph, "If", "choice", 1, (const char *[]){"yes"}, 1,
        (const char *[]){"chosen"}, 2, attributes));
    test_ok(cleat_graph_node(graph, "Mul", "both", 2, (const char *[]){"chosen", "y"}, 1,
        (const char *[]){"z"}, 0, NULL));
    test_refused(cleat_graph_gradients(graph, "z", 1, w, dw), CLEAT_UNSUPPORTED,
        "node If choice: there is no gradient of If");
    cleat_graph_release(graph);
}
END_TEST

START_TEST(test_assign) {
    cleat_graph *graph = begin();
    INVALID(cleat_graph_assign(NULL, "w", "y"), "graph is NULL");
    INVALID(cleat_graph_assign(graph, NULL, "y"), "no parameter");
    INVALID(cleat_graph_assign(graph, "x", "y"), "no parameter x");
    INVALID(cleat_graph_assign(graph, "w", NULL), "no name");
    test_ok(cleat_graph_assign(graph, "w", "y"));
    INVALID(cleat_graph_assign(graph, "w", "y"), "w is changed already");
    cleat_graph_release(graph);
}
END_TEST

static cleat_status update(const char *parameter, const char *gradient, const char *rate,
    const cleat_train_options *options) {
    cleat_graph *graph = begin();
    cleat_status status = cleat_graph_update(graph, 1, &parameter, &gradient, rate, options);
    cleat_graph_release(graph);
    return status;
}

START_TEST(test_update) {
    cleat_graph *graph = begin();
    const char *const both[] = {"w", "wide"}, *const same[] = {"w", "w"};
    INVALID(cleat_graph_update(NULL, 1, both, both, "rate", NULL), "graph is NULL");
    INVALID(cleat_graph_update(graph, 0, both, both, "rate", NULL), "no parameters");
    INVALID(cleat_graph_update(graph, 1, NULL, both, "rate", NULL), "no parameters");
    INVALID(update("x", "y", "rate", NULL), "no parameter x");
    INVALID(update(NULL, "y", "rate", NULL), "no parameter");
    INVALID(update("w", NULL, "rate", NULL), "the gradient of w has no name");
    INVALID(update("w", "y", NULL, NULL), "the rate has no name");
    INVALID(update("w", "y", "rate", &(cleat_train_options){.optimizer = (cleat_optimizer)9}),
        "9 is no optimiser");
    INVALID(update("w", "y", "rate", &(cleat_train_options){.adam = {.beta1 = 1}}), "beta1");
    INVALID(update("w", "y", "rate",
                &(cleat_train_options){.optimizer = CLEAT_OPTIMIZER_SGD, .sgd = {.momentum = -1}}),
        "momentum");
    test_refused(update("whole", "y", "rate", NULL), CLEAT_UNSUPPORTED, "whole is of i32");
    test_refused(cleat_graph_update(graph, 2, both, same, "rate", NULL), CLEAT_TYPE_MISMATCH,
        "w and wide are of types f32 and f64");
    INVALID(cleat_graph_update(graph, 2, same, same, "rate", NULL), "w is changed already");
    cleat_graph_release(graph);
}
END_TEST

START_TEST(test_train) {
    cleat_graph *graph = begin();
    test_ok(cleat_graph_node(
        graph, "Neg", "n", 1, (const char *[]){"x"}, 1, (const char *[]){"z"}, 0, NULL));
    INVALID(cleat_graph_train(NULL, "y", "rate", NULL), "graph is NULL");
    INVALID(cleat_graph_train(graph, "q", "rate", NULL), "no value q");
    INVALID(cleat_graph_train(graph, NULL, "rate", NULL), "no value");
    INVALID(cleat_graph_train(graph, "z", "rate", NULL), "z depends on no parameter");
    cleat_graph_release(graph);
}
END_TEST

/* What only a run can know, and what only a model can. */
START_TEST(test_runs) {
    cleat_graph *graph = begin();
    cleat_model *model = NULL;
    cleat_tensor none = {0};
    test_ok(cleat_graph_assign(graph, "w", "x"));
    test_ok(cleat_graph_output(graph, "y"));
    test_ok(cleat_model_create(test_context(), graph, NULL, &model));
    INVALID(cleat_graph_assign(graph, "wide", "x"), "does not change any more");
    INVALID(cleat_graph_gradients(graph, "y", 0, NULL, NULL), "does not change any more");
    cleat_graph_release(graph);
    test_tensor x = test_input(1, (int64_t[]){1}, TEST_EXACT, TEST_ROW_MAJOR);
    cleat_tensor inputs[] = {x.view, x.view};
    test_refused(cleat_model_run(model, inputs, 2, &none, 1), CLEAT_SHAPE_MISMATCH,
        "node Assign w: the value is [1] of f32, the parameter [3] of f32");
    INVALID(cleat_model_parameter(NULL, "w", &none), "model is NULL");
    INVALID(cleat_model_parameter(model, NULL, &none), "name is NULL");
    INVALID(cleat_model_parameter(model, "w", NULL), "parameter is NULL");
    cleat_model_release(model);
    test_free(&x);
}
END_TEST

START_TEST(test_rates) {
    cleat_graph *graph = begin();
    cleat_model *model = NULL;
    cleat_tensor none = {0};
    test_ok(cleat_graph_train(graph, "y", "rate", NULL));
    test_ok(cleat_graph_output(graph, "y"));
    test_ok(cleat_model_create(test_context(), graph, NULL, &model));
    cleat_graph_release(graph);
    test_tensor x = test_input(1, (int64_t[]){3}, TEST_EXACT, TEST_ROW_MAJOR);
    cleat_tensor inputs[] = {x.view, x.view};
    test_refused(cleat_model_run(model, inputs, 2, &none, 1), CLEAT_SHAPE_MISMATCH,
        "the rate is [3] of f32, expected one f32");
    cleat_model_release(model);
    test_free(&x);
}
END_TEST

/* The graph of an If. */
START_TEST(test_inner_parameter) {
    cleat_graph *graph = begin(), *inner = NULL;
    cleat_model *model = NULL;
    test_ok(cleat_graph_create(17, &inner));
    test_ok(cleat_graph_parameter(inner, "p", CLEAT_F32, 0, NULL, NULL));
    test_ok(cleat_graph_output(inner, "p"));
    const cleat_attribute branch = {
        .name = "then_branch", .kind = CLEAT_ATTRIBUTE_GRAPH, .graph = inner};
    test_ok(cleat_graph_node(
        graph, "If", "choice", 1, (const char *[]){"x"}, 1, (const char *[]){"z"}, 1, &branch));
    test_ok(cleat_graph_output(graph, "z"));
    INVALID(cleat_model_create(test_context(), graph, NULL, &model), "has a parameter, p");
    cleat_graph_release(graph);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph training, refused");
    test_add_case(suite, "parameter", test_parameter);
    test_add_case(suite, "gradients", test_gradients);
    test_add_case(suite, "cycle", test_cycle);
    test_add_case(suite, "no gradient", test_no_gradient);
    test_add_case(suite, "inner graph", test_inner_graph);
    test_add_case(suite, "assign", test_assign);
    test_add_case(suite, "update", test_update);
    test_add_case(suite, "train", test_train);
    test_add_case(suite, "runs", test_runs);
    test_add_case(suite, "rates", test_rates);
    test_add_case(suite, "inner parameter", test_inner_parameter);
    return suite;
}
