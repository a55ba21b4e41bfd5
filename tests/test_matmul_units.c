/* SPDX-License-Identifier: Apache-2.0 */
/*
 * matmul by matrix units (variant gpu_units), each maker's emulated on whatever device there is:
 * exact integers, and the bounds of compute.h, in f32 on operands that are rounded here as the mode
 * says. That the emulated fragments are the makers': test_matrix_units.c. Each mode of a unit is a
 * program to compile.
 */
#include "harness.h"
#include "reference/reference_compute.h"
#include "reference/reference_half.h"
#include "reference/reference_matmul.h"

#include <float.h>

typedef struct unit_mode {
    const char *profile;
    cleat_compute compute;
    bool more; /* the larger tile too */
} unit_mode;

static const unit_mode modes[] = {
    {"gpu:nvidia", CLEAT_COMPUTE_TF32, true},
    {"gpu:amd_wmma", CLEAT_COMPUTE_F16, false},
    {"gpu:nvidia", CLEAT_COMPUTE_TF32X3, false},
    {"gpu:amd_mfma", CLEAT_COMPUTE_STRICT, false},
    {"gpu:amd_mfma", CLEAT_COMPUTE_BF16, false},
    {"gpu:intel_16", CLEAT_COMPUTE_F16, false},
    {"gpu:intel", CLEAT_COMPUTE_F16, false}, /* from here on in long runs */
    {"gpu:intel_16", CLEAT_COMPUTE_TF32, false},
};
enum { MODES = sizeof modes / sizeof modes[0], SHORT_MODES = 2, USUAL_MODES = 6 };

/* ---- One product ---- */

typedef struct product {
    int64_t batches, m, n, k;
    bool turned_a, turned_b; /* a lies as [k, m], b as [n, k] */
    bool everything;         /* alpha, beta, bias, residual */
    test_values values;
    test_layout layout;
} product;

/* 64 x 64 tiles of 16 or 32 terms: less, edges, more; each operand along k and across. */
static const product products[] = {
    {1, 70, 90, 50, false, false, false, TEST_EXACT, TEST_ROW_MAJOR},
    {1, 70, 40, 68, true, false, false, TEST_EXACT, TEST_ROW_MAJOR},
    {1, 33, 90, 37, false, true, true, TEST_EXACT, TEST_STRIDED},
    {1, 67, 72, 101, true, true, false, TEST_REAL, TEST_ROW_MAJOR},
    {3, 20, 65, 129, false, true, true, TEST_REAL, TEST_STRIDED},
    {1, 2, 2, 1, false, false, true, TEST_EXACT, TEST_ROW_MAJOR},
    {2, 9, 7, 0, false, false, true, TEST_EXACT, TEST_ROW_MAJOR},
    {1, 67, 72, 104, false, false, true, TEST_REAL, TEST_ROW_MAJOR}, /* in whole quads */
};

/* Real numbers of many magnitudes, among them some that f16 keeps less of. */
static void spread(test_tensor *t) {
    for (int64_t i = 0; i < t->count; i++) {
        t->data[i] = ldexpf(t->data[i], (int)test_int(-18, 3));
    }
    test_ok(cleat_write(test_context(), t->view, t->data, (size_t)t->count * sizeof(float)));
}

static test_tensor make_operand(
    const product *p, int64_t rows, int64_t columns, bool turned, bool is_real) {
    const int64_t shape[] = {p->batches, turned ? columns : rows, turned ? rows : columns};
    test_tensor t = test_input(3, shape, p->values, p->layout);
    if (is_real) {
        spread(&t);
    }
    return t;
}

/* The values as taken, row-major [batches, rows, columns] whichever way it lies. */
static float *taken(const test_tensor *t, bool turned, cleat_compute compute) {
    float *values = test_alloc(t->count, sizeof *values);
    const int64_t outer = t->view.shape[1], inner = t->view.shape[2];
    for (int64_t i = 0; i < t->count; i++) {
        const int64_t batch = i / (outer * inner), at = i % (outer * inner);
        const int64_t to = turned ? at % inner * outer + at / inner : at;
        values[batch * outer * inner + to] =
            (float)reference_compute_taken((double)t->data[i], compute);
    }
    return values;
}

typedef struct operands {
    test_tensor a, b, y, bias, residual;
    float *taken_a, *taken_b, *before;
    float alpha;
    cleat_matmul_options options;
    double *want, *magnitude;
} operands;

static reference_operand reference_of(const cleat_tensor *view, const float *data) {
    reference_operand r = {.rank = view->rank, .data = data};
    memcpy(r.shape, view->shape, sizeof r.shape);
    return r;
}

