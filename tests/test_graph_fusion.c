/* SPDX-License-Identifier: Apache-2.0 */
/* Fused graphs: what they give is what the nodes one by one give, in fewer nodes; and nodes stay
 * where a value between them is wanted. */
#include "harness.h"

enum { MOST_CONSTANTS = 24, MOST_INPUTS = 3 };

/* A graph, and what its results are compared by. */
typedef struct network {
    cleat_graph *graph;
    int counter;
    int input_count;
    int32_t ranks[MOST_INPUTS];
    int64_t shapes[MOST_INPUTS][CLEAT_MAX_RANK];
} network;

static network new_network(int64_t opset) {
    network n = {0};
    test_ok(cleat_graph_create(opset, &n.graph));
    return n;
}

static void input(network *n, const char *name, int32_t rank, const int64_t *shape) {
    int64_t open[CLEAT_MAX_RANK];
    for (int32_t i = 0; i < rank; i++) {
        open[i] = i == 0 ? -1 : shape[i];
        n->shapes[n->input_count][i] = shape[i];
    }
    n->ranks[n->input_count++] = rank;
    test_ok(cleat_graph_input(n->graph, name, CLEAT_F32, rank, open));
}

/* A constant of real numbers in low .. high. */
static void constant(
    network *n, const char *name, int32_t rank, const int64_t *shape, double low, double high) {
    int64_t count = 1;
    for (int32_t i = 0; i < rank; i++) {
        count *= shape[i];
    }
    float *values = test_alloc(count, sizeof *values);
    for (int64_t i = 0; i < count; i++) {
        values[i] = (float)test_real(low, high);
    }
    test_ok(cleat_graph_constant(n->graph, name, CLEAT_F32, rank, shape, values));
    free(values);
}

/* A node; inputs as a text, "a b c", - for one that is left out. */
static void node_with(network *n, const char *type, const char *inputs, const char *output,
    size_t count, const cleat_attribute *attributes) {
    char text[128];
    const char *names[8];
    size_t names_count = 0;
    snprintf(text, sizeof text, "%s", inputs);
    for (char *part = strtok(text, " "); part != NULL; part = strtok(NULL, " ")) {
        names[names_count++] = strcmp(part, "-") == 0 ? "" : part;
    }
    test_ok(cleat_graph_node(
        n->graph, type, output, names_count, names, 1, &output, count, attributes));
}

static void node(network *n, const char *type, const char *inputs, const char *output) {
    node_with(n, type, inputs, output, 0, NULL);
}

static void output(network *n, const char *name) {
    test_ok(cleat_graph_output(n->graph, name));
}

static float *run_once(
    cleat_model *model, const cleat_tensor *inputs, size_t index, int64_t *count) {
    cleat_tensor outputs[4] = {{0}};
    test_ok(cleat_model_run(
        model, inputs, cleat_model_input_count(model), outputs, cleat_model_output_count(model)));
    *count = cleat_tensor_count(&outputs[index]);
    float *values = test_alloc(*count, sizeof *values);
    test_ok(cleat_read(test_context(), outputs[index], values, (size_t)*count * sizeof *values));
    for (size_t i = 0; i < cleat_model_output_count(model); i++) {
        cleat_tensor_release(&outputs[i]);
    }
    return values;
}

/* Sums of up to 200 products of numbers around 1, and what follows. */
static void compare(cleat_model *fused, cleat_model *plain, const cleat_tensor *inputs) {
    for (size_t i = 0; i < cleat_model_output_count(plain); i++) {
        int64_t count, plain_count;
        float *got = run_once(fused, inputs, i, &count);
        float *want = run_once(plain, inputs, i, &plain_count);
        ck_assert_int_eq(count, plain_count);
        for (int64_t k = 0; k < count; k++) {
            const double bound = 3e-5 * (1 + fabs((double)want[k]));
            ck_assert_msg(test_ignores_values() || fabs((double)got[k] - (double)want[k]) <= bound,
                "output %zu, element %lld: %g, not %g", i, (long long)k, (double)got[k],
                (double)want[k]);
        }
        free(got);
        free(want);
    }
}

