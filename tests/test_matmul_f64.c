/* SPDX-License-Identifier: Apache-2.0 */
/* Products in double precision: against sums in long double, exact, within the bound, twice alike.
 */
#include "harness.h"

typedef struct product {
    int64_t batches_a, batches_b, m, n, k;
    bool beta, bias, residual; /* what is added; beta and residual come with alpha */
} product;

static const product table[] = {
    {1, 1, 1, 1, 1, false, false, false},
    {1, 1, 8, 8, 16, false, true, false},
    {1, 1, 9, 17, 5, true, false, false},
    {1, 1, 33, 40, 129, true, true, true},
    {1, 1, 1, 50, 300, false, true, false},
    {1, 1, 50, 1, 300, true, false, true},
    {1, 1, 5, 6, 0, true, true, false}, /* a product of zero */
    {1, 1, 0, 6, 3, false, false, false},
    {3, 3, 7, 9, 11, true, true, false},
    {4, 1, 6, 8, 10, false, false, true}, /* folds into one product */
    {1, 4, 6, 8, 10, true, true, true},
};

/* Of some, so that few kernels are compiled. */
static cleat_activation activation_of(const product *p) {
    return p->beta && p->bias && p->residual ? CLEAT_RELU : CLEAT_ACTIVATION_NONE;
}

static double draw(test_values values) {
    return values == TEST_EXACT ? (double)test_int(-4, 4) : test_real(-1, 1);
}

static double *draw_all(int64_t count, test_values values) {
    double *drawn = test_alloc(count, sizeof *drawn);
    for (int64_t i = 0; i < count; i++) {
        drawn[i] = draw(values);
    }
    return drawn;
}

typedef struct operands {
    int64_t shape_a[3], shape_b[3], shape_y[3];
    double *a, *b, *before, *bias, *residual; /* row-major */
    float alpha, beta;
} operands;

static operands make(const product *p, test_values values) {
    const int64_t batches = p->batches_a > p->batches_b ? p->batches_a : p->batches_b;
    operands o = {.shape_a = {p->batches_a, p->m, p->k},
        .shape_b = {p->batches_b, p->k, p->n},
        .shape_y = {batches, p->m, p->n},
        .a = draw_all(p->batches_a * p->m * p->k, values),
        .b = draw_all(p->batches_b * p->k * p->n, values),
        .before = draw_all(batches * p->m * p->n, values),
        .bias = draw_all(p->n, values),
        .residual = draw_all(batches * p->m * p->n, values),
        .alpha = p->beta || p->residual ? -0.5f : 1.0f,
        .beta = p->beta ? 2.0f : 0.0f};
    return o;
}

static void drop(operands *o) {
    free(o->a);
    free(o->b);
    free(o->before);
    free(o->bias);
    free(o->residual);
}

/* Element (batch, i, j) as it should be, and by how much it may be off. */
static long double want(const product *p, const operands *o, int64_t batch, int64_t i, int64_t j,
    test_values values, double *allowed) {
    const double *a = o->a + (p->batches_a > 1 ? batch : 0) * p->m * p->k + i * p->k;
    const double *b = o->b + (p->batches_b > 1 ? batch : 0) * p->k * p->n + j;
    const int64_t at = (batch * p->m + i) * p->n + j;
    long double sum = 0, size = 0;
    for (int64_t t = 0; t < p->k; t++) {
        sum += (long double)a[t] * (long double)b[t * p->n];
        size += fabsl((long double)a[t] * (long double)b[t * p->n]);
    }
    const long double addends[3] = {(long double)o->beta * (long double)o->before[at],
        p->bias ? (long double)o->bias[j] : 0, p->residual ? (long double)o->residual[at] : 0};
    sum *= (long double)o->alpha;
    size *= fabsl((long double)o->alpha);
    for (int t = 0; t < 3; t++) {
        sum += addends[t];
        size += fabsl(addends[t]);
    }
    const double unit = 0x1p-53, terms = (double)p->k + 4;
    *allowed = values == TEST_EXACT ? 0 : unit * (terms * (double)size + fabs((double)sum));
    return sum;
}

static void compare(const product *p, const operands *o, const test_tensor *y, test_values values) {
    const double *got = (const double *)(const void *)y->elements;
    for (int64_t at = 0; at < y->count; at++) {
        double allowed;
        const int64_t row = at / p->n;
        const long double sum = want(p, o, row / p->m, row % p->m, at % p->n, values, &allowed);
        const long double wanted = sum < 0 && activation_of(p) == CLEAT_RELU ? 0 : sum;
        if (!(fabsl((long double)got[at] - wanted) <= (long double)allowed)) {
            ck_abort_msg("%d x %d batches, m %d, n %d, k %d: element %d is %.17g, want %.17Lg: "
                         "error %.3Lg, allowed %.3g",
                (int)p->batches_a, (int)p->batches_b, (int)p->m, (int)p->n, (int)p->k, (int)at,
                got[at], wanted, fabsl((long double)got[at] - wanted), allowed);
        }
    }
}

