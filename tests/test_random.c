/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"
#include "reference/reference_random.h"

/* Known answers for philox4x32 with 10 rounds: file tests/kat_vectors of the Random123
 * distribution, version 1.14.0 (github.com/DEShawResearch/random123). */
START_TEST(test_known_answers) {
    static const uint32_t counters[3][4] = {
        {0, 0, 0, 0},
        {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
    };
    static const uint32_t keys[3][2] = {{0, 0}, {0xffffffff, 0xffffffff}, {0xa4093822, 0x299f31d0}};
    static const uint32_t answers[3][4] = {
        {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
        {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1},
    };
    for (int i = 0; i < 3; i++) {
        uint32_t word[4];
        reference_philox(counters[i], keys[i], word);
        ck_assert_msg(memcmp(word, answers[i], sizeof word) == 0, "known answer %d", i);
    }
    /* The first of them can be asked from the device. */
    test_tensor y = test_output(1, (int64_t[]){4}, TEST_ROW_MAJOR);
    test_ok(cleat_random_uniform(test_context(), 0, 0, 0, 0x1p24f, y.view));
    test_fetch(&y);
    double want[4];
    for (int i = 0; i < 4; i++) {
        want[i] = (double)(answers[0][i] >> 8);
    }
    test_equal(&y, want, "the known answer on the device");
    test_free(&y);
}
END_TEST

typedef struct random_case {
    int32_t rank;
    int64_t shape[CLEAT_MAX_RANK];
    uint64_t seed, stream;
    float first, second; /* low and high, or mean and deviation */
} random_case;

static uint64_t random_u64(void) {
    return (uint64_t)test_int(0, UINT32_MAX) << 32 | (uint64_t)test_int(0, UINT32_MAX);
}

static cleat_status call(bool normal, const random_case *c, cleat_tensor y) {
    return normal
               ? cleat_random_normal(test_context(), c->seed, c->stream, c->first, c->second, y)
               : cleat_random_uniform(test_context(), c->seed, c->stream, c->first, c->second, y);
}

/* Uniform numbers have the bits that rounding each step in float gives. */
static void run_uniform(const random_case *c, test_layout layout) {
    test_tensor y = test_output(c->rank, c->shape, layout);
    test_ok(call(false, c, y.view));
    test_fetch(&y);
    double *want = test_alloc(y.count, sizeof *want);
    for (int64_t i = 0; i < y.count; i++) {
        float range = c->second - c->first;
        float part = range * (float)reference_random_uniform(c->seed, c->stream, (uint64_t)i);
        want[i] = (double)(float)(c->first + part);
    }
    test_equal(&y, want, "uniform");
    free(want);
    test_free(&y);
}

/*
 * A standard normal number is within 4 ulp: 1 each from the logarithm (halved by the root), the
 * root, the sine with its argument, and the product. The two roundings behind it count from the
 * size of their terms.
 */
static void run_normal(const random_case *c, test_layout layout) {
    test_tensor y = test_output(c->rank, c->shape, layout);
    test_tensor again = test_output(c->rank, c->shape, layout);
    test_ok(call(true, c, y.view));
    test_ok(call(true, c, again.view));
    test_fetch(&y);
    test_fetch(&again);
    test_same_bits(&y, &again, "normal");
    double *want = test_alloc(y.count, sizeof *want);
    double *magnitude = test_alloc(y.count, sizeof *magnitude);
    for (int64_t i = 0; i < y.count; i++) {
        double z = reference_random_normal(c->seed, c->stream, (uint64_t)i);
        want[i] = (double)c->first + (double)c->second * z;
        magnitude[i] = fabs((double)c->first) + fabs((double)c->second * z);
    }
    if (c->first == 0 && c->second == 1) {
        test_ulp(&y, want, 4, "standard normal");
    } else {
        test_bound(&y, want, magnitude, 10, "normal");
    }
    free(want);
    free(magnitude);
    test_free(&y);
    test_free(&again);
}

START_TEST(test_counts) {
    static const int64_t counts[] = {0, 1, 2, 3, 4, 5, 7, 63, 64, 65, 127, 129, 1000, 40000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        random_case c = {1, {counts[i]}, random_u64(), random_u64(), 0, 1};
        run_uniform(&c, TEST_ROW_MAJOR);
        run_uniform(&c, TEST_STRIDED);
        run_normal(&c, TEST_ROW_MAJOR);
        run_normal(&c, TEST_STRIDED);
    }
    random_case scalar = {.second = 1};
    run_uniform(&scalar, TEST_ROW_MAJOR);
    run_normal(&scalar, TEST_ROW_MAJOR);
}
END_TEST

START_TEST(test_random_shapes) {
    for (int round = 0; round < test_rounds(24); round++) {
        random_case c = {.rank = (int32_t)test_int(0, CLEAT_MAX_RANK)};
        for (int32_t axis = 0; axis < c.rank; axis++) {
            c.shape[axis] = test_int(1, c.rank < 4 ? 14 : 4);
        }
        c.seed = random_u64();
        c.stream = test_coin() ? random_u64() : (uint64_t)test_int(0, 3);
        c.first = (float)test_real(-10, 10);
        c.second = c.first + (float)test_real(0, 10);
        test_layout layout = test_coin() ? TEST_STRIDED : TEST_ROW_MAJOR;
        run_uniform(&c, layout);
        c.second = (float)test_real(0, 10);
        run_normal(&c, layout);
    }
}
END_TEST

/* The first word is 0 and 2^32 - 1: the largest radius, and the smallest; no infinity. */
START_TEST(test_extreme_words) {
    static const uint64_t seeds[] = {1836991927, 1352247272};
    ck_assert(reference_random_word(seeds[0], 0, 0) == 0);
    ck_assert(reference_random_word(seeds[1], 0, 0) == UINT32_MAX);
    for (int i = 0; i < 2; i++) {
        random_case c = {1, {4}, seeds[i], 0, 0, 1};
        run_normal(&c, TEST_ROW_MAJOR);
    }
}
END_TEST

/* More than most devices' caches, so that stores go past them, where y begins at a line of memory.
 */
START_TEST(test_past_the_caches) {
    enum { COUNT = 9000003 };
    for (int64_t offset = 0; offset < (test_is_short() ? 0 : 2); offset++) {
        float *got = test_alloc(COUNT, sizeof *got);
        cleat_tensor whole, y;
        test_ok(
            cleat_tensor_create(test_context(), CLEAT_F32, 1, (int64_t[]){COUNT + offset}, &whole));
        test_ok(cleat_fill(test_context(), NAN, whole));
        test_ok(cleat_slice(whole, 0, offset, COUNT, 1, &y));
        test_ok(cleat_random_uniform(test_context(), 5, 6, 0, 1, y));
        test_ok(cleat_read(test_context(), y, got, COUNT * sizeof *got));
        for (int64_t i = 0; i < COUNT; i++) {
            if (!((double)got[i] == reference_random_uniform(5, 6, (uint64_t)i))) {
                ck_abort_msg(
                    "number %d from element %d on is %g", (int)i, (int)offset, (double)got[i]);
            }
        }
        cleat_tensor_release(&whole);
        free(got);
    }
}
END_TEST

/* Ranges whose two roundings show, and one of a single number. */
START_TEST(test_uniform_ranges) {
    static const float ranges[][2] = {
        {-1, 1}, {0, 0}, {3, 3}, {1, 1.0000001f}, {-1e30f, 2e30f}, {1e-30f, 2e-30f}, {-0.1f, 0.3f}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        random_case c = {2, {33, 31}, 7, 9, ranges[i][0], ranges[i][1]};
        run_uniform(&c, TEST_ROW_MAJOR);
    }
}
END_TEST

static int compare_floats(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static double uniform_distribution(double x) {
    return x;
}

static double normal_distribution(double x) {
    return 0.5 * erfc(-x / sqrt(2));
}

/*
 * Mean and variance within five standard errors, and the Kolmogorov-Smirnov statistic below the
 * level that a good generator passes 99.999 times in 100,000 (sqrt(n) D < 2.47).
 */
static void check_statistics(
    test_tensor *y, double mean, double variance, double fourth, double (*distribution)(double x)) {
    double n = (double)y->count, sum = 0, squares = 0, distance = 0;
    for (int64_t i = 0; i < y->count; i++) {
        sum += (double)y->data[i] - mean;
        squares += ((double)y->data[i] - mean) * ((double)y->data[i] - mean);
    }
    ck_assert_msg(fabs(sum / n) < 5 * sqrt(variance / n), "mean is off by %g", sum / n);
    ck_assert_msg(fabs(squares / n - variance) < 5 * sqrt((fourth - variance * variance) / n),
        "variance is %g", squares / n);
    qsort(y->data, (size_t)y->count, sizeof *y->data, compare_floats);
    for (int64_t i = 0; i < y->count; i++) {
        double f = distribution((double)y->data[i]);
        distance = fmax(distance, fmax(fabs(f - (double)i / n), fabs(f - (double)(i + 1) / n)));
    }
    ck_assert_msg(sqrt(n) * distance < 2.47, "Kolmogorov-Smirnov: %g", sqrt(n) * distance);
}

static void check_range(const test_tensor *y, float low, float high) {
    int64_t outside = 0;
    for (int64_t i = 0; i < y->count; i++) {
        outside += !(y->data[i] >= low && y->data[i] <= high);
    }
    ck_assert_msg(
        outside == 0, "%d numbers are not in %g .. %g", (int)outside, (double)low, (double)high);
}

START_TEST(test_statistics) {
    const int64_t count[] = {test_is_short() ? 100000 : 1000000};
    test_tensor y = test_output(1, count, TEST_ROW_MAJOR);
    for (uint64_t stream = 0; stream < (test_is_short() ? 1 : 3); stream++) {
        test_ok(cleat_random_uniform(test_context(), 42, stream, 0, 1, y.view));
        test_fetch(&y);
        check_range(&y, 0, 0x1.fffffep-1f);
        check_statistics(&y, 0.5, 1.0 / 12, 1.0 / 80, uniform_distribution);
        test_ok(cleat_random_normal(test_context(), 42, stream, 0, 1, y.view));
        test_fetch(&y);
        check_range(&y, -6.8f, 6.8f);
        check_statistics(&y, 0, 1, 3, normal_distribution);
    }
    test_free(&y);
}
END_TEST

/* Streams, seeds and neighbours in one tensor have nothing to do with each other. */
START_TEST(test_independence) {
    const int64_t count = test_is_short() ? 20000 : 100000;
    static const uint64_t choices[4][2] = {{1, 0}, {1, 1}, {2, 0}, {1, UINT64_C(1) << 32}};
    test_tensor y[4];
    for (int i = 0; i < 4; i++) {
        y[i] = test_output(1, &count, TEST_ROW_MAJOR);
        test_ok(cleat_random_normal(test_context(), choices[i][0], choices[i][1], 0, 1, y[i].view));
        test_fetch(&y[i]);
    }
    for (int a = 0; a < 4; a++) {
        for (int b = a; b < 4; b++) {
            for (int lag = a == b; lag < 5; lag++) {
                double sum = 0;
                for (int64_t i = 0; i + lag < count; i++) {
                    sum += (double)y[a].data[i] * (double)y[b].data[i + lag];
                }
                ck_assert_msg(fabs(sum) < 5 * sqrt((double)count),
                    "%d and %d, lag %d: correlation %g", a, b, lag, sum / (double)count);
            }
        }
    }
    for (int i = 0; i < 4; i++) {
        test_free(&y[i]);
    }
}
END_TEST

START_TEST(test_refusals) {
    cleat_context *context = test_context();
    test_tensor y = test_output(2, (int64_t[]){3, 4}, TEST_ROW_MAJOR);
    test_refused(
        cleat_random_uniform(NULL, 1, 2, 0, 1, y.view), CLEAT_INVALID_ARGUMENT, "random_uniform: ");
    test_refused(cleat_random_normal(context, 1, 2, 0, 1, (cleat_tensor){0}),
        CLEAT_INVALID_ARGUMENT, "random_normal: y");
    test_refused(cleat_random_uniform(context, 1, 2, 1, 0, y.view), CLEAT_INVALID_ARGUMENT,
        "random_uniform: the range from 1 to 0");
    test_refused(cleat_random_uniform(context, 1, 2, NAN, 0, y.view), CLEAT_INVALID_ARGUMENT,
        "the range from nan to 0");
    test_refused(cleat_random_uniform(context, 1, 2, 0, INFINITY, y.view), CLEAT_INVALID_ARGUMENT,
        "the range from 0 to inf");
    test_refused(cleat_random_uniform(context, 1, 2, -3e38f, 3e38f, y.view), CLEAT_INVALID_ARGUMENT,
        "wider than the largest float");
    test_refused(cleat_random_normal(context, 1, 2, INFINITY, 1, y.view), CLEAT_INVALID_ARGUMENT,
        "mean is inf");
    test_refused(cleat_random_normal(context, 1, 2, 0, -1, y.view), CLEAT_INVALID_ARGUMENT,
        "deviation is -1");
    test_refused(cleat_random_normal(context, 1, 2, 0, NAN, y.view), CLEAT_INVALID_ARGUMENT,
        "deviation is nan");
    cleat_tensor bad = y.view;
    bad.type = CLEAT_I32;
    test_refused(cleat_random_normal(context, 1, 2, 0, 1, bad), CLEAT_TYPE_MISMATCH, "y");
    bad = y.view;
    bad.stride[0] = 0;
    test_refused(cleat_random_uniform(context, 1, 2, 0, 1, bad), CLEAT_OVERLAP, "output y");
    test_unchanged(&y);
    test_free(&y);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("random");
    TCase *all = test_case(suite, "random");
    tcase_add_test(all, test_known_answers);
    tcase_add_test(all, test_counts);
    tcase_add_test(all, test_random_shapes);
    tcase_add_test(all, test_extreme_words);
    tcase_add_test(all, test_past_the_caches);
    tcase_add_test(all, test_uniform_ranges);
    tcase_add_test(all, test_statistics);
    tcase_add_test(all, test_independence);
    tcase_add_test(all, test_refusals);
    return suite;
}
