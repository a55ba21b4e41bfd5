/* SPDX-License-Identifier: Apache-2.0 */
/* Operators of graphs that choose elements: Gather, Scatter, NonZero, Unique, TopK, ... */
#include "graph_case.h"

static void set_shape(graph_case *g, int32_t rank, const int64_t *shape) {
    g->inputs[0].rank = rank;
    memcpy(g->inputs[0].shape, shape, (size_t)rank * sizeof *shape);
}

/* Indices into an extent, some from its end; free() them. */
static int64_t *draw_indices(int64_t count, int64_t extent) {
    int64_t *indices = test_alloc(count, sizeof *indices);
    for (int64_t i = 0; i < count; i++) {
        indices[i] = test_int(-extent, extent - 1);
    }
    return indices;
}

static int64_t within(int64_t index, int64_t extent) {
    return index < 0 ? index + extent : index;
}

/* ---- Gather ---- */

static void check_gather(bool is_constant) {
    const int32_t rank = (int32_t)test_int(1, 4), indices_rank = (int32_t)test_int(0, 2);
    int64_t shape[CLEAT_MAX_RANK], list_shape[CLEAT_MAX_RANK], result[CLEAT_MAX_RANK];
    int64_t index[CLEAT_MAX_RANK], from[CLEAT_MAX_RANK];
    const int64_t axis = test_int(-rank, rank - 1);
    const int32_t at = (int32_t)within(axis, rank);
    case_shape(rank, 4, false, shape);
    case_shape(indices_rank, 3, true, list_shape);
    for (int32_t i = 0; i < rank - 1 + indices_rank; i++) {
        result[i] = i < at                  ? shape[i]
                    : i < at + indices_rank ? list_shape[i - at]
                                            : shape[i - indices_rank + 1];
    }
    int64_t *indices = draw_indices(case_count(indices_rank, list_shape), shape[at]);
    const int64_t count = case_count(rank - 1 + indices_rank, result);
    int64_t *source = test_alloc(count, sizeof *source);
    for (int64_t i = 0; i < count; i++) {
        case_index_of(rank - 1 + indices_rank, result, i, index);
        for (int32_t k = 0; k < rank; k++) {
            from[k] = k < at ? index[k] : k > at ? index[k - 1 + indices_rank] : 0;
        }
        from[at] = within(indices[case_place_of(indices_rank, list_shape, index + at)], shape[at]);
        source[i] = case_place_of(rank, shape, from);
    }
    graph_case g = {.type = "Gather",
        .input_count = 2,
        .attribute_count = 1,
        .attributes = {case_int("axis", &axis)}};
    set_shape(&g, rank, shape);
    g.inputs[1] = (case_value){
        .type = CLEAT_I64, .rank = indices_rank, .elements = indices, .is_constant = is_constant};
    memcpy(g.inputs[1].shape, list_shape, sizeof list_shape);
    case_expect_moved(&g, rank - 1 + indices_rank, result, source, 0);
    free(indices);
    free(source);
}

START_TEST(test_gather) {
    for (int round = 0; round < test_rounds(8); round++) {
        check_gather(test_coin());
    }
}
END_TEST

/* One index that is known gives a view. */
START_TEST(test_gather_one) {
    static const int64_t axis = 1, index = -1;
    graph_case g = {.type = "Gather",
        .input_count = 2,
        .attribute_count = 1,
        .attributes = {case_int("axis", &axis)}};
    set_shape(&g, 3, (const int64_t[]){2, 3, 2});
    g.inputs[1] = case_integers(1, &index);
    case_expect_moved(&g, 3, (const int64_t[]){2, 1, 2}, (const int64_t[]){4, 5, 10, 11}, 0);
    g.inputs[1].rank = 0;
    case_expect_moved(&g, 2, (const int64_t[]){2, 2}, (const int64_t[]){4, 5, 10, 11}, 0);
    const int64_t far = 3;
    g.inputs[1].elements = &far;
    g.inputs[0].type = CLEAT_F32;
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "an index is 3");
}
END_TEST

/* ---- GatherElements, ScatterElements ---- */

/* A shape for indices: x's, but for another extent along the axis and less elsewhere. */
static void indices_shape(int32_t rank, const int64_t *shape, int32_t axis, int64_t *of) {
    for (int32_t i = 0; i < rank; i++) {
        of[i] = i == axis ? test_int(1, 4) : test_int(1, shape[i]);
    }
}

