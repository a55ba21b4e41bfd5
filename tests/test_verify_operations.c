/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations whose first variant on this device is broken on purpose: the next one is taken, and
 * said so. Each is called on a problem whose result is known without computing. And the same with
 * kernels as they are: nothing is found wrong, however many verdicts there are.
 */
#include "harness_spoilt.h"

static cleat_context *context; /* of the test that runs */

/* ---- Tensors of a call, all released at its end ---- */

enum { MOST = 12 };
static cleat_tensor lent[MOST];
static int lent_count;

static cleat_tensor tensor(int32_t rank, const int64_t *shape, float value) {
    cleat_tensor *x = &lent[lent_count++];
    test_ok(cleat_tensor_create(context, CLEAT_F32, rank, shape, x));
    test_ok(cleat_fill(context, (double)value, *x));
    return *x;
}

#define TENSOR(value, ...)                                                                         \
    tensor((int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                          \
        (const int64_t[]){__VA_ARGS__}, value)

static void write_ramp(cleat_tensor x) {
    const int64_t count = cleat_tensor_count(&x);
    float *values = test_alloc(count, sizeof *values);
    for (int64_t i = 0; i < count; i++) {
        values[i] = (float)i;
    }
    test_ok(cleat_write(context, x, values, (size_t)count * sizeof *values));
    free(values);
}

static float *values_of(cleat_tensor x) {
    const int64_t count = cleat_tensor_count(&x);
    float *values = test_alloc(count, sizeof *values);
    test_ok(cleat_read(context, x, values, (size_t)count * sizeof *values));
    return values;
}

/* Whether elements first, first + step, ... are all `want`, nearly. */
static bool are_all(cleat_tensor x, int64_t first, int64_t step, double want) {
    float *values = values_of(x);
    bool right = true;
    for (int64_t i = first; i < cleat_tensor_count(&x); i += step) {
        right = right && fabs((double)values[i] - want) <= 1e-5 * fmax(1, fabs(want));
    }
    free(values);
    return right;
}

static bool sums_to(cleat_tensor x, double want) {
    float *values = values_of(x);
    double sum = 0;
    for (int64_t i = 0; i < cleat_tensor_count(&x); i++) {
        sum += (double)values[i];
    }
    free(values);
    return fabs(sum - want) <= 1e-4 * fmax(1, fabs(want));
}

/* ---- Calls: whether the result is right ---- */

/* Two heads of queries of zero share one of keys: all keys count alike. v of key s is s. */
typedef struct attended {
    cleat_tensor q, k, v, y, lse;
} attended;

static attended attend(int64_t queries, int64_t keys) {
    const attended a = {TENSOR(0, 1, 2, queries, 8), TENSOR(1, 1, 1, keys, 8),
        TENSOR(0, 1, 1, keys, 1), TENSOR(-1, 1, 2, queries, 1), TENSOR(-1, 1, 2, queries)};
    write_ramp(a.v);
    test_ok(cleat_attention(context, a.q, a.k, a.v, a.y, &a.lse, NULL));
    return a;
}

static bool attention(void) {
    const attended a = attend(9, 11);
    return are_all(a.y, 0, 1, 5) && are_all(a.lse, 0, 1, log(11));
}

static bool attention_of_one(void) {
    return are_all(attend(1, 201).y, 0, 1, 100);
}

static bool attention_backward(void) {
    const attended a = attend(9, 11);
    cleat_tensor dy = TENSOR(1, 1, 2, 9, 1), dq = TENSOR(-1, 1, 2, 9, 8);
    cleat_tensor dk = TENSOR(-1, 1, 1, 11, 8), dv = TENSOR(-1, 1, 1, 11, 1);
    test_ok(cleat_attention_backward(context, a.q, a.k, a.v, a.y, a.lse, dy, dq, dk, dv, NULL));
    return are_all(dv, 0, 1, 18.0 / 11) && are_all(dk, 0, 1, 0) && are_all(dq, 0, 1, 0);
}

static bool rotary(void) {
    cleat_tensor x = TENSOR(1, 1, 32), y = TENSOR(-1, 1, 32);
    test_ok(cleat_rotary(context, x, y, &(cleat_rotary_options){.first_position = 1}));
    return are_all(y, 0, 32, cos(1) - sin(1)) && are_all(y, 16, 32, cos(1) + sin(1));
}

/* Rows of numbers side by side: of any, what comes out has a mean of 0 and a variance of 1. */
static bool layer_norm(void) {
    cleat_tensor x = TENSOR(0, 24, 70), y = TENSOR(-1, 24, 70);
    write_ramp(x);
    test_ok(cleat_layer_norm(context, x, 1, y, NULL));
    float *values = values_of(y);
    double squares = 0;
    for (int i = 0; i < 24 * 70; i++) {
        squares += (double)values[i] * (double)values[i] / 24 / 70;
    }
    free(values);
    return sums_to(y, 0) && fabs(squares - 1) < 1e-4;
}

/* What comes out does not change with the size of x: along what comes out the gradient is none. */
static bool layer_norm_backward(void) {
    enum { ROWS = 24, LENGTH = 70 };
    cleat_tensor x = TENSOR(0, ROWS, LENGTH), dy = TENSOR(0, ROWS, LENGTH);
    cleat_tensor dx = TENSOR(-1, ROWS, LENGTH), mean = TENSOR(0, ROWS), scale = TENSOR(1, LENGTH);
    const double deviation = sqrt((LENGTH * LENGTH - 1) / 12.0);
    cleat_tensor inverse = TENSOR((float)(1 / deviation), ROWS);
    float means[ROWS], values[ROWS * LENGTH];
    write_ramp(x);
    for (int i = 0; i < ROWS * LENGTH; i++) {
        means[i / LENGTH] = (float)(i / LENGTH * LENGTH) + (LENGTH - 1) / 2.0F;
        values[i] = (float)(((double)i - (double)means[i / LENGTH]) / deviation);
    }
    test_ok(cleat_write(context, mean, means, sizeof means));
    test_ok(cleat_write(context, dy, values, sizeof values));
    test_ok(cleat_layer_norm_backward(context, x, &scale, mean, inverse, dy, 1, &dx, NULL, NULL));
    return are_all(dx, 0, 1, 0);
}

static bool response_norm(void) {
    const cleat_local_response_norm_options options = {.alpha = 1};
    cleat_tensor x = TENSOR(1, 1, 3, 40), y = TENSOR(-1, 1, 3, 40);
    test_ok(cleat_local_response_norm(context, x, 1, y, &options));
    return are_all(y, 0, 1, pow(2, -0.75));
}

static bool response_norm_backward(void) {
    const cleat_local_response_norm_options options = {.alpha = 1};
    cleat_tensor x = TENSOR(1, 1, 3, 40), dy = TENSOR(1, 1, 3, 40), dx = TENSOR(-1, 1, 3, 40);
    test_ok(cleat_local_response_norm_backward(context, x, 1, dy, dx, &options));
    return are_all(dx, 0, 1, pow(2, -0.75) - 1.5 * pow(2, -1.75));
}

enum { CLASSES = 20, SAMPLES = 8 };

/* Labels, or indices: all 0. */
static cleat_tensor make_labels(void) {
    cleat_tensor *labels = &lent[lent_count++];
    test_ok(cleat_tensor_create(context, CLEAT_I32, 1, (const int64_t[]){SAMPLES}, labels));
    test_ok(cleat_fill(context, 0, *labels));
    return *labels;
}

static bool cross_entropy(void) {
    cleat_tensor logits = TENSOR(0, SAMPLES, CLASSES), loss = TENSOR(-1, SAMPLES);
    const cleat_cross_entropy_options options = {.reduction = CLEAT_LOSS_NONE};
    test_ok(cleat_softmax_cross_entropy(context, logits, make_labels(), loss, &options));
    return are_all(loss, 0, 1, log(CLASSES));
}

static bool cross_entropy_backward(void) {
    cleat_tensor logits = TENSOR(0, SAMPLES, CLASSES), dx = TENSOR(-1, SAMPLES, CLASSES);
    const cleat_cross_entropy_options options = {.reduction = CLEAT_LOSS_SUM};
    test_ok(
        cleat_softmax_cross_entropy_backward(context, logits, make_labels(), NULL, dx, &options));
    return are_all(dx, 0, CLASSES, 1.0 / CLASSES - 1) && are_all(dx, 1, CLASSES, 1.0 / CLASSES);
}

enum { HIDDEN = 35 };

/* Weights of zero: every gate is half open, and nothing comes in. */
static bool lstm(void) {
    cleat_tensor x = TENSOR(1, 1, 1, 2), w = TENSOR(0, 1, 4 * HIDDEN, 2);
    cleat_tensor r = TENSOR(0, 1, 4 * HIDDEN, HIDDEN), y = TENSOR(-1, 1, 1, 1, HIDDEN);
    cleat_tensor c = TENSOR(1, 1, 1, HIDDEN);
    const cleat_recurrent_options options = {.initial_c = &c};
    test_ok(cleat_lstm(context, x, w, r, y, &options));
    return are_all(y, 0, 1, 0.5 * tanh(0.5));
}

/* Half of what was there before is kept: so is its gradient. */
static bool gru_backward(void) {
    cleat_tensor x = TENSOR(1, 1, 1, 2), w = TENSOR(0, 1, 3 * HIDDEN, 2);
    cleat_tensor r = TENSOR(0, 1, 3 * HIDDEN, HIDDEN), y = TENSOR(-1, 1, 1, 1, HIDDEN);
    cleat_tensor h = TENSOR(1, 1, 1, HIDDEN), reserve = TENSOR(-1, 1, 1, 1, 4 * HIDDEN);
    const cleat_recurrent_options options = {
        .linear_before_reset = true, .initial_h = &h, .reserve = &reserve};
    test_ok(cleat_gru(context, x, w, r, y, &options));
    cleat_tensor dy = TENSOR(1, 1, 1, 1, HIDDEN), dx = TENSOR(-1, 1, 1, 2);
    cleat_tensor dw = TENSOR(-1, 1, 3 * HIDDEN, 2), dr = TENSOR(-1, 1, 3 * HIDDEN, HIDDEN);
    cleat_tensor dh = TENSOR(-1, 1, 1, HIDDEN);
    const cleat_recurrent_gradients gradients = {.initial_h = &dh};
    test_ok(cleat_gru_backward(context, x, w, r, y, dy, dx, dw, dr, &options, &gradients));
    return are_all(y, 0, 1, 0.5) && are_all(dh, 0, 1, 0.5);
}

static bool top_k(void) {
    cleat_tensor x = TENSOR(0, 1, 300), y = TENSOR(-1, 1, 3);
    write_ramp(x);
    test_ok(cleat_top_k(context, x, 1, &y, NULL, NULL));
    return are_all(y, 0, 3, 299) && are_all(y, 1, 3, 298) && are_all(y, 2, 3, 297);
}

static bool resize(void) {
    cleat_tensor x = TENSOR(3, 1, 5, 20), y = TENSOR(-1, 1, 9, 33);
    test_ok(cleat_resize(context, x, y, &(cleat_resize_options){.mode = CLEAT_RESIZE_LINEAR}));
    return are_all(y, 0, 1, 3);
}

static bool resize_backward(void) {
    cleat_tensor dy = TENSOR(1, 1, 9, 33), dx = TENSOR(-1, 1, 5, 20);
    test_ok(cleat_resize_backward(
        context, dy, dx, &(cleat_resize_options){.mode = CLEAT_RESIZE_LINEAR}));
    return sums_to(dx, 9 * 33);
}

static bool gather(void) {
    cleat_tensor x = TENSOR(0, 5, 40), y = TENSOR(-1, SAMPLES, 40);
    write_ramp(x);
    test_ok(cleat_gather(context, x, make_labels(), 0, y));
    return sums_to(y, SAMPLES * 39 * 40 / 2) && are_all(y, 39, 40, 39);
}

static bool scatter(void) {
    cleat_tensor u = TENSOR(1, SAMPLES, 40), y = TENSOR(1, 1, 40);
    test_ok(cleat_scatter_add(context, make_labels(), u, 0, y));
    return are_all(y, 0, 1, SAMPLES + 1);
}

static bool pad(void) {
    cleat_tensor x = TENSOR(1, 2, 30), y = TENSOR(-1, 3, 32);
    test_ok(cleat_pad(context, x, (const int64_t[]){0, 1}, (const int64_t[]){1, 1}, y, NULL));
    return sums_to(y, 60) && are_all(y, 0, 32, 0);
}

static bool cumulative(void) {
    cleat_tensor x = TENSOR(1, 1, 100), y = TENSOR(-1, 1, 100);
    test_ok(cleat_cumulative_sum(context, x, 1, y, NULL));
    return sums_to(y, 5050);
}

/* The same numbers wherever they lie. */
static bool random_uniform(void) {
    cleat_tensor y = TENSOR(-1, 70), wide = TENSOR(-1, 140), apart = wide;
    apart.shape[0] = 70;
    apart.stride[0] = 2;
    test_ok(cleat_random_uniform(context, 1, 2, 0, 1, y));
    test_ok(cleat_random_uniform(context, 1, 2, 0, 1, apart));
    float *values = values_of(y), *others = values_of(wide);
    bool right = true;
    for (int i = 0; i < 70; i++) {
        right = right && values[i] >= others[2 * i] && values[i] <= others[2 * i];
    }
    free(values);
    free(others);
    return right;
}

/* Of ones, 3 x 3: the number of products. */
static bool convolution(int64_t channels, int64_t groups) {
    const cleat_conv2d_options options = {.groups = groups, .winograd = true};
    cleat_tensor x = TENSOR(1, 1, channels, 4, 4), y = TENSOR(-1, 1, channels, 2, 2);
    cleat_tensor w = TENSOR(1, channels, channels / groups, 3, 3);
    test_ok(cleat_conv2d(context, x, w, y, &options));
    return are_all(y, 0, 1, 9.0 * (double)(channels / groups));
}

static bool convolution_of_many(void) {
    return convolution(128, 1);
}

static bool convolution_by_channels(void) {
    return convolution(8, 8);
}

static bool sgd_step(void) {
    cleat_tensor x = TENSOR(1, 5), gradient = TENSOR(1, 5);
    test_ok(cleat_sgd_step(context, x, gradient, NULL, 0.25F, NULL));
    return are_all(x, 0, 1, 0.75);
}

/* ---- What is broken ---- */

typedef struct broken {
    const char *said; /* in the log */
    bool (*call)(void);
    const char *file, *right, *wrong;
} broken;

static const broken on_processors[] = {
    {"attention: variant cpu ", attention, "attention_cpu.cl",
        "scale_rows(out, n->value_width, factors);", ""},
    {"attention: variant cpu_split ", attention_of_one, "attention_cpu_split.cl", "sum * inverse",
        "sum"},
    {"attention_backward: variant cpu ", attention_backward, "attention_cpu_gradient.cl",
        "w.out_values, 1.0f", "w.out_values, 2.0f"},
    {"rotary: variant rows ", rotary, "rotary.cl", "sines[other] = sine", "sines[other] = -sine"},
    {"layer_norm: variant rows ", layer_norm, "normalize_rows.cl", "TOTAL(sum) / (float)length",
        "TOTAL(sum)"},
    {"layer_norm_backward: variant rows ", layer_norm_backward, "normalize_rows.cl",
        "second = TOTAL(products)", "second = 0.0f"},
    {"local_response_norm: variant strips ", response_norm, "local_response_norm.cl",
        "s[k] = READ(W, x, c, AT(W)) * POWER(W, s[k])", "s[k] = READ(W, x, c, AT(W)) * s[k]"},
    {"local_response_norm_backward: variant strips ", response_norm_backward,
        "local_response_norm.cl", "AT(W)) * -slope", "AT(W)) * slope"},
    {"softmax_cross_entropy: variant rows ", cross_entropy, "softmax_common.cl",
        "(total) * 0x1p-40f", "(total) * 0x1p-39f"},
    {"softmax_cross_entropy_backward: variant rows ", cross_entropy_backward, "softmax_common.cl",
        "(term * SCALE)", "(term)"},
    {"lstm: variant vectors ", lstm, "recurrent.cl", "            WORK(CELL_W)\n", ""},
    {"gru_linear_backward: variant vectors ", gru_backward, NULL, NULL, NULL},
    {"top_k: variant heap ", top_k, "top_k.cl", "heap[n] = pairs[n]", "heap[n] = pairs[k - 1 - n]"},
    {"gather: variant rows ", gather, "gather.cl", "piece, y + y_offset + start, size,",
        "piece, y + y_offset + start, size / 2,"},
    {"scatter: variant vectors ", scatter, "scatter.cl", "+ LOAD(SCATTER_LANES, from + c)",
        "- LOAD(SCATTER_LANES, from + c)"},
    {"pad: variant pieces ", pad, "pad.cl", "piece, y + y_offset + start, size,",
        "piece, y + y_offset + start, size / 2,"},
    {"cumulative: variant along ", cumulative, "cumulative.cl", "sum += total;",
        "sum += 2.0f * total;"},
    {"random_uniform: variant contiguous ", random_uniform, "random.cl", "draw((ulong)unit,",
        "draw((ulong)unit + 1,"},
    {"sgd_step: variant contiguous ", sgd_step, "optimizer.cl", "EACH_CHANGED(WRITE_SOME, 0)", ""},
    {"resize: variant rows ", resize, "resize.cl", "of_a * LOAD(W, a + c)", "LOAD(W, a + c)"},
    {"resize_backward: variant rows ", resize_backward, "resize.cl", "from >= 0 ? term",
        "from >= 0 ? 2.0f * term"},
};

static const broken elsewhere[] = {
    {"attention: variant gpu ", attention, "attention_gpu.cl", "out[i][j] * factor[i]",
        "out[i][j]"},
    {"rotary: variant items ", rotary, "rotary.cl", "FMA(x0, sine, x1 * cosine);\n}",
        "FMA(-x0, sine, x1 * cosine);\n}"},
    {"softmax_cross_entropy: variant items ", cross_entropy, "loss.cl",
        "*target = LOSS_OF(sum, distances);\n#endif\n    }\n}\n\n#else",
        "*target = 0.0f;\n#endif\n    }\n}\n\n#else"},
    {"conv2d: variant gpu_winograd ", convolution_of_many, "conv2d_gpu_winograd.cl",
        "m.s1 - m.s2 - m.s3", "m.s1 - m.s2 + m.s3"},
    {"conv2d: variant gpu_depthwise ", convolution_by_channels, "conv2d_gpu_depthwise.cl",
        "row += 3 * source_step", "row += source_step"},
};

/* The kernels that come next of attention's on a processor, of convolution's on GPUs, take long to
 * compile. */
static void open_context(cleat_verification verification) {
    context = spoilt_open(verification, NULL);
    if (test_device_is_cpu()) {
        test_ok(cleat_tuning_set(context, "attention", "long", "cpu plain"));
        test_ok(cleat_tuning_set(context, "attention", "short", "cpu_split plain"));
        test_ok(cleat_tuning_set(context, "attention_backward", "any", "cpu plain"));
    } else {
        test_ok(cleat_tuning_set(context, "conv2d", "winograd", "gpu_winograd plain"));
    }
}

static const broken *list_broken(int *count) {
    const bool is_cpu = test_device_is_cpu();
    *count = (int)(is_cpu ? sizeof on_processors : sizeof elsewhere) / (int)sizeof *elsewhere;
    return is_cpu ? on_processors : elsewhere;
}

static bool call(const broken *b) {
    const bool right = b->call();
    while (lent_count > 0) {
        cleat_tensor_release(&lent[--lent_count]);
    }
    return right;
}

static void spoil_all(void) {
    int count = 0;
    const broken *list = list_broken(&count);
    spoilt_begin();
    for (int i = 0; i < count; i++) {
        if (list[i].file != NULL) {
            spoilt_replace(list[i].file, list[i].right, list[i].wrong);
        }
    }
}

/* The log names each, and the results are right, of the next variant. */
START_TEST(wrong_ones_are_passed_over) {
    int count = 0;
    const broken *list = list_broken(&count);
    spoil_all();
    open_context(CLEAT_VERIFY_ON);
    for (int i = 0; i < count; i++) {
        ck_assert_msg(call(&list[i]), "%s: wrong; log: %s", list[i].said, spoilt_heard);
        ck_assert_msg(strstr(spoilt_heard, list[i].said) != NULL, "not %s in the log: %s",
            list[i].said, spoilt_heard);
    }
    ck_assert_uint_ge(spoilt_statistics(context).variants_distrusted, (uint64_t)count);
    cleat_context_release(context);
    spoilt_end();
}
END_TEST

/* A loss, or a function, has one kernel: the call is refused, and writes nothing. */
START_TEST(without_another_it_is_refused) {
    spoilt_begin();
    spoilt_replace("loss_pair_expression.cl", "return (x - t) * (x - t);", "return x - t;");
    spoilt_replace("activation.cl", "return x < 0.0f ? x * parameters.x : x;", "return x;");
    spoilt_replace("half.cl", "all + 0x7fffu", "all");
    open_context(CLEAT_VERIFY_ON);
    cleat_tensor x = TENSOR(3, 4), t = TENSOR(1, 4), loss = TENSOR(-1, 1);
    for (int again = 0; again < 2; again++) {
        test_refused(cleat_loss(context, CLEAT_LOSS_SQUARED, x, t, loss, NULL), CLEAT_UNSUPPORTED,
            "loss: squared does not build or gives wrong results on");
    }
    ck_assert(are_all(loss, 0, 1, -1));
    test_ok(cleat_loss(context, CLEAT_LOSS_HUBER, x, t, loss, NULL));
    ck_assert(are_all(loss, 0, 1, 1.5));
    test_ok(cleat_loss_backward(context, CLEAT_LOSS_SQUARED, x, t, NULL, x, NULL));
    ck_assert(are_all(x, 0, 1, 1));
    test_refused(cleat_activate(context, CLEAT_LEAKY_RELU, x, t, NULL), CLEAT_UNSUPPORTED,
        "activate: leaky_relu does not build or gives wrong results on");
    test_ok(cleat_activate(context, CLEAT_RELU, x, t, NULL));
    cleat_tensor half = t; /* its first elements */
    half.type = CLEAT_BF16;
    test_refused(cleat_activate(context, CLEAT_RELU, half, half, NULL), CLEAT_UNSUPPORTED,
        "conversions: bf16 does not build or gives wrong results on");
    half.type = CLEAT_F16;
    test_ok(cleat_activate(context, CLEAT_RELU, half, half, NULL));
    test_ok(cleat_unary_backward(context, CLEAT_ERF, x, t, t));
    ck_assert(are_all(t, 0, 1, 2 / sqrt(acos(-1)) * exp(-1)));
    while (lent_count > 0) {
        cleat_tensor_release(&lent[--lent_count]);
    }
    cleat_context_release(context);
    spoilt_end();
}
END_TEST

/* A variant that the driver cannot compile is passed over like a wrong one. */
START_TEST(what_cannot_be_built_is_passed_over) {
    const bool is_cpu = test_device_is_cpu();
    spoilt_begin();
    if (is_cpu) {
        spoilt_replace("attention_cpu.cl", "__kernel void", "__kernel viod");
    } else {
        spoilt_replace("attention_gpu.cl", "void attention_gpu(", "viod attention_gpu(");
    }
    open_context(CLEAT_VERIFY_ON);
    ck_assert(call(&(broken){.call = attention}));
    ck_assert_msg(strstr(spoilt_heard, "cannot be built") != NULL, "%s", spoilt_heard);
    cleat_context_release(context);
    spoilt_end();
}
END_TEST

/* Every operation's verdicts in one context: more than the table begins with. */
START_TEST(right_ones_stay) {
    int count = 0;
    const broken *list = list_broken(&count);
    if (test_is_short() && test_device_is_cpu()) {
        return; /* most of it is compiling kernels, as the run in full has done */
    }
    open_context(CLEAT_VERIFY_ON);
    for (int i = 0; i < count; i++) {
        ck_assert_msg(call(&list[i]), "%s", list[i].said);
    }
    const cleat_context_statistics s = spoilt_statistics(context);
    for (int i = 0; i < count; i++) {
        ck_assert_msg(call(&list[i]), "%s", list[i].said);
    }
    spoilt_expect_counts(context, s.variants_checked, 0);
    cleat_context_release(context);
}
END_TEST

Suite *test_suite(void) {
    /* What is forced is not checked: this is about other operations. */
    setenv("CLEAT_MATMUL", "plain", 1);
    setenv("CLEAT_REDUCE", "items", 1);
    setenv("CLEAT_ELEMENTWISE", "chunked", 1);
    Suite *suite = suite_create("verify_operations");
    test_add_case(suite, "right", right_ones_stay);
    test_add_case(suite, "wrong", wrong_ones_are_passed_over);
    test_add_case(suite, "refused", without_another_it_is_refused);
    test_add_case(suite, "unbuilt", what_cannot_be_built_is_passed_over);
    return suite;
}
