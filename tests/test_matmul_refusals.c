/* SPDX-License-Identifier: Apache-2.0 */
/* What cleat_matmul() refuses, with which words, and that it then leaves y alone. */
#include "harness.h"

typedef struct fixture {
    test_tensor a, b, y; /* [3, 4] x [4, 5] = [3, 5] */
} fixture;

static fixture make(void) {
    return (fixture){test_input(2, (int64_t[]){3, 4}, TEST_EXACT, TEST_ROW_MAJOR),
        test_input(2, (int64_t[]){4, 5}, TEST_EXACT, TEST_ROW_MAJOR),
        test_output(2, (int64_t[]){3, 5}, TEST_ROW_MAJOR)};
}

/* Nothing was written, and the context still works. */
static void finish(fixture *f) {
    test_unchanged(&f->y);
    test_ok(cleat_matmul(test_context(), f->a.view, f->b.view, f->y.view, NULL));
    test_fetch(&f->y);
    test_free(&f->a);
    test_free(&f->b);
    test_free(&f->y);
}

static void refused_shapes(int32_t rank_a, const int64_t *a, int32_t rank_b, const int64_t *b,
    int32_t rank_y, const int64_t *y, const char *message) {
    test_tensor ta = test_input(rank_a, a, TEST_EXACT, TEST_ROW_MAJOR);
    test_tensor tb = test_input(rank_b, b, TEST_EXACT, TEST_ROW_MAJOR);
    test_tensor ty = test_output(rank_y, y, TEST_ROW_MAJOR);
    test_refused(cleat_matmul(test_context(), ta.view, tb.view, ty.view, NULL),
        CLEAT_SHAPE_MISMATCH, message);
    test_unchanged(&ty);
    test_free(&ta);
    test_free(&tb);
    test_free(&ty);
}

#define SHAPE(...)                                                                                 \
    (int32_t)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (int64_t[]) {                   \
        __VA_ARGS__                                                                                \
    }

START_TEST(shapes_that_do_not_fit) {
    refused_shapes(SHAPE(3, 4), SHAPE(5, 6), SHAPE(3, 6),
        "matmul: a is [3, 4] and b is [5, 6]: inner extents 4 and 5 differ");
    refused_shapes(SHAPE(4), SHAPE(5), SHAPE(1),
        "matmul: a is [4] and b is [5]: inner extents 4 and 5 differ");
    refused_shapes(SHAPE(3, 4), SHAPE(5), SHAPE(3), "inner extents 4 and 5 differ");
    refused_shapes(SHAPE(3, 4), SHAPE(4, 6), SHAPE(6, 3),
        "matmul: a is [3, 4] and b is [4, 6], so y must be [3, 6], but it is [6, 3]");
    refused_shapes(SHAPE(3, 4), SHAPE(4, 6), SHAPE(1, 3, 6), "y must be [3, 6]");
    refused_shapes(SHAPE(4), SHAPE(4, 6), SHAPE(1, 6), "y must be [6]");
    refused_shapes(SHAPE(2, 3, 4), SHAPE(3, 4, 6), SHAPE(2, 3, 6),
        "batch extents 2 and 3 cannot be broadcast");
    refused_shapes(SHAPE(2, 3, 4), SHAPE(1, 4, 6), SHAPE(1, 3, 6), "y must be [2, 3, 6]");
    refused_shapes(0, NULL, SHAPE(1), SHAPE(1), "a scalar cannot be multiplied");
    refused_shapes(SHAPE(1), 0, NULL, SHAPE(1), "a scalar cannot be multiplied");
}
END_TEST

START_TEST(null_and_broken_operands) {
    fixture f = make();
    cleat_context *context = test_context();
    const cleat_tensor a = f.a.view, b = f.b.view, y = f.y.view;
    cleat_tensor broken = a;
    broken.buffer = NULL;
    test_refused(cleat_matmul(NULL, a, b, y, NULL), CLEAT_INVALID_ARGUMENT, "matmul");
    test_refused(cleat_matmul(context, broken, b, y, NULL), CLEAT_INVALID_ARGUMENT, "matmul: a");
    broken = b;
    broken.shape[1] = -5;
    test_refused(cleat_matmul(context, a, broken, y, NULL), CLEAT_INVALID_ARGUMENT, "matmul: b");
    broken = b;
    broken.offset = 1000000;
    test_refused(cleat_matmul(context, a, broken, y, NULL), CLEAT_INVALID_ARGUMENT, "matmul: b");
    broken = a;
    broken.type = CLEAT_I32;
    test_refused(cleat_matmul(context, broken, b, y, NULL), CLEAT_TYPE_MISMATCH, "matmul: a");
    broken = y;
    broken.type = CLEAT_F64;
    test_refused(cleat_matmul(context, a, b, broken, NULL), CLEAT_TYPE_MISMATCH, "matmul: y");
    broken = y;
    broken.rank = 9;
    test_refused(cleat_matmul(context, a, b, broken, NULL), CLEAT_INVALID_ARGUMENT, "matmul: y");
    finish(&f);
}
END_TEST