START_TEST(test_gather_elements) {
    for (int round = 0; round < test_rounds(8); round++) {
        const int32_t rank = (int32_t)test_int(1, 3), at = (int32_t)test_int(0, rank - 1);
        const int64_t axis = test_coin() ? at : at - rank;
        int64_t shape[CLEAT_MAX_RANK], result[CLEAT_MAX_RANK], index[CLEAT_MAX_RANK];
        case_shape(rank, 4, false, shape);
        indices_shape(rank, shape, at, result);
        const int64_t count = case_count(rank, result);
        int64_t *indices = draw_indices(count, shape[at]);
        int64_t *source = test_alloc(count, sizeof *source);
        for (int64_t i = 0; i < count; i++) {
            case_index_of(rank, result, i, index);
            index[at] = within(indices[i], shape[at]);
            source[i] = case_place_of(rank, shape, index);
        }
        graph_case g = {.type = "GatherElements",
            .input_count = 2,
            .attribute_count = 1,
            .attributes = {case_int("axis", &axis)}};
        set_shape(&g, rank, shape);
        g.inputs[1] = (case_value){.type = CLEAT_I64, .rank = rank, .elements = indices};
        memcpy(g.inputs[1].shape, result, sizeof result);
        case_expect_moved(&g, rank, result, source, 0);
        free(indices);
        free(source);
    }
}
END_TEST

/* ---- GatherND ---- */

START_TEST(test_gather_nd) {
    for (int round = 0; round < test_rounds(10); round++) {
        const int32_t rank = (int32_t)test_int(1, 4), batch = (int32_t)test_int(0, rank - 1);
        const int32_t length = (int32_t)test_int(1, rank - batch);
        const int64_t tuples = test_int(1, 4), batch_dims = batch;
        int64_t shape[CLEAT_MAX_RANK], result[CLEAT_MAX_RANK], index[CLEAT_MAX_RANK];
        int64_t from[CLEAT_MAX_RANK];
        case_shape(rank, 4, false, shape);
        graph_case g = {.type = "GatherND",
            .input_count = 2,
            .attribute_count = 1,
            .attributes = {case_int("batch_dims", &batch_dims)}};
        set_shape(&g, rank, shape);
        case_value *list = &g.inputs[1];
        list->type = CLEAT_I64;
        list->rank = batch + 2;
        memcpy(list->shape, shape, sizeof shape);
        list->shape[batch] = tuples;
        list->shape[batch + 1] = length;
        const int64_t numbers = case_count(list->rank, list->shape);
        int64_t *indices = test_alloc(numbers, sizeof *indices);
        for (int64_t i = 0; i < numbers; i++) {
            const int64_t extent = shape[batch + i % length];
            indices[i] = test_int(-extent, extent - 1);
        }
        list->elements = indices;
        const int32_t result_rank = rank - length + 1;
        for (int32_t i = 0; i < result_rank; i++) {
            result[i] = i < batch ? shape[i] : i == batch ? tuples : shape[i + length - 1];
        }
        const int64_t count = case_count(result_rank, result);
        int64_t *source = test_alloc(count, sizeof *source);
        for (int64_t i = 0; i < count; i++) {
            case_index_of(result_rank, result, i, index);
            const int64_t tuple = case_place_of(batch + 1, list->shape, index);
            for (int32_t k = 0; k < rank; k++) {
                from[k] = k < batch ? index[k]
                          : k < batch + length
                              ? within(indices[tuple * length + k - batch], shape[k])
                              : index[k - length + 1];
            }
            source[i] = case_place_of(rank, shape, from);
        }
        case_expect_moved(&g, result_rank, result, source, 0);
        free(indices);
        free(source);
    }
}
END_TEST

/* ---- Scatter ---- */

static double reduced(const char *reduction, double old, double new) {
    return strcmp(reduction, "add") == 0   ? old + new
           : strcmp(reduction, "mul") == 0 ? old *new
           : strcmp(reduction, "max") == 0 ? (old > new ? old : new)
           : strcmp(reduction, "min") == 0 ? (old < new ? old : new)
                                           : new;
}

static const char *const reductions[] = {"none", "add", "mul", "max", "min"};

