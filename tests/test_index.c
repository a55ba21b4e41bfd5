/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

static const cleat_type types[] = {CLEAT_F32, CLEAT_U8, CLEAT_I64, CLEAT_I32, CLEAT_BOOL, CLEAT_F64,
    CLEAT_U16, CLEAT_U32, CLEAT_U64, CLEAT_I8, CLEAT_I16};
enum { TYPES = sizeof types / sizeof types[0] };

/* Indices of -extent .. extent - 1, with `wild` some outside. */
static test_tensor make_indices(cleat_type type, int32_t rank, const int64_t *shape, int64_t extent,
    bool wild, test_layout layout, int64_t **values) {
    int64_t count = 1;
    for (int32_t axis = 0; axis < rank; axis++) {
        count *= shape[axis];
    }
    int64_t *of = test_alloc(count, sizeof *of);
    int32_t *narrow = test_alloc(count, sizeof *narrow);
    for (int64_t i = 0; i < count; i++) {
        of[i] = test_int(-extent, extent - 1);
        if (wild && test_int(0, 5) == 0) {
            const int64_t far[] = {extent, -extent - 1, INT32_MAX, INT32_MIN};
            of[i] = far[test_int(0, 3)];
        }
        narrow[i] = (int32_t)of[i];
    }
    if (wild && type == CLEAT_I64 && count > 1) {
        of[0] = INT64_MIN;
        of[1] = 0x100000000;
    }
    test_tensor t = test_typed(
        type, rank, shape, type == CLEAT_I32 ? (const void *)narrow : (const void *)of, layout);
    free(narrow);
    *values = of;
    return t;
}

/* -1: out of range */
static int64_t known(int64_t index, int64_t extent) {
    index += index < 0 ? extent : 0;
    return index >= 0 && index < extent ? index : -1;
}

static test_tensor any_input(
    cleat_type type, int32_t rank, const int64_t *shape, test_layout layout) {
    int64_t count = (int64_t)cleat_type_size(type);
    for (int32_t axis = 0; axis < rank; axis++) {
        count *= shape[axis];
    }
    unsigned char *bytes = test_alloc(count, 1);
    for (int64_t i = 0; i < count; i++) {
        bytes[i] = (unsigned char)test_int(0, type == CLEAT_BOOL ? 1 : 255);
    }
    test_tensor t = test_typed(type, rank, shape, bytes, layout);
    free(bytes);
    return t;
}

/* Element i of y is element `place` of x; -1: what stands for no element. */
static void check_element(const test_tensor *y, int64_t i, const test_tensor *x, int64_t place) {
    static const uint64_t zero = 0;
    size_t size = cleat_type_size(y->view.type);
    const unsigned char *got = y->elements + (size_t)i * size;
    float f32;
    double f64;
    memcpy(&f32, got, sizeof f32 < size ? sizeof f32 : size);
    memcpy(&f64, got, sizeof f64 < size ? sizeof f64 : size);
    bool right = place >= 0 ? memcmp(got, x->elements + (size_t)place * size, size) == 0
                 : y->view.type == CLEAT_F32 ? isnan(f32)
                 : y->view.type == CLEAT_F64 ? isnan(f64)
                                             : memcmp(got, &zero, size) == 0;
    if (!right) {
        ck_abort_msg("element %d of %d is not element %d of x", (int)i, (int)y->count, (int)place);
    }
}

/* ---- Gather and its sums ---- */

typedef struct gather_case {
    int32_t rank, axis, index_rank;
    int64_t shape[4], index_shape[3];
} gather_case;

static const gather_case cases[] = {
    {2, 0, 1, {50, 300}, {70}},      /* rows */
    {2, 0, 2, {9, 17}, {5, 6}},      /* short ones */
    {3, 1, 1, {3, 11, 20}, {7}},     /* between axes */
    {2, 1, 2, {30, 40}, {4, 3}},     /* the last axis */
    {1, 0, 1, {1000}, {5000}},       /* numbers */
    {2, 0, 0, {6, 33}, {0}},         /* a single index */
    {2, 0, 1, {5, 4}, {0}},          /* none */
    {3, 0, 3, {4, 2, 3}, {2, 3, 2}}, /* three axes of them */
    {2, 0, 1, {9, 100}, {70}},       /* rows cut by pieces */
    {2, 0, 1, {2, 3000}, {40}},      /* few rows, long */
};
enum { CASES = sizeof cases / sizeof cases[0] };

