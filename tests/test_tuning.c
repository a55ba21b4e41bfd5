/* SPDX-License-Identifier: Apache-2.0 */
/* The tuning table in memory: what it takes, and that operations go by it. */
#include "harness.h"

#include <inttypes.h>
#include <pthread.h>

/* A context without a file of its own, which profiles. */
static cleat_context *new_context(void) {
    cleat_context_options options = {.tuning_file = "none", .profiling = true};
    cleat_context *context;
    test_ok(cleat_context_create(&options, &context));
    return context;
}

/* ---- The table ---- */

START_TEST(entries_are_set_and_removed) {
    cleat_context *context = new_context();
    ck_assert_str_eq(cleat_tuning_file(context), "");
    test_tuning_table(context, (const char *[]){NULL});
    test_ok(cleat_tuning_set(context, "matmul", "small", "cpu_packed cpu_direct"));
    test_ok(cleat_tuning_set(context, "matmul", "k_block", "384"));
    test_ok(cleat_tuning_set(context, "conv2d", "small", "plain"));
    test_ok(cleat_tuning_set(context, "matmul", "small", "plain"));
    test_tuning_table(context, (const char *[]){"matmul", "small", "plain", "matmul", "k_block",
                                   "384", "conv2d", "small", "plain", NULL});
    test_ok(cleat_tuning_set(context, "matmul", "small", NULL));
    test_ok(cleat_tuning_set(context, "matmul", "never_there", NULL));
    test_tuning_table(
        context, (const char *[]){"matmul", "k_block", "384", "conv2d", "small", "plain", NULL});
    cleat_context_release(context);
}
END_TEST

START_TEST(wrong_texts_are_refused) {
    cleat_context *context = new_context();
    char word[64], value[160];
    size_t count;
    memset(word, 'a', sizeof word);
    word[48] = '\0';
    memset(value, 'a', sizeof value);
    value[128] = '\0';
    static const char *const bad_words[] = {"", "Matmul", "mat mul", "matmul\n", "mat-mul", NULL};
    static const char *const bad_values[] = {
        "", " ", "a  b", " a", "a ", "a\nb", "Plain", "a,b", NULL};
    for (int i = 0; bad_words[i] != NULL; i++) {
        test_refused(cleat_tuning_set(context, bad_words[i], "small", "plain"),
            CLEAT_INVALID_ARGUMENT, "must be words");
        test_refused(cleat_tuning_set(context, "matmul", bad_words[i], NULL),
            CLEAT_INVALID_ARGUMENT, "must be words");
    }
    for (int i = 0; bad_values[i] != NULL; i++) {
        test_refused(cleat_tuning_set(context, "matmul", "small", bad_values[i]),
            CLEAT_INVALID_ARGUMENT, "single blanks");
    }
    test_refused(
        cleat_tuning_set(context, word, "small", "plain"), CLEAT_INVALID_ARGUMENT, "than 48");
    test_refused(
        cleat_tuning_set(context, "matmul", "small", value), CLEAT_INVALID_ARGUMENT, "than 128");
    test_refused(
        cleat_tuning_set(NULL, "matmul", "small", "plain"), CLEAT_INVALID_ARGUMENT, "NULL");
    test_refused(cleat_tuning_set(context, NULL, "small", "plain"), CLEAT_INVALID_ARGUMENT, "NULL");
    test_refused(cleat_tuning_list(context, 0, NULL, NULL), CLEAT_INVALID_ARGUMENT, "count");
    test_refused(cleat_tuning_list(context, 1, NULL, &count), CLEAT_INVALID_ARGUMENT, "entries");
    test_refused(cleat_tuning_save(context, NULL), CLEAT_INVALID_ARGUMENT, "no file");
    test_refused(cleat_tuning_load(context, NULL), CLEAT_INVALID_ARGUMENT, "no file");
    ck_assert_uint_eq(test_tuning_count(context), 0);
    word[47] = value[127] = '\0'; /* the longest */
    test_ok(cleat_tuning_set(context, word, word, value));
    cleat_context_release(context);
}
END_TEST