/* x with updates written to these places of it, `inner` elements at each, in their order. */
static void expect_scattered(graph_case *g, const char *const *reduction, const int64_t *places,
    int64_t count, int64_t inner) {
    const cleat_type type = test_coin() ? CLEAT_F32 : test_coin() ? CLEAT_I64 : CLEAT_U8;
    const int32_t rank = g->inputs[0].rank;
    const int64_t elements = case_count(rank, g->inputs[0].shape);
    double *x = case_draw(type, elements, 3), *updates = case_draw(type, count * inner, 3);
    void *old = case_elements(type, x, elements),
         *new = case_elements(type, updates, count * inner);
    for (int64_t i = 0; i < count * inner; i++) {
        double *y = &x[places[i / inner] + i % inner];
        *y = case_wrapped(type, reduced(*reduction, *y, updates[i]));
    }
    g->inputs[0].type = type;
    g->inputs[0].elements = old;
    g->inputs[2].type = type;
    g->inputs[2].elements = new;
    g->attributes[0] = case_text("reduction", reduction);
    case_expect(g, type, rank, g->inputs[0].shape, x, 0);
    free(x);
    free(updates);
    free(old);
    free(new);
}

START_TEST(test_scatter_elements) {
    for (int round = 0; round < test_rounds(6); round++) {
        const int32_t rank = (int32_t)test_int(1, 3), at = (int32_t)test_int(0, rank - 1);
        const int64_t axis = test_coin() ? at : at - rank;
        int64_t shape[CLEAT_MAX_RANK], of[CLEAT_MAX_RANK], index[CLEAT_MAX_RANK];
        case_shape(rank, 4, false, shape);
        indices_shape(rank, shape, at, of);
        const int64_t count = case_count(rank, of);
        int64_t *indices = draw_indices(count, shape[at]);
        int64_t *places = test_alloc(count, sizeof *places);
        for (int64_t i = 0; i < count; i++) {
            case_index_of(rank, of, i, index);
            index[at] = within(indices[i], shape[at]);
            places[i] = case_place_of(rank, shape, index);
        }
        graph_case g = {.type = _i == 0 && test_coin() ? "Scatter" : "ScatterElements",
            .input_count = 3,
            .attribute_count = 2,
            .attributes = {{0}, case_int("axis", &axis)}};
        set_shape(&g, rank, shape);
        g.inputs[1] = (case_value){
            .type = CLEAT_I64, .rank = rank, .elements = indices, .is_constant = test_coin()};
        memcpy(g.inputs[1].shape, of, sizeof of);
        g.inputs[2].rank = rank;
        memcpy(g.inputs[2].shape, of, sizeof of);
        expect_scattered(&g, &reductions[_i], places, count, 1);
        free(indices);
        free(places);
    }
}
END_TEST

START_TEST(test_scatter_nd) {
    for (int round = 0; round < test_rounds(6); round++) {
        const int32_t rank = (int32_t)test_int(1, 4), length = (int32_t)test_int(1, rank);
        const int64_t tuples = test_int(0, 4);
        const bool is_line = test_coin();
        int64_t shape[CLEAT_MAX_RANK], from[CLEAT_MAX_RANK] = {0};
        case_shape(rank, 4, false, shape);
        shape[length - 1] += is_line ? 4 : 0;
        const int64_t inner = case_count(rank - length, shape + length);
        int64_t *indices = test_alloc(tuples * length, sizeof *indices);
        int64_t *places = test_alloc(tuples, sizeof *places);
        for (int64_t i = 0; i < tuples; i++) {
            for (int32_t k = 0; k < length; k++) {
                int64_t *next = &indices[i * length + k];
                *next = is_line ? (k + 1 == length ? i : 0) : test_int(-shape[k], shape[k] - 1);
                from[k] = within(*next, shape[k]);
            }
            places[i] = case_place_of(length, shape, from) * inner;
        }
        graph_case g = {.type = "ScatterND", .input_count = 3, .attribute_count = 1};
        set_shape(&g, rank, shape);
        g.inputs[1] = (case_value){.type = CLEAT_I64,
            .rank = 2,
            .shape = {tuples, length},
            .elements = indices,
            .is_constant = test_coin()};
        g.inputs[2].rank = rank - length + 1;
        g.inputs[2].shape[0] = tuples;
        memcpy(g.inputs[2].shape + 1, shape + length, (size_t)(rank - length) * sizeof *shape);
        expect_scattered(&g, &reductions[_i], places, tuples, inner);
        free(indices);
        free(places);
    }
}
END_TEST

/* ---- NonZero, Compress ---- */

