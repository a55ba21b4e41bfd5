/* SPDX-License-Identifier: Apache-2.0 */
/* Built kernels in a place that the program provides, and in an archive that can be shipped; a
 * context that compiles nothing; what is in the folder. test_cache.c is about its entries. */
#include "harness.h"

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

static int log_lines;

static void count_log(void *data, const char *message) {
    (void)data;
    (void)message;
    log_lines++;
}

/* relu(x), or x + x: a kernel each. */
static cleat_status run_kernel(cleat_context *context, bool adds) {
    const float in[3] = {-1, 2, 3};
    const float sum[3] = {-2, 4, 6};
    const float relu[3] = {0, 2, 3};
    float out[3] = {0};
    cleat_tensor x;
    test_ok(cleat_tensor_create(context, CLEAT_F32, 1, (int64_t[]){3}, &x));
    test_ok(cleat_write(context, x, in, sizeof in));
    cleat_status status =
        adds ? cleat_add(context, x, x, x) : cleat_activate(context, CLEAT_RELU, x, x, NULL);
    test_ok(cleat_read(context, x, out, sizeof out));
    const float *want = status != CLEAT_OK ? in : adds ? sum : relu;
    ck_assert_int_eq(memcmp(out, want, sizeof out), 0);
    cleat_tensor_release(&x);
    return status;
}

/* A context's life; how many of its kernels were built, loaded and rejected goes to counts. */
static void use(const cleat_context_options *given, bool adds, int counts[3]) {
    cleat_context_options options = *given;
    cleat_context_statistics statistics;
    cleat_context *context;
    options.log = count_log;
    test_ok(cleat_context_create(&options, &context));
    test_ok(run_kernel(context, false));
    if (adds) {
        test_ok(run_kernel(context, true));
    }
    test_ok(cleat_context_get_statistics(context, &statistics));
    cleat_context_release(context);
    counts[0] = (int)statistics.kernels_built;
    counts[1] = (int)statistics.kernels_loaded;
    counts[2] = (int)statistics.cache_rejected;
}

static void expect(
    const cleat_context_options *options, bool adds, int built, int loaded, int rejected) {
    int counts[3];
    use(options, adds, counts);
    ck_assert_msg(counts[0] == built && counts[1] == loaded && counts[2] == rejected,
        "built %d, loaded %d, rejected %d, wanted %d, %d, %d", counts[0], counts[1], counts[2],
        built, loaded, rejected);
}

static cleat_cache_archive *open_archive(const char *path) {
    cleat_cache_archive *archive = NULL;
    test_ok(cleat_cache_archive_open(path, &archive));
    return archive;
}

static char file[64];

static void make_file(void) {
    strcpy(file, "/tmp/cleat-test-archive-XXXXXX");
    int descriptor = mkstemp(file);
    ck_assert_int_ge(descriptor, 0);
    close(descriptor);
}

/* ---- Archives ---- */

START_TEST(archive_serves_contexts) {
    cleat_cache_archive *archive = open_archive(NULL);
    cleat_cache_store store = cleat_cache_archive_store(archive);
    const cleat_context_options options = {.cache_store = &store};
    log_lines = 0;
    expect(&options, false, 1, 0, 0);
    expect(&options, true, 1, 1, 0);
    expect(&options, true, 0, 2, 0);
    expect(
        &(cleat_context_options){.cache_store = &store, .cache = CLEAT_CACHE_OFF}, true, 2, 0, 0);
    ck_assert_int_eq(log_lines, 0);
    cleat_cache_archive_close(archive);
}
END_TEST

