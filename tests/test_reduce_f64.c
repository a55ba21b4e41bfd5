/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions, sums along an axis and softmax in double precision, beside plain loops in long
 * double. */
#include "harness.h"

/* A tensor [outer, length, inner], of which the middle axis is reduced. */
typedef struct block {
    int64_t outer, length, inner;
} block;

static const block along = {3, 1100, 1}, across = {2, 70, 45};

static int64_t outputs_of(const block *b) {
    return b->outer * b->inner;
}

/* Element k behind output i. */
static int64_t place(const block *b, int64_t i, int64_t k) {
    return (i / b->inner * b->length + k) * b->inner + i % b->inner;
}

typedef struct reduced {
    long double value, magnitude, mean;
} reduced;

/* What reduce.h says, and how much a rounding of each element or part counts. */
static reduced reduce(cleat_reduction_kind kind, const block *b, const double *x, int64_t i) {
    long double sum = 0, size = 0, square = 0, product = 1, most = -INFINITY, least = INFINITY;
    for (int64_t k = 0; k < b->length; k++) {
        const long double v = (long double)x[place(b, i, k)];
        sum += v;
        size += fabsl(v);
        square += v * v;
        product *= v;
        most = v > most || isnan(v) ? v : most;
        least = v < least || isnan(v) ? v : least;
    }
    const long double n = (long double)b->length, mean = sum / n;
    long double spread = 0, exponentials = 0;
    for (int64_t k = 0; k < b->length; k++) {
        const long double v = (long double)x[place(b, i, k)];
        spread += (v - mean) * (v - mean);
        exponentials += expl(v - most);
    }
    const long double variance = spread / (n - 1);
    switch (kind) {
    case CLEAT_REDUCE_SUM:
        return (reduced){sum, size, mean};
    case CLEAT_REDUCE_MEAN:
        return (reduced){mean, size / n, mean};
    case CLEAT_REDUCE_MAX:
        return (reduced){most, 0, mean};
    case CLEAT_REDUCE_MIN:
        return (reduced){least, 0, mean};
    case CLEAT_REDUCE_PRODUCT:
        return (reduced){product, fabsl(product), mean};
    case CLEAT_REDUCE_L1:
        return (reduced){size, size, mean};
    case CLEAT_REDUCE_L2:
        return (reduced){sqrtl(square), sqrtl(square), mean};
    case CLEAT_REDUCE_LOG_SUM_EXP:
        return (reduced){most + logl(exponentials), 3 + fabsl(most + logl(exponentials)), mean};
    default:
        return (reduced){variance, sqrtl(variance) * sqrtl(variance + mean * mean), mean};
    }
}

/* Products of numbers near 1, else of numbers around 0.3. */
static test_tensor make_input(cleat_reduction_kind kind, const block *b, test_layout layout) {
    const int64_t shape[3] = {b->outer, b->length, b->inner};
    double *x = test_alloc(b->outer * b->length * b->inner, sizeof *x);
    for (int64_t i = 0; i < b->outer * b->length * b->inner; i++) {
        x[i] = kind == CLEAT_REDUCE_PRODUCT ? test_real(0.97, 1.03) * (test_coin() ? 1 : -1)
                                            : 0.3 + test_real(-1, 1);
    }
    test_tensor t = test_typed(CLEAT_F64, 3, shape, x, layout);
    free(x);
    return t;
}

static const int32_t middle[1] = {1};

static test_tensor make_output(const block *b, cleat_type type) {
    const int64_t shape[3] = {b->outer, 1, b->inner};
    return test_typed(type, 3, shape, NULL, TEST_ROW_MAJOR);
}

static void check_forward(cleat_reduction_kind kind, const block *b, const test_tensor *x,
    const cleat_reduce_options *options, test_tensor *y) {
    const int64_t outputs = outputs_of(b);
    long double *want = test_alloc(2 * outputs, sizeof *want), *size = want + outputs;
    for (int64_t i = 0; i < outputs; i++) {
        const reduced r = reduce(kind, b, test_elements_f64(x), i);
        want[i] = r.value;
        size[i] = r.magnitude;
    }
    test_tensor again = make_output(b, CLEAT_F64);
    test_ok(cleat_reduce(test_context(), kind, x->view, 1, middle, y->view, options));
    test_ok(cleat_reduce(test_context(), kind, x->view, 1, middle, again.view, options));
    test_fetch(y);
    test_fetch(&again);
    test_bound_f64(y, want, size, b->length, "reduce");
    test_same_bits(y, &again, "reduce, twice");
    test_free(&again);
    free(want);
}

