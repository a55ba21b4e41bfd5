/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters, gradients of whole networks, optimisers as nodes, and that training steps are
 * repeated. */
#include "graph_case.h"

enum { ROWS = 6, INPUTS = 3, HIDDEN = 5, CLASSES = 4 };

static void node(cleat_graph *graph, const char *type, const char *a, const char *b, const char *c,
    const char *y) {
    const char *inputs[] = {a, b, c};
    test_ok(cleat_graph_node(graph, type, y,
        c != NULL   ? 3
        : b != NULL ? 2
                    : 1,
        inputs, 1, &y, 0, NULL));
}

static cleat_model *make(cleat_graph *graph, bool fuses) {
    cleat_model *model = NULL;
    test_ok(cleat_model_create(
        test_context(), graph, &(cleat_model_options){.no_fusion = !fuses}, &model));
    cleat_graph_release(graph);
    return model;
}

static cleat_tensor scalar(float value) {
    cleat_tensor t = {0};
    test_ok(cleat_tensor_create(test_context(), CLEAT_F32, 0, NULL, &t));
    test_ok(cleat_fill(test_context(), (double)value, t));
    return t;
}

static double *read_doubles(cleat_tensor x) {
    const int64_t count = cleat_tensor_count(&x);
    void *elements = test_alloc(count, cleat_type_size(x.type));
    test_ok(cleat_read(test_context(), x, elements, (size_t)count * cleat_type_size(x.type)));
    double *numbers = case_doubles(x.type, elements, count);
    free(elements);
    return numbers;
}

/* ---- A network of two layers ---- */

typedef struct two_layers {
    cleat_type type;
    double x[ROWS * INPUTS], w1[INPUTS * HIDDEN], b1[HIDDEN], w2[HIDDEN * CLASSES], b2[CLASSES];
    int32_t labels[ROWS];
} two_layers;

static void draw_numbers(int64_t count, double most, double *numbers) {
    for (int64_t i = 0; i < count; i++) {
        numbers[i] = (double)(float)test_real(-most, most);
    }
}

static two_layers draw_layers(cleat_type type) {
    two_layers t = {.type = type};
    draw_numbers(ROWS * INPUTS, 1, t.x);
    draw_numbers(INPUTS * HIDDEN, 1, t.w1);
    draw_numbers(HIDDEN, 0.5, t.b1);
    draw_numbers(HIDDEN * CLASSES, 1, t.w2);
    draw_numbers(CLASSES, 0.5, t.b2);
    for (int i = 0; i < ROWS; i++) {
        t.labels[i] = (int32_t)test_int(0, CLASSES - 1);
    }
    return t;
}

static void parameter(cleat_graph *graph, const char *name, cleat_type type, int32_t rank,
    const int64_t *shape, const double *numbers) {
    void *elements = case_elements(type, numbers, case_count(rank, shape));
    test_ok(cleat_graph_parameter(graph, name, type, rank, shape, elements));
    free(elements);
}

static const char *const names[] = {"w1", "b1", "w2", "b2"};

/* Inputs x, labels, rate; "loss". */
static cleat_graph *build_layers(const two_layers *t) {
    cleat_graph *graph = NULL;
    test_ok(cleat_graph_create(17, &graph));
    test_ok(cleat_graph_input(graph, "x", t->type, 2, (int64_t[]){-1, INPUTS}));
    test_ok(cleat_graph_input(graph, "labels", CLEAT_I32, 1, (int64_t[]){-1}));
    test_ok(cleat_graph_input(graph, "rate", CLEAT_F32, 0, NULL));
    parameter(graph, "w1", t->type, 2, (int64_t[]){INPUTS, HIDDEN}, t->w1);
    parameter(graph, "b1", t->type, 1, (int64_t[]){HIDDEN}, t->b1);
    parameter(graph, "w2", t->type, 2, (int64_t[]){HIDDEN, CLASSES}, t->w2);
    parameter(graph, "b2", t->type, 1, (int64_t[]){CLASSES}, t->b2);
    node(graph, "Gemm", "x", "w1", "b1", "h");
    node(graph, "Tanh", "h", NULL, NULL, "a");
    node(graph, "MatMul", "a", "w2", NULL, "p");
    node(graph, "Add", "p", "b2", NULL, "logits");
    node(graph, "SoftmaxCrossEntropyLoss", "logits", "labels", NULL, "loss");
    test_ok(cleat_graph_output(graph, "loss"));
    return graph;
}

