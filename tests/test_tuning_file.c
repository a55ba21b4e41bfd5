/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tuning table's file: read where it should be, never trusted when it is not whole and right,
 * and never spoilt.
 */
#include "harness.h"

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], file[96];
static int log_lines;
static char last_log[512];

static void keep_log(void *data, const char *message) {
    (void)data;
    log_lines++;
    snprintf(last_log, sizeof last_log, "%s", message);
}

static void make_folder(void) {
    strcpy(folder, "/tmp/cleat-test-tuning-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/table", folder);
    log_lines = 0;
}

static void remove_folder(void) {
    unlink(file);
    ck_assert_int_eq(rmdir(folder), 0); /* nothing else was left there */
}

static cleat_context *context_with(const char *tuning_file) {
    cleat_context_options options = {.tuning_file = tuning_file, .log = keep_log};
    cleat_context *context;
    test_ok(cleat_context_create(&options, &context));
    return context;
}

/* ---- The file ---- */

static void write_file(const char *text, size_t size) {
    FILE *stream = fopen(file, "wb");
    ck_assert_ptr_nonnull(stream);
    ck_assert_uint_eq(fwrite(text, 1, size, stream), size);
    ck_assert_int_eq(fclose(stream), 0);
}

static size_t read_file(char *text, size_t capacity) {
    FILE *stream = fopen(file, "rb");
    ck_assert_ptr_nonnull(stream);
    size_t size = fread(text, 1, capacity - 1, stream);
    ck_assert_int_eq(fclose(stream), 0);
    text[size] = '\0';
    return size;
}

static const char *const small_table[] = {"matmul", "small", "plain", "matmul", "k_block", "384",
    "softmax", "inner", "rows columns", NULL};

/* Saves the table above to the file; returns the file's text. */
static size_t save_small_table(char *text, size_t capacity) {
    cleat_context *context = context_with("none");
    for (int i = 0; small_table[i] != NULL; i += 3) {
        test_ok(cleat_tuning_set(context, small_table[i], small_table[i + 1], small_table[i + 2]));
    }
    test_ok(cleat_tuning_save(context, file));
    cleat_context_release(context);
    return read_file(text, capacity);
}

START_TEST(saved_table_is_read) {
    char text[2048];
    make_folder();
    save_small_table(text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "cleat-tuning 1\ndevice "));
    ck_assert_ptr_nonnull(strstr(text, "\nsoftmax inner rows columns\n"));
    cleat_context *context = context_with(file);
    ck_assert_str_eq(cleat_tuning_file(context), file);
    test_tuning_table(context, small_table);
    ck_assert_int_eq(log_lines, 0);

    /* Loading adds; saving to the context's own file replaces what it had for the device. */
    test_ok(cleat_tuning_set(context, "softmax", "outer", "items"));
    test_ok(cleat_tuning_set(context, "matmul", "small", "cpu_direct"));
    test_ok(cleat_tuning_load(context, NULL));
    test_tuning_table(
        context, (const char *[]){"matmul", "small", "plain", "matmul", "k_block", "384", "softmax",
                     "inner", "rows columns", "softmax", "outer", "items", NULL});
    for (int i = 0; small_table[i] != NULL; i += 3) {
        test_ok(cleat_tuning_set(context, small_table[i], small_table[i + 1], NULL));
    }
    test_ok(cleat_tuning_save(context, NULL));
    cleat_context_release(context);
    context = context_with(file);
    test_tuning_table(context, (const char *[]){"softmax", "outer", "items", NULL});
    test_ok(cleat_tuning_set(context, "softmax", "outer", NULL));
    test_ok(cleat_tuning_save(context, NULL));
    cleat_context_release(context);
    read_file(text, sizeof text);
    ck_assert_str_eq(text, "cleat-tuning 1\n");
    remove_folder();
}
END_TEST