static uint64_t node_count(cleat_model *model) {
    cleat_model_statistics statistics;
    test_ok(cleat_model_get_statistics(model, &statistics));
    return statistics.nodes;
}

/* Runs both forms; the fused one has so many nodes. The network is released. Returns how many
 * launches a run takes. */
static uint64_t check(network *n, uint64_t nodes) {
    cleat_model *fused = NULL, *plain = NULL;
    test_ok(cleat_model_create(test_context(), n->graph, NULL, &fused));
    test_ok(cleat_model_create(
        test_context(), n->graph, &(cleat_model_options){.no_fusion = true}, &plain));
    cleat_graph_release(n->graph);
    ck_assert_uint_eq(node_count(fused), nodes);
    test_tensor x[MOST_INPUTS];
    cleat_tensor views[MOST_INPUTS];
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < n->input_count; i++) {
            x[i] = test_input(n->ranks[i], n->shapes[i], TEST_REAL, TEST_ROW_MAJOR);
            views[i] = x[i].view;
        }
        compare(fused, plain, views);
        for (int i = 0; i < n->input_count; i++) {
            test_free(&x[i]);
        }
    }
    cleat_model_statistics statistics;
    test_ok(cleat_model_get_statistics(fused, &statistics));
    cleat_model_release(fused);
    cleat_model_release(plain);
    return statistics.launches;
}

static const int64_t image[] = {2, 4, 7, 6}, filters[] = {6, 4, 3, 3}, six[] = {6};
static const int64_t per_channel[] = {6, 1, 1}, matrix[] = {5, 20}, weights[] = {20, 6};

static void add_normalization(network *n, const char *from, const char *to) {
    char inputs[128], names[4][16];
    for (int i = 0; i < 4; i++) {
        snprintf(names[i], sizeof names[i], "bn%d_%d", n->counter, i);
        constant(n, names[i], 1, six, i == 3 ? 0.5 : -1, 2);
    }
    snprintf(inputs, sizeof inputs, "%s %s %s %s %s", from, names[0], names[1], names[2], names[3]);
    node(n, "BatchNormalization", inputs, to);
    n->counter++;
}

/* ---- Channels ---- */

START_TEST(test_normalization_goes_into_conv) {
    network n = new_network(_i == 0 ? 9 : 17);
    input(&n, "x", 4, image);
    constant(&n, "w", 4, filters, -1, 1);
    constant(&n, "b", 1, six, -1, 1);
    constant(&n, "m", 3, per_channel, 0.5, 2);
    constant(&n, "one", 0, NULL, 1, 2);
    node(&n, "Conv", _i < 2 ? "x w b" : "x w", "y");
    add_normalization(&n, "y", "z");
    node(&n, "Mul", "m z", "scaled");
    node(&n, "Sub", "scaled one", "less");
    node(&n, "Div", "less m", "shared");
    add_normalization(&n, "shared", "last");
    output(&n, "last");
    check(&n, 1);
}
END_TEST

START_TEST(test_normalization_goes_into_gemm) {
    const int64_t turned[] = {6, 20};
    const float two = 2, half = 0.5f;
    const int64_t yes = 1;
    const cleat_attribute attributes[] = {
        {.name = "alpha", .kind = CLEAT_ATTRIBUTE_FLOAT, .count = 1, .floats = &half},
        {.name = "beta", .kind = CLEAT_ATTRIBUTE_FLOAT, .count = 1, .floats = &two},
        {.name = "transB", .kind = CLEAT_ATTRIBUTE_INT, .count = 1, .integers = &yes}};
    network n = new_network(17);
    input(&n, "x", 2, matrix);
    constant(&n, "w", 2, _i == 0 ? turned : weights, -1, 1);
    constant(&n, "b", 1, six, -1, 1);
    constant(&n, "m", 1, six, 0.5, 2);
    node_with(&n, "Gemm", "x w b", "y", _i == 0 ? 3 : 2, attributes);
    add_normalization(&n, "y", "z");
    node(&n, "Add", "z m", "last");
    output(&n, "last");
    check(&n, 1);
}
END_TEST

