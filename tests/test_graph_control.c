/* SPDX-License-Identifier: Apache-2.0 */
/* If, Loop, Scan, sequences and optionals. */
#include "harness.h"

enum { MOST_NAMES = 8, MOST_VALUES = 64 };

static cleat_graph *new_graph(int64_t opset) {
    cleat_graph *graph = NULL;
    test_ok(cleat_graph_create(opset, &graph));
    return graph;
}

/* Names between spaces; "-" is one that is left out. */
static size_t split_names(char *text, const char **names) {
    size_t count = 0;
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
        names[count++] = strcmp(word, "-") == 0 ? NULL : word;
    }
    return count;
}

static void add_with(cleat_graph *graph, const char *type, const char *inputs, const char *outputs,
    size_t attribute_count, const cleat_attribute *attributes) {
    char in[200], out[200];
    const char *from[MOST_NAMES], *to[MOST_NAMES];
    snprintf(in, sizeof in, "%s", inputs);
    snprintf(out, sizeof out, "%s", outputs);
    const size_t input_count = split_names(in, from), output_count = split_names(out, to);
    test_ok(cleat_graph_node(
        graph, type, "the node", input_count, from, output_count, to, attribute_count, attributes));
}

static void add(cleat_graph *graph, const char *type, const char *inputs, const char *outputs) {
    add_with(graph, type, inputs, outputs, 0, NULL);
}

static cleat_attribute of_graph(const char *name, cleat_graph *graph) {
    return (cleat_attribute){.name = name, .kind = CLEAT_ATTRIBUTE_GRAPH, .graph = graph};
}

static cleat_attribute of_ints(const char *name, size_t count, const int64_t *numbers) {
    return (cleat_attribute){
        .name = name, .kind = CLEAT_ATTRIBUTE_INTS, .count = count, .integers = numbers};
}

static cleat_attribute of_int(const char *name, const int64_t *number) {
    return (cleat_attribute){
        .name = name, .kind = CLEAT_ATTRIBUTE_INT, .count = 1, .integers = number};
}

static void inputs_of(cleat_graph *graph, const char *names) {
    char text[200];
    const char *list[MOST_NAMES];
    snprintf(text, sizeof text, "%s", names);
    const size_t count = split_names(text, list);
    for (size_t i = 0; i < count; i++) {
        test_ok(cleat_graph_input(graph, list[i], (cleat_type)0, -1, NULL));
    }
}

static void outputs_of(cleat_graph *graph, const char *names) {
    char text[200];
    const char *list[MOST_NAMES];
    snprintf(text, sizeof text, "%s", names);
    const size_t count = split_names(text, list);
    for (size_t i = 0; i < count; i++) {
        test_ok(cleat_graph_output(graph, list[i]));
    }
}

static void real(cleat_graph *graph, const char *name, float number) {
    test_ok(cleat_graph_constant(graph, name, CLEAT_F32, 0, NULL, &number));
}

static void whole(cleat_graph *graph, const char *name, int64_t number) {
    test_ok(cleat_graph_constant(graph, name, CLEAT_I64, 0, NULL, &number));
}

static cleat_model *model_of(cleat_graph *graph) {
    cleat_model *model = NULL;
    test_ok(cleat_model_create(test_context(), graph, NULL, &model));
    cleat_graph_release(graph);
    return model;
}

static cleat_tensor tensor_of(
    cleat_type type, int32_t rank, const int64_t *shape, const void *elements) {
    cleat_tensor x;
    test_ok(cleat_tensor_create(test_context(), type, rank, shape, &x));
    test_ok(cleat_write(
        test_context(), x, elements, (size_t)cleat_tensor_count(&x) * cleat_type_size(type)));
    return x;
}

static cleat_tensor vector_of(int64_t count, const float *numbers) {
    return tensor_of(CLEAT_F32, 1, &count, numbers);
}

