/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"
#include "reference/reference_layout.h"

static const cleat_type types[] = {CLEAT_F32, CLEAT_U8, CLEAT_I64, CLEAT_I32, CLEAT_BOOL, CLEAT_F64,
    CLEAT_I16, CLEAT_U64, CLEAT_U32, CLEAT_I8, CLEAT_U16};
enum { TYPES = sizeof types / sizeof types[0] };

static int64_t count_of(int32_t rank, const int64_t *shape) {
    int64_t count = 1;
    for (int32_t axis = 0; axis < rank; axis++) {
        count *= shape[axis];
    }
    return count;
}

/* Random bytes: 0 or 1 where they are bool. */
static test_tensor any_input(
    cleat_type type, int32_t rank, const int64_t *shape, test_layout layout) {
    int64_t count = count_of(rank, shape), size = (int64_t)cleat_type_size(type);
    unsigned char *bytes = test_alloc(count, (size_t)size);
    for (int64_t i = 0; i < count * size; i++) {
        bytes[i] = (unsigned char)test_int(0, type == CLEAT_BOOL ? 1 : 255);
    }
    test_tensor t = test_typed(type, rank, shape, bytes, layout);
    free(bytes);
    return t;
}

/* Element i of y is element `place` of x, or the bytes at `value`. */
static void check_element(
    const test_tensor *y, int64_t i, const test_tensor *x, int64_t place, const void *value) {
    size_t size = cleat_type_size(y->view.type);
    const void *want = place < 0 ? value : x->elements + (size_t)place * size;
    if (memcmp(y->elements + (size_t)i * size, want, size) != 0) {
        ck_abort_msg("element %d of %d is not element %d of x", (int)i, (int)y->count, (int)place);
    }
}

/* ---- Concat and split ---- */

static void check_concat(
    cleat_type type, int32_t rank, const int64_t *shape, int32_t axis, test_layout layout) {
    enum { PARTS = 4 };
    static const int64_t sizes[PARTS] = {3, 0, 1, 20};
    test_tensor parts[PARTS];
    cleat_tensor views[PARTS], back[PARTS];
    int64_t full[CLEAT_MAX_RANK], part[CLEAT_MAX_RANK];
    memcpy(full, shape, (size_t)rank * sizeof *full);
    memcpy(part, shape, (size_t)rank * sizeof *part);
    full[axis] = 24;
    for (int i = 0; i < PARTS; i++) {
        part[axis] = sizes[i];
        parts[i] = any_input(type, rank, part, layout);
        views[i] = parts[i].view;
    }
    test_tensor y = test_typed(type, rank, full, NULL, layout);
    test_ok(cleat_concat(test_context(), PARTS, views, axis - rank, y.view));
    test_fetch(&y);
    test_ok(cleat_split(y.view, axis, PARTS, sizes, back));
    for (int i = 0; i < PARTS; i++) {
        size_t bytes = (size_t)parts[i].count * cleat_type_size(type);
        unsigned char *got = test_alloc((int64_t)bytes, 1);
        test_ok(cleat_read(test_context(), back[i], got, bytes));
        ck_assert_msg(
            bytes == 0 || memcmp(got, parts[i].elements, bytes) == 0, "part %d is not itself", i);
        free(got);
    }
    int64_t inner = count_of(rank - axis - 1, full + axis + 1);
    for (int64_t i = 0; i < y.count; i++) {
        int64_t at = i / inner % 24, outer = i / inner / 24;
        int which = at < 3 ? 0 : at < 4 ? 2 : 3;
        int64_t start = which == 0 ? 0 : which == 2 ? 3 : 4;
        check_element(
            &y, i, &parts[which], (outer * sizes[which] + at - start) * inner + i % inner, NULL);
    }
    for (int i = 0; i < PARTS; i++) {
        test_unchanged(&parts[i]);
        test_free(&parts[i]);
    }
    test_free(&y);
}

START_TEST(concat_of_every_axis) {
    const int64_t shape[] = {3, 5, 17};
    for (int32_t round = 0; round < TYPES; round++) {
        check_concat(types[round], 3, shape, round % 3, round == 1 ? TEST_STRIDED : TEST_ROW_MAJOR);
    }
    check_concat(CLEAT_F32, 1, shape, 0, TEST_ROW_MAJOR);
}
END_TEST

