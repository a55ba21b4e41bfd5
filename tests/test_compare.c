/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"
#include "reference/reference_elementwise.h"
#include "reference/reference_types.h"

static const char *const passes[] = {"chunked", "interleaved"};
static const cleat_type types[] = {CLEAT_F32, CLEAT_I32, CLEAT_I64, CLEAT_U8, CLEAT_BOOL, CLEAT_F64,
    CLEAT_I8, CLEAT_I16, CLEAT_U16, CLEAT_U32, CLEAT_U64};
/* Of these, the first ones are cast from each to each. */
enum { PASSES = 2, TYPES = sizeof types / sizeof types[0], PAIRED = 6 };

static void force(int round) {
    ck_assert_int_eq(setenv("CLEAT_ELEMENTWISE", passes[round % PASSES], 1), 0);
}

static void unforce(void) {
    unsetenv("CLEAT_ELEMENTWISE");
}

static bool has_f64(void) {
    cleat_device_info info;
    test_ok(cleat_context_device(test_context(), &info));
    return info.has_fp64;
}

/* ---- Operands of any type ---- */

static const double special_numbers[] = {0, -0.0, NAN, INFINITY, -INFINITY, 0.5, -0.5, 1, -1, 255,
    255.5, 256, 2147483520.0, 2147483648.0, -2147483648.0, -2147483904.0, 9.3e18, -9.3e18, 1e30,
    127.75, 128, -128.75, -129, 32767.5, 32768, -32768.5, -32769, 65535.5, 65536, 4294967040.0,
    4294967296.0, 0x1.fffffep63, 0x1p64};
static const int64_t special_integers[] = {0, 1, -1, 255, 256, -128, INT32_MAX, INT32_MIN,
    INT64_MAX, INT64_MIN, 16777217, -16777219, 9007199254740993, 0x180000000, 127, 128, 32767,
    32768, 65535, 65536, UINT32_MAX, -1, INT64_MIN + 0x8000000001, INT64_MIN + 0x401};
enum {
    NUMBERS = sizeof special_numbers / sizeof special_numbers[0],
    INTEGERS = sizeof special_integers / sizeof special_integers[0]
};

/* Small whole numbers, so that pairs are often equal; with `wild` also what a cast may stumble
 * over. */
static reference_value draw(cleat_type type, bool wild) {
    reference_value value = {.is_float = reference_is_float(type)};
    bool special = wild && test_int(0, 2) > 0;
    value.integer = special ? special_integers[test_int(0, INTEGERS - 1)] : test_int(-3, 3);
    value.number = special ? special_numbers[test_int(0, NUMBERS - 1)] : (double)test_int(-3, 3);
    if (type == CLEAT_BOOL) {
        value.integer &= 1;
    } else if (type == CLEAT_U8 && !special) {
        value.integer = test_int(0, 5);
    }
    return value;
}

static test_tensor typed_input(
    cleat_type type, int32_t rank, const int64_t *shape, bool wild, test_layout layout) {
    int64_t count = 1;
    for (int32_t axis = 0; axis < rank; axis++) {
        count *= shape[axis];
    }
    void *elements = test_alloc(count, cleat_type_size(type));
    for (int64_t i = 0; i < count; i++) {
        reference_put(type, elements, i, draw(type, wild));
    }
    test_tensor t = test_typed(type, rank, shape, elements, layout);
    free(elements);
    return t;
}

static reference_value value_at(const test_tensor *t, const test_tensor *y, int64_t index) {
    reference_array array = {.rank = t->view.rank};
    memcpy(array.shape, t->view.shape, sizeof array.shape);
    return reference_get(t->view.type, t->elements,
        reference_broadcast_index(&array, y->view.rank, y->view.shape, index));
}

/* y holds these elements, NaN for NaN. */
static void check_elements(test_tensor *y, const void *want, const char *what) {
    test_fetch(y);
    for (int64_t i = 0; i < y->count; i++) {
        reference_value a = reference_get(y->view.type, y->elements, i);
        reference_value b = reference_get(y->view.type, want, i);
        bool same = a.is_float ? a.number == b.number || (isnan(a.number) && isnan(b.number))
                               : a.integer == b.integer;
        if (!same) {
            ck_abort_msg("%s: element %d of %d is %lld or %g, want %lld or %g", what, (int)i,
                (int)y->count, (long long)a.integer, a.number, (long long)b.integer, b.number);
        }
    }
}

typedef struct shapes {
    int32_t rank_a, rank_b, rank;
    int64_t a[4], b[4], y[4];
} shapes;

