/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every test program shares: one context, seeded random numbers, tensors with guard zones and
 * odd layouts, and the comparisons of docs/testing.md. A test file defines test_suite(); harness.c
 * has main(). Tests run in one process (CK_NOFORK): forked children have no driver threads.
 *
 * Environment: CLEAT_TEST_SEED (a number, or "random"; printed at the start), CLEAT_TEST_EFFORT
 * (short, long, or simulator: short, without the cases that test_wants_work() turns away),
 * CLEAT_TEST_LOG (any value: the library's log goes to stderr), CLEAT_TEST_STOP (any value: the
 * first failing comparison ends the program), CLEAT_TEST_VARIANT (names of variants: test_wants()
 * turns the others away), CLEAT_TEST_SLICE ("1/3": of the tests each third, from the second on),
 * CLEAT_TEST_TILE (test_settle_tile() from the start, with tiles of this size), CLEAT_TEST_BLIND
 * (any value: no value is looked at, see below).
 */
#ifndef CLEAT_TESTS_HARNESS_H
#define CLEAT_TESTS_HARNESS_H

#include <check.h>
#include <cleat/cleat.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Defined by each test program. */
Suite *test_suite(void);
/* A new test case of the suite, which CK_RUN_CASE can run alone. Each of its tests begins with
 * random numbers of its own, from the seed, the test's name and its place in a loop: what other
 * tests draw, and how often, does not matter, so that short runs use kernels that whole ones have
 * built. */
TCase *test_case(Suite *suite, const char *name);
/* Adds the test for those _i from `from` on, below `end`, whose turn it is (CLEAT_TEST_SLICE);
 * Check's own macros lead here. */
void test_add(TCase *to, const TTest *test, int from, int end);
#undef tcase_add_test
#define tcase_add_test(to, test) test_add(to, test, 0, 1)
#undef tcase_add_loop_test
#define tcase_add_loop_test(to, test, from, end) test_add(to, test, from, end)
/* A test case of one test. */
void test_add_case(Suite *suite, const char *name, const TTest *test);
/* The same of one test for each _i below `end`. */
void test_add_loop(Suite *suite, const char *name, const TTest *test, int end);

/* The context of this process, made at first use; released by main(), which then fails the run if
 * a buffer is still alive. */
cleat_context *test_context(void);
/* Ends that context, of which no buffer may be alive, and sets $CLEAT_PROFILE for the next one;
 * NULL: unset. */
void test_profile(const char *profile);
/* Whether its device is a processor with a driver of its own, and taken for one ($CLEAT_PROFILE).
 */
bool test_device_is_cpu(void);
/* Tiles of one size in products on GPUs from here on, 32 or CLEAT_TEST_TILE, for tests of what is
 * made of such products: one kernel serves them all. */
void test_settle_tile(void);
/* Whether it computes in f64. */
bool test_has_f64(void);

/* ---- Random numbers: one stream for each test (see test_case), from the printed seed ---- */
int64_t test_int(int64_t low, int64_t high); /* inclusive */
double test_real(double low, double high);
bool test_coin(void);
/* How many random cases to draw: a quarter of n (at least 1) when short, 20 n when long. */
int test_rounds(int n);
bool test_is_short(void);
/* Whether to leave a case out whose like is run as well: when short, two of three, but for one that
 * is run alone (CK_RUN_CASE). */
bool test_skips(void);
/* Whether a case of so many multiply-adds is to be run: a simulator takes some 10 us for each, and
 * in short form a renderer, which runs tiles meant for GPUs, gets those up to 2 million. */
bool test_wants_work(int64_t terms);
/* Whether CLEAT_TEST_VARIANT, a list with commas, leaves this variant in; for tests that go through
 * all variants. */
bool test_wants(const char *variant);
/* CLEAT_TEST_BLIND: comparisons hold whatever the values, for runs that record what is compiled
 * (tests/vendors). Such a run proves nothing. */
bool test_ignores_values(void);

/* ---- Tensors ---- */
typedef enum test_values {
    TEST_EXACT, /* integers in -4 .. 4: sums stay exact */
    TEST_REAL   /* uniform in [-1, 1), rounded to the type */
} test_values;

typedef enum test_layout {
    TEST_ROW_MAJOR,    /* without gaps, offset 0 */
    TEST_STRIDED,      /* axes in random order, gaps, an offset, some axes reversed */
    TEST_ROWS,         /* the same, but for the last axis, whose elements lie end to end */
    TEST_CHANNELS,     /* the same with the second axis for the last */
    TEST_CHANNELS_LAST /* row-major with the second axis moved to the end, behind an offset */
} test_layout;

/* A tensor on the device inside a larger guarded buffer, and its values on the host. */
typedef struct test_tensor {
    cleat_tensor view;
    int64_t count;
    float *data; /* row-major values: of an input as written, of an output as last fetched; f32, and
                    what elements of f16 and bf16 are */
    unsigned char *elements; /* the same of test_typed() */
    size_t image_size;       /* bytes of the whole buffer */
    unsigned char *image;    /* what the whole buffer held when it was made */
} test_tensor;

