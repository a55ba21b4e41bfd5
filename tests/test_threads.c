/* SPDX-License-Identifier: Apache-2.0 */
/* Many threads with one context: results, messages and counts stay right. */
#include "harness.h"

#include <pthread.h>

enum { THREADS = 8 };

typedef struct worker {
    cleat_context *context;
    int number, rounds;
    const char *wrong; /* what went wrong first; NULL when nothing did */
} worker;

/* Fills, turns, copies and reads tensors of its own, again and again, and makes mistakes between:
 * no Check in here, which knows one thread. */
static const char *work_once(worker *w, int round) {
    enum { ROWS = 6, COLUMNS = 10, COUNT = ROWS * COLUMNS };
    int32_t data[COUNT];
    int32_t got[COUNT];
    char mistake[32];
    cleat_tensor x = {.buffer = NULL};
    cleat_tensor y = {.buffer = NULL};
    const char *wrong = NULL;
    cleat_type type = round % 3 == 0 ? CLEAT_F32 : CLEAT_I32;
    for (int i = 0; i < COUNT; i++) {
        data[i] = w->number * 1000000 + round * 1000 + i;
    }
    if (cleat_tensor_create(w->context, type, 2, (int64_t[]){ROWS, COLUMNS}, &x) != CLEAT_OK ||
        cleat_tensor_create(w->context, type, 2, (int64_t[]){COLUMNS, ROWS}, &y) != CLEAT_OK ||
        cleat_write(w->context, x, data, sizeof data) != CLEAT_OK ||
        cleat_copy(w->context, cleat_transpose(x), y) != CLEAT_OK) {
        wrong = "a call failed";
    }
    snprintf(mistake, sizeof mistake, "axis %d", 100 + w->number);
    if (cleat_slice(x, 100 + w->number, 0, 1, 1, &x) != CLEAT_INVALID_ARGUMENT ||
        strstr(cleat_error_message(), mistake) == NULL) {
        wrong = "a thread reads another one's message";
    }
    if (wrong == NULL && cleat_read(w->context, cleat_transpose(y), got, sizeof got) != CLEAT_OK) {
        wrong = "the read failed";
    }
    if (wrong == NULL && memcmp(data, got, sizeof data) != 0) {
        wrong = "the data is wrong";
    }
    cleat_tensor_release(&x);
    cleat_tensor_release(&y);
    return wrong;
}

static void *work(void *data) {
    worker *w = data;
    for (int round = 0; round < w->rounds && w->wrong == NULL; round++) {
        w->wrong = work_once(w, round);
    }
    return NULL;
}

static void run_threads(cleat_context *shared, int rounds) {
    pthread_t threads[THREADS];
    worker workers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){shared, i, rounds, NULL};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < THREADS; i++) {
        ck_assert_msg(workers[i].wrong == NULL, "thread %d: %s", i, workers[i].wrong);
    }
}

static void share_context(bool profiling) {
    cleat_context_options options = {.profiling = profiling, .scratch_limit = 8192};
    cleat_context_statistics statistics;
    cleat_context *context;
    int rounds = test_rounds(40);
    test_ok(cleat_context_create(&options, &context));
    run_threads(context, rounds);
    test_ok(cleat_context_get_statistics(context, &statistics));
    ck_assert_uint_eq(statistics.buffer_bytes, 0);
    ck_assert_uint_le(statistics.kernels_built + statistics.kernels_loaded, 2);
    ck_assert_uint_eq(statistics.kernels_launched, (uint64_t)(2 * THREADS * rounds));
    cleat_context_release(context);
}

START_TEST(threads_share_a_context) {
    share_context(false);
}
END_TEST

START_TEST(threads_share_a_profile) {
    share_context(true);
}
END_TEST

static void *make_contexts(void *data) {
    worker *w = data;
    for (int round = 0; round < w->rounds && w->wrong == NULL; round++) {
        if (cleat_context_create(NULL, &w->context) != CLEAT_OK) {
            w->wrong = "no context";
        } else {
            w->wrong = work_once(w, round);
            cleat_context_release(w->context);
        }
    }
    return NULL;
}

START_TEST(threads_have_their_own_contexts) {
    pthread_t threads[THREADS];
    worker workers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){NULL, i, test_rounds(3), NULL};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, make_contexts, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_msg(workers[i].wrong == NULL, "thread %d: %s", i, workers[i].wrong);
    }
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("threads");
    TCase *cases = test_case(suite, "threads");
    tcase_add_test(cases, threads_share_a_context);
    tcase_add_test(cases, threads_share_a_profile);
    tcase_add_test(cases, threads_have_their_own_contexts);
    return suite;
}
