/* SPDX-License-Identifier: Apache-2.0 */
/* Quantising and back, losses, boxes, transforms and the rest, as nodes of graphs. */
#include "graph_case.h"

/* ---- QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear ---- */

/* Scales that are powers of two: quotients are exact, halves among them. */
static const float scales[4] = {0.5F, 2, 0.25F, 1};

static double quantized(double x, double scale, double zero, cleat_type type) {
    const double levels = cleat_type_size(type) == 1 ? 256 : 65536;
    const double low = case_is_signed(type) ? -levels / 2 : 0;
    return fmin(fmax(rint(x / scale) + zero, low), low + levels - 1);
}

START_TEST(test_quantize) {
    for (int round = 0; round < test_rounds(8); round++) {
        const cleat_type type =
            ((cleat_type[]){CLEAT_I8, CLEAT_U8, CLEAT_I16, CLEAT_U16})[round % 4];
        const float reach = cleat_type_size(type) == 1 ? 1 : 1000; /* past both ends */
        const int64_t shape[3] = {2, 4, 3}, axis = 1 - 3 * test_coin(), many = test_coin() ? 4 : 1;
        const bool has_zero = round % 8 < 5;
        float x[24];
        double zeros[4] = {0}, wanted[24], back[24];
        for (int i = 0; i < 4; i++) {
            /* odd: a tie goes elsewhere if the zero point is added before */
            zeros[i] =
                has_zero ? (double)(2 * test_int(case_is_signed(type) ? -64 : 0, 63) + 1) : 0;
        }
        for (int i = 0; i < 24; i++) {
            const int place = many > 1 ? i / 3 % 4 : 0;
            x[i] = reach * (float)test_int(-1600, 1600) / 8;
            wanted[i] = quantized(
                (double)x[i], (double)scales[place], zeros[place], has_zero ? type : CLEAT_U8);
            back[i] = (wanted[i] - zeros[place]) * (double)scales[place];
        }
        void *of_zero = case_elements(type, zeros, 4);
        void *levels = case_elements(has_zero ? type : CLEAT_U8, wanted, 24);
        const case_value scale = {.type = CLEAT_F32,
            .rank = many > 1,
            .shape = {many},
            .elements = scales,
            .is_constant = test_coin()};
        graph_case g = {.type = "QuantizeLinear",
            .is_strided = test_coin(),
            .input_count = has_zero ? 3 : 2,
            .inputs = {{.type = CLEAT_F32, .rank = 3, .elements = x}, scale,
                {.type = type, .rank = many > 1, .shape = {many}, .elements = of_zero}},
            .attribute_count = 1,
            .attributes = {case_int("axis", &axis)}};
        memcpy(g.inputs[0].shape, shape, sizeof shape);
        case_expect(&g, has_zero ? type : CLEAT_U8, 3, shape, wanted, 0);
        g.type = "DequantizeLinear";
        g.inputs[0].type = has_zero ? type : CLEAT_U8;
        g.inputs[0].elements = levels;
        case_expect(&g, CLEAT_F32, 3, shape, back, 0);
        free(of_zero), free(levels);
    }
}
END_TEST

START_TEST(test_dynamic_quantize) {
    for (int round = 0; round < test_rounds(6); round++) {
        float x[20], least = 0, most = 0;
        double wanted[20];
        for (int i = 0; i < 20; i++) { /* all of one sign, too */
            x[i] = (float)test_real(round % 3 == 1 ? 1 : -3, round % 3 == 2 ? -1 : 3);
            least = fminf(least, x[i]);
            most = fmaxf(most, x[i]);
        }
        const float scale = (most - least) / 255;
        const double zero = rint((double)(-least / scale));
        for (int i = 0; i < 20; i++) {
            wanted[i] = fmin(fmax(rint((double)(x[i] / scale)) + zero, 0), 255);
        }
        const graph_case g = {.type = "DynamicQuantizeLinear",
            .input_count = 1,
            .output_count = 3,
            .inputs = {{.type = CLEAT_F32, .rank = 2, .shape = {4, 5}, .elements = x}}};
        for (size_t place = 0; place < 2; place++) {
            case_result results[3] = {{0}};
            test_ok(case_run(&g, case_places[place], results));
            const uint8_t *levels = results[0].elements;
            for (int i = 0; i < 20 && !test_ignores_values(); i++) {
                /* a quotient that a device rounds otherwise may be a tie */
                ck_assert_msg(fabs(levels[i] - wanted[i]) <= 1, "element %d is %d, not %g", i,
                    levels[i], wanted[i]);
            }
            ck_assert(test_ignores_values() ||
                      fabsf(*(float *)results[1].elements - scale) <= 1e-6F * scale);
            ck_assert(test_ignores_values() || fabs(*(uint8_t *)results[2].elements - zero) <= 1);
            case_free(results, 3);
        }
    }
}
END_TEST