/* What does not go: the value is an output, read twice, of no channels, or its constants are not
 * known. */
START_TEST(test_normalization_stays) {
    network n = new_network(17);
    input(&n, "x", 4, image);
    input(&n, "s", 3, per_channel);
    constant(&n, "w", 4, filters, -1, 1);
    constant(&n, "wide", 1, (int64_t[]){4}, 0.5, 2);
    node(&n, "Conv", "x w", "y");
    if (_i == 0) { /* an output */
        add_normalization(&n, "y", "last");
        output(&n, "y");
    } else if (_i == 1) { /* read twice */
        add_normalization(&n, "y", "z");
        node(&n, "Sub", "z y", "last");
    } else if (_i == 2) { /* along the rows, of which there are four */
        node(&n, "Mul", "y wide", "last");
    } else if (_i == 3) { /* an input */
        node(&n, "Mul", "y s", "last");
    } else { /* it would make the result larger: rank 5 */
        constant(&n, "more", 5, (int64_t[]){2, 1, 6, 1, 1}, 0.5, 2);
        node(&n, "Mul", "y more", "last");
    }
    output(&n, "last");
    check(&n, 2); /* read twice, the two behind make a chain */
}
END_TEST

/* ---- Epilogues ---- */

typedef struct activation_case {
    const char *type;
    const char *names[2];
    float values[2];
} activation_case;

static const activation_case activations[] = {{"Relu", {NULL}, {0}}, {"Sigmoid", {NULL}, {0}},
    {"Tanh", {NULL}, {0}}, {"LeakyRelu", {NULL}, {0}}, {"LeakyRelu", {"alpha"}, {0.3f}},
    {"Elu", {"alpha"}, {0.7f}}, {"Selu", {NULL}, {0}}, {"Selu", {"alpha", "gamma"}, {1.2f, 0.9f}},
    {"Softplus", {NULL}, {0}}, {"Softsign", {NULL}, {0}}, {"HardSigmoid", {NULL}, {0}},
    {"HardSigmoid", {"alpha", "beta"}, {0.3f, 0.4f}}, {"HardSwish", {NULL}, {0}},
    {"ThresholdedRelu", {"alpha"}, {0.2f}}};

enum { ACTIVATIONS = sizeof activations / sizeof *activations };

START_TEST(test_activation_goes_into_product) {
    const activation_case *a = &activations[_i];
    if (test_skips()) {
        return;
    }
    cleat_attribute attributes[2] = {{0}};
    size_t count = 0;
    for (; count < 2 && a->names[count] != NULL; count++) {
        attributes[count] = (cleat_attribute){.name = a->names[count],
            .kind = CLEAT_ATTRIBUTE_FLOAT,
            .count = 1,
            .floats = &a->values[count]};
    }
    const int which = _i % 3;
    network n = new_network(17);
    input(&n, "x", which == 0 ? 4 : 2, which == 0 ? image : matrix);
    constant(&n, "w", which == 0 ? 4 : 2, which == 0 ? filters : weights, -1, 1);
    node(&n, which == 0 ? "Conv" : which == 1 ? "Gemm" : "MatMul", "x w", "y");
    node_with(&n, a->type, "y", "z", count, attributes);
    output(&n, "z");
    check(&n, 1);
}
END_TEST

