/* SPDX-License-Identifier: Apache-2.0 */
/* Operators of graphs whose elements follow from numbers, or are drawn at random. */
#include "graph_case.h"

/* ---- ConstantOfShape, Range ---- */

START_TEST(test_constant_of_shape) {
    const float seven[] = {7.5F};
    const int64_t wide[] = {(INT64_C(1) << 60) + 1}, one_extent = 1;
    const int64_t shape[] = {2, 3}, none[] = {0, 4};
    graph_case g = {.type = "ConstantOfShape", .input_count = 1};
    g.inputs[0] = case_integers(2, shape);
    case_expect(&g, CLEAT_F32, 2, shape, (const double[]){0, 0, 0, 0, 0, 0}, 0);
    g.inputs[0] = case_integers(2, none);
    case_expect(&g, CLEAT_F32, 2, none, NULL, 0);
    g.attribute_count = 1;
    g.attributes[0] = (cleat_attribute){.name = "value",
        .kind = CLEAT_ATTRIBUTE_TENSOR,
        .type = CLEAT_F32,
        .rank = 1,
        .shape = &one_extent,
        .elements = seven};
    g.inputs[0] = case_integers(0, NULL);
    case_expect(&g, CLEAT_F32, 0, NULL, (const double[]){7.5}, 0);
    const int64_t many[] = {5, 7};
    double wanted[35];
    for (int i = 0; i < 35; i++) {
        wanted[i] = 7.5;
    }
    g.inputs[0] = case_integers(2, many);
    case_expect(&g, CLEAT_F32, 2, many, wanted, 0);
    g.attributes[0].type = CLEAT_I64;
    g.attributes[0].elements = wide;
    case_result y[1] = {{0}};
    test_ok(case_run(&g, CASE_HOST, y));
    ck_assert(test_ignores_values() || ((const int64_t *)y[0].elements)[34] == wide[0]);
    case_free(y, 1);
    g.inputs[0] = case_integers(2, (const int64_t[]){2, -3});
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "ConstantOfShape");
}
END_TEST

static void expect_range(
    cleat_type type, const double *numbers, int64_t count, const double *wanted, double relative) {
    graph_case g = {.type = "Range", .input_count = 3};
    for (int i = 0; i < 3; i++) {
        g.inputs[i] = (case_value){.type = type, .elements = case_elements(type, &numbers[i], 1)};
    }
    if (count < 0) {
        case_refused(&g, CLEAT_INVALID_ARGUMENT, "no end");
    } else {
        case_expect(&g, type, 1, &count, wanted, relative);
    }
    for (int i = 0; i < 3; i++) {
        free((void *)(uintptr_t)g.inputs[i].elements);
    }
}

START_TEST(test_range) {
    expect_range(CLEAT_I64, (const double[]){3, 9, 3}, 2, (const double[]){3, 6}, 0);
    expect_range(CLEAT_I32, (const double[]){10, 4, -2}, 3, (const double[]){10, 8, 6}, 0);
    expect_range(CLEAT_I16, (const double[]){0, 7, 3}, 3, (const double[]){0, 3, 6}, 0);
    expect_range(CLEAT_F32, (const double[]){1, 2.1, 0.5}, 3, (const double[]){1, 1.5, 2}, 1e-6);
    expect_range(CLEAT_F64, (const double[]){1, -1, -1}, 2, (const double[]){1, 0}, 0);
    expect_range(CLEAT_I64, (const double[]){3, 3, 1}, 0, NULL, 0);
    expect_range(CLEAT_I64, (const double[]){3, 9, -1}, 0, NULL, 0);
    expect_range(CLEAT_I64, (const double[]){3, 9, 0}, -1, NULL, 0);
    expect_range(CLEAT_F32, (const double[]){3, 9, 0}, -1, NULL, 0);
}
END_TEST

/* ---- EyeLike, Trilu ---- */

