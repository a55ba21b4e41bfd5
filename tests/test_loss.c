/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"
#include "reference/reference_loss.h"

/* The first that supports a case: rows and short ones want their classes side by side. */
static const char *const variants[] = {
    NULL, "rows items", "turned items", "short items", "items", "group"};
enum { VARIANTS = sizeof variants / sizeof *variants };

static void force(const char *variant) {
    if (variant != NULL) {
        setenv("CLEAT_SOFTMAX_CROSS_ENTROPY", variant, 1);
        setenv("CLEAT_SOFTMAX_CROSS_ENTROPY_BACKWARD", variant, 1);
    } else {
        unsetenv("CLEAT_SOFTMAX_CROSS_ENTROPY");
        unsetenv("CLEAT_SOFTMAX_CROSS_ENTROPY_BACKWARD");
    }
}

/* A batch on the device and in double precision. */
typedef struct batch {
    int64_t samples, classes;
    test_layout layout;
    test_tensor logits, labels;
    double *x;
    int32_t *label;
    /* Set by batch_weigh(): */
    double smoothing;
    bool has_weight, has_ignored;
    test_tensor weight;
    double *weights;
    int32_t ignored;
} batch;

/* Logits in [-scale, scale), or the given ones. */
static batch batch_make(
    int64_t samples, int64_t classes, double scale, const float *given, test_layout layout) {
    batch b = {.samples = samples, .classes = classes, .layout = layout};
    int64_t count = samples * classes;
    float *data = test_alloc(count, sizeof *data);
    b.x = test_alloc(count, sizeof *b.x);
    b.label = test_alloc(samples, sizeof *b.label);
    for (int64_t i = 0; i < count; i++) {
        data[i] = given != NULL ? given[i] : (float)test_real(-scale, scale);
        b.x[i] = (double)data[i];
    }
    b.logits = test_input_from(2, (int64_t[]){samples, classes}, data, layout);
    b.labels = test_labels(samples, (int32_t)(classes > 0 ? classes : 1), b.label);
    free(data);
    return b;
}

static void batch_free(batch *b) {
    test_free(&b->logits);
    test_free(&b->labels);
    test_free(&b->weight);
    free(b->x);
    free(b->label);
    free(b->weights);
}

/* The options that a batch has, for the library and for the reference. */
static cleat_cross_entropy_options options_of(const batch *b, cleat_loss_reduction reduction) {
    return (cleat_cross_entropy_options){.reduction = reduction,
        .weight = b->has_weight ? &b->weight.view : NULL,
        .ignore_index = b->has_ignored ? &b->ignored : NULL,
        .label_smoothing = (float)b->smoothing};
}

static reference_weighing weighing_of(const batch *b) {
    return (reference_weighing){
        b->smoothing, b->has_weight ? b->weights : NULL, b->has_ignored ? &b->ignored : NULL};
}

static void set_labels(batch *b, const int32_t *labels) {
    memmove(b->label, labels, (size_t)b->samples * sizeof *labels);
    test_ok(
        cleat_write(test_context(), b->labels.view, labels, (size_t)b->samples * sizeof *labels));
}

/* Weights, an ignored label, smoothing, whichever `parts` has: 1, 2, 4. The ignored samples' logits
 * are whatever they happen to be. */
static void batch_weigh(batch *b, int parts) {
    b->smoothing = (parts & 4) != 0 ? (test_coin() ? 0.125 : 1) : 0;
    b->has_weight = (parts & 1) != 0;
    b->has_ignored = (parts & 2) != 0;
    if (b->has_weight) {
        float *weights = test_alloc(b->classes, sizeof *weights);
        b->weights = test_alloc(b->classes, sizeof *b->weights);
        for (int64_t c = 0; c < b->classes; c++) {
            weights[c] = c % 5 == 3 ? 0 : (float)test_real(0, 3);
            b->weights[c] = (double)weights[c];
        }
        b->weight = test_input_from(1, &b->classes, weights, b->layout);
        free(weights);
    }
    if (b->has_ignored) {
        b->ignored = test_coin() ? -100 : 0;
        float *values = test_alloc(b->samples * b->classes, sizeof *values);
        for (int64_t i = 0; i < b->samples * b->classes; i++) {
            int64_t n = i / b->classes;
            b->label[n] = n % 3 == 1 ? b->ignored : b->label[n];
            b->x[i] =
                n % 3 == 1 && i % b->classes == n % b->classes ? (n % 2 ? NAN : INFINITY) : b->x[i];
            values[i] = (float)b->x[i];
        }
        test_free(&b->logits);
        b->logits = test_input_from(2, (int64_t[]){b->samples, b->classes}, values, b->layout);
        set_labels(b, b->label);
        free(values);
    }
}

