/* SPDX-License-Identifier: Apache-2.0 */
/* Operators of graphs that give elements another shape, or views of them: Reshape, Slice, ... */
#include "graph_case.h"

static int64_t *identity(int64_t count) {
    int64_t *source = test_alloc(count, sizeof *source);
    for (int64_t i = 0; i < count; i++) {
        source[i] = i;
    }
    return source;
}

static void set_shape(graph_case *g, int32_t rank, const int64_t *shape) {
    g->inputs[0].rank = rank;
    memcpy(g->inputs[0].shape, shape, (size_t)rank * sizeof *shape);
}

/* ---- Reshape, Flatten ---- */

typedef struct reshape_row {
    int32_t rank, target_rank, result_rank;
    int64_t shape[4], target[4], result[4];
    bool allows_zero;
} reshape_row;

static const reshape_row reshape_rows[] = {
    {3, 2, 2, {2, 3, 4}, {4, 6}, {4, 6}, false},
    {3, 2, 2, {2, 3, 4}, {-1, 8}, {3, 8}, false},
    {3, 4, 4, {2, 3, 4}, {0, 3, 2, -1}, {2, 3, 2, 2}, false},
    {3, 3, 3, {2, 3, 4}, {0, 0, 0}, {2, 3, 4}, false},
    {3, 1, 1, {2, 3, 4}, {-1}, {24}, false},
    {2, 0, 0, {1, 1}, {0}, {0}, false},
    {0, 2, 2, {0}, {1, -1}, {1, 1}, false},
    {3, 3, 3, {0, 3, 4}, {3, 4, 0}, {3, 4, 0}, true},
    {2, 2, 2, {0, 4}, {0, 4}, {0, 4}, false},
    {2, 2, 2, {0, 4}, {-1, 4}, {0, 4}, false},
};

START_TEST(test_reshape) {
    const reshape_row *row = &reshape_rows[_i];
    const int64_t one = 1;
    graph_case g = {.type = "Reshape", .opset = 14, .input_count = 2};
    set_shape(&g, row->rank, row->shape);
    g.inputs[1] = case_integers(row->target_rank, row->target);
    if (row->allows_zero) {
        g.attribute_count = 1;
        g.attributes[0] = case_int("allowzero", &one);
    }
    int64_t *source = identity(case_count(row->rank, row->shape));
    case_expect_moved(&g, row->result_rank, row->result, source, 0);
    free(source);
}
END_TEST

START_TEST(test_flatten) {
    const int64_t shape[] = {2, 3, 4};
    int64_t *source = identity(24);
    for (int64_t axis = -3; axis <= 3; axis++) {
        const int64_t at = axis < 0 ? axis + 3 : axis;
        const int64_t outer = at == 0 ? 1 : at == 1 ? 2 : at == 2 ? 6 : 24;
        graph_case g = {.type = "Flatten",
            .input_count = 1,
            .attribute_count = 1,
            .attributes = {case_int("axis", &axis)}};
        set_shape(&g, 3, shape);
        case_expect_moved(&g, 2, (const int64_t[]){outer, 24 / outer}, source, 0);
    }
    free(source);
}
END_TEST

/* ---- Squeeze, Unsqueeze: axes are an attribute before opset 13 ---- */

static void set_axes(graph_case *g, bool as_input, size_t count, const int64_t *axes) {
    g->opset = as_input ? 13 : 11;
    g->input_count = as_input ? 2 : 1;
    g->inputs[1] = case_integers((int64_t)count, axes);
    g->attribute_count = as_input ? 0 : 1;
    g->attributes[0] = case_ints("axes", count, axes);
}

