/* SPDX-License-Identifier: Apache-2.0 */
/* main(), the shared context and random numbers of a test program. Tensors: harness_tensor.c,
 * comparisons: harness_compare.c. */
#include "harness.h"

#include <inttypes.h>
#include <time.h>

static cleat_context *shared_context;
static uint64_t seed;
static uint64_t random_state;
static bool
    one_of_several; /* contexts of this process: without a cache, which each fills at its end */
static bool test_begins; /* and has drawn no number yet */

static void print_log(void *data, const char *message) {
    (void)data;
    fprintf(stderr, "log: %s\n", message);
}

cleat_context *test_context(void) {
    if (shared_context != NULL) {
        return shared_context;
    }
    cleat_context_options options = {.cache = one_of_several ? CLEAT_CACHE_OFF : CLEAT_CACHE_AUTO};
    if (getenv("CLEAT_TEST_LOG") != NULL) {
        options.log = print_log;
    }
    test_ok(cleat_context_create(&options, &shared_context));
    cleat_device_info info;
    test_ok(cleat_context_device(shared_context, &info));
    printf("device: %s (%s, driver %s)\n", info.name, info.platform, info.driver);
    fflush(stdout);
    if (getenv("CLEAT_TEST_TILE") != NULL) {
        test_settle_tile();
    }
    return shared_context;
}

/* ---- Random numbers: SplitMix64 (Steele, Lea & Flood, OOPSLA 2014) ---- */

/* FNV-1a over the test's name, which Check knows once the test runs, and how many of that name have
 * drawn numbers just before it, in a loop. */
static void seed_for_test(void) {
    static char last_name[128];
    static uint64_t place;
    const char *name = tcase_name() != NULL ? tcase_name() : "";
    place = strncmp(name, last_name, sizeof last_name - 1) == 0 ? place + 1 : 0;
    snprintf(last_name, sizeof last_name, "%s", name);
    random_state = UINT64_C(0xCBF29CE484222325) ^ seed;
    for (const char *c = name; *c != '\0'; c++) {
        random_state = (random_state ^ (unsigned char)*c) * UINT64_C(0x100000001B3);
    }
    random_state += place * UINT64_C(0xD1342543DE82EF95);
}