static cleat_tensor feed(
    cleat_type type, int32_t rank, const int64_t *shape, const void *elements) {
    cleat_tensor t = {0};
    test_ok(cleat_tensor_create(test_context(), type, rank, shape, &t));
    test_ok(cleat_write(
        test_context(), t, elements, (size_t)cleat_tensor_count(&t) * cleat_type_size(type)));
    return t;
}

static void feed_layers(const two_layers *t, float rate, cleat_tensor inputs[3]) {
    void *x = case_elements(t->type, t->x, ROWS * INPUTS);
    inputs[0] = feed(t->type, 2, (int64_t[]){ROWS, INPUTS}, x);
    inputs[1] = feed(CLEAT_I32, 1, (int64_t[]){ROWS}, t->labels);
    inputs[2] = scalar(rate);
    free(x);
}

static void release(size_t count, cleat_tensor *tensors) {
    for (size_t i = 0; i < count; i++) {
        cleat_tensor_release(&tensors[i]);
    }
}

/* ---- Steps, beside the library's own ---- */

typedef enum { VALUE, FIRST, SECOND, KINDS } kind;

typedef struct shadow {
    cleat_tensor of[KINDS];
} shadow;

static void shadow_step(const cleat_train_options *options, shadow *s, cleat_tensor gradient,
    int64_t step, float rate) {
    switch (options->optimizer) {
    case CLEAT_OPTIMIZER_SGD:
        test_ok(cleat_sgd_step(
            test_context(), s->of[VALUE], gradient, &s->of[FIRST], rate, &options->sgd));
        break;
    case CLEAT_OPTIMIZER_ADAM:
        test_ok(cleat_adam_step(test_context(), s->of[VALUE], gradient, s->of[FIRST], s->of[SECOND],
            step, rate, &options->adam));
        break;
    default:
        test_ok(cleat_adamw_step(test_context(), s->of[VALUE], gradient, s->of[FIRST],
            s->of[SECOND], step, rate, &options->adam));
        break;
    }
}

/* Parameters agree but for `units` of a step's size, with each step's. */
static void compare_step(const shadow *s, cleat_tensor is, double bound, const char *name) {
    double *got = read_doubles(is), *want = read_doubles(s->of[VALUE]);
    for (int64_t i = 0; i < cleat_tensor_count(&is) && !test_ignores_values(); i++) {
        ck_assert_msg(fabs(got[i] - want[i]) <= bound * (1 + fabs(want[i])),
            "%s[%lld] is %.17g, not %.17g", name, (long long)i, got[i], want[i]);
    }
    free(got);
    free(want);
}

static const cleat_train_options optimizers[] = {
    {.optimizer = CLEAT_OPTIMIZER_SGD},
    {.optimizer = CLEAT_OPTIMIZER_SGD,
        .sgd = {.momentum = 0.9F, .weight_decay = 0.01F, .nesterov = true}},
    {.optimizer = CLEAT_OPTIMIZER_ADAM},
    {.optimizer = CLEAT_OPTIMIZER_ADAM,
        .adam = {.beta1 = 0.8F, .beta2 = 0.99F, .epsilon = 1e-6F, .weight_decay = 0.02F}},
    {.optimizer = CLEAT_OPTIMIZER_ADAMW, .adam = {.weight_decay = 0.1F}},
};