START_TEST(test_squeeze) {
    int64_t *source = identity(6);
    graph_case g = {.type = "Squeeze"};
    set_shape(&g, 4, (const int64_t[]){1, 2, 1, 3});
    set_axes(&g, _i == 1, 1, (const int64_t[]){-2});
    case_expect_moved(&g, 3, (const int64_t[]){1, 2, 3}, source, 0);
    set_axes(&g, _i == 1, 2, (const int64_t[]){2, 0});
    case_expect_moved(&g, 2, (const int64_t[]){2, 3}, source, 0);
    set_axes(&g, _i == 1, 0, NULL);
    g.input_count = 1;
    g.attribute_count = 0;
    case_expect_moved(&g, 2, (const int64_t[]){2, 3}, source, 0);
    set_axes(&g, _i == 1, 1, (const int64_t[]){1});
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "axis 1 of [1, 2, 1, 3]");
    g.type = "Unsqueeze";
    set_shape(&g, 2, (const int64_t[]){2, 3});
    set_axes(&g, _i == 1, 3, (const int64_t[]){4, 0, -3});
    case_expect_moved(&g, 5, (const int64_t[]){1, 2, 1, 3, 1}, source, 0);
    set_axes(&g, _i == 1, 2, (const int64_t[]){0, -4});
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "axis 0 is named twice");
    free(source);
}
END_TEST

/* ---- Shape, Size ---- */

START_TEST(test_shape) {
    static const struct {
        int64_t start, end;
        int64_t count;
        double wanted[4];
    } rows[] = {{0, 4, 4, {2, 0, 4, 5}}, {1, -1, 2, {0, 4}}, {-1, 9, 1, {5}}, {-9, 1, 1, {2}},
        {3, 1, 0, {0}}};
    const float nothing = 0;
    graph_case g = {.type = "Shape",
        .input_count = 1,
        .inputs = {{.type = CLEAT_F32, .rank = 4, .shape = {2, 0, 4, 5}, .elements = &nothing}}};
    case_expect(&g, CLEAT_I64, 1, (const int64_t[]){4}, rows[0].wanted, 0);
    g.attribute_count = 2;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        g.attributes[0] = case_int("start", &rows[i].start);
        g.attributes[1] = case_int("end", &rows[i].end);
        case_expect(&g, CLEAT_I64, 1, &rows[i].count, rows[i].wanted, 0);
    }
    g.type = "Size";
    g.attribute_count = 0;
    case_expect(&g, CLEAT_I64, 0, NULL, (const double[]){0}, 0);
}
END_TEST

/* ---- Transpose ---- */

START_TEST(test_transpose) {
    for (int round = 0; round < test_rounds(8); round++) {
        const int32_t rank = (int32_t)test_int(0, 5);
        int64_t shape[CLEAT_MAX_RANK], result[CLEAT_MAX_RANK], axes[CLEAT_MAX_RANK];
        int64_t index[CLEAT_MAX_RANK], from[CLEAT_MAX_RANK];
        case_shape(rank, 4, true, shape);
        const bool is_default = test_int(0, 3) == 0;
        for (int32_t i = 0; i < rank; i++) {
            const int32_t k = (int32_t)test_int(0, i);
            axes[i] = is_default ? rank - 1 - i : axes[k];
            axes[is_default ? i : k] = is_default ? rank - 1 - i : i;
        }
        for (int32_t i = 0; i < rank; i++) {
            result[i] = shape[axes[i]];
        }
        const int64_t count = case_count(rank, shape);
        int64_t *source = test_alloc(count, sizeof *source);
        for (int64_t i = 0; i < count; i++) {
            case_index_of(rank, result, i, index);
            for (int32_t k = 0; k < rank; k++) {
                from[axes[k]] = index[k];
            }
            source[i] = case_place_of(rank, shape, from);
        }
        graph_case g = {.type = "Transpose",
            .input_count = 1,
            .attribute_count = is_default || rank == 0 ? 0 : 1,
            .attributes = {case_ints("perm", (size_t)rank, axes)}};
        set_shape(&g, rank, shape);
        case_expect_moved(&g, rank, result, source, 0);
        free(source);
    }
}
END_TEST

/* ---- Expand ---- */

