/* SPDX-License-Identifier: Apache-2.0 */
/* Cross-entropy with labels, local response normalisation, the largest of rows and resizing in
 * double precision, by each of their variants that have it, beside plain loops in long double. */
#include "harness.h"

static long double element(const test_tensor *t, int64_t i) {
    return (long double)test_elements_f64(t)[i];
}

static void force(const char *variable, const char *variant) {
    if (variant != NULL) {
        setenv(variable, variant, 1);
    } else {
        unsetenv(variable);
    }
}

/* ---- Cross-entropy ---- */

enum { SAMPLES = 9, CLASSES = 70, LOGITS = SAMPLES * CLASSES };

typedef struct entropy {
    test_tensor x, labels, weight;
    int32_t label[SAMPLES], ignored;
    double weights[CLASSES];
    bool weighed; /* with weights, an ignored label and smoothing */
    cleat_cross_entropy_options options;
    long double loss[SAMPLES], size[SAMPLES], dx[LOGITS], size_dx[LOGITS];
    long double divisor; /* of the mean */
} entropy;

static entropy *make_entropy(bool weighed, test_layout layout) {
    const int64_t shape[2] = {SAMPLES, CLASSES}, classes[1] = {CLASSES}, samples[1] = {SAMPLES};
    entropy *e = test_alloc(1, sizeof *e);
    e->weighed = weighed;
    e->ignored = -100;
    for (int64_t n = 0; n < SAMPLES; n++) {
        e->label[n] = weighed && n % 3 == 1 ? e->ignored : (int32_t)test_int(0, CLASSES - 1);
    }
    for (int64_t c = 0; c < CLASSES; c++) {
        e->weights[c] = !weighed ? 1 : c % 5 == 3 ? 0 : test_real(0, 3);
    }
    e->x = test_input_f64(2, shape, TEST_REAL, layout);
    e->labels = test_typed(CLEAT_I32, 1, samples, e->label, TEST_STRIDED);
    e->weight = test_typed(CLEAT_F64, 1, classes, e->weights, TEST_STRIDED);
    if (weighed) {
        e->options = (cleat_cross_entropy_options){
            .weight = &e->weight.view, .ignore_index = &e->ignored, .label_smoothing = 0.1f};
    }
    return e;
}

static void free_entropy(entropy *e) {
    test_free(&e->x);
    test_free(&e->labels);
    test_free(&e->weight);
    free(e);
}

/* How much of class c is wanted where the label is this one. */
static long double wanted(const entropy *e, int64_t c, int64_t label) {
    const long double smoothing = (long double)e->options.label_smoothing;
    return ((c == label ? 1 - smoothing : 0) + smoothing / CLASSES) * (long double)e->weights[c];
}

/* Loss and gradient of sample n; exponentials are off by as much as their arguments. */
static void take_sample(entropy *e, int64_t n, long double g) {
    const int64_t row = n * CLASSES, label = e->label[n];
    const long double counts = label >= 0 ? 1 : 0;
    long double max = -INFINITY, sum = 0, targets = 0;
    for (int64_t c = 0; c < CLASSES; c++) {
        max = fmaxl(max, element(&e->x, row + c));
    }
    for (int64_t c = 0; c < CLASSES; c++) {
        sum += expl(element(&e->x, row + c) - max);
        targets += counts * wanted(e, c, label);
    }
    e->loss[n] = 0;
    for (int64_t c = 0; c < CLASSES; c++) {
        const long double distance = max - element(&e->x, row + c);
        const long double share = counts * wanted(e, c, label);
        const long double part = targets * expl(-distance) / sum;
        e->loss[n] += share * (logl(sum) + distance);
        e->dx[row + c] = g * (part - share);
        e->size_dx[row + c] = fabsl(g) * (part * (1 + distance) + share);
    }
    e->size[n] = e->loss[n] + targets;
    e->divisor += label >= 0 ? (long double)e->weights[label] : 0;
}