/* ---- Losses ---- */

static void expect_near(const graph_case *g, size_t output, int64_t count, const double *wanted) {
    for (size_t place = 0; place < 2; place++) {
        case_result results[CASE_MOST] = {{0}};
        test_ok(case_run(g, case_places[place], results));
        ck_assert_int_eq(results[output].count, count);
        double *got = case_doubles(results[output].type, results[output].elements, count);
        for (int64_t i = 0; i < count && !test_ignores_values(); i++) {
            ck_assert_msg(fabs(got[i] - wanted[i]) <= 2e-5 * (1 + fabs(wanted[i])),
                "%s, output %zu in place %zu: element %lld is %.9g, not %.9g", g->type, output,
                place, (long long)i, got[i], wanted[i]);
        }
        free(got);
        case_free(results, g->output_count > 0 ? g->output_count : 1);
    }
}

/* x [2, 3, 4]: what the labels take of it, weighted. */
START_TEST(test_losses) {
    static const char *const reductions[] = {"none", "mean", "sum"};
    const bool has_softmax = _i >= 3, has_weights = test_coin(), ignores = test_coin();
    const int64_t ignored = test_coin() ? 1 : -7;
    float x[24], weights[3] = {0.5F, 2, 1.5F};
    double log_x[24], losses[9], divisor = 0;
    int64_t labels[8];
    for (int i = 0; i < 24; i++) {
        x[i] = (float)test_real(-2, 2);
    }
    for (int i = 0; i < 24; i++) {
        double sum = 0;
        for (int c = 0; c < 3; c++) {
            sum += exp((double)x[i / 12 * 12 + c * 4 + i % 4]);
        }
        log_x[i] = (double)x[i] - (has_softmax ? log(sum) : 0);
    }
    losses[8] = 0;
    for (int i = 0; i < 8; i++) {
        labels[i] = ignores && test_int(0, 3) == 0 ? ignored : test_int(0, 2);
        const bool counts = !ignores || labels[i] != ignored;
        const double weight = !counts ? 0 : has_weights ? (double)weights[labels[i]] : 1;
        losses[i] = counts ? -weight * log_x[i / 4 * 12 + labels[i] * 4 + i % 4] : 0;
        losses[8] += losses[i];
        divisor += weight;
    }
    if (_i % 3 == 1) {
        losses[8] /= divisor;
    }
    graph_case g = {.type = has_softmax ? "SoftmaxCrossEntropyLoss" : "NegativeLogLikelihoodLoss",
        .input_count = has_weights ? 3 : 2,
        .output_count = has_softmax ? 2 : 1,
        .inputs = {{.type = CLEAT_F32, .rank = 3, .shape = {2, 3, 4}, .elements = x},
            {.type = CLEAT_I64, .rank = 2, .shape = {2, 4}, .elements = labels},
            {.type = CLEAT_F32, .rank = 1, .shape = {3}, .elements = weights}},
        .attribute_count = ignores ? 2 : 1,
        .attributes = {
            case_text("reduction", &reductions[_i % 3]), case_int("ignore_index", &ignored)}};
    if (divisor > 0) {
        expect_near(&g, 0, _i % 3 == 0 ? 8 : 1, _i % 3 == 0 ? losses : losses + 8);
    }
    if (has_softmax) {
        expect_near(&g, 1, 24, log_x);
    }
    labels[0] = 0;
    g.inputs[1].shape[1] = 3;
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "x [2, 3, 4] of f32, labels [2, 3] of i64");
}
END_TEST

