/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of graphs and models: missing operators, declarations, and what each node makes. */
#include "batch_calls.h"

static cleat_graph *new_graph(void) {
    cleat_graph *graph = NULL;
    test_ok(cleat_graph_create(17, &graph));
    return graph;
}

START_TEST(missing_operators_are_told) {
    cleat_graph *graph = new_graph(), *inner = new_graph(), *other = new_graph();
    cleat_missing_node nodes[3];
    size_t count = 9;
    batch_node(inner, "Neg", "x", NULL, "a");
    batch_node(inner, "Unheard", "a", NULL, "b");
    test_ok(cleat_graph_output(inner, "b"));
    batch_node(other, "Neg", "x", NULL, "b");
    test_ok(cleat_graph_output(other, "b"));
    test_ok(cleat_graph_input(graph, "x", CLEAT_F32, 1, (int64_t[]){4}));
    test_ok(cleat_graph_input(graph, "c", CLEAT_BOOL, 0, NULL));
    test_ok(cleat_graph_missing(graph, 0, NULL, &count));
    ck_assert_uint_eq(count, 0);
    const cleat_attribute branches[] = {
        {.name = "then_branch", .kind = CLEAT_ATTRIBUTE_GRAPH, .graph = inner},
        {.name = "else_branch", .kind = CLEAT_ATTRIBUTE_GRAPH, .graph = other}};
    test_ok(cleat_graph_node(
        graph, "If", "choice", 1, (const char *[]){"c"}, 1, (const char *[]){"y"}, 2, branches));
    batch_node(graph, "com.example.Nothing", "y", NULL, "z");
    test_ok(cleat_graph_output(graph, "z"));
    test_ok(cleat_graph_missing(graph, 3, nodes, &count));
    ck_assert_uint_eq(count, 2);
    ck_assert(strcmp(nodes[0].type, "Unheard") == 0 && strcmp(nodes[0].name, "b") == 0);
    ck_assert(strcmp(nodes[1].type, "com.example.Nothing") == 0 && nodes[1].depth == 0);
    ck_assert_int_eq(nodes[0].depth, 1);
    ck_assert(strcmp(nodes[0].output, "b") == 0 && strcmp(nodes[1].output, "z") == 0);
    nodes[1].type = "untouched";
    test_ok(cleat_graph_missing(graph, 1, nodes, &count));
    ck_assert(count == 2 && strcmp(nodes[1].type, "untouched") == 0);
    test_refused(cleat_graph_missing(NULL, 0, NULL, &count), CLEAT_INVALID_ARGUMENT, "graph");
    test_refused(cleat_graph_missing(graph, 1, NULL, &count), CLEAT_INVALID_ARGUMENT, "nodes");
    test_refused(cleat_graph_missing(graph, 0, NULL, NULL), CLEAT_INVALID_ARGUMENT, "count");
    cleat_graph_release(graph);
}
END_TEST

/* With and without fusion, which works on a copy. */
START_TEST(values_are_described) {
    cleat_graph *graph = batch_product_graph(-1);
    cleat_model *model = NULL;
    cleat_value_info info;
    const char *const axes[] = {"batch", NULL}, *const other[] = {"", "scores"};
    test_ok(cleat_graph_describe(graph, "x", CLEAT_F64, 2, (int64_t[]){1, 2}, axes));
    test_ok(cleat_graph_describe(graph, "product", CLEAT_F32, 2, (int64_t[]){-1, BATCH_OUT}, axes));
    test_ok(
        cleat_graph_describe(graph, "product", CLEAT_F32, 2, (int64_t[]){-1, BATCH_OUT}, other));
    test_ok(cleat_graph_describe(graph, "w", CLEAT_F64, -1, NULL, NULL)); /* known better */
    test_refused(cleat_graph_describe(graph, "", CLEAT_F32, 0, NULL, NULL), CLEAT_INVALID_ARGUMENT,
        "no name");
    test_refused(cleat_graph_describe(graph, "product", CLEAT_F32, 9, NULL, NULL),
        CLEAT_INVALID_ARGUMENT, "rank 9");
    test_ok(cleat_model_create(
        test_context(), graph, &(cleat_model_options){.no_fusion = _i == 1}, &model));
    test_refused(cleat_graph_describe(graph, "x", CLEAT_F32, 0, NULL, NULL), CLEAT_INVALID_ARGUMENT,
        "does not change");
    cleat_graph_release(graph);
    test_ok(cleat_model_input_info(model, 0, &info));
    ck_assert(info.type == CLEAT_F32 && info.shape[0] == -1 && info.shape[1] == BATCH_IN);
    ck_assert_str_eq(info.axes[0], "batch");
    ck_assert_ptr_null(info.axes[1]);
    test_ok(cleat_model_output_info(model, 0, &info));
    ck_assert(info.type == CLEAT_F32 && info.rank == 2 && info.shape[1] == BATCH_OUT);
    ck_assert_ptr_null(info.axes[0]);
    ck_assert_str_eq(info.axes[1], "scores");
    test_ok(cleat_model_output_info(model, 1, &info));
    ck_assert(info.rank == -1 && info.axes[0] == NULL);
    cleat_model_release(model);
}
END_TEST