/* A number for each sample, and gradients of all of them. */
static void check_each(entropy *e) {
    const int64_t shape[2] = {SAMPLES, CLASSES};
    test_tensor dloss = test_input_f64(1, shape, TEST_REAL, TEST_STRIDED);
    test_tensor loss = test_output_of(CLEAT_F64, 1, shape, TEST_STRIDED),
                again = test_output_of(CLEAT_F64, 2, shape, TEST_ROW_MAJOR);
    test_tensor dx = test_output_of(CLEAT_F64, 2, shape, TEST_ROW_MAJOR);
    for (int64_t n = 0; n < SAMPLES; n++) {
        take_sample(e, n, element(&dloss, n));
    }
    cleat_context *context = test_context();
    e->options.reduction = CLEAT_LOSS_NONE;
    test_ok(
        cleat_softmax_cross_entropy(context, e->x.view, e->labels.view, loss.view, &e->options));
    test_ok(cleat_softmax_cross_entropy_backward(
        context, e->x.view, e->labels.view, &dloss.view, dx.view, &e->options));
    test_ok(cleat_softmax_cross_entropy_backward(
        context, e->x.view, e->labels.view, &dloss.view, again.view, &e->options));
    test_fetch(&again);
    test_fetch(&dx);
    test_same_bits(&dx, &again, "twice");
    test_finish_f64(&loss, e->loss, e->size, CLASSES + 16, "losses");
    test_finish_f64(&dx, e->dx, e->size_dx, CLASSES + 16, "gradient");
    test_free(&again);
    test_free(&dloss);
}

/* The mean, and its gradient in the place of the logits. */
static void check_mean(entropy *e) {
    const int64_t one[1] = {1};
    long double sum = 0, size = 0;
    e->divisor = 0;
    for (int64_t n = 0; n < SAMPLES; n++) {
        take_sample(e, n, 1);
        sum += e->loss[n];
        size += e->size[n];
    }
    sum /= e->divisor;
    size /= e->divisor;
    for (int64_t i = 0; i < LOGITS; i++) {
        e->dx[i] /= e->divisor;
        e->size_dx[i] /= e->divisor;
    }
    cleat_context *context = test_context();
    test_tensor mean = test_output_of(CLEAT_F64, 1, one, TEST_ROW_MAJOR);
    e->options.reduction = CLEAT_LOSS_MEAN;
    test_ok(
        cleat_softmax_cross_entropy(context, e->x.view, e->labels.view, mean.view, &e->options));
    test_ok(cleat_softmax_cross_entropy_backward(
        context, e->x.view, e->labels.view, NULL, e->x.view, &e->options));
    test_fetch(&e->x);
    test_bound_f64(&e->x, e->dx, e->size_dx, CLASSES + SAMPLES + 16, "gradient of the mean");
    test_finish_f64(&mean, &sum, &size, CLASSES + SAMPLES + 16, "mean");
}

/* The plain loss by work-items, as rows are for f32 alone, and the other one by them and by groups.
 */
START_TEST(cross_entropy) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    const bool weighed = _i > 0, groups = _i == 1;
    entropy *e = make_entropy(weighed, groups ? TEST_STRIDED : TEST_ROW_MAJOR);
    force("CLEAT_SOFTMAX_CROSS_ENTROPY", groups ? "group" : "rows items group");
    check_each(e);
    check_mean(e);
    force("CLEAT_SOFTMAX_CROSS_ENTROPY", NULL);
    free_entropy(e);
}
END_TEST

/* ---- Local response normalisation of [2, CHANNELS, LINE] ---- */

enum { CHANNELS = 7, LINE = 21, OUTER = 2, NORMED = OUTER * CHANNELS * LINE, WINDOW = 4 };

typedef struct normed {
    test_tensor x, dy;
    long double alpha, beta, bias;
    long double y[NORMED], size_y[NORMED], dx[NORMED], size_dx[NORMED];
} normed;

/* s of the channel that element `at` is in; of an even window the larger half lies behind. */
static long double scale_of(const normed *n, int64_t at) {
    const int64_t channel = at / LINE % CHANNELS;
    long double sum = 0;
    for (int64_t c = channel - (WINDOW - 1) / 2; c <= channel + WINDOW / 2; c++) {
        if (c >= 0 && c < CHANNELS) {
            const long double v = element(&n->x, at + (c - channel) * LINE);
            sum += v * v;
        }
    }
    return n->bias + n->alpha / WINDOW * sum;
}

/* Powers are off by 32 roundings at most, and by beta times as many as s. */
static void take_normed(normed *n) {
    for (int64_t i = 0; i < NORMED; i++) {
        const long double power = powl(scale_of(n, i), -n->beta), d = element(&n->dy, i);
        const int64_t channel = i / LINE % CHANNELS;
        n->y[i] = element(&n->x, i) * power;
        n->size_y[i] = 4 * fabsl(n->y[i]);
        n->dx[i] = d * power;
        n->size_dx[i] = 4 * fabsl(n->dx[i]);
        for (int64_t c = channel - WINDOW / 2; c <= channel + (WINDOW - 1) / 2; c++) {
            if (c >= 0 && c < CHANNELS) {
                const int64_t at = i + (c - channel) * LINE;
                const long double term = 2 * n->alpha * n->beta / WINDOW * element(&n->x, i) *
                                         element(&n->dy, at) * element(&n->x, at) *
                                         powl(scale_of(n, at), -n->beta - 1);
                n->dx[i] -= term;
                n->size_dx[i] += 4 * fabsl(term);
            }
        }
    }
}