START_TEST(other_devices_keep_theirs) {
    static const char others[] = "device Another; Platform; driver 1; 4 units; cleat 9.9.9\n"
                                 "matmul small gpu_tiled\n"
                                 "future_operation some_class x 12\n"
                                 "device Third; Platform; driver 1; 4 units; cleat 9.9.9\n";
    char text[4096], before[2048];
    make_folder();
    snprintf(before, sizeof before, "cleat-tuning 1\n%s", others);
    write_file(before, strlen(before));
    save_small_table(text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, others));
    cleat_context *context = context_with(file);
    test_tuning_table(context, small_table);
    cleat_context_release(context);
    save_small_table(before, sizeof before); /* again: nothing doubles */
    ck_assert_str_eq(before, text);
    ck_assert_int_eq(log_lines, 0);
    remove_folder();
}
END_TEST

/* The context made for a file that is not right: no entries, one line logged; explicit loading and
 * saving are refused, and the file stays as it is. */
static void expect_ignored(const char *part) {
    struct stat before, after;
    ck_assert_int_eq(stat(file, &before), 0);
    log_lines = 0;
    cleat_context *context = context_with(file);
    ck_assert_int_eq(log_lines, 1);
    ck_assert_ptr_nonnull(strstr(last_log, "ignored: "));
    ck_assert_msg(strstr(last_log, part) != NULL, "log \"%s\" lacks \"%s\"", last_log, part);
    ck_assert_uint_eq(test_tuning_count(context), 0);
    test_ok(cleat_tuning_set(context, "matmul", "small", "plain"));
    test_refused(cleat_tuning_load(context, file), CLEAT_INVALID_ARGUMENT, part);
    test_tuning_table(context, (const char *[]){"matmul", "small", "plain", NULL});
    test_refused(cleat_tuning_save(context, NULL), CLEAT_INVALID_ARGUMENT, part);
    cleat_context_release(context);
    ck_assert_int_eq(stat(file, &after), 0);
    ck_assert_int_eq(before.st_size, after.st_size);
    ck_assert_uint_eq(before.st_ino, after.st_ino);
}

START_TEST(cut_file_is_ignored) {
    char text[2048];
    make_folder();
    const size_t size = save_small_table(text, sizeof text);
    size_t lines = 0;
    for (size_t kept = 0; kept < size; kept += 7) {
        write_file(text, kept);
        lines = 0;
        for (size_t i = 0; i < kept; i++) {
            lines += text[i] == '\n';
        }
        char part[32];
        snprintf(part, sizeof part, "line %zu", lines + 1);
        if (kept == 0 || text[kept - 1] != '\n') {
            expect_ignored(part);
        }
    }
    ck_assert_uint_ge(lines, 3);
    remove_folder();
}
END_TEST

START_TEST(wrong_file_is_ignored) {
    char text[2048], changed[4096];
    make_folder();
    const size_t size = save_small_table(text, sizeof text);
    /* For each: what stands in place of the first line, and what comes at the end. */
    static const struct {
        const char *first, *last;
        int line;
    } changes[] = {
        {"cleat-tuning 2\n", "", 1},
        {"cleat-tuning 1 \n", "", 1},
        {"cleat-tuning 1\r\n", "", 1},
        {"#!/bin/sh\n", "", 1},
        {"", "", 1},
        {"cleat-tuning 1\nmatmul small plain\n", "", 2},
        {"cleat-tuning 1\n\n", "", 2},
        {"cleat-tuning 1\n", "matmul\n", 6},
        {"cleat-tuning 1\n", "matmul small\n", 6},
        {"cleat-tuning 1\n", "matmul small \n", 6},
        {"cleat-tuning 1\n", "matmul small  plain\n", 6},
        {"cleat-tuning 1\n", "matmul small plain \n", 6},
        {"cleat-tuning 1\n", "Matmul small plain\n", 6},
        {"cleat-tuning 1\n", "matmul small pl\tain\n", 6},
        {"cleat-tuning 1\n", "matmul small plain\nmatmul large ../../etc\n", 7},
        {"cleat-tuning 1\n", "device other\nmatmul\n", 7},
    };
    const size_t head = strlen("cleat-tuning 1\n");
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        char part[32];
        const int length = snprintf(
            changed, sizeof changed, "%s%s%s", changes[i].first, text + head, changes[i].last);
        write_file(changed, (size_t)length);
        snprintf(part, sizeof part, "line %d", changes[i].line);
        expect_ignored(part);
    }
    /* The device twice; a byte of zero; a line too long; a file too long. */
    snprintf(changed, sizeof changed, "%s%s", text, text + head);
    write_file(changed, strlen(changed));
    expect_ignored("line 6");
    memcpy(changed, text, size);
    changed[size - 3] = '\0';
    write_file(changed, size);
    expect_ignored("line 5");
    memset(changed, 'a', 800);
    memcpy(changed, "cleat-tuning 1\ndevice ", 22);
    changed[799] = '\n';
    write_file(changed, 800);
    expect_ignored("line 2");
    ck_assert_int_eq(truncate(file, (1 << 20) + 1), 0);
    expect_ignored("too large");
    remove_folder();
}
END_TEST

