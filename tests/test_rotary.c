/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"
#include "reference/reference_rotary.h"

static const char *const variants[] = {"rows items", "items", NULL};
enum { VARIANTS = 3, DOUBLES = 2 };

typedef struct rotary_case {
    int32_t rank;
    int64_t shape[4];
    cleat_rotary_pairs pairs;
    bool inverse;
    double base;
    int64_t first;
    int positions; /* 0: none, 1: i32 [L], 2: i64 [B, 1, L], 3: i64 of every row */
    test_layout layout;
} rotary_case;

static const rotary_case table[] = {
    {4, {2, 3, 37, 64}, CLEAT_ROTARY_HALVES, false, 0, 0, 0, TEST_ROW_MAJOR},
    {4, {2, 3, 19, 46}, CLEAT_ROTARY_NEIGHBOURS, false, 500, 12345678, 0, TEST_ROWS},
    {3, {3, 20, 40}, CLEAT_ROTARY_NEIGHBOURS, true, 0, 0, 1, TEST_STRIDED},
    {4, {3, 2, 20, 70}, CLEAT_ROTARY_HALVES, true, 1e6, 0, 2, TEST_ROWS},
    {4, {2, 2, 7, 128}, CLEAT_ROTARY_NEIGHBOURS, false, 0, 0, 3, TEST_ROW_MAJOR},
    {2, {5, 2}, CLEAT_ROTARY_HALVES, false, 1.5, -1000000, 0, TEST_STRIDED},
    {2, {1, 34}, CLEAT_ROTARY_HALVES, false, 0, 2147483000, 0, TEST_ROW_MAJOR},
    {2, {2, 34}, CLEAT_ROTARY_NEIGHBOURS, false, 1 + 0x1p-52, 100, 0, TEST_ROWS},
    {3, {2, 0, 4}, CLEAT_ROTARY_HALVES, false, 0, 0, 0, TEST_ROW_MAJOR},
    {3, {2, 4, 0}, CLEAT_ROTARY_HALVES, false, 0, 0, 1, TEST_ROW_MAJOR},
};
enum { TABLE = sizeof table / sizeof table[0] };

/* Positions for the call, and those of all rows for the reference. */
static void make_positions(
    const rotary_case *c, cleat_tensor *tensor, int64_t rows, int64_t *every) {
    const int64_t length = c->shape[c->rank - 2];
    for (int64_t row = 0; row < rows; row++) {
        every[row] = c->first + row % length;
    }
    if (c->positions == 0) {
        return;
    }
    const int64_t heads = c->rank == 4 ? c->shape[1] : 1;
    const int64_t batch = rows / (length > 0 ? length : 1) / heads;
    int64_t shape[] = {batch, 1, length};
    const int64_t *used = c->positions == 3 ? c->shape : c->positions == 2 ? shape : shape + 2;
    const int32_t rank = c->positions == 1 ? 1 : 3;
    const cleat_type type = c->positions == 1 ? CLEAT_I32 : CLEAT_I64;
    test_ok(cleat_tensor_create(test_context(), type, rank, used, tensor));
    const int64_t count = cleat_tensor_count(tensor);
    int64_t *values = test_alloc(count, sizeof *values);
    int32_t *small = test_alloc(count, sizeof *small);
    for (int64_t i = 0; i < count; i++) {
        values[i] = test_int(-3000000, test_coin() ? 3000000 : 100);
        small[i] = (int32_t)values[i];
    }
    for (int64_t row = 0; row < rows; row++) {
        every[row] = c->positions == 1   ? values[row % length]
                     : c->positions == 3 ? values[row]
                                         : values[row / length / heads * length + row % length];
    }
    test_ok(cleat_write(test_context(), *tensor, type == CLEAT_I32 ? (const void *)small : values,
        (size_t)count * cleat_type_size(type)));
    free(values);
    free(small);
}

/* What the error of cosine and sine, 2^-22 + |position| 2^-48 or 2^-51 + |position| 2^-56, adds to
 * a magnitude, as a part of what a bound allows for two terms: 2^-23, or 2^-52. */