static void check_normed(
    const cleat_local_response_norm_options *options, double largest, test_layout layout) {
    const int64_t shape[3] = {OUTER, CHANNELS, LINE};
    double values[NORMED];
    for (int i = 0; i < NORMED; i++) {
        values[i] = test_real(-largest, largest);
    }
    normed *n = test_alloc(1, sizeof *n);
    n->x = test_typed(CLEAT_F64, 3, shape, values, layout);
    n->dy = test_input_f64(3, shape, TEST_REAL, layout);
    n->alpha = (long double)options->alpha;
    n->beta = (long double)options->beta;
    n->bias = (long double)*options->bias;
    take_normed(n);
    test_tensor y = test_output_of(CLEAT_F64, 3, shape, layout),
                dx = test_output_of(CLEAT_F64, 3, shape, layout);
    test_ok(cleat_local_response_norm(test_context(), n->x.view, WINDOW, y.view, options));
    test_ok(cleat_local_response_norm_backward(
        test_context(), n->x.view, WINDOW, n->dy.view, dx.view, options));
    test_finish_f64(&y, n->y, n->size_y, WINDOW + 16, "local_response_norm");
    test_finish_f64(&dx, n->dx, n->size_dx, WINDOW + 16, "local_response_norm_backward");
    test_free(&n->x);
    test_free(&n->dy);
    free(n);
}

/* With numbers of which f32 knows no square. */
START_TEST(local_response_norm) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    const float bias = 0.7f;
    const bool quarters = _i == 0, strips = _i != 1;
    const cleat_local_response_norm_options options = {
        .alpha = 0.3f, .beta = quarters ? 0.75f : 0.6f, .bias = &bias};
    force("CLEAT_LOCAL_RESPONSE_NORM", strips ? "strips items" : "items");
    check_normed(&options, 1, strips ? TEST_ROW_MAJOR : TEST_STRIDED);
    check_normed(&options, 0x1p200, strips ? TEST_ROW_MAJOR : TEST_STRIDED);
    force("CLEAT_LOCAL_RESPONSE_NORM", NULL);
}
END_TEST

/* ---- The largest of rows ---- */

enum { TOPS = 5, TOP_ROWS = 6, TOP_LENGTH = 150, TOP = TOP_ROWS * TOP_LENGTH };

/* Whether element i of a row comes before element j. */
static bool is_before(const double *row, int64_t i, int64_t j, bool smallest) {
    const bool first = isnan(row[i]), second = isnan(row[j]);
    if (first != second) {
        return first != smallest;
    }
    if (first || row[i] == row[j]) {
        return i < j;
    }
    return smallest ? row[i] < row[j] : row[i] > row[j];
}

/* Many that are equal, some by f32's measure alone, zeros of both signs and NaN. */
static void fill_rows(double *x) {
    for (int i = 0; i < TOP; i++) {
        x[i] = (double)test_int(-3, 3) + (double)test_int(0, 2) * 0x1p-45;
        x[i] = test_int(0, 20) == 0 ? -0.0 : x[i];
        x[i] = i / TOP_LENGTH % 3 == 1 && i % 70 == 0 ? NAN : x[i];
        x[i] = test_int(0, 60) == 0 ? (test_coin() ? 1e300 : -1e300) : x[i];
    }
}

