/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every variant against the reference: shapes, layouts, epilogues. Refusals: test_matmul_refusals.c
 *
 * Compiling is what takes the time here, so activations come with few shapes, and CLBlast, whose
 * programs take 20 s to compile on PoCL, has a TCase of its own, left out when short.
 */
#include "harness.h"
#include "reference/reference_matmul.h"

/* How the epilogue of a case looks. Each activation is one more kernel to compile for each variant
 * and batch rank; what is added makes none. */
typedef enum epilogue {
    PLAIN,
    BIAS,           /* a row of bias, one for each column */
    BETA,           /* onto y's old contents */
    RESIDUAL_IS_Y,  /* y is the residual too */
    COLUMN_BIAS,    /* bias [m, 1], alpha */
    EVERYTHING,     /* alpha, beta, scalar bias, residual */
    EPILOGUES,      /* those without an activation */
    BIAS_ACTIVATED, /* as BIAS */
    EVERYTHING_ACTIVATED
} epilogue;

typedef struct product_case {
    int32_t rank_a, rank_b;
    int64_t a[CLEAT_MAX_RANK], b[CLEAT_MAX_RANK];
    epilogue epilogue;
} product_case;

static const product_case table[] = {
    {2, 2, {1, 1}, {1, 1}, PLAIN},
    {2, 2, {3, 4}, {4, 5}, BIAS_ACTIVATED},
    {2, 2, {8, 32}, {32, 32}, PLAIN},
    {2, 2, {64, 64}, {64, 64}, BIAS},
    {2, 2, {33, 17}, {17, 65}, BETA},
    {2, 2, {9, 530}, {530, 37}, EVERYTHING_ACTIVATED}, /* several blocks of k */
    {2, 2, {130, 70}, {70, 300}, RESIDUAL_IS_Y},       /* several macro tiles */
    {2, 2, {300, 520}, {520, 140}, BIAS},
    {2, 2, {20, 3000}, {3000, 20}, PLAIN}, /* split along k */
    {2, 2, {257, 3}, {3, 129}, COLUMN_BIAS},
    {2, 2, {1, 40}, {40, 70}, BIAS_ACTIVATED},
    {2, 2, {70, 40}, {40, 1}, BETA},
    {2, 2, {1, 9000}, {9000, 3}, PLAIN},
    {2, 2, {1, 100}, {100, 9100}, EVERYTHING}, /* several pieces and parts */
    {2, 2, {1, 7}, {7, 1}, PLAIN},
    {2, 2, {5, 0}, {0, 6}, EVERYTHING}, /* a product of zero */
    {2, 2, {1, 0}, {0, 6}, BIAS},
    {2, 2, {0, 5}, {5, 6}, BIAS},
    {2, 2, {4, 5}, {5, 0}, PLAIN},
    {1, 1, {40}, {40}, PLAIN},
    {1, 2, {40}, {40, 33}, BIAS},
    {2, 1, {33, 40}, {40}, BETA},
    {1, 3, {12}, {5, 12, 9}, PLAIN},
    {3, 1, {5, 9, 12}, {12}, PLAIN},
    {3, 2, {6, 10, 12}, {12, 40}, BIAS}, /* folds into one product */
    {2, 3, {10, 12}, {6, 12, 40}, BETA},
    {3, 3, {7, 9, 20}, {7, 20, 33}, BIAS},
    {3, 3, {7, 9, 20}, {1, 20, 33}, PLAIN},
    {3, 3, {1, 9, 20}, {7, 20, 33}, RESIDUAL_IS_Y},
    {4, 4, {2, 3, 9, 20}, {2, 1, 20, 33}, EVERYTHING},
    {4, 3, {2, 1, 9, 20}, {3, 20, 33}, BETA},
    {4, 4, {3, 2, 1, 20}, {3, 2, 20, 33}, PLAIN},
    {8, 7, {2, 1, 2, 1, 1, 2, 5, 6}, {2, 1, 3, 2, 1, 6, 7}, PLAIN},
    {3, 3, {0, 9, 20}, {1, 20, 33}, PLAIN},
};