static void make_shadow(cleat_tensor like, shadow *s) {
    for (int i = 0; i < KINDS; i++) {
        s->of[i] = (cleat_tensor){0};
        test_ok(cleat_tensor_create(test_context(), like.type, like.rank, like.shape, &s->of[i]));
        test_ok(cleat_fill(test_context(), 0, s->of[i]));
    }
    test_ok(cleat_copy(test_context(), like, s->of[VALUE]));
}

/* Six steps with gradients that are outputs; the rate changes. Each is the library's step, SGD's
 * bit for bit; Adam's numbers may be off by some units, which a step multiplies by its own size. */
START_TEST(test_steps) {
    const cleat_train_options *options = &optimizers[_i];
    const two_layers t = draw_layers(test_has_f64() && test_coin() ? CLEAT_F64 : CLEAT_F32);
    const char *const gradients[] = {"dw1", "db1", "dw2", "db2"};
    const double u = t.type == CLEAT_F64 ? 0x1p-53 : 0x1p-24;
    cleat_graph *graph = build_layers(&t);
    test_ok(cleat_graph_gradients(graph, "loss", 4, names, gradients));
    for (int i = 0; i < 4; i++) {
        test_ok(cleat_graph_output(graph, gradients[i]));
    }
    test_ok(cleat_graph_update(graph, 4, names, gradients, "rate", options));
    cleat_model *model = make(graph, test_coin());
    cleat_tensor inputs[3], outputs[5] = {{0}}, value;
    shadow shadows[4];
    feed_layers(&t, 0, inputs);
    for (int i = 0; i < 4; i++) {
        test_ok(cleat_model_parameter(model, names[i], &value));
        make_shadow(value, &shadows[i]);
    }
    for (int step = 1; step <= 6; step++) {
        const float rate = 0.125F / (float)step;
        test_ok(cleat_fill(test_context(), (double)rate, inputs[2]));
        test_ok(cleat_model_run(model, inputs, 3, outputs, 5));
        for (int i = 0; i < 4; i++) {
            shadow_step(options, &shadows[i], outputs[i + 1], step, rate);
            test_ok(cleat_model_parameter(model, names[i], &value));
            compare_step(&shadows[i], value, _i < 2 ? 0 : 16 * step * u * 2, names[i]);
            test_ok(
                cleat_copy(test_context(), shadows[i].of[VALUE], value)); /* from the same place */
        }
    }
    for (int i = 0; i < 4; i++) {
        release(KINDS, shadows[i].of);
    }
    release(3, inputs);
    release(5, outputs);
    cleat_model_release(model);
}
END_TEST

/* ---- It learns, and is repeated ---- */

static double run_loss(cleat_model *model, const cleat_tensor *inputs, cleat_tensor *loss) {
    test_ok(cleat_model_run(model, inputs, 3, loss, 1));
    double *number = read_doubles(*loss), value = number[0];
    free(number);
    return value;
}

START_TEST(test_learns) {
    const two_layers t = draw_layers(CLEAT_F32);
    cleat_graph *graph = build_layers(&t);
    test_ok(cleat_graph_train(graph, "loss", "rate", &optimizers[_i]));
    cleat_model *model = make(graph, true);
    cleat_tensor inputs[3], loss = {0};
    cleat_model_statistics statistics;
    cleat_context_statistics before, after;
    feed_layers(&t, _i < 2 ? 0.25F : 0.05F, inputs);
    const double first = run_loss(model, inputs, &loss);
    for (int i = 0; i < 5; i++) {
        test_ok(cleat_model_run(model, inputs, 3, &loss, 1));
    }
    const size_t held = cleat_host_allocations();
    test_ok(cleat_context_get_statistics(test_context(), &before));
    for (int i = 0; i < 200; i++) {
        test_ok(cleat_model_run(model, inputs, 3, &loss, 1));
    }
    test_ok(cleat_context_get_statistics(test_context(), &after));
    ck_assert_uint_eq(cleat_host_allocations(), held);
    ck_assert_uint_eq(before.buffer_bytes, after.buffer_bytes);
    ck_assert_uint_eq(before.scratch_bytes, after.scratch_bytes);
    test_ok(cleat_model_get_statistics(model, &statistics));
    ck_assert_uint_eq(statistics.recordings, 1);
    ck_assert_uint_gt(statistics.launches, 10);
    ck_assert_uint_ge(statistics.weight_bytes, sizeof(float) * (INPUTS + 1) * HIDDEN);
    const double last = run_loss(model, inputs, &loss);
    if (!test_ignores_values()) { /* rows may be too like each other to be told apart */
        ck_assert_msg(last < first / 2, "the loss is %g, after %g", last, first);
    }
    release(3, inputs);
    cleat_tensor_release(&loss);
    cleat_model_release(model);
}
END_TEST

