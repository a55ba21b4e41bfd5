/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Graphs whose convolutions have known weights of f32: on processors their results have the
 * channels last, and so have those of the operators behind. The same graph in f64 stays row-major.
 * All numbers are small integers, or quarters after a mean, so that both give the same.
 */
#include "graph_case.h"

enum { MOST_OUTPUTS = 6, WIDE = 20, NARROW = 5 };

typedef struct network {
    cleat_graph *graph;
    cleat_type type;
    uint32_t seed; /* of the numbers: the same in both types */
    int64_t image[4];
} network;

static void *numbers_of(cleat_type type, const double *numbers, int64_t count) {
    double *copy = test_alloc(count, sizeof *copy);
    for (int64_t i = 0; i < count; i++) {
        if (type == CLEAT_F64) {
            copy[i] = numbers[i];
        } else {
            ((float *)(void *)copy)[i] = (float)numbers[i];
        }
    }
    return copy;
}

/* Integers in -most .. most that follow from the seed. */
static double *draw(network *n, int64_t count, int most) {
    double *numbers = test_alloc(count, sizeof *numbers);
    for (int64_t i = 0; i < count; i++) {
        n->seed = n->seed * 1664525u + 1013904223u;
        numbers[i] = (double)(n->seed >> 16) / 65536.0 * (2 * most + 1);
        numbers[i] = floor(numbers[i]) - most;
    }
    return numbers;
}

static void constant(network *n, const char *name, int32_t rank, const int64_t *shape, int most) {
    int64_t count = 1;
    for (int32_t i = 0; i < rank; i++) {
        count *= shape[i];
    }
    double *numbers = draw(n, count, most);
    void *elements = numbers_of(n->type, numbers, count);
    test_ok(cleat_graph_constant(n->graph, name, n->type, rank, shape, elements));
    free(elements);
    free(numbers);
}

/* Inputs as a text, "a b c". */
static void node(network *n, const char *type, const char *inputs, const char *output, size_t count,
    const cleat_attribute *attributes) {
    char text[128];
    const char *names[4];
    size_t names_count = 0;
    snprintf(text, sizeof text, "%s", inputs);
    for (char *part = strtok(text, " "); part != NULL; part = strtok(NULL, " ")) {
        names[names_count++] = part;
    }
    test_ok(cleat_graph_node(
        n->graph, type, output, names_count, names, 1, &output, count, attributes));
}

static void conv(network *n, const char *x, const char *y, int64_t outputs, int64_t channels,
    int64_t window, int64_t groups, int most) {
    char weights[32], bias[32], inputs[96];
    const int64_t pads[] = {window / 2, window / 2, window / 2, window / 2};
    snprintf(weights, sizeof weights, "w_%s", y);
    snprintf(bias, sizeof bias, "b_%s", y);
    snprintf(inputs, sizeof inputs, "%s %s %s", x, weights, bias);
    constant(n, weights, 4, (int64_t[]){outputs, channels / groups, window, window}, most);
    constant(n, bias, 1, &outputs, 3);
    const cleat_attribute attributes[] = {case_ints("pads", 4, pads), case_int("group", &groups)};
    node(n, "Conv", inputs, y, 2, attributes);
}

static void pool(network *n, const char *type, const char *x, const char *y, int64_t window,
    int64_t stride, int64_t pad) {
    const int64_t windows[] = {window, window}, strides[] = {stride, stride};
    const int64_t pads[] = {pad, pad, pad, pad};
    const cleat_attribute attributes[] = {case_ints("kernel_shape", 2, windows),
        case_ints("strides", 2, strides), case_ints("pads", 4, pads)};
    node(n, type, x, y, 3, attributes);
}

static void shape_value(network *n, const char *name, int64_t count, const int64_t *shape) {
    test_ok(cleat_graph_constant(n->graph, name, CLEAT_I64, 1, &count, shape));
}

/* As a ShuffleNet does between its groups. */
static void shuffle(network *n, const char *x, const char *y, int64_t channels) {
    const int64_t split[] = {0, 2, channels / 2, n->image[2], n->image[3]};
    const int64_t joined[] = {0, channels, n->image[2], n->image[3]}, order[] = {0, 2, 1, 3, 4};
    const cleat_attribute turn[] = {case_ints("perm", 5, order)};
    shape_value(n, "split", 5, split);
    shape_value(n, "joined", 4, joined);
    char inputs[64];
    snprintf(inputs, sizeof inputs, "%s split", x);
    node(n, "Reshape", inputs, "apart", 0, NULL);
    node(n, "Transpose", "apart", "turned", 1, turn);
    node(n, "Reshape", "turned joined", y, 0, NULL);
}