/* What a watcher saw. */
typedef struct diary {
    int count;
    struct {
        char type[16], name[16];
        int32_t depth, rank;
        int64_t rows;
        bool is_on_host;
        uint64_t parameters, parameter_bytes, output_bytes;
    } nodes[8];
} diary;

static void note(void *data, const cleat_node_info *info) {
    diary *d = data;
    const int at = d->count++;
    if (at < 8) {
        snprintf(d->nodes[at].type, sizeof d->nodes[at].type, "%s", info->type);
        snprintf(d->nodes[at].name, sizeof d->nodes[at].name, "%s", info->outputs[0].name);
        d->nodes[at].depth = info->depth;
        d->nodes[at].rank = info->outputs[0].rank;
        d->nodes[at].rows = info->outputs[0].shape[0];
        d->nodes[at].is_on_host = info->is_on_host;
        d->nodes[at].parameters = info->parameters;
        d->nodes[at].parameter_bytes = info->parameter_bytes;
        d->nodes[at].output_bytes = info->output_bytes;
    }
}

static void run_product(cleat_model *model, int64_t rows) {
    cleat_tensor in[2], out[2] = {{0}, {0}};
    test_ok(cleat_tensor_create(test_context(), CLEAT_F32, 2, (int64_t[]){rows, BATCH_IN}, &in[0]));
    test_ok(cleat_tensor_create(test_context(), CLEAT_F32, 0, NULL, &in[1]));
    test_ok(cleat_fill(test_context(), 1, in[0]));
    test_ok(cleat_fill(test_context(), 1, in[1]));
    test_ok(cleat_model_run(model, in, 2, out, 2));
    for (int i = 0; i < 2; i++) {
        cleat_tensor_release(&in[i]);
        cleat_tensor_release(&out[i]);
    }
}

START_TEST(each_node_is_told) {
    cleat_graph *graph = batch_product_graph(-1);
    cleat_model *model = NULL;
    cleat_model_statistics told;
    diary d = {.count = 0};
    test_ok(cleat_model_create(
        test_context(), graph, &(cleat_model_options){.no_fusion = true}, &model));
    cleat_graph_release(graph);
    test_ok(cleat_model_watch(model, note, &d));
    for (int i = 0; i < 4; i++) { /* never repeated */
        d.count = 0;
        run_product(model, 3);
        ck_assert_int_eq(d.count, 3);
    }
    const char *const types[] = {"MatMul", "Add", "Tanh"}, *const names[] = {
                                                               "xw", "product", "curved"};
    for (int i = 0; i < 3; i++) {
        ck_assert_str_eq(d.nodes[i].type, types[i]);
        ck_assert_str_eq(d.nodes[i].name, names[i]);
        ck_assert(d.nodes[i].rank == 2 && d.nodes[i].rows == 3 && d.nodes[i].depth == 0);
        ck_assert_uint_eq(d.nodes[i].parameters, i == 0 ? BATCH_IN * BATCH_OUT : 0);
        ck_assert_uint_eq(d.nodes[i].parameter_bytes, 4 * d.nodes[i].parameters);
        ck_assert_uint_eq(d.nodes[i].output_bytes, 3 * BATCH_OUT * 4);
        ck_assert(!d.nodes[i].is_on_host);
    }
    test_ok(cleat_model_get_statistics(model, &told));
    ck_assert_uint_eq(told.recordings, 0);
    ck_assert_uint_eq(told.constant_bytes, 4 * BATCH_IN * BATCH_OUT);
    test_ok(cleat_model_watch(model, NULL, NULL));
    for (int i = 0; i < 3; i++) {
        run_product(model, 3);
    }
    ck_assert_int_eq(d.count, 3);
    test_ok(cleat_model_get_statistics(model, &told));
    ck_assert_uint_eq(told.recordings, 1);
    test_refused(cleat_model_watch(NULL, note, &d), CLEAT_INVALID_ARGUMENT, "model is NULL");
    cleat_model_release(model);
}
END_TEST

