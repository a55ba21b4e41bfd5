/* SPDX-License-Identifier: Apache-2.0 */
/* Operators of graphs that compute element by element: what is special about some of them, and
 * those that choose and cast. */
#include "graph_case.h"

/* ---- Integers of 64 bits, which no double holds ---- */

static void expect_wide(const char *type, cleat_type of, const uint64_t *a, const uint64_t *b,
    const void *wanted, cleat_type result) {
    const int first = strcmp(type, "Mul") == 0 || strcmp(type, "Less") == 0 ? 0 : 1;
    for (int place = first; place < 2; place++) {
        const graph_case g = {.type = type,
            .input_count = 2,
            .inputs = {{.type = of, .rank = 1, .shape = {2}, .elements = a},
                {.type = of, .rank = 1, .shape = {2}, .elements = b}}};
        case_result y[1] = {{0}};
        test_ok(case_run(&g, case_places[place], y));
        ck_assert_int_eq(y[0].type, result);
        if (!test_ignores_values()) {
            ck_assert_msg(memcmp(y[0].elements, wanted, 2 * cleat_type_size(result)) == 0,
                "%s of %s: wrong in place %d", type, cleat_type_name(of), place);
        }
        case_free(y, 1);
    }
}

START_TEST(test_wide_integers) {
    const uint64_t top = UINT64_C(1) << 63, all = UINT64_MAX;
    const uint64_t a[2] = {all, top + 1}, b[2] = {3, top};
    expect_wide("Add", CLEAT_U64, a, b, (uint64_t[]){2, 1}, CLEAT_U64);
    expect_wide("Sub", CLEAT_U64, b, a, (uint64_t[]){4, all}, CLEAT_U64);
    expect_wide("Mul", CLEAT_U64, a, b, (uint64_t[]){all - 2, top}, CLEAT_U64);
    expect_wide("Div", CLEAT_U64, a, b, (uint64_t[]){all / 3, 1}, CLEAT_U64);
    expect_wide("Mod", CLEAT_U64, a, b, (uint64_t[]){all % 3, 1}, CLEAT_U64);
    expect_wide("Max", CLEAT_U64, a, b, a, CLEAT_U64);
    expect_wide("Min", CLEAT_U64, a, b, b, CLEAT_U64);
    expect_wide("Pow", CLEAT_U64, (uint64_t[]){3, 10}, (uint64_t[]){40, 19},
        (uint64_t[]){UINT64_C(12157665459056928801), UINT64_C(10000000000000000000)}, CLEAT_U64);
    expect_wide("Less", CLEAT_U64, a, b, (uint8_t[]){0, 0}, CLEAT_BOOL);
    expect_wide("Greater", CLEAT_U64, a, b, (uint8_t[]){1, 1}, CLEAT_BOOL);
    expect_wide(
        "Equal", CLEAT_U64, a, (uint64_t[]){all - 1, top + 1}, (uint8_t[]){0, 1}, CLEAT_BOOL);
    expect_wide("Less", CLEAT_I64, a, b, (uint8_t[]){1, 0}, CLEAT_BOOL);
    expect_wide("Max", CLEAT_I64, a, b, (uint64_t[]){3, top + 1}, CLEAT_I64);
    expect_wide("Div", CLEAT_I64, (uint64_t[]){top, all}, (uint64_t[]){all, 0},
        (uint64_t[]){top, 0}, CLEAT_I64);
    expect_wide("Mod", CLEAT_I64, (uint64_t[]){top, all}, (uint64_t[]){all, top - 1},
        (uint64_t[]){0, top - 2}, CLEAT_I64);
}
END_TEST

