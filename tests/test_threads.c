/* SPDX-License-Identifier: Apache-2.0 */
/* Many threads with one context, or with one each: results, messages and counts stay right. */
#include "faults/fault_operations.h"
#include "harness.h"

#include <pthread.h>
#include <unistd.h>

enum { THREADS = 16 };

/* AddressSanitizer holds freed memory back. */
#if defined(__SANITIZE_ADDRESS__)
#define MEMORY_TELLS false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MEMORY_TELLS false
#endif
#endif
#ifndef MEMORY_TELLS
#define MEMORY_TELLS true
#endif

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

/* ---- All operations at once ---- */

/* An operation and the bytes that it gave alone. */
typedef struct known_run {
    operation_run run;
    unsigned char *want;
} known_run;

typedef struct mixer {
    known_run *known;
    int count, rounds;
    const char *wrong;
    char message[512];
} mixer;

static const char *run_again(known_run *known) {
    operation_run *run = &known->run;
    if (cleat_write(run->context, run->whole, run->before, run->size) != CLEAT_OK ||
        operation_call(run) != CLEAT_OK ||
        cleat_read(run->context, run->whole, run->got, run->size) != CLEAT_OK) {
        return cleat_error_message();
    }
    return memcmp(run->got, known->want, run->size) == 0 || test_ignores_values()
               ? NULL
               : "other results than alone";
}

static void *mix(void *data) {
    mixer *m = data;
    for (int i = 0; i < m->rounds * m->count && m->wrong == NULL; i++) {
        known_run *known = &m->known[i % m->count];
        m->wrong = run_again(known);
        if (m->wrong != NULL) {
            snprintf(m->message, sizeof m->message, "%s: %.400s", known->run.what->name, m->wrong);
        }
    }
    return NULL;
}

/* Every operation of the table, in short runs each fourth, from thread to thread by turns. */
static int fill_mixers(mixer *mixers, cleat_context *context) {
    const int step = test_is_short() ? 4 : 1;
    int number = 0, used = 0;
    for (int list = 0; operation_lists[list] != NULL; list++) {
        for (const operation *o = operation_lists[list]; o->name != NULL; o++, number++) {
            mixer *m = &mixers[used % THREADS];
            if (number % step != 0) {
                continue;
            }
            known_run *known = &m->known[m->count++];
            known->run = operation_open(context, o);
            operation_reset(&known->run);
            test_ok(operation_call(&known->run));
            operation_fetch(&known->run);
            known->want = test_alloc((int64_t)known->run.size, 1);
            memcpy(known->want, known->run.got, known->run.size);
            used++;
        }
    }
    return used;
}

START_TEST(threads_mix_operations) {
    enum { MOST = 32 };
    static mixer mixers[THREADS];
    pthread_t threads[THREADS];
    cleat_context *context;
    test_ok(cleat_context_create(NULL, &context));
    for (int i = 0; i < THREADS; i++) {
        mixers[i] = (mixer){.known = test_alloc(MOST, sizeof(known_run)), .rounds = test_rounds(4)};
    }
    ck_assert_int_le(fill_mixers(mixers, context), MOST * THREADS);
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, mix, &mixers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < THREADS; i++) {
        ck_assert_msg(mixers[i].wrong == NULL, "thread %d: %s", i, mixers[i].message);
        for (int k = 0; k < mixers[i].count; k++) {
            operation_close(&mixers[i].known[k].run);
            free(mixers[i].known[k].want);
        }
        free(mixers[i].known);
    }
    cleat_context_release(context);
}
END_TEST

/* ---- Contexts that come and go ---- */

/* Pages in memory, as Linux tells it; 0 where it does not. */
static long pages_held(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file != NULL) {
        if (fscanf(file, "%*s %ld", &pages) != 1) {
            pages = 0;
        }
        fclose(file);
    }
    return pages;
}

static void make_and_release(int count) {
    for (int i = 0; i < count; i++) {
        worker w = {NULL, 0, 1, NULL};
        test_ok(cleat_context_create(NULL, &w.context));
        w.wrong = work_once(&w, i);
        ck_assert_msg(w.wrong == NULL, "context %d: %s", i, w.wrong);
        cleat_context_release(w.context);
    }
}

/* Bytes by which the process grows while so many contexts come and go. */
static long growth(int count) {
    const long before = pages_held();
    make_and_release(count);
    return (pages_held() - before) * sysconf(_SC_PAGESIZE);
}

/* After a tenth of them a thousand contexts take no more memory: not 4 KiB for each. Drivers grow
 * once in a while for reasons of their own, as much as a hundred contexts would; what contexts
 * leave behind shows the second time as well. */
START_TEST(contexts_come_and_go) {
    const int count = test_is_short() ? 100 : 1000;
    const long most = (long)count * 4096;
    make_and_release(count / 10);
    long grown = growth(count - count / 10);
    printf("%d contexts more: %ld KiB\n", count - count / 10, grown / 1024);
    if (grown >= most && MEMORY_TELLS) {
        grown = growth(count - count / 10);
        printf("and as many again: %ld KiB\n", grown / 1024);
    }
    ck_assert_msg(grown < most || !MEMORY_TELLS, "%ld bytes more after %d contexts", grown, count);
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("threads");
    TCase *cases = test_case(suite, "threads");
    tcase_add_test(cases, threads_share_a_context);
    tcase_add_test(cases, threads_share_a_profile);
    tcase_add_test(cases, threads_have_their_own_contexts);
    test_add_case(suite, "operations", threads_mix_operations);
    test_add_case(suite, "contexts", contexts_come_and_go);
    return suite;
}