/* A branch's node, which reads a constant of the graph around, comes before the If. */
START_TEST(inner_nodes_are_told) {
    cleat_graph *graph = new_graph(), *branches[2] = {new_graph(), new_graph()};
    cleat_model *model = NULL;
    diary d = {.count = 0};
    const bool yes = true;
    for (int i = 0; i < 2; i++) {
        batch_node(branches[i], i == 0 ? "Add" : "Sub", "x", "k", "b");
        test_ok(cleat_graph_output(branches[i], "b"));
    }
    const cleat_attribute attributes[] = {
        {.name = "then_branch", .kind = CLEAT_ATTRIBUTE_GRAPH, .graph = branches[0]},
        {.name = "else_branch", .kind = CLEAT_ATTRIBUTE_GRAPH, .graph = branches[1]}};
    test_ok(cleat_graph_input(graph, "x", CLEAT_F32, 1, (int64_t[]){5}));
    test_ok(cleat_graph_input(graph, "c", CLEAT_BOOL, 0, NULL));
    test_ok(
        cleat_graph_constant(graph, "k", CLEAT_F32, 1, (int64_t[]){5}, (float[]){1, 2, 3, 4, 5}));
    test_ok(cleat_graph_node(
        graph, "If", "choice", 1, (const char *[]){"c"}, 1, (const char *[]){"y"}, 2, attributes));
    batch_node(graph, "Shape", "y", NULL, "shape");
    test_ok(cleat_graph_output(graph, "y"));
    test_ok(cleat_graph_output(graph, "shape"));
    test_ok(cleat_model_create(test_context(), graph, NULL, &model));
    cleat_graph_release(graph);
    cleat_tensor in[2], out[2] = {{0}, {0}};
    test_ok(cleat_tensor_create(test_context(), CLEAT_F32, 1, (int64_t[]){5}, &in[0]));
    test_ok(cleat_tensor_create(test_context(), CLEAT_BOOL, 0, NULL, &in[1]));
    test_ok(cleat_fill(test_context(), 1, in[0]));
    test_ok(cleat_write(test_context(), in[1], &yes, 1));
    test_ok(cleat_model_watch(model, note, &d));
    test_ok(cleat_model_run(model, in, 2, out, 2));
    ck_assert_int_eq(d.count, 3);
    ck_assert(strcmp(d.nodes[0].type, "Add") == 0 && d.nodes[0].depth == 1);
    ck_assert_uint_eq(d.nodes[0].parameters, 5);
    ck_assert(strcmp(d.nodes[1].type, "If") == 0 && d.nodes[1].depth == 0);
    ck_assert(strcmp(d.nodes[2].type, "Shape") == 0 && d.nodes[2].is_on_host);
    ck_assert_uint_eq(d.nodes[2].output_bytes, 8);
    for (int i = 0; i < 2; i++) {
        cleat_tensor_release(&in[i]);
        cleat_tensor_release(&out[i]);
    }
    cleat_model_release(model);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph_inspect");
    test_add_case(suite, "missing", missing_operators_are_told);
    test_add_loop(suite, "descriptions", values_are_described, 2);
    test_add_case(suite, "nodes", each_node_is_told);
    test_add_case(suite, "inner", inner_nodes_are_told);
    return suite;
}