static double divisor_of(const batch *b, cleat_loss_reduction reduction) {
    const reference_weighing weighing = weighing_of(b);
    return reduction != CLEAT_LOSS_MEAN
               ? 1
               : reference_cross_entropy_divisor(b->samples, b->classes, b->label, &weighing);
}

/*
 * A sample's loss: the exponentials' errors (2 ulp each, plus that of x - max, whose size is below
 * |log term|), a sum of `classes` terms, the logarithm's 3 ulp and two sums: some classes + 8
 * roundings of 1 + |loss|; weights, another sum of so many and their products. A total adds one
 * rounding a sample and the division.
 */
static void check_forward(batch *b, cleat_loss_reduction reduction, const char *what) {
    const cleat_cross_entropy_options options = options_of(b, reduction);
    const reference_weighing weighing = weighing_of(b);
    bool single = reduction != CLEAT_LOSS_NONE;
    int32_t rank = single ? (int32_t)test_int(0, 1) : 1;
    const int64_t shape[] = {single ? 1 : b->samples};
    test_layout layout = test_coin() ? TEST_STRIDED : b->layout;
    test_tensor loss = test_output(rank, shape, layout);
    test_tensor again = test_output(rank, shape, layout);
    test_ok(cleat_softmax_cross_entropy(
        test_context(), b->logits.view, b->labels.view, loss.view, &options));
    test_ok(cleat_softmax_cross_entropy(
        test_context(), b->logits.view, b->labels.view, again.view, &options));
    test_fetch(&loss);
    test_fetch(&again);
    test_same_bits(&loss, &again, what);
    double *want = test_alloc(b->samples + 1, sizeof *want);
    double *magnitude = test_alloc(b->samples + 1, sizeof *magnitude);
    reference_cross_entropy(b->samples, b->classes, b->x, b->label, &weighing, want, magnitude);
    if (single) {
        double sum = 0, sizes = 0, divisor = divisor_of(b, reduction);
        for (int64_t n = 0; n < b->samples; n++) {
            sum += want[n];
            sizes += magnitude[n];
        }
        want[0] = sum / divisor;
        magnitude[0] = sizes / divisor;
    }
    test_bound(&loss, want, magnitude, b->classes + 8 + (single ? b->samples : 0), what);
    free(want);
    free(magnitude);
    test_free(&loss);
    test_free(&again);
}

/* Gradient with dloss given or not; out of place and in place. Roundings: some of the exponential,
 * `classes` of the sum, the division's and the products'. */
static void check_backward(batch *b, cleat_loss_reduction reduction, bool given, const char *what) {
    const cleat_cross_entropy_options options = options_of(b, reduction);
    const reference_weighing weighing = weighing_of(b);
    bool single = reduction != CLEAT_LOSS_NONE;
    const int64_t shape[] = {b->samples, b->classes};
    int32_t rank = single ? (int32_t)test_int(0, 1) : 1;
    test_tensor dloss =
        test_input(rank, (int64_t[]){single ? 1 : b->samples}, TEST_REAL, b->layout);
    test_tensor dx = test_output(2, shape, b->layout);
    float *values = test_alloc(dx.count, sizeof *values);
    for (int64_t i = 0; i < dx.count; i++) {
        values[i] = (float)b->x[i];
    }
    test_tensor in_place = test_input_from(2, shape, values, b->layout);
    free(values);
    const cleat_tensor *g_view = given ? &dloss.view : NULL;
    test_ok(cleat_softmax_cross_entropy_backward(
        test_context(), b->logits.view, b->labels.view, g_view, dx.view, &options));
    test_ok(cleat_softmax_cross_entropy_backward(
        test_context(), in_place.view, b->labels.view, g_view, in_place.view, &options));
    test_fetch(&dx);
    test_fetch(&in_place);
    const double divisor = divisor_of(b, reduction);
    double *g = test_alloc(b->samples, sizeof *g);
    for (int64_t n = 0; n < b->samples; n++) {
        g[n] = given ? (double)dloss.data[single ? 0 : n] : 1;
        g[n] /= divisor;
    }
    double *want = test_alloc(dx.count, sizeof *want);
    double *magnitude = test_alloc(dx.count, sizeof *magnitude);
    reference_cross_entropy_backward(
        b->samples, b->classes, b->x, b->label, &weighing, g, want, magnitude);
    const bool sums_labels = single && (b->has_weight || b->has_ignored);
    const int64_t terms = b->classes + 16 + (sums_labels ? b->samples : 0);
    test_bound(&dx, want, magnitude, terms, what);
    test_bound(&in_place, want, magnitude, terms, what);
    free(g);
    free(want);
    free(magnitude);
    test_free(&dloss);
    test_free(&dx);
    test_free(&in_place);
}