static product_case random_case(void) {
    product_case c = {.epilogue = (epilogue)test_int(0, EPILOGUES - 1)};
    const int32_t batch = (int32_t)test_int(0, 2);
    const int64_t largest = batch > 0 ? 40 : 150;
    const int64_t k = test_int(0, test_coin() ? 12 : 2 * largest);
    c.rank_a = c.rank_b = batch + 2;
    for (int32_t i = 0; i < batch; ++i) {
        const int64_t extent = test_int(1, 4);
        c.a[i] = test_int(0, 3) > 0 ? extent : 1;
        c.b[i] = test_int(0, 3) > 0 ? extent : 1;
    }
    c.a[batch] = test_int(1, test_coin() ? 10 : largest);
    c.a[batch + 1] = k;
    c.b[batch] = k;
    c.b[batch + 1] = test_int(1, test_coin() ? 10 : largest);
    return c;
}

/* ---- One case ---- */

typedef struct operands {
    test_tensor a, b, y, bias, residual;
    float *before; /* y's contents before each call */
    cleat_matmul_options options;
    float alpha;
    reference_matmul reference;
    double *want, *magnitude;
} operands;

static reference_operand reference_of(const test_tensor *t) {
    reference_operand o = {.rank = t->view.rank, .data = t->data};
    memcpy(o.shape, t->view.shape, sizeof o.shape);
    return o;
}

/* Extents of y by which the epilogues shape their addends: those of its last two axes. */
static test_tensor addend(
    const operands *o, bool rows, bool columns, test_values values, test_layout layout) {
    const int32_t rank_y = o->y.view.rank;
    int64_t shape[2] = {1, 1};
    if (rows && rank_y >= 2) {
        shape[0] = o->y.view.shape[rank_y - 2];
    }
    if (columns && rank_y >= 1) {
        shape[1] = o->y.view.shape[rank_y - 1];
    }
    const int32_t rank = rank_y < 2 ? rank_y : 2;
    return test_input(rank, shape + 2 - rank, values, layout);
}

static void make_epilogue(operands *o, epilogue e, test_values values, test_layout layout) {
    const bool exact = values == TEST_EXACT;
    static const float bounds[] = {-3, 5};
    const bool everything = e == EVERYTHING || e == EVERYTHING_ACTIVATED;
    const bool row_bias = e == BIAS || e == BIAS_ACTIVATED;
    if (row_bias || e == COLUMN_BIAS || everything) {
        o->bias = addend(o, e == COLUMN_BIAS, row_bias, values, layout);
        o->options.bias = &o->bias.view;
        o->reference.bias = reference_of(&o->bias);
    }
    if (everything) {
        o->residual = test_input(o->y.view.rank, o->y.view.shape, values, layout);
        o->options.residual = &o->residual.view;
        o->reference.residual = reference_of(&o->residual);
    }
    if (e == RESIDUAL_IS_Y) {
        o->options.residual = &o->y.view;
        o->reference.residual = reference_of(&o->y);
        o->reference.residual.data = o->before;
    }
    if (e == BETA || everything) {
        o->options.beta = exact ? -2.0f : 0.75f;
    }
    if (e == COLUMN_BIAS || everything) {
        o->alpha = exact ? 0.5f : -1.7f;
        o->options.alpha = &o->alpha;
    }
    if (e == BIAS_ACTIVATED || e == EVERYTHING_ACTIVATED) {
        /* Exact sums stay exact under clip. */
        o->options.activation = exact || test_is_short() ? CLEAT_CLIP : CLEAT_GELU;
    }
    o->options.activation_parameters = bounds;
}