START_TEST(split_in_equal_parts) {
    cleat_tensor x = {.type = CLEAT_F32, .rank = 2, .shape = {10, 3}, .stride = {3, 1}}, parts[4];
    test_ok(cleat_split(x, 0, 4, NULL, parts));
    static const int64_t starts[] = {0, 9, 18, 27}, sizes[] = {3, 3, 3, 1};
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(parts[i].offset, starts[i]);
        ck_assert_int_eq(parts[i].shape[0], sizes[i]);
    }
    test_refused(cleat_split(x, 2, 4, NULL, parts), CLEAT_INVALID_ARGUMENT, "axis 2");
    test_refused(cleat_split(x, 0, 0, NULL, parts), CLEAT_INVALID_ARGUMENT, "count is 0");
    test_refused(cleat_split(x, 0, 2, sizes, parts), CLEAT_SHAPE_MISMATCH, "add up to 6");
    test_refused(cleat_split(x, 0, 2, NULL, NULL), CLEAT_INVALID_ARGUMENT, "outputs");
}
END_TEST

/* ---- Pad ---- */

typedef struct pad_case {
    int32_t rank;
    int64_t shape[CLEAT_MAX_RANK], before[CLEAT_MAX_RANK], after[CLEAT_MAX_RANK];
    bool constant_only;
} pad_case;

static const pad_case pads[] = {
    {2, {7, 40}, {2, 3}, {1, 5}, false},
    {4, {2, 3, 56, 56}, {0, 0, 1, 1}, {0, 0, 1, 1}, false},
    {1, {3000}, {700}, {1500}, false},
    {3, {5, 6, 9}, {-2, 3, -1}, {1, -2, 4}, false},
    {5, {2, 1, 3, 4, 33}, {1, 0, 2, 3, 17}, {1, 0, 0, 2, 31}, true},
    {2, {0, 3}, {2, 1}, {1, 0}, true},
    {0, {0}, {0}, {0}, false},
    {2, {4, 3}, {-4, 0}, {3, 0}, true},
    {2, {4, 3}, {-4, 0}, {0, 0}, true},
};
enum { PADS = sizeof pads / sizeof pads[0] };

static void padded_shape(const pad_case *c, int64_t *shape) {
    for (int32_t axis = 0; axis < c->rank; axis++) {
        shape[axis] = c->shape[axis] + c->before[axis] + c->after[axis];
    }
}

static void check_pad(const pad_case *c, cleat_pad_mode mode, cleat_type type, test_layout layout) {
    int64_t shape[CLEAT_MAX_RANK];
    const cleat_pad_options options = {.mode = mode, .value = 1};
    const float one = 1;
    const double wide_one = 1;
    const int64_t whole_one = 1; /* its first bytes are the shorter ones */
    const void *value = type == CLEAT_F32   ? (const void *)&one
                        : type == CLEAT_F64 ? (const void *)&wide_one
                                            : (const void *)&whole_one;
    padded_shape(c, shape);
    test_tensor x = any_input(type, c->rank, c->shape, layout);
    test_tensor y = test_typed(type, c->rank, shape, NULL, layout);
    test_ok(cleat_pad(test_context(), x.view, c->before, c->after, y.view, &options));
    test_fetch(&y);
    for (int64_t i = 0; i < y.count; i++) {
        check_element(
            &y, i, &x, reference_pad_place(mode, c->rank, c->shape, c->before, shape, i), value);
    }
    test_unchanged(&x);
    test_free(&x);
    test_free(&y);
}

START_TEST(pad_in_every_mode) {
    for (int i = 0; i < PADS; i++) {
        for (int mode = 0; mode < (pads[i].constant_only ? 1 : 3); mode++) {
            check_pad(&pads[i], (cleat_pad_mode)mode, types[mode == 0 ? i % 2 : 0],
                i % 4 == 3 ? TEST_STRIDED : TEST_ROW_MAJOR);
        }
    }
    check_pad(&pads[0], CLEAT_PAD_CONSTANT, CLEAT_I64, TEST_ROW_MAJOR);
    check_pad(&pads[2], CLEAT_PAD_CONSTANT, CLEAT_F64, TEST_ROW_MAJOR);
    check_pad(&pads[0], CLEAT_PAD_CONSTANT, CLEAT_U64, TEST_ROW_MAJOR);
    check_pad(&pads[1], CLEAT_PAD_CONSTANT, CLEAT_I8, TEST_ROW_MAJOR);
    check_pad(&pads[2], CLEAT_PAD_CONSTANT, CLEAT_U16, TEST_ROW_MAJOR);
}
END_TEST