START_TEST(test_eye_like) {
    const int64_t f64 = 11;
    for (int64_t k = -4; k <= 4; k++) {
        const int64_t shape[] = {3, 4};
        double wanted[12];
        const int32_t x[12] = {0};
        for (int64_t i = 0; i < 12; i++) {
            wanted[i] = i % 4 == i / 4 + k;
        }
        graph_case g = {.type = "EyeLike",
            .input_count = 1,
            .inputs = {{.type = CLEAT_I32, .rank = 2, .shape = {3, 4}, .elements = x}},
            .attribute_count = 1,
            .attributes = {case_int("k", &k), case_int("dtype", &f64)}};
        case_expect(&g, CLEAT_I32, 2, shape, wanted, 0);
        g.attribute_count = 2;
        case_expect(&g, CLEAT_F64, 2, shape, wanted, 0);
    }
}
END_TEST

START_TEST(test_trilu) {
    const int64_t upper = _i;
    for (int round = 0; round < test_rounds(12); round++) {
        const int64_t k = test_int(-5, 5);
        const int32_t rank = (int32_t)test_int(2, 3);
        int64_t shape[CLEAT_MAX_RANK];
        case_shape(rank, 4, true, shape);
        const int64_t count = case_count(rank, shape);
        int64_t *source = test_alloc(count, sizeof *source);
        for (int64_t i = 0; i < count; i++) {
            const int64_t column = i % shape[rank - 1];
            const int64_t row = i / shape[rank - 1] % shape[rank - 2];
            const bool is_kept = upper != 0 ? column >= row + k : column <= row + k;
            source[i] = is_kept ? i : -1;
        }
        graph_case g = {.type = "Trilu",
            .input_count = k != 0 || test_coin() ? 2 : 1,
            .attribute_count = 1,
            .attributes = {case_int("upper", &upper)}};
        g.inputs[0].rank = rank;
        memcpy(g.inputs[0].shape, shape, sizeof shape);
        g.inputs[1] = (case_value){.type = CLEAT_I64, .elements = &k, .is_constant = true};
        case_expect_moved(&g, rank, shape, source, 0);
        free(source);
    }
}
END_TEST

/* ---- OneHot ---- */

START_TEST(test_one_hot) {
    const float values[] = {2, 5};
    const int64_t depth = 3;
    const int32_t x[] = {0, -1, 3, 2, -3, -4};
    const int64_t classes[] = {0, 2, -1, 2, 0, -1};
    for (int64_t axis = -3; axis < 3; axis++) {
        const int64_t at = axis < 0 ? axis + 3 : axis;
        const int64_t shape[] = {at == 0 ? 3 : 2, at == 1 ? 3 : at == 0 ? 2 : 3, 3};
        int64_t index[3];
        double wanted[18];
        for (int64_t i = 0; i < 18; i++) {
            case_index_of(3, shape, i, index);
            const int64_t row = at == 0 ? index[1] : index[0];
            const int64_t column = at == 2 ? index[1] : index[2];
            wanted[i] = index[at] == classes[row * 3 + column] ? 5 : 2;
        }
        graph_case g = {.type = "OneHot",
            .input_count = 3,
            .inputs = {{.type = CLEAT_I32, .rank = 2, .shape = {2, 3}, .elements = x},
                {.type = CLEAT_I64, .elements = &depth, .is_constant = true},
                {.type = CLEAT_F32, .rank = 1, .shape = {2}, .elements = values}},
            .attribute_count = 1,
            .attributes = {case_int("axis", &axis)}};
        case_expect(&g, CLEAT_F32, 3, shape, wanted, 0);
    }
}
END_TEST

/* ---- Windows ---- */