/* Into *o, which the options point into. */
static void make(operands *o, const product_case *c, test_values values, test_layout layout) {
    *o = (operands){.alpha = 1.0f};
    o->a = test_input(c->rank_a, c->a, values, layout);
    o->b = test_input(c->rank_b, c->b, values, layout);
    o->reference.a = reference_of(&o->a);
    o->reference.b = reference_of(&o->b);
    int64_t shape[CLEAT_MAX_RANK];
    const int32_t rank = reference_matmul_shape(&o->reference.a, &o->reference.b, shape);
    o->y = test_output(rank, shape, layout);
    /* Where y's contents are not asked for they stay NaN. */
    o->before = test_alloc(o->y.count, sizeof(float));
    const bool reads_y = c->epilogue == BETA || c->epilogue == RESIDUAL_IS_Y ||
                         c->epilogue == EVERYTHING || c->epilogue == EVERYTHING_ACTIVATED;
    for (int64_t i = 0; i < o->y.count; ++i) {
        o->before[i] = !reads_y               ? NAN
                       : values == TEST_EXACT ? (float)test_int(-4, 4)
                                              : (float)test_real(-1, 1);
    }
    make_epilogue(o, c->epilogue, values, layout);
    o->reference.before = reference_of(&o->y);
    o->reference.before.data = o->before;
    o->reference.alpha = (double)o->alpha;
    o->reference.beta = (double)o->options.beta;
    o->reference.activation = o->options.activation;
    o->reference.parameters = o->options.activation_parameters;
    o->want = test_alloc(o->y.count, sizeof(double));
    o->magnitude = test_alloc(o->y.count, sizeof(double));
    reference_matmul_run(&o->reference, o->want, o->magnitude);
}

static void drop(operands *o) {
    test_free(&o->a);
    test_free(&o->b);
    test_free(&o->y);
    test_free(&o->bias);
    test_free(&o->residual);
    free(o->before);
    free(o->want);
    free(o->magnitude);
}

static cleat_status run_once(operands *o) {
    test_ok(cleat_write(test_context(), o->y.view, o->before, (size_t)o->y.count * sizeof(float)));
    const cleat_status status =
        cleat_matmul(test_context(), o->a.view, o->b.view, o->y.view, &o->options);
    if (status == CLEAT_OK) {
        test_fetch(&o->y);
    }
    return status;
}

/* Set while the TCase of CLBlast runs: that variant alone, which the other TCases leave out. */
static bool clblast_alone;

static void clblast_begin(void) {
    clblast_alone = true;
}

static void clblast_end(void) {
    clblast_alone = false;
}

/* NULL is the default variant. */
static bool is_tested(const char *name) {
    const bool clblast = name != NULL && strcmp(name, "clblast") == 0;
    if (clblast != clblast_alone) {
        return false;
    }
    return test_wants(name != NULL ? name : "default");
}

/* False when the variant does not support the case or is not to be tested. */
static bool run_variant(operands *o, const char *name, test_values values, const char *what) {
    if (!is_tested(name)) {
        return false;
    }
    o->options.variant = name;
    const cleat_status status = run_once(o);
    if (status == CLEAT_UNSUPPORTED && name != NULL) {
        return false;
    }
    ck_assert_msg(
        status == CLEAT_OK, "%s: %s: %s", what, cleat_status_name(status), cleat_error_message());
    if (values == TEST_EXACT) {
        test_equal(&o->y, o->want, what);
    } else {
        const int64_t k = o->a.view.shape[o->a.view.rank - 1];
        test_bound(&o->y, o->want, o->magnitude, k + 3, what);
    }
    const size_t size = (size_t)o->y.count * sizeof(float);
    float *first = test_alloc(o->y.count, sizeof(float));
    memcpy(first, o->y.data, size);
    test_ok(run_once(o));
    ck_assert_msg(memcmp(first, o->y.data, size) == 0, "%s: other bits the second time", what);
    free(first);
    return true;
}

static void run_case(const product_case *c, test_values values, test_layout layout) {
    operands o;
    make(&o, c, values, layout);
    if (!test_wants_work(o.y.count * o.a.view.shape[o.a.view.rank - 1])) {
        drop(&o);
        return;
    }
    const char *const *names = cleat_matmul_variants();
    int supported = 0;
    for (int i = -1; i < 0 || names[i] != NULL; ++i) {
        const char *name = i < 0 ? NULL : names[i];
        char what[256];
        snprintf(what, sizeof what, "%s, %d x %d axes, m %lld, n %lld, k %lld, epilogue %d%s%s",
            name != NULL ? name : "default", (int)c->rank_a, (int)c->rank_b,
            (long long)c->a[c->rank_a > 1 ? c->rank_a - 2 : 0], (long long)c->b[c->rank_b - 1],
            (long long)c->a[c->rank_a - 1], (int)c->epilogue,
            layout == TEST_STRIDED ? ", strided" : "", values == TEST_EXACT ? ", exact" : "");
        supported += run_variant(&o, name, values, what);
    }
    const int least = clblast_alone || getenv("CLEAT_TEST_VARIANT") != NULL ? 0 : 4;
    ck_assert_msg(supported >= least, "only %d variants support a case", supported);
    drop(&o);
}