START_TEST(test_shifts) {
    const char *const directions[] = {"LEFT", "RIGHT"};
    const cleat_type types[] = {CLEAT_U8, CLEAT_U16, CLEAT_U32, CLEAT_U64};
    const double x[] = {200, 16, 1}, by[] = {1, 3, 63};
    const double wanted[2][4][3] = {
        {{144, 128, 0}, {400, 128, 0}, {400, 128, 0}, {400, 128, 9223372036854775808.0}},
        {{100, 2, 0}, {100, 2, 0}, {100, 2, 0}, {100, 2, 0}}};
    for (int i = 0; i < 8; i++) {
        void *a = case_elements(types[i / 2], x, 3), *b = case_elements(types[i / 2], by, 3);
        graph_case g = {.type = "BitShift",
            .input_count = 2,
            .inputs = {{.type = types[i / 2], .rank = 1, .shape = {3}, .elements = a},
                {.type = types[i / 2], .rank = 1, .shape = {3}, .elements = b}},
            .attribute_count = 1,
            .attributes = {case_text("direction", &directions[i % 2])}};
        case_expect(&g, types[i / 2], 1, (int64_t[]){3}, wanted[i % 2][i / 2], 0);
        free(a);
        free(b);
    }
}
END_TEST

/* ---- Pow, Mod, several operands ---- */

START_TEST(test_powers) {
    const float base[] = {-3, -1.5F, 0, 2, 5, 1}, exponent[] = {2, 3, 0, -2, 2, 9};
    const double wanted[] = {9, -3.375, 1, 0.25, 25, 1};
    const double squares[] = {9, 2.25, 0, 4, 25, 1};
    const int64_t whole[] = {2, 3, 0, -2, 2, 9};
    graph_case g = {.type = "Pow",
        .input_count = 2,
        .inputs = {{.type = CLEAT_F32, .rank = 1, .shape = {6}, .elements = base},
            {.type = CLEAT_F32, .rank = 1, .shape = {6}, .elements = exponent}}};
    case_expect(&g, CLEAT_F32, 1, (int64_t[]){6}, wanted, 1e-6);
    g.inputs[1].type = CLEAT_I64;
    g.inputs[1].elements = whole;
    case_expect(&g, CLEAT_F32, 1, (int64_t[]){6}, wanted, 1e-6);
    g.inputs[1].is_constant = true;
    case_expect(&g, CLEAT_F32, 1, (int64_t[]){6}, wanted, 1e-6);
    g.inputs[1].shape[0] = 1; /* a square */
    case_expect(&g, CLEAT_F32, 1, (int64_t[]){6}, squares, 0);
    const int64_t large[] = {(INT64_C(1) << 40) + 1};
    g.inputs[1].elements = large; /* odd, which no f32 can tell */
    g.inputs[0].shape[0] = 1;
    g.inputs[0].elements = (const float[]){-1};
    case_expect(&g, CLEAT_F32, 1, (int64_t[]){1}, (double[]){-1}, 0);
    const int32_t numbers[] = {-3, -1, 0, 2, 5, 1}, powers[] = {3, -3, 0, -2, 2, 9};
    g.inputs[0] = (case_value){.type = CLEAT_I32, .rank = 1, .shape = {6}, .elements = numbers};
    g.inputs[1] = (case_value){.type = CLEAT_I32, .rank = 1, .shape = {6}, .elements = powers};
    case_expect(&g, CLEAT_I32, 1, (int64_t[]){6}, (double[]){-27, -1, 1, 0, 25, 1}, 0);
}
END_TEST

START_TEST(test_remainders) {
    const double a[] = {-4, 7, 5, 4, -7, 8}, b[] = {2, -3, 8, -2, 3, 5};
    const double like_c[] = {0, 1, 5, 0, -1, 3};
    const int64_t one = 1;
    for (int i = 0; i < CASE_TYPES; i++) {
        const cleat_type type = case_types[i];
        if (!case_is_floating(type) && !case_is_signed(type)) {
            continue;
        }
        void *left = case_elements(type, a, 6), *right = case_elements(type, b, 6);
        graph_case g = {.type = "Mod",
            .input_count = 2,
            .inputs = {{.type = type, .rank = 1, .shape = {6}, .elements = left},
                {.type = type, .rank = 1, .shape = {6}, .elements = right}},
            .attribute_count = 1,
            .attributes = {case_int("fmod", &one)}};
        case_expect(&g, type, 1, (int64_t[]){6}, like_c, 0);
        if (case_is_floating(type)) {
            g.attribute_count = 0;
            case_refused(&g, CLEAT_TYPE_MISMATCH, cleat_type_name(type));
        }
        free(left);
        free(right);
    }
}
END_TEST