/* ---- Boxes ---- */

START_TEST(test_suppression) {
    /* two that overlap by 9 / 11, one apart, one turned over; by corners y1, x1, y2, x2 */
    const float boxes[16] = {0, 0, 10, 10, 0, 1, 10, 11, 0, 20, 10, 30, 10, 50, 0, 40};
    const float scores[8] = {0.9F, 0.95F, 0.5F, 0.6F, 0.1F, 0.8F, 0.2F, 0.05F};
    const int64_t most = 3;
    const float overlap = 0.8F, least = 0.15F;
    const double wanted[] = {0, 0, 1, 0, 0, 3, 0, 0, 2, 0, 1, 1, 0, 1, 2};
    graph_case g = {.type = "NonMaxSuppression",
        .input_count = 5,
        .inputs = {{.type = CLEAT_F32, .rank = 3, .shape = {1, 4, 4}, .elements = boxes},
            {.type = CLEAT_F32, .rank = 3, .shape = {1, 2, 4}, .elements = scores},
            {.type = CLEAT_I64, .elements = &most},
            {.type = CLEAT_F32, .rank = 1, .shape = {1}, .elements = &overlap},
            {.type = CLEAT_F32, .elements = &least}}};
    case_expect(&g, CLEAT_I64, 2, (int64_t[]){5, 3}, wanted, 0);
    const float loose = 0.82F;
    const double more[] = {0, 0, 1, 0, 0, 0, 0, 0, 3, 0, 1, 1, 0, 1, 2};
    g.inputs[3].elements = &loose;
    case_expect(&g, CLEAT_I64, 2, (int64_t[]){5, 3}, more, 0);
    g.inputs[1].shape[2] = 3;
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "boxes [1, 4, 4] and scores [1, 2, 3]");
}
END_TEST

/* ---- Transforms ---- */

/* exp(-+ 2 pi i j k / n) x, n numbers from the first. */
static void sum_at(
    const double *x, int64_t n, int64_t step, int64_t k, bool is_complex, bool inverse, double *y) {
    y[0] = y[1] = 0;
    for (int64_t j = 0; j < n; j++) {
        const double angle = (inverse ? 2 : -2) * acos(-1.0) * (double)(j * k) / (double)n;
        const double real = x[j * step], imaginary = is_complex ? x[j * step + 1] : 0;
        y[0] += real * cos(angle) - imaginary * sin(angle);
        y[1] += real * sin(angle) + imaginary * cos(angle);
    }
    y[0] /= inverse ? (double)n : 1;
    y[1] /= inverse ? (double)n : 1;
}

START_TEST(test_dft) {
    for (int round = 0; round < test_rounds(8); round++) {
        const bool is_complex = test_coin();
        const int64_t parts = is_complex ? 2 : 1, inverse = is_complex && test_coin();
        const int64_t half = !is_complex && test_coin(), axis = 1, n = test_int(1, 9);
        const int64_t m = half ? n / 2 + 1 : n, columns = 2;
        double *x = case_draw(CLEAT_F32, 2 * n * columns * parts, 5);
        double *wanted = test_alloc(2 * m * columns * 2, sizeof *wanted);
        void *elements = case_elements(CLEAT_F32, x, 2 * n * columns * parts);
        for (int64_t i = 0; i < 2 * m * columns; i++) {
            const int64_t row = i / columns / m, k = i / columns % m, column = i % columns;
            sum_at(x + (row * n * columns + column) * parts, n, columns * parts, k, is_complex,
                inverse != 0, wanted + 2 * i);
        }
        const graph_case g = {.type = "DFT",
            .input_count = 1,
            .inputs = {{.type = CLEAT_F32,
                .rank = 4,
                .shape = {2, n, columns, parts},
                .elements = elements}},
            .attribute_count = 3,
            .attributes = {case_int("axis", &axis), case_int("inverse", &inverse),
                case_int("onesided", &half)}};
        expect_near(&g, 0, 2 * m * columns * 2, wanted);
        free(x), free(wanted), free(elements);
    }
}
END_TEST

