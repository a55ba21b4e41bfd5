/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disk cache: used when it is good, never trusted when it is not, never in the way. Every case
 * runs a kernel through a context of its own and looks at the result and at the statistics.
 */
#include "harness.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char folder[64];
static int log_lines;

static void count_log(void *data, const char *message) {
    (void)data;
    (void)message;
    log_lines++;
}

static void make_folder(void) {
    strcpy(folder, "/tmp/cleat-test-cache-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    log_lines = 0;
}

/* Calls `visit` for each entry of the folder, in the order of the names; returns how many. */
static int each_entry(void (*visit)(const char *path)) {
    struct dirent **names;
    int entries = 0;
    int count = scandir(folder, &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        if (names[i]->d_name[0] != '.') {
            snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
            entries++;
            if (visit != NULL) {
                visit(path);
            }
        }
        free(names[i]);
    }
    if (count >= 0) {
        free(names);
    }
    return entries;
}

static void remove_entry(const char *path) {
    if (unlink(path) != 0) {
        rmdir(path);
    }
}

static void remove_folder(void) {
    each_entry(remove_entry);
    ck_assert_int_eq(rmdir(folder), 0);
}

/* Turns a matrix of bytes or of words on the device, which takes one kernel. */
static void transpose_on(cleat_context *context, cleat_type type) {
    enum { ROWS = 3, COLUMNS = 5 };
    unsigned char from[ROWS * COLUMNS * 8];
    unsigned char to[ROWS * COLUMNS * 8];
    size_t size = cleat_type_size(type);
    cleat_tensor x;
    cleat_tensor y;
    for (size_t i = 0; i < sizeof from; i++) {
        from[i] = (unsigned char)(i * 7 + 1);
    }
    test_ok(cleat_tensor_create(context, type, 2, (int64_t[]){ROWS, COLUMNS}, &x));
    test_ok(cleat_tensor_create(context, type, 2, (int64_t[]){COLUMNS, ROWS}, &y));
    test_ok(cleat_write(context, x, from, ROWS * COLUMNS * size));
    test_ok(cleat_copy(context, cleat_transpose(x), y));
    test_ok(cleat_read(context, y, to, ROWS * COLUMNS * size));
    for (size_t i = 0; i < ROWS * COLUMNS; i++) {
        size_t source = i % ROWS * COLUMNS + i / ROWS;
        ck_assert_int_eq(memcmp(to + i * size, from + source * size, size), 0);
    }
    cleat_tensor_release(&x);
    cleat_tensor_release(&y);
}

/* One context's life with the cache in `directory`: the kernels for bytes, for words, or both. */
static cleat_context_statistics use_cache(
    const char *directory, cleat_cache_mode mode, bool bytes, bool words) {
    cleat_context_options options = {.cache_dir = directory, .cache = mode, .log = count_log};
    cleat_context_statistics statistics;
    cleat_context *context;
    test_ok(cleat_context_create(&options, &context));
    if (bytes) {
        transpose_on(context, CLEAT_U8);
    }
    if (words) {
        transpose_on(context, CLEAT_I32);
    }
    test_ok(cleat_context_get_statistics(context, &statistics));
    ck_assert_uint_eq(statistics.buffer_bytes, 0);
    cleat_context_release(context);
    return statistics;
}

static void expect(cleat_context_statistics s, int built, int loaded, int rejected) {
    ck_assert_msg(s.kernels_built == (uint64_t)built && s.kernels_loaded == (uint64_t)loaded &&
                      s.cache_rejected == (uint64_t)rejected,
        "built %" PRIu64 ", loaded %" PRIu64 ", rejected %" PRIu64 ", wanted %d, %d, %d",
        s.kernels_built, s.kernels_loaded, s.cache_rejected, built, loaded, rejected);
}

START_TEST(second_context_loads) {
    make_folder();
    expect(use_cache(folder, CLEAT_CACHE_ON, true, true), 2, 0, 0);
    ck_assert_int_eq(each_entry(NULL), 2);
    expect(use_cache(folder, CLEAT_CACHE_ON, true, true), 0, 2, 0);
    ck_assert_int_eq(log_lines, 0);
    remove_folder();
}
END_TEST

START_TEST(one_context_builds_once) {
    cleat_context_statistics statistics;
    cleat_context *context;
    cleat_context_options options = {.cache = CLEAT_CACHE_OFF};
    test_ok(cleat_context_create(&options, &context));
    transpose_on(context, CLEAT_I32);
    transpose_on(context, CLEAT_F32);
    test_ok(cleat_context_get_statistics(context, &statistics));
    ck_assert_uint_eq(statistics.kernels_built, 1);
    ck_assert_uint_ge(statistics.kernels_launched, 2);
    ck_assert(statistics.build_seconds > 0);
    cleat_context_release(context);
}
END_TEST

/* What the default is depends on the driver; on PoCL it is to store one program at least at the
 * context's end. */
START_TEST(automatic_stores_in_the_end) {
    make_folder();
    cleat_device_info device;
    test_ok(cleat_context_device(test_context(), &device));
    bool on_pocl = strstr(device.platform, "Portable Computing Language") != NULL;
    if (on_pocl && getenv("CLEAT_KERNEL_DIR") == NULL) {
        expect(use_cache(folder, CLEAT_CACHE_AUTO, true, false), 1, 0, 0);
        ck_assert_int_eq(each_entry(NULL), 1);
        expect(use_cache(folder, CLEAT_CACHE_AUTO, true, true), 1, 1, 0);
        ck_assert_int_eq(each_entry(NULL), 2);
        expect(use_cache(folder, CLEAT_CACHE_AUTO, true, true), 0, 2, 0);
        ck_assert_int_eq(setenv("CLEAT_KERNEL_DIR", "/nowhere", 1), 0);
        expect(use_cache(folder, CLEAT_CACHE_AUTO, true, true), 2, 0, 0);
        unsetenv("CLEAT_KERNEL_DIR");
    } else {
        use_cache(folder, CLEAT_CACHE_AUTO, true, false);
    }
    ck_assert_int_eq(log_lines, 0);
    remove_folder();
}
END_TEST

START_TEST(off_touches_nothing) {
    char below[PATH_MAX];
    make_folder();
    snprintf(below, sizeof below, "%s/below", folder);
    expect(use_cache(below, CLEAT_CACHE_OFF, true, false), 1, 0, 0);
    ck_assert_int_eq(each_entry(NULL), 0);
    remove_folder();
}
END_TEST

START_TEST(folders_are_made_private) {
    char below[PATH_MAX];
    char deeper[PATH_MAX];
    struct stat about;
    char whole[64];
    make_folder();
    strcpy(whole, folder);
    snprintf(below, sizeof below, "%s/a", folder);
    snprintf(deeper, sizeof deeper, "%s/a/b", folder);
    expect(use_cache(deeper, CLEAT_CACHE_ON, true, false), 1, 0, 0);
    ck_assert_int_eq(stat(deeper, &about), 0);
    ck_assert_int_eq(about.st_mode & 0777, 0700);
    snprintf(folder, sizeof folder, "%.40s/a/b", whole);
    ck_assert_int_eq(each_entry(remove_entry), 1);
    ck_assert_int_eq(rmdir(deeper), 0);
    strcpy(folder, whole);
    remove_folder();
}
END_TEST

START_TEST(environment_names_the_folder) {
    const char *old = getenv("CLEAT_CACHE_DIR");
    char *kept = old != NULL ? strdup(old) : NULL;
    make_folder();
    setenv("CLEAT_CACHE_DIR", folder, 1);
    expect(use_cache(NULL, CLEAT_CACHE_ON, true, false), 1, 0, 0);
    ck_assert_int_eq(each_entry(NULL), 1);
    unsetenv("CLEAT_CACHE_DIR");
    if (kept != NULL) {
        setenv("CLEAT_CACHE_DIR", kept, 1);
    }
    free(kept);
    remove_folder();
}
END_TEST

/* ---- Entries that must not be trusted ---- */

typedef struct file_content {
    unsigned char *bytes;
    long size;
} file_content;

static file_content read_file(const char *path) {
    file_content content = {NULL, 0};
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    fseek(file, 0, SEEK_END);
    content.size = ftell(file);
    rewind(file);
    content.bytes = test_alloc(content.size + 64, 1);
    ck_assert_int_eq((long)fread(content.bytes, 1, (size_t)content.size, file), content.size);
    fclose(file);
    return content;
}

static void write_file(const char *path, const unsigned char *bytes, long size) {
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq((long)fwrite(bytes, 1, (size_t)size, file), size);
    ck_assert_int_eq(fclose(file), 0);
}

static void mutate(const char *path) {
    file_content whole = read_file(path);
    long size = whole.size;
    /* Every part is met: half of the changes fall into the header. */
    long at = (long)test_int(0, test_coin() ? 47 : size - 1);
    switch (test_int(0, 5)) {
    case 0:
        size = (long)test_int(0, size - 1);
        break;
    case 1:
        whole.bytes[at] ^= (unsigned char)(1 << test_int(0, 7));
        break;
    case 2:
        for (int i = 0; i < 16; i++) {
            whole.bytes[test_int(0, size - 1)] ^= (unsigned char)test_int(1, 255);
        }
        break;
    case 3:
        size += (long)test_int(1, 64);
        break;
    case 4:
        memset(whole.bytes + size - at - 1, whole.bytes[size - at - 1] + 1, (size_t)at + 1);
        break;
    default:
        size--;
        break;
    }
    write_file(path, whole.bytes, size);
    free(whole.bytes);
}

START_TEST(mutated_entries_are_rebuilt) {
    make_folder();
    expect(use_cache(folder, CLEAT_CACHE_ON, true, false), 1, 0, 0);
    const bool is_long = test_rounds(1) > 1;
    for (int round = is_long ? 10000 : test_rounds(60); round > 0; round--) {
        ck_assert_int_eq(each_entry(mutate), 1);
        log_lines = 0;
        expect(use_cache(folder, CLEAT_CACHE_ON, true, false), 1, 0, 1);
        ck_assert_int_eq(log_lines, 1);
    }
    expect(use_cache(folder, CLEAT_CACHE_ON, true, false), 0, 1, 0);
    remove_folder();
}
END_TEST

static char paths[2][PATH_MAX];
static int path_count;

static void note_path(const char *path) {
    if (path_count < 2) {
        strcpy(paths[path_count++], path);
    }
}

START_TEST(swapped_entries_are_rebuilt) {
    make_folder();
    expect(use_cache(folder, CLEAT_CACHE_ON, true, true), 2, 0, 0);
    path_count = 0;
    ck_assert_int_eq(each_entry(note_path), 2);
    file_content first = read_file(paths[0]);
    file_content second = read_file(paths[1]);
    write_file(paths[0], second.bytes, second.size);
    write_file(paths[1], first.bytes, first.size);
    expect(use_cache(folder, CLEAT_CACHE_ON, true, true), 2, 0, 2);
    expect(use_cache(folder, CLEAT_CACHE_ON, true, true), 0, 2, 0);
    free(first.bytes);
    free(second.bytes);
    remove_folder();
}
END_TEST

static void become_folder(const char *path) {
    unlink(path);
    mkdir(path, 0700);
}

START_TEST(a_folder_in_an_entrys_place) {
    make_folder();
    expect(use_cache(folder, CLEAT_CACHE_ON, true, false), 1, 0, 0);
    each_entry(become_folder);
    expect(use_cache(folder, CLEAT_CACHE_ON, true, false), 1, 0, 1);
    ck_assert_int_eq(each_entry(NULL), 1);
    remove_folder();
}
END_TEST

static void let_all_write(const char *path) {
    ck_assert_int_eq(chmod(path, 0620), 0);
}

static void give_away(const char *path) {
    ck_assert_int_eq(chown(path, 65534, 65534), 0);
}

/* What somebody else may have written is not trusted. */
START_TEST(entries_of_others_are_rebuilt) {
    make_folder();
    expect(use_cache(folder, CLEAT_CACHE_ON, true, false), 1, 0, 0);
    each_entry(let_all_write);
    expect(use_cache(folder, CLEAT_CACHE_ON, true, false), 1, 0, 1);
    expect(use_cache(folder, CLEAT_CACHE_ON, true, false), 0, 1, 0);
    if (geteuid() == 0) { /* nobody else can give files away */
        each_entry(give_away);
        expect(use_cache(folder, CLEAT_CACHE_ON, true, false), 1, 0, 1);
        expect(use_cache(folder, CLEAT_CACHE_ON, true, false), 0, 1, 0);
    }
    remove_folder();
}
END_TEST

/* ---- The limit ---- */

static uint64_t entry_bytes[4];
static int entry_count;

static void note_size(const char *path) {
    struct stat about;
    ck_assert_int_eq(stat(path, &about), 0);
    entry_bytes[entry_count++] = (uint64_t)about.st_size;
}

static uint64_t folder_bytes(void) {
    entry_count = 0;
    uint64_t bytes = 0;
    const int entries = each_entry(note_size);
    for (int i = 0; i < entries; i++) {
        bytes += entry_bytes[i];
    }
    return bytes;
}

/* As if it had last been used an hour ago. */
static void make_older(const char *path) {
    const struct timespec then = {.tv_sec = time(NULL) - 3600};
    const struct timespec times[2] = {then, then};
    ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

static cleat_context_statistics use_limited(uint64_t limit, cleat_type type) {
    const cleat_context_options options = {
        .cache_dir = folder, .cache = CLEAT_CACHE_ON, .cache_limit = limit, .log = count_log};
    cleat_context_statistics statistics;
    cleat_context *context;
    test_ok(cleat_context_create(&options, &context));
    transpose_on(context, type);
    test_ok(cleat_context_get_statistics(context, &statistics));
    cleat_context_release(context);
    return statistics;
}

START_TEST(the_least_recently_used_goes_first) {
    cleat_cache_folder about;
    make_folder();
    expect(use_cache(folder, CLEAT_CACHE_ON, true, true), 2, 0, 0);
    const uint64_t two = folder_bytes();
    each_entry(make_older);
    expect(use_limited(two + 100, CLEAT_U8), 0, 1, 0); /* reading is use */
    expect(use_limited(two + two / 4, CLEAT_F64), 1, 0, 0);
    ck_assert_int_eq(each_entry(NULL), 2);
    expect(use_limited(two + two / 4, CLEAT_U8), 0, 1, 0);
    expect(use_limited(two + two / 4, CLEAT_F64), 0, 1, 0);
    expect(use_limited(two + two / 4, CLEAT_I32), 1, 0, 0); /* it had to go, and is back */
    ck_assert_int_eq(each_entry(NULL), 2);
    ck_assert_uint_le(folder_bytes(), two + two / 4);
    each_entry(remove_entry);
    expect(use_limited(0, CLEAT_U8), 1, 0, 0); /* the default, which is large */
    ck_assert_int_eq(each_entry(NULL), 1);
    ck_assert_int_eq(log_lines, 0);
    /* One that cannot fit pushes no other out. */
    expect(use_limited(1, CLEAT_F64), 1, 0, 0);
    expect(use_limited(0, CLEAT_U8), 0, 1, 0);
    ck_assert_int_eq(each_entry(NULL), 1);
    ck_assert_int_eq(log_lines, 1);
    test_ok(cleat_cache_folder_info(folder, &about));
    ck_assert_uint_eq(about.bytes, folder_bytes());
    ck_assert_uint_lt(about.bytes, CLEAT_CACHE_DEFAULT_LIMIT);
    remove_folder();
}
END_TEST

/* ---- Folders that cannot be used ---- */

START_TEST(unusable_folders_are_no_matter) {
    static const char *const directories[] = {"/proc/cleat-cache", "/dev/null", "/dev/null/below"};
    for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++) {
        log_lines = 0;
        expect(use_cache(directories[i], CLEAT_CACHE_ON, true, false), 1, 0, 0);
        ck_assert_int_eq(log_lines, 1);
    }
    char too_long[5000];
    memset(too_long, 'x', sizeof too_long - 1);
    too_long[sizeof too_long - 1] = '\0';
    expect(use_cache(too_long, CLEAT_CACHE_ON, true, false), 1, 0, 0);
}
END_TEST

START_TEST(read_only_folder_is_read) {
    make_folder();
    expect(use_cache(folder, CLEAT_CACHE_ON, true, false), 1, 0, 0);
    ck_assert_int_eq(chmod(folder, 0500), 0);
    expect(use_cache(folder, CLEAT_CACHE_ON, true, false), 0, 1, 0);
    log_lines = 0;
    expect(use_cache(folder, CLEAT_CACHE_ON, false, true), 1, 0, 0);
    /* The superuser writes everywhere. */
    ck_assert_int_eq(log_lines, geteuid() == 0 ? 0 : 1);
    chmod(folder, 0700);
    remove_folder();
}
END_TEST

/* ---- Other processes: this program again, with a part to play ---- */

/* Starts the part in `count` processes at a time, each behind the words `before`, and waits; the
 * sum of their exit codes. */
static int run_parts(const char *part, int count, const char *before) {
    char self[PATH_MAX];
    char command[3 * PATH_MAX];
    FILE *shells[200];
    int sum = 0;
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    ck_assert_int_gt(length, 0);
    self[length] = '\0';
    for (int i = 0; i < count; i++) {
        snprintf(command, sizeof command, "export CLEAT_TEST_PART=%s CLEAT_TEST_FOLDER=%s; %s'%s'",
            part, folder, before, self);
        shells[i] = popen(command, "w");
        ck_assert_ptr_nonnull(shells[i]);
    }
    for (int i = 0; i < count; i++) {
        sum += pclose(shells[i]);
    }
    return sum;
}

/* The folder is a disk of 8 KiB: no entry finds room. */
START_TEST(part_full_disk) {
    expect(use_cache(folder, CLEAT_CACHE_ON, true, false), 1, 0, 0);
    ck_assert_int_eq(log_lines, 1);
    ck_assert_int_eq(each_entry(NULL), 0);
}
END_TEST

START_TEST(part_share) {
    for (int i = 0; i < 6; i++) {
        use_cache(folder, CLEAT_CACHE_ON, true, true);
    }
}
END_TEST

/* Entries written again and again, until somebody ends it. */
START_TEST(part_write) {
    for (;;) {
        each_entry(remove_entry);
        use_cache(folder, CLEAT_CACHE_ON, true, true);
    }
}
END_TEST

START_TEST(full_disk_is_no_matter) {
    if (system("unshare -rm true 2>/dev/null") != 0) {
        printf("full_disk_is_no_matter is left out: no mount namespaces here\n");
        return;
    }
    make_folder();
    ck_assert_int_eq(run_parts("full_disk", 1,
                         "mount() { unshare -rm sh -c 'mount -t tmpfs -o size=8k none "
                         "\"$CLEAT_TEST_FOLDER\" && exec \"$0\"' \"$1\"; }; mount "),
        0);
    remove_folder();
}
END_TEST

START_TEST(processes_share_a_folder) {
    make_folder();
    const bool is_long = test_rounds(1) > 1;
    ck_assert_int_eq(run_parts("share", is_long ? 200 : 4, "exec "), 0);
    ck_assert_int_eq(each_entry(NULL), 2);
    expect(use_cache(folder, CLEAT_CACHE_ON, true, true), 0, 2, 0);
    remove_folder();
}
END_TEST

/* A writer that is killed leaves no entry that is not whole, and nothing that troubles others. */
START_TEST(writers_are_killed) {
    static const char *const after[] = {"0.35", "0.5", "0.7", "0.9", "1.1", "1.3"};
    make_folder();
    for (int round = test_rounds(3); round > 0; round--) {
        char before[64];
        snprintf(before, sizeof before, "exec timeout -s KILL %s ", after[test_int(0, 5)]);
        ck_assert_int_ne(run_parts("write", 1, before), 0);
        const cleat_context_statistics s = use_cache(folder, CLEAT_CACHE_ON, true, true);
        ck_assert_uint_eq(s.cache_rejected, 0);
        expect(use_cache(folder, CLEAT_CACHE_ON, true, true), 0, 2, 0);
    }
    remove_folder();
}
END_TEST

Suite *test_suite(void) {
    Suite *suite = suite_create("cache");
    TCase *cases = test_case(suite, "cache");
    const char *part = getenv("CLEAT_TEST_PART");
    if (part != NULL) {
        snprintf(folder, sizeof folder, "%s", getenv("CLEAT_TEST_FOLDER"));
        tcase_add_test(cases, strcmp(part, "share") == 0   ? part_share
                              : strcmp(part, "write") == 0 ? part_write
                                                           : part_full_disk);
        return suite;
    }
    tcase_add_test(cases, second_context_loads);
    tcase_add_test(cases, one_context_builds_once);
    tcase_add_test(cases, automatic_stores_in_the_end);
    tcase_add_test(cases, off_touches_nothing);
    tcase_add_test(cases, folders_are_made_private);
    tcase_add_test(cases, environment_names_the_folder);
    tcase_add_test(cases, mutated_entries_are_rebuilt);
    tcase_add_test(cases, swapped_entries_are_rebuilt);
    tcase_add_test(cases, a_folder_in_an_entrys_place);
    tcase_add_test(cases, entries_of_others_are_rebuilt);
    tcase_add_test(cases, the_least_recently_used_goes_first);
    tcase_add_test(cases, unusable_folders_are_no_matter);
    tcase_add_test(cases, read_only_folder_is_read);
    tcase_add_test(cases, full_disk_is_no_matter);
    tcase_add_test(cases, processes_share_a_folder);
    tcase_add_test(cases, writers_are_killed);
    return suite;
}
