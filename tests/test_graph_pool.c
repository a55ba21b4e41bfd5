/* SPDX-License-Identifier: Apache-2.0 */
/* Pools and MaxUnpool as nodes of graphs. */
#include "graph_case.h"
#include "reference/reference_window.h"

typedef enum padding { EXPLICIT, VALID, SAME_UPPER, SAME_LOWER } padding;
static const char *const paddings[] = {"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"};

typedef struct pool_case {
    int axes;
    padding padding;
    int64_t ceil, count_padding, column_major;
    int64_t x[5], y[5]; /* [n, c, axes...] as the node has them */
    int64_t window[3], stride[3], dilation[3], pads[6];
    reference_window reference;
} pool_case;

/* Windows laid one by one over before + extent + behind elements; with ceil one that reaches over
 * the end, if it begins before x does. */
static int64_t count_windows(const pool_case *c, int i, int64_t before, int64_t behind, bool ceil) {
    const int64_t span = (c->window[i] - 1) * c->dilation[i] + 1;
    const int64_t all = before + c->x[i + 2] + behind;
    int64_t count = 0;
    while (count * c->stride[i] + span <= all) {
        count++;
    }
    const bool is_left = (count - 1) * c->stride[i] + span < all;
    return ceil && is_left && count * c->stride[i] < before + c->x[i + 2] ? count + 1 : count;
}

static void pad_same(const pool_case *c, int i, int64_t *before, int64_t *behind) {
    const int64_t wanted = (c->x[i + 2] + c->stride[i] - 1) / c->stride[i];
    bool at_end = c->padding == SAME_UPPER;
    while (count_windows(c, i, *before, *behind, false) < wanted) {
        *behind += at_end;
        *before += !at_end;
        at_end = !at_end;
    }
}

static pool_case draw_pool(int axes, bool dilated) {
    pool_case c = {.axes = axes,
        .padding = (padding)(test_coin() ? 0 : test_int(0, 3)),
        .ceil = test_coin(),
        .count_padding = test_coin()};
    reference_window *r = &c.reference;
    c.x[0] = c.y[0] = test_int(1, 2);
    c.x[1] = c.y[1] = test_int(1, 3);
    for (int i = 0; i < 5; i++) {
        r->x[i] = r->y[i] = i < 2 ? c.x[i] : 1;
    }
    for (int i = 0; i < 3; i++) {
        r->window[i] = r->stride[i] = r->dilation[i] = 1;
    }
    for (int i = 0; i < axes; i++) {
        const int at = 3 - axes + i;
        c.window[i] = test_int(1, 3);
        c.stride[i] = test_int(1, 3);
        c.dilation[i] = dilated ? test_int(1, 2) : 1;
        const int64_t span = (c.window[i] - 1) * c.dilation[i] + 1;
        c.x[i + 2] = test_int(span, 8);
        c.pads[i] = test_int(0, span - 1);
        c.pads[i + axes] = test_int(0, span - 1);
        int64_t before = c.padding == EXPLICIT ? c.pads[i] : 0;
        int64_t behind = c.padding == EXPLICIT ? c.pads[i + axes] : 0;
        if (c.padding >= SAME_UPPER) {
            pad_same(&c, i, &before, &behind);
        }
        c.y[i + 2] = count_windows(&c, i, before, behind, c.ceil != 0 && c.padding < SAME_UPPER);
        r->x[at + 2] = c.x[i + 2];
        r->y[at + 2] = c.y[i + 2];
        r->window[at] = c.window[i];
        r->stride[at] = c.stride[i];
        r->dilation[at] = c.dilation[i];
        r->before[at] = before;
        r->after[at] = behind;
    }
    r->count_padding = c.count_padding != 0;
    return c;
}

static graph_case node_of(const pool_case *c, const char *type, cleat_type of, const void *x) {
    const size_t axes = (size_t)c->axes;
    graph_case g = {.type = type,
        .is_strided = test_coin(),
        .input_count = 1,
        .inputs = {{.type = of, .rank = c->axes + 2, .elements = x}},
        .attribute_count = 4,
        .attributes = {case_ints("kernel_shape", axes, c->window),
            case_ints("strides", axes, c->stride), case_text("auto_pad", &paddings[c->padding]),
            case_int("ceil_mode", &c->ceil)}};
    memcpy(g.inputs[0].shape, c->x, sizeof c->x);
    if (c->padding == EXPLICIT) {
        g.attributes[g.attribute_count++] = case_ints("pads", 2 * axes, c->pads);
    }
    return g;
}