static const shapes table[] = {
    {2, 2, 2, {7, 37}, {7, 37}, {7, 37}},
    {2, 1, 2, {19, 129}, {129}, {19, 129}},
    {2, 2, 2, {9, 1}, {1, 33}, {9, 33}},
    {0, 0, 0, {0}, {0}, {0}},
    {1, 1, 1, {10007}, {1}, {10007}},
    {2, 2, 2, {1, 6}, {0, 6}, {0, 6}},
};
enum { TABLE = sizeof table / sizeof table[0] };

/* ---- Comparison and logic ---- */

static bool truth(int comparison, reference_value a, reference_value b) {
    if (a.is_float && (isnan(a.number) || isnan(b.number))) {
        return comparison == CLEAT_NOT_EQUAL;
    }
    const int order = reference_order(a, b);
    const bool truths[] = {order == 0, order != 0, order<0, order <= 0, order> 0, order >= 0};
    return truths[comparison];
}

static void check_compare(
    int comparison, cleat_type type, const shapes *s, test_layout layout, bool wild) {
    test_tensor a = typed_input(type, s->rank_a, s->a, wild, layout);
    test_tensor b = typed_input(type, s->rank_b, s->b, wild, layout);
    test_tensor y = test_typed(CLEAT_BOOL, s->rank, s->y, NULL, layout);
    unsigned char *want = test_alloc(y.count, 1);
    for (int64_t i = 0; i < y.count; i++) {
        want[i] = truth(comparison, value_at(&a, &y, i), value_at(&b, &y, i));
    }
    test_ok(cleat_compare(test_context(), (cleat_comparison)comparison, a.view, b.view, y.view));
    check_elements(&y, want, "compare");
    test_unchanged(&a);
    test_unchanged(&b);
    test_free(&a);
    test_free(&b);
    test_free(&y);
    free(want);
}

/* Every comparison in f32, the other types with some of them each. */
START_TEST(comparisons) {
    for (int round = 0; round < (test_is_short() ? 6 : 6 + TYPES - 1); round++) {
        cleat_type type = round < 6 ? CLEAT_F32 : types[round - 5];
        force(round);
        if (type != CLEAT_F64 || has_f64()) {
            check_compare((round + round / 6) % 6, type,
                &table[round < 6 ? round % 3 : round % TABLE],
                round % 4 == 3 ? TEST_STRIDED : TEST_ROW_MAJOR, type != CLEAT_BOOL);
        }
    }
    check_compare(CLEAT_LESS, CLEAT_I64, &table[1], TEST_ROW_MAJOR, false);
    unforce();
}
END_TEST

START_TEST(logic) {
    for (int round = 0; round < 8; round++) {
        const shapes *s = &table[round % TABLE];
        test_layout layout = round % 3 == 2 ? TEST_STRIDED : TEST_ROW_MAJOR;
        force(round / 4);
        test_tensor a = typed_input(CLEAT_BOOL, s->rank_a, s->a, false, layout);
        test_tensor b = typed_input(CLEAT_BOOL, s->rank_b, s->b, false, layout);
        test_tensor y = test_typed(CLEAT_BOOL, s->rank, s->y, NULL, layout);
        unsigned char *want = test_alloc(y.count, 1);
        for (int64_t i = 0; i < y.count; i++) {
            int p = (int)value_at(&a, &y, i).integer, q = (int)value_at(&b, &y, i).integer;
            int truths[] = {p & q, p | q, p ^ q, !p};
            want[i] = (unsigned char)truths[round % 4];
        }
        test_ok(round % 4 == 3 ? cleat_logical_not(test_context(), a.view, y.view)
                               : cleat_logical(test_context(), (cleat_logic)(round % 4), a.view,
                                     b.view, y.view));
        if (round % 4 != 3 || s->rank_a == s->rank) {
            check_elements(&y, want, "logic");
        }
        test_free(&a);
        test_free(&b);
        test_free(&y);
        free(want);
    }
    unforce();
}
END_TEST

/* ---- Where ---- */