START_TEST(test_clip_goes_into_conv) {
    const float low = -0.3f, high = 0.8f;
    const cleat_attribute attributes[] = {
        {.name = "min", .kind = CLEAT_ATTRIBUTE_FLOAT, .count = 1, .floats = &low},
        {.name = "max", .kind = CLEAT_ATTRIBUTE_FLOAT, .count = 1, .floats = &high}};
    network n = new_network(_i == 0 ? 9 : 17);
    input(&n, "x", 4, image);
    constant(&n, "w", 4, filters, -1, 1);
    node(&n, "Conv", "x w", "y");
    if (_i == 0) {
        node_with(&n, "Clip", "y", "z", 2, attributes);
    } else {
        test_ok(cleat_graph_constant(n.graph, "low", CLEAT_F32, 0, NULL, &low));
        test_ok(cleat_graph_constant(n.graph, "high", CLEAT_F32, 0, NULL, &high));
        node(&n, "Clip", _i == 1 ? "y low high" : _i == 2 ? "y - high" : "y low", "z");
    }
    output(&n, "z");
    check(&n, 1);
}
END_TEST

/* A bias, another product added, an activation: one node; and what is added may be of a shape that
 * the product's result has to be stretched for. */
START_TEST(test_sums_go_into_product) {
    const int64_t more[] = {3, 5, 6}, column[] = {5, 1};
    network n = new_network(17);
    const bool is_gemm = _i % 2 == 1;
    input(&n, "x", 2, matrix);
    input(&n, "other", _i / 2 == 1 ? 3 : 2,
        _i / 2 == 1   ? more
        : _i / 2 == 2 ? column
                      : (int64_t[]){5, 6});
    constant(&n, "w", 2, weights, -1, 1);
    constant(&n, "b", 1, six, -1, 1);
    node(&n, is_gemm ? "Gemm" : "MatMul", is_gemm && _i / 2 == 2 ? "x w b" : "x w", "y");
    node(&n, "Add", is_gemm ? "other y" : "b y", "sum");
    node(&n, "Add", is_gemm ? "sum b" : "sum other", "both");
    node(&n, "Relu", "both", "z");
    output(&n, "z");
    check(&n, is_gemm ? 2 : 1); /* a Gemm takes one sum; the other makes a chain with Relu */
}
END_TEST

/* What is added to a convolution: another one, before or behind it in the list of nodes, an input,
 * one number a channel; of more images the nodes run one by one. Relu and Sigmoid go in too. */
START_TEST(test_sum_goes_into_conv) {
    const int64_t result[] = {2, 6, 5, 4}, channels[] = {6, 1, 1}, images[] = {3, 2, 6, 5, 4};
    const int kind = _i / 2;
    const int64_t *const shape = kind == 3 ? channels : kind == 4 ? images : result;
    network n = new_network(17);
    input(&n, "x", 4, image);
    constant(&n, "w", 4, filters, -1, 1);
    constant(&n, "v", 4, filters, -1, 1);
    constant(&n, "b", 1, six, -1, 1);
    if (kind < 2) {
        node(&n, "Conv", kind == 0 ? "x v" : "x w b", kind == 0 ? "other" : "y");
        node(&n, "Conv", kind == 0 ? "x w b" : "x v", kind == 0 ? "y" : "other");
    } else {
        node(&n, "Conv", "x w b", "y");
        input(&n, "other", kind == 3 ? 3 : kind == 4 ? 5 : 4, shape);
    }
    node(&n, "Add", _i % 2 == 0 ? "y other" : "other y", "sum");
    node(&n, _i % 2 == 0 ? "Relu" : "Sigmoid", "sum", "z");
    output(&n, "z");
    check(&n, kind < 2 ? 2 : 1);
}
END_TEST