/* A run that is repeated is what one node by node is, bit for bit, fused or not but for rounding.
 */
START_TEST(test_repeats_the_same) {
    const two_layers t = draw_layers(CLEAT_F32);
    double losses[2][8];
    for (int which = 0; which < 2; which++) {
        cleat_graph *graph = build_layers(&t);
        cleat_model *model = NULL;
        cleat_tensor inputs[3], loss = {0};
        test_ok(cleat_graph_train(graph, "loss", "rate", NULL));
        test_ok(cleat_model_create(test_context(), graph,
            &(cleat_model_options){.recordings = which == 0 ? 0 : -1}, &model));
        cleat_graph_release(graph);
        feed_layers(&t, 0.05F, inputs);
        for (int i = 0; i < 8; i++) {
            losses[which][i] = run_loss(model, inputs, &loss);
        }
        release(3, inputs);
        cleat_tensor_release(&loss);
        cleat_model_release(model);
    }
    ck_assert_mem_eq(losses[0], losses[1], sizeof losses[0]);
}
END_TEST

/* ---- Parameters ---- */

/* Nodes read a parameter before it changes, an output is what it became; it can be written. */
START_TEST(test_assigned) {
    cleat_graph *graph = NULL;
    cleat_tensor x = scalar(3), outputs[2] = {{0}}, p;
    const float two = 2;
    test_ok(cleat_graph_create(17, &graph));
    test_ok(cleat_graph_input(graph, "x", CLEAT_F32, 0, NULL));
    test_ok(cleat_graph_parameter(graph, "p", CLEAT_F32, 0, NULL, &two));
    test_ok(cleat_graph_parameter(graph, "count", CLEAT_F32, 0, NULL, NULL));
    test_ok(cleat_graph_assign(graph, "p", "sum")); /* before there is such a value */
    test_ok(cleat_graph_constant(graph, "one", CLEAT_F32, 0, NULL, (float[]){1}));
    node(graph, "Add", "p", "x", NULL, "sum");
    node(graph, "Mul", "p", "p", NULL, "square");
    node(graph, "Add", "count", "one", NULL, "more");
    test_ok(cleat_graph_assign(graph, "count", "more"));
    test_ok(cleat_graph_output(graph, "square"));
    test_ok(cleat_graph_output(graph, "p"));
    cleat_model *model = make(graph, true);
    double value = 2;
    for (int i = 0; i < 5; i++) {
        test_ok(cleat_model_run(model, &x, 1, outputs, 2));
        double *square = read_doubles(outputs[0]), *after = read_doubles(outputs[1]);
        if (!test_ignores_values()) {
            ck_assert_double_eq(*square, value * value);
            ck_assert_double_eq(*after, value + 3);
        }
        free(square);
        free(after);
        value += 3;
        if (i == 3) {
            test_ok(cleat_model_parameter(model, "p", &p));
            test_ok(cleat_fill(test_context(), 1, p));
            value = 1;
        }
    }
    test_ok(cleat_model_parameter(model, "count", &p));
    double *count = read_doubles(p);
    ck_assert_double_eq(test_ignores_values() ? 5 : *count, 5);
    free(count);
    test_refused(cleat_model_parameter(model, "x", &p), CLEAT_INVALID_ARGUMENT,
        "model_parameter: there is no parameter x");
    cleat_tensor_release(&x);
    release(2, outputs);
    cleat_model_release(model);
}
END_TEST