/* The tensor, f32 or i64, has this shape and these elements; it is released. */
static void check(cleat_tensor *y, int32_t rank, const int64_t *shape, const double *want) {
    float reals[MOST_VALUES];
    int64_t wholes[MOST_VALUES];
    ck_assert_int_eq(y->rank, rank);
    for (int32_t i = 0; i < rank; i++) {
        ck_assert_int_eq(y->shape[i], shape[i]);
    }
    const int64_t count = cleat_tensor_count(y);
    const bool is_whole = y->type == CLEAT_I64;
    ck_assert(is_whole || y->type == CLEAT_F32);
    test_ok(cleat_read(test_context(), *y, is_whole ? (void *)wholes : (void *)reals,
        (size_t)count * cleat_type_size(y->type)));
    for (int64_t i = 0; i < count; i++) {
        ck_assert_double_eq(is_whole ? (double)wholes[i] : (double)reals[i], want[i]);
    }
    cleat_tensor_release(y);
}

/* ---- If ---- */

/* Branches that read values around them, one of them two graphs further out. */
START_TEST(branches) {
    cleat_graph *graph = new_graph(17), *yes = new_graph(17), *no = new_graph(17);
    cleat_graph *deep = new_graph(17), *deeper = new_graph(17);
    inputs_of(graph, "first second x");
    add(graph, "Add", "x x", "twice");
    add(yes, "Add", "twice x", "thrice");
    outputs_of(yes, "thrice x");
    add(deep, "Mul", "twice twice", "square");
    outputs_of(deep, "square");
    add(deeper, "Identity", "inner", "same");
    outputs_of(deeper, "same");
    add(no, "Neg", "twice", "inner");
    add_with(no, "If", "second", "chosen", 2,
        (cleat_attribute[]){of_graph("then_branch", deep), of_graph("else_branch", deeper)});
    outputs_of(no, "chosen twice");
    add_with(graph, "If", "first", "y z", 2,
        (cleat_attribute[]){of_graph("then_branch", yes), of_graph("else_branch", no)});
    outputs_of(graph, "y z");
    cleat_model *model = model_of(graph);
    const float numbers[] = {1, -2, 5};
    for (int round = 0; round < 8; round++) {
        const unsigned char first = round & 1, second = round >> 1 & 1;
        cleat_tensor x[3] = {tensor_of(CLEAT_BOOL, 0, NULL, &first),
            tensor_of(CLEAT_BOOL, 0, NULL, &second), vector_of(3, numbers)};
        cleat_tensor y[2] = {{0}};
        test_ok(cleat_model_run(model, x, 3, y, 2));
        double want[2][3];
        for (int i = 0; i < 3; i++) {
            const double n = (double)numbers[i];
            want[0][i] = first ? 3 * n : second ? 4 * n * n : -2 * n;
            want[1][i] = first ? n : 2 * n;
        }
        check(&y[0], 1, (int64_t[]){3}, want[0]);
        check(&y[1], 1, (int64_t[]){3}, want[1]);
        for (int i = 0; i < 3; i++) {
            cleat_tensor_release(&x[i]);
        }
    }
    cleat_model_release(model);
}
END_TEST

/* ---- Loop ---- */

/* s = s * k + x, with x of the graph around; s before and the round are collected. */
static cleat_graph *loop_body(const char *condition_type, const char *condition_inputs) {
    cleat_graph *body = new_graph(17);
    inputs_of(body, "round go s");
    add(body, "Mul", "s k", "grown");
    add(body, "Add", "grown x", "next");
    add(body, condition_type, condition_inputs, "on");
    add(body, "Identity", "s", "before");
    outputs_of(body, "on next before round");
    return body;
}

static cleat_model *loop_model(const char *inputs, cleat_graph *body) {
    cleat_graph *graph = new_graph(17);
    inputs_of(graph, "x start");
    real(graph, "k", 2);
    real(graph, "limit", 100);
    whole(graph, "five", 5);
    whole(graph, "none", 0);
    add_with(
        graph, "Loop", inputs, "end all rounds", 1, (cleat_attribute[]){of_graph("body", body)});
    outputs_of(graph, "end all rounds");
    return model_of(graph);
}