START_TEST(test_many_operands) {
    const char *const types[] = {"Sum", "Mean", "Max", "Min"};
    const float a[] = {1, -2, 3}, b[] = {4, 5}, d[] = {-9};
    const double wanted[4][6] = {{-4, -7, -2, -3, -6, -1},
        {-4.0 / 3, -7.0 / 3, -2.0 / 3, -1, -2, -1.0 / 3}, {4, 4, 4, 5, 5, 5},
        {-9, -9, -9, -9, -9, -9}};
    for (int i = 0; i < 4; i++) {
        graph_case g = {.type = types[i],
            .input_count = 3,
            .inputs = {{.type = CLEAT_F32, .rank = 1, .shape = {3}, .elements = a},
                {.type = CLEAT_F32, .rank = 2, .shape = {2, 1}, .elements = b},
                {.type = CLEAT_F32, .rank = 0, .elements = d}}};
        case_expect(&g, CLEAT_F32, 2, (int64_t[]){2, 3}, wanted[i], 1e-6);
        g.input_count = 1;
        case_expect(&g, CLEAT_F32, 1, (int64_t[]){3}, (double[]){1, -2, 3}, 0);
    }
}
END_TEST

/* Before opset 7 the second operand stands at an axis. */
START_TEST(test_old_broadcasting) {
    const int64_t one = 1;
    const float a[] = {1, 2, 3, 4, 5, 6}, b[] = {10, 20};
    graph_case g = {.type = "Add",
        .opset = 6,
        .input_count = 2,
        .inputs = {{.type = CLEAT_F32, .rank = 3, .shape = {1, 2, 3}, .elements = a},
            {.type = CLEAT_F32, .rank = 1, .shape = {2}, .elements = b}},
        .attribute_count = 2,
        .attributes = {case_int("broadcast", &one), case_int("axis", &one)}};
    case_expect(&g, CLEAT_F32, 3, (int64_t[]){1, 2, 3}, (double[]){11, 12, 13, 24, 25, 26}, 0);
    g.type = "PRelu";
    g.attribute_count = 0;
    g.inputs[0].elements = (const float[]){-1, -2, -3, -4, 5, -6};
    case_expect(&g, CLEAT_F32, 3, (int64_t[]){1, 2, 3}, (double[]){-10, -20, -30, -80, 5, -120}, 0);
}
END_TEST

/* ---- Where, Clip, PRelu, Cast, Not ---- */

START_TEST(test_where) {
    const uint8_t condition[] = {1, 0};
    for (int i = 0; i < CASE_TYPES; i++) {
        const cleat_type type = case_types[i];
        const double a[] = {1, 0, 1}, b[] = {0, 1, 0, 0, 1, 1};
        void *left = case_elements(type, a, 3), *right = case_elements(type, b, 6);
        const graph_case g = {.type = "Where",
            .input_count = 3,
            .inputs = {{.type = CLEAT_BOOL, .rank = 2, .shape = {2, 1}, .elements = condition},
                {.type = type, .rank = 1, .shape = {3}, .elements = left},
                {.type = type, .rank = 2, .shape = {2, 3}, .elements = right}}};
        const graph_case *p = &g;
        case_expect_at(p, CASE_HOST, type, 2, (int64_t[]){2, 3}, (double[]){1, 0, 1, 0, 1, 1}, 0);
        if (type == CLEAT_F32 || type == CLEAT_U64) {
            case_expect_at(
                p, CASE_DEVICE, type, 2, (int64_t[]){2, 3}, (double[]){1, 0, 1, 0, 1, 1}, 0);
        }
        free(left);
        free(right);
    }
}
END_TEST