/* Whether the device can do these with the forced variant. */
static bool is_supported(batch *b) {
    test_tensor dx = test_output(2, (int64_t[]){b->samples, b->classes}, TEST_ROW_MAJOR);
    const cleat_cross_entropy_options options = options_of(b, CLEAT_LOSS_MEAN);
    cleat_status status = cleat_softmax_cross_entropy_backward(
        test_context(), b->logits.view, b->labels.view, NULL, dx.view, &options);
    test_free(&dx);
    return status != CLEAT_UNSUPPORTED;
}

static void check_all(batch *b) {
    for (int v = 0; v < VARIANTS; v++) {
        force(variants[v]);
        if (variants[v] != NULL && !is_supported(b)) {
            continue;
        }
        int first = test_is_short() ? (int)test_int(CLEAT_LOSS_MEAN, CLEAT_LOSS_NONE) : 0;
        int last = test_is_short() ? first : CLEAT_LOSS_NONE;
        for (int reduction = first; reduction <= last; reduction++) {
            char what[120];
            snprintf(what, sizeof what, "%d x %d, reduction %d, by %s", (int)b->samples,
                (int)b->classes, reduction, variants[v] != NULL ? variants[v] : "default");
            check_forward(b, (cleat_loss_reduction)reduction, what);
            check_backward(b, (cleat_loss_reduction)reduction, test_coin(), what);
        }
    }
    force(NULL);
}

START_TEST(test_table) {
    static const int64_t shapes[][2] = {{1, 1}, {1, 10}, {128, 10}, {7, 2}, {3, 15}, {3, 16},
        {3, 17}, {5, 31}, {4, 33}, {2, 64}, {2, 100}, {33, 3}, {70, 12}, {200, 7}, {0, 10}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        for (int layout = TEST_ROW_MAJOR; layout <= TEST_ROWS; layout++) {
            batch b = batch_make(shapes[i][0], shapes[i][1], 5, NULL, (test_layout)layout);
            check_all(&b);
            batch_free(&b);
        }
    }
}
END_TEST

START_TEST(test_random) {
    static const double scales[] = {1e-3, 1, 20, 1000};
    for (int round = 0; round < test_rounds(16); round++) {
        batch b = batch_make(test_int(1, 40), test_int(1, 80), scales[test_int(0, 3)], NULL,
            test_coin() ? TEST_STRIDED : TEST_ROW_MAJOR);
        check_all(&b);
        batch_free(&b);
    }
}
END_TEST

/* A small loss beside large logits: the differences are exact. */
START_TEST(test_large_logits) {
    enum { SAMPLES = 33, CLASSES = 12 };
    float data[SAMPLES * CLASSES];
    for (int i = 0; i < SAMPLES * CLASSES; i++) {
        data[i] = (float)test_real(9990, 10000);
    }
    batch b = batch_make(SAMPLES, CLASSES, 0, data, TEST_ROW_MAJOR);
    check_all(&b);
    batch_free(&b);
}
END_TEST

/* The same maximum would not do for any two rows. */
START_TEST(test_distant_rows) {
    batch b = batch_make(37, 18, 1000, NULL, TEST_ROW_MAJOR);
    check_all(&b);
    batch_free(&b);
}
END_TEST

