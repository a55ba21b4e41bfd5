/* SPDX-License-Identifier: Apache-2.0 */
/* Learning rates over time: tables made with PyTorch 1.13.1's schedulers (torch.optim.lr_scheduler)
 * or by hand, and what holds at every step. */
#include "harness.h"

static void check_rate(float have, double want, const char *what, int64_t step) {
    ck_assert_msg(fabs((double)have - want) <= 1e-6 * fabs(want) + 1e-9,
        "%s, step %lld: %.9g, not %.9g", what, (long long)step, (double)have, want);
}

START_TEST(warmup) {
    static const double want[] = {0.25, 0.5, 0.75, 1, 1, 1};
    for (int64_t step = 0; step < 6; step++) {
        check_rate(cleat_schedule_warmup(4, step), want[step], "warmup", step);
    }
    check_rate(cleat_schedule_warmup(0, 0), 1, "no warmup", 0);
    check_rate(cleat_schedule_warmup(INT64_MAX, INT64_MAX), 1, "warmup", INT64_MAX);
}
END_TEST

START_TEST(step_and_exponential) {
    static const double by_steps[] = {1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25};
    static const double each[] = {2, 1.8, 1.62, 1.458, 1.3122};
    for (int64_t step = 0; step < 8; step++) {
        check_rate(cleat_schedule_step(1, 0.5f, 3, step), by_steps[step], "step", step);
    }
    for (int64_t step = 0; step < 5; step++) {
        check_rate(cleat_schedule_exponential(2, 0.9f, step), each[step], "exponential", step);
    }
    check_rate(cleat_schedule_exponential(2, 0.9f, INT64_MAX), 0, "exponential", INT64_MAX);
}
END_TEST

START_TEST(polynomial) {
    static const double square[] = {1, 0.5625, 0.25, 0.0625, 0, 0};
    static const double line[] = {0.5, 0.4, 0.3, 0.2, 0.1, 0.1};
    for (int64_t step = 0; step < 6; step++) {
        check_rate(cleat_schedule_polynomial(1, 0, 2, 4, step), square[step], "square", step);
        check_rate(cleat_schedule_polynomial(0.5f, 0.1f, 1, 4, step), line[step], "line", step);
    }
}
END_TEST

START_TEST(cosine) {
    static const double once[] = {1, 0.853553391, 0.5, 0.146446609, 0, 0};
    static const double again[] = {1, 0.890165043, 0.625, 0.359834957, 1, 0.971454825, 0.890165043,
        0.768506287, 0.625, 0.481493713, 0.359834957, 0.278545175, 1, 0.99279448};
    for (int64_t step = 0; step < 6; step++) {
        check_rate(cleat_schedule_cosine(1, 0, 4, step), once[step], "cosine", step);
    }
    for (int64_t step = 0; step < 14; step++) {
        check_rate(cleat_schedule_cosine_restarts(1, 0.25f, 4, 2, step), again[step], "SGDR", step);
        check_rate(cleat_schedule_cosine_restarts(1, 0.25f, 4, 1, step), again[step % 4],
            "SGDR of equal periods", step);
    }
    check_rate(cleat_schedule_cosine_restarts(1, 0, 5, 1, INT64_MAX - 2), 1, "SGDR", -1);
    ck_assert(isfinite(cleat_schedule_cosine_restarts(1, 0, 3, 2, INT64_MAX)));
    ck_assert(isfinite(cleat_schedule_cosine_restarts(1, 0, 3, INT64_MAX, INT64_MAX)));
}
END_TEST

START_TEST(inverse_sqrt) {
    static const double want[] = {0.5, 1, 1.5, 2, 1.788854382, 1.632993162};
    for (int64_t step = 0; step < 6; step++) {
        check_rate(cleat_schedule_inverse_sqrt(2, 4, step), want[step], "inverse sqrt", step);
    }
    check_rate(cleat_schedule_inverse_sqrt(2, 4, 399), 0.2, "inverse sqrt", 399);
}
END_TEST