START_TEST(table_exact) {
    run_case(&table[_i], TEST_EXACT, TEST_ROW_MAJOR);
}
END_TEST

START_TEST(table_strided) {
    run_case(&table[_i], TEST_EXACT, TEST_STRIDED);
}
END_TEST

START_TEST(table_bound) {
    run_case(&table[_i], TEST_REAL, test_coin() ? TEST_STRIDED : TEST_ROW_MAJOR);
}
END_TEST

START_TEST(random_products) {
    const int rounds = test_rounds(40);
    for (int i = 0; i < rounds; ++i) {
        const product_case c = random_case();
        run_case(
            &c, test_coin() ? TEST_EXACT : TEST_REAL, test_coin() ? TEST_STRIDED : TEST_ROW_MAJOR);
    }
}
END_TEST

/* ---- Transposes, special values ---- */

/* Both operands and y as transposes of row-major tensors, all eight combinations: the contiguous
 * loaders of each orientation. */
START_TEST(transposes) {
    const int64_t m = 70, n = 100, k = 90;
    for (int turned = 0; turned < 8; ++turned) {
        const bool turn_a = turned & 1, turn_b = turned & 2, turn_y = turned & 4;
        if (clblast_alone && turn_a != turn_b && test_rounds(1) == 1) {
            continue; /* some 5 s to compile for each way in which operands lie */
        }
        const product_case c = {2, 2, {m, k}, {k, n}, PLAIN};
        operands o;
        make(&o, &c, TEST_EXACT, TEST_ROW_MAJOR);
        test_tensor *tensors[] = {&o.a, &o.b, &o.y};
        const bool turn[] = {turn_a, turn_b, turn_y};
        const int64_t shapes[3][2] = {{k, m}, {n, k}, {n, m}};
        for (int i = 0; i < 3; ++i) {
            if (turn[i]) {
                test_tensor t = test_output(2, shapes[i], TEST_ROW_MAJOR);
                t.view = cleat_transpose(t.view);
                test_ok(cleat_write(
                    test_context(), t.view, tensors[i]->data, (size_t)t.count * sizeof(float)));
                memcpy(t.data, tensors[i]->data, (size_t)t.count * sizeof(float));
                test_free(tensors[i]);
                *tensors[i] = t;
            }
        }
        for (const char *const *name = cleat_matmul_variants(); *name != NULL; ++name) {
            char what[64];
            snprintf(what, sizeof what, "%s, transposes %d", *name, turned);
            run_variant(&o, *name, TEST_EXACT, what);
        }
        drop(&o);
    }
}
END_TEST

/* Infinities and NaN reach the elements that IEEE 754 says, and no other: nothing that pads a tile
 * may meet them. */
START_TEST(special_values) {
    static const int64_t shapes[][3] = {{9, 33, 17}, {64, 64, 64}, {1, 50, 70}, {13, 1, 40}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; ++s) {
        const int64_t m = shapes[s][0], n = shapes[s][1], k = shapes[s][2];
        const product_case c = {2, 2, {m, k}, {k, n}, BIAS_ACTIVATED};
        operands o;
        make(&o, &c, TEST_EXACT, TEST_ROW_MAJOR);
        o.a.data[test_int(0, m - 1) * k + k - 1] = INFINITY;
        o.a.data[test_int(0, m * k - 1)] = NAN;
        o.b.data[test_int(0, k * n - 1)] = -INFINITY;
        o.b.data[(k - 1) * n + n - 1] = INFINITY;
        test_ok(cleat_write(test_context(), o.a.view, o.a.data, (size_t)o.a.count * sizeof(float)));
        test_ok(cleat_write(test_context(), o.b.view, o.b.data, (size_t)o.b.count * sizeof(float)));
        reference_matmul_run(&o.reference, o.want, o.magnitude);
        for (const char *const *name = cleat_matmul_variants(); *name != NULL; ++name) {
            run_variant(&o, *name, TEST_EXACT, *name);
        }
        drop(&o);
    }
}
END_TEST

