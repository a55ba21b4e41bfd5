/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions, ArgMax, ArgMin, CumSum, Softmax and its kin as nodes of graphs. */
#include "graph_case.h"

/* A tensor of whole numbers, and which of its axes go. */
typedef struct reduce_case {
    cleat_type type;
    int32_t rank;
    int64_t shape[4], count;
    double *numbers;
    void *elements;
    bool is_reduced[4];
    size_t axis_count;
    int64_t axes[4];
    int64_t keeps;
    int32_t y_rank;
    int64_t y_shape[4], kept[4], y_count;
} reduce_case;

static reduce_case draw_reduce(cleat_type type, int low, int high) {
    reduce_case r = {.type = type, .rank = (int32_t)test_int(1, 4), .keeps = test_int(0, 1)};
    case_shape(r.rank, 4, false, r.shape);
    r.count = case_count(r.rank, r.shape);
    r.numbers = test_alloc(r.count, sizeof *r.numbers);
    for (int64_t i = 0; i < r.count; i++) {
        r.numbers[i] = (double)test_int(low, high);
    }
    r.elements = case_elements(type, r.numbers, r.count);
    for (int32_t i = 0; i < r.rank; i++) {
        r.is_reduced[i] = test_coin();
        if (r.is_reduced[i]) {
            r.axes[r.axis_count++] = test_coin() ? i : i - r.rank;
        }
    }
    for (int32_t i = 0; i < r.rank; i++) {
        r.is_reduced[i] = r.is_reduced[i] || r.axis_count == 0;
        r.kept[i] = r.is_reduced[i] ? 1 : r.shape[i];
        if (!r.is_reduced[i] || r.keeps) {
            r.y_shape[r.y_rank++] = r.kept[i];
        }
    }
    r.y_count = case_count(r.y_rank, r.y_shape);
    return r;
}

static void free_case(reduce_case *r) {
    free(r->numbers);
    free(r->elements);
}

/* The numbers that one result is made of. */
static int64_t gather(const reduce_case *r, int64_t result, double *numbers) {
    int64_t found = 0;
    for (int64_t i = 0; i < r->count; i++) {
        int64_t index[4];
        case_index_of(r->rank, r->shape, i, index);
        for (int32_t k = 0; k < r->rank; k++) {
            index[k] = r->is_reduced[k] ? 0 : index[k];
        }
        if (case_place_of(r->rank, r->kept, index) == result) {
            numbers[found++] = r->numbers[i];
        }
    }
    return found;
}

static double reduced(const char *type, const double *x, int64_t count) {
    double sum = 0, squares = 0, sizes = 0, product = 1, powers = 0, most = x[0], least = x[0];
    for (int64_t i = 0; i < count; i++) {
        sum += x[i];
        squares += x[i] * x[i];
        sizes += fabs(x[i]);
        product *= x[i];
        powers += exp(x[i]);
        most = fmax(most, x[i]);
        least = fmin(least, x[i]);
    }
    const struct {
        const char *type;
        double value;
    } values[] = {{"ReduceSum", sum}, {"ReduceMean", sum / (double)count}, {"ReduceMax", most},
        {"ReduceMin", least}, {"ReduceProd", product}, {"ReduceL1", sizes},
        {"ReduceL2", sqrt(squares)}, {"ReduceSumSquare", squares}, {"ReduceLogSum", log(sum)},
        {"ReduceLogSumExp", log(powers)}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        if (strcmp(values[i].type, type) == 0) {
            return values[i].value;
        }
    }
    return NAN;
}

static const char *const reductions[] = {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin",
    "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"};
enum { REDUCTIONS = sizeof reductions / sizeof *reductions };
static const cleat_type reduce_types[] = {
    CLEAT_F32, CLEAT_F64, CLEAT_I32, CLEAT_F32, CLEAT_I64, CLEAT_F16, CLEAT_U32};