static void check_where(cleat_type type, const shapes *s, test_layout layout, int64_t wide) {
    const int64_t *condition_shape = s->y + (s->rank > 0 && wide == 0 ? 1 : 0);
    int32_t rank = s->rank - (s->rank > 0 && wide == 0 ? 1 : 0);
    test_tensor c = typed_input(CLEAT_BOOL, rank, condition_shape, false, layout);
    test_tensor a = typed_input(type, s->rank_a, s->a, true, layout);
    test_tensor b = typed_input(type, s->rank_b, s->b, true, layout);
    test_tensor y = test_typed(type, s->rank, s->y, NULL, layout);
    void *want = test_alloc(y.count, cleat_type_size(type));
    for (int64_t i = 0; i < y.count; i++) {
        bool yes = value_at(&c, &y, i).integer != 0;
        reference_put(type, want, i, value_at(yes ? &a : &b, &y, i));
    }
    test_ok(cleat_where(test_context(), c.view, a.view, b.view, y.view));
    check_elements(&y, want, "where");
    if (s->rank_a == s->rank && a.count == y.count) {
        test_ok(cleat_where(test_context(), c.view, a.view, b.view, a.view));
        check_elements(&a, want, "where in place");
    }
    test_free(&c);
    test_free(&a);
    test_free(&b);
    test_free(&y);
    free(want);
}

START_TEST(choices) {
    static const cleat_type moved[] = {CLEAT_F32, CLEAT_F64, CLEAT_U8, CLEAT_I32, CLEAT_I64,
        CLEAT_BOOL, CLEAT_U16, CLEAT_U64, CLEAT_I8, CLEAT_F16};
    for (int i = 0; i < 10; i++) {
        force(i);
        check_where(
            moved[i], &table[i % 3], i == 4 || i == 5 ? TEST_STRIDED : TEST_ROW_MAJOR, i % 2);
        check_where(moved[i], &table[3 + i % 3], TEST_ROW_MAJOR, i % 2);
    }
    unforce();
}
END_TEST

/* Also with a NaN where it does not flow. */
static void check_where_backward(const shapes *s, test_layout layout) {
    test_tensor c = typed_input(CLEAT_BOOL, s->rank, s->y, false, layout);
    test_tensor dy = test_input(s->rank, s->y, TEST_EXACT, layout);
    test_tensor da = test_output(s->rank_a, s->a, layout);
    test_tensor db = test_output(s->rank_b, s->b, layout);
    test_tensor again = test_output(s->rank_b, s->b, layout);
    double *want[2] = {test_alloc(da.count, sizeof(double)), test_alloc(db.count, sizeof(double))};
    for (int64_t i = 0; i < dy.count; i++) {
        bool yes = c.elements[i] != 0;
        const test_tensor *to = yes ? &da : &db;
        reference_array array = {.rank = to->view.rank};
        memcpy(array.shape, to->view.shape, sizeof array.shape);
        want[yes ? 0 : 1][reference_broadcast_index(&array, s->rank, s->y, i)] +=
            (double)dy.data[i];
    }
    test_ok(cleat_where_backward(test_context(), c.view, dy.view, &da.view, &db.view));
    test_ok(cleat_where_backward(test_context(), c.view, dy.view, NULL, &again.view));
    test_fetch(&da);
    test_fetch(&db);
    test_fetch(&again);
    test_equal(&da, want[0], "where_backward, a");
    test_equal(&db, want[1], "where_backward, b");
    test_same_bits(&db, &again, "where_backward, twice");
    test_unchanged(&c);
    test_unchanged(&dy);
    free(want[0]);
    free(want[1]);
    test_free(&c);
    test_free(&dy);
    test_free(&da);
    test_free(&db);
    test_free(&again);
}

START_TEST(where_gradients) {
    for (int i = 0; i < TABLE; i++) {
        check_where_backward(&table[i], i % 3 == 2 ? TEST_STRIDED : TEST_ROW_MAJOR);
    }
    float slopes[] = {NAN, 2, INFINITY, 4};
    unsigned char conditions[] = {0, 1, 1, 0};
    double want[] = {0, 2, INFINITY, 0};
    int64_t four = 4;
    test_tensor c = test_typed(CLEAT_BOOL, 1, &four, conditions, TEST_ROW_MAJOR);
    test_tensor dy = test_input_from(1, &four, slopes, TEST_ROW_MAJOR);
    test_tensor da = test_output(1, &four, TEST_ROW_MAJOR);
    test_ok(cleat_where_backward(test_context(), c.view, dy.view, &da.view, NULL));
    test_fetch(&da);
    test_equal(&da, want, "where_backward with NaN");
    test_free(&c);
    test_free(&dy);
    test_free(&da);
}
END_TEST

/* ---- Casts ---- */

