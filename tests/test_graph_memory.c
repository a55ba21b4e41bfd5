/* SPDX-License-Identifier: Apache-2.0 */
/* What a model's values take: memory that is shared, results written over operands, arenas; and
 * that none of it is seen in the results. */
#include "harness.h"

enum { ROWS = 12, COLUMNS = 40, NODES = 60, WIDE = 1 << 14 };

static void node(
    cleat_graph *graph, const char *type, const char *a, const char *b, const char *y) {
    const char *inputs[] = {a, b};
    test_ok(cleat_graph_node(graph, type, y, b != NULL ? 2 : 1, inputs, 1, &y, 0, NULL));
}

static cleat_model *make(cleat_graph *graph, int32_t recordings, bool fuses) {
    cleat_model *model = NULL;
    test_ok(cleat_model_create(test_context(), graph,
        &(cleat_model_options){.recordings = recordings, .no_fusion = !fuses}, &model));
    return model;
}

static cleat_model_statistics statistics_of(cleat_model *model) {
    cleat_model_statistics statistics;
    test_ok(cleat_model_get_statistics(model, &statistics));
    return statistics;
}

/* ---- A chain ---- */

/* Every node but the first writes over what the one before wrote. */
START_TEST(test_chain_stays_in_place) {
    const int64_t shape[] = {WIDE};
    const uint64_t bytes = WIDE * sizeof(float);
    const bool records = _i == 0;
    float ones[1] = {1};
    char from[16] = "x", to[16];
    cleat_graph *graph = NULL;
    test_ok(cleat_graph_create(17, &graph));
    test_ok(cleat_graph_input(graph, "x", CLEAT_F32, 1, shape));
    test_ok(cleat_graph_constant(graph, "k", CLEAT_F32, 1, (int64_t[]){1}, ones));
    for (int i = 0; i < 10; i++) {
        snprintf(to, sizeof to, "v%d", i);
        node(graph, i % 3 == 1 ? "Relu" : "Add", i % 3 == 2 ? "k" : from,
            i % 3 == 1   ? NULL
            : i % 3 == 2 ? from
                         : "k",
            to);
        snprintf(from, sizeof from, "%s", to);
    }
    test_ok(cleat_graph_output(graph, from));
    cleat_model *model = make(graph, records ? 0 : -1, false);
    cleat_graph_release(graph);
    test_tensor x = test_input(1, shape, TEST_EXACT, TEST_ROW_MAJOR);
    cleat_tensor y = {0};
    for (int round = 0; round < 4; round++) {
        test_ok(cleat_model_run(model, &x.view, 1, &y, 1));
        float *got = test_alloc(WIDE, sizeof *got);
        test_ok(cleat_read(test_context(), y, got, bytes));
        for (int64_t i = 0; i < WIDE && !test_ignores_values(); i++) {
            const float first = x.data[i] + 1;
            ck_assert_float_eq(got[i], (first > 0 ? first : 0) + 6);
        }
        free(got);
    }
    const cleat_model_statistics statistics = statistics_of(model);
    ck_assert_uint_eq(statistics.nodes, 10);
    ck_assert_uint_eq(statistics.value_bytes, bytes); /* ten values, one place */
    ck_assert_uint_eq(statistics.peak_bytes, bytes);
    ck_assert_uint_eq(statistics.weight_bytes, sizeof(float));
    ck_assert_uint_eq(statistics.launches, records ? 10 : 0);
    ck_assert_uint_eq(statistics.recordings, records ? 1 : 0);
    test_unchanged(&x);
    cleat_tensor_release(&y);
    test_free(&x);
    cleat_model_release(model);
}
END_TEST

/* ---- Any graph ---- */

/* Values of a graph that is drawn, on the host; shapes [ROWS or 1, COLUMNS or 1]. */
typedef struct host_value {
    int64_t shape[2];
    float elements[ROWS * COLUMNS];
} host_value;

static float at(const host_value *v, int64_t row, int64_t column) {
    return v->elements[(v->shape[0] > 1 ? row : 0) * v->shape[1] + (v->shape[1] > 1 ? column : 0)];
}

static const char *const types[] = {"Add", "Sub", "Max", "Min", "Neg", "Relu"};

static float compute(int type, float a, float b) {
    switch (type) {
    case 0:
        return a + b;
    case 1:
        return a - b;
    case 2:
        return a > b ? a : b;
    case 3:
        return a < b ? a : b;
    case 4:
        return -a;
    default:
        return a > 0 ? a : 0;
    }
}

static void apply(int type, const host_value *a, const host_value *b, host_value *y) {
    for (int i = 0; i < 2; i++) {
        y->shape[i] = type < 4 && b->shape[i] > a->shape[i] ? b->shape[i] : a->shape[i];
    }
    for (int64_t row = 0; row < y->shape[0]; row++) {
        for (int64_t column = 0; column < y->shape[1]; column++) {
            const float value = compute(type, at(a, row, column), at(b, row, column));
            y->elements[row * y->shape[1] + column] = value;
        }
    }
}