static const cleat_type pool_types[] = {
    CLEAT_F32, CLEAT_F32, CLEAT_F64, CLEAT_F16, CLEAT_U8, CLEAT_I8};

/* The place that ONNX has for storage_order 1: the first axis of space goes fastest. */
static int64_t by_columns(const pool_case *c, int64_t place) {
    const int64_t plane = case_count(c->axes, c->x + 2);
    int64_t index[3], within = 0;
    case_index_of(c->axes, c->x + 2, place % plane, index);
    for (int i = c->axes - 1; i >= 0; i--) {
        within = within * c->x[i + 2] + index[i];
    }
    return place / plane * plane + within;
}

static void expect_places(const graph_case *g, const pool_case *c, const int64_t *places) {
    for (size_t where = 0; where < 2; where++) {
        case_result results[2] = {{0}};
        test_ok(case_run(g, case_places[where], results));
        ck_assert_int_eq(results[1].type, CLEAT_I64);
        const int64_t *got = results[1].elements;
        for (int64_t i = 0; i < results[1].count && !test_ignores_values(); i++) {
            const int64_t wanted = c->column_major ? by_columns(c, places[i]) : places[i];
            ck_assert_msg(got[i] == wanted, "place %lld is %lld, not %lld", (long long)i,
                (long long)got[i], (long long)wanted);
        }
        case_free(results, 2);
    }
}

START_TEST(test_max_pool) {
    for (int round = 0; round < test_rounds(16); round++) {
        pool_case c = draw_pool(_i + 1, true);
        const cleat_type type = pool_types[round % 6];
        const int64_t count = case_count(c.axes + 2, c.y), x_count = case_count(c.axes + 2, c.x);
        c.column_major = test_int(0, 1);
        double *x = case_draw(type, x_count, 50), *wanted = test_alloc(count, sizeof *wanted);
        int64_t *places = test_alloc(count, sizeof *places);
        void *elements = case_elements(type, x, x_count);
        reference_window_max(&c.reference, x, wanted, places);
        graph_case g = node_of(&c, "MaxPool", type, elements);
        g.attributes[g.attribute_count++] = case_ints("dilations", (size_t)c.axes, c.dilation);
        case_expect(&g, type, c.axes + 2, c.y, wanted, 0);
        bool has_empty = false;
        for (int64_t i = 0; i < count; i++) {
            has_empty = has_empty || places[i] < 0;
        }
        g.output_count = 2;
        g.attributes[g.attribute_count++] = case_int("storage_order", &c.column_major);
        if (!has_empty) {
            expect_places(&g, &c, places);
        }
        free(x), free(wanted), free(places), free(elements);
    }
}
END_TEST

START_TEST(test_average_pool) {
    for (int round = 0; round < test_rounds(16); round++) {
        const pool_case c = draw_pool(_i + 1, false);
        const cleat_type type = pool_types[round % 3];
        const int64_t count = case_count(c.axes + 2, c.y), x_count = case_count(c.axes + 2, c.x);
        double *x = case_draw(CLEAT_U8, x_count, 50), *wanted = test_alloc(count, sizeof *wanted);
        double *magnitude = test_alloc(count, sizeof *magnitude);
        void *elements = case_elements(type, x, x_count);
        reference_window_average(&c.reference, x, wanted, magnitude);
        graph_case g = node_of(&c, "AveragePool", type, elements);
        g.attributes[g.attribute_count++] = case_int("count_include_pad", &c.count_padding);
        case_expect(&g, type, c.axes + 2, c.y, wanted, 1e-6);
        free(x), free(wanted), free(magnitude), free(elements);
    }
}
END_TEST