/* y's shape; returns its rank. */
static int32_t gathered_shape(const gather_case *c, int64_t *shape) {
    int32_t rank = 0;
    for (int32_t axis = 0; axis < c->rank; axis++) {
        for (int32_t k = 0; axis == c->axis && k < c->index_rank; k++) {
            shape[rank++] = c->index_shape[k];
        }
        if (axis != c->axis) {
            shape[rank++] = c->shape[axis];
        }
    }
    return rank;
}

/* The place in x of element i of y, by the values of the indices; -1: nowhere. */
static int64_t gather_place(
    const gather_case *c, const int64_t *values, int64_t entries, int64_t i) {
    int64_t inner = 1;
    for (int32_t axis = c->axis + 1; axis < c->rank; axis++) {
        inner *= c->shape[axis];
    }
    int64_t v = known(values[i / inner % entries], c->shape[c->axis]);
    return v < 0 ? -1 : (i / inner / entries * c->shape[c->axis] + v) * inner + i % inner;
}

static void check_gather(
    const gather_case *c, cleat_type type, cleat_type index_type, test_layout layout) {
    int64_t shape[CLEAT_MAX_RANK], *values;
    int32_t rank = gathered_shape(c, shape);
    test_tensor x = any_input(type, c->rank, c->shape, layout);
    test_tensor indices = make_indices(
        index_type, c->index_rank, c->index_shape, c->shape[c->axis], true, layout, &values);
    test_tensor y = test_typed(type, rank, shape, NULL, layout);
    if (c->axis == 0 && c->rank == 2) {
        test_ok(cleat_embedding(test_context(), x.view, indices.view, y.view, NULL));
    } else {
        test_ok(cleat_gather(test_context(), x.view, indices.view, c->axis - c->rank, y.view));
    }
    test_fetch(&y);
    for (int64_t i = 0; i < y.count; i++) {
        check_element(&y, i, &x, gather_place(c, values, indices.count, i));
    }
    test_unchanged(&x);
    test_unchanged(&indices);
    test_free(&x);
    test_free(&indices);
    test_free(&y);
    free(values);
}

START_TEST(gathers) {
    for (int i = 0; i < CASES; i++) {
        check_gather(&cases[i], CLEAT_F32, i % 2 == 0 ? CLEAT_I32 : CLEAT_I64, TEST_ROW_MAJOR);
    }
    for (int i = 1; i < TYPES; i++) {
        check_gather(&cases[i % 3], types[i], i % 3 == 2 ? CLEAT_I64 : CLEAT_I32,
            i % 2 == 0 ? TEST_STRIDED : TEST_ROW_MAJOR);
    }
}
END_TEST

/* Sums of integers, exact; of reals, the same bits as the sum in the order of the indices. */
static void check_sums(const gather_case *c, cleat_type index_type, int how, test_layout layout) {
    int64_t shape[CLEAT_MAX_RANK], *values, padding = c->shape[c->axis] - 1;
    int32_t rank = gathered_shape(c, shape);
    const bool adds = how == 1, pads = how == 2;
    const cleat_embedding_options options = {.padding_index = &padding};
    test_tensor indices = make_indices(
        index_type, c->index_rank, c->index_shape, c->shape[c->axis], true, layout, &values);
    test_tensor dy = test_input(rank, shape, TEST_REAL, layout);
    test_tensor dx = adds ? test_input(c->rank, c->shape, TEST_REAL, layout)
                          : test_output(c->rank, c->shape, layout);
    float *sums = test_alloc(dx.count, sizeof *sums);
    double *want = test_alloc(dx.count, sizeof *want);
    for (int64_t i = 0; i < dx.count && adds; i++) {
        sums[i] = dx.data[i];
    }
    for (int64_t i = 0; i < dy.count; i++) {
        int64_t inner = c->axis + 1 < c->rank ? c->shape[c->rank - 1] : 1;
        int64_t place = gather_place(c, values, indices.count, i);
        if (place >= 0 && !(pads && place / inner == padding)) {
            sums[place] += dy.data[i];
        }
    }
    for (int64_t i = 0; i < dx.count; i++) {
        want[i] = (double)sums[i];
    }
    test_ok(adds ? cleat_scatter_add(test_context(), indices.view, dy.view, c->axis, dx.view)
            : pads
                ? cleat_embedding_backward(test_context(), indices.view, dy.view, dx.view, &options)
                : cleat_gather_backward(test_context(), indices.view, dy.view, c->axis, dx.view));
    test_fetch(&dx);
    test_equal(&dx, want, adds ? "scatter_add" : pads ? "embedding_backward" : "gather_backward");
    test_unchanged(&indices);
    test_unchanged(&dy);
    test_free(&indices);
    test_free(&dy);
    test_free(&dx);
    free(values);
    free(sums);
    free(want);
}