/* What a program ships: the file, from which another process takes all it needs. */
START_TEST(archive_is_shipped) {
    make_file();
    cleat_cache_archive *archive = open_archive(NULL);
    cleat_cache_store store = cleat_cache_archive_store(archive);
    expect(&(cleat_context_options){.cache_store = &store}, false, 1, 0, 0);
    test_ok(cleat_cache_archive_save(archive, file));
    cleat_cache_archive_close(archive);

    archive = open_archive(file);
    store = cleat_cache_archive_store(archive);
    const cleat_context_options only = {.cache_store = &store, .cache = CLEAT_CACHE_ONLY};
    expect(&only, false, 0, 1, 0);
    cleat_context *context;
    test_ok(cleat_context_create(&only, &context));
    for (int again = 0; again < 2; again++) {
        test_refused(run_kernel(context, true), CLEAT_UNSUPPORTED, "is not in the cache");
        ck_assert_ptr_nonnull(strstr(cleat_error_message(), "add: kernel elementwise"));
        test_ok(run_kernel(context, false));
    }
    cleat_context_release(context);
    /* With what was missing added, and saved over the old file. */
    expect(&(cleat_context_options){.cache_store = &store}, true, 1, 1, 0);
    test_ok(cleat_cache_archive_save(archive, file));
    cleat_cache_archive_close(archive);
    archive = open_archive(file);
    store = cleat_cache_archive_store(archive);
    expect(&only, true, 0, 2, 0);
    cleat_cache_archive_close(archive);
    ck_assert_int_eq(unlink(file), 0);
}
END_TEST

START_TEST(damaged_archives_are_refused) {
    make_file();
    cleat_cache_archive *archive = open_archive(NULL);
    cleat_cache_store store = cleat_cache_archive_store(archive);
    ck_assert(store.store(store.data, "0123456789abcdef0123456789abcdef", "entry", 5));
    ck_assert(store.store(store.data, "0123456789abcdef0123456789abcde0", "another one", 11));
    test_ok(cleat_cache_archive_save(archive, file));
    cleat_cache_archive_close(archive);
    unsigned char whole[400], broken[401];
    FILE *f = fopen(file, "rb");
    size_t size = fread(whole, 1, sizeof whole, f);
    fclose(f);
    ck_assert_uint_gt(size, 100);
    ck_assert_uint_lt(size, sizeof whole);
    for (size_t round = 0; round < 2 * size + 1; round++) {
        size_t length = round < size ? size : round < 2 * size ? round - size : size + 1;
        memcpy(broken, whole, size);
        broken[size] = 0;
        if (round < size) {
            broken[round] ^= (unsigned char)(1 << test_int(0, 7));
        }
        f = fopen(file, "wb");
        ck_assert_uint_eq(fwrite(broken, 1, length, f), length);
        ck_assert_int_eq(fclose(f), 0);
        archive = NULL;
        test_refused(
            cleat_cache_archive_open(file, &archive), CLEAT_INVALID_ARGUMENT, "no whole archive");
        ck_assert_ptr_null(archive);
    }
    ck_assert_int_eq(unlink(file), 0);
}
END_TEST

START_TEST(archive_keeps_entries) {
    cleat_cache_archive *archive = open_archive(NULL);
    cleat_cache_store store = cleat_cache_archive_store(archive);
    const char *name = "0123456789abcdef0123456789abcdef";
    char entry[8] = "_______";
    ck_assert_uint_eq(store.load(store.data, name, entry, sizeof entry), 0);
    ck_assert(store.store(store.data, name, "first", 6));
    ck_assert(store.store(store.data, name, "2nd", 4));
    ck_assert_uint_eq(store.load(store.data, name, entry, 3), 4);
    ck_assert_str_eq(entry, "_______");
    ck_assert_uint_eq(store.load(store.data, name, entry, sizeof entry), 4);
    ck_assert_str_eq(entry, "2nd");
    ck_assert(!store.store(store.data, name, "", 0));
    ck_assert(!store.store(store.data, "../../etc/passwd", "x", 1));
    ck_assert(!store.store(store.data, "0123456789abcdef0123456789abcdef0", "x", 1));
    ck_assert_uint_eq(store.load(store.data, "0123456789abcdef", entry, sizeof entry), 0);
    cleat_cache_archive_close(archive);
}
END_TEST

typedef struct user {
    const cleat_context_options *options;
    int kernels; /* built and loaded; a failing check would not stop its thread */
} user;