START_TEST(test_lp_pool) {
    for (int round = 0; round < test_rounds(8); round++) {
        const pool_case c = draw_pool(_i + 1, false);
        const int64_t p = test_int(1, 3);
        const int64_t count = case_count(c.axes + 2, c.y), x_count = case_count(c.axes + 2, c.x);
        double *x = case_draw(CLEAT_F32, x_count, 9), *wanted = test_alloc(count, sizeof *wanted);
        double *magnitude = test_alloc(count, sizeof *magnitude);
        void *elements = case_elements(CLEAT_F32, x, x_count);
        reference_window_power(&c.reference, (double)p, x, wanted, magnitude);
        graph_case g = node_of(&c, "LpPool", CLEAT_F32, elements);
        g.attributes[g.attribute_count++] = case_int("p", &p);
        case_expect(&g, CLEAT_F32, c.axes + 2, c.y, wanted, 1e-5);
        free(x), free(wanted), free(magnitude), free(elements);
    }
}
END_TEST

/* All of a channel at once, also over more axes than the library's pools take. */
START_TEST(test_global_pools) {
    static const char *const names[] = {"GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool"};
    for (int32_t rank = 3; rank <= 6; rank++) {
        int64_t shape[6], y_shape[6];
        case_shape(rank, 4, false, shape);
        const int64_t count = case_count(rank, shape), channels = shape[0] * shape[1];
        const int64_t plane = count / channels;
        double *x = case_draw(CLEAT_F32, count, 9), *wanted = test_alloc(channels, sizeof *wanted);
        void *elements = case_elements(CLEAT_F32, x, count);
        for (int64_t i = 0; i < channels; i++) {
            wanted[i] = _i == 0 ? -INFINITY : 0;
            for (int64_t k = 0; k < plane; k++) {
                const double value = x[i * plane + k];
                wanted[i] = _i == 0   ? fmax(wanted[i], value)
                            : _i == 1 ? wanted[i] + value / (double)plane
                                      : hypot(wanted[i], value);
            }
            /* sums that cancel have no relative bound */
            wanted[i] = _i == 1 ? rint(wanted[i] * (double)plane) / (double)plane : wanted[i];
        }
        for (int32_t i = 0; i < rank; i++) {
            y_shape[i] = i < 2 ? shape[i] : 1;
        }
        graph_case g = {.type = names[_i],
            .is_strided = test_coin(),
            .input_count = 1,
            .inputs = {{.type = CLEAT_F32, .rank = rank, .elements = elements}}};
        memcpy(g.inputs[0].shape, shape, (size_t)rank * sizeof *shape);
        case_expect(&g, CLEAT_F32, rank, y_shape, wanted, 1e-6);
        free(x), free(wanted), free(elements);
    }
}
END_TEST

/* What MaxPool took goes back, into a tensor of its size or a larger one. */
START_TEST(test_unpool) {
    for (int round = 0; round < test_rounds(12); round++) {
        const cleat_type type = round % 3 == 2 ? CLEAT_F16 : round % 3 == 1 ? CLEAT_F64 : CLEAT_F32;
        const int64_t window[2] = {test_int(1, 3), test_int(1, 3)};
        const int64_t x_shape[4] = {test_int(1, 2), test_int(1, 2), test_int(1, 3), test_int(1, 3)};
        const int64_t inner[2] = {x_shape[2] * window[0], x_shape[3] * window[1]};
        const bool is_larger = test_coin();
        int64_t shape[4] = {x_shape[0], x_shape[1], inner[0] + is_larger, inner[1] + 2 * is_larger};
        const int64_t count = case_count(4, x_shape), y_count = case_count(4, shape);
        double *x = case_draw(type, count, 9), *wanted = test_alloc(y_count, sizeof *wanted);
        int64_t *places = test_alloc(count, sizeof *places);
        for (int64_t i = 0; i < count; i++) {
            int64_t at[4];
            case_index_of(4, x_shape, i, at);
            for (int k = 2; k < 4; k++) {
                at[k] = at[k] * window[k - 2] + test_int(0, window[k - 2] - 1);
            }
            const int64_t whole[4] = {shape[0], shape[1], inner[0], inner[1]};
            places[i] = case_place_of(4, whole, at);
            wanted[case_place_of(4, shape, at)] = x[i];
        }
        void *elements = case_elements(type, x, count);
        graph_case g = {.type = "MaxUnpool",
            .input_count = is_larger ? 3 : 2,
            .inputs = {{.type = type, .rank = 4, .elements = elements},
                {.type = CLEAT_I64, .rank = 4, .elements = places},
                {.type = CLEAT_I64, .rank = 1, .shape = {4}, .elements = shape}},
            .attribute_count = 2,
            .attributes = {case_ints("kernel_shape", 2, window), case_ints("strides", 2, window)}};
        memcpy(g.inputs[0].shape, x_shape, sizeof x_shape);
        memcpy(g.inputs[1].shape, x_shape, sizeof x_shape);
        case_expect(&g, type, 4, shape, wanted, 0);
        free(x), free(wanted), free(places), free(elements);
    }
}
END_TEST