/* So many rounds with two numbers. */
static void check_loop(cleat_model *model, int rounds, float x0, float x1) {
    cleat_tensor x[2] = {vector_of(2, (float[]){x0, x1}), vector_of(2, (float[]){1, x1})};
    cleat_tensor y[3] = {{0}};
    double s[2] = {1, (double)x1}, all[MOST_VALUES] = {0}, numbers[MOST_VALUES] = {0};
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < 2; i++) {
            all[2 * round + i] = s[i];
            s[i] = 2 * s[i] + (double)(i == 0 ? x0 : x1);
        }
        numbers[round] = round;
    }
    test_ok(cleat_model_run(model, x, 2, y, 3));
    check(&y[0], 1, (int64_t[]){2}, s);
    check(&y[1], 2, (int64_t[]){rounds, 2}, all);
    check(&y[2], 1, (int64_t[]){rounds}, numbers);
    cleat_tensor_release(&x[0]);
    cleat_tensor_release(&x[1]);
}

/* A number of rounds that is known; several runs, so that they are repeated. What the body says of
 * the condition does not count. */
START_TEST(loops_so_often) {
    cleat_model *model = loop_model("five - start", loop_body("Not", "go"));
    for (int run = 0; run < 5; run++) {
        check_loop(model, 5, (float)run, (float)(run - 3));
    }
    cleat_model_release(model);
}
END_TEST

/* Ended by a condition that the device finds; also before the number of rounds is reached. */
START_TEST(loops_until) {
    cleat_graph *body = new_graph(17);
    inputs_of(body, "round go s");
    add(body, "Mul", "s k", "grown");
    add(body, "Add", "grown x", "next");
    add_with(body, "ReduceMax", "next", "largest", 1,
        (cleat_attribute[]){of_int("keepdims", &(int64_t){0})});
    add(body, "Less", "largest limit", "on");
    outputs_of(body, "on next s round");
    cleat_graph *graph = new_graph(17);
    inputs_of(graph, "x start");
    real(graph, "k", 2);
    real(graph, "limit", 100);
    whole(graph, "many", 1000);
    test_ok(cleat_graph_constant(graph, "true", CLEAT_BOOL, 0, NULL, &(unsigned char){1}));
    add_with(graph, "Loop", "many true start", "end all rounds", 1,
        (cleat_attribute[]){of_graph("body", body)});
    outputs_of(graph, "end all rounds");
    cleat_model *model = model_of(graph);
    /* 1 becomes 3, 7, 15, 31, 63, 127 with x 1; 12, 34, 78, 166 with 10 */
    check_loop(model, 6, 1, -1);
    check_loop(model, 4, 10, -1);
    cleat_model_release(model);
}
END_TEST

/* No round at all, by its number or by the condition: what is collected has a type and a shape. */
START_TEST(loops_never) {
    cleat_model *model = loop_model("none - start", loop_body("Identity", "go"));
    check_loop(model, 0, 3, 4);
    check_loop(model, 0, 3, 4);
    cleat_model_release(model);
    cleat_graph *graph = new_graph(13);
    cleat_graph *body = loop_body("Identity", "go");
    inputs_of(graph, "x go0 start");
    real(graph, "k", 2);
    add_with(graph, "Loop", "- go0 start", "end all rounds", 1,
        (cleat_attribute[]){of_graph("body", body)});
    outputs_of(graph, "all end");
    model = model_of(graph);
    cleat_tensor x[3] = {vector_of(1, (float[]){3}),
        tensor_of(CLEAT_BOOL, 1, (int64_t[]){1}, &(unsigned char){0}),
        vector_of(2, (float[]){5, 6})};
    cleat_tensor y[2] = {{0}};
    test_ok(cleat_model_run(model, x, 3, y, 2));
    check(&y[0], 2, (int64_t[]){0, 2}, NULL);
    check(&y[1], 1, (int64_t[]){2}, (double[]){5, 6});
    for (int i = 0; i < 3; i++) {
        cleat_tensor_release(&x[i]);
    }
    cleat_model_release(model);
}
END_TEST

/* ---- Scan ---- */

static cleat_graph *sum_body(void) {
    cleat_graph *body = new_graph(9);
    inputs_of(body, "sum part");
    add(body, "Add", "sum part", "next");
    add(body, "Identity", "next", "kept");
    outputs_of(body, "next kept");
    return body;
}

