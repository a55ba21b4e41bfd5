/* SPDX-License-Identifier: Apache-2.0 */
/* Attention as exporters write it becomes one node, whose results are those of the nodes. */
#include "graph_case.h"

typedef enum { SCALE_NONE, SCALE_MUL, SCALE_MUL_LEFT, SCALE_DIV, SCALES } scaling;
typedef enum { MASK_NONE, MASK_KEYS, MASK_WHOLE, MASKS } masking;

typedef struct shape {
    int32_t rank; /* 3 or 4 */
    int64_t batch, heads, queries, keys, width, values;
} shape;

typedef struct variation {
    scaling scale;
    masking mask;
    int64_t axis; /* of Softmax; 0: left out */
    int64_t key_batch;
    bool is_read_twice; /* the weights are an output too */
} variation;

static void node(
    cleat_graph *graph, const char *type, const char *a, const char *b, const char *y) {
    test_ok(cleat_graph_node(
        graph, type, y, b != NULL ? 2 : 1, (const char *[]){a, b}, 1, &y, 0, NULL));
}

static cleat_graph *build(const shape *s, const variation *v) {
    cleat_graph *graph = NULL;
    const char *scores = "product";
    const float number = v->scale == SCALE_DIV ? 2 : 0.5F;
    const cleat_attribute axis = case_int("axis", &v->axis);
    test_ok(cleat_graph_create(17, &graph));
    test_ok(cleat_graph_input(graph, "q", CLEAT_F32, s->rank, (int64_t[]){-1, -1, -1, -1}));
    test_ok(cleat_graph_input(graph, "k", CLEAT_F32, s->rank, (int64_t[]){-1, -1, -1, -1}));
    test_ok(cleat_graph_input(graph, "v", CLEAT_F32, s->rank, (int64_t[]){-1, -1, -1, -1}));
    test_ok(cleat_graph_constant(graph, "number", CLEAT_F32, 0, NULL, &number));
    node(graph, "MatMul", "q", "k", "product");
    if (v->scale != SCALE_NONE) {
        const bool is_left = v->scale == SCALE_MUL_LEFT;
        node(graph, v->scale == SCALE_DIV ? "Div" : "Mul", is_left ? "number" : "product",
            is_left ? "product" : "number", "scaled");
        scores = "scaled";
    }
    if (v->mask != MASK_NONE) {
        test_ok(cleat_graph_input(graph, "mask", CLEAT_F32, -1, NULL));
        const bool is_left = test_coin();
        node(graph, "Add", is_left ? "mask" : scores, is_left ? scores : "mask", "masked");
        scores = "masked";
    }
    test_ok(cleat_graph_node(graph, "Softmax", "softmax", 1, &scores, 1,
        (const char *[]){"weights"}, v->axis != 0, &axis));
    node(graph, "MatMul", "weights", "v", "y");
    test_ok(cleat_graph_output(graph, "y"));
    if (v->is_read_twice) {
        test_ok(cleat_graph_output(graph, "weights"));
    }
    return graph;
}

static test_tensor operand(const shape *s, int64_t batch, int64_t rows, int64_t columns) {
    const int64_t four[] = {batch, s->heads, rows, columns};
    return test_input(
        s->rank, four + (4 - s->rank), TEST_REAL, test_coin() ? TEST_STRIDED : TEST_ROW_MAJOR);
}

static test_tensor mask_for(const shape *s, masking mask) {
    const int64_t whole[] = {s->batch, 1, s->queries, s->keys};
    const int64_t keys[] = {1, 1, 1, s->keys};
    const int64_t *four = mask == MASK_KEYS ? keys : whole;
    const int64_t skipped = mask == MASK_KEYS || s->rank == 3 ? 2 : 0;
    const int64_t count = case_count((int32_t)(4 - skipped), four + skipped);
    float *numbers = test_alloc(count, sizeof *numbers);
    for (int64_t i = 0; i < count; i++) {
        numbers[i] = i % s->keys != 0 && test_int(0, 3) == 0 ? -INFINITY : (float)test_real(-1, 1);
    }
    test_tensor t =
        test_input_from((int32_t)(4 - skipped), four + skipped, numbers, TEST_ROW_MAJOR);
    free(numbers);
    return t;
}

/* The results of a graph; *nodes: how many are left. */
static float *run(cleat_graph *graph, const test_tensor *inputs, size_t count, bool fuses,
    uint64_t *nodes, int64_t *elements) {
    cleat_model *model = NULL;
    cleat_model_statistics statistics;
    cleat_tensor views[4], y[2] = {{0}};
    test_ok(cleat_model_create(
        test_context(), graph, &(cleat_model_options){.no_fusion = !fuses}, &model));
    for (size_t i = 0; i < count; i++) {
        views[i] = inputs[i].view;
    }
    for (int round = 0; round < 3; round++) {
        test_ok(cleat_model_run(model, views, count, y, cleat_model_output_count(model)));
    }
    test_ok(cleat_model_get_statistics(model, &statistics));
    *nodes = statistics.nodes;
    *elements = cleat_tensor_count(&y[0]);
    float *got = test_alloc(*elements, sizeof *got);
    test_ok(cleat_read(test_context(), y[0], got, (size_t)*elements * sizeof *got));
    cleat_tensor_release(&y[0]);
    cleat_tensor_release(&y[1]);
    cleat_model_release(model);
    return got;
}