/* The values and places of rows that lie side by side, or the values' gradient. */
START_TEST(largest) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    const bool smallest = test_coin(), groups = _i == 1;
    const int64_t shape[2] = {TOP_ROWS, TOP_LENGTH}, few[2] = {TOP_ROWS, TOPS};
    double x[TOP], zeros[TOP] = {0};
    int64_t places[TOP_ROWS * TOPS];
    long double values[TOP_ROWS * TOPS], dx[TOP] = {0}, size[TOP] = {0};
    fill_rows(x);
    for (int i = 0; i < TOP; i++) {
        const double *row = x + i / TOP_LENGTH * TOP_LENGTH;
        int64_t rank = 0;
        for (int j = 0; j < TOP_LENGTH; j++) {
            rank += is_before(row, j, i % TOP_LENGTH, smallest);
        }
        if (rank < TOPS) {
            places[i / TOP_LENGTH * TOPS + rank] = i % TOP_LENGTH;
            values[i / TOP_LENGTH * TOPS + rank] = (long double)x[i];
        }
    }
    test_tensor from = test_typed(CLEAT_F64, 2, shape, x, groups ? TEST_STRIDED : TEST_ROW_MAJOR);
    test_tensor d = test_input_f64(2, few, TEST_EXACT, TEST_STRIDED);
    test_tensor found = test_output_of(CLEAT_F64, 2, few, TEST_STRIDED);
    test_tensor at = test_typed(CLEAT_I64, 2, few, NULL, TEST_ROW_MAJOR);
    test_tensor gradient = test_typed(CLEAT_F64, 2, shape, zeros, TEST_ROW_MAJOR);
    force("CLEAT_TOP_K", groups ? "group" : "heap group");
    const cleat_top_k_options options = {.smallest = smallest};
    test_ok(cleat_top_k(test_context(), from.view, 1, &found.view, &at.view, &options));
    test_ok(cleat_scatter_add_elements(test_context(), at.view, d.view, 1, gradient.view));
    force("CLEAT_TOP_K", NULL);
    test_fetch(&at);
    if (memcmp(at.elements, places, sizeof places) != 0) {
        ck_abort_msg("places of the %s", smallest ? "smallest" : "largest");
    }
    for (int i = 0; i < TOP_ROWS * TOPS; i++) {
        dx[i / TOPS * TOP_LENGTH + places[i]] = element(&d, i);
    }
    test_finish_f64(&found, values, size, 0, "values");
    test_finish_f64(&gradient, dx, size, 0, "gradient");
    test_free(&from);
    test_free(&d);
    test_free(&at);
}
END_TEST

/* ---- Resizing two axes ---- */

enum { FROM_ROWS = 5, FROM_COLUMNS = 7, TO_ROWS = 8, TO_COLUMNS = 11, PLANES = 3 };
enum { FROM_PLANE = FROM_ROWS * FROM_COLUMNS, TO_PLANE = TO_ROWS * TO_COLUMNS };

/* Keys' kernel, or a triangle. */
static long double tap(bool cubic, long double a, long double d) {
    if (!cubic) {
        return fmaxl(0, 1 - d);
    }
    return d <= 1  ? ((a + 2) * d - (a + 3)) * d * d + 1
           : d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
                   : 0;
}

/* matrix[o][i]: how much of element i of n is in element o of m, corners aligned. */
static void weigh(bool cubic, long double a, int n, int m, long double *matrix) {
    for (int i = 0; i < n * m; i++) {
        matrix[i] = 0;
    }
    for (int o = 0; o < m; o++) {
        const int whole = o * (n - 1) / (m - 1);
        const long double place = (long double)(o * (n - 1)) / (m - 1);
        for (int i = whole - 1; i <= whole + 2; i++) {
            const int inside = i < 0 ? 0 : i >= n ? n - 1 : i;
            matrix[o * n + inside] += tap(cubic, a, fabsl(place - i));
        }
    }
}

/* Whether element `at` of n is among the four around the place of result o of m. */
static bool is_near(int o, int n, int m, int at) {
    return fabsl((long double)(o * (n - 1)) / (m - 1) - at) < 2;
}