START_TEST(sums_over_indices) {
    for (int i = 0; i < CASES; i++) {
        const gather_case *c = &cases[i];
        test_layout layout = i == 2 || i == 7 ? TEST_STRIDED : TEST_ROW_MAJOR;
        check_sums(c, i % 2 == 0 ? CLEAT_I32 : CLEAT_I64, 0, layout);
        check_sums(c, i % 2 == 0 ? CLEAT_I32 : CLEAT_I64, 1, layout);
        if (c->axis == 0 && c->rank == 2) {
            check_sums(c, CLEAT_I32, 2, TEST_ROW_MAJOR);
        }
    }
}
END_TEST

/* ---- Elements ---- */

static void check_elements(
    int32_t axis, cleat_type type, cleat_type index_type, bool adds, test_layout layout) {
    const int64_t shape[] = {4, 9, 13};
    int64_t picked[] = {4, 9, 13}, *values;
    picked[axis] = 6;
    test_tensor x = any_input(type, 3, shape, layout);
    test_tensor indices = make_indices(index_type, 3, picked, shape[axis], true, layout, &values);
    test_tensor y = test_typed(type, 3, picked, NULL, layout);
    test_tensor dy = test_input(3, picked, TEST_REAL, layout);
    test_tensor dx = adds ? test_input(3, shape, TEST_REAL, layout) : test_output(3, shape, layout);
    float *sums = test_alloc(dx.count, sizeof *sums);
    double *want = test_alloc(dx.count, sizeof *want);
    for (int64_t i = 0; i < dx.count && adds; i++) {
        sums[i] = dx.data[i];
    }
    test_ok(cleat_gather_elements(test_context(), x.view, indices.view, axis - 3, y.view));
    test_ok((adds ? cleat_scatter_add_elements : cleat_gather_elements_backward)(
        test_context(), indices.view, dy.view, axis, dx.view));
    test_fetch(&y);
    test_fetch(&dx);
    for (int64_t i = 0; i < y.count; i++) {
        int64_t at[] = {i / picked[2] / picked[1], i / picked[2] % picked[1], i % picked[2]};
        at[axis] = known(values[i], shape[axis]);
        int64_t place = at[axis] < 0 ? -1 : (at[0] * shape[1] + at[1]) * shape[2] + at[2];
        check_element(&y, i, &x, place);
        if (place >= 0) {
            sums[place] += dy.data[i];
        }
    }
    for (int64_t i = 0; i < dx.count; i++) {
        want[i] = (double)sums[i];
    }
    test_equal(&dx, want, "sums of elements");
    test_unchanged(&x);
    test_unchanged(&indices);
    test_free(&x);
    test_free(&indices);
    test_free(&y);
    test_free(&dy);
    test_free(&dx);
    free(values);
    free(sums);
    free(want);
}

START_TEST(elements) {
    for (int32_t axis = 0; axis < 3; axis++) {
        check_elements(axis, CLEAT_F32, CLEAT_I32, axis == 1, TEST_ROW_MAJOR);
        check_elements(axis, axis == 1 ? CLEAT_U8 : CLEAT_F32, CLEAT_I64, axis != 1, TEST_STRIDED);
    }
}
END_TEST