START_TEST(too_many_entries_are_ignored) {
    make_folder();
    char text[16384];
    size_t size = save_small_table(text, sizeof text);
    for (int i = 0; i < 254; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size, "matmul n%d 1\n", i);
    }
    write_file(text, size);
    expect_ignored("line 259");
    remove_folder();
}
END_TEST

/* All of a file or nothing of it. */
START_TEST(a_table_without_room_stays) {
    make_folder();
    char text[1024], name[8];
    save_small_table(text, sizeof text);
    cleat_context *context = context_with("none");
    for (int i = 0; i < 255; i++) {
        snprintf(name, sizeof name, "n%d", i);
        test_ok(cleat_tuning_set(context, "matmul", name, "1"));
    }
    test_refused(cleat_tuning_load(context, file), CLEAT_INVALID_ARGUMENT,
        "no room for more than 256 entries");
    ck_assert_uint_eq(test_tuning_count(context), 255);
    test_ok(cleat_tuning_set(context, "matmul", "n0", NULL));
    test_ok(cleat_tuning_set(context, "matmul", "n1", NULL));
    test_ok(cleat_tuning_load(context, file));
    ck_assert_uint_eq(test_tuning_count(context), 256);
    cleat_context_release(context);
    remove_folder();
}
END_TEST

START_TEST(unreadable_files) {
    make_folder();
    cleat_context *context = context_with(file); /* missing: silently */
    ck_assert_int_eq(log_lines, 0);
    test_refused(cleat_tuning_load(context, NULL), CLEAT_INVALID_ARGUMENT, "not there");
    test_ok(cleat_tuning_set(context, "matmul", "small", "plain"));
    test_refused(cleat_tuning_save(context, "/proc/no/such/table"), CLEAT_INVALID_ARGUMENT,
        "cannot be written");
    test_refused(cleat_tuning_save(context, "/dev/null"), CLEAT_INVALID_ARGUMENT, "no file");
    test_refused(cleat_tuning_save(context, ""), CLEAT_INVALID_ARGUMENT, "no file");
    cleat_context_release(context);
    ck_assert_int_eq(mkdir(file, 0700), 0);
    expect_ignored("it is no file");
    ck_assert_int_eq(rmdir(file), 0);
    remove_folder();
}
END_TEST

/* The file of a context made with these variables set, "" for not at all. */
static void expect_place(
    const char *own, const char *shared, const char *home, const char *option, const char *wanted) {
    setenv("CLEAT_TUNING_FILE", own, 1);
    setenv("XDG_CONFIG_HOME", shared, 1);
    setenv("HOME", home, 1);
    cleat_context *context = context_with(option);
    ck_assert_str_eq(cleat_tuning_file(context), wanted);
    cleat_context_release(context);
}