/* A product of steps of 0 and of negative steps. */
START_TEST(broadcast_and_reversed_operands) {
    const product_case c = {2, 2, {20, 30}, {30, 40}, PLAIN};
    operands o;
    make(&o, &c, TEST_EXACT, TEST_ROW_MAJOR);
    cleat_tensor row, reversed;
    test_ok(cleat_slice(o.a.view, 0, 0, 1, 1, &row));
    test_ok(cleat_broadcast(row, 2, c.a, &row));
    test_ok(cleat_slice(o.b.view, 0, 29, 30, -1, &reversed));
    test_ok(cleat_slice(reversed, 1, 39, 40, -1, &reversed));
    for (int64_t i = 0; i < 20; ++i) {
        for (int64_t j = 0; j < 40; ++j) {
            double sum = 0;
            for (int64_t k = 0; k < 30; ++k) {
                sum += (double)o.a.data[k] * (double)o.b.data[(29 - k) * 40 + 39 - j];
            }
            o.want[i * 40 + j] = sum;
        }
    }
    for (const char *const *name = cleat_matmul_variants(); *name != NULL; ++name) {
        if (!is_tested(*name)) {
            continue;
        }
        cleat_matmul_options options = {.variant = *name};
        const cleat_status status = cleat_matmul(test_context(), row, reversed, o.y.view, &options);
        if (status == CLEAT_UNSUPPORTED) {
            continue;
        }
        test_ok(status);
        test_fetch(&o.y);
        test_equal(&o.y, o.want, *name);
    }
    drop(&o);
}
END_TEST

/* More terms than an int counts, at no memory: steps of 0. */
START_TEST(indices_of_64_bits) {
    const float values[] = {3.0f, 0.0f};
    const int64_t two = 2, terms = ((int64_t)1 << 30) + 1;
    if (!test_wants_work(terms)) {
        return;
    }
    test_tensor x = test_input_from(1, &two, values, TEST_ROW_MAJOR);
    const int64_t one = 1;
    test_tensor y = test_output(0, &one, TEST_ROW_MAJOR);
    cleat_tensor a, b;
    test_ok(cleat_slice(x.view, 0, 0, 1, 1, &a));
    test_ok(cleat_slice(x.view, 0, 1, 1, 1, &b));
    test_ok(cleat_broadcast(a, 1, &terms, &a));
    test_ok(cleat_broadcast(b, 1, &terms, &b));
    test_ok(cleat_matmul(test_context(), a, b, y.view, NULL));
    test_fetch(&y);
    const double want = 0;
    test_equal(&y, &want, "2^30 + 1 terms");
    test_free(&x);
    test_free(&y);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("matmul");
    const int cases = (int)(sizeof table / sizeof table[0]);
    tcase_add_loop_test(test_case(suite, "exact"), table_exact, 0, cases);
    tcase_add_loop_test(test_case(suite, "strided"), table_strided, 0, cases);
    tcase_add_loop_test(test_case(suite, "bound"), table_bound, 0, cases);
    tcase_add_test(test_case(suite, "random"), random_products);
    tcase_add_test(test_case(suite, "transposes"), transposes);
    TCase *special = test_case(suite, "special");
    tcase_add_test(special, special_values);
    tcase_add_test(special, broadcast_and_reversed_operands);
    tcase_add_test(test_case(suite, "index64"), indices_of_64_bits);
    if (test_is_short()) {
        return suite;
    }
    TCase *clblast = test_case(suite, "clblast");
    tcase_add_unchecked_fixture(clblast, clblast_begin, clblast_end);
    tcase_add_loop_test(clblast, table_exact, 0, cases);
    tcase_add_loop_test(clblast, table_bound, 0, cases);
    tcase_add_test(clblast, random_products);
    tcase_add_test(clblast, transposes);
    return suite;
}