static void check_cast(cleat_type from, cleat_type to, int64_t count, test_layout layout) {
    int64_t shape[] = {3, count};
    test_tensor x = typed_input(from, 2, shape, true, layout);
    test_tensor y = test_typed(to, 2, shape, NULL, layout);
    void *want = test_alloc(y.count, cleat_type_size(to));
    for (int64_t i = 0; i < y.count; i++) {
        reference_put(to, want, i, reference_cast(reference_get(from, x.elements, i), to));
    }
    test_ok(cleat_cast(test_context(), x.view, y.view));
    char what[64];
    snprintf(what, sizeof what, "cast %s to %s", cleat_type_name(from), cleat_type_name(to));
    check_elements(&y, want, what);
    test_unchanged(&x);
    test_free(&x);
    test_free(&y);
    free(want);
}

/* All pairs; a short run, on another driver, a third of them. */
START_TEST(casts) {
    for (int i = 0; i < PAIRED * PAIRED; i++) {
        cleat_type from = types[i / PAIRED], to = types[i % PAIRED];
        bool works = has_f64() || from == to || (from != CLEAT_F64 && to != CLEAT_F64);
        works = works && (from != CLEAT_BOOL || to == CLEAT_F32 || to == CLEAT_U8);
        if (works && !(test_is_short() && (i + i / PAIRED) % 3 != 0)) {
            force(i % 9 == 7);
            check_cast(from, to, i == 8 ? 0 : 101, i % 9 == 4 ? TEST_STRIDED : TEST_ROW_MAJOR);
        }
    }
    unforce();
}
END_TEST

/* The other whole numbers: what differs by sign or length, and what only moves bits. */
START_TEST(casts_of_whole_numbers) {
    static const cleat_type pairs[][2] = {{CLEAT_F32, CLEAT_I8}, {CLEAT_F32, CLEAT_I16},
        {CLEAT_F32, CLEAT_U16}, {CLEAT_F32, CLEAT_U32}, {CLEAT_F32, CLEAT_U64},
        {CLEAT_F64, CLEAT_U64}, {CLEAT_I8, CLEAT_F32}, {CLEAT_I16, CLEAT_F32},
        {CLEAT_U16, CLEAT_F64}, {CLEAT_U32, CLEAT_F32}, {CLEAT_U64, CLEAT_F32},
        {CLEAT_U64, CLEAT_F64}, {CLEAT_I8, CLEAT_I64}, {CLEAT_I8, CLEAT_U16},
        {CLEAT_U16, CLEAT_U32}, {CLEAT_I16, CLEAT_I32}, {CLEAT_U32, CLEAT_I64},
        {CLEAT_I64, CLEAT_I8}, {CLEAT_U64, CLEAT_I16}, {CLEAT_U32, CLEAT_U8}, {CLEAT_I8, CLEAT_U8},
        {CLEAT_U64, CLEAT_I64}, {CLEAT_BOOL, CLEAT_I8}, {CLEAT_BOOL, CLEAT_U64},
        {CLEAT_U64, CLEAT_BOOL}, {CLEAT_I16, CLEAT_BOOL}};
    const int count = sizeof pairs / sizeof pairs[0];
    for (int i = 0; i < count; i++) {
        const cleat_type from = pairs[i][0], to = pairs[i][1];
        if ((has_f64() || (from != CLEAT_F64 && to != CLEAT_F64)) &&
            !(test_is_short() && i % 2 != 0)) {
            force(i % 9 == 4);
            check_cast(from, to, 101, i % 9 == 7 ? TEST_STRIDED : TEST_ROW_MAJOR);
        }
    }
    unforce();
}
END_TEST

/* Results past the caches in elements of one and of eight bytes, in rows that begin anywhere. */
START_TEST(large_results) {
    static const int64_t shape[] = {2100, 4099};
    if (test_is_short()) {
        return;
    }
    int64_t count = shape[0] * shape[1];
    test_tensor x = test_input(2, shape, TEST_EXACT, TEST_ROW_MAJOR);
    unsigned char *is = test_alloc(count, 1);
    int64_t *whole = test_alloc(count, sizeof *whole);
    cleat_tensor bools, integers, row;
    test_ok(cleat_tensor_create(test_context(), CLEAT_BOOL, 2, shape, &bools));
    test_ok(cleat_tensor_create(test_context(), CLEAT_I64, 2, shape, &integers));
    test_ok(cleat_slice(x.view, 0, 0, 1, 1, &row));
    test_ok(cleat_compare(test_context(), CLEAT_LESS, row, x.view, bools));
    test_ok(cleat_cast(test_context(), x.view, integers));
    test_ok(cleat_read(test_context(), bools, is, (size_t)count));
    test_ok(cleat_read(test_context(), integers, whole, (size_t)count * sizeof *whole));
    for (int64_t i = 0; i < count; i++) {
        if (is[i] != (x.data[i % shape[1]] < x.data[i]) || whole[i] != (int64_t)x.data[i]) {
            ck_abort_msg("element %d is %d and %d", (int)i, is[i], (int)whole[i]);
        }
    }
    cleat_tensor_release(&bools);
    cleat_tensor_release(&integers);
    test_free(&x);
    free(is);
    free(whole);
}
END_TEST