/* dx / dy at element k of output i, and how large the numbers are that it is made of. */
static long double slope(cleat_reduction_kind kind, const block *b, const double *x, double y,
    const reduced *r, int64_t at, long double *size) {
    const long double v = (long double)x[at], n = (long double)b->length, to = (long double)y;
    long double s = 1;
    *size = 0;
    switch (kind) {
    case CLEAT_REDUCE_MEAN:
        return 1 / n;
    case CLEAT_REDUCE_MAX:
    case CLEAT_REDUCE_MIN:
        return x[at] == y;
    case CLEAT_REDUCE_PRODUCT:
        s = r->value / v;
        *size = fabsl(s);
        return s;
    case CLEAT_REDUCE_L1:
        return v > 0 ? 1 : -1;
    case CLEAT_REDUCE_L2:
        *size = fabsl(v / to);
        return v / to;
    case CLEAT_REDUCE_LOG_SUM_EXP:
        s = expl(v - to);
        *size = s * (8 + fabsl(v - to));
        return s;
    case CLEAT_REDUCE_VARIANCE:
        *size = 2 / (n - 1) * (fabsl(v) + fabsl(r->mean) + 1);
        return 2 / (n - 1) * (v - r->mean);
    default:
        return s;
    }
}

static void check_backward(cleat_reduction_kind kind, const block *b, const test_tensor *x,
    const cleat_reduce_options *options, const test_tensor *y) {
    const int64_t shape[3] = {b->outer, b->length, b->inner}, small[3] = {b->outer, 1, b->inner};
    test_tensor dy = test_input_f64(3, small, TEST_REAL, TEST_STRIDED);
    test_tensor dx = test_typed(CLEAT_F64, 3, shape, NULL, TEST_ROW_MAJOR);
    long double *want = test_alloc(2 * x->count, sizeof *want), *size = want + x->count;
    for (int64_t i = 0; i < outputs_of(b); i++) {
        const reduced r = reduce(kind, b, test_elements_f64(x), i);
        const long double d = (long double)test_elements_f64(&dy)[i];
        for (int64_t k = 0; k < b->length; k++) {
            const int64_t at = place(b, i, k);
            want[at] = d * slope(kind, b, test_elements_f64(x), test_elements_f64(y)[i], &r, at,
                               &size[at]);
            size[at] = fabsl(d) * size[at] + 2 * fabsl(want[at]);
        }
    }
    test_ok(cleat_reduce_backward(
        test_context(), kind, x->view, y->view, dy.view, 1, middle, dx.view, options));
    test_fetch(&dx);
    test_bound_f64(&dx, want, size, b->length, "reduce_backward");
    test_free(&dy);
    test_free(&dx);
    free(want);
}

/* Some along the axis of neighbours, some across it; those that differ in a number alike. */
START_TEST(kinds_and_gradients) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    const cleat_reduction_kind kind = (cleat_reduction_kind)_i;
    const bool side_by_side = kind == CLEAT_REDUCE_MAX || kind == CLEAT_REDUCE_MIN ||
                              kind == CLEAT_REDUCE_L2 || kind == CLEAT_REDUCE_VARIANCE;
    const block *b = side_by_side ? &across : &along;
    const cleat_reduce_options options = {.correction = 1};
    test_tensor x = make_input(kind, b, TEST_ROW_MAJOR);
    test_tensor y = make_output(b, CLEAT_F64);
    check_forward(kind, b, &x, &options, &y);
    check_backward(kind, b, &x, &options, &y);
    test_free(&x);
    test_free(&y);
}
END_TEST

/* More elements than f32 can count one by one would round; here exact sums of many, added to y. */
START_TEST(exact_sums) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    const int64_t shape[2] = {5, 30000}, small[1] = {5};
    const cleat_reduce_options add = {.accumulate = true};
    const int32_t last[1] = {-1};
    test_tensor x = test_input_f64(2, shape, TEST_EXACT, TEST_ROWS);
    test_tensor y = test_input_f64(1, small, TEST_EXACT, TEST_ROW_MAJOR);
    long double want[5], size[5] = {0};
    for (int i = 0; i < 5; i++) {
        want[i] = (long double)test_elements_f64(&y)[i];
        for (int k = 0; k < 30000; k++) {
            want[i] += (long double)test_elements_f64(&x)[i * 30000 + k];
        }
    }
    test_ok(cleat_reduce(test_context(), CLEAT_REDUCE_SUM, x.view, 1, last, y.view, &add));
    test_fetch(&y);
    test_bound_f64(&y, want, size, 1, "sums of integers");
    test_free(&x);
    test_free(&y);
}
END_TEST