static void make(operands *o, const product *p, cleat_compute compute) {
    const bool is_real = p->values == TEST_REAL;
    *o = (operands){.alpha = 1, .options = {.compute = compute, .variant = "gpu_units"}};
    o->a = make_operand(p, p->m, p->k, p->turned_a, is_real);
    o->b = make_operand(p, p->k, p->n, p->turned_b, is_real);
    o->taken_a = taken(&o->a, p->turned_a, compute);
    o->taken_b = taken(&o->b, p->turned_b, compute);
    const int64_t shape[] = {p->batches, p->m, p->n}, row[] = {1, p->n};
    o->y = test_output(3, shape, p->layout);
    o->before = test_alloc(o->y.count, sizeof(float));
    for (int64_t i = 0; i < o->y.count; i++) {
        o->before[i] = p->everything ? (float)test_int(-4, 4) : NAN;
    }
    reference_matmul r = {.alpha = 1, .activation = CLEAT_ACTIVATION_NONE};
    if (p->everything) {
        o->bias = test_input(2, row, p->values, p->layout);
        o->residual = test_input(3, shape, p->values, p->layout);
        o->alpha = 0.5f;
        o->options.alpha = &o->alpha;
        o->options.beta = -2;
        o->options.bias = &o->bias.view;
        o->options.residual = &o->residual.view;
        r = (reference_matmul){.alpha = 0.5, .beta = -2, .activation = CLEAT_ACTIVATION_NONE};
        r.bias = reference_of(&o->bias.view, o->bias.data);
        r.residual = reference_of(&o->residual.view, o->residual.data);
    }
    r.before = reference_of(&o->y.view, o->before);
    const cleat_tensor a = {.rank = 3, .shape = {p->batches, p->m, p->k}};
    const cleat_tensor b = {.rank = 3, .shape = {p->batches, p->k, p->n}};
    r.a = reference_of(&a, o->taken_a);
    r.b = reference_of(&b, o->taken_b);
    o->want = test_alloc(o->y.count, sizeof(double));
    o->magnitude = test_alloc(o->y.count, sizeof(double));
    reference_matmul_run(&r, o->want, o->magnitude);
}

static void drop(operands *o) {
    test_tensor *tensors[] = {&o->a, &o->b, &o->y, &o->bias, &o->residual};
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
        test_free(tensors[i]);
    }
    free(o->taken_a);
    free(o->taken_b);
    free(o->before);
    free(o->want);
    free(o->magnitude);
}

static void run(operands *o, const product *p) {
    const size_t size = (size_t)o->y.count * sizeof(float);
    test_ok(cleat_write(test_context(), o->y.view, o->before, size));
    test_ok(cleat_matmul(test_context(), p->turned_a ? cleat_transpose(o->a.view) : o->a.view,
        p->turned_b ? cleat_transpose(o->b.view) : o->b.view, o->y.view, &o->options));
    test_fetch(&o->y);
}

static void check_product(const product *p, const unit_mode *mode) {
    char what[160];
    operands o;
    make(&o, p, mode->compute);
    snprintf(what, sizeof what, "%s, mode %d, %lld x %lld x %lld x %lld, turned %d%d",
        mode->profile, (int)mode->compute, (long long)p->batches, (long long)p->m, (long long)p->n,
        (long long)p->k, p->turned_a, p->turned_b);
    run(&o, p);
    if (p->values == TEST_EXACT) {
        test_equal(&o.y, o.want, what);
    } else {
        const int64_t terms = mode->compute == CLEAT_COMPUTE_TF32X3 ? 3 * p->k + 3 : p->k + 3;
        test_bound_beside(
            &o.y, o.want, o.magnitude, terms, reference_compute_left_out(mode->compute), what);
    }
    const size_t size = (size_t)o.y.count * sizeof(float);
    float *first = test_alloc(o.y.count, sizeof(float));
    memcpy(first, o.y.data, size);
    run(&o, p);
    ck_assert_msg(memcmp(first, o.y.data, size) == 0, "%s: other bits the second time", what);
    free(first);
    drop(&o);
}

/* ---- Tests ---- */

static const unit_mode *begin(int i) {
    const char *last = getenv("CLEAT_PROFILE");
    if (last == NULL || strcmp(last, modes[i].profile) != 0) {
        test_profile(modes[i].profile);
    }
    return &modes[i];
}

START_TEST(all_products) {
    if (!test_wants(modes[_i].profile)) {
        return;
    }
    const unit_mode *mode = begin(_i);
    const size_t count = sizeof products / sizeof *products;
    for (size_t i = 0; i < count; i++) {
        check_product(&products[i], mode);
    }
}
END_TEST

static product random_product(void) {
    return (product){test_int(1, 2), test_int(2, 100), test_int(2, 100), 2 * test_int(0, 40) + 1,
        test_coin(), test_coin(), test_coin(), test_coin() ? TEST_EXACT : TEST_REAL,
        test_coin() ? TEST_STRIDED : TEST_ROW_MAJOR};
}