START_TEST(test_expand) {
    for (int round = 0; round < test_rounds(8); round++) {
        const int32_t rank = (int32_t)test_int(0, 4);
        const int32_t x_rank = (int32_t)test_int(0, rank),
                      wanted_rank = test_coin() ? rank : x_rank;
        int64_t whole[CLEAT_MAX_RANK], shape[CLEAT_MAX_RANK], wanted[CLEAT_MAX_RANK];
        int64_t index[CLEAT_MAX_RANK];
        case_shape(rank, 4, true, whole);
        const int32_t longer = wanted_rank > x_rank ? wanted_rank : x_rank;
        for (int32_t i = 0; i < longer; i++) { /* from the last axis on */
            const int64_t extent = whole[rank - 1 - i];
            const bool x_has = i < x_rank, wanted_has = i < wanted_rank;
            const bool x_is_one = x_has && wanted_has && test_coin();
            if (x_has) {
                shape[x_rank - 1 - i] = x_is_one ? 1 : extent;
            }
            if (wanted_has) {
                wanted[wanted_rank - 1 - i] = x_is_one || !x_has || test_coin() ? extent : 1;
            }
        }
        const int64_t *result = whole + rank - longer;
        const int64_t count = case_count(longer, result);
        int64_t *source = test_alloc(count, sizeof *source);
        for (int64_t i = 0; i < count; i++) {
            case_index_of(longer, result, i, index);
            int64_t *own = index + longer - x_rank;
            for (int32_t k = 0; k < x_rank; k++) {
                own[k] = shape[k] == 1 ? 0 : own[k];
            }
            source[i] = case_place_of(x_rank, shape, own);
        }
        graph_case g = {.type = "Expand", .input_count = 2};
        set_shape(&g, x_rank, shape);
        g.inputs[1] = case_integers(wanted_rank, wanted);
        case_expect_moved(&g, longer, result, source, 0);
        free(source);
    }
}
END_TEST

/* ---- Slice ---- */

/* start:end:step of n elements as ONNX defines it: as Python does, but that a start in front of the
 * first element is the first one also where the step is negative. */
static int64_t slice_list(int64_t n, int64_t start, int64_t end, int64_t step, int64_t *list) {
    int64_t count = 0;
    const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? n : n - 1;
    start += start < 0 ? n : 0;
    end += end < 0 ? n : 0;
    start = start < 0 ? 0 : start > high ? high : start;
    end = end < low ? low : end > high ? high : end;
    for (int64_t i = start; n > 0 && (step > 0 ? i < end : i > end); i += step) {
        list[count++] = i;
    }
    return count;
}

static void check_slice(int64_t opset) {
    const int32_t rank = (int32_t)test_int(1, 4);
    int64_t shape[CLEAT_MAX_RANK], result[CLEAT_MAX_RANK], index[CLEAT_MAX_RANK];
    int64_t lists[CLEAT_MAX_RANK][8], numbers[4][CLEAT_MAX_RANK];
    size_t count = 0;
    case_shape(rank, 5, true, shape);
    for (int32_t i = 0; i < rank; i++) {
        result[i] = slice_list(shape[i], 0, shape[i], 1, lists[i]);
        if (test_coin()) {
            numbers[0][count] = test_int(-7, 7);
            numbers[1][count] = test_int(0, 4) == 0 ? INT64_MAX : test_int(-7, 7);
            numbers[2][count] = test_coin() ? i : i - rank;
            numbers[3][count] = opset < 10 ? 1 : (test_coin() ? 1 : -1) * test_int(1, 3);
            result[i] = slice_list(
                shape[i], numbers[0][count], numbers[1][count], numbers[3][count], lists[i]);
            count++;
        }
    }
    const int64_t elements = case_count(rank, result);
    int64_t *source = test_alloc(elements, sizeof *source);
    for (int64_t i = 0; i < elements; i++) {
        case_index_of(rank, result, i, index);
        for (int32_t k = 0; k < rank; k++) {
            index[k] = lists[k][index[k]];
        }
        source[i] = case_place_of(rank, shape, index);
    }
    graph_case g = {.type = "Slice", .opset = opset, .input_count = opset < 10 ? 1 : 5};
    set_shape(&g, rank, shape);
    for (int k = 0; k < 4; k++) {
        static const char *const names[] = {"starts", "ends", "axes", "steps"};
        g.inputs[1 + k] = case_integers((int64_t)count, numbers[k]);
        g.attributes[k] = case_ints(names[k], count, numbers[k]);
    }
    g.attribute_count = opset < 10 ? 3 : 0;
    case_expect_moved(&g, rank, result, source, 0);
    free(source);
}