START_TEST(one_cycle) {
    static const double of_10[] = {0.04, 0.52, 1, 0.950484632, 0.811745654, 0.611262022,
        0.388741978, 0.188258346, 0.049519368, 4e-6, 4e-6};
    static const double of_17[] = {0.004, 0.017414964, 0.050161469, 0.083935634, 0.099859158,
        0.098595295, 0.093840771, 0.086048453, 0.075758286, 0.063683295, 0.050660177, 0.037591328,
        0.025382312, 0.014879114, 0.006809521, 0.001732689, 4e-7, 4e-7};
    for (int64_t step = 0; step < 11; step++) {
        check_rate(cleat_schedule_one_cycle(1, 10, step), of_10[step], "one cycle of 10", step);
    }
    for (int64_t step = 0; step < 18; step++) {
        check_rate(cleat_schedule_one_cycle(0.1f, 17, step), of_17[step], "one cycle of 17", step);
    }
}
END_TEST

/* From any rate to any other in any time: starts and ends where it says, and never leaves between.
 */
START_TEST(ends_and_between) {
    for (int round = 0; round < test_rounds(200); round++) {
        float rate = (float)test_real(0.1, 2);
        float lowest = (float)test_real(0, 0.1);
        int64_t total = test_int(1, 1000);
        int64_t step = test_int(0, total);
        float power = (float)test_real(0.5, 3);
        check_rate(cleat_schedule_cosine(rate, lowest, total, 0), (double)rate, "cosine", 0);
        check_rate(
            cleat_schedule_cosine(rate, lowest, total, total), (double)lowest, "cosine", total);
        check_rate(
            cleat_schedule_polynomial(rate, lowest, power, total, 0), (double)rate, "power", 0);
        check_rate(cleat_schedule_polynomial(rate, lowest, power, total, total), (double)lowest,
            "power", total);
        float before = cleat_schedule_cosine(rate, lowest, total, step);
        float after = cleat_schedule_cosine(rate, lowest, total, step + 1);
        ck_assert(before >= after && after >= lowest * 0.999999f && before <= rate);
        float cycle = cleat_schedule_one_cycle(rate, total + 3, step);
        ck_assert(cycle > 0 && cycle <= rate * 1.000001f);
    }
}
END_TEST

START_TEST(what_is_outside) {
    const float rates[] = {cleat_schedule_warmup(-1, 0), cleat_schedule_warmup(4, -1),
        cleat_schedule_step(1, 0.5f, 0, 0), cleat_schedule_step(1, 0.5f, 1, -1),
        cleat_schedule_exponential(1, 0.5f, -1), cleat_schedule_polynomial(1, 0, 1, 0, 0),
        cleat_schedule_polynomial(1, 0, 0, 4, 0), cleat_schedule_polynomial(1, 0, NAN, 4, 0),
        cleat_schedule_polynomial(1, 0, 1, 4, -1), cleat_schedule_cosine(1, 0, 0, 0),
        cleat_schedule_cosine(1, 0, 4, -1), cleat_schedule_cosine_restarts(1, 0, 0, 1, 0),
        cleat_schedule_cosine_restarts(1, 0, 4, 0, 0),
        cleat_schedule_cosine_restarts(1, 0, 4, 1, -1), cleat_schedule_inverse_sqrt(1, 0, 0),
        cleat_schedule_inverse_sqrt(1, 4, -1), cleat_schedule_one_cycle(1, 3, 0),
        cleat_schedule_one_cycle(1, 10, -1)};
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        ck_assert_msg(isnan(rates[i]), "call %d gives %g", (int)i, (double)rates[i]);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("schedule");
    TCase *rates = test_case(suite, "rates");
    tcase_add_test(rates, warmup);
    tcase_add_test(rates, step_and_exponential);
    tcase_add_test(rates, polynomial);
    tcase_add_test(rates, cosine);
    tcase_add_test(rates, inverse_sqrt);
    tcase_add_test(rates, one_cycle);
    tcase_add_test(rates, ends_and_between);
    tcase_add_test(rates, what_is_outside);
    return suite;
}