/* Sums of signed numbers where they come out exact, of natural ones where not. */
static void reduce_once(const char *type, int round) {
    const cleat_type of = reduce_types[round % 7];
    const bool is_real = case_is_floating(of), is_exact = strncmp(type, "ReduceLog", 9) != 0;
    const bool is_signed = is_exact && of != CLEAT_U32 && strcmp(type, "ReduceMean") != 0;
    reduce_case r = draw_reduce(of, is_signed ? -2 : 1, 2);
    if (strcmp(type, "ReduceProd") == 0 && of == CLEAT_F16) { /* 2^16 is too much */
        free_case(&r);
        return;
    }
    double *of_one = test_alloc(r.count, sizeof *of_one);
    double *wanted = test_alloc(r.y_count, sizeof *wanted);
    for (int64_t i = 0; i < r.y_count; i++) {
        wanted[i] = reduced(type, of_one, gather(&r, i, of_one));
        wanted[i] = is_real ? wanted[i] : case_wrapped(of, trunc(wanted[i]));
    }
    const bool by_input = strcmp(type, "ReduceSum") == 0 || test_coin();
    graph_case g = {.type = type,
        .opset = !by_input                        ? 13
                 : strcmp(type, "ReduceSum") == 0 ? 13
                                                  : 18,
        .is_strided = test_coin(),
        .input_count = 1,
        .inputs = {{.type = of, .rank = r.rank, .elements = r.elements}},
        .attribute_count = 1,
        .attributes = {case_int("keepdims", &r.keeps)}};
    memcpy(g.inputs[0].shape, r.shape, sizeof r.shape);
    if (r.axis_count > 0 && by_input) {
        g.inputs[g.input_count++] = (case_value){.type = CLEAT_I64,
            .rank = 1,
            .shape = {(int64_t)r.axis_count},
            .elements = r.axes,
            .is_constant = test_coin()};
    } else if (r.axis_count > 0) {
        g.attributes[g.attribute_count++] = case_ints("axes", r.axis_count, r.axes);
    }
    const double relative = of == CLEAT_F16 ? 2e-3 : 1e-5;
    case_expect(&g, of, r.y_rank, r.y_shape, wanted, is_real ? relative : 0);
    free(of_one), free(wanted);
    free_case(&r);
}

START_TEST(test_reductions) {
    for (int round = 0; round < test_rounds(21); round++) {
        reduce_once(reductions[_i], round);
    }
}
END_TEST

START_TEST(test_no_axes) {
    const float x[4] = {1, -2, 3, 4};
    const double same[4] = {1, -2, 3, 4}, sum[1] = {6};
    graph_case g = {.type = "ReduceSum",
        .input_count = 2,
        .inputs = {{.type = CLEAT_F32, .rank = 2, .shape = {2, 2}, .elements = x},
            {.type = CLEAT_I64, .rank = 1, .shape = {0}, .elements = x}},
        .attribute_count = 1,
        .attributes = {case_int("noop_with_empty_axes", (int64_t[]){1})}};
    case_expect(&g, CLEAT_F32, 2, (int64_t[]){2, 2}, same, 0);
    g.attributes[0] = case_int("keepdims", (int64_t[]){0});
    case_expect(&g, CLEAT_F32, 0, NULL, sum, 0);
    g.attribute_count = 0;
    case_expect(&g, CLEAT_F32, 2, (int64_t[]){1, 1}, sum, 0);
    g.inputs[1] =
        (case_value){.type = CLEAT_I64, .rank = 1, .shape = {1}, .elements = (int64_t[]){2}};
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "axis 2 of a tensor of rank 2");
}
END_TEST

/* Integers that no double holds. */
START_TEST(test_wide_integers) {
    const int64_t x[2] = {INT64_MAX, -1}, low[2] = {INT64_MAX - 1, INT64_MAX};
    const struct {
        const char *type;
        const int64_t *x;
        int64_t wanted;
    } rows[] = {{"ReduceSum", x, INT64_MAX - 1}, {"ReduceMax", low, INT64_MAX},
        {"ReduceMin", low, INT64_MAX - 1}, {"ReduceProd", x, -INT64_MAX}};
    for (size_t i = 0; i < 4; i++) {
        const graph_case g = {.type = rows[i].type,
            .input_count = 1,
            .inputs = {{.type = CLEAT_I64, .rank = 1, .shape = {2}, .elements = rows[i].x}}};
        case_result result = {0};
        test_ok(case_run(&g, CASE_DEVICE, &result));
        ck_assert_int_eq(((const int64_t *)result.elements)[0], rows[i].wanted);
        case_free(&result, 1);
    }
}
END_TEST

