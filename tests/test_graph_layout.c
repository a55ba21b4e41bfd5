/* SPDX-License-Identifier: Apache-2.0 */
/* Operators of graphs that copy elements to other places: Concat, Split, Tile, Pad, ... */
#include "graph_case.h"

static void set_shape(graph_case *g, int32_t rank, const int64_t *shape) {
    g->inputs[0].rank = rank;
    memcpy(g->inputs[0].shape, shape, (size_t)rank * sizeof *shape);
}

/* ---- Concat, Split ---- */

START_TEST(test_concat) {
    for (int round = 0; round < test_rounds(6); round++) {
        const int32_t rank = (int32_t)test_int(1, 4);
        int64_t shape[CLEAT_MAX_RANK], index[CLEAT_MAX_RANK], starts[5] = {0};
        const int64_t axis = test_int(-rank, rank - 1), at = axis < 0 ? axis + rank : axis;
        const size_t count = (size_t)test_int(1, 4);
        const cleat_type type = test_coin() ? CLEAT_F32 : case_types[test_int(0, CASE_TYPES - 1)];
        double *numbers[4];
        graph_case g = {.type = "Concat",
            .is_strided = test_coin(),
            .input_count = count,
            .attribute_count = 1,
            .attributes = {case_int("axis", &axis)}};
        case_shape(rank, 4, false, shape);
        for (size_t i = 0; i < count; i++) {
            shape[at] = test_int(0, 4);
            starts[i + 1] = starts[i] + shape[at];
            const int64_t elements = case_count(rank, shape);
            numbers[i] = case_draw(type, elements, 9);
            g.inputs[i] = (case_value){.type = type, .rank = rank};
            memcpy(g.inputs[i].shape, shape, sizeof shape);
            g.inputs[i].elements = case_elements(type, numbers[i], elements);
        }
        shape[at] = starts[count];
        const int64_t elements = case_count(rank, shape);
        double *wanted = test_alloc(elements, sizeof *wanted);
        for (int64_t i = 0; i < elements; i++) {
            size_t part = 0;
            case_index_of(rank, shape, i, index);
            while (index[at] >= starts[part + 1]) {
                part++;
            }
            index[at] -= starts[part];
            wanted[i] = numbers[part][case_place_of(rank, g.inputs[part].shape, index)];
        }
        case_expect(&g, type, rank, shape, wanted, 0);
        for (size_t i = 0; i < count; i++) {
            free(numbers[i]);
            free((void *)(uintptr_t)g.inputs[i].elements);
        }
        free(wanted);
    }
}
END_TEST

/* All outputs of a Split of [2, 6] along axis 1 into parts that begin at these columns. */
static void expect_split(graph_case *g, const int64_t *starts) {
    static const float x[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    g->inputs[0] = (case_value){.type = CLEAT_F32, .rank = 2, .shape = {2, 6}, .elements = x};
    for (int place = 0; place < 2; place++) {
        case_result results[CASE_MOST] = {{0}};
        test_ok(case_run(g, case_places[place], results));
        for (size_t part = 0; part < g->output_count; part++) {
            const case_result *y = &results[part];
            const int64_t width = starts[part + 1] - starts[part];
            ck_assert_int_eq(y->rank, 2);
            ck_assert_int_eq(y->shape[0], 2);
            ck_assert_int_eq(y->shape[1], width);
            for (int64_t i = 0; !test_ignores_values() && i < y->count; i++) {
                ck_assert_float_eq(((const float *)y->elements)[i],
                    (float)(i / width * 6 + starts[part] + i % width));
            }
        }
        case_free(results, g->output_count);
    }
}

START_TEST(test_split) {
    const int64_t axis = -1, sizes[] = {1, 0, 5}, starts[] = {0, 1, 1, 6};
    graph_case g = {.type = "Split",
        .input_count = 2,
        .output_count = 3,
        .attribute_count = 1,
        .attributes = {case_int("axis", &axis)}};
    g.inputs[1] = case_integers(3, sizes);
    expect_split(&g, starts);
    g.opset = 11;
    g.input_count = 1;
    g.attribute_count = 2;
    g.attributes[1] = case_ints("split", 3, sizes);
    expect_split(&g, starts);
    g.attribute_count = 1;
    expect_split(&g, (const int64_t[]){0, 2, 4, 6});
    g.output_count = 4; /* as later opsets have it: the last is the smaller one */
    expect_split(&g, (const int64_t[]){0, 2, 4, 6, 6});
    g.attribute_count = 2;
    g.attributes[1] = case_ints("split", 3, sizes);
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "3 parts");
}
END_TEST

/* ---- Tile ---- */