static void *use_in_thread(void *data) {
    user *u = data;
    for (int i = 0; i < 3; i++) {
        int counts[3];
        use(u->options, true, counts);
        u->kernels += counts[0] + counts[1];
    }
    return NULL;
}

START_TEST(threads_share_an_archive) {
    cleat_cache_archive *archive = open_archive(NULL);
    cleat_cache_store store = cleat_cache_archive_store(archive);
    cleat_context_options options = {.cache_store = &store};
    pthread_t threads[4];
    user users[4];
    for (int i = 0; i < 4; i++) {
        users[i] = (user){&options, 0};
        ck_assert_int_eq(pthread_create(&threads[i], NULL, use_in_thread, &users[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        ck_assert_int_eq(users[i].kernels, 6);
    }
    expect(&options, true, 0, 2, 0);
    cleat_cache_archive_close(archive);
}
END_TEST

START_TEST(archive_refusals) {
    cleat_cache_archive *archive = NULL;
    test_refused(cleat_cache_archive_open(NULL, NULL), CLEAT_INVALID_ARGUMENT, "archive is NULL");
    test_refused(cleat_cache_archive_open("/nowhere/a", &archive), CLEAT_INVALID_ARGUMENT,
        "/nowhere/a cannot be read");
    test_refused(
        cleat_cache_archive_open("/", &archive), CLEAT_INVALID_ARGUMENT, "no regular file");
    test_refused(
        cleat_cache_archive_open("/dev/null", &archive), CLEAT_INVALID_ARGUMENT, "/dev/null");
    ck_assert_ptr_null(archive);
    cleat_cache_archive_close(NULL);
    archive = open_archive(NULL);
    test_refused(cleat_cache_archive_save(archive, NULL), CLEAT_INVALID_ARGUMENT, "path is NULL");
    test_refused(cleat_cache_archive_save(NULL, "x"), CLEAT_INVALID_ARGUMENT, "archive is NULL");
    test_refused(cleat_cache_archive_save(archive, "/proc/cleat/a"), CLEAT_INVALID_ARGUMENT,
        "/proc/cleat/a cannot be written");
    test_refused(cleat_cache_archive_save(archive, "/proc/self/a"), CLEAT_INVALID_ARGUMENT,
        "/proc/self/a cannot be written");
    char far_away[8192];
    memset(far_away, 'a', sizeof far_away - 1);
    far_away[sizeof far_away - 1] = '\0';
    test_refused(cleat_cache_archive_save(archive, far_away), CLEAT_INVALID_ARGUMENT, "save: aaa");
    cleat_cache_archive_close(archive);
}
END_TEST

/* ---- A place of the program's own, which misbehaves ---- */

typedef struct odd_place {
    cleat_cache_store good;
    bool changes, full;
    int loads, stores;
} odd_place;

static size_t odd_load(void *data, const char *name, void *entry, size_t capacity) {
    odd_place *odd = data;
    odd->loads++;
    size_t size = odd->good.load(odd->good.data, name, entry, capacity);
    return odd->changes && capacity > 0 ? size + 1 : size;
}

static bool odd_store(void *data, const char *name, const void *entry, size_t size) {
    odd_place *odd = data;
    odd->stores++;
    return !odd->full && odd->good.store(odd->good.data, name, entry, size);
}

START_TEST(places_that_misbehave) {
    cleat_cache_archive *archive = open_archive(NULL);
    odd_place odd = {.good = cleat_cache_archive_store(archive), .full = true};
    cleat_cache_store store = {.load = odd_load, .store = odd_store, .data = &odd};
    const cleat_context_options options = {.cache_store = &store};
    log_lines = 0;
    expect(&options, false, 1, 0, 0);
    ck_assert_int_eq(log_lines, 1);
    odd.full = false;
    expect(&options, false, 1, 0, 0);
    ck_assert_int_eq(odd.stores, 2);
    expect(&options, false, 0, 1, 0);
    odd.changes = true;
    expect(&options, false, 1, 0, 1);
    odd.changes = false;
    store.store = NULL; /* only read */
    log_lines = 0;
    expect(&options, true, 1, 1, 0);
    expect(&options, true, 1, 1, 0);
    ck_assert_int_eq(log_lines, 0);
    cleat_cache_archive_close(archive);
}
END_TEST

START_TEST(option_refusals) {
    cleat_context *context = NULL;
    cleat_cache_store none = {.load = NULL};
    test_refused(cleat_context_create(&(cleat_context_options){.cache_store = &none}, &context),
        CLEAT_INVALID_ARGUMENT, "no function load");
    test_refused(
        cleat_context_create(&(cleat_context_options){.cache = (cleat_cache_mode)4}, &context),
        CLEAT_INVALID_ARGUMENT, "cache is 4");
    ck_assert_ptr_null(context);
}
END_TEST

/* ---- The folder ---- */

START_TEST(folder_is_told_and_cleared) {
    char folder[] = "/tmp/cleat-test-folder-XXXXXX";
    char other[80];
    cleat_cache_folder info;
    uint64_t removed = 77;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    test_ok(cleat_cache_folder_info(folder, &info));
    ck_assert_str_eq(info.path, folder);
    ck_assert(info.exists && info.writable && info.entries == 0 && info.bytes == 0);
    /* One that is not there, in the folder where the program is. */
    test_ok(cleat_cache_folder_info("cleat-test-no-such-folder", &info));
    ck_assert(!info.exists && info.writable == (access(".", W_OK) == 0));
    const cleat_context_options only = {.cache_dir = folder, .cache = CLEAT_CACHE_ONLY};
    cleat_context *context;
    test_ok(cleat_context_create(&only, &context));
    test_refused(run_kernel(context, false), CLEAT_UNSUPPORTED, folder);
    cleat_context_release(context);
    expect(&(cleat_context_options){.cache_dir = folder, .cache = CLEAT_CACHE_ON}, true, 2, 0, 0);
    expect(&only, true, 0, 2, 0);
    test_ok(cleat_cache_folder_info(folder, &info));
    ck_assert_uint_eq(info.entries, 2);
    ck_assert_uint_gt(info.bytes, 1000);
    /* What is no entry stays. */
    snprintf(other, sizeof other, "%s/notes.bin", folder);
    FILE *f = fopen(other, "w");
    ck_assert_ptr_nonnull(f);
    fclose(f);
    test_ok(cleat_cache_folder_clear(folder, &removed));
    ck_assert_uint_eq(removed, 2);
    ck_assert_int_eq(access(other, F_OK), 0);
    test_ok(cleat_cache_folder_clear(folder, NULL));
    test_ok(cleat_cache_folder_info(folder, &info));
    ck_assert_uint_eq(info.entries, 0);
    ck_assert_int_eq(unlink(other), 0);
    ck_assert_int_eq(rmdir(folder), 0);
    test_ok(cleat_cache_folder_info(folder, &info));
    ck_assert(!info.exists && info.writable); /* it can be made */
    test_ok(cleat_cache_folder_info("/dev/null/below", &info));
    ck_assert(!info.exists && !info.writable);
    test_ok(cleat_cache_folder_clear("/proc/nowhere", &removed));
    ck_assert_uint_eq(removed, 0);
    test_refused(cleat_cache_folder_info(folder, NULL), CLEAT_INVALID_ARGUMENT, "folder is NULL");
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("cache archive");
    TCase *cases = test_case(suite, "cache archive");
    tcase_add_test(cases, archive_serves_contexts);
    tcase_add_test(cases, archive_is_shipped);
    tcase_add_test(cases, damaged_archives_are_refused);
    tcase_add_test(cases, archive_keeps_entries);
    tcase_add_test(cases, threads_share_an_archive);
    tcase_add_test(cases, archive_refusals);
    tcase_add_test(cases, places_that_misbehave);
    tcase_add_test(cases, option_refusals);
    tcase_add_test(cases, folder_is_told_and_cleared);
    return suite;
}