/* Sums along an axis from either end, collected along an axis from either end. */
static void check_scan(
    int64_t length, int64_t in_axis, int64_t back, int64_t out_axis, int64_t last) {
    const int64_t shape[] = {in_axis == 0 ? length : 3, in_axis == 0 ? 3 : length}, given = 1;
    cleat_graph *graph = new_graph(9);
    inputs_of(graph, "start x");
    add_with(graph, "Scan", "start x", "end all", 6,
        (cleat_attribute[]){of_graph("body", sum_body()), of_int("num_scan_inputs", &given),
            of_ints("scan_input_axes", 1, &in_axis), of_ints("scan_input_directions", 1, &back),
            of_ints("scan_output_axes", 1, &out_axis),
            of_ints("scan_output_directions", 1, &last)});
    outputs_of(graph, "end all");
    cleat_model *model = model_of(graph);
    float numbers[MOST_VALUES];
    double sums[3] = {1, 2, 3}, all[MOST_VALUES] = {0};
    for (int64_t i = 0; i < 3 * length; i++) {
        numbers[i] = (float)test_int(-9, 9);
    }
    for (int64_t round = 0; round < length; round++) {
        const int64_t at = back ? length - 1 - round : round,
                      to = last ? length - 1 - round : round;
        for (int64_t i = 0; i < 3; i++) {
            sums[i] += (double)numbers[in_axis == 0 ? 3 * at + i : length * i + at];
            all[out_axis == 0 ? 3 * to + i : length * i + to] = sums[i];
        }
    }
    cleat_tensor x[2] = {vector_of(3, (float[]){1, 2, 3}), tensor_of(CLEAT_F32, 2, shape, numbers)};
    cleat_tensor y[2] = {{0}};
    test_ok(cleat_model_run(model, x, 2, y, 2));
    check(&y[0], 1, (int64_t[]){3}, sums);
    check(&y[1], 2,
        (int64_t[]){
            out_axis == 0 || length == 0 ? length : 3, out_axis == 0 || length == 0 ? 3 : length},
        all);
    cleat_tensor_release(&x[0]);
    cleat_tensor_release(&x[1]);
    cleat_model_release(model);
}

START_TEST(scans) {
    check_scan(5, 0, 0, 0, 0);
    check_scan(4, 1, 1, 0, 0);
    check_scan(4, 0, 0, -1, 1);
    check_scan(0, 0, 0, 0, 0);
}
END_TEST

/* Opset 8: a batch of two, of lengths 3 and 1 where they are given. */
START_TEST(scans_of_a_batch) {
    const float numbers[] = {1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60}, starts[] = {0, 0, 100, 200};
    const double ends[2][4] = {{9, 12, 190, 320}, {9, 12, 110, 220}};
    const double all[2][12] = {{1, 2, 4, 6, 9, 12, 110, 220, 140, 260, 190, 320},
        {1, 2, 4, 6, 9, 12, 110, 220, 0, 0, 0, 0}};
    for (int given = 0; given < 2; given++) {
        cleat_graph *graph = new_graph(8);
        inputs_of(graph, "lengths start x");
        add_with(graph, "Scan", given ? "lengths start x" : "- start x", "end all", 2,
            (cleat_attribute[]){
                of_graph("body", sum_body()), of_int("num_scan_inputs", &(int64_t){1})});
        outputs_of(graph, "end all");
        cleat_model *model = model_of(graph);
        cleat_tensor x[3] = {tensor_of(CLEAT_I64, 1, (int64_t[]){2}, (int64_t[]){3, 1}),
            tensor_of(CLEAT_F32, 2, (int64_t[]){2, 2}, starts),
            tensor_of(CLEAT_F32, 3, (int64_t[]){2, 3, 2}, numbers)};
        cleat_tensor y[2] = {{0}};
        test_ok(cleat_model_run(model, x, 3, y, 2));
        check(&y[0], 2, (int64_t[]){2, 2}, ends[given]);
        check(&y[1], 3, (int64_t[]){2, 3, 2}, all[given]);
        for (int i = 0; i < 3; i++) {
            cleat_tensor_release(&x[i]);
        }
        cleat_model_release(model);
    }
}
END_TEST

/* ---- Sequences ---- */

