/* SPDX-License-Identifier: Apache-2.0 */
/* Reductions of rows that are taken in blocks. */
#include "harness.h"

static const char *const variants[] = {"rows", "columns", "groups", "items"};
enum { VARIANTS = 4 };

/* y = kind(x) along rows by every variant. */
static void check_rows(cleat_reduction_kind kind, int64_t rows, int64_t length, const float *values,
    const double *want) {
    const int64_t shape[] = {rows, length};
    const int32_t axis = 1;
    test_tensor x = test_input_from(2, shape, values, TEST_ROW_MAJOR);
    for (int round = 0; round < VARIANTS; round++) {
        test_tensor y = test_output(1, shape, TEST_ROW_MAJOR);
        ck_assert_int_eq(setenv("CLEAT_REDUCE", variants[round], 1), 0);
        test_ok(cleat_reduce(test_context(), kind, x.view, 1, &axis, y.view, NULL));
        test_fetch(&y);
        test_ulp(&y, want, 4, variants[round]);
        test_free(&y);
    }
    unsetenv("CLEAT_REDUCE");
    test_free(&x);
}

/* Rows of several blocks of 256 elements, and the same as columns: infinities and NaN in any of
 * them, maxima that rise and fall by more than a float holds the exponential of. */
START_TEST(wide_log_sum_exp) {
    enum { ROWS = 9, LENGTH = 1030 };
    const float big = INFINITY;
    float *values = test_alloc(ROWS * LENGTH, sizeof *values);
    double want[ROWS];
    for (int i = 0; i < ROWS * LENGTH; i++) {
        const int row = i / LENGTH, block = i % LENGTH / 256;
        const float steps[] = {-400, 300, 304, -500, 310};
        values[i] = (float)test_real(-1, 1);
        values[i] += row == 0 ? steps[block] : row == 1 ? -steps[block] : 0;
        values[i] =
            row == 2 || (row == 3 && block < 2) || (row == 4 && block > 1) ? -big : values[i];
    }
    values[5 * LENGTH + 300] = values[6 * LENGTH + 600] = values[7 * LENGTH + 3] = big;
    values[6 * LENGTH + 10] = values[7 * LENGTH + 700] = values[8 * LENGTH + 530] = NAN;
    for (int row = 0; row < ROWS; row++) {
        const float *x = values + row * LENGTH;
        double most = -(double)big, sum = 0;
        for (int i = 0; i < LENGTH; i++) {
            most = (double)x[i] > most ? (double)x[i] : most;
        }
        for (int i = 0; i < LENGTH; i++) {
            sum += exp((double)x[i] - most);
        }
        want[row] = row < 2 || row == 3 || row == 4 ? most + log(sum)
                    : row == 2                      ? -(double)big
                    : row == 5                      ? (double)big
                                                    : (double)NAN;
    }
    check_rows(CLEAT_REDUCE_LOG_SUM_EXP, ROWS, LENGTH, values, want);
    free(values);
}
END_TEST

/* Single lanes that have met -Inf alone, beside others: they hide nothing. Infinities far apart. */
START_TEST(lanes_of_infinities) {
    enum { ROWS = 5, LENGTH = 8192 };
    float *values = test_alloc(ROWS * LENGTH, sizeof *values);
    double want[ROWS] = {100, INFINITY, INFINITY, -INFINITY, 7};
    for (int i = 0; i < ROWS * LENGTH; i++) {
        values[i] = i / LENGTH == 2 ? (float)test_real(-1, 1) : -INFINITY;
    }
    for (int row = 0; row < 2; row++) {
        float *x = values + row * LENGTH;
        x[0] = x[14] = 0;
        x[270] = (float)want[row];
    }
    values[2 * LENGTH + 1] = values[2 * LENGTH + 4097] = INFINITY;
    values[4 * LENGTH + LENGTH - 5] = 7;
    check_rows(CLEAT_REDUCE_LOG_SUM_EXP, ROWS, LENGTH, values, want);
    /* Masked rows: any of the elements may be left out. */
    for (int row = 0; row < ROWS; row++) {
        float *x = values + row * LENGTH;
        double sum = 0;
        for (int i = 0; i < LENGTH; i++) {
            x[i] = test_int(0, row + 1) == 0 ? (float)test_real(-60, 60) : -INFINITY;
            sum += exp((double)x[i]);
        }
        want[row] = log(sum);
    }
    check_rows(CLEAT_REDUCE_LOG_SUM_EXP, ROWS, LENGTH, values, want);
    free(values);
}
END_TEST

/* Many rows to a work-item, each of whose maxima is far from the others'. */
START_TEST(log_sum_exp_of_far_rows) {
    enum { ROWS = 100, LENGTH = 57 };
    float *values = test_alloc(ROWS * LENGTH, sizeof *values);
    double want[ROWS];
    for (int row = 0; row < ROWS; row++) {
        const double middle = row * 37 % 19 * 50 - 450;
        double sum = 0;
        for (int i = 0; i < LENGTH; i++) {
            float *x = &values[row * LENGTH + i];
            *x = (float)(middle + test_real(-1, 1));
            sum += exp((double)*x - middle);
        }
        want[row] = middle + log(sum);
    }
    check_rows(CLEAT_REDUCE_LOG_SUM_EXP, ROWS, LENGTH, values, want);
    free(values);
}
END_TEST

/* The square of the mean is beyond f32, the variance is not. */
START_TEST(variance_of_far_means) {
    enum { ROWS = 2, LENGTH = 1030 };
    float *values = test_alloc(ROWS * LENGTH, sizeof *values);
    const double want[ROWS] = {0, 0};
    for (int i = 0; i < ROWS * LENGTH; i++) {
        values[i] = i < LENGTH ? 0x1p70F : -0x1p90F;
    }
    check_rows(CLEAT_REDUCE_VARIANCE, ROWS, LENGTH, values, want);
    check_rows(CLEAT_REDUCE_VARIANCE, ROWS, 3, values, want);
    free(values);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("reduce_rows");
    TCase *all = test_case(suite, "reduce_rows");
    tcase_add_test(all, wide_log_sum_exp);
    tcase_add_test(all, lanes_of_infinities);
    tcase_add_test(all, log_sum_exp_of_far_rows);
    tcase_add_test(all, variance_of_far_means);
    return suite;
}