/* Past the caches, from rows that begin anywhere. */
START_TEST(pad_to_large) {
    static const pad_case large = {3, {1, 2100, 2051}, {0, 1, 1}, {0, 1, 1}, true};
    if (!test_is_short()) {
        check_pad(&large, CLEAT_PAD_CONSTANT, CLEAT_F32, TEST_ROW_MAJOR);
    }
}
END_TEST

static void check_pad_backward(const pad_case *c, cleat_pad_mode mode, test_layout layout) {
    int64_t shape[CLEAT_MAX_RANK];
    const cleat_pad_options options = {.mode = mode};
    padded_shape(c, shape);
    test_tensor dy = test_input(c->rank, shape, TEST_EXACT, layout);
    test_tensor dx = test_output(c->rank, c->shape, layout);
    test_tensor again = test_output(c->rank, c->shape, TEST_ROW_MAJOR);
    double *want = test_alloc(dx.count, sizeof *want);
    for (int64_t i = 0; i < dy.count; i++) {
        int64_t place = reference_pad_place(mode, c->rank, c->shape, c->before, shape, i);
        if (place >= 0) {
            want[place] += (double)dy.data[i];
        }
    }
    test_ok(cleat_pad_backward(test_context(), dy.view, c->before, c->after, dx.view, &options));
    test_ok(cleat_pad_backward(test_context(), dy.view, c->before, c->after, again.view, &options));
    test_fetch(&dx);
    test_fetch(&again);
    test_equal(&dx, want, "pad_backward");
    test_same_bits(&dx, &again, "pad_backward, twice");
    test_unchanged(&dy);
    test_free(&dy);
    test_free(&dx);
    test_free(&again);
    free(want);
}

START_TEST(pad_gradients) {
    for (int i = 0; i < PADS; i++) {
        for (int mode = 0; mode < (pads[i].constant_only ? 1 : 3); mode++) {
            check_pad_backward(
                &pads[i], (cleat_pad_mode)mode, i == 3 ? TEST_STRIDED : TEST_ROW_MAJOR);
        }
    }
}
END_TEST

/* ---- Tile ---- */

static void check_tile(cleat_type type, int32_t rank, const int64_t *shape, const int64_t *repeats,
    test_layout layout) {
    int64_t full[CLEAT_MAX_RANK];
    for (int32_t axis = 0; axis < rank; axis++) {
        full[axis] = shape[axis] * repeats[axis];
    }
    test_tensor x = any_input(type, rank, shape, layout);
    test_tensor y = test_typed(type, rank, full, NULL, layout);
    test_ok(cleat_tile(test_context(), x.view, repeats, y.view));
    test_fetch(&y);
    for (int64_t i = 0; i < y.count; i++) {
        check_element(&y, i, &x, reference_tile_place(rank, shape, full, i), NULL);
    }
    test_tensor dy = test_input(rank, full, TEST_EXACT, layout);
    test_tensor dx = test_output(rank, shape, layout);
    double *want = test_alloc(dx.count, sizeof *want);
    for (int64_t i = 0; i < dy.count; i++) {
        want[reference_tile_place(rank, shape, full, i)] += (double)dy.data[i];
    }
    test_ok(cleat_tile_backward(test_context(), dy.view, repeats, dx.view));
    test_fetch(&dx);
    test_equal(&dx, want, "tile_backward");
    test_unchanged(&x);
    test_unchanged(&dy);
    test_free(&x);
    test_free(&y);
    test_free(&dy);
    test_free(&dx);
    free(want);
}