START_TEST(test_clip) {
    const double low = 2, high = 5, x[] = {0, 2, 3, 5, 9};
    const double both[] = {2, 2, 3, 5, 5}, below[] = {2, 2, 3, 5, 9}, above[] = {0, 2, 3, 5, 5};
    const float f_low = 2, f_high = 5;
    for (int i = 0; i < CASE_TYPES; i++) {
        const cleat_type type = case_types[i];
        if (type == CLEAT_BOOL) {
            continue;
        }
        void *elements = case_elements(type, x, 5);
        void *least = case_elements(type, &low, 1), *most = case_elements(type, &high, 1);
        graph_case g = {.type = "Clip",
            .input_count = 3,
            .inputs = {{.type = type, .rank = 1, .shape = {5}, .elements = elements},
                {.type = type, .rank = 0, .elements = least},
                {.type = type, .rank = 0, .elements = most, .is_constant = test_coin()}}};
        case_expect_turn(&g, 3, type, 1, (int64_t[]){5}, both, 0);
        g.input_count = 2;
        case_expect_turn(&g, 3, type, 1, (int64_t[]){5}, below, 0);
        g.input_count = 3;
        g.inputs[1].type = 0;
        case_expect_turn(&g, 3, type, 1, (int64_t[]){5}, above, 0);
        g.input_count = 1;
        case_expect_turn(&g, 3, type, 1, (int64_t[]){5}, x, 0);
        if (case_is_floating(type)) {
            g.opset = 6;
            g.attribute_count = 2;
            g.attributes[0] = case_float("min", &f_low);
            g.attributes[1] = case_float("max", &f_high);
            case_expect_turn(&g, 3, type, 1, (int64_t[]){5}, both, 0);
        }
        free(elements);
        free(least);
        free(most);
    }
}
END_TEST

START_TEST(test_prelu) {
    for (int i = 0; i < CASE_TYPES; i++) {
        const cleat_type type = case_types[i];
        if (!case_is_floating(type) && !case_is_signed(type)) {
            continue;
        }
        const double x[] = {-1, 2, -3, -4, 5, -6}, slope[] = {2, 3};
        void *elements = case_elements(type, x, 6), *slopes = case_elements(type, slope, 2);
        graph_case g = {.type = "PRelu",
            .input_count = 2,
            .inputs = {{.type = type, .rank = 3, .shape = {1, 2, 3}, .elements = elements},
                {.type = type, .rank = 2, .shape = {2, 1}, .elements = slopes}}};
        case_expect_turn(
            &g, 6, type, 3, (int64_t[]){1, 2, 3}, (double[]){-2, 2, -6, -12, 5, -18}, 0);
        free(elements);
        free(slopes);
    }
}
END_TEST

/* ONNX's numbers of the types above */
static const int64_t onnx_types[CASE_TYPES] = {1, 11, 6, 7, 2, 9, 10, 16, 3, 5, 4, 12, 13};