static void run(const product *p, test_values values, test_layout layout) {
    operands o = make(p, values);
    const int64_t shape_bias[1] = {p->n};
    test_tensor a = test_typed(CLEAT_F64, 3, o.shape_a, o.a, layout);
    test_tensor b = test_typed(CLEAT_F64, 3, o.shape_b, o.b, layout);
    test_tensor bias = test_typed(CLEAT_F64, 1, shape_bias, o.bias, layout);
    test_tensor residual = test_typed(CLEAT_F64, 3, o.shape_y, o.residual, layout);
    const cleat_matmul_options options = {.alpha = &o.alpha,
        .beta = o.beta,
        .bias = p->bias ? &bias.view : NULL,
        .residual = p->residual ? &residual.view : NULL,
        .activation = activation_of(p)};
    unsigned char *first = NULL;
    for (int round = 0; round < 2; round++) {
        /* Where y's contents are not asked for they are NaN. */
        test_tensor y = test_typed(CLEAT_F64, 3, o.shape_y, p->beta ? o.before : NULL, layout);
        const cleat_status status = cleat_matmul(test_context(), a.view, b.view, y.view, &options);
        ck_assert_int_eq(status, test_has_f64() ? CLEAT_OK : CLEAT_UNSUPPORTED);
        if (status == CLEAT_OK) {
            test_fetch(&y);
            compare(p, &o, &y, values);
            const size_t bytes = (size_t)y.count * sizeof(double);
            ck_assert(first == NULL || memcmp(first, y.elements, bytes) == 0);
            free(first);
            first = test_alloc(y.count, sizeof(double));
            memcpy(first, y.elements, bytes);
        } else {
            ck_assert_ptr_nonnull(strstr(cleat_error_message(), "double precision"));
        }
        test_free(&y);
    }
    free(first);
    test_free(&a);
    test_free(&b);
    test_free(&bias);
    test_free(&residual);
    drop(&o);
}

START_TEST(known_shapes) {
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        run(&table[i], TEST_EXACT, i % 2 == 0 ? TEST_ROW_MAJOR : TEST_STRIDED);
        run(&table[i], TEST_REAL, i % 2 == 0 ? TEST_STRIDED : TEST_ROW_MAJOR);
    }
}
END_TEST

START_TEST(random_shapes) {
    for (int round = test_rounds(40); round > 0; round--) {
        const int64_t batches = test_int(1, 3);
        const product p = {test_coin() ? batches : 1, test_coin() ? batches : 1, test_int(1, 40),
            test_int(1, 40), test_int(0, 100), test_coin(), test_coin(), test_coin()};
        run(&p, test_coin() ? TEST_EXACT : TEST_REAL, test_coin() ? TEST_ROW_MAJOR : TEST_STRIDED);
    }
}
END_TEST

START_TEST(refusals) {
    const int64_t shape[2] = {4, 4};
    cleat_tensor x, y, f32;
    test_ok(cleat_tensor_create(test_context(), CLEAT_F64, 2, shape, &x));
    test_ok(cleat_tensor_create(test_context(), CLEAT_F64, 2, shape, &y));
    test_ok(cleat_tensor_create(test_context(), CLEAT_F32, 2, shape, &f32));
    cleat_context *context = test_context();
    test_refused(
        cleat_matmul(context, x, f32, y, NULL), CLEAT_TYPE_MISMATCH, "b has type f32, not f64");
    test_refused(
        cleat_matmul(context, f32, x, f32, NULL), CLEAT_TYPE_MISMATCH, "b has type f64, not f32");
    test_refused(
        cleat_matmul(context, x, x, f32, NULL), CLEAT_TYPE_MISMATCH, "y has type f32, not f64");
    cleat_tensor *const addends[1] = {&f32};
    const cleat_matmul_options biased = {.bias = addends[0]}, forced = {.variant = "plain"};
    if (test_has_f64()) {
        test_refused(cleat_matmul(context, x, x, y, &biased), CLEAT_TYPE_MISMATCH,
            "bias has type f32, not f64");
        test_refused(cleat_matmul(context, x, x, y, &forced), CLEAT_UNSUPPORTED, "\"plain\"");
    }
    cleat_tensor_release(&x);
    cleat_tensor_release(&y);
    cleat_tensor_release(&f32);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("matmul_f64");
    TCase *products = test_case(suite, "products");
    tcase_add_test(products, known_shapes);
    tcase_add_test(products, random_shapes);
    tcase_add_test(products, refusals);
    return suite;
}