START_TEST(test_epilogue_stays) {
    network n = new_network(17);
    input(&n, "x", 2, matrix);
    constant(&n, "w", 2, weights, -1, 1);
    node(&n, "MatMul", "x w", "y");
    if (_i == 0) { /* an output */
        node(&n, "Relu", "y", "z");
        output(&n, "y");
    } else if (_i == 1) { /* read twice */
        node(&n, "Sigmoid", "y", "gate");
        node(&n, "Mul", "y gate", "z");
    } else { /* added to itself */
        node(&n, "Add", "y y", "z");
    }
    output(&n, "z");
    check(&n, _i == 1 ? 3 : 2);
}
END_TEST

/* ---- Chains ---- */

/* What goes into one node: three steps and an activation at most. */
static const struct {
    const char *types[6];
    uint64_t nodes;
} chains[] = {{{"Add", "Relu"}, 1}, {{"-Sub", "Mul", "LeakyRelu"}, 1}, {{"-Div", "Add", "-Add"}, 1},
    {{"Max", "-Min", "Div", "Tanh"}, 1}, {{"Add", "Mul", "Add", "Sub", "Relu"}, 2},
    {{"Mul", "Relu", "Add"}, 2}, {{"Batch", "Relu"}, 1}, {{"Batch", "Add", "Relu"}, 1},
    {{"Batch", "Add", "Mul"}, 2}, {{"Add", "Batch", "Relu"}, 2}, {{"Abs", "Sub", "-Sub"}, 2}};

enum { CHAINS = sizeof chains / sizeof *chains };

/* Operands of several shapes: a row, a column, channels, another input, a number. */
START_TEST(test_chains) {
    static const char *const operands[] = {"k0", "s", "k1", "k2", "k3"};
    network n = new_network(_i % 2 == 0 ? 9 : 17);
    char from[16] = "x", to[16], inputs[40];
    input(&n, "x", 4, (int64_t[]){2, 6, 5, 4});
    input(&n, "s", 4, (int64_t[]){2, 6, 1, 4});
    constant(&n, "k0", 3, per_channel, 1, 2);
    constant(&n, "k1", 1, (int64_t[]){4}, 1, 2);
    constant(&n, "k2", 0, NULL, 1, 2);
    constant(&n, "k3", 4, (int64_t[]){1, 1, 5, 1}, 1, 2);
    for (int i = 0; i < 6 && chains[_i].types[i] != NULL; i++) {
        const char *type = chains[_i].types[i];
        const bool is_second = type[0] == '-';
        snprintf(to, sizeof to, "v%d", i);
        if (strcmp(type, "Batch") == 0) {
            add_normalization(&n, from, to);
        } else if (strstr(type, "Relu") != NULL || strcmp(type, "Tanh") == 0 ||
                   strcmp(type, "Abs") == 0) {
            node(&n, type, from, to);
        } else {
            const char *other = operands[(i + _i) % 5];
            snprintf(
                inputs, sizeof inputs, "%s %s", is_second ? other : from, is_second ? from : other);
            node(&n, type + is_second, inputs, to);
        }
        snprintf(from, sizeof from, "%s", to);
    }
    output(&n, from);
    ck_assert_uint_eq(check(&n, chains[_i].nodes), chains[_i].nodes);
}
END_TEST

static double step(const char *type, double a, double b) {
    switch (type[0] == '-' ? type[1] : type[0]) {
    case 'A':
        return a + b;
    case 'S':
        return type[0] == '-' ? b - a : a - b;
    case 'D':
        return type[0] == '-' ? b / a : a / b;
    default:
        return strcmp(type, "Max") == 0 ? fmax(a, b) : fmin(a, b);
    }
}