static void blur(const rotary_case *c, cleat_type type, const int64_t *every, long double *sizes,
    int64_t count) {
    const long double each = type == CLEAT_F64 ? 0x1p-4L : 0x1p-25L;
    for (int64_t i = 0; i < count; i++) {
        const int64_t position = every[i / c->shape[c->rank - 1]];
        sizes[i] *= 3 + fabsl((long double)position) * each;
    }
}

static void check_case(const rotary_case *c, cleat_type type, const char *variant) {
    const int64_t width = c->shape[c->rank - 1];
    test_tensor x = test_input_of(type, c->rank, c->shape, TEST_REAL, c->layout);
    test_tensor y = test_output_of(type, c->rank, c->shape, c->layout);
    test_tensor back = test_output_of(type, c->rank, c->shape, TEST_ROW_MAJOR);
    const int64_t rows = width > 0 ? x.count / width : 0;
    cleat_tensor positions = {0};
    int64_t *every = test_alloc(rows, sizeof *every);
    make_positions(c, &positions, rows, every);
    long double *in = test_long_doubles(&x);
    long double *want = test_alloc(x.count, sizeof *want);
    long double *magnitude = test_alloc(x.count, sizeof *magnitude);
    const double base = c->base == 0 ? 10000 : c->base;
    reference_rotary(in, rows, width, every, base, c->pairs == CLEAT_ROTARY_NEIGHBOURS, c->inverse,
        want, magnitude);
    blur(c, type, every, magnitude, x.count);
    cleat_rotary_options options = {.base = c->base,
        .pairs = c->pairs,
        .inverse = c->inverse,
        .first_position = c->first,
        .positions = c->positions != 0 ? &positions : NULL,
        .variant = variant};
    test_ok(cleat_rotary(test_context(), x.view, y.view, &options));
    test_fetch(&y);
    test_unchanged(&x);
    test_bound_of(&y, want, magnitude, 2, "rotary");
    options.inverse = !c->inverse;
    test_ok(cleat_rotary(test_context(), y.view, back.view, &options));
    test_fetch(&back);
    test_bound_of(&back, in, magnitude, 4, "and back");
    options.inverse = c->inverse;
    test_ok(cleat_rotary(test_context(), x.view, x.view, &options));
    test_ok(cleat_copy(test_context(), x.view, back.view));
    test_fetch(&back);
    test_same_bits(&back, &y, "in place");
    test_free(&x);
    test_free(&y);
    test_free(&back);
    cleat_tensor_release(&positions);
    free(every);
    free(in);
    free(want);
    free(magnitude);
}

START_TEST(turns_and_back) {
    for (int i = 0; i < TABLE; i++) {
        check_case(&table[i], CLEAT_F32, variants[_i]);
    }
}
END_TEST

START_TEST(turns_doubles) {
    for (int i = 0; i < TABLE && test_has_f64(); i++) {
        check_case(&table[i], CLEAT_F64, variants[_i]);
    }
}
END_TEST

START_TEST(types_must_agree) {
    cleat_context *context = test_context();
    const int64_t shape[] = {2, 4};
    cleat_tensor x, y;
    test_ok(cleat_tensor_create(context, CLEAT_F64, 2, shape, &x));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 2, shape, &y));
    const bool there = test_has_f64();
    test_refused(cleat_rotary(context, x, y, NULL), there ? CLEAT_TYPE_MISMATCH : CLEAT_UNSUPPORTED,
        there ? "rotary: y has type f32, not f64" : "no double precision");
    test_refused(cleat_rotary(context, y, x, NULL), CLEAT_TYPE_MISMATCH, "not f32");
    cleat_tensor_release(&x);
    cleat_tensor_release(&y);
}
END_TEST