START_TEST(table_has_an_end) {
    cleat_context *context = new_context();
    for (int i = 0; i < 256; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        test_ok(cleat_tuning_set(context, "matmul", name, "1"));
    }
    test_refused(
        cleat_tuning_set(context, "matmul", "n256", "1"), CLEAT_INVALID_ARGUMENT, "256 entries");
    test_ok(cleat_tuning_set(context, "matmul", "n255", "2"));
    ck_assert_uint_eq(test_tuning_count(context), 256);
    cleat_context_release(context);
}
END_TEST

/* ---- What goes by it ---- */

enum { SIDE = 24 };

/* A product of whole numbers on `context`, checked; whether the kernel `plain` did it. */
static bool product_is_plain(cleat_context *context) {
    float a[SIDE * SIDE], b[SIDE * SIDE], y[SIDE * SIDE];
    cleat_tensor tensors[3];
    for (int i = 0; i < SIDE * SIDE; i++) {
        a[i] = (float)(i * 7 % 9 - 4);
        b[i] = (float)(i * 5 % 9 - 4);
    }
    for (int i = 0; i < 3; i++) {
        test_ok(cleat_tensor_create(context, CLEAT_F32, 2, (int64_t[]){SIDE, SIDE}, &tensors[i]));
    }
    test_ok(cleat_write(context, tensors[0], a, sizeof a));
    test_ok(cleat_write(context, tensors[1], b, sizeof b));
    test_ok(cleat_profile_reset(context));
    test_ok(cleat_matmul(context, tensors[0], tensors[1], tensors[2], NULL));
    test_ok(cleat_read(context, tensors[2], y, sizeof y));
    for (int i = 0; i < SIDE * SIDE; i++) {
        float sum = 0;
        for (int k = 0; k < SIDE; k++) {
            sum += a[i / SIDE * SIDE + k] * b[k * SIDE + i % SIDE];
        }
        ck_assert_float_eq(y[i], sum);
    }
    cleat_profile_row rows[4];
    size_t count = 0;
    bool plain = false;
    test_ok(cleat_profile(context, 4, rows, &count));
    for (size_t i = 0; i < count && i < 4; i++) {
        plain = plain || strstr(rows[i].kernel, "plain") != NULL;
    }
    for (int i = 0; i < 3; i++) {
        cleat_tensor_release(&tensors[i]);
    }
    return plain;
}

static uint64_t uses_of(cleat_context *context, size_t index) {
    cleat_tuning_entry entries[8];
    size_t count = 0;
    test_ok(cleat_tuning_list(context, 8, entries, &count));
    ck_assert_uint_lt(index, count);
    return entries[index].uses;
}

START_TEST(operations_go_by_it) {
    cleat_context *context = new_context();
    ck_assert(!product_is_plain(context));
    test_ok(cleat_tuning_set(context, "matmul", "small", "plain"));
    test_ok(cleat_tuning_set(context, "matmul", "large", "plain"));
    ck_assert(product_is_plain(context));
    ck_assert_uint_eq(uses_of(context, 0), 1);
    ck_assert_uint_eq(uses_of(context, 1), 0);
    /* What does not exist, or cannot do it, is passed over. */
    test_ok(cleat_tuning_set(context, "matmul", "small", "no_such vector_cpu vector_gpu plain"));
    ck_assert(product_is_plain(context));
    test_ok(cleat_tuning_set(context, "matmul", "small", "no_such 12 vector_cpu"));
    ck_assert(!product_is_plain(context));
    ck_assert_uint_eq(uses_of(context, 0), 1); /* counted from when it was set */
    test_ok(cleat_tuning_set(context, "matmul", "small", NULL));
    ck_assert(!product_is_plain(context));
    cleat_context_release(context);
}
END_TEST