START_TEST(tiles) {
    check_tile(CLEAT_F32, 2, (int64_t[]){5, 37}, (int64_t[]){3, 2}, TEST_ROW_MAJOR);
    check_tile(CLEAT_F32, 3, (int64_t[]){2, 1, 19}, (int64_t[]){1, 7, 4}, TEST_STRIDED);
    check_tile(CLEAT_U8, 1, (int64_t[]){9}, (int64_t[]){300}, TEST_ROW_MAJOR);
    check_tile(CLEAT_I8, 1, (int64_t[]){9}, (int64_t[]){300}, TEST_ROW_MAJOR);
    check_tile(CLEAT_F32, 2, (int64_t[]){4, 6}, (int64_t[]){1, 1}, TEST_ROW_MAJOR);
    check_tile(CLEAT_F32, 2, (int64_t[]){4, 6}, (int64_t[]){0, 2}, TEST_ROW_MAJOR);
    check_tile(CLEAT_F32, 0, NULL, NULL, TEST_ROW_MAJOR);
    check_tile(CLEAT_F32, 8, (int64_t[]){1, 1, 2, 1, 1, 3, 2, 2},
        (int64_t[]){2, 1, 1, 3, 1, 2, 1, 2}, TEST_ROW_MAJOR);
}
END_TEST

/* ---- Blocks of depth ---- */

static void check_depth(
    cleat_type type, const int64_t *wide, int64_t block, int order, test_layout layout) {
    const cleat_depth_order chosen = (cleat_depth_order)order;
    int64_t deep[] = {wide[0], wide[1] * block * block, wide[2] / block, wide[3] / block};
    test_tensor x = any_input(type, 4, deep, layout);
    test_tensor y = test_typed(type, 4, wide, NULL, layout);
    test_tensor back = test_typed(type, 4, deep, NULL, layout);
    test_ok(cleat_depth_to_space(test_context(), x.view, block, chosen, y.view));
    test_ok(cleat_space_to_depth(test_context(), y.view, block, chosen, back.view));
    test_fetch(&y);
    test_fetch(&back);
    for (int64_t i = 0; i < y.count; i++) {
        check_element(&y, i, &x, reference_depth_place(chosen, block, wide, i), NULL);
        check_element(&back, i, &x, i, NULL);
    }
    test_free(&x);
    test_free(&y);
    test_free(&back);
}

START_TEST(blocks_of_depth) {
    for (int i = 0; i < 4; i++) {
        check_depth(types[i % 3], (int64_t[]){2, 3, 8, 20}, 2, i % 2,
            i == 3 ? TEST_STRIDED : TEST_ROW_MAJOR);
        check_depth(CLEAT_F32, (int64_t[]){1, 2, 9, 6}, 3, i % 2, TEST_ROW_MAJOR);
    }
    check_depth(CLEAT_F32, (int64_t[]){0, 2, 9, 6}, 3, 0, TEST_ROW_MAJOR);
}
END_TEST

/* ---- Refusals ---- */