START_TEST(overlaps) {
    fixture f = make();
    cleat_context *context = test_context();
    test_tensor square = test_input(2, (int64_t[]){4, 4}, TEST_EXACT, TEST_ROW_MAJOR);
    test_tensor other = test_input(2, (int64_t[]){4, 4}, TEST_EXACT, TEST_ROW_MAJOR);
    const cleat_tensor s = square.view, o = other.view;
    test_refused(cleat_matmul(context, s, o, s, NULL), CLEAT_OVERLAP, "matmul: ");
    test_refused(cleat_matmul(context, o, s, s, NULL), CLEAT_OVERLAP, "matmul: ");
    test_refused(
        cleat_matmul(context, o, o, s, &(cleat_matmul_options){.bias = &s}), CLEAT_OVERLAP, "bias");
    const cleat_tensor turned = cleat_transpose(s);
    test_refused(cleat_matmul(context, o, o, s, &(cleat_matmul_options){.residual = &turned}),
        CLEAT_OVERLAP, "residual");
    cleat_tensor folded = s;
    folded.stride[0] = 0;
    test_refused(cleat_matmul(context, o, o, folded, NULL), CLEAT_OVERLAP, "output y");
    test_unchanged(&square);
    test_free(&square);
    test_free(&other);
    finish(&f);
}
END_TEST

START_TEST(options_that_do_not_fit) {
    fixture f = make();
    cleat_context *context = test_context();
    const cleat_tensor a = f.a.view, b = f.b.view, y = f.y.view;
    test_tensor four = test_input(1, (int64_t[]){4}, TEST_EXACT, TEST_ROW_MAJOR);
    test_refused(cleat_matmul(context, a, b, y, &(cleat_matmul_options){.bias = &four.view}),
        CLEAT_SHAPE_MISMATCH, "bias");
    test_refused(cleat_matmul(context, a, b, y, &(cleat_matmul_options){.residual = &four.view}),
        CLEAT_SHAPE_MISMATCH, "residual");
    test_refused(
        cleat_matmul(context, a, b, y, &(cleat_matmul_options){.activation = (cleat_activation)99}),
        CLEAT_INVALID_ARGUMENT, "matmul: activation is 99");
    test_refused(cleat_matmul(context, a, b, y, &(cleat_matmul_options){.variant = "fastest"}),
        CLEAT_INVALID_ARGUMENT, "cpu_packed");
    test_refused(cleat_matmul(context, a, b, y, &(cleat_matmul_options){.variant = "vector_cpu"}),
        CLEAT_UNSUPPORTED, "[3, 4] x [4, 5]");
    test_free(&four);
    finish(&f);
}
END_TEST

/* Nothing is asked of operands that the product does not depend on, but they are checked. */
START_TEST(empty_products_are_checked_too) {
    test_tensor a = test_input(2, (int64_t[]){0, 4}, TEST_EXACT, TEST_ROW_MAJOR);
    test_tensor b = test_input(2, (int64_t[]){4, 5}, TEST_EXACT, TEST_ROW_MAJOR);
    test_tensor c = test_input(2, (int64_t[]){3, 5}, TEST_EXACT, TEST_ROW_MAJOR);
    test_tensor y = test_output(2, (int64_t[]){0, 5}, TEST_ROW_MAJOR);
    test_ok(cleat_matmul(test_context(), a.view, b.view, y.view, NULL));
    test_refused(cleat_matmul(test_context(), a.view, c.view, y.view, NULL), CLEAT_SHAPE_MISMATCH,
        "inner extents 4 and 3 differ");
    test_refused(cleat_matmul(test_context(), a.view, b.view, y.view,
                     &(cleat_matmul_options){.variant = "fastest"}),
        CLEAT_INVALID_ARGUMENT, "fastest");
    test_free(&a);
    test_free(&b);
    test_free(&c);
    test_free(&y);
}
END_TEST

/* The option wins over the variable; "own" is any but a provider. */
START_TEST(forcing_by_environment) {
    fixture f = make();
    cleat_context *context = test_context();
    test_ok(setenv("CLEAT_MATMUL", "fastest", 1) == 0 ? CLEAT_OK : CLEAT_INVALID_ARGUMENT);
    test_refused(cleat_matmul(context, f.a.view, f.b.view, f.y.view, NULL), CLEAT_INVALID_ARGUMENT,
        "fastest");
    test_unchanged(&f.y);
    test_ok(cleat_matmul(
        context, f.a.view, f.b.view, f.y.view, &(cleat_matmul_options){.variant = "plain"}));
    test_ok(setenv("CLEAT_MATMUL", "own", 1) == 0 ? CLEAT_OK : CLEAT_INVALID_ARGUMENT);
    test_ok(cleat_matmul(context, f.a.view, f.b.view, f.y.view, NULL));
    test_fetch(&f.y);
    unsetenv("CLEAT_MATMUL");
    test_free(&f.a);
    test_free(&f.b);
    test_free(&f.y);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("matmul_refusals");
    TCase *refusals = test_case(suite, "refusals");
    tcase_add_test(refusals, shapes_that_do_not_fit);
    tcase_add_test(refusals, null_and_broken_operands);
    tcase_add_test(refusals, overlaps);
    tcase_add_test(refusals, options_that_do_not_fit);
    tcase_add_test(refusals, empty_products_are_checked_too);
    tcase_add_test(refusals, forcing_by_environment);
    return suite;
}