START_TEST(test_casts) {
    const cleat_type from = case_types[_i];
    const double *x = case_is_floating(from) ? (double[]){-2.5, 0, 1, 2.75, 100}
                      : case_is_signed(from) ? (double[]){-3, 0, 1, 2, 100}
                      : from == CLEAT_BOOL   ? (double[]){0, 0, 1, 1, 0}
                                             : (double[]){3, 0, 1, 2, 100};
    void *elements = case_elements(from, x, 5);
    for (int i = 0; i < CASE_TYPES; i++) {
        const cleat_type to = case_types[i];
        double wanted[5];
        for (int k = 0; k < 5; k++) {
            const bool is_clamped = case_is_floating(from) && !case_is_signed(to) && x[k] < 0;
            wanted[k] = to == CLEAT_BOOL       ? x[k] < 0 || x[k] > 0
                        : case_is_floating(to) ? x[k]
                        : is_clamped           ? 0
                                               : case_wrapped(to, trunc(x[k]));
        }
        graph_case g = {.type = "Cast",
            .input_count = 1,
            .inputs = {{.type = from, .rank = 1, .shape = {5}, .elements = elements}},
            .attribute_count = 1,
            .attributes = {case_int("to", &onnx_types[i])}};
        case_expect_at(&g, CASE_HOST, to, 1, (int64_t[]){5}, wanted, 0);
        if (i == 0 || i == (_i + 1) % CASE_TYPES) {
            case_expect_at(&g, CASE_DEVICE, to, 1, (int64_t[]){5}, wanted, 0);
        }
        const double zero = 0;
        void *like = case_elements(to, &zero, 1);
        g.type = "CastLike";
        g.attribute_count = 0;
        g.input_count = 2;
        g.inputs[1] = (case_value){.type = to, .rank = 0, .elements = like};
        case_expect_at(&g, CASE_HOST, to, 1, (int64_t[]){5}, wanted, 0);
        free(like);
    }
    free(elements);
}
END_TEST

/* Each of these once was, or could be, rounded twice or taken for its neighbour. */
START_TEST(test_casts_at_the_edges) {
    const double x[] = {1e30, -1e30, (double)NAN, 127.9, -128.9, 65504};
    const int64_t i8 = 3, i64 = 7, f32 = 1;
    graph_case g = {.type = "Cast",
        .input_count = 1,
        .inputs = {{.type = CLEAT_F64, .rank = 1, .shape = {6}, .elements = x}},
        .attribute_count = 1,
        .attributes = {case_int("to", &i8)}};
    case_expect(&g, CLEAT_I8, 1, (int64_t[]){6}, (double[]){127, -128, 0, 127, -128, 127}, 0);
    g.attributes[0] = case_int("to", &i64);
    case_expect(&g, CLEAT_I64, 1, (int64_t[]){6},
        (double[]){9223372036854775807.0, -9223372036854775808.0, 0, 127, -128, 65504}, 0);
    /* between two f32: just above the middle, which is what the nearest double is */
    const int64_t above[] = {(INT64_C(1) << 62) + (INT64_C(1) << 38) + 1};
    g.inputs[0] = (case_value){.type = CLEAT_I64, .rank = 0, .elements = above};
    g.attributes[0] = case_int("to", &f32);
    case_expect(&g, CLEAT_F32, 0, NULL, (double[]){ldexp(1, 62) + ldexp(1, 39)}, 0);
}
END_TEST

START_TEST(test_not) {
    const graph_case g = {.type = "Not",
        .input_count = 1,
        .inputs = {
            {.type = CLEAT_BOOL, .rank = 1, .shape = {3}, .elements = (uint8_t[]){1, 0, 1}}}};
    case_expect(&g, CLEAT_BOOL, 1, (int64_t[]){3}, (double[]){0, 1, 0}, 0);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph_numbers");
    test_add_case(suite, "wide", test_wide_integers);
    test_add_case(suite, "shifts", test_shifts);
    test_add_case(suite, "powers", test_powers);
    test_add_case(suite, "remainders", test_remainders);
    test_add_case(suite, "many", test_many_operands);
    test_add_case(suite, "old_broadcasting", test_old_broadcasting);
    test_add_case(suite, "where", test_where);
    test_add_case(suite, "clip", test_clip);
    test_add_case(suite, "prelu", test_prelu);
    test_add_loop(suite, "casts", test_casts, CASE_TYPES);
    test_add_case(suite, "edges", test_casts_at_the_edges);
    test_add_case(suite, "not", test_not);
    return suite;
}