/*
 * Scores are off by 4 sqrt(E) u E at most, weights by twice that of themselves and the
 * exponential's and the sum's few u, results by as much of the largest value, 1; and there are two
 * of them.
 */
static double bound_of(const shape *s) {
    const double width = (double)s->width, keys = (double)s->keys, u = 0x1p-24;
    return 2 * u * (8 * sqrt(width) * width + 4 * sqrt(keys) + 16);
}

static void compare(const shape *s, const variation *v, uint64_t wanted_nodes) {
    cleat_graph *graph = build(s, v);
    const uint64_t plain = (v->scale != SCALE_NONE ? 4U : 3U) + (v->mask != MASK_NONE ? 1U : 0U);
    test_tensor inputs[4] = {operand(s, s->batch, s->queries, s->width),
        operand(s, v->key_batch, s->width, s->keys), operand(s, v->key_batch, s->keys, s->values)};
    size_t count = 3;
    if (v->mask != MASK_NONE) {
        inputs[count++] = mask_for(s, v->mask);
    }
    uint64_t nodes = 0;
    int64_t elements = 0;
    float *is = run(graph, inputs, count, true, &nodes, &elements);
    ck_assert_uint_eq(nodes, wanted_nodes != 0 ? wanted_nodes : plain);
    float *want = run(graph, inputs, count, false, &nodes, &elements);
    ck_assert_uint_eq(nodes, plain);
    for (int64_t i = 0; i < elements && !test_ignores_values(); i++) {
        ck_assert_msg(fabs((double)is[i] - (double)want[i]) <= bound_of(s),
            "element %lld is %g, not %g", (long long)i, (double)is[i], (double)want[i]);
    }
    free(is);
    free(want);
    for (size_t i = 0; i < count; i++) {
        test_unchanged(&inputs[i]);
        test_free(&inputs[i]);
    }
    cleat_graph_release(graph);
}

static shape draw_shape(int32_t rank) {
    return (shape){rank, test_int(1, 2), test_int(1, 3), test_int(1, 9), test_int(1, 17),
        test_int(1, 16), test_int(1, 16)};
}

START_TEST(test_patterns) {
    shape s = draw_shape(test_coin() ? 3 : 4);
    const variation v = {.scale = (scaling)(_i % SCALES),
        .mask = (masking)(_i / SCALES),
        .axis = test_coin()   ? -1
                : test_coin() ? s.rank - 1
                              : 0};
    variation one = v;
    s.batch = s.rank == 3 ? 1 : s.batch; /* a whole mask of rank 3 has no batch */
    one.key_batch = s.batch;
    compare(&s, &one, 1);
}
END_TEST

/* Fused, but for shapes that the operation does not take: then the nodes run. */
START_TEST(test_other_shapes) {
    shape s = draw_shape(4);
    variation v = {.scale = SCALE_MUL, .axis = -1, .key_batch = 1};
    s.batch = 2; /* keys of one batch serve both */
    compare(&s, &v, 1);
    v.axis = 2; /* along queries */
    compare(&s, &v, 1);
}
END_TEST

START_TEST(test_not_fused) {
    shape s = draw_shape(4);
    const variation v = {
        .scale = SCALE_DIV, .axis = -1, .key_batch = s.batch, .is_read_twice = true};
    compare(&s, &v, 0);
}
END_TEST

/* The name is none that a graph may use. */
START_TEST(test_refused_by_name) {
    cleat_graph *graph = NULL;
    cleat_model *model = NULL;
    cleat_tensor y = {0};
    test_ok(cleat_graph_create(17, &graph));
    test_ok(cleat_graph_input(graph, "q", CLEAT_F32, -1, NULL));
    node(graph, "(attention)", "q", "q", "y");
    test_ok(cleat_graph_output(graph, "y"));
    test_ok(cleat_model_create(test_context(), graph, NULL, &model));
    cleat_graph_release(graph);
    test_tensor q = test_input(3, (int64_t[]){1, 2, 2}, TEST_REAL, TEST_ROW_MAJOR);
    test_refused(cleat_model_run(model, &q.view, 1, &y, 1), CLEAT_INVALID_ARGUMENT,
        "no operator of a graph's");
    test_free(&q);
    cleat_model_release(model);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph attention");
    test_add_loop(suite, "patterns", test_patterns, SCALES * MASKS);
    test_add_case(suite, "other shapes", test_other_shapes);
    test_add_case(suite, "not fused", test_not_fused);
    test_add_case(suite, "refused by name", test_refused_by_name);
    return suite;
}