/* Linear, cubic, and the gradients. */
START_TEST(resize) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    const bool cubic = _i == 1;
    const int64_t small[3] = {PLANES, FROM_ROWS, FROM_COLUMNS},
                  large[3] = {PLANES, TO_ROWS, TO_COLUMNS};
    const test_layout layout = cubic ? TEST_STRIDED : TEST_ROW_MAJOR;
    const cleat_resize_options options = {.mode = cubic ? CLEAT_RESIZE_CUBIC : CLEAT_RESIZE_LINEAR,
        .coordinates = CLEAT_ALIGN_CORNERS,
        .cubic_coefficient = -0.6f};
    long double rows[TO_ROWS * FROM_ROWS], columns[TO_COLUMNS * FROM_COLUMNS];
    long double y[PLANES * TO_PLANE] = {0}, size_y[PLANES * TO_PLANE] = {0};
    long double dx[PLANES * FROM_PLANE] = {0}, size_dx[PLANES * FROM_PLANE] = {0};
    weigh(cubic, (long double)-0.6f, FROM_ROWS, TO_ROWS, rows);
    weigh(cubic, (long double)-0.6f, FROM_COLUMNS, TO_COLUMNS, columns);
    test_tensor x = test_input_f64(3, small, TEST_REAL, layout);
    test_tensor dy = test_input_f64(3, large, TEST_REAL, layout);
    test_tensor to = test_output_of(CLEAT_F64, 3, large, layout),
                back = test_output_of(CLEAT_F64, 3, small, layout);
    for (int i = 0; i < PLANES * TO_PLANE * FROM_PLANE; i++) {
        const int at = i % FROM_PLANE, plane = i / FROM_PLANE / TO_PLANE;
        const int out = i / FROM_PLANE % TO_PLANE, in = plane * FROM_PLANE + at;
        const int result = plane * TO_PLANE + out;
        const long double weight = rows[out / TO_COLUMNS * FROM_ROWS + at / FROM_COLUMNS] *
                                   columns[out % TO_COLUMNS * FROM_COLUMNS + at % FROM_COLUMNS];
        y[result] += weight * element(&x, in);
        dx[in] += weight * element(&dy, result);
        /* weights are differences of numbers up to 4 */
        if (is_near(out / TO_COLUMNS, FROM_ROWS, TO_ROWS, at / FROM_COLUMNS) &&
            is_near(out % TO_COLUMNS, FROM_COLUMNS, TO_COLUMNS, at % FROM_COLUMNS)) {
            size_y[result] += 4 * fabsl(element(&x, in));
            size_dx[in] += 4 * fabsl(element(&dy, result));
        }
    }
    test_ok(cleat_resize(test_context(), x.view, to.view, &options));
    test_ok(cleat_resize_backward(test_context(), dy.view, back.view, &options));
    test_finish_f64(&to, y, size_y, 16, "resize");
    test_finish_f64(&back, dx, size_dx, 16, "resize_backward");
    test_free(&x);
    test_free(&dy);
}
END_TEST

START_TEST(types_must_agree) {
    cleat_context *context = test_context();
    cleat_tensor x, w, labels;
    const int64_t shape[2] = {1, 1};
    test_ok(cleat_tensor_create(context, CLEAT_F64, 2, shape, &x));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 2, shape, &w));
    test_ok(cleat_tensor_create(context, CLEAT_I32, 1, shape, &labels));
    const bool there = test_has_f64();
    const cleat_status status = there ? CLEAT_TYPE_MISMATCH : CLEAT_UNSUPPORTED;
    const char *part = there ? " has type f32, not f64" : "no double precision";
    test_refused(cleat_softmax_cross_entropy(context, x, labels, w, NULL), status, part);
    test_refused(
        cleat_softmax_cross_entropy_backward(context, x, labels, NULL, w, NULL), status, part);
    test_refused(cleat_local_response_norm(context, x, 3, w, NULL), status, part);
    test_refused(cleat_local_response_norm_backward(context, x, 3, w, x, NULL), status, part);
    test_refused(cleat_top_k(context, x, 0, &w, NULL, NULL), status, part);
    test_refused(cleat_resize(context, x, w, NULL), status, part);
    test_refused(cleat_resize_backward(context, x, w, NULL), status, part);
    if (there) {
        cleat_tensor y;
        test_ok(cleat_tensor_create(context, CLEAT_F64, 2, shape, &y));
        force("CLEAT_RESIZE", "rows");
        force("CLEAT_SOFTMAX_CROSS_ENTROPY", "rows");
        test_refused(cleat_resize(context, x, y, NULL), CLEAT_UNSUPPORTED,
            "variant rows cannot do 1 x 1 to 1 x 1, f64, on");
        test_refused(cleat_softmax_cross_entropy_backward(context, x, labels, NULL, y, NULL),
            CLEAT_UNSUPPORTED, "variant rows cannot do [1, 1], f64, on");
        force("CLEAT_RESIZE", NULL);
        force("CLEAT_SOFTMAX_CROSS_ENTROPY", NULL);
        cleat_tensor_release(&y);
    }
    cleat_tensor_release(&x);
    cleat_tensor_release(&w);
    cleat_tensor_release(&labels);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("rows_f64");
    test_add_loop(suite, "cross_entropy", cross_entropy, 3);
    test_add_loop(suite, "local_response_norm", local_response_norm, 3);
    test_add_loop(suite, "largest", largest, 2);
    test_add_loop(suite, "resize", resize, 2);
    test_add_case(suite, "types_must_agree", types_must_agree);
    return suite;
}
