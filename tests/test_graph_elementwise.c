/* SPDX-License-Identifier: Apache-2.0 */
/* Operators of graphs that compute element by element, on the device and on the host. */
#include "graph_case.h"

/* Several roundings to the type, and the few ulp of a function. */
static double tolerance(cleat_type type) {
    return type == CLEAT_F16    ? 2e-3
           : type == CLEAT_BF16 ? 1.6e-2
           : type == CLEAT_F32  ? 2e-6
           : type == CLEAT_F64  ? 1e-14
                                : 0;
}

/* ---- Two operands ---- */

static double quotient(cleat_type type, double a, double b) {
    return case_is_floating(type) ? a / b : b >= 0 && b <= 0 ? 0 : trunc(a / b);
}

static double modulo(double a, double b) {
    return b >= 0 && b <= 0 ? 0 : a - b * floor(a / b);
}

typedef enum takes { NUMBERS, ALL, TRUTHS, INTEGERS, REALS } takes;

typedef struct binary_row {
    const char *type;
    takes takes;
    bool is_test;
} binary_row;

static const binary_row binary_rows[] = {
    {"Add", NUMBERS, false},
    {"Sub", NUMBERS, false},
    {"Mul", NUMBERS, false},
    {"Div", NUMBERS, false},
    {"Mod", INTEGERS, false},
    {"Max", NUMBERS, false},
    {"Min", NUMBERS, false},
    {"Sum", NUMBERS, false},
    {"Mean", REALS, false},
    {"Equal", ALL, true},
    {"Less", NUMBERS, true},
    {"LessOrEqual", NUMBERS, true},
    {"Greater", NUMBERS, true},
    {"GreaterOrEqual", NUMBERS, true},
    {"And", TRUTHS, true},
    {"Or", TRUTHS, true},
    {"Xor", TRUTHS, true},
};
enum { BINARY_ROWS = sizeof binary_rows / sizeof *binary_rows };

static double binary_value(const char *op, cleat_type type, double a, double b) {
    const struct {
        const char *type;
        double value;
    } values[] = {
        {"Add", a + b},
        {"Sum", a + b},
        {"Mean", (a + b) / 2},
        {"Sub", a - b},
        {"Mul", a * b},
        {"Div", quotient(type, a, b)},
        {"Mod", modulo(a, b)},
        {"Max", a > b ? a : b},
        {"Min", a < b ? a : b},
        {"Equal", a >= b && a <= b},
        {"Less", a < b},
        {"LessOrEqual", a <= b},
        {"Greater", a > b},
        {"GreaterOrEqual", a >= b},
        {"And", a > 0 && b > 0},
        {"Or", a > 0 || b > 0},
        {"Xor", (a > 0) != (b > 0)},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        if (strcmp(values[i].type, op) == 0) {
            return values[i].value;
        }
    }
    ck_abort_msg("no operator %s", op);
    return 0;
}

static bool type_is_taken(takes kind, cleat_type type) {
    switch (kind) {
    case ALL:
        return true;
    case NUMBERS:
        return type != CLEAT_BOOL;
    case TRUTHS:
        return type == CLEAT_BOOL;
    case INTEGERS:
        return type != CLEAT_BOOL && !case_is_floating(type);
    case REALS:
        return case_is_floating(type);
    }
    return false;
}

/* A shape that broadcasts to the whole: axes left out in front, extents of 1. */
static void narrower(int32_t rank, const int64_t *whole, int32_t *some_rank, int64_t *some) {
    const int32_t left_out = (int32_t)test_int(0, 3) == 0 ? (int32_t)test_int(0, rank) : 0;
    *some_rank = rank - left_out;
    for (int32_t i = 0; i < *some_rank; i++) {
        some[i] = test_int(0, 3) == 0 ? 1 : whole[left_out + i];
    }
}

static void stretched_shape(
    const case_value *a, const case_value *b, int32_t *rank, int64_t *shape) {
    *rank = a->rank > b->rank ? a->rank : b->rank;
    for (int32_t i = 0; i < *rank; i++) {
        const int32_t k = i - (*rank - a->rank), m = i - (*rank - b->rank);
        const int64_t of_a = k < 0 ? 1 : a->shape[k], of_b = m < 0 ? 1 : b->shape[m];
        shape[i] = of_a == 1 ? of_b : of_a;
    }
}

/* The element of v that the whole's element at index[] is made of. */
static int64_t stretched_place(const case_value *v, int32_t rank, const int64_t *index) {
    int64_t place = 0;
    for (int32_t i = 0; i < v->rank; i++) {
        place = place * v->shape[i] + (v->shape[i] == 1 ? 0 : index[rank - v->rank + i]);
    }
    return place;
}