/* Made, put into, taken from, and joined again; on the device, and of constants on the host. */
START_TEST(sequences) {
    for (int on_host = 0; on_host < 2; on_host++) {
        const float a[] = {1, 2}, b[] = {3, 4}, d[] = {5, 6};
        const int64_t two = 2;
        cleat_graph *graph = new_graph(12);
        if (on_host) {
            test_ok(cleat_graph_constant(graph, "a", CLEAT_F32, 1, &two, a));
            test_ok(cleat_graph_constant(graph, "b", CLEAT_F32, 1, &two, b));
            test_ok(cleat_graph_constant(graph, "d", CLEAT_F32, 1, &two, d));
        } else {
            inputs_of(graph, "a b d");
        }
        whole(graph, "0", 0);
        whole(graph, "-1", -1);
        whole(graph, "2", 2);
        add(graph, "SequenceEmpty", "", "nothing");
        add(graph, "SequenceInsert", "nothing a", "one");
        add(graph, "SequenceInsert", "one b 0", "ba");
        add(graph, "SequenceInsert", "ba d -1", "bda");
        add(graph, "SequenceInsert", "bda d 2", "bdda");
        add(graph, "SequenceErase", "bdda 2", "bda2");
        add(graph, "SequenceErase", "bda2", "bd");
        add(graph, "SequenceAt", "bda -1", "last");
        add(graph, "SequenceLength", "bdda", "length");
        add_with(graph, "ConcatFromSequence", "bda2", "row", 1,
            (cleat_attribute[]){of_int("axis", &(int64_t){0})});
        add_with(graph, "ConcatFromSequence", "bd", "columns", 2,
            (cleat_attribute[]){of_int("axis", &(int64_t){-1}), of_int("new_axis", &(int64_t){1})});
        outputs_of(graph, "last length row columns");
        cleat_model *model = model_of(graph);
        cleat_tensor x[3] = {vector_of(2, a), vector_of(2, b), vector_of(2, d)};
        for (int run = 0; run < 3; run++) {
            cleat_tensor y[4] = {{0}};
            test_ok(cleat_model_run(model, on_host ? NULL : x, on_host ? 0 : 3, y, 4));
            check(&y[0], 1, (int64_t[]){2}, (double[]){1, 2});
            check(&y[1], 0, NULL, (double[]){4});
            check(&y[2], 1, (int64_t[]){6}, (double[]){3, 4, 5, 6, 1, 2});
            check(&y[3], 2, (int64_t[]){2, 2}, (double[]){3, 5, 4, 6});
        }
        for (int i = 0; i < 3; i++) {
            cleat_tensor_release(&x[i]);
        }
        cleat_model_release(model);
    }
}
END_TEST

