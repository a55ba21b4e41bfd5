/* SPDX-License-Identifier: Apache-2.0 */
/* Building and running a graph that trains, each request for host memory failing in turn: that is
 * told, and everything is given back. */
#include "harness.h"
#include <stdatomic.h>

static atomic_llong requests, fails_at;

static bool is_refused(void) {
    return atomic_fetch_add(&requests, 1) + 1 == atomic_load(&fails_at);
}

static void *heap_allocate(void *data, size_t size) {
    (void)data;
    return is_refused() ? NULL : malloc(size);
}

static void *heap_resize(void *data, void *memory, size_t size) {
    (void)data;
    return is_refused() ? NULL : realloc(memory, size);
}

static void heap_release(void *data, void *memory) {
    (void)data;
    free(memory);
}

/* y = relu(x w) with what is dropped and split on the way, so that all kinds of rules are met. */
static cleat_status add_nodes(cleat_graph *graph) {
    static const struct {
        const char *type, *inputs[3], *outputs[2];
        size_t input_count, output_count;
    } nodes[] = {
        {"MatMul", {"x", "w"}, {"p"}, 2, 1},
        {"Relu", {"p"}, {"r"}, 1, 1},
        {"Split", {"r"}, {"left", "right"}, 1, 2},
        {"Dropout", {"left", "ratio", "yes"}, {"kept"}, 3, 1},
        {"Mul", {"kept", "kept"}, {"square"}, 2, 1},
        {"ReduceSum", {"square"}, {"loss"}, 1, 1},
    };
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        cleat_status status =
            cleat_graph_node(graph, nodes[i].type, nodes[i].type, nodes[i].input_count,
                nodes[i].inputs, nodes[i].output_count, nodes[i].outputs, 0, NULL);
        if (status != CLEAT_OK) {
            return status;
        }
    }
    return cleat_graph_output(graph, "loss");
}

static cleat_status add_all(cleat_graph *graph, const cleat_train_options *options) {
    static const float ratio = 0.25F, w[3][2] = {{1, 2}, {3, 4}, {5, 6}};
    static const uint8_t yes = 1;
    const int64_t shape[2] = {3, 2};
    cleat_status status = cleat_graph_input(graph, "x", CLEAT_F32, 2, (int64_t[]){-1, 3});
    if (status == CLEAT_OK) {
        status = cleat_graph_input(graph, "rate", CLEAT_F32, 0, NULL);
    }
    if (status == CLEAT_OK) {
        status = cleat_graph_parameter(graph, "w", CLEAT_F32, 2, shape, w);
    }
    if (status == CLEAT_OK) {
        status = cleat_graph_constant(graph, "ratio", CLEAT_F32, 0, NULL, &ratio);
    }
    if (status == CLEAT_OK) {
        status = cleat_graph_constant(graph, "yes", CLEAT_BOOL, 0, NULL, &yes);
    }
    if (status == CLEAT_OK) {
        status = add_nodes(graph);
    }
    return status == CLEAT_OK ? cleat_graph_train(graph, "loss", "rate", options) : status;
}

static cleat_status try_all(
    cleat_context *context, const cleat_tensor *inputs, const cleat_train_options *options) {
    cleat_graph *graph = NULL;
    cleat_model *model = NULL;
    cleat_tensor loss = {0};
    cleat_status status = cleat_graph_create(13, &graph);
    if (status == CLEAT_OK) {
        status = add_all(graph, options);
    }
    if (status == CLEAT_OK) {
        status = cleat_model_create(context, graph, NULL, &model);
    }
    for (int i = 0; status == CLEAT_OK && i < 3; i++) {
        status = cleat_model_run(model, inputs, 2, &loss, 1);
    }
    cleat_tensor_release(&loss);
    cleat_model_release(model);
    cleat_graph_release(graph);
    return status;
}

static void fail_each(cleat_context *context, const cleat_train_options *options) {
    cleat_tensor inputs[2] = {{0}};
    test_ok(cleat_tensor_create(context, CLEAT_F32, 2, (int64_t[]){4, 3}, &inputs[0]));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 0, NULL, &inputs[1]));
    test_ok(cleat_fill(context, 1, inputs[0]));
    test_ok(cleat_fill(context, 0.125, inputs[1]));
    test_ok(try_all(context, inputs, options)); /* kernels are built now */
    const size_t held = cleat_host_allocations();
    int failures = 0;
    for (bool is_over = false; !is_over;) {
        const long long at = atomic_load(&requests) + ++failures;
        atomic_store(&fails_at, at);
        const cleat_status status = try_all(context, inputs, options);
        is_over = atomic_load(&requests) < at;
        atomic_store(&fails_at, 0);
        ck_assert_msg(status == CLEAT_OUT_OF_HOST_MEMORY || status == CLEAT_OK, "request %d: %s",
            failures, cleat_error_message());
        ck_assert_uint_eq(cleat_host_allocations(), held);
    }
    ck_assert_int_gt(failures, 200);
    cleat_tensor_release(&inputs[0]);
    cleat_tensor_release(&inputs[1]);
    cleat_context_release(context);
}

START_TEST(test_survives_failures) {
    const cleat_host_allocator heap = {heap_allocate, heap_resize, heap_release, NULL, {0}};
    const cleat_train_options options = {
        .optimizer = _i == 0 ? CLEAT_OPTIMIZER_ADAM : CLEAT_OPTIMIZER_SGD,
        .sgd = {.momentum = 0.5F}};
    cleat_context *context = NULL;
    test_profile(NULL);
    test_ok(cleat_set_host_allocator(&heap));
    test_ok(cleat_context_create(NULL, &context));
    fail_each(context, &options);
    ck_assert_uint_eq(cleat_host_allocations(), 0);
    test_ok(cleat_set_host_allocator(NULL));
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph training, without memory");
    test_add_loop(suite, "survives failures", test_survives_failures, 2);
    return suite;
}