/* Running statistics of a batch norm, and its network's parameters, in one step. */
START_TEST(test_batch_norm_learns) {
    enum { BATCH = 8, CHANNELS = 3 };
    const int64_t channels = CHANNELS, yes = 1;
    const float ones[CHANNELS] = {1, 1, 1};
    const cleat_attribute training = case_int("training_mode", &yes);
    cleat_graph *graph = NULL;
    test_ok(cleat_graph_create(17, &graph));
    test_ok(cleat_graph_input(graph, "x", CLEAT_F32, 2, (int64_t[]){-1, CHANNELS}));
    test_ok(cleat_graph_constant(graph, "rate", CLEAT_F32, 0, NULL, (float[]){0.1F}));
    test_ok(cleat_graph_parameter(graph, "scale", CLEAT_F32, 1, &channels, ones));
    test_ok(cleat_graph_parameter(graph, "bias", CLEAT_F32, 1, &channels, NULL));
    test_ok(cleat_graph_parameter(graph, "mean", CLEAT_F32, 1, &channels, NULL));
    test_ok(cleat_graph_parameter(graph, "variance", CLEAT_F32, 1, &channels, ones));
    test_ok(cleat_graph_node(graph, "BatchNormalization", "norm", 5,
        (const char *[]){"x", "scale", "bias", "mean", "variance"}, 3,
        (const char *[]){"y", "next mean", "next variance"}, 1, &training));
    node(graph, "Mul", "y", "y", NULL, "square");
    node(graph, "ReduceMean", "square", NULL, NULL, "loss");
    test_ok(cleat_graph_output(graph, "loss"));
    test_ok(cleat_graph_assign(graph, "mean", "next mean"));
    test_ok(cleat_graph_assign(graph, "variance", "next variance"));
    test_ok(cleat_graph_train(
        graph, "loss", "rate", &(cleat_train_options){.optimizer = CLEAT_OPTIMIZER_SGD}));
    cleat_model *model = make(graph, true);
    test_tensor x = test_input(2, (int64_t[]){BATCH, CHANNELS}, TEST_REAL, TEST_ROW_MAJOR);
    cleat_tensor loss = {0}, p;
    for (int i = 0; i < 60; i++) {
        test_ok(cleat_model_run(model, &x.view, 1, &loss, 1));
    }
    test_ok(cleat_model_parameter(model, "mean", &p));
    double *mean = read_doubles(p);
    test_ok(cleat_model_parameter(model, "scale", &p));
    double *scale = read_doubles(p);
    for (int k = 0; k < CHANNELS && !test_ignores_values(); k++) {
        double sum = 0;
        for (int i = 0; i < BATCH; i++) {
            sum += (double)x.data[i * CHANNELS + k] / BATCH;
        }
        ck_assert_double_eq_tol(mean[k], sum * (1 - pow(0.9, 60)), 1e-5);
        ck_assert_double_lt(fabs(scale[k]), 0.1); /* (1 - 0.1 * 2 / 3)^60 = 0.016 */
    }
    free(mean);
    free(scale);
    test_free(&x);
    cleat_tensor_release(&loss);
    cleat_model_release(model);
}
END_TEST

/* ---- A convolutional network, whose gradients go ways of their own behind relu and pool ---- */