static void check_binary(const binary_row *row, cleat_type type) {
    const int32_t rank = type == CLEAT_F32 ? 2 : (int32_t)test_int(0, 5);
    int64_t whole[CLEAT_MAX_RANK], shape[CLEAT_MAX_RANK], index[CLEAT_MAX_RANK];
    int32_t shape_rank = 0;
    double *numbers[2];
    graph_case g = {.type = row->type, .input_count = 2};
    case_shape(rank, test_coin() ? 4 : 9, true, whole);
    for (int i = 0; i < 2; i++) {
        case_value *v = &g.inputs[i];
        v->type = type;
        narrower(rank, whole, &v->rank, v->shape);
        const int64_t count = case_count(v->rank, v->shape);
        numbers[i] = case_draw(type, count, 9);
        v->elements = case_elements(type, numbers[i], count);
        v->is_constant = i == 1 && test_coin();
    }
    stretched_shape(&g.inputs[0], &g.inputs[1], &shape_rank, shape);
    const int64_t count = case_count(shape_rank, shape);
    double *wanted = test_alloc(count, sizeof *wanted);
    for (int64_t i = 0; i < count; i++) {
        case_index_of(shape_rank, shape, i, index);
        wanted[i] = case_wrapped(row->is_test ? CLEAT_U8 : type,
            binary_value(row->type, type,
                numbers[0][stretched_place(&g.inputs[0], shape_rank, index)],
                numbers[1][stretched_place(&g.inputs[1], shape_rank, index)]));
    }
    case_expect_turn(&g, (int)(row - binary_rows), row->is_test ? CLEAT_BOOL : type, shape_rank,
        shape, wanted, tolerance(type));
    for (int i = 0; i < 2; i++) {
        free(numbers[i]);
        free((void *)(uintptr_t)g.inputs[i].elements);
    }
    free(wanted);
}

START_TEST(test_two_operands) {
    const binary_row *row = &binary_rows[_i];
    for (int round = 0; round < test_rounds(4); round++) {
        for (int i = 0; i < CASE_TYPES; i++) {
            if (type_is_taken(row->takes, case_types[i])) {
                check_binary(row, case_types[i]);
            }
        }
    }
}
END_TEST

/* ---- Functions of one number ---- */

static double relu(double x) {
    return x > 0 ? x : 0;
}

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

static double softplus(double x) {
    return log(1 + exp(x));
}

static double softsign(double x) {
    return x / (1 + fabs(x));
}

static double leaky(double x) {
    return x < 0 ? 0.25 * x : x;
}

static double elu(double x) {
    return x < 0 ? 0.25 * (exp(x) - 1) : x;
}

static double selu(double x) {
    return 2 * elu(x);
}

static double celu(double x) {
    return x < 0 ? 0.25 * (exp(x / 0.25) - 1) : x;
}

static double hard_sigmoid(double x) {
    return fmin(fmax(0.25 * x + 0.75, 0), 1);
}

static double hard_swish(double x) {
    return x * fmin(fmax(x / 6 + 0.5, 0), 1);
}

static double thresholded(double x) {
    return x > 0.25 ? x : 0;
}

static double shrink(double x) {
    return x < -0.25 ? x + 2 : x > 0.25 ? x - 2 : 0;
}

static double gelu(double x) {
    return x * (1 + erf(x / sqrt(2))) / 2;
}

static double gelu_tanh(double x) {
    return x / 2 * (1 + tanh(sqrt(2 / acos(-1)) * (x + 0.044715 * pow(x, 3))));
}

static double mish(double x) {
    return x * tanh(softplus(x));
}

static double sign(double x) {
    return x > 0 ? 1 : x < 0 ? -1 : 0;
}

static double reciprocal(double x) {
    return 1 / x;
}

static double negative(double x) {
    return -x;
}

static const float quarter = 0.25F, three_quarters = 0.75F, two = 2;
static const char *const tanh_text = "tanh";

typedef struct unary_row {
    const char *type;
    double (*function)(double x);
    double low, high;
    bool of_integers;
    int parameters; /* of the names below */
} unary_row;