START_TEST(random_products) {
    const int rounds = test_rounds(12);
    for (int i = 0; i < rounds; i++) {
        const product p = random_product();
        check_product(&p, begin(i * SHORT_MODES / rounds));
    }
}
END_TEST

/* A kernel of its own: the larger tile, with quads that are whole. */
START_TEST(large_tile) {
    static const product large = {1, 200, 300, 68, false, true, true, TEST_EXACT, TEST_ROW_MAJOR};
    for (int i = 0; i < MODES; i++) {
        if (modes[i].more && !test_is_short()) {
            const unit_mode *mode = begin(i);
            test_ok(cleat_tuning_set(test_context(), "matmul", "gpu_tile", "128"));
            check_product(&large, mode);
            test_ok(cleat_tuning_set(test_context(), "matmul", "gpu_tile", NULL));
        }
    }
}
END_TEST

/* Elements of 16 bits go into fragments as they are, and the result is rounded once: whole quads,
 * odd ones with an epilogue, parts of k. */
static void check_half(cleat_type type, const product *p) {
    const bool turned = p->turned_b;
    const int64_t shape_a[] = {p->m, p->k}, shape[] = {p->m, p->n};
    const int64_t shape_b[] = {turned ? p->n : p->k, turned ? p->k : p->n};
    const int64_t column = turned ? p->k : 1, term = turned ? 1 : p->n;
    test_tensor a = test_input_of(type, 2, shape_a, p->values, p->layout);
    test_tensor b = test_input_of(type, 2, shape_b, p->values, p->layout);
    test_tensor bias = test_input_of(type, 1, &p->n, p->values, p->layout);
    test_tensor y = test_output_of(type, 2, shape, p->layout);
    const cleat_matmul_options options = {
        .variant = "gpu_units", .bias = p->everything ? &bias.view : NULL};
    test_ok(cleat_matmul(
        test_context(), a.view, turned ? cleat_transpose(b.view) : b.view, y.view, &options));
    test_fetch(&y);
    double *want = test_alloc(y.count, sizeof *want);
    for (int64_t i = 0; i < y.count; i++) {
        for (int64_t k = 0; k < p->k; k++) {
            want[i] +=
                (double)a.data[i / p->n * p->k + k] * (double)b.data[i % p->n * column + k * term];
        }
        want[i] += p->everything ? (double)bias.data[i % p->n] : 0;
        want[i] = reference_half_rounded(type, (long double)want[i]);
    }
    test_equal(&y, want, cleat_type_name(type));
    free(want);
    test_free(&a);
    test_free(&b);
    test_free(&bias);
    test_free(&y);
}

START_TEST(half_products) {
    static const product all[] = {{1, 72, 68, 100, false, false, false, TEST_EXACT, TEST_ROW_MAJOR},
        {1, 35, 70, 45, false, false, true, TEST_EXACT, TEST_ROW_MAJOR},
        {1, 20, 40, 1500, false, true, true, TEST_EXACT, TEST_STRIDED}};
    static const cleat_type types[] = {CLEAT_F16, CLEAT_BF16};
    test_profile(_i == 0 ? "gpu:nvidia" : "gpu:amd_mfma");
    const int from = _i == 0 ? 0 : 2, count = _i == 0 ? 2 : test_is_short() ? 0 : 1;
    for (int i = from; i < from + count; i++) {
        check_half(types[_i], &all[i]);
    }
}
END_TEST

/* NaN and infinities, and what rounds to one, go where IEEE 754 says: with n columns, in whole
 * quads or not. */
static void check_special_values(const unit_mode *mode, int n) {
    const product p = {1, 20, n, 40, false, false, false, TEST_EXACT, TEST_ROW_MAJOR};
    operands o;
    make(&o, &p, mode->compute);
    const bool splits = mode->compute == CLEAT_COMPUTE_TF32X3;
    float *a = o.a.data;
    uint32_t last_bit = 0x7f800001, all_bits = 0xffffffff;
    memcpy(&a[0], &last_bit, sizeof last_bit);          /* NaN in the bits that are rounded away */
    memcpy(&a[1 * 40 + 3], &all_bits, sizeof all_bits); /* and one that rounds up to zero */
    a[2 * 40 + 5] = splits ? 1 : -INFINITY;             /* split, infinity may become NaN */
    a[3 * 40 + 7] = mode->compute == CLEAT_COMPUTE_F16 ? 65520.0f : 0x1.fff7p127f;
    a[4 * 40 + 9] = 0x1.8p-140f; /* no number of f16, and one of few bits of bf16 */
    for (int64_t i = 0; i < o.a.count; i++) {
        o.taken_a[i] = (float)reference_compute_taken((double)a[i], mode->compute);
    }
    test_ok(cleat_write(test_context(), o.a.view, a, (size_t)o.a.count * sizeof(float)));
    run(&o, &p);
    for (int64_t i = 0; i < 20 * n; i++) {
        double want = 0;
        for (int64_t k = 0; k < 40; k++) {
            want += (double)o.taken_a[i / n * 40 + k] * (double)o.taken_b[k * n + i % n];
        }
        const double got = (double)o.y.data[i], size = fmax(fabs(want), 1);
        const bool right = isnan(want)                    ? isnan(got)
                           : fabs(want) > (double)FLT_MAX ? got == copysign(INFINITY, want)
                                                          : fabs(got - want) <= 0x1p-20 * size;
        if (!right && !test_ignores_values()) {
            ck_abort_msg("%s, mode %d, %d columns: element %lld is %g, want %g", mode->profile,
                (int)mode->compute, n, (long long)i, got, want);
        }
    }
    drop(&o);
}