static cleat_graph *build_images(const char *relu, const int8_t *w1, const int8_t *w2) {
    cleat_graph *graph = NULL;
    double numbers[4 * 4 * 9];
    const int64_t pads[] = {1, 1, 1, 1}, window[] = {2, 2};
    const cleat_attribute pad = case_ints("pads", 4, pads);
    const cleat_attribute pool[] = {
        case_ints("kernel_shape", 2, window), case_ints("strides", 2, window)};
    const cleat_attribute slope = case_float("alpha", (const float[]){0});
    test_ok(cleat_graph_create(17, &graph));
    test_ok(cleat_graph_input(graph, "x", CLEAT_F32, 4, (int64_t[]){-1, 2, 8, 8}));
    for (int i = 0; i < 4 * 4 * 9; i++) {
        numbers[i] = w1[i];
    }
    parameter(graph, "w1", CLEAT_F32, 4, (int64_t[]){4, 2, 3, 3}, numbers);
    parameter(graph, "b1", CLEAT_F32, 1, (int64_t[]){4}, numbers);
    for (int i = 0; i < 4 * 4 * 9; i++) {
        numbers[i] = w2[i];
    }
    parameter(graph, "w2", CLEAT_F32, 4, (int64_t[]){4, 4, 3, 3}, numbers);
    test_ok(cleat_graph_node(graph, "Conv", "c1", 3, (const char *[]){"x", "w1", "b1"}, 1,
        (const char *[]){"c1"}, 1, &pad));
    test_ok(cleat_graph_node(graph, relu, "r1", 1, (const char *[]){"c1"}, 1,
        (const char *[]){"r1"}, strcmp(relu, "Relu") != 0, &slope));
    test_ok(cleat_graph_node(
        graph, "MaxPool", "p1", 1, (const char *[]){"r1"}, 1, (const char *[]){"p1"}, 2, pool));
    test_ok(cleat_graph_node(
        graph, "Conv", "c2", 2, (const char *[]){"p1", "w2"}, 1, (const char *[]){"c2"}, 1, &pad));
    test_ok(cleat_graph_node(graph, relu, "r2", 1, (const char *[]){"c2"}, 1,
        (const char *[]){"r2"}, strcmp(relu, "Relu") != 0, &slope));
    test_ok(cleat_graph_node(
        graph, "MaxPool", "p2", 1, (const char *[]){"r2"}, 1, (const char *[]){"p2"}, 2, pool));
    node(graph, "ReduceSum", "p2", NULL, NULL, "loss");
    return graph;
}

/* Small integers: the same numbers whatever way they go. */
START_TEST(test_images) {
    static const char *const values[] = {"x", "w1", "b1", "w2"};
    static const char *const gradients[] = {"dx", "dw1", "db1", "dw2"};
    int8_t w[2][4 * 4 * 9];
    for (int i = 0; i < 4 * 4 * 9; i++) {
        w[0][i] = (int8_t)test_int(-2, 2);
        w[1][i] = (int8_t)test_int(-2, 2);
    }
    test_tensor x = test_input(4, (int64_t[]){2, 2, 8, 8}, TEST_EXACT, TEST_ROW_MAJOR);
    double *results[2][4];
    int64_t counts[4] = {0};
    for (int which = 0; which < 2; which++) {
        cleat_graph *graph = build_images(which == 0 ? "Relu" : "LeakyRelu", w[0], w[1]);
        cleat_tensor outputs[4] = {{0}};
        test_ok(cleat_graph_gradients(graph, "loss", 4, values, gradients));
        for (int i = 0; i < 4; i++) {
            test_ok(cleat_graph_output(graph, gradients[i]));
        }
        cleat_model *model = make(graph, true);
        for (int round = 0; round < 3; round++) {
            test_ok(cleat_model_run(model, &x.view, 1, outputs, 4));
        }
        for (int i = 0; i < 4; i++) {
            results[which][i] = read_doubles(outputs[i]);
            counts[i] = cleat_tensor_count(&outputs[i]);
        }
        release(4, outputs);
        cleat_model_release(model);
    }
    for (int i = 0; i < 4; i++) {
        double sum = 0;
        for (int64_t k = 0; k < counts[i] && !test_ignores_values(); k++) {
            ck_assert_msg(fabs(results[0][i][k] - results[1][i][k]) <= 0, "%s[%lld] is %g, not %g",
                gradients[i], (long long)k, results[0][i][k], results[1][i][k]);
            sum += fabs(results[0][i][k]);
        }
        ck_assert(sum > 0 || test_ignores_values());
        free(results[0][i]);
        free(results[1][i]);
    }
    test_free(&x);
}
END_TEST

