/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers and dropout in double precision. */
#include "harness.h"
#include "reference/reference_random.h"

static const int64_t shape[3] = {5, 7, 9}; /* an odd number of elements: half a block is left */
enum { COUNT = 5 * 7 * 9 };

typedef struct drawn {
    uint64_t seed, stream;
} drawn;

static drawn draw(void) {
    return (drawn){(uint64_t)test_int(0, INT64_MAX), (uint64_t)test_int(0, INT64_MAX)};
}

static test_tensor output(test_layout layout) {
    return test_typed(CLEAT_F64, 3, shape, NULL, layout);
}

/* u of random.h for element i. */
static double uniform_of(const drawn *d, uint64_t i) {
    /* Of words 2 i and 2 i + 1, as these lie in block 2 i / 4. */
    const double w = (double)(reference_random_word(d->seed, d->stream, 2 * i) >> 5);
    const double v = (double)(reference_random_word(d->seed, d->stream, 2 * i + 1) >> 6);
    return (w * 0x1p26 + v) * 0x1p-53;
}

/* The same bits, rounded step by step. */
static void check_bits(test_tensor *y, const double *want, const char *what) {
    test_fetch(y);
    const double *got = test_elements_f64(y);
    for (int64_t i = 0; i < y->count; i++) {
        if (memcmp(&got[i], &want[i], sizeof want[i]) != 0) {
            ck_abort_msg("%s: element %d is %.17g, want %.17g", what, (int)i, got[i], want[i]);
        }
    }
    test_free(y);
}

START_TEST(uniform) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    const drawn d = draw();
    const float low = -0.3f, high = 1.7f;
    double want[COUNT];
    for (int i = 0; i < COUNT; i++) {
        const double part = ((double)high - (double)low) * uniform_of(&d, (uint64_t)i);
        want[i] = (double)low + part;
    }
    test_tensor y = output(TEST_ROW_MAJOR), other = output(TEST_STRIDED);
    test_ok(cleat_random_uniform(test_context(), d.seed, d.stream, low, high, y.view));
    test_ok(cleat_random_uniform(test_context(), d.seed, d.stream, low, high, other.view));
    check_bits(&y, want, "uniform");
    check_bits(&other, want, "uniform, strided");
}
END_TEST

/* A logarithm is within 6 roundings, halved by the root; sine and cosine within 8, and their
 * argument within 2: not 16 in all, beside those of the product and the sum. */
START_TEST(normal) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    const drawn d = draw();
    const float mean = 0.3f, deviation = 1.5f;
    long double want[COUNT], size[COUNT];
    for (int i = 0; i < COUNT; i++) {
        const uint64_t first = (uint64_t)i / 2 * 2;
        const long double radius = sqrtl(-2 * log1pl(-(long double)uniform_of(&d, first)));
        const long double angle =
            2 * 3.14159265358979323846264338327950288L * (long double)uniform_of(&d, first + 1);
        const long double z = radius * (i % 2 == 0 ? cosl(angle) : sinl(angle));
        want[i] = (long double)mean + (long double)deviation * z;
        size[i] = (long double)mean + (long double)deviation * fabsl(z);
    }
    test_tensor y = output(TEST_ROW_MAJOR), other = output(TEST_STRIDED);
    test_ok(cleat_random_normal(test_context(), d.seed, d.stream, mean, deviation, y.view));
    test_ok(cleat_random_normal(test_context(), d.seed, d.stream, mean, deviation, other.view));
    test_fetch(&y);
    test_fetch(&other);
    test_bound_f64(&y, want, size, 20, "normal");
    test_bound_f64(&other, want, size, 20, "normal, strided");
    test_free(&y);
    test_free(&other);
}
END_TEST

/* The elements that f32 drops, NaN among them, end to end or not, in place. */
START_TEST(dropout) {
    if (!test_has_f64() || test_skips()) {
        return;
    }
    const drawn d = draw();
    const double scale = 1 / (1 - (double)0.3f);
    double x[COUNT], want[COUNT];
    for (int i = 0; i < COUNT; i++) {
        const bool drops = reference_random_uniform(d.seed, d.stream, (uint64_t)i) < (double)0.3f;
        x[i] = drops && i % 3 == 0 ? NAN : test_real(-1, 1);
        want[i] = drops ? 0 : x[i] * scale;
    }
    test_tensor from = test_typed(CLEAT_F64, 3, shape, x, TEST_ROW_MAJOR);
    test_tensor to = test_typed(CLEAT_F64, 3, shape, x, TEST_STRIDED);
    test_tensor y = output(TEST_ROW_MAJOR);
    cleat_context *context = test_context();
    test_ok(cleat_dropout(context, d.seed, d.stream, 0.3f, from.view, y.view));
    test_ok(cleat_dropout_backward(context, d.seed, d.stream, 0.3f, to.view, to.view));
    test_ok(cleat_dropout(context, d.seed, d.stream, 0.3f, from.view, from.view));
    check_bits(&y, want, "dropout");
    check_bits(&to, want, "dropout_backward");
    check_bits(&from, want, "dropout in place");
}
END_TEST

START_TEST(types_must_agree) {
    cleat_context *context = test_context();
    cleat_tensor x, w;
    test_ok(cleat_tensor_create(context, CLEAT_F64, 3, shape, &x));
    test_ok(cleat_tensor_create(context, CLEAT_F32, 3, shape, &w));
    if (test_has_f64()) {
        test_refused(cleat_dropout(context, 1, 2, 0.5f, x, w), CLEAT_TYPE_MISMATCH,
            " has type f32, not f64");
    } else {
        const char *part = "no double precision";
        test_refused(cleat_random_uniform(context, 1, 2, 0, 1, x), CLEAT_UNSUPPORTED, part);
        test_refused(cleat_random_normal(context, 1, 2, 0, 1, x), CLEAT_UNSUPPORTED, part);
        test_refused(cleat_dropout(context, 1, 2, 0.5f, x, x), CLEAT_UNSUPPORTED, part);
        test_refused(cleat_dropout_backward(context, 1, 2, 0.5f, x, x), CLEAT_UNSUPPORTED, part);
    }
    cleat_tensor_release(&x);
    cleat_tensor_release(&w);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("random_f64");
    test_add_case(suite, "uniform", uniform);
    test_add_case(suite, "normal", normal);
    test_add_case(suite, "dropout", dropout);
    test_add_case(suite, "types_must_agree", types_must_agree);
    return suite;
}
