/* SPDX-License-Identifier: Apache-2.0 */
/* Weights that a node keeps prepared: run after run of one model, shapes changing in between, gives
 * what a model gives that is made for each. */
#include "harness.h"

enum { MOST = 512 };

/* A node, its weights, and the input of a run of so many rows. */
typedef struct kept_case {
    const char *type;
    cleat_type x, w;
    int32_t rank;
    int64_t x_shape[4], w_shape[4]; /* x_shape[0]: of a run */
    bool is_transposed;             /* Gemm */
} kept_case;

static const kept_case cases[] = {
    {"MatMul", CLEAT_F32, CLEAT_F32, 2, {0, 20}, {20, 7}, false},
    {"Gemm", CLEAT_F32, CLEAT_F32, 2, {0, 20}, {7, 20}, true},
    {"Conv", CLEAT_F32, CLEAT_F32, 4, {0, 3, 5, 4}, {8, 3, 3, 3}, false},
    {"MatMulInteger", CLEAT_U8, CLEAT_I8, 2, {0, 20}, {20, 7}, false},
    {"ConvInteger", CLEAT_U8, CLEAT_I8, 4, {0, 3, 5, 4}, {8, 3, 3, 3}, false},
};
enum { CASES = sizeof cases / sizeof *cases };

static int64_t count_of(int32_t rank, const int64_t *shape) {
    int64_t count = 1;
    for (int32_t i = 0; i < rank; i++) {
        count *= shape[i];
    }
    return count;
}

/* Small numbers of a type. */
static void draw(cleat_type type, int64_t count, void *elements) {
    for (int64_t i = 0; i < count; i++) {
        const int64_t number = test_int(type == CLEAT_U8 ? 0 : -4, 4);
        if (type == CLEAT_F32) {
            ((float *)elements)[i] = (float)number;
        } else {
            ((uint8_t *)elements)[i] = (uint8_t)number;
        }
    }
}

static cleat_model *make_model(const kept_case *k, const void *weights) {
    cleat_graph *graph = NULL;
    cleat_model *model = NULL;
    const cleat_attribute transposed = {
        .name = "transB", .kind = CLEAT_ATTRIBUTE_INT, .count = 1, .integers = (int64_t[]){1}};
    test_ok(cleat_graph_create(17, &graph));
    test_ok(cleat_graph_input(graph, "x", k->x, -1, NULL));
    test_ok(cleat_graph_constant(graph, "w", k->w, k->rank, k->w_shape, weights));
    test_ok(cleat_graph_node(graph, k->type, "the node", 2, (const char *[]){"x", "w"}, 1,
        (const char *[]){"y"}, k->is_transposed, &transposed));
    test_ok(cleat_graph_output(graph, "y"));
    test_ok(cleat_model_create(test_context(), graph, NULL, &model));
    cleat_graph_release(graph);
    return model;
}

/* Runs it; returns how many bytes there are of the result, which go to `result`. */
static size_t run(cleat_model *model, cleat_tensor x, unsigned char *result) {
    cleat_tensor y = {0};
    test_ok(cleat_model_run(model, &x, 1, &y, 1));
    const size_t size = (size_t)cleat_tensor_count(&y) * cleat_type_size(y.type);
    ck_assert_uint_le(size, MOST * 4);
    test_ok(cleat_read(test_context(), y, result, size));
    cleat_tensor_release(&y);
    return size;
}

START_TEST(test_kept) {
    static const int64_t rows[] = {2, 2, 2, 3, 2, 3, 3, 3, 1, 2};
    const kept_case *k = &cases[_i];
    unsigned char weights[4 * MOST], x[4 * MOST], first[4 * MOST], second[4 * MOST];
    draw(k->w, count_of(k->rank, k->w_shape), weights);
    cleat_model *model = make_model(k, weights);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t shape[4];
        memcpy(shape, k->x_shape, sizeof shape);
        shape[0] = rows[i];
        draw(k->x, count_of(k->rank, shape), x);
        test_tensor input = test_typed(k->x, k->rank, shape, x, TEST_ROW_MAJOR);
        cleat_model *other = make_model(k, weights);
        const size_t size = run(model, input.view, first);
        ck_assert_uint_eq(run(other, input.view, second), size);
        ck_assert_msg(test_ignores_values() || memcmp(first, second, size) == 0,
            "%s: run %zu of a model differs from that of a new one", k->type, i);
        cleat_model_release(other);
        test_free(&input);
    }
    cleat_model_release(model);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph_kept");
    test_add_loop(suite, "kept", test_kept, CASES);
    return suite;
}