START_TEST(test_many_classes) {
    batch b = batch_make(3, test_is_short() ? 5001 : 50257, 8, NULL, TEST_ROW_MAJOR);
    check_all(&b);
    batch_free(&b);
}
END_TEST

START_TEST(test_many_samples) {
    batch b = batch_make(test_is_short() ? 3001 : 30011, 2, 3, NULL, TEST_ROW_MAJOR);
    check_all(&b);
    batch_free(&b);
}
END_TEST

/* Gradients that go past the caches; elsewhere the processors' variants refuse so much. */
START_TEST(test_large_gradients) {
    if (!test_is_short() && test_device_is_cpu()) {
        batch b = batch_make(430000, 10, 3, NULL, TEST_ROW_MAJOR);
        check_backward(&b, CLEAT_LOSS_MEAN, true, "large");
        batch_free(&b);
    }
}
END_TEST

/* `samples` losses of four classes, and their gradients, by every variant. */
static void check_known(const batch *b, int64_t samples, const cleat_cross_entropy_options *options,
    const double *want, double ulp, const double *gradient, const char *what) {
    for (int v = 0; v < VARIANTS; v++) {
        force(variants[v]);
        test_tensor loss = test_output(1, (int64_t[]){samples}, TEST_ROW_MAJOR);
        test_tensor dx = test_output(2, (int64_t[]){samples, 4}, TEST_ROW_MAJOR);
        test_ok(cleat_softmax_cross_entropy(
            test_context(), b->logits.view, b->labels.view, loss.view, options));
        test_ok(cleat_softmax_cross_entropy_backward(
            test_context(), b->logits.view, b->labels.view, NULL, dx.view, options));
        test_fetch(&loss);
        test_fetch(&dx);
        test_ulp(&loss, want, ulp, what);
        test_equal(&dx, gradient, what);
        test_free(&loss);
        test_free(&dx);
    }
}

/* All logits equal: log C exactly, up to the logarithm's rounding; gradient 1 / C. */
START_TEST(test_uniform_logits) {
    const float data[8] = {3, 3, 3, 3, 3, 3, 3, 3};
    batch b = batch_make(2, 4, 0, data, TEST_ROW_MAJOR);
    const double want[] = {log(4), log(4)};
    double gradient[8];
    for (int i = 0; i < 8; i++) {
        gradient[i] = 0.25 - (i % 4 == b.label[i / 4] ? 1 : 0);
    }
    const cleat_cross_entropy_options options = {.reduction = CLEAT_LOSS_NONE};
    check_known(&b, 2, &options, want, 3, gradient, "equal logits");
    force(NULL);
    batch_free(&b);
}
END_TEST

/* Huge logits don't overflow; -Inf has probability 0; NaN, +Inf, a row of -Inf and a label outside
 * give NaN, in their own sample only. */