START_TEST(test_windows) {
    static const struct {
        const char *type;
        double a, b, c;
    } rows[] = {{"HannWindow", 0.5, 0.5, 0}, {"HammingWindow", 25.0 / 46, 21.0 / 46, 0},
        {"BlackmanWindow", 0.42, 0.5, 0.08}};
    const int64_t periodic = _i % 2, size = 9, f64 = 11;
    double wanted[9];
    for (int i = 0; i < 9; i++) {
        const double at = 2 * acos(-1) * i / (periodic ? 9 : 8);
        wanted[i] = rows[_i / 2].a - rows[_i / 2].b * cos(at) + rows[_i / 2].c * cos(2 * at);
        wanted[i] = fabs(wanted[i]) < 1e-15 ? 0 : wanted[i];
    }
    graph_case g = {.type = rows[_i / 2].type,
        .input_count = 1,
        .inputs = {{.type = CLEAT_I64, .elements = &size}},
        .attribute_count = 2,
        .attributes = {case_int("periodic", &periodic), case_int("output_datatype", &f64)}};
    case_result y[1] = {{0}};
    test_ok(case_run(&g, CASE_DEVICE, y));
    ck_assert_int_eq(y[0].type, CLEAT_F64);
    ck_assert_int_eq(y[0].count, 9);
    for (int i = 0; i < 9; i++) {
        ck_assert(fabs(((const double *)y[0].elements)[i] - wanted[i]) < 1e-12);
    }
    case_free(y, 1);
    g.attribute_count = 1;
    test_ok(case_run(&g, CASE_HOST, y));
    ck_assert_int_eq(y[0].type, CLEAT_F32);
    case_free(y, 1);
}
END_TEST

/* ---- Random numbers ---- */

/* Mean and deviation of what the case gives twice in one model and once in another. */
static void moments(const graph_case *g, cleat_type type, double *mean, double *deviation) {
    case_result y[1] = {{0}};
    test_ok(case_run(g, CASE_DEVICE, y));
    ck_assert_int_eq(y[0].type, type);
    double *numbers = case_doubles(type, y[0].elements, y[0].count), sum = 0, squares = 0;
    for (int64_t i = 0; i < y[0].count; i++) {
        sum += numbers[i];
        squares += numbers[i] * numbers[i];
    }
    *mean = sum / (double)y[0].count;
    *deviation = sqrt(squares / (double)y[0].count - *mean * *mean);
    free(numbers);
    case_free(y, 1);
}

START_TEST(test_random_numbers) {
    static const float two = 2, five = 5, seed = 3;
    static const int64_t shape[] = {50, 80}, types[] = {1, 11, 10};
    static const cleat_type of[] = {CLEAT_F32, CLEAT_F64, CLEAT_F16};
    double mean = 0, deviation = 0;
    graph_case g = {.type = "RandomNormal",
        .attribute_count = 5,
        .attributes = {case_ints("shape", 2, shape), case_int("dtype", &types[_i]),
            case_float("mean", &five), case_float("scale", &two), case_float("seed", &seed)}};
    moments(&g, of[_i], &mean, &deviation);
    ck_assert(test_ignores_values() || (fabs(mean - 5) < 0.2 && fabs(deviation - 2) < 0.2));
    g.type = "RandomUniform";
    g.attributes[2] = case_float("low", &two);
    g.attributes[3] = case_float("high", &five);
    moments(&g, of[_i], &mean, &deviation);
    ck_assert(
        test_ignores_values() || (fabs(mean - 3.5) < 0.2 && fabs(deviation - 3 / sqrt(12)) < 0.1));
    float x[4000];
    for (int i = 0; i < 4000; i++) {
        x[i] = 0.25F;
    }
    g.type = "RandomUniformLike";
    g.input_count = 1;
    g.inputs[0] = (case_value){.type = CLEAT_F32, .rank = 2, .shape = {50, 80}, .elements = x};
    moments(&g, of[_i], &mean, &deviation);
    ck_assert(test_ignores_values() || fabs(mean - 3.5) < 0.2);
    g.type = "Bernoulli";
    moments(&g, of[_i], &mean, &deviation);
    ck_assert(test_ignores_values() ||
              (fabs(mean - 0.25) < 0.05 && fabs(deviation - sqrt(0.25 * 0.75)) < 0.05));
}
END_TEST