/* ---- Along one axis ---- */

typedef struct line_case {
    cleat_type type;
    int32_t rank;
    int64_t shape[4], count, axis, signed_axis;
    int64_t extent, inner;
    double *numbers;
    void *elements;
} line_case;

static line_case draw_lines(cleat_type type, int most) {
    line_case l = {.type = type, .rank = (int32_t)test_int(1, 4)};
    case_shape(l.rank, 5, false, l.shape);
    l.count = case_count(l.rank, l.shape);
    l.axis = test_int(0, l.rank - 1);
    l.signed_axis = test_coin() ? l.axis : l.axis - l.rank;
    l.extent = l.shape[l.axis];
    l.inner = case_count(l.rank - (int32_t)l.axis - 1, l.shape + l.axis + 1);
    l.numbers = case_draw(type, l.count, most);
    l.elements = case_elements(type, l.numbers, l.count);
    return l;
}

static graph_case node_along(const line_case *l, const char *type) {
    graph_case g = {.type = type,
        .is_strided = test_coin(),
        .input_count = 1,
        .inputs = {{.type = l->type, .rank = l->rank, .elements = l->elements}},
        .attribute_count = 1,
        .attributes = {case_int("axis", &l->signed_axis)}};
    memcpy(g.inputs[0].shape, l->shape, sizeof l->shape);
    return g;
}

/* Element k of the line that element i lies on. */
static double on_line(const line_case *l, int64_t i, int64_t k) {
    const int64_t at = i / l->inner % l->extent;
    return l->numbers[i + (k - at) * l->inner];
}

static const cleat_type line_types[] = {CLEAT_F32, CLEAT_F64, CLEAT_I32, CLEAT_F16, CLEAT_U8};

START_TEST(test_arg) {
    const bool is_least = _i % 2 == 1, is_last = _i / 2 == 1;
    for (int round = 0; round < test_rounds(15); round++) {
        line_case l = draw_lines(line_types[round % 5], 2);
        const int64_t keeps = test_int(0, 1), last = is_last;
        int64_t y_shape[4];
        int32_t y_rank = 0;
        double wanted[625];
        int64_t found = 0;
        for (int32_t i = 0; i < l.rank; i++) {
            if (i != l.axis || keeps) {
                y_shape[y_rank++] = i == l.axis ? 1 : l.shape[i];
            }
        }
        for (int64_t i = 0; i < l.count; i++) {
            if (i / l.inner % l.extent != 0) {
                continue;
            }
            int64_t best = 0;
            for (int64_t k = 1; k < l.extent; k++) {
                const double a = on_line(&l, i, k), b = on_line(&l, i, best);
                best = (is_least ? a < b : a > b) || (is_last && !(a < b) && !(a > b)) ? k : best;
            }
            wanted[found++] = (double)best;
        }
        graph_case g = node_along(&l, is_least ? "ArgMin" : "ArgMax");
        g.attributes[g.attribute_count++] = case_int("keepdims", &keeps);
        g.attributes[g.attribute_count++] = case_int("select_last_index", &last);
        case_expect(&g, CLEAT_I64, y_rank, y_shape, wanted, 0);
        free(l.numbers), free(l.elements);
    }
}
END_TEST

START_TEST(test_cumulative) {
    const int64_t exclusive = _i % 2, reverse = _i / 2;
    for (int round = 0; round < test_rounds(10); round++) {
        line_case l = draw_lines(line_types[round % 4], 4);
        double *wanted = test_alloc(l.count, sizeof *wanted);
        for (int64_t i = 0; i < l.count; i++) {
            const int64_t at = i / l.inner % l.extent;
            for (int64_t k = 0; k < l.extent; k++) {
                const bool counts = (reverse ? k > at : k < at) || (k == at && !exclusive);
                wanted[i] += counts ? on_line(&l, i, k) : 0;
            }
        }
        graph_case g = node_along(&l, "CumSum");
        g.input_count = 2;
        g.inputs[1] =
            (case_value){.type = CLEAT_I64, .elements = &l.signed_axis, .is_constant = test_coin()};
        g.attribute_count = 2;
        g.attributes[0] = case_int("exclusive", &exclusive);
        g.attributes[1] = case_int("reverse", &reverse);
        case_expect(&g, l.type, l.rank, l.shape, wanted, 0);
        free(wanted), free(l.numbers), free(l.elements);
    }
}
END_TEST