START_TEST(test_nan_wins) {
    const float x[4] = {1, NAN, 3, 2};
    const double wanted[3] = {NAN, NAN, 3};
    const graph_case g = {.type = "MaxPool",
        .input_count = 1,
        .inputs = {{.type = CLEAT_F32, .rank = 3, .shape = {1, 1, 4}, .elements = x}},
        .attribute_count = 1,
        .attributes = {case_ints("kernel_shape", 1, (int64_t[]){2})}};
    case_expect(&g, CLEAT_F32, 3, (int64_t[]){1, 1, 3}, wanted, 0);
}
END_TEST

/* Windows that are longer than anything: their elements are found by arithmetic, not one by one. */
START_TEST(test_endless_windows) {
    const int64_t most = INT32_MAX, one = 1;
    const float x[6] = {1, 2, 3, 4, 5, 6};
    const int64_t window[] = {most, most}, pads[] = {most - 2, most - 4, 0, 1};
    graph_case g = {.type = "MaxPool",
        .input_count = 1,
        .inputs = {{.type = CLEAT_F32, .rank = 4, .shape = {1, 1, 2, 3}, .elements = x}},
        .attribute_count = 2,
        .attributes = {case_ints("kernel_shape", 2, window), case_ints("pads", 4, pads)}};
    const int64_t shape[] = {1, 1, 1, 1};
    case_expect(&g, CLEAT_F32, 4, shape, (const double[]){6}, 0);
    g.type = "AveragePool";
    case_expect(&g, CLEAT_F32, 4, shape, (const double[]){3.5}, 1e-6);
    g.attributes[g.attribute_count++] = case_int("count_include_pad", &one);
    const double all = (double)most * (double)most;
    case_expect(&g, CLEAT_F32, 4, shape, (const double[]){21 / all}, 1e-6);
    g.attribute_count--;
    g.type = "LpPool";
    g.attributes[g.attribute_count++] = case_int("p", &one);
    case_expect(&g, CLEAT_F32, 4, shape, (const double[]){21}, 1e-6);
    /* far apart: rows 0 and none, columns 0 and none behind the padding */
    const int64_t apart[] = {most, most}, some[] = {3, 2}, around[] = {most, 0, most, most - 2};
    g = (graph_case){.type = "MaxPool",
        .input_count = 1,
        .inputs = {g.inputs[0]},
        .attribute_count = 3,
        .attributes = {case_ints("kernel_shape", 2, some), case_ints("dilations", 2, apart),
            case_ints("pads", 4, around)}};
    const int64_t two[] = {1, 1, 2, 1};
    case_expect(&g, CLEAT_F32, 4, two, (const double[]){1, 4}, 0);
}
END_TEST

START_TEST(test_refusals) {
    const float x[9] = {0};
    graph_case g = {.type = "MaxPool",
        .input_count = 1,
        .inputs = {{.type = CLEAT_F32, .rank = 3, .shape = {1, 1, 3}, .elements = x}}};
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "no kernel_shape");
    g.attribute_count = 1;
    g.attributes[0] = case_ints("kernel_shape", 1, (int64_t[]){4});
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "spans 4 elements of 3");
    g.attributes[0] = case_ints("kernel_shape", 2, (int64_t[]){1, 1});
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "2 numbers, expected 1");
    g.inputs[0].rank = 2;
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "expected rank 3");
    g.type = "GlobalAveragePool";
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "expected rank 3");
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph_pool");
    test_add_loop(suite, "max_pool", test_max_pool, 3);
    test_add_loop(suite, "average_pool", test_average_pool, 3);
    test_add_loop(suite, "lp_pool", test_lp_pool, 3);
    test_add_loop(suite, "global_pools", test_global_pools, 3);
    test_add_case(suite, "unpool", test_unpool);
    test_add_case(suite, "nan", test_nan_wins);
    test_add_case(suite, "endless_windows", test_endless_windows);
    test_add_case(suite, "refusals", test_refusals);
    return suite;
}