START_TEST(test_non_zero) {
    static const float x[] = {0, 2, -0.0F, NAN, 0, 1};
    graph_case g = {.type = "NonZero",
        .input_count = 1,
        .inputs = {{.type = CLEAT_F32, .rank = 2, .shape = {3, 2}, .elements = x}}};
    case_expect(&g, CLEAT_I64, 2, (const int64_t[]){2, 3}, (const double[]){0, 1, 2, 1, 1, 1}, 0);
    g.inputs[0].shape[1] = 0;
    case_expect(&g, CLEAT_I64, 2, (const int64_t[]){2, 0}, NULL, 0);
    g.inputs[0].rank = 0;
    g.inputs[0].elements = &x[1];
    case_expect(&g, CLEAT_I64, 2, (const int64_t[]){0, 1}, NULL, 0);
}
END_TEST

START_TEST(test_compress) {
    const uint8_t condition[] = {0, 1, 1};
    const int64_t axis = -1, first = 0;
    graph_case g = {.type = "Compress",
        .input_count = 2,
        .attribute_count = 1,
        .attributes = {case_int("axis", &axis)}};
    set_shape(&g, 2, (const int64_t[]){2, 3});
    g.inputs[1] = (case_value){.type = CLEAT_BOOL, .rank = 1, .shape = {3}, .elements = condition};
    case_expect_moved(&g, 2, (const int64_t[]){2, 2}, (const int64_t[]){1, 2, 4, 5}, 0);
    g.attribute_count = 0;
    case_expect_moved(&g, 1, (const int64_t[]){2}, (const int64_t[]){1, 2}, 0);
    g.attribute_count = 1;
    g.attributes[0] = case_int("axis", &first);
    g.inputs[1].shape[0] = 2;
    case_expect_moved(&g, 2, (const int64_t[]){1, 3}, (const int64_t[]){3, 4, 5}, 0);
}
END_TEST

/* ---- Unique, TopK ---- */

static void expect_lists(graph_case *g, const double *values, const int64_t *const *lists,
    const int64_t *lengths, size_t first_list) {
    for (int place = 0; place < 2; place++) {
        case_result y[CASE_MOST] = {{0}};
        test_ok(case_run(g, case_places[place], y));
        for (int64_t i = 0; !test_ignores_values() && i < y[0].count; i++) {
            ck_assert_double_eq((double)((const float *)y[0].elements)[i], values[i]);
        }
        for (size_t k = first_list; k < g->output_count; k++) {
            ck_assert_int_eq(y[k].type, CLEAT_I64);
            ck_assert_int_eq(y[k].count, lengths[k]);
            for (int64_t i = 0; !test_ignores_values() && i < lengths[k]; i++) {
                ck_assert_int_eq(((const int64_t *)y[k].elements)[i], lists[k][i]);
            }
        }
        case_free(y, g->output_count);
    }
}

/* The examples of ONNX's definition. */
START_TEST(test_unique) {
    const int64_t no = 0, axis = 1;
    static const float flat[] = {2, 1, 1, 3, 4, 3};
    graph_case g = {.type = "Unique",
        .input_count = 1,
        .output_count = 4,
        .inputs = {{.type = CLEAT_F32, .rank = 1, .shape = {6}, .elements = flat}}};
    expect_lists(&g, (const double[]){1, 2, 3, 4},
        (const int64_t *const[]){NULL, (const int64_t[]){1, 0, 3, 4},
            (const int64_t[]){1, 0, 0, 2, 3, 2}, (const int64_t[]){2, 1, 2, 1}},
        (const int64_t[]){0, 4, 6, 4}, 1);
    g.attribute_count = 1;
    g.attributes[0] = case_int("sorted", &no);
    expect_lists(&g, (const double[]){2, 1, 3, 4},
        (const int64_t *const[]){NULL, (const int64_t[]){0, 1, 3, 4},
            (const int64_t[]){0, 1, 1, 2, 3, 2}, (const int64_t[]){1, 2, 2, 1}},
        (const int64_t[]){0, 4, 6, 4}, 1);
    static const float planes[] = {1, 1, 0, 1, 2, 1, 0, 1, 1, 1, 0, 1, 2, 1, 0, 1};
    g.inputs[0] =
        (case_value){.type = CLEAT_F32, .rank = 3, .shape = {2, 4, 2}, .elements = planes};
    g.attributes[0] = case_int("axis", &axis);
    expect_lists(&g, (const double[]){0, 1, 1, 1, 2, 1, 0, 1, 1, 1, 2, 1},
        (const int64_t *const[]){NULL, (const int64_t[]){1, 0, 2}, (const int64_t[]){1, 0, 2, 0},
            (const int64_t[]){2, 1, 1}},
        (const int64_t[]){0, 3, 4, 3}, 1);
}
END_TEST