static void check_special_values(int classes) {
    enum { SAMPLES = 10, GIVEN = 3 };
    const float inf = INFINITY;
    const float given[] = {1e38f, -1e38f, 0, 0, -inf, 0, -inf, 0, 0, NAN, 0, 0, inf, 0, 0, -inf,
        -inf, -inf, 1, 2, 3, 1, 2, 3, 1, 2, 3, -3e38f, 3e38f, -3e38f};
    const int32_t labels[] = {0, 0, 0, 1, 1, 1, -1, classes, INT32_MIN, 1};
    const double want[] = {0, log(2), inf, NAN, NAN, NAN, NAN, NAN, NAN, 0};
    const double wanted[] = {0, 0, 0, -0.5, 0, 0.5, -1, 0.5, 0.5, NAN, NAN, NAN, NAN, NAN, NAN, NAN,
        NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, 0, 0, 0};
    float *data = test_alloc(SAMPLES * classes, sizeof *data);
    double *gradient = test_alloc(SAMPLES * classes, sizeof *gradient);
    for (int i = 0; i < SAMPLES * classes; i++) {
        int from = i / classes * GIVEN + i % classes;
        data[i] = i % classes < GIVEN ? given[from] : -inf;
        gradient[i] = i % classes < GIVEN ? wanted[from] : isnan(want[i / classes]) ? NAN : 0;
    }
    batch b = batch_make(SAMPLES, classes, 0, data, TEST_ROW_MAJOR);
    set_labels(&b, labels);
    const cleat_cross_entropy_options none = {.reduction = CLEAT_LOSS_NONE};
    for (int v = 0; v < VARIANTS; v++) {
        force(variants[v]);
        test_tensor loss = test_output(1, (int64_t[]){SAMPLES}, TEST_ROW_MAJOR);
        test_tensor mean = test_output(0, NULL, TEST_ROW_MAJOR);
        test_tensor dx = test_output(2, (int64_t[]){SAMPLES, classes}, TEST_ROW_MAJOR);
        test_ok(cleat_softmax_cross_entropy(
            test_context(), b.logits.view, b.labels.view, loss.view, &none));
        test_ok(cleat_softmax_cross_entropy(
            test_context(), b.logits.view, b.labels.view, mean.view, NULL));
        test_ok(cleat_softmax_cross_entropy_backward(
            test_context(), b.logits.view, b.labels.view, NULL, dx.view, &none));
        test_fetch(&loss);
        test_fetch(&mean);
        test_fetch(&dx);
        test_ulp(&loss, want, 3, "special losses");
        ck_assert(isnan(mean.data[0]));
        test_equal(&dx, gradient, "special gradients");
        test_free(&loss);
        test_free(&mean);
        test_free(&dx);
    }
    force(NULL);
    batch_free(&b);
    free(data);
    free(gradient);
}

START_TEST(test_special_values) {
    check_special_values(3);
    check_special_values(10);
    check_special_values(37);
}
END_TEST

/* No samples: the sum is 0, the mean NaN. No classes: NaN. */
START_TEST(test_empty) {
    batch none = batch_make(0, 10, 1, NULL, TEST_ROW_MAJOR);
    batch hollow = batch_make(2, 0, 1, NULL, TEST_ROW_MAJOR);
    test_tensor sum = test_output(0, NULL, TEST_ROW_MAJOR);
    test_tensor mean = test_output(0, NULL, TEST_ROW_MAJOR);
    test_tensor lost = test_output(0, NULL, TEST_ROW_MAJOR);
    const cleat_cross_entropy_options options = {.reduction = CLEAT_LOSS_SUM};
    test_ok(cleat_softmax_cross_entropy(
        test_context(), none.logits.view, none.labels.view, sum.view, &options));
    test_ok(cleat_softmax_cross_entropy(
        test_context(), none.logits.view, none.labels.view, mean.view, NULL));
    test_ok(cleat_softmax_cross_entropy(
        test_context(), hollow.logits.view, hollow.labels.view, lost.view, NULL));
    test_fetch(&sum);
    test_fetch(&mean);
    test_fetch(&lost);
    ck_assert(sum.data[0] == 0);
    ck_assert(isnan(mean.data[0]));
    ck_assert(isnan(lost.data[0]));
    test_free(&sum);
    test_free(&mean);
    test_free(&lost);
    batch_free(&none);
    batch_free(&hollow);
}
END_TEST

/* All that a mean may leave out, and each of the options with the others and without. */
START_TEST(test_weighed) {
    static const int64_t shapes[][2] = {
        {7, 10}, {37, 3}, {1, 17}, {70, 10}, {35, 33}, {20, 70}, {3, 4133}};
    int parts = 0;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            parts = parts % 7 + 1;
            batch b = batch_make(shapes[i][0], shapes[i][1], 4, NULL,
                (parts & 3) != 3 ? TEST_ROW_MAJOR
                : round == 0     ? TEST_STRIDED
                                 : TEST_ROWS);
            batch_weigh(&b, parts);
            check_all(&b);
            batch_free(&b);
        }
        parts++;
    }
}
END_TEST

/* Equal logits, so that all is exact: targets t of four classes, softmax 1/4. A label outside
 * spoils its sample alone, an ignored one nothing. */