START_TEST(test_multinomial) {
    static const float x[] = {0, 0, -100, -100, 3, -100};
    const int64_t samples = 400, i64 = 7;
    const graph_case g = {.type = "Multinomial",
        .input_count = 1,
        .inputs = {{.type = CLEAT_F32, .rank = 2, .shape = {2, 3}, .elements = x}},
        .attribute_count = 2,
        .attributes = {case_int("sample_size", &samples), case_int("dtype", &i64)}};
    case_result y[1] = {{0}};
    test_ok(case_run(&g, CASE_DEVICE, y));
    ck_assert_int_eq(y[0].type, CLEAT_I64);
    ck_assert_int_eq(y[0].count, 800);
    const int64_t *classes = y[0].elements;
    int64_t ones = 0;
    for (int i = 0; !test_ignores_values() && i < 400; i++) {
        ck_assert(classes[i] == 0 || classes[i] == 1);
        ck_assert_int_eq(classes[400 + i], 1);
        ones += classes[i];
    }
    ck_assert(test_ignores_values() || (ones > 120 && ones < 280));
    case_free(y, 1);
}
END_TEST

/* A model's runs differ, a model made again repeats them; the mask tells what was dropped. */
START_TEST(test_dropout) {
    float x[1000];
    const float ratio = 0.25F, seed = 1;
    const uint8_t yes = 1;
    for (int i = 0; i < 1000; i++) {
        x[i] = (float)(i + 1);
    }
    graph_case g = {.type = "Dropout",
        .opset = 13,
        .input_count = 3,
        .output_count = 2,
        .inputs = {{.type = CLEAT_F32, .rank = 1, .shape = {1000}, .elements = x},
            {.type = CLEAT_F32, .elements = &ratio},
            {.type = CLEAT_BOOL, .elements = &yes, .is_constant = true}},
        .attribute_count = 1,
        .attributes = {case_float("seed", &seed)}};
    case_result y[2] = {{0}}, again[2] = {{0}};
    test_ok(case_run(&g, CASE_DEVICE, y));
    test_ok(case_run(&g, CASE_DEVICE, again));
    const float *kept = y[0].elements;
    const uint8_t *mask = y[1].elements;
    int64_t dropped = 0;
    ck_assert_int_eq(y[1].type, CLEAT_BOOL);
    for (int i = 0; !test_ignores_values() && i < 1000; i++) {
        const double wanted = mask[i] != 0 ? (double)x[i] / 0.75 : 0;
        ck_assert(fabs((double)kept[i] - wanted) <= 1e-6 * wanted);
        dropped += mask[i] == 0;
    }
    ck_assert(test_ignores_values() || (dropped > 180 && dropped < 320));
    ck_assert(test_ignores_values() || memcmp(kept, again[0].elements, sizeof x) == 0);
    case_free(y, 2);
    case_free(again, 2);
    g.input_count = 2; /* not in training */
    for (int place = 0; place < 2; place++) {
        test_ok(case_run(&g, case_places[place], y));
        ck_assert(test_ignores_values() || memcmp(y[0].elements, x, sizeof x) == 0);
        ck_assert(test_ignores_values() || ((const uint8_t *)y[1].elements)[999] == 1);
        case_free(y, 2);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph_generate");
    test_add_case(suite, "constant", test_constant_of_shape);
    test_add_case(suite, "range", test_range);
    test_add_case(suite, "eye", test_eye_like);
    test_add_loop(suite, "trilu", test_trilu, 2);
    test_add_case(suite, "one_hot", test_one_hot);
    test_add_loop(suite, "windows", test_windows, 6);
    test_add_loop(suite, "random", test_random_numbers, 3);
    test_add_case(suite, "multinomial", test_multinomial);
    test_add_case(suite, "dropout", test_dropout);
    return suite;
}