/* Turns nothing, exactly. */
START_TEST(position_zero) {
    const int64_t shape[] = {5, 2};
    test_tensor x = test_input(2, shape, TEST_EXACT, TEST_ROW_MAJOR);
    test_tensor y = test_output(2, shape, TEST_ROW_MAJOR);
    double want[10];
    for (int i = 0; i < 10; i++) {
        want[i] = (double)x.data[i];
    }
    cleat_tensor zero = {0};
    const int64_t one[] = {1};
    const int32_t nothing = 0;
    test_ok(cleat_tensor_create(test_context(), CLEAT_I32, 1, one, &zero));
    test_ok(cleat_write(test_context(), zero, &nothing, sizeof nothing));
    test_ok(cleat_rotary(test_context(), x.view, y.view,
        &(cleat_rotary_options){.positions = &zero, .variant = variants[_i]}));
    test_fetch(&y);
    test_equal(&y, want, "position 0");
    cleat_tensor_release(&zero);
    test_free(&x);
    test_free(&y);
}
END_TEST

START_TEST(refuses_bad_calls) {
    cleat_context *context = test_context();
    const int64_t shape[] = {2, 3, 4}, odd[] = {2, 3}, deep[] = {1, 1, 1, 2, 4};
    test_tensor x = test_input(3, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor o = test_input(2, odd, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor d = test_input(5, deep, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output(3, shape, TEST_ROW_MAJOR);
    cleat_tensor typed = x.view, moved = x.view;
    typed.type = CLEAT_I32;
    moved.shape[1] = 2;
    cleat_rotary_options options = {.base = 1};
    test_refused(cleat_rotary(NULL, x.view, y.view, NULL), CLEAT_INVALID_ARGUMENT, "rotary");
    test_refused(cleat_rotary(context, typed, y.view, NULL), CLEAT_TYPE_MISMATCH, "x");
    test_refused(cleat_rotary(context, o.view, o.view, NULL), CLEAT_SHAPE_MISMATCH, "rows of 3");
    test_refused(cleat_rotary(context, d.view, d.view, NULL), CLEAT_SHAPE_MISMATCH, "rank");
    test_refused(cleat_rotary(context, moved, y.view, NULL), CLEAT_SHAPE_MISMATCH, "y");
    test_refused(cleat_rotary(context, x.view, y.view, &options), CLEAT_INVALID_ARGUMENT, "base");
    options = (cleat_rotary_options){.pairs = (cleat_rotary_pairs)2};
    test_refused(cleat_rotary(context, x.view, y.view, &options), CLEAT_INVALID_ARGUMENT, "pairs");
    options = (cleat_rotary_options){.first_position = 2147483647};
    test_refused(
        cleat_rotary(context, x.view, y.view, &options), CLEAT_INVALID_ARGUMENT, "2147483647");
    options = (cleat_rotary_options){.positions = &o.view};
    test_refused(cleat_rotary(context, x.view, y.view, &options), CLEAT_TYPE_MISMATCH, "i64");
    typed.rank = 2;
    options.positions = &typed;
    typed.shape[1] = 2;
    test_refused(
        cleat_rotary(context, x.view, y.view, &options), CLEAT_SHAPE_MISMATCH, "positions");
    typed.shape[1] = 3;
    options.first_position = 5;
    test_refused(
        cleat_rotary(context, x.view, y.view, &options), CLEAT_INVALID_ARGUMENT, "first_position");
    options = (cleat_rotary_options){.variant = "none"};
    test_refused(cleat_rotary(context, x.view, y.view, &options), CLEAT_INVALID_ARGUMENT, "none");
    test_unchanged(&y);
    test_free(&x);
    test_free(&o);
    test_free(&d);
    test_free(&y);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("rotary");
    TCase *cases = test_case(suite, "rotary");
    tcase_add_loop_test(cases, turns_and_back, 0, VARIANTS);
    tcase_add_loop_test(cases, turns_doubles, 0, DOUBLES);
    tcase_add_loop_test(cases, position_zero, 0, VARIANTS);
    tcase_add_test(cases, types_must_agree);
    tcase_add_test(cases, refuses_bad_calls);
    return suite;
}