START_TEST(refuses_bad_calls) {
    cleat_context *context = test_context();
    int64_t shape[] = {4, 3}, longer[] = {7, 3};
    test_tensor x = test_input(2, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output(2, longer, TEST_ROW_MAJOR);
    test_tensor i = test_typed(CLEAT_I32, 2, shape, NULL, TEST_ROW_MAJOR);
    const int64_t three[] = {3, 0}, four_rows[] = {4, 0}, none[] = {0, 0};
    cleat_pad_options reflect = {.mode = CLEAT_PAD_REFLECT}, wrong = {.mode = (cleat_pad_mode)3};
    cleat_pad_options half = {.value = 0.5};
    cleat_tensor pair[] = {x.view, i.view}, same[] = {x.view, x.view};
    test_refused(cleat_concat(NULL, 1, pair, 0, y.view), CLEAT_INVALID_ARGUMENT, "concat");
    test_refused(cleat_concat(context, 0, pair, 0, y.view), CLEAT_INVALID_ARGUMENT, "count is 0");
    test_refused(cleat_concat(context, 2, pair, 0, y.view), CLEAT_TYPE_MISMATCH, "inputs[1]");
    test_refused(cleat_concat(context, 2, same, 0, y.view), CLEAT_SHAPE_MISMATCH, "8 elements");
    test_refused(cleat_concat(context, 2, same, 1, y.view), CLEAT_SHAPE_MISMATCH, "inputs[0]");
    test_refused(cleat_concat(context, 1, same, 2, y.view), CLEAT_INVALID_ARGUMENT, "axis 2");
    test_refused(cleat_concat(context, 1, same, 0, x.view), CLEAT_OVERLAP, "inputs[0]");
    test_refused(
        cleat_pad(context, x.view, four_rows, none, y.view, NULL), CLEAT_SHAPE_MISMATCH, "[7, 3]");
    test_refused(
        cleat_pad(context, x.view, three, none, y.view, &wrong), CLEAT_INVALID_ARGUMENT, "no mode");
    test_refused(cleat_pad(context, x.view, NULL, none, y.view, NULL), CLEAT_INVALID_ARGUMENT,
        "before is NULL");
    test_refused(cleat_pad(context, y.view, none, four_rows, x.view, NULL), CLEAT_SHAPE_MISMATCH,
        "4 behind axis 0");
    test_refused(
        cleat_pad(context, i.view, none, none, i.view, &half), CLEAT_OVERLAP, "pad: the output");
    test_tensor fresh = test_typed(CLEAT_I32, 2, longer, NULL, TEST_ROW_MAJOR);
    test_tensor large = test_output(2, (int64_t[]){8, 3}, TEST_ROW_MAJOR);
    test_refused(cleat_pad(context, i.view, three, none, fresh.view, &half), CLEAT_INVALID_ARGUMENT,
        "pad: 0.5 does not fit");
    test_refused(cleat_pad(context, x.view, four_rows, none, large.view, &reflect),
        CLEAT_INVALID_ARGUMENT, "more than 4 elements give");
    test_refused(cleat_pad_backward(context, y.view, none, none, x.view, NULL),
        CLEAT_SHAPE_MISMATCH, "pad_backward: dx");
    test_refused(cleat_pad_backward(context, fresh.view, three, none, x.view, NULL),
        CLEAT_TYPE_MISMATCH, "");
    test_unchanged(&x);
    test_unchanged(&y);
    test_unchanged(&fresh);
    test_free(&x);
    test_free(&y);
    test_free(&i);
    test_free(&fresh);
    test_free(&large);
}
END_TEST

START_TEST(refuses_bad_tiles_and_blocks) {
    cleat_context *context = test_context();
    int64_t shape[] = {4, 3}, longer[] = {7, 3}, four[] = {1, 8, 2, 2}, wide[] = {1, 2, 4, 4};
    test_tensor x = test_input(2, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output(2, longer, TEST_ROW_MAJOR);
    test_tensor d = test_input(4, four, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor w = test_output(4, wide, TEST_ROW_MAJOR);
    const int64_t three[] = {3, 0}, minus[] = {-1, 1};
    test_refused(cleat_tile(context, x.view, minus, y.view), CLEAT_INVALID_ARGUMENT, "repeats[0]");
    test_refused(cleat_tile(context, x.view, three, y.view), CLEAT_SHAPE_MISMATCH, "repeated");
    test_refused(
        cleat_tile_backward(context, y.view, three, x.view), CLEAT_SHAPE_MISMATCH, "dx, shape");
    test_refused(
        cleat_depth_to_space(context, d.view, 0, 0, w.view), CLEAT_INVALID_ARGUMENT, "block is 0");
    test_refused(
        cleat_depth_to_space(context, d.view, 3, 0, w.view), CLEAT_SHAPE_MISMATCH, "blocks of 3");
    test_refused(cleat_space_to_depth(context, d.view, 2, (cleat_depth_order)5, w.view),
        CLEAT_INVALID_ARGUMENT, "5 is no order");
    test_refused(cleat_space_to_depth(context, x.view, 2, 0, w.view), CLEAT_SHAPE_MISMATCH,
        "rank 4 is wanted");
    test_unchanged(&x);
    test_unchanged(&y);
    test_unchanged(&w);
    test_free(&x);
    test_free(&y);
    test_free(&d);
    test_free(&w);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("layout");
    TCase *parts = test_case(suite, "parts");
    tcase_add_test(parts, concat_of_every_axis);
    tcase_add_test(parts, split_in_equal_parts);
    tcase_add_test(parts, tiles);
    tcase_add_test(parts, blocks_of_depth);
    tcase_add_test(parts, refuses_bad_calls);
    tcase_add_test(parts, refuses_bad_tiles_and_blocks);
    TCase *pad = test_case(suite, "pad");
    tcase_add_test(pad, pad_in_every_mode);
    tcase_add_test(pad, pad_to_large);
    tcase_add_test(pad, pad_gradients);
    return suite;
}