START_TEST(test_tile) {
    for (int round = 0; round < test_rounds(6); round++) {
        const int32_t rank = (int32_t)test_int(0, 4);
        int64_t shape[CLEAT_MAX_RANK], result[CLEAT_MAX_RANK], repeats[CLEAT_MAX_RANK];
        int64_t index[CLEAT_MAX_RANK];
        case_shape(rank, 3, true, shape);
        for (int32_t i = 0; i < rank; i++) {
            repeats[i] = test_int(0, 9) == 0 ? 0 : test_int(1, 3);
            result[i] = shape[i] * repeats[i];
        }
        const int64_t count = case_count(rank, result);
        int64_t *source = test_alloc(count, sizeof *source);
        for (int64_t i = 0; i < count; i++) {
            case_index_of(rank, result, i, index);
            for (int32_t k = 0; k < rank; k++) {
                index[k] %= shape[k];
            }
            source[i] = case_place_of(rank, shape, index);
        }
        graph_case g = {.type = "Tile", .input_count = 2};
        set_shape(&g, rank, shape);
        g.inputs[1] = case_integers(rank, repeats);
        case_expect_moved(&g, rank, result, source, 0);
        free(source);
    }
}
END_TEST

/* ---- Pad ---- */

/* Which of n elements stands at `at`, step by step. */
static int64_t padded(const char *mode, int64_t at, int64_t n) {
    if (strcmp(mode, "constant") == 0) {
        return at >= 0 && at < n ? at : -1;
    }
    if (strcmp(mode, "edge") == 0) {
        return at < 0 ? 0 : at >= n ? n - 1 : at;
    }
    while (n > 1 && (at < 0 || at >= n)) {
        at = at < 0 ? -at : 2 * (n - 1) - at;
    }
    return n == 1 ? 0 : at;
}

static void check_pad(const char *mode, bool as_attribute) {
    const int32_t rank = (int32_t)test_int(1, 3);
    int64_t shape[CLEAT_MAX_RANK], result[CLEAT_MAX_RANK], pads[2 * CLEAT_MAX_RANK];
    int64_t index[CLEAT_MAX_RANK];
    const bool is_constant = strcmp(mode, "constant") == 0;
    case_shape(rank, 4, is_constant, shape);
    for (int32_t i = 0; i < rank; i++) {
        pads[i] = test_int(is_constant && shape[i] > 1 ? -1 : 0, 4);
        pads[rank + i] = test_int(shape[i] > 1 ? -1 : 0, 4);
        pads[rank + i] = is_constant && shape[i] < 2 ? 1 : pads[rank + i];
        result[i] = shape[i] + pads[i] + pads[rank + i];
    }
    const int64_t count = case_count(rank, result);
    int64_t *source = test_alloc(count, sizeof *source);
    for (int64_t i = 0; i < count; i++) {
        bool is_there = true;
        case_index_of(rank, result, i, index);
        for (int32_t k = 0; k < rank; k++) {
            const int64_t cut = pads[rank + k] < 0 ? pads[rank + k] : 0;
            index[k] = padded(mode, index[k] - pads[k], shape[k] + cut);
            is_there = is_there && index[k] >= 0;
        }
        source[i] = is_there ? case_place_of(rank, shape, index) : -1;
    }
    graph_case g = {.type = "Pad",
        .opset = as_attribute ? 2 : 13,
        .input_count = as_attribute ? 1 : 2,
        .attribute_count = as_attribute ? 2 : 1,
        .attributes = {case_text("mode", &mode), case_ints("pads", 2 * (size_t)rank, pads)}};
    set_shape(&g, rank, shape);
    g.inputs[1] = case_integers(2 * rank, pads);
    case_expect_moved(&g, rank, result, source, 0);
    free(source);
}

START_TEST(test_pad) {
    static const char *const modes[] = {"constant", "edge", "reflect"};
    for (int round = 0; round < test_rounds(6); round++) {
        check_pad(modes[_i], test_coin());
    }
}
END_TEST

START_TEST(test_pad_values) {
    const float x[2] = {1, 2}, seven = 7;
    const int64_t pads[] = {1, 1}, large = (INT64_C(1) << 60) + 1, whole[] = {5, 6};
    const int64_t axes[] = {-1};
    graph_case g = {.type = "Pad",
        .input_count = 3,
        .inputs = {{.type = CLEAT_F32, .rank = 1, .shape = {2}, .elements = x},
            case_integers(2, pads), {.type = CLEAT_F32, .elements = &seven}}};
    case_expect(&g, CLEAT_F32, 1, (const int64_t[]){4}, (const double[]){7, 1, 2, 7}, 0);
    g.input_count = 4; /* opset 18 */
    g.inputs[0].rank = 2;
    g.inputs[0].shape[1] = 1;
    g.inputs[3] = case_integers(1, axes);
    case_expect(&g, CLEAT_F32, 2, (const int64_t[]){2, 3}, (const double[]){7, 1, 7, 7, 2, 7}, 0);
    g.input_count = 3;
    g.inputs[0] = (case_value){.type = CLEAT_I64, .rank = 1, .shape = {2}, .elements = whole};
    g.inputs[2] = (case_value){.type = CLEAT_I64, .elements = &large};
    for (int place = 0; place < 2; place++) {
        case_result y[1] = {{0}};
        test_ok(case_run(&g, case_places[place], y));
        ck_assert_int_eq(y[0].count, 4);
        ck_assert(test_ignores_values() || ((const int64_t *)y[0].elements)[3] == large);
        case_free(y, 1);
    }
    const char *wrap = "wrap";
    g.input_count = 2;
    g.attribute_count = 1;
    g.attributes[0] = case_text("mode", &wrap);
    case_expect(&g, CLEAT_I64, 1, (const int64_t[]){4}, (const double[]){6, 5, 6, 5}, 0);
}
END_TEST