/* Against numbers worked out here; few kernels, for tests/power. */
START_TEST(test_chain_kernels) {
    static const char *const types[2][3] = {{"Add", "-Sub", "-Div"}, {"Max", "Min", "Div"}};
    static const float rows[3][3] = {{0.5f, -2, 0.25f}, {3, 0.5f, -1}, {4, -0.5f, 2}};
    static const float x[12] = {1, -1, 0.75f, 5, 2, -3, -0.25f, 4, 1.5f, -6, 3.5f, 0.125f};
    network n = new_network(17);
    cleat_model *model = NULL;
    char name[8], inputs[24], from[8] = "x", to[8];
    input(&n, "x", 2, (int64_t[]){4, 3});
    for (int i = 0; i < 3; i++) {
        const bool is_second = types[_i][i][0] == '-';
        snprintf(name, sizeof name, "k%d", i);
        snprintf(to, sizeof to, "v%d", i);
        snprintf(inputs, sizeof inputs, "%s %s", is_second ? name : from, is_second ? from : name);
        test_ok(cleat_graph_constant(n.graph, name, CLEAT_F32, 1, (int64_t[]){3}, rows[i]));
        node(&n, types[_i][i] + is_second, inputs, to);
        snprintf(from, sizeof from, "%s", to);
    }
    node(&n, "LeakyRelu", from, "y");
    output(&n, "y");
    test_ok(cleat_model_create(test_context(), n.graph, NULL, &model));
    cleat_graph_release(n.graph);
    ck_assert_uint_eq(node_count(model), 1);
    test_tensor t = test_input_from(2, (int64_t[]){4, 3}, x, TEST_ROW_MAJOR);
    int64_t count;
    float *got = run_once(model, &t.view, 0, &count);
    for (int64_t i = 0; i < 12 && !test_ignores_values(); i++) {
        double want = (double)x[i];
        for (int k = 0; k < 3; k++) {
            want = step(types[_i][k], want, (double)rows[k][i % 3]);
        }
        want = want < 0 ? (double)0.01f * want : want;
        ck_assert_double_eq_tol((double)got[i], want, 1e-6 * (1 + fabs(want)));
    }
    free(got);
    test_free(&t);
    cleat_model_release(model);
}
END_TEST

/* No chain where a value between is an output, read twice, or stretched behind a normalization. */
START_TEST(test_chains_end) {
    network n = new_network(17);
    input(&n, "x", 4, (int64_t[]){2, 6, 5, 4});
    constant(&n, "more", 5, (int64_t[]){3, 1, 1, 1, 1}, 1, 2);
    if (_i == 2) {
        add_normalization(&n, "x", "a");
        node(&n, "Add", "a more", "b");
        output(&n, "b");
        check(&n, 1); /* one node, whose parts run one by one */
        return;
    }
    node(&n, "Add", "x more", "a");
    node(&n, "Relu", "a", "b");
    if (_i == 0) {
        output(&n, "a");
        output(&n, "b");
        check(&n, 2);
    } else {
        node(&n, "Sub", "b a", "c");
        output(&n, "c");
        check(&n, 3);
    }
}
END_TEST

/* The same of types that the device does not compute with: integers on the host, float64. */
START_TEST(test_chains_of_other_types) {
    const cleat_type type = _i == 0 ? CLEAT_F64 : CLEAT_I32;
    const double real[] = {1, -2, 3, 4};
    const int32_t whole[] = {1, -2, 3, 4};
    const void *elements = _i == 0 ? (const void *)real : whole;
    cleat_model *model = NULL;
    network n = new_network(17);
    test_ok(cleat_graph_input(n.graph, "x", type, 1, (int64_t[]){-1}));
    test_ok(cleat_graph_constant(n.graph, "k", type, 1, (int64_t[]){4}, elements));
    node(&n, "Add", "x k", "a");
    node(&n, "Mul", "a k", "b");
    output(&n, "b");
    test_ok(cleat_model_create(test_context(), n.graph, NULL, &model));
    cleat_graph_release(n.graph);
    ck_assert_uint_eq(node_count(model), 1);
    if (_i == 1 || test_has_f64()) {
        cleat_tensor x, y = {0};
        unsigned char got[sizeof real];
        const size_t size = 4 * cleat_type_size(type);
        test_ok(cleat_tensor_create(test_context(), type, 1, (int64_t[]){4}, &x));
        test_ok(cleat_write(test_context(), x, elements, size));
        for (int round = 0; round < 4; round++) {
            test_ok(cleat_model_run(model, &x, 1, &y, 1));
            test_ok(cleat_read(test_context(), y, got, size));
            for (int i = 0; i < 4 && !test_ignores_values(); i++) {
                double value = 0;
                int32_t integer = 0;
                memcpy(&value, got + (size_t)i * sizeof value % sizeof got, sizeof value);
                memcpy(&integer, got + (size_t)i * sizeof integer, sizeof integer);
                ck_assert_double_eq(_i == 0 ? value : (double)integer, 2 * real[i] * real[i]);
            }
        }
        cleat_tensor_release(&x);
        cleat_tensor_release(&y);
    }
    cleat_model_release(model);
}
END_TEST