/* ---- Values that several read, and drop-out ---- */

START_TEST(test_shared) {
    cleat_graph *graph = NULL;
    cleat_tensor x = scalar(0.5F), outputs[2] = {{0}};
    test_ok(cleat_graph_create(17, &graph));
    test_ok(cleat_graph_input(graph, "x", CLEAT_F32, 0, NULL));
    node(graph, "Mul", "x", "x", NULL, "square");
    node(graph, "Mul", "square", "x", NULL, "cube");
    node(graph, "Add", "cube", "square", NULL, "sum");
    node(graph, "Add", "sum", "x", NULL, "y"); /* x^3 + x^2 + x */
    test_ok(cleat_graph_gradients(
        graph, "y", 2, (const char *[]){"x", "square"}, (const char *[]){"dx", "dsquare"}));
    test_ok(cleat_graph_output(graph, "dx"));
    test_ok(cleat_graph_output(graph, "dsquare"));
    cleat_model *model = make(graph, test_coin());
    test_ok(cleat_model_run(model, &x, 1, outputs, 2));
    double *dx = read_doubles(outputs[0]), *dsquare = read_doubles(outputs[1]);
    if (!test_ignores_values()) {
        ck_assert_double_eq(*dx, 2.75);
        ck_assert_double_eq(*dsquare, 1.5);
    }
    free(dx);
    free(dsquare);
    cleat_tensor_release(&x);
    release(2, outputs);
    cleat_model_release(model);
}
END_TEST

/* What is dropped has no gradient, the rest that of its factor. */
START_TEST(test_dropout) {
    const int64_t shape[] = {40};
    const uint8_t yes = 1;
    const float ratio = 0.25F;
    cleat_graph *graph = NULL;
    cleat_tensor outputs[2] = {{0}};
    test_ok(cleat_graph_create(17, &graph));
    test_ok(cleat_graph_input(graph, "x", CLEAT_F32, 1, shape));
    test_ok(cleat_graph_constant(graph, "ratio", CLEAT_F32, 0, NULL, &ratio));
    test_ok(cleat_graph_constant(graph, "yes", CLEAT_BOOL, 0, NULL, &yes));
    node(graph, "Dropout", "x", "ratio", "yes", "y");
    test_ok(cleat_graph_gradients(graph, "y", 1, (const char *[]){"x"}, (const char *[]){"dx"}));
    test_ok(cleat_graph_output(graph, "y"));
    test_ok(cleat_graph_output(graph, "dx"));
    cleat_model *model = make(graph, true);
    float ones[40];
    for (int i = 0; i < 40; i++) {
        ones[i] = 1;
    }
    test_tensor x = test_input_from(1, shape, ones, TEST_ROW_MAJOR);
    for (int round = 0; round < 3; round++) {
        test_ok(cleat_model_run(model, &x.view, 1, outputs, 2));
        double *y = read_doubles(outputs[0]), *dx = read_doubles(outputs[1]);
        for (int i = 0; i < 40 && !test_ignores_values(); i++) {
            ck_assert_double_eq(dx[i], y[i]); /* x is 1 */
        }
        free(y);
        free(dx);
    }
    test_free(&x);
    release(2, outputs);
    cleat_model_release(model);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph training");
    test_add_loop(suite, "steps", test_steps, sizeof optimizers / sizeof *optimizers);
    test_add_loop(suite, "learns", test_learns, sizeof optimizers / sizeof *optimizers);
    test_add_case(suite, "repeats the same", test_repeats_the_same);
    test_add_case(suite, "assigned", test_assigned);
    test_add_case(suite, "batch norm learns", test_batch_norm_learns);
    test_add_case(suite, "images", test_images);
    test_add_case(suite, "shared", test_shared);
    test_add_case(suite, "dropout", test_dropout);
    return suite;
}