START_TEST(test_top_k) {
    static const float x[] = {3, 7, 7, -1, NAN, 2, 2, 9};
    static const int64_t axis = 1, two = 2, no = 0;
    graph_case g = {.type = "TopK",
        .input_count = 2,
        .output_count = 2,
        .inputs = {{.type = CLEAT_F32, .rank = 2, .shape = {1, 4}, .elements = x}},
        .attribute_count = 1,
        .attributes = {case_int("axis", &axis), case_int("largest", &no)}};
    g.inputs[1] = case_integers(1, &two);
    const int64_t lengths[] = {2, 2};
    expect_lists(&g, (const double[]){7, 7},
        (const int64_t *const[]){NULL, (const int64_t[]){1, 2}}, lengths, 1);
    g.attribute_count = 2;
    expect_lists(&g, (const double[]){-1, 3},
        (const int64_t *const[]){NULL, (const int64_t[]){3, 0}}, lengths, 1);
    g.inputs[0].elements = x + 4;
    expect_lists(&g, (const double[]){2, 2},
        (const int64_t *const[]){NULL, (const int64_t[]){1, 2}}, lengths, 1);
    g.opset = 9;
    g.input_count = 1;
    g.inputs[0].elements = x;
    g.attributes[1] = case_int("k", &two);
    expect_lists(&g, (const double[]){7, 7},
        (const int64_t *const[]){NULL, (const int64_t[]){1, 2}}, lengths, 1);
    g.output_count = 1;
    const uint64_t wide[] = {UINT64_MAX, 3, UINT64_MAX - 1, 5};
    g.inputs[0] = (case_value){.type = CLEAT_U64, .rank = 2, .shape = {1, 4}, .elements = wide};
    case_result y[1] = {{0}};
    test_ok(case_run(&g, CASE_DEVICE, y));
    ck_assert(test_ignores_values() || ((const uint64_t *)y[0].elements)[1] == UINT64_MAX - 1);
    case_free(y, 1);
}
END_TEST

/* ---- Refusals ---- */

START_TEST(test_refusals) {
    static const float x[6] = {0};
    static const int64_t nine[] = {9, 9}, k[] = {4};
    graph_case g = {.type = "GatherND",
        .input_count = 2,
        .inputs = {{.type = CLEAT_F32, .rank = 2, .shape = {2, 3}, .elements = x},
            case_integers(2, nine)}};
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "an index is 9");
    g.inputs[1].rank = 2;
    g.inputs[1].shape[0] = 0;
    g.inputs[1].shape[1] = 3;
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "[0, 3]");
    g.type = "ScatterND";
    g.input_count = 3;
    g.inputs[1] = case_integers(2, (const int64_t[]){0, 0});
    g.inputs[2] = (case_value){.type = CLEAT_F32, .rank = 1, .shape = {1}, .elements = x};
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "updates are [1]");
    const char *reduction = "mean";
    g.attribute_count = 1;
    g.attributes[0] = case_text("reduction", &reduction);
    case_refused(&g, CLEAT_UNSUPPORTED, "mean");
    g.type = "ScatterElements";
    g.attribute_count = 0;
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "do not point");
    g.type = "TopK";
    g.input_count = 2;
    g.output_count = 2;
    g.inputs[1] = case_integers(1, k);
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "4 of 3");
    g.type = "Gather";
    g.output_count = 1;
    g.inputs[1] = (case_value){.type = CLEAT_F32, .rank = 1, .shape = {2}, .elements = x};
    case_refused(&g, CLEAT_TYPE_MISMATCH, "indices of f32");
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph_index");
    test_add_case(suite, "gather", test_gather);
    test_add_case(suite, "gather_one", test_gather_one);
    test_add_case(suite, "gather_elements", test_gather_elements);
    test_add_case(suite, "gather_nd", test_gather_nd);
    test_add_loop(suite, "scatter_elements", test_scatter_elements, 5);
    test_add_loop(suite, "scatter_nd", test_scatter_nd, 5);
    test_add_case(suite, "non_zero", test_non_zero);
    test_add_case(suite, "compress", test_compress);
    test_add_case(suite, "unique", test_unique);
    test_add_case(suite, "top_k", test_top_k);
    test_add_case(suite, "refusals", test_refusals);
    return suite;
}