START_TEST(test_stft) {
    const int64_t step = 3, half = _i, m = half ? 3 : 4;
    float signal[22], window[4] = {0.5F, 1, 1, 0.25F};
    double windowed[4], wanted[64];
    for (int i = 0; i < 22; i++) {
        signal[i] = (float)test_int(-4, 4);
    }
    for (int64_t i = 0; i < 2 * 3; i++) { /* 11 numbers: three frames of 4 */
        for (int64_t j = 0; j < 4; j++) {
            windowed[j] = (double)(signal[i / 3 * 11 + i % 3 * step + j] * window[j]);
        }
        for (int64_t k = 0; k < m; k++) {
            sum_at(windowed, 4, 1, k, false, false, wanted + 2 * (i * m + k));
        }
    }
    const graph_case g = {.type = "STFT",
        .input_count = 3,
        .inputs = {{.type = CLEAT_F32, .rank = 2, .shape = {2, 11}, .elements = signal},
            {.type = CLEAT_I64, .elements = &step},
            {.type = CLEAT_F32, .rank = 1, .shape = {4}, .elements = window}},
        .attribute_count = 1,
        .attributes = {case_int("onesided", &half)}};
    expect_near(&g, 0, 2 * 3 * m * 2, wanted);
}
END_TEST

START_TEST(test_determinants) {
    /* one that needs a pivot, one that is 0, one of a triangle */
    const float x[27] = {
        0, 2, 1, 3, 0, 0, 0, 0, 4, 1, 2, 3, 2, 4, 6, 1, 1, 1, 2, 5, 7, 0, 3, 9, 0, 0, -1};
    const double wanted[3] = {-24, 0, -6};
    graph_case g = {.type = "Det",
        .input_count = 1,
        .inputs = {{.type = CLEAT_F32, .rank = 3, .shape = {3, 3, 3}, .elements = x}}};
    expect_near(&g, 0, 3, wanted);
    g.inputs[0].shape[1] = 1;
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "expected square matrices");
}
END_TEST

START_TEST(test_grams) {
    const int64_t x[6] = {5, 6, 5, 7, 6, 5}, pool[7] = {5, 7, 9, 5, 6, 6, 5}, starts[2] = {0, 3};
    const int64_t places[5] = {0, 1, 2, 4, 3}, least = 1, most = 2, skips = 1;
    const float weights[5] = {1, 2, 3, 4, 5};
    /* 5 three times, 7 once, 9 never; 6 5 and 5 6 twice each, once with one between */
    const double counts[5] = {3, 1, 0, 2, 2}, both[5] = {3, 2, 0, 10, 8};
    const double ones[5] = {1, 2, 0, 5, 4};
    static const char *const weighted[] = {"TF", "TFIDF", "IDF"};
    const double *const wanted[] = {counts, both, ones};
    for (int i = 0; i < 3; i++) {
        const graph_case g = {.type = "TfIdfVectorizer",
            .input_count = 1,
            .inputs = {{.type = CLEAT_I64, .rank = 1, .shape = {6}, .elements = x}},
            .attribute_count = 8,
            .attributes = {case_text("mode", &weighted[i]), case_ints("pool_int64s", 7, pool),
                case_ints("ngram_counts", 2, starts), case_ints("ngram_indexes", 5, places),
                case_int("min_gram_length", &least), case_int("max_gram_length", &most),
                case_int("max_skip_count", &skips),
                {.name = "weights",
                    .kind = CLEAT_ATTRIBUTE_FLOATS,
                    .count = 5,
                    .floats = weights}}};
        case_expect(&g, CLEAT_F32, 1, (int64_t[]){5}, wanted[i], 0);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph_quantize");
    test_add_case(suite, "quantize", test_quantize);
    test_add_case(suite, "dynamic_quantize", test_dynamic_quantize);
    test_add_loop(suite, "losses", test_losses, 6);
    test_add_case(suite, "suppression", test_suppression);
    test_add_case(suite, "dft", test_dft);
    test_add_loop(suite, "stft", test_stft, 2);
    test_add_case(suite, "determinants", test_determinants);
    test_add_case(suite, "grams", test_grams);
    return suite;
}