START_TEST(place_by_option_and_environment) {
    char *home = strdup(getenv("HOME") != NULL ? getenv("HOME") : "");
    char *shared = strdup(getenv("XDG_CONFIG_HOME") != NULL ? getenv("XDG_CONFIG_HOME") : "");
    expect_place("/tmp/a/own", "/tmp/a/shared", "/tmp/a", "/tmp/a/option", "/tmp/a/option");
    expect_place("/tmp/a/own", "/tmp/a/shared", "/tmp/a", NULL, "/tmp/a/own");
    expect_place("/tmp/a/own", "/tmp/a/shared", "/tmp/a", "none", "");
    expect_place("none", "/tmp/a/shared", "/tmp/a", NULL, "");
    expect_place("none", "/tmp/a/shared", "/tmp/a", "/tmp/a/option", "/tmp/a/option");
    expect_place("", "/tmp/a/shared", "/tmp/a", NULL, "/tmp/a/shared/cleat/tuning");
    expect_place("", "not/absolute", home, NULL,
        home[0] != '\0' ? (snprintf(file, sizeof file, "%.60s/.config/cleat/tuning", home), file)
                        : "");
    setenv("CLEAT_TUNING_FILE", "none", 1);
    setenv("HOME", home, 1);
    setenv("XDG_CONFIG_HOME", shared, 1);
    free(home);
    free(shared);
}
END_TEST

START_TEST(folders_are_made) {
    make_folder();
    char deep[160];
    snprintf(deep, sizeof deep, "%s/a/b/table", folder);
    cleat_context *context = context_with(deep);
    test_ok(cleat_tuning_set(context, "matmul", "small", "plain"));
    test_ok(cleat_tuning_save(context, NULL));
    cleat_context_release(context);
    context = context_with(deep);
    ck_assert_uint_eq(test_tuning_count(context), 1);
    cleat_context_release(context);
    ck_assert_int_eq(unlink(deep), 0);
    snprintf(deep, sizeof deep, "%s/a/b", folder);
    ck_assert_int_eq(rmdir(deep), 0);
    snprintf(deep, sizeof deep, "%s/a", folder);
    ck_assert_int_eq(rmdir(deep), 0);
    remove_folder();
}
END_TEST

/* ---- Several at a time ---- */

enum { WRITERS = 3, TURNS = 40 };

/* Saves and loads in turns; what is loaded is always one writer's whole table. */
static void *write_and_read(void *data) {
    cleat_context *context = data;
    for (int turn = 0; turn < TURNS; turn++) {
        if (cleat_tuning_save(context, file) != CLEAT_OK ||
            cleat_tuning_load(context, file) != CLEAT_OK) {
            return "a file was not whole";
        }
    }
    return NULL;
}

START_TEST(several_write_one_file) {
    make_folder();
    pthread_t threads[WRITERS];
    cleat_context *contexts[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        contexts[i] = context_with("none");
        for (int entry = 0; entry < 20 * (i + 1); entry++) {
            char name[16];
            snprintf(name, sizeof name, "n%d", entry);
            test_ok(cleat_tuning_set(contexts[i], "matmul", name, "12345"));
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, write_and_read, contexts[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        void *wrong = NULL;
        ck_assert_int_eq(pthread_join(threads[i], &wrong), 0);
        ck_assert_msg(wrong == NULL, "%s", (const char *)wrong);
        cleat_context_release(contexts[i]);
    }
    remove_folder();
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("tuning file");
    TCase *files = test_case(suite, "file");
    tcase_add_test(files, saved_table_is_read);
    tcase_add_test(files, other_devices_keep_theirs);
    tcase_add_test(files, cut_file_is_ignored);
    tcase_add_test(files, wrong_file_is_ignored);
    tcase_add_test(files, too_many_entries_are_ignored);
    tcase_add_test(files, a_table_without_room_stays);
    tcase_add_test(files, unreadable_files);
    tcase_add_test(files, place_by_option_and_environment);
    tcase_add_test(files, folders_are_made);
    tcase_add_test(files, several_write_one_file);
    return suite;
}