static uint64_t random_bits(void) {
    if (test_begins) {
        seed_for_test();
        test_begins = false;
    }
    random_state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = random_state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

int64_t test_int(int64_t low, int64_t high) {
    /* Not ck_assert: each one that holds writes its place to a file. */
    if (low > high) {
        ck_abort_msg("test_int: empty range %" PRId64 " .. %" PRId64, low, high);
    }
    uint64_t span = (uint64_t)high - (uint64_t)low + 1;
    uint64_t step = span == 0 ? random_bits() : random_bits() % span;
    return (int64_t)((uint64_t)low + step);
}

double test_real(double low, double high) {
    return low + (high - low) * ((double)(random_bits() >> 11) * 0x1p-53);
}

bool test_coin(void) {
    return (random_bits() >> 63) != 0;
}

bool test_device_is_cpu(void) {
    cleat_device_info info;
    test_ok(cleat_context_device(test_context(), &info));
    const char *profile = getenv("CLEAT_PROFILE");
    return info.type == CLEAT_DEVICE_CPU && (profile == NULL || strncmp(profile, "gpu", 3) != 0);
}

void test_settle_tile(void) {
    const char *tile = getenv("CLEAT_TEST_TILE");
    test_ok(cleat_tuning_set(test_context(), "matmul", "gpu_tile", tile != NULL ? tile : "32"));
}

bool test_has_f64(void) {
    cleat_device_info info;
    return cleat_context_device(test_context(), &info) == CLEAT_OK && info.has_fp64;
}

static bool effort_is(const char *name) {
    const char *effort = getenv("CLEAT_TEST_EFFORT");
    return effort != NULL && strcmp(effort, name) == 0;
}

bool test_is_short(void) {
    return effort_is("short") || effort_is("simulator");
}

bool test_skips(void) {
    const bool is_skipped = test_int(0, 2) != 0; /* drawn in any case: what follows is the same */
    return is_skipped && test_is_short() && getenv("CK_RUN_CASE") == NULL;
}

static bool is_software(void) {
    cleat_device_info info;
    return cleat_context_device(test_context(), &info) == CLEAT_OK &&
           info.type == CLEAT_DEVICE_SOFTWARE;
}

bool test_wants_work(int64_t terms) {
    if (effort_is("simulator")) {
        return terms <= 15000;
    }
    return terms <= 2000000 || !test_is_short() || !is_software();
}

bool test_wants(const char *variant) {
    const char *only = getenv("CLEAT_TEST_VARIANT");
    for (const char *at = only; at != NULL; at = strchr(at, ',')) {
        at += *at == ',' ? 1 : 0;
        if (strcspn(at, ",") == strlen(variant) && strncmp(at, variant, strlen(variant)) == 0) {
            return true;
        }
    }
    return only == NULL;
}

bool test_ignores_values(void) {
    return getenv("CLEAT_TEST_BLIND") != NULL;
}

int test_rounds(int n) {
    if (test_is_short()) {
        return n / 4 > 1 ? n / 4 : 1;
    }
    return effort_is("long") ? 20 * n : n;
}

void *test_alloc(int64_t count, size_t size) {
    void *memory = count < 0 ? NULL : calloc(count > 0 ? (size_t)count : 1, size > 0 ? size : 1);
    ck_assert_msg(memory != NULL, "no memory for %" PRId64 " elements of %zu bytes", count, size);
    return memory;
}

static void begin_test(void) {
    test_begins = true;
}

TCase *test_case(Suite *suite, const char *name) {
    TCase *made = tcase_create(name);
    tcase_add_checked_fixture(made, begin_test, NULL);
    suite_add_tcase(suite, made);
    return made;
}

void test_add_case(Suite *suite, const char *name, const TTest *test) {
    tcase_add_test(test_case(suite, name), test);
}

void test_add_loop(Suite *suite, const char *name, const TTest *test, int end) {
    tcase_add_loop_test(test_case(suite, name), test, 0, end);
}

/* ---- main ---- */

/* The same seed every time by default, so that a red run is the change's fault; "random" draws. */
static uint64_t choose_seed(void) {
    const char *text = getenv("CLEAT_TEST_SEED");
    if (text == NULL || *text == '\0') {
        return 1;
    }
    if (strcmp(text, "random") == 0) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        return ((uint64_t)now.tv_sec * UINT64_C(1000000007) + (uint64_t)now.tv_nsec) % 1000000000;
    }
    char *end;
    uint64_t number = strtoull(text, &end, 10);
    if (*end != '\0') {
        fprintf(stderr, "CLEAT_TEST_SEED=%s is neither a number nor \"random\"\n", text);
        exit(2);
    }
    return number;
}

/* Whether every buffer was released. Only asked when all tests passed: one that fails half way
 * leaves its tensors behind. */
static bool buffers_are_gone(void) {
    cleat_context_statistics statistics;
    if (cleat_finish(shared_context) != CLEAT_OK ||
        cleat_context_get_statistics(shared_context, &statistics) != CLEAT_OK) {
        fprintf(stderr, "the context is not usable at the end: %s\n", cleat_error_message());
        return false;
    }
    if (statistics.buffer_bytes != 0) {
        fprintf(stderr, "leak: %" PRIu64 " bytes of buffers are alive at the end\n",
            statistics.buffer_bytes);
        return false;
    }
    return true;
}

void test_profile(const char *profile) {
    if (shared_context != NULL) {
        ck_assert_msg(buffers_are_gone(), "a buffer of the last profile is alive");
        cleat_context_release(shared_context);
        shared_context = NULL;
    }
    one_of_several = true;
    ck_assert(profile != NULL ? setenv("CLEAT_PROFILE", profile, 1) == 0
                              : unsetenv("CLEAT_PROFILE") == 0);
}

int main(void) {
    setenv("CK_MAX_MSG_SIZE", "10000", 0);  /* Check ends the program over longer messages */
    setenv("CLEAT_TUNING_FILE", "none", 1); /* what ships is tested, not what was tuned here */
    seed = choose_seed();
    random_state = seed;
    printf("seed: CLEAT_TEST_SEED=%" PRIu64 "\n", seed);
    fflush(stdout);
    SRunner *runner = srunner_create(test_suite());
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    bool good = srunner_ntests_failed(runner) == 0;
    if (good && srunner_ntests_run(runner) == 0) {
        fprintf(stderr, "no test ran\n");
        good = false;
    }
    srunner_free(runner);
    if (shared_context != NULL) {
        good = good && buffers_are_gone();
        cleat_context_release(shared_context);
    }
    if (good && cleat_host_allocations() != 0) {
        fprintf(stderr, "leak: %zu pieces of host memory are alive at the end\n",
            cleat_host_allocations());
        good = false;
    }
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