/* Elements that are alike in f32 are told apart; NaN wins. */
START_TEST(places) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    const block *b = _i == 0 ? &along : &across;
    const cleat_arg_options last = {.select_last = _i == 1};
    const int64_t shape[3] = {b->outer, b->length, b->inner}, count = outputs_of(b);
    double *x = test_alloc(b->outer * b->length * b->inner, sizeof *x);
    for (int64_t i = 0; i < b->outer * b->length * b->inner; i++) {
        x[i] = 1 + (double)test_int(0, 40) * 0x1p-40;
    }
    x[place(b, 1, 5)] = (double)NAN;
    test_tensor in = test_typed(CLEAT_F64, 3, shape, x, TEST_ROW_MAJOR);
    test_tensor out = make_output(b, _i == 0 ? CLEAT_I64 : CLEAT_I32);
    test_ok((_i == 0 ? cleat_argmax : cleat_argmin)(
        test_context(), in.view, 1, middle, out.view, &last));
    test_fetch(&out);
    for (int64_t i = 0; i < count; i++) {
        int64_t want = 0;
        for (int64_t k = 1; k < b->length; k++) {
            const double v = x[place(b, i, k)], best = x[place(b, i, want)];
            const bool better = _i == 0 ? v > best : v <= best;
            want = !isnan(best) && (better || isnan(v)) ? k : want;
        }
        const int64_t got = _i == 0 ? ((const int64_t *)(const void *)out.elements)[i]
                                    : ((const int32_t *)(const void *)out.elements)[i];
        if (got != want) {
            ck_abort_msg("output %d: place %d, want %d", (int)i, (int)got, (int)want);
        }
    }
    free(x);
    test_free(&in);
    test_free(&out);
}
END_TEST

/* Along, from the end and exclusive; across. Then its gradient, the other way round. */
START_TEST(cumulative_sums) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    const block b = _i == 0 ? (block){3, 9001, 1} : (block){2, 70, 45};
    const cleat_cumulative_options options = {.exclusive = _i == 0, .reverse = _i == 0};
    const int64_t shape[3] = {b.outer, b.length, b.inner};
    test_tensor x = test_input_f64(3, shape, TEST_REAL, _i == 0 ? TEST_STRIDED : TEST_ROW_MAJOR);
    long double *want = test_alloc(2 * x.count, sizeof *want), *size = want + x.count;
    for (int round = 0; round < 2; round++) {
        const bool backwards = options.reverse != (round == 1);
        for (int64_t i = 0; i < outputs_of(&b); i++) {
            long double sum = 0, absolute = 0;
            for (int64_t k = 0; k < b.length; k++) {
                const int64_t at = place(&b, i, backwards ? b.length - 1 - k : k);
                const long double v = (long double)test_elements_f64(&x)[at];
                want[at] = options.exclusive ? sum : sum + v;
                sum += v;
                absolute += fabsl(v);
                size[at] = absolute;
            }
        }
        test_tensor y = test_typed(CLEAT_F64, 3, shape, NULL, TEST_ROW_MAJOR);
        test_ok((round == 0 ? cleat_cumulative_sum : cleat_cumulative_sum_backward)(
            test_context(), x.view, 1, y.view, &options));
        test_fetch(&y);
        test_bound_f64(&y, want, size, b.length, "cumulative sum");
        test_free(&y);
    }
    test_free(&x);
    free(want);
}
END_TEST

/* ---- Softmax ---- */

static void softmax_row(const block *b, const double *x, int64_t i, bool logarithm,
    long double *want, long double *size) {
    long double most = -INFINITY, sum = 0, spread = 0;
    for (int64_t k = 0; k < b->length; k++) {
        most = fmaxl(most, (long double)x[place(b, i, k)]);
    }
    for (int64_t k = 0; k < b->length; k++) {
        const long double d = (long double)x[place(b, i, k)] - most, e = expl(d);
        sum += isinf(d) ? 0 : e;
        spread += isinf(d) ? 0 : -d * e;
    }
    /* exp 6, and twice; the sum's roundings */
    const long double common = 15 + spread / sum + 4 * sqrtl((long double)b->length);
    for (int64_t k = 0; k < b->length; k++) {
        const int64_t at = place(b, i, k);
        const long double d = (long double)x[at] - most;
        want[at] = logarithm ? d - logl(sum) : isinf(d) ? 0 : expl(d) / sum;
        size[at] = isinf(d)    ? 0
                   : logarithm ? fabsl(d) + 6 * logl(sum) + common
                               : want[at] * (common - d);
    }
}

/* A fully masked row, the last one, gives zeros or -Inf. */
static void mask(const block *b, double *x, bool logarithm, long double *want, long double *size) {
    for (int64_t k = 0; k < b->length; k++) {
        const int64_t at = place(b, outputs_of(b) - 1, k);
        if (x != NULL) {
            x[at] = -INFINITY;
        } else {
            want[at] = logarithm ? -INFINITY : 0;
            size[at] = 0;
        }
    }
}

