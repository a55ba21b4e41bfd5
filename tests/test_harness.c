/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The harness's own checks: each must fail when it should. A failing test cannot be asked for
 * within the same Check run, so the parent starts this program again with CLEAT_HARNESS_CASE naming
 * one case, and looks at its exit status and at what it printed.
 */
#include "harness.h"

#include <sys/wait.h>
#include <unistd.h>

/* Writes one f32 somewhere in the buffer behind a tensor's back. */
static void scribble(const test_tensor *t, int64_t element) {
    cleat_tensor one;
    test_ok(cleat_tensor_view(t->view.buffer, CLEAT_F32, 1, (int64_t[]){1}, element, &one));
    test_ok(cleat_fill(test_context(), 7.0, one));
}

static test_tensor row(const float *data, int64_t count) {
    return test_input_from(1, (int64_t[]){count}, data, TEST_ROW_MAJOR);
}

/* ---- Cases that must fail, and what they must say ---- */

static void equal_differs(void) {
    test_tensor t = test_input_from(2, (int64_t[]){2, 2}, (float[]){1, 2, 3, 4}, TEST_ROW_MAJOR);
    test_equal(&t, (double[]){1, 2, 3.0000001, 5}, "product");
}

static void equal_sees_nan(void) {
    test_tensor t = test_output(1, (int64_t[]){3}, TEST_STRIDED);
    test_fetch(&t);
    test_equal(&t, (double[]){0, 0, 0}, "never written");
}

static void equal_wants_nan(void) {
    test_tensor t = row((float[]){1}, 1);
    test_equal(&t, (double[]){(double)NAN}, "should be a NaN");
}

static void bound_differs(void) {
    test_tensor t = row((float[]){1, 1 + 0x1p-20F}, 2);
    test_bound(&t, (double[]){1, 1}, (double[]){1, 1}, 4, "sum");
}

static void bound_beside_differs(void) {
    test_tensor t = row((float[]){1 + 0x1p-20F}, 1);
    test_bound_beside(&t, (double[]){1}, (double[]){1}, 4, 0x1p-23, "product in parts");
}

static void bound_sees_infinity(void) {
    test_tensor t = row((float[]){INFINITY}, 1);
    test_bound(&t, (double[]){-(double)INFINITY}, (double[]){1}, 4, "sum");
}

static void ulp_differs(void) {
    test_tensor t = row((float[]){1 + 0x1p-21F}, 1);
    test_ulp(&t, (double[]){1}, 3, "exponential");
}

static void bits_differ(void) {
    test_tensor a = row((float[]){0.0F}, 1), b = row((float[]){-0.0F}, 1);
    test_same_bits(&a, &b, "zeros");
}

static void guard_is_written(void) {
    test_tensor t = test_output(1, (int64_t[]){5}, TEST_ROW_MAJOR);
    scribble(&t, 5);
    test_fetch(&t);
}

static void gap_is_written(void) {
    test_tensor t = test_output(2, (int64_t[]){3, 4}, TEST_STRIDED);
    scribble(&t, 0);
    test_fetch(&t);
}

static void refused_call_wrote(void) {
    test_tensor t = test_output(1, (int64_t[]){5}, TEST_ROW_MAJOR);
    scribble(&t, 2);
    test_unchanged(&t);
}

static void call_fails(void) {
    test_ok(cleat_finish(NULL));
}

static void call_is_not_refused(void) {
    test_refused(cleat_finish(test_context()), CLEAT_INVALID_ARGUMENT, "");
}

static void message_lacks_part(void) {
    test_refused(cleat_finish(NULL), CLEAT_INVALID_ARGUMENT, "no such words");
}

static void buffer_leaks(void) {
    test_tensor t = row((float[]){1}, 1);
    free(t.data);
    free(t.image);
}

typedef struct failing_case {
    const char *name;
    void (*run)(void);
    const char *says;
} failing_case;

static const failing_case failing_cases[] = {
    {"equal_differs", equal_differs, "product: element [1][0] is 3, want 3.0000000999999998"},
    {"equal_sees_nan", equal_sees_nan, "3 of 3 elements are wrong"},
    {"equal_wants_nan", equal_wants_nan, "should be a NaN: element [0] is 1, want nan"},
    {"bound_differs", bound_differs, "sum: element [1]"},
    {"bound_beside_differs", bound_beside_differs, "product in parts: element [0]"},
    {"bound_sees_infinity", bound_sees_infinity, "is inf, want -inf"},
    {"ulp_differs", ulp_differs, "exponential: element [0]"},
    {"bits_differ", bits_differ, "zeros: element [0] has bits 00000000 first, 80000000 then"},
    {"guard_is_written", guard_is_written, "element 5 of the buffer was written outside"},
    {"gap_is_written", gap_is_written, "element 0 of the buffer was written outside"},
    {"refused_call_wrote", refused_call_wrote, "element 2 of the buffer has changed"},
    {"call_fails", call_fails, "cleat_finish(NULL): CLEAT_INVALID_ARGUMENT: "},
    {"call_is_not_refused", call_is_not_refused, "gave CLEAT_OK"},
    {"message_lacks_part", message_lacks_part, "lacks \"no such words\""},
    {"buffer_leaks", buffer_leaks, "bytes of buffers are alive at the end"},
};
enum { FAILING_CASES = sizeof failing_cases / sizeof failing_cases[0] };