/* ---- DepthToSpace, SpaceToDepth ---- */

START_TEST(test_blocks) {
    static const char *const modes[] = {"DCR", "CRD"};
    const bool is_depth_last = _i == 0;
    const int64_t n = 2, channels = test_int(1, 3), height = test_int(1, 3), width = test_int(1, 4);
    const int64_t block = test_int(1, 3);
    const int64_t deep[] = {n, channels * block * block, height, width};
    const int64_t wide[] = {n, channels, height * block, width * block};
    const int64_t count = case_count(4, deep);
    int64_t *to_space = test_alloc(count, sizeof *to_space);
    int64_t *to_depth = test_alloc(count, sizeof *to_depth), index[4];
    for (int64_t i = 0; i < count; i++) {
        case_index_of(4, wide, i, index);
        const int64_t row = index[2] % block, column = index[3] % block;
        const int64_t channel = is_depth_last ? (row * block + column) * channels + index[1]
                                              : (index[1] * block + row) * block + column;
        const int64_t from[] = {index[0], channel, index[2] / block, index[3] / block};
        to_space[i] = case_place_of(4, deep, from);
        to_depth[to_space[i]] = i;
    }
    graph_case g = {.type = "DepthToSpace",
        .input_count = 1,
        .attribute_count = 2,
        .attributes = {case_int("blocksize", &block), case_text("mode", &modes[_i])}};
    set_shape(&g, 4, deep);
    case_expect_moved(&g, 4, wide, to_space, 0);
    g.type = "SpaceToDepth";
    set_shape(&g, 4, wide);
    case_expect_moved(&g, 4, deep, to_depth, 0);
    free(to_space);
    free(to_depth);
}
END_TEST

/* ---- ReverseSequence ---- */

START_TEST(test_reverse_sequence) {
    const int64_t time = _i, batch = 1 - _i;
    int64_t shape[] = {test_int(1, 4), test_int(1, 4), 2}, lengths[4], index[3], source[32];
    for (int64_t i = 0; i < shape[batch]; i++) {
        lengths[i] = test_int(0, shape[time]);
    }
    for (int64_t i = 0; i < case_count(3, shape); i++) {
        case_index_of(3, shape, i, index);
        const int64_t length = lengths[index[batch]];
        index[time] = index[time] < length ? length - 1 - index[time] : index[time];
        source[i] = case_place_of(3, shape, index);
    }
    graph_case g = {.type = "ReverseSequence",
        .input_count = 2,
        .attribute_count = 2,
        .attributes = {case_int("time_axis", &time), case_int("batch_axis", &batch)}};
    set_shape(&g, 3, shape);
    g.inputs[1] = case_integers(shape[batch], lengths);
    g.inputs[1].is_constant = test_coin();
    case_expect_moved(&g, 3, shape, source, 0);
    lengths[0] = 9;
    const float x[32] = {0};
    g.inputs[0].type = CLEAT_F32;
    g.inputs[0].elements = x;
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "sequence 0 has 9");
}
END_TEST

START_TEST(test_refusals) {
    const float x[6] = {0};
    const int64_t one = 1, three = 3;
    graph_case g = {.type = "Concat",
        .input_count = 2,
        .inputs = {{.type = CLEAT_F32, .rank = 2, .shape = {2, 3}, .elements = x},
            {.type = CLEAT_F32, .rank = 2, .shape = {3, 2}, .elements = x}},
        .attribute_count = 1,
        .attributes = {case_int("axis", &one)}};
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "[3, 2]");
    g.type = "Tile";
    g.inputs[1] = case_integers(2, (const int64_t[]){1, -1});
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "[1, -1] times");
    g.type = "Pad";
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "2 pads for 2 axes");
    g.inputs[1] = case_integers(4, (const int64_t[]){0, -2, 0, -2});
    case_refused(&g, CLEAT_INVALID_ARGUMENT, "axis 1 of 3");
    const char *mode = "mirror";
    g.attributes[0] = case_text("mode", &mode);
    case_refused(&g, CLEAT_UNSUPPORTED, "mirror");
    g.type = "DepthToSpace";
    g.input_count = 1;
    g.attributes[0] = case_int("blocksize", &three);
    case_refused(&g, CLEAT_SHAPE_MISMATCH, "blocks of 3");
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("graph_layout");
    test_add_case(suite, "concat", test_concat);
    test_add_case(suite, "split", test_split);
    test_add_case(suite, "tile", test_tile);
    test_add_loop(suite, "pad", test_pad, 3);
    test_add_case(suite, "values", test_pad_values);
    test_add_loop(suite, "blocks", test_blocks, 2);
    test_add_loop(suite, "reverse", test_reverse_sequence, 2);
    test_add_case(suite, "refusals", test_refusals);
    return suite;
}