/* Products of whole numbers by `variant` are right with the number set to each value, within bounds
 * or not; 0 uses where the device or the variant has no such number. */
static void try_values(const char *variant, const char *name, const char *const *values) {
    enum { M = 70, N = 150, K = 210 };
    cleat_context *context = test_context();
    test_tensor a = test_input(2, (int64_t[]){M, K}, TEST_EXACT, TEST_ROW_MAJOR);
    test_tensor b = test_input(2, (int64_t[]){K, N}, TEST_EXACT, TEST_ROW_MAJOR);
    double *want = test_alloc(M * N, sizeof *want);
    for (int i = 0; i < M * N; i++) {
        for (int k = 0; k < K; k++) {
            want[i] += (double)a.data[i / N * K + k] * (double)b.data[k * N + i % N];
        }
    }
    for (int i = 0; values[i] != NULL; i++) {
        test_tensor y = test_output(2, (int64_t[]){M, N}, TEST_ROW_MAJOR);
        test_ok(cleat_tuning_set(context, "matmul", name, values[i]));
        cleat_status status = cleat_matmul(
            context, a.view, b.view, y.view, &(cleat_matmul_options){.variant = variant});
        if (status != CLEAT_UNSUPPORTED) {
            test_ok(status);
            test_fetch(&y);
            test_equal(&y, want, name);
            ck_assert_uint_ge(uses_of(context, 0), 1);
        }
        test_ok(cleat_tuning_set(context, "matmul", name, NULL));
        test_free(&y);
    }
    free(want);
    test_free(&a);
    test_free(&b);
}

static void try_numbers(const char *variant, const char *name) {
    static const char *const values[] = {
        "8", "17", "64", "100", "128", "4096", "99999999999999999999", "0", "x", NULL};
    try_values(variant, name, values);
}

START_TEST(numbers_change_no_result) {
    try_numbers("cpu_packed", "k_block");
    try_numbers("cpu_packed", "tile_rows");
    try_numbers("cpu_packed", "tile_columns");
    try_numbers("gpu_tiled", "gpu_tile");
    try_numbers("gpu_tiled", "gpu_tile_most");
}
END_TEST

/* Bands of rows of tiles, in 5 rows of 10: of one, of several with a short one at the end, of all.
 */
START_TEST(bands_change_no_result) {
    test_ok(cleat_tuning_set(test_context(), "matmul", "gpu_tile", "16"));
    static const char *const bands[] = {"1", "2", "3", "5", "9", NULL};
    try_values("gpu_tiled", "gpu_band", bands);
    test_ok(cleat_tuning_set(test_context(), "matmul", "gpu_tile", NULL));
}
END_TEST

/* ---- Several at a time ---- */

static void *set_and_remove(void *data) {
    for (int turn = 0; turn < 500; turn++) {
        const char *value = turn % 3 == 0 ? "plain" : turn % 3 == 1 ? "cpu_direct" : NULL;
        if (cleat_tuning_set(data, "matmul", "small", value) != CLEAT_OK) {
            return "not set";
        }
    }
    return NULL;
}

START_TEST(table_changes_under_calls) {
    cleat_context *context = new_context();
    pthread_t thread;
    void *wrong = NULL;
    ck_assert_int_eq(pthread_create(&thread, NULL, set_and_remove, context), 0);
    for (int turn = 0; turn < 20; turn++) {
        product_is_plain(context);
    }
    ck_assert_int_eq(pthread_join(thread, &wrong), 0);
    ck_assert_ptr_null(wrong);
    cleat_context_release(context);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("tuning");
    TCase *table = test_case(suite, "table");
    tcase_add_test(table, entries_are_set_and_removed);
    tcase_add_test(table, wrong_texts_are_refused);
    tcase_add_test(table, table_has_an_end);
    tcase_add_test(table, operations_go_by_it);
    tcase_add_test(table, numbers_change_no_result);
    tcase_add_test(table, bands_change_no_result);
    tcase_add_test(table, table_changes_under_calls);
    return suite;
}