/* ---- Softmax: along an axis, before opset 13 over all from it on ---- */

static double softmax_of(const char *type, const double *line, int64_t extent, int64_t k) {
    double most = line[0], sum = 0;
    int64_t best = 0;
    for (int64_t i = 0; i < extent; i++) {
        best = line[i] > line[best] ? i : best;
        most = fmax(most, line[i]);
    }
    for (int64_t i = 0; i < extent; i++) {
        sum += exp(line[i] - most);
    }
    return strcmp(type, "Hardmax") == 0   ? k == best
           : strcmp(type, "Softmax") == 0 ? exp(line[k] - most) / sum
                                          : line[k] - most - log(sum);
}

/* Logarithms near 0 are differences of larger numbers: near is of 1. */
static void expect_near(const graph_case *g, int64_t count, const double *wanted, double near) {
    for (size_t place = 0; place < 2; place++) {
        case_result result = {0};
        test_ok(case_run(g, case_places[place], &result));
        ck_assert_int_eq(result.count, count);
        ck_assert_int_eq(result.type, g->inputs[0].type);
        double *got = case_doubles(result.type, result.elements, count);
        for (int64_t i = 0; i < count && !test_ignores_values(); i++) {
            ck_assert_msg(fabs(got[i] - wanted[i]) <= near * (1 + fabs(wanted[i])),
                "%s in place %zu: element %lld is %.9g, not %.9g", g->type, place, (long long)i,
                got[i], wanted[i]);
        }
        free(got);
        case_free(&result, 1);
    }
}

START_TEST(test_softmax) {
    static const char *const types[] = {"Softmax", "LogSoftmax", "Hardmax"};
    static const cleat_type of[] = {CLEAT_F32, CLEAT_F64, CLEAT_F32, CLEAT_F16};
    for (int round = 0; round < test_rounds(16); round++) {
        line_case l = draw_lines(of[round % 4], 4);
        graph_case g = node_along(&l, types[_i]);
        if (test_coin()) { /* flat */
            g.opset = test_coin() ? 11 : 12;
            l.extent *= l.inner;
            l.inner = 1;
        }
        double *wanted = test_alloc(l.count, sizeof *wanted), line[625];
        for (int64_t i = 0; i < l.count; i++) {
            for (int64_t k = 0; k < l.extent; k++) {
                line[k] = on_line(&l, i, k);
            }
            wanted[i] = softmax_of(types[_i], line, l.extent, i / l.inner % l.extent);
        }
        expect_near(&g, l.count, wanted, l.type == CLEAT_F16 ? 4e-3 : 2e-6);
        free(wanted), free(l.numbers), free(l.elements);
    }
}
END_TEST

START_TEST(test_line_refusals) {
    const float x[4] = {0};
    graph_case g = {.type = "Softmax",
        .input_count = 1,
        .inputs = {{.type = CLEAT_F32, .rank = 2, .shape = {2, 2}, .elements = x}},
        .attribute_count = 1,
        .attributes = {case_int("axis", (int64_t[]){2})}};
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "axis 2 of a tensor of rank 2");
    g.type = "ArgMax";
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "axis 2 of a tensor of rank 2");
    g.attributes[0] = case_int("axis", (int64_t[]){1});
    g.inputs[0].shape[1] = 0;
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "nothing along axis 1");
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph_reduce");
    test_add_loop(suite, "reductions", test_reductions, REDUCTIONS);
    test_add_case(suite, "no_axes", test_no_axes);
    test_add_case(suite, "wide_integers", test_wide_integers);
    test_add_loop(suite, "arg", test_arg, 4);
    test_add_loop(suite, "cumulative", test_cumulative, 4);
    test_add_loop(suite, "softmax", test_softmax, 3);
    test_add_case(suite, "line_refusals", test_line_refusals);
    return suite;
}