test_tensor test_input(int32_t rank, const int64_t *shape, test_values values, test_layout layout);
/* An input with given values (row-major, copied). */
test_tensor test_input_from(
    int32_t rank, const int64_t *shape, const float *data, test_layout layout);
/* Filled with NaN. */
test_tensor test_output(int32_t rank, const int64_t *shape, test_layout layout);
/* i32 labels, 0 .. classes-1; `data` stays NULL, values go to labels (row-major). */
test_tensor test_labels(int64_t count, int32_t classes, int32_t *labels);
/* Any type: an input with given elements (row-major, copied), or with NULL an output. */
test_tensor test_typed(
    cleat_type type, int32_t rank, const int64_t *shape, const void *elements, test_layout layout);
/* The same of f64, its values drawn; for an output test_typed() with NULL. */
test_tensor test_input_f64(
    int32_t rank, const int64_t *shape, test_values values, test_layout layout);
/* The elements of such a one, as written or as last fetched. */
const double *test_elements_f64(const test_tensor *t);
/* An input of values drawn, and an output filled with NaN, of any floating-point type: `data` of
 * f32, `elements` of f64, both of f16 and bf16. */
test_tensor test_input_of(
    cleat_type type, int32_t rank, const int64_t *shape, test_values values, test_layout layout);
test_tensor test_output_of(cleat_type type, int32_t rank, const int64_t *shape, test_layout layout);
/* The same from given values, which the type holds. */
test_tensor test_input_from_of(
    cleat_type type, int32_t rank, const int64_t *shape, const float *data, test_layout layout);
/* Its values, of any of these types, in float64 or in long double; free() them. */
double *test_doubles(const test_tensor *t);
long double *test_long_doubles(const test_tensor *t);
/* Reads the buffer back into t->data or t->elements; fails the test if a byte outside the view has
 * changed. */
void test_fetch(test_tensor *t);
/* Fails the test if any byte of the buffer has changed since it was made: for refused calls. */
void test_unchanged(test_tensor *t);
void test_free(test_tensor *t); /* NULL members are accepted */

/* ---- The tuning table of a context ---- */
size_t test_tuning_count(cleat_context *context);
/* How often the entry of this name was asked for; 0 where there is none. */
uint64_t test_tuning_uses(cleat_context *context, const char *name);
/* It holds exactly these entries: operation, name, value, ..., NULL. */
void test_tuning_table(cleat_context *context, const char *const *texts);

/* ---- Comparisons; `what` and the first wrong element go to the failure's message ---- */
void test_equal(const test_tensor *got, const double *want, const char *what);
/* |got - want| <= 4 sqrt(terms) u magnitude + u |want| + tiny, and <= gamma_terms magnitude + ...:
 * magnitude[i] is the sum of |a||b| behind element i. u = 2^-24; of f16 and bf16, 2^-11 and 2^-8 in
 * the second term. */
void test_bound(const test_tensor *got, const double *want, const double *magnitude, int64_t terms,
    const char *what);
/* The same where products are formed but for `left_out` of their sizes. */
void test_bound_beside(const test_tensor *got, const double *want, const double *magnitude,
    int64_t terms, double left_out, const char *what);
/* Within `ulp` units in the last place of the f32 nearest to want, of f16 and bf16 half of one of
 * theirs besides; NaN and infinities must match. */
void test_ulp(const test_tensor *got, const double *want, double ulp, const char *what);
/* The same of elements in f64, got->elements, with u = 2^-53. */
void test_bound_f64(const test_tensor *got, const long double *want, const long double *magnitude,
    int64_t terms, const char *what);
/* Fetches such a result, compares it so and frees it. */
void test_finish_f64(test_tensor *t, const long double *want, const long double *magnitude,
    int64_t terms, const char *what);
/* The one or the other, by got's type. */
void test_bound_of(const test_tensor *got, const long double *want, const long double *magnitude,
    int64_t terms, const char *what);
/* The buffers hold the same bits. */
void test_same_bits(const test_tensor *first, const test_tensor *second, const char *what);

/* The call succeeds; its message is shown otherwise. */
#define test_ok(call)                                                                              \
    do {                                                                                           \
        cleat_status test_status_ = (call);                                                        \
        ck_assert_msg(test_status_ == CLEAT_OK, "%s: %s: %.1500s", #call,                          \
            cleat_status_name(test_status_), cleat_error_message());                               \
    } while (0)

/* The call is refused with this status, and the message contains `part`. */
#define test_refused(call, expected, part)                                                         \
    do {                                                                                           \
        cleat_status test_status_ = (call);                                                        \
        ck_assert_msg(test_status_ == (expected), "%s gave %s (%.1500s), not %s", #call,           \
            cleat_status_name(test_status_), cleat_error_message(), #expected);                    \
        ck_assert_msg(strstr(cleat_error_message(), (part)) != NULL,                               \
            "%s: message \"%.1500s\" lacks \"%s\"", #call, cleat_error_message(), (part));         \
    } while (0)

/* calloc that fails the test instead of returning NULL; a count of 0 gives a valid pointer. */
void *test_alloc(int64_t count, size_t size);

#endif