START_TEST(test_slice) {
    for (int round = 0; round < test_rounds(8); round++) {
        check_slice(test_int(0, 3) == 0 ? 9 : 13);
    }
}
END_TEST

START_TEST(test_slice_to_the_ends) {
    const int64_t start = INT64_MAX, end = INT64_MIN, axis = 0, step = -1;
    graph_case g = {.type = "Slice", .input_count = 5};
    set_shape(&g, 1, (const int64_t[]){3});
    g.inputs[1] = case_integers(1, &start);
    g.inputs[2] = case_integers(1, &end);
    g.inputs[3] = case_integers(1, &axis);
    g.inputs[4] = case_integers(1, &step);
    case_expect_moved(&g, 1, (const int64_t[]){3}, (const int64_t[]){2, 1, 0}, 0);
    const int64_t far = INT64_MIN;
    g.inputs[4] = case_integers(1, &far);
    case_expect_moved(&g, 1, (const int64_t[]){1}, (const int64_t[]){2}, 0);
}
END_TEST

/* ---- Refusals ---- */

START_TEST(test_refusals) {
    const float x[6] = {0};
    graph_case g = {.type = "Reshape",
        .input_count = 2,
        .inputs = {{.type = CLEAT_F32, .rank = 2, .shape = {2, 3}, .elements = x}}};
    g.inputs[1] = case_integers(2, (const int64_t[]){4, -1});
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "[2, 3] does not become [4, -1]");
    g.inputs[1] = case_integers(2, (const int64_t[]){-1, -1});
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "[-1, -1]");
    g.inputs[1] = case_integers(2, (const int64_t[]){-2, 3});
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "[-2, 3]");
    g.inputs[1] = case_integers(9, (const int64_t[]){1, 1, 1, 1, 1, 1, 1, 1, 6});
    case_refused(&g, CLEAT_UNSUPPORTED, "9 numbers");
    g.type = "Expand";
    g.inputs[1] = case_integers(3, (const int64_t[]){INT64_MAX / 4, 2, 3});
    case_refused(&g, CLEAT_SIZE_OVERFLOW, "more elements than 2^63 - 1");
    g.inputs[1] = case_integers(1, (const int64_t[]){2});
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "[2, 3] and [2]");
    g.type = "Slice";
    g.input_count = 5;
    g.inputs[2] = g.inputs[1];
    g.inputs[3] = g.inputs[1];
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "axis 2");
    const int64_t zero = 0;
    g.inputs[3] = case_integers(1, &zero);
    g.inputs[4] = case_integers(1, &zero);
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "step of axis 0 is 0");
    g.type = "Transpose";
    g.input_count = 1;
    g.attribute_count = 1;
    g.attributes[0] = case_ints("perm", 2, (const int64_t[]){1, 1});
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "named twice");
    g.attributes[0] = case_ints("perm", 1, (const int64_t[]){0});
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "perm names 1 axes");
    const int64_t far = 3;
    g.type = "Flatten";
    g.attributes[0] = case_int("axis", &far);
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "axis 3");
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph_shape");
    test_add_loop(
        suite, "reshape", test_reshape, (int)(sizeof reshape_rows / sizeof *reshape_rows));
    test_add_case(suite, "flatten", test_flatten);
    test_add_loop(suite, "squeeze", test_squeeze, 2);
    test_add_case(suite, "shape", test_shape);
    test_add_case(suite, "transpose", test_transpose);
    test_add_case(suite, "expand", test_expand);
    test_add_case(suite, "slice", test_slice);
    test_add_case(suite, "ends", test_slice_to_the_ends);
    test_add_case(suite, "refusals", test_refusals);
    return suite;
}