static const failing_case *chosen_case;

START_TEST(run_chosen_case) {
    chosen_case->run();
}
END_TEST

/* ---- The parent ---- */

/* Runs this program with one case; its exit status, and its output in text[size]. */
static int run_case(const char *name, char *text, size_t size) {
    char self[1024], command[1200];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    ck_assert(length > 0);
    self[length] = '\0';
    snprintf(command, sizeof command, "CLEAT_HARNESS_CASE=%s '%s' 2>&1", name, self);
    fflush(stdout);
    FILE *output = popen(command, "r");
    ck_assert(output != NULL);
    size_t used = fread(text, 1, size - 1, output);
    text[used] = '\0';
    int status = pclose(output);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

START_TEST(checks_fail_when_they_should) {
    char text[8192];
    const failing_case *wanted = &failing_cases[_i];
    int status = run_case(wanted->name, text, sizeof text);
    ck_assert_msg(status == 1, "%s: exit status %d\n%s", wanted->name, status, text);
    ck_assert_msg(strstr(text, wanted->says) != NULL, "%s does not say \"%s\":\n%s", wanted->name,
        wanted->says, text);
}
END_TEST

START_TEST(right_values_pass) {
    test_tensor t = row((float[]){1, -0.0F, NAN, INFINITY}, 4);
    double want[] = {1, 0, (double)NAN, (double)INFINITY};
    test_equal(&t, want, "equal");
    test_bound(&t, want, (double[]){1, 1, 1, 1}, 1, "bound");
    test_ulp(&t, want, 0, "ulp");
    test_same_bits(&t, &t, "bits");
    test_unchanged(&t);
    test_free(&t);
}
END_TEST

START_TEST(ulp_is_measured_at_the_result) {
    test_tensor t = row((float[]){1 + 0x1p-22F, 1 - 0x1p-23F, 0x1p-148F, 0}, 4);
    test_ulp(&t, (double[]){1, 1, 0x1p-149, 0x1p-149}, 2, "two units");
    test_free(&t);
}
END_TEST

/* Random layouts: what was put in comes out, in row-major order, whatever the strides. */
START_TEST(layouts_hold_their_values) {
    for (int round = 0; round < test_rounds(40); round++) {
        int32_t rank = (int32_t)test_int(0, 5);
        int64_t shape[CLEAT_MAX_RANK];
        for (int32_t axis = 0; axis < rank; axis++) {
            shape[axis] = test_int(0, 9) == 0 ? 0 : test_int(1, 6);
        }
        test_tensor x = test_input(rank, shape, TEST_REAL, TEST_STRIDED);
        test_tensor y = test_output(rank, shape, test_coin() ? TEST_STRIDED : TEST_ROW_MAJOR);
        double *want = test_alloc(x.count, sizeof *want);
        for (int64_t i = 0; i < x.count; i++) {
            want[i] = (double)x.data[i];
        }
        test_ok(cleat_copy(test_context(), x.view, y.view));
        test_fetch(&y);
        test_equal(&y, want, "copy");
        test_fetch(&x);
        test_equal(&x, want, "source");
        test_unchanged(&x);
        free(want);
        test_free(&x);
        test_free(&y);
    }
}
END_TEST

START_TEST(labels_are_in_range) {
    int32_t labels[20], got[20];
    test_tensor t = test_labels(20, 3, labels);
    test_ok(cleat_read(test_context(), t.view, got, sizeof got));
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(got[i], labels[i]);
        ck_assert(labels[i] >= 0 && labels[i] < 3);
    }
    test_unchanged(&t);
    test_free(&t);
}
END_TEST

START_TEST(random_numbers_keep_their_range) {
    bool met[4] = {false};
    for (int i = 0; i < 200; i++) {
        int64_t n = test_int(-1, 2);
        ck_assert(n >= -1 && n <= 2);
        met[n + 1] = true;
        double x = test_real(-1, 1);
        ck_assert(x >= -1 && x < 1);
    }
    ck_assert(met[0] && met[1] && met[2] && met[3]);
    ck_assert_int_eq(test_int(INT64_MAX, INT64_MAX), INT64_MAX);
    test_int(INT64_MIN, INT64_MAX);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("harness");
    TCase *tests = test_case(suite, "harness");
    const char *name = getenv("CLEAT_HARNESS_CASE");
    for (int i = 0; name != NULL && i < FAILING_CASES; i++) {
        if (strcmp(name, failing_cases[i].name) == 0) {
            chosen_case = &failing_cases[i];
            tcase_add_test(tests, run_chosen_case);
        }
    }
    if (name == NULL) {
        tcase_add_loop_test(tests, checks_fail_when_they_should, 0, FAILING_CASES);
        tcase_add_test(tests, right_values_pass);
        tcase_add_test(tests, ulp_is_measured_at_the_result);
        tcase_add_test(tests, layouts_hold_their_values);
        tcase_add_test(tests, labels_are_in_range);
        tcase_add_test(tests, random_numbers_keep_their_range);
    }
    return suite;
}