/* ---- One-hot ---- */

static void check_one_hot(int32_t axis, cleat_type type, cleat_type index_type, bool given) {
    const int64_t shape[] = {5, 7};
    const double three = 3;
    const cleat_one_hot_options options = {.off = 2, .on = &three};
    int64_t full[3], *values;
    for (int32_t i = 0, k = 0; i < 3; i++) {
        full[i] = i == axis ? 10 : shape[k++];
    }
    test_tensor indices =
        make_indices(index_type, 2, shape, full[axis], true, TEST_STRIDED, &values);
    test_tensor y = test_typed(type, 3, full, NULL, given ? TEST_STRIDED : TEST_ROW_MAJOR);
    test_ok(cleat_one_hot(test_context(), indices.view, axis - 3, y.view, given ? &options : NULL));
    test_fetch(&y);
    for (int64_t i = 0; i < y.count; i++) {
        int64_t at[] = {i / full[2] / full[1], i / full[2] % full[1], i % full[2]};
        int64_t row = at[axis == 0 ? 1 : 0], column = at[axis == 2 ? 1 : 2];
        bool hot = known(values[row * shape[1] + column], full[axis]) == at[axis];
        float f32;
        int64_t got = 0;
        memcpy(&f32, y.elements + i * (type == CLEAT_F32 ? 4 : 0), sizeof f32);
        memcpy(&got, y.elements + i * (int64_t)cleat_type_size(type), cleat_type_size(type));
        int64_t number = type == CLEAT_F32 ? (int64_t)f32 : got;
        ck_assert_int_eq(number, given ? (hot ? 3 : 2) : hot);
    }
    test_free(&indices);
    test_free(&y);
    free(values);
}

START_TEST(one_hots) {
    check_one_hot(0, CLEAT_F32, CLEAT_I32, false);
    check_one_hot(1, CLEAT_I64, CLEAT_I32, true);
    check_one_hot(2, CLEAT_F32, CLEAT_I64, true);
    check_one_hot(2, CLEAT_BOOL, CLEAT_I64, false);
    check_one_hot(1, CLEAT_U64, CLEAT_I32, true);
    check_one_hot(2, CLEAT_I8, CLEAT_I64, false);
    check_one_hot(1, CLEAT_U16, CLEAT_I32, true);
}
END_TEST

/* ---- Top k ---- */

/* Whether element a of the row comes before element b. */
static bool comes_before(const float *row, int64_t step, int64_t a, int64_t b, bool smallest) {
    float x = row[a * step], y = row[b * step];
    if (isnan(x) || isnan(y)) {
        return isnan(x) && isnan(y) ? a < b : isnan(x) != smallest;
    }
    return x == y ? a < b : (x > y) != smallest;
}