typedef struct drawn {
    int type[NODES], a[NODES], b[NODES];
    int outputs[3];
} drawn;

enum { DRAWN_INPUTS = 3 };

static drawn draw_graph(void) {
    drawn d;
    for (int i = 0; i < NODES; i++) {
        const int known = DRAWN_INPUTS + i;
        /* Near values make chains, far ones long lives; sums have an input, so that they stay
         * exact. */
        d.type[i] = (int)test_int(0, 5);
        d.a[i] = (int)test_int(known > 6 && test_coin() ? known - 3 : 0, known - 1);
        d.b[i] = (int)test_int(0, d.type[i] > 1 ? known - 1 : DRAWN_INPUTS - 1);
    }
    d.outputs[0] = DRAWN_INPUTS + NODES - 1;
    d.outputs[1] = DRAWN_INPUTS + (int)test_int(NODES / 2, NODES - 2);
    d.outputs[2] = DRAWN_INPUTS + (int)test_int(0, NODES / 2 - 1);
    return d;
}

static void name(int value, char *text, size_t size) {
    snprintf(text, size, "v%d", value);
}

static cleat_graph *build(const drawn *d) {
    cleat_graph *graph = NULL;
    char a[16], b[16], y[16];
    test_ok(cleat_graph_create(17, &graph));
    for (int i = 0; i < DRAWN_INPUTS; i++) {
        name(i, y, sizeof y);
        test_ok(cleat_graph_input(graph, y, CLEAT_F32, 2, (int64_t[]){-1, -1}));
    }
    for (int i = 0; i < NODES; i++) {
        name(d->a[i], a, sizeof a);
        name(d->b[i], b, sizeof b);
        name(DRAWN_INPUTS + i, y, sizeof y);
        node(graph, types[d->type[i]], a, d->type[i] < 4 ? b : NULL, y);
    }
    for (int i = 0; i < 3; i++) {
        name(d->outputs[i], y, sizeof y);
        test_ok(cleat_graph_output(graph, y));
    }
    return graph;
}

static void check_run(cleat_model *model, const drawn *d, host_value *values) {
    static const int64_t shapes[DRAWN_INPUTS][2] = {{ROWS, COLUMNS}, {ROWS, 1}, {1, COLUMNS}};
    test_tensor x[DRAWN_INPUTS];
    cleat_tensor inputs[DRAWN_INPUTS], outputs[3] = {{0}};
    for (int i = 0; i < DRAWN_INPUTS; i++) {
        x[i] = test_input(2, shapes[i], TEST_EXACT, TEST_ROW_MAJOR);
        inputs[i] = x[i].view;
        memcpy(values[i].shape, shapes[i], sizeof shapes[i]);
        memcpy(values[i].elements, x[i].data, (size_t)x[i].count * sizeof(float));
    }
    for (int i = 0; i < NODES; i++) {
        apply(d->type[i], &values[d->a[i]], &values[d->b[i]], &values[DRAWN_INPUTS + i]);
    }
    test_ok(cleat_model_run(model, inputs, DRAWN_INPUTS, outputs, 3));
    for (int i = 0; i < 3; i++) {
        const host_value *want = &values[d->outputs[i]];
        float got[ROWS * COLUMNS];
        const size_t count = (size_t)cleat_tensor_count(&outputs[i]);
        ck_assert_int_eq((int64_t)count, want->shape[0] * want->shape[1]);
        test_ok(cleat_read(test_context(), outputs[i], got, count * sizeof *got));
        for (size_t k = 0; k < count && !test_ignores_values(); k++) {
            ck_assert_float_eq(got[k], want->elements[k]);
        }
        cleat_tensor_release(&outputs[i]);
    }
    for (int i = 0; i < DRAWN_INPUTS; i++) {
        test_unchanged(&x[i]);
        test_free(&x[i]);
    }
}

START_TEST(test_values_do_not_meet) {
    const bool records = _i % 2 == 0;
    host_value *values = test_alloc(DRAWN_INPUTS + NODES, sizeof *values);
    for (int round = 0; round < test_rounds(12); round++) {
        const drawn d = draw_graph();
        cleat_graph *graph = build(&d);
        cleat_model *model = make(graph, records ? 0 : -1, _i / 2 == 1);
        cleat_graph_release(graph);
        for (int run = 0; run < 4; run++) {
            check_run(model, &d, values);
        }
        const cleat_model_statistics statistics = statistics_of(model);
        ck_assert_uint_gt(statistics.value_bytes, 0);
        ck_assert_uint_eq(statistics.recordings, records ? 1 : 0);
        if (records) {
            ck_assert_uint_le(statistics.peak_bytes, statistics.value_bytes + 256 * NODES);
        }
        cleat_model_release(model);
    }
    free(values);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph_memory");
    test_add_loop(suite, "chain", test_chain_stays_in_place, 2);
    test_add_loop(suite, "any_graph", test_values_do_not_meet, 4);
    return suite;
}