static const unary_row unary_rows[] = {
    {"Neg", negative, -9, 9, true, 0},
    {"Abs", fabs, -9, 9, true, 0},
    {"Sign", sign, -3, 3, true, 0},
    {"Relu", relu, -9, 9, true, 0},
    {"Sqrt", sqrt, 0, 9, false, 0},
    {"Exp", exp, -5, 5, false, 0},
    {"Log", log, 2, 9, false, 0},
    {"Reciprocal", reciprocal, 1, 9, false, 0},
    {"Floor", floor, -9, 9, false, 0},
    {"Ceil", ceil, -9, 9, false, 0},
    {"Round", nearbyint, -9, 9, false, 0},
    {"Erf", erf, -2, 2, false, 0},
    {"Sin", sin, 0.1, 3, false, 0},
    {"Cos", cos, 2, 4, false, 0},
    {"Tan", tan, 0.1, 1.5, false, 0},
    {"Asin", asin, -1, 1, false, 0},
    {"Acos", acos, -1, 0.9, false, 0},
    {"Atan", atan, -9, 9, false, 0},
    {"Sinh", sinh, -5, 5, false, 0},
    {"Cosh", cosh, -5, 5, false, 0},
    {"Asinh", asinh, -5, 5, false, 0},
    {"Acosh", acosh, 1.1, 5, false, 0},
    {"Atanh", atanh, -0.9, 0.9, false, 0},
    {"Tanh", tanh, -3, 3, false, 0},
    {"Sigmoid", sigmoid, -9, 9, false, 0},
    {"Softplus", softplus, -3, 9, false, 0},
    {"Softsign", softsign, -9, 9, false, 0},
    {"HardSwish", hard_swish, -2, 5, false, 0},
    {"Mish", mish, -1, 9, false, 0},
    {"Gelu", gelu, -1, 5, false, 0},
    {"Gelu", gelu_tanh, -1, 5, false, 5},
    {"LeakyRelu", leaky, -9, 9, false, 1},
    {"Elu", elu, -3, 9, false, 1},
    {"Celu", celu, -3, 9, false, 1},
    {"Selu", selu, -3, 9, false, 2},
    {"ThresholdedRelu", thresholded, -9, 9, false, 1},
    {"HardSigmoid", hard_sigmoid, -2, 5, false, 3},
    {"Shrink", shrink, 3, 9, true, 4},
};
enum { UNARY_ROWS = sizeof unary_rows / sizeof *unary_rows };

static void set_parameters(const unary_row *row, graph_case *g) {
    const cleat_attribute lists[6][2] = {{{0}}, {case_float("alpha", &quarter)},
        {case_float("alpha", &quarter), case_float("gamma", &two)},
        {case_float("alpha", &quarter), case_float("beta", &three_quarters)},
        {case_float("lambd", &quarter), case_float("bias", &two)},
        {case_text("approximate", &tanh_text)}};
    static const size_t counts[6] = {0, 1, 2, 2, 2, 1};
    g->attribute_count = counts[row->parameters];
    memcpy(g->attributes, lists[row->parameters], sizeof lists[0]);
}

static void check_unary(const unary_row *row, cleat_type type) {
    graph_case g = {.type = row->type, .input_count = 1};
    case_value *v = &g.inputs[0];
    v->type = type;
    v->rank = (int32_t)test_int(0, 4);
    case_shape(v->rank, test_coin() ? 3 : 12, true, v->shape);
    const int64_t count = case_count(v->rank, v->shape);
    double *numbers = test_alloc(count, sizeof *numbers);
    const double low =
        row->low < 0 && !case_is_floating(type) && !case_is_signed(type) ? 0 : row->low;
    for (int64_t i = 0; i < count; i++) {
        numbers[i] = test_real(low, row->high);
    }
    void *elements = case_elements(type, numbers, count);
    double *wanted = case_doubles(type, elements, count); /* as rounded to the type */
    for (int64_t i = 0; i < count; i++) {
        wanted[i] = case_wrapped(type, row->function(wanted[i]));
    }
    v->elements = elements;
    set_parameters(row, &g);
    case_expect_turn(
        &g, (int)(row - unary_rows), type, v->rank, v->shape, wanted, 4 * tolerance(type));
    free(numbers);
    free(elements);
    free(wanted);
}

START_TEST(test_one_operand) {
    for (int round = 0; round < test_rounds(4); round++) {
        for (int i = 0; i < CASE_TYPES; i++) {
            const bool is_integer = case_types[i] != CLEAT_BOOL && unary_rows[_i].of_integers;
            if (case_is_floating(case_types[i]) || is_integer) {
                check_unary(&unary_rows[_i], case_types[i]);
            }
        }
    }
}
END_TEST

