/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"
#include "reference/reference_random.h"

/* Of element i, as cleat_random_uniform() has it. */
static double uniform(uint64_t seed, uint64_t stream, int64_t i) {
    uint64_t block = (uint64_t)i / 4;
    uint32_t word[4];
    const uint32_t counter[4] = {
        (uint32_t)block, (uint32_t)(block >> 32), (uint32_t)stream, (uint32_t)(stream >> 32)};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    reference_philox(counter, key, word);
    return (double)(word[i % 4] >> 8) * 0x1p-24;
}

static double *wanted(const test_tensor *x, uint64_t seed, uint64_t stream, float probability) {
    double *want = test_alloc(x->count, sizeof *want);
    const double scale = (double)(float)(1 / (1 - (double)probability));
    for (int64_t i = 0; i < x->count; i++) {
        bool dropped = uniform(seed, stream, i) < (double)probability;
        want[i] = dropped ? 0 : (double)x->data[i] * scale;
    }
    return want;
}

static void check(int32_t rank, const int64_t *shape, float probability, test_layout layout) {
    const uint64_t seed = (uint64_t)test_int(0, INT64_MAX), stream = (uint64_t)test_int(0, 99);
    test_tensor x = test_input(rank, shape, TEST_REAL, layout);
    test_tensor y = test_output(rank, shape, layout);
    test_tensor dx = test_output(rank, shape, TEST_ROW_MAJOR);
    double *want = wanted(&x, seed, stream, probability);
    test_ok(cleat_dropout(test_context(), seed, stream, probability, x.view, y.view));
    test_ok(cleat_dropout_backward(test_context(), seed, stream, probability, x.view, dx.view));
    test_fetch(&y);
    test_fetch(&dx);
    test_ulp(&y, want, 0.5, "dropout");
    test_ulp(&dx, want, 0.5, "its gradient");
    test_unchanged(&x);
    test_ok(cleat_dropout(test_context(), seed, stream, probability, x.view, x.view));
    test_fetch(&x);
    ck_assert(memcmp(x.data, y.data, (size_t)x.count * sizeof(float)) == 0);
    free(want);
    test_free(&x);
    test_free(&y);
    test_free(&dx);
}

START_TEST(drops) {
    static const int64_t counts[] = {0, 1, 3, 4, 63, 64, 65, 257, 20011};
    static const float probabilities[] = {0, 0.1f, 0.5f, 0.75f, 1};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        check(1, &counts[i], probabilities[i % 4], i % 3 == 2 ? TEST_STRIDED : TEST_ROW_MAJOR);
    }
    for (int round = 0; round < test_rounds(8); round++) {
        int64_t shape[4];
        int32_t rank = (int32_t)test_int(0, 4);
        for (int32_t axis = 0; axis < rank; axis++) {
            shape[axis] = test_int(1, 9);
        }
        check(rank, shape, (float)test_real(0, 1), test_coin() ? TEST_STRIDED : TEST_ROW_MAJOR);
    }
}
END_TEST

/* With all dropped, and NaN where it is and is not. */
START_TEST(edges) {
    const int64_t count = 300;
    float *values = test_alloc(count, sizeof *values);
    for (int64_t i = 0; i < count; i++) {
        values[i] = NAN;
    }
    test_tensor x = test_input_from(1, &count, values, TEST_ROW_MAJOR);
    test_tensor y = test_output(1, &count, TEST_ROW_MAJOR);
    double *want = wanted(&x, 7, 8, 0.5f);
    test_ok(cleat_dropout(test_context(), 7, 8, 0.5f, x.view, y.view));
    test_fetch(&y);
    test_equal(&y, want, "NaN");
    memset(want, 0, (size_t)count * sizeof *want);
    test_ok(cleat_dropout(test_context(), 7, 8, 1, x.view, y.view));
    test_fetch(&y);
    test_equal(&y, want, "all dropped");
    free(values);
    free(want);
    test_free(&x);
    test_free(&y);
}
END_TEST

START_TEST(refuses_bad_calls) {
    cleat_context *context = test_context();
    const int64_t count = 4;
    test_tensor x = test_input(1, &count, TEST_REAL, TEST_ROW_MAJOR);
    test_tensor y = test_output(1, &count, TEST_ROW_MAJOR);
    cleat_tensor shorter = y.view, reversed = x.view;
    shorter.shape[0] = 3;
    reversed.offset += 3 * reversed.stride[0];
    reversed.stride[0] = -reversed.stride[0];
    test_refused(
        cleat_dropout(NULL, 1, 1, 0.5f, x.view, y.view), CLEAT_INVALID_ARGUMENT, "dropout: ");
    test_refused(cleat_dropout(context, 1, 1, 1.5f, x.view, y.view), CLEAT_INVALID_ARGUMENT,
        "probability is 1.5");
    test_refused(cleat_dropout(context, 1, 1, NAN, x.view, y.view), CLEAT_INVALID_ARGUMENT, "nan");
    test_refused(
        cleat_dropout(context, 1, 1, 0.5f, x.view, shorter), CLEAT_SHAPE_MISMATCH, "dropout: ");
    test_refused(cleat_dropout_backward(context, 1, 1, 0.5f, x.view, reversed), CLEAT_OVERLAP,
        "dropout_backward: ");
    test_unchanged(&x);
    test_unchanged(&y);
    test_free(&x);
    test_free(&y);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("dropout");
    TCase *all = test_case(suite, "dropout");
    tcase_add_test(all, drops);
    tcase_add_test(all, edges);
    tcase_add_test(all, refuses_bad_calls);
    return suite;
}