START_TEST(softmax_and_gradient) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    static const char *const variants[] = {"columns", "groups"};
    const bool logarithm = _i % 2 == 1;
    const block b = _i == 0 ? (block){9, 300, 1} : (block){2, 33, 45};
    const int64_t shape[3] = {b.outer, b.length, b.inner}, count = b.outer * b.length * b.inner;
    ck_assert_int_eq(setenv("CLEAT_SOFTMAX", variants[_i], 1), 0);
    double *x = test_alloc(count, sizeof *x);
    for (int64_t i = 0; i < count; i++) {
        x[i] = test_real(-20, 20);
    }
    x[0] = -INFINITY;
    mask(&b, x, logarithm, NULL, NULL);
    long double *want = test_alloc(2 * count, sizeof *want), *size = want + count;
    for (int64_t i = 0; i < outputs_of(&b); i++) {
        softmax_row(&b, x, i, logarithm, want, size);
    }
    mask(&b, NULL, logarithm, want, size);
    test_tensor in = test_typed(CLEAT_F64, 3, shape, x, _i == 1 ? TEST_STRIDED : TEST_ROW_MAJOR);
    test_tensor y = test_typed(CLEAT_F64, 3, shape, NULL, TEST_ROW_MAJOR);
    test_ok((logarithm ? cleat_log_softmax : cleat_softmax)(test_context(), in.view, 1, y.view));
    test_fetch(&y);
    test_bound_f64(&y, want, size, 1, "softmax");
    test_tensor dy = test_input_f64(3, shape, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor dx = test_typed(CLEAT_F64, 3, shape, NULL, TEST_ROW_MAJOR);
    for (int64_t i = 0; i < outputs_of(&b); i++) {
        long double sum = 0, absolute = 0;
        for (int64_t k = 0; k < b.length; k++) {
            const int64_t at = place(&b, i, k);
            const long double d = (long double)test_elements_f64(&dy)[at];
            const long double term = logarithm ? d : d * (long double)test_elements_f64(&y)[at];
            sum += term;
            absolute += fabsl(term);
        }
        for (int64_t k = 0; k < b.length; k++) {
            const int64_t at = place(&b, i, k);
            const long double d = (long double)test_elements_f64(&dy)[at];
            const long double out = (long double)test_elements_f64(&y)[at];
            want[at] = logarithm ? d - expl(out) * sum : out * (d - sum);
            size[at] = logarithm ? fabsl(d) + expl(out) * absolute : out * (fabsl(d) + absolute);
        }
    }
    test_ok((logarithm ? cleat_log_softmax_backward : cleat_softmax_backward)(
        test_context(), y.view, dy.view, 1, dx.view));
    test_fetch(&dx);
    test_bound_f64(&dx, want, size, b.length, "softmax_backward");
    unsetenv("CLEAT_SOFTMAX");
    free(x);
    free(want);
    test_free(&in);
    test_free(&y);
    test_free(&dy);
    test_free(&dx);
}
END_TEST

START_TEST(types_must_agree) {
    cleat_context *context = test_context();
    cleat_tensor x, y;
    const int64_t shape[1] = {5}, one[1] = {1};
    test_ok(cleat_tensor_create(context, CLEAT_F64, 1, shape, &x));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 1, one, &y));
    const bool there = test_has_f64();
    const cleat_status status = there ? CLEAT_TYPE_MISMATCH : CLEAT_UNSUPPORTED;
    const char *part = there ? "y has type f32" : "no double precision";
    test_refused(cleat_reduce(context, CLEAT_REDUCE_SUM, x, 0, NULL, y, NULL), status, part);
    test_refused(cleat_argmax(context, x, 0, NULL, y, NULL), status, part);
    test_refused(cleat_cumulative_sum(context, x, 0, y, NULL), status, part);
    test_refused(cleat_softmax(context, x, 0, y), status, part);
    test_refused(cleat_layer_norm(context, x, 0, y, NULL), status, part);
    cleat_tensor_release(&x);
    cleat_tensor_release(&y);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("reduce_f64");
    test_add_case(suite, "exact_sums", exact_sums);
    test_add_case(suite, "types_must_agree", types_must_agree);
    test_add_loop(suite, "kinds_and_gradients", kinds_and_gradients, CLEAT_REDUCE_VARIANCE + 1);
    test_add_loop(suite, "places", places, 2);
    test_add_loop(suite, "cumulative_sums", cumulative_sums, 2);
    test_add_loop(suite, "softmax_and_gradient", softmax_and_gradient, 2);
    return suite;
}