/* NaN and infinities go through. */
START_TEST(test_special_values) {
    const float x[] = {NAN, INFINITY, -INFINITY, 0};
    const struct {
        const char *type;
        double wanted[4];
    } rows[] = {{"Relu", {(double)NAN, (double)INFINITY, 0, 0}},
        {"Sigmoid", {(double)NAN, 1, 0, 0.5}}, {"Tanh", {(double)NAN, 1, -1, 0}},
        {"Softplus", {(double)NAN, (double)INFINITY, 0, log(2)}},
        {"HardSwish", {(double)NAN, (double)INFINITY, 0, 0}},
        {"Elu", {(double)NAN, (double)INFINITY, -1, 0}}, {"Softsign", {(double)NAN, 1, -1, 0}},
        {"Mish", {(double)NAN, (double)INFINITY, 0, 0}},
        {"Gelu", {(double)NAN, (double)INFINITY, 0, 0}}, {"HardSigmoid", {(double)NAN, 1, 0, 0.5}},
        {"ThresholdedRelu", {(double)NAN, (double)INFINITY, 0, 0}},
        {"Shrink", {(double)NAN, (double)INFINITY, -(double)INFINITY, 0}},
        {"Sign", {(double)NAN, 1, -1, 0}}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        graph_case g = {.type = rows[i].type,
            .input_count = 1,
            .inputs = {{.type = CLEAT_F32, .rank = 1, .shape = {4}, .elements = x}}};
        case_expect(&g, CLEAT_F32, 1, (int64_t[]){4}, rows[i].wanted, 1e-6);
    }
    graph_case g = {.type = "IsNaN",
        .input_count = 1,
        .inputs = {{.type = CLEAT_F32, .rank = 1, .shape = {4}, .elements = x}}};
    case_expect(&g, CLEAT_BOOL, 1, (int64_t[]){4}, (double[]){1, 0, 0, 0}, 0);
    g.type = "IsInf";
    case_expect(&g, CLEAT_BOOL, 1, (int64_t[]){4}, (double[]){0, 1, 1, 0}, 0);
    g.attribute_count = 1;
    const int64_t none = 0;
    g.attributes[0] = case_int("detect_negative", &none);
    case_expect(&g, CLEAT_BOOL, 1, (int64_t[]){4}, (double[]){0, 1, 0, 0}, 0);
    g.attributes[0] = case_int("detect_positive", &none);
    case_expect(&g, CLEAT_BOOL, 1, (int64_t[]){4}, (double[]){0, 0, 1, 0}, 0);
}
END_TEST

/* ---- Refusals ---- */

START_TEST(test_refusals) {
    const float x[6] = {0};
    const int32_t k[6] = {0};
    graph_case g = {.type = "Add",
        .input_count = 2,
        .inputs = {{.type = CLEAT_F32, .rank = 2, .shape = {2, 3}, .elements = x},
            {.type = CLEAT_F32, .rank = 1, .shape = {2}, .elements = x}}};
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "[2, 3]");
    g.type = "Sum";
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "[2, 3]");
    g.type = "PRelu";
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "[2, 3]");
    g.inputs[1] = (case_value){.type = CLEAT_I32, .rank = 1, .shape = {3}, .elements = k};
    case_refused(&g, CLEAT_TYPE_MISMATCH, "i32");
    g.type = "Less";
    case_refused(&g, CLEAT_TYPE_MISMATCH, "i32");
    g.type = "Clip";
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "3 elements");
    g.type = "And";
    g.inputs[1] = g.inputs[0];
    case_refused(&g, CLEAT_TYPE_MISMATCH, "f32");
    g.type = "Where";
    g.input_count = 3;
    g.inputs[2] = g.inputs[0];
    case_refused(&g, CLEAT_TYPE_MISMATCH, "not bool");
    g = (graph_case){.type = "Sin",
        .input_count = 1,
        .inputs = {{.type = CLEAT_I32, .rank = 1, .shape = {3}, .elements = k}}};
    case_refused(&g, CLEAT_TYPE_MISMATCH, "i32");
    const int64_t complex = 14;
    g.type = "Cast";
    g.attribute_count = 1;
    g.attributes[0] = case_int("to", &complex);
    case_refused(&g, CLEAT_UNSUPPORTED, "14, a type that is not there");
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph_elementwise");
    test_add_loop(suite, "two", test_two_operands, BINARY_ROWS);
    test_add_loop(suite, "one", test_one_operand, UNARY_ROWS);
    test_add_case(suite, "special", test_special_values);
    test_add_case(suite, "refusals", test_refusals);
    return suite;
}