START_TEST(test_weighed_exactly) {
    const float data[20] = {3, 3, 3, 3, 1, 1, 1, 1, 2, 2, 2, 2, NAN, 2, 2, 2, 0, 0, 0, 0};
    const int32_t labels[] = {1, 4, 3, 0, 1};
    const float weight[] = {5, 4, 2, 1};
    const double t[3][4] = {
        {0.625, 2.5, 0.25, 0.125}, {0, 0, 0, 0}, {0.625, 0.5, 0.25, 0.625}}; /* s = 1/2 */
    const double sums[] = {3.5, NAN, 2, 0, 3.5};
    double gradient[20];
    for (int i = 0; i < 20; i++) {
        int n = i / 4;
        gradient[i] = n == 3 ? 0 : sums[n] / 4 - t[n == 4 ? 0 : n][i % 4];
    }
    batch b = batch_make(5, 4, 0, data, TEST_ROW_MAJOR);
    set_labels(&b, labels);
    b.weight = test_input_from(1, (int64_t[]){4}, weight, TEST_ROW_MAJOR);
    b.has_weight = b.has_ignored = true;
    b.smoothing = 0.5;
    const cleat_cross_entropy_options options = options_of(&b, CLEAT_LOSS_NONE);
    const double want[] = {3.5 * log(4), NAN, 2 * log(4), 0, 3.5 * log(4)};
    check_known(&b, 5, &options, want, 4, gradient, "weighed");
    force(NULL);
    batch_free(&b);
}
END_TEST

/* Nothing but ignored samples: no loss, no gradient, and a mean of nothing. */
START_TEST(test_all_ignored) {
    for (int classes = 3; classes < 40; classes += 17) {
        batch b = batch_make(18, classes, 3, NULL, TEST_ROW_MAJOR);
        const int32_t labels[18] = {0};
        set_labels(&b, labels);
        b.has_ignored = true;
        for (int reduction = CLEAT_LOSS_MEAN; reduction <= CLEAT_LOSS_NONE; reduction++) {
            check_forward(&b, (cleat_loss_reduction)reduction, "all ignored");
            check_backward(&b, (cleat_loss_reduction)reduction, false, "all ignored");
        }
        batch_free(&b);
    }
}
END_TEST

/* The reference's gradient against central differences of the reference's loss. */
START_TEST(test_reference_gradient) {
    enum { N = 4, C = 6 };
    const double step = 1e-6;
    double x[N * C], g[N], dx[N * C], losses[N], weight[C];
    int32_t label[N], ignored = 7;
    for (int i = 0; i < N * C; i++) {
        x[i] = test_real(-3, 3);
    }
    for (int n = 0; n < N; n++) {
        g[n] = test_real(-1, 1);
        label[n] = n == 2 ? ignored : (int32_t)test_int(0, C - 1);
    }
    for (int c = 0; c < C; c++) {
        weight[c] = test_real(0, 2);
    }
    for (int weighed = 0; weighed < 2; weighed++) {
        const reference_weighing weighing = {weighed ? 0.25 : 0, weighed ? weight : NULL, &ignored};
        reference_cross_entropy_backward(N, C, x, label, &weighing, g, dx, NULL);
        for (int i = 0; i < N * C; i++) {
            double old = x[i];
            x[i] = old + step;
            reference_cross_entropy(N, C, x, label, &weighing, losses, NULL);
            double above = losses[i / C];
            x[i] = old - step;
            reference_cross_entropy(N, C, x, label, &weighing, losses, NULL);
            x[i] = old;
            double slope = g[i / C] * (above - losses[i / C]) / (2 * step);
            if (!(fabs(slope - dx[i]) < 1e-8)) {
                ck_abort_msg("element %d: %g, slope %g", i, dx[i], slope);
            }
        }
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("loss");
    TCase *all = test_case(suite, "loss");
    tcase_add_test(all, test_table);
    tcase_add_test(all, test_random);
    tcase_add_test(all, test_large_logits);
    tcase_add_test(all, test_distant_rows);
    tcase_add_test(all, test_large_gradients);
    tcase_add_test(all, test_many_classes);
    tcase_add_test(all, test_many_samples);
    tcase_add_test(all, test_uniform_logits);
    tcase_add_test(all, test_special_values);
    tcase_add_test(all, test_empty);
    tcase_add_test(all, test_weighed_exactly);
    tcase_add_test(all, test_all_ignored);
    tcase_add_test(all, test_reference_gradient);
    TCase *weighed = test_case(suite, "weighed");
    tcase_add_test(weighed, test_weighed);
    return suite;
}