/* ---- Refusals ---- */

START_TEST(refuses_bad_calls) {
    cleat_context *context = test_context();
    int64_t shape[] = {4, 3};
    test_tensor x = test_input(2, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor i = test_typed(CLEAT_I32, 2, shape, NULL, TEST_ROW_MAJOR);
    test_tensor y = test_typed(CLEAT_BOOL, 2, shape, NULL, TEST_ROW_MAJOR);
    test_tensor few = test_typed(CLEAT_BOOL, 1, (int64_t[]){4}, NULL, TEST_ROW_MAJOR);
    test_tensor d = test_output(2, shape, TEST_ROW_MAJOR);
    test_refused(cleat_compare(NULL, CLEAT_LESS, x.view, x.view, y.view), CLEAT_INVALID_ARGUMENT,
        "compare: the context");
    test_refused(cleat_compare(context, (cleat_comparison)9, x.view, x.view, y.view),
        CLEAT_INVALID_ARGUMENT, "9 is no comparison");
    test_refused(cleat_compare(context, CLEAT_LESS, x.view, i.view, y.view), CLEAT_TYPE_MISMATCH,
        "b has type i32, not f32");
    test_refused(cleat_compare(context, CLEAT_LESS, x.view, x.view, i.view), CLEAT_TYPE_MISMATCH,
        "y has type i32, not bool");
    test_refused(cleat_compare(context, CLEAT_LESS, x.view, x.view, few.view), CLEAT_SHAPE_MISMATCH,
        "[4, 3]");
    test_refused(cleat_logical(context, (cleat_logic)3, y.view, y.view, y.view),
        CLEAT_INVALID_ARGUMENT, "3 is no operation");
    test_refused(
        cleat_logical(context, CLEAT_AND, x.view, y.view, y.view), CLEAT_TYPE_MISMATCH, "a has");
    test_refused(cleat_logical_not(context, i.view, y.view), CLEAT_TYPE_MISMATCH, "x has");
    test_refused(
        cleat_where(context, x.view, x.view, x.view, d.view), CLEAT_TYPE_MISMATCH, "condition");
    test_refused(
        cleat_where(context, y.view, x.view, i.view, d.view), CLEAT_TYPE_MISMATCH, "b has");
    test_refused(
        cleat_where(context, few.view, x.view, x.view, d.view), CLEAT_SHAPE_MISMATCH, "condition");
    test_refused(cleat_where_backward(context, y.view, x.view, &x.view, NULL), CLEAT_OVERLAP, "da");
    test_refused(
        cleat_where_backward(context, y.view, x.view, &d.view, &d.view), CLEAT_OVERLAP, "db");
    test_refused(cleat_where_backward(context, y.view, x.view, &i.view, NULL), CLEAT_TYPE_MISMATCH,
        "da has");
    cleat_tensor moved = x.view;
    moved.type = CLEAT_I32;
    test_refused(cleat_cast(context, x.view, moved), CLEAT_OVERLAP, "cast");
    test_refused(cleat_cast(context, x.view, few.view), CLEAT_SHAPE_MISMATCH, "cast");
    if (!has_f64()) {
        test_tensor wide = test_typed(CLEAT_F64, 2, shape, NULL, TEST_ROW_MAJOR);
        test_refused(cleat_cast(context, x.view, wide.view), CLEAT_UNSUPPORTED, "double precision");
        test_free(&wide);
    }
    test_unchanged(&x);
    test_unchanged(&y);
    test_unchanged(&d);
    test_unchanged(&i);
    test_free(&x);
    test_free(&i);
    test_free(&y);
    test_free(&few);
    test_free(&d);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("compare");
    TCase *truths = test_case(suite, "truths");
    tcase_add_test(truths, comparisons);
    tcase_add_test(truths, logic);
    TCase *where = test_case(suite, "where");
    tcase_add_test(where, choices);
    tcase_add_test(where, where_gradients);
    TCase *cast = test_case(suite, "cast");
    tcase_add_test(cast, casts);
    tcase_add_test(cast, large_results);
    tcase_add_test(cast, refuses_bad_calls);
    TCase *whole = test_case(suite, "whole");
    tcase_add_test(whole, casts_of_whole_numbers);
    return suite;
}