/* ---- What goes altogether ---- */

START_TEST(test_nothing_is_removed) {
    const int64_t to = 1, order[] = {0, 1, 2, 3}, padding[] = {0, 0, 1, 2, 0, 0, 0, 1};
    const int64_t none[] = {0, 0, 0, 0, 0, 0, 0, 0};
    network n = new_network(17);
    input(&n, "x", 4, image);
    constant(&n, "w", 4, filters, -1, 1);
    test_ok(cleat_graph_constant(n.graph, "p", CLEAT_I64, 1, (int64_t[]){8}, padding));
    test_ok(cleat_graph_constant(n.graph, "p0", CLEAT_I64, 1, (int64_t[]){8}, none));
    node(&n, "Identity", "x", "a");
    node(&n, "Dropout", "a", "b");
    node_with(&n, "Cast", "b", "c", 1,
        &(cleat_attribute){.name = "to", .kind = CLEAT_ATTRIBUTE_INT, .count = 1, .integers = &to});
    node_with(&n, "Transpose", "c", "d", 1,
        &(cleat_attribute){
            .name = "perm", .kind = CLEAT_ATTRIBUTE_INTS, .count = 4, .integers = order});
    node(&n, "Pad", "d p0", "e");
    node(&n, "Pad", "e p", "f");
    node(&n, "Conv", "f w", "g");
    node(&n, "Identity", "g", "h");
    output(&n, "h");
    check(&n, 1);
}
END_TEST

/* An Identity between an input and an output has to stay; so has what both sides of are outputs. */
START_TEST(test_outputs_keep_their_names) {
    network n = new_network(17);
    input(&n, "x", 2, matrix);
    node(&n, "Identity", "x", "a");
    node(&n, "Relu", "x", "b");
    node(&n, "Identity", "b", "c");
    output(&n, "a");
    output(&n, "b");
    output(&n, "c");
    check(&n, 3);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph_fusion");
    test_add_loop(suite, "conv_channels", test_normalization_goes_into_conv, 3);
    test_add_loop(suite, "gemm_channels", test_normalization_goes_into_gemm, 2);
    test_add_loop(suite, "channels_stay", test_normalization_stays, 5);
    test_add_loop(suite, "activations", test_activation_goes_into_product, ACTIVATIONS);
    test_add_loop(suite, "clip", test_clip_goes_into_conv, 4);
    test_add_loop(suite, "sums", test_sums_go_into_product, 6);
    test_add_loop(suite, "sum_into_conv", test_sum_goes_into_conv, 10);
    test_add_loop(suite, "epilogue_stays", test_epilogue_stays, 3);
    test_add_loop(suite, "chains", test_chains, CHAINS);
    test_add_loop(suite, "chain_kernels", test_chain_kernels, 2);
    test_add_loop(suite, "chains_end", test_chains_end, 3);
    test_add_loop(suite, "chain_types", test_chains_of_other_types, 2);
    test_add_case(suite, "removed", test_nothing_is_removed);
    test_add_case(suite, "outputs", test_outputs_keep_their_names);
    return suite;
}