/* Most of what a network for images is made of; outputs of all parts. */
static void build(network *n, int64_t channels, int64_t window) {
    const int64_t open[] = {-1, channels, -1, -1}, axis = 1;
    static const char *const outputs[MOST_OUTPUTS] = {"sum", "small", "mean", "joint", "y", "flat"};
    const cleat_attribute along[] = {case_int("axis", &axis)};
    test_ok(cleat_graph_create(13, &n->graph));
    test_ok(cleat_graph_input(n->graph, "x", n->type, 4, open));
    conv(n, "x", "first", WIDE, channels, window, 1, 1);
    node(n, "Relu", "first", "a", 0, NULL);
    conv(n, "a", "by_channel", WIDE, WIDE, 3, WIDE, 1);
    node(n, "Sum", "a by_channel", "sum", 0, NULL);
    shuffle(n, "sum", "mixed", WIDE);
    conv(n, "mixed", "b", 2 * WIDE, WIDE, 1, 2 - channels % 2, 1);
    node(n, "Relu", "b", "c", 0, NULL);
    node(n, "Concat", "c sum", "joint", 1, along);
    constant(n, "factor", 3, (int64_t[]){3 * WIDE, 1, 1}, 2);
    node(n, "Mul", "joint factor", "scaled", 0, NULL);
    pool(n, "MaxPool", "scaled", "small", 3, 2, 1);
    pool(n, "AveragePool", "small", "mean", 2, 1, 0);
    conv(n, "mean", "narrow", NARROW, 3 * WIDE, 1, 1, 1);
    conv(n, "narrow", "y", WIDE, NARROW, 1, 1, 1);
    node(n, "Flatten", "small", "flat", 1, along);
    for (int i = 0; i < MOST_OUTPUTS; i++) {
        test_ok(cleat_graph_output(n->graph, outputs[i]));
    }
}

typedef struct results {
    double *numbers[MOST_OUTPUTS];
    int64_t counts[MOST_OUTPUTS];
} results;

static double *read_numbers(cleat_context *context, const cleat_tensor *y, int64_t count) {
    double *numbers = test_alloc(count, sizeof *numbers);
    test_ok(cleat_read(context, *y, numbers, (size_t)count * cleat_type_size(y->type)));
    for (int64_t i = count; y->type == CLEAT_F32 && i-- > 0;) {
        float value;
        memcpy(&value, (char *)numbers + (size_t)i * sizeof value, sizeof value);
        numbers[i] = (double)value;
    }
    return numbers;
}

/* The third run is a repetition. */
static results run(cleat_context *context, network *n) {
    cleat_model *model;
    cleat_tensor x, outputs[MOST_OUTPUTS] = {{0}};
    results r;
    test_ok(cleat_model_create(context, n->graph, NULL, &model));
    cleat_graph_release(n->graph);
    test_ok(cleat_tensor_create(context, n->type, 4, n->image, &x));
    const int64_t count = cleat_tensor_count(&x);
    double *numbers = draw(n, count, 3);
    void *elements = numbers_of(n->type, numbers, count);
    test_ok(cleat_write(context, x, elements, (size_t)count * cleat_type_size(n->type)));
    for (int i = 0; i < 3; i++) {
        test_ok(cleat_model_run(model, &x, 1, outputs, MOST_OUTPUTS));
    }
    for (int i = 0; i < MOST_OUTPUTS; i++) {
        ck_assert(cleat_tensor_is_contiguous(&outputs[i]));
        r.counts[i] = cleat_tensor_count(&outputs[i]);
        r.numbers[i] = read_numbers(context, &outputs[i], r.counts[i]);
        cleat_tensor_release(&outputs[i]);
    }
    free(numbers);
    free(elements);
    cleat_tensor_release(&x);
    cleat_model_release(model);
    return r;
}

static uint64_t calls_of(cleat_context *context, const char *kernel) {
    cleat_profile_row rows[64];
    size_t count = 0;
    uint64_t calls = 0;
    test_ok(cleat_profile(context, 64, rows, &count));
    for (size_t i = 0; i < count && i < 64; i++) {
        calls += strncmp(rows[i].kernel, kernel, strlen(kernel)) == 0 ? rows[i].calls : 0;
    }
    return calls;
}

/* Where kernels for processors ran, all convolutions of as many outputs as a vector has went by
 * those for channels last, and pooling, too. */
static void check_kernels(cleat_context *context) {
    if (calls_of(context, "conv2d_cpu") > 0) {
        ck_assert_uint_eq(calls_of(context, "conv2d_cpu_channels_last_depthwise"), 3);
        ck_assert_uint_ge(calls_of(context, "conv2d_cpu_channels_last"), 3 * 4);
        ck_assert_uint_eq(calls_of(context, "pool2d_channels_last"), 3 * 2);
    }
}

static cleat_context *profiled_context(void) {
    cleat_context *context;
    const cleat_context_options options = {.profiling = true};
    test_ok(cleat_context_create(&options, &context));
    return context;
}

START_TEST(test_networks) {
    for (int round = 0; round < test_rounds(4); round++) {
        cleat_context *context = profiled_context();
        network n = {.type = CLEAT_F32,
            .seed = (uint32_t)test_int(1, 1 << 30),
            .image = {test_int(1, 2), test_int(1, 4), test_int(4, 13), test_int(4, 17)}};
        network wide = n;
        const int64_t window = 2 * test_int(0, 1) + 1;
        wide.type = CLEAT_F64;
        build(&n, n.image[1], window);
        build(&wide, n.image[1], window);
        results got = run(context, &n);
        check_kernels(context);
        results want = run(test_context(), &wide);
        for (int i = 0; i < MOST_OUTPUTS; i++) {
            ck_assert_int_eq(got.counts[i], want.counts[i]);
            for (int64_t k = 0; k < got.counts[i]; k++) {
                const double off = got.numbers[i][k] - want.numbers[i][k];
                ck_assert_msg(test_ignores_values() || (off >= 0 && off <= 0),
                    "output %d, element %lld: %g, not %g", i, (long long)k, got.numbers[i][k],
                    want.numbers[i][k]);
            }
            free(got.numbers[i]);
            free(want.numbers[i]);
        }
        cleat_context_release(context);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph_channels_last");
    test_add_case(suite, "networks", test_networks);
    return suite;
}