START_TEST(special_values) {
    const unit_mode *mode = begin(_i);
    check_special_values(mode, 30);
    check_special_values(mode, 32);
}
END_TEST

/* A plan plans the kernel and nothing else. */
START_TEST(planned) {
    test_profile(modes[0].profile);
    const product p = products[0];
    operands o;
    make(&o, &p, CLEAT_COMPUTE_TF32);
    test_fetch(&o.y);
    cleat_plan_summary summary;
    test_ok(cleat_plan_begin(test_context()));
    test_ok(cleat_matmul(test_context(), o.a.view, o.b.view, o.y.view, &o.options));
    test_ok(cleat_plan_end(test_context(), &summary));
    ck_assert_uint_eq(summary.kernels, 1);
    ck_assert_uint_eq(summary.launches, 1);
    test_unchanged(&o.y);
    run(&o, &p);
    test_equal(&o.y, o.want, "after a plan");
    drop(&o);
}
END_TEST

/* Without a unit for it a permission changes nothing; the variant is refused by name. */
START_TEST(without_units) {
    test_profile("gpu:intel");
    const product p = products[0];
    operands o;
    make(&o, &p, CLEAT_COMPUTE_STRICT);
    o.options.compute = CLEAT_COMPUTE_TF32X3;
    test_refused(cleat_matmul(test_context(), o.a.view, o.b.view, o.y.view, &o.options),
        CLEAT_UNSUPPORTED, "gpu_units cannot do");
    drop(&o);
    test_profile(NULL);
    make(&o, &p, CLEAT_COMPUTE_STRICT);
    o.options.compute = CLEAT_COMPUTE_TF32X3;
    o.options.variant = NULL;
    run(&o, &p);
    test_equal(&o.y, o.want, "without a unit");
    drop(&o);
}
END_TEST

/* Where variants are checked the unit is probed, and then the variant; both are kept. */
START_TEST(probed) {
    ck_assert(setenv("CLEAT_VERIFY", "on", 1) == 0);
    test_profile(modes[_i].profile);
    const product p = products[0];
    operands o;
    make(&o, &p, modes[_i].compute);
    o.options.variant = NULL;
    cleat_context_statistics s;
    for (int i = 0; i < 2; i++) {
        run(&o, &p);
        test_equal(&o.y, o.want, "probed");
        test_ok(cleat_context_get_statistics(test_context(), &s));
        ck_assert_uint_eq(s.variants_checked, 1);
        ck_assert_uint_eq(s.variants_distrusted, 0);
    }
    drop(&o);
    test_profile(NULL);
    ck_assert(unsetenv("CLEAT_VERIFY") == 0);
}
END_TEST

START_TEST(refusals) {
    test_profile("gpu:abacus");
    cleat_context *context = NULL;
    test_refused(cleat_context_create(NULL, &context), CLEAT_INVALID_ARGUMENT, "amd_wmma");
    test_profile(NULL);
    const product p = products[0];
    operands o;
    make(&o, &p, CLEAT_COMPUTE_STRICT);
    o.options.compute = (cleat_compute)7;
    test_refused(cleat_matmul(test_context(), o.a.view, o.b.view, o.y.view, &o.options),
        CLEAT_INVALID_ARGUMENT, "compute is 7");
    test_unchanged(&o.y);
    drop(&o);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("matmul_units");
    const bool all = test_rounds(1) > 1 || getenv("CLEAT_TEST_VARIANT") != NULL;
    const int count = all ? MODES : test_is_short() ? SHORT_MODES : USUAL_MODES;
    test_add_loop(suite, "products", all_products, count);
    test_add_loop(suite, "special", special_values, count);
    test_add_case(suite, "random", random_products);
    test_add_case(suite, "large", large_tile);
    test_add_loop(suite, "half", half_products, 2);
    test_add_case(suite, "planned", planned);
    test_add_case(suite, "without", without_units);
    test_add_loop(suite, "probed", probed, 1);
    test_add_case(suite, "refusals", refusals);
    return suite;
}