static void check_top_k(int32_t axis, const int64_t *shape, int64_t k, cleat_type index_type,
    bool smallest, test_layout layout) {
    int64_t top[] = {shape[0], shape[1], shape[2]}, count = shape[0] * shape[1] * shape[2];
    float *data = test_alloc(count, sizeof *data);
    for (int64_t i = 0; i < count; i++) { /* many equal ones */
        static const float special[] = {NAN, INFINITY, -INFINITY, -0.0F, 0, 1e-40F};
        data[i] = test_int(0, 9) == 0 ? special[test_int(k == 7 ? 3 : 0, 5)]
                  : test_coin()       ? (float)test_int(-5, 5)
                                      : (float)test_real(-3, 3);
    }
    for (int64_t i = 0; i < count && k == 12; i++) { /* few equal ones */
        data[i] = (float)test_int(-9999, 9999);
    }
    for (int64_t i = 0; i < count && k == 9; i++) { /* the best are zeros */
        bool good = smallest ? !(data[i] >= 0) : !(data[i] <= 0);
        data[i] = good ? 0 : data[i];
    }
    top[axis] = k;
    test_tensor x = test_input_from(3, shape, data, layout);
    test_tensor values = test_output(3, top, layout);
    test_tensor places = test_typed(index_type, 3, top, NULL, layout);
    test_tensor alone = test_output(3, top, TEST_ROW_MAJOR);
    const cleat_top_k_options options = {.smallest = smallest};
    test_ok(cleat_top_k(test_context(), x.view, axis - 3, &values.view, &places.view, &options));
    test_ok(cleat_top_k(test_context(), x.view, axis, &alone.view, NULL, &options));
    test_fetch(&values);
    test_fetch(&places);
    test_fetch(&alone);
    int64_t inner = axis == 0 ? shape[1] * shape[2] : axis == 1 ? shape[2] : 1;
    for (int64_t i = 0; i < values.count; i++) {
        int64_t n = i / inner % k, outer = i / inner / k;
        const float *row = data + outer * shape[axis] * inner + i % inner;
        int32_t narrow;
        int64_t place;
        memcpy(&narrow, places.elements + i * 4, sizeof narrow);
        memcpy(&place, places.elements + (index_type == CLEAT_I64 ? i * 8 : 0), sizeof place);
        place = index_type == CLEAT_I64 ? place : narrow;
        const bool in_row = place >= 0 && place < shape[axis];
        int64_t better = 0;
        for (int64_t other = 0; in_row && other < shape[axis]; other++) {
            better += other != place && comes_before(row, inner, other, place, smallest);
        }
        ck_assert_msg(in_row && better == n &&
                          memcmp(&row[place * inner], &values.data[i], sizeof(float)) == 0,
            "number %d of axis %d is element %d, which %d beat", (int)n, axis, (int)place,
            (int)better);
    }
    test_same_bits(&values, &alone, "top_k without indices");
    test_unchanged(&x);
    test_free(&x);
    test_free(&values);
    test_free(&places);
    test_free(&alone);
    free(data);
}

START_TEST(top_k) {
    static const char *const variants[] = {"group", "heap"};
    for (int i = 0; i < (test_device_is_cpu() ? 2 : 1); i++) {
        ck_assert_int_eq(setenv("CLEAT_TOP_K", variants[i], 1), 0);
        check_top_k(2, (int64_t[]){3, 5, 200}, 7, CLEAT_I64, false, TEST_ROW_MAJOR);
        check_top_k(2, (int64_t[]){2, 4, 37}, 37, CLEAT_I64, true, TEST_ROW_MAJOR);
        check_top_k(1, (int64_t[]){3, 50, 6}, 1, CLEAT_I32, true, TEST_ROW_MAJOR);
        check_top_k(0, (int64_t[]){20, 3, 5}, 4, CLEAT_I32, false, TEST_STRIDED);
        for (int smallest = 0; smallest < 2; smallest++) {
            check_top_k(2, (int64_t[]){3, 2, 700}, 9, CLEAT_I64, smallest, TEST_ROW_MAJOR);
            check_top_k(2, (int64_t[]){2, 2, 900}, 20, CLEAT_I64, smallest, TEST_ROW_MAJOR);
            check_top_k(2, (int64_t[]){2, 3, 300}, 7, CLEAT_I64, smallest, TEST_ROW_MAJOR);
            check_top_k(2, (int64_t[]){1, 2, 9001}, 12, CLEAT_I64, smallest, TEST_ROW_MAJOR);
        }
        check_top_k(2, (int64_t[]){1, 1, 3000}, 100, CLEAT_I64, false, TEST_ROW_MAJOR);
        check_top_k(2, (int64_t[]){0, 3, 5}, 4, CLEAT_I32, false, TEST_ROW_MAJOR);
    }
    unsetenv("CLEAT_TOP_K");
}
END_TEST

/* ---- Refusals ---- */