/* Parts of one size, of given sizes, and without their axis; then each is worked on. */
START_TEST(splits_and_maps) {
    const float numbers[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    cleat_graph *graph = new_graph(17), *body = new_graph(17);
    inputs_of(graph, "x");
    whole(graph, "2", 2);
    whole(graph, "1", 1);
    test_ok(
        cleat_graph_constant(graph, "sizes", CLEAT_I64, 1, (int64_t[]){3}, (int64_t[]){1, 0, 4}));
    inputs_of(body, "item other");
    add(body, "Add", "item other", "sum");
    add(body, "Add", "sum y", "more");
    outputs_of(body, "more sum");
    add_with(graph, "SplitToSequence", "x 2", "pairs", 1,
        (cleat_attribute[]){of_int("axis", &(int64_t){1})});
    add_with(graph, "SplitToSequence", "x sizes", "parts", 1,
        (cleat_attribute[]){of_int("axis", &(int64_t){-1})});
    add_with(graph, "SplitToSequence", "x", "rows", 1,
        (cleat_attribute[]){of_int("keepdims", &(int64_t){0})});
    add(graph, "SequenceAt", "pairs 2", "y");
    add(graph, "SequenceAt", "parts 2", "z");
    add(graph, "SequenceAt", "rows 1", "row");
    add_with(graph, "SequenceMap", "pairs pairs", "mapped doubled", 1,
        (cleat_attribute[]){of_graph("body", body)});
    add_with(graph, "ConcatFromSequence", "mapped", "joined", 1,
        (cleat_attribute[]){of_int("axis", &(int64_t){1})});
    add_with(graph, "ConcatFromSequence", "doubled", "twice", 1,
        (cleat_attribute[]){of_int("axis", &(int64_t){1})});
    outputs_of(graph, "y z row joined twice");
    cleat_model *model = model_of(graph);
    cleat_tensor x = tensor_of(CLEAT_F32, 2, (int64_t[]){2, 5}, numbers), y[5] = {{0}};
    test_ok(cleat_model_run(model, &x, 1, y, 5));
    check(&y[0], 2, (int64_t[]){2, 1}, (double[]){5, 10});
    check(&y[1], 2, (int64_t[]){2, 4}, (double[]){2, 3, 4, 5, 7, 8, 9, 10});
    check(&y[2], 1, (int64_t[]){5}, (double[]){6, 7, 8, 9, 10});
    check(&y[3], 2, (int64_t[]){2, 5}, (double[]){7, 9, 11, 13, 15, 22, 24, 26, 28, 30});
    check(&y[4], 2, (int64_t[]){2, 5}, (double[]){2, 4, 6, 8, 10, 12, 14, 16, 18, 20});
    cleat_tensor_release(&x);
    cleat_model_release(model);
}
END_TEST

/* A sequence that a loop fills, and an optional that may be none. */
START_TEST(sequences_through_loops) {
    cleat_graph *graph = new_graph(16), *body = new_graph(16);
    cleat_graph *some = new_graph(16), *none = new_graph(16);
    inputs_of(graph, "x n want");
    inputs_of(body, "round go list");
    add(body, "SequenceInsert", "list round", "longer");
    outputs_of(body, "go longer");
    add(graph, "SequenceEmpty", "", "nothing");
    add_with(graph, "Loop", "n - nothing", "list", 1, (cleat_attribute[]){of_graph("body", body)});
    add_with(graph, "ConcatFromSequence", "list", "numbers", 2,
        (cleat_attribute[]){of_int("axis", &(int64_t){0}), of_int("new_axis", &(int64_t){1})});
    add(some, "Optional", "x", "it");
    outputs_of(some, "it");
    add(none, "Optional", "", "it");
    outputs_of(none, "it");
    add_with(graph, "If", "want", "maybe", 2,
        (cleat_attribute[]){of_graph("then_branch", some), of_graph("else_branch", none)});
    add(graph, "Identity", "maybe", "same");
    add(graph, "OptionalHasElement", "same", "has");
    add_with(graph, "Cast", "has", "has1", 1, (cleat_attribute[]){of_int("to", &(int64_t){7})});
    cleat_graph *get = new_graph(16), *leave = new_graph(16);
    add(get, "OptionalGetElement", "same", "got");
    outputs_of(get, "got");
    add(leave, "Neg", "x", "minus");
    outputs_of(leave, "minus");
    add_with(graph, "If", "has", "y", 2,
        (cleat_attribute[]){of_graph("then_branch", get), of_graph("else_branch", leave)});
    outputs_of(graph, "numbers has1 y");
    cleat_model *model = model_of(graph);
    for (int wanted = 0; wanted < 2; wanted++) {
        cleat_tensor x[3] = {vector_of(2, (float[]){7, 8}),
            tensor_of(CLEAT_I64, 0, NULL, &(int64_t){3}),
            tensor_of(CLEAT_BOOL, 0, NULL, &(unsigned char){(unsigned char)wanted})};
        cleat_tensor y[3] = {{0}};
        test_ok(cleat_model_run(model, x, 3, y, 3));
        check(&y[0], 1, (int64_t[]){3}, (double[]){0, 1, 2});
        check(&y[1], 0, NULL, (double[]){wanted});
        check(&y[2], 1, (int64_t[]){2}, wanted ? (double[]){7, 8} : (double[]){-7, -8});
        for (int i = 0; i < 3; i++) {
            cleat_tensor_release(&x[i]);
        }
    }
    cleat_model_release(model);
}
END_TEST

/* ---- Refusals ---- */

/* The model, where it needs no input, or its run is refused; x is f32 [2], n i64 3. */
static void check_refused(cleat_graph *graph, cleat_status status, const char *part) {
    cleat_model *model = NULL;
    const cleat_status made = cleat_model_create(test_context(), graph, NULL, &model);
    cleat_graph_release(graph);
    cleat_tensor x[2] = {
        vector_of(2, (float[]){1, 2}), tensor_of(CLEAT_I64, 0, NULL, &(int64_t){3})};
    cleat_tensor y = {0};
    test_refused(made != CLEAT_OK ? made : cleat_model_run(model, x, 2, &y, 1), status, part);
    ck_assert_ptr_null(y.buffer);
    cleat_tensor_release(&x[0]);
    cleat_tensor_release(&x[1]);
    cleat_model_release(model);
}

static cleat_graph *refused_graph(void) {
    cleat_graph *graph = new_graph(16);
    inputs_of(graph, "x n");
    add(graph, "SequenceConstruct", "x x", "list");
    add(graph, "SequenceEmpty", "", "nothing");
    return graph;
}

static void check_refused_node(
    const char *type, const char *inputs, cleat_status status, const char *part) {
    cleat_graph *graph = refused_graph();
    add_with(graph, type, inputs, "y", 1, (cleat_attribute[]){of_int("axis", &(int64_t){0})});
    outputs_of(graph, "y");
    check_refused(graph, status, part);
}

START_TEST(refusals) {
    check_refused_node("SequenceAt", "list n", CLEAT_INVALID_ARGUMENT, "place 3 of 2");
    check_refused_node("SequenceErase", "nothing", CLEAT_INVALID_ARGUMENT, "is empty");
    check_refused_node("SequenceInsert", "list x n", CLEAT_INVALID_ARGUMENT, "place 3 of 2");
    check_refused_node("SequenceInsert", "list n", CLEAT_TYPE_MISMATCH, "i64 into a sequence");
    check_refused_node("SequenceConstruct", "x n", CLEAT_TYPE_MISMATCH, "input 1 is of type i64");
    check_refused_node("SequenceLength", "x", CLEAT_TYPE_MISMATCH, "no sequence");
    check_refused_node("Neg", "list", CLEAT_TYPE_MISMATCH, "no tensor");
    check_refused_node("ConcatFromSequence", "nothing", CLEAT_UNSUPPORTED, "0 items");
    check_refused_node("SplitToSequence", "x x", CLEAT_TYPE_MISMATCH, "split is of type f32");
    check_refused_node("Identity", "list", CLEAT_UNSUPPORTED, "a sequence");
    cleat_graph *graph = refused_graph(), *body = new_graph(16);
    inputs_of(body, "round go");
    outputs_of(body, "go");
    add_with(graph, "Loop", "- -", "", 1, (cleat_attribute[]){of_graph("body", body)});
    outputs_of(graph, "x");
    check_refused(graph, CLEAT_UNSUPPORTED, "ends it");
    graph = refused_graph();
    body = new_graph(16);
    inputs_of(body, "round go");
    outputs_of(body, "go");
    add_with(graph, "Loop", "n - x", "y", 1, (cleat_attribute[]){of_graph("body", body)});
    outputs_of(graph, "y");
    check_refused(graph, CLEAT_INVALID_ARGUMENT, "the body has 2 inputs");
    graph = refused_graph();
    add(graph, "If", "x", "y");
    outputs_of(graph, "y");
    check_refused(graph, CLEAT_TYPE_MISMATCH, "the condition has 2 elements");
    graph = refused_graph();
    add_with(graph, "Scan", "x", "y", 2,
        (cleat_attribute[]){
            of_graph("body", sum_body()), of_int("num_scan_inputs", &(int64_t){2})});
    outputs_of(graph, "y");
    check_refused(graph, CLEAT_UNSUPPORTED, "2 scan inputs");
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph_control");
    test_add_case(suite, "if", branches);
    TCase *loops = test_case(suite, "loop");
    tcase_add_test(loops, loops_so_often);
    tcase_add_test(loops, loops_until);
    tcase_add_test(loops, loops_never);
    TCase *scan = test_case(suite, "scan");
    tcase_add_test(scan, scans);
    tcase_add_test(scan, scans_of_a_batch);
    TCase *lists = test_case(suite, "sequences");
    tcase_add_test(lists, sequences);
    tcase_add_test(lists, splits_and_maps);
    tcase_add_test(lists, sequences_through_loops);
    test_add_case(suite, "refusals", refusals);
    return suite;
}