START_TEST(refuses_bad_calls) {
    cleat_context *context = test_context();
    int64_t shape[] = {4, 3}, rows[] = {2, 3}, two = 2, far = 4;
    test_tensor x = test_input(2, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output(2, rows, TEST_ROW_MAJOR);
    test_tensor i = test_typed(CLEAT_I32, 1, &two, NULL, TEST_ROW_MAJOR);
    test_tensor wide = test_typed(CLEAT_I64, 2, rows, NULL, TEST_ROW_MAJOR);
    test_tensor u8 = test_typed(CLEAT_U8, 2, rows, NULL, TEST_ROW_MAJOR);
    const cleat_embedding_options padded = {.padding_index = &far};
    const cleat_one_hot_options half = {.off = 0.5};
    test_refused(cleat_gather(NULL, x.view, i.view, 0, y.view), CLEAT_INVALID_ARGUMENT, "gather");
    test_refused(
        cleat_gather(context, x.view, y.view, 0, y.view), CLEAT_TYPE_MISMATCH, "not i32 or i64");
    test_refused(cleat_gather(context, x.view, i.view, 1, y.view), CLEAT_SHAPE_MISMATCH, "axis 1");
    test_refused(
        cleat_gather(context, x.view, i.view, 2, y.view), CLEAT_INVALID_ARGUMENT, "axis 2");
    test_refused(cleat_gather(context, x.view, i.view, 0, u8.view), CLEAT_TYPE_MISMATCH, "y has");
    test_refused(cleat_gather(context, y.view, i.view, 0, y.view), CLEAT_OVERLAP, "x");
    test_refused(cleat_embedding(context, i.view, i.view, y.view, NULL), CLEAT_SHAPE_MISMATCH,
        "rank 2 is wanted");
    test_refused(cleat_gather_backward(context, i.view, y.view, 1, x.view), CLEAT_SHAPE_MISMATCH,
        "gather_backward: dy");
    test_refused(
        cleat_scatter_add(context, i.view, u8.view, 0, x.view), CLEAT_TYPE_MISMATCH, "updates");
    test_refused(cleat_embedding_backward(context, i.view, y.view, x.view, &padded),
        CLEAT_INVALID_ARGUMENT, "padding index 4");
    test_refused(cleat_gather_elements(context, x.view, i.view, 0, y.view), CLEAT_SHAPE_MISMATCH,
        "gather_elements");
    test_refused(cleat_gather_elements(context, x.view, wide.view, 1, y.view), CLEAT_SHAPE_MISMATCH,
        "only axis 1");
    test_refused(cleat_scatter_add_elements(context, wide.view, y.view, 1, x.view),
        CLEAT_SHAPE_MISMATCH, "only axis 1");
    test_refused(cleat_one_hot(context, i.view, 2, y.view, NULL), CLEAT_INVALID_ARGUMENT, "axis 2");
    test_refused(cleat_one_hot(context, i.view, 0, y.view, NULL), CLEAT_SHAPE_MISMATCH, "classes");
    test_refused(cleat_one_hot(context, i.view, 1, u8.view, &half), CLEAT_INVALID_ARGUMENT, "0.5");
    test_refused(cleat_top_k(context, x.view, 1, &y.view, NULL, NULL), CLEAT_SHAPE_MISMATCH, "y");
    test_refused(
        cleat_top_k(context, y.view, 0, &x.view, NULL, NULL), CLEAT_INVALID_ARGUMENT, "4 elements");
    test_refused(
        cleat_top_k(context, x.view, 0, &y.view, &u8.view, NULL), CLEAT_TYPE_MISMATCH, "u8");
    test_refused(
        cleat_top_k(context, u8.view, 0, &y.view, NULL, NULL), CLEAT_TYPE_MISMATCH, "x has");
    test_ok(cleat_top_k(context, x.view, 0, NULL, NULL, NULL));
    test_unchanged(&x);
    test_unchanged(&y);
    test_unchanged(&u8);
    test_unchanged(&wide);
    test_free(&x);
    test_free(&y);
    test_free(&i);
    test_free(&wide);
    test_free(&u8);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("index");
    TCase *gather = test_case(suite, "gather");
    tcase_add_test(gather, gathers);
    tcase_add_test(gather, elements);
    tcase_add_test(gather, one_hots);
    tcase_add_test(gather, refuses_bad_calls);
    TCase *sums = test_case(suite, "sums");
    tcase_add_test(sums, sums_over_indices);
    TCase *top = test_case(suite, "top_k");
    tcase_add_test(top, top_k);
    return suite;
}
